"""Questions to a site: sent, their chunks put together, credit given, errors raised.

The same for a hub process and for a viewer in Python (the tests); a browser does it in
`web/static/js`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Final

import msgspec

from vonggac import wire
from vonggac.errors import Kind, VonggacError
from vonggac.mailbox import Closed, Mailbox, Overflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from vonggac.bus.connection import Connection, Message, Subscription

ANSWER_S: Final = 10.0
"""Seconds until the first chunk, and between two: what the edge waits for credit."""
MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of an answer that `ask` puts together; longer ones are read with `question`."""
MAX_QUESTIONS: Final = 1_024
"""Questions under way at once from one process."""


class Question:
    """An answer under way; read it chunk by chunk. Made by `Asker.question`."""

    def __init__(self, mailbox: Mailbox[Message], asker: Asker, reply: str, timeout: float) -> None:
        self._mailbox = mailbox
        self._asker = asker
        self._reply = reply
        self._timeout = timeout
        self._expected = 0
        self._first: bytes | None = None
        self._last = False
        self.head: dict[str, str] = {}
        """Headers of the first chunk: `Vg-Type`, `Vg-Total`, `Vg-Etag`."""

    async def begin(self) -> None:
        """Wait for the first chunk.

        Raises:
            VonggacError: the error that the site answered; TIMED_OUT; UNAVAILABLE: the site's
                link is down.
        """
        self._first = await self._next()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        chunk = self._first
        if chunk is None:
            chunk = await self._next()
        self._first = None
        credit = self.head.get(wire.CREDIT, "")
        while True:
            yield chunk
            if self._last:
                return
            if credit:
                await self._asker.credit(credit, self._reply)
            chunk = await self._next()

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                message = await self._mailbox.get()
        except TimeoutError:
            raise VonggacError(Kind.TIMED_OUT, "the site did not answer in time") from None
        except Closed:
            raise VonggacError(Kind.UNAVAILABLE, "the connection closed") from None
        if message.nobody:
            raise VonggacError(Kind.UNAVAILABLE, "nobody answers for this site: its link is down")
        status = message.headers.get(wire.STATUS)
        if status != wire.OK:
            raise fault(message.payload, status)
        if message.headers.get(wire.PART) != str(self._expected):
            raise VonggacError(Kind.CORRUPT, "a chunk of the answer is missing; ask again")
        if self._expected == 0:
            self.head = dict(message.headers)
        self._expected += 1
        self._last = message.headers.get(wire.LAST) == "1"
        return message.payload


class Asker:
    """Asks sites, and gives each answer to whoever asked. Belongs to one event loop.

    Args:
        hub: id of the hub.
        asker: id that stands as `<grant>` in the subjects: a viewer's grant, or an id that a hub
            process made for itself and puts into all its own grants.
        asking: the connection that publishes questions.
        listening: the connections on which answers can come (control and media, or one).
    """

    def __init__(
        self, hub: str, asker: str, asking: Connection, listening: Sequence[Connection]
    ) -> None:
        self.hub = hub
        self.id = asker
        self._asking = asking
        self._listening = listening
        self._numbers = itertools.count(1)
        self._open: dict[str, Mailbox[Message]] = {}
        self._subscriptions: list[Subscription] = []

    async def start(self, site: str = "*", *, hub: str | None = None) -> None:
        """Listen for answers from one site, or from all; return when the server knows.

        Args:
            site: its id, or "*".
            hub: "*" for answers of sites that enrolled at hubs below, too.

        Raises:
            VonggacError: UNAVAILABLE: a connection is closed.
        """
        for connection in self._listening:
            pattern = wire.replies(hub or self.hub, site, self.id)
            self._subscriptions.append(await connection.listen(pattern, self._arrived))
            await connection.flush()

    async def stop(self) -> None:
        """Listen no more; questions under way end with UNAVAILABLE."""
        for subscription in self._subscriptions:
            await subscription.close()
        for mailbox in self._open.values():
            mailbox.close()

    def _arrived(self, message: Message) -> None:
        mailbox = self._open.get(message.subject.rpartition(".")[2])
        if mailbox is not None:
            with contextlib.suppress(Closed):
                mailbox.put(message)

    @contextlib.asynccontextmanager
    async def question(
        self,
        site: str,
        verb: wire.Verb,
        camera: str,
        body: msgspec.Struct,
        grant: str,
        *,
        timeout: float = ANSWER_S,
        window: int = wire.DEFAULT_WINDOW,
        hub: str | None = None,
    ) -> AsyncIterator[Question]:
        """Ask, and read the answer chunk by chunk; leaving early is harmless.

        Args:
            site: whom.
            verb: what.
            camera: about which camera, or `wire.NO_CAMERA`.
            body: the verb's struct of `wire.ASKS`.
            grant: the grant token.
            timeout: seconds until the first chunk, and between two.
            window: chunks under way at once.
            hub: that enrolled the site, if it is one below.

        Raises:
            VonggacError: as `Question.begin`; TOO_MANY questions under way.
        """
        if len(self._open) >= MAX_QUESTIONS:
            raise VonggacError(Kind.TOO_MANY, "too many questions are under way; try again")
        number = str(next(self._numbers))
        through = hub or self.hub
        reply = str(wire.ReplySubject(through, site, self.id, number))
        # One more than the window: an error may follow chunks that nobody has read yet.
        mailbox: Mailbox[Message] = Mailbox("answer", window + 1, Overflow.REFUSE)
        self._open[number] = mailbox
        try:
            await self._asking.publish(
                str(wire.AskSubject(through, site, verb, camera, self.id)),
                msgspec.json.encode(body),
                headers={wire.GRANT: grant, wire.WINDOW: str(window)},
                reply=reply,
            )
            question = Question(mailbox, self, reply, timeout)
            await question.begin()
            yield question
        finally:
            del self._open[number]

    async def ask(
        self,
        site: str,
        verb: wire.Verb,
        camera: str,
        body: msgspec.Struct,
        grant: str,
        *,
        timeout: float = ANSWER_S,
        hub: str | None = None,
    ) -> tuple[dict[str, str], bytes]:
        """Ask, and put the whole answer together.

        Returns:
            The headers of its first message, and the joined payloads.

        Raises:
            VonggacError: as `question`; TOO_LARGE above `MAX_ANSWER`.
        """
        async with self.question(
            site, verb, camera, body, grant, timeout=timeout, hub=hub
        ) as question:
            chunks: list[bytes] = []
            size = 0
            async for chunk in question:
                size += len(chunk)
                if size > MAX_ANSWER:
                    raise VonggacError(Kind.TOO_LARGE, "the answer is too long to hold")
                chunks.append(chunk)
            return question.head, b"".join(chunks)

    async def credit(self, subject: str, reply: str) -> None:
        """Tell the site that a chunk was read."""
        await self._asking.publish(subject, b'{"chunks":1}', reply=reply)


def fault(payload: bytes, status: str | None) -> VonggacError:
    """The error that an answer carries."""
    try:
        told = msgspec.json.decode(payload, type=wire.Fault)
        return VonggacError(told.kind, told.message, **told.detail)
    except wire.UNREADABLE:
        return VonggacError(Kind.INTERNAL, f"the site answered {status!r} and no reason")


def nats_status(error: BaseException) -> wire.Fault:
    """What an error looks like on the bus: the one place where kinds meet NATS.

    `Vg-Status` is the fault's kind. What is not ours tells its type to the log alone.
    """
    if isinstance(error, VonggacError):
        detail = {name: str(value) for name, value in error.detail.items() if value is not None}
        return wire.Fault(error.kind, error.message, detail)
    if isinstance(error, TimeoutError):
        return wire.Fault(Kind.TIMED_OUT, "it took too long")
    return wire.Fault(Kind.INTERNAL, "something failed at the site; see its log")
