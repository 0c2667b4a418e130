"""An RTSP 1.0 server for virtual cameras (RFC 2326), interleaved TCP first.

Every connection is a non-blocking socket with callbacks on one event loop: no task and no stream
object, because a hundred cameras at 25 pictures a second are 2,500 sends a second.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import re
import secrets
import socket
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from vonggac import log

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from vonggac.sim.camera import Piece, Stream, VirtualCamera

MAX_REQUEST = 64 * 1024
"""Bytes of a request, head and body; more ends the connection."""
MAX_BACKLOG = 4 * 1024 * 1024
"""Bytes waiting for a slow client; more, and pictures are dropped up to the next keyframe."""
SESSION_TIMEOUT_S = 60
"""What the Session header names (RFC 2326 section 12.37); the camera itself is patient."""

_REALM = "vonggac-sim"
_AUTH_FIELD = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')
_STATUS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
}
_LOG = log.get(__name__)


class Credentials:
    """Who may look, and how that is checked.

    Args:
        user: empty if everybody may.
        password: compared in constant time.
        scheme: basic, digest (MD5) or digest-sha256.
    """

    def __init__(self, user: str = "", password: str = "", scheme: str = "digest") -> None:
        self.user = user
        self._password = password
        self.scheme = scheme
        self.nonce = secrets.token_hex(16)

    def challenge(self) -> str:
        """The value of WWW-Authenticate."""
        if self.scheme == "basic":
            return f'Basic realm="{_REALM}"'
        algorithm = "SHA-256" if self.scheme == "digest-sha256" else "MD5"
        return f'Digest realm="{_REALM}", nonce="{self.nonce}", algorithm={algorithm}, qop="auth"'

    def admit(self, method: str, authorization: str) -> bool:
        """Whether this Authorization header opens the door."""
        if not self.user:
            return True
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "basic" and self.scheme == "basic":
            expected = base64.b64encode(f"{self.user}:{self._password}".encode()).decode()
            return hmac.compare_digest(rest.strip(), expected)
        if scheme.lower() != "digest" or self.scheme == "basic":
            return False
        fields = {name: quoted or bare for name, quoted, bare in _AUTH_FIELD.findall(rest)}
        if fields.get("username") != self.user or fields.get("nonce") != self.nonce:
            return False
        name = "sha256" if self.scheme == "digest-sha256" else "md5"

        def digest(text: str) -> str:
            return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

        first = digest(f"{self.user}:{_REALM}:{self._password}")
        second = digest(f"{method}:{fields.get('uri', '')}")
        if "qop" in fields:
            middle = ":".join(fields.get(part, "") for part in ("nonce", "nc", "cnonce", "qop"))
        else:
            middle = self.nonce
        expected = digest(f"{first}:{middle}:{second}")
        return hmac.compare_digest(fields.get("response", ""), expected)


class Listener:
    """A listening socket that serves some cameras.

    Args:
        loop: the event loop that calls back.
        cameras: by name; the first part of the path chooses.
        credentials: who may look.
        udp: whether SETUP may choose RTP over UDP; else it is answered 461.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        cameras: Mapping[str, VirtualCamera],
        credentials: Credentials,
        *,
        udp: bool,
    ) -> None:
        self.loop = loop
        self.cameras = cameras
        self.credentials = credentials
        self.udp = udp
        self.port = 0
        self.connections: set[Connection] = set()
        self._socket: socket.socket | None = None

    def open(self, port: int) -> None:
        """Listen on 127.0.0.1; port 0 chooses a free one. Harmless if already open.

        Raises:
            OSError: the port is taken.
        """
        if self._socket is not None:
            return
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
            listening.listen(1024)
        except OSError:
            listening.close()
            raise
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._socket = listening
        self.loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Stop listening and cut every connection; closing twice is harmless."""
        self.shut()
        for connection in tuple(self.connections):
            connection.cut()

    def shut(self) -> None:
        """Stop listening; connections stay."""
        if self._socket is not None:
            self.loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _accept(self) -> None:
        while self._socket is not None:
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                _LOG.warning("connection.not_accepted", error=str(error))
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.add(Connection(self, accepted))


class Connection:
    """One client; also the reader of the stream it plays."""

    def __init__(self, listener: Listener, connected: socket.socket) -> None:
        self.channel = 0
        self.ssrc = random.getrandbits(32)
        self.sequence = random.getrandbits(16)
        self.tick_offset = random.getrandbits(32)
        self.packets = 0
        self.octets = 0
        self.waits_for_keyframe = True
        self.dropped = 0
        """Pictures this client was too slow for."""
        self._listener = listener
        self._socket = connected
        self._received = bytearray()
        self._backlog = bytearray()
        self._session = ""
        self._stream: Stream | None = None
        self._udp: UdpSender | None = None
        self._closed = False
        self._last = False
        listener.loop.add_reader(connected, self._read)

    def send(self, pieces: list[Piece]) -> bool:
        """Send at once what the socket takes, keep the rest; False if the client is too slow."""
        if self._udp is not None:
            return self._udp.send(pieces)
        if self._closed:
            return False
        if self._backlog:
            if len(self._backlog) + sum(map(len, pieces)) > MAX_BACKLOG:
                self.dropped += 1
                return False
            for piece in pieces:
                self._backlog += piece
            return True
        try:
            sent = self._socket.sendmsg(pieces)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.cut()
            return False
        for piece in pieces:
            if sent >= len(piece):
                sent -= len(piece)
                continue
            self._backlog += memoryview(piece)[sent:]
            sent = 0
        if self._backlog:
            self._listener.loop.add_writer(self._socket, self._write)
        return True

    def cut(self) -> None:
        """Close without a word; twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if self._stream is not None:
            self._stream.leave(self)
        if self._udp is not None:
            self._udp.close()
        self._listener.loop.remove_reader(self._socket)
        self._listener.loop.remove_writer(self._socket)
        self._socket.close()
        self._listener.connections.discard(self)

    def _write(self) -> None:
        try:
            sent = self._socket.send(self._backlog)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.cut()
            return
        del self._backlog[:sent]
        if not self._backlog:
            self._listener.loop.remove_writer(self._socket)
            if self._last:
                self.cut()

    def _read(self) -> None:
        try:
            received = self._socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            received = b""
        if not received:
            self.cut()
            return
        self._received += received
        while not self._closed and self._take_one():
            pass
        if len(self._received) > MAX_REQUEST:
            self.cut()

    def _take_one(self) -> bool:
        """Take one request or interleaved packet from what was received; False if none is whole."""
        received = self._received
        if received[:1] == b"$":
            if len(received) < 4:
                return False
            size = 4 + int.from_bytes(received[2:4], "big")
            if len(received) < size:
                return False
            del received[:size]
            return True
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return False
        lines = bytes(received[:end]).decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "0")
        size = end + 4 + (int(length) if length.isdigit() else 0)
        if len(received) < size:
            return False
        del received[:size]
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("RTSP/"):
            self._last = True
            self._answer(400, headers)
            return False
        self._serve(words[0], words[1], headers)
        return True

    def _serve(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        parts = [part for part in unquote(urlsplit(url).path).split("/") if part]
        if parts and parts[-1].lower().startswith("trackid="):
            parts.pop()
        camera = self._listener.cameras.get(parts[0]) if parts else None
        if camera is not None and camera.gone:
            self.cut()
            return
        if method == "OPTIONS":
            self._answer(
                200,
                headers,
                Public="OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, TEARDOWN",
            )
            return
        credentials = self._listener.credentials
        refusing = camera is not None and camera.refusing
        if refusing or not credentials.admit(method, headers.get("authorization", "")):
            self._answer(401, headers, **{"WWW-Authenticate": credentials.challenge()})
            return
        stream = camera.streams.get(parts[1] if len(parts) > 1 else "main") if camera else None
        if stream is None:
            self._answer(404, headers)
            return
        serve = self._METHODS.get(method)
        if serve is None:
            self._answer(501, headers)
            return
        serve(self, stream, url, headers)

    def _describe(self, stream: Stream, url: str, headers: Mapping[str, str]) -> None:
        body = session_description(stream)
        self._answer(
            200,
            headers,
            body,
            **{"Content-Base": url.rstrip("/") + "/", "Content-Type": "application/sdp"},
        )

    def _setup(self, stream: Stream, _url: str, headers: Mapping[str, str]) -> None:
        for offer in headers.get("transport", "").split(","):
            fields = [field.strip() for field in offer.split(";")]
            options = {
                name.lower(): value for name, _, value in (field.partition("=") for field in fields)
            }
            if fields[0].upper() == "RTP/AVP/TCP":
                first = options.get("interleaved", "0-1").split("-")[0]
                if not first.isdigit() or int(first) > 254:
                    self._answer(400, headers)
                    return
                self.channel = int(first)
                chosen = f"RTP/AVP/TCP;unicast;interleaved={first}-{int(first) + 1}"
            elif self._listener.udp and fields[0].upper() in ("RTP/AVP", "RTP/AVP/UDP"):
                first = options.get("client_port", "").split("-")[0]
                if "multicast" in options or not first.isdigit():
                    continue
                self._udp = UdpSender(int(first))
                chosen = (
                    f"RTP/AVP;unicast;client_port={first}-{int(first) + 1}"
                    f";server_port={self._udp.ports[0]}-{self._udp.ports[1]}"
                )
            else:
                continue
            self._session = self._session or secrets.token_hex(4)
            self._stream = stream
            self._answer(200, headers, Transport=f"{chosen};ssrc={self.ssrc:08X}")
            return
        self._answer(461, headers)

    def _play(self, stream: Stream, url: str, headers: Mapping[str, str]) -> None:
        if self._stream is not stream:
            self._answer(454 if headers.get("session") else 455, headers)
            return
        track = url if "trackid=" in url.lower() else url.rstrip("/") + "/trackID=0"
        self._answer(
            200, headers, Range="npt=0.000-", **{"RTP-Info": f"url={track};seq={self.sequence}"}
        )
        if self not in stream.readers:
            stream.join(self)

    def _pause(self, stream: Stream, _url: str, headers: Mapping[str, str]) -> None:
        stream.leave(self)
        self._answer(200, headers)

    def _ping(self, _stream: Stream, _url: str, headers: Mapping[str, str]) -> None:
        self._answer(200, headers)

    def _teardown(self, stream: Stream, _url: str, headers: Mapping[str, str]) -> None:
        stream.leave(self)
        self._last = True
        self._answer(200, headers)

    _METHODS: Mapping[str, Callable[[Connection, Stream, str, Mapping[str, str]], None]] = {
        "DESCRIBE": _describe,
        "SETUP": _setup,
        "PLAY": _play,
        "PAUSE": _pause,
        "GET_PARAMETER": _ping,
        "SET_PARAMETER": _ping,
        "TEARDOWN": _teardown,
    }

    def _answer(
        self, status: int, request: Mapping[str, str], body: str = "", **headers: str
    ) -> None:
        lines = [f"RTSP/1.0 {status} {_STATUS[status]}", f"CSeq: {request.get('cseq', '0')}"]
        lines.append("Server: vonggac simulate")
        if self._session:
            lines.append(f"Session: {self._session};timeout={SESSION_TIMEOUT_S}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        content = body.encode()
        if content:
            lines.append(f"Content-Length: {len(content)}")
        answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
        udp, self._udp = self._udp, None
        self.send([answer])
        self._udp = udp
        if self._last and not self._backlog:
            self.cut()


class UdpSender:
    """RTP and RTCP over UDP to 127.0.0.1, for clients that ask for it.

    Args:
        client_port: where RTP goes; RTCP goes to the next one.

    Raises:
        OSError: no pair of free ports was found.
    """

    def __init__(self, client_port: int) -> None:
        self._client_port = client_port
        self._sockets: list[socket.socket] = []
        for _ in range(2):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)
            made.bind(("127.0.0.1", 0))
            self._sockets.append(made)
        self.ports = [made.getsockname()[1] for made in self._sockets]
        """Where they are sent from."""

    def send(self, pieces: list[Piece]) -> bool:
        """Send each interleaved packet as a datagram; what the kernel has no room for is lost."""
        for piece in pieces:
            view = memoryview(piece)
            while len(view) > 4:
                size = int.from_bytes(view[2:4], "big")
                which = view[1] & 1
                try:
                    self._sockets[which].sendto(
                        view[4 : 4 + size], ("127.0.0.1", self._client_port + which)
                    )
                except OSError:
                    continue
                finally:
                    view = view[4 + size :]
        return True

    def close(self) -> None:
        """Close both sockets; twice is harmless."""
        for made in self._sockets:
            made.close()


def session_description(stream: Stream) -> str:
    """The SDP of a stream (RFC 4566; parameters of RFC 6184 section 8.1, RFC 7798 section 7.1)."""
    loop = stream.show.loop
    camera = stream.camera
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        f"s={camera.name}",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        "a=range:npt=0-",
        "m=video 0 RTP/AVP 96",
        f"a=framerate:{stream.declared_fps:g}",
    ]
    encoded = [base64.b64encode(nal).decode() for nal in loop.sets]
    if loop.codec == "h264":
        profile = next(nal for nal in loop.sets if nal[0] & 31 == 7)[1:4].hex()
        lines.append("a=rtpmap:96 H264/90000")
        parameters = f"packetization-mode=1;profile-level-id={profile}"
        if not camera.sets_in_band_only:
            parameters += f";sprop-parameter-sets={','.join(encoded)}"
        lines.append(f"a=fmtp:96 {parameters}")
    else:
        lines.append("a=rtpmap:96 H265/90000")
        named: dict[int, list[str]] = {32: [], 33: [], 34: []}
        for nal, text in zip(loop.sets, encoded, strict=True):
            named[nal[0] >> 1 & 63].append(text)
        if not camera.sets_in_band_only:
            lines.append(
                f"a=fmtp:96 sprop-vps={','.join(named[32])};sprop-sps={','.join(named[33])}"
                f";sprop-pps={','.join(named[34])}"
            )
    lines.append("a=control:trackID=0")
    return "\r\n".join(lines) + "\r\n"
