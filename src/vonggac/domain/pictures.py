"""Pictures that people attach: told by their bytes, bounded, written again without metadata.

Nothing is decoded: the file is taken apart into its segments, and those that draw are put together
again.  Where and with what a photograph was taken, thumbnails, comments and colour profiles stay
outside; of Exif only the orientation is written again, or a telephone's photograph would lie on
its side.  JPEG: ITU-T T.81 annex B.  PNG: ISO/IEC 15948 clause 5.  Exif 2.32 section 4.6.4.
WebP: RFC 9649 section 2.
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
_WEBP_DRAWS: Final = frozenset((b"ALPH", b"VP8 ", b"VP8L"))
_WEBP_ALPHA: Final = 0x10
_WEBP_EXIF: Final = 0x08
"""Flags of the chunk VP8X."""


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


def taken(content: bytes, *, webp: bool = False) -> Picture:
    """A picture as it is kept.

    Args:
        content: what somebody sent.
        webp: WebP is taken, too; where pictures go into letters, it is not.

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
        elif webp and content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            found = _webp(content)
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


def _webp(content: bytes) -> Picture:
    kept: list[tuple[bytes, bytes]] = []
    width = height = turned = flags = 0
    for kind, body in _webp_chunks(content):
        if kind in (b"ANIM", b"ANMF"):
            raise ValueError("a film")
        if kind == b"VP8X":
            flags = body[0] & _WEBP_ALPHA
        elif kind == b"EXIF":
            turned = _orientation(body.removeprefix(b"Exif\0\0"))
        elif kind in _WEBP_DRAWS:
            kept.append((kind, body))
        if kind in (b"VP8 ", b"VP8L") and not width:
            width, height = _webp_size(kind, body)
    if not width or not height:
        raise ValueError("no frame")
    turns = 2 <= turned <= 8
    if flags or turns:
        flags |= _WEBP_EXIF if turns else 0
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        kept.insert(0, (b"VP8X", bytes((flags, 0, 0, 0)) + sides))
    if turns:
        kept.append((b"EXIF", _tiff(turned)))
        if turned >= 5:
            width, height = height, width
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(one)) + one + b"\0" * (len(one) % 2) for kind, one in kept
    )
    return Picture("image/webp", width, height, b"RIFF" + struct.pack("<I", len(body)) + body)


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        kind = content[at : at + 4]
        (length,) = struct.unpack_from("<I", content, at + 4)
        body = content[at + 8 : at + 8 + length]
        if len(body) != length:
            raise ValueError("cut off")
        yield kind, body
        at += 8 + length + length % 2


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int]:
    """Pixels of a frame; the upper two bits of each side of VP8 say how it is scaled."""
    if kind == b"VP8 ":
        if body[3:6] != b"\x9d\x01\x2a":
            raise ValueError("no key frame")
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if body[0] != 0x2F:
        raise ValueError("no frame")
    (bits,) = struct.unpack_from("<I", body, 1)
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


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
    body = b"Exif\0\0" + _tiff(turned)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _tiff(turned: int) -> bytes:
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, turned, 0) + b"\0\0\0\0"
