"""Who lands where: a duty officer at the cameras, an office at the page of the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW_NS, SITE_ID, browser, sign_in, stage
from vonggac.db import tables

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub_stage import Stage


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub without cameras."""
    async with stage(tmp_path, cameras=False) as found:
        yield found


def hold(hub: Stage, role: str) -> None:
    """Let the one account hold this role and no other."""
    table = tables.role_held
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
        connection.execute(table.delete())
        connection.execute(
            table.insert().values(
                id="r" * 26, account_id=account, role=role, sites=[], from_ns=0, reason="phân công",
                given_by="x", given_ns=NOW_NS,
            )
        )  # fmt: skip


async def test_an_office_lands_on_its_day_and_a_duty_officer_at_the_cameras(hub: Stage) -> None:
    """`/` chooses; the facility stays where it was for whoever asks for it by name."""
    async with browser(hub) as client:
        await sign_in(client)
        for role, lands in (
            ("leader", "/today"), ("finance_appraiser", "/today"), ("committee", "/today"),
            ("health_inspector", "/today"), ("site_duty", ""), ("shift_lead", ""),
            ("administrator", ""),
        ):  # fmt: skip
            hold(hub, role)
            answer = await client.get("/")
            assert answer.headers.get("location", "") == lands, role
        hold(hub, "leader")
        assert (await client.get("/", params={"site": SITE_ID})).status_code == 200


async def test_the_day_is_the_same_in_the_api(hub: Stage) -> None:
    """Every line of the page is in the API, with its page and its last day."""
    hold(hub, "committee")
    async with browser(hub) as client:
        await sign_in(client)
        page = (await client.get("/today")).text
        told = (await client.get("/api/v1/today")).json()
        assert sum(told["counts"].values()) == len(told["matters"]) > 0
        for one in told["matters"]:
            assert f'href="{one["page"]}"' in page
        assert "KS Mường Hoa" in page
        assert (await client.get("/today", params={"about": "register"})).status_code == 200
