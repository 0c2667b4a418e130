"""`vonggac enrol CODE`: a fresh box joins a hub, and nothing else is typed at the site.

Asked again with the same code after the line broke, the hub answers the same box the same.
What it says when it cannot is said in Vietnamese and English, with what to do next.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vonggac import __version__, admin, keys
from vonggac.clock import SystemClock, parse_rfc3339
from vonggac.edge import joining
from vonggac.errors import ConfigError, VonggacError
from vonggac.keys import rotation
from vonggac.web.words import Tongue
from vonggac.wire.enrolment import Code, read_code

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from vonggac.wire.enrolment import Enrolment


class Said(NamedTuple):
    """What is said of a refusal, and what to do."""

    vi: str
    en: str


SAID: Final[Mapping[str, Said]] = {
    "mistyped": Said(
        "Mã gõ sai hoặc thiếu chữ. So lại từng nhóm với tờ mã, hoặc quét mã QR.",
        "The code is mistyped. Compare each group with the sheet, or scan the QR.",
    ),
    "unknown": Said(
        "Máy chủ không có mã này. Xin người quản trị cấp mã mới.",
        "The hub issued no such code. Ask its administrator for a new one.",
    ),
    "foreign": Said(
        "Mã này không phải của máy chủ tại địa chỉ đó. Kiểm tra địa chỉ trong mã, hoặc xin mã mới.",
        "This code is not of the hub at that address. Check the address, or ask for a new code.",
    ),
    "used": Said(
        "Mã đã dùng{at}. Mỗi mã dùng một lần: xin người quản trị cấp mã mới.",
        "The code was used{at}. A code works once: ask the administrator for a new one.",
    ),
    "expired": Said(
        "Mã đã hết hạn{at}. Xin người quản trị cấp mã mới.",
        "The code's time was over{at}. Ask the administrator for a new one.",
    ),
    "revoked": Said(
        "Mã đã bị thu hồi{at}. Xin người quản trị cấp mã mới.",
        "The code was taken back{at}. Ask the administrator for a new one.",
    ),
    "ended": Said(
        "Thiết bị dùng mã này đã bị ngắt{at}. Xin người quản trị cấp mã mới.",
        "The box that used this code was cut off{at}. Ask the administrator for a new one.",
    ),
    "clock": Said(
        "Đồng hồ của thiết bị lệch {off_s} giây so với máy chủ. Đặt lại giờ (NTP) rồi thử lại, "
        "mã chưa mất.",
        "The box's clock is off by {off_s} s from the hub's. Set it (NTP) and try again; "
        "the code still works.",
    ),
    "other_site": Said(
        "Thiết bị này đã đổi khóa dưới mã số cơ sở khác. Dùng thư mục dữ liệu mới (--dir).",
        "This box changed its key under another facility's id. Use a fresh directory (--dir).",
    ),
    "serves_other": Said(
        "Thiết bị này đang thuộc cơ sở khác của máy chủ. Ngắt nó ở cơ sở kia trước, hoặc dùng "
        "thư mục dữ liệu mới (--dir).",
        "This box serves another facility of the hub. Cut it off there first, or use a fresh "
        "directory (--dir).",
    ),
    "has_box": Said(
        "Cơ sở đã có thiết bị khác từ khi cấp mã. Xin mã mới, có đánh dấu thay thiết bị.",
        "The facility got another box meanwhile. Ask for a new code that replaces the box.",
    ),
    "for_hub": Said(
        "Mã này cấp cho máy chủ cấp dưới (vonggac hub), không phải cho thiết bị ghi của cơ sở.",
        "This code is for a hub (vonggac hub), not for the box of a facility.",
    ),
    "for_box": Said(
        "Mã này cấp cho thiết bị ghi của một cơ sở, không phải cho máy chủ cấp dưới.",
        "This code is for the box of a facility, not for a hub.",
    ),
    "other_key": Said(
        "Máy chủ mang mã số này đã tham gia bằng khóa khác. Khôi phục khóa cũ từ bản sao lưu, hoặc "
        "hỏi người quản trị cấp trên.",
        "A hub of this id joined with another key. Bring the old key back from a backup, or ask "
        "the administrator above.",
    ),
    "has_recordings": Said(
        "Thiết bị này đã ghi hình với mã số riêng. Dùng thư mục dữ liệu mới (--dir); bản ghi cũ "
        "giữ nguyên chỗ.",
        "This box has recorded under an id of its own. Use a fresh directory (--dir); the old "
        "recordings stay where they are.",
    ),
    "clear_text": Said(
        "Máy chủ chưa bật TLS, không nối được từ máy khác. Người quản trị đặt web.tls rồi cấp "
        "mã mới.",
        "The hub speaks without TLS and cannot be joined from another machine. Its administrator "
        "sets web.tls and issues a new code.",
    ),
    "too_many": Said(
        "Thử quá nhiều lần. Đợi một phút rồi thử lại.",
        "Too many tries. Wait a minute and try again.",
    ),
    "no_name": Said(
        "Không tìm thấy tên máy chủ {host}. Hỏi người quản lý mạng về DNS.",
        "The hub's name {host} is not known. Ask whoever runs the network about DNS.",
    ),
    "no_line": Said(
        "Không nối được tới {host}. Hỏi người quản lý mạng: mở cổng ra tới máy chủ, hoặc --proxy.",
        "No connection to {host}. Ask whoever runs the network to open the port to the hub, or "
        "give --proxy.",
    ),
    "no_proxy": Said(
        "Không nối được tới proxy. Kiểm tra địa chỉ --proxy.",
        "The proxy does not answer. Check --proxy.",
    ),
    "no_hub": Said(
        "Máy trả lời tại {host} không nhận thiết bị ghi. Kiểm tra địa chỉ, hoặc hỏi người "
        "quản trị máy chủ.",
        "What answers at {host} takes no boxes in. Check the address, or ask its administrator.",
    ),
    "no_enroller": Said(
        "Máy chủ này không nhận thiết bị ghi từ nơi khác. Hỏi người quản trị máy chủ.",
        "This hub takes no boxes in from elsewhere. Ask its administrator.",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac enrol`."""
    parser.add_argument("code", metavar="CODE", help="as the hub showed it; - reads it from stdin")
    parser.add_argument(
        "--dir", type=Path, default=Path(), metavar="D", help="data directory of the box; here"
    )
    parser.add_argument("--proxy", metavar="URL", help="http://host:port on the way to the hub")
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")


def command(options: argparse.Namespace) -> int:
    """Join, and say what to start."""
    typed = sys.stdin.readline() if options.code == "-" else options.code
    code: Code | None = None
    try:
        code = read_code(typed)
        joined = _join(options, code)
    except ConfigError:
        raise
    except VonggacError as error:
        raise explained(error, code) from error
    told = _told(joined)
    admin.tell(options, told, _lines(options.dir, joined))
    return 0


def _join(options: argparse.Namespace, code: Code) -> joining.Joined:
    data: Path = options.dir.absolute()
    keys.make_folder(data)
    held, runs = None, False
    try:
        held = rotation.hold(data)
    except ConfigError:
        runs = True
    try:
        return asyncio.run(
            joining.join(
                data, code, version=__version__, clock=SystemClock(), proxy=options.proxy,
                runs=runs,
            )
        )  # fmt: skip
    finally:
        if held is not None:
            held.close()


def explained(error: VonggacError, code: Code | None) -> VonggacError:
    """The same refusal in the words of people, in both languages."""
    said = SAID.get(str(error.detail.get("code", "")))
    if said is None:
        return error
    values: dict[str, Any] = {
        "off_s": error.detail.get("off_s"), "host": code.address if code else "",
    }  # fmt: skip
    vi = said.vi.format(at=_moment(error, " lúc ", "vi"), **values)
    en = said.en.format(at=_moment(error, " at ", "en"), **values)
    return VonggacError(error.kind, f"{vi}\n{en}", **{**error.detail, "vi": vi, "en": en})


def _moment(error: VonggacError, before: str, language: str) -> str:
    at = error.detail.get("at")
    try:
        at_ns = parse_rfc3339(str(at))
    except ValueError:
        return ""
    t = Tongue("en" if language == "en" else "vi")
    return f"{before}{t.clock(at_ns)} {t.day(at_ns)}"


def _told(joined: joining.Joined) -> dict[str, Any]:
    enrolment = joined.enrolment
    return {
        "enrolled": True,
        "hub": enrolment.hub,
        "hub_title": enrolment.hub_title,
        "pages": enrolment.pages,
        **_below(enrolment),
        "addresses": list(enrolment.addresses),
        "configuration": str(joined.configuration) if joined.configuration else None,
        "restart": not joined.adopted,
    }


def _below(enrolment: Enrolment) -> dict[str, str]:
    """Who joined: a facility's box, or a hub, which is no site."""
    site, hub = enrolment.site, enrolment.joined
    if site is not None:
        return {"site": site.id, "name": site.name, "title": site.title, "unit": site.unit_title}
    assert hub is not None, "a document is of one of them"
    return {"below": hub.id, "title": hub.title, "unit": hub.unit_title}


def _lines(data: Path, joined: joining.Joined) -> list[str]:
    site, hub = joined.enrolment.site, joined.enrolment.joined
    if site is None:
        name = hub.title if hub is not None else ""
        again = "" if joined.adopted else " lại"
        return [
            f"Đã đăng ký: {name}. Khởi động{again} vonggac hub để nối lên "
            f"{joined.enrolment.pages}.",
            f"Joined: {name}. Start vonggac hub{'' if joined.adopted else ' again'} to connect to "
            f"{joined.enrolment.pages}.",
        ]
    name = site.title or site.name
    config = joined.configuration or data.absolute() / joining.CONFIGURATION
    if not joined.adopted:
        return [
            f"Đã đăng ký: {name}. Khởi động lại vonggac up để nối lên {joined.enrolment.pages}.",
            f"Joined: {name}. Start vonggac up again to connect to {joined.enrolment.pages}.",
        ]
    return [
        f"Đã đăng ký: {name}. Chạy: vonggac up --config {config}",
        f"Joined: {name}. Run: vonggac up --config {config}",
    ]
