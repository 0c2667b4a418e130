"""Page "Hồ sơ tuân thủ": who sees it, what it prints, and the row that taking it leaves."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import pypdf
import pytest

from hub_stage import NOW_NS, SITE_ID, browser
from vonggac.db import tables
from vonggac.domain import accounts, annexes, audit, roles, sessions
from vonggac.web.desk import SESSION_COOKIE

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage


def text_of(content: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


@pytest.mark.parametrize("kind", annexes.KINDS)
async def test_page_and_paper_say_the_same(
    client: httpx.AsyncClient, hub: Stage, kind: str
) -> None:
    """And taking the paper leaves a row with its hash."""
    page = await client.get(f"/compliance/{kind}")
    file = await client.get(f"/compliance/{kind}/file")
    with hub.database.reading() as connection:
        (row,) = audit.rows(connection, audit.Filter(act="document_made"))
        made = annexes.made(connection, hub.config, annexes.KINDS[annexes.KINDS.index(kind)],
                            now_ns=NOW_NS)  # fmt: skip
    printed = text_of(file.content)

    assert (page.status_code, file.status_code) == (200, 200)
    assert file.headers["content-type"] == "application/pdf"
    assert "attachment" in file.headers["content-disposition"]
    assert "9 camera" in page.text
    assert "9 camera" in printed
    assert all(part.title in page.text for part in made.parts)
    assert all(part.title in printed for part in made.parts)
    assert (row.actor, row.thing) == ("admin", f"annex/{kind}")
    assert row.detail == {"sha256": hashlib.sha256(file.content).hexdigest()}


async def test_a_page_in_english_is_a_translation_and_offers_the_official_paper(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Both papers leave their row; the translation bears no head of the State."""
    await client.get("/language", params={"to": "en"})
    client.cookies.set("vg_language", "en")
    page = (await client.get("/compliance/level")).text
    english = text_of((await client.get("/compliance/level/file")).content)
    official = text_of((await client.get("/compliance/level/file?lang=vi")).content)
    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act="document_made"))

    assert "The Vietnamese text is the official one" in page
    assert "file?lang=vi" in page
    assert "Measures that level 3 asks for" in page
    assert "The Vietnamese text is the official one" in english
    assert "Measures that level 3 asks for" in english
    assert "CỘNG HÒA" not in english
    assert "CỘNG HÒA" in official
    assert [row.detail.get("language") for row in rows] == [None, "en"]


async def test_the_page_follows_the_database(client: httpx.AsyncClient, hub: Stage) -> None:
    """Sound switched on and days changed: printed at the next opening."""
    before = (await client.get("/compliance/dataflow")).text
    with hub.database.writing() as connection:
        connection.execute(tables.site.update().values(retention_days=19))
        connection.execute(tables.camera.update().values(audio=True))
    after = (await client.get("/compliance/dataflow")).text

    assert "30 ngày, tự xóa" in before
    assert "19 ngày, tự xóa" in after
    assert "âm thanh: không có" in before
    assert "âm thanh: không có" not in after


async def test_only_those_over_everything_whose_duty_it_is_see_it(hub: Stage) -> None:
    """Administrator and auditor; a shift lead is refused, and the refusal is written down."""
    answers = {}
    for role in ("administrator", "auditor", "shift_lead", "site_duty"):
        scope = {"sites": (SITE_ID,)} if role == "site_duty" else {}
        with hub.database.writing() as connection:
            giver = roles.whoever_holds_the_machine(NOW_NS)
            account, _ = accounts.create(
                connection, name=role.replace("_", "."), full_name="Người Thử", now_ns=NOW_NS
            )
            connection.execute(
                tables.account.update().where(tables.account.c.id == account)
                .values(must_change=False)
            )  # fmt: skip
            roles.give(connection, giver, account, roles.Draft(role, "phân công", **scope),
                       now_ns=NOW_NS)  # fmt: skip
            token = sessions.open_session(
                connection, accounts.find(connection, account), address="-", agent="-",
                now_ns=NOW_NS,
            )  # fmt: skip
        async with browser(hub) as somebody:
            somebody.cookies.set(SESSION_COOKIE, token)
            paths = ("/compliance", "/compliance/level", "/compliance/level/file")
            answers[role] = [(await somebody.get(path)).status_code for path in paths]

    assert answers == {
        "administrator": [200, 200, 200],
        "auditor": [200, 200, 200],
        "shift_lead": [403, 403, 403],
        "site_duty": [403, 403, 403],
    }


async def test_there_is_no_other_paper(client: httpx.AsyncClient) -> None:
    """A guessed kind is not found."""
    assert (await client.get("/compliance/else")).status_code == 404
    assert (await client.get("/compliance/else/file")).status_code == 404
