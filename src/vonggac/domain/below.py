"""Cameras of sites that keep their own register: followed by what their boxes say, in signed facts.

A hub above learns which cameras there are, where they hang and what they are called; their
addresses and passwords stay at the site, and nothing is ordered from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vonggac.db import tables
from vonggac.domain import audit, guide_values, legal, registry

if TYPE_CHECKING:
    from vonggac.db import Connection

TOLD_NS = 3_600_000_000_000
"""A camera that may not hang where it hangs is told at most once an hour: a box says it anew at
each start."""


@dataclass(frozen=True, slots=True)
class Told:
    """A camera as the hub of its own site describes it, in a signed fact."""

    name: str
    title: str
    zone: str
    in_service: bool = True


def follow(connection: Connection, site_id: str, told: Told, *, now_ns: int) -> None:
    """Bring a camera of a site that keeps its own register up to what the site says of it.

    Its address stays at the site. Who registered it here beforehand keeps its title and zone.
    What the placement rule forbids (a room, a toilet, a bath) is not in the register of this hub,
    whatever the site's own says: nobody here sees it.
    """
    table = tables.camera
    known = connection.execute(
        sa.select(table.c.id, table.c.origin, table.c.retired_ns).where(
            table.c.site_id == site_id, table.c.name == told.name
        )
    ).one_or_none()
    if not told.in_service:
        if known is not None and known.retired_ns is None:
            registry.take_out(connection, known.id, reason="", now_ns=now_ns)
        return
    if _is_refused(connection, site_id, told, now_ns):
        if known is not None and known.retired_ns is None:
            registry.take_out(connection, known.id, reason="placement", now_ns=now_ns)
        return
    said = {"title": told.title[: registry.TITLE_LIMIT], "zone": told.zone}
    if known is None:
        camera_id = registry.free_id(connection, told.name, site_id)
        connection.execute(
            table.insert().values(
                id=camera_id, site_id=site_id, name=told.name, main_url="", origin="config",
                revision=1, created_ns=now_ns, updated_ns=now_ns, **said,
            )
        )  # fmt: skip
    else:
        camera_id = known.id
        kept = {} if known.origin == "page" else said
        connection.execute(
            table.update()
            .where(table.c.id == camera_id)
            .values(retired_ns=None, updated_ns=now_ns, **kept)
        )
    if known is None or known.retired_ns is not None:
        connection.execute(
            tables.camera_service.insert().values(camera_id=camera_id, from_ns=now_ns, to_ns=None)
        )


def _is_refused(connection: Connection, site_id: str, told: Told, now_ns: int) -> bool:
    """Whether the rule forbids a camera where it is said to hang; a row an hour says so."""
    placement = guide_values.placement(connection, legal.day_of(now_ns))
    place = placement.refusal(told.zone, told.name.replace("-", " "), told.title)
    if place is None:
        return False
    before = audit.Filter(
        act=audit.Act.FACT_REFUSED, thing=told.name, sites=[site_id], from_ns=now_ns - TOLD_NS,
        limit=1,
    )  # fmt: skip
    if not audit.rows(connection, before):
        audit.record(
            connection, audit.PROGRAM, audit.Act.FACT_REFUSED, now_ns=now_ns, thing=told.name,
            site=site_id, outcome="refused",
            detail={"reason": place.refusal.en, "zone": told.zone, "rule": placement.rule},
        )  # fmt: skip
    return True
