"""What the watchdog believes, and of whom."""

from __future__ import annotations

import pytest

from vonggac.clock import NS
from vonggac.edge.watchdog import Evidence, judge

NOW = 1_795_000_000 * NS
HEALTHY = Evidence(size=1000, handed=1000, keyframes=3, newest_end_ns=NOW - NS, decode_fault=None)


def test_a_stream_that_does_what_it_says_is_left_alone() -> None:
    """The disk may hold more than the recorder says: it counts after writing."""
    assert judge(HEALTHY, now_ns=NOW) is None
    assert judge(Evidence(1200, 1000, 1, NOW - 20 * NS, None), now_ns=NOW) is None


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (
            Evidence(900, 1000, 3, NOW, None),
            "the file has 900 bytes, the recorder says it wrote 1000",
        ),
        (Evidence(1000, 1000, 0, NOW, None), "the file holds no keyframe"),
        (
            Evidence(1000, 1000, 3, NOW - 21 * NS, None),
            "the newest picture on the disk is 21 s old",
        ),
        (
            Evidence(1000, 1000, 3, NOW, "no frame"),
            "the last keyframe cannot be decoded: no frame",
        ),
    ],
)
def test_a_stream_that_lies_is_told_how(evidence: Evidence, sentence: str) -> None:
    """In one sentence, with the figures."""
    assert judge(evidence, now_ns=NOW) == sentence
