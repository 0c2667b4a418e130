"""The board of a unit says the counts that the raw rows give, and nothing beyond the role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from test_statistics import NOW_NS, READER, TODAY, UNITS, add, filled

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.db import estimate as money_db
from vonggac.db import survey as survey_db
from vonggac.db import tables
from vonggac.db import task as task_db
from vonggac.domain import board, board_days, ledger
from vonggac.domain.access import Held, Person
from vonggac.domain.board import Ask
from vonggac.domain.duties import Act
from vonggac.domain.ledger import Gap, Span, State, Stream
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection, Database


@pytest.fixture
def country(database: Database) -> Database:
    """Facilities by chance; besides, plans, tasks of plans and accepted cameras of some."""
    with database.writing() as connection:
        filled(connection)
        sites = rows_of(connection, tables.site)
        for at, site in enumerate(sites):
            if at % 3:
                add(connection, money_db.connection_plan, id=f"p{at}", site_id=site.id, how="buy",
                    made_ns=NOW_NS - 1)  # fmt: skip
            if at % 4 == 1:
                add(connection, task_db.task, id=f"k{at}", site_id=site.id, unit_id=None,
                    directive_id=None, clause_id=None, about=f"plan:p{at}", due=TODAY,
                    opened_ns=NOW_NS - 1, state=("open", "done")[at % 8 == 1])  # fmt: skip
        for at, camera in enumerate(rows_of(connection, tables.camera)):
            if at % 2:
                accepted = NOW_NS - 1 if at % 4 == 1 else None
                add(connection, task_db.acceptance, id=f"a{at}", site_id=camera.site_id,
                    camera_id=camera.id, state="passed", tried_ns=NOW_NS - 2,
                    accepted_ns=accepted)  # fmt: skip
    return database


def rows_of(connection: Connection, table: sa.Table) -> list[Any]:
    return list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)).all())


def again(connection: Connection, site_ids: set[str]) -> dict[str, int]:
    """The counts of the board, from the rows of the tables alone."""
    surveys = {row.site_id: row.state for row in rows_of(connection, survey_db.survey)}
    verdicts = rows_of(connection, survey_db.survey_verdict)
    cameras = [one for one in rows_of(connection, tables.camera) if one.retired_ns is None]
    living = {(one.site_id, one.name) for one in cameras}
    living_ids = {one.id for one in cameras}
    states = [
        one for one in rows_of(connection, tables.state)
        if one.status != "off" and (one.site_id, one.camera) in living
    ]  # fmt: skip
    reached = {
        one.site_id for one in rows_of(connection, tables.site_state)
        if one.reachable_since_ns is not None
    }  # fmt: skip
    costed = rows_of(connection, money_db.estimate)
    last = {one.code: one for one in sorted(costed, key=lambda one: one.version)}
    lines = rows_of(connection, money_db.estimate_line)
    approved = {
        one.site_id for one in last.values()
        if one.state in ("submitted", "appraised", "approved")
        and all(line.approved_quantity is not None for line in lines if line.estimate_id == one.id)
    }  # fmt: skip
    sets: dict[str, set[str]] = {
        "facilities": site_ids,
        "asked": set(surveys),
        "answered": {one for one, state in surveys.items()
                     if state in ("answered", "verified", "disputed")},
        "verified": {one for one, state in surveys.items() if state == "verified"},
        "qualified": {one.site_id for one in verdicts if one.qualifies},
        "planned": {one.site_id for one in rows_of(connection, money_db.connection_plan)},
        "estimated": {one.site_id for one in costed},
        "approved": approved,
        "installing": {one.site_id for one in rows_of(connection, task_db.task)
                       if one.about.startswith("plan:") and one.state == "open"},
        "connected": {one.site_id for one in states},
        "accepted": {one.site_id for one in rows_of(connection, task_db.acceptance)
                     if one.accepted_ns is not None and one.camera_id in living_ids},
        "recording": {one.site_id for one in states
                      if one.status == "recording" and one.site_id in reached},
        "refusing": {one for one, state in surveys.items() if state == "refused"},
    }  # fmt: skip
    return {code: len(found & site_ids) for code, found in sets.items()}


@pytest.mark.parametrize("unit", [None, "A", "A2", "B"])
def test_the_counts_are_those_of_the_raw_rows(country: Database, unit: str | None) -> None:
    """Of the whole, of a unit, and of the units below it, in every state."""
    with country.reading() as connection:
        unit_id = UNITS[unit] if unit else None
        told = board.board(connection, READER, unit_id, Ask(), TODAY, now_ns=NOW_NS)
        sites = {row.id: row.unit_id for row in rows_of(connection, tables.site)}
        below = {None: ("A1", "A2", "B"), "A": ("A1", "A2")}.get(unit, (unit,))
        within = {UNITS[one] for one in below if one}
        mine = {site for site, of in sites.items() if of in within}
        assert told.counts == again(connection, mine)
        if unit is None:
            assert all(told.counts.values()), "every state is met by the data"
        for part_id, _, counts in told.parts:
            under = {UNITS["A1"], UNITS["A2"]} if part_id == UNITS["A"] else {part_id}
            assert counts == again(connection, {s for s, of in sites.items() if of in under})


def test_the_list_is_what_was_asked_for(country: Database) -> None:
    """By state, owning line, what is late, and words without diacritics; each by its filter."""
    with country.reading() as connection:

        def listed(**ask: str) -> list[Any]:
            found = board.board(connection, READER, None, Ask(**ask), TODAY, now_ns=NOW_NS)
            return list(found.rows)

        whole = board.board(connection, READER, None, Ask(), TODAY, now_ns=NOW_NS)
        for one in board.STATES:
            assert len(listed(state=one.code)) == whole.counts[one.code]
        for line, count in whole.lines.items():
            assert len(listed(line=line)) == count
        for what, count in whole.late.items():
            assert len(listed(late=what)) == count
        assert [row.title for row in listed(q="co so 7")] == ["Cơ sở 7"]
        assert listed(q="không có") == []
        for row in whole.rows:
            at = board.stage(row)
            assert at.holds(row)
            if at.code != "refusing":
                further = board.STATES[board.STATES.index(at) + 1 : -1]
                assert not any(one.holds(row) for one in further)


def test_a_board_ends_where_the_role_ends(country: Database) -> None:
    """A role over one unit counts its facilities; another unit's board is not there."""
    with country.reading() as connection:
        held = Held("office", frozenset((Act.REPORT_SEE,)), unit=UNITS["A1"])
        person = Person("a1", "doc", (held,))
        told = board.board(connection, person, None, Ask(), TODAY, now_ns=NOW_NS)
        assert {row.unit_id for row in told.rows} == {UNITS["A1"]}
        with pytest.raises(VonggacError):
            board.board(connection, person, UNITS["B"], Ask(), TODAY, now_ns=NOW_NS)


HOUR_NS = 3_600 * NS


def cameras(connection: Connection, site_id: str, *names: str) -> list[Stream]:
    for name in names:
        add(connection, tables.camera, id=name, site_id=site_id, name=name, zone="HL",
            main_url="rtsp://x/1", origin="page", source="auto", retired_ns=None)  # fmt: skip
    return [Stream(site_id, name) for name in names]


def ago(hours: float) -> int:
    return NOW_NS - round(hours * HOUR_NS)


def test_the_last_day_of_a_facility_is_the_sum_of_its_cameras(database: Database) -> None:
    """Recorded, missing by its main cause, not known yet; before the first word nothing counts."""
    with database.writing() as connection:
        add(connection, tables.site, id="s1", name="cs-1", title="Cơ sở 1")
        whole, holed, young, silent = cameras(connection, "s1", "a", "b", "c", "d")
        ledger.put_span(connection, whole, Span(ago(50), ago(2)))
        ledger.put_state(connection, whole, State("recording", ago(50), None, NOW_NS, {}))
        ledger.put_span(connection, holed, Span(ago(50), ago(20)))
        ledger.put_gap(connection, holed, Gap(ago(20), ago(19), Cause.STALLED))
        ledger.put_span(connection, holed, Span(ago(19), ago(3)))
        ledger.put_gap(connection, holed, Gap(ago(3), None, Cause.UNREACHABLE))
        ledger.put_state(
            connection, holed, State("gap", ago(3), Cause.UNREACHABLE, ago(1), {})
        )  # fmt: skip
        ledger.put_span(connection, young, Span(ago(1), ago(0.5)))
        ledger.put_state(connection, young, State("recording", ago(1), None, NOW_NS, {}))
        ledger.put_state(connection, silent, State("off", ago(9), None, NOW_NS, {}))
    with database.reading() as connection:
        found = board_days.days(connection, ["s1", "nowhere"], now_ns=NOW_NS)
    day = found["s1"]
    assert set(found) == {"s1"}
    assert (day.recorded_ns, day.missing_ns, day.unknown_ns) == (
        (24 + 4 + 16 + 1) * HOUR_NS, (1 + 2) * HOUR_NS, HOUR_NS,
    )  # fmt: skip
    assert day.hundredths == 45 * 10_000 // 48
    assert len(day.slots) == board_days.SLOTS
    half = HOUR_NS // 2
    assert day.slots[0] == board_days.Slot(2 * half, 0, 0, None)
    assert day.slots[8] == board_days.Slot(half, half, 0, Cause.STALLED)
    assert day.slots[43] == board_days.Slot(half, half, 0, Cause.UNREACHABLE)
    assert day.slots[47] == board_days.Slot(2 * half, 0, half, None)
    assert board_days.causes_of(found) == {Cause.STALLED, Cause.UNREACHABLE}
