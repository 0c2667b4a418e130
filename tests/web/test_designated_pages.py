"""The designated system on pages, by the API and by Excel: entered, shown apart, kept."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest_asyncio

from hub_stage import SITE_ID, also_holds, browser, sign_in, stage
from vonggac.domain import registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage

SYSTEM = {"name": "Hệ thống A", "operator": "Đơn vị A", "document": "1664/UBND-VX"}
SITE = f"/acceptance/sites/{SITE_ID}"
SAID = {"enterprise": "Doanh nghiệp A", "ident": "A-001", "method": "RTSP qua VPN",
        "linked": "yes", "linked_day": "10/11/2026"}  # fmt: skip


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with cameras, whose one person also tests them."""
    async with stage(tmp_path) as found:
        also_holds(found, "surveyor")
        yield found


async def test_what_an_enterprise_confirms_is_entered_on_the_page_of_acceptance(
    hub: Stage,
) -> None:
    """The system first, then a camera; wrong input is kept and said; ours counts stay ours."""
    camera = _camera(hub)
    async with browser(hub) as client:
        await sign_in(client)
        form = await _form(client, "/designated")
        wrong = await client.post("/designated", data={**form, **SYSTEM, "from_day": "mai"})
        assert (wrong.status_code, "Hệ thống A" in wrong.text) == (422, True)
        done = await client.post("/designated", data={**form, **SYSTEM, "from_day": "01/11/2026"})
        assert done.status_code == 303
        assert "Đơn vị A" in (await client.get("/designated")).text
        for field, value in (("linked_day", "31/12/2199"), ("ident", ""), ("camera", "x")):
            values = {**form, **SAID, "camera": camera, field: value}
            answer = await client.post(f"{SITE}/designated", data=values)
            assert (answer.status_code, "Doanh nghiệp A" in answer.text) == (422, True)
        values = {**form, **SAID, "camera": camera}
        assert (await client.post(f"{SITE}/designated", data=values)).status_code == 303
        text = (await client.get(SITE)).text
        assert "doanh nghiệp xác nhận" in text
        assert "A-001" in text
        found = (await client.get(f"/api/v1/facilities/{SITE_ID}/designated")).json()
        assert (found["connected"], found["source"]) == (1, "doanh nghiệp xác nhận")
        ours = (await client.get("/api/v1/acceptance")).json()["facilities"][0]
        assert not any(one["connected"] for one in ours["cameras"])


async def test_the_api_does_what_the_pages_do(hub: Stage) -> None:
    """A connection ends as it began; both stay in the history with who entered them."""
    path = f"/api/v1/cameras/{_camera(hub)}/designated"
    body = {"enterprise": "Doanh nghiệp A", "identifier": "A-001", "method": "VPN",
            "day": "2026-11-10"}  # fmt: skip
    async with browser(hub) as client:
        await sign_in(client)
        assert (await client.put(path, json=body)).status_code == 409
        put = await client.put("/api/v1/designated", json={**SYSTEM, "from_day": "2026-11-01"})
        assert put.json()["operator"] == "Đơn vị A"
        assert (await client.put(path, json=body)).json()["connected"] is True
        ended = {"connected": False, "enterprise": "Doanh nghiệp A", "day": "2026-11-12"}
        assert (await client.put(path, json=ended)).status_code == 200
        found = (await client.get(f"/api/v1/facilities/{SITE_ID}/designated")).json()
        assert (found["connected"], len(found["history"])) == (0, 2)
        assert found["links"][0]["entered"]["by"]


async def test_a_sheet_is_previewed_then_entered_whole(hub: Stage) -> None:
    """Rows at fault are named and nothing is written; a sheet without them is entered once."""
    async with browser(hub) as client:
        await sign_in(client)
        await client.put("/api/v1/designated", json={**SYSTEM, "from_day": "2026-11-01"})
        form = await _form(client, SITE)
        template = (await client.get(f"{SITE}/designated.xlsx")).content
        sheet = openpyxl.load_workbook(io.BytesIO(template))["kết nối"]
        names = [row[0].value for row in sheet.iter_rows(min_row=2)]
        good = ["có", "Doanh nghiệp A", "A-1", "VPN", "10/11/2026"]
        bad = _book(sheet, [[names[0], *good], ["khác", *good], [names[0], *good]])
        page = await _sent(client, form, bad)
        text = (await client.get(page)).text
        assert "Cơ sở không có camera tên như vậy." in text
        assert "Dòng này trùng với dòng 2." in text
        assert (await client.post(page, data=form)).status_code == 422
        untouched = await _sent(client, form, template)
        assert "Tệp này không thay đổi gì." in (await client.get(untouched)).text
        fine = _book(sheet, [[names[0], *good], [names[1], *good], [names[2]]])
        page = await _sent(client, form, fine)
        assert "Ghi 2 dòng" in (await client.get(page)).text
        assert (await client.post(page, data=form)).status_code == 303
        assert (await client.get(page)).status_code == 404
        api = f"/api/v1/facilities/{SITE_ID}/designated"
        assert (await client.get(api)).json()["connected"] == 2
        again = (await client.post(f"{api}.xlsx?dry_run=false", content=fine)).json()
        assert (again["rows"], again["same"], again["errors"]) == (3, 2, [])
        assert (await client.post(f"{api}.xlsx", content=b"a,b")).status_code == 422
        taken = (await client.get(f"{api}.xlsx")).content
        assert "A-1" in [cell.value for cell in openpyxl.load_workbook(io.BytesIO(taken)).active[2]]


def _book(sheet: Any, rows: list[list[str]]) -> bytes:
    """A workbook with the headings of the template and these rows."""
    book = openpyxl.Workbook()
    book.active.title = "kết nối"
    book.active.append([cell.value for cell in sheet[1]])
    for row in rows:
        book.active.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


async def _sent(client: httpx.AsyncClient, form: dict[str, str], content: bytes) -> str:
    answer = await client.post(
        f"{SITE}/designated/import", data=form, files={"file": ("ket-noi.xlsx", content)}
    )
    assert answer.status_code == 303
    return answer.headers["location"]


def _camera(hub: Stage) -> str:
    with hub.database.reading() as connection:
        return registry.cameras(connection, SITE_ID)[0].id


async def _form(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    text = (await client.get(path)).text
    return {"form_token": text.split('name="form_token" value="', 1)[1].split('"', 1)[0]}
