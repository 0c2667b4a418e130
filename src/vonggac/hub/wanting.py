"""What this hub wants kept at sites that have a hub of their own, brought into each box's WANT.

The database says what is wanted; an order is written when that changes and at every connect, so
that a box whose line was cut, whose disk was replaced or which was restored gets it. It is signed,
numbered, and never replaces a later one; the box's answer comes as a fact (`domain.wants`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from vonggac import bus, keys, log, wire
from vonggac.domain import holds, hubs, ledger, links, wants
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from vonggac.bus import Connection as Bus
    from vonggac.clock import Clock
    from vonggac.db import Connection, Database
    from vonggac.hub.sites import Sites

_log = log.get(__name__)

AGAIN_S: Final = 5.0
"""Seconds between two looks at what is wanted and who is joined (ours)."""
AT_ONCE: Final = 16
"""Boxes that are written to at once."""


@dataclass(frozen=True, slots=True)
class Due:
    """An order that is to be written at a box's server."""

    site_id: str
    document: bytes
    digest: str
    revision: int
    """Of what is wanted; 0: it is not numbered yet."""


class Wanting:
    """Keeps the orders in boxes' WANT equal to the database. Belongs to one event loop.

    Args:
        asking: the hub's control connection.
        sites: whose boxes are written to.
        database: what is wanted.
        key: the hub's, with which orders are signed.
        clock: wall time.
        hub: id of this hub, which stands in the subjects of those that it enrolled.
    """

    def __init__(
        self,
        asking: Bus,
        sites: Sites,
        database: Database,
        key: keys.SigningKey,
        clock: Clock,
        *,
        hub: str,
    ) -> None:
        self._asking = asking
        self._sites = sites
        self.database = database
        """What is wanted."""
        self._signing = key
        self._clock = clock
        self._hub = hub
        self._key = wants.key_of(hub)
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Something is kept that was not, or the other way: write it soon. Call on the loop."""
        self._changed.set()

    async def run(self) -> None:
        """Write for good; returns only when cancelled."""
        while True:
            self._changed.clear()
            await self.run_once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._changed.wait()

    async def run_once(self) -> int:
        """Write what is due at boxes that are joined; how many were written."""
        due = await asyncio.to_thread(self._due)
        room = asyncio.Semaphore(AT_ONCE)
        done = await asyncio.gather(*(self._write(one, room) for one in due))
        return sum(done)

    async def _write(self, due: Due, room: asyncio.Semaphore) -> bool:
        subject = wire.WantSubject(self._hub, due.site_id, self._key)
        plain = wire.Want(due.revision, msgspec.Raw(due.document))
        want = keys.sign_want(self._signing, subject, plain)
        try:
            async with room:
                if not await bus.order(self._asking, subject, want, below=True):
                    await self._pass(due, subject)
        except VonggacError as error:
            # Cut off in this moment, or another process of this hub was first: it is looked again.
            _log.info("want.delayed", site=due.site_id, reason=error.message)
            return False
        await asyncio.to_thread(self._sent, due)
        _log.info("want.sent", site=due.site_id, revision=due.revision)
        return True

    async def _pass(self, due: Due, subject: wire.WantSubject) -> None:
        """Number on beyond what lies there, if this hub wrote it itself and forgot it since.

        Raises:
            VonggacError: CONFLICT, it did; what is wanted is written again under the new number.
        """
        held = await bus.last_order(self._asking, subject, below=True)
        if held is None or held.revision <= due.revision:
            return
        keys.verify_want(held, subject, (self._signing.public,))  # else the site wrote it itself
        await asyncio.to_thread(self._number_on, due, held.revision)
        raise VonggacError(Kind.CONFLICT, f"order {held.revision} lies there from before a restore")

    def _number_on(self, due: Due, beyond: int) -> None:
        now_ns = self._clock.wall_ns()
        with self.database.writing() as connection:
            wants.renew(
                connection, due.site_id, self._key, due.digest, now_ns=now_ns, beyond=beyond
            )

    def _sent(self, due: Due) -> None:
        now_ns = self._clock.wall_ns()
        with self.database.writing() as connection:
            wants.sent(connection, due.site_id, self._key, due.revision, now_ns=now_ns)

    def _due(self) -> list[Due]:
        """A worker thread: number what changed; what must be written to boxes that are joined."""
        with self.database.reading() as connection:
            before = wants.every(connection, self._key)
            # A box takes orders of the hub that it joined: what is behind another has its own.
            every = sorted(
                (holds.sites_with(connection) | before.keys()) - {*hubs.behind(connection)}
            )
            fresh, found = [], []
            for site_id in every:
                if site_id == self._sites.own_id or not self._sites.reaches(connection, site_id):
                    continue
                document, count = document_of(connection, site_id)
                digest = hashlib.sha256(document).hexdigest()
                known = before.get(site_id)
                if known is None and not count:
                    continue
                if known is None or known.digest != digest:
                    fresh.append(Due(site_id, document, digest, 0))
                elif _is_due(connection, site_id, known.sent_ns):
                    found.append(Due(site_id, document, digest, known.revision))
        return found + (self._numbered(fresh) if fresh else [])

    def _numbered(self, fresh: list[Due]) -> list[Due]:
        now_ns = self._clock.wall_ns()
        with self.database.writing() as connection:
            numbered = [
                (
                    one,
                    wants.renew(connection, one.site_id, self._key, one.digest, now_ns=now_ns),
                    _is_due(connection, one.site_id, None),
                )
                for one in fresh
            ]
        return [
            Due(one.site_id, one.document, one.digest, revision)
            for one, revision, is_joined in numbered
            if is_joined
        ]


def document_of(connection: Connection, site_id: str) -> tuple[bytes, int]:
    """All that this hub has kept at a site, as an order; and how many spans it names."""
    spans = tuple(
        wire.KeptSpan(id=needed, camera=one.camera, begin=one.from_ns, end=one.to_ns, case=one.case)
        for needed, one in sorted(holds.kept_for(connection, site_id))
    )
    return msgspec.json.encode(wire.WantedKept(spans)), len(spans)


def _is_due(connection: Connection, site_id: str, sent_ns: int | None) -> bool:
    """Whether the site is joined, and was written to never or before it joined."""
    state = ledger.site_state(connection, site_id)
    link = None if state is None else links.link_of(state.detail)
    if link is None or not link.up:
        return False
    return sent_ns is None or sent_ns < link.since_ns
