"""Workbooks of the register: what their columns are, and how a file is read.

`read` takes whatever people send and says cell by cell what cannot be taken; it knows nothing of
the database.  A file is read in one pass, bounded in bytes, sheets, rows and cells before and
while it is unpacked.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import units
from vonggac.domain.register import clean
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_FILE: Final = 16 * 1024 * 1024
"""Bytes of a workbook: 2,000 facilities with 40,000 cameras take 4 MB (bench/register.py)."""
MAX_UNPACKED: Final = 320 * 1024 * 1024
"""Bytes that its parts may unpack to; those of the same country are 70 MB."""
MAX_PART_RATIO: Final = 200
"""How many times a part may grow as it is unpacked: sheets of registers grow 12 to 25 times."""
MAX_PARTS: Final = 200
MAX_ROWS: Final = 100_000
"""Rows of all sheets together (ours)."""
MAX_CELL: Final = 2_000
"""Characters of a cell: the doors of a long corridor."""
MAX_FAULTS: Final = 1_000
"""Errors that are named; whoever has more has sent another file."""

FACILITIES, AREAS, CAMERAS, CONTACTS = "cơ sở", "khu vực", "camera", "liên hệ"
GUIDE: Final = "hướng dẫn"
"""A sheet for people, which is not read."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the field it fills, its heading, how wide it is and whether it must be filled."""

    field: str
    heading: str
    width: int = 16
    required: bool = False
    kind: str = "text"
    """text, day, number, yes (có/không), or list (several, separated by semicolons)."""


def _c(field: str, heading: str, width: int = 16, kind: str = "text") -> Column:
    return Column(field, heading, width, required=False, kind=kind)


def _need(field: str, heading: str, width: int = 16, kind: str = "text") -> Column:
    return Column(field, heading, width, required=True, kind=kind)


COLUMNS: Final[Mapping[str, Sequence[Column]]] = {
    FACILITIES: (
        _need("name", "Mã cơ sở", 14), _need("title", "Tên cơ sở", 34),
        _c("address", "Địa chỉ", 40), _c("unit_id", "Đơn vị", 30),
        _need("owner_line", "Loại hình quản lý", 26), _c("status", "Trạng thái"),
        _c("capacity", "Sức chứa", 10, "number"), _c("rooms", "Số phòng", 10, "number"),
        _c("floors", "Số tầng", 10, "number"), _c("opened_on", "Đưa vào sử dụng", 16, "day"),
        _c("closed_on", "Ngừng sử dụng", 16, "day"),
        _c("retention_days", "Số ngày lưu", 12, "number"), _c("note", "Ghi chú", 40),
    ),
    AREAS: (
        _need("site", "Mã cơ sở", 14), _need("code", "Mã khu vực", 14),
        _need("zone", "Loại khu vực", 34), _c("title", "Tên khu vực", 34), _c("floor", "Tầng", 10),
        _c("doors", "Cửa phòng", 40, "list"), _c("blind", "Điểm mù", 34),
    ),
    CAMERAS: (
        _need("site", "Mã cơ sở", 14), _need("name", "Tên camera", 14),
        _c("title", "Tên người đọc", 34), _need("zone", "Loại khu vực", 34),
        _c("area", "Mã khu vực", 14), _c("main_url", "Luồng chính", 44),
        _c("sub_url", "Luồng phụ", 44), _c("user_name", "Tài khoản camera"),
        _c("source", "Nguồn", 10), _c("record_sub", "Ghi luồng phụ", 10, "yes"),
        _c("transcode", "Chuyển sang H.264", 10, "yes"),
        _c("retention_days", "Số ngày lưu", 12, "number"), _c("doors", "Cửa nhìn thấy", 30, "list"),
        _c("maker", "Hãng"), _c("model", "Kiểu"), _c("firmware", "Phiên bản phần mềm"),
        _c("serial", "Số máy", 20), _c("conformity", "Số công bố hợp quy", 22),
        _c("cr_mark", "Dấu CR", 10, "yes"), _c("bought_day", "Ngày mua", 14, "day"),
        _c("password_changed", "Đã đổi mật khẩu mặc định", 14, "yes"),
        _c("services_off", "Đã tắt Telnet, UPnP, P2P", 14, "yes"),
        _c("storage_country", "Nơi lưu dữ liệu"), _c("patched_day", "Bản vá gần nhất", 14, "day"),
    ),
    CONTACTS: (
        _need("site", "Mã cơ sở", 14), _need("kind", "Vai trò", 30), _need("name", "Họ và tên", 26),
        _c("position", "Chức danh", 22), _c("organisation", "Cơ quan", 26),
        _c("phone", "Điện thoại", 18), _c("address", "Địa chỉ", 34), _c("email", "E-mail", 26),
        _c("subscriber", "Mã thuê bao"), _c("hotline", "Đường dây nóng"),
        _c("verified_day", "Xác minh ngày", 14, "day"),
    ),
}  # fmt: skip
"""The sheets of a workbook, by name, and their columns; a column that a file lacks changes
nothing, an empty cell says that there is nothing."""

FAULTS: Final[Mapping[str, str]] = {
    "missing": "Ô này phải có.",
    "formula": "Ô này là công thức. Hãy dán giá trị.",
    "cell_error": "Ô này báo lỗi bảng tính ({value}).",
    "merged": "Các ô {value} bị gộp. Hãy bỏ gộp.",
    "too_long": "Quá dài: nhiều nhất {most} chữ.",
    "bad_day": "Ghi ngày dạng 31/12/2026.",
    "bad_number": "Ghi một số từ 0 đến 100.000.",
    "bad_yes": "Ghi có hoặc không.",
    "bad_days": "Từ 1 đến 3650 ngày.",
    "heading_missing": "Thiếu cột này.",
    "heading_unknown": "Không có cột tên như vậy.",
    "heading_twice": "Cột này có hai lần.",
    "sheet_unknown": "Không có trang tên như vậy. Các trang là: cơ sở, khu vực, camera, liên hệ.",
    "sheet_twice": "Trang này có hai lần.",
    "twice": "Dòng này trùng với dòng {row}.",
    "bad_name": "Dùng chữ không dấu, số và dấu gạch nối, ví dụ sl-05.",
    "bad_choice": "Không có lựa chọn này. Trang “hướng dẫn” liệt kê các lựa chọn.",
    "bad_phone": "Số điện thoại gồm chữ số, dấu cách, dấu +, dấu gạch.",
    "bad_email": "Ghi dạng ten@co-quan.vn.",
    "bad_url": "Viết địa chỉ dạng rtsp://địa-chỉ:cổng/đường-dẫn.",
    "bad_source": "Không có nguồn này.",
    "secret_mark": "Không ghi nội dung mang dấu MẬT.",
    "url_with_password": "Không ghi mật khẩu trong bảng. Hãy nhập ở trang của camera.",
    "ends_before": "Ngày ngừng phải ở sau ngày đưa vào sử dụng.",
    "unit_unknown": "Không có đơn vị nào tên như vậy.",
    "unit_ambiguous": "Có nhiều đơn vị cùng tên. Ghi mã đơn vị.",
    "zone_unknown": "Không có loại khu vực này. Trang “hướng dẫn” liệt kê các loại.",
    "forbidden_zone": "{refusal} Theo {rule}.",
    "facility_unknown": "Không có cơ sở mang mã này trong danh mục hoặc trong tệp.",
    "area_unknown": "Cơ sở không có khu vực mang mã này.",
    "area_zone": "Khu vực này thuộc loại {zone}.",
    "door_unknown": "Cơ sở không có cửa {value}.",
    "door_twice": "Cửa {value} đã ghi ở khu vực {area}.",
    "door_camera": "Cửa {value} đã gắn với camera {camera}.",
    "kept_by_config": "Ô này nằm trong tệp cấu hình của cơ sở. Hãy sửa ở đó.",
    "not_covered": "Chưa có kết luận đủ camera, nên cơ sở chưa được tiếp nhận người.",
    "camera_by_config": "Camera này nằm trong tệp cấu hình. Hãy sửa ở đó.",
    "not_allowed": "Bạn không được ghi cơ sở này.",
    "too_many": "Còn nhiều lỗi nữa. Hãy sửa các lỗi trên rồi gửi lại.",
}
"""What is said of a cell; the sentence is the key of its English (web/locale/en.toml)."""

FILE_FAULTS: Final[Mapping[str, str]] = {
    "no_file": "Chọn một tệp .xlsx.",
    "csv_given": "Đây là tệp văn bản (CSV). Hãy lưu thành .xlsx theo mẫu.",
    "xls_given": "Đây là tệp .xls kiểu cũ hoặc có mật khẩu. Hãy lưu thành .xlsx không mật khẩu.",
    "unreadable": "Không đọc được tệp này. Hãy dùng tệp .xlsx theo mẫu.",
    "too_large": "Tệp quá lớn: nhiều nhất 16 MB và 100.000 dòng.",
    "no_sheet": "Tệp không có trang nào của mẫu: cơ sở, khu vực, camera, liên hệ.",
    "empty": "Tệp không có dòng nào.",
}
"""What is said of a file that is not read at all."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a cell, or with a whole row (no column) or sheet (no row)."""

    sheet: str
    row: int
    column: str
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """In Vietnamese."""
        return FAULTS[self.code].format(**self.values)

    def as_json(self) -> dict[str, Any]:
        """As the command and the API say it."""
        return {
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number as people count, and a value for each column that the file has."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Book:
    """A workbook as it was read."""

    rows: Mapping[str, Sequence[Row]]
    """By sheet; rows at fault are not among them."""
    count: int
    """Rows that hold anything, at fault or not."""
    faults: Sequence[Fault]
    broken: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By sheet: first cells of rows at fault, which others may name all the same."""


def heading(sheet: str, name: str) -> str:
    """The heading of a field's column; the field itself if no column fills it."""
    return next((one.heading for one in COLUMNS[sheet] if one.field == name), name)


def read(
    content: bytes,
    *,
    seen: Callable[[int], None] = lambda _: None,
    columns: Mapping[str, Sequence[Column]] = COLUMNS,
) -> Book:
    """A workbook's rows, and what is wrong with its cells.

    Args:
        content: the file.
        seen: told how many rows were read, now and then.
        columns: the sheets that it may have; those of the register.

    Raises:
        VonggacError: BAD_INPUT, it is no workbook of the register at all; `fault` is one of
            `FILE_FAULTS`.
    """
    merged = _looked_at(content)
    import openpyxl  # with numpy half a second of every start, for what is sent now and then

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
        try:
            return _Reading(merged, seen, columns).read(book)
        finally:
            book.close()
    except VonggacError:
        raise
    except Exception as error:
        # openpyxl passes on whatever its readers of zip, XML and numbers raise.
        raise refused("unreadable") from error


def refused(fault: str) -> VonggacError:
    """A file that is not read at all."""
    return VonggacError(
        Kind.BAD_INPUT, f"this workbook cannot be taken: {fault}", code="sheet", fault=fault
    )


def _looked_at(content: bytes) -> dict[str, list[str]]:
    """Refuse what is no workbook or too much of one; tells merged cells by sheet's part."""
    if not content:
        raise refused("no_file")
    if len(content) > MAX_FILE:
        raise refused("too_large")
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise refused("xls_given")
    if not content.startswith(b"PK"):
        raise refused("unreadable" if b"\0" in content[:4096] else "csv_given")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            _check_sizes(packed.infolist())
            return {one.filename: _merged(packed, one) for one in packed.infolist() if _is_xml(one)}
    except VonggacError:
        raise
    except Exception as error:
        # zipfile passes on what zlib, struct and its own reader raise.
        raise refused("unreadable") from error


def _check_sizes(parts: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what unpacks to more than a register is, before a byte is unpacked."""
    grows = any(one.file_size > MAX_PART_RATIO * max(one.compress_size, 64 * 1024) for one in parts)
    if grows or len(parts) > MAX_PARTS or sum(one.file_size for one in parts) > MAX_UNPACKED:
        raise refused("too_large")


def _is_xml(part: zipfile.ZipInfo) -> bool:
    return part.filename.endswith((".xml", ".rels"))


_MERGED: Final = re.compile(rb'<mergeCell\s[^>]*?ref="([A-Z0-9:]{3,30})"')


def _merged(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> list[str]:
    """Merged cells of a sheet; a part that declares entities is refused (no workbook does)."""
    found: list[str] = []
    rest = b""
    with packed.open(part) as stream:
        while chunk := stream.read(1 << 20):
            text = rest + chunk
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                raise refused("unreadable")
            if part.filename.startswith("xl/worksheets/") and b"<mergeCell " in text:
                found += [one.decode() for one in _MERGED.findall(text)]
            rest = text[-60:]
    return list(dict.fromkeys(found))


class _Reading:
    """One pass over a workbook."""

    def __init__(
        self,
        merged: Mapping[str, list[str]],
        seen: Callable[[int], None],
        columns: Mapping[str, Sequence[Column]],
    ) -> None:
        self._columns = columns
        self._merged = merged
        self._seen = seen
        self._faults: list[Fault] = []
        self._rows: dict[str, list[Row]] = {}
        self._broken: dict[str, set[str]] = {}
        self._count = 0

    def read(self, book: Any) -> Book:
        known = {units.folded(name): name for name in self._columns}
        sheets: list[tuple[str, Any]] = []
        for sheet in book.worksheets:
            name = known.get(units.folded(sheet.title))
            if name is not None and any(name == other for other, _ in sheets):
                self._fault(sheet.title, 0, "", "sheet_twice")
            elif name is not None:
                sheets.append((name, sheet))
            elif units.folded(sheet.title) != units.folded(GUIDE):
                self._fault(sheet.title, 0, "", "sheet_unknown")
        if not sheets:
            raise refused("no_sheet")
        for name, sheet in sheets:
            self._rows[name] = []
            self._sheet(name, sheet)
        if not self._count and not self._faults:
            raise refused("empty")
        broken = {name: frozenset(some) for name, some in self._broken.items()}
        return Book(self._rows, self._count, self._faults[:MAX_FAULTS], broken)

    def _fault(self, sheet: str, row: int, column: str, code: str, /, **values: Any) -> None:
        if len(self._faults) < MAX_FAULTS - 1:
            self._faults.append(Fault(sheet, row, column, code, values))
        elif len(self._faults) == MAX_FAULTS - 1:
            self._faults.append(Fault(sheet, row, "", "too_many"))

    def _sheet(self, name: str, sheet: Any) -> None:
        part = str(getattr(sheet, "_worksheet_path", "")).lstrip("/")
        for cells in self._merged.get(part, ()):
            row = int("".join(filter(str.isdigit, cells.split(":")[0]))[:7] or 0)
            self._fault(name, row, "", "merged", value=cells)
        # A sheet may say that it is smaller than it is, or reach to the end of the world.
        sheet.reset_dimensions()
        lines = sheet.iter_rows(max_col=len(self._columns[name]) + 10)
        places = self._places(name, next(lines, ()))
        if places is None:
            return
        for number, cells in enumerate(islice(lines, MAX_ROWS + 1), start=2):
            self._line(name, number, cells, places)
            if number % 2_000 == 0:
                self._seen(self._count)

    def _places(self, name: str, cells: Sequence[Any]) -> dict[int, Column] | None:
        """Column by place; None when one that must be there is missing."""
        known = {units.folded(one.heading): one for one in self._columns[name]}
        found: dict[int, Column] = {}
        for place, cell in enumerate(cells):
            said = clean(str(cell.value))[:100] if cell.value is not None else ""
            column = known.get(units.folded(said))
            if not said:
                continue
            if column is None:
                self._fault(name, 1, said, "heading_unknown")
            elif column in found.values():
                self._fault(name, 1, said, "heading_twice")
            else:
                found[place] = column
        missing = [one for one in known.values() if one.required and one not in found.values()]
        for column in missing:
            self._fault(name, 1, column.heading, "heading_missing")
        return None if missing else found

    def _line(
        self, name: str, number: int, cells: Sequence[Any], places: Mapping[int, Column]
    ) -> None:
        texts: dict[int, str] = {}
        before = len(self._faults)
        for place, cell in enumerate(cells):
            if cell.value is None or place not in places:
                continue
            texts[place] = self._text(name, number, places[place], cell)
        if len(self._faults) == before and not any(texts.values()):
            return
        self._count += 1
        if self._count > MAX_ROWS:
            raise refused("too_large")
        values = {}
        for place, column in places.items():
            text = texts.get(place, "")
            if column.required and not text and len(self._faults) == before:
                self._fault(name, number, column.heading, "missing")
            values[column.field] = self._value(name, number, column, text)
        if len(self._faults) > before:
            key = values.get(self._columns[name][0].field)
            self._broken.setdefault(name, set()).add(str(key or "").casefold())
        else:
            self._rows[name].append(Row(number, values))

    def _text(self, name: str, number: int, column: Column, cell: Any) -> str:
        value = cell.value
        if cell.data_type == "f" or type(value).__name__ in ("ArrayFormula", "DataTableFormula"):
            self._fault(name, number, column.heading, "formula")
            return ""
        if cell.data_type == "e":
            self._fault(name, number, column.heading, "cell_error", value=clean(str(value))[:20])
            return ""
        text = _plain(value)
        if len(text) > MAX_CELL:
            self._fault(name, number, column.heading, "too_long", most=MAX_CELL)
            return ""
        return text

    def _value(self, name: str, number: int, column: Column, text: str) -> Any:
        try:
            return READERS[column.kind](text)
        except ValueError as error:
            self._fault(name, number, column.heading, str(error))
            return None


def _plain(value: Any) -> str:
    """A cell's value as text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "có" if value else "không"
    if isinstance(value, dt.datetime | dt.date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return clean(str(value))


def _day(text: str) -> dt.date | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text, re.ASCII)
    if found is None:
        raise ValueError("bad_day")
    try:
        day = dt.date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        raise ValueError("bad_day") from None
    if not 1990 <= day.year <= 2200:
        raise ValueError("bad_day")
    return day


def _number(text: str) -> int | None:
    if not text:
        return None
    plain = text.replace(".", "") if re.fullmatch(r"\d{1,3}(\.\d{3})+", text, re.ASCII) else text
    if not re.fullmatch(r"\d{1,6}", plain, re.ASCII) or int(plain) > 100_000:
        raise ValueError("bad_number")
    return int(plain)


def _yes(text: str) -> bool | None:
    said = {"": None, "co": True, "khong": False, "yes": True, "no": False, "x": True}
    if units.folded(text) not in said:
        raise ValueError("bad_yes")
    return said[units.folded(text)]


def _list(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for part in text.split(";") if (one := part.strip())))


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "text": lambda text: text,
    "day": _day,
    "number": _number,
    "yes": _yes,
    "list": _list,
}
"""How a cell's text is read, by the kind of its column; each raises ValueError with a fault."""


def shown(value: Any) -> str:
    """A value as a cell and a difference show it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "có" if value else "không"
    if isinstance(value, dt.date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, tuple):
        return "; ".join(value)
    return str(value)


def every_fault(book: Book, more: Sequence[Fault]) -> list[Fault]:
    """Faults of reading and of what was read, in the order of the file."""
    order = {name: at for at, name in enumerate(COLUMNS)}
    found = sorted([*book.faults, *more], key=lambda one: (order.get(one.sheet, -1), one.row))
    return found[:MAX_FAULTS]
