"""Figures that pages show, gathered from the database in one reading transaction each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vonggac.clock import NS
from vonggac.domain import continuity, ledger, registry
from vonggac.web import charts
from vonggac.web.words import DAY_NS, day_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.causes import Cause
    from vonggac.db import Connection
    from vonggac.domain.continuity import Figures, Piece
    from vonggac.domain.ledger import PageRow, State

HOUR_NS = 3600 * NS


@dataclass(frozen=True, slots=True)
class CameraTime:
    """A camera, what it is doing and what is known of a window of its time."""

    camera: registry.Camera
    state: State | None
    sub_state: State | None
    pieces: Sequence[Piece]
    figures: Figures
    pages: Sequence[PageRow]
    expired_before_ns: int | None

    @property
    def needs_attention(self) -> bool:
        """Whether it is not recording now, or lost more than a hundredth of the window."""
        hundredths = self.figures.hundredths
        is_recording = self.state is not None and self.state.status == "recording"
        return not is_recording or (hundredths is not None and hundredths < 9_900)


def camera_times(
    connection: Connection,
    site: registry.Site,
    cameras: Sequence[registry.Camera],
    window: tuple[int, int],
    *,
    now_ns: int,
) -> list[CameraTime]:
    """The window of each camera's main stream."""
    only = cameras[0].name if len(cameras) == 1 else None
    spans = ledger.spans_between(connection, site.id, *window, only)
    gaps = ledger.gaps_between(connection, site.id, *window, only)
    pages = ledger.pages_between(connection, site.id, *window, only)
    states = ledger.states(connection, site.id)
    expiries = ledger.expiries(connection, site.id)
    service = registry.in_service(connection, [camera.id for camera in cameras], *window)
    first = ledger.first_known(connection, site.id)
    found = []
    for camera in cameras:
        key = (camera.name, "main")
        expiry = expiries.get(key)
        since = continuity.begun(first.get(key), states.get(key))
        pieces = continuity.pieces(
            spans.get(key, []),
            gaps.get(key, []),
            window=window,
            service=[(max(start, since), end) for start, end in service[camera.id] if end > since],
            state=states.get(key),
            now_ns=now_ns,
            expiry=expiry,
        )
        found.append(
            CameraTime(
                camera=camera,
                state=states.get(key),
                sub_state=states.get((camera.name, "sub")),
                pieces=pieces,
                figures=continuity.figures(pieces),
                pages=pages.get(key, []),
                expired_before_ns=expiry.before_ns if expiry else None,
            )
        )
    return found


def within(time: CameraTime, from_ns: int, to_ns: int) -> CameraTime:
    """The same camera, and less of its time."""
    pieces = continuity.clipped(time.pieces, from_ns, to_ns)
    return replace(time, pieces=pieces, figures=continuity.figures(pieces))


def month_days(
    times: Sequence[CameraTime], last_day_ns: int, days: int, now_ns: int
) -> list[charts.Day]:
    """Rows of a month that ends with the day of `last_day_ns`, over all the cameras given."""
    first = day_start(last_day_ns) - (days - 1) * DAY_NS
    sums = [_Sum() for _ in range(days * 24)]
    for time in times:
        for piece in time.pieces:
            _pour(piece, first, sums)
    found = []
    for number in range(days):
        start = first + number * DAY_NS
        of_day = sums[number * 24 : number * 24 + 24]
        day = _Sum()
        for one in of_day:
            day.add(one)
        known = day.recorded + day.missing
        found.append(
            charts.Day(
                from_ns=start,
                hours=[
                    None if start + hour * HOUR_NS >= now_ns else one.hour()
                    for hour, one in enumerate(of_day)
                ],
                hundredths=continuity.cut_hundredths(day.recorded, known),
                main_cause=day.main_cause(),
                out=known == 0 and day.unknown == 0,
                is_today=start <= now_ns < start + DAY_NS,
            )
        )
    return found


class _Sum:
    """Nanoseconds of an hour or a day, over all cameras."""

    __slots__ = ("by_cause", "missing", "out", "recorded", "unknown")

    def __init__(self) -> None:
        self.recorded = self.missing = self.unknown = self.out = 0
        self.by_cause: dict[Cause, int] = {}

    def put(self, piece: Piece, length: int) -> None:
        if piece.kind == "recorded":
            self.recorded += length
        elif piece.kind == "gap" and piece.cause is not None:
            self.missing += length
            self.by_cause[piece.cause] = self.by_cause.get(piece.cause, 0) + length
        elif piece.kind == "unknown":
            self.unknown += length
        else:
            self.out += length

    def add(self, other: _Sum) -> None:
        self.recorded += other.recorded
        self.missing += other.missing
        self.unknown += other.unknown
        self.out += other.out
        for cause, length in other.by_cause.items():
            self.by_cause[cause] = self.by_cause.get(cause, 0) + length

    def main_cause(self) -> Cause | None:
        return max(self.by_cause, key=lambda cause: self.by_cause[cause], default=None)

    def hour(self) -> charts.Hour:
        return charts.Hour(self.recorded, self.missing, self.unknown, self.out, self.main_cause())


def _pour(piece: Piece, first_ns: int, sums: Sequence[_Sum]) -> None:
    """Add a piece to the hours that it touches."""
    at = max(piece.from_ns, first_ns)
    end = min(piece.to_ns, first_ns + len(sums) * HOUR_NS)
    while at < end:
        hour = (at - first_ns) // HOUR_NS
        stop = min(end, first_ns + (hour + 1) * HOUR_NS)
        sums[hour].put(piece, stop - at)
        at = stop


def trimmed(days: list[charts.Day]) -> list[charts.Day]:
    """Without the days before anything was in service; a young site shows the days it has."""
    first = next((at for at, row in enumerate(days) if not row.out), len(days) - 1)
    return days[first:]


@dataclass(frozen=True, slots=True)
class CameraDay:
    """A day of one camera."""

    from_ns: int
    pieces: Sequence[Piece]
    figures: Figures
    page: PageRow | None
    """The last page of that day: what was declared, delivered, and the clock's error."""


def camera_days(time: CameraTime, last_day_ns: int, days: int) -> list[CameraDay]:
    """The days up to and with that of `last_day_ns`, newest first."""
    last = day_start(last_day_ns)
    found = []
    for back in range(days):
        start = last - back * DAY_NS
        pieces = continuity.clipped(time.pieces, start, start + DAY_NS)
        pages = [page for page in time.pages if start <= page.from_ns < start + DAY_NS]
        found.append(
            CameraDay(start, pieces, continuity.figures(pieces), pages[-1] if pages else None)
        )
    return found


def causes_in(times: Sequence[CameraTime], causes: Mapping[Cause, object]) -> list[Cause]:
    """The causes that occur, in the order of the rules, for the key under a drawing."""
    met = {cause for time in times for cause in time.figures.by_cause}
    return [cause for cause in causes if cause in met]
