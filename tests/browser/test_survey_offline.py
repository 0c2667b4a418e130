"""The form of a survey on a phone without a line: kept, opened again, sent once when it is back."""

from __future__ import annotations

import asyncio
import struct
import zlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from hub_stage import SITE_ID, Stage, stage
from vonggac.clock import SystemClock
from vonggac.domain import campaigns, survey_links, surveys
from vonggac.domain.exports import Someone
from vonggac.web import serve, words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, FilePayload, Page
    from starlette.types import Receive, Scope, Send

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LEAD = Someone("a1", "khao-sat", "Người khảo sát A")
PHONE = {"width": 390, "height": 844}


@dataclass
class Place:
    """A hub that a phone reaches, and what it was asked."""

    hub: Stage
    origin: str
    asked: list[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    listener = serve.listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with stage(tmp_path_factory.mktemp("hub"), clock=SystemClock(), origins=(origin,)) as hub:
        stop, asked = asyncio.Event(), list[str]()

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                asked.append(f"{scope['method']} {scope['path']}")
            await hub.app(scope, receive, send)

        serving = asyncio.create_task(serve.serve(counted, listener, stop=stop))
        yield Place(hub, origin, asked)
        stop.set()
        await serving


def photograph(width: int, height: int) -> FilePayload:
    """A PNG as a telephone's camera would give one, with a text that says where it was taken."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"tEXt", b"Location\0twenty-one north"),
        (b"IDAT", zlib.compress((b"\0" + b"\x80" * width) * height)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return {"name": "hanh-lang.png", "mimeType": "image/png", "buffer": content}


def link(hub: Stage) -> tuple[str, str]:
    """A campaign that asks the facility; its survey, and the way to its form."""
    now_ns = hub.clock.wall_ns()
    draft = campaigns.Draft("Đợt 1", words.day_of(now_ns) + timedelta(days=9), sites=(SITE_ID,))
    with hub.database.writing() as connection:
        made = campaigns.begin(connection, draft, [SITE_ID], by=LEAD, now_ns=now_ns)
        (one,) = surveys.of_campaign(connection, made.id, [SITE_ID])
        _, token = survey_links.make_link(connection, one.id, days=9, by=LEAD, now_ns=now_ns)
    return one.id, f"/s/{token}"


async def go(page: Page, step: str) -> None:
    """To a step of the form, by the line of steps."""
    await page.click(f'.stepnav a[href="#s-{step}"]')
    await expect(page.locator(f"#s-{step}")).to_be_visible()


async def typed(page: Page) -> None:
    """What a person fills in, on their way through the house: step after step."""
    onward = page.locator('[data-go="1"]')
    await page.fill("[name=p-name]", "Lễ tân A")
    await onward.click()
    await page.fill("[name=k-name]", "Đầu mối A")
    await page.fill("[name=k-phone]", "0200 000 114")
    await onward.click()
    step = page.locator("[data-show=step]")
    await expect(step).to_have_text("Bước 3/7: Cơ sở vật chất")
    await page.go_back()
    await expect(step).to_have_text("Bước 2/7: Đầu mối của cơ sở")
    await page.go_forward()
    await page.select_option("[name=q-fence]", "part")
    await onward.click()
    await onward.click()
    await page.click("#s-zones li:has([name=z-SAN-absent]) summary")
    await page.check("[name=z-SAN-absent]")
    await page.fill("[name=z-SAN-why]", "nhà phố, không có sân")
    await onward.click()
    await page.fill("[name=c-0-title]", "Hành lang tầng 2")
    await onward.click()
    await page.fill("[name=note]", "đèn sân hỏng")
    await expect(onward).to_be_hidden()


async def test_a_form_is_filled_without_a_line_and_sent_once(
    browser: Browser, place: Place
) -> None:
    """Opened once with a line; typed, photographed, closed and opened again without one."""
    survey, path = link(place.hub)
    context = await browser.new_context(viewport=PHONE, locale="vi-VN")
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.goto(place.origin + path)
    await page.wait_for_selector("[data-kept=yes]")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await context.set_offline(True)
    place.asked.clear()

    await typed(page)
    photo = '[data-photos="z-SAN"]'
    await go(page, "zones")
    await page.set_input_files(f"{photo} input", files=[photograph(3200, 1200)])
    await expect(page.locator(f"{photo} img")).to_have_count(1)
    await go(page, "cameras")
    await page.select_option("[name=c-0-zone]", "TAM")
    await go(page, "note")
    await page.click("button[form=survey]")
    await expect(page.locator(".camera .err")).to_contain_text("Không được lắp camera")
    await page.select_option("[name=c-0-zone]", "HL")
    await go(page, "note")
    await page.click("button[form=survey]")
    state = page.locator("[data-show=state]")
    await expect(state).to_have_attribute("data-state", "waiting")
    await expect(page.locator(".offline b")).to_have_text("Không có mạng. Phiếu vẫn được lưu.")

    await page.reload()
    await expect(page.locator("[name=c-0-title]")).to_have_value("Hành lang tầng 2")
    await expect(page.locator("[name=note]")).to_have_value("đèn sân hỏng")
    await expect(page.locator("[name=z-SAN-absent]")).to_be_checked()
    await expect(page.locator(f"{photo} img")).to_have_count(1)
    await expect(state).to_have_attribute("data-state", "waiting")
    assert place.asked == [], "nothing reached the hub"

    await context.set_offline(False)
    await page.wait_for_selector("#receipt")
    await page.reload()
    await expect(page.locator("#receipt")).to_be_visible()
    left = await page.evaluate(
        """() => new Promise((resolve) => {
          const asked = indexedDB.open("vonggac-survey", 1);
          asked.onsuccess = () => {
            const all = asked.result.transaction(["forms", "photos"]);
            const counts = ["forms", "photos"].map((name) => all.objectStore(name).count());
            all.oncomplete = () => resolve(counts.map((one) => one.result));
          };
        })"""
    )
    await context.close()

    with place.hub.database.reading() as connection:
        (answer,) = surveys.answers(connection, survey)
        (kept,) = surveys.photographs(connection, survey)
        _, content = surveys.photograph(connection, survey, kept.id)
    assert answer.said.cameras[0].title == "Hành lang tầng 2"
    assert answer.said.absent == {"SAN": "nhà phố, không có sân"}
    assert answer.pictures == (kept.client_id,)
    assert (kept.about, kept.media_type, kept.width, kept.height) == (
        "z-SAN",
        "image/jpeg",
        1600,
        600,
    )
    assert b"north" not in content
    assert place.asked.count(f"POST {path}") == 1
    assert place.asked.count(f"POST {path}/pictures") == 1
    assert left == [0, 0], "what was sent is not left on the device"
    assert wrong == []


async def test_what_the_hub_refuses_is_said_in_place_and_lost_nowhere(
    browser: Browser, place: Place
) -> None:
    """With a line: a number that is none; put right, the same form is taken."""
    survey, path = link(place.hub)
    context = await browser.new_context(viewport=PHONE, locale="vi-VN")
    page = await context.new_page()
    await page.goto(place.origin + path)
    await page.wait_for_selector("[data-kept=yes]")
    await typed(page)
    await go(page, "zones")
    await page.uncheck("[name=z-SAN-absent]")
    await go(page, "cameras")
    await page.click("button[value=add]")
    await page.fill("[name=c-1-title]", "Cổng chính")
    await page.select_option("[name=c-1-zone]", "CG")
    await page.fill("[name=c-1-fps]", "25 hình")
    await go(page, "note")
    await page.click("button[form=survey]")
    await expect(page.locator(".field-err")).to_contain_text("Ghi một số nguyên.")
    await expect(page.locator("[name=c-1-title]")).to_have_value("Cổng chính")
    await page.fill("[name=c-1-fps]", "25")
    await go(page, "note")
    await page.click("button[form=survey]")
    await page.wait_for_selector("#receipt")
    await context.close()

    with place.hub.database.reading() as connection:
        (answer,) = surveys.answers(connection, survey)
    assert [one.zone for one in answer.said.cameras] == ["HL", "CG"]


async def test_a_browser_without_scripts_sends_the_form_and_its_photographs(
    browser: Browser, place: Place
) -> None:
    """One page without steps; a photograph stays when the form comes back to be mended."""
    survey, path = link(place.hub)
    context = await browser.new_context(viewport=PHONE, locale="vi-VN", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(place.origin + path)
    assert await page.locator("[data-part]:visible").count() == 7
    assert await page.locator("[data-go]:visible").count() == 0
    await page.fill("[name=p-name]", "Lễ tân A")
    await page.fill("[name=k-name]", "Đầu mối A")
    await page.fill("[name=c-0-title]", "Hành lang tầng 2")
    field = '[data-photos="c-0"]'
    await page.set_input_files(f"{field} input[type=file]", files=[photograph(64, 48)])
    await page.click("button[form=survey]")
    await expect(page.locator("#s-contact .err")).to_have_count(1)
    await expect(page.locator(field)).to_contain_text("Đã nhận ảnh 1 (64×48).")
    await page.fill("[name=k-phone]", "0200 000 114")
    await page.click("button[form=survey]")
    await expect(page.locator("#receipt")).to_be_visible()
    await context.close()

    with place.hub.database.reading() as connection:
        (answer,) = surveys.answers(connection, survey)
        (kept,) = surveys.photographs(connection, survey)
        _, content = surveys.photograph(connection, survey, kept.id)
    assert answer.pictures == (kept.client_id,)
    assert (kept.about, kept.width, kept.height) == ("c-0", 64, 48)
    assert b"north" not in content
