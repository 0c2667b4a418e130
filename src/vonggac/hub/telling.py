"""What this hub tells the hub above: which sites there are below it, and how they are joined.

Told as facts in a ledger of the hub's own, signed with its key: everything once when the program
starts, then what changes.  Nobody is asked whether it arrived: the hub above reads the ledger by a
source, like those of the sites, and goes on where it ended after any outage.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from vonggac import bus, log, wire
from vonggac.clock import NS
from vonggac.domain import told
from vonggac.errors import VonggacError
from vonggac.wire import hubs as wires

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.bus import Connection
    from vonggac.clock import Clock
    from vonggac.db import Database
    from vonggac.keys import SigningKey

_log = log.get(__name__)

LOOK_S: Final = 2.0
"""Seconds between two looks at what changed (ours): a link that ended is found in 13 s."""
RETRY_S: Final = 1.0
"""Seconds before a ledger that did not answer is tried again."""


class Teller:
    """Keeps the hub above in step with what this one knows. Belongs to one event loop.

    Args:
        ledger: a connection that may write the hub's own ledger (`keys.Trust.edge` of its id).
        hub: this hub's id.
        key: its signing key; the hub above pinned it.
        database: what is told.
        clock: wall time and pauses.
    """

    def __init__(
        self, ledger: Connection, hub: str, key: SigningKey, database: Database, clock: Clock
    ) -> None:
        self.begun = asyncio.Event()
        """Set once every site was told: what a site says must not come before what is said of
        it."""
        self._ledger = ledger
        self._hub = hub
        self._key = key
        self._database = database
        self._clock = clock
        self._epoch = 0
        self._sequence = 0
        self._sites: dict[str, wires.SiteTold] = {}
        self._links: dict[str, wires.LinkTold] = {}

    def has_told(self, site_id: str) -> bool:
        """Whether the ledger holds what this hub says of a site."""
        return site_id in self._sites

    async def run(self) -> None:
        """Tell for good; returns only when cancelled."""
        while True:
            try:
                await self.run_once()
            except VonggacError as error:
                _log.info("telling.interrupted", reason=error.message)
                await self._clock.sleep(RETRY_S)

    async def run_once(self) -> None:
        """Tell everything, then what changes, until the ledger fails.

        Raises:
            VonggacError: it does not answer, or somebody else wrote.
        """
        life = self._clock.wall_ns() // (60 * NS)  # as of the epoch: beyond any before
        await bus.ensure_streams(self._ledger, self._hub, self._hub, life=life)
        writer = bus.LedgerWriter(self._ledger, self._hub, self._hub)
        place = await writer.position()
        # By the clock, so that a hub whose ledger was lost goes on above what it told before.
        last = 0 if place is None else place[0]
        self._epoch = max(last + 1, self._clock.wall_ns() // NS)
        self._sequence = 0
        self._sites, self._links = {}, {}
        count = await self.look(writer)
        await self._put(writer, [wires.RegisterTold(at=self._clock.wall_ns(), sites=count)])
        self.begun.set()
        _log.info("telling.begun", sites=count)
        while True:
            await self._clock.sleep(LOOK_S)
            await self.look(writer)

    async def look(self, writer: bus.LedgerWriter) -> int:
        """Tell what changed since the last look; how many sites there are.

        Raises:
            VonggacError: the ledger does not answer.
        """
        sites, joins = await asyncio.to_thread(self._read)
        fresh = [one for one in sites if self._sites.get(one.site) != one]
        await self._put(writer, fresh)
        self._sites = {one.site: one for one in sites}
        moved = [one for one in joins if self._links.get(one.site) != one]
        await self._put(writer, moved)
        self._links = {one.site: one for one in joins}
        return len(sites)

    def _read(self) -> tuple[list[wires.SiteTold], list[wires.LinkTold]]:
        """A worker thread: as they are now; without a time, so that equal is equal."""
        with self._database.reading() as connection:
            sites = told.sites(connection, 0)
            return sites, told.joins(connection, [one.site for one in sites], 0)

    async def _put(self, writer: bus.LedgerWriter, facts: Sequence[wires.HubFact]) -> None:
        at_ns = self._clock.wall_ns()
        for start in range(0, len(facts), bus.BATCH):
            await writer.put([self._signed(one, at_ns) for one in facts[start : start + bus.BATCH]])

    def _signed(self, fact: wires.HubFact, at_ns: int) -> tuple[wire.Envelope, wire.FactSubject]:
        payload = wires.encode_hub_fact(msgspec.structs.replace(fact, at=at_ns))
        envelope = self._key.envelope(self._hub, self._epoch, self._sequence, payload)
        self._sequence += 1
        return envelope, wire.FactSubject(self._hub, self._hub, wires.hub_fact_kind(fact))
