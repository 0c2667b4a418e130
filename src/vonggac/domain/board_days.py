"""The last 24 hours of facilities, half an hour a slot: what was recorded, what is missing and why.

All cameras of a facility are summed, so that a page of facilities costs three questions, however
many cameras they have.  As everywhere, what is not known counts neither as recorded nor as missing,
and before the first that a box said of a camera nothing was expected of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import ledger
from vonggac.domain.continuity import SETTLE_NS, cut_hundredths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vonggac.db import Connection

DAY_NS: Final = 86_400 * NS
SLOTS: Final = 48
"""Slots of a day (ours): a strip in a row of a table has some two hundred pixels."""
SLOT_NS: Final = DAY_NS // SLOTS


@dataclass(frozen=True, slots=True)
class Slot:
    """Camera time of half an hour, in nanoseconds."""

    recorded_ns: int
    missing_ns: int
    unknown_ns: int
    cause: Cause | None
    """Of most of what is missing."""

    @property
    def expected_ns(self) -> int:
        """Camera time that was expected to be recorded."""
        return self.recorded_ns + self.missing_ns + self.unknown_ns


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours of a facility."""

    from_ns: int
    slots: tuple[Slot, ...]

    @property
    def recorded_ns(self) -> int:
        """Camera time recorded."""
        return sum(one.recorded_ns for one in self.slots)

    @property
    def missing_ns(self) -> int:
        """Camera time missing."""
        return sum(one.missing_ns for one in self.slots)

    @property
    def unknown_ns(self) -> int:
        """Camera time of which the hub has not heard."""
        return sum(one.unknown_ns for one in self.slots)

    @property
    def hundredths(self) -> int | None:
        """Per cent recorded of what is known, times 100 and cut; None when nothing is known."""
        return cut_hundredths(self.recorded_ns, self.recorded_ns + self.missing_ns)


@dataclass(slots=True)
class _Stream:
    """The main stream of a camera: stretches of the window, and what it did last."""

    status: str
    since_ns: int
    as_of_ns: int
    cause: Cause | None
    stretches: list[tuple[int, int, Cause | None]] = field(default_factory=list)
    """From, to, cause of what is missing."""
    recorded_to_ns: int = 0
    gap_is_open: bool = False

    def finished(self) -> Iterator[tuple[int, int, Cause | None]]:
        """Its stretches, with what only the state knows of."""
        yield from self.stretches
        if self.status == "recording":
            yield max(self.since_ns, self.recorded_to_ns), self.as_of_ns, None
        elif self.cause is not None and not self.gap_is_open:
            yield self.since_ns, self.as_of_ns, self.cause

    @property
    def begun_ns(self) -> int:
        """The first that is known of it."""
        return min([self.since_ns, *(one[0] for one in self.stretches)])


class _Lane:
    """Time poured into the slots of a window; a long stretch costs as little as a short one."""

    def __init__(self, start_ns: int) -> None:
        self._start = start_ns
        self._edges = [0] * SLOTS
        self._steps = [0] * (SLOTS + 1)

    def pour(self, from_ns: int, to_ns: int) -> None:
        """Add what of [from, to) lies in the window."""
        first = max(from_ns - self._start, 0)
        last = min(to_ns - self._start, DAY_NS)
        if last <= first:
            return
        low, high = first // SLOT_NS, (last - 1) // SLOT_NS
        if low == high:
            self._edges[low] += last - first
            return
        self._edges[low] += (low + 1) * SLOT_NS - first
        self._edges[high] += last - high * SLOT_NS
        self._steps[low + 1] += SLOT_NS
        self._steps[high] -= SLOT_NS

    def sums(self) -> list[int]:
        """Nanoseconds of each slot."""
        whole, found = 0, []
        for edge, step in zip(self._edges, self._steps, strict=False):
            whole += step
            found.append(edge + whole)
        return found


def days(connection: Connection, site_ids: Sequence[str], *, now_ns: int) -> dict[str, Day]:
    """The last 24 hours of these facilities; one of which nothing was ever told is left out."""
    start_ns = now_ns - DAY_NS
    sites: dict[str, list[_Stream]] = {}
    for (site_id, _), stream in _streams(connection, site_ids, (start_ns, now_ns)).items():
        sites.setdefault(site_id, []).append(stream)
    return {site_id: day_of(streams, now_ns) for site_id, streams in sites.items()}


def day_of(streams: Sequence[_Stream], now_ns: int) -> Day:
    """The streams of one facility, summed."""
    start_ns = now_ns - DAY_NS
    expected, recorded, out = _Lane(start_ns), _Lane(start_ns), _Lane(start_ns)
    missing: dict[Cause, _Lane] = {}
    for stream in streams:
        # The last seconds are on their way; to call them unknown would cry wolf all day.
        end_ns = stream.as_of_ns if now_ns - stream.as_of_ns <= SETTLE_NS else now_ns
        expected.pour(stream.begun_ns, end_ns)
        for from_ns, to_ns, cause in stream.finished():
            if cause is None:
                recorded.pour(from_ns, to_ns)
            elif cause is Cause.NOT_IN_SERVICE:
                out.pour(from_ns, to_ns)
            else:
                missing.setdefault(cause, _Lane(start_ns)).pour(from_ns, to_ns)
    lost = {cause: lane.sums() for cause, lane in missing.items()}
    slots = []
    for at, (whole, kept, gone) in enumerate(
        zip(expected.sums(), recorded.sums(), out.sums(), strict=True)
    ):
        by_cause = {cause: sums[at] for cause, sums in lost.items() if sums[at]}
        total = sum(by_cause.values())
        main = max(by_cause, key=lambda one: by_cause[one], default=None)
        slots.append(Slot(kept, total, max(0, whole - kept - total - gone), main))
    return Day(start_ns, tuple(slots))


def _streams(
    connection: Connection, site_ids: Sequence[str], window: tuple[int, int]
) -> dict[tuple[str, str], _Stream]:
    """Main streams of cameras in the register, with what touches the window."""
    state, camera = tables.state, tables.camera
    found = {
        (row.site_id, row.camera): _Stream(
            row.status, row.since_ns, row.as_of_ns, Cause(row.cause) if row.cause else None
        )
        for row in connection.execute(
            sa.select(state.c.site_id, state.c.camera, state.c.status, state.c.since_ns,
                      ledger.known_until().label("as_of_ns"), state.c.cause)
            .outerjoin(tables.site_state, tables.site_state.c.site_id == state.c.site_id)
            .join(camera, sa.and_(camera.c.site_id == state.c.site_id,
                                  camera.c.name == state.c.camera))
            .where(state.c.site_id.in_(list(site_ids)), state.c.stream == "main",
                   state.c.status != "off", camera.c.retired_ns.is_(None))
        )
    }  # fmt: skip
    # Rows are taken apart as tuples: a page of facilities has ten thousand of them.
    for site_id, name, from_ns, to_ns in _touching(connection, tables.span, site_ids, window):
        if (stream := found.get((site_id, name))) is not None:
            stream.stretches.append((from_ns, to_ns, None))
            stream.recorded_to_ns = max(stream.recorded_to_ns, to_ns)
    for site_id, name, from_ns, to_ns, cause in _touching(connection, tables.gap, site_ids, window):
        if (stream := found.get((site_id, name))) is not None:
            stream.gap_is_open |= to_ns is None
            until_ns = stream.as_of_ns if to_ns is None else to_ns
            stream.stretches.append((from_ns, until_ns, Cause(cause)))
    return found


def _touching(
    connection: Connection, table: sa.Table, site_ids: Sequence[str], window: tuple[int, int]
) -> sa.CursorResult[*tuple[Any, ...]]:
    columns = ["site_id", "camera", "from_ns", "to_ns", *(["cause"] if "cause" in table.c else [])]
    return connection.execute(
        sa.select(*(table.c[name] for name in columns)).where(
            table.c.site_id.in_(list(site_ids)), table.c.stream == "main",
            table.c.from_ns < window[1],
            sa.or_(table.c.to_ns.is_(None), table.c.to_ns > window[0]),
        )
    )  # fmt: skip


def causes_of(every: Mapping[str, Day]) -> set[Cause]:
    """The causes that the strips of a page show."""
    return {one.cause for day in every.values() for one in day.slots if one.cause is not None}
