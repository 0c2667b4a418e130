"""Who may sign in, and what a wrong password costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import accounts, sessions, tries
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Database

PASSWORD = "mot mat khau dai"
NOW = 1_800_000_000 * NS


def ensure(database: Database, password: str | None = PASSWORD) -> accounts.FirstSignIn | None:
    with database.writing() as connection:
        return accounts.ensure_administrator(connection, now_ns=NOW, password=password)


def attempt(
    database: Database, password: str, *, name: str = "admin", now: int = NOW, address: str = ""
) -> bool:
    with database.writing() as connection:
        found = accounts.begin_attempt(connection, name, now_ns=now, address=address)
    if not accounts.matches(found, password):
        return False
    with database.writing() as connection:
        accounts.finish_attempt(connection, found, now_ns=now)
    return True


def admin(database: Database) -> accounts.Account:
    with database.writing() as connection:
        found = accounts.begin_attempt(connection, "admin", now_ns=NOW)
        assert found.account is not None
        accounts.finish_attempt(connection, found, now_ns=NOW)
    return found.account


def test_the_first_administrator_gets_a_password_that_must_be_changed(database: Database) -> None:
    first = ensure(database, None)

    assert first is not None
    assert len(first.password) == 19
    assert first.must_change
    assert attempt(database, first.password)
    assert admin(database).must_change


def test_the_first_administrator_is_made_once(database: Database) -> None:
    """A restart must not print a second password."""
    assert ensure(database) is not None
    assert ensure(database, None) is None


def test_a_given_password_need_not_be_changed(database: Database) -> None:
    """Whoever starts the demo chose it."""
    first = ensure(database)

    assert first is not None
    assert not first.must_change


@pytest.mark.usefixtures("passwords_of_full_work")
def test_the_password_is_stored_as_argon2id(sqlite: Database) -> None:
    ensure(sqlite)

    with sqlite.reading() as connection:
        stored = connection.execute(sa.select(tables.account.c.password_hash)).scalar_one()
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_five_wrong_passwords_lock_for_five_minutes(database: Database) -> None:
    """Also for the right password, and without counting what comes meanwhile."""
    ensure(database)
    for _ in range(5):
        assert not attempt(database, "sai")

    with pytest.raises(accounts.Locked) as caught:
        attempt(database, PASSWORD)
    assert caught.value.until_ns == NOW + 300 * NS
    with pytest.raises(accounts.Locked):
        attempt(database, PASSWORD, now=NOW + 299 * NS)
    assert attempt(database, PASSWORD, now=NOW + 301 * NS)


def test_a_right_password_forgets_the_wrong_ones_before_it(sqlite: Database) -> None:
    ensure(sqlite)
    for _ in range(3):
        for _ in range(4):
            attempt(sqlite, "sai")
        assert attempt(sqlite, PASSWORD)


def test_old_wrong_passwords_are_forgotten(sqlite: Database) -> None:
    """Four typing mistakes last week and one today are no attack."""
    ensure(sqlite)
    for _ in range(4):
        attempt(sqlite, "sai")

    assert not attempt(sqlite, "sai", now=NOW + 901 * NS)
    assert attempt(sqlite, PASSWORD, now=NOW + 902 * NS)


def test_an_unknown_name_is_answered_like_a_known_one(sqlite: Database) -> None:
    """Tries left and the lock must not tell which names exist."""
    ensure(sqlite)
    left = []
    for _ in range(5):
        with sqlite.writing() as connection:
            found = accounts.begin_attempt(connection, "Nobody", now_ns=NOW)
        assert not accounts.matches(found, "sai")
        left.append(found.tries_left)

    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(accounts.Locked), sqlite.writing() as connection:
        accounts.begin_attempt(connection, "nobody", now_ns=NOW)


def test_a_try_counts_before_its_password_is_looked_at(sqlite: Database) -> None:
    """Twenty guesses sent at once must not all slip in before the first is counted."""
    ensure(sqlite)
    taken = 0
    for _ in range(20):
        try:
            with sqlite.writing() as connection:
                accounts.begin_attempt(connection, "admin", now_ns=NOW)
        except accounts.Locked:
            continue
        taken += 1

    assert taken == 5


def test_the_table_of_tries_is_bounded(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are typed by strangers."""
    monkeypatch.setattr(tries, "KEPT", 150)
    with sqlite.writing() as connection:
        for number in range(400):
            accounts.begin_attempt(connection, f"name{number}", now_ns=NOW + number)
        kept = connection.execute(
            sa.select(sa.func.count()).select_from(tables.attempt)
        ).scalar_one()

    assert kept <= 150


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("ngan", "password_too_short"),
        ("aaaaaaaaaaaaaaaaaaaa", "password_too_plain"),
        ("admin-admin-2026-x", "password_too_plain"),
        ("con ngua 12" * 12, "password_too_long"),
        ("con ngua" * 16, None),
        ("con ngựa chạy trên đồi", None),
        ("Ng@n 8 ky tu", "password_too_short"),
    ],
)
def test_rules_of_a_password(password: str, fault: str | None) -> None:
    assert accounts.password_fault(password, "admin") == fault


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("Ng4n!xy", "password_too_short"),
        ("Ng4n!xyz", None),
        ("ng4n!xyz", "password_not_mixed"),
        ("NG4N!XYZ", "password_not_mixed"),
        ("Ngan!xyz", "password_not_mixed"),
        ("Ng4n5xyz", "password_not_mixed"),
        ("con ngựa chạy trên đồi", None),
    ],
)
def test_rules_of_a_password_beside_a_second_factor(password: str, fault: str | None) -> None:
    """Eight characters of four kinds are enough then (decision 724); a sentence always is."""
    assert accounts.password_fault(password, "admin", has_factor=True) == fault


def test_an_administrators_password_ages(database: Database) -> None:
    """After two months the right password opens nothing but its change; nobody else's does."""
    ensure(database)
    day = 86_400 * NS
    with database.writing() as connection:
        other, _ = accounts.create(connection, name="thuc.lv", full_name="Người Trực", now_ns=NOW)
        connection.execute(
            tables.account.update()
            .where(tables.account.c.id == other)
            .values(must_change=False, password_hash=accounts.hashed(PASSWORD), created_ns=NOW)
        )

    def sign_in(name: str, now: int) -> accounts.Account:
        with database.writing() as connection:
            found = accounts.begin_attempt(connection, name, now_ns=now)
            return accounts.finish_attempt(connection, found, now_ns=now)

    assert not sign_in("admin", NOW + 59 * day).must_change
    assert sign_in("admin", NOW + 61 * day).must_change
    assert not sign_in("thuc.lv", NOW + 61 * day).must_change


def test_an_idle_account_opens_nothing_until_an_administrator_opens_it(
    database: Database,
) -> None:
    """Forty-five days; the idle days begin anew when it is opened."""
    ensure(database)
    day = 86_400 * NS
    account = admin(database)
    with database.writing() as connection:
        token = sessions.open_session(connection, account, address="", agent="", now_ns=NOW)
        found = accounts.begin_attempt(connection, "admin", now_ns=NOW + 44 * day)
        assert found.closed == ""
        late = accounts.begin_attempt(connection, "admin", now_ns=NOW + 46 * day)
        assert late.closed == "idle"
        closed = accounts.disable_idle(connection, now_ns=NOW + 46 * day)
    assert [one.name for one in closed] == ["admin"]
    with database.writing() as connection:
        assert sessions.find_session(connection, token, now_ns=NOW + 1) is None
        assert accounts.disable_idle(connection, now_ns=NOW + 47 * day) == []
        accounts.enable(connection, account.id, now_ns=NOW + 50 * day)
        again = accounts.begin_attempt(connection, "admin", now_ns=NOW + 90 * day)
    assert again.closed == ""


def test_the_last_administrator_cannot_be_closed(sqlite: Database) -> None:
    """Nobody could open anything again."""
    ensure(sqlite)
    account = admin(sqlite)

    with pytest.raises(VonggacError, match="administer"), sqlite.writing() as connection:
        accounts.disable(connection, account.id, why="administrator", now_ns=NOW)


@pytest.mark.usefixtures("passwords_of_full_work")
def test_a_first_password_costs_an_attacker_the_same_time(sqlite: Database) -> None:
    """It is hashed with less work, and must not be told from an unknown name by that."""
    ensure(sqlite)
    with sqlite.writing() as connection:
        _, first = accounts.create(connection, name="thuc.lv", full_name="Người Trực", now_ns=NOW)
        found = accounts.begin_attempt(connection, "thuc.lv", now_ns=NOW)

    assert accounts._hasher.check_needs_rehash(found.password_hash)
    assert accounts.matches(found, first.password)
    assert not accounts.matches(found, "sai")


@pytest.mark.parametrize("name", ["", "x", "Có Dấu", "a b", "a/b", "a" * 60])
def test_names_are_plain(sqlite: Database, name: str) -> None:
    with pytest.raises(VonggacError, match="cannot be made"), sqlite.writing() as connection:
        accounts.create(connection, name=name, full_name="Người Trực", now_ns=NOW)


def test_a_name_is_taken_once(database: Database) -> None:
    ensure(database)

    with pytest.raises(VonggacError, match="taken"), database.writing() as connection:
        accounts.create(connection, name="Admin", full_name="Người Trực", now_ns=NOW)


def test_changing_a_password_ends_every_session(database: Database) -> None:
    """Whoever had the old password is out."""
    ensure(database, None)
    account = admin(database)
    with database.writing() as connection:
        token = sessions.open_session(connection, account, address="", agent="", now_ns=NOW)
    with database.writing() as connection:
        kept = accounts.hashed("con ngựa chạy trên đồi")
        accounts.set_password(connection, account.id, kept, now_ns=NOW)

    with database.reading() as connection:
        assert sessions.find_session(connection, token, now_ns=NOW) is None
    assert attempt(database, "con ngựa chạy trên đồi")
    assert not admin(database).must_change


def test_the_last_ten_passwords_are_no_new_ones(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The eleventh from the end may be taken again; a history of ten is a history of ten."""
    monkeypatch.setattr(accounts, "_hasher", accounts._brief)
    ensure(sqlite)
    account = admin(sqlite)
    for number in range(10):
        with sqlite.writing() as connection:
            kept = accounts.hashed(f"mat khau thu {number} cua toi")
            accounts.set_password(connection, account.id, kept, now_ns=NOW + number)

    with sqlite.reading() as connection:
        past = accounts.past_hashes(connection, account.id)

    assert len(past) == 10
    assert all(accounts.is_same(f"mat khau thu {number} cua toi", past) for number in range(10))
    assert not accounts.is_same(PASSWORD, past)


def test_a_session_ends_by_time_by_idleness_and_by_signing_out(database: Database) -> None:
    ensure(database)
    account = admin(database)

    def opened() -> str:
        with database.writing() as connection:
            return sessions.open_session(
                connection, account, address="192.0.2.7", agent="x" * 500, now_ns=NOW
            )

    def is_open(token: str, at: int) -> bool:
        with database.reading() as connection:
            return sessions.find_session(connection, token, now_ns=at) is not None

    first, second = opened(), opened()
    assert first != second
    assert is_open(first, NOW + 3600 * NS)
    assert not is_open(first, NOW + 2 * 3600 * NS + NS)
    for hour in range(1, 12):
        with database.writing() as connection:
            sessions.touch(connection, first, now_ns=NOW + hour * 3600 * NS)
    assert is_open(first, NOW + 12 * 3600 * NS - NS)
    assert not is_open(first, NOW + 12 * 3600 * NS)
    with database.writing() as connection:
        sessions.end_session(connection, second, now_ns=NOW)
    assert not is_open(second, NOW)
    assert not is_open("something else", NOW)


def test_the_cookie_is_not_in_the_database(sqlite: Database) -> None:
    """A stolen backup opens nothing."""
    ensure(sqlite)
    account = admin(sqlite)
    with sqlite.writing() as connection:
        token = sessions.open_session(connection, account, address="", agent="", now_ns=NOW)

    with sqlite.reading() as connection:
        assert token not in repr(connection.execute(sa.select(tables.session)).all())
