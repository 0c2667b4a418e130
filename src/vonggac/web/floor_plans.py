"""Sơ đồ tầng: the drawing of each floor with its cameras, on a page and under /api/v1."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from vonggac.clock import rfc3339
from vonggac.domain import access, audit, floor_plans, register, registry
from vonggac.domain.access import Act
from vonggac.domain.floor_plans import BOUNDS, WHOLE, FloorPlan, View
from vonggac.errors import Kind, VonggacError
from vonggac.web import register as book
from vonggac.web import rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vonggac.db import Connection
    from vonggac.domain.register_places import Door

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

FIELDS_MOST = 6 * floor_plans.CAMERAS_LIMIT + 10
"""Fields of the form of one plan: five figures a camera and some of its own."""

FAULTS: Mapping[str, str] = {
    "bad_place": "Vị trí phải nằm trong bản vẽ; góc từ 5 đến 360 độ.",
    "too_many": "Một bản vẽ có nhiều nhất 200 camera.",
    "plan_old": "Bản vẽ này đã được thay bằng bản mới.",
}


# -- the page --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """A camera on a plan, as it is drawn and as its row of the form stands."""

    id: str
    name: str
    title: str
    view: View
    cone: str
    left: float
    top: float
    doors: tuple[str, ...]


@routes.get("/facilities/{site_id}/plans")
def page(who: Signed, site_id: str, plan: str = "") -> Response:
    """One plan of a facility, and which others there are."""
    return _page(who, site_id, plan[:40], Form())


def _page(
    who: Visitor, site_id: str, plan_id: str, form: Form, *, of: str = "", status: int = 200
) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        it = register.facility(connection, site_id)
        every = floor_plans.plans(connection, site_id)
        current = [one for one in every if one.is_current]
        shown = next((one for one in every if one.id == plan_id), next(iter(current), None))
        cameras = registry.cameras(connection, site_id)
        doors = floor_plans.doors_of(connection, shown) if shown else []
        placed = _placed(connection, shown, doors) if shown else []
    standing = {one.id for one in placed}
    may_edit = who.may(Act.FACILITY_EDIT, thing)
    return who.page(
        "floor_plans.html",
        {
            "it": it,
            "shown": shown,
            "current": current,
            "old": [one for one in every if not one.is_current],
            "placed": placed,
            "free": [one for one in cameras if one.id not in standing],
            "doors": doors,
            "names": {one.id: one.name for one in cameras},
            "standing": standing,
            "unseen": sum(one.camera_id is None for one in doors),
            "bounds": BOUNDS,
            "whole": WHOLE,
            "form": form,
            "wrong": of,
            "may_edit": may_edit,
            "may_move": may_edit and shown is not None and shown.is_current,
        },
        section="facilities",
        status=status,
    )


def _placed(connection: Connection, shown: FloorPlan, doors: list[Door]) -> list[Placed]:
    """Cameras of the plan by name; one that left the register is not drawn on a plan in use."""
    labels = floor_plans.labels(connection, shown)
    seen: dict[str, list[str]] = {}
    for door in doors:
        if door.camera_id is not None:
            seen.setdefault(door.camera_id, []).append(door.name)
    found = [
        Placed(
            view.camera_id,
            *labels[view.camera_id],
            view,
            floor_plans.cone(view, shown.width, shown.height),
            view.x * shown.width / WHOLE,
            view.y * shown.height / WHOLE,
            tuple(seen.get(view.camera_id, ())),
        )
        for view in floor_plans.views(connection, [shown.id])[shown.id].values()
        if view.camera_id in labels
    ]
    return sorted(found, key=lambda one: one.name)


@routes.post("/facilities/{site_id}/plans")
async def page_send(request: Request, site_id: str) -> Response:
    """Place a camera, move all, take one off, tie a door, or take the plan away."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS_MOST)))

    def act() -> Response:
        who = visitor(request)
        who.check_form(values)
        plan_id = values.get("plan", "")[:40]
        do, _, camera = values.get("do", "").partition(":")
        try:
            if do == "away":
                take_away(who, site_id, plan_id)
                plan_id = ""
            elif do == "door":
                book.tie_door(who, site_id, values.get("door", "")[:60], camera_of(values))
            elif do == "off":
                take_off(who, site_id, plan_id, camera[:40])
            else:
                put(who, site_id, plan_id, lambda placed: _views(values, placed, do))
        except VonggacError as error:
            faults = said_of(who, error)
            return _page(who, site_id, plan_id, Form(values, faults), of="views", status=422)
        return RedirectResponse(f"/facilities/{site_id}/plans?plan={plan_id}#plan", 303)

    return await run_in_threadpool(act)


def camera_of(values: Mapping[str, str]) -> str | None:
    """The camera that was chosen for a door; None: none sees it."""
    return values.get("camera", "")[:100] or None


def _views(values: Mapping[str, str], placed: Mapping[str, View], do: str) -> list[View]:
    """The form's figures of each camera that stands there, and the one that was added."""
    found = [
        View(one, *(_figure(values.get(f"{name}-{one}", ""), getattr(view, name), name)
                    for name in BOUNDS))
        for one, view in placed.items()
    ]  # fmt: skip
    fresh = values.get("camera", "")[:40]
    if do == "add" and fresh and fresh not in placed:
        middle = WHOLE // 2
        found.append(View(fresh, middle, middle, **floor_plans.USUAL))
    return found


def _figure(text: str, before: int, name: str) -> int:
    """A figure of the form; one that was not sent stays.

    Raises:
        VonggacError: BAD_INPUT.
    """
    text = text.strip()
    if not text:
        return before
    if not (text.isascii() and text.lstrip("-").isdigit() and len(text) <= 6):
        raise VonggacError(Kind.BAD_INPUT, f"{name}: a number", fields={name: "bad_place"})
    return int(text)


@routes.post("/facilities/plans")
async def drawing_send(request: Request) -> Response:
    """Take a drawing in; the form names its facility in a field."""
    values, sent = await book.sent_pictures(request, files=1)

    def enter() -> Response:
        who = visitor(request)
        who.check_form(values)
        site_id = values.get("site", "")[:40]
        _require_edit(who, site_id)
        try:
            picture = book.keep_picture(who, site_id, "plan", sent[0] if sent else b"")
            made = add(
                who, site_id, floor=values.get("floor", ""), title=values.get("title", ""),
                picture=picture, keep=bool(values.get("keep")),
            )  # fmt: skip
        except VonggacError as error:
            form = Form(values, said_of(who, error))
            return _page(who, site_id, values.get("plan", "")[:40], form, of="new", status=422)
        return RedirectResponse(f"/facilities/{site_id}/plans?plan={made.id}#plan", 303)

    return await run_in_threadpool(enter)


def _require_edit(who: Visitor, site_id: str) -> None:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        rights.require(connection, who, Act.FACILITY_EDIT, thing)


def said_of(who: Visitor, error: VonggacError) -> dict[str, str]:
    """What is wrong with which field, in the visitor's language.

    Raises:
        VonggacError: the error is about no field.
    """
    fields = error.detail.get("fields")
    code = str(error.detail.get("code", ""))
    if isinstance(fields, dict) and any(why in FAULTS for why in fields.values()):
        return {"views": who.t(FAULTS[str(next(iter(fields.values())))])}
    if code in FAULTS:
        return {"views": who.t(FAULTS[code])}
    return book.said_of(who, error)


# -- what the page and the API share ---------------------------------------------------------


def add(
    who: Visitor, site_id: str, *, floor: str, title: str, picture: str, keep: bool
) -> FloorPlan:
    """Take a drawing in.

    Raises:
        VonggacError: BAD_INPUT, with `fields`.
    """
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        made = floor_plans.add(
            connection, site_id, floor=floor, title=title, picture=picture, keep=keep,
            by=who.signed_in.account.name, now_ns=now_ns,
        )  # fmt: skip
        _record(connection, who, made, fresh=True)
    return made


def put(
    who: Visitor,
    site_id: str,
    plan_id: str,
    views_of: Callable[[Mapping[str, View]], list[View]],
) -> None:
    """Place cameras, given those that stand there.

    Raises:
        VonggacError: BAD_INPUT, CONFLICT, NOT_FOUND.
    """
    with who.desk.database.writing() as connection:
        found = floor_plans.plan(connection, site_id, plan_id)
        before = floor_plans.views(connection, [plan_id])[plan_id]
        wanted = views_of(before)
        floor_plans.put(connection, found, wanted)
        moved = [one.camera_id for one in wanted if before.get(one.camera_id) != one]
        if moved:
            _record(connection, who, found, cameras=moved)


def take_off(who: Visitor, site_id: str, plan_id: str, camera_id: str) -> None:
    """Take a camera off a plan.

    Raises:
        VonggacError: NOT_FOUND, CONFLICT.
    """
    with who.desk.database.writing() as connection:
        found = floor_plans.plan(connection, site_id, plan_id)
        floor_plans.drop(connection, found, camera_id)
        _record(connection, who, found, off=camera_id)


def take_away(who: Visitor, site_id: str, plan_id: str) -> None:
    """The floor has no plan any more; it is kept.

    Raises:
        VonggacError: NOT_FOUND, CONFLICT.
    """
    with who.desk.database.writing() as connection:
        found = floor_plans.plan(connection, site_id, plan_id)
        floor_plans.take_away(connection, found, now_ns=who.desk.now_ns())
        _record(connection, who, found, away=True)


def _record(connection: Connection, who: Visitor, found: FloorPlan, **detail: object) -> None:
    audit.record(
        connection, who.actor, audit.Act.PLAN_EDITED, now_ns=who.desk.now_ns(), thing=found.id,
        site=found.site_id, detail={"floor": found.floor, **detail},
    )  # fmt: skip


# -- the API ---------------------------------------------------------------------------------


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlanBody(_Body):
    """The drawing of a floor."""

    floor: str = Field(max_length=40, description="as the areas of the facility call it")
    title: str = Field(default="", max_length=120)
    picture: str = Field(max_length=40, description="id from POST /api/v1/pictures, kind plan")
    keep: bool = Field(default=True, description="cameras stand where they stood before")


class ViewBody(_Body):
    """Where a camera stands, in 1/10000 of the drawing, and what it sees."""

    x: int = Field(ge=0, le=WHOLE)
    y: int = Field(ge=0, le=WHOLE)
    heading: int = Field(ge=0, le=359, description="degrees, 0 is up, clockwise")
    angle: int = Field(ge=5, le=360)
    reach: int = Field(ge=100, le=2 * WHOLE, description="in 1/10000 of the width")


@api.get("/facilities/{site_id}/plans", summary="Floor plans of a facility")
def plans_json(who: Signed, site_id: str) -> dict[str, Any]:
    """Those in use, then the old ones; with cameras, and the doors that no camera sees."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        every = floor_plans.plans(connection, site_id)
        return {"plans": [_json(connection, one) for one in every]}


@api.post("/facilities/{site_id}/plans", summary="Take a drawing in", status_code=201)
def add_json(who: Signed, site_id: str, body: PlanBody) -> dict[str, Any]:
    """The plan of the same floor gives way to it and is kept."""
    made = add(who, site_id, **body.model_dump())
    with who.desk.database.reading() as connection:
        return _json(connection, made)


@api.delete(
    "/facilities/{site_id}/plans/{floor_plan_id}", summary="Take a plan away", status_code=204
)
def away_json(who: Signed, site_id: str, floor_plan_id: str) -> Response:
    """The floor has none any more; what was drawn is kept."""
    take_away(who, site_id, floor_plan_id)
    return Response(status_code=204)


@api.put(
    "/facilities/{site_id}/plans/{floor_plan_id}/cameras/{camera_id}",
    summary="Place a camera on a plan",
)
def put_json(
    who: Signed, site_id: str, floor_plan_id: str, camera_id: str, body: ViewBody
) -> dict[str, Any]:
    """Place it, or move it."""
    view = View(camera_id, **body.model_dump())
    put(who, site_id, floor_plan_id, lambda _placed: [view])
    return asdict(view)


@api.delete(
    "/facilities/{site_id}/plans/{floor_plan_id}/cameras/{camera_id}",
    summary="Take a camera off a plan",
    status_code=204,
)
def off_json(who: Signed, site_id: str, floor_plan_id: str, camera_id: str) -> Response:
    """It stands nowhere on this floor."""
    take_off(who, site_id, floor_plan_id, camera_id)
    return Response(status_code=204)


def _json(connection: Connection, one: FloorPlan) -> dict[str, Any]:
    doors = floor_plans.doors_of(connection, one)
    placed = floor_plans.views(connection, [one.id])[one.id]
    return {
        "id": one.id,
        "floor": one.floor,
        "title": one.title,
        "picture": one.picture_id,
        "width": one.width,
        "height": one.height,
        "made": rfc3339(one.made_ns),
        "by": one.made_by,
        "replaced": None if one.removed_ns is None else rfc3339(one.removed_ns),
        "cameras": [asdict(view) for view in placed.values()],
        "doors": [{"name": door.name, "camera": door.camera_id} for door in doors],
        "doors_unseen": [door.name for door in doors if door.camera_id is None],
    }
