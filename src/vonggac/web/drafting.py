"""Buttons that draft a letter from data: an estimate, a plan, what is owed; and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import access, citing, directives, drafting, papers
from vonggac.domain.access import SYSTEM, Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import estimates, evidence_api, plans, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vonggac.db import Connection
    from vonggac.domain.directives import Owed
    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

WHO_DRAFTS: Mapping[str, tuple[Act, ...]] = {
    "to-trinh": (Act.ESTIMATE_MAKE,),
    "quyet-dinh": (Act.ESTIMATE_APPRAISE, Act.ESTIMATE_APPROVE),
}
"""Acts of which one is needed to draft a letter of an estimate; who advises drafts too."""


def of_estimate(who: Visitor, estimate_id: str, kind: str) -> str:
    """Draft a letter of an estimate; the paper's id."""
    it, _ = estimates.allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, it.site_id)
        acts = WHO_DRAFTS.get(kind, (Act.ESTIMATE_MAKE,))
        act = next((one for one in acts if who.may(one, thing)), acts[0])
        by = evidence_api.someone(who, rights.require(connection, who, act, thing))
    with who.desk.database.writing() as connection:
        about = f"estimate:{it.id}"
        order = citing.carried(connection, about, site_id=it.site_id)
        made = drafting.of_estimate(
            connection, it, kind, order=order, unit_id=by.unit or None, on=plans.today(who)
        )
        return _kept(connection, who, made, about, it.site_id, None, order, by)


def of_plan(who: Visitor, plan_id: str) -> str:
    """Draft the letter of a plan; the paper's id."""
    it, by = plans.allowed(who, plan_id, Act.SCHEME_MAKE)
    zones = {zone.code: zone.name for zone in who.desk.placement.zones}
    with who.desk.database.writing() as connection:
        about = f"plan:{it.id}"
        order = citing.carried(connection, about, site_id=it.site_id)
        made = drafting.of_plan(
            connection, it, zones=zones, names=plans.kind_names(), order=order,
            unit_id=by.unit or None, on=plans.today(who),
        )  # fmt: skip
        return _kept(connection, who, made, about, it.site_id, None, order, by)


def of_duty(who: Visitor, duty_id: str) -> str:
    """Draft a reminder of what is owed; the paper's id."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        owed = owed_of(connection, who, duty_id)
        unit_id = owed.directive.unit_id
        thing = access.thing_of_unit(connection, unit_id) if unit_id else SYSTEM
        by = evidence_api.someone(who, rights.require(connection, who, Act.DIRECTIVE_ASSIGN, thing))
    with who.desk.database.writing() as connection:
        made = drafting.reminder(
            connection, owed, unit_id=unit_id or by.unit or None, on=plans.today(who)
        )
        about = f"duty:{owed.duty.id}"
        return _kept(connection, who, made, about, None, unit_id, owed.directive.id, by)


def owed_of(connection: Connection, who: Visitor, duty_id: str) -> Owed:
    """What a body owes, if the visitor sees it.

    Raises:
        VonggacError: NOT_FOUND.
    """
    allowed = directives.visible(connection, who.person, who.desk.now_ns())
    found = [one for one in directives.owed(connection, allowed) if one.duty.id == duty_id[:40]]
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such duty")
    return found[0]


def _kept(
    connection: Connection, who: Visitor, made: Any, about: str, site_id: str | None,
    unit_id: str | None, directive_id: str | None, by: Someone,
) -> str:  # fmt: skip
    return papers.draft(
        connection, made, about=about, site_id=site_id, unit_id=unit_id,
        directive_id=directive_id, by=by, now_ns=who.desk.now_ns(),
    )  # fmt: skip


# -- pages -----------------------------------------------------------------------------------


@routes.post("/estimates/{estimate_id}/letters")
async def estimate_send(request: Request, estimate_id: str) -> Response:
    """Draft the submission or the decision."""
    return await _send(
        request, lambda who, values: of_estimate(who, estimate_id, values.get("kind", ""))
    )


@routes.post("/plans/{connection_plan_id}/letters")
async def plan_send(request: Request, connection_plan_id: str) -> Response:
    """Draft the plan as a document."""
    return await _send(request, lambda who, _: of_plan(who, connection_plan_id))


@routes.post("/duties/{duty_id}/reminder")
async def duty_send(request: Request, duty_id: str) -> Response:
    """Draft a reminder."""
    return await _send(request, lambda who, _: of_duty(who, duty_id))


async def _send(request: Request, draft: Callable[[Visitor, dict[str, str]], str]) -> Response:
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        return RedirectResponse(f"/papers/{draft(who, values)}", 303)

    return await run_in_threadpool(send)


# -- API -------------------------------------------------------------------------------------


@api.post("/estimates/{estimate_id}/letters", summary="Draft a letter of an estimate",
          status_code=201)  # fmt: skip
async def estimate_api(
    request: Request,
    estimate_id: str,
    kind: Annotated[str, Query(max_length=20, description="to-trinh or quyet-dinh")],
) -> dict[str, str]:
    """The submission, or the decision once it is appraised; lines are its appendix."""
    return await _asked(request, lambda who: of_estimate(who, estimate_id, kind))


@api.post("/plans/{connection_plan_id}/letters", summary="Draft the letter of a plan",
          status_code=201)  # fmt: skip
async def plan_api(request: Request, connection_plan_id: str) -> dict[str, str]:
    """Its bill of quantities and who agreed."""
    return await _asked(request, lambda who: of_plan(who, connection_plan_id))


@api.post("/duties/{duty_id}/reminder", summary="Draft a reminder", status_code=201)
async def duty_api(request: Request, duty_id: str) -> dict[str, str]:
    """To the body that owes something of a directive."""
    return await _asked(request, lambda who: of_duty(who, duty_id))


async def _asked(request: Request, draft: Callable[[Visitor], str]) -> dict[str, str]:
    return await run_in_threadpool(lambda: {"paper": draft(visitor(request))})
