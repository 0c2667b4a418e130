"""Pages of a facility's box: one without, one that joined and had another before; its alarms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from visiting import Visit

from vonggac import bus, keys, wire
from vonggac.db import tables
from vonggac.domain import alarms, below, enrolments, holds, register, site_keys, wants
from vonggac.domain.alarms import Alarm
from vonggac.domain.enrolments import HOUR_NS, Given
from vonggac.domain.exports import Someone
from vonggac.errors import Kind, VonggacError
from vonggac.hub.enrolling import Enroller
from vonggac.keys import enrolment as proving
from vonggac.web.words import day_of
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from hub_stage import Stage
    from vonggac.db import Connection

FRESH, SERVED = "2" * 26, "3" * 26
PAGE = "/facilities/{site_id}/enrolment"

VISITS = (
    Visit(PAGE, f"/facilities/{FRESH}/enrolment"),
    Visit(PAGE, f"/facilities/{SERVED}/enrolment"),
    Visit(
        PAGE, f"/facilities/{FRESH}/enrolment", press="main form button[value=issue]"
    ),
    Visit(
        PAGE, f"/facilities/{SERVED}/enrolment", 422, press="main form button[value=issue]"
    ),
    Visit("/alarms", "/alarms"),
    Visit("/alarms", "/alarms", 422, {"note": "   "}, "main form button"),
    Visit("/join", "/join"),
    Visit("/join", "/join", 422, {"code": "hub.example/abcd-efgh"}, "main form button"),
)  # fmt: skip
NO_PAGES: tuple[str, ...] = ()


def load(hub: Stage, said: str = "") -> None:
    """Codes of every state, a box that joined, and the one before it."""
    now_ns = hub.clock.wall_ns()
    by = Someone("", "admin", said[:200] or "Cán bộ quản trị")

    async def connect() -> bus.Connection:
        raise VonggacError(Kind.UNAVAILABLE, "nobody joins the bus here")

    enroller = Enroller(
        hub.database, hub.trust, hub.hub_key, hub.clock, title="Trung tâm", authority=None,
        connect=connect, day_of=day_of,
    )  # fmt: skip
    hub.app.state.desk = replace(hub.app.state.desk, enroller=enroller)
    with hub.database.writing() as connection:
        for site_id in (FRESH, SERVED):
            draft = register.Draft(f"hop-{site_id[0]}", said[:200] or "Trường Bản Mới")
            register.add(connection, draft, site_id=site_id, by="admin", now_ns=now_ns)
        for at in (30, 20):
            _joined(connection, hub, by, now_ns - at * HOUR_NS, said)
        _issue(connection, by, now_ns - 10 * HOUR_NS, hours=1)
        _issue(connection, by, now_ns)
        _alarmed(connection, by, now_ns, said)
        _held(connection, now_ns, said)


def _alarmed(connection: Connection, by: Someone, now_ns: int, said: str) -> None:
    seen = said[:200] or "192.0.2.7; 192.0.2.9"
    for at, kind in enumerate((Alarm.SILENT, Alarm.CLONE, Alarm.FORGED)):
        alarms.sound(connection, kind, SERVED, evidence=seen, now_ns=now_ns - (at + 2) * HOUR_NS)
    alarms.sound(connection, Alarm.CLONE, SERVED, evidence=seen, now_ns=now_ns)
    alarms.sound(connection, Alarm.IMPOSTOR, "", evidence=seen, now_ns=now_ns - HOUR_NS)
    silent = next(one for one in alarms.listed(connection, [SERVED]) if one.kind == Alarm.SILENT)
    note = said[:200] or "Đã gọi cơ sở, mất điện; chiều nay có điện lại"
    alarms.take(connection, silent.id, note=note, by=by, now_ns=now_ns)


def _held(connection: Connection, now_ns: int, said: str) -> None:
    """Spans of a box elsewhere: kept, refused, on its way; and one that a hub above has kept."""
    account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
    by = Someone(account or "", "truong", "Cán bộ trực")
    below.follow(connection, SERVED, below.Told("hl-01", "Hành lang", "HL"), now_ns=now_ns)
    camera = connection.execute(
        sa.select(tables.camera.c.id).where(tables.camera.c.site_id == SERVED)
    ).scalar_one()
    made = []
    for at in range(3):
        span = (now_ns - (at + 2) * HOUR_NS, now_ns - (at + 1) * HOUR_NS)
        made.append(
            holds.place(
                connection, camera_id=camera, span=span, case_number=f"0{at + 1}/VA",
                reason=said[:200] or "xác minh vụ việc", by=by, now_ns=now_ns - (2 - at) * HOUR_NS,
            )
        )  # fmt: skip
    spans = tuple((one.id, one.camera, one.from_ns, one.to_ns) for one in made)
    for letter, kept in (("a", spans[:1]), ("b", spans[2:])):
        key = wants.key_of(letter * 26)
        at_ns = now_ns - HOUR_NS + 1
        revision = 7
        if letter == "a":
            revision = wants.renew(connection, SERVED, key, "digest", now_ns=at_ns)
            wants.sent(connection, SERVED, key, revision, now_ns=at_ns)
        fact = wire.WantAnswered(
            at=at_ns, key=key, revision=revision, accepted=True, spans=kept,
            refused=((made[1].id, "expired"),) if letter == "a" else (),
        )  # fmt: skip
        wants.answered(connection, SERVED, fact, now_ns=at_ns)


def _issue(connection: Connection, by: Someone, at_ns: int, *, hours: int = 24) -> str:
    _, secret = enrolments.issue(
        connection, SERVED, hours=hours, replaces=True, by=by, now_ns=at_ns
    )
    return secret


def _joined(connection: Connection, hub: Stage, by: Someone, at_ns: int, said: str) -> None:
    secret = _issue(connection, by, at_ns)
    box = keys.SigningKey(keys.new_seed())
    code = wires.Code.of("https://hub.example", secret, hub.hub_key.public)
    offer = wires.EnrolOffer(1, hub.trust.hub, hub.hub_key.public, str(at_ns))
    chain = keys.Chain(keys.new_id(), box.public)
    told = proving.asked(code, offer, box, chain, version=said[:64] or "0.1.0", at_ns=at_ns)
    asked = proving.opened(hub.hub_key, told)
    found = enrolments.found_for(connection, asked, now_ns=at_ns)
    enrolments.admit(connection, found, asked, now_ns=at_ns)
    given = Given("control", "media", "sealed")
    enrolments.finish(connection, found, asked, given, address="192.0.2.7", now_ns=at_ns)
    assert site_keys.chain(connection, SERVED) is not None
