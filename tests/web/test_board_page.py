"""The board of a unit on its page and by the API: the same counts, one page of facilities."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest_asyncio
import sqlalchemy as sa

from hub_stage import SITE_ID, also_holds, browser, sign_in, stage
from vonggac.db import tables
from vonggac.web import board

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub_stage import Stage

MORE = 60


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with more facilities than a page holds, and a person of the office."""
    async with stage(tmp_path) as found:
        also_holds(found, "office")
        with found.database.writing() as connection:
            site = connection.execute(sa.select(tables.site)).mappings().first()
            assert site is not None
            for number in range(MORE):
                row = {**site, "id": f"{number:026}", "name": f"cs-{number:02}",
                       "title": f"Khách sạn số {number:02}", "owner_line": "military"}  # fmt: skip
                connection.execute(tables.site.insert().values(**row))
        yield found


async def test_page_and_api_say_the_same(hub: Stage) -> None:
    """Counts, the bound of a page, the search, and the way from the page of the day."""
    async with browser(hub) as client:
        await sign_in(client)
        told = (await client.get("/api/v1/board")).json()
        assert told["counts"]["facilities"] == told["found"] == MORE + 1
        assert told["lines"]["military"] == MORE
        assert len(told["facilities"]) == board.PAGE
        page = (await client.get("/board")).text
        for code, count in told["counts"].items():
            assert re.search(rf'state={code}&[^>]*>[^<]+</a><b class="fig">{count}</b>', page), code
        assert page.count('class="sub code"') == board.PAGE
        second = (await client.get("/board", params={"page": "2"})).text
        assert second.count('class="sub code"') == MORE + 1 - board.PAGE
        found = (await client.get("/board", params={"q": "khach san so 07"})).text
        assert found.count('class="sub code"') == 1
        rows = (await client.get("/api/v1/board", params={"q": "SO 07", "line": "military"})).json()
        assert [one["title"] for one in rows["facilities"]] == ["Khách sạn số 07"]
        assert (await client.get("/board", params={"unit": "nowhere"})).status_code == 404
        assert 'href="/board"' in (await client.get("/today")).text
        last = (await client.get("/api/v1/board", params={"offset": board.PAGE})).json()
        every = told["facilities"] + last["facilities"]
        days = {one["id"]: one["day"] for one in every if one["day"]}
        assert set(days) == {SITE_ID}
        assert len(days[SITE_ID]["slots"]) == 48
        assert sum(part for slot in days[SITE_ID]["slots"] for part in slot)
        assert (page + second).count('class="strip"') == 1
        assert "24 giờ qua: đã ghi" in page + second
        recording = (await client.get("/api/v1/board", params={"state": "recording"})).json()
        assert {one["id"] for one in recording["facilities"]} <= {SITE_ID}
