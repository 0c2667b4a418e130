"""The one door through which a case leaves its pages: to reports, letters, statistics, others.

No finding of a program ever gets out as a violation, or as an event, without a named person: `told`
gives only what was confirmed by one, and says *violation* only where a body concluded it, with the
basis that it named and the person who entered its word.  The database refuses rows that say
otherwise (`vonggac.db.case`), and a test holds that no writer of papers or figures reads cases by
another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from vonggac.db import among, case
from vonggac.domain import cases
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Collection

    from vonggac.db import Connection


@dataclass(frozen=True, slots=True)
class Told:
    """A case as it may be told outside: what happened, and who stands for that."""

    id: str
    site_id: str
    number: str
    violation: str
    """Code of the catalogue: what it is called, not what was concluded."""
    subject: str
    severity: str
    place: str
    role: str
    said: str
    happened_ns: int
    state: cases.State
    is_as: Literal["event", "violation"]
    """What it is told as: *sự việc*, or *vi phạm* where a body concluded one."""
    confirmed_ns: int
    confirmed_name: str
    """The person who confirmed that it happened."""
    basis: str
    body: str
    """The body that concluded a violation; empty for an event."""
    ended_ns: int | None


def told(
    connection: Connection, site_ids: Collection[str], *, from_ns: int = 0, to_ns: int = 2**62
) -> list[Told]:
    """Cases of these sites that happened in a span and that a named person confirmed."""
    table = case.case_record
    rows = connection.execute(
        sa.select(*(table.c[name] for name in cases.Case.__dataclass_fields__))
        .where(
            among(table.c.site_id, site_ids),
            table.c.happened_ns >= from_ns,
            table.c.happened_ns < to_ns,
            table.c.confirmed_by.is_not(None),
            table.c.state.not_in(("suspected", "dismissed")),
        )
        .order_by(table.c.happened_ns, table.c.id)
    ).all()
    return [of(cases.Case(*row)) for row in rows]


def of(it: cases.Case) -> Told:
    """One case as it may be told.

    Raises:
        VonggacError: CONFLICT (`not_confirmed`), nobody confirmed it.
    """
    if it.confirmed_by is None or it.confirmed_ns is None or it.state in ("suspected", "dismissed"):
        raise VonggacError(
            Kind.CONFLICT, "nobody has confirmed that this happened", code="not_confirmed"
        )
    concluded = it.outcome == "violation" and it.concluded_by is not None and it.basis != ""
    return Told(
        id=it.id,
        site_id=it.site_id,
        number=it.number,
        violation=it.violation,
        subject=it.subject,
        severity=it.severity,
        place=it.place,
        role=it.role,
        said=it.said,
        happened_ns=it.happened_ns,
        state=it.state,
        is_as="violation" if concluded else "event",
        confirmed_ns=it.confirmed_ns,
        confirmed_name=it.confirmed_name,
        basis=it.basis if concluded else "",
        body=it.concluded_body if concluded else "",
        ended_ns=it.ended_ns,
    )
