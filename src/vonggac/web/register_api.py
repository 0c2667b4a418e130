"""The register under /api/v1: facilities, contacts, places, inventory, coverage, workbooks."""

from __future__ import annotations

from dataclasses import fields
from datetime import date  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from vonggac.clock import rfc3339
from vonggac.domain import access, coverage, pictures, register, register_places, registry
from vonggac.domain import inventory as inventories
from vonggac.domain import register_sheets as sheets
from vonggac.domain.access import UNASSIGNED, Act
from vonggac.domain.register_book import XLSX
from vonggac.errors import Kind, VonggacError
from vonggac.web import inventory as device
from vonggac.web import register as book
from vonggac.web import register_import, rights
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from vonggac.db import Connection
    from vonggac.domain.register import Facility

routes = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FacilityBody(_Body):
    """A facility as it should be."""

    name: str = Field(max_length=63, description="its code; never changed")
    title: str = Field(max_length=300)
    address: str = Field(default="", max_length=300)
    unit: str = Field(default=UNASSIGNED, max_length=40, description="id of a unit")
    owner_line: Literal["military", "paid_hotel", "civil"] = "civil"
    status: Literal["preparing", "in_service", "paused", "closed"] = "in_service"
    capacity: int | None = Field(default=None, ge=0, le=100_000)
    rooms: int | None = Field(default=None, ge=0, le=100_000)
    floors: int | None = Field(default=None, ge=0, le=100_000)
    opened_on: date | None = None
    closed_on: date | None = None
    retention_days: int = Field(default=30, ge=1, le=3650)
    note: str = Field(default="", max_length=1000)


class FacilityEdit(FacilityBody):
    """As above, and what it was made from."""

    revision: int | None = Field(default=None, ge=0, le=2_000_000_000)


class ContactBody(_Body):
    """Whom to call."""

    name: str = Field(max_length=200)
    position: str = Field(default="", max_length=200)
    organisation: str = Field(default="", max_length=200)
    phone: str = Field(default="", max_length=60)
    address: str = Field(default="", max_length=200)
    email: str = Field(default="", max_length=260)
    subscriber: str = Field(default="", max_length=200)
    hotline: str = Field(default="", max_length=60)
    verified_day: date | None = None


class AreaBody(_Body):
    """One place of the placement rule, with the doors that open to it."""

    zone: str = Field(max_length=20)
    title: str = Field(default="", max_length=200)
    floor: str = Field(default="", max_length=40)
    blind: str = Field(default="", max_length=500)
    doors: list[Annotated[str, Field(max_length=40)]] = Field(default=[], max_length=400)


class DoorBody(_Body):
    """Which camera sees a door."""

    camera: str | None = Field(default=None, max_length=100)


class InventoryBody(_Body):
    """What is known of a camera as a device (QCVN 11:2026/BCA), and where it looks."""

    area: str = Field(default="", max_length=40)
    maker: str = Field(default="", max_length=200)
    model: str = Field(default="", max_length=200)
    firmware: str = Field(default="", max_length=200)
    serial: str = Field(default="", max_length=200)
    conformity: str = Field(default="", max_length=200)
    cr_mark: bool | None = None
    bought_day: date | None = None
    password_changed: bool | None = None
    services_off: bool | None = None
    storage_country: str = Field(default="", max_length=200)
    patched_day: date | None = None


class AbsenceBody(_Body):
    """A facility has no such place."""

    reason: str = Field(max_length=1000)
    picture: str = Field(max_length=40, description="id from POST /api/v1/pictures")


class ConclusionBody(_Body):
    """Whether cameras are enough."""

    enough: bool
    said: str = Field(max_length=1000)
    pictures: list[Annotated[str, Field(max_length=40)]] = Field(max_length=12)


class IntakeBody(_Body):
    """Whether nobody is taken in before cameras are enough."""

    needs_cover: bool
    reason: str = Field(max_length=1000)


# -- facilities ------------------------------------------------------------------------------


@routes.get("/facilities", summary="The register of facilities")
def facilities(
    who: Signed,
    q: Annotated[str, Query(max_length=200)] = "",
    unit: Annotated[str, Query(max_length=40)] = "",
    line: Annotated[str, Query(max_length=20)] = "",
    status: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> dict[str, Any]:
    """Facilities of the visitor's scope, a page at a time; the search heeds no diacritics."""
    with who.desk.database.reading() as connection:
        found = book.listing(connection, who, book.Ask(q, unit, line, status, offset, limit))
        held_back = register.held_back(connection, [row.it for row in found.rows])
    return {
        "found": found.found,
        "offset": offset,
        "facilities": [
            {
                "id": row.it.id,
                "name": row.it.said.name,
                "title": row.it.said.title,
                "owner_line": row.it.said.owner_line,
                "status": row.it.said.status,
                "unit": row.unit,
                "cameras": row.cameras,
                "recording": row.recording,
                "details": row.has_details,
                "intake_allowed": row.it.id not in held_back,
            }
            for row in found.rows
        ],
    }


@routes.post("/facilities", summary="Register a facility", status_code=201)
def add_facility(who: Signed, body: FacilityBody) -> dict[str, Any]:
    """Register a facility in a unit of the visitor's scope."""
    made = book.add(who, _draft(body))
    with who.desk.database.reading() as connection:
        return _facility_json(connection, who, made)


@routes.get("/facilities/{site_id}", summary="One facility")
def one_facility(who: Signed, site_id: str) -> dict[str, Any]:
    """Profile, contacts, areas with their doors, coverage."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        return _facility_json(connection, who, register.facility(connection, site_id))


@routes.put("/facilities/{site_id}", summary="Change a facility")
def change_facility(who: Signed, site_id: str, body: FacilityEdit) -> dict[str, Any]:
    """Change a facility; what the configuration file keeps is refused."""
    made = book.edit(who, site_id, _draft(body), body.revision)
    with who.desk.database.reading() as connection:
        return _facility_json(connection, who, made)


def _draft(body: FacilityBody) -> register.Draft:
    said = body.model_dump(exclude={"unit", "revision"})
    return register.Draft(unit_id=body.unit, **said)


def _facility_json(connection: Connection, who: Visitor, it: Facility) -> dict[str, Any]:
    said = {
        one.name: value.isoformat() if hasattr(value, "isoformat") else value
        for one in fields(it.said)
        for value in (getattr(it.said, one.name),)
        if one.name != "unit_id"
    }
    last = coverage.conclusions(connection, it.id)[:1]
    return {
        "id": it.id,
        **said,
        "unit": it.said.unit_id,
        "revision": it.revision,
        "intake": {
            "needs_cover": it.intake_needs_cover,
            "reason": it.intake_reason,
            "allowed": not register.held_back(connection, [it]),
        },
        "service": [
            {"from": begin.isoformat(), "to": end.isoformat() if end else None}
            for begin, end in register.service(connection, it.id)
        ],
        "contacts": [_contact_json(one) for one in register.contacts(connection, [it.id]).values()],
        "areas": [_area_json(one) for one in register_places.areas(connection, [it.id]).values()],
        "concluded": _conclusion_json(last[0]) if last else None,
    }


# -- contacts, areas, doors ------------------------------------------------------------------


@routes.put("/facilities/{site_id}/contacts/{kind}", summary="Say whom to call")
def put_contact(who: Signed, site_id: str, kind: str, body: ContactBody) -> dict[str, Any]:
    """contact, deputy, duty, line, electrician or engineer."""
    made = book.set_contact(who, site_id, register.Contact(kind, **body.model_dump()))
    return _contact_json(made)


@routes.delete(
    "/facilities/{site_id}/contacts/{kind}", summary="Take a contact out", status_code=204
)
def drop_contact(who: Signed, site_id: str, kind: str) -> Response:
    """Nobody answers there any more."""
    book.drop_contact(who, site_id, kind)
    return Response(status_code=204)


@routes.put("/facilities/{site_id}/areas/{code}", summary="Write an area with its doors")
def put_area(who: Signed, site_id: str, code: str, body: AreaBody) -> dict[str, Any]:
    """A room, toilet or bath is refused: an area is where a camera may stand."""
    said = body.model_dump(exclude={"doors"})
    area = register_places.Area(code, **said, doors=tuple(body.doors))
    return _area_json(book.set_area(who, site_id, area))


@routes.delete("/facilities/{site_id}/areas/{code}", summary="Take an area out", status_code=204)
def drop_area(who: Signed, site_id: str, code: str) -> Response:
    """With its doors; refused while a camera looks at it."""
    book.drop_area(who, site_id, code)
    return Response(status_code=204)


@routes.put("/facilities/{site_id}/doors/{name}", summary="Say which camera sees a door")
def put_door(who: Signed, site_id: str, name: str, body: DoorBody) -> dict[str, Any]:
    """null: no camera does."""
    made = book.tie_door(who, site_id, name, body.camera)
    return {"name": made.name, "area": made.area, "camera": made.camera_id}


def _contact_json(one: register.Contact) -> dict[str, Any]:
    return {
        each.name: value.isoformat() if hasattr(value, "isoformat") else value
        for each in fields(one)
        for value in (getattr(one, each.name),)
    }


def _area_json(one: register_places.Area) -> dict[str, Any]:
    return {each.name: getattr(one, each.name) for each in fields(one)} | {"doors": list(one.doors)}


# -- inventory of cameras --------------------------------------------------------------------


@routes.get("/cameras/{camera_id}/inventory", summary="What is known of a camera as a device")
def inventory(who: Signed, camera_id: str) -> dict[str, Any]:
    """The fields that QCVN 11:2026/BCA makes people ask for; null is not known."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        said = device.known(connection, registry.camera(connection, camera_id))
    remarks = [{"code": one.code, "level": one.level} for one in inventories.remarks(said)]
    return {**register_places.facts_json(said), "remarks": remarks}


@routes.put("/cameras/{camera_id}/inventory", summary="Say what is known of a camera")
def put_inventory(who: Signed, camera_id: str, body: InventoryBody) -> dict[str, Any]:
    """Replaces all fields; doors are tied by their own route."""
    return register_places.facts_json(device.put(who, camera_id, body.model_dump()))


# -- coverage --------------------------------------------------------------------------------


@routes.get("/facilities/{site_id}/coverage", summary="What the cameras of a facility cover")
def coverage_of(who: Signed, site_id: str) -> dict[str, Any]:
    """Computed by the placement rule; conclusions of surveyors beside it, the last first."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = coverage.coverage(connection, site_id, who.desk.placement)
        said = coverage.conclusions(connection, site_id)
    return {**found.as_json(), "conclusions": [_conclusion_json(one) for one in said]}


def _conclusion_json(one: coverage.Conclusion) -> dict[str, Any]:
    return {
        "id": one.id,
        "enough": one.enough,
        "said": one.said,
        "pictures": list(one.pictures),
        "by": one.made_name or one.made_by,
        "at": rfc3339(one.made_ns),
        "computed": one.facts,
    }


@routes.post("/pictures", summary="Attach a picture to a facility", status_code=201)
async def add_picture(
    request: Request,
    site: Annotated[str, Query(max_length=40)],
    kind: Annotated[Literal["absence", "conclusion", "plan"], Query()],
) -> dict[str, Any]:
    """JPEG or PNG in the body; kept without metadata. Its id goes into what it belongs to."""
    content = await request.body()

    def keep() -> dict[str, Any]:
        who = visitor(request)
        who.signed_in  # noqa: B018
        act = Act.COVER_CONCLUDE if kind == "conclusion" else Act.FACILITY_EDIT
        with who.desk.database.reading() as connection:
            rights.require(connection, who, act, access.thing_of_site(connection, site))
        return {"id": book.keep_picture(who, site, kind, content[: pictures.MAX_PICTURE + 1])}

    return await run_in_threadpool(keep)


@routes.put("/facilities/{site_id}/absences/{zone}", summary="Say that there is no such place")
def put_absence(who: Signed, site_id: str, zone: str, body: AbsenceBody) -> dict[str, Any]:
    """By name and with a photograph."""
    book.say_absent(who, site_id, zone, body.reason, body.picture)
    return {"zone": zone, "reason": body.reason, "picture": body.picture}


@routes.delete(
    "/facilities/{site_id}/absences/{zone}", summary="There is such a place", status_code=204
)
def drop_absence(who: Signed, site_id: str, zone: str) -> Response:
    """Take back that there is none."""
    book.take_back_absence(who, site_id, zone)
    return Response(status_code=204)


@routes.post(
    "/facilities/{site_id}/conclusions", summary="Conclude whether cameras are enough",
    status_code=201,
)  # fmt: skip
def add_conclusion(who: Signed, site_id: str, body: ConclusionBody) -> dict[str, Any]:
    """A named surveyor's word, with pictures; what is computed now stands with it."""
    made = book.conclude(who, site_id, enough=body.enough, said=body.said, pictures_=body.pictures)
    return _conclusion_json(made)


@routes.put("/facilities/{site_id}/intake", summary="No intake until covered")
def put_intake(who: Signed, site_id: str, body: IntakeBody) -> dict[str, Any]:
    """A leader's switch."""
    made = book.set_intake(who, site_id, needs_cover=body.needs_cover, reason=body.reason)
    return {"needs_cover": made.intake_needs_cover, "reason": made.intake_reason}


# -- workbooks -------------------------------------------------------------------------------


@routes.post("/register/import", summary="Enter a workbook, or rehearse it")
async def import_workbook(
    request: Request, dry_run: Annotated[bool, Query()] = True
) -> dict[str, Any]:
    """The workbook in the body; all rows or none. A rehearsal unless `dry_run=false`."""
    content = await request.body()

    def enter() -> dict[str, Any]:
        who = visitor(request)
        who.signed_in  # noqa: B018
        try:
            made = register_import.entered(who, content, enter=not dry_run)
        except VonggacError as error:
            fault = str(error.detail.get("fault"))
            if fault not in sheets.FILE_FAULTS:
                raise
            said = sheets.FILE_FAULTS[fault]
            raise VonggacError(Kind.BAD_INPUT, said, fault=fault) from error
        return made.as_json()

    return await run_in_threadpool(enter)


@routes.get(
    "/register.xlsx",
    summary="The register as a workbook",
    response_class=Response,
    responses={200: {"content": {XLSX: {}}}},
)
def export_workbook(who: Signed) -> Response:
    """The facilities whose details the visitor may see."""
    return register_import.workbook(register_import.exported(who), "danh-muc.xlsx")
