"""`vonggac audit`: is the access log whole, and how many rows has it? Exit 1 if it was altered.

With `--export` the rows themselves, as JSON lines; taking them in the browser leaves a row, here
the operating system's own log of who ran the command is the witness.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vonggac import check
from vonggac.db import Database
from vonggac.domain import audit
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac audit`."""
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE", help="of `vonggac up`")
    add("--data", type=Path, metavar="DIR", help="data directory of `vonggac up`; default: here")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")
    add("--export", action="store_true", help="print every row as a line of JSON first")


def command(options: argparse.Namespace) -> int:
    """Verify the chain; 1 if rows were edited, cut or deleted."""
    place = options.data or Path()
    hub = check.found_at(place, options.config)
    if hub is None:
        raise ConfigError(f"no hub at {place.absolute()}; give --config or --data")
    verdict = check.audit_of(hub)
    if options.export:
        _export(hub.database_url)
    if options.json:
        print(json.dumps(check.as_json(verdict), ensure_ascii=False))  # noqa: T201
    else:
        check.tell(verdict)
    return 0 if verdict.ok else 1


def _export(database_url: str) -> None:
    database = Database(database_url)
    try:
        with database.reading() as connection:
            for row in audit.every_row(connection, audit.Filter()):
                sys.stdout.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
    finally:
        database.close()
