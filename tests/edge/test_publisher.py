"""Leases, the GOP for who joins, and one upstream copy, against the real nats-server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bus_stand import Stand, standing
from vonggac import wire
from vonggac.causes import Cause
from vonggac.clock import NS, SimulatedClock
from vonggac.edge import live
from vonggac.edge.audience import PartHeader, RunFormat
from vonggac.errors import Kind, VonggacError
from vonggac.media.h26x import Codec, ParameterSets, VideoFormat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vonggac.config import StreamName

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")

RUN = bytes(range(16))
VIDEO = VideoFormat(
    codec=Codec.H264,
    width=1920,
    height=1080,
    sets=ParameterSets(Codec.H264, (), (b"\x67\x64\x00\x1f",), (b"\x68",)),
    declared_fps=25.0,
    reorder_depth=0,
)
FORMAT = RunFormat(RUN, b"init", VIDEO, None)
VIEWER = live.Viewer("account 17", "shift duty")


def header(sequence: int, *, keyframe: bool = False, run: bytes = RUN) -> PartHeader:
    return PartHeader(run, 0, sequence, keyframe, 0, 1_800_000_000 * NS + sequence)


class Recorder:
    """The recorder's side: what it has written of the current GOP, and who was told.

    The real one needs a camera; its own tests hold it to the same words (`live.Streams`).
    """

    def __init__(self) -> None:
        self.state = live.StreamNow(wire.StreamState.LIVE, 5, None, FORMAT, 25.0)
        self.written: list[tuple[PartHeader, bytes]] = []
        self.told: list[tuple[str, str]] = []
        self.reads = 0
        self.reading = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()

    def now(self, camera: str, stream: StreamName) -> live.StreamNow:
        if camera != "cam01":
            raise VonggacError(Kind.NOT_FOUND, "no such camera")
        return self.state

    def watch_begins(self, camera: str, stream: StreamName) -> None:
        self.told.append((camera, stream))

    async def gop_so_far(
        self, camera: str, stream: StreamName
    ) -> tuple[PartHeader, list[bytes]] | None:
        self.reads += 1
        written = list(self.written)
        self.reading.set()
        await self.may_read.wait()
        if not written:
            return None
        return written[0][0], [part for _, part in written]


class Box:
    """A publisher on a real connection, and its viewer."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.clock = SimulatedClock(1_800_000_000 * NS)
        self.recorder = Recorder()
        self.views: list[live.View] = []
        self.publisher = live.Publisher(
            stand.hub, stand.site, streams=self.recorder, viewed=self.views.append, clock=self.clock
        )
        self.heard: list[wire.PartHead | str] = []
        self.payloads: list[bytes] = []

    def arrived(self, message: Any) -> None:
        state = message.headers.get(wire.STATE)
        self.heard.append(wire.part_head(message.headers) if state is None else state)
        self.payloads.append(message.payload)

    async def settle(self) -> None:
        """Everything offered has reached whoever listens, or nobody."""
        for _ in range(20):
            await asyncio.sleep(0)
        await self.media.flush()
        await self.listener.flush()
        for _ in range(20):
            await asyncio.sleep(0)

    async def start(self) -> asyncio.Task[None]:
        _, self.media = await self.stand.edge()
        _, self.listener = await self.stand.hub_process()
        await self.listener.listen(wire.lives(self.stand.hub), self.arrived)
        await self.listener.flush()
        running = asyncio.create_task(self.publisher.run(self.media))
        await asyncio.sleep(0)
        return running

    async def open(self, grant: str = "g1", **changed: Any) -> live.Opened:
        ask = wire.OpenAsk(**({"stream": "main"} | changed))
        return await self.publisher.open("cam01", ask, grant=grant, viewer=VIEWER, left_s=120)

    def sequences(self) -> list[int]:
        return [head.sequence for head in self.heard if isinstance(head, wire.PartHead)]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with standing(tmp_path) as stand:
        built = Box(stand)
        running = await built.start()
        yield built
        running.cancel()
        await asyncio.wait((running,))


async def test_nothing_is_published_while_nobody_watches(box: Box) -> None:
    """Must-show 7: zero media bytes on the bus, however many cameras record."""
    for number in range(100):
        box.publisher.offer("cam01", "main", header(number, keyframe=number % 10 == 0), b"part")
    await box.settle()

    assert box.heard == []
    assert box.media.bytes_published == 0
    assert not box.publisher.watched("cam01", "main")


async def test_fifty_viewers_are_one_upstream_copy(box: Box) -> None:
    """The server fans out; the box publishes each part once."""
    for number in range(50):
        await box.open(f"g{number}")
    for number in range(10):
        box.publisher.offer("cam01", "main", header(number, keyframe=number == 0), b"part")
    await box.settle()

    assert box.sequences() == list(range(10))
    assert box.publisher.published == {("cam01", "main"): 10}
    assert box.publisher.bytes == 40
    assert box.recorder.told == [("cam01", "main")]


async def test_lease_ends_and_publishing_with_it(box: Box) -> None:
    """30 s after the last question, also when no part came to notice it."""
    await box.open(lease_s=10)
    box.publisher.offer("cam01", "main", header(0, keyframe=True), b"part")
    await box.clock.advance(9)
    await box.open(extend=True, lease_s=10)
    await box.clock.advance(9)
    box.publisher.offer("cam01", "main", header(1), b"part")
    await box.settle()
    assert box.sequences() == [0, 1]

    await box.clock.advance(2)

    assert not box.publisher.watched("cam01", "main")
    box.publisher.offer("cam01", "main", header(2), b"part")
    await box.settle()
    assert box.sequences() == [0, 1]


async def test_part_after_the_end_of_a_lease_is_not_published(box: Box) -> None:
    """The sweep comes once a second; a part between looks at the end itself."""
    await box.open(lease_s=10)
    box.clock._monotonic_ns += 11 * NS  # no sleeper wakes: the sweep has not come yet
    box.publisher.offer("cam01", "main", header(0, keyframe=True), b"part")
    await box.settle()

    assert box.heard == []
    assert not box.publisher.watched("cam01", "main")


async def test_joiner_gets_the_gop_from_disk_and_then_live_without_a_hole(box: Box) -> None:
    """Parts offered while the disk is read come after what was read, each once."""
    box.recorder.written = [(header(n, keyframe=n == 10), b"%d" % n) for n in range(10, 14)]
    box.recorder.may_read.clear()
    opening = asyncio.create_task(box.open())
    await box.recorder.reading.wait()
    box.publisher.offer("cam01", "main", header(14), b"14")
    box.publisher.offer("cam01", "main", header(15), b"15")
    box.recorder.may_read.set()
    opened = await opening
    box.publisher.offer("cam01", "main", header(16), b"16")
    await box.settle()

    assert opened.frames == [b"init", b"10", b"11", b"12", b"13", b"14", b"15"]
    assert (opened.meta.seq, opened.meta.frames, opened.meta.run) == (10, 7, RUN.hex())
    assert (opened.meta.codec, opened.meta.width, opened.meta.fps) == ("avc1.64001f", 1920, 25.0)
    assert box.sequences() == [14, 15, 16]


async def test_second_joiner_costs_no_disk(box: Box) -> None:
    """The GOP is kept in memory while the stream is leased."""
    box.recorder.written = [(header(n, keyframe=n == 10), b"%d" % n) for n in range(10, 12)]
    await box.open("g1")
    box.publisher.offer("cam01", "main", header(12), b"12")
    first = await box.open("g2")
    second = await box.open("g3")
    box.publisher.offer("cam01", "main", header(13, keyframe=True), b"13")
    third = await box.open("g4")

    assert second.frames == [b"init", b"10", b"11", b"12"]
    assert third.frames == [b"init", b"13"]
    assert first.frames == second.frames
    assert box.recorder.reads == 2  # g1, and g2 who joined it with what came since


async def test_keyframe_that_comes_while_the_disk_is_read_is_what_the_joiner_gets(
    box: Box,
) -> None:
    """The old GOP is of no use any more."""
    box.recorder.written = [(header(n, keyframe=n == 10), b"%d" % n) for n in range(10, 14)]
    box.recorder.may_read.clear()
    opening = asyncio.create_task(box.open())
    await box.recorder.reading.wait()
    box.publisher.offer("cam01", "main", header(14, keyframe=True), b"14")
    box.recorder.may_read.set()

    assert (await opening).frames == [b"init", b"14"]


async def test_run_that_changes_while_the_disk_is_read_gives_no_part_of_the_old_one(
    box: Box,
) -> None:
    """Parts need their own run's init."""
    box.recorder.written = [(header(n, keyframe=n == 10), b"%d" % n) for n in range(10, 14)]
    box.recorder.may_read.clear()
    opening = asyncio.create_task(box.open())
    await box.recorder.reading.wait()
    box.recorder.state = box.recorder.state._replace(format=replace(FORMAT, run=bytes(16)))
    box.recorder.may_read.set()
    opened = await opening

    assert opened.frames == [b"init"]
    assert (opened.meta.run, opened.meta.frames) == ("0" * 32, 1)


async def test_long_gop_is_not_kept_in_memory(box: Box) -> None:
    """A camera with a keyframe a minute must not fill the memory of the box."""
    await box.open()
    box.publisher.offer("cam01", "main", header(0, keyframe=True), b"part")
    for number in range(1, live.GOP_PARTS + 5):
        box.publisher.offer("cam01", "main", header(number), b"part")
        if number % 20 == 0:
            await box.settle()
    lease = box.publisher._leases["cam01", "main"]

    assert lease.gop == []
    assert box.publisher._kept_bytes == 0
    box.publisher.offer("cam01", "main", header(9_000, keyframe=True), b"part")
    assert len(lease.gop) == 1


async def test_slow_bus_costs_parts_up_to_the_next_keyframe_and_no_memory(box: Box) -> None:
    """A viewer wants what is new; half a GOP is of no use to a decoder."""
    await box.open()
    count = live.QUEUE_PARTS + 10
    for number in range(count):  # no turn of the loop: nothing can be sent meanwhile
        box.publisher.offer("cam01", "main", header(number, keyframe=number == 0), b"part")
    box.publisher.offer("cam01", "main", header(count, keyframe=True), b"key")
    box.publisher.offer("cam01", "main", header(count + 1), b"part")
    await box.settle()

    assert box.sequences() == [count, count + 1]
    assert box.publisher.dropped["slow"] == count


async def test_part_too_long_for_the_bus_is_skipped_with_its_gop(box: Box) -> None:
    """It is recorded; it is not shown; the viewer goes on at the next keyframe."""
    await box.open()
    for number, size in enumerate([10, live.MAX_PART + 1, 10]):
        box.publisher.offer("cam01", "main", header(number, keyframe=number == 0), bytes(size))
    box.publisher.offer("cam01", "main", header(3, keyframe=True), b"key")
    await box.settle()

    assert box.sequences() == [0, 3]
    assert box.publisher.dropped == {"too_large": 1, "slow": 1}


async def test_state_reaches_those_who_watch_and_nobody_else(box: Box) -> None:
    """A tile must never show a frozen picture that looks live."""
    box.publisher.tell_state("cam01", "main", wire.StreamState.STALLED, cause=None, since_ns=7)
    await box.open()
    box.publisher.tell_state(
        "cam01", "main", wire.StreamState.GAP, cause=Cause.UNREACHABLE, since_ns=8
    )
    await box.settle()

    assert box.heard == ["gap"]
    assert box.payloads == [b""]
    assert box.publisher.bytes == 0


async def test_stream_without_a_run_is_leased_and_says_why_it_shows_nothing(box: Box) -> None:
    """The tile waits with the cause in sight; pictures come when the camera does."""
    box.recorder.state = live.StreamNow(wire.StreamState.GAP, 9, Cause.REFUSED, None, None)

    opened = await box.open()

    assert opened.frames == []
    assert (opened.meta.state, opened.meta.cause, opened.meta.since) == ("gap", "refused", "9")
    assert opened.meta.run is None
    assert box.publisher.watched("cam01", "main")


async def test_view_is_told_once_however_often_the_grant_is_renewed(box: Box) -> None:
    """An audit of who watched, from when to when, not of how tokens work."""
    await box.open("g1")
    await box.clock.advance(20)
    await box.open("g2", extend=True)
    await box.open("g1", lease_s=0)
    await box.clock.advance(20)
    await box.open("g3", extend=True)
    await box.clock.advance(31)

    start = 1_800_000_000 * NS
    begun, ended = box.views
    assert begun == live.View(VIEWER, "cam01", "main", "g1", start, None)
    assert ended.begun_ns == start
    assert ended.ended_ns is not None
    assert start + 70 * NS <= ended.ended_ns <= start + 71 * NS


async def test_lease_never_outlives_its_grant(box: Box) -> None:
    """A right that ends in 5 s gives a lease of 5 s."""
    ask = wire.OpenAsk("main", lease_s=30)
    opened = await box.publisher.open("cam01", ask, grant="g1", viewer=VIEWER, left_s=5)

    assert opened.meta.lease_s == 5
    await box.clock.advance(6)
    assert not box.publisher.watched("cam01", "main")


async def test_unknown_camera_is_not_leased(box: Box) -> None:
    """A question cannot make the box remember names."""
    with pytest.raises(VonggacError) as refused:
        await box.publisher.open(
            "cam99", wire.OpenAsk("main"), grant="g1", viewer=VIEWER, left_s=60
        )

    assert refused.value.kind is Kind.NOT_FOUND
    assert box.publisher.leased == 0


async def test_leases_are_over_when_the_connection_is(tmp_path: Path) -> None:
    """The viewers ask again; the recorder goes on without an audience."""
    async with standing(tmp_path) as stand:
        box = Box(stand)
        running = await box.start()
        await box.open()
        running.cancel()
        await asyncio.wait((running,))

        assert not box.publisher.watched("cam01", "main")
        assert [view.ended_ns is None for view in box.views] == [True, False]
        with pytest.raises(VonggacError) as refused:
            await box.open()
        assert refused.value.kind is Kind.UNAVAILABLE
