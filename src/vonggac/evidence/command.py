"""`vonggac verify`: is this export what the site recorded? Offline; exit 0 if it is, 1 if not."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vonggac.errors import ConfigError, MalformedError
from vonggac.evidence.container import EvidenceZip
from vonggac.evidence.verify import Verdict, verify

if TYPE_CHECKING:
    import argparse

_KEY = re.compile(r"[A-Za-z0-9_-]{43}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac verify`."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="the ZIP of an export")
    add("--key", type=Path, metavar="FILE",
        help="the site's public key, from somewhere else than the export")  # fmt: skip
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Verify an export; 1 if anything in it is not as it was recorded."""
    found = check(options.file, None if options.key is None else read_key(options.key))
    if options.json:
        print(json.dumps(found.as_json(), ensure_ascii=False))  # noqa: T201
    else:
        _tell(found)
    return 0 if found.ok else 1


def check(path: Path, key: str | None) -> Verdict:
    """Verify a ZIP on the disk.

    Raises:
        ConfigError: there is no such file, or it cannot be read.
    """
    try:
        with EvidenceZip(path) as files:
            return verify(files, key=key)
    except MalformedError as error:
        return Verdict(faults=[error.message], key_given=key is not None)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def read_key(path: Path) -> str:
    """A site's public key: 43 characters of base64url, alone in a file.

    Raises:
        ConfigError: there is none in it.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read a key from {path}") from error
    if _KEY.fullmatch(text) is None:
        raise ConfigError(f"{path} holds no public key: 43 characters of base64url")
    return text


def _tell(found: Verdict) -> None:
    write = sys.stdout.write
    told = found.as_json()
    if found.export:
        write(f"export {found.export}\nsite {found.site} {found.site_title}\n")
        write(f"cameras {', '.join(found.cameras)}\nfrom {told['from']}\nto {told['to']}\n")
    for gap in found.gaps:
        write(f"gap: {gap['camera']} {gap['from']} to {gap['to']}: {gap['cause']}\n")
    for change in told["key_changes"]:
        write(f"key changed {change['at']}: {change['old']} to {change['new']}\n")
    for fault in found.faults:
        write(f"wrong: {fault}\n")
    if found.fingerprint:
        write(f"key {found.fingerprint}\n")
    if not found.key_given:
        write("no --key was given: compare the fingerprint above with the one the site shows\n")
    write(
        f"unchanged and complete: {found.parts} parts as they were recorded\n"
        if found.ok
        else "not as it was recorded\n"
    )
