"""Cases (vụ việc): what one is, what may be done to it in which state, and how it is found.

    suspected ──▶ confirmed ──▶ handling ──▶ closed
        └───────▶ dismissed

A suspicion is a person's mark or a program's; only a named person confirms it, and not the one who
marked it.  Confirmed means that it happened (*sự việc*).  That it was a violation is for the body
with that power to conclude: the case is handed over with minutes, and its word is entered with the
document and the basis that it names.  What is decided here is pure; `vonggac.domain.case_book` does
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import among, case
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection

MINUTE_NS: Final = 60 * NS
DAY_NS: Final = 86_400 * NS
HANDLING_NS: Final = DAY_NS
"""How long a confirmed case may wait for the next step when nobody says otherwise (ours)."""
BEFORE_NS: Final = 30 * NS
AFTER_NS: Final = 60 * NS
"""The clip around a mark without a selection (ours): what led to it, and what became of it."""
MAX_CLIP_NS: Final = 3_600 * NS
"""Length of a clip of one mark at most (ours)."""
MAX_MARKS: Final = 50
MAX_LINKS: Final = 20
LISTED: Final = 50
"""Cases of one page of a list."""

State = Literal["suspected", "confirmed", "handling", "closed", "dismissed"]
STATES: Final[tuple[State, ...]] = ("suspected", "confirmed", "handling", "closed", "dismissed")
OVER: Final[tuple[State, ...]] = ("closed", "dismissed")
Step = Literal[
    "opened", "marked", "described", "noted", "linked", "confirmed", "dismissed", "taken",
    "escalated", "handed_over", "concluded", "closed",
]  # fmt: skip
IN_STATE: Final[Mapping[str, frozenset[State]]] = {
    "marked": frozenset({"suspected", "confirmed", "handling"}),
    "described": frozenset({"suspected"}),
    "noted": frozenset({"suspected", "confirmed", "handling"}),
    "linked": frozenset({"suspected", "confirmed", "handling"}),
    "confirmed": frozenset({"suspected"}),
    "dismissed": frozenset({"suspected"}),
    "taken": frozenset({"confirmed", "handling"}),
    "escalated": frozenset({"suspected", "confirmed", "handling"}),
    "handed_over": frozenset({"confirmed", "handling"}),
    "concluded": frozenset({"handling"}),
    "closed": frozenset({"handling"}),
}
"""In which states a step may be taken."""
Shelf = Literal["mine", "unit", "late", "open", "over", "all"]
QUEUES: Final[tuple[Shelf, ...]] = ("mine", "unit", "late", "open", "over", "all")


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the hub keeps it; the columns of its table."""

    id: str
    site_id: str
    year: int
    serial: int
    state: State
    found_by: Literal["person", "program"]
    violation: str
    catalogue: str
    subject: str
    severity: str
    place: str
    role: str
    said: str
    happened_ns: int
    due_ns: int
    opened_ns: int
    opened_by: str | None
    opened_name: str
    unit: str
    responsible_id: str | None
    responsible_name: str
    confirmed_ns: int | None
    confirmed_by: str | None
    confirmed_name: str
    outcome: Literal["", "event", "violation"]
    basis: str
    concluded_body: str
    concluded_by: str | None
    ended_ns: int | None
    ended_by: str | None
    ended_name: str
    ended_reason: str

    @property
    def number(self) -> str:
        """What people call it: VV-2026-0147."""
        return number_of(self.year, self.serial)

    @property
    def is_over(self) -> bool:
        """Whether nothing waits for anybody any more."""
        return self.state in OVER

    def is_late(self, now_ns: int) -> bool:
        """Whether somebody should have decided by now."""
        return not self.is_over and self.due_ns < now_ns


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a camera under a case."""

    id: str
    case_id: str
    camera_id: str
    camera: str
    zone: str
    at_ns: int
    from_ns: int
    to_ns: int
    via: Literal["live", "playback", "program"]
    hold_id: str | None
    unheld: str
    marked_ns: int
    marked_name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A step of a case, as it was entered."""

    serial: int
    kind: Step
    said: str
    entered_ns: int
    entered_by: str
    entered_name: str


@dataclass(frozen=True, slots=True)
class Handover:
    """A case given to a body that may conclude, and what it said."""

    id: str
    case_id: str
    body: str
    receiver: str
    minutes: str
    minutes_day: date
    handed_ns: int
    handed_name: str
    outcome: Literal["", "event", "violation"]
    document: str
    document_day: date | None
    said: str
    outcome_ns: int | None
    outcome_name: str


@dataclass(frozen=True, slots=True)
class Wish:
    """Which cases of a list are asked for."""

    queue: Shelf = "open"
    account_id: str = ""
    """Of whoever asks, for `mine`."""
    units: frozenset[str] = frozenset()
    """Those on whose behalf they work, for `unit`."""
    now_ns: int = 0


def number_of(year: int, serial: int) -> str:
    """What people call a case."""
    return f"VV-{year}-{serial:04}"


def refusal(
    it: Case, step: Step, *, by_id: str, handovers: Sequence[Handover] = (), violation: bool = False
) -> str:
    """Why a step cannot be taken by this person now, as a code; empty when it can.

    Args:
        it: the case as it stands.
        step: what is to be done.
        by_id: account of whoever does it.
        handovers: those of the case, for steps that depend on them.
        violation: whether the step concludes a violation.
    """
    waits = any(not one.outcome for one in handovers)
    if it.state not in IN_STATE[step]:
        return "case_state"
    match step:
        case "confirmed" if it.found_by == "person" and it.opened_by == by_id:
            return "own_case"
        case "confirmed" if not (it.violation and it.subject):
            return "not_described"
        case "confirmed" if it.found_by == "person" and not it.said:
            return "not_described"
        case "handed_over" | "closed" if waits:
            return "handed_over"
        case "concluded" if not waits:
            return "not_handed_over"
        case "concluded" if violation and it.confirmed_by == by_id:
            return "own_confirmation"
        case _:
            return ""


def clip(at_ns: int, span: tuple[int, int] | None) -> tuple[int, int]:
    """The clip of a mark: what was selected, or the usual time around it.

    Raises:
        VonggacError: BAD_INPUT, the moment is not within it or it is too long.
    """
    from_ns, to_ns = span or (at_ns - BEFORE_NS, at_ns + AFTER_NS)
    if not (0 < from_ns <= at_ns <= to_ns < 2**62 and from_ns < to_ns):
        raise VonggacError(
            Kind.BAD_INPUT, "from, to: the moment lies outside", fields={"from": "outside"}
        )
    if to_ns - from_ns > MAX_CLIP_NS:
        raise VonggacError(
            Kind.BAD_INPUT, "from, to: an hour at most", fields={"to": "too_long_clip"}
        )
    return from_ns, to_ns


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, case_id: str) -> Case:
    """One case.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(
        sa.select(*_columns(case.case_record, Case)).where(case.case_record.c.id == case_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such case")
    return Case(*row)


def listed(
    connection: Connection,
    site_ids: Collection[str],
    wish: Wish,
    *,
    offset: int = 0,
    limit: int = LISTED,
) -> tuple[list[Case], int]:
    """Cases of these sites that the wish names, and how many there are.

    What is over stands last, the newest first; before it whatever is due soonest.
    """  # fmt: skip
    table = case.case_record
    where = sa.and_(among(table.c.site_id, site_ids), *_wanted(wish))
    found = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(where)
    ).scalar_one()
    rows = connection.execute(
        sa.select(*_columns(table, Case))
        .where(where)
        .order_by(
            table.c.ended_ns.is_not(None),
            sa.case((table.c.ended_ns.is_(None), table.c.due_ns), else_=-table.c.ended_ns),
            table.c.id,
        )
        .offset(offset)
        .limit(limit)
    ).all()
    return [Case(*row) for row in rows], found


def counts(connection: Connection, site_ids: Collection[str], wish: Wish) -> dict[str, int]:
    """How many cases each queue has, whatever queue the wish names."""
    table = case.case_record
    columns = [
        sa.func.count(sa.case((sa.and_(sa.true(), *_wanted(_other(wish, queue))), 1))).label(queue)
        for queue in QUEUES
    ]
    row = connection.execute(
        sa.select(*columns).select_from(table).where(among(table.c.site_id, site_ids))
    ).one()
    return dict(zip(QUEUES, row, strict=True))


def marks(connection: Connection, case_id: str) -> list[Mark]:
    """The moments of a case, in the order of time."""
    table = case.case_mark
    rows = connection.execute(
        sa.select(*_columns(table, Mark))
        .where(table.c.case_id == case_id)
        .order_by(table.c.at_ns, table.c.id)
    ).all()
    return [Mark(*row) for row in rows]


def first_marks(connection: Connection, case_ids: Collection[str]) -> dict[str, Mark]:
    """The first moment of each case, for lists."""
    table = case.case_mark
    rows = connection.execute(
        sa.select(*_columns(table, Mark))
        .where(among(table.c.case_id, case_ids))
        .order_by(table.c.at_ns, table.c.id)
    ).all()
    found: dict[str, Mark] = {}
    for row in rows:
        made = Mark(*row)
        found.setdefault(made.case_id, made)
    return found


def entries(connection: Connection, case_id: str) -> list[Entry]:
    """What happened to a case, in order."""
    table = case.case_step
    rows = connection.execute(
        sa.select(*_columns(table, Entry))
        .where(table.c.case_id == case_id)
        .order_by(table.c.serial)
    ).all()
    return [Entry(*row) for row in rows]


def handovers(connection: Connection, case_id: str) -> list[Handover]:
    """To whom a case was handed over, in order."""
    table = case.case_handover
    rows = connection.execute(
        sa.select(*_columns(table, Handover))
        .where(table.c.case_id == case_id)
        .order_by(table.c.handed_ns, table.c.id)
    ).all()
    return [Handover(*row) for row in rows]


def linked(connection: Connection, case_id: str) -> list[Case]:
    """Cases that belong together with one."""
    table, links = case.case_record, case.case_link
    rows = connection.execute(
        sa.select(*_columns(table, Case))
        .join(links, links.c.other_id == table.c.id)
        .where(links.c.case_id == case_id)
        .order_by(table.c.year, table.c.serial)
    ).all()
    return [Case(*row) for row in rows]


def by_number(connection: Connection, number: str) -> Case | None:
    """The case that people call so: VV-2026-0147, or 2026-147."""
    said = number.strip().upper().removeprefix("VV-").split("-")
    if len(said) != 2 or not all(one.isascii() and one.isdigit() and len(one) < 9 for one in said):
        return None
    table = case.case_record
    row = connection.execute(
        sa.select(*_columns(table, Case)).where(
            table.c.year == int(said[0]), table.c.serial == int(said[1])
        )
    ).one_or_none()
    return Case(*row) if row is not None else None


def _wanted(wish: Wish) -> list[sa.ColumnElement[bool]]:
    table = case.case_record
    is_open = table.c.ended_ns.is_(None)
    match wish.queue:
        case "mine":
            nobody = sa.and_(table.c.responsible_id.is_(None), table.c.opened_by == wish.account_id)
            return [is_open, sa.or_(table.c.responsible_id == wish.account_id, nobody)]
        case "unit":
            return [is_open, among(table.c.unit, sorted(wish.units))]
        case "late":
            return [is_open, table.c.due_ns < wish.now_ns]
        case "open":
            return [is_open]
        case "over":
            return [table.c.ended_ns.is_not(None)]
        case _:
            return []


def _other(wish: Wish, queue: Shelf) -> Wish:
    return Wish(queue, wish.account_id, wish.units, wish.now_ns)


def _columns(table: sa.Table, kind: Any) -> list[sa.Column[Any]]:
    return [table.c[name] for name in kind.__dataclass_fields__]
