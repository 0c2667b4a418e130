"""Workstations where persons change by PIN, and displays, which only show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from hub_stage import NOW_NS, PASSWORD, SITE_ID, Stage, browser, sign_in
from vonggac import keys
from vonggac.clock import NS, SimulatedClock
from vonggac.db import tables
from vonggac.domain import accounts, audit, grants

if TYPE_CHECKING:
    import httpx

PINS = {"admin": "274916", "thuc.lv": "905173"}


def form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def rows(hub: Stage, act: str) -> list[audit.Row]:
    with hub.database.reading() as connection:
        return audit.rows(connection, audit.Filter(act=act))


def account_id(hub: Stage, name: str) -> str:
    with hub.database.reading() as connection:
        return next(one.id for one in accounts.people(connection) if one.name == name)


@pytest.fixture
def colleague(hub: Stage) -> str:
    """Another person with a password of her own and the first person's roles."""
    with hub.database.writing() as connection:
        made, _ = accounts.create(
            connection, name="thuc.lv", full_name="Người Trực Hai", now_ns=NOW_NS
        )
        connection.execute(
            tables.account.update()
            .where(tables.account.c.id == made)
            .values(password_hash=accounts.hashed(PASSWORD), must_change=False)
        )
        held = connection.execute(tables.role_held.select()).mappings().all()
        for number, row in enumerate(held):
            copied = {**row, "id": f"copied{number:020}", "account_id": made}
            connection.execute(tables.role_held.insert().values(copied))
    return made


async def enrolled(client: httpx.AsyncClient) -> None:
    page = (await client.get("/workstations")).text
    answer = await client.post(
        "/workstations",
        data={
            "form_token": form_token(page), "do": "enrol", "title": "Máy trực 1",
            "room": "Phòng trực",
        },
    )  # fmt: skip
    assert answer.status_code == 303
    assert "vg_workstation" in client.cookies


async def full_sign_in(client: httpx.AsyncClient, hub: Stage, name: str) -> httpx.Response:
    hub.app.state.desk.sign_in_limit._buckets.clear()
    return await client.post("/api/v1/session", json={"user": name, "password": PASSWORD})


async def set_pin(client: httpx.AsyncClient, pin: str, again: str = "") -> httpx.Response:
    token = form_token((await client.get("/account")).text)
    data = {"form_token": token, "pin": pin, "pin_again": again or pin}
    return await client.post("/account/pin", data=data)


async def machine_of_two(client: httpx.AsyncClient, hub: Stage) -> None:
    """Both persons have signed in at the machine in full and chosen their PINs; admin is on."""
    await enrolled(client)
    for name in ("thuc.lv", "admin"):
        assert (await full_sign_in(client, hub, name)).status_code == 200
        assert (await set_pin(client, PINS[name])).status_code == 303


async def take_over(client: httpx.AsyncClient, who: str, pin: str) -> httpx.Response:
    return await client.post("/api/v1/workstation/person", json={"account": who, "pin": pin})


# -- workstations ----------------------------------------------------------------------------


async def test_persons_change_by_pin_and_the_audit_says_so(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    """One session ends and the other begins, in the same browser; nobody shares an account."""
    await machine_of_two(client, hub)
    listed = (await client.get("/api/v1/workstation")).json()
    assert listed["title"] == "Máy trực 1"
    assert {one["user"] for one in listed["people"]} == {"admin", "thuc.lv"}
    before = client.cookies["vg_session"]

    changed = await take_over(client, colleague, PINS["thuc.lv"])

    assert (changed.status_code, changed.json()["user"]) == (200, "thuc.lv")
    assert (await client.get("/api/v1/session")).json()["user"] == "thuc.lv"
    async with browser(hub) as thief:
        thief.cookies.set("vg_session", before)
        assert (await thief.get("/api/v1/session")).status_code == 401
    (row,) = rows(hub, "person_changed")
    assert (row.actor, row.detail["from"], row.detail["workstation"]) == (
        "thuc.lv", "admin", "Máy trực 1",
    )  # fmt: skip
    (mine,) = (await client.get("/api/v1/sessions")).json()["sessions"]
    assert (mine["opened_with"], mine["workstation"]) == ("pin", "Máy trực 1")


async def test_a_session_by_pin_ends_with_the_shift(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    """Twelve hours after the full sign-in, however late the change."""
    await machine_of_two(client, hub)
    assert isinstance(hub.clock, SimulatedClock)
    for _ in range(11):
        hub.clock.step_wall(3600)
        assert (await client.get("/api/v1/session")).status_code == 200
    answer = await take_over(client, colleague, PINS["thuc.lv"])

    assert answer.json()["expires"] == "2026-11-18T19:32:07.000Z"


async def test_a_pin_is_chosen_only_after_a_full_sign_in_there(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    """Not at another machine, not in a session that began with a PIN, not with plain figures."""
    assert "chưa được đăng ký làm máy trực" in (await client.get("/account")).text
    assert (await set_pin(client, "274916")).status_code == 422
    await machine_of_two(client, hub)
    plain, differs = await set_pin(client, "123456"), await set_pin(client, "274916", "274917")
    assert "quá dễ đoán" in plain.text
    assert "Hai lần nhập không giống nhau" in differs.text
    await take_over(client, colleague, PINS["thuc.lv"])
    by_pin = await set_pin(client, "274916")

    assert by_pin.status_code == 422
    assert "đăng nhập đầy đủ tại máy này" in by_pin.text


async def test_a_pin_that_is_taken_back_is_written_down(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    await machine_of_two(client, hub)
    token = form_token((await client.get("/account")).text)
    await client.post("/account/pin", data={"form_token": token, "do": "forget"})

    assert [row.detail.get("forgotten") for row in rows(hub, "pin_set")] == [True, None, None]


async def test_five_wrong_pins_ask_for_the_password(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    await machine_of_two(client, hub)
    tried = [await take_over(client, colleague, "000000") for _ in range(6)]
    right = await take_over(client, colleague, PINS["thuc.lv"])

    assert [one.status_code for one in tried] == [401] * 5 + [403]
    assert tried[0].json()["error"]["detail"] == {"tries_left": 4}
    assert right.status_code == 403
    assert (await client.get("/api/v1/session")).json()["user"] == "admin"
    assert [row.outcome for row in rows(hub, "person_changed")] == ["refused"] * 5


async def test_a_pin_opens_nothing_elsewhere(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    await machine_of_two(client, hub)
    async with browser(hub) as other:
        await sign_in(other)
        assert (await other.get("/api/v1/workstation")).json() == {"title": None, "people": []}
        assert (await take_over(other, colleague, PINS["thuc.lv"])).status_code == 403
        page = await other.get("/person")
        assert "chưa được đăng ký làm máy trực" in page.text


async def test_the_page_changes_persons_without_scripts(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    """And after the session is over: the machine knows who is on duty."""
    await machine_of_two(client, hub)
    client.cookies.delete("vg_session")
    page = (await client.get("/person?next=/wall")).text
    assert "Người Trực Hai" in page
    data = {"next": "/wall", "account": colleague, "pin": "000000"}
    wrong = await client.post("/person", data=data)
    right = await client.post("/person", data={**data, "pin": PINS["thuc.lv"]})

    assert (wrong.status_code, "Còn 4 lần" in wrong.text) == (401, True)
    assert (right.status_code, right.headers["location"]) == (303, "/wall")
    assert (await client.get("/api/v1/session")).json()["user"] == "thuc.lv"


async def test_a_machine_that_is_removed_changes_nobody(
    client: httpx.AsyncClient, hub: Stage, colleague: str
) -> None:
    await machine_of_two(client, hub)
    page = (await client.get("/workstations")).text
    machine = re.search(r'name="id" value="([^"]+)"', page)
    assert machine is not None
    data = {"form_token": form_token(page), "do": "revoke", "id": machine[1]}
    await client.post("/workstations", data=data)

    assert (await client.get("/api/v1/session")).status_code == 401
    answer = await client.post(
        "/person", data={"account": colleague, "pin": PINS["thuc.lv"], "next": "/"}
    )
    assert answer.status_code == 403
    assert len(rows(hub, "workstation_revoked")) == 1


# -- displays --------------------------------------------------------------------------------


async def linked(client: httpx.AsyncClient, screen: httpx.AsyncClient, hub: Stage) -> str:
    """A display of two cameras on its screen; returns its page."""
    page = (await client.get("/workstations")).text
    made = await client.post(
        "/workstations",
        data={
            "form_token": form_token(page), "do": "display", "title": "Tivi sảnh",
            "room": "Sảnh trực", "account": account_id(hub, "admin"),
            "cameras": ["hl-2a", "st-2"],
        },
    )  # fmt: skip
    code = re.search(r'id="link-code"[^>]*>([a-z2-9-]{9})<', made.text)
    assert code is not None, made.text[:500]
    assert "Ghép màn hình" in (await screen.get("/display")).text
    wrong = await screen.post("/display", data={"code": "aaaa-bbbb"})
    assert wrong.status_code == 401
    right = await screen.post("/display", data={"code": code[1]})
    assert right.headers["location"] == "/display"
    return (await screen.get("/display")).text


def question(page: str, **changes: Any) -> dict[str, Any]:
    token = re.search(r'"csrf":\{"header":"X-CSRF-Token","token":"([^"]+)"', page)
    assert token is not None
    body = {"nkey": "", "cameras": ["hl-2a", "st-2"], "streams": ["sub"], "purpose": "display"}
    return {"json": body | changes, "headers": {"x-csrf-token": token[1]}}


@pytest.fixture
def nkey() -> str:
    """The public half of a browser's key."""
    return keys.NKey.create(keys.Role.USER).public


async def test_a_display_shows_its_cameras_and_nothing_else(
    client: httpx.AsyncClient, hub: Stage, nkey: str
) -> None:
    """Its cookie opens no page, no API, no recording and no other camera."""
    async with browser(hub) as screen:
        page = await linked(client, screen, hub)
        assert "Tivi sảnh" in page
        assert '"id":"hl-2a"' in page
        assert '"id":"cg-1"' not in page
        granted = await screen.post("/api/v1/display/grants", **question(page, nkey=nkey))
        assert granted.status_code == 200, granted.text
        told = granted.json()
        assert set(told["subjects"]["ask"]["hl-2a"]) == {"open", "more"}
        more = question(page, nkey=nkey, cameras=["hl-2a", "cg-1"])
        assert (await screen.post("/api/v1/display/grants", **more)).status_code == 403
        foreign = question(page, nkey=nkey)
        foreign["headers"] = {"x-csrf-token": "x"}
        assert (await screen.post("/api/v1/display/grants", **foreign)).status_code == 403
        other = question(page, nkey=nkey, purpose="watch")
        assert (await screen.post("/api/v1/display/grants", **other)).status_code == 422
        for path in ("/", "/wall", "/playback", "/audit"):
            assert (await screen.get(path)).headers["location"].startswith("/signin")
        for path in ("/api/v1/cameras", "/api/v1/cameras/hl-2a/snapshot.jpg"):
            assert (await screen.get(path)).status_code == 401
        refused = await screen.post("/api/v1/grants", json=question(page, nkey=nkey)["json"])
        assert refused.status_code == 401


async def test_what_a_display_shows_counts_as_shown_and_never_as_watched(
    client: httpx.AsyncClient, hub: Stage, nkey: str
) -> None:
    async with browser(hub) as screen:
        page = await linked(client, screen, hub)
        await screen.post("/api/v1/display/grants", **question(page, nkey=nkey))
    with hub.database.reading() as connection:
        watching = grants.watching(connection, SITE_ID, now_ns=NOW_NS + NS)
        shown = grants.shown_now(connection, now_ns=NOW_NS + NS)

    assert watching == []
    assert list(shown.values()) == [2]
    (row,) = rows(hub, "live_shown")
    assert (row.actor, row.purpose, row.detail["room"], row.detail["responsible"]) == (
        "display:Tivi sảnh", "display", "Sảnh trực", "admin",
    )  # fmt: skip
    assert rows(hub, "live_viewed") == []
    assert "đang chiếu 2 camera" in (await client.get("/workstations")).text


async def test_a_display_that_is_removed_is_dark(
    client: httpx.AsyncClient, hub: Stage, nkey: str
) -> None:
    async with browser(hub) as screen:
        page = await linked(client, screen, hub)
        listed = (await client.get("/workstations")).text
        display = re.search(r'name="id" value="([^"]+)"', listed)
        assert display is not None
        data = {"form_token": form_token(listed), "do": "link", "id": display[1]}
        await client.post("/workstations", data=data)
        again = await screen.post("/api/v1/display/grants", **question(page, nkey=nkey))
        assert again.status_code == 401
        await client.post("/workstations", data={**data, "do": "end"})

        gone = await screen.post("/api/v1/display/grants", **question(page, nkey=nkey))
        assert gone.status_code == 401
        assert "Ghép màn hình" in (await screen.get("/display")).text
    assert [len(rows(hub, act)) for act in ("display_made", "display_linked", "display_revoked")] \
        == [1, 2, 1]  # fmt: skip


async def test_a_display_shows_what_whoever_answers_for_it_may_see(
    client: httpx.AsyncClient, hub: Stage, nkey: str
) -> None:
    """No screen is made over cameras that are not its person's, and one goes dark with the role."""
    with hub.database.writing() as connection:
        stranger, _ = accounts.create(
            connection, name="khach", full_name="Người Không Vai Trò", now_ns=NOW_NS
        )
    token = form_token((await client.get("/workstations")).text)
    refused = await client.post(
        "/workstations",
        data={
            "form_token": token, "do": "display", "title": "Tivi", "room": "Sảnh",
            "account": stranger, "cameras": ["hl-2a"],
        },
    )  # fmt: skip
    async with browser(hub) as screen:
        page = await linked(client, screen, hub)
        with hub.database.writing() as connection:
            connection.execute(
                tables.role_held.update()
                .where(tables.role_held.c.account_id == account_id(hub, "admin"))
                .values(to_ns=NOW_NS)
            )
        dark = await screen.post("/api/v1/display/grants", **question(page, nkey=nkey))

    assert refused.status_code == 422
    assert "không được xem hết các camera này" in refused.text
    assert dark.status_code == 403


async def test_forms_of_this_page_are_checked(client: httpx.AsyncClient, hub: Stage) -> None:
    """Every fault in the same answer as the form, and nothing made."""
    token = form_token((await client.get("/workstations")).text)
    admin = account_id(hub, "admin")
    for data, said in (
        ({"do": "enrol", "title": "", "room": "x"}, "Ghi tên để mọi người nhận ra"),
        ({"do": "enrol", "title": "x", "room": ""}, "Ghi phòng đặt máy"),
        ({"do": "display", "title": "x", "room": "x", "account": "?"}, "người chịu trách nhiệm"),
        ({"do": "display", "title": "x", "room": "x", "account": admin}, "Chọn từ 1 đến 25 camera"),
    ):
        answer = await client.post("/workstations", data={"form_token": token, **data})
        assert (answer.status_code, said in answer.text) == (422, True), data
    unknown = await client.post("/workstations", data={"form_token": token, "do": "x"})
    assert unknown.status_code == 422
    without = await client.post("/workstations", data={"do": "enrol", "title": "x", "room": "x"})
    assert without.status_code == 403
