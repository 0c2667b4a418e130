"""Access units out of libav's packets: passed through, or decoded and encoded again as H.264.

Used by the reader's thread of `edge.libav` only; nothing here is shared with the loop.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av

from vonggac.causes import Cause
from vonggac.errors import MalformedError, RunEnded
from vonggac.media.h26x import (
    Codec,
    Nal,
    ParameterSets,
    VideoFormat,
    nal_class,
    split_annexb,
    video_format,
)
from vonggac.media.rtp import AccessUnit

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

TICKS = 90_000
"""Media clock of every unit: RTP video counts in it (RFC 6184 section 5.1)."""
MAX_UNIT_BYTES = 16 << 20
"""As `media.rtp`: a larger picture is garbage."""
MAX_NALS = 512
KEYFRAME_EVERY_S = 2
"""Seconds between keyframes that we encode ourselves."""
TRANSCODED = {"mjpeg": "MJPEG", "mpeg4": "MPEG-4"}
"""Codecs that are re-encoded on request, by libav's name."""
PASSED = {"h264": Codec.H264, "hevc": Codec.H265}


class Cutter(ABC):
    """Makes access units of packets; the base of passing through and re-encoding."""

    codec: Codec
    video: VideoFormat | None
    declared_fps: float | None

    @abstractmethod
    def units(self, packet: Packet[VideoStream], arrival_ns: int) -> list[AccessUnit]:
        """The access units that a packet completes; raises RunEnded if it cannot be one."""

    def flush(self) -> list[AccessUnit]:
        """What was held back when the packets ended."""
        return []


class Passing(Cutter):
    """H.264 or H.265 as it is: start codes become lengths, parameter sets are taken out.

    libav takes parameter sets for the beginning of a picture, and senders exist (GStreamer with
    config-interval=-1) that repeat them in front of every slice of a keyframe.  So a unit that
    brought sets is held back until the next packet shows whether it goes on: one picture of delay.
    """

    def __init__(self, codec: Codec, stream: VideoStream | None) -> None:
        self.codec = codec
        self.video = None
        self.declared_fps = None
        self._sets: ParameterSets | None = None
        self._last_ticks: int | None = None
        self._held: AccessUnit | None = None
        self._goes_on = False
        """The last packet began with a slice that does not begin a picture."""
        self._brought_sets = False
        self._length_size = 0
        """Bytes of the lengths in front of NAL units (files); 0 where start codes stand."""
        if stream is None:
            return
        extradata = bytes(stream.codec_context.extradata or b"")
        if extradata[:1] == b"\x01":
            self._length_size, nals = _configuration(codec, extradata)
        else:
            nals = split_annexb(extradata)
        sets = _sets_of(codec, nals)
        if sets is not None:
            with contextlib.suppress(MalformedError):
                self.video = video_format(sets)
                self._sets = sets
        if self.video is not None:
            self.declared_fps = self.video.declared_fps

    def units(self, packet: Packet[VideoStream], arrival_ns: int) -> list[AccessUnit]:
        """The packet as one access unit, if it holds a picture; see above for what is held."""
        unit = self.unit(packet, arrival_ns)
        if unit is None:
            return []
        held, self._held = self._held, None
        if held is not None and self._goes_on:
            held.chunks += unit.chunks
            held.size += unit.size
            held.damaged = held.damaged or unit.damaged
            if held.size > MAX_UNIT_BYTES or len(held.chunks) > MAX_NALS:
                raise RunEnded(Cause.GARBLED, f"a picture of {held.size} bytes")
            self._held = held
            return []
        before = [] if held is None else [held]
        if self._brought_sets:
            self._held = unit
            return before
        return [*before, unit]

    def flush(self) -> list[AccessUnit]:
        """The unit that was held back."""
        held, self._held = self._held, None
        return [] if held is None else [held]

    def unit(self, packet: Packet[VideoStream], arrival_ns: int) -> AccessUnit | None:
        """One packet as an access unit; None if it holds no coded picture data."""
        chunks: list[bytes] = []
        sets: list[bytes] = []
        keyframe = False
        pictures = 0
        data = bytes(packet)
        nals = _split_lengths(data, self._length_size) if self._length_size else split_annexb(data)
        if len(nals) > MAX_NALS:
            raise RunEnded(Cause.GARBLED, f"a picture of {len(nals)} NAL units")
        for nal in nals:
            kind = nal_class(self.codec, nal)
            if kind in (Nal.VPS, Nal.SPS, Nal.PPS):
                sets.append(nal)
            elif kind not in (Nal.AUD, Nal.FILLER, Nal.BROKEN):
                chunks.append(len(nal).to_bytes(4, "big") + nal)
                keyframe = keyframe or kind is Nal.KEY_SLICE
                if kind in (Nal.SLICE, Nal.KEY_SLICE):
                    if not pictures:
                        self._goes_on = not self._begins_picture(nal)
                    pictures += 1
        if not pictures:
            return None
        self._brought_sets = bool(sets)
        changed = _sets_of(self.codec, sets)
        if changed == self._sets:
            changed = None
        if changed is not None:
            self._sets = changed
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            # Seen with files cut in the middle of a GOP; 40 ms keep the order.
            ticks = 0 if self._last_ticks is None else self._last_ticks + TICKS // 25
        else:
            ticks = int(time * packet.time_base * TICKS)
        self._last_ticks = ticks
        return AccessUnit(
            chunks=chunks,
            size=sum(map(len, chunks)),
            ticks=ticks,
            keyframe=keyframe,
            arrival_ns=arrival_ns,
            sets=changed,
            damaged=packet.is_corrupt,
        )

    def _begins_picture(self, slice_nal: bytes) -> bool:
        """first_mb_in_slice is 0 (H.264 7.3.3), first_slice_segment_in_pic_flag (H.265 7.3.6.1)."""
        at = 1 if self.codec is Codec.H264 else 2
        return len(slice_nal) > at and bool(slice_nal[at] & 0x80)


class Transcoding(Cutter):
    """MJPEG or MPEG-4 decoded and encoded again as H.264, in the reader's thread.

    The encoder keeps no picture back (zerolatency) and begins anew when the size changes.
    """

    def __init__(self, stream: VideoStream) -> None:
        self.codec = Codec.H264
        self.video = None
        self.declared_fps = None
        rate = stream.average_rate or stream.guessed_rate
        self._fps = min(max(float(rate), 1.0), 60.0) if rate else 25.0
        self._decoder = stream.codec_context
        self._decoder.thread_count = 1
        self._encoder: VideoCodecContext | None = None
        self._passing = Passing(Codec.H264, None)

    def units(self, packet: Packet[VideoStream], arrival_ns: int) -> list[AccessUnit]:
        """The packet's picture as H.264; a picture that cannot be decoded is left out."""
        try:
            frames = self._decoder.decode(packet)
        except av.InvalidDataError:
            return []
        made = []
        for frame in frames:
            if frame.pts is None:
                continue
            for coded in self._encode(frame, packet.time_base):
                unit = self._passing.unit(cast("Any", coded), arrival_ns)
                if unit is not None:
                    unit.damaged = packet.is_corrupt
                    made.append(unit)
        return made

    def _encode(self, frame: VideoFrame, time_base: Fraction) -> list[Packet[Any]]:
        width, height = frame.width & ~1, frame.height & ~1
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (width, height):
            encoder = av.VideoCodecContext.create("libx264", "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
            encoder.time_base = time_base
            encoder.framerate = Fraction(round(self._fps * 1000), 1000)
            encoder.thread_count = 1
            encoder.gop_size = max(1, round(self._fps * KEYFRAME_EVERY_S))
            encoder.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "crf": "24",
                "maxrate": "8M",
                "bufsize": "8M",
            }
            self._encoder = encoder
        pts = frame.pts
        picture = frame.reformat(width=width, height=height, format="yuv420p")
        picture.pts, picture.time_base = pts, time_base
        picture.pict_type = 0
        packets = encoder.encode(picture)
        for packet in packets:
            packet.time_base = time_base
        return packets


def _sets_of(codec: Codec, nals: list[bytes]) -> ParameterSets | None:
    """The parameter sets among NAL units; None unless they are complete."""
    kinds: dict[Nal, list[bytes]] = {Nal.VPS: [], Nal.SPS: [], Nal.PPS: []}
    for nal in nals:
        kind = nal_class(codec, nal)
        if kind in kinds and nal not in kinds[kind]:
            kinds[kind].append(nal)
    sets = ParameterSets(codec, tuple(kinds[Nal.VPS]), tuple(kinds[Nal.SPS]), tuple(kinds[Nal.PPS]))
    return sets if sets.complete else None


def _split_lengths(data: bytes, length_size: int) -> list[bytes]:
    """NAL units of a sample with lengths (ISO/IEC 14496-15 section 5.3.4.2); whole ones only."""
    nals: list[bytes] = []
    at = 0
    while at + length_size < len(data) and len(nals) <= MAX_NALS:
        size = int.from_bytes(data[at : at + length_size], "big")
        at += length_size
        if not 0 < size <= len(data) - at:
            break
        nals.append(data[at : at + size])
        at += size
    return nals


def _configuration(codec: Codec, record: bytes) -> tuple[int, list[bytes]]:
    """Length size and parameter sets of an avcC or hvcC (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1)."""
    at, groups = (5, 2) if codec is Codec.H264 else (23, 0)
    if len(record) <= at:
        raise MalformedError("the file's decoder configuration is cut short")
    length_size = 1 + (record[4 if codec is Codec.H264 else 21] & 3)
    if codec is Codec.H265:
        groups = record[22]
    nals: list[bytes] = []
    for _ in range(groups):
        head = record[at : at + 3]
        if codec is Codec.H264:
            count, at = (head[0] & 31 if head else 0), at + 1
        else:
            count, at = int.from_bytes(head[1:], "big"), at + 3
        for _ in range(min(count, MAX_NALS)):
            size = int.from_bytes(record[at : at + 2], "big")
            nals.append(record[at + 2 : at + 2 + size])
            at += 2 + size
    return length_size, nals
