"""What stands in a row of the access log besides its columns, in words that its readers use.

The log keeps names of fields and codes; files of it and the API show them as they are.  The page
says them in the reader's language.  What has no words here is shown as it was kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from vonggac.clock import parse_rfc3339
from vonggac.domain.duties import duties
from vonggac.domain.rules import Words
from vonggac.web import viewing, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vonggac.web.words import Tongue

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_ID: Final = re.compile(r"[a-z2-7]{26}|[0-9a-f]{64}")
SHORT: Final = 8
"""Letters of an id or a hash that are shown; the log's files have the whole of it."""

NAMES: Final[Mapping[str, Words]] = {
    code: Words(vi, en)
    for code, vi, en in (
        ("about", "từ", "about"),
        ("accepted", "nghiệm thu", "accepted"),
        ("act", "việc", "act"),
        ("after", "sau dòng", "after row"),
        ("agent", "trình duyệt", "browser"),
        ("amount", "số tiền", "amount"),
        ("at", "tại", "at"),
        ("basis", "căn cứ", "basis"),
        ("began", "bắt đầu", "began"),
        ("body", "cơ quan", "body"),
        ("bytes", "số byte", "bytes"),
        ("came", "đến bằng", "came by"),
        ("camera", "camera", "camera"),
        ("cameras", "camera", "cameras"),
        ("case", "vụ việc", "case"),
        ("clause", "mục", "clause"),
        ("day", "ngày", "day"),
        ("days", "số ngày", "days"),
        ("display", "màn hình", "display"),
        ("document", "văn bản", "document"),
        ("due", "hạn", "due"),
        ("ended", "kết thúc", "ended"),
        ("facilities", "số cơ sở", "facilities"),
        ("fault", "lỗi", "fault"),
        ("file", "tệp", "file"),
        ("forgotten", "lấy lại mã", "taken back"),
        ("from", "từ", "from"),
        ("grant", "quyền xem", "grant"),
        ("hold", "lệnh giữ", "hold"),
        ("hours", "số giờ", "hours"),
        ("kind", "loại", "kind"),
        ("language", "ngôn ngữ", "language"),
        ("level", "cấp", "level"),
        ("line", "loại hình", "owning line"),
        ("name", "tên", "name"),
        ("note", "ghi chú", "note"),
        ("number", "số", "number"),
        ("of", "của", "of"),
        ("path", "địa chỉ trang", "page"),
        ("people", "số người", "people"),
        ("picture", "hình", "picture"),
        ("purpose", "mục đích", "purpose"),
        ("reason", "lý do", "reason"),
        ("reasons", "lý do", "reasons"),
        ("recipient", "nơi nhận", "recipient"),
        ("responsible", "người chịu trách nhiệm", "responsible"),
        ("revision", "lần sửa", "revision"),
        ("role", "vai trò", "role"),
        ("room", "phòng", "room"),
        ("rows", "số dòng", "rows"),
        ("scopes", "phạm vi", "scopes"),
        ("seconds", "số giây", "seconds"),
        ("segments", "số tệp ghi", "segments"),
        ("sessions", "số phiên", "sessions"),
        ("sha256", "SHA-256", "SHA-256"),
        ("sites", "cơ sở", "sites"),
        ("state", "trạng thái", "state"),
        ("step", "bước", "step"),
        ("stream", "luồng", "stream"),
        ("streams", "luồng", "streams"),
        ("title", "tên", "title"),
        ("to", "đến", "to"),
        ("token", "khóa API", "token"),
        ("tries_left", "còn số lần thử", "tries left"),
        ("unit", "đơn vị", "unit"),
        ("version", "lần", "version"),
        ("view", "lượt xem", "view"),
        ("well", "đạt", "well"),
        ("what", "nội dung", "what"),
        ("why", "vì", "why"),
        ("with", "bằng", "with"),
        ("workstation", "máy trực", "workstation"),
        ("zone", "khu vực", "zone"),
    )
}
"""What the fields of a row are called."""

WHY: Final[Mapping[str, Words]] = {
    "closed": Words("đã đóng", "closed"),
    "code": Words("thiếu mã xác thực", "a code was missing"),
    "code_wrong": Words("mã xác thực sai", "wrong code"),
    "idle": Words("lâu không đăng nhập", "nobody signed in for long"),
    "outside": Words("từ ngoài, chưa có xác thực hai lớp", "from outside, without second factor"),
    "own_hold": Words("lệnh giữ của chính mình", "one's own hold"),
    "own_request": Words("yêu cầu của chính mình", "one's own request"),
    "wrong": Words("sai", "wrong"),
}
"""Why something was refused, where `viewing.WHY` does not say it."""

FACTORS: Final[Mapping[str, Words]] = {
    "password": Words("mật khẩu", "password"),
    "totp": Words("mật khẩu và mã điện thoại", "password and telephone"),
    "recovery": Words("mật khẩu và mã dự phòng", "password and recovery code"),
    "pin": Words("mã PIN", "PIN"),
    "token": Words("khóa API", "token"),
}
"""With what somebody signed in."""


def details(t: Tongue, detail: Mapping[str, Any], now_ns: int) -> Iterator[tuple[str, str]]:
    """What a row says besides, name and value, in the order in which it was kept.

    Args:
        t: the reader's language.
        detail: as the row keeps it.
        now_ns: UTC now, for the names of roles.
    """
    for name, value in detail.items():
        if value is None or value in ("", [], {}):
            continue
        yield t.of(NAMES[name]) if name in NAMES else name, _value(t, name, value, now_ns)


def _value(t: Tongue, name: str, value: Any, now_ns: int) -> str:
    if isinstance(value, bool):
        return t("có") if value else t("không")
    if isinstance(value, list | tuple):
        return ", ".join(_value(t, name, one, now_ns) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(t, key, one, now_ns)}" for key, one in value.items())
    text = str(value)
    if name == "role":
        known = duties(words.day_of(now_ns))
        return t.of(known[text].name) if text in known else text
    if name == "why":
        return t(viewing.WHY[text]) if text in viewing.WHY else _of(t, WHY, text)
    if name == "with":
        return _of(t, FACTORS, text)
    if _TIME.fullmatch(text):
        return _moment(t, text)
    return f"{text[:SHORT]}…" if _ID.fullmatch(text) else text


def _moment(t: Tongue, text: str) -> str:
    try:
        ns = parse_rfc3339(text)
        return f"{t.day(ns)} {t.clock(ns)}"
    except (ValueError, OverflowError):  # what a person typed may look like a time
        return text


def _of(t: Tongue, known: Mapping[str, Words], code: str) -> str:
    return t.of(known[code]) if code in known else code
