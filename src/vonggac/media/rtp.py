"""RTP out of a playing RTSP connection: interleaved frames, pictures, sound, sender reports.

Sans I/O.  `Interleaved` is fed what the socket gave; it splits RTP, RTCP and RTSP messages
(RFC 2326 section 10.12), and its tracks turn packets into `AccessUnit` (RFC 6184 for H.264,
RFC 7798 for H.265) and `AudioUnit` (RFC 3640, AAC-hbr).  One thread, one connection.

Policies, each kept by a test of its name:

* **Order.**  TCP keeps the order, so a hole in the sequence numbers means that the camera
  dropped packets: they are counted in `lost` and the pictures concerned are marked `damaged`.
  A packet up to 100 numbers old is a duplicate or came too late: dropped, counted in `late`.
  Any other jump is a camera that started to count anew and is believed at once.
* **A hole inside a NAL unit** ends that NAL unit at the hole; what follows of it is dropped.
* **End of a picture**: the marker bit, a change of timestamp, or an access unit delimiter.  A
  marker before the first slice ends nothing (cameras set it on parameter sets), and after a
  marker that was followed by more slices of the same picture the marker is no longer believed.
* **Parameter sets** in band come into force with the next picture.  Sets equal to those in
  force change nothing.  VPS and SPS replace those before them; PPS replace those of equal id.
* **Keyframes** are IDR pictures (H.264) and IRAP pictures (H.265).  An H.264 picture of
  I slices with a recovery point of 0 frames counts only if the camera has sent no IDR for
  10 s: such cameras exist, and for all others an IDR is the better place to start.
* **Unknown channels, other payload types, frames shorter than an RTP header** are skipped and
  counted.  What is neither a frame nor an RTSP message is `MalformedError`.
* **Packet kinds that nobody should send here** (STAP-B, MTAP, FU-B, PACI) are dropped and
  counted in `refused`; the picture is marked `damaged`.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vonggac.clock import NS
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

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_UNIT_BYTES = 16 * 1024 * 1024
"""Bytes of one access unit; a 4K IDR at the highest bit rates has about 2 MiB."""
MAX_UNIT_NALS = 512
"""NAL units of one access unit."""
MAX_UNIT_CHUNKS = 65_536
"""Pieces of one access unit: bounds the memory of packets that carry a byte each."""
MAX_HEAD_BYTES = 16 * 1024
"""Bytes of the head of an RTSP message."""
MAX_MESSAGE_BYTES = 64 * 1024
"""Bytes of an RTSP message with its body; also what a caller must be able to hold back."""
MAX_WAITING = 64
"""RTSP messages, and sender reports, that may wait to be taken."""
LATE_NUMBERS = 100
"""RFC 3550 appendix A.1, MAX_MISORDER: how old a sequence number may be and still be late."""
NO_IDR_NS = 10 * NS
"""How long a camera must have sent no IDR before recovery points count as keyframes."""

_KEY_SLICE, _SEI = int(Nal.KEY_SLICE), int(Nal.SEI)
_SLICES = frozenset({int(Nal.SLICE), _KEY_SLICE})
_MARKER = 0x00800000
_MAX_CACHED = 64
_BYTES = tuple(bytes([value]) for value in range(64))
_NTP_TO_UNIX_S = 2_208_988_800
_U32 = 0xFFFFFFFF
_HALF = 0x80000000
_LENGTH = struct.Struct(">I").pack
_RTP = struct.Struct(">BBHII").unpack_from
_CONTENT_LENGTH = re.compile(rb"(?im)^content-length[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?$")
_FIRST_LINE = re.compile(rb"RTSP/[0-9]\.[0-9] [0-9]{3}|[A-Z_]{3,16} \S{1,2048} RTSP/[0-9]\.[0-9]")


@dataclass(slots=True)
class AccessUnit:
    """One coded picture as it left the camera."""

    chunks: list[bytes]
    """NAL units with 4-byte lengths, in pieces to be joined; no AUD, filler, parameter sets."""
    size: int
    """Bytes of all chunks."""
    ticks: int
    """The RTP timestamp, unwrapped into a count that grows over the years; media clock."""
    keyframe: bool
    arrival_ns: int
    """Monotonic time at which the first packet was read."""
    sets: ParameterSets | None = None
    """Parameter sets that come into force with this picture and differ from those before."""
    damaged: bool = False
    """A packet of it was lost."""


@dataclass(slots=True)
class AudioUnit:
    """One AAC frame."""

    payload: bytes
    ticks: int
    """As in `AccessUnit`, in the audio clock."""
    arrival_ns: int


@dataclass(slots=True)
class SenderReport:
    """What a camera's RTCP sender report says: its wall time at a tick of its media clock."""

    ntp_ns: int
    """The camera's wall time, nanoseconds since 1970."""
    ticks: int
    """The same moment in the track's unwrapped media clock."""
    arrival_ns: int
    channel: int = 0
    """RTP channel of the track it speaks of."""


class Track:
    """What all tracks count: order, losses, timestamps, and what a receiver report says.

    Args:
        channel: interleaved channel of the RTP packets.
        payload_type: the RTP payload type of the SDP; packets of another are skipped.
        clock_rate: ticks a second.
        rtcp_channel: channel of the reports; the next one unless the camera said otherwise.
    """

    def __init__(
        self, channel: int, payload_type: int, clock_rate: int, *, rtcp_channel: int | None = None
    ) -> None:
        self.channel = channel
        self.rtcp_channel = channel + 1 if rtcp_channel is None else rtcp_channel
        self.payload_type = payload_type
        self.clock_rate = clock_rate
        self.packets = 0
        """Packets taken, in order or after a hole."""
        self.lost = 0
        """Packets that the camera numbered and did not send."""
        self.late = 0
        """Packets dropped because they were duplicates or came too late."""
        self.refused = 0
        """Packets and NAL units dropped because of their kind."""
        self.foreign = 0
        """Packets skipped: another payload type, or shorter than an RTP header."""
        self.restarts = 0
        """How often the source changed its SSRC or began to count anew."""
        self.goodbye = False
        """The camera sent RTCP BYE."""
        self.ssrc: int | None = None
        self._next = -1  # sequence number expected, 16 bits; -1: any
        self._cycles = 0  # how often the sequence number has wrapped
        self._stamp: int | None = None  # last timestamp, 32 bits
        self._ticks = 0  # the same, unwrapped
        self._late_in_a_row = 0
        self._report_middle = 0
        self._report_arrival_ns = 0
        self._reported = (0, 0)  # packets and lost at the last receiver report

    def receiver_report(self, now_ns: int) -> bytes:
        """RTCP RR and SDES (RFC 3550 section 6.4.2) in an interleaved frame, to be sent as is.

        Some cameras end a session that never sends one.  Jitter is stated as 0: over TCP and
        read on a timer it would describe us, not the network.
        """
        packets, lost = self.packets - self._reported[0], self.lost - self._reported[1]
        self._reported = (self.packets, self.lost)
        expected = packets + lost
        fraction = min(255, lost * 256 // expected) if expected else 0
        highest = (self._cycles << 16 | (self._next - 1) & 0xFFFF) & _U32 if self._next >= 0 else 0
        since = 0
        if self._report_middle:
            since = min(max(0, now_ns - self._report_arrival_ns) * 65536 // NS, _U32)
        our_ssrc = ((self.ssrc or 0) ^ 0x56474E47) & _U32
        cname = b"\x01\x07vonggac\x00\x00\x00"
        body = b"".join(
            (
                struct.pack(">BBHI", 0x81, 201, 7, our_ssrc),
                struct.pack(">IIII", self.ssrc or 0, fraction << 24 | min(self.lost, 0x7FFFFF),
                            highest, 0),
                struct.pack(">II", self._report_middle, since),
                struct.pack(">BBHI", 0x81, 202, 1 + len(cname) // 4, our_ssrc), cname,
            )
        )  # fmt: skip
        return struct.pack(">BBH", 0x24, self.rtcp_channel, len(body)) + body

    def unwrap(self, stamp: int) -> int:
        """The 64-bit count of a 32-bit timestamp near the last one; moves nothing."""
        if self._stamp is None:
            return stamp
        delta = (stamp - self._stamp) & _U32
        return self._ticks + delta - (delta > _HALF) * (_U32 + 1)

    def take_report(self, packet: bytes, arrival_ns: int) -> list[SenderReport]:
        """Sender reports of a compound RTCP packet (RFC 3550 section 6.4.1).

        Raises:
            MalformedError: it is no RTCP.
        """
        reports = []
        at = 0
        while at + 4 <= len(packet):
            first, kind, words = struct.unpack_from(">BBH", packet, at)
            end = at + 4 + 4 * words
            if first >> 6 != 2 or end > len(packet):
                raise MalformedError("an RTCP packet has a wrong version or length", offset=at)
            if kind == 200 and words >= 6:
                seconds, fraction, stamp = struct.unpack_from(">III", packet, at + 8)
                if seconds:
                    reports.append(self._sender_report(seconds, fraction, stamp, arrival_ns))
            elif kind == 203:
                self.goodbye = True
            at = end
        return reports

    def _sender_report(
        self, seconds: int, fraction: int, stamp: int, arrival_ns: int
    ) -> SenderReport:
        self._report_middle = (seconds & 0xFFFF) << 16 | fraction >> 16
        self._report_arrival_ns = arrival_ns
        if seconds < _HALF:  # the NTP era that begins in 2036
            seconds += _U32 + 1
        ntp_ns = (seconds - _NTP_TO_UNIX_S) * NS + (fraction * NS >> 32)
        return SenderReport(ntp_ns, self.unwrap(stamp), arrival_ns, self.channel)

    def _in_order(self, sequence: int, ssrc: int) -> tuple[bool, bool]:
        """Whether to take a packet, and whether packets are missing before it."""
        hole = False
        if ssrc != self.ssrc:
            hole = self.ssrc is not None
            self.restarts += hole
            self.ssrc = ssrc
        elif sequence != self._next:
            ahead = (sequence - self._next) & 0xFFFF
            if ahead >= 0x10000 - LATE_NUMBERS and self._late_in_a_row < LATE_NUMBERS:
                self.late += 1
                self._late_in_a_row += 1
                return False, False
            hole = True
            if ahead < 0x8000:
                self.lost += ahead
                if sequence < self._next:
                    self._cycles += 1
            else:
                self.restarts += 1
        self._late_in_a_row = 0
        self._next = (sequence + 1) & 0xFFFF
        if not self._next:
            self._cycles += 1
        self.packets += 1
        return True, hole

    def _move(self, stamp: int) -> int:
        self._ticks = self.unwrap(stamp)
        self._stamp = stamp
        return self._ticks


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
        self.sets = sets or ParameterSets(codec)
        """Parameter sets in force; perhaps not complete yet."""
        self.units: list[AccessUnit | AudioUnit] = []
        """Where whole pictures go; `Interleaved` puts its own list here."""
        self.marker_believed = True
        """False once pictures went on after their marker bit."""
        self.unstarted = 0
        """Pictures dropped because nothing of their slices was left."""
        self._classes = NAL_CLASSES[codec]
        self._magic = 0x2400 | channel
        self._plain = 0x80000000 | payload_type << 16
        if codec is Codec.H264:
            self._head = struct.Struct(">IIQBB")
            self._fu_mask, self._fu_kind = 0x1F, 28
        else:
            self._head = struct.Struct(">IIQHB")
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
        self._suspect = False  # packets were lost just before this picture's first NAL unit
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
        taken here, packets that differ in nothing but their number many at a time (0.2 us each
        by `Struct.iter_unpack`, 0.36 us by `unpack_from` and a slice, 0.8 us by numpy; measured
        over runs of 13).  Everything else goes to `take`, one packet at a time.

        Returns:
            Where the first byte stands that is not taken: another channel's frame, an RTSP
            message, or a frame that has not arrived whole.
        """
        unpack, head = self._head.unpack_from, self._head.size
        magic, plain, fu_mask, fu_kind = self._magic, self._plain, self._fu_mask, self._fu_kind
        while at + head <= end:
            word, order, ident, indicator, fu = unpack(buffer, at)
            following = at + 4 + (word & 0xFFFF)
            if word >> 16 != magic or following > end:
                return at
            if order & 0xFF7FFFFF != plain | self._next or following <= at + head:
                pass  # out of order, out of the ordinary, or hardly anything in it
            elif indicator & fu_mask != fu_kind:
                if self._take_small(buffer, at + 16, following, order, ident, arrival_ns):
                    at = following
                    continue
            elif order & _MARKER or fu & 0x40:
                if fu & 0x80 == 0 and self._fu_at >= 0 and ident == self._ident:
                    piece = buffer[at + head : following].tobytes()
                    self._chunks.append(piece)
                    self._fu_size += len(piece)
                    self._count_to(order + 1, 1)
                    if fu & 0x40:
                        self._end_fragments()
                    if order & _MARKER:
                        self._mark()
                    at = following
                    continue
            elif (
                self._begin_fragments(indicator << 8 | fu, ident, arrival_ns)
                if fu & 0x80
                else self._fu_at >= 0 and ident == self._ident
            ):
                chunks = self._chunks
                chunks.append(buffer[at + head : following].tobytes())
                size = following - at
                first = expected = (order & 0xFFFF) + 1
                count = (end - following) // size
                if count:
                    # Of the fragments between the first and the last only the numbers differ.
                    same = buffer[at : at + 6].tobytes()
                    kind = buffer[at + 8 : at + head - 1].tobytes() + _BYTES[fu & 0x3F]
                    run = self._layouts.get(size) or self._layout(size)
                    stretch = buffer[following : following + count * size]
                    for begins, number, goes_on, piece in run.iter_unpack(stretch):
                        if number != expected or goes_on != kind or begins != same:
                            break
                        chunks.append(piece)
                        expected += 1
                count = expected - first
                self._fu_size += (count + 1) * (size - head)
                self._count_to(expected, count + 1)
                self._check_bounds()
                at = following + count * size
                continue
            self.take(buffer[at + 4 : following], arrival_ns)
            at = following
        if at + 4 <= end and buffer[at] == 0x24 and buffer[at + 1] == self.channel:
            following = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
            if following <= end:
                self.take(buffer[at + 4 : following], arrival_ns)
                return following
        return at

    def _take_small(
        self,
        buffer: memoryview,
        at: int,
        following: int,
        order: int,
        ident: int,
        arrival_ns: int,
    ) -> bool:
        """Take a packet that is one slice or SEI unit; False if it is not so simple."""
        kind = self._classes[buffer[at]]
        if kind == _SEI:
            if arrival_ns >= self._starved_from_ns:
                return False
        elif kind not in _SLICES:
            return False
        if not self._ready(ident, arrival_ns):
            return False
        self._append_nal(buffer[at:following].tobytes(), kind)
        self._count_to(order + 1, 1)
        if order & _MARKER:
            self._mark()
        return True

    def _begin_fragments(self, key: int, ident: int, arrival_ns: int) -> bool:
        """Begin a fragmented slice; False if it is not so simple.

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
        """The NAL unit header that a first fragment stands for; empty if it is no slice."""
        if self.codec is Codec.H264:
            header = bytes([key >> 8 & 0xE0 | key & 0x1F])
        else:
            header = bytes([key >> 16 & 0x81 | (key & 0x3F) << 1, key >> 8 & 0xFF])
        if self._classes[header[0]] not in _SLICES:
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
        layout = struct.Struct(f">6sH{head - 8}s{size - head}s")
        self._layouts[size] = layout
        return layout

    def _ready(self, ident: int, arrival_ns: int) -> bool:
        """Whether a NAL unit of that timestamp and SSRC can simply be added; begins a picture."""
        if self._fu_at >= 0 or self._waiting or self._suspect:
            return False
        if ident == self._ident:
            return self._open
        if self._open or ident & _U32 != self.ssrc or self._stamp is None:
            return False
        stamp = ident >> 32
        ahead = (stamp - self._stamp) & _U32
        if ahead >= _HALF:
            return False
        self._ticks += ahead
        self._stamp = stamp
        self._ident = ident
        self._arrival_ns = arrival_ns
        self._open = True
        return True

    def _count_to(self, following: int, packets: int) -> None:
        """Packets were taken in order; `following` is the number after the last of them."""
        self.packets += packets
        self._late_in_a_row = 0
        self._next = following & 0xFFFF
        if not self._next:
            self._cycles += 1

    def _mark(self) -> None:
        """A marker bit: the picture ends, if it has slices and markers are to be believed."""
        self._marker_seen = True
        if self._slices and self._fu_at < 0 and self.marker_believed:
            self._close()

    def take(self, packet: memoryview | bytes, arrival_ns: int) -> None:
        """Take one RTP packet: the general way.

        Raises:
            MalformedError: it is no RTP, or its inner lengths lie, or the picture grows beyond
                its bounds.
        """
        if len(packet) < 12:
            self.foreign += 1
            return
        payload, kind, sequence, stamp, ssrc = _payload(packet)
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
        if self._slices and not (self._marker_seen and self.marker_believed):
            self._end_fragments()
            self._close()

    def _lose(self, ident: int) -> None:
        """Packets are missing before the one that comes now."""
        if self._open:
            self._damaged = True
        self._suspect = True
        if self._fu_at >= 0:
            self._end_fragments()
        if ident == self._ident and self._open:
            self._suspect = False

    def _turn(self, ident: int, stamp: int, arrival_ns: int) -> None:
        """The timestamp or the SSRC changes: another picture begins."""
        if self._fu_at >= 0:
            self._end_fragments()
        if self._slices:
            self._close()
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
        elif payload.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")):
            # Byte stream format inside RTP: defect of several makers.
            self._byte_stream(payload)
        else:
            self._refuse()

    def _h265(self, payload: bytes) -> None:
        """RFC 7798 section 4.4; without DONL, as sprop-max-don-diff 0 says."""
        if payload.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")):
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
            self._begin(head, piece[:1])
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
        self._check_bounds()
        if fu & 0x40:
            self._end_fragments()

    def _end_fragments(self) -> None:
        """Write the length of the fragmented NAL unit, or treat it as what it is."""
        at, self._fu_at = self._fu_at, -1
        size, self._fu_size = self._fu_size, 0
        kind = self._classes[self._fu_header[0]]
        if kind in _SLICES:
            self._chunks[at] = _LENGTH(size) + self._fu_header
            self._size += 4 + size
            self._nals += 1
            self._slices += 1
            if kind == _KEY_SLICE:
                self._keyframe = True
            return
        self._chunks[at] = self._fu_header
        nal = b"".join(self._chunks[at:])
        del self._chunks[at:]
        if b"\x00\x00\x01" in nal:
            self._byte_stream(b"\x00\x00\x01" + nal)
        else:
            self._nal(nal)

    def _nal(self, nal: bytes) -> None:
        """A whole NAL unit."""
        if self._fu_at >= 0:
            self._end_fragments()
        kind = self._classes[nal[0]]
        if kind == Nal.FILLER:
            return
        if kind == Nal.BROKEN or (self.codec is Codec.H265 and len(nal) < 3):
            self._refuse()
            return
        if kind == Nal.AUD:
            if self._slices:
                self._close()
            self._suspect = False
            return
        if kind in (Nal.VPS, Nal.SPS, Nal.PPS):
            self._parameter_set(Nal(kind), nal)
            self._suspect = False
            return
        if kind == Nal.SEI:
            self._sei(nal)
        elif kind != Nal.OTHER:
            self._begin(nal[:2], nal[1:2] if self.codec is Codec.H264 else nal[2:3])
        self._open = True
        self._append_nal(nal, kind)

    def _append_nal(self, nal: bytes, kind: int) -> None:
        """Add a whole NAL unit to the picture."""
        size = len(nal)
        self._chunks.append(_LENGTH(size))
        self._chunks.append(nal)
        self._size += 4 + size
        self._nals += 1
        if kind in _SLICES:
            self._slices += 1
            if kind == _KEY_SLICE:
                self._keyframe = True
        self._check_bounds()

    def _begin(self, head: bytes, first: bytes) -> None:
        """A slice begins; decide what its being the first of a picture, or not, says."""
        kind = self._classes[head[0]]
        if kind not in _SLICES:
            return
        # first_mb_in_slice of 0 and first_slice_segment_in_pic_flag are both one set bit.
        is_first = bool(first) and first[0] & 0x80 != 0
        if self._suspect and not self._slices and not is_first:
            self._damaged = True
        self._suspect = False
        if self._slices:
            return
        if self._waiting:
            self._put_in_force()

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
        if new == old:
            self._waiting = {}
        elif new.complete:
            self.sets = self._unit_sets = new
            self._in_force = frozenset((*vps, *sps, *pps))
            self._waiting = {}

    def _sei(self, nal: bytes) -> None:
        if not self._starved_from_ns:
            self._starved_from_ns = self._arrival_ns + NO_IDR_NS
        if self._arrival_ns >= self._starved_from_ns and recovery_frames(nal) == 0:
            self._recovery = True

    def _check_bounds(self) -> None:
        if (
            self._size + self._fu_size > MAX_UNIT_BYTES
            or self._nals > MAX_UNIT_NALS
            or len(self._chunks) > MAX_UNIT_CHUNKS
        ):
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
        self._chunks = []
        self._size = self._nals = self._slices = self._fu_size = 0
        self._open = self._keyframe = self._damaged = self._recovery = False
        self._unit_sets = None


class AudioTrack(Track):
    """Depacketises AAC of RFC 3640, mode AAC-hbr, into frames.

    Args:
        channel: interleaved channel of the RTP packets.
        payload_type: the RTP payload type of the SDP.
        clock_rate: samples a second.
        frame: samples of a frame; 1024 but for the rare 960.
        size_length: `sizeLength` of the SDP, bits.
        index_length: `indexLength`, and `indexDeltaLength`, bits.
        rtcp_channel: channel of the reports.
    """

    def __init__(
        self,
        channel: int,
        payload_type: int,
        clock_rate: int,
        *,
        frame: int = 1024,
        size_length: int = 13,
        index_length: int = 3,
        rtcp_channel: int | None = None,
    ) -> None:
        super().__init__(channel, payload_type, clock_rate, rtcp_channel=rtcp_channel)
        if not 1 <= size_length <= 16 or not 0 <= index_length <= 16:
            raise MalformedError("the AU header lengths of the SDP are out of range")
        self.frame = frame
        self.units: list[AccessUnit | AudioUnit] = []
        self._size_length = size_length
        self._header_bits = size_length + index_length
        self._pieces: list[bytes] = []
        self._missing = 0  # bytes of a fragmented frame that have not come

    def run(self, buffer: memoryview, at: int, end: int, arrival_ns: int) -> int:
        """Take one packet at `at`, if it has arrived whole; returns where the next one stands."""
        following = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
        if following > end:
            return at
        self.take(buffer[at + 4 : following], arrival_ns)
        return following

    def take(self, packet: memoryview | bytes, arrival_ns: int) -> None:
        """Take one RTP packet.

        Raises:
            MalformedError: it is no RTP or its AU headers lie.
        """
        if len(packet) < 12:
            self.foreign += 1
            return
        payload, kind, sequence, stamp, ssrc = _payload(packet)
        if kind & 0x7F != self.payload_type:
            self.foreign += 1
            return
        taken, hole = self._in_order(sequence, ssrc)
        if not taken:
            return
        if hole:
            self._pieces, self._missing = [], 0
        ticks = self._move(stamp)
        if len(payload) < 2:
            raise MalformedError("an AAC packet without AU headers")
        bits = payload[0] << 8 | payload[1]
        at = 2 + (bits + 7) // 8
        if at > len(payload) or bits % self._header_bits:
            raise MalformedError(f"AU headers of {bits} bits do not fit the packet or the SDP")
        headers = int.from_bytes(payload[2:at], "big") >> (-bits % 8)
        for left in range(bits - self._header_bits, -1, -self._header_bits):
            header = headers >> left & (1 << self._header_bits) - 1
            size = header >> self._header_bits - self._size_length
            if header & (1 << self._header_bits - self._size_length) - 1:
                self.refused += 1  # interleaving, RFC 3640 section 3.2.3.2; AAC-hbr here has none
                return
            piece = payload[at : at + size]
            at += size
            self._piece(piece, size, ticks, arrival_ns)
            ticks += self.frame

    def _piece(self, piece: bytes, size: int, ticks: int, arrival_ns: int) -> None:
        """A whole frame, or a fragment of one (RFC 3640 section 3.2.3: alone in its packet)."""
        if self._missing:
            self._pieces.append(piece)
            self._missing -= len(piece)
            if self._missing <= 0:
                self._give(b"".join(self._pieces), ticks, arrival_ns)
                self._pieces, self._missing = [], 0
        elif len(piece) == size:
            self._give(piece, ticks, arrival_ns)
        else:
            self._pieces, self._missing = [piece], size - len(piece)

    def _give(self, frame: bytes, ticks: int, arrival_ns: int) -> None:
        if frame:
            self.units.append(AudioUnit(frame, ticks, arrival_ns))


class Interleaved:
    """Splits the bytes of a playing connection into its tracks' packets and RTSP messages.

    Args:
        tracks: what was set up; other channels are skipped and counted.
    """

    def __init__(self, tracks: Iterable[VideoTrack | AudioTrack]) -> None:
        self.units: list[AccessUnit | AudioUnit] = []
        """Whole pictures and frames of sound; the caller empties it after each `feed`."""
        self.messages: list[bytes] = []
        """RTSP messages, head and body; the caller empties it."""
        self.reports: list[SenderReport] = []
        """Sender reports; beyond `MAX_WAITING` the oldest is dropped."""
        self.skipped = 0
        """Frames of channels that nobody set up."""
        self.tracks = tuple(tracks)
        self._media: dict[int, VideoTrack | AudioTrack] = {}
        self._control: dict[int, VideoTrack | AudioTrack] = {}
        for track in self.tracks:
            track.units = self.units
            self._media[track.channel] = track
            self._control[track.rtcp_channel] = track

    def feed(
        self, buffer: bytes | bytearray | memoryview, start: int, end: int, arrival_ns: int
    ) -> int:
        """Take what `buffer[start:end]` holds; whatever is kept of it is copied.

        Args:
            buffer: bytes as they came from the socket, after what the last call left over.
            start: where they begin.
            end: where they end.
            arrival_ns: monotonic time of the read.

        Returns:
            How many bytes were taken.  The rest, less than 65,540 bytes, is the beginning of a
            frame or a message; give it again, with more behind it.

        Raises:
            MalformedError: the bytes are no interleaved RTSP; the connection is of no more use.
        """
        view = memoryview(buffer)
        at = start
        while at < end:
            if view[at] != 0x24:
                following = self._message(view, at, end)
                if following == at:
                    break
                at = following
                continue
            if at + 4 > end:
                break
            channel = view[at + 1]
            track = self._media.get(channel)
            if track is not None:
                following = track.run(view, at, end, arrival_ns)
                if following == at:
                    break
                at = following
                continue
            following = at + 4 + (view[at + 2] << 8 | view[at + 3])
            if following > end:
                break
            track = self._control.get(channel)
            if track is None:
                self.skipped += 1
            else:
                self._report(track, bytes(view[at + 4 : following]), arrival_ns)
            at = following
        return at - start

    def finish(self) -> None:
        """The run is over: pictures that can be whole go to `units`."""
        for track in self.tracks:
            if isinstance(track, VideoTrack):
                track.finish()

    def receiver_reports(self, now_ns: int) -> bytes:
        """Receiver reports of all tracks that have received something, framed for sending."""
        return b"".join(track.receiver_report(now_ns) for track in self.tracks if track.packets)

    def _report(self, track: Track, packet: bytes, arrival_ns: int) -> None:
        self.reports += track.take_report(packet, arrival_ns)
        del self.reports[:-MAX_WAITING]

    def _message(self, view: memoryview, at: int, end: int) -> int:
        """Take an RTSP message; returns `at` if it has not arrived whole."""
        while at < end and view[at] in b"\r\n":  # some cameras end a body with a line of its own
            at += 1
        if at == end or view[at] == 0x24:
            return at
        head = bytes(view[at : min(end, at + MAX_HEAD_BYTES)])
        stop = head.find(b"\r\n\r\n")
        whole = stop >= 0
        line = head.find(b"\r\n")
        if (line >= 0 and not _FIRST_LINE.match(head, 0, line)) or not _is_text(
            head[: stop if whole else None]
        ):
            raise MalformedError("neither an interleaved frame nor an RTSP message", offset=at)
        if not whole:
            if len(head) >= MAX_HEAD_BYTES:
                raise MalformedError(f"an RTSP head of more than {MAX_HEAD_BYTES} bytes", offset=at)
            return at
        length = _CONTENT_LENGTH.search(head, 0, stop + 2)
        following = at + stop + 4 + (int(length[1]) if length else 0)
        if following - at > MAX_MESSAGE_BYTES:
            raise MalformedError(f"an RTSP message of more than {MAX_MESSAGE_BYTES} bytes")
        if following > end:
            return at
        if len(self.messages) >= MAX_WAITING:
            raise MalformedError(f"more than {MAX_WAITING} RTSP messages at once")
        self.messages.append(bytes(view[at:following]))
        return following


def _payload(packet: memoryview | bytes) -> tuple[bytes, int, int, int, int]:
    """Payload, marker with payload type, sequence number, timestamp and SSRC of an RTP packet.

    RFC 3550 section 5.1.
    """
    flags, kind, sequence, stamp, ssrc = _RTP(packet)
    if flags >> 6 != 2:
        raise MalformedError(f"RTP version {flags >> 6}; expected 2")
    at = 12 + 4 * (flags & 15)
    end = len(packet)
    if flags & 0x10:
        if at + 4 > end:
            raise MalformedError("an RTP header extension begins outside its packet")
        at += 4 + 4 * (packet[at + 2] << 8 | packet[at + 3])
    if flags & 0x20:
        end -= packet[end - 1]
    if at > end:
        raise MalformedError("RTP header and padding are longer than their packet")
    return bytes(packet[at:end]), kind, sequence, stamp, ssrc


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


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in (9, 10, 13) for byte in head)
