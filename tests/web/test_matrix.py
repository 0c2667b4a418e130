"""Every route and every subject, for every role in every scope: generated from the tables.

What is expected is worked out here from `roles.toml` alone, in the plain words of the rules, and
held against what `decide` and the real application answer.  A new route without a rule, a rule
without a route, a verb without an act: each fails here.
"""

from __future__ import annotations

import asyncio
import contextlib
import tomllib
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import APIRouter, Request

from hub_stage import NOW, NOW_NS, ORIGIN, SITE_ID, Stage, stage
from vonggac import keys
from vonggac.db import tables
from vonggac.domain import accounts, sessions, units
from vonggac.domain.access import Act
from vonggac.errors import ConfigError
from vonggac.web import rights
from vonggac.web.acts import Of, Rule
from vonggac.web.app import ROUTERS
from vonggac.web.desk import SESSION_COOKIE, Visitor, visitor
from vonggac.web.limits import RateLimit
from vonggac.web.rights import RULES, SUBJECT_ACTS, VERB_ACTS
from vonggac.wire import VIEWER_VERBS, Verb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from fastapi.routing import APIRoute

ROLES: Mapping[str, dict[str, Any]] = {
    row["code"]: row
    for row in tomllib.loads(
        resources.files("vonggac.rules").joinpath("roles.toml").read_text(encoding="utf-8")
    )["role"]
    if row["from"] <= NOW.date() and row.get("to", NOW.date().max) > NOW.date()
}
SCOPES = ("inside", "outside", "other line", "everything")
"""Of the hub's own facility, a paid hotel: over its province; over another province; over its
province but another owning line; over everything."""
ROUTES: Mapping[str, APIRoute] = dict(rights.routes_of(ROUTERS))

HERE, SCHOOL, FAR, BARRACKS = SITE_ID, "c" * 26, "d" * 26, "e" * 26
SITES = {
    HERE: ("A", "paid_hotel"),
    SCHOOL: ("A", "civil"),
    FAR: ("B", "paid_hotel"),
    BARRACKS: ("A", "military"),
}
"""Province and owning line of each facility that the hub knows."""
NAMES = {HERE: "KS Mường Hoa", SCHOOL: "Trường Bản Mới", FAR: "KS Nơi Xa", BARRACKS: "Doanh trại X"}


def held(role: str, scope: str) -> dict[str, Any]:
    """The scope of a role as a row holds it."""
    row = ROLES[role]
    line = row.get("line") or ("paid_hotel" if row.get("needs_line") else None)
    if scope == "other line" and not row.get("line"):
        line = "civil"
    sites: list[str] = []
    if row.get("needs_sites") and scope != "everything":
        sites = {"inside": [HERE], "outside": [FAR], "other line": [SCHOOL]}[scope]
    unit = {"inside": "A", "outside": "B", "other line": "A", "everything": None}[scope]
    return {"unit": unit, "line": line, "sites": sites}


def reached(role: str, scope: str, act: str) -> set[str]:
    """Facilities to which a role lets its holder do this, by the rules' own words."""
    if act not in ROLES[role]["acts"]:
        return set()
    over = held(role, scope)
    return {
        site
        for site, (unit, line) in SITES.items()
        if over["unit"] in (None, unit)
        and over["line"] in (None, line)
        and (not over["sites"] or site in over["sites"])
        and (line != "military" or over["line"] == "military" or act == "facility_see")
    }


def expected(rule: Rule, role: str, scope: str) -> bool:
    """Whether a route with this rule lets the holder of a role in."""
    over = held(role, scope)
    match rule.of:
        case Of.NOBODY | Of.OWN:
            return True
        case Of.CAMERA | Of.SITE:
            return HERE in reached(role, scope, rule.act)
        case Of.LISTS:
            return bool(reached(role, scope, rule.act))
        case Of.SOMEWHERE:
            return rule.act in ROLES[role]["acts"]
        case Of.SYSTEM | Of.LOCAL:
            everything = (over["unit"], over["line"], over["sites"]) == (None, None, [])
            return everything and rule.act in ROLES[role]["acts"]


class Cast:
    """A hub with four facilities in two provinces, and a person for each role and scope."""

    def __init__(self, hub: Stage) -> None:
        self.hub = hub
        hub.app.state.desk = replace(
            hub.app.state.desk, refusal_limit=RateLimit(hub.clock, burst=10_000, per_second=1)
        )
        self.cookies: dict[tuple[str, str], str] = {}
        self.forms: dict[tuple[str, str], str] = {}
        with hub.database.writing() as connection:
            ids = {
                code: units.add_unit(connection, parent_id=None, kind="province", code=code,
                                     vi=f"Tỉnh {code}", en="", valid_from=NOW.date(), source="")
                for code in "AB"
            }  # fmt: skip
            for site, (unit, line) in SITES.items():
                values = {"unit_id": ids[unit], "owner_line": line}
                if site == HERE:
                    connection.execute(
                        tables.site.update().where(tables.site.c.id == site).values(values)
                    )
                else:
                    connection.execute(
                        tables.site.insert().values(
                            id=site, name=f"x-{site[0]}", title=NAMES[site], created_ns=1, **values
                        )
                    )
                    _camera(connection, site, f"cam-{site[0]}")
            _camera(connection, HERE, "cg-1")
            for person in [("", ""), *((role, scope) for role in ROLES for scope in SCOPES)]:
                self._enter(connection, person, ids)

    def _enter(self, connection: Any, person: tuple[str, str], ids: Mapping[str, str]) -> None:
        role, scope = person
        name = f"{role or 'nobody'}-{scope.replace(' ', '-') or 'nowhere'}"
        connection.execute(
            tables.account.insert().values(
                id=name, name=name, role=role, password_hash="-", must_change=False,
                created_ns=1, signed_in_ns=NOW_NS, password_set_ns=NOW_NS, factor_since_ns=1,
            )
        )  # fmt: skip
        if role:
            over = held(role, scope)
            connection.execute(
                tables.role_held.insert().values(
                    id=name, account_id=name, role=role, line=over["line"], sites=over["sites"],
                    unit_id=ids[over["unit"]] if over["unit"] else None, from_ns=1,
                    reason="-", given_by="-", given_ns=1,
                )
            )  # fmt: skip
        account = accounts.Account(name, name, "", role, False)
        token = sessions.open_session(
            connection, account, address="192.0.2.77", agent="", now_ns=NOW_NS
        )
        self.cookies[person] = token
        self.forms[person] = connection.execute(
            sa.select(tables.session.c.form_token).where(tables.session.c.account_id == name)
        ).scalar_one()

    def visitor(self, person: tuple[str, str]) -> Visitor:
        """Them, as a request of theirs is read; for a worker thread."""
        cookie = f"{SESSION_COOKIE}={self.cookies[person]}".encode()
        return visitor(
            Request(
                {
                    "type": "http",
                    "method": "GET",
                    "path": "/",
                    "query_string": b"",
                    "headers": [(b"cookie", cookie)],
                    "client": ("192.0.2.77", 50_000),
                    "app": self.hub.app,
                }
            )
        )

    def browser(self, person: tuple[str, str] | None) -> httpx.AsyncClient:
        """A browser of theirs, on another machine."""
        transport = httpx.ASGITransport(
            self.hub.app, raise_app_exceptions=False, client=("192.0.2.77", 50_000)
        )
        cookies = {} if person is None else {SESSION_COOKIE: self.cookies[person]}
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, cookies=cookies)


def _camera(connection: Any, site: str, name: str) -> None:
    connection.execute(
        tables.camera.insert().values(
            id=name, site_id=site, name=name, title=f"Cổng {NAMES[site]}", zone="CG",
            main_url="rtsp://192.0.2.9/1", origin="page", revision=1, created_ns=1, updated_ns=1,
        )
    )  # fmt: skip


_PARAMS = {"camera_id": "cg-1", "site_id": SITE_ID, "unit_id": "unassigned"}


@contextlib.asynccontextmanager
async def cast(tmp_path: Path) -> AsyncIterator[Cast]:
    async with stage(tmp_path, cameras=False) as hub:
        yield await asyncio.to_thread(Cast, hub)


async def test_every_route_answers_every_role_in_every_scope_as_the_rules_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The matrix. Routes with the same rule are one question, asked once a person."""
    people = [(role, scope) for role in ROLES for scope in SCOPES]
    wrong: list[str] = []

    def ask(found: Cast) -> int:
        cells = 0
        for person in people:
            who = found.visitor(person)
            assert who.session is not None, person
            said: dict[Rule, bool] = {}
            with found.hub.database.reading() as connection:
                for key in ROUTES:
                    rule = RULES[key]
                    if rule.of in (Of.NOBODY, Of.OWN):
                        said[rule] = True
                    elif rule not in said:
                        verdict, _ = rights.decide(connection, who, rule, _PARAMS)
                        said[rule] = verdict.allowed
                    if said[rule] is not expected(rule, *person):
                        wrong.append(f"{key} as {person}: {said[rule]}")
                    cells += 1
        return cells

    async with cast(tmp_path) as found:
        cells = await asyncio.to_thread(ask, found)

    with capsys.disabled():
        print(f"\nmatrix: {cells} cells ({len(ROUTES)} routes, {len(ROLES)} roles, "
              f"{len(SCOPES)} scopes), {len(wrong)} wrong, 0 undefined")  # fmt: skip
    assert wrong == []
    assert cells == len(ROUTES) * len(ROLES) * len(SCOPES) > 5_000


# Four persons ask each route: a thousand answers, slow ones on a machine that is at work.
@pytest.mark.timeout(300)
async def test_the_application_answers_as_its_guard(tmp_path: Path) -> None:
    """Each route over HTTP: nobody, an account without a role, one who may, one who may not.

    Whoever may is let through to the route itself, which then finds fault with an empty question;
    whoever may not reads 403, or 404 where not even the facility's name is his to know.
    """
    wrong: list[str] = []
    async with cast(tmp_path) as found:
        for key in ROUTES:
            rule = RULES[key]
            if rule.of is Of.NOBODY or key in SPARED:
                continue
            people = {None: False, ("", ""): rule.of is Of.OWN}
            for allowed in (True, False):
                for person in ((role, scope) for role in ROLES for scope in SCOPES):
                    if expected(rule, *person) is allowed:
                        people[person] = allowed
                        break
            for person, allowed in people.items():
                status = await _status(found, key, person)
                if person is None:
                    fine = status in (401, 303)
                elif allowed:
                    fine = status not in (401, 303, 403) or _is_done(key, status)
                else:
                    fine = status in ((403, 404) if rule.of in (Of.CAMERA, Of.SITE) else (403,))
                if not fine:
                    wrong.append(f"{key} as {person}: {status}, allowed: {allowed}")

    assert wrong == []


SPARED = {
    "GET /api/v1/cameras/{camera_id}/timeline": "waits for a box that is not there",
    "POST /cameras/{camera_id}/probe": "waits for a box that is not there",
    "POST /account/sessions": "would end the session that asks",
}
"""Routes that are asked by the matrix alone, each with its reason."""


def _is_done(key: str, status: int) -> bool:
    """A page that was sent answers with a way to the next one; to the sign-in page is none."""
    return key.startswith("POST /") and status == 303


async def _status(found: Cast, key: str, person: tuple[str, str] | None) -> int:
    method, path = key.split(" ")
    for name in ROUTES[key].param_convertors:
        path = path.replace(f"{{{name}}}", _PARAMS.get(name, "nothing"))
    async with found.browser(person) as client:
        sends: dict[str, Any] = {}
        if method in ("POST", "PUT") and path.startswith("/api/"):
            sends["json"] = {}
        elif method == "POST":
            sends["data"] = {"form_token": found.forms.get(person or ("", ""), "")}
        response = await client.request(method, path, **sends)
        goes_to = response.headers.get("location", "")
        return 401 if goes_to.startswith("/signin") else response.status_code


async def test_lists_name_no_facility_beyond_the_scope(tmp_path: Path) -> None:
    """Pages and lists of another province's officer say nothing of ours, and the reverse."""
    told: list[str] = []
    pages = ["/", *(key.split(" ")[1] for key, rule in RULES.items()
                    if key.startswith("GET ") and rule.of is Of.LISTS)]  # fmt: skip
    async with cast(tmp_path) as found:
        for person, hidden in (
            (("centre_duty", "outside"), HERE),
            (("centre_duty", "inside"), FAR),
            (("owning_body", "inside"), SCHOOL),
        ):
            async with found.browser(person) as client:
                for path in pages:
                    text = (await client.get(path)).text
                    camera = "cg-1" if hidden == HERE else f"cam-{hidden[0]}"
                    words = (NAMES[hidden], camera, hidden)
                    told += [f"{path} tells {person} {word}" for word in words if word in text]

    assert told == []


async def test_a_grant_opens_what_the_rules_say_and_nothing_else(tmp_path: Path) -> None:
    """Every kind of subject and every verb: what a token and a grant of a role open on the bus."""
    nkey = keys.NKey.create(keys.Role.USER).public
    wrong: list[str] = []
    cells = 0
    async with cast(tmp_path) as found:
        for role in ROLES:
            for scope in SCOPES:
                purposes = ROLES[role].get("purposes") or ["watch"]
                wanted = {"nkey": nkey, "cameras": ["cg-1"], "streams": ["main"],
                          "purpose": purposes[0], "note": "12/KH"}  # fmt: skip
                async with found.browser((role, scope)) as client:
                    answer = await client.post("/api/v1/grants", json=wanted)
                may_watch = HERE in reached(role, scope, Act.LIVE_VIEW)
                if (answer.status_code == 200) is not may_watch:
                    wrong.append(f"{role} {scope}: {answer.status_code} {answer.text[:120]}")
                opened: set[str] = set()
                if answer.status_code == 200:
                    subjects = answer.json()["subjects"]
                    assert set(subjects["live"]) == set(subjects["ask"]) == {"cg-1"}
                    opened = set(subjects["ask"]["cg-1"])
                for verb in Verb:
                    cells += 1
                    fine = may_watch and (verb in VIEWER_VERBS or verb is Verb.MORE) and all(
                        HERE in reached(role, scope, act) for act in VERB_ACTS[verb.value]
                    )  # fmt: skip
                    if (verb.value in opened) is not fine:
                        wrong.append(f"{role} {scope} {verb}: opened {verb.value in opened}")

    assert wrong == []
    assert cells == len(ROLES) * len(SCOPES) * len(Verb)


def test_every_verb_and_every_kind_of_subject_has_its_act() -> None:
    """A verb that nobody decided about must not be asked of a box."""
    assert {verb.value for verb in Verb} == set(VERB_ACTS)
    assert set(SUBJECT_ACTS) == {"live", "ask", "re", "fact", "want"}


def test_no_rule_stands_for_a_route_that_is_gone() -> None:
    """A table that lists more than there is hides what there is."""
    assert set(RULES) - set(ROUTES) == set()


def test_a_route_that_nobody_decided_about_stops_the_start() -> None:
    """The test of this test: one more route, and the application does not start."""
    extra = APIRouter()

    @extra.get("/api/v1/backdoor")
    def backdoor() -> str:
        return "open"

    with pytest.raises(ConfigError, match="GET /api/v1/backdoor"):
        rights.check_table((*ROUTERS, extra))


async def test_a_route_that_was_added_all_the_same_answers_nobody(tmp_path: Path) -> None:
    """Whoever finds a way around the check at start finds the guard closed."""
    extra = APIRouter()

    @extra.get("/api/v1/backdoor")
    def backdoor() -> str:
        return "open"

    async with cast(tmp_path) as found:
        found.hub.app.include_router(extra)
        async with found.browser(("administrator", "everything")) as client:
            answer = await client.get("/api/v1/backdoor")

    assert (answer.status_code, answer.json()["error"]["detail"]["code"]) == (403, "no_rule")


async def test_refusals_are_written_down(tmp_path: Path) -> None:
    """Who tried what, and why it was refused."""
    async with cast(tmp_path) as found:
        async with found.browser(("centre_duty", "outside")) as client:
            answer = await client.get("/api/v1/cameras/cg-1")
        with found.hub.database.reading() as connection:
            row = connection.execute(
                sa.select(tables.audit).where(tables.audit.c.act == "access_refused")
            ).one()

    assert answer.status_code == 404
    assert (row.actor, row.outcome, row.object) == ("centre_duty-outside", "refused", HERE)
    assert row.detail["act"] == "facility_details"
    assert row.detail["why"] == "outside_scope"
