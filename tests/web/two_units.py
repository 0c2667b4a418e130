"""A hub with two units and what a person of one must never read of the other.

The facilities and provinces are those of the matrix.  What belongs to the other unit carries a word
that stands nowhere else, so that any answer can be searched for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from inspected import things as inspected
from test_matrix import FAR, HERE, ROLES, SITES, Cast, held
from two_chain import chained

from hub_stage import HOUR, NOW, NOW_NS, Stage
from vonggac.db import tables
from vonggac.domain import (
    accounts,
    audit,
    case_book,
    directives,
    estimates,
    exports,
    holds,
    incidents,
    maintenance,
    plans,
    quotes,
    requests,
    rules,
    sessions,
    sharing,
)
from vonggac.web.desk import SESSION_COOKIE
from vonggac.web.limits import RateLimit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = "zznoixa"
"""In every name, title, reason and address of the other unit, and in nothing that is sent."""
OURS, THEIRS = "cg-1", "cam-d"
"""A camera of the hub's own facility, and one of the other unit's."""
ALL, A, DUTY, NO_ROLE = "all", "all-of-a", "duty-of-a", "no-role"
"""Everything everywhere; everything over unit A; a duty officer of the facility; no role at all."""
PEOPLE = (ALL, A, DUTY, NO_ROLE)

_TRACES = re.compile(
    r"Traceback \(most recent|\.py\", line \d|site-packages|sqlalchemy|psycopg|sqlite3\.|"
    r"pydantic_core|starlette\.|jinja2\.|<built-in "
)
"""What a body that tells of the program's inside holds."""


_DOORS = ("/signin", "/password", "/account/factor")
"""Where those are sent who have to show first who they are."""


@dataclass
class Two:
    """The hub with its people."""

    hub: Stage
    ids: Mapping[str, str]
    """Things of the other unit, by what they are."""
    own: Mapping[str, str]
    """Things of unit A."""
    _tokens: dict[str, tuple[str, str]]

    def session(self, person: str) -> tuple[str, str]:
        """A cookie that was good when it was last doubted, and its form token."""
        if person not in self._tokens:
            self._tokens[person] = self._opened(person)
        return self._tokens[person]

    def has_ended(self, person: str | None, status: int, location: str) -> bool:
        """Whether this answer came because their session is over; the next one is another then.

        What was sent takes sessions away now and then: by signing out, by a new password.
        """
        if person is None or not (status in (401, 403) or location.startswith(_DOORS)):
            return False
        with self.hub.database.reading() as connection:
            found = sessions.find_session(connection, self.session(person)[0], now_ns=NOW_NS)
        if found is not None and found.stage == "open" and not found.account.must_change:
            return False
        del self._tokens[person]
        return True

    def _opened(self, person: str) -> tuple[str, str]:
        with self.hub.database.writing() as connection:
            connection.execute(
                tables.account.update()
                .where(tables.account.c.id == person)
                .values(must_change=False)
            )
            account = accounts.Account(person, person, "", "", False)
            token = sessions.open_session(
                connection, account, address="192.0.2.77", agent="", now_ns=NOW_NS
            )
        with self.hub.database.reading() as connection:
            found = sessions.find_session(connection, token, now_ns=NOW_NS)
        assert found is not None, f"{person} cannot sign in any more"
        return token, found.form_token

    def cookies(self, person: str | None) -> dict[str, str]:
        """What a browser of theirs sends."""
        return {} if person is None else {SESSION_COOKIE: self.session(person)[0]}


def put_up(hub: Stage) -> Two:
    """The matrix's facilities, four people, and something of every kind on either side."""
    Cast(hub)
    limit = RateLimit(hub.clock, burst=1_000_000, per_second=1_000)
    hub.app.state.desk = replace(
        hub.app.state.desk, refusal_limit=limit, sign_in_limit=limit, ask_limit=limit
    )
    with hub.database.writing() as connection:
        units = _units(connection)
        _mark_theirs(connection)
        over: Mapping[str, list[tuple[str, dict[str, Any]]]] = {
            ALL: [(role, {"unit": None, "line": None, "sites": []}) for role in ROLES],
            A: [(role, {**held(role, "inside"), "line": None, "sites": []}) for role in ROLES],
            DUTY: [("site_duty", held("site_duty", "inside"))],
            NO_ROLE: [],
        }
        for person, roles in over.items():
            _enter(connection, person, roles, units)
        own = _things(connection, "A", HERE, OURS, "a")
        ids = _things(connection, "B", FAR, THEIRS, MARK)
    assert SITES[FAR][0] == "B"
    return Two(hub, ids, own, {})


def _units(connection: Any) -> dict[str, str]:
    rows = connection.execute(sa.select(tables.unit.c.code, tables.unit.c.id))
    return {row.code: row.id for row in rows}


def _mark_theirs(connection: Any) -> None:
    connection.execute(
        tables.site.update()
        .where(tables.site.c.id == FAR)
        .values(name=f"{MARK}-co-so", title=f"KS {MARK}", address=f"Số 1 {MARK}")
    )
    connection.execute(
        tables.camera.update()
        .where(tables.camera.c.site_id == FAR)
        .values(name=f"{MARK}-cam", title=f"Cổng {MARK}", main_url=f"rtsp://{MARK}.invalid/1")
    )


def _enter(
    connection: Any, name: str, roles: list[tuple[str, dict[str, Any]]], units: Mapping[str, str]
) -> None:
    connection.execute(
        tables.account.insert().values(
            id=name, name=name, role="", password_hash=accounts.hashed("x" * 20),
            must_change=False, created_ns=1, signed_in_ns=NOW_NS, password_set_ns=NOW_NS,
            factor_since_ns=1,
        )
    )  # fmt: skip
    for role, over in roles:
        connection.execute(
            tables.role_held.insert().values(
                id=f"{name}-{role}", account_id=name, role=role, line=over["line"],
                sites=over["sites"], unit_id=units[over["unit"]] if over["unit"] else None,
                from_ns=1, reason="-", given_by="-", given_ns=1,
            )
        )  # fmt: skip


def _things(connection: Any, side: str, site: str, camera: str, word: str) -> dict[str, str]:
    """Something of each kind that belongs to this facility, its words marked."""
    units = _units(connection)
    person = f"person-of-{side.casefold()}"
    over = {"unit": side, "line": None, "sites": [site]}
    _enter(connection, person, [("site_duty", over)], units)
    connection.execute(
        tables.account.update().where(tables.account.c.id == person).values(full_name=f"Ông {word}")
    )
    by = exports.Someone(person, person, f"Ông {word}")
    span = (NOW_NS - 2 * HOUR, NOW_NS - HOUR)
    paper = exports.Request(word, "2026-11-17", f"Cơ quan {word}", f"lý do {word}", word)
    export = exports.ask(
        connection, site_id=site, cameras=(camera,), span=span, request=paper, with_copy=False,
        by=by, now_ns=NOW_NS, today=NOW.date(),
    )  # fmt: skip
    hold = holds.place(
        connection, camera_id=camera, span=span, case_number=word, reason=f"vụ {word}", by=by,
        now_ns=NOW_NS,
    )  # fmt: skip
    share = sharing.share(
        connection,
        person,
        sharing.Draft(site, (camera,), units[side], NOW_NS + HOUR, f"cùng {word}"),
        now_ns=NOW_NS,
    )
    wish = requests.Draft(site, "access", f"xem hình {word}", f"phòng {word}")
    request, _ = requests.receive(
        connection, wish, actor=by.actor, came="staff", received_ns=NOW_NS, now_ns=NOW_NS
    )
    event = incidents.Draft(site, "personal_data", True, f"sự cố {word}", word, word, NOW_NS)
    incident = incidents.open_record(connection, event, by=by, now_ns=NOW_NS)
    seen = case_book.mark(
        connection, case_book.Moment(camera, NOW_NS - HOUR), holds_here=False, by=by, now_ns=NOW_NS
    )
    what = case_book.Description("N02", "N", "", word, word, f"thấy {word}")
    case_book.describe(connection, seen.id, what, by=by, now_ns=NOW_NS)
    plan = maintenance.plan(
        connection, camera, span=(NOW_NS + HOUR, NOW_NS + 2 * HOUR), reason=f"thay ống {word}",
        by=by.actor, now_ns=NOW_NS,
    )  # fmt: skip
    came = directives.Draft(f"12/{word}", NOW.date(), f"Cơ quan {word}", f"về {word}")
    directive_id = directives.register(connection, came, unit_id=units[side], by=by, now_ns=NOW_NS)
    ordered = directives.ClauseDraft("1", f"làm {word}", (f"Sở {word}",))
    directives.assign(connection, directive_id, ordered, by=by, now_ns=NOW_NS)
    (clause,) = directives.clauses(connection, directive_id)
    file = directives.attach(
        connection, directive_id, kind="scan", file_name=f"{word}.pdf", content=b"%PDF-1.7",
        by=by, now_ns=NOW_NS,
    )  # fmt: skip
    audit.record(
        connection, audit.Actor(f"actor-{word}"), audit.Act.LIVE, now_ns=NOW_NS, thing=camera,
        site=site, purpose=f"vì {word}",
    )  # fmt: skip
    paid = costed(connection, site, by, word)
    return {
        **paid,
        **chained(connection, site, units[side], camera, by, word),
        **inspected(connection, site, by, word),
        "site_id": site, "camera_id": camera, "account_id": person, "export_id": export.id,
        "hold_id": hold.id, "share_id": share.id, "request_id": request.id,
        "incident_id": incident.id, "case_id": seen.id,
        "plan_id": plan.id, "role_id": f"{person}-site_duty",
        "unit_id": units[side], "directive_id": directive_id, "file_id": file.id,
        "duty_id": clause.duties[0].id,
    }  # fmt: skip


def costed(
    connection: Any, site: str, by: exports.Someone, word: str, now_ns: int = NOW_NS
) -> dict[str, str]:
    """A plan, an estimate of one line, and a quote for it."""
    rule = rules.placement(NOW.date())
    plan = plans.make(connection, site, how="buy", months=1, placement=rule, by=by, now_ns=now_ns)
    for line in plans.lines(connection, plan.id)[1:]:
        plans.edit_line(
            connection, plan.id, line.id, quantity=0, why=f"bỏ {word}", by=by, now_ns=now_ns
        )
    plans.agree(
        connection, plan.id, party="lead", person=f"Bà {word}", document="", line="civil",
        agreed_date=NOW.date(), today=NOW.date(), by=by, now_ns=now_ns,
    )  # fmt: skip
    made = estimates.from_plan(
        connection, plan.id, title=f"Lắp camera {word}", on=NOW.date(), by=by, now_ns=now_ns
    )
    quote = quotes.attach(
        connection, made.id, estimates.lines(connection, made.id)[0].id, supplier=f"Cty {word}",
        price=2_000_000, quoted_date=NOW.date(), file_name=f"{word}.pdf", content=b"%PDF-1.7",
        today=NOW.date(), by=by, now_ns=now_ns,
    )  # fmt: skip
    return {"connection_plan_id": plan.id, "estimate_id": made.id, "quote_id": quote.id}


def faults(
    status: int, headers: Mapping[str, str], body: bytes, person: str | None
) -> Iterator[str]:
    """What no answer may be, whatever was asked."""
    text = body.decode("utf-8", "replace")
    if status >= 500:
        yield f"status {status}: {text[:200]}"
    if found := _TRACES.search(text):
        yield f"tells of the inside: {text[max(0, found.start() - 80) : found.end() + 80]!r}"
    if person != ALL and (MARK in text.casefold() or MARK in str(headers).casefold()):
        at = text.casefold().find(MARK)
        yield f"tells {person} of the other unit: {text[max(0, at - 80) : at + 80]!r}"
    if "zz-set" in headers.get("set-cookie", ""):
        yield "sets a header that was sent"
