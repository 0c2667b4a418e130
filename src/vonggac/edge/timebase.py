"""What the box believes the time to be, apart from what its wall clock says at this moment.

Pictures are placed on the monotonic clock, which never steps; `TimeBase` turns that into wall
time with one offset.  When the wall clock is put right, the policy is:

* A difference of at most `SLEW_LIMIT_NS` is slewed at `SLEW_RATE`: recordings neither overlap nor
  tear, and wall time goes on increasing.
* A larger one means that the box did not know the time since it started (a box without a clock
  battery wakes in 1970).  The offset follows at once, and everything that was recorded since this
  start of the box is moved by the same amount (`Step`); the move is a fact of the ledger, and the
  bytes of the recordings keep the time they were written with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vonggac.clock import NS, is_credible

if TYPE_CHECKING:
    from vonggac.clock import Clock

SLEW_LIMIT_NS = 60 * NS
"""Ours: an hour of missed NTP on a poor crystal is under a second, a month under a minute
(20 ppm of 30 days is 52 s)."""

SLEW_RATE = 0.01
"""Ours: a second is made good in 100 s, slow enough that a ledger edge moves less than a
picture between two parts."""


class Step(NamedTuple):
    """The wall clock was put right by more than can be slewed."""

    delta_ns: int
    """What must be added to every wall time given out since the box started."""
    was_trusted: bool
    """Whether the clock had been credible before."""


class TimeBase:
    """Wall time from monotonic time, for one life of the recorder process.

    Args:
        clock: where both times come from.

    Single-threaded: the event loop's. `offset_ns` may be read from any thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._observed_ns = clock.monotonic_ns()
        self.offset_ns = clock.wall_ns() - self._observed_ns
        """Wall minus monotonic, in force now."""
        self.generation = 0
        """Counts steps: a segment that began in another generation must end at the next
        keyframe."""
        self.trusted = is_credible(clock.wall_ns())

    def wall_ns(self, monotonic_ns: int | None = None) -> int:
        """Wall time of a moment of the monotonic clock; of now, if none is given."""
        return (self._clock.monotonic_ns() if monotonic_ns is None else monotonic_ns) + (
            self.offset_ns
        )

    def observe(self) -> Step | None:
        """Compare with the wall clock and follow it by the policy above. Call once a second."""
        monotonic = self._clock.monotonic_ns()
        measured = self._clock.wall_ns() - monotonic
        elapsed = monotonic - self._observed_ns
        self._observed_ns = monotonic
        error = measured - self.offset_ns
        if abs(error) <= SLEW_LIMIT_NS:
            most = int(elapsed * SLEW_RATE)
            self.offset_ns += max(-most, min(most, error))
            return None
        step = Step(delta_ns=error, was_trusted=self.trusted)
        self.offset_ns = measured
        self.generation += 1
        self.trusted = is_credible(self._clock.wall_ns())
        return step
