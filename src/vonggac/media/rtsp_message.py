"""RTSP messages (RFC 2326 section 4 to 7) as cameras write them: read, bounded, named oddities."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from vonggac.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_HEAD: Final = 16 * 1024
"""Bytes of a message's first line and headers; cameras send under 1 kB."""
MAX_BODY: Final = 64 * 1024
"""Bytes of a body; see `sdp.MAX_BYTES`."""
MAX_NOISE: Final = 4096
"""Bytes between two messages that are skipped before the camera counts as garbled."""


class Oddity(StrEnum):
    """What cameras get wrong and are forgiven: each value is a policy, on by default.

    Put a value into `strict` of a `Handshake` and the same thing ends the connection.
    """

    NO_CSEQ = "no_cseq"
    """An answer without CSeq. It is taken for the answer to the oldest open request."""
    WRONG_CSEQ = "wrong_cseq"
    """An answer whose CSeq nobody asked with. The same."""
    NO_REASON = "no_reason"
    """`RTSP/1.0 200` without words after the number. The number is enough."""
    NOT_A_HEADER = "not_a_header"
    """A line without a colon among the headers. It is skipped."""
    NOISE = "noise_between_messages"
    """Lines between messages that begin none (a body longer than it says): skipped, bounded."""
    EARLY_MEDIA = "early_media"
    """Interleaved packets before PLAY was asked for: an old session's (retina #17). Skipped."""
    OPTIONS_REFUSED = "options_refused"
    """OPTIONS is answered by an error. DESCRIBE decides."""
    FOREIGN_URL = "foreign_url"
    """A URL of the camera names another host (NAT, 0.0.0.0). Its path is used on our host."""
    BAD_URL = "bad_url"
    """A Content-Base or control URL that is none. It is passed over."""
    CONTROL_RETRIED = "control_retried"
    """The usual joining of control and base was answered 404; another one was tried."""
    NO_SESSION = "no_session"
    """SETUP is answered without a Session. Requests carry none then."""
    BAD_TIMEOUT = "bad_timeout"
    """A session time-out of zero or no number. Sixty seconds are taken."""
    NO_TRANSPORT = "no_transport"
    """SETUP is answered without Transport or channels (gortsplib #142, #456).
    The channels that were asked for are taken."""
    RENUMBERED = "renumbered_channels"
    """The camera takes other channels than were asked for (gortsplib #72). Its are used."""
    AUDIO_REFUSED = "audio_refused"
    """SETUP of the audio is refused or unusable. Pictures are recorded without it."""
    HUNG_UP = "hung_up_on_challenge"
    """The camera closed the connection after asking for credentials. Connected anew, once."""
    WEAKER_DIGEST = "weaker_digest"
    """The strongest digest on offer was refused; a weaker one was tried once."""
    GET_PARAMETER_REFUSED = "get_parameter_refused"
    """Announced and refused as keep-alive. OPTIONS is used from then on."""


@dataclass(frozen=True, slots=True)
class _Message:
    headers: Mapping[str, tuple[str, ...]]
    """Values by name in lower case, in the order they came."""
    body: bytes
    oddities: frozenset[Oddity]

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return self.headers.get(name, (None,))[0]

    @property
    def cseq(self) -> int | None:
        """The sequence number; None if it is absent or no number."""
        text = self.header("cseq") or ""
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


@dataclass(frozen=True, slots=True)
class Response(_Message):
    """An answer of the camera."""

    status: int
    reason: str

    def __str__(self) -> str:
        return f"{self.status} {shown(self.reason)}".rstrip()


@dataclass(frozen=True, slots=True)
class Request(_Message):
    """A question of the camera."""

    method: str
    uri: str


Message = Response | Request

_STATUS_LINE: Final = re.compile(r"RTSP/\d\.\d[ \t]+(\d{3})(?![0-9])[ \t]*(.*)", re.IGNORECASE)
_REQUEST_LINE: Final = re.compile(r"([A-Z_]{1,32})[ \t]+(\S+)[ \t]+RTSP/\d\.\d[ \t]*")
_HEAD_END: Final = re.compile(rb"\r?\n[ \t]*\r?\n")
_CONTROLS: Final = {code: " " for code in (*range(0x20), 0x7F) if code not in b"\n"}


def parse_message(data: bytes) -> Message:
    """Read one whole message: head, empty line, body.

    Raises:
        MalformedError: it is none, or shorter than it says.
    """
    end = _HEAD_END.search(data, 0, MAX_HEAD)
    head = data[: end.start()] if end else data
    if len(head) > MAX_HEAD:
        raise MalformedError(f"no end of the headers within {MAX_HEAD} bytes")
    first, headers, odd = _parse_head(head)
    body = data[end.end() :] if end else b""
    length = _content_length(headers)
    if length > len(body):
        raise MalformedError(f"a body of {len(body)} bytes where {length} are announced")
    return _message(first, headers, odd, body[:length])


def measure(data: bytes | bytearray) -> int | None:
    """How many bytes the message has that the data begins with; None while it is not whole.

    Raises:
        MalformedError: no message begins here, or it is longer than the bounds.
    """
    line = data.find(b"\n", 0, MAX_HEAD)
    if line >= 0 and not _first_line(bytes(data[:line])):
        raise MalformedError("neither an RTSP answer nor a question")
    end = _HEAD_END.search(data, 0, MAX_HEAD)
    if end is None:
        if len(data) >= MAX_HEAD:
            raise MalformedError(f"no end of the headers within {MAX_HEAD} bytes")
        return None
    size = end.end() + _content_length(_parse_head(bytes(data[: end.start()]))[1])
    return size if size <= len(data) else None


class Messages:
    """Cuts the bytes of a connection into messages, until the camera plays.

    Interleaved packets are skipped and counted; so are lines that begin no message.
    """

    def __init__(self) -> None:
        self.oddities: set[Oddity] = set()
        self._data = bytearray()
        self._noise = 0

    def feed(self, data: bytes) -> None:
        """Take bytes in; `take` them out again before more are fed."""
        self._data += data

    def take(self) -> Message | None:
        """The next complete message, or None: then feed more.

        While it gives None, at most `MAX_HEAD` + `MAX_BODY` bytes are held, or one frame.

        Raises:
            MalformedError: this is not RTSP, or a bound is passed.
        """
        return self._cut() if self._skip_to_message() else None

    def rest(self) -> bytes:
        """Give up what was fed and not used, once, to whoever reads on."""
        rest = bytes(self._data)
        self._data.clear()
        return rest

    def _skip_to_message(self) -> bool:
        """Whether the buffer, after this, begins with the whole first line of a message."""
        data = self._data
        at, size = 0, len(data)
        found = False
        while at < size and not found:
            first = data[at]
            if first in b"\r\n\0 \t":
                at += 1
            elif first == 0x24:
                following = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
                if at + 4 > size or following > size:
                    break
                self.oddities.add(Oddity.EARLY_MEDIA)
                at = following
            else:
                end = data.find(b"\n", at, at + MAX_HEAD)
                if end < 0:
                    if size - at >= MAX_HEAD:
                        raise MalformedError(f"no line within {MAX_HEAD} bytes")
                    break
                found = self._begins_message(bytes(data[at:end]))
                if not found:
                    at = end + 1
        del data[:at]
        return found

    def _begins_message(self, raw: bytes) -> bool:
        if _first_line(raw):
            return True
        if raw.startswith(b"HTTP/"):
            raise MalformedError("the port speaks HTTP, not RTSP: look for the RTSP port")
        self.oddities.add(Oddity.NOISE)
        self._noise += len(raw) + 1
        if self._noise > MAX_NOISE:
            raise MalformedError(f"more than {MAX_NOISE} bytes that are no RTSP message")
        return False

    def _cut(self) -> Message | None:
        size = measure(self._data)
        if size is None:
            return None
        message = parse_message(bytes(self._data[:size]))
        del self._data[:size]
        return message


def _first_line(raw: bytes) -> bool:
    line = _text(raw).rstrip()
    return bool(_STATUS_LINE.fullmatch(line) or _REQUEST_LINE.fullmatch(line))


def _parse_head(head: bytes) -> tuple[str, dict[str, tuple[str, ...]], set[Oddity]]:
    """First line and headers; folded lines (RFC 822) are put together."""
    odd: set[Oddity] = set()
    first, *lines = _text(head).replace("\r", "").lstrip("\n").split("\n")
    headers: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in lines:
        if line[:1] in (" ", "\t") and last:
            last[-1] = f"{last[-1]} {line.strip()}"
            continue
        name, colon, value = line.translate(_CONTROLS).partition(":")
        if not colon:
            odd.add(Oddity.NOT_A_HEADER)
            continue
        last = headers.setdefault(name.strip().lower(), [])
        last.append(value.strip())
    return first.rstrip(), {name: tuple(values) for name, values in headers.items()}, odd


def _content_length(headers: Mapping[str, tuple[str, ...]]) -> int:
    values = set(headers.get("content-length", ()))
    if not values:
        return 0
    text = values.pop()
    if values or not re.fullmatch(r"[0-9]{1,9}", text):
        raise MalformedError("a Content-Length that is no number, or several that differ")
    if int(text) > MAX_BODY:
        raise MalformedError(f"a body of {text} bytes; at most {MAX_BODY} are read")
    return int(text)


def _message(
    first: str, headers: Mapping[str, tuple[str, ...]], odd: set[Oddity], body: bytes
) -> Message:
    if status := _STATUS_LINE.fullmatch(first):
        if not status[2].strip():
            odd.add(Oddity.NO_REASON)
        return Response(headers, body, frozenset(odd), int(status[1]), status[2].strip())
    if asked := _REQUEST_LINE.fullmatch(first):
        return Request(headers, body, frozenset(odd), asked[1], asked[2])
    raise MalformedError("neither an RTSP answer nor a question", first_line=shown(first))


def _text(data: bytes) -> str:
    """UTF-8; other bytes survive, so that a realm is hashed as it came."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Undo what reading did: bytes that were not UTF-8 go out as they came."""
    return text.encode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """A camera's words, printable and short, for evidence and logs."""
    return (
        text[:80]
        .translate(_CONTROLS)
        .replace("\n", " ")
        .encode("ascii", "backslashreplace")
        .decode()
    )
