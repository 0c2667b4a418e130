"""Pages of cases: the list with its queues, one case with its evidence, and each step of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import access, case_book, cases, legal, register, registry, units, violations
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import case_work as work
from vonggac.web import dates
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values
from vonggac.web.tasks import day_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vonggac.domain.cases import Case

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]
FIELDS: Final = 20


@routes.get("/cases")
def cases_page(
    who: Signed,
    queue: Annotated[str, Query(max_length=10)] = "open",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """Cases of the visitor's facilities: what waits for whom, what is late."""
    return _list(who, queue, page, Form())


def _list(who: Visitor, queue: str, page: int, form: Form, *, status: int = 200) -> Response:
    chosen: cases.Shelf = next((one for one in cases.QUEUES if one == queue), "open")
    asked = work.wish(who, chosen)
    with who.desk.database.reading() as connection:
        sites = work.seen_sites(connection, who)
        found, count = cases.listed(connection, sites, asked, offset=(page - 1) * cases.LISTED)
        counts = cases.counts(connection, sites, asked)
        first = cases.first_marks(connection, [one.id for one in found])
        today = legal.day_of(who.desk.now_ns())
        called = units.called(connection, {one.unit for one in found if one.unit}, today)
        names = {one.id: one.title or one.name for one in registry.sites(connection)}
        cameras = _cameras(connection, who)
    return who.page(
        "cases.html",
        {
            "found": found,
            "count": count,
            "counts": counts,
            "queue": chosen,
            "queues": work.QUEUES,
            "page": page,
            "size": cases.LISTED,
            "first": first,
            "names": names,
            "units": called,
            "acts": violations.catalogue(today),
            "severities": violations.severities(),
            "states": work.STATES,
            "cameras": cameras,
            "form": form if form.values else Form({"at": dates.write_moment(_now(who))}),
        },
        status=status,
        section="cases",
    )


@routes.post("/cases")
async def mark_send(request: Request) -> Response:
    """Mark a moment by a form: for whoever has no key at hand."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            at_ns = _moment_in(values, "at")
            made = work.mark(who, case_book.Moment(values.get("camera", ""), at_ns, via="playback"))
        except VonggacError as error:
            found, fault = work.faults(who, error)
            if not found and not fault:
                raise
            return _list(who, "open", 1, Form(values, found, fault), status=422)
        return RedirectResponse(f"/cases/{made.id}", 303)

    return _told(request, await run_in_threadpool(send))


@routes.get("/cases/{case_id}")
def case_page(who: Signed, case_id: str) -> Response:
    """One case: evidence, what happened, and what comes next."""
    return _one(who, case_id, "", Form())


def _one(
    who: Visitor, case_id: str, about: str, form: Form, *, fault: str = "", status: int = 200
) -> Response:
    shown = work.seen(who, case_id)
    it = shown.it
    happened = legal.day_of(it.happened_ns)
    catalogue = violations.catalogue(happened)
    with who.desk.database.reading() as connection:
        contacts = register.contacts(connection, [it.site_id])
        unchecked = legal.unchecked(connection)
        cameras = registry.cameras(connection, it.site_id)
        line = shown.thing.line
    return who.page(
        "case.html",
        {
            "shown": shown,
            "it": it,
            "about": about,
            "form": form,
            "described": Form(_described(it)) if about != "description" else form,
            "fault": fault,
            "acts": [one for one in catalogue.values() if not one.is_technical],
            "act": catalogue.get(it.violation),
            "bases": violations.bases_of(it.violation, happened, line=line),
            "unchecked": unchecked,
            "subjects": violations.subjects(),
            "severities": violations.severities(),
            "states": work.STATES,
            "steps": work.STEPS,
            "outcomes": work.OUTCOMES,
            "unheld": work.UNHELD,
            "vias": work.VIAS,
            "refusals": work.FAULTS,
            "contacts": contacts,
            "contact_kinds": register.kinds().contacts,
            "cameras": cameras,
            "zones": {one.code: one.name for one in who.desk.placement.zones},
            "keep_days": violations.keep_days(),
            "rfc3339": rfc3339,
        },
        status=status,
        section="cases",
    )


def _described(it: Case) -> dict[str, str]:
    return {
        "violation": it.violation,
        "subject": it.subject,
        "severity": it.severity,
        "place": it.place,
        "role": it.role,
        "said": it.said,
    }


@routes.post("/cases/{case_id}/marks")
async def mark_again_send(request: Request, case_id: str) -> Response:
    """Put another moment under it."""

    def step(who: Visitor, values: Mapping[str, str]) -> None:
        at_ns = _moment_in(values, "at")
        moment = case_book.Moment(values.get("camera", ""), at_ns, via="playback")
        work.mark(who, moment, case_id=case_id)

    return _told(request, await _sent(request, case_id, "marks", step))


@routes.post("/cases/{case_id}/description")
async def describe_send(request: Request, case_id: str) -> Response:
    """Say what was seen."""
    return await _sent(
        request, case_id, "description",
        lambda who, values: work.describe(who, case_id, description(values)),
    )  # fmt: skip


@routes.post("/cases/{case_id}/notes")
async def note_send(request: Request, case_id: str) -> Response:
    """Add what happened."""
    return await _sent(
        request, case_id, "notes",
        lambda who, values: work.note(who, case_id, values.get("said", "")),
    )  # fmt: skip


@routes.post("/cases/{case_id}/links")
async def link_send(request: Request, case_id: str) -> Response:
    """Link another case."""
    return await _sent(
        request, case_id, "links",
        lambda who, values: work.link(who, case_id, values.get("number", "")),
    )  # fmt: skip


@routes.post("/cases/{case_id}/confirmation")
async def confirm_send(request: Request, case_id: str) -> Response:
    """Confirm that it happened."""
    return await _sent(
        request, case_id, "confirmation",
        lambda who, values: work.confirm(who, case_id, values.get("said", "")),
    )  # fmt: skip


@routes.post("/cases/{case_id}/dismissal")
async def dismiss_send(request: Request, case_id: str) -> Response:
    """Dismiss it."""
    return await _sent(
        request, case_id, "dismissal",
        lambda who, values: work.dismiss(who, case_id, values.get("reason", "")),
    )  # fmt: skip


@routes.post("/cases/{case_id}/taking")
async def take_send(request: Request, case_id: str) -> Response:
    """Take it in hand."""

    def step(who: Visitor, values: Mapping[str, str]) -> None:
        due_ns = _moment_in(values, "due") if values.get("due", "").strip() else None
        work.take(who, case_id, due_ns, values.get("said", ""))

    return await _sent(request, case_id, "taking", step)


@routes.post("/cases/{case_id}/escalation")
async def escalate_send(request: Request, case_id: str) -> Response:
    """Pass it to the unit above."""
    return await _sent(
        request, case_id, "escalation",
        lambda who, values: work.escalate(who, case_id, values.get("said", "")),
    )  # fmt: skip


@routes.post("/cases/{case_id}/handover")
async def hand_over_send(request: Request, case_id: str) -> Response:
    """Hand it over to a body that may conclude."""

    def step(who: Visitor, values: Mapping[str, str]) -> None:
        given = case_book.Given(
            body=values.get("body", ""),
            receiver=values.get("receiver", ""),
            minutes=values.get("minutes", ""),
            minutes_day=day_in(values.get("minutes_day", ""), "minutes_day"),
        )
        work.hand_over(who, case_id, given)

    return await _sent(request, case_id, "handover", step)


@routes.post("/cases/{case_id}/outcome")
async def conclude_send(request: Request, case_id: str) -> Response:
    """Enter what the body said."""

    def step(who: Visitor, values: Mapping[str, str]) -> None:
        word = case_book.Word(
            outcome=values.get("outcome", ""),
            document=values.get("document", ""),
            document_day=day_in(values.get("document_day", ""), "document_day"),
            basis=values.get("basis", ""),
            said=values.get("said", ""),
        )
        work.conclude(who, case_id, word)

    return await _sent(request, case_id, "outcome", step)


@routes.post("/cases/{case_id}/closing")
async def close_send(request: Request, case_id: str) -> Response:
    """Close it."""
    return await _sent(
        request, case_id, "closing",
        lambda who, values: work.close(who, case_id, values.get("reason", "")),
    )  # fmt: skip


def description(values: Mapping[str, str]) -> case_book.Description:
    """What a form says was seen."""
    return case_book.Description(
        violation=values.get("violation", ""),
        subject=values.get("subject", ""),
        severity=values.get("severity", ""),
        place=values.get("place", ""),
        role=values.get("role", ""),
        said=values.get("said", ""),
    )


async def _sent(
    request: Request,
    case_id: str,
    about: str,
    step: Callable[[Visitor, Mapping[str, str]], Any],
) -> Response:
    """Take a step of a form; what was typed stands again when it is refused."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            step(who, values)
        except VonggacError as error:
            found, fault = work.faults(who, error)
            if not found and not fault:
                raise
            form = Form(values, found)
            return _one(who, case_id, about, form, fault=fault, status=422 if found else 409)
        return RedirectResponse(f"/cases/{case_id}", 303)

    return await run_in_threadpool(send)


def _told(request: Request, response: Response) -> Response:
    """A clip is held from now on: the box gets its order soon. On the loop."""
    request.app.state.desk.orders.changed()
    return response


def _moment_in(values: Mapping[str, str], field: str) -> int:
    try:
        return dates.read_moment(values.get(field, ""))
    except (ValueError, OverflowError) as error:
        raise VonggacError(
            Kind.BAD_INPUT, f"{field}: no moment", fields={field: "no_moment"}
        ) from error


def _now(who: Visitor) -> int:
    now_ns = who.desk.now_ns()
    return now_ns - now_ns % cases.MINUTE_NS


def _cameras(connection: Any, who: Visitor) -> list[registry.Camera]:
    """Cameras of the facilities where the visitor may mark."""
    sites = access.sites_for(connection, who.person, Act.CASE_MARK, who.desk.now_ns())
    return [one for site_id in sites for one in registry.cameras(connection, site_id)]
