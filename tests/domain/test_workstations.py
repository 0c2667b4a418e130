"""Changing persons by PIN at enrolled machines, and screens that only show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import accounts, sessions, workstations
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Database

NOW = 1_800_000_000 * NS
HOUR = 3600 * NS
PIN = "274916"


@pytest.fixture
def account(database: Database) -> accounts.Account:
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=NOW, password="mot mat khau dai")
        found = accounts.begin_attempt(connection, "admin", now_ns=NOW)
        return accounts.finish_attempt(connection, found, now_ns=NOW)


@pytest.fixture
def machine(database: Database, account: accounts.Account) -> str:
    with database.writing() as connection:
        machine, key = workstations.enrol(
            connection, title="Máy trực 1", room="Phòng trực", account_id=account.id, now_ns=NOW
        )
        found = workstations.workstation_of(connection, key)
        assert found is not None
        assert (found.id, found.enrolled_by) == (machine, "admin")
        assert workstations.workstation_of(connection, "x") is None
    return machine


def with_pin(database: Database, machine: str, account: accounts.Account) -> None:
    with database.writing() as connection:
        workstations.set_pin(
            connection, machine, account.id, accounts._brief.hash(PIN),
            until_ns=NOW + 12 * HOUR, now_ns=NOW,
        )  # fmt: skip


def tried(database: Database, machine: str, account: str, pin: str, now: int = NOW) -> bool:
    with database.writing() as connection:
        found = workstations.begin_pin(connection, machine, account, now_ns=now)
        if not accounts.is_same(pin, [found.pin_hash]):
            return False
        workstations.finish_pin(connection, machine, account)
    return True


def test_a_pin_works_at_its_machine_until_the_shift_ends(
    database: Database, account: accounts.Account, machine: str
) -> None:
    with_pin(database, machine, account)

    with database.reading() as connection:
        names = [one.name for one in workstations.on_duty(connection, machine, now_ns=NOW)]
        late = workstations.on_duty(connection, machine, now_ns=NOW + 12 * HOUR)
    assert (names, late) == (["admin"], [])
    assert tried(database, machine, account.id, PIN)
    assert not tried(database, machine, account.id, "000000")
    for machine_id, now in (("another", NOW), (machine, NOW + 12 * HOUR)):
        with pytest.raises(VonggacError, match="password first"):
            tried(database, machine_id, account.id, PIN, now)


def test_five_wrong_pins_ask_for_a_full_sign_in(
    database: Database, account: accounts.Account, machine: str
) -> None:
    """Six figures are guessed in an afternoon otherwise."""
    with_pin(database, machine, account)
    for _ in range(5):
        assert not tried(database, machine, account.id, "000000")

    with pytest.raises(VonggacError, match="password first"):
        tried(database, machine, account.id, PIN)
    with database.writing() as connection:
        workstations.arm_pin(connection, machine, account.id, until_ns=NOW + 12 * HOUR)
    assert tried(database, machine, account.id, PIN)


def test_a_right_pin_forgets_the_wrong_ones(
    database: Database, account: accounts.Account, machine: str
) -> None:
    with_pin(database, machine, account)
    for _ in range(3):
        for _ in range(4):
            tried(database, machine, account.id, "000000")
        assert tried(database, machine, account.id, PIN)


def test_a_closed_account_has_no_pin(
    database: Database, account: accounts.Account, machine: str
) -> None:
    with_pin(database, machine, account)
    with database.writing() as connection:
        accounts.disable(connection, account.id, why="idle", now_ns=NOW)

    with pytest.raises(VonggacError, match="password first"):
        tried(database, machine, account.id, PIN)


def test_a_pin_is_chosen_after_a_full_sign_in_at_the_machine(
    account: accounts.Account, database: Database
) -> None:
    """Else one PIN would beget the next, and nobody would ever sign in."""

    def session(factor: sessions.Factor, machine: str | None) -> sessions.Session:
        return sessions.Session(
            account, "t", NOW, stale=False, factor=factor, began_ns=NOW, workstation_id=machine
        )

    assert workstations.shift_ends_ns(session("totp", "m")) == NOW + 12 * HOUR
    for factor, machine in (("pin", "m"), ("token", "m"), ("password", None)):
        with pytest.raises(VonggacError, match="full sign-in"):
            workstations.shift_ends_ns(session(factor, machine))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pin", "fault"),
    [
        ("274916", None),
        ("27491", "pin_not_figures"),
        ("2749161234567", "pin_not_figures"),
        ("27491x", "pin_not_figures"),
        ("٢٧٤٩١٦", "pin_not_figures"),
        ("111111", "pin_too_plain"),
        ("121212", "pin_too_plain"),
        ("123456", "pin_too_plain"),
        ("987654", "pin_too_plain"),
    ],
)
def test_rules_of_a_pin(pin: str, fault: str | None) -> None:
    assert workstations.pin_fault(pin) == fault


def test_a_machine_that_is_revoked_ends_what_was_open_there(
    database: Database, account: accounts.Account, machine: str
) -> None:
    with_pin(database, machine, account)
    with database.writing() as connection:
        token = sessions.open_session(
            connection, account, address="", agent="", now_ns=NOW, workstation_id=machine
        )
        workstations.revoke_workstation(connection, machine, now_ns=NOW)
        assert sessions.find_session(connection, token, now_ns=NOW) is None
        assert workstations.workstations(connection) == []
    with pytest.raises(VonggacError, match="no such"), database.writing() as connection:
        workstations.revoke_workstation(connection, machine, now_ns=NOW)


def display(database: Database, account: accounts.Account) -> tuple[str, str]:
    with database.writing() as connection:
        return workstations.add_display(
            connection, title="Tivi", room="Phòng trực", account_id=account.id,
            cameras=["hl-2a", "cg-1"], now_ns=NOW,
        )  # fmt: skip


def test_a_display_is_linked_once_and_in_time(
    database: Database, account: accounts.Account
) -> None:
    """A code that was seen over a shoulder links no second screen."""
    _, code = display(database, account)

    with database.writing() as connection:
        assert workstations.link(connection, code, now_ns=NOW + 901 * NS) is None
        linked = workstations.link(connection, code.replace("-", "").upper(), now_ns=NOW)
        assert linked is not None
        assert workstations.link(connection, code, now_ns=NOW) is None
        found = workstations.display_of(connection, linked[1], now_ns=NOW)
    assert found is not None
    assert (found.cameras, found.room, found.account_name) == (
        ("hl-2a", "cg-1"), "Phòng trực", "admin",
    )  # fmt: skip


def test_a_display_dies_with_its_responsible_person_and_with_a_new_link(
    database: Database, account: accounts.Account
) -> None:
    """Nobody answers for it otherwise."""
    display_id, code = display(database, account)
    with database.writing() as connection:
        linked = workstations.link(connection, code, now_ns=NOW)
        assert linked is not None
        workstations.new_link(connection, display_id, now_ns=NOW)
        assert workstations.display_of(connection, linked[1], now_ns=NOW) is None
        again = workstations.link(
            connection, workstations.new_link(connection, display_id, now_ns=NOW), now_ns=NOW
        )
        assert again is not None
        accounts.disable(connection, account.id, why="idle", now_ns=NOW)
        assert workstations.display_of(connection, again[1], now_ns=NOW) is None


def test_keys_and_codes_are_not_in_the_database(
    database: Database, account: accounts.Account, machine: str
) -> None:
    _, code = display(database, account)
    with database.writing() as connection:
        linked = workstations.link(connection, code, now_ns=NOW)
        assert linked is not None
        with_pin_kept = repr(connection.execute(sa.select(tables.display)).all())
    assert linked[1] not in with_pin_kept
    assert code not in with_pin_kept
