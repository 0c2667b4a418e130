"""Wrong passwords: counted by name and network address, and what happens when there are too many.

Each try is counted for the name at the address that it comes from, so that a stranger locks out
nobody but himself; and, with a higher limit, for the name wherever the tries come from, so that a
swarm of addresses does not pass under every lock of one.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.errors import Kind, VonggacError

EVERYWHERE_FACTOR = 10
"""How many times the tries of one address the whole name has (ours): one address cannot come to
that many within the time that is counted, so it keeps nobody else out."""
EVERYWHERE = "*"
"""Stands where an address would: the name as a whole."""
KEPT = 10_000
"""Names and addresses that are remembered as tried; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a name is locked, and for how long."""

    tries: int
    """Wrong ones from one address."""
    lock_s: float
    forget_s: float
    """Seconds after which earlier ones no longer count."""


class Locked(VonggacError):  # noqa: N818 - a state that people are told
    """Too many wrong passwords.

    Args:
        until_ns: when the next try is looked at.
    """

    def __init__(self, until_ns: int) -> None:
        super().__init__(Kind.TOO_MANY, "too many wrong passwords; wait until the lock ends")
        self.until_ns = until_ns


def count(connection: Connection, name: str, address: str, limits: Limits, *, now_ns: int) -> int:
    """Count a try; returns how many are left if this one is wrong.

    Args:
        connection: a writing transaction.
        name: the account's, known or not.
        address: from `network`.
        limits: what is asked of everybody.
        now_ns: UTC now.

    Raises:
        Locked: there were too many; nothing was counted.
    """
    here = _added(connection, name, address, limits, now_ns)
    everywhere = _added(connection, name, EVERYWHERE, limits, now_ns)
    for one in (here, everywhere):
        _keep(connection, name, one, limits, now_ns)
    return min(one.most - one.failures for one in (here, everywhere))


def forget(connection: Connection, name: str, address: str) -> None:
    """A try was right: it and the wrong ones before it from this address no longer count.

    Those of other addresses do: whoever guesses elsewhere gets no more tries by it.
    """
    table = tables.attempt
    connection.execute(table.delete().where(table.c.name == name, table.c.address == address))
    connection.execute(
        table.update()
        .where(table.c.name == name, table.c.address == EVERYWHERE, table.c.failures > 0)
        .values(failures=table.c.failures - 1, locked_until_ns=None)
    )


def network(address: str) -> str:
    """What counts as one address: an IPv6 line has 2**64 of them."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:45]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), 64), strict=False))


@dataclass(frozen=True, slots=True)
class _Count:
    """Tries of a name at an address, this one included."""

    address: str
    failures: int
    since_ns: int
    most: int
    is_new: bool = False


def _added(connection: Connection, name: str, address: str, limits: Limits, now_ns: int) -> _Count:
    table = tables.attempt
    most = limits.tries * (EVERYWHERE_FACTOR if address == EVERYWHERE else 1)
    row = connection.execute(
        sa.select(
            table.c.failures, table.c.since_ns, table.c.tried_ns, table.c.locked_until_ns
        ).where(table.c.name == name, table.c.address == address)
    ).one_or_none()
    if row is None:
        return _Count(address, 1, now_ns, most, is_new=True)
    if row.locked_until_ns is not None and now_ns < row.locked_until_ns:
        raise Locked(row.locked_until_ns)
    # Of one address, mistakes count until a while has passed without one; of the name as a whole
    # a while from the first: an address that never stops would fill it in the end.
    counted_from = row.since_ns if address == EVERYWHERE else row.tried_ns
    if row.locked_until_ns is not None or now_ns - counted_from >= limits.forget_s * NS:
        return _Count(address, 1, now_ns, most)
    return _Count(address, row.failures + 1, row.since_ns, most)


def _keep(connection: Connection, name: str, one: _Count, limits: Limits, now_ns: int) -> None:
    table = tables.attempt
    is_full = one.failures >= one.most
    values = {
        "failures": one.failures,
        "since_ns": one.since_ns,
        "tried_ns": now_ns,
        "locked_until_ns": now_ns + int(limits.lock_s * NS) if is_full else None,
    }
    if one.is_new:
        _forget_oldest(connection)
        connection.execute(table.insert().values(name=name, address=one.address, **values))
    else:
        mine = (table.c.name == name) & (table.c.address == one.address)
        connection.execute(table.update().where(mine), values)


def _forget_oldest(connection: Connection) -> None:
    table = tables.attempt
    kept = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    if kept < KEPT:
        return
    oldest = sa.select(table.c.name, table.c.address).order_by(table.c.tried_ns).limit(100)
    key = sa.tuple_(table.c.name, table.c.address)
    connection.execute(table.delete().where(key.in_(oldest)))
