"""Every task and every letter carries the directive that it carries out, and letters cite it."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.db import tables
from vonggac.db import task as db_task
from vonggac.domain import citing, directives, papers, tasks, units
from vonggac.domain.exports import Someone
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Connection, Database

SOURCE = Path(__file__).parents[2] / "src" / "vonggac"
NOW_NS = 1_794_987_127_000_000_000
CLERK = Someone("a1", "van-thu", "Văn thư A")
WRITERS = {"draft": "papers", "open_task": "tasks"}
"""The only functions that make a letter of data or a task, with the modules they stand in."""


def province(connection: Connection, name: str, vi: str) -> str:
    """A province with one facility, named after it."""
    unit_id = units.add_unit(
        connection, parent_id=None, kind="province", code=name, vi=vi, en="",
        valid_from=date(2020, 1, 1), source="",
    )  # fmt: skip
    connection.execute(
        tables.site.insert().values(
            id=name, name=name, title=f"KS {name}", unit_id=unit_id, created_ns=1
        )
    )
    return unit_id


def ordered(connection: Connection, number: str, unit_id: str | None, at_ns: int = NOW_NS) -> str:
    """A directive with one clause of which something is owed."""
    draft = directives.Draft(number, date(2026, 11, 2), "UBND tỉnh A", "camera")
    made = directives.register(connection, draft, unit_id=unit_id, by=CLERK, now_ns=at_ns)
    clause = directives.ClauseDraft("1", "Lắp camera.", ("Sở A",))
    directives.assign(connection, made, clause, by=CLERK, now_ns=at_ns)
    return made


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of the program that makes a letter or a task, with where it stands."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            module = node.func.value
            if isinstance(module, ast.Name) and WRITERS.get(node.func.attr) == module.id:
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def test_no_writer_makes_a_task_or_a_letter_without_asking_for_its_directive() -> None:
    """Found in the sources, so that a writer made tomorrow is held to it as well."""
    given = {
        where: next((one.value for one in call.keywords if one.arg == "directive_id"), None)
        for where, call in calls()
    }
    assert len(given) > 15
    without = [
        where for where, value in given.items()
        if value is None or (isinstance(value, ast.Constant) and value.value is None)
    ]  # fmt: skip
    assert without == []


def test_what_carries_out_none_is_named_with_its_reason() -> None:
    """An exception is one of the subjects of papers, and says why."""
    assert set(citing.WITHOUT) < set(papers.SUBJECTS)
    assert all(len(why) > 20 for why in citing.WITHOUT.values())


@pytest.mark.parametrize("subject", [*papers.SUBJECTS, "drift", "clause", ""])
def test_every_subject_finds_the_directive_of_its_place(sqlite: Database, subject: str) -> None:
    """What names none itself carries out what is in force where its facility lies."""
    with sqlite.writing() as connection:
        unit_id = province(connection, "a", "Tỉnh A")
        province(connection, "b", "Tỉnh B")
        mine = ordered(connection, "12/UBND-VX", unit_id)
        found = citing.carried(connection, f"{subject}:x" if subject else "", site_id="a")
        assert found == (None if subject in citing.WITHOUT else mine)
        assert citing.carried(connection, f"{subject}:x", site_id="b") is None
        assert citing.carried(connection, f"{subject}:x", unit_id=unit_id) == found


def test_what_it_is_made_from_goes_before_the_place(database: Database) -> None:
    """A task says its own; the facility's last order goes before a newer one of the province."""
    with database.writing() as connection:
        unit_id = province(connection, "a", "Tỉnh A")
        first = ordered(connection, "12/UBND-VX", unit_id)
        task_id = tasks.open_task(
            connection, site_id="a", unit_id=None, body="Sở A", what="Lắp 2 camera", due=None,
            about="plan:p", directive_id=first, by=CLERK, now_ns=NOW_NS,
        )  # fmt: skip
        newer = ordered(connection, "13/UBND-VX", unit_id, NOW_NS + 1)
        assert citing.carried(connection, "", unit_id=unit_id) == newer
        for about in (f"task:{task_id}", "plan:p", "acceptance:a", f"directive:{first}"):
            assert citing.carried(connection, about, site_id="a") == first, about
        connection.execute(db_task.task.update().values(directive_id=None))
        assert citing.carried(connection, f"task:{task_id}", site_id="a") == newer


def test_what_is_consolidated_is_in_force_no_more(database: Database) -> None:
    """The last duty came back whole: nothing new carries it out by itself."""
    with database.writing() as connection:
        unit_id = province(connection, "a", "Tỉnh A")
        made = ordered(connection, "12/UBND-VX", unit_id)
        (owed,) = directives.owed(connection, sa.true())
        for state in ("received", "consolidated"):
            directives.step(connection, owed.duty.id, state, "", by=CLERK, now_ns=NOW_NS)
        assert citing.carried(connection, "", site_id="a") is None
        assert citing.chosen(connection, made, "", site_id="a") == made
        with pytest.raises(VonggacError) as refused:
            citing.chosen(connection, "nowhere", "", site_id="a")
        assert refused.value.detail["fields"] == {"directive": "no_such"}


def test_a_shipped_letter_orders_only_below_whoever_issued_it(database: Database) -> None:
    """Lai Châu's letter is read everywhere, and carried out in Lai Châu."""
    with database.writing() as connection:
        directives.load(connection, now_ns=NOW_NS)
        province(connection, "lc", "Tỉnh Lai Châu")
        province(connection, "b", "Tỉnh B")
        found = citing.carried(connection, "", site_id="lc")
        assert found is not None
        assert directives.find(connection, found).code == "1664-2021"
        assert citing.carried(connection, "", site_id="b") is None
        said = citing.opening(connection, found, "3")
    assert said == (
        "Thực hiện Văn bản số 1664/UBND-VX (không đọc được ngày) của Ủy ban nhân dân tỉnh "
        "Lai Châu, mục 3, "
    )
