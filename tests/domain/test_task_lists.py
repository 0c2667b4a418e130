"""Tasks counted and chosen by the database stand as `task_board` says of each one."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.db import among, once, tables
from vonggac.db import directives as db_directives
from vonggac.db import task as db
from vonggac.domain import legal, registry, task_board, task_lists, tasks
from vonggac.domain.task_lists import Place, Wish
from vonggac.domain.units import folded

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_763_444_727_000_000_000
TODAY = legal.day_of(NOW_NS)
DAY_NS = 86_400 * 10**9
SITES = ("s0", "s1", "s2")
WHAT = ("Lắp camera hành lang", "Kéo cáp", "Nghiệm thu")


def fill(connection: Connection, seed: int, count: int = 120) -> None:
    """Tasks in every state, some of which wait for others or have the day of a clause."""
    chance = random.Random(seed)
    for name in ("A", "B"):
        connection.execute(tables.unit.insert().values(
            id=name, kind="province", code=name, profile="2026", valid_from=date(2020, 1, 1),
            source="",
        ))  # fmt: skip
    for at, site_id in enumerate(SITES):
        connection.execute(tables.site.insert().values(
            id=site_id, name=site_id, title=f"Cơ sở {at}", created_ns=1, owner_line="civil",
            unit_id=("A", "B", "unassigned")[at],
        ))  # fmt: skip
    connection.execute(db_directives.directive.insert().values(
        id="d", number="1", number_key="1", issuer="x", subject="x", folded="x", registered_ns=1,
        registered_by="",
    ))  # fmt: skip
    connection.execute(db_directives.directive_citation.insert().values(
        id="k", directive_id="d", place=0, said="x", number="x", number_key="x",
        due=TODAY + timedelta(days=5),
    ))  # fmt: skip
    for clause_id, due, citation in (("c1", TODAY - timedelta(days=2), None), ("c2", None, "k")):
        connection.execute(db_directives.directive_clause.insert().values(
            id=clause_id, directive_id="d", place=0, number="1", said="x", due=due,
            citation_id=citation, assigned_ns=1, assigned_by="",
        ))  # fmt: skip
    rows = []
    for at in range(count):
        rows.append({
            "id": f"t{at:03}", "site_id": chance.choice((*SITES, None)),
            "unit_id": chance.choice(("A", None)), "body": chance.choice(("Sở A", "UBND xã B")),
            "what": chance.choice(WHAT), "state": chance.choice(tasks.STATES),
            "due": chance.choice((None, TODAY + timedelta(days=chance.randrange(-9, 9)))),
            "clause_id": chance.choice((None, None, "c1", "c2")), "opened_ns": at,
            "opened_by": "x", "changed_ns": NOW_NS + chance.randrange(-12, 12) * DAY_NS // 2,
        })  # fmt: skip
    connection.execute(db.task.insert(), rows)
    pairs = {(chance.randrange(count), chance.randrange(count)) for _ in range(count)}
    links = [{"task_id": f"t{one:03}", "after_id": f"t{two:03}"} for one, two in pairs]
    connection.execute(db.task_after.insert(), [one for one in links if len(set(one.values())) > 1])


@pytest.mark.parametrize("seed", range(6))
def test_the_database_counts_as_the_board_says_of_each_task(database: Database, seed: int) -> None:
    """Every task once, in the same way, with the same late ones; of a part as well as of all."""
    with database.writing() as connection:
        fill(connection, seed)
        for allowed in (sa.true(), db.task.c.site_id.is_not(None), db.task.c.body == "Sở A"):
            every = task_board.standings(tasks.listed(connection, allowed), TODAY)
            groups = task_lists.groups(connection, allowed, TODAY)

            assert task_lists.count(groups) == task_board.count(every)
            wanted = Counter((it.body, how) for it, how in every)
            found: Counter[tuple[str, str]] = Counter()
            for one in groups:
                found[one.body, one.stands] += one.count
            assert found == wanted
            assert task_lists.rows(groups, lambda it: it.body) == task_board.rows(
                every, lambda it: it.body
            )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_list_holds_what_is_asked_for_in_the_order_of_last_days(
    database: Database, seed: int
) -> None:
    """By standing, body, unit and words; pages join to the whole and nothing is told twice."""
    with database.writing() as connection:
        fill(connection, seed)
        titles = registry.titles(connection)
        every = task_board.standings(tasks.listed(connection, sa.true()), TODAY)
        for wish in (
            Wish(), Wish(stands="late"), Wish(stands="risk", body="Sở A"), Wish(stands="done"),
            Wish(words="lap hanh lang"), Wish(words="co so 1", stands="late"),
            Wish(places=[Place("A", True), Place(None, False)]), Wish(places=[]),
        ):  # fmt: skip
            wanted = []
            for it, how in every:
                said = folded(f"{it.body} {it.what} {titles.get(it.site_id or '', '')}")
                place = {None: it.unit_id, "s0": "A", "s1": "B", "s2": "unassigned"}[it.site_id]
                if (
                    (how == wish.stands if wish.stands else not it.is_over)
                    and wish.body in ("", it.body)
                    and all(word in said for word in wish.words.split())
                    and (wish.places is None or Place(place, it.site_id is not None) in wish.places)
                ):
                    wanted.append((it, how))
            # Of one day, what can be begun comes first, then what was opened first.
            wanted.sort(key=lambda one: (
                one[0].due or date.max, 0 if one[0].due else one[0].opened_ns,
                bool(tasks.waits_for(connection, one[0])), one[0].opened_ns, one[0].id,
            ))  # fmt: skip
            pages: list[tuple[tasks.Task, str]] = []
            for offset in range(0, len(wanted) + 7, 7):
                some, found = task_lists.listed(
                    connection, sa.true(), wish, TODAY, offset=offset, limit=7
                )
                assert found == len(wanted), wish
                pages += [(one.it, one.stands) for one in some]
            assert pages == wanted, wish


def test_what_can_be_begun_comes_before_what_waits_for_it(database: Database) -> None:
    """Of one last day: ids are drawn by lot, and whoever opens the first one is to work on it."""
    with database.writing() as connection:
        connection.execute(tables.site.insert().values(
            id="s0", name="s0", created_ns=1, owner_line="civil"
        ))  # fmt: skip
        made = {"site_id": "s0", "body": "Sở A", "opened_ns": 1, "opened_by": "x", "changed_ns": 1,
                "due": TODAY + timedelta(days=3), "state": "open"}  # fmt: skip
        names = {"b": "Lắp camera", "c": "Kéo cáp", "a": "Nghiệm thu"}
        rows = [{"id": name, "what": what, **made} for name, what in names.items()]
        connection.execute(db.task.insert(), rows)
        links = [{"task_id": "a", "after_id": one} for one in ("b", "c")]
        connection.execute(db.task_after.insert(), links)

        def order() -> list[str]:
            found, _ = task_lists.listed(connection, sa.true(), Wish(), TODAY)
            return [one.it.id for one in found]

        assert order() == ["b", "c", "a"]
        connection.execute(db.task.update().where(db.task.c.id != "a").values(state="done"))
        assert order() == ["a"]


def test_late_tasks_of_facilities_are_those_of_the_board(database: Database) -> None:
    """What letters urge is late on the board, too."""
    with database.writing() as connection:
        fill(connection, 3)
        every = task_board.standings(tasks.listed(connection, sa.true()), TODAY)
        late = task_lists.late(connection, sa.true(), TODAY)
        assert [one.id for one in late] == [
            it.id for it, how in every if how == "late" and it.site_id
        ]


def test_thousands_of_ids_are_asked_about_as_one_value(database: Database) -> None:
    """None, few and many, with marks and quotes in them; whatever is not there is not found."""
    with database.writing() as connection:
        fill(connection, 4)
        ids = [f"t{at:03}" for at in range(120)]
        for wanted in ([], ids[:3], ids, [*ids[:30], 'x"y', "l'a", "{ă}", "\\"], ids[:25] * 2):
            query = sa.select(db.task.c.id).where(among(db.task.c.id, wanted))
            assert set(connection.execute(query).scalars()) == set(wanted) & set(ids)
            rest = sa.select(sa.func.count()).where(~among(db.task.c.id, wanted))
            assert connection.execute(rest.select_from(db.task)).scalar() == 120 - len(
                set(wanted) & set(ids)
            )


def test_what_is_read_once_is_read_anew_in_the_next_transaction(database: Database) -> None:
    """Within a writing transaction nothing is remembered: it may have been changed there."""
    asked: list[int] = []

    def number(connection: Connection) -> int:
        asked.append(1)
        query = sa.select(sa.func.count()).select_from(tables.site)
        return connection.execute(query).scalar_one()

    with database.reading() as connection:
        before = once(connection, number)
        assert (once(connection, number), len(asked)) == (before, 1)
    with database.writing() as connection:
        once(connection, number)
        fill(connection, 5)
        assert once(connection, number) == before + len(SITES)
    with database.reading() as connection:
        assert once(connection, number) == before + len(SITES)
    assert len(asked) == 4
