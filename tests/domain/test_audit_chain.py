"""The audit is a chain: whatever is done to its rows behind the program's back is found."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command

from databases import migrated_at
from vonggac.clock import NS
from vonggac.db import Database, sqlite_url, tables
from vonggac.db.engine import alembic_config
from vonggac.domain import audit

if TYPE_CHECKING:
    from pathlib import Path

NOW = time.time_ns()
DAY = 86_400 * NS
AN = audit.Actor("an", None, "192.0.2.7", unit="p-20", device="Firefox")


def write(database: Database, count: int, *, age_ns: int = 0) -> None:
    """So many rows, a second apart."""
    for number in range(count):
        with database.writing() as connection:
            audit.record(
                connection,
                AN,
                audit.Act.LIVE,
                now_ns=NOW - age_ns + number * NS,
                thing="hl-2a",
                purpose="shift",
                detail={"stream": "main", "n": number, "x": 0.5, "later": None},
            )


def verified(database: Database, *anchors: audit.Anchor) -> list[str]:
    with database.reading() as connection:
        return list(audit.verify(connection, anchors, now_ns=NOW).faults)


def behind_its_back(database: Database, *statements: str) -> None:
    """What somebody can do who holds the database and takes its triggers away first."""
    with database.writing() as connection:
        if database.engine.dialect.name == "sqlite":
            connection.execute(sa.text("DROP TRIGGER IF EXISTS audit_unaltered"))
            connection.execute(sa.text("DROP TRIGGER IF EXISTS audit_kept"))
        else:
            connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        for statement in statements:
            connection.execute(sa.text(statement))


def test_rows_as_they_were_written_are_whole(database: Database) -> None:
    """Each row says who, for whom, from where, with what, to what and why."""
    write(database, 5)

    with database.reading() as connection:
        verdict = audit.verify(connection, now_ns=NOW)
        newest = audit.rows(connection, audit.Filter())[0]
    assert (verdict.ok, verdict.rows, verdict.faults) == (True, 5, ())
    assert (newest.id, newest.actor, newest.unit) == (5, "an", "p-20")
    assert (newest.address, newest.device, newest.thing) == ("192.0.2.7", "Firefox", "hl-2a")
    assert newest.detail == {"stream": "main", "n": 4, "x": 0.5, "later": None}


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE audit SET actor = 'binh' WHERE id = 3"], "row 3 was changed"),
        (["UPDATE audit SET time_ns = time_ns + 1 WHERE id = 1"], "row 1 was changed"),
        (["UPDATE audit SET detail = '{}' WHERE id = 2"], "row 2 was changed"),
        (["UPDATE audit SET outcome = 'refused' WHERE id = 5"], "row 5 was changed"),
        (["DELETE FROM audit WHERE id = 3"], "row 3 is missing"),
        (["DELETE FROM audit WHERE id IN (2, 3, 4)"], "rows 2 to 4 are missing"),
        (["DELETE FROM audit WHERE id = 1"], "the rows before row 2 are missing"),
        (["DELETE FROM audit WHERE id = 5"], "rows 5 to 5, the newest, are missing"),
        (["DELETE FROM audit"], "rows 1 to 5, the newest, are missing"),
        (
            ["DELETE FROM audit WHERE id = 3", "UPDATE audit SET id = 3 WHERE id = 4"],
            "row 3 was changed",
        ),
        (
            [
                "UPDATE audit SET id = 100 WHERE id = 2",
                "UPDATE audit SET id = 2 WHERE id = 3",
                "UPDATE audit SET id = 3 WHERE id = 100",
            ],
            "row 3 does not continue row 2",
        ),
    ],
)
def test_what_was_done_to_a_row_is_named_with_its_place(
    database: Database, statements: list[str], said: str
) -> None:
    """Editing, cutting and re-ordering, at the beginning, in the middle and at the end."""
    write(database, 5)

    behind_its_back(database, *statements)

    faults = verified(database)
    assert any(fault.startswith(said) for fault in faults), faults


def test_an_added_row_is_no_row_of_the_chain(database: Database) -> None:
    """Whoever inserts by hand cannot know what a later row will name."""
    write(database, 2)

    with database.writing() as connection:
        connection.execute(
            tables.audit.insert().values(
                id=3, actor="x", act="sign_in", outcome="done", detail={}, time_ns=NOW
            )
        )

    faults = verified(database)
    assert any("row 3" in fault for fault in faults), faults


def forge(database: Database, upto: int) -> None:
    """Rewrite history: edit row 2, cut what follows `upto`, and chain the rest anew."""
    behind_its_back(
        database,
        "UPDATE audit SET actor = 'nobody' WHERE id = 2",
        f"DELETE FROM audit WHERE id > {upto}",
    )
    with database.writing() as connection:
        before = ""
        for row in connection.execute(sa.select(tables.audit).order_by(tables.audit.c.id)).all():
            told = audit.row_hash(before, row._mapping)  # type: ignore[arg-type]
            connection.execute(
                tables.audit.update()
                .where(tables.audit.c.id == row.id)
                .values(previous=before, hash=told)
            )
            before = told
        connection.execute(tables.audit_head.update().values(row_id=upto, hash=before))


def test_a_chain_that_was_written_anew_does_not_match_what_the_site_signed(
    database: Database,
) -> None:
    """The anchor is outside of the database: a rewritten chain is whole and still wrong."""
    write(database, 5)
    with database.reading() as connection:
        head = audit.head(connection)
    anchor = audit.Anchor(head.row, head.hash, NOW)

    forge(database, 5)

    assert verified(database) == []
    (fault,) = verified(database, anchor)
    assert fault.startswith("row 5 is not the one that the site's ledger of ")


def test_a_tail_that_was_cut_after_an_anchor_is_missed(database: Database) -> None:
    """The newest rows are what somebody who was just caught would take away."""
    write(database, 5)
    with database.reading() as connection:
        head = audit.head(connection)

    forge(database, 3)

    (fault,) = verified(database, audit.Anchor(head.row, head.hash, NOW))
    assert fault.startswith("rows 4 to 5 are missing: the site's ledger of ")


def test_old_rows_go_after_a_year_and_the_chain_says_so(database: Database) -> None:
    """Personal data is not kept longer than it must be; what is left still verifies."""
    write(database, 3, age_ns=400 * DAY)
    write(database, 2)

    with database.writing() as connection:
        gone = audit.expire(connection, keep_days=366, now_ns=NOW)

    with database.reading() as connection:
        left = [row.id for row in audit.every_row(connection, audit.Filter())]
        verdict = audit.verify(connection, [audit.Anchor(2, "0" * 64, NOW - 400 * DAY)], now_ns=NOW)
        said = audit.rows(connection, audit.Filter(act=audit.Act.AUDIT_EXPIRED))
    assert (gone, left) == (3, [4, 5, 6])
    assert [row.detail["through"] for row in said] == [3]
    # An old anchor of rows that are gone by age is no fault; there is none younger than a year.
    assert verdict.faults == ()


def test_rows_that_went_before_their_time_are_missed(database: Database) -> None:
    """A forged deletion by age would have to be older than what the site signed."""
    write(database, 5)
    with database.reading() as connection:
        third = audit.rows(connection, audit.Filter())[2]
    with database.writing() as connection:
        audit.record(
            connection,
            audit.PROGRAM,
            audit.Act.AUDIT_EXPIRED,
            now_ns=NOW,
            detail={"through": 3, "hash": third.hash, "rows": 3, "before_ns": NOW - 366 * DAY},
        )
    behind_its_back(database, "DELETE FROM audit WHERE id <= 3")

    assert verified(database) == []
    (fault,) = verified(database, audit.Anchor(2, "0" * 64, NOW))
    assert fault.startswith("row 2 is missing: it was there at ")


def test_writers_at_the_same_time_keep_one_chain(database: Database) -> None:
    """Eight threads, and on PostgreSQL eight connections: no fork, no number twice."""

    def add() -> None:
        write(database, 5)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.reading() as connection:
        verdict = audit.verify(connection, now_ns=NOW)
    assert (verdict.rows, verdict.faults) == (40, ())


def test_two_programs_on_one_file_keep_one_chain(tmp_path: Path) -> None:
    """`vonggac user` writes while `vonggac up` does: SQLite's own lock orders them."""
    one = migrated_at(tmp_path / "hub.db")
    other = Database(sqlite_url(tmp_path / "hub.db"))
    threads = [threading.Thread(target=write, args=(base, 10)) for base in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verified(one) == []
    with one.reading() as connection:
        assert audit.head(connection).row == 20
    one.close()
    other.close()


def test_a_row_that_was_undone_leaves_no_hole(database: Database) -> None:
    """A transaction that fails takes its row and its number with it."""
    write(database, 1)
    with pytest.raises(RuntimeError), database.writing() as connection:
        audit.record(connection, AN, audit.Act.LIVE, now_ns=NOW)
        raise RuntimeError

    write(database, 1)

    assert verified(database) == []
    with database.reading() as connection:
        assert [row.id for row in audit.every_row(connection, audit.Filter())] == [1, 2]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\\u0000", "x" * 2000, "Hành lang"])
def test_whatever_a_person_types_can_be_stored(database: Database, text: str) -> None:
    """A refusal to store would be a request without a row."""
    with database.writing() as connection:
        audit.record(
            connection,
            audit.Actor(text),
            audit.Act.SIGN_IN,
            now_ns=NOW,
            purpose=text,
            detail={"said": text, "list": [text], text[:5]: {"in": text}},
        )

    assert verified(database) == []


def migrate_to(database: Database, revision: str, *, down: bool = False) -> None:
    with database.engine.connect() as connection:
        settings = alembic_config()
        settings.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(settings, revision)
        connection.commit()


def test_rows_from_before_the_chain_are_chained_by_the_upgrade(database: Database) -> None:
    """A hub that is upgraded keeps its history, and can prove it from then on."""
    migrate_to(database, "0003", down=True)
    values: dict[str, Any] = {"actor": "a", "act": "sign_in", "outcome": "done", "time_ns": NOW}
    with database.writing() as connection:
        old = sa.table(
            "audit",
            *(sa.column(name) for name in ("id", *values)),
            sa.column("detail", sa.JSON()),
        )
        for number in (1, 2, 5):  # a transaction that was undone left a hole in the numbers
            connection.execute(old.insert().values(id=number, detail={"n": number}, **values))

    database.migrate()
    write(database, 1)

    assert verified(database) == []
    behind_its_back(database, "DELETE FROM audit WHERE id = 2")
    assert verified(database) == ["rows 2 to 4 are missing: row 5 continues another"]


def test_a_search_finds_by_words_and_by_site(sqlite: Database) -> None:
    """An auditor asks who looked at this corridor, for what, from where."""
    with sqlite.writing() as connection:
        for site, purpose in (("s-1", "incident 12"), ("s-2", "shift"), ("", "shift 100%")):
            audit.record(
                connection, AN, audit.Act.LIVE, now_ns=NOW, site=site, thing="x", purpose=purpose
            )

    with sqlite.reading() as connection:
        assert [
            [row.id for row in audit.rows(connection, wanted)]
            for wanted in (
                audit.Filter(text="INCIDENT"),
                audit.Filter(text="%"),
                audit.Filter(sites=["s-1", "s-2"]),
                audit.Filter(sites=[]),
                audit.Filter(after_id=1),
                audit.Filter(text="192.0.2.7", limit=1),
            )
        ] == [[1], [3], [2, 1], [], [2, 3], [3]]
