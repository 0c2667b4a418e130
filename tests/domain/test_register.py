"""The register by workbook: exact differences, every fault named, all or nothing."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import zipfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import sqlalchemy as sa

from databases import migrated_at
from vonggac import cli
from vonggac.config import Config, SiteConfig
from vonggac.db import tables
from vonggac.domain import (
    access,
    register,
    register_book,
    register_places,
    register_sheets,
    registry,
    rules,
    units,
)
from vonggac.domain import register_import as entering
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vonggac.db import Database

TODAY = date(2026, 11, 18)
PLACEMENT = rules.placement(TODAY)
OWN = "b" * 26
FACILITY = {"Mã cơ sở": "SL-07", "Tên cơ sở": "Trường Bản Mới", "Địa chỉ": "Đường Thử",
            "Đơn vị": "Tỉnh A", "Loại hình quản lý": "cơ sở dân sự", "Sức chứa": 120,
            "Đưa vào sử dụng": "05/11/2026"}  # fmt: skip
AREA = {"Mã cơ sở": "sl-07", "Mã khu vực": "hl-2", "Loại khu vực": "HL", "Tầng": "2",
        "Tên khu vực": "Hành lang tầng 2", "Cửa phòng": "201; 202;203"}  # fmt: skip
CAMERA = {"Mã cơ sở": "sl-07", "Tên camera": "hl-2a", "Loại khu vực": "HL", "Mã khu vực": "hl-2",
          "Tên người đọc": "Hành lang trước phòng 201", "Luồng chính": "rtsp://192.0.2.9/1",
          "Cửa nhìn thấy": "201; 202", "Dấu CR": "có", "Ngày mua": "01/02/2026"}  # fmt: skip
CONTACT = {"Mã cơ sở": "sl-07", "Vai trò": "Đầu mối của cơ sở", "Họ và tên": "Người trực A",
           "Điện thoại": "0200 000 114", "E-mail": "truc@co-so.test"}  # fmt: skip
ROWS = {"cơ sở": [FACILITY], "khu vực": [AREA], "camera": [CAMERA], "liên hệ": [CONTACT]}


def workbook(
    rows: dict[str, list[dict[str, Any]]], *, also: Callable[[Any], None] | None = None
) -> bytes:
    """A file as a person makes one."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in rows.items():
        sheet = book.create_sheet(name)
        headings = list(dict.fromkeys(key for line in lines for key in line))
        sheet.append(headings)
        for line in lines:
            sheet.append([line.get(one) for one in headings])
    if also:
        also(book)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


@pytest.fixture
def hub(sqlite: Database) -> Database:
    """A hub with one facility of its own, and a province."""
    stand(sqlite)
    return sqlite


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The same hub for all tests that write nothing."""
    found = migrated_at(tmp_path_factory.mktemp("register") / "hub.db")
    stand(found)
    yield found
    found.close()


def stand(database: Database) -> None:
    with database.writing() as connection:
        units.add_unit(connection, parent_id=None, kind="province", code="A", vi="Tỉnh A", en="",
                       valid_from=TODAY, source="")  # fmt: skip
        config = Config(data_dir="/nowhere", site=SiteConfig(name="sl-05", title="KS Mường Hoa"))
        registry.ensure_site(connection, config, site_id=OWN, public_key="k", now_ns=1)


def rehearse(
    database: Database, content: bytes, gate: entering.Gate = lambda _act, _thing: True
) -> entering.Plan:
    with database.reading() as connection:
        return entering.plan(connection, register_sheets.read(content), gate=gate,
                             placement=PLACEMENT, own_site=OWN)  # fmt: skip


def enter(database: Database, content: bytes) -> entering.Plan:
    with database.writing() as connection:
        made = entering.plan(connection, register_sheets.read(content), gate=lambda _a, _t: True,
                             placement=PLACEMENT, own_site=OWN)  # fmt: skip
        entering.enter(connection, made, placement=PLACEMENT, by="an", now_ns=5)
    return made


def counts(made: entering.Plan) -> tuple[int, int, int, int]:
    return made.rows, made.new, made.changed, made.same


def faults(made: entering.Plan) -> list[tuple[str, int, str, str]]:
    return [(one.sheet, one.row, one.column, one.code) for one in made.faults]


def changed(**said: Any) -> dict[str, list[dict[str, Any]]]:
    """The usual workbook with one sheet's rows replaced or cells changed."""
    found = {name: [dict(row) for row in lines] for name, lines in ROWS.items()}
    names = {"facility": "cơ sở", "area": "khu vực", "camera": "camera", "contact": "liên hệ"}
    for name, cells in said.items():
        found[names[name]][0].update(cells)
    return found


def test_a_workbook_is_entered_once_and_changes_nothing_the_second_time(database: Database) -> None:
    """On both engines: the keys are what people know a row by."""
    stand(database)

    assert counts(enter(database, workbook(ROWS))) == (4, 4, 0, 0)
    assert counts(enter(database, workbook(ROWS))) == (4, 0, 0, 4)

    with database.reading() as connection:
        (found,) = (
            one for one in register.facilities(connection).values() if one.said.name == "sl-07"
        )
        (camera,) = registry.cameras(connection, found.id)
        facts = register_places.facts(connection)[camera.id]
        doors = register_places.doors(connection, [found.id])
        contact = register.contacts(connection)[found.id, "contact"]
    assert (found.said.capacity, found.said.opened_on) == (120, date(2026, 11, 5))
    assert (facts.area, facts.doors, facts.cr_mark) == ("hl-2", ("201", "202"), True)
    assert [(one.name, one.camera_id) for one in doors] == [
        ("201", camera.id), ("202", camera.id), ("203", None)
    ]  # fmt: skip
    assert contact.phone == "0200 000 114"


def test_differences_are_named_exactly(hub: Database) -> None:
    enter(hub, workbook(ROWS))
    rows = changed(
        facility={"Sức chứa": 90}, area={"Cửa phòng": "201;202"}, camera={"Dấu CR": "không"},
        contact={"Điện thoại": "0200 000 115"},
    )  # fmt: skip

    made = enter(hub, workbook(rows))

    assert counts(made) == (4, 0, 4, 0)
    assert [(one.key, one.differences) for one in made.changes] == [
        ("sl-07", (("Sức chứa", "120", "90"),)),
        ("sl-07 hl-2", (("Cửa phòng", "201; 202; 203", "201; 202"),)),
        ("sl-07 hl-2a", (("Dấu CR", "có", "không"),)),
        ("sl-07 Đầu mối của cơ sở", (("Điện thoại", "0200 000 114", "0200 000 115"),)),
    ]
    assert counts(enter(hub, workbook(rows))) == (4, 0, 0, 4)


def test_what_is_exported_comes_back_the_same(hub: Database) -> None:
    enter(hub, workbook(ROWS))
    with hub.reading() as connection:
        content = register_book.export(connection, list(register.facilities(connection)), PLACEMENT)

    made = rehearse(hub, content)

    assert faults(made) == []
    assert counts(made) == (5, 0, 0, 5)


BAD: dict[str, tuple[dict[str, Any], tuple[str, int, str, str]]] = {
    "room": ({"camera": {"Tên người đọc": "Phòng 201"}}, ("camera", 2, "Loại khu vực", "forbidden_zone")),
    "bath": ({"camera": {"Loại khu vực": "TAM"}}, ("camera", 2, "Loại khu vực", "forbidden_zone")),
    "wc": ({"camera": {"Tên người đọc": "WC nam"}}, ("camera", 2, "Loại khu vực", "forbidden_zone")),
    "area in a bath": ({"area": {"Loại khu vực": "Trong nhà tắm"}}, ("khu vực", 2, "Loại khu vực", "forbidden_zone")),
    "zone": ({"camera": {"Loại khu vực": "XX"}}, ("camera", 2, "Loại khu vực", "zone_unknown")),
    "day": ({"facility": {"Đưa vào sử dụng": "31/02/2026"}}, ("cơ sở", 2, "Đưa vào sử dụng", "bad_day")),
    "number": ({"facility": {"Sức chứa": "nhiều"}}, ("cơ sở", 2, "Sức chứa", "bad_number")),
    "unit": ({"facility": {"Đơn vị": "Tỉnh Không Có"}}, ("cơ sở", 2, "Đơn vị", "unit_unknown")),
    "line": ({"facility": {"Loại hình quản lý": "tư nhân"}}, ("cơ sở", 2, "Loại hình quản lý", "bad_choice")),
    "secret": ({"facility": {"Ghi chú": "TỐI MẬT"}}, ("cơ sở", 2, "Ghi chú", "secret_mark")),
    "empty": ({"facility": {"Tên cơ sở": ""}}, ("cơ sở", 2, "Tên cơ sở", "missing")),
    "facility": ({"contact": {"Mã cơ sở": "sl-99"}}, ("liên hệ", 2, "Mã cơ sở", "facility_unknown")),
    "password": ({"camera": {"Luồng chính": "rtsp://a:b@192.0.2.9/1"}}, ("camera", 2, "Luồng chính", "url_with_password")),
    "url": ({"camera": {"Luồng chính": "http://x"}}, ("camera", 2, "Luồng chính", "bad_url")),
    "door": ({"camera": {"Cửa nhìn thấy": "999"}}, ("camera", 2, "Cửa nhìn thấy", "door_unknown")),
    "place": ({"camera": {"Mã khu vực": "hl-9"}}, ("camera", 2, "Mã khu vực", "area_unknown")),
    "yes": ({"camera": {"Dấu CR": "chắc vậy"}}, ("camera", 2, "Dấu CR", "bad_yes")),
    "phone": ({"contact": {"Điện thoại": "gọi sau"}}, ("liên hệ", 2, "Điện thoại", "bad_phone")),
    "formula": ({"facility": {"Sức chứa": "=60*2"}}, ("cơ sở", 2, "Sức chứa", "formula")),
    "heading": ({"facility": {"Sao": "x"}}, ("cơ sở", 1, "Sao", "heading_unknown")),
}  # fmt: skip
# ruff: noqa: E501 - a table reads by its lines


@pytest.mark.parametrize("name", BAD)
def test_a_bad_cell_is_named_and_nothing_is_written(untouched: Database, name: str) -> None:
    """Sheet, row and column as people count them; one bad cell keeps all rows out."""
    cells, said = BAD[name]

    made = rehearse(untouched, workbook(changed(**cells)))

    assert faults(made) == [said]
    assert made.faults[0].message
    with pytest.raises(VonggacError), untouched.writing() as connection:
        entering.enter(connection, made, placement=PLACEMENT, by="an", now_ns=5)
    with untouched.reading() as connection:
        assert len(registry.sites(connection)) == 1


def test_a_refused_place_names_the_rule(untouched: Database) -> None:
    made = rehearse(untouched, workbook(changed(camera={"Loại khu vực": "WC"})))

    assert made.faults[0].message == (
        "Không được lắp camera trong nhà vệ sinh. Hãy chọn vị trí phía ngoài cửa (VS). "
        "Theo mặc định của phần mềm."
    )


def test_rows_that_say_the_same_thing_twice_are_named(untouched: Database) -> None:
    rows = {
        **ROWS,
        "cơ sở": [FACILITY, FACILITY],
        "camera": [CAMERA, {**CAMERA, "Tên camera": "hl-2b"}],
    }

    assert faults(rehearse(untouched, workbook(rows))) == [
        ("cơ sở", 3, "", "twice"),
        ("camera", 3, "Cửa nhìn thấy", "door_camera"),
    ]


def test_merged_cells_and_unknown_sheets_are_named(untouched: Database) -> None:
    def spoil(book: Any) -> None:
        book["cơ sở"].merge_cells("A2:A3")
        book.create_sheet("Sheet7")

    found = faults(rehearse(untouched, workbook(ROWS, also=spoil)))

    assert ("cơ sở", 2, "", "merged") in found
    assert ("Sheet7", 0, "", "sheet_unknown") in found


def _bomb() -> bytes:
    """A workbook of a few kilobytes whose sheet unpacks to a hundred megabytes."""
    made = io.BytesIO(workbook(ROWS))
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet9.xml", b" " * 100_000_000)
    return made.getvalue()


def _entities() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>')
    return made.getvalue()


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "no_file"),
    "csv": (lambda: "Mã cơ sở,Tên cơ sở\nsl-07,Trường\n".encode(), "csv_given"),
    "xls": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "xls_given"),
    "torn": (lambda: workbook(ROWS)[:-700], "unreadable"),
    "zip": (lambda: _entities(), "unreadable"),
    "bomb": (_bomb, "too_large"),
    "large": (lambda: b"PK" + b"\0" * register_sheets.MAX_FILE, "too_large"),
    "other": (lambda: workbook({"Bảng lương": [{"a": 1}]}), "no_sheet"),
    "empty": (lambda: workbook({"cơ sở": [dict.fromkeys(FACILITY)]}), "empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_workbook_of_the_register_says_so(name: str) -> None:
    make, fault = FILES[name]

    with pytest.raises(VonggacError) as caught:
        register_sheets.read(make())

    assert caught.value.detail["fault"] == fault
    assert register_sheets.FILE_FAULTS[fault]


def test_who_may_not_write_a_facility_learns_nothing_of_it(hub: Database) -> None:
    """A hidden facility is answered like one that there is not."""
    enter(hub, workbook(ROWS))

    def only_own(act: access.Act, thing: access.Thing) -> bool:
        return thing.id == OWN

    made = rehearse(hub, workbook(changed(facility={"Sức chứa": 1})), only_own)

    assert {one.code for one in made.faults} <= {"not_allowed", "facility_unknown"}
    assert made.changes == []


def test_what_the_configuration_keeps_is_not_changed_by_a_sheet(untouched: Database) -> None:
    own = {"Mã cơ sở": "sl-05", "Tên cơ sở": "KS Khác", "Loại hình quản lý": "civil"}

    assert faults(rehearse(untouched, workbook({"cơ sở": [own]}))) == [
        ("cơ sở", 2, "Tên cơ sở", "kept_by_config")
    ]


def test_a_facility_that_opens_again_keeps_its_past(hub: Database) -> None:
    for opened, closed in (("05/11/2026", "10/11/2026"), ("15/11/2026", "")):
        enter(hub, workbook(changed(facility={"Đưa vào sử dụng": opened, "Ngừng sử dụng": closed})))

    with hub.reading() as connection:
        site_id = next(one.id for one in registry.sites(connection) if one.name == "sl-07")
        assert register.service(connection, site_id) == [
            (date(2026, 11, 5), date(2026, 11, 10)), (date(2026, 11, 15), None)
        ]  # fmt: skip


def test_the_command_rehearses_and_enters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract: one JSON object, exit 1 with errors; a rehearsal needs no hub."""
    sheet = tmp_path / "so.xlsx"
    rows = changed(facility={"Đơn vị": ""})
    sheet.write_bytes(workbook(rows))
    nowhere = tmp_path / "nowhere"

    def run(*more: str) -> tuple[int, dict[str, Any]]:
        code = cli.main(["import", str(sheet), "--json", *more])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    zero = {"new": 0, "changed": 0, "same": 0}
    fine = {"rows": 4, **zero, "new": 4, "errors": []}
    assert run("--dry-run", "--data", str(nowhere)) == (0, fine)

    database = migrated_at(tmp_path / "hub.sqlite")
    stand(database)
    assert run("--dry-run", "--data", str(tmp_path)) == (0, fine)
    assert run("--data", str(tmp_path)) == (0, fine)
    assert run("--data", str(tmp_path)) == (0, {"rows": 4, **zero, "same": 4, "errors": []})
    sheet.write_bytes(workbook(changed(camera={"Loại khu vực": "WC"})))
    code, said = run("--data", str(tmp_path))
    assert code == 1
    assert list(said["errors"][0]) == ["sheet", "row", "column", "message"]
    sheet.write_text("a,b")
    assert run("--dry-run", "--data", str(tmp_path))[1]["errors"][0]["row"] == 0
    with database.reading() as connection:
        acts = connection.execute(sa.select(tables.audit.c.act)).scalars().all()
    assert acts.count("register_imported") == 2
    database.close()


LIBREOFFICE = shutil.which("soffice")
CALC = LIBREOFFICE is not None and any(
    (Path(LIBREOFFICE).resolve().parent / name).exists()
    for name in ("libsclo.so", "../lib/libreoffice/program/libsclo.so")
)


@pytest.mark.skipif(not CALC, reason="LibreOffice Calc is not installed (scripts/system-packages)")
def test_a_workbook_edited_in_libreoffice_shows_exactly_its_edits(
    hub: Database, tmp_path: Path
) -> None:
    """Export, edit and save in the real LibreOffice, import: must-show 4 of the register."""
    enter(hub, workbook(ROWS))
    with hub.reading() as connection:
        content = register_book.export(connection, list(register.facilities(connection)), PLACEMENT)
    (tmp_path / "so.xlsx").write_bytes(content)
    _convert(tmp_path, "so.xlsx", "fods")
    text = (tmp_path / "so.fods").read_text("utf-8")
    text = text.replace('office:value="120"', 'office:value="77"').replace(">120<", ">77<")
    text = text.replace("0200 000 114", "0200 000 999")
    row = next(one for one in re.findall(r"<table:table-row.*?</table:table-row>", text, re.S)
               if ">hl-2a<" in one)  # fmt: skip
    other = row.replace(">hl-2a<", ">tam-1<").replace(">HL<", ">TAM<").replace(">201; 202<", "><")
    (tmp_path / "so.fods").write_text(text.replace(row, row + other), "utf-8")
    _convert(tmp_path, "so.fods", "xlsx")

    edited = (tmp_path / "so.xlsx").read_bytes()
    assert edited != content
    made = rehearse(hub, edited)

    assert [(one.sheet, one.kind, one.differences) for one in made.changes] == [
        ("cơ sở", "changed", (("Sức chứa", "120", "77"),)),
        ("liên hệ", "changed", (("Điện thoại", "0200 000 114", "0200 000 999"),)),
    ]
    assert faults(made) == [("camera", 3, "Loại khu vực", "forbidden_zone")]
    with pytest.raises(VonggacError), hub.writing() as connection:
        entering.enter(connection, made, placement=PLACEMENT, by="an", now_ns=6)
    assert counts(rehearse(hub, content)) == (5, 0, 0, 5)


def _convert(folder: Path, name: str, to: str) -> None:
    """Open a file in LibreOffice and save it as another kind."""
    assert LIBREOFFICE is not None
    subprocess.run(
        [LIBREOFFICE, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless",
         "--convert-to", to, "--outdir", str(folder), str(folder / name)],
        check=True, capture_output=True, timeout=55,
    )  # fmt: skip
