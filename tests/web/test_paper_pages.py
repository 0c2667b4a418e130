"""Papers on pages and in the API: agreed to, issued with the signed PDF, sent, withdrawn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import docx
import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW_NS, browser, sign_in, stage
from vonggac.db import tables
from vonggac.domain import legal, letters, papers, roles
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage

SIGNED = b"%PDF-1.7 signed"
TODAY = legal.day_of(NOW_NS)


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub whose one person is clerk and leader."""
    async with stage(tmp_path, cameras=False) as found:
        with found.database.writing() as connection:
            account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
            assert account is not None
            for role in ("records_clerk", "leader"):
                roles.give(
                    connection, roles.whoever_holds_the_machine(NOW_NS), account,
                    roles.Draft(role=role, reason="phân công"), now_ns=NOW_NS,
                )  # fmt: skip
        yield found


def drafted(hub: Stage) -> str:
    with hub.database.writing() as connection:
        return papers.draft(
            connection, letters.sample("bao-cao", TODAY), about="report:r1", site_id=None,
            unit_id=None, directive_id=None, by=Someone("", "x"), now_ns=NOW_NS,
        )  # fmt: skip


async def token(client: httpx.AsyncClient, path: str) -> str:
    page = (await client.get(path)).text
    return page.partition('name="form_token" value="')[2].partition('"')[0]


async def test_the_clerk_issues_on_the_page(hub: Stage) -> None:
    """A wrong file is said beside its field and the number stays typed; then it is issued."""
    paper_id = drafted(hub)
    async with browser(hub) as client:
        await sign_in(client)
        path = f"/papers/{paper_id}"
        assert "không phải chữ ký theo pháp luật" in (await client.get(path)).text
        form = {"form_token": await token(client, path)}
        agreed = await client.post(f"{path}/steps", data={**form, "do": "agree", "note": "được"})
        assert agreed.status_code == 303
        typed = {**form, "number": "12", "dated": f"{TODAY:%d/%m/%Y}"}
        wrong = await client.post(f"{path}/issue", data=typed, files={"file": ("a.pdf", b"PK")})
        assert wrong.status_code == 422
        assert "Chỉ nhận bản ký dạng PDF." in wrong.text
        assert 'value="12"' in wrong.text
        done = await client.post(f"{path}/issue", data=typed, files={"file": ("a.pdf", SIGNED)})
        assert done.status_code == 303
        assert "SHA-256" in (await client.get(path)).text
        signed = await client.get(f"{path}/signed.pdf")
        assert signed.content == SIGNED
        word = await client.get(f"{path}/file.docx")
        text = [cell.text for table in docx.Document(io.BytesIO(word.content)).tables
                for row in table.rows for cell in row.cells]  # fmt: skip
        assert any("Số: 12/BC" in one for one in text)
        assert (await client.get(f"{path}/file.pdf")).content[:5] == b"%PDF-"
        assert "12/BC" in (await client.get("/papers", params={"q": "12/bc"})).text


async def test_the_same_by_the_api(hub: Stage) -> None:
    """Agree, issue, send, withdraw; a paper that is issued cannot be issued again."""
    paper_id = drafted(hub)
    async with browser(hub) as client:
        await sign_in(client)
        path = f"/api/v1/papers/{paper_id}"
        (listed,) = (await client.get("/api/v1/papers", params={"state": "draft"})).json()["papers"]
        assert listed["id"] == paper_id
        agreed = await client.post(f"{path}/agreements", json={"note": "được"})
        assert agreed.json()["agreements"][0]["note"] == "được"
        query = {"number": "12", "dated": TODAY.isoformat()}
        issued = (await client.put(f"{path}/signed.pdf", params=query, content=SIGNED)).json()
        assert (issued["state"], issued["signed"]["size"]) == ("issued", len(SIGNED))
        again = await client.put(f"{path}/signed.pdf", params=query, content=SIGNED)
        assert again.status_code == 409
        more = (await client.post(f"{path}/recipients", json={"name": "Sở A"})).json()
        to = f"{path}/recipients/{more['recipients'][-1]['id']}"
        sent = (await client.put(to, json={"sent": TODAY.isoformat(), "way": "email"})).json()
        assert sent["recipients"][-1]["sent"] == TODAY.isoformat()
        too_early = await client.put(to, json={"sent": "2020-01-01"})
        assert too_early.status_code == 422
        gone = (await client.post(f"{path}/withdrawal", json={"note": "sai số liệu"})).json()
        assert gone["withdrawn"]["why"] == "sai số liệu"
        assert (await client.get("/api/v1/papers/nothing")).status_code == 404
