"""Đóng cơ sở: the steps in order, each done by the program or a named person; and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import (
    access,
    closing,
    closing_access,
    closing_papers,
    directives,
    papers,
    register,
)
from vonggac.domain.access import Act
from vonggac.domain.citing import carried
from vonggac.errors import VonggacError
from vonggac.web import citing, evidence_api, rights, words
from vonggac.web.desk import Visitor, said_of, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection
    from vonggac.domain.closing import Closing, Done, Step
    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

FAULTS: Mapping[str, str] = {
    "missing": "Ô này phải có.",
    "no_such": citing.NONE_SUCH,
    "too_long": "Quá dài.",
    "not_the_code": "Gõ đúng mã cơ sở để xác nhận.",
    "closed_already": "Cơ sở này đã đóng.",
    "closing_already": "Cơ sở này đang được đóng.",
    "step_order": "Phải làm lần lượt: còn bước trước chưa xong.",
    "cameras_by_config": "Còn camera trong tệp cấu hình. Bỏ ra khỏi tệp rồi khởi động lại.",
    "not_yours_to_end": "Có vai trò bạn không được kết thúc. Người giao vai trò phải làm bước này.",
}


# -- the page --------------------------------------------------------------------------------


@routes.get("/facilities/{site_id}/closing")
def page(who: Signed, site_id: str) -> Response:
    """What is done, whose turn it is, what is left."""
    return _page(who, site_id, Form())


def _page(who: Visitor, site_id: str, form: Form, *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        it = register.facility(connection, site_id)
        every = closing.of_site(connection, site_id)
        orders, usual = citing.offered(connection, who), citing.usual(connection, who, site_id)
        cited = every[0].directive_id if every else None
        order = directives.find(connection, cited) if cited else None
    return who.page(
        "closing.html",
        {
            "it": it,
            "made": every[0] if every else None,
            "earlier": every[1:],
            "steps": closing.STEPS,
            "form": form,
            "orders": orders,
            "usual": usual,
            "order": order,
            "may_close": who.may(Act.FACILITY_CLOSE, thing),
            "ns_of": parse_rfc3339,
        },
        section="facilities",
        status=status,
    )


@routes.post("/facilities/{site_id}/closing")
async def page_send(request: Request, site_id: str) -> Response:
    """Begin, do a step, or close."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def act() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            match values.get("do", ""):
                case "open":
                    begin(
                        who, site_id, reason=values.get("reason", ""),
                        document=values.get("document", ""), confirm=values.get("confirm", ""),
                        directive=values.get("directive", ""),
                    )  # fmt: skip
                case code:
                    advance(
                        who, site_id, code[:20], said=values.get("said", ""),
                        confirm=values.get("confirm", ""),
                    )  # fmt: skip
        except VonggacError as error:
            form = Form(values, *said_of(who, error, FAULTS))
            return _page(who, site_id, form, status=422)
        return RedirectResponse(f"/facilities/{site_id}/closing", 303)

    return await run_in_threadpool(act)


# -- what the page and the API share ---------------------------------------------------------


def begin(
    who: Visitor, site_id: str, *, reason: str, document: str, confirm: str, directive: str = ""
) -> Closing:
    """Begin to close a facility.

    Raises:
        VonggacError: BAD_INPUT, CONFLICT, FORBIDDEN.
    """
    by = _closer(who, site_id)
    with who.desk.database.writing() as connection:
        return closing.open_closing(
            connection, site_id, reason=reason, document=document,
            directive_id=citing.seen(connection, who, directive), confirmed=confirm, by=by,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


def advance(who: Visitor, site_id: str, code: str, *, said: str, confirm: str) -> Closing:
    """Do the step whose turn it is, or close the facility after the last.

    Raises:
        VonggacError: BAD_INPUT, CONFLICT, FORBIDDEN, NOT_FOUND.
    """
    by, now_ns = _closer(who, site_id), who.desk.now_ns()
    with who.desk.database.writing() as connection:
        if code == closing.CLOSE:
            return closing.finish(
                connection, site_id, confirmed=confirm, today=words.day_of(now_ns), by=by,
                now_ns=now_ns,
            )  # fmt: skip
        made, step = closing.require_turn(connection, site_id, code, confirmed=confirm)
        facts = _done_by_program(connection, who, made, step, by)
        closing.enter(connection, made, step, said=said, facts=facts, by=by, now_ns=now_ns)
        found = closing.under_way(connection, site_id)
        assert found is not None
    if code == "ledger":
        who.desk.orders.changed()
    return found


def _closer(who: Visitor, site_id: str) -> Someone:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        verdict = rights.require(connection, who, Act.FACILITY_CLOSE, thing)
    return evidence_api.someone(who, verdict)


def _done_by_program(
    connection: Connection, who: Visitor, made: Closing, step: Step, by: Someone
) -> dict[str, Any]:
    """What the program does of a step, and what it found; nothing where a person does it."""
    now_ns, site_id = who.desk.now_ns(), made.site_id
    match step.code:
        case "ledger":
            gone = closing.retire_cameras(connection, site_id, reason=made.reason, now_ns=now_ns)
            return {"cameras": gone, **closing.ledger_facts(connection, site_id)}
        case "retention":
            return closing.retention_facts(connection, site_id)
        case "minutes":
            about = f"closing:{made.id}"
            order = carried(connection, about, site_id=site_id)
            letter = closing_papers.deletion_minutes(
                connection, made, unit_id=by.unit or None, order=order, on=words.day_of(now_ns)
            )
            paper_id = papers.draft(
                connection, letter, about=about, site_id=site_id, unit_id=None,
                directive_id=order, by=by, now_ns=now_ns,
            )  # fmt: skip
            return {"paper": paper_id}
        case "access":
            return closing_access.end_access(
                connection, site_id, by=who.person, actor=by.actor, reason=made.reason,
                now_ns=now_ns,
            )  # fmt: skip
        case _:
            return {}


# -- the API ---------------------------------------------------------------------------------


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenBody(_Body):
    """Why a facility is closed."""

    reason: str = Field(max_length=1000)
    document: str = Field(max_length=1000, description="number and day of the decision")
    confirm: str = Field(max_length=63, description="the facility's code, typed again")
    directive: str = Field(
        default="", max_length=40, description="that it carries out; empty is the facility's"
    )


class StepBody(_Body):
    """The step whose turn it is, or `close` after the last."""

    step: str = Field(max_length=20)
    said: str = Field(default="", max_length=1000, description="of a person's step: what was done")
    confirm: str = Field(default="", max_length=63, description="the facility's code, where asked")


@api.get("/facilities/{site_id}/closing", summary="How far a facility is closed")
def closing_json(who: Signed, site_id: str) -> dict[str, Any]:
    """Every closing with its steps, the newest first."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        every = closing.of_site(connection, site_id)
    return {"closings": [_json(one) for one in every]}


@api.post("/facilities/{site_id}/closing", summary="Begin to close a facility", status_code=201)
def open_json(who: Signed, site_id: str, body: OpenBody) -> dict[str, Any]:
    """Nothing ends yet; the steps follow."""
    return _json(begin(who, site_id, **body.model_dump()))


@api.post("/facilities/{site_id}/closing/steps", summary="Do a step of closing", status_code=201)
def step_json(who: Signed, site_id: str, body: StepBody) -> dict[str, Any]:
    """In order; what the program does it does now, and answers what it found."""
    return _json(advance(who, site_id, body.step, said=body.said, confirm=body.confirm))


def _json(one: Closing) -> dict[str, Any]:
    return {
        "id": one.id,
        "reason": one.reason,
        "document": one.document,
        "directive": one.directive_id,
        "opened": rfc3339(one.opened_ns),
        "opened_by": one.opened_by,
        "closed": None if one.done_ns is None else rfc3339(one.done_ns),
        "next": _next(one),
        "steps": [_step_json(step) for step in one.steps],
    }


def _next(one: Closing) -> str | None:
    if one.done_ns is not None:
        return None
    return one.next.code if one.next else closing.CLOSE


def _step_json(step: Done) -> dict[str, Any]:
    return {
        "step": step.code,
        "how": step.how,
        "said": step.said,
        "facts": dict(step.facts),
        "at": rfc3339(step.done_ns),
        "by": step.done_name or step.done_by,
    }
