"""Grants as the database keeps them: who may see which cameras, why, until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT_S = 86_400
"""Seconds that an ended grant stays in the table; what was seen is in the audit."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A grant that was issued."""

    id: str
    account_id: str
    site_id: str
    cameras: Sequence[str]
    streams: Sequence[str]
    purpose: str
    nkey: str
    issued_ns: int
    expires_ns: int


@dataclass(frozen=True, slots=True)
class Watching:
    """A person who has pictures open now."""

    full_name: str
    name: str
    cameras: int
    purposes: tuple[str, ...]


def file_grant(connection: Connection, grant: Issued) -> bool:
    """Keep a grant; True if it begins a view, False if it renews one of the same browser key.

    A page renews its grant every two minutes; the audit says once that it began.
    """
    table = tables.grant_issued
    before = connection.execute(
        sa.select(table.c.id, table.c.cameras, table.c.purpose)
        .where(
            table.c.account_id == grant.account_id,
            table.c.nkey == grant.nkey,
            table.c.expires_ns > grant.issued_ns,
        )
        .order_by(table.c.issued_ns.desc())
        .limit(1)
    ).one_or_none()
    renews = (
        before is not None
        and set(grant.cameras) <= set(before.cameras)
        and before.purpose == grant.purpose
    )
    connection.execute(table.delete().where(table.c.expires_ns < grant.issued_ns - KEPT_S * NS))
    connection.execute(
        table.insert().values(
            id=grant.id,
            account_id=grant.account_id,
            site_id=grant.site_id,
            cameras=list(grant.cameras),
            streams=list(grant.streams),
            purpose=grant.purpose,
            nkey=grant.nkey,
            renews=before.id if before is not None and renews else None,
            issued_ns=grant.issued_ns,
            expires_ns=grant.expires_ns,
        )
    )
    return not renews


def watching(connection: Connection, site_id: str, *, now_ns: int) -> list[Watching]:
    """Who holds a live grant for the site now, by name."""
    table = tables.grant_issued
    rows = connection.execute(
        sa.select(
            tables.account.c.name, tables.account.c.full_name, table.c.cameras, table.c.purpose
        )
        .join(tables.account, tables.account.c.id == table.c.account_id)
        .where(
            table.c.site_id == site_id,
            table.c.expires_ns > now_ns,
            table.c.revoked_ns.is_(None),
        )
        .order_by(tables.account.c.name)
    ).all()
    found: dict[str, tuple[str, set[str], set[str]]] = {}
    for name, full_name, cameras, purpose in rows:
        _, seen, purposes = found.setdefault(name, (full_name, set(), set()))
        seen.update(cameras)
        purposes.add(purpose)
    return [
        Watching(full_name or name, name, len(seen), tuple(sorted(purposes)))
        for name, (full_name, seen, purposes) in found.items()
    ]
