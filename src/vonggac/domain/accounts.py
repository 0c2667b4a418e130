"""Who may sign in, what a wrong password costs, and what a password must be.

The order of a sign-in: `begin_attempt` (counts the try before the password is looked at, so that
parallel guesses cannot slip past the limit), `matches` (slow, needs no connection), then
`finish_attempt` when everything that was asked for was right. A try with an unknown name costs the
same and answers the same.

The figures are settings (`SignInConfig`); their defaults are those of security level 3 and of
decision 724 (docs/guide/secure.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from vonggac.clock import NS
from vonggac.config import SignInConfig
from vonggac.db import Connection, tables
from vonggac.domain import roles, tries
from vonggac.domain.ids import new_password
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RULES = SignInConfig()
"""The defaults."""

TRIES = RULES.tries
LOCK_S = RULES.lock_s
MAX_LENGTH = 128
"""Longer input is refused before it is hashed (OWASP ASVS 2.1.2)."""
DAY_NS = 86_400 * NS

Locked = tries.Locked

FIRST_NAME = "admin"
"""The first administrator's account name."""

ADMINISTRATOR = "administrator"

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,49}")
"""What an account may be called: typed at every sign-in, so plain letters only."""

_hasher = PasswordHasher()  # argon2id, RFC 9106 second recommended option: 64 MiB, 3 passes
_brief = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
"""For passwords of 80 random bits that must be changed at once: nothing slow adds to them, and a
list of three hundred people is made while somebody waits."""


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
    has_factor: bool = False
    """A second factor is enrolled; it is then always asked for."""

    @property
    def administers(self) -> bool:
        """Whether the stricter rules for administrators hold."""
        return self.role == ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Person:
    """An account as administrators see it."""

    id: str
    name: str
    full_name: str
    role: str
    must_change: bool
    created_ns: int
    signed_in_ns: int | None
    disabled_ns: int | None
    disabled_why: str | None
    password_set_ns: int | None
    factor_since_ns: int | None

    @property
    def administers(self) -> bool:
        """Whether the stricter rules for administrators hold."""
        return self.role == ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that was counted: what is needed to look at its password."""

    name: str
    account: Account | None
    password_hash: str
    tries_left: int
    """Tries that remain if this one is wrong."""
    closed: Literal["", "disabled", "idle"] = ""
    """Why the right password opens nothing; told to nobody with a wrong one."""
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
            password_set_ns=now_ns,
        )
    )
    roles.give_first(connection, account_id, now_ns=now_ns)
    return FirstSignIn(FIRST_NAME, given, must_change=not password)


def begin_attempt(
    connection: Connection,
    name: str,
    *,
    now_ns: int,
    address: str = "",
    rules: SignInConfig = RULES,
) -> Attempt:
    """Count a try to sign in, before its password is looked at.

    Args:
        connection: a writing transaction.
        name: as typed.
        now_ns: UTC now.
        address: network address of whoever tries; empty within this machine.
        rules: the hub's.

    Raises:
        Locked: this name had too many wrong passwords; nothing was counted.
    """
    key, network = name.strip().casefold()[:100], tries.network(address)
    limits = tries.Limits(rules.tries, rules.lock_s, rules.forget_s)
    tries_left = tries.count(connection, key, network, limits, now_ns=now_ns)
    return replace(_counted(connection, key, tries_left, now_ns, rules), network=network)


def _counted(
    connection: Connection, key: str, tries_left: int, now_ns: int, rules: SignInConfig
) -> Attempt:
    table = tables.account
    row = connection.execute(
        _accounts()
        .add_columns(table.c.disabled_ns.is_not(None), is_used(now_ns, rules))
        .where(table.c.name == key)
    ).one_or_none()
    if row is None:
        return Attempt(key, None, _nobody(), tries_left)
    *columns, password_hash, is_disabled, is_in_use = row
    closed: Literal["", "disabled", "idle"] = ""
    if is_disabled:
        closed = "disabled"
    elif not is_in_use:
        closed = "idle"
    return Attempt(key, Account(*columns), password_hash, tries_left, closed)


def matches(attempt: Attempt, password: str) -> bool:
    """Whether the password is the account's. Takes about 50 ms on purpose; call it in a thread."""
    if len(password) > MAX_LENGTH:
        return False
    is_right = _verifies(attempt.password_hash, password)
    if _hasher.check_needs_rehash(attempt.password_hash):
        _verifies(_nobody(), password)  # a first password must not be told by the time it takes
    return is_right and attempt.account is not None


def finish_attempt(
    connection: Connection, attempt: Attempt, *, now_ns: int, rules: SignInConfig = RULES
) -> Account:
    """Forget the wrong passwords before a right one; returns the account as it is from now on.

    An administrator's password that is older than it may be must be changed.
    """
    account = attempt.account
    assert account is not None, "only an attempt that matched is finished"
    table = tables.account
    forgive(connection, attempt)
    connection.execute(table.update().where(table.c.id == account.id).values(signed_in_ns=now_ns))
    days = rules.administrator_password_days
    if days and account.administers and not account.must_change:
        connection.execute(
            table.update()
            .where(
                table.c.id == account.id,
                sa.func.coalesce(table.c.password_set_ns, table.c.created_ns)
                < now_ns - days * DAY_NS,
            )
            .values(must_change=True)
        )
    return find(connection, account.id)


def forgive(connection: Connection, attempt: Attempt) -> None:
    """Forget the wrong tries before a right one."""
    tries.forget(connection, attempt.name, attempt.network)


# -- passwords -------------------------------------------------------------------------------


def password_fault(
    password: str, account_name: str, *, has_factor: bool = False, rules: SignInConfig = RULES
) -> str | None:
    """What is wrong with a new password, as a code of the pages' words, or None."""
    least = rules.min_length_with_factor if has_factor else rules.min_length
    if len(password) < least:
        return "password_too_short"
    if len(password) > MAX_LENGTH:
        return "password_too_long"
    if len(set(password)) < 5 or account_name.casefold() in password.casefold():
        return "password_too_plain"
    if len(password) < rules.mixed_below and not _is_mixed(password):
        return "password_not_mixed"
    return None


def _is_mixed(password: str) -> bool:
    """Upper and lower case, a figure and another sign, as decision 724 asks of short ones."""
    return (
        any(sign.isupper() for sign in password)
        and any(sign.islower() for sign in password)
        and any(sign.isdecimal() for sign in password)
        and any(not sign.isalnum() for sign in password)
    )


def hashed(password: str) -> str:
    """A chosen password as it is kept. Takes about 50 ms; call it in a thread."""
    return _hasher.hash(password)


def is_same(password: str, hashes: Iterable[str]) -> bool:
    """Whether it is one of these. Takes about 50 ms each; call it in a thread."""
    return any(_verifies(one, password) for one in hashes)


def past_hashes(
    connection: Connection, account_id: str, *, rules: SignInConfig = RULES
) -> Sequence[str]:
    """The present password and those before it that may not be taken again."""
    table = tables.password_past
    present = connection.execute(
        sa.select(tables.account.c.password_hash).where(tables.account.c.id == account_id)
    ).scalar_one()
    past = connection.execute(
        sa.select(table.c.password_hash)
        .where(table.c.account_id == account_id)
        .order_by(table.c.id.desc())
        .limit(rules.history - 1)
    ).scalars()
    return [present, *past]


def set_password(
    connection: Connection,
    account_id: str,
    password_hash: str,
    *,
    now_ns: int,
    must_change: bool = False,
    rules: SignInConfig = RULES,
) -> None:
    """Put a password in the place of the present one and end every session of the account."""
    table, past = tables.account, tables.password_past
    before = connection.execute(
        sa.select(table.c.password_hash).where(table.c.id == account_id)
    ).scalar_one()
    connection.execute(
        past.insert().values(account_id=account_id, password_hash=before, ended_ns=now_ns)
    )
    kept = (
        sa.select(past.c.id)
        .where(past.c.account_id == account_id)
        .order_by(past.c.id.desc())
        .limit(rules.history)
    )
    connection.execute(past.delete().where(past.c.account_id == account_id, past.c.id.not_in(kept)))
    connection.execute(
        table.update()
        .where(table.c.id == account_id)
        .values(password_hash=password_hash, must_change=must_change, password_set_ns=now_ns)
    )
    connection.execute(
        tables.session.update()
        .where(tables.session.c.account_id == account_id, tables.session.c.ended_ns.is_(None))
        .values(ended_ns=now_ns)
    )


def _verifies(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False


# -- administration --------------------------------------------------------------------------


def find(connection: Connection, account_id: str) -> Account:
    """An account by its id.

    Raises:
        VonggacError: NOT_FOUND, there is none.
    """
    found = connection.execute(_accounts().where(tables.account.c.id == account_id)).one_or_none()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such account")
    return _account(found)


def people(connection: Connection) -> list[Person]:
    """Every account, by name."""
    rows = connection.execute(_people().order_by(tables.account.c.name)).all()
    return [Person(*row) for row in rows]


def person(connection: Connection, account_id: str) -> Person:
    """An account as administrators see it.

    Raises:
        VonggacError: NOT_FOUND, there is none.
    """
    row = connection.execute(_people().where(tables.account.c.id == account_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such account")
    return Person(*row)


def create(
    connection: Connection,
    *,
    name: str,
    full_name: str,
    now_ns: int,
) -> tuple[str, FirstSignIn]:
    """Make an account without any role; its first password is generated and must be changed.

    Returns:
        Its id, and what is handed to its person once.

    Raises:
        VonggacError: BAD_INPUT, the name or the full name is none; CONFLICT, the name is taken.
    """
    key = name.strip().casefold()
    fault = name_fault(key, full_name)
    if fault is not None:
        raise VonggacError(Kind.BAD_INPUT, f"this account cannot be made: {fault}", fault=fault)
    taken = connection.execute(
        sa.select(tables.account.c.id).where(tables.account.c.name == key)
    ).one_or_none()
    if taken is not None:
        raise VonggacError(Kind.CONFLICT, "this name is taken", fault="name_taken")
    given, account_id = new_password(), new_id()
    connection.execute(
        tables.account.insert().values(
            id=account_id,
            name=key,
            full_name=" ".join(full_name.split()),
            role="",
            password_hash=_brief.hash(given),
            must_change=True,
            created_ns=now_ns,
            password_set_ns=now_ns,
        )
    )
    return account_id, FirstSignIn(key, given, must_change=True)


def name_fault(name: str, full_name: str) -> str | None:
    """What is wrong with the names of a new account, as a code of the pages' words, or None."""
    if not NAME.fullmatch(name):
        return "name_not_plain"
    if not 2 <= len(" ".join(full_name.split())) <= 100:
        return "full_name_missing"
    return None


def reset_password(
    connection: Connection, account_id: str, *, now_ns: int, rules: SignInConfig = RULES
) -> FirstSignIn:
    """Give an account a generated password that must be changed; its sessions end.

    Raises:
        VonggacError: NOT_FOUND.
    """
    account = find(connection, account_id)
    given = new_password()
    set_password(
        connection, account_id, _brief.hash(given), now_ns=now_ns, must_change=True, rules=rules
    )
    connection.execute(tables.attempt.delete().where(tables.attempt.c.name == account.name))
    return FirstSignIn(account.name, given, must_change=True)


def disable(
    connection: Connection,
    account_id: str,
    *,
    why: Literal["administrator", "idle"],
    now_ns: int,
) -> None:
    """Close an account: it opens nothing from now on, and its sessions and PINs end.

    Raises:
        VonggacError: CONFLICT, it is the last that administers everything.
    """
    table = tables.account
    if why == "administrator" and roles.administrators(connection, now_ns) == {account_id}:
        raise VonggacError(
            Kind.CONFLICT, "nobody could administer the hub any more", fault="last_administrator"
        )
    connection.execute(
        table.update()
        .where(table.c.id == account_id, table.c.disabled_ns.is_(None))
        .values(disabled_ns=now_ns, disabled_why=why)
    )
    connection.execute(
        tables.session.update()
        .where(tables.session.c.account_id == account_id, tables.session.c.ended_ns.is_(None))
        .values(ended_ns=now_ns)
    )
    connection.execute(tables.pin.delete().where(tables.pin.c.account_id == account_id))


def enable(connection: Connection, account_id: str, *, now_ns: int) -> None:
    """Open a closed account again; its idle days begin anew."""
    connection.execute(
        tables.account.update()
        .where(tables.account.c.id == account_id)
        .values(disabled_ns=None, disabled_why=None, signed_in_ns=now_ns)
    )


def disable_idle(
    connection: Connection, *, now_ns: int, rules: SignInConfig = RULES
) -> list[Person]:
    """Close every account that nobody signed in with for too long; returns them."""
    if not rules.idle_days:
        return []
    table = tables.account
    rows = connection.execute(
        _people().where(table.c.disabled_ns.is_(None), ~is_used(now_ns, rules))
    ).all()
    found = [Person(*row) for row in rows]
    for one in found:
        disable(connection, one.id, why="idle", now_ns=now_ns)
    return found


def is_used(now_ns: int, rules: SignInConfig = RULES) -> sa.ColumnElement[bool]:
    """Whether somebody signed in recently enough with the account of a row."""
    if not rules.idle_days:
        return sa.true()
    table = tables.account
    used = sa.func.coalesce(table.c.signed_in_ns, table.c.created_ns)
    return used > now_ns - rules.idle_days * DAY_NS


def _people() -> sa.Select[Any]:
    table = tables.account
    return sa.select(
        table.c.id,
        table.c.name,
        table.c.full_name,
        table.c.role,
        table.c.must_change,
        table.c.created_ns,
        table.c.signed_in_ns,
        table.c.disabled_ns,
        table.c.disabled_why,
        table.c.password_set_ns,
        table.c.factor_since_ns,
    )


def _accounts() -> sa.Select[Any]:
    table = tables.account
    return sa.select(
        table.c.id,
        table.c.name,
        table.c.full_name,
        table.c.role,
        table.c.must_change,
        table.c.factor_since_ns.is_not(None).label("has_factor"),
        table.c.password_hash,
    )


def _account(row: sa.Row[Any]) -> Account:
    columns: tuple[Any, ...] = tuple(row)[:-1]
    return Account(*columns)
