"""The day's page: everybody reads what they owe, late first, and nothing of other facilities."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import directives, today, units
from vonggac.domain.access import Held, Person
from vonggac.domain.duties import duties
from vonggac.domain.exports import Someone
from vonggac.domain.matters import Matter, Standing, in_order, standing_on

if TYPE_CHECKING:
    from vonggac.db import Database

NOW_NS = 1_794_987_127 * NS  # 18/11/2026
TODAY = date(2026, 11, 18)
CLERK = Someone("a1", "van-thu")


def holding(role: str, *, unit: str | None = None, sites: tuple[str, ...] = ()) -> Person:
    """A person with one role of the rules."""
    duty = duties(TODAY)[role]
    return Person("a2", "nguoi", (Held(role, duty.acts, unit=unit, sites=frozenset(sites)),))


@pytest.fixture
def sites(database: Database) -> tuple[Database, list[str]]:
    """Seven facilities of one province, without contacts."""
    with database.writing() as connection:
        units.load(connection, "2026")
        made = [f"{at}" * 26 for at in range(7)]
        for at, site_id in enumerate(made):
            connection.execute(
                tables.site.insert().values(
                    id=site_id, name=f"cs-{at}", title=f"Cơ sở {at}", address="", unit_id="2026.12",
                    owner_line="civil", retention_days=30, created_ns=NOW_NS,
                )
            )  # fmt: skip
    return database, made


def test_late_comes_first_and_undated_last() -> None:
    """The last day itself still counts; within one standing the earliest day stands first."""
    days = [None, date(2026, 11, 19), date(2026, 11, 17), date(2026, 11, 18)]
    found = in_order(Matter("s", "w", "/", standing_on(day, TODAY), due=day) for day in days)
    assert [one.due for one in found] == [days[2], days[3], days[1], None]
    assert [one.standing for one in found] == [Standing.LATE, *[Standing.DUE] * 3]


def test_a_lack_of_many_facilities_is_one_line(sites: tuple[Database, list[str]]) -> None:
    """Seven facilities without a contact are one line with their number; two are two lines."""
    database, made = sites
    with database.reading() as connection:
        every = today.matters(connection, holding("committee"), now_ns=NOW_NS)
        two = today.matters(connection, holding("committee", sites=tuple(made[:2])), now_ns=NOW_NS)
    contacts = [one for one in every if one.what == today.NO_CONTACT]
    assert [one.values for one in contacts] == [(("n", "7"),)]
    assert {one.site_id for one in two if one.subject == "register"} == set(made[:2])


def test_nothing_is_said_of_facilities_of_others(sites: tuple[Database, list[str]]) -> None:
    """Whoever has another province reads nothing of this one; whoever has no role reads nothing."""
    database, _ = sites
    with database.reading() as connection:
        other = today.matters(connection, holding("committee", unit="2026.75"), now_ns=NOW_NS)
        nobody = today.matters(connection, Person("a3", "ai"), now_ns=NOW_NS)
    assert [one for one in other if one.subject == "register"] == []
    assert nobody == []


def test_a_body_reads_what_it_owes_and_the_register_what_all_owe(
    sites: tuple[Database, list[str]],
) -> None:
    """A duty past its day is late; what is consolidated is not owed; shipped ones are not shown."""
    database, _ = sites
    with database.writing() as connection:
        directives.load(connection, now_ns=NOW_NS)
        made = directives.register(
            connection,
            directives.Draft("12/UBND-VX", date(2026, 11, 2), "UBND tỉnh A", "giám sát"),
            unit_id=None, by=CLERK, now_ns=NOW_NS,
        )  # fmt: skip
        name = connection.execute(
            sa.select(tables.unit_name.c.vi).where(tables.unit_name.c.unit_id == "2026.12")
        ).scalars().first()  # fmt: skip
        draft = directives.ClauseDraft("1", "Khảo sát.", (str(name),), ("Sở B",), "Báo cáo",
                                       "trước ngày 12/11")  # fmt: skip
        directives.assign(connection, made, draft, by=CLERK, now_ns=NOW_NS)
    with database.reading() as connection:
        own = today.matters(connection, holding("surveyor", unit="2026.12"), now_ns=NOW_NS)
        all_ = today.matters(connection, holding("office"), now_ns=NOW_NS)
    owed = [one for one in own if one.subject == "directive" and one.due]
    assert [(one.body, one.standing, one.due) for one in owed] == [
        (name, Standing.LATE, date(2026, 11, 11))
    ]
    assert {one.body for one in all_ if one.due} == {name, "Sở B"}
    counts = today.counted(all_)
    assert (counts[Standing.LATE], counts[Standing.CHANGED]) == (2, 1)
