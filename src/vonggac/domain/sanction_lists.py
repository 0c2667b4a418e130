"""Two lists that the software computes: facilities that do not install, and that do not supervise.

What is computed is no finding of an authority: each entry shows the figures that put it there, and
a person decides whether anything is proposed.  The thresholds stand in `rules/inspection.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from vonggac.db import among, register, tables
from vonggac.domain import continuity_sums, inspection_facts, inspections, legal
from vonggac.domain import inspection_rules as book

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.inspection_rules import ListCode
    from vonggac.domain.rules import Placement


@dataclass(frozen=True, slots=True)
class Entry:
    """A facility on a list, with what put it there."""

    site_id: str
    list: ListCode
    inputs: Mapping[str, Any]
    """Plain values, kept with a proposal as they were."""


def not_installing(
    connection: Connection, site_ids: Sequence[str], placement: Placement, *, now_ns: int
) -> list[Entry]:
    """Facilities that take people in and have a required place without any camera."""
    rule = book.lists()["not_installing"]
    begun = _since(connection, site_ids, now_ns, rule.days)
    required = [zone.code for zone in placement.zones if zone.required]
    table = tables.camera
    each = (sa.func.sum(sa.case((table.c.zone == code, 1), else_=0)) for code in required)
    counted = {
        site_id: (number, dict(zip(required, there, strict=True)))
        for site_id, number, *there in connection.execute(
            sa.select(table.c.site_id, sa.func.count(), *each)
            .where(among(table.c.site_id, begun), table.c.retired_ns.is_(None))
            .group_by(table.c.site_id)
        )
    }
    gone = register.zone_absence
    absent: dict[str, set[str]] = {}
    for site_id, zone in connection.execute(
        sa.select(gone.c.site_id, gone.c.zone).where(among(gone.c.site_id, begun))
    ):
        absent.setdefault(site_id, set()).add(zone)
    found = []
    for site_id in begun:
        number, there = counted.get(site_id, (0, {}))
        lacking = [
            code for code in required
            if not there.get(code) and code not in absent.get(site_id, set())
        ]  # fmt: skip
        if lacking:
            inputs = {
                "lacking": lacking, "required": len(required), "cameras": number,
                "days": begun[site_id], "as_of_ns": now_ns,
            }  # fmt: skip
            found.append(Entry(site_id, "not_installing", inputs))
    return found


def not_supervising(connection: Connection, site_ids: Sequence[str], *, now_ns: int) -> list[Entry]:
    """Facilities with cameras whose pictures nobody opens, or that do not record."""
    rule = book.lists()["not_supervising"]
    begun = _since(connection, site_ids, now_ns, rule.days)
    table = tables.camera
    cameras = {
        row[0]: row[1]
        for row in connection.execute(
            sa.select(table.c.site_id, sa.func.count())
            .where(among(table.c.site_id, begun), table.c.retired_ns.is_(None))
            .group_by(table.c.site_id)
        )
    }
    since = legal.start_of(legal.day_of(now_ns) - timedelta(days=rule.days))
    views = inspection_facts.views_of(connection, list(cameras), since, now_ns)
    recorded = continuity_sums.of_sites(connection, list(cameras), (since, now_ns))
    found = []
    for site_id, number in cameras.items():
        share, longest = inspection_facts.watched(views[site_id], since, now_ns)
        sums = recorded.get(site_id)
        kept = sums.hundredths if sums else None
        if (share or 0) >= rule.hundredths and (kept is None or kept >= rule.hundredths):
            continue
        inputs = {
            "watched": share or 0, "views": len(views[site_id]), "unwatched_ns": longest,
            "recorded": kept, "cameras": number, "since_ns": since, "as_of_ns": now_ns,
        }  # fmt: skip
        found.append(Entry(site_id, "not_supervising", inputs))
    return found


def every(
    connection: Connection, site_ids: Sequence[str], placement: Placement, *, now_ns: int
) -> list[Entry]:
    """Both lists."""
    return [
        *not_installing(connection, site_ids, placement, now_ns=now_ns),
        *not_supervising(connection, site_ids, now_ns=now_ns),
    ]


def said(
    list_code: str, inputs: Mapping[str, Any], language: Literal["vi", "en"]
) -> list[tuple[str, str]]:
    """The figures of an entry as people read them: code of a word, and value."""
    if list_code == "not_installing":
        return [
            ("lacking", ", ".join(inputs["lacking"])),
            ("cameras", str(inputs["cameras"])),
            ("days", str(inputs["days"])),
        ]
    return [
        ("watched", inspection_facts.percent(inputs["watched"], language)),
        ("views", str(inputs["views"])),
        ("unwatched", inspection_facts.length(inputs["unwatched_ns"], language)),
        ("recorded", inspection_facts.percent(inputs["recorded"], language)),
        ("cameras", str(inputs["cameras"])),
    ]


def _since(
    connection: Connection, site_ids: Sequence[str], now_ns: int, days: int
) -> dict[str, int]:
    """Facilities that have taken people in for at least so many days, with the number of days."""
    today = legal.day_of(now_ns)
    begun = inspections.in_service(connection, site_ids)
    return {
        one: (today - since).days for one, since in begun.items() if (today - since).days >= days
    }
