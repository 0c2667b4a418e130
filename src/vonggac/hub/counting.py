"""Pages over a country find their figures counted: what was asked about lately is counted ahead.

A small hub has nothing to do here: its pages count for themselves.  One span is counted after the
other, a few at most, each in a reading transaction of its own.  While the database is away, pages
say so themselves; a count that fails otherwise is logged, and the page that asks for it fails too.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from vonggac import log
from vonggac.clock import NS
from vonggac.db import FAILED
from vonggac.domain import statistics
from vonggac.domain.kept import KEEP_NS

if TYPE_CHECKING:
    from vonggac.clock import Clock
    from vonggac.db import Database
    from vonggac.domain.statistics import Span

_log = log.get(__name__)

LOOK_S: Final = 10.0
"""Seconds between two looks (ours): what is half a minute old is counted again, so that nothing
that is shown is a minute old."""


async def run(database: Database, clock: Clock) -> None:
    """Count ahead, for good; returns only when cancelled.

    Raises what the database raises: `Chores.keep` begins anew when it is there again.
    """
    while True:
        began_ns = clock.monotonic_ns()
        count = await asyncio.to_thread(look, database, clock)
        took_ns = clock.monotonic_ns() - began_ns
        if took_ns > KEEP_NS // 2:
            # Pages would count for themselves again, and the machine is too small for its country.
            _log.warning("figures.slow", spans=count, seconds=round(took_ns / NS, 1))
        await clock.sleep(LOOK_S)


def look(database: Database, clock: Clock) -> int:
    """Count what is due; how many spans that were."""
    with database.reading() as connection:
        spans = statistics.ahead(connection, clock.wall_ns())
    return sum(_count(database, span, clock.wall_ns()) for span in spans)


def _count(database: Database, span: Span, now_ns: int) -> bool:
    try:
        with database.reading() as connection:
            return statistics.count_ahead(connection, span, now_ns)
    except FAILED:
        raise
    except Exception as error:  # noqa: BLE001 - a count that fails must not end the hub's life
        _log.error("figures.not_counted", error=repr(error))
        return False
