"""Closing a facility over HTTP: step by step, really ended, never twice, by its code."""

from __future__ import annotations

import html
import re
from datetime import date
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from hub_stage import NOW_NS, SITE_ID
from vonggac import keys
from vonggac.clock import NS, rfc3339
from vonggac.db import tables
from vonggac.domain import (
    accounts,
    audit,
    closing,
    ledger,
    papers,
    roles,
    sharing,
    units,
    workstations,
)

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

DAY_NS = 86_400 * NS
API = f"/api/v1/facilities/{SITE_ID}/closing"
PAGE = f"/facilities/{SITE_ID}/closing"
OPEN = {"reason": "hết nhu cầu", "document": "12/QĐ-UBND ngày 20/11/2026", "confirm": "SL-05"}


def text_of(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


@pytest.fixture
def site(hub: Stage) -> str:
    """The facility's cameras are kept by pages; a guard works there, and two cameras are shared."""
    now_ns = hub.clock.wall_ns()
    camera = tables.camera
    with hub.database.writing() as connection:
        connection.execute(camera.update().values(origin="page"))
        first, other = connection.execute(
            sa.select(camera.c.id, camera.c.name).order_by(camera.c.name).limit(2)
        ).all()
        for days, length in ((3, 3_600), (1, 1_800)):
            stream = ledger.Stream(SITE_ID, first.name, "main")
            begin = NOW_NS - days * DAY_NS
            ledger.put_span(connection, stream, ledger.Span(begin, begin + length * NS, None, None))
        connection.execute(
            tables.account.insert().values(
                id="guard", name="truc", full_name="Người trực", role="viewer", password_hash="-",
                created_ns=1, password_set_ns=1, must_change=False,
            )
        )  # fmt: skip
        machine = roles.whoever_holds_the_machine(now_ns)
        roles.give(
            connection, machine, "guard",
            roles.Draft(role="site_duty", sites=(SITE_ID,), reason="trực"), now_ns=now_ns,
        )  # fmt: skip
        body = units.add_unit(
            connection, parent_id=None, kind="body", code="SYT", vi="Sở Y tế", en="",
            valid_from=date(2026, 1, 1), source="",
        )  # fmt: skip
        admin = connection.scalar(
            sa.select(tables.account.c.id).where(tables.account.c.name == "admin")
        )
        sharing.share(
            connection, "admin",
            sharing.Draft(SITE_ID, (first.id, other.id), body, now_ns + DAY_NS, "tra cứu"),
            now_ns=now_ns,
        )  # fmt: skip
        workstations.add_display(
            connection, title="Sảnh", room="Sảnh", account_id=admin, cameras=[first.id],
            now_ns=now_ns,
        )  # fmt: skip
    return SITE_ID


async def stepped(client: httpx.AsyncClient, step: str, **more: str) -> httpx.Response:
    return await client.post(f"{API}/steps", json={"step": step, **more})


async def test_a_facility_is_closed_step_by_step(
    client: httpx.AsyncClient, hub: Stage, site: str
) -> None:
    """Everything of the list is really ended, and stands written down with who did it."""
    with hub.database.reading() as connection:
        recorded = ledger.spans_between(connection, site, 0, 2**62)
    wanted = {
        "nkey": keys.NKey.create(keys.Role.USER).public, "cameras": ["cg-1"], "streams": ["main"],
        "purpose": "watch",
    }  # fmt: skip
    assert (await client.post("/api/v1/grants", json=wanted)).status_code == 200
    assert (await client.post(API, json={**OPEN, "confirm": "sl-06"})).status_code == 422
    begun = await client.post(API, json=OPEN)
    assert begun.json()["next"] == "ledger"
    assert (await client.post(API, json=OPEN)).status_code == 409
    assert (await stepped(client, "retention")).status_code == 409
    assert (await stepped(client, "ledger")).status_code == 422
    sealed = (await stepped(client, "ledger", confirm="sl-05")).json()["steps"][0]["facts"]
    kept = (await stepped(client, "retention")).json()["steps"][1]["facts"]
    paper = (await stepped(client, "minutes")).json()["steps"][2]["facts"]["paper"]
    ended = (await stepped(client, "access", confirm="sl-05")).json()["steps"][3]["facts"]
    assert (await stepped(client, "box")).status_code == 422
    for step in ("box", "handback", "assets"):
        assert (await stepped(client, step, said="đã xong")).status_code == 201
    assert (await stepped(client, "close", confirm="nhầm")).status_code == 422
    closed = await stepped(client, "close", confirm="sl-05")

    assert closed.json()["closed"] is not None
    assert closed.json()["next"] is None
    streams = sealed["streams"]
    told = {(one["camera"], one["stream"]): one for one in streams}
    assert set(told) == set(recorded)
    for name, spans in recorded.items():
        length = sum(one.to_ns - one.from_ns for one in spans)
        assert told[name]["recorded_s"] == length // NS
        assert told[name]["to"] == rfc3339(max(one.to_ns for one in spans))
    assert sealed["seal"] == closing.seal(streams)
    last_ns = max(one.to_ns for spans in recorded.values() for one in spans)
    assert kept["until"] == rfc3339(last_ns + 30 * DAY_NS)
    assert (ended["roles"], ended["shares"], ended["displays"]) == (1, 1, 1)
    assert ended["accounts"] == ["truc"]
    assert ended["views"] == 1
    with hub.database.reading() as connection:
        (row,) = audit.rows(connection, audit.Filter(act="view_ended"))
    assert (row.actor, row.site, row.detail["why"]) == ("admin", site, "withdrawn")
    with hub.database.reading() as connection:
        assert accounts.person(connection, "guard").disabled_ns is not None
        assert not [one for one in sharing.of_sites(connection, [site])
                    if one.to_ns > hub.clock.wall_ns()]  # fmt: skip
        assert workstations.displays(connection) == []
        letter = papers.letter_of(connection, paper)
        assert [one.about for one in papers.of(connection, f"closing:{begun.json()['id']}")]
    assert sealed["seal"] in str(letter.body)
    facility = (await client.get(f"/api/v1/facilities/{site}")).json()
    assert facility["status"] == "closed"
    page = text_of(await client.get(PAGE))
    assert "Cơ sở đã đóng ngày" in page
    assert "7/7 bước xong" in page


async def test_the_page_asks_for_the_code_and_keeps_what_was_typed(
    client: httpx.AsyncClient, hub: Stage, site: str
) -> None:
    """Nothing is lost by a slip of the hand, and nothing that was typed either."""
    token = (await client.get("/api/v1/session")).json()["csrf_token"]
    form = {**OPEN, "form_token": token, "do": "open"}
    wrong = await client.post(PAGE, data={**form, "confirm": ""})
    begun = await client.post(PAGE, data=form)
    unsure = await client.post(PAGE, data={"form_token": token, "do": "ledger"})
    early = await client.post(PAGE, data={"form_token": token, "do": "close", "confirm": "sl-05"})
    done = await client.post(PAGE, data={"form_token": token, "do": "ledger", "confirm": "sl-05"})

    assert wrong.status_code == 422
    assert "Gõ đúng mã cơ sở" in text_of(wrong)
    assert 'value="hết nhu cầu"' in wrong.text
    assert begun.status_code == 303
    assert unsure.status_code == 422
    assert "còn bước trước chưa xong" in text_of(early)
    assert done.status_code == 303
    with hub.database.reading() as connection:
        made = closing.under_way(connection, site)
        left = connection.scalar(
            sa.select(sa.func.count()).select_from(tables.camera)
            .where(tables.camera.c.retired_ns.is_(None))
        )  # fmt: skip
    assert [one.code for one in made.steps] == ["ledger"]
    assert left == 0


async def test_cameras_of_the_configuration_stop_the_first_step(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """A start of the program would bring them back: the file goes first."""
    await client.post(API, json=OPEN)
    refused = await stepped(client, "ledger", confirm="sl-05")

    assert refused.status_code == 409
    assert refused.json()["error"]["detail"]["code"] == "cameras_by_config"
    with hub.database.reading() as connection:
        assert closing.under_way(connection, SITE_ID).steps == ()
