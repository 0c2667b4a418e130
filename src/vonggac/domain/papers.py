"""Papers: letters that the program drafted from data, and what the paper world made of them.

    draft ──▶ issued ──▶ withdrawn
      └────────────────────▲

Whoever drafts from data (a survey, an estimate, a report) hands over a complete letter and where it
came from.  Number and day are the records clerk's: a paper is issued when the signed PDF lies here
with its hash, and from then on nothing of it changes but to whom it was sent and what came back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import among
from vonggac.db import paper as rows
from vonggac.domain import access, audit, legal
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.legal import plain
from vonggac.domain.matters import Matter, Standing
from vonggac.domain.units import folded, is_secret, subtree
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id
from vonggac.paper import kept, layout, letter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Person, Thing
    from vonggac.domain.exports import Someone
    from vonggac.paper.letter import Letter

State = Literal["draft", "issued", "withdrawn"]

STATES: Final[tuple[State, ...]] = ("draft", "issued", "withdrawn")
SUBJECTS: Final = (
    "survey", "inspection", "estimate", "plan", "task", "finding", "proposal", "report",
    "acceptance", "duty", "directive", "guide", "incident", "closing", "campaign", "site",
)  # fmt: skip
"""What a paper is drafted from; `about` is one of these, a colon, and an id."""
MAX_LINE: Final = 300
"""Letters of a line (ours)."""
MAX_FILE: Final = 20 * 1024 * 1024
"""Bytes of a signed PDF (ours): forty scanned pages."""
MAX_RECIPIENTS: Final = 60
SHOWN: Final = 100
"""Papers of a list at most; the search finds the others."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper without its letter."""

    id: str
    about: str
    kind: str
    site_id: str | None
    unit_id: str | None
    directive_id: str | None
    subject: str
    issuer: str
    state: State
    number: str
    dated: date | None
    drafted_ns: int
    drafted_by: str
    drafted_name: str
    issued_ns: int | None
    issued_by: str
    issued_name: str
    withdrawn_ns: int | None
    withdrawn_by: str
    withdrawn_name: str
    withdrawn_why: str


@dataclass(frozen=True, slots=True)
class File:
    """The signed paper, without its bytes."""

    id: str
    file_name: str
    size: int
    sha256: str
    attached_ns: int
    attached_by: str
    attached_name: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom a paper goes."""

    id: str
    name: str
    sent: date | None
    way: str
    delivered: date | None
    answered: date | None
    answer: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """That somebody agreed to a draft in the system."""

    note: str
    made_ns: int
    made_by: str
    made_name: str


# -- drafting --------------------------------------------------------------------------------


def draft(
    connection: Connection,
    made: Letter,
    *,
    about: str,
    site_id: str | None,
    unit_id: str | None,
    directive_id: str | None,
    by: Someone,
    now_ns: int,
) -> str:
    """Keep a drafted letter; returns the paper's id. A writing transaction.

    Args:
        connection: a writing transaction.
        made: complete, without number; its recipients become those of the paper.
        about: what it was drafted from, such as `survey:ID`.
        site_id: the facility that it is about.
        unit_id: whose paper it is; None with no facility is the hub's.
        directive_id: the directive that it carries out.
        by: who drafts.
        now_ns: UTC now.

    Raises:
        VonggacError: BAD_INPUT, the letter is incomplete, numbered, marked as a secret, or `about`
            names nothing.
    """
    subject, colon, of = about.partition(":")
    if subject not in SUBJECTS or not colon or not of:
        raise VonggacError(Kind.BAD_INPUT, f"about: {about[:60]} names nothing")
    missing = letter.faults(made)
    if made.number or missing:
        raise VonggacError(Kind.BAD_INPUT, ", ".join(missing) or "a draft has no number")
    if is_secret(made.subject):
        raise VonggacError(
            Kind.BAD_INPUT, "subject: secret mark", fields={"subject": "secret_mark"}
        )
    paper_id = new_id()
    connection.execute(
        rows.paper.insert().values(
            id=paper_id, about=about, kind=made.kind.code, site_id=site_id, unit_id=unit_id,
            directive_id=directive_id, subject=made.subject, issuer=made.issuer.name,
            folded=folded(f"{made.issuer.name} {made.subject}"), letter=kept.to_json(made),
            state="draft", number="", drafted_ns=now_ns, drafted_by=by.name,
            drafted_name=by.full_name,
        )
    )  # fmt: skip
    names = dict.fromkeys(
        plain(one)[:MAX_LINE] for one in (*made.addressees, *made.recipients)
        if plain(one) and not plain(one).casefold().startswith("như trên")
    )  # fmt: skip
    for at, name in enumerate(list(names)[:MAX_RECIPIENTS], 1):
        _add_recipient(connection, paper_id, at, name)
    _audit(connection, audit.Act.PAPER_DRAFTED, paper_id, by, now_ns, about=about)
    return paper_id


def agree(connection: Connection, paper_id: str, note: str, *, by: Someone, now_ns: int) -> None:
    """Say that a person agrees to a draft; no legal signature. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is no draft any more; BAD_INPUT with `fields`.
    """
    _in_state(connection, paper_id, "draft")
    note = _line(note, "note")
    connection.execute(
        rows.paper_agreement.insert().values(
            id=new_id(), paper_id=paper_id, note=note, made_ns=now_ns, made_by=by.name,
            made_name=by.full_name,
        )
    )  # fmt: skip
    _audit(connection, audit.Act.PAPER_AGREED, paper_id, by, now_ns)


def issue(
    connection: Connection,
    paper_id: str,
    *,
    number: str,
    dated: date | None,
    file_name: str,
    content: bytes,
    by: Someone,
    now_ns: int,
) -> None:
    """Enter number, day and the signed PDF: from now on the paper is issued. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is no draft any more; BAD_INPUT with `fields`.
    """
    found = _in_state(connection, paper_id, "draft")
    number = _whole_number(connection, paper_id, plain(number))
    name = plain(file_name.replace("\\", "/").rpartition("/")[2])[:MAX_LINE]
    faults = {
        "number": _number_fault(connection, found, number, dated),
        "dated": "required" if dated is None
        else "in_future" if dated > legal.day_of(now_ns) else "",
        "file": _file_fault(content, name),
    }  # fmt: skip
    _refuse({field: why for field, why in faults.items() if why})
    sha256 = hashlib.sha256(content).hexdigest()
    connection.execute(
        rows.paper_file.insert().values(
            id=new_id(), paper_id=paper_id, file_name=name or f"{sha256[:12]}.pdf",
            size=len(content), sha256=sha256, content=content, attached_ns=now_ns,
            attached_by=by.name, attached_name=by.full_name,
        )
    )  # fmt: skip
    _change(
        connection, paper_id, state="issued", number=number, dated=dated, issued_ns=now_ns,
        issued_by=by.name, issued_name=by.full_name,
        folded=folded(f"{number} {found.issuer} {found.subject}"),
    )  # fmt: skip
    _audit(connection, audit.Act.PAPER_ISSUED, paper_id, by, now_ns, number=number, sha256=sha256)


def withdraw(connection: Connection, paper_id: str, why: str, *, by: Someone, now_ns: int) -> None:
    """Say that a paper counts no more, and why; it stays. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is withdrawn; BAD_INPUT with `fields`.
    """
    if find(connection, paper_id).state == "withdrawn":
        raise VonggacError(Kind.CONFLICT, "this paper is withdrawn already", code="not_now")
    why = _line(why, "why", needed=True)
    _change(
        connection, paper_id, state="withdrawn", withdrawn_ns=now_ns, withdrawn_by=by.name,
        withdrawn_name=by.full_name, withdrawn_why=why,
    )  # fmt: skip
    _audit(connection, audit.Act.PAPER_WITHDRAWN, paper_id, by, now_ns, why=why)


# -- to whom ---------------------------------------------------------------------------------


def add_recipient(
    connection: Connection, paper_id: str, name: str, *, by: Someone, now_ns: int
) -> str:
    """Send a paper to one more; returns the recipient's id. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is withdrawn; BAD_INPUT with `fields`; TOO_MANY.
    """
    if find(connection, paper_id).state == "withdrawn":
        raise VonggacError(Kind.CONFLICT, "this paper is withdrawn", code="not_now")
    name = _line(name, "name", needed=True)
    there = recipients(connection, paper_id)
    if len(there) >= MAX_RECIPIENTS:
        raise VonggacError(Kind.TOO_MANY, f"{MAX_RECIPIENTS} recipients stand already")
    made = _add_recipient(connection, paper_id, len(there) + 1, name)
    _audit(connection, audit.Act.PAPER_SENT, paper_id, by, now_ns, recipient=name)
    return made


def mark_recipient(
    connection: Connection,
    paper_id: str,
    recipient_id: str,
    marked: Recipient,
    *,
    by: Someone,
    now_ns: int,
) -> None:
    """Say when it was sent, when it arrived, when it was answered. A writing transaction.

    Args:
        connection: a writing transaction.
        paper_id: which paper; issued.
        recipient_id: which of its recipients.
        marked: its days, `way` and `answer`; id and name do not count.
        by: who says so.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, only an issued paper is sent; BAD_INPUT with `fields`.
    """
    found = _in_state(connection, paper_id, "issued")
    if not any(one.id == recipient_id for one in recipients(connection, paper_id)):
        raise VonggacError(Kind.NOT_FOUND, "the paper has no such recipient")
    way, answer = _line(marked.way, "way"), _line(marked.answer, "answer")
    _refuse(_order_faults(found, marked, legal.day_of(now_ns)))
    table = rows.paper_recipient
    connection.execute(
        table.update()
        .where(table.c.id == recipient_id)
        .values(sent=marked.sent, way=way, delivered=marked.delivered, answered=marked.answered,
                answer=answer)
    )  # fmt: skip
    days = {"sent": marked.sent, "delivered": marked.delivered, "answered": marked.answered}
    detail = {name: day.isoformat() for name, day in days.items() if day}
    _audit(connection, audit.Act.PAPER_SENT, paper_id, by, now_ns, of=recipient_id, **detail)


def _order_faults(found: Paper, marked: Recipient, today: date) -> dict[str, str]:
    """Sent not before it was dated, arrived not before it was sent, answered after that."""
    faults: dict[str, str] = {}
    earliest = found.dated
    for name, day in (
        ("sent", marked.sent), ("delivered", marked.delivered), ("answered", marked.answered)
    ):  # fmt: skip
        if day is None:
            continue
        if day > today:
            faults[name] = "in_future"
        elif earliest and day < earliest:
            faults[name] = "too_early"
        earliest = day
    if marked.delivered and not marked.sent:
        faults.setdefault("sent", "required")
    return faults


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, paper_id: str) -> Paper:
    """One paper.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(_papers().where(rows.paper.c.id == paper_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such paper")
    return Paper(*row)


def of(connection: Connection, about: str) -> list[Paper]:
    """Papers that were drafted from this, the newest first."""
    table = rows.paper
    query = _papers().where(table.c.about == about)
    found = connection.execute(query.order_by(table.c.drafted_ns.desc(), table.c.id)).all()
    return [Paper(*row) for row in found]


def letter_of(connection: Connection, paper_id: str) -> Letter:
    """The letter of a paper, with its number and day once it is issued.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = rows.paper
    row = connection.execute(
        sa.select(table.c.letter, table.c.number, table.c.dated).where(table.c.id == paper_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such paper")
    made = kept.of_json(row.letter)
    if not row.number:
        return made
    # The layout puts the symbol behind the number; the clerk entered both.
    return replace(made, number=row.number.partition("/")[0], drafted=row.dated)


def file_of(connection: Connection, paper_id: str) -> File | None:
    """The signed PDF of a paper; None before it is issued."""
    table = rows.paper_file
    query = sa.select(*(table.c[name] for name in File.__dataclass_fields__))
    row = connection.execute(query.where(table.c.paper_id == paper_id)).one_or_none()
    return None if row is None else File(*row)


def file_content(connection: Connection, paper_id: str) -> bytes:
    """The bytes of the signed PDF.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = rows.paper_file
    query = sa.select(table.c.content).where(table.c.paper_id == paper_id)
    found = connection.execute(query).scalar()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "no signed paper is attached")
    return bytes(found)


def recipients(connection: Connection, paper_id: str) -> list[Recipient]:
    """To whom a paper goes, in their order."""
    table = rows.paper_recipient
    query = sa.select(*(table.c[name] for name in Recipient.__dataclass_fields__))
    found = connection.execute(query.where(table.c.paper_id == paper_id).order_by(table.c.at)).all()
    return [Recipient(*row) for row in found]


def agreements(connection: Connection, paper_id: str) -> list[Agreement]:
    """Who agreed to the draft, the first one first."""
    table = rows.paper_agreement
    query = sa.select(*(table.c[name] for name in Agreement.__dataclass_fields__))
    query = query.where(table.c.paper_id == paper_id).order_by(table.c.made_ns, table.c.id)
    return [Agreement(*row) for row in connection.execute(query).all()]


def thing_of(connection: Connection, found: Paper) -> Thing:
    """What a right on a paper is asked of: its facility, its unit, or the hub."""
    if found.site_id is not None:
        return access.thing_of_site(connection, found.site_id)
    if found.unit_id is not None:
        return access.thing_of_unit(connection, found.unit_id)
    return SYSTEM


def visible(connection: Connection, person: Person, now_ns: int) -> sa.ColumnElement[bool]:
    """Which papers a person sees: of facilities, of units, and of the hub, as roles reach."""
    table, act = rows.paper, Act.PAPER_SEE
    sites = access.sites_for(connection, person, act, now_ns)
    mine = [held for held in person.held if act in held.acts and held.lasts(now_ns)]
    if person.only is not None and act not in person.only:
        mine = []
    whole = any(held.over_everything for held in mine)
    roots = {held.unit for held in mine if held.unit and not held.line and not held.sites}
    own = sa.true() if whole else table.c.unit_id.in_(subtree(connection, roots))
    hub = sa.true() if whole else sa.false()
    return sa.case(
        (table.c.site_id.is_not(None), among(table.c.site_id, sites)),
        (table.c.unit_id.is_not(None), own),
        else_=hub,
    )


def listed(
    connection: Connection,
    allowed: sa.ColumnElement[bool],
    *,
    state: str = "",
    kind: str = "",
    wanted: str = "",
) -> list[Paper]:
    """Papers that somebody may see, the newest first.

    Args:
        connection: a transaction.
        allowed: from `visible`.
        state: of `STATES`; empty is all.
        kind: code of a kind of document; empty is all.
        wanted: words of number, issuer and subject, with or without marks; all must be there.
    """
    table = rows.paper
    words = folded(plain(wanted)).split()[:10]
    conditions = [table.c.folded.contains(word, autoescape=True) for word in words]
    if state:
        conditions.append(table.c.state == state)
    if kind:
        conditions.append(table.c.kind == kind)
    query = _papers().where(allowed, *conditions)
    found = connection.execute(
        query.order_by(table.c.drafted_ns.desc(), table.c.id).limit(SHOWN)
    ).all()
    return [Paper(*row) for row in found]


def issued_on(
    connection: Connection, allowed: sa.ColumnElement[bool], from_ns: int, to_ns: int
) -> list[Paper]:
    """Papers that were issued in a span, the first one first."""
    table = rows.paper
    query = _papers().where(allowed, table.c.issued_ns >= from_ns, table.c.issued_ns < to_ns)
    found = connection.execute(query.order_by(table.c.issued_ns, table.c.id).limit(SHOWN)).all()
    return [Paper(*row) for row in found]


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """Drafts that wait for a signature and for the clerk, as far as the person may see them.

    `allowed_sites` narrows those of facilities; papers of units and of the hub come by roles.
    """
    here = set(allowed_sites)
    drafts = listed(connection, visible(connection, person, now_ns), state="draft")
    return [
        Matter(
            subject="paper",
            what="Dự thảo chờ số và bản ký: {subject}",
            href=f"/papers/{one.id}",
            standing=Standing.SIGN,
            values=(("subject", one.subject),),
            site_id=one.site_id or "",
            body=one.issuer,
        )
        for one in drafts
        if one.site_id is None or one.site_id in here
    ]


# -- pieces ----------------------------------------------------------------------------------


def _papers() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(rows.paper.c[name] for name in Paper.__dataclass_fields__))


def _in_state(connection: Connection, paper_id: str, state: State) -> Paper:
    found = find(connection, paper_id)
    if found.state != state:
        raise VonggacError(Kind.CONFLICT, f"this paper is {found.state}", code="not_now")
    return found


def _change(connection: Connection, paper_id: str, **values: object) -> None:
    connection.execute(rows.paper.update().where(rows.paper.c.id == paper_id).values(**values))


def _add_recipient(connection: Connection, paper_id: str, at: int, name: str) -> str:
    made = new_id()
    connection.execute(
        rows.paper_recipient.insert().values(id=made, paper_id=paper_id, at=at, name=name)
    )
    return made


def _whole_number(connection: Connection, paper_id: str, number: str) -> str:
    """The number with the symbol of the letter, where the clerk typed digits alone."""
    if not number.isdigit():
        return number
    return layout.number_line(replace(letter_of(connection, paper_id), number=number))[
        len("Số: ") :
    ]


def _number_fault(connection: Connection, found: Paper, number: str, dated: date | None) -> str:
    if not number:
        return "required"
    if len(number) > 60:
        return "too_long"
    if is_secret(number):
        return "secret_mark"
    table = rows.paper
    same = sa.select(table.c.dated).where(
        table.c.issuer == found.issuer, table.c.number == number, table.c.state != "draft"
    )
    years = {row.dated.year for row in connection.execute(same).all() if row.dated}
    return "number_taken" if dated and dated.year in years else ""


def _file_fault(content: bytes, name: str) -> str:
    if not content:
        return "no_file"
    if len(content) > MAX_FILE:
        return "file_too_long"
    if not content.startswith(b"%PDF-"):
        return "not_pdf"
    return "secret_mark" if is_secret(name) else ""


def _line(said: str, field: str, *, needed: bool = False) -> str:
    text = plain(said)
    if needed and not text:
        _refuse({field: "required"})
    if len(text) > MAX_LINE:
        _refuse({field: "too_long"})
    if is_secret(text):
        _refuse({field: "secret_mark"})
    return text


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        said = ", ".join(f"{name}: {why.replace('_', ' ')}" for name, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=dict(faults))


def _audit(
    connection: Connection,
    act: audit.Act,
    paper_id: str,
    by: Someone,
    now_ns: int,
    **detail: object,
) -> None:
    audit.record(connection, by.actor, act, now_ns=now_ns, thing=paper_id, detail=detail)
