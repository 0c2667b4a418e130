"""What is measured of a picture tells a fault of the camera from what happens before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac.edge.picture_measures import (
    AGREES,
    HEIGHT,
    WIDTH,
    compare,
    counted,
    enough,
    luma_of,
    prepare,
    typical,
)
from vonggac.errors import VonggacError

CORNER = ((0.0, 0.0), (0.3, 0.0), (0.3, 0.25), (0.0, 0.25))


def room(seed: int = 1, *, dx: int = 0, dy: int = 0) -> np.ndarray:
    """A room of boxes and lines, of which the camera shows a part that `dx`, `dy` move."""
    chance = np.random.default_rng(seed)
    whole = np.full((HEIGHT * 2, WIDTH * 2), 120.0)
    for _ in range(160):
        y, x = chance.integers(0, HEIGHT * 2), chance.integers(0, WIDTH * 2)
        high, wide = chance.integers(8, 70, 2)
        whole[y : y + high, x : x + wide] = chance.uniform(30, 215)
    top, left = HEIGHT // 2 + dy, WIDTH // 2 + dx
    return whole[top : top + HEIGHT, left : left + WIDTH].astype(np.uint8)


def noisy(picture: np.ndarray, seed: int, sigma: float = 1.5) -> np.ndarray:
    """With the noise of a sensor."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


REFERENCE = prepare(room())


def test_the_same_view_agrees_everywhere():
    """Noise is all that differs between two pictures of a camera that hangs still."""
    found = compare(prepare(noisy(room(), 5)), [REFERENCE])

    assert found.same == 1.0
    assert found.lost == 0.0
    assert found.sharpness is not None
    assert abs(found.sharpness - 1) < 0.1
    assert found.aligned is None, "nobody looks for a shift where all agrees"


@settings(max_examples=40, deadline=None)
@given(gain=st.floats(0.35, 1.15), offset=st.floats(-10, 15), seed=st.integers(0, 10_000))
def test_brighter_or_darker_is_no_move_and_no_cover(gain, offset, seed):
    """Lamps are switched and the sun goes down; the camera hangs where it hung."""
    picture = np.clip(room().astype(float) * gain + offset, 0, 255).astype(np.uint8)

    found = compare(prepare(noisy(picture, seed)), [REFERENCE])

    assert found.same is not None
    assert found.same >= 0.85
    assert found.lost is not None
    assert found.lost <= 0.05


@settings(max_examples=25, deadline=None)
@given(dx=st.integers(-60, 60), dy=st.integers(-40, 40))
def test_a_shift_is_found_with_its_direction(dx, dy):
    """Whoever straightens the camera wants to know where it points now."""
    if max(abs(dx), abs(dy)) < 8:
        return
    found = compare(prepare(noisy(room(dx=dx, dy=dy), 3)), [REFERENCE])

    assert found.same is not None
    assert found.same < 0.4
    assert found.aligned is not None
    assert found.aligned >= 0.5
    assert found.shift_x is not None
    assert found.shift_y is not None
    assert abs(found.shift_x + dx / WIDTH) < 0.01
    assert abs(found.shift_y + dy / HEIGHT) < 0.01


def test_another_place_agrees_nowhere():
    """A camera that was turned to the wall beside."""
    found = compare(prepare(room(9)), [REFERENCE])

    assert found.same is not None
    assert found.same < 0.1


def test_the_nearest_of_day_and_night_counts():
    """A camera has a face for each; either is right."""
    found = compare(prepare(noisy(room(9), 1)), [REFERENCE, prepare(room(9))])

    assert found.reference == 1
    assert found.same == 1.0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_an_equal_picture_has_not_changed_at_all(seed):
    """That a picture is frozen is told by bytes that stay; nothing may round them up."""
    picture = prepare(noisy(room(seed), seed))
    found = compare(picture, [], picture)

    assert found.change == 0
    assert found.change_most == 0


def test_what_is_ignored_counts_for_nothing():
    """A clock that runs in the corner must not make a frozen picture look alive."""
    seen = counted([CORNER])
    before, after = room(), room()
    after[: HEIGHT // 8, : WIDTH // 8] = 255

    found = compare(prepare(after, seen), [prepare(room(), seen)], prepare(before, seen))

    assert found.change == 0
    assert found.same == 1.0
    assert found.clipped_more == 0


def test_ignored_areas_that_leave_nothing_are_refused():
    """A camera of which all is ignored would be well for ever."""
    with pytest.raises(VonggacError, match="tenth"):
        counted([((0, 0), (1, 0), (1, 1), (0, 1))])
    with pytest.raises(VonggacError, match="corners"):
        counted([((0, 0), (1, 0))])
    with pytest.raises(VonggacError, match="at most"):
        counted([CORNER] * 17)
    assert counted([]) is None


def test_a_blank_wall_is_no_reference():
    """Against it everything would look covered, or nothing."""
    blank = prepare(np.full((HEIGHT, WIDTH), 90, np.uint8))

    assert not enough(blank)
    assert enough(REFERENCE)
    assert compare(REFERENCE, [blank]).same is None


def test_the_median_forgets_who_walked_through():
    """A reference shows the place, not the person who happened to pass."""
    pictures = [room() for _ in range(5)]
    pictures[2][50:150, 100:200] = 0

    assert (typical(pictures) == room()).all()
    assert AGREES < 1


def test_bytes_of_another_size_are_refused():
    """The decoder's answer is not trusted to be what was asked for."""
    with pytest.raises(VonggacError, match="bytes"):
        luma_of(bytes(10))
    assert luma_of(bytes(WIDTH * HEIGHT)).shape == (HEIGHT, WIDTH)
