"""The areas of 2021, as one small file: src/vonggac/rules/units-2021-areas.tsv.gz.

Made from the package vietnamadminunits (MIT licence), whose older table holds provinces,
districts and communes as they were before 01/7/2025.  A line is `level, code, name`; levels are
p, d and c, and an area stands below the last one of the level above.  With `--check` it writes
nothing and exits 1 if the file is older than the package; a test does the same.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import sqlite3
import sys
import unicodedata
from importlib import resources
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "src/vonggac/rules/units-2021-areas.tsv.gz"

QUESTION = """
    SELECT DISTINCT provinceCode, province, districtCode, district, wardCode, ward
    FROM admin_units_legacy ORDER BY provinceCode, districtCode, wardCode
"""


def areas() -> str:
    """The file's text."""
    lines: list[str] = []
    above = ["", ""]
    dataset = resources.files("vietnamadminunits") / "data" / "dataset.db"
    with contextlib.closing(sqlite3.connect(f"file:{dataset}?mode=ro", uri=True)) as database:
        for province, province_name, district, district_name, commune, name in database.execute(
            QUESTION
        ):
            if province != above[0]:
                lines.append(f"p\t{province}\t{province_name}")
            if [province, district] != above:
                lines.append(f"d\t{district}\t{district_name}")
            above = [province, district]
            if commune is not None:  # five districts are islands without communes
                lines.append(f"c\t{commune}\t{name}")
    return unicodedata.normalize("NFC", "\n".join(lines)) + "\n"


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it is old")
    options = parser.parse_args()
    text = areas().encode()
    if options.check:
        return int(gzip.decompress(TARGET.read_bytes()) != text)
    TARGET.write_bytes(gzip.compress(text, 9, mtime=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
