"""Facts of sites into the database: verified, each applied once, in order.

`run` reads the LEDGER in batches and commits each batch before it acknowledges it. Each fact is
held against the keys of the site that it names, whatever subject or stream brought it. What cannot
be verified or read is refused, counted and audited; it never stops what follows.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from vonggac import keys, log, wire
from vonggac.db import FAILED
from vonggac.domain import (
    audit,
    below,
    holds,
    hubs,
    ledger,
    picture_faults,
    site_keys,
    told,
    wants,
)
from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.hub import alarming
from vonggac.hub.said import plain, plain_all
from vonggac.wire import hubs as wire_hubs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vonggac.bus import Delivery, LedgerReader
    from vonggac.clock import Clock
    from vonggac.db import Connection, Database
    from vonggac.domain.hubs import HubBelow

_log = log.get(__name__)

RETRY_S = 1.0
"""Seconds before the ledger is read again after the bus failed."""
TOLD_DELETION_NS = 3_600_000_000_000
"""Deletions by retention are audited once an hour and rule."""
TOLD_NS = 60_000_000_000
"""A refused fact is audited at most once a minute and reason: a hostile site sends thousands."""


@dataclass(slots=True)
class Counts:
    """What came, for the metrics."""

    applied: int = 0
    repeated: int = 0
    refused: int = 0
    unread: int = 0
    """Genuine, of a kind that this version does not know."""
    behind: int = 0
    """Facts that the LEDGER still held when the last batch left it."""
    refused_of: Counter[str] = field(default_factory=Counter)
    """Refused, by the site whose subject they came on; "-" where there is none."""


class _Known(NamedTuple):
    """What a batch is held against; announcements and hubs' words in it change it."""

    chains: dict[str, keys.Chain]
    arrived: dict[str, tuple[int, int]]
    hubs: dict[str, HubBelow]
    """Those that stand joined below this one, by their ids."""
    behind: dict[str, str]
    """Site -> the hub below that told of it."""

    @classmethod
    def read(cls, connection: Connection) -> _Known:
        """As the database has it."""
        return cls(
            site_keys.chains(connection), site_keys.arrived(connection),
            hubs.joined(connection), hubs.behind(connection),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tier:
    """What a hub keeps by itself of the sites whose facts it takes."""

    own: str = ""
    """The site of this machine's box, whose register is kept here; empty without a box."""
    anchors: str = ""
    """What this hub's anchors are called (`auditing.anchor_name`)."""
    hub: str = ""
    """This hub's own id: what it tells the hub above lies among what it reads."""

    def is_anchor_of_ours(self, site_id: str, name: str) -> bool:
        """Whether a site signed the end of this hub's audit, not of another tier's."""
        return name == self.anchors and (name != "" or site_id == self.own)


class FactTaker:
    """Applies facts, of however many readers one batch at a time; `apply` is for worker threads.

    Args:
        database: where they go.
        clock: when they came.
        tier: which site's register is kept here; None: every one's, and no hub is above or below.
    """

    def __init__(self, database: Database, clock: Clock, tier: Tier | None = None) -> None:
        self._tier = tier
        self._epochs: dict[str, int] = {}
        """The latest life of each site's box of which a fact was taken."""
        self._database = database
        self._clock = clock
        self._told: dict[str, int] = {}
        self._turn = threading.Lock()
        self.counts = Counts()

    def apply(self, deliveries: Sequence[Delivery]) -> None:
        """Apply a batch in one transaction. Facts applied before are passed over."""
        with self._turn:
            try:
                self._apply(deliveries)
            except BaseException:
                self._epochs.clear()  # what was undone was not taken: the database is asked again
                raise

    def _apply(self, deliveries: Sequence[Delivery]) -> None:
        now_ns = self._clock.wall_ns()
        with self._database.writing() as connection:
            known = _Known.read(connection)
            for delivery in deliveries:
                self.counts.behind = delivery.behind
                try:
                    if self._take_one(connection, delivery, known, now_ns):
                        known = _Known.read(connection)
                except VonggacError as error:
                    self._refuse(connection, delivery, error, now_ns, known)
                except FAILED:  # read again when the database is there again
                    raise
                except Exception as error:  # noqa: BLE001 - read again and again, it would stop all
                    _log.exception("fact.failed", subject=delivery.subject)
                    fault = f"a fact cannot be applied: {type(error).__name__}"
                    wrong = VonggacError(Kind.INTERNAL, fault)
                    self._refuse(connection, delivery, wrong, now_ns, known)

    def _take_one(
        self, connection: Connection, delivery: Delivery, known: _Known, now_ns: int
    ) -> bool:
        """Take one; whether a hub said it, and so what the next ones are held against changed."""
        envelope = wire.decode_envelope(delivery.payload)
        if self._tier is not None and envelope.site == self._tier.hub:
            return False  # for the hub above
        hub = known.hubs.get(envelope.site)
        if hub is None:
            genuine = _genuine(delivery, envelope, known)
            with ledger.all_or_nothing(connection):
                self._take(connection, genuine, known, now_ns)
            return False
        keys.verify_envelope(envelope, hub.public_key or "")
        if not told.is_new(connection, hub, envelope):
            self.counts.repeated += 1
            return False
        try:
            fact = wire_hubs.decode_hub_fact(envelope.payload)
        except MalformedError:
            self.counts.unread += 1
            return True
        with ledger.all_or_nothing(connection):
            told.take(connection, hub, fact, now_ns=now_ns)
        self.counts.applied += 1
        return True

    def _take(
        self, connection: Connection, genuine: keys.Genuine, known: _Known, now_ns: int
    ) -> None:
        envelope = genuine.envelope
        try:
            fact = _plain(wire.decode_fact(envelope.payload))
            kind, at_ns = wire.fact_kind(fact), fact.at
        except MalformedError:
            fact, kind, at_ns = None, ledger.UNREAD, 0
        fresh = ledger.take_fact(
            connection,
            envelope.site,
            envelope.epoch,
            envelope.sequence,
            kind,
            as_of_ns=at_ns,
            received_ns=now_ns,
        )
        if not fresh:
            self.counts.repeated += 1
            return
        if (envelope.epoch, envelope.sequence) < known.arrived.get(envelope.site, (0, 0)):
            raise VonggacError(
                Kind.CORRUPT, "a fact came after the end of the key that signed it had come"
            )
        self._check_epoch(connection, envelope)
        if isinstance(fact, wire.KeyChanged):
            followed = site_keys.follow(
                connection, known.chains[envelope.site], envelope, now_ns=now_ns, arrived=True
            )
            known.chains[envelope.site] = followed
            known.arrived[envelope.site] = (envelope.epoch, envelope.sequence)
            self.counts.applied += 1
        elif fact is None:
            self.counts.unread += 1
        else:
            apply_fact(connection, envelope, fact, now_ns=now_ns, tier=self._tier)
            self.counts.applied += 1
        self._epochs[envelope.site] = envelope.epoch

    def _check_epoch(self, connection: Connection, envelope: wire.Envelope) -> None:
        """A box sends its lives in order: what is new of an ended one was written afterwards.

        Raises:
            VonggacError: CORRUPT, somebody else uses the key.
        """
        latest = self._epochs.get(envelope.site)
        if latest is None:
            latest = ledger.latest_epoch(connection, envelope.site)
        if latest is not None and envelope.epoch < latest:
            raise VonggacError(
                Kind.CORRUPT, "a new fact of an ended life of the box: its key is used twice"
            )

    def _refuse(
        self,
        connection: Connection,
        delivery: Delivery,
        error: VonggacError,
        now_ns: int,
        known: _Known,
    ) -> None:
        self.counts.refused += 1
        claimed = _claimed(delivery)
        site_id = claimed if claimed in known.chains else ""  # anybody can claim any number of ids
        self.counts.refused_of[site_id or "-"] += 1
        reason = f"{site_id} {error.message[:100]}"
        if now_ns - self._told.get(reason, -TOLD_NS) < TOLD_NS:
            return
        if len(self._told) > 100:
            self._told.clear()
        self._told[reason] = now_ns
        _log.warning("fact.refused", subject=delivery.subject, reason=error.message)
        count = self.counts.refused_of[site_id or "-"]
        alarming.of_fact(connection, error, site_id, count, now_ns=now_ns)
        audit.record(
            connection,
            audit.PROGRAM,
            audit.Act.FACT_REFUSED,
            now_ns=now_ns,
            thing=plain(delivery.subject),
            site=site_id or None,
            outcome="refused",
            detail={"reason": plain(error.message), "refused_so_far": self.counts.refused},
        )


def _claimed(delivery: Delivery) -> str:
    """The site whose fact it would be by its subject, which nobody signed; empty without one."""
    try:
        subject = wire.parse_subject(delivery.subject)
    except MalformedError:
        return ""
    return subject.site


def _plain(fact: wire.Fact) -> wire.Fact:
    """The fact with what a camera or a person said in it as it may be kept; pages are bytes."""
    changed: dict[str, object] = {}
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if type(value) is str:
            changed[name] = plain(value)
        elif isinstance(value, tuple):
            changed[name] = tuple(plain_all(list(value)))
    return msgspec.structs.replace(fact, **changed)


def _genuine(delivery: Delivery, envelope: wire.Envelope, known: _Known) -> keys.Genuine:
    chain = known.chains.get(envelope.site)
    if chain is None:
        raise VonggacError(Kind.FORBIDDEN, "a fact of a site that is not enrolled here")
    subject = wire.parse_subject(delivery.subject)
    if not isinstance(subject, wire.FactSubject) or subject.site != envelope.site:
        raise VonggacError(Kind.FORBIDDEN, "a fact of one site on the subject of another")
    if known.behind.get(envelope.site, subject.hub) != subject.hub:
        raise VonggacError(Kind.FORBIDDEN, "a fact of a site through a hub that is not its own")
    if subject.kind == wire.KeyChanged.__struct_config__.tag:
        chain = chain.follow(envelope)  # says what is wrong with an announcement, and whose it is
    return chain.verify(envelope)


def apply_fact(
    connection: Connection,
    envelope: wire.Envelope,
    fact: wire.Fact,
    *,
    now_ns: int,
    tier: Tier | None = None,
) -> None:
    """Put one fact where questions can be asked. The transaction has claimed it already."""
    site_id, epoch = envelope.site, envelope.epoch
    match fact:
        case wire.StateChanged():
            _state_changed(connection, site_id, fact)
        case wire.RunStarted():
            _run_started(connection, site_id, epoch, fact)
        case wire.RunEnded():
            ledger.end_run(connection, site_id, fact.run, to_ns=fact.at, cause=fact.cause)
        case wire.SpanClosed():
            stream = ledger.Stream(site_id, fact.camera, fact.stream)
            ledger.put_span(connection, stream, ledger.Span(fact.from_, fact.to, fact.run, epoch))
        case wire.GapClosed():
            stream = ledger.Stream(site_id, fact.camera, fact.stream)
            gap = ledger.Gap(fact.from_, fact.to, fact.cause, fact.evidence, epoch)
            ledger.put_gap(connection, stream, gap)
        case wire.PageClosed():
            _page_closed(connection, envelope, fact)
        case wire.Deleted():
            stream = ledger.Stream(site_id, fact.camera, fact.stream)
            held = [
                wire.held_hours(one.from_ns, one.to_ns)
                for one in (*holds.kept(connection, site_id), *wants.kept(connection, site_id))
                if one.camera == fact.camera
            ]
            ledger.put_expiry(connection, stream, (fact.from_, fact.to), held)
            _deleted(connection, site_id, fact)
        case wire.BoxStarted():
            ledger.begin_life(connection, site_id, epoch, boot=fact.boot, started_ns=fact.at)
            detail: dict[str, object] = {"version": fact.version, "started_ns": fact.at}
            _box_said(connection, site_id, fact.at, now_ns, detail)
        case wire.BoxStopped():
            _box_said(connection, site_id, fact.at, now_ns, {"stopped_ns": fact.at})
            ledger.lose_site(connection, site_id, lost_ns=fact.at)
        case wire.DiskWarned():
            disk = {
                "state": fact.state,
                "free_bytes": fact.free_bytes,
                "total_bytes": fact.total_bytes,
                "evidence": fact.evidence,
            }
            _box_said(connection, site_id, fact.at, now_ns, {"disk": disk})
        case wire.RetentionWarned():
            retention = {
                "promised_days": fact.promised_days,
                "expected_days": fact.expected_days,
                "broken": fact.broken,
            }
            _box_said(connection, site_id, fact.at, now_ns, {"retention": retention})
        case wire.ClockStepped():
            ledger.step_clock(connection, site_id, epoch, fact.after - fact.before)
            clock = {"trusted": fact.trusted, "stepped_ns": fact.after - fact.before}
            _box_said(connection, site_id, fact.at, now_ns, {"clock": clock})
        case wire.Audited():
            _audited(connection, site_id, fact)
        case wire.Anchored():
            if fact.what == "audit" and (
                tier is None or tier.is_anchor_of_ours(site_id, fact.name)
            ):
                audit.put_anchor(
                    connection,
                    audit.Anchor(fact.row, fact.digest, fact.at),
                    site_id=site_id,
                    envelope=wire.encode_envelope(envelope),
                )
        case wire.CheckFailed():
            audit.record(
                connection,
                audit.Actor("watchdog"),
                audit.Act.BOX,
                now_ns=fact.at,
                thing=fact.camera or site_id,
                outcome="refused",
                detail={"what": fact.what, "evidence": fact.evidence},
            )
            if fact.what == "picture" and fact.camera and fact.stream:
                stream = ledger.Stream(site_id, fact.camera, fact.stream)
                picture_faults.put(connection, stream, fact.evidence, at_ns=fact.at)
        case wire.WantAnswered():
            order = {
                "key": fact.key,
                "revision": fact.revision,
                "accepted": fact.accepted,
                "reasons": list(fact.reasons),
            }
            _box_said(connection, site_id, fact.at, now_ns, {"order": order})
            wants.answered(connection, site_id, fact, now_ns=now_ns)
        case wire.CameraDescribed():
            for stream_name in fact.streams:
                stream = ledger.Stream(site_id, fact.camera, stream_name)
                described = {"in_service": fact.in_service}
                ledger.describe_stream(connection, stream, described)
            if tier is not None and site_id != tier.own:
                told = below.Told(fact.camera, fact.title, fact.zone, in_service=fact.in_service)
                below.follow(connection, site_id, told, now_ns=now_ns)


def _state_changed(connection: Connection, site_id: str, fact: wire.StateChanged) -> None:
    detail = {"evidence": fact.evidence}
    ledger.put_state(
        connection,
        ledger.Stream(site_id, fact.camera, fact.stream),
        ledger.State(fact.state, fact.since, fact.cause, fact.at, detail),
    )


def _run_started(connection: Connection, site_id: str, epoch: int, fact: wire.RunStarted) -> None:
    values = {
        "camera": fact.camera,
        "stream": fact.stream,
        "from_ns": fact.at,
        "source": fact.source,
        "codec": fact.codec,
        "width": fact.width,
        "height": fact.height,
        "declared_fps": fact.declared_fps,
        "epoch": epoch,
    }
    ledger.begin_run(connection, site_id, fact.run, values)
    ledger.describe_stream(
        connection,
        ledger.Stream(site_id, fact.camera, fact.stream),
        {
            "run": fact.run,
            "codec": fact.codec,
            "width": fact.width,
            "height": fact.height,
            "declared_fps": fact.declared_fps,
            "source": fact.source,
            "why": list(fact.why),
            "server": fact.server,
            "audio_codec": fact.audio_codec,
        },
    )


def _page_closed(connection: Connection, envelope: wire.Envelope, fact: wire.PageClosed) -> None:
    raw = bytes(fact.page)
    page = wire.decode_page(raw)
    if page.site != envelope.site or page.camera != fact.camera:
        raise VonggacError(Kind.CORRUPT, "a page speaks for another site or camera")
    for part in page.streams:
        error_ms = None if part.clock_error_ns is None else part.clock_error_ns / 1e6
        stream = ledger.Stream(envelope.site, page.camera, part.stream)
        ledger.put_page(
            connection,
            stream,
            ledger.PageRow(
                number=page.number,
                from_ns=page.from_,
                to_ns=page.to,
                recorded_ns=sum(end - start for start, end in part.spans),
                bytes=part.bytes,
                pictures=part.pictures,
                declared_fps=part.declared_fps,
                delivered_fps=part.delivered_fps,
                clock_error_ms=error_ms,
                root=part.root,
                hash=hashlib.sha256(raw).hexdigest(),
            ),
            previous=page.previous,
            envelope=wire.encode_envelope(envelope),
            spans=[ledger.Span(start, end, epoch=envelope.epoch) for start, end in part.spans],
            gaps=[
                ledger.Gap(gap.from_, gap.to, gap.cause, epoch=envelope.epoch) for gap in part.gaps
            ],
        )
        measured = {"delivered_fps": part.delivered_fps, "clock_error_ms": error_ms}
        known = {name: value for name, value in measured.items() if value is not None}
        ledger.describe_stream(connection, stream, known)


def _box_said(
    connection: Connection, site_id: str, at_ns: int, now_ns: int, detail: dict[str, object]
) -> None:
    ledger.put_site_state(connection, site_id, as_of_ns=at_ns, heard_ns=now_ns, detail=detail)


def _deleted(connection: Connection, site_id: str, fact: wire.Deleted) -> None:
    """A row an hour and rule at most: the ledger holds each, and retention never rests."""
    before = audit.Filter(
        act=audit.Act.DELETED,
        thing=fact.rule,
        sites=[site_id],
        from_ns=fact.at - TOLD_DELETION_NS,
        limit=1,
    )
    if audit.rows(connection, before):
        return
    audit.record(
        connection,
        audit.Actor("retention"),
        audit.Act.DELETED,
        now_ns=fact.at,
        thing=fact.rule,
        site=site_id,
        detail={
            "camera": fact.camera,
            "stream": fact.stream,
            "from_ns": fact.from_,
            "to_ns": fact.to,
            "segments": fact.segments,
            "bytes": fact.bytes,
        },
    )


def _audited(connection: Connection, site_id: str, fact: wire.Audited) -> None:
    detail: dict[str, object] = {
        "verb": fact.verb,
        "outcome": fact.outcome,
        "grant": fact.grant,
        "questions": fact.questions,
    }
    if fact.from_ is not None and fact.to is not None:
        detail |= {"from_ns": fact.from_, "to_ns": fact.to}
    if fact.detail:
        detail["detail"] = fact.detail
    audit.record(
        connection,
        audit.Actor(fact.actor),
        _act_of(fact),
        now_ns=fact.at,
        thing=fact.camera or site_id,
        site=site_id,
        purpose=fact.purpose,
        outcome="done" if fact.outcome in ("started", "ended", "answered") else "refused",
        detail=detail,
    )


def _act_of(fact: wire.Audited) -> audit.Act:
    """What the box's word is called: a view that began or ended, a span that was played."""
    if fact.outcome not in ("started", "ended"):
        return audit.Act.BOX
    match fact.verb:
        case wire.Verb.OPEN if fact.outcome == "started":
            return audit.Act.VIEW_BEGAN
        case wire.Verb.OPEN:
            return audit.Act.VIEW_ENDED
        case wire.Verb.GOP:
            return audit.Act.SPAN_PLAYED
        case _:
            return audit.Act.BOX


async def run(
    reader: LedgerReader, taker: FactTaker, clock: Clock, applied: Callable[[], None]
) -> None:
    """Read the LEDGER for good; returns only when cancelled.

    Args:
        reader: of this hub; nobody else reads with it.
        taker: applies what it reads.
        clock: for the pause after a failure.
        applied: called on the loop after each batch that held facts.
    """
    while True:
        try:
            await reader.begin()
            while True:
                await run_once(reader, taker, applied)
        except VonggacError as error:
            _log.info("facts.interrupted", reason=error.message)
            await clock.sleep(RETRY_S)


async def run_once(reader: LedgerReader, taker: FactTaker, applied: Callable[[], None]) -> int:
    """Apply one batch and acknowledge it; returns how many facts it held.

    Raises:
        VonggacError: the bus failed; begin again.
    """
    deliveries = await reader.batch()
    if deliveries:
        await asyncio.to_thread(taker.apply, deliveries)
        await reader.done()
        applied()
    return len(deliveries)
