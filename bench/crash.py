"""What a crash costs: `kill -9` of the recorder at random moments, and power cuts of its disk.

Seconds lost are counted by the numbers inside the pictures: the last one that the camera sent
before the recorder died, less the last one that is on the disk.  After each kill `vonggac check`
must find every file playable and the index whole; for every fifth the catalog is taken away or
overwritten first.

A power cut is the shutdown ioctl of an ext4 filesystem in a loop-mounted file, without flushing
its log, as xfstests do: what was not on the disk at that moment never is.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
from vonggac.edge.check import check
from vonggac.edge.recovery import CATALOG, newest_recording, segment_files
from vonggac.sim.numbering import numbers_in_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LIVES = 5
"""Kills in one directory, each life going on where the last was cut off."""
IMAGE_BYTES = 512 * 1024 * 1024
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
"""ioctl(2) of ext4 (EXT4_IOC_SHUTDOWN) and its harshest flag."""


def main() -> int:
    """Measure and print."""
    parser = common.parser(__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--power-cuts", type=int, default=20)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--kbps", type=int, default=1000)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    stream = ("--size", options.size, "--fps", str(options.fps), "--kbps", str(options.kbps))
    result: dict[str, Any] = {
        "machine": common.machine(),
        "stream": f"{options.size}@{options.fps:g} {options.kbps} kbit/s",
        "cameras": options.cameras,
        "seed": options.seed,
    }
    with (
        common.simulator(options.cameras, *stream) as cameras,
        tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place,
    ):
        kills = Tally()
        for number in range(options.kills):
            folder = Path(place) / f"{number // LIVES:03d}"
            kills.add(_kill(cameras, folder, options.fps, chance, number % LIVES))
            if number % LIVES == LIVES - 1:
                shutil.rmtree(folder)
            _progress("kill", number + 1, options.kills)
        result |= kills.told()
        if options.power_cuts:
            result["power_cuts"] = _power_cuts(cameras, Path(place), options, chance)
    common.show(result, options, _table(result))
    return 0


class Tally:
    """What all kills came to."""

    def __init__(self) -> None:
        self.lost_s: list[float] = []
        self.unplayable = 0
        self.files = 0
        self.rebuilt: list[bool] = []

    def add(self, one: tuple[list[float], int, int, bool]) -> None:
        """One kill: seconds lost of each camera, files, unplayable ones, index as it should be."""
        lost, files, unplayable, rebuilt = one
        self.lost_s += lost
        self.files += files
        self.unplayable += unplayable
        self.rebuilt.append(rebuilt)

    def told(self) -> dict[str, Any]:
        """For the result."""
        return {
            "kills": len(self.rebuilt),
            "lost_s": quantiles(self.lost_s),
            "files": self.files,
            "unplayable": self.unplayable,
            "index_rebuilt": all(self.rebuilt),
            "index_not_rebuilt": self.rebuilt.count(False),
        }


def quantiles(values: Sequence[float]) -> list[float]:
    """[min, median, p95, max]."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return [round(ordered[math.ceil(share * last)], 3) for share in (0, 0.5, 0.95, 1)]


@contextlib.contextmanager
def recording(cameras: common.Simulator, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`vonggac record` that has begun to write each camera; killed with the block."""
    names = [url.rpartition("/")[2] for url in cameras.urls]
    before = set(segment_files(folder))
    process = subprocess.Popen(
        [common.VONGGAC, "--log-level", "error", "record",
         *(f"{name}={url}" for name, url in zip(names, cameras.urls, strict=True)),
         "--dir", str(folder), "--segment-seconds", "5"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while True:
            begun = {
                p.name.partition("_")[0]
                for p in set(segment_files(folder)) - before
                if p.stat().st_size
            }
            if len(begun) == len(names):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the recorder does not record")
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def sent(cameras: common.Simulator) -> dict[str, int]:
    """The last picture number that left for the recorder, of each camera."""
    answer = cameras.tell({"truth": True})["truth"]
    assert isinstance(answer, dict)
    return {name: each["last_number"] for name, each in answer.items()}


def _kill(
    cameras: common.Simulator, folder: Path, fps: float, chance: random.Random, life: int
) -> tuple[list[float], int, int, bool]:
    with recording(cameras, folder) as process:
        time.sleep(chance.uniform(0.2, 3.0))
        process.kill()
        last = sent(cameras)
        process.wait()
    if life == LIVES - 1:
        _damage(folder / CATALOG, chance)
    return _examine(folder, last, fps)


def _damage(catalog: Path, chance: random.Random) -> None:
    if chance.random() < 0.5:
        catalog.unlink()
    else:
        catalog.write_bytes(chance.randbytes(50_000))


def _examine(folder: Path, last: dict[str, int], fps: float) -> tuple[list[float], int, int, bool]:
    """(seconds lost of each camera, files, unplayable ones, whether the index is whole)."""
    found = check(folder)
    files = list(segment_files(folder))
    unplayable = len(found.unplayable)
    lost = []
    for camera, number in last.items():
        newest = newest_recording(folder, camera, "main")
        if newest is None:
            unplayable += 1
            continue
        stored = numbers_in_file(newest[0])
        lost.append(max(0, number - stored[-1][0]) / fps)
        unplayable += not _plays(newest[0])
    # A file of a moment in which nothing was whole holds nothing to play; it is put apart.
    unplayable -= sum((folder / "unplayable" / Path(p).name).exists() for p in found.unplayable)
    return lost, len(files), unplayable, not found.faults and found.segments == len(files)


def _plays(path: Path) -> bool:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets",
         str(path)],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0 and not done.stderr


def _power_cuts(
    cameras: common.Simulator, place: Path, options: Any, chance: random.Random
) -> dict[str, Any]:
    """Cut the filesystem off mid-run, mount it again, look."""
    image, folder = place / "disk.img", place / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    tally = Tally()
    try:
        _run("mkfs.ext4", "-q", "-F", str(image))
        _run("mount", "-o", "loop", str(image), str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        return {"skipped": f"no filesystem can be mounted here: {error}"}
    try:
        for number in range(options.power_cuts):
            with recording(cameras, folder / "site") as process:
                time.sleep(chance.uniform(1.0, 4.0))
                last = sent(cameras)
                _cut(folder)
                process.kill()
                process.wait()
            _run("umount", str(folder))
            _run("mount", "-o", "loop", str(image), str(folder))
            tally.add(_examine(folder / "site", last, options.fps))
            _progress("power cut", number + 1, options.power_cuts)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
    return tally.told()


def _cut(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty() or done == total:
        print(f"\r{what} {done}/{total}", end="\n" if done == total else "", file=sys.stderr)


def _table(result: dict[str, Any]) -> str:
    row: Callable[[str, dict[str, Any]], str] = lambda name, told: (  # noqa: E731
        f"{name:12} {told['kills']:5}  " + "  ".join(f"{v:7.3f}" for v in told["lost_s"])
        + f"  {told['files']:6}  {told['unplayable']:10}  {told['index_rebuilt']}"
    )  # fmt: skip
    lines = [
        f"{result['cameras']} cameras of {result['stream']}; seconds lost by picture numbers",
        "             times      min   median      p95      max   files  unplayable  index rebuilt",
        row("kill -9", result),
    ]
    cuts = result.get("power_cuts", {})
    lines.append(row("power cut", cuts) if "lost_s" in cuts else f"power cut: {cuts}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
