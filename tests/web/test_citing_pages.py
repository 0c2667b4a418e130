"""The field that says which directive something carries out: offered, chosen, left, refused."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest_asyncio
import sqlalchemy as sa

from hub_stage import NOW_NS, SITE_ID, also_holds, browser, sign_in, stage
from vonggac.db import tables
from vonggac.domain import directives, units
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub_stage import Stage

CLERK = Someone("a1", "van-thu", "Văn thư A")
CLOSING = f"/facilities/{SITE_ID}/closing"


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A facility of a province with an order of its own, beside the two that are shipped."""
    async with stage(tmp_path, cameras=False) as found:
        with found.database.writing() as connection:
            directives.load(connection, now_ns=NOW_NS)
            unit_id = units.add_unit(
                connection, parent_id=None, kind="province", code="a", vi="Tỉnh A", en="",
                valid_from=date(2020, 1, 1), source="",
            )  # fmt: skip
            connection.execute(tables.site.update().values(unit_id=unit_id))
            draft = directives.Draft("12/UBND-VX", date(2026, 11, 2), "UBND tỉnh A", "camera")
            order = directives.register(connection, draft, unit_id=unit_id, by=CLERK, now_ns=NOW_NS)
            clause = directives.ClauseDraft("1", "Lắp camera.", ("Sở A",))
            directives.assign(connection, order, clause, by=CLERK, now_ns=NOW_NS)
        for role in ("surveyor", "leader"):
            also_holds(found, role)
        yield found


def known(hub: Stage) -> dict[str, str]:
    """Ids of the register by number."""
    with hub.database.reading() as connection:
        return {one.number: one.id for one in directives.listed(connection, sa.true())}


async def test_a_task_carries_out_what_was_chosen_or_what_its_place_does(hub: Stage) -> None:
    """Left as it is the order of the province counts; one that is not there keeps the form."""
    ids = known(hub)
    task = {"place": f"site:{SITE_ID}", "body": "UBND xã A", "what": "Lắp 2 camera"}
    async with browser(hub) as client:
        await sign_in(client)
        left = (await client.post("/api/v1/tasks", json=task)).json()
        assert left["directive"] == ids["12/UBND-VX"]
        other = {**task, "directive": ids["1664/UBND-VX"]}
        chosen = (await client.post("/api/v1/tasks", json=other)).json()
        assert chosen["directive"] == ids["1664/UBND-VX"]
        page = (await client.get("/tasks")).text
        assert all(f'<option value="{one}"' in page for one in ids.values())
        token = (await client.get("/api/v1/session")).json()["csrf_token"]
        form = {**task, "form_token": token, "directive": "nowhere"}
        wrong = await client.post("/tasks", data=form)
        assert wrong.status_code == 422
        assert "Chọn một văn bản có trong sổ." in wrong.text
        assert "Lắp 2 camera</textarea>" in wrong.text


async def test_a_closing_names_the_order_that_it_carries_out(hub: Stage) -> None:
    """The form shows which one it takes; the page and the API say it afterwards."""
    ids = known(hub)
    async with browser(hub) as client:
        await sign_in(client)
        assert '<option value="" translate="no">12/UBND-VX' in (await client.get(CLOSING)).text
        body = {"reason": "hết dịch", "document": "88/QĐ-UBND", "confirm": "sl-05"}
        refused = await client.post(f"/api/v1{CLOSING}", json={**body, "directive": "nowhere"})
        assert refused.json()["error"]["detail"]["fields"] == {"directive": "no_such"}
        made = await client.post(f"/api/v1{CLOSING}", json=body)
        assert made.json()["directive"] == ids["12/UBND-VX"]
        assert f'href="/directives/{ids["12/UBND-VX"]}"' in (await client.get(CLOSING)).text
