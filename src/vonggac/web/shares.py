"""Cameras shared with another body for hours: given and withdrawn by a leader, seen by the body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from vonggac.clock import NS, parse_rfc3339, rfc3339
from vonggac.domain import access, audit, guide, ledger, registry, sharing
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import rights, watch
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values
from vonggac.web.viewing import body_words
from vonggac.web.words import day_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.rules import Words

routes = APIRouter(prefix="/api/v1")
pages = APIRouter(include_in_schema=False)

HOURS: Sequence[int] = (1, 2, 4, 8, 12, 24, 48, 72)
"""What the form offers, up to the longest that a share may last by the rule in force."""
LONGEST = "share_hours"
"""The line of the guide that says how long."""

FAULTS: Mapping[str, str] = {
    "no_cameras": "Chọn ít nhất một camera.",
    "other_site": "Các camera phải cùng một cơ sở.",
    "ends_before": "Giờ kết thúc phải ở sau giờ bắt đầu.",
    "too_long": "Chia sẻ dài nhất {hours} giờ. Cần lâu hơn thì giao vai trò.",
    "no_reason": "Ghi lý do, kèm số văn bản nếu có.",
    "secret_mark": "Không được kèm nội dung mang dấu MẬT.",
    "no_body": "Chọn cơ quan được chia sẻ.",
    "share_over": "Lần chia sẻ này đã kết thúc.",
}
"""What is said of input that cannot be taken."""

Signed = Annotated[Visitor, Depends(visitor)]


class ShareBody(BaseModel):
    """Cameras to be shared."""

    model_config = ConfigDict(extra="forbid")

    cameras: list[str] = Field(min_length=1, max_length=sharing.CAMERAS_LIMIT)
    body: str = Field(max_length=100, description="id of the unit on whose behalf they are seen")
    to: str = Field(max_length=40, description="RFC 3339")
    from_: str | None = Field(default=None, max_length=40, alias="from", description="RFC 3339")
    reason: str = Field(max_length=sharing.REASON_LIMIT)


@dataclass(frozen=True, slots=True)
class Row:
    """A share as its page shows it."""

    share: sharing.Share
    body: Words | None
    cameras: Sequence[str]
    """What people call them."""
    state: str
    """`now`, `coming` or `over`."""


# -- by leaders ------------------------------------------------------------------------------


def give(who: Visitor, draft: sharing.Draft) -> sharing.Share:
    """Share cameras for the visitor; for worker threads.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN, a camera is not the visitor's to share; BAD_INPUT.
    """
    desk, now_ns = who.desk, who.desk.now_ns()
    account = who.signed_in.account
    with desk.database.reading() as connection:
        for camera in draft.cameras:
            thing = access.thing_of_camera(connection, camera)
            rights.require(connection, who, Act.SHARE_GRANT, thing)
    with desk.database.writing() as connection:
        share = sharing.share(connection, account.name, draft, now_ns=now_ns)
        audit.record(
            connection,
            who.actor,
            audit.Act.SHARE_GIVEN,
            now_ns=now_ns,
            thing=share.id,
            site=share.site_id,
            purpose=share.reason,
            detail=_detail(share),
        )
    return share


def withdraw(who: Visitor, share_id: str, reason: str) -> None:
    """Withdraw a share for the visitor; for worker threads.

    Raises:
        VonggacError: NOT_FOUND or FORBIDDEN; CONFLICT, it is over; BAD_INPUT, no reason.
    """
    desk, now_ns = who.desk, who.desk.now_ns()
    account = who.signed_in.account
    with desk.database.reading() as connection:
        share = sharing.one(connection, share_id)
        rights.require(
            connection, who, Act.SHARE_GRANT, access.thing_of_site(connection, share.site_id)
        )
    with desk.database.writing() as connection:
        share = sharing.withdraw(connection, share_id, account.name, reason=reason, now_ns=now_ns)
        audit.record(
            connection,
            who.actor,
            audit.Act.SHARE_WITHDRAWN,
            now_ns=now_ns,
            thing=share.id,
            site=share.site_id,
            purpose=share.ended_reason or "",
            detail=_detail(share),
        )


def _detail(share: sharing.Share) -> dict[str, object]:
    return {
        "cameras": ", ".join(share.cameras),
        "body": share.body_id,
        "from": rfc3339(share.from_ns),
        "to": rfc3339(share.to_ns),
    }


@pages.get("/shares")
def shares_page(who: Signed) -> Response:
    """What this facility shares, shared and will share, and with whom."""
    return _shares_page(who)


def _shares_page(
    who: Visitor, *, form: Form | None = None, chosen: Sequence[str] = (), status: int = 200
) -> Response:
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        sites = rights.shown_sites(connection, who, Act.SHARE_GRANT)
        site = rights.shown_site(connection, who, Act.SHARE_GRANT)
        rows = _rows(connection, sharing.of_sites(connection, [one.id for one in sites]), now_ns)
        cameras = registry.cameras(connection, site.id)
        bodies = body_words(connection, sharing.bodies(connection, now_ns), now_ns)
        longest = guide.rule(connection, LONGEST, day_of(now_ns))
    return who.page(
        "shares.html",
        {
            "site": site,
            "rows": rows,
            "cameras": cameras,
            "bodies": bodies,
            "hours": _offered(longest.number),
            "longest": longest,
            "form": form or Form(),
            "chosen": list(chosen),
        },
        status=status,
        section="shares",
    )


def _offered(longest: int) -> list[int]:
    """Hours that the form offers."""
    return sorted({*(one for one in HOURS if one < longest), longest})


def _longest(who: Visitor) -> int:
    with who.desk.database.reading() as connection:
        return guide.number(connection, LONGEST, day_of(who.desk.now_ns()))


def _rows(connection: Connection, shares: Sequence[sharing.Share], now_ns: int) -> list[Row]:
    bodies = body_words(connection, [share.body_id for share in shares], now_ns)
    titles = {
        camera.id: camera.title or camera.name
        for site_id in sorted({share.site_id for share in shares})
        for camera in registry.cameras(connection, site_id)
    }
    return [
        Row(
            share,
            bodies.get(share.body_id),
            [titles.get(camera, camera) for camera in share.cameras],
            "now" if share.lasts(now_ns) else "coming" if share.comes(now_ns) else "over",
        )
        for share in shares
    ]


@pages.post("/shares")
async def shares_send(request: Request) -> Response:
    """Share cameras, or withdraw a share."""
    sent = await request.form()
    cameras = [value for value in sent.getlist("cameras") if isinstance(value, str)]
    form = form_values(dict(sent))
    return await run_in_threadpool(_shares_send, request, form, cameras)


def _shares_send(request: Request, form: dict[str, str], cameras: list[str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    try:
        match form.get("do"):
            case "share":
                give(who, _draft(who, form, cameras))
            case "withdraw":
                withdraw(who, form.get("id", "")[:40], form.get("reason", ""))
            case _:
                raise VonggacError(Kind.BAD_INPUT, "do: share or withdraw")
    except sharing.Refused as refused:
        said = who.t(FAULTS[refused.code], hours=_longest(who))
        faulty = Form(values=form, faults={refused.field: said})
        return _shares_page(who, form=faulty, chosen=cameras, status=422)
    return RedirectResponse("/shares", 303)


def _draft(who: Visitor, form: dict[str, str], cameras: list[str]) -> sharing.Draft:
    hours = form.get("hours", "")
    if hours not in map(str, _offered(_longest(who))):
        raise sharing.Refused(Kind.BAD_INPUT, "too_long", "hours: one of the list", "to")
    body = form.get("body", "")
    if not body:
        raise sharing.Refused(Kind.BAD_INPUT, "no_body", "body: with whom", "body")
    if not cameras:
        raise sharing.Refused(Kind.BAD_INPUT, "no_cameras", "cameras: name some", "cameras")
    with who.desk.database.reading() as connection:
        site_id = access.thing_of_camera(connection, cameras[0]).id
    return sharing.Draft(
        site_id=site_id,
        cameras=cameras[: sharing.CAMERAS_LIMIT + 1],
        body_id=body[:40],
        to_ns=who.desk.now_ns() + int(hours) * 3600 * NS,
        reason=form.get("reason", ""),
    )


# -- API -------------------------------------------------------------------------------------


@routes.get("/shares", summary="Cameras shared with other bodies")
def list_shares(who: Signed) -> dict[str, Any]:
    """Of the sites whose cameras the visitor may share; those that are over too."""
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        sites = rights.shown_sites(connection, who, Act.SHARE_GRANT)
        found = sharing.of_sites(connection, [site.id for site in sites])
    return {"shares": [_json(share, now_ns) for share in found]}


@routes.post("/shares", summary="Share cameras with another body for hours", status_code=201)
async def add_share(request: Request, body: ShareBody) -> dict[str, Any]:
    """Everybody who holds a role on behalf of that body sees them live, until the end."""
    return await run_in_threadpool(_add_share, request, body)


def _add_share(request: Request, body: ShareBody) -> dict[str, Any]:
    who = visitor(request)
    try:
        to_ns = parse_rfc3339(body.to)
        from_ns = parse_rfc3339(body.from_) if body.from_ else None
    except (ValueError, OverflowError) as error:
        raise VonggacError(Kind.BAD_INPUT, f"from, to: {error}") from error
    with who.desk.database.reading() as connection:
        thing = access.thing_of_camera(connection, body.cameras[0])
        rights.require(connection, who, Act.SHARE_GRANT, thing)
    draft = sharing.Draft(
        site_id=thing.id,
        cameras=body.cameras,
        body_id=body.body,
        to_ns=to_ns,
        reason=body.reason,
        from_ns=from_ns,
    )
    return _json(give(who, draft), who.desk.now_ns())


@routes.delete("/shares/{share_id}", summary="Withdraw a share", status_code=204)
def drop_share(who: Signed, share_id: str, reason: str = "") -> Response:
    """End it now: what is seen by it ends within five seconds."""
    withdraw(who, share_id, reason[:400])
    return Response(status_code=204)


def _json(share: sharing.Share, now_ns: int) -> dict[str, Any]:
    return {
        "id": share.id,
        "site": share.site_id,
        "cameras": list(share.cameras),
        "body": share.body_id,
        "from": rfc3339(share.from_ns),
        "to": rfc3339(share.to_ns),
        "reason": share.reason,
        "given_by": share.given_by,
        "ended_by": share.ended_by,
        "ended_reason": share.ended_reason,
        "open": share.lasts(now_ns),
    }


# -- by those with whom cameras were shared --------------------------------------------------


@pages.get("/shared")
def shared_page(who: Signed) -> Response:
    """What was shared with the visitor's body and is open now."""
    who.signed_in  # noqa: B018 - refuses who may not look
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        found = sharing.with_person(connection, who.person, now_ns=now_ns)
        rows = _rows(connection, found, now_ns)
        sites = {site.id: site.title or site.name for site in registry.sites(connection)}
    return who.page("shared.html", {"rows": rows, "sites": sites}, section="shared")


@pages.get("/shared/{share_id}")
def shared_wall(request: Request, who: Signed, share_id: str) -> Response:
    """The wall of the cameras of one share."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        found = sharing.with_person(connection, who.person, now_ns=now_ns)
        share = next((one for one in found if one.id == share_id), None)
        if share is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such share, or it is over")
        cameras = [
            camera
            for camera in registry.cameras(connection, share.site_id)
            if camera.id in share.cameras
        ]
        states = ledger.states(connection, share.site_id)
    data = watch.wall_data(
        request, who, cameras, states, purpose=access.SHARED, form_token=who.signed_in.form_token
    )
    data["links"] = {"playback": None, "recording": None, "case": None}
    tiles = next((n for n in watch.LAYOUTS if n >= len(cameras)), watch.LAYOUTS[-1])
    data["layout"] = {"tiles": tiles, "page": 0, "cycling": False}
    return who.page(
        "shared_wall.html",
        {"share": share, "cameras": cameras, "tiles": tiles, "data": data},
        section="shared",
    )
