"""Exports and holds over HTTP: two persons, one facility, pages in both languages."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hub_stage import HOUR, NOW_NS, SITE_ID, browser
from vonggac import keys, wire
from vonggac.clock import rfc3339
from vonggac.db import tables
from vonggac.domain import accounts, audit, exports, holds, roles, sessions, wants
from vonggac.hub.exporting import EXPORTS, zip_path
from vonggac.web import evidence
from vonggac.web.desk import SESSION_COOKIE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from hub_stage import Stage

FAR = keys.new_id()
PAPER = {
    "number": "12/CV-CQĐT",
    "date": "2026-11-17",
    "body": "Cơ quan Cảnh sát điều tra",
    "reason": "xác minh vụ việc",
    "basis": "Điều 88 BLTTHS",
}


@dataclass
class People:
    """Signed-in browsers by name: truc asks, truong also approves and takes, xa is elsewhere."""

    hub: Stage
    clients: dict[str, httpx.AsyncClient]
    tokens: dict[str, str]

    async def post(self, name: str, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.clients[name].post(
            path, json=body, headers={"X-CSRF-Token": self.tokens[name]}
        )

    async def form(self, name: str, path: str, **fields: Any) -> httpx.Response:
        values = {"form_token": self.tokens[name], **fields}
        return await self.clients[name].post(path, data=values)

    async def get(self, name: str, path: str, **headers: str) -> httpx.Response:
        return await self.clients[name].get(path, headers=headers)

    async def asked(self, name: str = "truc") -> str:
        answer = await self.post(name, "/api/v1/exports", body())
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def acts(self) -> list[tuple[str, str, str]]:
        with self.hub.database.reading() as connection:
            rows = audit.rows(connection, audit.Filter())
        wanted = ("export", "hold")
        return [(r.act, r.actor, r.outcome) for r in reversed(rows) if r.act.startswith(wanted)]


def body(**changed: Any) -> dict[str, Any]:
    return {
        "cameras": ["hl-2a"],
        "from": rfc3339(NOW_NS - 2 * HOUR),
        "to": rfc3339(NOW_NS - HOUR),
        "request": PAPER,
        **changed,
    }


@pytest.fixture
async def people(hub: Stage) -> AsyncIterator[People]:
    given: dict[str, dict[str, Any]] = {
        "truc": {"role": "site_duty", "sites": (SITE_ID,)},
        "truong": {"role": "shift_lead", "sites": (SITE_ID,)},
        "truong2": {"role": "shift_lead", "sites": (SITE_ID,)},
        "xa": {"role": "shift_lead", "sites": (FAR,)},
        "kythuat": {"role": "technician", "sites": (SITE_ID,)},
    }
    tokens: dict[str, str] = {}
    clients: dict[str, httpx.AsyncClient] = {}
    async with AsyncExitStack() as stack:
        with hub.database.writing() as connection:
            connection.execute(
                tables.site.insert().values(id=FAR, name="far", title="Xa", created_ns=NOW_NS)
            )
            machine = roles.whoever_holds_the_machine(NOW_NS)
            for name, draft in given.items():
                account_id, _ = accounts.create(
                    connection, name=name, full_name=f"Cán bộ {name}", now_ns=NOW_NS
                )
                connection.execute(tables.account.update().values(must_change=False))
                roles.give(
                    connection, machine, account_id, roles.Draft(reason="phân công", **draft),
                    now_ns=NOW_NS,
                )  # fmt: skip
                account = accounts.find(connection, account_id)
                cookie = sessions.open_session(
                    connection, account, address="127.0.0.1", agent="", now_ns=NOW_NS
                )
                session = sessions.find_session(connection, cookie, now_ns=NOW_NS)
                assert session is not None
                tokens[name] = session.form_token
                clients[name] = await stack.enter_async_context(browser(hub))
                clients[name].cookies.set(SESSION_COOKIE, cookie)
        yield People(hub, clients, tokens)


async def test_one_asks_another_approves_and_nobody_their_own(people: People) -> None:
    """The contract of the API, with the refusal and its row."""
    asked = await people.asked("truong")
    own = await people.post("truong", f"/api/v1/exports/{asked}/approval", {})
    own_no = await people.post("truong", f"/api/v1/exports/{asked}/approval", {"approve": False})
    other = await people.post("truong2", f"/api/v1/exports/{asked}/approval", {})
    again = await people.post("truong2", f"/api/v1/exports/{asked}/approval", {})

    assert (own.status_code, own.json()["error"]["detail"]["code"]) == (403, "own_request")
    assert own_no.status_code == 403
    assert (other.status_code, other.json()["state"]) == (200, "approved")
    assert again.status_code == 409
    assert people.acts() == [
        ("export_asked", "truong", "done"),
        ("export_approved", "truong", "refused"),
        ("export_approved", "truong", "refused"),
        ("export_approved", "truong2", "done"),
    ]


async def test_who_may_not_learns_nothing(people: People) -> None:
    """Another facility's officer, and one of this facility without the act."""
    asked = await people.asked()

    told = [
        (await people.post("xa", "/api/v1/exports", body())).status_code,
        (await people.get("xa", f"/api/v1/exports/{asked}")).status_code,
        (await people.post("xa", f"/api/v1/exports/{asked}/approval", {})).status_code,
        (await people.get("xa", f"/api/v1/exports/{asked}/file")).status_code,
        (await people.get("xa", f"/exports/{asked}")).status_code,
        (await people.get("truc", f"/api/v1/exports/{asked}/file")).status_code,
        (await people.post("truc", f"/api/v1/exports/{asked}/approval", {})).status_code,
        (await people.get("kythuat", "/exports")).status_code,
    ]

    assert told == [404, 404, 404, 404, 404, 403, 403, 403]
    assert (await people.get("xa", "/api/v1/exports")).json() == {"exports": []}
    listed = (await people.get("truc", "/api/v1/exports")).json()["exports"]
    assert [one["id"] for one in listed] == [asked]


@pytest.mark.parametrize(
    "changed",
    [
        {"cameras": []},
        {"from": "yesterday"},
        {"to": rfc3339(NOW_NS + HOUR)},
        {"request": {**PAPER, "number": ""}},
        {"request": {**PAPER, "date": "17/11/2026"}},
        {"more": 1},
    ],
)
async def test_a_request_without_its_ground_is_refused(
    people: People, changed: dict[str, Any]
) -> None:
    """Every field of the paper is needed, and nothing else is taken."""
    assert (await people.post("truc", "/api/v1/exports", body(**changed))).status_code == 422


async def test_the_file_is_taken_by_who_may_and_leaves_a_row(people: People) -> None:
    """Not before it is ready, not after its days; with ranges, because it is large."""
    asked = await people.asked()
    early = await people.get("truong", f"/api/v1/exports/{asked}/file")
    await people.post("truong", f"/api/v1/exports/{asked}/approval", {})
    folder = Path(people.hub.config.data_dir) / EXPORTS
    folder.mkdir(exist_ok=True)
    zip_path(folder, asked).write_bytes(b"PK" + bytes(998))
    with people.hub.database.writing() as connection:
        exports.finish(connection, asked, size=1_000, sha256="ab" * 32, now_ns=NOW_NS)

    whole = await people.get("truong", f"/api/v1/exports/{asked}/file")
    part = await people.get("truong", f"/exports/{asked}/file", Range="bytes=0-1")
    zip_path(folder, asked).unlink()
    gone = await people.get("truong", f"/api/v1/exports/{asked}/file")

    assert early.status_code == 409
    assert (whole.status_code, len(whole.content)) == (200, 1_000)
    assert whole.headers["content-type"] == "application/zip"
    assert (part.status_code, part.content) == (206, b"PK")
    assert gone.status_code == 404
    assert people.acts()[-2:] == [("export_taken", "truong", "done")] * 2


async def test_the_pages_lead_from_playback_to_the_file(people: People) -> None:
    """Ask with the span filled in, approve as somebody else, in both languages."""
    filled = await people.get(
        "truc", f"/exports/new?camera=hl-2a&from={rfc3339(NOW_NS - HOUR)}&to={rfc3339(NOW_NS)}"
    )
    fields = {
        "camera": "hl-2a", "from": "18/11/2026 12:00:00", "to": "18/11/2026 12:05", "copy": "yes",
        "number": "12/CV", "dated": "17/11/2026", "body": "CQĐT", "reason": "r", "basis": "b",
    }  # fmt: skip
    wrong = await people.form("truc", "/exports/new", **{**fields, "number": "", "to": "x"})
    made = await people.form("truc", "/exports/new", **fields)
    page = made.headers["location"]
    own = await people.get("truc", page)
    lead = await people.get("truong", page)
    english = await people.get("truong", page, **{"Accept-Language": "en"})
    decided = await people.form("truong", f"{page}/approval", decision="approve", note="đúng")
    after = await people.get("truong", page)
    listed = await people.get("truc", "/exports")
    key = await people.get("truc", f"{page}/key")

    assert 'value="18/11/2026 13:32:07"' in filled.text
    assert 'value="hl-2a" checked' in filled.text
    assert wrong.status_code == 422
    assert "Cần điền." in wrong.text or "ví dụ 18/11/2026 14:30." in wrong.text
    assert made.status_code == 303
    assert "không ai duyệt yêu cầu của chính mình" in own.text
    assert "Duyệt yêu cầu" not in own.text
    assert "Duyệt yêu cầu" in lead.text
    assert "Approve the request" in english.text
    assert (decided.status_code, "<progress" in after.text) == (303, True)
    assert "12/CV" in listed.text
    assert len(key.text.strip()) == 43


async def test_a_hold_is_placed_by_one_and_released_by_another(people: People) -> None:
    """By the API and by the page; the order to the box carries it."""
    wanted = {
        "camera": "hl-2a",
        "from": rfc3339(NOW_NS - HOUR),
        "to": rfc3339(NOW_NS + HOUR),
        "case_number": "VA-7",
        "reason": "vụ việc",
    }
    placed = await people.post("truong", "/api/v1/holds", wanted)
    hold = placed.json()["id"]
    own = await people.post("truong", f"/api/v1/holds/{hold}/release", {"reason": "xong"})
    duty = await people.post("truc", "/api/v1/holds", wanted)
    far = await people.post("xa", f"/api/v1/holds/{hold}/release", {"reason": "xong"})
    page = await people.get("truong2", "/holds")
    with people.hub.database.reading() as connection:
        kept = holds.kept(connection, SITE_ID)
    own_form = await people.form("truong", f"/holds/{hold}/release", reason="xong")
    released = await people.form("truong2", f"/holds/{hold}/release", reason="xong")

    assert (placed.status_code, own.status_code) == (201, 403)
    assert own.json()["error"]["detail"]["code"] == "own_hold"
    assert (duty.status_code, far.status_code) == (403, 404)
    assert "VA-7" in page.text
    assert [(one.camera, one.case) for one in kept] == [("hl-2a", "VA-7")]
    assert (own_form.status_code, released.status_code) == (403, 303)
    assert people.acts()[0] == ("hold_placed", "truong", "done")
    assert people.acts()[-1] == ("hold_released", "truong2", "done")
    with people.hub.database.reading() as connection:
        assert holds.kept(connection, SITE_ID) == []


def far_camera(people: People, public_key: str | None) -> dict[str, str]:
    """A camera of another machine's site, and what is wanted of it."""
    table = tables.camera
    with people.hub.database.writing() as connection:
        connection.execute(
            tables.site.update().where(tables.site.c.id == FAR).values(public_key=public_key)
        )
        row = connection.execute(table.select().where(table.c.id == "hl-2a")).one()
        connection.execute(table.insert().values({**row._mapping, "id": "far-1", "site_id": FAR}))
    span = {"from": rfc3339(NOW_NS - HOUR), "to": rfc3339(NOW_NS)}
    return {"camera": "far-1", "case_number": "VA-8", "reason": "vụ việc", **span}


async def test_a_hold_is_refused_where_no_box_joined(people: People) -> None:
    """Nobody would hear of it: a hold that keeps nothing must not be believed in."""
    wanted = far_camera(people, None)
    answer = await people.post("xa", "/api/v1/holds", wanted)
    page = await people.get("xa", "/holds")

    assert answer.status_code == 422
    assert answer.json()["error"]["detail"]["fields"] == {"camera": "no_box"}
    assert 'value="far-1"' not in page.text
    with people.hub.database.reading() as connection:
        assert holds.standing(connection, [FAR]) == []


async def test_a_hold_of_a_box_elsewhere_is_said_to_be_kept_when_the_box_said_so(
    people: People,
) -> None:
    """On its way, refused with why, kept, released and still kept: each is another thing."""
    wanted = far_camera(people, keys.SigningKey(keys.new_seed()).public)
    key = wants.key_of(keys.new_id())
    form = await people.get("xa", "/holds")
    placed = await people.post("xa", "/api/v1/holds", wanted)
    made = placed.json()
    span = (made["id"], "hl-2a", NOW_NS - HOUR, NOW_NS)

    async def seen(refused: bool | None) -> tuple[str, str]:
        with people.hub.database.writing() as connection:
            revision = wants.renew(connection, FAR, key, "digest", now_ns=NOW_NS)
            wants.sent(connection, FAR, key, revision, now_ns=NOW_NS)
            if refused is not None:
                fact = wire.WantAnswered(
                    at=NOW_NS, key=key, revision=revision, accepted=True,
                    refused=((made["id"], "expired"),) if refused else (),
                    spans=() if refused else (span,),
                )  # fmt: skip
                wants.answered(connection, FAR, fact, now_ns=NOW_NS)
        told = (await people.get("xa", "/api/v1/holds")).json()["holds"][0]["at_box"]
        return told["state"], (await people.get("xa", "/holds")).text

    sent, kept, refused = await seen(None), await seen(False), await seen(True)

    assert 'value="far-1"' in form.text
    assert (placed.status_code, made["at_box"]["state"]) == (201, "sending")
    assert (sent[0], kept[0], refused[0]) == ("sent", "taken", "refused")
    assert "chờ thiết bị ghi trả lời" in sent[1]
    assert "thiết bị ghi đã nhận" in kept[1]
    assert "đã bị xóa theo hạn lưu" in refused[1]


async def test_the_verifier_is_for_anybody_and_one_file_when_taken_home(people: People) -> None:
    """A court has no account, and perhaps no network."""
    async with browser(people.hub) as guest:
        page = await guest.get("/verify")
        alone = await guest.get("/verify/page")

    assert page.status_code == alone.status_code == 200
    assert "/static/verify/verify.js" in page.text
    assert "attachment" in alone.headers["content-disposition"]
    assert "src=" not in alone.text
    assert alone.text.count("<script>") == 3
    assert evidence.alone() == alone.text


async def test_reading_the_access_log_by_the_api_is_a_row_of_it(client: httpx.AsyncClient) -> None:
    """As taking its files is; a program that asks every few seconds makes one and no more."""
    for _ in range(3):
        assert (await client.get("/api/v1/audit?limit=1")).status_code == 200
    rows = (await client.get("/api/v1/audit?act=audit_exported")).json()["rows"]

    assert [(row["actor"], row["detail"]["rows"]) for row in rows] == [("admin", 1)]
