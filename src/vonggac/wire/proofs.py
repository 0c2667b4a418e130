"""What a box proves of a span of recordings, and what it signs for its hub."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from vonggac.wire.questions import VERSION, Ns, RunId

Digest: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256, hexadecimal."""
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]

MAX_HASHES = 100_000
"""Parts of a segment at most, as `media.fmp4_read.MAX_PARTS`."""


class ProofSegment(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """How the parts of one segment lead to the root that the page of its hour holds.

    The segment's tree has the init and then every part as its leaves.  Here are the hashes of
    those parts that are not in the clip; the others are hashed from the clip itself.
    """

    run: RunId
    number: Count
    """In its run."""
    from_: Ns
    """When the first part that is here begins, by the ledger."""
    to: Ns
    """When the last one ends."""
    shift: Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,19}$")]
    """Nanoseconds that a later step of the box's clock adds to the times in the bytes."""
    init: Count
    """Bytes of the init."""
    sizes: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1, max_length=MAX_HASHES)]
    """Bytes of each part that is here."""
    before: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_HASHES)]
    """Leaf hashes of the parts before them."""
    after: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_HASHES)]
    """Leaf hashes of the parts after them."""
    root: Digest
    page: Count
    """Number of the page that holds it."""
    index: Count
    """Which leaf of the page's tree its root is."""
    path: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=64)]
    """RFC 9162 inclusion path from there to the page's root."""


class ProofClip(msgspec.Struct, frozen=True):
    """One clip: consecutive segments of one format."""

    size: Count
    etag: str
    index: Count
    """Bytes before the first init."""
    codec: str
    width: int
    height: int
    segments: tuple[ProofSegment, ...]


class ProofRun(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A run that reaches into the span, as the box knows it."""

    run: RunId
    from_: Ns
    to: Ns | None
    cause: str | None
    """Why it ended."""
    source: str
    codec: str
    width: int
    height: int
    declared_fps: float | None
    delivered_fps: float | None
    clock_error_ns: int | None


class Proof(msgspec.Struct, frozen=True):
    """The answer to `export` without a clip."""

    ready: bool
    """False while segments of the span are open, or a page of it is not closed: ask again."""
    clips: tuple[ProofClip, ...] = ()
    pages: tuple[int, ...] = ()
    """Numbers of the pages that cover the span and hold its segments, in order."""
    runs: tuple[ProofRun, ...] = ()
    expired_before: Ns = "0"
    """Retention has deleted what was recorded before."""
    unproven: tuple[str, ...] = ()
    """Segments that no page holds, in sentences; they are not in the clips."""
    v: int = VERSION
