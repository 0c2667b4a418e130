"""Page "Căn cứ pháp lý": what the product cites of the law, and the texts that were attached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import legal
from vonggac.domain.access import SYSTEM, Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.notices import faults
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

READ: Mapping[str, str] = {
    "original": "đã đọc bản gốc",
    "second_hand": "đọc qua nguồn khác",
    "common": "biết chung, chưa đọc ở đâu",
}
"""How the product's makers know a basis."""

Signed = Annotated[Visitor, Depends(visitor)]


@routes.get("/legal")
def legal_page(who: Signed) -> Response:
    """Every legal basis that is cited, with its mark and its texts."""
    return _page(who, Form())


def _page(who: Visitor, form: Form, *, basis: str = "", status: int = 200) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        texts = legal.texts(connection)
        unchecked = legal.unchecked(connection)
    today = legal.day_of(who.desk.now_ns())
    return who.page(
        "legal.html",
        {
            "bases": list(legal.bases().values()),
            "by_code": legal.bases(),
            "texts": {code: [one for one in texts if one.basis == code] for code in legal.bases()},
            "unchecked": unchecked,
            "today": today,
            "read": READ,
            "form": form,
            "wrong": basis,
            "may_attach": who.may(Act.SETTINGS_EDIT, SYSTEM),
        },
        status=status,
        section="legal",
    )


@routes.post("/legal/texts")
async def attach(request: Request) -> Response:
    """Attach a text: PDF or plain text."""
    async with request.form(max_files=1, max_fields=10) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(legal.MAX_FILE + 1), file.filename or ""
    return await run_in_threadpool(_attach, request, values, name, content)


def _attach(request: Request, values: dict[str, str], name: str, content: bytes) -> Response:
    who = visitor(request)
    who.check_form(values)
    by, basis = _by(who), values.get("basis", "")[:60]
    try:
        with who.desk.database.writing() as connection:
            legal.attach(
                connection, basis, file_name=name, content=content, note=values.get("note", ""),
                by=by, now_ns=who.desk.now_ns(),
            )  # fmt: skip
    except VonggacError as error:
        found = faults(who, error)
        if not found:
            raise
        return _page(who, Form(values, found), basis=basis, status=422)
    return RedirectResponse(f"/legal#{basis}", 303)


@routes.get("/legal/texts/{text_id}")
def text_file(who: Signed, text_id: str) -> Response:
    """An attached text as it was sent; it is downloaded, never opened inside our pages."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = legal.text(connection, text_id[:40])
        content = legal.content(connection, found.id)
    ending = "pdf" if found.media_type == "application/pdf" else "txt"
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{found.basis}-{found.id[:6]}.{ending}"'
        },
    )


@routes.post("/legal/texts/{text_id}")
async def remove(request: Request, text_id: str) -> Response:
    """Say that a text was the wrong one: the mark comes back."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def take_away() -> Response:
        who = visitor(request)
        who.check_form(values)
        by = _by(who)
        try:
            with who.desk.database.writing() as connection:
                found = legal.remove(
                    connection, text_id[:40], reason=values.get("reason", ""), by=by,
                    now_ns=who.desk.now_ns(),
                )  # fmt: skip
        except VonggacError as error:
            if not faults(who, error):
                raise
            raise VonggacError(Kind.BAD_INPUT, "reason: say why") from error
        return RedirectResponse(f"/legal#{found.basis}", 303)

    return await run_in_threadpool(take_away)


def _by(who: Visitor) -> Someone:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        verdict = rights.require(connection, who, Act.SETTINGS_EDIT, SYSTEM)
    return evidence_api.someone(who, verdict)


@api.get("/legal", summary="What the product cites of the law")
def every_basis(who: Signed) -> dict[str, Any]:
    """Each basis with how it was read, and the texts that stand."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        texts = [one for one in legal.texts(connection) if one.stands]
        unchecked = legal.unchecked(connection)
    return {
        "bases": [
            {
                "code": one.code,
                "number": one.number,
                "title": {"vi": one.title.vi, "en": one.title.en},
                "from": one.from_day.isoformat() if one.from_day else None,
                "to": one.to_day.isoformat() if one.to_day else None,
                "read": one.read,
                "compared": one.code not in unchecked,
                "texts": [
                    {
                        "id": text.id,
                        "file": text.file_name,
                        "size": text.size,
                        "sha256": text.sha256,
                        "attached": {"by": text.attached_by, "at": rfc3339(text.attached_ns)},
                    }
                    for text in texts
                    if text.basis == one.code
                ],
            }
            for one in legal.bases().values()
        ]
    }
