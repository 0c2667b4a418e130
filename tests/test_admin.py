"""Administration without a browser: the same rules and the same audit rows as the pages."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from databases import migrated_at
from vonggac import keys
from vonggac.cli import main
from vonggac.clock import NS
from vonggac.db import Database, sqlite_url
from vonggac.domain import accounts, audit, second_factor, sessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data directory of a hub with its first administrator."""
    database = migrated_at(tmp_path / "hub.sqlite")
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=1, password="mot mat khau dai de thu")
    database.close()
    return tmp_path


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a subcommand with --json; its exit code and its object."""

    def run(*words: str) -> tuple[int, Any]:
        code = main([*words, "--data", str(data), "--json"])
        told = capsys.readouterr().out.strip().splitlines()
        return code, json.loads(told[-1]) if told else None

    return run


def test_people_roles_and_units_are_kept_from_the_command_line(run: Run, data: Path) -> None:
    """From an empty hub to a duty officer of a province, and out again."""
    assert run("unit", "load", "--profile", "2026")[1]["added"] > 3_355
    found = run("unit", "find", "--words", "lai chau")[1]["units"][0]
    code, made = run("user", "add", "--user", "hoa.nt", "--full-name", "Người Thử Hòa")
    _, given = run(
        "role", "give", "--user", "hoa.nt", "--role", "centre_duty", "--unit", found["id"],
        "--reason", "phân công ca trực",
    )  # fmt: skip
    held = run("role", "list", "--user", "hoa.nt")[1]["roles"]
    _, ended = run("role", "end", "--id", given["id"], "--reason", "hết ca")
    _, closed = run("user", "close", "--user", "hoa.nt")
    people = {one["user"]: one for one in run("user", "list")[1]["users"]}

    assert (code, found["id"], made["user"]) == (0, "2026.12", "hoa.nt")
    assert len(made["password"]) >= 14
    assert [(one["role"], one["unit"], one["end"]) for one in held] == [
        ("centre_duty", "2026.12", None)
    ]
    assert (ended["ended_by"], ended["ended_reason"]) == ("command line", "hết ca")
    assert closed == {"user": "hoa.nt"}
    assert people["hoa.nt"]["closed"] is not None
    database = Database(sqlite_url(data / "hub.sqlite"))
    with database.reading() as connection:
        acts = [row.act for row in audit.rows(connection, audit.Filter(actor="command line"))]
    database.close()
    assert acts == ["account_closed", "role_ended", "role_given", "account_made", "unit_added"]


def test_the_command_line_follows_the_rules_of_roles(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The military line is opened by the military command alone, whoever holds the machine."""
    code, _ = run(
        "role", "give", "--user", "admin", "--role", "shift_lead", "--line", "military",
        "--reason", "thử",
    )  # fmt: skip
    assert code == 1
    code, _ = run("role", "give", "--user", "admin", "--role", "enterprise", "--reason", "thử")
    assert code == 1
    code, _ = run("role", "give", "--user", "nobody", "--role", "auditor", "--reason", "thử")
    assert code == 1


def test_what_is_missing_is_named(run: Run, tmp_path: Path) -> None:
    """Exit code 2 is wrong use: an option that is needed, a hub that is not there."""
    assert run("role", "give", "--user", "admin")[0] == 2
    assert run("unit", "add")[0] == 2
    assert main(["user", "list", "--data", str(tmp_path / "no" / "where")]) == 2


def test_duties_are_printed_with_their_acts(run: Run) -> None:
    """Whoever gives a role from a script reads what it opens."""
    told = {one["code"]: one["acts"] for one in run("role", "duties")[1]["duties"]}

    assert "live_view" in told["shift_lead"]
    assert "live_view" not in told["administrator"]


def test_a_lost_telephone_and_its_codes_are_forgotten_on_the_hubs_own_machine(
    run: Run, data: Path
) -> None:
    """The last administrator who lost both has nobody to ask in the browser."""
    database = Database(sqlite_url(data / "hub.sqlite"))
    box = keys.Box.at(data / "keys.box")
    now_ns = time.time_ns()
    with database.writing() as connection:
        attempt = accounts.begin_attempt(connection, "admin", now_ns=now_ns)
        assert attempt.account is not None
        secret = second_factor.new_secret()
        code = pyotp.TOTP(secret.reveal()).at(now_ns // NS)
        second_factor.enrol(connection, box, attempt.account, secret, code, now_ns=now_ns)
        cookie = sessions.open_session(
            connection, attempt.account, address="", agent="", now_ns=now_ns
        )

    done, told = run("user", "reset-factor", "--user", "admin")

    with database.writing() as connection:
        left = second_factor.recovery_codes_left(connection, attempt.account.id)
        again = accounts.begin_attempt(connection, "admin", now_ns=now_ns + 1)
        session = sessions.find_session(connection, cookie, now_ns=now_ns + 1)
        row = audit.rows(connection, audit.Filter())[0]
    database.close()
    assert (done, left, session) == (0, 0, None)
    assert again.account is not None
    assert accounts.matches(again, told["password"])
    assert not run("user", "list")[1]["users"][0]["second_factor"]
    assert (row.act, row.actor, row.thing) == ("second_factor_removed", "command line", "admin")
