"""Both figures of a camera's continuity over a span: *kết nối* and *ghi hình*, apart.

Time that is not known counts neither way, planned maintenance neither.  *Ghi hình* is recorded
time, *kết nối* the time of connections to the camera, each of what is known; the same reckoning
as in the statistics (*cách tính của phần mềm*).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.causes import Cause
from vonggac.db import tables
from vonggac.domain import continuity, ledger, registry

if TYPE_CHECKING:
    from vonggac.config import AcceptanceConfig
    from vonggac.db import Connection
    from vonggac.domain.continuity import Interval
    from vonggac.domain.registry import Camera

UNKNOWN_PART: Final = 100
"""A span of which more than one part in so many is unknown is not judged (ours)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What the ledger says of a span; nanoseconds."""

    from_ns: int
    to_ns: int
    recorded_ns: int
    missing_ns: int
    unknown_ns: int
    linked_ns: int
    """Part of the known time in which the camera was connected."""
    main_cause: str
    """Of most of the missing time; empty when nothing is missing."""

    @property
    def known_ns(self) -> int:
        """What both percentages are of."""
        return self.recorded_ns + self.missing_ns

    @property
    def recorded(self) -> int | None:
        """*Ghi hình*, in hundredths of a per cent, cut."""
        return continuity.cut_hundredths(self.recorded_ns, self.known_ns)

    @property
    def linked(self) -> int | None:
        """*Kết nối*, in hundredths of a per cent, cut."""
        return continuity.cut_hundredths(self.linked_ns, self.known_ns)


def measured(connection: Connection, camera: Camera, window: Interval, *, now_ns: int) -> Trial:
    """The figures of a camera's main stream over a span, up to now."""
    key = (camera.name, "main")
    span = (window[0], min(window[1], now_ns))
    state = ledger.states(connection, camera.site_id).get(key)
    found = continuity.figures(
        continuity.pieces(
            ledger.spans_between(connection, camera.site_id, *span, camera.name).get(key, []),
            ledger.gaps_between(connection, camera.site_id, *span, camera.name).get(key, []),
            window=span,
            service=registry.in_service(connection, [camera.id], *span)[camera.id],
            state=state,
            now_ns=now_ns,
        )
    )
    missing = found.missing_ns - found.by_cause.get(Cause.MAINTENANCE, 0)
    by_cause = {one: ns for one, ns in found.by_cause.items() if one is not Cause.MAINTENANCE}
    cause = max(by_cause, key=lambda one: by_cause[one], default=None)
    known = found.recorded_ns + missing
    until = state.as_of_ns if state is not None else span[1]
    linked = _linked(connection, camera, span, until)
    return Trial(
        span[0], span[1], found.recorded_ns, missing, found.unknown_ns,
        # What was recorded was connected: a run that the hub has not heard of yet has no row.
        min(max(linked, found.recorded_ns), known), cause.value if cause else "",
    )  # fmt: skip


def _linked(connection: Connection, camera: Camera, span: Interval, until_ns: int) -> int:
    """Time of connections to the camera within a span; one that lasts reaches to `until_ns`."""
    run = tables.run
    rows = connection.execute(
        sa.select(run.c.from_ns, run.c.to_ns).where(
            run.c.site_id == camera.site_id, run.c.camera == camera.name, run.c.stream == "main",
            run.c.from_ns < span[1], sa.or_(run.c.to_ns.is_(None), run.c.to_ns > span[0]),
        )
    ).all()  # fmt: skip
    ends = ((row.from_ns, until_ns if row.to_ns is None else row.to_ns) for row in rows)
    return sum(max(0, min(to_ns, span[1]) - max(from_ns, span[0])) for from_ns, to_ns in ends)


def shortcomings(found: Trial, rules: AcceptanceConfig) -> list[str]:
    """Codes of what speaks against a camera after a trial; empty when nothing does."""
    length = max(1, found.to_ns - found.from_ns)
    if found.known_ns <= 0 or found.unknown_ns * UNKNOWN_PART > length:
        return ["trial_unknown"]
    low = []
    if (found.linked or 0) < round(rules.connected_percent * 100):
        low.append("connected_low")
    if (found.recorded or 0) < round(rules.recorded_percent * 100):
        low.append("recorded_low")
    return low


def as_facts(found: Trial) -> dict[str, Any]:
    """As it is kept; moments as text, since not every JSON reader keeps 64 bits."""
    facts: dict[str, Any] = {
        name: str(value) if isinstance(value, int) else value
        for name, value in asdict(found).items()
    }
    return {**facts, "recorded": found.recorded, "linked": found.linked}


def from_facts(facts: dict[str, Any]) -> Trial:
    """What `as_facts` kept."""
    names = ("from_ns", "to_ns", "recorded_ns", "missing_ns", "unknown_ns", "linked_ns")
    return Trial(
        **{name: int(facts[name]) for name in names},
        main_cause=str(facts.get("main_cause", "")),
    )
