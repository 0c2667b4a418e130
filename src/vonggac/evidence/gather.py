"""Putting an export together: what a box proved, the bytes that came, the pages that stood here.

Pure; `hub.exporting` carries the bytes and asks the questions.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from vonggac import wire
from vonggac.errors import MalformedError
from vonggac.evidence.manifest import (
    Absent,
    CameraEvidence,
    Clip,
    Gap,
    Segment,
    encode_sealed,
)
from vonggac.evidence.verify import (
    Stretch,
    clipped,
    gaps_of,
    joined_gaps,
    tolerance_ns,
    uncovered,
)
from vonggac.media import merkle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vonggac.config import StreamName


class Receiver:
    """Hashes a clip while it comes: the whole, and each init and part by itself.

    Args:
        clip: what the box says of it.
    """

    def __init__(self, clip: wire.ProofClip) -> None:
        self._clip = clip
        self._whole = sha256()
        self._pieces = self._sizes()
        self._left = next(self._pieces)
        self._leaf = bytearray()
        self._leaves: list[str] = []
        self._is_index = True
        self.received = 0

    def _sizes(self) -> Iterator[int]:
        yield self._clip.index
        for segment in self._clip.segments:
            yield segment.init
            yield from segment.sizes

    def feed(self, content: bytes) -> None:
        """The next bytes.

        Raises:
            MalformedError: they are more than the box said.
        """
        self._whole.update(content)
        self.received += len(content)
        view = memoryview(content)
        while view:
            taken = view[: self._left]
            if not self._is_index:
                self._leaf += taken
            self._left -= len(taken)
            view = view[len(taken) :]
            if self._left:
                continue
            if not self._is_index:
                self._leaves.append(merkle.leaf(self._leaf).hex())
                self._leaf.clear()
            self._is_index = False
            try:
                self._left = next(self._pieces)
            except StopIteration:
                if view:
                    raise MalformedError("the clip is longer than the box said") from None

    def finish(self, file: str) -> Clip:
        """The clip as the manifest names it.

        Raises:
            MalformedError: bytes are missing.
        """
        wanted = sum(self._sizes())
        if self.received != wanted or wanted != self._clip.size:
            raise MalformedError(f"the clip has {self.received} bytes, not {wanted}")
        leaves = iter(self._leaves)
        segments = tuple(
            Segment(
                run=told.run,
                number=told.number,
                from_=told.from_,
                to=told.to,
                shift=told.shift,
                init=told.init,
                init_hash=next(leaves),
                parts=tuple((size, next(leaves)) for size in told.sizes),
                before=told.before,
                after=told.after,
                root=told.root,
                page=told.page,
                index=told.index,
                path=told.path,
            )
            for told in self._clip.segments
        )
        return Clip(
            file=file,
            size=self._clip.size,
            sha256=self._whole.hexdigest(),
            index=self._clip.index,
            codec=self._clip.codec,
            width=self._clip.width,
            height=self._clip.height,
            segments=segments,
        )


def page_file(camera: str, number: int) -> str:
    """Where a page lies in the export."""
    return f"pages/{camera}-{number:06d}.json"


def camera_evidence(
    *,
    camera: str,
    title: str,
    zone: str,
    stream: StreamName,
    span: tuple[int, int],
    proof: wire.Proof,
    clips: Sequence[Clip],
    pages: Sequence[wire.Envelope],
) -> tuple[CameraEvidence, dict[str, bytes]]:
    """What the manifest says of a camera, and the files with its pages.

    Args:
        camera: its name on the wire.
        title: what people read.
        zone: where it hangs.
        stream: main or sub.
        span: from and to, ns since 1970.
        proof: what the box said.
        clips: as they were received.
        pages: the envelopes of `proof.pages`, in that order, as this hub got them in their time.

    Raises:
        VonggacError: one of them holds no page.
    """
    window = Stretch(*span)
    covered = [
        Stretch(int(segment.from_), int(segment.to))
        for clip in proof.clips
        for segment in clip.segments
    ]
    files: dict[str, bytes] = {}
    gaps: list[tuple[int, int, str]] = []
    absent: list[Absent] = []
    for envelope in pages:
        page = page_of(envelope)
        files[page_file(camera, page.number)] = encode_sealed(envelope)
        told = next((one for one in page.streams if one.stream == stream), None)
        if told is None:
            continue
        gaps += gaps_of(told, window)
        for span_ in told.spans:
            for hole in uncovered(clipped(Stretch(*span_), window), covered, tolerance_ns(told)):
                why = "expired" if hole.from_ns < int(proof.expired_before) else "lost"
                absent.append(Absent(from_=str(hole.from_ns), to=str(hole.to_ns), why=why))
    return (
        CameraEvidence(
            camera=camera,
            title=title,
            zone=zone,
            stream=stream,
            clips=tuple(clips),
            pages=tuple(files),
            gaps=tuple(
                Gap(from_=str(from_ns), to=str(to_ns), cause=cause)
                for from_ns, to_ns, cause in joined_gaps(gaps)
            ),
            absent=tuple(absent),
            runs=proof.runs,
        ),
        files,
    )


def page_of(envelope: wire.Envelope) -> wire.Page:
    """The page in a fact.

    Raises:
        VonggacError: there is none in it.
    """
    fact = wire.decode_fact(envelope.payload)
    if not isinstance(fact, wire.PageClosed):
        raise MalformedError("a fact that is no page where one should be")
    return wire.decode_page(bytes(fact.page))
