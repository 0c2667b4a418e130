"""The ledger of one site: which seconds were recorded, which are missing, and why.

Everything here is a pure function of values, or a small state machine without effects
(`Continuity`); `edge.ingest` feeds it and `edge.journal` and `edge.catalog` keep what it says.

The rules (ADR 0005):

* A span ends when the next picture comes later than max(1 s, 4 delivered intervals).
* A gap runs from the end of the last picture to the next keyframe.
* What retention deleted is *expired*, never a gap.
* Percentages are cut, never rounded up: 100 % only when nothing is missing.
"""

from __future__ import annotations

import copy
from bisect import insort
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from vonggac.causes import Cause
from vonggac.clock import NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vonggac.edge.catalog import GapRow, SegmentRow

SPAN_ENDS_NS = NS
"""A picture later than this ends the span, unless the camera is slower than 4 pictures a
second (ADR 0005)."""

SPAN_ENDS_INTERVALS = 4

SPAN_ENDS_AT_LAST_NS = 10 * NS
"""A picture later than this ends the span however slow the camera has become."""

SETTLE_NS = 5 * NS
"""Ours: evidence that follows this soon explains what came before it.  A camera that comes back
with another password first closes the connection and refuses half a second later; the whole gap
is a refusal."""


EDGE_WAS_OFF = "the recorder was not running"

ABSENCES = {
    Cause.EDGE_OFF: EDGE_WAS_OFF,
    Cause.POWER_LOST: "the mains failed: the UPS was on battery",
    Cause.NOT_IN_SERVICE: "taken out of service",
    Cause.CLOCK_UNTRUSTED: "the box ran without knowing the time: what it recorded has no place",
}
"""Why nobody recorded a stream before this life began to, and how it is told."""


class Span(NamedTuple):
    """Recorded time, ns of UTC, half-open."""

    from_ns: int
    to_ns: int


class Gap(NamedTuple):
    """Missing time with its cause, ns of UTC, half-open."""

    from_ns: int
    to_ns: int
    cause: Cause
    evidence: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the ledger says of one stream between two moments."""

    from_ns: int
    to_ns: int
    as_of_ns: int
    """What comes after this moment is not known yet."""
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]
    expired_before_ns: int

    @property
    def recorded_ns(self) -> int:
        """Recorded time in all."""
        return sum(span.to_ns - span.from_ns for span in self.spans)

    @property
    def missing_ns(self) -> int:
        """Missing time in all."""
        return sum(gap.to_ns - gap.from_ns for gap in self.gaps)


def span_ends_after(interval_ns: int) -> int:
    """How late a picture may come before the span counts as ended.

    Args:
        interval_ns: the delivered interval between pictures.
    """
    return min(max(SPAN_ENDS_NS, SPAN_ENDS_INTERVALS * interval_ns), SPAN_ENDS_AT_LAST_NS)


class Verdict(Enum):
    """What new evidence does to an open gap."""

    SAME = "same"
    RECAST = "recast"
    """The new cause explains the whole gap."""
    SPLIT = "split"
    """The old cause ends where the new one begins."""


def settle(
    old: Cause, old_since_ns: int, new: Cause, new_since_ns: int, *, first: bool = True
) -> Verdict:
    """Whether new evidence continues, explains or follows the cause of an open gap.

    A stall that ends in an unreachable camera was the camera's going away, however long it took
    to find out: nothing can tell an unplugged camera from a silent one before the connection is
    tried again.

    Args:
        old: the cause so far.
        old_since_ns: since when.
        new: what the new evidence shows.
        new_since_ns: since when.
        first: the old cause is the first since pictures ended: the new one may be their end's.

    Planned maintenance explains a gap from the moment on for which it was planned.
    """
    if old is new:
        return Verdict.SAME
    if old is Cause.STALLED and new is Cause.UNREACHABLE:
        return Verdict.RECAST
    if new is Cause.MAINTENANCE:
        return Verdict.SPLIT if new_since_ns > old_since_ns else Verdict.RECAST
    proven = old in ABSENCES or old is Cause.MAINTENANCE
    if first and not proven and new_since_ns - old_since_ns < SETTLE_NS:
        return Verdict.RECAST
    return Verdict.SPLIT


class Change(NamedTuple):
    """What happened to the list of gaps; to be written down in order."""

    kind: str
    """open, close, recast (cause and evidence change) or drop (it was too short to be one)."""
    from_ns: int
    to_ns: int | None
    cause: Cause
    evidence: str


class Continuity:
    """Whether one stream is being recorded, and since when and why not. No effects.

    Args:
        known_until_ns: end of what an earlier life of the recorder accounted for, if any.
        started_ns: when this life began.
        absence: which of `ABSENCES` the time before it is.
        boot_ns: when the first life since the box was started began; this one, if not given.
            A step of the wall clock moves what lies after it, and nothing before.
    """

    def __init__(
        self,
        *,
        known_until_ns: int | None,
        started_ns: int,
        boot_ns: int | None = None,
        absence: Cause = Cause.EDGE_OFF,
    ) -> None:
        self._off = (absence, ABSENCES[absence])
        self.started_ns = started_ns
        self.last_end_ns: int | None = None
        """End of the last picture recorded in this life; of an earlier one until then."""
        self.open: Gap | None = None
        """The gap that lasts now; its `to_ns` is its `from_ns`."""
        self._boot_ns = started_ns if boot_ns is None else boot_ns
        self._earlier_end_ns = known_until_ns
        """Until the time since then is accounted for, or cannot change any more."""
        self._first_ns: int | None = None
        """First moment that this life itself accounted for."""
        self._recording = False
        self._divided = False  # the open gap follows another one

    @property
    def recording(self) -> bool:
        """Whether pictures are being recorded now."""
        return self._recording

    def start(self) -> list[Change]:
        """Account for the time between the earlier life and this one. Call it once, first."""
        earlier = self._earlier_end_ns
        if earlier is None or earlier > self.started_ns:
            return []  # a first start; or the clock cannot be right yet: see `moved`
        self.last_end_ns = earlier
        if self.started_ns - earlier <= SPAN_ENDS_NS:
            return []
        self._earlier_end_ns = None
        return self._open(earlier, *self._off)

    def handed_on(self) -> Continuity:
        """The same for a stream that connects anew in this life; what was opened here stays open.

        The one that is left behind by then changes nothing any more: it has a copy of its own.
        """
        again = copy.copy(self)
        again._earlier_end_ns = None
        return again

    def would_begin(self, since_ns: int) -> int:
        """Where what `lost` is told with this moment begins, unless it continues the open gap."""
        if self._recording:
            return self.last_end_ns or since_ns
        if self.open is None:
            return self.last_end_ns or min(since_ns, self.started_ns)
        # After an absence the recorder is there again: what follows is not its doing.
        return self.started_ns if self.open.cause is self._off[0] else since_ns

    def lost(self, cause: Cause, evidence: str, *, since_ns: int) -> list[Change]:
        """No picture is recorded from `since_ns` on, for a cause that evidence shows.

        While recording, the gap begins where the last picture ended, whatever `since_ns` says;
        before the first picture of this life, where the earlier life or this one's start left it.
        """
        begin = self.would_begin(since_ns)
        if self.open is None or self._recording:
            self._recording = False
            return self._open(begin, cause, evidence)
        first = not self._divided
        match settle(self.open.cause, self.open.from_ns, cause, since_ns, first=first):
            case Verdict.SAME:
                return []
            case Verdict.RECAST:
                self.open = self.open._replace(cause=cause, evidence=evidence)
                return [Change("recast", self.open.from_ns, None, cause, evidence)]
            case Verdict.SPLIT:
                begin = max(begin, self.open.from_ns + 1)
                old, self.open = self.open, None
                changes = [*self._close(old, begin), *self._open(begin, cause, evidence)]
                self._divided = True
                return changes

    def recorded(self, start_ns: int, *, tolerance_ns: int = SPAN_ENDS_NS) -> list[Change]:
        """A keyframe is being recorded that was taken at `start_ns`."""
        self._recording = True
        end, self.last_end_ns = self.last_end_ns, max(start_ns, self.last_end_ns or start_ns)
        if self._first_ns is None:
            self._first_ns = start_ns
        gap, self.open = self.open, None
        if gap is not None:
            # Shorter than the rule, between two pictures, it was none; after another gap it was.
            follows_pictures = end is None or gap.from_ns <= end
            short = start_ns - gap.from_ns <= (tolerance_ns if follows_pictures else 0)
            if short:
                return [Change("drop", gap.from_ns, start_ns, gap.cause, gap.evidence)]
            return self._close(gap, start_ns)
        if end is not None and start_ns - end > tolerance_ns:
            if end == self._earlier_end_ns:
                return self._closed(end, start_ns, *self._off)
            why = "the connection broke and came back"
            return self._closed(end, start_ns, Cause.UNREACHABLE, why)
        return []

    def reached(self, end_ns: int) -> None:
        """The last recorded picture ends here."""
        self.last_end_ns = end_ns

    def moved(self, delta_ns: int) -> list[Change]:
        """The wall clock was put right: move what this start of the box knows by that much."""
        boot, started = self._boot_ns, self.started_ns
        self._boot_ns += delta_ns
        self.started_ns += delta_ns
        if self._first_ns is not None:
            self._first_ns += delta_ns
        if self.last_end_ns is not None and self.last_end_ns >= boot:
            self.last_end_ns += delta_ns
        if self.open is not None and self.open.from_ns >= boot:
            moved = self.open.from_ns + delta_ns
            self.open = self.open._replace(from_ns=moved, to_ns=moved)
        earlier = self._earlier_end_ns
        if earlier is None:
            return []
        if boot <= earlier <= started:  # of the same start of the box: it moves with it
            self._earlier_end_ns = earlier + delta_ns
            return []
        if earlier > self.started_ns:
            return []
        if self._first_ns is None and self.open is None:
            return self.start()
        first = self.started_ns if self._first_ns is None else self._first_ns
        if self.open is not None:
            first = min(first, self.open.from_ns)
        if first - earlier <= SPAN_ENDS_NS:
            return []
        return self._closed(earlier, first, *self._off)

    def _open(self, from_ns: int, cause: Cause, evidence: str) -> list[Change]:
        self.open = Gap(from_ns, from_ns, cause, evidence)
        self._divided = False
        return [Change("open", from_ns, None, cause, evidence)]

    def _close(self, gap: Gap, to_ns: int) -> list[Change]:
        if gap.from_ns == self._earlier_end_ns:
            self._earlier_end_ns = None
        return [Change("close", gap.from_ns, to_ns, gap.cause, gap.evidence)]

    def _closed(self, from_ns: int, to_ns: int, cause: Cause, evidence: str) -> list[Change]:
        """A gap that is over as it becomes known."""
        gap = Gap(from_ns, to_ns, cause, evidence)
        return [Change("open", from_ns, None, cause, evidence), *self._close(gap, to_ns)]


def spans_of(segments: Iterable[SegmentRow], as_of_ns: int) -> list[Span]:
    """Recorded spans: segments in order of time, joined where no picture is late.

    Args:
        segments: in order of their start; an open one lasts until `as_of_ns`.
        as_of_ns: how far open segments are known to reach.
    """
    spans: list[Span] = []
    tolerance = SPAN_ENDS_NS
    for segment in segments:
        end = as_of_ns if segment.end_ns is None else segment.end_ns
        if end <= segment.start_ns:
            continue
        if spans and segment.start_ns - spans[-1].to_ns <= tolerance:
            spans[-1] = Span(spans[-1].from_ns, max(spans[-1].to_ns, end))
        else:
            spans.append(Span(segment.start_ns, end))
        tolerance = span_ends_after((end - segment.start_ns) // max(1, segment.pictures))
    return spans


def timeline(
    segments: Sequence[SegmentRow],
    gaps: Sequence[GapRow],
    *,
    from_ns: int,
    to_ns: int,
    as_of_ns: int,
    expired_before_ns: int = 0,
) -> Timeline:
    """What the ledger says between two moments, cut to them.

    Where a recording and a gap claim the same moment, the recording wins: it can be shown.
    """
    end = min(to_ns, as_of_ns)
    spans = [
        Span(max(span.from_ns, from_ns), min(span.to_ns, end))
        for span in spans_of(segments, as_of_ns)
        if span.to_ns > from_ns and span.from_ns < end
    ]
    missing: list[Gap] = []
    for row in sorted(gaps, key=lambda row: row.from_ns):
        low = max(row.from_ns, from_ns, expired_before_ns)
        high = min(as_of_ns if row.to_ns is None else row.to_ns, end)
        missing += _without(Gap(low, high, Cause(row.cause), row.evidence), spans)
    return Timeline(
        from_ns, to_ns, as_of_ns, tuple(spans), tuple(_joined(missing)), expired_before_ns
    )


def _without(gap: Gap, spans: Sequence[Span]) -> list[Gap]:
    """A gap less the spans that lie in it."""
    pieces = []
    low = gap.from_ns
    for span in spans:
        if span.to_ns <= low or span.from_ns >= gap.to_ns:
            continue
        if span.from_ns > low:
            pieces.append(gap._replace(from_ns=low, to_ns=span.from_ns))
        low = span.to_ns
    if low < gap.to_ns:
        pieces.append(gap._replace(from_ns=low))
    return pieces


def _joined(gaps: Sequence[Gap]) -> list[Gap]:
    """Gaps in order, none over another: the later evidence wins, and the earlier goes on after it.

    Gaps of one cause that touch are one.
    """
    joined: list[Gap] = []
    rest = sorted(gaps, reverse=True)
    while rest:
        gap = rest.pop()
        if joined and joined[-1].to_ns > gap.from_ns:
            before = joined[-1]
            joined[-1] = before._replace(to_ns=gap.from_ns)
            if joined[-1].to_ns <= joined[-1].from_ns:
                joined.pop()
            if before.to_ns > gap.to_ns:
                insort(rest, before._replace(from_ns=gap.to_ns), key=_downwards)
        if joined and joined[-1].to_ns == gap.from_ns and joined[-1].cause is gap.cause:
            joined[-1] = joined[-1]._replace(to_ns=gap.to_ns)
        else:
            joined.append(gap)
    return joined


def _downwards(gap: Gap) -> tuple[int, int]:
    return (-gap.from_ns, -gap.to_ns)


def density(view: Timeline, resolution_ns: int) -> list[int]:
    """The recorded share of each step of a timeline, 0 to 100, cut, never rounded up."""
    steps = max(1, -(-(view.to_ns - view.from_ns) // resolution_ns))
    recorded = [0] * steps
    for span in view.spans:
        first = (span.from_ns - view.from_ns) // resolution_ns
        last = min(steps - 1, (span.to_ns - 1 - view.from_ns) // resolution_ns)
        for step in range(first, last + 1):
            low = view.from_ns + step * resolution_ns
            recorded[step] += min(span.to_ns, low + resolution_ns) - max(span.from_ns, low)
    return [100 * part // resolution_ns for part in recorded]


def unexplained(view: Timeline) -> list[Span]:
    """Time between the first and the last known moment that neither a span nor a gap covers."""
    known = sorted([*view.spans, *(Span(gap.from_ns, gap.to_ns) for gap in view.gaps)])
    holes = []
    reach = known[0].to_ns if known else 0
    for _, after in pairwise(known):
        if after.from_ns - reach > SPAN_ENDS_NS:
            holes.append(Span(reach, after.from_ns))
        reach = max(reach, after.to_ns)
    return holes
