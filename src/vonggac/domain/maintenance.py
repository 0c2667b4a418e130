"""Planned maintenance: time in which a person expects a camera to be away.

The order to the box carries it; what the camera does not send then is missing time with the cause
`maintenance`, from edge to edge of the plan (`edge.bookkeeping`). It is planned beforehand: the
past is not explained away, and withdrawing a plan ends it now and leaves what has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac import keys
from vonggac.clock import NS, rfc3339
from vonggac.db import tables
from vonggac.domain import audit, units
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection

MAX_REASON: Final = 300
"""Letters; as an order to a box takes them."""
MAX_PLANS: Final = 100
"""Plans of one camera that an order carries; as `wire.WantedCamera` takes them."""
LATE_NS: Final = 5 * 60 * NS
"""How long before now a plan may begin: who writes it down is already on the ladder (ours)."""
LONGEST_NS: Final = 30 * 86_400 * NS
"""Of one plan; a camera that is away for longer leaves the register (ours)."""
AHEAD_NS: Final = 366 * 86_400 * NS
"""How far ahead a plan may begin (ours)."""
TOLD_NS: Final = 86_400 * NS
"""How long after its end a box is still told: it may have been cut off meanwhile (ours)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Planned maintenance of a camera, ns of UTC, half-open."""

    id: str
    site_id: str
    camera_id: str
    from_ns: int
    to_ns: int
    reason: str
    planned_by: str
    planned_ns: int
    withdrawn_by: str | None
    withdrawn_ns: int | None

    @property
    def until_ns(self) -> int:
        """Where it really ends: a plan that was withdrawn while it lasted ended then."""
        if self.withdrawn_ns is None:
            return self.to_ns
        return max(self.from_ns, min(self.to_ns, self.withdrawn_ns))

    def may_be_withdrawn(self, now_ns: int) -> bool:
        """Whether there is anything left of it."""
        return self.withdrawn_ns is None and now_ns < self.to_ns


def plan(
    connection: Connection,
    camera_id: str,
    *,
    span: tuple[int, int],
    reason: str,
    by: audit.Actor,
    now_ns: int,
) -> Plan:
    """Plan maintenance of a camera; a writing transaction.

    Raises:
        VonggacError: BAD_INPUT with `fields`; NOT_FOUND, no such camera; TOO_MANY.
    """
    reason = " ".join(reason.split())
    faults = _faults(span, reason, now_ns)
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=faults)
    site_id = connection.execute(
        sa.select(tables.camera.c.site_id).where(tables.camera.c.id == camera_id)
    ).scalar_one_or_none()
    if site_id is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
    if len(told(connection, site_id, now_ns=now_ns).get(camera_id, ())) >= MAX_PLANS:
        raise VonggacError(
            Kind.TOO_MANY, f"{MAX_PLANS} plans of this camera stand already", code="too_many"
        )
    plan_id = keys.new_id()
    connection.execute(
        tables.maintenance.insert().values(
            id=plan_id,
            site_id=site_id,
            camera_id=camera_id,
            from_ns=span[0],
            to_ns=span[1],
            reason=reason,
            planned_by=by.name,
            planned_ns=now_ns,
        )
    )
    made = find(connection, camera_id, plan_id)
    _audit(connection, made, audit.Act.MAINTENANCE_PLANNED, by, now_ns)
    return made


def withdraw(
    connection: Connection, camera_id: str, plan_id: str, *, by: audit.Actor, now_ns: int
) -> Plan:
    """End a plan now; one that has not begun never does.

    Raises:
        VonggacError: NOT_FOUND, the camera has no such plan; CONFLICT, it is over.
    """
    if not find(connection, camera_id, plan_id).may_be_withdrawn(now_ns):
        raise VonggacError(Kind.CONFLICT, "this maintenance is over", code="plan_over")
    table = tables.maintenance
    connection.execute(
        table.update()
        .where(table.c.id == plan_id)
        .values(withdrawn_by=by.name, withdrawn_ns=now_ns)
    )
    made = find(connection, camera_id, plan_id)
    _audit(connection, made, audit.Act.MAINTENANCE_WITHDRAWN, by, now_ns)
    return made


def find(connection: Connection, camera_id: str, plan_id: str) -> Plan:
    """One plan of a camera.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = tables.maintenance
    found = _plans(connection, table.c.id == plan_id, table.c.camera_id == camera_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such maintenance")
    return found[0]


def listed(connection: Connection, camera_id: str, *, limit: int = 200) -> list[Plan]:
    """Plans of a camera, the latest first."""
    return _plans(connection, tables.maintenance.c.camera_id == camera_id, limit=limit)


def told(connection: Connection, site_id: str, *, now_ns: int) -> dict[str, list[Plan]]:
    """What a box must know, by the camera's id: what comes, lasts, or ended lately."""
    table = tables.maintenance
    found: dict[str, list[Plan]] = {}
    since = now_ns - TOLD_NS
    for one in reversed(_plans(connection, table.c.site_id == site_id, table.c.to_ns > since)):
        if one.from_ns < one.until_ns and since < one.until_ns:
            found.setdefault(one.camera_id, []).append(one)
    return found


def _plans(
    connection: Connection, *conditions: sa.ColumnElement[bool], limit: int | None = None
) -> list[Plan]:
    table = tables.maintenance
    rows = connection.execute(
        sa.select(*table.c)
        .where(*conditions)
        .order_by(table.c.from_ns.desc(), table.c.id)
        .limit(limit)
    ).all()
    return [Plan(*row) for row in rows]


def _faults(span: tuple[int, int], reason: str, now_ns: int) -> dict[str, str]:
    begin, end = span
    faults = {}
    if begin < now_ns - LATE_NS:
        faults["from"] = "in_the_past"
    elif begin > now_ns + AHEAD_NS:
        faults["from"] = "too_far_ahead"
    if end <= max(begin, now_ns):
        faults["to"] = "ends_before_it_begins"
    elif end - begin > LONGEST_NS:
        faults["to"] = "lasts_too_long"
    if not reason:
        faults["reason"] = "required"
    elif len(reason) > MAX_REASON:
        faults["reason"] = "too_long"
    elif units.is_secret(reason):
        faults["reason"] = "secret_mark"
    return faults


def _audit(connection: Connection, one: Plan, act: audit.Act, by: audit.Actor, now_ns: int) -> None:
    audit.record(
        connection,
        by,
        act,
        now_ns=now_ns,
        thing=one.camera_id,
        site=one.site_id,
        purpose=one.reason,
        detail={"plan": one.id, "from": rfc3339(one.from_ns), "to": rfc3339(one.until_ns)},
    )
