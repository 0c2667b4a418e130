"""Opening the hub's database: SQLite with one writer, or PostgreSQL; and bringing it up to date."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError

from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

T = TypeVar("T")

BUSY_MS = 10_000
"""How long SQLite waits for another process (a migration, a backup) before it gives up."""
FAILED = (sa.exc.DBAPIError, sa.exc.TimeoutError)
"""What a database raises that is away, full, locked or refuses; SQLAlchemy's words for it."""
WRITERS_TURN = 0x766F6E67676163
"""The advisory lock of PostgreSQL at which writers of a hub take turns: "vonggac" in ASCII."""


class Database:
    """One database and the rule by which it is used.

    Reads run at any time in any thread. Writers take turns, on SQLite because it has one, and on
    PostgreSQL because most of them end at the head of the audit's chain anyway: two that took rows
    in another order would wait for each other in a circle. Not for the event loop's thread: every
    call may block, and so does a transaction within a transaction.

    Args:
        url: an SQLAlchemy URL; `sqlite:///PATH` or `postgresql+psycopg://...`.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._one_writer = threading.Lock()
        self._mine = threading.local()
        self._is_sqlite = self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the database and changes nothing."""
        with self.engine.connect() as plain:
            connection = plain.execution_options(vonggac_once={})
            yield connection
            connection.rollback()

    @contextmanager
    def still(self) -> Iterator[Connection]:
        """A transaction whose every statement sees the same moment, however long it takes."""
        with self.engine.connect() as connection:
            if not self._is_sqlite:  # where it is the rule, from the first statement on
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
            connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed if the block ends, undone if it raises.

        Raises:
            RuntimeError: this thread is writing already.
        """
        if getattr(self._mine, "is_writing", False):
            raise RuntimeError("a writing transaction within a writing transaction")
        self._mine.is_writing = True
        try:
            with self._in_turn() as connection:
                yield connection
        finally:
            self._mine.is_writing = False

    @contextmanager
    def _in_turn(self) -> Iterator[Connection]:
        if not self._is_sqlite:
            with self.engine.begin() as connection:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITERS_TURN)))
                yield connection
            return
        with self._one_writer, self.engine.connect() as plain:
            connection = plain.execution_options(vonggac_writes=True)
            with connection.begin():
                yield connection

    def migrate(self) -> None:
        """Bring the schema up to this program's version; harmless when it is there already.

        Raises:
            VonggacError: UNSUPPORTED, a newer version brought it up.
        """
        with self.engine.connect() as connection:
            settings = alembic_config()
            settings.attributes["connection"] = connection
            try:
                command.upgrade(settings, "head")
            except CommandError as error:
                raise VonggacError(
                    Kind.UNSUPPORTED,
                    "a newer version brought this database up; run that one, or restore the backup"
                    " that was made before the upgrade",
                ) from error
            connection.commit()

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def once(connection: Connection, make: Callable[..., T], *more: Hashable) -> T:
    """What a function reads, read once in a reading transaction and every time in a writing one.

    Args:
        connection: a transaction.
        make: a function of a module, which names what is remembered; what it returns is shared and
            must not be changed.
        more: what it is asked, besides the transaction.
    """
    known = connection.get_execution_options().get("vonggac_once")
    if known is None:
        return make(connection, *more)
    key = (make, *more)
    if key not in known:
        known[key] = make(connection, *more)
    found: T = known[key]
    return found


def is_away(error: BaseException) -> bool:
    """Whether the database itself failed, and would have failed with any other value too."""
    lost = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
    return isinstance(error, lost)


def why_failed(error: BaseException) -> str:
    """What a database said first, in a line, without a value that somebody entered."""
    before = error.__context__
    while before is not None:  # undoing what failed can fail as well
        error = before if isinstance(before, FAILED) else error
        before = before.__context__
    cause = getattr(error, "orig", None) or error
    name = type(cause).__name__
    said = str(cause).strip().partition("\n")[0][:200] if is_away(error) else ""
    return f"{name}: {said}" if said else name


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def alembic_config() -> AlembicConfig:
    """Where the migrations are; the connection goes into `attributes["connection"]`."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", "vonggac.db:migrations")
    return settings


def _engine(url: str) -> Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise VonggacError(Kind.BAD_INPUT, "database_url is not an SQLAlchemy URL") from error
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, hide_parameters=True)  # errors end in the log
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_size=10,
            hide_parameters=True,
        )
    raise VonggacError(
        Kind.BAD_INPUT,
        f"database_url names {parsed.get_backend_name()}; use sqlite:///PATH or postgresql://...",
    )


def _prepare_sqlite(raw: Any, _record: object) -> None:
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable: the driver
    # must not begin transactions by itself, or DDL and reads run outside of them.
    raw.isolation_level = None
    cursor = raw.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("vonggac_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
