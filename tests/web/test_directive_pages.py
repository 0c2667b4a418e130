"""The register of directives: what came is entered, assigned, and what is owed comes back."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import docx
import pypdf
import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW_NS, browser, sign_in, stage
from vonggac.db import tables
from vonggac.domain import directives, roles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage

BODY = {
    "number": "12/UBND-VX",
    "dated": "2026-11-02",
    "issuer": "Ủy ban nhân dân tỉnh A",
    "subject": "giám sát bằng camera",
    "urgency": "KHẨN",
    "cites": [{"number": "4403/CV-BCP", "dated": "2021-05-30", "due": "trước 12/6"}],
}


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with the shipped directives and a person of the office over everything."""
    async with stage(tmp_path, cameras=False) as found:
        with found.database.writing() as connection:
            directives.load(connection, now_ns=NOW_NS)
            account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
            assert account is not None
            roles.give(
                connection, roles.whoever_holds_the_machine(NOW_NS), account,
                roles.Draft(role="office", reason="phân công"), now_ns=NOW_NS,
            )  # fmt: skip
        yield found


async def test_the_register_by_its_api(hub: Stage) -> None:
    """Register, assign, enter what came back; the list says who owes what and until when."""
    async with browser(hub) as client:
        await sign_in(client)
        first = (await client.get("/api/v1/directives", params={"q": "lai chau"})).json()
        assert [one["dated"] for one in first["directives"]] == [None]
        made = (await client.post("/api/v1/directives", json=BODY)).json()
        assert made["cites"][0]["due"] == "2021-06-11"
        path = f"/api/v1/directives/{made['id']}"
        clause = {
            "number": "1", "said": "Khảo sát.", "lead": ["Sở A"], "with": ["Sở B"],
            "owed": "Báo cáo", "inherits": made["cites"][0]["id"],
        }  # fmt: skip
        whole = (await client.post(f"{path}/clauses", json=clause)).json()
        (said,) = whole["clauses"]
        assert said["due"] == "2021-06-11"
        duty = said["duties"][0]["id"]
        steps = f"/api/v1/duties/{duty}/steps"
        done = await client.post(steps, json={"state": "received", "note": "1/BC"})
        assert (done.status_code, done.json()["state"]) == (201, "received")
        assert (await client.post(steps, json={"state": "received"})).status_code == 409
        owed = (await client.get("/api/v1/owed")).json()["owed"]
        mine = [one for one in owed if one["directive"] == made["id"]]
        assert {(one["body"], one["state"]) for one in mine} == {
            ("Sở A", "received"), ("Sở B", "due"),
        }  # fmt: skip
        assert all(one["left"] < 0 for one in mine)
        wrong = await client.post("/api/v1/directives", json={**BODY, "dated": "hôm qua"})
        assert wrong.status_code == 422


async def test_the_pages_take_what_a_clerk_enters(hub: Stage) -> None:
    """An unread day is said to be so; a scan keeps its bytes; a program is refused."""
    async with browser(hub) as client:
        await sign_in(client)
        form = await _form(client, "/directives")
        wrong = await client.post("/directives", data={**form, "number": "7/CĐ", "issuer": "A"})
        assert wrong.status_code == 422
        sent = {
            **form, "number": "7/CĐ-UBND", "issuer": "UBND tỉnh A", "subject": "việc gấp",
            "unread": "yes", "urgency": "HỎA TỐC", "cites": "597/CV-BCĐ; 05/05/2021; BCĐQG",
        }  # fmt: skip
        made = await client.post("/directives", data=sent)
        page = made.headers["location"]
        text = (await client.get(page)).text
        assert "không đọc được ngày" in text
        for name, content, status in (
            ("quet.pdf", b"%PDF-1.7 x", 303), ("quet.pdf", b"MZ", 422), ("MẬT.pdf", b"%PDF-", 422),
        ):  # fmt: skip
            answer = await client.post(
                f"{page}/files", data={**form, "kind": "scan"}, files={"file": (name, content)}
            )
            assert answer.status_code == status, name
        whole = (await client.get(f"/api/v1{page}")).json()
        (file,) = whole["files"]
        taken = await client.get(f"{page}/files/{file['id']}")
        assert taken.content == b"%PDF-1.7 x"
        clause = {
            **form,
            "number": "1",
            "said": "Khảo sát.",
            "lead": "Sở A\nSở B",
            "due": "xong 30/11",
        }
        assert (await client.post(f"{page}/clauses", data=clause)).status_code == 303
        assert "Sở B" in (await client.get("/owed")).text


async def test_the_frames_of_the_shipped_letters_are_given_out(hub: Stage) -> None:
    """As a document of Word and as PDF, with the signature block of each letter."""
    async with browser(hub) as client:
        await sign_in(client)
        found = (await client.get("/api/v1/directives")).json()["directives"]
        blocks = {"1445/UBND-KGVX": "TM. ỦY BAN NHÂN DÂN", "1664/UBND-VX": "KT. CHỦ TỊCH"}
        for one in found:
            path = f"/directives/{one['id']}/frame"
            made = docx.Document(io.BytesIO((await client.get(f"{path}.docx")).content))
            cells = [cell.text for table in made.tables for row in table.rows for cell in row.cells]
            assert any(cell.startswith(blocks[one["number"]]) for cell in cells)
            paper = pypdf.PdfReader(io.BytesIO((await client.get(f"{path}.pdf")).content))
            assert blocks[one["number"]] in paper.pages[-1].extract_text()


async def _form(client: httpx.AsyncClient, page: str) -> dict[str, Any]:
    text = (await client.get(page)).text
    return {"form_token": text.partition('name="form_token" value="')[2].partition('"')[0]}
