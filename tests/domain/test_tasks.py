"""Tasks: opened, waiting, done, waived; last days that are inherited and moved; who sees them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac.db import tables
from vonggac.domain import access, audit, directives, tasks
from vonggac.domain.access import Held, Person
from vonggac.domain.directives import CitationDraft, ClauseDraft, Draft
from vonggac.domain.duties import Act
from vonggac.domain.exports import Someone
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_763_444_727_000_000_000
LEAD = Someone("a1", "khao-sat", "Cán bộ khảo sát A")
ACTS = frozenset((Act.TASK_SEE, Act.TASK_DO))


def opened(connection: Connection, what: str = "Lắp 2 camera hành lang", **more: Any) -> str:
    values: dict[str, Any] = {
        "site_id": None, "unit_id": None, "body": "UBND huyện A", "what": what,
        "due": date(2026, 12, 1), "about": "", "directive_id": None, "by": LEAD, "now_ns": NOW_NS,
    }  # fmt: skip
    return tasks.open_task(connection, **{**values, **more})


def test_a_task_goes_on_to_its_end_and_leaves_every_step(database: Database) -> None:
    """Each step in its turn with its note; what is over is opened again with a reason only."""
    with database.writing() as connection:
        task_id = opened(connection)
        for state, note in (("doing", "đã nhận vật tư"), ("doing", "xong tầng 2"), ("done", "")):
            assert (
                tasks.step(connection, task_id, state, note, by=LEAD, now_ns=NOW_NS).state == state
            )
        with pytest.raises(VonggacError, match="note: required"):
            tasks.step(connection, task_id, "open", "", by=LEAD, now_ns=NOW_NS)
        with pytest.raises(VonggacError, match="cannot become"):
            tasks.step(connection, task_id, "doing", "lại", by=LEAD, now_ns=NOW_NS)
        tasks.step(connection, task_id, "open", "camera bị tháo", by=LEAD, now_ns=NOW_NS)
    with database.reading() as connection:
        states = [one.state for one in tasks.steps(connection, task_id)]
        assert states == ["open", "doing", "doing", "done", "open"]
        acts = connection.execute(sa.select(tables.audit.c.act)).scalars().all()
        assert acts.count(audit.Act.TASK_STEP.value) == 4
        assert acts.count(audit.Act.TASK_OPENED.value) == 1


def test_a_task_is_waived_by_name_and_with_the_reason(database: Database) -> None:
    """Nothing is deleted; a note is needed where nothing else happens."""
    with database.writing() as connection:
        task_id = opened(connection)
        for state in ("waived", "open"):
            with pytest.raises(VonggacError, match="note: required"):
                tasks.step(connection, task_id, state, " ", by=LEAD, now_ns=NOW_NS)
        waived = tasks.step(connection, task_id, "waived", "cơ sở đã đóng", by=LEAD, now_ns=NOW_NS)
        assert waived.is_over
        last = tasks.steps(connection, task_id)[-1]
        assert (last.note, last.done_name) == ("cơ sở đã đóng", "Cán bộ khảo sát A")


def test_a_task_begins_when_those_before_it_are_over(database: Database) -> None:
    """Cameras are installed before they are accepted; who waits is told for what."""
    with database.writing() as connection:
        first = opened(connection, "Lắp")
        second = opened(connection, "Nghiệm thu", after=(first,))
        with pytest.raises(VonggacError, match="waits") as refused:
            tasks.step(connection, second, "doing", "", by=LEAD, now_ns=NOW_NS)
        assert refused.value.detail["code"] == "waits"
        waiting = tasks.waits_for(connection, tasks.find(connection, second))
        assert [one.what for one in waiting] == ["Lắp"]
        tasks.step(connection, first, "done", "", by=LEAD, now_ns=NOW_NS)
        assert tasks.step(connection, second, "doing", "", by=LEAD, now_ns=NOW_NS).state == "doing"


def test_a_last_day_is_inherited_from_the_clause_or_what_that_cites(database: Database) -> None:
    """As the directive's own duties; a day of its own goes first."""
    draft = Draft(
        "12/UBND-VX", date(2026, 11, 2), "Ủy ban nhân dân tỉnh A", "giám sát", "",
        (CitationDraft("9/BCĐ", date(2026, 11, 1), due_said="trước 12/12"),),
    )  # fmt: skip
    with database.writing() as connection:
        directive_id = directives.register(connection, draft, unit_id=None, by=LEAD, now_ns=NOW_NS)
        (cited,) = directives.citations(connection, directive_id)
        for number, due, cites in (("1", "trước ngày 30/11", ""), ("2", "", cited.id)):
            directives.assign(
                connection, directive_id,
                ClauseDraft(number, "Lắp đặt.", ("Sở A",), due_said=due, citation_id=cites),
                by=LEAD, now_ns=NOW_NS,
            )  # fmt: skip
        first, second = directives.clauses(connection, directive_id)
        dues = [
            tasks.find(connection, opened(connection, due=due, clause_id=clause)).due
            for due, clause in (
                (None, first.id), (None, second.id), (date(2026, 12, 3), first.id), (None, None)
            )
        ]  # fmt: skip
        assert dues == [date(2026, 11, 29), date(2026, 12, 11), date(2026, 12, 3), None]
        with pytest.raises(VonggacError, match="clause"):
            opened(connection, clause_id="gone")


def test_a_last_day_moves_when_somebody_agreed(database: Database) -> None:
    """Reason, new day, who agreed; asked and refused requests stay in the history."""
    with database.writing() as connection:
        task_id = opened(connection)

        def ask(day: date) -> tasks.Extension:
            return tasks.ask_extension(
                connection,
                task_id,
                reason="chờ cấp vốn",
                new_due=day,
                by=LEAD,
                now_ns=NOW_NS + day.day,
            )

        def decide(of: tasks.Extension, agreed: bool, answer: str = "") -> tasks.Extension:
            return tasks.decide_extension(
                connection, of.id, agreed=agreed, person="Phó Chủ tịch UBND huyện A", document="",
                answer=answer, by=LEAD, now_ns=NOW_NS + 1,
            )  # fmt: skip

        with pytest.raises(VonggacError, match="not later"):
            ask(date(2026, 12, 1))
        first = ask(date(2026, 12, 9))
        with pytest.raises(VonggacError, match="already"):
            ask(date(2026, 12, 11))
        with pytest.raises(VonggacError, match="answer: required"):
            decide(first, agreed=False)
        decide(first, agreed=False, answer="đã gia hạn một lần")
        assert tasks.find(connection, task_id).due == date(2026, 12, 1)
        decide(ask(date(2026, 12, 10)), agreed=True)
        assert tasks.find(connection, task_id).due == date(2026, 12, 10)
        with pytest.raises(VonggacError, match="decided"):
            decide(first, agreed=True)
        kept = [(one.state, one.old_due) for one in tasks.extensions(connection, task_id)]
        assert kept == [("refused", date(2026, 12, 1)), ("agreed", date(2026, 12, 1))]


def test_a_file_of_a_task_is_kept_as_it_was_sent(database: Database) -> None:
    """By its first bytes, not by its name; what is marked secret is not taken."""
    with database.writing() as connection:
        task_id = opened(connection)
        file = tasks.attach(
            connection, task_id, file_name="C:\\anh\\tủ điện.pdf", content=b"%PDF-1.7 x",
            by=LEAD, now_ns=NOW_NS,
        )  # fmt: skip
        assert (file.file_name, file.size) == ("tủ điện.pdf", 10)
        assert tasks.content(connection, task_id, file.id) == b"%PDF-1.7 x"
        for name, content in (("a.pdf", b"MZ"), ("MẬT.pdf", b"%PDF-1.7 x")):
            with pytest.raises(VonggacError, match="file"):
                tasks.attach(
                    connection, task_id, file_name=name, content=content, by=LEAD, now_ns=NOW_NS
                )
        with pytest.raises(VonggacError, match="no such file"):
            tasks.content(connection, opened(connection), file.id)


def test_whoever_looks_sees_the_tasks_of_the_own_scope(database: Database) -> None:
    """Of facilities by the line and the unit, of units by the tree; military tasks stay inside."""
    with database.writing() as connection:
        _places(connection)
        for site, unit in (("s1", None), ("s2", None), ("m1", None), (None, "A"), (None, "A1"),
                           (None, "B"), (None, None)):  # fmt: skip
            opened(connection, f"{site or '-'} {unit or '-'}", site_id=site, unit_id=unit)

        def seen(act: Act, *held: Held) -> set[str]:
            allowed = tasks.visible(connection, Person("p", "p", held), act, NOW_NS)
            return {one.what for one in tasks.listed(connection, allowed)}

        over = Held("surveyor", ACTS, "A")
        assert seen(Act.TASK_SEE, over) == {"s1 -", "- A", "- A1", "- -"}
        assert seen(Act.TASK_DO, over) == {"s1 -", "- A", "- A1"}
        assert seen(Act.TASK_SEE, replace(over, line="military")) == {"m1 -", "- -"}
        assert seen(Act.TASK_SEE, replace(over, sites=frozenset(("s1",)))) == {"s1 -", "- -"}
        assert seen(Act.TASK_SEE, replace(over, to_ns=NOW_NS)) == set()
        assert len(seen(Act.TASK_SEE, replace(over, unit=None))) == 6
        assert seen(Act.TASK_MAKE, over) == set()
        for what, may in (("- A1", True), ("- B", False)):
            it = next(one for one in tasks.listed(connection, sa.true()) if one.what == what)
            thing = tasks.thing_of(connection, it)
            person = Person("p", "p", (over,))
            assert bool(access.may(person, Act.TASK_DO, thing, now_ns=NOW_NS)) is may


def test_tasks_are_found_by_what_they_came_from_and_by_their_words(database: Database) -> None:
    """`lap camera` finds Lắp 2 camera; two findings have their own."""
    with database.writing() as connection:
        first = opened(connection, about="finding:1")
        opened(connection, "Thay nguồn", about="finding:2", due=None)
        assert [one.id for one in tasks.of(connection, "finding:1")] == [first]
        assert set(tasks.of_many(connection, ["finding:1", "finding:2", "x"])) == {
            "finding:1", "finding:2",
        }  # fmt: skip
        found = tasks.listed(connection, sa.true(), wanted="lap camera huyen a")
        assert [one.id for one in found] == [first]
        assert [one.due for one in tasks.listed(connection, sa.true())] == [
            date(2026, 12, 1), None,
        ]  # fmt: skip


def _places(connection: Connection) -> None:
    for unit, parent in (("A", None), ("A1", "A"), ("B", None)):
        connection.execute(
            tables.unit.insert().values(
                id=unit, parent_id=parent, kind="province", code=unit, profile="own",
                valid_from=date(2020, 1, 1), source="",
            )
        )  # fmt: skip
    for site, unit, line in (("s1", "A1", "civil"), ("s2", "B", "civil"), ("m1", "A", "military")):
        connection.execute(
            tables.site.insert().values(
                id=site, name=site, title=site, created_ns=1, unit_id=unit, owner_line=line
            )
        )
