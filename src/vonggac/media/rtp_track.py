"""What every RTP track counts and answers: order, losses, timestamps, RTCP (RFC 3550).

The values that tracks give out stand here too.  `media.rtp` is the face of these modules.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vonggac.errors import MalformedError

if TYPE_CHECKING:
    from vonggac.media.h26x import ParameterSets

NS = 1_000_000_000
"""Nanoseconds in a second."""
LATE_NUMBERS = 100
"""RFC 3550 appendix A.1, MAX_MISORDER: how old a sequence number may be and still be late."""

U32 = 0xFFFFFFFF
HALF = 0x80000000
_RTP = struct.Struct(">BBHII").unpack_from
_NTP_TO_UNIX_S = 2_208_988_800


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
        highest = (self._cycles << 16 | (self._next - 1) & 0xFFFF) & U32 if self._next >= 0 else 0
        since = 0
        if self._report_middle:
            since = min(max(0, now_ns - self._report_arrival_ns) * 65536 // NS, U32)
        our_ssrc = ((self.ssrc or 0) ^ 0x56474E47) & U32
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
        delta = (stamp - self._stamp) & U32
        return self._ticks + delta - (delta > HALF) * (U32 + 1)

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
        if seconds < HALF:  # the NTP era that begins in 2036
            seconds += U32 + 1
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


def split_packet(packet: memoryview | bytes) -> tuple[bytes, int, int, int, int]:
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
