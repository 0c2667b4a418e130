"""The continuity pages: per camera and day what was recorded, what is missing and why; CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from vonggac.causes import Cause
from vonggac.clock import NS, rfc3339
from vonggac.domain import access, audit, continuity, ledger, registry
from vonggac.domain.audit import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import charts, dates, figures, rights, words
from vonggac.web.desk import Visitor, as_of, visitor
from vonggac.web.words import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.domain.continuity import Figures, Piece
    from vonggac.domain.ledger import PageRow, State

routes = APIRouter(include_in_schema=False)

MONTH_DAYS = 30
LONGEST_CSV_DAYS = 366


@dataclass(frozen=True, slots=True)
class Row:
    """A camera on a day."""

    camera: registry.Camera
    from_ns: int
    pieces: Sequence[Piece]
    figures: Figures
    declared_fps: float | None
    delivered_fps: float | None
    clock_error_ms: float | None
    pages: int

    @property
    def causes(self) -> list[tuple[Cause, int]]:
        """Missing time by cause, most first."""
        return sorted(self.figures.by_cause.items(), key=lambda one: -one[1])


def rows_of(time: figures.CameraTime, first_ns: int, days: int) -> list[Row]:
    """The days of a camera from `first_ns` on, in order."""
    found = []
    for number in range(days):
        start = first_ns + number * DAY_NS
        pieces = continuity.clipped(time.pieces, start, start + DAY_NS)
        pages = [page for page in time.pages if start <= page.from_ns < start + DAY_NS]
        declared, delivered, error_ms = _rates(pages, time.state, start)
        found.append(
            Row(
                camera=time.camera,
                from_ns=start,
                pieces=pieces,
                figures=continuity.figures(pieces),
                declared_fps=declared,
                delivered_fps=delivered,
                clock_error_ms=error_ms,
                pages=len(pages),
            )
        )
    return found


def _rates(
    pages: Sequence[PageRow], state: State | None, start_ns: int
) -> tuple[float | None, float | None, float | None]:
    """Declared and delivered rate and clock error: of the day's pages, else of the stream now."""
    measured = [page for page in pages if page.delivered_fps is not None]
    if measured:
        weights = [page.recorded_ns for page in measured]
        total = sum(weights) or 1
        delivered = sum(
            (page.delivered_fps or 0.0) * weight
            for page, weight in zip(measured, weights, strict=True)
        )
        errors = [page.clock_error_ms for page in pages if page.clock_error_ms is not None]
        worst = max(errors, key=abs) if errors else None
        return measured[-1].declared_fps, delivered / total, worst
    if state is not None and start_ns <= state.as_of_ns < start_ns + DAY_NS:
        detail = state.detail
        declared, delivered_now = detail.get("declared_fps"), detail.get("delivered_fps")
        return declared, delivered_now, detail.get("clock_error_ms")  # type: ignore[return-value]
    return None, None, None


@routes.get("/continuity")
def continuity_page(
    who: Annotated[Visitor, Depends(visitor)], day: str = "", camera: str = "", view: str = ""
) -> Response:
    """One day of every camera, thirty days of one, or the month of the site.

    Args:
        who: the visitor.
        day: 2026-11-18; today by default.
        camera: one camera, day by day.
        view: `month` shows thirty days of every camera.
    """
    who.signed_in  # noqa: B018 - refuses who may not look
    desk, t = who.desk, who.t
    now_ns = desk.now_ns()
    chosen = _day(day, now_ns)
    by_month = view == "month" or bool(camera)
    days = MONTH_DAYS if by_month else 1
    first_ns = words.start_of(chosen) - (days - 1) * DAY_NS
    window = (first_ns, first_ns + days * DAY_NS)
    with desk.database.reading() as connection:
        site = rights.shown_site(connection, who, access.Act.LEDGER_SEE)
        every = registry.cameras(connection, site.id)
        cameras = [_named(every, camera)] if camera else every
        times = figures.camera_times(connection, site, cameras, window, now_ns=now_ns)
        site_state = ledger.site_state(connection, site.id)
    if camera:
        rows = [row for row in reversed(rows_of(times[0], first_ns, days)) if row.pieces]
    elif by_month:
        rows = [_whole(time, first_ns) for time in times]
    else:
        rows = [row for time in times for row in rows_of(time, first_ns, 1)]

    def strip(row: Row) -> object:
        start, end = (first_ns, window[1]) if by_month and not camera else (0, 0)
        what = charts.Strip(
            start or row.from_ns,
            end or row.from_ns + DAY_NS,
            row.pieces,
            f"{row.camera.name}, {t.day(row.from_ns)}",
        )
        return charts.strip(what, desk.causes, t)

    month = figures.trimmed(figures.month_days(times, window[1] - NS, days, now_ns))
    return who.page(
        "continuity.html",
        {
            "rows": rows,
            "strip": strip,
            "cameras": every,
            "one": cameras[0] if camera else None,
            "by_month": by_month,
            "chosen": chosen.isoformat(),
            "chosen_ns": words.start_of(chosen),
            "before": date.fromordinal(chosen.toordinal() - days).isoformat(),
            "after": date.fromordinal(chosen.toordinal() + days).isoformat(),
            "is_last": words.start_of(chosen) + DAY_NS > now_ns,
            "window": window,
            "total": continuity.figures(piece for time in times for piece in time.pieces),
            "as_of": as_of(site_state, now_ns),
            "causes": desk.causes,
            "legend": [desk.causes[cause] for cause in figures.causes_in(times, desk.causes)],
            "axis": ""
            if by_month and not camera
            else charts.axis(window[0], window[0] + DAY_NS, 6 * figures.HOUR_NS, t),
            "month": charts.month(
                month, desk.causes, t, t("Sổ ghi hình {days} ngày, mỗi ô một giờ", days=len(month))
            )
            if by_month
            else "",
            "days": days,
        },
        section="continuity",
    )


def _whole(time: figures.CameraTime, first_ns: int) -> Row:
    declared, delivered, error_ms = _rates(time.pages, None, 0)
    if declared is None and time.state is not None:
        now = _rates((), time.state, words.day_start(time.state.as_of_ns))
        declared, delivered, error_ms = now
    return Row(
        time.camera,
        first_ns,
        time.pieces,
        time.figures,
        declared,
        delivered,
        error_ms,
        len(time.pages),
    )


@routes.get("/continuity.csv")
def continuity_csv(
    who: Annotated[Visitor, Depends(visitor)], day: str = "", days: int = 1, camera: str = ""
) -> Response:
    """A line a camera and day, for a spreadsheet: UTF-8 with its mark, lengths in seconds."""
    who.signed_in  # noqa: B018
    if not 1 <= days <= LONGEST_CSV_DAYS:
        raise VonggacError(Kind.BAD_INPUT, f"days: 1 to {LONGEST_CSV_DAYS}")
    desk, now_ns = who.desk, who.desk.now_ns()
    chosen = _day(day, now_ns)
    first_ns = words.start_of(chosen) - (days - 1) * DAY_NS
    window = (first_ns, first_ns + days * DAY_NS)
    with desk.database.reading() as connection:
        site = rights.shown_site(connection, who, access.Act.LEDGER_SEE)
        every = registry.cameras(connection, site.id)
        cameras = [_named(every, camera)] if camera else every
        times = figures.camera_times(connection, site, cameras, window, now_ns=now_ns)
    table = csv_table(site, [row for time in times for row in rows_of(time, first_ns, days)])
    with desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            Act.LEDGER,
            now_ns=now_ns,
            thing=camera or site.name,
            detail={"from": rfc3339(window[0]), "to": rfc3339(window[1])},
        )
    name = f"{site.name}_{chosen.isoformat()}_{days}.csv"
    return Response(
        "\ufeff" + table,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


COLUMNS = (
    "site",
    "camera",
    "title",
    "zone",
    "day",
    "recorded_s",
    "missing_s",
    "unknown_s",
    "not_in_service_s",
    "expired_s",
    "percent",
    "longest_gap_s",
    "longest_gap_from",
    "longest_gap_cause",
    "declared_fps",
    "delivered_fps",
    "clock_error_ms",
    "pages",
)


def csv_table(site: registry.Site, rows: Sequence[Row]) -> str:
    """The rows as CSV (RFC 4180), a column for each cause at the end."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*COLUMNS, *(f"{cause.value}_s" for cause in Cause)])
    for row in rows:
        found = row.figures
        longest = found.longest_gap
        writer.writerow(
            [
                safe_cell(site.name),
                safe_cell(row.camera.name),
                safe_cell(row.camera.title),
                row.camera.zone,
                words.day_of(row.from_ns).isoformat(),
                _seconds(found.recorded_ns),
                _seconds(found.missing_ns),
                _seconds(found.unknown_ns),
                _seconds(found.out_ns),
                _seconds(found.expired_ns),
                "" if found.hundredths is None else _hundredths(found.hundredths),
                _seconds(longest.length_ns) if longest else "0",
                rfc3339(longest.from_ns) if longest else "",
                longest.cause.value if longest and longest.cause else "",
                "" if row.declared_fps is None else f"{row.declared_fps:.2f}",
                "" if row.delivered_fps is None else f"{row.delivered_fps:.2f}",
                "" if row.clock_error_ms is None else f"{row.clock_error_ms:.0f}",
                row.pages,
                *(_seconds(found.by_cause.get(cause, 0)) for cause in Cause),
            ]
        )
    return out.getvalue()


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _seconds(ns: int) -> str:
    return f"{ns // NS}.{ns % NS // 1_000_000:03d}".rstrip("0").rstrip(".")


def _hundredths(value: int) -> str:
    return "100" if value == 10_000 else f"{value // 100}.{value % 100:02d}"


def _named(cameras: Sequence[registry.Camera], camera_id: str) -> registry.Camera:
    found = next((camera for camera in cameras if camera.id == camera_id), None)
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
    return found


def _day(text: str, now_ns: int) -> date:
    if not text:
        return words.day_of(now_ns)
    try:
        return dates.read_day(text)
    except ValueError as error:
        raise VonggacError(Kind.BAD_INPUT, f"day: {error}") from error
