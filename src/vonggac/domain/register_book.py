"""The register as a workbook: the template that people fill in, and everything that stands.

What is written here `register_sheets.read` takes back unchanged, also when another program has
opened and saved it in between.  Cells are text but for numbers, so that no program makes a
telephone number a figure or a code a day.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import register, register_places, registry
from vonggac.domain import register_sheets as sheets
from vonggac.domain.duties import line_words
from vonggac.domain.register_import import Choices, text_of
from vonggac.domain.register_sheets import AREAS, CAMERAS, CONTACTS, FACILITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.rules import Placement

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LIST_ROWS: Final = 2_000
"""Rows of the template that offer a list of choices (ours)."""


def template(connection: Connection, placement: Placement) -> bytes:
    """The workbook to fill in: headings, choices, a sheet that explains."""
    return _book(dict.fromkeys(sheets.COLUMNS, ()), Choices(connection, placement), placement)


def export(connection: Connection, site_ids: Sequence[str], placement: Placement) -> bytes:
    """Everything that the register says of these facilities.

    Args:
        connection: a transaction.
        site_ids: which facilities; whoever asks may see the details of each.
        placement: the rule in force, for the sheet that explains.
    """
    wanted = set(site_ids)
    only = list(wanted) if len(wanted) <= 400 else None
    facilities = {
        site_id: one
        for site_id, one in register.facilities(connection, only).items()
        if site_id in wanted
    }
    codes = {site_id: one.said.name for site_id, one in facilities.items()}
    facts = register_places.facts(connection, only)
    contacts = register.contacts(connection, only)
    order = {kind: at for at, kind in enumerate(register.kinds().contacts)}
    rows: dict[str, Iterable[Mapping[str, Any]]] = {
        FACILITIES: (_values(one.said) for one in facilities.values()),
        AREAS: sorted(
            (
                {"site": codes[key[0]], **_values(one)}
                for key, one in register_places.areas(connection, only).items()
                if key[0] in codes
            ),
            key=lambda row: (row["site"], row["zone"], row["code"]),
        ),
        CAMERAS: _cameras(registry.cameras_of(connection, only), codes, facts),
        CONTACTS: sorted(
            (
                {"site": codes[key[0]], **_values(one), "order": order[one.kind]}
                for key, one in contacts.items()
                if key[0] in codes
            ),
            key=lambda row: (row["site"], row["order"]),
        ),
    }
    return _book(rows, Choices(connection, placement), placement)


def _values(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__}


def _cameras(
    cameras: Iterable[registry.Camera],
    codes: Mapping[str, str],
    facts: Mapping[str, register_places.Facts],
) -> Iterator[Mapping[str, Any]]:
    nothing = register_places.Facts()
    for one in sorted(
        (one for one in cameras if one.site_id in codes),
        key=lambda one: (codes[one.site_id], one.zone, one.name),
    ):
        yield {
            **_values(facts.get(one.id, nothing)), "site": codes[one.site_id], "name": one.name,
            "title": one.title, "zone": one.zone, "main_url": one.main_url,
            "sub_url": one.sub_url, "user_name": one.user_name,
            "retention_days": one.retention_days, "source": one.source,
            "record_sub": one.record_sub, "transcode": one.transcode,
        }  # fmt: skip


def _book(
    rows: Mapping[str, Iterable[Mapping[str, Any]]], choices: Choices, placement: Placement
) -> bytes:
    import xlsxwriter  # a tenth of a second of every start, for a file that few ask for

    made = io.BytesIO()
    # Row by row to a temporary file: 40,000 cameras are 900,000 cells.
    book = xlsxwriter.Workbook(
        made, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "num_format": "@"})
    must = book.add_format(
        {"bold": True, "bottom": 1, "text_wrap": True, "bg_color": "#E8ECF6", "num_format": "@"}
    )
    plain = book.add_format({"num_format": "@"})
    for name, columns in sheets.COLUMNS.items():
        sheet = book.add_worksheet(name)
        sheet.freeze_panes(1, 2 if name != FACILITIES else 1)
        for at, column in enumerate(columns):
            kept = None if column.kind == "number" else plain
            sheet.set_column(at, at, column.width, kept)
        for at, column in enumerate(columns):
            sheet.write_string(0, at, column.heading, must if column.required else bold)
        for number, row in enumerate(rows[name], start=1):
            for at, column in enumerate(columns):
                _cell(sheet, number, at, _shown(choices, name, column, row), plain)
        _offer(sheet, columns, placement)
    _guide(book, placement, bold, plain)
    book.close()
    return made.getvalue()


def _shown(choices: Choices, name: str, column: sheets.Column, row: Mapping[str, Any]) -> Any:
    value = row.get(column.field)
    if name == CONTACTS and column.field == "kind":
        return register.kinds().contacts[str(value)].vi
    if column.kind == "number":
        return value
    return text_of(choices, column.field, value)


def _cell(sheet: Any, row: int, column: int, value: Any, plain: Any) -> None:
    if isinstance(value, int):
        sheet.write_number(row, column, value)
    elif value:
        sheet.write_string(row, column, value, plain)


def _offer(sheet: Any, columns: Sequence[sheets.Column], placement: Placement) -> None:
    """Lists to choose from where the choices are few; other texts are not refused by the cell."""
    offered = {
        "owner_line": [one.vi for one in line_words().values()],
        "status": [one.vi for one in register.kinds().statuses.values()],
        "zone": [one.code for one in placement.zones],
        "kind": [one.vi for one in register.kinds().contacts.values()],
        "source": list(registry.SOURCES),
    }
    for at, column in enumerate(columns):
        source = ["có", "không"] if column.kind == "yes" else offered.get(column.field)
        if source is not None and len(",".join(source)) <= 255:
            sheet.data_validation(
                1, at, LIST_ROWS, at,
                {"validate": "list", "source": source, "ignore_blank": True,
                 "error_type": "warning"},
            )  # fmt: skip


def _guide(book: Any, placement: Placement, bold: Any, plain: Any) -> None:
    sheet = book.add_worksheet(sheets.GUIDE)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 80)
    lines: list[tuple[str, str]] = [
        ("Cách ghi", "Mỗi dòng một cơ sở, khu vực, camera hoặc liên hệ. Cột tô màu phải có."),
        ("", "Bỏ trống một ô là không có; bỏ hẳn một cột là để nguyên."),
        ("", "Ngày ghi dạng 31/12/2026. Nhiều cửa cách nhau bằng dấu chấm phẩy."),
        ("", "Không ghi mật khẩu, không ghi tên hay tình trạng sức khỏe người được cách ly."),
        ("Loại hình quản lý", "; ".join(one.vi for one in line_words().values())),
        ("Trạng thái", "; ".join(one.vi for one in register.kinds().statuses.values())),
        ("Vai trò liên hệ", "; ".join(one.vi for one in register.kinds().contacts.values())),
        ("Nguồn", "auto: tự chọn; rtsp: của phần mềm; libav: FFmpeg"),
        ("Loại khu vực", f"theo {placement.name.vi}"),
    ]
    lines += [(one.code, one.full) for one in placement.zones]
    lines += [("Không được lắp", one.name.vi) for one in placement.forbidden]
    for number, (left, right) in enumerate(lines):
        sheet.write_string(number, 0, left, bold)
        sheet.write_string(number, 1, right, plain)
