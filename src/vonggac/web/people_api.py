"""Facilities, duties, roles and units as JSON: what the pages of people and units do."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import access, profiles, roles, units
from vonggac.domain.duties import duties
from vonggac.errors import Kind, VonggacError
from vonggac.web import facility, people, tree, words
from vonggac.web.desk import Visitor, visitor

routes = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

UNITS_LIMIT = 200
"""Units of one answer."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RoleBody(_Body):
    """A role to be held. No `unit` is everything, no `line` all of them, no `sites` all of them."""

    account: str = Field(max_length=100, description="id of the account")
    role: str = Field(max_length=50, description="code of a duty")
    reason: str = Field(max_length=300)
    unit: str | None = Field(default=None, max_length=100)
    line: Literal["military", "paid_hotel", "civil"] | None = None
    sites: list[str] = Field(default_factory=list, max_length=roles.SITES_LIMIT)
    body: str | None = Field(
        default=None, max_length=100, description="unit on whose behalf it is held"
    )
    start: str | None = Field(default=None, max_length=40, description="RFC 3339")
    end: str | None = Field(default=None, max_length=40, description="RFC 3339")


class UnitBody(_Body):
    """A unit to be added."""

    parent: str | None = Field(default=None, max_length=100)
    kind: str = Field(max_length=50)
    code: str = Field(default="", max_length=50)
    vi: str = Field(max_length=units.NAME_LIMIT)
    en: str = Field(default="", max_length=units.NAME_LIMIT)
    valid_from: date
    source: str = Field(default="", max_length=units.NAME_LIMIT)


class NameBody(_Body):
    """What a unit is called from a day on."""

    vi: str = Field(max_length=units.NAME_LIMIT)
    en: str = Field(default="", max_length=units.NAME_LIMIT)
    valid_from: date
    source: str = Field(default="", max_length=units.NAME_LIMIT)


class AssignBody(_Body):
    """Where a facility stands."""

    unit: str = Field(max_length=100)


# -- facilities ------------------------------------------------------------------------------


@routes.get("/sites", summary="Facilities: name and counts")
def sites(who: Signed) -> dict[str, Any]:
    """Every facility of the visitor's scope; `details` says whether more of it may be seen."""
    return {
        "sites": [
            {
                "id": one.site.id,
                "name": one.site.name,
                "title": one.site.title,
                "owner_line": one.site.owner_line,
                "unit": one.unit,
                "cameras": one.cameras,
                "recording": one.recording,
                "details": one.has_details,
            }
            for one in facility.counts(who)
        ]
    }


@routes.put("/sites/{site_id}/unit", summary="Say in which unit a facility stands")
def assign(who: Signed, site_id: str, body: AssignBody) -> dict[str, Any]:
    """Assign a facility to a unit; its roles follow at once."""
    site = tree.assign(who, site_id, body.unit)
    return {"site": site.id, "unit": body.unit}


# -- roles -----------------------------------------------------------------------------------


@routes.get("/duties", summary="Roles that can be given, and what each may do")
def duties_list(who: Signed) -> dict[str, Any]:
    """The roles in force today, as the rules have them."""
    return {
        "duties": [
            {
                "code": duty.code,
                "vi": duty.name.vi,
                "en": duty.name.en,
                "acts": sorted(duty.acts),
                "line": duty.line,
                "needs_line": duty.needs_line,
                "needs_sites": duty.needs_sites,
                "must_end": duty.must_end,
                "purposes": sorted(duty.purposes),
                "source": duty.source,
            }
            for duty in duties(words.day_of(who.desk.now_ns())).values()
        ]
    }


@routes.get("/roles", summary="Who holds which role over what")
def roles_list(who: Signed) -> dict[str, Any]:
    """Roles whose scope the visitor may look at; those that are over too."""
    with who.desk.database.reading() as connection:
        shown = people.shown_roles(connection, who)
    return {"roles": [role_json(one.row) for one in shown]}


@routes.post("/roles", summary="Give a role", status_code=201)
def give(who: Signed, body: RoleBody) -> dict[str, Any]:
    """Give a role over a scope; nobody gives one to himself."""
    draft = roles.Draft(
        role=body.role,
        reason=body.reason,
        unit=body.unit,
        line=body.line,
        sites=tuple(dict.fromkeys(body.sites)),
        body=body.body,
        from_ns=_moment(body.start, "start"),
        to_ns=_moment(body.end, "end"),
    )
    row_id = people.give(who, body.account, draft)
    with who.desk.database.reading() as connection:
        return role_json(roles.held_row(connection, row_id))


@routes.delete("/roles/{role_id}", summary="End a role")
def end(
    who: Signed, role_id: str, reason: Annotated[str, Query(max_length=300)] = ""
) -> dict[str, Any]:
    """End a role now; its row stays."""
    return role_json(people.end(who, role_id, reason))


def role_json(row: roles.Row) -> dict[str, Any]:
    """A role that is held, as the API and the command line say it."""
    return {
        "id": row.id,
        "account": row.account_id,
        "user": row.account,
        "role": row.role,
        "unit": row.unit,
        "line": row.line,
        "sites": list(row.sites),
        "body": row.body,
        "start": rfc3339(row.from_ns),
        "end": None if row.to_ns is None else rfc3339(row.to_ns),
        "reason": row.reason,
        "given_by": row.given_by,
        "ended_by": row.ended_by,
        "ended_reason": row.ended_reason,
    }


def _moment(text: str | None, field: str) -> int | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise VonggacError(Kind.BAD_INPUT, f"{field}: {error}") from error


# -- units -----------------------------------------------------------------------------------


@routes.get("/units", summary="Units: below one, or by name")
def units_list(
    who: Signed,
    q: Annotated[str, Query(max_length=200, description="words, diacritics or not")] = "",
    parent: Annotated[str | None, Query(max_length=100)] = None,
    on: Annotated[date | None, Query(description="the day, 2026-11-18")] = None,
) -> dict[str, Any]:
    """The units directly below one (the roots without `parent`), or what a search finds."""
    day = on or words.day_of(who.desk.now_ns())
    with who.desk.database.reading() as connection:
        if q.strip():
            found = units.search(connection, q, day, limit=UNITS_LIMIT)
        else:
            if parent is not None:
                access.thing_of_unit(connection, parent)
            found = units.below(connection, parent, day)
    return {"units": [unit_json(one) for one in found]}


@routes.post("/units", summary="Add a unit", status_code=201)
def add(who: Signed, body: UnitBody) -> dict[str, Any]:
    """Add a unit to the tree."""
    if body.kind not in profiles.kind_words():
        raise VonggacError(
            Kind.BAD_INPUT, f"kind: one of {', '.join(sorted(profiles.kind_words()))}"
        )
    found = tree.add(
        who,
        parent_id=body.parent,
        kind=body.kind,
        code=body.code,
        vi=body.vi,
        en=body.en,
        valid_from=body.valid_from,
        source=body.source,
    )
    with who.desk.database.reading() as connection:
        return unit_json(units.unit(connection, found, body.valid_from))


@routes.put("/units/{unit_id}/name", summary="Name a unit from a day on")
def name(who: Signed, unit_id: str, body: NameBody) -> dict[str, Any]:
    """Give a unit another name; the name before it ends on that day and stays readable."""
    tree.rename(
        who,
        unit_id,
        vi=body.vi,
        en=body.en,
        valid_from=body.valid_from,
        source=body.source,
    )
    with who.desk.database.reading() as connection:
        return unit_json(units.unit(connection, unit_id, body.valid_from))


@routes.delete("/units/{unit_id}", summary="End a unit", status_code=204)
def end_unit(
    who: Signed, unit_id: str, valid_to: Annotated[date, Query(description="2026-11-18")]
) -> Response:
    """End a unit on a day; what lies in it must have gone elsewhere before."""
    tree.end(who, unit_id, valid_to)
    return Response(status_code=204)


def unit_json(one: units.Unit) -> dict[str, Any]:
    """A unit as the API and the command line say it."""
    return {
        "id": one.id,
        "parent": one.parent_id,
        "kind": one.kind,
        "code": one.code,
        "vi": one.vi,
        "en": one.en,
        "profile": one.profile,
        "valid_from": one.valid_from.isoformat(),
        "valid_to": None if one.valid_to is None else one.valid_to.isoformat(),
        "source": one.source,
    }
