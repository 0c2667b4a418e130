"""Accounts from a sheet: what is read, what is refused row by row, what is made once."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING

import openpyxl
import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import access, accounts, roles, roster
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Database

NOW = 1_795_000_000 * NS
TODAY = "18/11/2026"


def row(**changes: str) -> roster.Typed:
    good = {"name": "thuc.lv", "full_name": "Người Trực Một", "role": "Cán bộ trực trung tâm"}
    return roster.Typed(line_number=2, **{**good, **changes})


def enter(database: Database, *rows: roster.Typed) -> list[roster.Outcome]:
    with database.writing() as connection:
        made = accounts.ensure_administrator(connection, now_ns=NOW, password="mot mat khau dai")
        if made is not None:
            connection.execute(
                tables.site.insert().values(
                    id="b" * 26, name="sl-05", title="KS Mường Hoa", owner_line="paid_hotel",
                    created_ns=NOW,
                )
            )  # fmt: skip
        admin = connection.execute(
            sa.select(tables.account.c.id).where(tables.account.c.name == "admin")
        ).scalar_one()
        giver = access.person_of(connection, admin, NOW)
        return roster.enter(connection, giver, rows, reason="bảng", now_ns=NOW)


def sheet(*lines: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def packed(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"name": "Có Dấu"}, "name", "name_not_plain"),
        ({"name": "admin"}, "name", "name_taken"),
        ({"full_name": " "}, "full_name", "full_name_missing"),
        ({"role": "Vua"}, "role", "unknown_role"),
        ({"role": ""}, "role", "unknown_role"),
        ({"unit": "Tỉnh Không Có"}, "unit", "unit_unknown"),
        ({"line": "máy bay"}, "line", "bad_line"),
        ({"sites": "Cơ sở khác"}, "sites", "site_unknown"),
        ({"until": "31-12-2026"}, "until", "bad_day"),
        ({"until": "01/01/2020"}, "until", "ends_before"),
        ({"role": "site_duty"}, "sites", "needs_sites"),
    ],
)
def test_a_wrong_row_changes_nothing_and_says_where(
    sqlite: Database, changes: dict[str, str], field: str, fault: str
) -> None:
    (found,) = enter(sqlite, row(**changes))

    assert (found.state, found.field, found.fault) == ("fault", field, fault)
    with sqlite.reading() as connection:
        assert [one.name for one in accounts.people(connection)] == ["admin"]


def test_good_rows_beside_wrong_ones_are_made(database: Database) -> None:
    """Each row stands for itself, on both engines."""
    found = enter(
        database,
        row(),
        row(name="Có Dấu"),
        row(name="mai.gt", role="site_duty", sites="ks muong hoa; SL-05", until="31/12/2026"),
        row(name="MAI.gt"),
    )

    assert [one.state for one in found] == ["made", "fault", "made", "fault"]
    assert found[3].fault == "name_twice"
    with database.reading() as connection:
        held = {one.account: one for one in roles.rows(connection) if one.account != "admin"}
    assert held["mai.gt"].sites == ("b" * 26,)
    ends = dt.datetime(2027, 1, 1, tzinfo=roster.HERE)
    assert held["mai.gt"].to_ns == int(ends.timestamp()) * NS
    assert (held["thuc.lv"].role, held["thuc.lv"].reason) == ("centre_duty", "bảng")


def test_a_row_that_stands_is_left_alone(sqlite: Database) -> None:
    """Under another full name it is somebody else, and a fault."""
    enter(sqlite, row())
    same, other = enter(sqlite, row()), enter(sqlite, row(full_name="Người Khác"))

    assert [one.state for one in (*same, *other)] == ["stands", "fault"]
    assert same[0].first is None


def test_a_sheet_is_read_by_its_headings(sqlite: Database) -> None:
    """In any order, with or without diacritics; dates as Excel keeps them; empty rows skipped."""
    content = sheet(
        ("VAI TRO", "Họ  và tên", "tên đăng nhập", "Ghi chú", "Đến ngày"),
        ("site_duty", " Người   Trực ", "thuc.lv", "x", dt.date(2026, 12, 31)),
        (None, None, None, None, None),
        ("technician", "Người Hai", 12345, None, None),
    )

    assert roster.read(content) == [
        roster.Typed(2, "thuc.lv", "Người Trực", "site_duty", until="31/12/2026"),
        roster.Typed(4, "12345", "Người Hai", "technician"),
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "sheet_unreadable"),
        (b"not a zip", "sheet_unreadable"),
        (b"PK\x03\x04 nonsense", "sheet_unreadable"),
        (packed("xl/workbook.xml", b" " * 20_000_000), "sheet_too_long"),
        (packed("xl/workbook.xml", b"<x>"), "sheet_unreadable"),
        (packed("a.txt", b"x"), "sheet_unreadable"),
        (sheet(), "sheet_empty"),
        (sheet(tuple(roster.HEADINGS.values())), "sheet_empty"),
        (sheet(("Tên đăng nhập", "Họ và tên"), ("a", "b")), "heading_missing"),
        (
            sheet(tuple(roster.HEADINGS.values()), *[("a", "b", "c")] * (roster.ROWS_LIMIT + 1)),
            "sheet_too_long",
        ),
    ],
    ids=["nothing", "text", "half", "bomb", "xml", "zip", "empty", "headings", "role", "long"],
)
def test_what_is_no_sheet_is_refused_with_its_reason(content: bytes, fault: str) -> None:
    with pytest.raises(VonggacError) as caught:
        roster.read(content)

    assert caught.value.detail["fault"] == fault
