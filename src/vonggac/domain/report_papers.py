"""What a report looks like: the letter upward, the workbook, the leader's page of a day.

All of them are made from the data that a report keeps, and from nothing else.
"""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import letters, money, reports, survey_forms
from vonggac.domain.legal import VIETNAM
from vonggac.domain.statistics import BY_CODE, GROUPS, UNKNOWN
from vonggac.paper.letter import Appendix, Bar, Chart, Grid, Letter, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonggac.domain.directives import Owed
    from vonggac.domain.issuers import Office

OURS: Final = "cách tính của phần mềm"
NO_DATA: Final = "chưa có dữ liệu"
NANO_HOURS: Final = 3_600_000_000_000
ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
MOST_BARS: Final = 30
"""Units of a chart at most; the table has them all (ours: about a page)."""
UNKNOWN_WORDS: Final = "chưa rõ, chưa có kết luận khảo sát"
COLUMNS: Final = (
    ("code", "Mã"), ("title", "Cơ sở"), ("line", "Loại hình"), ("survey", "Khảo sát"),
    ("qualifies", "Đủ điều kiện"), ("connected", "Có tín hiệu"), ("why", "Lý do chưa có tín hiệu"),
    ("accepted", "Đã nghiệm thu kết nối"),
    ("cameras", "Camera"), ("cameras_measured", "Đã đo"), ("cameras_qualified", "Đủ điều kiện"),
    ("cameras_connected", "Có tín hiệu"), ("cameras_online", "Trực tuyến"),
    ("cameras_accepted", "Nghiệm thu kết nối"), ("cameras_confirmed", "Doanh nghiệp xác nhận"),
    ("linked", "Kết nối %"), ("recorded", "Ghi hình %"), ("inspected", "Lượt kiểm tra"),
    ("last_inspection", "Kiểm tra gần nhất"), ("inspection_late", "Quá hạn kiểm tra"),
    ("tasks", "Công việc"), ("tasks_done", "Xong"), ("tasks_late", "Quá hạn"),
    ("asked", "Đề nghị (đồng)"), ("appraised", "Thẩm định (đồng)"),
    ("approved", "Phê duyệt (đồng)"),
)  # fmt: skip
"""Columns of the rows behind the figures, in a workbook."""
LINES: Final[Mapping[str, str]] = {
    "military": "quân đội", "paid_hotel": "khách sạn thu phí", "civil": "dân sự",
}  # fmt: skip
SURVEYS: Final[Mapping[str, str]] = {
    "": "chưa yêu cầu", "asked": "chưa trả lời", "answered": "đã trả lời",
    "verified": "đã xác nhận", "disputed": "trả lại", "refused": "từ chối",
}  # fmt: skip


def reason_words(code: str) -> str:
    """What people call a reason of not being connected."""
    if code == UNKNOWN:
        return UNKNOWN_WORDS
    known = survey_forms.rules().reasons
    return known[code].vi if code in known else code


def said(code: str, amount: int) -> str:
    """A figure as people read it."""
    kind = BY_CODE[code].kind
    if kind == "money":
        return money.said(amount)
    if kind == "part":
        return f"{money.grouped(amount // NANO_HOURS)} giờ camera"
    return money.grouped(amount)


def named(code: str) -> str:
    """What a figure is called, with who says so where others say something like it."""
    figure = BY_CODE[code]
    return f"{figure.name} ({figure.source})" if figure.source else figure.name


def percent(hundredths: int | None) -> str:
    """96,42 %, or that there are no data."""
    return NO_DATA if hundredths is None else f"{money.percent(hundredths)} %"


# -- the letter ------------------------------------------------------------------------------


def letter(
    data: Mapping[str, Any],
    office: Office,
    above: str,
    *,
    on: date,
    of: Owed | None = None,
    under: str = "",
) -> Letter:
    """The report upward.

    Args:
        data: as `reports.data_of` made it.
        office: who reports.
        above: to whom.
        on: today.
        of: what is owed and paid with it; whoever ordered it is addressed.
        under: by which directive, as `citing.opening` says it; empty is by none.
    """
    name, span = data["unit"]["name"], _span(data)
    above = of.directive.issuer if of else above
    body: list[Any] = [
        Text(
            f"{under}{office.name} báo cáo kết quả giám sát bằng camera tại các cơ sở "
            f"cách ly tập trung, phạm vi: {name}, {span}, số liệu lúc {_moment(data['counted'])}."
        )
    ]
    figures = {one["code"]: one for one in data["figures"]}
    for at, (group, words) in enumerate(GROUPS.items()):
        body.append(Text(words.upper(), f"{ROMAN[at]}."))
        # A report that was kept by an earlier version has fewer figures.
        codes = [code for code, one in BY_CODE.items() if one.group == group and code in figures]
        mine = [figures[code] for code in codes]
        rows = tuple((named(one["code"]), _amount(one), _share(one)) for one in mine)
        body.append(Grid(("Chỉ tiêu", "Số liệu", "Tỷ lệ"), rows, (58, 24, 18), frozenset((1, 2))))
        if group == "connect" and data["reasons"]:
            body.append(_reasons(data["reasons"]))
            body.append(_reasons_chart(data["reasons"]))
    body.append(
        Text(
            f"Có tín hiệu, tỷ lệ kết nối và tỷ lệ ghi hình là {OURS}; hai tỷ lệ tính riêng trên "
            "thời gian camera đã đối soát; tỷ lệ không làm tròn lên",
            slanted=True,
        )
    )
    return Letter(
        kind=letters.kinds()["bao-cao"],
        issuer=office.issuer,
        drafted=on,
        subject=f"Kết quả giám sát bằng camera tại các cơ sở cách ly tập trung, {span}",
        body=tuple(body),
        signatures=(office.signature,),
        addressees=(above,) if above else (),
        recipients=("Như trên",) if above else (),
        archive="VT",
        appendices=_appendices(data),
    )


def _reasons(reasons: Mapping[str, int]) -> Grid:
    rows = tuple((reason_words(code), money.grouped(count)) for code, count in reasons.items())
    return Grid(("Lý do chưa có tín hiệu", "Số cơ sở"), rows, (76, 24), frozenset((1,)))


def _reasons_chart(reasons: Mapping[str, int]) -> Chart:
    bars = tuple(
        Bar(reason_words(code), (count,), money.grouped(count)) for code, count in reasons.items()
    )
    return Chart("Cơ sở chưa có tín hiệu theo lý do", ("Số cơ sở",), bars)


def _units_chart(units: Sequence[Mapping[str, Any]]) -> tuple[Chart, ...]:
    """Connected and not by unit, in the order of the table; of many, those with most not so."""
    codes = ("connected", "not_connected")
    counted = [
        (one["name"], tuple(one[code] or 0 for code in codes))
        for one in units
        if any(one[code] for code in codes)
    ]
    if not counted:
        return ()
    title = "Cơ sở có và chưa có tín hiệu theo đơn vị"
    if len(counted) > MOST_BARS:
        title = f"{title} ({MOST_BARS} đơn vị có nhiều cơ sở chưa có tín hiệu nhất)"
        counted = sorted(counted, key=lambda one: -one[1][1])[:MOST_BARS]
    bars = tuple(
        Bar(name, values, " / ".join(money.grouped(value) for value in values))
        for name, values in counted
    )
    return (Chart(title, tuple(BY_CODE[code].name for code in codes), bars),)


def _amount(one: Mapping[str, Any]) -> str:
    if BY_CODE[one["code"]].kind == "part" and one["share"] is None:
        return NO_DATA
    return said(one["code"], one["amount"])


def _share(one: Mapping[str, Any]) -> str:
    if not BY_CODE[one["code"]].of:
        return "–"
    return "–" if one["share"] is None else f"{money.percent(one['share'])} %"


def _appendices(data: Mapping[str, Any]) -> tuple[Appendix, ...]:
    if not data["units"]:
        return ()
    names = [BY_CODE[code].name for code in reports.BY_UNIT]
    rows = tuple(
        (one["name"], *(_cell(code, one.get(code)) for code in reports.BY_UNIT))
        for one in data["units"]
    )
    shares = (15, *(8,) * 5, *(7,) * 5, 10)
    grid = Grid(("Đơn vị", *names), rows, shares, frozenset(range(1, len(shares))))
    return (Appendix("Số liệu theo đơn vị", (grid, *_units_chart(data["units"])), landscape=True),)


def _cell(code: str, value: int | None) -> str:
    if value is None:
        return "–"
    return f"{money.percent(value)} %" if code == "recorded" else money.grouped(value)


def _span(data: Mapping[str, Any]) -> str:
    first, last = (date.fromisoformat(data[name]) for name in ("from", "to"))
    if first == last:
        return f"ngày {first:%d/%m/%Y}"
    return f"từ ngày {first:%d/%m/%Y} đến ngày {last:%d/%m/%Y}"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(VIETNAM).strftime("%H:%M ngày %d/%m/%Y")


# -- the workbook ----------------------------------------------------------------------------


def workbook(data: Mapping[str, Any]) -> bytes:
    """Figures, units and rows as sheets with charts; what is text is never a formula."""
    import xlsxwriter  # a tenth of a second of every start, for a file that few ask for

    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    formats = {"int": book.add_format({"num_format": "#,##0"}),
               "share": book.add_format({"num_format": "0.00"})}  # fmt: skip
    _figures_sheet(book, data, head, formats)
    _units_sheet(book, data, head, formats)
    _rows_sheet(book, data, head, formats)
    book.close()
    return made.getvalue()


def _figures_sheet(
    book: Any, data: Mapping[str, Any], head: Any, formats: Mapping[str, Any]
) -> None:
    sheet = book.add_worksheet("Chỉ tiêu")
    sheet.set_column(0, 0, 40)
    sheet.set_column(1, 4, 16)
    sheet.write_string(0, 0, f"{data['unit']['name']}, {_span(data)}", head)
    counted = f"Số liệu lúc {_moment(data['counted'])}"
    sheet.write_string(1, 0, f"{counted}; có tín hiệu và liên tục: {OURS}")
    for column, name in enumerate(("Chỉ tiêu", "Số liệu", "Số cơ sở", "Tỷ lệ %", "Đơn vị tính")):
        sheet.write_string(3, column, name, head)
    at = 4
    for one in data["figures"]:
        figure = BY_CODE[one["code"]]
        hours = figure.kind == "part"
        sheet.write_string(at, 0, named(figure.code))
        amount = one["amount"] / NANO_HOURS if hours else one["amount"]
        sheet.write_number(at, 1, amount, formats["share" if hours else "int"])
        sheet.write_number(at, 2, one["facilities"], formats["int"])
        if one["share"] is not None:
            sheet.write_number(at, 3, one["share"] / 100, formats["share"])
        sheet.write_string(at, 4, _unit(figure.kind))
        at += 1
    if not data["reasons"]:
        return
    at += 1
    sheet.write_string(at, 0, "Lý do chưa có tín hiệu", head)
    sheet.write_string(at, 1, "Số cơ sở", head)
    first = at + 1
    for code, count in data["reasons"].items():
        at += 1
        sheet.write_string(at, 0, reason_words(code))
        sheet.write_number(at, 1, count, formats["int"])
    title = "Cơ sở chưa có tín hiệu theo lý do"
    _chart(book, sheet, "Chỉ tiêu", title, (first, at), {1: "Số cơ sở"}, "G4")


def _unit(kind: str) -> str:
    return {"facilities": "cơ sở", "sum": "số lượng", "money": "đồng", "part": "giờ camera"}[kind]


def _units_sheet(book: Any, data: Mapping[str, Any], head: Any, formats: Mapping[str, Any]) -> None:
    sheet = book.add_worksheet("Theo đơn vị")
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, len(reports.BY_UNIT), 14)
    sheet.write_string(0, 0, "Đơn vị", head)
    for column, code in enumerate(reports.BY_UNIT, 1):
        mark = " %" if BY_CODE[code].kind == "part" else ""
        sheet.write_string(0, column, f"{BY_CODE[code].name}{mark}", head)
    for at, one in enumerate(data["units"], 1):
        sheet.write_string(at, 0, one["name"])
        for column, code in enumerate(reports.BY_UNIT, 1):
            value = one.get(code)
            if value is None:
                continue
            part = BY_CODE[code].kind == "part"
            sheet.write_number(
                at, column, value / 100 if part else value, formats["share" if part else "int"]
            )
    if data["units"]:
        places = {reports.BY_UNIT.index(code) + 1: BY_CODE[code].name
                  for code in ("connected", "not_connected")}  # fmt: skip
        _chart(book, sheet, "Theo đơn vị", "Cơ sở có và chưa có tín hiệu", (1, len(data["units"])),
               places, "M2")  # fmt: skip


def _chart(
    book: Any, sheet: Any, page: str, title: str, lines: tuple[int, int],
    columns: Mapping[int, str], at: str,
) -> None:  # fmt: skip
    chart = book.add_chart({"type": "bar", "subtype": "stacked"})
    for column, name in columns.items():
        chart.add_series(
            {
                "name": name,
                "categories": [page, lines[0], 0, lines[1], 0],
                "values": [page, lines[0], column, lines[1], column],
            }
        )
    chart.set_title({"name": title})
    chart.set_y_axis({"reverse": True})
    chart.set_size({"width": 620, "height": max(240, 60 + 26 * (lines[1] - lines[0] + 1))})
    sheet.insert_chart(at, chart)


def _rows_sheet(book: Any, data: Mapping[str, Any], head: Any, formats: Mapping[str, Any]) -> None:
    sheet = book.add_worksheet("Cơ sở")
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 1, 36)
    sheet.set_column(2, len(COLUMNS), 13)
    for column, (_, name) in enumerate(COLUMNS):
        sheet.write_string(0, column, name, head)
    for at, row in enumerate(reports.statistics_of(data).rows, 1):
        for column, (name, _) in enumerate(COLUMNS):
            value = _row_value(row, name)
            if isinstance(value, str):
                sheet.write_string(at, column, value)
            elif value is not None:
                part = name in ("linked", "recorded")
                sheet.write_number(at, column, value, formats["share" if part else "int"])
    sheet.freeze_panes(1, 2)


def _row_value(row: Any, name: str) -> str | float | None:
    special: dict[str, Callable[[], str | float | None]] = {
        "line": lambda: LINES.get(row.line, row.line),
        "survey": lambda: SURVEYS.get(row.survey, row.survey),
        "why": lambda: "; ".join(reason_words(code) for code in row.why),
        "linked": lambda: _part_of(row.linked_ns, row.known_ns),
        "recorded": lambda: _part_of(row.recorded_ns, row.known_ns),
        "last_inspection": lambda: f"{row.last_inspection:%d/%m/%Y}" if row.last_inspection else "",
    }
    value = special[name]() if name in special else getattr(row, name)
    if isinstance(value, bool):
        return "có" if value else "không"
    return value


def _part_of(part: int, whole: int) -> float | None:
    return None if not whole else part * 10_000 // whole / 100


# -- the leader's page -----------------------------------------------------------------------


def day_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the template `daily` asks for: one sheet of A4."""
    figures = {one["code"]: one for one in data["figures"]}
    day = data["day"]
    told = {
        name: [_shortened(one) for one in day[name][: reports.MOST_LINES]]
        for name in ("done", "late", "signs", "came", "went")
    }
    more = {name: max(0, len(day[name]) - reports.MOST_LINES) for name in told}
    codes = (
        "facilities", "verified", "qualified", "connected", "not_connected", "accepted", "cameras",
        "cameras_measured", "cameras_online", "cameras_accepted", "cameras_confirmed", "linked",
        "recorded", "inspection_late", "tasks_late", "money_approved",
    )  # fmt: skip
    return {
        "unit": data["unit"]["name"],
        "day": f"{date.fromisoformat(data['to']):%d/%m/%Y}",
        "counted": _moment(data["counted"]),
        "figures": [
            {"name": named(code), "said": _day_figure(figures[code])}
            for code in codes
            if code in figures
        ],
        "lists": told,
        "more": more,
        "counts": {name: len(day[name]) for name in told},
        "ours": OURS,
    }


def _day_figure(one: Mapping[str, Any]) -> str:
    if BY_CODE[one["code"]].kind == "part":
        return percent(one["share"])
    share = f" ({money.percent(one['share'])} %)" if one["share"] is not None else ""
    return f"{said(one['code'], one['amount'])}{share}"


def _shortened(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: f"{value[:117]}…" if isinstance(value, str) and len(value) > 118 else value
        for name, value in one.items()
    }
