"""What a small grey picture of a camera tells of its health, against a picture that was approved.

Pure functions of arrays; nothing here knows a camera, a clock or a file.  A picture is brought to
320x192 whatever its shape was, and cut into 60 blocks.  Structure is compared by the direction of
its gradients (normalised correlation, block by block), so that neither brightness nor contrast
counts: a lamp that is switched is no camera that was turned.

Three scales: *fine* (320x192), *middle* (160x96) and *low* (80x48).  A camera that moved by a few
hundredths disagrees at the middle scale; one that is out of focus still agrees at the low one.

Measured on one core of two (November 2026): `prepare` and `compare` together about 4 ms.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

Luma: TypeAlias = npt.NDArray[np.uint8]
"""`HEIGHT` rows of `WIDTH` pixels, full range: 0 is black, 255 is white."""
Plane: TypeAlias = npt.NDArray[np.float32]
Seen: TypeAlias = npt.NDArray[np.bool_]
"""Pixels that count, in the shape of a `Luma`; what is ignored does not."""
Polygon: TypeAlias = tuple[tuple[float, float], ...]
"""Corners as shares of width and height, from the top left."""

WIDTH: Final = 320
HEIGHT: Final = 192
COLUMNS: Final = 10
ROWS: Final = 6
BLOCKS: Final = COLUMNS * ROWS
MAX_POLYGONS: Final = 16
MAX_CORNERS: Final = 64

STRUCTURED: Final = 2.0
"""Root mean square of a block's gradient at the low scale, in grey levels a pixel, from which it
holds enough to be compared.  A painted wall has 0.3 to 1, an edge of furniture 5 and more."""
MIN_STRUCTURED: Final = 6
"""A reference with fewer such blocks shows too little to judge anything by: a tenth of a picture.
"""
AGREES: Final = 0.45
"""Correlation of gradients from which a block shows what the reference shows.  Between two pictures
of a camera that hangs still it is 0.8 to 1, between two places 0.0 ± 0.15."""
LOST: Final = 0.5
"""Share of the expected strength below which a block has lost its structure."""
CLIPPED: Final = 250
PEAKS: Final = 0.05
"""Share of a block's gradients that count as its edges, for sharpness: a coder that saves bits
smooths texture long before it touches these."""
TURNS: Final = (-12.0, -9.0, -6.5, -5.0, -4.0, -3.0, -2.0, 2.0, 3.0, 4.0, 5.0, 6.5, 9.0, 12.0)
"""Degrees about the middle of the picture that are looked for."""


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one picture. Shares are 0 to 1; None where there is nothing to compare.

    Without a reference only brightness, `texture` and `change` are known.
    """

    mean: float
    """Mean grey level, 0 to 255."""
    top: float
    """Grey level that 98 % of the picture does not exceed."""
    clipped: float
    """Share of pixels that are as white as can be."""
    texture: float
    """Root mean square of the gradient at the low scale."""
    change: float | None = None
    """Mean difference to the picture before, in grey levels."""
    change_most: float | None = None
    """The same of the block that changed most."""
    again: int | None = None
    """How many of the pictures shortly before were exactly this one."""
    same: float | None = None
    """Share of the reference's blocks that agree at the middle scale."""
    same_low: float | None = None
    """The same at the low scale, which forgives blur."""
    lost: float | None = None
    """Share of the reference's blocks that disagree and have lost their structure."""
    sharpness: float | None = None
    """Edges against those of the reference: 1 is as sharp."""
    clipped_more: float | None = None
    """`clipped` less that of the reference."""
    darker: float | None = None
    """`mean` against the reference's: 1 is as bright."""
    steady: float | None = None
    """Share of the blocks of the picture before that agree with this one, where little agrees with
    the reference: people who crowd before the lens move, a view that was changed does not."""
    shift_x: float | None = None
    """By how much the view moved, as a share of the width; None if it was not looked for."""
    shift_y: float | None = None
    aligned: float | None = None
    """Share of the reference's blocks that agree once shifted so."""
    turned: float | None = None
    """Degrees by which the view turned about its middle, where a shift explains less."""
    reference: int | None = None
    """Which of the references was the nearest, by its number."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture made ready to be compared."""

    luma: Luma
    seen: Seen | None
    mean: float
    top: float
    clipped: float
    middle: tuple[Plane, Plane]
    low: tuple[Plane, Plane]
    digest: bytes
    """Of all pixels that count: equal for equal pictures."""
    strength: Plane
    """Of each block at the low scale: root mean square of the gradient."""
    edges: Plane
    """Of each block: its steepest gradients at the fine scale over those at the low one."""

    @property
    def texture(self) -> float:
        """Root mean square of all blocks' strength."""
        return float(np.sqrt(np.mean(self.strength**2)))

    @property
    def structured(self) -> npt.NDArray[np.bool_]:
        """Blocks that hold enough to be compared."""
        found: npt.NDArray[np.bool_] = self.strength >= STRUCTURED
        return found


def counted(polygons: Sequence[Polygon]) -> Seen | None:
    """The pixels that lie in none of the polygons; None if there are no polygons.

    Raises:
        VonggacError: (BAD_INPUT) too many, or one with too few or too many corners, or all of the
            picture is covered.
    """
    if not polygons:
        return None
    if len(polygons) > MAX_POLYGONS:
        raise VonggacError(Kind.BAD_INPUT, f"{len(polygons)} ignored areas; at most {MAX_POLYGONS}")
    across = (np.arange(WIDTH) + 0.5) / WIDTH
    down = (np.arange(HEIGHT)[:, None] + 0.5) / HEIGHT
    seen = np.ones((HEIGHT, WIDTH), np.bool_)
    for corners in polygons:
        if not 3 <= len(corners) <= MAX_CORNERS:
            raise VonggacError(Kind.BAD_INPUT, f"an ignored area has 3 to {MAX_CORNERS} corners")
        inside = np.zeros((HEIGHT, WIDTH), np.bool_)
        for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
            if y0 == y1:
                continue
            crosses = (down >= min(y0, y1)) & (down < max(y0, y1))
            inside ^= crosses & (across < x0 + (down - y0) * (x1 - x0) / (y1 - y0))
        seen &= ~inside
    if seen.mean() < 0.1:
        raise VonggacError(
            Kind.BAD_INPUT, "what is ignored leaves less than a tenth of the picture"
        )
    return seen


def luma_of(pixels: bytes) -> Luma:
    """Bytes, row by row, as a picture.

    Raises:
        VonggacError: (BAD_INPUT) they are not as many as a picture has.
    """
    if len(pixels) != WIDTH * HEIGHT:
        raise VonggacError(Kind.BAD_INPUT, f"{len(pixels)} bytes; a picture has {WIDTH * HEIGHT}")
    return np.frombuffer(pixels, np.uint8).reshape(HEIGHT, WIDTH)


def typical(lumas: Sequence[Luma]) -> Luma:
    """The pixel-wise median of some pictures: what stays when people walk through."""
    return np.asarray(np.median(np.stack(lumas), axis=0), np.uint8)


def prepare(luma: Luma, seen: Seen | None = None) -> Prepared:
    """Make a picture ready. What is ignored has no gradient and counts for nothing."""
    fine = luma.astype(np.float32)
    middle = _halved(fine)
    low = _halved(middle)
    visible = luma if seen is None else luma[seen]
    fine_x, fine_y = _differences(fine)
    gradients = [_gradient(middle), _gradient(low)]
    if seen is not None:
        whole = _whole_pixels(seen)
        fine_x, fine_y = fine_x * whole, fine_y * whole
        for step, (x, y) in zip((2, 4), gradients, strict=True):
            kept = _all_of(whole, step)
            x *= kept
            y *= kept
    low_x, low_y = gradients[1]
    energy = low_x**2 + low_y**2
    sharp = _peaks(np.abs(fine_x) + np.abs(fine_y), HEIGHT // ROWS)
    soft = _peaks(np.abs(low_x) + np.abs(low_y), HEIGHT // ROWS // 4)
    return Prepared(
        luma=luma,
        seen=seen,
        mean=float(visible.mean()),
        top=float(np.percentile(visible[..., ::3], 98)),
        clipped=float((visible >= CLIPPED).mean()),
        middle=gradients[0],
        low=gradients[1],
        digest=hashlib.blake2b(visible.tobytes(), digest_size=16).digest(),
        strength=np.sqrt(_blocks(energy, HEIGHT // ROWS // 4).mean(axis=1)),
        edges=np.asarray(np.maximum(sharp, 0.5) / np.maximum(soft, 0.5), np.float32),
    )


def compare(
    now: Prepared,
    references: Sequence[Prepared] = (),
    before: Prepared | None = None,
    *,
    earlier: Sequence[bytes] = (),
) -> Measures:
    """Measure a picture.

    Args:
        now: the picture.
        references: approved pictures, by day and by night; the nearest is taken.
        before: the camera's picture before this one.
        earlier: digests of its pictures shortly before.
    """
    change = change_most = None
    if before is not None:
        change, change_most = _change(now, before)
    found = Measures(
        mean=_cut(now.mean),
        top=_cut(now.top),
        clipped=_cut(now.clipped),
        texture=_cut(now.texture),
        change=change,
        change_most=change_most,
        again=sum(one == now.digest for one in earlier) if earlier else None,
    )
    best: tuple[float, int, npt.NDArray[np.bool_], Plane] | None = None
    for number, reference in enumerate(references):
        blocks = reference.structured
        if int(blocks.sum()) < MIN_STRUCTURED:
            continue
        low = _agreement(now.low, reference.low)
        share = float((low[blocks] >= AGREES).mean())
        if best is None or share > best[0]:
            best = (share, number, blocks, low)
        if share >= 0.9:
            break
    if best is None:
        return found
    return _against(found, now, references[best[1]], best, before)


def enough(reference: Prepared) -> bool:
    """Whether a picture shows enough to be a reference."""
    return int(reference.structured.sum()) >= MIN_STRUCTURED


def _against(
    found: Measures,
    now: Prepared,
    reference: Prepared,
    best: tuple[float, int, npt.NDArray[np.bool_], Plane],
    before: Prepared | None,
) -> Measures:
    """The same with what the nearest reference adds."""
    same_low, number, blocks, low = best
    middle = _agreement(now.middle, reference.middle)
    same = float((middle[blocks] >= AGREES).mean())
    agreeing = blocks & (low >= AGREES)
    ratio = now.strength / np.maximum(reference.strength, 0.1)
    # What few blocks say that agree by chance says nothing of the light.
    lit = agreeing.sum() >= max(MIN_STRUCTURED, 0.25 * float(blocks.sum()))
    expected = float(np.median(ratio[agreeing])) if lit else 1.0
    gone = blocks & (low < AGREES) & (ratio < LOST * min(1.0, expected))
    sharpness = None
    if agreeing.sum() >= MIN_STRUCTURED:
        sharpness = _cut(float(np.median(now.edges[agreeing] / reference.edges[agreeing])))
    shift_x = shift_y = aligned = turned = steady = None
    if same < 0.6 and before is not None:
        steady = _cut(_share(_agreement(now.middle, before.middle), before.structured))
    if same < 0.6 and float(gone[blocks].mean()) < 0.7:
        (shift_x, shift_y), aligned = _shift(now, reference, blocks)
        if aligned < 0.5:
            turned, turned_aligned = _turn(now, reference)
            if turned_aligned > max(aligned, same_low) + 0.1:
                shift_x = shift_y = None
                aligned = turned_aligned
            else:
                turned = None
    return msgspec.structs.replace(
        found,
        same=_cut(same),
        same_low=_cut(same_low),
        lost=_cut(float(gone[blocks].mean())),
        sharpness=sharpness,
        clipped_more=_cut(now.clipped - reference.clipped),
        darker=_cut(now.mean / max(1.0, reference.mean)),
        steady=steady,
        shift_x=shift_x,
        shift_y=shift_y,
        aligned=None if aligned is None else _cut(aligned),
        turned=turned,
        reference=number,
    )


def _cut(value: float) -> float:
    return round(value, 4)


def _halved(plane: Plane) -> Plane:
    """Half as wide and high; each pixel the mean of four."""
    return (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) * np.float32(
        0.25
    )


def _differences(plane: Plane) -> tuple[Plane, Plane]:
    """To the next pixel, right and down: as steep as the picture can be."""
    x, y = np.zeros_like(plane), np.zeros_like(plane)
    x[:, :-1] = plane[:, 1:] - plane[:, :-1]
    y[:-1] = plane[1:] - plane[:-1]
    return x, y


def _gradient(plane: Plane) -> tuple[Plane, Plane]:
    """Central differences; the rim has none."""
    x, y = np.zeros_like(plane), np.zeros_like(plane)
    x[:, 1:-1] = (plane[:, 2:] - plane[:, :-2]) * np.float32(0.5)
    y[1:-1] = (plane[2:] - plane[:-2]) * np.float32(0.5)
    return x, y


def _blocks(plane: Plane, size: int) -> Plane:
    """One row a block."""
    cut = plane.reshape(ROWS, size, COLUMNS, size)
    return np.asarray(cut.swapaxes(1, 2).reshape(BLOCKS, size * size), np.float32)


def _peaks(plane: Plane, size: int) -> Plane:
    """Of each block the mean of its steepest gradients."""
    blocks = _blocks(plane, size)
    count = max(2, round(PEAKS * size * size))
    steepest = np.partition(blocks, -count, axis=1)[:, -count:]
    return np.asarray(steepest.mean(axis=1), np.float32)


def _whole_pixels(seen: Seen) -> Plane:
    """Seen pixels whose neighbours are seen too: an ignored area's rim is no edge."""
    whole = seen.copy()
    whole[:, 1:] &= seen[:, :-1]
    whole[:, :-1] &= seen[:, 1:]
    whole[1:] &= seen[:-1]
    whole[:-1] &= seen[1:]
    return whole.astype(np.float32)


def _all_of(whole: Plane, step: int) -> Plane:
    """Pixels of a smaller scale that were seen with all of their surroundings."""
    cut = whole.reshape(HEIGHT // step, step, WIDTH // step, step).min(axis=(1, 3))
    kept = cut.copy()
    kept[:, 1:] *= cut[:, :-1]
    kept[:, :-1] *= cut[:, 1:]
    kept[1:] *= cut[:-1]
    kept[:-1] *= cut[1:]
    return np.asarray(kept, np.float32)


def _agreement(now: tuple[Plane, Plane], reference: tuple[Plane, Plane]) -> Plane:
    """Of each block the normalised correlation of its gradients, -1 to 1."""
    (x, y), (rx, ry) = now, reference
    size = x.shape[0] // ROWS
    # A grey level a pixel is added to both norms: noise of a flat block correlates with nothing,
    # and must not be divided by nothing.
    both = _blocks(x * rx + y * ry, size).sum(axis=1)
    ours = _blocks(x * x + y * y, size).sum(axis=1)
    theirs = _blocks(rx * rx + ry * ry, size).sum(axis=1)
    return np.asarray(both / np.sqrt((ours + 0.05 * size * size) * (theirs + 1.0)), np.float32)


def _change(now: Prepared, before: Prepared) -> tuple[float, float]:
    """Mean difference of two pictures, and that of the block that differs most."""
    # np.maximum - np.minimum stays in bytes: no wrap, a quarter of the memory.
    difference = np.maximum(now.luma, before.luma) - np.minimum(now.luma, before.luma)
    plane = difference.astype(np.float32)
    if now.seen is not None:
        plane *= now.seen
        share = float(now.seen.mean())
    else:
        share = 1.0
    blocks = _blocks(plane, HEIGHT // ROWS).mean(axis=1)
    return round(float(blocks.mean()) / share, 5), round(float(blocks.max()), 5)


def _shift(
    now: Prepared, reference: Prepared, blocks: npt.NDArray[np.bool_]
) -> tuple[tuple[float, float], float]:
    """The shift that explains a picture best, and which share of blocks agrees with it."""
    (x, y), (rx, ry) = now.middle, reference.middle
    spectrum = np.fft.fft2(x + 1j * y) * np.conj(np.fft.fft2(rx + 1j * ry))
    spectrum /= np.abs(spectrum) + 1e-3 * float(np.abs(spectrum).mean()) + 1e-6
    answer = np.fft.ifft2(spectrum).real
    at = int(np.argmax(answer))
    rows, columns = answer.shape
    dy, dx = divmod(at, columns)
    dy, dx = (dy + rows // 2) % rows - rows // 2, (dx + columns // 2) % columns - columns // 2
    moved = (_rolled(rx, dx, dy), _rolled(ry, dx, dy))
    return (_cut(dx / columns), _cut(dy / rows)), _explained(now, moved, blocks)


def _turn(now: Prepared, reference: Prepared) -> tuple[float, float]:
    """The turn about the middle that explains a picture best, in degrees, and how much of it.

    At the low scale, where a degree and a half is a pixel at the rim.
    """
    luma = _halved(_halved(reference.luma.astype(np.float32)))
    best = (0.0, 0.0)
    for degrees in TURNS:
        x, y = _gradient(_rotated(luma, degrees))
        share = _share(_agreement(now.low, (x, y)), _structured((x, y)))
        if share > best[1]:
            best = (degrees, share)
    return best


def _explained(now: Prepared, moved: tuple[Plane, Plane], blocks: npt.NDArray[np.bool_]) -> float:
    """Share of the moved reference's blocks that agree, if enough of them are left in view."""
    still = _structured(moved)
    if still.sum() < max(MIN_STRUCTURED, 0.3 * float(blocks.sum())):
        return 0.0
    return _share(_agreement(now.middle, moved), still)


def _structured(gradients: tuple[Plane, Plane]) -> npt.NDArray[np.bool_]:
    x, y = gradients
    found: npt.NDArray[np.bool_] = (
        _blocks(x * x + y * y, x.shape[0] // ROWS).mean(axis=1) >= STRUCTURED**2
    )
    return found


def _share(agreement: Plane, blocks: npt.NDArray[np.bool_]) -> float:
    return float((agreement[blocks] >= AGREES).mean()) if blocks.any() else 0.0


def _rolled(plane: Plane, dx: int, dy: int) -> Plane:
    """Moved by whole pixels; what comes from outside is empty."""
    moved = np.zeros_like(plane)
    rows, columns = plane.shape
    moved[max(0, dy) : rows + min(0, dy), max(0, dx) : columns + min(0, dx)] = plane[
        max(0, -dy) : rows + min(0, -dy), max(0, -dx) : columns + min(0, -dx)
    ]
    return moved


def _rotated(plane: Plane, degrees: float) -> Plane:
    """Turned about the middle, nearest pixel; the picture's rim goes on outside."""
    rows, columns = plane.shape
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x -= columns / 2
    y -= rows / 2
    from_x = np.clip(np.rint(np.cos(angle) * x + np.sin(angle) * y + columns / 2), 0, columns - 1)
    from_y = np.clip(np.rint(np.cos(angle) * y - np.sin(angle) * x + rows / 2), 0, rows - 1)
    return np.asarray(plane[from_y.astype(np.intp), from_x.astype(np.intp)], np.float32)
