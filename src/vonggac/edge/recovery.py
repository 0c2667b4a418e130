"""Making the catalog whole again from what lies on the disk: files first, journal second.

Segments prove what was recorded; the journal says why anything is missing.  At start-up only the
newest file of each stream is looked at, so that recording begins at once; everything else is done
by a thread while recording goes on.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from vonggac import log, wire
from vonggac.causes import Cause
from vonggac.clock import is_credible
from vonggac.edge import journal as journals
from vonggac.edge.catalog import WHOLE, Catalog, CatalogReader, pack_keyframes
from vonggac.edge.identity import first_epoch
from vonggac.edge.recorder import read_mark
from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.media import merkle
from vonggac.media.fmp4_read import Scan, is_sound, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vonggac.edge.catalog import SegmentRow
    from vonggac.edge.recorder import Mark
    from vonggac.keys import Chain

CATALOG = "catalog.sqlite"

NEWEST_FILES = 20
"""Files looked at to find the newest that plays; a crash tears one of each stream."""

UNSYNCED = 4 * 1024 * 1024
"""Bytes at the end of a file that a power cut may have kept from the disk. The recorder syncs once
a second, and within two when the disk is slow: 16 Mbit/s of one camera."""

_SEGMENT_NAME = re.compile(
    r"^(?P<camera>[a-z0-9][a-z0-9-]{0,62})_(?P<stream>main|sub)_"
    r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_(?P<run>[0-9a-f]{12})-(?P<number>\d{4,})\.mp4$"
)


class SegmentFacts(NamedTuple):
    """What a segment file says of itself."""

    camera: str
    stream: str
    run: bytes
    number: int
    start_ns: int
    end_ns: int
    base_ticks: int
    size: int
    """Bytes up to the end of the last whole part."""
    pictures: int
    parts: int
    root: bytes | None
    keyframes: tuple[tuple[int, int], ...]
    """(wall ns, byte offset) of parts that start with a keyframe."""

    def moved(self, delta_ns: int) -> SegmentFacts:
        """The same after a step of the clock, which its bytes do not know."""
        return self._replace(
            start_ns=self.start_ns + delta_ns,
            end_ns=self.end_ns + delta_ns,
            keyframes=tuple((wall_ns + delta_ns, offset) for wall_ns, offset in self.keyframes),
        )


@dataclass
class Repairs:
    """What recovery did, in sentences, and what it could not do."""

    closed: list[str] = field(default_factory=list)
    """Segments that were cut off and are whole again."""
    indexed: list[str] = field(default_factory=list)
    """Files that the catalog did not know."""
    forgotten: list[str] = field(default_factory=list)
    """Rows whose file is gone."""
    unplayable: list[str] = field(default_factory=list)
    """Files without one whole part."""


def open_catalog(directory: Path) -> tuple[Catalog, bool]:
    """The catalog of a recording directory, made anew when it is missing or damaged.

    Returns:
        The catalog, and whether it must be filled from the files.
    """
    path = directory / CATALOG
    try:
        catalog = Catalog(path)
    except VonggacError as error:
        if error.kind is not Kind.CORRUPT:
            raise
        set_aside(path)
        log.get("recovery").warning("catalog.set_aside", error=error.message)
        catalog = Catalog(path)
    return catalog, not _is_whole(path)


def _is_whole(path: Path) -> bool:
    with contextlib.suppress(VonggacError):
        reader = CatalogReader(path)
        try:
            return reader.note(WHOLE) is not None
        finally:
            reader.close()
    return False


def set_aside(path: Path) -> None:
    """Move a damaged catalog out of the way; nothing is deleted."""
    number = 1
    while path.with_suffix(f".damaged-{number}").exists():
        number += 1
    path.rename(path.with_suffix(f".damaged-{number}"))
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def next_epoch(directory: Path, chain: Chain | None = None) -> int:
    """The number of the life that begins now: one more than any that left a trace.

    Args:
        directory: the recording directory.
        chain: the announcements of the site's keys, which outlive a disk that was replaced.
    """
    known = journals.epochs(directory / "journal")
    known += [change.place[0] for change in chain.changes] if chain else []
    mark = read_mark(directory)
    latest = max([*known, mark.epoch if mark else 0, first_epoch(directory)])
    with contextlib.suppress(VonggacError):
        reader = CatalogReader(directory / CATALOG)
        latest = max(latest, reader.latest_epoch())
        reader.close()
    return latest + 1


def keep_catalog(directory: Path, target: Path) -> bool:
    """One moment of the catalog as a file of its own, while the recorder writes; False without one.

    Raises:
        VonggacError: CORRUPT, it cannot be read.
    """
    path = directory / CATALOG
    if not path.exists():
        return False
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as catalog:
            catalog.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.DatabaseError as error:
        raise VonggacError(
            Kind.CORRUPT, f"the catalog {path} cannot be read ({error}); run `vonggac check`"
        ) from error
    return True


def booted(directory: Path, boot: str) -> int | None:
    """When the first life since this start of the box began, if the catalog knows of one."""
    with contextlib.suppress(VonggacError):
        reader = CatalogReader(directory / CATALOG)
        try:
            return reader.booted(boot)
        finally:
            reader.close()
    return None


def known_until(directory: Path, camera: str, stream: str, mark: Mark | None) -> int | None:
    """How far the ledger of a stream reaches that an earlier life kept.

    The end of its newest recording; or the last durable mark, if it had a gap open then.
    """
    ends = []
    newest = newest_recording(directory, camera, stream)
    shift = 0
    with contextlib.suppress(VonggacError):
        reader = CatalogReader(directory / CATALOG)
        try:
            bounds = reader.bounds(camera, stream)
            if bounds is not None:
                ends.append(bounds[1])
            if mark is not None:
                gaps = reader.gaps_between(camera, stream, mark.wall_ns, mark.wall_ns + 1)
                if any(gap.to_ns is None for gap in gaps):
                    ends.append(mark.wall_ns)
            if newest is not None:
                row = reader.segment_at(str(newest[0].relative_to(directory)))
                shift = row.start_ns - newest[1].start_ns if row is not None else 0
        finally:
            reader.close()
    if newest is not None:
        ends.append(newest[1].end_ns + shift)
    return max(ends, default=None)


def was_out_of_service(directory: Path, camera: str, stream: str, until_ns: int) -> bool:
    """Whether the ledger of a stream ends, at that moment, with its being out of service."""
    with contextlib.suppress(VonggacError):
        reader = CatalogReader(directory / CATALOG)
        try:
            gap = reader.last_gap(camera, stream)
        finally:
            reader.close()
        return gap is not None and gap.to_ns == until_ns and gap.cause == Cause.NOT_IN_SERVICE
    return False


def lived_without_time(directory: Path, boot: str) -> bool:
    """Whether the start of the box before this one never learned what time it was.

    What it recorded lies in 1970, and nobody can say when that was.
    """
    with contextlib.suppress(VonggacError):
        reader = CatalogReader(directory / CATALOG)
        try:
            return reader.lived_without_time(boot)
        finally:
            reader.close()
    return False


def close_old_gaps(db: sqlite3.Connection, epoch: int, mark_ns: int) -> None:
    """Gaps that an earlier life left open end where its last mark stands."""
    db.execute(
        "update gap set to_ns = max(from_ns, ?) where to_ns is null and epoch < ?", (mark_ns, epoch)
    )
    db.execute("delete from gap where to_ns = from_ns and epoch < ?", (epoch,))
    db.execute("update run set ended_ns = ? where ended_ns is null and epoch < ?", (mark_ns, epoch))


def newest_recording(directory: Path, camera: str, stream: str) -> tuple[Path, SegmentFacts] | None:
    """The newest segment file of a stream that plays, found by name: names sort by time."""
    looked = 0
    for day in _newest_first(directory / camera):
        for hour in _newest_first(day):
            for path in _newest_first(hour):
                match = _SEGMENT_NAME.match(path.name)
                if match is None or match["stream"] != stream:
                    continue
                with contextlib.suppress(OSError):
                    found = read_segment(path, hashing=False, cut_off=True)
                    if found is not None:
                        return path, found
                looked += 1
                if looked >= NEWEST_FILES:
                    return None
    return None


def holds_recordings(directory: Path) -> bool:
    """Whether a recorder has ever written here; a disk that is not mounted leaves an empty one."""
    marks = (CATALOG, "journal", ".alive")
    if any((directory / mark).exists() for mark in marks):
        return True
    return next(segment_files(directory), None) is not None


def segment_files(directory: Path) -> Iterator[Path]:
    """Every segment file below a recording directory, in order of camera and time."""
    for camera in sorted(_folders(directory)):
        for day in sorted(_folders(camera)):
            for hour in sorted(_folders(day)):
                with contextlib.suppress(OSError):
                    yield from sorted(p for p in hour.iterdir() if _SEGMENT_NAME.match(p.name))


def read_segment(path: Path, *, hashing: bool = True, cut_off: bool = False) -> SegmentFacts | None:
    """Read a segment file as far as it is whole; None if it has not one whole part.

    Args:
        path: the file.
        hashing: whether to read the pictures too, for the Merkle root.
        cut_off: whether its writer was cut off: what it wrote last may be holes then, and is left
            out.  A file that was closed is read as it is; what is wrong with it, its hash tells.

    Raises:
        OSError: the file cannot be read.
    """
    match = _SEGMENT_NAME.match(path.name)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        found = scan(lambda at, count: os.pread(descriptor, count, at), size)
        if cut_off:
            found = _without_holes(descriptor, found)
        if found.init is None or not found.parts:
            return None
        root = _root(descriptor, found) if hashing else None
    finally:
        os.close(descriptor)
    identity = found.init.identity
    first, last = found.parts[0], found.parts[-1]
    return SegmentFacts(
        camera=identity.camera,
        stream=identity.stream,
        run=identity.run,
        number=int(match["number"]) if match else 0,
        start_ns=first.wall_ns,
        end_ns=last.wall_ns + last.duration * 100_000 // 9,
        base_ticks=0,
        size=found.good_bytes,
        pictures=sum(part.count for part in found.parts),
        parts=len(found.parts),
        root=root,
        keyframes=tuple((part.wall_ns, part.offset) for part in found.parts if part.keyframe),
    )


def mend(
    directory: Path,
    catalog: Catalog,
    *,
    epoch: int,
    everything: bool,
    in_use: Callable[[str], bool],
    progress: Callable[[int], None] = lambda _count: None,
) -> Repairs:
    """Bring catalog and files together. Blocks; for a worker thread or the command line.

    Args:
        directory: the recording directory.
        catalog: where rows are written.
        epoch: the present life; what belongs to it is left alone.
        everything: look at every file, not only at segments that were left open.
        in_use: whether a file is being written now (relative path).
        progress: told after each file how many have been looked at.

    Returns:
        What was done.
    """
    repairs = Repairs()
    reader = CatalogReader(directory / CATALOG)
    try:
        done = 0
        for row in reader.open_segments():
            if row.epoch != epoch and not in_use(row.path):
                _close_left_open(directory, catalog, row, repairs)
                done += 1
                progress(done)
        if everything:
            known = {row.path for row in reader.segments()}
            moved = replay_journal(directory, catalog, before_epoch=epoch)
            for path in segment_files(directory):
                relative = str(path.relative_to(directory))
                done += 1
                progress(done)
                if relative not in known and not in_use(relative):
                    _index(directory, catalog, path, moved, repairs)
            catalog.submit(
                lambda db: db.execute("insert or replace into note values (?, '1')", (WHOLE,))
            )
    finally:
        reader.close()
    return repairs


class _Told:
    """What the journal says, as it is read: each step of the clock moves what came before it."""

    def __init__(self) -> None:
        self.epochs: dict[int, tuple[str, int, int]] = {}
        """(boot, start, whether the clock was credible) of each life."""
        self.runs: dict[bytes, list[Any]] = {}
        self.gaps: list[list[Any]] = []
        self.open: dict[tuple[str, str], list[Any]] = {}
        """Gaps that had begun when a life ended."""
        self.moved: dict[bytes, int] = {}
        """How much each run was moved, where it was."""

    def step(self, epoch: int, delta_ns: int) -> None:
        """Move what was told since this start of the box; what lies before it stays."""
        boot, since, _ = self.epochs.get(epoch, ("", 0, 0))
        lives = {number for number, life in self.epochs.items() if life[0] == boot and boot}
        lives.add(epoch)
        since = min((self.epochs[n][1] for n in lives if n in self.epochs), default=since)
        for number in lives & self.epochs.keys():
            known_boot, start, trusted = self.epochs[number]
            self.epochs[number] = (known_boot, start + delta_ns, trusted)
        for gap in [*self.gaps, *self.open.values()]:
            if gap[6] in lives:
                for edge in (2, 3):
                    if gap[edge] is not None and gap[edge] >= since:
                        gap[edge] += delta_ns
        for run, values in self.runs.items():
            if values[3] in lives:
                values[4] += delta_ns
                self.moved[run] = self.moved.get(run, 0) + delta_ns


def replay_journal(directory: Path, catalog: Catalog, *, before_epoch: int) -> dict[bytes, int]:
    """Write what the journal says of gaps, runs and pages into a catalog that lost them.

    Returns:
        How much steps of the clock have moved the recordings of each run, where they did.
    """
    told = _Told()
    for envelope, fact in journals.facts(directory / "journal"):
        if envelope.epoch >= before_epoch:
            break
        epoch = envelope.epoch
        match fact:
            case wire.BoxStarted():
                told.epochs[epoch] = (fact.boot, fact.at, int(is_credible(fact.at)))
            case wire.ClockStepped():
                told.step(epoch, fact.after - fact.before)
            case wire.GapClosed():
                told.open.pop((fact.camera, fact.stream), None)
                told.gaps.append(
                    [fact.camera, fact.stream, fact.from_, fact.to, fact.cause, fact.evidence,
                     epoch]
                )  # fmt: skip
            case wire.StateChanged(state="gap", cause=cause) if cause is not None:
                told.open[fact.camera, fact.stream] = [
                    fact.camera, fact.stream, fact.since, None, cause, fact.evidence, epoch
                ]  # fmt: skip
            case wire.StateChanged():
                told.open.pop((fact.camera, fact.stream), None)
            case wire.RunStarted():
                run = bytes.fromhex(fact.run)
                told.runs[run] = [
                    run, fact.camera, fact.stream, epoch, fact.at, fact.source,
                    "; ".join(fact.why), "h265" if fact.codec.startswith("hvc") else "h264",
                    fact.width, fact.height, fact.declared_fps,
                ]  # fmt: skip
            case wire.Deleted():
                gone = (fact.camera, fact.stream, fact.to)
                catalog.submit(lambda db, v=gone: expire(db, v))  # type: ignore[misc]
            case wire.PageClosed():
                with contextlib.suppress(MalformedError):
                    page = page_row(bytes(fact.page))
                    catalog.submit(lambda db, v=page: insert_page(db, v))  # type: ignore[misc]
            case _:
                pass
    mark = read_mark(directory)
    for gap in told.open.values():
        if mark is not None:
            gap[3] = max(mark.wall_ns, gap[2])
            told.gaps.append(gap)
    lives = [(number, *life) for number, life in told.epochs.items()]
    catalog.submit(lambda db: _restore(db, lives, list(told.runs.values()), told.gaps))
    return told.moved


def page_row(content: bytes) -> tuple[object, ...]:
    """A page's row from its exact bytes.

    Raises:
        MalformedError: they are no page.
    """
    page = wire.decode_page(content)
    return (page.camera, page.number, page.from_, page.to, sha256(content).digest(), content)


def insert_page(db: sqlite3.Connection, row: tuple[object, ...]) -> None:
    """Keep a page; a second time changes nothing."""
    db.execute(
        "insert or ignore into page (camera, number, from_ns, to_ns, hash, content)"
        " values (?, ?, ?, ?, ?, ?)",
        row,
    )


def expire(db: sqlite3.Connection, row: tuple[object, ...]) -> None:
    """Note that everything before a moment was deleted by rule."""
    db.execute(
        "insert into expired (camera, stream, before_ns) values (?, ?, ?) on conflict do update"
        " set before_ns = max(before_ns, excluded.before_ns)",
        row,
    )


def _close_left_open(directory: Path, catalog: Catalog, row: SegmentRow, repairs: Repairs) -> None:
    """A segment that a crash cut off: truncate it to its last whole part and close its row."""
    path = directory / row.path
    found = None
    with contextlib.suppress(OSError):
        found = read_segment(path, cut_off=True)
    if found is None:
        if path.exists():
            repairs.unplayable.append(row.path)
            _put_away(directory, path)
        else:
            repairs.forgotten.append(row.path)
        catalog.submit(lambda db: db.execute("delete from segment where id = ?", (row.id,)))
        return
    truncate(path, found.size)
    found = found.moved(row.start_ns - found.start_ns)
    values = (
        found.end_ns, found.size, found.pictures, found.parts, found.root,
        pack_keyframes(found.keyframes), row.id,
    )  # fmt: skip
    catalog.submit(
        lambda db: db.execute(
            "update segment set end_ns = ?, size = ?, pictures = ?, parts = ?, root = ?,"
            " keyframes = ? where id = ?",
            values,
        )
    )
    repairs.closed.append(row.path)


def _index(
    directory: Path, catalog: Catalog, path: Path, moved: Mapping[bytes, int], repairs: Repairs
) -> None:
    """A file that the catalog does not know: index it, or put it away if it holds nothing."""
    relative = str(path.relative_to(directory))
    found = None
    with contextlib.suppress(OSError):
        found = read_segment(path, cut_off=True)
    if found is None:
        repairs.unplayable.append(relative)
        _put_away(directory, path)
        return
    truncate(path, found.size)
    found = found.moved(moved.get(found.run, 0))
    values = (
        found.camera, found.stream, found.run, found.number, relative, found.start_ns,
        found.end_ns, found.size, found.pictures, found.parts, found.root,
        pack_keyframes(found.keyframes),
    )  # fmt: skip
    catalog.submit(
        lambda db: db.execute(
            "insert or ignore into segment (camera, stream, run, epoch, number, path, start_ns,"
            " end_ns, base_ticks, size, pictures, parts, root, keyframes) values (?1, ?2, ?3,"
            " coalesce((select epoch from run where run = ?3), 0), ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10,"
            " ?11, ?12)",
            values,
        )
    )
    repairs.indexed.append(relative)


def truncate(path: Path, size: int) -> bool:
    """Cut a torn tail off; False if there was none."""
    if path.stat().st_size <= size:
        return False
    os.truncate(path, size)
    return True


def _put_away(directory: Path, path: Path) -> None:
    """A file in which nothing can be played is kept apart, not deleted."""
    aside = directory / "unplayable"
    with contextlib.suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
            return
        aside.mkdir(exist_ok=True)
        path.rename(aside / path.name)


def _without_holes(descriptor: int, found: Scan) -> Scan:
    """The scan up to the first part whose pictures never reached the disk."""
    after = os.pread(descriptor, 8, found.good_bytes)
    goes_on = bool(after) and not any(after)
    for number, part in enumerate(found.parts):
        end = part.offset + part.size
        if end <= found.good_bytes - UNSYNCED:
            continue
        content = os.pread(descriptor, part.size, part.offset)
        if not is_sound(content, part, before_zeros=goes_on and end == found.good_bytes):
            fault = f"pictures that never reached the disk, at byte {part.offset}"
            return Scan(found.init, found.parts[:number], part.offset, fault)
    return found


def _root(descriptor: int, found: Scan) -> bytes:
    """The Merkle root over init and parts, read from the file."""
    assert found.init is not None
    leaves = [merkle.leaf(found.init.data)]
    leaves += (merkle.leaf(os.pread(descriptor, part.size, part.offset)) for part in found.parts)
    return merkle.root(leaves)


def _restore(
    db: sqlite3.Connection,
    lives: Sequence[Sequence[object]],
    runs: Sequence[Sequence[object]],
    gaps: Sequence[Sequence[object]],
) -> None:
    """Write down what is not there yet."""
    db.executemany("insert or ignore into epoch values (?, ?, ?, ?)", lives)
    db.executemany(
        "insert or ignore into run (run, camera, stream, epoch, started_ns, source, source_why,"
        " codec, width, height, declared_fps) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        runs,
    )
    db.executemany(
        "insert into gap (camera, stream, from_ns, to_ns, cause, evidence, epoch)"
        " select ?1, ?2, ?3, ?4, ?5, ?6, ?7 where not exists (select 1 from gap"
        " where camera = ?1 and stream = ?2 and from_ns = ?3)",
        gaps,
    )


def _newest_first(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir(), reverse=True)
    return []


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if path.is_dir() and path.name != "unplayable"]
    return []
