"""Measure a stream for some seconds: what it is, how fast it comes, what time its camera has.

Our own source first, FFmpeg's for what ours refuses; the difference stands in the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vonggac import log
from vonggac.causes import Cause
from vonggac.clock import EARLIEST_CREDIBLE_NS, NS
from vonggac.edge.source import RtspSource
from vonggac.errors import MalformedError, RunEnded, VonggacError
from vonggac.media import fmp4
from vonggac.media.h26x import VideoFormat, video_format
from vonggac.media.rtp import AccessUnit

if TYPE_CHECKING:
    from vonggac.clock import Clock
    from vonggac.edge.describe import Described
    from vonggac.edge.picture import PictureDecoder
    from vonggac.edge.source import Offer, Source
    from vonggac.media.address import Address
    from vonggac.media.rtp import SenderReport

SECONDS: Final = 5.0
"""Measured by default; with connecting and ONVIF a probe stays under ten."""
MORE_SECONDS: Final = 3.0
"""Waited in addition for a second keyframe."""
DRAIN_S: Final = 0.04
MAX_PICTURES: Final = 20_000
"""Pictures measured at most: half a minute at 600 a second."""
MAX_KEYFRAME_BYTES: Final = 16 << 20

_logger = log.get(__name__)


@dataclass(slots=True)
class Measured:
    """What the pictures of some seconds tell."""

    offer: Offer | None = None
    video: VideoFormat | None = None
    pictures: int = 0
    keyframes: int = 0
    damaged: int = 0
    size: int = 0
    seconds: float = 0.0
    connect_ms: int | None = None
    ticks: list[int] = field(default_factory=list)
    arrivals_ns: list[int] = field(default_factory=list)
    key_numbers: list[int] = field(default_factory=list)
    """Which of the pictures were keyframes."""
    keyframe: AccessUnit | None = None
    clock_error_ns: int | None = None
    ended: RunEnded | None = None
    refused_by_ours: str = ""

    def take(self, unit: AccessUnit) -> None:
        """Count one picture; bounded by `MAX_PICTURES`."""
        if self.pictures >= MAX_PICTURES:
            return
        if unit.sets is not None:
            try:
                self.video = video_format(unit.sets)
            except MalformedError as error:
                _logger.debug("probe.sets_unreadable", reason=error.message)
        self.pictures += 1
        self.size += unit.size
        self.damaged += unit.damaged
        self.ticks.append(unit.ticks)
        self.arrivals_ns.append(unit.arrival_ns)
        if unit.keyframe:
            self.keyframes += 1
            self.key_numbers.append(self.pictures - 1)
            if unit.size <= MAX_KEYFRAME_BYTES:
                self.keyframe = unit

    @property
    def span_s(self) -> float | None:
        """Seconds that the pictures cover: by the camera's ticks if arrival agrees, else by that.

        A camera may send its last GOP at once when it is asked to play, so the first second of
        arrivals says nothing; and its ticks may be stuck or jump.
        """
        if self.pictures < 3 or self.offer is None:
            return None
        by_ticks = (max(self.ticks) - min(self.ticks)) / self.offer.clock_rate
        half = self.pictures // 2
        late_ns = self.arrivals_ns[-1] - self.arrivals_ns[half]
        by_arrival = late_ns / NS / (self.pictures - 1 - half) * (self.pictures - 1)
        if by_arrival <= 0 or abs(by_ticks - by_arrival) <= 0.25 * by_arrival:
            return by_ticks or None
        return by_arrival

    @property
    def fps(self) -> float | None:
        """Pictures a second, delivered; None from fewer than three."""
        span = self.span_s
        return None if not span else (self.pictures - 1) / span

    @property
    def gop_s(self) -> float | None:
        """Seconds from keyframe to keyframe, on average; None from fewer than two."""
        fps = self.fps
        if self.keyframes < 2 or not fps:
            return None
        return (self.key_numbers[-1] - self.key_numbers[0]) / (self.keyframes - 1) / fps

    @property
    def kbps(self) -> int | None:
        """Coded pictures in kbit/s."""
        span = self.span_s
        return None if not span else round(self.size * 8 / span / 1000)


async def measure(
    address: Address,
    measured: Measured,
    described: Described,
    clock: Clock,
    seconds: float,
    *,
    transcode: bool,
) -> None:
    """Ours first; FFmpeg's for what ours refuses."""
    if described.description is not None and described.ended is None:
        ours = RtspSource(address.uri, address.user, address.password, clock=clock)
        await _drain(ours, measured, clock, seconds)
        if measured.ended is None or measured.pictures:
            return
    ended = measured.ended
    if ended is None or ended.cause in (Cause.REFUSED, Cause.OVERLOADED):
        return
    measured.refused_by_ours = ended.message
    # Loads FFmpeg's libraries (40 MB), which few probes need.
    from vonggac.edge.libav import LibavSource

    measured.ended = None
    second = LibavSource(
        address.uri,
        address.user,
        address.password,
        clock=clock,
        transcode=transcode,
        why=f"ours refused it: {ended.message}",
    )
    await _drain(second, measured, clock, seconds)


async def _drain(source: Source, measured: Measured, clock: Clock, seconds: float) -> None:
    """Measure one source until the time is over or it ends."""
    started_ns = clock.monotonic_ns()
    try:
        measured.offer = offer = await source.connect()
        measured.video = offer.video
        playing_ns = clock.monotonic_ns()
        measured.connect_ms = (playing_ns - started_ns) // 1_000_000
        while True:
            now_ns = clock.monotonic_ns()
            for unit in source.drain(now_ns):
                if isinstance(unit, AccessUnit):
                    measured.take(unit)
            for report in source.take_reports():
                _take_report(report, measured, clock)
            measured.seconds = (now_ns - playing_ns) / NS
            wanted = seconds if measured.keyframes >= 2 else seconds + MORE_SECONDS
            if measured.seconds >= wanted:
                return
            await clock.sleep(DRAIN_S)
    except RunEnded as ended:
        measured.ended = ended
    finally:
        await source.close()


def _take_report(report: SenderReport, measured: Measured, clock: Clock) -> None:
    """The camera's wall time minus ours; a clock that was never set tells nothing."""
    if report.ntp_ns < EARLIEST_CREDIBLE_NS // 2:
        return
    ours_ns = clock.wall_ns() - (clock.monotonic_ns() - report.arrival_ns)
    measured.clock_error_ns = report.ntp_ns - ours_ns


async def picture(
    measured: Measured, decoder: PictureDecoder, width: int | None = None
) -> bytes | None:
    """The last keyframe as JPEG, `width` pixels wide at most; None if there is none to decode."""
    unit, video = measured.keyframe, measured.video
    if unit is None or video is None:
        return None
    identity = fmp4.Identity(site="probe", camera="probe", stream="main", run=bytes(16))
    part = fmp4.part(0, 0, 0, [(3600, unit.size, True, 0)], unit.chunks)
    try:
        return await decoder.jpeg(
            fmp4.init(video, None, identity), part, at_ticks=None, width=width
        )
    except VonggacError as error:
        _logger.info("probe.picture_not_decoded", reason=error.message)
        return None
