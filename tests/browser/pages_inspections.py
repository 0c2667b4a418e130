"""Pages of inspections, findings, reminders and proposals, and what stands on them."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from visiting import Visit

from hub_stage import SITE_ID
from vonggac.db import inspection as db
from vonggac.db import tables
from vonggac.domain import findings, inspections, legal, pictures, reminders, roles, sanctions
from vonggac.domain import inspection_rules as book
from vonggac.domain.exports import Someone
from vonggac.domain.findings import Proof
from vonggac.domain.inspection_input import Answer, Member, Minutes, RoundDraft
from vonggac.domain.sanctions import Decision

if TYPE_CHECKING:
    from hub_stage import Stage

DAY_NS = 86_400 * 10**9
LINK = "duong-dan-giai-trinh"
WORDS = "an ninh, phòng dịch"
"""Typed by people, as `test_looks.TYPED` has it."""

VISITS = (
    Visit("/inspections", "/inspections"),
    Visit(
        "/inspections/rounds/{round_id}", "/inspections", press='a[href^="/inspections/rounds/"]'
    ),
    Visit(
        "/inspections/{inspection_id}", "/inspections", press="#open li:has(.badge-warn) a"
    ),
    Visit(
        "/inspections/{inspection_id}", "/inspections",
        press="#open li:has(.badge:not(.badge-warn)) a",
    ),
    Visit("/inspections/{inspection_id}", "/inspections", press="#done a"),
    Visit("/findings", "/findings"),
    Visit("/findings/{finding_id}", "/findings", press="tr:has(.badge-warn) a"),
    Visit("/findings/{finding_id}", "/findings", press="tr:has(.badge-act) a"),
    Visit("/reminders", "/reminders"),
    Visit("/sanctions", "/sanctions"),
    Visit("/sanctions/{proposal_id}", "/sanctions", press="#proposals li:has(.badge-good) a"),
    Visit("/sanctions/{proposal_id}", "/sanctions", press="#proposals li:has(.badge-warn) a"),
    Visit("/giai-trinh/{token}", f"/giai-trinh/{LINK}", signed_in=False),
)  # fmt: skip
NO_PAGES = (
    "/inspections/{inspection_id}/minutes.docx",
    "/inspections/{inspection_id}/minutes.pdf",
    "/inspections/{inspection_id}/photos/{photo_id}",
)


def png() -> bytes:
    """A grey square of eight pixels a side."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * 8 for _ in range(8)))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def load(hub: Stage, said: str = "") -> None:
    """An inspection of every state, findings, letters, a proposal that is decided and one open."""
    now_ns = hub.clock.wall_ns()
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        by = Someone(account.id, account.name, said[:100])
        for role in ("health_inspector", "site_duty", "leader", "records_clerk"):
            roles.give(
                connection, roles.whoever_holds_the_machine(now_ns), account.id,
                roles.Draft(role=role, sites=(SITE_ID,), reason="phân công"), now_ns=now_ns,
            )  # fmt: skip
        _inspect(hub, connection, said, by, now_ns)
        _propose(hub, connection, said, by, now_ns)


def _inspect(hub: Stage, connection: Any, said: str, by: Someone, now_ns: int) -> None:
    words = said[:200] or WORDS
    today, other = legal.day_of(now_ns), Someone("", "kiemtra", said[:100])
    people = (Member(words, words),)
    draft = RoundDraft(words, words, people, (SITE_ID,), today, decided=today, decision="12/QĐ")
    placement = hub.app.state.desk.placement
    made = []
    for one in (draft, draft, replace(draft, decision="", decided=None, way="remote")):
        of = inspections.plan(connection, one, by=by, now_ns=now_ns)
        made.append(inspections.of_round(connection, of)[0].id)
    inspections.set_switch(connection, None, remote=True, reason=words, by=by, now_ns=now_ns)
    for it in made[:2]:
        inspections.start(connection, it, placement, by=by, now_ns=now_ns)
        inspections.attach(connection, it, pictures.taken(png()), item="A.1", by=by, now_ns=now_ns)
    bad = [
        Answer(code, "fail", words, words, words, today + timedelta(days=at - 1))
        for at, code in enumerate(("A.1", "B.2"))
    ]
    inspections.answer(connection, made[1], bad, by=by, now_ns=now_ns)
    rest = [Answer(code, "pass") for code in book.items() if code not in ("A.1", "B.2")]
    minutes = Minutes(opinion=said[:1900] or WORDS, refused=words, witness=words)
    done, _ = inspections.close(
        connection, made[0], minutes, answers=[*bad, *rest], by=by, now_ns=now_ns
    )
    _, second = findings.open_all(connection, done, directive_id=None, by=by, now_ns=now_ns)
    proof = Proof("ledger", said[:1900] or WORDS)
    findings.prove(connection, second, proof, by=other, now_ns=now_ns)


def _propose(hub: Stage, connection: Any, said: str, by: Someone, now_ns: int) -> None:
    words, today = said[:200] or WORDS, legal.day_of(now_ns)
    for level in ("facility", "local", "owner"):
        wanted = reminders.Draft(SITE_ID, f"site:{SITE_ID}", level, words, today, words, words)
        made = reminders.draft(connection, wanted, by=by, now_ns=now_ns)
        if level != "owner":
            reminders.mark_sent(
                connection, made, number=words[:60], sent=today, by=by, now_ns=now_ns
            )
    for at in range(2):
        it, _ = sanctions.ask(
            connection, SITE_ID, "not_supervising", body=words, explain_by=None,
            placement=hub.app.state.desk.placement, by=by, now_ns=now_ns + at,
        )  # fmt: skip
        if at:
            digest = sanctions.digest(LINK)
            connection.execute(
                db.proposal.update().where(db.proposal.c.id == it).values(link=digest)
            )
            return
        sanctions.explain(
            connection, it, said=words, person=words, came="page", by=by, now_ns=now_ns
        )
        sanctions.propose(
            connection, it, measure=words, reason=words, to=f"UBND {words}"[:300], by=by,
            now_ns=now_ns,
        )  # fmt: skip
        decided = Decision("eased", words, f"UBND {words}"[:300], words, words[:60], today)
        sanctions.decide(connection, it, decided, by=Someone("x", "lanhdao"), now_ns=now_ns)
