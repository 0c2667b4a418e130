"""The ledger against the truth: faults at known times over many cameras, compared second by second.

Each camera of the simulator gets faults one after the other, at times that the bench chooses and
the simulator notes.  The pictures' own numbers and times say what was really stored; the ledger
is held to them: time falsely called recorded or missing, the worst error of an edge, and which
cause each fault was given.

A stored picture stands from the moment it was sent for as long as the one before it stood.
**Falsely recorded** is all time that the ledger calls recorded beyond that, however little: a
picture is known to the recorder when it is read, some milliseconds after it was sent, and the end
of its span is late by as much (`overhang_ms`: least, median and most of all spans).  Beside it
stands the count of whole seconds, of the clock, that the ledger calls recorded and that hold no
picture at all: those would be lies.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
from vonggac.clock import NS
from vonggac.edge.ledger import SPAN_ENDS_NS
from vonggac.edge.recovery import segment_files
from vonggac.edge.report import read_ledger
from vonggac.sim.numbering import numbers_in_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.edge.ledger import Timeline

EXPECTED = {
    "drop": "unreachable",
    "reboot": "unreachable",
    "refuse": "refused",
    "stall": "stalled",
    "garbage": "garbled",
    "freeze": None,
    "jump": None,
    "wrongfps": None,
    "drift": None,
}
"""Each fault and the cause that it should be given; None: it loses no picture."""
ARGUMENTS = {"jump": "60", "wrongfps": "7", "drift": "5000"}
REST_S = (9.0, 16.0)
"""Between two faults of a camera: longer than the first wait after a refusal and a GOP."""
LASTS_S = (2.5, 9.0)


def main() -> int:
    """Measure and print."""
    parser = common.parser(__doc__)
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=3.0, help="30 for the real thing")
    parser.add_argument("--fps", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    stream = ("--size", "320x240", "--fps", str(options.fps), "--kbps", "200", "--separate-ports")
    result: dict[str, Any] = {
        "machine": common.machine(), "cameras": options.cameras, "minutes": options.minutes,
        "seed": options.seed,
    }  # fmt: skip
    with (
        common.simulator(options.cameras, *stream) as cameras,
        tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place,
    ):
        folder = Path(place) / "site"
        truth = _record(cameras, folder, options)
        result |= compare(folder, truth, options.fps)
    common.show(result, options, _table(result))
    return 0


def _record(cameras: common.Simulator, folder: Path, options: Any) -> dict[str, Any]:
    """Record while faults come and go; what the simulator then knows of each camera."""
    names = [url.rpartition("/")[2] for url in cameras.urls]
    chance = random.Random(options.seed)
    process = subprocess.Popen(
        [common.VONGGAC, "--log-level", "error", "record",
         *(f"{name}={url}" for name, url in zip(names, cameras.urls, strict=True)),
         "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while len({p.name.partition("_")[0] for p in segment_files(folder)}) < len(names):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the recorder does not record")
            time.sleep(0.1)
        _trouble(cameras, names, options.minutes * 60, chance)
        answer = cameras.tell({"truth": True})["truth"]
        assert isinstance(answer, dict)
    finally:
        common.stop(process)
    return answer


def _trouble(
    cameras: common.Simulator, names: Sequence[str], seconds: float, chance: random.Random
) -> None:
    """One fault after the other on each camera, the last over well before the end."""
    began = time.monotonic()
    due = [(chance.uniform(2.0, REST_S[1]), name) for name in names]
    while due:
        due.sort()
        at, name = due.pop(0)
        lasts = chance.uniform(*LASTS_S)
        if at + lasts + REST_S[1] > seconds:
            continue
        time.sleep(max(0.0, began + at - time.monotonic()))
        kind = chance.choice(list(EXPECTED))
        order = {
            "camera": name, "kind": kind, "duration": lasts, "argument": ARGUMENTS.get(kind, "")
        }  # fmt: skip
        cameras.tell({"fault": order})
        due.append((at + lasts + chance.uniform(*REST_S), name))
    time.sleep(max(0.0, began + seconds - time.monotonic()))


def compare(folder: Path, truth: dict[str, Any], fps: float) -> dict[str, Any]:
    """The ledger of every camera against its stored pictures and its faults."""
    falsely_recorded = falsely_missing = recorded = 0.0
    empty = 0
    overhang: list[float] = []
    edges: list[float] = []
    boundaries: list[float] = []
    confusion: dict[str, dict[str, int]] = {}
    faults = 0
    for name, (view, _) in read_ledger(folder).items():
        sent = _stored(folder, name)
        true_spans = _spans(sent, round(NS / fps))
        told = [(span.from_ns, span.to_ns) for span in view.spans]
        recorded += view.recorded_ns / NS
        empty += _empty_seconds(told, sent)
        overhang += [min((end - high for _, high in true_spans), key=abs) / 1e6 for _, end in told]
        falsely_recorded += _beyond(told, true_spans) / NS
        missing = [(gap.from_ns, gap.to_ns) for gap in view.gaps]
        falsely_missing += _common(missing, true_spans) / NS
        edges += _edge_errors(view, true_spans)
        boundaries += _boundary_errors(view, truth[name]["faults"])
        for fault in truth[name]["faults"]:
            faults += 1
            cause = _cause(view, fault)
            row = confusion.setdefault(fault["kind"], {})
            row[cause] = row.get(cause, 0) + 1
    wrong = sum(
        count
        for kind, row in confusion.items()
        for cause, count in row.items()
        if cause != (EXPECTED[kind] or "none")
    )
    return {
        "faults": faults,
        "recorded_s": round(recorded, 1),
        "falsely_recorded_s": round(falsely_recorded, 3),
        "seconds_without_picture": empty,
        "overhang_ms": common.spread(overhang),
        "falsely_missing_s": round(falsely_missing, 3),
        "worst_edge_s": round(max(edges, default=0.0), 3),
        "edges": len(edges),
        "worst_boundary_s": round(max(boundaries, default=0.0), 3),
        "boundaries": len(boundaries),
        "wrong_causes": wrong,
        "causes": confusion,
    }


def _stored(folder: Path, camera: str) -> list[int]:
    """When each stored picture of a camera was sent, in order."""
    found: list[int] = []
    for path in segment_files(folder):
        if path.name.startswith(f"{camera}_"):
            found += (wall_ns for _, wall_ns in numbers_in_file(path))
    return sorted(found)


def _spans(sent: Sequence[int], interval_ns: int) -> list[tuple[int, int]]:
    """Stretches in which no stored picture is more than a second late.

    A picture stands for as long as the one before it did; the first for the interval given.
    """
    spans: list[list[int]] = []
    for before, wall_ns in pairwise([0, *sent]):
        if before and wall_ns - before - interval_ns <= SPAN_ENDS_NS:
            spans[-1][1] = wall_ns + (wall_ns - before)
        else:
            spans.append([wall_ns, wall_ns + interval_ns])
    return [(low, high) for low, high in spans]


def _empty_seconds(told: Sequence[tuple[int, int]], sent: Sequence[int]) -> int:
    """Whole seconds of the clock that are called recorded, and in which no picture was sent."""
    full = {wall_ns // NS for wall_ns in sent}
    return sum(
        second not in full for low, high in told for second in range(-(-low // NS), high // NS)
    )


def _common(some: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> int:
    """Time that both cover; each is in order and disjoint."""
    return sum(
        max(0, min(high, top) - max(low, bottom)) for low, high in some for bottom, top in others
    )


def _beyond(some: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> int:
    """Time that the first covers and the second does not."""
    return sum(high - low for low, high in some) - _common(some, others)


def _edge_errors(view: Timeline, true_spans: Sequence[tuple[int, int]]) -> list[float]:
    """How far each edge of missing time lies from where pictures really ended and began again.

    A gap that lasted when the recorder was stopped has a beginning and no true end, and between
    two gaps that touch no picture ends: see `_boundary_errors`.
    """
    ends = [high for _, high in true_spans]
    begins = [low for low, _ in true_spans]
    joints = {gap.from_ns for gap in view.gaps} & {gap.to_ns for gap in view.gaps}
    errors: list[float] = []
    for gap in view.gaps:
        if gap.from_ns not in joints:
            errors.append(min(abs(gap.from_ns - edge) for edge in ends) / NS)
        if gap.to_ns not in joints and gap.from_ns < begins[-1]:
            errors.append(min(abs(gap.to_ns - edge) for edge in begins) / NS)
    return errors


def _boundary_errors(view: Timeline, faults: Sequence[dict[str, Any]]) -> list[float]:
    """How late one cause followed another inside missing time: the recorder was waiting.

    After a refusal it waits, lest the camera lock its account, and meets the next fault only then.
    """
    joints = {gap.from_ns for gap in view.gaps} & {gap.to_ns for gap in view.gaps}
    return [min(abs(joint - fault["from_ns"]) for fault in faults) / NS for joint in joints]


def _cause(view: Timeline, fault: dict[str, Any]) -> str:
    """The cause of the missing time that this fault made, or none."""
    begin, end = fault["from_ns"], fault["to_ns"] or view.to_ns
    harmless = EXPECTED[fault["kind"]] is None
    over = [
        (min(gap.to_ns, end) - max(gap.from_ns, begin), gap.cause.value)
        for gap in view.gaps
        # What was missing before a harmless fault began is not its doing.
        if not harmless or gap.from_ns >= begin
    ]
    covered, cause = max(over, default=(0, "none"))
    return cause if covered > 0 else "none"


def _table(result: dict[str, Any]) -> str:
    late = result["overhang_ms"]
    lines = [
        f"{result['cameras']} cameras, {result['minutes']:g} minutes, {result['faults']} faults,"
        f" {result['recorded_s']} s recorded",
        f"whole seconds called recorded that hold no picture: {result['seconds_without_picture']}",
        f"falsely recorded {result['falsely_recorded_s']} s (spans end {late[1]:g} ms late by the"
        f" median, {late[2]:g} at most),"
        f" falsely missing {result['falsely_missing_s']} s,"
        f" worst edge {result['worst_edge_s']} s of {result['edges']},"
        f" worst boundary of causes {result['worst_boundary_s']} s of {result['boundaries']},"
        f" wrong causes {result['wrong_causes']}",
    ]
    lines += [
        f"  {kind:9} -> " + ", ".join(f"{cause} {count}" for cause, count in sorted(row.items()))
        for kind, row in sorted(result["causes"].items())
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
