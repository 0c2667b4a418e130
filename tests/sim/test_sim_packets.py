"""Packets are those of the standards, byte by byte."""

from __future__ import annotations

import struct

import pytest

from vonggac.sim.packets import MAX_PAYLOAD, Packets, payloads, sender_report


def split(buffer: bytes) -> list[tuple[int, bytes, bytes]]:
    """Channel, RTP header and payload of each interleaved packet."""
    found = []
    at = 0
    while at < len(buffer):
        dollar, channel, size = struct.unpack_from(">BBH", buffer, at)
        assert dollar == 0x24
        found.append((channel, buffer[at + 4 : at + 16], buffer[at + 16 : at + 4 + size]))
        at += 4 + size
    return found


def test_a_large_nal_unit_is_fragmented_and_comes_back() -> None:
    """RFC 6184 section 5.8: indicator with type 28, header with start, end and the type."""
    nal = b"\x65" + bytes(range(256)) * 20
    pieces = payloads(nal, h265=False)
    assert [len(piece) for piece in pieces[:-1]] == [MAX_PAYLOAD] * (len(pieces) - 1)
    assert [piece[0] for piece in pieces] == [0x7C] * len(pieces)
    assert [piece[1] for piece in pieces] == [0x85, *[0x05] * (len(pieces) - 2), 0x45]
    back = bytes([(pieces[0][0] & 0xE0) | (pieces[0][1] & 31)]) + b"".join(p[2:] for p in pieces)
    assert back == nal


def test_a_large_nal_unit_of_h265_is_fragmented_and_comes_back() -> None:
    """RFC 7798 section 4.4.3: payload header with type 49, then the FU header."""
    nal = b"\x26\x01" + bytes(range(256)) * 20
    pieces = payloads(nal, h265=True)
    assert {piece[:2] for piece in pieces} == {b"\x62\x01"}
    assert [piece[2] for piece in pieces] == [0x93, *[0x13] * (len(pieces) - 2), 0x53]
    assert nal[:2] + b"".join(piece[3:] for piece in pieces) == nal


def test_a_small_nal_unit_travels_alone() -> None:
    """At the limit too."""
    nal = b"\x41" + b"x" * (MAX_PAYLOAD - 1)
    assert payloads(nal, h265=False) == [nal]
    assert len(payloads(nal + b"x", h265=False)) == 2


def test_sequence_numbers_wrap_and_the_marker_ends_the_picture() -> None:
    """RFC 3550 section 5.1 and RFC 6184 section 5.1."""
    packets = Packets([b"\x65" + b"a" * 5000], h265=False)
    packets.mark()
    following = packets.stamp(65534, 0x01020304, 0xA0B0C0D0, 2)
    assert following == 2
    headers = split(bytes(packets.buffer))
    assert [channel for channel, _, _ in headers] == [2] * 4
    assert [struct.unpack_from(">H", head, 2)[0] for _, head, _ in headers] == [65534, 65535, 0, 1]
    assert [head[1] for _, head, _ in headers] == [96, 96, 96, 96 | 0x80]
    assert {head[4:] for _, head, _ in headers} == {bytes.fromhex("01020304a0b0c0d0")}
    packets.stamp(2, 5, 6, 0)
    assert {channel for channel, _, _ in split(bytes(packets.buffer))} == {0}


def test_a_sender_report_tells_wall_time_and_timestamp() -> None:
    """RFC 3550 section 6.4.1; NTP counts from 1900."""
    report = sender_report(
        ssrc=7, ntp_ns=1_500_000_000, timestamp=90_000, packets=3, octets=4000, channel=1
    )
    assert report[:4] == struct.pack(">BBH", 0x24, 1, len(report) - 4)
    fields = struct.unpack_from(">BBHIIIIII", report, 4)
    assert fields == (0x80, 200, 6, 7, 2_208_988_801, 1 << 31, 90_000, 3, 4000)
    assert report[32:36] == struct.pack(">BBH", 0x81, 202, 4)
    assert len(report[32:]) == 4 * (4 + 1)


@pytest.mark.parametrize("h265", [False, True])
def test_an_empty_run_has_no_packets(h265: bool) -> None:
    """A picture without padding."""
    assert len(Packets([], h265=h265)) == 0
