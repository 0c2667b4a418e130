"""What hubs above want kept: their orders in this machine's own WANT, verified, obeyed, answered.

The line may be cut when somebody places a hold: the order lies in WANT once it could come down, and
the box obeys the last one that it took for as long as it is cut off. What a hub above wants is
added to what the site's own hub orders and takes nothing away from it. Each answer is a fact: what
is kept by the order, and what is not, with why.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import closing
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from vonggac import bus, keys, log, wire
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.identity import FOLDER
from vonggac.edge.recovery import CATALOG
from vonggac.edge.retention import Hold
from vonggac.errors import ConfigError, Kind, MalformedError, VonggacError
from vonggac.mailbox import Overflow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from vonggac.bus import Connection

KEPT_BELOW: Final = f"{FOLDER}/above.json"
"""The last orders of hubs above that were taken, below the recording directory."""
ARRIVING: Final = 64
"""Orders that wait to be looked at; a hub writes one, and again when something changes."""

Refused: TypeAlias = tuple[tuple[str, str], ...]
"""What is not kept, with why: `no_camera` or `expired`."""

_log = log.get(__name__)


class _Taken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last order of one hub, as far as it was taken."""

    key: str
    revision: int
    spans: tuple[wire.KeptSpan, ...]
    refused: Refused


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them, by the public key of the hub that signed."""

    hubs: dict[str, _Taken]


class Wanted:
    """Takes the orders of hubs above. Belongs to one event loop.

    Args:
        directory: the recording directory.
        hub: id of the hub in the subjects of this machine.
        site: id of the site.
        hubs: public keys of the hubs above; nobody else is obeyed.
        cameras: names of the cameras that the box records now.
        say: puts a fact into the ledger.
        wall_ns: wall time.
        changed: called when what is kept has changed.
    """

    def __init__(
        self,
        directory: Path,
        hub: str,
        site: str,
        hubs: Sequence[str],
        *,
        cameras: Callable[[], Collection[str]],
        say: Callable[[wire.Fact], object],
        wall_ns: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._hub = hub
        self._site = site
        self._hubs = tuple(hubs)
        self._cameras = cameras
        self._say = say
        self._wall_ns = wall_ns
        self._changed = changed
        self._answered: dict[str, str] = {}
        """Digest of what was answered last under each key, in this life of the box."""
        self._taken = self._recall()

    @property
    def holds(self) -> tuple[Hold, ...]:
        """What hubs above have kept now."""
        return tuple(
            Hold(span.camera, span.begin, span.end)
            for public, taken in self._taken.items()
            if public in self._hubs
            for span in taken.spans
        )

    async def run(self, control: Connection) -> None:
        """Take what lies in WANT, and what comes; returns when the connection is over.

        Raises:
            VonggacError: the bus does not answer.
        """
        arriving = await control.subscribe(
            wire.wants(self._hub, self._site), capacity=ARRIVING, overflow=Overflow.DROP_OLDEST
        )
        await control.flush()
        for subject, payload in await bus.held_orders(control, self._hub, self._site):
            await self.take(subject, payload)
        async for message in arriving:
            await self.take(message.subject, message.payload)

    async def take(self, subject: str, payload: bytes) -> None:
        """Obey an order or refuse it, and say so, once in a life of the box."""
        digest = hashlib.sha256(payload).hexdigest()
        if self._answered.get(subject) == digest:
            return
        self._answered[subject] = digest
        try:
            place = wire.parse_subject(subject)
            if not isinstance(place, wire.WantSubject):
                raise MalformedError("this is no place of an order")  # noqa: TRY301
            want = bus.decode_want(payload)
        except MalformedError as error:
            _log.warning("want.unreadable", subject=subject[:200], reason=error.message)
            return
        try:
            signer = keys.verify_want(want, place, self._hubs)
            taken = await self._obeyed(signer, place, want)
        except VonggacError as error:
            _log.warning("want.refused", key=place.key, reason=error.message)
            self._answer(place.key, want.revision, reasons=(error.message,))
            return
        _log.info("want.taken", key=place.key, revision=want.revision, spans=len(taken.spans))
        self._answer(place.key, want.revision, taken)

    async def _obeyed(self, signer: str, place: wire.WantSubject, want: wire.Want) -> _Taken:
        before = self._taken.get(signer)
        if before is not None and before.key != place.key:
            before = None
        if before is not None and want.revision == before.revision:
            return before
        if before is not None and want.revision < before.revision:
            raise VonggacError(
                Kind.CONFLICT, f"order {want.revision} is older than {before.revision}, in force"
            )
        spans = _spans(place, want)
        known = {span.id: span for span in before.spans} if before is not None else {}
        fresh = [span for span in spans if known.get(span.id) != span]
        refused = await asyncio.to_thread(self._lacking, fresh, frozenset(self._cameras()))
        lacking = dict(refused)
        kept = tuple(span for span in spans if span.id not in lacking)
        taken = _Taken(place.key, want.revision, kept, refused)
        after = {**self._taken, signer: taken}
        try:
            text = msgspec.json.encode(_File(after)).decode()
            await asyncio.to_thread(keys.write_secret, self._directory / KEPT_BELOW, text)
        except ConfigError as error:
            raise VonggacError(Kind.FULL, "the order cannot be written down") from error
        self._taken = after
        self._changed()
        return taken

    def _lacking(self, spans: Sequence[wire.KeptSpan], cameras: Collection[str]) -> Refused:
        """A worker thread: spans that this box cannot keep, since there is nothing to keep."""
        if not spans:
            return ()
        try:
            with closing(CatalogReader(self._directory / CATALOG)) as reader:
                told = [(span.id, _why_not(reader, span, cameras)) for span in spans]
        except VonggacError as error:  # what cannot be looked at is kept
            _log.warning("want.unchecked", reason=error.message)
            return ()
        return tuple((span_id, why) for span_id, why in told if why)

    def _answer(
        self, key: str, revision: int, taken: _Taken | None = None, reasons: tuple[str, ...] = ()
    ) -> None:
        spans = () if taken is None else taken.spans
        self._say(
            wire.WantAnswered(
                at=self._wall_ns(),
                key=key,
                revision=revision,
                accepted=taken is not None,
                reasons=reasons,
                refused=() if taken is None else taken.refused,
                spans=tuple((one.id, one.camera, one.begin, one.end) for one in spans),
            )
        )

    def _recall(self) -> dict[str, _Taken]:
        try:
            text = (self._directory / KEPT_BELOW).read_bytes()
            return msgspec.json.decode(text, type=_File).hubs
        except FileNotFoundError:
            return {}
        except (OSError, *wire.UNREADABLE) as error:
            _log.warning("want.forgotten", reason=str(error))
            return {}


def _why_not(reader: CatalogReader, span: wire.KeptSpan, cameras: Collection[str]) -> str:
    """Why there is nothing to keep of a span; empty where there is, or will be."""
    if span.camera not in cameras and reader.bounds(span.camera, "main") is None:
        return "no_camera"
    if span.end > reader.expired_before(span.camera, "main"):
        return ""
    left = (
        reader.segments_between(span.camera, name, span.begin, span.end) for name in ("main", "sub")
    )
    return "" if any(left) else "expired"


def _spans(place: wire.WantSubject, want: wire.Want) -> tuple[wire.KeptSpan, ...]:
    """What an order names.

    Raises:
        VonggacError: UNSUPPORTED, it is of a kind that this box does not know; BAD_INPUT.
    """
    if not place.key.startswith(wire.KEPT):
        raise VonggacError(Kind.UNSUPPORTED, "this box takes no orders of that kind from above")
    try:
        wanted = msgspec.json.decode(bytes(want.document), type=wire.WantedKept)
    except wire.UNREADABLE as error:
        raise VonggacError(Kind.BAD_INPUT, f"the order cannot be read: {error}") from error
    if any(not 0 < span.begin < span.end < 2**62 for span in wanted.spans):
        raise VonggacError(Kind.BAD_INPUT, "a span of the order ends before it begins")
    return wanted.spans
