"""A JPEG or small grey picture of a moment, decoded outside the recorder's process.

`PictureDecoder` keeps at most one worker (`python -m vonggac.edge.picture`), which is started by
the first request, ended when nobody asked for a minute, and replaced when it dies.  What is decoded
came from a camera: it may crash, hang or bloat the worker, and nothing else.

The worker speaks length-prefixed messages over its stdin and stdout and holds no state between
them.  It bounds itself: address space, no core dumps, no file writes, and a timer of the kernel
(SIGALRM, default action) that ends it when a picture takes too long, even if its parent is gone.

A 1080p keyframe costs 25 ms of one core and a 704x576 one 3.5 ms (ADR 0002); the pictures after
it in the GOP cost a third to a fifth of that each, up to the moment asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import struct
import sys
from fractions import Fraction
from typing import IO, TYPE_CHECKING

from vonggac import log
from vonggac.config import inherited
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from av.video.frame import VideoFrame

MAX_INIT_BYTES = 1 << 20
"""An init with one sample entry has some hundred bytes."""
MAX_PARTS_BYTES = 64 << 20
"""A GOP of 20 s at 16 Mbit/s has 40 MB."""
MAX_JPEG_BYTES = 32 << 20
MAX_PIXELS = 8192 * 4352
"""Pictures above 8K are refused before they are allocated."""
MAX_PICTURES = 3000
"""Pictures decoded for one request: a GOP of two minutes at 25 a second."""
TICKS_PER_SECOND = 90_000

_ADDRESS_SPACE_BYTES = 3 << 30
_REQUEST = struct.Struct(">IIqIIf")
"""init bytes, parts bytes, at ticks (-1: the last picture), width (0: as it is), height (0: a JPEG
in proportion; else grey pixels of exactly this size), seconds allowed"""
_REPLY = struct.Struct(">cI")
_PICTURE, _REFUSED = b"P", b"E"

_logger = log.get(__name__)


class PictureDecoder:
    """Turns recorded parts into JPEGs, one at a time, in a process of its own.

    Args:
        timeout_s: seconds that one picture may take, and that a request may wait for its turn.
        idle_s: seconds after which an unused worker is ended.
        capacity: requests that may be under way or waiting; further ones are refused.

    All calls on one event loop. Call `close` at the end.
    """

    def __init__(self, *, timeout_s: float = 5.0, idle_s: float = 60.0, capacity: int = 16) -> None:
        self._timeout_s = timeout_s
        self._idle_s = idle_s
        self._capacity = capacity
        self._turn = asyncio.Lock()
        self._asked = 0
        self._worker: Process | None = None
        self._killed: list[Process] = []
        self._idle: asyncio.TimerHandle | None = None
        self.restarts = 0
        """Workers that had to be killed or had died, since the decoder was made."""

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, None while there is none."""
        return self._worker.pid if self._worker is not None else None

    async def jpeg(
        self, init: bytes, parts: bytes, *, at_ticks: int | None, width: int | None
    ) -> bytes:
        """The picture shown at a moment, as JPEG.

        Args:
            init: the run's init (ftyp and moov).
            parts: parts of one segment in their order, from a keyframe on.
            at_ticks: 90 kHz ticks on the parts' own decode time line; the last picture shown at
                or before it is taken, the first if none was. None takes the last of all.
            width: pixels to scale down to, keeping the proportions; None or more than the picture
                has leaves its size.

        Raises:
            VonggacError: CORRUPT if it cannot be decoded (or kills the decoder), TIMED_OUT if it
                takes too long, TOO_MANY if too many requests wait, TOO_LARGE if there are too many
                bytes, BAD_INPUT for a senseless width, UNAVAILABLE if no worker can be started.
        """
        if width is not None and not 16 <= width <= 8192:
            raise VonggacError(Kind.BAD_INPUT, f"a width of {width}; ask for 16 to 8192 pixels")
        at = -1 if at_ticks is None else at_ticks
        return await self._asked_for(init, parts, at, (width or 0, 0))

    async def grey(self, init: bytes, parts: bytes, *, width: int, height: int) -> bytes:
        """The last picture in exactly this size, one byte of full-range luma a pixel, row by row.

        Args:
            init: as for `jpeg`.
            parts: as for `jpeg`.
            width: of what is wanted; proportions are not kept.
            height: of what is wanted.

        Raises:
            VonggacError: as `jpeg`.
        """
        if not (16 <= width <= 1024 and 16 <= height <= 1024):
            raise VonggacError(Kind.BAD_INPUT, "a size of 16 to 1024 pixels")
        pixels = await self._asked_for(init, parts, -1, (width, height))
        if len(pixels) != width * height:
            raise VonggacError(Kind.CORRUPT, "the decoder answered with another size")
        return pixels

    async def _asked_for(self, init: bytes, parts: bytes, at: int, size: tuple[int, int]) -> bytes:
        """One of the requests that may be under way or waiting."""
        if len(init) > MAX_INIT_BYTES or len(parts) > MAX_PARTS_BYTES:
            raise VonggacError(
                Kind.TOO_LARGE, f"{len(parts)} bytes for one picture; ask for a shorter GOP"
            )
        if self._asked >= self._capacity:
            raise VonggacError(
                Kind.TOO_MANY, f"{self._asked} pictures are being decoded or wait; ask again later"
            )
        self._asked += 1
        try:
            return await self._in_turn(init, parts, at, size)
        finally:
            self._asked -= 1

    async def close(self) -> None:
        """End the worker. Harmless twice; a request under way fails."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._kill()
        for worker in self._killed:
            await worker.wait()
        self._killed.clear()

    async def _in_turn(self, init: bytes, parts: bytes, at: int, size: tuple[int, int]) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._turn.acquire()
        except TimeoutError as error:
            raise VonggacError(
                Kind.TIMED_OUT, "the decoder is busy with other pictures; ask again later"
            ) from error
        try:
            if self._idle is not None:
                self._idle.cancel()
            worker = await self._running_worker()
            status, answer = await self._exchange(worker, init, parts, at, size)
        finally:
            self._turn.release()
        if self._worker is not None:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._idle_s, self._kill)
        if status == _REFUSED:
            raise VonggacError(Kind.CORRUPT, answer.decode("utf-8", "replace"))
        return answer

    async def _running_worker(self) -> Process:
        if self._worker is not None and self._worker.returncode is None:
            return self._worker
        if self._worker is not None:
            self.restarts += 1
            self._kill()
        try:
            self._worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "vonggac.edge.picture",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=inherited(),
                start_new_session=True,
            )
        except OSError as error:
            raise VonggacError(
                Kind.UNAVAILABLE, f"the picture decoder cannot be started: {error.strerror}"
            ) from error
        _logger.debug("picture_decoder.started", pid=self._worker.pid)
        return self._worker

    async def _exchange(
        self, worker: Process, init: bytes, parts: bytes, at: int, size: tuple[int, int]
    ) -> tuple[bytes, bytes]:
        """One request and its answer; on any other outcome the worker is killed."""
        if worker.stdin is None or worker.stdout is None:
            raise VonggacError(Kind.INTERNAL, "the picture decoder has no pipes")
        try:
            async with asyncio.timeout(self._timeout_s):
                head = _REQUEST.pack(len(init), len(parts), at, *size, self._timeout_s)
                worker.stdin.writelines([head, init, parts])
                await worker.stdin.drain()
                status, length = _REPLY.unpack(await worker.stdout.readexactly(_REPLY.size))
                # The worker bounds its answers, and it may have been taken over by its input.
                return status, await worker.stdout.readexactly(min(length, MAX_JPEG_BYTES))
        except BaseException as error:
            self.restarts += 1
            self._kill()
            if isinstance(error, TimeoutError):
                _logger.warning("picture_decoder.timed_out", seconds=self._timeout_s)
                raise VonggacError(
                    Kind.TIMED_OUT, f"the picture was not decoded within {self._timeout_s:g} s"
                ) from error
            if isinstance(error, (asyncio.IncompleteReadError, ConnectionError)):
                _logger.warning("picture_decoder.died", returncode=worker.returncode)
                raise VonggacError(
                    Kind.CORRUPT, "the decoder died of these bytes; the recording is not affected"
                ) from error
            raise

    def _kill(self) -> None:
        """Part with the worker; the loop reaps it, and `close` waits for that."""
        worker, self._worker = self._worker, None
        self._killed = [gone for gone in self._killed if gone.returncode is None]
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            self._killed.append(worker)


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """The worker: answer requests until stdin ends."""
    while True:
        head = requests.read(_REQUEST.size)
        if len(head) < _REQUEST.size:
            return
        init_bytes, parts_bytes, at, width, height, seconds = _REQUEST.unpack(head)
        data = requests.read(init_bytes + parts_bytes)
        if len(data) < init_bytes + parts_bytes:
            return
        # One second more than the parent waits: normally the parent kills first and says why.
        signal.setitimer(signal.ITIMER_REAL, seconds + 1)
        try:
            status, answer = _PICTURE, _decode(data, None if at < 0 else at, width, height)
        except (VonggacError, MemoryError) as error:
            status = _REFUSED
            answer = (str(error) or "the picture needs more memory than it may have").encode()
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(_REPLY.pack(status, len(answer)) + answer)
        answers.flush()


def _decode(data: bytes, at_ticks: int | None, width: int, height: int) -> bytes:
    """The picture shown at `at_ticks`, as JPEG or grey pixels; raises VonggacError."""
    # av belongs to the worker only: the recorder's process never loads it through this module.
    import av

    options = {
        "ignore_editlist": "1",  # times as the parts have them
        "protocol_whitelist": "none",  # a data reference in the moov opens nothing
    }
    chosen: VideoFrame | None = None
    pictures = 0
    try:
        with av.open(io.BytesIO(data), "r", format="mp4", options=options) as container:
            if not container.streams.video:
                raise VonggacError(Kind.CORRUPT, "the parts hold no video")
            stream = container.streams.video[0]
            context = stream.codec_context
            context.thread_count = 1
            context.options = {"max_pixels": str(MAX_PIXELS)}
            for packet in container.demux(stream):
                late = (
                    at_ticks is not None
                    and packet.dts is not None
                    and packet.dts * TICKS_PER_SECOND * stream.time_base > at_ticks  # type: ignore[operator]
                )
                enough = (late and pictures > 0) or pictures >= MAX_PICTURES
                try:
                    frames = context.decode(None if enough else packet)
                except av.InvalidDataError:
                    continue
                pictures += 1
                for frame in frames:
                    chosen = _later(chosen, frame, at_ticks)
                if enough:
                    break
            if chosen is None:
                raise VonggacError(Kind.CORRUPT, "no picture can be decoded from these parts")
            if height:
                return _grey(chosen, width, height)
            return _encode(chosen, context.sample_aspect_ratio, width)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise VonggacError(Kind.CORRUPT, f"the parts cannot be decoded: {error}") from error


def _later(chosen: VideoFrame | None, frame: VideoFrame, at_ticks: int | None) -> VideoFrame:
    """Which of two pictures answers the question: the later one that is not too late."""
    if chosen is None or frame.pts is None or chosen.pts is None:
        return frame if chosen is None else chosen
    if at_ticks is None or frame.time_base is None:
        return frame if frame.pts > chosen.pts else chosen
    limit = at_ticks / (frame.time_base * TICKS_PER_SECOND)
    if chosen.pts > limit:
        return frame if frame.pts < chosen.pts else chosen
    return frame if chosen.pts < frame.pts <= limit else chosen


def _grey(frame: VideoFrame, width: int, height: int) -> bytes:
    """Full-range luma of exactly this size, without the padding of libav's rows."""
    plane = frame.reformat(width=width, height=height, format="gray", interpolation="AREA").planes[
        0
    ]
    pixels, stride = bytes(plane), plane.line_size
    if stride == width:
        return pixels[: width * height]
    return b"".join(pixels[row * stride : row * stride + width] for row in range(height))


def _encode(frame: VideoFrame, aspect: Fraction | None, width: int) -> bytes:
    """JPEG of a picture with its pixels made square where the stream says they are not."""
    import av

    full_width, height = frame.width, frame.height
    if aspect and 0.25 <= aspect <= 4:
        full_width = round(frame.width * aspect)
    if width and width < full_width:
        height = round(height * width / full_width)
        full_width = width
    full_width, height = max(2, full_width & ~1), max(2, height & ~1)
    picture = frame.reformat(
        width=full_width, height=height, format="yuvj420p", interpolation="AREA"
    )
    picture.pts = None
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = full_width, height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qmin": "3", "qmax": "3", "huffman": "default"}
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


def _confine() -> None:
    """Take from the worker what a decoder does not need. Linux and macOS; elsewhere nothing."""
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    import resource  # not on Windows

    for what, limit in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (limit, limit))


def main() -> None:
    """Entry point of the worker process."""
    _confine()
    _serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
