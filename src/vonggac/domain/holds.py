"""Holds: spans under a case, which no rule of retention deletes until somebody else lets them go.

The order to the box carries them, and it keeps the whole hours around them (`edge.retention`).
An export that is not built yet keeps what it asks for in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from vonggac import keys
from vonggac.clock import rfc3339
from vonggac.db import tables
from vonggac.domain import audit, exports
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

MAX_TEXT = 300
MAX_HOLDS = 500
"""Holds of one site that stand at once; an order to a box names 1,000 spans at most."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A span under a case."""

    id: str
    site_id: str
    camera_id: str
    camera: str
    """Its name on the wire."""
    from_ns: int
    to_ns: int
    case_number: str
    reason: str
    placed_by: str
    placed_name: str
    placed_ns: int
    released_by: str | None
    released_name: str
    released_ns: int | None
    released_reason: str

    @property
    def stands(self) -> bool:
        """Whether it still keeps anything."""
        return self.released_ns is None


class Kept(NamedTuple):
    """What a box must not delete."""

    camera: str
    """Name on the wire."""
    from_ns: int
    to_ns: int
    case: str


def place(
    connection: Connection,
    *,
    camera_id: str,
    span: tuple[int, int],
    case_number: str,
    reason: str,
    by: Someone,
    now_ns: int,
) -> Hold:
    """Keep a span of a camera from now on; it may reach into the future.

    Raises:
        VonggacError: BAD_INPUT with `fields`; NOT_FOUND, no such camera; TOO_MANY.
    """
    faults = {}
    for field, text in (("case_number", case_number), ("reason", reason)):
        if not 0 < len(text.strip()) <= MAX_TEXT:
            faults[field] = "required" if not text.strip() else "too_long"
    if not 0 < span[0] < span[1] < 2**62:
        faults["from"] = "ends_before_it_begins"
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=faults)
    camera = connection.execute(
        sa.select(tables.camera.c.site_id, tables.camera.c.name).where(
            tables.camera.c.id == camera_id
        )
    ).one_or_none()
    if camera is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
    if len(standing(connection, [camera.site_id])) >= MAX_HOLDS:
        raise VonggacError(Kind.TOO_MANY, f"{MAX_HOLDS} holds stand at this site already")
    hold_id = keys.new_id()
    connection.execute(
        tables.hold.insert().values(
            id=hold_id,
            site_id=camera.site_id,
            camera_id=camera_id,
            camera=camera.name,
            from_ns=span[0],
            to_ns=span[1],
            case_number=case_number.strip(),
            reason=reason.strip(),
            placed_by=by.account_id,
            placed_name=by.name,
            placed_ns=now_ns,
        )
    )
    made = find(connection, hold_id)
    _audit(connection, made, audit.Act.HOLD_PLACED, by, now_ns, made.reason)
    return made


def release(connection: Connection, hold_id: str, *, reason: str, by: Someone, now_ns: int) -> Hold:
    """Let a span go again: retention takes it when it is old enough.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is released already; FORBIDDEN (`own_hold`);
            BAD_INPUT.
    """
    found = find(connection, hold_id)
    if not found.stands:
        raise VonggacError(Kind.CONFLICT, "this hold has been released already")
    if found.placed_by == by.account_id:
        raise VonggacError(
            Kind.FORBIDDEN, "one's own hold is released by somebody else", code="own_hold"
        )
    if not 0 < len(reason.strip()) <= MAX_TEXT:
        raise VonggacError(
            Kind.BAD_INPUT, "say why it is not needed any more", fields={"reason": "required"}
        )
    table = tables.hold
    connection.execute(
        table.update()
        .where(table.c.id == hold_id)
        .values(
            released_by=by.account_id,
            released_name=by.name,
            released_ns=now_ns,
            released_reason=reason.strip(),
        )
    )
    made = find(connection, hold_id)
    _audit(connection, made, audit.Act.HOLD_RELEASED, by, now_ns, made.released_reason)
    return made


def refused_own(connection: Connection, hold_id: str, *, by: Someone, now_ns: int) -> None:
    """Write down that somebody tried to release their own hold; in a transaction of its own."""
    found = find(connection, hold_id)
    audit.record(
        connection,
        by.actor,
        audit.Act.HOLD_RELEASED,
        now_ns=now_ns,
        thing=found.camera_id,
        site=found.site_id,
        purpose=found.case_number,
        outcome="refused",
        detail={"hold": hold_id, "why": "own_hold"},
    )


def find(connection: Connection, hold_id: str) -> Hold:
    """One hold.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(
        sa.select(*tables.hold.c).where(tables.hold.c.id == hold_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such hold")
    return Hold(*row)


def listed(connection: Connection, site_ids: Sequence[str], *, limit: int = 500) -> list[Hold]:
    """Holds of these sites: those that stand first, then the newest."""
    table = tables.hold
    rows = connection.execute(
        sa.select(*table.c)
        .where(table.c.site_id.in_(list(site_ids)))
        .order_by(table.c.released_ns.is_not(None), table.c.placed_ns.desc(), table.c.id)
        .limit(limit)
    ).all()
    return [Hold(*row) for row in rows]


def standing(connection: Connection, site_ids: Sequence[str]) -> list[Hold]:
    """Holds that keep something now."""
    table = tables.hold
    rows = connection.execute(
        sa.select(*table.c)
        .where(table.c.site_id.in_(list(site_ids)), table.c.released_ns.is_(None))
        .order_by(table.c.placed_ns, table.c.id)
    ).all()
    return [Hold(*row) for row in rows]


def kept(connection: Connection, site_id: str) -> list[Kept]:
    """Everything that the site's box must not delete: holds, and what open exports ask for."""
    return [one for _, one in kept_for(connection, site_id)]


def kept_for(connection: Connection, site_id: str) -> list[tuple[str, Kept]]:
    """The same, each with the id of the hold or of the export that needs it."""
    found = [
        (hold.id, Kept(hold.camera, hold.from_ns, hold.to_ns, hold.case_number))
        for hold in standing(connection, [site_id])
    ]
    for export in exports.still_open(connection, site_id):
        names = exports.camera_names(connection, export.cameras)
        number = export.request.number[:MAX_TEXT]
        found += [
            (export.id, Kept(names[camera].name, export.from_ns, export.to_ns, number))
            for camera in export.cameras
        ]
    return found[:1_000]


def sites_with(connection: Connection) -> set[str]:
    """Facilities of which something is kept now."""
    hold = tables.hold
    placed = connection.execute(
        sa.select(hold.c.site_id).where(hold.c.released_ns.is_(None)).distinct()
    )
    return {*placed.scalars(), *exports.sites_open(connection)}


def _audit(
    connection: Connection, hold: Hold, act: audit.Act, by: Someone, now_ns: int, reason: str
) -> None:
    detail: dict[str, Any] = {
        "hold": hold.id,
        "from": rfc3339(hold.from_ns),
        "to": rfc3339(hold.to_ns),
        "case": hold.case_number,
    }
    audit.record(
        connection,
        by.actor,
        act,
        now_ns=now_ns,
        thing=hold.camera_id,
        site=hold.site_id,
        purpose=f"{hold.case_number}: {reason}",
        detail=detail,
    )
