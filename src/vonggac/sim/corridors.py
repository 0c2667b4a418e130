"""Corridors with doors in perspective, and the lens that all places are seen through.

Nothing that moves may reach the top 24 of the 540 design units: the clock lies there.
"""

from __future__ import annotations

from dataclasses import dataclass

from vonggac.sim.raster import Canvas, Gradient, Outline, Point, ellipse, mix, rect, round_rect

PERSON = 1.66
"""Metres; how high a figure stands."""


@dataclass(frozen=True, slots=True)
class Lens:
    """A camera that looks straight ahead: metres in front of it to design units.

    `x` counts to the right of the axis, `y` up from the floor, `z` away from the camera.
    """

    x: float = 500.0
    horizon: float = 176.0
    focal: float = 520.0
    above_floor: float = 1.85

    def at(self, x: float, y: float, z: float) -> Point:
        """Where a point in the room appears."""
        scale = self.focal / z
        return self.x + x * scale, self.horizon + (self.above_floor - y) * scale

    def height(self, z: float, metres: float = PERSON) -> float:
        """How long so many metres are at that distance."""
        return metres * self.focal / z

    def floor_z(self, y: float) -> float:
        """How far away the floor is that appears at that height."""
        return self.focal * self.above_floor / (y - self.horizon)

    def quad(self, *corners: tuple[float, float, float]) -> Outline:
        """A polygon in the room."""
        return [self.at(*corner) for corner in corners]


CORRIDOR = Lens()
HALF = 1.3
CEILING = 2.95
END = 21.0
NEAR = 1.05


@dataclass(frozen=True, slots=True)
class CorridorColours:
    """How one corridor differs from another."""

    wall: str
    wall_far: str
    door: str
    frame: str
    floor: str
    floor_far: str
    dado: str = ""
    """The lower third of the walls, if painted in another colour."""


GREEN_CORRIDOR = CorridorColours(
    wall="#b9c6bf",
    wall_far="#d5ded8",
    door="#6d4a30",
    frame="#33251b",
    floor="#6e7471",
    floor_far="#a8aeab",
    dado="#8fa79b",
)
LILAC_CORRIDOR = CorridorColours(
    wall="#b5b4bf",
    wall_far="#d6d6de",
    door="#47606d",
    frame="#2b2622",
    floor="#77777f",
    floor_far="#b0b0b6",
)
TEAL_CORRIDOR = CorridorColours(
    wall="#9db3b1",
    wall_far="#cbd9d6",
    door="#3f606c",
    frame="#26332f",
    floor="#5f6b6a",
    floor_far="#a0aaa8",
)


def corridor(canvas: Canvas, colours: CorridorColours, doors: str, *, window: bool = True) -> None:
    """A corridor with doors in perspective.

    Args:
        canvas: what to draw on.
        colours: of this corridor.
        doors: floor and side that the room plates show, such as 2A.
        window: whether daylight comes from the far end.
    """
    lens, c = CORRIDOR, colours
    far_top, far_bottom = lens.at(0, CEILING, END)[1], lens.at(0, 0, END)[1]
    left, right = lens.at(-HALF, 0, END)[0], lens.at(HALF, 0, END)[0]
    ceiling = Gradient((0, 0), (0, far_top), mix(c.wall, "#5d6662", 0.55), c.wall_far)
    canvas.fill(_box(lens, "ceiling"), ceiling)
    canvas.fill(_box(lens, "floor"), Gradient((0, 540), (0, far_bottom), c.floor, c.floor_far))
    dark = mix(c.wall, "#3c4744", 0.3)
    canvas.fill(_box(lens, "left"), Gradient((0, 0), (left, 0), dark, c.wall_far))
    canvas.fill(_box(lens, "right"), Gradient((960, 0), (right, 0), dark, c.wall_far))
    if c.dado:
        for side in (-HALF, HALF):
            shape = lens.quad((side, 0, NEAR), (side, 1.0, NEAR), (side, 1.0, END), (side, 0, END))
            canvas.fill(shape, c.dado, 0.55)
            rail = lens.quad(
                (side, 1.0, NEAR), (side, 1.04, NEAR), (side, 1.04, END), (side, 1.0, END)
            )
            canvas.fill(rail, "#51605a", 0.7)
    _tiles(canvas, lens)
    _lights(canvas, lens)
    for side in (-HALF, HALF):
        skirting = lens.quad((side, 0, NEAR), (side, 0.1, NEAR), (side, 0.1, END), (side, 0, END))
        canvas.fill(skirting, "#2c3532", 0.55)
    canvas.fill(
        [(left, far_top), (right, far_top), (right, far_bottom), (left, far_bottom)], c.wall_far
    )
    if window:
        _end_window(canvas, lens)
    else:
        canvas.fill(
            lens.quad((-0.5, 0, END), (-0.5, 2.1, END), (0.5, 2.1, END), (0.5, 0, END)), c.door
        )
    number = 1
    for z in (2.35, 5.3, 8.25, 11.2, 14.15, 17.1):
        for side in (-1, 1):
            _door(canvas, lens, c, side, z, f"{doors}{number:02d}")
            number += 1


def outside_washroom(canvas: Canvas) -> None:
    """The corridor before a shared washroom; the privacy mask covers the doorway itself."""
    corridor(canvas, TEAL_CORRIDOR, "V", window=False)
    lens = CORRIDOR
    wall = -HALF
    opening = lens.quad((wall, 0, 3.6), (wall, 2.3, 3.6), (wall, 2.3, 6.4), (wall, 0, 6.4))
    canvas.fill(opening, "#171c1b")
    for step in range(-11, 14):
        start = 3.6 + step * 0.22
        stripe = [(start, 0.0), (start + 0.05, 0.0), (start + 2.35, 2.3), (start + 2.3, 2.3)]
        clipped = [(wall, y, z) for z, y in _clip(stripe, 3.6, 6.4)]
        if len(clipped) > 2:
            canvas.fill(lens.quad(*clipped), "#6d7772", 0.8)
    for corner, metres in ((3.6, 0.0), (6.4, 0.0)):
        x, y_top = lens.at(wall, 2.3, corner)
        canvas.stroke([(x, y_top), (x, lens.at(wall, metres, corner)[1])], "#0d1110", 2.5)
    sign = lens.quad((HALF, 1.5, 4.6), (HALF, 2.05, 4.6), (HALF, 2.05, 5.0), (HALF, 1.5, 5.0))
    canvas.fill(sign, "#2a6f8f")
    basin = lens.quad((HALF, 0.75, 3.6), (HALF, 0.95, 3.6), (HALF, 0.95, 4.4), (HALF, 0.75, 4.4))
    canvas.fill(basin, "#e6ebe8")


def _box(lens: Lens, side: str) -> Outline:
    low, high = (0.0, 0.0), (CEILING, CEILING)
    if side in ("floor", "ceiling"):
        y = low[0] if side == "floor" else high[0]
        return lens.quad((-HALF * 3, y, NEAR), (HALF * 3, y, NEAR), (HALF, y, END), (-HALF, y, END))
    x = -HALF if side == "left" else HALF
    return lens.quad((x, 0, NEAR), (x, CEILING, NEAR), (x, CEILING, END), (x, 0, END))


def _tiles(canvas: Canvas, lens: Lens) -> None:
    z = 2.4
    while z < END:
        left, right = lens.at(-HALF, 0, z), lens.at(HALF, 0, z)
        canvas.stroke([left, right], "#000000", max(0.6, 7 / z), 0.12)
        z += 0.6
    for step in range(-2, 3):
        x = step * 0.5
        canvas.stroke([lens.at(x, 0, 2.2), lens.at(x, 0, END)], "#000000", 1.1, 0.08)


def _lights(canvas: Canvas, lens: Lens) -> None:
    z = 2.6
    while z < END - 1:
        panel = lens.quad(
            (-0.34, CEILING, z),
            (0.34, CEILING, z),
            (0.34, CEILING, z + 0.75),
            (-0.34, CEILING, z + 0.75),
        )
        canvas.fill(panel, "#fcfff6", 0.95)
        shine = lens.quad((-0.42, 0, z), (0.42, 0, z), (0.42, 0, z + 0.9), (-0.42, 0, z + 0.9))
        canvas.fill(shine, "#ffffff", 0.1)
        z += 2.95


def _end_window(canvas: Canvas, lens: Lens) -> None:
    frame = lens.quad((-0.75, 0.75, END), (-0.75, 2.45, END), (0.75, 2.45, END), (0.75, 0.75, END))
    canvas.fill(frame, "#f4fbf4")
    (x0, y0), (x1, y1) = lens.at(0, 0.75, END), lens.at(0, 2.45, END)
    canvas.stroke([(x0, y0), (x1, y1)], "#8c9994", 1.6)
    glow = lens.quad((-0.8, 0, END), (0.8, 0, END), (0.5, 0, 8), (-0.5, 0, 8))
    canvas.fill(glow, "#ffffff", 0.16)


def _door(canvas: Canvas, lens: Lens, c: CorridorColours, side: int, z: float, plate: str) -> None:
    x = side * HALF
    far = z + 1.0

    def on_wall(z0: float, z1: float, y0: float, y1: float) -> Outline:
        return lens.quad((x, y0, z0), (x, y1, z0), (x, y1, z1), (x, y0, z1))

    canvas.fill(on_wall(z - 0.09, far + 0.09, 0, 2.2), c.frame)
    first, last = lens.at(x, 0, z)[0], lens.at(x, 0, far)[0]
    leaf = Gradient(
        (first, 0), (last, 0), mix(c.door, "#000000", 0.16), mix(c.door, "#ffffff", 0.08)
    )
    canvas.fill(on_wall(z, far, 0, 2.1), leaf)
    for y0, y1 in ((0.2, 0.92), (1.08, 1.94)):
        canvas.fill(on_wall(z + 0.17, far - 0.17, y0, y1), "#000000", 0.13)
        canvas.fill(on_wall(z + 0.2, far - 0.17, y0 + 0.03, y1 - 0.03), "#ffffff", 0.05)
    hx, hy = lens.at(x, 1.0, far - 0.1)
    canvas.fill(ellipse(hx, hy, 9 / z, 9 / z, 10), "#d9c48a")
    canvas.fill(on_wall(z - 0.38, z - 0.2, 1.52, 1.66), "#f3f1e8", 0.85)
    if z < 6 and side < 0:
        return
    canvas.fill(on_wall(far + 0.3, far + 0.62, 2.35, 2.55), "#eef6ee", 0.8)


def stool(canvas: Canvas, x: float, z: float, bag: str) -> None:
    """A stool before a door with a bag of food on it."""
    lens = CORRIDOR
    scale = lens.focal / z
    cx, floor = lens.at(x, 0, z)
    top = floor - 0.46 * scale
    for dx in (-0.19, 0.19):
        canvas.stroke(
            [(cx + dx * scale, top), (cx + dx * 1.15 * scale, floor)], "#cfc9ba", 0.035 * scale
        )
    canvas.fill(rect(cx - 0.24 * scale, top - 0.04 * scale, 0.48 * scale, 0.05 * scale), "#e3ddcd")
    if bag:
        canvas.fill(
            round_rect(
                cx - 0.13 * scale, top - 0.27 * scale, 0.26 * scale, 0.24 * scale, 0.05 * scale
            ),
            bag,
        )
        canvas.stroke(
            [
                (cx - 0.07 * scale, top - 0.26 * scale),
                (cx, top - 0.35 * scale),
                (cx + 0.07 * scale, top - 0.26 * scale),
            ],
            bag,
            0.025 * scale,
        )


def _clip(outline: Outline, low: float, high: float) -> Outline:
    """A polygon cut to low <= x <= high (Sutherland and Hodgman)."""
    for bound, keep_above in ((low, True), (high, False)):
        kept: list[Point] = []
        for index, (x1, y1) in enumerate(outline):
            x0, y0 = outline[index - 1]
            inside0 = x0 >= bound if keep_above else x0 <= bound
            inside1 = x1 >= bound if keep_above else x1 <= bound
            if inside0 != inside1:
                share = (bound - x0) / (x1 - x0)
                kept.append((bound, y0 + (y1 - y0) * share))
            if inside1:
                kept.append((x1, y1))
        outline = kept
        if not outline:
            return []
    return outline
