"""People of the scenes: silhouettes without faces, with a shirt's colour or in a protective suit.

A figure stands with its feet at a point of the picture and is as high as the place's perspective
says. All lengths below are shares of its height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vonggac.sim.raster import ellipse, line, mix

if TYPE_CHECKING:
    from vonggac.sim.raster import Canvas, Outline

Facing = Literal["toward", "away", "left", "right"]


@dataclass(frozen=True, slots=True)
class Dress:
    """What somebody wears."""

    shirt: str
    trousers: str
    head: str = "#2f2a26"
    """Hair, or a cap."""
    skin: str = "#c79a78"
    mask: str = "#8fb7c9"
    shoes: str = "#2b2a28"
    suit: bool = False
    """One piece with a hood, gloves and goggles."""
    cap: bool = False


SUIT = Dress(
    shirt="#e4ebea", trousers="#e4ebea", head="#e9efee", skin="#cfdadb", shoes="#8fa9b8", suit=True
)
BLUE_SUIT = Dress(
    shirt="#9cc3d6", trousers="#9cc3d6", head="#a9cbdb", skin="#d6e2e6", shoes="#6f8fa3", suit=True
)
GUARD = Dress(shirt="#4f6b45", trousers="#3d5237", head="#44583a", cap=True)
STAFF = Dress(shirt="#3f7f86", trousers="#35686f")


def guest(shirt: str, trousers: str = "#4a4f57", head: str = "#2f2a26") -> Dress:
    """Somebody who stays at the place."""
    return Dress(shirt=shirt, trousers=trousers, head=head)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where somebody is at one moment, and how they hold themselves."""

    x: float
    """Of the feet, in design units."""
    y: float
    height: float
    facing: Facing = "toward"
    stride: float = 0.0
    """How wide the legs swing, 0 standing to 1 walking."""
    phase: float = 0.0
    """Where in a double step, in turns."""
    reach: float = 0.0
    """How far the arms are held out in front, 0 to 1."""
    seated: bool = False
    opacity: float = 1.0
    light: float = 1.0
    """Below 1 where the place is dark."""
    carries: str = ""
    """Colour of a box held in front; empty for none."""


def draw(canvas: Canvas, dress: Dress, pose: Pose) -> None:
    """Draw somebody."""
    _Body(canvas, dress, pose).draw()


class _Body:
    def __init__(self, canvas: Canvas, dress: Dress, pose: Pose) -> None:
        self.canvas = canvas
        self.dress = dress
        self.pose = pose
        swing = math.sin(2 * math.pi * pose.phase) * pose.stride
        lift = math.cos(2 * math.pi * pose.phase) * pose.stride
        self.swing = swing
        self.bob = -abs(swing) * 0.012
        self.sideways = pose.facing in ("left", "right")
        self.sign = -1.0 if pose.facing == "left" else 1.0
        self.lift = lift

    def at(self, x: float, y: float) -> tuple[float, float]:
        pose = self.pose
        return pose.x + x * pose.height, pose.y - y * pose.height

    def limb(self, points: list[tuple[float, float]], width: float, end: float) -> list[Outline]:
        height = self.pose.height
        return line([self.at(x, y) for x, y in points], width * height, end_width=end * height)

    def blob(self, x: float, y: float, rx: float, ry: float) -> Outline:
        cx, cy = self.at(x, y)
        height = self.pose.height
        return ellipse(cx, cy, rx * height, ry * height, 18)

    def fill(self, shapes: list[Outline], colour: str, opacity: float = 1.0) -> None:
        pose = self.pose
        paint = mix("#0a0f0f", colour, pose.light) if pose.light < 1 else colour
        self.canvas.fill(shapes, paint, opacity * pose.opacity)

    def draw(self) -> None:
        dress = self.dress
        self.fill([self.blob(0, 0.004, 0.19, 0.036)], "#000000", 0.28)
        legs, shoes = self.legs()
        self.fill(legs, dress.trousers)
        self.fill(shoes, dress.shoes)
        arms, hands = self.arms()
        behind = self.pose.facing == "away"
        if behind:
            self.hold(hands)
        self.fill([*arms, self.torso()], dress.shirt)
        self.fill([*self.shade()], "#0c1416", 0.17)
        if not behind:
            self.hold(hands)
        self.head()

    def legs(self) -> tuple[list[Outline], list[Outline]]:
        suit = 0.012 if self.dress.suit else 0.0
        hip = 0.47 + self.bob
        pieces: list[Outline] = []
        shoes = []
        for side in (-1, 1):
            if self.pose.seated:
                knee = (side * 0.07, 0.27)
                foot = (side * 0.075, 0.03)
                pieces += self.limb([(side * 0.06, 0.32), knee], 0.125, 0.115)
                pieces += self.limb([knee, foot], 0.1 + suit, 0.075 + suit)
                shoes.append(self.blob(foot[0], 0.014, 0.042, 0.022))
                continue
            if self.sideways:
                forward = side * self.swing * 0.17 * self.sign
                lifted = max(0.0, side * self.lift) * 0.035
                knee = (forward * 0.55 + self.sign * lifted, 0.25 + lifted * 0.5)
                foot = (forward, 0.028 + lifted)
                pieces += self.limb([(side * 0.008, hip), knee, foot], 0.13 + suit, 0.075 + suit)
                shoes.append(self.blob(foot[0] + self.sign * 0.02, 0.014 + lifted, 0.05, 0.02))
            else:
                lifted = max(0.0, side * self.swing) * 0.05
                foot = (side * 0.062, 0.03 + lifted)
                pieces += self.limb([(side * 0.052, hip), foot], 0.118 + suit, 0.078 + suit)
                shoes.append(self.blob(foot[0], 0.014 + lifted, 0.042, 0.024))
        return pieces, shoes

    def torso(self) -> Outline:
        drop = 0.17 if self.pose.seated else 0.0
        wide = 0.8 if self.sideways else 1.0
        loose = 1.1 if self.dress.suit else 1.0
        top, bottom = 0.815 + self.bob - drop, 0.44 + self.bob - drop
        half = 0.118 * wide
        low = 0.108 * wide * loose
        rim: list[tuple[float, float]] = [
            (-0.04, top + 0.02),
            (-half * 0.8, top),
            (-half, top - 0.05),
            (-half * 0.93, (top + bottom) / 2),
            (-low, bottom),
            (-low * 0.9, bottom - 0.025),
            (low * 0.9, bottom - 0.025),
            (low, bottom),
            (half * 0.93, (top + bottom) / 2),
            (half, top - 0.05),
            (half * 0.8, top),
            (0.04, top + 0.02),
        ]
        return [self.at(x, y) for x, y in rim]

    def arms(self) -> tuple[list[Outline], list[tuple[float, float]]]:
        drop = 0.17 if self.pose.seated else 0.0
        suit = 0.012 if self.dress.suit else 0.0
        pieces: list[Outline] = []
        hands = []
        reach = 0.75 if self.pose.carries else self.pose.reach
        for side in (-1, 1):
            shoulder_y = 0.775 + self.bob - drop
            if self.sideways:
                shoulder = (0.0, shoulder_y)
                forward = -side * self.swing * 0.15 * self.sign
                hand = (forward + self.sign * 0.2 * reach, 0.47 + 0.16 * reach - drop)
                elbow = (forward * 0.4 + self.sign * 0.03 * reach - self.sign * 0.012, 0.62 - drop)
            else:
                shoulder = (side * 0.118, shoulder_y)
                forward = max(0.0, -side * self.swing) * 0.03
                hand = (side * (0.158 - 0.1 * reach), 0.455 + 0.15 * reach + forward - drop)
                elbow = (side * (0.152 + 0.01 * reach), 0.615 - drop)
            pieces += self.limb([shoulder, elbow, hand], 0.082 + suit, 0.056 + suit)
            hands.append(hand)
        return pieces, hands

    def hold(self, hands: list[tuple[float, float]]) -> None:
        if self.pose.carries:
            middle = (hands[0][0] + hands[1][0]) / 2
            level = (hands[0][1] + hands[1][1]) / 2
            box = [
                self.at(middle - 0.11, level + 0.12),
                self.at(middle + 0.11, level + 0.12),
                self.at(middle + 0.11, level - 0.03),
                self.at(middle - 0.11, level - 0.03),
            ]
            tape = [
                self.at(middle - 0.015, level + 0.12),
                self.at(middle + 0.015, level + 0.12),
                self.at(middle + 0.015, level - 0.03),
                self.at(middle - 0.015, level - 0.03),
            ]
            self.fill([box], self.pose.carries)
            self.fill([tape], "#000000", 0.15)
        gloves = "#7fa9c4" if self.dress.suit else self.dress.skin
        self.fill([self.blob(x, y - 0.012, 0.026, 0.03) for x, y in hands], gloves)

    def shade(self) -> list[Outline]:
        """The side away from the light: the right half of the trunk and the inner edge of arms."""
        drop = 0.17 if self.pose.seated else 0.0
        wide = 0.8 if self.sideways else 1.0
        top, bottom = 0.8 + self.bob - drop, 0.43 + self.bob - drop
        half = [
            self.at(0.02 * wide, top),
            self.at(0.11 * wide, top - 0.03),
            self.at(0.108 * wide, bottom),
            self.at(0.0, bottom),
        ]
        pieces: list[Outline] = [half]
        if not self.sideways:
            for side in (-1, 1):
                pieces += self.limb(
                    [(side * 0.104, top - 0.09), (side * 0.108, bottom + 0.06)], 0.012, 0.014
                )
        return pieces

    def head(self) -> None:
        drop = 0.17 if self.pose.seated else 0.0
        dress = self.dress
        y = 0.905 + self.bob - drop
        turn = 0.014 * self.sign if self.sideways else 0.0
        away = self.pose.facing == "away"
        if dress.suit:
            self.fill(
                [self.blob(0, y, 0.077, 0.088), self.blob(0, y - 0.075, 0.07, 0.045)], dress.head
            )
            if not away:
                face = turn * 2.2
                self.fill([self.blob(face, y - 0.005, 0.05, 0.058)], dress.skin)
                self.fill([self.blob(face, y - 0.03, 0.047, 0.032)], dress.mask)
                self.fill([self.blob(face, y + 0.018, 0.045, 0.017)], "#3c5560")
            else:
                self.fill([self.blob(0.02, y - 0.01, 0.05, 0.07)], "#0c1416", 0.1)
            return
        self.fill([*self.limb([(0, y - 0.05), (0, y - 0.1)], 0.055, 0.07)], dress.skin)
        if away:
            self.fill([self.blob(0, y, 0.06, 0.076)], dress.head)
            return
        self.fill([self.blob(turn, y - 0.004, 0.057, 0.073)], dress.skin)
        crown = [
            self.at(
                math.cos(math.pi * step / 10) * 0.061 - turn * 0.6,
                y + 0.012 + math.sin(math.pi * step / 10) * 0.068,
            )
            for step in range(11)
        ]
        self.fill([crown], dress.head)
        if dress.cap:
            self.fill(
                [
                    [
                        self.at(-0.07 + turn * 3, y + 0.022),
                        self.at(0.07 + turn * 3, y + 0.022),
                        self.at(0.062 + turn * 3, y + 0.004),
                        self.at(-0.062 + turn * 3, y + 0.004),
                    ]
                ],
                "#2c3a26",
            )
        self.fill(
            [
                [
                    self.at(-0.05 + turn * 2, y - 0.005),
                    self.at(0.05 + turn * 2, y - 0.005),
                    self.at(0.042 + turn * 2, y - 0.05),
                    self.at(turn * 2, y - 0.066),
                    self.at(-0.042 + turn * 2, y - 0.05),
                ]
            ],
            dress.mask,
        )
