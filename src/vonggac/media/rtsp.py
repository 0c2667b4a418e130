"""RTSP 1.0 as a client speaks it to cameras (RFC 2326), without sockets: bytes in, bytes out.

    Handshake   OPTIONS, DESCRIBE, SETUP of each track: `receive` says what to send next
    Session     what a finished handshake gives: PLAY, keep-alive, answers to the camera, TEARDOWN

Only TCP interleaved delivery is spoken.  `Range` and `RTP-Info` are sent and never read: many
cameras leave them out or lie in them, and arrival times serve better.  What cameras get wrong is
listed in `rtsp_message.Oddity`, each with what is done about it; nothing else is forgiven.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vonggac import __version__
from vonggac.causes import Cause
from vonggac.errors import MalformedError, RunEnded
from vonggac.media import address as addresses
from vonggac.media import sdp
from vonggac.media.digest import Credentials
from vonggac.media.h26x import Codec
from vonggac.media.rtsp_message import Message, Oddity, Request, Response, encode, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from vonggac.media.address import Address

MAX_OUTSTANDING: Final = 8
"""Requests that wait for an answer; the oldest is forgotten (a mute camera is pinged on)."""

MAX_ASIDE: Final = 64
"""Questions of the camera, and answers to nothing, until it plays. A camera sends one or two; each
is answered, and begins the wait for its own answer anew: without an end it would keep us for ever.
"""

SESSION_TIMEOUT_S: Final = 60
"""RFC 2326 section 12.37: the default when the camera names none."""
MIN_TIMEOUT_S: Final = 5
MAX_TIMEOUT_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Delivery:
    """A track that was set up: what it is and on which channels it comes."""

    media: sdp.Media
    format: sdp.Format
    rtp: int
    rtcp: int


class Handshake:
    """From a fresh connection until everything is set up; then a `Session`.

    Feed each message to `receive` and do what it gives: send bytes, connect elsewhere and begin
    anew (an `Address`), go on with the `Session`, or nothing (None: wait for more).

    Args:
        address: where, with credentials.
        audio: set up AAC too, if it is offered.
        peer: the IP address that the connection reached; a redirect to it is the same host.
        strict: oddities that end the connection instead of being forgiven.
        credentials: for tests; made from the address by default.
    """

    def __init__(
        self,
        address: Address,
        *,
        audio: bool = False,
        peer: str = "",
        strict: Collection[Oddity] = (),
        credentials: Credentials | None = None,
    ) -> None:
        self.server = ""
        """What the camera calls itself."""
        self._address = address
        self._audio = audio
        self._peer = peer
        self._talk = _Talk(credentials or Credentials(address.user, address.password), strict)
        self._public: frozenset[str] = frozenset()
        self._wanted: list[_Wanted] = []
        self._done: list[Delivery] = []
        self._aggregate = address.uri
        self._session = ""
        self._timeout_s = SESSION_TIMEOUT_S
        self._description: sdp.Description | None = None
        self._aside = 0

    def begin(self) -> bytes:
        """The first request."""
        return self._talk.ask("OPTIONS", self._address.uri)

    def note(self, oddities: Iterable[Oddity]) -> None:
        """Add what `Messages` met.

        Raises:
            MalformedError: one of them is in `strict`.
        """
        self._talk.note(oddities)

    def receive(self, message: Message) -> bytes | Address | Session | None:
        """Take a message in and say what is next.

        Raises:
            RunEnded: the camera refuses, or offers nothing that is taken.
            MalformedError: it does not speak RTSP.
        """
        self._talk.note(message.oddities)
        asked = None if isinstance(message, Request) else self._talk.match(message)
        if asked is None or isinstance(message, Request):
            self._aside += 1
            if self._aside > MAX_ASIDE:
                raise MalformedError(f"more than {MAX_ASIDE} messages that answer nothing")
            return _answer(message) if isinstance(message, Request) else None
        if message.status == 401:
            return self._talk.ask_again(asked, message)
        self._talk.accepted()
        if 300 <= message.status < 400 and message.status != 304:
            return self._redirected(message)
        self.server = shown(message.header("server") or "") or self.server
        if asked.method == "OPTIONS":
            return self._options(message)
        if asked.method == "DESCRIBE":
            return self._described(message)
        return self._set_up(message)

    def _options(self, answer: Response) -> bytes:
        if answer.status >= 300:
            self._talk.note([Oddity.OPTIONS_REFUSED])
        names = ",".join(answer.headers.get("public", ()) or answer.headers.get("allow", ()))
        self._public = frozenset(name.strip().upper() for name in names.split(","))
        return self._talk.ask("DESCRIBE", self._address.uri, {"Accept": "application/sdp"})

    def _described(self, answer: Response) -> bytes:
        if answer.status >= 300:
            raise _refusal("DESCRIBE", answer)
        described = sdp.parse(answer.body)
        self._description = described
        base = self._base(answer)
        bases = [base]
        if described.control and "://" in described.control:
            bases += self._absolute(described.control)
        self._aggregate = bases[-1]
        picked = [pick_video(described)]
        if self._audio and (sound := pick_audio(described)) is not None:
            picked.append(sound)
        for index, (media, format_) in enumerate(picked):
            uris = self._control_uris(bases, media.control)
            self._wanted.append(_Wanted(media, format_, 2 * index, uris))
        return self._ask_setup()

    def _base(self, answer: Response) -> str:
        """RFC 2326 section C.1.1: Content-Base, Content-Location, the request's URL."""
        for name in ("content-base", "content-location"):
            value = (answer.header(name) or "").strip()
            if value.startswith("/"):
                value = f"{self._address.scheme}://{self._address.authority}{value}"
            if value and (found := self._absolute(value)):
                return found[0]
        return self._address.uri

    def _absolute(self, url: str) -> list[str]:
        """The URL on our host, if it is one."""
        try:
            there = addresses.by_the_book(url)
        except MalformedError:
            self._talk.note([Oddity.BAD_URL])
            return []
        if there.host.lower() != self._address.host.lower():
            self._talk.note([Oddity.FOREIGN_URL])
        return [replace(self._address, path=there.path).uri]

    def _control_uris(self, bases: Sequence[str], control: str | None) -> list[str]:
        """What a track's control URL may mean, the likeliest first.

        Everybody, live555 first, appends it to the base, query and all, with a slash between
        (Vivotek answers 400 to anything else); RFC 3986 would replace the base's last segment.
        """
        if control is None or control == "*":
            return [bases[-1]]
        if "://" in control and (found := self._absolute(control)):
            return found
        root = f"{self._address.scheme}://{self._address.authority}"
        paths = [_joined(base[len(root) :], control) for base in bases]
        first = bases[0][len(root) :].partition("?")[0]
        if control.startswith("/"):
            paths.append(control)
            if first.strip("/") and control.startswith(first.rstrip("/") + "/"):
                paths.reverse()
        else:
            paths.append(first.rpartition("/")[0] + "/" + control)
        usable: list[str] = []
        for path in paths:
            try:
                usable.append(self._address.with_path(path).uri)
            except MalformedError:
                self._talk.note([Oddity.BAD_URL])
        return list(dict.fromkeys([*usable, bases[0]]))

    def _ask_setup(self) -> bytes:
        wanted = self._wanted[len(self._done)]
        channels = f"{wanted.channel}-{wanted.channel + 1}"
        headers = {"Transport": f"RTP/AVP/TCP;unicast;interleaved={channels}"}
        return self._talk.ask("SETUP", wanted.uris[0], headers, self._session)

    def _set_up(self, answer: Response) -> bytes | Session:
        wanted = self._wanted[len(self._done)]
        if answer.status == 404 and len(wanted.uris) > 1:
            self._talk.note([Oddity.CONTROL_RETRIED])
            del wanted.uris[0]
            return self._ask_setup()
        try:
            if answer.status >= 300:
                raise _refusal("SETUP", answer)
            delivery = self._delivery(wanted, answer)
        except RunEnded:
            if not self._done:
                raise
            self._talk.note([Oddity.AUDIO_REFUSED])
            del self._wanted[len(self._done) :]
        else:
            self._done.append(delivery)
            self._take_session(answer)
        if len(self._done) < len(self._wanted):
            return self._ask_setup()
        assert self._description is not None
        return Session(
            self._talk,
            uri=self._aggregate,
            session=self._session,
            timeout_s=self._timeout_s,
            public=self._public,
            description=self._description,
            deliveries=tuple(self._done),
        )

    def _delivery(self, wanted: _Wanted, answer: Response) -> Delivery:
        channels = (wanted.channel, wanted.channel + 1)
        transport = answer.header("transport")
        given = parse_transport(transport) if transport else None
        if given is not None and not given.tcp and given.channels is None:
            raise RunEnded(
                Cause.FORMAT_REFUSED, "the camera delivers over UDP only; TCP was asked for"
            )
        if given is None or given.channels is None:
            self._talk.note([Oddity.NO_TRANSPORT])
        elif given.channels != channels:
            self._talk.note([Oddity.RENUMBERED])
            channels = given.channels
        if any({delivery.rtp, delivery.rtcp} & set(channels) for delivery in self._done):
            raise RunEnded(Cause.FORMAT_REFUSED, "the camera puts two tracks on one channel")
        return Delivery(wanted.media, wanted.format, *channels)

    def _take_session(self, answer: Response) -> None:
        name, _, rest = (answer.header("session") or "").partition(";")
        if not name.strip() and not self._session:
            self._talk.note([Oddity.NO_SESSION])
        self._session = name.strip() or self._session
        match = re.search(r"timeout\s*=\s*(\S*)", rest, re.IGNORECASE)
        if match is None:
            return
        seconds = re.match(r"[0-9]{1,9}", match[1])
        if seconds is None or int(seconds[0]) == 0:
            self._talk.note([Oddity.BAD_TIMEOUT])
            return
        self._timeout_s = min(max(int(seconds[0]), MIN_TIMEOUT_S), MAX_TIMEOUT_S)

    def _redirected(self, answer: Response) -> Address:
        """Follow to the same host only: elsewhere the credentials have no business."""
        there = _redirect_target(answer, self._address)
        if there is None:
            raise RunEnded(Cause.UNREACHABLE, f"the camera answers {answer} and names no place")
        if there.host.lower() not in {self._address.host.lower(), self._peer.lower()}:
            raise RunEnded(
                Cause.UNREACHABLE,
                f"the camera sends us to another host, {shown(there.host)}: put that address in "
                "the configuration if it is right",
            )
        return replace(self._address, scheme=there.scheme, port=there.port, path=there.path)


class Session:
    """A camera whose tracks are set up. Made by a `Handshake`.

    Every message that comes from here on goes to `receive`, which gives the bytes to send, if
    any.  A keep-alive is due each `keep_alive_s` seconds once PLAY has been sent.
    """

    def __init__(
        self,
        talk: _Talk,
        *,
        uri: str,
        session: str,
        timeout_s: int,
        public: frozenset[str],
        description: sdp.Description,
        deliveries: tuple[Delivery, ...],
    ) -> None:
        self.description = description
        self.deliveries = deliveries
        """Video first."""
        self.keep_alive_s = timeout_s / 2
        self.playing = False
        """PLAY was answered with success."""
        self._talk = talk
        self._uri = uri
        self._session = session
        self._ping = "GET_PARAMETER" if "GET_PARAMETER" in public else "OPTIONS"

    @property
    def oddities(self) -> tuple[Oddity, ...]:
        """What was forgiven so far, sorted."""
        return self._talk.oddities

    def play(self) -> bytes:
        """Ask for the pictures, from now on."""
        return self._talk.ask("PLAY", self._uri, {"Range": "npt=0.000-"}, self._session)

    def keep_alive(self) -> bytes:
        """Show that somebody is still there: GET_PARAMETER where it is announced, or OPTIONS.

        RFC 2326 section 10.8 names the first for this; cameras that do not announce it may drop
        the connection over it (SharpRTSP #63).
        """
        return self._talk.ask(self._ping, self._uri, {}, self._session)

    def teardown(self) -> bytes:
        """Say goodbye."""
        return self._talk.ask("TEARDOWN", self._uri, {}, self._session)

    def receive(self, message: Message) -> bytes | None:
        """Take a message in; gives what to send back.

        Raises:
            RunEnded: PLAY is refused, the credentials are no longer accepted, or the camera ends
                the session.
        """
        self._talk.note(message.oddities)
        if isinstance(message, Request):
            return self._asked(message)
        asked = self._talk.match(message)
        if asked is None or asked.method == "TEARDOWN":
            return None
        if message.status == 401:
            return self._talk.ask_again(asked, message)
        self._talk.accepted()
        if asked.method == "PLAY":
            if message.status >= 300:
                raise _refusal("PLAY", message)
            self.playing = True
        elif asked.method == "GET_PARAMETER" and message.status >= 400 and message.status != 454:
            self._talk.note([Oddity.GET_PARAMETER_REFUSED])
            self._ping = "OPTIONS"
        return None

    def _asked(self, request: Request) -> bytes:
        if request.method == "TEARDOWN":
            raise RunEnded(Cause.UNREACHABLE, "the camera ended the session (TEARDOWN)")
        if request.method == "REDIRECT":
            where = shown(_host_of(request.header("location") or ""))
            raise RunEnded(
                Cause.UNREACHABLE, f"the camera asks to be left for {where or 'nowhere'} (REDIRECT)"
            )
        return _answer(request)


@dataclass(frozen=True, slots=True)
class Transport:
    """The camera's half of a SETUP: whether it is TCP, and the channels it takes."""

    tcp: bool
    channels: tuple[int, int] | None


def parse_transport(value: str) -> Transport:
    """Read a `Transport` header (RFC 2326 section 12.39). Of several, the first counts.

    Channels that are no numbers from 0 to 255 count as not given.
    """
    protocol, *parameters = [part.strip() for part in value.split(",")[0].split(";")]
    channels = None
    for parameter in parameters:
        match = re.fullmatch(r"interleaved\s*=\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?", parameter, re.I)
        if match is not None and channels is None:
            first = int(match[1])
            pair = (first, int(match[2]) if match[2] else first + 1)
            if max(pair) <= 255 and pair[0] != pair[1]:
                channels = pair
    return Transport(protocol.upper().endswith("/TCP"), channels)


def pick_video(description: sdp.Description) -> tuple[sdp.Media, sdp.Format]:
    """The first video that can be recorded as it is.

    Raises:
        RunEnded: (`FORMAT_REFUSED`) there is none; says what is offered.
    """
    offered: list[str] = []
    for media in description.media:
        if media.kind != "video" or media.direction == "inactive":
            continue
        for format_ in media.formats:
            if format_.codec is not None and not _interleaves(format_):
                return media, format_
            offered.append(shown(format_.encoding) or f"payload type {format_.payload_type}")
    if not offered:
        raise RunEnded(Cause.FORMAT_REFUSED, "the camera offers no video at this address")
    raise RunEnded(
        Cause.FORMAT_REFUSED,
        f"the camera offers {', '.join(offered[:4])}; H.264 and H.265 are recorded as they come",
    )


def pick_audio(description: sdp.Description) -> tuple[sdp.Media, sdp.Format] | None:
    """The first AAC that comes from the camera, if there is any."""
    for media in description.media:
        if media.kind == "audio" and media.direction not in ("sendonly", "inactive"):
            for format_ in media.formats:
                if sdp.audio_format(format_) is not None:
                    return media, format_
    return None


def _joined(base: str, control: str) -> str:
    """A base's path and query with a control appended, one slash between."""
    if control.startswith("?"):
        return base + control
    return base.removesuffix("/") + "/" + control.removeprefix("/")


def _interleaves(format_: sdp.Format) -> bool:
    """Whether NAL units come out of order: RFC 6184 mode 2, RFC 7798 DON fields. Not taken."""
    given = format_.parameters
    if format_.codec is Codec.H264:
        return given.get("packetization-mode") == "2"
    return given.get("sprop-max-don-diff", "0") != "0"


@dataclass(slots=True)
class _Wanted:
    media: sdp.Media
    format: sdp.Format
    channel: int
    uris: list[str]


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    uri: str
    headers: Mapping[str, str]
    session: str


class _Talk:
    """What a handshake and its session share: numbers, credentials, open requests, oddities."""

    def __init__(self, credentials: Credentials, strict: Collection[Oddity]) -> None:
        self._credentials = credentials
        self._strict = frozenset(strict)
        self._oddities: set[Oddity] = set()
        self._cseq = 0
        self._open: dict[int, _Asked] = {}

    @property
    def oddities(self) -> tuple[Oddity, ...]:
        return tuple(sorted(self._oddities))

    def note(self, oddities: Iterable[Oddity]) -> None:
        for oddity in oddities:
            if oddity in self._strict:
                raise MalformedError(f"the camera's RTSP is refused by policy: {oddity.value}")
            self._oddities.add(oddity)

    def ask(
        self, method: str, uri: str, headers: Mapping[str, str] | None = None, session: str = ""
    ) -> bytes:
        self._cseq += 1
        self._open[self._cseq] = _Asked(method, uri, headers or {}, session)
        if len(self._open) > MAX_OUTSTANDING:
            del self._open[next(iter(self._open))]
        lines = [
            f"{method} {uri} RTSP/1.0",
            f"CSeq: {self._cseq}",
            f"User-Agent: vonggac/{__version__}",
        ]
        authorization = self._credentials.header(method, uri)
        if authorization is not None:
            lines.append(f"Authorization: {authorization}")
        if session:
            lines.append(f"Session: {session}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return encode("\r\n".join([*lines, "", ""]))

    def ask_again(self, asked: _Asked, answer: Response) -> bytes:
        """The same request with what a 401 asks for; raises RunEnded if that makes no sense."""
        self._credentials.challenged(answer.headers.get("www-authenticate", ()))
        if self._credentials.weakened:
            self.note([Oddity.WEAKER_DIGEST])
        return self.ask(asked.method, asked.uri, asked.headers, asked.session)

    def accepted(self) -> None:
        self._credentials.accepted()

    def match(self, answer: Response) -> _Asked | None:
        """The request that an answer belongs to; None for a provisional or unasked-for answer."""
        if answer.status < 200 or not self._open:
            return None
        number = answer.cseq
        if number is None or number not in self._open:
            self.note([Oddity.NO_CSEQ if number is None else Oddity.WRONG_CSEQ])
            number = next(iter(self._open))
        return self._open.pop(number)


def _answer(request: Request) -> bytes:
    """What a client owes a camera that asks: OPTIONS is answered, all else declined.

    551 when the question requires an option (RFC 2326 section 12.32), else 501.
    """
    required = request.header("require")
    if request.method == "OPTIONS":
        lines = ["RTSP/1.0 200 OK", "Public: OPTIONS"]
    elif required is not None:
        lines = ["RTSP/1.0 551 Option not supported", f"Unsupported: {required}"]
    else:
        lines = ["RTSP/1.0 501 Not Implemented"]
    if request.cseq is not None:
        lines.insert(1, f"CSeq: {request.cseq}")
    return encode("\r\n".join([*lines, "", ""]))


_FORMAT_STATUSES: Final = frozenset({406, 415, 456, 461, 501, 505, 551})
"""Answers that say "not in this form": RFC 2326 section 7.1.1."""


def _refusal(method: str, answer: Response) -> RunEnded:
    cause = Cause.UNREACHABLE
    if answer.status in (401, 403):
        cause = Cause.REFUSED
    elif answer.status in _FORMAT_STATUSES:
        cause = Cause.FORMAT_REFUSED
    return RunEnded(cause, f"the camera answers {answer} to {method}", status=answer.status)


def _redirect_target(answer: Response, here: Address) -> Address | None:
    location = (answer.header("location") or "").strip()
    if location.startswith("/"):
        location = f"{here.scheme}://{here.authority}{location}"
    try:
        return addresses.by_the_book(location)
    except MalformedError:
        return None


def _host_of(url: str) -> str:
    try:
        return addresses.by_the_book(url).host
    except MalformedError:
        return ""
