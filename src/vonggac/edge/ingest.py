"""One stream, from the camera's connection to parts: the main path of the edge.

`Ingest.run` reconnects for ever; `run_once` is one connection, straight down.  Pictures come out
of `Source.drain` on a timer, are placed by `Timeline`, gathered into parts, and each part goes
the same way twice: to the recorder, and to whoever watches.  The recorder never holds this up:
when the disk refuses, viewers go on seeing pictures and the ledger says why none is kept.

Everything here runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import os
import random
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from vonggac import log
from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.edge.audience import PartHeader, RunFormat
from vonggac.edge.back_off import back_off_s, look_after, rest
from vonggac.edge.ledger import span_ends_after
from vonggac.errors import MalformedError, RunEnded
from vonggac.media import fmp4
from vonggac.media.h26x import video_format
from vonggac.media.rtp import AccessUnit
from vonggac.media.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vonggac.clock import Clock
    from vonggac.config import RecordConfig
    from vonggac.edge.audience import Audience
    from vonggac.edge.bookkeeping import Books
    from vonggac.edge.recorder import Recorder, SegmentFile
    from vonggac.edge.source import Offer, Source
    from vonggac.edge.timebase import TimeBase
    from vonggac.media.fmp4 import AudioUnits
    from vonggac.media.rtp import AudioUnit

PART_TICKS = fmp4.TIMESCALE // 5
"""A part lasts at most 200 ms (ADR 0001)."""

PART_BYTES = 16 * 1024 * 1024
"""A part is cut early beyond this: with one more picture (`rtp.MAX_UNIT_BYTES`) it is still a
frame that viewers take (`wire.MAX_FRAME`). 200 ms of 100 Mbit/s are 2.5 MB."""

MAX_SOUNDS = fmp4.MAX_SAMPLES
"""Frames of sound that wait for a picture: 65 s at 16 kHz; older ones are dropped."""

KEEP_TICKS = fmp4.TIMESCALE // 10
"""Ours: pictures of less than 100 ms at the end of a drain wait for the next one; a part of one
picture costs as much as a part of five."""

UNEVEN = 0.985
"""Ours: drains come a little sooner than asked for, out of step with every usual rate.  So some
picture is soon read as it arrives, and tells when the others were taken (ADR 0013)."""

FIRST_DRAIN_S = {"rtsp": 0.02, "libav": 0.1, "file": 0.1}
"""Ours: how often a source is drained until its first picture, which most cameras send at once.
What libav gathered while it probed comes with one drain, and the time of its first picture can
be told from its last."""

STALL_LIMIT_NS = 10 * NS
"""Ours: a connection that has delivered no picture for this long is given up and made again."""

KEYFRAME_PATIENCE_NS = 2 * NS
"""Ours: pictures without a keyframe for this long are told as `NO_KEYFRAME`; most cameras send
one a second or two, and one when asked to play."""

TURN_S = 0.5
"""Ours: a camera that answers has shaken hands in a tenth of this; one that does not lets others
begin."""

SOUND_DRIFT_S = 0.5
"""Sound is laid end to end; only when it is this far from its arrival is it placed anew."""

GOP_TAIL_BYTES = 8 * 1024 * 1024
"""What an unrecorded stream keeps of its current GOP for the next viewer, at most."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What one stream of a camera is to do."""

    camera: str
    stream: str
    record: bool
    audio: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all streams of one recorder process share."""

    site: str
    """The site's id, for the identity in every init."""
    recorder: Recorder
    audience: Audience
    timebase: TimeBase
    clock: Clock
    settings: RecordConfig
    gate: asyncio.Semaphore
    """Bounds how many cameras shake hands at once."""


class Ingest:
    """One stream's way from its camera to parts.

    Args:
        plan: what is wanted of it.
        connect: makes a source for one connection.
        ended: told why each connection ended, so that another source may be chosen.
        books: where the stream's continuity is kept.
        around: what it shares with the other streams.
    """

    def __init__(
        self,
        plan: StreamPlan,
        *,
        connect: Callable[[], Source],
        ended: Callable[[RunEnded], None],
        books: Books,
        around: Surroundings,
    ) -> None:
        self.plan = plan
        self.books = books
        self.offer: Offer | None = None
        """What the present connection offered; None while there is none."""
        self.format: RunFormat | None = None
        """Of the present run."""
        self.last_error: RunEnded | None = None
        """Why the last connection ended, and what the camera said."""
        self.attempts = 0
        """Failed connections since the last picture."""
        self.next_attempt_ns: int | None = None
        """Monotonic time of the next attempt, while waiting for it."""
        self.pictures = 0
        """Pictures taken from the camera since the process began."""
        self.damaged = 0
        """Of them, those of which a packet was lost."""
        self.late_drains = 0
        """Drains that came more than half a second late: the box is overloaded."""
        self._connect = connect
        self._ended = ended
        self._around = around
        self._timebase = around.timebase
        self._clock = around.clock
        self._logger = log.get("ingest").bind(camera=plan.camera, stream=plan.stream)
        self._stopping = asyncio.Event()
        self._failed: dict[Cause, int] = {}
        self._knock: Callable[[], Awaitable[None]]
        self._life: _Life | None = None

    async def run(self) -> None:
        """Keep the stream coming until `stop`; reconnect with back-off. Never raises RunEnded."""
        while not self._stopping.is_set():
            try:
                await self.run_once()
            except RunEnded as ended:
                self.last_error = ended
                self._ended(ended)
                if self._stopping.is_set():
                    break
                self.books.lost(ended.cause, ended.message, since_ns=self._timebase.wall_ns())
                if self.attempts == 0:
                    self._logger.info("run.ended", cause=ended.cause, evidence=ended.message)
                await self._back_off(ended)

    async def run_once(self) -> None:
        """One connection: connect, drain on a timer until it ends, say why.

        Raises:
            RunEnded: with its settled cause.
        """
        source = self._connect()
        self._knock = source.knock
        try:
            self.next_attempt_ns = None
            self.offer = await self._shake_hands(source)
            if self.offer is None:
                return
            self._life = _Life(self, source, self.offer, self._around)
            await self._life.wait()
        finally:
            if self._life is not None:
                self._life.end()
                self._life = None
            self.offer = None
            self.format = None
            await source.close()

    async def _shake_hands(self, source: Source) -> Offer | None:
        """Connect; None if the program stops meanwhile, which waits for no camera.

        Those that are slow to answer give their turn to others: a dead half of a site must not
        keep the living half waiting.
        """
        stopped = asyncio.ensure_future(self._stopping.wait())
        connecting: asyncio.Future[Offer] | None = None
        try:
            async with self._around.gate:
                if self._stopping.is_set():
                    return None
                connecting = asyncio.ensure_future(source.connect())
                await asyncio.wait(
                    (connecting, stopped), timeout=TURN_S, return_when=asyncio.FIRST_COMPLETED
                )
            await asyncio.wait((connecting, stopped), return_when=asyncio.FIRST_COMPLETED)
            return connecting.result() if connecting.done() else None
        finally:
            stopped.cancel()
            if connecting is not None:
                connecting.cancel()
                await asyncio.gather(connecting, return_exceptions=True)

    def stop(self) -> None:
        """Ask `run` to return; it ends the run in order."""
        self._stopping.set()
        if self._life is not None:
            self._life.leave()

    def delivers(self) -> None:
        """The camera has sent what can be recorded: its failures are over."""
        self.attempts = 0
        self._failed.clear()

    def end_run(self, cause: Cause, evidence: str) -> None:
        """End the present connection from outside (the watchdog found that it lies)."""
        if self._life is not None:
            self._life.fail(RunEnded(cause, evidence))

    def watch_begins(self) -> None:
        """Somebody has begun to watch: drain at once and show what there is."""
        if self._life is not None:
            self._life.drain_now()

    def flush(self) -> None:
        """Have what is gathered written now: somebody asks for the present."""
        if self.current is not None:
            self._around.recorder.flush(self.current)

    def measure(self) -> None:
        """Let the books know what the run delivers so far."""
        if self._life is not None:
            self._life.measure()

    @property
    def current(self) -> SegmentFile | None:
        """The segment being written, if any."""
        return self._life.file if self._life is not None else None

    def newest_gop(self) -> tuple[PartHeader, list[bytes]] | None:
        """The current GOP of a stream that is not recorded; None if there is none to show."""
        if self._life is None or not self._life.tail:
            return None
        return self._life.tail_header, list(self._life.tail)

    @property
    def last_header(self) -> PartHeader | None:
        """Of the newest part, for whoever joins now."""
        return self._life.last_header if self._life is not None else None

    @property
    def delivered_fps(self) -> float | None:
        """Pictures a second as delivered, or None while unknown."""
        return self._life.timeline.delivered_fps if self._life and self._life.timeline else None

    @property
    def clock_error_ns(self) -> int | None:
        """The camera's wall clock minus the box's, or None while unknown."""
        return self._life.clock_error_ns if self._life is not None else None

    async def _back_off(self, ended: RunEnded) -> None:
        cause = ended.cause
        failed = self._failed.get(cause, 0)
        self._failed[cause] = failed + 1
        wait = back_off_s(cause, failed)
        self.attempts += 1
        wait *= random.uniform(0.7, 1.0)
        self.next_attempt_ns = self._clock.monotonic_ns() + int(wait * NS)
        looking = None
        if cause is Cause.REFUSED:
            looking = look_after(self._knock, ended, self._tell, self._clock)
        await rest(wait, self._stopping, self._clock, looking)

    def _tell(self, found: RunEnded, since_ns: int) -> None:
        """What is seen of the camera while the next attempt waits."""
        self.last_error = found
        since_ns += self._timebase.offset_ns
        self.books.lost(found.cause, found.message, since_ns=since_ns)


class _Life:
    """One connection while it plays: the drain timer, the open part, the open segment."""

    def __init__(self, ingest: Ingest, source: Source, offer: Offer, around: Surroundings) -> None:
        self._ingest = ingest
        self._source = source
        self._offer = offer
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._camera = ingest.plan.camera
        self._stream = ingest.plan.stream
        self._recorder = around.recorder
        self._timebase = around.timebase
        self._audience = around.audience
        self._clock = around.clock
        self._books = ingest.books
        self._site = around.site
        settings = around.settings
        self._drain_s = settings.drain_s
        self._watched_drain_s = settings.watched_drain_s
        self._late_ns = int(0.5 * NS)
        # Segments of different cameras end at different moments: the first of a run is shorter.
        share = zlib.crc32(f"{self._camera}/{self._stream}".encode()) % 1000 / 2000
        self._segment_ns = int(settings.segment_s * NS)
        self._first_segment_ns = int(settings.segment_s * (1 - share) * NS)

        self.timeline: Timeline | None = None
        self.file: SegmentFile | None = None
        self.tail: list[bytes] = []
        self.tail_header = PartHeader(b"", 0, 0, False, 0, 0)
        self.last_header: PartHeader | None = None
        self._tail_bytes = 0
        self._format: RunFormat | None = None
        self._sequence = 0
        self._segment_number = -1
        self._segment_until_ns = 0
        self._segment_wanted = False
        self._generation = self._timebase.generation
        self._offset_ns = self._timebase.offset_ns
        self._base_ticks = 0
        self._samples: list[tuple[int, int, bool, int]] = []
        self._chunks: list[bytes] = []
        self._sounds: list[AudioUnit] = []
        self._sound_samples = 0
        self._segment_from_ns = 0
        self._part_ticks = 0
        self._part_time_ns = 0
        self._part_until_ticks = 0
        self._part_bytes = 0
        self._interval_ticks = fmp4.TIMESCALE // 25
        self._last_ticks = -(1 << 62)  # none yet
        self._newest: AccessUnit | AudioUnit | None = None
        self._waiting_since_ns: int | None = None
        self._run_pictures = 0
        self._run_bytes = 0
        self._last_picture_ns = self._clock.monotonic_ns()
        self._last_time_ns = self._last_picture_ns
        self._stalled = False
        self._gone = False

        self._first_drain_s = FIRST_DRAIN_S[offer.source]
        self._first_drains_left = int(self._drain_s / self._first_drain_s)
        self._due_ns = self._clock.monotonic_ns() + int(self._first_drain_s * NS)
        source.when_over(self._leaves)
        self._timer = self._loop.call_later(self._first_drain_s, self._drain_first)

    async def wait(self) -> None:
        """Until the connection is over.

        Raises:
            RunEnded: why.
        """
        await self._over

    def leave(self) -> None:
        """End it because the program stops."""
        if not self._over.done():
            self._over.set_result(None)

    def fail(self, ended: RunEnded) -> None:
        """End it with its cause."""
        if not self._over.done():
            self._over.set_exception(ended)

    def end(self) -> None:
        """Write what is gathered, close the segment and the run. Closing twice is harmless."""
        self._timer.cancel()
        self._end_run(self._cause())

    def drain_now(self) -> None:
        """Drain before the timer would."""
        if self._over.done():
            return
        self._timer.cancel()
        self._timer = self._loop.call_soon(self._drain)  # type: ignore[assignment]

    def _leaves(self) -> None:
        """The camera has closed the connection: take what is left, and reconnect."""
        self._gone = True
        self.drain_now()

    def measure(self) -> None:
        """Let the books know what the run delivers so far."""
        if self._format is not None and self.timeline is not None:
            self._books.measured(
                self._format.run,
                pictures=self._run_pictures,
                size=self._run_bytes,
                delivered_fps=self.timeline.delivered_fps,
                clock_error_ns=self.clock_error_ns,
            )

    @property
    def clock_error_ns(self) -> int | None:
        """The camera's wall clock minus the box's, or None while unknown."""
        if self.timeline is None:
            return None
        return self.timeline.clock_error_ns(self._timebase.offset_ns)

    def _cause(self) -> RunEnded | None:
        if self._over.done() and not self._over.cancelled():
            ended = self._over.exception()
            return ended if isinstance(ended, RunEnded) else None
        return None

    # ---- the hot path: every 200 ms for each camera, every 40 ms while watched ----------------

    def _drain_first(self) -> None:
        """Drain soon and often until pictures come; from then on at one of the common moments."""
        self._drain()
        self._timer.cancel()
        if self.timeline is not None or self._first_drains_left == 0:
            self._drain_within(random.random() * self._drain_s, self._drain_s)
        else:
            self._first_drains_left -= 1
            self._timer = self._loop.call_later(self._first_drain_s, self._drain_first)

    def _drain_within(self, seconds: float, interval: float) -> None:
        """Set the timer to the common moment nearest to so many seconds from now.

        All streams of one interval are drained at the same moments: code and interpreter are in
        the processor's cache once for all of them, which costs a quarter less (ADR 0013).
        """
        beat = interval * UNEVEN
        moment = round((self._loop.time() + seconds) / beat) * beat
        self._timer = self._loop.call_at(moment, self._drain)

    def _drain(self) -> None:
        now = self._clock.monotonic_ns()
        if now - self._due_ns > self._late_ns:
            self._ingest.late_drains += 1
        watched = self._audience.watched(self._camera, self._stream)
        interval = self._watched_drain_s if watched else self._drain_s
        self._due_ns = now + int(interval * NS)
        self._drain_within(interval, interval)
        try:
            units = self._source.drain(now)
            reports = self._source.take_reports()
            if reports and self.timeline is not None:
                for report in reports:
                    self.timeline.report(report)
            if units:
                self._newest = units[-1]
                for unit in units:
                    if type(unit) is AccessUnit:
                        self._take(unit)
                    else:
                        self._sounds.append(unit)  # type: ignore[arg-type]
                del self._sounds[:-MAX_SOUNDS]
                if self._samples:
                    ticks = self._samples[-1][0] - self._part_ticks + self._interval_ticks
                    if watched or ticks > KEEP_TICKS:
                        self._cut(None)
            if now - self._last_picture_ns > NS:  # whether or not sound goes on
                self._no_pictures(now)
        except RunEnded as ended:
            self.fail(ended)
        except MalformedError as error:
            self.fail(RunEnded(Cause.GARBLED, error.message))
        if self._gone:
            self.drain_now()

    def _take(self, unit: AccessUnit) -> None:
        """Place a picture and put it into the open part."""
        if (
            unit.sets is not None
            or self._format is None
            or (unit.keyframe and self._generation != self._timebase.generation)
        ):
            self._begin_run(unit)
            if self._format is None:
                return
        timeline = self.timeline
        assert timeline is not None
        arrival_ns, keyframe, size = unit.arrival_ns, unit.keyframe, unit.size
        ticks, offset, time_ns = timeline.place(unit.ticks, arrival_ns, keyframe)
        ingest = self._ingest
        ingest.pictures += 1
        if unit.damaged:
            ingest.damaged += 1
        self._last_picture_ns = arrival_ns
        if self._stalled or time_ns - self._last_time_ns > timeline.gap_after_ns:
            self._interrupted(time_ns)
        self._last_time_ns = time_ns
        samples = self._samples
        if keyframe:
            if samples:
                self._cut(ticks)
            if self._waiting_since_ns is not None or time_ns >= self._segment_until_ns:
                self._begin_segment(ticks, time_ns)
        elif self._waiting_since_ns is not None:
            self._still_waiting(time_ns)
            return
        elif samples and (
            ticks > self._part_until_ticks
            # Pictures in no time, by the camera's ticks: a flood, or a clock that hardly moves.
            or len(samples) == fmp4.MAX_SAMPLES
            or self._part_bytes > PART_BYTES
        ):
            self._cut(ticks)
        samples = self._samples  # `_cut` began a new list
        if not samples:
            self._interval_ticks = max(1, timeline.interval_ns * 9 // 100_000)
            self._part_ticks = ticks
            self._part_until_ticks = ticks + PART_TICKS + 90 - self._interval_ticks
            self._part_time_ns = time_ns
            self._part_bytes = 0
        self._part_bytes += size
        samples.append((ticks, size, keyframe, offset))
        self._chunks += unit.chunks

    def _cut(self, next_ticks: int | None) -> None:
        """Make the gathered pictures a part and hand it on."""
        gathered = self._samples
        count = len(gathered)
        if next_ticks is None:
            # The last lasts no longer than those before it: the pace may just have changed.
            known = [self._last_ticks, *(row[0] for row in gathered)]
            longest = max(after - ticks for ticks, after in pairwise(known))
            next_ticks = known[-1] + min(longest, self._interval_ticks)
        following = [row[0] for row in gathered[1:]]
        following.append(next_ticks)
        samples = [
            (after - ticks, size, keyframe, offset)
            for (ticks, size, keyframe, offset), after in zip(gathered, following, strict=True)
        ]
        if self._generation == self._timebase.generation:
            self._offset_ns = self._timebase.offset_ns
        wall_ns = self._part_time_ns + self._offset_ns
        keyframe = gathered[0][2]
        part = fmp4.part(
            self._sequence,
            self._part_ticks - self._base_ticks,
            wall_ns,
            samples,
            self._chunks,
            self._take_sounds(),
        )
        run_format = self._format
        assert run_format is not None
        header = PartHeader(
            run_format.run, self._segment_number, self._sequence, keyframe, self._base_ticks,
            wall_ns,
        )  # fmt: skip
        self.last_header = header
        self._sequence += 1
        self._last_ticks = gathered[-1][0]
        self._run_pictures += count
        self._run_bytes += len(part)
        duration_ns = (next_ticks - self._part_ticks) * 100_000 // 9
        if self._segment_wanted and keyframe:
            self._open_file(wall_ns)
        end_ns = wall_ns + duration_ns
        file = self.file
        if file is not None:
            taken = self._recorder.append(
                file, part, wall_ns=wall_ns, end_ns=end_ns, pictures=count, keyframe=keyframe
            )
            if taken:
                self._books.reached(end_ns + file.shift_ns, count, len(part))
            else:
                self._disk_failed(file, Cause.DISK_SLOW, "the disk lags behind this stream")
        elif not self._ingest.plan.record:
            self._remember(header, part, end_ns)
        self._audience.offer(self._camera, self._stream, header, part)
        self._samples = []
        self._chunks = []

    def _take_sounds(self) -> AudioUnits | None:
        """The sound that has come since the last part, end to end unless arrival contradicts."""
        run_format = self._format
        if not self._sounds or run_format is None:
            return None
        sounds, self._sounds = self._sounds, []
        if run_format.audio is None:
            return None
        rate = run_format.audio.sample_rate
        since_ns = sounds[0].arrival_ns - self._segment_from_ns
        by_arrival = max(0, since_ns * rate // NS)
        if abs(by_arrival - self._sound_samples) > rate * SOUND_DRIFT_S:
            self._sound_samples = max(self._sound_samples, by_arrival)
        begin = self._sound_samples
        payloads = [sound.payload for sound in sounds[: fmp4.MAX_SAMPLES]]
        self._sound_samples += fmp4.AAC_FRAME * len(payloads)
        return fmp4.AudioUnits(begin, payloads)

    # ---- runs and segments --------------------------------------------------------------------

    def _begin_run(self, unit: AccessUnit) -> None:
        """A new run starts with this keyframe: the first one, or the size or codec changed."""
        video = self._format.video if self._format is not None else self._offer.video
        try:
            if unit.sets is not None:
                video = video_format(unit.sets)
        except MalformedError as error:
            raise RunEnded(
                Cause.GARBLED, f"the camera's parameter sets cannot be read: {error.message}"
            ) from error
        if video is None or not unit.keyframe:
            self._note_wait(unit.arrival_ns)
            return
        if self._format is not None:
            same_clock = self._generation == self._timebase.generation
            if same_clock and self._format.video.sets == video.sets:
                return
            self._end_run(None)
        run = os.urandom(16)
        audio = self._offer.audio if self._ingest.plan.audio else None
        identity = fmp4.Identity(
            site=self._site, camera=self._camera, stream=self._stream, run=run
        )  # fmt: skip
        self._format = RunFormat(run, fmp4.init(video, audio, identity), video, audio)
        self._ingest.format = self._format
        declared = self._offer.declared_fps or video.declared_fps
        self.timeline = Timeline(
            self._offer.clock_rate, declared, video.reorder_depth, backlog=self._backlog(unit)
        )
        self._generation = self._timebase.generation
        self._offset_ns = self._timebase.offset_ns
        self._sequence = 0
        self._last_ticks = -(1 << 62)  # none yet
        self._segment_number = -1
        self._run_pictures = self._run_bytes = 0
        self._waiting_since_ns = unit.arrival_ns
        self._last_time_ns = unit.arrival_ns
        self._books.run_began(run, self._offer, video, audio, self._timebase.wall_ns())

    def _backlog(self, first: AccessUnit) -> int:
        """Ticks from the first picture of a run to the newest that was read with it.

        None if that would place the first before the end of what is recorded already.
        """
        newest = self._newest
        if type(newest) is not AccessUnit:
            return 0
        backlog = newest.ticks - first.ticks
        known = self._books.continuity.last_end_ns
        if known is not None:
            room_ns = first.arrival_ns + self._timebase.offset_ns - known
            backlog = min(backlog, room_ns * self._offer.clock_rate // NS)
        return backlog

    def _begin_segment(self, ticks: int, time_ns: int) -> None:
        """The picture that comes now is the first of a segment."""
        self._close_file()
        first = self._segment_number < 0
        self._waiting_since_ns = None
        self._segment_number += 1
        self._base_ticks = ticks
        self._segment_from_ns = time_ns
        self._sound_samples = 0
        self._segment_until_ns = time_ns + (self._first_segment_ns if first else self._segment_ns)
        self._ingest.delivers()
        wall_ns = time_ns + self._timebase.offset_ns
        blocked = self._recorder.blocked
        if not self._ingest.plan.record:
            self._books.shown(wall_ns)
        elif blocked is None:
            self._segment_wanted = True
        else:
            self._segment_until_ns = time_ns  # ask again at the next keyframe
            evidence = self._recorder.disk_evidence or "the disk lags behind"
            self._books.lost(blocked, evidence, since_ns=wall_ns)

    def _open_file(self, wall_ns: int) -> None:
        self._segment_wanted = False
        run_format = self._format
        assert run_format is not None
        assert self.timeline is not None
        timeline = self.timeline
        known = timeline.delivered_fps is not None or timeline.declared_fps is not None
        tolerance = span_ends_after(timeline.interval_ns if known else 0)
        self._books.recorded(wall_ns, tolerance_ns=tolerance)
        self.file = self._recorder.begin(
            camera=self._camera,
            stream=self._stream,
            run=run_format.run,
            number=self._segment_number,
            init=run_format.init,
            start_ns=wall_ns,
            base_ticks=self._base_ticks,
            failed=self._disk_failed,
        )

    def _close_file(self) -> None:
        if self.file is not None:
            self._recorder.close(self.file)
            self.file = None

    def _disk_failed(self, file: SegmentFile, cause: Cause, evidence: str) -> None:
        """The disk refused a segment: keep what was written, go on without recording."""
        until = file.written_end_ns + file.shift_ns
        self._books.written_until(until)
        self._books.lost(cause, evidence, since_ns=until)
        self._recorder.close(file)
        if self.file is file:
            self.file = None
            self._segment_until_ns = 0  # a new segment with the next keyframe, if the disk takes it

    def _end_run(self, ended: RunEnded | None) -> None:
        if self._format is None:
            return
        if self._samples and self._waiting_since_ns is None:
            self._cut(None)
        self._samples = []
        self._chunks = []
        self._segment_wanted = False
        self._close_file()
        self._books.run_ended(
            self._format.run,
            ended,
            self._timebase.wall_ns(),
            pictures=self._run_pictures,
            size=self._run_bytes,
            delivered_fps=self.timeline.delivered_fps if self.timeline else None,
            clock_error_ns=self.clock_error_ns,
        )
        self._format = None

    # ---- what is missing -----------------------------------------------------------------------

    def _no_pictures(self, now: int) -> None:
        """Nothing has come for a second or more: say so, and give up after a while."""
        silent = now - self._last_picture_ns
        patience = self.timeline.gap_after_ns if self.timeline else NS
        if silent > patience and not self._stalled:
            self._stalled = True
            if self._samples:
                self._cut(None)
            self._close_file()
            self._books.lost(
                Cause.STALLED,
                "connected, and no picture comes",
                since_ns=self._last_picture_ns + self._timebase.offset_ns,
            )
        if silent > max(STALL_LIMIT_NS, 2 * patience):
            raise RunEnded(Cause.STALLED, f"no picture for {silent // NS} s on an open connection")

    def _interrupted(self, time_ns: int) -> None:
        """A picture came too late to belong to the span: wait for the next keyframe."""
        if not self._stalled:
            if self._samples:
                self._cut(None)
            self._close_file()
            self._books.lost(
                Cause.STALLED,
                "no picture came for a while on an open connection",
                since_ns=self._last_time_ns + self._timebase.offset_ns,
            )
        self._stalled = False
        self._samples = []
        self._chunks = []
        self._waiting_since_ns = time_ns

    def _note_wait(self, arrival_ns: int) -> None:
        self._last_picture_ns = arrival_ns
        if self._waiting_since_ns is None:
            self._waiting_since_ns = arrival_ns
        self._still_waiting(arrival_ns)

    def _still_waiting(self, time_ns: int) -> None:
        since = self._waiting_since_ns
        assert since is not None
        if time_ns - since > KEYFRAME_PATIENCE_NS:
            self._books.lost(
                Cause.NO_KEYFRAME,
                "pictures come, and none can start a decoder",
                since_ns=since + self._timebase.offset_ns,
            )

    def _remember(self, header: PartHeader, part: bytes, end_ns: int) -> None:
        """Keep the current GOP of a stream that no file keeps, within a bound."""
        self._books.shown_until(end_ns)
        if header.keyframe or self._tail_bytes > GOP_TAIL_BYTES:
            self.tail = []
            self._tail_bytes = 0
            self.tail_header = header
        if header.keyframe or self.tail:
            self.tail.append(part)
            self._tail_bytes += len(part)
