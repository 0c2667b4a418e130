"""Surveys as JSON: what their pages do, with the same rights."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import (
    campaigns,
    pictures,
    register,
    survey_calls,
    survey_forms,
    survey_links,
    surveys,
)
from vonggac.domain.access import Act
from vonggac.domain.survey_verdicts import facts_json
from vonggac.errors import Kind, VonggacError
from vonggac.web import survey_form, survey_pages
from vonggac.web import surveys as pages
from vonggac.web.desk import Visitor, visitor
from vonggac.wire import survey as wire_survey

if TYPE_CHECKING:
    from vonggac.domain.campaigns import Campaign
    from vonggac.domain.surveys import Answer, SurveyState

routes = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]
Line = Annotated[str, Field(max_length=survey_forms.LINE_MOST)]
Group = dict[Annotated[str, Field(max_length=20)], Line]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CampaignBody(_Body):
    """A campaign to be begun."""

    title: str = Field(min_length=1, max_length=campaigns.TITLE_MOST)
    due: date = Field(description="last day of an answer")
    answers: Literal["facility", "surveyor"] = "facility"
    directive: str | None = Field(default=None, max_length=40, description="id of the order")
    clause: str = Field(default="", max_length=20)
    unit: str | None = Field(default=None, max_length=40, description="id; with those below")
    lines: list[str] = Field(default_factory=list, max_length=3, description="owning lines")
    sites: list[str] = Field(default_factory=list, max_length=campaigns.SITES_MOST)


class ReminderBody(_Body):
    """To whom a reminder goes."""

    unit: str = Field(max_length=40, description="id of the unit of the facilities")


class LinkBody(_Body):
    """How long a link lives."""

    days: int = Field(ge=1, le=survey_links.LINK_DAYS_MOST)


class CallBody(_Body):
    """A telephone call."""

    called: str = Field(max_length=40, description="RFC 3339")
    outcome: Literal["answered", "silent", "refused"]
    person: str = Field(default="", max_length=200, description="who was reached, or refuses")
    said: str = Field(default="", max_length=1000, description="what was answered, or the reason")


class AnswerBody(_Body):
    """What a facility answers; the words are those of `rules/survey.toml`."""

    client_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{8,64}$", description="what is sent twice is kept once"
    )
    person: Group
    contact: Group
    sizes: Group = Field(default_factory=dict)
    premises: Group = Field(default_factory=dict)
    absent: Group = Field(default_factory=dict, description="places that are not there, and why")
    cameras: list[Group] = Field(default_factory=list, max_length=100)
    note: str = Field(default="", max_length=1000)


class CameraBody(_Body):
    """Which camera of the register."""

    camera: str = Field(max_length=63, description="its name in the facility")


class JudgementBody(_Body):
    """What the surveyor says of the answers."""

    verified: bool
    version: int = Field(default=0, ge=0, le=100_000, description="of the answers that were read")
    write: list[str] = Field(
        default_factory=list, max_length=200, description="keys of differences"
    )
    reason: str = Field(default="", max_length=surveys.REASON_MOST)


class MinutesBody(_Body):
    """Who signs the minutes."""

    parties: list[str] = Field(max_length=4, description="facility, surveyor, owner, enterprise")


# -- campaigns -------------------------------------------------------------------------------


@routes.get("/surveys", summary="Survey campaigns")
def survey_list(who: Signed) -> dict[str, Any]:
    """Campaigns that ask a facility in scope, with how many are in which state."""
    with who.desk.database.reading() as connection:
        rows = pages.listed(connection, who)
    return {"campaigns": [_campaign_json(one) | {"states": dict(many)} for one, many in rows]}


@routes.post("/surveys", summary="Begin a survey campaign", status_code=201)
def survey_begin(who: Signed, body: CampaignBody) -> dict[str, Any]:
    """Every facility that is meant, and in scope, is asked."""
    draft = campaigns.Draft(
        body.title, body.due, body.answers, body.directive, body.clause, body.unit,
        tuple(body.lines), tuple(body.sites),
    )  # fmt: skip
    return _campaign_whole(who, pages.begin(who, draft).id)


@routes.get("/campaigns/{campaign_id}", summary="One survey campaign")
def campaign_one(who: Signed, campaign_id: str) -> dict[str, Any]:
    """How far each facility is."""
    return _campaign_whole(who, campaign_id)


@routes.delete("/campaigns/{campaign_id}", summary="End a survey campaign", status_code=204)
def campaign_end(who: Signed, campaign_id: str) -> Response:
    """Nobody owes an answer to it any more."""
    pages.end(who, campaign_id)
    return Response(status_code=204)


@routes.post("/campaigns/{campaign_id}/reminders", summary="Draft a reminder", status_code=201)
def campaign_remind(who: Signed, campaign_id: str, body: ReminderBody) -> dict[str, Any]:
    """A công văn đôn đốc to the facilities of a unit that owe an answer."""
    return {"paper": pages.remind(who, campaign_id, body.unit)}


@routes.get("/campaigns/{campaign_id}/calls", summary="Whom to call")
def campaign_calls(who: Signed, campaign_id: str) -> dict[str, Any]:
    """Facilities that owe an answer, those called longest ago first."""
    owing = pages.owing_of(who, campaign_id)
    with who.desk.database.reading() as connection:
        rows = survey_calls.to_call(connection, owing, now_ns=who.desk.now_ns())
    return {
        "calls": [
            {
                "survey": one.survey.id, "site": one.survey.site_id, "name": one.name,
                "unit": one.unit, "calls": one.calls, "silences": one.silences,
                "last": rfc3339(one.last_ns) if one.last_ns else None,
                "contacts": [
                    {"kind": it.kind, "name": it.name, "phone": it.phone} for it in one.contacts
                ],
            }
            for one in rows
        ]
    }  # fmt: skip


def _campaign_whole(who: Visitor, campaign_id: str) -> dict[str, Any]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        over, ours = pages.campaign_of(connection, who, campaign_id, Act.SURVEY_SEE)
        details = set(pages.sites(connection, who, Act.SURVEY_SEE))
        every = register.facilities(connection, [one.site_id for one in ours])
    return _campaign_json(over) | {
        "surveys": [
            {
                "id": one.id if one.site_id in details else None, "site": one.site_id,
                "name": every[one.site_id].said.title, "state": one.state,
            }
            for one in ours
        ]
    }  # fmt: skip


def _campaign_json(one: Campaign) -> dict[str, Any]:
    return {
        "id": one.id, "title": one.title, "directive": one.directive_id, "clause": one.clause,
        "due": one.due.isoformat(), "answers": one.answers, "unit": one.unit_id,
        "lines": list(one.lines), "made": rfc3339(one.made_ns), "made_by": one.made_by,
        "ended": rfc3339(one.ended_ns) if one.ended_ns else None,
    }  # fmt: skip


# -- one survey ------------------------------------------------------------------------------


@routes.get("/surveys/{survey_id}", summary="One facility's survey")
def survey_one(who: Signed, survey_id: str) -> dict[str, Any]:
    """Versions of the answers, what was measured, the verdict, what the register would change."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        told = pages.read(connection, who, survey_id)
        steps = surveys.steps(connection, told.it.id)
    return _survey_json(told.it) | {
        "answers": [_answer_json(one) for one in told.answers],
        "facts": facts_json(told.facts),
        "verdict": told.verdict.as_json() if told.verdict else None,
        "differences": [
            {
                "key": one.key, "what": one.what, "of": one.of, "before": one.before,
                "after": one.after, "blocked": one.blocked, "remark": one.remark,
            }
            for one in told.differences
        ],
        "steps": [
            {
                "state": one.state, "version": one.version, "reason": one.reason,
                "written": list(one.written), "at": rfc3339(one.made_ns), "by": one.made_by,
            }
            for one in steps
        ],
    }  # fmt: skip


@routes.post("/surveys/{survey_id}/answers", summary="Answer for a facility", status_code=201)
def survey_answer(who: Signed, survey_id: str, body: AnswerBody) -> dict[str, Any]:
    """A version of the answers; a camera in a room, a toilet or a bath is refused."""
    it, _ = pages.acting(who, survey_id, Act.SURVEY_ANSWER)
    said = survey_forms.from_json(body.model_dump(exclude={"client_id"}))
    opened = survey_form.Opened(it, None, "")
    try:
        made = survey_form.keep(who, opened, said, body.client_id, ())
    except VonggacError as error:
        told = pages.faults(who, error)
        if error.kind is not Kind.BAD_INPUT or not told:
            raise
        raise VonggacError(Kind.BAD_INPUT, error.message, fields=told) from error
    return _answer_json(made)


@routes.post("/surveys/{survey_id}/links", summary="Make a link to the form", status_code=201)
def survey_link(who: Signed, survey_id: str, body: LinkBody) -> dict[str, Any]:
    """Opens this form alone, without an account; its address is said this once."""
    (made,) = pages.hand(who, [survey_id], body.days)
    return {
        "id": made.link.id, "address": made.address, "said": made.said,
        "ends": rfc3339(made.link.ends_ns),
    }  # fmt: skip


@routes.delete("/surveys/{survey_id}/links/{link_id}", summary="Revoke a link", status_code=204)
def survey_revoke(who: Signed, survey_id: str, link_id: str) -> Response:
    """It opens nothing any more."""
    pages.revoke(who, survey_id, link_id)
    return Response(status_code=204)


@routes.post("/surveys/{survey_id}/calls", summary="Enter a call", status_code=201)
def survey_call(who: Signed, survey_id: str, body: CallBody) -> dict[str, Any]:
    """The third silence in a row drafts the letter to the owning body."""
    try:
        called_ns = parse_rfc3339(body.called)
    except ValueError as error:
        raise VonggacError(Kind.BAD_INPUT, "called: RFC 3339") from error
    paper_id = pages.call(
        who, survey_id, called_ns=called_ns, outcome=body.outcome, person=body.person,
        said=body.said,
    )  # fmt: skip
    return {"paper": paper_id}


@routes.post("/surveys/{survey_id}/facts", summary="Attach measurements", status_code=201)
async def survey_facts(request: Request, survey_id: str) -> dict[str, Any]:
    """The body is the file of `vonggac survey` as it is, so that its signature counts."""
    content = await _body(request, wire_survey.MAX_SURVEY)

    def take() -> dict[str, Any]:
        who = visitor(request)
        survey_pages.take_file(who, survey_id, content)
        return survey_one(who, survey_id)

    return await run_in_threadpool(take)


@routes.post("/surveys/{survey_id}/probes", summary="Measure a camera", status_code=201)
async def survey_probe(request: Request, survey_id: str, body: CameraBody) -> dict[str, Any]:
    """A camera that the hub knows is probed; what is found wins over what was typed."""
    who = await run_in_threadpool(visitor, request)
    await survey_pages.probe(who, survey_id, body.camera)
    return await run_in_threadpool(survey_one, who, survey_id)


@routes.post("/surveys/{survey_id}/pictures", summary="Attach a photograph", status_code=201)
async def survey_picture(
    request: Request,
    survey_id: str,
    client_id: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{8,64}$")],
    about: Annotated[str, Query(max_length=60, description="z-SAN, c-0, place")],
) -> dict[str, Any]:
    """The body is JPEG, PNG or WebP; it is kept without metadata, once for each `client_id`."""
    content = await _body(request, pictures.MAX_PICTURE)

    def keep() -> dict[str, Any]:
        who = visitor(request)
        it, _ = pages.acting(who, survey_id, Act.SURVEY_ANSWER)
        opened = survey_form.Opened(it, None, "")
        return {"id": survey_form.keep_picture(who, opened, content, client_id, about)}

    return await run_in_threadpool(keep)


async def _body(request: Request, most: int) -> bytes:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > most:
            break
    return content


@routes.post("/surveys/{survey_id}/judgement", summary="Verify or dispute the answers")
async def survey_judge(request: Request, survey_id: str, body: JudgementBody) -> dict[str, Any]:
    """Verified with its verdict and with what goes into the register, or given back."""

    def judge() -> dict[str, Any]:
        who = visitor(request)
        if body.verified:
            return _survey_json(pages.verify(who, survey_id, body.version, body.write))
        return _survey_json(pages.dispute(who, survey_id, body.reason))

    found = await run_in_threadpool(judge)
    request.app.state.desk.orders.changed()
    return found


@routes.post("/surveys/{survey_id}/minutes", summary="Draft the minutes", status_code=201)
def survey_minutes(who: Signed, survey_id: str, body: MinutesBody) -> dict[str, Any]:
    """Biên bản khảo sát with a block for each party."""
    return {"paper": pages.draft_minutes(who, survey_id, body.parties)}


def _survey_json(it: SurveyState) -> dict[str, Any]:
    return {
        "id": it.id, "campaign": it.campaign_id, "site": it.site_id, "state": it.state,
        "reason": it.reason, "person": it.person, "changed": rfc3339(it.changed_ns),
        "due": it.due.isoformat(),
    }  # fmt: skip


def _answer_json(one: Answer) -> dict[str, Any]:
    return {
        "version": one.version, "receipt": one.receipt, "sent": rfc3339(one.sent_ns),
        "sent_by": one.sent_by, "by_link": one.link_id is not None,
        "pictures": list(one.pictures), **survey_forms.to_json(one.said),
    }  # fmt: skip
