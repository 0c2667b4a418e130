"""What the box proves of its recordings: clips of a span, and how their bytes lead to its pages.

`prove` looks at catalog and files and reads only the segments that a clip begins and ends in;
`Proofs` keeps what it found for the questions that follow.  Nothing here runs on the loop.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vonggac import wire
from vonggac.clock import rfc3339
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.playback import Recording
from vonggac.edge.recovery import CATALOG
from vonggac.errors import Kind, VonggacError
from vonggac.media import merkle
from vonggac.media.clip import Clip, Whole, by_format
from vonggac.media.fmp4_read import scan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vonggac.config import StreamName
    from vonggac.edge.catalog import SegmentRow
    from vonggac.media.fmp4_read import Scan

KEPT = 4
"""Spans kept while a hub takes their clips; each holds some 100 bytes a picture."""

MAX_SPAN_NS = 86_400 * 1_000_000_000
"""A day of one camera in one question, as of `recording.mp4`."""

NOT_YET = wire.Proof(ready=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """A proof, and the clips that it speaks of."""

    proof: wire.Proof
    clips: tuple[Recording, ...] = ()


class _Placed(NamedTuple):
    """A segment and its place in the tree of its page."""

    row: SegmentRow
    scan: Scan
    page: int
    leaf: int
    path: tuple[str, ...]

    @property
    def shift_ns(self) -> int:
        """What a step of the clock added to the times inside the bytes."""
        return self.row.start_ns - self.scan.parts[0].wall_ns


class Proofs:
    """Proves spans for the hub, one at a time. Belongs to the loop's thread.

    Args:
        directory: the recording directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="proof")
        self._kept: OrderedDict[tuple[str, str, int, int], Proven] = OrderedDict()

    def close(self) -> None:
        """Let the thread end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def proven(
        self, camera: str, stream: StreamName, from_ns: int, to_ns: int, *, anew: bool
    ) -> Proven:
        """The proof of a span; `anew` looks again, for whoever does not take its clips yet.

        Raises:
            VonggacError: BAD_INPUT; UNAVAILABLE, there is no catalog.
        """
        if not from_ns < to_ns <= from_ns + MAX_SPAN_NS:
            raise VonggacError(Kind.BAD_INPUT, "an export of one camera has a day at most")
        key = (camera, stream, from_ns, to_ns)
        if not anew and key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(
            self._pool, prove, self._directory, camera, stream, from_ns, to_ns
        )
        if made.proof.ready:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    async def read(self, clip: Recording, start: int, end: int) -> bytes:
        """Bytes of a clip; at most a few MiB at a time.

        Raises:
            VonggacError: CONFLICT, a file it lies in was deleted meanwhile.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, clip.read, start, end)


def prove(directory: Path, camera: str, stream: StreamName, from_ns: int, to_ns: int) -> Proven:
    """Clips of a span with what leads from their bytes to the pages. Blocks on the disk.

    Raises:
        VonggacError: the catalog cannot be read.
    """
    reader = CatalogReader(directory / CATALOG)
    try:
        rows = reader.segments_between(camera, stream, from_ns, to_ns)
        last = reader.last_page(camera)
        if last is None or last[1] < to_ns or any(row.end_ns is None for row in rows):
            return Proven(NOT_YET)
        begin = min([from_ns, *(row.start_ns for row in rows)])
        pages = [
            (page, wire.decode_page(content))
            for page, _, _, content in reader.pages_between(camera, begin, to_ns)
        ]
        unproven: list[str] = []
        placed: list[_Placed] = []
        for _, page in pages:
            placed += _placed(directory, reader, page, stream, rows, unproven)
        runs = tuple(
            wire.ProofRun(
                run=run.run.hex(), from_=str(run.started_ns),
                to=None if run.ended_ns is None else str(run.ended_ns), cause=run.cause,
                source=run.source, codec=run.codec, width=run.width, height=run.height,
                declared_fps=run.declared_fps, delivered_fps=run.delivered_fps,
                clock_error_ns=run.clock_error_ns,
            )
            for run in reader.runs_between(camera, stream, from_ns, to_ns)
        )  # fmt: skip
        expired = reader.expired_before(camera, stream)
    finally:
        reader.close()
    clips = _clips(directory, placed, from_ns, to_ns)
    return Proven(
        wire.Proof(
            ready=True,
            clips=tuple(told for told, _ in clips),
            pages=tuple(number for number, _ in pages),
            runs=runs,
            expired_before=str(expired),
            unproven=tuple(unproven),
        ),
        tuple(clip for _, clip in clips),
    )


def _placed(
    directory: Path,
    reader: CatalogReader,
    page: wire.Page,
    stream: StreamName,
    wanted: Sequence[SegmentRow],
    unproven: list[str],
) -> list[_Placed]:
    """The wanted segments that began in a page's hour, with their place in its tree."""
    here = [row for row in wanted if page.from_ <= row.start_ns < page.to]
    if not here:
        return []
    told = next((one for one in page.streams if one.stream == stream), None)
    every = [
        row
        for row in reader.segments_between(page.camera, stream, page.from_, page.to)
        if row.start_ns >= page.from_ and row.root is not None
    ]
    leaves = [merkle.leaf(row.root) for row in every if row.root is not None]
    if told is None or merkle.root(leaves).hex() != told.root:
        # Retention took some of the hour's segments, or a step of the clock moved them.
        unproven.append(
            f"{len(here)} segments from {rfc3339(here[0].start_ns)}: the tree of page"
            f" {page.number} cannot be built any more"
        )
        return []
    index_of = {row.id: index for index, row in enumerate(every)}
    found = []
    for row in here:
        scanned = _scanned(directory / row.path)
        if scanned is None or row.id not in index_of:
            unproven.append(f"{row.path}: the file is gone or was never closed")
            continue
        index = index_of[row.id]
        path = tuple(each.hex() for each in merkle.inclusion_path(leaves, index))
        found.append(_Placed(row, scanned, page.number, index, path))
    return found


def _clips(
    directory: Path, placed: Sequence[_Placed], from_ns: int, to_ns: int
) -> list[tuple[wire.ProofClip, Recording]]:
    found = []
    for group in by_format([one.scan for one in placed]):
        segments = [placed[at] for at in group]
        scans = [one.scan for one in segments]
        try:
            clip = Clip(scans, from_ns, to_ns, shifts_ns=[one.shift_ns for one in segments])
        except VonggacError as error:
            if error.kind is Kind.NOT_FOUND:
                continue  # nothing of these segments lies in the span
            raise
        init = scans[0].init
        assert init is not None, "a clip was made of it"
        told = wire.ProofClip(
            size=clip.size,
            etag=clip.etag.strip('"'),
            index=clip.index_size,
            codec=init.video.codec_string,
            width=init.video.width,
            height=init.video.height,
            segments=tuple(
                _segment(directory, segments[whole.file], whole) for whole in clip.wholes(scans)
            ),
        )
        paths = [directory / one.row.path for one in segments]
        found.append((told, Recording(clip, paths)))
    return found


def _segment(directory: Path, one: _Placed, whole: Whole) -> wire.ProofSegment:
    """What a verifier needs to know of a segment besides the bytes in the clip."""
    assert one.row.root is not None, "it is a leaf of its page"
    parts = one.scan.parts
    end = whole.first + len(whole.sizes)
    last = parts[end - 1]
    beside = [*range(whole.first), *range(end, len(parts))]
    hashes: dict[int, str] = {}
    if beside:
        descriptor = os.open(directory / one.row.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for at in beside:
                content = os.pread(descriptor, parts[at].size, parts[at].offset)
                hashes[at] = merkle.leaf(content).hex()
        finally:
            os.close(descriptor)
    return wire.ProofSegment(
        run=one.row.run.hex(),
        number=one.row.number,
        from_=str(parts[whole.first].wall_ns + one.shift_ns),
        to=str(last.wall_ns + one.shift_ns + last.duration * 100_000 // 9),
        shift=str(one.shift_ns),
        init=whole.init_size,
        sizes=whole.sizes,
        before=tuple(hashes[at] for at in range(whole.first)),
        after=tuple(hashes[at] for at in range(end, len(parts))),
        root=one.row.root.hex(),
        page=one.page,
        index=one.leaf,
        path=one.path,
    )


def _scanned(path: Path) -> Scan | None:
    """A segment file taken apart; None if it is gone or has not one whole part."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        found = scan(lambda at, count: os.pread(descriptor, count, at), size)
    finally:
        os.close(descriptor)
    return found if found.init is not None and found.parts else None
