"""Alarms over HTTP: seen and taken on within one's scope, in both languages, nothing typed lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub_stage import NOW_NS, SITE_ID
from vonggac.domain import alarms
from vonggac.domain.alarms import Alarm

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage


def sounded(hub: Stage, site_id: str = SITE_ID) -> str:
    with hub.database.writing() as connection:
        alarms.sound(connection, Alarm.CLONE, site_id, evidence="192.0.2.7", now_ns=NOW_NS)
        return alarms.listed(connection, [site_id])[0].id


async def test_an_alarm_is_shown_with_what_to_do_and_taken_on_by_a_person(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """On its page and on the system's; afterwards the page names who took it on."""
    alarm = sounded(hub)
    token = (await client.get("/api/v1/session")).json()["csrf_token"]
    page, system = await client.get("/alarms"), await client.get("/system")
    english = await client.get("/alarms", headers={"Accept-Language": "en"})
    blank = await client.post(f"/alarms/{alarm}", data={"form_token": token, "note": "  "})
    long = "x" * 501
    kept = await client.post(f"/alarms/{alarm}", data={"form_token": token, "note": long})
    taken = await client.post(f"/alarms/{alarm}", data={"form_token": token, "note": "đã gọi"})
    twice = await client.post(f"/alarms/{alarm}", data={"form_token": token, "note": "lần nữa"})
    after = await client.get("/alarms")

    assert "Ngắt thiết bị ghi rồi cấp mã mới" in page.text
    assert "192.0.2.7" in page.text
    assert "1 cảnh báo kết nối đang chờ người nhận" in system.text
    assert "Two machines share one key" in english.text
    assert (blank.status_code, kept.status_code) == (422, 422)
    assert "Ghi việc đã làm" in blank.text
    assert long in kept.text
    assert taken.status_code == 303
    assert (twice.status_code, "Người khác vừa nhận" in twice.text) == (422, True)
    assert "lần nữa" in twice.text
    assert "đã gọi" in after.text
    assert "Không có cảnh báo nào đang chờ" in after.text


async def test_the_api_says_and_does_the_same(hub: Stage, client: httpx.AsyncClient) -> None:
    """A program that watches hubs needs no page."""
    alarm = sounded(hub, "")
    headers = {"X-CSRF-Token": (await client.get("/api/v1/session")).json()["csrf_token"]}
    before = (await client.get("/api/v1/alarms")).json()
    taken = await client.post(f"/api/v1/alarms/{alarm}/taken", json={"note": "x"}, headers=headers)
    again = await client.post(f"/api/v1/alarms/{alarm}/taken", json={"note": "x"}, headers=headers)
    none = await client.post("/api/v1/alarms/nothing/taken", json={"note": "x"}, headers=headers)

    assert (before["open"], before["alarms"][0]["kind"], before["alarms"][0]["site"]) == (
        1, "clone", None,
    )  # fmt: skip
    assert taken.json()["taken"]["note"] == "x"
    assert (again.status_code, none.status_code) == (409, 404)
