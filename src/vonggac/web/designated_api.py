"""The designated system by the API: everything that its pages do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vonggac.clock import rfc3339
from vonggac.domain import access, designated, registry
from vonggac.domain import designated_sheets as sheets
from vonggac.domain.access import Act
from vonggac.domain.register_book import XLSX
from vonggac.domain.tasks import MAX_LINE
from vonggac.errors import Kind, VonggacError
from vonggac.web import designated as pages
from vonggac.web import plans, rights
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from vonggac.domain.designated import Link, System

api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]


class SystemBody(BaseModel):
    """The system that is designated from a day on."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=MAX_LINE)
    operator: str = Field(min_length=1, max_length=MAX_LINE, description="who runs it")
    document: str = Field(min_length=1, max_length=MAX_LINE, description="number, day, issuer")
    from_day: str = Field(max_length=10, description="2026-11-18")


class LinkBody(BaseModel):
    """What an enterprise says of a camera."""

    model_config = ConfigDict(extra="forbid")

    connected: bool = True
    enterprise: str = Field(min_length=1, max_length=MAX_LINE)
    identifier: str = Field(default="", max_length=MAX_LINE, description="its name there")
    method: str = Field(default="", max_length=MAX_LINE)
    day: str = Field(max_length=10, description="2026-11-18")


@api.get("/designated", summary="The designated system")
def designated_json(who: Signed) -> dict[str, Any]:
    """The one of today, and every one that was entered; nothing is sent there by the program."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        now = designated.on(connection, plans.today(who))
        every = designated.systems(connection)
    return {"now": _system(now) if now else None, "history": [_system(one) for one in every]}


@api.put("/designated", summary="Enter the designated system")
def put_designated(who: Signed, body: SystemBody) -> dict[str, Any]:
    """From a day on; what was entered before stays in the history."""
    day = plans.day_in({"from_day": body.from_day}, "from_day")
    return _system(pages.designate(who, body.name, body.operator, body.document, day))


@api.get("/facilities/{site_id}/designated", summary="Connections that enterprises confirm")
def site_json(who: Signed, site_id: str) -> dict[str, Any]:
    """Apart from what is measured and accepted here; the last of a camera counts."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        rights.require(
            connection, who, Act.ACCEPTANCE_SEE, access.thing_of_site(connection, site_id)
        )
        today = plans.today(who)
        found = designated.of_sites(connection, [site_id], today)[site_id]
        now = designated.on(connection, today)
        every = designated.history(connection, [site_id])
        names = {one.id: one.name for one in registry.cameras(connection, site_id)}
    return {
        "source": designated.CONFIRMED.vi,
        "system": _system(now) if now else None,
        "cameras": found.cameras,
        "connected": found.count,
        "links": [
            {"camera": camera_id, "name": names[camera_id], **_link(one),
             "counts": designated.counts(one, now)}
            for camera_id, one in found.last.items()
        ],
        "history": [{"camera": one.camera_id, **_link(one)} for one in every],
    }  # fmt: skip


@api.put("/cameras/{camera_id}/designated", summary="Enter what an enterprise confirms")
def put_link(who: Signed, camera_id: str, body: LinkBody) -> dict[str, Any]:
    """Of one camera; what was entered before stays in the history."""
    draft = designated.Draft(
        body.enterprise,
        plans.day_in({"day": body.day}, "day"),
        body.identifier,
        body.method,
        body.connected,
    )
    return {"camera": camera_id, **_link(pages.confirm(who, camera_id, draft))}


@api.get(
    "/facilities/{site_id}/designated.xlsx",
    summary="The sheet of connections of a facility",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}},
)
def sheet(who: Signed, site_id: str) -> Response:
    """Every camera, with what was said of it last."""
    return pages.sheet(who, site_id)


@api.post("/facilities/{site_id}/designated.xlsx", summary="Enter a sheet, or rehearse it")
async def enter_sheet(
    request: Request, site_id: str, dry_run: Annotated[bool, Query()] = True
) -> dict[str, Any]:
    """The workbook in the body; all rows or none. A rehearsal unless `dry_run=false`."""
    content = await request.body()

    def enter() -> dict[str, Any]:
        try:
            return pages.planned(visitor(request), site_id, content, enter=not dry_run).as_json()
        except VonggacError as error:
            fault = str(error.detail.get("fault"))
            if fault not in sheets.FILE_FAULTS:
                raise
            raise VonggacError(Kind.BAD_INPUT, sheets.FILE_FAULTS[fault], fault=fault) from error

    return await run_in_threadpool(enter)


def _system(one: System) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "operator": one.operator,
        "document": one.document,
        "from_day": one.from_day.isoformat(),
        "entered": {"by": one.said_by, "name": one.said_name or None, "at": rfc3339(one.said_ns)},
    }


def _link(one: Link) -> dict[str, Any]:
    entered = {"by": one.said_by, "name": one.said_name or None, "at": rfc3339(one.said_ns)}
    return {**designated.as_json(one), "entered": entered}
