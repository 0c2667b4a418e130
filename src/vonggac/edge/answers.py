"""What the box answers when it is asked: recordings, its own state, probes, its orders."""

from __future__ import annotations

import base64
import shutil
from typing import TYPE_CHECKING, Any

import msgspec

from vonggac import __version__, wire
from vonggac.clock import NS, rfc3339
from vonggac.config import Secret
from vonggac.edge.agent import GopAnswer, Mp4Answer
from vonggac.edge.proof import NOT_YET, Proofs
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from vonggac.edge.box import Box
    from vonggac.edge.ingest import Ingest
    from vonggac.edge.live import Publisher
    from vonggac.edge.playback import Playback, Recording

MP4_PIECE = 512 * 1024
"""Bytes of a recording read from the disk at a time while credit comes."""


class BoxAnswers:
    """Implements `agent.Answers` for one box.

    Args:
        box: the recorder.
        playback: its recordings.
        publisher: who watches.
        probe: looks at one camera; given URL, credentials, whether a picture is wanted, and what
            a document puts in place of the criteria.
        discover: looks for cameras; given an address or None, and credentials.
        obey: takes an order; raises VonggacError if it cannot be carried out.
    """

    def __init__(
        self,
        box: Box,
        playback: Playback,
        publisher: Publisher,
        *,
        probe: Callable[[str, str, Secret, bool, wire.Bounds | None], Awaitable[object]],
        discover: Callable[[str | None, str, Secret], Awaitable[object]],
        obey: Callable[[wire.WantedCameras, int], None],
    ) -> None:
        self._box = box
        self._playback = playback
        self._publisher = publisher
        self._probe = probe
        self._discover = discover
        self._obey = obey
        self._proofs = Proofs(box.directory)

    def close(self) -> None:
        """Let its thread end."""
        self._proofs.close()

    async def gop(self, camera: str, ask: wire.GopAsk) -> GopAnswer:
        """One recorded GOP by time."""
        meta, frames = await self._playback.gop(camera, ask.stream, int(ask.at), ask.dir)
        return GopAnswer(meta, frames[0] if frames else None, frames[1:])

    async def timeline(self, camera: str, ask: wire.TimelineAsk) -> wire.Timeline:
        """What is recorded between two times."""
        return await self._playback.timeline(
            camera, ask.stream, int(ask.from_), int(ask.to), ask.resolution_s
        )

    async def snapshot(self, camera: str, ask: wire.SnapshotAsk) -> bytes:
        """A JPEG."""
        at_ns = None if ask.at is None else int(ask.at)
        return await self._playback.snapshot(camera, ask.stream, at_ns, ask.width)

    async def mp4(self, camera: str, ask: wire.Mp4Ask) -> Mp4Answer:
        """A range of the virtual MP4."""
        recording = await self._playback.recording(camera, ask.stream, int(ask.from_), int(ask.to))
        if ask.end > recording.size:
            raise VonggacError(
                Kind.BAD_INPUT, f"the recording has {recording.size} bytes, not {ask.end}"
            )
        return Mp4Answer(recording.size, recording.etag, self._pieces(recording, ask))

    async def _pieces(self, recording: Recording, ask: wire.Mp4Ask) -> AsyncIterator[bytes]:
        for start in range(ask.start, ask.end, MP4_PIECE):
            yield await self._playback.read(recording, start, min(start + MP4_PIECE, ask.end))

    async def export(self, camera: str, ask: wire.ExportAsk) -> wire.Proof | Mp4Answer:
        """The proof of a span, or a range of one of its clips."""
        from_ns, to_ns = int(ask.from_), int(ask.to)
        if to_ns > self._box.timebase.wall_ns():
            raise VonggacError(Kind.BAD_INPUT, "what is not recorded yet cannot be exported")
        if ask.clip is None and not await self._box.close_page_early(camera, to_ns):
            return NOT_YET
        found = await self._proofs.proven(camera, ask.stream, from_ns, to_ns, anew=ask.clip is None)
        if ask.clip is None:
            return found.proof
        if ask.clip >= len(found.clips):
            raise VonggacError(Kind.NOT_FOUND, f"this export has {len(found.clips)} clips")
        clip = found.clips[ask.clip]
        if ask.end > clip.size:
            raise VonggacError(Kind.BAD_INPUT, f"the clip has {clip.size} bytes, not {ask.end}")
        return Mp4Answer(clip.size, clip.etag, self._clip_pieces(clip, ask))

    async def _clip_pieces(self, clip: Recording, ask: wire.ExportAsk) -> AsyncIterator[bytes]:
        for start in range(ask.start, ask.end, MP4_PIECE):
            yield await self._proofs.read(clip, start, min(start + MP4_PIECE, ask.end))

    async def anchor(self, ask: wire.AnchorAsk) -> object:
        """Put a digest of the hub's into the ledger; the fact as it was signed."""
        envelope = self._box.journal.append(
            wire.Anchored(
                at=self._box.timebase.wall_ns(),
                what=ask.what,
                digest=ask.digest,
                row=ask.row,
                name=ask.name,
            )
        )
        return {"envelope": base64.b64encode(wire.encode_envelope(envelope)).decode()}

    async def ledger(self, camera: str, ask: wire.LedgerAsk) -> object:
        """The ledger of a camera, or of all."""
        return await self._playback.ledger(
            None if camera == wire.NO_CAMERA else camera,
            None if ask.from_ is None else int(ask.from_),
            None if ask.to is None else int(ask.to),
        )

    async def probe(self, ask: wire.ProbeAsk, credentials: wire.Credentials | None) -> object:
        """What a camera is."""
        user, password = _revealed(credentials)
        return await self._probe(ask.url, user, password, ask.snapshot, ask.bounds)

    async def discover(self, ask: wire.DiscoverAsk, credentials: wire.Credentials | None) -> object:
        """Which cameras there are."""
        user, password = _revealed(credentials)
        return await self._discover(ask.address, user, password)

    async def configure(self, ask: wire.ConfigureAsk) -> object:
        """Whether a configuration is accepted."""
        try:
            wanted = msgspec.json.decode(bytes(ask.document), type=wire.WantedCameras)
            self._obey(wanted, ask.revision)
        except (*wire.UNREADABLE, VonggacError) as error:
            reason = error.message if isinstance(error, VonggacError) else str(error)
            return {"accepted": False, "reasons": [reason]}
        return {"accepted": True, "reasons": []}

    async def status(self) -> object:
        """How the box is."""
        box = self._box
        try:
            usage = shutil.disk_usage(box.directory)
            total, free = usage.total, usage.free
        except OSError:
            total = free = 0
        promise = box.retention.promise if box.retention else None
        return {
            "site": box.identity.site,
            "version": __version__,
            "as_of": rfc3339(box.timebase.wall_ns()),
            "epoch": box.epoch,
            "facts": box.journal.sequence,
            "clock_trusted": box.timebase.trusted,
            "disk": {
                "total_bytes": total,
                "free_bytes": free,
                "fault": box.recorder.blocked,
                "evidence": box.recorder.disk_evidence,
                "backlog_bytes": box.recorder.backlog_bytes,
            },
            "retention": None
            if promise is None
            else {
                "promised_days": promise.promised_days,
                "expected_days": round(promise.expected_days, 3),
                "bytes_per_day": int(promise.bytes_per_day),
                "broken": promise.broken,
            },
            "catalog_trouble": box.catalog.trouble,
            "journal_trouble": box.journal.trouble,
            "leased": self._publisher.leased,
            "published_bytes": self._publisher.bytes,
            "streams": [
                self._stream(camera, stream, ingest)
                for (camera, stream), ingest in sorted(box.ingests.items())
            ],
        }

    def _stream(self, camera: str, stream: str, ingest: Ingest) -> dict[str, Any]:
        continuity = ingest.books.continuity
        gap = continuity.open
        offer, run_format = ingest.offer, ingest.format
        header = ingest.last_header
        waiting_ns = (
            None
            if ingest.next_attempt_ns is None
            else max(0, ingest.next_attempt_ns - self._box.clock.monotonic_ns())
        )
        error_ns = ingest.clock_error_ns
        return {
            "camera": camera,
            "stream": stream,
            "recorded": ingest.plan.record,
            "recording": ingest.plan.record and continuity.recording,
            "since": rfc3339(gap.from_ns) if gap else None,
            "cause": gap.cause if gap else None,
            "evidence": gap.evidence if gap else "",
            "newest": rfc3339(header.wall_ns) if header else None,
            "source": offer.source if offer else None,
            "why": list(offer.notes) if offer else [],
            "server": offer.server if offer else "",
            "codec": run_format.video.codec_string if run_format else None,
            "width": run_format.video.width if run_format else None,
            "height": run_format.video.height if run_format else None,
            "declared_fps": offer.declared_fps if offer else None,
            "delivered_fps": ingest.delivered_fps,
            "clock_error_ms": None if error_ns is None else error_ns // 1_000_000,
            "pictures": ingest.pictures,
            "damaged": ingest.damaged,
            "attempts": ingest.attempts,
            "next_attempt_s": None if waiting_ns is None else round(waiting_ns / NS, 1),
            "last_error": ingest.last_error.message if ingest.last_error else None,
        }


def _revealed(credentials: wire.Credentials | None) -> tuple[str, Secret]:
    if credentials is None:
        return "", Secret("")
    return credentials.user, Secret(credentials.password)
