"""A recorder for tests: the real `vonggac record`, virtual cameras to record, and what it left.

The cameras run on an event loop of their own, in a thread, so that one set of them serves a whole
module and a test may simply wait.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vonggac.clock import NS
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.check import check
from vonggac.edge.recovery import CATALOG, segment_files
from vonggac.edge.report import as_json, read_ledger
from vonggac.errors import Kind, VonggacError
from vonggac.sim.cameras import StreamPlan, VirtualCameras
from vonggac.sim.numbering import numbers_in_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vonggac.edge.catalog import SegmentRow
    from vonggac.edge.check import Findings
    from vonggac.sim.cameras import Truth

VONGGAC = str(Path(sys.executable).with_name("vonggac"))
SMALL = StreamPlan(width=320, height=240, fps=10.0, kbps=200)
"""Costs next to nothing, so that what is tested is the recorder and not this machine."""

DEADLINE_S = 60.0
"""How long a condition may take on a machine that others use too; no test takes it for speed."""


def wait_until(condition: Callable[[], Any], what: str, *, seconds: float = DEADLINE_S) -> Any:
    """Ask again and again until it is so; the answer. Fails with `what` after the deadline."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class LateError(AssertionError):
    """What was judged by seconds failed, and nothing else was wrong.

    Only where machines are slow can a right program fail so: `scripts/run_tests.py` may run such a
    test once more, alone, also where nothing else is ever run twice.
    """

    by_the_clock = True


def assert_in_time(low: float, seconds: float, high: float, what: str) -> None:
    """A moment or a time lies between two bounds that the design sets; LateError if it does not."""
    if not low <= seconds <= high:
        raise LateError(f"{what}: {seconds:.3f} s is not within {low:.3f} and {high:.3f} s")


class Cameras:
    """Virtual cameras on a loop of their own; methods may be called from the test's thread."""

    def __init__(self, cameras: VirtualCameras) -> None:
        self._cameras = cameras
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)
        self._thread.start()
        self._ready.wait(60)
        if self._trouble is not None:
            raise self._trouble

    @property
    def names(self) -> list[str]:
        return self._cameras.names

    def url(self, name: str, **words: str) -> str:
        return self._cameras.url(name, **words)

    def truth(self, name: str) -> Truth:
        return self._ask(lambda: self._cameras.truth(name))

    def fault(
        self, name: str, kind: str, *, seconds: float | None = None, argument: str = ""
    ) -> None:
        """Let a fault begin now."""
        words: dict[str, Any] = {} if seconds is None else {"duration_s": seconds}
        told = self._cameras.fault(name, kind, argument=argument, **words)
        asyncio.run_coroutine_threadsafe(told, self._loop).result(30)

    def clear(self, name: str, kind: str | None = None) -> None:
        """Let it end now."""
        self._ask(lambda: self._cameras.clear(name, kind))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _ask(self, question: Callable[[], Any]) -> Any:
        async def answer() -> Any:
            return question()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(30)

    def _run(self) -> None:
        async def live() -> None:
            try:
                async with self._cameras:
                    self._ready.set()
                    await self._over.wait()
            except BaseException as error:
                self._trouble = error
                self._ready.set()
                raise

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(live())


@contextmanager
def virtual_cameras(count: int, cache: Path, **settings: Any) -> Iterator[Cameras]:
    """So many of them, small ones unless `main` says otherwise."""
    settings.setdefault("main", SMALL)
    cameras = Cameras(VirtualCameras(count, cache=cache, **settings))
    try:
        yield cameras
    finally:
        cameras.close()


class Recording:
    """`vonggac record` as a process.

    Args:
        directory: where it records.
        cameras: name and URL of each.
        options: more words of the command line.
        environment: more variables.
        before: called in the child before it becomes the recorder.
    """

    def __init__(
        self,
        directory: Path,
        cameras: dict[str, str],
        *options: str,
        environment: dict[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.directory = directory
        words = [f"{name}={url}" for name, url in cameras.items()]
        self.started_ns = time.time_ns()
        self.process = subprocess.Popen(
            [VONGGAC, "record", *words, "--dir", str(directory), "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})}, preexec_fn=before,
        )  # fmt: skip
        self.told = ""
        """What it said on stderr, once it has ended."""

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def files(self, camera: str) -> list[Path]:
        """Its segment files so far, in order."""
        return [
            path for path in segment_files(self.directory) if path.name.startswith(camera + "_")
        ]

    def wait_for_files(self, *cameras: str, count: int = 1) -> None:
        """Until each camera has so many segments with something in them."""

        def there() -> bool:
            assert self.process.poll() is None, self.process.communicate()[1]
            return all(
                sum(path.stat().st_size > 0 for path in self.files(name)) >= count
                for name in cameras
            )

        wait_until(there, f"{count} segments of {', '.join(cameras)}")

    def stop(
        self, number: int = signal.SIGTERM, *, code: int = 0, seconds: float = 30
    ) -> dict[str, Any]:
        """Ask it to end; what it prints for each camera."""
        self.process.send_signal(number)
        return self.finish(code=code, seconds=seconds)

    def finish(self, *, code: int = 0, seconds: float = 60) -> dict[str, Any]:
        """Wait for its end; what it prints for each camera."""
        out, self.told = self.process.communicate(timeout=seconds)
        assert self.process.returncode == code, self.told
        found: dict[str, Any] = json.loads(out.splitlines()[-1])["cameras"]
        return found

    def kill(self) -> None:
        """As the kernel does when memory is out: no word, no last write."""
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True)
class Edges:
    """A gap of the ledger in seconds since 1970."""

    cause: str
    begin: float
    end: float


def ledger(directory: Path, camera: str) -> dict[str, Any]:
    """As `vonggac ledger --json` says of a camera."""
    view, pages = read_ledger(directory, camera=camera)[camera]
    return as_json(view, pages)


def gaps(directory: Path, camera: str) -> list[Edges]:
    """The camera's gaps in the ledger."""
    try:
        views = read_ledger(directory, camera=camera)
    except VonggacError as error:
        if error.kind in (Kind.NOT_FOUND, Kind.UNAVAILABLE):  # it has only just begun
            return []
        raise
    return [
        Edges(gap.cause.value, gap.from_ns / NS, gap.to_ns / NS)
        for view, _ in views.values()
        for gap in view.gaps
    ]


def checked(directory: Path) -> Findings:
    """What `vonggac check` finds and mends; fails if anything is wrong after that."""
    found = check(directory)
    assert found.ok, (found.faults, found.unplayable)
    return found


def stored(files: Sequence[Path]) -> list[tuple[int, int]]:
    """(number, wall time it was sent at, ns) of each picture in these files, in order."""
    return [each for path in files for each in numbers_in_file(path)]


@dataclass(frozen=True)
class Hole:
    """Pictures that were not stored, between two that were; seconds since 1970 by the camera."""

    begin: float
    """When the last one before it was sent."""
    end: float
    """When the first one after it was."""
    count: int


def holes(files: Sequence[Path], *, longer_than: float = 1.0) -> list[Hole]:
    """Where the pictures in these files are further apart than that: the truth about gaps."""
    sent = stored(files)
    return [
        Hole(before[1] / NS, after[1] / NS, after[0] - before[0] - 1)
        for before, after in pairwise(sent)
        if (after[1] - before[1]) / NS > longer_than
    ]


def assert_each_once(
    numbers: Sequence[int], first: int | None = None, last: int | None = None
) -> None:
    """No number is missing and none comes twice, from `first` to `last`."""
    wrong = [(a, b) for a, b in pairwise(numbers) if b != a + 1]
    assert not wrong, wrong
    if first is not None:
        assert numbers[0] == first
    if last is not None:
        assert numbers[-1] == last


def ffprobe(path: Path) -> dict[str, Any]:
    """What FFmpeg's own reader says of a file: its streams, and that it plays without a word."""
    done = subprocess.run(
        ["ffprobe", "-v", "warning", "-of", "json", "-count_packets", "-show_entries",
         "stream=codec_name,width,height,nb_read_packets,start_time,duration:format=duration",
         str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (path, done.stderr)
    assert done.stderr == "", (path, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def playable(files: Sequence[Path]) -> int:
    """How many of these files FFmpeg plays from the first to the last picture; fails at others.

    In the file's own time base: in that of its mean rate, which FFmpeg takes by itself, two
    pictures that a busy camera sent in one go would fall on one tick.
    """
    for path in files:
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-enc_time_base", "-1",
             "-f", "null", "-"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (path, done.stderr)
        assert done.stderr == "", (path, done.stderr)
    return len(files)


def mounted(kind: str, place: Path, *options: str) -> None:
    """Mount something for a test; skips it where that is not permitted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small filesystem needs root")
    done = subprocess.run(
        ["mount", "-t", kind, *options, str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"mounting a small filesystem is not permitted here: {done.stderr.strip()}")


def unmount(place: Path, *options: str) -> None:
    """Take it away again."""
    subprocess.run(["umount", *options, str(place)], capture_output=True, check=False)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs of that size: it is full when it says so, like a real disk."""
    place.mkdir()
    mounted("tmpfs", place, "-o", f"size={megabytes}m", "tmpfs")
    try:
        yield place
    finally:
        unmount(place, "-l")


class Ext4:
    """A real filesystem in a file, mounted by loop: it can be frozen, broken and cut off."""

    def __init__(self, folder: Path, megabytes: int = 64) -> None:
        self.image = folder / "disk.img"
        self.place = folder / "disk"
        self.place.mkdir()
        with self.image.open("wb") as file:
            file.truncate(megabytes * 1024 * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self.image)], check=True)

    def mount(self, *options: str) -> None:
        mounted("ext4", self.place, "-o", ",".join(("loop", *options)), str(self.image))

    def unmount(self, *options: str) -> None:
        unmount(self.place, *options)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Within this every write waits: a disk that does not answer."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _FIFREEZE, 0)
            try:
                yield
            finally:
                fcntl.ioctl(descriptor, _FITHAW, 0)
        finally:
            os.close(descriptor)

    def cut_power(self) -> None:
        """What is not on the disk at this moment never is (EXT4_IOC_SHUTDOWN, no log flush)."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def turn_read_only(self) -> None:
        """As ext4 does by itself when it finds an error (errors=remount-ro), with files open."""
        source = next(
            line.split()[0]
            for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
            if line.split()[1] == str(self.place)
        )
        trigger = Path("/sys/fs/ext4") / Path(source).name / "trigger_fs_error"
        if not trigger.exists():
            pytest.skip("this kernel's ext4 has no trigger_fs_error")
        trigger.write_text("a test")


_FIFREEZE, _FITHAW = 0xC0045877, 0xC0045878
"""ioctl(2) numbers of linux/fs.h."""
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
"""ioctl(2) of ext4, and its harshest flag."""


class Lateness:
    """How much later than asked this machine woke a sleeper: what others' load adds to any timer.

    The bounds of the design are timers added up; where a test holds the recorder to them on a
    machine that others use too, it adds this, measured beside it.
    """

    def __init__(self) -> None:
        self._worst = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Lateness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """The worst so far, twice: for the recorder's loop and for its writing thread."""
        return 2 * self._worst

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(0.01):
            now = time.monotonic()
            self._worst = max(self._worst, now - before - 0.01)
            before = now


def rows(directory: Path) -> list[SegmentRow]:
    """Every segment that the catalog knows; none while there is no catalog."""
    with suppress(VonggacError), closing(CatalogReader(directory / CATALOG)) as reader:
        return list(reader.segments())
    return []
