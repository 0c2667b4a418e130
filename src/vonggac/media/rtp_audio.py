"""Sound out of RTP: AAC frames as RFC 3640 packs them in mode AAC-hbr."""

from __future__ import annotations

from vonggac.errors import MalformedError
from vonggac.media.rtp_track import AccessUnit, AudioUnit, Track, split_packet


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
        payload, kind, sequence, stamp, ssrc = split_packet(packet)
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
