"""Accounts in bulk, from a sheet that people fill in: read, checked row by row, entered once.

`read` turns a file into rows; `enter` makes the accounts and gives the roles, row by row, and says
what became of each. A rehearsal is `enter` in a transaction that is undone. A row whose account
stands already under the same full name is left alone, so the same sheet can be sent twice.
"""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.domain import access, accounts, roles, units
from vonggac.domain.access import Act
from vonggac.domain.duties import duties, line_words
from vonggac.domain.rules import Words
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.domain.access import Person
    from vonggac.domain.duties import Duty

HEADINGS: Mapping[str, str] = {
    "name": "Tên đăng nhập",
    "full_name": "Họ và tên",
    "role": "Vai trò",
    "unit": "Đơn vị",
    "line": "Loại cơ sở",
    "sites": "Cơ sở",
    "until": "Đến ngày",
}
"""Field to the heading of its column; only the first three must be there."""
REQUIRED = ("name", "full_name", "role")
ROWS_LIMIT = 300
"""Rows of a sheet at most (ours): a province's staff comes in several."""
CELL_LIMIT = 300
UNPACKED_LIMIT = 8_000_000
"""Bytes that a file may unpack to: a small zip can hold a very large sheet."""
HERE = dt.timezone(dt.timedelta(hours=7), "ICT")
"""Days in the sheet are days of Việt Nam."""


class Typed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row as it was typed. It goes to the browser and comes back, so it is checked again."""

    line_number: int
    name: str
    full_name: str
    role: str
    unit: str = ""
    line: str = ""
    sites: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row."""

    typed: Typed
    state: Literal["made", "stands", "fault"]
    field: str = ""
    """At fault."""
    fault: str = ""
    """A code of the pages' words."""
    first: accounts.FirstSignIn | None = None
    """What is handed to the person, once; only for one that was made."""


class _Fault(Exception):  # noqa: N818 - of a row, caught below
    def __init__(self, field: str, fault: str) -> None:
        super().__init__(fault)
        self.field = field
        self.fault = fault


# -- reading ---------------------------------------------------------------------------------


def read(content: bytes) -> list[Typed]:
    """The rows of an xlsx file's first sheet.

    Raises:
        VonggacError: BAD_INPUT, it is no such file, a heading is missing, or it has no or too
            many rows; `fault` and `heading` say which.
    """
    rows = _cells(content)
    if not rows:
        raise _unreadable("sheet_empty")
    places = _places(rows[0])
    found = []
    for number, cells in enumerate(rows[1:], start=2):
        texts = {field: _text(cells[at]) if at < len(cells) else "" for field, at in places.items()}
        if any(texts.values()):
            found.append(Typed(line_number=number, **texts))
    if not found:
        raise _unreadable("sheet_empty")
    if len(found) > ROWS_LIMIT:
        raise _unreadable("sheet_too_long")
    return found


def _cells(content: bytes) -> list[tuple[Any, ...]]:
    import openpyxl  # with numpy half a second of every start, for what is sent once a year

    try:
        _check_size(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        try:
            sheet = book.worksheets[0]
            return list(sheet.iter_rows(max_row=ROWS_LIMIT + 2, max_col=20, values_only=True))
        finally:
            book.close()
    except VonggacError:
        raise
    except Exception as error:
        # openpyxl passes on whatever its readers of zip, XML and numbers raise.
        raise _unreadable("sheet_unreadable") from error


def _check_size(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(part.file_size for part in packed.infolist()) > UNPACKED_LIMIT:
            raise _unreadable("sheet_too_long")


def _places(headings: Sequence[Any]) -> Mapping[str, int]:
    said = [units.folded(_text(cell)) for cell in headings]
    places = {
        field: said.index(units.folded(heading))
        for field, heading in HEADINGS.items()
        if units.folded(heading) in said
    }
    for field in REQUIRED:
        if field not in places:
            raise _unreadable("heading_missing", heading=HEADINGS[field])
    return places


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime | dt.date):
        return f"{cell:%d/%m/%Y}"
    return " ".join(str(cell).split())[:CELL_LIMIT]


def _unreadable(fault: str, **detail: str) -> VonggacError:
    return VonggacError(
        Kind.BAD_INPUT, f"this sheet cannot be taken: {fault}", fault=fault, **detail
    )


# -- entering --------------------------------------------------------------------------------


def enter(
    connection: Connection,
    giver: Person,
    rows: Sequence[Typed],
    *,
    reason: str,
    now_ns: int,
) -> list[Outcome]:
    """Make the accounts and give the roles; a row at fault changes nothing.

    Args:
        connection: a writing transaction; undo it to rehearse.
        giver: who gives the roles.
        rows: from `read`.
        reason: why; stands with every role.
        now_ns: UTC now.
    """
    known = duties(dt.datetime.fromtimestamp(now_ns // NS, HERE).date())
    seen: set[str] = set()
    found = []
    for row in rows:
        key = row.name.strip().casefold()
        try:
            with connection.begin_nested():
                _check_once(key, seen)
                found.append(_enter_one(connection, giver, row, known, reason, now_ns))
        except _Fault as fault:
            found.append(Outcome(row, "fault", fault.field, fault.fault))
        seen.add(key)
    return found


def _check_once(key: str, seen: set[str]) -> None:
    if key in seen:
        raise _Fault("name", "name_twice")


def _enter_one(
    connection: Connection,
    giver: Person,
    row: Typed,
    known: Mapping[str, Duty],
    reason: str,
    now_ns: int,
) -> Outcome:
    duty = _duty(row.role, known)
    draft = roles.Draft(
        role=duty.code,
        reason=reason,
        unit=_unit(connection, row.unit),
        line=_line(row.line),
        sites=_sites(connection, giver, row.sites, now_ns),
        to_ns=_until(row.until),
    )
    try:
        account_id, first = accounts.create(
            connection, name=row.name, full_name=row.full_name, now_ns=now_ns
        )
    except VonggacError as error:
        if error.detail.get("fault") == "name_taken" and _is_same(connection, giver, row, now_ns):
            return Outcome(row, "stands")
        field = "full_name" if error.detail.get("fault") == "full_name_missing" else "name"
        raise _Fault(field, str(error.detail.get("fault", ""))) from error
    try:
        roles.give(connection, giver, account_id, draft, now_ns=now_ns)
    except roles.Refused as refused:
        field = "until" if refused.field == "to" else refused.field
        raise _Fault(field, refused.code) from refused
    return Outcome(row, "made", first=first)


def _is_same(connection: Connection, giver: Person, row: Typed, now_ns: int) -> bool:
    """Whether this person's account stands, and is one that the giver may know."""
    table = tables.account
    found = connection.execute(
        sa.select(table.c.id, table.c.full_name).where(table.c.name == row.name.strip().casefold())
    ).one_or_none()
    return (
        found is not None
        and found.full_name == " ".join(row.full_name.split())
        and found.id in roles.within(connection, giver, Act.PEOPLE_EDIT, now_ns=now_ns)
    )


def _duty(typed: str, known: Mapping[str, Duty]) -> Duty:
    wanted = units.folded(typed)
    for duty in known.values():
        if wanted in (duty.code, units.folded(duty.name["vi"]), units.folded(duty.name["en"])):
            return duty
    raise _Fault("role", "unknown_role")


def _unit(connection: Connection, typed: str) -> str | None:
    """The unit of this id or of this name today; None without one: everything."""
    if not typed:
        return None
    table = tables.unit_name
    found: set[str] = set(
        connection.execute(
            sa.select(table.c.unit_id).where(
                sa.or_(
                    table.c.unit_id == typed,
                    sa.and_(table.c.folded == units.folded(typed), table.c.valid_to.is_(None)),
                )
            )
        ).scalars()
    )
    if len(found) != 1:
        raise _Fault("unit", "unit_unknown" if not found else "unit_ambiguous")
    return found.pop()


def _line(typed: str) -> Any:
    if not typed:
        return None
    wanted = units.folded(typed)
    for code, words in line_words().items():
        if wanted in (code, units.folded(words["vi"]), units.folded(words["en"])):
            return code
    raise _Fault("line", "bad_line")


def _sites(connection: Connection, giver: Person, typed: str, now_ns: int) -> list[str]:
    """Ids of the sites that are named, by short name or title, separated by semicolons.

    One that the giver may not see is as unknown as one that there is not.
    """
    wanted = [units.folded(one) for one in typed.split(";") if one.strip()]
    if not wanted:
        return []
    table = tables.site
    known: dict[str, str] = {}
    seen = access.sites_for(connection, giver, Act.FACILITY_SEE, now_ns)
    named = sa.select(table.c.id, table.c.name, table.c.title).where(table.c.id.in_(seen))
    for row in connection.execute(named).all():
        known[units.folded(row.title)] = row.id
        known[units.folded(row.name)] = row.id
    if any(one not in known for one in wanted):
        raise _Fault("sites", "site_unknown")
    return list(dict.fromkeys(known[one] for one in wanted))


def _until(typed: str) -> int | None:
    """The end of the day that is typed as 31/12/2026; None without one."""
    if not typed:
        return None
    try:
        day = dt.datetime.strptime(typed, "%d/%m/%Y").replace(tzinfo=HERE)
    except ValueError:
        raise _Fault("until", "bad_day") from None
    return int((day + dt.timedelta(days=1)).timestamp()) * NS


# -- names -----------------------------------------------------------------------------------


def unit_names(connection: Connection) -> Mapping[str, Words]:
    """What every unit is called now, or was at last, by its id."""
    table = tables.unit_name
    rows = connection.execute(
        sa.select(table.c.unit_id, table.c.vi, table.c.en).order_by(table.c.valid_from)
    ).all()
    return {row.unit_id: Words(row.vi, row.en) for row in rows}


def site_titles(connection: Connection) -> Mapping[str, str]:
    """What every site is called, by its id."""
    table = tables.site
    rows = connection.execute(sa.select(table.c.id, table.c.name, table.c.title)).all()
    return {row.id: row.title or row.name for row in rows}
