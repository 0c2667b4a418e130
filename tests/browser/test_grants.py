"""What a grant opens in a browser, and that it opens nothing else and not for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stand import opened
from test_live import look, tile

if TYPE_CHECKING:
    from playwright.async_api import Browser
    from stand import Stand

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

TRY_OTHERS = """async () => {
  const {connect} = await import('/static/js/nats.mjs');
  const {makeKey} = await import('/static/js/nkey.mjs');
  const {grantsOf, pageData, ServerClock} = await import('/static/js/page.mjs');
  const page = pageData();
  const key = await makeKey();
  const grant = await grantsOf(page, new ServerClock(Date.now()))(key.name, ['cam01']);
  const connection = await connect({url: grant.websocket, credentials: {token: grant.token, key}});
  const refusals = [];
  const other = (subject) => subject.replaceAll('cam01', 'cam02');
  const refused = new Promise((settle) => {
    connection.onerror = (sentence) => refusals.push(sentence) >= 5 && settle();
  });
  connection.subscribe(other(grant.subjects.live.cam01.main), () => refusals.push('received'));
  connection.subscribe('_INBOX.>', () => refusals.push('received'));
  for (const verb of ['open', 'gop', 'snapshot'])
    connection.publish(other(grant.subjects.ask.cam01[verb]), new Uint8Array(0));
  await refused;
  return refusals;
}"""


async def test_a_grant_for_one_camera_opens_no_other(browser: Browser, place: Stand) -> None:
    """The server itself refuses: nothing here depends on the page's good will."""
    async with opened(browser, f"{place.origin}/wall") as (page, _):
        await look(page, "cam01", "live")
        before = list(place.camera("cam02").asked)
        refusals = await page.evaluate(TRY_OTHERS)
        after = place.camera("cam02").asked

    assert len(refusals) == 5
    assert all("Permissions Violation" in sentence for sentence in refusals)
    assert before == after


async def test_an_expired_token_is_cut_off_and_the_page_says_to_sign_in(
    browser: Browser, place: Stand
) -> None:
    """Whoever loses the right to look loses the picture, not only the next one."""
    place.token_seconds = 3
    async with opened(browser, f"{place.origin}/wall") as (page, _):
        await look(page, "cam01", "live")
        place.refusing = True
        await page.wait_for_function("() => document.body.dataset.session === 'refused'")
        await look(page, "cam01", "ended")
        said = await page.inner_text('[data-show="session"]')
        seen = await tile(page, "cam01")

    assert "Hãy đăng nhập lại" in said
    assert "Trực tiếp" not in seen["text"].split("\n")


async def test_a_browser_without_ed25519_signs_with_the_vendored_one(
    browser: Browser, place: Stand
) -> None:
    """On a site's own network without a certificate WebCrypto is not there at all."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    await page.goto(f"{place.origin}/wall")
    await look(page, "cam01", "live")
    loaded = await page.evaluate("typeof window.nacl")
    await context.close()

    assert loaded == "object"


async def test_the_connection_is_begun_while_the_grant_is_asked_for(
    browser: Browser, place: Stand
) -> None:
    """One after the other they would be a tenth of a second of the first picture, more far away."""
    place.grant_takes_s = 0.5
    async with opened(browser, f"{place.origin}/wall") as (page, complaints):
        await look(page, "cam01", "live")

    assert place.connected_before_the_grant
    assert place.grants == 1
    assert complaints == []


@pytest.mark.parametrize(
    ("page_says", "grant_takes_s"),
    [({"websocket": "ws://127.0.0.1:1"}, 0), ({"websocket": ""}, 0), ({}, 2.3)],
    ids=["elsewhere", "unknown", "given up by the server"],
)
async def test_a_connection_begun_in_vain_is_made_again(
    browser: Browser, place: Stand, page_says: dict[str, str], grant_takes_s: float
) -> None:
    """A proxy may have moved; and nats-server waits two seconds for who it has greeted."""
    place.page_changes = page_says
    place.grant_takes_s = grant_takes_s
    async with opened(browser, f"{place.origin}/wall") as (page, _):
        await look(page, "cam01", "live")
        session = await page.evaluate("document.body.dataset.session")

    assert session == "open"
    assert place.grants == 1


async def test_a_page_of_another_origin_cannot_use_the_bus(browser: Browser, place: Stand) -> None:
    """A stolen token is of no use in a page that is not ours."""
    async with opened(browser, "about:blank") as (page, _):
        outcome = await page.evaluate(
            "(url) => new Promise((settle) => { const socket = new WebSocket(url);"
            " socket.onopen = () => settle('open'); socket.onclose = () => settle('closed'); })",
            place.websocket,
        )

    assert outcome == "closed"
