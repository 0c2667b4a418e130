"""Virtual cameras as a whole: start them, let them fail, ask for the truth, stop them.

    async with VirtualCameras(count=2) as cameras:
        record(cameras.url("cam01"))
        await cameras.fault("cam01", "drop", duration_s=3)
        assert cameras.truth("cam01").last_number == ...

Everything happens on the event loop that enters the context; only drawing and coding a loop, before
the first picture, happens elsewhere (see `drawing`).
"""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from vonggac import log
from vonggac.clock import NS, SystemClock
from vonggac.errors import ConfigError
from vonggac.sim import drawing, loops, scenes
from vonggac.sim.band import Band
from vonggac.sim.camera import Show, Stream, VirtualCamera
from vonggac.sim.drawing import Order
from vonggac.sim.faults import FOREVER, Fault, FaultKind
from vonggac.sim.server import Credentials, Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.sim.loops import CodecName

MAX_CAMERAS = 1000
CHEAP_SCENES = 2
"""A load test's cameras need not look different; drawing ten scenes at 1080p25 takes half a
minute of two cores the first time."""
EARLY_NS = NS // 1000
"""Pictures due within this are sent now: libuv's timers count in milliseconds."""

_LOG = log.get(__name__)


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """One virtual camera to be."""

    name: str
    """As it stands in the URL: letters, digits, hyphens."""
    scene: str
    """One of `scenes.SCENES`."""
    code: str = ""
    """What stands in the picture's corner; empty for the scene's own."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a stream looks like."""

    width: int = 1280
    height: int = 720
    fps: float = 15.0
    kbps: int = 2000
    """On the wire, in kbit/s of coded pictures."""
    codec: CodecName = "h264"


SUB = StreamPlan(width=640, height=360, fps=10.0, kbps=400)
"""A sub-stream as makers ship them."""


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault that happened."""

    kind: FaultKind
    from_ns: int
    """Wall time it began."""
    to_ns: int | None
    """Wall time it ended; None while it lasts."""
    argument: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What a recorder of this stream should have."""

    pictures: int
    """Pictures that left for at least one client."""
    last_number: int
    """The number of the last of them; -1 if none did."""
    last_wall_ns: int
    """Its wall time."""
    next_number: int
    """The number the next picture will carry."""
    clients: int
    faults: tuple[FaultRecord, ...]


@dataclass(slots=True)
class _Running:
    """A fault that lasts, and what ends it."""

    fault: Fault
    from_ns: int
    ends: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Memory:
    past: list[FaultRecord] = field(default_factory=list)
    running: dict[FaultKind, _Running] = field(default_factory=dict)


class VirtualCameras:
    """A set of virtual cameras on 127.0.0.1; an async context manager.

    Args:
        count: how many, named cam01 ...; ignored when `plans` is given.
        plans: exactly which.
        port: where they listen; 0 for any free one. With `separate_ports` the first of them.
        main: the main stream.
        sub: the sub-stream at `/<name>/sub`, or None for none.
        file: a video file to send instead of scenes; size and rate are then the file's.
        faults: what goes wrong and when, counted from the start.
        credentials: who may look; everybody by default.
        separate_ports: one port a camera, so that a dropped camera's port is really closed.
        udp: allow RTP over UDP too.
        sets_in_band_only: keep parameter sets out of the SDP.
        cheap: no clock in the picture and only two scenes, for load.
        cache: where coded loops are kept; None for nowhere.
        clock: where time comes from.
        on_fault: told whenever a fault begins or ends: camera, record.

    Raises:
        ConfigError: on entering, a name, a scene or a file that cannot be used.
        OSError: on entering, the port is taken.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        plans: Sequence[CameraPlan] | None = None,
        port: int = 0,
        main: StreamPlan | None = None,
        sub: StreamPlan | None = None,
        file: Path | None = None,
        faults: Sequence[Fault] = (),
        credentials: Credentials | None = None,
        separate_ports: bool = False,
        udp: bool = False,
        sets_in_band_only: bool = False,
        cheap: bool = False,
        cache: Path | None = None,
        clock: Clock | None = None,
        on_fault: Callable[[str, FaultRecord], None] | None = None,
    ) -> None:
        if plans is None:
            shown = scenes.SCENES[:CHEAP_SCENES] if cheap else scenes.SCENES
            plans = [
                CameraPlan(f"cam{index + 1:02d}", shown[index % len(shown)])
                for index in range(count)
            ]
        if not 1 <= len(plans) <= MAX_CAMERAS:
            raise ConfigError(f"1 to {MAX_CAMERAS} virtual cameras, not {len(plans)}")
        for plan in plans:
            if plan.scene not in scenes.SCENES:
                raise ConfigError(f"no scene {plan.scene!r}; there are {', '.join(scenes.SCENES)}")
        known = {plan.name for plan in plans} | {"*"}
        for fault in faults:
            if fault.camera not in known:
                raise ConfigError(f"fault {fault.kind}: there is no camera {fault.camera!r}")
        self._plans = {plan.name: plan for plan in plans}
        self._main = main or StreamPlan()
        self._sub = sub
        self._file = file
        self._faults = faults
        self._credentials = credentials or Credentials()
        self._port = port
        self._separate_ports = separate_ports
        self._udp = udp
        self._in_band_only = sets_in_band_only
        self._cheap = cheap
        self._cache = cache
        self._clock = clock or SystemClock()
        self._on_fault = on_fault
        self._memory = {name: _Memory() for name in self._plans}
        self._cameras: dict[str, VirtualCamera] = {}
        self._listeners: dict[str, Listener] = {}
        self._metronome: Metronome | None = None
        self._shows: dict[Order | None, Show] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def __aenter__(self) -> Self:
        """Draw, code, listen, begin; the first picture lies within one interval."""
        await self._prepare()
        self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop sending, cut every connection, close every port."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for memory in self._memory.values():
            for running in memory.running.values():
                if running.ends is not None:
                    running.ends.cancel()
        if self._metronome is not None:
            self._metronome.stop()
        for listener in self._listeners.values():
            listener.close()

    @property
    def names(self) -> list[str]:
        """Names of the cameras in order."""
        return list(self._plans)

    @property
    def urls(self) -> list[str]:
        """URLs of the main streams in order, without credentials."""
        return [self.url(name) for name in self._plans]

    def url(self, name: str, stream: str = "main", *, user: str = "", password: str = "") -> str:
        """The URL of a stream, with credentials if they are given."""
        port = self._listeners[name].port
        tail = f"{name}/{stream}" if stream != "main" else name
        door = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return f"rtsp://{door}127.0.0.1:{port}/{tail}"

    def truth(self, name: str, stream: str = "main") -> Truth:
        """What was sent of a stream, and what went wrong with its camera, until now."""
        told = self._cameras[name].streams[stream]
        memory = self._memory[name]
        lasting = [
            FaultRecord(kind, running.from_ns, None, running.fault.argument)
            for kind, running in memory.running.items()
        ]
        return Truth(
            pictures=told.sent,
            last_number=told.last_number,
            last_wall_ns=told.last_wall_ns,
            next_number=told.number,
            clients=len(told.readers),
            faults=tuple(memory.past + lasting),
        )

    async def fault(
        self, name: str, kind: FaultKind | str, *, duration_s: float = FOREVER, argument: str = ""
    ) -> None:
        """Let a fault begin now, for so many seconds or until `clear`.

        Raises:
            ConfigError: the argument cannot be used.
        """
        if kind not in list(FaultKind):
            raise ConfigError(f"fault kind {kind!r} is not one of {', '.join(FaultKind)}")
        fault = Fault(name, FaultKind(kind), 0.0, duration_s, argument)
        if fault.kind is FaultKind.RESIZE:
            await self._make(self._resized_orders(fault))
        self._begin(name, fault)

    def clear(self, name: str, kind: FaultKind | str | None = None) -> None:
        """End one fault of a camera, or all of them, now."""
        for each in [FaultKind(kind)] if kind is not None else list(FaultKind):
            self._end(name, each)

    def _begin(self, name: str, fault: Fault) -> None:
        camera, memory = self._cameras[name], self._memory[name]
        if fault.kind in memory.running:
            self._end(name, fault.kind)
        running = _Running(fault, self._clock.wall_ns())
        memory.running[fault.kind] = running
        if fault.duration_s < FOREVER:
            running.ends = asyncio.get_running_loop().call_later(
                fault.duration_s, self._end, name, fault.kind
            )
        if fault.kind is FaultKind.RESIZE:
            for stream_name, stream in camera.streams.items():
                stream.change(self._shows[self._order(name, stream_name, fault)])
        camera.begin(fault)
        self._tell(name, FaultRecord(fault.kind, running.from_ns, None, fault.argument))

    def _end(self, name: str, kind: FaultKind) -> None:
        camera, memory = self._cameras[name], self._memory[name]
        running = memory.running.pop(kind, None)
        if running is None:
            return
        if running.ends is not None:
            running.ends.cancel()
        record = FaultRecord(kind, running.from_ns, self._clock.wall_ns(), running.fault.argument)
        memory.past.append(record)
        if kind is FaultKind.RESIZE:
            for stream_name, stream in camera.streams.items():
                stream.change(self._shows[self._order(name, stream_name)])
        camera.end(kind)
        self._tell(name, record)

    def _tell(self, name: str, record: FaultRecord) -> None:
        _LOG.info(
            "fault.ended" if record.to_ns is not None else "fault.began",
            camera=name,
            kind=str(record.kind),
        )
        if self._on_fault is not None:
            self._on_fault(name, record)

    def _open(self) -> None:
        loop = asyncio.get_running_loop()
        metronome = Metronome(loop, self._clock)
        count = len(self._plans)
        for index, name in enumerate(self._plans):
            camera = VirtualCamera(
                name, sets_in_band_only=self._in_band_only, on_change=self._changed
            )
            for stream_name in self._stream_plans():
                show = self._shows[self._order(name, stream_name)]
                phase = (index + (0.5 if stream_name == "sub" else 0.0)) / count
                stream = Stream(camera, show, self._clock, phase=phase % 1)
                camera.streams[stream_name] = stream
                metronome.add(stream)
            self._cameras[name] = camera
        try:
            if self._separate_ports:
                for index, (name, camera) in enumerate(self._cameras.items()):
                    listener = Listener(loop, {name: camera}, self._credentials, udp=self._udp)
                    self._listeners[name] = listener
                    listener.open(self._port + index if self._port else 0)
            else:
                listener = Listener(loop, self._cameras, self._credentials, udp=self._udp)
                self._listeners = dict.fromkeys(self._cameras, listener)
                listener.open(self._port)
        except OSError:
            for listener in self._listeners.values():
                listener.close()
            raise
        self._metronome = metronome
        metronome.start()
        for fault in self._faults:
            names = list(self._plans) if fault.camera == "*" else [fault.camera]
            for name in names:
                self._later(fault.start_s, name, fault)

    def _later(self, delay_s: float, name: str, fault: Fault) -> None:
        loop = asyncio.get_running_loop()

        def begin() -> None:
            self._timers.discard(timer)
            self._begin(name, fault)
            if fault.every_s is not None:
                self._later(fault.every_s, name, fault)

        timer = loop.call_later(delay_s, begin)
        self._timers.add(timer)

    def _changed(self, camera: VirtualCamera) -> None:
        """Close or open a camera's own port as its faults ask."""
        if not self._separate_ports:
            return
        listener = self._listeners[camera.name]
        if camera.gone:
            listener.shut()
        else:
            listener.open(listener.port)

    def _stream_plans(self) -> dict[str, StreamPlan]:
        plans = {"main": self._main}
        if self._sub is not None:
            plans["sub"] = self._sub
        return plans

    def _stream_plan(self, stream: str, resized: Fault | None) -> StreamPlan:
        plan = self._stream_plans()[stream]
        if resized is None:
            return plan
        width, height = resized.size(plan.width, plan.height)
        return StreamPlan(width, height, plan.fps, plan.kbps, plan.codec)

    def _order(self, name: str, stream: str, resized: Fault | None = None) -> Order | None:
        """What this stream shows; None if that is the file."""
        if self._file is not None and stream == "main" and resized is None:
            return None
        camera, plan = self._plans[name], self._stream_plan(stream, resized)
        return Order(
            camera.scene,
            camera.code,
            plan.width,
            plan.height,
            plan.fps,
            plan.kbps,
            plan.codec,
            with_clock=plan.codec == "h264" and not self._cheap,
        )

    def _resized_orders(self, fault: Fault) -> list[Order | None]:
        names = list(self._plans) if fault.camera == "*" else [fault.camera]
        return [
            self._order(name, stream, fault) for name in names for stream in self._stream_plans()
        ]

    async def _prepare(self) -> None:
        orders = [
            self._order(name, stream) for name in self._plans for stream in self._stream_plans()
        ]
        for fault in self._faults:
            if fault.kind is FaultKind.RESIZE:
                orders += self._resized_orders(fault)
        await self._make(orders)

    async def _make(self, orders: Sequence[Order | None]) -> None:
        missing = [order for order in dict.fromkeys(orders) if order not in self._shows]
        if None in missing and self._file is not None:
            loop = await asyncio.to_thread(loops.from_file, self._file)
            self._shows[None] = Show(loop, 0, None)
        to_draw = [order for order in missing if order is not None]
        for order, loop in zip(to_draw, await drawing.make(to_draw, self._cache), strict=True):
            band = Band(loop) if order.with_clock else None
            self._shows[order] = Show(loop, order.kbps, band)


class Metronome:
    """One timer for all streams: the earliest due picture sets it.

    Args:
        loop: where it ticks.
        clock: monotonic time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._heap: list[tuple[int, int, Stream]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, stream: Stream) -> None:
        """Let a stream tick along; before `start`."""
        self._heap.append((stream.due_ns, len(self._heap), stream))

    def start(self) -> None:
        """Begin to tick."""
        heapq.heapify(self._heap)
        self._tick()

    def stop(self) -> None:
        """No further picture; twice is harmless."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        heap, clock = self._heap, self._clock
        now_ns = clock.monotonic_ns()
        while heap[0][0] <= now_ns + EARLY_NS:
            _, order, stream = heap[0]
            heapq.heapreplace(heap, (stream.tick(now_ns), order, stream))
        wait_s = max(0.0, (heap[0][0] - clock.monotonic_ns()) / NS)
        self._timer = self._loop.call_later(wait_s, self._tick)
