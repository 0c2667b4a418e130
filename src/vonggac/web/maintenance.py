"""Planned maintenance of a camera: the API, and what the camera's page sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import maintenance
from vonggac.errors import VonggacError
from vonggac.web import cameras, dates
from vonggac.web.desk import Visitor, visitor
from vonggac.web.evidence_api import moment
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.domain.maintenance import Plan

routes = APIRouter(prefix="/api/v1")
pages = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

FAULTS: Mapping[str, str] = {
    "no_time": "Viết dạng ngày/tháng/năm giờ:phút, ví dụ 18/11/2026 14:30.",
    "in_the_past": "Bảo trì được lên kế hoạch trước; giờ bắt đầu không được ở quá khứ.",
    "too_far_ahead": "Giờ bắt đầu quá xa, nhiều nhất 366 ngày nữa.",
    "ends_before_it_begins": "Giờ kết thúc phải ở sau giờ bắt đầu và ở tương lai.",
    "lasts_too_long": "Nhiều nhất 30 ngày. Lâu hơn thì đưa camera ra khỏi sổ.",
    "required": "Ghi lý do, một câu là đủ.",
    "too_long": "Quá dài.",
    "secret_mark": "Không được kèm nội dung mang dấu MẬT.",
    "too_many": "Camera này đã có quá nhiều kế hoạch bảo trì. Hãy rút bớt.",
    "plan_over": "Lần bảo trì này đã kết thúc.",
}
"""What is said of a plan that cannot be taken, by the codes of `domain.maintenance`."""


class PlanBody(BaseModel):
    """Time in which a camera is expected to be away."""

    model_config = ConfigDict(extra="forbid")

    from_: str = Field(alias="from", max_length=40, description="RFC 3339; not in the past")
    to: str = Field(max_length=40, description="RFC 3339")
    reason: str = Field(max_length=1_000, description="stands in the ledger")


# -- API -------------------------------------------------------------------------------------


@routes.get("/cameras/{camera_id}/maintenance", summary="Planned maintenance of a camera")
def every_plan(who: Signed, camera_id: str) -> dict[str, Any]:
    """What comes, lasts, is over or was withdrawn; the latest first."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = maintenance.listed(connection, camera_id)
    return {"maintenance": [plan_json(one) for one in found]}


@routes.post("/cameras/{camera_id}/maintenance", summary="Plan maintenance", status_code=201)
async def add_plan(request: Request, camera_id: str, body: PlanBody) -> dict[str, Any]:
    """What the camera does not send then is missing for the cause `maintenance`."""

    def add() -> Plan:
        span = (moment(body.from_, "from"), moment(body.to, "to"))
        return planned(visitor(request), camera_id, span, body.reason)

    made = await run_in_threadpool(add)
    request.app.state.desk.orders.changed()
    return plan_json(made)


@routes.delete(
    "/cameras/{camera_id}/maintenance/{plan_id}", summary="Withdraw a plan", status_code=204
)
async def drop_plan(request: Request, camera_id: str, plan_id: str) -> Response:
    """It ends now; what has passed of it stays planned."""
    await run_in_threadpool(withdrawn, request, camera_id, plan_id)
    request.app.state.desk.orders.changed()
    return Response(status_code=204)


def planned(who: Visitor, camera_id: str, span: tuple[int, int], reason: str) -> Plan:
    """Plan maintenance for the visitor; for worker threads."""
    who.signed_in  # noqa: B018
    desk = who.desk
    with desk.database.writing() as connection:
        return maintenance.plan(
            connection, camera_id, span=span, reason=reason, by=who.actor, now_ns=desk.now_ns()
        )


def withdrawn(request: Request, camera_id: str, plan_id: str) -> Plan:
    """Withdraw a plan for the visitor; for worker threads."""
    who = visitor(request)
    who.signed_in  # noqa: B018
    with who.desk.database.writing() as connection:
        return maintenance.withdraw(
            connection, camera_id, plan_id, by=who.actor, now_ns=who.desk.now_ns()
        )


def plan_json(one: Plan) -> dict[str, Any]:
    """A plan as the API says it."""
    return {
        "id": one.id,
        "camera": one.camera_id,
        "from": rfc3339(one.from_ns),
        "to": rfc3339(one.to_ns),
        "reason": one.reason,
        "planned": {"by": one.planned_by, "at": rfc3339(one.planned_ns)},
        "withdrawn": None
        if one.withdrawn_ns is None
        else {"by": one.withdrawn_by, "at": rfc3339(one.withdrawn_ns)},
    }


# -- what the camera's page sends ------------------------------------------------------------


@pages.post("/cameras/{camera_id}/maintenance")
async def plan_send(request: Request, camera_id: str) -> Response:
    """Plan maintenance."""
    values = form_values(dict(await request.form()))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            span = (dates.moment_in(values, "from"), dates.moment_in(values, "to"))
            planned(who, camera_id, span, values.get("reason", ""))
        except VonggacError as error:
            return _refused(who, camera_id, values, error)
        return RedirectResponse(f"/cameras/{camera_id}#maintenance", 303)

    response = await run_in_threadpool(send)
    request.app.state.desk.orders.changed()
    return response


@pages.post("/cameras/{camera_id}/maintenance/{plan_id}/withdrawal")
async def withdraw_send(request: Request, camera_id: str, plan_id: str) -> Response:
    """Withdraw a plan."""
    values = form_values(dict(await request.form()))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            withdrawn(request, camera_id, plan_id)
        except VonggacError as error:
            return _refused(who, camera_id, {}, error)
        return RedirectResponse(f"/cameras/{camera_id}#maintenance", 303)

    response = await run_in_threadpool(send)
    request.app.state.desk.orders.changed()
    return response


def _refused(
    who: Visitor, camera_id: str, values: Mapping[str, str], error: VonggacError
) -> Response:
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        faults = {str(field): who.t(FAULTS[str(why)]) for field, why in fields.items()}
        return cameras.show(who, camera_id, plan=Form(values, faults), status=422)
    code = str(error.detail.get("code", ""))
    if code in FAULTS:
        return cameras.show(
            who, camera_id, plan=Form(values, general=who.t(FAULTS[code])), status=409
        )
    raise error
