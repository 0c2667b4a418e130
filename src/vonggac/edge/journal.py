"""The site's facts, signed and numbered, in append-only files: what the ledger rests on.

One file an epoch (`journal/000017.log`), of frames: length (u32), CRC-32 (u32), envelope.  A torn
last frame is a crash, and everything before it stands.  What the bus publishes upward and what
the catalog is made again from is read from here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import time
import zlib
from typing import TYPE_CHECKING

from vonggac import log, wire
from vonggac.errors import MalformedError
from vonggac.mailbox import Closed, Crossing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FRAME = struct.Struct(">II")

MAX_WAITING = 20_000
"""Facts that wait before the thread, and from which on the thread takes no more: at most three
times as many, 25 MB, while a disk refuses for hours. Beyond that facts are refused, unnumbered."""


class Journal:
    """The facts of this life of the recorder.

    Args:
        directory: the recording directory; files lie in its `journal` folder.
        site: the site's permanent id.
        epoch: this life; its file must not exist.
        sign: signs bytes with the site's key.

    `append` belongs to the loop's thread; a thread of its own writes.
    """

    def __init__(
        self, directory: Path, site: str, epoch: int, sign: Callable[[bytes], bytes]
    ) -> None:
        self.directory = directory / "journal"
        self.site = site
        self.epoch = epoch
        self.trouble: str | None = None
        """What the disk last said when a fact could not be written."""
        self.sequence = 0
        """Number of the next fact."""
        self.durable_sequence = 0
        """Thread: facts before this one are in the file."""
        self.on_durable: Callable[[], object] | None = None
        """Called by the thread when facts have been written; whoever publishes sets it."""
        self._sign = sign
        self._device: int | None = None
        with contextlib.suppress(OSError):
            self._device = directory.stat().st_dev
        self._letters: Crossing[bytes] = Crossing("journal", MAX_WAITING)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def append(self, fact: wire.Fact) -> wire.Envelope:
        """Sign a fact, number it, and have it written soon. Never blocks."""
        payload = wire.encode_fact(fact)
        signature = self._sign(wire.signed_bytes(self.site, self.epoch, self.sequence, payload))
        envelope = wire.Envelope(
            wire.VERSION, self.site, self.epoch, self.sequence, payload, signature
        )
        if self._letters.put(wire.encode_envelope(envelope)):
            self.sequence += 1
        return envelope

    def close(self) -> None:
        """Write what waits and stop the thread. Closing twice is harmless."""
        self._letters.close()
        self._ending.set()
        self._thread.join(5)

    def _write(self) -> None:
        """The journal's thread: append frames; keep them while the disk refuses."""
        logger = log.get("journal")
        path = journal_path(self.directory, self.epoch)
        waiting: list[bytes] = []
        whole = 0
        closing = False
        tries_after_close = 0
        while not (closing and (not waiting or tries_after_close > 3)):
            if closing:
                tries_after_close += 1
            elif len(waiting) >= MAX_WAITING:
                closing = self._ending.is_set()
            else:
                try:
                    waiting += self._letters.take(1.0)
                except Closed:
                    closing = True
            if not waiting:
                continue
            frames = b"".join(
                _FRAME.pack(len(letter), zlib.crc32(letter)) + letter for letter in waiting
            )
            try:
                self._make_folder()
                whole = _append(path, frames, whole)
            except OSError as error:
                if self.trouble is None:
                    logger.warning("journal.refused", error=str(error), waiting=len(waiting))
                self.trouble = str(error)
                if closing:
                    time.sleep(0.1)
                else:
                    self._ending.wait(1.0)
                continue
            self.trouble = None
            self.durable_sequence += len(waiting)
            waiting = []
            if self.on_durable is not None:
                with contextlib.suppress(RuntimeError):  # its loop may be closed already
                    self.on_durable()

    def _make_folder(self) -> None:
        """Make the journal's folder, but not where the disk is no longer mounted."""
        if self.directory.is_dir():
            return
        device = self.directory.parent.stat().st_dev
        if self._device is None:
            self._device = device
        if device != self._device:
            raise FileNotFoundError(errno.ENODEV, "the disk is not mounted")
        self.directory.mkdir(exist_ok=True)


def journal_path(folder: Path, epoch: int) -> Path:
    """The file of an epoch."""
    return folder / f"{epoch:06d}.log"


def epochs(folder: Path) -> list[int]:
    """The epochs that have a file, in order."""
    try:
        paths = list(folder.iterdir())
    except OSError:
        return []
    return sorted(int(p.stem) for p in paths if p.suffix == ".log" and p.stem.isdigit())


def read(
    folder: Path, *, epoch: int, sequence: int, limit: int, offset: int = 0
) -> tuple[list[wire.Envelope], int]:
    """Facts of one epoch from a sequence number on.

    Args:
        folder: the journal folder.
        epoch: which file.
        sequence: the first fact wanted.
        limit: how many at most.
        offset: a byte offset that an earlier call returned, to go on from there.

    Returns:
        The envelopes, and the offset after the last of them.

    Raises:
        OSError: the file cannot be read; a missing file is an empty one.
    """
    found: list[wire.Envelope] = []
    try:
        with journal_path(folder, epoch).open("rb") as file:
            file.seek(offset)
            for message in _frames(file.read):
                offset += _FRAME.size + len(message)
                try:
                    envelope = wire.decode_envelope(message)
                except MalformedError:
                    continue
                if envelope.sequence >= sequence:
                    found.append(envelope)
                    if len(found) >= limit:
                        break
    except FileNotFoundError:
        pass
    return found, offset


class Places:
    """Facts by place, for whoever carries them upward: (epoch, sequence), none left out.

    Args:
        folder: the journal folder.

    One thread at a time; reading on from the last place costs only what is new.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._epoch = 0
        self._next = 0
        self._offset = 0

    def after(self, place: tuple[int, int] | None, limit: int) -> list[wire.Envelope]:
        """The durable facts that follow a place, in order, at most `limit`; None is the start.

        Raises:
            OSError: a file cannot be read now.
        """
        wanted = (0, 0) if place is None else (place[0], place[1] + 1)
        found: list[wire.Envelope] = []
        for epoch in epochs(self._folder):
            if epoch < wanted[0] or len(found) >= limit:
                continue
            sequence = wanted[1] if epoch == wanted[0] else 0
            offset = self._offset if (epoch, sequence) == (self._epoch, self._next) else 0
            more, offset = read(
                self._folder, epoch=epoch, sequence=sequence, limit=limit - len(found),
                offset=offset,
            )  # fmt: skip
            if more:
                self._epoch, self._next = epoch, more[-1].sequence + 1
                self._offset = offset
            found += more
        return found


def facts(folder: Path) -> Iterator[tuple[wire.Envelope, wire.Fact]]:
    """Every readable fact of every epoch, in order. Signatures are not looked at here."""
    for epoch in epochs(folder):
        with contextlib.suppress(OSError), journal_path(folder, epoch).open("rb") as file:
            for message in _frames(file.read):
                try:
                    envelope = wire.decode_envelope(message)
                    yield envelope, wire.decode_fact(envelope.payload)
                except MalformedError:
                    continue


def write_alone(folder: Path, envelope: wire.Envelope) -> None:
    """Write an epoch that is one fact, whole or not at all, durable.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(exist_ok=True)
    path = journal_path(folder, envelope.epoch)
    beside = path.with_suffix(".new")
    message = wire.encode_envelope(envelope)
    descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        frame = _FRAME.pack(len(message), zlib.crc32(message)) + message
        while frame:
            frame = frame[os.write(descriptor, frame) :]
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _frames(take: Callable[[int], bytes]) -> Iterator[bytes]:
    """Whole frames with a right checksum; ends at the first that is not."""
    while True:
        head = take(_FRAME.size)
        if len(head) < _FRAME.size:
            return
        size, checksum = _FRAME.unpack(head)
        if size > wire.MAX_FACT:
            return
        message = take(size)
        if len(message) < size or zlib.crc32(message) != checksum:
            return
        yield message


def _append(path: Path, frames: bytes, whole: int) -> int:
    """Write frames after the last whole one; on trouble cut the torn one off again.

    Returns:
        The file's new length.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o640)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        if whole == 0 or end < whole:  # the first time, or the file was taken away meanwhile
            whole = end
        written = 0
        try:
            while written < len(frames):
                written += os.pwrite(descriptor, frames[written:], whole + written)
        except OSError:
            os.ftruncate(descriptor, whole)
            raise
        os.fdatasync(descriptor)
        return whole + len(frames)
    finally:
        os.close(descriptor)
