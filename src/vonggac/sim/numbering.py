"""The number every picture of a virtual camera carries, so that a test can count exactly.

Each access unit holds one SEI user_data_unregistered message (H.264 clause D.2.7, payload type 5;
the same in H.265 as a prefix SEI): the UUID below, then the picture number as u32 and the wall
time of sending in nanoseconds since 1970 as u64, both big-endian.
"""

from __future__ import annotations

import re
import struct
import uuid
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBERING = uuid.UUID("9b2f6e0a-7c51-4d27-8a53-56474e554d31").bytes
"""The UUID of the numbering message."""
PADDING = uuid.UUID("9b2f6e0a-7c51-4d27-8a53-564750414431").bytes
"""The UUID of the message that pads a picture up to the bitrate asked for."""

_NUMBER = struct.Struct(">IQ")
_NEEDS_PREVENTION = re.compile(rb"\x00\x00(?=[\x00-\x03])")
_SEI_H264 = 0x06
_SEI_H265 = b"\x4e\x01"
_USER_DATA_UNREGISTERED = 5


def number_nal(number: int, wall_ns: int, *, h265: bool = False) -> bytes:
    """The SEI NAL unit, without start code, that says which picture this is and when it was sent.

    Args:
        number: pictures since the camera's start, counted from 0; modulo 2**32.
        wall_ns: UTC in nanoseconds since 1970.
        h265: make it a prefix SEI of H.265.
    """
    return _user_data(NUMBERING + _NUMBER.pack(number & 0xFFFFFFFF, wall_ns), h265=h265)


def padding_nal(size: int, *, h265: bool = False) -> bytes:
    """An SEI NAL unit of about that many bytes, which every recorder must carry along.

    Not a filler NAL unit: ISO/IEC 14496-15 keeps those out of MP4 and some recorders drop them.
    """
    overhead = 20 + size // 255
    return _user_data(PADDING + b"\xa5" * max(0, size - overhead), h265=h265)


def picture_number(nal: bytes) -> tuple[int, int] | None:
    """The picture number and wall time (ns) a NAL unit carries; None if it is anything else.

    Args:
        nal: one NAL unit of H.264 or H.265, without start code or length.
    """
    if nal[:1] == b"\x06":
        at = 1
    elif nal[:2] == _SEI_H265:
        at = 2
    else:
        return None
    found = nal.find(NUMBERING, at, at + 20)
    if found < 0:
        return None
    payload = nal[found + 16 :].replace(b"\x00\x00\x03", b"\x00\x00")
    if len(payload) < _NUMBER.size:
        return None
    number, wall_ns = _NUMBER.unpack_from(payload)
    return number, wall_ns


def nals_of_sample(sample: bytes, length_size: int = 4) -> Iterator[bytes]:
    """The NAL units of one length-prefixed sample, as they lie in an MP4; stops at a cut one."""
    at = 0
    while at + length_size <= len(sample):
        size = int.from_bytes(sample[at : at + length_size], "big")
        at += length_size
        if at + size > len(sample):
            return
        yield sample[at : at + size]
        at += size


def nals_of_annex_b(data: bytes) -> list[bytes]:
    """The NAL units between start codes."""
    units = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [unit for unit in units if unit]


def numbers_in_file(path: Path) -> list[tuple[int, int]]:
    """Picture number and wall time (ns) of each picture of an MP4 file, in decoding order.

    Pictures that carry no number are left out.

    Raises:
        av.FFmpegError: the file cannot be read as MP4.
    """
    numbers = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if not packet.size:
                continue
            sample = bytes(packet)
            for nal in nals_of_sample(sample):
                found = picture_number(nal)
                if found is not None:
                    numbers.append(found)
                    break
    return numbers


def escape(rbsp: bytes) -> bytes:
    """Insert emulation prevention bytes (H.264 clause 7.4.1)."""
    if b"\x00\x00" not in rbsp:
        return rbsp
    return _NEEDS_PREVENTION.sub(b"\x00\x00\x03", rbsp)


def _user_data(payload: bytes, *, h265: bool) -> bytes:
    whole, rest = divmod(len(payload), 255)
    size = b"\xff" * whole + bytes([rest])
    head = _SEI_H265 if h265 else bytes([_SEI_H264])
    return head + bytes([_USER_DATA_UNREGISTERED]) + size + escape(payload) + b"\x80"
