"""Reading back the segments that `fmp4` writes: what is in a file, and how much of it is good.

`scan` is for files that a crash cut off, a disk damaged or a stranger made.  It reads our own
layout and no other: an init with an identity box, then prft + moof + mdat over and over.  Each
size is checked against the file and against the bounds below, so that the memory and the time a
file can cost are bounded by its own size, and what is not right ends the scan: `good_bytes` says
how far the file is whole, `fault` says what is wrong there.  The pictures themselves are not
read; whether they are intact is what the hashes of `merkle` are for.

A file that was cut inside the tfhd or trun of its last part (some 70 bytes of a part) is refused
whole by libavformat until it is truncated to `good_bytes`; a cut anywhere else plays up to the
cut (ffprobe 5.1 and libavformat 62, tried at every byte).  Chromium 156 plays up to the torn
picture and may stop there with a decoding error.

Everything here is pure and may be called from any thread; `scan` blocks in `read_at`.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from struct import Struct, unpack_from
from typing import TYPE_CHECKING, Any, NamedTuple

from vonggac.errors import MalformedError
from vonggac.media.fmp4 import (
    AUDIO_TRACK,
    DEFAULT_BASE_IS_MOOF,
    IDENTITY_TYPE,
    IDENTITY_VERSION,
    MAX_SAMPLES,
    NTP_EPOCH_S,
    PRFT_HEAD,
    SYNC_SAMPLE,
    TRUN_COMPOSITION,
    TRUN_DATA_OFFSET,
    TRUN_DURATION,
    TRUN_FIRST_FLAGS,
    TRUN_FLAGS,
    TRUN_SIZE,
    VIDEO_TRACK,
    Identity,
)
from vonggac.media.h26x import AudioFormat, Codec, ParameterSets, VideoFormat, video_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_INIT = 256 * 1024
"""Bytes of an init; ours have about 800."""

MAX_PARTS = 100_000
"""Parts of one file. A minute has 300; an hour of single pictures at 25 a second 90,000."""

MAX_MOOF = 64 * 1024
"""Bytes of a moof; `MAX_SAMPLES` pictures and as many audio units take 21 kB."""

MAX_TIME = 1 << 32
"""The latest decode time in a file, in `fmp4.TIMESCALE`: 13 hours. A segment has a minute."""

MAX_OFFSET = 1 << 24
"""The largest composition offset, in `fmp4.TIMESCALE`: 186 s. 16 pictures are the most."""

BLOCK = 4096
"""What a filesystem writes at once: ext4 and XFS on x86 and ARM, as they are made by default."""

MAX_TRAILING_ZEROS = 64
"""Zero bytes that a camera may leave at the end of a NAL unit (ours; a hole has up to a block)."""

_HEAD_BYTES = 512
"""Read at each part's start; holds the boxes of 25 pictures."""

_NS = 1_000_000_000
_NTP_ERA_S = 1 << 32
_PRFT_SIZE = 32
_MFHD_HEAD = Struct(">I4sI").pack(16, b"mfhd", 0)
_ROW_FIELDS = TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_COMPOSITION
_VIDEO_FIELDS = TRUN_DATA_OFFSET | TRUN_DURATION | TRUN_SIZE
_VIDEO_CHOICES = TRUN_FIRST_FLAGS | TRUN_FLAGS | TRUN_COMPOSITION
_AUDIO_FIELDS = TRUN_DATA_OFFSET | TRUN_SIZE


_TKHD_TRACK = Struct(">20xI")  # version 1
_MDHD_TIMESCALE = Struct(">20xI")  # version 1
_VIDEO_ENTRY = 8 + 78
_AUDIO_ENTRY = 8 + 28
_CHANNELS = Struct(">H")
_AVCC_HEAD = Struct(">4xBB")
_HVCC_HEAD = Struct(">21xBB")
_HVCC_ARRAY = Struct(">BH")
_BYTE = Struct(">B")
_LENGTH = Struct(">H")
_SYNC_BYTES = Struct(">I").pack(SYNC_SAMPLE)
# traf, tfhd and tfdt; then the trun up to its data offset
_TRAF = Struct(">I4sI4sIII4sIQI4sIII")
_TRAF_FIXED = {
    track: [b"traf", 16, b"tfhd", DEFAULT_BASE_IS_MOOF, track, 20, b"tfdt", 0x0100_0000]
    for track in (VIDEO_TRACK, AUDIO_TRACK)
}
_MIN_MOOF = 24 + _TRAF.size + 8


class Sample(NamedTuple):
    """One picture of a part, as `fmp4.part` takes it."""

    duration: int
    """Ticks of `fmp4.TIMESCALE`."""
    size: int
    """Bytes."""
    keyframe: bool
    composition_offset: int
    """Ticks."""


class AudioRef(NamedTuple):
    """The audio units of a part."""

    decode_time: int
    """Of the first unit, in the audio's sample rate, from the segment's start."""
    offset: int
    """Where the first unit begins in the file; the others follow it."""
    sizes: array[int]


@dataclass(frozen=True, slots=True)
class Init:
    """The init of a segment, taken apart.

    Args:
        data: its bytes, ftyp and moov.
        identity: whose pictures they are.
        video: their format.
        audio: the sound's format; None if there is no audio track.
        video_entry: the avc1 or hvc1 box as it stands in the file.
        audio_entry: the mp4a box; empty without audio.
    """

    data: bytes
    identity: Identity
    video: VideoFormat
    audio: AudioFormat | None
    video_entry: bytes
    audio_entry: bytes


@dataclass(frozen=True, slots=True)
class PartRef:
    """Where a part lies and what it holds; times in `fmp4.TIMESCALE` from the segment's start.

    Args:
        offset: of its prft in the file.
        size: bytes from the prft to the end of the mdat.
        sequence: its number in the run.
        decode_time: of its first picture.
        wall_ns: when its first picture was taken, ns since 1970.
        keyframe: whether it starts with a keyframe.
        mdat_offset: where its pictures begin in the file.
        video_size: bytes of all its pictures.
        duration: of all its pictures.
        fields: which columns `rows` has: the trun's flags.
        rows: the trun's table, row after row.
        audio: what was heard meanwhile.
    """

    offset: int
    size: int
    sequence: int
    decode_time: int
    wall_ns: int
    keyframe: bool
    mdat_offset: int
    video_size: int
    duration: int
    fields: int
    rows: array[int]
    audio: AudioRef | None

    @property
    def count(self) -> int:
        """How many pictures it holds."""
        return len(self.rows) // (self.fields & _ROW_FIELDS).bit_count()

    @property
    def durations(self) -> array[int]:
        """The duration of each picture."""
        return self.rows[:: (self.fields & _ROW_FIELDS).bit_count()]

    @property
    def sizes(self) -> array[int]:
        """The bytes of each picture."""
        return self.rows[1 :: (self.fields & _ROW_FIELDS).bit_count()]

    @property
    def composition_offsets(self) -> array[int]:
        """The composition offset of each picture; empty if all are 0."""
        width = (self.fields & _ROW_FIELDS).bit_count()
        return self.rows[width - 1 :: width] if self.fields & TRUN_COMPOSITION else array("I")

    @property
    def keyframes(self) -> list[bool]:
        """For each picture whether it is a keyframe."""
        if self.fields & TRUN_FLAGS:
            width = (self.fields & _ROW_FIELDS).bit_count()
            return [flags == SYNC_SAMPLE for flags in self.rows[2::width]]
        return [self.keyframe] + [False] * (self.count - 1)

    @property
    def samples(self) -> list[Sample]:
        """Its pictures in decode order."""
        offsets = self.composition_offsets or array("I", bytes(4 * self.count))
        columns = (self.durations, self.sizes, self.keyframes, offsets)
        return [Sample(*row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Scan:
    """What a segment file holds.

    Args:
        init: None if it is damaged so that the file cannot be played; parts may still be there.
        parts: the whole parts, in order.
        good_bytes: where the last whole part ends (the init, when there is none).  A file that is
            truncated here is a good segment.
        fault: what is wrong with the file, in one sentence; None if all of it is good.
    """

    init: Init | None
    parts: list[PartRef]
    good_bytes: int
    fault: str | None

    @property
    def duration(self) -> int:
        """From decode time 0 to the end of the last picture, in `fmp4.TIMESCALE`."""
        return self.parts[-1].decode_time + self.parts[-1].duration if self.parts else 0

    @property
    def keyframes(self) -> list[tuple[int, int, int]]:
        """Where playback can begin: (wall ns, decode time, offset) of parts with a keyframe."""
        return [(p.wall_ns, p.decode_time, p.offset) for p in self.parts if p.keyframe]

    def part_at(self, wall_ns: int) -> int | None:
        """The index of the part that was being taken at a moment; None before the first."""
        index = bisect_right(self.parts, wall_ns, key=lambda part: part.wall_ns) - 1
        return index if index >= 0 else None

    def keyframe_at(self, wall_ns: int) -> int | None:
        """The index of the last part that starts with a keyframe at or before a moment."""
        index = self.part_at(wall_ns)
        while index is not None and not self.parts[index].keyframe:
            index = index - 1 if index else None
        return index


def scan(read_at: Callable[[int, int], bytes], size: int) -> Scan:
    """Find the init and the parts of a segment file.

    Args:
        read_at: reads up to so many bytes at an offset; fewer come back at the end of the file.
            An open file's `os.pread` bound to its descriptor does.
        size: bytes of the file, as far as the caller wants it read.

    Raises:
        OSError: only what `read_at` raises.
    """
    parts: list[PartRef] = []
    init: Init | None = None
    try:
        head = _init_bytes(read_at, size)
    except MalformedError as error:
        return Scan(None, parts, 0, f"{error.message}, at byte {error.offset}")
    at = len(head)
    fault: str | None = None
    try:
        init = read_init(head)
    except MalformedError as error:
        fault = f"{error.message}, at byte {error.offset}"
    sequence = decode_time = -1
    try:
        while at < size:
            if len(parts) == MAX_PARTS:
                raise MalformedError(f"more than {MAX_PARTS} parts in one file", offset=at)  # noqa: TRY301
            ref = _part(read_at, at, size)
            if ref.sequence <= sequence or ref.decode_time <= decode_time:
                raise MalformedError("a part that does not follow the one before it", offset=at)  # noqa: TRY301
            parts.append(ref)
            sequence, decode_time = ref.sequence, ref.decode_time
            at += ref.size
    except MalformedError as error:
        fault = fault or f"{error.message}, at byte {error.offset}"
    return Scan(init, parts, at, fault)


def is_sound(part: bytes, ref: PartRef, *, before_zeros: bool = False) -> bool:
    """Whether a part's pictures can be what was written, and no block of zeros took their place.

    After a power cut a file can be longer than what reached the disk: the filesystem had noted its
    new length, but not the bytes up to the end of a block (seen on ext4).  Such a part has all its
    boxes, and holes in its pictures.  Two things tell: the NAL units of a picture fill it exactly,
    and no NAL unit has three zero bytes in a row before its last other byte (H.264 section 7.4.1,
    H.265 section 7.4.2.1: emulation prevention).  Only ends of blocks are looked at.

    Args:
        part: its bytes, from its prft to the end of its mdat.
        ref: what the scan found there.
        before_zeros: whether zeros follow it in the file, so that a hole may begin in its end.
    """
    if before_zeros and not part[-1]:
        return False
    at = ref.mdat_offset - ref.offset
    for size in ref.sizes:
        end = at + size
        while at < end:
            length = int.from_bytes(part[at : at + 4])
            at += 4
            if not 0 < length <= end - at or _has_hole(part, at, at + length, ref.offset):
                return False
            at += length
    return True


def _has_hole(part: bytes, start: int, end: int, offset: int) -> bool:
    """Whether zeros took the place of a NAL unit's bytes: its first, its last, or a block's last.

    Args:
        part: the bytes that hold it.
        start: of the NAL unit in them, after its length.
        end: of the NAL unit in them.
        offset: of the part in its file.
    """
    if not any(part[start : start + 2]):
        return True
    if end - start > MAX_TRAILING_ZEROS and not any(part[end - MAX_TRAILING_ZEROS : end]):
        return True
    return any(
        not any(part[block - 3 : block]) and any(part[block:end])
        for block in range(start + 3 + (-offset - start - 3) % BLOCK, end, BLOCK)
    )


def read_init(data: bytes) -> Init:
    """Take an init apart.

    Raises:
        MalformedError: it is not one of ours, or damaged.
    """
    moov = _one(data, (0, len(data)), b"moov")
    identity: Identity | None = None
    video: VideoFormat | None = None
    audio: AudioFormat | None = None
    video_entry = audio_entry = b""
    for kind, *body in _children(data, *moov):
        if kind == b"uuid" and data[body[0] : body[0] + 16] == IDENTITY_TYPE:
            identity = _identity(data, (body[0] + 16, body[1]))
        elif kind == b"trak":
            track, timescale, entry = _track(data, (body[0], body[1]))
            if track == VIDEO_TRACK:
                video = _video(entry)
                video_entry = entry
            elif track == AUDIO_TRACK:
                audio = _audio(entry, timescale)
                audio_entry = entry
    _one(data, _one(data, moov, b"mvex"), b"trex")
    if identity is None:
        raise MalformedError("an init that does not say whose it is", offset=moov[0])
    if video is None:
        raise MalformedError("an init without a video track", offset=moov[0])
    return Init(data, identity, video, audio, video_entry, audio_entry)


def _init_bytes(read_at: Callable[[int, int], bytes], size: int) -> bytes:
    """The ftyp and the moov at the start of a file."""
    end = 0
    for kind in (b"ftyp", b"moov"):
        head = read_at(end, 8)
        if len(head) < 8:
            raise MalformedError("the file is cut off inside its init", offset=end)
        length, found = unpack_from(">I4s", head)
        if found != kind or length < 8 or end + length > MAX_INIT:
            raise MalformedError(f"no {kind.decode()} where one should be", offset=end)
        end += length
    data = read_at(0, end) if end <= size else b""
    if len(data) < end:
        raise MalformedError("the file is cut off inside its init", offset=0)
    return data


def _children(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two offsets: type, and where the content begins and ends."""
    while start < end:
        if end - start < 8:
            raise MalformedError("a box that is cut off", offset=start)
        length, kind = unpack_from(">I4s", data, start)
        if not 8 <= length <= end - start:
            raise MalformedError("a box larger than what holds it", offset=start)
        yield kind, start + 8, start + length
        start += length


def _one(data: bytes, within: tuple[int, int], *path: bytes) -> tuple[int, int]:
    """The content of the first box of a type, in the first of another, and so on."""
    for wanted in path:
        for kind, start, end in _children(data, *within):
            if kind == wanted:
                within = (start, end)
                break
        else:
            raise MalformedError(f"no {wanted.decode()} box", offset=within[0])
    return within


def _field(data: bytes, form: Struct, at: int, end: int) -> tuple[Any, ...]:
    """Unpack a fixed layout that must end by `end`."""
    if at + form.size > end:
        raise MalformedError("a box too short for its fields", offset=at)
    return form.unpack_from(data, at)


def _identity(data: bytes, within: tuple[int, int]) -> Identity:
    at, end = within
    if at >= end or data[at] != IDENTITY_VERSION:
        raise MalformedError("an identity of a version that is not known", offset=at)
    at += 1
    names: list[str] = []
    for _ in range(3):
        length = data[at] if at < end else 0
        if not 0 < length < end - at:
            raise MalformedError("an identity without its names", offset=at)
        try:
            names.append(data[at + 1 : at + 1 + length].decode())
        except UnicodeDecodeError:
            raise MalformedError("an identity that is not UTF-8", offset=at) from None
        at += 1 + length
    if end - at != 16:
        raise MalformedError("an identity without its run", offset=at)
    return Identity(names[0], names[1], names[2], data[at:end])


def _track(data: bytes, trak: tuple[int, int]) -> tuple[int, int, bytes]:
    """A trak's id and timescale, and its sample entry as it stands in the file."""
    at, end = _one(data, trak, b"tkhd")
    (track,) = _field(data, _TKHD_TRACK, at, end)
    mdia = _one(data, trak, b"mdia")
    at, end = _one(data, mdia, b"mdhd")
    (timescale,) = _field(data, _MDHD_TIMESCALE, at, end)
    start, end = _one(data, mdia, b"minf", b"stbl", b"stsd")
    for _, _, stop in _children(data, start + 8, end):
        return track, timescale, data[start + 8 : stop]
    raise MalformedError("a track without a sample entry", offset=start)


def _video(entry: bytes) -> VideoFormat:
    """The format in an avc1 or hvc1 box."""
    kind = entry[4:8]
    within = (_VIDEO_ENTRY, len(entry))
    try:
        if kind == b"avc1":
            return video_format(_avcc_sets(entry, *_one(entry, within, b"avcC")))
        if kind == b"hvc1":
            return video_format(_hvcc_sets(entry, *_one(entry, within, b"hvcC")))
    except MalformedError as error:
        raise MalformedError(f"a sample entry that cannot be read: {error.message}") from error
    raise MalformedError("a sample entry of a codec that is not recorded")


def _avcc_sets(data: bytes, at: int, end: int) -> ParameterSets:
    """ISO/IEC 14496-15 section 5.3.3.1."""
    *_, lengths, count = _field(data, _AVCC_HEAD, at, end)
    if lengths & 3 != 3:
        raise MalformedError("NAL units with lengths of other than four bytes", offset=at)
    sps, at = _sets(data, at + _AVCC_HEAD.size, end, count & 31)
    (count,) = _field(data, _BYTE, at, end)
    pps, _ = _sets(data, at + 1, end, count)
    return ParameterSets(Codec.H264, sps=sps, pps=pps)


def _hvcc_sets(data: bytes, at: int, end: int) -> ParameterSets:
    """ISO/IEC 14496-15 section 8.3.3.1."""
    *_, lengths, arrays = _field(data, _HVCC_HEAD, at, end)
    if lengths & 3 != 3:
        raise MalformedError("NAL units with lengths of other than four bytes", offset=at)
    at += _HVCC_HEAD.size
    found: dict[int, tuple[bytes, ...]] = {}
    for _ in range(arrays):
        kind, count = _field(data, _HVCC_ARRAY, at, end)
        found[kind & 63], at = _sets(data, at + _HVCC_ARRAY.size, end, count)
    return ParameterSets(
        Codec.H265, vps=found.get(32, ()), sps=found.get(33, ()), pps=found.get(34, ())
    )


def _sets(data: bytes, at: int, end: int, count: int) -> tuple[tuple[bytes, ...], int]:
    """So many NAL units with 16-bit lengths, and where they end."""
    sets: list[bytes] = []
    for _ in range(count):
        (length,) = _field(data, _LENGTH, at, end)
        at += 2
        if not 0 < length <= end - at:
            raise MalformedError("a parameter set that is cut off", offset=at)
        sets.append(data[at : at + length])
        at += length
    return tuple(sets), at


def _audio(entry: bytes, timescale: int) -> AudioFormat:
    """The format in an mp4a box."""
    if entry[4:8] != b"mp4a" or not timescale:
        raise MalformedError("an audio track that is not AAC")
    (channels,) = _field(entry, _CHANNELS, 24, len(entry))
    at, end = _one(entry, (_AUDIO_ENTRY, len(entry)), b"esds")
    # ES_Descriptor (3), DecoderConfigDescriptor (4), DecoderSpecificInfo (5): each lies in the
    # one before, behind its fixed fields.
    for tag, skip in ((3, 4), (4, 0), (5, 13)):
        at, end = _descriptor(entry, at + skip, end, tag)
        if tag == 3:
            at += 3
    return AudioFormat(sample_rate=timescale, channels=channels, config=entry[at:end])


def _descriptor(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """The content of a descriptor (ISO/IEC 14496-1 section 8.3.3) that must be here."""
    if at >= end or data[at] != tag:
        raise MalformedError(f"no descriptor {tag} where one should be", offset=at)
    at += 1
    length = 0
    for byte in data[at : min(at + 4, end)]:
        at += 1
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    if length > end - at:
        raise MalformedError(f"a descriptor {tag} that is cut off", offset=at)
    return at, at + length


def _part(read_at: Callable[[int, int], bytes], at: int, size: int) -> PartRef:
    """The part that begins at an offset, if all of it is there."""
    head = read_at(at, _HEAD_BYTES)
    if not head.startswith(PRFT_HEAD[: len(head)]):
        raise MalformedError("no part where one should begin", offset=at)
    if len(head) < _PRFT_SIZE + 8:
        raise MalformedError("the file is cut off inside a part", offset=at)
    ntp, media_time, moof_size, kind = unpack_from(">QQI4s", head, len(PRFT_HEAD))
    if kind != b"moof" or not _MIN_MOOF <= moof_size <= MAX_MOOF:
        raise MalformedError("a part without its moof", offset=at)
    moof_end = _PRFT_SIZE + moof_size
    if len(head) < moof_end + 8 <= size - at:
        head = read_at(at, moof_end + 8)
    if len(head) < moof_end + 8:
        raise MalformedError("the file is cut off inside a part", offset=at)
    if head[40:52] != _MFHD_HEAD:
        raise MalformedError("a moof without its mfhd", offset=at)
    (sequence,) = unpack_from(">I", head, 52)
    mdat_size, kind = unpack_from(">I4s", head, moof_end)
    if kind != b"mdat":
        raise MalformedError("a part without its mdat", offset=at)
    try:
        video = _traf(head, _PRFT_SIZE + 24, moof_end, VIDEO_TRACK)
        decode_time = video.decode_time
        width = (video.fields & _ROW_FIELDS).bit_count()
        video_size = sum(video.rows[1::width])
        duration = sum(video.rows[::width])
        if video.data_offset != moof_size + 8:
            raise MalformedError("a part whose pictures are not in its mdat")  # noqa: TRY301
        audio, audio_size = None, 0
        if video.end < moof_end:
            sound = _traf(head, video.end, moof_end, AUDIO_TRACK)
            if sound.decode_time > MAX_TIME:
                raise MalformedError("a part whose sound is too late")  # noqa: TRY301
            if sound.end != moof_end or sound.data_offset != moof_size + 8 + video_size:
                raise MalformedError("a part whose sound is not in its mdat")  # noqa: TRY301
            audio_size = sum(sound.rows)
            audio = AudioRef(sound.decode_time, at + moof_end + 8 + video_size, sound.rows)
    except MalformedError as error:
        raise MalformedError(error.message, offset=at) from None
    if mdat_size != 8 + video_size + audio_size:
        raise MalformedError("a part whose sizes contradict each other", offset=at)
    if video.fields & TRUN_COMPOSITION and max(video.rows[width - 1 :: width]) > MAX_OFFSET:
        raise MalformedError("a part with a composition offset beyond reason", offset=at)
    if media_time != decode_time or decode_time + duration > MAX_TIME:
        raise MalformedError("a part whose times contradict each other", offset=at)
    if moof_end + mdat_size > size - at:
        raise MalformedError("the file is cut off inside a part", offset=at)
    flags = video.rows[2] if video.fields & TRUN_FLAGS else video.first_flags
    return PartRef(
        at,
        moof_end + mdat_size,
        sequence,
        decode_time,
        wall_from_ntp(ntp),
        flags == SYNC_SAMPLE,
        at + moof_end + 8,
        video_size,
        duration,
        video.fields,
        video.rows,
        audio,
    )


class _Traf(NamedTuple):
    decode_time: int
    fields: int
    first_flags: int
    data_offset: int
    rows: array[int]
    end: int


def _traf(head: bytes, at: int, end: int, track: int) -> _Traf:
    """The traf of a track, whose layout is fixed but for the trun's columns."""
    if at + _TRAF.size > end:
        raise MalformedError("a moof without a track")
    size, *fixed, decode_time, trun, kind, fields, count, data_offset = _TRAF.unpack_from(head, at)
    if fixed != _TRAF_FIXED[track]:
        raise MalformedError("a track fragment that is not laid out as ours are")
    required, choices = (
        (_VIDEO_FIELDS, _VIDEO_CHOICES) if track == VIDEO_TRACK else (_AUDIO_FIELDS, 0)
    )
    if kind != b"trun" or fields & ~choices != required or not 0 < count <= MAX_SAMPLES:
        raise MalformedError("a trun that is not laid out as ours are")
    start = at + _TRAF.size
    first_flags = 0
    if fields & TRUN_FIRST_FLAGS:
        first_flags = SYNC_SAMPLE
        start += 4
    stop = start + 4 * count * (fields & _ROW_FIELDS).bit_count()
    if stop != at + size or stop > end or size != 44 + trun:
        raise MalformedError("a track fragment whose sizes contradict each other")
    if first_flags and head[start - 4 : start] != _SYNC_BYTES:
        raise MalformedError("a first picture whose flags are not known")
    rows = array("I", head[start:stop])
    if sys.byteorder == "little":
        rows.byteswap()
    return _Traf(decode_time, fields, first_flags, data_offset, rows, stop)


def wall_from_ntp(ntp: int) -> int:
    """Nanoseconds since 1970 of a 64-bit NTP time between 1968 and 2104 (RFC 4330 section 3)."""
    seconds = ntp >> 32
    if seconds < 1 << 31:
        seconds += _NTP_ERA_S  # from 2036-02-07 on NTP counts from zero again
    return (seconds - NTP_EPOCH_S) * _NS + ((ntp & 0xFFFF_FFFF) * _NS + (1 << 31) >> 32)
