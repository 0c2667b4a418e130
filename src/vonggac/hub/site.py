"""A site as the hub asks it: every operation is one question on the bus and its answer.

Nothing here waits longer than its limit: a site that does not answer raises UNAVAILABLE or
TIMED_OUT, and the pages then say what is still true from the ledger.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from vonggac import keys, wire
from vonggac.clock import NS
from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.hub.said import plain_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from vonggac.bus import Asker, Question
    from vonggac.clock import Clock
    from vonggac.config import Secret, StreamName
    from vonggac.domain.hubs import Way

LISTENS_S = 0.5
"""Seconds that the bus of this machine gets to say that nobody listens."""
QUICK_S = 5.0
"""Seconds for what the box answers from memory or its index."""
PICTURE_S = 10.0
"""Seconds for a snapshot: a decoder may have to start."""
PROBE_S = 30.0
"""Seconds for a probe: it measures the delivered rate for about ten."""
DISCOVER_S = 60.0
"""Seconds for a search of the local network."""
PROOF_S = 60.0
"""Seconds for a proof: the box looks into every segment of a day."""
MP4_CHUNK = 4_194_304
"""Bytes asked for at a time of a virtual MP4: what is held for one slow download."""
GRANT_S = 600
"""Seconds that the hub's own grant lives; it is signed anew after half of them."""


@dataclass(frozen=True, slots=True)
class Mp4:
    """A virtual MP4 of a span: what a range request needs before any byte."""

    size: int
    etag: str
    """Strong, without quotes."""


class Site:
    """One site, asked over the bus under the hub's own grant. For the event loop.

    Args:
        asker: started, with the id that stands in this process's grants.
        key: the hub's signing key.
        clock: wall time.
        site_id: which site.
        public_key: the site's key; what is secret is sealed to it.
        way: through the hub below that enrolled it; None: it enrolled at this one.
    """

    def __init__(
        self,
        asker: Asker,
        key: keys.SigningKey,
        clock: Clock,
        *,
        site_id: str,
        public_key: str,
        way: Way | None = None,
    ) -> None:
        self.id = site_id
        self.way = way
        self.public_key = public_key
        self._asker = asker
        self._key = key
        self._clock = clock
        self._grant = ""
        self._sign_again_ns = 0

    @property
    def hub(self) -> str:
        """The hub in the site's subjects."""
        return self._asker.hub if self.way is None else self.way.hub

    async def status(self) -> dict[str, Any]:
        """What the box knows of itself."""
        return await self._json(wire.Verb.STATUS, wire.NO_CAMERA, wire.StatusAsk(), QUICK_S)

    async def listens(self) -> bool:
        """Whether the recorder hears questions: the bus says so, and the site says nothing.

        Credit for an answer that there is not goes to whoever listens, who passes it over; when
        nobody does, the server of this machine knows and says so at once.
        """
        more = wire.MoreAsk(chunks=1)
        try:
            await self._asker.ask(
                self.id, wire.Verb.MORE, wire.NO_CAMERA, more, self._own_grant(),
                timeout=LISTENS_S, hub=self.hub,
            )  # fmt: skip
        except VonggacError as error:
            return error.kind is not Kind.UNAVAILABLE
        return True

    async def timeline(
        self, camera: str, stream: StreamName, from_ns: int, to_ns: int, resolution_s: float
    ) -> wire.Timeline:
        """Spans and gaps as the box holds them now."""
        ask = wire.TimelineAsk(
            stream=stream, from_=str(from_ns), to=str(to_ns), resolution_s=resolution_s
        )
        raw = await self._bytes(wire.Verb.TIMELINE, camera, ask, QUICK_S)
        try:
            return msgspec.json.decode(raw, type=wire.Timeline)
        except wire.UNREADABLE as error:
            raise MalformedError(f"the box's timeline cannot be read: {error}") from error

    async def snapshot(
        self, camera: str, *, at_ns: int | None = None, width: int | None = None
    ) -> bytes:
        """A JPEG of now, or of a recorded moment."""
        ask = wire.SnapshotAsk(stream="main", at=None if at_ns is None else str(at_ns), width=width)
        return await self._bytes(wire.Verb.SNAPSHOT, camera, ask, PICTURE_S)

    async def mp4(self, camera: str, stream: StreamName, from_ns: int, to_ns: int) -> Mp4:
        """Size and ETag of the recording of a span.

        Raises:
            VonggacError: NOT_FOUND, nothing was recorded there.
        """
        ask = wire.Mp4Ask(stream=stream, from_=str(from_ns), to=str(to_ns), start=0, end=0)
        async with self._asker.question(
            self.id, wire.Verb.MP4, camera, ask, self._own_grant(), timeout=PICTURE_S, hub=self.hub
        ) as question:
            async for _ in question:
                pass
            return _mp4(question)

    async def mp4_range(
        self,
        camera: str,
        stream: StreamName,
        span: tuple[int, int],
        etag: str,
        byte_range: tuple[int, int],
    ) -> AsyncIterator[bytes]:
        """Bytes [start, end) of the recording of a span, asked for `MP4_CHUNK` at a time.

        Raises:
            VonggacError: CONFLICT, the recording changed while it was sent (retention, or the
                span reaches the present).
        """
        start, end = byte_range
        while start < end:
            upto = min(start + MP4_CHUNK, end)
            ask = wire.Mp4Ask(
                stream=stream, from_=str(span[0]), to=str(span[1]), start=start, end=upto
            )
            async with self._asker.question(
                self.id,
                wire.Verb.MP4,
                camera,
                ask,
                self._own_grant(),
                timeout=PICTURE_S,
                hub=self.hub,
            ) as question:
                if _mp4(question).etag != etag:
                    raise VonggacError(Kind.CONFLICT, "the recording changed while it was sent")
                async for chunk in question:
                    start += len(chunk)
                    if start > upto:
                        raise MalformedError("the box sent more of the recording than asked for")
                    yield chunk
            if start < upto:
                raise MalformedError("the box sent less of the recording than asked for")

    async def proof(self, camera: str, stream: StreamName, span: tuple[int, int]) -> wire.Proof:
        """What the box proves of a span; not `ready` while a page of it is open."""
        ask = wire.ExportAsk(stream=stream, from_=str(span[0]), to=str(span[1]))
        raw = await self._bytes(wire.Verb.EXPORT, camera, ask, PROOF_S)
        try:
            return msgspec.json.decode(raw, type=wire.Proof)
        except wire.UNREADABLE as error:
            raise MalformedError(f"the box's proof cannot be read: {error}") from error

    async def clip(
        self,
        camera: str,
        stream: StreamName,
        span: tuple[int, int],
        number: int,
        told: wire.ProofClip,
    ) -> AsyncIterator[bytes]:
        """Every byte of a clip that a proof speaks of, asked for `MP4_CHUNK` at a time.

        Raises:
            VonggacError: CONFLICT, the recording changed while it was sent.
        """
        start = 0
        while start < told.size:
            upto = min(start + MP4_CHUNK, told.size)
            ask = wire.ExportAsk(
                stream=stream, from_=str(span[0]), to=str(span[1]), clip=number, start=start,
                end=upto,
            )  # fmt: skip
            async with self._asker.question(
                self.id,
                wire.Verb.EXPORT,
                camera,
                ask,
                self._own_grant(),
                timeout=PICTURE_S,
                hub=self.hub,
            ) as question:
                if _mp4(question).etag != told.etag:
                    raise VonggacError(Kind.CONFLICT, "the recording changed while it was sent")
                async for chunk in question:
                    start += len(chunk)
                    if start > upto:
                        raise MalformedError("the box sent more of the clip than asked for")
                    yield chunk
            if start < upto:
                raise MalformedError("the box sent less of the clip than asked for")

    async def anchor(self, ask: wire.AnchorAsk) -> wire.Envelope:
        """Have the box put a digest of ours into its ledger; the fact, verified."""
        told = await self._json(wire.Verb.ANCHOR, wire.NO_CAMERA, ask, QUICK_S)
        try:
            message = base64.b64decode(str(told.get("envelope", "")), validate=True)
        except ValueError as error:
            raise MalformedError("the box sent no signed fact") from error
        envelope = keys.verify_envelope(wire.decode_envelope(message), self.public_key).envelope
        fact = wire.decode_fact(envelope.payload)
        if not isinstance(fact, wire.Anchored) or fact.digest != ask.digest:
            raise MalformedError("the box signed something else than it was asked to")
        return envelope

    async def probe(
        self, url: str, user: str, password: Secret, bounds: wire.Bounds | None = None
    ) -> dict[str, Any]:
        """What a technician needs to know of a camera, measured from the box.

        Args:
            url: of the stream.
            user: of the camera.
            password: goes with it.
            bounds: what a document puts in place of the criteria.
        """
        sealed = self._sealed(user, password)
        ask = wire.ProbeAsk(url=url, sealed=sealed, snapshot=True, bounds=bounds)
        return await self._json(wire.Verb.PROBE, wire.NO_CAMERA, ask, PROBE_S)

    async def discover(self, address: str | None, user: str, password: Secret) -> dict[str, Any]:
        """Cameras near the box, or the channels of one address."""
        ask = wire.DiscoverAsk(address=address, sealed=self._sealed(user, password))
        return await self._json(wire.Verb.DISCOVER, wire.NO_CAMERA, ask, DISCOVER_S)

    async def configure(self, revision: int, document: object) -> dict[str, Any]:
        """Send what the box shall record; it says whether it takes it and why not.

        Credentials inside `document` must be sealed (`sealed`).
        """
        ask = wire.ConfigureAsk(
            revision=revision, document=msgspec.Raw(msgspec.json.encode(document))
        )
        return await self._json(wire.Verb.CONFIGURE, wire.NO_CAMERA, ask, QUICK_S)

    async def revoke(self, grants: Sequence[str], why: str) -> None:
        """Have the box answer these grants no more, and end what they watch.

        Args:
            grants: ids, at most 256.
            why: a word for the box's audit.
        """
        ask = wire.RevokeAsk(grants=tuple(grants), why=why)
        await self._json(wire.Verb.REVOKE, wire.NO_CAMERA, ask, QUICK_S)

    def _sealed(self, user: str, password: Secret) -> str | None:
        if not user and not password:
            return None
        content = wire.Credentials(user=user, password=password.reveal())
        return keys.seal(self.public_key, msgspec.json.encode(content))

    async def _json(
        self, verb: wire.Verb, camera: str, ask: msgspec.Struct, timeout: float
    ) -> dict[str, Any]:
        raw = await self._bytes(verb, camera, ask, timeout)
        try:
            found = msgspec.json.decode(raw, type=dict[str, Any])
        except wire.UNREADABLE as error:
            raise MalformedError(f"the box's answer cannot be read: {error}") from error
        kept: dict[str, Any] = plain_all(found, but=("picture",))
        return kept

    async def _bytes(
        self, verb: wire.Verb, camera: str, ask: msgspec.Struct, timeout: float
    ) -> bytes:
        grant = self._own_grant()
        _, content = await self._asker.ask(
            self.id, verb, camera, ask, grant, timeout=timeout, hub=self.hub
        )
        return content

    def _own_grant(self) -> str:
        now_ns = self._clock.wall_ns()
        if now_ns >= self._sign_again_ns:
            now_s = now_ns // NS
            grant = keys.issue(
                self._key,
                keys.Grant(
                    id=self._asker.id,
                    hub=self.hub,
                    site=self.id,
                    cameras=("*",),
                    streams=("main", "sub"),
                    verbs=tuple(verb for verb in wire.Verb if verb is not wire.Verb.MORE),
                    purpose="hub",
                    actor="vonggac",
                    iat=now_s,
                    exp=now_s + GRANT_S,
                    own=True,
                ),
            )
            self._grant = carried(grant, self.way)
            self._sign_again_ns = now_ns + GRANT_S * NS // 2
        return self._grant


def carried(grant: str, way: Way | None) -> str:
    """A grant as it goes to a site: with what vouches for its signer, where that is needed."""
    return grant if way is None else f"{grant}{keys.BETWEEN}{way.voucher}"


def _mp4(question: Question) -> Mp4:
    try:
        size = int(question.head.get(wire.TOTAL, ""))
    except ValueError:
        raise MalformedError("the box named no size of the recording") from None
    etag = question.head.get(wire.ETAG, "").strip('"')
    if size < 0 or not etag:
        raise MalformedError("the box named no ETag of the recording")
    return Mp4(size, etag)
