"""Cases in the API: everything that their pages do, by the same rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from vonggac.clock import rfc3339
from vonggac.domain import case_book, cases
from vonggac.domain.case_words import MAX_SAID, MAX_SHORT
from vonggac.web import case_work as work
from vonggac.web.desk import Visitor, visitor
from vonggac.web.evidence_api import moment
from vonggac.web.tasks import day_in

if TYPE_CHECKING:
    from vonggac.domain.cases import Case

api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]


class MarkBody(BaseModel):
    """A moment of a camera."""

    model_config = ConfigDict(extra="forbid")

    camera: str = Field(max_length=63)
    at: str = Field(max_length=40, description="RFC 3339, of the picture that was seen")
    from_: str = Field(default="", alias="from", max_length=40, description="RFC 3339")
    to: str = Field(default="", max_length=40, description="RFC 3339")
    via: Literal["live", "playback"] = "live"


class DescriptionBody(BaseModel):
    """What was seen; persons as room and role."""

    model_config = ConfigDict(extra="forbid")

    violation: str = Field(default="", max_length=20, description="code of the catalogue")
    subject: str = Field(default="", max_length=20, description="N, P, K or C")
    severity: str = Field(default="", max_length=20, description="low, medium, high or urgent")
    place: str = Field(default="", max_length=MAX_SHORT)
    role: str = Field(default="", max_length=MAX_SHORT)
    said: str = Field(default="", max_length=MAX_SAID)


class SaidBody(BaseModel):
    """Words."""

    model_config = ConfigDict(extra="forbid")

    said: str = Field(default="", max_length=MAX_SAID)


class ReasonBody(BaseModel):
    """Why, or what came of it."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=MAX_SAID)


class LinkBody(BaseModel):
    """Another case."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(max_length=40, description="VV-2026-0147")


class TakingBody(BaseModel):
    """Until when, and what is said of it."""

    model_config = ConfigDict(extra="forbid")

    due: str = Field(default="", max_length=40, description="RFC 3339; a day from now without")
    said: str = Field(default="", max_length=MAX_SAID)


class HandoverBody(BaseModel):
    """To whom, by which minutes."""

    model_config = ConfigDict(extra="forbid")

    body: str = Field(max_length=200)
    receiver: str = Field(max_length=200, description="an official: name and position")
    minutes: str = Field(max_length=200, description="number of the minutes")
    minutes_day: str = Field(max_length=12, description="2026-11-18")


class OutcomeBody(BaseModel):
    """What the body said."""

    model_config = ConfigDict(extra="forbid")

    outcome: Literal["event", "violation"]
    document: str = Field(max_length=200)
    document_day: str = Field(max_length=12, description="2026-11-18")
    basis: str = Field(default="", max_length=200, description="needed for a violation")
    said: str = Field(default="", max_length=MAX_SAID)


@api.get("/cases", summary="Cases by queue")
def every_case(
    who: Signed,
    queue: Literal["mine", "unit", "late", "open", "over", "all"] = "open",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = cases.LISTED,
) -> dict[str, Any]:
    """What is due soonest first; `found` says how many there are."""
    asked = work.wish(who, queue)
    with who.desk.database.reading() as connection:
        sites = work.seen_sites(connection, who)
        found, count = cases.listed(connection, sites, asked, offset=offset, limit=limit)
        first = cases.first_marks(connection, [one.id for one in found])
        counts = cases.counts(connection, sites, asked)
    return {
        "cases": [work.listed_json(one, first.get(one.id), asked.now_ns) for one in found],
        "found": count,
        "queues": counts,
    }


@api.post("/cases", summary="Mark a moment", status_code=201)
async def mark_case(request: Request, body: MarkBody) -> dict[str, Any]:
    """Opens a case and holds its clip where the box obeys this hub; the rest can wait."""
    made = await run_in_threadpool(_mark, request, body, "")
    request.app.state.desk.orders.changed()
    return made


@api.get("/cases/{case_id}", summary="One case")
def one_case(who: Signed, case_id: str) -> dict[str, Any]:
    """With its moments, steps, hand-overs and linked cases."""
    return _json(who, case_id)


@api.post("/cases/{case_id}/marks", summary="Mark another moment", status_code=201)
async def mark_again(request: Request, case_id: str, body: MarkBody) -> dict[str, Any]:
    """Of another camera of the facility, or later."""
    made = await run_in_threadpool(_mark, request, body, case_id)
    request.app.state.desk.orders.changed()
    return made


@api.put("/cases/{case_id}/description", summary="Say what was seen")
def describe(who: Signed, case_id: str, body: DescriptionBody) -> dict[str, Any]:
    """Until it is decided; the severity moves the day by which somebody decides."""
    what = case_book.Description(**body.model_dump())
    return _after(who, work.describe(who, case_id, what))


@api.post("/cases/{case_id}/notes", summary="Add what happened", status_code=201)
def note(who: Signed, case_id: str, body: SaidBody) -> dict[str, Any]:
    """Never changed afterwards."""
    return _after(who, work.note(who, case_id, body.said))


@api.post("/cases/{case_id}/links", summary="Link another case", status_code=201)
def link(who: Signed, case_id: str, body: LinkBody) -> dict[str, Any]:
    """Both show it."""
    return _after(who, work.link(who, case_id, body.number))


@api.post("/cases/{case_id}/confirmation", summary="Confirm that it happened")
def confirm(who: Signed, case_id: str, body: SaidBody) -> dict[str, Any]:
    """Two persons: one's own mark is refused with 403 and the code `own_case`."""
    return _after(who, work.confirm(who, case_id, body.said))


@api.post("/cases/{case_id}/dismissal", summary="Dismiss a suspicion")
def dismiss(who: Signed, case_id: str, body: ReasonBody) -> dict[str, Any]:
    """Whoever decides, or takes back a mark of their own."""
    return _after(who, work.dismiss(who, case_id, body.reason))


@api.post("/cases/{case_id}/taking", summary="Take a case in hand")
def take(who: Signed, case_id: str, body: TakingBody) -> dict[str, Any]:
    """The visitor is responsible from now on."""
    due_ns = moment(body.due, "due") if body.due else None
    return _after(who, work.take(who, case_id, due_ns, body.said))


@api.post("/cases/{case_id}/escalation", summary="Pass a case to the unit above")
def escalate(who: Signed, case_id: str, body: SaidBody) -> dict[str, Any]:
    """With a reason."""
    return _after(who, work.escalate(who, case_id, body.said))


@api.post("/cases/{case_id}/handover", summary="Hand a case over")
def hand_over(who: Signed, case_id: str, body: HandoverBody) -> dict[str, Any]:
    """To a body that may conclude a violation, with minutes."""
    given = case_book.Given(
        body.body, body.receiver, body.minutes, day_in(body.minutes_day, "minutes_day")
    )
    return _after(who, work.hand_over(who, case_id, given))


@api.post("/cases/{case_id}/outcome", summary="Enter what the body said")
def conclude(who: Signed, case_id: str, body: OutcomeBody) -> dict[str, Any]:
    """A violation needs its basis, the act `case_conclude`, and another person than confirmed."""
    word = case_book.Word(
        body.outcome, body.document, day_in(body.document_day, "document_day"), body.basis,
        body.said,
    )  # fmt: skip
    return _after(who, work.conclude(who, case_id, word))


@api.post("/cases/{case_id}/closing", summary="Close a case")
def close(who: Signed, case_id: str, body: ReasonBody) -> dict[str, Any]:
    """As an event, unless a body concluded a violation."""
    return _after(who, work.close(who, case_id, body.reason))


def _mark(request: Request, body: MarkBody, case_id: str) -> dict[str, Any]:
    who = visitor(request)
    span = None
    if body.from_ or body.to:
        span = (moment(body.from_, "from"), moment(body.to, "to"))
    told = case_book.Moment(body.camera, moment(body.at, "at"), span, body.via)
    return _after(who, work.mark(who, told, case_id=case_id))


def _after(who: Visitor, it: Case) -> dict[str, Any]:
    return _json(who, it.id)


def _json(who: Visitor, case_id: str) -> dict[str, Any]:
    shown = work.seen(who, case_id)
    it = shown.it
    return {
        **work.listed_json(it, shown.marks[0] if shown.marks else None, who.desk.now_ns()),
        "said": it.said,
        "catalogue": it.catalogue or None,
        "basis": it.basis or None,
        "body": it.concluded_body or None,
        "ended": None
        if it.ended_ns is None
        else {"by": it.ended_name, "at": rfc3339(it.ended_ns), "reason": it.ended_reason},
        "marks": [
            {
                "id": one.id,
                "camera": one.camera_id,
                "zone": one.zone,
                "at": rfc3339(one.at_ns),
                "from": rfc3339(one.from_ns),
                "to": rfc3339(one.to_ns),
                "via": one.via,
                "hold": one.hold_id,
                "unheld": one.unheld or None,
                "snapshot": f"/api/v1/cameras/{one.camera_id}/snapshot.jpg?at={rfc3339(one.at_ns)}",
                "marked": {"by": one.marked_name, "at": rfc3339(one.marked_ns)},
            }
            for one in shown.marks
        ],
        "steps": [
            {
                "step": one.kind,
                "said": one.said,
                "entered": {"by": one.entered_name, "at": rfc3339(one.entered_ns)},
            }
            for one in shown.entries
        ],
        "handovers": [
            {
                "body": one.body,
                "receiver": one.receiver,
                "minutes": one.minutes,
                "minutes_day": one.minutes_day.isoformat(),
                "outcome": one.outcome or None,
                "document": one.document or None,
                "document_day": one.document_day.isoformat() if one.document_day else None,
                "said": one.said,
            }
            for one in shown.handovers
        ],
        "linked": [one.number for one in shown.linked],
    }
