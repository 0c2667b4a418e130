"""The drawing of the data's ways: boxes and numbered arrows, as SVG for paper and for a page.

Drawn with attributes only (no style, no script), in one colour: `currentColor` on a page, black on
paper.  The numbers are those of the table of ways.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 640, 392
FONT = "Be Vietnam Pro, Tinos, serif"
LINE = 16
"""Height of a line of text."""


class Box(NamedTuple):
    """A place where data is."""

    x: int
    y: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...] = ()
    dashed: bool = False
    """Outside of the system."""


class Arrow(NamedTuple):
    """A way that data takes, from point to point."""

    number: int
    points: tuple[tuple[int, int], ...]
    dashed: bool = False
    """It is not taken in this installation."""


def svg(label: str, boxes: tuple[Box, ...], arrows: tuple[Arrow, ...]) -> str:
    """The drawing.

    Args:
        label: what it shows, for people who cannot see it.
        boxes: places.
        arrows: ways, each with the number that the table gives it.
    """
    said = "".join([*map(_box, boxes), *map(_arrow, arrows)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(label)}" '
        f'font-family="{FONT}" font-size="14">{said}</svg>'
    )


def _box(box: Box) -> str:
    middle = box.x + box.width // 2
    rows = 1 + len(box.lines)
    top = box.y + (box.height - rows * LINE) // 2 + LINE - 4
    dash = ' stroke-dasharray="5 4"' if box.dashed else ""
    said = (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="4" '
        f'fill="none" stroke="currentColor" stroke-width="1.2"{dash}/>'
        f'<text x="{middle}" y="{top}" text-anchor="middle" font-weight="bold" '
        f'fill="currentColor">{escape(box.title)}</text>'
    )
    for number, line in enumerate(box.lines, 1):
        said += (
            f'<text x="{middle}" y="{top + number * LINE}" text-anchor="middle" '
            f'font-size="12.5" fill="currentColor">{escape(line)}</text>'
        )
    return said


def _arrow(arrow: Arrow) -> str:
    (before_x, before_y), (x, y) = arrow.points[-2:]
    across = (x > before_x) - (x < before_x)
    down = (y > before_y) - (y < before_y)
    back = (x - 8 * across, y - 8 * down)
    wings = (
        f"{x},{y} {back[0] + 4 * down},{back[1] + 4 * across} "
        f"{back[0] - 4 * down},{back[1] - 4 * across}"
    )
    way = " ".join(f"{at_x},{at_y}" for at_x, at_y in (*arrow.points[:-1], back))
    dash = ' stroke-dasharray="4 4"' if arrow.dashed else ""
    (first_x, first_y), (second_x, second_y) = arrow.points[:2]
    mark_x, mark_y = (first_x + second_x) // 2, (first_y + second_y) // 2
    return (
        f'<polyline points="{way}" fill="none" stroke="currentColor" stroke-width="1.2"{dash}/>'
        f'<polygon points="{wings}" fill="currentColor"/>'
        f'<circle cx="{mark_x}" cy="{mark_y}" r="9" fill="white" stroke="currentColor"/>'
        f'<text x="{mark_x}" y="{mark_y + 4}" text-anchor="middle" font-size="11" '
        f'font-weight="bold" fill="black">{arrow.number}</text>'
    )
