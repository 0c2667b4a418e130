"""Codes from a telephone: what is asked of whom, which codes open, and that none opens twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyotp
import pytest
import sqlalchemy as sa

from vonggac import keys
from vonggac.clock import NS
from vonggac.config import Secret, SignInConfig, WebConfig
from vonggac.db import tables
from vonggac.domain import accounts, second_factor
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.db import Database

NOW = 1_800_000_000 * NS
RFC_SECRET = Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
"""The key of RFC 6238 appendix B, '12345678901234567890', in base32."""


@pytest.fixture
def box(tmp_path: Path) -> keys.Box:
    return keys.Box.at(tmp_path / "credentials.key")


def enrolled(
    database: Database, box: keys.Box, now: int = NOW
) -> tuple[accounts.Account, Secret, list[str]]:
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=now, password="mot mat khau dai")
        found = accounts.begin_attempt(connection, "admin", now_ns=now).account
        assert found is not None
        secret = second_factor.new_secret()
        code = pyotp.TOTP(secret.reveal()).at(now // NS)
        codes = second_factor.enrol(connection, box, found, secret, code, now_ns=now)
    return found, secret, codes


def take(database: Database, box: keys.Box, account: str, code: str, now: int) -> str | None:
    with database.writing() as connection:
        return second_factor.take(connection, box, account, code, now_ns=now)


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
    ],
)
def test_codes_are_those_of_the_standard(at_s: int, code: str) -> None:
    """RFC 6238 appendix B, the last six of its eight digits."""
    assert second_factor.step_of(RFC_SECRET, code, at_s * NS) == at_s // 30


def test_a_code_is_good_for_the_step_before_and_after(sqlite: Database, box: keys.Box) -> None:
    """Slow hands and a clock half a minute off; no more than that."""
    secret, at_s = RFC_SECRET, 1_234_567_890
    code = "005924"
    good = [
        offset
        for offset in range(-120, 121, 30)
        if second_factor.step_of(secret, code, (at_s + offset) * NS) is not None
    ]

    assert good == [-30, 0, 30]


@pytest.mark.parametrize("code", ["", "00592", "0059240", "00592x", "٠٠٥٩٢٤", "-05924", "005 924 "])
def test_what_is_no_code_is_none(code: str) -> None:
    found = second_factor.step_of(RFC_SECRET, code, 1_234_567_890 * NS)

    assert (found is not None) == (code.replace(" ", "") == "005924")


def test_no_code_opens_twice(database: Database, box: keys.Box) -> None:
    """Nor does one that is older than the last that was taken: RFC 6238 section 5.2."""
    account, secret, _ = enrolled(database, box)
    codes = pyotp.TOTP(secret.reveal())
    later = NOW + 60 * NS
    code, before = codes.at(later // NS), codes.at(later // NS - 30)

    assert take(database, box, account.id, code, later) == "totp"
    assert take(database, box, account.id, code, later) is None
    assert take(database, box, account.id, before, later) is None
    assert take(database, box, account.id, codes.at(later // NS + 30), later) == "totp"


def test_the_code_that_enrolled_does_not_open_as_well(sqlite: Database, box: keys.Box) -> None:
    account, secret, _ = enrolled(sqlite, box)

    assert take(sqlite, box, account.id, pyotp.TOTP(secret.reveal()).at(NOW // NS), NOW) is None


def test_a_recovery_code_opens_once(database: Database, box: keys.Box) -> None:
    account, _, codes = enrolled(database, box)
    typed = codes[3].upper().replace("-", " ")

    assert len(set(codes)) == 10
    assert take(database, box, account.id, typed, NOW) == "recovery"
    assert take(database, box, account.id, codes[3], NOW) is None
    with database.reading() as connection:
        assert second_factor.recovery_codes_left(connection, account.id) == 9


def test_new_recovery_codes_end_the_old_ones(sqlite: Database, box: keys.Box) -> None:
    account, _, old = enrolled(sqlite, box)
    with sqlite.writing() as connection:
        new = second_factor.new_recovery_codes(connection, account.id, now_ns=NOW)

    assert take(sqlite, box, account.id, old[0], NOW) is None
    assert take(sqlite, box, account.id, new[0], NOW) == "recovery"


def test_a_wrong_first_code_enrols_nothing(sqlite: Database, box: keys.Box) -> None:
    """A telephone whose clock is off would lock its owner out."""
    account, _, _ = enrolled(sqlite, box)
    with pytest.raises(VonggacError, match="code of this moment"), sqlite.writing() as connection:
        second_factor.enrol(
            connection, box, account, second_factor.new_secret(), "000000", now_ns=NOW
        )


def test_neither_secret_nor_codes_are_in_the_database(sqlite: Database, box: keys.Box) -> None:
    """A stolen backup opens nothing without the hub's key."""
    _, secret, codes = enrolled(sqlite, box)

    with sqlite.reading() as connection:
        kept = repr(connection.execute(sa.select(tables.account)).all())
        kept += repr(connection.execute(sa.select(tables.recovery_code)).all())
    assert secret.reveal() not in kept
    assert not any(code in kept for code in codes)


def test_a_secret_is_bound_to_its_account(sqlite: Database, box: keys.Box) -> None:
    """Whoever can write the database cannot give his own telephone to somebody else."""
    account, secret, _ = enrolled(sqlite, box)
    with sqlite.writing() as connection:
        sealed = box.lock(secret, "factor another")
        connection.execute(tables.account.update().values(factor_sealed=sealed))

    with pytest.raises(VonggacError, match="something else"):
        take(sqlite, box, account.id, pyotp.TOTP(secret.reveal()).at(NOW // NS + 60), NOW)


def test_removing_it_asks_for_a_new_password(sqlite: Database, box: keys.Box) -> None:
    """The password may be short because of the second factor."""
    account, _, codes = enrolled(sqlite, box)
    with sqlite.writing() as connection:
        second_factor.remove(connection, account.id)
        found = accounts.find(connection, account.id)

    assert (found.has_factor, found.must_change) == (False, True)
    assert take(sqlite, box, account.id, codes[0], NOW) is None


@pytest.mark.parametrize("administers", [False, True])
@pytest.mark.parametrize("is_enrolled", [False, True])
@pytest.mark.parametrize("is_inside", [False, True])
@pytest.mark.parametrize("wanted", ["everyone", "administrators", "outside"])
def test_what_a_right_password_leads_to(
    wanted: str, is_inside: bool, is_enrolled: bool, administers: bool
) -> None:
    """The whole table; from outside nobody gets in without a code, and nobody enrols."""
    found = second_factor.demand(
        SignInConfig(second_factor=wanted),  # type: ignore[arg-type]
        administers=administers,
        is_enrolled=is_enrolled,
        is_inside=is_inside,
    )

    if is_enrolled:
        assert found == "code"
    elif not is_inside:
        assert found == "refuse"
    elif wanted == "everyone" or (wanted == "administrators" and administers):
        assert found == "enrol"
    else:
        assert found == "none"


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.7.9", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("::ffff:10.1.2.3", True),
        ("fe80::1%eth0", True),
        ("fd12::5", True),
        ("203.0.113.9", False),
        ("2001:db8::1", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_what_is_inside(address: str, inside: bool) -> None:
    networks = WebConfig().inside_networks

    assert second_factor.is_inside(address, networks, behind_proxy=False) is inside


def test_behind_a_proxy_this_machine_itself_is_outside() -> None:
    """A proxy that does not say for whom it asks would let the whole world in as inside."""
    networks = WebConfig().inside_networks

    assert not second_factor.is_inside("127.0.0.1", networks, behind_proxy=True)
    assert not second_factor.is_inside("::1", networks, behind_proxy=True)
    assert second_factor.is_inside("192.168.7.9", networks, behind_proxy=True)
