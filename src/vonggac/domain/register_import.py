"""Entering a workbook into the register: what it would change, row by row, and doing it.

`plan` compares and writes nothing; `enter` writes a plan without faults in the transaction of its
caller.  A row's key is what people know it by (facility, area, camera, kind of contact), so that
the same workbook can be entered twice and the second time changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import Connection, tables
from vonggac.domain import access, register, register_places, registry, units
from vonggac.domain import register_sheets as sheets
from vonggac.domain.access import UNASSIGNED, Act, Thing
from vonggac.domain.duties import line_words
from vonggac.domain.register_places import DEVICE, Area, Facts
from vonggac.domain.register_sheets import AREAS, CAMERAS, CONTACTS, FACILITIES, Fault, shown
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vonggac.domain.register import Contact, Draft, Facility
    from vonggac.domain.register_sheets import Book, Row
    from vonggac.domain.rules import Placement, Words

    Gate = Callable[[Act, Thing], bool]
    Key = tuple[str, str]

FEW = 400
"""Facilities of a workbook up to which only theirs is read, not the whole register."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a row does: its key as people read it, and for a changed one what exactly."""

    sheet: str
    row: int
    key: str
    kind: str
    """new or changed."""
    differences: tuple[tuple[str, str, str], ...] = ()
    """(heading, before, after)."""


RECORDED: Final = ("source", "record_sub", "transcode")
"""Columns of how a camera is recorded."""
EMPTY: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sub_url": lambda text: text or None,
    "source": lambda text: text.casefold() or "auto",
    "transcode": bool,
}
"""What an empty cell of a camera says where it is not the empty text."""


@dataclass(slots=True)
class Work:
    """What a plan writes, by what it is written with."""

    facilities: dict[str, Draft] = field(default_factory=dict)
    contacts: dict[Key, Contact] = field(default_factory=dict)
    areas: dict[Key, Area] = field(default_factory=dict)
    added: list[tuple[str, registry.Draft]] = field(default_factory=list)
    edited: list[tuple[str, registry.Draft]] = field(default_factory=list)
    facts: dict[Key, Facts] = field(default_factory=dict)
    """By (site, name of the camera)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workbook would do."""

    rows: int
    new: int
    changed: int
    same: int
    faults: Sequence[Fault]
    changes: Sequence[Change]
    work: Work
    stands: Stands

    def as_json(self) -> dict[str, Any]:
        """As the command says it."""
        return {
            "rows": self.rows,
            "new": self.new,
            "changed": self.changed,
            "same": self.same,
            "errors": [one.as_json() for one in self.faults],
        }


@dataclass(frozen=True, slots=True)
class Stands:
    """The register as it stands, as far as a workbook speaks of it."""

    facilities: Mapping[str, Facility]
    things: Mapping[str, Thing]
    contacts: Mapping[Key, Contact]
    areas: Mapping[Key, Area]
    cameras: Mapping[Key, registry.Camera]
    facts: Mapping[str, Facts]


def plan(
    connection: Connection,
    book: Book,
    *,
    gate: Gate,
    placement: Placement,
    own_site: str,
) -> Plan:
    """What a workbook would change.

    Args:
        connection: a transaction; nothing is written.
        book: from `register_sheets.read`.
        gate: whether whoever sends it may do something to a facility.
        placement: the rule in force.
        own_site: id of the facility that the configuration file keeps; empty for none.
    """
    made = _Planning(connection, book, gate, placement, own_site)
    made.facilities()
    made.areas()
    made.cameras()
    made.contacts()
    return made.plan()


def enter(
    connection: Connection, made: Plan, *, placement: Placement, by: str, now_ns: int
) -> None:
    """Write a plan; all of it, or nothing when the caller's transaction is undone.

    Raises:
        VonggacError: BAD_INPUT, the plan has faults.
    """
    if made.faults:
        raise VonggacError(Kind.BAD_INPUT, "the workbook has rows at fault", code="sheet_faults")
    work, stands = made.work, made.stands
    register.put(connection, work.facilities, stands.facilities, by=by, now_ns=now_ns)
    register.put_contacts(connection, work.contacts, stands.contacts, by=by, now_ns=now_ns)
    register_places.put_areas(connection, work.areas, stands.areas)
    ids = registry.register_many(connection, work.added, placement=placement, now_ns=now_ns)
    registry.edit_many(connection, work.edited, placement=placement, now_ns=now_ns)
    known = {key: one.id for key, one in stands.cameras.items()}
    for (site_id, draft), camera_id in zip(work.added, ids, strict=True):
        known[site_id, draft.name] = camera_id
    said = {known[key]: (key[0], one) for key, one in work.facts.items()}
    register_places.put_facts(connection, said, stands.facts, now_ns=now_ns)


class Choices:
    """Texts that people write for codes: owning lines, statuses, kinds, zones, units.

    Args:
        connection: a transaction.
        placement: the rule in force.
    """

    def __init__(self, connection: Connection, placement: Placement) -> None:
        self._placement = placement
        self.lines = _by_words(line_words())
        self.statuses = _by_words(register.kinds().statuses)
        self.contacts = _by_words(register.kinds().contacts)
        self.zones = {
            units.folded(said): one.code
            for one in placement.zones
            for said in (one.code, one.name.vi, one.full, one.name.en)
        }
        self.forbidden = {
            units.folded(said): one
            for one in placement.forbidden
            for said in (one.code, one.name.vi, one.name.en)
        }
        name = tables.unit_name
        self._units: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}
        rows = connection.execute(
            sa.select(name.c.unit_id, name.c.vi, name.c.folded).where(name.c.valid_to.is_(None))
        )
        for unit_id, said, folded in rows:
            self._units.setdefault(folded, set()).add(unit_id)
            self._units.setdefault(unit_id, set()).add(unit_id)
            self._names[unit_id] = said

    def unit(self, text: str) -> str:
        """The id of a unit.

        Raises:
            ValueError: `unit_unknown` or `unit_ambiguous`.
        """
        if not text:
            return UNASSIGNED
        found = self._units.get(text) or self._units.get(units.folded(text)) or set()
        if len(found) != 1:
            raise ValueError("unit_ambiguous" if found else "unit_unknown")
        return next(iter(found))

    def unit_text(self, unit_id: str) -> str:
        """A unit as a cell says it: by name where only one is called so."""
        if unit_id == UNASSIGNED:
            return ""
        name = self._names.get(unit_id, unit_id)
        return name if len(self._units.get(units.folded(name), ())) == 1 else unit_id


def _by_words(words: Mapping[Any, Words]) -> dict[str, str]:
    return {
        units.folded(said): str(code)
        for code, both in words.items()
        for said in (str(code), both.vi, both.en)
    }


def _choice(known: Mapping[str, str], text: str) -> str:
    found = known.get(units.folded(text))
    if found is None:
        raise ValueError("bad_choice")
    return found


class _Planning:
    """One comparison of a workbook with the register."""

    def __init__(
        self, connection: Connection, book: Book, gate: Gate, placement: Placement, own_site: str
    ) -> None:
        self._book = book
        self._gate = gate
        self._placement = placement
        self._own_site = own_site
        self._choices = Choices(connection, placement)
        self._connection = connection
        self._faults: list[Fault] = []
        self._changes: list[Change] = []
        self._same = 0
        self._seen: dict[tuple[str, Key], int] = {}
        self._work = Work()
        self._stands = _stands(connection, _codes(book))
        self._ids = {one.said.name: site_id for site_id, one in self._stands.facilities.items()}
        self._things = dict(self._stands.things)
        self._spoiled = set(book.broken.get(FACILITIES, ()))
        """Codes of facilities whose own rows are at fault."""
        self._unplaced = set(book.broken.get(AREAS, ()))
        """Codes of facilities of which rows of areas are at fault."""
        self._doors: dict[Key, str] = {}
        self._holders: dict[Key, str] = {}

    def plan(self) -> Plan:
        faults = sheets.every_fault(self._book, self._faults)
        new = sum(one.kind == "new" for one in self._changes)
        return Plan(
            self._book.count, new, len(self._changes) - new, self._same, faults, self._changes,
            self._work, self._stands,
        )  # fmt: skip

    # -- what every sheet needs --------------------------------------------------------------

    def _fault(self, sheet: str, row: int, name: str, code: str, /, **values: Any) -> None:
        column = sheets.heading(sheet, name) if name else ""
        if len(self._faults) < sheets.MAX_FAULTS:
            self._faults.append(Fault(sheet, row, column, code, values))

    def _problems(self, sheet: str, row: int, problems: Iterable[registry.Problem]) -> bool:
        """Whether there are none."""
        fine = True
        for one in problems:
            fine = False
            if one.place is not None:
                rule = self._placement.name.vi
                self._fault(sheet, row, "zone", "forbidden_zone", refusal=one.place.refusal.vi,
                            rule=rule)  # fmt: skip
            elif one.code == "too_long":
                self._fault(sheet, row, one.field, one.code, most=register.TITLE_LIMIT)
            elif one.code == "unknown_zone":
                self._fault(sheet, row, one.field, "zone_unknown")
            else:
                self._fault(sheet, row, one.field, one.code)
        return fine

    def _once(self, sheet: str, row: int, key: Key) -> bool:
        first = self._seen.setdefault((sheet, key), row)
        if first != row:
            self._fault(sheet, row, "", "twice", row=first)
        return first == row

    def _site(self, sheet: str, row: Row, act: Act) -> str | None:
        """The facility of a row, if whoever sends it may do this to it."""
        code = str(row.values.get("site", "")).casefold()
        # Of a facility whose own row is at fault that row says so; once is enough.
        if code in self._spoiled:
            return None
        site_id = self._ids.get(code)
        if site_id is None:
            self._fault(sheet, row.number, "site", "facility_unknown")
            return None
        if not self._gate(act, self._things[site_id]):
            # Whoever may not even know of it is told what is told of one that there is not.
            knows = self._gate(Act.FACILITY_SEE, self._things[site_id])
            code = "not_allowed" if knows else "facility_unknown"
            self._fault(sheet, row.number, "site", code)
            return None
        return site_id

    def _zone(self, sheet: str, row: Row) -> str | None:
        text = units.folded(row.values["zone"])
        place = self._choices.forbidden.get(text)
        if place is not None:
            self._fault(sheet, row.number, "zone", "forbidden_zone", refusal=place.refusal.vi,
                        rule=self._placement.name.vi)  # fmt: skip
            return None
        found = self._choices.zones.get(text)
        if found is None:
            self._fault(sheet, row.number, "zone", "zone_unknown")
        return found

    def _took(
        self, sheet: str, row: int, key: str, before: Any, after: Any, said: Sequence[str]
    ) -> bool:
        """Note what a row does; whether there is anything to write."""
        if before is None:
            self._changes.append(Change(sheet, row, key, "new"))
            return True
        found = tuple(
            (sheets.heading(sheet, name), self._text(name, was), self._text(name, now))
            for name in said
            if (was := getattr(before, name)) != (now := getattr(after, name))
        )
        if not found:
            self._same += 1
            return False
        self._changes.append(Change(sheet, row, key, "changed", found))
        return True

    def _text(self, name: str, value: Any) -> str:
        return text_of(self._choices, name, value)

    # -- the sheets --------------------------------------------------------------------------

    def facilities(self) -> None:
        for row in self._book.rows.get(FACILITIES, ()):
            self._facility(row)

    def _facility(self, row: Row) -> None:
        code = str(row.values["name"]).casefold()
        site_id = self._ids.get(code)
        before = self._stands.facilities.get(site_id) if site_id else None
        if not self._once(FACILITIES, row.number, (code, "")):
            return
        if before is not None and not self._gate(Act.FACILITY_EDIT, self._things[before.id]):
            self._fault(FACILITIES, row.number, "name", "not_allowed")
            self._spoiled.add(code)
            return
        draft = self._draft(row, before.said if before else None)
        if draft is None:
            self._spoiled.add(code)
            return
        thing = self._thing(site_id or code, draft)
        fine = self._problems(FACILITIES, row.number, self._problems_of(before, draft, site_id))
        if fine and not self._gate(Act.FACILITY_EDIT, thing):
            self._fault(FACILITIES, row.number, "unit_id", "not_allowed")
            fine = False
        if not fine:
            self._spoiled.add(code)
            return
        site_id = site_id or new_id()
        self._ids[code], self._things[site_id] = site_id, replace(thing, id=site_id)
        said = [one.name for one in fields(draft)]
        if self._took(FACILITIES, row.number, code, before.said if before else None, draft, said):
            self._work.facilities[site_id] = draft

    def _problems_of(
        self, before: Facility | None, draft: Draft, site_id: str | None
    ) -> list[registry.Problem]:
        found = list(register.check(draft))
        if before is not None:
            found += register.fixed(before.said, draft, kept=site_id == self._own_site)
            found += register.barred(self._connection, before, draft)
        return found

    def _draft(self, row: Row, before: Draft | None) -> Draft | None:
        """A row as a draft: cells that the file has over what stands."""
        values = dict(row.values)
        fine = True
        for name, read in (
            ("unit_id", self._choices.unit),
            ("owner_line", lambda text: _choice(self._choices.lines, text)),
            ("status", lambda text: _choice(self._choices.statuses, text or "in_service")),
        ):
            if name in values:
                try:
                    values[name] = read(values[name])
                except ValueError as error:
                    self._fault(FACILITIES, row.number, name, str(error))
                    fine = False
        if values.get("retention_days", 0) is None:
            del values["retention_days"]
        if values.get("opened_on", 0) is None:
            del values["opened_on"]
        base = before or register.Draft(name="", title="")
        return register.cleaned(replace(base, **values)) if fine else None

    def _thing(self, site_id: str, draft: Draft) -> Thing:
        line: Any = draft.owner_line
        if draft.unit_id == UNASSIGNED:
            return Thing("site", site_id, (UNASSIGNED,), line)
        above = access.thing_of_unit(self._connection, draft.unit_id)
        return Thing("site", site_id, above.path, line)

    def areas(self) -> None:
        for key, area in self._stands.areas.items():
            for name in area.doors:
                self._doors[key[0], name] = key[1]
        rows: list[tuple[Row, Key, Area]] = []
        for row in self._book.rows.get(AREAS, ()):
            found = self._area(row)
            if found is None:
                self._unplaced.add(str(row.values["site"]).casefold())
                continue
            rows.append((row, *found))
            before = self._stands.areas.get(found[0])
            for name in before.doors if before else ():
                self._doors.pop((found[0][0], name), None)
        for row, key, area in rows:
            self._take_area(row, key, area)

    def _area(self, row: Row) -> tuple[Key, Area] | None:
        site_id = self._site(AREAS, row, Act.FACILITY_EDIT)
        zone = self._zone(AREAS, row)
        code = str(row.values["code"]).casefold()
        if site_id is None or zone is None or not self._once(AREAS, row.number, (site_id, code)):
            return None
        before = self._stands.areas.get((site_id, code))
        said = {
            name: row.values[name] for name in ("title", "floor", "blind") if name in row.values
        }
        if "doors" in row.values:
            said["doors"] = tuple(sorted(row.values["doors"]))
        area = replace(before or Area(code, zone), zone=zone, **said)
        if not self._problems(AREAS, row.number, register_places.check_area(area, self._placement)):
            return None
        return (site_id, code), area

    def _take_area(self, row: Row, key: Key, area: Area) -> None:
        for name in area.doors:
            holder = self._doors.setdefault((key[0], name), key[1])
            if holder != key[1]:
                self._fault(AREAS, row.number, "doors", "door_twice", value=name, area=holder)
                return
        before = self._stands.areas.get(key)
        said = ("zone", "title", "floor", "blind", "doors")
        name = f"{row.values['site']} {area.code}"
        if self._took(AREAS, row.number, name, before, area, said):
            self._work.areas[key] = area

    def cameras(self) -> None:
        named: set[Key] = set()
        rows = []
        for row in self._book.rows.get(CAMERAS, ()):
            site_id = self._site(CAMERAS, row, Act.CAMERA_EDIT)
            zone = self._zone(CAMERAS, row)
            name = str(row.values["name"]).casefold()
            if site_id and zone and self._once(CAMERAS, row.number, (site_id, name)):
                rows.append((row, site_id, name, zone))
                if "doors" in row.values:
                    named.add((site_id, name))
        for key, camera in self._stands.cameras.items():
            facts = self._stands.facts.get(camera.id)
            if facts is not None and key not in named:
                for door in facts.doors:
                    self._holders[key[0], door] = key[1]
        for row, site_id, name, zone in rows:
            self._camera(row, site_id, name, zone)

    def _camera(self, row: Row, site_id: str, name: str, zone: str) -> None:
        before = self._stands.cameras.get((site_id, name))
        was = _camera_draft(before) if before else None
        known = (self._stands.facts.get(before.id) if before else None) or Facts()
        said = {
            one: row.values[one]
            for one in ("title", "main_url", "sub_url", "user_name", "retention_days", *RECORDED)
            if one in row.values
        }
        for one, read in EMPTY.items():
            if one in said:
                said[one] = read(said[one])
        base = was or registry.Draft(name=name, title="", zone=zone, main_url="")
        draft = registry.with_credentials_apart(replace(base, zone=zone, **said))
        facts = self._facts(row, known)
        written = row.values.get("main_url", "")
        if draft.password is not None or (draft.user_name and "@" in written):
            self._fault(CAMERAS, row.number, "main_url", "url_with_password")
            return
        # One that a survey put down unmeasured has no address yet, and may stay so.
        unmeasured = was is not None and not was.main_url
        found = registry.check(draft, self._placement, address=not unmeasured)
        fine = self._problems(CAMERAS, row.number, found)
        if not (self._places_fit(row, site_id, name, draft, facts) and fine):
            return
        if before is not None and before.origin == "config" and draft != was:
            self._fault(CAMERAS, row.number, "", "camera_by_config")
            return
        columns = [one.field for one in sheets.COLUMNS[CAMERAS] if one.field != "site"]
        key = f"{row.values['site']} {name}"
        new = _Camera(draft, facts)
        if self._took(CAMERAS, row.number, key, _Camera(was, known) if was else None, new, columns):
            if before is None:
                self._work.added.append((site_id, draft))
            elif draft != was:
                self._work.edited.append((before.id, draft))
            if facts != known:
                self._work.facts[site_id, name] = facts

    def _facts(self, row: Row, known: Facts) -> Facts:
        said = {one: row.values[one] for one in DEVICE if one in row.values}
        if "area" in row.values:
            said["area"] = row.values["area"].casefold()
        if "doors" in row.values:
            said["doors"] = tuple(sorted(row.values["doors"]))
        return replace(known, **said)

    def _places_fit(
        self, row: Row, site_id: str, name: str, draft: registry.Draft, facts: Facts
    ) -> bool:
        """Whether the area and the doors that a camera sees are there."""
        if facts.area:
            area = self._work.areas.get((site_id, facts.area)) or self._stands.areas.get(
                (site_id, facts.area)
            )
            if area is None:
                self._missing(row, "area", "area_unknown")
                return False
            if area.zone != draft.zone:
                self._fault(CAMERAS, row.number, "area", "area_zone", zone=area.zone)
                return False
        for door in facts.doors:
            if (site_id, door) not in self._doors:
                self._missing(row, "doors", "door_unknown", value=door)
                return False
            holder = self._holders.setdefault((site_id, door), name)
            if holder != name:
                self._fault(CAMERAS, row.number, "doors", "door_camera", value=door, camera=holder)
                return False
        return True

    def _missing(self, row: Row, name: str, code: str, **values: Any) -> None:
        """A place that is not there; where rows of areas are at fault, those say so."""
        if str(row.values["site"]).casefold() not in self._unplaced:
            self._fault(CAMERAS, row.number, name, code, **values)

    def contacts(self) -> None:
        for row in self._book.rows.get(CONTACTS, ()):
            site_id = self._site(CONTACTS, row, Act.FACILITY_EDIT)
            try:
                kind = _choice(self._choices.contacts, row.values["kind"])
            except ValueError as error:
                self._fault(CONTACTS, row.number, "kind", str(error))
                continue
            if site_id is None or not self._once(CONTACTS, row.number, (site_id, kind)):
                continue
            before = self._stands.contacts.get((site_id, kind))
            said = {one: said for one, said in row.values.items() if one not in ("site", "kind")}
            contact = replace(before or register.Contact(kind, ""), **said)
            if not self._problems(CONTACTS, row.number, register.check_contact(contact)):
                continue
            key = f"{row.values['site']} {register.kinds().contacts[kind].vi}"
            if self._took(CONTACTS, row.number, key, before, contact, list(said)):
                self._work.contacts[site_id, kind] = contact


class _Camera:
    """A camera's draft and its facts, read as one row."""

    def __init__(self, draft: registry.Draft | None, facts: Facts) -> None:
        self._draft = draft
        self._facts = facts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts if name in Facts.__slots__ else self._draft, name)


def text_of(choices: Choices, name: str, value: Any) -> str:
    """A field as a cell says it."""
    if name == "unit_id":
        return choices.unit_text(value)
    if name == "owner_line":
        return line_words()[value].vi
    if name == "status":
        return register.kinds().statuses[value].vi
    return shown(value)


def _camera_draft(camera: registry.Camera) -> registry.Draft:
    return registry.Draft(
        name=camera.name, title=camera.title, zone=camera.zone, main_url=camera.main_url,
        sub_url=camera.sub_url, source=camera.source, transcode=camera.transcode,
        record_sub=camera.record_sub, audio=camera.audio, user_name=camera.user_name,
        retention_days=camera.retention_days,
    )  # fmt: skip


def _codes(book: Book) -> set[str]:
    codes = {str(row.values["name"]).casefold() for row in book.rows.get(FACILITIES, ())}
    for name in (AREAS, CAMERAS, CONTACTS):
        codes |= {str(row.values["site"]).casefold() for row in book.rows.get(name, ())}
    return codes


def _stands(connection: Connection, codes: set[str]) -> Stands:
    site = tables.site
    every: list[tuple[str, str]] = [
        (row.id, row.name) for row in connection.execute(sa.select(site.c.id, site.c.name))
    ]
    ids = [site_id for site_id, name in every if name in codes]
    only = ids if len(ids) <= FEW else None
    things = access.things_of_sites(connection)
    return Stands(
        facilities=register.facilities(connection, only),
        things=things,
        contacts=register.contacts(connection, only),
        areas=register_places.areas(connection, only),
        cameras={(one.site_id, one.name): one for one in registry.cameras_of(connection, only)},
        facts=register_places.facts(connection, only),
    )
