"""The clock in the picture is what it says, for a decoder written by others."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from vonggac.errors import MalformedError
from vonggac.sim import drawing
from vonggac.sim.band import (
    Band,
    Clockface,
    bar_code,
    check_sum,
    read_bar_code,
    rows_for,
)
from vonggac.sim.drawing import Order
from vonggac.sim.slices import BitReader, se_bits, slice_context, ue_bits

if TYPE_CHECKING:
    from vonggac.sim.loops import Loop

START_NS = 1_795_300_640_123_000_000
"""2026-11-22 05:37:20.123 in Việt Nam; a Sunday."""
SIZES = [(1280, 720), (640, 360), (1366, 768), (352, 288), (320, 240)]


@lru_cache(maxsize=8)
def loop_of(scene: str, width: int, height: int, fps: float = 5.0) -> Loop:
    """A loop of few pictures: eight seconds at five a second."""
    return drawing.draw([Order(scene, "", width, height, fps, 2000, "h264", with_clock=True)])[0]


def decode(pictures: list[list[bytes]]) -> list[np.ndarray]:
    """What FFmpeg makes of pictures, each a list of NAL units."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = []
    for nals in pictures:
        frames += decoder.decode(av.Packet(b"".join(b"\0\0\0\1" + nal for nal in nals)))
    frames += decoder.decode(None)
    return [frame.to_ndarray(format="yuv420p") for frame in frames]


def with_clock(loop: Loop, times: list[tuple[int, int]]) -> list[list[bytes]]:
    """The loop's pictures, over and over, each saying its number and time."""
    face = Clockface(Band(loop))
    shown = []
    for turn, (number, wall_ns) in enumerate(times):
        index = turn % len(loop.pictures)
        picture = loop.pictures[index]
        made = face.slice_of(index, number, wall_ns)
        sets = loop.sets if picture.keyframe else []
        shown.append([*sets, made, *picture.slices[1:]])
    return shown


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_decoded_picture_says_its_number_and_time(width: int, height: int) -> None:
    """Two rounds of the loop, so that its end meets its beginning, with irregular steps."""
    loop = loop_of("cg-1", width, height)
    times = [(1000 + turn * 7, START_NS + turn * 213_000_000 + turn**3) for turn in range(80)]
    read = [read_bar_code(picture[:height]) for picture in decode(with_clock(loop, times))]
    assert read == [(number, wall_ns // 1_000_000 % 2**32) for number, wall_ns in times]


@pytest.mark.parametrize("scene", ["cg-1", "hl-2a", "lm-1"])
def test_the_clock_disturbs_nothing_below_it(scene: str) -> None:
    """No motion vector may reach into the band: below it, every sample is as it was coded."""
    loop = loop_of(scene, 1280, 720)
    times = [(turn, START_NS + turn * 200_000_000) for turn in range(len(loop.pictures))]
    plain = decode([
        [*(loop.sets if picture.keyframe else []), *picture.slices] for picture in loop.pictures
    ])  # fmt: skip
    clocked = decode(with_clock(loop, times))
    assert len(plain) == len(clocked) == 40
    below = rows_for(720) * 16
    for before, after in zip(plain, clocked, strict=True):
        assert np.array_equal(before[below:720], after[below:720])


def test_characters_are_in_the_picture_sample_by_sample() -> None:
    """The date, the clock and the number as a person reads them."""
    loop = loop_of("hl-2a", 1280, 720)
    band = Band(loop)
    times = [(41 + turn, START_NS + turn * 200_000_000) for turn in range(3)]
    last = decode(with_clock(loop, times))[-1]
    text = "22-11-2026 CN 05:37:20.523 #0000043"
    assert band.text(*times[-1]) == text
    for place, character in enumerate(text):
        cell = band.cell(character, place)
        left = band.text_left + place * band.advance
        found = last[band.text_top : band.text_top + len(cell), left : left + band.advance]
        assert np.array_equal(found, cell), f"{character} at {place}"
    assert band.cell("8", 5).max() > band.cell("8", 5).min() + 100


def test_a_narrow_picture_leaves_the_date_away_first() -> None:
    """What matters most is the clock."""
    assert (
        Band(loop_of("cg-1", 640, 360)).text(5, START_NS) == "22-11-2026 CN 05:37:20.123 #0000005"
    )
    assert Band(loop_of("cg-1", 352, 288)).text(5, START_NS) == ""


def test_a_still_picture_shows_what_was_shown_before() -> None:
    """A frozen camera: time and number stand, the stream stays decodable over its keyframes."""
    loop = loop_of("cg-1", 640, 360)
    face = Clockface(Band(loop))
    shown = []
    for index in range(4):
        picture = loop.pictures[index]
        sets = loop.sets if picture.keyframe else []
        made = face.slice_of(index, 500 + index, START_NS + index)
        shown.append([*sets, made, *picture.slices[1:]])
    frozen = loop.pictures[0]
    shown.append([*loop.sets, *face.still(0), *frozen.slices[1:]])
    shown += [face.still(index) for index in range(1, 10)]
    shown.append([*loop.sets, *face.still(0), *frozen.slices[1:]])
    shown += [face.still(index) for index in range(11, 14)]
    decoded = decode(shown)
    assert len(decoded) == 18
    assert [read_bar_code(one[:360]) for one in decoded[3:]] == [
        (503, (START_NS + 3) // 1_000_000 % 2**32)
    ] * 15
    for one in decoded[5:]:
        assert np.array_equal(one, decoded[4])


def test_a_damaged_bar_code_is_not_read() -> None:
    """One wrong cell must not become a wrong latency."""
    code = bar_code(77, START_NS)
    bits = np.array([code >> 63 - bit & 1 for bit in range(64)], np.uint8).reshape(2, 32)
    luma = np.full((40, 320), 90, np.uint8)
    luma[:16, 64:] = (64 + bits * 112).repeat(8, axis=0).repeat(8, axis=1)
    assert read_bar_code(luma) == (77, START_NS // 1_000_000 % 2**32)
    luma[:8, 64 + 8 * 20 : 64 + 8 * 21] = 240 - luma[:8, 64 + 8 * 20 : 64 + 8 * 21]
    assert read_bar_code(luma) is None
    assert read_bar_code(luma[:, :200]) is None


def test_the_check_sum_is_the_one_written_down() -> None:
    """A browser computes it too; this value was worked out by hand."""
    # 90 -> 31*90+1 = 2791 -> 231; then seven bytes 1 0 0 0 0 0 0.
    expected = 231
    for _ in range(6):
        expected = expected * 31 % 256
    assert check_sum(0x01000000000000) == expected


def test_numbers_are_coded_as_exp_golomb() -> None:
    """Table 9-2 and 9-3."""
    assert [ue_bits(value) for value in range(5)] == [
        (0b1, 1), (0b010, 3), (0b011, 3), (0b00100, 5), (0b00101, 5)
    ]  # fmt: skip
    assert [se_bits(value) for value in (0, 1, -1, 2, -2)] == [
        ue_bits(0), ue_bits(1), ue_bits(2), ue_bits(3), ue_bits(4)
    ]  # fmt: skip
    assert BitReader(bytes([0b01000000])).ue() == 1
    with pytest.raises(MalformedError):
        BitReader(b"\0\0").ue()


def test_sets_of_other_encoders_are_refused() -> None:
    """A hand-written slice in a CABAC stream would be garbage; better not to start."""
    loop = loop_of("cg-1", 320, 240)
    sps, pps = loop.sets
    assert slice_context(sps, pps).mb_width == 20
    with pytest.raises(MalformedError, match="CABAC"):
        slice_context(sps, bytes([pps[0], 0b11100000, *pps[2:]]))
