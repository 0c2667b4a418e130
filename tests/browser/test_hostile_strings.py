"""A camera that says what it likes: its strings on every page that shows them, in a real Chromium.

Everything a camera, a stranger at the sign-in or a browser's name can put before a person's eyes
is hostile here: markup, quotes, control characters, text that runs backwards, 10 kB without a
space. No script runs, the content policy has nothing to refuse, and nothing leaves its place.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio
from test_looks import (
    VISITS,
    WIDE,
    Place,
    Reader,
    Visit,
    load,
    signed_in,
)

from hub_stage import CAMERAS, DISCOVERED, PROBE, SITE_ID, stage
from hub_stage import browser as browser_of
from vonggac import bus, keys, wire
from vonggac.causes import Cause
from vonggac.clock import NS, SystemClock
from vonggac.hub import watch
from vonggac.hub.facts import FactTaker
from vonggac.web import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser, Page

    from hub_stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

MARKUP = (
    "<script>window.__hit=1</script>\"'><img src=x onerror=window.__hit=2><svg onload=__hit=3>"
    "</script></title></textarea><!-- javascript:window.__hit=4 {{7*191}} {% raw %} ${7*191} %s {x}"
)
BACKWARDS = "\u202egnp.lleh \u2066\u2067\u200f"
CONTROLS = "\x1b[31m\x07\x08\r\n\x7f\x9b"
LONG = "W" * 10_000
HOSTILE = MARKUP + BACKWARDS + CONTROLS + LONG
SHORT = BACKWARDS + MARKUP[:60]
"""For what is bounded before it is kept: titles, names at the sign-in."""

RUNS_BACKWARDS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode())
    if (/[\\u202a-\\u202e\\u2066-\\u2069]/.test(walk.currentNode.data))
      found.push(walk.currentNode.parentElement.outerHTML.slice(0, 80));
  return found.slice(0, 5);
}"""
"""An override in a sentence of ours would turn our own words round."""


def hostile(value: Any) -> Any:
    """The same answer with every string of the camera's own in it replaced."""
    kept = {"main", "sub", "required", "recommended", "onvif", "h264"}
    if isinstance(value, dict):
        return {
            name: one if name in ("picture", "stream", "level", "codec", "code") else hostile(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [hostile(one) for one in value]
    if isinstance(value, str) and value not in kept:
        return HOSTILE
    return value


def facts(now_ns: int) -> list[wire.Fact]:
    """What a box that repeats its cameras' words would sign."""
    run = "1" * 32
    found: list[wire.Fact] = [
        wire.BoxStarted(at=now_ns, version=HOSTILE, boot=HOSTILE),
        wire.DiskWarned(at=now_ns, state="gone", free_bytes=1, total_bytes=2, evidence=HOSTILE),
        wire.CheckFailed(at=now_ns, what=HOSTILE, evidence=HOSTILE),
        wire.WantAnswered(
            at=now_ns, key=HOSTILE, revision=1, accepted=False, reasons=(HOSTILE, HOSTILE)
        ),
        wire.Audited(
            at=now_ns, actor=HOSTILE, purpose=HOSTILE, grant=HOSTILE, verb=HOSTILE,
            outcome=HOSTILE, detail=HOSTILE,
        ),
    ]  # fmt: skip
    for name, _, _ in CAMERAS:
        found += [
            wire.CameraDescribed(
                at=now_ns, camera=name, title=HOSTILE, zone=HOSTILE, streams=("main", "sub")
            ),
            wire.RunStarted(
                at=now_ns - 500 * NS, camera=name, stream="main", run=run, source="rtsp",
                why=(HOSTILE, HOSTILE), codec=HOSTILE, width=1, height=1, server=HOSTILE,
                audio_codec=HOSTILE,
            ),
            wire.GapClosed(
                at=now_ns, camera=name, stream="main", from_=now_ns - 600 * NS,
                to=now_ns - 500 * NS, cause=Cause.GARBLED, evidence=HOSTILE,
            ),
            wire.CheckFailed(at=now_ns, camera=name, what=HOSTILE, evidence=HOSTILE),
        ]  # fmt: skip
    return [
        *found,
        wire.StateChanged(
            at=now_ns, camera="hl-3c", stream="main", state="gap", since=now_ns - 60 * NS,
            cause=Cause.REFUSED, evidence=HOSTILE,
        ),
    ]  # fmt: skip


STATUS = {
    "version": HOSTILE,
    "disk": {"fault": HOSTILE, "evidence": HOSTILE, "free_bytes": 1, "total_bytes": 2},
    "catalog_trouble": HOSTILE,
    "journal_trouble": HOSTILE,
    "streams": [
        {
            "camera": name,
            "stream": "main",
            "recording": True,
            **dict.fromkeys(("server", "codec", "last_error", "source", "evidence"), HOSTILE),
            "why": [HOSTILE],
        }
        for name, _, _ in CAMERAS
    ],
}


async def fill(hub: Stage) -> None:
    """Everything that a camera, its box or a stranger can say, the way that it comes in."""
    now_ns = hub.clock.wall_ns()
    key = keys.SigningKey.at(hub.folder / "site.key")
    deliveries = []
    for number, fact in enumerate(facts(now_ns)):
        subject = wire.FactSubject(hub.trust.hub, SITE_ID, wire.fact_kind(fact), fact.about)
        envelope = key.envelope(SITE_ID, 0, number, wire.encode_fact(fact))
        message = wire.encode_envelope(envelope)
        deliveries.append(bus.Delivery(str(subject), message, number + 1, number + 1, 0))
    taker = FactTaker(hub.database, hub.clock)
    taker.apply(deliveries)
    assert taker.counts.applied == len(deliveries)
    await watch.run_once(hub.site, hub.database, hub.clock)
    async with browser_of(hub) as stranger:
        await stranger.post("/signin", data={"name": SHORT, "password": "x"},
                            headers={"user-agent": MARKUP})  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    listener = serve.listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    folder: Path = tmp_path_factory.mktemp("hub")
    answers = {wire.Verb.PROBE: hostile(PROBE), wire.Verb.DISCOVER: hostile(DISCOVERED)}
    said = {verb: msgspec.json.encode(answer) for verb, answer in answers.items()}
    said[wire.Verb.STATUS] = msgspec.json.encode(STATUS)
    async with stage(folder, clock=SystemClock(), origins=(origin,)) as hub:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve.serve(hub.app, listener, stop=stop))
        box = await hub.box()
        content = box.content

        def lying(subject: wire.AskSubject, payload: bytes) -> tuple[dict[str, str], bytes]:
            if subject.verb in said:
                return {wire.TYPE: wire.JSON}, said[subject.verb]
            return content(subject, payload)

        box.content = lying  # type: ignore[method-assign]
        await fill(hub)
        await asyncio.to_thread(load, hub, HOSTILE)
        yield Place(hub, origin)
        await box.stop()
        stop.set()
        await serving


QUIET = {
    "/password", "/more", "/?q=nothing", "/continuity?day=2020-01-01", "/audit?actor=nobody",
    "/nothing", "/continuity?day=tomorrow",
}  # fmt: skip
"""Addresses at which nothing stands that anybody else said."""


def is_quiet(visit: Visit) -> bool:
    """Whether nobody's words are shown there: also an empty form's."""
    is_empty_form = visit.address in ("/cameras/new", "/discover") and not visit.press
    return is_empty_form or visit.address in QUIET


def what_runs(page: Page) -> list[str]:
    """What runs in a page that should not, from now on."""
    ran: list[str] = []

    async def dismissed(dialog: Any) -> None:
        ran.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    page.on("dialog", dismissed)
    page.on("popup", lambda other: ran.append(f"popup: {other.url}"))
    return ran


@pytest.mark.timeout(600)
async def test_what_a_camera_says_is_text_and_stays_in_its_place(
    browser: Browser, place: Place
) -> None:
    """Faults of all pages at once: whoever reads the report mends them in one go."""
    context = await browser.new_context()
    await signed_in(context, place, "vi")
    page = await context.new_page()
    reader, ran = Reader(page, place), what_runs(page)
    faults: list[str] = []
    more = (
        Visit("/audit", "/audit?thing=" + "x" * 500),
        Visit("/audit", "/audit?actor=%3Cscript%3Ewindow.__hit=5%3C/script%3E%22%27%3E"),
        Visit("/", "/?q=%3Cscript%3Ewindow.__hit=6%3C/script%3E%22%27%3E%E2%80%AE" + "W" * 3_000),
        Visit("(error)", "/%3Cscript%3Ewindow.__hit=7%3C/script%3E", 404),
    )
    seen = ""
    for visit in (*(one for one in VISITS if one.signed_in and not is_quiet(one)), *more):
        place.hub.app.state.desk.ask_limit._buckets.clear()
        name = f"{visit.address[:60]}{' sent' if visit.press else ''}"
        status = await reader.open(visit)
        if status != visit.status:
            faults.append(f"{name}: status {status}, not {visit.status}")
        faults += [f"{name}: console: {one[:200]}" for one in reader.wrong]
        faults += [f"{name}: {one}" for one in ran]
        reader.wrong.clear()
        ran.clear()
        if await page.evaluate("window.__hit !== undefined"):
            faults.append(f"{name}: a script ran")
        for width in (1440, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            wide, narrow = await page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            )
            if wide > narrow:
                faults.append(f"{name}: {wide - narrow} px wider than {width}")
            beyond = await page.evaluate(WIDE)
            faults += [f"{name}: beyond the edge of {width}: {one}" for one in beyond]
        faults += [f"{name}: turns round: {one}" for one in await page.evaluate(RUNS_BACKWARDS)]
        content = await page.inner_text("body")
        if "1337" in content:  # 7 * 191
            faults.append(f"{name}: a template read it")
        seen += content
    await context.close()

    assert faults == [], "\n".join(faults)
    assert seen.count("<script>window.__hit=1</script>") > 20  # else nothing above is proved
