"""Pictures out of RTP: H.264 as RFC 6184 packs it, H.265 as RFC 7798 does.

The policies are stated in `media.rtp`; this is the recorder's hot path.
"""

from __future__ import annotations

import struct
from typing import NoReturn

from vonggac.errors import MalformedError
from vonggac.media.h26x import (
    MAX_SET_BYTES,
    MAX_SETS,
    NAL_CLASSES,
    Codec,
    Nal,
    ParameterSets,
    is_intra_slice,
    pps_id,
    recovery_frames,
    split_annexb,
)
from vonggac.media.rtp_track import HALF, NS, U32, AccessUnit, AudioUnit, Track, split_packet

MAX_UNIT_BYTES = 16 * 1024 * 1024
"""Bytes of one access unit; a 4K IDR at the highest bit rates has about 2 MiB."""
MAX_UNIT_NALS = 512
"""NAL units of one access unit."""
MAX_UNIT_CHUNKS = 65_536
"""Pieces of one access unit: bounds the memory of packets that carry a byte each."""
NO_IDR_NS = 10 * NS
"""How long a camera must have sent no IDR before recovery points count as keyframes."""

_KEY_SLICE, _SEI = int(Nal.KEY_SLICE), int(Nal.SEI)
_SLICES = frozenset({int(Nal.SLICE), _KEY_SLICE})
_PLAIN = _SLICES | {_SEI}
_MARKER = 0x00800000
_FIXED = 0xFFFF0000FF7FFFFF  # of a frame's first 8 bytes, all but its length and the marker bit
_MAX_CACHED = 64
_MAX_RUN_BYTES = 1 << 20  # a packet of the fast path has 19 bytes or more: less than 65,536 of them
_BYTES = tuple(bytes([value]) for value in range(64))
_LENGTH = struct.Struct(">I").pack
_START_CODES = (b"\x00\x00\x01", b"\x00\x00\x00\x01")


class VideoTrack(Track):
    """Depacketises H.264 or H.265 into access units.

    Args:
        channel: interleaved channel of the RTP packets.
        payload_type: the RTP payload type of the SDP.
        codec: what the SDP says.
        sets: parameter sets of the SDP, in force until others come in band.
        clock_rate: ticks a second; RFC 6184 and RFC 7798 allow 90,000 only.
        rtcp_channel: channel of the reports.
    """

    def __init__(
        self,
        channel: int,
        payload_type: int,
        codec: Codec,
        sets: ParameterSets | None = None,
        *,
        clock_rate: int = 90_000,
        rtcp_channel: int | None = None,
    ) -> None:
        super().__init__(channel, payload_type, clock_rate, rtcp_channel=rtcp_channel)
        self.codec = codec
        self.sets = _without_zeros(sets) if sets else ParameterSets(codec)
        """Parameter sets in force; perhaps not complete yet."""
        self.units: list[AccessUnit | AudioUnit] = []
        """Where whole pictures go; `Interleaved` puts its own list here."""
        self.marker_believed = True
        """False once pictures went on after their marker bit."""
        self.unstarted = 0
        """Pictures dropped because nothing of their slices was left."""
        self._classes = NAL_CLASSES[codec]
        # A first slice always begins another picture in H.265; in H.264 also a second field or a
        # redundant slice has this bit, and they belong to the picture.
        self._splits = codec is Codec.H265
        self._magic = 0x2400 | channel
        self._plain = self._magic << 48 | 0x80000000 | payload_type << 16
        if codec is Codec.H264:
            self._head = struct.Struct(">QQBB")
            self._fu_mask, self._fu_kind = 0x1F, 28
        else:
            self._head = struct.Struct(">QQHB")
            self._fu_mask, self._fu_kind = 0x7E00, 49 << 9
        self._starts: dict[int, bytes] = {}
        self._layouts: dict[int, struct.Struct] = {}
        self._in_force = frozenset((*self.sets.vps, *self.sets.sps, *self.sets.pps))
        self._ident = -1  # timestamp and SSRC of the picture being gathered or just ended
        self._open = False  # whether a picture is being gathered
        self._chunks: list[bytes] = []
        self._size = 0
        self._nals = 0
        self._slices = 0
        self._keyframe = False
        self._damaged = False
        self._suspect = True  # packets may be missing just before the NAL unit that comes now
        self._ended_ident = -1  # timestamp and SSRC of the picture given out last
        self._unit_sets: ParameterSets | None = None
        self._arrival_ns = 0
        self._fu_at = -1  # index in chunks of the fragmented NAL unit's head; -1: none
        self._fu_header = b""
        self._fu_size = 0
        self._waiting: dict[Nal, list[bytes]] = {}  # parameter sets that await a picture
        self._marker_seen = False
        self._starved_from_ns = 0 if codec is Codec.H264 else 1 << 62  # 0: no picture yet
        self._recovery = False  # the picture has a recovery point of 0 frames

    def run(self, buffer: memoryview, at: int, end: int, arrival_ns: int) -> int:
        """Take packets of this channel from `at` on as long as they follow each other.

        The one hot loop of the recorder: fragments in order, and whole slices and SEI, are
        taken here, packets that differ in nothing but their number many at a time (0.15 us each
        by `Struct.iter_unpack`, 0.36 us by `unpack_from` and a slice, 0.8 us by numpy; measured
        over runs of 13).  Everything else goes to `take`, one packet at a time.

        Returns:
            Where the first byte stands that is not taken: another channel's frame, an RTSP
            message, or a frame that has not arrived whole.
        """
        end = min(end, at + _MAX_RUN_BYTES)
        unpack, head = self._head.unpack_from, self._head.size
        magic, plain, fu_mask, fu_kind = self._magic, self._plain, self._fu_mask, self._fu_kind
        number = self._next
        while at + head <= end:
            start, ident, indicator, fu = unpack(buffer, at)
            following = at + 4 + (start >> 32 & 0xFFFF)
            if start & _FIXED != plain | number or not at + head < following <= end:
                # out of order, out of the ordinary, hardly anything in it, or not for this track
                if start >> 48 != magic or following > end:
                    break
            elif indicator & fu_mask != fu_kind:
                if self._take_small(buffer[at + 16 : following].tobytes(), ident, arrival_ns):
                    number = start + 1 & 0xFFFF
                    if start & _MARKER:
                        self._mark()
                    at = following
                    continue
            elif fu & 0xC0 == 0x40:
                if self._fu_at >= 0 and ident == self._ident:
                    self._chunks.append(buffer[at + head : following].tobytes())
                    self._fu_size += following - at - head
                    self._end_fragments()
                    number = start + 1 & 0xFFFF
                    if start & _MARKER:
                        self._mark()
                    at = following
                    continue
            elif not start & _MARKER and (
                self._begin_fragments(indicator << 8 | fu, ident, arrival_ns)
                if fu & 0x80
                else self._fu_at >= 0 and ident == self._ident
            ):
                size = following - at
                layout = self._layouts.get(size) or self._layout(size)
                _, rest, piece = layout.unpack_from(buffer, at)
                if fu & 0x80:
                    rest = rest[:-1] + _BYTES[fu & 0x3F]
                chunks = self._chunks
                chunks.append(piece)
                # Of the fragments between the first and the last only the numbers differ.
                expected = start + 1
                stretch = buffer[following : end - (end - following) % size]
                for numbered, same, piece in layout.iter_unpack(stretch):
                    if numbered != expected or same != rest:
                        break
                    chunks.append(piece)
                    expected += 1
                count = expected - start
                self._fu_size += count * (size - head)
                number = expected & 0xFFFF
                at += count * size
                continue
            self._count_to(number)
            self.take(buffer[at + 4 : following], arrival_ns)
            number = self._next
            at = following
        self._count_to(number)
        if self._size + self._fu_size > MAX_UNIT_BYTES or len(self._chunks) > MAX_UNIT_CHUNKS:
            self._refuse_size()
        if at + 4 <= end and buffer[at] == 0x24 and buffer[at + 1] == self.channel:
            following = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
            if following <= end:
                self.take(buffer[at + 4 : following], arrival_ns)
                return following
        return at

    def _take_small(self, nal: bytes, ident: int, arrival_ns: int) -> bool:
        """Take a packet that is one slice or SEI unit; False if it is not so simple."""
        kind = self._classes[nal[0]]
        if kind not in _PLAIN or (kind == _SEI and arrival_ns >= self._starved_from_ns):
            return False
        if not self._ready(ident, arrival_ns):
            return False
        self._append_nal(nal, kind)
        return True

    def _begin_fragments(self, key: int, ident: int, arrival_ns: int) -> bool:
        """Begin a fragmented slice or SEI; False if it is not so simple.

        Args:
            key: FU indicator (H.265: payload header) and FU header in one number.
            ident: timestamp and SSRC.
            arrival_ns: as in `run`.
        """
        begins = self._starts.get(key)
        if begins is None:
            begins = self._start_of(key)
        if not begins or not self._ready(ident, arrival_ns):
            return False
        self._fu_header = begins
        self._fu_at = len(self._chunks)
        self._fu_size = len(begins)
        self._chunks.append(b"")
        return True

    def _start_of(self, key: int) -> bytes:
        """The NAL unit header that a first fragment stands for; empty unless slice or SEI."""
        if self.codec is Codec.H264:
            header = bytes([key >> 8 & 0xE0 | key & 0x1F])
        else:
            header = bytes([key >> 16 & 0x81 | (key & 0x3F) << 1, key >> 8 & 0xFF])
        if self._classes[header[0]] not in _PLAIN:
            header = b""
        if len(self._starts) >= _MAX_CACHED:
            self._starts.clear()
        self._starts[key] = header
        return header

    def _layout(self, size: int) -> struct.Struct:
        """How fragments of `size` bytes, frame head and all, are read many at a time."""
        if len(self._layouts) >= _MAX_CACHED:
            self._layouts.clear()
        head = self._head.size
        layout = struct.Struct(f">Q{head - 8}s{size - head}s")
        self._layouts[size] = layout
        return layout

    def _ready(self, ident: int, arrival_ns: int) -> bool:
        """Whether a NAL unit of that timestamp and SSRC can simply be added; begins a picture."""
        if self._fu_at >= 0 or self._waiting or self._suspect:
            return False
        if ident == self._ident:
            return self._open and not (self._slices and self._splits)
        if self._open or ident & U32 != self.ssrc or self._stamp is None:
            return False
        stamp = ident >> 32
        ahead = (stamp - self._stamp) & U32
        self._ticks += ahead - (U32 + 1) if ahead > HALF else ahead
        self._stamp = stamp
        self._ident = ident
        self._arrival_ns = arrival_ns
        self._open = True
        return True

    def _count_to(self, number: int) -> None:
        """Packets were taken in order; `number` is expected now.  At most 65,535 at a time."""
        taken = number - self._next & 0xFFFF
        if taken:
            self.packets += taken
            self._late_in_a_row = 0
            if number < self._next:
                self._cycles += 1
            self._next = number

    def _mark(self) -> None:
        """A marker bit: the picture ends, if it has slices and markers are to be believed."""
        self._marker_seen = True
        if self._fu_at < 0 and self.marker_believed:
            if self._slices:
                self._close()
            elif self._damaged:
                self._drop()

    def take(self, packet: memoryview | bytes, arrival_ns: int) -> None:
        """Take one RTP packet: the general way.

        Raises:
            MalformedError: it is no RTP, or its inner lengths lie, or the picture grows beyond
                its bounds.
        """
        if len(packet) < 12:
            self.foreign += 1
            return
        payload, kind, sequence, stamp, ssrc = split_packet(packet)
        if kind & 0x7F != self.payload_type:
            self.foreign += 1
            return
        taken, hole = self._in_order(sequence, ssrc)
        if not taken:
            return
        ident = stamp << 32 | ssrc
        if hole:
            self._lose(ident)
        if ident != self._ident:
            self._turn(ident, stamp, arrival_ns)
        if not self._open:
            self._arrival_ns = arrival_ns
        if self.codec is Codec.H264:
            self._h264(payload)
        else:
            self._h265(payload)
        if kind & 0x80:
            self._mark()

    def finish(self) -> None:
        """The run is over: give out the last picture if it can be whole.

        With cameras that set the marker bit a picture without one is not whole.
        """
        if self._marker_seen and self.marker_believed:
            return
        if self._fu_at >= 0:
            self._end_fragments()
        if self._slices:
            self._close()

    def _lose(self, ident: int) -> None:
        """Packets are missing before the one that comes now."""
        if self._fu_at >= 0:
            self._cut_fragments()
        if self._open:
            self._damaged = True
        self._suspect = not (self._open and ident == self._ident)

    def _turn(self, ident: int, stamp: int, arrival_ns: int) -> None:
        """The timestamp or the SSRC changes: another picture begins."""
        if self._fu_at >= 0:
            self._end_fragments()
        if self._slices:
            self._close()
        elif self._damaged:
            self._drop()
        self._ident = ident
        self._move(stamp)
        self._arrival_ns = arrival_ns

    def _h264(self, payload: bytes) -> None:
        """RFC 6184 section 5.2."""
        if not payload:
            return
        kind = payload[0] & 31
        if 1 <= kind <= 23:
            self._nal(payload)
        elif kind == 28 and len(payload) >= 2:
            head = bytes([payload[0] & 0xE0 | payload[1] & 0x1F])
            self._fu(head, payload[1], payload[2:])
        elif kind == 24:
            self._aggregate(payload, 1)
        elif payload.startswith(_START_CODES):
            # Byte stream format inside RTP: defect of several makers.
            self._byte_stream(payload)
        else:
            self._refuse()

    def _h265(self, payload: bytes) -> None:
        """RFC 7798 section 4.4; without DONL, as sprop-max-don-diff 0 says."""
        if payload.startswith(_START_CODES):
            self._byte_stream(payload)
            return
        if len(payload) < 2:
            return
        kind = payload[0] >> 1 & 63
        if kind < 48:
            self._nal(payload)
        elif kind == 49 and len(payload) >= 3:
            head = bytes([payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1]])
            self._fu(head, payload[2], payload[3:])
        elif kind == 48:
            self._aggregate(payload, 2)
        else:
            self._refuse()

    def _refuse(self) -> None:
        self.refused += 1
        self._damaged = True

    def _aggregate(self, payload: bytes, at: int) -> None:
        while at + 2 <= len(payload):
            end = at + 2 + (payload[at] << 8 | payload[at + 1])
            if end > len(payload):
                raise MalformedError("a NAL unit ends outside its aggregation packet", offset=at)
            if end > at + 2:
                self._nal(payload[at + 2 : end])
            at = end

    def _byte_stream(self, payload: bytes) -> None:
        nals = split_annexb(payload)
        if len(nals) > MAX_UNIT_NALS:
            raise MalformedError(f"{len(nals)} NAL units in one packet")
        for nal in nals:
            self._nal(nal)

    def _fu(self, head: bytes, fu: int, piece: bytes) -> None:
        """A fragment: RFC 6184 section 5.8, RFC 7798 section 4.4.3."""
        if fu & 0x80:
            if self._fu_at >= 0:
                self._end_fragments()
            if fu & 0x40:  # forbidden, and sent: start and end at once
                self._nal(head + piece)
                return
            if self._classes[head[0]] in _SLICES:
                self._begin(piece[:1])
            self._open = True
            self._fu_at = len(self._chunks)
            self._fu_header = head
            self._fu_size = len(head)
            self._chunks.append(b"")
        elif self._fu_at < 0:
            self._open = True
            self._damaged = True
            self._suspect = False
            return
        self._fu_size += len(piece)
        self._chunks.append(piece)
        if len(self._chunks) > MAX_UNIT_CHUNKS or self._size + self._fu_size > MAX_UNIT_BYTES:
            self._refuse_size()
        if fu & 0x40:
            self._end_fragments()

    def _end_fragments(self) -> None:
        """A fragmented NAL unit is over: write its length, or treat it as what it is.

        SEI may be as large as pictures (a maker's own data); none is looked into unless a
        recovery point could matter.
        """
        kind = self._classes[self._fu_header[0]]
        if kind in _SLICES or (kind == _SEI and self._arrival_ns < self._starved_from_ns):
            self._keep_fragments(kind)
            return
        at, self._fu_at, self._fu_size = self._fu_at, -1, 0
        self._chunks[at] = self._fu_header
        nal = b"".join(self._chunks[at:])
        del self._chunks[at:]
        if _START_CODES[0] in nal:
            # One fragmented "NAL unit" that holds SPS, PPS and IDR in byte stream format.
            self._byte_stream(_START_CODES[0] + nal)
        else:
            self._nal(nal)

    def _cut_fragments(self) -> None:
        """A hole in a fragmented NAL unit: slices end there, anything else is dropped."""
        kind = self._classes[self._fu_header[0]]
        if kind in _SLICES:
            self._keep_fragments(kind)
        else:
            del self._chunks[self._fu_at :]
            self._fu_at, self._fu_size = -1, 0

    def _keep_fragments(self, kind: int) -> None:
        """The fragments so far are a NAL unit of that kind."""
        size = self._fu_size
        self._chunks[self._fu_at] = _LENGTH(size) + self._fu_header
        self._fu_at = -1
        self._fu_size = 0
        self._count_nal(4 + size, kind)

    def _count_nal(self, size: int, kind: int) -> None:
        """The picture has grown by a NAL unit; its chunks are there already."""
        self._size += size
        self._nals += 1
        if kind in _SLICES:
            self._slices += 1
            if kind == _KEY_SLICE:
                self._keyframe = True
        if self._size > MAX_UNIT_BYTES or self._nals > MAX_UNIT_NALS:
            self._refuse_size()

    def _nal(self, nal: bytes) -> None:
        """A whole NAL unit."""
        if self._fu_at >= 0:
            self._end_fragments()
        kind = self._classes[nal[0]]
        if kind == Nal.FILLER:
            return
        if kind == Nal.BROKEN or (self.codec is Codec.H265 and len(nal) < 2):
            self._refuse()
            return
        if kind == Nal.AUD:
            if self._slices:
                self._close()
            self._suspect = False
            return
        if kind in (Nal.VPS, Nal.SPS, Nal.PPS):
            # Not the end of a picture, whatever H.264 section 7.4.1.2.3 says: GStreamer's payloader
            # repeats them before each slice of an IDR picture.
            self._parameter_set(Nal(kind), nal)
            self._suspect = False
            return
        if kind == Nal.SEI:
            self._sei(nal)
        elif kind != Nal.OTHER:
            self._begin(nal[1:2] if self.codec is Codec.H264 else nal[2:3])
        self._open = True
        self._append_nal(nal, kind)

    def _append_nal(self, nal: bytes, kind: int) -> None:
        """Add a whole NAL unit to the picture."""
        size = len(nal)
        self._chunks += (_LENGTH(size), nal)
        self._count_nal(4 + size, kind)

    def _begin(self, first: bytes) -> None:
        """A slice begins, with that byte of its header."""
        # first_mb_in_slice of 0 (H.264) and first_slice_segment_in_pic_flag (H.265) are a set bit.
        is_first = bool(first) and first[0] & 0x80 != 0
        if self._slices:
            if is_first and self._splits:
                self._close()
            return
        if not is_first:
            if self._suspect:
                self._damaged = True
            elif self._ended_ident == self._ident:
                self._reopen()
        self._suspect = False
        if self._waiting:
            self._put_in_force()

    def _reopen(self) -> None:
        """A slice that continues a picture after its marker: the marker is not to be believed."""
        self.marker_believed = False
        last = self.units[-1] if self.units else None
        if not isinstance(last, AccessUnit) or last.ticks != self._ticks:
            self._damaged = True  # its beginning has been given out already
            return
        self.units.pop()
        self._chunks = last.chunks + self._chunks
        self._size += last.size
        self._keyframe, self._damaged, self._unit_sets = last.keyframe, last.damaged, last.sets
        self._arrival_ns = last.arrival_ns
        self._slices = 1

    def _parameter_set(self, kind: Nal, nal: bytes) -> None:
        nal = nal.rstrip(b"\x00")
        if len(nal) > MAX_SET_BYTES:
            raise MalformedError(f"a parameter set of {len(nal)} bytes; at most {MAX_SET_BYTES}")
        if not self._waiting and nal in self._in_force:
            return
        waiting = self._waiting.setdefault(kind, [])
        if nal not in waiting:
            if len(waiting) >= MAX_SETS:
                raise MalformedError(f"more than {MAX_SETS} different {kind.name} before a picture")
            waiting.append(nal)

    def _put_in_force(self) -> None:
        """The sets that waited are those of the picture that begins."""
        old = self.sets
        vps = _replace(old.vps, self._waiting.get(Nal.VPS))
        sps = _replace(old.sps, self._waiting.get(Nal.SPS))
        pps = _merge_pps(self.codec, old.pps, self._waiting.get(Nal.PPS))
        new = ParameterSets(self.codec, vps, sps, pps)
        if new.complete:
            self.sets = self._unit_sets = new
            self._in_force = frozenset((*vps, *sps, *pps))
            self._waiting = {}

    def _sei(self, nal: bytes) -> None:
        if not self._starved_from_ns:
            self._starved_from_ns = self._arrival_ns + NO_IDR_NS
        if self._arrival_ns >= self._starved_from_ns and recovery_frames(nal) == 0:
            self._recovery = True

    def _refuse_size(self) -> NoReturn:
        raise MalformedError(
            f"a picture of more than {MAX_UNIT_BYTES} bytes, {MAX_UNIT_NALS} NAL units or"
            f" {MAX_UNIT_CHUNKS} packets"
        )

    def _close(self) -> None:
        """The picture is complete: give it out."""
        if self._keyframe:
            if self.codec is Codec.H264:
                self._starved_from_ns = self._arrival_ns + NO_IDR_NS
        elif self._recovery:
            self._keyframe = _all_intra(self._chunks)
        self.units.append(
            AccessUnit(
                self._chunks,
                self._size,
                self._ticks,
                self._keyframe,
                self._arrival_ns,
                self._unit_sets,
                self._damaged,
            )
        )
        self._ended_ident = self._ident
        self._unit_sets = None
        self._clear()

    def _drop(self) -> None:
        """Packets of this picture were lost and nothing of its slices is left."""
        self.unstarted += 1
        self._clear()

    def _clear(self) -> None:
        self._chunks = []
        self._size = self._nals = self._slices = 0
        self._open = self._keyframe = self._damaged = self._recovery = False


def _without_zeros(sets: ParameterSets) -> ParameterSets:
    """No NAL unit ends in a zero byte (H.264 section 7.4.1); parameter sets of the SDP may."""
    vps, sps, pps = (
        tuple(nal.rstrip(b"\x00") for nal in nals) for nals in (sets.vps, sets.sps, sets.pps)
    )
    return ParameterSets(sets.codec, vps, sps, pps)


def _replace(old: tuple[bytes, ...], new: list[bytes] | None) -> tuple[bytes, ...]:
    if not new or all(nal in old for nal in new):
        return old
    return tuple(new)


def _merge_pps(codec: Codec, old: tuple[bytes, ...], new: list[bytes] | None) -> tuple[bytes, ...]:
    if not new or all(nal in old for nal in new):
        return old
    merged = {pps_id(codec, nal): nal for nal in old}
    merged |= {pps_id(codec, nal): nal for nal in new}
    return tuple(merged.values())[-MAX_SETS:]


def _all_intra(chunks: list[bytes]) -> bool:
    """Whether all slices of an H.264 picture are I slices."""
    picture = b"".join(chunks)
    at = 0
    while at + 5 <= len(picture):
        size = int.from_bytes(picture[at : at + 4], "big")
        if picture[at + 4] & 31 in (1, 2) and not is_intra_slice(picture[at + 4 : at + 28]):
            return False
        at += 4 + size
    return True
