"""Directives (văn bản chỉ đạo): what came, what it orders of whom until when, and what came back.

A directive cites documents and inherits their deadlines; its clauses become duties of bodies, one
of whom leads.  What is owed goes back upward: due, received, returned, consolidated by the lead.
Two directives are shipped (`rules/directives.toml`); everything else is entered by a records clerk
and assigned by a leader.  Nothing that bears the mark of a state secret is taken in.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import among, tables
from vonggac.db import directives as rows
from vonggac.domain import access, audit
from vonggac.domain.access import Act
from vonggac.domain.legal import plain
from vonggac.domain.letters import kinds
from vonggac.domain.units import folded, is_secret
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id
from vonggac.paper.letter import Issuer, Letter, Signature, Text, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.exports import Someone

State = Literal["due", "received", "returned", "consolidated"]
Part = Literal["lead", "with"]

URGENCIES: Final = ("", "KHẨN", "THƯỢNG KHẨN", "HỎA TỐC")
NEXT: Final[Mapping[str, tuple[State, ...]]] = {
    "due": ("received",),
    "received": ("returned", "consolidated"),
    "returned": ("received",),
    "consolidated": (),
}
"""What a duty may become: what was sent back is due again, what was consolidated is over."""
MAX_LINE, MAX_SAID = 300, 4_000
"""Letters of a line, and of what a clause says (ours)."""
MAX_MANY: Final = 30
"""Citations of a directive, clauses of it, bodies of a clause (ours)."""
MAX_FILE: Final = 10 * 1024 * 1024
"""Bytes of a scan (ours): twenty pages in colour at 200 dpi."""
MAX_FILES: Final = 10
SHOWN: Final = 200
"""Directives of a list at most; the search finds the others."""
SNIFFED: Final = {
    b"%PDF-": ("application/pdf", "pdf"),
    b"\x89PNG\r\n\x1a\n": ("image/png", "png"),
    b"\xff\xd8\xff": ("image/jpeg", "jpg"),
    b"PK\x03\x04": ("application/zip", "zip"),
}
"""Types by their first bytes; of packages only those of documents are taken."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A document that a directive cites."""

    id: str
    directive_id: str
    said: str
    number: str
    number_key: str
    dated: date | None
    issuer: str
    subject: str
    due_said: str
    due: date | None


@dataclass(frozen=True, slots=True)
class Duty:
    """What a body owes for a clause."""

    id: str
    clause_id: str
    body: str
    part: Part
    state: State
    note: str
    changed_ns: int | None


@dataclass(frozen=True, slots=True)
class Clause:
    """Something that is ordered."""

    id: str
    directive_id: str
    number: str
    said: str
    owed: str
    due_said: str
    due: date | None
    citation_id: str | None
    assigned_by: str
    duties: tuple[Duty, ...]

    def part(self, part: Part) -> tuple[Duty, ...]:
        """Those who lead, or those who co-operate."""
        return tuple(one for one in self.duties if one.part == part)


@dataclass(frozen=True, slots=True)
class File:
    """A scan or an attachment, without its bytes."""

    id: str
    directive_id: str
    kind: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    attached_ns: int
    attached_by: str
    attached_name: str


@dataclass(frozen=True, slots=True)
class Directive:
    """A document that orders something."""

    id: str
    code: str | None
    unit_id: str | None
    number: str
    number_key: str
    dated: date | None
    issuer: str
    subject: str
    urgency: str
    registered_ns: int
    registered_by: str
    registered_name: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A line of what is owed: a duty with its clause, its directive and its last day."""

    directive: Directive
    clause: Clause
    duty: Duty
    due: date | None

    def left(self, today: date) -> int | None:
        """Days until the last day, 0 on it, negative after it; None without a deadline."""
        return None if self.due is None else (self.due - today).days


@dataclass(frozen=True, slots=True)
class CitationDraft:
    """A citation as a clerk enters it."""

    number: str
    dated: date | None = None
    issuer: str = ""
    subject: str = ""
    due_said: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A directive as a clerk enters it."""

    number: str
    dated: date | None
    issuer: str
    subject: str
    urgency: str = ""
    cites: tuple[CitationDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class ClauseDraft:
    """A clause as a leader assigns it."""

    number: str
    said: str
    lead: tuple[str, ...]
    with_: tuple[str, ...] = ()
    owed: str = ""
    due_said: str = ""
    citation_id: str = ""


# -- numbers and deadlines -------------------------------------------------------------------


def number_key(number: str) -> str:
    """A number as it is matched: `597/CĐ-BCĐ`, `597/CV-BCĐ` and `597/CD-BCD` are one.

    Letters mix up công điện and công văn, and scanners read Đ as D or P.
    """
    bare = folded(number).upper().replace(" ", "")
    digits, slash, symbol = bare.partition("/")
    parts = [part.replace("P", "D") for part in symbol.split("-")]
    if parts[0] in ("CD", "CV"):
        parts[0] = "CV"
    return f"{digits.lstrip('0')}{slash}{'-'.join(parts)}"


_DAY = re.compile(
    r"(?P<before>trước)?\s*(?:hết\s+)?(?:ngày\s+)?"
    r"(?P<day>\d{1,2})\s*(?:/|-|\s+tháng\s+)\s*(?P<month>\d{1,2})"
    r"(?:\s*(?:/|-|\s+năm\s+)\s*(?P<year>\d{4}))?",
    re.IGNORECASE,
)


def last_day(said: str, year: int | None) -> date | None:
    """The last day of a deadline in its words; None when they name no day.

    `trước 12/6` ends on 11/6; `trước hết ngày` and every other wording end on the day itself.

    Args:
        said: the words.
        year: where they name none.
    """
    found = _DAY.search(said)
    if found is None:
        return None
    named = int(found["year"]) if found["year"] else year
    if named is None:
        return None
    try:
        day = date(named, int(found["month"]), int(found["day"]))
        whole = "hết" in found[0].casefold()
        return day - timedelta(days=1) if found["before"] and not whole else day
    except (ValueError, OverflowError):
        return None


# -- what is shipped -------------------------------------------------------------------------


def load(connection: Connection, *, now_ns: int) -> int:
    """Enter the shipped directives; returns how many were not there."""
    table = rows.directive
    known = set(
        connection.execute(sa.select(table.c.code).where(table.c.code.is_not(None))).scalars()
    )
    fresh = [row for row in shipped().values() if row["code"] not in known]
    for row in fresh:
        year = row["dated"].year if "dated" in row else row["year"]
        cites = tuple(
            CitationDraft(
                one["number"], one.get("dated"), one["issuer"], one["subject"], one.get("due", "")
            )
            for one in row["cites"]
        )
        draft = Draft(
            row["number"], row.get("dated"), row["issuer"], row["subject"], row["urgency"], cites
        )
        said = [one["written"] for one in row["cites"]]
        directive_id, cited = _insert(connection, draft, said, row["code"], None, ("", ""), now_ns)
        for place, one in enumerate(row["clause"]):
            clause = ClauseDraft(
                one["number"], one["said"], tuple(one["lead"]), tuple(one["with"]), one["owed"],
                one.get("due", ""), cited.get(number_key(one.get("from", "")), ""),
            )  # fmt: skip
            _insert_clause(connection, directive_id, place, clause, year, "", now_ns)
    return len(fresh)


def frame(code: str) -> Letter:
    """The frame of a shipped directive as a letter: its head, its orders, its signature block.

    Raises:
        VonggacError: NOT_FOUND, there is no such one.
    """
    row = shipped().get(code)
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no frame of this directive")
    number, _, symbol = row["number"].partition("/")
    clauses = tuple(Text(one["said"], f"{one['number']}.") for one in row["clause"])
    return Letter(
        kind=kinds()["cong-van"],
        issuer=Issuer("", row["issuer"], symbol, row["place"]),
        drafted=row.get("dated") or date(row["year"], 6, 1),
        undated="dated" not in row,
        number=number,
        subject=row["subject"],
        body=(Text(row["opening"]), *clauses),
        signatures=(Signature(tuple(row["signs"])),),
        addressees=tuple(row["to"]),
        recipients=("Như trên", *row["recipients"]),
        archive=row["archive"],
        urgency=Urgency(row["urgency"]),
    )


@cache
def shipped() -> Mapping[str, dict[str, Any]]:
    """The rows of `rules/directives.toml`, by code."""
    text = resources.files("vonggac.rules").joinpath("directives.toml").read_text(encoding="utf-8")
    return {row["code"]: row for row in tomllib.loads(text)["directive"]}


# -- entering --------------------------------------------------------------------------------


def register(
    connection: Connection, draft: Draft, *, unit_id: str | None, by: Someone, now_ns: int
) -> str:
    """Enter a directive that came; returns its id. A writing transaction.

    Args:
        connection: a writing transaction.
        draft: what stands on it.
        unit_id: whose register; None is everybody's.
        by: who enters it.
        now_ns: UTC now.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    _refuse(_draft_faults(draft))
    directive_id, _ = _insert(
        connection, draft, [one.number for one in draft.cites], None, unit_id,
        (by.name, by.full_name), now_ns,
    )  # fmt: skip
    detail = {"number": plain(draft.number), "issuer": plain(draft.issuer)}
    audit.record(
        connection, by.actor, audit.Act.DIRECTIVE_REGISTERED, now_ns=now_ns, thing=directive_id,
        detail=detail,
    )  # fmt: skip
    return directive_id


def assign(
    connection: Connection, directive_id: str, draft: ClauseDraft, *, by: Someone, now_ns: int
) -> str:
    """Add a clause with its bodies; returns its id. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND, no such directive; BAD_INPUT with `fields`; TOO_MANY.
    """
    directive = find(connection, directive_id)
    _refuse(_clause_faults(connection, directive_id, draft))
    table = rows.directive_clause
    place = connection.execute(
        sa.select(sa.func.count()).where(table.c.directive_id == directive_id)
    ).scalar_one()
    if place >= MAX_MANY:
        raise VonggacError(Kind.TOO_MANY, f"{MAX_MANY} clauses stand already", code="too_many")
    year = directive.dated.year if directive.dated else None
    clause_id = _insert_clause(connection, directive_id, place, draft, year, by.name, now_ns)
    audit.record(
        connection, by.actor, audit.Act.DIRECTIVE_ASSIGNED, now_ns=now_ns, thing=directive_id,
        detail={"clause": plain(draft.number), "lead": [plain(one) for one in draft.lead]},
    )  # fmt: skip
    return clause_id


def step(
    connection: Connection, duty_id: str, state: str, note: str, *, by: Someone, now_ns: int
) -> Duty:
    """Say what came back of a duty, or that it went back. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, it cannot become that now.
    """
    duty, directive_id = duty_of(connection, duty_id)
    note = plain(note)
    faults = {}
    if len(note) > MAX_LINE:
        faults["note"] = "too_long"
    elif is_secret(note):
        faults["note"] = "secret_mark"
    elif state == "returned" and not note:
        faults["note"] = "required"
    _refuse(faults)
    if state not in NEXT[duty.state]:
        raise VonggacError(
            Kind.CONFLICT, f"what is {duty.state} cannot become {state[:20]}", code="no_such_step"
        )
    table = rows.directive_duty
    connection.execute(
        table.update()
        .where(table.c.id == duty_id)
        .values(state=state, note=note, changed_ns=now_ns)
    )
    connection.execute(
        rows.directive_step.insert().values(
            id=new_id(), directive_duty_id=duty_id, state=state, note=note, done_ns=now_ns,
            done_by=by.name, done_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.DIRECTIVE_STEP, now_ns=now_ns, thing=directive_id,
        detail={"duty": duty_id, "body": duty.body, "state": state},
    )  # fmt: skip
    return duty_of(connection, duty_id)[0]


def attach(
    connection: Connection,
    directive_id: str,
    *,
    kind: str,
    file_name: str,
    content: bytes,
    by: Someone,
    now_ns: int,
) -> File:
    """Attach a scan or what came with it. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; TOO_MANY.
    """
    find(connection, directive_id)
    name = plain(file_name.replace("\\", "/").rpartition("/")[2])[:MAX_LINE]
    media_type, fault = sniffed(content)
    if is_secret(name):
        fault = "secret_mark"
    if kind not in ("scan", "attachment"):
        fault = "no_such_kind"
    _refuse({"file": fault} if fault else {})
    if len(files(connection, directive_id)) >= MAX_FILES:
        raise VonggacError(Kind.TOO_MANY, f"{MAX_FILES} files stand already", code="too_many")
    file_id, sha256 = new_id(), hashlib.sha256(content).hexdigest()
    connection.execute(
        rows.directive_file.insert().values(
            id=file_id, directive_id=directive_id, kind=kind, file_name=name or sha256[:12],
            media_type=media_type, size=len(content), sha256=sha256, content=content,
            attached_ns=now_ns, attached_by=by.name, attached_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.DIRECTIVE_REGISTERED, now_ns=now_ns, thing=directive_id,
        detail={"file": name, "sha256": sha256},
    )  # fmt: skip
    return next(one for one in files(connection, directive_id) if one.id == file_id)


def sniffed(content: bytes) -> tuple[str, str]:
    """What a file is by its bytes, and what is wrong with it."""
    if not content:
        return "", "no_file"
    if len(content) > MAX_FILE:
        return "", "file_too_long"
    found = next((said for start, said in SNIFFED.items() if content.startswith(start)), None)
    if found is None:
        return "", "not_a_document"
    media_type, ending = found
    if ending != "zip":
        return media_type, ""
    if b"vbaProject" in content:
        return "", "not_a_document"
    for part, office in (
        (b"word/document.xml", "wordprocessingml.document"),
        (b"xl/workbook.xml", "spreadsheetml.sheet"),
    ):
        if part in content:
            return f"application/vnd.openxmlformats-officedocument.{office}", ""
    return "", "not_a_document"


def ending(media_type: str) -> str:
    """What the name of a file of this type ends in."""
    endings = {said: end for said, end in SNIFFED.values() if end != "zip"}
    return endings.get(media_type) or ("docx" if "word" in media_type else "xlsx")


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, directive_id: str) -> Directive:
    """One directive.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _directives(connection, rows.directive.c.id == directive_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such directive")
    return found[0]


def listed(
    connection: Connection,
    allowed: sa.ColumnElement[bool],
    *,
    wanted: str = "",
    only: str = "",
) -> list[Directive]:
    """Directives that somebody may see, the newest first.

    Args:
        connection: a transaction.
        allowed: from `visible`.
        wanted: words of number, issuer and subject, with or without marks; all must be there.
        only: this one, by its id; empty is all.
    """
    words = folded(plain(wanted)).split()[:10]
    table = rows.directive
    conditions = [table.c.folded.contains(word, autoescape=True) for word in words]
    if only:
        conditions.append(table.c.id == only)
    return _directives(connection, allowed, *conditions)


def visible(connection: Connection, person: Person, now_ns: int) -> sa.ColumnElement[bool]:
    """Which directives a person sees: of units in, above or of the own scope, and everybody's."""
    own: set[str] = set()
    above: set[str] = set()
    for held in person.held:
        if Act.DIRECTIVE_SEE not in held.acts or not held.lasts(now_ns):
            continue
        if held.over_everything:
            return sa.true()
        if held.unit is not None:
            own.add(held.unit)
            above |= set(access.thing_of_unit(connection, held.unit).path)
    table = rows.directive
    below = sa.false() if not own else table.c.unit_id.in_(units_below(connection, own))
    return sa.or_(table.c.unit_id.is_(None), table.c.unit_id.in_(sorted(above)), below)


def citations(connection: Connection, directive_id: str) -> list[Citation]:
    """What a directive cites, as on the paper."""
    table = rows.directive_citation
    query = _select(table, Citation).where(table.c.directive_id == directive_id)
    return [Citation(*row) for row in connection.execute(query.order_by(table.c.place)).all()]


def matching(
    connection: Connection, allowed: sa.ColumnElement[bool], cited: Citation
) -> Directive | None:
    """The directive that a citation means, if it is in the register; two days must not differ."""
    found = _directives(connection, allowed, rows.directive.c.number_key == cited.number_key)
    return next((one for one in found if None in (one.dated, cited.dated)
                 or one.dated == cited.dated), None)  # fmt: skip


def clauses(connection: Connection, directive_id: str) -> list[Clause]:
    """What a directive orders, as on the paper, with the bodies that owe it."""
    return _clauses(connection, rows.directive_clause.c.directive_id == directive_id)


def clause(connection: Connection, clause_id: str) -> Clause:
    """One clause.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _clauses(connection, rows.directive_clause.c.id == clause_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such clause")
    return found[0]


def owed(connection: Connection, allowed: sa.ColumnElement[bool]) -> list[Owed]:
    """Everything that is owed, by its last day, what has none at the end."""
    every = {one.id: one for one in _directives(connection, allowed)}
    cited, table = rows.directive_citation, rows.directive_clause
    dues = {
        row.id: row.due
        for row in connection.execute(
            sa.select(cited.c.id, cited.c.due).where(among(cited.c.directive_id, every))
        )
    }
    found: list[Owed] = []
    order = list(every)
    those = _clauses(connection, among(table.c.directive_id, every))
    for clause in sorted(those, key=lambda one: order.index(one.directive_id)):
        due = clause.due or dues.get(clause.citation_id or "")
        directive = every[clause.directive_id]
        found += [Owed(directive, clause, duty, due) for duty in clause.duties]
    return sorted(found, key=lambda one: (one.due or date.max, one.duty.body, one.clause.number))


def duty_of(connection: Connection, duty_id: str) -> tuple[Duty, str]:
    """One duty, and the id of its directive.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table, clause = rows.directive_duty, rows.directive_clause
    row = connection.execute(
        sa.select(*_duty_columns(), clause.c.directive_id)
        .join(clause, clause.c.id == table.c.directive_clause_id)
        .where(table.c.id == duty_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such duty")
    return Duty(*row[:-1]), row[-1]


def files(connection: Connection, directive_id: str) -> list[File]:
    """Scans and attachments, the oldest first."""
    table = rows.directive_file
    query = _select(table, File).where(table.c.directive_id == directive_id)
    return [File(*row) for row in connection.execute(query.order_by(table.c.attached_ns)).all()]


def content(connection: Connection, directive_id: str, file_id: str) -> bytes:
    """The bytes of a file of a directive.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = rows.directive_file
    found = connection.execute(
        sa.select(table.c.content).where(
            table.c.id == file_id, table.c.directive_id == directive_id
        )
    ).scalar()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such file")
    return bytes(found)


# -- pieces ----------------------------------------------------------------------------------


def _select(table: sa.Table, what: type) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in what.__dataclass_fields__))  # type: ignore[attr-defined]


def _directives(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[Directive]:
    table = rows.directive
    query = _select(table, Directive).where(*conditions)
    query = query.order_by(table.c.registered_ns.desc(), table.c.number, table.c.id).limit(SHOWN)
    return [Directive(*row) for row in connection.execute(query).all()]


def _duty_columns() -> list[sa.ColumnElement[Any]]:
    table = rows.directive_duty
    names = ("id", "directive_clause_id", "body", "part", "state", "note", "changed_ns")
    return [table.c[name] for name in names]


def _clauses(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[Clause]:
    table, duty = rows.directive_clause, rows.directive_duty
    names = [name for name in Clause.__dataclass_fields__ if name != "duties"]
    found = connection.execute(
        sa.select(*(table.c[name] for name in names)).where(*conditions).order_by(table.c.place)
    ).all()
    owing: dict[str, list[Duty]] = {}
    query = sa.select(*_duty_columns()).where(
        among(duty.c.directive_clause_id, [row.id for row in found])
    )
    for row in connection.execute(query.order_by(duty.c.place)).all():
        owing.setdefault(row.directive_clause_id, []).append(Duty(*row))
    return [Clause(**row._mapping, duties=tuple(owing.get(row.id, ()))) for row in found]


def units_below(connection: Connection, roots: set[str]) -> list[str]:
    """Ids of these units and of all below them."""
    unit = tables.unit
    tree = sa.select(unit.c.id).where(unit.c.id.in_(sorted(roots))).cte(recursive=True)
    child = unit.alias()
    tree = tree.union(sa.select(child.c.id).join(tree, child.c.parent_id == tree.c.id))
    return list(connection.execute(sa.select(tree.c.id)).scalars())


def _insert(
    connection: Connection,
    draft: Draft,
    said: Sequence[str],
    code: str | None,
    unit_id: str | None,
    by: tuple[str, str],
    now_ns: int,
) -> tuple[str, dict[str, str]]:
    """A directive with its citations; its id, and the citations' ids by their matched number."""
    directive_id = new_id()
    number, issuer, subject = plain(draft.number), plain(draft.issuer), plain(draft.subject)
    connection.execute(
        rows.directive.insert().values(
            id=directive_id, code=code, unit_id=unit_id, number=number,
            number_key=number_key(number), dated=draft.dated, issuer=issuer, subject=subject,
            urgency=draft.urgency, folded=folded(f"{number} {issuer} {subject}"),
            registered_ns=now_ns, registered_by=by[0], registered_name=by[1],
        )
    )  # fmt: skip
    cited: dict[str, str] = {}
    for place, (one, words) in enumerate(zip(draft.cites, said, strict=True)):
        year = (one.dated or draft.dated).year if one.dated or draft.dated else None  # type: ignore[union-attr]
        key, citation_id = number_key(plain(one.number)), new_id()
        connection.execute(
            rows.directive_citation.insert().values(
                id=citation_id, directive_id=directive_id, place=place, said=plain(words),
                number=plain(one.number), number_key=key, dated=one.dated,
                issuer=plain(one.issuer), subject=plain(one.subject),
                due_said=plain(one.due_said), due=last_day(one.due_said, year),
            )
        )  # fmt: skip
        cited.setdefault(key, citation_id)
    return directive_id, cited


def _insert_clause(
    connection: Connection,
    directive_id: str,
    place: int,
    draft: ClauseDraft,
    year: int | None,
    by: str,
    now_ns: int,
) -> str:
    clause_id = new_id()
    connection.execute(
        rows.directive_clause.insert().values(
            id=clause_id, directive_id=directive_id, place=place, number=plain(draft.number),
            said=plain(draft.said), owed=plain(draft.owed), due_said=plain(draft.due_said),
            due=last_day(draft.due_said, year), citation_id=draft.citation_id or None,
            assigned_ns=now_ns, assigned_by=by,
        )
    )  # fmt: skip
    bodies = [(body, "lead") for body in draft.lead] + [(body, "with") for body in draft.with_]
    for index, (body, part) in enumerate(bodies):
        connection.execute(
            rows.directive_duty.insert().values(
                id=new_id(), directive_clause_id=clause_id, place=index, body=plain(body),
                part=part, state="due", note="", changed_ns=None,
            )
        )  # fmt: skip
    return clause_id


def _refuse(faults: Mapping[str, str]) -> None:
    if faults:
        said = ", ".join(f"{name}: {why.replace('_', ' ')}" for name, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=dict(faults))


def _text_fault(said: str, most: int, *, needed: bool = True) -> str:
    text = plain(said)
    if not text:
        return "required" if needed else ""
    if len(text) > most:
        return "too_long"
    return "secret_mark" if is_secret(text) else ""


def _draft_faults(draft: Draft) -> dict[str, str]:
    faults = {
        "number": _text_fault(draft.number, 60),
        "issuer": _text_fault(draft.issuer, MAX_LINE),
        "subject": _text_fault(draft.subject, MAX_SAID),
        "urgency": "" if draft.urgency in URGENCIES else "no_such_kind",
        "cites": "too_many" if len(draft.cites) > MAX_MANY else "",
    }
    for one in draft.cites:
        texts = (one.number, one.issuer, one.subject, one.due_said)
        found = [_text_fault(text, MAX_LINE, needed=text is one.number) for text in texts]
        faults["cites"] = faults["cites"] or next((why for why in found if why), "")
    return {name: why for name, why in faults.items() if why}


def _clause_faults(connection: Connection, directive_id: str, draft: ClauseDraft) -> dict[str, str]:
    known = {one.id for one in citations(connection, directive_id)}
    many = max(len(draft.lead), len(draft.with_)) > MAX_MANY
    faults = {
        "number": _text_fault(draft.number, 20),
        "said": _text_fault(draft.said, MAX_SAID),
        "owed": _text_fault(draft.owed, MAX_LINE, needed=False),
        "due": _text_fault(draft.due_said, MAX_LINE, needed=False),
        "lead": "required" if not draft.lead else "too_many" if many else "",
        "with": "",
        "from": "" if draft.citation_id in known | {""} else "no_such_kind",
    }
    for name, bodies in (("lead", draft.lead), ("with", draft.with_)):
        found = [_text_fault(body, MAX_LINE) for body in bodies]
        faults[name] = faults[name] or next((why for why in found if why), "")
    return {name: why for name, why in faults.items() if why}
