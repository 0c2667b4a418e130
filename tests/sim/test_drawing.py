"""Loops of one scene: drawn once, as large as the largest, and the same scene in every size."""

from __future__ import annotations

import av
import numpy as np

from vonggac.sim import drawing
from vonggac.sim.drawing import Order
from vonggac.sim.loops import LOOP_SECONDS, Loop

MAIN = Order("cg-1", "", 320, 192, 6.0, 400, "h264", with_clock=False)
SUB = Order("cg-1", "", 160, 96, 4.0, 200, "h264", with_clock=False)
OTHER = Order("san-1", "", 160, 96, 4.0, 200, "h264", with_clock=False)


def seen(loop: Loop, number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The luma of one picture, decoded."""
    decoder = av.CodecContext.create("h264", "r")
    found = []
    for picture in loop.pictures[: number + 1]:
        units = [*loop.sets, *picture.slices] if picture.keyframe else picture.slices
        data = b"".join(b"\0\0\0\1" + unit for unit in units)
        found += decoder.decode(av.Packet(data))
    found += decoder.decode(None)
    frame = found[number].reformat(160, 96)
    return frame.to_ndarray()[:96].astype(np.float64)


def test_orders_of_one_scene_stand_together_the_largest_first() -> None:
    assert drawing.by_scene([SUB, OTHER, MAIN]) == [[MAIN, SUB], [OTHER]]


def test_a_sub_stream_shows_what_the_main_one_shows() -> None:
    """It is scaled from the same drawing: half of a first start's time was drawing it again."""
    main, sub = drawing.draw([MAIN, SUB])

    assert (main.width, main.height, len(main.pictures)) == (320, 192, 6 * LOOP_SECONDS)
    assert (sub.width, sub.height, len(sub.pictures)) == (160, 96, 4 * LOOP_SECONDS)
    for second in (0, 3, 7):
        apart = np.abs(seen(main, 6 * second) - seen(sub, 4 * second)).mean()
        other = np.abs(seen(main, 6 * second) - seen(sub, 4 * ((second + 4) % 8))).mean()
        assert apart < 6
        assert apart < other
