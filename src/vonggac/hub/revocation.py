"""Ends what somebody watches when the right to it goes away: on the bus, at the box, in the audit.

Once a second the grants that stand are held against what the database says now. A grant whose
right is gone, whichever way it went (a role or a share ended, a session or an account was closed,
a view was withdrawn), is taken back: the bus's server is given the account's new claims and cuts
the connection, the box is told to answer it no more, and the audit has the view's end and why.
What could not be told is told again until the grant would have ended by itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from vonggac import bus, log
from vonggac.clock import NS
from vonggac.domain import access, grants
from vonggac.domain.accounts import RULES
from vonggac.domain.grants import record_end
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from vonggac.bus import Connection
    from vonggac.clock import Clock
    from vonggac.config import SignInConfig
    from vonggac.db import Connection as Transaction
    from vonggac.db import Database
    from vonggac.domain.grants import Standing
    from vonggac.hub.site import Site
    from vonggac.hub.sites import Sites
    from vonggac.keys import Trust

_log = log.get(__name__)

EVERY_S: Final = 1.0
"""Seconds between two looks: a right that is gone must end what it opened within five."""
BATCH: Final = 256
"""Grants of one message to a box (`wire.RevokeAsk`)."""


class Revocation:
    """Takes grants back whose right is gone. For the event loop.

    Args:
        database: who may what, and which grants stand.
        sites: whose boxes answer grants.
        trust: signs the account's claims.
        connect: opens a connection to the bus's system account.
        clock: wall time.
        rules: when a session is over.
    """

    def __init__(
        self,
        database: Database,
        sites: Sites,
        trust: Trust,
        connect: Callable[[], Awaitable[Connection]],
        clock: Clock,
        rules: SignInConfig = RULES,
    ) -> None:
        self.ended = 0
        """Grants taken back, for the metrics."""
        self._database = database
        self._sites = sites
        self._trust = trust
        self._connect = connect
        self._clock = clock
        self._rules = rules
        self._system: Connection | None = None
        self._cut: set[str] = set()
        """Grants whose key the bus's server no longer takes."""
        self._told: set[str] = set()
        """Grants that the box answers no more."""

    async def run(self) -> None:
        """Look for good; returns only when cancelled."""
        try:
            while True:
                try:
                    await self.run_once()
                except VonggacError as error:
                    _log.warning("revocation.delayed", reason=error.message)
                await self._clock.sleep(EVERY_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection to the system account. Closing twice is harmless."""
        system, self._system = self._system, None
        if system is not None:
            await system.close()

    def forget(self) -> None:
        """The box was started again and remembers nothing: tell it once more."""
        self._told.clear()

    async def run_once(self) -> int:
        """Look once, and tell bus and box; returns how many grants were taken back by it.

        Raises:
            VonggacError: the bus or the box could not be told; it is tried again.
        """
        found, pending = await asyncio.to_thread(self._look)
        self.ended += found
        standing = {grant.id for grant, _ in pending}
        self._cut &= standing
        self._told &= standing
        try:
            await self._cut_off([one for one, _ in pending if one.id not in self._cut])
        finally:  # the box is told whether or not the bus could be
            await self._tell([(one, why) for one, why in pending if one.id not in self._told])
        return found

    def _look(self) -> tuple[int, list[tuple[Standing, str]]]:
        """A worker thread: take back what has lapsed, close what is over; what must be told."""
        now_ns = self._clock.wall_ns()
        with self._database.reading() as connection:
            lapsed = grants.lapsed(connection, now_ns=now_ns, rules=self._rules)
            over = grants.any_over(connection, now_ns=now_ns)
            pending = grants.taken_back(connection, now_ns=now_ns)
        if not lapsed and not over:
            return 0, pending
        with self._database.writing() as connection:
            for why in sorted({why for _, why in lapsed}):
                group = [grant for grant, said in lapsed if said == why]
                for view in grants.take_back(connection, group, why, now_ns=now_ns):
                    record_end(connection, view, why, now_ns=now_ns, ended_ns=now_ns)
            for view in grants.close_over(connection, now_ns=now_ns):
                record_end(connection, view, grants.CLOSED, now_ns=now_ns, ended_ns=view.until_ns)
            pending = grants.taken_back(connection, now_ns=now_ns)
        for grant, why in lapsed:
            _log.info("grant.taken_back", grant=grant.id, site=grant.site_id, why=why)
        return len(lapsed), pending

    async def _cut_off(self, found: Sequence[Standing]) -> None:
        """Void the keys at the bus's server, which then cuts their connections."""
        if not found:
            return
        if self._system is None or self._system.closed.is_set():
            self._system = await self._connect()
        now_s = self._clock.wall_ns() // NS
        claims = await asyncio.to_thread(self._claims, [one.nkey for one in found], now_s)
        await bus.revoke(self._system, claims)
        self._cut |= {one.id for one in found}

    def _claims(self, users: Sequence[str], now_s: int) -> str:
        return self._trust.revoke(*users, now_s=now_s, media=True)

    async def _tell(self, found: Sequence[tuple[Standing, str]]) -> None:
        """Have the boxes answer these grants no more; one that is away holds up no other.

        Raises:
            VonggacError: a box could not be told.
        """
        if not found:
            return
        sites = await asyncio.to_thread(self._sites_of, {one.site_id for one, _ in found})
        theirs = [
            (site, [(one.id, why) for one, why in found if one.site_id == site.id])
            for site in sites
        ]
        done = await asyncio.gather(
            *(self._tell_one(*each) for each in theirs), return_exceptions=True
        )
        for fault in done:
            if isinstance(fault, BaseException):
                raise fault

    def _sites_of(self, site_ids: set[str]) -> list[Site]:
        with self._database.reading() as connection:
            return [
                self._sites.look(connection, site_id)
                for site_id in sorted(site_ids)
                if self._sites.reaches(connection, site_id)
            ]

    async def _tell_one(self, site: Site, found: Sequence[tuple[str, str]]) -> None:
        for why in sorted({why for _, why in found}):
            ids = [grant for grant, said in found if said == why]
            for start in range(0, len(ids), BATCH):
                await site.revoke(ids[start : start + BATCH], why)
                self._told |= set(ids[start : start + BATCH])


def may_end_views(
    connection: Transaction, person: access.Person, site_id: str, *, now_ns: int
) -> bool:
    """Whether a person may withdraw views of a site: who ends sessions, or shares its cameras."""
    thing = access.thing_of_site(connection, site_id)
    return bool(
        access.may(person, access.Act.SESSIONS_END, access.SYSTEM, now_ns=now_ns)
        or access.may(person, access.Act.SHARE_GRANT, thing, now_ns=now_ns)
    )
