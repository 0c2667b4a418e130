"""Pages without a browser: forms, empty and failed states, spreadsheets, static files."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from hub_stage import NOW_NS, SITE_ID, Stage, browser, sign_in, stage
from vonggac import wire
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import audit, ledger
from vonggac.hub import facts
from vonggac.hub.chores import Chores, Trouble
from vonggac.web import serve, words
from vonggac.web.ledgers import COLUMNS, safe_cell
from vonggac.web.office import length_in_days

if TYPE_CHECKING:
    from pathlib import Path


def form_token(html: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


async def filled(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    page = await client.get("/cameras/new")
    return {
        "form_token": form_token(page.text),
        "do": "save",
        "name": "st-9",
        "title": "Sảnh tầng 9",
        "zone": "ST",
        "main_url": "rtsp://admin:bi-mat-that@192.0.2.77:554/1",
        "source": "auto",
    } | changes


async def test_a_camera_is_added_in_the_browser(client: httpx.AsyncClient, hub: Stage) -> None:
    answer = await client.post("/cameras/new", data=await filled(client))

    assert (answer.status_code, answer.headers["location"]) == (303, "/cameras/st-9")
    page = await client.get("/cameras/st-9")
    assert "rtsp://192.0.2.77:554/1" in page.text
    assert "bi-mat-that" not in page.text
    edit = await client.get("/cameras/st-9/edit")
    assert "bi-mat-that" not in edit.text
    assert 'placeholder="giữ nguyên"' in edit.text


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        ("TAM", "Không được lắp camera trong nhà tắm. Hãy chọn vị trí phía ngoài cửa (VS)."),
        ("PHONG", "Không được lắp camera trong phòng cách ly. Hãy chọn vị trí ngoài cửa phòng"),
    ],
)
async def test_the_form_refuses_a_forbidden_place_in_its_own_words(
    client: httpx.AsyncClient, hub: Stage, zone: str, sentence: str
) -> None:
    answer = await client.post("/cameras/new", data=await filled(client, zone=zone))

    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="st-9"' in answer.text, "what was typed stays"
    with hub.database.reading() as connection:
        assert len(audit.rows(connection, audit.Filter(act="placement_refused"))) == 1


async def test_a_connection_is_tested_before_it_is_saved(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    box = await hub.box()
    answer = await client.post("/cameras/new", data=await filled(client, do="probe"))
    again = await client.post(
        "/cameras/hl-2a/probe", data={"form_token": (await filled(client))["form_token"]}
    )
    await box.stop()

    for page in (answer, again):
        assert "chưa đủ điều kiện kết nối" in page.text
        assert "Khoảng khung hình chính dài 4 giây, nhiều nhất 2 giây." in page.text
        assert "Đồng hồ camera lệch 1,3 giây." in page.text
        assert "data:image/jpeg;base64," in page.text
        assert "khung khai/nhận 25/21,3" in page.text
    assert (await client.get("/cameras/st-9")).status_code == 404


async def test_a_test_of_a_connection_without_a_box_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.post("/cameras/new", data=await filled(client, do="probe"))

    assert answer.status_code == 200
    assert "Thiết bị ghi không trả lời" in answer.text


async def test_cameras_are_found_and_offered(client: httpx.AsyncClient, hub: Stage) -> None:
    box = await hub.box()
    token = (await filled(client))["form_token"]
    answer = await client.post(
        "/discover",
        data={"form_token": token, "address": "", "user_name": "admin", "password": "bi-mat-that"},
    )
    await box.stop()

    assert "rtsp://192.0.2.9:554/Streaming/Channels/101" in answer.text
    assert "/cameras/new?url=rtsp%3A//192.0.2.9%3A554/Streaming/Channels/101" in answer.text
    assert "Vào trang của đầu ghi, mục Mạng, bật RTSP." in answer.text
    assert "bi-mat-that" not in answer.text


async def test_a_camera_of_the_file_is_not_edited_here(client: httpx.AsyncClient) -> None:
    token = (await filled(client))["form_token"]
    edit = await client.post(
        "/cameras/hl-2a/edit",
        data={**await filled(client), "form_token": token, "name": "hl-2a", "zone": "HL"},
    )
    retire = await client.post("/cameras/hl-2a/retire", data={"form_token": token, "reason": "thử"})

    assert [edit.status_code, retire.status_code] == [409, 409]
    assert "nằm trong tệp cấu hình" in edit.text


async def test_a_camera_leaves_the_register_with_a_reason(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    await client.post("/cameras/new", data=await filled(client))
    token = (await filled(client))["form_token"]
    without = await client.post("/cameras/st-9/retire", data={"form_token": token})
    gone = await client.post(
        "/cameras/st-9/retire", data={"form_token": token, "reason": "camera hỏng"}
    )

    assert without.status_code == 422
    assert "Ghi lý do" in without.text
    assert gone.status_code == 303
    with hub.database.reading() as connection:
        row = audit.rows(connection, audit.Filter(act="camera_retired"))[0]
    assert row.purpose == "camera hỏng"


async def test_an_empty_facility_says_how_to_begin(tmp_path: Path) -> None:
    async with stage(tmp_path, cameras=False) as hub, browser(hub) as client:
        await sign_in(client)
        pages = {
            path: (await client.get(path)).text
            for path in ("/", "/wall", "/playback", "/continuity", "/audit", "/system")
        }

    assert "Chưa có camera." in pages["/"]
    assert "Bạn chưa được giao camera nào." in pages["/wall"]
    assert "Chưa có camera." in pages["/playback"]
    assert "Chưa có camera." in pages["/continuity"]


async def test_days_that_will_not_be_kept_are_said_where_people_look(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Days before a recording is lost that was promised, and not only on a technician's page."""
    before = (await client.get("/")).text
    fact = wire.RetentionWarned(at=NOW_NS, promised_days=30, expected_days=11.5, broken=True)
    envelope = wire.Envelope(
        version=1, site=SITE_ID, epoch=0, sequence=900, payload=b"", signature=b""
    )
    with hub.database.writing() as connection:
        facts.apply_fact(connection, envelope, fact, now_ns=NOW_NS)

    assert "Sẽ không giữ được" not in before
    for path in ("/", "/system"):
        page = (await client.get(path)).text
        assert "Sẽ không giữ được 30 ngày." in page
        assert "chỉ chứa 11,5 ngày" in page


async def test_days_of_keeping_are_called_a_default_only_where_they_are_one(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """What an operator has chosen is not the software's default."""
    before = (await client.get("/")).text
    with hub.database.writing() as connection:
        connection.execute(
            tables.site.update().where(tables.site.c.id == SITE_ID).values(retention_days=45)
        )
    after = (await client.get("/")).text

    assert '30 ngày <span class="muted">(<span>mặc định của phần mềm</span>)</span>' in before
    assert '45 ngày <span class="muted">(theo cấu hình)</span>' in after


async def test_the_wall_knows_the_zone_of_each_camera(client: httpx.AsyncClient) -> None:
    """A tile says where it looks, in the words of the placement rule."""
    page = (await client.get("/wall")).text
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.S)
    assert found is not None
    zones = {one["id"]: one["zone"] for one in json.loads(found[1])["cameras"]}

    assert zones["cg-1"] == {"code": "CG", "name": "Cổng ra vào"}


async def test_the_system_page_tells_what_is_held_up_and_what_was_refused(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """A database that failed under a chore, now or today; a fact that a stranger signed."""
    before = (await client.get("/system")).text
    chores = Chores(hub.database, hub.clock)
    chores.troubles["idle"] = Trouble("idle", 3, "OperationalError: disk I/O error", NOW_NS)
    chores.troubles["audit"] = Trouble("audit", 1, "OperationalError", NOW_NS, NOW_NS + 1)
    chores.troubles["facts"] = Trouble("facts", 1, "", 1, 2)
    hub.app.state.chores = chores
    with hub.database.writing() as connection:
        audit.record(
            connection, audit.PROGRAM, audit.Act.FACT_REFUSED, now_ns=NOW_NS, thing="x",
            outcome="refused", detail={"reason": "announcement 1 of a key is signed by a stranger"},
        )  # fmt: skip

    page = (await client.get("/system")).text

    assert "Việc nền" not in before
    assert "bị từ chối trong 24 giờ" not in before
    assert "Việc nền đang dừng vì cơ sở dữ liệu: đóng tài khoản không dùng." in page
    assert "3 lần" in page
    assert "disk I/O error" in page
    assert "Việc nền đã chạy lại: ký và dọn nhật ký truy cập." in page
    assert "nhận tin của cơ sở" not in page
    assert "announcement 1 of a key is signed by a stranger" in page


async def test_figures_that_are_old_say_how_old(client: httpx.AsyncClient, hub: Stage) -> None:
    """They turn, and never disappear."""
    await hub.clock.advance(24 * 60 + 32)  # type: ignore[attr-defined]

    page = (await client.get("/")).text

    assert "số liệu lúc" in page
    assert "chậm 24 phút 34 giây" in page
    assert "Chưa đối soát" in page


async def test_a_lost_site_is_not_lost_video(client: httpx.AsyncClient, hub: Stage) -> None:
    with hub.database.writing() as connection:
        ledger.lose_site(connection, SITE_ID, lost_ns=NOW_NS - 60 * NS)

    page = (await client.get("/")).text

    assert "Mất kết nối cơ sở" in page
    assert "Chưa biết cơ sở có ghi hay không" in page


async def test_the_language_is_kept(client: httpx.AsyncClient) -> None:
    chosen = await client.get("/language", params={"to": "en", "next": "/continuity"})
    page = await client.get("/continuity")

    assert chosen.headers["location"] == "/continuity"
    assert '<html lang="en"' in page.text
    assert "Download CSV" in page.text
    evil = await client.get("/language", params={"to": "en", "next": "//evil.test"})
    assert evil.headers["location"] == "/"


async def test_error_pages_are_pages(client: httpx.AsyncClient, hub: Stage) -> None:
    missing = await client.get("/nothing")
    camera = await client.get("/cameras/none")
    bad = await client.get("/continuity?day=tomorrow")
    with hub.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE camera RENAME TO away")
    broken = await client.get("/")

    assert (missing.status_code, "Không có trang này" in missing.text) == (404, True)
    assert camera.status_code == 404
    assert (bad.status_code, "Yêu cầu không đúng" in bad.text) == (422, True)
    assert (broken.status_code, "Máy chủ gặp lỗi" in broken.text) == (500, True)
    assert "Traceback" not in broken.text
    assert "away" not in broken.text


async def test_what_people_type_is_shown_as_text(client: httpx.AsyncClient) -> None:
    hostile = '"><script>alert(1)</script>'
    await client.post("/cameras/new", data=await filled(client, title=hostile))

    for path in ("/", "/wall", "/playback?cameras=st-9", "/cameras/st-9", "/continuity"):
        assert "<script>alert" not in (await client.get(path)).text
    search = await client.get("/", params={"q": hostile})
    assert "<script>alert" not in search.text


async def test_continuity_as_csv_adds_up(client: httpx.AsyncClient, hub: Stage) -> None:
    answer = await client.get("/continuity.csv?day=2026-11-18&days=2&camera=hl-2b")

    assert answer.text.startswith("\ufeffsite,camera,title")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert tuple(rows[0])[: len(COLUMNS)] == COLUMNS
    assert [row["day"] for row in rows] == ["2026-11-17", "2026-11-18"]
    today = rows[1]
    assert today["missing_s"] == "895"
    assert today["unreachable_s"] == "654"
    assert today["no_keyframe_s"] == "241"
    assert today["percent"] == "98.28"
    assert today["longest_gap_s"] == "612"
    assert today["longest_gap_cause"] == "unreachable"
    assert rows[0]["percent"] == "100"
    with hub.database.reading() as connection:
        assert len(audit.rows(connection, audit.Filter(act="ledger_exported"))) == 1


@pytest.mark.parametrize("text", ["=1+1", "+84", "-1", "@x", "\tx"])
def test_no_cell_is_a_formula(text: str) -> None:
    """A camera's title is typed by a person and opened in a spreadsheet by another."""
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("Hành lang") == "Hành lang"


async def test_the_access_log_is_filtered_and_exported(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    await client.get("/continuity.csv")
    page = await client.get("/audit?act=ledger_exported")
    exported = await client.get("/audit.csv?day=2026-11-18")
    nobody = await client.get("/audit?actor=nobody")

    assert "Tải sổ" in page.text
    assert "sl-05" in page.text
    lines = exported.text.removeprefix("\ufeff").splitlines()
    assert (
        lines[0] == "time,actor,address,act,object,purpose,outcome,detail,number,unit,device,hash"
    )
    assert len(lines) == 3
    assert "Không có lượt nào khớp." in nobody.text
    with hub.database.reading() as connection:
        assert len(audit.rows(connection, audit.Filter(act="audit_exported"))) == 1


async def test_the_access_log_says_fields_and_codes_in_words(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Its readers are officials; what has no words, or only looks like a time, stands as it is."""
    with hub.database.writing() as connection:
        audit.record(
            connection, audit.Actor("a"), audit.Act.VIEW_ENDED, now_ns=NOW_NS,
            detail={"why": "closed", "role": "shift_lead", "streams": ["main", "sub"],
                    "began": "2026-11-18T06:00:00.000Z", "x-y": "9999-99-99T99:99:99Z",
                    "serious": True, "view": "a" * 26, "empty": ""},
        )  # fmt: skip
    page = html.unescape((await client.get("/audit?act=view_ended")).text)

    assert (
        "vì: đã đóng trang; vai trò: Trưởng ca trực; luồng: main, sub; bắt đầu: 18/11/2026 "
        "13:00:00; x-y: 9999-99-99T99:99:99Z; serious: có; lượt xem: aaaaaaaa…"
    ) in page
    assert '<option value="view_ended" selected>' in page


async def test_filters_of_the_facility_say_how_many(client: httpx.AsyncClient) -> None:
    page = (await client.get("/?show=attention")).text
    corridor = (await client.get("/?show=corridor&q=3b")).text

    assert re.search(r"Cần để ý <b>\d</b>", page)
    assert 'href="/cameras/hl-3b"' in corridor
    assert 'href="/cameras/hl-2a"' not in corridor.split("<tbody>")[1]


async def test_playback_takes_one_to_four_cameras(client: httpx.AsyncClient) -> None:
    one = await client.get("/playback?camera=hl-2a&at=2026-11-18T02:12:40.200Z")
    four = await client.get(
        "/playback?cameras=hl-2a,hl-2b,cg-1,st-2,vs-1&t=2026-11-18T09:12:40+07:00"
    )
    boxes = await client.get("/playback?c=hl-2a&c=cg-1&day=2026-11-17")
    unknown = await client.get("/playback?cameras=none")

    assert '"at":"2026-11-18T02:12:40.200Z"' in one.text
    assert '"selected":["hl-2a","hl-2b","cg-1","st-2"]' in four.text
    assert '"selected":["hl-2a","cg-1"]' in boxes.text
    assert '"day":"2026-11-17"' in boxes.text
    assert unknown.status_code == 404


async def test_static_files_are_kept_by_their_hash(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    found = re.search(r'href="(/static/mark\.svg\?v=[0-9a-f]{16})"', page)
    assert found is not None
    by_hash = await client.get(found[1])
    plain = await client.get("/static/js/wall.mjs")
    again = await client.get(
        "/static/js/wall.mjs", headers={"if-none-match": plain.headers["etag"]}
    )
    font = await client.get("/static/fonts/vg-figures-400.woff2")

    assert by_hash.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["cache-control"] == "no-cache"
    assert plain.headers["content-type"].startswith("text/javascript")
    assert again.status_code == 304
    assert font.headers["content-type"] == "font/woff2"
    assert (await client.get("/static/../app.py")).status_code == 404
    assert (await client.get("/static/%2e%2e/app.py")).status_code == 404


@pytest.mark.parametrize("name", ["wall", "playback"])
async def test_a_page_with_pictures_is_two_scripts_and_one_sheet(
    client: httpx.AsyncClient, name: str
) -> None:
    """Each file more costs a browser milliseconds of the first picture."""
    page = (await client.get(f"/{name}")).text
    head = page.partition("</head>")[0]
    start = re.search(r'<script src="(/static/js-[0-9a-f]{16}/start\.mjs)"></script>', head)
    own = re.search(
        rf'<script type="module"[^>]* src="(/static/js-[0-9a-f]{{16}}/{name}\.mjs)"', page
    )
    sheets = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    assert start is not None
    assert own is not None
    order = [head.index(one) for one in ('id="page-data"', start[0], 'rel="stylesheet"')]
    assert order == sorted(order), "it reads the one before, and waits for nothing that comes after"
    assert own[1] in head, "the browser fetches it before it has read the page"
    assert len(sheets) == 1
    for address, kind in ((start[1], "javascript"), (own[1], "javascript"), (sheets[0], "css")):
        response = await client.get(address)
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert kind in response.headers["content-type"]
    older = await client.get(f"/static/js-0123456789abcdef/{name}.mjs")
    assert older.text == (await client.get(own[1])).text
    assert older.headers["cache-control"] == "no-cache"
    assert (await client.get("/static/js-0123456789abcdef/../../app.py")).status_code == 404


async def test_every_page_loads_only_files_that_exist(client: httpx.AsyncClient) -> None:
    for path in ("/", "/wall", "/playback", "/signin"):
        page = (await client.get(path)).text
        for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
            assert (await client.get(address)).status_code == 200


async def test_it_is_served_over_a_socket_and_stops(hub: Stage) -> None:
    """`serve` in the running loop: answers, and ends when it is told to."""
    listener = serve.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve.serve(hub.app, listener, stop=stop))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.get("/healthz")
        stop.set()
        async with asyncio.timeout(20):
            await serving

    assert answer.json()["ok"] is True


def test_less_than_a_day_is_said_in_hours() -> None:
    """A disk that holds an hour was said to hold "0,0 ngày"."""
    vi, en = words.Tongue("vi"), words.Tongue("en")

    assert length_in_days(vi, 12.54) == "12,5 ngày"
    assert length_in_days(vi, 0.0625) == "1,5 giờ"
    assert length_in_days(en, 0.0625) == "1.5 hours"
    assert length_in_days(vi, None) == ""
