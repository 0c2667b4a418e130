"""The wall in Chromium: layouts, pages, keys, enlarging, what is kept, and the phone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from stand import opened
from test_live import look, tile

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page
    from stand import Stand

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def shown(page: Page) -> list[str]:
    return await page.eval_on_selector_all(".tile", "tiles => tiles.map(t => t.dataset.camera)")


async def test_layouts_show_as_many_tiles_as_they_say_and_are_kept(
    browser: Browser, place: Stand
) -> None:
    """A duty officer arranges the wall once, not at every shift."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await page.wait_for_selector(".tile")
        assert len(await shown(page)) == 6

        await page.click('[data-do="layout"][data-tiles="4"]')
        assert await shown(page) == ["cam01", "cam02", "cam03", "cam04"]
        assert await page.inner_text('[data-show="pages"]') == "2"

        await page.reload()
        await page.wait_for_selector(".tile")
        assert len(await shown(page)) == 4
        pressed = await page.get_attribute('[data-tiles="4"]', "aria-pressed")

    assert pressed == "true"
    assert complaints == []


async def test_a_wall_whose_grant_does_not_come_shows_its_tiles_all_the_same(
    browser: Browser, place: Stand
) -> None:
    """The connection goes before the tiles, for as long as nobody would notice and no longer."""
    async with opened(browser, "about:blank") as (page, complaints):
        await page.route("**/api/v1/grants", lambda route: None)  # never answered
        await page.goto(f"{place.origin}/wall")
        await page.wait_for_selector(".tile")
        assert len(await shown(page)) == 6
        assert await page.locator(".wtop").is_visible()

    assert complaints == []


async def test_a_layout_with_a_name_comes_back_with_its_order_and_page(
    browser: Browser, place: Stand
) -> None:
    """Night and day look at other things; the last arrangement alone would lose one of them."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await page.wait_for_selector(".tile")
        await page.click('[data-do="layout"][data-tiles="4"]')
        await page.focus(".tile[data-camera=cam01]")
        await page.keyboard.press("Shift+ArrowRight")
        night = await shown(page)
        await page.keyboard.press("l")
        await page.fill("#layouts [name=name]", "ca đêm")
        await page.keyboard.press("Enter")
        await page.click("#layouts [data-close]")
        await page.click('[data-do="layout"][data-tiles="9"]')

        await page.reload()
        await page.wait_for_selector(".tile")
        assert len(await shown(page)) == 6
        await page.keyboard.press("l")
        await page.click("#layouts li button >> text=ca đêm")
        assert await shown(page) == night == ["cam02", "cam01", "cam03", "cam04"]
        await page.keyboard.press("l")
        await page.click("#layouts li button >> text=forget")
        left = await page.eval_on_selector_all("#layouts li", "rows => rows.length")

    assert left == 0
    assert complaints == []


async def test_every_layout_fits_the_window_up_to_five_by_five(
    browser: Browser, place: Stand
) -> None:
    """A tile below the edge of the screen is watched by nobody; cameras without a box say so."""
    known = place.page_data()["cameras"]
    more = [
        {**known[n % len(known)], "id": f"more{n:02}", "name": f"more{n:02}"} for n in range(24)
    ]
    place.page_changes = {"cameras": known + more}
    async with opened(browser, f"{place.origin}/wall", width=1440, height=900) as (page, _):
        await page.wait_for_selector(".tile")
        for tiles in (1, 4, 9, 16, 25):
            await page.click(f'[data-do="layout"][data-tiles="{tiles}"]')
            assert len(await shown(page)) == tiles
            boxes = await page.eval_on_selector_all(
                ".tile",
                "tiles => tiles.map(t => t.getBoundingClientRect())"
                ".map(r => [r.left, r.top, r.right, r.bottom, r.width, r.height])",
            )
            for left, top, right, bottom, width, height in boxes:
                assert min(left, top) >= 0, tiles
                assert right <= 1440, tiles
                assert bottom <= 900, tiles
                assert min(width, height) > 100, tiles
        await look(page, "cam01", "live")
        await look(page, "cam06", "live")


async def test_the_wall_fills_the_screen_and_gives_it_back(browser: Browser, place: Stand) -> None:
    """By key and by button, as on every player."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await page.wait_for_selector(".tile")
        await page.keyboard.press("f")
        await page.wait_for_function("() => document.fullscreenElement !== null")
        await page.keyboard.press("f")
        await page.wait_for_function("() => document.fullscreenElement === null")
        await page.click('[data-do="fullscreen"]')
        await page.wait_for_function("() => document.fullscreenElement !== null")

    assert complaints == []


async def test_the_keyboard_reaches_everything(browser: Browser, place: Stand) -> None:
    """A wall is worked without a mouse."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await page.wait_for_selector(".tile")
        await page.click('[data-do="layout"][data-tiles="4"]')
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement.dataset.camera") == "cam04"

        await page.keyboard.press("ArrowRight")
        assert await shown(page) == ["cam05", "cam06"]
        await page.keyboard.press("ArrowLeft")
        assert await page.evaluate("document.activeElement.dataset.camera") == "cam04"

        await page.keyboard.press("Enter")
        assert await shown(page) == ["cam04"]
        await page.wait_for_selector(
            '.tile[data-camera=cam04][data-stream="main"][data-look="live"]'
        )
        await page.keyboard.press("Escape")
        assert len(await shown(page)) == 4
        await page.keyboard.press("2")
        assert await shown(page) == ["cam02"]
        await page.keyboard.press("2")

        await page.locator(".tile[data-camera=cam01]").focus()
        await page.keyboard.press("s")
        await page.wait_for_selector('.tile[data-camera=cam01][data-stream="main"]')
        await page.keyboard.press("Shift+ArrowRight")
        assert (await shown(page))[:2] == ["cam02", "cam01"]
        await page.keyboard.press("?")
        assert await page.evaluate("document.getElementById('keys').open")
        await page.keyboard.press("Escape")
        await page.keyboard.press("p")
        await page.wait_for_url("**/playback?camera=cam01&at=*")

    assert complaints == []


async def test_cycling_turns_pages_with_a_countdown_in_sight(
    browser: Browser, place: Stand
) -> None:
    """A wall that turns by itself without saying so takes the picture away from whoever looks."""
    async with opened(browser, "about:blank") as (page, complaints):
        await page.clock.install()
        await page.goto(f"{place.origin}/wall")
        await page.wait_for_selector(".tile")
        await page.click('[data-do="layout"][data-tiles="4"]')
        await page.keyboard.press("c")
        await page.clock.run_for(5_000)
        said = await page.inner_text('[data-show="countdown"]')
        before = await shown(page)
        await page.clock.run_for(16_000)
        after = await shown(page)

    assert re.fullmatch(r"trang kế sau 1[456] s", said)
    assert before == ["cam01", "cam02", "cam03", "cam04"]
    assert after == ["cam05", "cam06"]

    assert complaints == []


async def test_a_camera_outside_the_grant_is_said_to_be_so_and_never_asked_for(
    browser: Browser, place: Stand
) -> None:
    """Rights are a state of a tile, not an error of the page."""
    cameras = place.page_data()["cameras"]
    cameras[1]["allowed"] = False
    place.page_changes = {"cameras": cameras}
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")
        denied = await tile(page, "cam02")

    assert "Bạn không có quyền xem" in denied["text"]
    assert place.camera("cam02", "sub").asked == []
    assert complaints == []


async def test_a_phone_plays_at_most_two_tiles_those_in_view(
    browser: Browser, place: Stand
) -> None:
    """A phone's link carries two; the list scrolls, and the streams move with it."""
    url = f"{place.origin}/wall"
    async with opened(browser, url, width=390, height=844) as (page, complaints):
        await look(page, "cam01", "live")
        playing = await page.eval_on_selector_all(
            ".tile", "tiles => tiles.filter(t => t.dataset.look !== 'paused').length"
        )
        await page.locator(".tile[data-camera=cam05]").scroll_into_view_if_needed()
        await look(page, "cam05", "live")
        await look(page, "cam01", "paused")
        wide = await page.evaluate("document.documentElement.scrollWidth")

    assert playing <= 2
    assert wide <= 390
    assert complaints == []


async def test_enlarging_keeps_the_picture_until_the_better_one_is_there(
    browser: Browser, place: Stand
) -> None:
    """Nobody enlarges a tile to look at nothing."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")
        await page.evaluate(
            """() => {
              window.looks = new Set();
              const tile = document.querySelector('.tile[data-camera=cam01]');
              const note = () => window.looks.add(tile.dataset.look);
              new MutationObserver(note).observe(tile, {attributes: true});
            }"""
        )
        await page.locator(".tile[data-camera=cam01]").click()
        await page.wait_for_selector('.tile[data-camera=cam01][data-stream="main"]')
        await page.keyboard.press("Escape")
        await page.wait_for_selector('.tile[data-camera=cam01][data-stream="sub"]')
        looks = await page.evaluate("[...window.looks]")
        videos = await page.evaluate(
            "document.querySelectorAll('[data-camera=cam01] video').length"
        )

    assert set(looks) <= {"live", "late"}
    assert videos == 1
    assert complaints == []
