"""Administration without a browser: people, roles and units of a hub, from its own machine.

Whoever runs these holds the machine and its database; what they do follows the same rules as an
administrator's pages and leaves the same rows in the audit, under the name `command line`.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonggac import check
from vonggac.clock import SystemClock
from vonggac.db import Database
from vonggac.domain import accounts, audit, registry, roles
from vonggac.errors import ConfigError, Kind, VonggacError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from vonggac.db import Connection

ACTOR = audit.Actor(roles.COMMAND_LINE, device="command line")


def add_arguments(parser: argparse.ArgumentParser, does: Sequence[str]) -> None:
    """What every subcommand of these takes.

    Args:
        parser: of the subcommand.
        does: what it can do; the first word.
    """
    parser.add_argument("do", choices=does, metavar="|".join(does), help="what to do")
    parser.add_argument("--config", type=Path, metavar="FILE", help="of `vonggac up`")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data directory of `vonggac up`; default: here"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line of stdout"
    )


@contextmanager
def hub(options: argparse.Namespace) -> Iterator[Database]:
    """The hub's database, brought up to this program.

    Raises:
        ConfigError: there is none.
    """
    found = check.found_at(options.data or Path(), options.config)
    if found is None:
        raise ConfigError(
            f"no hub at {(options.data or Path()).absolute()}; give --config or --data"
        )
    database = Database(found.database_url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def now_ns() -> int:
    """UTC now."""
    return SystemClock().wall_ns()


def needed(options: argparse.Namespace, *names: str) -> None:
    """Refuse a command that lacks options which what it does cannot do without.

    Raises:
        ConfigError: names the first.
    """
    for name in names:
        if not getattr(options, name):
            raise ConfigError(f"{options.do} needs --{name.replace('_', '-')}")


def account_id(connection: Connection, name: str) -> str:
    """The id of an account by its name.

    Raises:
        VonggacError: NOT_FOUND.
    """
    wanted = name.strip().casefold()
    found = next((one.id for one in accounts.people(connection) if one.name == wanted), None)
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, f"there is no account {name!r}")
    return found


def site_id(connection: Connection, name: str) -> str:
    """The id of a facility by its name or its id.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = next(
        (site.id for site in registry.sites(connection) if name in (site.id, site.name)), None
    )
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, f"there is no facility {name!r}")
    return found


def record(
    connection: Connection, act: audit.Act, thing: str, *, purpose: str = "", **detail: object
) -> None:
    """Leave the row that the pages would leave."""
    audit.record(
        connection, ACTOR, act, now_ns=now_ns(), thing=thing, purpose=purpose, detail=detail
    )


def tell(options: argparse.Namespace, told: Mapping[str, Any], lines: Sequence[str] = ()) -> None:
    """Print lines for people, or one object for programs."""
    if options.json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    for line in lines:
        sys.stdout.write(f"{line}\n")
