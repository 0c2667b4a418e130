"""Where each picture of a run lies: on the media axis of its files and on the box's own clock.

Three clocks are kept apart.  *Camera ticks* are RTP timestamps: even, and wrong in every way a
camera can think of.  *Arrival* is the box's monotonic clock when the bytes were read: true, and
bunched by the network and by the drain timer.  *Wall time* is not known here at all; whoever
needs it adds it to `time_ns`, so that a step of the wall clock touches no recording.

For every picture `Timeline.place` says its decode time and composition offset (90 kHz, spaced as
the camera's ticks are) and `time_ns`: when it was taken, on the monotonic axis.  No case ends
the run: pictures are worth more than tidy times.  The policies, each kept by a test:

* **Ordinary**: decode times follow the camera's ticks, rescaled exactly to 90 kHz.
* **Start**: pictures that were read together with the first one were not taken together; the
  first is placed before its arrival by what the newest of them is ahead of it, 1 s at most.
* **time_ns** follows the ticks too.  A picture cannot be taken after it arrived, so a picture
  that comes sooner than expected moves the axis at once; in the other direction the axis is
  slewed by at most 500 ppm towards the least delay of the last 2 s, and a lasting drift of up
  to 2 % is learnt.  So neither bursts nor stalls of the network move it.
* **Re-anchoring**: the axis is set forward if after a hole in arrival the least delay stays above
  0.5 s and does not shrink (a burst would shrink it), 1 s after the hole at the earliest, or if
  a picture comes more than 10 s late: that delay is not the network's.  Without such a hole the
  ticks run slow, and the axis catches up within 2 s: no gap is made out of a wrong clock.
* **Gap in the ticks that arrival confirms** (within 2 s): believed.
* **Forward jump** (more than arrival explains) and **backward step**: the ticks are taken anew
  from there; the picture is placed by arrival, at least one delivered interval after the last.
* **Duplicated timestamp**: half the delivered interval after the last, then a quarter and so
  on; what was added is taken back from the next step.
* **Stuck timestamps** (10 duplicates on end) and **nonsense** (4 jumps or steps within 2 s):
  the ticks are ignored and pictures are spaced by the delivered interval, held to arrival.  Two
  clean windows restore the camera's ticks.
* **Wrong clock rate**: if the ticks pass 2 % (at first, more) too fast or too slow for arrival,
  the measured rate takes the place of the declared one.
* **B-pictures**: decode times are the presentation times in order, delayed by the reorder depth.
  A depth that is not known is taken for 0; it is raised when a picture comes that proves it too
  small, and that picture is shown late, once.  Where the parameter sets exclude B-pictures, any
  step back is a step back.
* **Wrap**: `Track` has unwrapped the ticks; here a count is a count.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vonggac.media.rtp import SenderReport

NS = 1_000_000_000
"""Nanoseconds in a second."""
MEDIA_RATE = 90_000
"""Ticks a second of decode times, whatever the camera's clock rate."""
WINDOW_NS = 2 * NS
"""How often delay, delivered interval and clock rate are judged."""
LEAST_GAP_NS = NS
"""A gap is at least this long (design, D5)."""
GAP_INTERVALS = 4
"""A gap is at least this many delivered intervals long (design, D5)."""
MOST_GAP_NS = 10 * NS
"""Later than this is a gap whatever is delivered, unless four *declared* intervals are longer: a
camera that slows down by less than four times at a step would else never have one."""
SLEW = 500e-6
"""How fast the axis is moved towards later arrivals, beside the learnt drift."""
MOST_DRIFT = 0.02
"""Beyond this the clock rate itself is taken for wrong."""
MOST_BACKLOG_NS = NS
"""How long before its arrival the first picture may have been taken."""
REANCHOR_NS = NS // 2
"""A least delay above this that does not shrink is not the network's."""
PAUSE_WINDOW_NS = NS
"""How soon after a hole in arrival its delay is judged."""
SHRINKS_NS = NS // 10
"""A least delay that falls by more from window to window is a burst that catches up."""
STALL_NS = 10 * NS
"""A picture this late re-anchors at once: buffers between camera and box hold less."""
EXPLAINED_NS = 2 * NS
"""By how much a step of the ticks may exceed the time that passed on arrival."""
STUCK_PICTURES = 10
"""Equal timestamps on end after which the ticks are stuck."""
NONSENSE_STEPS = 4
"""Jumps and steps within a window after which the ticks are nonsense."""
MOST_LEARNT_DEPTH = 4
"""Reorder depth that is learnt at most; encoders of cameras use 1 or 2."""

MOST_OFFSET = 1 << 23
"""Composition offset at most, in `MEDIA_RATE`: 93 s, where 16 pictures at one a second need 16.
Beyond it only nonsense is cut, and a file stays below what `fmp4_read` takes."""

_NS_PER_TICK = NS / MEDIA_RATE
_UNKNOWN_INTERVAL_NS = NS
_USUAL_INTERVAL_TICKS = 3600
_WINDOWS = 16


class Placed(NamedTuple):
    """Where a picture lies."""

    decode_ticks: int
    """90 kHz, the run's first picture at 0, strictly increasing."""
    composition_offset: int
    """90 kHz, never negative: presentation time less decode time."""
    time_ns: int
    """Monotonic time at which the picture of this place in order was taken; never decreases.

    It belongs to `decode_ticks`: with B-pictures presentation follows later by the reorder delay.
    """


class Timeline:
    """Places the pictures of one run.  One thread; no clock of its own.

    Args:
        clock_rate: ticks a second that the camera declares (90,000 for video of RFC 6184).
        declared_fps: pictures a second that the camera declares, if it does.
        reorder_depth: of the parameter sets; -1 if they do not say.
        backlog: ticks by which the newest picture of the first read is ahead of the first.
    """

    def __init__(
        self,
        clock_rate: int,
        declared_fps: float | None,
        reorder_depth: int,
        *,
        backlog: int = 0,
    ) -> None:
        self.clock_rate = clock_rate
        self.declared_fps = declared_fps
        self.reorder_depth = max(0, reorder_depth)
        """As declared, or as learnt since."""
        self.interval_ns = round(NS / declared_fps) if declared_fps else _UNKNOWN_INTERVAL_NS
        """Delivered interval between pictures; declared, or 1 s, until it is measured."""
        slow_ns = GAP_INTERVALS * self.interval_ns if declared_fps else 0
        self._most_gap_ns = max(MOST_GAP_NS, slow_ns)
        self.gap_after_ns = LEAST_GAP_NS
        """How much later than the last the next picture may be, until it is a gap."""
        self.measured_rate = float(clock_rate)
        """Ticks a second that the camera's clock is taken to have."""
        self.by_arrival = False
        """The camera's ticks are ignored for now: stuck or nonsense."""
        self.jumps = 0
        """Forward jumps and backward steps of the ticks."""
        self.duplicates = 0
        """Pictures with the timestamp of the one before."""
        self.reanchorings = 0
        """How often `time_ns` was set forward."""
        self._backlog_ns = max(0, min(backlog * NS // clock_rate, MOST_BACKLOG_NS))
        self._started = False
        self._measured = False
        self._millihertz = clock_rate * 1000
        self._rest = 0
        self._ticks = 0  # newest in display order
        self._front = 0  # the same on the media axis
        self._slot = 0  # decode time of the last picture
        self._time_ns = 0
        self._arrival_ns = 0
        self._pending: list[int] = []
        self._warm_up = self.reorder_depth
        self._owed = 0
        self._duplicates_on_end = 0
        self._drift = 0.0
        self._rate = _NS_PER_TICK
        self._window_end_ns = 0
        self._window_time_ns = 0
        self._window_arrival_ns = 0
        self._count = 0
        self._steps = 0
        self._clean_windows = 0
        self._held_back_ns = 0
        self._late_before_ns = 0  # least delay of the last window, if that was suspicious
        self._hole_ns = 0  # longest stretch without arrival in this window
        self._hole_until_ns = -1
        self._holes_ns: deque[int] = deque(maxlen=4)
        self._least_ns = 1 << 62
        self._best = (0, 0)
        self._history: deque[tuple[int, int]] = deque(maxlen=_WINDOWS)
        self._counts: deque[tuple[int, int]] = deque(maxlen=8)
        self._learns_depth = reorder_depth != 0
        self._pace = (0, 0)  # front and time from which pictures are spaced by arrival
        self._report: tuple[int, int] | None = None
        self._windows_until_refined = _WINDOWS
        self._gap_in_window = False
        self._windows_with_gap = 0
        self._plain = False  # nothing out of the ordinary: the fast path of `place`
        self._interval_ticks = _USUAL_INTERVAL_TICKS
        self._most = 0  # camera ticks of an ordinary step, at most
        self._most_reorder = 0  # camera ticks of a step back that may be a B-picture
        self._update()

    @property
    def delivered_fps(self) -> float | None:
        """Pictures a second as measured over the last 16 s; None in the first 2 s."""
        return NS / self.interval_ns if self._measured else None

    def clock_error_ns(self, wall_minus_monotonic_ns: int) -> int | None:
        """The camera's wall clock less the box's; None until a sender report came.

        Args:
            wall_minus_monotonic_ns: the box's wall time less its monotonic time, now.
        """
        if self._report is None:
            return None
        ntp_ns, time_ns = self._report
        return ntp_ns - time_ns - wall_minus_monotonic_ns

    def report(self, report: SenderReport) -> None:
        """Note what the camera says about its wall clock."""
        time_ns = report.arrival_ns
        if self._started and not self.by_arrival:
            since = (report.ticks - self._ticks) * 1000 * NS // self._millihertz
            if abs(self._time_ns + since - time_ns) < STALL_NS:
                time_ns = min(time_ns, self._time_ns + since)
        self._report = (report.ntp_ns, time_ns)

    def place(self, ticks: int, arrival_ns: int, keyframe: bool) -> Placed:
        """Place the next picture in decode order.

        Args:
            ticks: its unwrapped RTP timestamp.
            arrival_ns: monotonic time of its arrival; never before that of the last picture.
            keyframe: whether it is an IDR or IRAP picture: those are never shown early.
        """
        delta = ticks - self._ticks
        if not (self._plain and 0 < delta <= self._most):
            return self._place_otherwise(ticks, delta, arrival_ns, keyframe)
        self._ticks = ticks
        slot = self._front = self._slot = self._slot + delta
        return Placed(slot, 0, self._time(delta, arrival_ns))

    def _place_otherwise(self, ticks: int, delta: int, arrival_ns: int, keyframe: bool) -> Placed:
        if not self._started:
            return self._start(ticks, arrival_ns)
        arrival_ns = max(arrival_ns, self._arrival_ns)
        if self.by_arrival:
            pts = self._front + self._step_by_arrival(ticks, delta, arrival_ns)
        elif delta > 0:
            pts = self._front + self._step_forward(delta, arrival_ns)
        elif delta == 0:
            pts = self._front + self._step_duplicate(arrival_ns)
        elif self._learns_depth and not keyframe and -delta <= self._most_reorder:
            pts = self._front + delta * MEDIA_RATE * 1000 // self._millihertz
            self._duplicates_on_end = 0
        else:
            pts = self._front + self._step_anew(arrival_ns)
        if delta > 0 or pts > self._front:
            self._ticks = ticks
        self._front = max(pts, self._front)
        slot = self._slot
        offset = self._sort(pts)
        step, slot = self._slot - slot, self._slot
        self._update_plain()
        self._gap_in_window |= step * _NS_PER_TICK > self.gap_after_ns
        return Placed(slot, offset, self._time(step, arrival_ns))

    def _start(self, ticks: int, arrival_ns: int) -> Placed:
        self._started = True
        self._ticks = ticks
        # Nobody reorders pictures that are more than a second apart, whatever is declared.
        self._front = self.reorder_depth * min(self._interval_ticks, MEDIA_RATE)
        self._arrival_ns = self._window_arrival_ns = arrival_ns
        self._time_ns = self._window_time_ns = arrival_ns - self._backlog_ns
        self._window_end_ns = arrival_ns + WINDOW_NS
        if self._warm_up:
            self._pending = [self._front]
        self._update_plain()
        return Placed(0, self._front, self._time_ns)

    def _step_forward(self, delta: int, arrival_ns: int) -> int:
        """The ticks move on: by an interval, by a gap, or by a jump."""
        if delta > self._most:
            explained = arrival_ns - self._arrival_ns + EXPLAINED_NS
            if delta * 1000 * NS // self._millihertz > explained:
                return self._step_anew(arrival_ns)
        self._duplicates_on_end = 0
        step, self._rest = divmod(delta * MEDIA_RATE * 1000 + self._rest, self._millihertz)
        owed, self._owed = self._owed, 0
        return max(1, step - owed)

    def _step_duplicate(self, arrival_ns: int) -> int:
        self.duplicates += 1
        self._duplicates_on_end += 1
        if self._duplicates_on_end >= STUCK_PICTURES:
            self._ignore_ticks()
            return self._step_by_arrival(self._ticks, 0, arrival_ns)
        step = max(1, self._interval_ticks >> self._duplicates_on_end)
        self._owed += step
        return step

    def _step_anew(self, arrival_ns: int) -> int:
        """A jump or a step back: go on from here, by arrival."""
        self.jumps += 1
        self._steps += 1
        self._rest = self._owed = self._duplicates_on_end = 0
        self._history.clear()
        self._least_ns = 1 << 62
        if self._steps >= NONSENSE_STEPS:
            self._ignore_ticks()
        passed = int((arrival_ns - self._time_ns) / _NS_PER_TICK)
        if passed * _NS_PER_TICK > self.gap_after_ns:
            return passed
        return self._interval_ticks

    def _step_by_arrival(self, ticks: int, delta: int, arrival_ns: int) -> int:
        """One delivered interval, corrected by a sixteenth of what it is behind arrival."""
        if not 0 < delta <= self._most:
            self._steps += 1
        self._ticks = ticks
        slot, since_ns = self._pace
        behind = int((arrival_ns - since_ns) / _NS_PER_TICK) - (self._front - slot)
        interval = self._interval_ticks
        if behind * _NS_PER_TICK > self.gap_after_ns:
            return behind
        return max(1, min(2 * interval, interval + (behind - interval) // 16))

    def _ignore_ticks(self) -> None:
        self.by_arrival = True
        self._pace = (self._front, self._time_ns)
        self._clean_windows = 0
        self._history.clear()

    def _sort(self, pts: int) -> int:
        """Set the decode time of a picture; returns its composition offset."""
        if not self.reorder_depth and pts > self._slot:
            self._slot = pts
            return 0
        if pts < self._slot and self.reorder_depth < MOST_LEARNT_DEPTH:
            self.reorder_depth += 1
            shift = max(self._interval_ticks, self._slot + self._interval_ticks - pts)
            self._front += shift
            pts += shift
            self._pending = [other + shift for other in self._pending]
            heapq.heappush(self._pending, pts)
            room = self._pending[0] - self._slot
            self._slot += max(1, room // 2)
            return min(max(0, pts - self._slot), MOST_OFFSET)
        heapq.heappush(self._pending, pts)
        if len(self._pending) > self.reorder_depth:
            self._slot = max(self._slot + 1, heapq.heappop(self._pending))
        else:
            self._slot += max(1, min(self._interval_ticks, self._pending[0] - self._slot - 1))
        return min(max(0, pts - self._slot), MOST_OFFSET)

    def _time(self, step: int, arrival_ns: int) -> int:
        """Move the monotonic axis by a step of the media axis."""
        time_ns = self._time_ns + int(step * self._rate)
        late_ns = arrival_ns - time_ns
        if late_ns < 0:
            self._held_back_ns -= late_ns
            time_ns = max(arrival_ns, self._time_ns)
            late_ns = 0
        elif late_ns > STALL_NS:
            self.reanchorings += 1
            time_ns = arrival_ns
            late_ns = 0
        if arrival_ns - self._arrival_ns > self._hole_ns:
            self._hole_ns = arrival_ns - self._arrival_ns
            if self._hole_ns > LEAST_GAP_NS and late_ns > REANCHOR_NS:
                # A stall whose pictures will follow in a burst, or a pause: the next second says.
                self._hole_until_ns = arrival_ns
                self._least_ns = 1 << 62
                self._window_end_ns = arrival_ns + PAUSE_WINDOW_NS
        if late_ns <= self._least_ns:
            self._least_ns = late_ns
            if arrival_ns == self._hole_until_ns:  # the last of that read counts
                self._late_before_ns = late_ns
            self._best = (self._ticks, arrival_ns)
        self._time_ns = time_ns
        self._arrival_ns = arrival_ns
        self._count += 1
        if arrival_ns >= self._window_end_ns:
            self._close_window(arrival_ns)
        return time_ns

    def _close_window(self, arrival_ns: int) -> None:
        """Every 2 s: judge the interval, the delay and the clock rate."""
        self._judge_interval(arrival_ns)
        self._holes_ns.append(self._hole_ns)
        self._hole_ns = 0
        if self.by_arrival:
            self._clean_windows = 0 if self._steps else self._clean_windows + 1
            if self._clean_windows >= 2:
                self.by_arrival = False
                self._rest = self._owed = self._duplicates_on_end = 0
        elif self._least_ns < 1 << 62:
            self._judge_delay()
            self._history.append(self._best)
            self._judge_clock_rate()
        self._count = self._steps = self._held_back_ns = 0
        self._least_ns = 1 << 62
        self._window_time_ns = self._time_ns
        self._window_arrival_ns = arrival_ns
        self._window_end_ns = arrival_ns + WINDOW_NS
        self._update()

    def _judge_interval(self, arrival_ns: int) -> None:
        # What the axis was held back is an error of where it stood, not time that passed.
        span_ns = self._time_ns - self._window_time_ns + self._held_back_ns
        if self.by_arrival:
            span_ns = arrival_ns - self._window_arrival_ns
        gap, self._gap_in_window = self._gap_in_window, False
        self._windows_with_gap = self._windows_with_gap + 1 if gap else 0
        # A window with a gap says little, unless every window has one: then it is the interval.
        if span_ns <= 0 or 0 < self._windows_with_gap < 3:
            return
        interval_ns = span_ns // self._count
        if not self.interval_ns / 1.5 < interval_ns < self.interval_ns * 1.5:
            self._counts.clear()
        self._counts.append((self._count, span_ns))
        pictures = sum(count for count, _ in self._counts)
        self.interval_ns = max(1, sum(span for _, span in self._counts) // pictures)
        self._measured = True

    def _judge_delay(self) -> None:
        late_ns = self._least_ns
        late_before_ns, self._late_before_ns = self._late_before_ns, 0
        if late_ns > REANCHOR_NS:
            if not late_before_ns or late_ns < late_before_ns - SHRINKS_NS:
                self._late_before_ns = late_ns  # first seen, or a burst that is still catching up
            elif 2 * max(self._holes_ns) > late_ns:
                self.reanchorings += 1
                self._time_ns += late_ns
            else:
                # Nothing was missing on arrival: the ticks run slow.  Catch up within a window,
                # so that no gap appears, and let only what is new speak of the clock rate.
                self._rate = _NS_PER_TICK * (1 + late_ns / WINDOW_NS)
                while len(self._history) > 2:
                    self._history.popleft()
            return
        # A proportional part bounded by SLEW, and a slow integral that learns a drift: the gains
        # settle within 2 minutes for drifts of 2 % without overshoot of more than 10 ms.
        wrong = late_ns - self._held_back_ns
        self._drift += max(-200e-6, min(200e-6, wrong / (200 * NS)))
        self._drift = max(-MOST_DRIFT, min(MOST_DRIFT, self._drift))
        slew = max(0.0, min(SLEW, late_ns / (2 * WINDOW_NS)))
        self._rate = _NS_PER_TICK * (1 + self._drift + slew)

    def _judge_clock_rate(self) -> None:
        """Compare ticks with arrival over both halves of the last 32 s."""
        if len(self._history) < 3:
            return
        first, last = self._history[0], self._history[-1]
        middle = self._history[len(self._history) // 2]
        halves = {self._excess(first, middle), self._excess(middle, last)}
        wrong = halves in ({1}, {-1})
        self._windows_until_refined -= 1
        # A measured rate is measured again over the whole history each time that is all new.
        refine = not self._windows_until_refined and self.measured_rate != self.clock_rate
        ticks, passed_ns = last[0] - first[0], last[1] - first[1]
        if not (wrong or refine) or ticks <= 0:
            return
        self._windows_until_refined = _WINDOWS
        self.measured_rate = ticks * NS / passed_ns
        if abs(self.measured_rate / self.clock_rate - 1) < MOST_DRIFT:
            self.measured_rate = float(self.clock_rate)
        self._millihertz = max(1, round(self.measured_rate * 1000))
        self._rest = 0
        self._drift = 0.0
        self._rate = _NS_PER_TICK

    def _excess(self, first: tuple[int, int], last: tuple[int, int]) -> int:
        """-1 or 1 if the ticks passed too slowly or too fast between two points, else 0."""
        ticks, passed_ns = last[0] - first[0], last[1] - first[1]
        if passed_ns <= 0 or ticks <= 0:
            return 0
        ratio = ticks * 1000 * NS / (self._millihertz * passed_ns)
        # A drain of 0.1 to 0.2 s and the interval itself are the noise of each end.
        noise = max(MOST_DRIFT, (NS // 10 + self.interval_ns) / passed_ns)
        return (ratio > 1 + noise) - (ratio < 1 / (1 + noise))

    def _update(self) -> None:
        """What follows from interval and clock rate, kept for the ordinary case."""
        self.gap_after_ns = min(
            max(LEAST_GAP_NS, GAP_INTERVALS * self.interval_ns), self._most_gap_ns
        )
        if self._measured or self.declared_fps:
            self._interval_ticks = max(1, self.interval_ns * MEDIA_RATE // NS)
        self._most = self.gap_after_ns * self._millihertz // (1000 * NS)
        self._most_reorder = (
            min(16 * self.interval_ns, self.gap_after_ns) * self._millihertz // (1000 * NS)
        )
        self._update_plain()

    def _update_plain(self) -> None:
        self._plain = (
            self._started
            and not self.by_arrival
            and not self.reorder_depth
            and not self._owed
            and not self._duplicates_on_end
            and self._millihertz == MEDIA_RATE * 1000
        )
