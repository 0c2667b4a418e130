"""Estimates as they are kept: made from a plan, written, submitted, appraised, approved, paid.

What they come to and which step is next are `domain.estimate`'s to say, who may do it
`access.may`'s.  Every change leaves an audit row in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import among, tables
from vonggac.db import estimate as db
from vonggac.domain import (
    access,
    audit,
    costs,
    estimate,
    guide_values,
    legal,
    money,
    plans,
    prices,
)
from vonggac.domain.estimate import DRAFT, LINE_MOST, LINES_MOST, QUANTITY_MOST, RETURNED, Line
from vonggac.domain.plans import TITLE_MOST, UNIT_MOST, text_faults
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.costs import How, Price
    from vonggac.domain.estimate import Column, Entry
    from vonggac.domain.exports import Someone

LISTED: Final = 500
NOTE_MOST: Final = 500
DAY_NS: Final = 86_400 * NS
TRIES: Final = 5
"""Numbers that are tried for a new estimate while others take them at the same moment."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate without its lines."""

    id: str
    site_id: str
    code: str
    version: int
    connection_plan_id: str | None
    title: str
    how: How
    catalogue: str
    contingency: int
    state: str
    revision: int
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was entered."""

    code: str
    number: str
    document_date: date | None
    amount: int | None
    said: str
    made_ns: int
    made_id: str
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A line as somebody writes it."""

    title: str
    unit: str
    quantity: int
    price: int
    vat: int
    source: str
    funding: str = ""
    note: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the appraiser or the leader says of a line."""

    line_id: str
    quantity: int
    price: int
    why: str = ""


# -- making ----------------------------------------------------------------------------------


def from_plan(
    connection: Connection, plan_id: str, *, title: str, on: date, by: Someone, now_ns: int
) -> Estimate:
    """Cost a plan by the catalogue of the day; a writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the plan is empty; BAD_INPUT with `fields`.
    """
    it = plans.find(connection, plan_id)
    _refuse(text_faults("title", title, TITLE_MOST))
    bill = [line for line in plans.lines(connection, plan_id) if line.quantity]
    catalogue = prices.in_force(connection, on)
    costed = [one for one in (_costed(line, it, catalogue) for line in bill) if one is not None]
    if not costed:
        raise VonggacError(Kind.CONFLICT, "this plan needs nothing", code="empty")
    said = f"{catalogue.title.vi}, {catalogue.from_date:%d/%m/%Y}"
    made = _insert(
        connection,
        Estimate(
            new_id(), it.site_id, "", 1, it.id, legal.plain(title), it.how, said,
            guide_values.norms(connection, on).contingency_hundredths, DRAFT, 1, now_ns, by.name,
            by.full_name,
        ),
        on,
    )  # fmt: skip
    for at, line in enumerate(costed[:LINES_MOST], start=1):
        _insert_line(connection, made.id, replace(line, at=at))
    _audit(connection, made, audit.Act.ESTIMATE_MADE, by, now_ns, lines=len(costed))
    return made


def _costed(line: plans.Line, it: plans.Plan, catalogue: prices.Catalogue) -> Line | None:
    """A line of the bill with its price; None for what a lease brings along."""
    if it.how == "lease" and line.kind in costs.norms().with_lease:
        return None
    other = "lease" if it.how == "buy" else "buy"
    found = catalogue.of(line.kind, it.how) or catalogue.of(line.kind, other)
    quantity = line.quantity * (it.months if found is not None and found.how == "lease" else 1)
    title = line.title or (found.name.vi if found else line.kind)
    return Line(
        id="", at=0, code=found.code if found else line.kind, kind=line.kind,
        title=f"{title} ({line.zone})" if line.zone else title,
        unit=line.unit or (found.unit.vi if found else ""),
        quantity=min(quantity, QUANTITY_MOST), price=found.price if found else 0,
        vat=found.vat if found else 0, source=_source(found) if found else "",
        example=found.example if found else False, funding="", note="",
    )  # fmt: skip


def _source(price: Price) -> str:
    return f"{price.source.vi}, {price.on:%d/%m/%Y}"


def _insert(connection: Connection, made: Estimate, on: date) -> Estimate:
    """With a number of its year: two people who make one at once get two."""
    for _ in range(TRIES):
        code = made.code or _next_code(connection, on.year)
        values = {name: getattr(made, name) for name in Estimate.__dataclass_fields__}
        try:
            with connection.begin_nested():
                connection.execute(db.estimate.insert().values({**values, "code": code}))
        except sa.exc.IntegrityError:
            if made.code:
                raise VonggacError(
                    Kind.CONFLICT, "this version is there already", code="version_taken"
                ) from None
            continue
        return replace(made, code=code)
    raise VonggacError(Kind.CONFLICT, "too many estimates are made at once; try again")


def _next_code(connection: Connection, year: int) -> str:
    head = f"DT-{year}-"
    codes = connection.execute(
        sa.select(db.estimate.c.code).where(db.estimate.c.code.startswith(head)).distinct()
    ).scalars()
    number = max((int(code.removeprefix(head)) for code in codes), default=0) + 1
    return f"{head}{number:03d}"


def _insert_line(connection: Connection, estimate_id: str, line: Line) -> str:
    line_id = new_id()
    values = {name: getattr(line, name) for name in Line.__dataclass_fields__}
    connection.execute(
        db.estimate_line.insert().values({**values, "id": line_id, "estimate_id": estimate_id})
    )
    return line_id


def next_version(connection: Connection, estimate_id: str, *, by: Someone, now_ns: int) -> Estimate:
    """Copy what was sent back, to be written anew; the version before stays as it is.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was not sent back, or has a later version.
    """
    it = find(connection, estimate_id)
    if it.state != RETURNED:
        raise VonggacError(
            Kind.CONFLICT, "only what was sent back gets a new version", code="not_returned"
        )
    new = Estimate(
        new_id(), it.site_id, it.code, it.version + 1, it.connection_plan_id, it.title, it.how,
        it.catalogue, it.contingency, DRAFT, 1, now_ns, by.name, by.full_name,
    )  # fmt: skip
    made = _insert(connection, new, legal.day_of(now_ns))
    for line in lines(connection, it.id):
        fresh = replace(
            line, appraised_quantity=None, appraised_price=None, appraised_why="",
            approved_quantity=None, approved_price=None, approved_why="",
        )  # fmt: skip
        _insert_line(connection, made.id, fresh)
    _audit(connection, made, audit.Act.ESTIMATE_MADE, by, now_ns, version=made.version)
    return made


# -- writing ---------------------------------------------------------------------------------


def write(
    connection: Connection,
    estimate_id: str,
    drafts: Mapping[str, Draft],
    *,
    title: str,
    contingency: int,
    revision: int | None,
    by: Someone,
    now_ns: int,
) -> Estimate:
    """Say what the lines are; a quantity of 0 takes a line out.

    Args:
        connection: a writing transaction.
        estimate_id: which.
        drafts: by the line's id; lines that are not in it stay.
        title: what the estimate is for.
        contingency: hundredths of a per cent.
        revision: what the form was made from; None overwrites whatever is there.
        by: who.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was submitted, or somebody wrote meanwhile; BAD_INPUT
            with `fields`, those of a line as `price-<line>`.
    """
    it = _draft(connection, estimate_id, revision)
    stands = {line.id: line for line in lines(connection, estimate_id)}
    faults = text_faults("title", title, TITLE_MOST)
    if not 0 <= contingency <= money.WHOLE:
        faults["contingency"] = "bad_percent"
    for line_id, draft in drafts.items():
        if line_id not in stands:
            raise VonggacError(Kind.NOT_FOUND, "this estimate has no such line")
        faults |= {f"{name}-{line_id}": why for name, why in _draft_faults(draft).items()}
    _refuse(faults)
    for line_id, draft in drafts.items():
        _write_line(connection, stands[line_id], draft)
    table = db.estimate
    connection.execute(
        table.update().where(table.c.id == it.id)
        .values(title=legal.plain(title), contingency=contingency, revision=it.revision + 1)
    )  # fmt: skip
    _audit(connection, it, audit.Act.ESTIMATE_EDITED, by, now_ns, lines=len(drafts))
    return find(connection, estimate_id)


def _write_line(connection: Connection, line: Line, draft: Draft) -> None:
    table = db.estimate_line
    if draft.quantity == 0:
        connection.execute(db.quote.delete().where(db.quote.c.line_id == line.id))
        connection.execute(table.delete().where(table.c.id == line.id))
        return
    same_price = draft.price == line.price and legal.plain(draft.source) == line.source
    connection.execute(
        table.update()
        .where(table.c.id == line.id)
        .values(example=line.example and same_price, **_values(draft))
    )


def _values(draft: Draft) -> dict[str, Any]:
    return {
        "title": legal.plain(draft.title), "unit": legal.plain(draft.unit),
        "quantity": draft.quantity, "price": draft.price, "vat": draft.vat,
        "source": legal.plain(draft.source), "funding": draft.funding,
        "note": legal.plain(draft.note),
    }  # fmt: skip


def add_line(
    connection: Connection, estimate_id: str, draft: Draft, *, by: Someone, now_ns: int
) -> Line:
    """Add a line.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was submitted; TOO_MANY; BAD_INPUT with `fields`.
    """
    it = _draft(connection, estimate_id, None)
    stands = lines(connection, estimate_id)
    if len(stands) >= LINES_MOST:
        raise VonggacError(
            Kind.TOO_MANY, f"an estimate has at most {LINES_MOST} lines", code="too_many"
        )
    faults = _draft_faults(draft)
    if draft.quantity == 0:
        faults["quantity"] = "bad_number"
    if draft.code.strip():
        faults |= text_faults("code", draft.code, 40)
    _refuse(faults)
    at = max((line.at for line in stands), default=0) + 1
    blank = Line("", at, legal.plain(draft.code) or f"P{at}", costs.OTHER, "", "", 0, 0, 0, "",
                 example=False, funding="", note="")  # fmt: skip
    line_id = _insert_line(connection, it.id, replace(blank, **_values(draft)))
    _bump(connection, it)
    _audit(connection, it, audit.Act.ESTIMATE_EDITED, by, now_ns, added=at)
    return next(one for one in lines(connection, estimate_id) if one.id == line_id)


def _bump(connection: Connection, it: Estimate) -> None:
    table = db.estimate
    connection.execute(
        table.update().where(table.c.id == it.id).values(revision=it.revision + 1)
    )  # fmt: skip


def _draft_faults(draft: Draft) -> dict[str, str]:
    faults = text_faults("title", draft.title, TITLE_MOST)
    faults |= text_faults("unit", draft.unit, UNIT_MOST)
    faults |= text_faults("source", draft.source, TITLE_MOST)
    if draft.note.strip():
        faults |= text_faults("note", draft.note, NOTE_MOST)
    faults |= _amount_faults(draft.quantity, draft.price)
    if not 0 <= draft.vat <= money.WHOLE:
        faults["vat"] = "bad_percent"
    if draft.funding and draft.funding not in costs.funding():
        faults["funding"] = "required"
    return faults


def _amount_faults(quantity: int, price: int) -> dict[str, str]:
    faults = {}
    if not 0 <= quantity <= QUANTITY_MOST:
        faults["quantity"] = "bad_number"
    if not 0 <= price <= LINE_MOST:
        faults["price"] = "bad_amount"
    elif not faults and quantity * price > LINE_MOST:
        faults["price"] = "too_much"
    return faults


# -- judging ---------------------------------------------------------------------------------


def judge(
    connection: Connection,
    estimate_id: str,
    column: Column,
    judged: Sequence[Judged],
    *,
    by: Someone,
    now_ns: int,
) -> None:
    """Write what is appraised or approved, line by line: what changes says why.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it waits for something else; BAD_INPUT with `fields`,
            those of a line as `why-<line>`.
    """
    it = find(connection, estimate_id)
    line_of_site = owner_line(connection, it.site_id)
    step = estimate.next_step(it.state, line_of_site)
    if step is None or step.code != column:
        raise VonggacError(Kind.CONFLICT, "this estimate waits for another step", code="not_next")
    stands = {line.id: line for line in lines(connection, estimate_id)}
    faults: dict[str, str] = {}
    for one in judged:
        line = stands.get(one.line_id)
        if line is None:
            raise VonggacError(Kind.NOT_FOUND, "this estimate has no such line")
        faults |= {f"{name}-{line.id}": why for name, why in _judged_faults(one, line).items()}
    _refuse(faults)
    table = db.estimate_line
    for one in judged:
        connection.execute(
            table.update().where(table.c.id == one.line_id).values({
                f"{column}_quantity": one.quantity, f"{column}_price": one.price,
                f"{column}_why": legal.plain(one.why),
            })
        )  # fmt: skip
    _audit(connection, it, audit.Act.ESTIMATE_EDITED, by, now_ns, column=column, lines=len(judged))


def _judged_faults(one: Judged, line: Line) -> dict[str, str]:
    faults = _amount_faults(one.quantity, one.price)
    before = _standing(line)
    if one.why.strip():
        faults |= text_faults("why", one.why, NOTE_MOST)
    elif (one.quantity, one.price) != before:
        faults["why"] = "required"
    if not faults and one.quantity * one.price > line.asked:
        faults["price"] = "above_asked"
    return faults


def _standing(line: Line) -> tuple[int, int]:
    """What stands in the column before: as appraised, else as asked for."""
    if line.appraised_quantity is not None and line.appraised_price is not None:
        return line.appraised_quantity, line.appraised_price
    return line.quantity, line.price


# -- the chain -------------------------------------------------------------------------------


def enter_step(
    connection: Connection, estimate_id: str, entry: Entry, *, today: date, by: Someone, now_ns: int
) -> Estimate:
    """Enter the next step with its document.

    What nobody changed line by line is appraised as asked for, and approved as appraised.

    Raises:
        VonggacError: NOT_FOUND; FORBIDDEN, the same person did a step before that must be
            another's; CONFLICT, it waits for another step; BAD_INPUT with `fields`.
    """
    it = find(connection, estimate_id)
    line_of_site = owner_line(connection, it.site_id)
    before = past(connection, estimate_id)
    every = lines(connection, estimate_id)
    approved = estimate.totals_of(every, "approved", it.contingency)
    faults = estimate.faults(
        entry, before, state=it.state, line=line_of_site,
        approved=approved.total if approved else None, today=today,
    )  # fmt: skip
    if "code" in faults:
        raise VonggacError(Kind.CONFLICT, "this estimate waits for another step", code="not_next")
    for field, text, most in (("number", entry.number, 100), ("said", entry.said, NOTE_MOST)):
        if text.strip():
            faults |= text_faults(field, text, most)
    _refuse(faults)
    if not every:
        raise VonggacError(Kind.CONFLICT, "an estimate without lines goes nowhere", code="empty")
    maker = account_of(connection, it.made_by)
    if not estimate.separated(entry.code, before, maker, by.account_id, line_of_site):
        raise VonggacError(
            Kind.FORBIDDEN, "who asks, appraises and approves are three persons", code="same_person"
        )
    if entry.code in ("appraised", "approved"):
        _fill(connection, every, entry.code)
    amount = _amount_of(connection, it, entry)
    _note(connection, it, replace(entry, amount=amount), by, now_ns)
    return find(connection, estimate_id)


def _fill(connection: Connection, every: Sequence[Line], column: str) -> None:
    table = db.estimate_line
    for line in every:
        if line.amount("appraised" if column == "appraised" else "approved") is None:
            quantity, price = _standing(line)
            values = {f"{column}_quantity": quantity, f"{column}_price": price}
            connection.execute(table.update().where(table.c.id == line.id).values(values))


def _amount_of(connection: Connection, it: Estimate, entry: Entry) -> int | None:
    """Of the first three steps what the lines come to, of the rest what was typed."""
    columns: dict[str, Column] = {
        "submitted": "asked", "appraised": "appraised", "approved": "approved",
    }  # fmt: skip
    if entry.code not in columns:
        return entry.amount if entry.code in estimate.MONEY_STEPS else None
    found = estimate.totals_of(lines(connection, it.id), columns[entry.code], it.contingency)
    return found.total if found else None


def send_back(
    connection: Connection, estimate_id: str, *, why: str, by: Someone, now_ns: int
) -> Estimate:
    """Send it back to its maker with a reason.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it waits neither for appraisal nor for approval;
            BAD_INPUT with `fields`.
    """
    it = find(connection, estimate_id)
    _refuse(text_faults("why", why, NOTE_MOST))
    if not estimate.may_return(it.state):
        raise VonggacError(Kind.CONFLICT, "this estimate cannot be sent back", code="not_next")
    entry = estimate.Entry(RETURNED, "", None, None, legal.plain(why))
    _note(connection, it, entry, by, now_ns)
    return find(connection, estimate_id)


def _note(connection: Connection, it: Estimate, entry: Entry, by: Someone, now_ns: int) -> None:
    connection.execute(
        db.estimate_step.insert().values(
            estimate_id=it.id, code=entry.code, number=legal.plain(entry.number),
            document_date=entry.document_date, amount=entry.amount, said=legal.plain(entry.said),
            made_ns=now_ns, made_id=by.account_id, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    table = db.estimate
    connection.execute(
        table.update().where(table.c.id == it.id)
        .values(state=entry.code, revision=it.revision + 1)
    )  # fmt: skip
    _audit(
        connection, it, audit.Act.ESTIMATE_STEP, by, now_ns, step=entry.code,
        number=entry.number, amount=entry.amount,
    )  # fmt: skip


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, estimate_id: str) -> Estimate:
    """One estimate.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(
        _every(db.estimate, Estimate).where(db.estimate.c.id == estimate_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such estimate")
    return Estimate(*row)


def listed(
    connection: Connection, site_ids: Sequence[str], *, offset: int = 0, most: int | None = LISTED
) -> list[Estimate]:
    """The last version of each estimate of these sites, the newest first; None tells them all."""
    table = db.estimate
    rows = connection.execute(
        _every(table, Estimate).where(*_last_of(site_ids))
        .order_by(table.c.made_ns.desc(), table.c.id).offset(offset).limit(most)
    )  # fmt: skip
    return [Estimate(*row) for row in rows]


def counted(connection: Connection, site_ids: Sequence[str]) -> int:
    """How many estimates `listed` would tell without its bounds."""
    query = sa.select(sa.func.count()).select_from(db.estimate)
    return connection.execute(query.where(*_last_of(site_ids))).scalar_one()


def _last_of(site_ids: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    table = db.estimate
    later = table.alias("later")
    newer = sa.exists().where(later.c.code == table.c.code, later.c.version > table.c.version)
    return [among(table.c.site_id, site_ids), ~newer]


def versions(connection: Connection, code: str) -> list[Estimate]:
    """Every version of an estimate, the first one first."""
    table = db.estimate
    rows = connection.execute(
        _every(table, Estimate).where(table.c.code == code).order_by(table.c.version)
    )
    return [Estimate(*row) for row in rows]


def lines(connection: Connection, estimate_id: str) -> list[Line]:
    """The lines of an estimate, in order."""
    return lines_of(connection, [estimate_id]).get(estimate_id, [])


def lines_of(connection: Connection, estimate_ids: Iterable[str]) -> dict[str, list[Line]]:
    """The lines of many estimates, by the estimate's id."""
    table = db.estimate_line
    rows = connection.execute(
        sa.select(table.c.estimate_id, *(table.c[name] for name in Line.__dataclass_fields__))
        .where(among(table.c.estimate_id, estimate_ids))
        .order_by(table.c.estimate_id, table.c.at)
    )
    found: dict[str, list[Line]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Line(*row[1:]))
    return found


def sums_of(
    connection: Connection, every: Sequence[Estimate]
) -> dict[str, dict[Column, int | None]]:
    """What each column of many estimates comes to, by the estimate's id; `estimate.totals_of`.

    The database sums the lines by tax, so that a country's summary does not read them all.  An
    estimate without lines is not in it.
    """
    line = db.estimate_line
    amounts: dict[Column, sa.ColumnElement[int]] = {
        "asked": line.c.quantity * line.c.price,
        "appraised": line.c.appraised_quantity * line.c.appraised_price,
        "approved": line.c.approved_quantity * line.c.approved_price,
    }
    sums = [one for said in amounts.values() for one in (sa.func.sum(said), sa.func.count(said))]
    rows = connection.execute(
        sa.select(line.c.estimate_id, line.c.vat, sa.func.count(), *sums)
        .where(among(line.c.estimate_id, [one.id for one in every]))
        .group_by(line.c.estimate_id, line.c.vat)
    )
    parts: dict[str, list[Sequence[Any]]] = {}
    for estimate_id, *part in rows:
        parts.setdefault(estimate_id, []).append(part)
    return {
        one.id: {
            column: estimate.totals(
                [(int(part[2 + 2 * at]), part[0]) for part in found], one.contingency
            ).total
            if all(part[1] == part[3 + 2 * at] for part in found) else None
            for at, column in enumerate(amounts)
        }
        for one in every if (found := parts.get(one.id))
    }  # fmt: skip


def done(connection: Connection, estimate_id: str) -> list[Done]:
    """What happened to it, in order."""
    table = db.estimate_step
    rows = connection.execute(
        _every(table, Done).where(table.c.estimate_id == estimate_id).order_by(table.c.id)
    )
    return [Done(*row) for row in rows]


def past(connection: Connection, estimate_id: str) -> estimate.Past:
    """What happened to it, as `estimate.faults` asks for it."""
    found = done(connection, estimate_id)
    return estimate.Past(
        {one.code: one.document_date for one in found if one.document_date is not None},
        {one.code: one.amount for one in found if one.amount is not None},
        {one.code: one.made_id for one in found},
    )


def amounts_of(connection: Connection, estimate_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """The amounts that steps entered, by estimate and by step: `past` of many, asked together."""
    table = db.estimate_step
    rows = connection.execute(
        sa.select(table.c.estimate_id, table.c.code, table.c.amount)
        .where(among(table.c.estimate_id, estimate_ids), table.c.amount.is_not(None))
        .order_by(table.c.id)
    )
    found: dict[str, dict[str, int]] = {}
    for estimate_id, code, amount in rows:
        found.setdefault(estimate_id, {})[code] = amount
    return found


def owner_line(connection: Connection, site_id: str) -> str:
    """Who answers for the facility.

    Raises:
        VonggacError: NOT_FOUND.
    """
    return str(access.thing_of_site(connection, site_id).line)


def account_of(connection: Connection, name: str) -> str:
    """The account that is called so; empty when it is gone."""
    found = connection.execute(
        sa.select(tables.account.c.id).where(tables.account.c.name == name)
    ).scalar_one_or_none()
    return found or ""


# -- the province ----------------------------------------------------------------------------


def province_of(path: Sequence[str], kinds: Mapping[str, str]) -> str:
    """The province of a site by the units above it; its root where none is called so."""
    return next((one for one in path if kinds.get(one) == "province"), path[0] if path else "")


def provinces(connection: Connection) -> dict[str, str]:
    """The province of each site, by the site's id."""
    things = access.things_of_sites(connection)
    units = {one for thing in things.values() for one in thing.path}
    table = tables.unit
    kinds = {
        row.id: row.kind
        for row in connection.execute(sa.select(table.c.id, table.c.kind)
                                      .where(table.c.id.in_(sorted(units))))
    }  # fmt: skip
    return {site: province_of(thing.path, kinds) for site, thing in things.items()}


def province_prices(connection: Connection, it: Estimate, *, now_ns: int) -> dict[str, list[int]]:
    """What others in the province pay or were offered for the same, by the line's code.

    Estimates that were submitted, and quotes, of the days that the norms say; none of this estimate
    itself or of another version of it, and no example price of the software.
    """
    every = provinces(connection)
    here = [site for site, province in every.items() if province == every.get(it.site_id)]
    table, line, quote = db.estimate, db.estimate_line, db.quote
    since = now_ns - costs.norms().median_days * DAY_NS
    near = (table.c.site_id.in_(here), table.c.code != it.code, table.c.made_ns >= since)
    rows = connection.execute(
        sa.select(
            line.c.code,
            sa.func.coalesce(line.c.approved_price, line.c.appraised_price, line.c.price),
        )
        .join(table, table.c.id == line.c.estimate_id)
        .where(*near, table.c.state.not_in((DRAFT, RETURNED)), line.c.example.is_(False))
    ).all()  # fmt: skip
    offered = connection.execute(
        sa.select(line.c.code, quote.c.price)
        .join(line, line.c.id == quote.c.line_id)
        .join(table, table.c.id == line.c.estimate_id)
        .where(*near)
    ).all()  # fmt: skip
    found: dict[str, list[int]] = {}
    for code, price in (*rows, *offered):
        found.setdefault(code, []).append(int(price))
    return found


def _refuse(faults: Mapping[str, str]) -> None:
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=dict(faults))


def _draft(connection: Connection, estimate_id: str, revision: int | None) -> Estimate:
    it = find(connection, estimate_id)
    if not estimate.is_edited(it.state):
        raise VonggacError(Kind.CONFLICT, "this estimate was submitted", code="submitted_already")
    if revision is not None and revision != it.revision:
        raise VonggacError(
            Kind.CONFLICT, "somebody else wrote this meanwhile; open it again", code="stale_form"
        )
    return it


def _every(table: sa.Table, of: type[Any]) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in of.__dataclass_fields__))


def _audit(
    connection: Connection, it: Estimate, act: audit.Act, by: Someone, now_ns: int, **detail: Any
) -> None:
    audit.record(
        connection, by.actor, act, now_ns=now_ns, thing=it.id, site=it.site_id,
        purpose=f"{it.code} v{it.version}", detail=detail,
    )  # fmt: skip
