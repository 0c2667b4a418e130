"""A live tile in Chromium: parts over the real nats-server into MediaSource."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from stand import opened

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page
    from stand import Stand

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def look(page: Page, camera: str, *looks: str) -> None:
    """Returns when the tile looks one of these ways."""
    await page.wait_for_function(
        "([camera, looks]) => looks.includes("
        "document.querySelector(`.tile[data-camera=${camera}]`)?.dataset.look)",
        arg=[camera, list(looks)],
        polling=50,
    )


SEEKS_BEFORE_FIRST = """
let seeks = 0;
document.addEventListener("seeking", () => { seeks += 1; }, true);
new MutationObserver(() => {
  const video = document.querySelector(".tile[data-camera=cam01] video");
  if (!video || video.dataset.counted) return;
  video.dataset.counted = "1";
  video.requestVideoFrameCallback(() => { window.seeksBeforeFirst = seeks; });
}).observe(document, {subtree: true, childList: true});
"""
"""Keeps how often any video was sought before cam01 showed its first picture."""


async def tile(page: Page, camera: str) -> dict[str, str]:
    return await page.evaluate(
        "(camera) => { const tile = document.querySelector(`.tile[data-camera=${camera}]`);"
        " return {...tile.dataset, text: tile.innerText}; }",
        camera,
    )


async def moves(page: Page, camera: str) -> None:
    """Returns when the picture on the screen has changed twice."""
    await page.evaluate(
        """async (camera) => {
          const video = document.querySelector(`.tile[data-camera=${camera}] video`);
          const next = () => new Promise((seen) =>
            video.requestVideoFrameCallback((_, {mediaTime}) => seen(mediaTime)));
          const first = await next();
          while ((await next()) === first);
        }""",
        camera,
    )


async def test_a_tile_shows_moving_pictures_and_their_true_age(
    browser: Browser, place: Stand
) -> None:
    """The clock of the picture comes from inside the part: it is what latency is measured by."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")
        await moves(page, "cam01")
        await page.wait_for_function(
            "() => document.querySelector('.tile[data-camera=cam01]').dataset.latency < 1000"
        )
        caption = page.locator(".tile[data-camera=cam01] footer")
        await caption.locator(".lat", has_text=re.compile(r"^0,\d s$")).wait_for()
        zone = await caption.locator(".zone").get_attribute("title")
        seen = await tile(page, "cam01")

    assert complaints == []
    assert int(seen["latency"]) > 0
    assert seen["stream"] == "sub"
    assert "Trực tiếp" in seen["text"]
    assert (zone, "HL" in seen["text"]) == ("Hành lang", True)


async def test_the_keyframe_is_shown_first_and_its_gop_played_not_sought(
    browser: Browser, place: Stand
) -> None:
    """A seek behind the GOP would show nothing until all of it is decoded."""
    async with opened(browser, "about:blank") as (page, complaints):
        await page.add_init_script(SEEKS_BEFORE_FIRST)
        await page.goto(f"{place.origin}/wall")
        await look(page, "cam01", "live")
        await moves(page, "cam01")
        rate = "document.querySelector('.tile[data-camera=cam01] video').playbackRate"
        await page.wait_for_function(f"() => {rate} <= 1.6", polling=50)
        seeks = await page.evaluate("window.seeksBeforeFirst")

    assert seeks == 0
    assert complaints == []


async def test_nothing_is_published_before_and_after_somebody_watches(
    browser: Browser, place: Stand
) -> None:
    """A site's line is idle when nobody looks, and the lease is given back on leaving."""
    camera = place.camera("cam01", "sub")
    assert camera.published == 0

    async with opened(browser, f"{place.origin}/wall") as (page, _):
        await look(page, "cam01", "live")
        await page.click('[data-do="layout"][data-tiles="1"]')
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await look(page, "cam02", "live")
        await page.wait_for_function("() => document.querySelectorAll('.tile').length === 1")

        await asyncio.wait_for(camera.given_back.wait(), 10)

    assert camera.published > 0


async def test_a_picture_that_stops_is_called_stale_and_then_live_again(
    browser: Browser, place: Stand
) -> None:
    """A frozen picture that looks live is the one thing a wall must never show."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")
        for stream in ("main", "sub"):
            await place.edge.tell(place.camera("cam01", stream), "stalled", None)
        await look(page, "cam01", "stale")
        stale = await tile(page, "cam01")
        for stream in ("main", "sub"):
            await place.edge.tell(place.camera("cam01", stream), "live", None)
        await look(page, "cam01", "live")
        await moves(page, "cam01")

    assert complaints == []
    assert "Không phải hình trực tiếp" in stale["text"]
    assert "hình lúc" in stale["text"]


async def test_a_gap_names_its_cause_and_takes_the_picture_away(
    browser: Browser, place: Stand
) -> None:
    """After the run has ended the last picture says nothing true any more."""
    async with opened(browser, f"{place.origin}/wall") as (page, _):
        await look(page, "cam01", "live")
        for stream in ("main", "sub"):
            await place.edge.tell(place.camera("cam01", stream), "gap", "unreachable")
        await look(page, "cam01", "gap")
        gone = await tile(page, "cam01")
        hidden = await page.evaluate("document.querySelector('.tile video').hidden")

    assert hidden
    assert "Mất kết nối camera" in gone["text"]
    assert "Xem lại tới" in gone["text"]


async def test_a_lost_part_costs_pictures_until_the_next_keyframe_and_no_more(
    browser: Browser, place: Stand
) -> None:
    """A decoder that misses a part would show smeared pictures: better none for a second."""
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")
        place.camera("cam01", "sub").lose = 2
        await moves(page, "cam01")
        await look(page, "cam01", "live")
        for _ in range(10):
            await moves(page, "cam01")
        broken = await page.evaluate("document.querySelector('.tile video').error")

    assert broken is None
    assert complaints == []


async def test_a_hidden_tab_asks_for_nothing_and_comes_back_with_a_new_picture(
    browser: Browser, place: Stand
) -> None:
    """The old frame is not kept: it would look live for as long as the first part takes."""
    camera = place.camera("cam01", "sub")
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")
        await page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        await look(page, "cam01", "paused")
        source = await page.evaluate("document.querySelector('.tile video').src")
        opened_before = camera.asked.count("open")
        await page.evaluate(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
        )
        await look(page, "cam01", "live")

    assert source == ""
    assert camera.asked.count("open") > opened_before
    assert complaints == []


async def test_h265_falls_back_to_the_sub_stream_and_otherwise_says_why(
    browser: Browser, place: Stand
) -> None:
    """Chromium on most desks cannot decode H.265; the camera still records."""
    async with opened(browser, f"{place.origin}/wall") as (page, _):
        plays = await page.evaluate(
            "MediaSource.isTypeSupported('video/mp4; codecs=\"hvc1.1.6.L93.B0\"')"
        )
        await look(page, "cam06", "live")
        await page.locator(".tile[data-camera=cam06]").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.querySelectorAll('.tile').length === 1")
        await page.wait_for_function(
            "(plays) => plays || document.body.innerText.includes('luồng phụ')", arg=plays
        )
        enlarged = await tile(page, "cam06")
    del place.edge.streams["cam06", "sub"]
    async with opened(browser, f"{place.origin}/wall") as (page, _):
        await look(page, "cam06", "live" if plays else "codec")
        alone = await tile(page, "cam06")

    if plays:
        assert enlarged["stream"] == "main"
        return
    assert enlarged["stream"] == "sub"
    assert "luồng phụ" in enlarged["text"]
    assert "Trình duyệt không mở được H.265" in alone["text"]
    assert "Camera vẫn đang ghi" in alone["text"]


async def test_twenty_renewals_lose_no_part_and_show_no_stall(
    browser: Browser, place: Stand
) -> None:
    """Tokens live two minutes; a shift lasts eight hours."""
    place.grant_seconds = 0.6
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")
        await page.evaluate(
            """async () => {
              window.worst = 0;
              const tile = document.querySelector('.tile[data-camera=cam01]');
              const seen = () => {
                window.worst = Math.max(window.worst, Number(tile.dataset.latency));
              };
              new MutationObserver(seen).observe(tile, {attributes: true});
              window.dropped = () => Number(tile.dataset.dropped);
              window.late = 0;
              let last = performance.now();
              setInterval(() => {
                const now = performance.now();
                window.late = Math.max(window.late, now - last - 50);
                last = now;
              }, 50);
            }"""
        )
        before = place.grants
        while place.grants < before + 20:
            await moves(page, "cam01")
        dropped = await page.evaluate("window.dropped()")
        # A machine that stops Chromium for a while makes every picture as much older.
        worst = await page.evaluate("window.worst - 2 * window.late")
        session = await page.evaluate("document.body.dataset.session")

    assert dropped == 0
    assert worst < 1500
    assert session == "open"
    assert complaints == []


async def test_a_server_that_goes_away_is_said_and_found_again(
    browser: Browser, place: Stand
) -> None:
    """What is on the screen then is not live, and nobody has to reload the page."""
    async with opened(browser, f"{place.origin}/wall") as (page, _):
        await look(page, "cam01", "live")
        await place.cut()
        await page.wait_for_selector('[data-show="session"]:not([hidden])')
        said = await page.inner_text('[data-show="session"]')
        await look(page, "cam01", "late", "stale")
        await place.mend()
        await page.wait_for_function("() => document.body.dataset.session === 'open'")
        await look(page, "cam01", "live")

    assert "Mất kết nối tới trung tâm" in said
