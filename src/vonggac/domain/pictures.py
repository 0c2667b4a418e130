"""Pictures that people attach: told by their bytes, bounded, written again without metadata.

Nothing is decoded: the file is taken apart into its segments, and those that draw are put together
again.  Where and with what a photograph was taken, thumbnails, comments and colour profiles stay
outside; of Exif only the orientation is written again, or a telephone's photograph would lie on
its side.  JPEG: ITU-T T.81 annex B.  PNG: ISO/IEC 15948 clause 5.  Exif 2.32 section 4.6.4.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PICTURE: Final = 5 * 1024 * 1024
"""Bytes of a picture: a photograph of a telephone, a scanned plan."""
MIN_SIDE, MAX_SIDE, MAX_PIXELS = 8, 12_000, 60_000_000
"""Pixels (ours); a browser that shows a larger one takes a gigabyte."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_DRAWS: Final = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_FRAMES: Final = frozenset((0xC0, 0xC1, 0xC2))
"""Baseline, extended and progressive frames: what browsers show."""
_DRAWS: Final = frozenset((0xDB, 0xC4, 0xDD, 0xDA, 0xC0, 0xC1, 0xC2, 0xEE))
"""Tables, restart interval, scan, frame, and Adobe's APP14, which says how colours are coded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept."""

    media_type: str
    width: int
    height: int
    content: bytes

    @property
    def sha256(self) -> str:
        """Of the bytes, hex."""
        return hashlib.sha256(self.content).hexdigest()


def taken(content: bytes) -> Picture:
    """A picture as it is kept.

    Raises:
        VonggacError: BAD_INPUT with `fields`: `no_file`, `picture_large`, `picture_kind`,
            `picture_broken`.
    """
    if not content:
        raise _refused("no_file")
    if len(content) > MAX_PICTURE:
        raise _refused("picture_large")
    try:
        if content.startswith(_PNG):
            found = _png(content)
        elif content.startswith(b"\xff\xd8\xff"):
            found = _jpeg(content)
        else:
            raise _refused("picture_kind")
    except (struct.error, IndexError, ValueError, zlib.error) as error:
        raise _refused("picture_broken") from error
    if not (
        min(found.width, found.height) >= MIN_SIDE and max(found.width, found.height) <= MAX_SIDE
    ):
        raise _refused("picture_large")
    if found.width * found.height > MAX_PIXELS:
        raise _refused("picture_large")
    return found


def _refused(fault: str) -> VonggacError:
    return VonggacError(
        Kind.BAD_INPUT, f"this picture cannot be taken: {fault}", fields={"picture": fault}
    )


def _png(content: bytes) -> Picture:
    kept = [_PNG]
    width = height = 0
    ended = False
    for kind, body in _png_chunks(content):
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        if kind in _PNG_DRAWS:
            crc = zlib.crc32(kind + body)
            kept.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc))
        if kind == b"IEND":
            ended = True
            break
    if not ended or not width:
        raise ValueError("no end")
    return Picture("image/png", width, height, b"".join(kept))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", content, at + 8 + length)
        if crc != zlib.crc32(kind + body):
            raise ValueError("checksum")
        yield kind, body
        at += 12 + length


def _jpeg(content: bytes) -> Picture:
    kept = [b"\xff\xd8"]
    width = height = turned = 0
    at = 2
    while True:
        if content[at] != 0xFF:
            raise ValueError("no marker")
        while content[at + 1] == 0xFF:
            at += 1
        marker = content[at + 1]
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", content, at + 2)
        segment = content[at : at + 2 + length]
        if length < 2 or len(segment) != 2 + length:
            raise ValueError("cut off")
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0" and not turned:
            turned = _orientation(segment[10:])
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", segment, 5)
        elif 0xC0 <= marker <= 0xCF and marker not in _DRAWS:
            raise ValueError("a coding that browsers do not show")
        if marker in _DRAWS:
            kept.append(segment)
        at += 2 + length
        if marker == 0xDA:
            end = _scan_end(content, at)
            kept.append(content[at:end])
            at = end
    kept.append(b"\xff\xd9")
    if not width or not height:
        raise ValueError("no frame")
    if 2 <= turned <= 8:
        kept.insert(1, _exif(turned))
        if turned >= 5:
            width, height = height, width
    return Picture("image/jpeg", width, height, b"".join(kept))


def _scan_end(content: bytes, at: int) -> int:
    """Where the coded data of a scan ends: at a marker that is no stuffing and no restart."""
    while True:
        at = content.index(b"\xff", at)
        if content[at + 1] != 0 and not 0xD0 <= content[at + 1] <= 0xD7:
            return at
        at += 2


def _orientation(tiff: bytes) -> int:
    """Tag 0x0112 of the first directory; 1 where there is none."""
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for number in range(min(count, 200)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * number)
            if (tag, kind) == (0x0112, 3):
                return int(value)
    except struct.error:
        pass
    return 1


def _exif(turned: int) -> bytes:
    """A segment that says the orientation and nothing else."""
    tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, turned, 0) + b"\0\0\0\0"
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
