"""One camera: its page, its form with a test of the connection, and the search for cameras."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import NS
from vonggac.config import Secret
from vonggac.domain import (
    access,
    guide,
    ledger,
    maintenance,
    picture_faults,
    register_places,
    registry,
)
from vonggac.domain import inventory as device
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import api, charts, dates, figures, inventory, rights
from vonggac.web import register as book
from vonggac.web.desk import Visitor, as_of, visitor
from vonggac.web.render import Form, form_values
from vonggac.web.words import DAY_NS, Tongue, day_of, day_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


routes = APIRouter(include_in_schema=False)

DAYS_SHOWN = 7
MONTH_DAYS = 30
GAPS_SHOWN = 12
PLANS_SHOWN = 8
QUARTER_NS = 900 * NS

FAULTS: Mapping[str, str] = {
    "unknown_zone": "Chọn một khu vực trong danh sách.",
    "bad_name": "Dùng chữ thường không dấu, số và dấu gạch nối, ví dụ hl-2a.",
    "name_taken": "Tên này đã có trong sổ. Hãy chọn tên khác.",
    "name_fixed": "Tên không đổi được: bản ghi được xếp theo tên này.",
    "too_long": "Quá dài.",
    "bad_url": "Viết địa chỉ dạng rtsp://địa-chỉ:cổng/đường-dẫn.",
    "bad_source": "Chọn một nguồn trong danh sách.",
    "bad_days": "Từ 1 đến 3650 ngày.",
    "kept_by_config": "Camera này nằm trong tệp cấu hình. Hãy sửa ở đó rồi khởi động lại.",
    "stale_form": "Người khác vừa sửa camera này. Hãy mở lại biểu mẫu.",
}
"""What is said of a field that cannot stay as it is, by the codes of the register."""


# -- the page of a camera --------------------------------------------------------------------


@routes.get("/cameras/new")
def new_form(
    who: Annotated[Visitor, Depends(visitor)], url: str = "", sub: str = "", user: str = ""
) -> Response:
    """An empty form, or one filled with what a search found."""
    who.signed_in  # noqa: B018
    values = {"source": "auto", "main_url": url, "sub_url": sub, "user_name": user}
    return _form_page(who, Form(values), camera=None)


@routes.get("/cameras/{camera_id}")
def camera_page(who: Annotated[Visitor, Depends(visitor)], camera_id: str) -> Response:
    """What a camera is doing, what it did, how it is connected."""
    who.signed_in  # noqa: B018 - refuses who may not look
    return show(who, camera_id)


def show(
    who: Visitor,
    camera_id: str,
    *,
    probe: Probe | None = None,
    plan: Form | None = None,
    known: Form | None = None,
    status: int = 200,
) -> Response:
    """The page of a camera, with a probe's outcome or a form of it that was refused."""
    desk, t = who.desk, who.t
    now_ns = desk.now_ns()
    today = day_start(now_ns)
    month = (today - (MONTH_DAYS - 1) * DAY_NS, now_ns)
    with desk.database.reading() as connection:
        camera = registry.camera(connection, camera_id)
        site = registry.site(connection, camera.site_id)
        assert site is not None, "a camera's site is registered"
        time = figures.camera_times(connection, site, [camera], month, now_ns=now_ns)[0]
        site_state = ledger.site_state(connection, site.id)
        plans = maintenance.listed(connection, camera_id, limit=PLANS_SHOWN)
        thing = access.thing_of_camera(connection, camera_id)
        said = inventory.known(connection, camera)
        unmeasured = registry.unmeasured(connection, site.id)
        areas = register_places.areas(connection, [site.id]).values()
    last_day = figures.within(time, now_ns - DAY_NS, now_ns)
    days = figures.trimmed(figures.month_days([time], now_ns, MONTH_DAYS, now_ns))
    rows = figures.camera_days(time, now_ns, min(DAYS_SHOWN, len(days)))
    gaps = [piece for piece in reversed(time.pieces) if piece.kind in ("gap", "unknown")]

    def strip(row: figures.CameraDay) -> object:
        what = charts.Strip(
            row.from_ns,
            row.from_ns + DAY_NS,
            row.pieces,
            f"{camera.name}, {t.day(row.from_ns)}",
        )
        return charts.strip(what, desk.causes, t)

    return who.page(
        "camera.html",
        {
            "camera": camera,
            "unmeasured": unmeasured,
            "zone": desk.placement.zone(camera.zone),
            "time": last_day,
            "month_time": time,
            "rows": rows,
            "strip": strip,
            "axis": charts.axis(today, today + DAY_NS, 3 * figures.HOUR_NS, t),
            "month": charts.month(
                days, desk.causes, t, t("Sổ ghi hình của {camera}", camera=camera.name)
            ),
            "month_days": len(days),
            "gaps": gaps[:GAPS_SHOWN],
            "gap_count": len(gaps),
            "picture_faults": picture_faults.listed(last_day.state, last_day.sub_state),
            "as_of": as_of(site_state, now_ns),
            "causes": desk.causes,
            "legend": [desk.causes[cause] for cause in figures.causes_in([time], desk.causes)],
            "probe": probe,
            "plans": plans,
            "plan": plan or Form(_plan_of(now_ns)),
            "may_plan": who.may(Act.MAINTENANCE_PLAN, thing),
            "said": said,
            "known": known or inventory.form_of(said),
            "remarks": device.remarks(said),
            "areas": sorted(one.code for one in areas if one.zone == camera.zone),
            "may_edit": who.may(Act.CAMERA_EDIT, thing),
            "write_day": dates.write_day,
        },
        section="facility",
        status=status,
    )


def _plan_of(now_ns: int) -> dict[str, str]:
    """An empty plan: an hour from the next full quarter on."""
    begin = (now_ns // QUARTER_NS + 1) * QUARTER_NS
    return {"from": dates.write_moment(begin), "to": dates.write_moment(begin + 4 * QUARTER_NS)}


@routes.post("/cameras/{camera_id}/probe")
async def probe_again(request: Request, camera_id: str) -> Response:
    """Look at a registered camera with its stored credentials."""
    who = await run_in_threadpool(visitor, request)
    who.check_form(form_values(dict(await request.form())))
    camera, password = await run_in_threadpool(_with_password, who, camera_id)
    probe = await _probe(who, camera.main_url, camera.user_name, password, site_id=camera.site_id)
    return await run_in_threadpool(show, who, camera_id, probe=probe)


def _with_password(who: Visitor, camera_id: str) -> tuple[registry.Camera, Secret]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        camera = rights.camera_here(connection, who, camera_id)
        return camera, registry.password_of(connection, camera_id, who.desk.box)


@routes.post("/cameras/{camera_id}/inventory")
async def inventory_send(request: Request, camera_id: str) -> Response:
    """Write what is known of a camera as a device."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def write() -> Response:
        who = visitor(request)
        who.signed_in  # noqa: B018
        who.check_form(values)
        try:
            inventory.put(who, camera_id, inventory.read(values))
        except VonggacError as error:
            return show(who, camera_id, known=Form(values, book.said_of(who, error)), status=422)
        return RedirectResponse(f"/cameras/{camera_id}#inventory", 303)

    return await run_in_threadpool(write)


# -- the form --------------------------------------------------------------------------------


@routes.post("/cameras/new")
async def new_send(request: Request) -> Response:
    """Test a connection, or register a camera."""
    who = await run_in_threadpool(visitor, request)
    values = form_values(dict(await request.form()))
    who.check_form(values)
    if values.get("do") == "probe":
        probe = await _probe_form(who, values, None)
        return await run_in_threadpool(_form_page, who, Form(values), camera=None, probe=probe)
    try:
        camera = await run_in_threadpool(api.register, request, _draft(values))
    except VonggacError as error:
        return await run_in_threadpool(_refused, who, values, error, None)
    who.desk.orders.changed()
    return RedirectResponse(f"/cameras/{camera.id}", 303)


@routes.get("/cameras/{camera_id}/edit")
def edit_form(who: Annotated[Visitor, Depends(visitor)], camera_id: str) -> Response:
    """The form of a registered camera."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        camera = registry.camera(connection, camera_id)
    return _form_page(who, Form(_values_of(camera)), camera=camera)


@routes.post("/cameras/{camera_id}/edit")
async def edit_send(request: Request, camera_id: str) -> Response:
    """Test a connection, or change a camera."""
    who = await run_in_threadpool(visitor, request)
    values = form_values(dict(await request.form()))
    who.check_form(values)
    camera, stored = await run_in_threadpool(_with_password, who, camera_id)
    if values.get("do") == "probe":
        probe = await _probe_form(who, values, stored)
        return await run_in_threadpool(_form_page, who, Form(values), camera=camera, probe=probe)
    made_from = values.get("revision", "")
    revision = int(made_from) if re.fullmatch(r"[0-9]{1,9}", made_from) else None
    try:
        await run_in_threadpool(api.edit, request, camera_id, _draft(values), revision)
    except VonggacError as error:
        return await run_in_threadpool(_refused, who, values, error, camera)
    who.desk.orders.changed()
    return RedirectResponse(f"/cameras/{camera_id}", 303)


@routes.post("/cameras/{camera_id}/retire")
async def retire_send(request: Request, camera_id: str) -> Response:
    """Take a camera out of the register."""
    who = await run_in_threadpool(visitor, request)
    values = form_values(dict(await request.form()))
    who.check_form(values)
    camera, _ = await run_in_threadpool(_with_password, who, camera_id)
    reason = values.get("reason", "").strip()
    if not reason:
        form = Form(_values_of(camera), faults={"reason": who.t("Ghi lý do, một câu là đủ.")})
        return await run_in_threadpool(_form_page, who, form, camera=camera, status=422)
    try:
        await run_in_threadpool(api.retire, request, camera_id, reason)
    except VonggacError as error:
        return await run_in_threadpool(_refused, who, _values_of(camera), error, camera)
    who.desk.orders.changed()
    return RedirectResponse("/", 303)


def _days(who: Visitor, camera: registry.Camera | None, site: registry.Site | None) -> int:
    """How long recordings are kept where the form names no days: the zone's, or the site's."""
    rules = who.desk.config.retention
    if camera is not None and camera.site_id == who.desk.sites.own_id:
        of_zone = rules.zone_days.get(camera.zone)
        if of_zone is not None:
            return of_zone
    return site.retention_days if site else rules.days


def _form_page(
    who: Visitor,
    form: Form,
    *,
    camera: registry.Camera | None,
    probe: Probe | None = None,
    status: int = 200,
) -> Response:
    with who.desk.database.reading() as connection:
        site = registry.site(connection, camera.site_id if camera else who.desk.sites.own_id)
        kept = guide.rule(connection, "retention_days", day_of(who.desk.now_ns()))
    return who.page(
        "camera_form.html",
        {
            "form": form,
            "camera": camera,
            "placement": who.desk.placement,
            "probe": probe,
            "days": _days(who, camera, site),
            "kept": kept,
        },
        section="facility" if camera else "camera-new",
        status=status,
    )


def _refused(
    who: Visitor, values: Mapping[str, Any], error: VonggacError, camera: registry.Camera | None
) -> Response:
    t = who.t
    if isinstance(error, registry.Unacceptable):
        faults = {
            problem.field: book.refused_place(who, problem.place)
            if problem.place is not None
            else t(FAULTS[problem.code])
            for problem in error.problems
        }
        return _form_page(who, Form(values, faults), camera=camera, status=422)
    code = str(error.detail.get("code", ""))
    if code in FAULTS:
        form = Form(values, general=t(FAULTS[code]))
        return _form_page(who, form, camera=camera, status=409)
    raise error


def _draft(values: Mapping[str, str]) -> registry.Draft:
    days = values.get("retention_days", "").strip()
    password = values.get("password", "")
    if values.get("forget_password"):
        secret: Secret | None = Secret("")
    else:
        secret = Secret(password) if password else None
    return registry.Draft(
        name=values.get("name", "").strip(),
        title=values.get("title", ""),
        zone=values.get("zone", ""),
        main_url=values.get("main_url", ""),
        sub_url=values.get("sub_url", "").strip() or None,
        source=values.get("source", "auto"),
        transcode=bool(values.get("transcode")),
        record_sub={"yes": True, "no": False}.get(values.get("record_sub", "")),
        audio=bool(values.get("audio")),
        user_name=values.get("user_name", ""),
        password=secret,
        retention_days=int(days) if re.fullmatch(r"\d{1,6}", days) else (0 if days else None),
    )


def _values_of(camera: registry.Camera) -> dict[str, Any]:
    return {
        "name": camera.name,
        "title": camera.title,
        "zone": camera.zone,
        "main_url": camera.main_url,
        "sub_url": camera.sub_url or "",
        "source": camera.source,
        "transcode": camera.transcode,
        "record_sub": {True: "yes", False: "no", None: ""}[camera.record_sub],
        "audio": camera.audio,
        "user_name": camera.user_name,
        "retention_days": camera.retention_days or "",
        "revision": camera.revision,
    }


# -- probes ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a test of a connection: how far it came."""

    words: str
    outcome: str
    """`good`, `bad` or `idle` (not reached)."""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found, as the pages show it."""

    url: str
    found: Mapping[str, Any] | None
    steps: Sequence[Step]
    reasons: Sequence[str]
    advice: Sequence[str]
    connectable: bool
    failed: str = ""
    """The probe itself did not happen."""


async def _probe_form(who: Visitor, values: Mapping[str, str], stored: Secret | None) -> Probe:
    typed = values.get("password", "")
    password = Secret(typed) if typed else (stored or Secret(""))
    return await _probe(who, values.get("main_url", ""), values.get("user_name", ""), password)


async def _probe(
    who: Visitor, url: str, user: str, password: Secret, *, site_id: str = ""
) -> Probe:
    t = who.t
    try:
        found = await api.look_at(who, url, user, password.reveal(), site_id=site_id)
    except VonggacError as error:
        said = {
            Kind.BAD_INPUT: t("Viết địa chỉ dạng rtsp://địa-chỉ:cổng/đường-dẫn."),
            Kind.TOO_MANY: t("Quá nhiều lần kiểm tra. Hãy đợi một phút rồi thử lại."),
            Kind.UNAVAILABLE: t("Thiết bị ghi không trả lời, nên chưa kiểm tra được camera."),
            Kind.TIMED_OUT: t("Thiết bị ghi không trả lời kịp. Hãy thử lại."),
        }.get(error.kind)
        if said is None:
            raise
        return Probe(registry.split_credentials(url)[0], None, (), (), (), False, failed=said)
    return read_probe(found, t)


def read_probe(found: Mapping[str, Any], t: Tongue) -> Probe:
    """A probe's JSON as steps, in the order in which a connection is made."""
    reachable, authenticated = bool(found.get("reachable")), bool(found.get("authenticated"))
    codec = found.get("codec")
    keyframes = int(found.get("keyframes") or 0)
    failure = found.get("failure") or {}
    evidence = str(failure.get("message", ""))
    steps: list[Step] = []
    going = True
    for words, is_good, said in (
        (t("Địa chỉ và cổng"), reachable, str(found.get("server") or "")),
        (t("Đăng nhập vào camera"), authenticated, ""),
        (t("Luồng hình"), codec is not None, _stream_words(found, t)),
        (t("Khung hình chính (I)"), keyframes > 0, _keyframe_words(found, t)),
    ):
        if not going:
            steps.append(Step(words, "idle"))
        elif is_good:
            steps.append(Step(words, "good", said))
        else:
            steps.append(Step(words, "bad", t.evidence(evidence)))
            going = False
    verdict = found.get("verdict") or {}
    details = verdict.get("details") or []
    reasons = [str(one[t.language]) for one in details if _is_refusal(one)]
    advice = [str(one[t.language]) for one in details if not _is_refusal(one)]
    return Probe(
        url=str(found.get("url", "")),
        found=found,
        steps=steps,
        reasons=reasons or [str(one) for one in verdict.get("reasons", ())],
        advice=advice,
        connectable=bool(verdict.get("connectable")),
    )


def _is_refusal(detail: Mapping[str, Any]) -> bool:
    return detail.get("level") == "required"


def _stream_words(found: Mapping[str, Any], t: Tongue) -> str:
    codec = {"h264": "H.264", "h265": "H.265"}.get(str(found.get("codec")), found.get("codec"))
    if codec is None:
        return ""
    return t(
        "{codec} {width}×{height}, khung khai/nhận {declared}/{delivered}",
        codec=codec,
        width=found.get("width") or "–",
        height=found.get("height") or "–",
        declared=t.rate(found.get("declared_fps")),
        delivered=t.rate(found.get("delivered_fps")),
    )


def _keyframe_words(found: Mapping[str, Any], t: Tongue) -> str:
    gop = found.get("gop_s")
    return t("mỗi {seconds} giây", seconds=t.decimal(float(gop))) if gop else ""


# -- the search ------------------------------------------------------------------------------


@routes.get("/discover")
def discover_form(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """The search for cameras."""
    who.signed_in  # noqa: B018
    return _discover_page(who, Form(), None)


@routes.post("/discover")
async def discover_send(request: Request) -> Response:
    """Search, and list what was found."""
    who = await run_in_threadpool(visitor, request)
    values = form_values(dict(await request.form()))
    who.check_form(values)
    t = who.t
    address = values.get("address", "").strip() or None
    try:
        found = await api.search(
            who, address, values.get("user_name", ""), values.get("password", "")
        )
    except VonggacError as error:
        said = {
            Kind.BAD_INPUT: t("Địa chỉ không đọc được."),
            Kind.TOO_MANY: t("Quá nhiều lần dò tìm. Hãy đợi một phút rồi thử lại."),
            Kind.UNAVAILABLE: t("Thiết bị ghi không trả lời, nên chưa dò tìm được."),
            Kind.TIMED_OUT: t("Thiết bị ghi không trả lời kịp. Hãy thử lại."),
        }.get(error.kind)
        if said is None:
            raise
        return await run_in_threadpool(_discover_page, who, Form(values, general=said), None)
    return await run_in_threadpool(_discover_page, who, Form(values), found.get("devices", []))


def _discover_page(
    who: Visitor, form: Form, devices: Sequence[Mapping[str, Any]] | None
) -> Response:
    with who.desk.database.reading() as connection:
        site = rights.shown_site(connection, who, Act.DISCOVER)
        known = {camera.main_url for camera in registry.cameras(connection, site.id)}
    values = {key: value for key, value in form.values.items() if key != "password"}
    return who.page(
        "discover.html",
        {
            "form": Form(values, form.faults, form.general),
            "devices": devices,
            "known": known,
        },
        section="discover",
    )
