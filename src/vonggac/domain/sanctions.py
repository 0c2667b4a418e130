"""Proposals of measures (đề xuất xử lý): reminders counted, the facility heard, another decides.

    explaining ──▶ explained ──▶ proposed ──▶ decided
         └── time is over ─────────▲
         (each but the last) ──▶ dropped

Nothing here is automatic: the software lists, a person proposes, and another body decides; who
decided what, when and by which document is entered as it is.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import among
from vonggac.db import inspection as db
from vonggac.domain import (
    access,
    audit,
    citing,
    inspection_papers,
    inspections,
    legal,
    papers,
    reminders,
    sanction_lists,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import Act
from vonggac.domain.inspection_input import MAX_LINE, MAX_SAID, refuse, text_faults
from vonggac.domain.legal import plain
from vonggac.domain.matters import Matter, Standing, standing_on
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.exports import Someone
    from vonggac.domain.inspection_rules import ListCode
    from vonggac.domain.rules import Placement

State = Literal["explaining", "explained", "proposed", "decided", "dropped"]
DECISIONS: Final = ("applied", "eased", "refused")
OPEN: Final = ("explaining", "explained", "proposed")
LISTED: Final = 300
TOKEN_BYTES: Final = 24
"""192 bits: nobody finds a link by trying."""
WORDS: Final[Mapping[str, str]] = {
    "lacking": "Khu vực chưa có camera",
    "cameras": "Số camera trong danh mục",
    "days": "Số ngày trong danh mục",
    "watched": "Thời gian có người mở hình",
    "views": "Số lượt mở hình",
    "unwatched": "Lâu nhất không ai mở hình",
    "recorded": "Thời gian ghi được",
}
"""What the figures of a list are called."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed about a facility, and what became of it."""

    id: str
    site_id: str
    list: ListCode
    inputs: Mapping[str, Any]
    directive_id: str | None
    reminded: Sequence[Mapping[str, str]]
    state: State
    explain_by: date
    link_used_ns: int | None
    explanation: str
    explained_for: str
    came: str
    explained_ns: int | None
    explained_by: str
    measure: str
    reason: str
    proposed_to: str
    proposing: str
    paper_id: str | None
    proposed_ns: int | None
    proposed_id: str
    proposed_by: str
    proposed_name: str
    decision: str
    decision_said: str
    decided_body: str
    decided_person: str
    document: str
    decided: date | None
    decided_ns: int | None
    decided_by: str
    decided_name: str
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What another body decided."""

    decision: str
    said: str
    body: str
    person: str
    document: str
    decided: date | None


def ask(
    connection: Connection,
    site_id: str,
    list_code: str,
    *,
    body: str,
    explain_by: date | None,
    placement: Placement,
    directive_id: str | None = None,
    by: Someone,
    now_ns: int,
) -> tuple[str, str]:
    """Ask a facility to explain itself: the first step. A writing transaction.

    Args:
        connection: a writing transaction.
        site_id: a facility that is on the list now.
        list_code: which list.
        body: who asks.
        explain_by: the last day; None is the software's default.
        placement: the rule in force.
        directive_id: the directive that it carries out; None is what the facility carries out.
        by: who asks.
        now_ns: UTC now.

    Returns:
        The proposal's id, and the secret of its one-time link, which is kept nowhere.

    Raises:
        VonggacError: BAD_INPUT with `fields`; CONFLICT, it is not on the list, was not reminded, or
            a proposal is open.
    """
    faults = text_faults("body", body, MAX_LINE)
    if list_code not in book.lists():
        faults["list"] = "no_such"
    day = explain_by or legal.day_of(legal.after_days(now_ns, book.numbers().explain_days) - 1)
    if day < legal.day_of(now_ns):
        faults["explain_by"] = "in_the_past"
    refuse(faults)
    entries = sanction_lists.every(connection, [site_id], placement, now_ns=now_ns)
    entry = next((one for one in entries if one.list == list_code), None)
    if entry is None:
        raise VonggacError(Kind.CONFLICT, "it is not on this list", code="not_listed")
    counted = reminders.sent(connection, site_id)
    if len(counted) < book.numbers().reminders:
        raise VonggacError(Kind.CONFLICT, "remind first", code="not_reminded")
    if any(one.state in OPEN for one in of_sites(connection, [site_id])):
        raise VonggacError(Kind.CONFLICT, "a proposal is open", code="proposal_open")
    order = citing.chosen(connection, directive_id, "", site_id=site_id)
    made, token = new_id(), secrets.token_urlsafe(TOKEN_BYTES)
    reminded = [
        {"number": one.number, "day": one.sent.isoformat() if one.sent else "", "level": one.level}
        for one in reversed(counted)
    ]
    letter = inspection_papers.explanation_letter(
        connection, site_id=site_id, body=plain(body), list_code=list_code,
        inputs=sentences(list_code, entry.inputs), explain_by=day, order=order, now_ns=now_ns,
    )  # fmt: skip
    paper_id = papers.draft(
        connection, letter, about=f"proposal:{made}", site_id=site_id, unit_id=None,
        directive_id=order, by=by, now_ns=now_ns,
    )  # fmt: skip
    connection.execute(
        db.proposal.insert().values(
            id=made, site_id=site_id, list=list_code, inputs=dict(entry.inputs),
            directive_id=order, reminded=reminded, explain_by=day, link=digest(token),
            proposing=plain(body), paper_id=paper_id, made_ns=now_ns, made_by=by.name,
            made_name=by.full_name,
        )
    )  # fmt: skip
    _audit(connection, find(connection, made), "asked", by.actor, now_ns)
    return made, token


def explain(
    connection: Connection,
    proposal_id: str,
    *,
    said: str,
    person: str,
    came: Literal["page", "paper"],
    by: Someone,
    now_ns: int,
) -> Proposal:
    """Enter what the facility says for itself. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT; BAD_INPUT with `fields`.
    """
    it = find(connection, proposal_id)
    return _explained(connection, it, said, person, came, by.actor, by.full_name, now_ns)


def explain_by_link(
    connection: Connection, token: str, *, said: str, person: str, actor: audit.Actor, now_ns: int
) -> Proposal:
    """The same from whoever holds the link, once. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND, no such link, or it was used; CONFLICT; BAD_INPUT with `fields`.
    """
    it = by_link(connection, token, now_ns=now_ns)
    made = _explained(connection, it, said, person, "link", actor, "", now_ns)
    _change(connection, it.id, link_used_ns=now_ns, link="")
    return made


def by_link(connection: Connection, token: str, *, now_ns: int) -> Proposal:
    """The proposal that a one-time link opens, while the facility still may explain itself.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _proposals(
        connection, db.proposal.c.link == digest(token), db.proposal.c.state == "explaining"
    )
    if not token or not found or found[0].explain_by < legal.day_of(now_ns):
        raise VonggacError(Kind.NOT_FOUND, "this link opens nothing")
    return found[0]


def new_link(connection: Connection, proposal_id: str, *, by: Someone, now_ns: int) -> str:
    """Make the link anew; the one before opens nothing any more. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the facility has explained itself.
    """
    it = _in_state(connection, proposal_id, "explaining")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    _change(connection, it.id, link=digest(token))
    _audit(connection, it, "link", by.actor, now_ns)
    return token


def propose(
    connection: Connection,
    proposal_id: str,
    *,
    measure: str,
    reason: str,
    to: str,
    by: Someone,
    now_ns: int,
) -> Proposal:
    """Propose a measure to another body. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the facility still has time; BAD_INPUT with `fields`.
    """
    it = _in_state(connection, proposal_id, "explaining", "explained")
    if it.state == "explaining" and legal.day_of(now_ns) <= it.explain_by:
        raise VonggacError(Kind.CONFLICT, "it still has time", code="still_explaining")
    faults = text_faults("measure", measure, MAX_SAID) | text_faults("reason", reason, MAX_SAID)
    faults |= text_faults("to", to, MAX_LINE)
    if not faults and plain(to).casefold() == it.proposing.casefold():
        faults["to"] = "same_body"
    refuse(faults)
    # Rows of before name none.
    order = it.directive_id or citing.carried(connection, "", site_id=it.site_id)
    letter = inspection_papers.proposal_letter(
        connection, site_id=it.site_id, body=it.proposing, to=plain(to), list_code=it.list,
        inputs=sentences(it.list, it.inputs), reminded=reminded_days(it),
        explanation=it.explanation, measure=plain(measure), reason=plain(reason), order=order,
        now_ns=now_ns,
    )  # fmt: skip
    paper_id = papers.draft(
        connection, letter, about=f"proposal:{it.id}", site_id=it.site_id, unit_id=None,
        directive_id=order, by=by, now_ns=now_ns,
    )  # fmt: skip
    _change(
        connection, it.id, state="proposed", measure=plain(measure), reason=plain(reason),
        proposed_to=plain(to), paper_id=paper_id, proposed_ns=now_ns, proposed_id=by.account_id,
        proposed_by=by.name, proposed_name=by.full_name, link="",
    )  # fmt: skip
    made = find(connection, it.id)
    _audit(connection, made, "proposed", by.actor, now_ns)
    return made


def decide(
    connection: Connection, proposal_id: str, said: Decision, *, by: Someone, now_ns: int
) -> Proposal:
    """Enter what another body decided, by which document. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, nothing is proposed, or by oneself; BAD_INPUT with
            `fields`.
    """
    it = _in_state(connection, proposal_id, "proposed")
    if it.proposed_id == by.account_id:
        raise VonggacError(Kind.CONFLICT, "whoever proposes does not decide", code="same_person")
    faults = text_faults("said", said.said, MAX_SAID) | text_faults("body", said.body, MAX_LINE)
    faults |= text_faults("person", said.person, MAX_LINE)
    faults |= text_faults("document", said.document, 60)
    if said.decision not in DECISIONS:
        faults["decision"] = "no_such"
    if plain(said.body).casefold() == it.proposing.casefold():
        faults["body"] = "same_body"
    if said.decided is None or said.decided > legal.day_of(now_ns):
        faults["decided"] = "required" if said.decided is None else "in_the_future"
    elif it.proposed_ns is not None and said.decided < legal.day_of(it.proposed_ns):
        faults["decided"] = "too_early"
    refuse(faults)
    _change(
        connection, it.id, state="decided", decision=said.decision,
        decision_said=plain(said.said), decided_body=plain(said.body),
        decided_person=plain(said.person), document=plain(said.document), decided=said.decided,
        decided_ns=now_ns, decided_by=by.name, decided_name=by.full_name,
    )  # fmt: skip
    made = find(connection, it.id)
    _audit(connection, made, f"decided {said.decision}", by.actor, now_ns)
    return made


def drop(
    connection: Connection, proposal_id: str, *, reason: str, by: Someone, now_ns: int
) -> Proposal:
    """Propose nothing after all, with the reason. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is over; BAD_INPUT with `fields`.
    """
    it = _in_state(connection, proposal_id, "explaining", "explained")
    refuse(text_faults("reason", reason, MAX_SAID))
    _change(connection, it.id, state="dropped", reason=plain(reason), link="")
    made = find(connection, it.id)
    _audit(connection, made, "dropped", by.actor, now_ns)
    return made


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, proposal_id: str) -> Proposal:
    """One proposal.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _proposals(connection, db.proposal.c.id == proposal_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such proposal")
    return found[0]


def of_sites(
    connection: Connection, site_ids: Sequence[str], *, offset: int = 0, most: int = LISTED
) -> list[Proposal]:
    """Proposals about these facilities, the newest first; from `offset` on, `most` at most."""
    return _proposals(connection, among(db.proposal.c.site_id, site_ids), page=(offset, most))


def counted(connection: Connection, site_ids: Sequence[str]) -> int:
    """How many proposals `of_sites` would tell without its bounds."""
    query = sa.select(sa.func.count()).select_from(db.proposal)
    return connection.execute(query.where(among(db.proposal.c.site_id, site_ids))).scalar_one()


def reminded_days(it: Proposal) -> list[tuple[str, date | None]]:
    """Number and day of the reminders that were counted."""
    return [(one["number"], _date(one["day"])) for one in it.reminded]


def sentences(list_code: str, inputs: Mapping[str, Any]) -> list[str]:
    """The figures of an entry, for a letter."""
    return [
        f"{WORDS[code]}: {value};" for code, value in sanction_lists.said(list_code, inputs, "vi")
    ]


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """What each has to do next: the facility explains, the inspector proposes, a leader decides."""
    today = legal.day_of(now_ns)
    answers = set(access.sites_for(connection, person, Act.FINDING_ANSWER, now_ns))
    proposes = set(access.sites_for(connection, person, Act.SANCTION_PROPOSE, now_ns))
    decides = set(access.sites_for(connection, person, Act.SANCTION_DECIDE, now_ns))
    names = inspections.site_titles(connection, allowed_sites)
    found = []
    for one in of_sites(connection, allowed_sites):
        values, href = (("site", names.get(one.site_id, "")),), f"/sanctions/{one.id}"
        silent = one.state == "explaining" and one.explain_by < today
        if one.state == "proposed" and one.site_id in decides:
            sign = Standing.SIGN
            found.append(
                Matter("inspection", "Quyết định đề xuất xử lý {site}", href, sign, values)
            )
        elif (one.state == "explained" or silent) and one.site_id in proposes:
            due = Standing.DUE
            found.append(Matter("inspection", "Xem giải trình của {site}", href, due, values))
        elif one.state == "explaining" and one.site_id in answers:
            due, last = standing_on(one.explain_by, today), one.explain_by
            found.append(
                Matter("inspection", "Giải trình của {site}", href, due, values, last, one.site_id)
            )
    return found


# -- pieces ----------------------------------------------------------------------------------


def _explained(
    connection: Connection,
    it: Proposal,
    said: str,
    person: str,
    came: str,
    actor: audit.Actor,
    full_name: str,
    now_ns: int,
) -> Proposal:
    if it.state != "explaining":
        raise VonggacError(Kind.CONFLICT, "it is not asked any more", code="proposal_state")
    refuse(text_faults("said", said, MAX_SAID) | text_faults("person", person, MAX_LINE))
    _change(
        connection, it.id, state="explained", explanation=plain(said),
        explained_for=plain(person), came=came, explained_ns=now_ns, explained_by=actor.name,
        explained_name=full_name,
    )  # fmt: skip
    made = find(connection, it.id)
    _audit(connection, made, f"explained {came}", actor, now_ns)
    return made


def _in_state(connection: Connection, proposal_id: str, *states: str) -> Proposal:
    it = find(connection, proposal_id)
    if it.state not in states:
        raise VonggacError(Kind.CONFLICT, f"it is {it.state}", code="proposal_state")
    return it


def _change(connection: Connection, proposal_id: str, **values: object) -> None:
    table = db.proposal
    connection.execute(table.update().where(table.c.id == proposal_id).values(**values))


def _proposals(
    connection: Connection,
    *conditions: sa.ColumnElement[bool],
    page: tuple[int, int] = (0, LISTED),
) -> list[Proposal]:
    table = db.proposal
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Proposal.__dataclass_fields__))
        .where(*conditions)
        .order_by(table.c.made_ns.desc(), table.c.id)
        .offset(page[0])
        .limit(page[1])
    )
    return [Proposal(*row) for row in rows]


def digest(token: str) -> str:
    """What is kept of the secret of a link."""
    return hashlib.sha256(token.encode()).hexdigest()


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _audit(
    connection: Connection, it: Proposal, step: str, actor: audit.Actor, now_ns: int
) -> None:
    audit.record(
        connection, actor, audit.Act.PROPOSAL_STEP, now_ns=now_ns, thing=it.id, site=it.site_id,
        detail={"step": step, "list": it.list},
    )  # fmt: skip
