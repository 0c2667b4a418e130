"""Work that goes on for as long as the program, and a database that fails under it.

A chore is written as if the database were always there. When it is not (a PostgreSQL that is
started again, a disk that is full or was mounted read-only), the chore ends, is counted and told,
and begins again once the database takes a transaction; what the chore does is done again from
where the database stands, as after a start of the program. Everything else goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac import log
from vonggac.clock import NS
from vonggac.db import FAILED, why_failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vonggac.clock import Clock
    from vonggac.db import Database

_log = log.get(__name__)

BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between two tries; a database that was only started again is back within a few."""
STEADY_S: Final = 60.0
"""A chore that went on for so long begins at the shortest of them again."""


@dataclass(slots=True)
class Trouble:
    """What happened to a chore, for the pages."""

    name: str
    failures: int = 0
    """How often it or its database failed since the program began."""
    reason: str = ""
    """What the database said last; never a value."""
    since_ns: int = 0
    """When the present or last trouble began."""
    over_ns: int | None = None
    """When it was over; None while it lasts."""


class Chores:
    """Keeps chores going. Belongs to one event loop.

    Args:
        database: what they need.
        clock: pauses, and when something happened.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.troubles: dict[str, Trouble] = {}
        """Chore -> what happened to it; those that never failed are not here."""
        self._database = database
        self._clock = clock

    async def keep(self, name: str, life: Callable[[], Awaitable[None]]) -> None:
        """Run a chore until it is cancelled, or returns.

        Args:
            name: a word of the pages' (`web.office.CHORES`).
            life: one life of it; raises what the database raises.
        """
        tries = 0
        while True:
            born_ns = self._clock.monotonic_ns()
            try:
                await life()
            except FAILED as error:
                self._failed(name, error)
            else:
                return
            if self._clock.monotonic_ns() - born_ns > STEADY_S * NS:
                tries = 0
            tries = await self._wait(name, tries)
            self._over(name)

    async def _wait(self, name: str, tries: int) -> int:
        """Wait until the database takes a transaction; how many waits there were by now."""
        while True:
            await self._clock.sleep(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
            tries += 1
            try:
                await asyncio.to_thread(self._try)
            except FAILED as error:
                self._failed(name, error)
            else:
                return tries

    def _try(self) -> None:
        with self._database.writing():
            pass

    def _failed(self, name: str, error: Exception) -> None:
        trouble = self.troubles.setdefault(name, Trouble(name))
        is_new = trouble.failures == 0 or trouble.over_ns is not None
        trouble.failures += 1
        trouble.reason = why_failed(error)
        if is_new:  # once a series: a database can be away for hours
            trouble.since_ns, trouble.over_ns = self._clock.wall_ns(), None
            _log.warning("chore.failed", chore=name, reason=trouble.reason)

    def _over(self, name: str) -> None:
        trouble = self.troubles[name]
        trouble.over_ns = self._clock.wall_ns()
        _log.info("chore.goes_on", chore=name, failures=trouble.failures)
