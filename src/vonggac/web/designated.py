"""The designated system on pages: which it is, and what enterprises confirm of a facility."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac.domain import access, audit, designated, register_uploads, registry
from vonggac.domain import designated_sheets as sheets
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.register_sheets import refused
from vonggac.errors import Kind, VonggacError
from vonggac.web import evidence_api, plans, rights
from vonggac.web.acceptance import site_answer
from vonggac.web.desk import Visitor, visitor
from vonggac.web.register_import import workbook
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from vonggac.domain.access import Thing
    from vonggac.domain.designated import Draft, Link, System
    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

MAX_FILE = 1024 * 1024
"""Bytes of a sheet (ours): a facility's cameras are some hundred rows."""
WAITS = "links"
"""State of an upload of this page: pages of the register's import leave it alone."""
FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "secret_mark": "Không ghi nội dung mang dấu MẬT.",
    "no_day": "Viết dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "in_future": "Ngày này chưa tới.",
    "no_system": "Ngày này chưa có hệ thống nào được chỉ định.",
    "no_such_camera": "Chọn một camera trong danh sách.",
}
"""What is said of input that cannot be taken."""


# -- what pages and API share ----------------------------------------------------------------


def _someone(who: Visitor, act: Act, thing: Thing) -> Someone:
    with who.desk.database.reading() as connection:
        return evidence_api.someone(who, rights.require(connection, who, act, thing))


def tester(who: Visitor, site_id: str) -> Someone:
    """Who enters what enterprises confirm of a facility; refused if they may not."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id[:40])
    return _someone(who, Act.ACCEPTANCE_TEST, thing)


def designate(
    who: Visitor, name: str, operator: str, document: str, from_day: date | None
) -> System:
    """Say which system is designated from a day on."""
    who.signed_in  # noqa: B018
    by = _someone(who, Act.SETTINGS_EDIT, SYSTEM)
    with who.desk.database.writing() as connection:
        return designated.designate(
            connection, name, operator, document, from_day, by=by, now_ns=who.desk.now_ns()
        )


def confirm(who: Visitor, camera_id: str, draft: Draft) -> Link:
    """Enter what an enterprise says of a camera."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        thing = access.thing_of_camera(connection, camera_id[:40])
    by = _someone(who, Act.ACCEPTANCE_TEST, thing)
    with who.desk.database.writing() as connection:
        return designated.confirm(
            connection, camera_id[:40], draft, by=by, today=plans.today(who),
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


def sheet(who: Visitor, site_id: str) -> Response:
    """The sheet of a facility; taking it is a row of the access log."""
    tester(who, site_id)
    with who.desk.database.reading() as connection:
        content = sheets.template(connection, site_id[:40])
    with who.desk.database.writing() as connection:
        audit.record(
            connection, who.actor, audit.Act.SHEET_TAKEN, now_ns=who.desk.now_ns(),
            site=site_id[:40], detail={"what": "designated", "bytes": len(content)},
        )  # fmt: skip
    return workbook(content, "ket-noi.xlsx")


def planned(who: Visitor, site_id: str, content: bytes, *, enter: bool) -> sheets.Plan:
    """What a sheet does, or would do; all rows or none.

    Raises:
        VonggacError: BAD_INPUT, it is no such workbook; `fault` is one of `FILE_FAULTS`.
    """
    by, today = tester(who, site_id), plans.today(who)
    if len(content) > MAX_FILE:
        raise refused("too_large")
    if not enter:
        with who.desk.database.reading() as connection:
            return sheets.plan(connection, site_id[:40], content, today)
    with who.desk.database.writing() as connection:
        made = sheets.plan(connection, site_id[:40], content, today)
        if not made.faults:
            sheets.enter(connection, made, by=by, today=today, now_ns=who.desk.now_ns())
        return made


def _said(who: Visitor, error: VonggacError) -> Form | None:
    """What is wrong, in the visitor's language; None for what has no words."""
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return Form({}, {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()})
    code = str(error.detail.get("code", ""))
    return Form({}, {}, who.t(FAULTS[code])) if code in FAULTS else None


# -- the system ------------------------------------------------------------------------------


@routes.get("/designated")
def designated_page(who: Signed) -> Response:
    """Which system is designated, who operates it, and which came before."""
    return _page(who, Form())


def _page(who: Visitor, form: Form, *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        now = designated.on(connection, plans.today(who))
        every = designated.systems(connection)
    return who.page(
        "designated.html",
        {"now": now, "every": every, "may_edit": who.may(Act.SETTINGS_EDIT, SYSTEM), "form": form},
        status=status,
        section="acceptance",
    )


@routes.post("/designated")
async def designated_send(request: Request) -> Response:
    """Enter the system that counts from a day on."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            designate(
                who, values.get("name", ""), values.get("operator", ""),
                values.get("document", ""), plans.day_in(values, "from_day"),
            )  # fmt: skip
        except VonggacError as error:
            wrong = _said(who, error)
            if wrong is None:
                raise
            return _page(who, Form(values, wrong.faults, wrong.general), status=422)
        return RedirectResponse("/designated", 303)

    return await run_in_threadpool(send)


# -- a facility ------------------------------------------------------------------------------


@routes.post("/acceptance/sites/{site_id}/designated")
async def confirm_send(request: Request, site_id: str) -> Response:
    """Enter what an enterprise confirms of one camera."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        tester(who, site_id)
        try:
            confirm(who, _camera_in(who, site_id, values), _draft(values))
        except VonggacError as error:
            wrong = _said(who, error)
            if wrong is None:
                raise
            form = Form(values, wrong.faults, wrong.general)
            return site_answer(who, site_id, form, status=422)
        return RedirectResponse(f"/acceptance/sites/{site_id[:40]}#designated", 303)

    return await run_in_threadpool(send)


def _camera_in(who: Visitor, site_id: str, values: Mapping[str, str]) -> str:
    with who.desk.database.reading() as connection:
        known = {one.id for one in registry.cameras(connection, site_id)}
    if values.get("camera", "") not in known:
        raise VonggacError(Kind.BAD_INPUT, "camera", fields={"camera": "no_such_camera"})
    return values["camera"]


def _draft(values: Mapping[str, str]) -> Draft:
    return designated.Draft(
        values.get("enterprise", ""), plans.day_in(values, "linked_day"),
        values.get("ident", ""), values.get("method", ""), values.get("linked") != "no",
    )  # fmt: skip


@routes.get("/acceptance/sites/{site_id}/designated.xlsx")
def sheet_file(who: Signed, site_id: str) -> Response:
    """The sheet of a facility, with what was said of each camera last."""
    return sheet(who, site_id)


@routes.post("/acceptance/sites/{site_id}/designated/import")
async def sheet_send(request: Request, site_id: str) -> Response:
    """Take a sheet and show what it would change."""
    async with request.form(max_files=1, max_fields=5) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(MAX_FILE + 1), file.filename or ""

    def take() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            planned(who, site_id, content, enter=False)
        except VonggacError as error:
            fault = str(error.detail.get("fault"))
            if fault not in sheets.FILE_FAULTS:
                raise
            wrong = Form(values, {"file": who.t(sheets.FILE_FAULTS[fault])})
            return site_answer(who, site_id, wrong, status=422)
        account, now_ns = who.signed_in.account, who.desk.now_ns()
        with who.desk.database.writing() as connection:
            kept = register_uploads.keep(connection, account.id, name, content, now_ns=now_ns)
            register_uploads.move(
                connection, kept, WAITS, now_ns=now_ns, progress={"site": site_id}
            )
        return RedirectResponse(f"/acceptance/sites/{site_id}/designated/{kept}", 303)

    return await run_in_threadpool(take)


def _upload(who: Visitor, site_id: str, upload_id: str) -> tuple[register_uploads.Upload, bytes]:
    """A sheet of this facility that this account sent and nobody entered yet."""
    with who.desk.database.reading() as connection:
        it = register_uploads.upload(connection, upload_id[:40], who.signed_in.account.id)
        if it.state != WAITS or it.progress.get("site") != site_id:
            raise VonggacError(Kind.NOT_FOUND, "there is no such sheet, or it was entered")
        return it, register_uploads.content(connection, it.id)


@routes.get("/acceptance/sites/{site_id}/designated/{upload_id}")
def upload_page(who: Signed, site_id: str, upload_id: str) -> Response:
    """What a sheet would change, and what is wrong with it."""
    return _preview(who, site_id, upload_id)


def _preview(who: Visitor, site_id: str, upload_id: str, *, status: int = 200) -> Response:
    it, content = _upload(who, site_id, upload_id)
    found = planned(who, site_id, content, enter=False)
    with who.desk.database.reading() as connection:
        site = registry.site(connection, site_id)
    return who.page(
        "designated_import.html",
        {
            "site": site,
            "it": it,
            "found": found,
            "faults": [
                (one, who.t(sheets.FAULTS[one.code], **one.values)) for one in found.faults[:200]
            ],
        },
        status=status,
        section="acceptance",
    )


@routes.post("/acceptance/sites/{site_id}/designated/{upload_id}")
async def upload_enter(request: Request, site_id: str, upload_id: str) -> Response:
    """Enter a sheet without faults: all of its rows, or none."""
    values = form_values(dict(await request.form(max_files=0, max_fields=5)))

    def enter() -> Response:
        who = visitor(request)
        who.check_form(values)
        it, content = _upload(who, site_id, upload_id)
        if planned(who, site_id, content, enter=True).faults:
            return _preview(who, site_id, upload_id, status=422)
        with who.desk.database.writing() as connection:
            register_uploads.move(connection, it.id, "entered", now_ns=who.desk.now_ns())
        return RedirectResponse(f"/acceptance/sites/{site_id}#designated", 303)

    return await run_in_threadpool(enter)
