"""The guide: rules in force with their basis, papers and cards from them, what facilities get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.domain import (
    access,
    citing,
    directives,
    guide,
    guide_papers,
    guide_values,
    issuers,
    legal,
    papers,
    registry,
    units,
)
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.duties import duties
from vonggac.domain.guide_papers import From
from vonggac.errors import Kind, VonggacError
from vonggac.web import citing as orders
from vonggac.web import dates, evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Language

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]
Tongue = Annotated[str, Query(alias="lang", max_length=2)]

FAULTS: Mapping[str, str] = {
    "required": "Cần điền.",
    "too_long": "Quá dài.",
    "secret_mark": "Không đính kèm văn bản có dấu MẬT.",
    "bad_number": "Ghi một số nguyên dương hợp lý.",
    "not_changed_here": "Mặc định này chỉ ghi được căn cứ.",
    "out_of_bounds": "Ngoài giới hạn ghi ở nhãn.",
    "too_far": "Ngày áp dụng nhiều nhất hai năm nữa.",
    "not_tied": "Chưa có văn bản nào thay mặc định này.",
    "received": "Đã có người xác nhận nhận rồi.",
    "answered": "Câu hỏi đã được trả lời.",
    "no_day": "Viết dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "no_such_kind": "Chọn một mục trong danh sách.",
    "no_such": orders.NONE_SUCH,
}
ISSUED: Final = "guide:huong-dan"
"""What the paper of the guide is drafted from."""
DRAFTS: Final[Mapping[str, str]] = {
    "huong-dan": "Dự thảo hướng dẫn",
    "quy-che": "Dự thảo quy chế",
    "quyet-dinh": "Dự thảo quyết định ban hành quy chế",
}
"""Papers that are made from the rules in force."""
WHOLE: Final = "cả hướng dẫn"
LEAD: Final = "Cơ quan chủ trì"
"""What an office that stands in no tree is called."""


# -- what pages and API share ----------------------------------------------------------------


def today(who: Visitor) -> date:
    """The day, in Việt Nam."""
    return legal.day_of(who.desk.now_ns())


def rules(who: Visitor) -> list[guide.Rule]:
    """The rules in force."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        return guide.in_force(connection, today(who))


def someone(who: Visitor, act: Act, site_id: str | None) -> Someone:
    """Who does this to a facility, or to the hub; refused if they may not."""
    with who.desk.database.reading() as connection:
        thing = SYSTEM if site_id is None else access.thing_of_site(connection, site_id[:40])
        return evidence_api.someone(who, rights.require(connection, who, act, thing))


def somewhere(who: Visitor, act: Act) -> tuple[Someone, str | None]:
    """Who does this by any role, and the unit over which it is held."""
    who.signed_in  # noqa: B018
    verdict = access.may_somewhere(who.person, act, now_ns=who.desk.now_ns())
    if not verdict or verdict.by is None:
        raise VonggacError(Kind.FORBIDDEN, "no role of yours does this", code="no_role")
    return evidence_api.someone(who, verdict), verdict.by.unit


def tie(who: Visitor, code: str, draft: guide.BasisDraft) -> guide.Basis:
    """Tie a default to a document."""
    by = someone(who, Act.SETTINGS_EDIT, None)
    blank = {
        name: "required" for name in ("page", "point") if not legal.plain(getattr(draft, name))
    }
    if blank:
        raise VonggacError(Kind.BAD_INPUT, ", ".join(blank), fields=blank)
    with who.desk.database.writing() as connection:
        if draft.directive_id:
            directives.find(connection, draft.directive_id)
        tied = guide.tie(connection, code, draft, by=by, now_ns=who.desk.now_ns())
    who.desk.placements.forget()
    return tied


def untie(who: Visitor, code: str) -> None:
    """Let the software's default stand again."""
    by = someone(who, Act.SETTINGS_EDIT, None)
    with who.desk.database.writing() as connection:
        guide.untie(connection, code, by=by, now_ns=who.desk.now_ns())
    who.desk.placements.forget()


def draft_paper(who: Visitor, kind: str, sender: From, directive: str = "") -> str:
    """Draft a paper from the rules in force; returns its id."""
    by, unit_id = somewhere(who, Act.DOCUMENTS_MAKE)
    if kind not in DRAFTS:
        raise VonggacError(Kind.BAD_INPUT, "kind", fields={"kind": "no_such_kind"})
    blank = {
        name: "required"
        for name in ("name", "symbol", "place", "head")
        if not legal.plain(getattr(sender, name))
    }
    if blank:
        raise VonggacError(Kind.BAD_INPUT, ", ".join(blank), fields=blank)
    on = today(who)
    about, stands = f"guide:{kind}", rules(who)
    with who.desk.database.writing() as connection:
        order = orders.chosen(connection, who, directive, about, unit_id=unit_id)
        if kind == "quyet-dinh":
            letter = guide_papers.decision(sender, on, citing.basis(connection, order))
        elif kind == "huong-dan":
            under = citing.opening(connection, order)
            letter = guide_papers.instructions(stands, sender, on, under)
        else:
            letter = guide_papers.regulation(stands, sender, on)
        return papers.draft(
            connection, letter, about=about, site_id=None, unit_id=unit_id, directive_id=order,
            by=by, now_ns=who.desk.now_ns(),
        )  # fmt: skip


def card_pdf(who: Visitor, role: str, language: str) -> bytes:
    """The A4 card of a role."""
    tongue: Language = "en" if language == "en" else "vi"
    return paper.pdf("card", guide_papers.card(rules(who), role, today(who), tongue))


def criteria_file(who: Visitor) -> bytes:
    """The criteria of connection in force, for a command on a laptop."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        return guide_values.criteria_file(connection, today(who)).encode()


def send(who: Visitor, site_id: str, what: str) -> str:
    """Send the guide or a card to a facility; the bytes are kept with their hash.

    Once the guide is issued its signed PDF goes out; before that, what the rules in force say.
    """
    by = someone(who, Act.FACILITY_EDIT, site_id)
    if what == guide.GUIDE:
        with who.desk.database.reading() as connection:
            order = citing.carried(connection, ISSUED, site_id=site_id)
            under, signed = citing.opening(connection, order), _signed(connection, site_id)
        letter = guide_papers.instructions(rules(who), sender(who, site_id), today(who), under)
        content = signed or paper.official(letter)
    elif what in duties(today(who)):
        content = card_pdf(who, what, "vi")
    else:
        raise VonggacError(Kind.BAD_INPUT, "what", fields={"what": "no_such_kind"})
    with who.desk.database.writing() as connection:
        return guide.send(connection, site_id, what, content, by=by, now_ns=who.desk.now_ns())


def _signed(connection: Connection, site_id: str) -> bytes | None:
    """The signed PDF of the guide that was last issued by a unit above a facility, or by the hub.

    One that was issued before a document changed a rule says it no more, and does not go out.
    """
    path = access.thing_of_site(connection, site_id).path
    changed_ns = guide.last_change(connection)
    found = [
        one for one in papers.of(connection, ISSUED)
        if one.state == "issued" and (one.unit_id is None or one.unit_id in path)
        and (one.issued_ns or 0) >= changed_ns
    ]  # fmt: skip
    last = max(found, key=lambda one: one.issued_ns or 0, default=None)
    return papers.file_content(connection, last.id) if last else None


def sender(who: Visitor, site_id: str) -> From:
    """The office of the visitor's role over a facility: head, symbol, place and signature."""
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        held = rights.require(connection, who, Act.FACILITY_EDIT, thing).by
        unit_id = (held.body or held.unit) if held is not None else None
        on = today(who)
        if unit_id is None:
            return From.office(issuers.province_office(connection, site_id, on=on, otherwise=LEAD))
        return From.office(issuers.office(connection, unit_id, on=on, otherwise=LEAD))


def receive(who: Visitor, sent_id: str) -> guide.Sent:
    """Say that it is there: by somebody of the facility."""
    with who.desk.database.reading() as connection:
        found = guide.sent_of(connection, sent_id[:40])
    by = someone(who, Act.FACILITY_DETAILS, found.site_id)
    with who.desk.database.writing() as connection:
        guide.receive(connection, found.id, by=by, now_ns=who.desk.now_ns())
        return guide.sent_of(connection, found.id)


def ask(who: Visitor, site_id: str, said: str) -> str:
    """Ask on behalf of a facility."""
    by = someone(who, Act.FACILITY_DETAILS, site_id)
    with who.desk.database.writing() as connection:
        return guide.ask(connection, site_id, said, by=by, now_ns=who.desk.now_ns())


def answer(who: Visitor, question_id: str, said: str) -> guide.Question:
    """Answer a facility."""
    with who.desk.database.reading() as connection:
        found = guide.question(connection, question_id[:40])
    by = someone(who, Act.FACILITY_EDIT, found.site_id)
    with who.desk.database.writing() as connection:
        guide.answer(connection, found.id, said, by=by, now_ns=who.desk.now_ns())
        return guide.question(connection, found.id)


def hold_training(
    who: Visitor, *, title: str, for_whom: str, held_day: date | None, people: int
) -> str:
    """Enter a session, of the unit over which the visitor's role is held."""
    by, unit_id = somewhere(who, Act.FACILITY_EDIT)
    with who.desk.database.writing() as connection:
        return guide.hold_training(
            connection, unit_id=unit_id, title=title, for_whom=for_whom, held_day=held_day,
            people=people, by=by, now_ns=who.desk.now_ns(),
        )  # fmt: skip


def trainings(who: Visitor) -> list[guide.Training]:
    """Sessions for everybody, and of units that the visitor's roles reach."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        return [
            one
            for one in guide.trainings(connection)
            if one.unit_id is None
            or access.may(
                who.person, Act.FACILITY_SEE, access.thing_of_unit(connection, one.unit_id),
                now_ns=now_ns,
            )
        ]  # fmt: skip


def whole(text: str) -> int | None:
    """A number of a form; None for an empty field, 0 for what is none."""
    said = text.strip()
    if not said:
        return None
    return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0


def _said(who: Visitor, error: VonggacError) -> dict[str, str]:
    fields = error.detail.get("fields")
    if isinstance(fields, dict):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}
    code = str(error.detail.get("code", ""))
    return {"": who.t(FAULTS[code])} if code in FAULTS else {}


# -- pages -----------------------------------------------------------------------------------


@routes.get("/guide")
def guide_page(who: Signed) -> Response:
    """The rules in force with where each stands, cards, drafts, training."""
    return _page(who, Form())


def _page(who: Visitor, form: Form, *, about: str = "", status: int = 200) -> Response:
    found = rules(who)
    with who.desk.database.reading() as connection:
        allowed = directives.visible(connection, who.person, who.desk.now_ns())
        known = directives.listed(connection, allowed) if who.can(Act.DIRECTIVE_SEE) else []
        sites = rights.shown_sites(connection, who, Act.FACILITY_DETAILS)
        waits = {
            one.site_id
            for one in guide.sent(connection, [site.id for site in sites])
            if one.received_ns is None
        }
        names = units.names_of_sites(connection, today(who))
    return who.page(
        "guide.html",
        {
            "areas": guide.areas(),
            "rules": found,
            "ours": sum(one.is_ours for one in found),
            "known": known,
            "may_tie": who.everywhere(Act.SETTINGS_EDIT),
            "may_draft": who.can(Act.DOCUMENTS_MAKE),
            "may_train": who.can(Act.FACILITY_EDIT),
            "drafts": DRAFTS,
            "duties": duties(today(who)),
            "trainings": trainings(who),
            "sites": sites,
            "waits": waits,
            "names": names,
            "form": form,
            "forms": {**_forms(found), **({about: form} if about else {})},
            "about": about,
        },
        status=status,
        section="guide",
    )


def _forms(found: Sequence[guide.Rule]) -> dict[str, Form]:
    """The forms of the page as they stand, by what they are about."""
    forms = {
        "papers": Form({"about": "papers", "head": "GIÁM ĐỐC"}),
        "training": Form({"about": "training"}),
    }
    for one in found:
        code, basis = one.default.code, one.coming or one.basis
        codes = (basis.codes if basis is not None else ()) or tuple(one.default.choices)
        values = {"about": code, **dict.fromkeys((f"code-{each}" for each in codes), "yes")}
        if basis is not None:
            values |= {
                "document": basis.document, "page": basis.page, "point": basis.point,
                "said": basis.said, "directive": basis.directive_id or "",
                "value": "" if basis.value is None else str(basis.value),
                "from_day": dates.write_day(basis.since),
            }  # fmt: skip
        forms[code] = Form(values)
    return forms


async def _sent(
    request: Request,
    about: str,
    do: Callable[[Visitor, dict[str, str]], str],
    again: Callable[[Visitor, Form], Response],
) -> Response:
    """A form: carried out, or shown again with what is wrong and all that was typed."""
    values = form_values(dict(await request.form(max_files=0, max_fields=40)))

    def run() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            return RedirectResponse(do(who, values), 303)
        except VonggacError as error:
            found = _said(who, error)
            if not found:
                raise
            return again(who, Form({**values, "about": about}, found))

    return await run_in_threadpool(run)


@routes.post("/guide/defaults/{code}")
async def tie_send(request: Request, code: str) -> Response:
    """Tie a default to document, page and point; or let the default stand again."""

    def do(who: Visitor, values: dict[str, str]) -> str:
        if values.get("do") == "end":
            untie(who, code)
        else:
            tie(
                who, code,
                guide.BasisDraft(
                    values.get("document", ""), values.get("page", ""), values.get("point", ""),
                    values.get("said", ""), whole(values.get("value", "")),
                    values.get("directive", "") or None, _chosen(code, values),
                    day(values.get("from_day", ""), "from_day"),
                ),
            )  # fmt: skip
        return f"/guide#d-{code}"

    return await _sent(
        request, code, do, lambda who, form: _page(who, form, about=code, status=422)
    )


def _chosen(code: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The codes of a form; none where every one is chosen: then the list stays as it is."""
    default = guide.defaults().get(code)
    every = tuple(default.choices) if default else ()
    chosen = tuple(one for one in every if values.get(f"code-{one}"))
    return () if chosen == every else chosen


def day(text: str, field: str) -> date | None:
    """A day of a form; None for an empty field.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    if not text.strip():
        return None
    try:
        return dates.read_day(text)
    except (ValueError, OverflowError) as error:
        fields = {field: "no_day"}
        raise VonggacError(Kind.BAD_INPUT, f"{field}: no day", fields=fields) from error


@routes.post("/guide/papers")
async def draft_send(request: Request) -> Response:
    """Draft a paper from the rules in force."""

    def do(who: Visitor, values: dict[str, str]) -> str:
        name, symbol, place, above, head = (
            legal.plain(values.get(field, ""))[:200]
            for field in ("name", "symbol", "place", "above", "head")
        )
        sender = From(name, symbol, place, above, head)
        directive = values.get("directive", "")
        return f"/papers/{draft_paper(who, values.get('kind', ''), sender, directive)}"

    return await _sent(
        request, "papers", do, lambda who, form: _page(who, form, about="papers", status=422)
    )


@routes.post("/guide/trainings")
async def training_send(request: Request) -> Response:
    """Enter a session."""

    def do(who: Visitor, values: dict[str, str]) -> str:
        hold_training(
            who, title=values.get("title", ""), for_whom=values.get("for_whom", ""),
            held_day=day(values.get("held_day", ""), "held_day"),
            people=whole(values.get("people", "")) or 0,
        )  # fmt: skip
        return "/guide#trainings"

    return await _sent(
        request, "training", do, lambda who, form: _page(who, form, about="training", status=422)
    )


@routes.get("/guide/cards/{role}.pdf")
def card_file(who: Signed, role: str, lang: Tongue = "") -> Response:
    """The card of a role, on one A4 page."""
    content = card_pdf(who, role[:40], lang or who.t.language)
    headers = {"Content-Disposition": f'inline; filename="the-{role[:40]}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@routes.get("/guide/criteria.toml")
def criteria_send(who: Signed) -> Response:
    """The criteria in force as a file, for `vonggac survey --criteria` on a laptop."""
    headers = {"Content-Disposition": 'attachment; filename="tieu-chi.toml"'}
    return Response(criteria_file(who), media_type="application/toml", headers=headers)


# -- a facility ------------------------------------------------------------------------------


@routes.get("/guide/sites/{site_id}")
def site_page(who: Signed, site_id: str) -> Response:
    """What a facility got, with receipts; what it asked, with answers."""
    return _site(who, site_id, Form())


def _site(who: Visitor, site_id: str, form: Form, *, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        site = registry.site(connection, site_id)
        if site is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such facility")
        thing = access.thing_of_site(connection, site.id)
        sent = guide.sent(connection, [site.id])
        questions = guide.questions(connection, [site.id])
    return who.page(
        "guide_site.html",
        {
            "site": site,
            "sent": sent,
            "questions": questions,
            "duties": duties(today(who)),
            "whole": WHOLE,
            "guide": guide.GUIDE,
            "may_send": who.may(Act.FACILITY_EDIT, thing),
            "form": form,
        },
        status=status,
        section="guide",
    )


async def _of_site(
    request: Request, site_id: str, about: str, do: Callable[[Visitor, dict[str, str]], object]
) -> Response:
    def run(who: Visitor, values: dict[str, str]) -> str:
        do(who, values)
        return f"/guide/sites/{site_id}#{about}"

    return await _sent(request, about, run, lambda who, form: _site(who, site_id, form, status=422))


@routes.post("/guide/sites/{site_id}/sent")
async def send_send(request: Request, site_id: str) -> Response:
    """Send the guide or a card."""
    return await _of_site(
        request,
        site_id,
        "sent",
        lambda who, values: send(who, site_id, values.get("what", "")[:40]),
    )


@routes.post("/guide/sites/{site_id}/questions")
async def ask_send(request: Request, site_id: str) -> Response:
    """Ask."""
    return await _of_site(
        request,
        site_id,
        "questions",
        lambda who, values: ask(who, site_id, values.get("asked", "")),
    )


@routes.post("/guide/sites/{site_id}/receipts")
async def receive_send(request: Request, site_id: str) -> Response:
    """Say that something sent is there."""
    return await _of_site(
        request, site_id, "sent", lambda who, values: receive(who, values.get("sent", ""))
    )


@routes.post("/guide/sites/{site_id}/answers")
async def answer_send(request: Request, site_id: str) -> Response:
    """Answer a question."""
    return await _of_site(
        request, site_id, "questions",
        lambda who, values: answer(who, values.get("question", ""), values.get("answer", "")),
    )  # fmt: skip


@routes.get("/guide/sites/{site_id}/sent/{sent_id}.pdf")
def sent_file(who: Signed, site_id: str, sent_id: str) -> Response:
    """The bytes that were sent."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = guide.sent_of(connection, sent_id[:40])
        if found.site_id != site_id:
            raise VonggacError(Kind.NOT_FOUND, "nothing like this was sent")
        content = guide.sent_content(connection, found.id)
    headers = {"Content-Disposition": f'inline; filename="{found.what}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


def rule_json(one: guide.Rule) -> dict[str, Any]:
    """A rule in force, as the API says it."""
    basis = one.basis
    return {
        "code": one.default.code,
        "area": one.default.area,
        "name": one.default.name.vi,
        "value": one.value.vi,
        "said": one.sentence.vi,
        "source": one.source.vi,
        "default": one.is_ours,
        "changes": one.default.changes or None,
        "where": one.default.where.vi,
        "choices": list(one.default.choices) or None,
        "basis": None if basis is None else _basis_json(basis),
        "coming": None if one.coming is None else _basis_json(one.coming),
    }


def _basis_json(one: guide.Basis) -> dict[str, Any]:
    return {
        "document": one.document, "page": one.page, "point": one.point, "said": one.said,
        "value": one.value, "codes": list(one.codes) or None, "from": one.since.isoformat(),
        "directive": one.directive_id, "by": one.tied_by,
    }  # fmt: skip
