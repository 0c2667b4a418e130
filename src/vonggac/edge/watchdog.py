"""A watchdog that does not trust the recorder: what is planned against what lies on the disk.

Each minute, for each stream that claims to record: has its file grown, does it hold keyframes,
and can its last keyframe be decoded?  A stream that lies has its run ended, with what was found.
`judge` decides and is pure.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vonggac import log, wire
from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.errors import VonggacError
from vonggac.media.fmp4_read import scan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.config import StreamName
    from vonggac.edge.ingest import Ingest
    from vonggac.edge.journal import Journal
    from vonggac.edge.timebase import TimeBase

ROUND_S = 60.0

MIN_RECORDING_NS = 20 * NS
"""A segment younger than this is left alone: the disk may lag by a flush and a GOP may be long."""

DECODES_A_ROUND = 30
"""Keyframes decoded in one round at most: at 25 ms each (1080p) 1.3 % of a core, whatever the
number of cameras; beyond 30 of them each has its turn every other round."""


class Decoder(Protocol):
    """Who decodes, outside this process."""

    async def jpeg(
        self, init: bytes, parts: bytes, *, at_ticks: int | None, width: int | None
    ) -> bytes:
        """The picture as JPEG; raises VonggacError if it cannot be decoded."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found of one stream that claims to record."""

    size: int
    """Bytes on the disk."""
    handed: int
    """Bytes that the recorder says it wrote."""
    keyframes: int
    newest_end_ns: int
    """Monotonic age is judged on wall time of the newest part."""
    decode_fault: str | None


def judge(evidence: Evidence, *, now_ns: int) -> str | None:
    """What is wrong with a stream, in one sentence, or None."""
    if evidence.size < evidence.handed:
        return f"the file has {evidence.size} bytes, the recorder says it wrote {evidence.handed}"
    if evidence.keyframes == 0:
        return "the file holds no keyframe"
    if now_ns - evidence.newest_end_ns > MIN_RECORDING_NS:
        late = (now_ns - evidence.newest_end_ns) // NS
        return f"the newest picture on the disk is {late} s old"
    if evidence.decode_fault is not None:
        return f"the last keyframe cannot be decoded: {evidence.decode_fault}"
    return None


class Watchdog:
    """Looks after all streams of one recorder.

    Args:
        directory: the recording directory.
        ingests: the streams by (camera, stream).
        decoder: decodes keyframes in another process; None leaves that out.
        journal: told of each stream that lies.
        timebase: wall time.
        clock: the timer.
    """

    def __init__(
        self,
        directory: Path,
        ingests: Mapping[tuple[str, StreamName], Ingest],
        decoder: Decoder | None,
        journal: Journal,
        timebase: TimeBase,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._ingests = ingests
        self._decoder = decoder
        self._journal = journal
        self._timebase = timebase
        self._clock = clock
        self._turn = 0
        self._logger = log.get("watchdog")

    async def run(self) -> None:
        """A round a minute, for ever."""
        while True:
            await self._clock.sleep(ROUND_S)
            await self.run_once()

    async def run_once(self) -> list[tuple[str, str, str]]:
        """One round.

        Returns:
            (camera, stream, what is wrong) of each run that was ended.
        """
        recording = [key for key, ingest in self._ingests.items() if ingest.current is not None]
        decode = set(recording[self._turn : self._turn + DECODES_A_ROUND])
        self._turn = (
            0 if self._turn + DECODES_A_ROUND >= len(recording) else (self._turn + DECODES_A_ROUND)
        )
        found: list[tuple[str, str, str]] = []
        for key in recording:
            fault = await self._look(key, decoding=key in decode)
            if fault is not None:
                found.append((*key, fault))
        return found

    async def _look(self, key: tuple[str, StreamName], *, decoding: bool) -> str | None:
        ingest = self._ingests[key]
        file = ingest.current
        now = self._timebase.wall_ns()
        if file is None or file.fault is not None:
            return None
        shift = file.shift_ns  # a step of the clock, which the bytes of the file do not know
        if now - file.start_ns - shift < MIN_RECORDING_NS:
            return None
        handed = file.written_bytes
        path = self._directory / file.path
        try:
            size, keyframes, newest, sample = await asyncio.to_thread(_read, path, decoding)
        except OSError as error:
            size, keyframes, newest, sample = 0, 0, 0, None
            self._logger.warning("segment.unreadable", path=file.path, error=str(error))
        decode_fault = None
        if sample is not None and self._decoder is not None:
            try:
                await self._decoder.jpeg(sample[0], sample[1], at_ticks=None, width=64)
            except VonggacError as error:
                decode_fault = error.message
        if ingest.current is not file:
            return None  # it has ended meanwhile
        evidence = Evidence(size, handed, keyframes, newest + shift, decode_fault)
        fault = judge(evidence, now_ns=now)
        if fault is not None:
            camera, stream = key
            self._logger.warning("stream.lies", camera=camera, stream=stream, what=fault)
            self._journal.append(
                wire.CheckFailed(
                    at=now,
                    camera=camera,
                    stream=stream,
                    what="stream",
                    evidence=fault,
                )
            )
            ingest.end_run(Cause.GARBLED if decode_fault else Cause.STALLED, fault)
        return fault


def _read(path: Path, decoding: bool) -> tuple[int, int, int, tuple[bytes, bytes] | None]:
    """(bytes, keyframes, end of the newest part, init and newest keyframe's part)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        found = scan(lambda at, count: os.pread(descriptor, count, at), size)
        keyframes = [part for part in found.parts if part.keyframe]
        newest = found.parts[-1] if found.parts else None
        sample = None
        if decoding and keyframes and found.init is not None:
            last = keyframes[-1]
            sample = (found.init.data, os.pread(descriptor, last.size, last.offset))
    finally:
        os.close(descriptor)
    end = newest.wall_ns + newest.duration * 100_000 // 9 if newest else 0
    return size, len(keyframes), end, sample
