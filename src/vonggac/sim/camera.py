"""A virtual camera: what it sends at which moment, and what is the truth about it.

A camera has a `main` and perhaps a `sub` stream. It runs on its own crystal: pictures are taken
and numbered whether anybody looks or not, so a client that was away finds numbers missing.
One event loop; nothing here blocks.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Protocol

from vonggac.clock import NS
from vonggac.sim.band import Clockface
from vonggac.sim.faults import Fault, FaultKind
from vonggac.sim.numbering import number_nal, padding_nal
from vonggac.sim.packets import Packets, sender_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonggac.clock import Clock
    from vonggac.sim.band import Band
    from vonggac.sim.loops import Loop

TICKS = 90_000
"""RTP clock of video, per second."""
REPORT_EVERY_NS = 5 * NS
"""RFC 3550 section 6.2 recommends at least 5 s between RTCP reports."""
TOO_LATE_NS = NS
"""A camera whose process was stopped longer than this has taken no pictures meanwhile."""

_TEARING = frozenset({FaultKind.STALL, FaultKind.GARBAGE, FaultKind.DRIP, FaultKind.NO_KEY})
"""After these a decoder lacks pictures: go on with a keyframe."""

Piece = bytes | bytearray | memoryview


class Reader(Protocol):
    """A playing connection, as the camera sees it."""

    channel: int
    """Where RTP goes; RTCP goes to the next one."""
    ssrc: int
    sequence: int
    tick_offset: int
    """Added to the camera's ticks; random per connection, as RFC 3550 section 5.1 asks."""
    packets: int
    octets: int
    waits_for_keyframe: bool

    def send(self, pieces: list[Piece]) -> bool:
        """Hand over interleaved packets; False if the client is too slow and they were dropped."""
        ...

    def cut(self) -> None:
        """Close the connection without a word."""
        ...


class Show:
    """A loop made ready to be sent at a bitrate; shared by all cameras that show it.

    Args:
        loop: the coded pictures.
        kbps: what the stream takes on the wire, in kbit/s of NAL units; padding fills what the
            pictures leave. 0 for no padding.
        band: the clock drawn into each picture, if this loop has room for one.
    """

    def __init__(self, loop: Loop, kbps: int, band: Band | None) -> None:
        self.loop = loop
        self.band = band
        self.h265 = loop.codec == "h265"
        self.sets = Packets(loop.sets, h265=self.h265)
        self.padding: list[Packets | None] = []
        self.rest: list[Packets] = []
        self.next_keyframe: list[int] = []
        paddings = self._paddings(kbps)
        for picture, size in zip(loop.pictures, paddings, strict=True):
            slices = picture.slices[1:] if band else picture.slices
            rest = Packets(slices, h265=self.h265)
            rest.mark()
            self.rest.append(rest)
            self.padding.append(
                Packets([padding_nal(size, h265=self.h265)], h265=self.h265) if size else None
            )
        following = 0
        for index in range(len(loop.pictures) - 1, -1, -1):
            if loop.pictures[index].keyframe:
                following = index
            self.next_keyframe.append(following)
        self.next_keyframe.reverse()

    def _paddings(self, kbps: int) -> list[int]:
        """How many bytes each picture is short of, so that every GOP has the bytes asked for."""
        pictures = self.loop.pictures
        sizes = []
        for picture in pictures:
            slices = picture.slices[1:] if self.band else picture.slices
            size = sum(map(len, slices)) + 50
            if self.band:
                size += self.band.typical_size(keyframe=picture.keyframe)
            sizes.append(size)
        if not kbps:
            return [0] * len(pictures)
        starts = [index for index, picture in enumerate(pictures) if picture.keyframe]
        starts.append(len(pictures))
        paddings = [0] * len(pictures)
        for start, end in itertools.pairwise(starts):
            count = end - start
            wanted = int(kbps * 125 * count / self.loop.fps)
            missing = wanted - sum(sizes[start:end])
            followers = count - 1 or 1
            each = missing // followers
            if each > 30:
                for index in range(start + (count > 1), end):
                    paddings[index] = each
        return paddings


class Stream:
    """`main` or `sub` of a camera: its pictures, one after the other.

    Args:
        camera: whose it is.
        show: what it shows.
        clock: where time comes from.
        phase: where in the interval its pictures lie, from 0 to 1; spreads cameras in time.
    """

    def __init__(self, camera: VirtualCamera, show: Show, clock: Clock, *, phase: float) -> None:
        self.camera = camera
        self.show = show
        self.declared_fps = show.loop.fps
        self.readers: list[Reader] = []
        self.number = 0
        """Of the next picture."""
        self.last_number = -1
        """Of the last picture that left for at least one reader; -1 if none did."""
        self.last_wall_ns = 0
        self.sent = 0
        """Pictures that left for at least one reader."""
        self._clock = clock
        self._position = 0
        self._media_ns = random.randrange(NS)
        self._drift_ns = 0.0
        self.due_ns = clock.monotonic_ns() + round(phase * NS / show.loop.fps)
        """Monotonic moment of the next picture."""
        self._clockface = Clockface(show.band) if show.band else None
        self._report_ns = 0
        self._frozen = -1
        self._restart = False
        self._drip: bytes = b""

    def join(self, reader: Reader) -> None:
        """Begin to send to a reader, with an IDR at the next picture, as cameras do on PLAY."""
        reader.waits_for_keyframe = True
        self.readers.append(reader)
        self._restart = True
        self._report_ns = 0

    def leave(self, reader: Reader) -> None:
        """Stop sending to a reader; harmless if it never joined."""
        if reader in self.readers:
            self.readers.remove(reader)

    def reset(self) -> None:
        """What a reboot does: numbers and timestamps begin anew."""
        self.number = 0
        self._media_ns = random.randrange(NS)
        self._drift_ns = 0.0
        self._restart = True

    def restart(self) -> None:
        """Let the next picture be a keyframe."""
        self._restart = True

    def freeze(self) -> None:
        """Show the last keyframe from now on."""
        pictures = self.show.loop.pictures
        while not pictures[self._position].keyframe:
            self._position -= 1
        self._frozen = self._position

    def thaw(self) -> None:
        """Move again, from a keyframe."""
        self._frozen = -1
        self._restart = True

    def change(self, show: Show) -> None:
        """Show something else from the next picture on, which is an IDR with its sets."""
        self.show = show
        self._clockface = Clockface(show.band) if show.band else None
        self._position = 0
        self._frozen = -1

    def tick(self, now_ns: int) -> int:
        """Take one picture and send it; returns when the next is due (monotonic ns)."""
        active = self.camera.active
        fps = self.declared_fps
        if FaultKind.WRONG_FPS in active:
            fps = active[FaultKind.WRONG_FPS].number()
        interval = NS / fps
        ppm = active[FaultKind.DRIFT].number() if FaultKind.DRIFT in active else 0.0
        if self._restart:
            self._restart = False
            self._position = self.show.next_keyframe[self._position]
        if self.readers:
            self._send(active)
        self.number += 1
        self._position += 1
        if self._position >= len(self.show.loop.pictures):
            self._position = 0
        real = interval / (1 + ppm / 1e6)
        self._media_ns += round(interval)
        self._drift_ns += interval - real
        self.due_ns += round(real)
        if now_ns - self.due_ns > TOO_LATE_NS:
            self._media_ns += now_ns - self.due_ns
            self.due_ns = now_ns
        return self.due_ns

    def _send(self, active: dict[FaultKind, Fault]) -> None:
        show, index = self.show, self._position
        if FaultKind.STALL in active:
            return
        if FaultKind.GARBAGE in active:
            self._send_raw(random.randbytes(1200))
            return
        keyframe = show.loop.pictures[index].keyframe
        if FaultKind.NO_KEY in active and keyframe:
            return
        wall_ns = self._clock.wall_ns()
        numbering = number_nal(self.number, wall_ns, h265=show.h265)
        if self._frozen < 0:
            shift = show.loop.pictures[index].shift
            face = self._clockface
            made = [face.slice_of(index, self.number, wall_ns)] if face else []
            rest: Packets | None = show.rest[index]
        else:
            shift = 0
            made, rest, keyframe = self._frozen_picture(index)
        number = Packets([numbering, *made], h265=show.h265)
        runs = [number]
        if rest is None:
            number.mark()
        else:
            runs.append(rest)
        padding = show.padding[index]
        if padding is not None:
            runs.insert(0, padding)
        if keyframe:
            runs.insert(0, show.sets)
        jump = active[FaultKind.JUMP].number() if FaultKind.JUMP in active else 0.0
        ticks = (self._media_ns + round(jump * NS)) * TICKS // NS
        shown = ticks + shift
        if FaultKind.DRIP in active:
            self._drip_some(runs, shown, active[FaultKind.DRIP].number())
            return
        if self._drip:
            self._send_raw(self._drip)
            self._drip = b""
        reached = False
        report = wall_ns - self._report_ns >= REPORT_EVERY_NS
        for reader in tuple(self.readers):
            if reader.waits_for_keyframe:
                if not keyframe and FaultKind.NO_KEY not in active:
                    continue
                reader.waits_for_keyframe = False
            reached |= self._send_to(reader, runs, shown)
            if report:
                self._report(reader, active, wall_ns, ticks)
        if report:
            self._report_ns = wall_ns
        if reached:
            self.sent += 1
            self.last_number = self.number
            self.last_wall_ns = wall_ns

    def _frozen_picture(self, index: int) -> tuple[list[bytes], Packets | None, bool]:
        """Slices made now, packets made before, and whether it is a keyframe, while frozen.

        With a clock the frozen keyframe comes once a GOP and between them pictures that skip every
        macroblock; without one, the frozen keyframe is all there is.
        """
        show, face = self.show, self._clockface
        if face is None:
            return [], show.rest[self._frozen], True
        if show.loop.pictures[index].keyframe:
            return face.still(self._frozen), show.rest[self._frozen], True
        return face.still(index), None, False

    def _send_to(self, reader: Reader, runs: list[Packets], shown: int) -> bool:
        sequence, count, octets = reader.sequence, 0, 0
        timestamp = (shown + reader.tick_offset) & 0xFFFFFFFF
        pieces: list[Piece] = []
        for run in runs:
            sequence = run.stamp(sequence, timestamp, reader.ssrc, reader.channel)
            pieces.append(run.buffer)
            count += len(run.offsets)
            octets += len(run.buffer)
        if not reader.send(pieces):
            reader.waits_for_keyframe = True
            return False
        reader.sequence = sequence
        reader.packets += count
        reader.octets += octets - 16 * count
        return True

    def _report(
        self, reader: Reader, active: dict[FaultKind, Fault], wall_ns: int, ticks: int
    ) -> None:
        error_s = active[FaultKind.CLOCK].number() if FaultKind.CLOCK in active else 0.0
        reader.send(
            [
                sender_report(
                    ssrc=reader.ssrc,
                    ntp_ns=wall_ns + round(error_s * NS + self._drift_ns),
                    timestamp=ticks + reader.tick_offset,
                    packets=reader.packets,
                    octets=reader.octets,
                    channel=reader.channel + 1,
                )
            ]
        )

    def _send_raw(self, data: bytes) -> None:
        for reader in tuple(self.readers):
            reader.send([data])

    def _drip_some(self, runs: list[Packets], shown: int, bytes_a_second: float) -> None:
        """Send what the rate allows of one picture; the rest of it follows when the drip ends."""
        if not self._drip:
            for reader in self.readers:
                timestamp = (shown + reader.tick_offset) & 0xFFFFFFFF
                for run in runs:
                    reader.sequence = run.stamp(
                        reader.sequence, timestamp, reader.ssrc, reader.channel
                    )
                reader.waits_for_keyframe = True
            self._drip = b"".join(bytes(run.buffer) for run in runs)
        per_picture = bytes_a_second / self.declared_fps
        size = int(per_picture) + (random.random() < per_picture % 1)
        if size:
            self._send_raw(self._drip[:size])
            self._drip = self._drip[size:]


class VirtualCamera:
    """A device with streams, faults and a memory of both.

    Args:
        name: as it stands in the URL.
        sets_in_band_only: keep parameter sets out of the SDP, as some cameras do.
        on_change: called when a fault that changes who may connect begins or ends.
    """

    def __init__(
        self,
        name: str,
        *,
        sets_in_band_only: bool,
        on_change: Callable[[VirtualCamera], None],
    ) -> None:
        self.name = name
        self.sets_in_band_only = sets_in_band_only
        self.streams: dict[str, Stream] = {}
        self.active: dict[FaultKind, Fault] = {}
        self._on_change = on_change

    @property
    def gone(self) -> bool:
        """Whether nobody can connect."""
        return FaultKind.DROP in self.active or FaultKind.REBOOT in self.active

    @property
    def refusing(self) -> bool:
        """Whether every request is answered 401."""
        return FaultKind.REFUSE in self.active

    def begin(self, fault: Fault) -> None:
        """Let a fault begin now."""
        self.active[fault.kind] = fault
        if fault.kind in (FaultKind.DROP, FaultKind.REBOOT, FaultKind.REFUSE):
            for stream in self.streams.values():
                for reader in tuple(stream.readers):
                    reader.cut()
            self._on_change(self)
        elif fault.kind is FaultKind.FREEZE:
            for stream in self.streams.values():
                stream.freeze()

    def end(self, kind: FaultKind) -> None:
        """Let a fault end now; harmless if it is not active."""
        if self.active.pop(kind, None) is None:
            return
        for stream in self.streams.values():
            if kind is FaultKind.REBOOT:
                stream.reset()
            elif kind is FaultKind.FREEZE:
                stream.thaw()
            elif kind in _TEARING:
                stream.restart()
        self._on_change(self)
