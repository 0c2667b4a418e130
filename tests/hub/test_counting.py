"""The figures of a country are counted before anybody asks; a small hub has nothing to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from hub_stage import NOW_NS, seed
from vonggac.clock import NS, SimulatedClock
from vonggac.db import FAILED, Database, tables
from vonggac.domain import legal, reports, statistics
from vonggac.domain.access import Act, Held, Person
from vonggac.domain.kept import AHEAD_NS, KEEP_NS
from vonggac.domain.statistics import Span
from vonggac.hub import counting

if TYPE_CHECKING:
    from pathlib import Path

TODAY = legal.day_of(NOW_NS)
DAY, MONTH = Span(TODAY, TODAY), Span(TODAY.replace(day=1), TODAY)
READER = Person("a", "a", (Held("office", frozenset((Act.REPORT_SEE,))),))


@pytest.fixture
def country(sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A hub whose one facility is more than few."""
    monkeypatch.setattr(statistics, "FEW", 0)
    seed(sqlite, tmp_path)
    return sqlite


def cameras(database: Database, now_ns: int, span: Span = DAY) -> tuple[int, int]:
    """What a page shows: how many cameras, as of when."""
    with database.reading() as connection:
        found = reports.count(connection, READER, None, span, now_ns=now_ns).whole
    return found.value("cameras").amount, found.as_of_ns


def retire_all(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(tables.camera.update().values(retired_ns=NOW_NS))


def test_the_days_that_pages_open_with_are_counted_before_anybody_asks(country: Database) -> None:
    """A page shows them with their moment; half a minute later they are counted again."""
    clock = SimulatedClock(NOW_NS)
    assert counting.look(country, clock) == 2
    assert counting.look(country, clock) == 0
    before, as_of_ns = cameras(country, NOW_NS + NS)
    assert (before > 0, as_of_ns) == (True, NOW_NS)

    retire_all(country)
    assert cameras(country, NOW_NS + 2 * NS, MONTH) == (before, NOW_NS)
    clock.step_wall(AHEAD_NS / NS)
    assert counting.look(country, clock) == 2
    assert cameras(country, NOW_NS + KEEP_NS) == (0, NOW_NS + AHEAD_NS)


def test_what_somebody_asked_about_is_counted_ahead_for_a_while(country: Database) -> None:
    """Ten minutes later nobody looks at it any more."""
    clock, span = SimulatedClock(NOW_NS), Span(TODAY.replace(day=2), TODAY)
    cameras(country, NOW_NS, span)
    clock.step_wall(AHEAD_NS / NS)
    assert counting.look(country, clock) == 3
    assert cameras(country, clock.wall_ns(), span)[1] == clock.wall_ns()
    clock.step_wall(600)
    assert counting.look(country, clock) == 2


def test_a_small_hub_counts_nothing_ahead(sqlite: Database, tmp_path: Path) -> None:
    """Its pages count for themselves, and show what is so now."""
    seed(sqlite, tmp_path)
    assert counting.look(sqlite, SimulatedClock(NOW_NS)) == 0
    before, _ = cameras(sqlite, NOW_NS)
    retire_all(sqlite)
    assert (before > 0, cameras(sqlite, NOW_NS)) == (True, (0, NOW_NS))


def test_a_fault_of_a_count_ends_nothing(
    country: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged; a database that is away is told by whoever keeps the chore."""
    clock = SimulatedClock(NOW_NS)
    with monkeypatch.context() as patched, capture_logs() as said:
        patched.setattr(statistics, "_due", lambda *_: {}["a fault"])
        assert counting.look(country, clock) == 0
    assert [one["event"] for one in said] == ["figures.not_counted"] * 2
    assert counting.look(country, clock) == 2

    clock.step_wall(AHEAD_NS / NS)
    with country.writing() as connection:
        connection.execute(sa.text("ALTER TABLE survey_verdict RENAME TO gone"))
    with pytest.raises(FAILED):
        counting.look(country, clock)


async def test_it_looks_every_few_seconds(country: Database) -> None:
    """What is half a minute old is found in time."""
    clock = SimulatedClock(NOW_NS)
    going = asyncio.create_task(counting.run(country, clock))
    while not clock._sleepers:
        await asyncio.sleep(0.01)
    assert cameras(country, clock.wall_ns())[1] == NOW_NS
    for _ in range(4):
        await clock.advance(counting.LOOK_S)
        while not clock._sleepers:
            await asyncio.sleep(0.01)
    assert cameras(country, clock.wall_ns())[1] == NOW_NS + AHEAD_NS
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
