"""Register of requests of people who were filmed: pages, sheets and API."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import access, audit, legal, registry, requests
from vonggac.domain.access import Act
from vonggac.errors import VonggacError
from vonggac.web import dates, evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.ledgers import safe_cell
from vonggac.web.notices import faults, this_minute
from vonggac.web.public import STATES
from vonggac.web.render import Form, form_values
from vonggac.web.staff import XLSX, new_book

if TYPE_CHECKING:
    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]


class PersonRequestBody(BaseModel):
    """A request that came on paper or by telephone."""

    model_config = ConfigDict(extra="forbid")

    site: str = Field(max_length=40)
    kind: str = Field(max_length=20, description="access, copy, deletion, objection, complaint")
    said: str = Field(min_length=1, max_length=requests.MAX_SAID)
    contact: str = Field(default="", max_length=requests.MAX_CONTACT)


class AnswerBody(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid")

    answer: str = Field(min_length=1, max_length=requests.MAX_ANSWER)
    refused: bool = False


# -- what pages and API share ----------------------------------------------------------------


def _sites(connection: Connection, who: Visitor) -> list[str]:
    who.signed_in  # noqa: B018 - refuses who may not look
    return access.sites_for(connection, who.person, Act.REQUESTS_EDIT, who.desk.now_ns())


def _listed(who: Visitor) -> list[requests.Request]:
    with who.desk.database.reading() as connection:
        return requests.listed(connection, _sites(connection, who), now_ns=who.desk.now_ns())


def _allowed(who: Visitor, request_id: str) -> tuple[requests.Request, audit.Actor]:
    """A request that is the visitor's to keep, and who keeps it."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = requests.find(connection, request_id[:40])
        return found, _actor(connection, who, found.site_id)


def _actor(connection: Connection, who: Visitor, site_id: str) -> audit.Actor:
    thing = access.thing_of_site(connection, site_id)
    verdict = rights.require(connection, who, Act.REQUESTS_EDIT, thing)
    return evidence_api.someone(who, verdict).actor


def _enter(who: Visitor, draft: requests.Draft, received_ns: int) -> tuple[requests.Request, str]:
    who.signed_in  # noqa: B018
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        actor = _actor(connection, who, draft.site_id)
    with desk.database.writing() as connection:
        return requests.receive(
            connection, draft, actor=actor, came="staff", received_ns=received_ns, now_ns=now_ns
        )


def _acknowledge(who: Visitor, request_id: str) -> requests.Request:
    found, actor = _allowed(who, request_id)
    with who.desk.database.writing() as connection:
        return requests.acknowledge(connection, found.id, actor=actor, now_ns=who.desk.now_ns())


def _answer(who: Visitor, request_id: str, said: str, *, refused: bool) -> requests.Request:
    found, actor = _allowed(who, request_id)
    with who.desk.database.writing() as connection:
        return requests.answer(
            connection, found.id, said=said, refused=refused, actor=actor,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


# -- pages -----------------------------------------------------------------------------------


@routes.get("/requests")
def requests_page(who: Signed) -> Response:
    """The register, late ones first, and the form for what came on paper."""
    return _page(who, Form({"received": this_minute(who)}))


def _page(who: Visitor, form: Form, *, status: int = 200) -> Response:
    now_ns = who.desk.now_ns()
    found = _listed(who)
    with who.desk.database.reading() as connection:
        sites = rights.shown_sites(connection, who, Act.REQUESTS_EDIT)
        unchecked = legal.unchecked(connection)
    return who.page(
        "requests.html",
        {
            "requests": found,
            "sites": sites,
            "late": sum(one.is_late(now_ns) for one in found),
            "open": sum(one.is_open for one in found),
            "form": form,
            "most": requests.MAX_SAID,
            **_words(now_ns, unchecked),
        },
        status=status,
        section="requests",
    )


def _words(now_ns: int, unchecked: frozenset[str]) -> dict[str, Any]:
    kinds = legal.request_kinds(legal.day_of(now_ns))
    return {
        "kinds": list(kinds.values()),
        "names": {code: kind.name for code, kind in kinds.items()},
        "states": STATES,
        "bases": [
            legal.bases()[code] for code in dict.fromkeys(kind.basis for kind in kinds.values())
        ],
        "unchecked": unchecked,
    }


@routes.post("/requests")
async def requests_send(request: Request) -> Response:
    """Enter a request; answers with its receipt code, once."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def enter() -> Response:
        who = visitor(request)
        who.check_form(values)
        draft = requests.Draft(
            values.get("site", "")[:40],
            values.get("kind", ""),
            values.get("said", ""),
            values.get("contact", ""),
        )
        try:
            made, code = _enter(who, draft, dates.moment_in(values, "received"))
        except VonggacError as error:
            found = faults(who, error)
            if not found:
                raise
            return _page(who, Form(values, found), status=422)
        return _one_page(who, made.id, Form(), receipt=code)

    return await run_in_threadpool(enter)


@routes.get("/requests.csv")
def requests_csv(who: Signed) -> Response:
    """The register as lines: UTF-8 with its mark."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in _rows(who):
        writer.writerow([safe_cell(cell) for cell in row])
    return _file(("\ufeff" + out.getvalue()).encode(), "text/csv; charset=utf-8", "yeu-cau.csv")


@routes.get("/requests.xlsx")
def requests_xlsx(who: Signed) -> Response:
    """The register as a sheet."""
    made = io.BytesIO()
    book = new_book(made)
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    plain = book.add_format({"text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet(who.t("Sổ yêu cầu"))
    sheet.set_column(0, 9, 20)
    for at, row in enumerate(_rows(who)):
        for column, cell in enumerate(row):
            sheet.write_string(at, column, cell, plain if at else bold)
    sheet.freeze_panes(1, 0)
    book.close()
    return _file(made.getvalue(), XLSX, "yeu-cau.xlsx")


def _rows(who: Visitor) -> list[list[str]]:
    """The register as a table with its heading; taking it is a row of the access log."""
    t, found, now_ns = who.t, _listed(who), who.desk.now_ns()
    names = {code: t.of(kind.name) for code, kind in _kinds(now_ns).items()}
    with who.desk.database.writing() as connection:
        sites = {site.id: site.title or site.name for site in registry.sites(connection)}
        audit.record(
            connection,
            who.actor,
            audit.Act.DOCUMENT_MADE,
            now_ns=now_ns,
            detail={"what": "register of requests", "rows": len(found)},
        )
    head = [
        t("Nhận ngày"), t("Cơ sở"), t("Yêu cầu"), t("Nội dung"), t("Trạng thái"),
        t("Hạn trả lời đầu tiên"), t("Hạn trả lời"), t("Trả lời ngày"), t("Người trả lời"),
        t("Trả lời"),
    ]  # fmt: skip
    return [head, *([
        t.day(one.received_ns), sites.get(one.site_id, ""), names.get(one.kind, one.kind), one.said,
        t(STATES[one.state]), t.day(one.acknowledge_by_ns - 1), t.day(one.due_ns - 1),
        t.day(one.answered_ns) if one.answered_ns else "", one.answered_by, one.answer,
    ] for one in found)]  # fmt: skip


def _kinds(now_ns: int) -> dict[str, legal.RequestKind]:
    return dict(legal.request_kinds(legal.day_of(now_ns)))


def _file(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@routes.get("/requests/{request_id}")
def request_page(who: Signed, request_id: str) -> Response:
    """One request, and what is done about it."""
    return _one_page(who, request_id, Form())


def _one_page(
    who: Visitor, request_id: str, form: Form, *, receipt: str = "", status: int = 200
) -> Response:
    found, _ = _allowed(who, request_id)
    with who.desk.database.reading() as connection:
        site = registry.site(connection, found.site_id)
        unchecked = legal.unchecked(connection)
    return who.page(
        "request.html",
        {
            "it": found,
            "kind": _rule_of(found),
            "site": site,
            "form": form,
            "receipt": receipt,
            "most": requests.MAX_ANSWER,
            **_words(who.desk.now_ns(), unchecked),
            "path": f"/requests/{found.id}",
        },
        status=status,
        section="requests",
    )


def _rule_of(found: requests.Request) -> legal.RequestKind | None:
    """The rule that set its day; None where another did, before the rules were changed."""
    kind = legal.request_kinds(legal.day_of(found.received_ns)).get(found.kind)
    if kind is None or legal.after_days(found.received_ns, kind.days) != found.due_ns:
        return None
    return kind


@routes.post("/requests/{request_id}")
async def request_send(request: Request, request_id: str) -> Response:
    """Take it up, answer it, or refuse it."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def do() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            if values.get("do") == "acknowledge":
                _acknowledge(who, request_id)
            else:
                refused = values.get("do") == "refuse"
                _answer(who, request_id, values.get("answer", ""), refused=refused)
        except VonggacError as error:
            found = faults(who, error)
            if not found:
                raise
            return _one_page(who, request_id, Form(values, found), status=422)
        return RedirectResponse(f"/requests/{request_id}", 303)

    return await run_in_threadpool(do)


# -- API -------------------------------------------------------------------------------------


@api.get("/requests", summary="Requests of people who were filmed")
def every_request(who: Signed) -> dict[str, Any]:
    """Late ones first, then open ones by their next day, then what is done."""
    return {"requests": [request_json(one, who.desk.now_ns()) for one in _listed(who)]}


@api.post("/requests", summary="Enter a request", status_code=201)
async def enter_request(request: Request, body: PersonRequestBody) -> dict[str, Any]:
    """A request that came on paper; the receipt code is told once."""

    def enter() -> dict[str, Any]:
        who = visitor(request)
        draft = requests.Draft(body.site, body.kind, body.said, body.contact)
        made, code = _enter(who, draft, who.desk.now_ns())
        return {**request_json(made, who.desk.now_ns()), "receipt": code}

    return await run_in_threadpool(enter)


@api.get("/requests/{request_id}", summary="One request")
def one_request(who: Signed, request_id: str) -> dict[str, Any]:
    """State, days, answer."""
    return request_json(_allowed(who, request_id)[0], who.desk.now_ns())


@api.post("/requests/{request_id}/acknowledgement", summary="Take a request up")
async def acknowledge_request(request: Request, request_id: str) -> dict[str, Any]:
    """The first answer that the law asks for."""

    def acknowledge() -> dict[str, Any]:
        who = visitor(request)
        return request_json(_acknowledge(who, request_id), who.desk.now_ns())

    return await run_in_threadpool(acknowledge)


@api.post("/requests/{request_id}/answer", summary="Answer or refuse a request")
async def answer_request(request: Request, request_id: str, body: AnswerBody) -> dict[str, Any]:
    """Who holds the receipt reads it."""

    def answer() -> dict[str, Any]:
        who = visitor(request)
        made = _answer(who, request_id, body.answer, refused=body.refused)
        return request_json(made, who.desk.now_ns())

    return await run_in_threadpool(answer)


def request_json(one: requests.Request, now_ns: int) -> dict[str, Any]:
    """A request as the API says it."""
    return {
        "id": one.id,
        "site": one.site_id,
        "kind": one.kind,
        "said": one.said,
        "contact": one.contact or None,
        "came": one.came,
        "state": one.state,
        "late": one.is_late(now_ns),
        "received": rfc3339(one.received_ns),
        "acknowledge_by": rfc3339(one.acknowledge_by_ns),
        "due": rfc3339(one.due_ns),
        "acknowledged": None
        if one.acknowledged_ns is None
        else {"by": one.acknowledged_by, "at": rfc3339(one.acknowledged_ns)},
        "answered": None
        if one.answered_ns is None
        else {"by": one.answered_by, "at": rfc3339(one.answered_ns), "answer": one.answer},
    }
