"""Logs: events with fields on stderr, and no way for a secret to get into them."""

from __future__ import annotations

import json
import subprocess
import sys

from vonggac.config import Secret

PROGRAM = """
from vonggac import log
from vonggac.config import Secret
log.configure(level={level!r}, as_json={as_json!r})
logger = log.get("edge").bind(camera="cam01")
logger.debug("socket.read", size=1)
logger.info("run.ended", cause="stalled", password=Secret("hunter2"))
password = "hunter2"
try:
    raise ValueError("no good")
except ValueError:
    logger.exception("answer.failed")
"""


def logged(*, level: str = "info", as_json: bool) -> list[str]:
    """What a program of its own writes; stdout must stay empty."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(level=level, as_json=as_json)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout == "", "stdout is the command line's contract"
    assert "hunter2" not in told.stderr
    return told.stderr.splitlines()


def test_json_lines_carry_event_level_time_and_bound_fields() -> None:
    """For machines: one object a line, the traceback inside it."""
    ended, failed = [json.loads(line) for line in logged(as_json=True)]

    assert ended.pop("timestamp").endswith("Z")
    assert ended == {
        "module": "edge",
        "camera": "cam01",
        "cause": "stalled",
        "password": "Secret('***')",
        "event": "run.ended",
        "level": "info",
    }
    assert "ValueError: no good" in failed["exception"]


def test_lines_for_people_show_no_local_variables() -> None:
    """Pretty tracebacks print the variables of every frame, and those may be secrets."""
    lines = logged(as_json=False)

    assert "run.ended" in lines[0]
    assert "camera=cam01" in lines[0]
    assert lines[-1] == "ValueError: no good"


def test_level_leaves_out_what_is_below() -> None:
    """Debug lines cost nothing where nobody wants them."""
    events = [json.loads(line)["event"] for line in logged(level="debug", as_json=True)]
    assert events == ["socket.read", "run.ended", "answer.failed"]
    events = [json.loads(line)["event"] for line in logged(level="error", as_json=True)]
    assert events == ["answer.failed"]


def test_secret_prints_as_stars() -> None:
    """In every way that Python has of printing it."""
    secret = Secret("hunter2")

    assert f"{secret} {secret!r} {[secret]}" == "Secret('***') Secret('***') [Secret('***')]"
    assert "%s" % secret == "Secret('***')"  # noqa: UP031 - one of the ways
    assert secret.reveal() == "hunter2"
    assert not hasattr(secret, "__dict__")
    assert (bool(secret), bool(Secret(""))) == (True, False)
    assert secret == Secret("hunter2")
    assert secret != Secret("other")
