"""Page "Văn bản, mẫu": a sample of each kind of letter, and the template that all are set in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.clock import rfc3339
from vonggac.domain import legal, letters
from vonggac.domain.access import SYSTEM, Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.domain.exports import Someone
    from vonggac.paper.letter import Letter
    from vonggac.paper.word import TemplateFault

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

FAULTS: Mapping[str, str] = {
    "too_long": "Mẫu quá lớn, nhiều nhất 2 MB.",
    "no_docx": "Đây không phải tệp .docx.",
    "macros": "Mẫu có macro.",
    "outside": "Mẫu lấy nội dung từ nơi khác (liên kết ngoài).",
    "no_marker": "Mẫu phải có đúng một đoạn đánh dấu chỗ của văn bản.",
    "no_style": "Thiếu kiểu chữ {name}.",
    "font": "Kiểu {name} không phải Times New Roman.",
    "size": "Cỡ chữ của kiểu {name} phải từ {low} đến {high}.",
    "paper": "Khổ giấy phải là A4 đứng.",
    "margin": "Lề {name} phải từ {low} đến {high} mm.",
}
"""Why a template is refused, by the codes of `paper.word`."""
MARGINS: Mapping[str, str] = {"top": "trên", "bottom": "dưới", "left": "trái", "right": "phải"}

Signed = Annotated[Visitor, Depends(visitor)]


@routes.get("/letters")
def letters_page(who: Signed) -> Response:
    """Every kind with its sample, and the template in use."""
    return _page(who, ())


def _page(who: Visitor, wrong: Sequence[str], *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        template = letters.template(connection)
    return who.page(
        "letters.html",
        {
            "kinds": letters.kinds(),
            "names": letters.kind_words(),
            "template": template,
            "wrong": wrong,
            "may_change": who.may(Act.SETTINGS_EDIT, SYSTEM),
        },
        status=status,
        section="letters",
    )


@routes.get("/letters/{kind}/sample.docx")
def sample_word(who: Signed, kind: str) -> Response:
    """A sample in the template in use."""
    from vonggac.paper import word

    made = _sample(who, kind)
    with who.desk.database.reading() as connection:
        template = letters.template_content(connection)
    return _download(word.document(made, template), word.MEDIA_TYPE, f"{made.kind.code}.docx")


@routes.get("/letters/{kind}/sample.pdf")
def sample_paper(who: Signed, kind: str) -> Response:
    """A sample as PDF, always in the shipped layout."""
    made = _sample(who, kind)
    return _download(paper.official(made), "application/pdf", f"{made.kind.code}.pdf")


def _sample(who: Visitor, kind: str) -> Letter:
    who.signed_in  # noqa: B018
    return letters.sample(kind[:40], legal.day_of(who.desk.now_ns()))


@routes.get("/letters/template.docx")
def template_file(who: Signed) -> Response:
    """The template in use, to be changed and sent back."""
    # python-docx costs a start of the program more than all else; few requests need it.
    from vonggac.paper import word

    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        content = letters.template_content(connection)
    return _download(content or word.template(), word.MEDIA_TYPE, "mau-van-ban.docx")


@routes.post("/letters/template")
async def template_send(request: Request) -> Response:
    """Put a template into use, or the shipped one again."""
    from vonggac.paper import word

    async with request.form(max_files=1, max_fields=10) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(word.MOST_BYTES + 1), file.filename or ""

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            _change(who, None if values.get("do") == "shipped" else content, name)
        except VonggacError as error:
            found = error.detail.get("template")
            if not isinstance(found, tuple):
                raise
            return _page(who, [_said(who, one) for one in found], status=422)
        return RedirectResponse("/letters", 303)

    return await run_in_threadpool(send)


def _change(who: Visitor, content: bytes | None, name: str) -> None:
    by = _by(who)
    with who.desk.database.writing() as connection:
        letters.change_template(
            connection, content, file_name=legal.plain(name), by=by, now_ns=who.desk.now_ns()
        )


def _by(who: Visitor) -> Someone:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        verdict = rights.require(connection, who, Act.SETTINGS_EDIT, SYSTEM)
    return evidence_api.someone(who, verdict)


def _said(who: Visitor, fault: TemplateFault) -> str:
    name = who.t(MARGINS[fault.name]) if fault.code == "margin" else fault.name
    return who.t(FAULTS[fault.code], name=name, low=f"{fault.low:g}", high=f"{fault.high:g}")


def _download(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# -- API -------------------------------------------------------------------------------------


@api.get("/letters", summary="Kinds of letters, and the template in use")
def every_kind(who: Signed) -> dict[str, Any]:
    """The template is null while the shipped one is in use."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        template = letters.template(connection)
    return {
        "kinds": [
            {"code": code, "symbol": kind.symbol, "name": {"vi": words.vi, "en": words.en}}
            for (code, kind), words in zip(
                letters.kinds().items(), letters.kind_words().values(), strict=True
            )
        ],
        "template": None
        if template is None
        else {
            "file": template.file_name,
            "size": template.size,
            "sha256": template.sha256,
            "uploaded": {"by": template.uploaded_by, "at": rfc3339(template.uploaded_ns)},
        },
    }


@api.put("/letters/template", summary="Put a template of letters into use", status_code=204)
async def put_template(request: Request) -> Response:
    """The body is the .docx; the answer to a bad one says everything that is wrong with it."""
    from vonggac.paper import word

    content = b""
    async for part in request.stream():
        content += part
        if len(content) > word.MOST_BYTES:
            break

    def put() -> None:
        try:
            _change(visitor(request), content, "api")
        except VonggacError as error:
            found = error.detail.get("template")
            if not isinstance(found, tuple):
                raise
            raise VonggacError(
                Kind.BAD_INPUT, error.message, faults=[one._asdict() for one in found]
            ) from error

    await run_in_threadpool(put)
    return Response(status_code=204)


@api.delete("/letters/template", summary="Use the shipped template again", status_code=204)
async def drop_template(request: Request) -> Response:
    """Harmless when it is in use already."""
    await run_in_threadpool(lambda: _change(visitor(request), None, ""))
    return Response(status_code=204)
