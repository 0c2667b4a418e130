"""Writes down what `Continuity` decides: rows for the catalog, signed facts for the journal.

One `Books` a stream, on the event loop's thread.  Both writes are letters to threads: nothing
here waits for a disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vonggac import wire
from vonggac.causes import Cause
from vonggac.edge.ledger import ABSENCES, SPAN_ENDS_NS, Change, Continuity

if TYPE_CHECKING:
    import sqlite3

    from vonggac.config import StreamName
    from vonggac.edge.audience import Audience
    from vonggac.edge.catalog import Catalog
    from vonggac.edge.journal import Journal
    from vonggac.edge.source import Offer
    from vonggac.edge.timebase import TimeBase
    from vonggac.errors import RunEnded
    from vonggac.media.h26x import AudioFormat, VideoFormat

OF_THE_CAMERA = frozenset(
    (
        Cause.UNREACHABLE,
        Cause.REFUSED,
        Cause.STALLED,
        Cause.NO_KEYFRAME,
        Cause.FORMAT_REFUSED,
        Cause.GARBLED,
    )
)
"""What planned maintenance of a camera explains. Nobody who plans to clean a camera has planned
a full disk."""


class Maintenance(NamedTuple):
    """Time in which a person expects a camera to be away, ns of UTC, half-open."""

    from_ns: int
    to_ns: int
    reason: str


class Books:
    """One stream's continuity, written down as it changes.

    Args:
        camera: whose stream.
        stream: main or sub.
        continuity: the stream's state machine, knowing what an earlier life left.
        catalog: where rows go.
        journal: where facts go.
        timebase: what time it is.
        audience: whoever watches is told of each change.
        kept: whether the stream is recorded. What nobody records has no ledger, so nothing is
            written of it; whoever watches it is told all the same.
    """

    def __init__(
        self,
        camera: str,
        stream: StreamName,
        continuity: Continuity,
        catalog: Catalog,
        journal: Journal,
        timebase: TimeBase,
        audience: Audience,
        *,
        kept: bool = True,
    ) -> None:
        self.camera = camera
        self.stream: StreamName = stream
        self.continuity = continuity
        self._catalog = catalog
        self._journal = journal
        self._timebase = timebase
        self._audience = audience
        self._kept = kept
        self._run = b""
        self._span_from_ns = 0
        self._span_pictures = 0
        self._span_bytes = 0
        self.planned: tuple[Maintenance, ...] = ()
        """Maintenance that a person has planned; a camera that is away then has that cause."""
        self._found: tuple[Cause, str] | None = None
        """What evidence shows of the open gap, whatever was planned."""
        self._apply(continuity.start())

    def lost(self, cause: Cause, evidence: str, *, since_ns: int) -> None:
        """No picture is recorded from a moment on. See `Continuity.lost`."""
        self.divide(since_ns)
        self._found = cause, evidence
        self._lose(self.continuity.would_begin(since_ns), since_ns)
        self.divide(self._timebase.wall_ns())

    def divide(self, until_ns: int) -> None:
        """Let the open gap be maintenance from edge to edge of what was planned, up to a moment.

        Planned time that began with the gap or before it explains the gap from its start; after
        planned time what evidence shows is said again.
        """
        gap = self.continuity.open
        if gap is None or self._found is None or gap.cause in ABSENCES:
            return
        edges = {edge for plan in self.planned for edge in (plan.from_ns, plan.to_ns)}
        if gap.cause is not Cause.MAINTENANCE and self._planned_at(gap.from_ns) is not None:
            edges.add(gap.from_ns)
        for edge in sorted(edges):
            if gap.from_ns <= edge <= until_ns:
                self._lose(edge, edge)

    def _planned_at(self, moment_ns: int) -> str | None:
        """The reason of what is planned for that moment, if anything is."""
        covering = (plan for plan in self.planned if plan.from_ns <= moment_ns < plan.to_ns)
        return next((plan.reason for plan in covering), None)

    def _lose(self, begin_ns: int, since_ns: int) -> None:
        assert self._found is not None
        cause, evidence = self._found
        reason = self._planned_at(begin_ns)
        if reason is not None and cause in OF_THE_CAMERA:
            cause, evidence = Cause.MAINTENANCE, reason
        was_recording = self.continuity.recording
        until = self.continuity.last_end_ns or since_ns
        changes = self.continuity.lost(cause, evidence, since_ns=since_ns)
        if was_recording:
            self._span_ended(until)
        self._apply(changes)

    def recorded(self, start_ns: int, *, tolerance_ns: int = SPAN_ENDS_NS) -> None:
        """A keyframe is being recorded. See `Continuity.recorded`."""
        if start_ns - (self.continuity.last_end_ns or 0) > tolerance_ns:
            self.divide(start_ns)
        was_recording = self.continuity.recording
        self._apply(self.continuity.recorded(start_ns, tolerance_ns=tolerance_ns))
        if not was_recording:
            self._span_from_ns = start_ns
            self._span_pictures = self._span_bytes = 0
            self._state("recording", start_ns)

    def reached(self, end_ns: int, pictures: int, size: int) -> None:
        """Pictures up to this moment are with the recorder."""
        self.continuity.last_end_ns = end_ns
        self._span_pictures += pictures
        self._span_bytes += size

    def shown(self, start_ns: int) -> None:
        """A keyframe of a stream that is only watched has come: nothing is missing any more."""
        was_there = self.continuity.recording
        self.continuity.recorded(start_ns)
        if not was_there:
            self._state("recording", start_ns)

    def shown_until(self, end_ns: int) -> None:
        """Pictures of a stream that is only watched reach up to this moment."""
        self.continuity.last_end_ns = end_ns

    def written_until(self, end_ns: int) -> None:
        """The disk took pictures up to this moment only."""
        self.continuity.last_end_ns = end_ns

    def moved(self, delta_ns: int) -> None:
        """The wall clock was put right. See `Continuity.moved`."""
        self._span_from_ns += delta_ns
        self._apply(self.continuity.moved(delta_ns))

    def finish(self, at_ns: int) -> None:
        """The recorder stops in order: close what is open."""
        if self.continuity.recording:
            self._span_ended(self.continuity.last_end_ns or at_ns)
        elif self.continuity.open is not None:
            self.divide(at_ns)
            gap = self.continuity.open
            # The last picture may end a moment after the stop: it lasts until the next would come.
            until = max(at_ns, gap.from_ns + 1)
            self._apply([Change("close", gap.from_ns, until, gap.cause, gap.evidence)])

    def run_began(
        self, run: bytes, offer: Offer, video: VideoFormat, audio: AudioFormat | None, at_ns: int
    ) -> None:
        """A connection delivers pictures."""
        self._run = run
        declared = offer.declared_fps or video.declared_fps
        row = (
            run, self.camera, self.stream, self._journal.epoch, at_ns, offer.source,
            "; ".join(offer.notes), video.codec.value, video.width, video.height, declared,
        )  # fmt: skip
        self._catalog.submit(
            lambda db: db.execute(
                "insert or replace into run (run, camera, stream, epoch, started_ns, source,"
                " source_why, codec, width, height, declared_fps)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        )
        self._journal.append(
            wire.RunStarted(
                at=at_ns,
                camera=self.camera,
                stream=self.stream,
                run=run.hex(),
                source=offer.source,
                why=offer.notes,
                codec=video.codec_string,
                width=video.width,
                height=video.height,
                declared_fps=declared,
                server=offer.server,
                audio_codec=audio.codec_string if audio else None,
            )
        )

    def run_ended(
        self,
        run: bytes,
        ended: RunEnded | None,
        at_ns: int,
        *,
        pictures: int,
        size: int,
        delivered_fps: float | None,
        clock_error_ns: int | None,
    ) -> None:
        """It is over; `ended` is None when nothing was wrong (a new format, the program stops)."""
        cause = ended.cause if ended else None
        evidence = ended.message if ended else "ended in order"
        row = (at_ns, cause, evidence, pictures, size, delivered_fps, clock_error_ns, run)
        self._catalog.submit(
            lambda db: db.execute(
                "update run set ended_ns = ?, cause = ?, evidence = ?, pictures = ?, size = ?,"
                " delivered_fps = ?, clock_error_ns = ? where run = ?",
                row,
            )
        )
        if ended is not None:
            self._journal.append(
                wire.RunEnded(
                    at=at_ns,
                    camera=self.camera,
                    stream=self.stream,
                    run=run.hex(),
                    cause=ended.cause,
                    evidence=evidence,
                    pictures=pictures,
                    bytes=size,
                )
            )

    def measured(
        self,
        run: bytes,
        *,
        pictures: int,
        size: int,
        delivered_fps: float | None,
        clock_error_ns: int | None,
    ) -> None:
        """What a run that goes on delivers, for whoever reads the catalog meanwhile."""
        row = (pictures, size, delivered_fps, clock_error_ns, run)
        self._catalog.submit(
            lambda db: db.execute(
                "update run set pictures = ?, size = ?, delivered_fps = ?, clock_error_ns = ?"
                " where run = ?",
                row,
            )
        )

    def _span_ended(self, to_ns: int) -> None:
        if self._kept and self._run and to_ns > self._span_from_ns:
            self._journal.append(
                wire.SpanClosed(
                    at=self._timebase.wall_ns(),
                    camera=self.camera,
                    stream=self.stream,
                    run=self._run.hex(),
                    from_=self._span_from_ns,
                    to=to_ns,
                    pictures=self._span_pictures,
                    bytes=self._span_bytes,
                )
            )

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            if not self._kept:
                if change.kind in ("open", "recast"):
                    self._state("gap", change.from_ns, change.cause, change.evidence)
                continue
            key = (self.camera, self.stream, change.from_ns)
            match change.kind:
                case "open":
                    values = (*key, change.cause, change.evidence, self._journal.epoch)
                    self._catalog.submit(lambda db, v=values: _open_gap(db, v))  # type: ignore[misc]
                    self._state("gap", change.from_ns, change.cause, change.evidence)
                case "recast":
                    recast = (change.cause, change.evidence, *key)
                    self._catalog.submit(lambda db, v=recast: _recast_gap(db, v))  # type: ignore[misc]
                    self._state("gap", change.from_ns, change.cause, change.evidence)
                case "drop":
                    self._catalog.submit(lambda db, v=key: _drop_gap(db, v))  # type: ignore[misc]
                case "close":
                    assert change.to_ns is not None
                    ended = (change.to_ns, *key)
                    self._catalog.submit(lambda db, v=ended: _close_gap(db, v))  # type: ignore[misc]
                    self._journal.append(
                        wire.GapClosed(
                            at=self._timebase.wall_ns(),
                            camera=self.camera,
                            stream=self.stream,
                            from_=change.from_ns,
                            to=change.to_ns,
                            cause=change.cause,
                            evidence=change.evidence,
                        )
                    )
                case _:
                    raise AssertionError(change.kind)

    def _state(
        self, state: str, since_ns: int, cause: Cause | None = None, evidence: str = ""
    ) -> None:
        shown = {"recording": wire.StreamState.LIVE, "gap": wire.StreamState.GAP}[state]
        self._audience.tell_state(self.camera, self.stream, shown, cause=cause, since_ns=since_ns)
        if not self._kept:
            return
        self._journal.append(
            wire.StateChanged(
                at=self._timebase.wall_ns(),
                camera=self.camera,
                stream=self.stream,
                state="recording" if state == "recording" else "gap",
                since=since_ns,
                cause=cause,
                evidence=evidence,
            )
        )


def _open_gap(db: sqlite3.Connection, values: tuple[object, ...]) -> None:
    db.execute(
        "insert into gap (camera, stream, from_ns, cause, evidence, epoch)"
        " values (?, ?, ?, ?, ?, ?)",
        values,
    )


def _recast_gap(db: sqlite3.Connection, values: tuple[object, ...]) -> None:
    db.execute(
        "update gap set cause = ?, evidence = ?"
        " where camera = ? and stream = ? and from_ns = ? and to_ns is null",
        values,
    )


def _drop_gap(db: sqlite3.Connection, values: tuple[object, ...]) -> None:
    db.execute(
        "delete from gap where camera = ? and stream = ? and from_ns = ? and to_ns is null", values
    )


def _close_gap(db: sqlite3.Connection, values: tuple[object, ...]) -> None:
    db.execute(
        "update gap set to_ns = ?"
        " where camera = ? and stream = ? and from_ns = ? and to_ns is null",
        values,
    )
