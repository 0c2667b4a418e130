"""Connections to the designated system as a workbook: the sheet of a facility, out and in.

A row is a camera; entering a sheet twice changes nothing the second time.  Nothing is written
while a row is at fault, and nothing is deleted by what a sheet leaves out.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import designated, registry
from vonggac.domain import register_sheets as sheets
from vonggac.domain.register_sheets import Column, Fault, shown
from vonggac.domain.tasks import MAX_LINE
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.designated import Draft, System
    from vonggac.domain.exports import Someone

SHEET: Final = "kết nối"
COLUMNS: Final[Mapping[str, Sequence[Column]]] = {
    SHEET: (
        Column("camera", "Tên camera", 16, required=True),
        Column("linked", "Đã kết nối", 12, kind="yes"),
        Column("enterprise", "Doanh nghiệp xác nhận", 34),
        Column("ident", "Mã trên hệ thống được chỉ định", 30),
        Column("method", "Cách kết nối", 34),
        Column("linked_day", "Ngày", 14, kind="day"),
    )
}
"""The one sheet, and its columns."""
HEADINGS: Final = {one.field: one.heading for one in COLUMNS[SHEET]}
FAULTS: Final[Mapping[str, str]] = {
    **sheets.FAULTS,
    "required": "Ô này phải có.",
    "no_day": "Ghi ngày dạng 31/12/2026.",
    "in_future": "Ngày này chưa tới.",
    "no_system": "Ngày này chưa có hệ thống nào được chỉ định.",
    "no_camera": "Cơ sở không có camera tên như vậy.",
    "sheet_unknown": "Không có trang tên như vậy. Tệp này chỉ có trang kết nối.",
}
"""What is said of a cell; those of the register's workbook too."""
FILE_FAULTS: Final[Mapping[str, str]] = {
    **sheets.FILE_FAULTS,
    "no_sheet": "Tệp không có trang kết nối của mẫu.",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a row does: of which camera, new or changed, and what exactly."""

    row: int
    camera: str
    kind: str
    differences: tuple[tuple[str, str, str], ...] = ()
    """(heading, before, after)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sheet would do."""

    rows: int
    same: int
    faults: Sequence[Fault]
    changes: Sequence[Change]
    drafts: Mapping[str, Draft]
    """By id of the camera."""

    def as_json(self) -> dict[str, Any]:
        """As the API says it."""
        new = sum(one.kind == "new" for one in self.changes)
        return {
            "rows": self.rows,
            "new": new,
            "changed": len(self.changes) - new,
            "same": self.same,
            "errors": [
                {**one.as_json(), "message": FAULTS[one.code].format(**one.values)}
                for one in self.faults
            ],
        }


def template(connection: Connection, site_id: str) -> bytes:
    """The sheet of a facility: every camera, with what was said of it last."""
    import xlsxwriter  # a tenth of a second of every start, for a file that few ask for

    said = designated.last(designated.history(connection, [site_id]))
    made = io.BytesIO()
    book = xlsxwriter.Workbook(
        made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "num_format": "@"})
    text = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet(SHEET)
    sheet.freeze_panes(1, 1)
    for at, column in enumerate(COLUMNS[SHEET]):
        sheet.set_column(at, at, column.width, text)
        sheet.write_string(0, at, column.heading, bold)
    for row, camera in enumerate(registry.cameras(connection, site_id), start=1):
        sheet.write_string(row, 0, camera.name, text)
        if camera.id not in said:
            continue
        draft = said[camera.id].said
        for at, name in enumerate(list(HEADINGS)[1:], start=1):
            sheet.write_string(row, at, shown(getattr(draft, name)), text)
    book.close()
    return made.getvalue()


def plan(connection: Connection, site_id: str, content: bytes, today: date) -> Plan:
    """What a sheet would change; writes nothing.

    A row that names only its camera says nothing of it, as most of a new template do.

    Raises:
        VonggacError: BAD_INPUT, it is no such workbook; `fault` is one of `FILE_FAULTS`.
    """
    book = sheets.read(content, columns=COLUMNS)
    cameras = {one.name.casefold(): one for one in registry.cameras(connection, site_id)}
    said = designated.last(designated.history(connection, [site_id]))
    systems = designated.systems(connection)
    faults, changes, same = list(book.faults), [], 0
    drafts: dict[str, Draft] = {}
    seen: dict[str, int] = {}
    for row in book.rows.get(SHEET, ()):
        values = dict(row.values)
        name = str(values.pop("camera")).casefold()
        if name in cameras and not any(one not in ("", None) for one in values.values()):
            continue
        draft = designated.plain(_draft(values))
        first = seen.setdefault(name, row.number)
        wrong = _wrong(row.number, draft, systems, today)
        if values.get("linked") is None:
            wrong.insert(0, Fault(SHEET, row.number, HEADINGS["linked"], "missing"))
        if name not in cameras:
            wrong = [Fault(SHEET, row.number, HEADINGS["camera"], "no_camera")]
        elif first != row.number:
            wrong = [Fault(SHEET, row.number, "", "twice", {"row": first})]
        faults += wrong
        if wrong:
            continue
        camera = cameras[name]
        before = said[camera.id].said if camera.id in said else None
        if before == draft:
            same += 1
            continue
        drafts[camera.id] = draft
        changes.append(_change(row.number, camera.name, before, draft))
    faults.sort(key=lambda one: one.row)
    return Plan(book.count, same, faults[: sheets.MAX_FAULTS], changes, drafts)


def enter(connection: Connection, made: Plan, *, by: Someone, today: date, now_ns: int) -> None:
    """Write a plan; all of it, or nothing when the caller's transaction is undone.

    Raises:
        VonggacError: BAD_INPUT, the plan has faults.
    """
    if made.faults:
        raise VonggacError(Kind.BAD_INPUT, "the workbook has rows at fault", code="sheet_faults")
    for camera_id, draft in made.drafts.items():
        designated.confirm(connection, camera_id, draft, by=by, today=today, now_ns=now_ns)


def _draft(values: Mapping[str, Any]) -> Draft:
    """A row; a column that the file lacks is empty."""
    return designated.Draft(
        values.get("enterprise", ""), values.get("linked_day"), values.get("ident", ""),
        values.get("method", ""), bool(values.get("linked")),
    )  # fmt: skip


def _wrong(row: int, draft: Draft, systems: Sequence[System], today: date) -> list[Fault]:
    found = designated.draft_faults(draft, today)
    day = draft.linked_day
    if not found and day is not None and all(one.from_day > day for one in systems):
        found = {"linked_day": "no_system"}
    return [
        Fault(SHEET, row, HEADINGS[field], code, {"most": MAX_LINE})
        for field, code in found.items()
    ]


def _change(row: int, camera: str, before: Draft | None, after: Draft) -> Change:
    if before is None:
        return Change(row, camera, "new")
    differences = tuple(
        (HEADINGS[one.name], shown(was), shown(now))
        for one in fields(after)
        if (was := getattr(before, one.name)) != (now := getattr(after, one.name))
    )
    return Change(row, camera, "changed", differences)
