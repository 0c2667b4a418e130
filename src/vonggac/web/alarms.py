"""Alarms of joining, on a page and in the API: what was seen, what to do next, who took it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import access, alarms, registry
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.alarms import Alarm
from vonggac.errors import VonggacError
from vonggac.web import evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

KINDS: Mapping[str, str] = {
    Alarm.CLONE: "Hai máy dùng chung một khóa",
    Alarm.IMPOSTOR: "Máy chủ mang tên của cơ sở khác",
    Alarm.FORGED: "Tin không đúng chữ ký của cơ sở",
    Alarm.SILENT: "Im lặng quá lâu, bản ghi sắp mất hoặc đã mất",
}
"""What was seen, as people read it."""
NEXT: Mapping[str, str] = {
    Alarm.CLONE: "Hỏi cơ sở máy nào là thật. Ngắt thiết bị ghi rồi cấp mã mới cho máy thật: "
    "khóa cũ hết dùng được.",
    Alarm.IMPOSTOR: "Ngắt thiết bị ghi của cơ sở này và cho người tới xem máy. Tin của cơ sở "
    "khác không bị đổi, vì mỗi tin phải đúng chữ ký.",
    Alarm.FORGED: "Tin này không được nhận vào sổ. Xem nhật ký truy cập; nếu lặp lại thì ngắt "
    "thiết bị ghi và cho người tới xem máy.",
    Alarm.SILENT: "Gọi cơ sở: kiểm tra điện, đường truyền, thiết bị ghi. Lấy bản ghi tại chỗ "
    "trước khi hạn lưu xóa.",
}
"""What to do next about each."""
FAULTS: Mapping[str, str] = {
    "required": "Ghi việc đã làm hoặc sẽ làm.",
    "too_long": "Quá dài: nhiều nhất 500 chữ.",
    "alarm_taken": "Người khác vừa nhận cảnh báo này.",
}
"""What is said of input that cannot be taken."""


class TakenBody(BaseModel):
    """What is done about it."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(min_length=1, max_length=alarms.MAX_NOTE)


# -- what pages and API share ----------------------------------------------------------------


def sites_of(connection: Connection, who: Visitor) -> list[str]:
    """Sites whose alarms the visitor may see; those of nobody are the hub's own."""
    who.signed_in  # noqa: B018 - refuses who may not look
    found = access.sites_for(connection, who.person, Act.SITE_ENROL, who.desk.now_ns())
    return [*found, *([""] if who.may(Act.SITE_ENROL, SYSTEM) else [])]


def taken(who: Visitor, alarm_id: str, note: str) -> alarms.Raised:
    """Take an alarm on for the visitor; for worker threads."""
    who.signed_in  # noqa: B018 - refuses who may not do anything
    desk = who.desk
    with desk.database.reading() as connection:
        found = alarms.find(connection, alarm_id)
        thing = access.thing_of_site(connection, found.site_id) if found.site_id else SYSTEM
        by = evidence_api.someone(who, rights.require(connection, who, Act.SITE_ENROL, thing))
    with desk.database.writing() as connection:
        return alarms.take(connection, alarm_id, note=note, by=by, now_ns=desk.now_ns())


# -- the page --------------------------------------------------------------------------------


@routes.get("/alarms")
def alarms_page(who: Signed) -> Response:
    """Open ones first, each with what to do next."""
    return _page(who)


def _page(who: Visitor, form: Form | None = None, *, at: str = "", status: int = 200) -> Response:
    with who.desk.database.reading() as connection:
        found = alarms.listed(connection, sites_of(connection, who))
        titles = registry.titles(connection)
    return who.page(
        "alarms.html",
        {
            "open": [one for one in found if one.is_open],
            "taken": [one for one in found if not one.is_open],
            "titles": titles,
            "kinds": KINDS,
            "next": NEXT,
            "form": form or Form({}),
            "at": at,
            "most": alarms.MAX_NOTE,
        },
        status=status,
        section="alarms",
    )


@routes.post("/alarms/{alarm_id}")
async def taken_send(request: Request, alarm_id: str) -> Response:
    """Take one on."""
    values = form_values(dict(await request.form()))

    def take() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            taken(who, alarm_id, values.get("note", ""))
        except VonggacError as error:
            fields = error.detail.get("fields")
            code = str(fields["note"] if isinstance(fields, dict) else error.detail.get("code"))
            if code not in FAULTS:
                raise
            said = {"note": who.t(FAULTS[code])} if isinstance(fields, dict) else {}
            form = Form(values, said, "" if said else who.t(FAULTS[code]))
            return _page(who, form, at=alarm_id, status=422)
        return RedirectResponse("/alarms", 303)

    return await run_in_threadpool(take)


# -- the API ---------------------------------------------------------------------------------


@api.get("/alarms", summary="Alarms of joining")
def every_alarm(who: Signed) -> dict[str, Any]:
    """Those of the sites where the visitor lets boxes in; open ones first."""
    with who.desk.database.reading() as connection:
        sites = sites_of(connection, who)
        found = alarms.listed(connection, sites)
        count = alarms.count_open(connection, sites)
    return {"open": count, "alarms": [alarm_json(one) for one in found]}


@api.post("/alarms/{alarm_id}/taken", summary="Take an alarm on")
def take_alarm(who: Signed, alarm_id: str, body: TakenBody) -> dict[str, Any]:
    """By a named person, who says what is done; the same thing again is a new alarm."""
    return alarm_json(taken(who, alarm_id, body.note))


def alarm_json(one: alarms.Raised) -> dict[str, Any]:
    """An alarm as the API says it."""
    return {
        "id": one.id,
        "kind": one.kind,
        "site": one.site_id or None,
        "first": rfc3339(one.first_ns),
        "last": rfc3339(one.last_ns),
        "times": one.times,
        "evidence": one.evidence,
        "taken": None
        if one.taken_ns is None
        else {"by": one.taken_name, "at": rfc3339(one.taken_ns), "note": one.note},
    }
