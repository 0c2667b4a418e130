"""RTP packets of coded pictures, made once and stamped for each connection when they are sent.

RFC 6184 and RFC 7798 payloads, each packet framed for interleaving into an RTSP connection
(RFC 2326 section 10.12): dollar, channel, length, RTP header, payload. Cutting a picture into
packets is done once per loop; a send only writes channel, marker, sequence, timestamp and SSRC.
"""

from __future__ import annotations

import struct

PAYLOAD_TYPE = 96
"""The first dynamic payload type, which nearly every camera uses for video."""
MAX_PAYLOAD = 1400
"""Bytes of RTP payload in a packet: what fits an Ethernet frame with room for a VPN."""

_STAMP = struct.Struct(">HII")
_HEAD = struct.Struct(">BBHBBHII")
_HEAD_SIZE = _HEAD.size
_DOLLAR = 0x24


class Packets:
    """A run of interleaved RTP packets in one buffer, without owner: stamp them, send, reuse.

    Not for threads; a buffer may be shared by all cameras of one loop because stamping and
    handing the bytes to the kernel happen in one step.
    """

    __slots__ = ("_channel", "buffer", "last", "offsets")

    def __init__(self, nals: list[bytes], *, h265: bool) -> None:
        parts: list[bytes] = []
        offsets = []
        at = 0
        for nal in nals:
            for payload in payloads(nal, h265=h265):
                size = 12 + len(payload)
                parts.append(_HEAD.pack(_DOLLAR, 0, size, 0x80, PAYLOAD_TYPE, 0, 0, 0))
                parts.append(payload)
                offsets.append(at + 6)
                at += 4 + size
        self.buffer = bytearray(b"".join(parts))
        """The packets with their interleaving headers."""
        self.offsets = offsets
        """Where each packet's sequence number stands."""
        self.last = offsets[-1] - 1 if offsets else -1
        """Where the last packet's marker bit stands."""
        self._channel = 0

    def __len__(self) -> int:
        return len(self.offsets)

    def stamp(self, sequence: int, timestamp: int, ssrc: int, channel: int) -> int:
        """Write the header fields; returns the sequence number that comes next."""
        buffer = self.buffer
        pack_into = _STAMP.pack_into
        if sequence + len(self.offsets) <= 0x10000:
            for offset in self.offsets:
                pack_into(buffer, offset, sequence, timestamp, ssrc)
                sequence += 1
            sequence &= 0xFFFF
        else:
            for offset in self.offsets:
                pack_into(buffer, offset, sequence, timestamp, ssrc)
                sequence = (sequence + 1) & 0xFFFF
        if channel != self._channel:
            for offset in self.offsets:
                buffer[offset - 5] = channel
            self._channel = channel
        return sequence

    def mark(self) -> None:
        """Set the marker bit of the last packet: the access unit ends here."""
        self.buffer[self.last] |= 0x80


def payloads(nal: bytes, *, h265: bool) -> list[bytes]:
    """RTP payloads of one NAL unit: itself if it fits, else fragmentation units."""
    if len(nal) <= MAX_PAYLOAD:
        return [nal]
    if h265:
        kind = nal[0] >> 1 & 63
        head = bytes([(nal[0] & 0x81) | 49 << 1, nal[1]])
        body = memoryview(nal)[2:]
    else:
        kind = nal[0] & 31
        head = bytes([(nal[0] & 0xE0) | 28])
        body = memoryview(nal)[1:]
    room = MAX_PAYLOAD - len(head) - 1
    made = []
    for at in range(0, len(body), room):
        piece = body[at : at + room]
        flags = (0x80 if at == 0 else 0) | (0x40 if at + room >= len(body) else 0)
        made.append(b"".join((head, bytes([flags | kind]), piece)))
    return made


def sender_report(
    *, ssrc: int, ntp_ns: int, timestamp: int, packets: int, octets: int, channel: int
) -> bytes:
    """An RTCP sender report with an SDES CNAME (RFC 3550 sections 6.4.1 and 6.5), interleaved.

    Args:
        ssrc: of the stream.
        ntp_ns: the camera's wall clock, nanoseconds since 1970.
        timestamp: the RTP timestamp of the same moment.
        packets: RTP packets sent so far.
        octets: payload octets sent so far.
        channel: the interleaved channel; usually the RTP channel plus one.
    """
    seconds, rest = divmod(ntp_ns, 1_000_000_000)
    report = struct.pack(
        ">BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        (seconds + 2_208_988_800) & 0xFFFFFFFF,
        (rest << 32) // 1_000_000_000,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    cname = b"\x01\x07vonggac\x00\x00\x00"
    sdes = struct.pack(">BBHI", 0x81, 202, 1 + len(cname) // 4, ssrc) + cname
    whole = report + sdes
    return struct.pack(">BBH", _DOLLAR, channel, len(whole)) + whole
