"""What is deleted when: oldest first, never a held span, and each deletion told.

`plan` decides and is pure; `Retention.run_once` carries it out and warns, days before, that the
promise will not be kept.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from vonggac import log, wire
from vonggac.clock import NS
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.recovery import CATALOG, expire

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vonggac.config import RetentionConfig
    from vonggac.edge.catalog import Catalog, SegmentRow
    from vonggac.edge.journal import Journal
    from vonggac.edge.timebase import TimeBase

DAY_NS = 86_400 * NS

LOOK_AHEAD = 500
"""Segments considered in one round for want of space: eight hours of one camera."""

EXPIRED_AHEAD = 60
"""Segments of a stream that its days delete in one round: an hour, every twenty seconds."""

KNOWN_NS = 600 * NS
"""A stream that is kept for ten minutes has a rate."""

WARN_SHARE = 0.95
"""Warn when the expected days fall below this share of the promised ones, and take it back above
the promise."""

Rule = Literal["days", "bytes", "free_floor"]


class Disk(NamedTuple):
    """The recording filesystem, in bytes."""

    total: int
    free: int


class Hold(NamedTuple):
    """What a case needs of a camera, ns of UTC, half-open."""

    camera: str
    from_ns: int
    to_ns: int

    @property
    def keeps(self) -> tuple[int, int]:
        """What is kept for it: the whole hours around it."""
        return wire.held_hours(self.from_ns, self.to_ns)

    def covers(self, segment: SegmentRow) -> bool:
        """Whether a segment is kept for it, whichever the stream."""
        begin, end = self.keeps
        until = segment.end_ns or segment.start_ns
        return segment.camera == self.camera and segment.start_ns < end and until > begin


def mark_held(db: sqlite3.Connection, holds: Sequence[Hold]) -> None:
    """Write into the catalog which segments no rule may delete; the others lose the mark."""
    db.execute("update segment set held = 0 where held = 1")
    for hold in holds:
        begin, end = hold.keeps
        for stream in ("main", "sub"):
            db.execute(
                "update segment set held = 1 where camera = ? and stream = ? and start_ns < ?"
                " and coalesce(end_ns, start_ns) > ?",
                (hold.camera, stream, end, begin),
            )


class Doomed(NamedTuple):
    """A segment that a rule deletes."""

    segment: SegmentRow
    rule: Rule


def plan(
    oldest: Sequence[SegmentRow],
    *,
    now_ns: int,
    used: int,
    disk: Disk,
    rules: RetentionConfig,
    days_of: Mapping[str, int],
    holds: Sequence[Hold] = (),
) -> list[Doomed]:
    """Which of the oldest segments go, and by which rule.

    Args:
        oldest: closed segments that nobody holds, oldest first: those whose days are over,
            and those that would go for want of space.
        now_ns: wall time.
        used: bytes of all recordings.
        disk: the filesystem.
        rules: what is promised and what is kept free.
        days_of: days of cameras that have their own promise.
        holds: spans under a case; nothing of them goes, by no rule.
    """

    def is_expired(segment: SegmentRow) -> bool:
        days = days_of.get(segment.camera, rules.days)
        return (segment.end_ns or segment.start_ns) < now_ns - days * DAY_NS

    may_go = [one for one in oldest if not any(hold.covers(one) for hold in holds)]
    doomed = [Doomed(one, "days") for one in may_go if is_expired(one)]
    freed = sum(one.segment.size for one in doomed)
    for segment in may_go:
        rule: Rule
        if is_expired(segment):
            continue
        if rules.max_bytes is not None and used - freed > rules.max_bytes:
            rule = "bytes"
        elif disk.free + freed < rules.free_floor_bytes:
            rule = "free_floor"
        else:
            break
        doomed.append(Doomed(segment, rule))
        freed += segment.size
    return doomed


@dataclass(frozen=True, slots=True)
class Promise:
    """Whether the days promised will be kept at the present rate."""

    promised_days: float
    expected_days: float
    bytes_per_day: float

    @property
    def broken(self) -> bool:
        """Whether to warn."""
        return self.expected_days < self.promised_days * WARN_SHARE


@dataclass(frozen=True, slots=True)
class Volume:
    """What a stream has on the disk."""

    size: int
    """Bytes of its closed segments."""
    kept_ns: int
    """From its oldest recording to now."""
    days: int
    """Promised for its camera."""


def promise(volumes: Sequence[Volume], *, disk: Disk, rules: RetentionConfig) -> Promise | None:
    """How many of the promised days the disk will hold at the rate of each stream.

    Args:
        volumes: of each stream; nothing is said of one that is kept for less than ten minutes.
        disk: the filesystem.
        rules: what is promised.

    Returns:
        In days of the site: cameras with days of their own count by what these will take.
    """
    known = [one for one in volumes if one.kept_ns >= KNOWN_NS and one.size > 0]
    if not known:
        return None
    rates = [one.size * DAY_NS / one.kept_ns for one in known]
    needed = sum(rate * one.days for rate, one in zip(rates, known, strict=True))
    room = sum(one.size for one in volumes) + max(0, disk.free - rules.free_floor_bytes)
    if rules.max_bytes is not None:
        room = min(room, rules.max_bytes)
    return Promise(rules.days, rules.days * room / needed, sum(rates))


class Retention:
    """Carries the rules out. Blocks on the disk: for a worker thread.

    Args:
        directory: the recording directory.
        catalog: told of what is gone.
        journal: told of each deletion, on the loop's thread by the caller.
        timebase: what time it is.
        rules: the site's rules.
        days_of: days of cameras that have their own promise.
    """

    def __init__(
        self,
        directory: Path,
        catalog: Catalog,
        journal: Journal,
        timebase: TimeBase,
        rules: RetentionConfig,
        days_of: Mapping[str, int],
    ) -> None:
        self._directory = directory
        self._catalog = catalog
        self._journal = journal
        self._timebase = timebase
        self._rules = rules
        self.days_of = days_of
        """Replaced whole, by the loop's thread, when an order says otherwise."""
        self._logger = log.get("retention")
        self.promise: Promise | None = None
        """The last answer to whether the promised days will be kept."""
        self._warned = False
        self.holds: tuple[Hold, ...] = ()
        """Spans under a case, as the last order has them; replaced whole."""

    def run_once(self) -> list[wire.Fact]:
        """One round: delete what the rules say.

        Returns:
            Facts for the journal, which belongs to the loop's thread.
        """
        if not self._timebase.trusted:
            return []  # a box that does not know the day must not judge age
        now = self._timebase.wall_ns()
        holds, days_of = self.holds, self.days_of
        reader = CatalogReader(self._directory / CATALOG)
        try:
            usage = shutil.disk_usage(self._directory)
            disk = Disk(usage.total, usage.free)
            volumes = {
                (camera, stream): Volume(size, now - begin, days_of.get(camera, self._rules.days))
                for camera, stream, size, begin in reader.volume()
            }
            found = {each.id: each for each in reader.oldest(LOOK_AHEAD)}
            for (camera, stream), each in volumes.items():
                # Of each stream: the oldest of all may belong to a camera that is kept longer.
                if each.kept_ns > each.days * DAY_NS:
                    before = now - each.days * DAY_NS
                    over = reader.ended_before(camera, stream, before, limit=EXPIRED_AHEAD)
                    found |= {segment.id: segment for segment in over}
        finally:
            reader.close()
        oldest = sorted(found.values(), key=lambda segment: segment.start_ns)
        doomed = plan(
            oldest, now_ns=now, used=sum(each.size for each in volumes.values()), disk=disk,
            rules=self._rules, days_of=days_of, holds=holds,
        )  # fmt: skip
        if any(hold.covers(segment) for segment in oldest for hold in holds):
            # Recorded since the order came: marked, it makes room for the next that may go.
            self._catalog.submit(lambda db: mark_held(db, holds))
        facts = self._delete(doomed, now)
        self.promise = promise(list(volumes.values()), disk=disk, rules=self._rules)
        if self.promise is not None and self.promise.broken is not self._warned:
            self._warned = self.promise.broken
            facts.append(
                wire.RetentionWarned(
                    at=now,
                    promised_days=self.promise.promised_days,
                    expected_days=round(self.promise.expected_days, 2),
                    broken=self.promise.broken,
                )
            )
        return facts

    def _delete(self, doomed: Sequence[Doomed], now: int) -> list[wire.Fact]:
        told: dict[tuple[str, str, Rule], list[list[SegmentRow]]] = {}
        for segment, rule in doomed:
            path = self._directory / segment.path
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._logger.warning("segment.not_deleted", path=segment.path, error=str(error))
                continue
            for folder in (path.parent, path.parent.parent):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)  # noqa: PTH106 - only if empty
            gone = (segment.camera, segment.stream, segment.end_ns or segment.start_ns)
            number = segment.id
            self._catalog.submit(
                lambda db, n=number: db.execute("delete from segment where id = ?", (n,))  # type: ignore[misc]
            )
            self._catalog.submit(lambda db, v=gone: expire(db, v))  # type: ignore[misc]
            stretches = told.setdefault((segment.camera, segment.stream, rule), [[]])
            if stretches[-1] and self._holds_between(stretches[-1][-1], segment):
                stretches.append([])  # a fact says that all was deleted from its start to its end
            stretches[-1].append(segment)
        return [
            wire.Deleted(
                at=now, camera=camera, stream="sub" if stream == "sub" else "main",
                from_=segments[0].start_ns, to=segments[-1].end_ns or segments[-1].start_ns,
                segments=len(segments), bytes=sum(s.size for s in segments), rule=rule,
            )
            for (camera, stream, rule), stretches in told.items()
            for segments in stretches
        ]  # fmt: skip

    def _holds_between(self, one: SegmentRow, other: SegmentRow) -> bool:
        """Whether something is held between two segments of a stream."""
        begin, end = one.end_ns or one.start_ns, other.start_ns
        return any(
            hold.camera == one.camera and hold.keeps[0] < end and hold.keeps[1] > begin
            for hold in self.holds
        )
