"""A copy of a clip with the requester's name and the time burned in: to look at, never to prove.

Run as a process of its own (`python -m vonggac.evidence.copy CLIP COPY`), because it decodes what
a camera sent; what it shall write comes as JSON on stdin, so that no name stands in a process
list.  The strip stands below the picture and hides nothing of it.
"""

from __future__ import annotations

import io
import json
import sys
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

import av
import numpy as np

from vonggac import paper
from vonggac.clock import NS
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

VIETNAM = timezone(timedelta(hours=7), "+07")
STRIP_SHARE: Final = 12
"""The strip has this part of the picture's height, and enough for letters that can be read."""
MIN_STRIP: Final = 32
QUALITY: Final = {"preset": "veryfast", "crf": "23"}


class Piece(NamedTuple):
    """A stretch of the clip and when it was recorded; nanoseconds."""

    at_ns: int
    """Where it begins in the presentation."""
    from_ns: int


def pieces(segments: Sequence[tuple[int, int]], begin_ns: int) -> list[Piece]:
    """Which moment of the clip is which moment of the world; gaps are closed up in it.

    Args:
        segments: from and to of each segment in the clip, ns since 1970.
        begin_ns: where the presentation begins, or the first segment if that is later.
    """
    found: list[Piece] = []
    at = 0
    for from_ns, to_ns in segments:
        start = max(from_ns, begin_ns)
        if to_ns > start:
            found.append(Piece(at, start))
            at += to_ns - start
    return found


def wall_ns(found: Sequence[Piece], at_ns: int) -> int:
    """When the picture at this moment of the presentation was taken."""
    piece = found[max(0, bisect_right(found, at_ns, key=lambda one: one.at_ns) - 1)]
    return piece.from_ns + at_ns - piece.at_ns


def make(source: str, target: str, *, words: str, camera: str, found: Sequence[Piece]) -> int:
    """Write the copy; how many pictures it has. Blocks for as long as encoding takes.

    Raises:
        VonggacError: UNSUPPORTED, the clip cannot be decoded.
    """
    count = 0
    try:
        with (
            av.open(source, "r") as clip,
            av.open(target, "w", format="mp4") as copy,
        ):
            stream = clip.streams.video[0]
            stream.thread_type = "AUTO"
            width = stream.codec_context.width // 2 * 2
            height = stream.codec_context.height // 2 * 2
            strip_height = max(MIN_STRIP, height // STRIP_SHARE) // 2 * 2
            out = copy.add_stream("libx264", rate=Fraction(stream.average_rate or 25))
            assert isinstance(out, av.VideoStream)
            out.width, out.height, out.pix_fmt = width, height + strip_height, "yuv420p"
            out.options = dict(QUALITY)
            out.codec_context.time_base = Fraction(1, 90_000)
            shown, strip = -1, np.zeros((strip_height, width), np.uint8)
            for frame in clip.decode(stream):
                if frame.pts is None or frame.time is None or frame.time < 0:
                    continue
                taken = wall_ns(found, int(frame.time * NS))
                if taken // NS != shown:
                    shown = taken // NS
                    strip = _strip(width, strip_height, words, camera, shown)
                made = _with_strip(frame, strip, width, height)
                made.pts = round(frame.time * 90_000)
                made.time_base = Fraction(1, 90_000)
                copy.mux(out.encode(made))
                count += 1
            copy.mux(out.encode(None))
    except av.FFmpegError as error:
        raise VonggacError(Kind.UNSUPPORTED, f"the clip cannot be copied: {error}") from error
    return count


def _with_strip(
    frame: av.VideoFrame, strip: NDArray[np.uint8], width: int, height: int
) -> av.VideoFrame:
    """The picture with the strip below it, in the planes of yuv420p."""
    plain = frame.reformat(width, height, "yuv420p").to_ndarray()
    luma = plain[:height]
    half = plain[height:].reshape(2, height // 2, width // 2)
    grey = np.full((strip.shape[0] // 2, width // 2), 128, np.uint8)
    chroma = [np.vstack([plane, grey]).reshape(-1, width) for plane in half]
    return av.VideoFrame.from_ndarray(
        np.ascontiguousarray(np.vstack([luma, strip, *chroma])), format="yuv420p"
    )


def _strip(width: int, height: int, words: str, camera: str, second: int) -> NDArray[np.uint8]:
    time = datetime.fromtimestamp(second, UTC).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")
    png = paper.png(
        "strip",
        {"width": width, "height": height, "words": words, "camera": camera, "time": time},
        pixels_per_inch=72,
    )
    with av.open(io.BytesIO(png), "r") as picture:
        grey = next(picture.decode(video=0)).reformat(width, height, "gray").to_ndarray()
    # Studio range: black is 16 and white 235 (ITU-R BT.601).
    return (16 + grey.astype(np.uint16) * 219 // 255).astype(np.uint8)


def main() -> int:
    """Read what to write from stdin; 0 when the copy is there."""
    told = json.load(sys.stdin)
    found = pieces([(int(a), int(b)) for a, b in told["segments"]], int(told["begin"]))
    try:
        make(sys.argv[1], sys.argv[2], words=told["words"], camera=told["camera"], found=found)
    except VonggacError as error:
        sys.stderr.write(error.message + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
