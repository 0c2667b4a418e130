"""Where a stream's pictures come from: what a source offers, and the first of the sources.

`RtspSource` speaks to the camera itself.  Its handshake is ordinary asyncio; once the camera
plays, the socket belongs to nobody's event loop: whoever records calls `drain` on a timer, which
reads what the kernel has gathered in one `recv_into` a camera.  Fewer, larger reads cost half of
reading on readiness (0.11 against 0.17 % of a core for a 4 Mbit/s camera, ADR 0002).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import select
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from vonggac.causes import Cause
from vonggac.errors import ConfigError, MalformedError, RunEnded
from vonggac.media import address as addresses
from vonggac.media import sdp
from vonggac.media.digest import Credentials
from vonggac.media.h26x import AudioFormat, Codec, VideoFormat, video_format
from vonggac.media.rtp import AccessUnit, AudioTrack, AudioUnit, Interleaved, VideoTrack
from vonggac.media.rtsp import Handshake, Session
from vonggac.media.rtsp_message import Message, Messages, Oddity, parse_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection

    from vonggac.clock import Clock
    from vonggac.config import Secret
    from vonggac.media.address import Address
    from vonggac.media.rtp import SenderReport

CONNECT_S: Final = 5.0
"""Seconds for name and TCP connection."""
ANSWER_S: Final = 5.0
"""Seconds for each answer of the camera."""
HANDSHAKE_S: Final = 15.0
"""Seconds for all of it, redirects included."""
TEARDOWN_S: Final = 0.5
"""Seconds that leaving may take."""

READ_BUFFER_BYTES: Final = 1024 * 1024
"""The buffer that all cameras of a loop share; 200 ms of a 40 Mbit/s stream."""
RECEIVE_BUFFER_BYTES: Final = 1024 * 1024
"""Asked of the kernel for each socket (SO_RCVBUF; it grants at most `net.core.rmem_max`)."""
DRAIN_BYTES: Final = 4 * 1024 * 1024
"""Read in one `drain` at most, so that one flooding camera does not starve the others."""
EARLY_BYTES: Final = 16 * 1024 * 1024
"""Taken before the camera plays at most."""
OUTGOING_BYTES: Final = 64 * 1024
"""Held for a camera that does not read what is sent to it, at most."""
MAX_REDIRECTS: Final = 3
MAX_PLACES: Final = 4
"""Addresses of one name that are tried."""

_READ: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source found: the stream that it will deliver."""

    source: Literal["rtsp", "libav", "file"]
    video: VideoFormat | None
    """None until parameter sets come in band (`AccessUnit.sets`)."""
    codec: Codec
    clock_rate: int
    """Ticks a second of `AccessUnit.ticks`."""
    audio: AudioFormat | None
    declared_fps: float | None
    """Pictures a second that the camera declares; what it delivers is measured elsewhere."""
    server: str
    """What the camera calls itself; its words, cut and made printable."""
    notes: tuple[str, ...]
    """Why this source, and what was odd (`Oddity` values of `rtsp_message` and `sdp`)."""


class Source(Protocol):
    """One run of one stream: connect, drain until it ends, close. Not used twice.

    All methods belong to the loop's thread.
    """

    bytes_received: int
    """Bytes read since `connect` began."""

    async def connect(self) -> Offer:
        """Return when the stream flows.

        Raises:
            RunEnded: it does not, with the cause. Everything is closed then.
        """
        ...

    def drain(self, now_ns: int) -> list[AccessUnit | AudioUnit]:
        """Take what has arrived; never waits, makes no task.

        Args:
            now_ns: the monotonic clock, which becomes the arrival time.

        Raises:
            RunEnded: the connection is over and everything it delivered was taken.
        """
        ...

    def take_reports(self) -> list[SenderReport]:
        """Sender reports since the last call."""
        ...

    def when_over(self, call: Callable[[], None]) -> None:
        """Have `call` called, once at most, when the connection is seen to be over.

        Drained on a timer, an end would be seen up to an interval late; a source that cannot
        see it sooner never calls.  `drain` then gives what had arrived, and says what happened.
        """
        ...

    async def knock(self) -> None:
        """See whether the camera's port still answers; says nothing to it and logs in nowhere.

        Raises:
            RunEnded: (`UNREACHABLE`) it does not.
        """
        ...

    async def close(self) -> None:
        """Leave politely and soon. Never raises; closing twice is harmless."""
        ...


class HangUps:
    """Tells at once when a peer closes, of sockets that are otherwise read on a timer only.

    One epoll for all sockets of a loop, asked for nothing but the other end's going (EPOLLRDHUP,
    epoll_ctl(2)): pictures that arrive wake nobody.  Where there is no epoll nothing is told.

    Args:
        loop: on which everything here is called.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[int, Callable[[], None]] = {}
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        if self._epoll is not None:
            loop.add_reader(self._epoll.fileno(), self._look)

    def watch(self, connection: socket.socket, call: Callable[[], None]) -> None:
        """Call once when the other end closes or resets."""
        if self._epoll is not None:
            self._epoll.register(connection.fileno(), select.EPOLLRDHUP)
            self._calls[connection.fileno()] = call

    def forget(self, connection: socket.socket) -> None:
        """Before the socket is closed; harmless if it was not watched."""
        if self._epoll is not None and self._calls.pop(connection.fileno(), None) is not None:
            self._epoll.unregister(connection.fileno())

    def close(self) -> None:
        """Tell nothing any more."""
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
            self._calls.clear()

    def _look(self) -> None:
        assert self._epoll is not None
        for descriptor, _ in self._epoll.poll(0):
            # It would be told again and again, until the socket is closed.
            self._epoll.unregister(descriptor)
            self._calls.pop(descriptor)()


class RtspSource:
    """H.264 or H.265, and AAC if asked, from a camera over RTSP with TCP interleaving.

    Args:
        url: rtsp://host:port/path; credentials may stand in it.
        user: name, if not in the URL.
        password: secret, if not in the URL.
        clock: whose monotonic time arrival times are in, before the first `drain`.
        audio: take AAC too.
        buffer: read buffer shared by all sources of this loop; at least 256 KiB.
        hang_ups: of this loop; without them an end is seen by `drain` only.
        connect_s: seconds for the TCP connection.
        answer_s: seconds for each answer.
        handshake_s: seconds for everything until the camera plays.
        strict: oddities that end the run (`GARBLED`) instead of being forgiven and noted.

    Raises:
        ConfigError: the URL is none. The message does not repeat it.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: Secret,
        *,
        clock: Clock,
        audio: bool = False,
        buffer: bytearray | None = None,
        hang_ups: HangUps | None = None,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
        handshake_s: float = HANDSHAKE_S,
        strict: Collection[Oddity] = (),
    ) -> None:
        try:
            self._address = addresses.parse(url, user, password)
        except MalformedError as error:
            raise ConfigError(error.message) from error
        self.bytes_received = 0
        self._clock = clock
        self._audio = audio
        self._view = memoryview(buffer if buffer is not None else bytearray(READ_BUFFER_BYTES))
        if len(self._view) < 4 * _READ:
            raise ConfigError(f"a read buffer has at least {4 * _READ} bytes")
        self._hang_ups = hang_ups
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._handshake_s = handshake_s
        self._strict = strict
        self._credentials = Credentials(self._address.user, self._address.password)
        self._odd: set[Oddity] = set()
        self._server = ""
        self._socket: socket.socket | None = None
        self._session: Session | None = None
        self._interleaved = Interleaved(())
        self._tail = b""
        self._outgoing = bytearray()
        self._hung_up = False  # what is left to read ends with the end of the connection
        self._ended: RunEnded | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> Address:
        """Where it connects; prints without credentials."""
        return self._address

    async def connect(self) -> Offer:
        """Run the handshake until PLAY is answered.

        Raises:
            RunEnded: with `UNREACHABLE`, `REFUSED`, `FORMAT_REFUSED` or `GARBLED`.
        """
        try:
            async with _within(self._handshake_s, "the camera did not play in time"):
                return await self._handshake()
        except MalformedError as error:
            self._abandon()
            raise RunEnded(Cause.GARBLED, error.message, **error.detail) from error
        except OSError as error:
            self._abandon()
            raise self._broken(error) from error
        except BaseException:
            self._abandon()
            raise

    def drain(self, now_ns: int) -> list[AccessUnit | AudioUnit]:
        """Read what the kernel holds, at most `DRAIN_BYTES`, and give whole pictures.

        Raises:
            RunEnded: the camera closed (`UNREACHABLE`), sent what is no RTP (`GARBLED`) or no
                longer accepts the credentials (`REFUSED`). What came before was given out first.
        """
        interleaved = self._interleaved
        if self._ended is None:
            try:
                self._receive(interleaved, now_ns)
                if interleaved.messages:
                    self._hear(interleaved)
                if self._outgoing:
                    self._write(b"")
            except MalformedError as error:
                self._end(RunEnded(Cause.GARBLED, error.message, **error.detail))
            except RunEnded as ended:
                self._end(ended)
        units = interleaved.units[:]
        if units:
            interleaved.units.clear()
        elif self._ended is not None:
            raise self._ended
        return units

    def take_reports(self) -> list[SenderReport]:
        """Sender reports since the last call; the newest 64 if nobody called for long."""
        reports = self._interleaved.reports[:]
        self._interleaved.reports.clear()
        return reports

    def when_over(self, call: Callable[[], None]) -> None:
        """Have `call` called when the camera closes the connection. See `Source.when_over`."""
        if self._hang_ups is not None and self._socket is not None:
            self._hang_ups.watch(self._socket, lambda: self._hear_hang_up(call))

    async def knock(self) -> None:
        """See whether the camera's port still answers. See `Source.knock`."""
        try:
            connection, _ = await self._dial(self._address)
        except OSError as error:
            raise self._broken(error) from error
        connection.close()

    async def close(self) -> None:
        """Send TEARDOWN, wait for its answer at most half a second in all, close the socket.

        Without waiting, closing a socket that holds unread pictures resets the connection, and
        the camera may never read the TEARDOWN: its session then blocks one of its few places.
        """
        connection, self._socket = self._socket, None
        if self._timer is not None:
            self._timer.cancel()
        if connection is None:
            return
        if self._hang_ups is not None:
            self._hang_ups.forget(connection)
        try:
            if self._session is not None:
                loop = asyncio.get_running_loop()
                goodbye = bytes(self._outgoing) + self._session.teardown()
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(TEARDOWN_S):
                        await loop.sock_sendall(connection, goodbye)
                        heard = b""
                        while b"RTSP/1." not in heard:
                            more = await loop.sock_recv(connection, _READ)
                            heard = heard[-6:] + more if more else b"RTSP/1."
                            await asyncio.sleep(0)
        finally:
            connection.close()
            self._end(RunEnded(Cause.UNREACHABLE, "the connection was closed by us"))

    def _hear_hang_up(self, call: Callable[[], None]) -> None:
        self._hung_up = True
        call()

    # --- until the camera plays: asyncio -------------------------------------------------

    async def _handshake(self) -> Offer:
        address = self._address
        tried_again = False
        redirects = 0
        while True:
            connection, peer = await self._dial(address)
            self._socket = connection
            messages = Messages()
            try:
                outcome = await self._set_up(connection, address, peer, messages)
            except _HungUp:
                if tried_again or not self._credentials.known or Oddity.HUNG_UP in self._strict:
                    raise
                tried_again = True
                self._odd.add(Oddity.HUNG_UP)
                connection.close()
                continue
            if isinstance(outcome, Session):
                return await self._play(connection, outcome, messages)
            connection.close()
            redirects += 1
            if redirects > MAX_REDIRECTS:
                raise RunEnded(Cause.UNREACHABLE, "the camera redirects in a circle")
            address = outcome

    async def _dial(self, address: Address) -> tuple[socket.socket, str]:
        """A connected non-blocking socket, and the IP address at its other end."""
        if address.scheme != "rtsp":
            raise RunEnded(
                Cause.FORMAT_REFUSED, f"{address.scheme}:// is not taken by this source; rtsp:// is"
            )
        evidence = f"no TCP connection to {address.authority} within {self._connect_s:g} s"
        async with _within(self._connect_s, evidence):
            failure: OSError | None = None
            for family, place in await _places(address):
                connection = socket.socket(family, socket.SOCK_STREAM)
                try:
                    connection.setblocking(False)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    await asyncio.get_running_loop().sock_connect(connection, place)
                except OSError as error:
                    connection.close()
                    failure = error
                except BaseException:
                    connection.close()
                    raise
                else:
                    return connection, str(place[0])
        raise self._broken(failure or OSError("the name has no address"))

    async def _set_up(
        self, connection: socket.socket, address: Address, peer: str, messages: Messages
    ) -> Session | Address:
        handshake = Handshake(
            address,
            audio=self._audio,
            peer=peer,
            strict=self._strict,
            credentials=self._credentials,
        )
        outcome: bytes | Address | Session | None = handshake.begin()
        loop = asyncio.get_running_loop()
        while isinstance(outcome, bytes):
            asking = outcome
            await loop.sock_sendall(connection, asking)
            method = asking.split(b" ", 1)[0].decode("ascii")
            async with _within(
                self._answer_s, f"the camera did not answer {method} within {self._answer_s:g} s"
            ):
                outcome = None
                while outcome is None:
                    message = messages.take()
                    if message is None:
                        messages.feed(await self._read(connection))
                    else:
                        handshake.note(messages.oddities)
                        outcome = handshake.receive(message)
        assert outcome is not None
        self._server = handshake.server
        return outcome

    async def _play(self, connection: socket.socket, session: Session, messages: Messages) -> Offer:
        """Send PLAY and read on; pictures may come before its answer, and are kept."""
        loop = asyncio.get_running_loop()
        offer = self._prepare(session)
        self._session = session
        await loop.sock_sendall(connection, session.play())
        async with _within(
            self._answer_s, f"the camera did not answer PLAY within {self._answer_s:g} s"
        ):
            tail = messages.rest()
            while True:
                tail, reply = self._until_played(session, tail)
                if reply:
                    await loop.sock_sendall(connection, reply)
                if session.playing:
                    break
                tail += await self._read(connection)
        used = self._interleaved.feed(tail, 0, len(tail), self._clock.monotonic_ns())
        self._tail = tail[used:]
        self._timer = loop.call_later(session.keep_alive_s, self._keep_alive, session)
        return offer

    def _until_played(self, session: Session, tail: bytes) -> tuple[bytes, bytes]:
        """Use up bytes until PLAY is answered; gives what is left, and what to send.

        Pictures go to the tracks; messages are cut by the tolerant reader of the handshake.
        """
        replies = b""
        while not session.playing:
            tail = tail.lstrip(b"\r\n\0")
            if tail.startswith(b"$"):
                used = self._interleaved.feed(tail, 0, len(tail), self._clock.monotonic_ns())
                tail = tail[used:]
                heard: list[Message] = [parse_message(raw) for raw in self._interleaved.messages]
                self._interleaved.messages.clear()
                if not used:
                    break
            else:
                cutter = Messages()
                cutter.feed(tail)
                message = cutter.take()
                tail = cutter.rest()
                if message is None:
                    break
                heard = [message]
            for message in heard:
                replies += session.receive(message) or b""
        return tail, replies

    def _prepare(self, session: Session) -> Offer:
        """Make the tracks, and say what they will deliver."""
        video, *others = session.deliveries
        codec = video.format.codec
        assert codec is not None
        sets, odd = sdp.parameter_sets(video.format)
        notes: list[str] = [f"{codec.value} over RTSP and TCP: recorded as it comes"]
        format_: VideoFormat | None = None
        if sets.complete:
            try:
                format_ = video_format(sets)
            except MalformedError:
                odd = (*odd, sdp.Oddity.BAD_SETS)
        tracks: list[VideoTrack | AudioTrack] = [
            VideoTrack(
                video.rtp,
                video.format.payload_type,
                codec,
                sets if format_ is not None else None,
                clock_rate=video.format.clock_rate,
                rtcp_channel=video.rtcp,
            )
        ]
        audio: AudioFormat | None = None
        for sound in others:
            found = sdp.audio_format(sound.format)
            assert found is not None
            audio, more = found
            odd = (*odd, *more)
            tracks.append(
                AudioTrack(
                    sound.rtp,
                    sound.format.payload_type,
                    sound.format.clock_rate or audio.sample_rate,
                    rtcp_channel=sound.rtcp,
                )
            )
        self._interleaved = Interleaved(tracks)
        oddities = {*session.oddities, *session.description.oddities, *odd, *self._odd}
        notes += sorted({oddity.value for oddity in oddities})
        described = session.description
        return Offer(
            source="rtsp",
            video=format_,
            codec=codec,
            clock_rate=video.format.clock_rate,
            audio=audio,
            declared_fps=(
                video.media.framerate
                or described.framerate
                or (format_.declared_fps if format_ is not None else None)
            ),
            server=self._server,
            notes=tuple(notes),
        )

    async def _read(self, connection: socket.socket) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(connection, _READ)
        if not data:
            raise _HungUp(
                Cause.UNREACHABLE, "the camera closed the connection instead of answering"
            )
        self.bytes_received += len(data)
        if self.bytes_received > EARLY_BYTES:
            raise MalformedError(f"{EARLY_BYTES} bytes and the camera does not play")
        await asyncio.sleep(0)  # sock_recv returns at once while there is data: let others run
        return data

    # --- while it plays: no tasks, no awaits ---------------------------------------------

    def _receive(self, interleaved: Interleaved, now_ns: int) -> None:
        """Read until the kernel has no more, or the bound; a short read is the last one."""
        connection = self._socket
        if connection is None:
            raise RunEnded(Cause.UNREACHABLE, "not connected")
        view = self._view
        room = len(view)
        at = len(self._tail)
        if at:
            view[:at] = self._tail
        left = DRAIN_BYTES
        while left > 0:
            try:
                count = connection.recv_into(view[at:])
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                raise self._broken(error) from error
            if not count:
                raise RunEnded(Cause.UNREACHABLE, "the camera closed the connection")
            self.bytes_received += count
            left -= count
            end = at + count
            used = interleaved.feed(view, 0, end, now_ns)
            at = end - used
            self._tail = bytes(view[used:end])
            if end < room and not self._hung_up:
                return
            view[:at] = self._tail

    def _hear(self, interleaved: Interleaved) -> None:
        """Answer what the camera asks, and take in what it answers."""
        heard = interleaved.messages[:]
        interleaved.messages.clear()
        assert self._session is not None
        for raw in heard:
            reply = self._session.receive(parse_message(raw))
            if reply:
                self._write(reply)

    def _keep_alive(self, session: Session) -> None:
        """Loop timer: show both the RTSP session and RTP that somebody listens."""
        try:
            self._write(
                session.keep_alive()
                + self._interleaved.receiver_reports(self._clock.monotonic_ns())
            )
        except RunEnded as ended:
            self._end(ended)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(session.keep_alive_s, self._keep_alive, session)

    def _write(self, data: bytes) -> None:
        """Send without waiting; what the camera does not take now goes with the next drain."""
        assert self._socket is not None
        self._outgoing += data
        try:
            sent = self._socket.send(self._outgoing)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            raise self._broken(error) from error
        del self._outgoing[:sent]
        if len(self._outgoing) > OUTGOING_BYTES:
            raise RunEnded(Cause.UNREACHABLE, "the camera does not read what is sent to it")

    def _end(self, ended: RunEnded) -> None:
        """The connection is over; the first reason counts."""
        if self._ended is None:
            self._ended = ended
            self._interleaved.finish()
            if self._timer is not None:
                self._timer.cancel()

    def _abandon(self) -> None:
        """The handshake failed: nothing is left open, not even a session of the camera's few."""
        if self._socket is not None:
            if self._session is not None:
                with contextlib.suppress(OSError):
                    self._socket.send(self._session.teardown())
            self._socket.close()
            self._socket = None

    def _broken(self, error: OSError) -> RunEnded:
        reason = error.strerror or str(error)
        if error.errno is not None and error.errno > 0:  # asyncio puts words of its own there
            reason = os.strerror(error.errno)
        return RunEnded(Cause.UNREACHABLE, f"{self._address.authority}: {reason}")


class _HungUp(RunEnded):
    """The camera closed the connection where an answer was due."""


@contextlib.asynccontextmanager
async def _within(seconds: float, evidence: str) -> AsyncIterator[None]:
    """A time-out whose end is `UNREACHABLE`, with the evidence given."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise RunEnded(Cause.UNREACHABLE, evidence) from error


async def _places(
    address: Address,
) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Where a host may be; a literal needs no resolver and so no thread."""
    with contextlib.suppress(ValueError):
        literal = ipaddress.ip_address(address.host)
        if literal.version == 4:
            return [(socket.AF_INET, (address.host, address.port))]
    found = await asyncio.get_running_loop().getaddrinfo(
        address.host.replace("%25", "%"), address.port, type=socket.SOCK_STREAM
    )
    return [
        (family, (str(place[0]), address.port))
        for family, _, _, _, place in found[:MAX_PLACES]
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
