"""FFmpeg as the second source of pictures: for cameras that our own RTSP refuses, and for files.

`LibavSource` takes what `RtspSource` does not: UDP, MJPEG and MPEG-4 (re-encoded to H.264, only
when the operator has switched it on), servers that bend RTSP too far.  `FileSource` plays an MP4 or
Matroska file as if it were a camera.  Both pass H.264 and H.265 through untouched.

**The one crossing.**  PyAV blocks, so each source has a thread (`_Reader`).  It and the loop meet
in `_Crossing` and nowhere else: the thread calls `hand_over`, `report` and `end`; the loop calls
`take`, `take_reports` and `stop`.  The thread owns the container, the bitstream filter and the
encoder; the loop owns everything else.  Units belong to the loop once they are handed over.

What it costs beside our own source, measured on two cores (ADR 0002): a connection takes 130 ms
of CPU and up to 2 s, a playing 1080p25 camera 0.5 % of a core and 3.7 MB.  Re-encoding 1080p25
MJPEG costs 28 % of a core (November 2026, libx264 ultrafast, one thread).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import struct
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import av
import av.container.core
import av.logging

from vonggac import log
from vonggac.causes import Cause
from vonggac.clock import NS, Clock, SystemClock
from vonggac.edge.packets import (
    MAX_UNIT_BYTES,
    PASSED,
    TICKS,
    TRANSCODED,
    Cutter,
    Passing,
    Transcoding,
)
from vonggac.edge.source import Offer
from vonggac.errors import ConfigError, MalformedError, RunEnded
from vonggac.media import address as addresses
from vonggac.media.h26x import AudioFormat
from vonggac.media.rtp import AccessUnit, AudioUnit, SenderReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from vonggac.config import Secret

MAX_HELD_UNITS = 1500
"""Units that wait for the loop: a minute at 25 a second. A loop that late is overloaded."""
MAX_HELD_BYTES = 32 << 20
"""Bytes that wait for the loop: a minute at 4 Mbit/s."""
CONNECT_S = 10.0
"""PyAV takes 1 to 2 s to open a good camera; a slow one behind a bad line takes several."""
SILENCE_S = 15.0
"""Seconds without a byte after which libav gives up by itself. `ingest` calls a stream stalled long
before; this only bounds what nobody watches."""
CLOSE_S = 2.0
REPORT_EVERY_NS = 5 * NS
"""A sender report is derived at most this often; RTCP itself sends one every 5 s (RFC 3550)."""

_PRFT = struct.Struct("=qi")  # AVProducerReferenceTime: microseconds since 1970, flags
_LOG_LINES = 6
_PROTOCOLS = "rtsp,rtsps,rtp,srtp,udp,tcp,tls"
_LOSS = re.compile(r"RTP: missed|dropping old packet|max delay reached", re.IGNORECASE)
_REDIRECT = re.compile(r"Redirecting to \S+?://(?:[^/@\s]*@)?([^/:\s]+)", re.IGNORECASE)

_logger = log.get(__name__)

Unit = AccessUnit | AudioUnit


class _InterruptibleTime:
    """Stands in for the module `time` inside `av.container.core`.

    PyAV 18 asks `time.monotonic()` in its interrupt callback, some ten times a second while it
    waits for the network, and offers no other way to interrupt it than a time-out.  In the thread
    of a reader that must stop, this clock leaps, and libav gives up within 0.1 s.  Every other
    thread gets the true time.  Where PyAV changes this, nothing breaks but the haste: a thread then
    ends with its time-out (`test_closing_while_connecting_ends_the_thread` would say so).

    A redirect to another host is ended in the same way: libav has no option against following one,
    but says so in its log first, and asks before it waits for the connection.  The other host
    sees a connection opened and closed, and not a byte.
    """

    def __init__(self) -> None:
        self._clock = SystemClock()

    def monotonic(self) -> float:
        thread = threading.current_thread()
        leap = 0.0
        if isinstance(thread, _Reader):
            thread.listen()
            if thread.crossing.stopping or thread.strays:
                thread.leaps += 1
                leap = 1e6 * thread.leaps
        return self._clock.monotonic_ns() / NS + leap


def _prepare_libav() -> None:
    """Make libav's log and waits serve the readers; once a process is enough, twice is harmless."""
    import logging

    if not isinstance(getattr(av.container.core, "time", None), _InterruptibleTime):
        setattr(av.container.core, "time", _InterruptibleTime())  # noqa: B010
    # INFO is where libav says that it follows a redirect.
    av.logging.set_level(av.logging.INFO)
    # Two cameras may redirect to one place: the second one's line counts as much as the first's.
    av.logging.set_skip_repeated(False)
    # Each reader captures its own thread's lines; what other threads log is nobody's.
    libav_log = logging.getLogger("libav")
    libav_log.propagate = False
    if not libav_log.handlers:
        libav_log.addHandler(logging.NullHandler())


class _Crossing:
    """Where a reader's thread and the loop meet. Bounded in units and bytes.

    Args:
        waits: a full crossing makes the reader wait (a file) instead of ending the run (a camera).
    """

    def __init__(self, *, waits: bool) -> None:
        self._waits = waits
        self._changed = threading.Condition()
        self._units: list[Unit] = []
        self._bytes = 0
        self._reports: list[SenderReport] = []
        self._end: RunEnded | None = None
        self.stopping = False

    def hand_over(self, unit: Unit) -> None:
        """From the thread: one unit.

        Raises:
            RunEnded: (`OVERLOADED`) the loop has not taken units for too long.
        """
        size = unit.size if isinstance(unit, AccessUnit) else len(unit.payload)
        with self._changed:
            while self._is_full(size) and self._waits and not self.stopping:
                self._changed.wait()
            if self._is_full(size) and not self.stopping:
                raise RunEnded(
                    Cause.OVERLOADED,
                    f"{len(self._units)} pictures ({self._bytes} bytes) waited and nobody took "
                    "them: the box could not keep up",
                )
            self._units.append(unit)
            self._bytes += size

    def _is_full(self, size: int) -> bool:
        return bool(self._units) and (
            len(self._units) >= MAX_HELD_UNITS or self._bytes + size > MAX_HELD_BYTES
        )

    def report(self, report: SenderReport) -> None:
        """From the thread: what the camera believes the time to be."""
        with self._changed:
            del self._reports[:-15]
            self._reports.append(report)

    def end(self, end: RunEnded) -> None:
        """From the thread: nothing more will come."""
        with self._changed:
            self._end = self._end or end

    def pause(self, seconds: float) -> None:
        """From the thread: wait, unless asked to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopping, seconds)

    def take(self) -> list[Unit]:
        """From the loop: everything that waits.

        Raises:
            RunEnded: nothing waits and nothing more will come.
        """
        with self._changed:
            units, self._units, self._bytes = self._units, [], 0
            self._changed.notify_all()
            if not units and self._end is not None:
                raise self._end
            return units

    def take_reports(self) -> list[SenderReport]:
        """From the loop: sender reports since the last call."""
        with self._changed:
            reports, self._reports = self._reports, []
            return reports

    def stop(self) -> None:
        """From the loop: the thread should end at once."""
        with self._changed:
            self.stopping = True
            self._changed.notify_all()


@dataclass(slots=True)
class _Input:
    """What a reader opens, and how."""

    url: str
    """With credentials: never printed."""
    format: str | None
    options: dict[str, str]
    source: str
    """`libav` or `file`."""
    secrets: tuple[str, ...] = ()
    """What must not stand in a message."""
    host: str = ""
    audio: bool = False
    transcode: bool = False
    realtime: bool = False
    connect_s: float = CONNECT_S
    notes: list[str] = field(default_factory=list)


class _Reader(threading.Thread):
    """The thread of one source: opens, reads until the end or a stop, closes.

    Args:
        what: what to open.
        crossing: where units go.
        clock: for arrival times; read from this thread.
        offered: called once, from this thread, with the offer or the reason why there is none.
        ended: called from this thread as the last thing.
    """

    def __init__(
        self,
        what: _Input,
        crossing: _Crossing,
        clock: Clock,
        offered: Callable[[Offer | RunEnded], None],
        ended: Callable[[], None],
    ) -> None:
        super().__init__(name=f"libav {what.host or 'file'}", daemon=True)
        self.crossing = crossing
        self.leaps = 0
        self._what = what
        self._clock = clock
        self._offered = offered
        self._ended = ended
        self._heard: list[tuple[int, str, str]] = []
        self._lines: list[str] = []
        self._lost = False
        self._redirected_to = ""

    @property
    def strays(self) -> bool:
        """Whether libav was sent to another host than the one that was configured."""
        return self._redirected_to not in ("", self._what.host)

    def run(self) -> None:
        """Read until there is no more; every way out is a `RunEnded`."""
        try:
            with av.logging.Capture() as self._heard:
                try:
                    self._read()
                except RunEnded:
                    raise
                except (av.FFmpegError, MalformedError, ValueError, OSError) as error:
                    raise self._translated(error) from None
        except RunEnded as end:
            self._offered(end)
            self.crossing.end(end)
        finally:
            self._ended()

    def listen(self) -> None:
        """Take in what libav logged in this thread; keeps the last lines only."""
        for _, name, message in self._heard:
            text = message.strip()
            if _LOSS.search(text):
                self._lost = True
            if redirect := _REDIRECT.search(text):
                self._redirected_to = redirect[1]
            self._lines.append(f"{name}: {text}"[:300])
        del self._heard[:]
        del self._lines[:-_LOG_LINES]

    def _read(self) -> None:
        what = self._what
        started_ns = self._clock.monotonic_ns()
        try:
            container = av.open(
                what.url,
                "r",
                format=what.format,
                options=what.options,
                timeout=(what.connect_s, SILENCE_S),
            )
        except av.FFmpegError as error:
            self.listen()
            if not self.strays and self._clock.monotonic_ns() - started_ns >= what.connect_s * NS:
                raise RunEnded(
                    Cause.UNREACHABLE, f"no answer within {what.connect_s:g} s{self._log()}"
                ) from None
            raise self._translated(error) from None
        with container:
            self.listen()
            if self.strays:  # it was there before libav asked
                raise self._strayed()
            self._play(container)

    def _play(self, container: InputContainer) -> None:
        """Offer what the container holds and hand over its units until it ends."""
        what = self._what
        if not container.streams.video:
            raise RunEnded(Cause.FORMAT_REFUSED, "no video is offered")
        video = container.streams.video[0]
        name = video.codec_context.name if video.codec_context is not None else "unknown"
        audio, audio_format = self._audio(container)
        cutter: Cutter
        if name in PASSED:
            cutter = Passing(PASSED[name], video)
        elif name in TRANSCODED and what.transcode:
            cutter = Transcoding(video)
            what.notes.append(f"{TRANSCODED[name]} is re-encoded to H.264")
        elif name in TRANSCODED:
            raise RunEnded(
                Cause.FORMAT_REFUSED,
                f"the camera sends {TRANSCODED[name]}; set it to H.264, or switch on `transcode` "
                "for this stream, which costs about a quarter of a core for 1080p25",
                codec=name,
                width=video.width,
                height=video.height,
            )
        else:
            raise RunEnded(
                Cause.FORMAT_REFUSED,
                f"the codec {name} cannot be recorded; set the camera to H.264",
                codec=name,
                width=video.width,
                height=video.height,
            )
        self._offered(
            Offer(
                source=cast("Any", what.source),
                video=cutter.video,
                codec=cutter.codec,
                clock_rate=TICKS,
                audio=audio_format,
                declared_fps=cutter.declared_fps,
                server="",
                notes=tuple(what.notes),
            )
        )
        self._hand_over_all(container, video, audio, cutter)
        raise RunEnded(
            Cause.UNREACHABLE,
            "the file is at its end" if what.source == "file" else "the camera ended the stream",
        )

    def _hand_over_all(
        self,
        container: InputContainer,
        video: VideoStream,
        audio: AudioStream | None,
        cutter: Cutter,
    ) -> None:
        reported_ns = -REPORT_EVERY_NS
        first_dts: Fraction | None = None
        started_ns = self._clock.monotonic_ns()
        for packet in container.demux([video] if audio is None else [video, audio]):
            if self.crossing.stopping:
                return
            self.listen()
            if packet.size == 0:
                continue
            if self._what.realtime and packet.dts is not None:
                due = packet.dts * packet.time_base
                first_dts = due if first_dts is None else first_dts
                ahead = due - first_dts - Fraction(self._clock.monotonic_ns() - started_ns, NS)
                if ahead > 0:
                    self.crossing.pause(float(ahead))
            arrival_ns = self._clock.monotonic_ns()
            if packet.stream_index != video.index:
                if audio is not None and packet.pts is not None:
                    ticks = int(packet.pts * packet.time_base * audio.sample_rate)
                    self.crossing.hand_over(AudioUnit(bytes(packet), ticks, arrival_ns))
                continue
            if packet.size > MAX_UNIT_BYTES:
                raise RunEnded(Cause.GARBLED, f"a picture of {packet.size} bytes")
            for unit in cutter.units(cast("Any", packet), arrival_ns):
                unit.damaged = unit.damaged or self._lost
                self._lost = False
                self.crossing.hand_over(unit)
            if arrival_ns - reported_ns >= REPORT_EVERY_NS and packet.has_sidedata("prft"):
                reported_ns = arrival_ns
                self._report(packet, arrival_ns)
        for unit in cutter.flush():
            self.crossing.hand_over(unit)

    def _report(self, packet: Packet[Any], arrival_ns: int) -> None:
        """What libav made of the last sender report: the wall time of each packet."""
        raw = bytes(packet.get_sidedata("prft"))
        if packet.pts is None or len(raw) < _PRFT.size:
            return
        microseconds, _ = _PRFT.unpack_from(raw)
        ticks = int(packet.pts * packet.time_base * TICKS)
        self.crossing.report(SenderReport(microseconds * 1000, ticks, arrival_ns))

    def _audio(self, container: InputContainer) -> tuple[AudioStream | None, AudioFormat | None]:
        if not self._what.audio or not container.streams.audio:
            return None, None
        stream = container.streams.audio[0]
        context = stream.codec_context
        config = context.extradata if context is not None else None
        if context is None or context.name != "aac" or not config:
            self._what.notes.append("the sound is not AAC and is not recorded")
            return None, None
        return stream, AudioFormat(stream.sample_rate, context.channels, bytes(config))

    def _translated(self, error: Exception) -> RunEnded:
        """An error of libav in the ledger's words, its log attached, credentials removed."""
        self.listen()
        if self.strays:
            return self._strayed()
        if isinstance(error, (av.HTTPUnauthorizedError, av.HTTPForbiddenError)):
            return RunEnded(Cause.REFUSED, "the camera does not accept the user and password")
        number = getattr(error, "errno", None)
        if isinstance(error, av.HTTPNotFoundError):
            return RunEnded(
                Cause.UNREACHABLE, "the camera has no stream at this path (404)", status=404
            )
        if number == errno.EPROTONOSUPPORT:
            cause, what = Cause.FORMAT_REFUSED, "no transport that the camera offers is taken"
        elif isinstance(error, (av.HTTPError, av.HTTPClientError)):
            cause, what = Cause.FORMAT_REFUSED, "the camera refuses to play the stream"
        elif isinstance(error, (av.InvalidDataError, MalformedError)):
            cause, what = Cause.GARBLED, "the camera sends what cannot be read"
        elif isinstance(error, (av.ExitError, av.TimeoutError)) or number == errno.ETIMEDOUT:
            cause, what = Cause.STALLED, f"connected, and not a byte in {SILENCE_S:g} s"
        elif isinstance(error, (OSError, EOFError)):
            cause, what = Cause.UNREACHABLE, "the connection failed or broke"
        else:
            cause, what = Cause.GARBLED, "libav gave up"
        text = getattr(error, "strerror", None) or getattr(error, "message", type(error).__name__)
        return RunEnded(cause, f"{what}: {self._clean(str(text))}{self._log()}")

    def _strayed(self) -> RunEnded:
        return RunEnded(
            Cause.UNREACHABLE,
            f"the camera redirects to another host ({self._redirected_to}); "
            "configure that address if it is right",
        )

    def _log(self) -> str:
        return f" [{self._clean('; '.join(self._lines))}]" if self._lines else ""

    def _clean(self, text: str) -> str:
        for secret in self._what.secrets:
            text = text.replace(secret, "***")
        return re.sub(r"://[^/@\s]*@", "://***@", text)


class _Source:
    """What both sources share: a reader, its crossing, and the loop's side of it."""

    def __init__(self, what: _Input, clock: Clock, *, waits: bool) -> None:
        self._what = what
        self._clock = clock
        self._crossing = _Crossing(waits=waits)
        self._reader: _Reader | None = None
        self._ended: asyncio.Event | None = None
        self.bytes_received = 0
        """Bytes of media taken so far; libav does not tell those of the socket."""

    async def connect(self) -> Offer:
        """Open and learn what is there. Once.

        Raises:
            RunEnded: it cannot be opened or played, with the settled cause.
        """
        if self._reader is not None:
            raise RuntimeError("a source connects once; make another one")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Offer] = loop.create_future()
        ended = self._ended = asyncio.Event()

        def settle(result: Offer | RunEnded) -> None:
            if answer.done():
                return
            if isinstance(result, RunEnded):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        def tell(callback: Callable[..., None], *args: Any) -> None:
            # A loop that was closed meanwhile wants to know nothing.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(callback, *args)

        _prepare_libav()
        self._reader = _Reader(
            self._what,
            self._crossing,
            self._clock,
            lambda result: tell(settle, result),
            lambda: tell(ended.set),
        )
        self._reader.start()
        try:
            return await answer
        except BaseException:
            self._crossing.stop()
            raise

    def drain(self, now_ns: int) -> list[Unit]:
        """What came since the last call; never blocks longer than a list is swapped.

        Raises:
            RunEnded: nothing more will come.
        """
        units = self._crossing.take()
        for unit in units:
            self.bytes_received += unit.size if isinstance(unit, AccessUnit) else len(unit.payload)
        return units

    def take_reports(self) -> list[SenderReport]:
        """Sender reports since the last call."""
        return self._crossing.take_reports()

    def when_over(self, call: Callable[[], None]) -> None:
        """Never calls: `drain` tells."""

    async def knock(self) -> None:
        """A file is there."""

    async def close(self) -> None:
        """End the thread; waits for it, at most 2 s. Never raises; harmless twice."""
        self._crossing.stop()
        if self._ended is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._ended.wait()
        except TimeoutError:
            _logger.warning("libav.thread_outlived_close", source=self._what.source)
        else:
            if self._reader is not None:
                self._reader.join(0.5)  # its last words were said: microseconds


class LibavSource(_Source):
    """A camera through FFmpeg.

    Args:
        url: rtsp:// or rtsps://; credentials may stand in it.
        user: wins over the URL's.
        password: goes with `user`.
        clock: for arrival times; must be readable from any thread.
        audio: hand AAC over too.
        transcode: re-encode MJPEG and MPEG-4 to H.264 instead of refusing them.
        why: why this source is used, for the operator; stands in the offer's notes.
        connect_s: seconds until the camera must have answered.

    Raises:
        ConfigError: the URL is none. The message does not repeat it.
    """

    def __init__(
        self,
        url: str,
        user: str = "",
        password: Secret | None = None,
        *,
        clock: Clock,
        audio: bool = False,
        transcode: bool = False,
        why: str = "",
        connect_s: float = CONNECT_S,
    ) -> None:
        try:
            where = addresses.parse(url, user, password)
        except MalformedError as error:
            raise ConfigError(error.message) from error
        name, word = where.user, where.password.reveal()
        login = f"{quote(name, safe='')}:{quote(word, safe='')}@" if name or word else ""
        scheme = "rtsps" if where.scheme == "rtsps" else "rtsp"
        # TCP first, UDP where the camera answers 461 to that.
        transport = {"rtsp_transport": "tcp+udp", "rtsp_flags": "prefer_tcp"}
        if where.scheme == "rtspu":
            transport = {"rtsp_transport": "udp"}
        options = transport | {
            "allowed_media_types": "video+audio" if audio else "video",
            "protocol_whitelist": _PROTOCOLS,
            "timeout": str(round(SILENCE_S * 1e6)),
            "buffer_size": str(2 << 20),
            "max_delay": "300000",
            # Frame rates are measured elsewhere; without this libav holds back 1.3 s of pictures.
            "fpsprobesize": "0",
            "analyzeduration": "2000000",
            "probesize": str(4 << 20),
            "user_agent": "VongGac",
        }
        super().__init__(
            _Input(
                url=f"{scheme}://{login}{where.authority}{where.path}",
                format="rtsp",
                options=options,
                source="libav",
                secrets=tuple(s for s in (login, quote(word, safe=""), word) if len(s) > 1),
                host=where.host,
                audio=audio,
                transcode=transcode,
                connect_s=connect_s,
                notes=[why] if why else [],
            ),
            clock,
            waits=False,
        )
        self._address = where

    async def knock(self) -> None:
        """See whether the camera's port still answers. See `Source.knock`."""
        where = self._address
        try:
            async with asyncio.timeout(self._what.connect_s):
                _, writer = await asyncio.open_connection(where.host, where.port)
        except (OSError, TimeoutError) as error:
            why = f"no answer within {self._what.connect_s:g} s"
            if error.errno is not None and error.errno > 0:
                why = os.strerror(error.errno)
            raise RunEnded(Cause.UNREACHABLE, f"{where.authority}: {why}") from error
        writer.close()


class FileSource(_Source):
    """An MP4 or Matroska file played as if it were a camera.

    Args:
        path: the file.
        clock: for arrival times.
        realtime: hand units over when they are due; else as fast as they are drained.
        audio: hand AAC over too.
        transcode: re-encode MJPEG and MPEG-4 to H.264 instead of refusing them.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        realtime: bool = True,
        audio: bool = False,
        transcode: bool = False,
    ) -> None:
        super().__init__(
            _Input(
                url=str(path),
                format=None,
                options={"protocol_whitelist": "file"},
                source="file",
                audio=audio,
                transcode=transcode,
                realtime=realtime,
            ),
            clock,
            waits=True,
        )
