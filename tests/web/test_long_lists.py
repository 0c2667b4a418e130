"""Pages over many facilities: a page of each list, and no question more for more facilities."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW, NOW_NS, browser, sign_in, stage
from vonggac.db import directives, estimate, inspection, survey, tables, task
from vonggac.domain import estimate as rules
from vonggac.domain import estimates, money, roles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub_stage import Stage
    from vonggac.db import Connection
    from vonggac.domain.estimate import Column

PAGES = (
    "/tasks", "/today", "/inspections", "/findings", "/reminders", "/sanctions", "/estimates",
    "/campaigns/c", "/board", "/facilities", "/owed", "/acceptance", "/estimates/summary",
)  # fmt: skip
ROLES = ("office", "surveyor", "health_inspector", "finance_appraiser", "leader")
DUE = NOW.date() - timedelta(days=20)


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub and a person who may see everything."""
    async with stage(tmp_path, cameras=False) as found:
        with found.database.writing() as connection:
            account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
            assert account is not None
            giver = roles.whoever_holds_the_machine(NOW_NS)
            for role in ROLES:
                draft = roles.Draft(role=role, reason="thử")
                roles.give(connection, giver, account, draft, now_ns=NOW_NS)
            made = {"made_ns": NOW_NS, "made_by": "x"}
            connection.execute(survey.survey_campaign.insert().values(
                id="c", title="Đợt", due=DUE, answers="facility", lines=[], **made
            ))  # fmt: skip
            connection.execute(inspection.inspection_round.insert().values(
                id="r", title="Kiểm tra", body="Sở A", team=[], **made
            ))  # fmt: skip
        yield found


def add(connection: Connection, first: int, last: int) -> None:
    """Facilities that are late in everything, with an order each."""
    numbers = range(first, last)
    made = {"made_ns": NOW_NS - 30 * 86_400 * 10**9, "made_by": "x"}
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        tables.site: [
            {"id": f"s{at:03}", "name": f"cs-{at:03}", "title": f"Cơ sở {at:03}", "created_ns": 1,
             "owner_line": "civil"}
            for at in numbers
        ],
        survey.survey: [
            {"id": f"v{at}", "survey_campaign_id": "c", "site_id": f"s{at:03}", "state": "asked",
             "changed_ns": 1}
            for at in numbers
        ],
        task.task: [
            {"id": f"t{at:03}", "site_id": f"s{at:03}", "body": "Sở A", "what": "Kéo cáp",
             "due": DUE + timedelta(days=at % 9), "state": "open", "opened_ns": 1,
             "opened_by": "x", "changed_ns": 1}
            for at in numbers
        ],
        inspection.inspection: [
            {"id": f"i{at}", "round_id": "r", "site_id": f"s{at:03}", "planned": DUE,
             "way": "on_site", "state": "open", "facts": {}, "present": [], **made}
            for at in numbers
        ],
        inspection.finding: [
            {"id": f"f{at}", "inspection_id": f"i{at}", "site_id": f"s{at:03}", "item": "1",
             "said": "hỏng", "action": "Thay nguồn", "responsible": "Cơ sở", "due": DUE, **made}
            for at in numbers
        ],
        inspection.reminder: [
            {"id": f"r{at}", "site_id": f"s{at:03}", "about": f"task:t{at:03}", "what": "Kéo cáp",
             "level": "facility", "addressee": "Cơ sở", "answer_by": DUE, **made}
            for at in numbers
        ],
        estimate.connection_plan: [
            {"id": f"p{at:03}{old}", "site_id": f"s{at:03}", "how": "buy", "months": 6,
             "facts": {}, "made_by": "x", "made_ns": at + old}
            for at in numbers for old in (0, 500)
        ],
        estimate.estimate: [
            {"id": f"e{at:03}", "site_id": f"s{at:03}", "code": f"DT-{at:03}", "version": 1,
             "title": "Lắp", "how": "buy", "catalogue": "x", "contingency": 500, "revision": 0,
             "state": "submitted" if at % 3 else "draft", **made}
            for at in numbers
        ],
        estimate.estimate_line: [
            {"id": f"l{at}-{of}", "estimate_id": f"e{at:03}", "at": of, "code": "c", "kind": "c",
             "title": "Camera", "unit": "cái", "quantity": at + of, "price": 1_000_003,
             "vat": (800, 1_000, 1_000)[of], "source": "x", "example": True,
             "appraised_quantity": at if at % 2 or of else None,
             "appraised_price": 999_999 if at % 2 or of else None}
            for at in numbers for of in range(3)
        ],
        directives.directive: [
            {"id": f"d{at}", "number": f"{at}", "number_key": f"{at}", "issuer": "A",
             "subject": "B", "folded": "b", "registered_ns": 1, "registered_by": "x"}
            for at in range(first // 10, last // 10)
        ],
        directives.directive_clause: [
            {"id": f"d{at}", "directive_id": f"d{at}", "place": 0, "number": "1", "said": "C",
             "due": DUE, "assigned_ns": 1, "assigned_by": "x"}
            for at in range(first // 10, last // 10)
        ],
        directives.directive_duty: [
            {"id": f"d{at}", "directive_clause_id": f"d{at}", "place": 0, "body": "Sở A",
             "part": "lead"}
            for at in range(first // 10, last // 10)
        ],
    }  # fmt: skip
    for table, every in rows.items():
        connection.execute(table.insert(), every)


async def test_more_facilities_are_no_more_questions_and_no_longer_pages(hub: Stage) -> None:
    """What sixty facilities take, a hundred and twenty take too: no page grows with the country."""
    asked: list[str] = []

    def count(_one: Any, _two: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    found: list[dict[str, int]] = []
    async with browser(hub) as client:
        await sign_in(client)
        for first, last in ((0, 60), (60, 120)):
            with hub.database.writing() as connection:
                add(connection, first, last)
            numbers = {}
            for page in PAGES:
                assert (await client.get(page)).status_code == 200, page
                sa.event.listen(hub.database.engine, "before_cursor_execute", count)
                asked.clear()
                answer = await client.get(page)
                sa.event.remove(hub.database.engine, "before_cursor_execute", count)
                numbers[page] = len(asked)
                rows = re.findall(r"<tr>|<li>|<li class=\"rem\">", answer.text)
                assert len(rows) < 330, (page, len(rows))
            found.append(numbers)
    more = {page: (found[0][page], n) for page, n in found[1].items() if n > found[0][page] + 2}
    assert not more


async def test_pages_of_a_list_join_to_the_whole(hub: Stage) -> None:
    """Each facility once, in the page's order; words narrow the list; the API counts all."""
    with hub.database.writing() as connection:
        add(connection, 0, 120)
    async with browser(hub) as client:
        await sign_in(client)
        for path, item in (
            ("/tasks?show=late", r'href="/tasks/(t\d{3})"'),
            ("/inspections", r'name="site" value="(s\d{3})"'),
            ("/findings", r'href="/findings/(f\d+)"'),
            ("/reminders", r'name="about" value="task:(t\d{3})"'),
            ("/acceptance", r'href="/acceptance/sites/(s\d{3})"'),
            ("/estimates/summary", r'href="/estimates/(e\d{3})"'),
        ):
            seen: list[str] = []
            for number in range(1, 9):
                mark = "&" if "?" in path else "?"
                text = (await client.get(f"{path}{mark}page={number}")).text
                seen += re.findall(item, text)
            assert len(seen) == len(set(seen)) == 120, path
        text = (await client.get("/inspections?q=co+so+077")).text
        assert re.findall(r'name="site" value="(s\d{3})"', text) == ["s077"]
        text = (await client.get("/estimates?q=co+so+077")).text
        assert text.count('<b class="wrap" translate="no">') == 1
        text = (await client.get("/acceptance?q=co+so+077")).text
        assert re.findall(r'href="/acceptance/sites/(s\d{3})"', text) == ["s077"]
        answer = (await client.get("/api/v1/tasks?offset=110&limit=20")).json()
        assert (answer["found"], len(answer["tasks"])) == (120, 10)
        board = (await client.get("/api/v1/tasks/board")).json()
        assert (board["all"]["late"], board["bodies"][0]["total"]) == (120, 120)


async def test_lists_of_the_api_join_to_the_whole(hub: Stage) -> None:
    """Each row once; `found` counts them all, of each list where an answer has several."""
    with hub.database.writing() as connection:
        add(connection, 0, 120)
    async with browser(hub) as client:
        await sign_in(client)
        for path, lists in (
            ("inspections", {"due": "site", "inspections": "id"}),
            ("findings", {"findings": "id"}),
            ("reminders", {"late": "about", "reminders": "id"}),
            ("estimates", {"estimates": "id"}),
            ("plans", {"plans": "site"}),
            ("owed", {"owed": "id"}),
        ):
            seen: dict[str, list[str]] = {name: [] for name in lists}
            for offset in range(0, 400, 50):
                params = {"offset": offset, "limit": 50}
                answer = (await client.get(f"/api/v1/{path}", params=params)).json()
                for name, key in lists.items():
                    assert len(answer[name]) <= 50, path
                    seen[name] += [one[key] for one in answer[name]]
            for name, every in seen.items():
                found = answer["found"]
                count = found[name] if isinstance(found, dict) else found
                assert len(every) == len(set(every)) == count, (path, name)
                assert count >= (12 if path == "owed" else 120), (path, name)
            assert (await client.get(f"/api/v1/{path}?limit=501")).status_code == 422
        assert {one[-3:] for one in seen_plans(await client.get("/api/v1/plans"))} == {"500"}


def seen_plans(answer: Any) -> list[str]:
    """Ids of the plans of an answer."""
    return [one["id"] for one in answer.json()["plans"]]


async def test_the_summary_adds_every_estimate_of_a_country(hub: Stage) -> None:
    """Six hundred: on each page the sums of all, as adding up their own pages makes them."""
    with hub.database.writing() as connection:
        add(connection, 0, 600)
        every = estimates.listed(connection, [f"s{at:03}" for at in range(600)], most=None)
        lines = estimates.lines_of(connection, [one.id for one in every])
    assert len(every) == 600
    columns: tuple[Column, ...] = ("asked", "appraised")
    totals = dict.fromkeys(columns, 0)
    for one in every:
        for column in columns:
            said = rules.totals_of(lines[one.id], column, one.contingency)
            if one.state != "draft" and said is not None:
                totals[column] += said.total
    async with browser(hub) as client:
        await sign_in(client)
        last = (await client.get("/estimates/summary?page=12")).text
        assert money.grouped(totals["asked"]) in last
        assert money.grouped(totals["appraised"]) in last
        assert 'rel="next"' not in last
        told = (await client.get("/api/v1/estimates/summary?offset=599")).json()
        assert told["found"] == 600
        assert [len(one["estimates"]) for one in told["provinces"]] == [1]
        assert told["provinces"][0]["totals"]["asked"] == totals["asked"]


async def test_what_was_ticked_is_there_again_after_a_refusal(hub: Stage) -> None:
    """Also a facility of another page: it comes first."""
    with hub.database.writing() as connection:
        add(connection, 0, 120)
    async with browser(hub) as client:
        await sign_in(client)
        page = (await client.get("/inspections")).text
        token = re.search(r'name="form_token" value="([^"]+)"', page)
        assert token is not None
        sent = {"form_token": token[1], "site": ["s110", "s111"], "title": "", "way": "on_site"}
        answer = await client.post("/inspections", data=sent)
        assert answer.status_code == 422
        ticked = re.findall(r'value="(s\d{3})" checked', answer.text)
        assert ticked == ["s110", "s111"]
