"""Signing in: what opens, what stays shut, what a wrong try costs, what a browser may send."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from hub_stage import PASSWORD, Stage, browser
from vonggac.db import tables
from vonggac.domain import audit
from vonggac.web.app import SIGN_IN_BURST, told
from vonggac.web.rights import RULES

if TYPE_CHECKING:
    import httpx

PRIVATE_PAGES = ("/", "/wall", "/playback", "/continuity", "/audit", "/system", "/discover")
PRIVATE_API = (
    "/api/v1/cameras",
    "/api/v1/cameras/hl-2a",
    "/api/v1/cameras/hl-2a/ledger",
    "/api/v1/cameras/hl-2a/snapshot.jpg",
    "/api/v1/session",
)


def form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


async def test_nothing_opens_without_signing_in(guest: httpx.AsyncClient) -> None:
    for page in PRIVATE_PAGES:
        answer = await guest.get(page)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/signin?next=")
    for path in PRIVATE_API:
        answer = await guest.get(path)
        assert (path, answer.status_code) == (path, 401)
        assert answer.json()["error"]["kind"] == "unauthenticated"


async def test_the_page_signs_in_and_goes_where_one_wanted(guest: httpx.AsyncClient) -> None:
    answer = await guest.post(
        "/signin", data={"name": "Admin ", "password": PASSWORD, "next": "/wall?tiles=4"}
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/wall?tiles=4")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await guest.get("/")).status_code == 200


@pytest.mark.parametrize(
    "target",
    ["//evil.test/", "https://evil.test/", "/\\evil.test", "/api/v1/cameras", "evil", "/signout"],
)
async def test_one_goes_on_to_pages_of_ours_only(guest: httpx.AsyncClient, target: str) -> None:
    """An open redirect after sign-in is how passwords are fished."""
    answer = await guest.post(
        "/signin", data={"name": "admin", "password": PASSWORD, "next": target}
    )

    assert answer.headers["location"] == "/"


async def test_a_wrong_password_says_how_many_tries_are_left_and_then_locks(
    guest: httpx.AsyncClient, hub: Stage
) -> None:
    data = {"name": "admin", "password": "sai", "next": "/"}
    said = [(await guest.post("/signin", data=data)).text for _ in range(5)]
    locked = await guest.post("/signin", data={**data, "password": PASSWORD})

    assert "Còn 4 lần trước khi khóa 5 phút" in said[0]
    assert "Còn 1 lần trước khi khóa 5 phút" in said[3]
    assert "Đăng nhập bị khóa 5 phút" in said[4]
    assert locked.status_code == 429
    assert "Đã khóa đăng nhập đến 14:37:07" in locked.text
    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act="sign_in"))
    assert [row.outcome for row in rows] == ["refused"] * 5


async def test_the_api_locks_with_the_same_counter(guest: httpx.AsyncClient) -> None:
    for _ in range(5):
        answer = await guest.post("/api/v1/session", json={"user": "admin", "password": "sai"})
    locked = await guest.post("/api/v1/session", json={"user": "admin", "password": PASSWORD})

    assert answer.json()["error"]["detail"] == {"tries_left": 0}
    assert locked.status_code == 429
    assert locked.headers["retry-after"] == "300"


async def test_one_address_may_not_try_many_names(guest: httpx.AsyncClient) -> None:
    """A list of names times four tries each would pass under every lock."""
    statuses = [
        (
            await guest.post("/api/v1/session", json={"user": f"n{number}", "password": "x"})
        ).status_code
        for number in range(12)
    ]

    assert statuses == [401] * 10 + [429] * 2


async def test_a_generated_password_opens_nothing_but_its_change(
    guest: httpx.AsyncClient, hub: Stage
) -> None:
    with hub.database.writing() as connection:
        connection.execute(tables.account.update().values(must_change=True))
    answer = await guest.post("/signin", data={"name": "admin", "password": PASSWORD})
    assert answer.headers["location"] == "/password"
    assert (await guest.get("/wall")).headers["location"] == "/password"
    refused = await guest.get("/api/v1/cameras")
    assert (refused.status_code, refused.json()["error"]["kind"]) == (403, "forbidden")

    page = await guest.get("/password")
    assert "do máy tạo ra" in page.text
    short = await guest.post(
        "/password",
        data={
            "form_token": form_token(page.text),
            "current": PASSWORD,
            "new": "ngan",
            "again": "ngan",
        },
    )
    assert short.status_code == 422
    assert "ít nhất 14 ký tự" in short.text
    good = "con ngựa chạy trên đồi"
    changed = await guest.post(
        "/password",
        data={"form_token": form_token(page.text), "current": PASSWORD, "new": good, "again": good},
    )

    assert changed.status_code == 303
    assert (await guest.get("/wall")).status_code == 200


async def test_the_api_changes_a_password_and_keeps_this_browser(
    client: httpx.AsyncClient,
) -> None:
    wrong = await client.put(
        "/api/v1/session/password", json={"current": "sai", "new": "con ngựa chạy trên đồi"}
    )
    right = await client.put(
        "/api/v1/session/password", json={"current": PASSWORD, "new": "con ngựa chạy trên đồi"}
    )

    assert wrong.json()["error"]["detail"] == {"fields": {"current": "password_wrong"}}
    assert right.status_code == 200
    assert (await client.get("/api/v1/session")).json()["user"] == "admin"


async def test_a_wrong_present_password_is_written_down(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Whoever guesses it in a browser that was left open leaves a trace."""
    wanted = {"current": "sai", "new": "mot cau khac rat dai ma"}
    answer = await client.put("/api/v1/session/password", json=wanted)

    assert answer.status_code == 422
    with hub.database.reading() as connection:
        (row,) = audit.rows(connection, audit.Filter(act="password_changed"))
    assert (row.outcome, row.actor, row.detail["tries_left"]) == ("refused", "admin", 4)


async def test_signing_out_ends_the_session_for_good(client: httpx.AsyncClient, hub: Stage) -> None:
    cookie = client.cookies["vg_session"]
    token = form_token((await client.get("/")).text)

    await client.post("/signout", data={"form_token": token})

    client.cookies.set("vg_session", cookie)
    assert (await client.get("/api/v1/session")).status_code == 401
    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act="sign_out"))
    assert [row.actor for row in rows] == ["admin"]


async def test_a_form_without_its_sessions_token_is_refused(client: httpx.AsyncClient) -> None:
    """CSRF: another page cannot know the token."""
    without = await client.post("/signout", data={})
    forged = await client.post("/signout", data={"form_token": "x"})
    add = await client.post("/cameras/new", data={"name": "x", "do": "save"})

    assert [without.status_code, forged.status_code, add.status_code] == [403, 403, 403]
    assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_what_another_sites_page_sends_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """Also for JSON and for signing in itself."""
    for path in ("/signin", "/api/v1/session", "/api/v1/grants", "/cameras/new"):
        answer = await client.post(path, headers=headers, json={})
        assert answer.status_code == 403
        assert answer.json()["error"]["kind"] == "forbidden"


async def test_our_own_page_and_programs_are_not_refused(client: httpx.AsyncClient) -> None:
    ours = await client.post("/api/v1/discover", json={}, headers={"origin": "http://hub.test"})
    program = await client.post("/api/v1/discover", json={})

    assert {ours.status_code, program.status_code} <= {503, 504}


async def test_every_response_carries_its_policy(guest: httpx.AsyncClient) -> None:
    """Nothing inline, nothing from elsewhere, nobody may frame it."""
    for path in ("/signin", "/nothing", "/api/v1/cameras", "/static/css/base.css", "/healthz"):
        headers = (await guest.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    private = (await guest.get("/signin")).headers
    assert private["cache-control"] == "no-store"
    machine = (await guest.get("/api/v1/cameras")).headers
    assert machine["content-disposition"] == 'attachment; filename="api.json"'


async def test_the_password_is_in_no_row_of_the_audit(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    await client.post("/api/v1/session", json={"user": "admin", "password": "bi-mat-khac"})

    with hub.database.reading() as connection:
        rows = connection.execute(sa.select(tables.audit)).all()
    assert "bi-mat-khac" not in repr(rows)
    assert PASSWORD not in repr(rows)


async def test_the_log_keeps_no_secret_of_a_one_time_link(
    guest: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads it could answer for the facility; every route with such a secret is meant."""
    secret = "k3J9-geheim_zzz"
    named = re.compile(r"\{\w*token\}")
    paths = {named.sub(secret, key.split(" ")[1]) for key in RULES if named.search(key)}
    assert len(paths) >= 3
    for path in paths:
        assert secret not in told(path)
        assert (await guest.request("TRACE", path)).status_code == 405

    said = capsys.readouterr()
    assert "request.method_refused" in said.out + said.err
    assert secret not in said.out + said.err


async def test_an_ipv6_line_has_one_allowance_of_sign_ins(hub: Stage) -> None:
    """A line has 2**64 addresses: each with ten tries of its own would be no limit."""
    said = []
    for number in range(SIGN_IN_BURST + 1):
        body = {"user": f"nobody{number}", "password": "sai"}
        async with browser(hub, f"2001:db8:0:7::{number + 1:x}") as one:
            said.append((await one.post("/api/v1/session", json=body)).status_code)
    async with browser(hub, "2001:db8:0:8::1") as elsewhere:
        other = (await elsewhere.post("/api/v1/session", json=body)).status_code

    assert said[-1] == 429
    assert 429 not in (*said[:-1], other)
