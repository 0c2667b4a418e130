"""The register over HTTP: list, forms, contacts, places, coverage, intake, workbooks."""

from __future__ import annotations

import html
import io
import re
import struct
import zlib
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from two_units import costed

from hub_stage import HERE, NOW, SITE_ID
from vonggac.domain import coverage, pictures, register, units
from vonggac.domain import register_sheets as sheets
from vonggac.domain.exports import Someone
from vonggac.domain.registry import Unacceptable
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

FACILITY = {"name": "sl-07", "title": "Trường Đội Mới", "address": "Đường Thử 5"}


@pytest.fixture
async def token(client: httpx.AsyncClient) -> str:
    return str((await client.get("/api/v1/session")).json()["csrf_token"])


def png(width: int = 16, height: int = 16) -> bytes:
    """A grey picture with a comment in it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    lines = zlib.compress((b"\0" + b"\x80" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tEXt", b"Author\0somebody")
        + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    )  # fmt: skip


def text_of(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


async def test_a_facility_is_found_without_its_marks(client: httpx.AsyncClient) -> None:
    """Officials type `truong doi`; đ is d, and a page of the list says how many there are."""
    made = await client.post("/api/v1/facilities", json=FACILITY)
    assert made.status_code == 201, made.text
    for words in ("truong doi", "TRUONG", "sl-07", "đường thử", "thu 5 doi"):
        found = (await client.get("/api/v1/facilities", params={"q": words})).json()
        assert [one["name"] for one in found["facilities"]] == ["sl-07"], words
        assert "Trường Đội Mới" in text_of(await client.get("/facilities", params={"q": words}))
    none = await client.get("/facilities", params={"q": "không có"})
    assert "Không có cơ sở nào khớp." in text_of(none)
    hotels = (await client.get("/api/v1/facilities?line=paid_hotel")).json()
    assert [one["name"] for one in hotels["facilities"]] == ["sl-05"]
    one = (await client.get("/api/v1/facilities?limit=1&offset=1")).json()
    assert (one["found"], len(one["facilities"])) == (2, 1)


async def test_a_facility_is_edited_on_its_page(client: httpx.AsyncClient, token: str) -> None:
    form = {"form_token": token, "name": "sl-08", "title": "Ký túc xá", "owner_line": "civil",
            "status": "in_service", "retention_days": "30", "opened_on": "05/11/2026"}  # fmt: skip
    made = await client.post("/facilities/new", data=form)
    assert made.status_code == 303, made.text
    path = made.headers["location"]
    again = await client.post("/facilities/new", data=form)
    assert again.status_code == 422
    assert "Mã này không dùng được" in text_of(again)
    wrong = await client.post(path, data={**form, "capacity": "nhiều", "revision": "1"})
    assert wrong.status_code == 422
    right = {**form, "capacity": "120", "revision": "1"}
    assert (await client.post(path, data=right)).status_code == 303
    stale = await client.post(path, data=right)
    assert "Người khác vừa sửa" in text_of(stale)
    site = path.split("/")[2]
    said = (await client.get(f"/api/v1/facilities/{site}")).json()
    assert (said["capacity"], said["service"]) == (120, [{"from": "2026-11-05", "to": None}])


async def test_what_the_configuration_keeps_is_refused(client: httpx.AsyncClient) -> None:
    """The file would take it back at the next start."""
    known = (await client.get(f"/api/v1/facilities/{SITE_ID}")).json()
    body = {name: known[name] for name in ("name", "title", "address", "owner_line", "unit")}
    fine = await client.put(f"/api/v1/facilities/{SITE_ID}", json={**body, "rooms": 60})
    assert fine.json()["rooms"] == 60
    refused = await client.put(f"/api/v1/facilities/{SITE_ID}", json={**body, "title": "Khác"})
    assert refused.status_code == 422
    assert "title" in refused.json()["error"]["detail"]["fields"]


async def test_contacts_are_kept_as_the_letters_order(
    client: httpx.AsyncClient, token: str
) -> None:
    form = {"form_token": token, "kind": "contact", "name": "Người trực A", "do": "save",
            "position": "quản lý", "phone": "0200 000 114", "verified_today": "1"}  # fmt: skip
    path = f"/facilities/{SITE_ID}/contacts"
    assert (await client.post(path, data={**form, "phone": "gọi sau"})).status_code == 422
    assert (await client.post(path, data=form)).status_code == 303
    assert "0200 000 114" in text_of(await client.get("/"))
    known = (await client.get(f"/api/v1/facilities/{SITE_ID}")).json()["contacts"]
    assert known[0]["verified_day"] == NOW.astimezone(HERE).date().isoformat()
    answer = await client.put(f"/api/v1{path}/engineer", json={"name": "Trực", "hotline": "18001"})
    assert answer.status_code == 200
    assert (await client.delete(f"/api/v1{path}/engineer")).status_code == 204
    assert (await client.delete(f"/api/v1{path}/engineer")).status_code == 404
    assert (await client.put(f"/api/v1{path}/cook", json={"name": "x"})).status_code == 422


async def test_coverage_counts_places_and_doors(
    hub: Stage, client: httpx.AsyncClient, token: str
) -> None:
    """Of ten places six have a camera, one with a fault; a door counts when a camera records."""
    path = f"/api/v1/facilities/{SITE_ID}"
    area = {"zone": "HL", "title": "Hành lang tầng 2", "doors": ["201", "202"], "blind": "góc đông"}
    assert (await client.put(f"{path}/areas/hl-2", json=area)).status_code == 200
    refused = await client.put(f"{path}/areas/wc", json={"zone": "WC"})
    assert refused.status_code == 422
    assert "No camera may stand" in refused.json()["error"]["detail"]["fields"]["zone"]
    assert (await client.put(f"{path}/doors/201", json={"camera": "hl-2a"})).status_code == 200
    assert (await client.put(f"{path}/doors/202", json={"camera": "hl-3c"})).status_code == 200
    assert (await client.put(f"{path}/doors/999", json={"camera": "hl-2a"})).status_code == 404
    inventory = {"area": "hl-2", "model": "M-1", "cr_mark": True}
    known = await client.put("/api/v1/cameras/hl-2a/inventory", json=inventory)
    assert (known.json()["doors"], known.json()["cr_mark"]) == (["201"], True)
    wrong = await client.put("/api/v1/cameras/san-1/inventory", json=inventory)
    assert wrong.status_code == 422

    found = (await client.get(f"{path}/coverage")).json()
    by_code = {one["code"]: one for one in found["zones"]}
    assert (found["required"], found["covered"], found["whole"]) == (10, 6, False)
    assert (by_code["HL"]["cameras"], by_code["HL"]["working"]) == (4, 2)
    assert (by_code["HL"]["verdict"], by_code["LM"]["verdict"]) == ("short", "none")
    assert (found["doors"], found["doors_unseen"]) == (2, ["202"])
    assert found["blind"] == [{"area": "Hành lang tầng 2", "said": "góc đông"}]
    assert "cách tính của phần mềm" in text_of(await client.get(f"/facilities/{SITE_ID}/cover"))

    drop = {"form_token": token, "do": "drop", "code": "hl-2"}
    page = await client.post(f"/facilities/{SITE_ID}/cover", data=drop)
    assert page.status_code == 422
    assert "Còn camera nhìn khu vực này" in text_of(page)


async def test_a_place_that_is_not_there_needs_a_name_and_a_picture(
    client: httpx.AsyncClient, token: str
) -> None:
    form = {"form_token": token, "site": SITE_ID, "zone": "LM", "reason": "lấy mẫu ở trạm y tế"}
    without = await client.post("/facilities/absences", data=form)
    assert without.status_code == 422
    sent = {"picture": ("anh.png", png(), "image/png")}
    assert (await client.post("/facilities/absences", data=form, files=sent)).status_code == 303
    page = await client.get(f"/facilities/{SITE_ID}/cover")
    assert "lấy mẫu ở trạm y tế" in text_of(page)
    found = re.search(rf"/facilities/{SITE_ID}/pictures/[a-z0-9]+", page.text)
    assert found
    kept = await client.get(found[0])
    assert kept.headers["content-type"] == "image/png"
    assert b"somebody" not in kept.content
    assert (await client.delete(f"/api/v1/facilities/{SITE_ID}/absences/LM")).status_code == 204


async def test_a_surveyor_concludes_and_a_leader_rules_by_it(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """The administrator holds neither right; the switch looks at the last conclusion."""
    path = f"/api/v1/facilities/{SITE_ID}"
    refused = await client.put(f"{path}/intake", json={"needs_cover": True, "reason": "x"})
    assert refused.status_code == 403
    said = {"enough": True, "said": "x", "pictures": ["nothing"]}
    assert (await client.post(f"{path}/conclusions", json=said)).status_code == 403
    placement = hub.app.state.desk.placement
    with hub.database.writing() as connection:
        register.set_intake(
            connection, SITE_ID, needs_cover=True, reason="theo chỉ đạo", by="an", now_ns=1
        )
        facility = register.facility(connection, SITE_ID)
        assert register.held_back(connection, [facility]) == {SITE_ID}
        edit: Any = {"revision": None, "kept": False, "by": "an", "now_ns": 2}
        paused = replace(facility.said, status="paused")
        register.edit(connection, SITE_ID, paused, **edit)
        with pytest.raises(Unacceptable) as barred:
            register.edit(connection, SITE_ID, facility.said, **edit)
        assert [(one.field, one.code) for one in barred.value.problems] == [
            ("status", "not_covered")
        ]
        picture = coverage.keep_picture(
            connection, SITE_ID, "conclusion", pictures.taken(png()), by="an", now_ns=2
        )
        more: Any = {"placement": placement, "by": ("an", "Nguyễn Văn An"), "now_ns": 3}
        with pytest.raises(VonggacError):
            coverage.conclude(connection, SITE_ID, enough=True, said="đủ", pictures=[], **more)
        coverage.conclude(connection, SITE_ID, enough=True, said="đủ", pictures=[picture], **more)
        assert register.held_back(connection, [facility]) == frozenset()
        register.edit(connection, SITE_ID, facility.said, **edit)
    found = (await client.get(f"{path}/coverage")).json()["conclusions"]
    assert [(one["by"], one["computed"]["covered"]) for one in found] == [("Nguyễn Văn An", 6)]
    assert (await client.get(path)).json()["intake"]["allowed"] is True
    with hub.database.writing() as connection:
        more["now_ns"] = 4
        coverage.conclude(connection, SITE_ID, enough=False, said="mù", pictures=[picture], **more)
    rows = (await client.get("/api/v1/facilities")).json()["facilities"]
    assert [one["id"] for one in rows if not one["intake_allowed"]] == [SITE_ID]
    assert (await client.get("/facilities")).text.count("chưa được tiếp nhận người") == 1
    for page in (f"/facilities/{SITE_ID}/edit", f"/facilities/{SITE_ID}/cover", "/"):
        assert "Chưa được tiếp nhận người" in (await client.get(page)).text, page


def test_pictures_are_told_by_their_bytes_and_lose_what_they_tell() -> None:
    """Where a photograph was taken stays outside; a telephone's picture stays upright."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) + b"\0" * 4
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 20, 40, 1) + b"\x01\x11\0"
    scan = b"\xff\xda" + struct.pack(">H", 8) + b"\x01\x01\0\0\x3f\0" + b"\x12\xff\x00\x34"
    place = b"GPS: somewhere"
    head = b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(exif + place)) + exif + place
    jpeg = head + frame + scan + b"\xff\xd9"

    found = pictures.taken(jpeg)

    assert (found.media_type, found.width, found.height) == ("image/jpeg", 20, 40)
    assert b"GPS" not in found.content
    assert pictures.taken(found.content).content == found.content
    for content, fault in (
        (b"", "no_file"), (b"GIF89a....", "picture_kind"), (png()[:-9], "picture_broken"),
        (jpeg[:-6], "picture_broken"), (png(4, 4), "picture_large"),
        (b"x" * (pictures.MAX_PICTURE + 1), "picture_large"),
    ):  # fmt: skip
        with pytest.raises(VonggacError) as caught:
            pictures.taken(content)
        assert caught.value.detail["fields"] == {"picture": fault}


async def test_a_workbook_is_seen_before_it_is_entered(
    client: httpx.AsyncClient, token: str
) -> None:
    """Template, preview with every fault, preview with every difference, entry, once."""
    book = openpyxl.load_workbook(
        io.BytesIO((await client.get("/facilities/template.xlsx")).content)
    )
    assert book.sheetnames == [*sheets.COLUMNS, sheets.GUIDE]
    book["cơ sở"].append(["sl-09", "Nhà khách", None, None, "cơ sở dân sự"])
    book["camera"].append(["sl-09", "wc-1", "WC", "VS", None, "rtsp://192.0.2.9/1"])

    async def send() -> httpx.Response:
        made = io.BytesIO()
        book.save(made)
        sent = {"file": ("so.xlsx", made.getvalue(), sheets.GUIDE)}
        answer = await client.post("/facilities/import", data={"form_token": token}, files=sent)
        assert answer.status_code == 303
        return await client.get(answer.headers["location"])

    wrong = await send()
    assert "Không được lắp camera trong nhà vệ sinh" in text_of(wrong)
    assert "Ghi 2 dòng vào danh mục" not in wrong.text
    book["camera"]["B2"], book["camera"]["C2"] = "vs-1", "Trước WC"
    page = await send()
    assert "2 dòng: 2 mới, 0 thay đổi, 0 giữ nguyên, 0 lỗi" in text_of(page)
    before = (await client.get("/api/v1/facilities")).json()["found"]
    entered = await client.post(page.url.path, data={"form_token": token})
    assert entered.status_code == 303
    assert "Đã ghi xong." in text_of(await client.get(page.url.path))
    assert (await client.get("/api/v1/facilities")).json()["found"] == before + 1
    assert (await client.post(page.url.path, data={"form_token": token})).status_code == 409
    assert "Tệp này không thay đổi gì." in text_of(await send())


async def test_the_register_is_taken_and_given_back_by_the_api(client: httpx.AsyncClient) -> None:
    """What `GET` gives, `POST` finds unchanged; a rehearsal unless it is said otherwise."""
    content = (await client.get("/api/v1/register.xlsx")).content
    answer = await client.post("/api/v1/register/import", content=content)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"rows": 10, "new": 0, "changed": 0, "same": 10, "errors": []}
    csv = await client.post("/api/v1/register/import?dry_run=false", content=b"a,b\n1,2\n")
    assert csv.status_code == 422
    assert csv.json()["error"]["detail"]["fault"] == "csv_given"
    other = await client.get("/facilities/import/nothing")
    assert other.status_code == 404


async def test_a_facility_in_another_unit_is_not_moved_there(hub: Stage) -> None:
    """What the list says of units is the tree's own."""
    with hub.database.writing() as connection:
        unit = units.add_unit(connection, parent_id=None, kind="province", code="A", vi="Tỉnh A",
                              en="", valid_from=date(2026, 1, 1), source="")  # fmt: skip
    with hub.database.reading() as connection:
        assert register.units_called(connection, "tinh a") == {unit}


async def test_a_facility_leads_to_its_plan_and_its_estimate(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Who stands before the facility asks what is planned for it, and what that costs."""
    before = text_of(await client.get(f"/?site={SITE_ID}"))
    with hub.database.writing() as connection:
        ids = costed(connection, SITE_ID, Someone("", "an"), "cam", now_ns=hub.clock.wall_ns())
    page = (await client.get(f"/?site={SITE_ID}")).text

    assert "Chưa có phương án." in before
    assert f'href="/plans/{ids["connection_plan_id"]}"' in page
    assert f'href="/estimates/{ids["estimate_id"]}"' in page
