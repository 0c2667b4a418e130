"""API tokens: what a program carries in place of a person's session, narrower and with an end.

A token opens the API only, never a page, and never more than its account; it cannot make another,
change a password or look at sessions.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.domain.accounts import DAY_NS, RULES, Account, is_used
from vonggac.domain.duties import Act
from vonggac.domain.ids import new_token
from vonggac.domain.sessions import TOUCH_S, Session
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vonggac.config import SignInConfig

PREFIX = "vg_"
"""Begins every token, so that one that was published by mistake is found by a search."""
TOKENS_LIMIT = 50
"""Tokens of one account that are alive at once (ours)."""

Scope = Literal["read", "pictures", "manage"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`read`: what the pages say in words and figures; `pictures`: live, playback, stills and files;
`manage`: what changes something."""

SCOPE_ACTS: Final[Mapping[Scope, frozenset[Act]]] = {
    "read": frozenset(
        {
            Act.FACILITY_SEE, Act.FACILITY_DETAILS, Act.LEDGER_SEE, Act.WATCHING_SEE,
            Act.SYSTEM_SEE, Act.UNITS_SEE, Act.PEOPLE_SEE, Act.AUDIT_READ, Act.AUDIT_EXPORT,
            Act.INSPECTION_SEE, Act.CASE_SEE,
            Act.SCHEME_SEE, Act.ESTIMATE_SEE, Act.SURVEY_SEE, Act.PAPER_SEE, Act.REPORT_SEE,
        }
    ),
    "pictures": frozenset(
        {
            Act.FACILITY_SEE, Act.LIVE_VIEW, Act.PLAYBACK, Act.LEDGER_SEE, Act.SNAPSHOT,
            Act.DOWNLOAD, Act.EXPORT_TAKE,
        }
    ),
    "manage": frozenset(
        {
            Act.FACILITY_SEE, Act.PROBE, Act.DISCOVER, Act.CAMERA_EDIT, Act.MAINTENANCE_PLAN,
            Act.UNITS_EDIT, Act.EXPORT_ASK, Act.HOLD_PLACE, Act.REQUESTS_EDIT, Act.INCIDENT_EDIT,
            Act.DOCUMENTS_MAKE, Act.SCHEME_MAKE, Act.ESTIMATE_MAKE,
            Act.INSPECTION_MAKE, Act.FINDING_ANSWER, Act.REMINDER_MAKE, Act.CASE_MARK,
            Act.SURVEY_LEAD, Act.SURVEY_ANSWER, Act.REPORT_MAKE,
        }
    ),
}  # fmt: skip
"""What each scope leaves of what the account may do. Who decides about people, gives roles,
approves an export or lets a hold go is a person, never a program."""

_PICTURES = re.compile(r"/api/v1/(grants|cameras/[^/]+/(snapshot\.jpg|recording\.mp4)|exports)\b")
_PERSONS_ONLY = re.compile(r"/api/v1/(session|sessions|tokens|workstation|display|people)\b")


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its owner sees it; its value was shown once."""

    id: str
    title: str
    scopes: tuple[Scope, ...]
    created_ns: int
    expires_ns: int
    used_ns: int | None


def scope_of(method: str, path: str) -> Scope | None:
    """What a token must have for a request; None: no token does, only a person."""
    if path == "/metrics":
        return "read"
    if not path.startswith("/api/v1/") or _PERSONS_ONLY.match(path):
        return None
    if _PICTURES.match(path):
        return "pictures"
    return "read" if method in ("GET", "HEAD") else "manage"


def acts_of(scopes: Iterable[str]) -> frozenset[Act]:
    """What a token with these scopes may do at most."""
    return frozenset(act for scope, acts in SCOPE_ACTS.items() if scope in scopes for act in acts)


def issue(
    connection: Connection,
    account: Account,
    *,
    title: str,
    scopes: Iterable[str],
    days: int,
    now_ns: int,
    rules: SignInConfig = RULES,
) -> tuple[Token, str]:
    """Make a token; its value is returned once and kept nowhere.

    Raises:
        VonggacError: BAD_INPUT, no title, no or an unknown scope, or an end that is none or too
            far; TOO_MANY.
    """
    wanted = tuple(scope for scope in SCOPES if scope in set(scopes))
    if not title.strip() or len(title) > 100:
        raise VonggacError(Kind.BAD_INPUT, "title: 1 to 100 letters", fault="title")
    if not wanted or set(scopes) - set(SCOPES):
        raise VonggacError(
            Kind.BAD_INPUT, f"scopes: one or more of {', '.join(SCOPES)}", fault="scopes"
        )
    if not 1 <= days <= rules.token_days:
        raise VonggacError(Kind.BAD_INPUT, f"days: 1 to {rules.token_days}", fault="days")
    if len(mine(connection, account.id, now_ns=now_ns)) >= TOKENS_LIMIT:
        raise VonggacError(Kind.TOO_MANY, f"an account has {TOKENS_LIMIT} tokens at most")
    token = Token(new_id(), title.strip(), wanted, now_ns, now_ns + days * DAY_NS, None)
    value = PREFIX + new_token()
    connection.execute(
        tables.api_token.insert().values(
            id=token.id,
            account_id=account.id,
            title=token.title,
            token_hash=_hash(value),
            scopes=list(wanted),
            created_ns=token.created_ns,
            expires_ns=token.expires_ns,
        )
    )
    return token, value


def find(
    connection: Connection, value: str, *, now_ns: int, rules: SignInConfig = RULES
) -> Session | None:
    """The token of this value as a narrowed session, if it is alive and so is its account."""
    table, account = tables.api_token, tables.account
    row = connection.execute(
        sa.select(
            account.c.id.label("account_id"),
            account.c.name,
            account.c.full_name,
            account.c.role,
            account.c.must_change,
            account.c.factor_since_ns,
            table.c.id,
            table.c.scopes,
            table.c.created_ns,
            table.c.expires_ns,
            table.c.used_ns,
        )
        .join(account, account.c.id == table.c.account_id)
        .where(
            table.c.token_hash == _hash(value),
            table.c.revoked_ns.is_(None),
            table.c.expires_ns > now_ns,
            account.c.disabled_ns.is_(None),
            is_used(now_ns, rules),
        )
    ).one_or_none()
    if row is None:
        return None
    return Session(
        account=Account(
            row.account_id,
            row.name,
            row.full_name,
            row.role,
            row.must_change,
            row.factor_since_ns is not None,
        ),
        form_token="",
        expires_ns=row.expires_ns,
        stale=row.used_ns is None or now_ns - row.used_ns > TOUCH_S * NS,
        id=row.id,
        factor="token",
        began_ns=row.created_ns,
        scopes=frozenset(row.scopes),
    )


def touch(connection: Connection, token_id: str, *, now_ns: int) -> None:
    """Note that a token was used."""
    connection.execute(
        tables.api_token.update().where(tables.api_token.c.id == token_id).values(used_ns=now_ns)
    )


def mine(connection: Connection, account_id: str, *, now_ns: int) -> list[Token]:
    """An account's tokens that are alive, the newest first."""
    table = tables.api_token
    query: sa.Select[Any] = (
        sa.select(
            table.c.id,
            table.c.title,
            table.c.scopes,
            table.c.created_ns,
            table.c.expires_ns,
            table.c.used_ns,
        )
        .where(
            table.c.account_id == account_id,
            table.c.revoked_ns.is_(None),
            table.c.expires_ns > now_ns,
        )
        .order_by(table.c.created_ns.desc())
    )
    return [
        Token(row.id, row.title, tuple(row.scopes), row.created_ns, row.expires_ns, row.used_ns)
        for row in connection.execute(query).all()
    ]


def revoke(connection: Connection, account_id: str, token_id: str, *, now_ns: int) -> bool:
    """Take a token back, at once; False if it was none of the account's that is alive."""
    table = tables.api_token
    done = connection.execute(
        table.update()
        .where(
            table.c.id == token_id,
            table.c.account_id == account_id,
            table.c.revoked_ns.is_(None),
        )
        .values(revoked_ns=now_ns)
    )
    return bool(done.rowcount)


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
