"""Inspections, findings, reminders and proposals over HTTP: pages, API, and the one-time link."""

from __future__ import annotations

import html
import re
import struct
import zlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from hub_stage import NOW, NOW_NS, SITE_ID, browser
from vonggac.db import directives as tables_of
from vonggac.db import inspection as db
from vonggac.db import tables
from vonggac.domain import accounts, directives, roles, sessions, units
from vonggac.domain import inspection_rules as book
from vonggac.web.desk import SESSION_COOKIE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from hub_stage import Stage

DAY = "18/11/2026"


def png() -> bytes:
    """A grey square of eight pixels a side."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * 8 for _ in range(8)))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


GIVEN = {
    "yte": "health_inspector",
    "khaosat": "surveyor",
    "lanhdao": "leader",
    "coso": "site_duty",
    "vanthu": "records_clerk",
    "taichinh": "finance_appraiser",
}


@dataclass
class Bodies:
    """Signed-in browsers, each of the body that it is called after."""

    hub: Stage
    clients: dict[str, httpx.AsyncClient]
    tokens: dict[str, str]

    async def page(self, name: str, path: str, status: int = 200) -> str:
        answer = await self.clients[name].get(path)
        assert answer.status_code == status, answer.text[:500]
        return html.unescape(answer.text)

    async def form(self, name: str, path: str, **fields: Any) -> httpx.Response:
        files = fields.pop("files", None)
        values = {"form_token": self.tokens[name], **fields}
        return await self.clients[name].post(path, data=values, files=files)

    async def sent(self, name: str, path: str, **fields: Any) -> str:
        """A form that is taken; where it leads."""
        answer = await self.form(name, path, **fields)
        assert answer.status_code == 303, re.sub(r"<[^>]+>", " ", answer.text)[:3_000]
        return answer.headers["location"]

    async def api(self, name: str, method: str, path: str, body: Any = None) -> Any:
        answer = await self.clients[name].request(method, f"/api/v1{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


@pytest.fixture
async def bodies(hub: Stage) -> AsyncIterator[Bodies]:
    tokens: dict[str, str] = {}
    clients: dict[str, httpx.AsyncClient] = {}
    async with AsyncExitStack() as stack:
        with hub.database.writing() as connection:
            province = units.add_unit(
                connection, parent_id=None, kind="province", code="A", vi="Tỉnh Sơn Lĩnh", en="",
                valid_from=NOW.date(), source="",
            )  # fmt: skip
            connection.execute(tables.site.update().values(unit_id=province))
            machine = roles.whoever_holds_the_machine(NOW_NS)
            for name, role in GIVEN.items():
                account_id, _ = accounts.create(
                    connection, name=name, full_name=f"Cán bộ {name}", now_ns=NOW_NS
                )
                connection.execute(tables.account.update().values(must_change=False))
                over: Any = {"sites": (SITE_ID,)} if role == "site_duty" else {"unit": province}
                draft = roles.Draft(role=role, reason="phân công", **over)
                roles.give(connection, machine, account_id, draft, now_ns=NOW_NS)
                cookie = sessions.open_session(
                    connection, accounts.find(connection, account_id), address="127.0.0.1",
                    agent="", now_ns=NOW_NS,
                )  # fmt: skip
                session = sessions.find_session(connection, cookie, now_ns=NOW_NS)
                assert session is not None
                tokens[name] = session.form_token
                clients[name] = await stack.enter_async_context(browser(hub))
                clients[name].cookies.set(SESSION_COOKIE, cookie)
        yield Bodies(hub, clients, tokens)


def checked(**changed: str) -> dict[str, str]:
    """A checklist with everything passed but what is named."""
    return {**{f"v-{code}": "pass" for code in book.items()}, **changed}


FAILED = {
    "v-A.1": "fail", "s-A.1": "hai camera không ghi", "a-A.1": "thay nguồn tầng 3",
    "r-A.1": "KS Mường Hoa", "d-A.1": "20/11/2026",
}  # fmt: skip
AGREED = {"how": "agreed", "present": "Người phụ trách; đại diện cơ sở", "opinion": "Nhất trí."}


async def planned(bodies: Bodies, **changed: str) -> str:
    """The path of an inspection that a health inspector planned."""
    fields = {
        "title": "Kiểm tra định kỳ", "body": "Sở Y tế", "team": "Trưởng đoàn; Sở Y tế",
        "site": SITE_ID, "planned": DAY, "way": "on_site", **changed,
    }  # fmt: skip
    path = await bodies.sent("yte", "/inspections", **fields)
    found = re.search(r'href="(/inspections/\w+)"', await bodies.page("yte", path))
    assert found is not None
    return found[1]


async def test_an_inspection_goes_from_decision_to_a_finding_that_is_closed(bodies: Bodies) -> None:
    """By the bodies whose duty each step is; the facility proves, another person looks again."""
    path = await planned(bodies)
    listed = await bodies.page("yte", "/inspections")
    assert "chưa lên lịch" not in listed
    assert re.search(r"/inspections/rounds/\w+", listed)
    await bodies.sent("yte", f"{path}/start")
    page = await bodies.page("yte", path)
    assert "/9 camera đang ghi." in page
    assert "Chưa có dữ liệu." in page
    assert "mặc định của phần mềm" in page

    early = await bodies.form("yte", f"{path}/minutes", **AGREED, **{"v-A.1": "fail"})
    assert early.status_code == 422
    assert "Còn mục chưa chấm" in html.unescape(early.text)
    await bodies.sent("yte", f"{path}/answers", **checked(**FAILED))
    photo = await bodies.form(
        "yte", f"{path}/photos", item="A.1", files={"picture": ("a.png", png(), "image/png")}
    )
    assert photo.status_code == 303
    await bodies.sent("yte", f"{path}/minutes", **AGREED)
    done = await bodies.page("yte", path)
    assert "đã có biên bản" in done
    assert "thay nguồn tầng 3" in done
    for ending in ("docx", "pdf"):
        answer = await bodies.clients["yte"].get(f"{path}/minutes.{ending}")
        assert answer.status_code == 200

    found = re.search(r"/findings/\w+", done)
    assert found is not None
    await bodies.sent("coso", f"{found[0]}/proof", proof="ledger", said="đã thay nguồn")
    own = await bodies.form("coso", f"{found[0]}/check", do="close", found="")
    assert own.status_code == 403
    again = await bodies.form("yte", f"{found[0]}/check", do="reopen", found="", due="")
    assert again.status_code == 422
    await bodies.sent("yte", f"{found[0]}/check", do="close", found="đã chạy")
    assert "Kiểm tra lại: đã khắc phục" in await bodies.page("coso", found[0])


async def test_a_facility_that_refuses_is_entered_before_a_witness(bodies: Bodies) -> None:
    """What was typed stays when something is missing."""
    path = await planned(bodies)
    await bodies.sent("yte", f"{path}/start")
    refusal = checked(how="refused", refused="không nhất trí", opinion="Chúng tôi phản đối.")
    bare = await bodies.form("yte", f"{path}/minutes", **refusal)
    assert bare.status_code == 422
    text = html.unescape(bare.text)
    assert "người chứng kiến" in text
    assert "Chúng tôi phản đối." in text
    await bodies.sent("yte", f"{path}/minutes", **refusal, witness="Tổ trưởng dân phố")
    done = await bodies.page("yte", path)
    assert "Tổ trưởng dân phố" in done
    assert "cơ sở từ chối ký" in await bodies.page("yte", "/inspections")


async def test_remote_inspections_count_when_a_leader_says_so(bodies: Bodies) -> None:
    """By name and reason; an inspector cannot say it."""
    assert (
        await bodies.form("yte", "/inspections/remote", remote="yes", reason="x")
    ).status_code == 403
    assert (await bodies.form("lanhdao", "/inspections/remote", remote="yes")).status_code == 422
    await bodies.sent("lanhdao", "/inspections/remote", remote="yes", reason="đường ngập")
    page = await bodies.page("yte", "/inspections")
    assert "Được tính là đã kiểm tra." in page
    assert "Cán bộ lanhdao" in page


async def remind(bodies: Bodies, level: str) -> None:
    """A letter, drafted by the inspector and sent by the clerk."""
    made = await bodies.api(
        "yte", "POST", "/reminders",
        {"site": SITE_ID, "level": level, "what": "chưa lắp camera", "body": "Sở Y tế"},
    )  # fmt: skip
    await bodies.sent("vanthu", f"/reminders/{made['id']}/sent", number=f"{level}/SYT", sent=DAY)


async def test_a_proposal_is_heard_by_link_and_decided_by_another(bodies: Bodies) -> None:
    """Two reminders, an explanation without an account, a proposal, a leader's decision."""
    early = await bodies.form(
        "yte", "/sanctions", site=SITE_ID, list="not_supervising", body="Sở Y tế"
    )
    assert early.status_code == 409
    for level in ("facility", "local"):
        await remind(bodies, level)
    page = await bodies.page("yte", "/reminders")
    assert "facility/SYT" in page
    assert "Ủy ban nhân dân Tỉnh Sơn Lĩnh" in page

    asked = await bodies.form(
        "yte", "/sanctions", site=SITE_ID, list="not_supervising", body="Sở Y tế"
    )
    assert asked.status_code == 200
    link = re.search(r"http\S+(/giai-trinh/[\w-]+)", asked.text)
    assert link is not None
    async with browser(bodies.hub) as stranger:
        assert "Sở Y tế" in (await stranger.get(link[1])).text
        bare = await stranger.post(link[1], data={"said": "Thiết bị hỏng."})
        assert bare.status_code == 422
        assert "Thiết bị hỏng." in html.unescape(bare.text)
        whole = {"said": "Thiết bị hỏng.", "person": "Người phụ trách, quản lý"}
        assert (await stranger.post(link[1], data=whole)).status_code == 200
        assert (await stranger.post(link[1], data=whole)).status_code == 404
        assert (await stranger.get("/giai-trinh/khong-co")).status_code == 404

    listed = await bodies.api("yte", "GET", "/sanctions")
    (it,) = listed["proposals"]
    path = f"/sanctions/{it['id']}"
    assert it["state"] == "explained"
    measure = {"measure": "Nhắc nhở.", "reason": "Không ai xem."}
    assert (
        await bodies.form("yte", f"{path}/proposal", **measure, to="sở y tế")
    ).status_code == 422
    await bodies.sent("yte", f"{path}/proposal", **measure, to="UBND tỉnh Sơn Lĩnh")
    said = {
        "decision": "eased", "said": "Nhắc nhở bằng văn bản", "body": "UBND tỉnh Sơn Lĩnh",
        "person": "Chủ tịch", "document": "7/QĐ-UBND", "decided": DAY,
    }  # fmt: skip
    assert (await bodies.form("yte", f"{path}/decision", **said)).status_code == 403
    await bodies.sent("lanhdao", f"{path}/decision", **said)
    page = await bodies.page("coso", path)
    assert "7/QĐ-UBND" in page
    assert "xử lý nhẹ hơn đề xuất" in page


async def test_the_api_does_what_the_pages_do(bodies: Bodies) -> None:
    """Minutes that a phone sends twice come once; photographs too."""
    plan = {
        "title": "Kiểm tra", "body": "Sở Y tế", "team": [{"name": "A", "body": "Sở Y tế"}],
        "sites": [SITE_ID], "planned": "2026-11-18", "decision": "1/QĐ", "decided": "2026-11-18",
    }  # fmt: skip
    made = await bodies.api("yte", "POST", "/inspections", plan)
    path = f"/inspections/{made['inspections'][0]['id']}"
    await bodies.api("yte", "POST", f"{path}/start")
    answers = [{"item": code, "verdict": "pass"} for code in book.items()]
    answers[0] = {
        "item": "A.1", "verdict": "fail", "said": "x", "action": "thay", "responsible": "y",
        "due": "2026-11-20",
    }  # fmt: skip
    body = {
        "answers": answers, "present": [{"name": "B", "body": "cơ sở"}], "client_id": "phone-1",
        "made": "2026-11-18T07:32:07Z",
    }  # fmt: skip
    first = await bodies.api("yte", "POST", f"{path}/minutes", body)
    second = await bodies.api("yte", "POST", f"{path}/minutes", body)
    assert first == second
    whole = await bodies.api("yte", "GET", path)
    assert len(whole["findings"]) == 1
    assert whole["paper"]
    due = (await bodies.api("yte", "GET", "/inspections"))["due"]
    assert (due[0]["last"], due[0]["late"]) == ("2026-11-18", -15)
    proof = {"proof": "word", "said": "đã thay"}
    finding = f"/findings/{whole['findings'][0]['id']}"
    assert (await bodies.api("coso", "POST", f"{finding}/proof", proof))["state"] == "proved"
    one = await bodies.api("yte", "GET", finding)
    assert [step["kind"] for step in one["steps"]] == ["proof"]
    other = (await bodies.api("yte", "POST", "/inspections", plan))["inspections"][0]
    await bodies.api("yte", "DELETE", f"/inspections/{other['id']}")
    check = {"mended": True}
    assert (await bodies.api("yte", "POST", f"{finding}/check", check))["state"] == "closed"


async def test_photographs_prove_a_remedy_by_the_api(bodies: Bodies) -> None:
    """The facility attaches and names one; what is no picture, or of another's, is refused."""
    path = await planned(bodies)
    await bodies.sent("yte", f"{path}/start")
    await bodies.sent("yte", f"{path}/minutes", **AGREED, **checked(**FAILED))
    (it,) = (await bodies.api("yte", "GET", "/findings"))["findings"]
    finding, facility = f"/findings/{it['id']}", bodies.clients["coso"]

    async def attach(name: str, content: bytes) -> httpx.Response:
        address = f"/api/v1{finding}/photos?client_id=phone-1"
        return await bodies.clients[name].post(address, content=content)

    assert (await attach("taichinh", png())).status_code == 403
    assert (await attach("coso", b"%PDF")).status_code == 422
    made = (await attach("coso", png())).json()["id"]
    assert (await attach("coso", png())).json()["id"] == made
    (one,) = (await bodies.api("yte", "GET", f"{finding}/photos"))["photos"]
    assert (one["id"], one["finding"], one["width"]) == (made, it["id"], 8)
    kept = await facility.get(f"/api/v1{finding}/photos/{made}")
    assert kept.headers["content-type"] == "image/png"
    assert (await facility.get(f"/api/v1{finding}/photos/none")).status_code == 404
    same = await facility.get(f"/api/v1{path}/photos/{made}")
    assert same.content == kept.content

    proof = {"proof": "photo", "said": "đã thay"}
    bare = await facility.post(f"/api/v1{finding}/proof", json=proof)
    assert bare.status_code == 422
    await bodies.api("coso", "POST", f"{finding}/proof", {**proof, "photo": made})
    (step,) = (await bodies.api("yte", "GET", finding))["steps"]
    assert (step["proof"], step["of"]) == ("photo", made)
    assert (await attach("coso", png())).status_code == 409


async def test_a_decision_carries_an_order_out(bodies: Bodies) -> None:
    """One that the visitor sees; the draft names it as its basis."""
    with bodies.hub.database.writing() as connection:
        directives.load(connection, now_ns=NOW_NS)
        order = connection.execute(sa.select(tables_of.directive.c.id)).scalars().first()
    assert order is not None
    wrong = await bodies.form(
        "yte", "/inspections", title="x", body="Sở Y tế", team="A; B", site=SITE_ID, planned=DAY,
        way="on_site", directive="khong-co",
    )  # fmt: skip
    assert wrong.status_code == 422
    await planned(bodies, directive=order)
    with bodies.hub.database.reading() as connection:
        made = connection.execute(sa.select(db.inspection_round.c.id)).scalar_one()
        number = directives.find(connection, order).number
    path = f"/inspections/rounds/{made}"
    assert number in await bodies.page("yte", path)
    paper = await bodies.sent("yte", path, do="draft")
    assert number in await bodies.page("yte", paper)


async def test_nobody_outside_the_scope_is_told(bodies: Bodies) -> None:
    """Not of the facility of a military line, nor by a role without the act."""
    path = await planned(bodies)
    await bodies.page("taichinh", path, 403)
    await bodies.page("taichinh", "/inspections", 403)
    with bodies.hub.database.writing() as connection:
        connection.execute(tables.site.update().values(owner_line="military"))
    await bodies.page("yte", path, 403)
    assert (await bodies.clients["yte"].get("/api/v1/findings")).status_code == 403


async def test_a_decision_is_drafted_and_numbered_later(bodies: Bodies) -> None:
    """The draft is a paper; number and day are entered when the clerk has them."""
    await planned(bodies)
    with bodies.hub.database.reading() as connection:
        made = connection.execute(sa.select(db.inspection_round.c.id)).scalar_one()
    path = f"/inspections/rounds/{made}"
    drafted = await bodies.sent("yte", path, do="draft")
    again = await bodies.api("yte", "POST", f"{path}/draft")
    assert drafted == f"/papers/{again['paper']}"
    wrong = await bodies.form("yte", path, decision="12/QĐ-SYT", decided="19/11/2026")
    assert wrong.status_code == 422
    await bodies.sent("yte", path, decision="12/QĐ-SYT", decided=DAY)
    assert "12/QĐ-SYT" in await bodies.page("yte", path)
