"""A facility's box on pages and by the API: codes, the box that joined, cutting it off."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from hub_stage import NOW_NS, SITE_ID, browser, sign_in, stage
from vonggac import keys
from vonggac.clock import NS, SimulatedClock
from vonggac.db import tables
from vonggac.domain import audit, registry
from vonggac.errors import Kind, VonggacError
from vonggac.hub.enrolling import Enroller
from vonggac.keys import enrolment as proving
from vonggac.web.words import day_of
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage
    from vonggac import bus

FAR = "f" * 26
PAGE = f"/facilities/{FAR}/enrolment"
API = f"/api/v1/facilities/{FAR}"


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub that takes boxes in, with a facility that has none."""
    async with stage(tmp_path) as found:
        with found.database.writing() as connection:
            connection.execute(
                tables.site.insert().values(
                    id=FAR, name="cs-2", title="Cơ sở Hai", address="", unit_id="unassigned",
                    owner_line="civil", retention_days=20, created_ns=NOW_NS,
                )
            )  # fmt: skip
        takes_boxes(found)
        yield found


def takes_boxes(hub: Stage) -> None:
    """Let this hub's application answer boxes."""

    async def connect() -> bus.Connection:
        raise VonggacError(Kind.UNAVAILABLE, "no test here joins the bus")

    enroller = Enroller(
        hub.database, hub.trust, hub.hub_key, hub.clock, title="Trung tâm", authority=None,
        connect=connect, day_of=day_of,
    )  # fmt: skip
    hub.app.state.desk = replace(hub.app.state.desk, enroller=enroller)


class Box:
    """A box with a key of its own, before the API."""

    def __init__(self, hub: Stage) -> None:
        self.key = keys.SigningKey(keys.new_seed())
        self.chain = keys.Chain(keys.new_id(), self.key.public)
        self._hub = hub

    async def join(self, client: httpx.AsyncClient, code: str) -> httpx.Response:
        """As `vonggac enrol` asks."""
        read = wires.read_code(code)
        offer = wires.decode_offer((await client.get(wires.ENROL_PATH)).content)
        assert proving.is_meant(read, offer)
        now_ns = self._hub.clock.wall_ns()
        body = proving.asked(read, offer, self.key, self.chain, version="0.1.0", at_ns=now_ns)
        return await client.post(wires.ENROL_PATH, content=wires.encode_enrolment(body))

    def reads(self, answer: httpx.Response) -> wires.Enrolment:
        """What it is told."""
        assert answer.status_code == 200, answer.text
        told = wires.decode_answer(answer.content)
        return proving.accepted(self._hub.hub_key.public, self.key, told)


async def _form(client: httpx.AsyncClient) -> dict[str, str]:
    text = (await client.get(PAGE)).text
    found = re.search(r'name="form_token" value="([^"]+)"', text)
    assert found is not None
    return {"form_token": found[1]}


async def _issued(client: httpx.AsyncClient, **values: Any) -> str:
    headers = {"X-CSRF-Token": (await client.get("/api/v1/session")).json()["csrf_token"]}
    answer = await client.post(f"{API}/enrolments", json=values, headers=headers)
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["code"]
    return code


async def test_a_code_is_shown_once_and_brings_everything_to_the_box(hub: Stage) -> None:
    """Identity, credentials of its own, where to dial, who the hub is, the facility's settings."""
    async with browser(hub) as client:
        await sign_in(client)
        form = await _form(client)
        shown = await client.post(PAGE, data={**form, "do": "issue", "hours": "24"})
        assert shown.status_code == 200
        assert "<svg" in shown.text
        found = re.search(r"vonggac enrol ([^<\s]+)", shown.text)
        assert found is not None
        code = found[1]
        assert code not in (await client.get(PAGE)).text
    box = Box(hub)
    async with browser(hub) as guest:
        first = await box.join(guest, code)
        told = box.reads(first)
        assert (told.hub, told.hub_key) == (hub.trust.hub, hub.hub_key.public)
        assert (told.site.id, told.site.name, told.site.retention_days) == (FAR, "cs-2", 20)
        assert told.addresses[0].startswith("ws://hub.test:")
        tokens = {told.control.splitlines()[0], told.media.splitlines()[0]}
        assert len(tokens) == 2
        assert (await box.join(guest, code)).content == first.content
    with hub.database.reading() as connection:
        site = registry.site(connection, FAR)
        assert site is not None
        assert site.public_key == box.key.public
        rows = audit.rows(connection, audit.Filter(sites=[FAR]))
    assert [row.act for row in rows] == ["site_enrolled", "enrolment_issued"]


async def test_who_may_not_join_is_told_why(hub: Stage) -> None:
    """Used, taken back, over, mistyped for another hub: each by its own name and when."""
    async with browser(hub) as client, browser(hub, "192.0.2.9") as guest:
        await sign_in(client)
        code = await _issued(client)
        assert (await Box(hub).join(guest, code)).status_code == 200
        used = await Box(hub).join(guest, code)
        assert (used.status_code, _why(used)) == (403, "used")
        assert used.json()["error"]["detail"]["at"].endswith("Z")
        code = await _issued(client, replaces=True, confirm="cs-2", hours=1)
        stranger = keys.SigningKey(keys.new_seed())
        sealed = wires.EnrolSealed(1, keys.seal(stranger.public, b"{}"))
        foreign = await guest.post(wires.ENROL_PATH, content=wires.encode_enrolment(sealed))
        assert _why(foreign) == "foreign"
        assert isinstance(hub.clock, SimulatedClock)
        await hub.clock.advance(3_601)
        assert _why(await Box(hub).join(guest, code)) == "expired"
        for body in (b"", b"{}", b"[" * 60_000, b'{"v":1,"sealed":"x"}'):
            assert 400 <= (await guest.post(wires.ENROL_PATH, content=body)).status_code < 503
        with hub.database.reading() as connection:
            rows = audit.rows(connection, audit.Filter(act="site_enrolled", sites=[FAR]))
    assert [row.outcome for row in rows] == ["refused", "refused", "done"]
    assert rows[0].address == "192.0.2.9"


async def test_tries_are_limited_as_sign_ins_are(hub: Stage) -> None:
    """Whoever guesses codes waits."""
    async with browser(hub, "192.0.2.10") as guest:
        told = [(await guest.post(wires.ENROL_PATH, content=b"{}")).status_code for _ in range(12)]
    assert told[-1] == 429


async def test_a_box_is_replaced_and_cut_off_only_with_the_facility_s_code_typed(
    hub: Stage,
) -> None:
    """Nothing that was typed is lost on refusal; what the box got is named for the bus."""
    async with browser(hub) as client, browser(hub) as guest:
        await sign_in(client)
        form = await _form(client)
        await Box(hub).join(guest, await _issued(client))
        plain = await client.post(PAGE, data={**form, "do": "issue", "hours": "8"})
        assert (plain.status_code, "đã có thiết bị ghi" in plain.text) == (422, True)
        assert 'value="8" selected' in plain.text
        wrong = {**form, "do": "issue", "hours": "8", "replaces": "yes", "confirm": "cs-3"}
        refused = await client.post(PAGE, data=wrong)
        assert (refused.status_code, "Gõ đúng mã cơ sở" in refused.text) == (422, True)
        cut = {**form, "do": "cut_off", "reason": "mất trộm", "confirm": "x"}
        refused = await client.post(PAGE, data=cut)
        assert (refused.status_code, "mất trộm" in refused.text) == (422, True)
        done = await client.post(PAGE, data={**cut, "confirm": "cs-2"})
        assert done.status_code == 303
        assert "bị ngắt lúc" in (await client.get(PAGE)).text
        told = (await client.get(f"{API}/enrolments")).json()
    assert [one["state"] for one in told["enrolments"]] == ["ended"]
    assert [one["why"] for one in told["earlier_boxes"]] == ["revoked"]
    # Written down before the bus is told, which no test here can do: its next start knows them.
    assert (hub.folder / "trust" / "revoked.json").read_text().count(f":{NOW_NS // NS}") == 2


async def test_the_hub_s_own_facility_needs_no_code(hub: Stage) -> None:
    """Its box is this machine."""
    async with browser(hub) as client:
        await sign_in(client)
        text = (await client.get(f"/facilities/{SITE_ID}/enrolment")).text
        assert "nằm trên chính máy này" in text
        headers = {"X-CSRF-Token": (await client.get("/api/v1/session")).json()["csrf_token"]}
        path = f"/api/v1/facilities/{SITE_ID}/enrolments"
        answer = await client.post(path, json={}, headers=headers)
    assert (answer.status_code, _why(answer)) == (409, "own_box")


async def test_a_code_is_taken_back_by_page_and_api(hub: Stage) -> None:
    """Only one that waits."""
    async with browser(hub) as client:
        await sign_in(client)
        form = await _form(client)
        await _issued(client)
        (one,) = (await client.get(f"{API}/enrolments")).json()["enrolments"]
        taken = {**form, "do": "take_back", "id": one["id"]}
        assert (await client.post(PAGE, data=taken)).status_code == 303
        assert (await client.post(PAGE, data=taken)).status_code == 422
        await _issued(client)
        told = (await client.get(f"{API}/enrolments")).json()["enrolments"]
        (two,) = (one for one in told if one["state"] == "issued")
        headers = {"X-CSRF-Token": (await client.get("/api/v1/session")).json()["csrf_token"]}
        gone = await client.delete(f"{API}/enrolments/{two['id']}", headers=headers)
    assert (gone.status_code, gone.json()["state"]) == (200, "revoked")


async def test_the_box_s_own_page_tells_a_mistyped_code_beside_its_field(hub: Stage) -> None:
    """And keeps what was typed; no hub is asked."""
    async with browser(hub) as client:
        await sign_in(client)
        text = (await client.get("/join")).text
        found = re.search(r'name="form_token" value="([^"]+)"', text)
        assert found is not None
        typed = {"form_token": found[1], "code": "hub.example/abcd"}
        answer = await client.post("/join", data=typed)
        assert (answer.status_code, "hub.example/abcd" in answer.text) == (422, True)
        assert "So lại từng nhóm" in answer.text
        assert (await client.get("/api/v1/parent")).json() == {"parent": None}


def _why(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["detail"].get("code"))
