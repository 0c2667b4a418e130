"""The guide over HTTP: a document takes a default's place, facilities get cards and answers."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pypdf
import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW, NOW_NS, SITE_ID, browser, sign_in, stage
from vonggac.db import tables
from vonggac.domain import guide, papers, roles, units
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage

BASIS = {"document": "12/HD-BCĐ, 01/11/2026", "page": "4", "point": "2b", "value": "45"}


def form_token(html: str) -> str:
    """The token that a form of a page carries."""
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub whose one person also leads surveys."""
    async with stage(tmp_path, cameras=False) as found:
        with found.database.writing() as connection:
            province = units.add_unit(
                connection, parent_id=None, kind="province", code="A", vi="Tỉnh Sơn Lĩnh", en="",
                valid_from=NOW.date(), source="",
            )  # fmt: skip
            connection.execute(tables.site.update().values(unit_id=province))
            account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
            assert account is not None
            roles.give(
                connection, roles.whoever_holds_the_machine(NOW_NS), account,
                roles.Draft(role="surveyor", reason="phân công"), now_ns=NOW_NS,
            )  # fmt: skip
        yield found


async def test_a_document_takes_the_place_of_a_default(hub: Stage) -> None:
    """Wherever the default is shown its basis is shown; a wrong form keeps what was typed."""
    async with browser(hub) as client:
        await sign_in(client)
        token = {"form_token": form_token((await client.get("/guide")).text)}
        wrong = await client.post(
            "/guide/defaults/retention_days", data={**token, **BASIS, "value": "nhiều"}
        )
        assert wrong.status_code == 422
        assert "12/HD-BCĐ, 01/11/2026" in wrong.text
        done = await client.post("/guide/defaults/retention_days", data={**token, **BASIS})
        assert done.headers["location"] == "/guide#d-retention_days"
        assert "12/HD-BCĐ, 01/11/2026, trang 4, điểm 2b" in (await client.get("/guide")).text
        form = (await client.get("/facilities/new")).text
        assert 'value="45"' in form
        assert "trang 4, điểm 2b" in form
        await client.post("/guide/defaults/retention_days", data={**token, "do": "end"})
        assert "trang 4" not in (await client.get("/guide")).text


async def test_a_list_and_a_day_to_come_are_tied_and_shown(hub: Stage) -> None:
    """The places of a document count at once wherever places do; a later one waits for its day."""
    async with browser(hub) as client:
        await sign_in(client)
        token = {"form_token": form_token((await client.get("/guide")).text)}
        path = "/guide/defaults/zones"
        basis = {"document": "12/HD-BCĐ", "page": "4", "point": "1"}
        chosen = {"code-CG": "yes", "code-HL": "yes"}
        done = await client.post(path, data={**token, **basis, **chosen})
        assert done.headers["location"] == "/guide#d-zones"
        cover = (await client.get(f"/facilities/{SITE_ID}/cover")).text
        assert "/2</small>" in cover
        assert "12/HD-BCĐ, trang 4, điểm 1" in (await client.get("/cameras/new")).text
        for blank in ({"page": " "}, {"point": ""}):
            refused = await client.post(path, data={**token, **basis, **blank, **chosen})
            assert (refused.status_code, "12/HD-BCĐ" in refused.text) == (422, True)
        late = {**basis, "document": "13/HD-BCĐ", "from_day": "01/12/2026", "code-CG": "yes"}
        assert (await client.post(path, data={**token, **late})).status_code == 303
        page = (await client.get("/guide")).text
        assert "từ 01/12/2026" in page
        assert "12/HD-BCĐ, trang 4" in page
        wrong = await client.post(path, data={**token, **late, "from_day": "khi nào"})
        assert wrong.status_code == 422
        assert "khi nào" in wrong.text
        told = (await client.get("/api/v1/guide")).json()["rules"]
        zones = next(one for one in told if one["code"] == "zones")
        assert zones["basis"]["codes"] == ["HL", "CG"]
        assert zones["coming"]["from"] == "2026-12-01"
        put = await client.put(
            "/api/v1/guide/defaults/inspection_days",
            json={"document": "14/HD", "page": "1", "point": "2", "value": 7,
                  "from_day": "2026-11-01"},
        )  # fmt: skip
        assert put.json()["value"] == "7"


async def test_papers_are_drafted_from_the_rules(hub: Stage) -> None:
    """The regulation lies among the papers, for the clerk to number."""
    sender = {"name": "Sở A", "symbol": "SA", "place": "Nơi A", "head": "GIÁM ĐỐC"}
    async with browser(hub) as client:
        await sign_in(client)
        token = {"form_token": form_token((await client.get("/guide")).text)}
        for kind in ("huong-dan", "quy-che", "quyet-dinh"):
            done = await client.post("/guide/papers", data={**token, **sender, "kind": kind})
            assert done.headers["location"].startswith("/papers/"), kind
        wrong = await client.post("/guide/papers", data={**token, "kind": "quy-che"})
        assert wrong.status_code == 422
        made = await client.post("/api/v1/guide/papers", json={**sender, "kind": "huong-dan"})
        assert made.status_code == 201


async def _issued_guide_goes_out_signed(hub: Stage, client: httpx.AsyncClient) -> None:
    """What the clerk attached, byte for byte, until a document changes a rule."""
    sender = {"name": "Sở A", "symbol": "SA", "place": "Nơi A", "kind": "huong-dan"}
    made = (await client.post("/api/v1/guide/papers", json=sender)).json()["paper"]
    signed = b"%PDF-1.7 signed"
    with hub.database.writing() as connection:
        papers.issue(
            connection, made, number="12", dated=NOW.date(), file_name="ky.pdf", content=signed,
            by=Someone("a1", "van-thu"), now_ns=NOW_NS,
        )  # fmt: skip
    path = f"/api/v1/guide/sites/{SITE_ID}"

    async def got() -> bytes:
        sent = (await client.post(f"{path}/sent", json={"what": "guide"})).json()["id"]
        return (await client.get(f"/guide/sites/{SITE_ID}/sent/{sent}.pdf")).content

    assert await got() == signed
    draft = guide.BasisDraft("12/HD-BCĐ", "4", "2b", value=9)
    with hub.database.writing() as connection:
        by = Someone("a1", "admin")
        guide.tie(connection, "inspection_days", draft, by=by, now_ns=NOW_NS + 1)
    assert await got() != signed


async def test_a_facility_gets_a_card_and_an_answer(hub: Stage) -> None:
    """The card is one that a printer takes; receipt and answer stand with who gave them."""
    async with browser(hub) as client:
        await sign_in(client)
        path = f"/api/v1/guide/sites/{SITE_ID}"
        card = await client.get("/guide/cards/site_duty.pdf")
        assert card.content.startswith(b"%PDF")
        sent = (await client.post(f"{path}/sent", json={"what": "site_duty"})).json()["id"]
        assert (await client.post(f"/api/v1/guide/receipts/{sent}")).json()["received"]["by"]
        assert (await client.post(f"/api/v1/guide/receipts/{sent}")).status_code == 409
        asked = (await client.post(f"{path}/questions", json={"said": "Cổng phụ?"})).json()["id"]
        answered = await client.post(
            f"/api/v1/guide/questions/{asked}/answer", json={"said": "Có camera."}
        )
        assert answered.json()["answer"]["said"] == "Có camera."
        page = (await client.get(f"/guide/sites/{SITE_ID}")).text
        assert "Có camera." in page
        token = {"form_token": form_token(page)}
        whole = await client.post(f"/guide/sites/{SITE_ID}/sent", data={**token, "what": "guide"})
        assert whole.status_code == 303
        first = (await client.get(path)).json()["sent"][0]["id"]
        pdf = await client.get(f"/guide/sites/{SITE_ID}/sent/{first}.pdf")
        text = " ".join(pypdf.PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text().split())
        assert "/HD-UBND" in text
        assert "Sơn Lĩnh, ngày" in text
        assert "ỦY BAN NHÂN DÂN TỈNH SƠN LĨNH" in text
        await _issued_guide_goes_out_signed(hub, client)
        training = {"title": "Sử dụng", "for_whom": "cán bộ trực", "held_day": "2026-11-18",
                    "people": 12}  # fmt: skip
        assert (await client.post("/api/v1/guide/trainings", json=training)).status_code == 201
        assert (await client.get("/api/v1/guide/trainings")).json()["trainings"][0]["people"] == 12
