"""Statistics and reports: each figure leads to its rows, and what is kept stays as it was."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import docx
import openpyxl
import pypdf
import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW_NS, SITE_ID, browser, sign_in, stage
from vonggac.db import tables
from vonggac.domain import legal, papers, reports, roles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub_stage import Stage

TODAY = legal.day_of(NOW_NS)


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with its cameras and ledger, and a person of the office."""
    async with stage(tmp_path) as found:
        with found.database.writing() as connection:
            account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
            assert account is not None
            for role in ("office", "records_clerk"):
                roles.give(
                    connection, roles.whoever_holds_the_machine(NOW_NS), account,
                    roles.Draft(role=role, reason="phân công"), now_ns=NOW_NS,
                )  # fmt: skip
        yield found


async def test_each_figure_leads_to_the_rows_that_it_counts(hub: Stage) -> None:
    """Every link of the page answers, and says the number that the page said."""
    async with browser(hub) as client:
        await sign_in(client)
        page = (await client.get("/reports")).text
        links = re.findall(r'href="(/reports/rows\?[^"]+figure=([a-z_]+))"', page)
        assert len({code for _, code in links}) >= 20
        told = (await client.get("/api/v1/statistics")).json()
        counts = {one["code"]: one["facilities"] for one in told["figures"]}
        for link, code in links[:30]:
            rows = await client.get(link.replace("&amp;", "&"))
            assert rows.status_code == 200, link
            assert f"· {counts[code]} cơ sở" in rows.text, code
        cameras = next(one for one in told["figures"] if one["code"] == "cameras")
        with hub.database.reading() as connection:
            table = tables.camera
            assert (
                cameras["amount"]
                == connection.execute(
                    sa.select(sa.func.count()).where(table.c.retired_ns.is_(None))
                ).scalar_one()
            )
        shares = {one["code"]: one["share"] for one in told["figures"]}
        assert 0 < shares["recorded"] <= 10_000


async def test_a_report_is_made_kept_and_carried_by_a_paper(hub: Stage) -> None:
    """In the three kinds of files; the kept one says the same after the register changed."""
    async with browser(hub) as client:
        await sign_in(client)
        days = {"from": TODAY.replace(day=1).isoformat(), "to": TODAY.isoformat()}
        made = (await client.post("/api/v1/reports", json=days)).json()
        path = f"/reports/{made['id']}"
        before = (await client.get(f"/api/v1{path}")).json()["data"]
        with hub.database.writing() as connection:
            connection.execute(tables.camera.update().values(retired_ns=NOW_NS))
            letter = papers.letter_of(connection, made["paper"])
            assert papers.find(connection, made["paper"]).about == f"report:{made['id']}"
        after = (await client.get(f"/api/v1{path}")).json()
        assert after["data"] == before
        assert after["sha256"] == reports.digest(before)
        now = (await client.get("/api/v1/statistics")).json()
        amounts = [{one["code"]: one["amount"] for one in told["figures"]}
                   for told in (before, now)]  # fmt: skip
        assert amounts[0]["cameras"] > amounts[1]["cameras"] == 0
        assert "Kết quả giám sát" in letter.subject
        assert made["sha256"] in (await client.get(path)).text
        pdf = await client.get(f"{path}/file.pdf")
        said = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(pdf.content)).pages)
        assert "BÁO CÁO" in said
        word = docx.Document(io.BytesIO((await client.get(f"{path}/file.docx")).content))
        cells = [cell.text for table in word.tables for row in table.rows for cell in row.cells]
        assert f"{amounts[0]['cameras']}" in cells
        sheet = await client.get(f"{path}/file.xlsx")
        assert "Chỉ tiêu" in openpyxl.load_workbook(io.BytesIO(sheet.content)).sheetnames
        assert (await client.get(f"{path}/file.exe")).status_code == 404
        rows = await client.get(f"/reports/rows?report={made['id']}&figure=cameras")
        assert SITE_ID in rows.text


async def test_the_day_of_the_leader_and_the_form(hub: Stage) -> None:
    """One sheet; a span that ends before it begins is said beside the fields."""
    async with browser(hub) as client:
        await sign_in(client)
        pdf = await client.get("/reports/daily.pdf", params={"on": TODAY.isoformat()})
        assert len(pypdf.PdfReader(io.BytesIO(pdf.content)).pages) == 1
        wrong = await client.get("/reports", params={"from": "20/11/2026", "to": "01/11/2026"})
        assert wrong.status_code == 422
        assert "Ngày cuối phải sau ngày đầu." in wrong.text
        assert 'value="20/11/2026"' in wrong.text
        page = (await client.get("/reports")).text
        form = {"form_token": page.partition('name="form_token" value="')[2].partition('"')[0]}
        done = await client.post("/reports", data={**form, "kind": "daily"})
        assert done.status_code == 303
        kept = await client.get(f"{done.headers['location']}/file.pdf")
        assert "TÌNH HÌNH NGÀY" in pypdf.PdfReader(io.BytesIO(kept.content)).pages[0].extract_text()
        nothing = await client.get("/reports/rows", params={"figure": "nothing"})
        assert nothing.status_code == 404
