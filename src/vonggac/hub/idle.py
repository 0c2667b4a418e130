"""Accounts that nobody signs in with are closed every day, whether or not somebody looks.

An account that is past its days opens nothing even before: the sign-in asks the same question
(`accounts.begin_attempt`). What the daily look adds is that its sessions, PINs and displays end,
and that the log and the list of accounts say so on the day itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from vonggac import log
from vonggac.clock import NS
from vonggac.domain import accounts, audit

if TYPE_CHECKING:
    from vonggac.clock import Clock
    from vonggac.config import SignInConfig
    from vonggac.db import Connection, Database

_log = log.get(__name__)

LOOK_S: Final = 600.0
"""Seconds between two looks whether the day is over."""
DAY_NS: Final = 86_400 * NS


async def run(database: Database, clock: Clock, rules: SignInConfig) -> None:
    """Close them now and every day after, for good; returns only when cancelled."""
    looked_ns: int | None = None
    while True:
        now_ns = clock.wall_ns()
        # A clock that was set back must not put the next look off.
        if looked_ns is None or not 0 <= now_ns - looked_ns < DAY_NS:
            looked_ns = now_ns
            await asyncio.to_thread(look, database, now_ns, rules)
        await clock.sleep(LOOK_S)


def look(database: Database, now_ns: int, rules: SignInConfig) -> None:
    """Close what is due, in a transaction of its own."""
    with database.writing() as connection:
        names = close(connection, now_ns, rules)
    if names:
        _log.info("accounts.idle_closed", count=len(names))


def close(connection: Connection, now_ns: int, rules: SignInConfig) -> list[str]:
    """Close the accounts that nobody signed in with for too long; their names.

    Args:
        connection: a transaction that writes; each account leaves its row in the audit.
        now_ns: UTC now.
        rules: after how many days; 0 closes nobody.
    """
    found = accounts.disable_idle(connection, now_ns=now_ns, rules=rules)
    for one in found:
        audit.record(
            connection,
            audit.PROGRAM,
            audit.Act.ACCOUNT_CLOSED,
            now_ns=now_ns,
            thing=one.name,
            detail={"why": "idle", "days": rules.idle_days},
        )
    return [one.name for one in found]
