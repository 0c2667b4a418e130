"""Grants and views: permission to see named cameras for a purpose, and who watches which site.

A grant opens pictures for two minutes and is renewed while the page is open. Names of those who
watch are for auditors, for those of the same body, and for oneself; everybody else who may see
that somebody watches reads body, role and purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from vonggac import keys
from vonggac.clock import NS, rfc3339
from vonggac.domain import access, audit, grants, hubs, purposes, registry, units
from vonggac.domain.access import Act
from vonggac.domain.duties import duties
from vonggac.domain.grants import record_end
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError
from vonggac.hub.revocation import may_end_views
from vonggac.web import rights, watch, words
from vonggac.web.api import RENEW_BEFORE_S
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import form_values
from vonggac.web.security import websocket_origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.db import Connection

routes = APIRouter(prefix="/api/v1")
pages = APIRouter(include_in_schema=False)

PAST_DAYS = 7
"""Days of views that a site's page looks back; older ones are in the audit."""
SHARED_ROLE = Words("được chia sẻ", "shared with")
"""What stands for a role where cameras were shared."""

WHY: Mapping[str, str] = {
    "closed": "đã đóng trang",
    "changed": "chuyển sang camera hoặc mục đích khác",
    "withdrawn": "bị thu hồi",
    "purpose_over": "hết thời hạn của mục đích xem",
    "session_ended": "phiên đăng nhập đã kết thúc",
    "account_disabled": "tài khoản đã bị khóa",
    "token_revoked": "mã API đã bị thu hồi",
    "display_revoked": "màn hình đã bị bỏ",
    "not_in_time": "vai trò hoặc thời hạn chia sẻ đã hết",
    "no_role": "không còn vai trò được xem",
    "outside_scope": "camera không còn trong phạm vi",
    "military_line": "cơ sở quân đội không cho xem",
    "wrong_purpose": "mục đích không phù hợp với vai trò",
    "not_signed_in": "chưa đăng nhập",
    "narrowed": "mã API không được xem hình",
}
"""Why a view ended, by the codes of `grants` and of `access.Why`."""

Signed = Annotated[Visitor, Depends(visitor)]


class GrantBody(BaseModel):
    """What a viewer wants to see, and why."""

    model_config = ConfigDict(extra="forbid")

    nkey: str = Field(max_length=100, description="public key of a NATS user, made by the browser")
    cameras: list[str] = Field(min_length=1, max_length=keys.VIEWER_CAMERAS)
    streams: list[Literal["main", "sub"]] = Field(min_length=1, max_length=2)
    purpose: str = Field(min_length=1, max_length=32, description="a code of the purposes")
    note: str = Field(default="", max_length=200, description="number of the document or case")
    renews: str | None = Field(default=None, max_length=26, description="the grant it goes on with")
    shows: Literal["live", "recorded"] = Field(
        default="live", description="which pictures the page shows, for the access log"
    )


@routes.get("/purposes", summary="Why pictures may be seen")
def list_purposes(
    who: Signed,
    site: Annotated[
        str, Query(max_length=40, description="only those that the visitor may state there")
    ] = "",
    shows: Annotated[
        Literal["live", "recorded"], Query(description="with `site`: for which pictures")
    ] = "live",
) -> dict[str, Any]:
    """The purposes that a grant may name today."""
    known = purposes.for_people(who.desk.now_ns()) if not site else _stated_at(who, site, shows)
    return {
        "purposes": [
            {
                "code": one.code,
                "name": {"vi": one.name.vi, "en": one.name.en},
                "hours": one.hours,
                "note": one.note or None,
            }
            for one in known
        ]
    }


def _stated_at(who: Visitor, site_id: str, shows: str) -> Sequence[purposes.Purpose]:
    act = Act.LIVE_VIEW if shows == "live" else Act.PLAYBACK
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        seen = rights.shown_sites(connection, who, Act.FACILITY_SEE)
        site = next((one for one in seen if one.id == site_id), None)
        if site is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such site, or it is not for you")
        return rights.choices(connection, who, act, site)


@routes.post("/grants", summary="Permission to see named cameras for two minutes")
async def grant(request: Request, body: GrantBody) -> dict[str, Any]:
    """Tokens for the bus and for the box: exactly these cameras, for this purpose."""
    return await run_in_threadpool(_grant, request, body)


def _grant(request: Request, body: GrantBody) -> dict[str, Any]:
    who = visitor(request)
    session = who.signed_in
    desk, now_ns = who.desk, who.desk.now_ns()
    stated = purposes.state(body.purpose, body.note, now_ns=now_ns)
    with desk.database.reading() as connection:
        found, verdict = _allowed(connection, who, body.cameras, stated.purpose.code)
        ways = hubs.ways(connection, [found[0][0].site_id])
    first, names = next(iter(found)), {camera.name: camera.id for camera, _ in found}
    view = desk.grants.view(
        site=first[0].site_id,
        cameras=list(names),
        streams=list(dict.fromkeys(body.streams)),
        purpose=stated.text,
        actor=session.account.name,
        nkey=body.nkey,
        allowed=_verbs(who, [thing for _, thing in found], stated.purpose.code),
        way=ways.get(first[0].site_id),
    )
    is_token = session.factor == "token"
    is_playback = body.shows == "recorded" or stated.purpose.code == watch.REVIEW
    issued = grants.Issued(
        id=view.grant_id,
        account_id=session.account.id,
        site_id=first[0].site_id,
        cameras=list(names.values()),
        streams=body.streams,
        purpose=stated.text,
        nkey=body.nkey,
        issued_ns=view.issued_ns,
        expires_ns=view.expires_ns,
        session_id=None if is_token else session.id,
        token_id=session.id if is_token else None,
        renews=body.renews,
        role=verdict.by.role if verdict.by else "",
        body_id=verdict.by.body if verdict.by else None,
    )
    with desk.database.writing() as connection:
        if grants.file_grant(connection, issued):
            for before in grants.gave_way(connection, issued):
                record_end(connection, before, grants.CHANGED, now_ns=now_ns, ended_ns=now_ns)
            audit.record(
                connection,
                who.actor,
                audit.Act.PLAYBACK if is_playback else audit.Act.LIVE,
                now_ns=now_ns,
                thing=", ".join(issued.cameras),
                site=issued.site_id,
                purpose=stated.text,
                detail={"grant": view.grant_id, "streams": body.streams, "role": issued.role},
            )
    config = desk.config.bus
    return {
        "token": view.token,
        "grant": view.grant,
        "grant_id": view.grant_id,
        "hub": view.hub,
        "site": issued.site_id,
        "subjects": {
            "live": {names[name]: subjects for name, subjects in view.live.items()},
            "ask": {names[name]: subjects for name, subjects in view.ask.items()},
            "re": view.re,
            "re_all": f"{view.re}.>",
        },
        "websocket": websocket_origin(
            config.public_websocket_url,
            desk.websocket_port,
            request.headers.get("host", ""),
            secure=desk.secure,
        ),
        "expires": rfc3339(view.expires_ns),
        "renew_before_s": RENEW_BEFORE_S,
        "now": rfc3339(desk.now_ns()),
    }


def _allowed(
    connection: Connection, who: Visitor, wanted: Iterable[str], purpose: str
) -> tuple[list[tuple[registry.Camera, access.Thing]], access.Verdict]:
    """The cameras of a grant with what they are, each one asked about by itself.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN, one of them is not for the visitor; UNAVAILABLE,
            its box is not asked from here.
    """
    ids = list(dict.fromkeys(wanted))
    things = access.things_of_cameras(connection, ids)
    cameras = registry.cameras_named(connection, ids)
    found, verdict = [], access.Verdict(False, "no_role")
    for camera_id in ids:
        thing = things.get(camera_id)
        if thing is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
        verdict = rights.require(connection, who, Act.LIVE_VIEW, thing, purpose=purpose)
        camera = cameras.get(camera_id)
        if camera is None:
            camera = rights.camera_here(connection, who, camera_id)  # refuses, and says why
        found.append((camera, thing))
    of_sites = {camera.site_id for camera, _ in found}
    if len(of_sites) > 1:
        raise VonggacError(Kind.BAD_INPUT, "cameras: a grant is for one facility; ask for each")
    for site_id in of_sites:
        who.desk.sites.look(connection, site_id)
    return found, verdict


def _verbs(who: Visitor, things: Sequence[access.Thing], purpose: str) -> tuple[Any, ...]:
    """What may be asked of the box about every one of them."""
    allowed = [set(rights.viewer_verbs(who, thing, purpose=purpose)) for thing in things]
    together = set.intersection(*allowed)
    return tuple(verb for verb in rights.viewer_verbs(who, things[0], purpose=purpose)
                 if verb in together)  # fmt: skip


@routes.delete("/grants/{grant_id}", summary="Give a grant back", status_code=204)
def give_back(who: Signed, grant_id: str) -> Response:
    """The page is closed: the view is over now, not when its grant would have ended."""
    desk, now_ns = who.desk, who.desk.now_ns()
    account = who.signed_in.account
    with desk.database.writing() as connection:
        for view in grants.give_back(connection, grant_id, account.id, now_ns=now_ns):
            record_end(connection, view, grants.CLOSED, now_ns=now_ns, ended_ns=now_ns)
    return Response(status_code=204)


# -- who watches -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A view as a visitor may read it."""

    id: str
    name: str | None
    """None: it is not for this visitor."""
    body: Words | None
    role: Words | None
    stated: purposes.Stated | None
    cameras: int
    began_ns: int
    ended_ns: int | None
    why: str


def seen(
    connection: Connection, who: Visitor, site_id: str, *, days: int = PAST_DAYS
) -> tuple[list[Seen], list[Seen]]:
    """Who watches a site now and who watched it in the last days, as the visitor may read it."""
    now_ns = who.desk.now_ns()
    thing = access.thing_of_site(connection, site_id)
    present = grants.open_views(connection, site_id, now_ns=now_ns)
    past = grants.watched(connection, site_id, since_ns=now_ns - days * words.DAY_NS)
    bodies = body_words(connection, [view.body_id for view in (*present, *past)], now_ns)
    known = duties(words.day_of(now_ns))

    def readable(view: grants.View) -> Seen:
        is_named = grants.is_named_to(who.person, view, thing, now_ns=now_ns)
        stated = purposes.read(view.purpose, now_ns=now_ns)
        return Seen(
            id=view.id,
            name=(view.full_name or view.name) if is_named else None,
            body=bodies.get(view.body_id or ""),
            role=SHARED_ROLE if view.role == access.SHARED else _role(known, view.role),
            # A note may name a case, and with it a person.
            stated=stated if is_named or stated is None else purposes.Stated(stated.purpose),
            cameras=len(view.cameras),
            began_ns=view.began_ns,
            ended_ns=view.ended_ns,
            why=view.why,
        )

    return [readable(view) for view in present], [readable(view) for view in past]


def _role(known: Mapping[str, Any], code: str) -> Words | None:
    return known[code].name if code in known else None


def body_words(connection: Connection, ids: Iterable[str | None], now_ns: int) -> dict[str, Words]:
    """What the bodies are called today; those that there are no more keep their last name away."""
    found: dict[str, Words] = {}
    for unit_id in sorted({one for one in ids if one is not None}):
        try:
            unit = units.unit(connection, unit_id, words.day_of(now_ns))
        except VonggacError:
            continue
        found[unit_id] = Words(unit.vi, unit.en or unit.vi)
    return found


@routes.get("/sites/{site_id}/views", summary="Who watches a site, and who watched it")
def site_views(who: Signed, site_id: str) -> dict[str, Any]:
    """Bodies, roles and purposes; names where they are for the visitor."""
    with who.desk.database.reading() as connection:
        rights.require(connection, who, Act.WATCHING_SEE, access.thing_of_site(connection, site_id))
        present, past = seen(connection, who, site_id)
    return {
        "as_of": rfc3339(who.desk.now_ns()),
        "now": [_seen_json(view) for view in present],
        "past": [_seen_json(view) for view in past],
    }


def _seen_json(view: Seen) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "body": view.body.vi if view.body else None,
        "role": view.role.vi if view.role else None,
        "purpose": view.stated.text if view.stated else None,
        "cameras": view.cameras,
        "from": rfc3339(view.began_ns),
        "to": rfc3339(view.ended_ns) if view.ended_ns is not None else None,
        "why": view.why or None,
    }


@routes.delete("/views/{view_id}", summary="Withdraw a view", status_code=204)
def withdraw_view(who: Signed, view_id: str) -> Response:
    """End what somebody watches now; whoever ends sessions or shares the site's cameras may."""
    withdraw(who, view_id)
    return Response(status_code=204)


def withdraw(who: Visitor, view_id: str) -> None:
    """Withdraw a view for the visitor; for worker threads.

    Raises:
        VonggacError: NOT_FOUND, it is over or there is none; FORBIDDEN.
    """
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        site_id = grants.site_of_view(connection, view_id)
        thing = access.thing_of_site(connection, site_id)
        is_allowed = may_end_views(connection, who.person, site_id, now_ns=now_ns)
        if not is_allowed:
            rights.require(connection, who, Act.SHARE_GRANT, thing)
    with desk.database.writing() as connection:
        view = grants.withdraw(connection, view_id, now_ns=now_ns)
        record_end(connection, view, grants.WITHDRAWN, now_ns=now_ns, ended_ns=now_ns)
        audit.record(
            connection,
            who.actor,
            audit.Act.VIEW_WITHDRAWN,
            now_ns=now_ns,
            thing=view.id,
            site=view.site_id,
            detail={"of": view.name, "purpose": view.purpose},
        )


@pages.get("/watching")
def watching_page(who: Signed) -> Response:
    """Which bodies and roles watch this facility now and watched it in the last days."""
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        site = rights.shown_site(connection, who, Act.WATCHING_SEE)
        present, past = seen(connection, who, site.id)
        may_end = may_end_views(connection, who.person, site.id, now_ns=now_ns)
    return who.page(
        "watching.html",
        {
            "site": site,
            "present": present,
            "past": past,
            "days": PAST_DAYS,
            "why": WHY,
            "may_end": may_end,
            "length": lambda view: (view.ended_ns or now_ns) - view.began_ns,
            "short": NS,
        },
        section="facility",
    )


@pages.post("/watching")
async def watching_send(request: Request) -> Response:
    """Withdraw one of the views that are open now."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_watching_send, request, form)


def _watching_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    if form.get("do") != "withdraw":
        raise VonggacError(Kind.BAD_INPUT, "do: withdraw")
    withdraw(who, form.get("id", "")[:40])
    return RedirectResponse("/watching", 303)
