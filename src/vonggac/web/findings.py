"""Pages of what has to be mended, and of the letters that urge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import findings, inspection_facts, inspections, papers, pictures, reminders
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import Act
from vonggac.domain.findings import Proof
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, register
from vonggac.web import inspection_forms as forms
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.findings import Finding

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]
SECTION = "inspections"
FIELDS = 30
PAGE = 50
"""Findings, and late things, of one page of a list (ours)."""
LETTERS = 100
"""Letters of the list at most, the newest ones (ours)."""


# -- what pages and API share ----------------------------------------------------------------


def found(connection: Connection, who: Visitor, finding_id: str, act: Act) -> Finding:
    """A finding to whose facility the visitor may do this.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    it = findings.find(connection, finding_id[:40])
    forms.by(connection, who, act, it.site_id)
    return it


def answering(who: Visitor, finding_id: str) -> tuple[Finding, Someone]:
    """A finding, and who brings proof of it: the facility that answers, or an inspector.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN.
    """
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        it = findings.find(connection, finding_id[:40])
        inspects = forms.may(connection, who, Act.INSPECTION_MAKE, it.site_id)
        act = Act.INSPECTION_MAKE if inspects else Act.FINDING_ANSWER
        return it, forms.by(connection, who, act, it.site_id)


def attach(who: Visitor, finding_id: str, content: bytes, client_id: str) -> str:
    """Keep a photograph that will prove something; returns its id."""
    it, by = answering(who, finding_id)
    if it.state != "open":
        raise VonggacError(Kind.CONFLICT, "this finding is not open", code="finding_state")
    picture = pictures.taken(content)
    with who.desk.database.writing() as connection:
        return inspections.attach(
            connection, it.inspection_id, picture, finding_id=it.id, client_id=client_id, by=by,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


def photos(who: Visitor, finding_id: str) -> list[inspections.Photo]:
    """Photographs of a finding, for those who may see the inspection."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, finding_id, Act.INSPECTION_SEE)
        every = inspections.photos(connection, it.inspection_id)
    return [one for one in every if one.finding_id == it.id]


def prove(who: Visitor, finding_id: str, proof: Proof, photo: bytes) -> Finding:
    """Bring proof, with a photograph where it is one and was not attached before."""
    it, by = answering(who, finding_id)
    now_ns = who.desk.now_ns()
    is_here = proof.proof == "photo" and not proof.proof_id
    picture = pictures.taken(photo) if is_here else None
    with who.desk.database.writing() as connection:
        if picture is not None:
            photo_id = inspections.attach(
                connection, it.inspection_id, picture, finding_id=it.id, by=by, now_ns=now_ns
            )
            proof = Proof("photo", proof.said, photo_id)
        return findings.prove(connection, it.id, proof, by=by, now_ns=now_ns)


def check(who: Visitor, finding_id: str, *, mended: bool, said: str, due: date | None) -> Finding:
    """Look again: close the finding, or open it again."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, finding_id, Act.INSPECTION_MAKE)
        by = forms.by(connection, who, Act.INSPECTION_MAKE, it.site_id)
    with who.desk.database.writing() as connection:
        return findings.check(
            connection, it.id, mended=mended, said=said, due=due, by=by, now_ns=who.desk.now_ns()
        )


def remind(who: Visitor, wanted: reminders.Draft) -> str:
    """Draft a letter that urges; what it is about must be of the facility that it names."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        by = forms.by(connection, who, Act.REMINDER_MAKE, wanted.site_id)
        late = reminders.late(connection, [wanted.site_id], forms.today(who))
        about = wanted.about or f"site:{wanted.site_id}"
        known = {one.about for one in late} | {f"site:{wanted.site_id}"}
    if about not in known:
        raise VonggacError(Kind.BAD_INPUT, "about: not late", fields={"about": "no_such"})
    with who.desk.database.writing() as connection:
        return reminders.draft(
            connection,
            reminders.Draft(
                wanted.site_id, about, wanted.level, wanted.what, wanted.due, wanted.body,
                wanted.addressee, wanted.answer_by,
            ),
            by=by,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


def mark_sent(who: Visitor, reminder_id: str, number: str, sent: date | None) -> reminders.Reminder:
    """Say that a letter was sent."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = reminders.find(connection, reminder_id[:40])
        by = forms.by(connection, who, Act.REMINDER_MAKE, it.site_id)
    with who.desk.database.writing() as connection:
        return reminders.mark_sent(
            connection, it.id, number=number, sent=sent, by=by, now_ns=who.desk.now_ns()
        )


# -- findings --------------------------------------------------------------------------------


@routes.get("/findings")
def findings_page(who: Signed, page: Annotated[str, Query(max_length=6)] = "1") -> Response:
    """What has to be mended, the earliest first."""
    who.signed_in  # noqa: B018
    number, still = forms.page_in(page), ("open", "proved")
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        some = findings.listed(
            connection, seen, states=still, offset=(number - 1) * PAGE, most=PAGE
        )
        over = findings.listed(connection, seen, states=("closed",), most=PAGE)
        found = findings.counted(connection, seen, still)
        names = forms.titles(connection, [one.site_id for one in (*some, *over)])
    return who.page(
        "findings.html",
        {
            "open": some,
            "over": over,
            "found": found,
            "page": number,
            "size": PAGE,
            "names": names,
            "items": book.items(),
            "today": forms.today(who),
            "soon": book.numbers().soon_days,
        },
        section=SECTION,
    )


@routes.get("/findings/{finding_id}")
def finding_page(who: Signed, finding_id: str) -> Response:
    """One finding: what is wrong, the proofs, the re-checks."""
    return _one(who, finding_id, Form())


def _one(who: Visitor, finding_id: str, form: Form, status: int = 200) -> Response:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = found(connection, who, finding_id, Act.INSPECTION_SEE)
        steps = findings.steps(connection, it.id)
        checks = forms.may(connection, who, Act.INSPECTION_MAKE, it.site_id)
        values = {
            "it": it,
            "inspection": inspections.find(connection, it.inspection_id),
            "site": forms.titles(connection, [it.site_id])[it.site_id],
            "steps": steps,
            "may_prove": checks or forms.may(connection, who, Act.FINDING_ANSWER, it.site_id),
            "may_check": checks,
        }
    return who.page(
        "finding.html",
        {
            **values,
            "item": book.items().get(it.item),
            "figures": [_figures(one.figures, who) for one in steps],
            "form": form,
            "today": forms.today(who),
            "soon": book.numbers().soon_days,
            "path": f"/findings/{it.id}",
        },
        status=status,
        section=SECTION,
    )


def _figures(figures: Mapping[str, Any], who: Visitor) -> tuple[str, int] | None:
    if not figures:
        return None
    return inspection_facts.say(figures["said"], who.t.language), int(figures["as_of_ns"])


@routes.post("/findings/{finding_id}/proof")
async def proof_send(request: Request, finding_id: str) -> Response:
    """Bring proof that it was mended."""
    values, sent = await register.sent_pictures(request, files=1)

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        kind = values.get("proof", "")
        export = values.get("export", "").strip() if kind == "clip" else ""
        proof = Proof(kind, values.get("said", ""), export)
        try:
            prove(who, finding_id, proof, sent[0] if sent else b"")
        except VonggacError as error:
            return _again(who, finding_id, values, error)
        return RedirectResponse(f"/findings/{finding_id[:40]}", 303)

    return await run_in_threadpool(send)


@routes.post("/findings/{finding_id}/check")
async def check_send(request: Request, finding_id: str) -> Response:
    """Look again."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            due = forms.day_in(values, "due")
            mended = values.get("do") == "close"
            check(who, finding_id, mended=mended, said=values.get("found", ""), due=due)
        except VonggacError as error:
            return _again(who, finding_id, values, error)
        return RedirectResponse(f"/findings/{finding_id[:40]}", 303)

    return await run_in_threadpool(send)


def _again(
    who: Visitor, finding_id: str, values: Mapping[str, str], error: VonggacError
) -> Response:
    return forms.refused(who, values, error, lambda form, code: _one(who, finding_id, form, code))


# -- reminders -------------------------------------------------------------------------------


@routes.get("/reminders")
def reminders_page(who: Signed, page: Annotated[str, Query(max_length=6)] = "1") -> Response:
    """What is late and to whom a letter goes next; the letters that were drafted and sent."""
    return _reminders(who, Form(), number=forms.page_in(page))


def _reminders(who: Visitor, form: Form, status: int = 200, *, number: int = 1) -> Response:
    who.signed_in  # noqa: B018
    day, start = forms.today(who), (number - 1) * PAGE
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        makes = forms.sites(connection, who, Act.REMINDER_MAKE)
        whole = reminders.late(connection, seen, day)
        # What was typed of one stands open again after a refusal: it comes first.
        whole.sort(key=lambda one: one.about != form.values.get("about"))
        late = whole[start : start + PAGE]
        every = reminders.of_site(connection, seen)[:LETTERS]
        issued = {
            one.id: papers.find(connection, one.paper_id)
            for one in every if one.paper_id and one.sent is None
        }  # fmt: skip
        levels = {one.about: (one.site_id, one.level.code) for one in late if one.level}
        known = reminders.addressees(connection, list(levels.values()), day)
        addressees = {about: known[key] for about, key in levels.items()}
        names = forms.titles(connection, [*seen, *makes])
        body = forms.body_of(connection, who, Act.REMINDER_MAKE)
    return who.page(
        "reminders.html",
        {
            "late": late,
            "found": len(whole),
            "page": number,
            "size": PAGE,
            "every": every,
            "issued": issued,
            "addressees": addressees,
            "names": names,
            "makes": makes,
            "body": body,
            "levels": {one.code: one for one in book.levels()},
            "default": book.labels()["default"],
            "form": form,
            "today": day,
            "day": dates.write_day(day),
            "path": "/reminders",
        },
        status=status,
        section=SECTION,
    )


@routes.post("/reminders")
async def remind_send(request: Request) -> Response:
    """Draft a letter."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            remind(who, reminders.Draft(
                values.get("site", "")[:40], values.get("about", "")[:80], values.get("level", ""),
                values.get("what", ""), forms.day_in(values, "due"), values.get("body", ""),
                values.get("addressee", ""), forms.day_in(values, "answer_by"),
            ))  # fmt: skip
        except VonggacError as error:
            return forms.refused(who, values, error, lambda form, code: _reminders(who, form, code))
        return RedirectResponse("/reminders#letters", 303)

    return await run_in_threadpool(send)


@routes.post("/reminders/{reminder_id}/sent")
async def sent_send(request: Request, reminder_id: str) -> Response:
    """Say that a letter was sent."""
    values = form_values(dict(await request.form(max_files=0, max_fields=FIELDS)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            mark_sent(who, reminder_id, values.get("number", ""), forms.day_in(values, "sent"))
        except VonggacError as error:
            values["of"] = reminder_id
            return forms.refused(who, values, error, lambda form, code: _reminders(who, form, code))
        return RedirectResponse("/reminders#letters", 303)

    return await run_in_threadpool(send)
