"""Price catalogues: the software's invented example, and what administrators entered from sheets.

The newest catalogue in force on a day counts, whole: nothing of the example is mixed into it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import estimate as db
from vonggac.domain import audit, costs, legal, money
from vonggac.domain.costs import Price
from vonggac.domain.estimate import LINE_MOST
from vonggac.domain.plans import TITLE_MOST, UNIT_MOST, text_faults
from vonggac.domain.rules import Words
from vonggac.domain.units import folded
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

HEADINGS: Final[Mapping[str, str]] = {
    "code": "Mã",
    "kind": "Nhóm",
    "how": "Hình thức",
    "title": "Nội dung",
    "unit": "Đơn vị",
    "price": "Đơn giá",
    "vat": "Thuế GTGT (%)",
    "source": "Nguồn",
    "on": "Ngày",
}
"""Columns of the sheet, which is Vietnamese whatever the page's language."""
ROWS_MOST: Final = 1_000
FILE_MOST: Final = 1024 * 1024
UNPACKED_MOST: Final = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Prices that count on a day."""

    id: str
    """Empty for the software's example."""
    title: Words
    from_date: dt.date
    prices: tuple[Price, ...]
    made_by: str = ""

    @property
    def example(self) -> bool:
        """Whether the prices are invented."""
        return not self.id

    def of(self, kind: str, how: str) -> Price | None:
        """What a kind costs to buy or to lease, if the catalogue says so."""
        return next((one for one in self.prices if (one.kind, one.how) == (kind, how)), None)


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell of the sheet that cannot be taken."""

    row: int
    column: str
    why: str
    """A code of the pages' words."""


def in_force(connection: Connection, on: dt.date) -> Catalogue:
    """The catalogue that counts on a day."""
    table = db.price_catalogue
    row = connection.execute(
        sa.select(table.c.id, table.c.title, table.c.from_date, table.c.made_by)
        .where(table.c.from_date <= on)
        .order_by(table.c.from_date.desc(), table.c.made_ns.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        every = costs.example(on)
        return Catalogue("", costs.example_title(), every[0].on, every)
    price = db.price
    rows = connection.execute(
        sa.select(price).where(price.c.catalogue_id == row.id).order_by(price.c.id)
    )
    return Catalogue(
        row.id,
        Words(row.title, row.title),
        row.from_date,
        tuple(
            Price(
                one.code, one.kind, one.how, Words(one.title, one.title),
                Words(one.unit, one.unit), one.price, one.vat, Words(one.source, one.source),
                one.on_day, example=False,
            )
            for one in rows
        ),
        row.made_by,
    )  # fmt: skip


def rows_of(catalogue: Catalogue) -> list[list[Any]]:
    """A catalogue as its sheet has it, with the heading: what is taken out can be sent in."""
    return [
        list(HEADINGS.values()),
        *(
            [one.code, one.kind, one.how, one.name.vi, one.unit.vi, one.price,
             money.percent(one.vat), one.source.vi, f"{one.on:%d/%m/%Y}"]
            for one in catalogue.prices
        ),
    ]  # fmt: skip


def read(content: bytes, *, today: dt.date) -> tuple[list[Price], list[Fault]]:
    """The prices of a workbook's first sheet, and every cell that is wrong.

    Raises:
        VonggacError: BAD_INPUT, it is no workbook, a heading is missing, or it has no or too many
            rows; `fields` says which.
    """
    if not content:
        raise _unreadable("no_file")
    if len(content) > FILE_MOST:
        raise _unreadable("sheet_too_long")
    cells = _cells(content)
    heads = [folded(_text(cell)) for cell in cells[0]] if cells else []
    places = {name: heads.index(folded(head)) for name, head in HEADINGS.items()
              if folded(head) in heads}  # fmt: skip
    if len(places) < len(HEADINGS):
        raise _unreadable("heading_missing")
    found: list[Price] = []
    faults: list[Fault] = []
    for number, row in enumerate(cells[1:], start=2):
        typed = {name: row[at] if at < len(row) else None for name, at in places.items()}
        if not any(_text(cell) for cell in typed.values()):
            continue
        price, wrong = _price(typed, {one.code for one in found}, today)
        faults += [Fault(number, HEADINGS[name], why) for name, why in wrong.items()]
        found += [price] if price else []
    if not found and not faults:
        raise _unreadable("sheet_empty")
    return found, faults


def enter(
    connection: Connection,
    rows: Sequence[Price],
    *,
    title: str,
    from_date: dt.date,
    sha256: str,
    by: Someone,
    now_ns: int,
) -> Catalogue:
    """Enter a catalogue; what was in force before stays readable and counts for its days.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    faults = text_faults("title", title, TITLE_MOST)
    if faults or not rows:
        faults = faults or {"file": "sheet_empty"}
        raise VonggacError(Kind.BAD_INPUT, "this catalogue cannot be taken", fields=faults)
    catalogue_id = new_id()
    connection.execute(
        db.price_catalogue.insert().values(
            id=catalogue_id, title=legal.plain(title), from_date=from_date, sha256=sha256,
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    connection.execute(
        db.price.insert(),
        [
            {"catalogue_id": catalogue_id, "code": one.code, "kind": one.kind, "how": one.how,
             "title": one.name.vi, "unit": one.unit.vi, "price": one.price, "vat": one.vat,
             "source": one.source.vi, "on_day": one.on}
            for one in rows
        ],
    )  # fmt: skip
    audit.record(
        connection,
        by.actor,
        audit.Act.PRICES_ENTERED,
        now_ns=now_ns,
        thing=catalogue_id,
        detail={"rows": len(rows), "from": from_date.isoformat(), "sha256": sha256},
    )
    return in_force(connection, from_date)


def digest(content: bytes) -> str:
    """SHA-256 of a workbook, hex."""
    return hashlib.sha256(content).hexdigest()


# -- cells -----------------------------------------------------------------------------------


def _price(
    typed: Mapping[str, Any], taken: set[str], today: dt.date
) -> tuple[Price | None, dict[str, str]]:
    texts = {name: legal.plain(_text(cell)) for name, cell in typed.items()}
    faults: dict[str, str] = {}
    for name, most in (("code", 40), ("title", TITLE_MOST), ("unit", UNIT_MOST),
                       ("source", TITLE_MOST)):  # fmt: skip
        faults |= text_faults(name, texts[name], most)
    if texts["code"] in taken:
        faults["code"] = "twice"
    if texts["kind"] not in (*costs.KINDS, costs.OTHER):
        faults["kind"] = "bad_choice"
    if texts["how"] not in costs.HOWS:
        faults["how"] = "bad_choice"
    price, vat, on = _amount(typed["price"]), _percent(texts["vat"]), _day(typed["on"])
    if price is None:
        faults["price"] = "bad_amount"
    if vat is None:
        faults["vat"] = "bad_percent"
    if on is None or on > today:
        faults["on"] = "no_date" if on is None else "in_the_future"
    if faults or price is None or vat is None or on is None:
        return None, faults
    how: costs.How = "buy" if texts["how"] == "buy" else "lease"
    return Price(
        texts["code"], texts["kind"], how, Words(texts["title"], texts["title"]),
        Words(texts["unit"], texts["unit"]), price, vat, Words(texts["source"], texts["source"]),
        on, example=False,
    ), {}  # fmt: skip


def _amount(cell: Any) -> int | None:
    """A spreadsheet's number is a float even where it is whole."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= LINE_MOST:
        cell = int(cell)
    try:
        amount = cell if isinstance(cell, int) else money.read(_text(cell))
    except ValueError:
        return None
    return amount if 0 <= amount <= LINE_MOST else None


def _percent(text: str) -> int | None:
    try:
        return money.read_percent(text.removesuffix(".0"))
    except ValueError:
        return None


def _day(cell: Any) -> dt.date | None:
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    try:
        day, month, year = (int(part) for part in _text(cell).split("/"))
        found = dt.date(year, month, day)
    except (ValueError, OverflowError):
        return None
    return found if 1990 <= found.year <= 2200 else None


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.date):
        return f"{cell:%d/%m/%Y}"
    return " ".join(str(cell).split())[:1_000]


def _cells(content: bytes) -> list[tuple[Any, ...]]:
    import openpyxl  # with numpy half a second of every start, for what is sent once a year

    try:
        _check_size(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        try:
            return list(
                book.worksheets[0].iter_rows(max_row=ROWS_MOST + 1, max_col=20, values_only=True)
            )
        finally:
            book.close()
    except VonggacError:
        raise
    except Exception as error:
        # openpyxl passes on whatever its readers of zip, XML and numbers raise.
        raise _unreadable("sheet_unreadable") from error


def _check_size(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(part.file_size for part in packed.infolist()) > UNPACKED_MOST:
            raise _unreadable("sheet_too_long")


def _unreadable(why: str) -> VonggacError:
    said = f"this sheet cannot be taken: {why}"
    return VonggacError(Kind.BAD_INPUT, said, fields={"file": why})
