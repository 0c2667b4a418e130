"""A whole database into another one, of either kind: for moving, for keeping and for bringing back.

Rows go across table by table, each after those that it refers to, and are summed on both sides:
the sum of a table does not depend on the order of its rows, which the engines sort differently.
JSON goes across as the text that it is kept as, so that not a byte of it changes.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa
from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from vonggac.db.engine import Database, alembic_config, sqlite_url
from vonggac.db.tables import metadata
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    Told = Callable[[str, int], None]
    """Told the name of a table and how many of its rows went across so far."""

BATCH: Final = 1_000
"""Rows that are read and written at once; papers lie in some of them, of a few MB each."""
BATCH_OF_FILES: Final = 16
"""The same of tables that hold files."""
SEEDED: Final = frozenset({"unit", "unit_name", "audit_head"})
"""Tables in which a migrated database has rows before a hub is ever started on it."""
_SUM: Final = 1 << 128


class Sum(NamedTuple):
    """What a table holds, in two figures."""

    rows: int
    digest: str
    """Hexadecimal; of the rows in any order."""


class _JsonText(sa.types.UserDefinedType[str]):
    """JSON as the text that the database keeps."""

    cache_ok = True

    def get_col_spec(self, **_more: Any) -> str:
        """What the column is called."""
        return "JSON"

    def column_expression(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """Read as text: drivers make objects of it otherwise."""
        return sa.cast(column, sa.Text)


def schema_of(connection: Connection) -> str | None:
    """The migration that a database is at; None: it has no tables of ours."""
    found: str | None = MigrationContext.configure(connection).get_current_revision()
    return found


def newest_schema() -> str:
    """The migration that this program brings a database to."""
    found = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert found is not None, "the program has migrations"
    return found


def knows_schema(name: str) -> bool:
    """Whether this program can bring a database of that migration up to its own."""
    try:
        return ScriptDirectory.from_config(alembic_config()).get_revision(name) is not None
    except CommandError:
        return False


def check_empty(connection: Connection) -> None:
    """Refuse a database that holds anything.

    Raises:
        VonggacError: CONFLICT, names what it holds.
    """
    there = set(sa.inspect(connection).get_table_names())
    ours = {table.name: table for table in metadata.sorted_tables if table.name in there}
    strange = there - set(ours) - {"alembic_version"}
    held = sorted(strange) + [
        name
        for name, table in ours.items()
        if name not in SEEDED
        and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
    ]
    if held:
        raise VonggacError(
            Kind.CONFLICT, f"the target is not empty: it has {', '.join(held[:5])}; give an empty"
            " database",
        )  # fmt: skip


def prepare(connection: Connection) -> None:
    """Make every table in an empty database, without the rows that migrations put there."""
    settings = alembic_config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
    for table in reversed(metadata.sorted_tables):
        connection.execute(table.delete())


def copy(source: Connection, target: Connection, told: Told) -> dict[str, Sum]:
    """Every row of a database into one that `prepare` made.

    Args:
        source: a transaction that sees one moment; both are at this program's schema.
        target: a transaction that writes: all rows come with it, or none.
        told: called after each batch.

    Returns:
        By table what was read.
    """
    found: dict[str, Sum] = {}
    for table in metadata.sorted_tables:
        plain = _plain(table)
        rows = total = 0
        for batch in _batches(source, table, plain):
            names = [column.name for column in plain.columns]
            target.execute(plain.insert(), [dict(zip(names, row, strict=True)) for row in batch])
            rows += len(batch)
            total += sum(map(_mark, batch))
            told(table.name, rows)
        found[table.name] = Sum(rows, f"{total % _SUM:032x}")
    _set_counters(target)
    return found


def sums(connection: Connection) -> dict[str, Sum]:
    """What every table holds; the same figures as `copy` returns for the same rows."""
    found: dict[str, Sum] = {}
    for table in metadata.sorted_tables:
        rows = total = 0
        for batch in _batches(connection, table, _plain(table), in_order=False):
            rows += len(batch)
            total += sum(map(_mark, batch))
        found[table.name] = Sum(rows, f"{total % _SUM:032x}")
    return found


def compare(before: Mapping[str, Sum], after: Mapping[str, Sum]) -> None:
    """Hold what was read against what is there now.

    Raises:
        VonggacError: CORRUPT, names the tables that differ.
    """
    other = [name for name, held in before.items() if after.get(name) != held]
    if other:
        raise VonggacError(
            Kind.CORRUPT, f"the copy differs from its source in {', '.join(other[:5])}"
        )


def keep(database: Database, path: Path, told: Told) -> None:
    """One moment of a database, of either kind, as an SQLite file; writers go on meanwhile.

    Args:
        database: at this program's schema unless it is SQLite, which is kept as it is.
        path: the file; it is not there yet.
        told: as in `copy`.
    """
    if database.engine.dialect.name == "sqlite":
        raw = database.engine.raw_connection()
        try:
            raw.cursor().execute("VACUUM INTO ?", (str(path),))
        finally:
            raw.close()
        return
    file = Database(sqlite_url(path))
    try:
        with database.still() as source, file.writing() as target:
            prepare(target)
            copy(source, target, told)
    finally:
        file.close()


# -- rows ------------------------------------------------------------------------------------


def _plain(table: sa.Table) -> sa.TableClause:
    """The table with its JSON as text."""
    return sa.table(
        table.name,
        *(
            sa.column(one.name, _JsonText() if isinstance(one.type, sa.JSON) else one.type)
            for one in table.columns
        ),
    )


def _batches(
    connection: Connection, table: sa.Table, plain: sa.TableClause, *, in_order: bool = True
) -> Iterator[Sequence[sa.Row[Any]]]:
    has_files = any(
        isinstance(one.type, sa.LargeBinary) and one.name == "content" for one in table.columns
    )
    size = BATCH_OF_FILES if has_files else BATCH
    found = connection.execute(sa.select(*plain.columns), execution_options={"yield_per": size})
    above = _own_reference(table)
    if above is None or not in_order:
        yield from found.partitions(size)
        return
    ordered = _parents_first(found.all(), *above)
    for begin in range(0, len(ordered), size):
        yield ordered[begin : begin + size]


def _own_reference(table: sa.Table) -> tuple[int, int] | None:
    """Places of the key and of the column that refers to it, in a table that refers to itself."""
    names = [column.name for column in table.columns]
    for column in table.columns:
        for key in column.foreign_keys:
            if key.column.table is table:
                return names.index(key.column.name), names.index(column.name)
    return None


def _parents_first(rows: Iterable[sa.Row[Any]], key: int, above: int) -> list[sa.Row[Any]]:
    below: dict[Any, list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        below[row[above]].append(row)
    found = below.pop(None, [])
    for row in found:  # grows as it is read: each level appends the one below it
        found += below.pop(row[key], [])
    return found


def _mark(row: Sequence[Any]) -> int:
    told = json.dumps([_told(value) for value in row], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:16], "big")


def _told(value: Any) -> Any:
    if isinstance(value, bytes):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    if isinstance(value, date):
        return ["day", value.isoformat()]
    return value


def _set_counters(connection: Connection) -> None:
    """PostgreSQL counts keys beside the table; SQLite goes on after the highest by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        for column in table.primary_key.columns:
            named = sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
            counter = connection.execute(sa.select(named)).scalar()
            highest = connection.execute(sa.select(sa.func.max(column))).scalar()
            if counter is not None:
                connection.execute(
                    sa.text("SELECT setval(CAST(:name AS regclass), :value, :used)"),
                    {"name": counter, "value": highest or 1, "used": highest is not None},
                )
