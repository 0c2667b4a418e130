"""What a camera sends while it plays, what is made of it, and what is read back from a disk."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import fuzz_corpus as corpus

from vonggac import clock, config, wire
from vonggac.causes import Cause
from vonggac.edge import ingest
from vonggac.edge.audience import NoAudience
from vonggac.edge.bookkeeping import Books
from vonggac.edge.ledger import Continuity
from vonggac.edge.source import Offer
from vonggac.edge.timebase import TimeBase
from vonggac.errors import MalformedError, RunEnded, VonggacError
from vonggac.media import fmp4, fmp4_read, h26x, progressive
from vonggac.media.h26x import Codec, ParameterSets
from vonggac.media.rtp import (
    MAX_UNIT_BYTES,
    AccessUnit,
    AudioTrack,
    AudioUnit,
    Interleaved,
    SenderReport,
    VideoTrack,
)
from vonggac.media.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SOUNDS = 4096
"""Frames of sound that may wait for a part: minutes of it."""
PASSWORD = "Sesame-open-0117"
"""The password of every camera here: it may never be seen in what is sent, printed or raised."""


def silent(error: VonggacError) -> None:
    """What is raised is printed, logged and shown: no secret, no control character, not long."""
    shown = f"{error.message} {error.detail}"
    assert PASSWORD not in shown
    assert len(shown) < 4000, "a sentence as long as the camera likes"
    assert not re.search(r"[\x00-\x1f\x7f]", error.message), error.message


def connection(data: bytes) -> bool:
    """A playing connection. Options: bit 0 H.265, bit 1 sets known, bits 2 to 7 how reads fall."""
    options, stream = (data[0] if data else 0), data[1:]
    codec = Codec.H265 if options & 1 else Codec.H264
    sets = corpus.parameter_sets(codec) if options & 2 else None
    track = VideoTrack(0, 96, codec, sets)
    sound = AudioTrack(2, 97, 8_000, frame=1024)
    interleaved = Interleaved([track, sound])
    rng = random.Random(options >> 2)
    longest = (options >> 2) * 50 + 60
    held = b""
    at = read = given = 0
    taken = True
    try:
        while at < len(stream):
            step = rng.randrange(1, longest)
            held += stream[at : at + step]
            at += step
            read += 1
            held = held[interleaved.feed(held, 0, len(held), read * 40_000_000) :]
            assert len(held) < 65_540
            given += _emptied(interleaved)
            interleaved.messages.clear()
    except MalformedError as error:
        silent(error)
        taken = False
    interleaved.finish()
    given += _emptied(interleaved)
    # A NAL unit of one byte grows by its length of four.
    assert given <= 5 * len(stream)
    assert len(interleaved.reports) <= 64
    interleaved.receiver_reports(read * 40_000_000)
    return taken


def _emptied(interleaved: Interleaved) -> int:
    given = 0
    for unit in interleaved.units:
        if isinstance(unit, AccessUnit):
            assert unit.size == sum(map(len, unit.chunks)) <= MAX_UNIT_BYTES
            given += unit.size
            joined, at = b"".join(unit.chunks), 0
            while at < len(joined):
                at += 4 + int.from_bytes(joined[at : at + 4], "big")
            assert at == len(joined), "NAL units whose lengths lie"
            assert unit.size, "a picture of nothing"
            if unit.sets is not None:
                assert unit.sets.complete
                with contextlib.suppress(MalformedError):
                    use_sets(unit.sets)
        else:
            assert isinstance(unit, AudioUnit)
            given += len(unit.payload)
    interleaved.units.clear()
    return given


def nals(data: bytes) -> bool:
    """NAL units with 16-bit lengths. Option: bit 0 H.265."""
    codec = Codec.H265 if data and data[0] & 1 else Codec.H264
    units: list[bytes] = []
    at = 1
    while at + 2 <= len(data) and len(units) < 64:
        size = int.from_bytes(data[at : at + 2], "big")
        units.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    kinds: dict[h26x.Nal, list[bytes]] = {h26x.Nal.VPS: [], h26x.Nal.SPS: [], h26x.Nal.PPS: []}
    for nal in units:
        kinds.get(h26x.nal_class(codec, nal), []).append(nal)
        found = h26x.user_data(nal)
        assert found is None or len(found[0]) == 16
        frames = h26x.recovery_frames(nal)
        assert frames is None or frames >= 0
        h26x.is_intra_slice(nal)
        assert h26x.pps_id(codec, nal) >= -1
    h26x.split_annexb(data)
    sets = ParameterSets(codec, *(tuple(kinds[kind]) for kind in kinds))
    try:
        use_sets(sets)
    except MalformedError as error:
        silent(error)
        return False
    return True


def use_sets(sets: ParameterSets) -> None:
    """What a new run does with its parameter sets; raises MalformedError."""
    video = h26x.video_format(sets)
    assert 0 < video.width <= h26x.MAX_SIDE
    assert 0 < video.height <= h26x.MAX_SIDE
    assert -1 <= video.reorder_depth <= 16
    assert video.declared_fps is None or 1 / 60 <= video.declared_fps <= h26x.MAX_FPS
    assert re.fullmatch(r"[A-Za-z0-9.]{6,60}", video.codec_string)
    record = h26x.avcc(sets) if sets.codec is Codec.H264 else h26x.hvcc(sets)
    assert len(record) < 1 << 20
    init = fmp4.init(video, None, fmp4.Identity("s", "c", "main", bytes(16)))
    if len(init) <= fmp4_read.MAX_INIT:
        assert fmp4_read.read_init(init).video == video, "an init that does not read back"


def timeline(data: bytes) -> bool:
    """Ticks and arrivals of a run.

    Options: bits 0 and 1 the clock rate, bits 2 to 4 the declared rate, bits 5 to 7 the depth.
    """
    options = data[0] if data else 0
    rate = (90_000, 90_000, 1, 10_000_000)[options & 3]
    fps = (None, 25.0, 1 / 60, 1000.0, 29.97, 5.0, 0.5, 60.0)[options >> 2 & 7]
    depth = (-1, 0, 1, 2, 4, 16, -1, -1)[options >> 5]
    run = Timeline(rate, fps, depth)
    ticks, arrival_ns = 1 << 33, 5_000_000_000
    last_slot, last_ns = -1, 0
    for record in corpus.TICK.iter_unpack(data[1 : 1 + (len(data) - 1) // 9 * 9][:90_000]):
        flags, step, passed_us = record
        ticks += step * rate if flags & 4 else step
        arrival_ns += passed_us * 1000
        if flags & 2:
            run.report(SenderReport(arrival_ns * 2 + (ticks << 3), ticks, arrival_ns))
        placed = run.place(ticks, arrival_ns, bool(flags & 1))
        assert placed.decode_ticks > last_slot, "decode times that do not grow"
        assert placed.composition_offset >= 0
        assert placed.composition_offset <= fmp4_read.MAX_OFFSET, "a file that would not scan"
        assert last_ns <= placed.time_ns <= arrival_ns, "a picture taken after it came"
        last_slot, last_ns = placed.decode_ticks, placed.time_ns
    assert run.interval_ns > 0
    assert run.gap_after_ns >= 1_000_000_000
    run.clock_error_ns(7)
    return last_slot >= 0


class _Bytes:
    """A `Source` that has bytes instead of a socket; pictures come out of the real depacketiser.

    It stands for `edge.source` alone: `drain` keeps what a frame still lacks, as that does.
    """

    bytes_received = 0

    def __init__(self, codec: Codec, stream: bytes, step: int) -> None:
        self._interleaved = Interleaved([VideoTrack(0, 96, codec), AudioTrack(2, 97, 16_000)])
        self._stream, self._step = stream, step
        self._held = b""
        self.over = False

    def drain(self, now_ns: int) -> list[AccessUnit | AudioUnit]:
        self._held += self._stream[: self._step]
        self._stream = self._stream[self._step :]
        self.over = not self._stream
        try:
            used = self._interleaved.feed(self._held, 0, len(self._held), now_ns)
        except MalformedError as error:
            raise RunEnded(Cause.GARBLED, error.message) from error
        self._held = self._held[used:]
        self._interleaved.messages.clear()
        units = self._interleaved.units[:]
        self._interleaved.units.clear()
        return units

    def take_reports(self) -> list[SenderReport]:
        return self._interleaved.reports[:]

    def when_over(self, call: Callable[[], None]) -> None:
        """`drain` tells."""

    async def knock(self) -> None:
        """The bytes are there."""


class _Files:
    """Segment files as bytes: what a `Recorder` would append to the disk, in its order."""

    blocked = None
    disk_evidence = ""

    def __init__(self) -> None:
        self.made: list[list[bytes]] = []

    def begin(self, *, init: bytes, start_ns: int, **_: object) -> SimpleNamespace:
        assert 0 <= start_ns < 1 << 63, "a time that no database column holds"
        file = SimpleNamespace(written=[init], written_end_ns=start_ns, shift_ns=0)
        self.made.append(file.written)
        return file

    def append(
        self, file: SimpleNamespace, part: bytes, *, wall_ns: int, end_ns: int, pictures: int,
        keyframe: bool,
    ) -> bool:  # fmt: skip
        assert len(part) <= wire.MAX_FRAME, "a part that no viewer could take"
        assert 0 <= wall_ns < end_ns < 1 << 63
        assert len(file.written) > 1 or keyframe, "a segment that no decoder can start"
        file.written.append(part)
        return True

    def close(self, file: SimpleNamespace) -> None:
        pass


class _Facts:
    """A journal that keeps nothing, and insists that every fact can be read back."""

    epoch = 1

    def append(self, fact: wire.Fact) -> None:
        payload = wire.encode_fact(fact)
        assert wire.decode_fact(payload) == fact
        assert len(payload) < 10_000, "a fact as long as the camera likes"


def life(data: bytes) -> bool:
    """A connection as the recorder lives it: every file made of it must scan without a fault.

    Options: bit 0 H.265, bits 1 and 2 the time between reads, bits 3 and 4 what is declared,
    bits 5 to 7 bytes of a read.
    """
    return _loop().run_until_complete(_live(data))


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


async def _live(data: bytes) -> bool:
    options, stream = (data[0] if data else 0), data[1:]
    between = (0.04, 0.2, 0.0, 3.1)[options >> 1 & 3]
    step = max((7, 60, 200, 600, 1400, 3000, 9000, 90_000)[options >> 5], len(stream) // 150)
    ended, files, pictures = await lived(options, stream, between, step)
    if ended is not None:
        silent(ended)
    kept = 0
    for written in files:
        whole = b"".join(written)
        scan = _scan(whole)
        assert scan.fault is None, scan.fault
        assert scan.good_bytes == len(whole)
        assert len(scan.parts) == len(written) - 1
        kept += sum(part.count for part in scan.parts)
    assert kept <= pictures
    return kept > 0


async def lived(
    options: int, stream: bytes, between: float, step: int
) -> tuple[RunEnded | None, list[list[bytes]], int]:
    """Why the connection ended, the files with their parts, and the pictures that were taken."""
    codec = Codec.H265 if options & 1 else Codec.H264
    declared = (None, 25.0, 1 / 60, 1000.0)[options >> 3 & 3]
    time = clock.SimulatedClock(corpus.DAY_NS)
    timebase = TimeBase(time)
    plan = ingest.StreamPlan("cam01", "main", record=True, audio=True)
    files, audience = _Files(), NoAudience()
    catalog = SimpleNamespace(submit=lambda _: None)
    continuity = Continuity(known_until_ns=None, started_ns=corpus.DAY_NS)
    books = Books("cam01", "main", continuity, catalog, _Facts(), timebase, audience)
    around = ingest.Surroundings(
        corpus.SITE, files, audience, timebase, time, config.RecordConfig(), None
    )
    source = _Bytes(codec, stream, step)
    sets = corpus.parameter_sets(codec)
    video = h26x.video_format(sets) if options & 64 else None
    sound = corpus.SOUND if options & 32 else None
    offer = Offer("rtsp", video, codec, 90_000, sound, declared, "server", ())
    owner = ingest.Ingest(plan, connect=lambda: source, ended=lambda _: None, books=books,
                          around=around)  # fmt: skip
    playing = ingest._Life(owner, source, offer, around)
    playing._timer.cancel()
    while not source.over and not playing._over.done():
        await time.advance(between)
        try:
            playing._drain()
        finally:
            playing._timer.cancel()
        assert len(playing._samples) <= fmp4.MAX_SAMPLES
        assert len(playing._sounds) <= MAX_SOUNDS
    playing.end()
    ended = playing._over.exception() if playing._over.done() else None
    assert ended is None or isinstance(ended, RunEnded)
    if ended is not None:
        books.lost(ended.cause, ended.message, since_ns=timebase.wall_ns())
    return ended, files.made, owner.pictures


def _scan(data: bytes) -> fmp4_read.Scan:
    reads = 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal reads
        reads += 1
        assert 0 <= offset <= len(data) + fmp4_read.MAX_INIT  # beyond the end there is nothing
        assert 0 <= size <= max(fmp4_read.MAX_INIT, fmp4_read.MAX_MOOF + 64)
        return data[offset : offset + size]

    scan = fmp4_read.scan(read_at, len(data))
    assert reads <= 4 + 2 * (len(scan.parts) + 1), "more reads than parts"
    return scan


def segment(data: bytes) -> bool:
    """A segment file, and an init by itself."""
    data = data[1:]
    scan = _scan(data)
    assert 0 <= scan.good_bytes <= len(data)
    at = len(scan.init.data) if scan.init else scan.good_bytes
    for part in scan.parts:
        at = part.offset + part.size
        assert sum(sample.size for sample in part.samples) == part.video_size
        assert part.count == len(part.keyframes)
        assert part.duration == sum(part.durations)
    assert at <= scan.good_bytes
    again = _scan(data[: scan.good_bytes])
    assert again.parts == scan.parts, "the good bytes are not good"
    if scan.parts:
        scan.keyframe_at(scan.parts[-1].wall_ns)
    try:
        fmp4_read.read_init(data)
    except MalformedError as error:
        silent(error)
    return bool(scan.parts) and scan.fault is None


def recording(data: bytes) -> bool:
    """A virtual MP4 over damaged files. Options choose the span that is asked for."""
    options = data[0] if data else 0
    files: list[bytes] = []
    shifts: list[int] = []
    at = 1
    while at + corpus.FILE_HEAD.size <= len(data) and len(files) < 8:
        size, shift, _ = corpus.FILE_HEAD.unpack_from(data, at)
        at += corpus.FILE_HEAD.size
        files.append(data[at : at + size])
        shifts.append(shift)
        at += size
    scans = [_scan(file) for file in files]
    walls = [part.wall_ns for scan in scans for part in scan.parts] or [corpus.DAY_NS]
    from_ns = min(walls) + ((options & 15) - 1) * 40_000_000
    to_ns = max(walls) + ((options >> 4) - 3) * 40_000_000
    try:
        film = progressive.VirtualMp4(scans, from_ns, to_ns, shifts_ns=shifts)
    except VonggacError as error:
        silent(error)
        return False
    assert len(film.etag) == 42
    rng = random.Random(options)
    for start, end in (
        (0, film.size), (film.size, film.size), (film.size - 1, film.size),
        sorted((rng.randrange(film.size), rng.randrange(film.size))),
    ):  # fmt: skip
        total = 0
        for piece in film.read(start, end):
            if isinstance(piece, bytes):
                total += len(piece)
            else:
                assert piece.size >= 0
                assert piece.offset + piece.size <= scans[piece.file].good_bytes
                total += piece.size
        assert total == end - start
    return True
