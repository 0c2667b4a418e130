"""Whom wrong passwords lock out, and whom they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vonggac.clock import NS
from vonggac.domain import tries

if TYPE_CHECKING:
    from vonggac.db import Database

LIMITS = tries.Limits(tries=5, lock_s=300, forget_s=900)
NOW = 1_800_000_000 * NS
PERSON, STRANGER = "192.0.2.7", "198.51.100.66"


def wrong(database: Database, address: str, *, at_s: float = 0, name: str = "admin") -> int:
    with database.writing() as connection:
        return tries.count(
            connection, name, tries.network(address), LIMITS, now_ns=NOW + int(at_s * NS)
        )


def right(database: Database, address: str, *, at_s: float = 0) -> None:
    left = wrong(database, address, at_s=at_s)
    assert left >= 0
    with database.writing() as connection:
        tries.forget(connection, "admin", tries.network(address))


def test_a_stranger_elsewhere_does_not_lock_the_person_out(database: Database) -> None:
    """The one administrator of a hub must not depend on the good will of the network."""
    left = [wrong(database, STRANGER) for _ in range(5)]

    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(tries.Locked) as caught:
        wrong(database, STRANGER, at_s=299)
    assert caught.value.until_ns == NOW + 300 * NS
    right(database, PERSON)
    with pytest.raises(tries.Locked):
        wrong(database, STRANGER)


def test_a_stranger_who_never_stops_keeps_nobody_else_out(sqlite: Database) -> None:
    """Five wrong ones at the end of each lock, for a day."""
    for lock in range(288):
        for _ in range(5):
            wrong(sqlite, STRANGER, at_s=lock * 301)
        if lock % 32 == 0:
            right(sqlite, PERSON, at_s=lock * 301 + 1)


def test_a_swarm_locks_the_name_everywhere(database: Database) -> None:
    """Four guesses from each of many addresses would pass under every lock of one."""
    for number in range(50):
        wrong(database, f"192.0.2.{number}", at_s=number)

    with pytest.raises(tries.Locked) as caught:
        wrong(database, "203.0.113.9", at_s=50)
    assert caught.value.until_ns == NOW + (49 + 300) * NS
    right(database, "203.0.113.9", at_s=350)


def test_a_right_password_gives_a_swarm_no_more_tries(sqlite: Database) -> None:
    """The person signs in all day; the guesses of others stay counted."""
    tried = 0
    with pytest.raises(tries.Locked):
        for number in range(100):
            wrong(sqlite, f"192.0.2.{number}")
            tried += 1
            right(sqlite, "203.0.113.9")

    assert tried == 50


def test_names_are_counted_apart(sqlite: Database) -> None:
    for _ in range(5):
        wrong(sqlite, STRANGER, name="admin")

    assert wrong(sqlite, STRANGER, name="other") == 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("::ffff:192.0.2.66", "192.0.2.66"),
        ("fe80::1%eth0", "fe80::2%eth1"),
    ],
)
def test_addresses_of_one_line_are_one(first: str, second: str) -> None:
    """An IPv6 line has more addresses than there are passwords."""
    assert tries.network(first) == tries.network(second)


def test_addresses_of_two_lines_are_two() -> None:
    assert tries.network("2001:db8:1:2::1") != tries.network("2001:db8:1:3::1")
    assert tries.network("192.0.2.66") != tries.network("192.0.2.67")


def test_what_is_no_address_is_taken_as_it_is() -> None:
    """Programs of this machine have none; a proxy may write anything."""
    assert tries.network("") == ""
    assert tries.network("unknown" * 20) == ("unknown" * 20)[:45]
