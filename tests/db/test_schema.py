"""The schema is a document, and the migrations build exactly it, on both engines."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from databases import migrated_at
from vonggac.clock import NS
from vonggac.db import Database, tables
from vonggac.db.engine import alembic_config
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from pathlib import Path


def test_every_table_and_column_says_what_it_is() -> None:
    """The schema is read by people who repair a hub at night."""
    silent = [
        f"{table.name}.{column.name}"
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if not column.comment
    ]
    silent += [table.name for table in tables.metadata.sorted_tables if not table.comment]

    assert silent == []


def test_every_moment_says_its_unit() -> None:
    """A column of nanoseconds is called so: nobody stores a float of seconds here."""
    wrong = [
        f"{table.name}.{column.name}"
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, sa.Float) and column.name.endswith(("_ns", "_s"))
    ]

    assert wrong == []


def test_migrations_build_the_tables_of_the_document(database: Database) -> None:
    """What `tables` says and what an upgraded database has are the same."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, tables.metadata)

    assert differences == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    """Every start-up migrates."""
    with database.writing() as connection:
        connection.execute(
            tables.setting.insert().values(name="kept", value={"n": 1}, updated_ns=1)
        )

    database.migrate()

    with database.reading() as connection:
        assert connection.execute(sa.select(tables.setting.c.value)).scalar_one() == {"n": 1}


def test_migrations_can_be_taken_back(database: Database) -> None:
    """A failed upgrade must not need a restore."""
    with database.engine.connect() as connection:
        settings = alembic_config()
        settings.attributes["connection"] = connection
        command.downgrade(settings, "base")
        connection.commit()

    with database.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    database.migrate()


def test_audit_rows_cannot_be_altered_or_deleted(database: Database) -> None:
    """Whoever holds the database's password still cannot rewrite the log with plain SQL."""
    import time

    values = {
        "actor": "a",
        "act": "sign_in",
        "outcome": "done",
        "detail": {},
        "time_ns": time.time_ns(),
    }
    with database.writing() as connection:
        connection.execute(tables.audit.insert().values(**values))

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), database.writing() as connection:
        connection.execute(tables.audit.update().values(actor="b"))
    with pytest.raises(sa.exc.DBAPIError, match=r"append-only|12 months"):  # noqa: SIM117
        with database.writing() as connection:
            connection.execute(tables.audit.delete())
    with database.reading() as connection:
        assert connection.execute(sa.select(tables.audit.c.actor)).scalars().all() == ["a"]


def test_audit_rows_older_than_a_year_may_go(database: Database) -> None:
    """The law asks for 12 months; personal data is not kept longer than it is needed."""
    import time

    old = time.time_ns() - 367 * 86_400 * NS
    with database.writing() as connection:
        connection.execute(
            tables.audit.insert().values(
                actor="a", act="sign_in", outcome="done", detail={}, time_ns=old
            )
        )

    with database.writing() as connection:
        connection.execute(tables.audit.delete().where(tables.audit.c.time_ns <= old))

    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count(tables.audit.c.id))).scalar_one() == 0


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    """`writing` is all or nothing."""
    with pytest.raises(RuntimeError), database.writing() as connection:
        connection.execute(tables.setting.insert().values(name="half", value={}, updated_ns=1))
        raise RuntimeError

    with database.reading() as connection:
        assert connection.execute(sa.select(tables.setting.c.name)).all() == []


def test_writers_of_one_process_wait_for_each_other(database: Database) -> None:
    """SQLite has one writer; eight threads that write at once must not see 'database is locked'."""
    with database.writing() as connection:
        connection.execute(tables.setting.insert().values(name="n", value=0, updated_ns=1))

    def add() -> None:
        for _ in range(5):
            with database.writing() as connection:
                row = sa.select(tables.setting.c.value).where(tables.setting.c.name == "n")
                if database.engine.dialect.name == "postgresql":
                    row = row.with_for_update()
                value = connection.execute(row).scalar_one()
                connection.execute(tables.setting.update().values(value=value + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.reading() as connection:
        assert connection.execute(sa.select(tables.setting.c.value)).scalar_one() == 40


def test_a_writer_that_begins_to_write_again_is_told_so(database: Database) -> None:
    """It would wait for itself for ever, and every other writer behind it."""
    with (
        pytest.raises(RuntimeError, match="within a writing transaction"),
        database.writing(),
        database.writing(),
    ):
        pass
    with database.writing() as connection:
        assert connection.execute(sa.select(1)).scalar_one() == 1


def test_a_reader_sees_one_moment_and_never_waits(tmp_path: Path) -> None:
    """A page reads while facts are written; it must neither wait nor see half of them."""
    database = migrated_at(tmp_path / "hub.db")

    with database.reading() as reader, database.writing() as writer:
        writer.execute(tables.setting.insert().values(name="new", value={}, updated_ns=1))
        seen = reader.execute(sa.select(tables.setting.c.name)).all()

    assert seen == []
    database.close()


def test_an_unknown_database_is_refused_by_name() -> None:
    """A typo in the configuration must not become a stack trace."""
    with pytest.raises(VonggacError, match="mysql"):
        Database("mysql://user@host/db")
    with pytest.raises(VonggacError, match="URL"):
        Database("not a url")
