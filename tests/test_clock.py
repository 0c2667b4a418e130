"""Time: the simulated clock moves as told, moments are written and read back without rounding."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.clock import (
    EARLIEST_CREDIBLE_NS,
    NS,
    SimulatedClock,
    SystemClock,
    is_credible,
    parse_rfc3339,
    rfc3339,
)

NOON = 1_795_435_200 * NS
"""2026-11-23T12:00:00Z."""


def test_moments_are_written_in_utc_and_cut() -> None:
    """A moment that has not come yet must never be printed: milliseconds are cut, not rounded."""
    assert rfc3339(NOON) == "2026-11-23T12:00:00.000Z"
    assert rfc3339(NOON + 999_999_999) == "2026-11-23T12:00:00.999Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    "text", ["2026-11-23T12:00:00Z", "2026-11-23T19:00:00+07:00", "2026-11-23T12:00:00.000Z"]
)
def test_any_offset_is_read(text: str) -> None:
    """People write their own time, as long as they say which it is."""
    assert parse_rfc3339(text) == NOON


@pytest.mark.parametrize("text", ["2026-11-23T12:00:00", "2026-11-23", "noon", ""])
def test_moment_without_offset_is_refused(text: str) -> None:
    """Seven hours of difference would be guessed silently."""
    with pytest.raises(ValueError, match=r"offset|is no moment"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_moment_that_no_database_holds_is_refused(text: str) -> None:
    """Nanoseconds of the year 9999 do not fit into 64 bits; the sentence says which years do."""
    with pytest.raises(ValueError, match="from 1970 to 2199"):
        parse_rfc3339(text)


@given(st.integers(0, 4_102_444_800_000))
def test_milliseconds_survive_being_written(ms: int) -> None:
    """What `ledger --json` prints is what `--from` takes."""
    assert parse_rfc3339(rfc3339(ms * 1_000_000)) == ms * 1_000_000


def test_box_without_clock_battery_is_not_believed() -> None:
    """It wakes in 1970, or in the year of its firmware."""
    assert not is_credible(0)
    assert not is_credible(EARLIEST_CREDIBLE_NS - 1)
    assert is_credible(NOON)


async def test_sleepers_wake_in_the_order_of_their_time() -> None:
    """A simulated day would prove nothing if its events were shuffled."""
    clock = SimulatedClock(NOON)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic_ns()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3), ("early", 1), ("also early", 1)):
            group.create_task(sleeper(name, seconds))
        await asyncio.sleep(0)
        await clock.advance(10)

    assert woken == [("early", NS), ("also early", NS), ("late", 3 * NS)]
    assert clock.wall_ns() == NOON + 10 * NS


async def test_sleeper_may_sleep_again_within_one_advance() -> None:
    """Loops that sleep are what a simulated clock is for."""
    clock = SimulatedClock(NOON)
    ticks: list[int] = []

    async def tick() -> None:
        for _ in range(3):
            await clock.sleep(1)
            ticks.append(clock.monotonic_ns() // NS)

    async with asyncio.TaskGroup() as group:
        group.create_task(tick())
        await asyncio.sleep(0)
        await clock.advance(5)

    assert ticks == [1, 2, 3]


def test_step_of_the_wall_clock_moves_nothing_else() -> None:
    """As NTP does it: backwards too."""
    clock = SimulatedClock(NOON)
    clock.step_wall(-3600)

    assert clock.wall_ns() == NOON - 3600 * NS
    assert clock.monotonic_ns() == 0


async def test_cancelled_sleeper_holds_nobody_up() -> None:
    """A task that was stopped leaves its future in the heap."""
    clock = SimulatedClock(NOON)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await clock.advance(2)

    assert clock.monotonic_ns() == 2 * NS


async def test_system_clock_is_the_machines() -> None:
    """The wall clock is after this program was written, and the monotonic one never goes back."""
    clock = SystemClock()
    before = clock.monotonic_ns()
    await clock.sleep(0)

    assert clock.monotonic_ns() >= before
    assert is_credible(clock.wall_ns())
