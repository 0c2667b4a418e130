"""Evidence in the API: exports, holds, and the access log for machines.

Who may ask, approve, take and release is asked of `rights.require` for the site of the thing;
that it takes two persons is said by the domain.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response

from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import access, audit, exports, holds, hubs, wants
from vonggac.domain.access import Act
from vonggac.domain.exports import Someone
from vonggac.errors import Kind, VonggacError
from vonggac.hub.exporting import EXPORTS, zip_path
from vonggac.web import rights, words
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection

routes = APIRouter(prefix="/api/v1")

AUDIT_ROWS = 1_000
"""Rows of the access log in one answer."""

Signed = Annotated[Visitor, Depends(visitor)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RequestBody(_Body):
    """The written request that the export answers."""

    number: str = Field(min_length=1, max_length=exports.MAX_TEXT)
    date: str = Field(max_length=10, description="2026-11-18")
    body: str = Field(min_length=1, max_length=exports.MAX_TEXT, description="who asks")
    reason: str = Field(min_length=1, max_length=exports.MAX_TEXT)
    basis: str = Field(min_length=1, max_length=exports.MAX_TEXT, description="the legal basis")


class ExportBody(_Body):
    """What is asked for, and on which paper."""

    cameras: list[str] = Field(min_length=1, max_length=exports.MAX_CAMERAS)
    from_: str = Field(alias="from", max_length=40, description="RFC 3339")
    to: str = Field(max_length=40)
    request: RequestBody
    with_copy: bool = Field(
        default=False, alias="copy", description="also a copy with name and time burned in"
    )


class DecisionBody(_Body):
    """Yes or no, and why."""

    approve: bool = True
    note: str = Field(default="", max_length=exports.MAX_TEXT)


class ReasonBody(_Body):
    """Why."""

    reason: str = Field(default="", max_length=exports.MAX_TEXT)


class HoldBody(_Body):
    """A span under a case."""

    camera: str = Field(max_length=63)
    from_: str = Field(alias="from", max_length=40)
    to: str = Field(max_length=40)
    case_number: str = Field(min_length=1, max_length=holds.MAX_TEXT)
    reason: str = Field(min_length=1, max_length=holds.MAX_TEXT)


# -- exports ---------------------------------------------------------------------------------


@routes.get("/exports", summary="Requests for recordings")
def every_export(who: Signed) -> dict[str, Any]:
    """Those of the sites where the visitor may see them, newest first."""
    with who.desk.database.reading() as connection:
        found = exports.listed(connection, sites_of(connection, who))
    return {"exports": [export_json(one) for one in found]}


@routes.post("/exports", summary="Ask for recordings", status_code=201)
async def ask_export(request: Request, body: ExportBody) -> dict[str, Any]:
    """Make a request; somebody else approves it, then it is built."""

    def ask() -> exports.Export:
        wanted = exports.Request(
            number=body.request.number,
            dated=body.request.date,
            body=body.request.body,
            reason=body.request.reason,
            basis=body.request.basis,
        )
        span = (moment(body.from_, "from"), moment(body.to, "to"))
        return asked(visitor(request), body.cameras, span, wanted, with_copy=body.with_copy)

    made = await run_in_threadpool(ask)
    request.app.state.desk.orders.changed()
    return export_json(made)


@routes.get("/exports/{export_id}", summary="One request and how far it is")
def one_export(who: Signed, export_id: str) -> dict[str, Any]:
    """State, progress, who asked and who decided."""
    return export_json(seen(who, export_id, Act.EXPORT_SEE))


@routes.post("/exports/{export_id}/approval", summary="Approve or refuse a request")
async def decide_export(request: Request, export_id: str, body: DecisionBody) -> dict[str, Any]:
    """Two persons: one's own request is refused here with 403 and the code `own_request`."""
    made = await run_in_threadpool(
        decided, visitor(request), export_id, approve=body.approve, note=body.note
    )
    request.app.state.desk.orders.changed()
    return export_json(made)


@routes.post("/exports/{export_id}/withdrawal", summary="Take one's own request back")
async def withdraw_export(request: Request, export_id: str, body: ReasonBody) -> dict[str, Any]:
    """Before it is decided, and by who made it."""
    made = await run_in_threadpool(withdrawn, visitor(request), export_id, body.reason)
    request.app.state.desk.orders.changed()
    return export_json(made)


@routes.get("/exports/{export_id}/file", summary="The ZIP")
def export_file(who: Signed, export_id: str) -> Response:
    """Clips, minutes, manifest, pages and seal; `vonggac verify` reads it. Taking it is a row."""
    return file_of(who, export_id)


def asked(
    who: Visitor,
    cameras: Sequence[str],
    span: tuple[int, int],
    wanted: exports.Request,
    *,
    with_copy: bool,
) -> exports.Export:
    """Make a request for the visitor; for worker threads.

    Raises:
        VonggacError: as `exports.ask`; also when the cameras are of different sites.
    """
    who.signed_in  # noqa: B018 - refuses who may not look
    desk = who.desk
    with desk.database.reading() as connection:
        things = {access.thing_of_camera(connection, camera) for camera in cameras}
        # Every site is asked for before anything is said of several.
        verdicts = [rights.require(connection, who, Act.EXPORT_ASK, thing) for thing in things]
    if len(things) != 1:
        raise VonggacError(
            Kind.BAD_INPUT, "one request names cameras of one site", fields={"cameras": "one_site"}
        )
    now_ns = desk.now_ns()
    with desk.database.writing() as connection:
        return exports.ask(
            connection,
            site_id=next(iter(things)).id,
            cameras=cameras,
            span=span,
            request=wanted,
            with_copy=with_copy,
            by=someone(who, verdicts[0]),
            now_ns=now_ns,
            today=words.day_of(now_ns),
        )


def decided(who: Visitor, export_id: str, *, approve: bool, note: str) -> exports.Export:
    """Approve or refuse for the visitor; for worker threads."""
    found, verdict = _allowed(who, export_id, Act.EXPORT_APPROVE)
    desk, by = who.desk, someone(who, verdict)
    now_ns = desk.now_ns()
    if found.asked.account_id == by.account_id:
        with desk.database.writing() as connection:
            exports.refused_own(connection, found.id, by=by, now_ns=now_ns)
    with desk.database.writing() as connection:
        if approve or found.asked.account_id == by.account_id:
            return exports.approve(connection, found.id, by=by, now_ns=now_ns)
        return exports.refuse(connection, found.id, by=by, note=note, now_ns=now_ns)


def withdrawn(who: Visitor, export_id: str, reason: str) -> exports.Export:
    """Take one's own request back; for worker threads."""
    found, verdict = _allowed(who, export_id, Act.EXPORT_ASK)
    by = someone(who, verdict)
    if found.asked.account_id != by.account_id:
        raise VonggacError(Kind.FORBIDDEN, "only who made a request takes it back", code="not_own")
    with who.desk.database.writing() as connection:
        now_ns = who.desk.now_ns()
        return exports.refuse(connection, found.id, by=by, note=reason, now_ns=now_ns)


def seen(who: Visitor, export_id: str, act: Act) -> exports.Export:
    """An export that the visitor may do this with."""
    return _allowed(who, export_id, act)[0]


def _allowed(who: Visitor, export_id: str, act: Act) -> tuple[exports.Export, access.Verdict]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = exports.find(connection, export_id)
        thing = access.thing_of_site(connection, found.site_id)
        return found, rights.require(connection, who, act, thing)


def file_of(who: Visitor, export_id: str) -> Response:
    """The ZIP of an export, with ranges.

    Raises:
        VonggacError: CONFLICT, it is not ready; NOT_FOUND, its days are over.
    """
    found, verdict = _allowed(who, export_id, Act.EXPORT_TAKE)
    path = zip_path(Path(who.desk.config.data_dir) / EXPORTS, found.id)
    if found.state == "expired" or (found.state == "ready" and not path.is_file()):
        raise VonggacError(Kind.NOT_FOUND, "the file is gone: its days are over; ask again")
    if found.state != "ready":
        raise VonggacError(Kind.CONFLICT, f"the file is not ready: {found.state}")
    with who.desk.database.writing() as connection:
        exports.taken(connection, found, by=someone(who, verdict), now_ns=who.desk.now_ns())
    return FileResponse(path, media_type="application/zip", filename=f"{found.id}.zip")


def someone(who: Visitor, verdict: access.Verdict) -> Someone:
    """The visitor as the records keep them, with the unit of the role that is used."""
    account = who.signed_in.account
    held = verdict.by
    unit = (held.body or held.unit or "") if held is not None else ""
    return Someone(account.id, account.name, account.full_name, unit, who.address, who.agent)


def sites_of(connection: Connection, who: Visitor) -> list[str]:
    """Where the visitor may see exports and holds."""
    who.signed_in  # noqa: B018
    return access.sites_for(connection, who.person, Act.EXPORT_SEE, who.desk.now_ns())


def export_json(found: exports.Export) -> dict[str, Any]:
    """An export as the API says it."""
    return {
        "id": found.id,
        "state": found.state,
        "site": found.site_id,
        "cameras": list(found.cameras),
        "from": rfc3339(found.from_ns),
        "to": rfc3339(found.to_ns),
        "request": {
            "number": found.request.number,
            "date": found.request.dated,
            "body": found.request.body,
            "reason": found.request.reason,
            "basis": found.request.basis,
        },
        "copy": found.with_copy,
        "asked": {"by": found.asked.name, "at": rfc3339(found.asked_ns)},
        "decided": None
        if found.decided_ns is None
        else {
            "by": (found.decided or found.asked).name,
            "at": rfc3339(found.decided_ns),
            "note": found.decided_note,
        },
        "progress": {
            "step": found.step,
            "percent": found.percent,
            "done_bytes": found.done_bytes,
            "total_bytes": found.total_bytes,
        },
        "fault": found.fault or None,
        "size": found.size,
        "sha256": found.sha256,
        "expires": None if found.expires_ns is None else rfc3339(found.expires_ns),
    }


# -- holds -----------------------------------------------------------------------------------


@routes.get("/holds", summary="Spans under a case")
def every_hold(who: Signed) -> dict[str, Any]:
    """Those of the sites where the visitor may see them; those that stand first."""
    with who.desk.database.reading() as connection:
        sites = sites_of(connection, who)
        found = holds.listed(connection, sites)
        ways = ways_of(connection, who, found)
        above = from_above(connection, sites)
    return {
        "holds": [hold_json(one, ways.get(one.id)) for one in found],
        "from_above": [
            {"site": one.site_id, "camera": camera, "from": rfc3339(begin), "to": rfc3339(end),
             "as_of": rfc3339(one.answered_ns or one.made_ns)}
            for one in above
            for _, camera, begin, end in one.spans
        ],
    }  # fmt: skip


@routes.post("/holds", summary="Keep a span from deletion", status_code=201)
async def place_hold(request: Request, body: HoldBody) -> dict[str, Any]:
    """The box keeps it from its next order on; somebody else releases it."""

    def place() -> holds.Hold:
        span = (moment(body.from_, "from"), moment(body.to, "to"))
        return held(visitor(request), body.camera, span, body.case_number, body.reason)

    made = await run_in_threadpool(place)
    request.app.state.desk.orders.changed()
    return await run_in_threadpool(_told_of, visitor(request), made)


@routes.post("/holds/{hold_id}/release", summary="Let a span go")
async def release_hold(request: Request, hold_id: str, body: ReasonBody) -> dict[str, Any]:
    """Two persons: one's own hold is refused here with 403 and the code `own_hold`."""
    made = await run_in_threadpool(released, visitor(request), hold_id, body.reason)
    request.app.state.desk.orders.changed()
    return await run_in_threadpool(_told_of, visitor(request), made)


def _told_of(who: Visitor, hold: holds.Hold) -> dict[str, Any]:
    with who.desk.database.reading() as connection:
        return hold_json(hold, ways_of(connection, who, [hold]).get(hold.id))


def held(
    who: Visitor, camera: str, span: tuple[int, int], case_number: str, reason: str
) -> holds.Hold:
    """Place a hold for the visitor; for worker threads."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        thing = access.thing_of_camera(connection, camera)
        verdict = rights.require(connection, who, Act.HOLD_PLACE, thing)
        is_reached = who.desk.sites.reaches(connection, thing.id)
        is_behind = bool(hubs.ways(connection, [thing.id]))
    if is_behind:
        raise VonggacError(
            Kind.BAD_INPUT,
            "camera: its box obeys the hub that it joined; place the hold there",
            fields={"camera": "through_hub"},
        )
    if not is_reached:
        raise VonggacError(
            Kind.BAD_INPUT,
            "camera: no box of its site joined this hub; nobody would keep anything",
            fields={"camera": "no_box"},
        )
    with who.desk.database.writing() as connection:
        return holds.place(
            connection,
            camera_id=camera,
            span=span,
            case_number=case_number,
            reason=reason,
            by=someone(who, verdict),
            now_ns=who.desk.now_ns(),
        )


def released(who: Visitor, hold_id: str, reason: str) -> holds.Hold:
    """Release a hold for the visitor; for worker threads."""
    who.signed_in  # noqa: B018
    desk = who.desk
    with desk.database.reading() as connection:
        found = holds.find(connection, hold_id)
        thing = access.thing_of_site(connection, found.site_id)
        verdict = rights.require(connection, who, Act.HOLD_RELEASE, thing)
    by, now_ns = someone(who, verdict), desk.now_ns()
    try:
        with desk.database.writing() as connection:
            return holds.release(connection, hold_id, reason=reason, by=by, now_ns=now_ns)
    except VonggacError as error:
        if error.detail.get("code") == "own_hold":
            with desk.database.writing() as connection:
                holds.refused_own(connection, hold_id, by=by, now_ns=now_ns)
        raise


def ways_of(
    connection: Connection, who: Visitor, found: Sequence[holds.Hold]
) -> dict[str, wants.Stand]:
    """How far holds of boxes elsewhere have come on their way there, by the hold's id."""
    own_id = who.desk.sites.own_id
    elsewhere = [one for one in found if one.site_id != own_id]
    ours = wants.ours(connection, sorted({one.site_id for one in elsewhere}))
    return {one.id: wants.stand(one, ours.get(one.site_id)) for one in elsewhere}


def from_above(connection: Connection, site_ids: Sequence[str]) -> list[wants.Want]:
    """What boxes of these sites keep because another hub wants it."""
    return [one for one in wants.of_sites(connection, site_ids) if not one.is_ours and one.spans]


def hold_json(hold: holds.Hold, stand: wants.Stand | None = None) -> dict[str, Any]:
    """A hold as the API says it.

    Args:
        hold: as it is wanted.
        stand: how far it has come; None where the box obeys this hub itself.
    """
    return {
        "at_box": None
        if stand is None
        else {
            "state": stand.way,
            "as_of": None if stand.as_of_ns is None else rfc3339(stand.as_of_ns),
            "why": stand.why or None,
        },
        "id": hold.id,
        "site": hold.site_id,
        "camera": hold.camera_id,
        "from": rfc3339(hold.from_ns),
        "to": rfc3339(hold.to_ns),
        "case_number": hold.case_number,
        "reason": hold.reason,
        "placed": {"by": hold.placed_name, "at": rfc3339(hold.placed_ns)},
        "released": None
        if hold.released_ns is None
        else {
            "by": hold.released_name,
            "at": rfc3339(hold.released_ns),
            "reason": hold.released_reason,
        },
    }


# -- the access log --------------------------------------------------------------------------


@routes.get("/audit", summary="The access log")
def audit_rows(
    who: Signed,
    after: Annotated[int, Query(ge=0, lt=2**62, description="rows after this number")] = 0,
    act: Annotated[str, Query(max_length=60)] = "",
    limit: Annotated[int, Query(ge=1, le=AUDIT_ROWS)] = 200,
) -> Response:
    """Rows with their hashes, oldest first, for a program that keeps up; `next` is its `after`."""
    who.signed_in  # noqa: B018
    wanted = audit.Filter(act=act, after_id=after, limit=limit)
    with who.desk.database.reading() as connection:
        rows = audit.rows(connection, wanted)
        newest = audit.head(connection)
    # A program that keeps up asks every few seconds: one row for as long as it goes on.
    if who.desk.downloads.is_new(who.signed_in.account.id, "audit"):
        with who.desk.database.writing() as connection:
            audit.record(
                connection, who.actor, audit.Act.AUDIT_READ, now_ns=who.desk.now_ns(),
                detail={"rows": len(rows), "after": after, "act": act},
            )  # fmt: skip
    return JSONResponse(
        {
            "rows": [row.as_json() for row in rows],
            "next": rows[-1].id if rows else after,
            "head": {"row": newest.row, "hash": newest.hash},
        }
    )


def moment(text: str, field: str) -> int:
    """A moment that came from outside.

    Raises:
        VonggacError: BAD_INPUT.
    """
    try:
        found = parse_rfc3339(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise VonggacError(
            Kind.BAD_INPUT, f"{field}: not a time as RFC 3339 writes it", fields={field: "no_time"}
        ) from error
    if not 0 < found < 2**62:
        raise VonggacError(Kind.BAD_INPUT, f"{field}: out of range", fields={field: "no_time"})
    return found
