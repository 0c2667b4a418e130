"""One stream's way to parts, with a camera that sends exactly what a test says, and when.

A real camera cannot be made to send sound without pictures, or to refuse at a given second.
Everything behind the source is real: recorder, catalog, journal, ledger.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from footage import footage
from recordings import gaps
from vonggac import wire
from vonggac.causes import Cause
from vonggac.clock import NS, SystemClock
from vonggac.config import RecordConfig
from vonggac.edge import back_off
from vonggac.edge import ingest as module
from vonggac.edge import journal as journals
from vonggac.edge.box import Box, StreamSetup
from vonggac.edge.identity import identity_at
from vonggac.edge.ingest import StreamPlan
from vonggac.edge.report import read_ledger
from vonggac.edge.source import Offer
from vonggac.errors import RunEnded
from vonggac.media.h26x import Codec
from vonggac.media.rtp import AccessUnit, AudioUnit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from vonggac.edge.audience import Audience, PartHeader
    from vonggac.media.rtp import SenderReport

FILM = footage(seconds=4.0, fps=10, gop=10)


@dataclass
class Camera:
    """What the test lets every connection do."""

    refuse: Cause | None = None
    """Why a connection fails; None lets it play."""
    declared_fps: float | None = 10.0
    playing: bool = True
    """Whether pictures come."""
    sound: bool = False
    """Whether sound comes."""
    dials: list[int] = field(default_factory=list)
    """Monotonic time of each attempt."""
    hang_up: RunEnded | None = None
    unplugged: bool = False
    """Whether its port answers nobody."""


class Scripted:
    """A connection to such a camera: ten pictures a second, as the film has them."""

    def __init__(self, camera: Camera, clock: SystemClock) -> None:
        self.bytes_received = 0
        self._camera = camera
        self._clock = clock
        self._began_ns = 0
        self._sent = 0

    async def connect(self) -> Offer:
        self._camera.dials.append(self._clock.monotonic_ns())
        if self._camera.refuse is not None:
            raise RunEnded(self._camera.refuse, "as the test says")
        self._began_ns = self._clock.monotonic_ns()
        return Offer(
            "rtsp", FILM.video, Codec.H264, 90_000, None, self._camera.declared_fps, "", ()
        )

    def drain(self, now_ns: int) -> list[AccessUnit | AudioUnit]:
        if self._camera.hang_up is not None:
            ended, self._camera.hang_up = self._camera.hang_up, None
            raise ended
        units: list[AccessUnit | AudioUnit] = []
        if self._camera.sound:
            units.append(AudioUnit(b"sound", now_ns * 16 // 1_000_000, now_ns))
        due = (now_ns - self._began_ns) * 10 // NS
        while self._sent < due:
            picture = FILM.pictures[self._sent % len(FILM.pictures)]
            if self._camera.playing:
                units.append(
                    AccessUnit(
                        [picture.nals], len(picture.nals), self._sent * 9000, picture.keyframe,
                        now_ns, None, False,
                    )
                )  # fmt: skip
            self._sent += 1
        return units

    def take_reports(self) -> list[SenderReport]:
        return []

    def when_over(self, call: Callable[[], None]) -> None:
        """`drain` tells."""

    async def knock(self) -> None:
        if self._camera.unplugged:
            raise RunEnded(Cause.UNREACHABLE, "nobody answers")

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Watching:
    """Somebody who watches, and what they are told."""

    told: list[tuple[wire.StreamState, Cause | None]] = field(default_factory=list)

    def watched(self, _camera: str, _stream: str) -> bool:
        return True

    def offer(self, _camera: str, _stream: str, _header: PartHeader, _part: bytes) -> None:
        """They see it."""

    def tell_state(
        self,
        _camera: str,
        _stream: str,
        state: wire.StreamState,
        *,
        cause: Cause | None,
        since_ns: int,
    ) -> None:
        assert since_ns > 0
        self.told.append((state, cause))


@asynccontextmanager
async def box_with(
    camera: Camera, directory: Path, *, record: bool = True, audience: Audience | None = None
) -> AsyncIterator[Box]:
    clock = SystemClock()
    box = Box(
        directory, identity_at(directory), clock, settings=RecordConfig(segment_s=5.0),
        audience=audience,
    )  # fmt: skip
    setup = StreamSetup(
        StreamPlan("cam01", "main", record=record), lambda: Scripted(camera, clock), lambda _: None
    )
    living = asyncio.create_task(box.run([setup]))
    try:
        await until(lambda: living.done() or box.ingests, "the stream begins")
        yield box
    finally:
        box.stop()
        await living


async def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within 30 s: {what}")


async def test_sound_without_pictures_is_a_stall(tmp_path: Path) -> None:
    """The connection is lively, and nothing of what is to be recorded comes."""
    camera = Camera(sound=True)
    async with box_with(camera, tmp_path) as box:
        await until(lambda: box.ingests["cam01", "main"].pictures > 12, "pictures")
        camera.playing = False
        await until(lambda: gaps(tmp_path, "cam01"), "the ledger tells")
        camera.playing = True
        wanted = box.ingests["cam01", "main"].pictures + 12
        await until(lambda: box.ingests["cam01", "main"].pictures > wanted, "more pictures")
    (gap,) = gaps(tmp_path, "cam01")
    assert gap.cause == "stalled"


async def test_a_stream_that_nobody_records_is_back_with_its_first_keyframe(
    tmp_path: Path,
) -> None:
    """It has no ledger, so nothing is missing of it; who watches is told when it goes and comes.

    What it does while it is away can be asked, until its pictures are back and no longer.
    """
    camera, watching = Camera(), Watching()
    async with box_with(camera, tmp_path, record=False, audience=watching) as box:
        ingest = box.ingests["cam01", "main"]
        continuity = ingest.books.continuity
        await until(lambda: ingest.pictures > 5, "pictures")
        for _ in range(2):
            camera.refuse = Cause.UNREACHABLE
            camera.hang_up = RunEnded(Cause.UNREACHABLE, "hung up")
            await until(lambda: continuity.open, "it is away")
            assert continuity.open is not None
            assert continuity.last_end_ns == continuity.open.from_ns, "from its last picture on"
            camera.refuse = None
            await until(lambda: continuity.open is None, "its pictures are back")
    gone, back = (wire.StreamState.GAP, Cause.UNREACHABLE), (wire.StreamState.LIVE, None)
    assert watching.told == [back, gone, back, gone, back]
    assert read_ledger(tmp_path) == {}
    told = {type(fact) for _, fact in journals.facts(tmp_path / "journal")}
    assert told.isdisjoint({wire.StateChanged, wire.SpanClosed, wire.GapClosed})
    assert wire.RunStarted in told


async def test_a_camera_that_declares_no_rate_has_its_gaps_told(tmp_path: Path) -> None:
    """Seconds are missing over a new connection, whose rate nobody has measured yet."""
    camera = Camera(declared_fps=None)
    async with box_with(camera, tmp_path) as box:
        ingest = box.ingests["cam01", "main"]
        await until(lambda: ingest.delivered_fps, "the rate is measured")
        camera.refuse = Cause.UNREACHABLE
        camera.hang_up = RunEnded(Cause.UNREACHABLE, "hung up")
        before = ingest.pictures
        await asyncio.sleep(1.6)
        camera.refuse = None
        await until(lambda: ingest.pictures > before + 12, "pictures again")
    (gap,) = gaps(tmp_path, "cam01")
    assert gap.cause == "unreachable"
    assert gap.end - gap.begin > 1.4
    view, _ = read_ledger(tmp_path)["cam01"]
    assert len(view.spans) == 2


@pytest.mark.parametrize(
    ("cause", "waits"),
    [
        (Cause.UNREACHABLE, back_off.BACK_OFF_S),
        (Cause.STALLED, back_off.BACK_OFF_S),
        (Cause.GARBLED, back_off.BACK_OFF_BROKEN_S),
    ],
)
async def test_attempts_are_spaced_by_what_went_wrong(
    tmp_path: Path, cause: Cause, waits: tuple[float, ...]
) -> None:
    """At once, then later and later, with jitter downwards; never in a tight circle."""
    camera = Camera(refuse=cause)
    async with box_with(camera, tmp_path):
        await until(lambda: len(camera.dials) >= 4, "four attempts")
    for number, wait in enumerate(waits[:3]):
        passed = (camera.dials[number + 1] - camera.dials[number]) / NS
        assert passed >= 0.7 * wait - 0.01


async def test_a_refused_password_is_not_tried_again_soon(tmp_path: Path) -> None:
    """Cameras lock accounts: after the first refusal at least three and a half seconds."""
    camera = Camera(refuse=Cause.REFUSED)
    async with box_with(camera, tmp_path) as box:
        ingest = box.ingests["cam01", "main"]
        await until(lambda: camera.dials and ingest.next_attempt_ns, "the wait")
        due = ingest.next_attempt_ns
        assert due is not None
        assert camera.dials[0] + 3.5 * NS <= due <= SystemClock().monotonic_ns() + 5 * NS
        await asyncio.sleep(1.5)
        assert [dial for dial in camera.dials[1:] if dial < due] == []


async def test_a_first_refusal_after_a_broken_connection_waits_as_a_first(tmp_path: Path) -> None:
    """Failures are counted by cause; a camera that records again begins anew."""
    camera = Camera()
    async with box_with(camera, tmp_path) as box:
        ingest = box.ingests["cam01", "main"]
        await until(lambda: ingest.pictures > 5, "pictures")
        camera.refuse = Cause.REFUSED
        camera.hang_up = RunEnded(Cause.UNREACHABLE, "hung up")
        await until(
            lambda: ingest.last_error and ingest.last_error.cause is Cause.REFUSED, "the refusal"
        )
        await until(lambda: ingest.next_attempt_ns, "the wait")
        assert ingest.next_attempt_ns is not None
        assert ingest.next_attempt_ns <= SystemClock().monotonic_ns() + 5 * NS


@pytest.mark.parametrize("fps", [5, 7, 8, 10, 12, 12.5, 15, 20, 24, 25, 29.97, 30, 50, 60])
def test_drains_are_in_step_with_no_usual_rate(fps: float) -> None:
    """In step, each picture would be read as late as the last one, and a span end late by that."""
    beat = RecordConfig().drain_s * module.UNEVEN
    latest = 0.0
    for phase in range(20):
        taken = phase / 20 / fps
        drains = [number * beat for number in range(100)]
        latest = max(latest, min((drain - taken) % (1 / fps) for drain in drains))
    # Within 20 s some picture is read so soon after it was taken.
    assert latest < 0.01


async def test_the_last_picture_lasts_no_longer_than_those_before_it(tmp_path: Path) -> None:
    """A camera that declares two pictures a second and sends ten: a tenth is recorded of each."""
    camera = Camera(declared_fps=2.0)
    async with box_with(camera, tmp_path) as box:
        ingest = box.ingests["cam01", "main"]
        await until(lambda: ingest.pictures > 4, "pictures")
    view, _ = read_ledger(tmp_path)["cam01"]
    assert view.recorded_ns == pytest.approx(ingest.pictures * NS / 10, abs=NS / 50)


async def test_a_cable_pulled_after_a_refused_password_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait after a refusal is long; what happens in it has its own cause, and no login."""
    monkeypatch.setattr(back_off, "KNOCK_EVERY_S", 0.1)
    monkeypatch.setattr("vonggac.edge.ledger.SETTLE_NS", NS // 5)
    camera = Camera(refuse=Cause.REFUSED)

    def told() -> list[str]:
        return [gap.cause for gap in gaps(tmp_path, "cam01")]

    async with box_with(camera, tmp_path):
        await until(lambda: told() == ["refused"], "the refusal is told")
        await asyncio.sleep(0.3)
        camera.unplugged = True
        await until(lambda: told() == ["refused", "unreachable"], "the pulled cable is told")
        await asyncio.sleep(0.3)
        camera.unplugged = False
        await until(lambda: told() == ["refused", "unreachable", "refused"], "it answers again")
    assert len(camera.dials) == 1
