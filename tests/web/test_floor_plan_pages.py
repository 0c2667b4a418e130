"""Floor plans over HTTP: drawn for who may see the facility, moved by who may edit it."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from test_register_pages import png

from hub_stage import SITE_ID
from vonggac.db import tables
from vonggac.domain import audit, register_places

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

PAGE = f"/facilities/{SITE_ID}/plans"
API = f"/api/v1/facilities/{SITE_ID}/plans"


def text_of(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


def camera_id(hub: Stage, name: str = "hl-2a") -> str:
    table = tables.camera
    with hub.database.reading() as connection:
        return str(connection.scalar(sa.select(table.c.id).where(table.c.name == name)))


@pytest.fixture
async def token(client: httpx.AsyncClient) -> str:
    return str((await client.get("/api/v1/session")).json()["csrf_token"])


async def uploaded(client: httpx.AsyncClient, token: str, **more: str) -> str:
    """The address of a plan that was sent with the form."""
    form = {"form_token": token, "site": SITE_ID, "floor": "2", "keep": "1", **more}
    sent = await client.post(
        "/facilities/plans", data=form, files={"picture": ("plan.png", png(400, 300), "image/png")}
    )
    assert sent.status_code == 303, sent.text
    return sent.headers["location"].partition("#")[0]


async def test_a_drawing_is_taken_and_cameras_stand_on_it(
    client: httpx.AsyncClient, token: str, hub: Stage
) -> None:
    """Without a script: the form places, moves and takes off."""
    address = await uploaded(client, token)
    plan, camera = address.rpartition("=")[2], camera_id(hub)
    form = {"form_token": token, "plan": plan}
    assert (
        await client.post(PAGE, data={**form, "do": "add", "camera": camera})
    ).status_code == 303
    figures = {f"x-{camera}": "2500", f"y-{camera}": "5000", f"heading-{camera}": "90"}
    assert (await client.post(PAGE, data={**form, "do": "save", **figures})).status_code == 303
    page = await client.get(address)
    told = (await client.get(API)).json()["plans"][0]

    assert 'd="M100.0 150.0L' in page.text
    assert f'data-camera="{camera}"' in page.text
    assert told["cameras"] == [
        {"camera_id": camera, "x": 2500, "y": 5000, "heading": 90, "angle": 90, "reach": 1800}
    ]
    wrong = await client.post(PAGE, data={**form, "do": "save", f"x-{camera}": "10001"})
    assert wrong.status_code == 422
    assert "Vị trí phải nằm trong bản vẽ" in text_of(wrong)
    assert 'value="10001"' in wrong.text
    assert (await client.post(PAGE, data={**form, "do": f"off:{camera}"})).status_code == 303
    assert (await client.get(API)).json()["plans"][0]["cameras"] == []
    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(limit=50))
    assert sum(one.act == audit.Act.PLAN_EDITED for one in rows) == 4


async def test_a_door_that_no_camera_sees_is_marked(
    client: httpx.AsyncClient, token: str, hub: Stage
) -> None:
    """The doors of the floor stand beside the drawing, each with its camera."""
    with hub.database.writing() as connection:
        area = register_places.Area("hl-2", "HL", floor="2", doors=("901", "902"))
        rule = hub.app.state.desk.placement
        register_places.set_area(connection, SITE_ID, area, placement=rule)
    address = await uploaded(client, token)
    form = {"form_token": token, "plan": address.rpartition("=")[2], "do": "door", "door": "901"}
    before = (await client.get(API)).json()["plans"][0]["doors_unseen"]
    tied = await client.post(PAGE, data={**form, "camera": camera_id(hub)})
    page = await client.get(address)

    assert before == ["901", "902"]
    assert tied.status_code == 303
    assert (await client.get(API)).json()["plans"][0]["doors_unseen"] == ["902"]
    assert "1 cửa chưa có camera nhìn thấy" in text_of(page)
    assert "camera chưa đặt lên sơ đồ" in text_of(page)


async def test_the_old_drawing_is_shown_and_not_changed(
    client: httpx.AsyncClient, token: str, hub: Stage
) -> None:
    """What an acceptance looked at stays."""
    camera = camera_id(hub)
    old = (await uploaded(client, token)).rpartition("=")[2]
    body = {"x": 1, "y": 2, "heading": 3, "angle": 40, "reach": 500}
    placed = await client.put(f"{API}/{old}/cameras/{camera}", json=body)
    fresh = (await uploaded(client, token)).rpartition("=")[2]
    page = await client.get(f"{PAGE}?plan={old}")
    refused = await client.put(f"{API}/{old}/cameras/{camera}", json=body)
    told = (await client.get(API)).json()["plans"]

    assert placed.json() == {"camera_id": camera, **body}
    assert [(one["id"], one["replaced"] is None) for one in told] == [(fresh, True), (old, False)]
    assert told[0]["cameras"] == told[1]["cameras"] == [{"camera_id": camera, **body}]
    assert "Bản vẽ cũ" in text_of(page)
    assert "data-plan" not in page.text
    assert refused.status_code == 409
    away = await client.delete(f"{API}/{fresh}")
    again = await client.delete(f"{API}/{fresh}/cameras/{camera}")
    assert (away.status_code, again.status_code) == (204, 409)


async def test_what_is_wrong_with_a_drawing_is_said_beside_its_field(
    client: httpx.AsyncClient, token: str
) -> None:
    """Nothing that was typed is lost."""
    form = {"form_token": token, "site": SITE_ID, "floor": "3", "title": "Cánh đông"}
    answer = await client.post(
        "/facilities/plans", data=form, files={"picture": ("x.gif", b"GIF89a", "image/gif")}
    )

    assert answer.status_code == 422
    assert "Dùng ảnh JPEG hoặc PNG." in text_of(answer)
    assert 'value="Cánh đông"' in answer.text
