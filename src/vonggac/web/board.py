"""The board of a unit: counts by state of the chain, units below, facilities and what is late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from vonggac.clock import NS, rfc3339
from vonggac.domain import access, board, board_days, legal, units
from vonggac.domain.access import Act
from vonggac.domain.board import Ask
from vonggac.domain.duties import LINES, line_words
from vonggac.web import charts
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from vonggac.domain.board import Board
    from vonggac.domain.board_days import Day
    from vonggac.domain.rules import Words
    from vonggac.domain.statistics import Row

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

PAGE: Final = 50
"""Facilities of one page of the list."""
LATE: Final[Mapping[str, str]] = {
    "survey": "Quá hạn trả lời khảo sát",
    "inspection": "Quá hạn kiểm tra",
    "task": "Công việc quá hạn",
}

Signed = Annotated[Visitor, Depends(visitor)]
Unit = Annotated[str, Query(max_length=60, description="id of a unit; empty is all of the scope")]
State = Annotated[str, Query(max_length=20, description="a state of the chain; empty is all")]
Line = Annotated[str, Query(max_length=20, description="owning line; empty is all")]
Late = Annotated[str, Query(max_length=20, description="survey, inspection, task or any")]
Wanted = Annotated[str, Query(max_length=200, description="words of name or code")]


@dataclass(frozen=True, slots=True)
class Told:
    """A page of the board."""

    it: Board
    asked: Ask
    rows: Sequence[Row]
    details: frozenset[str]
    """Facilities whose page the visitor may open."""
    of_units: Mapping[str, Words]
    above: Sequence[tuple[str, str]]
    """Units above, the widest first: id and name."""
    days: Mapping[str, Day]
    """The last 24 hours of each facility of the page; without those of which nothing was told."""


def _told(who: Visitor, unit: str, ask: Ask, offset: int, limit: int) -> Told:
    who.signed_in  # noqa: B018 - refuses who may not look
    now_ns = who.desk.now_ns()
    today = legal.day_of(now_ns)
    asked = Ask(
        ask.state if ask.state in board.BY_CODE else "",
        ask.line if ask.line in LINES else "",
        ask.late if ask.late in (*board.LATE, "any") else "",
        ask.q[:200],
    )
    with who.desk.database.reading() as connection:
        it = board.board(connection, who.person, unit or None, asked, today, now_ns=now_ns)
        rows = it.rows[offset : offset + limit]
        details = access.sites_for(connection, who.person, Act.FACILITY_DETAILS, now_ns)
        of_units = units.names_of_sites(connection, today, [row.site_id for row in rows])
        path = units.path(connection, unit, today)[:-1] if unit else []
        days = board_days.days(connection, [row.site_id for row in rows], now_ns=now_ns)
        above = [(one.id, one.vi if who.t.language == "vi" else one.en) for one in path]
    return Told(it, asked, rows, frozenset(details), of_units, above, days)


@routes.get("/board")
def board_page(
    who: Signed,
    unit: Unit = "",
    state: State = "",
    line: Line = "",
    late: Late = "",
    q: Wanted = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """Where the facilities of a unit stand, by the units below it, and each of them."""
    number = max(1, int(page)) if page.isascii() and page.isdigit() else 1
    told = _told(who, unit, Ask(state, line, late, q), (number - 1) * PAGE, PAGE)
    causes = who.desk.causes
    met = board_days.causes_of(told.days)
    return who.page(
        "board.html",
        {
            "told": told,
            "it": told.it,
            "ask": told.asked,
            "unit": unit,
            "whole": told.it.counted.whole,
            "values": told.it.counted.whole.values,
            "states": board.STATES,
            "by_unit": [board.BY_CODE[code] for code in board.BY_UNIT],
            "stage": board.stage,
            "late_of": board.late,
            "late_names": LATE,
            "line_names": {code: who.t.of(said) for code, said in line_words().items()},
            "strip": lambda row: _strip(who, told, row),
            "legend": [causes[cause] for cause in causes if cause in met],
            "page": number,
            "size": PAGE,
            "pages": max(1, -(-len(told.it.rows) // PAGE)),
        },
        section="board",
    )


def _strip(who: Visitor, told: Told, row: Row) -> Markup | None:
    """The strip of a facility; None where nothing was ever told of it."""
    day = told.days.get(row.site_id)
    return charts.facility_day(day, who.desk.causes, who.t, row.title) if day else None


@api.get("/board", summary="Where the facilities of a unit stand in the chain")
def board_json(
    who: Signed,
    unit: Unit = "",
    state: State = "",
    line: Line = "",
    late: Late = "",
    q: Wanted = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
) -> dict[str, Any]:
    """Counts of the whole unit and of the units below it; of the list what was asked for.

    `day` are the last 24 hours: seconds of camera time recorded, missing and not known yet.
    """
    told = _told(who, unit, Ask(state, line, late, q), offset, limit)
    it = told.it
    return {
        "unit": {"id": it.counted.unit_id, "name": it.counted.name},
        "counted": rfc3339(it.counted.whole.as_of_ns),
        "counts": it.counts,
        "late": it.late,
        "lines": it.lines,
        "units": [{"id": one, "name": name, "counts": part} for one, name, part in it.parts],
        "found": len(it.rows),
        "facilities": [{**_row(row), "day": _day(told.days.get(row.site_id))} for row in told.rows],
    }


def _day(day: Day | None) -> dict[str, Any] | None:
    """The last 24 hours in seconds of camera time, half an hour a slot."""
    if day is None:
        return None
    return {
        "from": rfc3339(day.from_ns),
        "share": day.hundredths,
        "slots": [
            [part // NS for part in (one.recorded_ns, one.missing_ns, one.unknown_ns)]
            for one in day.slots
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": row.site_id,
        "code": row.code,
        "title": row.title,
        "line": row.line,
        "unit": row.unit_id,
        "state": board.stage(row).code,
        "states": [one.code for one in board.STATES if one.holds(row)],
        "late": board.late(row),
        "cameras": row.cameras,
        "cameras_online": row.cameras_online,
    }
