"""A real nats-server with our trust tree in front of it, for the tests of bus, edge and hub."""

from __future__ import annotations

import contextlib
import gc
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vonggac import bus, keys, wire
from vonggac.clock import NS, SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

ORIGIN = "http://127.0.0.1:8080"


@dataclass
class Viewer:
    """A browser, as far as NATS can tell."""

    connection: bus.Connection
    grant: str
    key: keys.NKey
    token: str
    asker: bus.Asker


@dataclass
class Stand:
    """One hub, one site, one server."""

    trust: keys.Trust
    server: bus.NatsServer
    site: str
    hub_key: keys.SigningKey
    site_key: keys.SigningKey
    clock: SystemClock
    stack: contextlib.AsyncExitStack

    @property
    def hub(self) -> str:
        return self.trust.hub

    @property
    def now_s(self) -> int:
        return self.clock.wall_ns() // NS

    async def connect(
        self, credential: keys.Credential, name: str, *, websocket: bool = False
    ) -> bus.Connection:
        address = self.server.address
        connection = await bus.connect(
            address.websocket if websocket else address.url,
            credential,
            name=name,
            origin=ORIGIN if websocket else None,
        )
        self.stack.push_async_callback(connection.close)
        return connection

    async def edge(self, site: str | None = None) -> tuple[bus.Connection, bus.Connection]:
        control, media = self.trust.edge(site or self.site, issued_s=self.now_s)
        return (
            await self.connect(control, "edge-control"),
            await self.connect(media, "edge-media"),
        )

    async def hub_process(self) -> tuple[bus.Connection, bus.Connection]:
        control, media = self.trust.hub_users(issued_s=self.now_s)
        return await self.connect(control, "hub-control"), await self.connect(media, "hub-media")

    async def viewer(
        self,
        cameras: Sequence[str] = ("cam01",),
        streams: Sequence[str] = ("main", "sub"),
        life_s: int = 120,
        key: keys.NKey | None = None,
    ) -> Viewer:
        key = key or keys.NKey.create(keys.Role.USER)
        grant = keys.new_id()
        token = self.trust.viewer_signer().token(
            key.public,
            site=self.site,
            cameras=cameras,
            streams=streams,
            grant=grant,
            issued_s=self.now_s,
            life_s=life_s,
        )
        connection = await self.connect(keys.Credential(token, key), "viewer", websocket=True)
        asker = bus.Asker(self.hub, grant, connection, [connection])
        await asker.start(self.site)
        return Viewer(connection, grant, key, token, asker)

    def grant_token(self, grant: str, **changed: object) -> str:
        terms: dict[str, object] = {
            "id": grant,
            "hub": self.hub,
            "site": self.site,
            "cameras": ("cam01",),
            "streams": ("main", "sub"),
            "verbs": wire.VIEWER_VERBS,
            "purpose": "shift duty",
            "actor": "account 17",
            "iat": self.now_s,
            "exp": self.now_s + 120,
        }
        return keys.issue(self.hub_key, keys.Grant(**(terms | changed)))  # type: ignore[arg-type]

    def ask_subject(self, verb: wire.Verb, camera: str, grant: str) -> str:
        return str(wire.AskSubject(self.hub, self.site, verb, camera, grant))

    def live(self, camera: str, stream: str = "main") -> str:
        return f"vg.{self.hub}.{self.site}.live.{camera}.{stream}"


@contextlib.asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Stand]:
    """Start the server, give the stand, end everything in reverse order."""
    clock = SystemClock()
    trust = keys.Trust.at(folder / "keys", issued_s=clock.wall_ns() // NS)
    settings = bus.Settings(allowed_origins=(ORIGIN,))
    server = bus.NatsServer(folder / "nats", trust, settings, clock)
    try:
        async with contextlib.AsyncExitStack() as stack:
            await server.start()
            stack.push_async_callback(server.stop)
            yield Stand(
                trust,
                server,
                keys.new_id(),
                keys.SigningKey.at(folder / "hub.key"),
                keys.SigningKey.at(folder / "site.key"),
                clock,
                stack,
            )
    finally:
        # nats-py leaves aiohttp's connection to the collector when the server cuts a viewer off.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
