"""The board counts every task in exactly one way; sources open their tasks once."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.db import estimate as db_estimate
from vonggac.db import tables
from vonggac.domain import directives, legal, rules, task_board, task_sources, tasks, workdays
from vonggac.domain.access import Held, Person
from vonggac.domain.directives import ClauseDraft, Draft
from vonggac.domain.duties import Act
from vonggac.domain.exports import Someone
from vonggac.domain.matters import Standing
from vonggac.domain.tasks import Task
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_763_444_727_000_000_000
TODAY = legal.day_of(NOW_NS)
LEAD = Someone("a1", "khao-sat", "Cán bộ khảo sát A")
NUMBERS = st.integers(min_value=0, max_value=19)


@st.composite
def many(draw: st.DrawFn) -> list[Task]:
    """Up to twenty tasks of three bodies, some of which wait for others."""
    return [
        Task(
            id=str(number), site_id=None, unit_id=draw(st.sampled_from(["A", "B"])),
            body=draw(st.sampled_from(["Sở A", "Sở B", "UBND C"])), what="x",
            due=draw(st.none() | st.integers(-30, 30).map(lambda days: TODAY + timedelta(days))),
            about="", directive_id=None, clause_id=None,
            state=draw(st.sampled_from(tasks.STATES)), opened_ns=NOW_NS, opened_by="a",
            opened_name="", changed_ns=NOW_NS, own_due=None,
            after=tuple({str(one) for one in draw(st.lists(NUMBERS, max_size=3))} - {str(number)}),
        )
        for number in range(draw(st.integers(0, 20)))
    ]  # fmt: skip


def plainly(it: Task, every: list[Task]) -> str:
    """How a task stands, said again in the words of the issue."""
    if it.state in ("done", "waived"):
        return it.state
    if it.due is None:
        return "undated"
    if it.due < TODAY:
        return "late"
    days = [TODAY + timedelta(number) for number in range(1, (it.due - TODAY).days + 1)]
    if len([day for day in days if workdays.is_working(day)]) < 3:
        return "risk"
    for other in every:
        owes = other.state in ("open", "doing") and other.due is not None
        if other.id in it.after and owes and not TODAY <= (other.due or TODAY) <= it.due:
            return "risk"
    return "in_time"


@given(every=many())
def test_each_task_is_counted_once_and_the_sums_agree(every: list[Task]) -> None:
    """Against a second, plain count; by unit and by body the same tasks add up."""
    found = task_board.standings(every, TODAY)
    wanted = Counter(plainly(one, every) for one in every)
    whole = task_board.count(found)

    assert whole.total == len(every)
    assert {name: getattr(whole, name) for name in task_board.ORDER} == {
        name: wanted[name] for name in task_board.ORDER
    }
    for key in (lambda it: it.body, lambda it: it.unit_id or ""):
        parts = task_board.rows(found, key)
        for name in (*task_board.ORDER, "done_late", "total"):
            assert sum(getattr(row.counts, name) for row in parts) == getattr(whole, name), name
        assert [row.counts.late for row in parts] == sorted(
            (row.counts.late for row in parts), reverse=True
        )


def test_what_waits_for_something_late_is_at_risk() -> None:
    """Its own day is far, and it cannot begin."""
    far = TODAY + timedelta(40)
    base: dict[str, Any] = {
        "site_id": None, "unit_id": None, "body": "b", "what": "w", "about": "",
        "directive_id": None, "clause_id": None, "opened_ns": 1, "opened_by": "", "opened_name": "",
        "changed_ns": NOW_NS, "own_due": None,
    }  # fmt: skip
    late = Task(id="1", due=TODAY - timedelta(1), state="doing", **base)
    waits = Task(id="2", due=far, state="open", after=("1",), **base)
    done = Task(id="3", due=TODAY - timedelta(2), state="done", **base)

    assert [how for _, how in task_board.standings([late, waits, done], TODAY)] == [
        "late", "risk", "done",
    ]  # fmt: skip
    assert task_board.count([(done, "done")]).done_late == 1


def _plan(connection: Connection, *lines: tuple[str, str, int]) -> str:
    connection.execute(
        tables.site.insert().values(
            id="s", name="s", title="KS A", created_ns=1, owner_line="civil"
        )
    )
    connection.execute(
        db_estimate.connection_plan.insert().values(
            id="p", site_id="s", how="buy", months=12, facts={}, made_ns=NOW_NS, made_by="x"
        )
    )
    for at, (kind, zone, quantity) in enumerate(lines, start=1):
        connection.execute(
            db_estimate.plan_line.insert().values(
                id=f"l{at}", connection_plan_id="p", at=at, kind=kind, zone=zone,
                quantity=quantity, basis={},
            )
        )  # fmt: skip
    return "p"


def _from_plan(connection: Connection, plan_id: str) -> list[Task]:
    for task_id in task_sources.from_plan(
        connection, plan_id, body="Doanh nghiệp A", due=date(2025, 12, 1),
        placement=rules.placement(TODAY), by=LEAD, now_ns=NOW_NS,
    ):  # fmt: skip
        assert task_id
    return tasks.of(connection, f"plan:{plan_id}")


def test_a_plan_opens_the_installation_by_zone_and_once(database: Database) -> None:
    """Cameras zone by zone, equipment in one, acceptance after all of them; no second time."""
    with database.writing() as connection:
        plan_id = _plan(
            connection, ("camera_in", "HL", 3), ("camera_out", "CG", 1), ("camera_in", "HL", 1),
            ("recorder", "", 1), ("ups", "", 0),
        )  # fmt: skip
        found = _from_plan(connection, plan_id)
        said = [one.what for one in found]
        assert sum("Lắp 4 camera" in what for what in said) == 1
        assert len(found) == 4
        last = next(one for one in found if "nghiệm thu" in one.what)
        assert set(last.after) == {one.id for one in found} - {last.id}
        with pytest.raises(VonggacError, match="open already"):
            _from_plan(connection, plan_id)


def test_an_estimate_opens_its_steps_in_order(database: Database) -> None:
    """Purchase, contract, installation, handover, payment: each after the one before."""
    with database.writing() as connection:
        plan_id = _plan(connection, ("camera_in", "HL", 2))
        connection.execute(
            db_estimate.estimate.insert().values(
                id="e", site_id="s", code="DT-2025-001", version=1, connection_plan_id=plan_id,
                title="x", how="buy", catalogue="x", contingency=0, state="approved", revision=1,
                made_ns=NOW_NS, made_by="x",
            )
        )  # fmt: skip
        task_sources.from_estimate(
            connection, "e", body="UBND xã A", due=None, placement=rules.placement(TODAY), by=LEAD,
            now_ns=NOW_NS,
        )  # fmt: skip
        found = {one.id: one for one in tasks.of(connection, "estimate:e")}
        first = next(one for one in found.values() if not one.after)
        assert "Mua sắm" in first.what
        handover = next(one for one in found.values() if "bàn giao" in one.what)
        assert any("nghiệm thu camera" in found[one].what for one in handover.after)
        assert len(found) == 6


def test_a_clause_opens_a_task_for_each_body(database: Database) -> None:
    """Who leads and who co-operates, with the clause's own last day."""
    draft = Draft("12/UBND-VX", date(2025, 11, 2), "Ủy ban nhân dân tỉnh A", "giám sát", "")
    with database.writing() as connection:
        directive_id = directives.register(connection, draft, unit_id=None, by=LEAD, now_ns=NOW_NS)
        clause_id = directives.assign(
            connection, directive_id,
            ClauseDraft("1", "Khảo sát.", ("Sở A",), ("Sở B",), due_said="trước ngày 30/11"),
            by=LEAD, now_ns=NOW_NS,
        )  # fmt: skip
        task_sources.from_clause(connection, clause_id, unit_id=None, by=LEAD, now_ns=NOW_NS)
        found = tasks.of(connection, f"clause:{clause_id}")
        assert {(one.body, one.what, one.due) for one in found} == {
            ("Sở A", "Khảo sát.", date(2025, 11, 29)),
            ("Sở B", "Phối hợp: Khảo sát.", date(2025, 11, 29)),
        }
        with pytest.raises(VonggacError, match="open already"):
            task_sources.from_clause(connection, clause_id, unit_id=None, by=LEAD, now_ns=NOW_NS)


def test_two_tasks_never_wait_for_each_other(database: Database) -> None:
    """Also not through a third."""
    with database.writing() as connection:
        first, second, third = (
            tasks.open_task(
                connection, site_id=None, unit_id=None, body="b", what=str(number), due=None,
                about="", directive_id=None, by=LEAD, now_ns=NOW_NS + number,
            )
            for number in range(3)
        )  # fmt: skip

        def wait(one: str, other: str) -> Task:
            return tasks.wait_for(connection, one, other, by=LEAD, now_ns=NOW_NS)

        assert wait(second, first).after == (first,)
        assert wait(second, first).after == (first,)
        wait(third, second)
        for one, other in ((first, third), (first, first)):
            with pytest.raises(VonggacError, match="in a circle"):
                wait(one, other)


def test_the_page_of_a_day_tells_of_tasks_and_of_requests(database: Database) -> None:
    """Who may do it has it to do; who gives tasks has the request to answer."""
    with database.writing() as connection:
        task_id = tasks.open_task(
            connection, site_id=None, unit_id=None, body="b", what="Lắp", due=date(2025, 11, 1),
            about="", directive_id=None, by=LEAD, now_ns=NOW_NS,
        )  # fmt: skip
        tasks.ask_extension(
            connection, task_id, reason="chờ", new_due=date(2025, 12, 1), by=LEAD, now_ns=NOW_NS
        )

        def told(*acts: Act) -> list[Standing]:
            person = Person("p", "p", (Held("x", frozenset(acts)),))
            return [
                one.standing for one in task_board.matters(connection, [], person, now_ns=NOW_NS)
            ]

        assert told(Act.TASK_DO) == [Standing.LATE]
        assert told(Act.TASK_MAKE) == [Standing.SIGN]
        assert told(Act.TASK_SEE) == []
