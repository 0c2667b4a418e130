"""Records of incidents: what happened, the clocks of the law, and what was done by whom.

The clocks run from the moment when the incident was found, and stop when somebody enters that it
was reported.  Steps are only ever added; the record can be closed when every clock has stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import among, compliance
from vonggac.domain import audit, legal
from vonggac.domain.units import is_secret
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

MAX_TITLE: Final = 200
MAX_SAID: Final = 2_000
LISTED: Final = 1_000
STEPS: Final = ("contained", "subjects_told", "note")
"""Steps besides the clocks and `closed`."""
CLOSED: Final = "closed"

IncidentKind = Literal["personal_data", "security"]
KINDS: Final[Sequence[IncidentKind]] = ("personal_data", "security")


@dataclass(frozen=True, slots=True)
class Draft:
    """An incident as it is entered."""

    site_id: str
    kind: str
    serious: bool
    title: str
    said: str
    affected: str
    found_ns: int


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done about an incident."""

    id: str
    incident_id: str
    kind: str
    said: str
    done_ns: int
    entered_ns: int
    entered_by: str
    entered_name: str


@dataclass(frozen=True, slots=True)
class Incident:
    """The record of an incident."""

    id: str
    site_id: str
    kind: IncidentKind
    serious: bool
    title: str
    said: str
    affected: str
    found_ns: int
    opened_ns: int
    opened_by: str
    closed_ns: int | None
    closed_by: str


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of the law over one incident."""

    rule: legal.ClockRule
    until_ns: int
    done: Step | None
    """The step that stopped it; None while it runs."""

    def left_ns(self, now_ns: int) -> int:
        """Time that is left, below 0 when it is over; of a stopped one, what was left then."""
        return self.until_ns - (self.done.done_ns if self.done else now_ns)

    def is_late(self, now_ns: int) -> bool:
        """Whether it ran out, then or now."""
        return self.left_ns(now_ns) < 0


def open_record(connection: Connection, draft: Draft, *, by: Someone, now_ns: int) -> Incident:
    """Open a record.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    faults = _faults(draft, now_ns)
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=faults)
    incident_id = new_id()
    connection.execute(
        compliance.incident.insert().values(
            id=incident_id,
            site_id=draft.site_id,
            kind=draft.kind,
            serious=draft.serious,
            title=legal.plain(draft.title),
            said=legal.plain(draft.said),
            affected=legal.plain(draft.affected),
            found_ns=draft.found_ns,
            opened_ns=now_ns,
            opened_by=by.name,
        )
    )
    made = find(connection, incident_id)
    _audit(connection, made, audit.Act.INCIDENT_OPENED, by, now_ns, made.kind)
    return made


def add_step(
    connection: Connection,
    incident_id: str,
    *,
    kind: str,
    said: str,
    done_ns: int,
    by: Someone,
    now_ns: int,
) -> Step:
    """Enter what was done.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, the record is closed, the clock
            was stopped, or it cannot be closed while a clock runs.
    """
    found = find(connection, incident_id)
    if found.closed_ns is not None:
        raise VonggacError(Kind.CONFLICT, "this record is closed", code="closed")
    running = {one.rule.code: one for one in clocks(connection, found)}
    faults = _text_faults("said", said, MAX_SAID)
    if kind not in (*STEPS, *running, CLOSED):
        faults["kind"] = "required"
    if not found.found_ns <= done_ns <= now_ns:
        faults["done"] = "outside"
    if faults:
        told = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, told, fields=faults)
    if kind in running and running[kind].done is not None:
        raise VonggacError(Kind.CONFLICT, "this was reported already", code="reported")
    if kind == CLOSED and any(one.done is None for one in running.values()):
        raise VonggacError(
            Kind.CONFLICT, "a record is closed when everything was reported", code="clock_runs"
        )
    step_id = new_id()
    connection.execute(
        compliance.incident_step.insert().values(
            id=step_id,
            incident_id=incident_id,
            kind=kind,
            said=legal.plain(said),
            done_ns=done_ns,
            entered_ns=now_ns,
            entered_by=by.name,
            entered_name=by.full_name,
        )
    )
    if kind == CLOSED:
        table = compliance.incident
        connection.execute(
            table.update()
            .where(table.c.id == incident_id)
            .values(closed_ns=now_ns, closed_by=by.name)
        )
    _audit(connection, found, audit.Act.INCIDENT_EDITED, by, now_ns, kind)
    return next(one for one in steps(connection, incident_id) if one.id == step_id)


def find(connection: Connection, incident_id: str) -> Incident:
    """One record.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(
        _incidents().where(compliance.incident.c.id == incident_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such record")
    return Incident(*row)


def listed(connection: Connection, site_ids: Sequence[str]) -> list[Incident]:
    """Records of these sites: open ones first, then the newest."""
    table = compliance.incident
    rows = connection.execute(
        _incidents()
        .where(among(table.c.site_id, site_ids))
        .order_by(table.c.closed_ns.is_not(None), table.c.found_ns.desc(), table.c.id)
        .limit(LISTED)
    ).all()
    return [Incident(*row) for row in rows]


def steps(connection: Connection, incident_id: str) -> list[Step]:
    """What was done about it, in order."""
    table = compliance.incident_step
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Step.__dataclass_fields__))
        .where(table.c.incident_id == incident_id)
        .order_by(table.c.done_ns, table.c.entered_ns, table.c.id)
    ).all()
    return [Step(*row) for row in rows]


def clocks(connection: Connection, incident: Incident) -> list[Clock]:
    """The clocks that the rules set over it, the shortest first."""
    done: dict[str, Step] = {}
    for step in steps(connection, incident.id):
        done.setdefault(step.kind, step)
    return [
        Clock(rule, incident.found_ns + rule.hours * 3600 * NS, done.get(rule.code))
        for rule in legal.clocks(legal.day_of(incident.found_ns)).values()
        if rule.only in ("", incident.kind) or (rule.only == "serious" and incident.serious)
    ]


def _faults(draft: Draft, now_ns: int) -> dict[str, str]:
    found = _text_faults("title", draft.title, MAX_TITLE)
    found |= _text_faults("said", draft.said, MAX_SAID)
    if draft.affected.strip():
        found |= _text_faults("affected", draft.affected, MAX_SAID)
    if draft.kind not in KINDS:
        found["kind"] = "required"
    if not 0 < draft.found_ns <= now_ns:
        found["found"] = "in_the_future"
    return found


def _text_faults(field: str, text: str, most: int) -> dict[str, str]:
    if not legal.plain(text):
        return {field: "required"}
    if len(text) > most:
        return {field: "too_long"}
    return {field: "secret_mark"} if is_secret(text) else {}


def _audit(
    connection: Connection,
    incident: Incident,
    act: audit.Act,
    by: Someone,
    now_ns: int,
    step: str,
) -> None:
    audit.record(
        connection,
        by.actor,
        act,
        now_ns=now_ns,
        thing=incident.id,
        site=incident.site_id,
        purpose=incident.title,
        detail={"step": step, "serious": incident.serious},
    )


def _incidents() -> sa.Select[*tuple[Any, ...]]:
    table = compliance.incident
    return sa.select(*(table.c[name] for name in Incident.__dataclass_fields__))
