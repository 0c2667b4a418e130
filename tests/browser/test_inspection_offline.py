"""Minutes made on a telephone where there is no signal: kept, opened again, sent once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pages_inspections import png

from hub_stage import PASSWORD, SITE_ID, Stage, stage
from vonggac.clock import SystemClock
from vonggac.db import tables
from vonggac.domain import findings, inspections, legal, roles
from vonggac.domain import inspection_rules as book
from vonggac.domain.exports import Someone
from vonggac.domain.inspection_input import Member, RoundDraft
from vonggac.web import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

PHONE = {"width": 390, "height": 844}


@dataclass
class Visited:
    """A hub that a telephone reaches, with an inspection that has begun."""

    hub: Stage
    origin: str
    inspection: str


def begin(hub: Stage) -> str:
    """An inspection of the stage's facility, begun by whoever signs in."""
    now_ns = hub.clock.wall_ns()
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        by = Someone(account.id, account.name)
        for role in ("health_inspector", "records_clerk"):
            roles.give(
                connection, roles.whoever_holds_the_machine(now_ns), account.id,
                roles.Draft(role=role, sites=(SITE_ID,), reason="phân công"), now_ns=now_ns,
            )  # fmt: skip
        team = (Member("Trưởng đoàn", "Sở Y tế"),)
        draft = RoundDraft("Kiểm tra", "Sở Y tế", team, (SITE_ID,), legal.day_of(now_ns))
        made = inspections.plan(connection, draft, by=by, now_ns=now_ns)
        it = inspections.of_round(connection, made)[0]
        placement = hub.app.state.desk.placement
        inspections.start(connection, it.id, placement, by=by, now_ns=now_ns)
    return it.id


@pytest_asyncio.fixture(loop_scope="module")
async def visited(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visited]:
    listener = serve.listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("hub")
    async with stage(folder, clock=SystemClock(), origins=(origin,)) as hub:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve.serve(hub.app, listener, stop=stop))
        yield Visited(hub, origin, await asyncio.to_thread(begin, hub))
        stop.set()
        await serving


async def judge(page: Page) -> None:
    """Every item passes but the first, which has to be mended."""
    for code in book.items():
        verdict = "fail" if code == "A.1" else "pass"
        await page.locator(f'label:has([name="v-{code}"][value="{verdict}"])').click()
    await page.locator('[name="s-A.1"]').fill("hai camera không ghi")
    await page.locator('[name="a-A.1"]').fill("thay nguồn tầng 3")
    await page.locator('[name="r-A.1"]').fill("KS Mường Hoa")
    await page.locator('[name="d-A.1"]').fill("31/12/2099")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(300)
async def test_minutes_made_without_signal_arrive_once(browser: Browser, visited: Visited) -> None:
    """With the refusal, the witness and a photograph; also when the page was opened again."""
    context = await browser.new_context(locale="vi-VN", viewport=PHONE)  # type: ignore[arg-type]
    answer = await context.request.post(
        f"{visited.origin}/api/v1/session", data={"user": "admin", "password": PASSWORD}
    )
    assert answer.status == 200
    page = await context.new_page()
    address = f"{visited.origin}/inspections/{visited.inspection}"
    await page.goto(address)
    await page.wait_for_selector('#check[data-offline="yes"]', state="attached")

    await context.set_offline(True)
    await judge(page)
    await page.locator("#f-picture").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": png()}
    )
    await page.locator("#f-item").select_option("A.1")
    await page.locator("#photo button").click()
    await page.wait_for_selector('[data-say="photos"] li')
    await page.goto(address)  # the telephone had closed it
    await page.wait_for_selector('#check[data-ready="yes"]', state="attached")
    assert await page.locator('[name="v-A.1"][value="fail"]').is_checked()
    assert await page.locator('[name="a-A.1"]').input_value() == "thay nguồn tầng 3"
    await page.locator('label:has([name="how"][value="refused"])').click()
    await page.locator("#f-opinion").fill("Chúng tôi không nhất trí.")
    await page.locator("#f-refused").fill("không nhất trí mục A.1")
    await page.locator("#f-witness").fill("Tổ trưởng dân phố")
    await page.locator('button[formaction$="/minutes"]').click()
    await page.wait_for_selector('[data-say="waits"]:not([hidden])')
    assert "Chưa có mạng" in await page.locator('[data-say="waits"]').inner_text()
    assert _state(visited)["state"] == "open"

    async with page.expect_navigation():
        await context.set_offline(False)
    await page.wait_for_selector("#findings")
    await context.close()

    found = _state(visited)
    assert found == {
        "state": "done", "refused": "không nhất trí mục A.1", "witness": "Tổ trưởng dân phố",
        "opinion": "Chúng tôi không nhất trí.", "findings": ["thay nguồn tầng 3"],
        "photos": ["A.1"],
    }  # fmt: skip


def _state(visited: Visited) -> dict[str, Any]:
    with visited.hub.database.reading() as connection:
        it = inspections.find(connection, visited.inspection)
        every = findings.of_inspection(connection, it.id)
        shots = inspections.photos(connection, it.id)
    return {
        "state": it.state, "refused": it.refused, "witness": it.witness, "opinion": it.opinion,
        "findings": [one.action for one in every], "photos": [one.item for one in shots],
    }  # fmt: skip
