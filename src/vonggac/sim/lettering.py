"""Letters for the clock and the camera's code, as strokes: no font file is needed.

Each glyph lives in a cell of 10 by 16 units, drawn with a pen of two units; the cell is the
advance, so that figures do not dance.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from vonggac.sim.raster import Canvas, line, path

if TYPE_CHECKING:
    import numpy.typing as npt

    from vonggac.sim.raster import Outline, Plane

CELL_WIDTH = 10.0
CELL_HEIGHT = 16.0

_STROKES = {
    "0": "M5,2Q2,2 2,6V10Q2,14 5,14Q8,14 8,10V6Q8,2 5,2",
    "1": "M2.5,4.5L5.3,2V14M2.8,14H7.8",
    "2": "M2,5Q2.2,2 5,2Q8,2 8,5Q8,7 5.5,9.6L2,14H8.2",
    "3": "M2.2,3.6Q3.4,2 5,2Q7.8,2 7.8,4.8Q7.8,7.6 4.6,7.7"
    "Q8.2,7.8 8.2,10.8Q8.2,14 5,14Q2.8,14 1.9,12",
    "4": "M6.6,14V2L1.8,10.4H8.6",
    "5": "M7.6,2H2.9L2.4,7.6Q3.6,6.6 5.2,6.6Q8.2,6.6 8.2,10.2Q8.2,14 4.9,14Q2.8,14 1.9,12.4",
    "6": "M7.4,2.8Q6.4,2 5.3,2Q2,2 2,9Q2,14 5,14Q8.2,14 8.2,10.4Q8.2,7 5.2,7Q2.8,7 2,9.6",
    "7": "M1.9,2H8.2L4.2,14",
    "8": "M5,7.6Q2.3,7.4 2.3,4.8Q2.3,2 5,2Q7.7,2 7.7,4.8Q7.7,7.4 5,7.6"
    "Q1.9,7.8 1.9,10.8Q1.9,14 5,14Q8.1,14 8.1,10.8Q8.1,7.8 5,7.6",
    "9": "M2.6,13.2Q3.6,14 4.7,14Q8,14 8,7Q8,2 5,2Q1.8,2 1.8,5.6Q1.8,9 4.8,9Q7.2,9 8,6.4",
    ":": "M5,5.4V5.6M5,11.6V11.8",
    ".": "M5,13.4V13.6",
    "-": "M2.4,8.4H7.6",
    "#": "M3.8,2.6L3,13.4M7,2.6L6.2,13.4M1.8,6H8.4M1.6,10H8.2",
    "A": "M1.6,14L5,2L8.4,14M2.9,10H7.1",
    "B": "M2.2,14V2H5Q7.8,2 7.8,4.8Q7.8,7.6 5,7.6H2.2H5.2Q8.2,7.6 8.2,10.8Q8.2,14 5.2,14H2.2",
    "C": "M8.2,4.4Q7.2,2 5.2,2Q1.8,2 1.8,8Q1.8,14 5.2,14Q7.2,14 8.2,11.6",
    "D": "M2.2,2V14H4.4Q8.2,14 8.2,8Q8.2,2 4.4,2H2.2",
    "Đ": "M2.2,2V14H4.4Q8.2,14 8.2,8Q8.2,2 4.4,2H2.2M0.6,8H5",
    "E": "M8,2H2.4V14H8M2.4,7.8H7",
    "F": "M8,2H2.4V14M2.4,8H7",
    "G": "M8,4.2Q7,2 5.2,2Q1.8,2 1.8,8Q1.8,14 5.2,14Q8,14 8.2,11V8.6H5.6",
    "H": "M2,2V14M8,2V14M2,7.8H8",
    "I": "M2.8,2H7.2M5,2V14M2.8,14H7.2",
    "K": "M2.2,2V14M8,2L2.4,9M4.2,7L8.2,14",
    "L": "M2.6,2V14H8",
    "M": "M1.6,14V2L5,8.4L8.4,2V14",
    "N": "M2,14V2L8,14V2",
    "O": "M5,2Q1.8,2 1.8,8Q1.8,14 5,14Q8.2,14 8.2,8Q8.2,2 5,2",
    "P": "M2.4,14V2H5.2Q8.2,2 8.2,5.2Q8.2,8.4 5.2,8.4H2.4",
    "Q": "M5,2Q1.8,2 1.8,8Q1.8,14 5,14Q8.2,14 8.2,8Q8.2,2 5,2M5.6,10.6L8.4,14.4",
    "R": "M2.2,14V2H5.2Q8,2 8,5Q8,8 5.2,8H2.2H5L8.4,14",
    "S": "M8,3.8Q7,2 5,2Q2,2 2,5Q2,7.4 5,7.9Q8.2,8.4 8.2,11Q8.2,14 5,14Q2.6,14 1.7,12",
    "T": "M1.6,2H8.4M5,2V14",
    "U": "M2,2V10.4Q2,14 5,14Q8,14 8,10.4V2",
    "V": "M1.6,2L5,14L8.4,2",
    "X": "M2,2L8,14M8,2L2,14",
    "Y": "M1.8,2L5,8.4L8.2,2M5,8.4V14",
    "/": "M7.8,1.6L2.2,14.4",
    " ": "",
}


_MARKS = {
    "\u0300": "M3.6,-1.6L5.8,0.2",
    "\u0301": "M6.4,-1.6L4.2,0.2",
    "\u0302": "M2.8,0.2L5,-1.8L7.2,0.2",
    "\u0303": "M2.4,0Q3.8,-1.9 5,-0.8T7.6,-1.4",
    "\u0306": "M2.8,-1.6Q5,1 7.2,-1.6",
    "\u0309": "M3.9,-1.9Q6.4,-2.6 6.1,-1.2Q5.8,-0.7 5,-0.1",
    "\u0323": "M5,16.7V16.9",
    "\u031b": "M8,3.4Q9.8,3 9.6,0.8",
}
"""Marks of Vietnamese by combining character; a second one above stands higher."""
_ABOVE = frozenset("\u0300\u0301\u0302\u0303\u0306\u0309")
_SECOND_ABOVE = 2.6


def outlines(character: str, pen: float) -> list[Outline]:
    """The strokes of a character as outlines in its cell; a character without a glyph is blank.

    Marks stand above and below the cell, within four units.
    """
    taken_apart = unicodedata.normalize("NFD", character.upper())
    letter, marks = taken_apart[0], taken_apart[1:]
    strokes = path(_STROKES.get(letter, ""))
    above = 0
    for mark in marks:
        text = _MARKS.get(mark, "")
        lift = _SECOND_ABOVE if mark in _ABOVE and above else 0.0
        above += mark in _ABOVE
        strokes += [[(x, y - lift) for x, y in stroke] for stroke in path(text)]
    pieces: list[Outline] = []
    for stroke in strokes:
        pieces.extend(line(stroke, pen))
    return pieces


def write(
    canvas: Canvas, text: str, *, x: float, y: float, height: float, colour: str = "#f4f6f2"
) -> None:
    """Write a line of text with a dark rim, top left at x, y in design units.

    Args:
        canvas: what to write on.
        text: characters without a glyph are left blank.
        x: left.
        y: top.
        height: of a cell.
        colour: of the strokes.
    """
    scale = height / CELL_HEIGHT
    for pen, paint, opacity in ((4.2, "#000000", 0.7), (1.7, colour, 1.0)):
        for index, character in enumerate(text):
            left = x + index * CELL_WIDTH * scale
            pieces = [
                [(left + px * scale, y + py * scale) for px, py in outline]
                for outline in outlines(character, pen)
            ]
            if pieces:
                canvas.fill(pieces, paint, opacity)


def masks(character: str, width: int, height: int) -> tuple[Plane, Plane]:
    """How much of each pixel of a cell the rim and the strokes of a character cover."""
    made = []
    for pen in (4.2, 1.7):
        canvas = Canvas(width, height, CELL_WIDTH, CELL_HEIGHT)
        pieces = outlines(character, pen)
        if pieces:
            canvas.fill(pieces, "#ffffff")
        made.append(((canvas.y - 16) / 219).astype(np.float32))
    return made[0], made[1]


def text_width(text: str, height: float) -> float:
    """How long a text is, in the unit of its height."""
    return len(text) * CELL_WIDTH * height / CELL_HEIGHT


def blend(ground: npt.NDArray[np.uint8], rim: Plane, ink: Plane) -> npt.NDArray[np.uint8]:
    """Luma of a cell with a character over what lies behind; never 0, so PCM needs no escaping."""
    base = ground.astype(np.float32)
    luma = base + (16 - base) * rim * np.float32(0.72)
    luma = luma + (235 - luma) * ink
    return np.clip(luma + 0.5, 16, 235).astype(np.uint8)
