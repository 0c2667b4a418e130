"""`vonggac annex`: papers for the authorities as PDF, made from the installation as it stands.

Making one leaves a row in the audit, as taking it in the browser does.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from vonggac import admin, paper
from vonggac.config import load
from vonggac.domain import annexes, audit
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac annex`."""
    add = parser.add_argument
    add("kind", choices=annexes.KINDS, metavar="|".join(annexes.KINDS),
        help="the data's ways; impact on personal data; technical annex of the level")  # fmt: skip
    add("--config", type=Path, required=True, metavar="FILE", help="of `vonggac up`")
    add("--out", type=Path, required=True, metavar="FILE", help="where the PDF is written")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")
    add("--lang", choices=("vi", "en"), default="vi", help="vi is the official one")
    parser.set_defaults(data=None)


def command(options: argparse.Namespace) -> int:
    """Make one paper.

    Raises:
        ConfigError: there is no hub, or the file cannot be written.
    """
    config = load(options.config)
    if config.database_url is None and not (Path(config.data_dir) / "hub.sqlite").exists():
        raise ConfigError(f"no hub in {config.data_dir}; start `vonggac up` once")
    with admin.hub(options) as database:
        with database.reading() as connection:
            facts = annexes.gather(connection, config, now_ns=admin.now_ns())
        made = annexes.annex(options.kind, facts)
        if options.lang == "en":
            made = annexes.in_english(made, facts)
        content = paper.pdf("annex", made.as_json())
        try:
            options.out.write_bytes(content)
        except OSError as error:
            raise ConfigError(f"cannot write {options.out}: {error.strerror}") from error
        digest = hashlib.sha256(content).hexdigest()
        with database.writing() as connection:
            detail = {"sha256": digest} | ({"language": "en"} if options.lang == "en" else {})
            admin.record(connection, audit.Act.DOCUMENT_MADE, f"annex/{options.kind}", **detail)
    told = {
        "kind": options.kind,
        "language": options.lang,
        "file": str(options.out),
        "bytes": len(content),
        "sha256": digest,
        "document": made.as_json(),
    }
    admin.tell(options, told, [f"{made.title}: {options.out}, {len(content)} bytes"])
    return 0
