"""What befalls a camera's picture: faults that must be found, and nuisances that are none.

Pure functions of grey pictures, for `bench/picture.py` and the tests.  A *source* is what the place
looks like, larger than what the camera shows: a camera that is turned then shows another part of
it, as a real one does, and no black rim gives it away.  What is random comes from a seed.

How much *strong* and *mild* are is ours: strong is what anybody sees at a glance, mild what one
sees when both pictures lie side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Grey: TypeAlias = npt.NDArray[np.uint8]
"""Rows of pixels, 0 black to 255 white."""
Field: TypeAlias = npt.NDArray[np.float32]

Fault = Literal["cover", "defocus", "move", "freeze", "black", "glare"]
Nuisance = Literal["light_switched", "crowd", "person_close", "slow_dusk", "compression"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
NUISANCES: Final[tuple[Nuisance, ...]] = get_args(Nuisance)

WIDTH: Final = 640
HEIGHT: Final = 360
"""A usual sub-stream."""
WINDOW: Final = 0.75
"""Share of the source that a camera shows: it may turn by a sixth of its view to every side."""
SENSOR_NOISE: Final = 1.6
"""Grey levels; a small sensor indoors has 1 to 3."""


def seen(source: Grey, *, dx: float = 0.0, dy: float = 0.0, degrees: float = 0.0) -> Grey:
    """What the camera shows of a place, `WIDTH` by `HEIGHT`.

    Args:
        source: the place.
        dx: by how much the camera is turned aside, as a share of its view's width.
        dy: the same down.
        degrees: by how much it hangs askew.
    """
    rows, columns = source.shape
    wide, high = WINDOW * columns, WINDOW * rows
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    x = (x + 0.5) / WIDTH - 0.5
    y = (y + 0.5) / HEIGHT - 0.5
    x, y = x * wide, y * high
    turned_x = np.cos(angle) * x - np.sin(angle) * y + columns / 2 - 0.5 + dx * wide
    turned_y = np.sin(angle) * x + np.cos(angle) * y + rows / 2 - 0.5 + dy * high
    return _sampled(source, turned_x, turned_y)


def noisy(picture: Grey, seed: int, sigma: float = SENSOR_NOISE) -> Grey:
    """With the sensor's noise of one moment."""
    noise = np.random.default_rng(seed).standard_normal(picture.shape, np.float32)
    return _grey(picture.astype(np.float32) + noise * np.float32(sigma))


def faulty(fault: Fault, source: Grey, before: Grey, *, strong: bool, seed: int) -> Grey:
    """A camera's picture under a fault.

    Args:
        fault: which.
        source: the place as it is now.
        before: what the camera showed as the fault began.
        strong: or mild.
        seed: of the fault: the same all the time that it lasts.
    """
    if fault == "freeze":
        return before
    if fault == "move":
        return _moved(source, strong=strong, seed=seed)
    return _IN_THE_PICTURE[fault](seen(source), strong, np.random.default_rng(seed))


def _moved(source: Grey, *, strong: bool, seed: int) -> Grey:
    """Strong: turned by an eighth of the view and askew; mild: a push of a few hundredths."""
    chance = np.random.default_rng(seed)
    side = 1 if chance.random() < 0.5 else -1
    if strong:
        dx, dy = side * chance.uniform(0.12, 0.15), chance.uniform(-0.12, 0.12)
        return seen(source, dx=dx, dy=dy, degrees=chance.uniform(-6, 6))
    if chance.random() < 0.5:
        return seen(source, dx=side * chance.uniform(0.025, 0.05), dy=chance.uniform(-0.03, 0.03))
    return seen(source, dx=side * 0.01, degrees=side * chance.uniform(2.5, 5))


def _covered(picture: Grey, strong: bool, chance: np.random.Generator) -> Grey:
    """Something before the lens, too near to be sharp: all of it, or about a half from one side."""
    plate = _shaded(float(chance.uniform(35, 170)), chance)
    if strong:
        return _grey(plate + _share_of_light(picture, 0.04))
    y, x = _places()
    angle = chance.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)
    edge = float(np.quantile(along, 1 - chance.uniform(0.45, 0.6)))
    over = 1 / (1 + np.exp(-(along - edge) * 40))
    return _grey(picture * (1 - over) + plate * over)


def _defocused(picture: Grey, strong: bool, chance: np.random.Generator) -> Grey:
    """A lens that was touched. Sigma in pixels of 640: strong 4.5 to 7, mild 1.8 to 2.4."""
    sigma = chance.uniform(4.5, 7) if strong else chance.uniform(1.8, 2.4)
    return blurred(picture, float(sigma))


def _black(picture: Grey, strong: bool, chance: np.random.Generator) -> Grey:
    """No light at all, or so little that nobody would be recognised."""
    share = 0.0 if strong else chance.uniform(0.03, 0.06)
    return _grey(picture * np.float32(share) + chance.uniform(0, 6))


def _glaring(picture: Grey, strong: bool, chance: np.random.Generator) -> Grey:
    """A lamp into the lens: a white blot over most or a fourth of the picture, and a veil."""
    y, x = _places()
    cx, cy = chance.uniform(0.3, 0.7), chance.uniform(0.3, 0.7)
    distance = np.hypot((x - cx) * 16 / 9, y - cy)
    radius = float(np.quantile(distance, 0.7 if strong else chance.uniform(0.25, 0.35)))
    blot = 420 / (1 + np.exp((distance - radius) * 9))
    return _grey(picture * 0.8 + 40 + blot)


_IN_THE_PICTURE: Final[dict[str, Callable[[Grey, bool, np.random.Generator], Grey]]] = {
    "cover": _covered,
    "defocus": _defocused,
    "black": _black,
    "glare": _glaring,
}


def disturbed(nuisance: Nuisance, source: Grey, passed_s: float, *, seed: int) -> Grey:
    """A camera's picture while something happens that is no fault of the camera.

    Args:
        nuisance: which. `compression` changes nothing here: the coder does.
        source: the place as it is now.
        passed_s: since it began.
        seed: of this nuisance.
    """
    if nuisance == "crowd":
        source = _with_people(source, passed_s, seed, count=26, high=(0.35, 0.6))
    if nuisance == "person_close":
        source = _with_one_close(source, passed_s, seed)
    picture = seen(source)
    if nuisance == "light_switched":
        return _lit(picture, passed_s, seed)
    if nuisance == "slow_dusk":
        return _at_dusk(picture, passed_s, seed)
    return picture


DUSK_S: Final = 600.0
"""How long dusk takes here: a third of what it takes in Vietnam, so it is harder."""


def _at_dusk(picture: Grey, passed_s: float, seed: int) -> Grey:
    """Down to a fifth of the light, the gain of the sensor and its noise up."""
    share = min(1.0, passed_s / DUSK_S)
    light = 1 - 0.8 * share
    return noisy(_grey(picture * np.float32(light)), seed + round(passed_s * 10), 0.5 + 4 * share)


def _lit(picture: Grey, passed_s: float, seed: int) -> Grey:
    """Every forty seconds the lamp on one side goes off or on again; the exposure follows."""
    chance = np.random.default_rng(seed)
    period, within = divmod(passed_s, 40.0)
    if int(period) % 2 == 0:
        return picture
    y, x = _places()
    from_left = x if chance.random() < 0.5 else 1 - x
    light = 0.25 + 0.5 * from_left + 0.1 * y
    regained = min(1.0, within / 6) * chance.uniform(0.2, 0.6)
    return _grey(picture * light * (1 + regained))


def _with_people(
    source: Grey, passed_s: float, seed: int, *, count: int, high: tuple[float, float]
) -> Grey:
    """People of all sizes who mill about; heights as shares of the source's."""
    chance = np.random.default_rng(seed)
    canvas = source.astype(np.float32)
    for _ in range(count):
        height = chance.uniform(*high)
        start, speed = chance.uniform(-0.2, 1.2), chance.uniform(-0.05, 0.05)
        x = (start + speed * passed_s + 0.3) % 1.6 - 0.3
        foot = chance.uniform(0.65, 1.05)
        _stand(canvas, x, foot, height, chance)
    return _grey(canvas)


def _with_one_close(source: Grey, passed_s: float, seed: int) -> Grey:
    """Somebody who stops before the camera for twelve seconds of every forty."""
    chance = np.random.default_rng(seed)
    canvas = source.astype(np.float32)
    within = passed_s % 40.0
    if within < 18:
        away = max(0.0, abs(within - 9) - 6) * 0.35
        sway = 0.02 * np.sin(passed_s * 1.3)
        _stand(canvas, 0.5 + away + sway, 1.5, 1.35, chance)
    return _grey(canvas)


def _stand(
    canvas: Field, x: float, foot: float, height: float, chance: np.random.Generator
) -> None:
    """Draw a figure: a head over a body in patterned clothes, sharp at its rim."""
    rows, columns = canvas.shape
    tall = height * rows
    wide = tall * 0.34
    left, right = round(x * columns - wide / 2), round(x * columns + wide / 2)
    top, low = round(foot * rows - tall), round(foot * rows)
    tone, stripe = chance.uniform(30, 210), chance.uniform(6, 45)
    pitch, slant = max(3.0, tall * chance.uniform(0.02, 0.07)), chance.uniform(-1, 1)
    rim = (
        slice(max(0, top), max(0, min(rows, low))),
        slice(max(0, left), max(0, min(columns, right))),
    )
    part = canvas[rim]
    if part.size == 0:
        return
    y, x_at = np.mgrid[rim].astype(np.float32)
    u, v = (x_at - (left + right) / 2) / (wide / 2), (y - top) / tall
    body = (np.abs(u) < 0.45 + 0.55 * np.clip((v - 0.16) * 6, 0, 1)) & (v >= 0.16)
    head = (u / 0.42) ** 2 + ((v - 0.085) / 0.085) ** 2 < 1
    cloth = tone + stripe * np.sign(np.sin((x_at + slant * y) / pitch)) + 14 * u
    part[body] = cloth[body]
    part[head] = 0.5 * tone + 70 - 30 * np.abs(u[head])


def blurred(picture: Grey, sigma: float) -> Grey:
    """Through a soft lens; sigma in pixels."""
    rows, columns = picture.shape
    pad = int(3 * sigma) + 1
    padded = np.pad(picture.astype(np.float32), pad, mode="edge")
    fy = np.fft.fftfreq(rows + 2 * pad)[:, None]
    fx = np.fft.rfftfreq(columns + 2 * pad)
    passes = np.exp(-2 * (np.pi * sigma) ** 2 * (fy**2 + fx**2))
    soft = np.fft.irfft2(np.fft.rfft2(padded) * passes, s=padded.shape)
    return _grey(soft[pad:-pad, pad:-pad])


def _shaded(level: float, chance: np.random.Generator) -> Field:
    """A surface too near to be in focus: one tone that changes slowly."""
    y, x = _places()
    tilt_x, tilt_y = chance.uniform(-25, 25, 2)
    return np.asarray(level + tilt_x * (x - 0.5) + tilt_y * (y - 0.5), np.float32)


def _share_of_light(picture: Grey, share: float) -> Field:
    """What still shines through, without any shape."""
    return np.asarray(blurred(picture, 25).astype(np.float32) * share, np.float32)


def _places() -> tuple[Field, Field]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return y / HEIGHT, x / WIDTH


def _grey(field: npt.NDArray[np.floating]) -> Grey:
    return np.asarray(np.clip(np.rint(field), 0, 255), np.uint8)


def _sampled(source: Grey, x: Field, y: Field) -> Grey:
    """Bilinear; outside, the rim goes on."""
    rows, columns = source.shape
    x = np.clip(x, 0, columns - 1.001)
    y = np.clip(y, 0, rows - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, low = left + 1, top + 1
    dx, dy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    flat = source.ravel()
    upper = flat[top * columns + left] * (1 - dx) + flat[top * columns + right] * dx
    lower = flat[low * columns + left] * (1 - dx) + flat[low * columns + right] * dx
    return _grey(upper * (1 - dy) + lower * dy)
