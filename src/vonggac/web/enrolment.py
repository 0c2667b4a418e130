"""The box of a facility: codes by which one joins, the one that joined, cutting it off; the API.

A code is shown once, as groups to type and as a QR, and is kept nowhere.  Boxes ask without an
account (`/api/v1/enrol`): what proves them is the code, and a key that they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import access, enrolments, registry
from vonggac.domain.access import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import evidence_api, rights
from vonggac.web.account import qr
from vonggac.web.desk import Visitor, desk_of, said_of, visitor
from vonggac.web.render import Form, form_values
from vonggac.web.security import websocket_origin
from vonggac.wire.enrolment import Code, key_fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.domain.enrolments import Issued
    from vonggac.domain.exports import Someone
    from vonggac.hub.enrolling import Enroller

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

HOURS: Sequence[int] = (1, 8, 24, 72, enrolments.HOURS_MOST)
"""What the form offers, besides the hours of the configuration."""

FAULTS: Mapping[str, str] = {
    "bad_hours": "Thời hạn của mã: 1 đến 168 giờ.",
    "has_box": "Cơ sở này đã có thiết bị ghi. Muốn thay thì đánh dấu và gõ mã cơ sở.",
    "own_box": "Thiết bị ghi của cơ sở này nằm trên chính máy này, không cần mã.",
    "not_open": "Mã này đã dùng, đã thu hồi hoặc đã hết hạn.",
    "not_the_code": "Gõ đúng mã cơ sở để xác nhận.",
    "no_reason": "Ghi lý do.",
    "no_box": "Chưa có thiết bị ghi nào đăng ký bằng mã cho cơ sở này.",
    "no_enroller": "Máy chủ này không nhận thiết bị ghi từ nơi khác.",
}
"""What is said of input that cannot be taken."""

STATES: Mapping[str, str] = {
    "issued": "chờ thiết bị ghi",
    "used": "đã dùng",
    "expired": "đã hết hạn",
    "revoked": "đã thu hồi",
    "ended": "đã dùng, nay không còn hiệu lực",
}


class Made(NamedTuple):
    """A code that was issued now."""

    issued: Issued
    code: str


# -- what the page and the API share ---------------------------------------------------------


def issue(who: Visitor, site_id: str, *, hours: int | None, replaces: bool, confirm: str) -> Made:
    """Issue a code for the visitor; for worker threads.

    Raises:
        VonggacError: FORBIDDEN, NOT_FOUND; BAD_INPUT, the hours, or the facility's code was not
            typed; CONFLICT, it has a box, or its box is this machine's own.
    """
    by, site = _officer(who, site_id)
    enroller = _enroller(who)
    if who.here is not None and who.here.id == site.id:
        raise VonggacError(Kind.CONFLICT, "its box is of this machine", code="own_box")
    if replaces:
        _confirmed(site, confirm)
    wanted = who.desk.config.enrolment.hours if hours is None else hours
    with who.desk.database.writing() as connection:
        issued, secret = enrolments.issue(
            connection, site.id, hours=wanted, replaces=replaces, by=by, now_ns=who.desk.now_ns()
        )
    address = who.desk.config.web.public_url or who.origin
    return Made(issued, str(Code.of(address, secret, enroller.public)))


def take_back(who: Visitor, site_id: str, enrolment_id: str) -> Issued:
    """Take a code back for the visitor; for worker threads.

    Raises:
        VonggacError: FORBIDDEN, NOT_FOUND, CONFLICT.
    """
    by, site = _officer(who, site_id)
    with who.desk.database.writing() as connection:
        if enrolments.one(connection, enrolment_id[:40]).site_id != site.id:
            raise VonggacError(Kind.NOT_FOUND, "there is no such code")
        return enrolments.take_back(connection, enrolment_id[:40], by=by, now_ns=who.desk.now_ns())


def cut_off(
    who: Visitor, site_id: str, *, reason: str, confirm: str
) -> tuple[tuple[str, str], ...]:
    """End the joining of a facility's box for the visitor; for worker threads.

    Returns:
        What the bus must be told (`Enroller.void`).

    Raises:
        VonggacError: FORBIDDEN, NOT_FOUND, BAD_INPUT, CONFLICT.
    """
    by, site = _officer(who, site_id)
    _confirmed(site, confirm)
    _enroller(who)
    with who.desk.database.writing() as connection:
        return enrolments.cut_off(
            connection, site.id, reason=reason, by=by, now_ns=who.desk.now_ns()
        )


def _officer(who: Visitor, site_id: str) -> tuple[Someone, registry.Site]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        thing = access.thing_of_site(connection, site_id)
        verdict = rights.require(connection, who, Act.SITE_ENROL, thing)
        site = registry.site(connection, site_id)
    assert site is not None, "its thing was found"
    return evidence_api.someone(who, verdict), site


def _confirmed(site: registry.Site, typed: str) -> None:
    if typed.strip() != site.name:
        raise VonggacError(
            Kind.BAD_INPUT, "confirm: type the facility's code", fields={"confirm": "not_the_code"}
        )


def _enroller(who: Visitor) -> Enroller:
    found = who.desk.enroller
    if found is None:
        raise VonggacError(Kind.CONFLICT, "this hub takes no boxes in", code="no_enroller")
    return found


# -- the page --------------------------------------------------------------------------------


@routes.get("/facilities/{site_id}/enrolment")
def page(who: Signed, site_id: str) -> Response:
    """The box that a facility has, codes that were issued, boxes that it had."""
    return _page(who, site_id, Form())


def _page(
    who: Visitor, site_id: str, form: Form, *, made: Made | None = None, status: int = 200
) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    now_ns, config = who.desk.now_ns(), who.desk.config
    with who.desk.database.reading() as connection:
        site = registry.site(connection, site_id)
        if site is None:
            raise VonggacError(Kind.NOT_FOUND, "there is no such facility")
        codes = enrolments.of_site(connection, site_id)
        before = enrolments.earlier(connection, site_id)
    enroller = who.desk.enroller
    return who.page(
        "enrolment.html",
        {
            "site": site,
            "is_own": who.here is not None and who.here.id == site.id,
            "made": made,
            "groups": made.code.rpartition("/")[2].split("-") if made else (),
            "address": made.code.rpartition("/")[0] if made else "",
            "qr": qr(made.code) if made else "",
            "codes": [(one, one.state(now_ns)) for one in codes],
            "states": STATES,
            "box": next((one for one in codes if one.state(now_ns) == "used"), None),
            "before": before,
            "hours": sorted({*HOURS, config.enrolment.hours}),
            "usual": config.enrolment.hours,
            "fingerprint": key_fingerprint(enroller.public) if enroller else "",
            "form": form,
        },
        section="facilities",
        status=status,
    )


@routes.post("/facilities/{site_id}/enrolment")
async def page_send(request: Request, site_id: str) -> Response:
    """Issue a code, take one back, or cut the box off."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def act() -> tuple[Response, tuple[tuple[str, str], ...]]:
        who = visitor(request)
        who.check_form(values)
        void: tuple[tuple[str, str], ...] = ()
        try:
            match values.get("do", ""):
                case "issue":
                    made = issue(
                        who, site_id, hours=_hours(values.get("hours", "")),
                        replaces=values.get("replaces") == "yes",
                        confirm=values.get("confirm", ""),
                    )  # fmt: skip
                    return _page(who, site_id, Form(), made=made), ()
                case "take_back":
                    take_back(who, site_id, values.get("id", ""))
                case "cut_off":
                    void = cut_off(
                        who, site_id, reason=values.get("reason", ""),
                        confirm=values.get("confirm", ""),
                    )  # fmt: skip
                case _:
                    pass  # a form of ours names one of them
        except VonggacError as error:
            form = Form(values, *said_of(who, error, FAULTS))
            return _page(who, site_id, form, status=422), ()
        return RedirectResponse(f"/facilities/{site_id[:40]}/enrolment", 303), void

    answer, void = await run_in_threadpool(act)
    await _void(request, void)
    return answer


def _hours(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 5 else 0


async def _void(request: Request, found: tuple[tuple[str, str], ...]) -> None:
    enroller = desk_of(request).enroller
    if enroller is not None:
        await enroller.void(found)


# -- the API ---------------------------------------------------------------------------------


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CodeBody(_Body):
    """A code that shall be issued."""

    hours: int | None = Field(
        default=None, ge=1, le=enrolments.HOURS_MOST, description="default: `enrolment.hours`"
    )
    replaces: bool = Field(default=False, description="it takes the place of the box that is there")
    confirm: str = Field(
        default="", max_length=63, description="the facility's code, where a box is replaced"
    )


class CutBody(_Body):
    """Why a box is cut off."""

    reason: str = Field(max_length=500)
    confirm: str = Field(max_length=63, description="the facility's code, typed again")


@api.get("/facilities/{site_id}/enrolments", summary="Codes of a facility, and its boxes")
def codes_json(who: Signed, site_id: str) -> dict[str, Any]:
    """The newest first; no code can be read again."""
    _officer(who, site_id)
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        codes = enrolments.of_site(connection, site_id)
        before = enrolments.earlier(connection, site_id)
    return {
        "enrolments": [_json(one, now_ns) for one in codes],
        "earlier_boxes": [
            {"number": one.number, "first_key": one.first, "last_epoch": one.epoch,
             "ended": rfc3339(one.ended_ns), "why": one.why, "by": one.ended_by}
            for one in before
        ],
    }  # fmt: skip


@api.post("/facilities/{site_id}/enrolments", summary="Issue a code", status_code=201)
def issue_json(who: Signed, site_id: str, body: CodeBody) -> dict[str, Any]:
    """Answers the code, this once: `vonggac enrol CODE` on the box, or its own page."""
    made = issue(who, site_id, hours=body.hours, replaces=body.replaces, confirm=body.confirm)
    return {**_json(made.issued, who.desk.now_ns()), "code": made.code}


@api.delete("/facilities/{site_id}/enrolments/{enrolment_id}", summary="Take a code back")
def take_back_json(who: Signed, site_id: str, enrolment_id: str) -> dict[str, Any]:
    """Only one that no box has used; a box is cut off by `cut-off`."""
    return _json(take_back(who, site_id, enrolment_id), who.desk.now_ns())


@api.post("/facilities/{site_id}/cut-off", summary="Cut the box of a facility off")
async def cut_off_json(request: Request, site_id: str, body: CutBody) -> dict[str, Any]:
    """Its credentials are void at once; what it signed until now is verified for ever."""

    def cut() -> tuple[tuple[str, str], ...]:
        return cut_off(visitor(request), site_id, reason=body.reason, confirm=body.confirm)

    void = await run_in_threadpool(cut)
    await _void(request, void)
    return {"cut_off": len(void)}


def _json(one: Issued, now_ns: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "site": one.site_id,
        "state": one.state(now_ns),
        "replaces": one.replaces,
        "made": rfc3339(one.made_ns),
        "made_by": one.made_by,
        "ends": rfc3339(one.ends_ns),
        "used": None if one.used_ns is None else rfc3339(one.used_ns),
        "box_key": one.used_key,
        "from": one.used_address or None,
        "version": one.used_version or None,
    }


# -- boxes that ask --------------------------------------------------------------------------


@api.get("/enrol", summary="Who this hub is, for a box that wants to join")
def offer(request: Request) -> Response:
    """Its id, its signing key and its clock; the code's fingerprint says whether it is the one."""
    desk = desk_of(request)
    address = request.client.host if request.client else ""
    desk.page_limit.take(f"enrol {address}")
    return _plain(_open(desk.enroller).offer())


@api.post("/enrol", summary="Join this hub with a code")
async def join(request: Request) -> Response:
    """Sealed both ways, limited as sign-ins are; a refusal has its reason in `detail.code`."""
    body = await request.body()

    def answer() -> tuple[Response, tuple[tuple[str, str], ...]]:
        who = visitor(request)
        desk = who.desk
        desk.sign_in_limit.take(who.line)
        leaf = websocket_origin(
            desk.config.bus.public_websocket_url, desk.websocket_port,
            request.headers.get("host", ""), secure=desk.secure,
        )  # fmt: skip
        told, void = _open(desk.enroller).join(
            body, address=who.address, pages=desk.config.web.public_url or who.origin,
            leaves=(leaf,),
        )  # fmt: skip
        return _plain(told), void

    found, void = await run_in_threadpool(answer)
    await _void(request, void)
    return found


def _open(enroller: Enroller | None) -> Enroller:
    if enroller is None:
        raise VonggacError(Kind.NOT_FOUND, "this hub takes no boxes in", code="no_enroller")
    return enroller


def _plain(value: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
