"""Parts to those who watch, and to nobody else: leases, the GOP for who joins, one copy a stream.

`offer` is called by ingest for every part of every stream and returns at once when nobody leases
it. A lease begins with the question `open` and ends `lease_s` seconds after the last one; while it
stands, each part is published once, however many watch, and the parts since the last keyframe are
kept so that whoever joins sees a picture without waiting for the next one.

Everything here runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from vonggac import bus, log, wire
from vonggac.clock import NS
from vonggac.errors import Kind, VonggacError
from vonggac.mailbox import Closed, Mailbox, Overflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonggac.bus import Connection
    from vonggac.causes import Cause
    from vonggac.clock import Clock
    from vonggac.config import StreamName
    from vonggac.edge.audience import PartHeader, RunFormat

_log = log.get(__name__)

QUEUE_PARTS: Final = 25
"""Parts of one stream that wait for the bus: 5 s at 200 ms; who is later than that wants now."""
QUEUE_BYTES: Final = 8 * 1024 * 1024
"""Bytes of the same, for cameras with large keyframes."""
BACKLOG_BYTES: Final = 4 * 1024 * 1024
"""Bytes waiting in the connection beyond which live parts are dropped: they would come too late
and would stand in the way of answers."""
GOP_BYTES: Final = 16 * 1024 * 1024
"""Bytes kept of a leased stream's current GOP: 10 s at 12 Mbit/s; longer ones come from disk."""
GOP_PARTS: Final = 300
"""Parts of the same: a GOP of a minute at 200 ms."""
ALL_GOPS_BYTES: Final = 256 * 1024 * 1024
"""Bytes of all kept GOPs: 64 leased streams of 4 Mbit/s with a GOP of 8 s."""
MAX_STREAMS: Final = 600
"""Leased streams at once: both streams of the 300 cameras of a process."""
MAX_GRANTS: Final = 2_000
"""Grants that lease one stream at once."""
MAX_PART: Final = bus.MAX_PAYLOAD - 4_096
"""Bytes of a part that fits a message with its headers; a longer one is not shown live."""
SWEEP_S: Final = 1.0
"""Seconds between two looks for leases that ended while no part came."""


class StreamNow(NamedTuple):
    """What is to be said of a stream at this moment."""

    state: wire.StreamState
    since_ns: int
    cause: Cause | None
    format: RunFormat | None
    """Of the present run; None while there is none."""
    fps: float | None


class Streams(Protocol):
    """What the recorder offers to those who join (the box gives it)."""

    def now(self, camera: str, stream: StreamName) -> StreamNow:
        """What is to be said of it.

        Raises:
            VonggacError: NOT_FOUND: no such camera or stream.
        """
        ...

    def watch_begins(self, camera: str, stream: StreamName) -> None:
        """Somebody began to watch: drain at once, and more often from now on."""
        ...

    async def gop_so_far(
        self, camera: str, stream: StreamName
    ) -> tuple[PartHeader, list[bytes]] | None:
        """The parts since the last keyframe, from the open segment and what waits to be written.

        It must hold every part that was offered before it is called. None if there are none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who watches, as the audit says it; grants come and go as they are renewed."""

    actor: str
    purpose: str


@dataclass(frozen=True, slots=True)
class View:
    """A viewer had a stream open."""

    viewer: Viewer
    camera: str
    stream: StreamName
    grant: str
    """The first grant of the view."""
    begun_ns: int
    """Wall clock, ns since 1970."""
    ended_ns: int | None
    """None when it has just begun."""
    why: str = ""
    """Why it ended, when it did not end by itself."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer to `open`."""

    meta: wire.OpenMeta
    frames: list[bytes]
    """The init and the parts of the current GOP; empty when only a lease was extended."""


class _Letter(NamedTuple):
    headers: dict[str, str]
    payload: bytes


@dataclass(slots=True)
class _Holder:
    viewer: Viewer
    until_ns: int


@dataclass(slots=True)
class _Lease:
    camera: str
    stream: StreamName
    subject: str
    mailbox: Mailbox[_Letter]
    holders: dict[str, _Holder] = field(default_factory=dict)
    """By grant."""
    views: dict[Viewer, View] = field(default_factory=dict)
    gop: list[tuple[PartHeader, bytes]] = field(default_factory=list)
    gop_bytes: int = 0
    gop_overflowed: bool = False
    queued_bytes: int = 0
    until_ns: int = 0
    skipping: bool = False
    """Parts are dropped until the next keyframe."""


class Publisher:
    """The audience of ingest.

    Args:
        hub: id of the hub.
        site: id of the site.
        streams: what the recorder offers.
        viewed: called when a view begins and when it ends.
        clock: leases count on its monotonic side.
    """

    def __init__(
        self,
        hub: str,
        site: str,
        *,
        streams: Streams,
        viewed: Callable[[View], None],
        clock: Clock,
    ) -> None:
        self.published: Counter[tuple[str, str]] = Counter()
        """Parts published of each stream: upstream copies, however many watch."""
        self.bytes = 0
        """Bytes of parts published."""
        self.dropped: Counter[str] = Counter()
        """Parts not published, by why: `slow`, `backlog`, `too_large`, `offline`."""
        self._hub = hub
        self._site = site
        self._streams = streams
        self._viewed = viewed
        self._clock = clock
        self._leases: dict[tuple[str, str], _Lease] = {}
        self._kept_bytes = 0
        self._connection: Connection | None = None
        self._senders: asyncio.TaskGroup | None = None

    # ---- ingest's side ---------------------------------------------------------------------

    def watched(self, camera: str, stream: str) -> bool:
        """Whether somebody leases this stream now."""
        return (camera, stream) in self._leases

    def offer(self, camera: str, stream: str, header: PartHeader, part: bytes) -> None:
        """Publish a part if the stream is leased; else one look into a dictionary. Never raises."""
        lease = self._leases.get((camera, stream))
        if lease is None:
            return
        if self._clock.monotonic_ns() >= lease.until_ns:
            self._sweep_lease(lease)
            if (camera, stream) not in self._leases:
                return
        self._keep(lease, header, part)
        if len(part) > MAX_PART:
            self._drop(lease, "too_large")
            return
        if lease.skipping and not header.keyframe:
            self.dropped["slow"] += 1
            return
        if lease.queued_bytes + len(part) > QUEUE_BYTES:
            self._drop(lease, "slow")
            return
        lease.skipping = False
        head = wire.PartHead(
            header.run.hex(),
            header.segment,
            header.sequence,
            header.keyframe,
            header.base_ticks,
            header.wall_ns,
        )
        lost = lease.mailbox.lost
        waiting = len(lease.mailbox)
        taken = lease.mailbox.put(_Letter(head.headers(), part), keyframe=header.keyframe)
        if taken and len(lease.mailbox) == waiting + 1:
            lease.queued_bytes += len(part)
        else:  # the mailbox was full and has thrown away what waited
            self.dropped["slow"] += lease.mailbox.lost - lost
            lease.queued_bytes = len(part) if taken else 0
            lease.skipping = not taken

    def tell_state(
        self,
        camera: str,
        stream: str,
        state: wire.StreamState,
        *,
        cause: Cause | None,
        since_ns: int,
    ) -> None:
        """Tell those who watch that the stream's state changed; nothing when nobody does."""
        lease = self._leases.get((camera, stream))
        if lease is None:
            return
        headers = {
            wire.STATE: state.value,
            wire.CAUSE: cause.value if cause is not None else "",
            wire.SINCE: str(since_ns),
        }
        if len(lease.mailbox) < QUEUE_PARTS:  # a state must never push parts out
            lease.mailbox.put(_Letter(headers, b""))

    # ---- the agent's side ------------------------------------------------------------------

    async def open(
        self, camera: str, ask: wire.OpenAsk, *, grant: str, viewer: Viewer, left_s: float
    ) -> Opened:
        """Start, extend or give back a lease; what the joiner needs to show a picture at once.

        Args:
            camera: which camera.
            ask: the question.
            grant: id of the grant that asks.
            viewer: who that is.
            left_s: seconds until the grant ends; no lease outlives its grant.

        Raises:
            VonggacError: NOT_FOUND; TOO_MANY leases; UNAVAILABLE: the edge is not on the bus.
        """
        now = self._streams.now(camera, ask.stream)
        if self._senders is None or self._connection is None:
            raise VonggacError(Kind.UNAVAILABLE, "the edge is not connected for pictures")
        lease_s = min(ask.lease_s, max(0.0, left_s))
        if lease_s == 0:
            self._give_back(camera, ask.stream, grant)
            return Opened(_meta(now, 0.0), [])
        lease = self._lease(camera, ask.stream, grant, viewer, lease_s)
        if ask.extend:
            return Opened(_meta(now, lease_s), [])
        if now.format is None:
            return Opened(_meta(now, lease_s), [])
        gop = await self._gop(lease)
        now = self._streams.now(camera, ask.stream)  # the run may have changed meanwhile
        if now.format is None:
            return Opened(_meta(now, lease_s), [])
        parts = [part for header, part in gop if header.run == now.format.run]
        first = next((header for header, _ in gop if header.run == now.format.run), None)
        meta = _meta(now, lease_s, first=first, frames=1 + len(parts))
        return Opened(meta, [now.format.init, *parts])

    async def run(self, connection: Connection) -> None:
        """Publish on this connection until cancelled; then every lease is over."""
        try:
            async with asyncio.TaskGroup() as senders:
                self._connection, self._senders = connection, senders
                while True:
                    await self._clock.sleep(SWEEP_S)
                    for lease in list(self._leases.values()):
                        self._sweep_lease(lease)
        finally:
            self._connection = self._senders = None
            for lease in list(self._leases.values()):
                lease.holders.clear()
                self._sweep_lease(lease)

    def revoke(self, grant: str, why: str) -> None:
        """End what this grant watches, now; nothing when it watches nothing."""
        for lease in list(self._leases.values()):
            if lease.holders.pop(grant, None) is not None:
                self._sweep_lease(lease, why)

    @property
    def leased(self) -> int:
        """Streams that somebody leases now."""
        return len(self._leases)

    # ---- leases ----------------------------------------------------------------------------

    def _lease(
        self, camera: str, stream: StreamName, grant: str, viewer: Viewer, lease_s: float
    ) -> _Lease:
        lease = self._leases.get((camera, stream))
        if lease is None:
            if len(self._leases) >= MAX_STREAMS:
                raise VonggacError(Kind.TOO_MANY, "too many streams are watched at once")
            assert self._senders is not None
            lease = _Lease(
                camera,
                stream,
                str(wire.LiveSubject(self._hub, self._site, camera, stream)),
                Mailbox(f"live {camera} {stream}", QUEUE_PARTS, Overflow.DROP_TO_KEYFRAME),
            )
            self._leases[camera, stream] = lease
            self._senders.create_task(self._send(lease), name=f"live-{camera}-{stream}")
            self._streams.watch_begins(camera, stream)
            _log.info("lease.started", camera=camera, stream=stream)
        elif grant not in lease.holders and len(lease.holders) >= MAX_GRANTS:
            raise VonggacError(Kind.TOO_MANY, "too many watch this stream")
        until_ns = self._clock.monotonic_ns() + int(lease_s * NS)
        lease.holders[grant] = _Holder(viewer, until_ns)
        lease.until_ns = max(lease.until_ns, until_ns)
        if viewer not in lease.views:
            view = View(viewer, camera, stream, grant, self._clock.wall_ns(), None)
            lease.views[viewer] = view
            self._viewed(view)
        return lease

    def _give_back(self, camera: str, stream: StreamName, grant: str) -> None:
        lease = self._leases.get((camera, stream))
        if lease is not None and lease.holders.pop(grant, None) is not None:
            self._sweep_lease(lease)

    def _sweep_lease(self, lease: _Lease, why: str = "") -> None:
        now_ns = self._clock.monotonic_ns()
        for grant in [g for g, holder in lease.holders.items() if holder.until_ns <= now_ns]:
            del lease.holders[grant]
        watching = {holder.viewer for holder in lease.holders.values()}
        for viewer in [viewer for viewer in lease.views if viewer not in watching]:
            view = lease.views.pop(viewer)
            self._viewed(replace(view, ended_ns=self._clock.wall_ns(), why=why))
        if lease.holders:
            lease.until_ns = max(holder.until_ns for holder in lease.holders.values())
            return
        if self._leases.pop((lease.camera, lease.stream), None) is not None:
            lease.mailbox.close()
            self._forget(lease)
            _log.info("lease.ended", camera=lease.camera, stream=lease.stream)

    # ---- the current GOP -------------------------------------------------------------------

    def _keep(self, lease: _Lease, header: PartHeader, part: bytes) -> None:
        if header.keyframe:
            self._forget(lease)
            lease.gop_overflowed = False
        elif lease.gop_overflowed:
            return
        elif lease.gop and not _follows(lease.gop[-1][0], header):
            self._forget(lease)
        if (
            lease.gop_bytes + len(part) > GOP_BYTES
            or len(lease.gop) >= GOP_PARTS
            or self._kept_bytes + len(part) > ALL_GOPS_BYTES
        ):
            self._forget(lease)
            lease.gop_overflowed = True
            return
        lease.gop.append((header, part))
        lease.gop_bytes += len(part)
        self._kept_bytes += len(part)

    def _forget(self, lease: _Lease) -> None:
        self._kept_bytes -= lease.gop_bytes
        lease.gop = []
        lease.gop_bytes = 0

    async def _gop(self, lease: _Lease) -> list[tuple[PartHeader, bytes]]:
        """The current GOP: what is kept, else what the recorder has and what came meanwhile."""
        if lease.gop and lease.gop[0][0].keyframe:
            return list(lease.gop)
        found = await self._streams.gop_so_far(lease.camera, lease.stream)
        kept = lease.gop
        if kept and kept[0][0].keyframe:
            return list(kept)  # a keyframe came while the disk was read
        if found is None:
            return []
        first, parts = found
        before = [
            (_nth(first, number), part)
            for number, part in enumerate(parts)
            if not kept
            or kept[0][0].run != first.run
            or first.sequence + number < kept[0][0].sequence
        ]
        whole = not kept or (bool(before) and _follows(before[-1][0], kept[0][0]))
        if not whole:
            return before  # what lies between is lost; the joiner waits for the next keyframe
        joined = [*before, *kept]
        size = sum(len(part) for _, part in joined)
        if kept and size <= GOP_BYTES and len(joined) <= GOP_PARTS:
            self._kept_bytes += size - lease.gop_bytes
            lease.gop, lease.gop_bytes = joined, size
        return joined

    # ---- towards the bus -------------------------------------------------------------------

    def _drop(self, lease: _Lease, why: str) -> None:
        self.dropped[why] += 1
        lease.skipping = True

    async def _send(self, lease: _Lease) -> None:
        """One stream's parts onto the bus, until its lease ends."""
        key = (lease.camera, lease.stream)
        broken = False
        with contextlib.suppress(Closed):
            while True:
                letter = await lease.mailbox.get()
                lease.queued_bytes = max(0, lease.queued_bytes - len(letter.payload))
                connection = self._connection
                part = bool(letter.payload)
                if part and broken and letter.headers.get(wire.KEYFRAME) != "1":
                    self.dropped["backlog"] += 1
                    continue
                if connection is None or not connection.connected:
                    self.dropped["offline"] += part
                    broken = True
                    continue
                if part and connection.backlog > BACKLOG_BYTES:
                    self.dropped["backlog"] += 1
                    broken = True
                    continue
                try:
                    await connection.publish(lease.subject, letter.payload, headers=letter.headers)
                except VonggacError:
                    self.dropped["offline"] += part
                    broken = True
                    continue
                broken = broken and not part
                if part:
                    self.published[key] += 1
                    self.bytes += len(letter.payload)


def _follows(before: PartHeader, after: PartHeader) -> bool:
    return before.run == after.run and before.sequence + 1 == after.sequence


def _nth(first: PartHeader, number: int) -> PartHeader:
    """The header of a part read back from the open segment: all of one segment, numbered on."""
    if number == 0:
        return first
    return replace(first, sequence=first.sequence + number, keyframe=False)


def _meta(
    now: StreamNow, lease_s: float, *, first: PartHeader | None = None, frames: int = 0
) -> wire.OpenMeta:
    run = now.format
    return wire.OpenMeta(
        state=now.state,
        since=str(now.since_ns),
        lease_s=lease_s,
        frames=frames,
        cause=now.cause,
        run=run.run.hex() if run is not None else None,
        seg=first.segment if first is not None else 0,
        seq=first.sequence if first is not None else 0,
        dt=first.base_ticks if first is not None else 0,
        wall=str(first.wall_ns) if first is not None else "0",
        codec=run.video.codec_string if run is not None else "",
        audio_codec=run.audio.codec_string if run is not None and run.audio is not None else None,
        width=run.video.width if run is not None else 0,
        height=run.video.height if run is not None else 0,
        fps=now.fps,
    )
