"""Scenes: a place, its people and what they do in eight seconds, over and over.

Everything is drawn; nobody and no place is real. Where somebody is at a moment is a pure function
of the share of the loop that has passed, so that its end meets its beginning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vonggac.sim import corridors, figures, lettering, places
from vonggac.sim.corridors import CORRIDOR, PERSON, Lens
from vonggac.sim.figures import BLUE_SUIT, GUARD, STAFF, SUIT, Dress, Pose, guest
from vonggac.sim.places import HALL, YARD
from vonggac.sim.raster import Canvas, Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt

    from vonggac.sim.figures import Facing

_CODE_HEIGHT = 19.0
"""Of the camera's code, in design units."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody in a scene."""

    dress: Dress
    pose: Callable[[float], Pose | None]
    """Where they are when that share of the loop has passed; None when out of sight."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A place with people."""

    code: str
    """What the picture's corner says unless told otherwise."""
    ground: Callable[[Canvas], None]
    actors: tuple[Actor, ...]
    moving: Callable[[Canvas, float], None] | None = None
    """Something besides people that moves, drawn before them."""
    props: tuple[tuple[float, Callable[[Canvas], None]], ...] = ()
    """Furniture that hides whoever's feet are higher in the picture than that y."""
    grey: bool = False


def pictures(
    scene: str, code: str, *, width: int, height: int, count: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """I420 pictures of a scene, one loop of `count` pictures."""
    chosen = _SCENES[scene]
    ground = Canvas(width, height)
    chosen.ground(ground)
    ground.darken()
    ground.grain(0.6)
    ground.touched.clear()
    if chosen.grey:
        ground.u[:] = ground.v[:] = 128
    base = ground.picture()
    text = code or chosen.code
    corner = 938 - lettering.text_width(text, _CODE_HEIGHT)

    def write(canvas: Canvas) -> None:
        lettering.write(canvas, text, x=corner, y=505, height=_CODE_HEIGHT)

    label = Layer(ground, write)
    props = [(y, Layer(ground, paint)) for y, paint in chosen.props]
    canvas = ground.copy()
    for index in range(count):
        share = index / count
        canvas.restore(ground)
        if chosen.moving is not None:
            chosen.moving(canvas, share)
        seen: list[tuple[float, Dress | Layer, Pose | None]] = [
            (y, prop, None) for y, prop in props
        ]
        for actor in chosen.actors:
            pose = actor.pose(share)
            if pose is not None:
                seen.append((pose.y, actor.dress, pose))
        for _, what, pose in sorted(seen, key=lambda entry: entry[0]):
            if isinstance(what, Layer):
                what.lay(canvas)
            elif pose is not None:
                figures.draw(canvas, what, pose)
        label.lay(canvas)
        yield canvas.picture(base)


def _standing(
    x: float,
    y: float,
    height: float,
    facing: Facing = "toward",
    *,
    reach: float = 0.0,
    offset: float = 0.0,
    seated: bool = False,
    carries: str = "",
    light: float = 1.0,
) -> Callable[[float], Pose]:
    """Somebody who stays where they are, and is not quite still."""

    def pose(share: float) -> Pose:
        sway = math.sin(2 * math.pi * (2 * share + offset))
        moved = reach * (0.75 + 0.25 * math.sin(2 * math.pi * (3 * share + offset)))
        return Pose(
            x + sway * height * 0.006,
            y,
            height,
            facing,
            reach=moved,
            seated=seated,
            carries=carries,
            light=light,
        )

    return pose


def _at(
    lens: Lens, x: float, z: float, facing: Facing = "toward", *, offset: float = 0.0
) -> Callable[[float], Pose]:
    """Somebody who stands at a point of the floor, in metres."""
    return _standing(*lens.at(x, 0, z), lens.height(z), facing, offset=offset)


def _walking(
    lens: Lens,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    begin: float = 0.0,
    lasts: float = 1.0,
    steps: float = 12.0,
    carries: str = "",
    fade_in: bool = False,
    fade_out: bool = False,
    facing: Facing | None = None,
    light: float = 1.0,
) -> Callable[[float], Pose | None]:
    """Somebody who walks straight from one point of the floor to another (x and z in metres)."""
    (x0, z0), (x1, z1) = start, end
    if facing is None:
        if abs(x1 - x0) > abs(z1 - z0):
            facing = "right" if x1 > x0 else "left"
        else:
            facing = "toward" if z1 < z0 else "away"

    def pose(share: float) -> Pose | None:
        passed = (share - begin) % 1.0 / lasts
        if passed >= 1:
            return None
        z = z0 + (z1 - z0) * passed
        x, y = lens.at(x0 + (x1 - x0) * passed, 0, z)
        seen = 1.0
        if fade_in:
            seen = min(seen, passed * lasts * 12)
        if fade_out:
            seen = min(seen, (1 - passed) * lasts * 12)
        return Pose(
            x,
            y,
            lens.height(z),
            facing,
            stride=1.0,
            phase=passed * steps,
            carries=carries,
            opacity=seen,
            light=light,
        )

    return pose


def _pacing(
    lens: Lens,
    left: tuple[float, float],
    right: tuple[float, float],
    *,
    offset: float = 0.0,
    steps: int = 5,
) -> Callable[[float], Pose]:
    """Somebody who walks to and fro between two points, pausing a little at each."""

    def pose(share: float) -> Pose:
        turn = (share + offset) % 1.0
        there = turn < 0.5
        passed = min(1.0, (turn % 0.5) / 0.44)
        along = passed if there else 1 - passed
        x = left[0] + (right[0] - left[0]) * along
        z = left[1] + (right[1] - left[1]) * along
        px, py = lens.at(x, 0, z)
        walking = 1.0 if passed < 1 else 0.0
        facing: Facing = "right" if there == (right[0] > left[0]) else "left"
        return Pose(px, py, lens.height(z), facing, stride=walking, phase=passed * steps)

    return pose


def _on_ground(horizon: float, metres_up: float) -> Callable[[float], float]:
    """How high a person is whose feet appear at that y."""
    return lambda y: PERSON * (y - horizon) / metres_up


def _corridor_2a(canvas: Canvas) -> None:
    corridors.corridor(canvas, corridors.GREEN_CORRIDOR, "2A")
    corridors.stool(canvas, -0.93, 4.55, "#d0503f")
    corridors.stool(canvas, 0.93, 4.9, "#4b86a8")
    corridors.stool(canvas, -0.95, 7.5, "")
    corridors.stool(canvas, 0.95, 10.4, "#d8a23a")


def _corridor_3a(canvas: Canvas) -> None:
    corridors.corridor(canvas, corridors.LILAC_CORRIDOR, "3A")
    corridors.stool(canvas, 0.95, 4.6, "#e1d9c6")
    corridors.stool(canvas, 0.95, 7.6, "#c94f3e")
    corridors.stool(canvas, -0.95, 10.4, "#4b86a8")


_GATE_HEIGHT = _on_ground(238, 2.9)


def _barrier(canvas: Canvas, share: float) -> None:
    up = min(max((share - 0.3) / 0.1, 0.0), 1.0) - min(max((share - 0.72) / 0.1, 0.0), 1.0)
    places.barrier(canvas, up * up * (3 - 2 * up))


def _gate_walker(share: float) -> Pose | None:
    passed = (share - 0.36) / 0.4
    if not 0 <= passed < 1:
        return None
    y = 548 - passed * 218
    height = _GATE_HEIGHT(y)
    return Pose(
        516 - 24 * passed,
        y,
        height,
        "away",
        stride=1.0,
        phase=passed * 7,
        opacity=min(1.0, (1 - passed) * 8),
    )


_SCENES = {
    "hl-2a": Scene(
        "HL-2A",
        _corridor_2a,
        (
            Actor(SUIT, _walking(CORRIDOR, (0.25, 15.5), (0.1, 2.0), steps=11, fade_in=True)),
            Actor(
                guest("#55708c"),
                _walking(
                    CORRIDOR,
                    (-1.0, 9.6),
                    (-0.55, 17.5),
                    begin=0.35,
                    lasts=0.6,
                    steps=7,
                    fade_in=True,
                    fade_out=True,
                ),
            ),
        ),
    ),
    "cg-1": Scene(
        "CG-1",
        places.gate,
        (
            Actor(GUARD, _standing(610, 404, _GATE_HEIGHT(404), "left", reach=0.25)),
            Actor(guest("#b4503f", "#39424f"), _gate_walker),
            Actor(SUIT, _standing(350, 414, _GATE_HEIGHT(414), "right", reach=0.7, offset=0.3)),
        ),
        moving=_barrier,
    ),
    "san-1": Scene(
        "SAN-1",
        places.yard,
        (
            Actor(guest("#4f7296", "#33414f"), _pacing(YARD, (-4.6, 12.4), (-0.6, 12.4))),
            Actor(guest("#a8514a", "#4a4038"), _pacing(YARD, (3.6, 15.8), (0.4, 15.8), offset=0.2)),
            Actor(SUIT, _walking(YARD, (7.2, 7.2), (-6.6, 8.8), steps=9)),
            Actor(guest("#c7a44a", "#3d4147"), _at(YARD, 4.6, 12.6)),
        ),
    ),
    "lt-1": Scene(
        "LT-1",
        places.reception,
        (
            Actor(STAFF, _standing(338, 398, 176, reach=0.5)),
            Actor(STAFF, _standing(612, 398, 170, reach=0.35, offset=0.45)),
            Actor(guest("#6a6fa0", "#343a44"), _at(HALL, -1.0, 4.35, "away", offset=0.2)),
            Actor(guest("#b0703f", "#40464f"), _at(HALL, 2.6, 4.0, "left", offset=0.6)),
            Actor(SUIT, _walking(HALL, (-4.6, 3.5), (4.8, 3.7), steps=9, carries="#c79f6e")),
        ),
        props=((424, places.counter),),
    ),
    "sanh-1": Scene(
        "SANH-1",
        places.lobby,
        (
            Actor(guest("#8a9a5b", "#3d4650"), _walking(HALL, (-5.6, 5.2), (5.8, 4.6), steps=10)),
            Actor(
                guest("#7b5d86", "#3a3f49"),
                _walking(
                    HALL, (0.0, 8.3), (0.9, 3.2), begin=0.4, lasts=0.58, steps=6, fade_in=True
                ),
            ),
            Actor(GUARD, _at(HALL, -1.8, 7.4, offset=0.4)),
            Actor(guest("#4f7d93", "#2f343c"), _standing(54, 398, 150, seated=True)),
        ),
    ),
    "lm-1": Scene(
        "LM-1",
        places.sampling,
        (
            Actor(BLUE_SUIT, _standing(404, 418, 170, "toward", reach=0.55)),
            Actor(guest("#b9564a", "#3d4350"), _standing(652, 432, 196, "left", seated=True)),
            Actor(SUIT, _standing(588, 430, 192, "right", reach=0.9, offset=0.25)),
            Actor(guest("#53789c", "#3c424c"), _standing(842, 332, 132, "left", offset=0.1)),
            Actor(guest("#c19a45", "#41464f"), _standing(902, 386, 158, "left", offset=0.5)),
            Actor(
                SUIT,
                _walking(
                    Lens(x=480, horizon=190, focal=520, above_floor=2.8),
                    (-5.6, 5.4),
                    (-1.7, 5.8),
                    lasts=0.6,
                    steps=5,
                    carries="#dfe9ee",
                    fade_out=True,
                ),
            ),
        ),
        props=((440, places.sampling_table),),
    ),
    "tn-1": Scene(
        "TN-1",
        places.goods,
        (
            Actor(
                SUIT,
                _walking(HALL, (-4.4, 4.0), (-0.2, 3.9), lasts=0.5, steps=5, carries="#b48a5a"),
            ),
            Actor(SUIT, _walking(HALL, (-0.2, 3.9), (-4.4, 4.0), begin=0.5, lasts=0.5, steps=5)),
            Actor(guest("#3f6d8c", "#343b45"), _standing(660, 470, 196, "toward", reach=0.6)),
        ),
        props=((500, places.goods_table),),
    ),
    "vs-1": Scene(
        "VS-1",
        corridors.outside_washroom,
        (
            Actor(
                guest("#8f6a8f", "#3e434d"),
                _walking(
                    CORRIDOR, (0.5, 16.0), (0.45, 2.0), begin=0.1, lasts=0.9, steps=11, fade_in=True
                ),
            ),
            Actor(
                guest("#5b8a72", "#3a4049"),
                _at(CORRIDOR, 0.7, 8.6, "left"),
            ),
        ),
    ),
    "hl-3a": Scene(
        "HL-3A",
        _corridor_3a,
        (
            Actor(
                SUIT,
                _walking(
                    CORRIDOR, (0.1, 2.1), (0.2, 15.0), steps=11, fade_out=True, carries="#e1d9c6"
                ),
            ),
        ),
    ),
    "hr-1": Scene(
        "HR-1",
        places.perimeter,
        (
            Actor(
                Dress("#8f8f8f", "#757575", "#6a6a6a", "#bdbdbd", "#d8d8d8", "#4a4a4a", cap=True),
                _walking(
                    Lens(x=420, horizon=190, focal=520, above_floor=2.8),
                    (0.9, 15.0),
                    (-0.2, 3.9),
                    steps=10,
                    fade_in=True,
                    fade_out=True,
                ),
            ),
        ),
        grey=True,
    ),
}

SCENES = tuple(_SCENES)
"""Names of all scenes; cameras without a plan take them in this order."""
