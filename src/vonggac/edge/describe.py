"""Ask a camera for the description of one stream, without setting anything up.

`probe` and `discover` ask here: whether anybody answers, whether the credentials are taken, and
what is offered, sound included.  One TCP connection a question, closed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac.causes import Cause
from vonggac.errors import MalformedError, RunEnded
from vonggac.media import sdp
from vonggac.media.digest import Credentials, parse_challenges
from vonggac.media.rtsp import Handshake
from vonggac.media.rtsp_message import Messages, Response

if TYPE_CHECKING:
    from vonggac.media.address import Address

CONNECT_S: Final = 3.0
ANSWER_S: Final = 4.0
WHOLE_S: Final = 12.0
"""Seconds for all answers of one connection: OPTIONS, DESCRIBE, and both again with credentials."""
MAX_HEARD: Final = 1 << 20
"""Bytes of one connection; a description with its headers has a few kB."""
_READ: Final = 16 * 1024
_MAX_REDIRECTS: Final = 2


@dataclass(frozen=True, slots=True)
class Described:
    """What a camera said about one of its streams."""

    status: int
    """Of the last answer to DESCRIBE; 0 if there was none."""
    description: sdp.Description | None
    server: str
    realm: str
    """What the device calls itself when it asks for a password."""
    ended: RunEnded | None
    """Why it cannot be recorded by our own source; None if it can be tried."""
    reachable: bool
    """A TCP connection came about."""
    asked_password: bool
    """It wanted to know who asks."""

    @property
    def authenticated(self) -> bool:
        """It answered the question itself: the credentials were taken, or none are needed."""
        return self.status not in (0, 401, 403)


class _Heard:
    """What an exchange has learned so far."""

    def __init__(self) -> None:
        self.status = 0
        self.description: sdp.Description | None = None
        self.server = ""
        self.realm = ""
        self.reachable = False
        self.asked_password = False

    def note(self, message: Response) -> None:
        if message.status == 401:
            self.asked_password = True
            challenges = parse_challenges(message.headers.get("www-authenticate", ()))
            self.realm = next((one.realm for one in challenges if one.realm), self.realm)
        self.status = message.status
        if message.status == 200 and message.body:
            self.description = sdp.parse(message.body)

    def as_described(self, ended: RunEnded | None) -> Described:
        return Described(
            status=self.status,
            description=self.description,
            server=self.server,
            realm="".join(letter for letter in self.realm[:100] if letter.isprintable()),
            ended=ended,
            reachable=self.reachable,
            asked_password=self.asked_password,
        )


async def describe(
    address: Address,
    credentials: Credentials | None = None,
    *,
    connect_s: float = CONNECT_S,
    answer_s: float = ANSWER_S,
) -> Described:
    """Ask; never raises for what the camera does.

    Args:
        address: the stream, with credentials.
        credentials: shared by several questions to one device, so that a password that was
            refused is not offered again; made from the address by default.
        connect_s: seconds for the TCP connection.
        answer_s: seconds for each answer.
    """
    heard = _Heard()
    talk = credentials or Credentials(address.user, address.password)
    ended: RunEnded | None = None
    here = address
    for _ in range(1 + _MAX_REDIRECTS):
        try:
            there = await _ask(here, talk, heard, connect_s, answer_s)
        except RunEnded as error:
            ended = error
            break
        except MalformedError as error:
            ended = RunEnded(Cause.GARBLED, error.message)
            break
        except TimeoutError:
            what = "answer" if heard.reachable else "TCP connection"
            ended = RunEnded(Cause.UNREACHABLE, f"no {what} from {here.authority} in time")
            break
        except OSError as error:
            reason = error.strerror or type(error).__name__
            ended = RunEnded(Cause.UNREACHABLE, f"{here.authority}: {reason}")
            break
        if there is None:
            break
        here = there
    return heard.as_described(ended)


async def _ask(
    address: Address, talk: Credentials, heard: _Heard, connect_s: float, answer_s: float
) -> Address | None:
    """OPTIONS and DESCRIBE on one connection; an address if the camera redirects."""
    if address.scheme == "rtsps":
        raise RunEnded(Cause.FORMAT_REFUSED, "rtsps:// is not taken by our own source")
    async with asyncio.timeout(connect_s):
        reader, writer = await asyncio.open_connection(address.host, address.port, limit=_READ)
    heard.reachable = True
    try:
        peer = str(writer.get_extra_info("peername")[0])
        handshake = Handshake(address, peer=peer, credentials=talk)
        messages = Messages()
        asking: object = handshake.begin()
        until = asyncio.get_running_loop().time() + WHOLE_S
        read = 0
        while isinstance(asking, bytes):
            if asking.startswith(b"SETUP "):
                return None
            writer.write(asking)
            async with asyncio.timeout_at(until), asyncio.timeout(answer_s):
                await writer.drain()
                asking = None
                while asking is None:
                    message = messages.take()
                    if message is None:
                        data = await reader.read(_READ)
                        if not data:
                            raise RunEnded(
                                Cause.UNREACHABLE,
                                "the camera closed the connection instead of answering",
                            )
                        read += len(data)
                        if read > MAX_HEARD:
                            raise MalformedError(f"{MAX_HEARD} bytes and no description")
                        await asyncio.sleep(0)  # a read returns at once while there is data
                        messages.feed(data)
                        continue
                    if isinstance(message, Response):
                        heard.note(message)
                    try:
                        asking = handshake.receive(message)
                    finally:
                        heard.server = handshake.server or heard.server
        return asking  # type: ignore[return-value]  # neither bytes nor, before SETUP, a Session
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.5):
                await writer.wait_closed()
