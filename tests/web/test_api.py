"""The API: one error shape, honest ledgers, exact ranges, grants that open what they name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute

from hub_stage import (
    CAMERAS,
    FILM,
    HOUR,
    JPEG,
    NOW_NS,
    PASSWORD,
    SITE_ID,
    Stage,
    browser,
    sign_in,
    stage,
)
from vonggac import __version__, bus, keys
from vonggac.causes import Cause
from vonggac.clock import SystemClock, rfc3339
from vonggac.db import tables
from vonggac.domain import audit, ledger
from vonggac.errors import Kind
from vonggac.web.app import ROUTERS
from vonggac.web.errors import STATUS

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

DRAFT: dict[str, Any] = {
    "name": "st-9",
    "title": "Sảnh tầng 9",
    "zone": "ST",
    "main_url": "rtsp://admin:bi-mat@192.0.2.77:554/1",
}


def test_every_kind_of_error_has_one_status() -> None:
    assert set(STATUS) == set(Kind)
    assert {kind: status for kind, status in STATUS.items() if status < 400} == {}


async def test_every_refusal_has_one_shape(client: httpx.AsyncClient) -> None:
    """{"error": {"kind", "message", "detail"}}: whoever reads one can read all."""
    answers = [
        await client.get("/api/v1/nothing"),
        await client.get("/api/v1/cameras/none"),
        await client.post("/api/v1/cameras"),
        await client.request("PATCH", "/api/v1/cameras"),
        await client.post("/api/v1/session", content=b"{", headers={"content-type": "x/y"}),
        await client.get("/api/v1/cameras/hl-2a/ledger?from=yesterday"),
        await client.get("/api/v1/cameras/hl-2a/ledger?from=2026-11-18T07:00:00"),
        await client.get("/api/v1/cameras/hl-2a/recording.mp4"),
        await client.get("/api/v1/cameras/hl-2a/snapshot.jpg"),
        await client.post("/api/v1/grants", json={"nkey": "x", "cameras": ["hl-2a"]}),
        await client.get("/api/v1/cameras/hl-2a/snapshot.jpg?width=1"),
        await client.post("/api/v1/session", content=b"x" * 2_000_000),
    ]

    for answer in answers:
        assert 400 <= answer.status_code < 600
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert set(body) == {"error"}
        assert set(body["error"]) == {"kind", "message", "detail"}
        assert body["error"]["kind"] in set(Kind)
        assert body["error"]["message"]


async def test_cameras_say_what_they_are_doing(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/cameras")).json()

    assert body["reachable"] is True
    assert [camera["id"] for camera in body["cameras"]] == [
        "cg-1",
        "hl-2a",
        "hl-2b",
        "hl-3b",
        "hl-3c",
        "san-1",
        "st-2",
        "tn-1",
        "vs-1",
    ]
    by_id = {camera["id"]: camera for camera in body["cameras"]}
    assert by_id["hl-2a"]["state"]["kind"] == "recording"
    assert by_id["hl-3c"]["state"] == {
        "kind": "gap",
        "cause": "unreachable",
        "since": "2026-11-18T07:07:31.000Z",
        "as_of": "2026-11-18T07:32:05.000Z",
    }
    assert by_id["tn-1"]["streams"]["main"]["codec"] == "hvc1.1.6.L120.B0"
    assert "192.0.2" not in str(body)


async def test_a_state_that_is_old_is_unknown(client: httpx.AsyncClient, hub: Stage) -> None:
    """A camera that recorded a minute ago may not be said to record now."""
    await hub.clock.advance(60)  # type: ignore[attr-defined]

    body = (await client.get("/api/v1/cameras/hl-2a")).json()

    assert body["state"]["kind"] == "unknown"


async def test_a_ledger_adds_up(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/api/v1/cameras/hl-2b/ledger",
        params={"from": "2026-11-18T09:00:00+07:00", "to": "2026-11-18T03:00:00Z"},
    )

    body = answer.json()
    assert (body["from"], body["to"]) == ("2026-11-18T02:00:00.000Z", "2026-11-18T03:00:00.000Z")
    assert [(gap["from"], gap["to"], gap["cause"]) for gap in body["gaps"]] == [
        ("2026-11-18T02:33:11.000Z", "2026-11-18T02:37:12.000Z", "no_keyframe"),
        ("2026-11-18T02:38:00.000Z", "2026-11-18T02:38:42.000Z", "unreachable"),
    ]
    assert len(body["spans"]) == 3
    assert body["unknown"] == []
    figures = body["figures"]
    assert figures["missing_s"] == 241 + 42
    assert figures["recorded_s"] + figures["missing_s"] == 3600
    assert figures["percent"] == 92.13


async def test_an_unescaped_plus_in_an_offset_is_understood(client: httpx.AsyncClient) -> None:
    """Browsers' address bars send it as a space."""
    answer = await client.get(
        "/api/v1/cameras/hl-2a/ledger?from=2026-11-18T09:00:00+07:00&to=2026-11-18T10:00:00+07:00"
    )

    assert answer.json()["from"] == "2026-11-18T02:00:00.000Z"


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-11-18T08:00:00Z&to=2026-11-18T07:00:00Z",
        "from=2020-01-01T00:00:00Z&to=2026-11-18T07:00:00Z",
        "from=1960-01-01T00:00:00Z&to=1960-01-02T00:00:00Z",
        "from=9999-12-31T23:59:59-14:00",
        "to=0001-01-01T00:00:00%2B14:00",
    ],
)
async def test_impossible_spans_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/v1/cameras/hl-2a/ledger?{query}")

    assert answer.status_code == 422


async def test_a_camera_is_registered_edited_and_retired(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    made = await client.post("/api/v1/cameras", json=DRAFT)
    again = await client.post("/api/v1/cameras", json=DRAFT)
    edited = await client.put(
        "/api/v1/cameras/st-9", json={**DRAFT, "title": "Sảnh", "revision": 1}
    )
    stale = await client.put("/api/v1/cameras/st-9", json={**DRAFT, "revision": 1})
    fixed = await client.put("/api/v1/cameras/hl-2a", json={**DRAFT, "name": "hl-2a"})
    gone = await client.request("DELETE", "/api/v1/cameras/st-9", params={"reason": "thử"})

    assert (made.status_code, made.json()["origin"]) == (201, "page")
    assert "bi-mat" not in made.text
    assert (again.status_code, again.json()["error"]["detail"]["fields"].keys()) == (422, {"name"})
    assert (edited.status_code, edited.json()["revision"]) == (200, 2)
    assert (stale.status_code, stale.json()["error"]["kind"]) == (409, "conflict")
    assert fixed.status_code == 409
    assert gone.status_code == 204
    assert (await client.get("/api/v1/cameras/st-9")).status_code == 404
    with hub.database.reading() as connection:
        acts = [row.act for row in audit.rows(connection, audit.Filter(thing="st-9"))]
    assert acts == ["camera_retired", "camera_edited", "camera_added"]


@pytest.mark.parametrize("zone", ["PHONG", "WC", "TAM", "tam"])
async def test_the_api_refuses_a_forbidden_place_and_tells_the_log(
    client: httpx.AsyncClient, hub: Stage, zone: str
) -> None:
    answer = await client.post("/api/v1/cameras", json={**DRAFT, "zone": zone})

    assert answer.status_code == 422
    assert "No camera may stand" in answer.json()["error"]["detail"]["fields"]["zone"]
    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act="placement_refused"))
    assert [(row.outcome, row.thing) for row in rows] == [("refused", "st-9")]


RECORDING = "/api/v1/cameras/hl-2a/recording.mp4?from=2026-11-18T06:00:00Z&to=2026-11-18T06:10:00Z"


async def test_a_recording_is_served_in_ranges(client: httpx.AsyncClient, hub: Stage) -> None:
    """What Chromium's video element asks for, and a download manager."""
    box = await hub.box()
    whole = await client.get(RECORDING)
    head = await client.head(RECORDING)
    first = await client.get(RECORDING, headers={"range": "bytes=0-99"})
    middle = await client.get(RECORDING, headers={"range": "bytes=300000-"})
    last = await client.get(RECORDING, headers={"range": "bytes=-10"})
    beyond = await client.get(RECORDING, headers={"range": f"bytes={len(FILM)}-"})
    etag = whole.headers["etag"]
    fresh = await client.get(RECORDING, headers={"if-none-match": etag})
    same = await client.get(RECORDING, headers={"range": "bytes=0-9", "if-range": etag})
    other = await client.get(RECORDING, headers={"range": "bytes=0-9", "if-range": '"other"'})
    several = await client.get(RECORDING, headers={"range": "bytes=0-9,20-29"})
    await box.stop()

    assert (whole.status_code, whole.content) == (200, FILM)
    assert etag == '"film-1"'
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    assert "hl-2a_20261118T060000Z_600s.mp4" in whole.headers["content-disposition"]
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(FILM))
    assert (first.status_code, first.content) == (206, FILM[:100])
    assert first.headers["content-range"] == f"bytes 0-99/{len(FILM)}"
    assert middle.content == FILM[300_000:]
    assert last.content == FILM[-10:]
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(FILM)}")
    assert beyond.json()["error"]["kind"] == "bad_input"
    assert (fresh.status_code, fresh.content) == (304, b"")
    assert (same.status_code, len(same.content)) == (206, 10)
    assert (other.status_code, len(other.content)) == (200, len(FILM))
    assert several.status_code == 200


async def test_a_download_is_in_the_access_log_once(client: httpx.AsyncClient, hub: Stage) -> None:
    """A player sends twenty ranges for one film."""
    box = await hub.box()
    for start in (0, 1000, 2000):
        await client.get(RECORDING, headers={"range": f"bytes={start}-{start + 99}"})
    await client.get("/api/v1/cameras/hl-2a/snapshot.jpg")
    await box.stop()

    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(thing="hl-2a"))
    assert [row.act for row in rows] == ["snapshot_taken", "recording_downloaded"]
    assert rows[1].detail["from"] == "2026-11-18T06:00:00.000Z"


async def test_a_download_that_leaves_the_first_byte_out_is_in_the_access_log(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """Everything but the file's first byte, which anybody knows, is the whole recording."""
    box = await hub.box()
    for wanted in ("bytes=1-", "bytes=-500000"):
        assert (await client.get(RECORDING, headers={"range": wanted})).status_code == 206
    await client.get(RECORDING.replace("06:10", "06:09"), headers={"range": "bytes=1-"})
    await hub.clock.advance(601)
    await client.get(RECORDING, headers={"range": "bytes=1-"})
    await box.stop()

    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(thing="hl-2a", act="recording_downloaded"))
    assert [row.detail["to"][14:16] for row in reversed(rows)] == ["10", "09", "10"]
    assert rows[0].detail["bytes"] == len(FILM)


async def test_a_snapshot_is_a_picture_and_the_box_may_be_away(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    away = await client.get("/api/v1/cameras/hl-2a/snapshot.jpg")
    box = await hub.box()
    found = await client.get("/api/v1/cameras/hl-2a/snapshot.jpg?width=640")
    then = await client.get("/api/v1/cameras/hl-2a/snapshot.jpg?at=2026-11-18T06:00:00Z")
    await box.stop()

    assert away.status_code in (503, 504)
    assert (found.status_code, found.content) == (200, JPEG)
    assert found.headers["content-type"] == "image/jpeg"
    assert found.headers["cache-control"] == "no-store"
    assert then.status_code == 200


async def test_a_probe_hides_no_password_in_its_address(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    box = await hub.box()
    answer = await client.post("/api/v1/probe", json={"url": "rtsp://admin:bi-mat@192.0.2.9/1"})
    body = box.bodies[-1]
    await box.stop()

    assert answer.json()["codec"] == "h264"
    assert b"bi-mat" not in body
    with hub.database.reading() as connection:
        row = audit.rows(connection, audit.Filter(act="camera_probed"))[0]
    assert row.thing == "rtsp://192.0.2.9/1"


async def test_probes_are_limited(client: httpx.AsyncClient) -> None:
    """Each makes the box open a connection; a page left open must not hammer a camera."""
    statuses = [
        (await client.post("/api/v1/probe", json={"url": "rtsp://192.0.2.9/1"})).status_code
        for _ in range(8)
    ]

    assert set(statuses[:6]) <= {503, 504}
    assert statuses[6:] == [429, 429]


def grant_body(**changes: Any) -> dict[str, Any]:
    key = keys.NKey.create(keys.Role.USER)
    return {
        "nkey": key.public,
        "cameras": ["hl-2a"],
        "streams": ["sub"],
        "purpose": "watch",
    } | changes


async def test_a_grant_names_exactly_what_was_asked(client: httpx.AsyncClient, hub: Stage) -> None:
    """As docs/ref/subjects.md says, and nothing more."""
    body = (await client.post("/api/v1/grants", json=grant_body())).json()

    assert set(body) == {
        "token",
        "grant",
        "grant_id",
        "hub",
        "site",
        "subjects",
        "websocket",
        "expires",
        "renew_before_s",
        "now",
    }
    hub_id, grant_id = body["hub"], body["grant_id"]
    assert body["subjects"]["live"] == {"hl-2a": {"sub": f"vg.{hub_id}.{SITE_ID}.live.hl-2a.sub"}}
    assert set(body["subjects"]["ask"]["hl-2a"]) == {
        "open",
        "gop",
        "timeline",
        "snapshot",
        "more",
    }
    assert body["subjects"]["re"] == f"vg.{hub_id}.{SITE_ID}.re.{grant_id}"
    assert body["subjects"]["re_all"] == f"vg.{hub_id}.{SITE_ID}.re.{grant_id}.>"
    assert body["websocket"].startswith("ws://hub.test:")
    assert body["expires"] == "2026-11-18T07:34:07.000Z"
    verified = keys.verify(
        body["grant"],
        key=hub.hub_key.public,
        hub=hub_id,
        site=SITE_ID,
        now_s=NOW_NS // 1_000_000_000,
    ).grant
    assert (verified.cameras, verified.streams, verified.actor) == (("hl-2a",), ("sub",), "admin")
    assert not verified.own


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"cameras": ["none"]}, 404),
        ({"cameras": ["*"]}, 404),
        ({"cameras": []}, 422),
        ({"cameras": ["hl-2a", "hl-2a"]}, 200),
        ({"cameras": ["hl-2a"] * 65}, 422),
        ({"streams": ["third"]}, 422),
        ({"nkey": "UAAA"}, 422),
        ({"nkey": keys.NKey.create(keys.Role.ACCOUNT).public}, 422),
        ({"purpose": ""}, 422),
        ({"more": 1}, 422),
    ],
)
async def test_grants_are_refused_by_the_field(
    client: httpx.AsyncClient, changes: dict[str, Any], status: int
) -> None:
    answer = await client.post("/api/v1/grants", json=grant_body(**changes))

    assert answer.status_code == status


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")
async def test_the_real_server_takes_the_token(tmp_path: Path) -> None:
    """By the real time, from the page's own origin; what it refuses is tested in tests/test_bus."""
    async with stage(tmp_path, clock=SystemClock(), origins=("http://hub.test",)) as hub:
        async with browser(hub) as client:
            await sign_in(client)
            key = keys.NKey.create(keys.Role.USER)
            answer = await client.post("/api/v1/grants", json=grant_body(nkey=key.public))
        body = answer.json()
        connection = await bus.connect(
            hub.server.address.websocket,
            keys.Credential(body["token"], key),
            name="viewer",
            origin="http://hub.test",
        )
        arrived: list[bus.Message] = []
        await connection.listen(body["subjects"]["live"]["hl-2a"]["sub"], arrived.append)
        await connection.flush()
        box = await hub.box()
        await box.publish(body["subjects"]["live"]["hl-2a"]["sub"], b"part")
        await connection.flush()
        await connection.close()
        await box.stop()

    assert [message.payload for message in arrived] == [b"part"]


async def test_the_api_describes_itself(guest: httpx.AsyncClient) -> None:
    """Every route of the API stands in the OpenAPI document, and nothing else does."""
    document = (await guest.get("/api/v1/openapi.json")).json()

    routes = {
        (method.lower(), route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods
    }
    described = {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }
    assert described == routes
    assert all(path.startswith("/api/v1/") for _, path in described)
    for wanted in (
        ("post", "/api/v1/session"),
        ("get", "/api/v1/cameras"),
        ("get", "/api/v1/cameras/{camera_id}/ledger"),
        ("get", "/api/v1/cameras/{camera_id}/recording.mp4"),
        ("get", "/api/v1/cameras/{camera_id}/snapshot.jpg"),
        ("post", "/api/v1/grants"),
    ):
        assert wanted in described


async def test_health_and_metrics_name_nobody(guest: httpx.AsyncClient) -> None:
    """Health is open to the network's own watchers; the figures name cameras (test_limits.py)."""
    health = await guest.get("/healthz")
    metrics = await guest.get("/metrics", headers={"host": "127.0.0.1:8080"})

    near = await guest.get("/healthz", headers={"host": "127.0.0.1:8080"})
    document = await guest.get("/api/v1/openapi.json")

    assert health.json()["ok"] is True
    assert "version" not in health.json()
    assert near.json()["version"] == __version__
    assert document.json()["info"]["version"] == "1"
    assert __version__ not in document.text
    assert "vonggac_cameras 9.0" in metrics.text
    assert 'vonggac_stream_recording{camera="hl-3c",stream="main"} 0.0' in metrics.text
    assert "admin" not in metrics.text
    assert "192.0.2" not in metrics.text


async def test_a_body_of_another_kind_and_a_method_that_is_not_are_refused(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """415 and 405, in the one shape; who tries methods stands in the log."""
    token = (await client.get("/api/v1/session")).json()["csrf_token"]
    head = {"X-CSRF-Token": token, "Content-Type": "text/xml"}
    other = await client.post("/api/v1/requests", content=b"<a/>", headers=head)
    method = await client.put("/api/v1/cameras", json={}, headers={"X-CSRF-Token": token})

    assert (other.status_code, other.json()["error"]["kind"]) == (415, "bad_input")
    assert (method.status_code, method.json()["error"]["kind"]) == (405, "bad_input")
    assert "request.method_refused" in "".join(capsys.readouterr())  # wherever the log goes


async def test_a_broken_database_is_no_health(guest: httpx.AsyncClient, hub: Stage) -> None:
    with hub.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE site RENAME TO away")

    answer = await guest.get("/healthz")

    assert (answer.status_code, answer.json()["ok"]) == (503, False)


async def test_times_are_utc_everywhere(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/session")).json()

    assert datetime.fromisoformat(body["expires"]).tzinfo == UTC
    assert PASSWORD not in str(body)
    assert len(CAMERAS) == 9


async def test_a_gap_carries_its_evidence_as_a_sentence_and_as_a_code(
    client: httpx.AsyncClient, hub: Stage
) -> None:
    """A program counts by the code; a person reads the sentence, which is the one that was signed.

    What a person wrote has no code and stays as it is.
    """
    stream = ledger.Stream(SITE_ID, "hl-2a")
    said = "no ONVIF answer to GetSystemDateAndTime"
    with hub.database.writing() as connection:
        for at, cause, evidence in (
            (40, Cause.UNREACHABLE, said),
            (39, Cause.MAINTENANCE, "sơn lại hành lang"),
        ):
            begin = NOW_NS - at * 24 * HOUR
            gap = ledger.Gap(begin, begin + HOUR, cause, evidence)
            ledger.put_gap(connection, stream, gap)
    window = {"from": rfc3339(NOW_NS - 41 * 24 * HOUR), "to": rfc3339(NOW_NS - 38 * 24 * HOUR)}
    with hub.database.writing() as connection:
        connection.execute(tables.camera_service.update().values(from_ns=1))
    told = (await client.get("/api/v1/cameras/hl-2a/ledger", params=window)).json()["gaps"]

    assert [(gap["evidence"], gap["evidence_code"], gap["evidence_vi"]) for gap in told] == [
        (said, "onvif_no_answer", "thiết bị không trả lời câu hỏi ONVIF GetSystemDateAndTime"),
        ("sơn lại hành lang", None, "sơn lại hành lang"),
    ]
