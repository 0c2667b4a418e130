"""Inspections, findings, reminders and proposals for programs; the phone of an inspector is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import (
    findings,
    guide,
    inspection_facts,
    inspections,
    pictures,
    reminders,
    sanctions,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import Act
from vonggac.domain.findings import Proof
from vonggac.domain.inspection_input import (
    MAX_LINE,
    MAX_SAID,
    MAX_SITES,
    Answer,
    Member,
    Minutes,
    RoundDraft,
)
from vonggac.domain.sanctions import Decision
from vonggac.errors import Kind, VonggacError
from vonggac.web import findings as finding_pages
from vonggac.web import inspection_forms as forms
from vonggac.web import inspections as pages
from vonggac.web import sanctions as sanction_pages
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from vonggac.domain.inspections import Inspection

api = APIRouter(prefix="/api/v1")

MOST = 500
"""Rows of one page of a list (ours)."""

Signed = Annotated[Visitor, Depends(visitor)]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Day = Annotated[str, Field(max_length=10, description="2026-11-22")]
Line = Annotated[str, Field(max_length=MAX_LINE)]
Said = Annotated[str, Field(max_length=MAX_SAID)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PersonBody(_Body):
    """Somebody, with position and body."""

    name: Line
    body: Line


class PlanBody(_Body):
    """A decision to inspect."""

    title: Line
    body: Line = Field(description="the body that leads")
    team: list[PersonBody] = Field(max_length=20)
    sites: list[Annotated[str, Field(max_length=40)]] = Field(max_length=MAX_SITES)
    planned: Day
    way: Annotated[str, Field(max_length=10, description="on_site or remote")] = "on_site"
    decision: Annotated[str, Field(max_length=60)] = ""
    decided: Day = ""
    directive: str = Field(default="", max_length=40, description="the order that it carries out")


class AnswerBody(_Body):
    """What was found of an item."""

    item: Annotated[str, Field(max_length=10)]
    verdict: Annotated[str, Field(max_length=10, description="pass, fail or na")]
    said: Said = ""
    action: Said = ""
    responsible: Line = ""
    due: Day = ""


class AnswersBody(_Body):
    """Items that were judged; others stay as they were."""

    answers: list[AnswerBody] = Field(max_length=60)


class MinutesBody(AnswersBody):
    """Minutes, with the items that were judged where they were made."""

    present: list[PersonBody] = Field(default_factory=list, max_length=20)
    opinion: Said = ""
    refused: Said = ""
    witness: Line = ""
    client_id: str = Field(default="", max_length=60, description="names them, so they come once")
    made: str = Field(default="", max_length=40, description="RFC 3339, by the maker's clock")


class RemoteBody(_Body):
    """Whether remote inspections count."""

    remote: bool
    reason: Line


class NumberBody(_Body):
    """Number and day that a decision got."""

    decision: Annotated[str, Field(max_length=60)]
    decided: Day


class EndBody(_Body):
    """Why nothing is proposed after all."""

    reason: Said


class ProofBody(_Body):
    """That something was mended; a photograph is attached before."""

    proof: Annotated[str, Field(max_length=10, description="photo, ledger, clip or word")]
    said: Said
    export: Annotated[str, Field(max_length=40, description="of a clip")] = ""
    photo: Annotated[str, Field(max_length=40, description="id of one that was attached")] = ""


class CheckBody(_Body):
    """What a re-check found."""

    mended: bool
    said: Said = ""
    due: Day = ""


class ReminderBody(_Body):
    """A letter that urges."""

    site: Annotated[str, Field(max_length=40)]
    about: Annotated[str, Field(max_length=80, description="finding:ID, task:ID, survey:ID")] = ""
    level: Annotated[str, Field(max_length=20, description="facility, local, owner, province")]
    what: Said
    due: Day = ""
    body: Line
    addressee: Line = ""
    answer_by: Day = ""


class SentBody(_Body):
    """That a letter was sent."""

    number: Annotated[str, Field(max_length=60)]
    sent: Day


class AskBody(_Body):
    """That a facility is asked to explain itself."""

    site: Annotated[str, Field(max_length=40)]
    list: Annotated[str, Field(max_length=20, description="not_installing or not_supervising")]
    body: Line
    explain_by: Day = ""
    directive: str = Field(
        default="", max_length=40, description="that it carries out; empty is the facility's"
    )


class ExplainBody(_Body):
    """What a facility says for itself."""

    said: Said
    person: Line
    paper: bool = Field(default=False, description="entered from paper by whoever proposes")


class ProposeBody(_Body):
    """A measure that is proposed."""

    measure: Said
    reason: Said
    to: Line


class DecideBody(_Body):
    """What another body decided."""

    decision: Annotated[str, Field(max_length=10, description="applied, eased or refused")]
    said: Said
    body: Line
    person: Line
    document: Annotated[str, Field(max_length=60)]
    decided: Day


def _people(people: list[PersonBody]) -> tuple[Member, ...]:
    return tuple(Member(one.name, one.body) for one in people)


def _answers(body: AnswersBody) -> list[Answer]:
    return [
        Answer(
            one.item, one.verdict, one.said, one.action, one.responsible,
            forms.day(one.due, one.item or "item"),
        )
        for one in body.answers
    ]  # fmt: skip


# -- inspections -----------------------------------------------------------------------------


@api.get("/inspections", summary="Which facilities are due, and the inspections")
def every_inspection(who: Signed, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """A page of each list; `late` are days past the last one, negative before it."""
    who.signed_in  # noqa: B018 - refuses who may not look
    day = forms.today(who)
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        dues = inspections.dues(connection, seen, day)
        every = inspections.listed(connection, seen, offset=offset, most=limit)
        found = {"due": len(dues), "inspections": inspections.counted(connection, seen)}
        rule = guide.rule(connection, inspections.INTERVAL, day)
    return {
        "days": rule.number,
        "basis": rule.source.vi,
        "found": found,
        "offset": offset,
        "due": [
            {
                "site": one.site_id,
                "last": one.last.isoformat() if one.last else None,
                "due": one.due.isoformat(),
                "late": one.late(day),
                "planned": one.planned.isoformat() if one.planned else None,
            }
            for one in dues[offset : offset + limit]
        ],
        "inspections": [inspection_json(one) for one in every],
    }


@api.post("/inspections", summary="Plan inspections by a decision", status_code=201)
async def add_inspections(request: Request, body: PlanBody) -> dict[str, Any]:
    """One of each facility that is named."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        draft = RoundDraft(
            body.title, body.body, _people(body.team), tuple(body.sites),
            forms.day(body.planned, "planned"), body.way, body.decision,
            forms.day(body.decided, "decided"), body.directive or None,
        )  # fmt: skip
        made = pages.plan(who, draft)
        with who.desk.database.reading() as connection:
            every = inspections.of_round(connection, made)
        return {"round": made, "inspections": [inspection_json(one) for one in every]}

    return await run_in_threadpool(add)


@api.put("/inspections/remote", summary="Let remote inspections count, or not", status_code=204)
async def put_remote(request: Request, body: RemoteBody) -> None:
    """Below the unit of the leader's role, by name and with the reason."""
    await run_in_threadpool(
        lambda: pages.switch(visitor(request), remote=body.remote, reason=body.reason)
    )


@api.post("/inspections/rounds/{round_id}/draft", summary="Draft a decision", status_code=201)
async def draft_decision(request: Request, round_id: str) -> dict[str, Any]:
    """Once: the draft lies among the papers."""
    paper_id = await run_in_threadpool(lambda: pages.decide(visitor(request), round_id))
    return {"paper": paper_id}


@api.put("/inspections/rounds/{round_id}/decision", summary="Enter a decision", status_code=204)
async def put_decision(request: Request, round_id: str, body: NumberBody) -> None:
    """Its number and its day."""
    await run_in_threadpool(
        lambda: pages.note_decision(visitor(request), round_id, body.decision, body.decided)
    )


@api.delete("/inspections/{inspection_id}", summary="Drop a planned inspection", status_code=204)
async def drop_inspection(request: Request, inspection_id: str) -> None:
    """One that has begun stays."""
    await run_in_threadpool(lambda: pages.drop(visitor(request), inspection_id))


@api.get("/inspections/{inspection_id}", summary="One inspection")
def one_inspection(who: Signed, inspection_id: str) -> dict[str, Any]:
    """Facts as they were frozen, answers, findings, photographs."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = pages.found(connection, who, inspection_id, Act.INSPECTION_SEE)
        answers = inspections.answers_of(connection, it.id)
        found = findings.of_inspection(connection, it.id)
        shots = inspections.photos(connection, it.id)
    return {
        **inspection_json(it),
        "facts": {code: inspection_facts.say(said, "vi") for code, said in it.facts.items()},
        "as_of": rfc3339(it.facts_ns) if it.facts_ns else None,
        "answers": [
            {
                "item": one.item,
                "verdict": one.verdict,
                "said": one.said,
                "action": one.action,
                "responsible": one.responsible,
                "due": one.due.isoformat() if one.due else None,
            }
            for one in answers
        ],
        "findings": [finding_json(one) for one in found],
        "photos": [_photo_json(one) for one in shots],
    }


@api.post("/inspections/{inspection_id}/start", summary="Begin an inspection")
async def start_inspection(request: Request, inspection_id: str) -> dict[str, Any]:
    """What the ledger knows now is filled in and frozen."""
    return inspection_json(
        await run_in_threadpool(lambda: pages.start(visitor(request), inspection_id))
    )


@api.put("/inspections/{inspection_id}/answers", summary="Keep answers", status_code=204)
async def put_answers(request: Request, inspection_id: str, body: AnswersBody) -> None:
    """Items that are not named stay as they were."""

    def put() -> None:
        who = visitor(request)
        answers = _answers(body)
        pages.change(
            who, inspection_id,
            lambda connection, it, by: inspections.answer(
                connection, it.id, answers, by=by, now_ns=who.desk.now_ns()
            ),
        )  # fmt: skip

    await run_in_threadpool(put)


@api.post("/inspections/{inspection_id}/photos", summary="Attach a photograph", status_code=201)
async def add_photo(
    request: Request,
    inspection_id: str,
    item: Annotated[str, Query(max_length=10)] = "",
    client_id: Annotated[str, Query(max_length=60)] = "",
) -> dict[str, Any]:
    """JPEG or PNG in the body; the same `client_id` comes once."""
    content = await request.body()
    made = await run_in_threadpool(
        lambda: pages.attach(
            visitor(request), inspection_id, content[: pictures.MAX_PICTURE + 1], item, client_id
        )
    )
    return {"id": made}


@api.get(
    "/inspections/{inspection_id}/photos/{photo_id}", summary="A photograph of an inspection",
    response_class=Response,
)  # fmt: skip
def inspection_photo(who: Signed, inspection_id: str, photo_id: str) -> Response:
    """Its bytes as they are kept."""
    return pages.photo(who, inspection_id, photo_id)


@api.post("/inspections/{inspection_id}/minutes", summary="Make the minutes", status_code=201)
async def add_minutes(request: Request, inspection_id: str, body: MinutesBody) -> dict[str, Any]:
    """Minutes made without signal come later, once: the same `client_id` changes nothing."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        try:
            made_ns = parse_rfc3339(body.made) if body.made else None
        except ValueError as error:
            raise VonggacError(
                Kind.BAD_INPUT, "made: no moment", fields={"made": "no_day"}
            ) from error
        minutes = Minutes(
            _people(body.present), body.opinion, body.refused, body.witness, body.client_id, made_ns
        )
        return inspection_json(pages.close(who, inspection_id, minutes, _answers(body)))

    return await run_in_threadpool(add)


def _photo_json(one: inspections.Photo) -> dict[str, Any]:
    return {
        "id": one.id,
        "item": one.item,
        "finding": one.finding_id,
        "media_type": one.media_type,
        "width": one.width,
        "height": one.height,
        "sha256": one.sha256,
        "at": rfc3339(one.made_ns),
        "by": one.made_by,
    }


def inspection_json(it: Inspection) -> dict[str, Any]:
    """An inspection as the API says it."""
    return {
        "id": it.id,
        "round": it.round_id,
        "site": it.site_id,
        "planned": it.planned.isoformat(),
        "way": it.way,
        "state": it.state,
        "done": it.done.isoformat() if it.done else None,
        "counts": it.counts,
        "present": forms.members_json(it.present),
        "opinion": it.opinion,
        "refused": it.refused,
        "witness": it.witness,
        "paper": it.paper_id,
    }


# -- findings --------------------------------------------------------------------------------


@api.get("/findings", summary="What has to be mended")
def every_finding(who: Signed, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """By the last day."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        every = findings.listed(connection, seen, offset=offset, most=limit)
        found = findings.counted(connection, seen, ())
    return {"found": found, "offset": offset, "findings": [finding_json(one) for one in every]}


@api.get("/findings/{finding_id}", summary="One finding")
def one_finding(who: Signed, finding_id: str) -> dict[str, Any]:
    """With its proofs and re-checks."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = finding_pages.found(connection, who, finding_id, Act.INSPECTION_SEE)
        steps = findings.steps(connection, it.id)
    return {
        **finding_json(it),
        "steps": [
            {
                "kind": one.kind,
                "said": one.said,
                "proof": one.proof or None,
                "of": one.proof_id or None,
                "figures": inspection_facts.say(one.figures["said"], "vi") if one.figures else None,
                "at": rfc3339(one.made_ns),
                "by": one.made_by,
            }
            for one in steps
        ],
    }


@api.post("/findings/{finding_id}/proof", summary="Report a remedy", status_code=201)
async def add_proof(request: Request, finding_id: str, body: ProofBody) -> dict[str, Any]:
    """A clip is named by its export, a photograph by its id; figures of the ledger are read now."""
    named = {"clip": body.export, "photo": body.photo}.get(body.proof, "")
    if body.proof == "photo" and not named:
        raise VonggacError(Kind.BAD_INPUT, "photo: attach one", fields={"photo": "no_file"})
    proof = Proof(body.proof, body.said, named)
    return finding_json(
        await run_in_threadpool(
            lambda: finding_pages.prove(visitor(request), finding_id, proof, b"")
        )
    )


@api.get("/findings/{finding_id}/photos", summary="Photographs that prove a remedy")
def every_proof_photo(who: Signed, finding_id: str) -> dict[str, Any]:
    """The oldest first; those that no proof names yet are among them."""
    return {"photos": [_photo_json(one) for one in finding_pages.photos(who, finding_id)]}


@api.post("/findings/{finding_id}/photos", summary="Attach a photograph", status_code=201)
async def add_proof_photo(
    request: Request, finding_id: str, client_id: Annotated[str, Query(max_length=60)] = ""
) -> dict[str, Any]:
    """JPEG or PNG in the body, kept without what a camera writes into it; `client_id` once."""
    content = await request.body()
    made = await run_in_threadpool(
        lambda: finding_pages.attach(
            visitor(request), finding_id, content[: pictures.MAX_PICTURE + 1], client_id
        )
    )
    return {"id": made}


@api.get(
    "/findings/{finding_id}/photos/{photo_id}", summary="A photograph that proves a remedy",
    response_class=Response,
)  # fmt: skip
def proof_photo(who: Signed, finding_id: str, photo_id: str) -> Response:
    """Its bytes as they are kept."""
    if photo_id[:40] not in {one.id for one in finding_pages.photos(who, finding_id)}:
        raise VonggacError(Kind.NOT_FOUND, "there is no such photograph")
    with who.desk.database.reading() as connection:
        it = finding_pages.found(connection, who, finding_id, Act.INSPECTION_SEE)
        kind, content = inspections.photo_content(connection, it.inspection_id, photo_id[:40])
    return Response(content, media_type=kind)


@api.post("/findings/{finding_id}/check", summary="Re-check a remedy", status_code=201)
async def add_check(request: Request, finding_id: str, body: CheckBody) -> dict[str, Any]:
    """Closed by name, or open again until a new day."""

    def add() -> dict[str, Any]:
        due = forms.day(body.due, "due")
        who = visitor(request)
        return finding_json(
            finding_pages.check(who, finding_id, mended=body.mended, said=body.said, due=due)
        )

    return await run_in_threadpool(add)


def finding_json(one: findings.Finding) -> dict[str, Any]:
    """A finding as the API says it."""
    return {
        "id": one.id,
        "inspection": one.inspection_id,
        "site": one.site_id,
        "item": one.item,
        "said": one.said,
        "action": one.action,
        "responsible": one.responsible,
        "due": one.due.isoformat(),
        "state": one.state,
        "task": one.task_id,
    }


# -- reminders -------------------------------------------------------------------------------


@api.get("/reminders", summary="What is late, and the letters that urge")
def every_reminder(who: Signed, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """A page of each list; `level` is to whom the next letter goes, null while none is due."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        late = reminders.late(connection, seen, forms.today(who))
        every = reminders.of_site(connection, seen, offset=offset, most=limit)
        found = {"late": len(late), "reminders": reminders.counted(connection, seen)}
    return {
        "found": found,
        "offset": offset,
        "late": [
            {
                "about": one.about,
                "site": one.site_id,
                "what": one.what,
                "due": one.due.isoformat(),
                "days": one.days,
                "level": one.level.code if one.level else None,
                "owed": one.is_owed,
            }
            for one in late[offset : offset + limit]
        ],
        "reminders": [_reminder_json(one) for one in every],
    }


@api.post("/reminders", summary="Draft a letter that urges", status_code=201)
async def add_reminder(request: Request, body: ReminderBody) -> dict[str, Any]:
    """The letter is a draft among the papers; a person sends it."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        draft = reminders.Draft(
            body.site, body.about, body.level, body.what, forms.day(body.due, "due"), body.body,
            body.addressee, forms.day(body.answer_by, "answer_by"),
        )  # fmt: skip
        made = finding_pages.remind(who, draft)
        with who.desk.database.reading() as connection:
            return _reminder_json(reminders.find(connection, made))

    return await run_in_threadpool(add)


@api.post("/reminders/{reminder_id}/sent", summary="Enter that a letter was sent", status_code=201)
async def add_sent(request: Request, reminder_id: str, body: SentBody) -> dict[str, Any]:
    """With number and day."""

    def add() -> dict[str, Any]:
        sent = forms.day(body.sent, "sent")
        return _reminder_json(
            finding_pages.mark_sent(visitor(request), reminder_id, body.number, sent)
        )

    return await run_in_threadpool(add)


def _reminder_json(one: reminders.Reminder) -> dict[str, Any]:
    return {
        "id": one.id,
        "site": one.site_id,
        "about": one.about,
        "level": one.level,
        "addressee": one.addressee,
        "what": one.what,
        "answer_by": one.answer_by.isoformat(),
        "number": one.number or None,
        "sent": one.sent.isoformat() if one.sent else None,
        "paper": one.paper_id,
    }


# -- lists and proposals ---------------------------------------------------------------------


@api.get("/sanctions", summary="The two computed lists, and what was proposed")
def every_proposal(who: Signed, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
    """A page of each list; each entry with the figures that put it there."""
    entries = sanction_pages.lists(who)
    with who.desk.database.reading() as connection:
        seen = forms.sites(connection, who, Act.INSPECTION_SEE)
        every = sanctions.of_sites(connection, seen, offset=offset, most=limit)
        found = {"proposals": sanctions.counted(connection, seen)}
    lists = {code: [one for one in entries if one.list == code] for code in book.lists()}
    found |= {code: len(its) for code, its in lists.items()}
    return {
        "found": found,
        "offset": offset,
        "method": book.labels()["label"].vi,
        "lists": {
            code: [
                {"site": one.site_id, "inputs": dict(one.inputs)}
                for one in its[offset : offset + limit]
            ]
            for code, its in lists.items()
        },
        "proposals": [_proposal_json(one) for one in every],
    }


@api.post("/sanctions", summary="Ask a facility to explain itself", status_code=201)
async def add_proposal(request: Request, body: AskBody) -> dict[str, Any]:
    """After its reminders; the one-time link is answered once."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        explain_by = forms.day(body.explain_by, "explain_by")
        made, token = sanction_pages.ask(
            who, body.site, body.list, body.body, explain_by, body.directive
        )
        return {**_one(who, made), "link": f"{who.origin}/giai-trinh/{token}"}

    return await run_in_threadpool(add)


@api.post("/sanctions/{proposal_id}/explanation", summary="Explain", status_code=201)
async def add_explanation(request: Request, proposal_id: str, body: ExplainBody) -> dict[str, Any]:
    """What the facility says for itself."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        sanction_pages.explain(who, proposal_id, body.said, body.person, on_paper=body.paper)
        return _one(who, proposal_id)

    return await run_in_threadpool(add)


@api.post("/sanctions/{proposal_id}/proposal", summary="Propose a measure", status_code=201)
async def add_measure(request: Request, proposal_id: str, body: ProposeBody) -> dict[str, Any]:
    """To another body, when the facility was heard or its time is over."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        sanction_pages.propose(who, proposal_id, body.measure, body.reason, body.to)
        return _one(who, proposal_id)

    return await run_in_threadpool(add)


@api.post("/sanctions/{proposal_id}/link", summary="Make the link anew", status_code=201)
async def add_link(request: Request, proposal_id: str) -> dict[str, Any]:
    """The one before opens nothing any more."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        return {"link": sanction_pages.new_link(who, proposal_id)}

    return await run_in_threadpool(add)


@api.post("/sanctions/{proposal_id}/end", summary="Propose nothing after all", status_code=201)
async def end_proposal(request: Request, proposal_id: str, body: EndBody) -> dict[str, Any]:
    """With the reason."""

    def end() -> dict[str, Any]:
        who = visitor(request)
        sanction_pages.drop(who, proposal_id, body.reason)
        return _one(who, proposal_id)

    return await run_in_threadpool(end)


@api.post("/sanctions/{proposal_id}/decision", summary="Enter a decision", status_code=201)
async def add_decision(request: Request, proposal_id: str, body: DecideBody) -> dict[str, Any]:
    """By another person and another body than proposed."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        said = Decision(
            body.decision, body.said, body.body, body.person, body.document,
            forms.day(body.decided, "decided"),
        )  # fmt: skip
        sanction_pages.decide(who, proposal_id, said)
        return _one(who, proposal_id)

    return await run_in_threadpool(add)


def _one(who: Visitor, proposal_id: str) -> dict[str, Any]:
    with who.desk.database.reading() as connection:
        return _proposal_json(sanctions.find(connection, proposal_id[:40]))


def _proposal_json(one: sanctions.Proposal) -> dict[str, Any]:
    return {
        "id": one.id,
        "site": one.site_id,
        "list": one.list,
        "inputs": dict(one.inputs),
        "directive": one.directive_id,
        "reminded": [dict(each) for each in one.reminded],
        "state": one.state,
        "explain_by": one.explain_by.isoformat(),
        "explanation": one.explanation,
        "explained_for": one.explained_for,
        "measure": one.measure,
        "reason": one.reason,
        "proposed_to": one.proposed_to,
        "decision": one.decision or None,
        "decided_body": one.decided_body,
        "document": one.document or None,
        "decided": one.decided.isoformat() if one.decided else None,
    }
