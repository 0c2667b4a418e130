"""The databases that these tests use."""

from databases import database, postgres, postgres_url, sqlite

__all__ = ["database", "postgres", "postgres_url", "sqlite"]
