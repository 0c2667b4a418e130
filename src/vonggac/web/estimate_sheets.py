"""What leaves as a sheet: an estimate, the summary of a province, prices; and prices coming in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from vonggac.domain import (
    access,
    audit,
    costs,
    estimate,
    estimates,
    money,
    prices,
    registry,
    units,
)
from vonggac.domain.access import SYSTEM, Act
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError
from vonggac.web import dates, evidence_api, rights
from vonggac.web.desk import Visitor, visitor
from vonggac.web.estimates import PAGE, allowed, state_words, words_of
from vonggac.web.plans import FAULTS, day_in, faults, today
from vonggac.web.render import Form, form_values
from vonggac.web.staff import XLSX, new_book

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.estimate import Column, Line

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

FAULTS_SHOWN = 50
"""Wrong cells of a sheet that a page lists."""


# -- the summary -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summed:
    """An estimate in the summary: what each column and each later step comes to, in đồng."""

    it: estimates.Estimate
    site: registry.Site
    province: str
    waits: str
    """The step that it waits for; empty at the end."""
    asked: int
    appraised: int | None
    approved: int | None
    contracted: int | None
    settled: int | None

    @property
    def counts(self) -> bool:
        """Whether it was submitted: what is still written, or was sent back, adds nothing."""
        return self.it.state not in (estimate.DRAFT, estimate.RETURNED)


AMOUNTS = ("asked", "appraised", "approved", "contracted", "settled")


@dataclass(frozen=True, slots=True)
class Province:
    """A province with its estimates and their sums."""

    name: str
    rows: list[Summed]

    def total(self, column: str) -> int:
        """What the submitted estimates come to in one column."""
        return sum(getattr(row, column) or 0 for row in self.rows if row.counts)

    @property
    def counted(self) -> int:
        """How many were submitted."""
        return sum(row.counts for row in self.rows)


def summary(who: Visitor) -> list[Province]:
    """The last version of every estimate in scope, by province, with exact sums."""
    who.signed_in  # noqa: B018
    now_ns = who.desk.now_ns()
    with who.desk.database.reading() as connection:
        ids = access.sites_for(connection, who.person, Act.ESTIMATE_SEE, now_ns)
        sites = {site.id: site for site in registry.sites(connection)}
        every = estimates.listed(connection, ids, most=None)
        sums = estimates.sums_of(connection, every)
        amounts = estimates.amounts_of(connection, [one.id for one in every])
        where = estimates.provinces(connection)
        names = {
            unit_id: who.t.of(Words(found.vi, found.en))
            for unit_id in {where[one.site_id] for one in every if where[one.site_id]}
            if (found := _unit(connection, unit_id, who)) is not None
        }
    rows: dict[str, list[Summed]] = {}
    for one in every:
        name = names.get(where[one.site_id], who.t("chưa gán đơn vị"))
        own = amounts.get(one.id, {})
        said = _summed(one, sites[one.site_id], name, sums.get(one.id, {}), own)
        rows.setdefault(name, []).append(said)
    return [
        Province(name, sorted(found, key=lambda row: (row.site.name, row.it.code)))
        for name, found in sorted(rows.items())
    ]


def paged(
    provinces: Sequence[Province], offset: int, most: int
) -> tuple[list[tuple[Province, list[Summed]]], int]:
    """A page of the summary's rows, each province that has some with its own; and how many in all.

    A province's sums stay those of all its estimates.
    """
    every = [(province, row) for province in provinces for row in province.rows]
    shown: list[tuple[Province, list[Summed]]] = []
    for province, row in every[offset : offset + most]:
        if not shown or shown[-1][0] is not province:
            shown.append((province, []))
        shown[-1][1].append(row)
    return shown, len(every)


def _summed(
    one: estimates.Estimate,
    site: registry.Site,
    province: str,
    sums: Mapping[Column, int | None],
    amounts: Mapping[str, int],
) -> Summed:
    step = estimate.next_step(one.state, site.owner_line)
    return Summed(
        one, site, province, step.code if step else "", sums.get("asked") or 0,
        sums.get("appraised"), sums.get("approved"), amounts.get("contracted"),
        amounts.get("settled"),
    )  # fmt: skip


@routes.get("/estimates/summary")
def summary_page(who: Signed, page: Annotated[str, Query(max_length=6)] = "1") -> Response:
    """One table a province: what was asked for, appraised, approved, contracted, paid."""
    number = max(1, int(page)) if page.isascii() and page.isdigit() else 1
    shown, found = paged(summary(who), (number - 1) * PAGE, PAGE)
    return who.page(
        "estimate_summary.html",
        {
            "shown": shown,
            "rows": sum(len(rows) for _, rows in shown),
            "found": found,
            "page": number,
            "size": PAGE,
            "amounts": AMOUNTS,
            "state_words": state_words,
            **words_of(),
        },
        section="estimates",
    )


@routes.get("/estimates/summary.xlsx")
def summary_sheet(who: Signed) -> Response:
    """The same as a sheet, with real numbers and sums that the sheet reckons."""
    t, found = who.t, summary(who)
    made = io.BytesIO()
    book = new_book(made)
    head, money_cell, text = _formats(book)
    sheet = book.add_worksheet(t("Bảng tổng hợp"))
    sheet.set_column(0, 2, 28)
    sheet.set_column(3, 8, 18)
    names = [
        t("Tỉnh, thành phố"), t("Cơ sở"), t("Dự toán"), t("Đề nghị"), t("Thẩm định"),
        t("Phê duyệt"), t("Hợp đồng"), t("Quyết toán"), t("Trạng thái"),
    ]  # fmt: skip
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, head)
    rows = [(province, one) for province in found for one in province.rows if one.counts]
    for at, (province, row) in enumerate(rows, start=1):
        said = (province.name, row.site.title or row.site.name, row.it.code)
        for column, text_ in enumerate(said):
            sheet.write_string(at, column, text_, text)
        for column, name in enumerate(AMOUNTS, start=3):
            amount = getattr(row, name)
            if amount is not None:
                sheet.write_number(at, column, amount, money_cell)
        sheet.write_string(at, 8, state_words(t, row.it.state), text)
    last = len(rows)
    sheet.write_string(last + 1, 0, t("Tổng"), head)
    for column, name in enumerate(AMOUNTS, start=3):
        total = sum(province.total(name) for province in found)
        letter = "ABCDEFGHI"[column]
        formula = f"=SUM({letter}2:{letter}{last + 1})" if last else "=0"
        sheet.write_formula(last + 1, column, formula, money_cell, total)
    sheet.freeze_panes(1, 0)
    book.close()
    _taken(who, "estimate summary")
    return _file(made.getvalue(), "tong-hop-du-toan.xlsx")


# -- one estimate ----------------------------------------------------------------------------


@routes.get("/estimates/{estimate_id}/file.xlsx")
def estimate_sheet(who: Signed, estimate_id: str) -> Response:
    """An estimate as a sheet: Vietnamese, real numbers, products and sums as formulas."""
    it, _ = allowed(who, estimate_id)
    with who.desk.database.reading() as connection:
        lines = estimates.lines(connection, it.id)
        site = registry.site(connection, it.site_id)
    made = io.BytesIO()
    book = new_book(made)
    _write_estimate(book, it, site.title or site.name if site else "", lines)
    book.close()
    _taken(who, "estimate", it)
    return _file(made.getvalue(), f"du-toan-{it.code}-v{it.version}.xlsx")


HEADINGS = (
    "TT", "Nội dung", "Đơn vị", "Số lượng", "Đơn giá", "Thành tiền đề nghị", "Thuế GTGT (%)",
    "Số lượng thẩm định", "Đơn giá thẩm định", "Thành tiền thẩm định", "Lý do thẩm định",
    "Thành tiền phê duyệt", "Lý do phê duyệt", "Nguồn giá", "Nguồn vốn", "Thuyết minh",
)  # fmt: skip
"""The sheet is a paper for an authority: Vietnamese whatever the page's language."""


def _write_estimate(book: Any, it: estimates.Estimate, site: str, lines: Sequence[Line]) -> None:
    head, amount, text = _formats(book)
    sheet = book.add_worksheet("Dự toán")
    sheet.set_column(0, 0, 5)
    sheet.set_column(1, 1, 44)
    sheet.set_column(2, 15, 16)
    sheet.write_string(0, 1, f"Dự toán {it.code}, phiên bản {it.version}: {it.title}", head)
    sheet.write_string(1, 1, f"{site}. Giá từ: {it.catalogue}. Đơn vị: đồng.", text)
    for column, name in enumerate(HEADINGS):
        sheet.write_string(3, column, name, head)
    funding = {code: name.vi for code, name in costs.funding().items()}
    for at, line in enumerate(lines, start=4):
        sheet.write_number(at, 0, line.at)
        sheet.write_string(at, 1, line.title, text)
        sheet.write_string(at, 2, line.unit, text)
        sheet.write_number(at, 3, line.quantity, amount)
        sheet.write_number(at, 4, line.price, amount)
        sheet.write_formula(at, 5, f"=D{at + 1}*E{at + 1}", amount, line.asked)
        sheet.write_number(at, 6, line.vat / 100)
        if line.appraised_quantity is not None and line.appraised_price is not None:
            sheet.write_number(at, 7, line.appraised_quantity, amount)
            sheet.write_number(at, 8, line.appraised_price, amount)
            sheet.write_formula(at, 9, f"=H{at + 1}*I{at + 1}", amount, line.appraised)
        if line.approved is not None:
            sheet.write_number(at, 11, line.approved, amount)
        for column, said in ((10, line.appraised_why), (12, line.approved_why),
                             (13, line.source), (14, funding.get(line.funding, "")),
                             (15, line.note)):  # fmt: skip
            sheet.write_string(at, column, said, text)
    _write_totals(sheet, it, lines, head, amount)


def _write_totals(
    sheet: Any, it: estimates.Estimate, lines: Sequence[Line], head: Any, amount: Any
) -> None:
    """Sums as figures: the rounding of tax and contingency is ours, and stated on the page."""
    at = 4 + len(lines)
    names = ("Cộng", "Thuế GTGT", f"Dự phòng {money.percent(it.contingency)} %", "Tổng")
    for row, name in enumerate(names, start=at):
        sheet.write_string(row, 1, name, head)
    places: dict[Column, int] = {"asked": 5, "appraised": 9, "approved": 11}
    last = None
    for which, column in places.items():
        found = estimate.totals_of(lines, which, it.contingency) if lines else None
        if found is None:
            continue
        last = found
        said = (found.sum, found.tax, found.contingency, found.total)
        for row, value in enumerate(said, start=at):
            sheet.write_number(row, column, value, amount)
    if last is not None:
        sheet.write_string(at + 5, 1, f"Bằng chữ: {money.in_words(last.total)}.")
    sheet.freeze_panes(4, 2)


# -- prices ----------------------------------------------------------------------------------


@routes.get("/prices")
def prices_page(who: Signed) -> Response:
    """The prices in force today, and the form to enter others."""
    return _prices(who, Form({"from": dates.write_day(today(who))}), [])


def _prices(
    who: Visitor, form: Form, wrong: Sequence[prices.Fault], *, status: int = 200
) -> Response:
    with who.desk.database.reading() as connection:
        catalogue = prices.in_force(connection, today(who))
    return who.page(
        "prices.html",
        {
            "catalogue": catalogue,
            "may_enter": who.may(Act.SETTINGS_EDIT, SYSTEM),
            "wrong": [(one, FAULTS[one.why]) for one in wrong[:FAULTS_SHOWN]],
            "more": max(0, len(wrong) - FAULTS_SHOWN),
            "form": form,
            "rates": list(costs.vat(today(who)).values()),
            **words_of(),
        },
        status=status,
        section="estimates",
    )


@routes.get("/prices.xlsx")
def prices_sheet(who: Signed) -> Response:
    """The prices in force as the sheet that can be sent in again."""
    with who.desk.database.reading() as connection:
        catalogue = prices.in_force(connection, today(who))
    made = io.BytesIO()
    book = new_book(made)
    head, amount, text = _formats(book)
    sheet = book.add_worksheet("Danh mục giá")
    sheet.set_column(0, 8, 18)
    sheet.set_column(3, 3, 48)
    for at, row in enumerate(prices.rows_of(catalogue)):
        for column, cell in enumerate(row):
            if isinstance(cell, int):
                sheet.write_number(at, column, cell, amount)
            else:
                sheet.write_string(at, column, cell, text if at else head)
    sheet.freeze_panes(1, 0)
    book.close()
    return _file(made.getvalue(), "danh-muc-gia.xlsx")


@routes.post("/prices")
async def prices_send(request: Request) -> Response:
    """Enter a catalogue from a sheet: all of its rows, or none."""
    async with request.form(max_files=1, max_fields=10) as form:
        file, values = form.get("file"), form_values(dict(form))
        content = b""
        if isinstance(file, UploadFile):
            content = await file.read(prices.FILE_MOST + 1)
    return await run_in_threadpool(_enter, request, values, content)


def _enter(request: Request, values: dict[str, str], content: bytes) -> Response:
    who = visitor(request)
    who.check_form(values)
    who.signed_in  # noqa: B018
    desk, from_date = who.desk, day_in(values, "from")
    with desk.database.reading() as connection:
        actor = evidence_api.someone(
            who, rights.require(connection, who, Act.SETTINGS_EDIT, SYSTEM)
        )
    try:
        rows, wrong = prices.read(content, today=today(who))
        if wrong:
            return _prices(who, Form(values), wrong, status=422)
        if from_date is None:
            raise VonggacError(  # noqa: TRY301 - answered as the others
                Kind.BAD_INPUT, "from: no date", fields={"from": "no_date"}
            )
        with desk.database.writing() as connection:
            prices.enter(
                connection, rows, title=values.get("title", ""), from_date=from_date,
                sha256=prices.digest(content), by=actor, now_ns=desk.now_ns(),
            )  # fmt: skip
    except VonggacError as error:
        found = faults(who, error)
        if not found:
            raise
        return _prices(who, Form(values, found), [], status=422)
    return RedirectResponse("/prices", 303)


# -- what sheets share -----------------------------------------------------------------------


def _formats(book: Any) -> tuple[Any, Any, Any]:
    return (
        book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        book.add_format({"num_format": "#,##0", "valign": "top"}),
        book.add_format({"text_wrap": True, "valign": "top"}),
    )


def _taken(who: Visitor, what: str, it: estimates.Estimate | None = None) -> None:
    with who.desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            audit.Act.DOCUMENT_MADE,
            now_ns=who.desk.now_ns(),
            thing=it.id if it else "",
            site=it.site_id if it else "",
            detail={"what": what},
        )


def _file(content: bytes, name: str) -> Response:
    return Response(
        content,
        media_type=XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _unit(connection: Connection, unit_id: str, who: Visitor) -> units.Unit | None:
    try:
        return units.unit(connection, unit_id, today(who))
    except VonggacError:  # it ended, or has no name on this day
        return None
