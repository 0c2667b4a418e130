"""Alarms of joining: what nobody may overlook, open until a named person takes it on.

Each is raised by what this hub saw itself: two connections of one key, a server under a strange
name, a fact whose signature is not its site's, a site that is silent for longer than what it
recorded meanwhile is kept. The same thing again counts up; after somebody took it on, it is a new
alarm. Rows are never deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vonggac import keys
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.db import wanting as db
from vonggac.domain import audit, links
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

MAX_NOTE = 500
DAY_NS = 86_400 * NS
LEDGER_BYTES = 1024**3
"""Bytes of facts that a site keeps for the hubs above it (`vonggac.bus.streams`)."""
FACTS_A_DAY = 40_000
"""Bytes of facts of a camera and day: 100 cameras make some 4 MB (`vonggac.bus.streams`)."""
AGAIN_NS = 60 * NS
"""The same thing within this counts up no more than once: a hostile site sends thousands."""


class Alarm(StrEnum):
    """What can be seen."""

    CLONE = "clone"
    """Two machines are joined with one key: a box was copied."""
    IMPOSTOR = "impostor"
    """A server calls itself by another name than that of the site whose key it has."""
    FORGED = "forged"
    """A fact was not signed with the key of the site that it names, or came a way not its own."""
    SILENT = "silent"
    """A site is away for longer than what it recorded meanwhile is kept."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm as it stands."""

    id: str
    kind: str
    site_id: str
    """Empty where nobody can say."""
    first_ns: int
    last_ns: int
    times: int
    evidence: str
    taken_by: str | None
    taken_name: str
    taken_ns: int | None
    note: str

    @property
    def is_open(self) -> bool:
        """Whether nobody has taken it on."""
        return self.taken_ns is None


def sound(connection: Connection, kind: Alarm, site_id: str, *, evidence: str, now_ns: int) -> bool:
    """Raise an alarm, or count up the one that is open. A writing transaction.

    Args:
        connection: a writing transaction.
        kind: what was seen.
        site_id: of whom; empty where nobody can say.
        evidence: what was seen, for people.
        now_ns: when.

    Returns:
        Whether it is a new one.
    """
    table = db.alarm
    row = connection.execute(
        sa.select(table.c.id, table.c.last_ns).where(
            table.c.kind == kind.value, table.c.site_id == site_id, table.c.taken_ns.is_(None)
        )
    ).first()
    if row is None:
        connection.execute(
            table.insert().values(
                id=keys.new_id(), kind=kind.value, site_id=site_id, first_ns=now_ns,
                last_ns=now_ns, times=1, evidence=evidence[:MAX_NOTE],
            )
        )  # fmt: skip
        return True
    if now_ns - row.last_ns >= AGAIN_NS:
        connection.execute(
            table.update()
            .where(table.c.id == row.id)
            .values(last_ns=now_ns, times=table.c.times + 1, evidence=evidence[:MAX_NOTE])
        )
    return False


def take(connection: Connection, alarm_id: str, *, note: str, by: Someone, now_ns: int) -> Raised:
    """A named person takes an alarm on, and says what was done. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, somebody has taken it on; BAD_INPUT, nothing was said.
    """
    found = find(connection, alarm_id)
    said = note.strip()
    if not 0 < len(said) <= MAX_NOTE:
        why = "required" if not said else "too_long"
        raise VonggacError(Kind.BAD_INPUT, "say what you do about it", fields={"note": why})
    table = db.alarm
    done = connection.execute(
        table.update()
        .where(table.c.id == alarm_id, table.c.taken_ns.is_(None))
        .values(taken_by=by.account_id, taken_name=by.name, taken_ns=now_ns, note=said)
    )
    if done.rowcount != 1:
        raise VonggacError(
            Kind.CONFLICT, f"{found.taken_name} has taken this alarm on", code="alarm_taken"
        )
    audit.record(
        connection, by.actor, audit.Act.ALARM_TAKEN, now_ns=now_ns, thing=found.kind,
        site=found.site_id or None, purpose=said,
        detail={"alarm": alarm_id, "times": found.times, "evidence": found.evidence},
    )  # fmt: skip
    return find(connection, alarm_id)


def find(connection: Connection, alarm_id: str) -> Raised:
    """One alarm.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(_columns().where(db.alarm.c.id == alarm_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such alarm")
    return Raised(*row)


def listed(connection: Connection, site_ids: Sequence[str], *, limit: int = 200) -> list[Raised]:
    """Alarms of these sites, open ones first, then the newest.

    Args:
        connection: a transaction.
        site_ids: which; the empty id stands for those of nobody.
        limit: rows at most.
    """
    table = db.alarm
    query = (
        _columns()
        .where(table.c.site_id.in_(list(site_ids)))
        .order_by(table.c.taken_ns.is_not(None), table.c.last_ns.desc(), table.c.id)
        .limit(limit)
    )
    return [Raised(*row) for row in connection.execute(query)]


def count_open(connection: Connection, site_ids: Sequence[str]) -> int:
    """How many of these sites' alarms nobody has taken on."""
    table = db.alarm
    query = sa.select(sa.func.count()).where(
        table.c.taken_ns.is_(None), table.c.site_id.in_(list(site_ids))
    )
    return int(connection.execute(query).scalar_one())


def silence_ns(retention_days: int, cameras: int) -> int:
    """After how long a silence something of it is lost for good (our reckoning).

    Recordings go by the site's retention; the facts about them go when the ledger that the site
    keeps for its hubs is full. Whichever comes first.
    """
    ledger_days = LEDGER_BYTES // (FACTS_A_DAY * max(1, cameras))
    return min(retention_days, ledger_days) * DAY_NS


def silent(connection: Connection, *, now_ns: int) -> int:
    """Raise the alarm of every site that is away for too long; how many were new."""
    camera, site, state = tables.camera, tables.site, tables.site_state
    cameras = (
        sa.select(camera.c.site_id, sa.func.count().label("n"))
        .where(camera.c.retired_ns.is_(None))
        .group_by(camera.c.site_id)
        .subquery()
    )
    rows = connection.execute(
        sa.select(
            state.c.site_id, state.c.lost_ns, state.c.detail, site.c.retention_days,
            sa.func.coalesce(cameras.c.n, 0),
        )
        .join(site, site.c.id == state.c.site_id)
        .outerjoin(cameras, cameras.c.site_id == state.c.site_id)
        .where(state.c.lost_ns.is_not(None), state.c.lost_ns < now_ns - DAY_NS)
    )  # fmt: skip
    new = 0
    for site_id, lost_ns, detail, days, count in rows.all():
        if links.link_of(detail) is None or now_ns - lost_ns <= silence_ns(days, count):
            continue
        if _was_told(connection, site_id, lost_ns):
            continue
        evidence = f"silent for {(now_ns - lost_ns) // DAY_NS} days"
        new += sound(connection, Alarm.SILENT, site_id, evidence=evidence, now_ns=now_ns)
    return new


def _was_told(connection: Connection, site_id: str, lost_ns: int) -> bool:
    """Whether somebody took on the alarm of this very silence."""
    table = db.alarm
    query = sa.select(sa.func.count()).where(
        table.c.kind == Alarm.SILENT.value, table.c.site_id == site_id,
        table.c.taken_ns.is_not(None), table.c.first_ns > lost_ns,
    )  # fmt: skip
    return bool(connection.execute(query).scalar_one())


def _columns() -> sa.Select[Any]:
    return sa.select(*(db.alarm.c[name] for name in Raised.__slots__))
