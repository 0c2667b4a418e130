"""Cameras on a floor plan in Chromium: moved and turned by mouse, by finger and by keyboard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pages_floor_plans
import pytest
import pytest_asyncio

from hub_stage import PASSWORD, SITE_ID, Stage, stage
from vonggac.clock import SystemClock
from vonggac.domain import floor_plans
from vonggac.domain.floor_plans import WHOLE, View
from vonggac.web import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

TELEPHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A hub that Chromium reaches, with a drawing and two cameras on it."""

    hub: Stage
    origin: str

    def views(self) -> list[View]:
        """What the register holds, from left to right."""
        with self.hub.database.reading() as connection:
            plan = floor_plans.plans(connection, SITE_ID)[0]
            found = floor_plans.views(connection, [plan.id])[plan.id]
        return sorted(found.values(), key=lambda one: one.x)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub_place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    listener = serve.listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with stage(tmp_path_factory.mktemp("hub"), clock=SystemClock(), origins=(origin,)) as hub:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve.serve(hub.app, listener, stop=stop))
        await asyncio.to_thread(pages_floor_plans.load, hub)
        yield Place(hub, origin)
        stop.set()
        await serving


async def opened(browser: Browser, place: Place, **options: Any) -> Page:
    """The page, signed in."""
    context = await browser.new_context(locale="vi-VN", **options)
    page = await context.new_page()
    await page.goto(f"{place.origin}/signin")
    await page.fill("[name=name]", "admin")
    await page.fill("[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.goto(f"{place.origin}{pages_floor_plans.PAGE}")
    return page


async def centre(page: Page, part: str) -> tuple[float, float]:
    box = await page.locator(part).first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def saved(page: Page) -> None:
    async with page.expect_navigation():
        await page.click("button[value=save]")


async def test_the_mouse_moves_and_turns_a_camera(browser: Browser, hub_place: Place) -> None:
    """What is dragged is what the register holds afterwards, and what the server draws."""
    page = await opened(browser, hub_place, viewport={"width": 1440, "height": 900})
    drawing = await page.locator(".plan").bounding_box()
    x, y = await centre(page, ".pv-dot")
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(drawing["x"] + drawing["width"] / 4, drawing["y"] + drawing["height"] / 2)
    await page.mouse.up()
    x, y = await centre(page, ".pv-turn")
    await page.mouse.move(x, y)
    await page.mouse.down()
    # Straight down from the camera, a tenth of the drawing's width.
    await page.mouse.move(
        drawing["x"] + drawing["width"] / 4,
        drawing["y"] + drawing["height"] / 2 + drawing["width"] / 10,
    )
    await page.mouse.up()
    said = await page.locator("[data-state]").inner_text()
    drawn = await page.locator(".pv-cone").first.get_attribute("d")
    await saved(page)

    moved = hub_place.views()[0]
    assert "chưa lưu" in said
    assert (moved.x, moved.y) == (pytest.approx(WHOLE / 4, abs=30), pytest.approx(5_000, abs=60))
    assert (moved.heading, moved.reach) == (180, pytest.approx(1_000, abs=40))
    fresh = await page.locator(".pv-cone").first.get_attribute("d")
    assert numbers(fresh) == pytest.approx(numbers(drawn), abs=0.2)
    await page.context.close()


def numbers(path: str | None) -> list[float]:
    """The figures of an SVG path."""
    text = "".join(letter if letter in "0123456789.- " else " " for letter in path or "")
    return [float(one) for one in text.split()]


async def test_the_keyboard_moves_and_turns_a_camera(browser: Browser, hub_place: Place) -> None:
    """Arrows move, Shift and arrows turn or reach further; who cannot drag can do it all."""
    page = await opened(browser, hub_place, viewport={"width": 1440, "height": 900})
    before = hub_place.views()[1]
    await page.locator(".pv").nth(1).focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        await page.keyboard.press(key)
    await saved(page)

    after = hub_place.views()[1]
    assert (after.x, after.y) == (before.x - 100, before.y - 50)
    assert (after.heading, after.reach) == ((before.heading + 5) % 360, before.reach - 50)
    await page.context.close()


async def test_a_finger_moves_a_camera_on_a_telephone(browser: Browser, hub_place: Place) -> None:
    """The surveyor stands in the corridor; the page does not scroll away under the finger."""
    page = await opened(browser, hub_place, **TELEPHONE)
    before = hub_place.views()[0]
    await page.locator(".plan").scroll_into_view_if_needed()
    x, y = await centre(page, ".pv-dot")
    hit = await page.locator(".pv-hit").first.bounding_box()
    session = await page.context.new_cdp_session(page)

    async def touch(kind: str, *points: dict[str, float]) -> None:
        await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    await touch("touchStart", {"x": x, "y": y})
    for step in range(1, 6):
        await touch("touchMove", {"x": x + 8 * step, "y": y})
    await touch("touchEnd")
    await saved(page)

    assert min(hit["width"], hit["height"]) >= 43
    assert hub_place.views()[0].x > before.x + 400
    await page.context.close()
