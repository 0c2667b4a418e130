"""A database that goes away and comes back ends no chore, and nothing is refused for it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from test_site_keys import FIRST, fact, hub_of

from vonggac.clock import SystemClock
from vonggac.config import SignInConfig
from vonggac.db import FAILED, why_failed
from vonggac.domain import accounts, audit
from vonggac.hub import idle
from vonggac.hub.chores import Chores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vonggac.db import Database


@contextmanager
def away(database: Database) -> Iterator[None]:
    """The file is not there (its disk was not mounted), or the server takes nobody in."""
    url = database.engine.url
    assert url.database
    if url.get_backend_name() == "sqlite":
        path = Path(url.database)
        database.engine.dispose()
        path.rename(path.with_suffix(".away"))
        path.mkdir()
        yield
        path.rmdir()
        path.with_suffix(".away").rename(path)
        return
    admin = sa.create_engine(url.set(database="template1"), isolation_level="AUTOCOMMIT")
    name = url.database
    with admin.connect() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        yield
        connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()


async def until(happened: Callable[[], bool]) -> None:
    """Wait for an event, however slow the machine is."""
    while not happened():
        await asyncio.sleep(0.01)


def closed(database: Database) -> list[str]:
    """The accounts that the chore has closed."""
    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act=audit.Act.ACCOUNT_CLOSED))
    return [row.thing for row in rows]


async def test_a_chore_waits_for_its_database_and_goes_on(database: Database) -> None:
    """It is told as held up, counted, over; and then does what it had to do."""
    with database.writing() as connection:
        accounts.create(connection, name="vang.nt", full_name="Người Thử Vắng", now_ns=1)
    clock = SystemClock()
    chores = Chores(database, clock)
    rules = SignInConfig()
    with away(database):
        going = asyncio.create_task(chores.keep("idle", lambda: idle.run(database, clock, rules)))
        await until(lambda: "idle" in chores.troubles and chores.troubles["idle"].failures > 1)
        trouble = chores.troubles["idle"]
        assert trouble.over_ns is None
        assert trouble.since_ns > 0
        assert "OperationalError" in trouble.reason
        assert not going.done()

    await until(lambda: trouble.over_ns is not None)
    while not await asyncio.to_thread(closed, database):
        await asyncio.sleep(0.01)
    assert not going.done()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going


async def test_a_chore_that_ends_by_itself_is_let_go(sqlite: Database) -> None:
    """And what is no failure of the database ends it as it ever did."""
    chores = Chores(sqlite, SystemClock())

    async def broken() -> None:
        raise ZeroDivisionError

    await chores.keep("idle", lambda: asyncio.sleep(0))
    with pytest.raises(ZeroDivisionError):
        await chores.keep("idle", broken)
    assert chores.troubles == {}


def test_a_fact_is_not_refused_because_the_database_was_away(database: Database) -> None:
    """It stays in the ledger unacknowledged, and is taken when it comes again."""
    hub = hub_of(database)
    with away(database), pytest.raises(FAILED):
        hub.apply([fact(FIRST, 1)])

    hub.apply([fact(FIRST, 1)])

    assert (hub.counts.applied, hub.counts.refused) == (1, 0)


def test_a_fact_that_the_disk_has_no_room_for_is_not_refused_either(sqlite: Database) -> None:
    """SQLite says so in the middle of a batch: nothing of it is acknowledged."""
    hub = hub_of(sqlite)
    with sqlite.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def full(raw: sa.engine.interfaces.DBAPIConnection, *_: object) -> None:
        raw.cursor().execute(f"PRAGMA max_page_count={pages}")

    sqlite.engine.dispose()
    sa.event.listen(sqlite.engine, "connect", full)
    with pytest.raises(FAILED) as failed:
        hub.apply([fact(FIRST, epoch) for epoch in range(1, 3_000)])
    sa.event.remove(sqlite.engine, "connect", full)
    sqlite.engine.dispose()

    assert why_failed(failed.value) == "OperationalError: database or disk is full"
    hub.apply([fact(FIRST, 1)])
    assert (hub.counts.repeated, hub.counts.refused) == (0, 0)
