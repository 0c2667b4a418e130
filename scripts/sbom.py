"""The bill of materials: src/vonggac/sbom.cdx.json, CycloneDX 1.5, from the lock file and NOTICE.

Every package that a wheel of ours brings along, with its exact version, and what is vendored in
the tree, with version and hash.  With `--check` it writes nothing and exits 1 if the file is older
than what it is made from; a test does the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "src/vonggac/sbom.cdx.json"
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)", re.M)

VENDORED = (
    ("Tinos", "1.33", "OFL-1.1", "src/vonggac/paper/fonts/*.ttf"),
    ("Noto Sans CJK", "2.004", "OFL-1.1", "src/vonggac/paper/fonts/sign/*.otf"),
    ("Noto Sans Khmer, Noto Sans Lao", "2.001", "OFL-1.1", "src/vonggac/paper/fonts/sign/*.ttf"),
    ("Be Vietnam Pro", "", "OFL-1.1", "src/vonggac/web/static/fonts/*.woff2"),
    ("nacl-fast", "1.0.3", "Unlicense", "src/vonggac/web/static/vendor/nacl-fast-*.min.js"),
    ("vietnamadminunits areas", "1.0.4", "MIT", "src/vonggac/rules/units-2021-areas.tsv.gz"),
)  # fmt: skip
"""What NOTICE names besides packages: name, version where it has one, licence, files."""


def bill() -> dict[str, Any]:
    """The document, without a serial number or a time: equal inputs make equal files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "vonggac",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [
            *(_package(name, version) for name, version in LOCKED.findall(lock)),
            *(_vendored(*row) for row in VENDORED),
        ],
    }


def _package(name: str, version: str) -> dict[str, Any]:
    plain = re.sub(r"[-_.]+", "-", name).lower()
    purl = f"pkg:pypi/{plain}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _vendored(name: str, version: str, licence: str, pattern: str) -> dict[str, Any]:
    files = sorted(ROOT.glob(pattern))
    if not files:
        raise FileNotFoundError(pattern)
    return {
        "type": "file",
        "bom-ref": f"vendored:{name}",
        "name": name,
        **({"version": version} if version else {}),
        "licenses": [{"license": {"id": licence}}],
        "components": [
            {
                "type": "file",
                "name": str(file.relative_to(ROOT)),
                "hashes": [
                    {"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}
                ],
            }
            for file in files
        ],
    }


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it is old")
    options = parser.parse_args()
    text = json.dumps(bill(), ensure_ascii=False, indent=1) + "\n"
    if options.check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
