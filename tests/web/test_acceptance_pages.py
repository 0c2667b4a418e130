"""Remote acceptance on pages and by the API, with a box that answers, and the nightly check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest_asyncio

from hub_stage import NOW_NS, PROBE, SITE_ID, also_holds, browser, sign_in, stage
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import acceptance, registry, tasks
from vonggac.domain.exports import Someone
from vonggac.domain.ledger import Span, Stream, put_span
from vonggac.hub import rechecks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx
    import pytest

    from hub_stage import Stage

DAY = 86_400 * NS
FIT = {**PROBE, "verdict": {"connectable": True, "details": []}}


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with cameras and a box that answers, and a person who tests and accepts."""
    async with stage(tmp_path) as found:
        also_holds(found, "surveyor")
        box = await found.box()
        yield found
        await box.stop()


async def test_a_camera_is_tested_and_accepted_on_pages(
    hub: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the box found is kept with its reasons; what passed is accepted; then the minutes."""
    async with browser(hub) as client:
        await sign_in(client)
        camera = _camera(hub)
        form = await _form(client, f"/acceptance/sites/{SITE_ID}")
        page = (await client.post(f"/acceptance/cameras/{camera}", data=form)).headers["location"]
        again = await client.post(f"/acceptance/cameras/{camera}", data=form)
        assert (again.status_code, "đang được thử" in again.text) == (422, True)
        assert (await client.post(f"{page}/probe", data=form)).status_code == 303
        assert "không đủ điều kiện kết nối" in (await client.get(page)).text
        monkeypatch.setitem(PROBE, "verdict", FIT["verdict"])
        for name, values, status in (
            ("probe", {}, 303),
            ("picture", {"do": "well"}, 422),
            ("picture", {"do": "take"}, 303),
            ("picture", {"do": "wrong"}, 422),
            ("picture", {"do": "well"}, 303),
            ("zone", {"do": "well"}, 303),
            ("trial", {}, 422),
            ("decision", {"do": "accept"}, 422),
        ):
            answer = await client.post(f"{page}/{name}", data={**form, **values})
            assert answer.status_code == status, (name, values)
        acceptance_id = page.rpartition("/")[2]
        it = (await client.get(f"/api/v1{page}")).json()
        assert (it["state"], it["reasons"]) == ("tried", ["trial_missing"])
        shot = await client.get(f"{page}/pictures/{it['pictures'][0]['id']}")
        assert shot.content.startswith(b"\xff\xd8")
        _a_day_later(hub, acceptance_id)
        assert (await client.post(f"{page}/trial", data=form)).status_code == 303
        done = await client.post(f"{page}/decision", data={**form, "do": "accept"})
        assert done.status_code == 303
        assert "đã nghiệm thu" in (await client.get(page)).text
        found = (await client.get("/api/v1/acceptance")).json()["facilities"][0]
        assert sum(one["connected"] for one in found["cameras"]) == 1
        assert (found["connected"], found["reason"]) == (False, "not_tried")
        rest = (await client.get("/api/v1/acceptance", params={"offset": 1, "limit": 1})).json()
        assert (rest["found"], rest["offset"], rest["facilities"]) == (1, 1, [])
        drafted = await client.post(f"/acceptance/sites/{SITE_ID}/minutes", data=form)
        paper = drafted.headers["location"]
        assert paper.startswith("/papers/")
        assert "Nghiệm thu lắp đặt" in (await client.get(paper)).text
        file = await client.get(f"{paper}/file.docx")
        assert file.content.startswith(b"PK")


async def test_acceptance_by_the_api(hub: Stage) -> None:
    """Everything that the pages do; what is declined says why, and another try may begin."""
    async with browser(hub) as client:
        await sign_in(client)
        camera = _camera(hub)
        path = f"/api/v1/cameras/{camera}/acceptance"
        made = (await client.post(path)).json()
        one = f"/api/v1/acceptance/{made['id']}"
        for where, body, status in (
            ("probe", None, 201),
            ("pictures", None, 201),
            ("picture", {"well": False, "said": "ngược sáng"}, 201),
            ("zone", {"well": True}, 201),
            ("trial", None, 409),
            ("decision", {"decision": "accept"}, 409),
            ("decision", {"decision": "decline"}, 422),
            ("decision", {"decision": "decline", "note": "lắp lại"}, 201),
            ("zone", {"well": True}, 409),
        ):
            answer = await client.post(f"{one}/{where}", json=body)
            assert answer.status_code == status, (where, body, answer.text)
        whole = (await client.get(one)).json()
        assert whole["reasons"] == ["probe_unfit", "picture_wrong", "declined"]
        assert (await client.post(path)).status_code == 201
        minutes = await client.post(f"/api/v1/facilities/{SITE_ID}/acceptance/minutes")
        assert minutes.status_code == 201


async def test_the_night_asks_the_box_and_opens_one_task(hub: Stage) -> None:
    """The box's probe is unfit: one task, however often the night comes; a silent box is none."""
    desk, clock = hub.app.state.desk, hub.clock
    with hub.database.writing() as connection:
        camera = registry.cameras(connection, SITE_ID)[0]
        it = acceptance.begin(
            connection, camera.id, desk.config.acceptance, by=Someone("", "x"),
            now_ns=NOW_NS - 2 * DAY,
        )  # fmt: skip
        acceptance.note_probe(connection, it.id, FIT, by=Someone("", "x"), now_ns=NOW_NS)
        acceptance.keep_picture(
            connection, it.id, b"\xff\xd8\xff", by=Someone("", "x"), now_ns=NOW_NS
        )
        acceptance.confirm_picture(
            connection, it.id, well=True, said="", by=Someone("", "x"), now_ns=NOW_NS
        )
        acceptance.confirm_zone(
            connection, it.id, desk.placement, well=True, said="", by=Someone("", "x"),
            now_ns=NOW_NS,
        )  # fmt: skip
        put_span(connection, Stream(SITE_ID, camera.name), Span(NOW_NS - 3 * DAY, NOW_NS))

    async def night() -> int:
        return await rechecks.run_once(
            desk.sites, hub.database, desk.box, clock, desk.config.acceptance
        )

    assert await night() == 0  # it measures the trial, and accepts nothing by itself
    with hub.database.writing() as connection:
        assert acceptance.find(connection, it.id).state == "passed"
        acceptance.accept(connection, it.id, "", by=Someone("", "x"), now_ns=NOW_NS - DAY)
    assert await night() == 1
    assert await night() == 0
    with hub.database.reading() as connection:
        (task,) = tasks.of(connection, f"drift:{camera.id}")
        watch = acceptance.watches(connection)[camera.id]
    assert (task.state, watch.well) == ("open", False)
    assert "probe_unfit" in watch.reasons


async def test_an_enterprise_tests_and_never_accepts(tmp_path: Path) -> None:
    """Nor does whoever only reads; another facility's cameras are not there."""
    async with stage(tmp_path) as hub:
        also_holds(hub, "technician", SITE_ID)
        async with browser(hub) as client:
            await sign_in(client)
            made = (await client.post(f"/api/v1/cameras/{_camera(hub)}/acceptance")).json()["id"]
            one = f"/api/v1/acceptance/{made}"
            assert (await client.get(one)).status_code == 200
            refused = await client.post(f"{one}/decision", json={"decision": "accept"})
            assert refused.status_code == 403
            with hub.database.writing() as connection:
                connection.execute(tables.role_held.delete())
            also_holds(hub, "leader", SITE_ID)
            assert (await client.get(one)).status_code == 200
            assert (await client.post(f"{one}/probe")).status_code == 403
            with hub.database.writing() as connection:
                connection.execute(tables.site.update().values(owner_line="military"))
            assert (await client.get(one)).status_code == 403


def _a_day_later(hub: Stage, acceptance_id: str) -> None:
    """The try lies a day back, in which everything was recorded."""
    from vonggac.db import task as db

    with hub.database.writing() as connection:
        it = acceptance.find(connection, acceptance_id)
        camera = registry.camera(connection, it.camera_id)
        now_ns = hub.clock.wall_ns()
        table = db.acceptance
        connection.execute(table.update().values(tried_ns=now_ns - it.trial_ns - NS))
        put_span(connection, Stream(SITE_ID, camera.name), Span(now_ns - 2 * DAY, now_ns))


def _camera(hub: Stage) -> str:
    with hub.database.reading() as connection:
        return registry.cameras(connection, SITE_ID)[0].id


async def _form(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    text = (await client.get(path)).text
    return {"form_token": text.split('name="form_token" value="', 1)[1].split('"', 1)[0]}
