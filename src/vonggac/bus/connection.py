"""A connection to NATS with every limit set, and the library's habits kept inside.

What nats-py does by default and must not here (read in its source, 2.16): drop a server after 60
tries, hold 128 MiB a subscription, refuse publications after 2 MiB while disconnected, answer
requests under `_INBOX`. Its connection can also close for good, when the server refuses the
credentials: `closed` tells, and whoever owns the connection opens another.

Everything here belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp
import nats.errors
from nats.aio.client import Client

from vonggac import log
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id, tls
from vonggac.mailbox import Closed, Mailbox, Overflow

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription as NatsSubscription

    from vonggac.keys import Credential

_log = log.get(__name__)

CONNECT_S: Final = 5.0
"""Seconds until a first connection must stand; on loopback it takes 5 ms, over 200 ms RTT 1 s."""
RECONNECT_WAIT_S: Final = 0.5
"""Seconds between two tries of a connection that broke; it tries for ever."""
PING_S: Final = 10
"""Seconds between two pings of ours; two unanswered end the connection (30 s at most)."""
PENDING_BYTES: Final = 8 * 1024 * 1024
"""Bytes that wait for the socket at most before `publish` waits or, while disconnected, refuses."""
FLUSH_S: Final = 5.0
"""Seconds that `publish` waits for room before it goes on; stuck sockets are found by the ping."""
TRANSIT_MESSAGES: Final = 1_024
"""Messages between nats-py's parser and our mailbox; its task moves them at once."""
TRANSIT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the same: four of the largest messages."""
DRAIN_S: Final = 2
"""Seconds that a closing connection gives to what is under way."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that arrived."""

    subject: str
    payload: bytes
    headers: Mapping[str, str]
    reply: str

    @property
    def nobody(self) -> bool:
        """Whether this is the server's word that nobody listens where a question went."""
        return not self.payload and self.headers.get("Status") == "503"


class Subscription:
    """Messages of one pattern, in a bounded mailbox."""

    def __init__(
        self,
        subject: str,
        mailbox: Mailbox[Message],
        siblings: set[Mailbox[Message]],
        subscribed: NatsSubscription,
    ) -> None:
        self.subject = subject
        """The pattern."""
        self._mailbox = mailbox
        self._siblings = siblings
        self._subscribed: NatsSubscription | None = subscribed

    @property
    def lost(self) -> int:
        """Messages dropped because the reader was slow."""
        return self._mailbox.lost

    async def get(self) -> Message:
        """The next message.

        Raises:
            Closed: the subscription or its connection is closed, and everything was read.
        """
        return await self._mailbox.get()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Message]:
        with contextlib.suppress(Closed):
            while True:
                yield await self._mailbox.get()

    async def close(self) -> None:
        """Stop receiving. Closing twice is harmless."""
        self._mailbox.close()
        self._siblings.discard(self._mailbox)
        subscribed, self._subscribed = self._subscribed, None
        if subscribed is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscribed.unsubscribe()


class Connection:
    """One connection to NATS; made by `connect`."""

    def __init__(self, name: str, inbox: str) -> None:
        self.name = name
        self.asker = new_id()
        """Stands as `<grant>` in what JetStream of a server below answers to this connection."""
        self.errors: Counter[str] = Counter()
        """Errors met, by type; for the metrics."""
        self.reconnects = 0
        self.closed = asyncio.Event()
        """Set when the connection is over for good; it never comes back by itself."""
        self.why_closed = ""
        self.denied: list[str] = []
        """The last subjects that the server refused, at most 32; a bug or an attack."""
        self._client = Client()
        self._inbox = inbox
        self._numbers = itertools.count(1)
        self._waiting: dict[str, Mailbox[Message]] = {}
        self._replies: dict[str, Subscription] = {}
        self._mailboxes: set[Mailbox[Message]] = set()
        self._refused: asyncio.Future[str] | None = None

    @property
    def connected(self) -> bool:
        """Whether it stands at this moment."""
        return bool(self._client.is_connected)

    @property
    def backlog(self) -> int:
        """Bytes that wait for the socket; whoever sends what may be dropped looks here first."""
        return int(self._client.pending_data_size)

    @property
    def bytes_published(self) -> int:
        """Payload bytes handed to the library since it connected."""
        return int(self._client.stats["out_bytes"])

    async def open(
        self,
        url: str,
        credential: Credential,
        *,
        origin: str | None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Connect; called once, by `connect`."""
        loop = asyncio.get_running_loop()
        self._refused = loop.create_future()
        key = credential.key
        opening = loop.create_task(
            self._client.connect(
                url,
                name=self.name,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnect,
                reconnected_cb=self._on_reconnect,
                closed_cb=self._on_close,
                allow_reconnect=True,
                connect_timeout=int(CONNECT_S),
                reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # used as float
                max_reconnect_attempts=-1,
                ping_interval=PING_S,
                max_outstanding_pings=2,
                no_echo=True,
                drain_timeout=DRAIN_S,
                user_jwt_cb=lambda: bytearray(credential.token.encode()),
                signature_cb=lambda nonce: base64.b64encode(key.sign(nonce.encode())),
                inbox_prefix=self._inbox,
                pending_size=PENDING_BYTES,
                flush_timeout=FLUSH_S,
                tls=context,
                # The server waits for it, so nobody between can pretend that it wants no TLS.
                tls_handshake_first=url.startswith("tls://"),
                ws_connection_headers={"Origin": [origin]} if origin else None,
            )
        )
        try:
            await asyncio.wait(
                (opening, self._refused), timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not opening.done():
                why = self._refused.result() if self._refused.done() else "no answer"
                kind = Kind.FORBIDDEN if self._refused.done() else Kind.UNAVAILABLE
                raise VonggacError(kind, f"cannot connect to NATS at {url}: {why}")
            opening.result()
        except (OSError, nats.errors.Error) as error:
            raise VonggacError(Kind.UNAVAILABLE, f"cannot connect to NATS at {url}") from error
        finally:
            refused, self._refused = self._refused, None
            refused.cancel()
            if not opening.done():
                opening.cancel()
                await asyncio.wait((opening,))
                with contextlib.suppress(nats.errors.Error, OSError):
                    await self._client.close()

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        reply: str = "",
    ) -> None:
        """Send a message; waits while the socket is behind.

        Raises:
            VonggacError: UNAVAILABLE while disconnected with nothing left to buffer in, or closed;
                TOO_LARGE above the server's limit.
        """
        try:
            await self._client.publish(subject, payload, reply=reply, headers=headers)
        except nats.errors.MaxPayloadError as error:
            raise VonggacError(Kind.TOO_LARGE, "the message exceeds the server's limit") from error
        except (nats.errors.Error, OSError) as error:
            raise VonggacError(
                Kind.UNAVAILABLE, f"cannot publish: {type(error).__name__}"
            ) from error

    async def subscribe(
        self, subject: str, *, capacity: int, overflow: Overflow = Overflow.DROP_OLDEST
    ) -> Subscription:
        """Receive what matches a pattern.

        Args:
            subject: the pattern.
            capacity: messages that wait for the reader at most.
            overflow: what happens beyond that.

        Raises:
            VonggacError: UNAVAILABLE: the connection is closed.
        """
        mailbox: Mailbox[Message] = Mailbox(f"{self.name} {subject}", capacity, overflow)

        def put(message: Message) -> None:
            with contextlib.suppress(Closed):
                mailbox.put(message)

        subscription = await self.listen(subject, put, mailbox)
        self._mailboxes.add(mailbox)
        return subscription

    async def listen(
        self,
        subject: str,
        arrived: Callable[[Message], None],
        mailbox: Mailbox[Message] | None = None,
    ) -> Subscription:
        """Have a function called for what matches a pattern; it must not wait.

        Raises:
            VonggacError: UNAVAILABLE: the connection is closed.
        """

        async def arrive(message: Msg) -> None:
            arrived(_message(message))

        try:
            subscribed = await self._client.subscribe(
                subject,
                cb=arrive,
                pending_msgs_limit=TRANSIT_MESSAGES,
                pending_bytes_limit=TRANSIT_BYTES,
            )
        except (nats.errors.Error, OSError) as error:
            raise VonggacError(
                Kind.UNAVAILABLE, f"cannot subscribe: {type(error).__name__}"
            ) from error
        # A listener has no mailbox of its own; the one here is never filled.
        own = (
            mailbox
            if mailbox is not None
            else Mailbox[Message](f"{self.name} {subject}", 1, Overflow.REFUSE)
        )
        return Subscription(subject, own, self._mailboxes, subscribed)

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 5.0,
        answered: str | None = None,
    ) -> Message:
        """Ask the server itself (JetStream, $SYS); the reply comes under this user's own prefix.

        Questions to a site go through `Asker`.

        Args:
            subject: where the question goes.
            payload: the question.
            headers: of the message.
            timeout: seconds until the answer.
            answered: another prefix for the reply, where it comes from a server below.

        Raises:
            VonggacError: TIMED_OUT, or UNAVAILABLE: nobody listens there.
        """
        async with self.inbox(1, answered) as (reply, mailbox):
            await self.publish(subject, payload, headers=headers, reply=reply)
            try:
                async with asyncio.timeout(timeout):
                    answer = await mailbox.get()
            except TimeoutError:
                raise VonggacError(Kind.TIMED_OUT, f"no answer from {subject}") from None
            except Closed:
                raise VonggacError(Kind.UNAVAILABLE, "the connection closed") from None
        if answer.nobody:
            raise VonggacError(Kind.UNAVAILABLE, f"nobody answers at {subject}")
        return answer

    @contextlib.asynccontextmanager
    async def inbox(
        self, capacity: int, prefix: str | None = None
    ) -> AsyncIterator[tuple[str, Mailbox[Message]]]:
        """A reply subject of this user's own, and the mailbox of what comes to it."""
        prefix = self._inbox if prefix is None else prefix
        if prefix not in self._replies:
            self._replies[prefix] = await self.listen(f"{prefix}.>", self._replied)
        number = str(next(self._numbers))
        mailbox: Mailbox[Message] = Mailbox(f"{self.name} replies", capacity, Overflow.REFUSE)
        self._waiting[number] = mailbox
        try:
            yield f"{prefix}.{number}", mailbox
        finally:
            del self._waiting[number]

    def own_subject(self) -> str:
        """A fresh subject that this user alone may subscribe."""
        return f"{self._inbox}.own.{next(self._numbers)}"

    def _replied(self, message: Message) -> None:
        mailbox = self._waiting.get(message.subject.rpartition(".")[2])
        if mailbox is not None:
            with contextlib.suppress(Closed):
                mailbox.put(message)

    async def flush(self, timeout: float = 5.0) -> None:
        """Return when the server has taken everything sent so far, subscriptions included.

        Raises:
            VonggacError: TIMED_OUT or UNAVAILABLE.
        """
        try:
            # nats-py 2.16 writes flush's PING past what still waits in its list, so that the PONG
            # would prove nothing: let the list go first.
            async with asyncio.timeout(timeout):
                while (  # noqa: ASYNC110 - the library tells of no event; turns of the loop, no time
                    self._client.is_connected and self._client.pending_data_size > 0
                ):
                    await asyncio.sleep(0)
            await self._client.flush(max(1, round(timeout)))
        except (nats.errors.TimeoutError, TimeoutError):
            raise VonggacError(Kind.TIMED_OUT, "the NATS server does not answer") from None
        except (nats.errors.Error, OSError) as error:
            raise VonggacError(Kind.UNAVAILABLE, "the connection is closed") from error

    async def close(self) -> None:
        """Send what waits, then close. Closing twice is harmless; never raises."""
        if self._client.is_closed:
            self._end()
            return
        try:
            async with asyncio.timeout(DRAIN_S + 1):
                await self._client.drain()
        except (nats.errors.Error, OSError, TimeoutError):
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._client.close()
        self._end()

    def _end(self) -> None:
        for mailbox in (*self._mailboxes, *self._waiting.values()):
            mailbox.close()
        self.closed.set()

    async def _on_error(self, error: Exception) -> None:
        self.errors[type(error).__name__] += 1
        text = str(error)
        lower = text.lower()
        if "authorization violation" in lower or "authentication" in lower:
            self.why_closed = text
            self._refuse("the credentials are refused")
        if isinstance(error, aiohttp.WSServerHandshakeError) and error.status in (401, 403):
            self._refuse("the page's origin is refused")
        if "permissions violation" in lower:
            self.denied = [*self.denied[-31:], text]
            _log.warning("bus.permission_denied", connection=self.name, message=text)
        else:
            _log.debug("bus.error_met", connection=self.name, error=type(error).__name__)

    def _refuse(self, why: str) -> None:
        if self._refused is not None and not self._refused.done():
            self._refused.set_result(why)

    async def _on_disconnect(self) -> None:
        _log.info("bus.disconnected", connection=self.name)

    async def _on_reconnect(self) -> None:
        self.reconnects += 1
        _log.info("bus.reconnected", connection=self.name)

    async def _on_close(self) -> None:
        self.why_closed = self.why_closed or str(self._client.last_error or "closed")
        self._end()


async def connect(
    url: str,
    credential: Credential,
    *,
    name: str,
    origin: str | None = None,
    trusted: Path | None = None,
) -> Connection:
    """Connect to NATS (nats://, tls://, ws:// or wss://).

    Args:
        url: address of the server.
        credential: who we are.
        name: what the server's logs call this connection.
        origin: for WebSocket alone: what a browser would send as its page's origin.
        trusted: for tls:// and wss://: the authority that must have signed the server's
            certificate; without it those that this machine trusts.

    Raises:
        ConfigError: `trusted` cannot be read.
        VonggacError: UNAVAILABLE: no server there, or not the right one, within `CONNECT_S`;
            FORBIDDEN: it refuses us.
    """
    connection = Connection(name, credential.inbox)
    context = None if trusted is None else tls.client_context(trusted)
    await connection.open(url, credential, origin=origin, context=context)
    return connection


def _message(message: Msg) -> Message:
    return Message(message.subject, message.data, message.headers or {}, message.reply)
