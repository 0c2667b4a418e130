"""`vonggac import`: a workbook of the register into a hub, from its own machine.

Says what it would change, then changes it, all or nothing; with `--dry-run` it changes nothing,
and where there is no hub it compares with an empty register.  Exit 1 when a row is at fault:
nothing was written then.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonggac import admin, check
from vonggac.config import load
from vonggac.db import Database, sqlite_url
from vonggac.domain import audit, guide_values, registry, units
from vonggac.domain import register_import as entering
from vonggac.domain import register_sheets as sheets
from vonggac.errors import ConfigError, VonggacError
from vonggac.web.words import day_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vonggac.db import Connection

SHOWN = 200
"""Changes and errors that are printed for people; `--json` names every error."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac import`."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE.xlsx", help="a workbook by the template")
    add("--dry-run", action="store_true", help="say what would change, and change nothing")
    add("--config", type=Path, metavar="FILE", help="of `vonggac up`")
    add("--data", type=Path, metavar="DIR", help="data directory of `vonggac up`; default: here")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Compare, and enter it unless a row is at fault; 1 if one is."""
    try:
        content = options.file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{options.file}: {error.strerror}") from error
    now_ns = admin.now_ns()
    with _register(options) as database:
        with database.reading() as connection:
            placement = guide_values.placement(connection, day_of(now_ns))
        try:
            book = sheets.read(content)
        except VonggacError as error:
            return _unread(options, str(error.detail.get("fault", "unreadable")))
        with database.reading() as connection:
            made = _plan(connection, options, book, placement)
        if not made.faults and not options.dry_run:
            with database.writing() as connection:
                made = _plan(connection, options, book, placement)
                entering.enter(
                    connection, made, placement=placement, by=admin.ACTOR.name, now_ns=now_ns
                )
                admin.record(
                    connection, audit.Act.SHEET_ENTERED, options.file.name[:100],
                    rows=made.rows, new=made.new, changed=made.changed,
                )  # fmt: skip
    admin.tell(options, made.as_json(), list(_lines(made)))
    return 1 if made.faults else 0


def _plan(
    connection: Connection, options: argparse.Namespace, book: sheets.Book, placement: Any
) -> entering.Plan:
    return entering.plan(
        connection,
        book,
        gate=lambda _act, _thing: True,
        placement=placement,
        own_site=_own_site(connection, options.config),
    )


def _own_site(connection: Connection, config: Path | None) -> str:
    """The facility that the configuration file keeps; without a file the first that has a box."""
    name = load(config).site.name if config is not None else ""
    found = sorted(registry.sites(connection), key=lambda one: one.created_ns)
    return next((one.id for one in found if one.name == name or (not name and one.public_key)), "")


@contextmanager
def _register(options: argparse.Namespace) -> Iterator[Database]:
    """The hub's database; for a rehearsal where there is no hub, an empty one."""
    if not options.dry_run or check.found_at(options.data or Path(), options.config) is not None:
        with admin.hub(options) as database:
            yield database
        return
    sys.stderr.write("no hub here: compared with an empty register\n")
    with tempfile.TemporaryDirectory(prefix="vonggac-") as folder:
        database = Database(sqlite_url(Path(folder) / "empty.db"))
        try:
            database.migrate()
            with database.writing() as connection:
                units.load(connection, "2026")
            yield database
        finally:
            database.close()


def _unread(options: argparse.Namespace, fault: str) -> int:
    """What a file that is no workbook of the register is told, in the shape of any other error."""
    said = sheets.FILE_FAULTS[fault]
    told = {
        "rows": 0, "new": 0, "changed": 0, "same": 0,
        "errors": [{"sheet": "", "row": 0, "column": "", "message": said}],
    }  # fmt: skip
    admin.tell(options, told, [said])
    return 1


def _lines(made: entering.Plan) -> Iterator[str]:
    yield f"{made.rows} rows: {made.new} new, {made.changed} changed, {made.same} the same"
    for one in made.changes[:SHOWN]:
        if one.kind == "changed":
            for heading, before, after in one.differences:
                yield f"{one.sheet} {one.row} {one.key}: {heading}: {before!r} -> {after!r}"
    for fault in made.faults[:SHOWN]:
        place = " ".join(str(part) for part in (fault.sheet, fault.row, fault.column) if part)
        yield f"{place}: {fault.message}"
    if made.faults:
        yield f"{len(made.faults)} errors; nothing was written"
