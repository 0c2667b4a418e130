"""The inventory fields of a camera on its page: shown, edited, refused beside the field."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import inventory, ledger, picture_faults
from vonggac.domain.register_places import Facts

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

PROVEN = Facts(conformity="123", cr_mark=True, bought_day=date(2026, 8, 1))


def text_of(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


def address(hub: Stage, name: str = "hl-2a") -> str:
    table = tables.camera
    with hub.database.reading() as connection:
        found = connection.scalar(sa.select(table.c.id).where(table.c.name == name))
    return f"/cameras/{found}"


async def test_picture_faults_stand_on_the_page_of_their_camera(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """In words, with the way to the picture; the API says the same."""
    page = address(hub)
    before = await client.get(page)
    evidence = "the lens is covered for 6 s: lost 0.917, bound 0.700, without a reference picture"
    camera = (await client.get(f"/api/v1{page}")).json()
    with hub.database.writing() as connection:
        stream = ledger.Stream(camera["site"], camera["name"], "main")
        picture_faults.put(connection, stream, evidence, at_ns=1_800_000_000 * NS)
    shown = await client.get(page)
    told = (await client.get(f"/api/v1{page}")).json()

    assert "Lỗi hình ảnh" not in before.text
    assert camera["picture_faults"] == []
    assert "camera bị che khuất, đã 6 giây: lost 0,917" in text_of(shown)
    assert re.search(r'/playback\?cameras=[^"]*t=2027-01-15', shown.text)
    assert told["picture_faults"] == [
        {"at": "2027-01-15T08:00:00.000Z", "evidence": evidence, "lasts": True}
    ]


async def test_the_device_is_edited_on_the_page_of_its_camera(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """The fields that QCVN 11:2026/BCA makes people ask for; the API says the same."""
    token = (await client.get("/api/v1/session")).json()["csrf_token"]
    page = address(hub)
    form = {
        "form_token": token, "maker": "Hãng thử", "model": "T-1", "bought_day": "02/8/2026",
        "cr_mark": "no", "password_changed": "yes", "storage_country": "Việt Nam",
    }  # fmt: skip
    wrong = await client.post(f"{page}/inventory", data={**form, "patched_day": "hôm qua"})
    sent = await client.post(f"{page}/inventory", data=form)
    shown = await client.get(page)
    told = (await client.get(f"/api/v1{page}/inventory")).json()

    assert wrong.status_code == 422
    assert "Ghi ngày dạng 31/12/2026." in text_of(wrong)
    assert 'value="Hãng thử"' in wrong.text
    assert 'value="hôm qua"' in wrong.text
    assert sent.status_code == 303
    for said in ("Hãng thử", "T-1", "02/08/2026", "Mua từ 01/7/2026 mà chưa có số công bố"):
        assert said in text_of(shown)
    assert (told["maker"], told["cr_mark"], told["password_changed"]) == ("Hãng thử", False, True)
    assert told["services_off"] is None
    assert told["remarks"] == [{"code": "unproven_new", "level": "warn"}]


async def test_an_area_of_another_zone_is_refused(client: httpx.AsyncClient, hub: Stage) -> None:
    """A camera looks where it stands."""
    token = (await client.get("/api/v1/session")).json()["csrf_token"]
    answer = await client.post(
        f"{address(hub)}/inventory", data={"form_token": token, "area": "nowhere"}
    )

    assert answer.status_code == 422
    assert "Chọn một khu vực trong danh sách." in text_of(answer)


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        (PROVEN, []),
        (replace(PROVEN, cr_mark=None), ["unproven_new"]),
        (replace(PROVEN, conformity="", bought_day=date(2026, 6, 30)), ["unproven_old"]),
        (Facts(), ["unproven_undated"]),
        (replace(PROVEN, password_changed=False, services_off=False),
         ["password_default", "services_on"]),
        (replace(PROVEN, storage_country="VIỆT NAM"), []),
        (replace(PROVEN, storage_country="Singapore"), ["stored_abroad"]),
    ],
)  # fmt: skip
def test_what_speaks_against_a_device_is_remarked(said: Facts, codes: list[str]) -> None:
    """New purchases are warned of, old cameras are tolerated with a note (domain 4.4)."""
    assert [one.code for one in inventory.remarks(said)] == codes
