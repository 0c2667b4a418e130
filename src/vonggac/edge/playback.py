"""What the box shows of its recordings: the GOP of a moment, a span as one MP4, a still.

The bytes are those that were recorded; nothing is muxed again.  Everything that reads the disk
runs in a small pool of threads, never on the event loop.
"""

from __future__ import annotations

import asyncio
import os
import struct
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeVar

from vonggac import wire
from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.edge import ledger as ledgers
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.live import StreamNow
from vonggac.edge.recovery import CATALOG
from vonggac.edge.report import as_json, known_ends, read_ledger
from vonggac.errors import Kind, VonggacError
from vonggac.media import fmp4
from vonggac.media.fmp4_read import scan
from vonggac.media.progressive import FileRange, VirtualMp4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from vonggac.config import StreamName
    from vonggac.edge.audience import PartHeader
    from vonggac.edge.catalog import SegmentRow
    from vonggac.edge.ingest import Ingest
    from vonggac.media.fmp4_read import Scan

READERS = 4
"""Threads that read the disk for viewers: more would only make one disk seek more."""

MAX_GOP_BYTES = 24 * 1024 * 1024
"""A GOP beyond this is not sent: 48 s of 4 Mbit/s, or one run away."""

KEPT_MP4S = 16
"""Virtual MP4s kept for the range requests that follow the first; each holds about 40 bytes a
picture."""

KEPT_MP4_S = 600.0

JOINED_NS = NS // 10
"""Two segments of one span may stand this far apart (jitter of arrival): no gap lies between."""

LIVE_WITHIN_NS = 3 * NS
"""A stream whose newest picture is older than this is not called live."""

_SIZE = struct.Struct(">I")
_NTP = struct.Struct(">II")

T = TypeVar("T")


class Decoder(Protocol):
    """Who decodes, outside this process (`edge.picture.PictureDecoder`)."""

    async def jpeg(
        self, init: bytes, parts: bytes, *, at_ticks: int | None, width: int | None
    ) -> bytes:
        """The picture at or just before a decode time, as JPEG."""
        ...


class Gop(NamedTuple):
    """A recorded GOP, as bytes."""

    init: bytes
    parts: list[bytes]
    row: SegmentRow
    scan: Scan
    """Of init and parts, as if they were a file."""
    shift_ns: int
    """What a step of the clock added to the times inside the bytes."""
    next_ns: int | None
    """When the next GOP of the segment begins."""

    @property
    def from_ns(self) -> int:
        """When its first picture was taken."""
        return self.scan.parts[0].wall_ns + self.shift_ns

    @property
    def to_ns(self) -> int:
        """When its last picture ends."""
        last = self.scan.parts[-1]
        return last.wall_ns + self.shift_ns + last.duration * 100_000 // 9


class Playback:
    """Answers questions about recordings.

    Args:
        directory: the recording directory.
        ingests: the streams, by (camera, stream), as the box keeps them.
        decoder: makes stills.
        wall_ns: what time it is.

    Methods are called on the event loop; `close` from it too, once.
    """

    def __init__(
        self,
        directory: Path,
        ingests: Mapping[tuple[str, StreamName], Ingest],
        decoder: Decoder,
        wall_ns: Callable[[], int],
    ) -> None:
        self._directory = directory
        self._ingests = ingests
        self._decoder = decoder
        self._wall_ns = wall_ns
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="playback")
        self._local = threading.local()
        self._mp4s: OrderedDict[tuple[str, str, int, int], tuple[float, Recording]] = OrderedDict()

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def now(self, camera: str, stream: StreamName) -> StreamNow:
        """The present state of a stream.

        Raises:
            VonggacError: NOT_FOUND, the box has no such stream.
        """
        ingest = self.ingest(camera, stream)
        state, since, cause = self._state(ingest)
        return StreamNow(state, since, cause, ingest.format, ingest.delivered_fps)

    def watch_begins(self, camera: str, stream: StreamName) -> None:
        """Somebody began to watch: drain at once."""
        self.ingest(camera, stream).watch_begins()

    async def gop_so_far(
        self, camera: str, stream: StreamName
    ) -> tuple[PartHeader, list[bytes]] | None:
        """The parts since the last keyframe: from the open segment and from memory."""
        ingest = self.ingest(camera, stream)
        newest = ingest.last_header
        _, parts = await self._current_gop(ingest)
        if newest is None or not parts:
            return None
        first = part_sequence(parts[0])
        wall_ns = part_wall(parts[0])
        return replace(newest, sequence=first, keyframe=True, wall_ns=wall_ns), parts

    async def gop(
        self, camera: str, stream: StreamName, at_ns: int, direction: Literal["at", "next", "prev"]
    ) -> tuple[wire.GopMeta, list[bytes]]:
        """The recorded GOP that holds a moment, begins next after it, or ended before it."""
        self._flush_if_recent(camera, stream, at_ns)
        found, gap, later = await self._run(
            lambda reader: self._find(reader, camera, stream, at_ns, direction)
        )
        told = wire.Gap(from_=str(gap.from_ns), to=str(gap.to_ns), cause=gap.cause) if gap else None
        if found is None:
            return wire.GopMeta(gap=told, next_from=None if later is None else str(later)), []
        assert found.scan.init is not None
        video, audio = found.scan.init.video, found.scan.init.audio
        following = found.next_ns if found.next_ns is not None else later
        meta = wire.GopMeta(
            run=found.row.run.hex(), seg=found.row.number, seq=found.scan.parts[0].sequence,
            dt=found.row.base_ticks, from_=str(found.from_ns), to=str(found.to_ns),
            codec=video.codec_string, audio_codec=audio.codec_string if audio else None,
            width=video.width, height=video.height,
            next_from=None if following is None else str(following), gap=told,
            frames=1 + len(found.parts),
        )  # fmt: skip
        return meta, [found.init, *found.parts]

    async def timeline(
        self, camera: str, stream: StreamName, from_ns: int, to_ns: int, resolution_s: float
    ) -> wire.Timeline:
        """What the ledger says between two moments."""
        now = self._wall_ns()
        view = await self._run(
            lambda reader: self._view(reader, camera, stream, from_ns, to_ns, now)
        )
        resolution_ns = max(1, int(resolution_s * NS))
        if (to_ns - from_ns) // resolution_ns > 10_000:
            raise VonggacError(
                Kind.BAD_INPUT, "a timeline has at most 10,000 steps; ask for a coarser resolution"
            )
        return wire.Timeline(
            as_of=str(view.as_of_ns),
            spans=tuple(wire.Span(from_=str(s.from_ns), to=str(s.to_ns)) for s in view.spans),
            gaps=tuple(
                wire.Gap(from_=str(g.from_ns), to=str(g.to_ns), cause=g.cause) for g in view.gaps
            ),
            expired_before=str(view.expired_before_ns) if view.expired_before_ns else None,
            density=tuple(ledgers.density(view, resolution_ns)),
        )

    async def snapshot(
        self, camera: str, stream: StreamName, at_ns: int | None, width: int | None
    ) -> bytes:
        """A JPEG of now, or of a recorded moment.

        Raises:
            VonggacError: NOT_FOUND, there is no picture then; the message names the cause.
        """
        if at_ns is None:
            ingest = self.ingest(camera, stream)
            init, parts = await self._current_gop(ingest)
            if not parts:
                _, _, cause = self._state(ingest)
                raise VonggacError(
                    Kind.NOT_FOUND,
                    f"{camera} delivers no picture now: {cause or 'nothing has come yet'}",
                    cause=cause,
                )
            return await self._decoder.jpeg(init, b"".join(parts), at_ticks=None, width=width)
        self._flush_if_recent(camera, stream, at_ns)
        found, gap, _ = await self._run(
            lambda reader: self._find(reader, camera, stream, at_ns, "at")
        )
        if found is None:
            raise VonggacError(
                Kind.NOT_FOUND,
                f"{camera} has no picture of that second: "
                f"{gap.cause if gap else 'nothing was recorded'}",
                cause=gap.cause if gap else None,
            )
        part = found.scan.parts[0]
        ticks = part.decode_time + (at_ns - found.from_ns) * 9 // 100_000
        return await self._decoder.jpeg(
            found.init, b"".join(found.parts), at_ticks=ticks, width=width
        )

    async def recording(
        self, camera: str, stream: StreamName, from_ns: int, to_ns: int
    ) -> Recording:
        """A span as one progressive MP4, kept for the range requests that follow.

        Raises:
            VonggacError: as `VirtualMp4`.
        """
        if to_ns <= from_ns:
            raise VonggacError(Kind.BAD_INPUT, "the span ends before it begins")
        key = (camera, stream, from_ns, to_ns)
        now = asyncio.get_running_loop().time()
        kept = self._mp4s.get(key)
        if kept is not None and now - kept[0] < KEPT_MP4_S:
            self._mp4s.move_to_end(key)
            return kept[1]
        self._flush_if_recent(camera, stream, to_ns)
        made = await self._run(
            lambda reader: _recording(self._directory, reader, camera, stream, from_ns, to_ns)
        )
        self._mp4s[key] = (now, made)
        while len(self._mp4s) > KEPT_MP4S:
            self._mp4s.popitem(last=False)
        return made

    async def read(self, recording: Recording, start: int, end: int) -> bytes:
        """Bytes of a recording's MP4; at most a few MiB at a time.

        Raises:
            VonggacError: CONFLICT, a file it lies in was deleted or cut meanwhile.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, recording.read, start, end)

    async def ledger(
        self, camera: str | None, from_ns: int | None, to_ns: int | None
    ) -> dict[str, object]:
        """As `vonggac ledger --json`, of the main stream of one camera or of all."""
        directory = self._directory
        views = await self._run(
            lambda _reader: read_ledger(directory, camera=camera, from_ns=from_ns, to_ns=to_ns)
        )
        return {"cameras": {name: as_json(view, pages) for name, (view, pages) in views.items()}}

    # ---- on the loop ---------------------------------------------------------------------------

    def ingest(self, camera: str, stream: StreamName) -> Ingest:
        """One stream of the box.

        Raises:
            VonggacError: NOT_FOUND, it has no such stream.
        """
        ingest = self._ingests.get((camera, stream))
        if ingest is None:
            raise VonggacError(Kind.NOT_FOUND, f"this box has no stream {camera}/{stream}")
        return ingest

    def _state(self, ingest: Ingest) -> tuple[wire.StreamState, int, Cause | None]:
        continuity = ingest.books.continuity
        now = self._wall_ns()
        header = ingest.last_header
        if header is not None and now - header.wall_ns < LIVE_WITHIN_NS:
            return wire.StreamState.LIVE, header.wall_ns, None
        if continuity.open is not None:
            return wire.StreamState.GAP, continuity.open.from_ns, continuity.open.cause
        if header is not None:
            return wire.StreamState.STALLED, header.wall_ns, None
        return wire.StreamState.GAP, continuity.started_ns, None

    async def _current_gop(self, ingest: Ingest) -> tuple[bytes, list[bytes]]:
        """Init and parts of the GOP that is coming in, up to the newest part."""
        run_format = ingest.format
        if run_format is None:
            return b"", []
        file = ingest.current
        if file is None:
            tail = ingest.newest_gop()
            return run_format.init, tail[1] if tail else []
        # What the thread has not written yet is in memory: the rest is read from the file.
        offset = file.keyframes[-1][1] if file.keyframes else len(file.init)
        unwritten = self._unwritten(ingest)
        path = self._directory / file.path
        upto = file.size - len(unwritten)
        if offset >= upto:
            data = unwritten[offset - upto :]
        else:
            size = min(upto - offset, MAX_GOP_BYTES)
            loop = asyncio.get_running_loop()
            data = await loop.run_in_executor(self._pool, _pread, path, offset, size) + unwritten
        return run_format.init, split_parts(data)

    def _unwritten(self, ingest: Ingest) -> bytes:
        """The parts gathered and not yet handed to the writer's thread."""
        file = ingest.current
        return b"" if file is None else b"".join(file.gathered)

    def _flush_if_recent(self, camera: str, stream: StreamName, at_ns: int) -> None:
        ingest = self._ingests.get((camera, stream))
        if ingest is not None and self._wall_ns() - at_ns < 5 * NS:
            ingest.flush()

    # ---- in a reader's thread --------------------------------------------------------------------

    async def _run(self, question: Callable[[CatalogReader], T]) -> T:
        """Ask the catalog in a thread of the pool, each of which keeps one connection."""

        def ask() -> T:
            reader = getattr(self._local, "reader", None)
            if reader is None:
                reader = self._local.reader = CatalogReader(self._directory / CATALOG)
            return question(reader)

        return await asyncio.get_running_loop().run_in_executor(self._pool, ask)

    def _view(
        self, reader: CatalogReader, camera: str, stream: str, from_ns: int, to_ns: int, now: int
    ) -> ledgers.Timeline:
        segments = known_ends(
            self._directory, reader.segments_between(camera, stream, from_ns, to_ns)
        )
        gaps = reader.gaps_between(camera, stream, from_ns, to_ns)
        return ledgers.timeline(
            segments, gaps, from_ns=from_ns, to_ns=to_ns, as_of_ns=now,
            expired_before_ns=reader.expired_before(camera, stream),
        )  # fmt: skip

    def _find(
        self,
        reader: CatalogReader,
        camera: str,
        stream: StreamName,
        at_ns: int,
        direction: Literal["at", "next", "prev"],
    ) -> tuple[Gop | None, ledgers.Gap | None, int | None]:
        """(GOP, gap between it and the moment, when the next recording begins)."""
        before = reader.segment_near(camera, stream, at_ns, later=False)
        after = reader.segment_near(camera, stream, at_ns, later=True)
        found: Gop | None = None
        if direction == "next":
            found = self._gop_after(before, at_ns) or self._gop_after(after, at_ns)
        else:
            found = self._gop_at(before, at_ns)
            if found is None and after is not None and after.start_ns - at_ns < JOINED_NS:
                found = self._gop_after(after, at_ns)
            if direction == "prev":
                limit = at_ns if found is None else found.from_ns
                found = self._gop_ending(before, limit)
                if found is None and before is not None:
                    earlier = reader.segment_near(camera, stream, before.start_ns - 1, later=False)
                    found = self._gop_ending(earlier, before.start_ns)
        later = None
        if found is None or found.next_ns is None:
            edge = at_ns if found is None else found.from_ns
            following = reader.segment_near(camera, stream, edge, later=True)
            later = following.start_ns if following is not None else None
        gap = self._gap(reader, camera, stream, at_ns, found)
        return found, gap, later

    def _gap(
        self, reader: CatalogReader, camera: str, stream: str, at_ns: int, found: Gop | None
    ) -> ledgers.Gap | None:
        low = min(at_ns, found.to_ns if found is not None else at_ns)
        high = max(at_ns + 1, found.from_ns if found is not None else at_ns + 1)
        now = self._wall_ns()
        for row in reader.gaps_between(camera, stream, low, high):
            to_ns = now if row.to_ns is None else row.to_ns
            return ledgers.Gap(row.from_ns, to_ns, Cause(row.cause), row.evidence)
        return None

    def _gop_at(self, row: SegmentRow | None, at_ns: int) -> Gop | None:
        if row is None:
            return None
        index = self._keyframes(row)
        chosen = max((n for n, (wall, _) in enumerate(index) if wall <= at_ns), default=None)
        if chosen is None:
            return None
        found = self._read(row, index, chosen)
        # Rounding leaves microseconds between two GOPs of a segment: they belong to the first.
        inside = found is not None and (at_ns < found.to_ns or chosen + 1 < len(index))
        return found if inside else None

    def _gop_after(self, row: SegmentRow | None, at_ns: int) -> Gop | None:
        if row is None:
            return None
        index = self._keyframes(row)
        chosen = next((n for n, (wall, _) in enumerate(index) if wall > at_ns), None)
        return None if chosen is None else self._read(row, index, chosen)

    def _gop_ending(self, row: SegmentRow | None, limit_ns: int) -> Gop | None:
        """The last GOP of a segment that begins before a limit."""
        if row is None:
            return None
        index = self._keyframes(row)
        chosen = max((n for n, (wall, _) in enumerate(index) if wall < limit_ns), default=None)
        return None if chosen is None else self._read(row, index, chosen)

    def _keyframes(self, row: SegmentRow) -> list[tuple[int, int]]:
        if row.keyframes:
            return row.keyframe_index()
        found = _scan_file(self._directory / row.path)
        if found is None or not found.parts:
            return []
        shift = row.start_ns - found.parts[0].wall_ns
        return [(part.wall_ns + shift, part.offset) for part in found.parts if part.keyframe]

    def _read(self, row: SegmentRow, index: list[tuple[int, int]], number: int) -> Gop | None:
        """Read one GOP of a segment; None if the file is gone or ends before it."""
        wall_ns, offset = index[number]
        end = index[number + 1][1] if number + 1 < len(index) else None
        try:
            descriptor = os.open(self._directory / row.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            size = os.fstat(descriptor).st_size if end is None else end
            init = os.pread(descriptor, index[0][1], 0)
            data = os.pread(descriptor, min(size - offset, MAX_GOP_BYTES), offset)
        finally:
            os.close(descriptor)
        found = _scan_bytes(init + data)
        if found.init is None or not found.parts:
            return None
        base = len(init)
        parts = [data[p.offset - base : p.offset - base + p.size] for p in found.parts]
        following = index[number + 1][0] if number + 1 < len(index) else None
        return Gop(init, parts, row, found, wall_ns - found.parts[0].wall_ns, following)


class Recording:
    """A virtual MP4 and the files it lies in. Any thread may read."""

    def __init__(self, mp4: VirtualMp4, paths: list[Path]) -> None:
        self.mp4 = mp4
        self.size = mp4.size
        self.etag = mp4.etag
        self._paths = paths

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end).

        Raises:
            VonggacError: CONFLICT, a file was deleted or cut meanwhile.
        """
        pieces = []
        for piece in self.mp4.read(start, end):
            if isinstance(piece, FileRange):
                try:
                    data = _pread(self._paths[piece.file], piece.offset, piece.size)
                except OSError:
                    data = b""
                if len(data) != piece.size:
                    raise VonggacError(
                        Kind.CONFLICT, "the recording was deleted meanwhile; ask for it again"
                    )
                pieces.append(data)
            else:
                pieces.append(piece)
        return b"".join(pieces)


def _recording(
    directory: Path, reader: CatalogReader, camera: str, stream: str, from_ns: int, to_ns: int
) -> Recording:
    rows = reader.segments_between(camera, stream, from_ns, to_ns)
    scans, paths, shifts_ns = [], [], []
    for row in rows:
        found = _scan_file(directory / row.path)
        if found is not None and found.parts:
            scans.append(found)
            paths.append(directory / row.path)
            shifts_ns.append(row.start_ns - found.parts[0].wall_ns)
    return Recording(VirtualMp4(scans, from_ns, to_ns, shifts_ns=shifts_ns), paths)


def part_sequence(part: bytes) -> int:
    """The number in the mfhd of a part of ours: prft, then moof, then mfhd."""
    prft = _SIZE.unpack_from(part, 0)[0]
    return int(_SIZE.unpack_from(part, prft + 20)[0])


def part_wall(part: bytes) -> int:
    """Wall time in the prft of a part of ours, ns since 1970."""
    seconds, fraction = _NTP.unpack_from(part, 16)
    return (int(seconds) - fmp4.NTP_EPOCH_S) * NS + (int(fraction) * NS >> 32)


def split_parts(data: bytes) -> list[bytes]:
    """The whole parts of a run of bytes that begins with one; a torn last one is left out."""
    return list(_parts(data))


def _parts(data: bytes) -> Iterator[bytes]:
    begin = at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if size < 8 or at + size > len(data):
            return
        at += size
        if kind == b"mdat":
            yield data[begin:at]
            begin = at


def _scan_bytes(data: bytes) -> Scan:
    return scan(lambda at, count: data[at : at + count], len(data))


def _scan_file(path: Path) -> Scan | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        return scan(lambda at, count: os.pread(descriptor, count, at), size)
    finally:
        os.close(descriptor)


def _pread(path: Path, offset: int, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)
