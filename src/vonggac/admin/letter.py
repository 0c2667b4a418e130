"""`vonggac letter`: a document in the layout of decree 30/2020, as .docx and as PDF.

A sample needs no hub; the PDF needs no office program.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vonggac import admin, paper
from vonggac.clock import NS
from vonggac.domain import legal, letters
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac letter`."""
    add = parser.add_argument
    add("kind", choices=letters.kinds(), metavar="KIND", help=", ".join(letters.kinds()))
    add("--sample", action="store_true", required=True, help="from invented data, which says so")
    add("--minutes", choices=letters.minutes(), default="", metavar="|".join(letters.minutes()),
        help="which minutes, of bien-ban; default: of a meeting")  # fmt: skip
    add("--out", type=Path, required=True, metavar="FILE", help="where the .docx is written")
    add("--pdf", action="store_true", help="write the same document as PDF beside it")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Make one document.

    Raises:
        ConfigError: minutes of something that has none, or a file cannot be written.
    """
    if options.minutes and options.kind != letters.MINUTES:
        raise ConfigError(f"--minutes belongs to {letters.MINUTES}")
    if options.out.suffix.lower() != ".docx":
        raise ConfigError(f"--out must end in .docx, not {options.out.name}")
    today = datetime.fromtimestamp(admin.now_ns() // NS, UTC).astimezone(legal.VIETNAM).date()
    made = letters.sample(options.kind, today, of_minutes=options.minutes)
    # python-docx costs a start of the program more than all else; few commands need it.
    from vonggac.paper import word

    files = {options.out: word.document(made)}
    if options.pdf:
        files[options.out.with_suffix(".pdf")] = paper.official(made)
    for path, content in files.items():
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    told = {
        "kind": options.kind,
        "subject": made.subject,
        "files": [{"file": str(path), "bytes": len(said)} for path, said in files.items()],
    }
    admin.tell(options, told, [f"{path}, {len(said)} bytes" for path, said in files.items()])
    return 0
