"""Directives: the register, one with its clauses and duties, what each body owes; pages and API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.clock import rfc3339
from vonggac.domain import access, directives, issuers, legal, letters, reports, tasks, units
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.directives import CitationDraft, ClauseDraft, Draft
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, rights
from vonggac.web import reports as report_pages
from vonggac.web.desk import Visitor, visitor
from vonggac.web.inspection_forms import page_in
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.directives import Clause, Directive, Owed
    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "too_many": "Quá nhiều.",
    "secret_mark": "Không đính kèm văn bản có dấu MẬT.",
    "no_such_kind": "Chọn một mục trong danh sách.",
    "no_day": "Viết dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "no_file": "Chọn một tệp.",
    "file_too_long": "Tệp quá lớn, nhiều nhất 10 MB.",
    "not_a_document": "Chỉ nhận tệp PDF, PNG, JPEG, DOCX hoặc XLSX.",
    "no_such_step": "Nhiệm vụ không còn ở trạng thái đó. Hãy tải lại trang.",
}
"""What is said of input of these pages that cannot be taken."""
STATES: Mapping[str, str] = {
    "due": "chưa gửi",
    "received": "đã nhận kết quả",
    "returned": "trả lại",
    "consolidated": "đã tổng hợp",
}
STEPS: Mapping[str, str] = {
    "received": "Ghi đã nhận",
    "returned": "Trả lại",
    "consolidated": "Ghi đã tổng hợp",
}
PAGE, MOST = 50, 500
"""Lines of one page of what is owed, and of one answer of the API (ours)."""
SOON_DAYS = 3
"""Days before the last one in which a duty is marked (ours)."""

Signed = Annotated[Visitor, Depends(visitor)]
Wanted = Annotated[str, Query(max_length=200)]


class CitationBody(BaseModel):
    """A document that the directive cites."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=60)
    dated: str | None = Field(default=None, max_length=10, description="2021-05-30")
    issuer: str = Field(default="", max_length=directives.MAX_LINE)
    subject: str = Field(default="", max_length=directives.MAX_LINE)
    due: str = Field(default="", max_length=directives.MAX_LINE, description="words: trước 12/6")


class DirectiveBody(BaseModel):
    """A directive that came."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=60)
    dated: str | None = Field(max_length=10, description="2021-05-13; null cannot be read")
    issuer: str = Field(min_length=1, max_length=directives.MAX_LINE)
    subject: str = Field(min_length=1, max_length=directives.MAX_SAID)
    urgency: str = Field(default="", max_length=20, description="KHẨN, THƯỢNG KHẨN, HỎA TỐC")
    cites: list[CitationBody] = Field(default_factory=list, max_length=directives.MAX_MANY)


class ClauseBody(BaseModel):
    """Something that the directive orders."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    number: str = Field(min_length=1, max_length=20)
    said: str = Field(min_length=1, max_length=directives.MAX_SAID)
    lead: list[str] = Field(min_length=1, max_length=directives.MAX_MANY)
    with_: list[str] = Field(default_factory=list, alias="with", max_length=directives.MAX_MANY)
    owed: str = Field(default="", max_length=directives.MAX_LINE)
    due: str = Field(default="", max_length=directives.MAX_LINE, description="words")
    inherits: str = Field(default="", max_length=40, description="id of a citation")


class StepBody(BaseModel):
    """What came back of a duty."""

    model_config = ConfigDict(extra="forbid")

    state: str = Field(max_length=20, description="received, returned or consolidated")
    note: str = Field(default="", max_length=directives.MAX_LINE)


# -- what pages and API share ----------------------------------------------------------------


def _found(connection: Connection, who: Visitor, directive_id: str) -> Directive:
    """A directive that the visitor may see; another one is not there."""
    allowed = directives.visible(connection, who.person, who.desk.now_ns())
    found = directives.find(connection, directive_id[:40])
    if not any(one.id == found.id for one in directives.listed(connection, allowed, only=found.id)):
        raise VonggacError(Kind.NOT_FOUND, "there is no such directive")
    return found


def _by(connection: Connection, who: Visitor, act: Act, directive: Directive) -> Someone:
    """Whoever may do this to a directive; what is everybody's is changed by roles over all."""
    thing = SYSTEM
    if directive.unit_id is not None:
        thing = access.thing_of_unit(connection, directive.unit_id)
    return evidence_api.someone(who, rights.require(connection, who, act, thing))


def _may(connection: Connection, who: Visitor, act: Act, directive: Directive) -> bool:
    thing = SYSTEM
    if directive.unit_id is not None:
        thing = access.thing_of_unit(connection, directive.unit_id)
    return bool(access.may(who.person, act, thing, now_ns=who.desk.now_ns()))


def _registering(who: Visitor) -> tuple[Someone, str | None]:
    """Who registers, and in whose register: that of the widest role that may."""
    now_ns = who.desk.now_ns()
    held = [one for one in who.person.held
            if Act.DIRECTIVE_REGISTER in one.acts and one.lasts(now_ns)]  # fmt: skip
    wide = next((one for one in held if one.over_everything), None)
    role = wide or next((one for one in held if one.unit is not None), None)
    if role is None:
        raise VonggacError(
            Kind.FORBIDDEN, "no role of yours keeps a register", code="outside_scope"
        )
    return evidence_api.someone(who, access.Verdict(True, "role", role)), role.unit


def _register(who: Visitor, draft: Draft) -> str:
    who.signed_in  # noqa: B018 - refuses who may not look
    by, unit_id = _registering(who)
    with who.desk.database.writing() as connection:
        return directives.register(
            connection, draft, unit_id=unit_id, by=by, now_ns=who.desk.now_ns()
        )


def _assign(who: Visitor, directive_id: str, draft: ClauseDraft) -> str:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, directive_id)
        by = _by(connection, who, Act.DIRECTIVE_ASSIGN, found)
    with who.desk.database.writing() as connection:
        return directives.assign(connection, found.id, draft, by=by, now_ns=who.desk.now_ns())


def _step(who: Visitor, duty_id: str, state: str, note: str) -> tuple[directives.Duty, str]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        _, directive_id = directives.duty_of(connection, duty_id[:40])
        found = _found(connection, who, directive_id)
        by = _by(connection, who, Act.DIRECTIVE_REGISTER, found)
    with who.desk.database.writing() as connection:
        made = directives.step(
            connection, duty_id[:40], state, note, by=by, now_ns=who.desk.now_ns()
        )
    return made, found.id


def _owed(who: Visitor) -> list[Owed]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        allowed = directives.visible(connection, who.person, who.desk.now_ns())
        return directives.owed(connection, allowed)


def _faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}
    code = str(error.detail.get("code", ""))
    return {"": who.t(FAULTS[code])} if code in FAULTS else {}


def _day(text: str, field: str) -> date | None:
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


def _cites(text: str) -> tuple[CitationDraft, ...]:
    """A citation a line: number; day; issuer; deadline in its words."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(";")] + [""] * 3
        if parts[0]:
            found.append(
                CitationDraft(parts[0], _day(parts[1], "cites"), parts[2], due_said=parts[3])
            )
    return tuple(found)


def _bodies(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


# -- pages -----------------------------------------------------------------------------------


@routes.get("/directives")
def directives_page(who: Signed, q: Wanted = "") -> Response:
    """The register, with a search that needs no marks, and the form of what came."""
    return _list(who, q, Form())


def _list(who: Visitor, q: str, form: Form, *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        allowed = directives.visible(connection, who.person, who.desk.now_ns())
        found = directives.listed(connection, allowed, wanted=q)
        owed = directives.owed(connection, allowed)
    open_ones: dict[str, list[Owed]] = {}
    for one in owed:
        if one.duty.state in ("due", "returned"):
            open_ones.setdefault(one.directive.id, []).append(one)
    return who.page(
        "directives.html",
        {
            "found": found,
            "open": open_ones,
            "q": q,
            "limit": directives.SHOWN,
            "form": form,
            "urgencies": directives.URGENCIES,
            "today": legal.day_of(who.desk.now_ns()),
            "soon": SOON_DAYS,
            "may_register": who.can("directive_register"),
        },
        status=status,
        section="directives",
    )


@routes.post("/directives")
async def register_send(request: Request) -> Response:
    """Enter a directive that came."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            unread = values.get("unread") == "yes"
            # An empty field is no day that somebody read.
            dated = None if unread else _day(values.get("dated", "") or "?", "dated")
            draft = Draft(
                values.get("number", ""), dated, values.get("issuer", ""),
                values.get("subject", ""), values.get("urgency", ""),
                _cites(values.get("cites", "")),
            )  # fmt: skip
            made = _register(who, draft)
        except VonggacError as error:
            found = _faults(who, error)
            if not found:
                raise
            return _list(who, "", Form(values, found), status=422)
        return RedirectResponse(f"/directives/{made}", 303)

    return await run_in_threadpool(send)


@routes.get("/directives/{directive_id}")
def directive_page(who: Signed, directive_id: str) -> Response:
    """One directive: what it cites, what it orders of whom, what came back, its files."""
    return _one(who, directive_id, Form())


def _one(
    who: Visitor, directive_id: str, form: Form, *, about: str = "", status: int = 200
) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, directive_id)
        allowed = directives.visible(connection, who.person, who.desk.now_ns())
        cited = directives.citations(connection, found.id)
        matched = {one.id: directives.matching(connection, allowed, one) for one in cited}
        clauses = directives.clauses(connection, found.id)
        opened = tasks.of_many(connection, [f"clause:{one.id}" for one in clauses])
        files = directives.files(connection, found.id)
        may_assign = _may(connection, who, Act.DIRECTIVE_ASSIGN, found)
        may_register = _may(connection, who, Act.DIRECTIVE_REGISTER, found)
    dues = {one.id: one for one in cited}
    return who.page(
        "directive.html",
        {
            "it": found,
            "cited": cited,
            "matched": matched,
            "clauses": clauses,
            "opened": opened,
            "due": {one.id: _due(one, dues) for one in clauses},
            "inherited": dues,
            "files": files,
            "states": STATES,
            "steps": STEPS,
            "next": directives.NEXT,
            "form": form,
            "own": form if about == "clause" else Form(),
            "about": about,
            "today": legal.day_of(who.desk.now_ns()),
            "soon": SOON_DAYS,
            "may_assign": may_assign,
            "may_register": may_register,
        },
        status=status,
        section="directives",
    )


def _due(clause: Clause, dues: Mapping[str, directives.Citation]) -> date | None:
    inherited = dues.get(clause.citation_id or "")
    return clause.due or (inherited.due if inherited else None)


@routes.post("/directives/{directive_id}/clauses")
async def assign_send(request: Request, directive_id: str) -> Response:
    """Add a clause with those who lead and those who co-operate."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        draft = ClauseDraft(
            values.get("number", ""), values.get("said", ""), _bodies(values.get("lead", "")),
            _bodies(values.get("with", "")), values.get("owed", ""), values.get("due", ""),
            values.get("from", ""),
        )  # fmt: skip
        try:
            _assign(who, directive_id, draft)
        except VonggacError as error:
            return _refused(who, directive_id, values, error, "clause")
        return RedirectResponse(f"/directives/{directive_id}#clauses", 303)

    return await run_in_threadpool(send)


@routes.post("/duties/{duty_id}")
async def step_send(request: Request, duty_id: str) -> Response:
    """Say what came back of a duty."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            _, directive_id = _step(who, duty_id, values.get("state", ""), values.get("note", ""))
        except VonggacError as error:
            if not _faults(who, error):
                raise
            with who.desk.database.reading() as connection:
                _, directive_id = directives.duty_of(connection, duty_id[:40])
            return _refused(who, directive_id, values, error, duty_id)
        return RedirectResponse(f"/directives/{directive_id}#clauses", 303)

    return await run_in_threadpool(send)


@routes.post("/directives/{directive_id}/files")
async def attach_send(request: Request, directive_id: str) -> Response:
    """Attach a scan, or what came with it."""
    async with request.form(max_files=1, max_fields=10) as form:
        file, values = form.get("file"), form_values(dict(form))
        content, name = b"", ""
        if isinstance(file, UploadFile):
            content, name = await file.read(directives.MAX_FILE + 1), file.filename or ""

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        who.signed_in  # noqa: B018
        with who.desk.database.reading() as connection:
            found = _found(connection, who, directive_id)
            by = _by(connection, who, Act.DIRECTIVE_REGISTER, found)
        try:
            with who.desk.database.writing() as connection:
                directives.attach(
                    connection, found.id, kind=values.get("kind", "")[:20], file_name=name,
                    content=content, by=by, now_ns=who.desk.now_ns(),
                )  # fmt: skip
        except VonggacError as error:
            return _refused(who, directive_id, values, error, "file")
        return RedirectResponse(f"/directives/{found.id}#files", 303)

    return await run_in_threadpool(send)


def _refused(
    who: Visitor, directive_id: str, values: dict[str, str], error: VonggacError, about: str
) -> Response:
    found = _faults(who, error)
    if not found:
        raise error
    return _one(who, directive_id, Form(values, found), about=about, status=422)


@routes.get("/directives/{directive_id}/files/{file_id}")
def file_of(who: Signed, directive_id: str, file_id: str) -> Response:
    """A file as it was sent; it is downloaded, never opened inside our pages."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = _found(connection, who, directive_id)
        content = directives.content(connection, found.id, file_id[:40])
    ending = directives.ending(directives.sniffed(content)[0])
    name = f"van-ban-{found.id[:6]}-{file_id[:6]}.{ending}"
    return _download(content, "application/octet-stream", name)


@routes.get("/directives/{directive_id}/frame.docx")
def frame_word(who: Signed, directive_id: str) -> Response:
    """The frame of a shipped directive, made again as a document of Word."""
    # python-docx costs a start of the program more than all else; few requests need it.
    from vonggac.paper import word

    code = _code(who, directive_id)
    with who.desk.database.reading() as connection:
        template = letters.template_content(connection)
    made = word.document(directives.frame(code), template)
    return _download(made, word.MEDIA_TYPE, "khung-van-ban.docx")


@routes.get("/directives/{directive_id}/frame.pdf")
def frame_paper(who: Signed, directive_id: str) -> Response:
    """The same as PDF."""
    made = paper.official(directives.frame(_code(who, directive_id)))
    return _download(made, "application/pdf", "khung-van-ban.pdf")


def _code(who: Visitor, directive_id: str) -> str:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        return _found(connection, who, directive_id).code or ""


def _download(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@routes.get("/owed")
def owed_page(
    who: Signed,
    show: Annotated[str, Query(max_length=10)] = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """What each body owes, with the days that are left; what is shipped only when asked for."""
    every, number = _owed(who), page_in(page)
    wanted = _by_body([one for one in every if show == "all" or one.directive.code is None])
    found = wanted[(number - 1) * PAGE : number * PAGE]
    return who.page(
        "owed.html",
        {
            "rows": found,
            "found": len(wanted),
            "page": number,
            "size": PAGE,
            "all": show == "all",
            "shipped": sum(one.directive.code is not None for one in every),
            "states": STATES,
            "may_assign": {
                one: _may_assign(who, one) for one in {it.directive for it in found}
            }.get,
            "today": legal.day_of(who.desk.now_ns()),
            "soon": SOON_DAYS,
            **_answers(who, found),
        },
        section="directives",
    )


def _by_body(owed: Sequence[Owed]) -> list[Owed]:
    """Whatever a body owes beside each other, first the body that owes the most urgent thing."""
    order: dict[str, int] = {}
    for one in owed:
        order.setdefault(one.duty.body, len(order))
    return sorted(owed, key=lambda one: order[one.duty.body])


def _answers(who: Visitor, owed: Sequence[Owed]) -> dict[str, Any]:
    """What the buttons that make reports need, and the papers that carry those that were made."""
    now_ns = who.desk.now_ns()
    today = legal.day_of(now_ns)
    with who.desk.database.reading() as connection:
        made = reports.answering(
            connection, who.person, [one.duty.id for one in owed], now_ns=now_ns
        )
        own = report_pages.own_bodies(connection, who)
    longest = today - timedelta(days=reports.MOST_DAYS - 1)
    may = who.can(Act.REPORT_MAKE)
    return {
        "made": made,
        "report_unit": _counted_unit(who, now_ns),
        "since": {
            one.duty.id: dates.write_day(
                min(max(one.directive.dated or today.replace(day=1), longest), today)
            )
            for one in owed
            if may and _owes_report(one) and issuers.is_among(one.duty.body, own)
        },
        "until": dates.write_day(today),
    }


def _owes_report(one: Owed) -> bool:
    """Whether a body still owes a report of it: an estimate is not owed as one."""
    is_open = one.directive.code is None and one.duty.state in ("due", "returned")
    return is_open and "bao cao" in units.folded(one.clause.owed)


def _counted_unit(who: Visitor, now_ns: int) -> str:
    """The unit whose facilities the visitor reports on; empty is all of the scope."""
    held = [one for one in who.person.held if Act.REPORT_MAKE in one.acts and one.lasts(now_ns)]
    return next((one.unit for one in held if one.unit and not one.sites), "")


def _may_assign(who: Visitor, directive: Directive) -> bool:
    with who.desk.database.reading() as connection:
        return _may(connection, who, Act.DIRECTIVE_ASSIGN, directive)


# -- API -------------------------------------------------------------------------------------


@api.get("/directives", summary="The register of directives")
def every_directive(who: Signed, q: Wanted = "") -> dict[str, Any]:
    """The newest first; `q` are words, with or without marks."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        allowed = directives.visible(connection, who.person, who.desk.now_ns())
        found = directives.listed(connection, allowed, wanted=q)
    return {"directives": [_directive_json(one) for one in found]}


@api.post("/directives", summary="Register a directive", status_code=201)
async def add_directive(request: Request, body: DirectiveBody) -> dict[str, Any]:
    """A day that cannot be read is null, and stays so."""

    def add() -> dict[str, Any]:
        cites = tuple(
            CitationDraft(one.number, _day(one.dated or "", "cites"), one.issuer, one.subject,
                          one.due)
            for one in body.cites
        )  # fmt: skip
        dated = _day(body.dated or "", "dated")
        draft = Draft(body.number, dated, body.issuer, body.subject, body.urgency, cites)
        who = visitor(request)
        return _whole(who, _register(who, draft))

    return await run_in_threadpool(add)


@api.get("/directives/{directive_id}", summary="One directive")
def one_directive(who: Signed, directive_id: str) -> dict[str, Any]:
    """Citations, clauses with their duties, files."""
    who.signed_in  # noqa: B018
    return _whole(who, directive_id)


@api.post("/directives/{directive_id}/clauses", summary="Assign a clause", status_code=201)
async def add_clause(request: Request, directive_id: str, body: ClauseBody) -> dict[str, Any]:
    """Its deadline is its own, or inherited from a citation."""

    def add() -> dict[str, Any]:
        draft = ClauseDraft(
            body.number, body.said, tuple(body.lead), tuple(body.with_), body.owed, body.due,
            body.inherits,
        )  # fmt: skip
        who = visitor(request)
        _assign(who, directive_id, draft)
        return _whole(who, directive_id)

    return await run_in_threadpool(add)


@api.post("/duties/{duty_id}/steps", summary="Enter what came back", status_code=201)
async def add_step(request: Request, duty_id: str, body: StepBody) -> dict[str, Any]:
    """A duty is due, received, returned or consolidated."""
    duty, directive_id = await run_in_threadpool(
        lambda: _step(visitor(request), duty_id, body.state, body.note)
    )
    return {**_duty_json(duty), "directive": directive_id}


@api.get("/owed", summary="What each body owes")
def everything_owed(
    who: Signed,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> dict[str, Any]:
    """By the last day; `left` are days, 0 on the last one and negative after it.

    `reports` are papers that carry a report of it.

    `may_report`: the visitor's own body owes one, and `POST /api/v1/reports` with `duty` makes it.
    """
    today, whole = legal.day_of(who.desk.now_ns()), _owed(who)
    every = whole[offset : offset + limit]
    answers = _answers(who, every)
    made = answers["made"]
    return {
        "found": len(whole),
        "offset": offset,
        "owed": [
            {
                **_duty_json(one.duty),
                "directive": one.directive.id,
                "number": one.directive.number,
                "clause": one.clause.number,
                "owed": one.clause.owed,
                "due": one.due.isoformat() if one.due else None,
                "left": one.left(today),
                "may_report": one.duty.id in answers["since"],
                "reports": [
                    {"paper": it.paper_id, "state": it.state, "number": it.number or None}
                    for it in made.get(one.duty.id, ())
                ],
            }
            for one in every
        ],
    }


def _whole(who: Visitor, directive_id: str) -> dict[str, Any]:
    with who.desk.database.reading() as connection:
        found = _found(connection, who, directive_id)
        cited = directives.citations(connection, found.id)
        clauses = directives.clauses(connection, found.id)
        files = directives.files(connection, found.id)
    dues = {one.id: one for one in cited}
    return {
        **_directive_json(found),
        "cites": [
            {
                "id": one.id,
                "said": one.said,
                "number": one.number,
                "dated": one.dated.isoformat() if one.dated else None,
                "issuer": one.issuer,
                "due": one.due.isoformat() if one.due else None,
            }
            for one in cited
        ],
        "clauses": [
            {
                "id": one.id,
                "number": one.number,
                "said": one.said,
                "owed": one.owed,
                "due": due.isoformat() if (due := _due(one, dues)) else None,
                "duties": [_duty_json(duty) for duty in one.duties],
            }
            for one in clauses
        ],
        "files": [
            {"id": one.id, "kind": one.kind, "file": one.file_name, "size": one.size,
             "sha256": one.sha256}
            for one in files
        ],
    }  # fmt: skip


def _directive_json(one: Directive) -> dict[str, Any]:
    return {
        "id": one.id,
        "number": one.number,
        "dated": one.dated.isoformat() if one.dated else None,
        "issuer": one.issuer,
        "subject": one.subject,
        "urgency": one.urgency or None,
        "registered": {"by": one.registered_by or None, "at": rfc3339(one.registered_ns)},
    }


def _duty_json(one: directives.Duty) -> dict[str, Any]:
    return {
        "id": one.id,
        "body": one.body,
        "part": one.part,
        "state": one.state,
        "note": one.note or None,
        "changed": rfc3339(one.changed_ns) if one.changed_ns else None,
    }
