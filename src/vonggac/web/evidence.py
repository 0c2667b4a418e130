"""Pages of evidence: "Trích xuất dữ liệu", "Bản ghi đang giữ", and the verifier for anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import access, exports, holds, hubs, registry, site_keys
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.evidence import fingerprint
from vonggac.web import dates, evidence_api
from vonggac.web.desk import Visitor, said_of, visitor
from vonggac.web.render import STATIC, Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)

STATES: Mapping[str, str] = {
    "asked": "Chờ duyệt",
    "approved": "Đã duyệt, chờ lập tệp",
    "refused": "Không duyệt",
    "building": "Đang lập tệp",
    "ready": "Sẵn sàng",
    "failed": "Không lập được",
    "expired": "Đã xóa tệp",
}
STEPS: Mapping[str, str] = {
    "pages": "Chờ thiết bị ghi chốt trang sổ",
    "clips": "Lấy bản ghi từ thiết bị ghi",
    "copy": "Làm bản sao có in tên và giờ",
    "seal": "Lập biên bản, xin chữ ký của cơ sở",
}
FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài: tổng thời gian của các camera nhiều nhất 24 giờ.",
    "no_date": "Viết ngày của văn bản dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "in_the_future": "Không được ở tương lai.",
    "ends_before_it_begins": "Kết thúc phải sau bắt đầu.",
    "how_many": "Chọn từ 1 đến 16 camera.",
    "one_site": "Một yêu cầu chỉ gồm camera của một cơ sở.",
    "no_time": "Viết dạng ngày/tháng/năm giờ:phút, ví dụ 18/11/2026 14:30.",
    "own_request": "Bạn lập yêu cầu này, nên người khác phải duyệt.",
    "no_box": "Chưa có thiết bị ghi nào của cơ sở này nối với hệ thống, nên chưa giữ được gì.",
    "through_hub": "Cơ sở này nối qua trung tâm cấp dưới: đặt lệnh giữ ở trang của trung tâm đó.",
    "own_hold": "Bạn đặt lệnh giữ này, nên người khác phải thôi giữ.",
}
"""What is said of a field that is wrong."""
WHY_NOT_KEPT: Mapping[str, str] = {
    "no_camera": "thiết bị ghi không có camera này",
    "expired": "bản ghi của khoảng này đã bị xóa theo hạn lưu",
}
"""Why a box keeps nothing of a span, in its own words; what is not here is its sentence."""
MOST_LISTED = 500
"""Cameras of one list to choose from; beyond it the camera is chosen where it is looked at."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An export with what its cameras are called."""

    export: exports.Export
    cameras: Sequence[Any]
    site: registry.Site | None


@routes.get("/exports")
def exports_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """Every request that the visitor may see, newest first."""
    with who.desk.database.reading() as connection:
        sites = evidence_api.sites_of(connection, who)
        shown = [_shown(connection, one) for one in exports.listed(connection, sites)]
        standing = holds.standing(connection, sites)
    return who.page(
        "exports.html",
        {"shown": shown, "states": STATES, "standing": len(standing)},
        section="exports",
    )


@routes.get("/exports/new")
def new_form(
    who: Annotated[Visitor, Depends(visitor)],
    camera: Annotated[list[str] | None, Query(max_length=50)] = None,
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The form, filled with what playback shows: cameras and span."""
    values = {"from": dates.from_address(from_), "to": dates.from_address(to)}
    return _form_page(who, Form(values), camera or [])


@routes.post("/exports/new")
async def new_send(request: Request) -> Response:
    """Make the request."""
    form = await request.form()
    values = form_values(dict(form))
    chosen = [value for value in form.getlist("camera") if isinstance(value, str)]
    return _told(request, await run_in_threadpool(_new_send, request, values, chosen))


def _new_send(request: Request, values: dict[str, str], chosen: list[str]) -> Response:
    who = visitor(request)
    who.check_form(values)
    try:
        span = (dates.moment_in(values, "from"), dates.moment_in(values, "to"))
        wanted = exports.Request(
            number=values.get("number", ""),
            dated=_dated(values.get("dated", "")),
            body=values.get("body", ""),
            reason=values.get("reason", ""),
            basis=values.get("basis", ""),
        )
        if not chosen:
            raise VonggacError(  # noqa: TRY301
                Kind.BAD_INPUT, "choose cameras", fields={"cameras": "how_many"}
            )
        made = evidence_api.asked(who, chosen, span, wanted, with_copy=values.get("copy") == "yes")
    except VonggacError as error:
        form = Form(values, *said_of(who, error, FAULTS))
        return _form_page(who, form, chosen, status=422)
    return RedirectResponse(f"/exports/{made.id}", 303)


def _form_page(who: Visitor, form: Form, chosen: Sequence[str], *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        cameras = _cameras(connection, who, Act.EXPORT_ASK)
    return who.page(
        "export_new.html",
        {
            "form": form,
            "cameras": cameras,
            "chosen": set(chosen),
            "most": exports.MAX_CAMERAS,
        },
        status=status,
        section="exports",
    )


@routes.get("/exports/{export_id}")
def export_page(who: Annotated[Visitor, Depends(visitor)], export_id: str) -> Response:
    """One request: what, on which paper, by whom, how far."""
    return _export_page(who, export_id)


def _export_page(who: Visitor, export_id: str, *, fault: str = "", status: int = 200) -> Response:
    found = evidence_api.seen(who, export_id, Act.EXPORT_SEE)
    with who.desk.database.reading() as connection:
        shown = _shown(connection, found)
        thing = access.thing_of_site(connection, found.site_id)
        key = site_keys.key_at(connection, found.site_id, found.ready_ns)
    own = found.asked.account_id == who.signed_in.account.id
    site = shown.site
    return who.page(
        "export.html",
        {
            "it": found,
            "cameras": shown.cameras,
            "site": site,
            "states": STATES,
            "steps": STEPS,
            "fault": who.t(FAULTS[fault]) if fault in FAULTS else fault,
            "is_own": own,
            "may_approve": not own and who.may(Act.EXPORT_APPROVE, thing),
            "may_take": who.may(Act.EXPORT_TAKE, thing),
            "fingerprint": fingerprint(key) if key else "",
            "goes_on": found.state in ("approved", "building"),
        },
        status=status,
        section="exports",
    )


@routes.post("/exports/{export_id}/approval")
async def decide_send(request: Request, export_id: str) -> Response:
    """Approve or refuse."""
    values = form_values(dict(await request.form()))

    def decide() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            evidence_api.decided(
                who, export_id, approve=values.get("decision") == "approve",
                note=values.get("note", ""),
            )  # fmt: skip
        except VonggacError as error:
            code = str(error.detail.get("code", ""))
            if code != "own_request":
                raise
            return _export_page(who, export_id, fault=code, status=403)
        return RedirectResponse(f"/exports/{export_id}", 303)

    return _told(request, await run_in_threadpool(decide))


@routes.post("/exports/{export_id}/withdrawal")
async def withdraw_send(request: Request, export_id: str) -> Response:
    """Take one's own request back."""
    values = form_values(dict(await request.form()))

    def withdraw() -> Response:
        who = visitor(request)
        who.check_form(values)
        evidence_api.withdrawn(who, export_id, values.get("note", ""))
        return RedirectResponse(f"/exports/{export_id}", 303)

    return _told(request, await run_in_threadpool(withdraw))


@routes.get("/exports/{export_id}/file")
def file_page(who: Annotated[Visitor, Depends(visitor)], export_id: str) -> Response:
    """The ZIP."""
    return evidence_api.file_of(who, export_id)


@routes.get("/exports/{export_id}/key")
def key_page(who: Annotated[Visitor, Depends(visitor)], export_id: str) -> Response:
    """The public key that sealed this export, as `vonggac verify --key` reads it."""
    found = evidence_api.seen(who, export_id, Act.EXPORT_SEE)
    with who.desk.database.reading() as connection:
        site = registry.site(connection, found.site_id)
        key = site_keys.key_at(connection, found.site_id, found.ready_ns)
    if site is None or not key:
        raise VonggacError(Kind.NOT_FOUND, "this site has no key here")
    return Response(
        key + "\n",
        media_type="text/plain; charset=us-ascii",
        headers={"Content-Disposition": f'attachment; filename="{site.name}.pub"'},
    )


# -- holds -----------------------------------------------------------------------------------


@routes.get("/holds")
def holds_page(
    who: Annotated[Visitor, Depends(visitor)],
    camera: str = "",
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Spans under a case, and the form for another."""
    values = {
        "camera": camera[:63],
        "from": dates.from_address(from_),
        "to": dates.from_address(to),
    }
    return _holds_page(who, Form(values))


def _holds_page(who: Visitor, form: Form, *, fault: str = "", status: int = 200) -> Response:
    with who.desk.database.reading() as connection:
        sites = evidence_api.sites_of(connection, who)
        found = holds.listed(connection, sites)
        ways = evidence_api.ways_of(connection, who, found)
        above = evidence_api.from_above(connection, sites)
        cameras, too_many = _to_hold(connection, who, form.values.get("camera", ""))
        titles = registry.titles(connection)
    may_release = who.can(Act.HOLD_RELEASE.value)
    return who.page(
        "holds.html",
        {
            "holds": found,
            "ways": ways,
            "why_not": WHY_NOT_KEPT,
            "above": above,
            "titles": titles,
            "cameras": cameras,
            "too_many": too_many,
            "form": form,
            "fault": who.t(FAULTS[fault]) if fault in FAULTS else fault,
            "me": who.signed_in.account.id,
            "may_release": may_release,
        },
        status=status,
        section="holds",
    )


@routes.post("/holds")
async def hold_send(request: Request) -> Response:
    """Place a hold."""
    values = form_values(dict(await request.form()))

    def place() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            span = (dates.moment_in(values, "from"), dates.moment_in(values, "to"))
            evidence_api.held(
                who, values.get("camera", ""), span, values.get("case_number", ""),
                values.get("reason", ""),
            )  # fmt: skip
        except VonggacError as error:
            form = Form(values, *said_of(who, error, FAULTS))
            return _holds_page(who, form, status=422)
        return RedirectResponse("/holds", 303)

    return _told(request, await run_in_threadpool(place))


@routes.post("/holds/{hold_id}/release")
async def release_send(request: Request, hold_id: str) -> Response:
    """Let a hold go."""
    values = form_values(dict(await request.form()))

    def release() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            evidence_api.released(who, hold_id, values.get("reason", ""))
        except VonggacError as error:
            blank = "required" if error.detail.get("fields") else ""
            code = str(error.detail.get("code", "")) or blank
            if code not in FAULTS:
                raise
            return _holds_page(who, Form(), fault=code, status=403)
        return RedirectResponse("/holds", 303)

    return _told(request, await run_in_threadpool(release))


# -- the verifier ----------------------------------------------------------------------------


@routes.get("/verify")
def verify_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """Verify an export in the browser; nothing is sent anywhere. For anybody."""
    return who.page("verify.html", {}, section="verify")


@routes.get("/verify/page")
def verify_alone() -> Response:
    """The same as one file that works without a network, from a disk, for a court."""
    return Response(
        alone(),
        media_type="text/html; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="kiem-tra-vong-gac.html"'},
    )


@cache
def alone() -> str:
    """The verifier with its scripts inside, in both languages."""
    page = (STATIC / "verify" / "page.html").read_text("utf-8")
    names = re.findall(r'<script src="([\w./-]+)"></script>', page)
    for name in names:
        script = (STATIC / "verify" / name).resolve().read_text("utf-8")
        safe = script.replace("</script", "<\\/script")
        page = page.replace(f'<script src="{name}"></script>', f"<script>\n{safe}\n</script>")
    return page


# -- what they share -------------------------------------------------------------------------


def _told(request: Request, response: Response) -> Response:
    """What is kept may have changed: the box gets its order soon. On the loop."""
    request.app.state.desk.orders.changed()
    return response


def _shown(connection: Connection, export: exports.Export) -> Shown:
    names = exports.camera_names(connection, export.cameras)
    return Shown(
        export,
        [names[camera] for camera in export.cameras if camera in names],
        registry.site(connection, export.site_id),
    )


def _to_hold(
    connection: Connection, who: Visitor, chosen: str
) -> tuple[dict[str, list[registry.Camera]], bool]:
    """Cameras whose recordings can be kept from here, by site; and whether there are too many."""
    allowed = access.sites_for(connection, who.person, Act.HOLD_PLACE, who.desk.now_ns())
    reached = {site_id for site_id, _ in registry.boxes(connection, allowed)}
    reached -= hubs.behind(connection).keys()
    found = registry.cameras_of(connection, [one for one in allowed if one in reached])
    too_many = len(found) > MOST_LISTED
    if too_many:
        found = [one for one in found if one.id == chosen]
    by_site: dict[str, list[registry.Camera]] = {}
    for one in found:
        by_site.setdefault(one.site_id, []).append(one)
    return by_site, too_many


def _cameras(connection: Connection, who: Visitor, act: Act) -> list[registry.Camera]:
    """Cameras of the sites where the visitor may do this."""
    found: list[registry.Camera] = []
    for site_id in access.sites_for(connection, who.person, act, who.desk.now_ns()):
        found += registry.cameras(connection, site_id)
    return found


def _dated(text: str) -> str:
    """The day of a document as the record keeps it, 2026-11-18; what is no day as it was typed."""
    try:
        return dates.read_day(text).isoformat()
    except ValueError:
        return text
