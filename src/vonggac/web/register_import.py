"""The register by workbook: template, export, and an import with a preview before anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac import log
from vonggac.clock import NS
from vonggac.domain import access, audit, register_book, register_uploads
from vonggac.domain import register_import as entering
from vonggac.domain import register_sheets as sheets
from vonggac.domain.access import Act
from vonggac.domain.register_book import XLSX
from vonggac.errors import Kind, VonggacError
from vonggac.web import words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.register import refused_place
from vonggac.web.render import form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection
    from vonggac.domain.register_import import Plan

_log = log.get("web.register")

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

STALE_NS = 300 * NS
"""A workbook that is being read and has not moved for so long was left by a program that ended."""


@routes.get("/facilities/template.xlsx")
def template(who: Signed) -> Response:
    """The workbook to fill in."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        content = register_book.template(connection, who.desk.placement)
    return workbook(content, "danh-muc-mau.xlsx")


@routes.get("/facilities/export.xlsx")
def export(who: Signed) -> Response:
    """The facilities whose details the visitor may see, as a workbook of the template."""
    return workbook(exported(who), "danh-muc.xlsx")


def exported(who: Visitor) -> bytes:
    """The register as a workbook; taking it is a row of the access log."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        shown = access.sites_for(connection, who.person, Act.FACILITY_DETAILS, now_ns)
        content = register_book.export(connection, shown, who.desk.placement)
    with who.desk.database.writing() as connection:
        audit.record(
            connection, who.actor, audit.Act.SHEET_TAKEN, now_ns=now_ns,
            detail={"facilities": len(shown), "bytes": len(content)},
        )  # fmt: skip
    return content


def workbook(content: bytes, name: str) -> Response:
    """A workbook as it is downloaded."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=XLSX, headers=headers)


# -- import ----------------------------------------------------------------------------------


@routes.get("/facilities/import")
def import_page(who: Signed) -> Response:
    """Where a workbook is sent."""
    return _page(who, None)


@routes.post("/facilities/import")
async def import_send(request: Request) -> Response:
    """Take a workbook, and read it after the answer: the next page says how far it is."""
    async with request.form(max_files=1, max_fields=5) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(sheets.MAX_FILE + 1), file.filename or ""

    def take() -> Response:
        who = visitor(request)
        who.check_form(values)
        if not content:
            return _page(who, None, error=who.t(sheets.FILE_FAULTS["no_file"]), status=422)
        account = who.signed_in.account
        with who.desk.database.writing() as connection:
            found = register_uploads.keep(
                connection, account.id, name, content, now_ns=who.desk.now_ns()
            )
        work = BackgroundTask(_work, who, found, enter=False)
        return RedirectResponse(f"/facilities/import/{found}", 303, background=work)

    return await run_in_threadpool(take)


@routes.get("/facilities/import/{upload_id}")
def upload_page(who: Signed, upload_id: str) -> Response:
    """How far a workbook is, what it would change, what is wrong with it."""
    return _page(who, upload_id)


@routes.post("/facilities/import/{upload_id}")
async def upload_enter(request: Request, upload_id: str) -> Response:
    """Enter a workbook that was read without a fault."""
    values = form_values(dict(await request.form(max_files=0, max_fields=5)))

    def enter() -> Response:
        who = visitor(request)
        who.check_form(values)
        now_ns = who.desk.now_ns()
        with who.desk.database.writing() as connection:
            found = register_uploads.upload(connection, upload_id, who.signed_in.account.id)
            if found.state != "read" or (found.found or {}).get("fault_count"):
                raise VonggacError(Kind.CONFLICT, "it was not read, has faults, or was entered")
            register_uploads.move(connection, upload_id, "entering", now_ns=now_ns)
        work = BackgroundTask(_work, who, upload_id, enter=True)
        return RedirectResponse(f"/facilities/import/{upload_id}", 303, background=work)

    return await run_in_threadpool(enter)


def _work(who: Visitor, upload_id: str, *, enter: bool) -> None:
    """Read a workbook and compare it; enter it when that was asked for. Never raises."""
    desk = who.desk

    def told(rows: int) -> None:
        with desk.database.writing() as connection:
            state = "entering" if enter else "reading"
            register_uploads.move(
                connection, upload_id, state, now_ns=desk.now_ns(), progress={"rows": rows}
            )

    try:
        with desk.database.reading() as connection:
            content = register_uploads.content(connection, upload_id)
        found = register_uploads.summary(entered(who, content, enter=enter, told=told))
        done = enter and not found["fault_count"]
        state = "entered" if done else "read"
    except VonggacError as error:
        found, state = {"fault": str(error.detail.get("fault", "unreadable"))}, "failed"
    except Exception as error:  # noqa: BLE001 - the page would say "reading" for ever
        _log.error("request.failed", path="/facilities/import", error=repr(error))
        found, state = {"fault": "unreadable"}, "failed"
    with desk.database.writing() as connection:
        register_uploads.move(connection, upload_id, state, now_ns=desk.now_ns(), found=found)


def entered(who: Visitor, content: bytes, *, enter: bool, told: Any = None) -> Plan:
    """What a workbook does, or would do, by the visitor's rights.

    Raises:
        VonggacError: BAD_INPUT, it is no workbook of the register.
    """
    desk, account = who.desk, who.signed_in.account
    book = sheets.read(content, seen=told) if told else sheets.read(content)
    if not enter:
        with desk.database.reading() as connection:
            return _plan(connection, who, book)
    with desk.database.writing() as connection:
        made = _plan(connection, who, book)
        if not made.faults:
            entering.enter(
                connection, made, placement=desk.placement, by=account.name, now_ns=desk.now_ns()
            )
            audit.record(
                connection, who.actor, audit.Act.SHEET_ENTERED, now_ns=desk.now_ns(),
                detail={"rows": made.rows, "new": made.new, "changed": made.changed},
            )  # fmt: skip
    return made


def _plan(connection: Connection, who: Visitor, book: sheets.Book) -> Plan:
    return entering.plan(
        connection, book, gate=who.may, placement=who.desk.placement, own_site=who.desk.sites.own_id
    )


def _page(who: Visitor, upload_id: str | None, *, error: str = "", status: int = 200) -> Response:
    account, now_ns = who.signed_in.account, who.desk.now_ns()
    found = None
    if upload_id is not None:
        with who.desk.database.reading() as connection:
            found = register_uploads.upload(connection, upload_id[:40], account.id)
        if found.state == "failed":
            error = who.t(sheets.FILE_FAULTS[(found.found or {}).get("fault", "unreadable")])
    busy = found is not None and found.state in ("reading", "entering")
    said = (found.found if found else None) or {}
    return who.page(
        "facility_import.html",
        {
            "it": found,
            "busy": busy and now_ns - found.touched_ns < STALE_NS if found else False,
            "left": busy and now_ns - found.touched_ns >= STALE_NS if found else False,
            "faults": [
                (*one[:3], _sentence(who, one[3], one[4])) for one in said.get("faults", ())
            ],
            "error": error,
            "day": words.day_of(now_ns),
        },
        section="facilities",
        status=status,
    )


def _sentence(who: Visitor, code: str, values: Mapping[str, Any]) -> str:
    """A fault in the visitor's language; what refuses a place is kept in Vietnamese."""
    forbidden = who.desk.placement.forbidden
    place = next((one for one in forbidden if one.refusal.vi == values.get("refusal")), None)
    return refused_place(who, place) if place else who.t(sheets.FAULTS[code], **values)
