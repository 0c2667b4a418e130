"""Grants, views and shares over HTTP: who sees what of which facility, and what a stranger learns.

Two facilities stand in the register; one box runs. An officer of one tries everything that the
program answers about the other, and is told what would be told of a camera that there is not.
"""

from __future__ import annotations

import datetime as dt
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from hub_stage import NOW_NS, SITE_ID, browser
from vonggac import keys
from vonggac.clock import NS, rfc3339
from vonggac.db import tables
from vonggac.domain import accounts, audit, grants, registry, roles, sessions, units
from vonggac.web.desk import SESSION_COOKIE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from hub_stage import Stage

FAR = keys.new_id()
"""The other facility."""
FAR_CAMERA = "far-1"
HOUR = 3600 * NS


@dataclass
class People:
    """Signed-in browsers by name, and what stands around them."""

    hub: Stage
    clients: dict[str, httpx.AsyncClient]
    tokens: dict[str, str]
    """Form tokens."""
    camera: str
    """A camera of this facility."""
    police: str
    """A body."""

    def http(self, name: str) -> httpx.AsyncClient:
        return self.clients[name]

    async def post(self, name: str, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.clients[name].post(
            path, json=body, headers={"X-CSRF-Token": self.tokens[name]}
        )

    async def delete(self, name: str, path: str) -> httpx.Response:
        return await self.clients[name].delete(path, headers={"X-CSRF-Token": self.tokens[name]})

    async def grant(self, name: str, **changed: Any) -> httpx.Response:
        body = {
            "nkey": keys.NKey.create(keys.Role.USER).public,
            "cameras": [self.camera],
            "streams": ["main"],
            "purpose": "watch",
        }
        return await self.post(name, "/api/v1/grants", body | changed)

    def rows(self, act: str) -> list[audit.Row]:
        with self.hub.database.reading() as connection:
            return audit.rows(connection, audit.Filter(act=act))


def _far_away(hub: Stage, day: dt.date) -> tuple[str, str]:
    """Register a second facility with a camera; the province and the police of it."""
    with hub.database.writing() as connection:
        add: dict[str, Any] = {"en": "", "valid_from": day, "source": ""}
        province = units.add_unit(
            connection, parent_id=None, kind="province", code="01", vi="Tỉnh A", **add
        )
        police = units.add_unit(
            connection, parent_id=province, kind="body", code="CA", vi="Công an tỉnh A", **add
        )
        connection.execute(
            tables.site.insert().values(
                id=FAR, name="far", title="Khách sạn Xa", owner_line="paid_hotel",
                unit_id=province, created_ns=NOW_NS,
            )
        )  # fmt: skip
        connection.execute(tables.site.update().values(unit_id=province))
        connection.execute(
            tables.camera.insert().values(
                id=FAR_CAMERA, site_id=FAR, name=FAR_CAMERA, title="Hành lang xa", zone="HL",
                main_url="rtsp://192.0.2.77/1", origin="page", revision=1, created_ns=NOW_NS,
                updated_ns=NOW_NS,
            )
        )  # fmt: skip
    return province, police


@pytest.fixture
async def people(hub: Stage) -> AsyncIterator[People]:
    province, police = _far_away(hub, dt.date(2025, 7, 1))
    given: dict[str, dict[str, Any]] = {
        "truc": {"role": "site_duty", "sites": (SITE_ID,)},
        "truc-xa": {"role": "site_duty", "sites": (FAR,)},
        "lanhdao": {"role": "leader", "unit": province},
        "kiemtoan": {"role": "auditor"},
        "canbo": {"role": "partner", "unit": province, "body": police, "to_ns": NOW_NS + 99 * HOUR},
        "kythuat": {"role": "technician", "unit": province},
    }
    tokens: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        clients = {}
        with hub.database.writing() as connection:
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
                client = await stack.enter_async_context(browser(hub))
                client.cookies.set(SESSION_COOKIE, cookie)
                clients[name] = client
            camera = registry.cameras(connection, SITE_ID)[0].id
        yield People(hub, clients, tokens, camera, police)


# -- grants ----------------------------------------------------------------------------------


async def test_a_grant_names_a_purpose_of_the_rules(people: People) -> None:
    """Free text is refused; a request names its document."""
    told = [
        (await people.grant("truc", **changed)).status_code
        for changed in (
            {},
            {"purpose": "because"},
            {"purpose": "display"},
            {"purpose": "request"},
            {"purpose": "request", "note": "12/CAT"},
        )
    ]

    assert told == [200, 422, 422, 422, 200]
    assert [row.purpose for row in people.rows("live_viewed")] == ["request: 12/CAT", "watch"]


async def test_another_purpose_ends_the_view_and_begins_the_next(people: People) -> None:
    """The log says of each when it began and ended and why, and tells playback from the present."""
    first = (await people.grant("truc")).json()
    second = await people.grant(
        "truc", purpose="request", note="12/CAT", renews=first["grant_id"], shows="recorded"
    )
    assert second.status_code == 200, second.text
    (ended,) = people.rows("view_ended")

    assert (ended.purpose, ended.detail["why"]) == ("watch", "changed")
    assert [row.purpose for row in people.rows("playback_viewed")] == ["request: 12/CAT"]


async def test_pages_offer_the_purposes_that_the_role_serves(people: People) -> None:
    """Each begins with what is usual for the role; what was shared has its own page."""
    wall = (await people.http("truc").get("/wall")).text
    technical = (await people.http("kythuat").get("/wall")).text
    playback = (await people.http("truc").get("/playback")).text

    assert re.findall(r'<option value="(\w+)"( selected)?', wall) == [
        ("watch", " selected"), ("review", ""), ("incident", ""), ("inspection", ""),
        ("technical", ""), ("request", ""),
    ]  # fmt: skip
    assert '<option value="technical" selected' in technical
    assert '<option value="review" selected' in playback


async def test_a_page_is_told_which_purposes_the_next_person_may_state(people: People) -> None:
    """After a change of person: by the roles over this facility, and for these pictures."""
    codes = {}
    for name, shows in (("truc", "live"), ("kythuat", "live"), ("kythuat", "recorded")):
        answer = await people.http(name).get(f"/api/v1/purposes?site={SITE_ID}&shows={shows}")
        codes[name, shows] = [one["code"] for one in answer.json()["purposes"]]
    elsewhere = await people.http("truc").get("/api/v1/purposes?site=nowhere")

    assert "watch" in codes["truc", "live"]
    assert "technical" in codes["kythuat", "live"]
    assert codes["kythuat", "recorded"] == []
    assert elsewhere.status_code == 404


async def test_a_grant_asks_the_box_only_what_the_role_may(people: People) -> None:
    """A technician sees pictures of now; what was recorded is not his."""
    answer = await people.grant("kythuat", purpose="technical")
    verbs = set(answer.json()["subjects"]["ask"][people.camera])

    assert answer.status_code == 200
    assert "gop" not in verbs
    assert "open" in verbs


async def test_a_page_that_is_closed_ends_its_view(people: People) -> None:
    granted = (await people.grant("truc")).json()

    others = await people.delete("lanhdao", f"/api/v1/grants/{granted['grant_id']}")
    own = await people.delete("truc", f"/api/v1/grants/{granted['grant_id']}")

    assert (others.status_code, own.status_code) == (204, 204)
    assert [(row.actor, row.detail["why"]) for row in people.rows("view_ended")] == [
        ("truc", "closed")
    ]


async def test_renewal_is_refused_when_the_view_was_withdrawn(people: People) -> None:
    """And the answer says why, for the page."""
    granted = (await people.grant("truc")).json()
    views = (await people.http("lanhdao").get(f"/api/v1/sites/{SITE_ID}/views")).json()["now"]

    ended = await people.delete("lanhdao", f"/api/v1/views/{views[0]['id']}")
    again = await people.grant("truc", renews=granted["grant_id"])
    by_duty = await people.delete("kythuat", f"/api/v1/views/{views[0]['id']}")

    assert (ended.status_code, again.status_code) == (204, 403)
    assert again.json()["error"]["detail"]["code"] == "withdrawn"
    assert by_duty.status_code in (403, 404)
    assert [row.actor for row in people.rows("view_withdrawn")] == ["lanhdao"]


async def test_a_wall_asks_the_database_no_more_than_one_camera_does(people: People) -> None:
    """Pictures wait for their grant: each camera is looked at, and all are asked for together."""
    with people.hub.database.reading() as connection:
        wall = [one.id for one in registry.cameras(connection, SITE_ID)]
    said: list[str] = []
    sa.event.listen(
        people.hub.database.engine, "before_cursor_execute", lambda *asked: said.append(asked[2])
    )
    counted = []
    for cameras in (wall, wall[:1], wall):
        said.clear()
        assert (await people.grant("truc", cameras=cameras)).status_code == 200
        counted.append(len(said))

    assert len(wall) > 1
    assert counted[1] == counted[2]
    for stranger in ("nobody", FAR_CAMERA):
        assert (await people.grant("truc", cameras=[*wall, stranger])).status_code == 404


# -- who watches -----------------------------------------------------------------------------


async def test_names_are_for_auditors_and_oneself_and_the_rest_read_body_and_role(
    people: People,
) -> None:
    """The watched site reads who looks, as what, and why; not which person."""
    await people.grant("truc", purpose="request", note="12/CAT")

    async def read(name: str) -> tuple[Any, Any, Any]:
        answer = await people.http(name).get(f"/api/v1/sites/{SITE_ID}/views")
        view = answer.json()["now"][0]
        return view["name"], view["role"], view["purpose"]

    assert await read("kiemtoan") == ("Cán bộ truc", "Cán bộ trực tại cơ sở", "request: 12/CAT")
    assert await read("truc") == ("Cán bộ truc", "Cán bộ trực tại cơ sở", "request: 12/CAT")
    assert await read("lanhdao") == (None, "Cán bộ trực tại cơ sở", "request")


async def test_the_page_of_views_is_for_those_who_may(people: People) -> None:
    await people.grant("truc")

    shown = await people.http("lanhdao").get("/watching")
    named = await people.http("kiemtoan").get("/watching")
    refused = await people.http("kythuat").get("/watching")

    assert "Cán bộ trực tại cơ sở" in shown.text
    assert "Cán bộ truc" not in shown.text
    assert "Cán bộ truc" in named.text
    assert refused.status_code == 403


# -- shares ----------------------------------------------------------------------------------


async def test_a_leader_shares_a_camera_and_the_body_sees_it_until_it_is_withdrawn(
    people: People,
) -> None:
    """Given with a reason, seen live, listed, withdrawn; all of it in the audit."""
    before = await people.grant("canbo", purpose="shared")
    body = {
        "cameras": [people.camera],
        "body": people.police,
        "to": rfc3339(NOW_NS + 4 * HOUR),
        "reason": "phối hợp theo công văn 12/CAT",
    }
    by_duty = await people.post("truc", "/api/v1/shares", body)
    given = await people.post("lanhdao", "/api/v1/shares", body)
    seen = await people.grant("canbo", purpose="shared")
    other_purpose = await people.grant("canbo", purpose="watch")
    page = await people.http("canbo").get("/shared")
    wall = await people.http("canbo").get(f"/shared/{given.json()['id']}")
    snapshot = await people.http("canbo").get(f"/api/v1/cameras/{people.camera}/snapshot.jpg")
    ended = await people.delete("lanhdao", f"/api/v1/shares/{given.json()['id']}?reason=xong")
    after = await people.grant("canbo", purpose="shared")

    assert before.status_code in (403, 404)
    assert (by_duty.status_code, given.status_code) == (403, 201)
    assert seen.status_code == 200
    assert set(seen.json()["subjects"]["ask"][people.camera]) == {"open", "more"}
    assert other_purpose.status_code == 403
    assert "công văn 12/CAT" in page.text
    assert wall.status_code == 200
    assert snapshot.status_code == 403
    assert ended.status_code == 204
    assert after.status_code in (403, 404)
    assert [row.purpose for row in people.rows("cameras_shared")] == [body["reason"]]
    assert [row.purpose for row in people.rows("share_withdrawn")] == ["xong"]


async def test_an_officer_of_another_body_is_led_to_what_is_shared_with_it(
    people: People,
) -> None:
    """He has no facility of his own to begin with; everybody else begins with his."""
    partner, officer = await people.http("canbo").get("/"), await people.http("truc").get("/")

    assert (partner.status_code, partner.headers.get("location")) == (303, "/shared")
    assert officer.status_code == 200


async def test_a_share_is_made_and_withdrawn_on_its_page(people: People) -> None:
    """A leader has no programs."""
    http, form = people.http("lanhdao"), {"form_token": people.tokens["lanhdao"]}
    wrong = await http.post("/shares", data=form | {"do": "share", "hours": "4", "reason": "x"})
    made = await http.post(
        "/shares",
        data=form
        | {
            "do": "share",
            "hours": "4",
            "reason": "phối hợp",
            "body": people.police,
            "cameras": people.camera,
        },
    )
    share = (await http.get("/api/v1/shares")).json()["shares"][0]
    withdrawn = await http.post(
        "/shares", data=form | {"do": "withdraw", "id": share["id"], "reason": "xong"}
    )
    page = await http.get("/shares")

    assert (wrong.status_code, made.status_code, withdrawn.status_code) == (422, 303, 303)
    assert "Công an tỉnh A" in page.text
    assert share["open"] is True


# -- the other facility ----------------------------------------------------------------------


def asked_of(camera: str, site: str) -> list[tuple[str, str, Any]]:
    """Everything that the API and the pages answer about a camera or a site."""
    span = f"from={rfc3339(NOW_NS - HOUR)}&to={rfc3339(NOW_NS)}"
    at = f"/api/v1/cameras/{camera}"
    return [
        ("GET", at, None),
        ("GET", f"{at}/snapshot.jpg", None),
        ("GET", f"{at}/snapshot.jpg?at={rfc3339(NOW_NS - HOUR)}", None),
        ("GET", f"{at}/recording.mp4?{span}", None),
        ("HEAD", f"{at}/recording.mp4?{span}", None),
        ("GET", f"{at}/ledger?{span}", None),
        ("GET", f"{at}/timeline?{span}", None),
        ("GET", f"/cameras/{camera}", None),
        ("GET", f"/cameras/{camera}/edit", None),
        ("DELETE", at, None),
        ("GET", f"/api/v1/sites/{site}/views", None),
        (
            "POST",
            "/api/v1/exports",
            {
                "cameras": [camera],
                "from": rfc3339(NOW_NS - HOUR),
                "to": rfc3339(NOW_NS),
                "request": {
                    "number": "1",
                    "date": "2026-08-01",
                    "body": "x",
                    "reason": "x",
                    "basis": "x",
                },
            },
        ),
        (
            "POST",
            "/api/v1/grants",
            {
                "nkey": keys.NKey.create(keys.Role.USER).public,
                "cameras": [camera],
                "streams": ["main"],
                "purpose": "watch",
            },
        ),
    ]


async def test_an_officer_learns_of_the_other_facility_what_he_learns_of_none(
    people: People,
) -> None:
    """By API and page, snapshot, recording and guessed address: the answers are the same."""
    http, headers = people.http("truc"), {"X-CSRF-Token": people.tokens["truc"]}

    async def answers(camera: str, site: str) -> list[tuple[int, str]]:
        found = []
        for method, path, body in asked_of(camera, site):
            answer = await http.request(method, path, json=body, headers=headers)
            text = answer.text.replace(camera, "?").replace(site, "?")
            found.append((answer.status_code, text))
        return found

    other = await answers(FAR_CAMERA, FAR)
    nothing = await answers("none-at-all", keys.new_id())

    assert [status for status, _ in other] == [status for status, _ in nothing]
    assert all(status in (403, 404) for status, _ in other)
    for text in (text for _, text in other):
        for secret in ("Khách sạn Xa", "Hành lang xa", "192.0.2.77", '"far"'):
            assert secret not in text


async def test_lists_of_an_officer_name_nothing_of_the_other_facility(people: People) -> None:
    """Every page and list that he may open, read for the other one's names."""
    http = people.http("truc")
    pages = ("/", "/wall", "/playback", "/continuity", "/continuity.csv", "/watching", "/more",
             "/facilities", "/api/v1/cameras", "/api/v1/sites", "/shared")  # fmt: skip
    for path in pages:
        answer = await http.get(path)
        assert answer.status_code == 200, path
        for secret in ("Khách sạn Xa", "Hành lang xa", FAR_CAMERA, FAR, "192.0.2.77"):
            assert secret not in answer.text, (path, secret)


async def test_the_other_officer_sees_his_own_and_not_this_one(people: People) -> None:
    """What is hidden is hidden by scope, not because nobody could see it."""
    own = await people.http("truc-xa").get(f"/api/v1/cameras/{FAR_CAMERA}")
    this = await people.http("truc-xa").get(f"/api/v1/cameras/{people.camera}")

    assert (own.status_code, this.status_code) == (200, 404)


async def test_a_grant_of_two_facilities_is_not_given(people: People) -> None:
    """One token is for one site; whoever may see both asks twice."""
    answer = await people.grant("lanhdao", cameras=[people.camera, FAR_CAMERA])

    assert answer.status_code in (422, 503)
    with people.hub.database.reading() as connection:
        assert grants.open_views(connection, SITE_ID, now_ns=NOW_NS) == []
