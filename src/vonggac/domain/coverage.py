"""What the cameras of a facility cover, computed from the placement rule; and who concluded what.

The figures are the program's own way of counting (*cách tính của phần mềm*): whether cameras are
enough is concluded by a named surveyor, with pictures, and stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import Connection
from vonggac.db import register as db
from vonggac.domain import ledger, register_places, registry
from vonggac.domain.register import NOTE_LIMIT, clean
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.domain.pictures import Picture
    from vonggac.domain.register_places import Area, Door
    from vonggac.domain.registry import Camera
    from vonggac.domain.rules import Placement, Zone

PICTURES_LIMIT: Final = 12
"""Pictures of one conclusion (ours)."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A facility has no such place: who said so, why, and the photograph."""

    zone: str
    reason: str
    picture_id: str
    said_ns: int
    said_by: str
    said_name: str


@dataclass(frozen=True, slots=True)
class ZoneCover:
    """One place of the rule in a facility."""

    zone: Zone
    cameras: int
    working: int
    unseen: tuple[str, ...]
    """Areas of this zone that no working camera looks at, by title."""
    absence: Absence | None

    @property
    def verdict(self) -> str:
        """`good`, `short` (some do not work), `none` (no camera), `absent` (no such place)."""
        if not self.cameras:
            return "absent" if self.absence else "none"
        return "good" if self.working == self.cameras and not self.unseen else "short"

    @property
    def is_covered(self) -> bool:
        """At least one camera works and no area is left out, or there is no such place."""
        return bool(self.working and not self.unseen) or (not self.cameras and bool(self.absence))


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the cameras of a facility cover at one moment."""

    zones: tuple[ZoneCover, ...]
    doors: int
    unseen_doors: tuple[Door, ...]
    """Doors that no working camera sees."""
    blind: tuple[tuple[str, str], ...]
    """(area, blind spot) as somebody named them."""

    @property
    def required(self) -> int:
        """Places that the rule asks for."""
        return sum(one.zone.required for one in self.zones)

    @property
    def covered(self) -> int:
        """Of these, how many are covered."""
        return sum(one.zone.required and one.is_covered for one in self.zones)

    @property
    def is_whole(self) -> bool:
        """Every required place and every door is seen, and nobody named a blind spot."""
        return self.covered == self.required and not self.unseen_doors and not self.blind

    def as_json(self) -> dict[str, Any]:
        """As the API says it, and as it stands with a conclusion."""
        return {
            "method": "cách tính của phần mềm",
            "required": self.required,
            "covered": self.covered,
            "whole": self.is_whole,
            "doors": self.doors,
            "doors_seen": self.doors - len(self.unseen_doors),
            "doors_unseen": [one.name for one in self.unseen_doors],
            "blind": [{"area": area, "said": said} for area, said in self.blind],
            "zones": [
                {
                    "code": one.zone.code, "cameras": one.cameras, "working": one.working,
                    "verdict": one.verdict, "covered": one.is_covered,
                    "areas_unseen": list(one.unseen),
                }
                for one in self.zones
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A surveyor's conclusion."""

    id: str
    enough: bool
    said: str
    facts: dict[str, Any]
    pictures: tuple[str, ...]
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a facility now: coverage is judged from it, and connection plans are made."""

    cameras: Sequence[Camera]
    working: frozenset[str]
    """Cameras whose main stream records, by id."""
    silent: frozenset[str]
    """Cameras of which the box says that no picture comes; of others it has said nothing."""
    areas: Sequence[Area]
    looking: Mapping[str, frozenset[str]]
    """Cameras that look at each area, by its code."""
    absences: Mapping[str, Absence]


def standing(connection: Connection, site_id: str) -> Standing:
    """What stands in a facility now."""
    cameras = registry.cameras(connection, site_id)
    states = ledger.states(connection, site_id)
    status = {
        one.id: state.status
        for one in cameras
        if (state := states.get((one.name, "main"))) is not None
    }
    here = {one.id for one in cameras}
    looking: dict[str, set[str]] = {}
    for camera_id, one in register_places.facts(connection, [site_id]).items():
        if one.area and camera_id in here:
            looking.setdefault(one.area, set()).add(camera_id)
    return Standing(
        cameras,
        frozenset(one for one, said in status.items() if said == "recording"),
        frozenset(one for one, said in status.items() if said == "gap"),
        list(register_places.areas(connection, [site_id]).values()),
        {code: frozenset(ids) for code, ids in looking.items()},
        absences(connection, site_id),
    )


def coverage(connection: Connection, site_id: str, placement: Placement) -> Coverage:
    """What the cameras of a facility cover now; a camera works while its main stream records."""
    now = standing(connection, site_id)
    cameras, working, gone = now.cameras, now.working, now.absences
    zones = []
    for zone in placement.zones:
        here = [one for one in cameras if one.zone == zone.code]
        # Areas count once somebody has said of any camera where it looks.
        unseen = tuple(
            area.title or area.code
            for area in now.areas
            if area.zone == zone.code and not now.looking.get(area.code, frozenset()) & working
        ) if here else ()  # fmt: skip
        zones.append(
            ZoneCover(
                zone, len(here), sum(one.id in working for one in here), unseen,
                gone.get(zone.code),
            )
        )  # fmt: skip
    doors = register_places.doors(connection, [site_id])
    return Coverage(
        tuple(zones),
        len(doors),
        tuple(one for one in doors if one.camera_id not in working),
        tuple((one.title or one.code, one.blind) for one in now.areas if one.blind),
    )


# -- places that a facility does not have -----------------------------------------------------


def absences(connection: Connection, site_id: str) -> dict[str, Absence]:
    """Places of the rule that the facility does not have, by code."""
    table = db.zone_absence
    rows = connection.execute(
        sa.select(
            table.c.zone, table.c.reason, table.c.picture_id, table.c.said_ns, table.c.said_by,
            table.c.said_name,
        ).where(table.c.site_id == site_id)
    )  # fmt: skip
    return {row.zone: Absence(*row) for row in rows}


def say_absent(
    connection: Connection,
    site_id: str,
    zone: str,
    *,
    reason: str,
    picture: str,
    placement: Placement,
    by: tuple[str, str],
    now_ns: int,
) -> Absence:
    """Say that a facility has no such place, by name and with a photograph.

    Args:
        connection: a writing transaction.
        site_id: which facility.
        zone: code of the placement rule.
        reason: how it does without.
        picture: id of a picture of this facility.
        placement: the rule in force.
        by: account and full name.
        now_ns: UTC now.

    Raises:
        VonggacError: BAD_INPUT, no reason, no such place, no such picture.
    """
    reason = clean(reason)[:NOTE_LIMIT]
    faults = {}
    if placement.zone(zone) is None:
        faults["zone"] = "unknown_zone"
    if not reason:
        faults["reason"] = "missing"
    if picture_of(connection, site_id, picture) is None:
        faults["picture"] = "no_picture"
    if faults:
        raise VonggacError(Kind.BAD_INPUT, f"{', '.join(faults)}: needed", fields=faults)
    take_back_absence(connection, site_id, zone)
    connection.execute(
        db.zone_absence.insert().values(
            site_id=site_id, zone=zone, reason=reason, picture_id=picture, said_ns=now_ns,
            said_by=by[0], said_name=by[1],
        )
    )  # fmt: skip
    return absences(connection, site_id)[zone]


def take_back_absence(connection: Connection, site_id: str, zone: str) -> bool:
    """The facility has such a place after all; whether anything was said otherwise."""
    table = db.zone_absence
    done = connection.execute(
        table.delete().where(table.c.site_id == site_id, table.c.zone == zone)
    )
    return done.rowcount > 0


# -- conclusions -----------------------------------------------------------------------------


def conclusions(connection: Connection, site_id: str) -> list[Conclusion]:
    """What surveyors concluded, the last first."""
    table = db.cover_conclusion
    rows = connection.execute(
        sa.select(
            table.c.id, table.c.enough, table.c.said, table.c.facts, table.c.pictures,
            table.c.made_ns, table.c.made_by, table.c.made_name,
        )
        .where(table.c.site_id == site_id)
        .order_by(table.c.made_ns.desc(), table.c.id)
    )  # fmt: skip
    return [Conclusion(row[0], row[1], row[2], row[3], tuple(row[4]), *row[5:]) for row in rows]


def conclude(
    connection: Connection,
    site_id: str,
    *,
    enough: bool,
    said: str,
    pictures: Sequence[str],
    placement: Placement,
    by: tuple[str, str],
    now_ns: int,
) -> Conclusion:
    """Conclude whether cameras are enough; what the program computes now stands with it.

    Raises:
        VonggacError: BAD_INPUT, nothing said, no picture, or one that is not this facility's.
    """
    said = clean(said)[:NOTE_LIMIT]
    faults = {}
    if not said:
        faults["said"] = "missing"
    known = [one for one in pictures if picture_of(connection, site_id, one) is not None]
    if not known or len(known) != len(pictures) or len(known) > PICTURES_LIMIT:
        faults["pictures"] = "no_picture"
    if faults:
        raise VonggacError(Kind.BAD_INPUT, f"{', '.join(faults)}: needed", fields=faults)
    connection.execute(
        db.cover_conclusion.insert().values(
            id=new_id(), site_id=site_id, enough=enough, said=said, pictures=known,
            facts=coverage(connection, site_id, placement).as_json(), made_ns=now_ns,
            made_by=by[0], made_name=by[1],
        )
    )  # fmt: skip
    return conclusions(connection, site_id)[0]


# -- pictures --------------------------------------------------------------------------------


def keep_picture(
    connection: Connection, site_id: str, kind: str, picture: Picture, *, by: str, now_ns: int
) -> str:
    """Keep a picture of a facility; returns its id."""
    found = new_id()
    connection.execute(
        db.register_picture.insert().values(
            id=found, site_id=site_id, kind=kind, media_type=picture.media_type,
            width=picture.width, height=picture.height, sha256=picture.sha256,
            content=picture.content, made_ns=now_ns, made_by=by,
        )
    )  # fmt: skip
    return found


def picture_of(
    connection: Connection, site_id: str, picture_id: str
) -> tuple[str, int, int] | None:
    """Media type, width and height of a picture of this facility; None if it has none such."""
    table = db.register_picture
    row = connection.execute(
        sa.select(table.c.media_type, table.c.width, table.c.height).where(
            table.c.id == picture_id, table.c.site_id == site_id
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def picture_bytes(connection: Connection, site_id: str, picture_id: str) -> tuple[str, bytes]:
    """Media type and bytes of a picture.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = db.register_picture
    row = connection.execute(
        sa.select(table.c.media_type, table.c.content).where(
            table.c.id == picture_id, table.c.site_id == site_id
        )
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such picture")
    return row[0], bytes(row[1])
