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
