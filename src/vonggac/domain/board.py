"""The board of a unit: how many facilities stand where in the chain, and what is late.

Everything is read from the rows of `vonggac.domain.statistics`, so that board and reports say the
same of the same moment.  A facility stands in every state that it has reached; the stage that a
line shows is the furthest one.  The states are the software's way of reckoning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from vonggac.domain import reports, units
from vonggac.domain.statistics import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.reports import Counted
    from vonggac.domain.statistics import Row

Late = Literal["survey", "inspection", "task"]
LATE_BY: Final[Mapping[Late, Callable[[Row], bool]]] = {
    "survey": lambda row: row.survey_late,
    "inspection": lambda row: row.inspection_late,
    "task": lambda row: row.tasks_late > 0,
}
"""What is late of a facility."""
LATE: Final = tuple(LATE_BY)


@dataclass(frozen=True, slots=True)
class State:
    """A state of the chain."""

    code: str
    name: str
    """A Vietnamese sentence of the locale."""
    holds: Callable[[Row], bool]


STATES: Final = (
    State("facilities", "Trong danh mục", lambda _: True),
    State("asked", "Được yêu cầu khảo sát", lambda row: bool(row.survey)),
    State("answered", "Đã trả lời", lambda row: row.survey in ("answered", "verified", "disputed")),
    State("verified", "Đã xác nhận", lambda row: row.survey == "verified"),
    State("qualified", "Đủ điều kiện kết nối", lambda row: row.qualifies),
    State("planned", "Có phương án", lambda row: row.planned),
    State("estimated", "Có dự toán", lambda row: row.estimated),
    State("approved", "Dự toán đã duyệt", lambda row: row.approved is not None),
    State("installing", "Đang lắp đặt", lambda row: row.installing),
    State("connected", "Có tín hiệu", lambda row: row.connected),
    State("accepted", "Có camera đã nghiệm thu", lambda row: row.cameras_accepted > 0),
    State("recording", "Đang ghi hình", lambda row: row.cameras_online > 0),
    State("refusing", "Từ chối khảo sát", lambda row: row.survey == "refused"),
)
"""In the order of the chain; who refuses stands apart at its end."""
BY_CODE: Final = {one.code: one for one in STATES}
BY_UNIT: Final = ("facilities", "answered", "qualified", "approved", "connected", "recording",
                  "refusing")  # fmt: skip
"""States of the table by unit (ours: what fits a screen)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What of the list is asked for; empty is everything."""

    state: str = ""
    line: str = ""
    late: str = ""
    q: str = ""


@dataclass(frozen=True, slots=True)
class Board:
    """A unit's board."""

    counted: Counted
    counts: Mapping[str, int]
    """Facilities by state, of the whole unit."""
    parts: Sequence[tuple[str, str, Mapping[str, int]]]
    """Id, name and counts of each unit directly below."""
    late: Mapping[str, int]
    """Facilities with something late, by what it is."""
    lines: Mapping[str, int]
    """Facilities by owning line."""
    rows: Sequence[Row]
    """What was asked for, by code."""


def board(
    connection: Connection, person: Person, unit_id: str | None, ask: Ask, today: date, *,
    now_ns: int,
) -> Board:  # fmt: skip
    """The board of a unit, None is the whole scope, as far as a person may see counts of it.

    Raises:
        VonggacError: NOT_FOUND, no such unit, or none of its facilities is in the scope.
    """
    found = reports.count(connection, person, unit_id, Span(today, today), now_ns=now_ns)
    rows = found.whole.rows
    lines: dict[str, int] = {}
    for row in rows:
        lines[row.line] = lines.get(row.line, 0) + 1
    return Board(
        found,
        counts(rows),
        [(one, name, counts(part.rows)) for one, name, part in found.parts],
        {what: sum(map(is_late, rows)) for what, is_late in LATE_BY.items()},
        dict(sorted(lines.items())),
        chosen(rows, ask),
    )


def counts(rows: Collection[Row]) -> dict[str, int]:
    """How many stand in each state."""
    return {one.code: sum(map(one.holds, rows)) for one in STATES}


def chosen(rows: Iterable[Row], ask: Ask) -> list[Row]:
    """Those that fit; the search heeds no diacritics and reads name and code."""
    wanted = units.folded(ask.q).split()[:10]
    state = BY_CODE.get(ask.state)

    def fits(row: Row) -> bool:
        if wanted:
            said = units.folded(f"{row.code} {row.title}")
            if not all(word in said for word in wanted):
                return False
        return (
            (state is None or state.holds(row))
            and (not ask.line or row.line == ask.line)
            and (not ask.late or ask.late in late(row) or (ask.late == "any" and bool(late(row))))
        )

    return [row for row in rows if fits(row)]


def late(row: Row) -> list[Late]:
    """What is over its last day there."""
    return [what for what, is_so in LATE_BY.items() if is_so(row)]


def stage(row: Row) -> State:
    """The furthest state; of who refuses, that, unless it is connected all the same."""
    if row.survey == "refused" and not row.connected:
        return BY_CODE["refusing"]
    reached: list[State] = [one for one in STATES[:-1] if one.holds(row)]
    return reached[-1]
