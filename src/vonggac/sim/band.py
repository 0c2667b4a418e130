"""The band: a running clock, the picture number and a bar code, in pictures coded long before.

A loop is coded with its top macroblock rows as a slice of their own. When a picture is sent, that
slice is replaced by one written on the spot: uncompressed macroblocks where characters changed,
single coefficients where bar code cells changed, everything else skipped. So the clock in the
picture is the truth, at some twenty microseconds a picture.

The bar code stands in the 16 by 256 pixels at the right end of the topmost macroblock row (of
`width // 16` macroblocks): two rows of 32 cells of 8 by 8 pixels, light is 1, most significant bit
first: u32 wall time in milliseconds since 1970 modulo 2**32, u24 picture number modulo 2**24, u8
check sum. `read_bar_code` reads it; bench/live.py does the same from a canvas.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from vonggac.sim import lettering
from vonggac.sim.slices import (
    CELL_STEP,
    SliceHead,
    SliceWriter,
    slice_context,
    slice_head,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from vonggac.sim.loops import Loop

DARK = 64
"""Luma of a cell that says 0."""
LIGHT = DARK + CELL_STEP
"""Luma of a cell that says 1."""
BAR_MACROBLOCKS = 16
"""The bar code is so many macroblocks long and one high."""
THRESHOLD = (DARK + LIGHT) // 2
VIET_NAM = timedelta(hours=7)
"""The clock shows Indochina Time; it has no summer time."""

_WEEKDAYS = ("T2", "T3", "T4", "T5", "T6", "T7", "CN")
_DATED, _TIMED = 2, 1


def rows_for(height: int) -> int:
    """Macroblock rows the band takes: one in a small picture, else two."""
    return 1 if height <= 400 else 2


def check_sum(words: int) -> int:
    """Of the 56 bits of time and number: c = (31 c + byte) mod 256 over seven bytes, from 90."""
    total = 0x5A
    for byte in words.to_bytes(7, "big"):
        total = (total * 31 + byte) & 0xFF
    return total


def bar_code(number: int, wall_ns: int) -> int:
    """The 64 bits of a picture's bar code."""
    words = (wall_ns // 1_000_000 & 0xFFFFFFFF) << 24 | number & 0xFFFFFF
    return words << 8 | check_sum(words)


def read_bar_code(luma: npt.NDArray[np.uint8]) -> tuple[int, int] | None:
    """Picture number and wall time in ms (modulo 2**24 and 2**32) of a decoded picture.

    Args:
        luma: its Y plane, at the size it was coded.

    Returns:
        None if there is no bar code or its check sum is wrong.
    """
    right = luma.shape[1] // 16 * 16
    left = right - BAR_MACROBLOCKS * 16
    if left < 0 or luma.shape[0] < 16:
        return None
    centres = luma[4:16:8, left + 4 : right : 8]
    word = 0
    for cell in centres.reshape(-1):
        word = word << 1 | int(cell > THRESHOLD)
    if check_sum(word >> 8) != word & 0xFF:
        return None
    return word >> 8 & 0xFFFFFF, word >> 32


class Band:
    """What is the same for all streams that show one loop: places, backgrounds, slice headers.

    Args:
        loop: coded with `band_rows`.

    Raises:
        MalformedError: the loop uses something a hand-written slice cannot go with.
    """

    def __init__(self, loop: Loop) -> None:
        sps = next(nal for nal in loop.sets if nal[0] & 31 == 7)
        pps = next(nal for nal in loop.sets if nal[0] & 31 == 8)
        context = slice_context(sps, pps)
        self.rows = loop.band_rows
        self.columns = context.mb_width
        self.total = context.mb_width * context.mb_height
        self.heads = [slice_head(picture.slices[0], context) for picture in loop.pictures]
        self.tails = [slice_head(picture.slices[1], context) for picture in loop.pictures]
        height, width = self.rows * 16, self.columns * 16
        plane = np.frombuffer(loop.band, np.uint8)
        size = height * width
        self.luma = plane[:size].reshape(height, width)
        chroma = plane[size:].reshape(2, height // 2, width // 2)
        self.chroma = [
            chroma[0, row : row + 8, column : column + 8].tobytes()
            + chroma[1, row : row + 8, column : column + 8].tobytes()
            for row in range(0, height // 2, 8)
            for column in range(0, width // 2, 8)
        ]
        self.bar_column = loop.width // 16 - BAR_MACROBLOCKS
        for column in range(self.bar_column, self.bar_column + BAR_MACROBLOCKS):
            if self.bar_column >= 0:
                self.chroma[column] = b"\x80" * 128
        self.advance = 8 * self.rows
        self.text_left = self.advance
        room = (max(0, self.bar_column) - 1) * 16 - self.text_left
        fits = room // self.advance
        self.layout = _DATED if fits >= 35 else _TIMED if fits >= 12 else 0
        self.numbered = fits >= 21
        cell_height = round(self.advance * lettering.CELL_HEIGHT / lettering.CELL_WIDTH)
        self.text_top = (height - cell_height) // 2
        self._cell_height = cell_height
        self._cells: dict[tuple[str, int], npt.NDArray[np.uint8]] = {}

    def cell(self, character: str, place: int) -> npt.NDArray[np.uint8]:
        """Luma of the cell at that place of the text with that character in it."""
        found = self._cells.get((character, place))
        if found is None:
            left = self.text_left + place * self.advance
            top, bottom = self.text_top, self.text_top + self._cell_height
            ground = self.luma[top:bottom, left : left + self.advance]
            rim, ink = lettering.masks(character, self.advance, self._cell_height)
            found = self._cells[character, place] = lettering.blend(ground, rim, ink)
        return found

    def text(self, number: int, wall_ns: int) -> str:
        """What the clock says."""
        moment = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC) + VIET_NAM
        clock = f"{moment:%H:%M:%S}.{wall_ns // 1_000_000 % 1000:03d}"
        if self.numbered:
            clock = f"{clock} #{number % 10_000_000:07d}"
        if self.layout == _DATED:
            return f"{moment:%d-%m-%Y} {_WEEKDAYS[moment.weekday()]} {clock}"
        return clock if self.layout == _TIMED else ""

    def typical_size(self, *, keyframe: bool) -> int:
        """Bytes its slice takes on average; measured at 15 pictures a second."""
        if keyframe:
            return self.rows * self.columns * 386
        return 3000 if self.rows == 2 else 1250


class Clockface:
    """What one stream's band shows at this moment.

    Args:
        band: of the loop the stream shows.
    """

    def __init__(self, band: Band) -> None:
        self._band = band
        self._luma = band.luma.copy()
        self._text = ""
        self._code = 0

    def slice_of(self, index: int, number: int, wall_ns: int) -> bytes:
        """The band's slice for the loop's picture of that index, saying number and time.

        Must be called for each picture that is sent, in order: a slice says what changed since
        the one before.
        """
        band = self._band
        head = band.heads[index]
        text, code = band.text(number, wall_ns), bar_code(number, wall_ns)
        if head.keyframe:
            return self._whole(head, text, code)
        changed = self._write(text)
        writer = SliceWriter(head, band.rows * band.columns)
        first_row = [address for address in changed if address < band.columns]
        for address in first_row:
            writer.pcm(address, self._samples(address))
        if band.bar_column >= 0:
            self._toggle(writer, code)
        for address in changed[len(first_row) :]:
            writer.pcm(address, self._samples(address))
        return writer.finish()

    def still(self, index: int) -> list[bytes]:
        """Slices of a whole picture that shows what was shown before."""
        band = self._band
        count = band.rows * band.columns
        if band.heads[index].keyframe:
            return [self._whole(band.heads[index], self._text, self._code)]
        return [
            SliceWriter(band.heads[index], count).finish(),
            SliceWriter(band.tails[index], band.total - count).finish(),
        ]

    def _whole(self, head: SliceHead, text: str, code: int) -> bytes:
        band = self._band
        self._write(text)
        self._code = code
        if band.bar_column >= 0:
            left = band.bar_column * 16
            bits = np.array([code >> 63 - bit & 1 for bit in range(64)], np.uint8)
            cells = (DARK + bits * CELL_STEP).astype(np.uint8).reshape(2, 32)
            self._luma[:16, left : left + 256] = cells.repeat(8, axis=0).repeat(8, axis=1)
        writer = SliceWriter(head, band.rows * band.columns)
        for address in range(band.rows * band.columns):
            writer.pcm(address, self._samples(address))
        return writer.finish()

    def _write(self, text: str) -> list[int]:
        """Put the text into the luma; returns which macroblocks that changed."""
        band, old = self._band, self._text
        self._text = text
        columns: set[int] = set()
        top = band.text_top
        for place, character in enumerate(text):
            if place < len(old) and old[place] == character:
                continue
            cell = band.cell(character, place)
            left = band.text_left + place * band.advance
            self._luma[top : top + len(cell), left : left + band.advance] = cell
            columns.add(left // 16)
        ordered = sorted(columns)
        return [row * band.columns + column for row in range(band.rows) for column in ordered]

    def _toggle(self, writer: SliceWriter, code: int) -> None:
        different = self._code ^ code
        self._code = code
        first = self._band.bar_column
        for column in range(BAR_MACROBLOCKS):
            high, low = 62 - 2 * column, 30 - 2 * column
            top, bottom = different >> high & 3, different >> low & 3
            if not (top or bottom):
                continue
            lit = code >> high & 3, code >> low & 3
            # In the code the left cell is the higher bit; in a macroblock it is the lower one.
            flip = _SWAP[top] | _SWAP[bottom] << 2
            light = _SWAP[lit[0]] | _SWAP[lit[1]] << 2
            writer.toggle(first + column, flip & light, flip & ~light)

    def _samples(self, address: int) -> bytes:
        band = self._band
        row, column = divmod(address, band.columns)
        luma = self._luma[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
        return luma.tobytes() + band.chroma[address]


_SWAP = (0, 2, 1, 3)
