"""Signing in as people do it, in Chromium: lockout, telephone, idle days, sessions, next shift."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyotp
import pytest
import pytest_asyncio
from loop_edge import NS, LoopCamera, LoopEdge, make_clip

from hub_stage import PASSWORD, SITE_ID, Stage, stage
from vonggac import bus
from vonggac.clock import SystemClock
from vonggac.db import tables
from vonggac.domain import accounts, audit
from vonggac.web import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

LIVE = ("hl-2a", "st-2")
"""Cameras that deliver pictures; the others of the facility deliver none."""


@dataclass(frozen=True)
class Place:
    """A hub that Chromium reaches, with a box that plays two cameras."""

    hub: Stage
    origin: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub_place(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> AsyncIterator[Place]:
    clip = make_clip(clips / "sub.h264", size="640x360", kbps=400, pattern="testsrc")
    epoch = (time.time_ns() - 86_400 * NS) // NS * NS
    cameras = [LoopCamera(name, stream, clip, epoch) for name in LIVE for stream in ("main", "sub")]
    listener = serve.listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("hub")
    async with stage(folder, clock=SystemClock(), origins=(origin,)) as hub:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve.serve(hub.app, listener, stop=stop))
        control_key, media_key = hub.trust.edge(SITE_ID, issued_s=1_700_000_000)
        url = hub.server.address.url
        control = await bus.connect(url, control_key, name="edge")
        media = await bus.connect(url, media_key, name="edge-media")
        edge = LoopEdge(control, media, f"vg.{hub.trust.hub}.{SITE_ID}", cameras)
        playing = asyncio.create_task(edge.run())
        yield Place(hub, origin)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await control.close()
        await media.close()
        stop.set()
        await serving


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser, hub_place: Place) -> AsyncIterator[BrowserContext]:
    hub_place.hub.app.state.desk.sign_in_limit._buckets.clear()
    with hub_place.hub.database.writing() as connection:
        connection.execute(tables.attempt.delete())
    made = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="vi-VN")
    yield made
    await made.close()


def person(hub: Stage, name: str) -> str:
    """A colleague with the first person's roles and the same password."""
    with hub.database.writing() as connection:
        made, _ = accounts.create(
            connection, name=name, full_name=f"Người Trực {name}", now_ns=time.time_ns()
        )
        connection.execute(
            tables.account.update()
            .where(tables.account.c.id == made)
            .values(password_hash=accounts.hashed(PASSWORD), must_change=False)
        )
        for number, row in enumerate(connection.execute(tables.role_held.select()).mappings()):
            if row["given_by"] == "vonggac":
                copied = {**row, "id": f"{name}{number}", "account_id": made, "given_by": name}
                connection.execute(tables.role_held.insert().values(copied))
    return made


async def sign_in(page: Page, place: Place, name: str, password: str = PASSWORD) -> None:
    await page.goto(f"{place.origin}/signin")
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", password)
    await page.click("main button[type=submit]")
    await page.wait_for_load_state()


async def test_five_wrong_passwords_lock_the_door(
    context: BrowserContext, hub_place: Place
) -> None:
    """The page says how many are left, then until when; the right one does not open it either."""
    person(hub_place.hub, "khoa.nv")
    page = await context.new_page()
    for left in (4, 3, 2, 1):
        await sign_in(page, hub_place, "khoa.nv", "sai")
        assert f"Còn {left} lần" in await page.inner_text("[role=alert]")
    await sign_in(page, hub_place, "khoa.nv", "sai")
    await sign_in(page, hub_place, "khoa.nv")

    assert re.search(r"khóa đăng nhập đến \d\d:\d\d:\d\d", await page.inner_text("[role=alert]"))


async def test_a_telephone_is_enrolled_and_asked_for_from_then_on(
    context: BrowserContext, hub_place: Place
) -> None:
    """By the key as text; the same code does not open a second time."""
    person(hub_place.hub, "thuc.lv")
    page = await context.new_page()
    await sign_in(page, hub_place, "thuc.lv")
    await page.goto(f"{hub_place.origin}/account/factor")
    assert await page.locator("svg.qr").bounding_box() is not None
    secret = "".join(await page.locator(".secret span").all_inner_texts())
    telephone = pyotp.TOTP(secret)
    await page.fill("[name=code]", telephone.now())
    await page.click("main button[type=submit]")
    await page.wait_for_selector(".codes")
    codes = await page.locator(".codes li").all_inner_texts()
    await context.clear_cookies()

    await sign_in(page, hub_place, "thuc.lv")
    assert page.url.endswith("/signin/code")
    await page.fill("[name=code]", telephone.now())
    await page.click("main button[type=submit]")
    await page.wait_for_selector("[role=alert]")  # used, or about to be
    assert "đã dùng" in await page.inner_text("[role=alert]")
    await page.fill("[name=code]", codes[0])
    await page.click("main button[type=submit]")
    await page.wait_for_url(f"{hub_place.origin}/")

    assert len(codes) == 10


async def test_an_idle_account_says_why_it_does_not_open(
    context: BrowserContext, hub_place: Place
) -> None:
    made = person(hub_place.hub, "mai.gt")
    with hub_place.hub.database.writing() as connection:
        connection.execute(
            tables.account.update()
            .where(tables.account.c.id == made)
            .values(signed_in_ns=time.time_ns() - 46 * 86_400 * NS)
        )
    page = await context.new_page()
    await sign_in(page, hub_place, "mai.gt")

    assert "45 ngày không đăng nhập" in await page.inner_text("[role=alert]")


async def test_a_session_is_ended_from_another_browser(
    browser: Browser, context: BrowserContext, hub_place: Place
) -> None:
    """The lost laptop's next click leads to the sign-in page."""
    person(hub_place.hub, "an.tv")
    lost = await browser.new_context()
    page, mine = await lost.new_page(), await context.new_page()
    await sign_in(page, hub_place, "an.tv")
    await sign_in(mine, hub_place, "an.tv")
    await mine.goto(f"{hub_place.origin}/account")
    row = mine.locator("tr", has_not_text="máy này").locator("button")
    await row.last.click()
    await mine.wait_for_load_state()
    await page.goto(f"{hub_place.origin}/account")

    assert "/signin?next=" in page.url
    assert mine.url.endswith("/account")
    await lost.close()


WATCH = """() => {
  window.seen = { looks: new Set(), times: [] };
  const tiles = ["hl-2a", "st-2"].map((id) => document.querySelector(`.tile[data-camera=${id}]`));
  setInterval(() => { for (const tile of tiles) window.seen.looks.add(tile.dataset.look); }, 20);
  const video = tiles[0].querySelector("video");
  window.seen.stays = () => video.isConnected && video === tiles[0].querySelector("video");
  const next = () => video.requestVideoFrameCallback((now) => {
    window.seen.times.push(now);
    next();
  });
  next();
}"""


async def test_the_next_person_takes_over_by_pin_and_the_wall_plays_on(
    context: BrowserContext, hub_place: Place
) -> None:
    """At most ten seconds from the first key to the new name; no tile stalls meanwhile."""
    hub = hub_place.hub
    first, second = person(hub, "ca.mot"), person(hub, "ca.hai")
    page = await context.new_page()
    await sign_in(page, hub_place, "admin")
    await page.goto(f"{hub_place.origin}/workstations")
    enrol = page.locator("form:has(button[value=enrol])")
    await enrol.locator("[name=title]").fill("Máy trực")
    await enrol.locator("[name=room]").fill("Phòng trực")
    await enrol.locator("button").click()
    await page.wait_for_load_state()
    for name, pin in (("ca.hai", "905173"), ("ca.mot", "274916")):
        hub.app.state.desk.sign_in_limit._buckets.clear()
        await context.clear_cookies(name="vg_session")
        await sign_in(page, hub_place, name)
        await page.goto(f"{hub_place.origin}/account")
        await page.fill("[name=pin]", pin)
        await page.fill("[name=pin_again]", pin)
        await page.click("form[action='/account/pin'] button:not([value])")
        await page.wait_for_load_state()
    await page.goto(f"{hub_place.origin}/wall")
    for camera in LIVE:
        await page.wait_for_selector(f".tile[data-camera={camera}][data-look=live]", timeout=20_000)
    await page.evaluate(WATCH)

    began = time.monotonic()
    await page.click("[data-person]")
    await page.locator("dialog#person label", has_text="ca.hai").click()
    await page.fill("dialog#person [name=pin]", "905173")
    await page.keyboard.press("Enter")
    await page.locator("[data-show=person]", has_text="ca.hai").wait_for()
    took = time.monotonic() - began
    await page.wait_for_timeout(6_000)  # past the moment when the first person's grant is cut
    looks, gap, stays = await page.evaluate(
        "() => [[...window.seen.looks], Math.max(...window.seen.times.slice(1)"
        ".map((time, at) => time - window.seen.times[at])), window.seen.stays()]"
    )

    assert took < 10
    assert stays, "the same player went on, in the same page"
    assert set(looks) <= {"live", "late"}
    assert gap < 3_000  # the age at which a tile says that it is not live
    with hub.database.reading() as connection:
        (changed,) = audit.rows(connection, audit.Filter(act="person_changed"))
    assert (changed.account_id, changed.detail["from"]) == (second, "ca.mot")
    assert first != second
