"""Places of a facility: areas of the placement rule, doors, and what is known of each camera."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import Connection, tables
from vonggac.db import register as db
from vonggac.domain.register import TITLE_LIMIT, clean
from vonggac.domain.registry import Problem, Unacceptable
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from vonggac.domain.rules import Placement

CODE: Final = r"[a-z0-9][a-z0-9.-]{0,39}"
"""Of an area: as of a camera, and a point."""
DOORS_LIMIT: Final = 400
"""Doors of one area (ours)."""
DOOR_LIMIT: Final = 40


@dataclass(frozen=True, slots=True)
class Area:
    """One place of the placement rule in a facility, with the doors that open to it."""

    code: str
    zone: str
    title: str = ""
    floor: str = ""
    blind: str = ""
    doors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a camera as a device (QCVN 11:2026/BCA), and where it looks."""

    area: str = ""
    """Code of the area; empty while nobody has said."""
    doors: tuple[str, ...] = ()
    """Doors that it sees."""
    maker: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    conformity: str = ""
    cr_mark: bool | None = None
    bought_day: date | None = None
    password_changed: bool | None = None
    services_off: bool | None = None
    storage_country: str = ""
    patched_day: date | None = None


DEVICE: Final = tuple(name for name in Facts.__slots__ if name not in ("area", "doors"))
"""The fields of `Facts` that are the device's own."""


@dataclass(frozen=True, slots=True)
class Door:
    """A door of a quarantine room, seen from outside."""

    id: str
    site_id: str
    area: str
    name: str
    camera_id: str | None


def check_area(area: Area, placement: Placement) -> tuple[Problem, ...]:
    """Everything that is wrong with an area."""
    found: list[Problem] = []
    place = placement.refusal(area.zone)
    if place is not None:
        said = f"{place.refusal.en} ({placement.name.en})"
        found.append(Problem("zone", "forbidden_zone", said, place))
    elif placement.zone(area.zone) is None:
        found.append(Problem("zone", "unknown_zone", "zone: not in the rule"))
    if not re.fullmatch(CODE, area.code):
        found.append(Problem("code", "bad_name", "code: use a-z, 0-9, - and ."))
    found.extend(
        Problem(field, "too_long", f"{field}: too long")
        for field, limit in (("title", TITLE_LIMIT), ("floor", 40), ("blind", 500))
        if len(getattr(area, field)) > limit
    )
    if len(area.doors) > DOORS_LIMIT or any(len(one) > DOOR_LIMIT for one in area.doors):
        found.append(Problem("doors", "too_long", f"doors: at most {DOORS_LIMIT}, short names"))
    return tuple(found)


def areas(
    connection: Connection, site_ids: Sequence[str] | None = None
) -> dict[tuple[str, str], Area]:
    """Areas by (site, code), with their doors in the order of their names."""
    area, door = db.area, db.door
    query = sa.select(
        area.c.site_id, area.c.code, area.c.zone, area.c.title, area.c.floor, area.c.blind,
        area.c.id,
    ).order_by(area.c.zone, area.c.code)  # fmt: skip
    inside = sa.select(door.c.area_id, door.c.name).order_by(door.c.name)
    if site_ids is not None:
        query = query.where(area.c.site_id.in_(site_ids))
        inside = inside.where(door.c.site_id.in_(site_ids))
    names: dict[str, list[str]] = {}
    for area_id, name in connection.execute(inside):
        names.setdefault(area_id, []).append(name)
    return {
        (row[0], row[1]): Area(*row[1:6], doors=tuple(names.get(row[6], ())))
        for row in connection.execute(query)
    }


def doors(connection: Connection, site_ids: Sequence[str] | None = None) -> list[Door]:
    """Doors with their areas and the cameras that see them, by name."""
    door, area = db.door, db.area
    query = (
        sa.select(door.c.id, door.c.site_id, area.c.code, door.c.name, door.c.camera_id)
        .join(area, area.c.id == door.c.area_id)
        .order_by(door.c.site_id, door.c.name)
    )
    if site_ids is not None:
        query = query.where(door.c.site_id.in_(site_ids))
    return [Door(*row) for row in connection.execute(query)]


def facts(connection: Connection, site_ids: Sequence[str] | None = None) -> dict[str, Facts]:
    """What is known of cameras, by their ids; one of which nothing is known is not among them."""
    table, camera, area = db.camera_facts, tables.camera, db.area
    query = (
        sa.select(table.c.camera_id, area.c.code, *(table.c[name] for name in DEVICE))
        .join(camera, camera.c.id == table.c.camera_id)
        .join(area, area.c.id == table.c.area_id, isouter=True)
    )
    if site_ids is not None:
        query = query.where(camera.c.site_id.in_(site_ids))
    seen: dict[str, list[str]] = {}
    for one in doors(connection, site_ids):
        if one.camera_id is not None:
            seen.setdefault(one.camera_id, []).append(one.name)
    found = {
        row[0]: Facts(row[1] or "", tuple(seen.pop(row[0], ())), *row[2:])
        for row in connection.execute(query)
    }
    return found | {camera_id: Facts(doors=tuple(names)) for camera_id, names in seen.items()}


# -- writing ---------------------------------------------------------------------------------


def put_areas(
    connection: Connection,
    said: Mapping[tuple[str, str], Area],
    before: Mapping[tuple[str, str], Area],
) -> None:
    """Write checked areas and the doors that open to them."""
    if not said:
        return
    table = db.area
    fields = ("zone", "title", "floor", "blind")
    if fresh := [key for key in said if key not in before]:
        connection.execute(
            table.insert(),
            [
                {"id": new_id(), "site_id": key[0], "code": key[1],
                 **{name: getattr(said[key], name) for name in fields}}
                for key in fresh
            ],
        )  # fmt: skip
    if old := [key for key in said if key in before]:
        connection.execute(
            table.update().where(
                table.c.site_id == sa.bindparam("b_site"), table.c.code == sa.bindparam("b_code")
            ),
            [
                {"b_site": key[0], "b_code": key[1],
                 **{name: getattr(said[key], name) for name in fields}}
                for key in old
            ],
        )  # fmt: skip
    _put_doors(connection, said, before)


def _put_doors(
    connection: Connection,
    said: Mapping[tuple[str, str], Area],
    before: Mapping[tuple[str, str], Area],
) -> None:
    """Doors that an area no longer has go first, so that another area may take their names."""
    door = db.door
    gone = [
        {"b_site": key[0], "b_name": name}
        for key, area in said.items()
        if key in before
        for name in before[key].doors
        if name not in area.doors
    ]
    if gone:
        connection.execute(
            door.delete().where(
                door.c.site_id == sa.bindparam("b_site"), door.c.name == sa.bindparam("b_name")
            ),
            gone,
        )
    ids = area_ids(connection, {key[0] for key in said})
    fresh = [
        {"id": new_id(), "site_id": key[0], "area_id": ids[key], "name": name}
        for key, area in said.items()
        for name in area.doors
        if key not in before or name not in before[key].doors
    ]
    if fresh:
        connection.execute(door.insert(), fresh)


def area_ids(connection: Connection, site_ids: Iterable[str]) -> dict[tuple[str, str], str]:
    """Ids of areas by (site, code)."""
    wanted, table = set(site_ids), db.area
    query = sa.select(table.c.site_id, table.c.code, table.c.id)
    if len(wanted) < 500:
        query = query.where(table.c.site_id.in_(wanted))
    return {(row[0], row[1]): row[2] for row in connection.execute(query) if row[0] in wanted}


def put_facts(
    connection: Connection,
    said: Mapping[str, tuple[str, Facts]],
    known: Mapping[str, Facts],
    *,
    now_ns: int,
) -> None:
    """Write what is known of cameras, by id: (site, facts); and tie their doors to them."""
    if not said:
        return
    table = db.camera_facts
    ids = area_ids(connection, {site_id for site_id, _ in said.values()})
    stand = set(
        connection.execute(sa.select(table.c.camera_id)).scalars() if len(said) > 500
        else connection.execute(
            sa.select(table.c.camera_id).where(table.c.camera_id.in_(said))
        ).scalars()
    )  # fmt: skip
    values = {
        camera_id: {
            "area_id": ids.get((site_id, one.area)),
            "updated_ns": now_ns,
            **{name: getattr(one, name) for name in DEVICE},
        }
        for camera_id, (site_id, one) in said.items()
    }
    if fresh := [one for one in said if one not in stand]:
        connection.execute(table.insert(), [{"camera_id": one, **values[one]} for one in fresh])
    if old := [one for one in said if one in stand]:
        connection.execute(
            table.update().where(table.c.camera_id == sa.bindparam("b_id")),
            [{"b_id": one, **values[one]} for one in old],
        )
    _tie_doors(connection, said, known)


def _tie_doors(
    connection: Connection, said: Mapping[str, tuple[str, Facts]], known: Mapping[str, Facts]
) -> None:
    door = db.door
    pairs = [
        (site_id, camera_id, known[camera_id].doors if camera_id in known else (), one.doors)
        for camera_id, (site_id, one) in said.items()
    ]
    # A name is let go only by the camera that holds it: another may have taken it in this very go.
    loose = [
        {"b_site": site_id, "b_name": name, "b_camera": camera_id}
        for site_id, camera_id, before, after in pairs
        for name in before
        if name not in after
    ]
    tied = [
        {"b_site": site_id, "b_name": name, "camera_id": camera_id}
        for site_id, camera_id, before, after in pairs
        for name in after
        if name not in before
    ]
    here = sa.and_(door.c.site_id == sa.bindparam("b_site"), door.c.name == sa.bindparam("b_name"))
    if loose:
        connection.execute(
            door.update().where(here, door.c.camera_id == sa.bindparam("b_camera")).values(
                camera_id=None
            ),
            loose,
        )  # fmt: skip
    if tied:
        connection.execute(door.update().where(here), tied)


def set_area(connection: Connection, site_id: str, area: Area, *, placement: Placement) -> Area:
    """Write one area with its doors.

    Raises:
        Unacceptable: it has problems; a door stands in another area.
    """
    area = Area(
        clean(area.code).casefold(), clean(area.zone).upper(), clean(area.title),
        clean(area.floor), clean(area.blind),
        tuple(sorted(dict.fromkeys(one for name in area.doors if (one := clean(name))))),
    )  # fmt: skip
    problems = list(check_area(area, placement))
    before = areas(connection, [site_id])
    elsewhere = {
        name: other.code for other in before.values() if other.code != area.code
        for name in other.doors
    }  # fmt: skip
    problems += [
        Problem("doors", "door_twice", f"doors: {name} stands in {elsewhere[name]}")
        for name in area.doors
        if name in elsewhere
    ][:1]
    if problems:
        raise Unacceptable(problems)
    put_areas(connection, {(site_id, area.code): area}, before)
    return area


def drop_area(connection: Connection, site_id: str, code: str) -> None:
    """Take an area out of the register, with its doors.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, a camera looks at it.
    """
    area_id = area_ids(connection, [site_id]).get((site_id, code))
    if area_id is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such area")
    table = db.camera_facts
    used = sa.select(table.c.camera_id).where(table.c.area_id == area_id)
    if connection.execute(used).first() is not None:
        raise VonggacError(
            Kind.CONFLICT, "a camera looks at this area; move it first", code="area_in_use"
        )
    connection.execute(db.door.delete().where(db.door.c.area_id == area_id))
    connection.execute(db.area.delete().where(db.area.c.id == area_id))


def tie_door(connection: Connection, site_id: str, name: str, camera_id: str | None) -> Door:
    """Say which camera of the facility sees a door; None: none does.

    Raises:
        VonggacError: NOT_FOUND, there is no such door, or no such camera in the facility.
    """
    found = next((one for one in doors(connection, [site_id]) if one.name == name), None)
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such door")
    if camera_id is not None:
        table = tables.camera
        known = sa.select(table.c.id).where(
            table.c.id == camera_id, table.c.site_id == site_id, table.c.retired_ns.is_(None)
        )
        if connection.execute(known).first() is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such camera in this facility")
    connection.execute(db.door.update().where(db.door.c.id == found.id).values(camera_id=camera_id))
    return Door(found.id, site_id, found.area, name, camera_id)


def facts_json(one: Facts) -> dict[str, Any]:
    """As the API says it."""
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name in Facts.__slots__
        for value in (getattr(one, name),)
    }
