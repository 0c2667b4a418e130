"""The list of OWASP ASVS is whole, every row has a state, and what it names is there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/ref/asvs.md").read_text("utf-8")
ROWS = re.findall(r"^\| (V[\d.]+) \| ([12]) \| (.+?) \| (met|n/a|open) \| (.+) \|$", PAGE, re.M)
NAMED = re.compile(
    r"`((?:[\w-]+/)+[\w.-]+\.\w+|[\w-]+\.(?:lock|toml|md)|\.ci/run|Makefile)(?:::(\w+))?`"
)

STANDARD = """
V1.1 1-7, V1.2 1-4, V1.4 1 4-5, V1.5 1-4, V1.6 1-4, V1.7 1-2, V1.8 1-2, V1.9 1-2, V1.10 1,
V1.11 1-2, V1.12 2, V1.14 1-6, V2.1 1-12, V2.2 1-3, V2.3 1-3, V2.4 1-5, V2.5 1-7, V2.6 1-3,
V2.7 1-6, V2.8 1-7, V2.9 1-3, V2.10 1-4, V3.1 1, V3.2 1-4, V3.3 1-4, V3.4 1-5, V3.5 1-3, V3.7 1,
V4.1 1-3 5, V4.2 1-2, V4.3 1-3, V5.1 1-5, V5.2 1-8, V5.3 1-10, V5.4 1-3, V5.5 1-4, V6.1 1-3,
V6.2 1-6, V6.3 1-2, V6.4 1-2, V7.1 1-4, V7.2 1-2, V7.3 1 3-4, V7.4 1-3, V8.1 1-4, V8.2 1-3,
V8.3 1-8, V9.1 1-3, V9.2 1-4, V10.2 1-2, V10.3 1-3, V11.1 1-8, V12.1 1-3, V12.2 1, V12.3 1-6,
V12.4 1-2, V12.5 1-2, V12.6 1, V13.1 1 3-5, V13.2 1-3 5-6, V13.3 1-2, V13.4 1-2, V14.1 1-4,
V14.2 1-6, V14.3 2-3, V14.4 1-7, V14.5 1-4
"""
"""The requirements of levels 1 and 2 in ASVS 4.0.3, by section; deleted ones are left out."""


def standard() -> list[str]:
    found = []
    for section in STANDARD.split(","):
        name, *spans = section.split()
        for span in spans:
            first, _, last = span.partition("-")
            found += [f"{name}.{n}" for n in range(int(first), int(last or first) + 1)]
    return found


def test_every_requirement_has_one_row_with_a_state_and_a_reason() -> None:
    """In the standard's order; a row without a state, or a second one, is found here."""
    assert [number for number, *_ in ROWS] == standard()
    assert PAGE.count("\n| V") == len(ROWS), "a row has no state"
    assert all(why.strip() for *_, why in ROWS)


def test_what_is_met_names_code_or_a_test_that_is_there() -> None:
    """Each file exists, each test is one of its file; "as above" leans on the row before it."""
    missing = []
    unshown = []
    for number, _, _, state, why in ROWS:
        named = NAMED.findall(why)
        if state == "met" and not named and "as above" not in why:
            unshown.append(number)
        for path, test in named:
            file = ROOT / path
            if not file.exists():
                missing.append(f"{number}: {path}")
            elif test and not re.search(rf"def {test}\b", file.read_text("utf-8")):
                missing.append(f"{number}: {path}::{test}")

    assert missing == []
    assert unshown == []


def test_the_figures_at_the_head_are_those_of_the_rows() -> None:
    counted = Counter(state for _, _, _, state, _ in ROWS)

    for state, count in counted.items():
        assert f"| {state} | {count} |" in PAGE
