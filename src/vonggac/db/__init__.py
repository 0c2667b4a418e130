"""The hub's database: engine, tables as a commented document, migrations."""

from sqlalchemy.engine import Connection

from vonggac.db.engine import Database, sqlite_url

__all__ = ["Connection", "Database", "sqlite_url"]
