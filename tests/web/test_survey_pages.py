"""Surveys on pages and in the API: a campaign, a link, a form, a verdict, minutes."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio
import sqlalchemy as sa
from test_hostile_forms import Reader, filled
from test_placement import PLACES
from test_register_pages import png

from hub_stage import CAMERAS, NOW, NOW_NS, SITE_ID, browser, sign_in, stage
from vonggac.db import tables
from vonggac.domain import audit, directives, papers, pictures, register, roles, surveys
from vonggac.errors import VonggacError
from vonggac.web import security, survey_form
from vonggac.web.desk import LANGUAGE_COOKIE
from vonggac.wire import survey as wire_survey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from hub_stage import Stage

FORM = {
    "p-name": "Lễ tân A", "k-name": "Đầu mối A", "k-phone": "0200 000 114", "f-rooms": "40",
    "q-fence": "whole", "c-0-zone": "HL", "c-0-title": "Hành lang tầng 2", "c-0-state": "works",
    "z-SAN-absent": "yes", "z-SAN-why": "nhà phố, không có sân", "client_id": "client-0001",
}  # fmt: skip
GIVEN = ("surveyor", "records_clerk")


def webp(turned: int = 1) -> bytes:
    """A WebP of 40 by 20 as a telephone writes it: where it was taken, and how it was held."""
    tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, turned, 0) + bytes(4)
    frame = b"\x30\0\0\x9d\x01\x2a" + struct.pack("<HH", 40, 20) + b"\x12\x34\x56"
    chunks = (
        (b"VP8X", b"\x2c\0\0\0" + (39).to_bytes(3, "little") + (19).to_bytes(3, "little")),
        (b"ICCP", b"somewhere"), (b"VP8 ", frame), (b"EXIF", tiff + b"GPS: somewhere"),
    )  # fmt: skip
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(one)) + one + bytes(len(one) % 2) for kind, one in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


WEBP = webp()


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with the two letters, and a surveyor of everything."""
    async with stage(tmp_path) as found:
        with found.database.writing() as connection:
            directives.load(connection, now_ns=NOW_NS)
            account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
            assert account is not None
            for role in GIVEN:
                roles.give(
                    connection, roles.whoever_holds_the_machine(NOW_NS), account,
                    roles.Draft(role=role, reason="phân công"), now_ns=NOW_NS,
                )  # fmt: skip
        yield found


@pytest_asyncio.fixture
async def client(hub: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """The surveyor's browser."""
    async with browser(hub) as found:
        await sign_in(found)
        yield found


async def begun(client: httpx.AsyncClient) -> tuple[str, str]:
    """A campaign by the order of Hà Nội; ids of it and of the facility's survey."""
    orders = (await client.get("/api/v1/directives")).json()["directives"]
    order = next(one["id"] for one in orders if one["number"] == "1445/UBND-KGVX")
    body = {"title": "Đợt 1", "due": "2026-11-30", "directive": order, "clause": "1"}
    made = (await client.post("/api/v1/surveys", json=body)).json()
    return made["id"], made["surveys"][0]["id"]


async def form_of(
    client: httpx.AsyncClient, page: str, has: str, by: str = "action"
) -> dict[str, str]:
    """The fields of the form of a page that goes to this address, or has this field."""
    reader = Reader(page)
    reader.feed((await client.get(page)).text)
    (form,) = (
        one for one in reader.forms if (has == one.action if by == "action" else has in one.names)
    )
    values = {name: value.decode() for name, value in filled(form, {}) if name != "do"}
    return values | {name: value for name, value in form.fields if name == "form_token"}


async def test_a_campaign_is_begun_by_its_order_and_shows_who_owes(
    client: httpx.AsyncClient,
) -> None:
    """On the page: cites its order and clause; names what cannot stay, and keeps what was typed."""
    values = await form_of(client, "/surveys", "/surveys")
    orders = (await client.get("/api/v1/directives")).json()["directives"]
    wrong = await client.post("/surveys", data={**values, "title": "Đợt mới", "due": "mai"})
    assert wrong.status_code == 422
    assert 'value="Đợt mới"' in wrong.text
    sent = {
        **values, "title": "Đợt 1", "due": "30/11/2026", "answers": "facility",
        "directive": orders[0]["id"], "clause": "1", "line": "paid_hotel",
    }  # fmt: skip
    made = await client.post("/surveys", data=sent)
    page = (await client.get(made.headers["location"])).text
    assert orders[0]["number"] in page
    assert "KS Mường Hoa" in page
    assert "chưa trả lời" in page
    listed = (await client.get("/api/v1/surveys")).json()["campaigns"]
    assert [one["states"] for one in listed] == [{"asked": 1}]


async def test_a_link_opens_one_form_and_then_its_receipt_alone(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """Without an account; a faulty form loses nothing; what is sent twice is kept once."""
    _, survey = await begun(client)
    made = (await client.post(f"/api/v1/surveys/{survey}/links", json={"days": 14})).json()
    path = made["address"].removeprefix(str(client.base_url).rstrip("/"))
    async with browser(hub) as guest:
        page = (await guest.get(path)).text
        assert "KS Mường Hoa" in page
        assert "hl-2a" not in page, "whoever has a link reads nothing of the register"
        wrong = await guest.post(path, data={**FORM, "k-phone": "gọi bảo vệ"})
        assert wrong.status_code == 422
        assert "gọi bảo vệ" in wrong.text
        assert "nhà phố, không có sân" in wrong.text
        more = await guest.post(path, data={**FORM, "do": "add"})
        assert more.status_code == 200
        assert 'name="c-2-zone"' in more.text
        accept = {"Accept": "application/json"}
        first = await guest.post(path, data=FORM, headers=accept)
        again = await guest.post(path, data=FORM, headers=accept)
        assert (first.status_code, first.json()) == (201, again.json())
        other = await guest.post(path, data={**FORM, "client_id": "client-0002"}, headers=accept)
        assert other.status_code == 409
        receipt = (await guest.get(path)).text
        assert first.json()["receipt"] in receipt
        assert 'name="p-name"' not in receipt
        assert (await guest.get("/s/" + "x" * 43)).status_code == 404
        assert (await guest.get(f"/surveys/{survey}/form")).status_code == 303
    await client.delete(f"/api/v1/surveys/{survey}/links/{made['id']}")
    async with browser(hub) as guest:
        assert (await guest.get(path)).status_code == 404


async def test_the_survey_refuses_every_forbidden_place(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """By link, signed in and by API; each with the rule, each in the access log."""
    _, survey = await begun(client)
    made = (await client.post(f"/api/v1/surveys/{survey}/links", json={"days": 1})).json()
    path = made["address"].removeprefix(str(client.base_url).rstrip("/"))
    values = await form_of(client, f"/surveys/{survey}/form", "p-name", by="field")
    token = {"form_token": values["form_token"]}
    tried = 0
    for place in PLACES[::3]:
        changed = {f"c-0-{name}": value for name, value in place.items()}
        camera = {"zone": "HL", "title": "Hành lang", **place}
        body = {
            "client_id": "client-0003", "person": {"name": "A"}, "cameras": [camera],
            "contact": {"name": "A", "phone": "0200 000 114"},
        }  # fmt: skip
        answers = [
            await client.post(path, data={**FORM, **changed}),
            await client.post(f"/surveys/{survey}/form", data={**FORM, **token, **changed}),
            await client.post(f"/api/v1/surveys/{survey}/answers", json=body),
        ]
        assert [one.status_code for one in answers] == [422] * 3, place
        assert "Không được lắp camera trong" in answers[0].text
        assert "mặc định của phần mềm" in answers[0].text
        tried += 3
    with hub.database.reading() as connection:
        refused = audit.rows(connection, audit.Filter(act="placement_refused"))
        assert surveys.answers(connection, survey) == []
    assert len(refused) == tried


async def test_answers_become_a_verdict_register_and_minutes(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """Filled from the register, verified by choice; the minutes are drafted for the parties."""
    _, survey = await begun(client)
    values = await form_of(client, f"/surveys/{survey}/form", "p-name", by="field")
    assert values["c-0-code"] == "cg-1"
    kept = {
        name: value for name, value in values.items() if name[-5:] in ("-code", "title", "token")
    }
    zones = {name: zone for name, zone, _ in CAMERAS}
    kept |= {
        f"{name[:-5]}-zone": zones[value] for name, value in values.items()
        if name.endswith("-code") and value
    }  # fmt: skip
    form = {**kept, "p-name": "Lễ tân A", "k-name": "Đầu mối A", "k-phone": "0200 000 114",
            "f-rooms": "40"}  # fmt: skip
    assert (await client.post(f"/surveys/{survey}/form", data=form)).status_code == 200
    file = wire_survey.write_survey(
        wire_survey.encode_survey(
            wire_survey.Survey(
                program="vonggac", started="2026-11-18T02:00:00Z",
                uplink=wire_survey.SurveyUplink(measured=True, kbps=900),
            )
        ),
        None,
    )  # fmt: skip
    token = {"form_token": values["form_token"]}
    facts = f"/surveys/{survey}/facts"
    assert (
        await client.post(facts, data=token, files={"file": ("a.json", b"{}")})
    ).status_code == 422
    assert (
        await client.post(facts, data=token, files={"file": ("a.json", file)})
    ).status_code == 303
    whole = (await client.get(f"/api/v1/surveys/{survey}")).json()
    assert "line_weak" in whole["verdict"]["reasons"]
    assert {one["key"] for one in whole["differences"]} == {"contact", "rooms"}
    page = (await client.get(f"/surveys/{survey}")).text
    assert "đường truyền không đạt" in page
    judged = await client.post(
        f"/surveys/{survey}/judgement",
        data={**token, "do": "verify", "version": "1", "write": "contact"},
    )
    assert judged.status_code == 303
    minutes = await client.post(
        f"/surveys/{survey}/minutes", data={**token, "party": ["facility", "surveyor"]}
    )
    assert re.fullmatch(r"/papers/\w+", minutes.headers["location"])
    with hub.database.reading() as connection:
        assert register.contacts(connection, [SITE_ID])[SITE_ID, "contact"].name == "Đầu mối A"
        assert register.facility(connection, SITE_ID).said.rooms is None
        found = surveys.verdict(connection, SITE_ID)
        assert found is not None
        assert found.qualified == 9
        (paper,) = papers.of(connection, f"survey:{survey}")
        assert paper.kind == "bien-ban"


async def test_calls_and_reminders_are_drafted_for_the_clerk(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """The third silence writes to the owning body; the reminder goes to a unit."""
    campaign, survey = await begun(client)
    token = await form_of(client, f"/surveys/{survey}", f"/surveys/{survey}/calls")
    call: dict[str, Any] = {**token, "called": "18/11/2026 14:00", "outcome": "silent"}
    bad = await client.post(f"/surveys/{survey}/calls", data={**call, "outcome": "refused"})
    assert bad.status_code == 422
    for _ in range(3):
        assert (await client.post(f"/surveys/{survey}/calls", data=call)).status_code == 303
    listed = (await client.get(f"/api/v1/campaigns/{campaign}/calls")).json()["calls"]
    assert [(one["calls"], one["silences"]) for one in listed] == [(3, 3)]
    with hub.database.reading() as connection:
        (paper,) = papers.of(connection, f"survey:{survey}")
        assert "Du lịch" in papers.letter_of(connection, paper.id).addressees[0]
    sent = await client.post(
        f"/campaigns/{campaign}", data={**token, "do": "remind", "unit": "unassigned"}
    )
    assert sent.headers["location"].startswith("/papers/")
    links = await client.post(f"/campaigns/{campaign}", data={**token, "do": "links", "days": "7"})
    assert "/s/" in links.text
    assert "Kính gửi KS Mường Hoa" in links.text


async def test_the_third_silence_writes_by_the_api_too(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """The answer of the third call names the letter; page and call list show how it stands."""
    campaign, survey = await begun(client)
    call = {"called": "2026-11-18T02:00:00Z", "outcome": "silent"}
    path = f"/api/v1/surveys/{survey}/calls"
    letters = [(await client.post(path, json=call)).json()["paper"] for _ in range(4)]
    assert [one is not None for one in letters] == [False, False, True, False]
    with hub.database.reading() as connection:
        (paper,) = papers.of(connection, f"survey:{survey}")
    assert paper.id == letters[2]
    page = (await client.get(f"/surveys/{survey}")).text
    assert f"/papers/{paper.id}" in page
    assert "4 lần liền không liên lạc được" in page
    listed = (await client.get(f"/api/v1/campaigns/{campaign}/calls")).json()["calls"]
    assert [one["silences"] for one in listed] == [4]
    refused = {**call, "outcome": "refused", "person": "Quản lý B", "said": "chưa có lệnh"}
    assert (await client.post(path, json=refused)).status_code == 201
    assert (await client.get(f"/api/v1/surveys/{survey}")).json()["state"] == "refused"


async def test_photographs_come_with_the_form_of_a_browser_without_scripts(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """By link: kept whatever becomes of the form, named when it comes back, without their place."""
    _, survey = await begun(client)
    made = (await client.post(f"/api/v1/surveys/{survey}/links", json={"days": 14})).json()
    path = made["address"].removeprefix(str(client.base_url).rstrip("/"))
    form = {name: value for name, value in FORM.items() if name != "client_id"}
    async with browser(hub) as guest:
        wrong = await guest.post(
            path, data={**form, "k-phone": "gọi bảo vệ"},
            files=[
                ("photo-z-SAN", ("san.png", png(), "image/png")),
                ("photo-c-0", ("vi-tri.webp", WEBP, "image/webp")),
                ("photo-c-1", ("khong.jpg", b"GIF89a....", "image/jpeg")),
                ("photo-place", ("", b"", "application/octet-stream")),
            ],
        )  # fmt: skip
        assert wrong.status_code == 422
        assert "Dùng ảnh JPEG, PNG hoặc WebP." in wrong.text
        assert 'value="gọi bảo vệ"' in wrong.text
        assert 'id="e-k-phone"' in wrong.text, "all that is wrong is said at once"
        assert wrong.text.count("Đánh dấu để bỏ ảnh này") == 2
        named = re.search(r'name="pictures" value="([0-9a-f,]+)"', wrong.text)
        assert named is not None
        yard, spot = named[1].split(",")
        sent = await guest.post(
            path, data={**form, "pictures": named[1], f"drop-{spot}": "yes"},
            files=[("photo-z-SAN", ("san.png", png(), "image/png"))],
        )  # fmt: skip
        assert 'id="receipt"' in sent.text, "the photograph that came twice is one"
        late = await guest.post(path, data=form, files=[("photo-c-0", ("a.webp", WEBP))])
        assert late.status_code == 409
    with hub.database.reading() as connection:
        (answer,) = surveys.answers(connection, survey)
        kept = surveys.photographs(connection, survey)
        contents = [surveys.photograph(connection, survey, one.id)[1] for one in kept]
    assert answer.pictures == (yard,)
    assert {(one.about, one.media_type, one.width, one.height) for one in kept} == {
        ("z-SAN", "image/png", 16, 16), ("c-0", "image/webp", 40, 20),
    }  # fmt: skip
    assert not [one for one in contents if b"somewhere" in one]
    values = await form_of(client, f"/surveys/{survey}/form", "p-name", by="field")
    assert values["pictures"] == yard, "answered again, it has its photographs still"


async def test_more_photographs_than_one_sending_takes_cost_nothing_that_was_typed(
    hub: Stage, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that fit are kept, the others are asked for again; beyond all bounds a page says so."""
    _, survey = await begun(client)
    made = (await client.post(f"/api/v1/surveys/{survey}/links", json={"days": 14})).json()
    path = made["address"].removeprefix(str(client.base_url).rstrip("/"))
    form = {name: value for name, value in FORM.items() if name != "client_id"}
    monkeypatch.setattr(survey_form, "PHOTOS_MOST", 2 * len(png()))
    async with browser(hub) as guest:
        sent = await guest.post(
            path, data={**form, "do": "photos"},
            files=[(f"photo-{name}", ("a.png", png())) for name in ("z-SAN", "c-0", "c-1")],
        )  # fmt: skip
        assert sent.status_code == 422
        assert sent.text.count("Ảnh chưa được nhận vì mỗi lần gửi nhiều nhất 20 MB ảnh.") == 1
        assert sent.text.count("Đánh dấu để bỏ ảnh này") == 2
        assert f'value="{FORM["k-phone"]}"' in sent.text
        head = {"Content-Length": str(security.longest(path) + 1),
                "Content-Type": "multipart/form-data; boundary=x"}  # fmt: skip
        for language, said in (("vi", "Lần gửi này quá lớn"), ("en", "This sending is too large")):
            guest.cookies.set(LANGUAGE_COOKIE, language)
            beyond = await guest.post(path, content=b"x", headers=head)
            assert beyond.status_code == 413
            assert said in beyond.text
            assert "64 MB" in beyond.text


def test_a_webp_loses_what_it_tells_and_stays_upright() -> None:
    """Told by its bytes; place and profile stay outside; letters take none."""
    found = pictures.taken(WEBP, webp=True)
    assert (found.media_type, found.width, found.height) == ("image/webp", 40, 20)
    assert b"somewhere" not in found.content
    turned = webp(turned=6)
    upright = pictures.taken(turned, webp=True)
    assert (upright.width, upright.height) == (20, 40)
    assert b"somewhere" not in upright.content
    assert pictures.taken(upright.content, webp=True).content == upright.content
    for content, fault in (
        (WEBP[:-3], "picture_broken"), (WEBP[:12], "picture_broken"),
        (WEBP[:12] + b"ANIM" + bytes(4), "picture_broken"),
    ):  # fmt: skip
        with pytest.raises(VonggacError) as caught:
            pictures.taken(content, webp=True)
        assert caught.value.detail["fields"] == {"picture": fault}
    with pytest.raises(VonggacError):
        pictures.taken(WEBP)


async def test_an_unmeasured_camera_goes_into_the_register_and_waits(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    """Shown as chưa đo on pages and by the API; the box is not told of it until it is confirmed."""
    _, survey = await begun(client)
    body = {
        "client_id": "client-0006", "person": {"name": "A"},
        "contact": {"name": "A", "phone": "0200 000 114"},
        "cameras": [{"zone": "HL", "title": "Hành lang mới", "address": "192.0.2.77"}],
    }  # fmt: skip
    path = f"/api/v1/surveys/{survey}"
    assert (await client.post(f"{path}/answers", json=body)).status_code == 201
    new = next(
        one for one in (await client.get(path)).json()["differences"] if one["key"] == "new-0"
    )
    assert (new["remark"], new["blocked"]) == ("unmeasured", "")
    assert "chưa đo: vào danh mục" in (await client.get(f"/surveys/{survey}")).text
    done = await client.post(
        f"{path}/judgement", json={"verified": True, "version": 1, "write": ["new-0"]}
    )
    assert done.json()["state"] == "verified"
    listed = (await client.get("/api/v1/cameras")).json()["cameras"]
    (camera,) = (one for one in listed if not one["measured"])
    assert camera["title"] == "Hành lang mới"
    assert "Chưa đo." in (await client.get(f"/cameras/{camera['id']}")).text
    assert "chưa đo" in (await client.get("/")).text
    _, _, order = hub.orders._read(hub.site)
    ordered = [one.name for one in order.cameras]
    assert camera["name"] not in ordered
    assert len(ordered) == len(listed) - 1

    values = await form_of(client, f"/cameras/{camera['id']}/edit", f"/cameras/{camera['id']}/edit")
    saved = {**values, "main_url": "rtsp://192.0.2.77/main", "zone": "HL", "do": "save"}
    answer = await client.post(f"/cameras/{camera['id']}/edit", data=saved)
    assert answer.status_code == 303, answer.text
    assert (await client.get(f"/api/v1/cameras/{camera['id']}")).json()["measured"] is True
    _, _, order = hub.orders._read(hub.site)
    assert camera["name"] in [one.name for one in order.cameras]


async def test_a_disputed_form_is_answered_again(client: httpx.AsyncClient) -> None:
    """By the API: given back with a reason, answered, and no version is lost."""
    _, survey = await begun(client)
    body = {
        "client_id": "client-0004", "person": {"name": "A"},
        "contact": {"name": "A", "phone": "0200 000 114"},
    }  # fmt: skip
    path = f"/api/v1/surveys/{survey}"
    assert (await client.post(f"{path}/answers", json=body)).status_code == 201
    back = await client.post(f"{path}/judgement", json={"verified": False, "reason": "thiếu cổng"})
    assert back.json()["state"] == "disputed"
    again = await client.post(f"{path}/answers", json={**body, "client_id": "client-0005"})
    assert again.json()["version"] == 2
    stale = await client.post(f"{path}/judgement", json={"verified": True, "version": 1})
    assert stale.status_code == 409
    done = await client.post(f"{path}/judgement", json={"verified": True, "version": 2})
    assert done.json()["state"] == "verified"
    assert [one["state"] for one in (await client.get(path)).json()["steps"]] == [
        "answered", "disputed", "answered", "verified",
    ]  # fmt: skip
    assert msgspec.json.encode((await client.get(path)).json()["verdict"]["reasons"]) == b'["new"]'


def test_the_stage_is_of_today() -> None:
    """The campaign's last day lies after the stage's clock."""
    assert NOW.date().isoformat() < "2026-11-30"
