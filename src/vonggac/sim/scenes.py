"""Pictures of places, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

SCENES = ("hl-2a", "cg-1", "san-1", "lt-1", "sanh-1", "lm-1", "tn-1", "vs-1")


def pictures(
    scene: str, code: str, *, width: int, height: int, count: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """I420 pictures of a scene, one period of its movement."""
    base = np.full((height * 3 // 2, width), 128, np.uint8)
    base[:height] = np.linspace(60, 180, width, dtype=np.uint8)
    base[height:] = 110 + SCENES.index(scene) * 5
    for index in range(count):
        picture = base.copy()
        x = (width - 80) * index // count
        picture[height // 2 : height // 2 + 80, x : x + 40] = 230
        yield picture
