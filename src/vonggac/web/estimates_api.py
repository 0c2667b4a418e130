"""Connection plans, estimates and prices as JSON: what their pages do."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from vonggac.clock import rfc3339
from vonggac.domain import estimate, estimates, money, plans, prices, quotes
from vonggac.domain.access import Act
from vonggac.domain.estimate import LINE_MOST, QUANTITY_MOST
from vonggac.web import estimate_sheets
from vonggac.web import estimates as pages
from vonggac.web import plans as plan_pages
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from vonggac.domain.estimate import Column, Line, Totals

routes = APIRouter(prefix="/api/v1")

MOST = 500
"""Rows of one page of a list (ours)."""

Signed = Annotated[Visitor, Depends(visitor)]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]

Text = Annotated[str, Field(max_length=500)]
Quantity = Annotated[int, Field(ge=0, le=QUANTITY_MOST)]
Amount = Annotated[int, Field(ge=0, le=LINE_MOST, description="whole đồng, before tax")]
Percent = Annotated[int, Field(ge=0, le=money.WHOLE, description="hundredths of a per cent")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlanBody(_Body):
    """A plan to be made."""

    site: str = Field(max_length=40)
    how: Literal["buy", "lease"] = "buy"
    months: int = Field(ge=1, le=plans.MONTHS_MOST)


class QuantityBody(_Body):
    """How many, and why."""

    quantity: Quantity
    why: Text


class PlanLineBody(_Body):
    """A line that the program did not think of."""

    kind: str = Field(default="other", max_length=20)
    title: Text
    unit: Text
    quantity: Quantity
    why: Text


class AgreementBody(_Body):
    """That a party agreed."""

    party: str = Field(max_length=20, description="owner, lead, enterprise or military")
    person: Text
    document: Text = ""
    date: date


class EstimateBody(_Body):
    """A plan to be costed."""

    plan: str = Field(max_length=40)
    title: Text


class LineBody(_Body):
    """A line of an estimate; a quantity of 0 takes it out."""

    title: Text
    unit: Text
    quantity: Quantity
    price: Amount
    vat: Percent
    source: Text
    funding: str = Field(default="", max_length=20)
    note: Text = ""


class JudgedBody(_Body):
    """What is appraised or approved of a line."""

    quantity: Quantity
    price: Amount
    why: Text = ""


class StepBody(_Body):
    """The next step, with its document."""

    code: str = Field(max_length=20)
    number: str = Field(max_length=100)
    date: date
    amount: int | None = Field(default=None, ge=0, le=money.MOST)
    said: Text = ""


class WhyBody(_Body):
    """A reason."""

    why: Text


# -- plans -----------------------------------------------------------------------------------


@routes.get("/plans", summary="Connection plans")
def plan_list(who: Signed, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """The last plan of each facility in scope, the newest first."""
    every, found = pages.last_plans(who, offset, limit)
    return {"found": found, "offset": offset, "plans": [plan_head(one) for one in every]}


@routes.post("/plans", summary="Make a connection plan from the lacks", status_code=201)
def plan_make(who: Signed, body: PlanBody) -> dict[str, Any]:
    """What a facility lacks now, and what it takes."""
    return plan_json(who, plan_pages.make(who, body.site, body.how, body.months).id)


@routes.get("/plans/{connection_plan_id}", summary="One connection plan")
def plan_one(who: Signed, connection_plan_id: str) -> dict[str, Any]:
    """Gaps, bill of quantities, edits, agreements."""
    return plan_json(who, connection_plan_id)


@routes.post("/plans/{connection_plan_id}/lines", summary="Add a line", status_code=201)
def plan_add(who: Signed, connection_plan_id: str, body: PlanLineBody) -> dict[str, Any]:
    """What the program did not think of; takes agreements back."""
    it, actor = plan_pages.allowed(who, connection_plan_id, Act.SCHEME_MAKE)
    with who.desk.database.writing() as connection:
        plans.add_line(
            connection, it.id, kind=body.kind, title=body.title, unit=body.unit,
            quantity=body.quantity, why=body.why, by=actor, now_ns=who.desk.now_ns(),
        )  # fmt: skip
    return plan_json(who, it.id)


@routes.put("/plans/{connection_plan_id}/lines/{line_id}", summary="Say how many")
def plan_edit(
    who: Signed, connection_plan_id: str, line_id: str, body: QuantityBody
) -> dict[str, Any]:
    """0 strikes the line out; takes agreements back."""
    it, actor = plan_pages.allowed(who, connection_plan_id, Act.SCHEME_MAKE)
    with who.desk.database.writing() as connection:
        plans.edit_line(
            connection, it.id, line_id[:40], quantity=body.quantity, why=body.why, by=actor,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip
    return plan_json(who, it.id)


@routes.post(
    "/plans/{connection_plan_id}/agreements", summary="Enter an agreement", status_code=201
)
def plan_agree(who: Signed, connection_plan_id: str, body: AgreementBody) -> dict[str, Any]:
    """By the role that speaks for the party, or by the clerk."""
    it, actor = plan_pages.allowed(who, connection_plan_id, Act.SCHEME_AGREE)
    said = {"party": body.party, "person": body.person, "document": body.document}
    plan_pages.agree(who, it, said, actor, body.date)
    return plan_json(who, it.id)


def plan_head(it: plans.Plan) -> dict[str, Any]:
    """A plan without its bill."""
    return {
        "id": it.id,
        "site": it.site_id,
        "how": it.how,
        "months": it.months,
        "made": {"by": it.made_by, "at": rfc3339(it.made_ns)},
        "agreed": None if it.agreed_ns is None else rfc3339(it.agreed_ns),
        "lacks": list(it.facts.get("lacks", [])),
    }


def plan_json(who: Visitor, plan_id: str) -> dict[str, Any]:
    """A plan as the API says it."""
    it, _ = plan_pages.allowed(who, plan_id, Act.SCHEME_SEE)
    with who.desk.database.reading() as connection:
        lines = plans.lines(connection, it.id)
        edits = plans.edits(connection, it.id)
        agreements = plans.agreements(connection, it.id)
    return {
        **plan_head(it),
        "lines": [
            {"id": one.id, "kind": one.kind, "zone": one.zone or None, "title": one.title or None,
             "quantity": one.quantity, "computed": one.computed, "basis": dict(one.basis)}
            for one in lines
        ],
        "edits": [
            {"line": one.line_id, "before": one.before, "after": one.after, "why": one.why,
             "by": one.made_by, "at": rfc3339(one.made_ns)}
            for one in edits
        ],
        "agreements": [
            {"party": one.party, "person": one.person, "document": one.document or None,
             "date": one.agreed_date.isoformat(), "stands": one.stands, "by": one.made_by}
            for one in agreements
        ],
    }  # fmt: skip


# -- estimates -------------------------------------------------------------------------------


@routes.get("/estimates", summary="Estimates")
def estimate_list(who: Signed, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """The last version of each estimate in scope, with what it comes to now; the newest first."""
    every, found = pages.newest(who, offset, limit)
    return {
        "found": found,
        "offset": offset,
        "estimates": [
            {**head_json(one), "total": totals_json(sums), "waits_for": waits or None}
            for one, sums, waits in every
        ],
    }


@routes.post("/estimates", summary="Cost a plan", status_code=201)
def estimate_make(who: Signed, body: EstimateBody) -> dict[str, Any]:
    """By the prices in force today."""
    it, actor = plan_pages.allowed(who, body.plan, Act.ESTIMATE_MAKE)
    return estimate_json(who, plan_pages.cost(who, it, body.title, actor).id)


@routes.get("/estimates/summary", summary="Estimates of each province, summed")
def estimate_summary(who: Signed, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """With tax and contingency; drafts and what was sent back add nothing to the totals.

    A province's totals are of all its estimates, also of those of other pages.
    """
    shown, found = estimate_sheets.paged(estimate_sheets.summary(who), offset, limit)
    return {
        "found": found,
        "offset": offset,
        "provinces": [
            {
                "name": province.name,
                "totals": {name: province.total(name) for name in estimate_sheets.AMOUNTS},
                "estimates": [
                    {**head_json(row.it), "counts": row.counts}
                    | {name: getattr(row, name) for name in estimate_sheets.AMOUNTS}
                    for row in rows
                ],
            }
            for province, rows in shown
        ],
    }


@routes.get("/estimates/{estimate_id}", summary="One estimate")
def estimate_one(who: Signed, estimate_id: str) -> dict[str, Any]:
    """Lines, totals, steps, quotes."""
    return estimate_json(who, estimate_id)


@routes.post("/estimates/{estimate_id}/lines", summary="Add a line", status_code=201)
def line_add(who: Signed, estimate_id: str, body: LineBody) -> dict[str, Any]:
    """While it is a draft."""
    it, actor = pages.allowed(who, estimate_id, Act.ESTIMATE_MAKE)
    with who.desk.database.writing() as connection:
        estimates.add_line(connection, it.id, _draft(body), by=actor, now_ns=who.desk.now_ns())
    return estimate_json(who, it.id)


@routes.put("/estimates/{estimate_id}/lines/{line_id}", summary="Write a line")
def line_write(who: Signed, estimate_id: str, line_id: str, body: LineBody) -> dict[str, Any]:
    """While it is a draft."""
    it, actor = pages.allowed(who, estimate_id, Act.ESTIMATE_MAKE)
    with who.desk.database.writing() as connection:
        estimates.write(
            connection, it.id, {line_id[:40]: _draft(body)}, title=it.title,
            contingency=it.contingency, revision=None, by=actor, now_ns=who.desk.now_ns(),
        )  # fmt: skip
    return estimate_json(who, it.id)


@routes.put("/estimates/{estimate_id}/lines/{line_id}/appraisal", summary="Appraise a line")
def line_appraise(who: Signed, estimate_id: str, line_id: str, body: JudgedBody) -> dict[str, Any]:
    """What changes says why; never above what was asked for."""
    return _judge(who, estimate_id, line_id, "appraised", body)


@routes.put("/estimates/{estimate_id}/lines/{line_id}/approval", summary="Approve a line")
def line_approve(who: Signed, estimate_id: str, line_id: str, body: JudgedBody) -> dict[str, Any]:
    """What changes says why; never above what was asked for."""
    return _judge(who, estimate_id, line_id, "approved", body)


def _judge(
    who: Visitor, estimate_id: str, line_id: str, column: Column, body: JudgedBody
) -> dict[str, Any]:
    judged = estimates.Judged(line_id[:40], body.quantity, body.price, body.why)
    pages.judge(who, estimate_id, column, [judged])
    return estimate_json(who, estimate_id)


@routes.post("/estimates/{estimate_id}/steps", summary="Enter the next step", status_code=201)
def step_enter(who: Signed, estimate_id: str, body: StepBody) -> dict[str, Any]:
    """Submission, appraisal, approval, allocation ... each with its document."""
    entry = estimate.Entry(body.code, body.number.strip(), body.date, body.amount, body.said)
    return estimate_json(who, pages.enter_step(who, estimate_id, entry).id)


@routes.post("/estimates/{estimate_id}/return", summary="Send back", status_code=201)
def step_back(who: Signed, estimate_id: str, body: WhyBody) -> dict[str, Any]:
    """To its maker, with a reason."""
    return estimate_json(who, pages.send_back(who, estimate_id, body.why).id)


@routes.post("/estimates/{estimate_id}/versions", summary="Write anew", status_code=201)
def version_make(who: Signed, estimate_id: str) -> dict[str, Any]:
    """A copy of what was sent back."""
    it, actor = pages.allowed(who, estimate_id, Act.ESTIMATE_MAKE)
    with who.desk.database.writing() as connection:
        made = estimates.next_version(connection, it.id, by=actor, now_ns=who.desk.now_ns())
    return estimate_json(who, made.id)


@routes.get("/estimates/{estimate_id}/changes", summary="A version beside another")
def version_changes(
    who: Signed, estimate_id: str, version: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> dict[str, Any]:
    """Lines added, changed and gone since a version."""
    it, _ = pages.allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        every = {one.version: one for one in estimates.versions(connection, it.code)}
        before = every.get(version, it)
        found = estimate.compared(
            estimates.lines(connection, before.id), estimates.lines(connection, it.id)
        )
    return {
        "before": head_json(before),
        "after": head_json(it),
        "changes": [
            {"kind": one.kind, "difference": one.difference,
             "before": line_json(one.before) if one.before else None,
             "after": line_json(one.after) if one.after else None}
            for one in found
        ],
    }  # fmt: skip


@routes.get("/prices", summary="Prices in force")
def price_list(who: Signed) -> dict[str, Any]:
    """`example` says that the software invented them."""
    with who.desk.database.reading() as connection:
        found = prices.in_force(connection, plan_pages.today(who))
    return {
        "title": found.title.vi,
        "from": found.from_date.isoformat(),
        "example": found.example,
        "prices": [
            {"code": one.code, "kind": one.kind, "how": one.how, "title": one.name.vi,
             "unit": one.unit.vi, "price": one.price, "vat": one.vat, "source": one.source.vi,
             "date": one.on.isoformat()}
            for one in found.prices
        ],
    }  # fmt: skip


def _draft(body: LineBody) -> estimates.Draft:
    return estimates.Draft(
        body.title, body.unit, body.quantity, body.price, body.vat, body.source, body.funding,
        body.note,
    )  # fmt: skip


def head_json(it: estimates.Estimate) -> dict[str, Any]:
    """An estimate without its lines."""
    return {
        "id": it.id,
        "site": it.site_id,
        "code": it.code,
        "version": it.version,
        "plan": it.connection_plan_id,
        "title": it.title,
        "how": it.how,
        "catalogue": it.catalogue,
        "contingency": it.contingency,
        "state": it.state,
        "made": {"by": it.made_by, "at": rfc3339(it.made_ns)},
    }


def line_json(line: Line) -> dict[str, Any]:
    """A line as the API says it; amounts in whole đồng before tax."""
    return {
        "id": line.id,
        "code": line.code,
        "title": line.title,
        "unit": line.unit,
        "vat": line.vat,
        "source": line.source,
        "example": line.example,
        "funding": line.funding or None,
        "note": line.note or None,
        "asked": {"quantity": line.quantity, "price": line.price, "amount": line.asked},
        "appraised": None
        if line.appraised is None
        else {"quantity": line.appraised_quantity, "price": line.appraised_price,
              "amount": line.appraised, "why": line.appraised_why},
        "approved": None
        if line.approved is None
        else {"quantity": line.approved_quantity, "price": line.approved_price,
              "amount": line.approved, "why": line.approved_why},
    }  # fmt: skip


def totals_json(found: Totals | None) -> dict[str, Any] | None:
    """What lines come to."""
    if found is None:
        return None
    return {
        "sum": found.sum,
        "tax": found.tax,
        "contingency": found.contingency,
        "total": found.total,
        "words": money.in_words(found.total),
    }


def estimate_json(who: Visitor, estimate_id: str) -> dict[str, Any]:
    """An estimate as the API says it."""
    it, _ = pages.allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        lines = estimates.lines(connection, it.id)
        done = estimates.done(connection, it.id)
        attached = quotes.listed(connection, it.id)
        step = estimate.next_step(it.state, estimates.owner_line(connection, it.site_id))
    columns: tuple[Column, ...] = ("asked", "appraised", "approved")
    return {
        **head_json(it),
        "lines": [line_json(line) for line in lines],
        "totals": {
            column: totals_json(estimate.totals_of(lines, column, it.contingency))
            if lines else None
            for column in columns
        },
        "waits_for": step.code if step else None,
        "steps": [
            {"code": one.code, "number": one.number or None,
             "date": one.document_date.isoformat() if one.document_date else None,
             "amount": one.amount, "said": one.said or None, "by": one.made_by,
             "at": rfc3339(one.made_ns)}
            for one in done
        ],
        "quotes": [
            {"id": one.id, "line": one.line_id, "supplier": one.supplier, "price": one.price,
             "date": one.quoted_date.isoformat(), "size": one.size, "sha256": one.sha256}
            for one in attached
        ],
    }  # fmt: skip
