"""Connection plans as they are kept: made from what is found, edited by people, agreed by parties.

Who may do it is `access.may`'s to say.  An edit after a party agreed takes all agreements back,
since they were to something else; when the last party agreed nothing of the plan changes any more.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import among, register, tables
from vonggac.db import estimate as db
from vonggac.domain import (
    audit,
    costs,
    coverage,
    guide,
    guide_values,
    ledger,
    legal,
    plan,
    registry,
)
from vonggac.domain.estimate import LINES_MOST, QUANTITY_MOST
from vonggac.domain.units import is_secret
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.costs import How
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Placement

MONTHS_MOST: Final = 60
"""Months that a line or a lease is reckoned for at most (ours)."""
TEXT_MOST: Final = 300
TITLE_MOST: Final = 200
UNIT_MOST: Final = 40
MEASURED_NS: Final = 7 * 86_400 * NS
"""Pages of so long a time say what cameras send (ours)."""
LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan without its bill."""

    id: str
    site_id: str
    how: How
    months: int
    facts: Mapping[str, Any]
    made_ns: int
    made_by: str
    made_name: str
    agreed_ns: int | None

    @property
    def is_agreed(self) -> bool:
        """Whether every party agreed: nothing of it changes any more."""
        return self.agreed_ns is not None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bill of quantities."""

    id: str
    at: int
    kind: str
    zone: str
    title: str
    unit: str
    quantity: int
    computed: int | None
    basis: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person changed."""

    line_id: str
    title: str
    before: int | None
    after: int
    why: str
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """That a party agreed."""

    id: str
    party: str
    person: str
    document: str
    agreed_date: date
    made_ns: int
    made_by: str
    made_name: str
    void_ns: int | None

    @property
    def stands(self) -> bool:
        """Whether the plan is still what the party agreed to."""
        return self.void_ns is None


# -- what is found ---------------------------------------------------------------------------


def found(connection: Connection, site_id: str, placement: Placement, *, now_ns: int) -> plan.Found:
    """What the register and the ledger know of a facility now.

    Raises:
        VonggacError: NOT_FOUND, no such site.
    """
    site = registry.site(connection, site_id)
    if site is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such site")
    now = coverage.standing(connection, site_id)
    working: dict[str, int] = {}
    silent: dict[str, int] = {}
    for camera in now.cameras:
        count = silent if camera.id in now.silent else working
        count[camera.zone] = count.get(camera.zone, 0) + 1
    profile = connection.execute(
        sa.select(register.facility.c.rooms, register.facility.c.floors).where(
            register.facility.c.site_id == site_id
        )
    ).one_or_none()
    kbit, measured = _measured(connection, site_id, now_ns)
    return plan.Found(
        zones=tuple(zone.code for zone in placement.zones if zone.required),
        working=working,
        silent=silent,
        absent=frozenset(now.absences),
        places=_places(now),
        rooms=profile.rooms if profile else None,
        floors=profile.floors if profile else None,
        has_box=ledger.site_state(connection, site_id) is not None,
        has_line=_has_line(connection, site_id),
        measured_kbit=kbit,
        measured_cameras=measured,
        days=site.retention_days,
    )  # fmt: skip


def _places(now: coverage.Standing) -> tuple[plan.Place, ...]:
    """Areas with their doors, and the cameras that look there and are not known to be silent."""
    return tuple(
        plan.Place(
            one.zone, one.floor, one.title or one.code, len(one.doors),
            len(now.looking.get(one.code, frozenset()) - now.silent),
        )
        for one in sorted(now.areas, key=lambda area: area.code)
    )  # fmt: skip


def _has_line(connection: Connection, site_id: str) -> bool:
    contact = register.contact
    row = connection.execute(
        sa.select(contact.c.subscriber).where(
            contact.c.site_id == site_id, contact.c.kind == "line"
        )
    ).first()
    return row is not None and bool(row.subscriber)


def _measured(connection: Connection, site_id: str, now_ns: int) -> tuple[int | None, int]:
    """Mean rate of a site's main streams in the last week, and of how many cameras."""
    page = tables.page
    rows = connection.execute(
        sa.select(page.c.camera, sa.func.sum(page.c.bytes), sa.func.sum(page.c.recorded_ns))
        .where(
            page.c.site_id == site_id,
            page.c.stream == "main",
            page.c.from_ns >= now_ns - MEASURED_NS,
        )
        .group_by(page.c.camera)
    ).all()
    rates = [plan.mean_kbit([(int(row[1] or 0), int(row[2] or 0))]) for row in rows]
    known = [rate for rate in rates if rate]
    return (sum(known) // len(known) if known else None), len(known)


# -- making and editing ----------------------------------------------------------------------


def make(
    connection: Connection,
    site_id: str,
    *,
    how: str,
    months: int,
    placement: Placement,
    by: Someone,
    now_ns: int,
) -> Plan:
    """Make a plan from what is found now; a writing transaction.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`.
    """
    faults = {}
    if how not in costs.HOWS:
        faults["how"] = "required"
    if not 1 <= months <= MONTHS_MOST:
        faults["months"] = "bad_number"
    _refuse(faults)
    known = found(connection, site_id, placement, now_ns=now_ns)
    today = legal.day_of(now_ns)
    norms = guide_values.norms(connection, today)
    lacking = plan.lacks(known, norms)
    plan_id = new_id()
    facts = {
        "rule": placement.rule,
        "lacks": [
            {"zone": lack.zone, "cameras": lack.cameras, "silent": lack.silent, "why": lack.why,
             "places": list(lack.places)}
            for lack in lacking
        ],
        "absent": sorted(known.absent), "cameras": sum(known.working.values()),
        "silent": sum(known.silent.values()), "rooms": known.rooms, "floors": known.floors,
        "kbit": known.measured_kbit, "measured": known.measured_cameras, "days": known.days,
        "doors": norms.doors_per_camera,
        "doors_source": asdict(guide.rule(connection, "doors_per_camera", today).source),
        "rule_source": asdict(placement.name),
    }  # fmt: skip
    connection.execute(
        db.connection_plan.insert().values(
            id=plan_id, site_id=site_id, how=how, months=months, facts=facts, made_ns=now_ns,
            made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    for at, item in enumerate(plan.reckon(known, norms), start=1):
        connection.execute(
            db.plan_line.insert().values(
                id=new_id(), connection_plan_id=plan_id, at=at, kind=item.kind, zone=item.zone,
                quantity=item.quantity, computed=item.quantity, basis=dict(item.basis),
            )
        )  # fmt: skip
    made = find(connection, plan_id)
    _audit(connection, made, audit.Act.SCHEME_MADE, by, now_ns, lacks=len(lacking))
    return made


def edit_line(
    connection: Connection,
    plan_id: str,
    line_id: str,
    *,
    quantity: int,
    why: str,
    by: Someone,
    now_ns: int,
) -> None:
    """Say how many; 0 strikes the line out. Nothing happens when it stands so already.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the plan is agreed; BAD_INPUT with `fields`.
    """
    it = _open(connection, plan_id)
    line = next((one for one in lines(connection, plan_id) if one.id == line_id), None)
    if line is None:
        raise VonggacError(Kind.NOT_FOUND, "this plan has no such line")
    faults = text_faults("why", why, TEXT_MOST)
    if not 0 <= quantity <= QUANTITY_MOST:
        faults["quantity"] = "bad_number"
    _refuse(faults)
    if quantity == line.quantity:
        return
    connection.execute(
        db.plan_line.update().where(db.plan_line.c.id == line_id).values(quantity=quantity)
    )
    _edited(connection, it, line, line.quantity, quantity, legal.plain(why), by, now_ns)


def add_line(
    connection: Connection,
    plan_id: str,
    *,
    kind: str,
    title: str,
    unit: str,
    quantity: int,
    why: str,
    by: Someone,
    now_ns: int,
) -> Line:
    """Add what the program did not think of.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the plan is agreed; TOO_MANY; BAD_INPUT with `fields`.
    """
    it = _open(connection, plan_id)
    stands = lines(connection, plan_id)
    if len(stands) >= LINES_MOST:
        raise VonggacError(Kind.TOO_MANY, f"a plan has at most {LINES_MOST} lines", code="too_many")
    faults = text_faults("title", title, TITLE_MOST) | text_faults("unit", unit, UNIT_MOST)
    faults |= text_faults("why", why, TEXT_MOST)
    if not 1 <= quantity <= QUANTITY_MOST:
        faults["quantity"] = "bad_number"
    if kind not in (*costs.KINDS, costs.OTHER):
        faults["kind"] = "required"
    _refuse(faults)
    line_id = new_id()
    connection.execute(
        db.plan_line.insert().values(
            id=line_id, connection_plan_id=plan_id, at=max((one.at for one in stands), default=0)
            + 1, kind=kind, title=legal.plain(title), unit=legal.plain(unit), quantity=quantity,
            basis={"why": "person"},
        )
    )  # fmt: skip
    made = next(one for one in lines(connection, plan_id) if one.id == line_id)
    _edited(connection, it, made, None, quantity, legal.plain(why), by, now_ns)
    return made


def _edited(
    connection: Connection,
    it: Plan,
    line: Line,
    before: int | None,
    after: int,
    why: str,
    by: Someone,
    now_ns: int,
) -> None:
    connection.execute(
        db.plan_edit.insert().values(
            connection_plan_id=it.id, line_id=line.id, title=line.title or line.kind,
            before=before, after=after, why=why, made_ns=now_ns, made_by=by.name,
            made_name=by.full_name,
        )
    )  # fmt: skip
    table = db.plan_agreement
    connection.execute(
        table.update()
        .where(table.c.connection_plan_id == it.id, table.c.void_ns.is_(None))
        .values(void_ns=now_ns)
    )
    _audit(connection, it, audit.Act.SCHEME_EDITED, by, now_ns, line=line.at, after=after)


def agree(
    connection: Connection,
    plan_id: str,
    *,
    party: str,
    person: str,
    document: str,
    agreed_date: date,
    line: str,
    today: date,
    by: Someone,
    now_ns: int,
) -> Plan:
    """Enter that a party agreed to the plan as it stands.

    Args:
        connection: a writing transaction.
        plan_id: which.
        party: of those that the owning line asks for.
        person: who agreed for it: name and position.
        document: number of the paper; may be empty.
        agreed_date: the day, not before the plan and not in the future.
        line: the facility's owning line.
        today: in the site's time.
        by: who enters it.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the plan is agreed, or the party did; BAD_INPUT with
            `fields`.
    """
    it = _open(connection, plan_id)
    asked = {one.code for one in costs.parties_of(line)}
    faults = text_faults("person", person, TEXT_MOST)
    if document.strip():
        faults |= text_faults("document", document, TITLE_MOST)
    if party not in asked:
        faults["party"] = "required"
    if agreed_date > today:
        faults["agreed"] = "in_the_future"
    elif agreed_date < legal.day_of(it.made_ns):
        faults["agreed"] = "before_the_last"
    _refuse(faults)
    standing = {one.party for one in agreements(connection, plan_id) if one.stands}
    if party in standing:
        raise VonggacError(Kind.CONFLICT, "this party agreed already", code="agreed_already")
    if not any(one.quantity for one in lines(connection, plan_id)):
        raise VonggacError(Kind.CONFLICT, "a plan of nothing is not agreed", code="empty")
    connection.execute(
        db.plan_agreement.insert().values(
            id=new_id(), connection_plan_id=plan_id, party=party, person=legal.plain(person),
            document=legal.plain(document), agreed_date=agreed_date, made_ns=now_ns,
            made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    if standing | {party} == asked:
        table = db.connection_plan
        connection.execute(table.update().where(table.c.id == plan_id).values(agreed_ns=now_ns))
    _audit(connection, it, audit.Act.SCHEME_AGREED, by, now_ns, party=party)
    return find(connection, plan_id)


def text_faults(field: str, text: str, most: int) -> dict[str, str]:
    """What is wrong with a text that must be there."""
    plain = legal.plain(text)
    if not plain:
        return {field: "required"}
    if len(plain) > most:
        return {field: "too_long"}
    return {field: "secret_mark"} if is_secret(plain) else {}


def _refuse(faults: Mapping[str, str]) -> None:
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=dict(faults))


def _open(connection: Connection, plan_id: str) -> Plan:
    it = find(connection, plan_id)
    if it.is_agreed:
        raise VonggacError(Kind.CONFLICT, "this plan is agreed; make another", code="plan_agreed")
    return it


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, plan_id: str) -> Plan:
    """One plan.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(
        _every(db.connection_plan, Plan).where(db.connection_plan.c.id == plan_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such plan")
    return Plan(*row)


def listed(connection: Connection, site_ids: Sequence[str]) -> list[Plan]:
    """Plans of these sites, the newest first."""
    table = db.connection_plan
    rows = connection.execute(
        _every(table, Plan).where(among(table.c.site_id, site_ids))
        .order_by(table.c.made_ns.desc(), table.c.id).limit(LISTED)
    )  # fmt: skip
    return [Plan(*row) for row in rows]


def last(
    connection: Connection, site_ids: Sequence[str], *, offset: int, most: int
) -> tuple[list[Plan], int]:
    """The last plan of each of these sites that has one, the newest first; how many there are."""
    table = db.connection_plan
    later = table.alias("later")
    newer = sa.exists().where(
        later.c.site_id == table.c.site_id,
        sa.or_(
            later.c.made_ns > table.c.made_ns,
            sa.and_(later.c.made_ns == table.c.made_ns, later.c.id < table.c.id),
        ),
    )
    conditions = among(table.c.site_id, site_ids), ~newer
    rows = connection.execute(
        _every(table, Plan).where(*conditions)
        .order_by(table.c.made_ns.desc(), table.c.id).offset(offset).limit(most)
    )  # fmt: skip
    count = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return [Plan(*row) for row in rows], connection.execute(count).scalar_one()


def lines(connection: Connection, plan_id: str) -> list[Line]:
    """The bill of quantities, in its order."""
    table = db.plan_line
    rows = connection.execute(
        _every(table, Line).where(table.c.connection_plan_id == plan_id).order_by(table.c.at)
    )
    return [Line(*row) for row in rows]


def edits(connection: Connection, plan_id: str) -> list[Edit]:
    """What people changed, the latest first."""
    table = db.plan_edit
    rows = connection.execute(
        _every(table, Edit).where(table.c.connection_plan_id == plan_id)
        .order_by(table.c.id.desc()).limit(LISTED)
    )  # fmt: skip
    return [Edit(*row) for row in rows]


def agreements(connection: Connection, plan_id: str) -> list[Agreement]:
    """Who agreed, in order; those that an edit took back too."""
    table = db.plan_agreement
    rows = connection.execute(
        _every(table, Agreement).where(table.c.connection_plan_id == plan_id)
        .order_by(table.c.made_ns, table.c.id)
    )  # fmt: skip
    return [Agreement(*row) for row in rows]


def _every(table: sa.Table, of: type[Any]) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in of.__dataclass_fields__))


def _audit(
    connection: Connection, it: Plan, act: audit.Act, by: Someone, now_ns: int, **detail: Any
) -> None:
    audit.record(
        connection, by.actor, act, now_ns=now_ns, thing=it.id, site=it.site_id, detail=detail
    )
