"""Hubs below this one: codes by which they join, how they are joined, cutting one off; the API.

For administrators over everything.  A code is shown once, and is kept nowhere; the hub below asks
as boxes do (`/api/v1/enrol`), with `vonggac enrol` or its page `/join`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import rfc3339
from vonggac.domain import enrolments, hubs, units
from vonggac.domain.exports import Someone
from vonggac.domain.links import Link
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError
from vonggac.web import words
from vonggac.web.account import qr
from vonggac.web.desk import Visitor, desk_of, visitor
from vonggac.web.render import Form, form_values
from vonggac.wire.enrolment import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.hubs import HubBelow
    from vonggac.hub.enrolling import Enroller

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

FAULTS: Mapping[str, str] = {
    "no_title": "Ghi tên máy chủ cấp dưới.",
    "no_unit": "Chọn đơn vị.",
    "bad_hours": "Thời hạn của mã: 1 đến 168 giờ.",
    "not_open": "Mã này đã dùng, đã thu hồi hoặc đã hết hạn.",
    "not_the_name": "Gõ đúng tên máy chủ để xác nhận.",
    "no_reason": "Ghi lý do.",
    "no_hub_below": "Không có máy chủ nào đang tham gia bằng mã này.",
    "no_enroller": "Máy chủ này không nhận máy chủ cấp dưới.",
}
"""What is said of input that cannot be taken."""

STATES: Mapping[str, str] = {
    "issued": "chờ máy chủ",
    "used": "đã tham gia",
    "expired": "đã hết hạn",
    "revoked": "đã thu hồi",
    "ended": "đã ngắt",
}


class Made(NamedTuple):
    """A code that was issued now."""

    issued: HubBelow
    code: str


# -- what the page and the API share ---------------------------------------------------------


def issue(who: Visitor, *, title: str, unit: str, hours: int | None) -> Made:
    """Issue a code for the visitor; for worker threads.

    Raises:
        VonggacError: BAD_INPUT; CONFLICT, this hub lets nobody in.
    """
    by, enroller, desk = _someone(who), _enroller(who), who.desk
    wanted = desk.config.enrolment.hours if hours is None else hours
    with desk.database.writing() as connection:
        issued, secret = hubs.issue(
            connection, title, unit, hours=wanted, by=by, now_ns=desk.now_ns()
        )
    address = desk.config.web.public_url or who.origin
    return Made(issued, str(Code.of(address, secret, enroller.public)))


def take_back(who: Visitor, hub_below_id: str) -> HubBelow:
    """Take a code back for the visitor; for worker threads.

    Raises:
        VonggacError: NOT_FOUND, CONFLICT.
    """
    by = _someone(who)
    with who.desk.database.writing() as connection:
        return hubs.take_back(connection, hub_below_id[:40], by=by, now_ns=who.desk.now_ns())


def cut_off(
    who: Visitor, hub_below_id: str, *, reason: str, confirm: str
) -> tuple[tuple[str, str], ...]:
    """End the joining of a hub for the visitor; for worker threads.

    Returns:
        What the bus must be told (`Enroller.void`).

    Raises:
        VonggacError: NOT_FOUND, BAD_INPUT, CONFLICT.
    """
    by = _someone(who)
    _enroller(who)
    with who.desk.database.writing() as connection:
        found = hubs.one(connection, hub_below_id[:40])
        if confirm.strip() != found.title:
            raise VonggacError(
                Kind.BAD_INPUT, "confirm: type the hub's name", fields={"confirm": "not_the_name"}
            )
        return hubs.cut_off(connection, found.id, reason=reason, by=by, now_ns=who.desk.now_ns())


def _someone(who: Visitor) -> Someone:
    account = who.signed_in.account
    return Someone(account.id, account.name, account.full_name, "", who.address, who.agent)


def _enroller(who: Visitor) -> Enroller:
    found = who.desk.enroller
    if found is None:
        raise VonggacError(Kind.CONFLICT, "this hub lets nobody in", code="no_enroller")
    return found


async def _void(request: Request, found: tuple[tuple[str, str], ...]) -> None:
    enroller = desk_of(request).enroller
    if enroller is not None:
        await enroller.void(found)


# -- the page --------------------------------------------------------------------------------


@routes.get("/hubs")
def page(who: Signed) -> Response:
    """Hubs that joined, codes that wait, and a form for another."""
    return _page(who, Form())


def _page(who: Visitor, form: Form, *, made: Made | None = None, status: int = 200) -> Response:
    who.signed_in  # noqa: B018 - refuses who may not look
    now_ns, config = who.desk.now_ns(), who.desk.config
    with who.desk.database.reading() as connection:
        found = hubs.every(connection)
        on = words.day_of(now_ns)
        called = units.called(connection, {one.unit_id for one in found}, on)
        choices = _choices(connection, who)
        behind = Counter(hubs.behind(connection).values())
    return who.page(
        "hubs.html",
        {
            "made": made,
            "groups": made.code.rpartition("/")[2].split("-") if made else (),
            "address": made.code.rpartition("/")[0] if made else "",
            "qr": qr(made.code) if made else "",
            "hubs": [
                (one, one.state(now_ns), Link(**one.link) if one.link else None) for one in found
            ],
            "called": called,
            "behind": behind,
            "states": STATES,
            "units": choices,
            "hours": sorted({1, 8, 24, 72, enrolments.HOURS_MOST, config.enrolment.hours}),
            "usual": config.enrolment.hours,
            "form": form,
        },
        section="system",
        status=status,
    )


def _choices(connection: Connection, who: Visitor) -> Sequence[tuple[str, str]]:
    """The country and what stands right below it, as (id, name)."""
    on = words.day_of(who.desk.now_ns())
    roots = units.below(connection, None, on)
    found = [*roots, *(one for root in roots for one in units.below(connection, root.id, on))]
    return [(one.id, who.t.of(Words(one.vi, one.en or one.vi))) for one in found]


@routes.post("/hubs")
async def page_send(request: Request) -> Response:
    """Issue a code, take one back, or cut a hub off."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def act() -> tuple[Response, tuple[tuple[str, str], ...]]:
        who = visitor(request)
        who.check_form(values)
        void: tuple[tuple[str, str], ...] = ()
        try:
            match values.get("do", ""):
                case "issue":
                    hours = values.get("hours", "")
                    made = issue(
                        who, title=values.get("title", ""), unit=values.get("unit", "")[:100],
                        hours=int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 5
                        else 0,
                    )  # fmt: skip
                    return _page(who, Form(), made=made), ()
                case "take_back":
                    take_back(who, values.get("id", ""))
                case "cut_off":
                    void = cut_off(
                        who, values.get("id", ""), reason=values.get("reason", ""),
                        confirm=values.get("confirm", ""),
                    )  # fmt: skip
                case _:
                    pass  # a form of ours names one of them
        except VonggacError as error:
            return _page(who, Form(values, *_said(who, error)), status=422), ()
        return RedirectResponse("/hubs", 303), void

    answer, void = await run_in_threadpool(act)
    await _void(request, void)
    return answer


def _said(who: Visitor, error: VonggacError) -> tuple[dict[str, str], str]:
    fields = error.detail.get("fields")
    if isinstance(fields, dict):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}, ""
    code = str(error.detail.get("code", ""))
    if code in FAULTS:
        return {}, who.t(FAULTS[code])
    raise error


# -- the API ---------------------------------------------------------------------------------


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class HubBody(_Body):
    """A hub that shall join."""

    title: str = Field(min_length=1, max_length=hubs.TITLE_MOST, description="its name here")
    unit: str = Field(max_length=100, description="id of the unit below which its sites stand")
    hours: int | None = Field(
        default=None, ge=1, le=enrolments.HOURS_MOST, description="default: `enrolment.hours`"
    )


class CutBody(_Body):
    """Why a hub is cut off."""

    reason: str = Field(max_length=500)
    confirm: str = Field(max_length=hubs.TITLE_MOST, description="its name, typed again")


@api.get("/hubs", summary="Hubs below this one, and codes for them")
def hubs_json(who: Signed) -> dict[str, Any]:
    """The newest first; no code can be read again."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        found = hubs.every(connection)
        behind = Counter(hubs.behind(connection).values())
    return {"hubs": [_json(one, behind[one.hub_id or ""], now_ns) for one in found]}


@api.post("/hubs", summary="Issue a code for a hub", status_code=201)
def issue_json(who: Signed, body: HubBody) -> dict[str, Any]:
    """Answers the code, this once: `vonggac enrol CODE` in the hub's directory, or its page."""
    made = issue(who, title=body.title, unit=body.unit, hours=body.hours)
    return {**_json(made.issued, 0, who.desk.now_ns()), "code": made.code}


@api.delete("/hubs/{hub_below_id}", summary="Take a code for a hub back")
def take_back_json(who: Signed, hub_below_id: str) -> dict[str, Any]:
    """Only one that no hub has used; a hub is cut off by `cut-off`."""
    return _json(take_back(who, hub_below_id), 0, who.desk.now_ns())


@api.post("/hubs/{hub_below_id}/cut-off", summary="Cut a hub below off")
async def cut_off_json(request: Request, hub_below_id: str, body: CutBody) -> dict[str, Any]:
    """Its credentials are void at once; what its sites signed until now is verified for ever."""

    def cut() -> tuple[tuple[str, str], ...]:
        return cut_off(visitor(request), hub_below_id, reason=body.reason, confirm=body.confirm)

    void = await run_in_threadpool(cut)
    await _void(request, void)
    return {"cut_off": len(void)}


def _json(one: HubBelow, sites: int, now_ns: int) -> dict[str, Any]:
    link = Link(**one.link) if one.link else None
    return {
        "id": one.id,
        "title": one.title,
        "unit": one.unit_id,
        "state": one.state(now_ns),
        "made": rfc3339(one.made_ns),
        "made_by": one.made_by,
        "ends": rfc3339(one.ends_ns),
        "used": None if one.used_ns is None else rfc3339(one.used_ns),
        "hub": one.hub_id,
        "key": one.public_key,
        "from": one.used_address or None,
        "version": one.used_version or None,
        "sites": sites,
        "register": None if one.register_ns is None else rfc3339(one.register_ns),
        "link": None if link is None else {"up": link.up, "since": rfc3339(link.since_ns)},
    }
