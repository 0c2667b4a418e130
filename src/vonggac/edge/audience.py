"""Who sees a stream's parts besides the disk, and what they are told of each.

`edge.live` is the audience of a box with a bus; the edge alone has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from vonggac.causes import Cause
    from vonggac.media.h26x import AudioFormat, VideoFormat
    from vonggac.wire import StreamState


@dataclass(frozen=True, slots=True)
class PartHeader:
    """What a viewer needs to know of a part besides its bytes."""

    run: bytes
    segment: int
    sequence: int
    keyframe: bool
    base_ticks: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class RunFormat:
    """What every part of a run needs."""

    run: bytes
    init: bytes
    video: VideoFormat
    audio: AudioFormat | None


class Audience(Protocol):
    """Where parts go besides the disk (`edge.live`), or nowhere."""

    def watched(self, camera: str, stream: str) -> bool:
        """Whether somebody watches this stream now."""
        ...

    def offer(self, camera: str, stream: str, header: PartHeader, part: bytes) -> None:
        """Show a part to those who watch; costs nothing when nobody does. Never raises."""
        ...

    def tell_state(
        self, camera: str, stream: str, state: StreamState, *, cause: Cause | None, since_ns: int
    ) -> None:
        """Tell those who watch that the stream's state changed."""
        ...


class NoAudience:
    """Nobody ever watches: the edge alone."""

    def watched(self, camera: str, stream: str) -> bool:
        """Nobody does."""
        return False

    def offer(self, camera: str, stream: str, header: PartHeader, part: bytes) -> None:
        """Show it to nobody."""

    def tell_state(
        self, camera: str, stream: str, state: StreamState, *, cause: Cause | None, since_ns: int
    ) -> None:
        """Tell nobody."""
