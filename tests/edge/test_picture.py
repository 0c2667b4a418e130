"""Pictures are decoded in a process that may die, and only there."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from vonggac.edge.picture import PictureDecoder
from vonggac.errors import Kind, VonggacError

LEVELS = (40, 80, 120, 160, 200)
"""Luma of the five pictures of the clip, so that a test sees which one it got."""


def clip(
    *, codec: str = "libx264", size: tuple[int, int] = (320, 240), b_pictures: int = 0
) -> tuple[bytes, bytes]:
    """Init and one GOP of five grey pictures, 40 ms apart, as fragmented MP4."""
    whole = io.BytesIO()
    options = {
        "movflags": "frag_keyframe+empty_moov+default_base_moof",
        "video_track_timescale": "90000",
    }
    with av.open(whole, "w", format="mp4", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "bf": str(b_pictures), "g": "50"}
        stream.codec_context.time_base = Fraction(1, 25)
        for number, level in enumerate(LEVELS):
            grey = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            grey[: size[1]] = level
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = whole.getvalue()
    cut = data.index(b"moof") - 4
    end = data.index(b"mfra") - 4 if b"mfra" in data else len(data)
    return data[:cut], data[cut:end]


def luma(jpeg: bytes) -> tuple[int, int, int]:
    """Width, height and mean luma, read with the decoder of this process."""
    with av.open(io.BytesIO(jpeg), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0)).reformat(format="gray")
    return frame.width, frame.height, round(float(frame.to_ndarray().mean()))


@pytest.fixture
async def decoder():
    made = PictureDecoder()
    yield made
    await made.close()


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
async def test_the_picture_at_or_just_before_the_moment_is_taken(decoder, codec):
    """A person who asks for 10:00:00.05 must see what was on screen then, not the keyframe."""
    init, parts = clip(codec=codec)

    wanted = {0: 40, 3599: 40, 3600: 80, 9000: 120, 10_800: 160, 90_000: 200}
    seen = {}
    for at in wanted:
        seen[at] = luma(await decoder.jpeg(init, parts, at_ticks=at, width=None))

    # Limited-range luma 40..200 in full range: (y - 16) * 255 / 219.
    full = {40: 28, 80: 75, 120: 121, 160: 168, 200: 214}
    for at, level in wanted.items():
        assert seen[at][:2] == (320, 240)
        assert abs(seen[at][2] - full[level]) <= 4, (at, seen[at])


async def test_without_a_moment_the_last_picture_is_taken(decoder):
    """That is what "now" means for a GOP that is still growing."""
    init, parts = clip(b_pictures=2)

    _, _, level = luma(await decoder.jpeg(init, parts, at_ticks=None, width=None))

    assert abs(level - 214) <= 4


async def test_the_picture_is_scaled_down_and_never_up(decoder):
    """A wall asks for 160 pixels; enlarging would only cost bytes."""
    init, parts = clip()

    small = await decoder.jpeg(init, parts, at_ticks=0, width=160)
    large = await decoder.jpeg(init, parts, at_ticks=0, width=4000)

    assert luma(small)[:2] == (160, 120)
    assert luma(large)[:2] == (320, 240)


async def test_hostile_bytes_are_refused_and_the_next_request_works(decoder):
    """What a camera sends must not cost more than its own snapshot."""
    init, parts = clip()

    for bad in (b"", os.urandom(5000), parts[:-300], parts[:60] + os.urandom(len(parts) - 60)):
        try:
            await decoder.jpeg(init, bad, at_ticks=0, width=None)
        except VonggacError as error:
            assert error.kind is Kind.CORRUPT
    jpeg = await decoder.jpeg(init, parts, at_ticks=0, width=None)

    assert jpeg[:2] == b"\xff\xd8"


async def test_a_worker_that_dies_is_replaced(decoder):
    """A crash of the decoder is one failed snapshot, not the end of snapshots."""
    init, parts = clip()
    await decoder.jpeg(init, parts, at_ticks=0, width=None)
    first = decoder.worker_pid

    os.kill(first, signal.SIGKILL)
    answers = await asyncio.gather(
        *(decoder.jpeg(init, parts, at_ticks=0, width=None) for _ in range(2)),
        return_exceptions=True,
    )

    assert isinstance(answers[1], bytes)
    assert decoder.worker_pid != first
    assert decoder.restarts == 1


async def test_a_worker_that_hangs_is_killed_in_time():
    """SIGSTOP stands in for a decoder that loops for ever; nothing of ours makes one loop."""
    decoder = PictureDecoder(timeout_s=0.5)
    init, parts = clip()
    while True:  # starting Python and loading av may take longer than this short limit
        try:
            await decoder.jpeg(init, parts, at_ticks=0, width=None)
        except VonggacError as error:
            assert error.kind is Kind.TIMED_OUT
            decoder._timeout_s = 5
        else:
            break
    decoder._timeout_s = 0.5
    pid = decoder.worker_pid

    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(VonggacError) as caught:
        await decoder.jpeg(init, parts, at_ticks=0, width=None)

    assert caught.value.kind is Kind.TIMED_OUT
    assert decoder.worker_pid is None
    await decoder.close()


async def test_the_queue_is_bounded():
    """Fifty tiles asking at once must not pile up gigabytes of GOPs."""
    decoder = PictureDecoder(capacity=3)
    init, parts = clip()

    answers = await asyncio.gather(
        *(decoder.jpeg(init, parts, at_ticks=0, width=None) for _ in range(5)),
        return_exceptions=True,
    )

    assert [isinstance(answer, bytes) for answer in answers] == [True, True, True, False, False]
    assert answers[4].kind is Kind.TOO_MANY
    await decoder.close()


async def test_an_idle_worker_ends():
    """Forty megabytes of decoder stay resident only while somebody looks at stills."""
    decoder = PictureDecoder(idle_s=0.05)
    init, parts = clip()
    await decoder.jpeg(init, parts, at_ticks=0, width=None)
    worker = decoder._worker

    await asyncio.wait_for(worker.wait(), 5)

    assert decoder.worker_pid is None
    await decoder.close()


async def test_the_recorders_process_does_not_load_the_decoder():
    """The point of the worker: libav's memory and crashes stay out of the recorder."""
    code = "import sys, vonggac.edge.picture; sys.exit('av' in sys.modules)"

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)

    assert await process.wait() == 0
