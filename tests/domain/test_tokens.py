"""API tokens and sessions in lists: what they open, until when, and how they are taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import accounts, sessions, tokens
from vonggac.domain.duties import Act
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Database

NOW = 1_800_000_000 * NS
DAY = 86_400 * NS


@pytest.fixture
def account(database: Database) -> accounts.Account:
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=NOW, password="mot mat khau dai")
        found = accounts.begin_attempt(connection, "admin", now_ns=NOW)
        return accounts.finish_attempt(connection, found, now_ns=NOW)


def issue(database: Database, account: accounts.Account, days: int = 10) -> tuple[str, str]:
    with database.writing() as connection:
        token, value = tokens.issue(
            connection, account, title="bảng điện tử", scopes=["read"], days=days, now_ns=NOW
        )
    return token.id, value


def find(database: Database, value: str, now: int = NOW) -> sessions.Session | None:
    with database.reading() as connection:
        return tokens.find(connection, value, now_ns=now)


def test_a_token_lives_until_its_end(database: Database, account: accounts.Account) -> None:
    _, value = issue(database, account)

    found = find(database, value)
    assert found is not None
    assert (found.account.name, found.scopes, found.factor) == ("admin", {"read"}, "token")
    assert not sessions.is_form_of(found, "")
    assert find(database, value, NOW + 10 * DAY - 1) is not None
    assert find(database, value, NOW + 10 * DAY) is None
    assert find(database, value[:-1]) is None


def test_a_token_is_taken_back_at_once(database: Database, account: accounts.Account) -> None:
    token_id, value = issue(database, account)
    with database.writing() as connection:
        assert not tokens.revoke(connection, "somebody else", token_id, now_ns=NOW)
        assert tokens.revoke(connection, account.id, token_id, now_ns=NOW)

    assert find(database, value) is None
    with database.reading() as connection:
        assert tokens.mine(connection, account.id, now_ns=NOW) == []


def test_a_token_dies_with_its_account(database: Database, account: accounts.Account) -> None:
    """Also by idleness: a program that asks daily is no person who signs in."""
    _, value = issue(database, account, days=366)

    assert find(database, value, NOW + 44 * DAY) is not None
    assert find(database, value, NOW + 46 * DAY) is None
    with database.writing() as connection:
        accounts.disable(connection, account.id, why="idle", now_ns=NOW)
    assert find(database, value) is None


def test_the_value_is_not_in_the_database(database: Database, account: accounts.Account) -> None:
    _, value = issue(database, account)

    with database.reading() as connection:
        assert value not in repr(connection.execute(sa.select(tables.api_token)).all())


@pytest.mark.parametrize(
    ("title", "scopes", "days"),
    [
        ("", ["read"], 10),
        ("x" * 101, ["read"], 10),
        ("x", [], 10),
        ("x", ["everything"], 10),
        ("x", ["read"], 0),
        ("x", ["read"], 367),
    ],
)
def test_a_token_without_purpose_scope_or_end_is_none(
    database: Database, account: accounts.Account, title: str, scopes: list[str], days: int
) -> None:
    with pytest.raises(VonggacError), database.writing() as connection:
        tokens.issue(connection, account, title=title, scopes=scopes, days=days, now_ns=NOW)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/cameras", "read"),
        ("GET", "/api/v1/cameras/hl-2a/ledger", "read"),
        ("POST", "/api/v1/cameras", "manage"),
        ("DELETE", "/api/v1/cameras/hl-2a", "manage"),
        ("POST", "/api/v1/grants", "pictures"),
        ("GET", "/api/v1/cameras/hl-2a/snapshot.jpg", "pictures"),
        ("GET", "/api/v1/cameras/hl-2a/recording.mp4", "pictures"),
        ("GET", "/api/v1/session", None),
        ("PUT", "/api/v1/session/password", None),
        ("POST", "/api/v1/tokens", None),
        ("DELETE", "/api/v1/sessions/x", None),
        ("POST", "/api/v1/workstation/person", None),
        ("GET", "/", None),
        ("GET", "/wall", None),
    ],
)
def test_what_a_request_needs(method: str, path: str, scope: str | None) -> None:
    assert tokens.scope_of(method, path) == scope


def test_no_token_decides_about_people_or_evidence() -> None:
    """Giving roles, approving an export and letting a hold go are a person's acts."""
    everything = tokens.acts_of(tokens.SCOPES)

    assert not everything & {
        Act.PEOPLE_EDIT,
        Act.ROLES_EDIT,
        Act.OWN_ACCOUNT,
        Act.EXPORT_APPROVE,
        Act.HOLD_RELEASE,
        Act.SESSIONS_END,
        Act.SETTINGS_EDIT,
    }
    assert Act.LIVE_VIEW not in tokens.acts_of({"read", "manage"})


def test_sessions_are_listed_and_revoked(database: Database, account: accounts.Account) -> None:
    def opened(address: str) -> str:
        with database.writing() as connection:
            return sessions.open_session(
                connection, account, address=address, agent="Browser", now_ns=NOW
            )

    here, there = opened("192.0.2.1"), opened("192.0.2.2")
    with database.writing() as connection:
        awaiting = sessions.open_session(
            connection, account, address="", agent="", now_ns=NOW, stage="code"
        )
        listed = sessions.listed(connection, now_ns=NOW, account_id=account.id)
        mine = sessions.find_session(connection, here, now_ns=NOW)
        assert mine is not None
        assert {one.address for one in listed} == {"192.0.2.1", "192.0.2.2"}
        assert sessions.revoke(connection, "other", now_ns=NOW, session_id=mine.id) == 0
        assert sessions.revoke(connection, account.id, now_ns=NOW, but=mine.id) == 2
    with database.reading() as connection:
        assert sessions.find_session(connection, here, now_ns=NOW) is not None
        assert sessions.find_session(connection, there, now_ns=NOW) is None
        assert sessions.find_awaiting(connection, awaiting, now_ns=NOW) is None


def test_a_session_that_awaits_a_code_opens_nothing_and_not_for_long(
    database: Database, account: accounts.Account
) -> None:
    with database.writing() as connection:
        token = sessions.open_session(
            connection, account, address="", agent="", now_ns=NOW, stage="code"
        )
        assert sessions.find_session(connection, token, now_ns=NOW) is None
        assert sessions.find_awaiting(connection, token, now_ns=NOW) is not None
        assert sessions.find_awaiting(connection, token, now_ns=NOW + 601 * NS) is None
