"""`vonggac check` and `vonggac audit` on a data directory: any altered row is named."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from databases import migrated_at
from vonggac import cli, wire
from vonggac.db import Database, sqlite_url, tables
from vonggac.domain import audit
from vonggac.edge.identity import identity_at
from vonggac.edge.journal import Journal
from vonggac.edge.recovery import open_catalog

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory as `vonggac up` leaves it: five rows, the box signed the third."""
    fill(tmp_path, sqlite_url(tmp_path / "hub.sqlite"))
    return tmp_path


def fill(data: Path, url: str) -> None:
    """Five rows, the third of them signed by the box."""
    recordings = data / "recordings"
    recordings.mkdir()
    identity = identity_at(recordings)
    open_catalog(recordings)[0].close()
    journal = Journal(recordings, identity.site, 1, identity.key.sign)
    path = sa.make_url(url).database if url.startswith("sqlite") else None
    database = migrated_at(Path(path)) if path else Database(url)
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


def changed(column: sa.Column[Any]) -> Any:
    """Another value that the column takes."""
    if column.name == "outcome":
        return "refused"
    if column.name == "id":
        return 9
    if column.name == "detail":
        return {"n": 1}
    return column.type.python_type(1)


def swapped(table: sa.Table) -> list[sa.Executable]:
    """Rows 2 and 4, each in the other's place, with all that they say."""
    return [
        table.update().where(table.c.id == here).values(id=there)
        for here, there in ((2, 99), (4, 2), (99, 4))
    ]


AUDIT = tables.audit
ALTERATIONS: dict[str, tuple[list[sa.Executable], str]] = {
    f"column {column.name}": (
        [AUDIT.update().where(AUDIT.c.id == 3).values({column.name: changed(column)})],
        "row",
    )
    for column in AUDIT.columns
} | {
    "first": ([AUDIT.delete().where(AUDIT.c.id == 1)], "the rows before row 2 are missing"),
    "middle": ([AUDIT.delete().where(AUDIT.c.id.in_([2, 3]))], "rows 2 to 3 are missing"),
    "tail": ([AUDIT.delete().where(AUDIT.c.id >= 4)], "rows 4 to 5, the newest, are missing"),
    "all": ([AUDIT.delete()], "rows 1 to 5, the newest, are missing"),
    "swapped": (swapped(AUDIT), "row 2 was changed"),
    "added": (
        [
            AUDIT.insert().from_select(
                [column.name for column in AUDIT.columns],
                sa.select(
                    *(sa.literal(6) if column.name == "id" else column for column in AUDIT.columns)
                ).where(AUDIT.c.id == 5),
            )
        ],
        "row",
    ),
    "head": ([tables.audit_head.update().values(row_id=4)], "row"),
    "tail and head": (
        [
            AUDIT.delete().where(AUDIT.c.id >= 3),
            tables.audit_head.update().values(
                row_id=2, hash=sa.select(AUDIT.c.hash).where(AUDIT.c.id == 2).scalar_subquery()
            ),
        ],
        "rows 3 to 3 are missing: the site's ledger of ",
    ),
}
"""What somebody who holds the database can do to the five rows, and how it is named."""


@pytest.fixture
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, Path, Database]]:
    """A hub's data, its configuration and its database, on the engine that is asked for."""

    def made(engine: str) -> tuple[Path, Path, Database]:
        folder = tmp_path_factory.mktemp("hub")
        url = sqlite_url(folder / "hub.sqlite")
        if engine == "postgresql":
            url = request.getfixturevalue("postgres_url")
        fill(folder, url)
        config = folder / "up.toml"
        config.write_text(f'data_dir = "{folder}"\ndatabase_url = "{url}"\n')
        return folder, config, Database(url)

    return made


def behind_its_back(database: Database, statements: list[sa.Executable]) -> None:
    """Run them in one transaction, after taking the triggers away."""
    with database.writing() as connection:
        if database.engine.dialect.name == "sqlite":
            for name in ("audit_unaltered", "audit_kept"):
                connection.execute(sa.text(f"DROP TRIGGER IF EXISTS {name}"))
        else:
            connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_whatever_is_done_to_a_row_is_reported_by_the_command_on_both_engines(
    whole: Callable[[str], tuple[Path, Path, Database]],
    capsys: pytest.CaptureFixture[str],
    engine: str,
) -> None:
    """Every column edited, rows cut out anywhere, swapped or added, the head moved."""
    data, config, database = whole(engine)
    with database.reading() as connection:
        rows = [dict(row) for row in connection.execute(sa.select(AUDIT)).mappings()]
        head = dict(connection.execute(sa.select(tables.audit_head)).mappings().one())
    words = ["check", str(data / "recordings"), "--config", str(config)]
    assert told(capsys, *words)[1]["audit"]["ok"]
    unseen = []
    for name, (statements, said) in ALTERATIONS.items():
        behind_its_back(database, statements)
        code, found = told(capsys, *words)
        faults = found["audit"]["faults"]
        if code != 1 or found["ok"] or not any(fault.startswith(said) for fault in faults):
            unseen.append(f"{name}: exit {code}, {faults}")
        behind_its_back(
            database,
            [AUDIT.delete(), AUDIT.insert().values(rows), tables.audit_head.update().values(head)],
        )
    database.close()

    assert unseen == []
    assert told(capsys, *words)[0] == 0
