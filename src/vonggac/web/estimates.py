"""Pages of estimates: the list of a unit, the editor, appraisal, approval, the chain of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    access,
    costs,
    estimate,
    estimates,
    guide,
    guide_values,
    money,
    papers,
    plans,
    quotes,
    registry,
    tasks,
    units,
)
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.plans import by, day_in, faults, number_in, percent_in, refused, today
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.costs import Norms
    from vonggac.domain.estimate import Against, Column, Line, Totals
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Words
    from vonggac.web.words import Tongue

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

PAGE = 50
"""Facilities of one page of the list (ours)."""
COLUMNS: Mapping[str, Column] = {"appraised": "appraised", "approved": "approved"}
"""What is judged line by line, by the step that ends it."""
COLUMN_ACTS: Mapping[str, Act] = {
    "appraised": Act.ESTIMATE_APPRAISE,
    "approved": Act.ESTIMATE_APPROVE,
}


# -- what pages and API share ----------------------------------------------------------------


def allowed(
    who: Visitor, estimate_id: str, act: Act = Act.ESTIMATE_SEE
) -> tuple[estimates.Estimate, Someone]:
    """An estimate to which the visitor may do this, and who they are."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        it = estimates.find(connection, estimate_id[:40])
        return it, by(connection, who, act, it.site_id)


def enter_step(who: Visitor, estimate_id: str, entry: estimate.Entry) -> estimates.Estimate:
    """Enter the next step, by whoever the rules let do that for this facility."""
    it, actor = allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        line = estimates.owner_line(connection, it.site_id)
        step = costs.steps().get(entry.code)
        if step is None:
            raise VonggacError(Kind.CONFLICT, "there is no such step", code="not_next")
        by(connection, who, step.act_for(line), it.site_id)
    with who.desk.database.writing() as connection:
        return estimates.enter_step(
            connection, it.id, entry, today=today(who), by=actor, now_ns=who.desk.now_ns()
        )


def send_back(who: Visitor, estimate_id: str, why: str) -> estimates.Estimate:
    """Send it back, by whoever would enter the step that it waits for."""
    it, actor = allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        step = estimate.next_step(it.state, estimates.owner_line(connection, it.site_id))
        if step is None or not estimate.may_return(it.state):
            raise VonggacError(Kind.CONFLICT, "it cannot be sent back", code="not_next")
        by(connection, who, step.act, it.site_id)
    with who.desk.database.writing() as connection:
        return estimates.send_back(connection, it.id, why=why, by=actor, now_ns=who.desk.now_ns())


def judge(
    who: Visitor, estimate_id: str, column: Column, judged: Sequence[estimates.Judged]
) -> None:
    """Write a column, by the appraiser or the leader."""
    it, actor = allowed(who, estimate_id, COLUMN_ACTS[column])
    with who.desk.database.writing() as connection:
        estimates.judge(connection, it.id, column, judged, by=actor, now_ns=who.desk.now_ns())


@dataclass(frozen=True, slots=True)
class Listed:
    """A facility with its last plan and its last estimates, as the list shows it."""

    site: registry.Site
    unit: Words | None
    plan: plans.Plan | None
    estimates: list[tuple[estimates.Estimate, Totals | None, str]]
    """Each with what it comes to now, and what it waits for."""


def paged(who: Visitor, wanted: str, page: int, size: int) -> tuple[list[Listed], int]:
    """A page of the scope's facilities with the words in name, code or unit; how many there are.

    By unit and name.  Plans and estimates are read of the facilities of that page alone.
    """
    who.signed_in  # noqa: B018
    now_ns, words = who.desk.now_ns(), units.folded(wanted).split()[:10]
    with who.desk.database.reading() as connection:
        sites = rights.shown_sites(connection, who, Act.SCHEME_SEE)
        names = units.names_of_sites(connection, today(who))
        if words:
            sites = [one for one in sites if _holds(one, names.get(one.id), words)]
        sites.sort(key=lambda one: (names[one.id].vi if one.id in names else "", one.name))
        found = len(sites)
        sites = sites[(page - 1) * size : page * size]
        ids = [site.id for site in sites]
        seen = set(access.sites_for(connection, who.person, Act.ESTIMATE_SEE, now_ns))
        last: dict[str, plans.Plan] = {}
        for one in plans.listed(connection, ids):
            last.setdefault(one.site_id, one)
        costed = _summed(connection, [one for one in ids if one in seen])
    return [
        Listed(site, names.get(site.id), last.get(site.id), costed.get(site.id, []))
        for site in sites
    ], found


def _holds(site: registry.Site, unit: Words | None, words: Sequence[str]) -> bool:
    said = units.folded(f"{site.name} {site.title} {unit.vi if unit else ''}")
    return all(word in said for word in words)


def _summed(
    connection: Connection, site_ids: Sequence[str]
) -> dict[str, list[tuple[estimates.Estimate, Totals | None, str]]]:
    found: dict[str, list[tuple[estimates.Estimate, Totals | None, str]]] = {}
    for one in _standing(connection, estimates.listed(connection, site_ids)):
        found.setdefault(one[0].site_id, []).append(one)
    return found


def _standing(
    connection: Connection, every: Sequence[estimates.Estimate]
) -> list[tuple[estimates.Estimate, Totals | None, str]]:
    lines = estimates.lines_of(connection, [one.id for one in every])
    line_of = {one.id: one.owner_line for one in registry.sites(connection)}
    steps = [estimate.next_step(one.state, line_of[one.site_id]) for one in every]
    return [
        (one, standing(one, lines.get(one.id, [])), step.code if step else "")
        for one, step in zip(every, steps, strict=True)
    ]


def newest(
    who: Visitor, offset: int, most: int
) -> tuple[list[tuple[estimates.Estimate, Totals | None, str]], int]:
    """Estimates of the visitor's scope, the newest first, as `Listed` has them; how many in all."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        seen = set(access.sites_for(connection, who.person, Act.ESTIMATE_SEE, who.desk.now_ns()))
        sites = rights.shown_sites(connection, who, Act.SCHEME_SEE)
        ids = [one.id for one in sites if one.id in seen]
        every = estimates.listed(connection, ids, offset=offset, most=most)
        return _standing(connection, every), estimates.counted(connection, ids)


def last_plans(who: Visitor, offset: int, most: int) -> tuple[list[plans.Plan], int]:
    """The last plan of each facility of the visitor's scope that has one; how many in all."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        ids = [one.id for one in rights.shown_sites(connection, who, Act.SCHEME_SEE)]
        return plans.last(connection, ids, offset=offset, most=most)


def standing(it: estimates.Estimate, lines: Sequence[Line]) -> Totals | None:
    """What an estimate comes to by the last column that is whole."""
    for column in ("approved", "appraised"):
        found = estimate.totals_of(lines, COLUMNS[column], it.contingency) if lines else None
        if found is not None:
            return found
    return estimate.totals_of(lines, "asked", it.contingency)


# -- the list --------------------------------------------------------------------------------


@routes.get("/estimates")
def estimates_page(
    who: Signed,
    q: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """Plans and estimates of the facilities in scope, by unit, with their state."""
    number = max(1, int(page)) if page.isascii() and page.isdigit() else 1
    rows, found = paged(who, q, number, PAGE)
    with who.desk.database.reading() as connection:
        makers = access.sites_for(connection, who.person, Act.SCHEME_MAKE, who.desk.now_ns())
        titles = registry.titles(connection)
    return who.page(
        "estimates.html",
        {
            "rows": rows,
            "found": found,
            "page": number,
            "size": PAGE,
            "wanted": q,
            "makers": [(one, titles[one]) for one in makers],
            "months": costs.norms().months,
            **words_of(),
        },
        section="estimates",
    )


def words_of() -> dict[str, Any]:
    """Words and figures that every page of estimates says."""
    return {
        "steps": costs.steps(),
        "grouped": money.grouped,
        "percent": money.percent,
        "in_words": money.in_words,
        "funding": costs.funding(),
    }


def state_words(t: Tongue, state: str) -> str:
    """What a state is called."""
    match state:
        case estimate.DRAFT:
            return t("đang lập")
        case estimate.RETURNED:
            return t("bị trả lại")
        case _:
            return t.of(costs.steps()[state].name)


# -- one estimate ----------------------------------------------------------------------------


@routes.get("/estimates/{estimate_id}")
def estimate_page(who: Signed, estimate_id: str) -> Response:
    """One estimate: written while it is a draft, judged while it waits, read always."""
    return show(who, estimate_id, Form())


def show(who: Visitor, estimate_id: str, form: Form, status: int = 200) -> Response:
    """The page of an estimate."""
    it, _ = allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, it.site_id)
        lines = estimates.lines(connection, it.id)
        others = estimates.province_prices(connection, it, now_ns=who.desk.now_ns())
        line_of_site = str(thing.line)
        step = estimate.next_step(it.state, line_of_site)
        done = estimates.done(connection, it.id)
        attached: dict[str, list[quotes.Quote]] = {}
        for one in quotes.listed(connection, it.id):
            attached.setdefault(one.line_id, []).append(one)
        values = {
            "it": it,
            "site": registry.site(connection, it.site_id),
            "lines": lines,
            "attached": attached,
            "done": done,
            "versions": estimates.versions(connection, it.code),
            "tasks": tasks.of(connection, f"estimate:{it.id}")
            if who.may(Act.TASK_SEE, thing)
            else [],
            "may_task": who.may(Act.TASK_MAKE, thing),
        }
        drafts = papers.of(connection, f"estimate:{it.id}")
        norms = guide_values.norms(connection, today(who))
        kept = {
            code: guide.rule(connection, code, today(who)) for code in ("outlier", "contingency")
        }
    may_step = step is not None and who.may(step.act_for(line_of_site), thing)
    own_money = line_of_site == costs.OWN_MONEY
    judges = COLUMNS.get(step.code) if step and may_step and not own_money else None
    totals = {
        column: estimate.totals_of(lines, column, it.contingency)
        for column in ("asked", "appraised", "approved")
    }
    return who.page(
        "estimate.html",
        {
            **values,
            **words_of(),
            "chain": costs.chain(line_of_site),
            "entered": {one.code: one for one in done},
            "next": step,
            "may_step": may_step,
            "may_write": estimate.is_edited(it.state) and who.may(Act.ESTIMATE_MAKE, thing),
            "may_make": who.may(Act.ESTIMATE_MAKE, thing),
            "may_decide": lines and not own_money
            and any(who.may(one, thing) for one in COLUMN_ACTS.values())
            and all(line.appraised is not None for line in lines),
            "drafts": drafts if who.may(Act.PAPER_SEE, thing) else [],
            "judges": judges,
            "may_return": may_step and estimate.may_return(it.state)
            and not own_money,
            "needs_amount": step is not None and step.code in estimate.MONEY_STEPS,
            "own_money": own_money,
            "against": {
                line.id: estimate.against(line.price, others.get(line.code, []), norms)
                for line in lines
            },
            "marks": {
                line.id: marks(line, others.get(line.code, []), norms) for line in lines
            },
            "kept": kept,
            "totals": totals,
            "state": state_words(who.t, it.state),
            "examples": sum(line.example for line in lines),
            "returned": estimate.RETURNED,
            "form": form,
            "today": dates.write_day(today(who)),
            "path": f"/estimates/{it.id}",
        },
        status=status,
        section="estimates",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Marks:
    """Where the marks of a line stand on its scale, in per cent of the width: -40 % to +60 %."""

    low: int
    high: int
    asked: int
    appraised: int | None
    beyond: bool
    """The price asked for is off the scale."""


def marks(line: Line, others: Sequence[int], norms: Norms) -> Marks | None:
    """The marks of a line; None while there is no median."""
    found: Against = estimate.against(line.price, others, norms)
    if not found.median:
        return None
    asked = _place(line.price, found.median)
    judged = None if line.appraised_price is None else _place(line.appraised_price, found.median)
    return Marks(
        _on_scale(_place(found.low, found.median)), _on_scale(_place(found.high, found.median)),
        _on_scale(asked), None if judged is None else _on_scale(judged), not 0 <= asked <= 100,
    )  # fmt: skip


def _place(price: int, median: int) -> int:
    return 40 + (money.difference(price, median) or 0) // 100


def _on_scale(place: int) -> int:
    return max(0, min(100, place))


# -- writing ---------------------------------------------------------------------------------


@routes.post("/estimates/{estimate_id}/lines")
async def lines_send(request: Request, estimate_id: str) -> Response:
    """Save all lines, or add one."""
    values = form_values(dict(await request.form(max_files=0, max_fields=1_500)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, actor = allowed(who, estimate_id, Act.ESTIMATE_MAKE)
        try:
            if values.get("do") == "add":
                with who.desk.database.writing() as connection:
                    estimates.add_line(
                        connection, it.id, _added(values), by=actor, now_ns=who.desk.now_ns()
                    )
            else:
                _write(who, it, values, actor)
        except VonggacError as error:
            return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
        return RedirectResponse(f"/estimates/{it.id}", 303)

    return await run_in_threadpool(send)


def _added(values: Mapping[str, str]) -> estimates.Draft:
    return estimates.Draft(
        values.get("title", ""), values.get("unit", ""), number_in(values, "quantity"),
        number_in(values, "price"), percent_in(values, "vat"), values.get("source", ""),
        values.get("funding", ""), values.get("note", ""),
    )  # fmt: skip


def _write(who: Visitor, it: estimates.Estimate, values: Mapping[str, str], actor: Someone) -> None:
    with who.desk.database.writing() as connection:
        drafts = {
            line.id: estimates.Draft(
                line.title, line.unit, number_in(values, f"quantity-{line.id}"),
                number_in(values, f"price-{line.id}"), percent_in(values, f"vat-{line.id}"),
                values.get(f"source-{line.id}", ""), values.get(f"funding-{line.id}", ""),
                values.get(f"note-{line.id}", ""),
            )
            for line in estimates.lines(connection, it.id)
            if f"quantity-{line.id}" in values
        }  # fmt: skip
        estimates.write(
            connection, it.id, drafts, title=values.get("title", ""),
            contingency=percent_in(values, "contingency"),
            revision=number_in(values, "revision"), by=actor, now_ns=who.desk.now_ns(),
        )  # fmt: skip


@routes.post("/estimates/{estimate_id}/appraisal")
async def appraisal_send(request: Request, estimate_id: str) -> Response:
    """Write what the appraiser says, line by line."""
    return await _judgement(request, estimate_id, "appraised")


@routes.post("/estimates/{estimate_id}/approval")
async def approval_send(request: Request, estimate_id: str) -> Response:
    """Write what the leader says, line by line."""
    return await _judgement(request, estimate_id, "approved")


async def _judgement(request: Request, estimate_id: str, column: Column) -> Response:
    values = form_values(dict(await request.form(max_files=0, max_fields=1_000)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, _ = allowed(who, estimate_id, COLUMN_ACTS[column])
        with who.desk.database.reading() as connection:
            judged = [
                estimates.Judged(
                    line.id, number_in(values, f"quantity-{line.id}"),
                    number_in(values, f"price-{line.id}"), values.get(f"why-{line.id}", ""),
                )
                for line in estimates.lines(connection, it.id)
                if f"quantity-{line.id}" in values
            ]  # fmt: skip
        try:
            judge(who, it.id, column, judged)
        except VonggacError as error:
            return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
        return RedirectResponse(f"/estimates/{it.id}", 303)

    return await run_in_threadpool(send)


@routes.post("/estimates/{estimate_id}/steps")
async def step_send(request: Request, estimate_id: str) -> Response:
    """Enter the next step with its document, or send the estimate back."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, _ = allowed(who, estimate_id)
        amount = number_in(values, "amount") if values.get("amount", "").strip() else None
        try:
            if values.get("do") == "return":
                send_back(who, it.id, values.get("why", ""))
            else:
                entry = estimate.Entry(
                    values.get("code", ""), values.get("number", "").strip(),
                    day_in(values, "dated"), amount, values.get("said", ""),
                )  # fmt: skip
                enter_step(who, it.id, entry)
        except VonggacError as error:
            return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
        return RedirectResponse(f"/estimates/{it.id}", 303)

    return await run_in_threadpool(send)


@routes.post("/estimates/{estimate_id}/versions")
async def version_send(request: Request, estimate_id: str) -> Response:
    """Write anew what was sent back."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, actor = allowed(who, estimate_id, Act.ESTIMATE_MAKE)
        try:
            with who.desk.database.writing() as connection:
                made = estimates.next_version(connection, it.id, by=actor, now_ns=who.desk.now_ns())
        except VonggacError as error:
            return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
        return RedirectResponse(f"/estimates/{made.id}", 303)

    return await run_in_threadpool(send)


# -- comparing versions ----------------------------------------------------------------------


@routes.get("/estimates/{estimate_id}/compare")
def compare_page(who: Signed, estimate_id: str, version: int = 0) -> Response:
    """A version beside the one before it, or beside another."""
    it, _ = allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        every = estimates.versions(connection, it.code)
        wanted = version or it.version - 1
        before = next((one for one in every if one.version == wanted), it)
        changes = estimate.compared(
            estimates.lines(connection, before.id), estimates.lines(connection, it.id)
        )
        sums = [
            estimate.totals_of(estimates.lines(connection, one.id), "asked", one.contingency)
            for one in (before, it)
        ]
        site = registry.site(connection, it.site_id)
    return who.page(
        "estimate_compare.html",
        {
            "it": it,
            "before": before,
            "site": site,
            "versions": every,
            "changes": changes,
            "sums": sums,
            **words_of(),
        },
        section="estimates",
    )


# -- quotes ----------------------------------------------------------------------------------


@routes.post("/estimates/quotes")
async def quote_send(request: Request) -> Response:
    """Attach a supplier's quote to a line."""
    async with request.form(max_files=1, max_fields=20) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(quotes.FILE_MOST + 1), file.filename or ""
    return await run_in_threadpool(_attach, request, values, name, content)


def _attach(request: Request, values: dict[str, str], name: str, content: bytes) -> Response:
    who = visitor(request)
    who.check_form(values)
    it, actor = allowed(who, values.get("estimate", ""), Act.ESTIMATE_MAKE)
    quoted = number_in(values, "quoted")
    try:
        with who.desk.database.writing() as connection:
            quotes.attach(
                connection, it.id, values.get("line", "")[:40],
                supplier=values.get("supplier", ""), price=None if quoted < 0 else quoted,
                quoted_date=day_in(values, "quoted_date"), file_name=name, content=content,
                today=today(who), by=actor, now_ns=who.desk.now_ns(),
            )  # fmt: skip
    except VonggacError as error:
        if not faults(who, error) and error.detail.get("code") != "too_many":
            raise
        return refused(who, values, error, lambda form, status: show(who, it.id, form, status))
    return RedirectResponse(f"/estimates/{it.id}#quotes", 303)


@routes.get("/estimates/{estimate_id}/quotes/{quote_id}")
def quote_file(who: Signed, estimate_id: str, quote_id: str) -> Response:
    """A quote as it was sent; it is downloaded, never opened inside our pages."""
    it, _ = allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        found, content = quotes.content(connection, it.id, quote_id[:40])
    name = f"bao-gia-{it.code}-{found.id[:6]}.{quotes.ENDINGS[found.media_type]}"
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
