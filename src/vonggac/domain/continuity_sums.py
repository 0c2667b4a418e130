"""Continuity of facilities over a span, summed by the database: the one figure that is reported.

Reports, inspections, findings and the computed lists read it here, so that the same facility over
the same span is never said to have two.  What a page draws of one camera's time are the pieces of
`vonggac.domain.continuity`; a test holds both against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.causes import Cause
from vonggac.db import tables
from vonggac.domain import ledger
from vonggac.domain.continuity import cut_hundredths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.continuity import Interval

FEW: Final = 400
"""Facilities up to which the database is told their ids; of more it sums all, and we choose."""
FOREVER: Final = 2**62
"""Later than any moment: where a row that is still open ends."""
REACHED: Final = frozenset(Cause) - {
    Cause.UNREACHABLE, Cause.EDGE_OFF, Cause.POWER_LOST, Cause.MAINTENANCE, Cause.NOT_IN_SERVICE,
}  # fmt: skip
"""Causes of missing recordings during which the camera itself answered (ours)."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Camera time of a facility's main streams, in nanoseconds; what is unknown counts nowhere."""

    recorded_ns: int = 0
    by_cause: Mapping[Cause, int] = field(default_factory=dict)
    """Missing time; without what was not in service."""

    @property
    def missing_ns(self) -> int:
        """Not recorded, for whatever cause."""
        return sum(self.by_cause.values())

    @property
    def known_ns(self) -> int:
        """What the percentage is of."""
        return self.recorded_ns + self.missing_ns

    @property
    def linked_ns(self) -> int:
        """In which the camera could be reached: recorded, or missing for another cause."""
        return self.recorded_ns + sum(ns for one, ns in self.by_cause.items() if one in REACHED)

    @property
    def hundredths(self) -> int | None:
        """Per cent recorded of what is known, times 100 and cut; None when nothing is known."""
        return cut_hundredths(self.recorded_ns, self.known_ns)


def of_sites(connection: Connection, site_ids: Sequence[str], window: Interval) -> dict[str, Sums]:
    """Recorded and missing time of the main streams, clipped to the window.

    Args:
        connection: a transaction.
        site_ids: which; of more than `FEW` others are summed as well.
        window: from and until, the end not after now.
    """
    if window[1] <= window[0]:
        return {}
    recorded = _recorded(connection, site_ids, window)
    for site_id, _, total in _open(connection, site_ids, window, tables.span, "recording"):
        recorded[site_id] = recorded.get(site_id, 0) + total
    missing = _missing(connection, site_ids, window)
    for site_id, said, total in _open(connection, site_ids, window, tables.gap, "gap"):
        if said and said != Cause.NOT_IN_SERVICE.value:
            here = missing.setdefault(site_id, {})
            here[Cause(said)] = here.get(Cause(said), 0) + total
    return {
        site_id: Sums(recorded.get(site_id, 0), missing.get(site_id, {}))
        for site_id in recorded.keys() | missing.keys()
    }


def _recorded(connection: Connection, site_ids: Sequence[str], window: Interval) -> dict[str, int]:
    span = tables.span
    rows = connection.execute(
        sa.select(span.c.site_id, sa.func.sum(_clipped(span, span.c.to_ns, window)))
        .where(span.c.stream == "main", span.c.from_ns < window[1], span.c.to_ns > window[0],
               among(span.c.site_id, site_ids))
        .group_by(span.c.site_id)
    )  # fmt: skip
    return {site_id: int(total) for site_id, total in rows}


def _missing(
    connection: Connection, site_ids: Sequence[str], window: Interval
) -> dict[str, dict[Cause, int]]:
    gap, told = tables.gap, tables.state
    site = tables.site_state
    until = sa.func.coalesce(gap.c.to_ns, ledger.known_until())
    rows = connection.execute(
        sa.select(gap.c.site_id, gap.c.cause, sa.func.sum(_clipped(gap, until, window)))
        .select_from(
            gap.outerjoin(
                told,
                sa.and_(told.c.site_id == gap.c.site_id, told.c.camera == gap.c.camera,
                        told.c.stream == gap.c.stream),
            ).outerjoin(site, site.c.site_id == told.c.site_id)
        )
        .where(gap.c.stream == "main", gap.c.from_ns < window[1], until > window[0],
               # Said of the column itself too, so that its index is used.
               sa.or_(gap.c.to_ns > window[0], gap.c.to_ns.is_(None)),
               gap.c.cause != Cause.NOT_IN_SERVICE.value, among(gap.c.site_id, site_ids))
        .group_by(gap.c.site_id, gap.c.cause)
    )  # fmt: skip
    found: dict[str, dict[Cause, int]] = {}
    for site_id, cause, total in rows:
        found.setdefault(site_id, {})[Cause(cause)] = int(total)
    return found


def _clipped(
    table: sa.Table, until: sa.ColumnElement[Any], window: Interval
) -> sa.ColumnElement[Any]:
    """The length of a row within the window; of rows that touch it."""
    begins = sa.case((table.c.from_ns < window[0], window[0]), else_=table.c.from_ns)
    return sa.case((until > window[1], window[1]), else_=until) - begins


def _open(
    connection: Connection, site_ids: Sequence[str], window: Interval, table: sa.Table, status: str
) -> list[tuple[str, str, int]]:
    """What goes on since the last row was written: the stream's state alone knows of it.

    Args:
        connection: a transaction.
        site_ids: which.
        window: from and until.
        table: where the rows are, spans or gaps; one that is open is counted there.
        status: of streams that go on so.

    Returns:
        Facility, cause, nanoseconds; the cause is empty where it records.
    """
    state = tables.state
    is_so = sa.and_(state.c.stream == "main", state.c.status == status)
    # Said as a number, so that the index of ends is used: few rows reach into what goes on now.
    first = connection.execute(sa.select(sa.func.min(state.c.since_ns)).where(is_so)).scalar()
    if first is None:
        return []
    last = (
        sa.select(table.c.site_id, table.c.camera,
                  sa.func.max(sa.func.coalesce(table.c.to_ns, FOREVER)).label("to_ns"))
        .join(state, sa.and_(state.c.site_id == table.c.site_id, state.c.camera == table.c.camera,
                             state.c.stream == table.c.stream))
        # Rows that ended before the state began, or before the window, take nothing from it.
        .where(table.c.stream == "main", is_so,
               sa.or_(table.c.to_ns > max(window[0], first), table.c.to_ns.is_(None)),
               sa.func.coalesce(table.c.to_ns, FOREVER) > state.c.since_ns,
               among(table.c.site_id, site_ids))
        .group_by(table.c.site_id, table.c.camera)
        .subquery()
    )  # fmt: skip
    written = sa.func.coalesce(last.c.to_ns, 0)
    since = sa.case((written > state.c.since_ns, written), else_=state.c.since_ns)
    begins = sa.case((since < window[0], window[0]), else_=since)
    site, until = tables.site_state, ledger.known_until()
    ends = sa.case((until > window[1], window[1]), else_=until)
    cause = sa.func.coalesce(state.c.cause, "")
    rows = connection.execute(
        sa.select(state.c.site_id, cause, sa.func.sum(ends - begins))
        .select_from(
            state.outerjoin(
                last,
                sa.and_(last.c.site_id == state.c.site_id, last.c.camera == state.c.camera),
            ).outerjoin(site, site.c.site_id == state.c.site_id)
        )
        .where(is_so, ends > begins,
               among(state.c.site_id, site_ids))
        .group_by(state.c.site_id, cause)
    )  # fmt: skip
    return [(site_id, said, int(total)) for site_id, said, total in rows]


def among(column: sa.ColumnElement[str], site_ids: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a row is of these facilities; of any, where they are more than `FEW`."""
    return column.in_(site_ids) if len(site_ids) <= FEW else sa.true()
