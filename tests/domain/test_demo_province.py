"""The invented province: every state of the chain, labelled, and a day's page for each body."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac import demo, demo_province
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import access, directives, estimates, plans, surveys, today, units

if TYPE_CHECKING:
    from vonggac.db import Database

NOW_NS = 1_794_987_127 * NS  # 18/11/2026


@pytest.mark.parametrize("profile", demo.PROFILES)
def test_a_province_stands_in_all_states_of_the_chain(sqlite: Database, profile: str) -> None:
    """Loaded once, by the functions that pages use; every name says that it is invented."""
    with sqlite.writing() as connection:
        units.load(connection, "2026")
        directives.load(connection, now_ns=NOW_NS)
    password = "mot mat khau dai de thu"
    made = demo_province.load(sqlite, profile=profile, password=password, now_ns=NOW_NS)
    assert made == demo_province.FACILITIES
    assert demo_province.load(sqlite, profile=profile, password=password, now_ns=NOW_NS) == 0
    with sqlite.reading() as connection:
        titles = connection.execute(sa.select(tables.site.c.title)).scalars().all()
        sites = list(connection.execute(sa.select(tables.site.c.id)).scalars())
        assert all("(giả định)" in title for title in titles)
        states = {one.state for one in surveys.state(connection, sites).values()}
        assert states == {"asked", "answered", "verified", "refused"}
        assert {one.is_agreed for one in plans.listed(connection, sites)} == {True, False}
        found = {one.state for one in estimates.listed(connection, sites)}
        assert found >= {"draft", "submitted", "appraised", "approved"}
        owed = [
            one.due for one in directives.owed(connection, sa.true()) if one.directive.code is None
        ]
        assert set(owed) == {date(2021, 6, 11) if profile == "2021" else date(2026, 11, 30)}
        table = tables.account
        accounts = {
            row.name: row.id for row in connection.execute(sa.select(table.c.id, table.c.name))
        }
        assert set(demo.ACCOUNTS) == set(accounts)
        for name in demo.ACCOUNTS:
            person = access.person_of(connection, accounts[name], NOW_NS)
            assert today.matters(connection, person, now_ns=NOW_NS), name


def test_the_demo_names_the_accounts_that_are_made() -> None:
    """What is printed and what is loaded are one list."""
    assert tuple(body.account for body in demo_province.BODIES) == demo.ACCOUNTS
