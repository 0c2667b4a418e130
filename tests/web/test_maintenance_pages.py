"""Maintenance planned over HTTP: by the API, by the camera's page, and how it reaches the box."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from hub_stage import HOUR, NOW_NS
from vonggac import wire
from vonggac.clock import rfc3339
from vonggac.domain import audit
from vonggac.web import dates

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

PATH = "/api/v1/cameras/cg-1/maintenance"
PLAN = {
    "from": rfc3339(NOW_NS + HOUR),
    "to": rfc3339(NOW_NS + 2 * HOUR),
    "reason": "thay ống kính",
}


def form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


async def ordered(hub: Stage, camera: str) -> list[wire.Maintenance]:
    """What the box is told of a camera's maintenance now."""
    box = await hub.box()
    try:
        assert await hub.orders.run_once() is not None
    finally:
        await box.stop()
    ask = wire.decode_ask(box.bodies[-1], wire.ConfigureAsk)
    wanted = msgspec.json.decode(ask.document, type=wire.WantedCameras)
    return [plan for one in wanted.cameras if one.name == camera for plan in one.maintenance]


async def test_a_plan_reaches_the_box_and_a_withdrawn_one_does_not(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """The box decides what is missing and why, so it must know before the camera goes away."""
    made = await client.post(PATH, json=PLAN)
    told = await ordered(hub, "cg-1")
    listed = (await client.get(PATH)).json()["maintenance"]
    dropped = await client.delete(f"{PATH}/{made.json()['id']}")
    again = await client.delete(f"{PATH}/{made.json()['id']}")

    assert (made.status_code, dropped.status_code, again.status_code) == (201, 204, 409)
    assert told == [wire.Maintenance(NOW_NS + HOUR, NOW_NS + 2 * HOUR, "thay ống kính")]
    assert listed == [made.json()]
    assert await ordered(hub, "cg-1") == []
    with hub.database.reading() as connection:
        acts = [row.act for row in audit.rows(connection, audit.Filter())]
    assert [act for act in acts if act.startswith("maint")] == [
        "maintenance_withdrawn",
        "maintenance_planned",
    ]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"from": "19/11/2026 08:00"}, "from"),
        ({"from": rfc3339(NOW_NS - HOUR)}, "from"),
        ({"to": rfc3339(NOW_NS)}, "to"),
        ({"reason": " "}, "reason"),
    ],
)
async def test_a_plan_that_cannot_be_says_which_field(
    client: httpx.AsyncClient, changed: dict[str, str], field: str
) -> None:
    """A program can show the fault at its field."""
    refused = await client.post(PATH, json=PLAN | changed)

    assert refused.status_code == 422
    assert field in refused.json()["error"]["detail"]["fields"]


async def test_maintenance_is_planned_and_withdrawn_on_the_cameras_page(
    client: httpx.AsyncClient,
) -> None:
    """Days are written as the country writes them, whatever language the browser speaks."""
    page = (await client.get("/cameras/cg-1")).text
    begin, end = dates.write_moment(NOW_NS + HOUR), dates.write_moment(NOW_NS + 30 * HOUR)
    sent = {"form_token": form_token(page), "from": begin, "to": end, "reason": "thay ống kính"}
    made = await client.post("/cameras/cg-1/maintenance", data=sent)
    shown = (await client.get("/cameras/cg-1")).text
    address = re.search(r'action="(/cameras/cg-1/maintenance/\w+/withdrawal)"', shown)
    assert address is not None
    gone = await client.post(address[1], data={"form_token": form_token(page)})
    after = (await client.get("/cameras/cg-1")).text

    assert (made.status_code, gone.status_code) == (303, 303)
    assert 'name="from" value="18/11/2026 14:45"' in page
    assert "18/11/2026 15:32 – 19/11/2026 20:32" in shown
    assert "sắp tới" in shown
    assert "đã rút" in after
    assert "/withdrawal" not in after


async def test_a_plan_that_the_page_refuses_is_kept_as_typed(client: httpx.AsyncClient) -> None:
    """Nobody types a reason twice because of a slip in a date."""
    token = form_token((await client.get("/cameras/cg-1")).text)
    sent = {"form_token": token, "from": "2026-11-19", "to": "31/02/2027 08:00", "reason": "sơn"}
    refused = await client.post("/cameras/cg-1/maintenance", data=sent)
    past = await client.post(
        "/cameras/cg-1/maintenance",
        data=sent | {"from": "17/11/2026 08:00", "to": dates.write_moment(NOW_NS + HOUR)},
    )

    assert refused.status_code == past.status_code == 422
    assert 'value="2026-11-19"' in refused.text
    assert 'value="sơn"' in refused.text
    assert "ví dụ 18/11/2026 14:30." in refused.text
    assert "giờ bắt đầu không được ở quá khứ" in past.text
