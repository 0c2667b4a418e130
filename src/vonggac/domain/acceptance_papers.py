"""The result of a connection test (phiếu kết quả kiểm tra kết nối) and the minutes of acceptance.

One result for the facility and one for each camera, as appendices of the minutes that the parties
sign.  Reasons are the codes that facilities were counted by in 2021; the bounds that a camera was
held against are the software's own and said to be so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import acceptance, citing, guide_values, issuers, legal, registry
from vonggac.domain.letters import MINUTES, kinds
from vonggac.errors import Kind, VonggacError
from vonggac.paper.letter import Appendix, Grid, Letter, Signature, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.causes import Cause
    from vonggac.config import AcceptanceConfig
    from vonggac.db import Connection
    from vonggac.domain.acceptance import CameraConnection, Check, SiteConnection, Try
    from vonggac.domain.registry import Camera
    from vonggac.domain.rules import CauseWords, Placement
    from vonggac.paper.letter import Block

REASONS: Final[Mapping[str, str]] = {
    "probe_missing": "chưa kiểm tra kết nối",
    "picture_missing": "chưa đối chiếu hình",
    "zone_missing": "chưa xác nhận khu vực",
    "trial_missing": "chưa hết thời gian chạy thử",
    "probe_unfit": "không đủ điều kiện kết nối",
    "picture_wrong": "hình không đúng vị trí dự kiến",
    "zone_wrong": "không đúng khu vực",
    "zone_changed": "khu vực đã đổi sau nghiệm thu",
    "connected_low": "tỷ lệ kết nối dưới mức",
    "recorded_low": "tỷ lệ ghi hình dưới mức",
    "trial_unknown": "chưa đủ số liệu sổ ghi hình",
    "declined": "người có trách nhiệm không nghiệm thu",
}
"""What speaks against a camera, by its code."""
STANDS: Final[Mapping[str, str]] = {
    "not_tried": "chưa kiểm tra",
    "trying": "đang chạy thử",
    "failed": "không đạt",
    "waits": "đạt, chờ nghiệm thu",
    "drifted": "đã nghiệm thu, kiểm tra lại không đạt",
    "no_camera": "chưa có camera",
}
"""Why a camera or a facility is not connected."""
CONNECTED: Final = "đã nghiệm thu kết nối"
DRAFTER: Final = "Cơ quan chủ trì"
"""What an office that stands in no tree is called."""


def minutes(
    connection: Connection,
    site_id: str,
    rules: AcceptanceConfig,
    placement: Placement,
    causes: Mapping[Cause, CauseWords],
    *,
    order: str | None,
    now_ns: int,
) -> Letter:
    """The minutes of acceptance of a facility's cameras, with the results as appendices.

    Args:
        connection: a transaction.
        site_id: the facility.
        rules: how long and against which bounds cameras were tried.
        placement: the rule in force.
        causes: what causes of missing time are called.
        order: the directive that it carries out; None where there is none.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND, no such site; CONFLICT, no camera of it was tried.
    """
    site, today = registry.site(connection, site_id), legal.day_of(now_ns)
    if site is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such site")
    found = acceptance.connected(connection, [site_id])[site_id]
    tried = [one for one in found.cameras if one.acceptance_id is not None]
    if not tried:
        raise VonggacError(Kind.CONFLICT, "no camera of it was tried", code="nothing_tried")
    cameras = {one.id: one for one in registry.cameras(connection, site_id)}
    office = issuers.province_office(connection, site_id, on=today, otherwise=DRAFTER)
    title = site.title or site.name
    day = today.strftime("%d/%m/%Y")
    address = f" ({site.address})" if site.address else ""
    bound = f"kết nối {_bound(rules.connected_percent)}, ghi hình {_bound(rules.recorded_percent)}"
    body: tuple[Block, ...] = (
        Text(f"{citing.opening(connection, order)}{'h' if order else 'H'}ôm nay, ngày {day}, các "
             f"bên nghiệm thu việc lắp đặt, kết nối camera giám sát tại {title}{address}."),
        Text(f"{found.count} trên {len(found.cameras)} camera đã được nghiệm thu từ xa; kết quả "
             f"từng camera tại {len(tried) + 1} phụ lục kèm theo.", "1. Kết quả:"),
        Text(f"camera chạy thử liên tục {rules.trial_hours} giờ; mức đạt: {bound}, mặc định của "
             "phần mềm, không phải số liệu chính thức; điều kiện kết nối: "
             f"{guide_values.criteria(connection, today).vi}; khu vực theo {placement.name.vi}.",
             "2. Cách kiểm tra:"),
        Text("", "3. Ý kiến của các bên: …"),
        Text("Biên bản lập thành 03 bản, mỗi bên giữ 01 bản, đã đọc lại cho các bên cùng nghe"),
    )  # fmt: skip
    results = [
        camera_result(connection, cameras[one.camera_id], one, placement, causes)
        for one in tried
        if one.camera_id in cameras
    ]
    return Letter(
        kind=kinds()[MINUTES], issuer=office.issuer, drafted=today,
        subject=f"Nghiệm thu lắp đặt, kết nối camera giám sát tại {title}", body=body,
        signatures=(
            Signature(("ĐẠI DIỆN CƠ SỞ",)), Signature(("ĐẠI DIỆN CHỦ ĐẦU TƯ",)),
            Signature(("ĐẠI DIỆN DOANH NGHIỆP",)),
        ),
        recipients=(title, office.name), archive="VT", refusal=True,
        appendices=(site_result(found, cameras, title, placement), *results),
    )  # fmt: skip


def site_result(
    found: SiteConnection, cameras: Mapping[str, Camera], title: str, placement: Placement
) -> Appendix:
    """The result of a facility: every camera in a line."""
    rows = tuple(
        (str(at), _name(cameras[one.camera_id]), _zone(placement, cameras[one.camera_id].zone),
         state_of(one))
        for at, one in enumerate(found.cameras, start=1)
        if one.camera_id in cameras
    )  # fmt: skip
    whole = "đã nghiệm thu kết nối" if found.connected else "chưa nghiệm thu kết nối đủ"
    return Appendix(
        f"PHIẾU KẾT QUẢ KIỂM TRA KẾT NỐI: {title}",
        (
            Text(f"{found.count}/{len(found.cameras)} camera đã nghiệm thu kết nối; cơ sở "
                 f"{whole} (cách tính của phần mềm: cơ sở đã nghiệm thu kết nối khi mọi camera "
                 "đã được nghiệm thu)."),
            Grid(("TT", "Camera", "Khu vực", "Kết quả"), rows, (8, 32, 30, 30)),
        ),
    )  # fmt: skip


def camera_result(
    connection: Connection,
    camera: Camera,
    stands: CameraConnection,
    placement: Placement,
    causes: Mapping[Cause, CauseWords],
) -> Appendix:
    """The result of a camera: what was measured, by whom it was confirmed, both figures."""
    it = acceptance.find(connection, stands.acceptance_id or "")
    last = acceptance.last_checks(acceptance.checks(connection, it.id))
    rows = [
        ("Khu vực", _zone(placement, camera.zone)),
        *_probe(last.get("probe")),
        *_picture(last.get("picture")),
        *_confirmed(last.get("zone")),
        *_trial(it, last.get("trial"), {cause.value: words for cause, words in causes.items()}),
        ("Kết quả", state_of(stands)),
        ("Người nghiệm thu", _who(it)),
    ]
    return Appendix(
        f"PHIẾU KẾT QUẢ KIỂM TRA KẾT NỐI: {_name(camera)}",
        (Grid(("Nội dung", "Kết quả"), tuple(rows), (34, 66)),),
    )


def state_of(one: CameraConnection) -> str:
    """How a camera stands, with what speaks against it."""
    if one.connected:
        return CONNECTED
    why = "; ".join(REASONS.get(code, code) for code in one.details)
    said = STANDS[one.reason or "not_tried"]
    return f"{said}: {why}" if why else said


# -- pieces ----------------------------------------------------------------------------------


def _probe(check: Check | None) -> list[tuple[str, str]]:
    if check is None:
        return [("Kiểm tra kết nối", REASONS["probe_missing"])]
    facts = check.facts
    size = f"{facts['width']}×{facts['height']}" if facts.get("width") else "–"
    codec = str(facts.get("codec") or "–").upper()
    stream = f"{codec}, {size}, {_figure(facts, 'delivered_fps')} hình/giây"
    against = [one for one in facts.get("details", ()) if one.get("level") == "required"]
    codes = sorted({one["survey"] for one in against if one.get("survey")})
    verdict = "đủ điều kiện kết nối" if check.well else "không đủ điều kiện kết nối"
    rows = [
        ("Kiểm tra kết nối", f"{verdict} ({_moment(check.made_ns)})"),
        ("Luồng hình", stream),
    ]
    criteria = facts.get("criteria") or {}
    if criteria.get("name"):
        rows.append(("Tiêu chí", f"{criteria['name']} ({criteria.get('date') or '–'})"))
    if against:
        rows.append(("Lý do", "; ".join(one["vi"] for one in against)))
    if codes:
        rows.append(("Mã lý do", "; ".join(codes)))
    return rows


def _picture(check: Check | None) -> list[tuple[str, str]]:
    if check is None:
        return [("Đối chiếu hình", REASONS["picture_missing"])]
    said = "đúng vị trí dự kiến" if check.well else f"không đúng: {check.said}"
    digest = str(check.facts.get("sha256", ""))[:16]
    return [("Đối chiếu hình", f"{said}; {_by(check)}; SHA-256 của hình {digest}…")]


def _confirmed(check: Check | None) -> list[tuple[str, str]]:
    if check is None:
        return [("Xác nhận khu vực", REASONS["zone_missing"])]
    said = "đúng" if check.well else f"không đúng: {check.said}"
    rule = check.facts.get("rule_name") or check.facts.get("rule", "–")
    return [("Xác nhận khu vực", f"{said}, theo {rule}; {_by(check)}")]


def _trial(it: Try, check: Check | None, causes: Mapping[str, CauseWords]) -> list[tuple[str, str]]:
    if check is None:
        return [("Chạy thử", f"đến {_moment(it.trial_to_ns)}")]
    facts = check.facts
    hours = (int(facts["to_ns"]) - int(facts["from_ns"])) // acceptance.HOUR_NS
    rows = [
        ("Chạy thử", f"{hours} giờ, từ {_moment(int(facts['from_ns']))}"),
        ("Kết nối", _percent(facts.get("linked"))),
        ("Ghi hình", _percent(facts.get("recorded"))),
    ]
    cause = causes.get(str(facts.get("main_cause", "")))
    if cause is not None and int(facts["missing_ns"]):
        rows.append(("Nguyên nhân mất hình chính", cause.name.vi))
    return rows


def _who(it: Try) -> str:
    if it.accepted_ns is not None:
        return f"{it.accepted_name or it.accepted_by}, {_moment(it.accepted_ns)}"
    if "declined" in it.reasons:
        return f"{it.accepted_name or it.accepted_by}: {it.accepted_note}"
    return "chưa nghiệm thu"


def _by(check: Check) -> str:
    return f"{check.made_name or check.made_by}, {_moment(check.made_ns)}"


def _moment(ns: int) -> str:
    seconds = (ns - legal.start_of(legal.day_of(ns))) // 1_000_000_000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02} {legal.day_of(ns):%d/%m/%Y}"


def _percent(hundredths: Any) -> str:
    if hundredths is None:
        return "chưa có số liệu"
    whole, rest = divmod(int(hundredths), 100)
    return f"{whole},{rest:02} %" if rest else f"{whole} %"


def _bound(percent: float) -> str:
    return _percent(round(percent * 100))


def _figure(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return f"{float(value):.1f}".replace(".", ",") if value is not None else "–"


def _zone(placement: Placement, code: str) -> str:
    zone = placement.zone(code)
    return f"{code}: {zone.name.vi}" if zone else code


def _name(camera: Camera) -> str:
    return f"{camera.title} ({camera.name})" if camera.title else camera.name
