"""The designated system (hệ thống được chỉ định), and what is connected to it.

The letters order that cameras be connected to a system that a ministry designates and operates.
The program sends nothing there and measures nothing there: that a camera is connected is what an
enterprise says and a named person enters, *doanh nghiệp xác nhận*.  It is counted apart from
`acceptance.connected` and never mixed with *hệ thống đo*.  Rows are only ever added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import designated as db
from vonggac.db import tables
from vonggac.domain import audit, legal, registry
from vonggac.domain.rules import Words
from vonggac.domain.tasks import MAX_LINE, refuse, text_faults
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

CONFIRMED: Final = Words("doanh nghiệp xác nhận", "confirmed by the enterprise")
"""What stands beside every connection of this module."""


@dataclass(frozen=True, slots=True)
class System:
    """The system that is designated from a day on."""

    id: str
    name: str
    operator: str
    document: str
    from_day: date
    said_ns: int
    said_by: str
    said_name: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What an enterprise says of a camera."""

    enterprise: str
    linked_day: date | None
    ident: str = ""
    method: str = ""
    linked: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """What was entered of a camera: who confirms it, what it is called there, since when."""

    id: str
    site_id: str
    camera_id: str
    system_id: str
    linked: bool
    enterprise: str
    ident: str
    method: str
    linked_day: date
    said_ns: int
    said_by: str
    said_name: str
    system: str
    """The system's name."""

    @property
    def said(self) -> Draft:
        """As it was entered."""
        return Draft(self.enterprise, self.linked_day, self.ident, self.method, self.linked)


@dataclass(frozen=True, slots=True)
class SiteLinks:
    """A facility's cameras, as enterprises confirm them."""

    cameras: int
    last: Mapping[str, Link]
    """What was said last, by camera."""
    count: int
    """How many are connected to the system that is designated now."""


# -- the system ------------------------------------------------------------------------------


def designate(
    connection: Connection,
    name: str,
    operator: str,
    document: str,
    from_day: date | None,
    *,
    by: Someone,
    now_ns: int,
) -> System:
    """Say which system is designated from a day on, who operates it and which document says so.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    said = {"name": name, "operator": operator, "document": document}
    faults: dict[str, str] = {}
    for field, text in said.items():
        faults |= text_faults(field, text, MAX_LINE)
    if from_day is None:
        faults["from_day"] = "no_day"
    refuse(faults)
    system_id = new_id()
    connection.execute(
        db.designated_system.insert().values(
            id=system_id, **{field: legal.plain(text) for field, text in said.items()},
            from_day=from_day, said_ns=now_ns, said_by=by.name, said_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.SYSTEM_DESIGNATED, now_ns=now_ns, thing=system_id,
        detail={"name": legal.plain(name), "operator": legal.plain(operator),
                "from": str(from_day)},
    )  # fmt: skip
    return next(one for one in systems(connection) if one.id == system_id)


def systems(connection: Connection) -> list[System]:
    """Every system that was ever designated, the one of the latest day first."""
    table = db.designated_system
    query = sa.select(*(table.c[name] for name in System.__dataclass_fields__))
    query = query.order_by(table.c.from_day.desc(), table.c.said_ns.desc(), table.c.id.desc())
    return [System(*row) for row in connection.execute(query).all()]


def on(connection: Connection, day: date) -> System | None:
    """The system that is designated on a day; of two from one day the one entered last."""
    return next((one for one in systems(connection) if one.from_day <= day), None)


# -- connections -----------------------------------------------------------------------------


def confirm(
    connection: Connection, camera_id: str, draft: Draft, *, by: Someone, today: date, now_ns: int
) -> Link:
    """Enter what an enterprise says of a camera; what was said before stays.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, no system was designated on
            that day (`detail["code"]`).
    """
    camera = registry.camera(connection, camera_id)
    refuse(draft_faults(draft, today))
    assert draft.linked_day is not None
    system = on(connection, draft.linked_day)
    if system is None:
        raise VonggacError(Kind.CONFLICT, "no system was designated then", code="no_system")
    link_id, said = new_id(), plain(draft)
    # Of two within one reading of the clock the second is the last word all the same.
    table = db.designated_link
    before = connection.execute(
        sa.select(sa.func.max(table.c.said_ns)).where(table.c.camera_id == camera.id)
    ).scalar()
    said_ns = max(now_ns, (before or 0) + 1)
    connection.execute(
        db.designated_link.insert().values(
            id=link_id, site_id=camera.site_id, camera_id=camera.id, system_id=system.id,
            linked=said.linked, enterprise=said.enterprise, ident=said.ident, method=said.method,
            linked_day=said.linked_day, said_ns=said_ns, said_by=by.name, said_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.DESIGNATED_LINK, now_ns=now_ns, thing=link_id,
        site=camera.site_id,
        detail={"camera": camera.id, "enterprise": said.enterprise, "linked": said.linked,
                "on": str(said.linked_day), "system": system.id},
    )  # fmt: skip
    return next(one for one in history(connection, [camera.site_id]) if one.id == link_id)


def draft_faults(draft: Draft, today: date) -> dict[str, str]:
    """What is wrong with what was entered, by field; what ended needs no name and no method."""
    faults = text_faults("enterprise", draft.enterprise, MAX_LINE)
    faults |= text_faults("ident", draft.ident, MAX_LINE, needed=draft.linked)
    faults |= text_faults("method", draft.method, MAX_LINE, needed=draft.linked)
    if draft.linked_day is None:
        faults["linked_day"] = "no_day"
    elif draft.linked_day > today:
        faults["linked_day"] = "in_future"
    return faults


def plain(draft: Draft) -> Draft:
    """A draft as it is kept: one line a text, no odd characters."""
    return replace(
        draft, enterprise=legal.plain(draft.enterprise), ident=legal.plain(draft.ident),
        method=legal.plain(draft.method),
    )  # fmt: skip


def history(connection: Connection, site_ids: Sequence[str]) -> list[Link]:
    """Everything that was said of cameras of these facilities, the latest first."""
    table, system = db.designated_link, db.designated_system
    names = [name for name in Link.__dataclass_fields__ if name != "system"]
    query = (
        sa.select(*(table.c[name] for name in names), system.c.name.label("system"))
        .join(system, system.c.id == table.c.system_id)
        .where(table.c.site_id.in_(list(site_ids)))
        .order_by(table.c.said_ns.desc(), table.c.id.desc())
    )
    return [Link(**dict(row._mapping)) for row in connection.execute(query).all()]


def last(every: Iterable[Link]) -> dict[str, Link]:
    """What was said last of each camera, of a history with the latest first."""
    found: dict[str, Link] = {}
    for one in every:
        found.setdefault(one.camera_id, one)
    return found


def of_sites(connection: Connection, site_ids: Sequence[str], today: date) -> dict[str, SiteLinks]:
    """How many cameras enterprises confirm; every facility that is asked for.

    A connection to a system that another one replaced is kept and does not count; a system that
    only got another operator or document keeps its name, and its connections count.
    """
    now = on(connection, today)
    said = last(history(connection, site_ids))
    camera = tables.camera
    rows = connection.execute(
        sa.select(camera.c.id, camera.c.site_id).where(
            camera.c.retired_ns.is_(None), camera.c.site_id.in_(list(site_ids))
        )
    ).all()
    here: dict[str, list[str]] = {site_id: [] for site_id in site_ids}
    for camera_id, site_id in rows:
        here[site_id].append(camera_id)
    return {site_id: _of_site(cameras, said, now) for site_id, cameras in here.items()}


def confirmed(connection: Connection, day: date) -> dict[str, int]:
    """How many cameras enterprises confirm, by facility: the count of `of_sites`, of all at once.

    Args:
        connection: a transaction.
        day: of which the designated system is asked; what was said since counts all the same.
    """
    now = on(connection, day)
    if now is None:
        return {}
    table, system, camera = db.designated_link, db.designated_system, tables.camera
    last_word = (
        sa.select(table.c.camera_id, sa.func.max(table.c.said_ns).label("said_ns"))
        .group_by(table.c.camera_id)
        .subquery()
    )
    rows = connection.execute(
        sa.select(camera.c.site_id, sa.func.count())
        .select_from(table)
        .join(last_word, sa.and_(last_word.c.camera_id == table.c.camera_id,
                                 last_word.c.said_ns == table.c.said_ns))
        .join(system, system.c.id == table.c.system_id)
        .join(camera, camera.c.id == table.c.camera_id)
        .where(table.c.linked, system.c.name == now.name, camera.c.retired_ns.is_(None))
        .group_by(camera.c.site_id)
    )  # fmt: skip
    return {site_id: int(count) for site_id, count in rows}


def _of_site(cameras: Sequence[str], said: Mapping[str, Link], now: System | None) -> SiteLinks:
    found = {one: said[one] for one in cameras if one in said}
    count = sum(counts(one, now) for one in found.values())
    return SiteLinks(len(cameras), found, count)


def counts(link: Link, now: System | None) -> bool:
    """Whether this says that a camera is connected to the system that is designated now."""
    return link.linked and now is not None and link.system == now.name


def as_json(link: Link) -> dict[str, Any]:
    """A connection as the API says it, with who says so."""
    return {
        "source": CONFIRMED.vi,
        "connected": link.linked,
        "system": {"id": link.system_id, "name": link.system},
        "enterprise": link.enterprise,
        "identifier": link.ident or None,
        "method": link.method or None,
        "day": link.linked_day.isoformat(),
    }
