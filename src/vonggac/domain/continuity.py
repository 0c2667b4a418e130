"""Figures of continuity: what was recorded, what is missing and why, what nobody knows yet.

Three rules hold everywhere: time that is not known counts neither as recorded nor as missing;
time outside service counts as nothing; a percentage is cut, never rounded up. All moments and
lengths are integers of nanoseconds; all functions are pure.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from vonggac.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.domain.ledger import Expiry, Gap, Span, State

SETTLE_NS = 15_000_000_000
"""Age of a state up to which the time since then is only *not yet written*, not unknown (ours)."""

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one camera's time and what is known of it."""

    from_ns: int
    to_ns: int
    kind: Literal["recorded", "gap", "unknown", "out"]
    """`out` is time outside service."""
    cause: Cause | None = None
    evidence: str = ""
    expired: bool = False
    """Recorded, and deleted since by retention."""
    provisional: bool = False
    """Known from the camera's state, not yet closed by a fact of the ledger."""

    @property
    def length_ns(self) -> int:
        """Nanoseconds."""
        return self.to_ns - self.from_ns


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over pieces."""

    recorded_ns: int = 0
    missing_ns: int = 0
    unknown_ns: int = 0
    expired_ns: int = 0
    """Part of `recorded_ns`."""
    out_ns: int = 0
    by_cause: Mapping[Cause, int] = field(default_factory=dict)
    longest_gap: Piece | None = None

    @property
    def known_ns(self) -> int:
        """What the percentage is of."""
        return self.recorded_ns + self.missing_ns

    @property
    def main_cause(self) -> Cause | None:
        """The cause of most of the missing time."""
        return max(self.by_cause, key=lambda cause: self.by_cause[cause], default=None)

    @property
    def hundredths(self) -> int | None:
        """Per cent recorded of what is known, times 100 and cut; None when nothing is known."""
        return cut_hundredths(self.recorded_ns, self.known_ns)


def cut_hundredths(part: int, whole: int) -> int | None:
    """A percentage in hundredths, cut: 99.998 % is 9999, and 10000 only when nothing is missing."""
    if whole <= 0:
        return None
    return part * 10_000 // whole


def pieces(
    spans: Iterable[Span],
    gaps: Iterable[Gap],
    *,
    window: Interval,
    service: Sequence[Interval],
    state: State | None,
    now_ns: int,
    expiry: Expiry | None = None,
) -> list[Piece]:
    """The window as pieces in order, without holes up to now; nothing is said of the future.

    Args:
        spans: recorded stretches that touch the window.
        gaps: missing stretches that touch it.
        window: what is asked about.
        service: when the camera was expected to record.
        state: what it is doing, as far as is known; extends the ledger to `state.as_of_ns`.
        now_ns: UTC now.
        expiry: what retention has deleted.
    """
    start, end = window[0], min(window[1], now_ns)
    if end <= start:
        return []
    known_until = state.as_of_ns if state is not None else 0
    painted = _Painted(start, end)
    found = [Piece(span.from_ns, span.to_ns, "recorded") for span in spans]
    found += [_gap_piece(gap, known_until) for gap in gaps]
    ordered = sorted(found, key=lambda piece: piece.from_ns)
    if any(after.from_ns < before.to_ns for before, after in pairwise(ordered)):
        # What the media prove is not painted over by what was thought before they came.
        ordered = found
    for piece in ordered:
        painted.put(piece)
    if state is not None and state.status == "recording":
        painted.put(Piece(state.since_ns, known_until, "recorded", provisional=True))
    elif state is not None and state.status == "gap" and state.cause is not None:
        painted.put(Piece(state.since_ns, known_until, "gap", state.cause, provisional=True))
    if now_ns - known_until <= SETTLE_NS and known_until < end:
        # The last seconds are on their way; saying "unknown" of them would cry wolf all day.
        end_known = max(known_until, start)
        painted = painted.cut(end_known)
        end = end_known
    whole = painted.filled()
    return _expire(_outside(whole, service), expiry)


def _gap_piece(gap: Gap, known_until_ns: int) -> Piece:
    end = gap.to_ns if gap.to_ns is not None else max(known_until_ns, gap.from_ns)
    is_open = gap.to_ns is None
    return Piece(gap.from_ns, end, "gap", gap.cause, gap.evidence, provisional=is_open)


def begun(first_ns: int | None, state: State | None) -> int:
    """Since when a camera in service counts: from the first that its box said of it.

    Between the register and the first picture lie an order, a handshake and a keyframe.

    Args:
        first_ns: where its first recorded or missing stretch begins, if there is one.
        state: what it is doing; it may have gone on since before any stretch ended.

    Returns:
        A moment, or 0 if nothing was ever said: then all the time of service is awaited.
    """
    said = [first_ns] if first_ns is not None else []
    if state is not None:
        said.append(state.since_ns)
    return min(said, default=0)


def figures(found: Iterable[Piece]) -> Figures:
    """Sums over pieces of one camera or of many."""
    recorded = missing = unknown = expired = out = 0
    by_cause: dict[Cause, int] = {}
    longest: Piece | None = None
    for piece in found:
        length = piece.length_ns
        if piece.kind == "recorded":
            recorded += length
            expired += length if piece.expired else 0
        elif piece.kind == "gap" and piece.cause is not None:
            missing += length
            by_cause[piece.cause] = by_cause.get(piece.cause, 0) + length
            if longest is None or length > longest.length_ns:
                longest = piece
        elif piece.kind == "unknown":
            unknown += length
        else:
            out += length
    return Figures(recorded, missing, unknown, expired, out, by_cause, longest)


def clipped(found: Sequence[Piece], from_ns: int, to_ns: int) -> list[Piece]:
    """The pieces within [from_ns, to_ns), cut at its edges. `found` is in order."""
    first = max(0, bisect_left(found, from_ns, key=lambda piece: piece.to_ns))
    result = []
    for piece in found[first:]:
        if piece.from_ns >= to_ns:
            break
        start, end = max(piece.from_ns, from_ns), min(piece.to_ns, to_ns)
        if end > start:
            result.append(_moved(piece, start, end))
    return result


def _moved(piece: Piece, from_ns: int, to_ns: int) -> Piece:
    return Piece(
        from_ns,
        to_ns,
        piece.kind,
        piece.cause,
        piece.evidence,
        piece.expired,
        piece.provisional,
    )


class _Painted:
    """A window painted in the order of trust: what was put first is not painted over."""

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._end = end
        self._pieces: list[Piece] = []

    def put(self, piece: Piece) -> None:
        start, end = max(piece.from_ns, self._start), min(piece.to_ns, self._end)
        if end <= start:
            return
        if not self._pieces or self._pieces[-1].to_ns <= start:
            self._pieces.append(_moved(piece, start, end))
            return
        at = bisect_left(self._pieces, start, key=lambda known: known.to_ns)
        while at < len(self._pieces) and self._pieces[at].to_ns == start:
            at += 1
        fresh: list[Piece] = []
        while start < end and at < len(self._pieces) and self._pieces[at].from_ns < end:
            known = self._pieces[at]
            if start < known.from_ns:
                fresh.append(_moved(piece, start, known.from_ns))
            start = max(start, known.to_ns)
            at += 1
        if start < end:
            fresh.append(_moved(piece, start, end))
        if fresh:
            self._pieces.extend(fresh)
            self._pieces.sort(key=lambda known: known.from_ns)

    def cut(self, end: int) -> _Painted:
        shorter = _Painted(self._start, end)
        for piece in self._pieces:
            shorter.put(piece)
        return shorter

    def filled(self) -> list[Piece]:
        """In order, with `unknown` where nothing was put and equal neighbours joined."""
        whole: list[Piece] = []
        at = self._start
        for piece in self._pieces:
            if piece.from_ns > at:
                _append(whole, Piece(at, piece.from_ns, "unknown"))
            _append(whole, piece)
            at = piece.to_ns
        if at < self._end:
            _append(whole, Piece(at, self._end, "unknown"))
        return whole


def _append(whole: list[Piece], piece: Piece) -> None:
    if whole:
        last = whole[-1]
        alike = (
            last.to_ns == piece.from_ns
            and last.kind == piece.kind
            and last.cause == piece.cause
            and last.expired == piece.expired
        )
        if alike:
            whole[-1] = Piece(
                last.from_ns,
                piece.to_ns,
                last.kind,
                last.cause,
                last.evidence or piece.evidence,
                last.expired,
                last.provisional or piece.provisional,
            )
            return
    whole.append(piece)


def _outside(whole: Iterable[Piece], service: Sequence[Interval]) -> list[Piece]:
    """Time outside service is `out`, unless something was recorded then: that stays recorded."""
    result: list[Piece] = []
    for piece in whole:
        if piece.kind == "recorded":
            _append(result, piece)
            continue
        if piece.cause is Cause.NOT_IN_SERVICE:
            _append(result, Piece(piece.from_ns, piece.to_ns, "out"))
            continue
        at = piece.from_ns
        for start, end in service:
            if end <= at or start >= piece.to_ns:
                continue
            if start > at:
                _append(result, Piece(at, start, "out"))
                at = start
            stop = min(end, piece.to_ns)
            _append(result, _moved(piece, at, stop))
            at = stop
        if at < piece.to_ns:
            _append(result, Piece(at, piece.to_ns, "out"))
    return result


def _expire(whole: Iterable[Piece], expiry: Expiry | None) -> list[Piece]:
    if expiry is None:
        return list(whole)
    result: list[Piece] = []
    for piece in whole:
        if piece.kind != "recorded":
            result.append(piece)
            continue
        at = piece.from_ns
        for low, high in (*expiry.kept, (expiry.before_ns, piece.to_ns)):
            start, stop = max(low, at), min(high, piece.to_ns)
            if start >= stop:
                continue
            if start > at:
                result.append(Piece(at, start, "recorded", expired=True))
            result.append(_moved(piece, start, stop))
            at = stop
        if at < piece.to_ns:
            result.append(Piece(at, piece.to_ns, "recorded", expired=True))
    return result
