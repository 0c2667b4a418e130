"""How wide a line of text is, from the metrics of the typefaces beside this file.

Tinos has the advance widths of Times New Roman, and so has Liberation Serif: a line is as wide on
paper as it is here, whichever of the three a machine has.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MM_PER_POINT: Final = 25.4 / 72

FACES: Final[Mapping[tuple[bool, bool], str]] = {
    (False, False): "Tinos-Regular.ttf",
    (True, False): "Tinos-Bold.ttf",
    (False, True): "Tinos-Italic.ttf",
    (True, True): "Tinos-BoldItalic.ttf",
}
"""File by (bold, italic)."""


@dataclass(frozen=True, slots=True)
class Face:
    """Advance widths of a typeface."""

    units: int
    """Units of an em."""
    glyphs: Mapping[int, int]
    """Glyph by code point."""
    advances: tuple[int, ...]
    """Width by glyph; the last one stands for all that follow."""

    def advance(self, letter: str) -> int:
        """Width of a letter in units; of the missing glyph if the face lacks it."""
        glyph = self.glyphs.get(ord(letter), 0)
        return self.advances[min(glyph, len(self.advances) - 1)]


def width_mm(text: str, size: float, *, bold: bool = False, italic: bool = False) -> float:
    """Width of one line in millimetres, without kerning, at a size in points."""
    face = _face(FACES[bold, italic])
    units = sum(face.advance(letter) for letter in text)
    return units / face.units * size * MM_PER_POINT


def broken(text: str, size: float, most_mm: float, *, bold: bool = False) -> tuple[str, ...]:
    """A text in as few lines as fit a width, the lines as even as words let them be.

    A single word that is wider than that has its line to itself.
    """
    words = text.split()
    fewest = len(_greedy(words, size, most_mm, bold=bold))
    whole = width_mm(" ".join(words), size, bold=bold)
    narrow = whole / max(1, fewest)
    while narrow < most_mm:
        lines = _greedy(words, size, narrow, bold=bold)
        if len(lines) <= fewest:
            return lines
        narrow += 2
    return _greedy(words, size, most_mm, bold=bold)


def _greedy(words: list[str], size: float, most_mm: float, *, bold: bool) -> tuple[str, ...]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_mm(longer, size, bold=bold) <= most_mm:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(lines)


@cache
def _face(name: str) -> Face:
    """Read the tables head, hhea, hmtx and cmap (format 4) of a TrueType file, OpenType 1.9."""
    data = resources.files("vonggac.paper").joinpath("fonts", name).read_bytes()
    count = struct.unpack_from(">H", data, 4)[0]
    tables = {
        tag: offset
        for tag, _, offset, _ in (
            struct.unpack_from(">4sLLL", data, 12 + 16 * index) for index in range(count)
        )
    }
    units = struct.unpack_from(">H", data, tables[b"head"] + 18)[0]
    many = struct.unpack_from(">H", data, tables[b"hhea"] + 34)[0]
    metrics = struct.unpack_from(f">{2 * many}H", data, tables[b"hmtx"])
    return Face(units, _glyphs(data, tables[b"cmap"]), metrics[::2])


def _glyphs(data: bytes, cmap: int) -> dict[int, int]:
    count = struct.unpack_from(">H", data, cmap + 2)[0]
    for index in range(count):
        offset = cmap + struct.unpack_from(">HHL", data, cmap + 4 + 8 * index)[2]
        if struct.unpack_from(">H", data, offset)[0] == 4:
            return _format_4(data, offset)
    raise ValueError("the typeface has no table of the Basic Multilingual Plane")


def _format_4(data: bytes, offset: int) -> dict[int, int]:
    segments = struct.unpack_from(">H", data, offset + 6)[0] // 2
    form = f">{segments}H"
    ends = struct.unpack_from(form, data, offset + 14)
    starts = struct.unpack_from(form, data, offset + 16 + 2 * segments)
    deltas = struct.unpack_from(form, data, offset + 16 + 4 * segments)
    ranges_at = offset + 16 + 6 * segments
    ranges = struct.unpack_from(form, data, ranges_at)
    found = {}
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if ranges[index]:
                place = ranges_at + 2 * index + ranges[index] + 2 * (code - start)
                glyph = struct.unpack_from(">H", data, place)[0]
                if glyph == 0:
                    continue
            found[code] = (glyph + deltas[index]) & 0xFFFF
    return found
