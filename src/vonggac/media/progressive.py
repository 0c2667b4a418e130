"""A progressive MP4 of any span of recordings that exists nowhere: `recording.mp4`.

`VirtualMp4` makes the moov out of the index of the segments (`fmp4_read.Scan`) and knows for
each byte of the file either the byte itself or where in which segment file it lies.  Nothing is
re-encoded or copied: the pictures are the bytes that were recorded.  With the moov in front, a
browser plays the first picture after one range request and seeks in an hour with one more;
a fragmented file makes Chromium read all of it before the first picture (an hour: 24 ms and
1 MB this way; one 30 MB segment file: 182 ms and 30 MB, from the same machine).

What it does with

* **the start**: pictures begin at the last keyframe at or before `from_ns`, because nothing
  later can be decoded.  An edit list starts the presentation at `from_ns` itself, within a
  picture's length; libavformat 59 to 62 and Chromium 156 obey.  The pictures before it are in
  the file all the same: `lead_ns` says how much.
* **the end**: the part that holds `to_ns` is the last, and the edit list ends at `to_ns`.
* **gaps**: they are closed up.  The picture after a gap follows the one before it, and `spans`
  says which moment of the file is which moment of the world.  The alternative, a picture held
  through the gap, shows a still as if it were recorded, and Chromium takes as long as the gap
  to pass it.  A pause of the camera that did not end its segment is not a gap here.
* **new parameter sets** (another size, another encoder setting): one sample entry for each, and
  the sets once more in front of every keyframe, because Chromium reads only the first entry
  (without them it stops with a decoding error, 156.0).  These some 50 bytes are the only ones
  in the mdat that were not recorded there; a file of one format has none of them.  A change of
  codec cannot be in one file and is refused.
* **reordering**: a run without B-pictures beside one with them is shifted to the same depth, so
  that presentation times never cross at their border.
* **sound**: kept where its format is that of the first segment which has any; put back in step
  with the pictures at every part.

Sizes: for an hour of 25 pictures a second the moov has about 0.9 MB and takes 0.1 s.

Everything here is pure and may be called from any thread; making one blocks for that long.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, groupby
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from vonggac.errors import Kind, VonggacError
from vonggac.media.fmp4 import (
    AAC_FRAME,
    AUDIO_TRACK,
    TIMESCALE,
    TRUN_COMPOSITION,
    TRUN_FLAGS,
    VIDEO_TRACK,
    box,
    display_size,
    full_box,
    media,
    movie_header,
    track_header,
)
from vonggac.media.fmp4_read import MAX_INIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.media.fmp4_read import AudioRef, Init, PartRef, Scan
    from vonggac.media.h26x import ParameterSets

MAX_PICTURES = 4_000_000
"""Pictures of one file: 44 hours at 25 a second. Their tables take some 100 MB."""

_U32 = 0xFFFF_FFFF


class FileRange(NamedTuple):
    """Bytes that lie in a segment file."""

    file: int
    """The index of the segment among those given."""
    offset: int
    size: int


class Span(NamedTuple):
    """A stretch of the file that is a stretch of the world; times in nanoseconds."""

    at_ns: int
    """Where it begins in the presentation, counted from 0."""
    from_ns: int
    """When that was, since 1970."""
    duration_ns: int


class VirtualMp4:
    """A progressive MP4 over the segments of one stream.

    Args:
        segments: scans of segment files of one camera and stream, in the order of their time.
            Those outside the span are passed over, and so are those without an init.
        from_ns: where it shall begin, ns since 1970.
        to_ns: where it shall end (exclusive).
        shifts_ns: for each segment what a later step of the box's clock adds to the times in
            its bytes; none when left out.

    Raises:
        VonggacError: NOT_FOUND when nothing is recorded in the span, UNSUPPORTED when its
            codec changes in it, TOO_LARGE above `MAX_PICTURES`.
    """

    size: int
    """Bytes of the whole file."""
    etag: str
    """A strong entity tag (RFC 9110 section 8.8.3): the same recordings give the same one."""
    spans: list[Span]
    """What of the world is in the presentation, in order."""
    duration_ns: int
    """How long the presentation is."""
    lead_ns: int
    """How long before the start of the presentation the first picture lies."""

    def __init__(
        self,
        segments: Sequence[Scan],
        from_ns: int,
        to_ns: int,
        *,
        shifts_ns: Sequence[int] | None = None,
    ) -> None:
        chosen = _choose(segments, shifts_ns or [0] * len(segments), from_ns, to_ns)
        self._chosen = chosen
        layout = self._layout(chosen)
        begin, end = _presented(chosen, layout.video.end, from_ns, to_ns)
        self.lead_ns = _nanoseconds(begin)
        self.duration_ns = _nanoseconds(end - begin)
        self.spans = []
        for segment, at, until in zip(
            chosen, layout.begins, [*layout.begins[1:], layout.video.end], strict=True
        ):
            wall_ns = segment.parts[0].wall_ns + segment.shift_ns if at >= begin else from_ns
            at, until = max(at, begin), min(until, end)
            if at < until:
                span = Span(_nanoseconds(at - begin), wall_ns, _nanoseconds(until - at))
                self.spans.append(span)
        self._pieces = layout.pieces
        self._head = _head(layout, begin, end, self.spans[0].from_ns)
        sizes = (len(p) if isinstance(p, bytes) else p.size for p in self._pieces)
        self._starts = array("Q", accumulate(sizes, initial=len(self._head)))
        self.size = self._starts.pop()
        tag = sha256(b"vonggac recording.mp4 1")
        for segment in chosen:
            tag.update(sha256(segment.init.data).digest())
            for part in segment.parts:
                tag.update(b"%d %d %d " % (part.sequence, part.wall_ns, part.size))
        tag.update(self._head)
        self.etag = f'"{tag.hexdigest()[:40]}"'

    def _layout(self, chosen: list[Chosen]) -> Layout:
        return Layout(chosen)

    def read(self, start: int, end: int) -> list[bytes | FileRange]:
        """What the bytes from `start` to `end` (exclusive) are, in order.

        The caller reads the ranges from the segment files when it sends them, and treats a file
        that is shorter than its range as gone.

        Raises:
            ValueError: the bytes are not all in the file; HTTP says 416.
        """
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"bytes {start} to {end} of {self.size}")
        found: list[bytes | FileRange] = []
        head = self._head[start:end]
        if head:
            found.append(head)
        at = max(start, len(self._head))
        index = bisect_right(self._starts, at) - 1
        while at < end:
            piece = self._pieces[index]
            skip = at - self._starts[index]
            if isinstance(piece, bytes):
                content = piece[skip : skip + end - at]
                found.append(content)
                at += len(content)
            else:
                size = min(piece.size - skip, end - at)
                found.append(FileRange(piece.file, piece.offset + skip, size))
                at += size
            index += 1
        return found


class Chosen(NamedTuple):
    """What of a segment is in the file."""

    file: int
    """The segment's index among those given."""
    init: Init
    parts: Sequence[PartRef]
    shift_ns: int


def _choose(
    segments: Sequence[Scan], shifts_ns: Sequence[int], from_ns: int, to_ns: int
) -> list[Chosen]:
    """The parts that the span needs."""
    chosen: list[Chosen] = []
    pictures = 0
    for file, (scan, shift_ns) in enumerate(zip(segments, shifts_ns, strict=True)):
        if scan.init is None:
            continue
        parts = _parts_within(scan, from_ns - shift_ns, to_ns - shift_ns)
        if not parts:
            continue
        pictures += sum(part.count for part in parts)
        if pictures > MAX_PICTURES:
            raise VonggacError(
                Kind.TOO_LARGE,
                "this span has too many pictures for one file; ask for a shorter one",
                pictures=pictures,
                at_most=MAX_PICTURES,
            )
        chosen.append(Chosen(file, scan.init, parts, shift_ns))
        if scan.init.video.codec is not chosen[0].init.video.codec:
            raise VonggacError(
                Kind.UNSUPPORTED,
                "the codec changes within this span; ask for the time before and after it",
                changed_at_ns=parts[0].wall_ns + shift_ns,
            )
    if not chosen:
        raise VonggacError(Kind.NOT_FOUND, "nothing is recorded in this span of time")
    return chosen


def _parts_within(scan: Scan, from_ns: int, to_ns: int) -> Sequence[PartRef]:
    """The parts of a segment from the keyframe that `from_ns` needs up to `to_ns`."""
    parts = scan.parts
    stop = bisect_left(parts, to_ns, key=lambda part: part.wall_ns)
    if not stop or parts[stop - 1].wall_ns + _nanoseconds(parts[stop - 1].duration) <= from_ns:
        return ()
    start = scan.keyframe_at(from_ns)
    if start is None:
        start = next((i for i in range(stop) if parts[i].keyframe), stop)
    # With B-pictures what is shown before `to_ns` may be decoded after it.
    behind = _nanoseconds(_first_offset(parts[start])) if start < stop else 0
    if behind:
        stop = bisect_left(parts, to_ns + behind, key=lambda part: part.wall_ns)
    return parts[start:stop]


def _presented(chosen: list[Chosen], total: int, from_ns: int, to_ns: int) -> tuple[int, int]:
    """Where the presentation begins and ends, in decode time from the first picture."""
    _, _, parts, shift_ns = chosen[0]
    within = bisect_right(parts, from_ns - shift_ns, key=lambda part: part.wall_ns) - 1
    begin = 0
    if within >= 0:
        part = parts[within]
        since = min(_ticks(from_ns - shift_ns - part.wall_ns), part.duration)
        begin = part.decode_time - parts[0].decode_time + since
    _, _, parts, shift_ns = chosen[-1]
    last = parts[-1]
    rest = min(_ticks(to_ns - shift_ns - last.wall_ns), last.duration)
    end = total - last.duration + rest
    if begin >= end:
        raise VonggacError(Kind.NOT_FOUND, "nothing is recorded in this span of time")
    return begin, end


@dataclass(slots=True)
class _Track:
    """The tables of one track while they grow; times in its own timescale."""

    durations: array[int] = field(default_factory=lambda: array("I"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    offsets: array[int] = field(default_factory=lambda: array("I"))
    """Composition offsets; all of them or none."""
    keyframes: array[int] = field(default_factory=lambda: array("I"))
    """Numbers of samples, from 1."""
    chunks: array[int] = field(default_factory=lambda: array("Q"))
    """Where each chunk begins, counted from the first byte of the mdat's content."""
    runs: list[tuple[int, int]] = field(default_factory=list)
    """For each chunk its samples and its sample entry, from 1."""
    entries: list[bytes] = field(default_factory=list)
    end: int = 0
    """The sum of the durations."""

    def entry(self, entry: bytes) -> int:
        """The number of a sample entry, from 1; a new one is added."""
        if entry not in self.entries:
            self.entries.append(entry)
        return self.entries.index(entry) + 1

    def last_until(self, end: int) -> None:
        """Let the last sample last until `end`, where the next begins.

        If `end` lies before that sample it becomes 0 long, and the next call makes up for it.
        """
        last = self.durations[-1]
        wanted = min(max(last + end - self.end, 0), _U32)
        self.durations[-1] = wanted
        self.end += wanted - last


class Layout:
    """Where each sample lies in the file, and how long it lasts."""

    def __init__(self, chosen: list[Chosen]) -> None:
        self.video = _Track()
        self.audio = _Track()
        self.pieces: list[bytes | FileRange] = []
        self.begins: list[int] = []
        """Where each segment begins, in decode time."""
        self.size = 0
        """Bytes of all samples."""
        self.depth = max(_first_offset(part.parts[0]) for part in chosen)
        """Presentation time less decode time of the first picture of every segment."""
        self.display = (0, 0)
        """Pixels of the largest picture."""
        self.audio_rate = 0
        self.audio_begin = 0
        """Decode time of the first audio unit, from the first picture."""
        self._reorders = self.depth > 0 or any(
            part.fields & TRUN_COMPOSITION for segment in chosen for part in segment.parts
        )
        self._formats = len({segment.init.video_entry for segment in chosen})
        for segment in chosen:
            self._append(segment)

    def _append(self, segment: Chosen) -> None:
        file, init, parts, _ = segment
        self._begin(file, init)
        video = self.video
        entry = video.entry(init.video_entry)
        across, down = display_size(init.video)
        self.display = (max(self.display[0], across), max(self.display[1], down))
        sound = self._sound_entry(init)
        sets = _in_band(init.video.sets) if self._formats > 1 else b""
        lift = self.depth - _first_offset(parts[0])
        # Where the segment's decode time 0 would lie; below 0 if it is cut at its beginning.
        zero = video.end - parts[0].decode_time
        self.begins.append(video.end)
        for number, part in enumerate(parts):
            if number:
                video.last_until(zero + part.decode_time)
            first = len(video.sizes)
            if part.fields & TRUN_FLAGS:
                marks = [first + i + 1 for i, key in enumerate(part.keyframes) if key]
                video.keyframes.extend(marks)
            elif part.keyframe:
                video.keyframes.append(first + 1)
            video.durations += part.durations
            video.sizes += part.sizes
            video.end += part.duration
            count = len(video.sizes) - first
            if self._reorders:
                offsets = part.composition_offsets or array("I", bytes(4 * count))
                if lift:
                    offsets = array("I", [offset + lift for offset in offsets])
                video.offsets += offsets
            self._lead(file, part)
            video.chunks.append(self.size)
            video.runs.append((count, entry))
            if sets and part.keyframe:
                video.sizes[first] += len(sets)
                self.pieces.append(sets)
                self.size += len(sets)
            size = part.video_size
            if sound and part.audio is not None:
                self._append_sound(part.audio, sound, self.size + size, zero)
                size += sum(part.audio.sizes)
            self.pieces.append(FileRange(file, part.mdat_offset, size))
            self.size += size
            self._follow(file, part, size)

    def _begin(self, file: int, init: Init) -> None:
        """What lies in the file before a segment's samples: nothing here."""

    def _lead(self, file: int, part: PartRef) -> None:
        """What lies before a part's samples: nothing here."""

    def _follow(self, file: int, part: PartRef, taken: int) -> None:
        """What lies after them: nothing here."""

    def _sound_entry(self, init: Init) -> int:
        """The number of the segment's audio sample entry; 0 if its sound is left out."""
        if init.audio is None:
            return 0
        if not self.audio_rate:
            self.audio_rate = init.audio.sample_rate
        if init.audio.sample_rate != self.audio_rate:
            return 0
        number = self.audio.entry(init.audio_entry)
        if number > 1:
            self.audio.entries.pop()
            return 0
        return number

    def _append_sound(self, sound: AudioRef, entry: int, offset: int, zero: int) -> None:
        audio = self.audio
        begin = (zero + self.depth) * self.audio_rate // TIMESCALE + sound.decode_time
        if audio.sizes:
            audio.last_until(begin - self.audio_begin)
        else:
            self.audio_begin = begin
        count = len(sound.sizes)
        audio.durations += array("I", [AAC_FRAME]) * count
        audio.sizes += sound.sizes
        audio.end += AAC_FRAME * count
        audio.chunks.append(offset)
        audio.runs.append((count, entry))


def _head(layout: Layout, begin: int, end: int, created_ns: int) -> bytes:
    """Everything up to the first sample: ftyp, moov and the head of the mdat."""
    ftyp = box(b"ftyp", b"isom", (0x200).to_bytes(4), b"isomiso2mp41")
    video, audio = layout.video, layout.audio
    # Twice what the tables can have: a file near 4 GiB does not mind.
    bound = 64 * (len(video.sizes) + len(audio.sizes)) + MAX_INIT * (1 + len(video.entries))
    wide = layout.size + bound > _U32
    mdat = (
        Struct(">I4sQ").pack(1, b"mdat", layout.size + 16)
        if wide
        else Struct(">I4s").pack(layout.size + 8, b"mdat")
    )
    duration = end - begin
    video_fixed = _tables(video)
    audio_fixed = _tables(audio)
    moov = b""
    # Where the samples begin depends on the moov's size, which does not depend on where: the
    # first round measures.
    for _ in range(2):
        base = len(ftyp) + len(moov) + len(mdat)
        tables = box(b"stbl", *video_fixed, _chunk_offsets(video, base, wide))
        tracks = [
            box(
                b"trak",
                track_header(VIDEO_TRACK, duration, *layout.display),
                _edits([(duration, begin + layout.depth)]),
                media(TIMESCALE, video.end, b"vide", tables),
            )
        ]
        if audio.sizes:
            rate = layout.audio_rate
            # Where the presentation begins, in the audio's own time.
            at = (begin + layout.depth) * rate // TIMESCALE - layout.audio_begin
            silence = min(max(-at, 0) * TIMESCALE // rate, duration)
            heard = min(duration - silence, max(audio.end - max(at, 0), 0) * TIMESCALE // rate)
            edits = [(silence, -1)] if silence else []
            edits.append((heard, max(at, 0)))
            tables = box(b"stbl", *audio_fixed, _chunk_offsets(audio, base, wide))
            tracks.append(
                box(
                    b"trak",
                    track_header(AUDIO_TRACK, silence + heard, 0, 0),
                    _edits(edits),
                    media(rate, audio.end, b"soun", tables),
                )
            )
        moov = box(b"moov", movie_header(duration, AUDIO_TRACK + 1, created_ns), *tracks)
    return ftyp + moov + mdat


def _tables(track: _Track) -> list[bytes]:
    """The sample tables that do not say where anything lies: stsd, stts, ctts, stss, stsc, stsz."""
    tables = [
        full_box(b"stsd", 0, len(track.entries).to_bytes(4), *track.entries),
        _table(b"stts", _run_lengths(track.durations), 2),
    ]
    if track.offsets:
        tables.append(_table(b"ctts", _run_lengths(track.offsets), 2))
    if track.keyframes:
        tables.append(_table(b"stss", track.keyframes, 1))
    chunks = array("I")
    number = 1
    for (count, entry), equal in groupby(track.runs):
        chunks.extend((number, count, entry))
        number += sum(1 for _ in equal)
    tables.append(_table(b"stsc", chunks, 3))
    sizes = _big_endian(track.sizes)
    tables.append(full_box(b"stsz", 0, bytes(4), len(track.sizes).to_bytes(4), sizes))
    return tables


def _chunk_offsets(track: _Track, base: int, wide: bool) -> bytes:
    """The stco, or the co64 when the file has more than 4 GiB."""
    return _table(
        b"co64" if wide else b"stco",
        array("Q" if wide else "I", [base + offset for offset in track.chunks]),
        1,
    )


def _run_lengths(values: array[int]) -> array[int]:
    """Pairs of a count and a value."""
    pairs = array("I")
    for value, equal in groupby(values):
        pairs.extend((sum(1 for _ in equal), value))
    return pairs


def _table(kind: bytes, values: array[int], columns: int) -> bytes:
    return full_box(kind, 0, (len(values) // columns).to_bytes(4), _big_endian(values))


def _big_endian(values: array[int]) -> bytes:
    if sys.byteorder == "big":
        return values.tobytes()
    turned = values[:]
    turned.byteswap()
    return turned.tobytes()


def _edits(edits: list[tuple[int, int]]) -> bytes:
    """The edts: what of the media is presented, as (duration in `TIMESCALE`, media time)."""
    entries = [Struct(">QqI").pack(duration, time, 0x10000) for duration, time in edits]
    return box(b"edts", full_box(b"elst", 0x0100_0000, len(edits).to_bytes(4), *entries))


def _in_band(sets: ParameterSets) -> bytes:
    """Parameter sets as they stand in a sample, each with its length before it."""
    return b"".join(len(nal).to_bytes(4) + nal for nal in (*sets.vps, *sets.sps, *sets.pps))


def _first_offset(part: PartRef) -> int:
    """The composition offset of a part's first picture."""
    return next(iter(part.composition_offsets), 0)


def _nanoseconds(ticks: int) -> int:
    return ticks * 100_000 // 9


def _ticks(nanoseconds: int) -> int:
    return nanoseconds * 9 // 100_000
