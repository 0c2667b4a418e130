"""Who may sign in, and what a wrong password costs.

The order of a sign-in: `begin_attempt` (counts the try before the password is looked at, so that
parallel guesses cannot slip past the limit), `matches` (slow, needs no connection), then
`finish_attempt` when it matched. A try with an unknown name costs the same and answers the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from vonggac.db import Connection, tables
from vonggac.domain import tries
from vonggac.domain import roles
from vonggac.domain.ids import new_password
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

TRIES = 5
"""Wrong passwords from one network address before a lock; the figure of quyết định 724."""
LOCK_S = 300
"""Seconds a lock lasts; same source."""
FORGET_S = 900
"""Seconds after which earlier wrong passwords no longer count (ours)."""
MIN_LENGTH = 14
"""Characters of a password where no second factor is asked for."""
MAX_LENGTH = 256
"""Longer input is refused before it is hashed."""

Locked = tries.Locked

FIRST_NAME = "admin"
"""The first administrator's account name."""

_hasher = PasswordHasher()  # argon2id, RFC 9106 second recommended option: 64 MiB, 3 passes


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


@dataclass(frozen=True, slots=True)
class Account:
    """One named person."""

    id: str
    name: str
    full_name: str
    role: str
    must_change: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that was counted: what is needed to look at its password."""

    name: str
    account: Account | None
    password_hash: str
    tries_left: int
    """Tries that remain if this one is wrong."""
    network: str = ""
    """Where it came from (`tries.network`)."""


@dataclass(frozen=True, slots=True)
class FirstSignIn:
    """What is printed once, at the first start."""

    name: str
    password: str
    must_change: bool


def ensure_administrator(
    connection: Connection, *, now_ns: int, password: str | None = None
) -> FirstSignIn | None:
    """Make the first administrator if nobody can sign in yet.

    Args:
        connection: a writing transaction.
        now_ns: UTC now.
        password: chosen by whoever starts the program; without one a password is generated and
            must be changed at the first sign-in.

    Returns:
        What to print, or None if there are accounts already.
    """
    if connection.execute(sa.select(sa.func.count()).select_from(tables.account)).scalar_one():
        return None
    given = password if password else new_password()
    account_id = new_id()
    connection.execute(
        tables.account.insert().values(
            id=account_id,
            name=FIRST_NAME,
            full_name="",
            role="administrator",
            password_hash=_hasher.hash(given),
            must_change=not password,
            created_ns=now_ns,
        )
    )
    roles.give_first(connection, account_id, now_ns=now_ns)
    return FirstSignIn(FIRST_NAME, given, must_change=not password)


def begin_attempt(connection: Connection, name: str, *, now_ns: int, address: str = "") -> Attempt:
    """Count a try to sign in, before its password is looked at.

    Args:
        connection: a writing transaction.
        name: as typed.
        now_ns: UTC now.
        address: network address of whoever tries; empty within this machine.

    Raises:
        Locked: this name had too many wrong passwords; nothing was counted.
    """
    key, network = name.strip().casefold()[:100], tries.network(address)
    limits = tries.Limits(TRIES, LOCK_S, FORGET_S)
    tries_left = tries.count(connection, key, network, limits, now_ns=now_ns)
    found = connection.execute(
        _accounts().where(tables.account.c.name == key, tables.account.c.disabled_ns.is_(None))
    ).one_or_none()
    if found is None:
        return Attempt(key, None, _nobody(), tries_left, network)
    return Attempt(key, _account(found), found.password_hash, tries_left, network)


def matches(attempt: Attempt, password: str) -> bool:
    """Whether the password is the account's. Takes about 50 ms on purpose; call it in a thread."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        _hasher.verify(attempt.password_hash, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
    return attempt.account is not None


def finish_attempt(connection: Connection, attempt: Attempt, *, now_ns: int) -> None:
    """Forget the wrong passwords before a right one."""
    assert attempt.account is not None, "only an attempt that matched is finished"
    tries.forget(connection, attempt.name, attempt.network)
    connection.execute(
        tables.account.update()
        .where(tables.account.c.id == attempt.account.id)
        .values(signed_in_ns=now_ns)
    )


def password_fault(password: str, account_name: str) -> str | None:
    """What is wrong with a new password, as a code of the pages' words, or None."""
    if len(password) < MIN_LENGTH:
        return "password_too_short"
    if len(password) > MAX_LENGTH:
        return "password_too_long"
    if len(set(password)) < 5 or account_name.casefold() in password.casefold():
        return "password_too_plain"
    return None


def change_password(connection: Connection, account: Account, password: str) -> None:
    """Set a new password and end every session of the account.

    Raises:
        VonggacError: BAD_INPUT, the password breaks a rule; CONFLICT, it is the old one.
    """
    fault = password_fault(password, account.name)
    if fault is not None:
        raise VonggacError(Kind.BAD_INPUT, f"choose another password: {fault}", fault=fault)
    old = connection.execute(
        sa.select(tables.account.c.password_hash).where(tables.account.c.id == account.id)
    ).scalar_one()
    try:
        _hasher.verify(old, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        pass
    else:
        raise VonggacError(
            Kind.CONFLICT, "the new password is the old one", fault="password_unchanged"
        )
    connection.execute(
        tables.account.update()
        .where(tables.account.c.id == account.id)
        .values(password_hash=_hasher.hash(password), must_change=False)
    )
    connection.execute(tables.session.delete().where(tables.session.c.account_id == account.id))


def _accounts() -> sa.Select[str, str, str, str, bool, str]:
    table = tables.account
    return sa.select(
        table.c.id,
        table.c.name,
        table.c.full_name,
        table.c.role,
        table.c.must_change,
        table.c.password_hash,
    )


def _account(row: sa.Row[str, str, str, str, bool, str]) -> Account:
    return Account(row[0], row[1], row[2], row[3], row[4])
