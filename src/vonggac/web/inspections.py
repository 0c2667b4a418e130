"""Pages of inspections: who is due, the plan, one inspection from its facts to its minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.db import inspection as db
from vonggac.domain import (
    access,
    directives,
    findings,
    guide,
    inspection_facts,
    inspection_papers,
    inspections,
    letters,
    papers,
    pictures,
    units,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import Act
from vonggac.domain.inspection_input import MAX_SITES, Answer, Minutes, RoundDraft
from vonggac.errors import Kind, VonggacError
from vonggac.web import citing, dates, evidence_api, register
from vonggac.web import inspection_forms as forms
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.inspections import Inspection
    from vonggac.paper.letter import Letter

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

SECTION = "inspections"
FIELDS = 300
"""Fields of a form at most: eleven items with five each, and the facilities of a decision."""
PAGE = 50
"""Facilities, and inspections, of one page of a list (ours)."""


# -- what pages and API share ----------------------------------------------------------------


def found(connection: Connection, who: Visitor, inspection_id: str, act: Act) -> Inspection:
    """An inspection to whose facility the visitor may do this.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    it = inspections.find(connection, inspection_id[:40])
    forms.by(connection, who, act, it.site_id)
    return it


def change(
    who: Visitor, inspection_id: str, do: Callable[[Connection, Inspection, Someone], Any]
) -> Any:
    """Ask whether the visitor may inspect there, then do it in a transaction of its own."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        it = found(connection, who, inspection_id, Act.INSPECTION_MAKE)
        by = forms.by(connection, who, Act.INSPECTION_MAKE, it.site_id)
    with who.desk.database.writing() as connection:
        return do(connection, it, by)


def plan(who: Visitor, draft: RoundDraft) -> str:
    """Enter a decision; every facility of it must be one where the visitor may inspect."""
    who.signed_in  # noqa: B018
    someone = None
    with who.desk.database.reading() as connection:
        for site_id in draft.sites[:MAX_SITES]:
            someone = forms.by(connection, who, Act.INSPECTION_MAKE, site_id)
        citing.seen(connection, who, draft.directive_id)
    if someone is None:
        raise VonggacError(Kind.BAD_INPUT, "sites: required", fields={"sites": "required"})
    with who.desk.database.writing() as connection:
        return inspections.plan(connection, draft, by=someone, now_ns=who.desk.now_ns())


def start(who: Visitor, inspection_id: str) -> Inspection:
    """Begin, with what the ledger knows now."""
    made: Inspection = change(
        who, inspection_id,
        lambda connection, it, by: inspections.start(
            connection, it.id, who.desk.placement, by=by, now_ns=who.desk.now_ns()
        ),
    )  # fmt: skip
    return made


def drop(who: Visitor, inspection_id: str) -> None:
    """Take a planned inspection out of the plan."""
    change(
        who, inspection_id,
        lambda connection, it, by: inspections.drop(
            connection, it.id, by=by, now_ns=who.desk.now_ns()
        ),
    )  # fmt: skip


def close(
    who: Visitor, inspection_id: str, minutes: Minutes, answers: Sequence[Answer]
) -> Inspection:
    """Make the minutes, open what has to be mended, draft the paper; once."""
    now_ns = who.desk.now_ns()

    def do(connection: Connection, it: Inspection, by: Someone) -> Inspection:
        made, fresh = inspections.close(
            connection, it.id, minutes, answers=answers, by=by, now_ns=now_ns
        )
        if fresh:
            of = inspections.find_round(connection, made.round_id)
            findings.open_all(connection, made, directive_id=of.directive_id, by=by, now_ns=now_ns)
            paper_id = papers.draft(
                connection, letter_of(connection, made), about=f"inspection:{made.id}",
                site_id=made.site_id, unit_id=None, directive_id=of.directive_id, by=by,
                now_ns=now_ns,
            )  # fmt: skip
            inspections.keep_paper(connection, db.inspection, made.id, paper_id)
        return inspections.find(connection, made.id)

    made: Inspection = change(who, inspection_id, do)
    return made


def letter_of(connection: Connection, it: Inspection) -> Letter:
    """The minutes as they stand: whole when the inspection is done, a draft before."""
    of = inspections.find_round(connection, it.round_id)
    return inspection_papers.minutes(
        connection, it, of, inspections.answers_of(connection, it.id),
        findings.of_inspection(connection, it.id),
    )  # fmt: skip


def decide(who: Visitor, round_id: str) -> str:
    """Draft the decision of a round; returns the id of the paper."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        of, every, by = round_of(connection, who, round_id, Act.INSPECTION_MAKE)
    with who.desk.database.writing() as connection:
        if of.paper_id is not None:
            return of.paper_id
        letter = inspection_papers.decision(connection, of, every, now_ns=now_ns)
        paper_id = papers.draft(
            connection, letter, about=f"inspection:{every[0].id}", site_id=every[0].site_id,
            unit_id=None, directive_id=of.directive_id, by=by, now_ns=now_ns,
        )  # fmt: skip
        inspections.keep_paper(connection, db.inspection_round, of.id, paper_id)
    return paper_id


def round_of(
    connection: Connection, who: Visitor, round_id: str, act: Act
) -> tuple[inspections.Round, list[Inspection], Someone]:
    """A decision, those of its inspections where the visitor may do this, and who they are.

    Raises:
        VonggacError: NOT_FOUND; FORBIDDEN, at none of them.
    """
    of = inspections.find_round(connection, round_id[:40])
    mine = set(forms.sites(connection, who, act))
    every = inspections.of_round(connection, of.id)
    here = [one for one in every if one.site_id in mine]
    if not here:
        raise VonggacError(Kind.NOT_FOUND, "there is no such decision")
    return of, here, forms.by(connection, who, act, here[0].site_id)


def switch(who: Visitor, *, remote: bool, reason: str) -> None:
    """Let remote inspections count below the unit of the visitor's role, or not any more."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    held = [
        one for one in who.person.held
        if Act.INSPECTION_RULE in one.acts and one.lasts(now_ns) and not one.sites
    ]  # fmt: skip
    role = next((one for one in held if one.unit is None), held[0] if held else None)
    if role is None:
        raise VonggacError(Kind.FORBIDDEN, "no role of yours rules this", code="outside_scope")
    by = evidence_api.someone(who, access.Verdict(True, "role", role))
    with who.desk.database.writing() as connection:
        inspections.set_switch(
            connection, role.unit, remote=remote, reason=reason, by=by, now_ns=now_ns
        )


def attach(who: Visitor, inspection_id: str, content: bytes, item: str, client_id: str) -> str:
    """Keep a photograph of an inspection."""
    picture = pictures.taken(content)
    made: str = change(
        who, inspection_id,
        lambda connection, it, by: inspections.attach(
            connection, it.id, picture, item=item, client_id=client_id, by=by,
            now_ns=who.desk.now_ns(),
        ),
    )  # fmt: skip
    return made


# -- the list --------------------------------------------------------------------------------


@routes.get("/inspections")
def inspections_page(
    who: Signed,
    q: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[str, Query(max_length=6)] = "1",
) -> Response:
    """Who is overdue, first; then who is due, what is planned, what was found."""
    return _list(who, Form(), wanted=q, page=forms.page_in(page))


def _list(
    who: Visitor, form: Form, status: int = 200, *, wanted: str = "", page: int = 1
) -> Response:
    who.signed_in  # noqa: B018
    now_ns, day = who.desk.now_ns(), forms.today(who)
    start = (page - 1) * PAGE
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        makes = set(forms.sites(connection, who, Act.INSPECTION_MAKE))
        named = set(forms.sites(connection, who, Act.FACILITY_SEE))
        names = forms.titles(connection, list(named))
        dues = inspections.dues(connection, seen, day)
        fitting = _fitting(connection, dues, names, wanted, form, day)
        shown = fitting[start : start + PAGE]
        hidden = sorted(named - set(seen))
        values = {
            "names": names,
            "units": units.names_of_sites(connection, day, [one.site_id for one in shown]),
            "dues": shown,
            "found": len(fitting),
            "late": sum(one.late(day) > 0 for one in dues),
            "hidden": hidden[:PAGE],
            "more_hidden": max(0, len(hidden) - PAGE),
            "open": inspections.listed(connection, seen, states=("planned", "open"), most=PAGE),
            "done": inspections.listed(connection, seen, states=("done",), most=PAGE),
            "makes": makes,
            "remote": inspections.switch_of(connection, _path(who)),
            "rule": guide.rule(connection, inspections.INTERVAL, day),
            "orders": citing.offered(connection, who) if makes else [],
            "body": forms.body_of(connection, who, Act.INSPECTION_MAKE),
        }
    return who.page(
        "inspections.html",
        {
            **values,
            "form": form,
            "page": page,
            "size": PAGE,
            "wanted": wanted,
            "soon": book.numbers().soon_days,
            "today": day,
            "day": dates.write_day(day),
            "may_rule": who.can("inspection_rule"),
            "now_ns": now_ns,
            "path": "/inspections",
        },
        status=status,
        section=SECTION,
    )


def _fitting(
    connection: Connection,
    dues: Sequence[inspections.Due],
    names: Mapping[str, str],
    wanted: str,
    form: Form,
    day: date,
) -> list[inspections.Due]:
    """Those whose name or unit has every word; what was ticked before a refusal comes first."""
    ticked = {name.removeprefix("site-") for name in form.values if name.startswith("site-")}
    words = units.folded(wanted).split()[:10]
    fitting = list(dues)
    if words:
        of_units = units.names_of_sites(connection, day)
        said = {
            one.site_id: units.folded(
                f"{names.get(one.site_id, '')} {getattr(of_units.get(one.site_id), 'vi', '')}"
            )
            for one in dues
        }
        fitting = [one for one in dues if all(word in said[one.site_id] for word in words)]
    return sorted(fitting, key=lambda one: one.site_id not in ticked)


def _path(who: Visitor) -> tuple[str, ...]:
    """The units of the hub's own facility: what the switch of the page is about."""
    return who.here.path if who.here else ()


async def _fields(request: Request) -> dict[str, str]:
    return form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))


@routes.post("/inspections")
async def plan_send(request: Request) -> Response:
    """Enter a decision with its facilities."""
    sent = await request.form(max_files=0, max_fields=FIELDS)
    values = form_values(dict(sent))
    sites = tuple(str(one)[:40] for one in sent.getlist("site"))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            draft = RoundDraft(
                values.get("title", ""), values.get("body", ""),
                forms.people_in(values.get("team", "")), sites,
                forms.day_in(values, "planned"), values.get("way", ""),
                values.get("decision", ""), forms.day_in(values, "decided"),
                values.get("directive", "")[:40] or None,
            )  # fmt: skip
            made = plan(who, draft)
        except VonggacError as error:
            kept = {**values, **dict.fromkeys((f"site-{one}" for one in sites), "yes")}
            return forms.refused(who, kept, error, lambda form, code: _list(who, form, code))
        return RedirectResponse(f"/inspections/rounds/{made}", 303)

    return await run_in_threadpool(send)


@routes.post("/inspections/remote")
async def switch_send(request: Request) -> Response:
    """Let remote inspections count, or not any more."""
    values = await _fields(request)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            switch(who, remote=values.get("remote") == "yes", reason=values.get("reason", ""))
        except VonggacError as error:
            return forms.refused(who, values, error, lambda form, code: _list(who, form, code))
        return RedirectResponse("/inspections#remote", 303)

    return await run_in_threadpool(send)


# -- one decision ----------------------------------------------------------------------------


@routes.get("/inspections/rounds/{round_id}")
def round_page(who: Signed, round_id: str) -> Response:
    """A decision: who goes, to which facilities, when."""
    return _round(who, round_id, Form())


def _round(who: Visitor, round_id: str, form: Form, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        of, here, _ = round_of(connection, who, round_id, Act.INSPECTION_SEE)
        names = forms.titles(connection, [one.site_id for one in here])
        order = directives.find(connection, of.directive_id) if of.directive_id else None
        makes = forms.may(connection, who, Act.INSPECTION_MAKE, here[0].site_id)
    return who.page(
        "inspection_round.html",
        {"of": of, "every": here, "names": names, "makes": makes, "form": form, "order": order},
        status=status,
        section=SECTION,
    )


@routes.post("/inspections/rounds/{round_id}")
async def round_send(request: Request, round_id: str) -> Response:
    """Draft the decision, or enter the number and the day that it got."""
    values = await _fields(request)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            if values.get("do") == "draft":
                return RedirectResponse(f"/papers/{decide(who, round_id)}", 303)
            note_decision(who, round_id, values.get("decision", ""), values.get("decided", ""))
        except VonggacError as error:
            return forms.refused(
                who, values, error, lambda form, code: _round(who, round_id, form, code)
            )
        return RedirectResponse(f"/inspections/rounds/{round_id[:40]}", 303)

    return await run_in_threadpool(send)


def note_decision(who: Visitor, round_id: str, number: str, decided: str) -> None:
    """Enter number and day of a decision."""
    who.signed_in  # noqa: B018
    day = forms.day(decided, "decided")
    with who.desk.database.reading() as connection:
        of, _, by = round_of(connection, who, round_id, Act.INSPECTION_MAKE)
    with who.desk.database.writing() as connection:
        inspections.note_decision(
            connection, of.id, number=number, decided=day, by=by, now_ns=who.desk.now_ns()
        )


# -- one inspection --------------------------------------------------------------------------


@routes.get("/inspections/{inspection_id}")
def inspection_page(who: Signed, inspection_id: str) -> Response:
    """The checklist with the facts of the ledger; works without signal once it is open."""
    return show(who, inspection_id, Form())


def show(who: Visitor, inspection_id: str, form: Form, status: int = 200) -> Response:
    """The page of an inspection."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, inspection_id, Act.INSPECTION_SEE)
        of = inspections.find_round(connection, it.round_id)
        answers = inspections.answers_of(connection, it.id)
        names = forms.titles(connection, [it.site_id])
        rule = guide.rule(connection, inspections.INTERVAL, forms.today(who))
        before = [
            one for one in inspections.listed(connection, [it.site_id], states=("done",))
            if one.id != it.id
        ]  # fmt: skip
        values = {
            "it": it,
            "of": of,
            "site": names[it.site_id],
            "before": before[:1],
            "photos": inspections.photos(connection, it.id),
            "findings": findings.of_inspection(connection, it.id),
            "papers": papers.of(connection, f"inspection:{it.id}")
            if who.can("paper_see") else [],
            "may_make": forms.may(connection, who, Act.INSPECTION_MAKE, it.site_id),
            "due": inspections.dues(connection, [it.site_id], forms.today(who)),
        }  # fmt: skip
    typed = {**forms.answers_out(answers), **form.values}
    judged = {code: typed.get(f"v-{code}", "") for code in book.items()}
    return who.page(
        "inspection.html",
        {
            **values,
            "form": Form(typed, form.faults, form.general),
            "items": list(book.items().values()),
            "sections": book.sections(),
            "said": {
                code: inspection_facts.say(one, who.t.language) for code, one in it.facts.items()
            },
            "judged": judged,
            "counts": {one: list(judged.values()).count(one) for one in ("pass", "fail", "na", "")},
            "rule": rule,
            "default": book.labels()["default"],
            "today": forms.today(who),
            "soon": book.numbers().soon_days,
            "path": f"/inspections/{it.id}",
        },
        status=status,
        section=SECTION,
    )


@routes.post("/inspections/{inspection_id}/start")
async def start_send(request: Request, inspection_id: str) -> Response:
    """Begin, or take the inspection out of the plan."""
    values = await _fields(request)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            if values.get("do") == "drop":
                drop(who, inspection_id)
                return RedirectResponse("/inspections", 303)
            start(who, inspection_id)
        except VonggacError as error:
            return _again(who, inspection_id, values, error)
        return RedirectResponse(f"/inspections/{inspection_id[:40]}", 303)

    return await run_in_threadpool(send)


@routes.post("/inspections/{inspection_id}/answers")
async def answers_send(request: Request, inspection_id: str) -> Response:
    """Keep what was found so far."""
    values = await _fields(request)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            answers = forms.answers_in(values)
            change(
                who, inspection_id,
                lambda connection, it, by: inspections.answer(
                    connection, it.id, answers, by=by, now_ns=who.desk.now_ns()
                ),
            )  # fmt: skip
        except VonggacError as error:
            return _again(who, inspection_id, values, error)
        return RedirectResponse(f"/inspections/{inspection_id[:40]}#kept", 303)

    return await run_in_threadpool(send)


@routes.post("/inspections/{inspection_id}/minutes")
async def minutes_send(request: Request, inspection_id: str) -> Response:
    """Make the minutes."""
    values = await _fields(request)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        refused = values.get("how") == "refused"
        try:
            minutes = Minutes(
                () if refused else forms.people_in(values.get("present", "")),
                values.get("opinion", ""), values.get("refused", "") if refused else "",
                values.get("witness", "") if refused else "", values.get("client_id", ""),
            )  # fmt: skip
            close(who, inspection_id, minutes, forms.answers_in(values))
        except VonggacError as error:
            return _again(who, inspection_id, values, error)
        return RedirectResponse(f"/inspections/{inspection_id[:40]}", 303)

    return await run_in_threadpool(send)


@routes.post("/inspections/{inspection_id}/photos")
async def photo_send(request: Request, inspection_id: str) -> Response:
    """Attach a photograph."""
    values, sent = await register.sent_pictures(request, files=1)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            attach(
                who, inspection_id, sent[0] if sent else b"", values.get("item", ""),
                values.get("client_id", ""),
            )  # fmt: skip
        except VonggacError as error:
            return _again(who, inspection_id, values, error)
        return RedirectResponse(f"/inspections/{inspection_id[:40]}#photos", 303)

    return await run_in_threadpool(send)


def _again(
    who: Visitor, inspection_id: str, values: Mapping[str, str], error: VonggacError
) -> Response:
    return forms.refused(
        who, values, error, lambda form, code: show(who, inspection_id, form, code)
    )


@routes.get("/inspections/{inspection_id}/photos/{photo_id}")
def photo(who: Signed, inspection_id: str, photo_id: str) -> Response:
    """A photograph of an inspection."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, inspection_id, Act.INSPECTION_SEE)
        media_type, content = inspections.photo_content(connection, it.id, photo_id[:40])
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(content, media_type=media_type, headers=headers)


@routes.get("/inspections/{inspection_id}/minutes.docx")
def minutes_word(who: Signed, inspection_id: str) -> Response:
    """The minutes as they stand, as a document of Word."""
    from vonggac.paper import word

    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, inspection_id, Act.INSPECTION_SEE)
        letter = letter_of(connection, it)
        template = letters.template_content(connection)
    return _download(word.document(letter, template), word.MEDIA_TYPE, "bien-ban-kiem-tra.docx")


@routes.get("/inspections/{inspection_id}/minutes.pdf")
def minutes_paper(who: Signed, inspection_id: str) -> Response:
    """The same as PDF."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        letter = letter_of(connection, found(connection, who, inspection_id, Act.INSPECTION_SEE))
    return _download(paper.official(letter), "application/pdf", "bien-ban-kiem-tra.pdf")


def _download(content: bytes, media_type: str, name: str) -> Response:
    return Response(
        content,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
