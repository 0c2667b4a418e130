"""`vonggac up`: hub and edge on one machine; `vonggac hub` is the same without an edge.

`run` is the whole program in order: database, keys, nats-server, the edge's process, facts, orders,
pages; and in reverse when a signal comes.  Nothing below knows of it.  A machine of any tier runs
this program: with or without a box of its own, with or without a hub above, and sites below.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from vonggac import bus, keys, log
from vonggac.clock import NS, SystemClock
from vonggac.config import inherited, load
from vonggac.db import Database, sqlite_url
from vonggac.domain import (
    accounts,
    directives,
    enrolments,
    guide_values,
    profiles,
    registry,
    schedules,
    sealed,
    site_keys,
    units,
)
from vonggac.edge import joining
from vonggac.edge.command import EdgeConfig
from vonggac.edge.identity import identity_at
from vonggac.errors import ConfigError, VonggacError
from vonggac.hub import (
    alarming,
    auditing,
    counting,
    facts,
    idle,
    links,
    parents,
    rechecks,
    reporting,
    telling,
    watch,
)
from vonggac.hub.chores import Chores
from vonggac.hub.enrolling import Enroller
from vonggac.hub.exporting import EXPORTS, Exporter
from vonggac.hub.grants import Grants
from vonggac.hub.orders import Orders
from vonggac.hub.revocation import Revocation
from vonggac.hub.site import Site
from vonggac.hub.sites import Sites
from vonggac.hub.wanting import Wanting
from vonggac.keys import rotation
from vonggac.web import serve, tls
from vonggac.web.app import create_app
from vonggac.web.words import day_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Coroutine

    from vonggac.clock import Clock
    from vonggac.config import Config
    from vonggac.db import Connection
    from vonggac.edge.identity import Identity
    from vonggac.wire.enrolment import Enrolment

    Keep = Callable[[str, Callable[[], Awaitable[None]]], Coroutine[None, None, None]]

EDGE_BACK_OFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits before the edge's process is started again; a recorder that is down costs pictures."""

RECORDINGS = "recordings"
"""Folder of the box below the data directory."""

STEADY_S = 30.0
"""A process that lived this long did not fail at starting."""

STOP_S = 12.0
"""What the edge gets to write and close everything."""

READY_S = 8.0
"""How long the first word of the edge is waited for before the pages are announced anyway."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What is told when the pages can be opened."""

    url: str
    user: str
    password: str | None
    """Only when the account was made now."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac up` and of `vonggac hub`."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE",
                        help="TOML; every field is in docs/ref/config.md")  # fmt: skip


def command(options: argparse.Namespace) -> int:
    """Run until a signal comes."""
    config = load(options.config)

    def announce(ready: Ready) -> None:
        told: dict[str, object] = {"ready": True, "url": ready.url, "user": ready.user}
        if ready.password is not None:
            told["password"] = ready.password
        print(json.dumps(told), flush=True)  # noqa: T201 - the command line's contract
        if ready.password is not None:
            sys.stderr.write(
                f"\n  {ready.url}\n  {ready.user} / {ready.password}\n"
                "  This password is shown once and must be changed at the first sign-in.\n\n"
            )

    uvloop.run(run(config, announce=announce, with_box=options.subcommand != "hub"))
    return 0


async def run(
    config: Config,
    *,
    announce: Callable[[Ready], None],
    password: str | None = None,
    seconds: float | None = None,
    is_demo: bool = False,
    cameras: Awaitable[object] | None = None,
    with_box: bool = True,
) -> None:
    """Start everything in order, run until a signal comes, stop in reverse.

    Args:
        config: what to run.
        announce: called once, when the pages can be opened.
        password: of the first administrator; one is generated without it.
        seconds: stop by itself so long after it is ready.
        is_demo: mark every page as showing invented data.
        cameras: waited for before the box is told of its cameras; everything else starts meanwhile.
        with_box: run an edge on this machine; without, this is a hub of others alone.

    Raises:
        ConfigError: something is configured wrongly, or an address is taken.
    """
    clock = SystemClock()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    data = Path(config.data_dir)
    keys.make_folder(data)
    running = rotation.hold(data)
    listener = serve.listen(config.web.host, config.web.port)
    port = listener.getsockname()[1]
    secured = tls.secured(config, data / "keys", now_s=clock.wall_ns() // NS)
    scheme = "http" if secured is None else "https"
    url = config.web.public_url or f"{scheme}://{_shown(config.web.host)}:{port}"
    onward = _onward_listener(config)

    if with_box:
        joining.settle(data)
    above = parents.read(config, data / "keys")
    config = parents.configured(config, above)
    identity = identity_at(data / RECORDINGS) if with_box else None
    trust = keys.Trust.at(
        data / "keys" / "trust", issued_s=clock.wall_ns() // NS, hub=_hub_of(identity, above)
    )
    hub_key = keys.SigningKey.at(data / "keys" / "hub.key")
    database = Database(config.database_url or sqlite_url(data / "hub.sqlite"))
    box = await asyncio.to_thread(_credentials_box, database, data / "keys")
    first = await asyncio.to_thread(
        _prepare, database, config, identity.chain if identity else None, box, clock, password
    )

    server = bus.NatsServer(
        data / "nats",
        trust,
        _bus_settings(config, secured, url, port, (identity, trust, above)),
        clock,
    )
    address = await server.start()
    try:
        issued_s = clock.wall_ns() // NS
        control, media = trust.hub_users(issued_s=issued_s)
        trusted = address.trusted
        asking = await bus.connect(address.url, control, name="hub control", trusted=trusted)
        pictures = await bus.connect(address.url, media, name="hub media", trusted=trusted)
        asker = bus.Asker(trust.hub, keys.new_id(), asking, [asking, pictures])
        await asker.start(hub="*")
        site = None
        if identity is not None:
            public = identity.key.public
            site = Site(asker, hub_key, clock, site_id=identity.site, public_key=public)
        sites = Sites(asker, hub_key, clock, own=site)
        orders = Orders(site, database, box, clock)
        wanting = Wanting(asking, sites, database, hub_key, clock, hub=trust.hub)
        orders.onward = wanting.changed
        chores = Chores(database, clock)

        def system() -> Awaitable[bus.Connection]:
            return bus.connect(
                address.url,
                trust.system_user(issued_s=clock.wall_ns() // NS),
                name="hub system",
                trusted=trusted,
            )

        app = create_app(
            database=database,
            sites=sites,
            orders=orders,
            grants=Grants(trust.hub, hub_key, trust.viewer_signer(), clock),
            box=box,
            clock=clock,
            config=config,
            websocket_port=int(address.websocket.rpartition(":")[2].strip("/")),
            is_demo=is_demo,
            authority=None if secured is None else secured.authority,
            chores=chores,
            # A machine below another lets nobody in unless it is told where: see `_bus_settings`.
            enroller=None
            if above is not None and with_box and config.bus.leaf_port is None
            else Enroller(
                database,
                trust,
                hub_key,
                clock,
                title=config.hub.title or config.site.title or config.site.name,
                authority=None if secured is None else secured.authority,
                connect=system,
                day_of=day_of,
            ),
        )
        revocation = Revocation(
            database,
            sites,
            trust,
            system,
            clock,
            config.sign_in,
        )

        def restarted() -> None:
            orders.forget()
            revocation.forget()

        exporter = Exporter(sites, database, clock, data / EXPORTS, hub=trust.hub)
        edge = None
        if identity is not None:
            given = _edge_config(config, data, (trust, hub_key, above), address, identity.site)
            edge = EdgeProcess(given, clock, restarted=restarted)
        tier = facts.Tier(
            sites.own_id, auditing.anchor_name(hub_key.public, own=sites.own_id), trust.hub
        )
        teller = None
        if above is not None and not with_box:
            writing = trust.edge(trust.hub, issued_s=issued_s)[0]
            saying = await bus.connect(address.url, writing, name="hub ledger", trusted=trusted)
            teller = telling.Teller(saying, trust.hub, hub_key, database, clock)
        taker = facts.FactTaker(database, clock, tier)
        kept = chores.keep
        below = links.Below(
            asking,
            system,
            {bus.Account.CONTROL: trust.control, bus.Account.MEDIA: trust.media},
            sites,
            taker,
            database,
            clock,
            hub=trust.hub,
            teller=teller,
        )
        async with asyncio.TaskGroup() as group:
            stop_web = asyncio.Event()
            going = [
                group.create_task(chore)
                for chore in (
                    server.run(),
                    *_of_box(edge, site, kept, asking, taker, database, clock),
                    _after(cameras, kept("orders", orders.run)),
                    *_of_those_below(server, below, wanting, kept, asking, taker, clock),
                    *(() if teller is None else (kept("telling", teller.run),)),
                    kept("exports", exporter.run),
                    kept(
                        "audit",
                        lambda: auditing.run(
                            sites, database, clock, config.audit, name=tier.anchors
                        ),
                    ),
                    *_fed(database, clock, config, kept),
                    kept("revocation", revocation.run),
                    kept("idle", lambda: idle.run(database, clock, config.sign_in)),
                    kept("counting", lambda: counting.run(database, clock)),
                    kept(
                        "reports",
                        lambda: reporting.run(
                            database,
                            clock,
                            Path(config.report.folder or data / reporting.FOLDER),
                            config.mail,
                        ),
                    ),
                    kept(
                        "acceptance",
                        lambda: rechecks.run(sites, database, box, clock, config.acceptance),
                    ),
                    *_renewed(secured, clock, server),
                )
            ]
            context = None if secured is None else secured.context
            listener.listen()  # whoever comes before the pages are served waits instead of failing
            web = group.create_task(serve.serve(app, listener, stop=stop_web, context=context))
            if onward is not None:
                sending = tls.sends_on(config, port)
                group.create_task(serve.serve(sending, onward, stop=stop_web))
            if site is not None:
                await _until_first_word(site, stop)
            if cameras is not None:
                await cameras
            serve.settle()
            if not stop.is_set():
                announce(Ready(url, first.name if first else accounts.FIRST_NAME,
                               first.password if first else None))  # fmt: skip
            if seconds is not None:
                loop.call_later(seconds, stop.set)
            await stop.wait()
            stop_web.set()
            await web
            if edge is not None:
                await edge.stop()
            for task in going:
                task.cancel()
        await asker.stop()
        if teller is not None:
            await saying.close()
        await asking.close()
        await pictures.close()
    finally:
        await server.stop()
        database.close()
        running.close()


class EdgeProcess:
    """The edge's process, started again whenever it dies.

    Args:
        config: the file that it reads.
        clock: for the back-off.
        restarted: called on the loop each time it has been started.
    """

    def __init__(self, config: Path, clock: Clock, *, restarted: Callable[[], None]) -> None:
        self._config = config
        self._clock = clock
        self._restarted = restarted
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._logger = log.get("up")

    async def run(self) -> None:
        """Keep it running until `stop`."""
        tries = 0
        while not self._stopping.is_set():
            born = self._clock.monotonic_ns()
            code = await self.run_once()
            if self._stopping.is_set():
                return
            if self._clock.monotonic_ns() - born > STEADY_S * NS:
                tries = 0
            self._logger.error("edge.died", code=code, tries=tries)
            await self._clock.sleep(EDGE_BACK_OFF_S[min(tries, len(EDGE_BACK_OFF_S) - 1)])
            tries += 1

    async def run_once(self) -> int:
        """One life of the process; returns its exit code."""
        words = [
            sys.executable, "-m", "vonggac.cli",
            "--log-level", os.environ.get("VONGGAC_LOG", "info"),
            "edge", "--config", str(self._config), "--parent", str(os.getpid()),
        ]  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            env=inherited(),
            start_new_session=True,  # Ctrl-C is ours to pass on, in our order
        )  # fmt: skip
        self._restarted()
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, then insist. Stopping twice is harmless."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            self._logger.exception("edge.killed", after_s=STOP_S)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _hub_of(identity: Identity | None, above: Enrolment | None) -> str | None:
    """The hub whose id stands in the subjects of this machine: the one that enrolled its box.

    Raises:
        ConfigError: the document is of another box.
    """
    if identity is None or above is None:
        return None
    if identity.site != above.below:
        raise ConfigError(
            f"{parents.FILE} is of another box: it names {above.below}, this is"
            f" {identity.site}; ask the hub above for a new enrolment"
        )
    return above.hub


def _edge_config(
    config: Config,
    data: Path,
    signing: tuple[keys.Trust, keys.SigningKey, Enrolment | None],
    address: bus.Address,
    site_id: str,
) -> Path:
    """Write down what the edge's process needs; where it lies."""
    trust, hub_key, above = signing
    issued_s = SystemClock().wall_ns() // NS
    control_path, media_path = _edge_credentials(data, trust, site_id, issued_s)
    path = data / "keys" / "edge.json"
    told = EdgeConfig(
        directory=str(data / RECORDINGS),
        hub=trust.hub,
        hub_key=hub_key.public,
        nats_url=address.url,
        nats_ca=None if address.trusted is None else str(address.trusted),
        control=str(control_path),
        media=str(media_path),
        record=config.record,
        retention=config.retention,
        ups=config.power.ups,
        upper_keys=() if above is None else (above.hub_key,),
    )
    keys.write_secret(path, msgspec.json.encode(told).decode())
    return path


def _of_box(
    edge: EdgeProcess | None,
    site: Site | None,
    kept: Keep,
    asking: bus.Connection,
    taker: facts.FactTaker,
    database: Database,
    clock: Clock,
) -> list[Coroutine[None, None, None]]:
    """The chores of a machine that has a box."""
    if edge is None or site is None:
        return []
    return [
        edge.run(),
        kept("facts", lambda: facts.run(bus.LedgerReader(asking), taker, clock, lambda: None)),
        kept("watch", lambda: watch.run(site, database, clock)),
    ]


def _of_those_below(
    server: bus.NatsServer,
    below: links.Below,
    wanting: Wanting,
    kept: Keep,
    asking: bus.Connection,
    taker: facts.FactTaker,
    clock: Clock,
) -> list[Coroutine[None, None, None]]:
    """The chores of a hub that lets machines below join."""
    if server.address.leaf is None:
        return []

    async def taken() -> None:
        await below.followed.wait()
        reader = bus.LedgerReader(asking, keys.LEDGERS)
        await facts.run(reader, taker, clock, lambda: None)

    return [
        kept("below", below.run),
        kept("facts_below", taken),
        kept("wants", wanting.run),
        kept("alarms", lambda: alarming.run(wanting.database, clock)),
    ]


def _fed(
    database: Database,
    clock: Clock,
    config: Config,
    kept: Keep,
) -> list[Coroutine[None, None, None]]:
    """The chore that sends the audit on, if somebody wants it."""
    address = config.audit.syslog
    if address is None:
        return []
    return [kept("syslog", lambda: auditing.feed(database, clock, address))]


def _renewed(
    secured: tls.Secured | None, clock: Clock, server: bus.NatsServer
) -> list[Coroutine[None, None, None]]:
    """The chore that keeps certificates fresh, if there are any."""
    return [] if secured is None else [tls.renew(secured, clock, server.reload)]


async def _after(first: Awaitable[object] | None, chore: Awaitable[None]) -> None:
    if first is not None:
        await first
    await chore


async def _until_first_word(site: Site, stop: asyncio.Event) -> None:
    """Wait until the edge answers, or a while: the pages say what is missing then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_S):
            while not stop.is_set():
                with contextlib.suppress(VonggacError):
                    await site.status()
                    return
                await asyncio.sleep(0.1)


def _credentials_box(database: Database, folder: Path) -> keys.Box:
    """The key that opens the database's credentials, also after a change of it was cut off."""
    database.migrate()
    with database.reading() as connection:
        return rotation.settle_credentials(folder, lambda box: sealed.opens(connection, box))


def _prepare(
    database: Database,
    config: Config,
    chain: keys.Chain | None,
    box: keys.Box,
    clock: Clock,
    password: str | None,
) -> accounts.FirstSignIn | None:
    """Bring the database up to the program and the configuration. A worker thread."""
    database.migrate()
    now = clock.wall_ns()
    with database.writing() as connection:
        units.load(connection, profiles.profile_on(day_of(now)))
        directives.load(connection, now_ns=now)
        schedules.ship(connection, config.report.cut_off, now_ns=now)
        if chain is not None:
            _prepare_site(connection, config, chain, box, now)
        return accounts.ensure_administrator(connection, now_ns=now, password=password)


def _prepare_site(
    connection: Connection, config: Config, chain: keys.Chain, box: keys.Box, now: int
) -> None:
    """Register the facility of this machine's box, and the cameras of the configuration."""
    site_id = chain.site
    placement = guide_values.placement(connection, day_of(now))
    strange = sorted(set(config.retention.zone_days) - {zone.code for zone in placement.zones})
    if strange:
        known = ", ".join(zone.code for zone in placement.zones)
        raise ConfigError(f"retention.zone_days: no zone {strange[0]}; there are {known}")
    enrolments.adopt(connection, chain, now_ns=now)
    site_keys.follow_box(connection, chain, now_ns=now)
    registry.ensure_site(connection, config, site_id=site_id, public_key=chain.current, now_ns=now)
    site_keys.enrol(connection, chain, now_ns=now)
    try:
        registry.follow_config(
            connection,
            site_id,
            config,
            placement=placement,
            box=box,
            now_ns=now,
        )
    except registry.Unacceptable as error:
        raise ConfigError(f"cameras: {error.message}") from error


def _edge_credentials(data: Path, trust: keys.Trust, site: str, issued_s: int) -> tuple[Path, Path]:
    control, media = trust.edge(site, issued_s=issued_s)
    paths = data / "keys" / "edge-control.creds", data / "keys" / "edge-media.creds"
    control.save(paths[0])
    media.save(paths[1])
    return paths


def _onward_listener(config: Config) -> socket.socket | None:
    """Where http is sent on to https, if asked for."""
    if config.web.redirect_port is None:
        return None
    return serve.listen(config.web.host, config.web.redirect_port)


def _bus_settings(
    config: Config,
    secured: tls.Secured | None,
    url: str,
    port: int,
    who: tuple[Identity | None, keys.Trust, Enrolment | None],
) -> bus.Settings:
    """Where the bus's server listens, behind which certificates, for which pages, below whom.

    Raises:
        ConfigError: an address that is not loopback would speak without TLS.
    """
    default = config.bus.host if secured is None else config.web.host
    identity, trust, above = who
    is_leaf = identity is not None and above is not None
    leaf_port = config.bus.leaf_port
    return bus.Settings(
        host=config.bus.host,
        port=config.bus.port,
        websocket_host=config.bus.websocket_host or default,
        websocket_port=config.bus.websocket_port,
        domain=identity.site if identity is not None and is_leaf else trust.hub,
        leaf_host=config.bus.leaf_host or config.bus.host,
        leaf_port=0 if leaf_port is None and not is_leaf else leaf_port,
        parent=None
        if above is None
        else parents.remote(config, above, Path(config.data_dir) / "keys"),
        own_tls=None if secured is None else secured.own,
        browser_tls=None if secured is None else secured.browsers,
        allowed_origins=_origins(url, port)
        if secured is None
        else tuple(dict.fromkeys((url, *tls.origins(config, port)))),
    )


def _origins(url: str, port: int) -> tuple[str, ...]:
    """Pages that may open the bus's WebSocket: ours, under each name of this machine's loopback."""
    return tuple(dict.fromkeys((url, f"http://127.0.0.1:{port}", f"http://localhost:{port}")))


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
