"""Reports: statistics of a unit over a span, kept with the rows that every figure counts.

What is kept is JSON with a hash; letter, sheet and page of a kept report are made from it alone, so
that it says the same tomorrow.  A report of the day has, besides, what the leader reads first: what
was done, what is late by body, what waits for a signature, which letters came and went.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import rfc3339
from vonggac.db import directives as directive_rows
from vonggac.db import paper as rows
from vonggac.db import task as task_rows
from vonggac.domain import access, audit, directives, legal, papers, statistics, units
from vonggac.domain.access import SYSTEM
from vonggac.domain.statistics import FIGURES, Span, Statistics
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.access import Person, Thing
    from vonggac.domain.exports import Someone
    from vonggac.domain.statistics import Row

ReportKind = Literal["daily", "periodic"]

WHOLE: Final = "Toàn hệ thống"
"""What the whole hub is called where a unit would stand."""
BY_UNIT: Final = (
    "facilities", "surveyed", "qualified", "connected", "not_connected", "accepted", "cameras",
    "cameras_online", "recorded", "inspection_late", "money_approved",
)  # fmt: skip
"""Figures of the table by unit."""
MOST_DAYS: Final = 366
SHOWN: Final = 50
"""Kept reports of a list at most."""
MOST_LINES: Final = 8
"""Lines of each part of the leader's page; the rest is a number (ours: one sheet of A4)."""


@dataclass(frozen=True, slots=True)
class Report:
    """A kept report, without its data."""

    id: str
    unit_id: str | None
    kind: ReportKind
    from_date: date
    to_date: date
    sha256: str
    paper_id: str | None
    made_ns: int
    made_by: str
    made_name: str


# -- counting --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counted:
    """The statistics of a unit as they stand, by the units below it."""

    unit_id: str | None
    name: str
    whole: Statistics
    parts: tuple[tuple[str, str, Statistics], ...]
    """Id, name, statistics of each unit directly below."""


def count(
    connection: Connection,
    person: Person,
    unit_id: str | None,
    span: Span,
    *,
    now_ns: int,
    fresh: bool = False,
) -> Counted:
    """The statistics of a unit over a span, as far as a person may see counts of it.

    `fresh` counts now, for what is kept; pages of the whole hub may be up to a minute old.

    Raises:
        VonggacError: NOT_FOUND, no such unit, or none of its facilities is in the scope;
            BAD_INPUT with `fields`, the span ends before it begins or is longer than a year.
    """
    check_span(span)
    today = legal.day_of(now_ns)
    name = units.unit(connection, unit_id, today).vi if unit_id else WHOLE
    scope = statistics.scope(connection, person, unit_id, now_ns=now_ns)
    if unit_id and not scope and not _may(connection, person, unit_id, now_ns):
        raise VonggacError(Kind.NOT_FOUND, "there is no such unit")
    whole = statistics.statistics(connection, scope, span, now_ns=now_ns, fresh=fresh)
    return Counted(unit_id, name, whole, _parts(connection, unit_id, scope, whole, today))


def check_span(span: Span) -> None:
    """Refuse a span that ends before it begins, or that is too long.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    if span.last < span.first:
        raise VonggacError(Kind.BAD_INPUT, "to: before from", fields={"to": "ends_before"})
    if (span.last - span.first).days >= MOST_DAYS:
        raise VonggacError(Kind.BAD_INPUT, "to: too long", fields={"to": "span_too_long"})


def _parts(
    connection: Connection,
    unit_id: str | None,
    scope: Mapping[str, Thing],
    whole: Statistics,
    today: date,
) -> tuple[tuple[str, str, Statistics], ...]:
    """By the units directly below; of the whole hub by those below the country."""
    children = units.below(connection, unit_id, today)
    if unit_id is None and len(children) == 1:
        children = units.below(connection, children[0].id, today)
    names = {one.id: one.vi for one in children}
    paths = {thing.path for thing in scope.values()}
    above = {path: next((one for one in path if one in names), None) for path in paths}
    child_of = {site_id: above[thing.path] for site_id, thing in scope.items()}
    parts: dict[str, list[Row]] = {child: [] for child in child_of.values() if child}
    for row in whole.rows:
        if child := child_of.get(row.site_id):
            parts[child].append(row)
    return tuple(
        (child, names[child], replace(whole, rows=tuple(parts[child])))
        for child in names
        if child in parts
    )


# -- data ------------------------------------------------------------------------------------


def data_of(counted: Counted, *, now_ns: int, extra: Mapping[str, Any] | None = None) -> Any:
    """What a report keeps, in JSON's types: figures with the ids that they count, and the rows."""
    whole = counted.whole
    return {
        "version": 1,
        "unit": {"id": counted.unit_id, "name": counted.name},
        "from": whole.span.first.isoformat(),
        "to": whole.span.last.isoformat(),
        "counted": rfc3339(now_ns),
        "figures": [
            {
                "code": value.figure.code,
                "amount": value.amount,
                "facilities": value.facilities,
                "share": value.share,
                "sites": [row.site_id for row in whole.counted(value.figure.code)],
            }
            for value in whole.values.values()
        ],
        "reasons": whole.reasons,
        "units": [_part(*one) for one in counted.parts],
        "rows": [statistics.as_json(row) for row in whole.rows],
        **(extra or {}),
    }


def _part(unit_id: str, name: str, part: Statistics) -> dict[str, Any]:
    told: dict[str, Any] = {code: part.part(code) for code in BY_UNIT}
    return {"id": unit_id, "name": name, **told, "sites": [row.site_id for row in part.rows]}


def statistics_of(data: Mapping[str, Any]) -> Statistics:
    """The statistics that a kept report was made from."""
    span = Span(date.fromisoformat(data["from"]), date.fromisoformat(data["to"]))
    return Statistics(span, tuple(statistics.of_json(row) for row in data["rows"]))


def narrowed(data: Mapping[str, Any], unit_id: str) -> tuple[str, Statistics]:
    """The name and the statistics of one of the units of a kept report.

    Raises:
        VonggacError: NOT_FOUND, the report has no such unit, or was kept before units had theirs.
    """
    part = next((one for one in data["units"] if one["id"] == unit_id and "sites" in one), None)
    if part is None:
        raise VonggacError(Kind.NOT_FOUND, "the report has no such unit")
    return part["name"], statistics_of(data).narrowed(set(part["sites"]))


def digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of the data, its keys in order, without spaces, in UTF-8."""
    told = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()


# -- the leader's day ------------------------------------------------------------------------


def day_of(
    connection: Connection, person: Person, scope: Sequence[str], day: date, *, now_ns: int
) -> dict[str, Any]:
    """What was done on a day, what is late by body, what waits to be signed, the day's letters."""
    start, end = legal.start_of(day), legal.end_of(day)
    allowed = papers.visible(connection, person, now_ns)
    seen = directives.visible(connection, person, now_ns)
    table = directive_rows.directive
    came = connection.execute(
        sa.select(table.c.number, table.c.issuer, table.c.subject)
        .where(seen, table.c.registered_ns >= start, table.c.registered_ns < end)
        .order_by(table.c.registered_ns)
    ).all()
    signs = papers.listed(connection, allowed, state="draft")
    went = papers.issued_on(connection, allowed, start, end)
    return {
        "done": _done(connection, scope, start, end),
        "late": _late(connection, scope, day) + _owed_late(connection, seen, day),
        "signs": [{"subject": one.subject, "issuer": one.issuer} for one in signs],
        "came": [{"number": row.number, "issuer": row.issuer, "subject": row.subject}
                 for row in came],
        "went": [{"number": one.number, "subject": one.subject} for one in went],
    }  # fmt: skip


def _done(
    connection: Connection, scope: Sequence[str], start: int, end: int
) -> list[dict[str, Any]]:
    table = task_rows.task
    found = connection.execute(
        sa.select(table.c.site_id, table.c.body, table.c.what)
        .where(table.c.state == "done", table.c.changed_ns >= start, table.c.changed_ns < end)
        .order_by(table.c.body, table.c.changed_ns)
    ).all()
    inside = set(scope)
    return [{"body": row.body, "what": row.what} for row in found if row.site_id in inside]


def _late(connection: Connection, scope: Sequence[str], day: date) -> list[dict[str, Any]]:
    """Tasks past their last day, by body, with what was last said of the oldest."""
    table, step = task_rows.task, task_rows.task_step
    clause, cited = directive_rows.directive_clause, directive_rows.directive_citation
    due = sa.func.coalesce(table.c.due, clause.c.due, cited.c.due)
    found = connection.execute(
        sa.select(table.c.id, table.c.site_id, table.c.body, table.c.what, due.label("due"))
        .outerjoin(clause, clause.c.id == table.c.clause_id)
        .outerjoin(cited, cited.c.id == clause.c.citation_id)
        .where(table.c.state.in_(("open", "doing")), due < day)
        .order_by(due, table.c.id)
    ).all()
    inside = set(scope)
    bodies: dict[str, list[Any]] = {}
    for row in found:
        if row.site_id in inside:
            bodies.setdefault(row.body, []).append(row)
    told = []
    for body, late in bodies.items():
        notes = connection.execute(
            sa.select(step.c.note)
            .where(step.c.task_id == late[0].id, step.c.note != "")
            .order_by(step.c.id.desc())
            .limit(1)
        ).scalar()
        told.append({"body": body, "count": len(late), "since": late[0].due.isoformat(),
                     "what": late[0].what, "why": notes or ""})  # fmt: skip
    return told


def _owed_late(
    connection: Connection, seen: sa.ColumnElement[bool], day: date
) -> list[dict[str, Any]]:
    """What bodies owe of directives that came here and whose last day is over."""
    bodies: dict[str, list[Any]] = {}
    for one in directives.owed(connection, seen):
        open_still = one.duty.state in ("due", "returned") and one.directive.code is None
        if open_still and one.due is not None and one.due < day:
            bodies.setdefault(one.duty.body, []).append(one)
    return [
        {"body": body, "count": len(late), "since": late[0].due.isoformat(),
         "what": f"{late[0].clause.owed or late[0].clause.said} ({late[0].directive.number})",
         "why": late[0].duty.note}
        for body, late in bodies.items()
    ]  # fmt: skip


# -- keeping ---------------------------------------------------------------------------------


def keep(
    connection: Connection, data: Mapping[str, Any], kind: ReportKind, *, by: Someone, now_ns: int
) -> str:
    """Keep a report with its data; returns its id. A writing transaction."""
    report_id, sha256 = new_id(), digest(data)
    connection.execute(
        rows.report.insert().values(
            id=report_id, unit_id=data["unit"]["id"], kind=kind,
            from_date=date.fromisoformat(data["from"]), to_date=date.fromisoformat(data["to"]),
            data=dict(data), sha256=sha256, paper_id=None, made_ns=now_ns, made_by=by.name,
            made_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.REPORT_MADE, now_ns=now_ns, thing=report_id,
        detail={"unit": data["unit"]["id"] or "", "from": data["from"], "to": data["to"],
                "sha256": sha256},
    )  # fmt: skip
    return report_id


def attach_paper(connection: Connection, report_id: str, paper_id: str) -> None:
    """Say which paper carries a report. A writing transaction."""
    table = rows.report
    connection.execute(table.update().where(table.c.id == report_id).values(paper_id=paper_id))


@dataclass(frozen=True, slots=True)
class Answering:
    """A paper that carries a report of what is owed."""

    paper_id: str
    state: str
    number: str


def answering(
    connection: Connection, person: Person, duty_ids: Sequence[str], *, now_ns: int
) -> dict[str, list[Answering]]:
    """Reports that were made of what bodies owe, by duty, the newest first; as a person may see."""
    table = rows.paper
    found = connection.execute(
        sa.select(table.c.about, table.c.id, table.c.state, table.c.number)
        .where(papers.visible(connection, person, now_ns), table.c.kind == "bao-cao",
               table.c.about.in_([f"duty:{one}" for one in duty_ids]))
        .order_by(table.c.drafted_ns.desc(), table.c.id)
    )  # fmt: skip
    made: dict[str, list[Answering]] = {}
    for row in found:
        one = Answering(row.id, row.state, row.number)
        made.setdefault(row.about.partition(":")[2], []).append(one)
    return made


def find(connection: Connection, report_id: str) -> Report:
    """One kept report.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(_reports().where(rows.report.c.id == report_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such report")
    return Report(*row)


def data_kept(connection: Connection, report_id: str) -> Mapping[str, Any]:
    """The data of a kept report.

    Raises:
        VonggacError: NOT_FOUND; INTERNAL, it is not what was kept.
    """
    table = rows.report
    row = connection.execute(
        sa.select(table.c.data, table.c.sha256).where(table.c.id == report_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such report")
    if digest(row.data) != row.sha256:
        raise VonggacError(Kind.INTERNAL, "the data of this report was changed")
    found: Mapping[str, Any] = row.data
    return found


def listed(connection: Connection, person: Person, *, now_ns: int) -> list[Report]:
    """Kept reports of units whose counts a person may see, the newest first."""
    table = rows.report
    found = connection.execute(
        _reports().order_by(table.c.made_ns.desc(), table.c.id).limit(SHOWN * 4)
    ).all()
    every = [Report(*row) for row in found]
    may = {
        unit_id: _may(connection, person, unit_id, now_ns)
        for unit_id in {one.unit_id for one in every}
    }
    return [one for one in every if may[one.unit_id] or one.made_by == person.name][:SHOWN]


def may_see(connection: Connection, person: Person, it: Report, *, now_ns: int) -> bool:
    """Whether a person may read a kept report: by a right to all of its unit, that stands now.

    One's own of no unit, made of what one could see, needs a right to some facility still.
    """
    if it.unit_id is None and it.made_by == person.name:
        return bool(access.sites_for(connection, person, access.Act.REPORT_SEE, now_ns))
    return _may(connection, person, it.unit_id, now_ns)


def _may(connection: Connection, person: Person, unit_id: str | None, now_ns: int) -> bool:
    thing = access.thing_of_unit(connection, unit_id) if unit_id else SYSTEM
    return bool(access.may(person, access.Act.REPORT_SEE, thing, now_ns=now_ns))


def _reports() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(rows.report.c[name] for name in Report.__dataclass_fields__))


assert set(BY_UNIT) <= {one.code for one in FIGURES}
