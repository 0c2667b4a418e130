"""CPU and memory to record many cameras: ours, ffmpeg, PyAV, and the raw copy as the floor.

All in one run, one after the other in each round, from the same simulator, whose cost is not
counted.  Ours is `vonggac record` with ledger, catalog and hashing on; ffmpeg is one
`ffmpeg -c copy` process a camera; PyAV is one process with a thread a camera; raw receives the
same bytes with the same 0.2 s timer, hashes and appends them, and does nothing else.
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
SETTLE_S = 4.0
"""Before measuring: connections made, first segments begun."""


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
    found: dict[str, list[dict[str, float]]] = {name: [] for name in options.only}
    stream = ("--size", options.size, "--fps", str(options.fps), "--kbps", str(options.kbps))
    back: float | None = None
    with common.simulator(options.cameras, "--cheap", *stream) as simulator:
        for number in range(options.rounds):
            for name in options.only:
                folder = Path(tempfile.mkdtemp(prefix="vonggac-bench-", dir=options.dir))
                try:
                    with CONTENDERS[name](simulator.urls, folder) as pids:
                        time.sleep(SETTLE_S + options.cameras * (0.05 if name == "pyav" else 0.02))
                        found[name].append(common.measure(pids, options.seconds))
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                print(f"round {number + 1} {name}: {found[name][-1]}", file=sys.stderr)
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
    if back is not None:
        result["reconnect_s"] = back
    common.show(result, options, "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
