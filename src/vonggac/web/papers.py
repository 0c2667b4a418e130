"""Papers: the register of drafts and issued documents, one of them, to whom it goes; pages, API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.clock import rfc3339
from vonggac.domain import access, directives, legal, letters, papers, registry
from vonggac.domain.access import Act
from vonggac.domain.papers import Recipient
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.papers import Paper

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "secret_mark": "Không đính kèm văn bản có dấu MẬT.",
    "no_day": "Viết dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "in_future": "Ngày này chưa đến.",
    "too_early": "Sớm hơn bước trước đó.",
    "number_taken": "Số này đã dùng trong năm. Kiểm tra sổ văn bản đi.",
    "no_file": "Chọn một tệp.",
    "file_too_long": "Tệp quá lớn, nhiều nhất 20 MB.",
    "not_pdf": "Chỉ nhận bản ký dạng PDF.",
    "not_now": "Văn bản không còn ở trạng thái đó. Hãy tải lại trang.",
}
"""What is said of input of these pages that cannot be taken."""
STATES: Mapping[str, str] = {
    "draft": "dự thảo",
    "issued": "đã ban hành",
    "withdrawn": "đã rút",
}
SOURCES: Mapping[str, str] = {
    "survey": "phiếu khảo sát",
    "campaign": "đợt khảo sát",
    "inspection": "cuộc kiểm tra",
    "finding": "tồn tại sau kiểm tra",
    "proposal": "đề xuất xử lý",
    "estimate": "dự toán",
    "plan": "phương án kết nối",
    "task": "công việc",
    "acceptance": "nghiệm thu",
    "report": "báo cáo",
    "duty": "việc phải gửi lại",
    "directive": "văn bản chỉ đạo",
    "incident": "hồ sơ sự cố",
    "closing": "đóng cơ sở",
    "site": "cơ sở",
}
"""What a paper was drafted from."""
HREFS: Mapping[str, str] = {
    "estimate": "/estimates/{}",
    "plan": "/plans/{}",
    "report": "/reports/{}",
    "task": "/tasks/{}",
    "directive": "/directives/{}",
    "duty": "/owed",
    "inspection": "/inspections/{}",
    "finding": "/findings/{}",
    "proposal": "/sanctions/{}",
    "survey": "/surveys/{}",
    "campaign": "/campaigns/{}",
    "site": "/facilities/{}",
}
"""Where what it was drafted from is shown."""

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = "application/pdf"

Signed = Annotated[Visitor, Depends(visitor)]
Wanted = Annotated[str, Query(max_length=200)]
Day = Annotated[str | None, Field(default=None, max_length=10, description="2026-11-22")]


class NoteBody(BaseModel):
    """Words of a person."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(default="", max_length=papers.MAX_LINE)


class NameBody(BaseModel):
    """One more recipient."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=papers.MAX_LINE)


class MarkBody(BaseModel):
    """What became of a paper at a recipient; null days are taken back."""

    model_config = ConfigDict(extra="forbid")

    sent: Day
    way: str = Field(default="", max_length=papers.MAX_LINE)
    delivered: Day
    answered: Day
    answer: str = Field(default="", max_length=papers.MAX_LINE)


# -- what pages and API share ----------------------------------------------------------------


def _found(connection: Connection, who: Visitor, paper_id: str) -> Paper:
    """A paper that the visitor may see; another one is not there."""
    found = papers.find(connection, paper_id[:40])
    thing = papers.thing_of(connection, found)
    if not access.may(who.person, Act.PAPER_SEE, thing, now_ns=who.desk.now_ns()):
        raise VonggacError(Kind.NOT_FOUND, "there is no such paper")
    return found


def _by(connection: Connection, who: Visitor, act: Act, found: Paper) -> Someone:
    thing = papers.thing_of(connection, found)
    return evidence_api.someone(who, rights.require(connection, who, act, thing))


def _do(
    who: Visitor, paper_id: str, act: Act, change: Callable[[Connection, str, Someone], object]
) -> None:
    """Ask for the right, then change a paper in a transaction of its own."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        found = _found(connection, who, paper_id)
        by = _by(connection, who, act, found)
    with who.desk.database.writing() as connection:
        change(connection, found.id, by)


def faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    """What is said of input that cannot be taken, by field; empty when it is no such thing."""
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}
    code = str(error.detail.get("code", ""))
    return {"": who.t(FAULTS[code])} if code in FAULTS else {}


def day(text: str, field: str) -> date | None:
    """A day of a form or of the API; None when there is none.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    if not text.strip():
        return None
    try:
        return dates.read_day(text)
    except (ValueError, OverflowError) as error:
        raise VonggacError(Kind.BAD_INPUT, f"{field}: no day", fields={field: "no_day"}) from error


def _issue(who: Visitor, paper_id: str, number: str, dated: str, name: str, content: bytes) -> None:
    on = day(dated, "dated")
    _do(
        who, paper_id, Act.PAPER_ISSUE,
        lambda connection, found, by: papers.issue(
            connection, found, number=number[:100], dated=on, file_name=legal.plain(name),
            content=content, by=by, now_ns=who.desk.now_ns(),
        ),
    )  # fmt: skip


def _agree(who: Visitor, paper_id: str, note: str) -> None:
    now_ns = who.desk.now_ns()
    _do(
        who, paper_id, Act.PAPER_AGREE,
        lambda connection, found, by: papers.agree(connection, found, note, by=by, now_ns=now_ns),
    )  # fmt: skip


def _withdraw(who: Visitor, paper_id: str, why: str) -> None:
    now_ns = who.desk.now_ns()
    _do(
        who, paper_id, Act.PAPER_ISSUE,
        lambda connection, found, by: papers.withdraw(connection, found, why, by=by, now_ns=now_ns),
    )  # fmt: skip


def _add(who: Visitor, paper_id: str, name: str) -> None:
    now_ns = who.desk.now_ns()
    _do(
        who, paper_id, Act.PAPER_ISSUE,
        lambda connection, found, by: papers.add_recipient(
            connection, found, name, by=by, now_ns=now_ns
        ),
    )  # fmt: skip


def _mark(who: Visitor, paper_id: str, recipient_id: str, told: Mapping[str, str]) -> None:
    marked = Recipient(
        recipient_id, "", day(told.get("sent", ""), "sent"), told.get("way", ""),
        day(told.get("delivered", ""), "delivered"), day(told.get("answered", ""), "answered"),
        told.get("answer", ""),
    )  # fmt: skip
    now_ns = who.desk.now_ns()
    _do(
        who, paper_id, Act.PAPER_ISSUE,
        lambda connection, found, by: papers.mark_recipient(
            connection, found, recipient_id[:40], marked, by=by, now_ns=now_ns
        ),
    )  # fmt: skip


# -- pages -----------------------------------------------------------------------------------


@routes.get("/papers")
def papers_page(
    who: Signed,
    q: Wanted = "",
    state: Annotated[str, Query(max_length=20)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The register: drafts that wait, what was issued, what was withdrawn."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        allowed = papers.visible(connection, who.person, who.desk.now_ns())
        found = papers.listed(connection, allowed, state=state, kind=kind, wanted=q)
    return who.page(
        "papers.html",
        {
            "found": found,
            "q": q,
            "state": state,
            "kind": kind,
            "states": STATES,
            "kinds": letters.kind_words(),
            "limit": papers.SHOWN,
        },
        section="papers",
    )


@routes.get("/papers/{paper_id}")
def paper_page(who: Signed, paper_id: str) -> Response:
    """One paper: the draft as files, who agreed, number and signed PDF, to whom it went."""
    return _one(who, paper_id, Form())


def _one(
    who: Visitor, paper_id: str, form: Form, *, about: str = "", status: int = 200
) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, paper_id)
        thing = papers.thing_of(connection, found)
        values = {
            "it": found,
            "file": papers.file_of(connection, found.id),
            "recipients": papers.recipients(connection, found.id),
            "agreements": papers.agreements(connection, found.id),
            "facility": registry.site(connection, found.site_id) if found.site_id else None,
            "directive": directives.find(connection, found.directive_id)
            if found.directive_id
            else None,
        }
    subject, _, of = found.about.partition(":")
    return who.page(
        "paper.html",
        {
            **values,
            "form": form,
            "about": about,
            "states": STATES,
            "kinds": letters.kind_words(),
            "source": SOURCES.get(subject, ""),
            "source_href": HREFS[subject].format(of) if subject in HREFS else "",
            "may_agree": who.may(Act.PAPER_AGREE, thing),
            "may_issue": who.may(Act.PAPER_ISSUE, thing),
            "today": legal.day_of(who.desk.now_ns()).strftime("%d/%m/%Y"),
        },
        status=status,
        section="papers",
    )


@routes.get("/papers/{paper_id}/file.docx")
def paper_word(who: Signed, paper_id: str) -> Response:
    """The document in the template in use."""
    return _word(who, paper_id)


@routes.get("/papers/{paper_id}/file.pdf")
def paper_pdf(who: Signed, paper_id: str) -> Response:
    """The document as PDF, in the shipped layout."""
    return _pdf(who, paper_id)


@routes.get("/papers/{paper_id}/signed.pdf")
def paper_signed(who: Signed, paper_id: str) -> Response:
    """The signed paper as it came back."""
    return _signed(who, paper_id)


def _word(who: Visitor, paper_id: str) -> Response:
    # python-docx costs a start of the program more than all else; few requests need it.
    from vonggac.paper import word

    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, paper_id)
        made = papers.letter_of(connection, found.id)
        template = letters.template_content(connection)
    return _download(word.document(made, template), word.MEDIA_TYPE, f"{_name(found)}.docx")


def _pdf(who: Visitor, paper_id: str) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, paper_id)
        made = papers.letter_of(connection, found.id)
    return _download(paper.official(made), "application/pdf", f"{_name(found)}.pdf")


def _signed(who: Visitor, paper_id: str) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, paper_id)
        content = papers.file_content(connection, found.id)
    return _download(content, "application/pdf", f"{_name(found)}-ban-ky.pdf")


def _name(found: Paper) -> str:
    number = "".join(one if one.isalnum() and one.isascii() else "-" for one in found.number)
    return f"{found.kind}-{number.strip('-') or found.id[:8]}"


def _download(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@routes.post("/papers/{paper_id}/issue")
async def issue_send(request: Request, paper_id: str) -> Response:
    """Number, day and the signed PDF: the paper is issued."""
    async with request.form(max_files=1, max_fields=10) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(papers.MAX_FILE + 1), file.filename or ""

    def change(who: Visitor) -> None:
        dated = values.get("dated", "")
        _issue(who, paper_id, values.get("number", ""), dated, name, content)

    return await _sent(request, paper_id, values, change, "issue")


@routes.post("/papers/{paper_id}/steps")
async def step_send(request: Request, paper_id: str) -> Response:
    """Agree to a draft, or withdraw a paper."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def change(who: Visitor) -> None:
        if values.get("do") == "withdraw":
            _withdraw(who, paper_id, values.get("why", ""))
        else:
            _agree(who, paper_id, values.get("note", ""))

    about = "withdraw" if values.get("do") == "withdraw" else "agree"
    return await _sent(request, paper_id, values, change, about)


@routes.post("/papers/{paper_id}/recipients")
async def recipient_send(request: Request, paper_id: str) -> Response:
    """One more recipient, or what became of the paper at one."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))
    recipient_id = values.get("recipient", "")

    def change(who: Visitor) -> None:
        if recipient_id:
            _mark(who, paper_id, recipient_id, values)
        else:
            _add(who, paper_id, values.get("name", ""))

    return await _sent(request, paper_id, values, change, recipient_id[:40] or "recipient")


async def _sent(
    request: Request, paper_id: str, values: dict[str, str], change: Callable[[Visitor], None],
    about: str,
) -> Response:  # fmt: skip
    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            change(who)
        except VonggacError as error:
            found = faults(who, error)
            if not found:
                raise
            return _one(who, paper_id, Form(values, found), about=about, status=422)
        return RedirectResponse(f"/papers/{paper_id}", 303)

    return await run_in_threadpool(send)


# -- API -------------------------------------------------------------------------------------


@api.get("/papers", summary="The register of papers")
def every_paper(
    who: Signed,
    q: Wanted = "",
    state: Annotated[str, Query(max_length=20)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    about: Annotated[str, Query(max_length=60, description="estimate:ID")] = "",
) -> dict[str, Any]:
    """The newest first; `q` are words, with or without marks."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        allowed = papers.visible(connection, who.person, who.desk.now_ns())
        found = papers.listed(connection, allowed, state=state, kind=kind, wanted=q)
    shown = [one for one in found if about in ("", one.about)]
    return {"papers": [_json(one) for one in shown]}


@api.get("/papers/{paper_id}", summary="One paper")
def one_paper(who: Signed, paper_id: str) -> dict[str, Any]:
    """With those who agreed, the signed file and the recipients."""
    return _whole(who, paper_id)


@api.get(
    "/papers/{paper_id}/file.docx",
    summary="A paper as .docx",
    response_class=Response,
    responses={200: {"content": {WORD: {}}}},
)
def paper_word_api(who: Signed, paper_id: str) -> Response:
    """In the template in use."""
    return _word(who, paper_id)


@api.get(
    "/papers/{paper_id}/file.pdf",
    summary="A paper as PDF",
    response_class=Response,
    responses={200: {"content": {PDF: {}}}},
)
def paper_pdf_api(who: Signed, paper_id: str) -> Response:
    """In the shipped layout."""
    return _pdf(who, paper_id)


@api.get(
    "/papers/{paper_id}/signed.pdf",
    summary="The signed paper",
    response_class=Response,
    responses={200: {"content": {PDF: {}}}},
)
def paper_signed_api(who: Signed, paper_id: str) -> Response:
    """As it came back; its hash stands with the paper."""
    return _signed(who, paper_id)


@api.put("/papers/{paper_id}/signed.pdf", summary="Issue a paper")
async def issue_api(
    request: Request,
    paper_id: str,
    number: Annotated[str, Query(max_length=60)],
    dated: Annotated[str, Query(max_length=10, description="2026-11-22")],
) -> dict[str, Any]:
    """The body is the signed PDF; number and day are those on it."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > papers.MAX_FILE:
            break

    def issue() -> dict[str, Any]:
        who = visitor(request)
        _issue(who, paper_id, number, dated, "", bytes(content))
        return _whole(who, paper_id)

    return await run_in_threadpool(issue)


@api.post("/papers/{paper_id}/agreements", summary="Agree to a draft", status_code=201)
async def agree_api(request: Request, paper_id: str, body: NoteBody) -> dict[str, Any]:
    """Recorded in the system; it is not the legal signature."""
    return await _changed(request, paper_id, lambda who: _agree(who, paper_id, body.note))


@api.post("/papers/{paper_id}/withdrawal", summary="Withdraw a paper", status_code=201)
async def withdraw_api(request: Request, paper_id: str, body: NoteBody) -> dict[str, Any]:
    """The note is the reason; the paper stays in the register."""
    return await _changed(request, paper_id, lambda who: _withdraw(who, paper_id, body.note))


@api.post("/papers/{paper_id}/recipients", summary="Add a recipient", status_code=201)
async def recipient_api(request: Request, paper_id: str, body: NameBody) -> dict[str, Any]:
    """To whom the paper goes as well."""
    return await _changed(request, paper_id, lambda who: _add(who, paper_id, body.name))


@api.put("/papers/{paper_id}/recipients/{recipient_id}", summary="Sent, delivered, answered")
async def mark_api(
    request: Request, paper_id: str, recipient_id: str, body: MarkBody
) -> dict[str, Any]:
    """Days in their order; only an issued paper is sent."""
    told = {name: value or "" for name, value in body.model_dump().items()}
    return await _changed(request, paper_id, lambda who: _mark(who, paper_id, recipient_id, told))


async def _changed(
    request: Request, paper_id: str, change: Callable[[Visitor], None]
) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        who = visitor(request)
        change(who)
        return _whole(who, paper_id)

    return await run_in_threadpool(run)


def _whole(who: Visitor, paper_id: str) -> dict[str, Any]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, paper_id)
        file = papers.file_of(connection, found.id)
        to = papers.recipients(connection, found.id)
        agreed = papers.agreements(connection, found.id)
    return {
        **_json(found),
        "signed": None
        if file is None
        else {"file": file.file_name, "size": file.size, "sha256": file.sha256,
              "by": file.attached_by, "at": rfc3339(file.attached_ns)},
        "agreements": [
            {"by": one.made_by, "note": one.note or None, "at": rfc3339(one.made_ns)}
            for one in agreed
        ],
        "recipients": [
            {"id": one.id, "name": one.name, "sent": _iso(one.sent), "way": one.way or None,
             "delivered": _iso(one.delivered), "answered": _iso(one.answered),
             "answer": one.answer or None}
            for one in to
        ],
    }  # fmt: skip


def _json(one: Paper) -> dict[str, Any]:
    return {
        "id": one.id,
        "about": one.about,
        "kind": one.kind,
        "site": one.site_id,
        "unit": one.unit_id,
        "directive": one.directive_id,
        "subject": one.subject,
        "issuer": one.issuer,
        "state": one.state,
        "number": one.number or None,
        "dated": _iso(one.dated),
        "drafted": {"by": one.drafted_by, "at": rfc3339(one.drafted_ns)},
        "withdrawn": None
        if one.withdrawn_ns is None
        else {"by": one.withdrawn_by, "at": rfc3339(one.withdrawn_ns), "why": one.withdrawn_why},
    }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
