"""Letters from data: what an estimate, a plan and a debt say stands on the paper, to the đồng."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import docx
import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW_NS, SITE_ID, browser, sign_in, stage
from vonggac.db import estimate as db
from vonggac.db import tables
from vonggac.domain import directives, estimate, estimates, incidents, money, papers, plans, roles
from vonggac.domain.exports import Someone
from vonggac.domain.legal import day_of
from vonggac.paper.letter import Grid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage
    from vonggac.paper import letter

TODAY = day_of(NOW_NS)


@dataclass
class Staged:
    """A hub with a plan and its estimate."""

    hub: Stage
    client: httpx.AsyncClient
    plan: str
    estimate: str

    def letter(self, paper_id: str) -> letter.Letter:
        with self.hub.database.reading() as connection:
            return papers.letter_of(connection, paper_id)


@pytest_asyncio.fixture
async def staged(tmp_path: Path) -> AsyncIterator[Staged]:
    """One person with every duty, for the letters and not for the rights."""
    async with stage(tmp_path, cameras=False) as hub, browser(hub) as client:
        with hub.database.writing() as connection:
            directives.load(connection, now_ns=NOW_NS)
            row = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
            assert row is not None
            by = Someone(row.id, row.name)
            for role in ("committee", "finance_appraiser", "leader", "records_clerk", "office"):
                roles.give(
                    connection, roles.whoever_holds_the_machine(NOW_NS), row.id,
                    roles.Draft(role=role, reason="phân công"), now_ns=NOW_NS,
                )  # fmt: skip
            connection.execute(tables.site.update().values(owner_line="civil"))
            plan = plans.make(
                connection, SITE_ID, how="buy", months=6,
                placement=hub.app.state.desk.placement, by=by, now_ns=NOW_NS,
            )  # fmt: skip
            made = estimates.from_plan(
                connection, plan.id, title="Lắp camera", on=TODAY, by=by, now_ns=NOW_NS
            )
        await sign_in(client)
        yield Staged(hub, client, plan.id, made.id)


async def test_the_submission_says_what_the_estimate_comes_to(staged: Staged) -> None:
    """Lines as an appendix, the total in figures and in words, once and the same."""
    path = f"/api/v1/estimates/{staged.estimate}/letters"
    answer = await staged.client.post(path, params={"kind": "to-trinh"})
    assert answer.status_code == 201, answer.text
    made = staged.letter(answer.json()["paper"])
    with staged.hub.database.reading() as connection:
        lines = estimates.lines(connection, staged.estimate)
        it = estimates.find(connection, staged.estimate)
    total = estimate.totals_of(lines, "asked", it.contingency)
    assert total is not None
    said = " ".join(block.text for block in made.body if hasattr(block, "text"))
    assert money.said(total.total) in said
    assert money.in_words(total.total) in said
    (appendix,) = made.appendices
    (grid,) = [block for block in appendix.blocks if isinstance(block, Grid)]
    amounts = [int(row[-1].replace(".", "")) for row in grid.rows[: len(lines)]]
    assert amounts == [line.quantity * line.price for line in lines]
    assert int(grid.rows[-1][-1].replace(".", "")) == total.total
    page = (await staged.client.get(f"/estimates/{staged.estimate}")).text
    assert "Văn bản đã dự thảo từ đây" in page


async def test_a_decision_waits_for_the_appraisal(staged: Staged) -> None:
    """Before it there is nothing to decide; after it the appraised total stands in it."""
    path = f"/api/v1/estimates/{staged.estimate}/letters"
    assert (await staged.client.post(path, params={"kind": "quyet-dinh"})).status_code == 409
    assert (await staged.client.post(path, params={"kind": "thu-moi"})).status_code == 422
    with staged.hub.database.writing() as connection:
        table = db.estimate_line
        connection.execute(
            table.update().values(appraised_quantity=table.c.quantity, appraised_price=1_000)
        )
        lines = estimates.lines(connection, staged.estimate)
        it = estimates.find(connection, staged.estimate)
    answer = await staged.client.post(path, params={"kind": "quyet-dinh"})
    made = staged.letter(answer.json()["paper"])
    total = estimate.totals_of(lines, "appraised", it.contingency)
    assert total is not None
    assert any(money.said(total.total) in getattr(block, "text", "") for block in made.body)
    assert made.basis[0].startswith("Căn cứ Luật")


async def test_a_plan_and_a_debt_become_letters(staged: Staged) -> None:
    """The bill as a table; the reminder names directive, clause, deadline and days."""
    answer = await staged.client.post(f"/api/v1/plans/{staged.plan}/letters")
    made = staged.letter(answer.json()["paper"])
    grid = next(block for block in made.body if isinstance(block, Grid))
    with staged.hub.database.reading() as connection:
        bill = [one for one in plans.lines(connection, staged.plan) if one.quantity]
    assert [row[-1] for row in grid.rows] == [money.grouped(one.quantity) for one in bill]
    owed = (await staged.client.get("/api/v1/owed")).json()["owed"]
    late = next(one for one in owed if one["left"] is not None)
    reminded = await staged.client.post(f"/api/v1/duties/{late['id']}/reminder")
    told = staged.letter(reminded.json()["paper"])
    assert told.addressees == (late["body"],)
    said = " ".join(block.text for block in told.body if hasattr(block, "text"))
    assert f"quá hạn {(TODAY - date.fromisoformat(late['due'])).days} ngày" in said
    assert "Dự thảo công văn đôn đốc" in (await staged.client.get("/owed?show=all")).text


async def test_an_incident_is_printed_in_the_template_in_use(staged: Staged) -> None:
    """An office that changed its template gets its record in it as well."""
    template = docx.Document(
        io.BytesIO((await staged.client.get("/letters/template.docx")).content)
    )
    template.add_paragraph("Lời của cơ quan")
    changed = io.BytesIO()
    template.save(changed)
    put = await staged.client.put("/api/v1/letters/template", content=changed.getvalue())
    assert put.status_code == 204, put.text
    with staged.hub.database.writing() as connection:
        made = incidents.open_record(
            connection, incidents.Draft(SITE_ID, "security", False, "Mất ổ ghi", "Mất.", "",
                                        NOW_NS - 1),
            by=Someone("", "x"), now_ns=NOW_NS,
        )  # fmt: skip
    word = await staged.client.get(f"/incidents/{made.id}/record.docx")
    assert word.status_code == 200, word.text
    said = [one.text for one in docx.Document(io.BytesIO(word.content)).paragraphs]
    assert "Lời của cơ quan" in said
