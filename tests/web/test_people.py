"""People, roles and units on their pages and in the API: given, refused, ended, found, assigned."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hub_stage import NOW_NS, SITE_ID, Stage, browser, sign_in
from vonggac.db import tables
from vonggac.domain import accounts, audit, units

if TYPE_CHECKING:
    import httpx


def add_person(hub: Stage, name: str = "truc.a") -> str:
    with hub.database.writing() as connection:
        found, _ = accounts.create(connection, name=name, full_name="Cán bộ trực A", now_ns=NOW_NS)
        return found


def load_units(hub: Stage) -> None:
    with hub.database.writing() as connection:
        units.load(connection, "2026")


async def form_token(client: httpx.AsyncClient, path: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', (await client.get(path)).text)
    assert found is not None
    return found[1]


async def test_a_role_is_given_and_ended_on_its_page(client: httpx.AsyncClient, hub: Stage) -> None:
    """Find the unit without diacritics, give the role, read it in the list, end it with a why."""
    person = add_person(hub)
    load_units(hub)
    token = await form_token(client, "/roles/new")
    form = {"form_token": token, "account": person, "role": "centre_duty", "unit_id": "",
            "reason": "phân công ca trực"}  # fmt: skip

    several = await client.post("/roles/new", data={**form, "unit": "lai chau", "do": "find"})
    given = await client.post("/roles/new", data={**form, "unit_id": "2026.12"})
    listed = (await client.get("/roles?q=truong ban nao")).text
    page = (await client.get("/roles?q=lai chau")).text
    with hub.database.reading() as connection:
        row = connection.execute(
            sa.select(tables.role_held).where(tables.role_held.c.account_id == person)
        ).one()
    without = await client.post(f"/roles/{row.id}/end", data={"form_token": token, "reason": ""})
    ended = await client.post(
        f"/roles/{row.id}/end", data={"form_token": token, "reason": "chuyển công tác"}
    )
    over = (await client.get("/roles?show=over")).text

    assert several.status_code == 422
    assert "Sở Y tế Lai Châu" in several.text
    assert (given.status_code, given.headers["location"]) == (303, "/roles")
    assert "truc.a" not in listed
    assert "Tỉnh Lai Châu" in page
    assert "phân công ca trực" in page
    assert without.status_code == 422
    assert ended.status_code == 303
    assert "chuyển công tác" in over
    with hub.database.reading() as connection:
        acts = [one.act for one in audit.rows(connection, audit.Filter(thing="truc.a"))]
    assert acts == ["role_ended", "role_given"]


async def test_a_department_of_2021_is_looked_for_and_the_one_of_today_offered(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """It is said to be another, with its source; nobody is put there without choosing it."""
    person = add_person(hub)
    load_units(hub)
    with hub.database.writing() as connection:
        ended = {"valid_from": date(2021, 5, 5), "valid_to": date(2025, 3, 1), "source": "1664"}
        connection.execute(
            tables.unit.insert().values(
                id="2021.12.so-tttt", parent_id="vn", kind="body", code="so-tttt", profile="2021",
                **ended,
            )
        )  # fmt: skip
        connection.execute(
            tables.unit_name.insert().values(
                unit_id="2021.12.so-tttt", vi="Sở TT&TT Lai Châu", en="-",
                folded="so tt&tt lai chau", **ended,
            )
        )  # fmt: skip
    token = await form_token(client, "/roles/new")
    form = {"form_token": token, "account": person, "role": "surveyor", "unit_id": "",
            "reason": "khảo sát", "unit": "sở tt&tt lai châu"}  # fmt: skip

    listed = (await client.get("/units", params={"q": "so tt&tt lai chau"})).text
    page = (await client.get("/units/2026.12.so-khcn")).text
    old = (await client.get("/units/2021.12.so-tttt")).text
    asked = await client.post("/roles/new", data=form)

    assert "nay là" in listed
    assert "/units/2026.12.so-khcn" in listed
    assert "biết chung, chưa kiểm chứng" in listed
    assert "Thay cho" in page
    assert "/units/2021.12.so-tttt" in page
    assert "Nay là" in old
    assert asked.status_code == 422
    assert "Đơn vị này không còn." in asked.text
    assert 'value="2026.12.so-khcn">' in asked.text


async def test_a_role_that_breaks_a_rule_says_what_to_do(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """In words, beside the field; what was typed stays."""
    person = add_person(hub)
    form = {"form_token": await form_token(client, "/roles/new"), "account": person,
            "role": "enterprise", "unit_id": "", "reason": "hợp đồng số 5"}  # fmt: skip

    without_sites = await client.post("/roles/new", data=form)
    without_end = await client.post("/roles/new", data={**form, "sites": [SITE_ID]})
    secret = await client.post(
        "/roles/new", data={**form, "role": "shift_lead", "reason": "theo văn bản MẬT"}
    )

    assert [one.status_code for one in (without_sites, without_end, secret)] == [422] * 3
    assert "Vai trò này phải chọn cơ sở." in without_sites.text
    assert "hợp đồng số 5" in without_sites.text
    assert "Vai trò này phải có ngày kết thúc." in without_end.text
    assert "dấu MẬT" in secret.text


async def test_a_facility_is_assigned_and_the_officer_of_its_province_sees_it(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Until it stands in a unit, only roles over everything reach it."""
    person = add_person(hub)
    load_units(hub)
    token = (await client.get("/api/v1/session")).json()["csrf_token"]
    headers = {"X-CSRF-Token": token}
    made = await client.post(
        "/api/v1/roles",
        json={"account": person, "role": "centre_duty", "unit": "2026.12", "reason": "ca trực"},
        headers=headers,
    )
    with hub.database.writing() as connection:
        slip = accounts.reset_password(connection, person, now_ns=NOW_NS)
        connection.execute(
            tables.account.update().where(tables.account.c.id == person).values(must_change=False)
        )
    async with browser(hub) as officer:
        answer = await officer.post(
            "/api/v1/session", json={"user": "truc.a", "password": slip.password}
        )
        before = await officer.get("/api/v1/sites")
        await client.put(f"/api/v1/sites/{SITE_ID}/unit", json={"unit": "2026.12"}, headers=headers)
        after = (await officer.get("/api/v1/sites")).json()["sites"]

    assert (made.status_code, answer.status_code) == (201, 200)
    assert before.status_code == 403
    assert [(one["id"], one["unit"], one["cameras"]) for one in after] == [
        (SITE_ID, "Tỉnh Lai Châu", 9)
    ]


async def test_units_are_added_named_and_ended_through_the_api(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """From a day on; what was before stays readable."""
    load_units(hub)
    headers = {"X-CSRF-Token": (await client.get("/api/v1/session")).json()["csrf_token"]}
    body = {"parent": "2026.12", "kind": "body", "vi": "Trung tâm A", "valid_from": "2026-01-01"}

    made = (await client.post("/api/v1/units", json=body, headers=headers)).json()
    named = await client.put(
        f"/api/v1/units/{made['id']}/name",
        json={"vi": "Trung tâm B", "valid_from": "2026-06-01", "source": "QĐ 5"},
        headers=headers,
    )
    found = (await client.get("/api/v1/units", params={"q": "trung tam b"})).json()["units"]
    ended = await client.delete(
        f"/api/v1/units/{made['id']}", params={"valid_to": "2026-10-01"}, headers=headers
    )
    gone = (await client.get("/api/v1/units", params={"q": "trung tam b"})).json()["units"]
    page = (await client.get(f"/units/{made['id']}")).text

    assert (made["source"], named.json()["vi"]) == (units.UNVERIFIED, "Trung tâm B")
    assert [one["id"] for one in found] == [made["id"]]
    assert (ended.status_code, gone) == (204, [])
    assert "Trung tâm A" in page


async def test_whoever_sees_no_details_reads_name_and_counts(hub: Stage) -> None:
    """The finance appraiser's list of facilities: no camera, no place, no picture."""
    async with browser(hub) as client:
        await sign_in(client)
        with hub.database.writing() as connection:
            connection.execute(
                tables.role_held.update().values(role="finance_appraiser", unit_id=None)
            )
        page = (await client.get("/facilities")).text

    assert "KS Mường Hoa" in page
    assert "hl-2a" not in page
    assert "Hành lang" not in page
    assert 'href="/wall"' not in page
