"""Grants: who may ask what of a site, until when. Signed by the hub, checked by the edge.

Compact JWS (RFC 7515) with EdDSA (RFC 8037). One algorithm, one type, one key: a token that names
anything else is refused, and so is whatever a token does not name.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import nacl.exceptions
import nacl.signing

from vonggac import wire
from vonggac.config import NAME, StreamName
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.keys.site import SigningKey

MAX_TOKEN: Final = 12_288
"""Bytes of a grant token at most: 64 cameras with names of 63 letters take about 6 kB."""
MAX_GRANT_LIFE_S: Final = 3_600
"""Seconds a grant lives at most; viewers' grants end with their NATS token after 120 s."""
SKEW_S: Final = 120
"""Seconds by which the hub's clock may be ahead of the box's before `iat` looks forged."""

_HEAD: Final = (
    base64.urlsafe_b64encode(b'{"alg":"EdDSA","typ":"vg-grant+jwt"}').decode().rstrip("=")
)


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Permission to see named cameras, for a purpose, until a time. Times in seconds since 1970."""

    id: Annotated[str, msgspec.Meta(pattern=wire.ID)]
    """Stands in the subjects of questions and answers."""
    hub: Annotated[str, msgspec.Meta(pattern=wire.ID)]
    site: Annotated[str, msgspec.Meta(pattern=wire.ID)]
    cameras: Annotated[
        tuple[Annotated[str, msgspec.Meta(pattern=rf"{NAME}|^\*$")], ...],
        msgspec.Meta(max_length=64),
    ]
    streams: Annotated[tuple[StreamName, ...], msgspec.Meta(max_length=2)]
    verbs: Annotated[tuple[wire.Verb, ...], msgspec.Meta(max_length=16)]
    purpose: Annotated[str, msgspec.Meta(max_length=200)]
    actor: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """Who asks, in the hub's words; the box writes it into its audit."""
    iat: int
    exp: int
    own: bool = False
    """The hub's own: only these open the hub's verbs, and only these may name the camera "*"."""

    def check(self, *, camera: str, verb: wire.Verb, stream: StreamName | None) -> None:
        """Whether it permits this question. What is not named is refused.

        Raises:
            VonggacError: FORBIDDEN.
        """
        if verb is not wire.Verb.MORE and verb not in self.verbs:
            raise VonggacError(Kind.FORBIDDEN, "the grant does not name this verb")
        if verb not in (*wire.VIEWER_VERBS, wire.Verb.MORE) and not self.own:
            raise VonggacError(Kind.FORBIDDEN, "only the hub itself may ask this")
        everything = self.own and "*" in self.cameras
        if camera not in self.cameras and not everything:
            raise VonggacError(Kind.FORBIDDEN, "the grant does not name this camera")
        if stream is not None and stream not in self.streams:
            raise VonggacError(Kind.FORBIDDEN, "the grant does not name this stream")


@dataclass(frozen=True, slots=True)
class Verified:
    """A grant whose signature, time, hub and site were checked; only `verify` makes one."""

    grant: Grant


def issue(key: SigningKey, grant: Grant) -> str:
    """Sign a grant.

    Raises:
        VonggacError: BAD_INPUT: it is none that `verify` would take; TOO_LARGE.
    """
    content = msgspec.json.encode(grant)
    try:
        msgspec.json.decode(content, type=Grant)
    except msgspec.ValidationError as error:
        raise VonggacError(Kind.BAD_INPUT, f"this grant is not valid: {error}") from error
    _plausible(grant)
    text = f"{_HEAD}.{_encode(content)}"
    token = f"{text}.{_encode(key.sign(text.encode()))}"
    if len(token) > MAX_TOKEN:
        raise VonggacError(Kind.TOO_LARGE, f"the grant has {len(token)} of {MAX_TOKEN} bytes")
    return token


def signer(token: str, candidates: Sequence[str]) -> str:
    """Which of these keys signed a token; the first if none did, for `verify` to say what is wrong.

    Args:
        token: what the header said.
        candidates: public keys of hubs, at least one.
    """
    if len(candidates) > 1 and len(token) <= MAX_TOKEN and token.isascii():
        signed, _, signature = token.rpartition(".")
        for key in candidates:
            try:
                nacl.signing.VerifyKey(_decode(key)).verify(signed.encode(), _decode(signature))
            except (nacl.exceptions.CryptoError, ValueError):
                continue
            return key
    return candidates[0]


def verify(token: str, *, key: str, hub: str, site: str, now_s: int) -> Verified:
    """Check a token that came with a question.

    Args:
        token: what the header said.
        key: the hub's public key (`SigningKey.public`).
        hub: id of the hub that this site obeys.
        site: id of this site.
        now_s: the box's wall clock, seconds since 1970.

    Raises:
        VonggacError: UNAUTHENTICATED: absent, malformed, forged or over; FORBIDDEN: for another
            hub or site.
    """
    if not token or len(token) > MAX_TOKEN or not token.isascii():
        raise VonggacError(Kind.UNAUTHENTICATED, "the question carries no grant")
    head, _, rest = token.partition(".")
    content, _, signature = rest.partition(".")
    if head != _HEAD:
        raise VonggacError(Kind.UNAUTHENTICATED, "the grant is not of the one form we take")
    try:
        nacl.signing.VerifyKey(_decode(key)).verify(
            f"{head}.{content}".encode(), _decode(signature)
        )
        grant = msgspec.json.decode(_decode(content), type=Grant)
    except (nacl.exceptions.CryptoError, ValueError, *wire.UNREADABLE):
        raise VonggacError(Kind.UNAUTHENTICATED, "the grant's signature or form is wrong") from None
    if grant.exp <= now_s:
        raise VonggacError(Kind.UNAUTHENTICATED, "the grant is over; ask the hub for a new one")
    if grant.iat > now_s + SKEW_S:
        raise VonggacError(
            Kind.UNAUTHENTICATED, "the grant comes from the future: compare the clocks"
        )
    if grant.hub != hub or grant.site != site:
        raise VonggacError(Kind.FORBIDDEN, "the grant is for another hub or site")
    try:
        _plausible(grant)
    except VonggacError as error:
        raise VonggacError(Kind.UNAUTHENTICATED, error.message) from None
    return Verified(grant)


def _plausible(grant: Grant) -> None:
    if not 0 < grant.exp - grant.iat <= MAX_GRANT_LIFE_S:
        raise VonggacError(Kind.BAD_INPUT, f"a grant lives 1 to {MAX_GRANT_LIFE_S} s")
    if "*" in grant.cameras and not grant.own:
        raise VonggacError(Kind.BAD_INPUT, "only the hub's own grants may name every camera")
    if not grant.cameras or not grant.verbs:
        raise VonggacError(Kind.BAD_INPUT, "a grant names at least one camera and one verb")


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
