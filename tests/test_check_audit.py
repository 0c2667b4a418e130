"""`vonggac check` and `vonggac audit` on a data directory: any altered row is named."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac import cli, wire
from vonggac.db import Database, sqlite_url, tables
from vonggac.domain import audit
from vonggac.edge.box import identity_at
from vonggac.edge.journal import Journal
from vonggac.edge.recovery import open_catalog

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory as `vonggac up` leaves it: five rows, the box signed the third."""
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    identity = identity_at(recordings)
    open_catalog(recordings)[0].close()
    journal = Journal(recordings, identity.site, 1, identity.key.sign)
    database = Database(sqlite_url(tmp_path / "hub.sqlite"))
    database.migrate()
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(
                id=identity.site, name="sl-05", public_key=identity.key.public, created_ns=1
            )
        )
    for number in range(5):
        with database.writing() as connection:
            audit.record(
                connection, audit.Actor("an"), audit.Act.LIVE, now_ns=time.time_ns(), thing="x"
            )
            head = audit.head(connection)
        if number == 2:
            journal.append(
                wire.Anchored(at=time.time_ns(), what="audit", digest=head.hash, row=head.row)
            )
    journal.close()
    database.close()
    return tmp_path


def altered(data: Path, *statements: str) -> None:
    """What somebody does who holds the file."""
    database = Database(sqlite_url(data / "hub.sqlite"))
    with database.writing() as connection:
        for name in ("audit_unaltered", "audit_kept"):
            connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {name}"))
        for statement in statements:
            connection.execute(sa.text(statement))
    database.close()


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = cli.main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_whole_audit_is_counted_and_held_against_what_the_box_signed(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the data directory, on the recordings in it, and by the command of its own."""
    for words in (["check", str(data)], ["check", str(data / "recordings")]):
        code, said = told(capsys, *words)
        assert (code, said["audit"]) == (
            0,
            {"ok": True, "rows": 5, "anchors": 1, "faults": []},
        )
    assert told(capsys, "audit", "--data", str(data)) == (
        0,
        {"ok": True, "rows": 5, "anchors": 1, "faults": []},
    )
    assert cli.main(["audit", "--data", str(data), "--export"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5 + 2
    assert cli.main(["audit", "--data", str(data / "recordings" / "journal")]) == 2


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET actor = 'binh' WHERE id = 2", "row 2 was changed"),
        ("DELETE FROM audit WHERE id = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE id = 1", "the rows before row 2 are missing"),
        ("DELETE FROM audit WHERE id = 5", "rows 5 to 5, the newest, are missing"),
        ("DELETE FROM audit", "rows 1 to 5, the newest, are missing"),
    ],
)
def test_check_names_an_altered_row(
    data: Path, capsys: pytest.CaptureFixture[str], statement: str, said: str
) -> None:
    """Edited, cut out or taken off the end."""
    altered(data, statement)

    code, found = told(capsys, "check", str(data))

    assert code == 1
    assert found["ok"] is False
    assert any(fault.startswith(f"audit: {said}") for fault in found["faults"]), found["faults"]


def test_check_names_a_chain_that_was_rewritten_together_with_its_head(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The box's own journal is a witness that the database's owner does not hold."""
    altered(
        data,
        "DELETE FROM audit WHERE id > 2",
        "UPDATE audit_head SET row_id = 2, hash = (SELECT hash FROM audit WHERE id = 2)",
    )

    code, found = told(capsys, "check", str(data))

    assert code == 1
    (fault,) = found["audit"]["faults"]
    assert fault.startswith("rows 3 to 3 are missing: the site's ledger of ")
