"""The composition root: one entry a subcommand, imported only when it is chosen.

With `--json` a command prints one JSON object as its last line of stdout, also when it refuses;
logs go to stderr.
Exit codes: 0 fine, 1 a negative finding, 2 wrong use or configuration.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import sys
from typing import NamedTuple

from vonggac import __version__, log
from vonggac.errors import ConfigError, VonggacError

CLOSED_TO_OTHERS = 0o027
"""Files are 0640 and folders 0750 at most, wherever they are made and by whom they are inherited:
what lies in them are recordings, the access log and the names of people."""


class Subcommand(NamedTuple):
    """A line of the table of contents."""

    module: str
    summary: str


SUBCOMMANDS = {
    "demo": Subcommand("vonggac.demo", "a virtual facility with eight cameras, and one URL"),
    "up": Subcommand("vonggac.up", "hub and edge on one machine, with real cameras"),
    "enrol": Subcommand("vonggac.admin.enrol", "join a hub with the code that it issued"),
    "doctor": Subcommand("vonggac.admin.doctor", "name, certificate, 443, clock, disk, parent"),
    "hub": Subcommand("vonggac.up", "a hub without an edge of its own: a province"),
    "edge": Subcommand("vonggac.edge.command", "the edge of `up`, as a process of its own"),
    "record": Subcommand("vonggac.edge.record", "record cameras to a directory, nothing else"),
    "ledger": Subcommand("vonggac.edge.report", "print what was recorded and what is missing"),
    "verify": Subcommand("vonggac.evidence.command", "is this export what the site recorded?"),
    "check": Subcommand("vonggac.check", "reconcile catalog, files, hashes, pages and audit"),
    "audit": Subcommand("vonggac.audit_command", "is the access log whole, and its rows"),
    "user": Subcommand("vonggac.admin.user", "accounts: list, add, close, open, new password"),
    "role": Subcommand("vonggac.admin.role", "roles: who holds what over which scope; give, end"),
    "unit": Subcommand("vonggac.admin.unit", "units: the tree, names and ends, facilities in it"),
    "import": Subcommand("vonggac.admin.sheet", "facilities, cameras, contacts from a workbook"),
    "annex": Subcommand("vonggac.admin.annex", "papers for the authorities, from the real facts"),
    "letter": Subcommand("vonggac.admin.letter", "documents of decree 30/2020 as .docx and PDF"),
    "report": Subcommand("vonggac.admin.report", "statistics of a unit over a span"),
    "keys": Subcommand("vonggac.admin.keys", "keys: how old each is; change them"),
    "backup": Subcommand("vonggac.admin.backup", "one moment of a hub or a box, in a sealed file"),
    "restore": Subcommand("vonggac.admin.restore", "a hub or a box as a backup has it"),
    "migrate": Subcommand("vonggac.admin.moving", "move a hub's database, SQLite to PostgreSQL"),
    "probe": Subcommand("vonggac.edge.probe", "what a technician needs to know of a camera"),
    "picture": Subcommand("vonggac.edge.picture_command", "is a camera's picture well, over time"),
    "discover": Subcommand("vonggac.edge.discover", "find cameras and recorders on the network"),
    "survey": Subcommand("vonggac.admin.survey", "measure a facility's cameras and its line"),
    "simulate": Subcommand("vonggac.sim.command", "virtual RTSP cameras with scripted faults"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="vonggac",
        description="Vọng Gác: continuous, honest and lawful camera supervision.",
    )
    parser.add_argument("--version", action="version", version=f"vonggac {__version__}")
    parser.add_argument("--log-level", default=os.environ.get("VONGGAC_LOG", "info"),
                        choices=("debug", "info", "warning", "error"))  # fmt: skip
    parser.add_argument("--log-json", action="store_true", help="logs as JSON lines")
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    chosen = next((word for word in words if word in SUBCOMMANDS), None)
    for name, subcommand in SUBCOMMANDS.items():
        child = commands.add_parser(name, help=subcommand.summary, description=subcommand.summary)
        if name == chosen:
            importlib.import_module(subcommand.module).add_arguments(child)
    options = parser.parse_args(words)
    os.umask(os.umask(CLOSED_TO_OTHERS) | CLOSED_TO_OTHERS)
    # A core dump would hold every key and password; children inherit this.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log.configure(level=options.log_level, as_json=options.log_json)
    module = importlib.import_module(SUBCOMMANDS[options.subcommand].module)
    try:
        code: int = module.command(options)
    except VonggacError as error:
        if getattr(options, "json", False):
            print(json.dumps(refusal(error), ensure_ascii=False, default=str))
        print(f"vonggac {options.subcommand}: {error.message}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    return code


def refusal(error: VonggacError) -> dict[str, object]:
    """An error as the one object of `--json`, in the shape that the API has for it."""
    detail = {name: value for name, value in error.detail.items() if value is not None}
    return {"error": {"kind": error.kind.value, "message": error.message, "detail": detail}}


if __name__ == "__main__":
    sys.exit(main())
