"""The manifest of an export: what is in it, and how every byte leads to a signature.

`manifest.json` names every file with its SHA-256 and every part with its hash; `seal.json` is a
fact of the site, signed by its key, with the SHA-256 of the manifest.  `pages/` holds the pages of
the ledger as facts that were signed when the recording was made.  Moments are decimal strings of
nanoseconds, because the verifier in the browser has no larger numbers.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Final

import msgspec

from vonggac import wire
from vonggac.config import StreamName  # noqa: TC001 - msgspec reads the annotations
from vonggac.errors import MalformedError

VERSIONS: Final = (1, 2)
"""The second carries announcements of changed keys (`evidence.signers`)."""
MANIFEST: Final = "manifest.json"
SEAL: Final = "seal.json"
MAX_MANIFEST: Final = 64 * 1024 * 1024
"""Bytes of a manifest; a day of one camera has 432,000 parts and takes 33 MB."""
MAX_SEALED: Final = 2 * wire.MAX_FACT
"""Bytes of a fact as JSON: base64 makes 4 of 3."""

Text = Annotated[str, msgspec.Meta(max_length=2_000)]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9/._-]{0,199}$")]


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Nothing that is not described here stands in a manifest."""


class Person(_Told, frozen=True):
    """Who asked or approved, as the hub knew them then."""

    name: Text
    full_name: Text
    unit: Text
    at: wire.Ns


class Request(_Told, frozen=True):
    """The written request that the export answers."""

    number: Text
    date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
    body: Text
    """The body that asks."""
    reason: Text
    basis: Text
    """The legal basis that it names."""


class Segment(_Told, frozen=True):
    """Consecutive parts of one recorded segment, as `wire.ProofSegment`, with their hashes."""

    run: wire.RunId
    number: wire.Count
    from_: wire.Ns
    to: wire.Ns
    shift: Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,19}$")]
    init: wire.Count
    init_hash: wire.Digest
    """Leaf hash of the init: SHA-256(0x00, init)."""
    parts: Annotated[
        tuple[tuple[wire.Count, wire.Digest], ...],
        msgspec.Meta(min_length=1, max_length=wire.MAX_HASHES),
    ]
    """Bytes and leaf hash of each part that is here."""
    before: Annotated[tuple[wire.Digest, ...], msgspec.Meta(max_length=wire.MAX_HASHES)]
    after: Annotated[tuple[wire.Digest, ...], msgspec.Meta(max_length=wire.MAX_HASHES)]
    root: wire.Digest
    page: wire.Count
    index: wire.Count
    path: Annotated[tuple[wire.Digest, ...], msgspec.Meta(max_length=64)]


class Clip(_Told, frozen=True):
    """A file that plays: an index, then init and parts of each segment as they were recorded."""

    file: FileName
    size: wire.Count
    sha256: wire.Digest
    index: wire.Count
    """Bytes before the first init."""
    codec: Text
    width: wire.Count
    height: wire.Count
    segments: Annotated[tuple[Segment, ...], msgspec.Meta(min_length=1)]


class Gap(_Told, frozen=True):
    """A gap inside the span, as the signed pages have it."""

    from_: wire.Ns
    to: wire.Ns
    cause: Text


class Absent(_Told, frozen=True):
    """A stretch that was recorded and is not here: expired by retention, or lost."""

    from_: wire.Ns
    to: wire.Ns
    why: Annotated[str, msgspec.Meta(pattern="^(expired|lost)$")]


class CameraEvidence(_Told, frozen=True):
    """What the export holds of one camera."""

    camera: wire.CameraName
    title: Text
    zone: Text
    stream: StreamName
    clips: tuple[Clip, ...]
    pages: tuple[FileName, ...]
    """Files with the signed pages that cover the span, in order."""
    gaps: tuple[Gap, ...]
    absent: tuple[Absent, ...]
    runs: tuple[wire.ProofRun, ...]


class Manifest(_Told, frozen=True):
    """The whole."""

    v: int
    export: Text
    hub: Text
    site: wire.Id
    site_name: Text
    site_title: Text
    site_address: Text
    key: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """The public key with which the site sealed it: its newest then. A verifier compares it, or
    one before it in the chain of `keys/`, with the one that it was given."""
    from_: wire.Ns
    to: wire.Ns
    made_at: wire.Ns
    request: Request
    asked: Person
    approved: Person
    cameras: Annotated[tuple[CameraEvidence, ...], msgspec.Meta(min_length=1)]
    files: dict[FileName, wire.Digest]
    """SHA-256 of every other file: pages, minutes, copies."""


def encode_manifest(manifest: Manifest) -> bytes:
    """The exact bytes that are sealed."""
    return msgspec.json.encode(manifest)


def decode_manifest(content: bytes) -> Manifest:
    """Read a manifest; nothing in it is verified yet.

    Raises:
        MalformedError: it is none that this version knows.
    """
    if len(content) > MAX_MANIFEST:
        raise MalformedError(f"a manifest of {len(content)} bytes is longer than {MAX_MANIFEST}")
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except wire.UNREADABLE as error:
        raise MalformedError(f"the manifest cannot be read: {str(error)[:200]}") from error
    if manifest.v not in VERSIONS:
        raise MalformedError(f"a manifest of version {manifest.v}; this program knows 1 and 2")
    return manifest


def encode_sealed(envelope: wire.Envelope) -> bytes:
    """A signed fact as a file of the export: a JSON array, its bytes in base64."""
    return msgspec.json.encode(envelope)


def decode_sealed(content: bytes) -> wire.Envelope:
    """Read such a file; its signature is not looked at.

    Raises:
        MalformedError: it is none, or not as `encode_sealed` writes it: base64 has several
            spellings of the same bytes, and only one of them is what was exported.
    """
    if len(content) > MAX_SEALED:
        raise MalformedError(f"a fact of {len(content)} bytes is longer than {MAX_SEALED}")
    try:
        envelope = msgspec.json.decode(content, type=wire.Envelope)
    except wire.UNREADABLE as error:
        raise MalformedError(f"a signed fact cannot be read: {str(error)[:200]}") from error
    if encode_sealed(envelope) != content or envelope.version != wire.VERSION:
        raise MalformedError("a signed fact is not written as this program writes it")
    return envelope


def fingerprint(public: str) -> str:
    """SHA-256 of a public key's 32 bytes, hexadecimal in groups of four: for paper and telephone.

    Args:
        public: the key in base64url.

    Raises:
        ValueError: it is no key.
    """
    raw = base64.b64decode(public + "=" * (-len(public) % 4), altchars=b"-_", validate=True)
    if len(raw) != 32:
        raise ValueError("a public key has 32 bytes")
    digest = hashlib.sha256(raw).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))
