"""Signed-in browsers. The cookie's value is in the browser only; the database holds its hash.

A session passes through stages: `code` while a second factor is awaited (it opens nothing, and
`find_session` does not find it), `enrol` while one must be enrolled first, `open`.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.domain.accounts import RULES, Account, is_used
from vonggac.domain.ids import new_token

if TYPE_CHECKING:
    from vonggac.config import SignInConfig

CODE_S = 600
"""Seconds in which the second factor must follow the password (ours)."""
TOUCH_S = 60
"""`seen_ns` is written at most this often, so that reading a page does not write."""
HANDLE = 32
"""Hex digits of the hash that name a session in lists; they open nothing."""

Stage = Literal["code", "enrol", "open"]
Factor = Literal["password", "totp", "recovery", "pin", "token"]
"""What a session was opened with; a token's is none of a browser."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is open now."""

    account: Account
    form_token: str
    expires_ns: int
    stale: bool
    """Its last request is older than `TOUCH_S`; call `touch`."""
    id: str = ""
    """Names it in lists."""
    stage: Stage = "open"
    factor: Factor = "password"
    began_ns: int = 0
    workstation_id: str | None = None
    scopes: frozenset[str] | None = field(default=None)
    """Of a token; None is a person's session, which is not narrowed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as lists show it."""

    id: str
    account_id: str
    account_name: str
    began_ns: int
    seen_ns: int
    expires_ns: int
    address: str
    agent: str
    factor: Factor
    workstation: str | None
    """Title of the enrolled machine it is open on."""


def open_session(
    connection: Connection,
    account: Account,
    *,
    address: str,
    agent: str,
    now_ns: int,
    stage: Stage = "open",
    factor: Factor = "password",
    workstation_id: str | None = None,
    until_ns: int | None = None,
    rules: SignInConfig = RULES,
) -> str:
    """Start a session and return the cookie's value.

    Args:
        connection: a writing transaction.
        account: whose.
        address: where the sign-in came from.
        agent: the browser's own description.
        now_ns: UTC now.
        stage: what is still asked of the person.
        factor: what it was opened with.
        workstation_id: the enrolled machine it is open on.
        until_ns: it ends then at the latest.
        rules: how long it lasts.
    """
    table = tables.session
    connection.execute(table.delete().where(table.c.expires_ns < now_ns - 86_400 * NS))
    token = new_token()
    life_s = CODE_S if stage == "code" else rules.session_hours * 3600
    expires_ns = now_ns + life_s * NS
    connection.execute(
        table.insert().values(
            token_hash=_hash(token),
            account_id=account.id,
            form_token=new_token(),
            created_ns=now_ns,
            seen_ns=now_ns,
            expires_ns=expires_ns if until_ns is None else min(expires_ns, until_ns),
            address=address,
            agent=agent[:200],
            stage=stage,
            factor=factor,
            workstation_id=workstation_id,
        )
    )
    return token


def find_session(
    connection: Connection, token: str, *, now_ns: int, rules: SignInConfig = RULES
) -> Session | None:
    """The open session that this cookie belongs to, if any; not one that awaits a code."""
    found = _find(connection, token, now_ns, rules)
    return None if found is None or found.stage == "code" else found


def find_awaiting(
    connection: Connection, token: str, *, now_ns: int, rules: SignInConfig = RULES
) -> Session | None:
    """The session of this cookie that awaits a second factor, if any."""
    found = _find(connection, token, now_ns, rules)
    return found if found is not None and found.stage == "code" else None


def _find(connection: Connection, token: str, now_ns: int, rules: SignInConfig) -> Session | None:
    table, account = tables.session, tables.account
    row = connection.execute(
        sa.select(
            account.c.id,
            account.c.name,
            account.c.full_name,
            account.c.role,
            account.c.must_change,
            account.c.factor_since_ns,
            table.c.form_token,
            table.c.expires_ns,
            table.c.seen_ns,
            table.c.stage,
            table.c.factor,
            table.c.created_ns,
            table.c.workstation_id,
        )
        .join(account, account.c.id == table.c.account_id)
        .where(
            table.c.token_hash == _hash(token),
            *_open(now_ns, rules),
            account.c.disabled_ns.is_(None),
            is_used(now_ns, rules),
        )
    ).one_or_none()
    if row is None:
        return None
    return Session(
        account=Account(
            row.id,
            row.name,
            row.full_name,
            row.role,
            row.must_change,
            row.factor_since_ns is not None,
        ),
        form_token=row.form_token,
        expires_ns=row.expires_ns,
        stale=now_ns - row.seen_ns > TOUCH_S * NS,
        id=_hash(token)[:HANDLE],
        stage=row.stage,
        factor=row.factor,
        began_ns=row.created_ns,
        workstation_id=row.workstation_id,
    )


def _open(now_ns: int, rules: SignInConfig) -> tuple[sa.ColumnElement[bool], ...]:
    table = tables.session
    return (
        table.c.ended_ns.is_(None),
        table.c.expires_ns > now_ns,
        table.c.seen_ns > now_ns - rules.session_idle_hours * 3600 * NS,
    )


def touch(connection: Connection, token: str, *, now_ns: int) -> None:
    """Note that the session was used."""
    connection.execute(
        tables.session.update()
        .where(tables.session.c.token_hash == _hash(token))
        .values(seen_ns=now_ns)
    )


def end_session(connection: Connection, token: str, *, now_ns: int) -> None:
    """Sign out; harmless when it is over already."""
    connection.execute(
        tables.session.update()
        .where(tables.session.c.token_hash == _hash(token), tables.session.c.ended_ns.is_(None))
        .values(ended_ns=now_ns)
    )


def listed(
    connection: Connection,
    *,
    now_ns: int,
    account_id: str | None = None,
    rules: SignInConfig = RULES,
) -> list[Listed]:
    """Sessions that are open now, of one account or of all, the newest first."""
    table = tables.session
    query: sa.Select[Any] = (
        sa.select(
            sa.func.substr(table.c.token_hash, 1, HANDLE),
            table.c.account_id,
            tables.account.c.name,
            table.c.created_ns,
            table.c.seen_ns,
            table.c.expires_ns,
            table.c.address,
            table.c.agent,
            table.c.factor,
            tables.workstation.c.title,
        )
        .join(tables.account, tables.account.c.id == table.c.account_id)
        .outerjoin(tables.workstation, tables.workstation.c.id == table.c.workstation_id)
        .where(*_open(now_ns, rules), table.c.stage != "code")
        .order_by(table.c.created_ns.desc())
    )
    if account_id is not None:
        query = query.where(table.c.account_id == account_id)
    return [Listed(*row) for row in connection.execute(query.limit(500)).all()]


def revoke(
    connection: Connection,
    account_id: str,
    *,
    now_ns: int,
    session_id: str | None = None,
    but: str | None = None,
) -> int:
    """End sessions of an account, at once; returns how many.

    Args:
        connection: a writing transaction.
        account_id: whose.
        now_ns: UTC now.
        session_id: this one only; None ends all.
        but: this one stays.
    """
    table = tables.session
    handle = sa.func.substr(table.c.token_hash, 1, HANDLE)
    query = table.update().where(table.c.account_id == account_id, table.c.ended_ns.is_(None))
    if session_id is not None:
        query = query.where(handle == session_id)
    if but is not None:
        query = query.where(handle != but)
    return connection.execute(query.values(ended_ns=now_ns)).rowcount


def stands(
    connection: Connection, session_id: str, *, now_ns: int, rules: SignInConfig = RULES
) -> bool:
    """Whether the session that lists call so is open now; its account is not looked at."""
    table = tables.session
    handle = sa.func.substr(table.c.token_hash, 1, HANDLE)
    row = connection.execute(
        sa.select(table.c.token_hash).where(handle == session_id, *_open(now_ns, rules))
    ).one_or_none()
    return row is not None


def was_taken_over(connection: Connection, session_id: str, *, now_ns: int, within_s: int) -> bool:
    """Whether the session ended just now because another person took its workstation over."""
    table = tables.session
    handle = sa.func.substr(table.c.token_hash, 1, HANDLE)
    row = connection.execute(
        sa.select(table.c.workstation_id, table.c.ended_ns).where(handle == session_id)
    ).one_or_none()
    if row is None or row.workstation_id is None or row.ended_ns is None:
        return False
    if now_ns - row.ended_ns > within_s * NS:
        return False
    successor = connection.execute(
        sa.select(table.c.token_hash).where(
            table.c.workstation_id == row.workstation_id,
            table.c.created_ns >= row.ended_ns,
            table.c.ended_ns.is_(None),
        )
    ).first()
    return successor is not None


def is_form_of(session: Session, form_token: str) -> bool:
    """Whether a form was made for this session (compared in constant time)."""
    expected = session.form_token.encode()
    return bool(expected) and hmac.compare_digest(expected, form_token.encode())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
