"""One's own account: the second factor, recovery codes, sessions, tokens, idle days, passwords."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from hub_stage import DAY, NOW_NS, PASSWORD, Stage, browser, sign_in, stage
from vonggac.clock import NS, SimulatedClock
from vonggac.config import SignInConfig
from vonggac.db import tables
from vonggac.domain import accounts, audit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

OUTSIDE = "203.0.113.9"
WHO = {"user": "admin", "password": PASSWORD}


def form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def now_s(hub: Stage) -> int:
    return hub.clock.wall_ns() // NS


def wait(hub: Stage, seconds: float) -> None:
    """Time passes, and with it what limits an address."""
    assert isinstance(hub.clock, SimulatedClock)
    hub.clock.step_wall(seconds)
    hub.app.state.desk.sign_in_limit._buckets.clear()


async def enrol(client: httpx.AsyncClient, hub: Stage) -> tuple[pyotp.TOTP, list[str]]:
    """By the API; returns the telephone and the recovery codes."""
    offer = (await client.post("/api/v1/session/second-factor")).json()
    telephone = pyotp.TOTP(offer["secret"])
    answer = await client.put(
        "/api/v1/session/second-factor",
        json={"sealed": offer["sealed"], "code": telephone.at(now_s(hub))},
    )
    assert answer.status_code == 200, answer.text
    return telephone, answer.json()["recovery_codes"]


def acts(hub: Stage, act: str) -> list[audit.Row]:
    with hub.database.reading() as connection:
        return audit.rows(connection, audit.Filter(act=act))


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with the defaults of `vonggac up`."""
    async with stage(tmp_path, sign_in=SignInConfig()) as found:
        yield found


# -- the second factor -----------------------------------------------------------------------


async def test_an_administrator_enrols_before_anything_else(strict: Stage) -> None:
    """The default of `vonggac up`; the page shows a QR code, the key as text, and codes once."""
    async with browser(strict) as client:
        answer = await client.post("/signin", data={"name": "admin", "password": PASSWORD})
        assert answer.headers["location"] == "/account/factor"
        for page in ("/", "/wall", "/account", "/account/tokens", "/audit"):
            assert (await client.get(page)).headers["location"] == "/account/factor"
        refused = await client.get("/api/v1/cameras")
        assert refused.json()["error"]["detail"]["code"] == "must_enrol_second_factor"
        assert (await client.get("/api/v1/session")).json()["must_enrol_second_factor"] is True

        page = (await client.get("/account/factor")).text
        assert "<svg" in page
        assert 'class="qr"' in page
        secret = "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page))
        assert len(secret) == 32
        sealed = re.search(r'name="sealed" value="([^"]+)"', page)
        assert sealed is not None
        data = {"form_token": form_token(page), "sealed": sealed[1]}
        wrong = await client.post("/account/factor", data={**data, "code": "000000"})
        assert (wrong.status_code, "Mã không đúng" in wrong.text) == (422, True)
        assert secret in wrong.text.replace("</span><span>", "")
        code = pyotp.TOTP(secret).at(now_s(strict))
        right = await client.post("/account/factor", data={**data, "code": code})
        assert len(re.findall(r"<li>([a-z2-9-]{19})</li>", right.text)) == 10
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/account")).text.count("Còn 10 mã dự phòng") == 1
    assert [row.thing for row in acts(strict, "second_factor_enrolled")] == ["admin"]


async def test_after_that_every_sign_in_asks_for_the_code(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Two pages; until the second is answered, the cookie opens nothing."""
    telephone, _ = await enrol(client, hub)
    wait(hub, 60)
    async with browser(hub) as other:
        data = {"name": "admin", "password": PASSWORD, "next": "/wall?tiles=4"}
        first = await other.post("/signin", data=data)
        assert first.headers["location"] == "/signin/code"
        assert (await other.get("/wall")).headers["location"].startswith("/signin")
        assert (await other.get("/api/v1/cameras")).status_code == 401
        assert (await other.get("/password")).headers["location"].startswith("/signin")

        wrong = await other.post("/signin/code", data={"code": "000000"})
        assert (wrong.status_code, "Còn 3 lần trước khi khóa" in wrong.text) == (401, True)
        code = telephone.at(now_s(hub))
        right = await other.post("/signin/code", data={"code": code})
        assert (right.status_code, right.headers["location"]) == (303, "/wall?tiles=4")
        assert (await other.get("/wall")).status_code == 200
    async with browser(hub) as third:
        await third.post("/signin", data=data)
        again = await third.post("/signin/code", data={"code": code})
        assert (again.status_code, "đã dùng" in again.text) == (401, True)
    row = acts(hub, "sign_in")[1]
    assert (row.outcome, row.detail["with"]) == ("done", "totp")


async def test_the_api_takes_the_code_with_the_password(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    telephone, codes = await enrol(client, hub)
    wait(hub, 60)
    async with browser(hub) as other:
        without = await other.post("/api/v1/session", json=WHO)
        wrong = await other.post("/api/v1/session", json={**WHO, "code": "000000"})
        right = await other.post("/api/v1/session", json={**WHO, "code": telephone.at(now_s(hub))})
        recovered = await other.post("/api/v1/session", json={**WHO, "code": codes[0]})
        twice = await other.post("/api/v1/session", json={**WHO, "code": codes[0]})

    assert (without.status_code, without.json()["error"]["detail"]["code"]) == (
        401, "second_factor",
    )  # fmt: skip
    assert "set-cookie" not in without.headers
    assert wrong.status_code == 401
    assert (right.status_code, recovered.status_code, twice.status_code) == (200, 200, 401)


async def test_wrong_codes_lock_like_wrong_passwords(client: httpx.AsyncClient, hub: Stage) -> None:
    """A right password does not begin the count anew: else a code could be guessed for ever."""
    telephone, _ = await enrol(client, hub)
    wait(hub, 60)
    async with browser(hub) as other:
        statuses = []
        for _ in range(6):
            first = await other.post("/signin", data={"name": "admin", "password": PASSWORD})
            if first.status_code == 429:
                statuses.append(429)
                continue
            statuses.append((await other.post("/signin/code", data={"code": "000000"})).status_code)
        right = await other.post("/signin/code", data={"code": telephone.at(now_s(hub))})
        assert right.status_code in (303, 429)
        assert (await other.get("/api/v1/session")).status_code == 401

    assert statuses == [401, 401, 429, 429, 429, 429]


async def test_from_outside_nobody_gets_in_with_a_password_alone(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Nor enrols there; with the code, in from everywhere."""
    async with browser(hub, OUTSIDE) as away:
        page = await away.post("/signin", data={"name": "admin", "password": PASSWORD})
        api = await away.post("/api/v1/session", json=WHO)
        assert (page.status_code, api.status_code) == (403, 403)
        assert "Từ ngoài mạng nội bộ phải có mã xác thực" in page.text
        assert "set-cookie" not in page.headers
        telephone, _ = await enrol(client, hub)
        wait(hub, 60)
        right = await away.post("/api/v1/session", json={**WHO, "code": telephone.at(now_s(hub))})
        assert right.status_code == 200
    assert [row.detail["why"] for row in acts(hub, "sign_in") if row.outcome == "refused"] == [
        "outside", "outside",
    ]  # fmt: skip


async def test_another_telephone_needs_the_old_ones_code(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Whoever finds an open browser must not make the account his own."""
    telephone, codes = await enrol(client, hub)
    conflict = await client.put(
        "/api/v1/session/second-factor", json={"sealed": "x", "code": "000000"}
    )
    assert conflict.status_code == 409
    page = (await client.get("/account/factor")).text
    secret = pyotp.TOTP("".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page)))
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert sealed is not None
    data = {
        "form_token": form_token(page), "sealed": sealed[1], "code": secret.at(now_s(hub)),
    }  # fmt: skip

    without = await client.post("/account/factor", data=data)
    right = await client.post("/account/factor", data={**data, "current": codes[0]})

    assert (without.status_code, right.status_code) == (422, 200)
    told = [row.outcome for row in acts(hub, "second_factor_enrolled")]
    assert told == ["done", "refused", "done"]
    wait(hub, 60)
    async with browser(hub) as other:
        old = await other.post("/api/v1/session", json={**WHO, "code": telephone.at(now_s(hub))})
        new = await other.post("/api/v1/session", json={**WHO, "code": secret.at(now_s(hub))})
    assert (old.status_code, new.status_code) == (401, 200)


async def test_an_offer_for_another_account_is_refused(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """The hub's own seal with another label, and no seal at all."""
    other = hub.app.state.desk.box
    from vonggac.config import Secret

    forged = other.lock(Secret("A" * 32), "offer somebody").hex()
    for sealed in (forged, "not base64!", ""):
        answer = await client.put(
            "/api/v1/session/second-factor", json={"sealed": sealed, "code": "000000"}
        )
        assert answer.status_code == 422, sealed


async def test_new_recovery_codes_need_a_code(client: httpx.AsyncClient, hub: Stage) -> None:
    telephone, old = await enrol(client, hub)
    wait(hub, 60)
    token = form_token((await client.get("/account")).text)
    data = {"form_token": token, "current": "000000"}
    wrong = await client.post("/account/recovery", data=data)
    right = await client.post(
        "/account/recovery", data={**data, "current": telephone.at(now_s(hub))}
    )

    assert wrong.status_code == 422
    assert [row.outcome for row in acts(hub, "recovery_codes_made")] == ["done", "refused"]
    shown = re.findall(r"<li>([a-z2-9-]{19})</li>", right.text)
    assert len(shown) == 10
    assert not set(shown) & set(old)


# -- closed accounts, passwords --------------------------------------------------------------


async def test_an_idle_account_is_closed_and_says_so_to_its_owner_alone(
    guest: httpx.AsyncClient, hub: Stage
) -> None:
    """Whoever guesses is told nothing; the close has its row, by the program."""
    wait(hub, 46 * 86_400)
    guessed = await guest.post("/signin", data={"name": "admin", "password": "sai"})
    owner = await guest.post("/signin", data={"name": "admin", "password": PASSWORD})
    again = await guest.post("/signin", data={"name": "admin", "password": PASSWORD})

    assert "Sai tên đăng nhập hoặc mật khẩu" in guessed.text
    assert (owner.status_code, "45 ngày không đăng nhập" in owner.text) == (403, True)
    assert "đã bị khóa. Hãy hỏi quản trị" in again.text
    rows = acts(hub, "account_closed")
    assert [(row.actor, row.thing, row.detail["why"]) for row in rows] == [
        ("vonggac", "admin", "idle")
    ]


async def test_an_administrators_old_password_opens_nothing_but_its_change(
    guest: httpx.AsyncClient, hub: Stage
) -> None:
    with hub.database.writing() as connection:
        connection.execute(
            tables.account.update().values(
                password_set_ns=NOW_NS - 61 * DAY, signed_in_ns=NOW_NS - DAY
            )
        )
    answer = await guest.post("/signin", data={"name": "admin", "password": PASSWORD})
    page = await guest.get("/password")

    assert answer.headers["location"] == "/password"
    assert "đã dùng quá 60 ngày" in page.text
    changed = await guest.post(
        "/password",
        data={
            "form_token": form_token(page.text),
            "current": PASSWORD,
            "new": PASSWORD,
            "again": PASSWORD,
        },
    )
    assert "Mật khẩu này đã dùng" in changed.text


# -- sessions --------------------------------------------------------------------------------


async def test_sessions_are_seen_and_ended(client: httpx.AsyncClient, hub: Stage) -> None:
    """One lost telephone, one page to put it out."""
    async with browser(hub, "192.168.7.9") as other:
        await sign_in(other)
        page = (await client.get("/account")).text
        assert "192.168.7.9" in page
        assert page.count("máy này") == 1
        listed = (await client.get("/api/v1/sessions")).json()["sessions"]
        assert [one["is_this"] for one in listed].count(True) == 1
        (theirs,) = [one["id"] for one in listed if not one["is_this"]]
        assert (await other.get("/api/v1/session")).status_code == 200

        await client.post(
            "/account/sessions", data={"form_token": form_token(page), "session": theirs}
        )

        assert (await other.get("/api/v1/session")).status_code == 401
    assert (await client.get("/api/v1/session")).status_code == 200
    assert [row.detail["sessions"] for row in acts(hub, "session_ended")] == [1]


async def test_all_other_sessions_end_with_one_press(client: httpx.AsyncClient, hub: Stage) -> None:
    async with contextlib.AsyncExitStack() as stack:
        others = [await stack.enter_async_context(browser(hub)) for _ in range(3)]
        for other in others:
            await sign_in(other)
        token = form_token((await client.get("/account")).text)
        await client.post("/account/sessions", data={"form_token": token})
        left = [(await other.get("/api/v1/session")).status_code for other in others]

    assert left == [401, 401, 401]
    assert (await client.get("/account")).status_code == 200


async def test_nobody_ends_another_persons_session_by_its_name(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """The id stands in lists; it must open nothing for others."""
    with hub.database.writing() as connection:
        other_id, _ = accounts.create(
            connection, name="thuc.lv", full_name="Người Trực", now_ns=NOW_NS
        )
        connection.execute(
            tables.account.update()
            .where(tables.account.c.id == other_id)
            .values(password_hash=accounts.hashed(PASSWORD), must_change=False)
        )
    listed = (await client.get("/api/v1/sessions")).json()["sessions"]
    async with browser(hub) as other:
        await other.post("/api/v1/session", json={"user": "thuc.lv", "password": PASSWORD})
        answer = await other.delete(f"/api/v1/sessions/{listed[0]['id']}")
        assert answer.status_code == 204
    assert (await client.get("/api/v1/session")).status_code == 200


# -- tokens ----------------------------------------------------------------------------------


async def make(client: httpx.AsyncClient, *scopes: str, days: int = 10) -> dict[str, Any]:
    answer = await client.post(
        "/api/v1/tokens", json={"title": "bảng điện tử", "scopes": scopes, "days": days}
    )
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def bearer(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}


async def test_a_token_opens_its_scope_of_the_api_and_nothing_else(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    value = (await make(client, "read"))["value"]
    async with browser(hub) as program:
        headers = bearer(value)
        assert (await program.get("/api/v1/cameras", headers=headers)).status_code == 200
        for method, path in (
            ("GET", "/api/v1/cameras/hl-2a/snapshot.jpg"),
            ("POST", "/api/v1/cameras"),
            ("GET", "/api/v1/session"),
            ("GET", "/api/v1/tokens"),
            ("POST", "/api/v1/tokens"),
            ("PUT", "/api/v1/session/password"),
            ("GET", "/wall"),
            ("GET", "/account"),
        ):
            answer = await program.request(method, path, headers=headers, json={})
            assert answer.status_code in (403, 422), (method, path, answer.status_code)
        assert (await program.get("/api/v1/cameras")).status_code == 401


async def test_a_tokens_page_shows_its_value_once(client: httpx.AsyncClient) -> None:
    page = (await client.get("/account/tokens")).text
    data = {
        "form_token": form_token(page), "title": "bảng điện tử", "scopes": ["read", "pictures"],
        "days": "30",
    }  # fmt: skip
    made = await client.post("/account/tokens", data=data)
    value = re.search(r"vg_[\w-]{43}", made.text)
    assert value is not None
    later = (await client.get("/account/tokens")).text

    assert value[0] not in later
    assert "bảng điện tử" in later
    assert "18/12/2026" in later
    faulty = await client.post("/account/tokens", data={**data, "days": "9999", "title": ""})
    assert faulty.status_code == 422


async def test_a_token_that_was_taken_back_or_is_over_opens_nothing(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    first, second = await make(client, "read"), await make(client, "read", days=1)
    await client.delete(f"/api/v1/tokens/{first['id']}")
    async with browser(hub) as program:
        over = await program.get("/api/v1/cameras", headers=bearer(first["value"]))
        alive = await program.get("/api/v1/cameras", headers=bearer(second["value"]))
        wait(hub, 86_401)
        late = await program.get("/api/v1/cameras", headers=bearer(second["value"]))

    assert (over.status_code, alive.status_code, late.status_code) == (401, 200, 401)
    assert len(acts(hub, "token_made")) == 2
    assert len(acts(hub, "token_revoked")) == 1


async def test_a_cookie_beside_a_token_counts_for_nothing(client: httpx.AsyncClient) -> None:
    """A page of another site cannot add a header; what has one is a program, and only that."""
    for header in ("Bearer nonsense", "Basic YWRtaW46eA==", "Bearer", ""):
        answer = await client.get("/api/v1/cameras", headers={"authorization": header})
        assert answer.status_code == 401, header


async def test_neither_secret_nor_value_nor_code_is_in_the_audit(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    telephone, codes = await enrol(client, hub)
    value = (await make(client, "read"))["value"]

    with hub.database.reading() as connection:
        rows = repr(audit.rows(connection, audit.Filter(limit=1000)))
    assert value not in rows
    assert telephone.secret not in rows
    assert not any(code in rows for code in codes)
