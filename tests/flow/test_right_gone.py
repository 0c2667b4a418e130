"""A right that goes away ends a running live view within five seconds, in the whole program.

Must-show: seen on the wire by the viewer's own connection, on the page by a person, and in the
audit with its start, its end and why.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from programs import PASSWORD, browsing, running

from recordings import virtual_cameras, wait_until
from vonggac import bus, keys, wire
from vonggac.errors import VonggacError
from vonggac.sim.cameras import StreamPlan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from programs import Running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    # nats-py hands aiohttp a number of seconds where it now wants an object.
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning"),
    pytest.mark.usefixtures("cut_connections"),
]

WITHIN_S = 5.0
"""What is promised."""
CAMERA = "cam01"


@dataclass
class Scene:
    """The program, and where its database is."""

    program: Running
    database: Path

    @contextmanager
    def signed_in(self) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
        """Another browser of the same person, and the header that its changes need."""
        told = self.program.told
        with httpx.Client(base_url=told["url"], timeout=20) as http:
            answer = http.post("/api/v1/session", json={"user": told["user"], "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield http, {"X-CSRF-Token": answer.json()["csrf_token"]}

    def end_session(self, of: httpx.Client) -> None:
        """As a colleague or the person himself does it, from another browser."""
        own = next(s["id"] for s in of.get("/api/v1/sessions").json()["sessions"] if s["is_this"])
        with self.signed_in() as (http, headers):
            answer = http.delete(f"/api/v1/sessions/{own}", headers=headers)
            assert answer.status_code == 204, answer.text

    def views(self) -> list[tuple[str, str, str]]:
        """(act, purpose, why) of the hub's rows of views, oldest first."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            rows = database.execute(
                "SELECT act, purpose, coalesce(json_extract(detail, '$.why'), '') FROM audit"
                " WHERE act IN ('live_viewed', 'playback_viewed', 'view_ended') ORDER BY id"
            ).fetchall()
        database.close()
        return [(act, purpose, why) for act, purpose, why in rows if why or act != "view_ended"]

    def audited(self) -> list[tuple[str, str]]:
        """(act, why) of the hub's rows of views, oldest first; the box writes rows of its own."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as database:
            rows = database.execute(
                "SELECT act, json_extract(detail, '$.why') FROM audit"
                " WHERE act IN ('live_viewed', 'view_ended') ORDER BY id"
            ).fetchall()
        database.close()
        return [(act, why or "") for act, why in rows if why or act == "live_viewed"]


@pytest.fixture(scope="module")
def scene(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """`vonggac up` with one camera that is recorded."""
    folder = tmp_path_factory.mktemp("up")
    plan = StreamPlan(width=640, height=360, fps=10.0, kbps=400)
    with virtual_cameras(1, cache, main=plan) as cameras:
        config = folder / "vonggac.toml"
        lines = [
            f'data_dir = "{folder / "data"}"', "[web]", "port = 0", "[sign_in]",
            'second_factor = "outside"', "[[cameras]]", f'name = "{CAMERA}"',
            f'main = {{url = "{cameras.url(CAMERA)}"}}',
        ]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        with running(["up", "--config", str(config)], folder / "log", {}) as program:

            def is_recorded() -> bool:
                found = program.http.get("/api/v1/cameras").json()["cameras"]
                return bool(found) and found[0]["state"]["kind"] == "recording"

            wait_until(is_recorded, "the camera is recorded")
            yield Scene(program, folder / "data" / "hub.sqlite")


async def test_a_session_that_is_ended_cuts_the_running_view_off_on_the_wire(
    scene: Scene,
) -> None:
    """Parts flow; the session ends elsewhere; the connection is over, and none opens again."""
    with scene.signed_in() as (http, headers):
        key = keys.NKey.create(keys.Role.USER)
        body = {"nkey": key.public, "cameras": [CAMERA], "streams": ["main"], "purpose": "watch"}
        told: dict[str, Any] = http.post("/api/v1/grants", json=body, headers=headers).json()
        viewer = await _connected(scene, told, key)
        heard: list[bus.Message] = []
        await viewer.listen(told["subjects"]["live"][CAMERA]["main"], heard.append)
        asker = bus.Asker(told["hub"], told["grant_id"], viewer, [viewer])
        await asker.start(told["site"])
        opening = (told["site"], wire.Verb.OPEN, CAMERA, wire.OpenAsk("main"), told["grant"])
        await asker.ask(*opening)
        async with asyncio.timeout(20):
            while len(heard) < 5:
                await asyncio.sleep(0.01)

        await asyncio.to_thread(scene.end_session, http)
        began = time.monotonic()
        async with asyncio.timeout(20):
            await viewer.closed.wait()
        took = time.monotonic() - began
        again = http.post("/api/v1/grants", json=body, headers=headers)

    assert took < WITHIN_S
    assert again.status_code == 401
    with pytest.raises(VonggacError):
        await _connected(scene, told, key)
    assert scene.audited()[-2:] == [("live_viewed", ""), ("view_ended", "session_ended")]


async def _connected(scene: Scene, told: dict[str, Any], key: keys.NKey) -> bus.Connection:
    credential = keys.Credential(told["token"], key)
    return await bus.connect(told["websocket"], credential, name="viewer", origin=scene.program.url)


def test_a_view_says_why_as_it_was_chosen_and_ends_with_its_page(scene: Scene) -> None:
    """A purpose is chosen where the pictures are, goes on into playback, and is read by the site.

    The page that is left gives its grant back: the view ends then, and not two minutes later.
    """
    live = f'article[data-camera="{CAMERA}"][data-look="live"]'
    before = len(scene.views())
    with browsing(scene.program) as (page, complaints):
        page.goto(f"{scene.program.url}/wall")
        page.wait_for_selector(live)
        page.select_option("#why-code", "request")
        page.fill('#why input[name="note"]', "12/CAT")
        page.press('#why input[name="note"]', "Enter")
        wait_until(lambda: len(scene.views()) >= before + 3, "the view goes on for another purpose")
        page.wait_for_selector(live)
        page.goto(f"{scene.program.url}/playback")
        wait_until(lambda: len(scene.views()) >= before + 5, "playback begins a view")
        chosen = page.input_value("#why-code"), page.input_value('#why input[name="note"]')
        page.goto(f"{scene.program.url}/watching")
        wait_until(lambda: len(scene.views()) >= before + 6, "the view ends with its page")
        told = page.text_content("#past")

    assert chosen == ("request", "12/CAT")
    assert sorted(scene.views()[before:]) == sorted([
        ("live_viewed", "watch", ""), ("view_ended", "watch", "changed"),
        ("live_viewed", "request: 12/CAT", ""), ("view_ended", "request: 12/CAT", "closed"),
        ("playback_viewed", "request: 12/CAT", ""), ("view_ended", "request: 12/CAT", "closed"),
    ])  # fmt: skip
    assert "theo văn bản yêu cầu (12/CAT)" in (told or "")
    assert complaints == []


def test_the_page_shows_no_picture_any_more_and_says_why(scene: Scene) -> None:
    """Last of this module: the browser is signed in as the program's own client is."""
    with browsing(scene.program) as (page, _):
        page.goto(f"{scene.program.url}/wall")
        page.wait_for_selector(f'article[data-camera="{CAMERA}"][data-look="live"]')

        scene.end_session(scene.program.http)
        began = time.monotonic()
        tile = page.wait_for_selector(f'article[data-camera="{CAMERA}"][data-look="ended"]')
        took = time.monotonic() - began
        page.wait_for_function(
            "() => document.querySelector('[data-show=\"session\"]').textContent.includes('Phiên')"
        )

        assert took < WITHIN_S
        assert tile is not None
        assert page.locator(f'article[data-camera="{CAMERA}"] video').first.is_hidden()
    wait_until(lambda: scene.audited()[-1] == ("view_ended", "session_ended"), "the audit says why")
