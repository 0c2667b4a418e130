"""What the box believes the time to be while its wall clock is wrong, put right, or torn about."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac.clock import NS, SimulatedClock
from vonggac.edge.timebase import SLEW_LIMIT_NS, SLEW_RATE, Step, TimeBase

NOW_NS = 1_795_000_000 * NS
"""2026-11-18."""


async def test_a_right_clock_is_followed_to_the_nanosecond() -> None:
    """Where nothing is wrong, nothing is corrected."""
    clock = SimulatedClock(NOW_NS)
    base = TimeBase(clock)
    for _ in range(100):
        await clock.advance(1)
        assert base.observe() is None
    assert base.wall_ns() == NOW_NS + 100 * NS
    assert base.wall_ns(40 * NS) == NOW_NS + 40 * NS
    assert base.trusted
    assert base.generation == 0


async def test_a_small_error_is_made_good_without_a_step() -> None:
    """Half a second of NTP correction takes 50 s; no picture is torn from its neighbour."""
    clock = SimulatedClock(NOW_NS)
    base = TimeBase(clock)
    clock.step_wall(0.5)
    for _ in range(25):
        await clock.advance(1)
        assert base.observe() is None
    assert base.wall_ns() == NOW_NS + 25 * NS + NS // 4
    for _ in range(25):
        await clock.advance(1)
        assert base.observe() is None
    assert base.wall_ns() == clock.wall_ns()
    assert base.generation == 0


async def test_time_never_goes_back_while_it_is_slewed() -> None:
    """A clock put back by 50 s: seconds last a hundredth longer, none comes twice."""
    clock = SimulatedClock(NOW_NS)
    base = TimeBase(clock)
    clock.step_wall(-50)
    told = []
    for _ in range(50):
        told.append(base.wall_ns())
        await clock.advance(1)
        assert base.observe() is None
    assert {after - before for before, after in pairwise(told)} == {NS - NS // 100}


async def test_a_minute_is_slewed_and_more_is_a_step() -> None:
    """The limit itself is still slewed."""
    clock = SimulatedClock(NOW_NS)
    base = TimeBase(clock)
    await clock.advance(1)
    clock.step_wall(SLEW_LIMIT_NS // NS)
    assert base.observe() is None
    clock = SimulatedClock(NOW_NS)
    base = TimeBase(clock)
    await clock.advance(1)
    clock.step_wall(SLEW_LIMIT_NS // NS + 0.001)
    assert base.observe() == Step(SLEW_LIMIT_NS + 1_000_000, was_trusted=True)
    assert base.generation == 1
    assert base.wall_ns() == clock.wall_ns()


async def test_a_box_that_wakes_in_1970_knows_that_it_does_not_know() -> None:
    """It records all the same, says so, and is put right by as much as it was wrong."""
    clock = SimulatedClock(12 * NS)
    base = TimeBase(clock)
    assert not base.trusted
    await clock.advance(30)
    assert base.observe() is None
    assert not base.trusted
    clock.step_wall((NOW_NS - 42 * NS) / NS)
    assert base.observe() == Step(NOW_NS - 42 * NS, was_trusted=False)
    assert base.trusted
    assert base.wall_ns() == NOW_NS


async def test_a_clock_that_is_set_to_1970_is_no_longer_trusted() -> None:
    """A dead battery shows after a power cut of the clock chip, or a person's slip."""
    clock = SimulatedClock(NOW_NS)
    base = TimeBase(clock)
    clock.step_wall(-NOW_NS / NS)
    step = base.observe()
    assert step is not None
    assert step.was_trusted
    assert not base.trusted


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.floats(0.1, 30), st.floats(-59, 59).filter(lambda s: abs(s) > 1e-3)),
        min_size=1,
        max_size=20,
    )
)
def test_whatever_ntp_does_below_a_minute_time_goes_on(moves: list[tuple[float, float]]) -> None:
    """Strictly increasing, never faster or slower than a hundredth, unless a step is announced."""

    async def live() -> None:
        clock = SimulatedClock(NOW_NS)
        base = TimeBase(clock)
        before, mono = base.wall_ns(), 0
        for passes, step in moves:
            clock.step_wall(step)
            await clock.advance(passes)
            announced = base.observe()
            now, elapsed = base.wall_ns(), clock.monotonic_ns() - mono
            if announced is None:
                assert abs(now - before - elapsed) <= elapsed * SLEW_RATE + 1
            else:
                assert now == clock.wall_ns()
            before, mono = now, clock.monotonic_ns()

    asyncio.run(live())
