"""Is the box there, and until when does what we know of its cameras stand?

The box of this machine is asked every few seconds; what is known of another one stands by its link
(`hub.links`). Its word extends a state only where it agrees with what the ledger said last: where
it does not, the fact is still on its way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from vonggac import log
from vonggac.clock import parse_rfc3339
from vonggac.domain import ledger
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.clock import Clock
    from vonggac.db import Database
    from vonggac.hub.site import Site

_log = log.get(__name__)

EVERY_S = 2.0
"""Seconds between two questions to a box on the same machine: 0.5 kB each on loopback."""
MISSES = 2
"""Answers that may be missing in a row before the site counts as not reachable."""

MEASURED = (
    "codec",
    "width",
    "height",
    "declared_fps",
    "delivered_fps",
    "clock_error_ms",
    "source",
    "why",
    "server",
    "attempts",
    "next_attempt_s",
    "last_error",
    "damaged",
)
"""Fields of a stream's status that pages show."""


async def run(site: Site, database: Database, clock: Clock, *, every_s: float = EVERY_S) -> None:
    """Ask for good; returns only when cancelled."""
    missed = 0
    while True:
        try:
            await run_once(site, database, clock)
            missed = 0
        except VonggacError as error:
            missed += 1
            if missed == MISSES:
                _log.warning("site.lost", site=site.id, reason=error.message)
                await asyncio.to_thread(_lose, database, site.id, clock.wall_ns())
        await clock.sleep(every_s)


async def run_once(site: Site, database: Database, clock: Clock) -> None:
    """Ask once and write down the answer.

    Raises:
        VonggacError: the box does not answer, or says what cannot be read.
    """
    status = await site.status()
    await asyncio.to_thread(take_status, database, site.id, status, clock.wall_ns())


def take_status(database: Database, site_id: str, status: dict[str, Any], heard_ns: int) -> None:
    """Write down what a box said of itself; for worker threads."""
    try:
        as_of_ns = parse_rfc3339(str(status.get("as_of", "")))
    except ValueError:
        as_of_ns = heard_ns
    box = {name: value for name, value in status.items() if name not in ("streams", "as_of")}
    with database.writing() as connection:
        known = ledger.states(connection, site_id)
        ledger.put_site_state(connection, site_id, as_of_ns=as_of_ns, heard_ns=heard_ns, detail=box)
        for said in status.get("streams", ()):
            key = (str(said.get("camera")), str(said.get("stream")))
            state = known.get(key)
            if state is None:
                continue
            is_recording = bool(said.get("recording"))
            agrees = is_recording == (state.status == "recording") and state.since_ns <= as_of_ns
            detail = {name: said.get(name) for name in MEASURED if said.get(name) is not None}
            detail["next_attempt_s"] = said.get("next_attempt_s")
            ledger.confirm_state(
                connection,
                ledger.Stream(site_id, *key),
                as_of_ns=as_of_ns if agrees else None,
                detail=detail,
            )


def _lose(database: Database, site_id: str, lost_ns: int) -> None:
    with database.writing() as connection:
        ledger.lose_site(connection, site_id, lost_ns=lost_ns)
