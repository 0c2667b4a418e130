"""What this hub sees of those that join it, made alarms: links, refused facts, long silences.

Rows of the access log stay as they are written elsewhere; an alarm is what waits for a person.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from vonggac import log
from vonggac.domain import alarms
from vonggac.domain.alarms import Alarm
from vonggac.errors import Kind, VonggacError
from vonggac.hub.said import plain

if TYPE_CHECKING:
    from vonggac.bus import Change
    from vonggac.clock import Clock
    from vonggac.db import Connection, Database

_log = log.get(__name__)

LOOK_S: Final = 600.0
"""Seconds between two looks at who is away for too long (ours): it is a matter of days."""


def of_link(connection: Connection, change: Change, *, now_ns: int) -> None:
    """Two machines with one key, or a server under a strange name."""
    link = change.link
    seen = f"{link.address}; {change.why}" if change.why else link.address
    kind = Alarm(change.what.value)
    alarms.sound(connection, kind, link.below, evidence=plain(seen), now_ns=now_ns)


def of_fact(
    connection: Connection, error: VonggacError, site_id: str, count: int, *, now_ns: int
) -> None:
    """A fact was refused: an alarm if its signature or its way was not the site's.

    Args:
        connection: a writing transaction.
        error: why it was refused; one that only cannot be read is no alarm.
        site_id: on whose subject it came; empty where this hub knows no such site.
        count: refused of that site since this program started.
        now_ns: UTC now.
    """
    if error.kind is Kind.CORRUPT or (site_id and error.kind is Kind.FORBIDDEN):
        seen = plain(f"{error.message[:300]} ({count})")
        alarms.sound(connection, Alarm.FORGED, site_id, evidence=seen, now_ns=now_ns)


async def run(database: Database, clock: Clock) -> None:
    """Look who is away for too long, for good; returns only when cancelled."""
    while True:
        await asyncio.to_thread(look, database, clock.wall_ns())
        await clock.sleep(LOOK_S)


def look(database: Database, now_ns: int) -> None:
    """Raise what is due, in a transaction of its own."""
    with database.writing() as connection:
        count = alarms.silent(connection, now_ns=now_ns)
    if count:
        _log.warning("alarms.silent", sites=count)
