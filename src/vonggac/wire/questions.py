"""Live parts, questions and answers: headers, bodies, chunks and frames."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from vonggac.causes import Cause  # noqa: TC001 - msgspec reads the annotations
from vonggac.config import StreamName  # noqa: TC001 - msgspec reads the annotations
from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.wire.subjects import ID, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec 0.20 raises for bytes from outside that it cannot read: the second for text that is
not UTF-8, the third for lists within lists beyond some thousand."""

VERSION: Final = 1
"""Version of envelope and metas; a reader refuses a higher one by name."""

CHUNK: Final = 131_072
"""Bytes of one message of an answer at most: about 0.5 s of a 2 Mbit/s line."""
DEFAULT_WINDOW: Final = 8
"""Chunks under way before credit is needed: 1 MiB, a GOP of 2 s at 4 Mbit/s."""
MAX_WINDOW: Final = 16
"""Chunks that an asker may have under way: 2 MiB a question bounds what a slow asker holds."""
MAX_QUESTION: Final = 8_192
"""Bytes of a viewer's question at most; the longest valid one is under 300."""
MAX_HUB_QUESTION: Final = 262_144
"""Bytes of a hub's question at most: the configuration of 100 cameras is about 60 kB."""
MAX_FRAME: Final = 33_554_432
"""Bytes of a frame at most: the largest access unit (16 MiB) and room for its boxes."""
MAX_REASON: Final = 200
"""Letters of what the reader says about bytes that it cannot read; it repeats names from them."""
MAX_LEASE_S: Final = 30
"""Seconds of a lease at most: what a closed lid costs the line."""

RUN: Final = "Vg-Run"
SEGMENT: Final = "Vg-Seg"
SEQUENCE: Final = "Vg-Seq"
KEYFRAME: Final = "Vg-Key"
DECODE_OFFSET: Final = "Vg-Dt"
WALL: Final = "Vg-Wall"
STATE: Final = "Vg-State"
CAUSE: Final = "Vg-Cause"
SINCE: Final = "Vg-Since"
GRANT: Final = "Vg-Grant"
WINDOW: Final = "Vg-Window"
STATUS: Final = "Vg-Status"
PART: Final = "Vg-Part"
LAST: Final = "Vg-Last"
TYPE: Final = "Vg-Type"
CREDIT: Final = "Vg-Credit"
TOTAL: Final = "Vg-Total"
ETAG: Final = "Vg-Etag"

HEADERS: Final = (
    *(RUN, SEGMENT, SEQUENCE, KEYFRAME, DECODE_OFFSET, WALL, STATE, CAUSE, SINCE),
    *(GRANT, WINDOW, STATUS, PART, LAST, TYPE, CREDIT, TOTAL, ETAG),
)
"""Every header of ours, for the test that compares with the documentation."""

OK: Final = "200"
"""Value of `STATUS` while nothing is wrong."""

JSON: Final = "application/json"
JPEG: Final = "image/jpeg"
BYTES: Final = "application/octet-stream"
FRAMES: Final = "application/vnd.vonggac.frames"

Ns: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]
"""Nanoseconds since 1970 as a decimal string."""
RunId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]
"""A run, 32 hexadecimal digits."""


class PartHead(msgspec.Struct, frozen=True):
    """What the headers of a live part say."""

    run: str
    """32 hexadecimal digits."""
    segment: int
    sequence: int
    keyframe: bool
    decode_offset: int
    """Ticks of 1/90000 s: where the part's segment starts in its run."""
    wall_ns: int

    def headers(self) -> dict[str, str]:
        """As headers of the message."""
        return {
            RUN: self.run,
            SEGMENT: str(self.segment),
            SEQUENCE: str(self.sequence),
            KEYFRAME: "1" if self.keyframe else "0",
            DECODE_OFFSET: str(self.decode_offset),
            WALL: str(self.wall_ns),
        }


def part_head(headers: Mapping[str, str]) -> PartHead:
    """Read the headers of a live part.

    Raises:
        MalformedError: one is missing or no number.
    """
    run = headers.get(RUN, "")
    if re.fullmatch(r"[0-9a-f]{32}", run) is None:
        raise MalformedError(f"{RUN} is not 32 hexadecimal digits")
    return PartHead(
        run,
        _number(headers, SEGMENT),
        _number(headers, SEQUENCE),
        headers.get(KEYFRAME) == "1",
        _number(headers, DECODE_OFFSET),
        _number(headers, WALL),
    )


def _number(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    if re.fullmatch(r"[0-9]{1,19}", text) is None:
        raise MalformedError(f"{name} is not a number")
    return int(text)


class StreamState(StrEnum):
    """What a tile must say of a stream."""

    LIVE = "live"
    STALLED = "stalled"
    """Connected and nothing comes, not yet long enough for a gap to be settled."""
    GAP = "gap"


class OpenAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Start, extend or give back a lease."""

    stream: StreamName
    extend: bool = False
    lease_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_LEASE_S)] = MAX_LEASE_S


class GopAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recorded GOP by time."""

    stream: StreamName
    at: Ns
    dir: Literal["at", "next", "prev"] = "at"


class TimelineAsk(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """What is recorded in [from, to)."""

    from_: Ns
    to: Ns
    resolution_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)]
    stream: StreamName = "main"


class SnapshotAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture, now or as recorded."""

    stream: StreamName = "main"
    at: Ns | None = None
    width: Annotated[int, msgspec.Meta(ge=16, le=7_680)] | None = None


class MoreAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Credit for an answer under way."""

    chunks: Annotated[int, msgspec.Meta(ge=1, le=MAX_WINDOW)]


class Mp4Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Bytes [start, end) of the virtual MP4 of [from, to)."""

    from_: Ns
    to: Ns
    start: Annotated[int, msgspec.Meta(ge=0)]
    end: Annotated[int, msgspec.Meta(ge=0)]
    stream: StreamName = "main"


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a document puts in place of the criteria of the box; what is left out stays."""

    name: Annotated[str, msgspec.Meta(max_length=1_000)]
    """Where they stand: the document, page and point, and whose the rest is."""
    name_en: Annotated[str, msgspec.Meta(max_length=1_000)]
    since: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    """The first day on which all of them count."""
    codecs: Annotated[tuple[str, ...], msgspec.Meta(max_length=8)] = ()
    min_fps: Annotated[int, msgspec.Meta(ge=1, le=1_000)] | None = None
    min_height: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    max_gop_s: Annotated[int, msgspec.Meta(ge=1, le=3_600)] | None = None
    max_clock_error_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] | None = None


class ProbeAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is this camera?"""

    url: Annotated[str, msgspec.Meta(max_length=2_048)]
    sealed: Annotated[str, msgspec.Meta(max_length=4_096)] | None = None
    """`Credentials` sealed to the site's key (`keys.seal`), base64url."""
    snapshot: bool = True
    bounds: Bounds | None = None
    """Left out while no document says anything: a box of an older version reads that, too."""


class DiscoverAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which cameras are there?"""

    address: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    """Host to try the makers' URL forms on; None looks for ONVIF devices on the LAN."""
    sealed: Annotated[str, msgspec.Meta(max_length=4_096)] | None = None


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is inside `sealed`."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Credentials('***')"


class ConfigureAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Try this configuration; accepted or refused, with reasons."""

    revision: Annotated[int, msgspec.Meta(ge=0)]
    document: msgspec.Raw


class RevokeAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer these grants no more, and end what they watch."""

    grants: Annotated[
        tuple[Annotated[str, msgspec.Meta(pattern=ID)], ...], msgspec.Meta(max_length=256)
    ]
    why: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """A word for the box's audit."""


class StatusAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How is the box?"""


class LedgerAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The ledger of [from, to); both may be left out."""

    from_: Ns | None = None
    to: Ns | None = None


class ExportAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The proof of [from, to) if no clip is named, else bytes [start, end) of that clip."""

    from_: Ns
    to: Ns
    stream: StreamName = "main"
    clip: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    start: Annotated[int, msgspec.Meta(ge=0)] = 0
    end: Annotated[int, msgspec.Meta(ge=0)] = 0


class AnchorAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put a digest of the hub's into the site's ledger, signed."""

    what: Literal["audit", "export"]
    digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    row: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Of the audit: the number of its newest row."""
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """Of an export: its id; of an audit: which hub's, empty for the one of the box's machine."""


ASKS: Final[dict[Verb, type[msgspec.Struct]]] = {
    Verb.OPEN: OpenAsk,
    Verb.GOP: GopAsk,
    Verb.TIMELINE: TimelineAsk,
    Verb.SNAPSHOT: SnapshotAsk,
    Verb.MORE: MoreAsk,
    Verb.PROBE: ProbeAsk,
    Verb.DISCOVER: DiscoverAsk,
    Verb.CONFIGURE: ConfigureAsk,
    Verb.MP4: Mp4Ask,
    Verb.REVOKE: RevokeAsk,
    Verb.STATUS: StatusAsk,
    Verb.LEDGER: LedgerAsk,
    Verb.EXPORT: ExportAsk,
    Verb.ANCHOR: AnchorAsk,
}
"""The body of each verb."""

A = TypeVar("A", bound=msgspec.Struct)


def decode_ask(body: bytes, kind: type[A]) -> A:
    """Read the body of a question.

    Raises:
        VonggacError: BAD_INPUT, naming the field.
    """
    limit = MAX_HUB_QUESTION if kind is ConfigureAsk else MAX_QUESTION
    if len(body) > limit:
        raise VonggacError(Kind.TOO_LARGE, f"the question has {len(body)} bytes of at most {limit}")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except UNREADABLE as error:
        why = str(error)[:MAX_REASON]
        raise VonggacError(Kind.BAD_INPUT, f"the question cannot be read: {why}") from error


def ns(text: str) -> int:
    """Nanoseconds of a decimal string that a struct has already checked."""
    return int(text)


class Gap(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A stretch of missing time, in answers."""

    from_: Ns
    to: Ns
    cause: Cause


class Span(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A stretch of recorded time, in answers."""

    from_: Ns
    to: Ns


class OpenMeta(msgspec.Struct, frozen=True):
    """Frame 0 of the answer to `open`."""

    state: StreamState
    since: Ns
    lease_s: float
    frames: int = 0
    cause: Cause | None = None
    run: RunId | None = None
    seg: int = 0
    seq: int = 0
    dt: int = 0
    wall: Ns = "0"
    codec: str = ""
    audio_codec: str | None = None
    width: int = 0
    height: int = 0
    fps: float | None = None
    v: int = VERSION


class GopMeta(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """Frame 0 of the answer to `gop`."""

    run: RunId | None = None
    seg: int = 0
    seq: int = 0
    dt: int = 0
    from_: Ns = "0"
    to: Ns = "0"
    codec: str = ""
    audio_codec: str | None = None
    width: int = 0
    height: int = 0
    next_from: Ns | None = None
    gap: Gap | None = None
    frames: int = 0
    v: int = VERSION


class Timeline(msgspec.Struct, frozen=True):
    """The answer to `timeline`."""

    as_of: Ns
    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]
    expired_before: Ns | None
    density: tuple[int, ...]
    """Recorded share of each step of the resolution, 0 to 100, cut, never rounded up."""


class Fault(msgspec.Struct, frozen=True):
    """The payload of an answer that is an error."""

    kind: Kind
    message: str
    detail: dict[str, str] = {}


def frame(content: bytes) -> bytes:
    """One frame: its length in four bytes, big-endian, then itself."""
    return len(content).to_bytes(4, "big") + content


def chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a run of pieces into chunks of exactly `CHUNK` bytes but for the last; at least one."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        view = memoryview(piece)
        while size + len(view) > CHUNK:
            room = CHUNK - size
            yield b"".join([*waiting, view[:room]])
            view = view[room:]
            waiting, size = [], 0
        if len(view):
            waiting.append(bytes(view))
            size += len(view)
    yield b"".join(waiting)


class FrameReader:
    """Splits the chunks of an answer into frames. Holds at most one unfinished frame.

    Args:
        limit: bytes of a frame at most.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames that this chunk completes.

        Raises:
            MalformedError: a frame says it is longer than the limit.
        """
        self._rest += chunk
        done: list[bytes] = []
        at = 0
        while len(self._rest) - at >= 4:
            size = int.from_bytes(self._rest[at : at + 4], "big")
            if size > self._limit:
                raise MalformedError(f"a frame of {size} bytes is longer than {self._limit}")
            if len(self._rest) - at - 4 < size:
                break
            done.append(bytes(self._rest[at + 4 : at + 4 + size]))
            at += 4 + size
        del self._rest[:at]
        return done

    @property
    def unfinished(self) -> int:
        """Bytes of a frame that has begun and not ended; 0 at the end of a whole answer."""
        return len(self._rest)
