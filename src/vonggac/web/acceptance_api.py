"""Remote acceptance by the API: everything that its pages do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from vonggac.clock import rfc3339
from vonggac.domain import acceptance, access, tasks
from vonggac.domain.access import Act
from vonggac.web import acceptance as pages
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from vonggac.domain.acceptance import Try

api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

MOST = 500
"""Facilities of one page of the list (ours)."""


class ConfirmBody(BaseModel):
    """What a person says of the picture or of the zone."""

    model_config = ConfigDict(extra="forbid")

    well: bool
    said: str = Field(default="", max_length=tasks.MAX_NOTE)


class DecisionBody(BaseModel):
    """Accepted or not."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["accept", "decline"]
    note: str = Field(default="", max_length=tasks.MAX_LINE)


@api.get("/acceptance", summary="Which connections are accepted, and why others are not")
def every_site(
    who: Signed,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> dict[str, Any]:
    """Facilities with their cameras, by id; connected means *đã nghiệm thu kết nối*: accepted.

    A facility is when all its cameras are.
    """
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        ids = access.sites_for(connection, who.person, Act.ACCEPTANCE_SEE, who.desk.now_ns())
        found = acceptance.connected(connection, sorted(ids)[offset : offset + limit])
    return {
        "found": len(ids),
        "offset": offset,
        "facilities": [
            {
                "site": site_id,
                "connected": of_site.connected,
                "reason": of_site.reason,
                "cameras": [
                    {
                        "camera": one.camera_id,
                        "name": one.name,
                        "connected": one.connected,
                        "reason": one.reason,
                        "details": list(one.details),
                        "acceptance": one.acceptance_id,
                    }
                    for one in of_site.cameras
                ],
            }
            for site_id, of_site in found.items()
        ],
    }


@api.post("/cameras/{camera_id}/acceptance", summary="Begin a try", status_code=201)
async def begin(request: Request, camera_id: str) -> dict[str, Any]:
    """The trial of continuity begins now."""

    def start() -> dict[str, Any]:
        who = visitor(request)
        return _whole(who, pages.begin(who, camera_id))

    return await run_in_threadpool(start)


@api.get("/acceptance/{acceptance_id}", summary="One try")
def one(who: Signed, acceptance_id: str) -> dict[str, Any]:
    """With its checks and pictures."""
    it, _ = pages.allowed(who, acceptance_id, Act.ACCEPTANCE_SEE)
    return _whole(who, it)


@api.post("/acceptance/{acceptance_id}/probe", summary="Have the box look at the camera",
          status_code=201)  # fmt: skip
async def probe(request: Request, acceptance_id: str) -> dict[str, Any]:
    """With the camera's stored credentials."""
    who = await run_in_threadpool(visitor, request)
    it = await pages.ask_probe(who, acceptance_id)
    return await run_in_threadpool(_whole, who, it)


@api.post("/acceptance/{acceptance_id}/pictures", summary="Take a picture", status_code=201)
async def take(request: Request, acceptance_id: str) -> dict[str, Any]:
    """Of now; a person confirms it afterwards."""
    who = await run_in_threadpool(visitor, request)
    made = await pages.take_picture(who, acceptance_id)
    return {"id": made.id, "sha256": made.sha256, "size": made.size}


@api.post("/acceptance/{acceptance_id}/picture", summary="Confirm the picture", status_code=201)
async def confirm_picture(
    request: Request, acceptance_id: str, body: ConfirmBody
) -> dict[str, Any]:
    """Whether the last one shows what was planned; if not, why."""
    return await _confirmed(request, acceptance_id, "picture", body)


@api.post("/acceptance/{acceptance_id}/zone", summary="Confirm the zone", status_code=201)
async def confirm_zone(request: Request, acceptance_id: str, body: ConfirmBody) -> dict[str, Any]:
    """Whether the camera stands in its zone; if not, why."""
    return await _confirmed(request, acceptance_id, "zone", body)


async def _confirmed(
    request: Request, acceptance_id: str, kind: str, body: ConfirmBody
) -> dict[str, Any]:
    def do() -> dict[str, Any]:
        who = visitor(request)
        return _whole(who, pages.confirm(who, acceptance_id, kind, well=body.well, said=body.said))

    return await run_in_threadpool(do)


@api.post("/acceptance/{acceptance_id}/trial", summary="Measure the trial", status_code=201)
async def measure(request: Request, acceptance_id: str) -> dict[str, Any]:
    """Once its time is over."""

    def do() -> dict[str, Any]:
        who = visitor(request)
        return _whole(who, pages.end_trial(who, acceptance_id))

    return await run_in_threadpool(do)


@api.post("/acceptance/{acceptance_id}/decision", summary="Accept it, or do not", status_code=201)
async def decide(request: Request, acceptance_id: str, body: DecisionBody) -> dict[str, Any]:
    """What has not passed cannot be accepted."""

    def do() -> dict[str, Any]:
        who = visitor(request)
        return _whole(who, pages.decide(who, acceptance_id, body.decision, body.note))

    return await run_in_threadpool(do)


@api.post("/facilities/{site_id}/acceptance/minutes", summary="Draft the minutes of acceptance",
          status_code=201)  # fmt: skip
async def minutes(
    request: Request,
    site_id: str,
    directive: Annotated[
        str, Query(max_length=40, description="that it carries out; empty is the facility's")
    ] = "",
) -> dict[str, Any]:
    """With a result for the facility and one for each camera."""
    made = await run_in_threadpool(
        lambda: pages.draft_minutes(visitor(request), site_id, directive)
    )
    return {"paper": made}


def _whole(who: Visitor, it: Try) -> dict[str, Any]:
    with who.desk.database.reading() as connection:
        checks = acceptance.checks(connection, it.id)
        pictures = acceptance.pictures(connection, it.id)
    return {
        "id": it.id,
        "site": it.site_id,
        "camera": it.camera_id,
        "state": it.state,
        "reasons": list(it.reasons),
        "tried": {"by": it.tried_by, "at": rfc3339(it.tried_ns)},
        "trial_until": rfc3339(it.trial_to_ns),
        "accepted": {"by": it.accepted_by, "at": rfc3339(it.accepted_ns)}
        if it.accepted_ns is not None
        else None,
        "checks": [
            {
                "kind": check.kind,
                "well": check.well,
                "facts": check.facts,
                "said": check.said or None,
                "by": check.made_by,
                "at": rfc3339(check.made_ns),
            }
            for check in checks
        ],
        "pictures": [{"id": one.id, "sha256": one.sha256, "size": one.size} for one in pictures],
    }
