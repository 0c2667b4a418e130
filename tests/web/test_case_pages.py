"""Cases over HTTP: marked, described, decided by another, handed over; and who learns nothing."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hub_stage import HOUR, NOW_NS, SITE_ID, Stage, browser
from vonggac.clock import NS, rfc3339
from vonggac.db import tables
from vonggac.domain import accounts, audit, case_book, roles, sessions
from vonggac.web import dates
from vonggac.web.desk import SESSION_COOKIE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

FAR = "f" * 26
AT = NOW_NS - HOUR
SEEN = {
    "violation": "N02", "subject": "N", "severity": "", "place": "phòng 207",
    "role": "người ở phòng", "said": "Hai người ở cửa 207 và 209 đứng cạnh nhau.",
}  # fmt: skip
HANDED = {"body": "Công an xã (bịa)", "receiver": "Cán bộ tiếp nhận", "minutes": "01/BB-BG"}
ROLES: dict[str, dict[str, Any]] = {
    "truc": {"role": "site_duty", "sites": (SITE_ID,)},
    "truong": {"role": "shift_lead", "sites": (SITE_ID,)},
    "lanhdao": {"role": "leader", "sites": (SITE_ID,)},
    "xa": {"role": "shift_lead", "sites": (FAR,)},
    "kythuat": {"role": "technician", "sites": (SITE_ID,)},
}


@dataclass
class People:
    """Signed-in browsers by name."""

    hub: Stage
    clients: dict[str, httpx.AsyncClient]
    tokens: dict[str, str]

    async def api(self, name: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """POST, or PUT of a description; GET without a body."""
        client, head = self.clients[name], {"X-CSRF-Token": self.tokens[name]}
        if body is None:
            return await client.get(f"/api/v1/cases{path}")
        if path.endswith("/description"):
            return await client.put(f"/api/v1/cases{path}", json=body, headers=head)
        return await client.post(f"/api/v1/cases{path}", json=body, headers=head)

    async def form(self, name: str, path: str, **fields: str) -> httpx.Response:
        values = {"form_token": self.tokens[name], **fields}
        return await self.clients[name].post(f"/cases{path}", data=values)

    async def page(self, name: str, path: str = "") -> str:
        return (await self.clients[name].get(f"/cases{path}")).text

    async def marked(self, name: str = "truc", **more: Any) -> str:
        body = {"camera": "hl-2a", "at": rfc3339(AT), "via": "playback", **more}
        answer = await self.api(name, "", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@pytest.fixture
async def people(hub: Stage) -> AsyncIterator[People]:
    """Whoever watches, leads, decides, is elsewhere, and has nothing to do with it."""
    tokens: dict[str, str] = {}
    clients: dict[str, httpx.AsyncClient] = {}
    async with AsyncExitStack() as stack:
        with hub.database.writing() as connection:
            connection.execute(
                tables.site.insert().values(id=FAR, name="far", title="Xa", created_ns=NOW_NS)
            )
            machine = roles.whoever_holds_the_machine(NOW_NS)
            for name, draft in ROLES.items():
                account_id, _ = accounts.create(
                    connection, name=name, full_name=f"Cán bộ {name}", now_ns=NOW_NS
                )
                connection.execute(tables.account.update().values(must_change=False))
                given = roles.Draft(reason="phân công", **draft)
                roles.give(connection, machine, account_id, given, now_ns=NOW_NS)
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


async def test_a_case_goes_from_a_mark_to_its_end_by_the_pages(people: People) -> None:
    """Marked by one, confirmed by another, handed over, concluded by the body, closed."""
    case_id = await people.marked()
    path = f"/{case_id}"
    described = await people.form("truc", f"{path}/description", **SEEN)
    own = await people.form("truong", f"{path}/notes", said="Đã nhắc qua loa.")
    confirmed = await people.form("truong", f"{path}/confirmation", said="")
    page = await people.page("truong", path)
    handed = await people.form("truong", f"{path}/handover", **HANDED, minutes_day="18/11/2026")
    word = {"outcome": "violation", "document": "12/QĐ-XP", "document_day": "18/11/2026"}
    bare = await people.form("lanhdao", f"{path}/outcome", **word, basis="")
    refused = await people.form("truong", f"{path}/outcome", **word, basis="Điều 1 (bịa)")
    concluded = await people.form("lanhdao", f"{path}/outcome", **word, basis="Điều 1 (bịa)")
    closed = await people.form("truong", f"{path}/closing", reason="Theo quyết định.")
    told = (await people.api("truc", path)).json()
    over = await people.page("truc", path)

    done = (described, own, confirmed, handed, concluded, closed)
    assert [one.status_code for one in done] == [303] * 6
    assert (bare.status_code, refused.status_code) == (422, 403)
    assert "Xác nhận sự việc" in page
    assert "Kết luận là vi phạm" not in page
    assert (told["state"], told["outcome"], told["body"]) == ("closed", "violation", HANDED["body"])
    assert [one["step"] for one in told["steps"]] == [
        "opened", "described", "noted", "confirmed", "handed_over", "concluded", "closed",
    ]  # fmt: skip
    assert "Điều 1 (bịa)" in over


async def test_a_mark_holds_its_clip_and_waits_for_the_rest(people: People) -> None:
    """One key: everything but the moment can be written later."""
    case_id = await people.marked(**{"from": rfc3339(AT - NS), "to": rfc3339(AT + NS)})
    told = (await people.api("truc", f"/{case_id}")).json()
    held = (await people.clients["truong"].get("/api/v1/holds")).json()["holds"]
    (mark,) = told["marks"]

    assert (told["number"], told["state"], told["violation"]) == (
        "VV-2026-0001", "suspected", None,
    )  # fmt: skip
    assert (mark["from"], mark["to"]) == (rfc3339(AT - NS), rfc3339(AT + NS))
    assert mark["hold"] in [one["id"] for one in held]
    assert mark["snapshot"].endswith(f"/hl-2a/snapshot.jpg?at={rfc3339(AT)}")


async def test_whoever_marked_does_not_confirm_and_may_take_it_back(people: People) -> None:
    """A key pressed by mistake needs no second person; a confirmation does."""
    case_id = await people.marked("truong")
    await people.api("truong", f"/{case_id}/description", SEEN)
    refused = await people.api("truong", f"/{case_id}/confirmation", {"said": ""})
    page = await people.form("truong", f"/{case_id}/confirmation", said="")
    gone = await people.api("truong", f"/{case_id}/dismissal", {"reason": "bấm nhầm"})

    assert refused.status_code == 403
    assert refused.json()["error"]["detail"]["code"] == "own_case"
    assert "người khác phải xác nhận" in page.text
    assert gone.json()["state"] == "dismissed"


async def test_a_name_is_refused_beside_its_field_and_nothing_is_lost(people: People) -> None:
    """A case tells of a room and a role, and whoever typed a paragraph keeps it."""
    case_id = await people.marked()
    typed = SEEN | {"place": "phòng chị Hoa", "said": "Người phòng 207 vào khu từ hôm qua."}
    refused = await people.form("truc", f"/{case_id}/description", **typed)
    told = await people.api("truc", f"/{case_id}/description", typed)

    assert (refused.status_code, told.status_code) == (422, 422)
    assert "Có vẻ là tên người." in refused.text
    assert "Không ghi ngày vào khu" in refused.text
    assert "Người phòng 207 vào khu từ hôm qua." in refused.text
    assert told.json()["error"]["detail"]["fields"] == {
        "place": "person_name", "said": "person_day",
    }  # fmt: skip


async def test_who_may_not_learns_nothing(people: People) -> None:
    """Another facility's officer, one without the act, and a guard who decides nothing."""
    case_id = await people.marked()
    far = await people.api("xa", f"/{case_id}")
    technician = await people.api("kythuat", f"/{case_id}")
    marks = await people.api("xa", "", {"camera": "hl-2a", "at": rfc3339(AT)})
    decides = await people.api("truc", f"/{case_id}/confirmation", {"said": ""})
    leader = await people.api("lanhdao", f"/{case_id}/notes", {"said": "x"})
    listed = (await people.api("xa", "")).json()

    assert (far.status_code, technician.status_code) == (404, 403)
    assert (marks.status_code, decides.status_code, leader.status_code) == (404, 403, 201)
    assert (listed["cases"], listed["found"]) == ([], 0)


async def test_the_list_has_queues_and_a_form_for_a_moment(people: People) -> None:
    await people.marked()
    mine = (await people.api("truc", "?queue=mine")).json()
    others = (await people.api("truong", "?queue=mine")).json()
    page = await people.page("truong")
    sent = await people.form("truong", "", camera="hl-2b", at=dates.write_moment(AT))
    wrong = await people.form("truong", "", camera="hl-2b", at="hôm qua")

    assert ([one["number"] for one in mine["cases"]], others["found"]) == (["VV-2026-0001"], 0)
    assert mine["queues"]["open"] == 1
    assert "VV-2026-0001" in page
    assert sent.status_code == 303
    assert wrong.status_code == 422
    assert "hôm qua" in wrong.text


async def test_a_suspicion_of_a_program_waits_for_a_person(people: People) -> None:
    """The page says who suspects, and that nobody has confirmed it."""
    with people.hub.database.writing() as connection:
        made = case_book.suspect(
            connection, camera_id="hl-2a", at_ns=AT, violation="N02", program="dem-nguoi 1.4",
            now_ns=NOW_NS,
        )  # fmt: skip
    page = await people.page("truong", f"/{made.id}")
    confirmed = await people.api("truong", f"/{made.id}/confirmation", {"said": ""})

    assert "Máy gợi ý, chưa ai xác nhận:" in page
    assert "dem-nguoi 1.4" in page
    assert confirmed.json()["confirmed"]["by"] == "Cán bộ truong"


async def test_cases_are_linked_climb_and_leave_rows(people: People) -> None:
    one, other = await people.marked(), await people.marked("truong")
    linked = await people.form("truc", f"/{one}/links", number="vv-2026-0002")
    unknown = await people.form("truc", f"/{one}/links", number="VV-2026-0999")
    more = await people.form(
        "truc", f"/{one}/marks", camera="hl-2b", at=dates.write_moment(AT - 60 * NS)
    )
    taken = await people.api("truong", f"/{one}/taking", {"said": "gọi cơ sở"})
    page = await people.page("truc", f"/{other}")
    with people.hub.database.reading() as connection:
        acts = [row.act for row in audit.rows(connection, audit.Filter())]

    assert (linked.status_code, unknown.status_code, more.status_code) == (303, 422, 303)
    assert taken.status_code == 409
    assert "VV-2026-0001" in page
    assert (acts.count("case_opened"), acts.count("case_step_entered")) == (2, 2)
