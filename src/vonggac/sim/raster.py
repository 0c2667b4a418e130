"""A small anti-aliased rasteriser: shapes filled straight into the planes of an I420 picture.

Shapes are polygons in a design space (960 by 540 for scenes), scaled to the picture's size.
Coverage is exact along x and sampled four times along y, which is enough for walls and people.
Only numpy is needed, so that a box without a font or a drawing library can run the demo.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]

Point = tuple[float, float]
Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels, all even."""
Outline = Sequence[Point]
Shape = str | Outline | Sequence[Outline]
"""An SVG path, an outline, or several of them."""

SAMPLES = 4
"""Sample rows per pixel row."""

_TOKENS = re.compile(r"[MLHVQTZmlhvqtz]|-?(?:\d+\.?\d*|\.\d+)")
_CURVE_STEPS = 10


@dataclass(frozen=True, slots=True)
class Gradient:
    """A colour that runs from one point to another; flat beyond them."""

    start: Point
    end: Point
    from_colour: str
    to_colour: str


Paint = str | Gradient


def yuv(colour: str) -> tuple[float, float, float]:
    """BT.709 limited range of a `#rgb` or `#rrggbb` colour."""
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        16 + 219 * luma,
        128 + 224 * (blue - luma) / 1.8556,
        128 + 224 * (red - luma) / 1.5748,
    )


def mix(first: str, second: str, share: float) -> str:
    """The colour that lies `share` of the way from the first to the second."""

    def channels(colour: str) -> list[int]:
        digits = colour.lstrip("#")
        if len(digits) == 3:
            digits = "".join(digit * 2 for digit in digits)
        return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]

    pairs = zip(channels(first), channels(second), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def path(text: str) -> list[list[Point]]:
    """Outlines of an SVG path of the commands M L H V Q T Z, absolute or relative."""
    tokens = _TOKENS.findall(text)
    outlines: list[list[Point]] = []
    outline: list[Point] = []
    at: Point = (0.0, 0.0)
    control: Point = at
    command = ""
    index = 0
    while index < len(tokens):
        if tokens[index].isalpha():
            command = tokens[index]
            index += 1
            if command in "Zz":
                at = outline[0]
                continue
        relative = command.islower()

        def point(first: int, *, base: Point = at, relative: bool = relative) -> Point:
            x, y = float(tokens[first]), float(tokens[first + 1])
            return (base[0] + x, base[1] + y) if relative else (x, y)

        match command.upper():
            case "M":
                at = point(index)
                index += 2
                outline = [at]
                outlines.append(outline)
                command = "l" if relative else "L"
                continue
            case "H":
                at = (float(tokens[index]) + (at[0] if relative else 0), at[1])
                index += 1
            case "V":
                at = (at[0], float(tokens[index]) + (at[1] if relative else 0))
                index += 1
            case "L":
                at = point(index)
                index += 2
            case "Q" | "T":
                if command.upper() == "Q":
                    control = point(index)
                    end = point(index + 2)
                    index += 4
                else:
                    control = (2 * at[0] - control[0], 2 * at[1] - control[1])
                    end = point(index)
                    index += 2
                outline.extend(_quadratic(at, control, end))
                at = end
                continue
        outline.append(at)
    return outlines


def ellipse(x: float, y: float, rx: float, ry: float, steps: int = 28) -> Outline:
    """An ellipse as a polygon."""
    turn = [2 * math.pi * step / steps for step in range(steps)]
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in turn]


def line(points: Sequence[Point], width: float, *, end_width: float | None = None) -> list[Outline]:
    """A line with round joints as polygons, all turning the same way.

    Args:
        points: at least two.
        width: at the first point.
        end_width: at the last point, for limbs that taper; default as the first.
    """
    last = width if end_width is None else end_width
    count = len(points) - 1
    half = [(width + (last - width) * index / count) / 2 for index in range(count + 1)]
    outlines: list[Outline] = [
        ellipse(x, y, radius, radius, 12) for (x, y), radius in zip(points, half, strict=True)
    ]
    for index, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(points)):
        length = math.hypot(x1 - x0, y1 - y0)
        if length < 1e-6:
            continue
        nx, ny = -(y1 - y0) / length, (x1 - x0) / length
        a, b = half[index], half[index + 1]
        quad = [
            (x0 - nx * a, y0 - ny * a),
            (x1 - nx * b, y1 - ny * b),
            (x1 + nx * b, y1 + ny * b),
            (x0 + nx * a, y0 + ny * a),
        ]
        outlines.append(quad)
    return outlines


def rect(x: float, y: float, width: float, height: float) -> Outline:
    """An upright rectangle."""
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def round_rect(x: float, y: float, width: float, height: float, radius: float) -> Outline:
    """An upright rectangle with round corners."""
    outline: list[Point] = []
    centres = (
        (x + width - radius, y + radius, -90),
        (x + width - radius, y + height - radius, 0),
        (x + radius, y + height - radius, 90),
        (x + radius, y + radius, 180),
    )
    for cx, cy, start in centres:
        for step in range(6):
            angle = math.radians(start + 18 * step)
            outline.append((cx + radius * math.cos(angle), cy + radius * math.sin(angle)))
    return outline


class Canvas:
    """Three planes of a picture being drawn, as floats; chroma at half size.

    Args:
        width: in pixels, even.
        height: in pixels, even.
        design_width: what the shapes' x runs to.
        design_height: what the shapes' y runs to.
    """

    def __init__(
        self, width: int, height: int, design_width: float = 960, design_height: float = 540
    ) -> None:
        self.width = width
        self.height = height
        self.sx = width / design_width
        self.sy = height / design_height
        self.y: Plane = np.full((height, width), 16, np.float32)
        self.u: Plane = np.full((height // 2, width // 2), 128, np.float32)
        self.v: Plane = np.full((height // 2, width // 2), 128, np.float32)
        self.touched: list[Box] = []
        """Boxes drawn into since `restore`."""

    def copy(self) -> Canvas:
        """Another canvas with the same picture."""
        twin = object.__new__(Canvas)
        twin.width, twin.height, twin.sx, twin.sy = self.width, self.height, self.sx, self.sy
        twin.y, twin.u, twin.v = self.y.copy(), self.u.copy(), self.v.copy()
        twin.touched = []
        return twin

    def restore(self, ground: Canvas) -> None:
        """Take back what was drawn since this canvas was copied from `ground`, or restored."""
        for x, y, width, height in self.touched:
            rows, columns = slice(y, y + height), slice(x, x + width)
            self.y[rows, columns] = ground.y[rows, columns]
            rows = slice(y // 2, (y + height) // 2)
            columns = slice(x // 2, (x + width) // 2)
            self.u[rows, columns] = ground.u[rows, columns]
            self.v[rows, columns] = ground.v[rows, columns]
        self.touched.clear()

    def fill(self, shape: Shape, paint: Paint, opacity: float = 1.0) -> None:
        """Fill a path, an outline or several (non-zero winding) with a paint."""
        outlines = _outlines(shape)
        if not outlines:
            return
        found = self._cover(outlines)
        if found is None:
            return
        cover, x0, y0 = found
        if opacity != 1.0:
            cover = cover * np.float32(opacity)
        height, width = cover.shape
        self.touched.append((x0, y0, width, height))
        pairs = cover[::2] + cover[1::2]
        small = (pairs[:, ::2] + pairs[:, 1::2]) * np.float32(0.25)
        if isinstance(paint, Gradient):
            share = self._share(paint, x0, y0, width, height)
            first, second = yuv(paint.from_colour), yuv(paint.to_colour)
            half = share[::2, ::2]
            colours: list[Plane | float] = [
                first[0] + (second[0] - first[0]) * share,
                first[1] + (second[1] - first[1]) * half,
                first[2] + (second[2] - first[2]) * half,
            ]
        else:
            colours = list(yuv(paint))
        area = self.y[y0 : y0 + height, x0 : x0 + width]
        area += (colours[0] - area) * cover
        top, left = y0 // 2, x0 // 2
        for plane, colour in ((self.u, colours[1]), (self.v, colours[2])):
            area = plane[top : top + height // 2, left : left + width // 2]
            area += (colour - area) * small

    def stroke(
        self,
        shape: Shape,
        paint: Paint,
        width: float,
        opacity: float = 1.0,
        *,
        closed: bool = False,
    ) -> None:
        """Draw along a path with a pen of that width in design units."""
        pieces: list[Outline] = []
        for outline in _outlines(shape):
            points = [*outline, outline[0]] if closed else list(outline)
            if len(points) > 1:
                pieces.extend(line(points, width))
        self.fill(pieces, paint, opacity)

    def darken(self, inner: float = 0.55, strength: float = 0.6) -> None:
        """Let the corners fall into the dark, as a cheap lens does."""
        shade = self.vignette(inner, strength)
        self.y[:] = 16 + (self.y - 16) * shade
        half = shade[::2, ::2]
        self.u[:] = 128 + (self.u - 128) * half
        self.v[:] = 128 + (self.v - 128) * half

    def vignette(self, inner: float = 0.55, strength: float = 0.6) -> Plane:
        """How much light is left at each pixel under `darken`."""
        x = (np.arange(self.width, dtype=np.float32) / self.width - 0.5) / 0.75
        y = (np.arange(self.height, dtype=np.float32) / self.height - 0.45) / 0.75
        radius = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2)
        far = np.clip((radius - inner) / (1 - inner), 0, 1)
        return (1 - strength * far).astype(np.float32)

    def grain(self, amount: float, seed: int = 1) -> None:
        """A fixed noise that keeps gradients from showing bands."""
        noise = np.random.default_rng(seed).normal(0, amount, self.y.shape)
        self.y += noise.astype(np.float32)

    def picture(self, base: npt.NDArray[np.uint8] | None = None) -> npt.NDArray[np.uint8]:
        """The picture as I420: height*3/2 rows of width bytes, in limited range.

        Args:
            base: the picture of the ground; then only what was drawn since is converted.
        """
        if base is None:
            out = np.empty((self.height * 3 // 2, self.width), np.uint8)
            boxes = [(0, 0, self.width, self.height)]
        else:
            out = base.copy()
            boxes = self.touched
        chroma = out[self.height :].reshape(2, self.height // 2, self.width // 2)
        for x, y, width, height in boxes:
            rows, columns = slice(y, y + height), slice(x, x + width)
            out[rows, columns] = np.clip(self.y[rows, columns] + 0.5, 16, 235)
            rows = slice(y // 2, (y + height) // 2)
            columns = slice(x // 2, (x + width) // 2)
            chroma[0, rows, columns] = np.clip(self.u[rows, columns] + 0.5, 16, 240)
            chroma[1, rows, columns] = np.clip(self.v[rows, columns] + 0.5, 16, 240)
        return out

    def _share(self, paint: Gradient, x0: int, y0: int, width: int, height: int) -> Plane:
        (ax, ay), (bx, by) = paint.start, paint.end
        dx, dy = bx - ax, by - ay
        x = (np.arange(x0, x0 + width, dtype=np.float32) + 0.5) / self.sx - ax
        y = (np.arange(y0, y0 + height, dtype=np.float32) + 0.5) / self.sy - ay
        share = (x[None, :] * dx + y[:, None] * dy) / (dx * dx + dy * dy)
        clipped: Plane = np.clip(share, 0, 1).astype(np.float32)
        return clipped

    def _cover(self, outlines: list[Outline]) -> tuple[Plane, int, int] | None:
        """Coverage of the shape in its bounding box (even corners), and where that lies."""
        edges: list[tuple[float, float, float, float]] = []
        for outline in outlines:
            turned = outline if _area(outline) >= 0 else outline[::-1]
            x0, y0 = turned[-1]
            for x1, y1 in turned:
                edges.append((x0, y0, x1, y1))
                x0, y0 = x1, y1
        table = np.array(edges) * (self.sx, self.sy, self.sx, self.sy)
        low, high = table.min(axis=0), table.max(axis=0)
        x_low = max(0, math.floor(low[0]) // 2 * 2)
        x_high = min(self.width, math.ceil(high[0]) // 2 * 2 + 2)
        y_low = max(0, math.floor(low[1]) // 2 * 2)
        y_high = min(self.height, math.ceil(high[1]) // 2 * 2 + 2)
        x_high -= x_high % 2
        y_high -= y_high % 2
        if x_high <= x_low or y_high <= y_low:
            return None
        return (
            cover(table, x_low, y_low, x_high - x_low, y_high - y_low),
            x_low,
            y_low,
        )


class Layer:
    """Something drawn once that is laid over many pictures.

    Args:
        like: a canvas of the same size.
        paint: draws it.
    """

    def __init__(self, like: Canvas, paint: Callable[[Canvas], None]) -> None:
        dark, light = like.copy(), like.copy()
        for canvas, level in ((dark, 0), (light, 255)):
            for plane in (canvas.y, canvas.u, canvas.v):
                plane[:] = level
            paint(canvas)
        x = min((box[0] for box in dark.touched), default=0)
        y = min((box[1] for box in dark.touched), default=0)
        right = max((box[0] + box[2] for box in dark.touched), default=0)
        bottom = max((box[1] + box[3] for box in dark.touched), default=0)
        self._box: Box = (x, y, right - x, bottom - y)
        self._parts: list[tuple[slice, slice, Plane, Plane]] = []
        for first, second in ((dark.y, light.y), (dark.u, light.u), (dark.v, light.v)):
            share = 1 if first is dark.y else 2
            rows = slice(y // share, bottom // share)
            columns = slice(x // share, right // share)
            seen_through = (second[rows, columns] - first[rows, columns]) / np.float32(255)
            self._parts.append((rows, columns, first[rows, columns].copy(), seen_through))

    def lay(self, canvas: Canvas) -> None:
        """Draw it over a canvas."""
        planes = (canvas.y, canvas.u, canvas.v)
        for plane, (rows, columns, colour, seen_through) in zip(planes, self._parts, strict=True):
            area = plane[rows, columns]
            area *= seen_through
            area += colour
        canvas.touched.append(self._box)


def cover(edges: npt.NDArray[np.float64], x_low: int, y_low: int, width: int, height: int) -> Plane:
    """Share of each pixel of a box that lies inside closed outlines, all turning the same way.

    Args:
        edges: rows of x0, y0, x1, y1 in pixels.
        x_low: left of the box.
        y_low: top of the box.
        width: of the box.
        height: of the box.
    """
    rows = height * SAMPLES
    sample_y = y_low + (np.arange(rows) + 0.5) / SAMPLES
    x0, y0, x1, y1 = edges.T
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    first = np.searchsorted(sample_y, low)
    last = np.searchsorted(sample_y, high)
    counts = np.maximum(last - first, 0)
    which = np.repeat(np.arange(len(edges)), counts)
    if not len(which):
        return np.zeros((height, width), np.float32)
    starts = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    row = np.arange(len(which)) + starts
    slope = (x1 - x0) / np.where(y1 == y0, 1, y1 - y0)
    x = x0[which] + (sample_y[row] - y0[which]) * slope[which] - x_low
    x = np.clip(x, 0, width)
    sign = np.where(y1 > y0, -1.0, 1.0)[which]
    column = np.floor(x).astype(np.int64)
    part = x - column
    stride = width + 2
    base = row * stride + column
    places = np.concatenate([base, base + 1])
    steps = np.concatenate([sign * (1 - part), sign * part])
    winding = np.bincount(places, steps, rows * stride).reshape(rows, stride)
    filled = np.cumsum(winding, axis=1)
    np.minimum(filled, 1, out=filled)
    inside = filled[:, :width].reshape(height, SAMPLES, width)
    covered: Plane = ((inside[:, 0] + inside[:, 1]) + (inside[:, 2] + inside[:, 3])).astype(
        np.float32
    )
    covered *= 1 / SAMPLES
    return covered


def ring(x: float, y: float, rx: float, ry: float, inner: float) -> Outline:
    """An ellipse with a hole that is `inner` times as large, as one outline."""
    outer = ellipse(x, y, rx, ry, 40)
    hole = ellipse(x, y, rx * inner, ry * inner, 40)[::-1]
    return [*outer, outer[0], hole[-1], *hole]


def _area(outline: Outline) -> float:
    """Twice the signed area; its sign says which way the outline turns."""
    total = 0.0
    x0, y0 = outline[-1]
    for x1, y1 in outline:
        total += x0 * y1 - x1 * y0
        x0, y0 = x1, y1
    return total


def _outlines(shape: Shape) -> list[Outline]:
    if isinstance(shape, str):
        return [outline for outline in path(shape) if len(outline) > 1]
    if not shape:
        return []
    if isinstance(shape[0][0], (int, float)):
        return [cast("Outline", shape)]
    return list(cast("Sequence[Outline]", shape))


def _quadratic(start: Point, control: Point, end: Point) -> list[Point]:
    made = []
    for step in range(1, _CURVE_STEPS + 1):
        t = step / _CURVE_STEPS
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        made.append(
            (
                a * start[0] + b * control[0] + c * end[0],
                a * start[1] + b * control[1] + c * end[1],
            )
        )
    return made
