"""The places of an invented facility, as a camera under the ceiling or on a mast would see them.

Each function draws one place without people into a canvas of 960 by 540 design units. Nothing
that moves may reach the top 24 units: the clock lies there.
"""

from __future__ import annotations

import math

from vonggac.sim import lettering
from vonggac.sim.corridors import Lens
from vonggac.sim.raster import (
    Canvas,
    Gradient,
    Outline,
    Paint,
    ellipse,
    mix,
    rect,
    ring,
    round_rect,
)


def gate(canvas: Canvas) -> None:
    """The main gate with its guard's booth; the barrier is drawn by `barrier`, for it moves."""
    fill = canvas.fill
    fill(rect(0, 0, 960, 300), Gradient((0, 0), (0, 270), "#a9c3d2", "#e6eae2"))
    for x, y, rx, ry in (
        (210, 92, 90, 15),
        (290, 84, 70, 17),
        (700, 120, 100, 12),
        (640, 112, 60, 14),
    ):
        fill(ellipse(x, y, rx, ry), "#f6f7f2", 0.55)
    fill("M0,250Q120,180 290,226T600,206T960,226V330H0Z", "#7b9183")
    fill("M0,276Q190,226 400,258T960,244V340H0Z", "#5f7766")
    fill(rect(0, 298, 960, 242), Gradient((0, 298), (0, 540), "#8f9085", "#5d6058"))
    fill("M250,540L414,300H566L850,540Z", Gradient((0, 300), (0, 540), "#8b8e88", "#696c67"))
    fill("M478,300H496L548,540H470Z", "#c6c7bd", 0.32)
    for x in (0, 664):
        wide = 318 if x == 0 else 296
        fill(rect(x, 232, wide, 88), Gradient((0, 232), (0, 320), "#b3ab92", "#948c75"))
        fill(rect(x, 226, wide, 10), "#857c66")
        for at in range(x + 26, x + wide - 8, 52):
            fill(rect(at, 240, 3, 76), "#000000", 0.07)
    for x in (304, 632):
        fill(rect(x, 180, 46, 158), Gradient((x, 0), (x + 46, 0), "#c6bea7", "#a0977f"))
        fill(rect(x - 6, 170, 58, 13), "#857c66")
    fill(rect(350, 186, 282, 38), Gradient((0, 186), (0, 224), "#a2372a", "#84271d"))
    lettering.write(canvas, "KHU CÁCH LY SỐ 5", x=379, y=192, height=20, colour="#f4dfa8")
    fill(rect(710, 198, 150, 168), Gradient((710, 0), (860, 0), "#dedccd", "#bfbcab"))
    fill("M696,184H874L862,204H708Z", "#4d625c")
    fill(rect(724, 222, 122, 66), "#2c4044")
    fill(rect(724, 222, 58, 30), "#ffffff", 0.13)
    fill(rect(782, 222, 4, 66), "#dedccd")
    fill(rect(710, 340, 150, 26), "#a29f8e")
    fill("M372,432H650L686,482H342Z", "#36545f")
    fill("M386,438H638L664,474H362Z", Gradient((0, 438), (0, 474), "#5f8799", "#476b7b"))
    for x in (312, 716):
        fill([(x - 14, 474), (x - 3, 428), (x + 3, 428), (x + 14, 474)], "#cb6a28")
        fill([(x - 9, 457), (x - 6, 446), (x + 6, 446), (x + 9, 457)], "#efe9da")
        fill(rect(x - 20, 472, 40, 6), "#a8551d")
    _tree(canvas, 40, 250, 1.5)
    _tree(canvas, 918, 236, 1.35)
    fill(rect(656, 302, 20, 76), "#c9a53b")
    fill(rect(656, 302, 20, 76), "#000000", 0.08)


def barrier(canvas: Canvas, open_share: float) -> None:
    """The gate's barrier, from 0 closed to 1 open."""
    angle = math.radians(58 * open_share)
    x, y = 664.0, 318.0
    cos, sin = math.cos(angle), math.sin(angle)

    def piece(start: float, end: float) -> Outline:
        corners = ((start, -6.5), (end, -6.0), (end, 6.0), (start, 6.5))
        return [
            (x - along * cos - off * sin, y - along * sin + off * cos) for along, off in corners
        ]

    canvas.fill(piece(-24, 334), "#ecebe4")
    canvas.fill([piece(at, at + 34) for at in range(20, 330, 68)], "#b5382b")
    canvas.fill(ellipse(x, y, 11, 11), "#7d6722")


YARD = Lens(x=480, horizon=96, focal=560, above_floor=3.9)


def yard(canvas: Canvas) -> None:
    """The yard: where to stand is painted on the ground, two metres apart."""
    fill = canvas.fill
    fill(rect(0, 0, 960, 90), Gradient((0, 0), (0, 80), "#bcd0db", "#e6eae4"))
    fill(rect(0, 62, 960, 150), Gradient((0, 62), (0, 212), "#d2cbb5", "#bdb59d"))
    fill(rect(0, 52, 960, 14), "#8f6a4c")
    fill(rect(0, 66, 960, 7), "#000000", 0.14)
    for index in range(9):
        x = 28 + index * 106
        fill(rect(x - 4, 90, 72, 84), "#efe9d8")
        fill(rect(x, 94, 64, 76), Gradient((0, 94), (0, 170), "#3a5258", "#52696d"))
        fill([(x, 94), (x + 64, 94), (x, 150)], "#ffffff", 0.1)
        fill(rect(x + 30, 94, 4, 76), "#efe9d8")
        fill(rect(x - 8, 173, 80, 7), "#a79f87")
    fill(rect(0, 188, 960, 24), "#9c957f")
    fill(rect(0, 210, 960, 330), Gradient((0, 210), (0, 540), "#a9a798", "#73736a"))
    lens = YARD
    for z in (19, 16, 13.5, 11.4, 9.6, 8.1, 6.8, 5.7, 4.8):
        y = lens.at(0, 0, z)[1]
        canvas.stroke([(0, y), (960, y)], "#000000", 1.4, 0.08)
    for x in range(-16, 17, 2):
        canvas.stroke([lens.at(x, 0, 19), lens.at(x, 0, 4.5)], "#000000", 1.4, 0.07)
    for z in (16.5, 12.6, 9.4, 6.7):
        for x in range(-8, 9, 2):
            cx, cy = lens.at(x * 1.15, 0, z)
            radius = 0.42 * lens.focal / z
            fill(ring(cx, cy, radius, radius * 0.32, 0.82), "#efe7c8", 0.8)
    _tree(canvas, 70, 252, 1.25)
    _tree(canvas, 900, 260, 1.4)
    fill(round_rect(350, 196, 120, 12, 3), "#6d5640")
    fill([*[rect(x, 206, 6, 16) for x in (360, 454)]], "#4f3d2d")
    fill(round_rect(520, 196, 120, 12, 3), "#6d5640")
    fill([*[rect(x, 206, 6, 16) for x in (530, 624)]], "#4f3d2d")


HALL = Lens(x=480, horizon=150, focal=520, above_floor=2.6)


def _hall(canvas: Canvas, wall: Paint, floor: tuple[str, str], ground: float) -> None:
    """A room seen from the front: back wall down to `ground`, then the floor."""
    canvas.fill(rect(0, 0, 960, ground), wall)
    canvas.fill(rect(0, ground, 960, 540 - ground), Gradient((0, ground), (0, 540), *floor))
    lens = HALL
    near = lens.floor_z(560)
    far = lens.floor_z(ground + 0.5)
    for step in range(-24, 25):
        canvas.stroke(
            [lens.at(step * 0.8, 0, far), lens.at(step * 0.8, 0, near)], "#000", 1.2, 0.06
        )
    z = far
    while z > near:
        y = lens.at(0, 0, z)[1]
        if y > ground + 1:
            canvas.stroke([(0, y), (960, y)], "#000", 1.2, 0.06)
        z -= 0.8
    canvas.fill(rect(0, ground - 9, 960, 9), "#000000", 0.2)


def reception(canvas: Canvas) -> None:
    """The reception: a counter behind clear sheets, places to wait marked on the floor."""
    fill = canvas.fill
    _hall(canvas, Gradient((0, 0), (0, 280), "#8d7f6b", "#cdbfa6"), ("#a79c8b", "#675f55"), 284)
    for x in range(0, 960, 160):
        fill(rect(x + 157, 24, 3, 252), "#000000", 0.09)
    fill(rect(0, 0, 960, 34), Gradient((0, 0), (0, 34), "#55504a", "#7b746a"))
    for x in (150, 400, 650):
        fill([(x, 8), (x + 150, 8), (x + 138, 24), (x + 12, 24)], "#fdfbef", 0.92)
    fill(round_rect(316, 62, 328, 58, 6), "#3b4f4b")
    lettering.write(canvas, "LỄ TÂN", x=426, y=78, height=33, colour="#e9dfc0")
    for x, hours in ((236, 0.9), (706, 2.3)):
        fill(ellipse(x, 92, 27, 27), "#2f2c28")
        fill(ellipse(x, 92, 23, 23), "#f2efe6")
        canvas.stroke([(x, 92), (x + 11 * hours / 2.3, 82)], "#2f2c28", 3)
        canvas.stroke([(x, 92), (x - 5, 75)], "#2f2c28", 2)
    fill(rect(58, 150, 112, 128), "#6a4a31")
    fill(rect(66, 158, 96, 120), "#7b573a")
    fill(ellipse(152, 218, 4, 4), "#d8c07a")
    _plant(canvas, 866, 300, 1.25)
    for z in (6.2, 4.7, 3.8):
        cx, cy = HALL.at(-0.2, 0, z)
        _foot_mark(canvas, cx, cy, HALL.focal / z)


def counter(canvas: Canvas) -> None:
    """The reception's counter; people stand behind it and before it."""
    fill = canvas.fill
    fill(round_rect(198, 300, 564, 20, 4), "#e3d7bf")
    fill(rect(210, 320, 540, 104), Gradient((0, 320), (0, 424), "#8a6443", "#5f4229"))
    for x in range(228, 740, 86):
        fill(round_rect(x, 334, 70, 76, 4), "#000000", 0.1)
    fill(rect(210, 420, 540, 10), "#2d2118")
    fill([(150, 432), (810, 432), (840, 446), (120, 446)], "#000000", 0.12)
    for x in (300, 580):
        fill(round_rect(x, 262, 66, 38, 3), "#23282a")
        fill(rect(x + 28, 298, 10, 6), "#23282a")
    for x in (214, 392, 484, 664):
        fill(rect(x, 214, 3, 88), "#c8d3d4", 0.9)
    for x, wide in ((217, 175), (487, 177)):
        fill(rect(x, 214, wide, 88), "#e4f1f3", 0.13)
        fill([(x + 20, 214), (x + 52, 214), (x + 8, 300), (x, 300), (x, 272)], "#ffffff", 0.1)


def lobby(canvas: Canvas) -> None:
    """The lobby: glass doors to the street, benches with every second place barred."""
    fill = canvas.fill
    _hall(canvas, Gradient((0, 0), (0, 300), "#a9adb0", "#d9d8d2"), ("#b5b2ab", "#6e6c68"), 300)
    fill(rect(0, 0, 960, 40), Gradient((0, 0), (0, 40), "#6d7375", "#969b9c"))
    for x in (90, 400, 710):
        fill([(x, 10), (x + 160, 10), (x + 146, 28), (x + 14, 28)], "#fbfdf6", 0.92)
    fill(rect(272, 76, 416, 224), "#2d373a")
    fill(rect(284, 88, 392, 206), Gradient((0, 88), (0, 294), "#cfe2ea", "#eef1e6"))
    fill("M284,232Q360,206 430,224T676,214V294H284Z", "#86a184")
    fill(rect(284, 262, 392, 32), "#a8a79a")
    fill([rect(x, 88, 6, 206) for x in (378, 477, 576)], "#2d373a")
    fill(rect(284, 128, 392, 4), "#2d373a")
    fill(
        [[(300, 88), (352, 88), (300, 210)], [(500, 88), (548, 88), (494, 230), (494, 120)]],
        "#ffffff",
        0.22,
    )
    fill([rect(466, 190, 5, 40), rect(489, 190, 5, 40)], "#c9cfcd")
    fill([(284, 300), (676, 300), (790, 470), (170, 470)], "#ffffff", 0.1)
    fill(round_rect(356, 48, 248, 24, 4), "#356b5c")
    lettering.write(canvas, "SẢNH CHÍNH", x=424, y=51, height=18, colour="#f0efe0")
    for x in (196, 716):
        fill(rect(x, 40, 48, 292), Gradient((x, 0), (x + 48, 0), "#d9d7d0", "#9a9993"))
        fill(rect(x - 6, 322, 60, 14), "#7c7b76")
    for x, flip in ((28, 0), (770, 1)):
        for seat in range(3):
            left = x + seat * 54
            barred = (seat + flip) % 2
            fill(round_rect(left, 316, 48, 34, 5), "#4c6a78" if not barred else "#7f8f94")
            fill(round_rect(left, 346, 48, 16, 4), "#3f5966" if not barred else "#6f7e83")
            if barred:
                canvas.stroke([(left + 14, 324), (left + 34, 342)], "#c6483a", 4)
                canvas.stroke([(left + 34, 324), (left + 14, 342)], "#c6483a", 4)
        fill([rect(left, 362, 5, 18) for left in (x + 12, x + 140)], "#30383b")
    _plant(canvas, 262, 316, 0.95)
    _plant(canvas, 698, 316, 0.95)
    fill(round_rect(104, 128, 66, 96, 3), "#f4f1e6")
    fill([rect(114, y, 46 - (y % 3) * 6, 4) for y in range(144, 212, 11)], "#7a8587")
    fill(rect(104, 128, 66, 10), "#2a7f86")


def sampling(canvas: Canvas) -> None:
    """The sampling area under a canopy: a table, a chair, tape between those who wait."""
    fill = canvas.fill
    fill(rect(0, 0, 960, 260), Gradient((0, 0), (0, 240), "#b8cbd4", "#e3e8e0"))
    fill(rect(0, 150, 960, 112), Gradient((0, 150), (0, 262), "#cdc8ba", "#b3ad9c"))
    for x in range(30, 960, 150):
        fill(rect(x, 170, 74, 62), "#4b6167")
        fill([(x, 170), (x + 74, 170), (x, 214)], "#ffffff", 0.1)
        fill(rect(x - 4, 232, 82, 6), "#9c9583")
    fill(rect(0, 258, 960, 282), Gradient((0, 258), (0, 540), "#a3a599", "#6a6c63"))
    for step in range(-14, 15):
        canvas.stroke([(480 + step * 60, 258), (480 + step * 190, 540)], "#000", 1.2, 0.05)
    for y in (286, 322, 370, 436):
        canvas.stroke([(0, y), (960, y)], "#000", 1.2, 0.05)
    fill([(250, 276), (720, 276), (806, 498), (170, 498)], "#3d4a45", 0.2)
    for x in (236, 724):
        fill(rect(x - 4, 96, 8, 196), "#dfe4e2")
    for x in (152, 812):
        fill(rect(x - 6, 104, 12, 390), Gradient((x - 6, 0), (x + 6, 0), "#eef2f0", "#b3bdba"))
    fill(
        "M120,108L482,40L844,108L830,126Q790,138 750,126T670,126T590,126T510,126T430,126T350,126"
        "T270,126T190,126T134,126Z",
        Gradient((0, 40), (0, 134), "#4f97a8", "#2f7183"),
    )
    fill([(482, 40), (844, 108), (830, 126), (482, 126)], "#0b2a33", 0.16)
    lettering.write(canvas, "LẤY MẪU", x=426, y=88, height=24, colour="#f2f6f2")
    for x in (206, 760):
        canvas.stroke([(x, 470), (x, 398)], "#3c4442", 5)
        fill(ellipse(x, 472, 16, 5), "#3c4442")
    canvas.stroke("M206,404Q110,420 0,408", "#d8483a", 4)
    canvas.stroke("M760,404Q860,420 960,408", "#d8483a", 4)
    for x, y in ((842, 330), (900, 380), (930, 448)):
        fill(ellipse(x, y, 30 + (y - 330) * 0.12, 9 + (y - 330) * 0.04), "#f0e6bd", 0.7)


def sampling_table(canvas: Canvas) -> None:
    """The table with tubes and the cold box."""
    fill = canvas.fill
    fill([(300, 352), (520, 352), (536, 372), (284, 372)], "#eef1ee")
    fill([(284, 372), (536, 372), (536, 384), (284, 384)], "#c9cfcb")
    fill([rect(x, 384, 8, 64) for x in (296, 516)], "#8d9793")
    for x, colour in ((330, "#c9463a"), (352, "#3b7fb0"), (374, "#e3b341")):
        fill(round_rect(x, 336, 15, 22, 3), colour)
    fill(round_rect(412, 330, 64, 30, 3), "#dfe9ee")
    fill(rect(412, 342, 64, 5), "#3b7fb0")
    fill(round_rect(556, 414, 32, 42, 4), "#d9a92e")


def goods(canvas: Canvas) -> None:
    """Where goods come in: shelves, a shutter, a table on which parcels rest before they go on."""
    fill = canvas.fill
    _hall(canvas, Gradient((0, 0), (0, 312), "#7f8884", "#c0c6bc"), ("#96988d", "#5d6059"), 312)
    fill(rect(0, 0, 960, 30), "#59625f")
    for x in (180, 600):
        fill([(x, 8), (x + 180, 8), (x + 168, 22), (x + 12, 22)], "#fbfdf4", 0.92)
    boxes = ("#b48a5a", "#a57c50", "#c79f6e", "#d8d3c3", "#8aa3a8", "#b9925f")
    for level, shelf in enumerate((148, 226, 304)):
        at = 86
        index = level * 2
        while at < 540:
            wide = 44 + (index * 29) % 34
            high = 34 + (index * 17) % 22
            if at + wide > 552:
                break
            colour = boxes[(index * 5 + level) % len(boxes)]
            fill(
                rect(at, shelf - high, wide, high),
                Gradient((at, 0), (at + wide, 0), colour, mix(colour, "#2b2418", 0.22)),
            )
            fill(rect(at + wide / 2 - 4, shelf - high, 8, high), "#000000", 0.1)
            fill(rect(at + 6, shelf - high + 8, 13, 9), "#f4f1e6", 0.75)
            at += wide + 7 + (index * 11) % 9
            index += 1
        fill(rect(70, shelf, 500, 9), "#55615e")
        fill(rect(70, shelf + 9, 500, 6), "#000000", 0.14)
    fill([rect(x, 78, 9, 344) for x in (66, 312, 562)], "#47524f")
    fill(rect(650, 106, 226, 226), Gradient((0, 106), (0, 332), "#3c4a4d", "#56666a"))
    for y in range(116, 332, 14):
        fill(rect(650, y, 226, 2), "#000000", 0.22)
    fill(rect(640, 94, 246, 14), "#5f6f72")
    fill([rect(640, 94, 10, 238), rect(876, 94, 10, 238)], "#4d5b5e")
    lettering.write(canvas, "NHẬN HÀNG", x=700, y=62, height=22, colour="#f1ecd6")
    fill(round_rect(84, 352, 58, 60, 5), "#44626b")
    fill(rect(84, 366, 58, 4), "#000000", 0.18)


def goods_table(canvas: Canvas) -> None:
    """The table on which parcels rest."""
    fill = canvas.fill
    fill([(470, 398), (880, 398), (912, 424), (440, 424)], "#dcded6")
    fill(rect(440, 424, 472, 13), "#b2b6ad")
    fill([rect(x, 437, 13, 84) for x in (456, 884)], "#858d87")
    for x, y, wide, high, colour in (
        (500, 348, 74, 56, "#b48a5a"),
        (588, 366, 52, 38, "#c79f6e"),
        (792, 362, 66, 42, "#a57c50"),
    ):
        fill(
            rect(x, y, wide, high),
            Gradient((x, 0), (x + wide, 0), colour, mix(colour, "#2b2418", 0.2)),
        )
        fill(rect(x + wide / 2 - 5, y, 10, high), "#000000", 0.1)
    for x, colour in ((664, "#c94f3e"), (716, "#3c7f9c")):
        fill(round_rect(x, 358, 44, 46, 8), colour)
        canvas.stroke([(x + 12, 360), (x + 16, 348), (x + 28, 348), (x + 32, 360)], colour, 3)


def perimeter(canvas: Canvas) -> None:
    """The fence behind the building, seen by infra-red light at dusk: no colours."""
    fill = canvas.fill
    fill(rect(0, 0, 960, 250), Gradient((0, 0), (0, 250), "#2a2a2a", "#5a5a5a"))
    fill("M0,214Q160,150 330,198T700,182T960,202V290H0Z", "#3a3a3a")
    fill(rect(0, 246, 960, 294), Gradient((0, 246), (0, 540), "#6d6d6d", "#9a9a9a"))
    fill("M360,246H470L700,540H60Z", Gradient((0, 246), (0, 540), "#828282", "#b9b9b9"))
    fill(ellipse(470, 452, 360, 130, 48), "#ffffff", 0.12)
    fill(ellipse(470, 470, 230, 84, 48), "#ffffff", 0.12)
    fill(
        [(0, 40), (250, 150), (250, 262), (0, 400)],
        Gradient((0, 0), (250, 0), "#a2a2a2", "#6a6a6a"),
    )
    for x, top, wide in ((36, 130, 60), (136, 160, 44)):
        fill(
            [
                (x, top),
                (x + wide, top + wide * 0.42),
                (x + wide, top + wide * 0.42 + 60),
                (x, top + 84),
            ],
            "#2e2e2e",
        )
    posts = [
        Lens(x=420, horizon=190, focal=520, above_floor=2.8).at(2.4, 0, z)
        for z in (3.6, 5.0, 6.6, 8.6, 11.5, 16.0, 24.0)
    ]
    tops = [
        Lens(x=420, horizon=190, focal=520, above_floor=2.8).at(2.4, 2.4, z)
        for z in (3.6, 5.0, 6.6, 8.6, 11.5, 16.0, 24.0)
    ]
    for share in (0.08, 0.3, 0.52, 0.74, 0.96):
        wire = [
            (px + (tx - px) * share, py + (ty - py) * share)
            for (px, py), (tx, ty) in zip(posts, tops, strict=True)
        ]
        canvas.stroke(wire, "#d5d5d5", 1.6, 0.8)
    for (px, py), (tx, ty) in zip(posts, tops, strict=True):
        canvas.stroke([(px, py), (tx, ty)], "#e2e2e2", max(2.0, (py - ty) / 34))
    fill(ellipse(70, 470, 110, 60), "#5a5a5a")
    fill(ellipse(20, 440, 90, 70), "#4c4c4c")


def _tree(canvas: Canvas, x: float, ground: float, scale: float) -> None:
    canvas.fill(rect(x - 7 * scale, ground - 90 * scale, 14 * scale, 96 * scale), "#5d4a38")
    crown = ((0, -150, 62, 52), (-38, -118, 44, 40), (38, -120, 46, 40), (0, -104, 54, 34))
    for dx, dy, rx, ry in crown:
        canvas.fill(ellipse(x + dx * scale, ground + dy * scale, rx * scale, ry * scale), "#3f5f45")
    for dx, dy, rx, ry in ((-16, -164, 36, 26), (-40, -126, 26, 20), (30, -136, 26, 20)):
        canvas.fill(
            ellipse(x + dx * scale, ground + dy * scale, rx * scale, ry * scale), "#5f8561", 0.75
        )


def _plant(canvas: Canvas, x: float, ground: float, scale: float) -> None:
    canvas.fill(
        [
            (x - 20 * scale, ground - 34 * scale),
            (x + 20 * scale, ground - 34 * scale),
            (x + 14 * scale, ground),
            (x - 14 * scale, ground),
        ],
        "#9a5b3c",
    )
    for lean, tall in ((-38, 74), (-20, 96), (0, 108), (20, 98), (38, 76)):
        tip = (x + lean * scale, ground - (34 + tall) * scale)
        middle = (x + lean * 0.75 * scale, ground - (34 + tall * 0.5) * scale)
        base = (x + lean * 0.2 * scale, ground - 34 * scale)
        side = 10 * scale
        leaf = [base, (middle[0] - side, middle[1]), tip, (middle[0] + side, middle[1])]
        canvas.fill(leaf, "#46724a" if lean % 40 else "#5d8d5c")


def _foot_mark(canvas: Canvas, x: float, y: float, scale: float) -> None:
    canvas.fill(ring(x, y, 0.36 * scale, 0.115 * scale, 0.82), "#f0d98a", 0.85)
    canvas.fill(
        [
            ellipse(x - 0.09 * scale, y, 0.06 * scale, 0.055 * scale),
            ellipse(x + 0.09 * scale, y, 0.06 * scale, 0.055 * scale),
        ],
        "#f0d98a",
        0.85,
    )
