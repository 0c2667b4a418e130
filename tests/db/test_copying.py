"""A database that goes over to the other engine: every row, every byte, every counter."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from databases import migrated_at
from vonggac.db import Database, copying, sqlite_url, tables
from vonggac.db.paper import paper
from vonggac.domain import accounts, audit, units
from vonggac.domain.profiles import profile_on
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from pathlib import Path

DEEP = ("tinh", "xa", "thon")
TEXT = "Hành lang tầng 2, đông 𝄞 '\"\\ \ufffd"


def filled(database: Database, *, whole_country: bool = False) -> None:
    """Rows of every kind of column: trees, JSON, bytes, days, counters, moments."""
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=1, password="mot mat khau dai de thu")
        if whole_country:
            units.load(connection, profile_on(dt.date(2026, 11, 22)))
        # The leaf first: a copy has to put what it refers to before it.
        connection.execute(sa.text("PRAGMA defer_foreign_keys=ON"))
        for number, name in reversed(list(enumerate(DEEP))):
            connection.execute(
                tables.unit.insert().values(
                    id=f"a{9 - number}", kind="commune", code=name, profile="own", source="test",
                    valid_from=dt.date(2021, 11, 1), valid_to=dt.date(2026, 7, 1),
                    parent_id=f"a{9 - number + 1}" if number else None,
                )
            )  # fmt: skip
        connection.execute(
            tables.site.insert().values(
                id="s1", name="sl-05", title=TEXT, public_key=None, created_ns=2**62
            )
        )
        connection.execute(
            tables.setting.insert(),
            [
                {"name": "one", "value": {"b": [1, 2.5, None], "a": TEXT}, "updated_ns": 1},
                {"name": "null", "value": None, "updated_ns": 1},
            ],
        )
        for number in range(2_500):
            audit.record(
                connection, audit.PROGRAM, audit.Act.LIVE, now_ns=time.time_ns(), thing=str(number),
                detail={"camera": TEXT},
            )  # fmt: skip


def nothing(_table: str, _rows: int) -> None:
    return


def copied(source: Database, target: Database) -> dict[str, copying.Sum]:
    with source.still() as reading, target.writing() as writing:
        copying.check_empty(writing)
        copying.prepare(writing)
        found = copying.copy(reading, writing, nothing)
        copying.compare(found, copying.sums(writing))
        return found


def test_a_country_goes_to_postgresql_and_back(
    sqlite: Database, postgres_url: str, tmp_path: Path
) -> None:
    """The sums are equal on three sides, the chain holds, and the next row gets its number."""
    filled(sqlite, whole_country=True)
    target, back = Database(postgres_url), migrated_at(tmp_path / "back.sqlite")
    try:
        over = copied(sqlite, target)
        assert copied(target, back) == over
        assert over["unit"].rows > 3_000
        assert over["audit"].rows >= 2_500
        with target.reading() as connection:
            verdict = audit.verify(connection, now_ns=time.time_ns())
            stored = connection.execute(
                sa.text("SELECT value::text, value IS NULL FROM setting WHERE name = 'one'")
            ).one()
        with sqlite.reading() as connection:
            was = connection.execute(
                sa.text("SELECT value, value IS NULL FROM setting WHERE name = 'one'")
            ).one()
        assert verdict.ok
        assert (stored[0], bool(stored[1])) == (was[0], bool(was[1]))  # byte by byte
    finally:
        target.close()
        back.close()


def test_counters_go_on_behind_the_highest_key(sqlite: Database, postgres_url: str) -> None:
    """PostgreSQL keeps them beside the table: a copy that forgot them breaks the next insert."""
    filled(sqlite)
    target = Database(postgres_url)
    try:
        copied(sqlite, target)
        with target.reading() as connection:
            for table in tables.metadata.sorted_tables:
                for column in table.primary_key.columns:
                    name = connection.execute(
                        sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))
                    ).scalar()
                    if name is None:
                        continue
                    following = connection.execute(sa.text(f"SELECT nextval('{name}')")).scalar()
                    highest = connection.execute(sa.select(sa.func.max(column))).scalar()
                    assert following == (highest or 0) + 1, table.name
    finally:
        target.close()


def test_a_copy_that_breaks_off_leaves_nothing(sqlite: Database, postgres_url: str) -> None:
    """So that it is simply given again."""
    filled(sqlite)
    target = Database(postgres_url)

    def break_off(table: str, _rows: int) -> None:
        if table == "audit":
            raise KeyboardInterrupt

    try:
        with (
            pytest.raises(KeyboardInterrupt),
            sqlite.still() as reading,
            target.writing() as writing,
        ):
            copying.prepare(writing)
            copying.copy(reading, writing, break_off)
        with target.reading() as connection:
            copying.check_empty(connection)
        copied(sqlite, target)
    finally:
        target.close()


def test_a_database_that_holds_anything_is_refused(sqlite: Database, postgres_url: str) -> None:
    """Ours or somebody else's."""
    filled(sqlite)
    target = Database(postgres_url)
    try:
        with target.writing() as connection:
            connection.execute(sa.text("CREATE TABLE luong (id int)"))
        with pytest.raises(VonggacError, match="luong"):
            copied(sqlite, target)
        with target.writing() as connection:
            connection.execute(sa.text("DROP TABLE luong"))
        copied(sqlite, target)
        with pytest.raises(VonggacError, match="not empty: it has account"):
            copied(sqlite, target)
    finally:
        target.close()


def test_a_row_that_differs_is_named(sqlite: Database, tmp_path: Path) -> None:
    """One byte of one row, or one row too few."""
    filled(sqlite)
    other = migrated_at(tmp_path / "other.sqlite")
    try:
        found = copied(sqlite, other)
        with other.writing() as connection:
            connection.execute(tables.site.update().values(title=TEXT + " "))
        with other.reading() as connection, pytest.raises(VonggacError, match=r"differs .* site$"):
            copying.compare(found, copying.sums(connection))
    finally:
        other.close()


def test_a_moment_is_kept_while_somebody_writes(database: Database, tmp_path: Path) -> None:
    """On both engines: what comes after the first row was read is not in the file."""
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=1, password="mot mat khau dai de thu")

    def write_meanwhile(table: str, _rows: int) -> None:
        if table == "account":
            with database.writing() as connection:
                audit.record(connection, audit.PROGRAM, audit.Act.LIVE, now_ns=1, thing="x")

    copying.keep(database, tmp_path / "kept.sqlite", write_meanwhile)

    kept = Database(sqlite_url(tmp_path / "kept.sqlite"))
    try:
        with kept.reading() as connection:
            assert audit.head(connection).row == 0
            assert audit.rows(connection, audit.Filter()) == []
            assert len(accounts.people(connection)) == 1
            assert copying.schema_of(connection) == copying.newest_schema()
            assert not connection.execute(sa.select(paper.c.id)).all()
    finally:
        kept.close()
