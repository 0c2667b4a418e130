"""The box's audit of who asked what: every question is in a row, a thousand are not in a thousand.

The first question of a kind is a row at once (`started`); those that follow within a while are
gathered into one closing row (`ended`) with their number and the recorded time they spanned. So
playback that asks for a GOP every second costs the line two rows a few minutes. Refusals are rows
of their own, at most some a second, the rest counted in the next.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac import wire
from vonggac.clock import NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonggac.clock import Clock
    from vonggac.config import StreamName
    from vonggac.edge.live import View
    from vonggac.errors import Kind
    from vonggac.keys import Grant

IDLE_NS: Final = 15 * NS
"""A series of questions is over when none came for this long."""
LONGEST_NS: Final = 300 * NS
"""A series is told at least this often."""
MAX_SERIES: Final = 2_000
"""Series under way at once; the oldest is told when there are more."""
REFUSALS_A_SECOND: Final = 5
"""Rows of refusals: a hostile viewer shall not fill the ledger."""


@dataclass(slots=True)
class _Series:
    grant: str
    begun_ns: int
    last_ns: int
    questions: int = 1
    from_ns: int | None = None
    to_ns: int | None = None


class Trail:
    """Turns questions into audit facts. Belongs to the event loop's thread.

    Args:
        append: puts a fact into the journal.
        clock: rows carry its wall time.
    """

    def __init__(self, append: Callable[[wire.Fact], object], clock: Clock) -> None:
        self._append = append
        self._clock = clock
        self._series: OrderedDict[tuple[str, ...], _Series] = OrderedDict()
        self._second = 0
        self._refusals = 0
        self._unsaid = 0

    def viewed(self, view: View) -> None:
        """A live view began or ended."""
        self._append(
            wire.Audited(
                at=self._clock.wall_ns(),
                camera=view.camera,
                stream=view.stream,
                actor=view.viewer.actor,
                purpose=view.viewer.purpose,
                grant=view.grant,
                verb=wire.Verb.OPEN,
                outcome="started" if view.ended_ns is None else "ended",
                from_=view.begun_ns,
                to=view.ended_ns,
                detail=view.why,
            )
        )

    def asked(
        self,
        grant: Grant,
        verb: wire.Verb,
        camera: str,
        stream: StreamName | None,
        *,
        from_ns: int | None = None,
        to_ns: int | None = None,
    ) -> None:
        """A question was answered; from and to are the recorded time that it showed."""
        now_ns = self._clock.monotonic_ns()
        key = (grant.actor, grant.purpose, verb.value, camera, stream or "")
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= MAX_SERIES:
                self._close(next(iter(self._series)))
            self._series[key] = _Series(grant.id, now_ns, now_ns, 1, from_ns, to_ns)
            self._row(key, grant.id, "started", 1, from_ns, to_ns)
            return
        series.last_ns = now_ns
        series.questions += 1
        if from_ns is not None:
            series.from_ns = from_ns if series.from_ns is None else min(series.from_ns, from_ns)
        if to_ns is not None:
            series.to_ns = to_ns if series.to_ns is None else max(series.to_ns, to_ns)

    def refused(
        self, verb: str, camera: str, grant: str, kind: Kind, why: str, *, of: Grant | None = None
    ) -> None:
        """A question was refused. `of` is the grant if its signature was right."""
        second = self._clock.monotonic_ns() // NS
        if second != self._second:
            self._second, self._refusals = second, 0
        if self._refusals >= REFUSALS_A_SECOND:
            self._unsaid += 1
            return
        self._refusals += 1
        self._append(
            wire.Audited(
                at=self._clock.wall_ns(),
                camera=None if camera == wire.NO_CAMERA else camera,
                actor=of.actor if of is not None else "",
                purpose=of.purpose if of is not None else "",
                grant=grant,
                verb=verb,
                outcome=kind.value,
                questions=1 + self._unsaid,
                detail=why,
            )
        )
        self._unsaid = 0

    def sweep(self) -> None:
        """Tell the series that are over or long; call it every second or so."""
        now_ns = self._clock.monotonic_ns()
        for key, series in list(self._series.items()):
            if now_ns - series.last_ns >= IDLE_NS or now_ns - series.begun_ns >= LONGEST_NS:
                self._close(key)

    def finish(self) -> None:
        """Tell every series: the box stops."""
        for key in list(self._series):
            self._close(key)

    def _close(self, key: tuple[str, ...]) -> None:
        series = self._series.pop(key)
        if series.questions > 1:
            self._row(key, series.grant, "ended", series.questions, series.from_ns, series.to_ns)

    def _row(
        self,
        key: tuple[str, ...],
        grant: str,
        outcome: str,
        questions: int,
        from_ns: int | None,
        to_ns: int | None,
    ) -> None:
        actor, purpose, verb, camera, stream = key
        self._append(
            wire.Audited(
                at=self._clock.wall_ns(),
                camera=None if camera == wire.NO_CAMERA else camera,
                stream={"main": "main", "sub": "sub"}.get(stream),  # type: ignore[arg-type]
                actor=actor,
                purpose=purpose,
                grant=grant,
                verb=verb,
                outcome=outcome,
                from_=from_ns,
                to=to_ns,
                questions=questions,
            )
        )
