"""Signed-in browsers. The cookie's value is in the browser only; the database holds its hash."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.domain.accounts import Account
from vonggac.domain.ids import new_token

LIFE_S = 12 * 3600
"""A session ends after a shift, whatever happens (ours)."""
IDLE_S = 2 * 3600
"""... or after two hours without a request; an open wall renews its grant and so asks (ours)."""
TOUCH_S = 60
"""`seen_ns` is written at most this often, so that reading a page does not write."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is open now."""

    account: Account
    form_token: str
    expires_ns: int
    stale: bool
    """Its last request is older than `TOUCH_S`; call `touch`."""


def open_session(
    connection: Connection, account: Account, *, address: str, agent: str, now_ns: int
) -> str:
    """Start a session and return the cookie's value."""
    connection.execute(
        tables.session.delete().where(tables.session.c.expires_ns < now_ns - 86_400 * NS)
    )
    token = new_token()
    connection.execute(
        tables.session.insert().values(
            token_hash=_hash(token),
            account_id=account.id,
            form_token=new_token(),
            created_ns=now_ns,
            seen_ns=now_ns,
            expires_ns=now_ns + LIFE_S * NS,
            address=address,
            agent=agent[:200],
        )
    )
    return token


def find_session(connection: Connection, token: str, *, now_ns: int) -> Session | None:
    """The open session that this cookie belongs to, if any."""
    row = connection.execute(
        sa.select(
            tables.account.c.id,
            tables.account.c.name,
            tables.account.c.full_name,
            tables.account.c.role,
            tables.account.c.must_change,
            tables.session.c.form_token,
            tables.session.c.expires_ns,
            tables.session.c.seen_ns,
        )
        .join(tables.account, tables.account.c.id == tables.session.c.account_id)
        .where(
            tables.session.c.token_hash == _hash(token),
            tables.session.c.ended_ns.is_(None),
            tables.session.c.expires_ns > now_ns,
            tables.session.c.seen_ns > now_ns - IDLE_S * NS,
            tables.account.c.disabled_ns.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    account = Account(row.id, row.name, row.full_name, row.role, row.must_change)
    stale = now_ns - row.seen_ns > TOUCH_S * NS
    return Session(account, row.form_token, row.expires_ns, stale)


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


def is_form_of(session: Session, form_token: str) -> bool:
    """Whether a form was made for this session (compared in constant time)."""
    return hmac.compare_digest(session.form_token.encode(), form_token.encode())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
