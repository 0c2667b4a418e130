#!/usr/bin/env python3
"""Run every test, four at once; what real time failed is run once more, alone, and named.

Tests of the folders below bring up programs, cameras and browsers that share the machine with three
other tests.  A judgement of theirs can fail because nothing ran for some seconds, which no deadline
of the product covers.  Such a test is told apart from a broken one by running it alone: it must
pass then, and both runs are printed.  What does not depend on time has no second run, nor has what
proves that recordings survive a crash: one failure in a hundred is a fault there, unless all that
failed is a judgement by seconds (`recordings.LateError`).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".pytest_cache" / "v"
FAILED = CACHE / "cache" / "lastfailed"
LATE = CACHE / "vonggac" / "late"
"""Of those that failed, the tests of which nothing failed but a judgement by seconds."""
TESTS_FAILED = 1
"""pytest's exit status when tests failed, and nothing else went wrong."""

REAL_TIME = ("tests/browser/", "tests/edge/", "tests/flow/", "tests/sim/", "tests/test_bus.py")
NEVER_TWICE = (
    "tests/edge/test_recovery.py",
    "tests/edge/test_catalog.py",
    "tests/edge/test_journal.py",
    "tests/flow/test_losing_things.py",
    "tests/flow/test_nothing_leaks.py",
    "tests/flow/test_attacks.py",
    "tests/browser/test_looks.py",
)
MOST = 5
"""More failures than this are no accident."""

SIDE_BY_SIDE = ("-n", "4", "--dist", "loadscope", "--no-loadscope-reorder")


def again(failed: list[str], late: list[str]) -> bool:
    """Whether all that failed may be run once more."""
    return 0 < len(failed) <= MOST and all(
        test.startswith(REAL_TIME) and (test in late or not test.startswith(NEVER_TWICE))
        for test in failed
    )


def kept(file: Path) -> list[str]:
    """The tests that pytest wrote into its cache."""
    return sorted(json.loads(file.read_text())) if file.exists() else []


def main() -> int:
    """Returns pytest's exit status."""
    for file in (FAILED, LATE):
        file.unlink(missing_ok=True)
    pytest = [sys.executable, "-m", "pytest"]
    status = subprocess.run([*pytest, *SIDE_BY_SIDE, *sys.argv[1:]], cwd=ROOT, check=False)
    failed = kept(FAILED)
    if status.returncode != TESTS_FAILED or not again(failed, kept(LATE)):
        return status.returncode
    names = "\n  ".join(failed)
    print(f"\nfailed beside other tests; each is run once more, alone:\n  {names}\n", flush=True)
    alone = subprocess.run([*pytest, "-n", "0", *failed], cwd=ROOT, check=False)
    if alone.returncode == 0:
        print(f"\npassed alone, after failing beside others:\n  {names}", flush=True)
    return alone.returncode


if __name__ == "__main__":
    sys.exit(main())
