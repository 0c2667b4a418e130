"""Reports by the clock: what is ordered, what became of each delivery; page and API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import access, legal, reports, schedules, units
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.schedules import Draft
from vonggac.errors import Kind, VonggacError
from vonggac.web import evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.schedules import Delivery, Schedule

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "no_such_kind": "Chọn một mục trong danh sách.",
    "no_clock": "Viết giờ dạng 17:00.",
    "no_mail": "Viết dạng ten@co-quan.vn, cách nhau bằng dấu phẩy.",
    "no_unit": "Không có đơn vị này trong phạm vi của bạn.",
    "too_many": "Quá nhiều.",
    "not_now": "Đã đổi từ trước. Hãy tải lại trang.",
}
"""What is said of input of this page that cannot be taken."""
RHYTHMS: Mapping[str, str] = {
    "daily": "hằng ngày",
    "weekly": "hằng tuần",
    "monthly": "hằng tháng",
}
DELIVERIES: Mapping[str, str] = {
    "waiting": "đang chờ",
    "done": "đã gửi",
    "failed": "không gửi được",
}
TROUBLES: Mapping[str, str] = {
    "no_server": "Chưa đặt máy chủ thư: người quản trị đặt [mail] host trong tệp cấu hình.",
    "password": "Máy chủ thư không nhận tài khoản, mật khẩu: người quản trị sửa [mail] user,"
    " password.",
    "no_password": "Không đọc được mật khẩu: người quản trị xem [mail] password.",
    "certificate": "Chứng thư của máy chủ thư không đúng tên hoặc không được tin cậy; thư không"
    " được gửi đi. Người quản trị xem [mail] host, ca.",
    "no_tls": "Máy chủ thư không nói TLS như đã đặt; thư không được gửi đi. Người quản trị xem"
    " [mail] security, port.",
    "unreachable": "Không liên lạc được máy chủ thư: người quản trị xem [mail] host, port.",
    "folder": "Không ghi được vào thư mục báo cáo: người quản trị xem [report] folder.",
    "recipient": "Máy chủ thư không nhận địa chỉ này: đặt lại báo cáo với địa chỉ đúng.",
    "refused": "Máy chủ thư từ chối thư.",
}
"""What went wrong and who mends it, by `Delivery.why`."""
WAYS: Mapping[str, str] = {"file": "tệp", "mail": "thư điện tử"}

Signed = Annotated[Visitor, Depends(visitor)]


class ScheduleBody(BaseModel):
    """A report to be made by the clock."""

    model_config = ConfigDict(extra="forbid")

    unit: str | None = Field(default=None, max_length=60)
    rhythm: str = Field(max_length=20, description="daily, weekly or monthly")
    at: str = Field(max_length=5, description="17:00, in the site's time")
    endings: list[str] = Field(max_length=3, description="pdf, docx, xlsx")
    mail: list[str] = Field(default_factory=list, max_length=schedules.MOST)
    folder: bool = True


# -- what page and API share -----------------------------------------------------------------


def _by(connection: Connection, who: Visitor, unit_id: str | None) -> Someone:
    thing = access.thing_of_unit(connection, unit_id) if unit_id else SYSTEM
    return evidence_api.someone(who, rights.require(connection, who, Act.REPORT_MAKE, thing))


def _order(who: Visitor, draft: Draft) -> str:
    who.signed_in  # noqa: B018 - refuses who may not look
    schedules.check(draft)
    with who.desk.database.reading() as connection:
        by = _by(connection, who, draft.unit_id)
    with who.desk.database.writing() as connection:
        return schedules.order(connection, draft, by=by, now_ns=who.desk.now_ns())


def _change(who: Visitor, schedule_id: str, draft: Draft) -> None:
    """Of a schedule that the visitor may order, as one that they may order."""
    who.signed_in  # noqa: B018
    schedules.check(draft)
    with who.desk.database.reading() as connection:
        it = schedules.find(connection, schedule_id[:40])
        _by(connection, who, it.unit_id)
        by = _by(connection, who, draft.unit_id)
    with who.desk.database.writing() as connection:
        schedules.change(connection, it.id, draft, by=by, now_ns=who.desk.now_ns())


def _end(who: Visitor, schedule_id: str) -> None:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = schedules.find(connection, schedule_id[:40])
        by = _by(connection, who, it.unit_id)
    with who.desk.database.writing() as connection:
        schedules.end(connection, it.id, by=by, now_ns=who.desk.now_ns())


def _again(who: Visitor, delivery_id: str) -> None:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        _, every = _seen(connection, who)
        if not any(one.id == delivery_id for one in every):
            raise VonggacError(Kind.NOT_FOUND, "there is no such delivery")
    with who.desk.database.writing() as connection:
        schedules.again(connection, delivery_id, now_ns=who.desk.now_ns())


def _seen(connection: Connection, who: Visitor) -> tuple[list[Schedule], list[Delivery]]:
    """Schedules of units whose reports the visitor may make, with their deliveries."""
    found = []
    for it in schedules.standing(connection):
        thing = access.thing_of_unit(connection, it.unit_id) if it.unit_id else SYSTEM
        if who.may(Act.REPORT_MAKE, thing):
            found.append(it)
    return found, schedules.deliveries(connection, [it.id for it in found])


def _unit(who: Visitor, text: str) -> str | None:
    """A unit by its id or its name; None is the whole hub.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    if not text.strip():
        return None
    today = legal.day_of(who.desk.now_ns())
    with who.desk.database.reading() as connection:
        try:
            return units.unit(connection, text.strip()[:60], today).id
        except VonggacError:
            found = units.search(connection, text, today, limit=20)
    exact = [one for one in found if units.folded(one.vi) == units.folded(text)] or found
    if len(exact) != 1:
        raise VonggacError(Kind.BAD_INPUT, "unit: none", fields={"unit": "no_unit"})
    return exact[0].id


def _faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}
    code = str(error.detail.get("code", ""))
    return {"": who.t(FAULTS[code])} if code in FAULTS else {}


# -- the page --------------------------------------------------------------------------------


@routes.get("/reports/schedules")
def schedules_page(who: Signed, edit: Annotated[str, Query(max_length=40)] = "") -> Response:
    """What is ordered, and what became of it; with the form of one that is to be changed."""
    config = who.desk.config.report
    form = Form({"at": config.cut_off, "pdf": "yes", "folder": "yes"})
    return _page(who, _written(who, edit) if edit else form)


def _written(who: Visitor, schedule_id: str) -> Form:
    """The form with a schedule as it stands.

    Raises:
        VonggacError: NOT_FOUND, there is none that the visitor may change.
    """
    who.signed_in  # noqa: B018
    today = legal.day_of(who.desk.now_ns())
    with who.desk.database.reading() as connection:
        it = next((one for one in _seen(connection, who)[0] if one.id == schedule_id), None)
        if it is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such schedule")
        unit = units.unit(connection, it.unit_id, today).vi if it.unit_id else ""
    values = {
        "schedule": it.id, "unit": unit, "rhythm": it.rhythm, "at": clock(it.minute),
        "mail": ", ".join(it.addresses), "folder": "yes" if it.folder else "",
    }  # fmt: skip
    return Form(values | dict.fromkeys(it.endings.split(","), "yes"))


def clock(minute: int) -> str:
    """17:00 of a minute of the day."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _page(who: Visitor, form: Form, *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    today = legal.day_of(who.desk.now_ns())
    with who.desk.database.reading() as connection:
        found, every = _seen(connection, who)
        names = {
            it.id: units.unit(connection, it.unit_id, today).vi if it.unit_id else reports.WHOLE
            for it in found
        }
    return who.page(
        "schedules.html",
        {
            "found": found,
            "deliveries": every,
            "names": names,
            "rhythms": RHYTHMS,
            "states": DELIVERIES,
            "ways": WAYS,
            "troubles": TROUBLES,
            "endings": schedules.ENDINGS,
            "mail_host": who.desk.config.mail.host,
            "form": form,
            "changed": next((it for it in found if it.id == form.values.get("schedule")), None),
            "clock": clock,
        },
        status=status,
        section="reports",
    )


@routes.post("/reports/schedules")
async def schedule_send(request: Request) -> Response:
    """Order one, change one, end one, or try a failed delivery again."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            match values.get("do"):
                case "end":
                    _end(who, values.get("schedule", ""))
                case "again":
                    _again(who, values.get("delivery", ""))
                case "change":
                    _change(who, values.get("schedule", ""), _draft(who, values))
                case _:
                    _order(who, _draft(who, values))
        except VonggacError as error:
            found = _faults(who, error)
            if not found:
                raise
            return _page(who, Form(values, found), status=422)
        return RedirectResponse("/reports/schedules", 303)

    return await run_in_threadpool(send)


def _draft(who: Visitor, values: Mapping[str, str]) -> Draft:
    return Draft(
        _unit(who, values.get("unit", "")), values.get("rhythm", ""), values.get("at", ""),
        tuple(one for one in schedules.ENDINGS if values.get(one) == "yes"),
        values.get("mail", ""), values.get("folder") == "yes",
    )  # fmt: skip


# -- API -------------------------------------------------------------------------------------


@api.get("/report-schedules", summary="Reports by the clock")
def every_schedule(who: Signed) -> dict[str, Any]:
    """Those that stand, and the last deliveries with what went wrong."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found, every = _seen(connection, who)
    return {
        "schedules": [
            {"id": it.id, "unit": it.unit_id, "rhythm": it.rhythm,
             "at": clock(it.minute), "endings": it.endings.split(","),
             "mail": it.addresses, "folder": it.folder, "shipped": it.is_shipped,
             "done_for": it.done_for.isoformat() if it.done_for else None,
             "made": {"by": it.made_by, "at": rfc3339(it.made_ns)}}
            for it in found
        ],
        "deliveries": [
            {"id": one.id, "schedule": one.schedule_id, "report": one.report_id, "way": one.way,
             "target": one.target, "state": one.state, "tries": one.tries,
             "why": one.why or None, "fault": one.told or None,
             "done": rfc3339(one.done_ns) if one.done_ns else None}
            for one in every
        ],
    }  # fmt: skip


@api.post("/report-schedules", summary="Order a report by the clock", status_code=201)
async def add_schedule(request: Request, body: ScheduleBody) -> dict[str, Any]:
    """Made on the rights of whoever orders it."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        return {"id": _order(who, _of_body(who, body))}

    return await run_in_threadpool(add)


@api.put("/report-schedules/{schedule_id}", summary="Order it otherwise", status_code=204)
async def put_schedule(request: Request, schedule_id: str, body: ScheduleBody) -> Response:
    """Made on the rights of whoever changed it, also the one that the software brought."""

    def put() -> None:
        who = visitor(request)
        _change(who, schedule_id, _of_body(who, body))

    await run_in_threadpool(put)
    return Response(status_code=204)


def _of_body(who: Visitor, body: ScheduleBody) -> Draft:
    return Draft(
        _unit(who, body.unit or ""), body.rhythm, body.at, tuple(body.endings),
        ",".join(body.mail), body.folder,
    )  # fmt: skip


@api.delete("/report-schedules/{schedule_id}", summary="Order it no more", status_code=204)
async def drop_schedule(request: Request, schedule_id: str) -> Response:
    """What was made stays."""
    await run_in_threadpool(lambda: _end(visitor(request), schedule_id))
    return Response(status_code=204)


@api.post("/report-deliveries/{delivery_id}/again", summary="Try a failed delivery again",
          status_code=204)  # fmt: skip
async def again_api(request: Request, delivery_id: str) -> Response:
    """From the beginning of its tries."""
    await run_in_threadpool(lambda: _again(visitor(request), delivery_id[:40]))
    return Response(status_code=204)
