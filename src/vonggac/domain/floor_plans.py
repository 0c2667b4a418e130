"""Floor plans of a facility: the drawing of a floor, and on it what each camera sees.

A plan is replaced, never changed: the drawing that a survey or an acceptance looked at stays as it
was, with the cameras where they stood on it.  Places are parts of the drawing, not of the building:
nobody measured it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import Connection, tables
from vonggac.db import register as db
from vonggac.domain import coverage, register_places
from vonggac.domain.register import clean
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.domain.register_places import Door

WHOLE: Final = 10_000
"""Parts of the width and of the height of a drawing: places are told in them."""
FLOOR_LIMIT, TITLE_LIMIT = 40, 120
CAMERAS_LIMIT: Final = 200
"""Cameras on one plan (ours): more cannot be told apart on a drawing."""
USUAL: Final = {"heading": 0, "angle": 90, "reach": 1_800}
"""How a camera stands that was put there just now (ours): 90 degrees is a usual fixed lens."""
BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "x": (0, WHOLE),
    "y": (0, WHOLE),
    "heading": (0, 359),
    "angle": (5, 360),
    "reach": (100, 2 * WHOLE),
}


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """The drawing of a floor."""

    id: str
    site_id: str
    floor: str
    """As the areas of the facility call it, so that their doors belong to it."""
    title: str
    picture_id: str
    width: int
    height: int
    made_ns: int
    made_by: str
    removed_ns: int | None
    """When another took its place; it is kept."""

    @property
    def is_current(self) -> bool:
        """Whether it is the one that cameras are placed on."""
        return self.removed_ns is None


@dataclass(frozen=True, slots=True)
class View:
    """Where a camera stands on a plan, and what it sees from there."""

    camera_id: str
    x: int
    """From the left, in 1/10000 of the width."""
    y: int
    """From the top, in 1/10000 of the height."""
    heading: int
    """Degrees, 0 is up, clockwise."""
    angle: int
    """Degrees that it sees at once."""
    reach: int
    """How far, in 1/10000 of the width."""


def cone(view: View, width: int, height: int) -> str:
    """What a camera sees, as the path of an SVG in the pixels of the drawing.

    `static/page/floor_plan.mjs` draws the same while somebody moves it.
    """
    x, y = view.x * width / WHOLE, view.y * height / WHOLE
    reach = view.reach * width / WHOLE
    if view.angle >= 360:
        return (
            f"M{x - reach:.1f} {y:.1f}a{reach:.1f} {reach:.1f} 0 1 0 {2 * reach:.1f} 0"
            f"a{reach:.1f} {reach:.1f} 0 1 0 {-2 * reach:.1f} 0Z"
        )
    ends = []
    for turn in (view.heading - view.angle / 2, view.heading + view.angle / 2):
        turned = math.radians(turn)
        ends.append((x + reach * math.sin(turned), y - reach * math.cos(turned)))
    (ax, ay), (bx, by) = ends
    large = int(view.angle > 180)
    return (
        f"M{x:.1f} {y:.1f}L{ax:.1f} {ay:.1f}A{reach:.1f} {reach:.1f} 0 {large} 1 {bx:.1f} {by:.1f}Z"
    )


def checked(view: View) -> View:
    """A view whose figures are ones.

    Raises:
        VonggacError: BAD_INPUT, with `fields`.
    """
    wrong = {
        name: "bad_place"
        for name, (least, most) in BOUNDS.items()
        if not least <= getattr(view, name) <= most
    }
    if wrong:
        raise VonggacError(Kind.BAD_INPUT, f"out of bounds: {', '.join(wrong)}", fields=wrong)
    return view


# -- reading ---------------------------------------------------------------------------------


def plans(connection: Connection, site_id: str) -> list[FloorPlan]:
    """Every plan of a facility: those in use by floor, then the old ones, the newest first."""
    found = [FloorPlan(*row) for row in connection.execute(_query().where(_of(site_id)))]
    return sorted(
        found, key=lambda one: (one.removed_ns is not None, -(one.removed_ns or 0), one.floor)
    )


def plan(connection: Connection, site_id: str, plan_id: str) -> FloorPlan:
    """One plan of a facility.

    Raises:
        VonggacError: NOT_FOUND.
    """
    query = _query().where(_of(site_id), db.floor_plan.c.id == plan_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such plan in this facility")
    return FloorPlan(*row)


def _of(site_id: str) -> sa.ColumnElement[bool]:
    return db.floor_plan.c.site_id == site_id


def _query() -> sa.Select[Any]:
    table, picture = db.floor_plan, db.register_picture
    return sa.select(
        table.c.id, table.c.site_id, table.c.floor, table.c.title, table.c.picture_id,
        picture.c.width, picture.c.height, table.c.made_ns, table.c.made_by, table.c.removed_ns,
    ).join(picture, picture.c.id == table.c.picture_id)  # fmt: skip


def views(connection: Connection, plan_ids: Sequence[str]) -> dict[str, dict[str, View]]:
    """What stands on plans: views by plan, then by camera."""
    table = db.plan_camera
    query = sa.select(
        table.c.plan_id, table.c.camera_id, table.c.x, table.c.y, table.c.heading, table.c.angle,
        table.c.reach,
    ).where(table.c.plan_id.in_(plan_ids))  # fmt: skip
    found: dict[str, dict[str, View]] = {one: {} for one in plan_ids}
    for plan_id, *rest in connection.execute(query):
        found[plan_id][rest[0]] = View(*rest)
    return found


def labels(connection: Connection, found: FloorPlan) -> dict[str, tuple[str, str]]:
    """Name and title of the cameras of a plan, by id.

    On an old plan those that have left the register since are among them.
    """
    camera, table = tables.camera, db.plan_camera
    query = (
        sa.select(camera.c.id, camera.c.name, camera.c.title)
        .join(table, table.c.camera_id == camera.c.id)
        .where(table.c.plan_id == found.id)
    )
    if found.is_current:
        query = query.where(camera.c.retired_ns.is_(None))
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def doors_of(connection: Connection, found: FloorPlan) -> list[Door]:
    """The doors of the plan's floor, by name: those of areas that call the floor the same."""
    site_id = found.site_id
    areas = register_places.areas(connection, [site_id])
    floor = _folded(found.floor)
    here = {code for (_, code), area in areas.items() if _folded(area.floor) == floor}
    return [one for one in register_places.doors(connection, [site_id]) if one.area in here]


def _folded(floor: str) -> str:
    """`Tầng 2` and `2` are one floor."""
    return clean(floor).casefold().removeprefix("tầng").strip()


# -- writing ---------------------------------------------------------------------------------


def add(
    connection: Connection,
    site_id: str,
    *,
    floor: str,
    title: str,
    picture: str,
    keep: bool,
    by: str,
    now_ns: int,
) -> FloorPlan:
    """Take a drawing in; the one of the same floor gives way to it and is kept.

    Args:
        connection: a writing transaction.
        site_id: where.
        floor: as the areas call it.
        title: what people read.
        picture: id of a picture of this facility.
        keep: put the cameras where they stood on the drawing before.
        by: name of the account.
        now_ns: UTC.

    Raises:
        VonggacError: BAD_INPUT, with `fields`.
    """
    floor, title = clean(floor), clean(title)
    wrong = {}
    if not floor:
        wrong["floor"] = "missing"
    elif len(floor) > FLOOR_LIMIT:
        wrong["floor"] = "too_long"
    if len(title) > TITLE_LIMIT:
        wrong["title"] = "too_long"
    if coverage.picture_of(connection, site_id, picture) is None:
        wrong["picture"] = "no_file"
    if wrong:
        raise VonggacError(Kind.BAD_INPUT, "a plan lacks what it needs", fields=wrong)
    before = next(
        (
            one
            for one in plans(connection, site_id)
            if one.is_current and _folded(one.floor) == _folded(floor)
        ),
        None,
    )
    made = new_id()
    connection.execute(
        db.floor_plan.insert().values(
            id=made, site_id=site_id, floor=floor, title=title, picture_id=picture,
            made_ns=now_ns, made_by=by,
        )
    )  # fmt: skip
    if before is not None:
        _give_way(connection, before.id, now_ns)
        if keep:
            stood = views(connection, [before.id])[before.id]
            put(connection, plan(connection, site_id, made), list(stood.values()))
    return plan(connection, site_id, made)


def _give_way(connection: Connection, plan_id: str, now_ns: int) -> None:
    table = db.floor_plan
    connection.execute(table.update().where(table.c.id == plan_id).values(removed_ns=now_ns))


def take_away(connection: Connection, found: FloorPlan, *, now_ns: int) -> None:
    """The floor has no plan any more; what was drawn is kept.

    Raises:
        VonggacError: CONFLICT, it gave way already.
    """
    _require_current(found)
    _give_way(connection, found.id, now_ns)


def put(connection: Connection, found: FloorPlan, placed: Sequence[View]) -> None:
    """Place cameras on a plan, or move them.

    Raises:
        VonggacError: BAD_INPUT, a figure is none, or there are too many; CONFLICT, the plan gave
            way; NOT_FOUND, a camera is not of this facility.
    """
    _require_current(found)
    if not placed:
        return
    placed = [checked(one) for one in placed]
    wanted = {one.camera_id for one in placed}
    camera = tables.camera
    query = sa.select(camera.c.id).where(
        camera.c.site_id == found.site_id, camera.c.retired_ns.is_(None)
    )
    here = set(connection.execute(query).scalars())
    stood = set(views(connection, [found.id])[found.id])
    if wanted - here - stood:
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera in this facility")
    if len(wanted | stood) > CAMERAS_LIMIT:
        raise VonggacError(
            Kind.BAD_INPUT, f"at most {CAMERAS_LIMIT} cameras on one plan",
            fields={"camera": "too_many"},
        )  # fmt: skip
    table = db.plan_camera
    connection.execute(
        table.delete().where(table.c.plan_id == found.id, table.c.camera_id.in_(wanted))
    )
    connection.execute(table.insert(), [{"plan_id": found.id, **asdict(one)} for one in placed])


def drop(connection: Connection, found: FloorPlan, camera_id: str) -> None:
    """Take a camera off a plan.

    Raises:
        VonggacError: NOT_FOUND, it does not stand there; CONFLICT, the plan gave way.
    """
    _require_current(found)
    table = db.plan_camera
    where = sa.and_(table.c.plan_id == found.id, table.c.camera_id == camera_id)
    if not connection.execute(table.delete().where(where)).rowcount:
        raise VonggacError(Kind.NOT_FOUND, "this camera does not stand on the plan")


def _require_current(found: FloorPlan) -> None:
    if not found.is_current:
        raise VonggacError(
            Kind.CONFLICT, "another plan took the place of this one", code="plan_old"
        )
