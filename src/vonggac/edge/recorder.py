"""Appends parts to segment files, waiting for nobody.

The event loop hands parts over; one thread (`recorder`) hashes and writes them, another
(`durable`) calls syncfs once a second for all cameras.  A disk that is full, slow, gone or
read-only costs pictures of a stated span and never blocks the loop or grows memory: the loop
sees `Recorder.blocked` and goes on feeding viewers.

What a crash of the process can cost is the sum of the timers: the socket's drain (0.2 s), a part
(0.2 s), and the time parts are gathered here (`flush_s`, 0.3 s).  A power cut adds `sync_s`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

from vonggac import log
from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.edge.catalog import pack_keyframes
from vonggac.mailbox import Closed, Crossing
from vonggac.media import merkle

if TYPE_CHECKING:
    import asyncio
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.edge.catalog import Catalog
    from vonggac.edge.timebase import TimeBase

MAX_BACKLOG_BYTES = 256 * 1024 * 1024
"""What all streams together may have waiting for the disk: five seconds of 100 cameras of
4 Mbit/s."""

MAX_STREAM_BACKLOG_BYTES = 24 * 1024 * 1024
"""What one stream may have waiting, so that it cannot use up everybody's share."""

RESERVE = ".reserve"

RESERVE_BYTES = 2 * 1024 * 1024
"""Kept in that file and given back when the disk is full, so that the ledger can still say so."""

ASK_AGAIN_S = 0.25
"""How often a disk that refused is asked again: free space is noticed within this."""

RESUME_FREE_BYTES = 6 * 1024 * 1024
"""A full disk takes recordings again when this much is free: the reserve, and a few seconds."""

MARK_S = 0.1
"""How often the mark is written that says how long the recorder surely lived; without syncing, so
that it tells the moment of a crash to this fraction, and of a power cut to `sync_s`."""

TICK_S = 0.1
"""How often the loop looks for parts that have been gathered long enough."""

VIETNAM = timezone(timedelta(hours=7), "+07")
"""File names are for people who look at a wall clock in Asia/Ho_Chi_Minh (no DST since 1975)."""

_IOV_MAX = 1024  # Linux UIO_MAXIOV; writev(2)


class Mark(NamedTuple):
    """The last moment at which the recorder was surely running, read back at start-up."""

    epoch: int
    wall_ns: int
    stopped: bool
    """Whether it was stopped in order."""
    on_battery: bool = False
    """Whether the UPS had said that the mains failed."""


class SegmentFile:
    """A segment while it is written. Its fields belong to the loop, but for those marked thread.

    Args:
        camera: whose pictures these are.
        stream: main or sub.
        run: the run's id.
        epoch: the life of the recorder in which it is written.
        number: of the segment in its run.
        path: relative to the recording directory.
        init: the ftyp and moov that its parts need.
        start_ns: wall time of its first picture.
        base_ticks: decode time of its first part in the run.
        failed: called on the loop if the disk refused it.
    """

    __slots__ = (
        "base_ticks",
        "camera",
        "closing",
        "end_ns",
        "epoch",
        "failed",
        "fault",
        "fd",
        "gathered",
        "gathered_since_ns",
        "handed_bytes",
        "init",
        "keyframes",
        "leaves",
        "number",
        "parts",
        "path",
        "pictures",
        "run",
        "shift_ns",
        "size",
        "start_ns",
        "stream",
        "written_bytes",
        "written_end_ns",
        "written_parts",
        "written_pictures",
    )  # fmt: skip

    def __init__(
        self,
        *,
        camera: str,
        stream: str,
        run: bytes,
        epoch: int,
        number: int,
        path: str,
        init: bytes,
        start_ns: int,
        base_ticks: int,
        failed: Callable[[SegmentFile, Cause, str], None],
    ) -> None:
        self.camera = camera
        self.stream = stream
        self.run = run
        self.epoch = epoch
        self.number = number
        self.path = path
        self.init = init
        self.start_ns = start_ns
        self.base_ticks = base_ticks
        self.failed = failed
        self.end_ns = start_ns
        self.size = len(init)
        """Bytes handed over or gathered, init included."""
        self.parts = 0
        self.pictures = 0
        self.keyframes: list[tuple[int, int]] = []
        self.gathered: list[bytes] = [init]
        self.gathered_since_ns = 0
        self.handed_bytes = 0
        self.closing = False
        self.shift_ns = 0
        """What a step of the wall clock added to the times of this segment; its bytes keep them."""
        self.fd = -1
        """Thread: the open file."""
        self.leaves: list[bytes] = []
        """Thread: Merkle leaves of the init and of every part written."""
        self.written_bytes = 0
        """Thread: bytes of whole parts that the kernel has taken."""
        self.written_end_ns = start_ns
        """Thread: end of the last picture among them."""
        self.written_parts = 0
        self.written_pictures = 0
        self.fault: Cause | None = None
        """Thread: why the disk refused it."""


class _Batch(NamedTuple):
    """A letter to the writer's thread: parts of one segment, and whether it ends here."""

    segment: SegmentFile
    buffers: list[bytes]
    size: int
    end_ns: int
    parts: int
    pictures: int
    close: bool


class Recorder:
    """Every segment file of one recorder process.

    Args:
        directory: the recording directory; made when missing.
        catalog: told of every segment opened and closed.
        timebase: the wall time that the durable mark carries.
        clock: monotonic time for the timers.
        loop: the loop on which every method is called.
        epoch: this life of the recorder.
        flush_s: see `RecordConfig.flush_s`.
        sync_s: see `RecordConfig.sync_s`.
        closed: called on the loop with every segment that was closed whole.
    """

    def __init__(
        self,
        directory: Path,
        catalog: Catalog,
        timebase: TimeBase,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        *,
        epoch: int,
        flush_s: float = 0.3,
        sync_s: float = 1.0,
        closed: Callable[[SegmentFile, bytes], None] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.epoch = epoch
        self.disk_fault: Cause | None = None
        """Why the disk takes nothing at the moment; the `durable` thread asks it again."""
        self.disk_evidence = ""
        self.on_battery = False
        """What the UPS last said; stands in the mark."""
        self.bytes_written = 0
        """Thread: counted for the metrics."""
        self._catalog = catalog
        self._timebase = timebase
        self._clock = clock
        self._loop = loop
        self._closed_whole = closed
        self._flush_ns = int((flush_s - TICK_S) * NS)
        self._sync_s = sync_s
        self._place = _place(directory)
        self._letters: Crossing[_Batch] = Crossing("recorder", 20_000)
        self._dirty: dict[SegmentFile, None] = {}
        self._open: set[SegmentFile] = set()
        self._unfinished: set[str] = set()
        self._handed = 0
        self._done = 0
        self._marked_ns = 0
        self._stopping = threading.Event()
        self._reserve(release=False)
        self._reserved = _inode(directory / RESERVE)
        self._tick_timer = loop.call_later(TICK_S, self._tick)
        self._writer = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._durable = threading.Thread(target=self._keep_durable, name="durable", daemon=True)
        self._writer.start()
        self._durable.start()

    @property
    def blocked(self) -> Cause | None:
        """Why nothing can be recorded now, or None."""
        if self.disk_fault is not None:
            return self.disk_fault
        return Cause.DISK_SLOW if self.backlog_bytes > MAX_BACKLOG_BYTES else None

    @property
    def backlog_bytes(self) -> int:
        """Bytes handed to the writer's thread and not yet written."""
        return self._handed - self._done

    def begin(
        self,
        *,
        camera: str,
        stream: str,
        run: bytes,
        number: int,
        init: bytes,
        start_ns: int,
        base_ticks: int,
        failed: Callable[[SegmentFile, Cause, str], None],
    ) -> SegmentFile:
        """Start a segment with the part that comes next, which must begin with a keyframe.

        Args:
            camera: whose pictures these are.
            stream: main or sub.
            run: the run's id.
            number: of the segment in its run.
            init: the ftyp and moov that its parts need.
            start_ns: wall time of its first picture.
            base_ticks: decode time of its first part in the run.
            failed: called on the loop with (segment, cause, evidence) if the disk refuses it;
                `SegmentFile.written_end_ns` then says how far it got.
        """
        segment = SegmentFile(
            camera=camera, stream=stream, run=run, epoch=self.epoch, number=number,
            path=segment_path(camera, stream, run, number, start_ns), init=init,
            start_ns=start_ns, base_ticks=base_ticks, failed=failed,
        )  # fmt: skip
        segment.gathered_since_ns = self._clock.monotonic_ns()
        self._open.add(segment)
        self._unfinished.add(segment.path)
        self._dirty[segment] = None
        row = (camera, stream, run, self.epoch, number, segment.path, start_ns, base_ticks)
        self._catalog.submit(lambda db: _insert_segment(db, row))
        return segment

    def append(
        self,
        segment: SegmentFile,
        part: bytes,
        *,
        wall_ns: int,
        end_ns: int,
        pictures: int,
        keyframe: bool,
    ) -> bool:
        """Gather a part; it is on its way to the disk within `flush_s`.

        Args:
            segment: where it belongs.
            part: the bytes, as published.
            wall_ns: of its first picture.
            end_ns: when its last picture ends.
            pictures: in it.
            keyframe: whether it starts with one.

        Returns:
            False if the disk lags too far behind to take it; the caller ends the segment.
        """
        if segment.handed_bytes - segment.written_bytes > MAX_STREAM_BACKLOG_BYTES:
            return False
        if keyframe:
            segment.keyframes.append((wall_ns, segment.size))
        if not segment.gathered:
            segment.gathered_since_ns = self._clock.monotonic_ns()
            self._dirty[segment] = None
        segment.gathered.append(part)
        segment.size += len(part)
        segment.parts += 1
        segment.pictures += pictures
        segment.end_ns = end_ns
        return True

    def close(self, segment: SegmentFile) -> None:
        """End a segment; what was gathered is written first. Closing twice is harmless."""
        if segment.closing:
            return
        segment.closing = True
        self._open.discard(segment)
        self._hand_over(segment, close=True)

    def writing(self, path: str) -> bool:
        """Whether a segment is not finished yet: nobody else may touch its file. Any thread."""
        return path in self._unfinished

    def newest_bytes(self, segment: SegmentFile) -> bytes:
        """What is gathered and not yet handed to the thread: the newest parts of the GOP."""
        return b"".join(segment.gathered)

    def flush(self, segment: SegmentFile) -> None:
        """Hand what is gathered to the thread now."""
        self._hand_over(segment, close=False)

    def close_all(self) -> None:
        """End every segment and take no more. On the loop; then `join` from a worker thread."""
        self._tick_timer.cancel()
        for segment in list(self._open):
            self.close(segment)
        self._letters.close()

    def join(self) -> None:
        """Wait until everything is written and synced, at most about 10 s."""
        self._writer.join(8)
        self._stopping.set()
        self._durable.join(3)

    def _tick(self) -> None:
        now = self._clock.monotonic_ns()
        due = [s for s in self._dirty if now - s.gathered_since_ns >= self._flush_ns]
        for segment in due:
            self._hand_over(segment, close=False)
        self._tick_timer = self._loop.call_later(TICK_S, self._tick)

    def _hand_over(self, segment: SegmentFile, *, close: bool) -> None:
        self._dirty.pop(segment, None)
        buffers, segment.gathered = segment.gathered, []
        if not buffers and not close:
            return
        size = segment.size - segment.handed_bytes
        segment.handed_bytes = segment.size
        batch = _Batch(
            segment, buffers, size, segment.end_ns, segment.parts, segment.pictures, close
        )
        if self._letters.put(batch):
            self._handed += size
        elif segment.fault is None:
            segment.fault = Cause.DISK_SLOW
            self._loop.call_soon(segment.failed, segment, Cause.DISK_SLOW, "the disk lags behind")

    # ---- the writer's thread -------------------------------------------------------------------

    def _write(self) -> None:
        while True:
            try:
                batches = self._letters.take(MARK_S)
            except Closed:
                self._mark(stopped=True)
                return
            now = self._clock.monotonic_ns()
            if now - self._marked_ns > MARK_S * NS:
                self._marked_ns = now
                self._mark(stopped=False)
            for batch in batches:
                self._write_batch(batch)
                self._done += batch.size

    def _write_batch(self, batch: _Batch) -> None:
        """Hash and write one batch; on trouble leave the file at its last whole part."""
        segment = batch.segment
        if segment.fault is None:
            try:
                if self.disk_fault is not None:
                    # What room there is belongs to the ledger; and a disk that was moved away
                    # still takes writes to open files, which nobody would find.
                    raise _RefusedError(self.disk_fault, self.disk_evidence)
                if segment.fd < 0:
                    segment.fd = self._create(segment)
                _writev(segment.fd, batch.buffers)
            except OSError as error:
                self._refuse(segment, error)
            else:
                segment.leaves += map(merkle.leaf, batch.buffers)
                segment.written_bytes += batch.size
                segment.written_end_ns = batch.end_ns
                segment.written_parts = batch.parts
                segment.written_pictures = batch.pictures
                self.bytes_written += batch.size
        if batch.close:
            self._finish(segment)

    def _create(self, segment: SegmentFile) -> int:
        self._recognise()
        path = self.directory / segment.path
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o640)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o640)

    def _refuse(self, segment: SegmentFile, error: OSError) -> None:
        if isinstance(error, _RefusedError):
            cause, evidence = error.cause, error.evidence
        else:
            cause, evidence = disk_cause(error), f"{error.strerror} while writing {segment.path}"
        segment.fault = cause
        if segment.fd >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(segment.fd, segment.written_bytes)
        if self.disk_fault is None:
            self.disk_fault = cause
            self.disk_evidence = evidence
            if cause is Cause.DISK_FULL:
                self._reserve(release=True)
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self._loop.call_soon_threadsafe(segment.failed, segment, cause, evidence)

    def _finish(self, segment: SegmentFile) -> None:
        """Close a segment's file and tell the catalog what it holds."""
        if segment.fd >= 0:
            with contextlib.suppress(OSError):
                os.close(segment.fd)
            segment.fd = -1
        if segment.written_parts == 0:
            with contextlib.suppress(OSError):
                (self.directory / segment.path).unlink()
            path = segment.path
            self._catalog.submit(
                lambda db: db.execute("delete from segment where path = ?", (path,))
            )
        else:
            root = merkle.root(segment.leaves)
            self._catalog.submit(lambda db: _close_segment(db, segment, root))
            if self._closed_whole is not None:
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._closed_whole, segment, root)
        self._unfinished.discard(segment.path)

    # ---- the durable thread --------------------------------------------------------------------

    def _keep_durable(self) -> None:
        """Once a second: syncfs, and look after the disk's health."""
        logger = log.get("recorder")
        while not self._stopping.wait(self._sync_s if self.disk_fault is None else ASK_AGAIN_S):
            was = self.disk_fault
            self._look_after_disk()
            if self.disk_fault is not was:
                logger.warning("disk.changed", fault=self.disk_fault, evidence=self.disk_evidence)
        with contextlib.suppress(OSError):
            self._sync_once()

    def _look_after_disk(self) -> None:
        try:
            self._recognise()
            if self.disk_fault is not None:
                self._try_disk()
                self.disk_fault = None
                self.disk_evidence = ""
            self._sync_once()
        except OSError as error:
            cause = disk_cause(error)
            if self.disk_fault is not cause:
                self.disk_fault = cause
                self.disk_evidence = f"{error.strerror}: {self.directory}"

    def _recognise(self) -> None:
        """Raise OSError unless the directory is the one that recording began in.

        An empty mount point is not; the same disk mounted again is, though it may have got
        another number, and so is a new folder on the same filesystem.
        """
        place = _place(self.directory)
        if place == self._place:
            return
        same_disk = _inode(self.directory / RESERVE) == self._reserved is not None
        if place[0] != self._place[0] and not same_disk:
            raise FileNotFoundError(errno.ENODEV, "another filesystem is mounted there")
        self._place = place

    def _try_disk(self) -> None:
        """Raise OSError unless the disk would take a recording again."""
        free = os.statvfs(self.directory)
        if free.f_bavail * free.f_frsize < RESUME_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        trial = self.directory / ".trial"
        with trial.open("wb") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
        trial.unlink()
        self._reserve(release=False)

    def _sync_once(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _syncfs(descriptor)
        finally:
            os.close(descriptor)

    def _mark(self, *, stopped: bool) -> None:
        """Write that we live, in place. Never raises: a bad disk shows where pictures are kept."""
        fields = {
            "epoch": self.epoch,
            "wall_ns": self._timebase.wall_ns(),
            "stopped": stopped,
            "on_battery": self.on_battery,
        }
        with contextlib.suppress(OSError):
            self._recognise()
            descriptor = os.open(self.directory / ".alive", os.O_CREAT | os.O_WRONLY, 0o640)
            try:
                os.pwrite(descriptor, json.dumps(fields).ljust(128).encode(), 0)
            finally:
                os.close(descriptor)

    def _reserve(self, *, release: bool) -> None:
        """Keep, or give back, the room that the ledger needs on a full disk. Never raises."""
        path = self.directory / RESERVE
        with contextlib.suppress(OSError):
            if release:
                os.truncate(path, 0)
                return
            with path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)


def segment_path(camera: str, stream: str, run: bytes, number: int, start_ns: int) -> str:
    """Where a segment lies, so that a person finds an hour by hand.

    `cam01/2026-11-18/14/cam01_main_2026-11-18_14-32-07_3fa2c1d09a77-0003.mp4`, local time.
    """
    local = datetime.fromtimestamp(start_ns // NS, UTC).astimezone(VIETNAM)
    return (
        f"{camera}/{local:%Y-%m-%d}/{local:%H}/"
        f"{camera}_{stream}_{local:%Y-%m-%d_%H-%M-%S}_{run.hex()[:12]}-{number:04d}.mp4"
    )


def read_mark(directory: Path) -> Mark | None:
    """The last durable mark of a recording directory; None if there is none."""
    try:
        fields = json.loads((directory / ".alive").read_text(encoding="utf-8"))
        return Mark(
            epoch=int(fields["epoch"]),
            wall_ns=int(fields["wall_ns"]),
            stopped=bool(fields["stopped"]),
            on_battery=bool(fields.get("on_battery", False)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


class _RefusedError(OSError):
    """The disk is known not to take anything now."""

    def __init__(self, cause: Cause, evidence: str) -> None:
        super().__init__(evidence)
        self.cause = cause
        self.evidence = evidence


def _place(directory: Path) -> tuple[int, int]:
    """(device, inode) of a directory.

    Raises:
        OSError: it is not there.
    """
    found = directory.stat()
    return found.st_dev, found.st_ino


def _inode(path: Path) -> int | None:
    """The inode of a file, None if there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def disk_cause(error: OSError) -> Cause:
    """The ledger's word for what the disk answered."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Cause.DISK_FULL
        case errno.EROFS:
            return Cause.DISK_READ_ONLY
        case errno.EMFILE | errno.ENFILE | errno.ENOMEM:
            return Cause.OVERLOADED
        case _:
            return Cause.DISK_GONE


def _writev(descriptor: int, buffers: list[bytes]) -> None:
    """Write all of the buffers, however often the kernel stops short."""
    total = sum(map(len, buffers))
    written = os.writev(descriptor, buffers[:_IOV_MAX])
    if written == total:
        return
    rest = memoryview(b"".join(buffers))[written:]
    while rest:
        rest = rest[os.write(descriptor, rest) :]


_libc = ctypes.CDLL(None, use_errno=True)


def _syncfs(descriptor: int) -> None:
    """syncfs(2): everything written to that filesystem is on the disk when it returns."""
    if not hasattr(_libc, "syncfs"):  # pragma: no cover - not Linux
        os.sync()
        return
    if _libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _insert_segment(db: sqlite3.Connection, row: tuple[object, ...]) -> None:
    db.execute(
        "insert into segment (camera, stream, run, epoch, number, path, start_ns, base_ticks)"
        " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (path) do nothing",
        row,
    )


def _close_segment(db: sqlite3.Connection, segment: SegmentFile, root: bytes) -> None:
    """In the catalog's thread; the segment is finished and changes no more."""
    found = db.execute("select start_ns from segment where path = ?", (segment.path,)).fetchone()
    if found is None:
        return
    shift = found[0] - segment.start_ns  # the clock has been put right since it began
    keyframes = pack_keyframes(
        (wall_ns + shift, offset)
        for wall_ns, offset in segment.keyframes
        if offset < segment.written_bytes
    )
    db.execute(
        "update segment set end_ns = ?, size = ?, pictures = ?, parts = ?, root = ?,"
        " keyframes = ? where path = ?",
        (
            segment.written_end_ns + shift, segment.written_bytes, segment.written_pictures,
            segment.written_parts, root, keyframes, segment.path,
        ),
    )  # fmt: skip
