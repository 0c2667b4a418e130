"""Each fault, as a client written by others sees it, and the truth told about it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from onlookers import SMALL, Seen, numbers, pictures, watch

from recordings import Lateness
from vonggac.errors import ConfigError, VonggacError
from vonggac.sim.band import read_bar_code
from vonggac.sim.cameras import CameraPlan, StreamPlan, VirtualCameras
from vonggac.sim.faults import FaultKind, parse_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from pathlib import Path

    from vonggac.sim.cameras import FaultRecord, Truth


class Bell:
    """Told of faults; rings when one has ended, and keeps the truth of that moment.

    Args:
        cameras: set once they are there.
    """

    def __init__(self) -> None:
        self.cameras: VirtualCameras | None = None
        self.truths: list[Truth] = []
        self._ended = asyncio.Event()

    def __call__(self, name: str, record: FaultRecord) -> None:
        """What `on_fault` calls."""
        if record.to_ns is not None and self.cameras is not None:
            self.truths.append(self.cameras.truth(name))
            self._ended.set()

    async def ended(self) -> Truth:
        """Wait for the next end of a fault."""
        await self._ended.wait()
        self._ended.clear()
        return self.truths[-1]


@asynccontextmanager
async def one_camera(cache: Path) -> AsyncIterator[tuple[VirtualCameras, Bell]]:
    """cam01 and the bell of its faults."""
    bell = Bell()
    async with VirtualCameras(1, main=SMALL, cache=cache, on_fault=bell) as cameras:
        bell.cameras = cameras
        yield cameras, bell


def connect(cameras: VirtualCameras, name: str = "cam01") -> int:
    """What the kernel says to a connection attempt; 0 for success."""
    port = int(cameras.url(name).split(":")[2].split("/")[0])
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port))


class Look:
    """A client at cam01 until so many pictures came or the connection ended; await it for them.

    Args:
        cameras: whose first one.
        count: pictures it waits for.
        decode: whether to decode them too.
        least: when `began` returns.
        also: what it waits for besides, however long a busy machine takes.
    """

    def __init__(
        self,
        cameras: VirtualCameras,
        count: int,
        *,
        decode: bool = False,
        least: int = 10,
        also: Callable[[list[Seen]], bool] = bool,
    ) -> None:
        self._began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def until(seen: list[Seen]) -> bool:
            if len(seen) == least:
                loop.call_soon_threadsafe(self._began.set)
            return len(seen) >= count and also(seen)

        look = asyncio.to_thread(watch, cameras.url("cam01"), until, decode=decode)
        self._task = asyncio.create_task(look)

    async def began(self) -> None:
        """Wait until the first pictures arrived."""
        await self._began.wait()

    def __await__(self) -> Generator[None, None, list[Seen]]:
        return self._task.__await__()


async def test_a_dropped_camera_is_cut_off_and_its_numbers_go_on(cache: Path) -> None:
    """The cable was pulled; the camera itself did not notice."""
    async with one_camera(cache) as (cameras, bell):
        first = Look(cameras, 10_000)
        await first.began()
        await cameras.fault("cam01", "drop", duration_s=0.6)
        before = await first
        with pytest.raises((OSError, av.FFmpegError)):
            await asyncio.to_thread(watch, cameras.url("cam01"), pictures(1))
        await bell.ended()
        after = await Look(cameras, 10)
        (fault,) = cameras.truth("cam01").faults
    assert numbers(before) == list(range(before[0].number, before[-1].number + 1))
    missed = after[0].number - before[-1].number
    assert missed >= 14
    assert fault.kind == "drop"
    assert fault.to_ns is not None
    assert (fault.to_ns - fault.from_ns) / 1e9 == pytest.approx(0.6, abs=0.2)
    assert before[-1].wall_ns <= fault.from_ns
    assert after[0].wall_ns >= fault.to_ns


async def test_with_ports_of_their_own_a_dropped_cameras_port_is_closed(cache: Path) -> None:
    """Connection refused, as by a camera without power behind a switch that is on."""
    async with VirtualCameras(2, main=SMALL, separate_ports=True, cache=cache) as cameras:
        assert connect(cameras, "cam01") == 0
        await cameras.fault("cam01", "drop")
        assert connect(cameras, "cam01") == errno.ECONNREFUSED
        assert connect(cameras, "cam02") == 0
        cameras.clear("cam01")
        assert connect(cameras, "cam01") == 0
        assert len(await Look(cameras, 3)) == 3


async def test_a_rebooted_camera_counts_from_nought(cache: Path) -> None:
    """Numbers and timestamps begin anew, which tells a reboot from a pulled cable."""
    async with one_camera(cache) as (cameras, bell):
        before = Look(cameras, 10_000, least=40)
        await before.began()
        await cameras.fault("cam01", "reboot", duration_s=0.3)
        assert (await before)[-1].number >= 39
        await bell.ended()
        after = await Look(cameras, 5)
        assert after[0].number < 20


async def test_a_refusing_camera_answers_401_even_to_the_right_password(cache: Path) -> None:
    """Somebody changed it."""
    async with one_camera(cache) as (cameras, _bell):
        first = Look(cameras, 10_000)
        await first.began()
        await cameras.fault("cam01", "refuse")
        assert len(await first) >= 1
        with pytest.raises(av.HTTPUnauthorizedError):
            await asyncio.to_thread(watch, cameras.url("cam01"), pictures(1))
        cameras.clear("cam01", "refuse")
        assert len(await Look(cameras, 3)) == 3


async def test_a_stalled_camera_keeps_the_connection_and_sends_nothing(cache: Path) -> None:
    """Afterwards it goes on with a keyframe, on the same connection, numbers missing."""
    async with one_camera(cache) as (cameras, _bell):
        look = Look(cameras, 60)
        await look.began()
        await cameras.fault("cam01", "stall", duration_s=0.8)
        seen = await look
        assert cameras.truth("cam01").pictures >= 60
    steps = [after.number - before.number for before, after in itertools.pairwise(seen)]
    assert sorted(steps)[-2:][0] == 1
    assert max(steps) >= 18
    assert seen[steps.index(max(steps)) + 1].keyframe


async def test_a_frozen_camera_sends_the_same_picture_again_and_again(cache: Path) -> None:
    """The stream, its timestamps and its numbers go on; picture and clock stand still."""
    async with one_camera(cache) as (cameras, _bell):

        def over(seen: list[Seen]) -> bool:
            faults = cameras.truth("cam01").faults
            return bool(faults) and seen[-1].wall_ns > (faults[0].to_ns or 1 << 63) + 1_200_000_000

        look = Look(cameras, 90, decode=True, also=over)
        await look.began()
        await cameras.fault("cam01", "freeze", duration_s=2.4)
        seen = await look
        (fault,) = cameras.truth("cam01").faults
    assert numbers(seen) == list(range(seen[0].number, seen[0].number + len(seen)))
    assert fault.to_ns is not None
    # FFmpeg shows pictures some time after they came; leave out the edges.
    still = [
        one for one in seen if fault.from_ns + 600_000_000 < one.wall_ns < fault.to_ns - 200_000_000
    ]
    assert len(still) >= 30
    codes = {read_bar_code(one.luma) for one in still if one.luma is not None}
    assert len(codes) == 1
    assert None not in codes
    assert all(np.array_equal(one.luma, still[0].luma) for one in still)
    moving = [
        one for one in seen if one.wall_ns > fault.to_ns + 600_000_000 and one.luma is not None
    ]
    assert (
        len({read_bar_code(one.luma) for one in moving if one.luma is not None}) == len(moving) > 10
    )


async def test_timestamps_jump_and_jump_back(cache: Path) -> None:
    """By the argument, while numbers go on."""
    async with one_camera(cache) as (cameras, _bell):
        look = Look(cameras, 60, also=lambda seen: seen[-1].pts < max(one.pts for one in seen))
        await look.began()
        await cameras.fault("cam01", "jump", duration_s=0.8, argument="100")
        seen = await look
    assert numbers(seen) == list(range(seen[0].number, seen[0].number + len(seen)))
    steps = [after.pts - before.pts for before, after in itertools.pairwise(seen)]
    assert max(steps) == pytest.approx(100 * 90_000 + 3600, abs=20)
    assert min(steps) == pytest.approx(-100 * 90_000 + 3600, abs=20)


async def test_a_camera_can_deliver_less_than_it_declares(cache: Path) -> None:
    """25 in the SDP, 10 on the wire, timestamps true to the wire."""
    fault = parse_fault("*:wrongfps@0:10")
    async with VirtualCameras(1, main=SMALL, faults=[fault], cache=cache) as cameras:
        seen = await undisturbed(cameras, 22)
    steps = [after.pts - before.pts for before, after in itertools.pairwise(seen)]
    assert set(steps) <= {8999, 9000, 9001}
    assert rate(seen) == pytest.approx(10.0, rel=0.1)


def evenly_sent(seen: list[Seen], count: int) -> list[Seen]:
    """The last so many, if none of them came late or in a heap: that shows the machine's pace."""
    last = seen[3:][-count:]
    if len(last) < count:
        return []
    steps = [after.wall_ns - before.wall_ns for before, after in itertools.pairwise(last)]
    middle = sorted(steps)[len(steps) // 2]
    return last if middle / 3 < min(steps) and max(steps) < 3 * middle else []


async def undisturbed(cameras: VirtualCameras, count: int) -> list[Seen]:
    """So many pictures in a row that were sent evenly, however long a busy machine takes."""
    while True:
        seen = await Look(cameras, count, also=lambda seen: bool(evenly_sent(seen, count)))
        if found := evenly_sent(seen, count):
            return found


def rate(seen: list[Seen]) -> float:
    """Pictures a second as they were sent."""
    return (len(seen) - 1) / ((seen[-1].wall_ns - seen[0].wall_ns) / 1e9)


async def test_the_picture_changes_its_size_with_sets_in_band(cache: Path) -> None:
    """And back; every decoded picture is whole."""
    async with one_camera(cache) as (cameras, _bell):

        def sizes(seen: list[Seen]) -> list[tuple[int, ...]]:
            shapes = [one.luma.shape for one in seen if one.luma is not None]
            return [shape for shape, _ in itertools.groupby(shapes)]

        look = Look(cameras, 60, decode=True, also=lambda seen: len(sizes(seen)) == 3)
        await look.began()
        await cameras.fault("cam01", "resize", duration_s=1.2, argument="480x272")
        seen = await look
    assert sizes(seen) == [(360, 640), (272, 480), (360, 640)]
    assert numbers(seen) == list(range(seen[0].number, seen[0].number + len(seen)))


async def test_garbage_ends_what_a_client_can_understand(cache: Path) -> None:
    """FFmpeg gives up or finds nothing; a client that comes after the fault is served."""
    async with one_camera(cache) as (cameras, bell):
        look = Look(cameras, 10_000)
        await look.began()
        await cameras.fault("cam01", "garbage", duration_s=0.6)
        before = cameras.truth("cam01")
        assert (await bell.ended()).pictures == before.pictures
        await cameras.fault("cam01", "drop", duration_s=0.05)
        assert (await look)[-1].number <= before.last_number
        await bell.ended()
        assert len(await Look(cameras, 3)) == 3


async def test_a_dripping_camera_keeps_the_connection_and_hardly_sends(cache: Path) -> None:
    """Bytes come, so the connection is alive; pictures do not, until the drip ends."""
    async with one_camera(cache) as (cameras, bell):
        look = Look(cameras, 60)
        await look.began()
        await cameras.fault("cam01", "drip", duration_s=0.8, argument="50")
        before = cameras.truth("cam01")
        after_it = await bell.ended()
        assert (after_it.pictures, after_it.clients) == (before.pictures, 1)
        seen = await look
    assert len(seen) >= 60
    steps = [after.number - before.number for before, after in itertools.pairwise(seen)]
    assert max(steps) >= 16


async def test_without_keyframes_nothing_can_be_begun(cache: Path) -> None:
    """A client that joins gets pictures, none of them a keyframe."""
    async with one_camera(cache) as (cameras, _bell):
        await cameras.fault("cam01", "nokey")
        seen = await Look(cameras, 60)
    assert len(seen) == 60
    assert not any(one.keyframe for one in seen)


async def test_a_drifting_camera_delivers_at_its_own_pace(cache: Path) -> None:
    """Timestamps say 25 a second; a crystal that is 20 % fast delivers 30."""
    async with one_camera(cache) as (cameras, _bell):
        await cameras.fault("cam01", "drift", argument="200000")
        seen = await undisturbed(cameras, 32)
    steps = [after.pts - before.pts for before, after in itertools.pairwise(seen)]
    assert set(steps) <= {3599, 3600, 3601}
    assert rate(seen) == pytest.approx(30.0, rel=0.1)


async def test_planned_faults_come_when_planned_and_again(cache: Path) -> None:
    """The demo's misbehaving camera runs on a schedule."""
    bell = Bell()
    fault = parse_fault("cam02:stall@0.2+0.1,every=0.3")
    planned = VirtualCameras(2, main=SMALL, faults=[fault], on_fault=bell, cache=cache)
    with Lateness() as late:
        async with planned as cameras:
            bell.cameras = cameras
            for _ in range(3):
                truth = await bell.ended()
            assert cameras.truth("cam01").faults == ()
    first, second, *_ = truth.faults
    assert (second.from_ns - first.from_ns) / 1e9 == pytest.approx(0.3, abs=0.1 + late.seconds)


async def test_pictures_of_different_cameras_are_spread_in_time(cache: Path) -> None:
    """A hundred cameras must not send in one burst; four lie a quarter of an interval apart."""
    plan = StreamPlan(width=640, height=360, fps=10.0, kbps=300)
    async with VirtualCameras(4, main=plan, cheap=True, cache=cache) as cameras:
        look = [asyncio.to_thread(watch, cameras.url(name), pictures(20)) for name in cameras.names]
        seen = await asyncio.gather(*look)
    # A busy machine sends pictures late, never early: the least late one of each camera counts.
    least = [min(one.wall_ns / 1e8 - one.number for one in shown) for shown in seen]
    phases = sorted(tenths % 1 for tenths in least)
    gaps = [
        (after - before) % 1 for before, after in zip(phases, [*phases[1:], phases[0]], strict=True)
    ]
    assert gaps == pytest.approx([0.25] * 4, abs=0.1)


async def test_plans_name_cameras_scenes_and_codes(cache: Path) -> None:
    """The demo's facility has cameras of its own names."""
    plans = [CameraPlan("cong-chinh", "cg-1", "CG-1"), CameraPlan("san", "san-1")]
    async with VirtualCameras(plans=plans, main=SMALL, cache=cache) as cameras:
        assert cameras.names == ["cong-chinh", "san"]
        assert [url.rsplit("/", 1)[1] for url in cameras.urls] == ["cong-chinh", "san"]
        seen = await asyncio.to_thread(watch, cameras.url("san"), pictures(3))
        assert len(seen) == 3


async def test_wrong_plans_are_refused_with_what_is_wrong(cache: Path, tmp_path: Path) -> None:
    """Before a port is opened."""
    with pytest.raises(ConfigError, match="1 to 1000"):
        VirtualCameras(0)
    with pytest.raises(ConfigError, match="no scene 'cung-trang'"):
        VirtualCameras(plans=[CameraPlan("a", "cung-trang")])
    with pytest.raises(ConfigError, match="no camera 'cam09'"):
        VirtualCameras(2, faults=[parse_fault("cam09:drop@1")])
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"not a video")
    with pytest.raises(VonggacError, match=r"empty\.mp4"):
        async with VirtualCameras(1, file=empty):
            pass
    async with one_camera(cache) as (cameras, _bell):
        port = int(cameras.url("cam01").split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="in use"):
            async with VirtualCameras(1, main=SMALL, port=port, cache=cache):
                pass
        with pytest.raises(ConfigError, match="fault kind 'x'"):
            await cameras.fault("cam01", "x")


def test_every_fault_kind_is_tried_here() -> None:
    """A new kind needs a test; these are the ones above."""
    tried = {"drop", "reboot", "refuse", "stall", "freeze", "jump", "wrongfps", "resize", "garbage",
             "drip", "nokey", "drift", "clock"}  # fmt: skip
    assert {str(kind) for kind in FaultKind} == tried
