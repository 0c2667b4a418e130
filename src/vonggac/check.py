"""`vonggac check`: recordings, catalog, hashes and pages of a box, and the audit of its hub.

The recording directory alone is checked as it ever was.  Where the hub's database is known (the
data directory of `vonggac up`, or its configuration), the audit is held against its chain and
against what the box itself signed into its journal, which whoever rewrote the database did not
rewrite.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy.exc

from vonggac import wire
from vonggac.clock import SystemClock
from vonggac.config import load
from vonggac.db import Database, sqlite_url
from vonggac.domain import audit, site_keys
from vonggac.edge import check as boxes
from vonggac.edge import identity, journal
from vonggac.edge.recovery import holds_recordings
from vonggac.edge.report import EMPTY
from vonggac.errors import ConfigError, VonggacError
from vonggac.hub import auditing

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vonggac.db import Connection
    from vonggac.domain.audit import Verdict

SQLITE = "hub.sqlite"
RECORDINGS = "recordings"


class Hub(NamedTuple):
    """Where a hub keeps what is checked."""

    database_url: str
    recordings: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac check`."""
    boxes.add_arguments(parser)
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="of `vonggac up`: where the hub keeps its audit")  # fmt: skip


def command(options: argparse.Namespace) -> int:
    """Check a recording directory, and the audit where it is known; 1 if something is wrong."""
    given: Path = options.directory
    hub = found_at(given, options.config)
    if (given / RECORDINGS).is_dir() and not (given / "catalog.sqlite").exists():
        given = given / RECORDINGS
    if not given.is_dir():
        raise ConfigError(f"{given} is not a directory")
    found = _found(given, hub, options)
    verdict = None if hub is None else audit_of(hub)
    result: dict[str, object] = {} if found is None else boxes.as_json(found)
    if verdict is not None:
        faults = [] if found is None else found.faults
        result["audit"] = as_json(verdict)
        result["faults"] = [*faults, *(f"audit: {fault}" for fault in verdict.faults)]
        result["ok"] = (found is None or found.ok) and verdict.ok
    if options.json:
        print(json.dumps(result, ensure_ascii=False))  # noqa: T201
    else:
        if found is not None:
            boxes.tell(found)
        if verdict is not None:
            tell(verdict)
    return 0 if result["ok"] else 1


def _found(given: Path, hub: Hub | None, options: argparse.Namespace) -> boxes.Findings | None:
    """What became of the recordings; None: this is the hub of others, without a box.

    Raises:
        ConfigError: neither a box nor a hub ever wrote here.
    """
    if holds_recordings(given):
        return boxes.check(given, hashing=not options.no_hash)
    if hub is None or (hub.recordings / identity.FOLDER).is_dir():
        raise ConfigError(EMPTY.format(given))
    return None


def found_at(directory: Path, config: Path | None) -> Hub | None:
    """The hub of a configuration, or of the data directory that this is or lies in."""
    if config is not None:
        told = load(config)
        data = Path(told.data_dir)
        return Hub(told.database_url or sqlite_url(data / SQLITE), data / RECORDINGS)
    for data in (directory, directory.absolute().parent):
        if (data / SQLITE).is_file():
            return Hub(sqlite_url(data / SQLITE), data / RECORDINGS)
    return None


def audit_of(hub: Hub) -> Verdict:
    """Verify the audit of a hub; reads only.

    Raises:
        ConfigError: there is no database there, or it is older than this program.
    """
    prefix = "sqlite:///"
    if hub.database_url.startswith(prefix) and not Path(hub.database_url[len(prefix) :]).exists():
        raise ConfigError(f"there is no database at {hub.database_url[len(prefix) :]}")
    database = Database(hub.database_url)
    try:
        with database.reading() as connection:
            found = auditing.verify(
                connection, signed_by_box(hub.recordings), now_ns=SystemClock().wall_ns()
            )
            faults = (*found.faults, *keys_of(connection, hub.recordings))
            return audit.Verdict(found.rows, found.anchors, faults, found.notes)
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.ProgrammingError) as error:
        raise ConfigError(
            "the hub's database cannot be read by this version; start `vonggac up` once"
        ) from error
    finally:
        database.close()


def keys_of(connection: Connection, recordings: Path) -> list[str]:
    """What is wrong between the keys that the hub knows of its box and those that the box holds.

    A box ahead of the hub is followed at the next start, if the hub's key announced it.
    """
    if not (recordings / identity.FOLDER / identity.KEY).exists():
        return []
    try:
        box = identity.read(recordings).chain
        known = site_keys.chain(connection, box.site)
        if known is not None:
            site_keys.leads_to(known, box)
    except VonggacError as error:
        return [f"the keys of the site: {error.message}"]
    return []


def signed_by_box(recordings: Path) -> Iterator[tuple[str, wire.Envelope]]:
    """Anchors in the box's own journal: a second witness, outside of the database."""
    for envelope, fact in journal.facts(recordings / "journal"):
        if isinstance(fact, wire.Anchored):
            yield envelope.site, envelope


def as_json(verdict: Verdict) -> dict[str, object]:
    """As `vonggac audit --json` prints it."""
    return {
        "ok": verdict.ok,
        "rows": verdict.rows,
        "anchors": verdict.anchors,
        "faults": list(verdict.faults),
        **({"notes": list(verdict.notes)} if verdict.notes else {}),
    }


def tell(verdict: Verdict) -> None:
    """The same for people."""
    write = sys.stdout.write
    write(f"audit: {verdict.rows} rows, held against {verdict.anchors} signed anchors\n")
    for note in verdict.notes:
        write(f"note: {note}\n")
    for fault in verdict.faults:
        write(f"wrong: {fault}\n")
    write("the audit is whole\n" if verdict.ok else "the audit was altered\n")
