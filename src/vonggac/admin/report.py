"""`vonggac report`: the statistics of a unit over a span, as JSON or as .docx, .pdf or .xlsx."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vonggac import admin, paper
from vonggac.clock import NS
from vonggac.domain import (
    audit,
    citing,
    issuers,
    legal,
    letters,
    report_papers,
    reports,
    roles,
    units,
)
from vonggac.domain.directives import last_day
from vonggac.domain.statistics import Span
from vonggac.errors import ConfigError, Kind, VonggacError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from datetime import date
    from typing import Any

    from vonggac.db import Connection

WHOLE = "all"
ENDINGS = (".docx", ".pdf", ".xlsx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac report`."""
    add = parser.add_argument
    add("unit", metavar="UNIT", help=f"id or name of a unit, or {WHOLE}")
    add("--from", dest="first", metavar="DAY", help="18/11/2026 or 2026-11-18; default: the first "
        "of the month")  # fmt: skip
    add("--to", dest="last", metavar="DAY", help="default: today")
    add("--out", type=Path, metavar="FILE", help="written as .docx, .pdf or .xlsx by its ending")
    add("--config", type=Path, metavar="FILE", help="of `vonggac up`")
    add("--data", type=Path, metavar="DIR", help="data directory of `vonggac up`; default: here")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Count, and write one file or one object.

    Raises:
        ConfigError: there is no hub, a day is none, or the file cannot be written.
        VonggacError: NOT_FOUND, no such unit.
    """
    if options.out is not None and options.out.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--out must end in {', '.join(ENDINGS)}, not {options.out.name}")
    now_ns = admin.now_ns()
    today = datetime.fromtimestamp(now_ns // NS, UTC).astimezone(legal.VIETNAM).date()
    last = _day(options.last, "--to") or today
    span = Span(_day(options.first, "--from") or last.replace(day=1), last)
    person = roles.whoever_holds_the_machine(now_ns)
    with admin.hub(options) as database:
        with database.reading() as connection:
            unit_id = _unit(connection, options.unit, today)
            counted = reports.count(connection, person, unit_id, span, now_ns=now_ns)
            data = reports.data_of(counted, now_ns=now_ns)
            content = _file(connection, data, options.out, today) if options.out else b""
        if options.out is not None:
            _write(options.out, content)
            with database.writing() as connection:
                admin.record(connection, audit.Act.DOCUMENT_MADE, "report", file=options.out.name)
    told = {**data, "file": str(options.out) if options.out else None, "bytes": len(content)}
    lines = [
        f"{value.figure.name}: {report_papers.said(code, value.amount)}"
        for code, value in counted.whole.values.items()
    ]
    if options.out is not None:
        lines.append(f"{options.out}, {len(content)} bytes")
    admin.tell(options, told, lines)
    return 0


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        found = last_day(text, None)
    if found is None:
        raise ConfigError(f"{option} is a day like 2026-11-18 or 18/11/2026, not {text}")
    return found


def _unit(connection: Connection, text: str, today: date) -> str | None:
    if text == WHOLE:
        return None
    try:
        return units.unit(connection, text, today).id
    except VonggacError:
        found = units.search(connection, text, today, limit=50)
    exact = [one for one in found if units.folded(one.vi) == units.folded(text)] or found
    if len(exact) != 1:
        many = "; ".join(f"{one.id} {one.vi}" for one in exact[:10])
        raise VonggacError(
            Kind.NOT_FOUND, f"UNIT: {len(exact)} units are called {text!r}. {many}".strip()
        )
    return exact[0].id


def _file(connection: Connection, data: Mapping[str, Any], out: Path, today: date) -> bytes:
    if out.suffix.lower() == ".xlsx":
        return report_papers.workbook(data)
    office = issuers.office(
        connection, data["unit"]["id"], on=today, otherwise=data["unit"]["name"]
    )
    above = "" if office.province == office.name else office.province
    order = citing.carried(connection, "report:", unit_id=data["unit"]["id"])
    under = citing.opening(connection, order)
    made = report_papers.letter(data, office, above, on=today, under=under)
    if out.suffix.lower() == ".pdf":
        return paper.official(made)
    # python-docx costs a start of the program more than all else; few commands need it.
    from vonggac.paper import word

    return word.document(made, letters.template_content(connection))


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}") from error
