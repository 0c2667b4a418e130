"""Writers of a hub never wait for each other in a circle, whatever order they take rows in."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.db import tables
from vonggac.domain import audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonggac.db import Connection, Database

MEET_S = 1.0
"""How long a writer waits for the other to hold its first row; PostgreSQL looks for circles after
as long (deadlock_timeout)."""


def test_a_writer_that_audits_first_and_one_that_audits_last_both_end(database: Database) -> None:
    """Rows of the audit are added in turns, each until its transaction ends.

    PostgreSQL ended one of two such writers with "deadlock detected", and what a person had just
    done was lost.
    """
    with database.writing() as connection:
        connection.execute(tables.setting.insert().values(name="n", value=0, updated_ns=1))
    both_hold_one = threading.Barrier(2)
    failed: list[Exception] = []

    def change(connection: Connection) -> None:
        connection.execute(
            tables.setting.update()
            .where(tables.setting.c.name == "n")
            .values(updated_ns=tables.setting.c.updated_ns + 1)
        )

    def say(connection: Connection) -> None:
        audit.record(connection, audit.PROGRAM, audit.Act.REVIEW, now_ns=1)

    def work(first: Callable[[Connection], None], then: Callable[[Connection], None]) -> None:
        try:
            with database.writing() as connection:
                first(connection)
                with contextlib.suppress(threading.BrokenBarrierError):
                    both_hold_one.wait(MEET_S)
                then(connection)
        except sa.exc.DBAPIError as error:
            failed.append(error)

    writers = [
        threading.Thread(target=work, args=(change, say)),
        threading.Thread(target=work, args=(say, change)),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)

    with database.reading() as connection:
        changes = connection.execute(sa.select(tables.setting.c.updated_ns)).scalar_one()
        rows = connection.execute(sa.select(sa.func.count(tables.audit.c.id))).scalar_one()
    assert failed == []
    assert (changes, rows) == (3, 2)


def test_an_error_of_the_database_names_no_value(database: Database) -> None:
    """Such errors end in the log with their traceback, and values are hashes and sealed keys."""
    value = {"name": "twice", "value": "$argon2id$v=19$bi-mat", "updated_ns": 1}
    with database.writing() as connection:
        connection.execute(tables.setting.insert().values(**value))

    with pytest.raises(sa.exc.IntegrityError) as caught, database.writing() as connection:
        connection.execute(tables.setting.insert().values(**value))

    assert "bi-mat" not in f"{caught.value} {caught.value!r}"
