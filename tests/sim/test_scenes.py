"""Scenes are drawn by a rasteriser of our own: it must be exact, and scenes must fit the clock."""

from __future__ import annotations

import itertools
import math
import string

import numpy as np
import pytest

from vonggac.sim import lettering, scenes
from vonggac.sim.band import rows_for
from vonggac.sim.raster import Canvas, Gradient, Layer, ellipse, path, rect, ring, yuv

BLACK, WHITE = 16.0, 235.0


def white(canvas: Canvas) -> float:
    """How many pixels are white, parts of pixels counted as parts."""
    return float((canvas.y - BLACK).sum() / (WHITE - BLACK))


def test_areas_are_what_geometry_says() -> None:
    """Of shapes whose area is known, whichever way their outline turns."""
    for outline, area in (
        (rect(10.25, 5, 20.5, 10), 205.0),
        (rect(10.25, 5, 20.5, 10)[::-1], 205.0),
        ([(0, 0), (40, 0), (0, 30)], 600.0),
        (ellipse(50, 40, 20, 10, 200), math.pi * 200),
        (ring(50, 40, 20, 20, 0.5), math.pi * 300),
    ):
        canvas = Canvas(100, 80, 100, 80)
        canvas.fill(outline, "#fff")
        assert white(canvas) == pytest.approx(area, rel=0.01)


def test_shapes_that_overlap_are_filled_once_and_have_no_holes() -> None:
    """An arm before a trunk, drawn as one shape, turned in opposite ways."""
    canvas = Canvas(100, 80, 100, 80)
    canvas.fill([rect(10, 10, 40, 40), rect(30, 30, 40, 40)[::-1]], "#fff")
    assert white(canvas) == pytest.approx(2 * 1600 - 400)
    assert canvas.y.max() == pytest.approx(WHITE)


def test_what_lies_outside_is_cut_off() -> None:
    """Walls of a corridor reach far beyond the picture."""
    canvas = Canvas(100, 80, 100, 80)
    canvas.fill([(-500, -500), (600, -500), (600, 40), (-500, 40)], "#fff")
    assert white(canvas) == pytest.approx(100 * 40)
    canvas.fill(rect(200, 10, 10, 10), "#fff")
    canvas.fill([], "#fff")
    assert white(canvas) == pytest.approx(100 * 40)


def test_a_path_is_read_as_svg_defines_it() -> None:
    """Absolute and relative commands, repeated ones, and a closed one that goes on."""
    assert path("M1,2H4V6L0,6z") == [[(1, 2), (4, 2), (4, 6), (0, 6)]]
    assert path("m1,2h3v4l-4,0zl1,1") == [[(1, 2), (4, 2), (4, 6), (0, 6), (2, 3)]]
    assert path("M0,0 2,0 2,2M5,5L6,6") == [[(0, 0), (2, 0), (2, 2)], [(5, 5), (6, 6)]]
    curve = path("M0,0Q10,0 10,10T20,20")[0]
    assert curve[5] == pytest.approx((7.5, 2.5))
    assert curve[10] == pytest.approx((10, 10))
    assert curve[15] == pytest.approx((12.5, 17.5))


def test_colours_follow_bt_709() -> None:
    """Players assume it for pictures of this size."""
    assert yuv("#000") == pytest.approx((16, 128, 128))
    assert yuv("#ffffff") == pytest.approx((235, 128, 128))
    assert yuv("#ff0000") == pytest.approx((62.6, 102.3, 240), abs=0.1)


def test_gradients_run_between_their_points() -> None:
    """And are flat beyond them."""
    canvas = Canvas(100, 80, 100, 80)
    canvas.fill(rect(0, 0, 100, 80), Gradient((0, 20), (0, 60), "#000000", "#ffffff"))
    column = canvas.y[:, 50]
    assert column[10] == pytest.approx(BLACK)
    assert column[70] == pytest.approx(WHITE)
    assert column[39] == pytest.approx((BLACK + WHITE) / 2, abs=3)


def test_a_layer_looks_like_what_it_was_made_of() -> None:
    """Furniture is drawn once and laid over every picture."""

    def paint(canvas: Canvas) -> None:
        canvas.fill(ellipse(50, 40, 20.3, 10.7), "#c03020", 0.7)
        canvas.fill(rect(60, 30, 20, 20), "#2040c0")

    ground = Canvas(100, 80, 100, 80)
    ground.fill(rect(0, 0, 100, 80), Gradient((0, 0), (100, 80), "#80a090", "#302010"))
    drawn, laid = ground.copy(), ground.copy()
    paint(drawn)
    Layer(ground, paint).lay(laid)
    assert np.abs(drawn.y - laid.y).max() < 0.01
    assert np.abs(drawn.u - laid.u).max() < 0.01
    laid.restore(ground)
    assert np.array_equal(laid.y, ground.y)
    assert np.array_equal(laid.v, ground.v)


def test_every_letter_that_may_be_written_has_a_shape() -> None:
    """Codes of cameras, the clock, and signs in Vietnamese."""
    for character in string.ascii_uppercase.replace("J", "").replace("W", "").replace("Z", ""):
        assert lettering.outlines(character, 2), character
    for character in string.digits + ":.-#/ĐẤẪẢỐỄÂÍÀẬ":
        assert lettering.outlines(character, 2), character
    assert len(lettering.outlines("Ậ", 2)) > len(lettering.outlines("Â", 2))


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_people_move_and_never_reach_the_clock(scene: str) -> None:
    """Something moves between any two pictures two thirds of a second apart; the top is still."""
    shots = list(scenes.pictures(scene, "", width=640, height=360, count=12))
    top = rows_for(360) * 16
    for before, after in itertools.pairwise(shots):
        assert np.array_equal(before[:top], after[:top])
        assert (np.abs(before[:360].astype(int) - after[:360]) > 12).sum() > 20
    assert shots[0][:360].std() > 15
    assert shots[0].shape == (540, 640)
    assert len(scenes.SCENES) == 10


def test_the_code_in_the_corner_is_the_cameras() -> None:
    """The same place watched by two cameras can be told apart."""
    first = next(iter(scenes.pictures("cg-1", "", width=640, height=360, count=4)))
    second = next(iter(scenes.pictures("cg-1", "CG-2", width=640, height=360, count=4)))
    different = np.argwhere(first[:360] != second[:360])
    assert different.size
    assert different[:, 0].min() > 330
    assert different[:, 1].min() > 560
