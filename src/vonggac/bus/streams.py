"""What must not be lost: facts upward through LEDGER, orders downward through WANT.

JetStream's own JSON API is spoken here directly: seven calls, so that replies come under the
user's own prefix and every limit is in sight (docs.nats.io, "JetStream wire API reference").
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec

from vonggac import log, wire
from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.keys import HUB_CONSUMER, LEDGER, WANT
from vonggac.mailbox import Closed, Overflow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from vonggac.bus.connection import Connection, Message, Subscription

_log = log.get(__name__)

LEDGER_BYTES: Final = 1024**3
"""Bytes of LEDGER: at 100 cameras some 4 MB a day of facts, so most of a year without a parent."""
WANT_BYTES: Final = 64 * 1024 * 1024
"""Bytes of WANT: one message a subject."""
DUPLICATES_NS: Final = 120 * 1_000_000_000
"""How long JetStream remembers message ids; order itself is kept by the expected sequence."""
LIFE: Final = 2**32
"""Numbers of a ledger that one life of its box has for itself; 2^20 lives fit into JSON's 2^53."""
BATCH: Final = 256
"""Facts under way to or from JetStream at once: 256 x 1 kB on average, 64 MiB at worst."""
ACK_WAIT_NS: Final = 3_600 * 1_000_000_000
"""JetStream's own redelivery is kept out of the way: it would mix old facts among new ones, and
with one acknowledgement a batch that loses facts. `LedgerReader.begin` goes back instead."""
CALL_S: Final = 5.0
"""Seconds for JetStream to answer."""

_NO_MESSAGE: Final = 10037
_NOT_FOUND: Final = frozenset({10059, _NO_MESSAGE, 10014})
# stream, message, consumer: server/errors.json of nats-server 2.14

T = TypeVar("T")


class ApiError(msgspec.Struct):
    """What JetStream answers in place of what was asked for."""

    code: int
    description: str = ""
    err_code: int = 0


class _State(msgspec.Struct):
    messages: int
    last_seq: int
    bytes: int = 0


class _StreamInfo(msgspec.Struct):
    error: ApiError | None = None
    state: _State | None = None


class _Stored(msgspec.Struct):
    subject: str
    seq: int
    data: str = ""


class _StoredMessage(msgspec.Struct):
    error: ApiError | None = None
    message: _Stored | None = None


class _Ack(msgspec.Struct):
    error: ApiError | None = None
    seq: int = 0
    duplicate: bool = False


class _Floor(msgspec.Struct):
    stream_seq: int = 0


class _ConsumerInfo(msgspec.Struct):
    error: ApiError | None = None
    ack_floor: _Floor | None = None
    num_pending: int = 0


class _Consumers(msgspec.Struct):
    error: ApiError | None = None
    consumers: list[str] | None = None


class _Deleted(msgspec.Struct):
    error: ApiError | None = None


class _Revision(msgspec.Struct):
    revision: Annotated[int, msgspec.Meta(ge=0)]


async def ensure_streams(connection: Connection, hub: str, site: str, *, life: int = 0) -> None:
    """Make LEDGER and WANT at a site, or bring them to their present settings.

    Nobody can delete a message or purge: a ledger only grows old. One that is made again, because
    the disk was lost, counts on from its life: hubs above keep their place in it by number.

    Args:
        connection: of the edge, or the hub's own.
        hub: id of the hub in the subjects.
        site: whose.
        life: greater than any before in which these streams were made.

    Raises:
        VonggacError: UNAVAILABLE or TIMED_OUT: JetStream does not answer; CONFLICT: it refuses.
    """
    common: dict[str, object] = {
        "storage": "file",
        "num_replicas": 1,
        "deny_delete": True,
        "deny_purge": True,
        "duplicate_window": DUPLICATES_NS,
        "compression": "s2",
    }
    ledger = {
        "name": LEDGER,
        "subjects": [wire.facts(hub, site)],
        "retention": "limits",
        "discard": "old",
        "max_bytes": LEDGER_BYTES,
        "max_msg_size": wire.MAX_FACT + 4_096,
        **common,
    }
    want = {
        "name": WANT,
        "subjects": [wire.wants(hub, site)],
        "retention": "limits",
        "discard": "old",
        "max_bytes": WANT_BYTES,
        "max_msgs_per_subject": 1,
        "max_msg_size": wire.MAX_HUB_QUESTION + 4_096,
        **common,
    }
    for configuration in (ledger, want):
        name = str(configuration["name"])
        there = await call(connection, f"STREAM.INFO.{name}", None, _StreamInfo)
        if there.error is None:
            verb, made = "UPDATE", configuration
        else:
            verb = "CREATE"
            made = configuration | {"first_seq": life * LIFE + 1}
        done = await call(connection, f"STREAM.{verb}.{name}", made, _StreamInfo)
        if done.error is not None:
            raise refusal(done.error, f"the stream {name}")


class LedgerWriter:
    """Puts a site's envelopes into its LEDGER: in order, each once, and finds its own place.

    No cursor is kept beside the stream: what JetStream really holds is the cursor, so that a power
    cut which took its last messages (it syncs every 5 s) makes the edge send them again. One
    writer a site; a second one is refused by the expected sequence.

    Args:
        connection: the edge's control connection.
        hub: id of the hub.
        site: id of the site.
    """

    def __init__(self, connection: Connection, hub: str, site: str) -> None:
        self._connection = connection
        self._hub = hub
        self._site = site
        self._last_sequence: int | None = None

    async def position(self) -> tuple[int, int] | None:
        """(epoch, sequence) of the last envelope that JetStream holds; None if it holds none.

        Raises:
            VonggacError: UNAVAILABLE or TIMED_OUT.
        """
        info = await call(self._connection, f"STREAM.INFO.{LEDGER}", None, _StreamInfo)
        if info.error is not None or info.state is None:
            raise refusal(info.error, LEDGER)
        self._last_sequence = info.state.last_seq
        if info.state.messages == 0:
            return None
        stored = await call(
            self._connection,
            f"STREAM.MSG.GET.{LEDGER}",
            {"seq": info.state.last_seq},
            _StoredMessage,
        )
        if stored.message is None:
            raise refusal(stored.error, LEDGER)
        envelope = wire.decode_envelope(base64.b64decode(stored.message.data))
        return envelope.epoch, envelope.sequence

    async def put(self, envelopes: Sequence[tuple[wire.Envelope, wire.FactSubject]]) -> None:
        """Store up to `BATCH` envelopes; return when all are stored.

        Raises:
            VonggacError: TIMED_OUT, UNAVAILABLE, CONFLICT (somebody else wrote, or the stream is
                full): call `position` and go on from there. Those before the first that failed
                may be stored, those after it are not.
        """
        if self._last_sequence is None:
            await self.position()
        assert self._last_sequence is not None
        expected, self._last_sequence = self._last_sequence, None
        async with self._connection.inbox(len(envelopes)) as (reply, mailbox):
            for ahead, (envelope, subject) in enumerate(envelopes):
                await self._connection.publish(
                    str(subject),
                    wire.encode_envelope(envelope),
                    headers={
                        "Nats-Msg-Id": envelope.message_id,
                        "Nats-Expected-Stream": LEDGER,
                        "Nats-Expected-Last-Sequence": str(expected + ahead),
                    },
                    reply=reply,
                )
            for _ in envelopes:
                answer = await _soon(mailbox.get())
                if answer.nobody:
                    raise VonggacError(Kind.UNAVAILABLE, "the site has no LEDGER: make it again")
                ack = _decode(answer.payload, _Ack)
                if ack.error is not None:
                    raise refusal(ack.error, LEDGER)
                if ack.duplicate:
                    raise VonggacError(Kind.CONFLICT, "a fact is in the ledger already")
        self._last_sequence = expected + len(envelopes)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A fact as it came out of a ledger; not verified, and perhaps not even an envelope."""

    subject: str
    payload: bytes
    sequence: int
    """In the stream it was read from."""
    number: int
    """Counts what this consumer was given, from 1, without holes."""
    behind: int
    """How many more the stream held when this one left it."""


class LedgerReader:
    """Reads a ledger in order, in batches, each returned again until it is acknowledged.

    Args:
        connection: the hub's control connection. One reader a stream at a time: a second one's
            `begin` takes the place of the first, whose next `batch` then raises.
        stream: `LEDGER`, that of this machine's own box, or `LEDGERS`, of all below (`follow`).
    """

    def __init__(self, connection: Connection, stream: str = LEDGER) -> None:
        self._connection = connection
        self._stream = stream
        self._held: list[Delivery] = []
        self._consumer = ""
        self._ack = ""
        self._number = 0
        self._due = 0
        """What the request under way may still deliver."""
        self._arriving: Subscription | None = None

    async def begin(self) -> None:
        """Make the hub's consumer anew, behind the last fact that was acknowledged.

        Raises:
            VonggacError: NOT_FOUND: the stream is not made yet; UNAVAILABLE, TIMED_OUT.
        """
        floor = await self._end_others()
        self._consumer = f"{HUB_CONSUMER}-{secrets.token_hex(16)}"
        name = f"{self._stream}.{self._consumer}"
        configuration = {
            "durable_name": self._consumer,
            "name": self._consumer,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": floor + 1,
            "ack_policy": "all",  # one acknowledgement a batch
            "ack_wait": ACK_WAIT_NS,
            "max_ack_pending": BATCH,
            "max_waiting": 4,
            "replay_policy": "instant",
        }
        made = await call(
            self._connection,
            f"CONSUMER.CREATE.{name}",
            {"stream_name": self._stream, "config": configuration},
            _ConsumerInfo,
        )
        if made.error is not None:
            raise refusal(made.error, self._stream)
        if self._arriving is not None:
            await self._arriving.close()
        # Deliveries keep the subject of the fact, so they need a subscription of their own. What
        # is not acknowledged never exceeds BATCH; the rest is room for the server's own words.
        self._arriving = await self._connection.subscribe(
            self._connection.own_subject(), capacity=BATCH + 64, overflow=Overflow.REFUSE
        )
        self._held = []
        self._number = self._due = 0

    async def _end_others(self) -> int:
        """Take the place of the readers before this one; up to where they acknowledged."""
        names = await call(self._connection, f"CONSUMER.NAMES.{self._stream}", {}, _Consumers)
        if names.error is not None:
            raise refusal(names.error, self._stream)
        floors = []
        for name in (one for one in names.consumers or () if one.startswith(HUB_CONSUMER)):
            place = f"{self._stream}.{name}"
            before = await call(self._connection, f"CONSUMER.INFO.{place}", None, _ConsumerInfo)
            if before.error is not None:
                raise refusal(before.error, self._stream)
            floors.append(before.ack_floor.stream_seq if before.ack_floor else 0)
            # If we end after this call, every fact comes again: idempotent, never lost.
            await call(self._connection, f"CONSUMER.DELETE.{place}", None, _Deleted)
        return min(floors, default=0)

    async def batch(self, wait_s: float = 5.0) -> list[Delivery]:
        """The next facts, at most `BATCH`; empty when none came in `wait_s` seconds.

        After they are committed call `done`; until then the same ones are returned again.

        Raises:
            VonggacError: UNAVAILABLE or TIMED_OUT; then `begin` again.
        """
        if self._held:
            return self._held
        if self._arriving is None:
            raise VonggacError(Kind.UNAVAILABLE, "begin() comes before batch()")
        deliveries: list[Delivery] = []
        if self._due <= 0:  # else the last request still stands, and max_waiting is small
            self._due = BATCH
            await self._connection.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
                msgspec.json.encode({"batch": BATCH, "expires": round(wait_s * 1e9)}),
                reply=self._arriving.subject,
            )
        while len(deliveries) < BATCH:
            message = await _soon(self._arriving.get(), wait_s + CALL_S)
            status = message.headers.get("Status")
            if status is None:
                delivery = _delivery(message)
                self._number += 1
                self._due -= 1
                if delivery.number != self._number:
                    raise VonggacError(Kind.UNAVAILABLE, "a delivery was lost on the way")
                deliveries.append(delivery)
                self._ack = message.reply
                if delivery.behind == 0 or self._due <= 0:
                    break  # a request that was given everything is not answered any more
            elif message.nobody:
                raise VonggacError(Kind.UNAVAILABLE, "the hub's consumer is not there")
            elif status == "409":
                raise VonggacError(
                    Kind.UNAVAILABLE,
                    f"the consumer ended: {message.headers.get('Description', status)}",
                )
            elif status != "100":
                self._due = 0
                break  # 404: none; 408: the time of this or of an earlier call is up
        self._held = deliveries
        return deliveries

    async def done(self) -> None:
        """Acknowledge what `batch` returned; call it after the commit.

        Raises:
            VonggacError: UNAVAILABLE: the facts will come again.
        """
        if self._held:
            await self._connection.publish(self._ack, b"+ACK")
            self._held = []


async def order(
    connection: Connection, subject: wire.WantSubject, want: wire.Want, *, below: bool = False
) -> bool:
    """Put an order into a site's WANT, unless it already holds this revision or a later one.

    Args:
        connection: the hub's control connection.
        subject: the site and what is ordered of it.
        want: the order.
        below: the site's box has a server of its own, which joins this one.

    Returns:
        Whether it was written.

    Raises:
        VonggacError: CONFLICT: another hub process wrote at the same moment; UNAVAILABLE: the
            site's link is down, send it again when the site is back; TIMED_OUT: it fell silent.
    """
    reach = _reach(connection, subject, below=below)
    stored = await _last(connection, subject, reach)
    if stored is not None:
        with contextlib.suppress(*wire.UNREADABLE):
            held = msgspec.json.decode(base64.b64decode(stored.data), type=_Revision)
            if held.revision >= want.revision:
                return False
    answer = await connection.request(
        str(subject),
        msgspec.json.encode(want),
        headers={
            "Nats-Expected-Stream": WANT,
            "Nats-Expected-Last-Subject-Sequence": str(stored.seq if stored else 0),
        },
        timeout=CALL_S,
        answered=reach.answered,
    )
    ack = _decode(answer.payload, _Ack)
    if ack.error is not None:
        raise refusal(ack.error, WANT)
    return True


async def last_order(
    connection: Connection, subject: wire.WantSubject, *, below: bool = False
) -> wire.Want | None:
    """What a site's WANT holds under this key, or None.

    Args:
        connection: of the edge, or the hub's control connection.
        subject: the site and what is ordered of it.
        below: as `order`.

    Raises:
        VonggacError: UNAVAILABLE or TIMED_OUT.
        MalformedError: what it holds is no order.
    """
    stored = await _last(connection, subject, _reach(connection, subject, below=below))
    return None if stored is None else decode_want(base64.b64decode(stored.data))


async def held_orders(connection: Connection, hub: str, site: str) -> list[tuple[str, bytes]]:
    """Everything that the WANT of this machine holds for its box: subjects and payloads.

    Args:
        connection: of the edge.
        hub: id of the hub in the subjects of this machine.
        site: id of the site.

    Raises:
        VonggacError: UNAVAILABLE or TIMED_OUT.
    """
    found: list[tuple[str, bytes]] = []
    number = 1
    while True:
        body = {"seq": number, "next_by_subj": wire.wants(hub, site)}
        told = await call(connection, f"STREAM.MSG.GET.{WANT}", body, _StoredMessage)
        if told.error is None and told.message is not None:
            found.append((told.message.subject, base64.b64decode(told.message.data)))
            number = told.message.seq + 1
        elif told.error is not None and told.error.err_code == _NO_MESSAGE:
            return found
        else:
            raise refusal(told.error, WANT)


def decode_want(payload: bytes) -> wire.Want:
    """Read an order as it arrives on its subject.

    Raises:
        MalformedError: it is none.
    """
    try:
        return msgspec.json.decode(payload, type=wire.Want)
    except wire.UNREADABLE as error:
        raise MalformedError(f"not an order: {error}") from error


async def revoke(system: Connection, claims: str) -> None:
    """Give the server an account's new claims; it cuts the revoked users off at once.

    Args:
        system: the connection to the system account.
        claims: what `keys.Trust.revoke` returned.

    Raises:
        VonggacError: CONFLICT: the server refuses them; TIMED_OUT, UNAVAILABLE.
    """
    answer = await system.request("$SYS.REQ.CLAIMS.UPDATE", claims.encode(), timeout=CALL_S)
    told = _decode(answer.payload, _Claims)
    if told.error is not None or told.data is None or told.data.code != 200:
        raise VonggacError(Kind.CONFLICT, "the server does not take the account's new claims")


class _ClaimsData(msgspec.Struct):
    code: int = 0


class _Claims(msgspec.Struct):
    data: _ClaimsData | None = None
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class _Reach:
    """How JetStream is spoken to: of this server, or of one below through its leaf."""

    api: str = "$JS.API"
    answered: str | None = None
    """Prefix of the reply subjects; None is the user's own."""


_HERE: Final = _Reach()


def _reach(connection: Connection, subject: wire.WantSubject, *, below: bool) -> _Reach:
    if not below:
        return _HERE
    # A leaf lets nothing up but what is under the site's own name: `in.<user>` would not pass.
    answered = wire.replies(subject.hub, subject.site, connection.asker).removesuffix(".>")
    return _Reach(f"$JS.{subject.site}.API", answered)


async def _last(connection: Connection, subject: wire.WantSubject, reach: _Reach) -> _Stored | None:
    verb, body = f"STREAM.MSG.GET.{WANT}", {"last_by_subj": str(subject)}
    found = await call(connection, verb, body, _StoredMessage, reach)
    if found.error is None:
        return found.message
    if found.error.err_code == _NO_MESSAGE:
        return None
    raise refusal(found.error, WANT)


async def call(
    connection: Connection, verb: str, body: object, kind: type[T], reach: _Reach = _HERE
) -> T:
    """Ask JetStream's API; its errors are in what it answers.

    Raises:
        VonggacError: UNAVAILABLE or TIMED_OUT: nobody answers; INTERNAL: not in its form.
    """
    payload = b"" if body is None else msgspec.json.encode(body)
    answer = await connection.request(
        f"{reach.api}.{verb}", payload, timeout=CALL_S, answered=reach.answered
    )
    return _decode(answer.payload, kind)


def _decode(payload: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except wire.UNREADABLE as error:
        raise VonggacError(
            Kind.INTERNAL, f"JetStream answered what is not its form: {error}"
        ) from error


async def _soon(arriving: Awaitable[Message], patience_s: float = CALL_S) -> Message:
    try:
        async with asyncio.timeout(patience_s):
            return await arriving
    except TimeoutError:
        raise VonggacError(Kind.TIMED_OUT, "JetStream does not answer") from None
    except Closed:
        raise VonggacError(Kind.UNAVAILABLE, "the connection closed") from None


def _delivery(message: Message) -> Delivery:
    # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.
    # <timestamp>.<pending>[.<token>]: ADR-15 of nats-architecture-and-design
    tokens = message.reply.split(".")
    at = 2 if len(tokens) == 9 else 4
    try:
        sequence, number, behind = (int(tokens[at + n]) for n in (3, 4, 6))
    except (IndexError, ValueError):
        raise VonggacError(Kind.INTERNAL, "JetStream delivered without a place") from None
    return Delivery(message.subject, message.payload, sequence, number, behind)


def refusal(error: ApiError | None, what: str) -> VonggacError:
    """The error of ours that an answer of JetStream means; None is an answer without content."""
    if error is None:
        return VonggacError(Kind.INTERNAL, f"JetStream's answer about {what} holds nothing")
    if error.err_code in _NOT_FOUND:
        return VonggacError(Kind.NOT_FOUND, f"JetStream: {error.description}", code=error.err_code)
    if error.code == 503:
        return VonggacError(Kind.UNAVAILABLE, f"JetStream: {error.description}")
    return VonggacError(Kind.CONFLICT, f"JetStream: {error.description}", code=error.err_code)
