"""Facts: what leaves a site, signed, numbered, and never changed afterwards."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from vonggac.causes import Cause  # noqa: TC001 - msgspec reads the annotations
from vonggac.config import NAME, StreamName
from vonggac.errors import MalformedError
from vonggac.wire.questions import MAX_REASON, UNREADABLE, VERSION, RunId
from vonggac.wire.subjects import ID, NO_CAMERA, WantSubject, is_id

MAX_FACT: Final = 262_144
"""Bytes of an envelope at most: a page of an hour broken 2,000 times is about 200 kB."""
MAX_CHANGES: Final = 64
"""Changes of a site's key at most (ours): one a year outlives the box, and the file that holds
their announcements stays under 40 kB."""
Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=ID)]
PublicKey: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""32 bytes of an Ed25519 key in base64url."""
CameraName: TypeAlias = Annotated[str, msgspec.Meta(pattern=NAME)]
Why: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,32}$")]
"""A reason as a word, which pages say in people's language."""


class _Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """All facts: at is when it was so by the box's wall clock, ns since 1970."""

    at: int

    @property
    def about(self) -> str:
        """The camera that the fact is about, or `NO_CAMERA`; it stands in the subject."""
        camera = getattr(self, "camera", None)
        return camera if isinstance(camera, str) else NO_CAMERA


class BoxStarted(_Fact, frozen=True, kw_only=True, tag="box_started"):
    """The edge came up."""

    version: str
    last_mark: int | None = None
    """When it was last surely alive; None on a first start or a lost catalog."""
    boot: str = ""
    """The operating system's boot id: a step of the clock moves what was told since that boot."""


class BoxStopped(_Fact, frozen=True, kw_only=True, tag="box_stopped"):
    """The edge was asked to stop."""


class CameraDescribed(_Fact, frozen=True, kw_only=True, tag="camera"):
    """A camera as the box knows it; sent when it changes and at start-up. No credentials."""

    camera: CameraName
    title: str
    zone: str
    streams: tuple[StreamName, ...]
    in_service: bool = True


class StateChanged(_Fact, frozen=True, kw_only=True, tag="state"):
    """A stream began to be recorded, or stopped, as soon as it is known."""

    camera: CameraName
    stream: StreamName
    state: Literal["recording", "gap", "off"]
    since: int
    cause: Cause | None = None
    evidence: str = ""


class RunStarted(_Fact, frozen=True, kw_only=True, tag="run_started"):
    """A connection delivers pictures."""

    camera: CameraName
    stream: StreamName
    run: RunId
    source: Literal["rtsp", "libav", "file"]
    why: tuple[str, ...]
    """Why this source, and oddities met."""
    codec: str
    width: int
    height: int
    declared_fps: float | None = None
    server: str = ""
    audio_codec: str | None = None


class RunEnded(_Fact, frozen=True, kw_only=True, tag="run_ended"):
    """It is over."""

    camera: CameraName
    stream: StreamName
    run: RunId
    cause: Cause
    evidence: str
    pictures: int
    bytes: int


class SpanClosed(_Fact, frozen=True, kw_only=True, tag="span", rename={"from_": "from"}):
    """A stretch of recorded time has ended."""

    camera: CameraName
    stream: StreamName
    run: RunId
    from_: int
    to: int
    pictures: int
    bytes: int


class GapClosed(_Fact, frozen=True, kw_only=True, tag="gap", rename={"from_": "from"}):
    """A stretch of missing time has ended, or its cause was settled."""

    camera: CameraName
    stream: StreamName
    from_: int
    to: int
    cause: Cause
    evidence: str = ""


class PageClosed(_Fact, frozen=True, kw_only=True, tag="page"):
    """An hour of a camera's ledger, as the exact bytes that were hashed."""

    camera: CameraName
    page: msgspec.Raw
    """A `Page`; its hash is SHA-256 of these bytes as they stand."""


class ClockStepped(_Fact, frozen=True, kw_only=True, tag="clock"):
    """The box's wall clock was stepped, or became trusted or untrusted."""

    before: int
    after: int
    trusted: bool


class Deleted(_Fact, frozen=True, kw_only=True, tag="deletion", rename={"from_": "from"}):
    """Recordings were deleted by a rule."""

    camera: CameraName
    stream: StreamName
    from_: int
    to: int
    segments: int
    bytes: int
    rule: Literal["days", "bytes", "free_floor"]


class RetentionWarned(_Fact, frozen=True, kw_only=True, tag="retention"):
    """The days promised will not be kept at the present rate (or will again)."""

    promised_days: float
    expected_days: float
    broken: bool


class DiskWarned(_Fact, frozen=True, kw_only=True, tag="disk"):
    """The state of the recording disk changed."""

    state: Literal["ok", "low", "full", "slow", "gone", "read_only"]
    free_bytes: int
    total_bytes: int
    evidence: str = ""


class Audited(_Fact, frozen=True, kw_only=True, tag="audit", rename={"from_": "from"}):
    """Somebody asked something of the box."""

    camera: CameraName | None = None
    stream: StreamName | None = None
    actor: str
    purpose: str
    grant: str
    verb: str
    outcome: str
    """`started`, `ended`, `answered`, or the kind of the refusal."""
    from_: int | None = None
    to: int | None = None
    questions: int = 1
    """How many questions this row stands for."""
    detail: str = ""


class Anchored(_Fact, frozen=True, kw_only=True, tag="anchor"):
    """The hub asked for its signature: the end of its audit, or the manifest of an export."""

    what: Literal["audit", "export"]
    digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    """Hash of the audit's newest row, or SHA-256 of the manifest."""
    row: int = 0
    """Number of that row."""
    name: str = ""
    """The export's id; of an audit, which hub's it is: empty for the one of the box's machine."""


class CheckFailed(_Fact, frozen=True, kw_only=True, tag="check"):
    """The watchdog or `vonggac check` found a stream, file or page that lies."""

    camera: CameraName | None = None
    stream: StreamName | None = None
    what: str
    evidence: str


class WantAnswered(_Fact, frozen=True, kw_only=True, tag="want"):
    """What the box did with an order."""

    key: str
    revision: int
    accepted: bool
    reasons: tuple[str, ...] = ()
    refused: Annotated[tuple[tuple[Id, Why], ...], msgspec.Meta(max_length=1_000)] = ()
    """What it did not take of an order that it took."""
    spans: Annotated[
        tuple[tuple[Id, CameraName, int, int], ...], msgspec.Meta(max_length=1_000)
    ] = ()
    """What it keeps by it: id, camera, from and to in ns."""


class KeyChanged(_Fact, frozen=True, kw_only=True, tag="key"):
    """The site's key ends with this fact, and the next one signs everything after it.

    The old key signs the envelope, the new one the `proof`: `change_bytes` says over what.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHANGES)]
    """Counts the changes from 1; with `old`, none can be left out."""
    old: PublicKey
    new: PublicKey
    proof: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{86}$")]
    """Signature of the new key, base64url: whoever announces it has it."""


Fact: TypeAlias = (
    BoxStarted
    | BoxStopped
    | CameraDescribed
    | StateChanged
    | RunStarted
    | RunEnded
    | SpanClosed
    | GapClosed
    | PageClosed
    | ClockStepped
    | Deleted
    | RetentionWarned
    | DiskWarned
    | Audited
    | Anchored
    | CheckFailed
    | WantAnswered
    | KeyChanged
)


class PageGap(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A gap on a page."""

    from_: int
    to: int
    cause: Cause


class PageStream(msgspec.Struct, frozen=True):
    """What a page says of one stream."""

    stream: StreamName
    spans: tuple[tuple[int, int], ...]
    gaps: tuple[PageGap, ...]
    bytes: int
    pictures: int
    declared_fps: float | None
    delivered_fps: float | None
    clock_error_ns: int | None
    segments: int
    root: str
    """Merkle root (RFC 9162) over the roots of the hour's segments, hexadecimal."""


class Page(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """An hour of one camera's ledger."""

    site: Id
    camera: CameraName
    number: int
    """Counts the camera's pages from 0; with the hash of the one before, none can go missing."""
    from_: int
    to: int
    streams: tuple[PageStream, ...]
    previous: str
    """SHA-256 of the page before, hexadecimal; empty on the first."""
    v: int = VERSION


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """A fact as it leaves a site: signed, numbered, opaque to whoever only carries it."""

    version: int
    site: str
    epoch: int
    """Grows each time the box begins a new journal (first start, replaced box)."""
    sequence: int
    """Counts the envelopes of the epoch from 0, without holes."""
    payload: bytes
    signature: bytes

    @property
    def message_id(self) -> str:
        """`Nats-Msg-Id`: a second publication of the same fact is dropped by JetStream."""
        return f"{self.site}.{self.epoch}.{self.sequence}"


_fact_decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)
_fact_encoder = msgspec.json.Encoder()
_envelope_decoder = msgspec.msgpack.Decoder(Envelope)


def signed_bytes(site: str, epoch: int, sequence: int, payload: bytes) -> bytes:
    """What the signature of an envelope covers; the first line keeps it apart from other uses."""
    return b"vonggac fact 1\n%s\n%d\n%d\n%s" % (site.encode(), epoch, sequence, payload)


def change_bytes(site: str, epoch: int, sequence: int, fact: KeyChanged) -> bytes:
    """What the new key signs: its predecessor, its number and place, and no other announcement."""
    return b"vonggac key 1\n%s\n%d\n%d\n%d\n%d\n%s\n%s\n" % (
        site.encode(), epoch, sequence, fact.number, fact.at, fact.old.encode(), fact.new.encode(),
    )  # fmt: skip


def encode_fact(fact: Fact) -> bytes:
    """The payload of an envelope."""
    return _fact_encoder.encode(fact)


def decode_fact(payload: bytes) -> Fact:
    """Read a payload whose signature was verified.

    Raises:
        MalformedError: it is no fact that this version knows; keep the envelope all the same.
    """
    try:
        return _fact_decoder.decode(payload)
    except UNREADABLE as error:
        why = str(error)[:MAX_REASON]
        raise MalformedError(f"not a fact that this version knows: {why}") from error


def fact_kind(fact: Fact) -> str:
    """The kind that stands in the subject."""
    tag = fact.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def encode_page(page: Page) -> msgspec.Raw:
    """The exact bytes of a page, to be hashed and put into `PageClosed`."""
    return msgspec.Raw(msgspec.json.encode(page))


def decode_page(raw: msgspec.Raw | bytes) -> Page:
    """Read a page.

    Raises:
        MalformedError: it is none.
    """
    try:
        return msgspec.json.decode(bytes(raw), type=Page)
    except UNREADABLE as error:
        raise MalformedError(f"not a page: {str(error)[:MAX_REASON]}") from error


def encode_envelope(envelope: Envelope) -> bytes:
    """An envelope as a message."""
    return msgspec.msgpack.encode(envelope)


def decode_envelope(message: bytes) -> Envelope:
    """Read a message from a ledger; nothing in it is verified yet.

    Raises:
        MalformedError: it is no envelope, too long, or of an unknown version.
    """
    if len(message) > MAX_FACT:
        raise MalformedError(f"an envelope of {len(message)} bytes is longer than {MAX_FACT}")
    try:
        envelope = _envelope_decoder.decode(message)
    except UNREADABLE as error:
        raise MalformedError(f"not an envelope: {str(error)[:MAX_REASON]}") from error
    if envelope.version != VERSION:
        raise MalformedError(f"an envelope of version {envelope.version}; this program knows 1")
    if not is_id(envelope.site) or envelope.epoch < 0 or envelope.sequence < 0:
        raise MalformedError("an envelope with an impossible site or number")
    return envelope


class Want(msgspec.Struct, frozen=True):
    """What the hub wants of a site under one key."""

    revision: Annotated[int, msgspec.Meta(ge=0)]
    document: msgspec.Raw
    v: int = VERSION
    signature: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9_-]{86})?$")] = ""
    """Of the hub that wants it, base64url, over `want_bytes`; a box obeys none without."""


def want_bytes(subject: WantSubject, want: Want) -> bytes:
    """What a hub signs of an order: to which box, under which key, which of them, and what."""
    head = f"vonggac want 1\n{subject.hub}\n{subject.site}\n{subject.key}\n{want.revision}\n"
    return head.encode() + bytes(want.document)
