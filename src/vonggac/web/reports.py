"""Statistics and reports: figures with the rows behind them, one click for any unit and span."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac import paper
from vonggac.clock import rfc3339
from vonggac.domain import (
    access,
    audit,
    citing,
    issuers,
    legal,
    letters,
    papers,
    report_papers,
    reports,
    statistics,
    units,
)
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.continuity import cut_hundredths
from vonggac.domain.statistics import BY_CODE, FIGURES, GROUPS, Span
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, drafting, evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.papers import day
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.directives import Owed
    from vonggac.domain.exports import Someone
    from vonggac.domain.reports import Counted, Report, ReportKind
    from vonggac.domain.statistics import Row, Statistics

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

FAULTS: Mapping[str, str] = {
    "no_day": "Viết dạng ngày/tháng/năm, ví dụ 18/11/2026.",
    "ends_before": "Ngày cuối phải sau ngày đầu.",
    "span_too_long": "Nhiều nhất 366 ngày.",
}
SURVEYS: Mapping[str, str] = report_papers.SURVEYS
PRESETS = ("Hôm nay", "7 ngày", "Tháng này", "Tháng trước")
MOST_ROWS = 500
"""Facilities of a list behind a figure; the sheet has all."""
MEDIA = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

Signed = Annotated[Visitor, Depends(visitor)]
Unit = Annotated[str, Query(max_length=60, description="id of a unit; empty is all of the scope")]
Day = Annotated[str, Query(max_length=12, description="2026-11-22")]
Code = Annotated[str, Query(max_length=40, description="a figure's code")]


class ReportBody(BaseModel):
    """A report to be kept."""

    model_config = ConfigDict(extra="forbid")

    unit: str | None = Field(default=None, max_length=60)
    first: str = Field(max_length=10, alias="from", description="2026-11-01")
    last: str = Field(max_length=10, alias="to", description="2026-11-22")
    kind: str = Field(default="periodic", max_length=20, description="periodic or daily")
    duty: str = Field(default="", max_length=40, description="what is owed, from /owed")


# -- what pages and API share ----------------------------------------------------------------


def span_of(who: Visitor, first: str, last: str) -> Span:
    """The days of an address; without any, this month up to today.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    today = legal.day_of(who.desk.now_ns())
    end = day(last, "to") or today
    found = Span(day(first, "from") or min(end, today).replace(day=1), end)
    reports.check_span(found)
    return found


def counted(who: Visitor, unit: str, span: Span, *, fresh: bool = False) -> Counted:
    """The statistics of a unit, as far as the visitor may see counts of it."""
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        return reports.count(
            connection, who.person, unit[:60] or None, span, now_ns=who.desk.now_ns(),
            fresh=fresh,
        )  # fmt: skip


def data_now(who: Visitor, unit: str, span: Span, kind: str) -> dict[str, Any]:
    """The data of a report as they are now; of a day with what its leader reads."""
    found = counted(who, unit, span, fresh=True)
    now_ns = who.desk.now_ns()
    extra: dict[str, Any] = {}
    if kind == "daily":
        with who.desk.database.reading() as connection:
            ids = [row.site_id for row in found.whole.rows]
            extra["day"] = reports.day_of(connection, who.person, ids, span.last, now_ns=now_ns)
    made: dict[str, Any] = reports.data_of(found, now_ns=now_ns, extra=extra)
    return made


def _maker(connection: Connection, who: Visitor, unit_id: str | None) -> Someone:
    """Whoever may make reports of a unit; a role over less of it makes them of what it sees."""
    thing = access.thing_of_unit(connection, unit_id) if unit_id else SYSTEM
    now_ns = who.desk.now_ns()
    verdict = access.may(who.person, Act.REPORT_MAKE, thing, now_ns=now_ns)
    if not verdict:
        verdict = access.may_somewhere(who.person, Act.REPORT_MAKE, now_ns=now_ns)
    if not verdict:
        verdict = rights.require(connection, who, Act.REPORT_MAKE, thing)
    return evidence_api.someone(who, verdict)


def make(who: Visitor, unit: str, span: Span, kind: str, duty: str = "") -> str:
    """Keep a report and draft the letter that carries it; the report's id.

    Of a duty the letter cites the order and goes to whoever gave it; the body that owes it makes
    it, and nobody else.
    """
    if kind not in ("daily", "periodic") or (duty and kind != "periodic"):
        raise VonggacError(Kind.BAD_INPUT, f"no kind of report {kind[:20]}")
    report_kind: ReportKind = "daily" if kind == "daily" else "periodic"
    who.signed_in  # noqa: B018
    now_ns, unit_id = who.desk.now_ns(), unit[:60] or None
    with who.desk.database.reading() as connection:
        by = _maker(connection, who, unit_id)
        owed, is_own = _owed(connection, who, duty) if duty else (None, True)
    if not is_own:
        raise rights.refusal(who, Act.REPORT_MAKE, None, access.Verdict(False, "outside_scope"))
    data = data_now(who, unit, span, kind)
    with who.desk.database.writing() as connection:
        made = reports.keep(connection, data, report_kind, by=by, now_ns=now_ns)
        if kind == "periodic":
            own = by.unit or unit_id
            about = f"duty:{owed.duty.id}" if owed else f"report:{made}"
            order = citing.carried(connection, about, unit_id=own)
            letter = letter_of(connection, who, data, own, owed, order)
            paper_id = papers.draft(
                connection, letter, about=about, site_id=None, unit_id=unit_id,
                directive_id=order, by=by, now_ns=now_ns,
            )  # fmt: skip
            reports.attach_paper(connection, made, paper_id)
    return made


def own_bodies(connection: Connection, who: Visitor) -> frozenset[str]:
    """Names of the bodies that the visitor makes reports for, as `issuers.is_among` takes them."""
    now_ns = who.desk.now_ns()
    held = tuple(one for one in who.person.held if Act.REPORT_MAKE in one.acts)
    return issuers.spoken_for(
        connection, replace(who.person, held=held), now_ns=now_ns, on=legal.day_of(now_ns)
    )


def _owed(connection: Connection, who: Visitor, duty: str) -> tuple[Owed, bool]:
    """What a report pays: seen by the visitor and owed still; and whether his own body owes it."""
    found = drafting.owed_of(connection, who, duty)
    if found.duty.state not in ("due", "returned"):
        raise VonggacError(Kind.CONFLICT, "nothing is owed any more", code="not_owed")
    return found, issuers.is_among(found.duty.body, own_bodies(connection, who))


def letter_of(
    connection: Connection, who: Visitor, data: Mapping[str, Any], unit_id: str | None,
    owed: Owed | None = None, order: str | None = None,
) -> Any:  # fmt: skip
    """The letter of a report, by the office of the unit, and the order that it carries out."""
    today = legal.day_of(who.desk.now_ns())
    config = who.desk.config
    office = issuers.office(
        connection, unit_id, on=today, otherwise=config.site.title or config.site.name
    )
    above = "" if office.province == office.name else office.province
    under = citing.opening(connection, order, owed.clause.number if owed else "")
    return report_papers.letter(data, office, above, on=today, of=owed, under=under)


def _allowed(who: Visitor, report_id: str) -> tuple[Report, Mapping[str, Any]]:
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        it = reports.find(connection, report_id[:40])
        if not reports.may_see(connection, who.person, it, now_ns=who.desk.now_ns()):
            raise VonggacError(Kind.NOT_FOUND, "there is no such report")
        return it, reports.data_kept(connection, it.id)


def file_of(who: Visitor, data: Mapping[str, Any], ending: str) -> Response:
    """A report as a file; taking it is written down.

    Raises:
        VonggacError: NOT_FOUND, no such ending.
    """
    with who.desk.database.reading() as connection:
        unit_id = data["unit"]["id"] or _own_unit(who)
        order = citing.carried(connection, "report:", unit_id=unit_id)
        made = letter_of(connection, who, data, unit_id, None, order)
        template = letters.template_content(connection) if ending == "docx" else None
    match ending:
        case "pdf":
            content, media = paper.official(made), MEDIA["pdf"]
        case "xlsx":
            content, media = report_papers.workbook(data), MEDIA["xlsx"]
        case "docx":
            # python-docx costs a start of the program more than all else; few requests need it.
            from vonggac.paper import word

            content, media = word.document(made, template), word.MEDIA_TYPE
        case _:
            raise VonggacError(Kind.NOT_FOUND, "there is no such file of a report")
    return _download(who, content, media, f"bao-cao-{data['from']}-{data['to']}.{ending}")


def _download(who: Visitor, content: bytes, media: str, name: str) -> Response:
    with who.desk.database.writing() as connection:
        audit.record(
            connection, who.actor, audit.Act.DOCUMENT_MADE, now_ns=who.desk.now_ns(),
            thing="report", detail={"file": name},
        )  # fmt: skip
    return Response(
        content,
        media_type=media,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _own_unit(who: Visitor) -> str | None:
    """The unit on whose behalf the visitor counts."""
    now_ns = who.desk.now_ns()
    held = [one for one in who.person.held if Act.REPORT_SEE in one.acts and one.lasts(now_ns)]
    return next((one.body or one.unit for one in held if one.body or one.unit), None)


# -- pages -----------------------------------------------------------------------------------


@routes.get("/reports")
def reports_page(
    who: Signed,
    unit: Unit = "",
    first: Annotated[str, Query(alias="from", max_length=12)] = "",
    last: Annotated[str, Query(alias="to", max_length=12)] = "",
) -> Response:
    """The statistics of a unit over a span, by the units below it; kept reports."""
    who.signed_in  # noqa: B018
    try:
        span = span_of(who, first, last)
    except VonggacError as error:
        found = _faults(who, error)
        if not found:
            raise
        form = Form({"from": first, "to": last}, found)
        return _page(who, unit, span_of(who, "", ""), form, status=422)
    values = {"from": dates.write_day(span.first), "to": dates.write_day(span.last)}
    return _page(who, unit, span, Form(values))


def _faults(who: Visitor, error: VonggacError) -> dict[str, str]:
    fields = error.detail.get("fields")
    if isinstance(fields, dict) and set(fields.values()) <= set(FAULTS):
        return {str(name): who.t(FAULTS[str(why)]) for name, why in fields.items()}
    return {}


def _page(who: Visitor, unit: str, span: Span, form: Form, *, status: int = 200) -> Response:
    found = counted(who, unit, span)
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        kept = reports.listed(connection, who.person, now_ns=now_ns)
        today = legal.day_of(now_ns)
        names = {
            one: units.unit(connection, one, today).vi for one in {it.unit_id for it in kept} if one
        }
        path = units.path(connection, unit, today)[:-1] if unit else []
    return who.page(
        "reports.html",
        {
            **shown(who, found.whole),
            "counted": found,
            "parts": [
                (one, name, {code: part.part(code) for code in reports.BY_UNIT})
                for one, name, part in found.parts
            ],
            "bars": {one: bar(part, who) for one, _, part in found.parts},
            "by_unit": [BY_CODE[code] for code in reports.BY_UNIT],
            "span": span,
            "query": urlencode({"unit": unit, "from": span.first, "to": span.last}),
            "unit": unit,
            "path_above": path,
            "presets": _presets(who, unit),
            "form": form,
            "kept": kept,
            "names": names,
            "may_make": who.can("report_make"),
            "today": today,
        },
        status=status,
        section="reports",
    )


def shown(who: Visitor, whole: Statistics, codes: Sequence[str] = tuple(BY_CODE)) -> dict[str, Any]:
    """What the table of figures needs; a kept report has the figures of its day."""
    mine = [one for one in FIGURES if one.code in codes]
    return {
        "groups": {
            words: [whole.values[one.code] for one in mine if one.group == group]
            for group, words in GROUPS.items()
        },
        "reasons": {
            code: (report_papers.reason_words(code), count) for code, count in whole.reasons.items()
        },
        "said": report_papers.said,
        "percent": who.t.percent,
        "no_data": report_papers.NO_DATA,
    }


def _presets(who: Visitor, unit: str) -> list[tuple[str, str]]:
    today = legal.day_of(who.desk.now_ns())
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    spans = (
        (today, today),
        (today - timedelta(days=6), today),
        (month, today),
        (before.replace(day=1), before),
    )
    return [
        (words, urlencode({"unit": unit, "from": first, "to": last}))
        for words, (first, last) in zip(PRESETS, spans, strict=True)
    ]


def bar(part: Statistics, who: Visitor) -> Markup:
    """Facilities with and without a signal as two stretches; the numbers stand beside it."""
    connected, of = part.part("connected") or 0, len(part.rows)
    width = connected * 100 / max(1, of)
    said = escape(who.t("{n} trên {of} cơ sở có tín hiệu", n=connected, of=of))
    return Markup(  # noqa: S704 - the only words in it are escaped above
        f'<svg class="share-bar" role="img" aria-label="{said}" height="10">'
        f'<rect class="sb-of" width="100%" height="10" rx="2"/>'
        f'<rect class="sb-part" width="{width:.2f}%" height="10" rx="2"/></svg>'
    )


@routes.get("/reports/rows")
def rows_page(
    who: Signed,
    figure: Code = "facilities",
    unit: Unit = "",
    first: Annotated[str, Query(alias="from", max_length=12)] = "",
    last: Annotated[str, Query(alias="to", max_length=12)] = "",
    reason: Annotated[str, Query(max_length=40)] = "",
    report: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """The facilities that a figure counts, now or in a kept report."""
    if report:
        it, data = _allowed(who, report)
        whole, name = reports.statistics_of(data), str(data["unit"]["name"])
        if unit:
            name, whole = reports.narrowed(data, unit)
        query = ""
    else:
        span = span_of(who, first, last)
        found = counted(who, unit, span)
        it, whole, name = None, found.whole, found.name
        query = urlencode({"unit": unit, "from": span.first, "to": span.last})
    every = _behind(whole, figure, reason)
    return who.page(
        "report_rows.html",
        {
            "figure": BY_CODE[figure],
            "reason": report_papers.reason_words(reason) if reason else "",
            "rows": every[:MOST_ROWS],
            "every": len(every),
            "value": whole.values[figure],
            "name": name,
            "span": whole.span,
            "query": query,
            "report": it,
            "surveys": SURVEYS,
            "said": report_papers.said,
            "words": report_papers.reason_words,
            "percent": who.t.percent,
            "part": _part,
        },
        section="reports",
    )


def _behind(whole: Statistics, figure: str, reason: str) -> list[Row]:
    if figure not in BY_CODE:
        raise VonggacError(Kind.NOT_FOUND, "there is no such figure")
    every = whole.counted(figure)
    return [row for row in every if reason in row.why] if reason else every


def _part(part: int, whole: int) -> int | None:
    return cut_hundredths(part, whole)


@routes.get("/reports/now.{ending}")
def now_file(
    who: Signed,
    ending: str,
    unit: Unit = "",
    first: Annotated[str, Query(alias="from", max_length=12)] = "",
    last: Annotated[str, Query(alias="to", max_length=12)] = "",
) -> Response:
    """The statistics as a .docx, .pdf or .xlsx, as they are now; nothing is kept."""
    return file_of(who, data_now(who, unit, span_of(who, first, last), "periodic"), ending)


@routes.get("/reports/daily.pdf")
def daily_pdf(who: Signed, unit: Unit = "", on: Day = "") -> Response:
    """The leader's page of a day."""
    last = day(on, "on") or legal.day_of(who.desk.now_ns())
    data = data_now(who, unit, Span(last, last), "daily")
    made = paper.pdf("daily", report_papers.day_values(data))
    return _download(who, made, MEDIA["pdf"], f"tinh-hinh-{last.isoformat()}.pdf")


@routes.post("/reports")
async def report_send(request: Request) -> Response:
    """Keep a report with its data and draft its letter."""
    values = form_values(dict(await request.form(max_files=0, max_fields=10)))

    def send() -> Response:
        who = visitor(request)
        who.check_form(values)
        unit = values.get("unit", "")
        try:
            span = span_of(who, values.get("from", ""), values.get("to", ""))
        except VonggacError as error:
            found = _faults(who, error)
            if not found:
                raise
            return _page(who, unit, span_of(who, "", ""), Form(values, found), status=422)
        made = make(who, unit, span, values.get("kind", ""), values.get("duty", ""))
        return RedirectResponse(f"/reports/{made}", 303)

    return await run_in_threadpool(send)


@routes.get("/reports/{report_id}")
def report_page(who: Signed, report_id: str) -> Response:
    """A kept report: its figures, its files, its paper."""
    it, data = _allowed(who, report_id)
    whole = reports.statistics_of(data)
    with who.desk.database.reading() as connection:
        found = papers.find(connection, it.paper_id) if it.paper_id else None
    return who.page(
        "report.html",
        {
            **shown(who, whole, [one["code"] for one in data["figures"]]),
            "it": it,
            "data": data,
            "span": whole.span,
            "paper": found,
            "parts": data["units"],
            "by_unit": [BY_CODE[code] for code in reports.BY_UNIT],
        },
        section="reports",
    )


@routes.get("/reports/{report_id}/file.{ending}")
def report_file(who: Signed, report_id: str, ending: str) -> Response:
    """A kept report as a file, from the data that it keeps."""
    it, data = _allowed(who, report_id)
    if it.kind == "daily" and ending == "pdf":
        made = paper.pdf("daily", report_papers.day_values(data))
        return _download(who, made, MEDIA["pdf"], f"tinh-hinh-{it.to_date.isoformat()}.pdf")
    return file_of(who, data, ending)


# -- API -------------------------------------------------------------------------------------


@api.get("/statistics", summary="Statistics of a unit over a span")
def statistics_api(
    who: Signed,
    unit: Unit = "",
    first: Annotated[str, Query(alias="from", max_length=12)] = "",
    last: Annotated[str, Query(alias="to", max_length=12)] = "",
) -> dict[str, Any]:
    """Each figure with its amount, the facilities that it counts, its share, and who says so."""
    return told(counted(who, unit, span_of(who, first, last)), who.desk.now_ns())


def told(found: Counted, now_ns: int) -> dict[str, Any]:
    """Statistics as the API and the command line say them."""
    data = reports.data_of(found, now_ns=now_ns)
    return {
        "unit": data["unit"], "from": data["from"], "to": data["to"], "counted": data["counted"],
        "figures": [
            {"code": one["code"], "name": BY_CODE[one["code"]].name, "amount": one["amount"],
             "facilities": one["facilities"], "share": one["share"],
             "source": BY_CODE[one["code"]].source or None}
            for one in data["figures"]
        ],
        "reasons": data["reasons"],
        "units": [
            {name: value for name, value in one.items() if name != "sites"} for one in data["units"]
        ],
    }  # fmt: skip


@api.get("/statistics/rows", summary="The facilities that a figure counts")
def rows_api(
    who: Signed,
    figure: Code = "facilities",
    unit: Unit = "",
    first: Annotated[str, Query(alias="from", max_length=12)] = "",
    last: Annotated[str, Query(alias="to", max_length=12)] = "",
    reason: Annotated[str, Query(max_length=40)] = "",
) -> dict[str, Any]:
    """With everything that is known of each."""
    found = counted(who, unit, span_of(who, first, last))
    rows = _behind(found.whole, figure, reason)
    return {"figure": figure, "rows": [statistics.as_json(row) for row in rows]}


@api.get("/reports", summary="Kept reports")
def every_report(who: Signed) -> dict[str, Any]:
    """The newest first."""
    who.signed_in  # noqa: B018
    with who.desk.database.reading() as connection:
        found = reports.listed(connection, who.person, now_ns=who.desk.now_ns())
    return {"reports": [_json(one) for one in found]}


@api.post("/reports", summary="Keep a report", status_code=201)
async def add_report(request: Request, body: ReportBody) -> dict[str, Any]:
    """Counts now, keeps the rows with a hash, and drafts the letter of a periodic one."""

    def add() -> dict[str, Any]:
        who = visitor(request)
        span = span_of(who, body.first, body.last)
        made = make(who, body.unit or "", span, body.kind, body.duty)
        return _json(_allowed(who, made)[0])

    return await run_in_threadpool(add)


@api.get("/reports/{report_id}", summary="One kept report")
def one_report(who: Signed, report_id: str) -> dict[str, Any]:
    """With its data: figures, the ids that each counts, the rows."""
    it, data = _allowed(who, report_id)
    return {**_json(it), "data": data}


@api.get("/reports/{report_id}/file.{ending}", summary="A kept report as a file")
def report_file_api(who: Signed, report_id: str, ending: str) -> Response:
    """docx, pdf or xlsx."""
    return report_file(who, report_id, ending)


def _json(one: Report) -> dict[str, Any]:
    return {
        "id": one.id,
        "unit": one.unit_id,
        "kind": one.kind,
        "from": one.from_date.isoformat(),
        "to": one.to_date.isoformat(),
        "sha256": one.sha256,
        "paper": one.paper_id,
        "made": {"by": one.made_by, "at": rfc3339(one.made_ns)},
    }
