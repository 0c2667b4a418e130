"""Facts from the box's journal into its LEDGER: in order, each once, from wherever it stood.

The place is asked of JetStream, never kept beside it: what the stream really holds is the cursor,
so a lost message is sent again and a lost answer sends nothing twice.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from vonggac import bus, log, wire
from vonggac.errors import MalformedError, VonggacError

if TYPE_CHECKING:
    from vonggac.bus import Connection
    from vonggac.clock import Clock

_log = log.get(__name__)

LOOK_S: Final = 5.0
"""Seconds between two looks at the journal when nobody said that it grew."""
RETRY_S: Final = 1.0
"""Seconds before trying again what JetStream refused."""


class FactSource(Protocol):
    """Where facts are read (`journal.Places`)."""

    def after(self, place: tuple[int, int] | None, limit: int) -> list[wire.Envelope]:
        """The durable facts that follow (epoch, sequence), in order, at most `limit`.

        Called in a thread. None stands before the first fact.

        Raises:
            OSError: the journal cannot be read now.
        """
        ...


class Upward:
    """Carries the journal into LEDGER.

    Args:
        hub: id of the hub.
        site: id of the site.
        source: where facts are read.
        clock: for waiting.
        life: the recorder's.
    """

    def __init__(
        self, hub: str, site: str, *, source: FactSource, clock: Clock, life: int = 0
    ) -> None:
        self.sent = 0
        """Facts stored since the process began."""
        self.refusals = 0
        """How often JetStream refused or did not answer."""
        self._hub = hub
        self._site = site
        self._source = source
        self._clock = clock
        self._life = life
        self._grown = asyncio.Event()

    def grown(self) -> None:
        """The journal grew. The loop's thread; from another use `call_soon_threadsafe`."""
        self._grown.set()

    async def run(self, connection: Connection) -> None:
        """Send what there is, wait for more, until cancelled."""
        writer = bus.LedgerWriter(connection, self._hub, self._site)
        place: tuple[int, int] | None = None
        known = False
        failing = False
        while True:
            self._grown.clear()
            try:
                if not known:  # also when the server came back without its streams
                    await bus.ensure_streams(connection, self._hub, self._site, life=self._life)
                    place, known = await writer.position(), True
                envelopes = await asyncio.to_thread(self._source.after, place, bus.BATCH)
                if envelopes:
                    await writer.put(
                        [(envelope, self._subject(envelope)) for envelope in envelopes]
                    )
                    self.sent += len(envelopes)
                    place = (envelopes[-1].epoch, envelopes[-1].sequence)
                    failing = False
                    continue
            except VonggacError as error:
                known = False
                self.refusals += 1
                if not failing:  # once a series: a link can be down for days
                    _log.warning("facts.not_sent", error=error.message, refusals=self.refusals)
                failing = True
                await self._clock.sleep(RETRY_S)
                continue
            except OSError as error:
                _log.warning("journal.unreadable", error=str(error))
                await self._clock.sleep(RETRY_S)
                continue
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._grown.wait()
            except TimeoutError:
                pass

    def _subject(self, envelope: wire.Envelope) -> wire.FactSubject:
        try:
            fact = wire.decode_fact(envelope.payload)
        except MalformedError:
            # Written by a newer version of this program, before somebody went back.
            return wire.FactSubject(self._hub, self._site, "unknown")
        return wire.FactSubject(self._hub, self._site, wire.fact_kind(fact), fact.about)
