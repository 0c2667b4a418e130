"""`vonggac migrate --to URL`: the database of a hub into another one, from SQLite to PostgreSQL.

The target gets everything in one transaction, or nothing: whatever breaks it off, it is empty as
before and the command is given again. The source is only read; who went over can go back to it
until the hub has written to the new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vonggac import admin, check
from vonggac.admin.backup import progress
from vonggac.config import load
from vonggac.db import FAILED, Database, copying, why_failed
from vonggac.domain import audit
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.hub import auditing
from vonggac.keys import rotation

if TYPE_CHECKING:
    import argparse

    from vonggac.check import Hub
    from vonggac.db.copying import Sum
    from vonggac.domain.audit import Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac migrate`."""
    add = parser.add_argument
    add("--to", metavar="URL", required=True,
        help="an empty database, as postgresql://user@host/name; its password comes from PGPASSWORD"
             " or PGPASSFILE")  # fmt: skip
    add("--config", type=Path, metavar="FILE", help="of `vonggac up`")
    add("--data", type=Path, metavar="DIR", help="data directory of `vonggac up`; default: here")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Copy, compare, verify; the configuration is left to whoever gave the command."""
    check_url(options.to)
    place = options.data or Path()
    hub = check.found_at(place, options.config)
    if hub is None:
        raise ConfigError(f"no hub at {place.absolute()}; give --config or --data")
    if sa.make_url(hub.database_url) == sa.make_url(options.to):
        raise ConfigError("the hub is on that database already")
    data = hub.recordings.parent
    if options.config is not None:
        data = Path(load(options.config).data_dir)
    with rotation.hold(data):
        found, verdict = _moved(hub, options.to)
    rows = sum(one.rows for one in found.values())
    told = {"tables": len(found), "rows": rows, "audit": check.as_json(verdict),
            "sums": {name: [one.rows, one.digest] for name, one in found.items()}}  # fmt: skip
    lines = [f"{len(found)} tables, {rows} rows: counts and hashes are equal on both sides",
             *(f"wrong: {fault}" for fault in verdict.faults),
             "set database_url of the configuration to the new database, then start the hub",
             ]  # fmt: skip
    admin.tell(options, told, lines)
    return 0 if verdict.ok else 1


def check_url(url: str) -> None:
    """Refuse an address that cannot be one, or that tells a secret to whoever lists processes.

    Raises:
        ConfigError: which.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError("this is not the URL of a database") from None
    if parsed.password is not None or "password" in parsed.query:
        raise ConfigError(
            "a password in a command can be read by others: leave it out and set PGPASSWORD or"
            " PGPASSFILE"
        )


def _moved(hub: Hub, url: str) -> tuple[dict[str, Sum], Verdict]:
    """Everything that went across, and what became of the access log there."""
    source, target = Database(hub.database_url), Database(url)
    try:
        with source.still() as reading:
            if copying.schema_of(reading) != copying.newest_schema():
                raise ConfigError("the hub's database is of another version; start it once first")
            with target.writing() as writing:
                copying.check_empty(writing)
                copying.prepare(writing)
                found = copying.copy(reading, writing, progress)
                copying.compare(found, copying.sums(writing))
                rows = sum(one.rows for one in found.values())
                admin.record(
                    writing, audit.Act.DATABASE_MOVED, target.engine.dialect.name, rows=rows
                )
                signed = check.signed_by_box(hub.recordings)
                verdict = auditing.verify(writing, signed, now_ns=admin.now_ns())
        return found, verdict
    except FAILED as error:
        raise VonggacError(Kind.UNAVAILABLE, f"nothing was moved: {why_failed(error)}") from error
    finally:
        source.close()
        target.close()
