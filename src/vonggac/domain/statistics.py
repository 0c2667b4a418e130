"""The statistics that are reported upward, for any facilities and any span of days.

One row a facility, summed by the database over its cameras; a figure is a count of rows, a sum over
them, or a part of another figure.  Every figure names the rows that it counts (`counted`), so that
a page can show them and a report can keep them.  Three things are kept apart and each says who says
so: that there is a signal (*có tín hiệu*, measured), that a connection was accepted (*đã nghiệm thu
kết nối*, by a person), and that a camera is linked to the designated system (confirmed by an
enterprise).  They and both figures of continuity are reckoned by the software (*cách tính của phần
mềm*).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from vonggac.db import directives, tables
from vonggac.db import estimate as money_db
from vonggac.db import inspection as inspection_db
from vonggac.db import survey as survey_db
from vonggac.db import task as task_db
from vonggac.domain import (
    acceptance,
    access,
    continuity_sums,
    costs,
    designated,
    estimate,
    inspections,
    legal,
)
from vonggac.domain.access import Act
from vonggac.domain.continuity import cut_hundredths
from vonggac.domain.continuity_sums import FEW
from vonggac.domain.continuity_sums import among as _among
from vonggac.domain.kept import AHEAD_NS, KEEP_NS, Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.access import Person, Thing

Kind = Literal["facilities", "sum", "money", "part"]

UNKNOWN: Final = "unknown"
"""The reason of what gives no signal while no survey was verified."""
REFUSED: Final = "uncooperative"
MEASURED: Final = "hệ thống đo"
"""Who says so: the program itself, from what boxes tell it."""
ACCEPTED: Final = "người có trách nhiệm nghiệm thu"
"""Who says so: the person who accepted it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days that are asked about; both count."""

    first: date
    last: date

    @property
    def ns(self) -> tuple[int, int]:
        """From midnight to midnight."""
        return legal.start_of(self.first), legal.end_of(self.last)


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a facility on the last day of a span."""

    site_id: str
    code: str
    title: str
    line: str
    unit_id: str
    survey: str = ""
    """State of its last survey; empty when it was never asked."""
    survey_late: bool = False
    refusing: str = ""
    """The reason that it gave."""
    verified: bool = False
    qualifies: bool = False
    reasons: tuple[str, ...] = ()
    """Codes of its verified verdict."""
    cameras: int = 0
    """Installed: in the register and not taken down, measured or not."""
    cameras_measured: int = 0
    """Of those: a probe answered, or a confirmed address made them cameras that are recorded."""
    cameras_qualified: int = 0
    cameras_connected: int = 0
    cameras_online: int = 0
    reachable: bool = False
    recorded_ns: int = 0
    missing_ns: int = 0
    linked_ns: int = 0
    """Of the same time: in which the camera could be reached."""
    inspected: int = 0
    """Inspections in the span that count."""
    last_inspection: date | None = None
    inspection_owed: bool = False
    """It takes people in: the rule of days holds for it."""
    inspection_late: bool = False
    tasks: int = 0
    tasks_done: int = 0
    tasks_late: int = 0
    planned: bool = False
    """It has a connection plan."""
    estimated: bool = False
    """It has an estimate, submitted or not."""
    installing: bool = False
    """A task of its plan or its estimate is not over."""
    cameras_accepted: int = 0
    """Accepted by a person, and still as they were accepted."""
    cameras_confirmed: int = 0
    """Confirmed connections: linked to the system designated now, as enterprises say."""
    asked: int | None = None
    appraised: int | None = None
    approved: int | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a signal: the hub knows the state of at least one of its cameras."""
        return self.cameras_connected > 0

    @property
    def accepted(self) -> bool:
        """Whether it is an accepted connection: there is a camera, and a person accepted each."""
        return 0 < self.cameras <= self.cameras_accepted

    @property
    def known_ns(self) -> int:
        """Camera time of which is known whether it was recorded."""
        return self.recorded_ns + self.missing_ns

    @property
    def why(self) -> tuple[str, ...]:
        """Reasons why it gives no signal; empty for one that does."""
        if self.connected:
            return ()
        if self.survey == "refused":
            return (REFUSED,)
        return self.reasons or (UNKNOWN,)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the statistics."""

    code: str
    group: str
    name: str
    """A Vietnamese sentence of the locale."""
    kind: Kind
    counts: Callable[[Row], bool] = lambda _: True
    """Which facilities it counts, or sums over."""
    adds: Callable[[Row], int] = lambda _: 1
    of: str = ""
    """Of a part: the figure that is the whole."""
    source: str = ""
    """Who says so, where others say something like it: a Vietnamese sentence of the locale."""


FIGURES: Final = (
    Figure("facilities", "survey", "Cơ sở trong danh mục", "facilities"),
    Figure("asked", "survey", "Được yêu cầu khảo sát", "facilities", lambda row: bool(row.survey)),
    Figure("surveyed", "survey", "Đã trả lời khảo sát", "facilities",
           lambda row: row.survey in ("answered", "verified", "disputed"), of="facilities"),
    Figure("verified", "survey", "Đã xác nhận khảo sát", "facilities",
           lambda row: row.survey == "verified", of="facilities"),
    Figure("survey_late", "survey", "Quá hạn trả lời khảo sát", "facilities",
           lambda row: row.survey_late, of="asked"),
    Figure("refusing", "survey", "Từ chối khảo sát", "facilities",
           lambda row: row.survey == "refused", of="asked"),
    Figure("qualified", "survey", "Đủ điều kiện kết nối", "facilities",
           lambda row: row.qualifies, of="facilities"),
    Figure("connected", "connect", "Có tín hiệu", "facilities",
           lambda row: row.connected, of="facilities", source=MEASURED),
    Figure("not_connected", "connect", "Chưa có tín hiệu", "facilities",
           lambda row: not row.connected, of="facilities", source=MEASURED),
    Figure("accepted", "connect", "Đã nghiệm thu kết nối", "facilities",
           lambda row: row.accepted, of="facilities", source=ACCEPTED),
    Figure("reachable", "connect", "Đang liên lạc được", "facilities",
           lambda row: row.reachable, of="connected"),
    Figure("cameras", "camera", "Camera đã lắp", "sum",
           lambda row: row.cameras > 0, lambda row: row.cameras),
    Figure("cameras_measured", "camera", "Camera đã đo", "sum",
           lambda row: row.cameras_measured > 0, lambda row: row.cameras_measured, "cameras",
           MEASURED),
    Figure("cameras_unmeasured", "camera", "Camera chưa đo", "sum",
           lambda row: row.cameras > row.cameras_measured,
           lambda row: row.cameras - row.cameras_measured, "cameras", MEASURED),
    Figure("cameras_qualified", "camera", "Camera đủ điều kiện kết nối", "sum",
           lambda row: row.cameras_qualified > 0, lambda row: row.cameras_qualified),
    Figure("cameras_connected", "camera", "Camera có tín hiệu", "sum",
           lambda row: row.cameras_connected > 0, lambda row: row.cameras_connected, "cameras",
           MEASURED),
    Figure("cameras_accepted", "camera", "Camera đã nghiệm thu kết nối", "sum",
           lambda row: row.cameras_accepted > 0, lambda row: row.cameras_accepted, "cameras",
           ACCEPTED),
    Figure("cameras_confirmed", "camera", "Camera kết nối hệ thống được chỉ định", "sum",
           lambda row: row.cameras_confirmed > 0, lambda row: row.cameras_confirmed, "cameras",
           designated.CONFIRMED.vi),
    Figure("cameras_online", "camera", "Camera đang trực tuyến", "sum",
           lambda row: row.cameras_online > 0, lambda row: row.cameras_online, "cameras"),
    Figure("linked", "continuity", "Kết nối (camera liên lạc được)", "part",
           lambda row: row.known_ns > 0, lambda row: row.linked_ns, "known"),
    Figure("recorded", "continuity", "Ghi hình (có bản ghi)", "part",
           lambda row: row.known_ns > 0, lambda row: row.recorded_ns, "known"),
    Figure("inspected", "inspect", "Lượt kiểm tra trong kỳ", "sum",
           lambda row: row.inspected > 0, lambda row: row.inspected),
    Figure("inspection_owed", "inspect", "Cơ sở phải kiểm tra theo kỳ", "facilities",
           lambda row: row.inspection_owed),
    Figure("inspection_late", "inspect", "Quá hạn kiểm tra", "facilities",
           lambda row: row.inspection_late, of="inspection_owed"),
    Figure("tasks", "task", "Công việc ở các cơ sở", "sum",
           lambda row: row.tasks > 0, lambda row: row.tasks),
    Figure("tasks_done", "task", "Công việc đã xong", "sum",
           lambda row: row.tasks_done > 0, lambda row: row.tasks_done, "tasks"),
    Figure("tasks_late", "task", "Công việc quá hạn", "sum",
           lambda row: row.tasks_late > 0, lambda row: row.tasks_late, "tasks"),
    Figure("money_asked", "money", "Dự toán đề nghị", "money",
           lambda row: row.asked is not None, lambda row: row.asked or 0),
    Figure("money_appraised", "money", "Dự toán đã thẩm định", "money",
           lambda row: row.appraised is not None, lambda row: row.appraised or 0, "money_asked"),
    Figure("money_approved", "money", "Dự toán đã phê duyệt", "money",
           lambda row: row.approved is not None, lambda row: row.approved or 0, "money_asked"),
)  # fmt: skip
"""Everything that is reported; the shares are of the figure that `of` names."""

GROUPS: Final[Mapping[str, str]] = {
    "survey": "Khảo sát, điều kiện kết nối",
    "connect": "Kết nối cơ sở",
    "camera": "Camera",
    "continuity": "Tính liên tục trong kỳ",
    "inspect": "Kiểm tra",
    "task": "Tiến độ công việc",
    "money": "Kinh phí",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A figure with what it comes to."""

    figure: Figure
    amount: int
    facilities: int
    """Rows that it counts."""
    share: int | None
    """Of the whole, in hundredths of a per cent, cut; None without a whole."""


@dataclass(frozen=True)
class Statistics:
    """The statistics of facilities over a span."""

    span: Span
    rows: tuple[Row, ...]
    as_of_ns: int = 0
    """When it was counted; 0 of what a report kept."""

    def value(self, code: str) -> Value:
        """One figure; KeyError for none."""
        return self.values[code]

    @cached_property
    def values(self) -> dict[str, Value]:
        """Every figure, by code, in the order of `FIGURES`."""
        sums = {one.code: self._sum(one) for one in FIGURES}
        sums["known"] = sum(row.known_ns for row in self.rows), 0
        return {
            one.code: Value(
                one, *sums[one.code],
                cut_hundredths(sums[one.code][0], sums[one.of][0]) if one.of else None,
            )
            for one in FIGURES
        }  # fmt: skip

    def part(self, code: str) -> int | None:
        """One figure without the others: its share if it is a part, else its amount."""
        figure = BY_CODE[code]
        amount = self._sum(figure)[0]
        if figure.kind != "part":
            return amount
        return cut_hundredths(amount, sum(row.known_ns for row in self.rows))

    def _sum(self, figure: Figure) -> tuple[int, int]:
        every = self.counted(figure.code)
        return sum(figure.adds(row) for row in every), len(every)

    def counted(self, code: str) -> list[Row]:
        """The rows that a figure counts.

        Raises:
            KeyError: there is no such figure.
        """
        figure = BY_CODE[code]
        return [row for row in self.rows if figure.counts(row)]

    @property
    def reasons(self) -> dict[str, int]:
        """Facilities that give no signal, by reason; one may have several."""
        found: dict[str, int] = {}
        for row in self.rows:
            for code in row.why:
                found[code] = found.get(code, 0) + 1
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))

    def narrowed(self, site_ids: Collection[str]) -> Statistics:
        """The same of some of its facilities."""
        return replace(self, rows=tuple(row for row in self.rows if row.site_id in site_ids))


BY_CODE: Final = {one.code: one for one in FIGURES}


def scope(
    connection: Connection, person: Person, unit_id: str | None, *, now_ns: int
) -> dict[str, Thing]:
    """Facilities of a unit (None is all) whose counts a person may see, with the units above."""
    if not access.may_somewhere(person, Act.REPORT_SEE, now_ns=now_ns):
        return {}
    things = {
        site_id: thing
        for site_id, thing in access.things_of_sites(connection).items()
        if unit_id is None or unit_id in thing.path
    }
    seen = access.allowed(person, Act.REPORT_SEE, things, now_ns=now_ns)
    return {site_id: things[site_id] for site_id in seen}


def statistics(
    connection: Connection,
    site_ids: Collection[str],
    span: Span,
    *,
    now_ns: int,
    fresh: bool = False,
) -> Statistics:
    """The statistics of these facilities.

    Args:
        connection: a transaction.
        site_ids: which facilities.
        span: the days; what is of a moment is of its last day, or of now if that is earlier.
        now_ns: UTC now.
        fresh: count now, even what was counted for the whole hub less than a minute ago.
    """
    if len(site_ids) <= FEW or fresh:
        standing = _standing(connection, list(site_ids), span.last, now_ns)
        return _over(connection, standing, span, now_ns)
    found = _hub(connection).spans.get(span, now_ns, lambda: _whole(connection, span, now_ns))
    seen = set(site_ids)
    return found if seen == {row.site_id for row in found.rows} else found.narrowed(seen)


def ahead(connection: Connection, now_ns: int) -> list[Span]:
    """Spans that pages of a large hub will ask for: those of today, and what was asked lately.

    Empty on a hub so small that its pages count for themselves.
    """
    if connection.execute(sa.select(sa.func.count()).select_from(tables.site)).scalar_one() <= FEW:
        return []
    today, spans = legal.day_of(now_ns), _hub(connection).spans
    for one in (Span(today.replace(day=1), today), Span(today, today)):
        spans.want(one, now_ns)
    return spans.asked(now_ns)[:AHEAD_MOST]


def count_ahead(connection: Connection, span: Span, now_ns: int) -> bool:
    """Count a span of the whole hub again if its minute is half over; whether it was."""
    return _hub(connection).spans.again(
        span, now_ns, lambda: _whole(connection, span, now_ns, AHEAD_NS)
    )


def _whole(connection: Connection, span: Span, now_ns: int, keep_ns: int = KEEP_NS) -> Statistics:
    """The statistics of the whole hub; what is of a moment is counted once for all spans."""

    def count() -> _Standing:
        every = list(connection.execute(sa.select(tables.site.c.id)).scalars())
        return _standing(connection, every, span.last, now_ns)

    standing = _hub(connection).days.get(span.last, now_ns, count, keep_ns=keep_ns)
    return _over(connection, standing, span, now_ns)


@dataclass(frozen=True, slots=True)
class _Standing:
    """How facilities stand on the last day of a span, whatever its first one is."""

    as_of_ns: int
    found: Found


def _standing(
    connection: Connection, site_ids: Sequence[str], last: date, now_ns: int
) -> _Standing:
    if not site_ids:
        return _Standing(now_ns, {})
    found = _sites(connection, site_ids)
    for read in (_surveys, _verdicts, _cameras, _due, _tasks, _chain, _money):
        _put(found, read(connection, site_ids, last, now_ns))
    return _Standing(now_ns, found)


def _over(connection: Connection, standing: _Standing, span: Span, now_ns: int) -> Statistics:
    """The statistics of a span: with what happened in it."""
    found = {site_id: dict(values) for site_id, values in standing.found.items()}
    if found:
        for read in (_continuity, _inspected):
            _put(found, read(connection, list(found), span, now_ns))
    rows = [Row(**values) for values in found.values()]
    in_order = sorted(rows, key=lambda row: (row.code, row.site_id))
    return Statistics(span, tuple(in_order), standing.as_of_ns)


def _put(found: Found, more: Found) -> None:
    for site_id, values in more.items():
        if site_id in found:
            found[site_id].update(values)


def as_json(row: Row) -> dict[str, Any]:
    """A row as a report keeps it."""
    told = {one.name: getattr(row, one.name) for one in fields(row)}
    last = row.last_inspection
    return told | {
        "reasons": list(row.reasons),
        "last_inspection": last.isoformat() if last else None,
    }


def of_json(told: Mapping[str, Any]) -> Row:
    """The row that `as_json` wrote."""
    last = told["last_inspection"]
    return Row(
        **{
            **told,
            # Kept before the two were told apart: all that was installed counted as measured.
            "cameras_measured": told.get("cameras_measured", told["cameras"]),
            "reasons": tuple(told["reasons"]),
            "last_inspection": date.fromisoformat(last) if last else None,
        }
    )


# -- what the database sums ------------------------------------------------------------------

Found = dict[str, dict[str, Any]]

AHEAD_MOST: Final = 6
"""Spans that are counted ahead at most (ours: a country takes half a second each)."""


class _Hub:
    """What was counted of a whole hub; each database has its own."""

    every: Final[WeakKeyDictionary[sa.Engine, _Hub]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.spans: Kept[Span, Statistics] = Kept()
        self.days: Kept[date, _Standing] = Kept()


def _hub(connection: Connection) -> _Hub:
    return _Hub.every.setdefault(connection.engine, _Hub())


def forget() -> None:
    """Count anew at the next look, as a bench wants it."""
    _Hub.every.clear()


def _sites(connection: Connection, site_ids: Sequence[str]) -> Found:
    site, wanted = tables.site, set(site_ids)
    query = sa.select(site.c.id, site.c.name, site.c.title, site.c.owner_line, site.c.unit_id)
    return {
        row.id: {
            "site_id": row.id, "code": row.name, "title": row.title or row.name,
            "line": row.owner_line, "unit_id": row.unit_id,
        }
        for row in connection.execute(query.where(_among(site.c.id, site_ids)))
        if row.id in wanted
    }  # fmt: skip


def _surveys(connection: Connection, site_ids: Sequence[str], last: date, now_ns: int) -> Found:
    """The last campaign of each facility counts."""
    table, campaign = survey_db.survey, survey_db.survey_campaign
    today = min(last, legal.day_of(now_ns))
    rows = connection.execute(
        sa.select(table.c.site_id, table.c.state, table.c.reason, campaign.c.due,
                  campaign.c.ended_ns)
        .join(campaign, campaign.c.id == table.c.survey_campaign_id)
        .where(_among(table.c.site_id, site_ids), campaign.c.made_ns < legal.end_of(last))
        .order_by(campaign.c.made_ns, table.c.id)
    )  # fmt: skip
    return {
        row.site_id: {
            "survey": row.state,
            "survey_late": row.state in ("asked", "disputed") and row.due < today,
            "refusing": row.reason if row.state == "refused" else "",
        }
        for row in rows
    }


def _verdicts(connection: Connection, site_ids: Sequence[str], last: date, _now_ns: int) -> Found:
    table = survey_db.survey_verdict
    rows = connection.execute(
        sa.select(table.c.id, table.c.site_id, table.c.qualifies)
        .where(_among(table.c.site_id, site_ids), table.c.made_ns < legal.end_of(last))
        .order_by(table.c.made_ns, table.c.id)
    )
    newest = {row.site_id: row for row in rows}
    read = _Verdicts(connection)
    return {
        site_id: {
            "verified": True,
            "qualifies": bool(row.qualifies),
            "reasons": read(row.id)[0],
            "cameras_qualified": read(row.id)[1],
        }
        for site_id, row in newest.items()
    }


class _Verdicts:
    """Verdicts read from their JSON; a row of theirs never changes, so each is read once."""

    _kept: Final[dict[str, tuple[tuple[str, ...], int]]] = {}

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, verdict_id: str) -> tuple[tuple[str, ...], int]:
        if verdict_id not in self._kept:
            if len(self._kept) > 50_000:
                self._kept.clear()
            self._read()
        return self._kept[verdict_id]

    def _read(self) -> None:
        table = survey_db.survey_verdict
        for row in self._connection.execute(sa.select(table.c.id, table.c.found)):
            cameras = row.found.get("cameras", ())
            count = sum(bool(one.get("qualifies")) for one in cameras)
            self._kept[row.id] = tuple(row.found.get("reasons", ())), count


def _cameras(connection: Connection, site_ids: Sequence[str], _last: date, _now_ns: int) -> Found:
    """Cameras in the register, those of which the hub knows a state, those that record now."""
    camera, state, site_state = tables.camera, tables.state, tables.site_state
    # What nobody measured (`registry.unmeasured`) is installed, and not in service.
    service = tables.camera_service
    open_still = sa.select(service.c.camera_id).where(service.c.to_ns.is_(None)).distinct()
    served = open_still.subquery("served")
    online = sa.and_(state.c.status == "recording", site_state.c.reachable_since_ns.is_not(None))
    rows = connection.execute(
        sa.select(
            camera.c.site_id,
            sa.func.count().label("cameras"),
            sa.func.count(served.c.camera_id).label("cameras_measured"),
            sa.func.count(state.c.camera).label("cameras_connected"),
            sa.func.sum(sa.case((online, 1), else_=0)).label("cameras_online"),
        )
        .outerjoin(
            state,
            sa.and_(state.c.site_id == camera.c.site_id, state.c.camera == camera.c.name,
                    state.c.stream == "main", state.c.status != "off"),
        )
        .outerjoin(site_state, site_state.c.site_id == camera.c.site_id)
        .outerjoin(served, served.c.camera_id == camera.c.id)
        .where(camera.c.retired_ns.is_(None), _among(camera.c.site_id, site_ids))
        .group_by(camera.c.site_id)
    )  # fmt: skip
    found = {row.site_id: {**row._mapping} for row in rows}
    reachable = connection.execute(
        sa.select(site_state.c.site_id).where(site_state.c.reachable_since_ns.is_not(None))
    )
    for site_id in reachable.scalars():
        found.setdefault(site_id, {})["reachable"] = True
    return found


def _continuity(connection: Connection, site_ids: Sequence[str], span: Span, now_ns: int) -> Found:
    """Recorded, missing and connected time of the main streams, clipped to the span."""
    window = span.ns[0], min(span.ns[1], now_ns)
    return {
        site_id: {
            "recorded_ns": one.recorded_ns,
            "missing_ns": one.missing_ns,
            "linked_ns": one.linked_ns,
        }
        for site_id, one in continuity_sums.of_sites(connection, site_ids, window).items()
    }


def _due(connection: Connection, site_ids: Sequence[str], last: date, now_ns: int) -> Found:
    """The rule of days for inspections."""
    today = min(last, legal.day_of(now_ns))
    return {
        one.site_id: {
            "last_inspection": one.last,
            "inspection_owed": True,
            "inspection_late": one.late(today) > 0,
        }
        for one in inspections.dues(connection, site_ids, today)
    }


def _inspected(connection: Connection, site_ids: Sequence[str], span: Span, _now_ns: int) -> Found:
    """Inspections in the span that count."""
    table = inspection_db.inspection
    rows = connection.execute(
        sa.select(table.c.site_id, sa.func.count())
        .where(table.c.state == "done", table.c.counts, table.c.done >= span.first,
               table.c.done <= span.last, _among(table.c.site_id, site_ids))
        .group_by(table.c.site_id)
    )  # fmt: skip
    return {site_id: {"inspected": count} for site_id, count in rows}


def _tasks(connection: Connection, site_ids: Sequence[str], last: date, now_ns: int) -> Found:
    """Tasks that were opened by the end of the last day; waived ones are none."""
    table, clause = task_db.task, directives.directive_clause
    cited = directives.directive_citation
    due = sa.func.coalesce(table.c.due, clause.c.due, cited.c.due)
    today = min(last, legal.day_of(now_ns))
    is_late = sa.and_(table.c.state.in_(("open", "doing")), due < today)
    rows = connection.execute(
        sa.select(
            table.c.site_id,
            sa.func.count().label("tasks"),
            sa.func.sum(sa.case((table.c.state == "done", 1), else_=0)).label("tasks_done"),
            sa.func.sum(sa.case((is_late, 1), else_=0)).label("tasks_late"),
        )
        .outerjoin(clause, clause.c.id == table.c.clause_id)
        .outerjoin(cited, cited.c.id == clause.c.citation_id)
        .where(table.c.site_id.is_not(None), table.c.state != "waived",
               table.c.opened_ns < legal.end_of(last), _among(table.c.site_id, site_ids))
        .group_by(table.c.site_id)
    )  # fmt: skip
    return {row.site_id: {**row._mapping} for row in rows}


def _chain(connection: Connection, site_ids: Sequence[str], last: date, _now_ns: int) -> Found:
    """How far the work of connecting it has come by the end of the last day."""
    end_ns = legal.end_of(last)
    plan, costed, task = money_db.connection_plan, money_db.estimate, task_db.task
    under_way = sa.and_(
        task.c.state.in_(("open", "doing")),
        sa.or_(task.c.about.like("plan:%"), task.c.about.like("estimate:%")),
        task.c.opened_ns < end_ns,
    )
    found: Found = {}
    for name, table, is_so in (
        ("planned", plan, plan.c.made_ns < end_ns),
        ("estimated", costed, costed.c.made_ns < end_ns),
        ("installing", task, under_way),
    ):
        query = (
            sa.select(table.c.site_id).distinct().where(is_so, _among(table.c.site_id, site_ids))
        )
        for site_id in connection.execute(query).scalars():
            found.setdefault(site_id, {})[name] = True
    for site_id, one in acceptance.summaries(connection, site_ids).items():
        found.setdefault(site_id, {})["cameras_accepted"] = one.count
    for site_id, count in designated.confirmed(connection, last).items():
        found.setdefault(site_id, {})["cameras_confirmed"] = count
    return found


def _money(connection: Connection, site_ids: Sequence[str], last: date, _now_ns: int) -> Found:
    """Estimates that were submitted, their last versions; tax and rounding as on their pages."""
    table, line = money_db.estimate, money_db.estimate_line
    later = table.alias("later")
    newer = sa.exists().where(later.c.code == table.c.code, later.c.version > table.c.version)
    columns = {
        "asked": (line.c.quantity, line.c.price),
        "appraised": (line.c.appraised_quantity, line.c.appraised_price),
        "approved": (line.c.approved_quantity, line.c.approved_price),
    }
    sums = [sa.func.sum(q * p).label(name) for name, (q, p) in columns.items()]
    counts = [sa.func.count(q).label(f"{name}_lines") for name, (q, _) in columns.items()]
    rows = connection.execute(
        sa.select(table.c.id, table.c.site_id, table.c.contingency, line.c.vat,
                  sa.func.count().label("lines"), *sums, *counts)
        .join(line, line.c.estimate_id == table.c.id)
        .where(_among(table.c.site_id, site_ids), ~newer,
               table.c.state.in_(tuple(costs.steps())), table.c.made_ns < legal.end_of(last))
        .group_by(table.c.id, table.c.site_id, table.c.contingency, line.c.vat)
    )  # fmt: skip
    grouped: dict[str, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row.id, []).append(row)
    found: Found = {}
    for parts in grouped.values():
        values = found.setdefault(parts[0].site_id, {})
        for name in columns:
            if all(getattr(one, f"{name}_lines") == one.lines for one in parts):
                amounts = [(int(getattr(one, name)), one.vat) for one in parts]
                total = estimate.totals(amounts, parts[0].contingency).total
                values[name] = values.get(name, 0) + total
    return found


# -- spans -----------------------------------------------------------------------------------


def usual(rhythm: str, last: date) -> Span:
    """The span of a daily, weekly or monthly report that ends with a day."""
    if rhythm == "daily":
        return Span(last, last)
    return Span(last - timedelta(days=6) if rhythm == "weekly" else last.replace(day=1), last)
