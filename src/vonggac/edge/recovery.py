"""Making the catalog whole again from what lies on the disk: files first, journal second.

Segments prove what was recorded; the journal says why anything is missing.  At start-up only the
newest file of each stream is looked at, so that recording begins at once; everything else is done
by a thread while recording goes on.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from vonggac import log, wire
from vonggac.edge import journal as journals
from vonggac.edge.catalog import Catalog, CatalogReader, pack_keyframes
from vonggac.edge.recorder import read_mark
from vonggac.errors import Kind, VonggacError
from vonggac.media import merkle
from vonggac.media.fmp4_read import scan

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vonggac.edge.catalog import SegmentRow
    from vonggac.edge.recorder import Mark
    from vonggac.media.fmp4_read import Scan

CATALOG = "catalog.sqlite"

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
    keyframes: bytes


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
    fresh = not path.exists()
    try:
        return Catalog(path), fresh
    except VonggacError as error:
        if error.kind is not Kind.CORRUPT:
            raise
        set_aside(path)
        log.get("recovery").warning("catalog.set_aside", error=error.message)
        return Catalog(path), True


def set_aside(path: Path) -> None:
    """Move a damaged catalog out of the way; nothing is deleted."""
    number = 1
    while path.with_suffix(f".damaged-{number}").exists():
        number += 1
    path.rename(path.with_suffix(f".damaged-{number}"))
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def next_epoch(directory: Path) -> int:
    """The number of the life that begins now: one more than any that left a trace."""
    known = journals.epochs(directory / "journal")
    mark = read_mark(directory)
    latest = max([*known, mark.epoch if mark else 0, 0])
    with contextlib.suppress(VonggacError):
        reader = CatalogReader(directory / CATALOG)
        latest = max(latest, reader.latest_epoch())
        reader.close()
    return latest + 1


def known_until(directory: Path, camera: str, stream: str, mark: Mark | None) -> int | None:
    """How far the ledger of a stream reaches that an earlier life kept.

    The end of its newest recording; or the last durable mark, if it had a gap open then.
    """
    ends = []
    newest = newest_file(directory, camera, stream)
    if newest is not None:
        found = read_segment(newest, hashing=False)
        if found is not None:
            ends.append(found.end_ns)
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
        finally:
            reader.close()
    return max(ends, default=None)


def close_old_gaps(db: sqlite3.Connection, epoch: int, mark_ns: int) -> None:
    """Gaps that an earlier life left open end where its last mark stands."""
    db.execute(
        "update gap set to_ns = max(from_ns, ?) where to_ns is null and epoch < ?", (mark_ns, epoch)
    )
    db.execute("delete from gap where to_ns = from_ns and epoch < ?", (epoch,))
    db.execute("update run set ended_ns = ? where ended_ns is null and epoch < ?", (mark_ns, epoch))


def newest_file(directory: Path, camera: str, stream: str) -> Path | None:
    """The newest segment file of a stream, found by name: names sort by time."""
    for day in _newest_first(directory / camera):
        for hour in _newest_first(day):
            for path in _newest_first(hour):
                match = _SEGMENT_NAME.match(path.name)
                if match and match["stream"] == stream and path.stat().st_size > 0:
                    return path
    return None


def segment_files(directory: Path) -> Iterator[Path]:
    """Every segment file below a recording directory, in order of camera and time."""
    for camera in sorted(_folders(directory)):
        for day in sorted(_folders(camera)):
            for hour in sorted(_folders(day)):
                with contextlib.suppress(OSError):
                    yield from sorted(p for p in hour.iterdir() if _SEGMENT_NAME.match(p.name))


def read_segment(path: Path, *, hashing: bool = True) -> SegmentFacts | None:
    """Read a segment file as far as it is whole; None if it has not one whole part.

    Args:
        path: the file.
        hashing: whether to read the pictures too, for the Merkle root.

    Raises:
        OSError: the file cannot be read.
    """
    match = _SEGMENT_NAME.match(path.name)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        found = scan(lambda at, count: os.pread(descriptor, count, at), size)
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
        keyframes=pack_keyframes(
            (part.wall_ns, part.offset) for part in found.parts if part.keyframe
        ),
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
            replay_journal(directory, catalog, before_epoch=epoch)
            for path in segment_files(directory):
                relative = str(path.relative_to(directory))
                done += 1
                progress(done)
                if relative not in known and not in_use(relative):
                    _index(directory, catalog, path, repairs)
    finally:
        reader.close()
    return repairs


def replay_journal(directory: Path, catalog: Catalog, *, before_epoch: int) -> None:
    """Write what the journal says of gaps, runs and pages into a catalog that lost them."""
    ends: dict[tuple[str, str], tuple[wire.StateChanged, int]] = {}
    for envelope, fact in journals.facts(directory / "journal"):
        if envelope.epoch >= before_epoch:
            break
        epoch = envelope.epoch
        match fact:
            case wire.GapClosed():
                ends.pop((fact.camera, fact.stream), None)
                gap = (fact.camera, fact.stream, fact.from_, fact.to, fact.cause, fact.evidence)
                catalog.submit(lambda db, v=(*gap, epoch): _restore_gap(db, v))  # type: ignore[misc]
            case wire.StateChanged():
                ends[fact.camera, fact.stream] = (fact, epoch)
            case wire.RunStarted():
                run = (
                    bytes.fromhex(fact.run), fact.camera, fact.stream, epoch, fact.at, fact.source,
                    "; ".join(fact.why), "h265" if fact.codec.startswith("hvc") else "h264",
                    fact.width, fact.height, fact.declared_fps,
                )  # fmt: skip
                catalog.submit(lambda db, v=run: _restore_run(db, v))  # type: ignore[misc]
            case wire.Deleted():
                gone = (fact.camera, fact.stream, fact.to)
                catalog.submit(lambda db, v=gone: expire(db, v))  # type: ignore[misc]
            case wire.PageClosed():
                page = page_row(bytes(fact.page))
                catalog.submit(lambda db, v=page: insert_page(db, v))  # type: ignore[misc]
            case _:
                pass
    mark = read_mark(directory)
    for (camera, stream), (state, epoch) in ends.items():
        if state.state == "gap" and state.cause is not None and mark is not None:
            values = (
                camera, stream, state.since, max(mark.wall_ns, state.since), state.cause,
                state.evidence, epoch,
            )  # fmt: skip
            catalog.submit(lambda db, v=values: _restore_gap(db, v))  # type: ignore[misc]


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
        found = read_segment(path)
    if found is None:
        if path.exists():
            repairs.unplayable.append(row.path)
            _put_away(directory, path)
        else:
            repairs.forgotten.append(row.path)
        catalog.submit(lambda db: db.execute("delete from segment where id = ?", (row.id,)))
        return
    truncate(path, found.size)
    values = (
        found.end_ns, found.size, found.pictures, found.parts, found.root, found.keyframes, row.id,
    )  # fmt: skip
    catalog.submit(
        lambda db: db.execute(
            "update segment set end_ns = ?, size = ?, pictures = ?, parts = ?, root = ?,"
            " keyframes = ? where id = ?",
            values,
        )
    )
    repairs.closed.append(row.path)


def _index(directory: Path, catalog: Catalog, path: Path, repairs: Repairs) -> None:
    """A file that the catalog does not know: index it, or put it away if it holds nothing."""
    relative = str(path.relative_to(directory))
    found = None
    with contextlib.suppress(OSError):
        found = read_segment(path)
    if found is None:
        repairs.unplayable.append(relative)
        _put_away(directory, path)
        return
    truncate(path, found.size)
    values = (
        found.camera, found.stream, found.run, found.number, relative, found.start_ns,
        found.end_ns, found.size, found.pictures, found.parts, found.root, found.keyframes,
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


def _root(descriptor: int, found: Scan) -> bytes:
    """The Merkle root over init and parts, read from the file."""
    assert found.init is not None
    leaves = [merkle.leaf(found.init.data)]
    leaves += (merkle.leaf(os.pread(descriptor, part.size, part.offset)) for part in found.parts)
    return merkle.root(leaves)


def _restore_gap(db: sqlite3.Connection, values: tuple[object, ...]) -> None:
    db.execute(
        "insert into gap (camera, stream, from_ns, to_ns, cause, evidence, epoch)"
        " select ?1, ?2, ?3, ?4, ?5, ?6, ?7 where not exists (select 1 from gap"
        " where camera = ?1 and stream = ?2 and from_ns = ?3)",
        values,
    )


def _restore_run(db: sqlite3.Connection, values: tuple[object, ...]) -> None:
    db.execute(
        "insert or ignore into run (run, camera, stream, epoch, started_ns, source, source_why,"
        " codec, width, height, declared_fps) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )


def _newest_first(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir(), reverse=True)
    return []


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if path.is_dir() and path.name != "unplayable"]
    return []
