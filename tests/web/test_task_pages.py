"""Tasks on pages and by the API: given, done, moved, and kept within the scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest_asyncio

from hub_stage import NOW_NS, SITE_ID, also_holds, browser, sign_in, stage
from vonggac.db import tables
from vonggac.domain import plans
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage

TASK = {
    "place": f"site:{SITE_ID}",
    "body": "UBND xã A",
    "what": "Lắp 2 camera",
    "due": "2026-11-20",
}


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub and a person of the lead department over everything."""
    async with stage(tmp_path, cameras=False) as found:
        also_holds(found, "surveyor")
        yield found


async def test_tasks_by_the_api(hub: Stage) -> None:
    """Open, wait, go on, ask for time, answer; the board counts each task once."""
    async with browser(hub) as client:
        await sign_in(client)
        first = (await client.post("/api/v1/tasks", json=TASK)).json()
        second = (
            await client.post("/api/v1/tasks", json={**TASK, "place": "all", "due": None})
        ).json()
        assert (first["site"], second["site"]) == (SITE_ID, None)
        path = f"/api/v1/tasks/{first['id']}"
        waits = await client.post(
            f"/api/v1/tasks/{second['id']}/after", json={"after": first["id"]}
        )
        assert waits.json()["after"] == [first["id"]]
        held_up = await client.post(f"/api/v1/tasks/{second['id']}/steps", json={"state": "doing"})
        assert held_up.status_code == 409
        asked = await client.post(
            f"{path}/extensions", json={"reason": "chờ vốn", "due": "2026-12-20"}
        )
        answer = {"answer_is": "agreed", "person": "Phó Chủ tịch", "document": "9/UBND"}
        done = await client.put(f"{path}/extensions/{asked.json()['id']}", json=answer)
        assert (done.status_code, done.json()["state"]) == (200, "agreed")
        assert (await client.get(path)).json()["due"] == "2026-12-20"
        assert (await client.post(f"{path}/steps", json={"state": "waived"})).status_code == 422
        await client.post(f"{path}/steps", json={"state": "done"})
        board = (await client.get("/api/v1/tasks/board")).json()
        assert (board["all"]["total"], board["all"]["done"], board["all"]["undated"]) == (2, 1, 1)
        (listed,) = (await client.get("/api/v1/tasks", params={"q": "xa a"})).json()["tasks"]
        assert (listed["id"], listed["stands"]) == (second["id"], "undated")


async def test_files_of_a_task_by_the_api(hub: Stage) -> None:
    """What shows how it was done comes and goes as on the page; a program is refused."""
    async with browser(hub) as client:
        await sign_in(client)
        made = (await client.post("/api/v1/tasks", json=TASK)).json()
        path = f"/api/v1/tasks/{made['id']}/files"
        wrong = await client.post(path, params={"name": "a.exe"}, content=b"MZ")
        assert (wrong.status_code, wrong.json()["error"]["detail"]["fields"]) == (
            422, {"file": "not_a_document"},
        )  # fmt: skip
        sent = await client.post(path, params={"name": "biên bản.pdf"}, content=b"%PDF-1.7 x")
        assert (sent.status_code, sent.json()["file"]) == (201, "biên bản.pdf")
        assert (await client.get(path)).json()["files"] == [sent.json()]
        taken = await client.get(f"{path}/{sent.json()['id']}")
        assert taken.content == b"%PDF-1.7 x"
        assert (await client.get(f"{path}/nothing")).status_code == 404


async def test_the_pages_take_what_people_enter(hub: Stage) -> None:
    """Faults stand beside the field with what was typed; files and steps lead back to the page."""
    async with browser(hub) as client:
        await sign_in(client)
        form = await _form(client, "/tasks")
        sent = {**form, **TASK, "due": "30/02/2026"}
        wrong = await client.post("/tasks", data=sent)
        assert wrong.status_code == 422
        assert "Lắp 2 camera" in wrong.text
        assert "ngày/tháng/năm" in wrong.text
        made = await client.post("/tasks", data={**sent, "due": "20/11/2026"})
        page = made.headers["location"]
        for name, fields, status in (
            ("steps", {"state": "doing", "note": "đã nhận"}, 303),
            ("steps", {"state": "waived", "note": ""}, 422),
            ("steps", {"state": "open", "note": ""}, 303),
            ("extensions", {"reason": "chờ vốn", "new_due": "19/11/2026"}, 422),
            ("extensions", {"reason": "chờ vốn", "new_due": "25/11/2026"}, 303),
            ("extensions", {"reason": "nữa", "new_due": "26/11/2026"}, 422),
        ):
            answer = await client.post(f"{page}/{name}", data={**form, **fields})
            assert answer.status_code == status, fields
        for content, status in ((b"%PDF-1.7 x", 303), (b"MZ", 422)):
            file = await client.post(f"{page}/files", data=form, files={"file": ("a.pdf", content)})
            assert file.status_code == status
        whole = (await client.get(f"/api/v1{page}")).json()
        taken = await client.get(f"{page}/files/{whole['files'][0]['id']}")
        assert taken.content == b"%PDF-1.7 x"
        text = (await client.get(page)).text
        assert "chờ trả lời" in text
        assert "đã nhận" in text


async def test_a_plan_becomes_tasks_with_one_click(hub: Stage) -> None:
    """And not with a second one."""
    with hub.database.writing() as connection:
        it = plans.make(
            connection, SITE_ID, how="buy", months=6, placement=hub.app.state.desk.placement,
            by=Someone("", "x"), now_ns=NOW_NS,
        )  # fmt: skip
    async with browser(hub) as client:
        await sign_in(client)
        form = await _form(client, f"/plans/{it.id}")
        sent = {**form, "source": f"plan:{it.id}", "body": "Doanh nghiệp A", "due": "01/12/2026"}
        assert (await client.post("/tasks/from", data=sent)).status_code == 303
        again = await client.post("/tasks/from", data=sent)
        assert again.status_code == 422
        assert "đã được giao" in again.text
        assert "Doanh nghiệp A" in (await client.get(f"/plans/{it.id}")).text


async def test_whoever_does_a_task_neither_gives_nor_waives_one(tmp_path: Path) -> None:
    """A technician of the facility goes on with it and asks for time; the rest is refused."""
    async with stage(tmp_path, cameras=False) as hub:
        also_holds(hub, "surveyor")
        async with browser(hub) as client:
            await sign_in(client)
            made = (await client.post("/api/v1/tasks", json=TASK)).json()["id"]
            other = (await client.post("/api/v1/tasks", json={**TASK, "place": "all"})).json()["id"]
            with hub.database.writing() as connection:
                connection.execute(tables.role_held.delete())
            also_holds(hub, "technician", SITE_ID)
            path = f"/api/v1/tasks/{made}"
            for method, where, body, status in (
                ("POST", f"{path}/steps", {"state": "doing"}, 201),
                ("POST", f"{path}/extensions", {"reason": "x", "due": "2026-12-30"}, 201),
                ("POST", f"{path}/steps", {"state": "waived", "note": "x"}, 403),
                ("POST", "/api/v1/tasks", TASK, 403),
                ("POST", f"{path}/after", {"after": other}, 403),
                ("POST", f"/api/v1/tasks/{other}/steps", {"state": "doing"}, 403),
            ):
                answer = await client.request(method, where, json=body)
                assert answer.status_code == status, (where, body, answer.text)


async def _form(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    text = (await client.get(path)).text
    return {"form_token": text.split('name="form_token" value="', 1)[1].split('"', 1)[0]}
