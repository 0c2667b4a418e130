"""Servers of several tiers on one machine: each with its own trust tree, joined by leafs.

Between a machine and its parent lies a line of ours (`vonggac.sim.link`) that a test can cut.
"""

from __future__ import annotations

import contextlib
import gc
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus_stand import ORIGIN
from vonggac import bus, keys, wire
from vonggac.clock import NS, SystemClock
from vonggac.sim.link import Link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass
class Tier:
    """A hub or a box: its server and the ways into it."""

    id: str
    """Of the site or of the hub."""
    folder: Path
    trust: keys.Trust
    server: bus.NatsServer
    stack: contextlib.AsyncExitStack
    clock: SystemClock = field(default_factory=SystemClock)
    line: Link | None = None
    """To the parent."""
    leaf: tuple[keys.Credential, keys.Credential] | None = None
    """What the parent gave."""
    key: keys.SigningKey | None = None
    """The site's."""

    @property
    def now_s(self) -> int:
        return self.clock.wall_ns() // NS

    @property
    def up(self) -> Link:
        assert self.line is not None
        return self.line

    async def connect(self, credential: keys.Credential, name: str) -> bus.Connection:
        address = self.server.address
        connection = await bus.connect(address.url, credential, name=name, trusted=address.trusted)
        self.stack.push_async_callback(connection.close)
        return connection

    async def hub_control(self) -> bus.Connection:
        return await self.connect(self.trust.hub_users(issued_s=self.now_s)[0], "hub control")

    async def edge(self, *, life: int = 0) -> tuple[bus.Connection, bus.Connection]:
        """The programs of a box: control, with its streams made, and media."""
        control, media = self.trust.edge(self.id, issued_s=self.now_s)
        found = await self.connect(control, "edge control"), await self.connect(media, "edge media")
        await bus.ensure_streams(found[0], self.trust.hub, self.id, life=life)
        return found

    async def spy(self, *, media: bool = False) -> bus.Connection:
        """Who hears and says everything in an account: no such credential exists outside tests."""
        everything = keys.Permissions((">",), (">",))
        user = keys.NKey.create(keys.Role.USER)
        told = self.trust._machine(user, everything, "spy", self.now_s, media=media)
        return await self.connect(told, "spy")

    async def viewer(self, hub: str, site: str, cameras: tuple[str, ...]) -> bus.Connection:
        """A browser that looks at cameras of a site below."""
        key = keys.NKey.create(keys.Role.USER)
        token = self.trust.viewer_signer().token(
            key.public, site=site, cameras=cameras, streams=("main", "sub"),
            grant=keys.new_id(), issued_s=self.now_s, hub=hub,
        )  # fmt: skip
        connection = await bus.connect(
            self.server.address.websocket,
            keys.Credential(token, key),
            name="viewer",
            origin=ORIGIN,
        )
        self.stack.push_async_callback(connection.close)
        return connection

    async def presence(self, *, clone_s: float = bus.presence.CLONE_S) -> bus.Presence:
        system = await self.connect(self.trust.system_user(issued_s=self.now_s), "system")
        accounts = {
            bus.Account.CONTROL: self.trust.control,
            bus.Account.MEDIA: self.trust.media,
        }
        presence = bus.Presence(system, accounts, self.clock, clone_s=clone_s)
        await presence.begin()
        self.stack.push_async_callback(presence.stop)
        return presence

    def envelopes(
        self, first: int, count: int, epoch: int = 1
    ) -> list[tuple[wire.Envelope, wire.FactSubject]]:
        assert self.key is not None
        subject = wire.FactSubject(self.trust.hub, self.id, "box_stopped")
        return [
            (
                self.key.envelope(
                    self.id, epoch, number, wire.encode_fact(wire.BoxStopped(at=number))
                ),
                subject,
            )
            for number in range(first, first + count)
        ]

    def child(self) -> bus.Child:
        return bus.Child(self.id, self.trust.hub)


class Tiers:
    """Makes tiers below one another; all end with the stack."""

    def __init__(self, folder: Path, stack: contextlib.AsyncExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._clock = SystemClock()
        self._made = 0

    def _next(self, kind: str) -> Path:
        self._made += 1
        return self._folder / f"{self._made}-{kind}"

    async def hub(self, *, above: Tier | None = None, **settings: object) -> Tier:
        """A hub that lets machines below join; below another one if that is given."""
        folder = self._next("hub")
        now_s = self._clock.wall_ns() // NS
        trust = keys.Trust.at(folder / "keys", issued_s=now_s)
        tier = Tier(trust.hub, folder, trust, None, self._stack)  # type: ignore[arg-type]
        if above is not None:
            tier.leaf = above.trust.leaf_of_hub(trust.hub, issued_s=now_s)
            settings["parent"] = await self._parent(tier, above)
        return await self._start(tier, leaf_port=0, **settings)

    async def box(
        self,
        above: Tier,
        *,
        url: str | None = None,
        same_as: Tier | None = None,
        trusted: Path | None = None,
        proxy: str | None = None,
        **settings: object,
    ) -> Tier:
        """A site's box below a hub.

        Args:
            above: the hub.
            url: where it joins; over a line of its own without it.
            same_as: copies the identity and the credentials of this one.
            trusted: as `bus.Parent`.
            proxy: as `bus.Parent`.
            settings: of its server.
        """
        folder = self._next("box")
        now_s = self._clock.wall_ns() // NS
        trust = keys.Trust.at(folder / "keys", issued_s=now_s, hub=above.trust.hub)
        site = same_as.id if same_as is not None else keys.new_id()
        tier = Tier(site, folder, trust, None, self._stack)  # type: ignore[arg-type]
        tier.key = keys.SigningKey.at(folder / "site.key")
        tier.leaf = same_as.leaf if same_as else above.trust.leaf(site, issued_s=now_s)
        if url is None:
            parent = await self._parent(tier, above)
        else:
            parent = _parent_at(tier, url, trusted=trusted, proxy=proxy)
        return await self._start(tier, parent=parent, **settings)

    async def _parent(self, tier: Tier, above: Tier) -> bus.Parent:
        assert above.server.address.leaf is not None
        tier.line = Link("127.0.0.1", int(above.server.address.leaf.rpartition(":")[2]), tier.clock)
        await tier.line.start()
        self._stack.push_async_callback(tier.line.stop)
        return _parent_at(tier, f"nats-leaf://127.0.0.1:{tier.line.port}")

    async def _start(self, tier: Tier, **settings: object) -> Tier:
        settings = {"domain": tier.id, "allowed_origins": (ORIGIN,)} | settings
        tier.server = bus.NatsServer(
            tier.folder / "nats",
            tier.trust,
            bus.Settings(**settings),
            tier.clock,  # type: ignore[arg-type]
        )
        await tier.server.start()
        self._stack.push_async_callback(tier.server.stop)
        return tier


def _parent_at(tier: Tier, url: str, **more: object) -> bus.Parent:
    assert tier.leaf is not None
    paths = tier.folder / "control.creds", tier.folder / "media.creds"
    for credential, path in zip(tier.leaf, paths, strict=True):
        credential.save(path)
    return bus.Parent((url,), *paths, **more)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def tiers(folder: Path) -> AsyncIterator[Tiers]:
    """Make tiers, then end everything in reverse order."""
    try:
        async with contextlib.AsyncExitStack() as stack:
            yield Tiers(folder, stack)
    finally:
        # nats-py leaves aiohttp's connection to the collector when the server cuts a viewer off.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


async def joined(presence: bus.Presence, *ids: str) -> None:
    """Return when both connections of each of these stand."""
    while not all(presence.is_up(one, account) for one in ids for account in bus.Account):
        await presence.next()


async def told(presence: bus.Presence, what: bus.What, below: str) -> bus.Change:
    """The next change of this kind at this machine."""
    async for change in presence:
        if change.what is what and change.link.below == below:
            return change
    raise AssertionError("presence was stopped")


async def taken(reader: bus.LedgerReader, count: int) -> list[bus.Delivery]:
    """The next facts of a ledger, acknowledged; waits until there are so many."""
    found: list[bus.Delivery] = []
    while len(found) < count:
        found += await reader.batch(1.0)
        await reader.done()
    return found
