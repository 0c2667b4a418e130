"""Answers what is asked of the box: checks the grant, audits, answers in chunks against credit.

`Agent.run` keeps the box on the bus; `run_once` is one life of its two connections. Questions come
on the control connection; pictures leave on the other, so that a full line of pictures does not
hold a question up.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from vonggac import bus, keys, log, wire
from vonggac.clock import NS
from vonggac.edge.live import Viewer
from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.mailbox import Overflow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vonggac.bus import Connection, Message
    from vonggac.clock import Clock
    from vonggac.config import StreamName
    from vonggac.edge.live import Publisher
    from vonggac.edge.trail import Trail
    from vonggac.edge.upward import Upward

_log = log.get(__name__)

MAX_ANSWERS: Final = 32
"""Answers under way at once: each holds a GOP, 1 MB as a rule and 16 MiB at worst, and a file."""
MAX_ANSWERS_A_GRANT: Final = 8
"""Of one grant: a wall of four playback tiles that reads two GOPs ahead; further ones wait."""
MAX_QUESTIONS: Final = 512
"""Questions taken on at once, answered or waiting for their turn: a message each."""
MAX_QUESTIONS_A_GRANT: Final = 64
"""Of one grant: a wall of 25 tiles opens its streams and extends their leases in one breath."""
MAX_ANSWERS_AN_ACTOR: Final = 16
"""Of one person, under however many grants: two full ones, and as many are left for others."""
MAX_QUESTIONS_AN_ACTOR: Final = 192
"""Of one person: a wall and two playbacks."""
QUESTIONS: Final = 512
"""Questions that wait to be looked at; each is looked at in microseconds."""
CREDIT_S: Final = 10.0
"""Seconds without credit after which an answer is given up: the asker is gone or frozen."""
ANSWER_S: Final = 60.0
"""Seconds that the making of an answer may take; `discover` asks a whole LAN."""
BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before the bus is tried again; the last repeats, with jitter."""
MAX_REVOKED: Final = 10_000
"""Revoked grants that are remembered, the oldest forgotten first; a viewer's grant ends by itself
after two minutes, when nobody needs to remember it."""

_Ask = TypeVar(
    "_Ask",
    wire.OpenAsk,
    wire.GopAsk,
    wire.TimelineAsk,
    wire.SnapshotAsk,
    wire.Mp4Ask,
    wire.ExportAsk,
)


@dataclass(frozen=True, slots=True)
class GopAnswer:
    """A recorded GOP; `meta.frames` is set by the agent."""

    meta: wire.GopMeta
    init: bytes | None
    """None when nothing is recorded there; then there are no parts."""
    parts: list[bytes]


@dataclass(frozen=True, slots=True)
class Mp4Answer:
    """A range of the virtual MP4, or of a clip of an export."""

    total: int
    etag: str
    pieces: AsyncIterator[bytes]
    """The bytes asked for, in pieces of at most some MB; read while credit comes."""


class Answers(Protocol):
    """Who knows the answers. Each raises VonggacError with its kind, NOT_FOUND above all."""

    async def gop(self, camera: str, ask: wire.GopAsk) -> GopAnswer:
        """One recorded GOP by time."""
        ...

    async def timeline(self, camera: str, ask: wire.TimelineAsk) -> wire.Timeline:
        """What is recorded between two times."""
        ...

    async def snapshot(self, camera: str, ask: wire.SnapshotAsk) -> bytes:
        """A JPEG."""
        ...

    async def probe(self, ask: wire.ProbeAsk, credentials: wire.Credentials | None) -> object:
        """What a camera is, as JSON."""
        ...

    async def discover(self, ask: wire.DiscoverAsk, credentials: wire.Credentials | None) -> object:
        """Which cameras there are, as JSON."""
        ...

    async def configure(self, ask: wire.ConfigureAsk) -> object:
        """Whether a configuration is accepted, as JSON."""
        ...

    async def mp4(self, camera: str, ask: wire.Mp4Ask) -> Mp4Answer:
        """A range of the virtual MP4."""
        ...

    async def export(self, camera: str, ask: wire.ExportAsk) -> wire.Proof | Mp4Answer:
        """The proof of a span, or a range of one of its clips."""
        ...

    async def anchor(self, ask: wire.AnchorAsk) -> object:
        """The fact that was put into the ledger, signed, as JSON."""
        ...

    async def status(self) -> object:
        """How the box is, as JSON."""
        ...

    async def ledger(self, camera: str, ask: wire.LedgerAsk) -> object:
        """The ledger of a camera, or of all (`wire.NO_CAMERA`), as JSON."""
        ...


class Wants(Protocol):
    """Who takes what hubs above want of the box."""

    async def run(self, control: Connection) -> None:
        """Take what lies in WANT, and what comes, until the connection is over."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the box is and whom it obeys."""

    hub: str
    site: str
    hub_key: str
    """Public half of the key that signs grants of the hub of this machine."""
    site_key: keys.SigningKey
    upper_keys: tuple[str, ...] = ()
    """The same of hubs above: they may ask whatever changes nothing that the box records."""
    life: int = 0
    """The recorder's; a ledger that is made again counts on from it."""


class _Credit:
    """Chunks that may be sent before the asker must speak again."""

    def __init__(self, window: int) -> None:
        self._chunks = window
        self._given = asyncio.Event()

    def give(self, chunks: int) -> None:
        """The asker has read so many; it never has more than `wire.MAX_WINDOW` to its name."""
        self._chunks = min(wire.MAX_WINDOW, self._chunks + chunks)
        self._given.set()

    async def take(self) -> None:
        """Wait until a chunk may be sent."""
        while self._chunks == 0:
            self._given.clear()
            await self._given.wait()
        self._chunks -= 1


class _Share:
    """What one grant, or one person, takes of the box's attention."""

    def __init__(self, answers: int) -> None:
        self.questions = 0
        self.room = asyncio.Semaphore(answers)


class _Asked:
    """A question while it is looked at and answered."""

    def __init__(
        self,
        message: Message,
        subject: wire.AskSubject,
        reply: wire.ReplySubject,
        control: Connection,
        media: Connection,
        credit: _Credit,
    ) -> None:
        self.message = message
        self.subject = subject
        self.reply = reply
        self.credit = credit
        self.own: bool | None = None
        """Whether the hub itself asks; None until the grant is verified."""
        self.sent = 0
        """Chunks sent."""
        self._control = control
        self._media = media

    @property
    def lanes(self) -> tuple[Connection, ...]:
        """Where the asker hears: viewers on MEDIA; the hub on both, pictures on MEDIA."""
        if self.own is None:
            return (self._control, self._media)
        if self.own and self.subject.verb not in wire.MEDIA_VERBS:
            return (self._control,)
        return (self._media,)


@dataclass(frozen=True, slots=True)
class _Head:
    """What the first message says besides its chunk."""

    kind: str
    extra: dict[str, str]


class Agent:
    """The box on the bus.

    Args:
        identity: who the box is.
        publisher: live parts.
        answers: who knows the rest.
        trail: the audit.
        upward: facts into the ledger.
        connect: makes the two connections (control, media).
        clock: grants end by its wall time.
        wants: takes orders of hubs above; None where there is none.
        is_registered: whether an address is that of a camera of the site's own register: hubs
            above probe no other.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        publisher: Publisher,
        answers: Answers,
        trail: Trail,
        upward: Upward,
        connect: Callable[[], Awaitable[tuple[Connection, Connection]]],
        clock: Clock,
        wants: Wants | None = None,
        is_registered: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.answered: Counter[str] = Counter()
        """Questions by verb and outcome ("open 200", "gop not_found")."""
        self.ignored = 0
        """Messages that were no question and could not be answered."""
        self.abandoned = 0
        """Answers given up because no credit came."""
        self.connected = asyncio.Event()
        """Set while questions are heard."""
        self._identity = identity
        self._publisher = publisher
        self._answers = answers
        self._trail = trail
        self._upward = upward
        self._connect = connect
        self._clock = clock
        self._wants = wants
        self._is_registered = is_registered
        self._open: dict[tuple[str, str], _Credit] = {}
        self._revoked: dict[str, None] = {}
        """Grants that are answered no more, in the order in which the hub said so."""
        self._refusing = 0
        self._room = asyncio.Semaphore(MAX_ANSWERS)
        self._of_grant: dict[str, _Share] = {}
        self._of_actor: dict[str, _Share] = {}

    async def run(self) -> None:
        """Stay on the bus until cancelled: connect, serve, and when that ends begin again."""
        tries = 0
        while True:
            born_ns = self._clock.monotonic_ns()
            try:
                await self.run_once()
            except VonggacError as error:
                if self._clock.monotonic_ns() - born_ns > 30 * NS:
                    tries = 0
                _log.warning("bus.life_ended", error=error.message, tries=tries)
            wait_s = BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)]
            tries += 1
            await self._clock.sleep(wait_s * random.uniform(0.7, 1.3))

    async def run_once(self) -> None:
        """One life: connect, make the streams, listen, until a connection is over.

        Raises:
            VonggacError: UNAVAILABLE: why it ended.
        """
        control, media = await self._connect()
        try:
            identity = self._identity
            await bus.ensure_streams(control, identity.hub, identity.site, life=identity.life)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._publisher.run(media), name="publisher")
                tasks.create_task(self._upward.run(control), name="upward")
                tasks.create_task(self._sweep(), name="trail")
                tasks.create_task(self._listen(control, media), name="questions")
                if self._wants is not None:
                    tasks.create_task(self._wants.run(control), name="wants")
                for connection in (control, media):
                    tasks.create_task(_until_closed(connection), name=connection.name)
        except ExceptionGroup as group:
            ours, others = group.split(VonggacError)
            if others is not None or ours is None:
                raise
            raise _first(ours) from group
        finally:
            self.connected.clear()
            await control.close()
            await media.close()

    async def _listen(self, control: Connection, media: Connection) -> None:
        questions = await control.subscribe(
            wire.asks(self._identity.hub, self._identity.site),
            capacity=QUESTIONS,
            overflow=Overflow.REFUSE,
        )
        await control.flush()
        self.connected.set()
        async with asyncio.TaskGroup() as answering:
            async for message in questions:
                self._look(message, control, media, answering)

    def _look(
        self,
        message: Message,
        control: Connection,
        media: Connection,
        answering: asyncio.TaskGroup,
    ) -> None:
        """Sort a message out: credit, a question to answer, or nothing of ours."""
        try:
            subject = wire.parse_subject(message.subject)
            reply = wire.parse_subject(message.reply)
        except MalformedError:
            self.ignored += 1
            return
        # An answer goes to the one who asked and to nobody else: same site, same grant.
        if (
            not isinstance(subject, wire.AskSubject)
            or not isinstance(reply, wire.ReplySubject)
            or (reply.hub, reply.site, reply.grant) != (subject.hub, subject.site, subject.grant)
            or (subject.hub, subject.site) != (self._identity.hub, self._identity.site)
        ):
            self.ignored += 1
            return
        if subject.verb is wire.Verb.MORE:
            self._credit(reply, message.payload)
            return
        key = (reply.grant, reply.number)
        if key in self._open:
            self.ignored += 1  # the same question twice
            return
        asked = _Asked(message, subject, reply, control, media, _Credit(_window(message)))
        share = self._of_grant.setdefault(reply.grant, _Share(MAX_ANSWERS_A_GRANT))
        if len(self._open) >= MAX_QUESTIONS or share.questions >= MAX_QUESTIONS_A_GRANT:
            if not share.questions:
                del self._of_grant[reply.grant]
            if self._refusing >= MAX_ANSWERS:
                self.ignored += 1
                return
            answering.create_task(self._too_many(asked))
            return
        self._open[key] = asked.credit
        share.questions += 1
        answering.create_task(self._answer(asked, share))

    def _credit(self, reply: wire.ReplySubject, payload: bytes) -> None:
        credit = self._open.get((reply.grant, reply.number))
        if credit is None:
            return  # over already
        try:
            credit.give(wire.decode_ask(payload, wire.MoreAsk).chunks)
        except VonggacError:
            self.ignored += 1

    # ---- one question ----------------------------------------------------------------------

    async def _too_many(self, asked: _Asked) -> None:
        self._refusing += 1
        try:
            error = VonggacError(Kind.TOO_MANY, "too many questions at once; try again")
            await self._refuse(asked, error, None)
        finally:
            self._refusing -= 1

    async def _answer(self, asked: _Asked, share: _Share) -> None:
        grant: keys.Grant | None = None
        try:
            grant = self._check(asked)
            with self._attention(grant.actor) as room:
                async with share.room, room, self._room:
                    async with asyncio.timeout(ANSWER_S):
                        head, pieces = await self._make(asked, grant)
                    await self._send(asked, head, pieces)
            self.answered[f"{asked.subject.verb} 200"] += 1
        except VonggacError as error:
            await self._refuse(asked, error, grant)
        except TimeoutError:
            late = VonggacError(Kind.TIMED_OUT, "the answer took too long to make")
            await self._refuse(asked, late, grant)
        except Exception as error:  # noqa: BLE001 - one bad question must not end the box's life
            _log.exception("answer.failed", verb=asked.subject.verb, error=type(error).__name__)
            internal = VonggacError(Kind.INTERNAL, "something failed at the site; see its log")
            await self._refuse(asked, internal, grant)
        finally:
            del self._open[asked.reply.grant, asked.reply.number]
            share.questions -= 1
            if not share.questions:
                del self._of_grant[asked.reply.grant]

    @contextlib.contextmanager
    def _attention(self, actor: str) -> Iterator[asyncio.Semaphore]:
        """Room for the answers to one person, whose grants may be many.

        Raises:
            VonggacError: TOO_MANY questions of that person.
        """
        share = self._of_actor.setdefault(actor, _Share(MAX_ANSWERS_AN_ACTOR))
        if share.questions >= MAX_QUESTIONS_AN_ACTOR:
            raise VonggacError(Kind.TOO_MANY, "too many questions of one person; try again")
        share.questions += 1
        try:
            yield share.room
        finally:
            share.questions -= 1
            if not share.questions:
                del self._of_actor[actor]

    def _check(self, asked: _Asked) -> keys.Grant:
        """The grant of a question, verified, and the camera's part of what it permits."""
        now_s = self._clock.wall_ns() // NS
        identity = self._identity
        told = asked.message.headers.get(wire.GRANT, "")
        token, _, voucher = told.partition(keys.BETWEEN)
        further = keys.vouched(voucher, identity.hub, identity.upper_keys) if voucher else None
        known = (identity.hub_key, *identity.upper_keys, *(() if further is None else (further,)))
        key = keys.signer(token, known)
        grant = keys.verify(token, key=key, hub=identity.hub, site=identity.site, now_s=now_s).grant
        if grant.id != asked.subject.grant:
            raise VonggacError(Kind.FORBIDDEN, "the grant is not the one that the subject names")
        asked.own = grant.own
        grant.check(camera=asked.subject.camera, verb=asked.subject.verb, stream=None)
        if key != identity.hub_key:
            self._check_upper(asked)
        return grant

    def _check_upper(self, asked: _Asked) -> None:
        """What a hub above may not have done at a site that keeps its own register.

        Raises:
            VonggacError: FORBIDDEN.
        """
        match asked.subject.verb:
            case wire.Verb.CONFIGURE:
                raise VonggacError(
                    Kind.FORBIDDEN, "only the hub of this machine orders what it records"
                )
            case wire.Verb.PROBE:
                ask = wire.decode_ask(asked.message.payload, wire.ProbeAsk)
                if not self._is_registered(ask.url):
                    raise VonggacError(
                        Kind.FORBIDDEN, "a hub above probes the cameras of the register alone"
                    )
            case _:
                pass

    async def _make(
        self, asked: _Asked, grant: keys.Grant
    ) -> tuple[_Head, AsyncIterator[bytes] | Iterable[bytes]]:
        """Read the question, ask who knows, and lay the answer out in pieces."""
        verb, camera, body = asked.subject.verb, asked.subject.camera, asked.message.payload
        if grant.id in self._revoked:
            raise VonggacError(Kind.FORBIDDEN, "the grant was taken back; ask the hub for another")
        match verb:
            case wire.Verb.OPEN:
                ask = self._read(body, wire.OpenAsk, grant, camera, verb)
                opened = await self._publisher.open(
                    camera,
                    ask,
                    grant=grant.id,
                    viewer=Viewer(grant.actor, grant.purpose),
                    left_s=grant.exp - self._clock.wall_ns() / NS,
                )
                return _frames(opened.meta, opened.frames)
            case wire.Verb.GOP:
                gop_ask = self._read(body, wire.GopAsk, grant, camera, verb)
                gop = await self._answers.gop(camera, gop_ask)
                self._told(grant, verb, camera, gop_ask.stream, gop.meta.from_, gop.meta.to)
                frames = [] if gop.init is None else [gop.init, *gop.parts]
                return _frames(msgspec.structs.replace(gop.meta, frames=len(frames)), frames)
            case wire.Verb.TIMELINE:
                line_ask = self._read(body, wire.TimelineAsk, grant, camera, verb)
                timeline = await self._answers.timeline(camera, line_ask)
                self._told(grant, verb, camera, line_ask.stream, line_ask.from_, line_ask.to)
                return _json(timeline)
            case wire.Verb.SNAPSHOT:
                shot_ask = self._read(body, wire.SnapshotAsk, grant, camera, verb)
                jpeg = await self._answers.snapshot(camera, shot_ask)
                at = shot_ask.at or str(self._clock.wall_ns())
                self._told(grant, verb, camera, shot_ask.stream, at, at)
                return _Head(wire.JPEG, {}), [jpeg]
            case wire.Verb.MP4:
                mp4_ask = self._read(body, wire.Mp4Ask, grant, camera, verb)
                if mp4_ask.end < mp4_ask.start:
                    raise VonggacError(Kind.BAD_INPUT, "the range ends before it starts")
                film = await self._answers.mp4(camera, mp4_ask)
                self._told(grant, verb, camera, mp4_ask.stream, mp4_ask.from_, mp4_ask.to)
                return _film(film)
            case wire.Verb.EXPORT:
                cut = self._read(body, wire.ExportAsk, grant, camera, verb)
                if cut.end < cut.start:
                    raise VonggacError(Kind.BAD_INPUT, "the range ends before it starts")
                shown = await self._answers.export(camera, cut)
                self._told(grant, verb, camera, cut.stream, cut.from_, cut.to)
                return _json(shown) if isinstance(shown, wire.Proof) else _film(shown)
            case _:
                told = await self._hubs_own(verb, camera, body)
                self._told(grant, verb, camera, None, None, None)
                return _json(told)

    async def _hubs_own(self, verb: wire.Verb, camera: str, body: bytes) -> object:
        match verb:
            case wire.Verb.PROBE:
                probe = wire.decode_ask(body, wire.ProbeAsk)
                return await self._answers.probe(probe, self._unseal(probe.sealed))
            case wire.Verb.DISCOVER:
                discover = wire.decode_ask(body, wire.DiscoverAsk)
                return await self._answers.discover(discover, self._unseal(discover.sealed))
            case wire.Verb.CONFIGURE:
                return await self._answers.configure(wire.decode_ask(body, wire.ConfigureAsk))
            case wire.Verb.REVOKE:
                return self._revoke(wire.decode_ask(body, wire.RevokeAsk))
            case wire.Verb.STATUS:
                wire.decode_ask(body, wire.StatusAsk)
                return await self._answers.status()
            case wire.Verb.ANCHOR:
                return await self._answers.anchor(wire.decode_ask(body, wire.AnchorAsk))
            case wire.Verb.LEDGER:
                return await self._answers.ledger(camera, wire.decode_ask(body, wire.LedgerAsk))
            case _:
                raise VonggacError(Kind.UNSUPPORTED, "this box does not answer that")

    def _revoke(self, ask: wire.RevokeAsk) -> object:
        """End what these grants watch, and answer them no more."""
        for grant in ask.grants:
            self._revoked[grant] = None
            self._publisher.revoke(grant, ask.why)
        while len(self._revoked) > MAX_REVOKED:
            del self._revoked[next(iter(self._revoked))]
        return {"revoked": len(ask.grants)}

    def _read(
        self, body: bytes, kind: type[_Ask], grant: keys.Grant, camera: str, verb: wire.Verb
    ) -> _Ask:
        """Read a body that names a stream, and hold the grant against it."""
        ask = wire.decode_ask(body, kind)
        grant.check(camera=camera, verb=verb, stream=ask.stream)
        return ask

    def _unseal(self, sealed: str | None) -> wire.Credentials | None:
        if sealed is None:
            return None
        plain = self._identity.site_key.unseal(sealed)
        try:
            return msgspec.json.decode(plain, type=wire.Credentials)
        except wire.UNREADABLE:
            raise VonggacError(Kind.BAD_INPUT, "what was sealed are no credentials") from None

    def _told(
        self,
        grant: keys.Grant,
        verb: wire.Verb,
        camera: str,
        stream: StreamName | None,
        from_: str | None,
        to: str | None,
    ) -> None:
        self._trail.asked(
            grant,
            verb,
            camera,
            stream,
            from_ns=int(from_) if from_ and from_ != "0" else None,
            to_ns=int(to) if to and to != "0" else None,
        )

    # ---- towards the asker -----------------------------------------------------------------

    async def _send(
        self, asked: _Asked, head: _Head, pieces: AsyncIterator[bytes] | Iterable[bytes]
    ) -> None:
        subject = asked.subject
        more = msgspec.structs.replace(subject, verb=wire.Verb.MORE)
        first = {wire.TYPE: head.kind, wire.CREDIT: str(more), **head.extra}
        held: bytes | None = None
        async with contextlib.aclosing(_chunked(pieces)) as chunks:
            async for chunk in chunks:
                if held is not None:
                    extra = first if asked.sent == 0 else {}
                    await self._send_chunk(asked, held, extra, last=False)
                held = chunk
        await self._send_chunk(asked, held or b"", first if asked.sent == 0 else {}, last=True)

    async def _send_chunk(
        self, asked: _Asked, chunk: bytes, extra: dict[str, str], *, last: bool
    ) -> None:
        try:
            async with asyncio.timeout(CREDIT_S):
                await asked.credit.take()
        except TimeoutError:
            self.abandoned += 1
            raise VonggacError(Kind.TIMED_OUT, "no credit came; the answer is given up") from None
        headers = {wire.STATUS: wire.OK, wire.PART: str(asked.sent), **extra}
        if last:
            headers[wire.LAST] = "1"
        for lane in asked.lanes:
            await lane.publish(str(asked.reply), chunk, headers=headers)
        asked.sent += 1

    async def _refuse(self, asked: _Asked, error: VonggacError, grant: keys.Grant | None) -> None:
        fault = bus.nats_status(error)
        self.answered[f"{asked.subject.verb} {fault.kind}"] += 1
        if fault.kind in (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.BAD_INPUT, Kind.TOO_LARGE):
            self._trail.refused(
                asked.subject.verb,
                asked.subject.camera,
                asked.subject.grant,
                fault.kind,
                fault.message,
                of=grant,
            )
        headers = {wire.STATUS: fault.kind.value, wire.PART: str(asked.sent), wire.LAST: "1"}
        for lane in asked.lanes:
            try:
                await lane.publish(str(asked.reply), msgspec.json.encode(fault), headers=headers)
            except VonggacError as lost:
                _log.debug("refusal.not_sent", error=lost.message)

    async def _sweep(self) -> None:
        try:
            while True:
                await self._clock.sleep(1.0)
                self._trail.sweep()
        finally:
            self._trail.finish()


async def _until_closed(connection: Connection) -> None:
    await connection.closed.wait()
    raise VonggacError(Kind.UNAVAILABLE, f"{connection.name} is over: {connection.why_closed}")


def _first(group: BaseExceptionGroup[VonggacError]) -> VonggacError:
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("a group has at least one exception")


def _window(message: Message) -> int:
    text = message.headers.get(wire.WINDOW, "")
    if not text.isascii() or not text.isdigit() or len(text) > 2:
        return wire.DEFAULT_WINDOW
    return max(1, min(wire.MAX_WINDOW, int(text)))


def _json(content: object) -> tuple[_Head, list[bytes]]:
    return _Head(wire.JSON, {}), [msgspec.json.encode(content)]


def _film(film: Mp4Answer) -> tuple[_Head, AsyncIterator[bytes]]:
    return _Head(wire.BYTES, {wire.TOTAL: str(film.total), wire.ETAG: film.etag}), film.pieces


def _frames(meta: msgspec.Struct, frames: list[bytes]) -> tuple[_Head, Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        for content in (msgspec.json.encode(meta), *frames):
            yield len(content).to_bytes(4, "big")
            yield content

    return _Head(wire.FRAMES, {}), pieces()


async def _chunked(
    pieces: AsyncIterator[bytes] | Iterable[bytes],
) -> AsyncGenerator[bytes, None]:
    """Pieces of any size as chunks of `wire.CHUNK` bytes, the last one shorter; at least one."""
    if not isinstance(pieces, AsyncIterator):
        for chunk in wire.chunks(pieces):
            yield chunk
        return
    rest = b""
    try:
        async for piece in pieces:
            *full, rest = wire.chunks((rest, piece))
            for chunk in full:
                yield chunk
        yield rest
    finally:
        if isinstance(pieces, AsyncGenerator):  # it holds files open: close them now, not some day
            await pieces.aclose()
