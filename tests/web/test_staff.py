"""Administration of accounts: the list, one person, sheets with their slips, the access review."""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING, Any

import openpyxl

from hub_stage import ORIGIN, Stage, browser, sign_in
from vonggac.clock import SimulatedClock
from vonggac.db import tables
from vonggac.domain import accounts, audit, roles, roster

if TYPE_CHECKING:
    import httpx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def rows(hub: Stage, act: str) -> list[audit.Row]:
    with hub.database.reading() as connection:
        return audit.rows(connection, audit.Filter(act=act))


def people(hub: Stage) -> dict[str, accounts.Person]:
    with hub.database.reading() as connection:
        return {one.name: one for one in accounts.people(connection)}


def sheet(*lines: tuple[str, ...], headings: tuple[str, ...] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(headings or tuple(roster.HEADINGS.values()))
    for line in lines:
        book.active.append(line)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


async def send(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    token = form_token((await client.get("/accounts/sheet")).text)
    return await client.post(
        "/accounts/sheet",
        data={"form_token": token},
        files={"file": ("bang.xlsx", content, XLSX)},
    )


async def enter(client: httpx.AsyncClient, preview: str) -> httpx.Response:
    found = re.search(r'name="rows" value="([^"]+)"', preview)
    assert found is not None
    return await client.post(
        "/accounts/sheet",
        data={"form_token": form_token(preview), "rows": html.unescape(found[1]), "do": "enter"},
    )


GOOD = (
    ("thuc.lv", "Người Trực Một", "Cán bộ trực trung tâm", "", "", "", ""),
    ("mai.gt", "Người Trực Hai", "site_duty", "", "", "KS Mường Hoa", ""),
    ("khoa.nv", "Người Kỹ Thuật", "Kỹ thuật viên", "", "", "", "31/12/2026"),
)


async def test_a_sheet_is_rehearsed_entered_and_its_slips_shown_once(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Three rows, three accounts with roles; each first password works once and must be changed."""
    preview = await send(client, sheet(*GOOD))
    assert preview.status_code == 200
    assert "3 sẽ lập, 0 đã có, 0 có lỗi" in preview.text
    assert set(people(hub)) == {"admin"}

    done = await enter(client, preview.text)

    assert done.headers["cache-control"] == "no-store"
    passwords = re.findall(r"<dd[^>]*>([a-z2-9]{4}(?:-[a-z2-9]{4}){3})</dd>", done.text)
    assert len(set(passwords)) == 3
    assert done.text.count(f'translate="no">{ORIGIN}</dd>') == 3  # where the first page was read
    assert set(people(hub)) == {"admin", "thuc.lv", "mai.gt", "khoa.nv"}
    with hub.database.reading() as connection:
        held = {row.account: row for row in roles.rows(connection) if row.account != "admin"}
    assert {name: row.role for name, row in held.items()} == {
        "thuc.lv": "centre_duty", "mai.gt": "site_duty", "khoa.nv": "technician",
    }  # fmt: skip
    assert len(held["mai.gt"].sites) == 1
    assert held["khoa.nv"].to_ns is not None
    assert [row.thing for row in rows(hub, "account_made")] == ["khoa.nv", "mai.gt", "thuc.lv"]
    async with browser(hub) as new:
        answer = await sign_in_as(new, "thuc.lv", passwords[0])
        assert answer.json()["must_change_password"] is True
    assert not any(password in repr(rows(hub, "account_made")) for password in passwords)


async def sign_in_as(client: httpx.AsyncClient, name: str, password: str) -> httpx.Response:
    return await client.post("/api/v1/session", json={"user": name, "password": password})


async def test_the_same_sheet_twice_makes_nothing_twice(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Also when the second sending of the form is the browser's own."""
    preview = (await send(client, sheet(*GOOD))).text
    await enter(client, preview)
    again = await enter(client, preview)
    later = await send(client, sheet(*GOOD))

    assert "Không có tài khoản nào mới" in again.text
    assert "0 sẽ lập, 3 đã có, 0 có lỗi" in later.text
    assert len(people(hub)) == 4
    with hub.database.reading() as connection:
        assert len([row for row in roles.rows(connection) if row.account != "admin"]) == 3


async def test_wrong_rows_and_what_is_no_sheet_are_said(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """In the row's own line; the good rows are made all the same."""
    wrong = ("khoa.nv", "Người Kỹ Thuật", "Vua", "", "", "", "")
    preview = await send(client, sheet(GOOD[0], wrong))
    assert "1 sẽ lập, 0 đã có, 1 có lỗi" in preview.text
    assert "Không có vai trò này" in preview.text
    await enter(client, preview.text)
    assert set(people(hub)) == {"admin", "thuc.lv"}

    for content, said in (
        (b"", "Chọn một tệp"),
        (b"no zip", "Không đọc được"),
        (sheet(), "dòng nào"),
    ):
        answer = await send(client, content)
        assert (answer.status_code, said in answer.text) == (422, True)


async def test_rows_that_come_back_changed_are_checked_again(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """The rehearsal's rows go through the browser: nothing is believed of them."""
    token = form_token((await client.get("/accounts/sheet")).text)
    for text in ("", "{}", "[{}]", '[{"line_number":1}]', "[" * 5000):
        answer = await client.post(
            "/accounts/sheet", data={"form_token": token, "do": "enter", "rows": text}
        )
        assert answer.status_code == 422, text[:20]
    forged = '[{"line_number":2,"name":"a b","full_name":"x y","role":"administrator"}]'
    answer = await client.post(
        "/accounts/sheet", data={"form_token": token, "do": "enter", "rows": forged}
    )
    assert "Không có tài khoản nào mới" in answer.text


async def test_the_template_can_be_filled_in_and_sent(client: httpx.AsyncClient) -> None:
    """Its own headings, and the list of roles on its second page."""
    template = await client.get("/accounts/sheet.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(template.content))
    assert [cell.value for cell in book.worksheets[0][1]] == list(roster.HEADINGS.values())
    known = [row[0].value for row in book.worksheets[1].iter_rows()]
    assert "Trưởng ca trực" in known
    book.worksheets[0].append(GOOD[0])
    made = io.BytesIO()
    book.save(made)

    assert "1 sẽ lập" in (await send(client, made.getvalue())).text


async def test_one_person_is_added_by_hand(client: httpx.AsyncClient, hub: Stage) -> None:
    token = form_token((await client.get("/accounts/new")).text)
    data = {
        "form_token": token, "name": "thuc.lv", "full_name": "Người Trực Một",
        "role": "centre_duty", "unit": "", "line": "", "sites": "", "until": "",
    }  # fmt: skip
    wrong = await client.post("/accounts/new", data={**data, "name": "Có Dấu"})
    right = await client.post("/accounts/new", data=data)

    assert (wrong.status_code, "chữ thường không dấu" in wrong.text) == (422, True)
    assert "Mật khẩu đầu" in right.text
    assert "thuc.lv" in people(hub)


async def made(client: httpx.AsyncClient, hub: Stage) -> tuple[str, str]:
    """A colleague's page and first password."""
    slips = (await enter(client, (await send(client, sheet(GOOD[0]))).text)).text
    password = re.search(r"([a-z2-9]{4}(?:-[a-z2-9]{4}){3})</dd>", slips)
    assert password is not None
    return f"/accounts/{people(hub)['thuc.lv'].id}", password[1]


async def do(client: httpx.AsyncClient, page: str, what: str, **more: Any) -> httpx.Response:
    token = form_token((await client.get(page)).text)
    return await client.post(page, data={"form_token": token, "do": what, **more})


async def test_an_account_is_closed_opened_and_its_sessions_end(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    page, password = await made(client, hub)
    async with browser(hub) as colleague:
        await sign_in_as(colleague, "thuc.lv", password)
        assert (await colleague.get("/api/v1/session")).status_code == 200
        await do(client, page, "sessions")
        assert (await colleague.get("/api/v1/session")).status_code == 401
        await sign_in_as(colleague, "thuc.lv", password)
        await do(client, page, "close")
        assert (await colleague.get("/api/v1/session")).status_code == 401
        closed = await sign_in_as(colleague, "thuc.lv", password)
        assert (closed.status_code, closed.json()["error"]["detail"]["code"]) == (403, "closed")
        await do(client, page, "open")
        assert (await sign_in_as(colleague, "thuc.lv", password)).status_code == 200
    assert [len(rows(hub, act)) for act in ("account_closed", "account_opened", "session_ended")] \
        == [1, 1, 1]  # fmt: skip


async def test_a_forgotten_password_is_reset_and_shown_once(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    page, old = await made(client, hub)
    answer = await do(client, page, "password")
    new = re.search(r'id="first-password"[^>]*>([a-z2-9-]{19})<', answer.text)
    assert new is not None

    assert new[1] not in (await client.get(page)).text
    async with browser(hub) as colleague:
        assert (await sign_in_as(colleague, "thuc.lv", old)).status_code == 401
        assert (await sign_in_as(colleague, "thuc.lv", new[1])).status_code == 200


async def test_nobody_closes_or_resets_himself_here(client: httpx.AsyncClient, hub: Stage) -> None:
    """The last administrator would shut the door behind himself."""
    page = f"/accounts/{people(hub)['admin'].id}"
    for what in ("close", "password", "factor"):
        assert (await do(client, page, what)).status_code == 422
    assert people(hub)["admin"].disabled_ns is None


async def test_whoever_is_no_administrator_sees_none_of_this(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    page, password = await made(client, hub)
    async with browser(hub) as colleague:
        await sign_in_as(colleague, "thuc.lv", password)
        good = "con ngựa chạy trên đồi"
        await colleague.put("/api/v1/session/password", json={"current": password, "new": good})
        for path in (
            "/accounts", "/accounts/new", "/accounts/sheet", "/accounts/sheet.xlsx",
            "/accounts/review.xlsx", page, "/workstations",
        ):  # fmt: skip
            assert (await colleague.get(path)).status_code == 403, path
        assert (await colleague.get("/account")).status_code == 200


async def test_the_review_is_reminded_after_six_months_and_its_date_kept(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    page = (await client.get("/accounts")).text
    assert "Chưa rà soát lần nào" in page
    assert "Đã đến kỳ" not in page
    await client.post("/accounts/review", data={"form_token": form_token(page)})
    noted = (await client.get("/accounts")).text
    assert "Lần gần nhất: 18/11/2026, admin." in noted
    assert "Kỳ tới: 20/05/2027." in noted
    assert isinstance(hub.clock, SimulatedClock)
    hub.clock.step_wall(183 * 86_400)
    with hub.database.writing() as connection:
        connection.execute(
            tables.account.update().values(
                signed_in_ns=hub.clock.wall_ns(), password_set_ns=hub.clock.wall_ns()
            )
        )
    await sign_in(client)
    assert "Đã đến kỳ rà soát quyền" in (await client.get("/accounts")).text
    assert len(rows(hub, "access_reviewed")) == 1


async def test_the_review_sheet_says_who_may_see_what_since_when(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    await enter(client, (await send(client, sheet(*GOOD))).text)
    answer = await client.get("/accounts/review.xlsx")

    table = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    lines = [[cell or "" for cell in row] for row in table.iter_rows(values_only=True)]
    found = {line[0]: line for line in lines[1:] if line[0] != "admin"}
    assert found["mai.gt"][3:6] == ["Cán bộ trực tại cơ sở", "KS Mường Hoa", "18/11/2026"]
    assert found["khoa.nv"][6] == "01/01/2027"
    assert found["thuc.lv"][4] == "toàn bộ"
    assert found["thuc.lv"][7] == "admin"
    assert len([line for line in lines if line[0] == "admin"]) >= 1
    assert len(rows(hub, "access_reviewed")) == 1
