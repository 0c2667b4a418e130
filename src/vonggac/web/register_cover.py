"""The coverage of a facility: places, doors, what is said of them by whom; intake; pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import access, coverage, register, register_places, registry
from vonggac.domain.access import Act
from vonggac.errors import VonggacError
from vonggac.web import register as book
from vonggac.web import rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]


@routes.get("/facilities/{site_id}/cover")
def cover_page(who: Signed, site_id: str) -> Response:
    """What is covered, what is not, and who concluded what."""
    return _page(who, site_id, Form())


def _page(who: Visitor, site_id: str, form: Form, *, of: str = "", status: int = 200) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    placement = who.desk.placement
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        found = register.facility(connection, site_id)
        said = coverage.conclusions(connection, site_id)
        areas = register_places.areas(connection, [site_id])
        doors = register_places.doors(connection, [site_id])
        cameras = registry.cameras(connection, site_id)
        cover = coverage.coverage(connection, site_id, placement)
        takes_in = not register.held_back(connection, [found])
    return who.page(
        "facility_cover.html",
        {
            "it": found,
            "cover": cover,
            "areas": sorted(areas.values(), key=lambda one: (one.zone, one.code)),
            "doors": doors,
            "cameras": cameras,
            "camera_names": {one.id: one.name for one in cameras},
            "conclusions": said,
            "takes_in": takes_in,
            "placement": placement,
            "form": form,
            "wrong": of,
            "may_edit": who.may(Act.FACILITY_EDIT, thing),
            "may_conclude": who.may(Act.COVER_CONCLUDE, thing),
            "may_rule": who.may(Act.INTAKE_RULE, thing),
        },
        section="facilities",
        status=status,
    )


async def _sent(
    request: Request, site_id: str, of: str, do: Callable[[Visitor, dict[str, str]], None]
) -> Response:
    """A form without files: done, or the page again with what is wrong."""
    values = form_values(dict(await request.form(max_files=0, max_fields=20)))

    def act() -> Response:
        who = visitor(request)
        who.check_form(values)
        try:
            do(who, values)
        except VonggacError as error:
            return _page(who, site_id, Form(values, book.said_of(who, error)), of=of, status=422)
        return RedirectResponse(f"/facilities/{site_id}/cover#{of}", 303)

    return await run_in_threadpool(act)


@routes.post("/facilities/{site_id}/cover")
async def cover_send(request: Request, site_id: str) -> Response:
    """Write or take out an area, or say which camera sees a door."""

    def do(who: Visitor, values: dict[str, str]) -> None:
        code = values.get("code", "")[:60]
        match values.get("do"):
            case "drop":
                book.drop_area(who, site_id, code)
            case "door":
                camera = values.get("camera", "")[:100] or None
                book.tie_door(who, site_id, values.get("door", "")[:60], camera)
            case "present":
                book.take_back_absence(who, site_id, values.get("zone", "")[:10])
            case _:
                doors = tuple(values.get("doors", "")[:20_000].split(";"))
                area = register_places.Area(
                    code, values.get("zone", ""), values.get("title", ""),
                    values.get("floor", ""), values.get("blind", ""), doors,
                )  # fmt: skip
                book.set_area(who, site_id, area)

    return await _sent(request, site_id, "areas", do)


@routes.post("/facilities/{site_id}/intake")
async def intake_send(request: Request, site_id: str) -> Response:
    """Set or lift "no intake until covered"."""

    def do(who: Visitor, values: dict[str, str]) -> None:
        needs = values.get("do") == "need"
        book.set_intake(who, site_id, needs_cover=needs, reason=values.get("reason", ""))

    return await _sent(request, site_id, "intake", do)


async def _pictured(
    request: Request,
    of: str,
    act: Act,
    files: int,
    do: Callable[[Visitor, str, dict[str, str], list[bytes]], None],
) -> Response:
    """A form with pictures, which names its facility in a field."""
    values, sent = await book.sent_pictures(request, files=files)

    def enter() -> Response:
        who = visitor(request)
        who.check_form(values)
        site_id = values.get("site", "")[:40]
        with who.desk.database.reading() as connection:
            rights.require(connection, who, act, access.thing_of_site(connection, site_id))
        try:
            do(who, site_id, values, sent)
        except VonggacError as error:
            return _page(who, site_id, Form(values, book.said_of(who, error)), of=of, status=422)
        return RedirectResponse(f"/facilities/{site_id}/cover#{of}", 303)

    return await run_in_threadpool(enter)


@routes.post("/facilities/absences")
async def absence_send(request: Request) -> Response:
    """Say that a facility has no such place, with a photograph."""

    def do(who: Visitor, site_id: str, values: dict[str, str], sent: list[bytes]) -> None:
        picture = book.keep_picture(who, site_id, "absence", sent[0] if sent else b"")
        zone = values.get("zone", "")[:10]
        book.say_absent(who, site_id, zone, values.get("reason", ""), picture)

    return await _pictured(request, "absent", Act.FACILITY_EDIT, 1, do)


@routes.post("/facilities/conclusions")
async def conclusion_send(request: Request) -> Response:
    """Conclude whether cameras are enough, with pictures."""

    def do(who: Visitor, site_id: str, values: dict[str, str], sent: list[bytes]) -> None:
        kept = [book.keep_picture(who, site_id, "conclusion", one) for one in sent[:4]]
        enough = values.get("do") == "enough"
        book.conclude(who, site_id, enough=enough, said=values.get("said", ""), pictures_=kept)

    return await _pictured(request, "conclude", Act.COVER_CONCLUDE, 4, do)


@routes.get("/facilities/{site_id}/pictures/{picture_id}")
def picture(who: Signed, site_id: str, picture_id: str) -> Response:
    """A picture of the register."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        media_type, content = coverage.picture_bytes(connection, site_id, picture_id[:40])
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
