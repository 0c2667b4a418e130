"""Playback in Chromium: GOPs by time over the real nats-server, shown in step on a timeline."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from loop_edge import NS
from stand import gaps_ago, opened

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page
    from stand import Stand

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PICTURE_MS = 40
LEFT_ALONE_S = 0.004
"""So near its moment `Reel.still` lets a video stand, to either side."""


def start(place: Stand, seconds_ago: float, *cameras: str) -> int:
    """Playback of these cameras from so many seconds ago; returns that moment, ns."""
    at = (time.time_ns() - int(seconds_ago * NS)) // NS * NS
    place.page_changes = {
        "selected": list(cameras),
        "at": dt.datetime.fromtimestamp(at / NS, dt.UTC).isoformat(),
    }
    return at


async def playhead(page: Page) -> float:
    """Ms since 1970 of the picture that is shown."""
    text = await page.get_attribute('[data-show="at"]', "datetime")
    assert text is not None
    return dt.datetime.fromisoformat(text).timestamp() * 1000


async def reaches(page: Page, ms: float) -> float:
    """The page's own clock, in seconds, when the playhead has passed `ms`.

    The page's, since what is asked of a browser from outside may be answered late.
    """
    passed = await page.wait_for_function(
        "(ms) => Date.parse(document.querySelector('[data-show=at]').dateTime) >= ms"
        " && performance.now() / 1000",
        arg=ms,
        polling=20,
    )
    return float(await passed.json_value())


async def stands_at(page: Page) -> tuple[float, float]:
    """The playhead in milliseconds, and the page's clock in seconds, read in one breath."""
    at, clock = await page.evaluate(
        "[Date.parse(document.querySelector('[data-show=at]').dateTime), performance.now() / 1000]"
    )
    return at, clock


FIRST_READY = """
new MutationObserver(() => {
  if (window.firstReady === undefined && document.querySelector('.tile[data-scene="ready"]'))
    window.firstReady = [
      Date.parse(document.querySelector('[data-show="at"]').dateTime), performance.now() / 1000,
    ];
}).observe(document, {subtree: true, childList: true, attributes: true});
"""
"""Keeps playhead and clock of the moment in which a picture is first ready, however late asked."""


async def scene(page: Page, camera: str, kind: str) -> str:
    await page.wait_for_selector(f'.tile[data-camera={camera}][data-scene="{kind}"]')
    return await page.inner_text(f".tile[data-camera={camera}]")


async def still(page: Page) -> None:
    """Stands, and the picture of the moment is on the screen."""
    await page.keyboard.press("k")
    await page.wait_for_function(
        "() => [...document.querySelectorAll('video:not([hidden])')]"
        ".every(v => v.paused && !v.seeking && v.readyState >= 2)"
    )


async def test_a_far_moment_is_shown_by_the_decoder_that_is_there(
    browser: Browser, place: Stand
) -> None:
    """A new one would cost a seek a tenth of a second; what lay in it before must not be seen."""
    at_ms = start(place, 100, "cam01") // 1_000_000
    source = "document.querySelector('.tile video').src"
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        before = await page.evaluate(source)
        for hours in (20, 0, 20):
            far_ms = at_ms - hours * 3_600_000
            await page.evaluate(
                """(at) => {
                  const button = document.createElement('button');
                  Object.assign(button.dataset, {do: 'at', at: String(at)});
                  document.body.append(button);
                  button.click();
                  button.remove();
                }""",
                far_ms,
            )
            await page.wait_for_function(
                "(at) => Math.abs(Date.parse(document.querySelector('[data-show=at]').dateTime)"
                " - at) < 30000",
                arg=far_ms,
            )
            await scene(page, "cam01", "ready")
            await reaches(page, far_ms + 2_000)
        after = await page.evaluate(source)

    assert before == after != ""
    assert complaints == []


async def test_a_recording_plays_from_the_asked_second_across_gops(
    browser: Browser, place: Stand
) -> None:
    """A GOP is a second here: playing on for two needs three of them joined without a stop."""
    at = start(place, 100, "cam01")
    async with opened(browser, "about:blank") as (page, complaints):
        await page.add_init_script(FIRST_READY)
        await page.goto(f"{place.origin}/playback")
        await scene(page, "cam01", "ready")
        first, began = await page.evaluate("window.firstReady")
        took = await reaches(page, first + 2_000) - began
        text = await page.inner_text(".tile")

    assert 0 <= first - at / 1e6 < 1_000
    assert took > 1.0, "it leapt"
    assert "có hình" in text
    assert complaints == []


async def test_one_step_is_one_picture_forward_and_back_over_the_border_of_gops(
    browser: Browser, place: Stand
) -> None:
    """What happened is often decided between two pictures."""
    at = start(place, 100, "cam01")
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        await still(page)
        before = await playhead(page)
        for number in range(1, 31):
            await page.keyboard.press("Shift+ArrowRight")
            await reaches(page, before + number * PICTURE_MS - 1)
        after = await playhead(page)
        for _ in range(30):
            await page.keyboard.press("Shift+ArrowLeft")
        back = await playhead(page)

    assert at / 1e6 <= before
    assert round(after - before) == 30 * PICTURE_MS
    assert round(back - before) == 0
    assert complaints == []


async def test_a_leap_beyond_all_that_is_held_plays_on(browser: Browser, place: Stand) -> None:
    """The video is told to go there before the answer is appended: it must not stay behind."""
    at = start(place, 1000, "cam01")
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        for leap in range(1, 5):
            await leap_to(page, at // 1_000_000 + leap * 120_000)
            await reaches(page, at / 1e6 + leap * 120_000 + 300)

    assert complaints == []


async def test_every_moment_that_was_visited_can_be_visited_again(
    browser: Browser, place: Stand
) -> None:
    """What must go for new recordings goes alone: its neighbours stay, and are still shown.

    Twelve places of some six GOPs each are more than a reel holds, so that the first ones go.
    """
    at = start(place, 1000, "cam01")
    held = """() => [...document.querySelectorAll('.tile video')].some(({buffered, currentTime}) =>
      [...Array(buffered.length).keys()].some(
        i => buffered.start(i) <= currentTime && buffered.end(i) > currentTime + 3))"""
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        for leap in range(12):
            await leap_to(page, at // 1_000_000 + leap * 60_000)
            await page.wait_for_function(held)
        stubs = await page.evaluate(
            "() => { const {buffered} = document.querySelector('.tile video');"
            " return [...Array(buffered.length).keys()]"
            ".map(i => buffered.end(i) - buffered.start(i)).filter(s => s < 0.5) }"
        )
        for leap in range(12):
            for second in (1_100, 2_100, 3_100):
                there = at // 1_000_000 + leap * 60_000 + second
                await leap_to(page, there)
                await reaches(page, there + 200)

    assert stubs == [], "a GOP of a second is held or gone"
    assert complaints == []


async def leap_to(page: Page, ms: int) -> None:
    """As a click on a moment does."""
    await page.evaluate(
        "(at) => { const button = document.createElement('button');"
        " Object.assign(button.dataset, { do: 'at', at }); document.body.append(button);"
        " button.click(); button.remove(); }",
        str(ms),
    )


async def test_a_gap_is_jumped_over_and_said(browser: Browser, place: Stand) -> None:
    """Silence about missing time is the worst thing a player can do."""
    at = start(place, 100, "cam01")
    gap = (at + 2 * NS + 430_000_000, at + 63 * NS, "unreachable")  # in the middle of a GOP
    place.camera("cam01").gaps = [gap]
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        await reaches(page, gap[1] / 1e6)
        said = await page.inner_text('[data-show="say"]')

    assert said.startswith("Bỏ qua 1 phút 0 giây: Mất kết nối camera")
    assert complaints == []


async def test_a_moment_without_a_picture_says_why_and_offers_both_edges(
    browser: Browser, place: Stand
) -> None:
    """The nearest picture is never shown in its place."""
    at = start(place, 100, "cam01", "cam02")
    place.camera("cam02").gaps = [(at - 10 * NS, at + 30 * NS, "unreachable")]
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        text = await scene(page, "cam02", "gap")
        await scene(page, "cam01", "ready")
        await still(page)
        await page.click(".tile[data-camera=cam02] button")
        await scene(page, "cam02", "ready")
        there = await playhead(page)

    assert "Không có hình lúc" in text
    assert "Mất kết nối camera từ" in text
    assert "không có hình" in text
    assert there >= at / 1e6 + 30_000
    assert complaints == []


async def test_four_cameras_stay_in_step(browser: Browser, place: Stand) -> None:
    """One moment, four pictures: apart by less than two of them."""
    start(place, 100, "cam01", "cam02", "cam03", "cam04")
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        for camera in ("cam01", "cam02", "cam03", "cam04"):
            await scene(page, camera, "ready")
        first = await playhead(page)
        await reaches(page, first + 2_000)
        times = await page.evaluate(
            "() => [...document.querySelectorAll('video')].map(v => v.currentTime)"
        )
        await still(page)
        stopped = await page.evaluate(
            "() => [...document.querySelectorAll('video')].map(v => v.currentTime)"
        )

    assert max(times) - min(times) < 2 * PICTURE_MS / 1000
    assert max(stopped) - min(stopped) <= 2 * LEFT_ALONE_S
    assert complaints == []


async def test_every_speed_on_the_page_is_the_speed_of_the_picture(
    browser: Browser, place: Stand
) -> None:
    """Slow enough to see a hand on a door, fast enough to look through a night.

    Smooth speeds are the video's own; above them keyframes are shown one by one.
    """
    start(place, 300, "cam01")
    seen: dict[str, tuple[float, float]] = {}
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        for rate in ("0.25", "0.5", "2", "4", "8"):
            await page.click(f'[data-rate="{rate}"]')
            pressed = page.locator('[data-do="rate"][aria-pressed="true"]')
            assert await pressed.get_attribute("data-rate") == rate
            first, began = await stands_at(page)
            took = await reaches(page, first + 800 * float(rate)) - began
            speed = await page.evaluate("document.querySelector('.tile video').playbackRate")
            seen[rate] = took, speed

    for rate, (took, speed) in seen.items():
        assert took > 0.4, f"{rate}: not faster than was asked for, whatever the machine"
        if float(rate) <= 4:
            assert speed == pytest.approx(float(rate), rel=0.15)
    assert complaints == []


async def test_sixteen_times_forward_and_twice_backward_show_keyframes(
    browser: Browser, place: Stand
) -> None:
    """An hour is looked through in four minutes, at little cost."""
    start(place, 600, "cam01")
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        await page.click('[data-rate="16"]')
        first, began = await stands_at(page)
        took = await reaches(page, first + 32_000) - began
        turned = await playhead(page)
        await page.keyboard.press("j")
        await page.wait_for_function(
            "(ms) => Date.parse(document.querySelector('[data-show=at]').dateTime) < ms",
            arg=turned - 3_000,
        )

    assert 1.5 < took < 16, "twice as fast as it happened at least, on any machine"
    assert complaints == []


async def test_keys_select_a_span_that_can_be_taken_away(browser: Browser, place: Stand) -> None:
    """The link is to the very span that is drawn, in UTC with milliseconds."""
    at = start(place, 100, "cam01")
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await scene(page, "cam01", "ready")
        await still(page)
        assert await page.get_attribute('a[data-link="recording"]', "href") is None
        await page.keyboard.press("i")
        begin = await playhead(page)
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("o")
        href = await page.get_attribute('a[data-link="recording"]', "href")
        length = await page.inner_text('[data-show="selection-length"]')
        await page.wait_for_function(
            "() => document.querySelector('[data-show=\"selection-recorded\"]').textContent !== '–'"
        )
        recorded = await page.inner_text('[data-show="selection-recorded"]')

    assert at / 1e6 <= begin
    assert href is not None
    assert re.fullmatch(
        r"/api/v1/cameras/cam01/recording\.mp4\?from=[\d-]+T[\d%A]+\.\d{3}Z&to=[\d-]+T[\d%A]+\.\d{3}Z",
        href,
    )
    assert length == "20 giây"
    assert recorded == "20 s trên 20 s"
    assert complaints == []


async def zoom(page: Page) -> dict[str, Any]:
    return await page.evaluate(
        """() => {
          const text = document.querySelector('[data-show=window]').textContent;
          return {text, shapes: document.querySelectorAll('.lanes .strip rect').length};
        }"""
    )


async def test_the_timeline_zooms_from_a_day_to_ten_seconds_and_seeks_by_click(
    browser: Browser, place: Stand
) -> None:
    """A gap of a second is seen at every zoom, and a click goes where it was made."""
    now = time.time_ns()
    place.camera("cam01").gaps = gaps_ago(now, (300, 299, "stalled"), (200, 100, "unreachable"))
    start(place, 30, "cam01")
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        await page.wait_for_selector(".lanes .l-m")
        await still(page)
        await page.keyboard.press("0")
        day = await zoom(page)
        thin = await page.evaluate(
            "Math.min(...[...document.querySelectorAll('.lanes .l-d')]"
            ".map(rect => rect.getBoundingClientRect().width))"
        )
        await page.click('[data-do="zoom"][data-seconds="600"]')
        box = await page.locator(".lanes .l-m").first.bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await scene(page, "cam01", "gap")
        await page.mouse.wheel(0, -2_000)
        for _ in range(20):
            await page.keyboard.press("+")
        ten = await zoom(page)
        await page.keyboard.press("Shift+G")
        await page.keyboard.press("g")
        await page.keyboard.press("[")
        yesterday = await page.inner_text('[data-show="date"]')

    assert "00:00–24:00" in day["text"]
    assert thin >= 2
    # A whole minute is written without its seconds, and one of two edges may be one.
    assert re.search(r"\d\d:\d\d:\d\d–\d\d:\d\d|–\d\d:\d\d:\d\d", ten["text"])
    assert yesterday
    assert complaints == []


async def test_time_that_was_deleted_is_called_expired_and_the_future_is_not_a_gap(
    browser: Browser, place: Stand
) -> None:
    """Three kinds of nothing; only one of them is somebody's fault."""
    camera = place.camera("cam01")
    camera.expired_before_ns = (time.time_ns() - 3600 * NS) // NS * NS
    start(place, 7200, "cam01")
    async with opened(browser, f"{place.origin}/playback") as (page, complaints):
        text = await scene(page, "cam01", "expired")
        start(place, -5, "cam01")
        await page.reload()
        ahead = await scene(page, "cam01", "future")

    assert "Đã quá hạn lưu" in text
    assert "Chưa tới thời điểm này" in ahead
    assert complaints == []
