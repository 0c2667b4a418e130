"""May this person do this to that, now, and why: the one answer, used by pages, API and grants.

`may` is a function of values and denies by default.  A person holds roles; a role is held over a
scope (a subtree of units, narrowed to an owning line or to named sites) from a moment until a
moment.  Pictures, plans and coordinates of military sites are opened by no role but one that is
held over the military line; everybody else sees name and counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, once, tables
from vonggac.domain.duties import Act, Duty, Line, duties
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MILITARY_OPEN",
    "NOBODY",
    "SYSTEM",
    "UNASSIGNED",
    "Act",
    "Held",
    "Line",
    "Person",
    "Thing",
    "Verdict",
    "allowed",
    "may",
    "may_somewhere",
    "person_of",
    "sites_for",
    "thing_of_account",
    "thing_of_camera",
    "thing_of_site",
    "thing_of_unit",
    "things_of_cameras",
    "things_of_sites",
]

MILITARY_OPEN: Final = frozenset((Act.FACILITY_SEE, Act.REPORT_SEE))
"""What a role that is not held over the military line may do with a military site: its name, and
counts of what is there."""

SHARED: Final = "shared"
"""What stands for a role, and for the purpose, where cameras were shared with a body."""

SHARED_ACTS: Final = frozenset((Act.FACILITY_SEE, Act.LIVE_VIEW))
"""What a share opens: pictures of now, of the named cameras, and nothing recorded."""

UNASSIGNED: Final = "unassigned"
"""The unit of sites that nobody assigned yet; only roles over everything reach it."""

DEPTH: Final = 12
"""Ancestors that are followed at most; the deepest tree of the rules has five."""

Why = Literal[
    "not_signed_in", "no_role", "not_in_time", "outside_scope", "military_line", "wrong_purpose",
    "narrowed", "own", "role",
]  # fmt: skip
"""Codes of the pages' words."""


@dataclass(frozen=True, slots=True)
class Held:
    """A role that a person holds, with its scope and its time."""

    role: str
    acts: frozenset[Act]
    unit: str | None = None
    """Root of the subtree; None is everything."""
    line: Line | None = None
    """Owning line; None is all of them."""
    sites: frozenset[str] = frozenset()
    """Named sites; empty is all of them."""
    from_ns: int = 0
    to_ns: int | None = None
    purposes: frozenset[str] = frozenset()
    """Pictures are seen for these purposes only; empty is any."""
    body: str | None = None
    """The unit on whose behalf it is held."""
    cameras: frozenset[str] = frozenset()
    """Named cameras of its site, of a share; empty is all of them."""

    def lasts(self, now_ns: int) -> bool:
        """Whether it is held at this moment."""
        return self.from_ns <= now_ns and (self.to_ns is None or now_ns < self.to_ns)

    @property
    def over_everything(self) -> bool:
        """Whether nothing narrows it."""
        return self.unit is None and self.line is None and not self.sites


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: an account with the roles that it ever held and may hold."""

    account_id: str
    name: str
    held: tuple[Held, ...] = ()
    only: frozenset[Act] | None = None
    """A token or a display that may do less than its account; None narrows nothing."""


NOBODY: Final = Person("", "")
"""Whoever has not signed in."""


@dataclass(frozen=True, slots=True)
class Thing:
    """What something is done to."""

    kind: Literal["site", "unit", "system", "account"]
    id: str = ""
    path: tuple[str, ...] = ()
    """Ids of its unit and all units above, root first."""
    line: Line | None = None
    """Its owning line; of a unit: the line that is meant, None for all of them."""
    camera: str = ""
    """The one camera of the site that is meant, by its id; empty is the site as a whole."""


SYSTEM: Final = Thing("system")
"""The hub itself: only roles over everything reach it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether, and why."""

    allowed: bool
    why: Why
    by: Held | None = None
    """The role by which it is allowed."""

    def __bool__(self) -> bool:
        return self.allowed


_FURTHER: Final[Sequence[Why]] = (
    "no_role", "not_in_time", "outside_scope", "military_line", "wrong_purpose"
)  # fmt: skip
"""Refusals by how near the person came; the nearest is what they are told."""


def may(
    person: Person, act: Act, thing: Thing, *, now_ns: int, purpose: str | None = None
) -> Verdict:
    """Whether a person may do this to that, now.

    Args:
        person: from `person_of`.
        act: what.
        thing: to what.
        now_ns: UTC now.
        purpose: why pictures are seen, as a code; None where the act has none.
    """
    if not person.account_id:
        return Verdict(False, "not_signed_in")
    if person.only is not None and act not in person.only:
        return Verdict(False, "narrowed")
    if act is Act.OWN_ACCOUNT:
        is_own = thing.kind == "account" and thing.id == person.account_id
        return Verdict(is_own, "own" if is_own else "outside_scope")
    nearest: Why = "no_role"
    for held in person.held:
        refused = _refusal(held, act, thing, now_ns, purpose)
        if refused is None:
            return Verdict(True, "role", held)
        if _FURTHER.index(refused) > _FURTHER.index(nearest):
            nearest = refused
    return Verdict(False, nearest)


def may_somewhere(person: Person, act: Act, *, now_ns: int) -> Verdict:
    """Whether a person may do this to anything at all: for lists and for links to them."""
    if not person.account_id:
        return Verdict(False, "not_signed_in")
    if person.only is not None and act not in person.only:
        return Verdict(False, "narrowed")
    if act is Act.OWN_ACCOUNT:
        return Verdict(True, "own")
    having = [held for held in person.held if act in held.acts]
    lasting = next((held for held in having if held.lasts(now_ns)), None)
    if lasting is not None:
        return Verdict(True, "role", lasting)
    return Verdict(False, "not_in_time" if having else "no_role")


def _refusal(held: Held, act: Act, thing: Thing, now_ns: int, purpose: str | None) -> Why | None:
    if act not in held.acts:
        return "no_role"
    if not held.lasts(now_ns):
        return "not_in_time"
    if not _reaches(held, thing):
        return "outside_scope"
    if thing.line == "military" and held.line != "military" and act not in MILITARY_OPEN:
        return "military_line"
    if held.purposes and purpose is not None and purpose not in held.purposes:
        return "wrong_purpose"
    return None


def _reaches(held: Held, thing: Thing) -> bool:
    if thing.kind in ("system", "account"):
        return held.over_everything
    if held.cameras and thing.camera not in held.cameras:
        return False
    if held.unit is not None and held.unit not in thing.path:
        return False
    if held.line is not None and held.line != thing.line:
        return False
    return not held.sites or (thing.kind == "site" and thing.id in held.sites)


# -- what the database knows -----------------------------------------------------------------


def person_of(connection: Connection, account_id: str, now_ns: int) -> Person:
    """An account with its roles; without any when it is disabled or unknown.

    A role that the rules no longer have on this day gives nothing.
    """
    name = connection.execute(
        sa.select(tables.account.c.name).where(
            tables.account.c.id == account_id, tables.account.c.disabled_ns.is_(None)
        )
    ).scalar_one_or_none()
    if name is None:
        return NOBODY
    table = tables.role_held
    rows = connection.execute(
        sa.select(
            table.c.role,
            table.c.unit_id,
            table.c.line,
            table.c.sites,
            table.c.from_ns,
            table.c.to_ns,
            table.c.body_id,
        )
        .where(table.c.account_id == account_id)
        .order_by(table.c.from_ns, table.c.id)
    ).all()
    known = duties(datetime.fromtimestamp(now_ns // NS, UTC).date())
    held: tuple[Held, ...] = tuple(
        _held(known[row.role], row.unit_id, row.line, row.sites, (row.from_ns, row.to_ns),
              row.body_id)
        for row in rows
        if row.role in known
    )  # fmt: skip
    bodies = {one.body for one in held if one.body is not None and one.lasts(now_ns)}
    return Person(account_id, name, held + _shared(connection, bodies))


def _shared(connection: Connection, bodies: set[str]) -> tuple[Held, ...]:
    """What was shared with these bodies, as roles over the named cameras alone."""
    if not bodies:
        return ()
    table = tables.camera_share
    rows = connection.execute(
        sa.select(
            table.c.site_id,
            table.c.cameras,
            table.c.from_ns,
            table.c.to_ns,
            table.c.body_id,
            tables.site.c.owner_line,
        )
        .join(tables.site, tables.site.c.id == table.c.site_id)
        .where(table.c.body_id.in_(sorted(bodies)))
        .order_by(table.c.from_ns, table.c.id)
    ).all()
    return tuple(
        Held(
            role=SHARED,
            acts=SHARED_ACTS,
            line=row.owner_line,
            sites=frozenset((row.site_id,)),
            from_ns=row.from_ns,
            to_ns=row.to_ns,
            purposes=frozenset((SHARED,)),
            body=row.body_id,
            cameras=frozenset(row.cameras),
        )
        for row in rows
        if row.cameras
    )


def _held(
    duty: Duty,
    unit: str | None,
    line: Line | None,
    sites: Sequence[str],
    time: tuple[int, int | None],
    body: str | None,
) -> Held:
    return Held(
        role=duty.code,
        acts=duty.acts,
        unit=unit,
        line=line,
        sites=frozenset(sites),
        from_ns=time[0],
        to_ns=time[1],
        purposes=duty.purposes,
        body=body,
    )


def thing_of_site(connection: Connection, site_id: str) -> Thing:
    """A site with its line and the units above it.

    Raises:
        VonggacError: NOT_FOUND, there is none.
    """
    row = connection.execute(
        sa.select(tables.site.c.unit_id, tables.site.c.owner_line).where(
            tables.site.c.id == site_id
        )
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such site")
    return Thing("site", site_id, _paths(connection, [row.unit_id])[row.unit_id], row.owner_line)


def thing_of_camera(connection: Connection, camera_id: str) -> Thing:
    """The site where a camera is, or was before it was retired.

    Raises:
        VonggacError: NOT_FOUND, there is no such camera.
    """
    site_id = connection.execute(
        sa.select(tables.camera.c.site_id).where(tables.camera.c.id == camera_id)
    ).scalar_one_or_none()
    if site_id is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
    return replace(thing_of_site(connection, site_id), camera=camera_id)


def things_of_cameras(connection: Connection, camera_ids: Sequence[str]) -> dict[str, Thing]:
    """`thing_of_camera` of many, asked for together; without those that there are not."""
    table = tables.camera
    rows = connection.execute(
        sa.select(table.c.id, table.c.site_id).where(table.c.id.in_(camera_ids))
    ).all()
    there = {one: thing_of_site(connection, one) for one in {row.site_id for row in rows}}
    return {row.id: replace(there[row.site_id], camera=row.id) for row in rows}


def thing_of_unit(connection: Connection, unit_id: str, line: Line | None = None) -> Thing:
    """A unit with the units above it.

    Args:
        connection: a transaction.
        unit_id: which.
        line: the owning line that is meant; None for all of them.

    Raises:
        VonggacError: NOT_FOUND, there is none.
    """
    path = _paths(connection, [unit_id])[unit_id]
    if not path:
        raise VonggacError(Kind.NOT_FOUND, "there is no such unit")
    return Thing("unit", unit_id, path, line)


def thing_of_account(account_id: str) -> Thing:
    """An account: its owner's own, or reached by roles over everything."""
    return Thing("account", account_id)


def things_of_sites(connection: Connection) -> dict[str, Thing]:
    """`thing_of_site` of every site, by id in the order of their names."""
    return dict(once(connection, _things))


def _things(connection: Connection) -> dict[str, Thing]:
    rows, paths = once(connection, _every_site)
    return {
        site_id: Thing("site", site_id, paths[unit_id], line) for site_id, unit_id, line in rows
    }


def sites_for(connection: Connection, person: Person, act: Act, now_ns: int) -> list[str]:
    """Ids of the sites where a person may do this, by name: what lists show."""
    if not may_somewhere(person, act, now_ns=now_ns):
        return []
    return list(once(connection, _reached, person, act, now_ns))


def _reached(connection: Connection, person: Person, act: Act, now_ns: int) -> list[str]:
    if _by_site(person):
        return allowed(person, act, things_of_sites(connection), now_ns=now_ns)
    kinds, paths = once(connection, _kinds)
    reached = {
        kind
        for kind in set(kinds.values())
        if may(person, act, Thing("site", "", paths[kind[0]], kind[1]), now_ns=now_ns)
    }
    return [site_id for site_id, kind in kinds.items() if kind in reached]


def _kinds(
    connection: Connection,
) -> tuple[Mapping[str, tuple[str, Line]], Mapping[str, tuple[str, ...]]]:
    """Unit and line of every site, by its id in the order of names; and the units above each."""
    rows, paths = once(connection, _every_site)
    return {site_id: (unit_id, line) for site_id, unit_id, line in rows}, paths


def _every_site(
    connection: Connection,
) -> tuple[Sequence[sa.Row[str, str, Line]], Mapping[str, tuple[str, ...]]]:
    """Id, unit and line of every site, by name; and the units above each of these units."""
    table = tables.site
    rows = connection.execute(
        sa.select(table.c.id, table.c.unit_id, table.c.owner_line).order_by(table.c.name)
    ).all()
    return rows, _paths(connection, {unit_id for _, unit_id, _ in rows})


def _by_site(person: Person) -> bool:
    """Whether a role names sites: else those of one unit and one line have one answer."""
    return any(held.sites or held.cameras for held in person.held)


def allowed(person: Person, act: Act, things: Mapping[str, Thing], *, now_ns: int) -> list[str]:
    """Ids of those of these sites where a person may do this, in their order.

    Sites of one unit and one line have one answer, unless a role names sites: thousands of sites
    are asked about as often as there are units.
    """
    by_site = _by_site(person)
    known: dict[object, bool] = {}
    found = []
    for site_id, thing in things.items():
        key = site_id if by_site else (thing.path, thing.line)
        if key not in known:
            known[key] = may(person, act, thing, now_ns=now_ns).allowed
        if known[key]:
            found.append(site_id)
    return found


def _paths(
    connection: Connection, unit_ids: Sequence[str] | set[str]
) -> Mapping[str, tuple[str, ...]]:
    """The units above each unit and itself, root first; empty for one that there is not."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(unit_ids, ())
    for of, unit_id in connection.execute(_above(), {"units": list(unit_ids)}).all():
        found[of] = (*found[of], unit_id)
    return found


@cache
def _above() -> sa.Select[str, str]:
    """Units with each unit above them. Every request asks it: it is put together once."""
    table = tables.unit
    start = sa.select(
        table.c.id.label("of"), table.c.id, table.c.parent_id, sa.literal(0).label("height")
    ).where(table.c.id.in_(sa.bindparam("units", expanding=True)))
    above = start.cte("above", recursive=True)
    upper = table.alias("upper")
    above = above.union_all(
        sa.select(above.c.of, upper.c.id, upper.c.parent_id, above.c.height + 1)
        .join(upper, upper.c.id == above.c.parent_id)
        .where(above.c.height < DEPTH)
    )
    return sa.select(above.c.of, above.c.id).order_by(above.c.of, above.c.height.desc())
