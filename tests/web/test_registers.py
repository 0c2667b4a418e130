"""Requests of people who were filmed, records of incidents, texts of the law: pages and API."""

from __future__ import annotations

import html
import io
import re
from typing import TYPE_CHECKING

import docx
import openpyxl
import pypdf
import pytest

from hub_stage import HOUR, NOW_NS, SITE_ID
from vonggac.clock import rfc3339
from vonggac.domain import audit, incidents, legal, requests
from vonggac.web.security import LONG_BODIES, MAX_BODY

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

REQUEST = {"site": SITE_ID, "kind": "copy", "said": "=Cổng, 8 giờ", "contact": "phòng 305"}
INCIDENT = {
    "site": SITE_ID, "kind": "personal_data", "serious": True, "title": "Mất một ổ ghi",
    "said": "Ổ ghi bị lấy khỏi tủ.", "found": rfc3339(NOW_NS - HOUR),
}  # fmt: skip


@pytest.fixture
async def token(client: httpx.AsyncClient) -> str:
    return str((await client.get("/api/v1/session")).json()["csrf_token"])


def text_of(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


async def test_the_register_is_kept_by_the_api(client: httpx.AsyncClient) -> None:
    made = await client.post("/api/v1/requests", json=REQUEST)
    assert made.status_code == 201, made.text
    path = f"/api/v1/requests/{made.json()['id']}"
    assert re.fullmatch(r"([2-9A-Z]{4}-){3}[2-9A-Z]{4}", made.json()["receipt"])
    assert made.json()["acknowledge_by"].startswith("2026-11-20T17:00")
    assert (await client.post(f"{path}/acknowledgement")).json()["state"] == "acknowledged"
    assert (await client.post(f"{path}/acknowledgement")).status_code == 409
    assert (await client.post(f"{path}/answer", json={"answer": "x", "y": 1})).status_code == 422
    done = await client.post(f"{path}/answer", json={"answer": "Không có hình.", "refused": True})
    assert (done.json()["state"], done.json()["contact"]) == ("refused", None)
    (listed,) = (await client.get("/api/v1/requests")).json()["requests"]
    assert listed == (await client.get(path)).json() == done.json()
    assert (await client.get("/api/v1/requests/nothing")).status_code == 404


async def test_a_request_on_paper_is_entered_and_answered_on_the_page(
    hub: Stage, client: httpx.AsyncClient, token: str
) -> None:
    form = {"form_token": token, **REQUEST}
    wrong = await client.post("/requests", data={**form, "received": "19/11/2026 14:00"})
    assert wrong.status_code == 422
    assert "Không được ở tương lai." in wrong.text
    made = await client.post("/requests", data={**form, "received": "02/11/2026 14:00"})
    assert made.status_code == 200
    assert re.search(r"(?:[2-9A-Z]{4}-){3}[2-9A-Z]{4}", made.text)
    with hub.database.reading() as connection:
        (found,) = requests.listed(connection, [SITE_ID], now_ns=NOW_NS)
    assert (found.came, found.entered_by) == ("staff", "admin")
    assert "1 đang mở, 1 quá hạn." in text_of(await client.get("/requests"))

    page = f"/requests/{found.id}"
    empty = await client.post(page, data={"form_token": token, "do": "answer", "answer": " "})
    assert empty.status_code == 422
    for do in ("acknowledge", "answer"):
        sent = await client.post(page, data={"form_token": token, "do": do, "answer": "Mời đến."})
        assert sent.status_code == 303
    said = text_of(await client.get(page))
    assert "Mời đến." in said
    assert "phòng 305" not in said


async def test_the_register_leaves_as_sheets_without_formulas(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    await client.post("/api/v1/requests", json=REQUEST)

    lines = (await client.get("/requests.csv")).text
    sheet = openpyxl.load_workbook(io.BytesIO((await client.get("/requests.xlsx")).content)).active
    assert "'=Cổng, 8 giờ" in lines
    assert "phòng 305" not in lines
    assert sheet is not None
    assert [sheet.cell(2, 4).value, sheet.cell(2, 4).data_type] == ["=Cổng, 8 giờ", "s"]
    with hub.database.reading() as connection:
        taken = audit.rows(connection, audit.Filter(act="document_made"))
    assert len(taken) == 2


async def test_a_record_has_its_clocks_and_ends_when_everything_was_reported(
    client: httpx.AsyncClient,
) -> None:
    made = await client.post("/api/v1/incidents", json=INCIDENT)
    assert made.status_code == 201, made.text
    path = f"/api/v1/incidents/{made.json()['id']}"
    assert [one["code"] for one in made.json()["clocks"]] == ["serious_24h", "report_72h"]
    step = {"said": "văn bản", "done": rfc3339(NOW_NS)}
    early = await client.post(f"{path}/steps", json={"kind": "closed", **step})
    assert early.status_code == 409
    for kind in ("serious_24h", "report_72h", "closed"):
        answer = await client.post(f"{path}/steps", json={"kind": kind, **step})
        assert answer.status_code == 201, answer.text
    done = (await client.get(path)).json()
    assert done["closed"]["by"] == "admin"
    assert {one["kind"] for one in done["steps"]} == {"serious_24h", "report_72h", "closed"}
    assert (await client.get("/api/v1/incidents")).json()["incidents"][0]["id"] == done["id"]
    bad = await client.post("/api/v1/incidents", json={**INCIDENT, "found": "yesterday"})
    assert bad.status_code == 422


async def test_a_record_is_opened_kept_and_printed_on_its_page(
    hub: Stage, client: httpx.AsyncClient, token: str
) -> None:
    form = {"form_token": token, **INCIDENT, "serious": "yes", "found": "17/11/2026 14:00"}
    assert (await client.post("/incidents", data={**form, "title": ""})).status_code == 422
    made = await client.post("/incidents", data=form)
    assert made.status_code == 303
    page = made.headers["location"]
    said = text_of(await client.get(page))
    assert "Quá hạn" in said  # found 24 h 32 min ago
    assert "chưa đối chiếu bản gốc" in said
    done = {"form_token": token, "said": "đã báo", "done": "18/11/2026 14:00"}
    closed = await client.post(page, data={**done, "kind": "closed"})
    assert closed.status_code == 422
    assert "Chỉ đóng hồ sơ khi mọi đồng hồ đã có báo cáo." in text_of(closed)
    assert (await client.post(page, data={**done, "kind": "report_72h"})).status_code == 303
    assert "quá 32 phút" in text_of(await client.get("/incidents"))
    paper = await client.get(f"{page}/record.pdf")
    assert paper.content.startswith(b"%PDF-")
    draft = await client.get(f"{page}/record.docx")
    told = "".join(
        one.text or "" for one in docx.Document(io.BytesIO(draft.content)).element.iter()
    )
    printed = "".join(
        page.extract_text() for page in pypdf.PdfReader(io.BytesIO(paper.content)).pages
    )
    for word in (
        "Mất một ổ ghi", "Ổ ghi bị lấy khỏi tủ.", "17/11/2026 14:00:00", "24 giờ",
        "18/11/2026 14:00:00", "(quá hạn)", "chưa đối chiếu bản gốc", "đã báo",
    ):  # fmt: skip
        assert "".join(word.split()) in "".join(told.split()), word
        assert "".join(word.split()) in "".join(printed.split()), word
    with hub.database.reading() as connection:
        (found,) = incidents.listed(connection, [SITE_ID])
        assert [step.kind for step in incidents.steps(connection, found.id)] == ["report_72h"]


async def test_a_text_is_attached_read_and_taken_away(
    client: httpx.AsyncClient, token: str
) -> None:
    content = b"%PDF-1.7\n" + b"x" * (2 * MAX_BODY)
    before = (await client.get("/legal")).text.count("chưa đối chiếu bản gốc")
    form = {"form_token": token, "basis": "nd-331-2026", "note": "Công báo"}
    sent = await client.post("/legal/texts", data=form, files={"file": ("331.pdf", content)})
    assert sent.status_code == 303, sent.text
    after = await client.get("/legal")
    assert after.text.count("chưa đối chiếu bản gốc") == before - 1
    assert "331.pdf" in after.text
    bases = {one["code"]: one for one in (await client.get("/api/v1/legal")).json()["bases"]}
    assert bases["nd-331-2026"]["compared"]
    assert not bases["nd-330-2026"]["compared"]
    (text,) = bases["nd-331-2026"]["texts"]
    file = await client.get(f"/legal/texts/{text['id']}")
    assert file.content == content
    assert file.headers["content-disposition"].startswith("attachment")
    gone = await client.post(
        f"/legal/texts/{text['id']}", data={"form_token": token, "reason": "nhầm bản"}
    )
    assert gone.status_code == 303
    assert (await client.get("/legal")).text.count("chưa đối chiếu bản gốc") == before


async def test_what_is_no_text_of_the_law_is_refused(
    client: httpx.AsyncClient, guest: httpx.AsyncClient, token: str
) -> None:
    form = {"form_token": token, "basis": "nd-331-2026"}
    for name, content, why in (
        ("a.zip", b"PK\x03\x04", "Chỉ nhận tệp PDF hoặc TXT."),
        ("a.txt", "MẬT".encode(), "Không đính kèm văn bản có dấu MẬT."),
        ("a.pdf", b"", "Chọn một tệp."),
        ("a.pdf", b"%PDF-" + b"x" * legal.MAX_FILE, "Tệp quá lớn, nhiều nhất 4 MB."),
    ):
        answer = await client.post("/legal/texts", data=form, files={"file": (name, content)})
        assert answer.status_code == 422, name
        assert why in text_of(answer)
    long = b"%PDF-" + b"x" * LONG_BODIES["/legal/texts"]
    answer = await client.post("/legal/texts", data=form, files={"file": ("a.pdf", long)})
    assert answer.status_code == 413
    answer = await guest.post("/legal/texts", data=form, files={"file": ("a.pdf", b"%PDF-")})
    assert answer.headers["location"].startswith("/signin")
