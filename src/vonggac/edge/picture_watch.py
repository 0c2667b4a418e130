"""Looks at one camera's picture after the other, outside the recording path, within a budget.

`PictureWatch.run` takes the newest keyframe of one camera, has it decoded by a process of its own,
measures it in a thread, and goes on to the next: so many pictures a second for the whole box,
however many cameras it has.  The sub-stream is taken where there is one.  Nothing here touches a
run or a segment; a decoder that dies costs one picture.

A picture fault that begins or ends becomes a signed fact (`CheckFailed`, what `picture`) with the
measure and both pictures: the reference picture by its name, the other by the fact's moment.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from vonggac import log, wire
from vonggac.clock import NS
from vonggac.edge import picture_references
from vonggac.edge.picture_health import CameraHealth, Ill, PictureFault
from vonggac.edge.picture_measures import HEIGHT, WIDTH, luma_of
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.config import StreamName
    from vonggac.edge.audience import PartHeader
    from vonggac.edge.live import StreamNow

READ_AGAIN_NS: Final = 60 * NS
"""How often the references of a camera are looked for on the disk: "this is normal now" counts
within a minute."""
WORDS: Final = {
    Ill.BLACK: "the picture is black",
    Ill.OVEREXPOSED: "the picture is over-exposed",
    Ill.FROZEN: "the picture stands still",
    Ill.COVERED: "the lens is covered",
    Ill.DEFOCUSED: "the picture is out of focus",
    Ill.MOVED: "the camera was moved or turned",
}


class Keyframes(Protocol):
    """Who has the newest keyframes (`BoxKeyframes`)."""

    def cameras(self) -> Collection[tuple[str, StreamName]]:
        """Every camera once, with the stream that is looked at."""
        ...

    async def newest(self, camera: str, stream: StreamName) -> tuple[int, bytes, bytes] | None:
        """Moment (ns), init, and the part that begins with the newest keyframe."""
        ...


class Recordings(Protocol):
    """What `edge.playback.Playback` knows of the present."""

    def now(self, camera: str, stream: StreamName) -> StreamNow:
        """The present state of a stream."""
        ...

    async def gop_so_far(
        self, camera: str, stream: StreamName
    ) -> tuple[PartHeader, list[bytes]] | None:
        """The parts since the last keyframe."""
        ...


class BoxKeyframes:
    """The newest keyframes of a box's streams: of `sub` where a camera has one.

    Args:
        recordings: where parts are.
        streams: every (camera, stream) that the box has now.
    """

    def __init__(self, recordings: Recordings, streams: Collection[tuple[str, StreamName]]) -> None:
        self._recordings = recordings
        self._streams = streams

    def cameras(self) -> Collection[tuple[str, StreamName]]:
        """See `Keyframes`."""
        return [
            (camera, stream)
            for camera, stream in self._streams
            if stream == "sub" or (camera, "sub") not in self._streams
        ]

    async def newest(self, camera: str, stream: StreamName) -> tuple[int, bytes, bytes] | None:
        """See `Keyframes`."""
        found = await self._recordings.gop_so_far(camera, stream)
        run = self._recordings.now(camera, stream).format
        if found is None or run is None:
            return None
        first, parts = found
        return first.wall_ns, run.init, parts[0]


class Decoder(Protocol):
    """Who decodes, outside this process (`edge.picture.PictureDecoder`)."""

    async def grey(self, init: bytes, parts: bytes, *, width: int, height: int) -> bytes:
        """The picture in grey; raises VonggacError if it cannot be decoded."""
        ...


class PictureWatch:
    """The health of all pictures of one box.

    Args:
        directory: the recording directory; references lie in it.
        keyframes: whose.
        decoder: a process of its own, apart from the one that makes stills.
        tell: takes the facts.
        clock: the timer.
        a_second: pictures looked at, of all cameras together.
    """

    def __init__(
        self,
        directory: Path,
        keyframes: Keyframes,
        decoder: Decoder,
        tell: Callable[[wire.CheckFailed], object],
        clock: Clock,
        *,
        a_second: float,
    ) -> None:
        self._directory = directory
        self._keyframes = keyframes
        self._decoder = decoder
        self._tell = tell
        self._clock = clock
        self._wait_s = 1 / a_second
        self._turn: list[tuple[str, StreamName]] = []
        self._cameras: dict[str, CameraHealth] = {}
        self._looked_ns: dict[str, int] = {}
        """Moment of the newest picture that was looked at."""
        self._read_ns: dict[str, int] = {}
        self._logger = log.get("picture_watch")
        self.counts: Counter[str] = Counter()
        """`looked`, `nothing_new` and `not_decoded`, since the start."""

    async def run(self) -> None:
        """One camera after the other, for ever."""
        while True:
            await self._clock.sleep(self._wait_s)
            try:
                await self.run_once()
            except Exception:  # one camera must not end the look at the others
                self._logger.exception("picture_watch.failed")

    async def run_once(self) -> list[PictureFault]:
        """Look at the next camera.

        Returns:
            The faults that began or ended with its picture.
        """
        if not self._turn:
            self._turn = sorted(self._keyframes.cameras())
            names = {camera for camera, _ in self._turn}
            for kept in (self._cameras, self._looked_ns, self._read_ns):
                for gone in set(kept) - names:
                    kept.pop(gone)
            if not self._turn:
                return []
        camera, stream = self._turn.pop(0)
        found = await self._newest(camera, stream)
        if found is None:
            return []
        at_ns, pixels = found
        health = self._health(camera)
        _, changed = await asyncio.to_thread(health.look, at_ns, luma_of(pixels))
        self.counts["looked"] += 1
        for fault in changed:
            self._report(camera, stream, fault)
        return changed

    async def _newest(self, camera: str, stream: StreamName) -> tuple[int, bytes] | None:
        """The newest picture, if it was not looked at before."""
        try:
            found = await self._keyframes.newest(camera, stream)
            if found is None or found[0] <= self._looked_ns.get(camera, 0):
                self.counts["nothing_new"] += 1
                return None
            at_ns, init, part = found
            self._looked_ns[camera] = at_ns
            return at_ns, await self._decoder.grey(init, part, width=WIDTH, height=HEIGHT)
        except (VonggacError, OSError) as error:
            self.counts["not_decoded"] += 1
            self._logger.debug("picture.not_decoded", camera=camera, reason=str(error))
            return None

    def _health(self, camera: str) -> CameraHealth:
        """What is known of a camera, held against what stands approved now."""
        health = self._cameras.setdefault(camera, CameraHealth())
        now_ns = self._clock.monotonic_ns()
        if now_ns - self._read_ns.get(camera, -READ_AGAIN_NS) >= READ_AGAIN_NS:
            self._read_ns[camera] = now_ns
            references, wrong = picture_references.approved(self._directory, camera)
            for what in wrong:
                self._logger.warning("reference.refused", camera=camera, reason=what)
            if tuple(references) != tuple(health.references):
                health.approve(references)
        return health

    def _report(self, camera: str, stream: StreamName, fault: PictureFault) -> None:
        evidence = sentence(fault)
        self._logger.warning("picture.fault", camera=camera, stream=stream, what=evidence)
        over_ns = fault.found_ns if fault.until_ns is None else fault.until_ns
        self._tell(
            wire.CheckFailed(
                at=over_ns, camera=camera, stream=stream, what="picture", evidence=evidence
            )
        )


def sentence(fault: PictureFault) -> str:
    """A picture fault as its evidence says it, in a form of `rules/evidence.toml`."""
    words = WORDS[fault.what]
    if fault.until_ns is not None:
        return f"well again after {(fault.until_ns - fault.since_ns) // NS} s: {words}"
    told = (
        f"{words} for {(fault.found_ns - fault.since_ns) // NS} s:"
        f" {fault.measure} {fault.value:.3f}, bound {fault.bound:.3f}"
    )
    if fault.reference is None:
        return f"{told}, without a reference picture"
    return f"{told}, against reference picture {fault.reference}"
