"""Small values that outlive a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vonggac.db import Connection, tables

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Order:
    """The last order made for a site."""

    revision: int
    digest: str


def order(connection: Connection, site_id: str) -> Order | None:
    """The last order made for a site."""
    value = _read(connection, f"order.{site_id}")
    return None if value is None else Order(int(value["revision"]), str(value["digest"]))


def next_order(connection: Connection, site_id: str, digest: str, *, now_ns: int) -> int:
    """Number a new order; returns its revision."""
    before = order(connection, site_id)
    revision = before.revision + 1 if before else 1
    value = {"revision": revision, "digest": digest}
    _write(connection, f"order.{site_id}", value, now_ns=now_ns)
    return revision


@dataclass(frozen=True, slots=True)
class Review:
    """The last time that somebody went through who may see what."""

    at_ns: int
    by: str
    """Name of the account."""


def review(connection: Connection) -> Review | None:
    """The last review of who may see what."""
    value = _read(connection, "review")
    return None if value is None else Review(int(value["at_ns"]), str(value["by"]))


def note_review(connection: Connection, by: str, *, now_ns: int) -> None:
    """Note that the review is done."""
    _write(connection, "review", {"at_ns": now_ns, "by": by}, now_ns=now_ns)


def _read(connection: Connection, name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = connection.execute(
        sa.select(tables.setting.c.value).where(tables.setting.c.name == name)
    ).scalar_one_or_none()
    return found


def _write(connection: Connection, name: str, value: Mapping[str, object], *, now_ns: int) -> None:
    connection.execute(tables.setting.delete().where(tables.setting.c.name == name))
    connection.execute(
        tables.setting.insert().values(name=name, value=dict(value), updated_ns=now_ns)
    )
