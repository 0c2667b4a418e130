"""The register of facilities: what each one is, whom to call about it, when it was in service.

A facility is a site (`registry.Site`) with more said of it.  Everything that is written goes
through `put`, many at once or one: a form, the API and a sheet are three ways to the same rows.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from vonggac.config import NAME
from vonggac.db import Connection, among, tables
from vonggac.db import register as db
from vonggac.domain import units
from vonggac.domain.access import UNASSIGNED
from vonggac.domain.duties import LINES
from vonggac.domain.registry import Problem, Unacceptable
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

TITLE_LIMIT: Final = 200
"""Characters of a name, an address, a person's position."""
NOTE_LIMIT: Final = 1000
PEOPLE_LIMIT: Final = 100_000
"""Of people, rooms and floors: more is a slip of the keyboard (ours)."""
BY_CONFIG: Final = ("name", "title", "address", "owner_line", "retention_days")
"""What the configuration file says of the hub's own facility, and takes back at each start."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A facility as it should be."""

    name: str
    """Its code: stands in the configuration of its box and in addresses; never changed."""
    title: str
    address: str = ""
    unit_id: str = UNASSIGNED
    owner_line: str = "civil"
    status: str = "in_service"
    capacity: int | None = None
    rooms: int | None = None
    floors: int | None = None
    opened_on: date | None = None
    """First day of the present service, or of the last one; None leaves what stands."""
    closed_on: date | None = None
    retention_days: int = 30
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facility:
    """A facility as it stands."""

    id: str
    said: Draft
    revision: int
    """0: nobody has said anything of it yet."""
    folded: str
    """What the search finds it by."""
    created_ns: int
    intake_needs_cover: bool = False
    intake_reason: str = ""
    intake_by: str = ""
    intake_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to call: somebody on duty, never somebody in quarantine."""

    kind: str
    name: str
    position: str = ""
    organisation: str = ""
    phone: str = ""
    address: str = ""
    email: str = ""
    subscriber: str = ""
    hotline: str = ""
    verified_day: date | None = None


@dataclass(frozen=True, slots=True)
class Kinds:
    """The closed lists of the register, by code, in the order of the file."""

    statuses: Mapping[str, Words]
    contacts: Mapping[str, Words]


@cache
def kinds() -> Kinds:
    """The words of `rules/register.toml`."""
    tree = tomllib.loads(
        resources.files("vonggac.rules").joinpath("register.toml").read_text(encoding="utf-8")
    )
    return Kinds(
        statuses={row["code"]: Words(row["vi"], row["en"]) for row in tree["status"]},
        contacts={row["code"]: Words(row["vi"], row["en"]) for row in tree["contact"]},
    )


# -- what may be written ---------------------------------------------------------------------


def clean(text: str) -> str:
    """A text as it is kept: one line, composed, without what is not seen."""
    composed = unicodedata.normalize("NFC", text)
    seen = (one if unicodedata.category(one)[0] != "C" else " " for one in composed)
    return " ".join("".join(seen).split())


def cleaned(draft: Draft) -> Draft:
    """A draft with its texts as they are kept."""
    return replace(
        draft,
        name=clean(draft.name).casefold(),
        title=clean(draft.title),
        address=clean(draft.address),
        unit_id=clean(draft.unit_id) or UNASSIGNED,
        note=clean(draft.note),
    )


def check(draft: Draft) -> tuple[Problem, ...]:
    """Everything that is wrong with a cleaned draft; empty when it can be registered."""
    found: list[Problem] = []
    if not re.fullmatch(NAME, draft.name):
        found.append(Problem("name", "bad_name", "name: use a-z, 0-9 and -, at most 63"))
    if not draft.title:
        found.append(Problem("title", "missing", "title: say what people call it"))
    for field, limit in (("title", TITLE_LIMIT), ("address", TITLE_LIMIT), ("note", NOTE_LIMIT)):
        text = getattr(draft, field)
        if len(text) > limit:
            found.append(Problem(field, "too_long", f"{field}: at most {limit} characters"))
        elif units.is_secret(text):
            found.append(Problem(field, "secret_mark", f"{field}: nothing marked MẬT is kept"))
    if draft.owner_line not in LINES:
        found.append(Problem("owner_line", "bad_choice", f"owner_line: one of {', '.join(LINES)}"))
    if draft.status not in kinds().statuses:
        found.append(Problem("status", "bad_choice", "status: preparing, in_service ..."))
    for field in ("capacity", "rooms", "floors"):
        number = getattr(draft, field)
        if number is not None and not 0 <= number <= PEOPLE_LIMIT:
            found.append(Problem(field, "bad_number", f"{field}: 0 to {PEOPLE_LIMIT}"))
    if not 1 <= draft.retention_days <= 3650:
        found.append(Problem("retention_days", "bad_days", "retention_days: 1 to 3650"))
    if draft.closed_on is not None and (
        draft.opened_on is None or draft.closed_on < draft.opened_on
    ):
        found.append(Problem("closed_on", "ends_before", "closed_on: not before opened_on"))
    return tuple(found)


def check_contact(contact: Contact) -> tuple[Problem, ...]:
    """Everything that is wrong with a contact."""
    found: list[Problem] = []
    if contact.kind not in kinds().contacts:
        found.append(Problem("kind", "bad_choice", "kind: contact, deputy, duty ..."))
    if not contact.name:
        found.append(Problem("name", "missing", "name: who answers"))
    if not (contact.phone or contact.hotline):
        found.append(Problem("phone", "missing", "phone: how to reach them"))
    for field in ("phone", "hotline"):
        number = getattr(contact, field)
        if number and not re.fullmatch(r"[0-9+() .,/;x-]{3,60}", number):
            found.append(Problem(field, "bad_phone", f"{field}: digits, as 0200 000 114"))
    if contact.email and not re.fullmatch(r"[^@\s]{1,64}@[^@\s]{1,190}", contact.email):
        found.append(Problem("email", "bad_email", "email: as name@place.vn"))
    found.extend(
        Problem(field, "too_long", f"{field}: at most {TITLE_LIMIT} characters")
        for field in ("name", "position", "organisation", "address", "subscriber")
        if len(getattr(contact, field)) > TITLE_LIMIT
    )
    return tuple(found)


def searched(draft: Draft) -> str:
    """What the search finds a facility by: without marks, đ as d."""
    return units.folded(f"{draft.name} {draft.title} {draft.address}")


# -- what stands -----------------------------------------------------------------------------


def facilities(
    connection: Connection, site_ids: Iterable[str] | None = None
) -> dict[str, Facility]:
    """Facilities by id, in the order of their codes.

    Args:
        connection: a transaction.
        site_ids: which; None is all of them.
    """
    site, facility = tables.site, db.facility
    query = (
        sa.select(
            site.c.id, site.c.name, site.c.title, site.c.address, site.c.unit_id,
            site.c.owner_line, site.c.retention_days, site.c.created_ns, facility.c.status,
            facility.c.capacity, facility.c.rooms, facility.c.floors, facility.c.note,
            facility.c.revision, facility.c.folded, facility.c.intake_needs_cover,
            facility.c.intake_reason, facility.c.intake_by, facility.c.intake_ns,
        )
        .join(facility, facility.c.site_id == site.c.id, isouter=True)
        .order_by(site.c.name)
    )  # fmt: skip
    service = sa.select(
        db.facility_service.c.site_id, db.facility_service.c.from_day, db.facility_service.c.to_day
    ).order_by(db.facility_service.c.from_day, db.facility_service.c.id)
    if site_ids is not None:
        wanted = list(site_ids)
        query = query.where(among(site.c.id, wanted))
        service = service.where(among(db.facility_service.c.site_id, wanted))
    last = {row.site_id: (row.from_day, row.to_day) for row in connection.execute(service)}
    return {
        row.id: _facility(row, *last.get(row.id, (None, None))) for row in connection.execute(query)
    }


def _facility(row: Any, opened_on: date | None, closed_on: date | None) -> Facility:
    said = Draft(
        name=row.name, title=row.title, address=row.address, unit_id=row.unit_id,
        owner_line=row.owner_line, status=row.status or "in_service", capacity=row.capacity,
        rooms=row.rooms, floors=row.floors, opened_on=opened_on, closed_on=closed_on,
        retention_days=row.retention_days, note=row.note or "",
    )  # fmt: skip
    return Facility(
        row.id, said, row.revision or 0, row.folded or searched(said), row.created_ns,
        bool(row.intake_needs_cover), row.intake_reason or "", row.intake_by or "", row.intake_ns,
    )  # fmt: skip


def facility(connection: Connection, site_id: str) -> Facility:
    """One facility.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = facilities(connection, [site_id]).get(site_id)
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such facility")
    return found


def held_back(connection: Connection, every: Iterable[Facility]) -> frozenset[str]:
    """Ids of facilities that may take nobody in.

    A leader asks for cover there, and no surveyor's last conclusion is that cameras are enough.
    """
    asked = [one.id for one in every if one.intake_needs_cover]
    if not asked:
        return frozenset()
    table = db.cover_conclusion
    rows = connection.execute(
        sa.select(table.c.site_id, table.c.enough)
        .where(among(table.c.site_id, asked))
        .order_by(table.c.made_ns, table.c.id.desc())
    )
    last = {row.site_id: bool(row.enough) for row in rows}
    return frozenset(one for one in asked if not last.get(one))


def barred(connection: Connection, before: Facility, after: Draft) -> list[Problem]:
    """Why a facility cannot be put into service: no intake until covered."""
    begins = after.status == "in_service" and before.said.status != "in_service"
    if not begins or not held_back(connection, [before]):
        return []
    return [Problem("status", "not_covered", "status: nobody is taken in until covered")]


class Known(NamedTuple):
    """What a list of facilities is chosen by."""

    id: str
    name: str
    title: str
    line: str
    status: str
    address: str
    folded: str
    """For the search; empty of a facility that said nothing."""


def known(connection: Connection) -> list[Known]:
    """Every facility, in the order of their codes."""
    site, facility = tables.site, db.facility
    rows = connection.execute(
        sa.select(
            site.c.id, site.c.name, site.c.title, site.c.owner_line,
            sa.func.coalesce(facility.c.status, "in_service"), site.c.address,
            sa.func.coalesce(facility.c.folded, ""),
        )
        .join(facility, facility.c.site_id == site.c.id, isouter=True)
        .order_by(site.c.name)
    )  # fmt: skip
    return [Known(*row) for row in rows]


def camera_counts(
    connection: Connection, site_ids: Sequence[str] | None = None
) -> dict[str, tuple[int, int]]:
    """Cameras in the register and those that record now, by site; sites without any are not in."""
    camera, state = tables.camera, tables.state
    recording = sa.func.count(state.c.camera)
    query = (
        sa.select(camera.c.site_id, sa.func.count(), recording)
        .join(
            state,
            sa.and_(
                state.c.site_id == camera.c.site_id, state.c.camera == camera.c.name,
                state.c.stream == "main", state.c.status == "recording",
            ),
            isouter=True,
        )
        .where(camera.c.retired_ns.is_(None))
        .group_by(camera.c.site_id)
    )  # fmt: skip
    if site_ids is not None:
        query = query.where(among(camera.c.site_id, site_ids))
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def service(connection: Connection, site_id: str) -> list[tuple[date, date | None]]:
    """When a facility was in service, in the order of time."""
    table = db.facility_service
    rows = connection.execute(
        sa.select(table.c.from_day, table.c.to_day)
        .where(table.c.site_id == site_id)
        .order_by(table.c.from_day, table.c.id)
    )
    return [(row.from_day, row.to_day) for row in rows]


def contacts(
    connection: Connection, site_ids: Sequence[str] | None = None
) -> dict[tuple[str, str], Contact]:
    """Contacts by (site, kind); of all sites without `site_ids`."""
    table = db.contact
    query = sa.select(
        table.c.site_id, table.c.kind, table.c.name, table.c.position, table.c.organisation,
        table.c.phone, table.c.address, table.c.email, table.c.subscriber, table.c.hotline,
        table.c.verified_day,
    )  # fmt: skip
    if site_ids is not None:
        query = query.where(among(table.c.site_id, site_ids))
    return {(row[0], row[1]): Contact(*row[1:]) for row in connection.execute(query)}


def units_called(connection: Connection, text: str) -> set[str]:
    """Ids of the units of this id, or of this name now, diacritics or not."""
    name = tables.unit_name
    rows = connection.execute(
        sa.select(name.c.unit_id).where(
            sa.or_(
                name.c.unit_id == text,
                sa.and_(name.c.folded == units.folded(text), name.c.valid_to.is_(None)),
            )
        )
    )
    return set(rows.scalars())


# -- writing ---------------------------------------------------------------------------------


def add(connection: Connection, draft: Draft, *, site_id: str, by: str, now_ns: int) -> Facility:
    """Register a facility.

    Args:
        connection: a writing transaction.
        draft: what it is.
        site_id: its new, permanent id.
        by: name of the account.
        now_ns: UTC now.

    Raises:
        Unacceptable: the draft has problems, or its code is taken.
        VonggacError: NOT_FOUND, there is no such unit.
    """
    draft = cleaned(draft)
    problems = list(check(draft))
    taken = sa.select(tables.site.c.id).where(tables.site.c.name == draft.name)
    if connection.execute(taken).first() is not None:
        problems.append(Problem("name", "name_taken", f"name: {draft.name} is taken"))
    _need_unit(connection, draft.unit_id, problems)
    if problems:
        raise Unacceptable(problems)
    put(connection, {site_id: draft}, {}, by=by, now_ns=now_ns)
    return facility(connection, site_id)


def edit(
    connection: Connection,
    site_id: str,
    draft: Draft,
    *,
    revision: int | None,
    kept: bool,
    by: str,
    now_ns: int,
) -> Facility:
    """Change a facility.

    Args:
        connection: a writing transaction.
        site_id: which.
        draft: what it should be.
        revision: what the form was made from; None overwrites whatever is there.
        kept: it is the hub's own, and the configuration file says `BY_CONFIG` of it.
        by: name of the account.
        now_ns: UTC now.

    Raises:
        Unacceptable: the draft has problems.
        VonggacError: NOT_FOUND; CONFLICT, somebody edited it meanwhile.
    """
    before = facility(connection, site_id)
    if revision is not None and revision != before.revision:
        raise VonggacError(
            Kind.CONFLICT,
            "somebody else changed this facility meanwhile; open the form again",
            code="stale_form",
        )
    draft = cleaned(draft)
    problems = [*check(draft), *fixed(before.said, draft, kept=kept)]
    problems += barred(connection, before, draft)
    _need_unit(connection, draft.unit_id, problems)
    if problems:
        raise Unacceptable(problems)
    put(connection, {site_id: draft}, {site_id: before}, by=by, now_ns=now_ns)
    return facility(connection, site_id)


def fixed(before: Draft, after: Draft, *, kept: bool) -> list[Problem]:
    """What an edit may not change: the code, and what the configuration file keeps."""
    found = []
    if after.name != before.name:
        found.append(Problem("name", "name_fixed", f"name: stays {before.name}"))
    if kept:
        found += [
            Problem(field, "kept_by_config", f"{field}: stands in the configuration file")
            for field in BY_CONFIG[1:]
            if getattr(before, field) != getattr(after, field)
        ]
    return found


def _need_unit(connection: Connection, unit_id: str, problems: list[Problem]) -> None:
    known = sa.select(tables.unit.c.id).where(tables.unit.c.id == unit_id)
    if unit_id != UNASSIGNED and connection.execute(known).first() is None:
        problems.append(Problem("unit_id", "unit_unknown", "unit_id: there is no such unit"))


def put(
    connection: Connection,
    drafts: Mapping[str, Draft],
    before: Mapping[str, Facility],
    *,
    by: str,
    now_ns: int,
) -> None:
    """Write checked drafts; those that are not in `before` are new sites."""
    fresh = [one for one in drafts if one not in before]
    if fresh:
        connection.execute(
            tables.site.insert(),
            [{"id": one, "created_ns": now_ns, **_of_site(drafts[one])} for one in fresh],
        )
    if old := [one for one in drafts if one in before]:
        site = tables.site
        connection.execute(
            site.update().where(site.c.id == sa.bindparam("b_id")),
            [{"b_id": one, **_of_site(drafts[one])} for one in old],
        )
    unsaid = [one for one in drafts if one not in before or before[one].revision == 0]
    if unsaid:
        connection.execute(
            db.facility.insert(),
            [{"site_id": one, **_of_facility(drafts[one], 1, by, now_ns)} for one in unsaid],
        )
    if said := [one for one in drafts if one in before and before[one].revision]:
        table = db.facility
        connection.execute(
            table.update().where(table.c.site_id == sa.bindparam("b_id")),
            [
                {"b_id": one, **_of_facility(drafts[one], before[one].revision + 1, by, now_ns)}
                for one in said
            ],
        )
    _put_service(connection, drafts, before)


def _of_site(draft: Draft) -> dict[str, Any]:
    return {
        "name": draft.name, "title": draft.title, "address": draft.address,
        "unit_id": draft.unit_id, "owner_line": draft.owner_line,
        "retention_days": draft.retention_days,
    }  # fmt: skip


def _of_facility(draft: Draft, revision: int, by: str, now_ns: int) -> dict[str, Any]:
    return {
        "folded": searched(draft), "status": draft.status, "capacity": draft.capacity,
        "rooms": draft.rooms, "floors": draft.floors, "note": draft.note, "revision": revision,
        "updated_ns": now_ns, "updated_by": by,
    }  # fmt: skip


def _put_service(
    connection: Connection, drafts: Mapping[str, Draft], before: Mapping[str, Facility]
) -> None:
    table = db.facility_service
    begins = []
    for site_id, draft in drafts.items():
        if draft.opened_on is None:
            continue
        was = before[site_id].said if site_id in before else None
        opened, closed = (was.opened_on, was.closed_on) if was else (None, None)
        if (opened, closed) == (draft.opened_on, draft.closed_on):
            continue
        if opened is None or (closed is not None and draft.opened_on >= closed):
            begins.append(
                {"site_id": site_id, "from_day": draft.opened_on, "to_day": draft.closed_on}
            )
            continue
        last = (
            sa.select(sa.func.max(table.c.id))
            .where(table.c.site_id == site_id, table.c.from_day == opened)
            .scalar_subquery()
        )
        connection.execute(
            table.update()
            .where(table.c.id == last)
            .values(from_day=draft.opened_on, to_day=draft.closed_on)
        )
    if begins:
        connection.execute(table.insert(), begins)


def put_contacts(
    connection: Connection,
    said: Mapping[tuple[str, str], Contact],
    known: Iterable[tuple[str, str]],
    *,
    by: str,
    now_ns: int,
) -> None:
    """Write checked contacts by (site, kind); `known` are those that stand already."""
    table, stands = db.contact, set(known)
    values = {
        key: {
            "name": one.name, "position": one.position, "organisation": one.organisation,
            "phone": one.phone, "address": one.address, "email": one.email,
            "subscriber": one.subscriber, "hotline": one.hotline, "verified_day": one.verified_day,
            "updated_ns": now_ns, "updated_by": by,
        }
        for key, one in said.items()
    }  # fmt: skip
    if fresh := [key for key in said if key not in stands]:
        connection.execute(
            table.insert(),
            [{"id": new_id(), "site_id": key[0], "kind": key[1], **values[key]} for key in fresh],
        )
    if old := [key for key in said if key in stands]:
        connection.execute(
            table.update().where(
                table.c.site_id == sa.bindparam("b_site"), table.c.kind == sa.bindparam("b_kind")
            ),
            [{"b_site": key[0], "b_kind": key[1], **values[key]} for key in old],
        )


def set_contact(
    connection: Connection, site_id: str, contact: Contact, *, by: str, now_ns: int
) -> Contact:
    """Write one contact.

    Raises:
        Unacceptable: it has problems.
    """
    texts: dict[str, Any] = {
        one.name: clean(getattr(contact, one.name))
        for one in fields(contact)
        if one.name != "verified_day"
    }
    contact = replace(contact, **texts)
    if problems := check_contact(contact):
        raise Unacceptable(problems)
    known = contacts(connection, [site_id])
    said = {(site_id, contact.kind): contact}
    put_contacts(connection, said, known, by=by, now_ns=now_ns)
    return contact


def drop_contact(connection: Connection, site_id: str, kind: str) -> bool:
    """Take a contact out; whether there was one."""
    table = db.contact
    done = connection.execute(
        table.delete().where(table.c.site_id == site_id, table.c.kind == kind)
    )
    return done.rowcount > 0


def set_intake(
    connection: Connection, site_id: str, *, needs_cover: bool, reason: str, by: str, now_ns: int
) -> Facility:
    """Say that nobody is taken in before cameras are enough, or lift that.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT, no reason.
    """
    reason = clean(reason)[:NOTE_LIMIT]
    if not reason:
        raise VonggacError(Kind.BAD_INPUT, "reason: say why", fields={"reason": "missing"})
    before = facility(connection, site_id)
    if before.revision == 0:
        put(connection, {site_id: before.said}, {site_id: before}, by=by, now_ns=now_ns)
    connection.execute(
        db.facility.update()
        .where(db.facility.c.site_id == site_id)
        .values(
            intake_needs_cover=needs_cover, intake_reason=reason, intake_by=by, intake_ns=now_ns
        )
    )
    return facility(connection, site_id)
