"""The JSON API under /api/v1: stable, documented by OpenAPI, one error shape.

Times are RFC 3339 UTC, durations seconds. A request is made by a session's cookie
(`POST /api/v1/session`), which is SameSite=Strict; what changes something must come from a page of
this very origin, or from a program that sends no Origin (`security.Guard`). `X-CSRF-Token` may be
sent and is not looked at: forms of the pages are what carries and checks the session's token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from vonggac import sentences, wire
from vonggac.clock import NS, parse_rfc3339, rfc3339
from vonggac.config import Secret
from vonggac.domain import (
    access,
    audit,
    continuity,
    guide_values,
    ledger,
    links,
    picture_faults,
    registry,
)
from vonggac.domain.audit import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import figures, limits, rights, words
from vonggac.web.desk import Visitor, visitor
from vonggac.web.ranges import ByteRange, if_none_match, if_range_holds, parse_range

if TYPE_CHECKING:
    from vonggac.db import Connection
    from vonggac.hub.site import Site
    from vonggac.web.desk import Desk

routes = APIRouter(prefix="/api/v1")

LONGEST_LEDGER_NS = 366 * 86_400 * NS
LONGEST_MP4_NS = 86_400 * NS
"""A recording is asked for a day at most; longer spans are several files."""
WIDEST = 3840
RENEW_BEFORE_S = 30
"""A viewer asks for its next grant this long before the end (docs/ref/subjects.md)."""

Signed = Annotated[Visitor, Depends(visitor)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CameraBody(_Body):
    """A camera as it should be. `password: null` keeps the stored one; `""` forgets it."""

    name: str = Field(max_length=63)
    title: str = Field(default="", max_length=500)
    zone: str = Field(max_length=20)
    main_url: str = Field(max_length=1000)
    sub_url: str | None = Field(default=None, max_length=1000)
    source: Literal["auto", "rtsp", "libav"] = "auto"
    transcode: bool = False
    record_sub: bool | None = None
    audio: bool = False
    user: str = Field(default="", max_length=200)
    password: str | None = Field(default=None, max_length=1000)
    retention_days: int | None = None


class CameraEdit(CameraBody):
    """As above, and what it was made from."""

    revision: int | None = Field(default=None, description="refused when somebody edited meanwhile")


class ProbeBody(_Body):
    """A camera to look at."""

    url: str = Field(max_length=1000)
    site: str = Field(default="", max_length=40)
    """Whose box looks; left out, the one of this machine."""
    user: str = Field(default="", max_length=200)
    password: str = Field(default="", max_length=1000)


class DiscoverBody(_Body):
    """Where to search; no address searches the box's network for ONVIF devices."""

    address: str | None = Field(default=None, max_length=255)
    site: str = Field(default="", max_length=40)
    """Whose box searches; left out, the one of this machine."""
    user: str = Field(default="", max_length=200)
    password: str = Field(default="", max_length=1000)


# -- cameras ---------------------------------------------------------------------------------


@routes.get("/cameras", summary="Every camera and what it is doing")
def cameras(who: Signed) -> dict[str, Any]:
    """The register with the state of each stream, as far as the hub knows."""
    now_ns = who.desk.now_ns()
    cameras: list[dict[str, Any]] = []
    with who.desk.database.reading() as connection:
        shown = rights.shown_sites(connection, who, access.Act.FACILITY_DETAILS)
        for site in shown:
            states = ledger.states(connection, site.id)
            found = registry.cameras(connection, site.id)
            waiting = registry.unmeasured(connection, site.id)
            cameras += [
                camera_json(one, states, now_ns, measured=one.id not in waiting) for one in found
            ]
        said = {site.id: ledger.site_state(connection, site.id) for site in shown}
        site_state = said[shown[0].id] if shown else None
    return {
        "as_of": _moment(site_state.as_of_ns if site_state else None),
        "reachable": bool(site_state and site_state.reachable_since_ns),
        "cameras": cameras,
        "sites": [site_json(site, said[site.id]) for site in shown],
    }


def site_json(site: registry.Site, state: ledger.SiteState | None) -> dict[str, Any]:
    """How far a site is known, and how it is joined; `link` is null for a box of this machine.

    `link.hub` is the hub below whose own link is down, behind which the site is.
    """
    link = None if state is None else links.link_of(state.detail)
    return {
        "id": site.id,
        "as_of": _moment(state.as_of_ns if state else None),
        "reachable": bool(state and state.reachable_since_ns),
        "link": None
        if link is None
        else {
            "up": link.up,
            "since": _moment(link.since_ns),
            "recorder": link.recorder,
            "recorder_since": _moment(link.recorder_since_ns),
            "twice": link.twice,
            "hub": link.hub or None,
        },
    }


@routes.get("/cameras/{camera_id}", summary="One camera")
def one_camera(who: Signed, camera_id: str) -> dict[str, Any]:
    """One camera and the state of each of its streams."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        camera = registry.camera(connection, camera_id)
        states = ledger.states(connection, camera.site_id)
        measured = camera.id not in registry.unmeasured(connection, camera.site_id)
    return camera_json(camera, states, who.desk.now_ns(), measured=measured)


@routes.post("/cameras", summary="Register a camera", status_code=201)
async def add_camera(request: Request, body: CameraBody) -> dict[str, Any]:
    """Register a camera and send the box its order. A room, toilet or bath is refused."""
    camera = await run_in_threadpool(register, request, draft_of(body))
    request.app.state.desk.orders.changed()
    return camera_json(camera, {}, request.app.state.desk.now_ns())


@routes.put("/cameras/{camera_id}", summary="Change a camera")
async def change_camera(request: Request, camera_id: str, body: CameraEdit) -> dict[str, Any]:
    """Change a camera and send the box its order."""
    camera = await run_in_threadpool(edit, request, camera_id, draft_of(body), body.revision)
    request.app.state.desk.orders.changed()
    return camera_json(camera, {}, request.app.state.desk.now_ns())


@routes.delete("/cameras/{camera_id}", summary="Take a camera out of the register", status_code=204)
async def drop_camera(
    request: Request, camera_id: str, reason: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Retire a camera; its recordings and its ledger stay."""
    await run_in_threadpool(retire, request, camera_id, reason)
    request.app.state.desk.orders.changed()
    return Response(status_code=204)


def draft_of(body: CameraBody) -> registry.Draft:
    """A body as the register takes it."""
    return registry.Draft(
        name=body.name,
        title=body.title,
        zone=body.zone,
        main_url=body.main_url,
        sub_url=body.sub_url,
        source=body.source,
        transcode=body.transcode,
        record_sub=body.record_sub,
        audio=body.audio,
        user_name=body.user,
        password=None if body.password is None else Secret(body.password),
        retention_days=body.retention_days,
    )


def register(request: Request, draft: registry.Draft) -> registry.Camera:
    """Register a camera for the visitor; for worker threads."""
    who = visitor(request)
    who.signed_in  # noqa: B018
    desk, now_ns = who.desk, who.desk.now_ns()
    try:
        with desk.database.writing() as connection:
            site = rights.shown_site(connection, who, access.Act.CAMERA_EDIT)
            _refuse_kept_below(connection, desk, site.id)
            camera = registry.register_camera(
                connection,
                site.id,
                draft,
                placement=desk.placement,
                box=desk.box,
                now_ns=now_ns,
            )
            detail = {"zone": camera.zone, "title": camera.title}
            audit.record(
                connection,
                who.actor,
                Act.CAMERA_ADDED,
                now_ns=now_ns,
                thing=camera.id,
                detail=detail,
            )
    except registry.Unacceptable as problem:
        _audit_refused_place(who, draft, problem, now_ns)
        raise
    return camera


def _refuse_kept_below(connection: Connection, desk: Desk, site_id: str) -> None:
    """A facility with a box of its own keeps its register: what is written here reached nobody.

    Raises:
        VonggacError: CONFLICT.
    """
    if site_id != desk.sites.own_id and desk.sites.reaches(connection, site_id):
        raise VonggacError(
            Kind.CONFLICT, "this facility keeps its own register: add the camera on its own pages"
        )


def edit(
    request: Request, camera_id: str, draft: registry.Draft, revision: int | None
) -> registry.Camera:
    """Change a camera for the visitor; for worker threads."""
    who = visitor(request)
    who.signed_in  # noqa: B018
    desk, now_ns = who.desk, who.desk.now_ns()
    try:
        with desk.database.writing() as connection:
            camera = registry.edit_camera(
                connection,
                camera_id,
                draft,
                revision=revision,
                placement=desk.placement,
                box=desk.box,
                now_ns=now_ns,
            )
            audit.record(
                connection,
                who.actor,
                Act.CAMERA_EDITED,
                now_ns=now_ns,
                thing=camera.id,
                detail={"zone": camera.zone, "revision": camera.revision},
            )
    except registry.Unacceptable as problem:
        _audit_refused_place(who, draft, problem, now_ns)
        raise
    return camera


def retire(request: Request, camera_id: str, reason: str) -> None:
    """Retire a camera for the visitor; for worker threads."""
    who = visitor(request)
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        camera = registry.retire_camera(connection, camera_id, reason=reason, now_ns=now_ns)
        audit.record(
            connection,
            who.actor,
            Act.CAMERA_RETIRED,
            now_ns=now_ns,
            thing=camera.id,
            purpose=reason,
        )


def _audit_refused_place(
    who: Visitor, draft: registry.Draft, problem: registry.Unacceptable, now_ns: int
) -> None:
    place = problem.refused_place
    if place is None:
        return
    with who.desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            Act.REGISTER_REFUSED,
            now_ns=now_ns,
            thing=draft.name,
            outcome="refused",
            detail={"zone": draft.zone, "title": draft.title[:120], "place": place.code},
        )


def camera_json(
    camera: registry.Camera,
    states: dict[tuple[str, str], ledger.State],
    now_ns: int,
    *,
    measured: bool = True,
) -> dict[str, Any]:
    """A camera as the API says it; one that is not `measured` waits and is not recorded."""
    state = states.get((camera.name, "main"))
    streams: dict[str, Any] = {"main": stream_json(states.get((camera.name, "main")))}
    if camera.sub_url:
        streams["sub"] = stream_json(states.get((camera.name, "sub")))
    return {
        "id": camera.id,
        "name": camera.name,
        "title": camera.title,
        "zone": camera.zone,
        "site": camera.site_id,
        "allowed": True,
        "measured": measured,
        "streams": streams,
        "state": state_json(state, now_ns),
        "picture_faults": [
            {"at": rfc3339(one.at_ns), "evidence": one.evidence, "lasts": one.lasts}
            for one in picture_faults.listed(state, states.get((camera.name, "sub")))
        ],
        "retention_days": camera.retention_days,
        "origin": camera.origin,
        "revision": camera.revision,
    }


def stream_json(state: ledger.State | None) -> dict[str, Any] | None:
    """What is known of a stream; null when nothing is."""
    if state is None or not state.detail.get("codec"):
        return None
    names = ("codec", "width", "height", "declared_fps", "delivered_fps", "clock_error_ms")
    return {name: state.detail.get(name) for name in (*names, "source")}


def state_json(state: ledger.State | None, now_ns: int) -> dict[str, Any]:
    """recording, gap or unknown; unknown when the last word is older than it should be."""
    if state is None or state.status == "off":
        return {"kind": "unknown", "cause": None, "since": None, "as_of": None}
    is_old = now_ns - state.as_of_ns > continuity.SETTLE_NS
    kind = "unknown" if is_old and state.status == "recording" else state.status
    return {
        "kind": kind,
        "cause": state.cause.value if state.cause else None,
        "since": rfc3339(state.since_ns),
        "as_of": rfc3339(state.as_of_ns),
    }


# -- ledger and recordings -------------------------------------------------------------------


def window_of(from_: str | None, to: str | None, longest_ns: int, now_ns: int) -> tuple[int, int]:
    """The span that a request asks about.

    Raises:
        VonggacError: BAD_INPUT, a moment is none or the span is empty or too long.
    """
    try:
        end = parse_rfc3339(_plus(to)) if to else now_ns
        start = parse_rfc3339(_plus(from_)) if from_ else end - 86_400 * NS
    except (ValueError, OverflowError) as error:
        raise VonggacError(Kind.BAD_INPUT, f"from, to: {error}") from error
    if start >= end:
        raise VonggacError(Kind.BAD_INPUT, "from must lie before to")
    if start < 0:
        raise VonggacError(Kind.BAD_INPUT, "from must not lie before 1970")
    if end - start > longest_ns:
        raise VonggacError(
            Kind.BAD_INPUT, f"the span is longer than {longest_ns // NS // 86_400} days"
        )
    return start, end


def _plus(moment: str) -> str:
    # In a query string an unescaped + arrives as a space: 2026-11-18T14:00:00 07:00.
    return moment.replace(" ", "+") if "T" in moment else moment


From = Annotated[str | None, Query(alias="from", max_length=40, description="RFC 3339")]
To = Annotated[str | None, Query(max_length=40, description="RFC 3339")]
Stream = Annotated[Literal["main", "sub"], Query()]


@routes.get("/cameras/{camera_id}/ledger", summary="What was recorded and what is missing")
def camera_ledger(who: Signed, camera_id: str, from_: From = None, to: To = None) -> dict[str, Any]:
    """Spans, gaps with causes, time that nobody knows about yet; the last 24 hours by default."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    window = window_of(from_, to, LONGEST_LEDGER_NS, now_ns)
    with who.desk.database.reading() as connection:
        camera = registry.camera(connection, camera_id)
        site = registry.site(connection, camera.site_id)
        assert site is not None, "a camera's site is registered"
        time = figures.camera_times(connection, site, [camera], window, now_ns=now_ns)[0]
    return ledger_json(time, window)


def gap_json(piece: continuity.Piece) -> dict[str, Any]:
    """Missing time as the API says it; the evidence as it was signed, its code, and in Vietnamese.

    The code is one of `rules/evidence.toml`; null for what has no form there, as a person's words.
    """
    found = sentences.find(piece.evidence)
    return {
        "from": rfc3339(piece.from_ns),
        "to": rfc3339(piece.to_ns),
        "cause": piece.cause.value if piece.cause else None,
        "open": piece.provisional,
        "evidence": piece.evidence,
        "evidence_code": found.code if found else None,
        "evidence_vi": found.vi if found else piece.evidence,
    }


def ledger_json(time: figures.CameraTime, window: tuple[int, int]) -> dict[str, Any]:
    """A camera's time as the API says it."""
    found = time.figures

    def spans(kind: str) -> list[dict[str, str]]:
        return [
            {"from": rfc3339(piece.from_ns), "to": rfc3339(piece.to_ns)}
            for piece in time.pieces
            if piece.kind == kind
        ]

    return {
        "camera": time.camera.id,
        "from": rfc3339(window[0]),
        "to": rfc3339(window[1]),
        "as_of": _moment(time.state.as_of_ns if time.state else None),
        "spans": spans("recorded"),
        "gaps": [gap_json(piece) for piece in time.pieces if piece.kind == "gap"],
        "unknown": spans("unknown"),
        "not_in_service": spans("out"),
        "expired_before": _moment(time.expired_before_ns),
        "pages": len(time.pages),
        "figures": {
            "recorded_s": found.recorded_ns / NS,
            "missing_s": found.missing_ns / NS,
            "unknown_s": found.unknown_ns / NS,
            "expired_s": found.expired_ns / NS,
            "percent": None if found.hundredths is None else found.hundredths / 100,
            "by_cause_s": {cause.value: ns / NS for cause, ns in found.by_cause.items()},
            "longest_gap_s": found.longest_gap.length_ns / NS if found.longest_gap else 0,
        },
    }


@routes.head("/cameras/{camera_id}/recording.mp4", include_in_schema=False)
@routes.get("/cameras/{camera_id}/recording.mp4", summary="The recording of a span, as one file")
async def recording(
    request: Request, camera_id: str, from_: From = None, to: To = None, stream: Stream = "main"
) -> Response:
    """The recorded bytes as one progressive MP4, without re-encoding; ranges are answered 206."""
    who = await run_in_threadpool(visitor, request)
    who.signed_in  # noqa: B018
    if not (from_ and to):
        raise VonggacError(Kind.BAD_INPUT, "from and to are needed")
    window = window_of(from_, to, LONGEST_MP4_NS, who.desk.now_ns())
    camera = await run_in_threadpool(_camera, who, camera_id)
    site = who.desk.sites.of(camera.site_id)
    film = await site.mp4(camera.name, stream, *window)
    etag = f'"{film.etag}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{_file_name(camera, window)}"',
    }
    if if_none_match(request.headers, etag):
        return Response(status_code=304, headers=headers)
    wanted = None
    if if_range_holds(request.headers, etag):
        wanted = parse_range(request.headers.get("range"), film.size)
    if wanted is ByteRange.UNSATISFIABLE:
        raise VonggacError(
            Kind.BAD_INPUT, "the range lies outside the file", status=416, size=film.size
        )
    start, end = (0, film.size) if wanted is None else (wanted.start, wanted.end)
    headers["Content-Length"] = str(end - start)
    status = 200
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{film.size}"
        status = 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type="video/mp4")
    if who.desk.downloads.is_new(who.signed_in.account.id, camera.id, stream, window):
        await run_in_threadpool(_audit_span, who, camera.id, window, film.size)
    body = site.mp4_range(camera.name, stream, window, film.etag, (start, end))
    return StreamingResponse(body, status_code=status, headers=headers, media_type="video/mp4")


def _file_name(camera: registry.Camera, window: tuple[int, int]) -> str:
    start = rfc3339(window[0])[:19].replace("-", "").replace(":", "")
    return f"{camera.name}_{start}Z_{(window[1] - window[0]) // NS}s.mp4"


def _audit_span(who: Visitor, camera_id: str, window: tuple[int, int], size: int) -> None:
    with who.desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            Act.DOWNLOAD,
            now_ns=who.desk.now_ns(),
            thing=camera_id,
            detail={"from": rfc3339(window[0]), "to": rfc3339(window[1]), "bytes": size},
        )


@routes.get(
    "/cameras/{camera_id}/snapshot.jpg",
    summary="A picture of now, or of a recorded moment",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
async def snapshot(
    request: Request,
    camera_id: str,
    at: Annotated[str | None, Query(max_length=40)] = None,
    width: Annotated[int | None, Query(ge=16, le=WIDEST)] = None,
) -> Response:
    """A JPEG."""
    who = await run_in_threadpool(visitor, request)
    who.signed_in  # noqa: B018
    at_ns = None
    if at is not None:
        try:
            at_ns = parse_rfc3339(_plus(at))
        except (ValueError, OverflowError) as error:
            raise VonggacError(Kind.BAD_INPUT, f"at: {error}") from error
        # A picture of a recorded moment is playback, however small it is.
        await run_in_threadpool(_require, who, access.Act.PLAYBACK, camera_id)
    camera = await run_in_threadpool(_camera, who, camera_id)
    site = who.desk.sites.of(camera.site_id)
    picture = await site.snapshot(camera.name, at_ns=at_ns, width=width)
    await run_in_threadpool(_audit_snapshot, who, camera.id, at)
    return Response(picture, media_type="image/jpeg")


def _audit_snapshot(who: Visitor, camera_id: str, at: str | None) -> None:
    with who.desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            Act.SNAPSHOT,
            now_ns=who.desk.now_ns(),
            thing=camera_id,
            detail={"at": at},
        )


@routes.get("/cameras/{camera_id}/timeline", summary="The box's own index of a span, now")
async def timeline(
    request: Request,
    camera_id: str,
    from_: From = None,
    to: To = None,
    resolution_s: Annotated[float, Query(gt=0, le=86_400)] = 60,
    stream: Stream = "main",
) -> dict[str, Any]:
    """Asked of the box itself: fresher than the ledger, and away when the box is."""
    who = await run_in_threadpool(visitor, request)
    who.signed_in  # noqa: B018
    window = window_of(from_, to, 32 * 86_400 * NS, who.desk.now_ns())
    if (window[1] - window[0]) / NS / resolution_s > 20_000:
        raise VonggacError(Kind.BAD_INPUT, "resolution_s is too fine for this span")
    camera = await run_in_threadpool(_camera, who, camera_id)
    site = who.desk.sites.of(camera.site_id)
    found = await site.timeline(camera.name, stream, *window, resolution_s)
    return {
        "as_of": rfc3339(int(found.as_of)),
        "spans": [
            {"from": rfc3339(int(span.from_)), "to": rfc3339(int(span.to))} for span in found.spans
        ],
        "gaps": [
            {
                "from": rfc3339(int(gap.from_)),
                "to": rfc3339(int(gap.to)),
                "cause": gap.cause.value,
            }
            for gap in found.gaps
        ],
        "expired_before": _moment(int(found.expired_before) if found.expired_before else None),
        "density": list(found.density),
    }


# -- probes, searches ----------------------------------------------------------------


@routes.post("/probe", summary="Look at a camera from the box")
async def probe(request: Request, body: ProbeBody) -> dict[str, Any]:
    """What a technician needs to know of a camera; takes up to half a minute."""
    who = await run_in_threadpool(visitor, request)
    return await look_at(who, body.url, body.user, body.password, site_id=body.site)


async def look_at(
    who: Visitor, url: str, user: str, password: str, *, site_id: str = ""
) -> dict[str, Any]:
    """Probe a camera for the visitor, audited and limited; credentials may stand in the URL.

    Args:
        who: the visitor.
        url: where the camera is.
        user: its account.
        password: its password.
        site_id: whose box looks; left out, the one of this machine.

    Raises:
        VonggacError: as the box answers; BAD_INPUT, TOO_MANY.
    """
    account = who.signed_in.account
    plain, url_user, url_password = registry.split_credentials(url)
    if registry.url_problems("url", plain):
        raise VonggacError(Kind.BAD_INPUT, "url: write it as rtsp://host:port/path")
    site = await run_in_threadpool(_asked, who, access.Act.PROBE, site_id)
    who.desk.ask_limit.take(account.id)
    await run_in_threadpool(_audit_ask, who, Act.PROBE, plain)
    bounds = await run_in_threadpool(_bounds, who)
    return await site.probe(plain, user or url_user, Secret(password or url_password), bounds)


def _bounds(who: Visitor) -> wire.Bounds | None:
    """What documents put in place of the criteria of the box."""
    with who.desk.database.reading() as connection:
        return guide_values.bounds(connection, words.day_of(who.desk.now_ns()))


@routes.post("/discover", summary="Search the box's network for cameras")
async def discover(request: Request, body: DiscoverBody) -> dict[str, Any]:
    """ONVIF devices of the box's network, or the channels of one address. Guesses no password."""
    who = await run_in_threadpool(visitor, request)
    return await search(who, body.address, body.user, body.password, site_id=body.site)


async def search(
    who: Visitor, address: str | None, user: str, password: str, *, site_id: str = ""
) -> dict[str, Any]:
    """Search for the visitor, audited and limited; by this machine's box, or by a site's.

    Raises:
        VonggacError: as the box answers; TOO_MANY.
    """
    account = who.signed_in.account
    site = await run_in_threadpool(_asked, who, access.Act.DISCOVER, site_id)
    who.desk.ask_limit.take(account.id)
    await run_in_threadpool(_audit_ask, who, Act.DISCOVER, address or "")
    return await site.discover(address or None, user, Secret(password))


def _audit_ask(who: Visitor, act: Act, thing: str) -> None:
    with who.desk.database.writing() as connection:
        audit.record(connection, who.actor, act, now_ns=who.desk.now_ns(), thing=thing)


def _camera(who: Visitor, camera_id: str) -> registry.Camera:
    with who.desk.database.reading() as connection:
        return rights.camera_here(connection, who, camera_id)


def _require(who: Visitor, act: access.Act, camera_id: str) -> None:
    with who.desk.database.reading() as connection:
        rights.require(connection, who, act, access.thing_of_camera(connection, camera_id))


def _asked(who: Visitor, act: access.Act, site_id: str) -> Site:
    """The site whose box is asked, if the visitor may ask it.

    Raises:
        VonggacError: UNAVAILABLE, it is not asked from here; NOT_FOUND, FORBIDDEN.
    """
    sites = who.desk.sites
    wanted = site_id or sites.own_id
    with who.desk.database.reading() as connection:
        if not wanted:
            raise VonggacError(Kind.BAD_INPUT, "site: name the facility whose box shall look")
        rights.require(connection, who, act, access.thing_of_site(connection, wanted))
        return sites.look(connection, wanted)


def _moment(ns: int | None) -> str | None:
    return None if not ns else rfc3339(ns)


@routes.post("/uplink", summary="Measure the line that leads here")
async def uplink(request: Request) -> dict[str, int]:
    """Count the bytes of a body and keep none; `vonggac survey --hub` times it.

    Who measures at a facility has no account yet, so the address is bounded as on public pages.
    """
    desk = request.app.state.desk
    address = request.client.host if request.client else ""
    desk.ask_limit.take(f"uplink {limits.holder(address)}")
    received = 0
    async for piece in request.stream():
        received += len(piece)
    return {"received": received}
