"""CPU and memory to record many cameras: ours, ffmpeg, PyAV, and the raw copy as the floor.

All in one run, one after the other in each round, from the same simulator, whose cost is not
counted.  Ours is `vonggac record` with ledger, catalog and hashing on; ffmpeg is one
`ffmpeg -c copy` process a camera; PyAV is one process with a thread a camera; raw receives the
same bytes with the same 0.2 s timer, hashes and appends them, and does nothing else.

A round counts from when all that is sent is being written: a hundred ffmpeg processes need many
seconds to start.  What each wrote meanwhile is told too, since who falls behind costs less.

At the end all connections are cut at once, to see how soon ours records every camera again.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import common
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.recovery import CATALOG

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
SETTLE_S = 3.0
"""Between the moment when everything is being written and the measurement."""
START_S = 90.0
"""Longer is not waited for that moment."""
KEEPS_UP = 0.9
"""Share of what is sent that must be written for a measurement to mean something."""


@contextlib.contextmanager
def ours(urls: Sequence[str], folder: Path) -> Iterator[list[int]]:
    """`vonggac record`."""
    process = subprocess.Popen(
        [common.VONGGAC, "--log-level", "error", "record", *urls, "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    with _ending([process]) as pids:
        yield pids


@contextlib.contextmanager
def ffmpeg(urls: Sequence[str], folder: Path) -> Iterator[list[int]]:
    """One `ffmpeg -c copy` a camera, in segments of a minute."""
    processes = [
        subprocess.Popen(
            ["ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url,
             "-an", "-c", "copy", "-f", "segment", "-segment_time", "60", "-segment_format", "mp4",
             "-segment_format_options", "movflags=frag_keyframe+empty_moov+default_base_moof",
             str(folder / f"{number}-%04d.mp4")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for number, url in enumerate(urls)
    ]  # fmt: skip
    with _ending(processes) as pids:
        yield pids


@contextlib.contextmanager
def pyav(urls: Sequence[str], folder: Path) -> Iterator[list[int]]:
    """One process, a thread a camera."""
    with _script("peer_pyav.py", urls, folder) as pids:
        yield pids


@contextlib.contextmanager
def raw(urls: Sequence[str], folder: Path) -> Iterator[list[int]]:
    """The floor: the bytes received, hashed and appended, and nothing else."""
    with _script("raw_copy.py", urls, folder) as pids:
        yield pids


Figures = dict[str, float]
CONTENDERS = {"ours": ours, "ffmpeg": ffmpeg, "raw": raw, "pyav": pyav}


@contextlib.contextmanager
def _script(name: str, urls: Sequence[str], folder: Path) -> Iterator[list[int]]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / name), str(folder), *urls], stdout=subprocess.DEVNULL
    )
    with _ending([process]) as pids:
        yield pids


@contextlib.contextmanager
def _ending(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in processes:
            common.stop(process)


def settle(folder: Path, bytes_a_second: float) -> None:
    """Wait until a contender writes what is sent, and a little longer."""
    give_up = time.monotonic() + START_S
    before = written(folder)
    while time.monotonic() < give_up:
        time.sleep(2)
        now = written(folder)
        if now - before >= KEEPS_UP * bytes_a_second * 2:
            break
        before = now
    time.sleep(SETTLE_S)


def written(folder: Path) -> int:
    """Bytes in all files below a folder."""
    total = 0
    for path in folder.rglob("*.*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def measure(name: str, urls: Sequence[str], folder: Path, options: argparse.Namespace) -> Figures:
    """One contender in one round."""
    rate = options.cameras * options.kbps * 125
    with CONTENDERS[name](urls, folder) as pids:
        settle(folder, rate)
        before, began = written(folder), time.monotonic()
        figures = common.measure(pids, options.seconds)
        share = (written(folder) - before) / (time.monotonic() - began) / rate
        return figures | {"written_share": round(share, 3)}


def reconnect_s(simulator: common.Simulator, folder: Path, options: argparse.Namespace) -> float:
    """Seconds from cutting the first connection until the last camera's next run has begun."""
    names = [url.rsplit("/", 1)[1] for url in simulator.urls]
    with ours([f"{n}={u}" for n, u in zip(names, simulator.urls, strict=True)], folder):
        settle(folder, options.cameras * options.kbps * 125)
        cut_ns = time.time_ns()
        for answer in simulator.tell_all(
            [{"fault": {"camera": name, "kind": "drop", "duration": 0}} for name in names]
        ):
            assert answer["ok"], answer
        time.sleep(5)
    reader = CatalogReader(folder / CATALOG)
    try:
        runs = [
            [run for run in reader.runs_between(name, "main", cut_ns, cut_ns + 60 * 10**9)
             if run.started_ns > cut_ns]
            for name in names
        ]  # fmt: skip
    finally:
        reader.close()
    missing = [name for name, found in zip(names, runs, strict=True) if not found]
    if missing:
        raise SystemExit(f"not recorded again after a cut: {', '.join(missing)}")
    return max(found[0].started_ns - cut_ns for found in runs) / 1e9


def main() -> int:
    """Run the rounds and print them."""
    parser = common.parser(__doc__)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--kbps", type=int, default=4000)
    parser.add_argument("--only", nargs="*", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--dir", type=Path, help="where to record; default: a temporary folder")
    options = parser.parse_args()
    told = common.machine()
    found: dict[str, list[Figures]] = {name: [] for name in options.only}
    stream = ("--size", options.size, "--fps", str(options.fps), "--kbps", str(options.kbps))
    back: float | None = None
    with common.simulator(options.cameras, "--cheap", *stream) as simulator:
        for number in range(options.rounds):
            for name in options.only:
                folder = Path(tempfile.mkdtemp(prefix="vonggac-bench-", dir=options.dir))
                try:
                    found[name].append(measure(name, simulator.urls, folder, options))
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                print(f"round {number + 1} {name}: {found[name][-1]}", file=sys.stderr)
        if "ours" in options.only:
            folder = Path(tempfile.mkdtemp(prefix="vonggac-bench-", dir=options.dir))
            try:
                back = reconnect_s(simulator, folder, options)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    result: dict[str, object] = {
        "cameras": options.cameras,
        "stream": f"{options.size}@{options.fps:g} {options.kbps} kbit/s",
        "seconds": options.seconds,
        "rounds": options.rounds,
        "machine": told,
        "versions": common.versions(["ffmpeg", "-version"]),
    }
    where = f"{told['cpu']}, {told['cores']} cores"
    lines = [f"{options.cameras} cameras of {result['stream']}, {where}"]
    for name, rounds in found.items():
        middle = {key: common.spread([r[key] for r in rounds])[1] for key in rounds[0]}
        result[name] = middle | {"rounds": rounds}
        each = {key: value / options.cameras for key, value in middle.items()}
        lines.append(
            f"{name:8} {middle['cpu_pct']:8.2f} % of a core   {each['cpu_pct']:.3f} % and"
            f" {each['pss_mb']:.2f} MB PSS ({each['rss_mb']:.2f} RSS) a camera"
        )
    ratios: dict[str, list[float]] = {}
    for name, over, under, key in (
        ("ffmpeg_over_ours", "ffmpeg", "ours", "cpu_pct"),
        ("ffmpeg_over_ours_pss", "ffmpeg", "ours", "pss_mb"),
        ("ours_over_raw", "ours", "raw", "cpu_pct"),
        ("pyav_over_ours", "pyav", "ours", "cpu_pct"),
    ):
        if over in found and under in found:
            pairs = zip(found[over], found[under], strict=True)
            ratios[name] = common.spread([a[key] / b[key] for a, b in pairs])
            least, middle_ratio, most = ratios[name]
            lines.append(f"{name:22} min {least} median {middle_ratio} max {most}")
    result["ratios"] = ratios
    for name, rounds in found.items():
        least_written = min(r["written_share"] for r in rounds)
        if least_written < KEEPS_UP:
            lines.append(f"{name} wrote only {least_written:.0%} of what was sent: do not compare")
    if back is not None:
        result["reconnect_s"] = round(back, 3)
        lines.append(f"all cameras cut at once, the last one recorded again after {back:.3f} s")
    common.show(result, options, "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
