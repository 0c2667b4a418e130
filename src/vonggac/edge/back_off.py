"""How long a camera is left alone after a connection to it has failed, and what is seen meanwhile.

A refused password is the long wait: whatever happens to the camera in it has a cause of its own,
and is found by opening its port, which costs no login.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vonggac.causes import Cause
from vonggac.errors import RunEnded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from vonggac.clock import Clock

BACK_OFF_S = (0.0, 0.25, *(0.5,) * 10, 0.8)
"""Ours: waits between attempts while a camera cannot be reached; a TCP SYN costs nothing, and a
rebooted camera is to be recorded within 2 s of its port answering.

Young trouble passes in seconds, and a camera is to be recorded again within one second of it:
half of that is left for it to answer and to send a keyframe."""

BACK_OFF_BROKEN_S = (0.0, *(0.5,) * 10, 0.8, 0.8, 2.0, 5.0)
"""Ours: waits while a camera answers and something else is wrong.

As long as the trouble is young it is asked as often; what lasts longer is asked more and more
seldom, because every attempt costs it a session."""

BACK_OFF_REFUSED_S = (5.0, 15.0, 30.0, 60.0)
"""Ours: waits after a refused password; cameras lock an account after 5 to 10 failures in half an
hour, and this makes 5 attempts in the first two minutes and one a minute from then on."""

KNOCK_EVERY_S = 1.0
"""Ours: how often a camera that refused the password is asked whether it is still there, until the
next login is due; the edge of a gap is to be right within a second."""


def back_off_s(cause: Cause, failed: int) -> float:
    """Seconds until the next attempt, before jitter.

    Args:
        cause: why the connection ended.
        failed: how many ended so before it, since the camera was last recorded.
    """
    waits: tuple[float, ...] = BACK_OFF_BROKEN_S
    if cause is Cause.REFUSED:
        waits = BACK_OFF_REFUSED_S
    elif cause in (Cause.UNREACHABLE, Cause.STALLED):
        waits = BACK_OFF_S
    return waits[min(failed, len(waits) - 1)]


async def rest(
    seconds: float,
    stopping: asyncio.Event,
    clock: Clock,
    meanwhile: Coroutine[None, None, None] | None,
) -> None:
    """Wait so long, or until the program stops.

    Args:
        seconds: how long; nothing is begun for 0.
        stopping: set when the program stops.
        clock: whose seconds they are.
        meanwhile: what goes on until then; ended with the wait.
    """
    if seconds <= 0:
        if meanwhile is not None:
            meanwhile.close()
        return
    waits = [asyncio.ensure_future(stopping.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    aside = [] if meanwhile is None else [asyncio.ensure_future(meanwhile)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*waits, *aside):
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)


async def look_after(
    knock: Callable[[], Awaitable[None]],
    refused: RunEnded,
    tell: Callable[[RunEnded, int], None],
    clock: Clock,
) -> None:
    """For ever: tell when a camera that refused goes away, and when it answers again.

    Args:
        knock: raises RunEnded while nobody is there.
        refused: what is true while somebody is.
        tell: given what is true now, and since which moment (monotonic ns).
        clock: for the time between two knocks.
    """
    there = True
    while True:
        await clock.sleep(KNOCK_EVERY_S)
        since_ns = clock.monotonic_ns()
        found = refused
        try:
            await knock()
        except RunEnded as gone:
            found = gone
        if there != (found is refused):
            there = found is refused
            tell(found, since_ns)
