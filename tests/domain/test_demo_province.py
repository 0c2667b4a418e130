"""The invented province: every state of the chain, labelled, and a day's page for each body."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac import demo, demo_province
from vonggac.clock import NS
from vonggac.db import paper as db_paper
from vonggac.db import tables
from vonggac.db import task as db_task
from vonggac.domain import (
    acceptance,
    access,
    designated,
    directives,
    estimates,
    findings,
    inspections,
    issuers,
    legal,
    papers,
    plans,
    reminders,
    reports,
    sanctions,
    schedules,
    statistics,
    surveys,
    today,
    units,
)
from vonggac.paper.letter import Text

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

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
        assert found == {
            "draft", "submitted", "appraised", "approved", "allocated", "procured", "contracted",
            "settled", "returned",
        }  # fmt: skip
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
        for body in demo_province.BODIES:
            if body.role not in (*demo_province.OF_BODIES, "leader"):
                continue
            person = access.person_of(connection, accounts[body.account], NOW_NS)
            own = issuers.spoken_for(
                connection, person, now_ns=NOW_NS, on=legal.day_of(NOW_NS)
            )  # fmt: skip
            called = [one.name(profile) for one in demo_province.BODIES]
            assert [one for one in called if issuers.is_among(one, own)] == [body.name(profile)]
        inspected(connection, sites)
        connected(connection, sites)
        told_upward(connection, accounts["so-chu-tri"])
        carrying_out(connection)


def carrying_out(connection: Connection) -> None:
    """Every task and every paper has its order, and each letter says its number."""
    assert connection.execute(
        sa.select(sa.func.count()).where(db_task.task.c.directive_id.is_(None))
    ).scalar_one() == 0  # fmt: skip
    table = db_paper.paper
    drafted = connection.execute(sa.select(table.c.id, table.c.about, table.c.directive_id)).all()
    assert drafted
    for row in drafted:
        order = directives.find(connection, row.directive_id)
        letter = papers.letter_of(connection, row.id)
        said = [*letter.basis, *(one.text for one in letter.body if isinstance(one, Text))]
        assert any(order.number in one for one in said), (row.about, letter.subject)


def inspected(connection: Connection, sites: list[str]) -> None:
    """Inspections in time and late, findings in each state, letters, proposals at each step."""
    day = legal.day_of(NOW_NS)
    every = inspections.listed(connection, sites)
    assert {one.state for one in every} == {"done", "open", "planned", "dropped"}
    assert {one.counts for one in every if one.state == "done"} == {True, False}
    assert any(one.refused and one.witness for one in every)
    dues = inspections.dues(connection, sites, day)
    inspected = [one for one in dues if one.last is not None]
    assert {one.late(day) > 0 for one in inspected} == {True, False}
    found = findings.listed(connection, sites)
    assert {one.state for one in found} == {"open", "proved", "closed"}
    assert {one.due < day for one in found if one.state == "open"} == {True, False}
    assert {one.sent is None for one in reminders.of_site(connection, sites)} == {True, False}
    proposals = sanctions.of_sites(connection, sites)
    assert {one.state for one in proposals} == {"explaining", "proposed", "decided"}
    assert next(one for one in proposals if one.state == "explaining").explain_by > day


def connected(connection: Connection, sites: list[str]) -> None:
    """Acceptance from trial to signature; what enterprises confirm stands apart from it."""
    accepted = acceptance.connected(connection, sites)
    reasons = {camera.reason for site in accepted.values() for camera in site.cameras}
    assert reasons == {None, "not_tried", "trying", "failed", "waits"}
    assert sum(site.connected for site in accepted.values()) == 1
    confirmed = designated.of_sites(connection, sites, legal.day_of(NOW_NS))
    assert sum(one.count for one in confirmed.values()) == 5
    span = statistics.Span(legal.day_of(NOW_NS), legal.day_of(NOW_NS))
    counted = statistics.statistics(connection, sites, span, now_ns=NOW_NS)
    assert counted.value("connected").amount == 4
    assert 0 < counted.value("recorded").amount < counted.value("linked").amount
    assert counted.value("linked").share < 10_000
    assert counted.value("tasks_late").amount
    assert counted.value("survey_late").amount


def told_upward(connection: Connection, account_id: str) -> None:
    """Papers in each state, kept reports of both kinds with data that match, one by the clock."""
    person = access.person_of(connection, account_id, NOW_NS)
    allowed = papers.visible(connection, person, NOW_NS)
    every = [
        one for state in papers.STATES for one in papers.listed(connection, allowed, state=state)
    ]
    assert {one.state for one in every} == set(papers.STATES)
    for about in ("proposal:", "inspection:"):
        some = [one for one in every if one.about.startswith(about)]
        assert {one.state for one in some} == {"draft", "issued"}, about
        assert all(papers.file_of(connection, one.id) for one in some if one.state == "issued")
    kinds = {one.kind for one in every}
    assert kinds == {"bao-cao", "bien-ban", "cong-van", "phuong-an", "quyet-dinh", "to-trinh"}
    kept = reports.listed(connection, person, now_ns=NOW_NS)
    assert {one.kind for one in kept} == {"daily", "periodic"}
    daily = next(one for one in kept if one.kind == "daily")
    assert all(reports.data_kept(connection, daily.id)["day"].values()), "each part has a line"
    assert [one.rhythm for one in schedules.standing(connection)] == ["daily"]


def test_the_demo_names_the_accounts_that_are_made() -> None:
    """What is printed and what is loaded are one list."""
    assert tuple(body.account for body in demo_province.BODIES) == demo.ACCOUNTS
