"""Remote acceptance on pages: what is connected, a try with its four checks, the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    acceptance,
    acceptance_drift,
    acceptance_papers,
    acceptance_trial,
    access,
    audit,
    designated,
    floor_plans,
    guide_values,
    papers,
    register_places,
    registry,
    tasks,
    units,
)
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import api as asking
from vonggac.web import citing, evidence_api, plans, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.inspection_forms import page_in
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from vonggac.config import Secret
    from vonggac.db import Connection
    from vonggac.domain.acceptance import SiteSummary, Try
    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

PAGE = 50
"""Facilities of one page of the list (ours)."""
PURPOSE = "technical"
"""Why pictures are seen here."""
FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "secret_mark": "Không đính kèm văn bản có dấu MẬT.",
    "no_such_kind": "Chọn một mục trong danh sách.",
    "no_such": citing.NONE_SUCH,
    "bad_picture": "Không nhận được hình của camera.",
    "tried_already": "Camera này đang được thử.",
    "no_picture": "Chưa chụp hình để đối chiếu.",
    "no_such_zone": "Quy tắc đặt camera không có khu vực này. Hãy sửa khu vực của camera.",
    "trial_goes_on": "Chưa hết thời gian chạy thử.",
    "not_passed": "Camera chưa đạt mọi mục nên chưa nghiệm thu được.",
    "acceptance_over": "Lần nghiệm thu này đã khép lại.",
    "nothing_tried": "Chưa camera nào được kiểm tra.",
}
"""What is said of input of these pages that cannot be taken."""
CHECKS: Mapping[str, str] = {
    "probe": "Kiểm tra kết nối",
    "picture": "Đối chiếu hình",
    "zone": "Xác nhận khu vực",
    "trial": "Chạy thử liên tục",
}
ASKED: Mapping[Kind, str] = {
    Kind.UNAVAILABLE: "Thiết bị ghi không trả lời, nên chưa kiểm tra được camera.",
    Kind.TIMED_OUT: "Thiết bị ghi không trả lời kịp. Hãy thử lại.",
    Kind.TOO_MANY: "Quá nhiều lần kiểm tra. Hãy đợi một phút rồi thử lại.",
}
"""What is said when the box was not asked, or did not answer."""


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A facility in the list."""

    site: registry.Site
    unit: str
    found: SiteSummary


# -- what pages and API share ----------------------------------------------------------------


def allowed(who: Visitor, acceptance_id: str, act: Act) -> tuple[Try, Someone]:
    """A try to which the visitor may do this, and who they are."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        it = acceptance.find(connection, acceptance_id[:40])
        verdict = rights.require(connection, who, act, access.thing_of_site(connection, it.site_id))
        return it, evidence_api.someone(who, verdict)


def begin(who: Visitor, camera_id: str) -> Try:
    """Begin a try of a camera."""
    who.signed_in  # noqa: B018
    desk = who.desk
    with desk.database.reading() as connection:
        thing = access.thing_of_camera(connection, camera_id[:40])
        verdict = rights.require(connection, who, Act.ACCEPTANCE_TEST, thing)
        actor = evidence_api.someone(who, verdict)
    with desk.database.writing() as connection:
        return acceptance.begin(
            connection, camera_id[:40], desk.config.acceptance, by=actor, now_ns=desk.now_ns()
        )


async def ask_probe(who: Visitor, acceptance_id: str) -> Try:
    """Have the box look at the camera with its stored credentials, and keep the verdict."""

    def stored() -> tuple[Try, Someone, registry.Camera, Secret]:
        it, actor = allowed(who, acceptance_id, Act.ACCEPTANCE_TEST)
        with who.desk.database.reading() as connection:
            camera = rights.camera_here(connection, who, it.camera_id)
            return it, actor, camera, registry.password_of(connection, camera.id, who.desk.box)

    it, actor, camera, password = await run_in_threadpool(stored)
    found = await asking.look_at(
        who, camera.main_url, camera.user_name, password.reveal(), site_id=camera.site_id
    )

    def keep() -> Try:
        with who.desk.database.writing() as connection:
            return acceptance.note_probe(
                connection, it.id, found, by=actor, now_ns=who.desk.now_ns()
            )

    return await run_in_threadpool(keep)


async def take_picture(who: Visitor, acceptance_id: str) -> acceptance.Picture:
    """Have the box take a picture of now, and keep it."""

    def seen() -> tuple[Try, Someone, registry.Camera]:
        it, actor = allowed(who, acceptance_id, Act.ACCEPTANCE_TEST)
        with who.desk.database.reading() as connection:
            thing = access.thing_of_camera(connection, it.camera_id)
            rights.require(connection, who, Act.SNAPSHOT, thing, purpose=PURPOSE)
            return it, actor, rights.camera_here(connection, who, it.camera_id)

    it, actor, camera = await run_in_threadpool(seen)
    who.desk.ask_limit.take(who.signed_in.account.id)
    content = await who.desk.sites.of(camera.site_id).snapshot(camera.name)

    def keep() -> acceptance.Picture:
        now_ns = who.desk.now_ns()
        with who.desk.database.writing() as connection:
            _note_seen(connection, who, it, now_ns)
            return acceptance.keep_picture(connection, it.id, content, by=actor, now_ns=now_ns)

    return await run_in_threadpool(keep)


def _note_seen(connection: Connection, who: Visitor, it: Try, now_ns: int) -> None:
    audit.record(
        connection, who.actor, audit.Act.SNAPSHOT, now_ns=now_ns, thing=it.camera_id,
        site=it.site_id, purpose=PURPOSE, detail={"acceptance": it.id},
    )  # fmt: skip


def confirm(who: Visitor, acceptance_id: str, kind: str, *, well: bool, said: str) -> Try:
    """A person says whether the picture, or the zone, is as planned."""
    it, actor = allowed(who, acceptance_id, Act.ACCEPTANCE_TEST)
    desk = who.desk
    with desk.database.writing() as connection:
        if kind == "picture":
            return acceptance.confirm_picture(
                connection, it.id, well=well, said=said, by=actor, now_ns=desk.now_ns()
            )
        return acceptance.confirm_zone(
            connection, it.id, desk.placement, well=well, said=said, by=actor,
            now_ns=desk.now_ns(),
        )  # fmt: skip


def decide(who: Visitor, acceptance_id: str, decision: str, note: str) -> Try:
    """A named person accepts what passed, or does not and says why."""
    it, actor = allowed(who, acceptance_id, Act.ACCEPTANCE_DECIDE)
    if decision not in ("accept", "decline"):
        raise VonggacError(Kind.BAD_INPUT, "decision", fields={"decision": "no_such_kind"})
    act = acceptance.accept if decision == "accept" else acceptance.decline
    with who.desk.database.writing() as connection:
        return act(connection, it.id, note, by=actor, now_ns=who.desk.now_ns())


def end_trial(who: Visitor, acceptance_id: str) -> Try:
    """Measure the trial now, once its time is over; the program does it by itself, too."""
    it, actor = allowed(who, acceptance_id, Act.ACCEPTANCE_TEST)
    desk = who.desk
    with desk.database.writing() as connection:
        return acceptance.end_trial(
            connection, it.id, desk.config.acceptance, by=actor, now_ns=desk.now_ns()
        )


def draft_minutes(who: Visitor, site_id: str, directive: str = "") -> str:
    """Draft the minutes with the results; returns the paper's id."""
    who.signed_in  # noqa: B018
    desk = who.desk
    with desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        actor = evidence_api.someone(
            who, rights.require(connection, who, Act.ACCEPTANCE_TEST, thing)
        )
        about = f"acceptance:{site_id}"
        order = citing.chosen(connection, who, directive, about, site_id=site_id)
        made = acceptance_papers.minutes(
            connection, site_id, desk.config.acceptance, desk.placement, desk.causes, order=order,
            now_ns=desk.now_ns(),
        )  # fmt: skip
    with desk.database.writing() as connection:
        return papers.draft(
            connection, made, about=about, site_id=site_id, unit_id=None,
            directive_id=order, by=actor, now_ns=desk.now_ns(),
        )  # fmt: skip


def sites(connection: Connection, who: Visitor) -> list[SiteRow]:
    """Every facility that the visitor may see here, with its cameras; those with gaps first."""
    ids = access.sites_for(connection, who.person, Act.ACCEPTANCE_SEE, who.desk.now_ns())
    found = acceptance.summaries(connection, ids)
    named = units.names_of_sites(connection, plans.today(who))
    rows = [
        SiteRow(site, who.t.of(named[site.id]) if site.id in named else "", found[site.id])
        for site in registry.sites(connection)
        if site.id in found
    ]
    return sorted(rows, key=lambda row: (row.found.connected, row.site.title or row.site.name))


def fitting(rows: Sequence[SiteRow], wanted: str) -> list[SiteRow]:
    """Those in whose name, code or unit every word stands, with or without marks."""
    words = units.folded(wanted).split()[:10]
    said = (units.folded(f"{one.site.name} {one.site.title} {one.unit}") for one in rows)
    return [one for one, text in zip(rows, said, strict=True) if all(it in text for it in words)]


def faults(who: Visitor, error: VonggacError) -> Form | None:
    """What is wrong, in the visitor's language; None for what has no words."""
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return Form({}, {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()})
    code = str(error.detail.get("code", ""))
    if code in FAULTS:
        return Form({}, {}, who.t(FAULTS[code]))
    return Form({}, {}, who.t(ASKED[error.kind])) if error.kind in ASKED else None


# -- lists -----------------------------------------------------------------------------------


@routes.get("/acceptance")
def acceptance_page(
    who: Signed,
    q: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """Which facilities are connected, and why not; what the nightly check found."""
    who.signed_in  # noqa: B018
    number = page_in(page)
    with who.desk.database.reading() as connection:
        rows = sites(connection, who)
        watched, drifted = acceptance_drift.counts(connection, [row.site.id for row in rows])
        criteria = guide_values.criteria(connection, plans.today(who))
    shown = fitting(rows, q) if q.strip() else rows
    return who.page(
        "acceptance.html",
        {
            "rows": shown[(number - 1) * PAGE : number * PAGE],
            "found": len(shown),
            "facilities": len(rows),
            "page": number,
            "size": PAGE,
            "wanted": q,
            "cameras": sum(row.found.cameras for row in rows),
            "connected": sum(row.found.count for row in rows),
            "whole": sum(row.found.connected for row in rows),
            "watched": watched,
            "drifted": drifted,
            "stands": acceptance_papers.STANDS,
            "config": who.desk.config.acceptance,
            "criteria": criteria,
        },
        section="acceptance",
    )


@routes.get("/acceptance/sites/{site_id}")
def site_page(who: Signed, site_id: str) -> Response:
    """The cameras of a facility, and the minutes that the parties sign."""
    return site_answer(who, site_id, Form())


def site_answer(who: Visitor, site_id: str, form: Form, *, status: int = 200) -> Response:
    """The page of a facility, with what was typed and what is wrong with it."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        site = registry.site(connection, site_id)
        found = acceptance.connected(connection, [site_id])[site_id]
        cameras = {one.id: one for one in registry.cameras(connection, site_id)}
        watched = acceptance.watches(connection, [site_id])
        drafts = papers.of(connection, f"acceptance:{site_id}")
        orders, usual = citing.offered(connection, who), citing.usual(connection, who, site_id)
        today = plans.today(who)
        links = designated.of_sites(connection, [site_id], today)[site_id]
        said = designated.history(connection, [site_id])
        system = designated.on(connection, today)
    return who.page(
        "acceptance_site.html",
        {
            "site": site,
            "found": found,
            "cameras": cameras,
            "watched": watched,
            "links": links,
            "said": said,
            "system": system,
            "counts": designated.counts,
            "orders": orders,
            "usual": usual,
            "confirmed": designated.CONFIRMED,
            "drafts": drafts if who.may(Act.PAPER_SEE, thing) else [],
            "may_test": who.may(Act.ACCEPTANCE_TEST, thing),
            "zones": {zone.code: zone.name for zone in who.desk.placement.zones},
            "stands": acceptance_papers.STANDS,
            "reasons": acceptance_papers.REASONS,
            "form": form,
            "config": who.desk.config.acceptance,
        },
        status=status,
        section="acceptance",
    )


@routes.post("/acceptance/sites/{site_id}/minutes")
async def minutes_send(request: Request, site_id: str) -> Response:
    """Draft the minutes of acceptance."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made = draft_minutes(who, site_id, values.get("directive", ""))
        except VonggacError as error:
            wrong = faults(who, error)
            if wrong is None:
                raise
            return site_answer(who, site_id, wrong, status=422)
        return RedirectResponse(f"/papers/{made}", 303)

    return await run_in_threadpool(send)


@routes.post("/acceptance/cameras/{camera_id}")
async def begin_send(request: Request, camera_id: str) -> Response:
    """Begin a try."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made = begin(who, camera_id)
        except VonggacError as error:
            wrong = faults(who, error)
            if wrong is None:
                raise
            with who.desk.database.reading() as connection:
                site_id = registry.camera(connection, camera_id).site_id
            return site_answer(who, site_id, wrong, status=422)
        return RedirectResponse(f"/acceptance/{made.id}", 303)

    return await run_in_threadpool(send)


# -- one try ---------------------------------------------------------------------------------


@routes.get("/acceptance/{acceptance_id}")
def one_page(who: Signed, acceptance_id: str) -> Response:
    """A try: its checks beside what was planned, and what is left."""
    return _one(who, acceptance_id, Form())


def _one(
    who: Visitor, acceptance_id: str, form: Form, *, about: str = "", status: int = 200
) -> Response:
    it, _ = allowed(who, acceptance_id, Act.ACCEPTANCE_SEE)
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        thing = access.thing_of_site(connection, it.site_id)
        camera = registry.camera(connection, it.camera_id)
        checks = acceptance.checks(connection, it.id)
        values: dict[str, Any] = {
            "it": it,
            "camera": camera,
            "site": registry.site(connection, it.site_id),
            "checks": acceptance.last_checks(checks),
            "history": checks,
            "pictures": acceptance.pictures(connection, it.id),
            "others": [
                one for one in acceptance.of_camera(connection, camera.id) if one.id != it.id
            ],
            "trial": acceptance_trial.measured(
                connection, camera, (it.tried_ns, min(it.trial_to_ns, now_ns)), now_ns=now_ns
            ),
            "watch": acceptance.watches(connection, [it.site_id]).get(camera.id),
            "planned": _planned(connection, camera)
            if who.may(Act.FACILITY_DETAILS, thing)
            else None,
            "drift": tasks.of(connection, f"drift:{camera.id}"),
        }
        may_see = _may_see_picture(connection, who, it)
        reached = desk.sites.reaches(connection, it.site_id)
    return who.page(
        "acceptance_one.html",
        {
            **values,
            "may_see": may_see,
            "may_test": who.may(Act.ACCEPTANCE_TEST, thing),
            "may_decide": who.may(Act.ACCEPTANCE_DECIDE, thing),
            "here": reached,
            "ended": now_ns >= it.trial_to_ns,
            "zone": desk.placement.zone(camera.zone),
            "rule": desk.placement,
            "config": desk.config.acceptance,
            "names": CHECKS,
            "reasons": acceptance_papers.REASONS,
            "form": form,
            "about": about,
        },
        status=status,
        section="acceptance",
    )


def _planned(connection: Connection, camera: registry.Camera) -> dict[str, Any]:
    """What was planned of a camera: its place in the register, and its view on a floor plan."""
    facts = register_places.facts(connection, [camera.site_id]).get(camera.id)
    areas = register_places.areas(connection, [camera.site_id])
    area = areas.get((camera.site_id, facts.area)) if facts else None
    current = [one for one in floor_plans.plans(connection, camera.site_id) if one.is_current]
    views = floor_plans.views(connection, [one.id for one in current])
    drawn = next((one for one in current if camera.id in views[one.id]), None)
    view = views[drawn.id][camera.id] if drawn else None
    return {
        "area": area,
        "doors": facts.doors if facts else (),
        "plan": drawn,
        "view": view,
        "cone": floor_plans.cone(view, drawn.width, drawn.height) if drawn and view else "",
    }


def _may_see_picture(connection: Connection, who: Visitor, it: Try) -> bool:
    thing, now_ns = access.thing_of_camera(connection, it.camera_id), who.desk.now_ns()
    return any(
        access.may(who.person, act, thing, now_ns=now_ns, purpose=PURPOSE)
        for act in (Act.SNAPSHOT, Act.LIVE_VIEW)
    )


@routes.get("/acceptance/{acceptance_id}/pictures/{picture_id}")
def picture(who: Signed, acceptance_id: str, picture_id: str) -> Response:
    """A picture of a try, for those who may see the camera."""
    it, _ = allowed(who, acceptance_id, Act.ACCEPTANCE_SEE)
    with who.desk.database.reading() as connection:
        if not _may_see_picture(connection, who, it):
            thing = access.thing_of_camera(connection, it.camera_id)
            rights.require(connection, who, Act.SNAPSHOT, thing, purpose=PURPOSE)
        content = acceptance.picture_content(connection, it.id, picture_id[:40])
    with who.desk.database.writing() as connection:
        _note_seen(connection, who, it, who.desk.now_ns())
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="image/jpeg", headers=headers)


async def _sent(
    request: Request,
    acceptance_id: str,
    about: str,
    act: Callable[[Visitor, dict[str, str]], Awaitable[object]],
) -> Response:
    """Do what a form of a try's page asks for, and show the page again."""
    who = await run_in_threadpool(visitor, request)
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))
    who.check_form(values)
    try:
        await act(who, values)
    except VonggacError as error:
        wrong = faults(who, error)
        if wrong is None:
            raise
        form = Form(values, wrong.faults, wrong.general)
        return await run_in_threadpool(
            lambda: _one(who, acceptance_id, form, about=about, status=422)
        )
    return RedirectResponse(f"/acceptance/{acceptance_id[:40]}#{about}", 303)


@routes.post("/acceptance/{acceptance_id}/probe")
async def probe_send(request: Request, acceptance_id: str) -> Response:
    """Have the box look at the camera."""
    return await _sent(
        request, acceptance_id, "probe", lambda who, _: ask_probe(who, acceptance_id)
    )


@routes.post("/acceptance/{acceptance_id}/picture")
async def picture_send(request: Request, acceptance_id: str) -> Response:
    """Take a picture, or say whether it shows what was planned."""

    async def act(who: Visitor, values: dict[str, str]) -> object:
        if values.get("do") == "take":
            return await take_picture(who, acceptance_id)
        return await _confirmed(who, acceptance_id, "picture", values)

    return await _sent(request, acceptance_id, "picture", act)


@routes.post("/acceptance/{acceptance_id}/zone")
async def zone_send(request: Request, acceptance_id: str) -> Response:
    """Say whether the camera stands in its zone."""
    return await _sent(
        request, acceptance_id, "zone",
        lambda who, values: _confirmed(who, acceptance_id, "zone", values),
    )  # fmt: skip


async def _confirmed(who: Visitor, acceptance_id: str, kind: str, values: dict[str, str]) -> Try:
    well, said = values.get("do") == "well", values.get("said", "")
    return await run_in_threadpool(lambda: confirm(who, acceptance_id, kind, well=well, said=said))


@routes.post("/acceptance/{acceptance_id}/trial")
async def trial_send(request: Request, acceptance_id: str) -> Response:
    """Measure the trial, once its time is over."""
    return await _sent(
        request, acceptance_id, "trial",
        lambda who, _: run_in_threadpool(end_trial, who, acceptance_id),
    )  # fmt: skip


@routes.post("/acceptance/{acceptance_id}/decision")
async def decision_send(request: Request, acceptance_id: str) -> Response:
    """Accept it, or do not."""
    return await _sent(
        request, acceptance_id, "decision",
        lambda who, values: run_in_threadpool(
            decide, who, acceptance_id, values.get("do", ""), values.get("note", "")
        ),
    )  # fmt: skip
