"""The sites below: their ledgers followed, their links watched, and what they were doing kept true.

Who is joined comes from the server's own events (`bus.Presence`), whether the recorder behind a
link listens from the interest that the server knows of: neither costs the site's line a byte.
What a site's streams were doing stands on as long as its link is up, its recorder listens and
every fact of it has arrived; `vonggac.domain.links` keeps it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vonggac import bus, log
from vonggac.clock import NS
from vonggac.domain import audit, ledger, links
from vonggac.domain.links import Link
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from vonggac.bus import Connection
    from vonggac.clock import Clock
    from vonggac.db import Database
    from vonggac.hub.facts import FactTaker
    from vonggac.hub.site import Site
    from vonggac.hub.sites import Sites

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
        sites = [
            site for site in await asyncio.to_thread(self._every) if site is not self._sites.own
        ]
        for gone in self._known.keys() - {site.id for site in sites}:
            del self._known[gone]
        there = {link.below: link for link in presence.links if link.account is bus.Account.CONTROL}
        for site in sites:
            self._known[site.id].joined |= site.id in there
        sites = [site for site in sites if self._known[site.id].joined]
        if await bus.follow(self._asking, [bus.Child(site.id, self._hub) for site in sites]):
            _log.info("links.followed", sites=len(sites))
        if not sites:
            return
        self.followed.set()
        room = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._look_at(site, there.get(site.id), room) for site in sites))
        await asyncio.to_thread(self._write)

    def _every(self) -> list[Site]:
        with self._database.reading() as connection:
            every = self._sites.every(connection)
            for site in every:
                if site.id not in self._known and site is not self._sites.own:
                    state = ledger.site_state(connection, site.id)
                    before = None if state is None else links.link_of(state.detail)
                    known = before or Link(up=False, since_ns=self._clock.wall_ns())
                    self._known[site.id] = _Standing(known, joined=before is not None)
            return every

    async def _look_at(self, site: Site, joined: bus.Link | None, room: asyncio.Semaphore) -> None:
        now_ns = self._clock.wall_ns()
        standing = self._known[site.id]
        before = standing.link
        if joined is None:
            if before.up:
                ended_ns = max(self._ended.get(site.id, now_ns), before.since_ns)
                standing.link = replace(before, up=False, since_ns=ended_ns, twice=False)
            standing.caught_up = False
            return
        if not before.up or before.since_ns != joined.since_ns:
            standing.link = replace(before, up=True, since_ns=joined.since_ns)
            standing.caught_up = False
            standing.listened_ns = 0
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

    def _write(self) -> None:
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
        if not due and not standing:
            return
        with self._database.writing() as connection:
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
