"""`vonggac edge`: the box's process under a hub: records, publishes to viewers, answers, obeys.

The hub (or, on one machine, `vonggac up`) writes its configuration; the cameras come as an order
and are kept, so that a box that starts with its line cut records what it was last told.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import uvloop

from vonggac import bus, keys, log, wire
from vonggac.clock import SystemClock
from vonggac.config import RecordConfig, RetentionConfig, Secret, StreamName
from vonggac.edge import agent, power
from vonggac.edge.answers import BoxAnswers
from vonggac.edge.bookkeeping import Maintenance
from vonggac.edge.box import Box, StreamSetup
from vonggac.edge.choice import SourceChoice
from vonggac.edge.identity import FOLDER, ORDER, Identity, identity_at
from vonggac.edge.ingest import StreamPlan
from vonggac.edge.journal import Places
from vonggac.edge.live import Publisher
from vonggac.edge.picture import PictureDecoder
from vonggac.edge.playback import Playback
from vonggac.edge.retention import Hold
from vonggac.edge.source import READ_BUFFER_BYTES, HangUps
from vonggac.edge.trail import Trail
from vonggac.edge.upward import Upward
from vonggac.edge.wanted import Wanted
from vonggac.errors import ConfigError, Kind, VonggacError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Iterable

    from vonggac.bus import Connection
    from vonggac.clock import Clock
    from vonggac.edge.ingest import Ingest

WANTED = f"{FOLDER}/{ORDER}"
"""The last order, below the recording directory; credentials in it are sealed to the site's key."""

MAX_STREAMS = 300
"""Streams of one recorder process (ADR 0003); more cameras take more processes."""


PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""Of addresses that name none (RFC 7826, section 20.1, and RFC 9110)."""


class EdgeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the hub's process writes for the edge's."""

    directory: str
    hub: str
    hub_key: str
    """Public half of the key that signs grants of the hub of this machine, whose orders count."""
    nats_url: str
    control: str
    """Path of the credential for questions and facts."""
    media: str
    """Path of the credential for pictures."""
    nats_ca: str | None = None
    """Path of the authority by which a tls:// server is verified."""
    record: RecordConfig = RecordConfig()
    retention: RetentionConfig = RetentionConfig()
    ups: str | None = None
    upper_keys: tuple[str, ...] = ()
    """The same of hubs above: they may look, and order nothing."""


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last order as it lies on the disk."""

    revision: int
    wanted: wire.WantedCameras


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac edge`."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE",
                        help="JSON written by `vonggac up`")  # fmt: skip
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process is gone")


def command(options: argparse.Namespace) -> int:
    """Run the edge until a signal comes."""
    try:
        config = msgspec.json.decode(options.config.read_bytes(), type=EdgeConfig)
    except OSError as error:
        raise ConfigError(f"cannot read {options.config}: {error.strerror}") from error
    except wire.UNREADABLE as error:
        raise ConfigError(f"{options.config}: {error}") from error
    uvloop.run(_run(config, options.parent))
    return 0


class _Orders:
    """The cameras that the box was last told to record.

    Args:
        directory: the recording directory.
        identity: opens sealed credentials.
        clock: for the sources.
    """

    def __init__(self, directory: Path, identity: Identity, clock: Clock) -> None:
        self._path = directory / WANTED
        self._identity = identity
        self._clock = clock
        self._buffer = bytearray(READ_BUFFER_BYTES)
        self._hang_ups = HangUps(asyncio.get_running_loop())
        self.revision = -1
        self.cameras: tuple[wire.WantedCamera, ...] = ()
        self.holds: tuple[Hold, ...] = ()

    def has_address(self, url: str) -> bool:
        """Whether this is the host and port of a camera that the site's own hub ordered."""
        known = {_address(one.url) for camera in self.cameras for _, one in _streams(camera)}
        return _address(url) in known - {None}

    def recall(self) -> list[StreamSetup]:
        """The order of an earlier life; nothing if there is none or it cannot be read."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            setups = self.setups(kept.wanted)
        except FileNotFoundError:
            return []
        except (OSError, *wire.UNREADABLE, VonggacError) as error:
            log.get("edge").warning("orders.unreadable", error=str(error))
            return []
        self.revision, self.cameras = kept.revision, kept.wanted.cameras
        self.holds = holds_of(kept.wanted)
        return setups

    def keep(self, wanted: wire.WantedCameras, revision: int) -> None:
        """Write an order down before it is obeyed.

        Raises:
            OSError: the disk refuses.
        """
        text = msgspec.json.encode(_Kept(revision, wanted)).decode()
        keys.write_secret(self._path, text)
        self.revision, self.cameras = revision, wanted.cameras
        self.holds = holds_of(wanted)

    def setups(self, wanted: wire.WantedCameras) -> list[StreamSetup]:
        """What to connect.

        Raises:
            VonggacError: a camera cannot be connected as ordered; the message names it.
        """
        names = [camera.name for camera in wanted.cameras]
        if len(set(names)) != len(names):
            raise VonggacError(Kind.BAD_INPUT, "two cameras have the same name")
        setups = [
            self._setup(camera, name, stream)
            for camera in wanted.cameras
            if camera.in_service
            for name, stream in _streams(camera)
        ]
        if len(setups) > MAX_STREAMS:
            raise VonggacError(
                Kind.TOO_MANY, f"{len(setups)} streams; one box records {MAX_STREAMS}"
            )
        return setups

    def _setup(
        self, camera: wire.WantedCamera, name: StreamName, stream: wire.WantedStream
    ) -> StreamSetup:
        credentials = wire.Credentials("", "")
        if camera.sealed is not None:
            plain = self._identity.key.unseal(camera.sealed)
            credentials = msgspec.json.decode(plain, type=wire.Credentials)
        try:
            choice = SourceChoice(
                stream.url,
                credentials.user,
                Secret(credentials.password),
                clock=self._clock,
                buffer=self._buffer,
                hang_ups=self._hang_ups,
                prefer=stream.source,
                audio=stream.audio,
                transcode=stream.transcode,
            )
        except ConfigError as error:
            raise VonggacError(
                Kind.BAD_INPUT, f"camera {camera.name}, {name}: {error.message}"
            ) from error
        told = msgspec.json.encode((stream, credentials.user, credentials.password))
        return StreamSetup(
            StreamPlan(camera.name, name, record=stream.record, audio=stream.audio),
            choice.connect,
            choice.ended,
            tuple(Maintenance(m.begin, m.end, m.reason) for m in camera.maintenance),
            hashlib.sha256(told).hexdigest(),
        )


def days_of(cameras: Iterable[wire.WantedCamera], rules: RetentionConfig) -> dict[str, int]:
    """The cameras that are kept for days other than the site's: their own, or their zone's."""
    days = ((one.name, one.retention_days or rules.zone_days.get(one.zone)) for one in cameras)
    return {name: number for name, number in days if number}


def gone(
    before: Iterable[wire.WantedCamera], after: Iterable[wire.WantedCamera]
) -> tuple[wire.WantedCamera, ...]:
    """The cameras that an order leaves out, as they were and out of service."""
    names = {camera.name for camera in after}
    left = (camera for camera in before if camera.name not in names)
    return tuple(msgspec.structs.replace(camera, in_service=False) for camera in left)


def holds_of(wanted: wire.WantedCameras) -> tuple[Hold, ...]:
    """The spans under a case that an order names."""
    return tuple(Hold(hold.camera, hold.begin, hold.end) for hold in wanted.holds)


def _streams(camera: wire.WantedCamera) -> list[tuple[StreamName, wire.WantedStream]]:
    found: list[tuple[StreamName, wire.WantedStream]] = [("main", camera.main)]
    if camera.sub is not None:
        found.append(("sub", camera.sub))
    return found


def _address(url: str) -> tuple[str, int] | None:
    """Host and port of a camera's URL; None of what is no URL."""
    try:
        split = urlsplit(url)
        port = split.port or PORTS.get(split.scheme, 0)
    except ValueError:
        return None
    return (split.hostname.lower(), port) if split.hostname else None


async def _run(config: EdgeConfig, parent: int | None) -> None:
    """Start in order, run until stopped, stop in reverse."""
    clock = SystemClock()
    loop = asyncio.get_running_loop()
    directory = Path(config.directory)
    identity = identity_at(directory)
    orders = _Orders(directory, identity, clock)
    setups = orders.recall()
    decoder = PictureDecoder()
    ingests: dict[tuple[str, StreamName], Ingest] = {}
    playback = Playback(directory, ingests, decoder, clock.wall_ns)
    # The journal is the box's and the box needs its audience first: facts reach it by then.
    trail = Trail(lambda fact: box.journal.append(fact), clock)
    publisher = Publisher(
        config.hub, identity.site, streams=playback, viewed=trail.viewed, clock=clock
    )
    box = Box(
        directory,
        identity,
        clock,
        settings=config.record,
        ingests=ingests,
        retention=config.retention,
        days_of=days_of(orders.cameras, config.retention),
        ups=power.parse(config.ups) if config.ups else None,
        audience=publisher,
        decoder=decoder,
    )

    def hold() -> None:
        box.hold((*orders.holds, *wanted.holds))

    wanted = Wanted(
        directory,
        config.hub,
        identity.site,
        config.upper_keys,
        cameras=lambda: {camera.name for camera in orders.cameras},
        say=box.journal.append,
        wall_ns=clock.wall_ns,
        changed=hold,
    )

    def obey(wanted: wire.WantedCameras, revision: int) -> None:
        if revision < orders.revision:
            raise VonggacError(
                Kind.CONFLICT, f"order {revision} is older than {orders.revision}, in force"
            )
        found = orders.setups(wanted)
        before = orders.cameras
        try:
            orders.keep(wanted, revision)
        except OSError as error:
            raise VonggacError(
                Kind.FULL, f"the order cannot be written down: {error.strerror}"
            ) from error
        box.configure(found)
        box.keep(days_of(wanted.cameras, config.retention))
        hold()
        describe(box, wire.WantedCameras((*gone(before, wanted.cameras), *wanted.cameras)))

    places = Places(directory / "journal")
    upward = Upward(config.hub, identity.site, source=places, clock=clock, life=box.epoch)
    box.journal.on_durable = lambda: loop.call_soon_threadsafe(upward.grown)
    answers = BoxAnswers(
        box, playback, publisher, probe=_probe(clock), discover=_discover(clock), obey=obey
    )
    control = keys.Credential.load(Path(config.control))
    media = keys.Credential.load(Path(config.media))
    trusted = None if config.nats_ca is None else Path(config.nats_ca)

    async def connect() -> tuple[Connection, Connection]:
        first = await bus.connect(config.nats_url, control, name="edge control", trusted=trusted)
        try:
            return first, await bus.connect(
                config.nats_url, media, name="edge media", trusted=trusted
            )
        except BaseException:
            await first.close()
            raise

    on_bus = agent.Agent(
        agent.Identity(
            config.hub, identity.site, config.hub_key, identity.key, config.upper_keys, box.epoch
        ),
        publisher=publisher,
        answers=answers,
        trail=trail,
        upward=upward,
        connect=connect,
        clock=clock,
        wants=wanted if config.upper_keys else None,
        is_registered=orders.has_address,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, box.stop)
    talking = asyncio.create_task(on_bus.run(), name="agent")
    watching = asyncio.create_task(_until_orphaned(parent, box), name="parent")
    looking = asyncio.create_task(
        _look_at_pictures(config.record.pictures_a_second, box, playback, clock), name="pictures"
    )
    hold()
    describe(box, wire.WantedCameras(orders.cameras))
    try:
        await box.run(setups)
    finally:
        for task in (talking, watching, looking):
            task.cancel()
        await asyncio.gather(talking, watching, looking, return_exceptions=True)
        trail.finish()
        playback.close()
        answers.close()
        await decoder.close()


def describe(box: Box, wanted: wire.WantedCameras) -> None:
    """Tell upward which cameras the box has, and where they hang."""
    at = box.timebase.wall_ns()
    for camera in wanted.cameras:
        box.journal.append(
            wire.CameraDescribed(
                at=at,
                camera=camera.name,
                title=camera.title,
                zone=camera.zone,
                streams=tuple(name for name, _ in _streams(camera)),
                in_service=camera.in_service,
            )
        )


async def _look_at_pictures(a_second: float, box: Box, playback: Playback, clock: Clock) -> None:
    """Look after the health of pictures within the budget, with a decoder apart from the stills'.

    Numpy is loaded only where somebody switched it on.
    """
    if not a_second:
        return
    from vonggac.edge.picture_watch import BoxKeyframes, PictureWatch

    decoder = PictureDecoder()
    try:
        await PictureWatch(
            box.directory,
            BoxKeyframes(playback, box.ingests),
            decoder,
            box.journal.append,
            clock,
            a_second=a_second,
        ).run()
    finally:
        await decoder.close()


async def _until_orphaned(parent: int | None, box: Box) -> None:
    """Stop in order when the process that started us is gone."""
    while parent is not None:
        await asyncio.sleep(1.0)
        if os.getppid() != parent:
            log.get("edge").warning("parent.gone", parent=parent)
            box.stop()
            return


def _probe(
    clock: Clock,
) -> Callable[[str, str, Secret, bool, wire.Bounds | None], Awaitable[object]]:
    """Probing is imported when somebody first asks: it costs FFmpeg's libraries."""

    async def probe(
        url: str, user: str, password: Secret, picture: bool, bounds: wire.Bounds | None
    ) -> object:
        from vonggac.edge import criteria
        from vonggac.edge.probe import probe as look

        wanted = criteria.replaced(criteria.load(), bounds)
        result, jpeg = await look(url, user, password, clock=clock, rules=wanted)
        told = msgspec.to_builtins(result)
        if picture and jpeg is not None:
            told["picture"] = base64.b64encode(jpeg).decode()
        return told

    return probe


def _discover(clock: Clock) -> Callable[[str | None, str, Secret], Awaitable[object]]:
    async def discover(address: str | None, user: str, password: Secret) -> object:
        from vonggac.edge.discover import discover as look

        found = await look([address] if address else [], user, password, clock=clock)
        return {"devices": msgspec.to_builtins(found)}

    return discover
