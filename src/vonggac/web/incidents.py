"""Records of incidents: pages with the clocks of the law, the record on paper, and the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import access, audit, incidents, legal, letters, registry
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, incident_paper, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.notices import FAULTS, faults, this_minute
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

KINDS: Mapping[str, str] = {
    "personal_data": "Dữ liệu cá nhân",
    "security": "An toàn hệ thống",
}
STEPS: Mapping[str, str] = {
    "contained": "Đã ngăn chặn",
    "subjects_told": "Đã báo cho người bị ảnh hưởng",
    "note": "Ghi chú",
    "closed": "Đóng hồ sơ",
}
"""Steps besides the clocks, which the rules name."""


class IncidentBody(BaseModel):
    """What happened."""

    model_config = ConfigDict(extra="forbid")

    site: str = Field(max_length=40)
    kind: str = Field(max_length=20, description="personal_data or security")
    serious: bool = False
    title: str = Field(min_length=1, max_length=incidents.MAX_TITLE)
    said: str = Field(min_length=1, max_length=incidents.MAX_SAID)
    affected: str = Field(default="", max_length=incidents.MAX_SAID)
    found: str = Field(max_length=40, description="RFC 3339")


class StepBody(BaseModel):
    """What was done."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(
        max_length=20, description="a clock, contained, subjects_told, note or closed"
    )
    said: str = Field(min_length=1, max_length=incidents.MAX_SAID)
    done: str = Field(max_length=40, description="RFC 3339")


@dataclass(frozen=True, slots=True)
class Shown:
    """A record with its clocks."""

    incident: incidents.Incident
    clocks: list[incidents.Clock]

    @property
    def running(self) -> incidents.Clock | None:
        """The clock that runs out first; None when all have stopped."""
        return next((one for one in self.clocks if one.done is None), None)


# -- what pages and API share ----------------------------------------------------------------


def _listed(who: Visitor) -> list[Shown]:
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        sites = access.sites_for(connection, who.person, Act.INCIDENT_EDIT, who.desk.now_ns())
        return [
            Shown(one, incidents.clocks(connection, one))
            for one in incidents.listed(connection, sites)
        ]


def _by(connection: Connection, who: Visitor, site_id: str) -> Someone:
    thing = access.thing_of_site(connection, site_id)
    verdict = rights.require(connection, who, Act.INCIDENT_EDIT, thing)
    return evidence_api.someone(who, verdict)


def _allowed(who: Visitor, incident_id: str) -> tuple[Shown, Someone]:
    """A record that is the visitor's to keep, and who keeps it."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = incidents.find(connection, incident_id[:40])
        by = _by(connection, who, found.site_id)
        return Shown(found, incidents.clocks(connection, found)), by


def _open(who: Visitor, draft: incidents.Draft) -> incidents.Incident:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        by = _by(connection, who, draft.site_id)
    with who.desk.database.writing() as connection:
        return incidents.open_record(connection, draft, by=by, now_ns=who.desk.now_ns())


def _add(who: Visitor, incident_id: str, kind: str, said: str, done_ns: int) -> incidents.Step:
    found, by = _allowed(who, incident_id)
    with who.desk.database.writing() as connection:
        return incidents.add_step(
            connection, found.incident.id, kind=kind, said=said, done_ns=done_ns, by=by,
            now_ns=who.desk.now_ns(),
        )  # fmt: skip


def step_names(incident: incidents.Incident, who: Visitor) -> dict[str, str]:
    """What each kind of step is called: the clocks of the rules, then the rest."""
    rules = legal.clocks(legal.day_of(incident.found_ns))
    return {code: who.t.of(rule.name) for code, rule in rules.items()} | {
        code: who.t(said) for code, said in STEPS.items()
    }


# -- pages -----------------------------------------------------------------------------------


@routes.get("/incidents")
def incidents_page(who: Signed) -> Response:
    """Every record, open ones first, and the form for another."""
    return _page(who, Form({"found": this_minute(who)}))


def _page(who: Visitor, form: Form, *, status: int = 200) -> Response:
    shown = _listed(who)
    with who.desk.database.reading() as connection:
        sites = rights.shown_sites(connection, who, Act.INCIDENT_EDIT)
        unchecked = legal.unchecked(connection)
    rules = legal.clocks(legal.day_of(who.desk.now_ns()))
    return who.page(
        "incidents.html",
        {
            "shown": shown,
            "sites": sites,
            "kinds": KINDS,
            "rules": list(rules.values()),
            "bases": [legal.bases()[code] for code in {rule.basis for rule in rules.values()}],
            "unchecked": unchecked,
            "form": form,
        },
        status=status,
        section="incidents",
    )


@routes.post("/incidents")
async def incidents_send(request: Request) -> Response:
    """Open a record."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            made = _open(
                who,
                incidents.Draft(
                    site_id=values.get("site", "")[:40],
                    kind=values.get("kind", ""),
                    serious=values.get("serious") == "yes",
                    title=values.get("title", ""),
                    said=values.get("said", ""),
                    affected=values.get("affected", ""),
                    found_ns=dates.moment_in(values, "found"),
                ),
            )
        except VonggacError as error:
            found = faults(who, error)
            if not found:
                raise
            return _page(who, Form(values, found), status=422)
        return RedirectResponse(f"/incidents/{made.id}", 303)

    return await run_in_threadpool(send)


@routes.get("/incidents/{incident_id}")
def incident_page(who: Signed, incident_id: str) -> Response:
    """One record: its clocks, what was done, and what is done next."""
    return _one_page(who, incident_id, Form({"done": this_minute(who)}))


def _one_page(
    who: Visitor, incident_id: str, form: Form, *, fault: str = "", status: int = 200
) -> Response:
    shown, _ = _allowed(who, incident_id)
    with who.desk.database.reading() as connection:
        site = registry.site(connection, shown.incident.site_id)
        steps = incidents.steps(connection, shown.incident.id)
        unchecked = legal.unchecked(connection)
    done = {one.rule.code for one in shown.clocks if one.done}
    names = step_names(shown.incident, who)
    over = {one.rule.code for one in shown.clocks}
    return who.page(
        "incident.html",
        {
            "it": shown.incident,
            "clocks": shown.clocks,
            "bases": legal.bases(),
            "unchecked": unchecked,
            "site": site,
            "steps": steps,
            "names": names,
            "kinds": KINDS,
            "choices": [
                code for code in names if code not in done and (code in over or code in STEPS)
            ],
            "form": form,
            "fault": fault,
            "path": f"/incidents/{shown.incident.id}",
        },
        status=status,
        section="incidents",
    )


@routes.post("/incidents/{incident_id}")
async def incident_send(request: Request, incident_id: str) -> Response:
    """Enter what was done."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            done_ns = dates.moment_in(values, "done")
            _add(who, incident_id, values.get("kind", ""), values.get("said", ""), done_ns)
        except VonggacError as error:
            found, code = faults(who, error), str(error.detail.get("code", ""))
            if not found and code not in FAULTS:
                raise
            fault = who.t(FAULTS[code]) if code in FAULTS else ""
            return _one_page(who, incident_id, Form(values, found), fault=fault, status=422)
        return RedirectResponse(f"/incidents/{incident_id}", 303)

    return await run_in_threadpool(send)


@routes.get("/incidents/{incident_id}/record.pdf")
def record_pdf(who: Signed, incident_id: str) -> Response:
    """The record on paper; Vietnamese whatever the page's language."""
    record, by = _record(who, incident_id)
    made = paper.pdf("incident", incident_paper.values(record))
    return _file(who, record, by, made, "pdf", "application/pdf")


@routes.get("/incidents/{incident_id}/record.docx")
def record_docx(who: Signed, incident_id: str) -> Response:
    """The same as a draft that is finished by hand, in the layout of decree 30/2020."""
    record, by = _record(who, incident_id)
    # python-docx costs a start of the program more than all else; few requests need it.
    from vonggac.paper import word

    with who.desk.database.reading() as connection:
        template = letters.template_content(connection)
    made = word.document(incident_paper.letter(record), template)
    return _file(who, record, by, made, "docx", word.MEDIA_TYPE)


def _record(who: Visitor, incident_id: str) -> tuple[incident_paper.Record, Someone]:
    shown, by = _allowed(who, incident_id)
    it = shown.incident
    with who.desk.database.reading() as connection:
        site = registry.site(connection, it.site_id)
        return (
            incident_paper.Record(
                it,
                shown.clocks,
                incidents.steps(connection, it.id),
                agency=(site.title or site.name) if site else "",
                unread=legal.unchecked(connection),
                kinds=KINDS,
                steps_named=STEPS,
                now_ns=who.desk.now_ns(),
            ),
            by,
        )


def _file(
    who: Visitor, record: incident_paper.Record, by: Someone, made: bytes, kind: str, media: str
) -> Response:
    it = record.incident
    with who.desk.database.writing() as connection:
        audit.record(
            connection,
            by.actor,
            audit.Act.DOCUMENT_MADE,
            now_ns=record.now_ns,
            thing=it.id,
            site=it.site_id,
            detail={"what": "incident record", "file": kind},
        )
    return Response(
        made,
        media_type=media,
        headers={"Content-Disposition": f'inline; filename="su-co-{it.id}.{kind}"'},
    )


# -- API -------------------------------------------------------------------------------------


@api.get("/incidents", summary="Records of incidents")
def every_incident(who: Signed) -> dict[str, Any]:
    """Open ones first, with their clocks."""
    now_ns = who.desk.now_ns()
    return {"incidents": [incident_json(one, now_ns) for one in _listed(who)]}


@api.post("/incidents", summary="Open a record", status_code=201)
async def open_incident(request: Request, body: IncidentBody) -> dict[str, Any]:
    """The clocks run from when it was found."""

    def open_it() -> dict[str, Any]:
        who = visitor(request)
        draft = incidents.Draft(
            body.site, body.kind, body.serious, body.title, body.said, body.affected,
            _ns(body.found, "found"),
        )  # fmt: skip
        made = _open(who, draft)
        return incident_json(_allowed(who, made.id)[0], who.desk.now_ns())

    return await run_in_threadpool(open_it)


@api.get("/incidents/{incident_id}", summary="One record")
def one_incident(who: Signed, incident_id: str) -> dict[str, Any]:
    """Clocks and steps."""
    shown, _ = _allowed(who, incident_id)
    with who.desk.database.reading() as connection:
        steps = incidents.steps(connection, shown.incident.id)
    told = [
        {
            "kind": step.kind,
            "said": step.said,
            "done": rfc3339(step.done_ns),
            "entered": {"by": step.entered_by, "at": rfc3339(step.entered_ns)},
        }
        for step in steps
    ]
    return {**incident_json(shown, who.desk.now_ns()), "steps": told}


@api.post("/incidents/{incident_id}/steps", summary="Enter what was done", status_code=201)
async def add_step(request: Request, incident_id: str, body: StepBody) -> dict[str, Any]:
    """A step that is a clock stops it."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        _add(who, incident_id, body.kind, body.said, _ns(body.done, "done"))
        return incident_json(_allowed(who, incident_id)[0], who.desk.now_ns())

    return await run_in_threadpool(add)


def _ns(text: str, field: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise VonggacError(Kind.BAD_INPUT, f"{field}: no RFC 3339 time") from None


def incident_json(shown: Shown, now_ns: int) -> dict[str, Any]:
    """A record as the API says it."""
    it = shown.incident
    return {
        "id": it.id,
        "site": it.site_id,
        "kind": it.kind,
        "serious": it.serious,
        "title": it.title,
        "said": it.said,
        "affected": it.affected or None,
        "found": rfc3339(it.found_ns),
        "opened": {"by": it.opened_by, "at": rfc3339(it.opened_ns)},
        "closed": None
        if it.closed_ns is None
        else {"by": it.closed_by, "at": rfc3339(it.closed_ns)},
        "clocks": [
            {
                "code": one.rule.code,
                "until": rfc3339(one.until_ns),
                "done": rfc3339(one.done.done_ns) if one.done else None,
                "late": one.is_late(now_ns),
                "basis": legal.bases()[one.rule.basis].number,
            }
            for one in shown.clocks
        ],
    }
