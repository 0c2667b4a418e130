"""Where time comes from. Nothing else in the program asks the operating system for it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, date, datetime
from typing import Final, Protocol

NS = 1_000_000_000
"""Nanoseconds in a second."""

EARLIEST_CREDIBLE_NS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * NS
"""A box whose wall clock stands before this program was written has no clock battery."""


class Clock(Protocol):
    """Time for everything that lives longer than a call.

    `SystemClock` on a box; `SimulatedClock` where a day must pass in a second.
    """

    def wall_ns(self) -> int:
        """UTC in nanoseconds since 1970; may step in either direction."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never steps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many monotonic seconds."""
        ...


class SystemClock:
    """The operating system's clocks and the running event loop's timer."""

    def wall_ns(self) -> int:
        """UTC in nanoseconds since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(seconds)


class SimulatedClock:
    """A clock that moves when a test says so. Not for threads.

    Args:
        wall_ns: where the wall clock starts.
    """

    def __init__(self, wall_ns: int) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = 0
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def wall_ns(self) -> int:
        """UTC in nanoseconds since 1970, as far as the test has moved it."""
        return self._wall_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds moved so far."""
        return self._monotonic_ns

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has passed that many seconds."""
        due = self._monotonic_ns + round(seconds * NS)
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (due, next(self._order), woken))
        await woken

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP does; no sleeper wakes."""
        self._wall_ns += round(seconds * NS)

    async def advance(self, seconds: float) -> None:
        """Move both clocks, waking sleepers in order and letting each run until it waits again."""
        end = self._monotonic_ns + round(seconds * NS)
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self._move(due)
            if not woken.done():
                woken.set_result(None)
            for _ in range(20):
                await asyncio.sleep(0)
        self._move(end)

    def _move(self, to_ns: int) -> None:
        self._wall_ns += to_ns - self._monotonic_ns
        self._monotonic_ns = to_ns


def is_credible(wall_ns: int) -> bool:
    """Whether a wall clock can be right at all (a box without a battery wakes in 1970)."""
    return wall_ns >= EARLIEST_CREDIBLE_NS


def rfc3339(wall_ns: int) -> str:
    """The moment as RFC 3339 in UTC with milliseconds, cut, never rounded up."""
    seconds, rest = divmod(wall_ns, NS)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


LAST_DAY: Final = (date(2200, 1, 1) - date(1970, 1, 1)).days
"""The first day that is not read; a column holds nanoseconds until 2262, and spans are added."""


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 moment; an offset is required.

    Raises:
        ValueError: the text is no moment, carries no offset, or lies outside of 1970 to 2199.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no moment; write it as 2026-11-18T07:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} carries no offset from UTC; write it as 2026-11-18T07:00:00Z")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    if not 0 <= delta.days < LAST_DAY:
        raise ValueError(f"a moment from 1970 to 2199 is read, not {text!r}")
    return (delta.days * 86_400 + delta.seconds) * NS + delta.microseconds * 1000
