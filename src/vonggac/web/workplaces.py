"""Workstations, where persons change by PIN, and displays, which only show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac import wire
from vonggac.clock import rfc3339
from vonggac.domain import (
    access,
    accounts,
    audit,
    grants,
    hubs,
    ledger,
    registry,
    sessions,
    workstations,
)
from vonggac.domain.audit import Act, Actor
from vonggac.errors import Kind, VonggacError
from vonggac.web import entrance, watch
from vonggac.web.api import RENEW_BEFORE_S
from vonggac.web.desk import (
    DISPLAY_COOKIE,
    WORKSTATION_COOKIE,
    Visitor,
    desk_of,
    the_site,
    visitor,
)
from vonggac.web.render import YEAR_S, Form, form_values
from vonggac.web.security import websocket_origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.config import StreamName
    from vonggac.db import Connection
    from vonggac.web.desk import Desk

routes = APIRouter(include_in_schema=False)

PURPOSE = "display"
"""Why a display shows pictures: nobody is said to watch them."""

FAULTS: Mapping[str, str] = {
    "title_missing": "Ghi tên để mọi người nhận ra.",
    "room_missing": "Ghi phòng đặt máy.",
    "cameras_missing": "Chọn từ 1 đến {most} camera.",
    "person_missing": "Chọn người chịu trách nhiệm.",
    "cameras_not_his": "Người chịu trách nhiệm không được xem hết các camera này.",
}
"""What is said of input that cannot be taken."""


# -- the change of person --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changed:
    """How a change of person went: the next one's cookie, or the tries that are left."""

    token: str | None
    tries_left: int = 0


def on_duty(
    who: Visitor,
) -> tuple[workstations.Workstation | None, list[workstations.OnDuty]]:
    """The enrolled machine that asks, and whose PIN works at it now."""
    desk = who.desk
    with desk.database.reading() as connection:
        here = who.workstation(connection)
        if here is None:
            return None, []
        found = workstations.on_duty(connection, here.id, now_ns=desk.now_ns(), rules=desk.rules)
    return here, found


def change_person(who: Visitor, account_id: str, pin: str) -> Changed:
    """End the present session at this machine and open the next person's, by PIN.

    Raises:
        VonggacError: FORBIDDEN, no enrolled machine, or a full sign-in is needed first;
            TOO_MANY.
    """
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        here = who.workstation(connection)
    if here is None:
        raise VonggacError(
            Kind.FORBIDDEN, "this machine is not enrolled", fault="full_sign_in_needed"
        )
    with desk.database.writing() as connection:
        tried = workstations.begin_pin(
            connection, here.id, account_id, now_ns=now_ns, rules=desk.rules
        )
    with entrance.room(desk):
        is_right = accounts.is_same(pin[:20], [tried.pin_hash])
    actor = Actor(tried.account.name, tried.account.id, who.address)
    before = who.session.account.name if who.session else ""
    detail = {"from": before, "workstation": here.title}
    with desk.database.writing() as connection:
        if not is_right:
            audit.record(
                connection,
                actor,
                Act.PERSON_CHANGED,
                now_ns=now_ns,
                outcome="refused",
                detail={**detail, "tries_left": tried.tries_left},
            )
            return Changed(None, tried.tries_left)
        workstations.finish_pin(connection, here.id, account_id)
        if who.session is not None:
            sessions.revoke(
                connection, who.session.account.id, now_ns=now_ns, session_id=who.session.id
            )
        token = sessions.open_session(
            connection,
            tried.account,
            address=who.address,
            agent=who.agent,
            now_ns=now_ns,
            factor="pin",
            workstation_id=here.id,
            until_ns=tried.until_ns,
            rules=desk.rules,
        )
        audit.record(connection, actor, Act.PERSON_CHANGED, now_ns=now_ns, detail=detail)
    return Changed(token)


@routes.get("/person")
def person_page(who: Annotated[Visitor, Depends(visitor)], next: str = "/") -> Response:
    """Who takes over at this machine."""
    return _person_page(who, next=next)


def _person_page(
    who: Visitor, *, next: str, chosen: str = "", error: str = "", status: int = 200
) -> Response:
    here, persons = on_duty(who)
    return who.page(
        "person.html",
        {
            "here": here,
            "persons": persons,
            "next": entrance.inside(next),
            "chosen": chosen,
            "error": error,
            "rules": who.desk.rules,
        },
        status=status,
        section="person",
    )


@routes.post("/person")
async def person_send(request: Request) -> Response:
    """Take the next person's PIN."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_person_send, request, form)


def _person_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    goes_to, chosen = entrance.inside(form.get("next", "/")), form.get("account", "")
    try:
        who.desk.sign_in_limit.take(who.line)
        changed = change_person(who, chosen, form.get("pin", ""))
    except VonggacError as error:
        if error.detail.get("fault") == "full_sign_in_needed":
            said = who.t("Người này phải đăng nhập đầy đủ bằng mật khẩu trước.")
            return _person_page(who, next=goes_to, chosen=chosen, error=said, status=403)
        said = entrance.too_many_words(who, error)
        return _person_page(who, next=goes_to, chosen=chosen, error=said, status=429)
    if changed.token is None:
        if changed.tries_left > 0:
            said = who.t("Sai mã PIN. Còn {tries} lần.", tries=changed.tries_left)
        else:
            said = who.t("Sai mã PIN. Người này phải đăng nhập đầy đủ bằng mật khẩu.")
        return _person_page(who, next=goes_to, chosen=chosen, error=said, status=401)
    response = RedirectResponse(goes_to, 303)
    entrance.set_session_cookie(response, changed.token, who.desk)
    return response


# -- administration --------------------------------------------------------------------------


@routes.get("/workstations")
def workstations_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """The machines on duty and the screens on walls."""
    return _workstations_page(who)


def _workstations_page(
    who: Visitor,
    *,
    forms: Mapping[str, Form] | None = None,
    chosen: Sequence[str] = (),
    code: str = "",
    display_id: str = "",
    status: int = 200,
) -> Response:
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        here = who.workstation(connection)
        machines = workstations.workstations(connection)
        screens = workstations.displays(connection)
        people = [one for one in accounts.people(connection) if one.disabled_ns is None]
        cameras = registry.cameras(connection, the_site(connection, desk).id)
        shown = grants.shown_now(connection, now_ns=now_ns)
    values: dict[str, Any] = {
        "here": here,
        "machines": machines,
        "screens": screens,
        "shown": shown,
        "people": people,
        "cameras": cameras,
        "titles": {camera.id: camera.title or camera.name for camera in cameras},
        "form": (forms or {}).get("workstation", Form()),
        "display_form": (forms or {}).get("display", Form()),
        "chosen": list(chosen),
        "code": code,
        "display_id": display_id,
        "minutes": workstations.LINK_S // 60,
        "link": f"{desk.config.web.public_url or who.origin}/display",
        "rules": desk.rules,
    }
    return who.page("workstations.html", values, status=status, section="workstations")


@routes.post("/workstations")
async def workstations_send(request: Request) -> Response:
    """Enrol this machine, or end one; make, link again or end a display."""
    sent = await request.form()
    cameras = [value for value in sent.getlist("cameras") if isinstance(value, str)]
    form = form_values(dict(sent))
    return await run_in_threadpool(_workstations_send, request, form, cameras)


def _workstations_send(request: Request, form: dict[str, str], cameras: list[str]) -> Response:
    who = visitor(request)
    who.check_form(form)
    match form.get("do"):
        case "enrol":
            return _enrol(who, form)
        case "revoke":
            with who.desk.database.writing() as connection:
                now_ns = who.desk.now_ns()
                workstations.revoke_workstation(connection, form.get("id", ""), now_ns=now_ns)
                audit.record(
                    connection,
                    who.actor,
                    Act.WORKSTATION_REVOKED,
                    now_ns=now_ns,
                    thing=form.get("id", ""),
                )
            return RedirectResponse("/workstations", 303)
        case "display":
            return _add_display(who, form, cameras)
        case "link":
            with who.desk.database.writing() as connection:
                now_ns = who.desk.now_ns()
                code = workstations.new_link(connection, form.get("id", ""), now_ns=now_ns)
                audit.record(
                    connection,
                    who.actor,
                    Act.DISPLAY_LINKED,
                    now_ns=now_ns,
                    thing=form.get("id", ""),
                    detail={"step": "new code"},  # the screen that was linked is dark from now on
                )
            return _workstations_page(who, code=code, display_id=form.get("id", ""))
        case "end":
            with who.desk.database.writing() as connection:
                now_ns = who.desk.now_ns()
                workstations.revoke_display(connection, form.get("id", ""), now_ns=now_ns)
                audit.record(
                    connection,
                    who.actor,
                    Act.DISPLAY_REVOKED,
                    now_ns=now_ns,
                    thing=form.get("id", ""),
                )
            return RedirectResponse("/workstations", 303)
        case _:
            raise VonggacError(Kind.BAD_INPUT, "do: enrol, revoke, display, link or end")


def _enrol(who: Visitor, form: dict[str, str]) -> Response:
    session, desk, now_ns = who.signed_in, who.desk, who.desk.now_ns()
    try:
        with desk.database.writing() as connection:
            workstation_id, key = workstations.enrol(
                connection,
                title=form.get("title", ""),
                room=form.get("room", ""),
                account_id=session.account.id,
                now_ns=now_ns,
            )
            audit.record(
                connection,
                who.actor,
                Act.WORKSTATION_ENROLLED,
                now_ns=now_ns,
                thing=workstation_id,
                detail={"title": form.get("title", "")[:100], "room": form.get("room", "")[:100]},
            )
    except VonggacError as error:
        return _faulty(who, "workstation", form, error)
    response = RedirectResponse("/workstations", 303)
    entrance.set_cookie(response, WORKSTATION_COOKIE, key, desk, life_s=YEAR_S)
    return response


def _add_display(who: Visitor, form: dict[str, str], cameras: list[str]) -> Response:
    desk, now_ns = who.desk, who.desk.now_ns()
    try:
        with desk.database.writing() as connection:
            person = _responsible(connection, form.get("account", ""))
            site_id = the_site(connection, desk).id
            _check_shown(connection, person.id, site_id, cameras, now_ns=now_ns)
            display_id, code = workstations.add_display(
                connection,
                title=form.get("title", ""),
                room=form.get("room", ""),
                account_id=person.id,
                cameras=list(dict.fromkeys(cameras)),
                now_ns=now_ns,
            )
            audit.record(
                connection,
                who.actor,
                Act.DISPLAY_MADE,
                now_ns=now_ns,
                thing=display_id,
                detail={
                    "title": form.get("title", "")[:100],
                    "room": form.get("room", "")[:100],
                    "responsible": person.name,
                    "cameras": ", ".join(cameras)[:400],
                },
            )
    except VonggacError as error:
        return _faulty(who, "display", form, error, cameras)
    return _workstations_page(who, code=code, display_id=display_id)


def _site_of(connection: Connection, desk: Desk, cameras: Sequence[str]) -> str:
    """The facility that a display shows: one, whose cameras they are."""
    known = registry.cameras_named(connection, cameras)
    return next((camera.site_id for camera in known.values()), the_site(connection, desk).id)


def _check_shown(
    connection: Connection,
    account_id: str,
    site_id: str,
    cameras: Sequence[str],
    *,
    now_ns: int,
) -> None:
    """Refuse to show what whoever answers for a display may not see.

    Nobody is said to watch a display, so that a role that serves certain purposes serves this one.

    Raises:
        VonggacError: FORBIDDEN.
    """
    person = access.person_of(connection, account_id, now_ns)
    seen = {
        camera.id
        for camera in registry.cameras(connection, site_id)
        if access.may(
            person, access.Act.LIVE_VIEW, access.thing_of_camera(connection, camera.id),
            now_ns=now_ns,
        )
    }  # fmt: skip
    if not set(cameras) <= seen:
        raise VonggacError(
            Kind.FORBIDDEN,
            "cameras: whoever answers for the display may not see every one of them",
            fault="cameras_not_his",
        )


def _responsible(connection: Connection, account_id: str) -> accounts.Account:
    try:
        return accounts.find(connection, account_id)
    except VonggacError:
        raise VonggacError(
            Kind.BAD_INPUT, "account: who answers for it", fault="person_missing"
        ) from None


def _faulty(
    who: Visitor,
    which: str,
    form: dict[str, str],
    error: VonggacError,
    cameras: Sequence[str] = (),
) -> Response:
    fault = str(error.detail.get("fault", ""))
    if fault not in FAULTS:
        raise error
    said = who.t(FAULTS[fault], most=workstations.CAMERAS_LIMIT)
    faulty = Form(values=form, faults={fault.partition("_")[0]: said})
    return _workstations_page(who, forms={which: faulty}, chosen=cameras, status=422)


# -- displays --------------------------------------------------------------------------------


@routes.get("/display")
def display_page(request: Request, who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """The screen of a display: its wall when it is linked, else the question for its code."""
    found = _display(request)
    if found is None:
        return who.page("display_link.html", {"error": ""})
    desk = who.desk
    with desk.database.reading() as connection:
        site_id = _site_of(connection, desk, found.cameras)
        cameras = [
            camera for camera in registry.cameras(connection, site_id) if camera.id in found.cameras
        ]
        states = ledger.states(connection, site_id)
    data = watch.wall_data(
        request, who, cameras, states, form_token=found.form_token, purpose=PURPOSE
    )
    data |= {
        "api": "/api/v1/display",
        "display": True,
        "links": {"playback": None, "recording": None, "case": None},
    }
    tiles = next((n for n in watch.LAYOUTS if n >= len(cameras)), watch.LAYOUTS[-1])
    data["layout"] = {"tiles": tiles, "page": 0, "cycling": False}
    return who.page("display.html", {"display": found, "cameras": cameras, "data": data})


@routes.post("/display")
async def display_send(request: Request) -> Response:
    """Link the screen at which a code is typed."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_display_send, request, form)


def _display_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    desk, now_ns = who.desk, who.desk.now_ns()
    try:
        desk.sign_in_limit.take(who.line)
    except VonggacError as error:
        said = entrance.too_many_words(who, error)
        return who.page("display_link.html", {"error": said}, status=429)
    with desk.database.writing() as connection:
        linked = workstations.link(connection, form.get("code", "")[:40], now_ns=now_ns)
        if linked is not None:
            display, _ = linked
            audit.record(
                connection,
                _actor(display, who.address),
                Act.DISPLAY_LINKED,
                now_ns=now_ns,
                thing=display.id,
                detail={"room": display.room, "responsible": display.account_name},
            )
    if linked is None:
        said = who.t("Mã không đúng, đã dùng hoặc đã hết hạn.")
        return who.page("display_link.html", {"error": said}, status=401)
    response = RedirectResponse("/display", 303)
    entrance.set_cookie(response, DISPLAY_COOKIE, linked[1], desk, life_s=YEAR_S)
    return response


def _display(request: Request) -> workstations.Display | None:
    key, desk = request.cookies.get(DISPLAY_COOKIE, ""), desk_of(request)
    if not 0 < len(key) < 100:
        return None
    with desk.database.reading() as connection:
        return workstations.display_of(connection, key, now_ns=desk.now_ns(), rules=desk.rules)


def _actor(display: workstations.Display, address: str) -> Actor:
    """A display acts under its own name; who answers for it stands in the row's detail."""
    return Actor(f"display:{display.title}", None, address)


def display_grant(
    request: Request,
    *,
    nkey: str,
    cameras: Sequence[str],
    streams: Sequence[StreamName],
) -> dict[str, Any]:
    """Permission for a display's screen to show its cameras, and no others.

    Raises:
        VonggacError: UNAUTHENTICATED, no display; FORBIDDEN, another page's question, or a camera
            that is not the display's or that whoever answers for it may not see; BAD_INPUT.
    """
    found = _display(request)
    if found is None:
        raise VonggacError(Kind.UNAUTHENTICATED, "this screen is not linked any more")
    if not found.is_form_of(request.headers.get("x-csrf-token", "")):
        raise VonggacError(Kind.FORBIDDEN, "this question is not from the display's own page")
    wanted = list(dict.fromkeys(cameras))
    if not set(wanted) <= set(found.cameras):
        raise VonggacError(Kind.FORBIDDEN, "this display does not show that camera")
    desk = desk_of(request)
    now_ns = desk.now_ns()
    with desk.database.reading() as connection:
        site_id = _site_of(connection, desk, wanted)
        _check_shown(connection, found.account_id, site_id, wanted, now_ns=now_ns)
        desk.sites.look(connection, site_id)
        names = {
            camera.name: camera.id
            for camera in (registry.camera(connection, name) for name in wanted)
        }
        way = hubs.ways(connection, [site_id]).get(site_id)
    view = desk.grants.view(
        site=site_id,
        cameras=list(names),
        streams=list(dict.fromkeys(streams)),
        purpose=PURPOSE,
        actor=f"display:{found.title}"[:200],
        nkey=nkey,
        allowed=(wire.Verb.OPEN,),
        way=way,
    )
    with desk.database.writing() as connection:
        workstations.seen(connection, found, now_ns=now_ns)
        begins = grants.file_grant(
            connection,
            grants.Issued(
                id=view.grant_id,
                account_id=found.account_id,
                site_id=site_id,
                cameras=wanted,
                streams=streams,
                purpose=PURPOSE,
                nkey=nkey,
                issued_ns=view.issued_ns,
                expires_ns=view.expires_ns,
                display_id=found.id,
            ),
        )
        if begins:
            address = request.client.host if request.client else ""
            audit.record(
                connection,
                _actor(found, address),
                Act.SHOWN,
                now_ns=now_ns,
                thing=", ".join(wanted),
                purpose=PURPOSE,
                detail={
                    "grant": view.grant_id,
                    "room": found.room,
                    "responsible": found.account_name,
                },
            )
    config = desk.config.bus
    return {
        "token": view.token,
        "grant": view.grant,
        "grant_id": view.grant_id,
        "hub": view.hub,
        "site": site_id,
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
