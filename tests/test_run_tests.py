"""Which failed tests `make test` may run once more, alone: `scripts/run_tests.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import run_tests

HERE = Path(__file__).parent
EDGE = "tests/flow/test_losing_things.py::test_a_camera_that_fails"
"""Of a file whose tests are never run twice, but for seconds."""
WAIT = "tests/flow/test_demo.py::test_a_first_start"
PURE = "tests/media/test_rtp.py::test_a_packet"


@pytest.mark.parametrize(
    ("failed", "late", "allowed"),
    [
        ([], [], False),
        ([WAIT], [], True),
        ([WAIT, EDGE], [EDGE], True),
        ([EDGE], [], False),
        ([WAIT, EDGE], [WAIT], False),
        ([PURE], [PURE], False),
        ([WAIT, PURE], [], False),
        ([f"{WAIT}_{number}" for number in range(run_tests.MOST + 1)], [], False),
    ],
)
def test_only_what_real_time_failed_is_run_again(
    failed: list[str], late: list[str], allowed: bool
) -> None:
    """A loss, a leak or an attack that came through once is a fault, however seldom it is."""
    assert run_tests.again(failed, late) is allowed


def test_a_test_is_late_if_nothing_but_seconds_failed_it(tmp_path: Path) -> None:
    """What else is wrong with a test beside its seconds is never taken for the machine's doing."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "from recordings import assert_in_time\n"
        "@pytest.fixture\n"
        "def broken():\n"
        "    yield\n"
        "    assert False\n"
        "def test_late(): assert_in_time(0.0, 2.0, 1.0, 'it ends')\n"
        "def test_late_and_broken(broken): assert_in_time(0.0, 2.0, 1.0, 'it ends')\n"
        "def test_wrong(): assert False\n"
        "def test_right(): assert_in_time(0.0, 1.0, 1.0, 'it ends')\n"
    )
    words = ["-q", "-p", "conftest", "-p", "no:xdist", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(HERE)},
    )  # fmt: skip

    assert done.returncode == run_tests.TESTS_FAILED, done.stdout + done.stderr
    cache = tmp_path / ".pytest_cache" / "v"
    assert json.loads((cache / "vonggac" / "late").read_text()) == ["test_some.py::test_late"]
    assert len(json.loads((cache / "cache" / "lastfailed").read_text())) == 3
