"""The peer that looks at virtual cameras: FFmpeg's own RTSP client."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av

from vonggac.sim.cameras import StreamPlan
from vonggac.sim.numbering import nals_of_annex_b, picture_number

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

SMALL = StreamPlan(width=640, height=360, fps=25.0, kbps=1500)
"""The smallest picture that has room for date, number and bar code."""


@dataclass(frozen=True)
class Seen:
    """A picture as FFmpeg received it."""

    number: int
    wall_ns: int
    pts: int
    keyframe: bool
    size: int
    luma: np.ndarray | None = None
    arrived: float = 0.0


def watch(
    url: str,
    until: Callable[[list[Seen]], bool],
    *,
    decode: bool = False,
    transport: str = "tcp",
    give_up_s: float = 12.0,
) -> list[Seen]:
    """Look at a stream with FFmpeg's own RTSP client until a condition holds or it ends.

    Blocks: call it in a thread. A read error ends the list, as a lost camera ends a recording.
    """
    seen: list[Seen] = []
    options = {"rtsp_transport": transport, "timeout": "3000000",
               "analyzeduration": "100000", "fpsprobesize": "0"}  # fmt: skip
    began = time.monotonic()
    with av.open(url, options=options) as container:
        stream = container.streams.video[0]
        try:
            for packet in container.demux(stream):
                data = bytes(packet)
                number = next(
                    (n for nal in nals_of_annex_b(data) if (n := picture_number(nal))), None
                )
                luma = None
                if decode and data:
                    for frame in packet.decode():
                        luma = frame.to_ndarray(format="yuv420p")[: frame.height]
                if number is not None:
                    seen.append(
                        Seen(*number, packet.pts or 0, packet.is_keyframe, len(data), luma,
                             time.monotonic())
                    )  # fmt: skip
                if until(seen) or time.monotonic() - began > give_up_s:
                    break
        except (OSError, av.FFmpegError):
            return seen
    return seen


def pictures(count: int) -> Callable[[list[Seen]], bool]:
    """A condition: so many were seen."""
    return lambda seen: len(seen) >= count


def numbers(seen: list[Seen]) -> list[int]:
    """Their numbers."""
    return [one.number for one in seen]
