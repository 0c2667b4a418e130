"""The guide in the API: rules in force, documents that replace defaults, receipts, training."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from vonggac.clock import rfc3339
from vonggac.domain import guide
from vonggac.domain.guide_papers import From
from vonggac.web import guide as pages
from vonggac.web.desk import Visitor, visitor

api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]


class BasisBody(BaseModel):
    """A document that replaces a default."""

    model_config = ConfigDict(extra="forbid")

    document: str = Field(
        min_length=1, max_length=guide.MAX_LINE, description="number, day, issuer"
    )
    page: str = Field(min_length=1, max_length=guide.MAX_LINE)
    point: str = Field(
        min_length=1, max_length=guide.MAX_LINE, description="point, item or table of the page"
    )
    said: str = Field(default="", max_length=guide.MAX_TEXT, description="its words")
    value: int | None = Field(default=None, ge=1, le=guide.VALUE_MOST)
    codes: list[str] = Field(default_factory=list, max_length=40, description="in place of a list")
    from_day: str = Field(default="", max_length=10, description="2026-11-18; empty is today")
    directive: str | None = Field(default=None, max_length=40, description="id in the register")


class PaperBody(BaseModel):
    """A paper to be drafted from the rules in force."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(max_length=20, description="huong-dan, quy-che or quyet-dinh")
    name: str = Field(min_length=1, max_length=200, description="who issues it")
    symbol: str = Field(min_length=1, max_length=40)
    place: str = Field(min_length=1, max_length=100)
    above: str = Field(default="", max_length=200)
    head: str = Field(default="GIÁM ĐỐC", min_length=1, max_length=100, description="who signs")
    directive: str = Field(
        default="", max_length=40, description="that it carries out; empty is the unit's"
    )


class SendBody(BaseModel):
    """What is sent to a facility."""

    model_config = ConfigDict(extra="forbid")

    what: str = Field(max_length=40, description="guide, or a role")


class SaidBody(BaseModel):
    """A question, or an answer."""

    model_config = ConfigDict(extra="forbid")

    said: str = Field(min_length=1, max_length=guide.MAX_TEXT)


class TrainingBody(BaseModel):
    """A session; no names."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=guide.MAX_LINE)
    for_whom: str = Field(min_length=1, max_length=guide.MAX_LINE)
    held_day: str = Field(max_length=10, description="2026-11-18")
    people: int = Field(ge=1, le=guide.PEOPLE_MOST)


@api.get("/guide", summary="The rules in force, each with where it stands")
def guide_json(who: Signed) -> dict[str, Any]:
    """What no document replaces is the software's default, and says so."""
    return {"rules": [pages.rule_json(one) for one in pages.rules(who)]}


@api.put("/guide/defaults/{code}", summary="Tie a default to a document")
def put_basis(who: Signed, code: str, body: BasisBody) -> dict[str, Any]:
    """With page, point and first day; a value or codes only where the default changes with it."""
    draft = guide.BasisDraft(
        body.document, body.page, body.point, body.said, body.value, body.directive,
        tuple(body.codes), pages.day(body.from_day, "from_day"),
    )  # fmt: skip
    pages.tie(who, code, draft)
    return next(pages.rule_json(one) for one in pages.rules(who) if one.default.code == code)


@api.delete("/guide/defaults/{code}", summary="Let the software's default stand again")
def drop_basis(who: Signed, code: str) -> dict[str, Any]:
    """What was tied stays in the history."""
    pages.untie(who, code)
    return next(pages.rule_json(one) for one in pages.rules(who) if one.default.code == code)


@api.post(
    "/guide/papers", summary="Draft the guide, the regulation or its decision", status_code=201
)
def add_paper(who: Signed, body: PaperBody) -> dict[str, Any]:
    """From the rules and roles in force; the clerk numbers it."""
    sender = From(body.name, body.symbol, body.place, body.above, body.head)
    return {"paper": pages.draft_paper(who, body.kind, sender, body.directive)}


@api.get("/guide/criteria.toml", summary="The criteria of connection in force, for a laptop",
         response_class=Response)  # fmt: skip
def criteria_toml(who: Signed) -> Response:
    """A file for `vonggac survey --criteria`: the software's, with what documents replace."""
    return Response(pages.criteria_file(who), media_type="application/toml")


@api.get("/guide/cards/{role}.pdf", summary="The A4 card of a role", response_class=Response)
def card(who: Signed, role: str, lang: pages.Tongue = "vi") -> Response:
    """In Vietnamese, or with `lang=en` in English."""
    return Response(pages.card_pdf(who, role[:40], lang), media_type="application/pdf")


@api.get("/guide/sites/{site_id}", summary="What a facility got and asked")
def site_json(who: Signed, site_id: str) -> dict[str, Any]:
    """Receipts say who confirmed and when; questions carry their answers."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        sent = guide.sent(connection, [site_id])
        asked = guide.questions(connection, [site_id])
    return {
        "sent": [_sent_json(one) for one in sent],
        "questions": [_question_json(one) for one in asked],
    }


@api.post("/guide/sites/{site_id}/sent", summary="Send the guide or a card", status_code=201)
def add_sent(who: Signed, site_id: str, body: SendBody) -> dict[str, Any]:
    """The PDF is kept as it was sent."""
    return {"id": pages.send(who, site_id, body.what)}


@api.post("/guide/receipts/{sent_id}", summary="Say that something sent is there")
def add_receipt(who: Signed, sent_id: str) -> dict[str, Any]:
    """By somebody of the facility, once."""
    return _sent_json(pages.receive(who, sent_id))


@api.post("/guide/sites/{site_id}/questions", summary="Ask about the guide", status_code=201)
def add_question(who: Signed, site_id: str, body: SaidBody) -> dict[str, Any]:
    """On behalf of a facility."""
    return {"id": pages.ask(who, site_id, body.said)}


@api.post("/guide/questions/{question_id}/answer", summary="Answer a facility")
def add_answer(who: Signed, question_id: str, body: SaidBody) -> dict[str, Any]:
    """Once; another answer is another question."""
    return _question_json(pages.answer(who, question_id, body.said))


@api.get("/guide/trainings", summary="Training sessions")
def trainings_json(who: Signed) -> dict[str, Any]:
    """Of everybody, and of units in your scope."""
    return {"trainings": [_training_json(one) for one in pages.trainings(who)]}


@api.post("/guide/trainings", summary="Enter a training session", status_code=201)
def add_training(who: Signed, body: TrainingBody) -> dict[str, Any]:
    """When, for whom, how many people."""
    made = pages.hold_training(
        who, title=body.title, for_whom=body.for_whom,
        held_day=pages.day(body.held_day, "held_day"), people=body.people,
    )  # fmt: skip
    return {"id": made}


def _sent_json(one: guide.Sent) -> dict[str, Any]:
    return {
        "id": one.id,
        "what": one.what,
        "sha256": one.sha256,
        "size": one.size,
        "sent": {"by": one.sent_by, "at": rfc3339(one.sent_ns)},
        "received": {"by": one.received_by, "at": rfc3339(one.received_ns)}
        if one.received_ns
        else None,
    }


def _question_json(one: guide.Question) -> dict[str, Any]:
    return {
        "id": one.id,
        "asked": {"said": one.asked, "by": one.asked_by, "at": rfc3339(one.asked_ns)},
        "answer": {"said": one.answer, "by": one.answered_by, "at": rfc3339(one.answered_ns)}
        if one.answered_ns
        else None,
    }


def _training_json(one: guide.Training) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "for_whom": one.for_whom,
        "held_day": one.held_day.isoformat(),
        "people": one.people,
        "unit": one.unit_id,
    }
