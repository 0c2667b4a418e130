"""The sites below: their ledgers followed, their links watched, and what they were doing kept true.

Who is joined comes from the server's own events (`bus.Presence`), whether the recorder behind a
link listens from the interest that the server knows of: neither costs the site's line a byte.
What a site's streams were doing stands on as long as its link is up, its recorder listens and
every fact of it has arrived; `vonggac.domain.links` keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from vonggac import bus, log
from vonggac.clock import NS
from vonggac.domain import audit, hubs, ledger, links, told
from vonggac.domain.links import Link
from vonggac.errors import VonggacError
from vonggac.hub import alarming

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from vonggac.bus import Connection
    from vonggac.clock import Clock
    from vonggac.db import Database
    from vonggac.domain.hubs import HubBelow
    from vonggac.hub.facts import FactTaker
    from vonggac.hub.site import Site
    from vonggac.hub.sites import Sites
    from vonggac.hub.telling import Teller

_log = log.get(__name__)

LOOK_S: Final = 3.0
"""Seconds between two looks at who is joined (ours): well below `continuity.SETTLE_NS`."""
LAG_NS: Final = 3 * NS
"""What a fact may take from a camera to the database while the line is good (ours)."""
LISTEN_NS: Final = 10 * NS
"""How often it is asked whether a recorder listens (ours): nothing of it goes over the line up."""
WRITE_NS: Final = 30 * NS
"""How often a link is written down that did not change: a late fact may have said otherwise."""
AT_ONCE: Final = 64
"""Sites asked at once."""
RETRY_S: Final = 1.0
"""Seconds before the server's system account is tried again."""


@dataclass(slots=True)
class _Standing:
    """What is known of a site below."""

    link: Link
    joined: bool
    """It was joined once: a ledger that never was there would be tried ever more rarely."""
    caught_up: bool = False
    """Every fact that its box had when the link came up is in the database."""
    listened_ns: int = 0
    written: Link | None = None
    written_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Reach:
    """How a site is joined now, over however many links."""

    up_ns: int | None = None
    """Since when all of them stand; None: one is down."""
    down_ns: int | None = None
    """Since when, if somebody said so."""
    hub: str = ""
    """The hub below whose link it is; empty: the site's own."""
    twice: bool = False


@dataclass(frozen=True, slots=True)
class _There:
    """What is read anew at each look."""

    sites: list[Site]
    hubs: Mapping[str, HubBelow]
    told: Mapping[str, Link]
    """Site behind a hub -> how it is joined there, as that hub says."""


class Below:
    """Keeps the sites below followed and their links known. Belongs to one event loop.

    Args:
        asking: the hub's control connection.
        system: makes a connection to the system account of the bus.
        accounts: public key of each account of the bus.
        sites: which there are, and who asks them.
        taker: takes their facts.
        database: where it is written down.
        clock: wall time and pauses.
        hub: id that stands in the subjects of those that this hub enrolled.
        teller: tells the hub above; a site is followed only once it was told of.
    """

    def __init__(
        self,
        asking: Connection,
        system: Callable[[], Awaitable[Connection]],
        accounts: Mapping[bus.Account, str],
        sites: Sites,
        taker: FactTaker,
        database: Database,
        clock: Clock,
        *,
        hub: str,
        teller: Teller | None = None,
    ) -> None:
        self.followed = asyncio.Event()
        """Set once there is a ledger of those below to read."""
        self._asking = asking
        self._system = system
        self._accounts = accounts
        self._sites = sites
        self._taker = taker
        self._database = database
        self._clock = clock
        self._hub = hub
        self._teller = teller
        self._hub_links: dict[str, Link] = {}
        self._known: dict[str, _Standing] = {}
        self._ended: dict[str, int] = {}
        """When the last link of a site ended, as the server said."""

    async def run(self) -> None:
        """Look for good; returns only when cancelled."""
        while True:
            try:
                await self.run_once()
            except VonggacError as error:
                _log.info("links.interrupted", reason=error.message)
                await self._clock.sleep(RETRY_S)

    async def run_once(self) -> None:
        """One life of the connection to the server's own account.

        Raises:
            VonggacError: it ended, or the server does not answer.
        """
        if self._teller is not None:
            await self._teller.begun.wait()
        system = await self._system()
        presence = bus.Presence(system, self._accounts, self._clock)
        telling = asyncio.create_task(self._tell(presence), name="links")
        try:
            await presence.begin()
            while not system.closed.is_set():
                await self.look(presence)
                await self._clock.sleep(LOOK_S)
        finally:
            await presence.stop()
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
            await system.close()

    async def look(self, presence: bus.Presence) -> None:
        """Follow the ledgers of those that there are, and write down how each is joined.

        Raises:
            VonggacError: the bus does not answer.
        """
        found = await asyncio.to_thread(self._read)
        for gone in self._known.keys() - {site.id for site in found.sites}:
            del self._known[gone]
        there = {link.below: link for link in presence.links if link.account is bus.Account.CONTROL}
        for site in found.sites:
            heard = there if site.way is None else found.told
            self._known[site.id].joined |= site.id in heard
        sites = [site for site in found.sites if self._known[site.id].joined]
        if await self._follow(sites, found.hubs, there):
            _log.info("links.followed", sites=len(sites), hubs=len(found.hubs))
        moved = self._look_at_hubs(found.hubs, there)
        if not sites and not self._hub_links:
            return
        self.followed.set()
        room = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(
            *(self._look_at(site, self._reach(site, there, found.told), room) for site in sites)
        )
        await asyncio.to_thread(self._write, moved)

    async def _follow(
        self, sites: Sequence[Site], hubs: Mapping[str, HubBelow], there: Mapping[str, bus.Link]
    ) -> bool:
        children = [
            bus.Child(site.id, self._hub)
            for site in sites
            if site.way is None and (self._teller is None or self._teller.has_told(site.id))
        ]
        for hub_id, hub in hubs.items():
            if hub_id in there or hub.link is not None:  # one that never was there: tried ever less
                children.append(bus.Child(hub_id, register=True))
                if hub.register_ns is not None:
                    children.append(bus.Child(hub_id))
        return await bus.follow(self._asking, children, own=self._teller is not None)

    def _look_at_hubs(
        self, hubs: Mapping[str, HubBelow], there: Mapping[str, bus.Link]
    ) -> dict[str, Link]:
        """The links of hubs that changed; no cut is a hub's own fault, as no camera's."""
        moved = {}
        for hub_id, hub in hubs.items():
            before = self._hub_links.get(hub_id)
            if before is None and hub.link is not None:
                before = Link(**hub.link)
            joined = there.get(hub_id)
            if joined is not None:
                link = Link(up=True, since_ns=joined.since_ns)
                if before is not None and before.up and before.since_ns == link.since_ns:
                    link = before
            elif before is None:
                continue
            elif before.up:
                ended_ns = max(self._ended.get(hub_id, self._clock.wall_ns()), before.since_ns)
                link = Link(up=False, since_ns=ended_ns)
            else:
                link = before
            self._hub_links[hub_id] = link
            if hub.link != asdict(link):
                moved[hub_id] = link
        return moved

    def _reach(self, site: Site, there: Mapping[str, bus.Link], told: Mapping[str, Link]) -> _Reach:
        if site.way is None:
            joined = there.get(site.id)
            if joined is None:
                return _Reach(down_ns=self._ended.get(site.id))
            return _Reach(up_ns=joined.since_ns)
        through = there.get(site.way.hub)
        if through is None:
            ended = self._hub_links.get(site.way.hub)
            down_ns = ended.since_ns if ended is not None and not ended.up else None
            return _Reach(down_ns=down_ns, hub=site.way.hub)
        link = told.get(site.id)
        if link is None or not link.up:
            return _Reach(down_ns=None if link is None else link.since_ns)
        return _Reach(up_ns=max(through.since_ns, link.since_ns), twice=link.twice)

    def _read(self) -> _There:
        with self._database.reading() as connection:
            every = [one for one in self._sites.every(connection) if one is not self._sites.own]
            for site in every:
                if site.id not in self._known:
                    state = ledger.site_state(connection, site.id)
                    before = None if state is None else links.link_of(state.detail)
                    known = before or Link(up=False, since_ns=self._clock.wall_ns())
                    self._known[site.id] = _Standing(known, joined=before is not None)
            return _There(every, hubs.joined(connection), told.told_links(connection))

    async def _look_at(self, site: Site, reach: _Reach, room: asyncio.Semaphore) -> None:
        now_ns = self._clock.wall_ns()
        standing = self._known[site.id]
        before = standing.link
        if reach.up_ns is None:
            ended_ns = now_ns if reach.down_ns is None else reach.down_ns
            if before.up:
                ended_ns = max(ended_ns, before.since_ns)
            if before.up or before.hub != reach.hub:
                standing.link = replace(
                    before, up=False, since_ns=ended_ns, twice=False, hub=reach.hub
                )
            standing.caught_up = False
            return
        if not before.up or before.since_ns != reach.up_ns:
            standing.link = replace(before, up=True, since_ns=reach.up_ns, hub="")
            standing.caught_up = False
            standing.listened_ns = 0
        if site.way is not None and standing.link.twice != reach.twice:
            standing.link = replace(standing.link, twice=reach.twice)
        async with room:
            if now_ns - standing.listened_ns >= LISTEN_NS:
                standing.listened_ns = now_ns
                listens = await site.listens()
                if listens != standing.link.recorder:
                    standing.link = replace(
                        standing.link, recorder=listens, recorder_since_ns=now_ns
                    )
                    standing.caught_up = False
            if standing.link.recorder and not standing.caught_up:
                with contextlib.suppress(VonggacError):
                    standing.caught_up = await self._has_all(site)

    async def _has_all(self, site: Site) -> bool:
        """Whether every fact that a box has now is in the database."""
        told = await site.status()
        epoch, facts = told.get("epoch"), told.get("facts")
        if not isinstance(epoch, int) or not isinstance(facts, int):
            return False

        def held() -> int:
            with self._database.reading() as connection:
                return ledger.facts_of_epoch(connection, site.id, epoch)

        return await asyncio.to_thread(held) >= facts

    def _write(self, hubs_moved: Mapping[str, Link]) -> None:
        """A worker thread: links that changed, and what stands on."""
        now_ns = self._clock.wall_ns()
        due = [
            (site_id, one)
            for site_id, one in self._known.items()
            if one.joined and (one.written != one.link or now_ns - one.written_ns > WRITE_NS)
        ]
        standing = [
            site_id
            for site_id, one in self._known.items()
            if one.caught_up and one.link.up and one.link.recorder
        ]
        if self._taker.counts.behind:
            standing = []
        if not due and not standing and not hubs_moved:
            return
        with self._database.writing() as connection:
            for hub_id, link in hubs_moved.items():
                hubs.put_link(connection, hub_id, asdict(link))
            for site_id, one in due:
                links.put(connection, site_id, one.link, now_ns=now_ns)
            links.stand(connection, standing, until_ns=now_ns - LAG_NS, now_ns=now_ns)
        for _, one in due:
            one.written, one.written_ns = one.link, now_ns

    async def _tell(self, presence: bus.Presence) -> None:
        """Write down what the server says of links: alarms in the audit, ends for `look`."""
        async for change in presence:
            below = change.link.below
            if change.what is bus.What.DOWN and change.link.account is bus.Account.CONTROL:
                self._ended[below] = change.at_ns
                _log.warning("site.cut_off", site=below, why=change.why)
            elif change.what in (bus.What.CLONE, bus.What.IMPOSTOR):
                if change.what is bus.What.CLONE and below in self._known:
                    standing = self._known[below]
                    standing.link = replace(standing.link, twice=True)
                await asyncio.to_thread(self._alarm, change)

    def _alarm(self, change: bus.Change) -> None:
        with self._database.writing() as connection:
            alarming.of_link(connection, change, now_ns=self._clock.wall_ns())
            audit.record(
                connection,
                audit.Actor("watchdog"),
                audit.Act.BOX,
                now_ns=self._clock.wall_ns(),
                thing=change.link.below,
                site=change.link.below,
                outcome="refused",
                detail={
                    "what": change.what.value,
                    "address": change.link.address,
                    "evidence": change.why,
                },
            )
