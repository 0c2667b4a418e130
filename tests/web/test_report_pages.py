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
from vonggac.domain import legal, papers, reports, roles, schedules, units

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


async def test_what_is_owed_is_paid_with_a_report(hub: Stage) -> None:
    """With one button of the body that owes it: the letter cites the order and goes to its giver.

    Until it is in.  Whoever makes reports for another body has no button, and is refused.
    """
    with hub.database.writing() as connection:
        units.load(connection, "2026")
        name = tables.unit_name
        health = sa.select(name.c.unit_id).where(name.c.vi == "Sở Y tế Lai Châu")
        body = connection.execute(health).scalars().one()
        account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
        assert account is not None
        roles.give(
            connection, roles.whoever_holds_the_machine(NOW_NS), account,
            roles.Draft(role="health_inspector", body=body, reason="phân công"), now_ns=NOW_NS,
        )  # fmt: skip
    async with browser(hub) as client:
        await sign_in(client)
        order = {"number": "12/UBND-VX", "dated": "2026-11-02", "issuer": "UBND tỉnh A",
                 "subject": "kết nối camera", "urgency": "", "cites": []}  # fmt: skip
        made = (await client.post("/api/v1/directives", json=order)).json()
        clause = {"number": "3", "said": "Đôn đốc, kiểm tra.", "lead": ["Sở Y tế"],
                  "with": ["Sở Tài chính"], "owed": "Báo cáo", "due": "30/11/2026"}  # fmt: skip
        path = f"/api/v1/directives/{made['id']}/clauses"
        whole = (await client.post(path, json=clause)).json()
        duty, others = (one["id"] for one in whole["clauses"][0]["duties"])
        page = (await client.get("/owed")).text
        assert f'name="duty" value="{others}"' not in page
        days = {"from": TODAY.isoformat(), "to": TODAY.isoformat(), "duty": others}
        refused = await client.post("/api/v1/reports", json=days)
        assert (refused.status_code, refused.json()["error"]["kind"]) == (403, "forbidden")
        told = (await client.get("/api/v1/owed")).json()["owed"]
        may = {one["id"]: one["may_report"] for one in told}
        assert (may[duty], may[others]) == (True, False)
        (form,) = re.findall(rf'<form(?:(?!</form>).)*value="{duty}".*?</form>', page, re.DOTALL)
        values = dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', form))
        assert values["from"] == "02/11/2026"
        done = await client.post("/reports", data=values)
        report = (await client.get(f"/api/v1{done.headers['location']}")).json()
        with hub.database.reading() as connection:
            paper = papers.find(connection, report["paper"])
            letter = papers.letter_of(connection, paper.id)
        assert (paper.about, paper.directive_id) == (f"duty:{duty}", made["id"])
        assert letter.addressees == ("UBND tỉnh A",)
        assert letter.body[0].text.startswith("Thực hiện Văn bản số 12/UBND-VX ngày 02/11")
        page = (await client.get("/owed")).text
        assert f'href="/papers/{paper.id}">Dự thảo báo cáo' in page
        owed = (await client.get("/api/v1/owed")).json()["owed"]
        (mine,) = [one for one in owed if one["id"] == duty]
        assert mine["reports"] == [{"paper": paper.id, "state": "draft", "number": None}]
        await client.post(f"/api/v1/duties/{duty}/steps", json={"state": "received"})
        days = {"from": TODAY.isoformat(), "to": TODAY.isoformat(), "duty": duty}
        assert (await client.post("/api/v1/reports", json=days)).status_code == 409
        nowhere = await client.post("/api/v1/reports", json={**days, "duty": "x"})
        assert nowhere.status_code == 404


async def test_the_schedule_of_the_software_is_labelled_and_can_be_changed(hub: Stage) -> None:
    """As ours; the form comes with what stands, and says it again beside what is wrong."""
    with hub.database.writing() as connection:
        schedules.ship(connection, "17:00", now_ns=NOW_NS)
    async with browser(hub) as client:
        await sign_in(client)
        page = (await client.get("/reports/schedules")).text
        assert "mặc định của phần mềm: sửa hoặc thôi đặt" in page
        (told,) = (await client.get("/api/v1/report-schedules")).json()["schedules"]
        assert (told["shipped"], told["at"], told["endings"]) == (True, "17:00", ["pdf"])
        path = f"/reports/schedules?edit={told['id']}"
        page = (await client.get(path)).text
        assert 'name="at" value="17:00"' in page
        token = page.partition('name="form_token" value="')[2].partition('"')[0]
        form = {"form_token": token, "do": "change", "schedule": told["id"], "rhythm": "daily",
                "at": "khuya", "pdf": "yes", "folder": "yes"}  # fmt: skip
        wrong = await client.post("/reports/schedules", data=form)
        assert wrong.status_code == 422
        assert "Viết giờ dạng 17:00." in wrong.text
        assert f'name="schedule" value="{told["id"]}"><div class="pair">' in wrong.text
        done = await client.post("/reports/schedules", data={**form, "at": "16:30"})
        assert done.status_code == 303
        (told,) = (await client.get("/api/v1/report-schedules")).json()["schedules"]
        assert (told["shipped"], told["at"]) == (False, "16:30")
        body = {"rhythm": "weekly", "at": "08:00", "endings": ["docx"], "folder": True}
        put = await client.put(f"/api/v1/report-schedules/{told['id']}", json=body)
        assert put.status_code == 204
        (told,) = (await client.get("/api/v1/report-schedules")).json()["schedules"]
        assert (told["rhythm"], told["at"], told["endings"]) == ("weekly", "08:00", ["docx"])
        assert (await client.get("/reports/schedules?edit=none")).status_code == 404


async def test_who_says_so_stands_beside_what_is_like_another_figure(hub: Stage) -> None:
    """A signal is measured, a connection is accepted, a link is confirmed: three figures."""
    async with browser(hub) as client:
        await sign_in(client)
        told = (await client.get("/api/v1/statistics")).json()["figures"]
        sources = {one["code"]: one["source"] for one in told if one["source"]}
        assert sources == {
            "connected": "hệ thống đo",
            "not_connected": "hệ thống đo",
            "accepted": "người có trách nhiệm nghiệm thu",
            "cameras_measured": "hệ thống đo",
            "cameras_unmeasured": "hệ thống đo",
            "cameras_connected": "hệ thống đo",
            "cameras_accepted": "người có trách nhiệm nghiệm thu",
            "cameras_confirmed": "doanh nghiệp xác nhận",
        }
        page = (await client.get("/reports")).text
        for name in (
            "Có tín hiệu",
            "Đã nghiệm thu kết nối",
            "Camera kết nối hệ thống được chỉ định",
        ):
            assert f'>{name}</a><span class="sub">' in page, name
