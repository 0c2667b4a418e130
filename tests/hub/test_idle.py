"""Accounts that nobody signs in with are closed every day, without anybody opening a page."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from vonggac.clock import NS, SimulatedClock
from vonggac.config import SignInConfig
from vonggac.domain import accounts, audit
from vonggac.hub import idle

if TYPE_CHECKING:
    from vonggac.db import Database

DAY_S = 86_400
NOW = 1_800_000_000 * NS
RULES = SignInConfig(idle_days=45)


class Resting(SimulatedClock):
    """A clock that knows whether somebody waits for it."""

    rests = False

    async def sleep(self, seconds: float) -> None:
        self.rests = True
        await super().sleep(seconds)
        self.rests = False


def closed(database: Database) -> list[tuple[str, str, object]]:
    """(account, by whom, why) of every closing in the audit."""
    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act=audit.Act.ACCOUNT_CLOSED))
    return [(row.thing, row.actor, row.detail["why"]) for row in rows]


async def test_an_idle_account_closes_within_a_day_and_leaves_its_row(sqlite: Database) -> None:
    """The 45 days pass while the hub runs; only the pages closed such accounts before."""
    with sqlite.writing() as connection:
        accounts.create(connection, name="vang.nt", full_name="Người Thử Vắng", now_ns=NOW)
    clock = Resting(NOW)
    chore = asyncio.create_task(idle.run(sqlite, clock, RULES))
    try:
        await pass_days(clock, 44)
        assert closed(sqlite) == []
        await pass_days(clock, 3)
    finally:
        chore.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await chore

    assert closed(sqlite) == [("vang.nt", "vonggac", "idle")]


async def pass_days(clock: Resting, days: int) -> None:
    """Let them pass by twelve hours; a look that is under way in its thread is waited for."""
    for _ in range(days * 2):
        await clock.advance(DAY_S / 2)
        while not clock.rests:
            await asyncio.sleep(0.001)
