"""The signing keys of sites and hubs: envelopes, and secrets sealed to a site."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import nacl.exceptions
import nacl.public
import nacl.signing

from vonggac import wire
from vonggac.config import Secret
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.keys.files import read_secret, write_secret
from vonggac.wire import survey as surveys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Genuine:
    """An envelope whose signature was checked; only `verify_envelope` makes one."""

    envelope: wire.Envelope


class SigningKey:
    """An Ed25519 key of ours. Its repr shows the public half only.

    Args:
        seed: 32 bytes in base64url.

    Raises:
        ConfigError: it is not.
    """

    __slots__ = ("_key", "public")

    def __init__(self, seed: Secret) -> None:
        try:
            self._key = nacl.signing.SigningKey(_decode(seed.reveal()))
        except (ValueError, binascii.Error, nacl.exceptions.CryptoError):
            raise ConfigError("a signing key is not 32 bytes in base64url") from None
        self.public: str = _encode(bytes(self._key.verify_key))
        """The public half in base64url, 43 characters."""

    @classmethod
    def at(cls, path: Path) -> SigningKey:
        """The key in this file, made if missing.

        Raises:
            ConfigError: the file cannot be read or written, or holds no key.
        """
        if not path.exists():
            write_secret(path, new_seed().reveal())
        return cls(read_secret(path))

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return bytes(self._key.sign(message).signature)

    def envelope(self, site: str, epoch: int, sequence: int, payload: bytes) -> wire.Envelope:
        """Sign a fact of this site.

        Raises:
            VonggacError: TOO_LARGE: no reader would take it.
        """
        if len(payload) > wire.MAX_FACT - 256:
            raise VonggacError(Kind.TOO_LARGE, f"a fact of {len(payload)} bytes is too long")
        signature = self.sign(wire.signed_bytes(site, epoch, sequence, payload))
        return wire.Envelope(wire.VERSION, site, epoch, sequence, payload, signature)

    def unseal(self, sealed: str) -> bytes:
        """Open what was sealed to this key.

        Raises:
            VonggacError: BAD_INPUT: it was sealed to another key, or changed.
        """
        try:
            box = nacl.public.SealedBox(self._key.to_curve25519_private_key())
            return bytes(box.decrypt(_decode(sealed)))
        except (nacl.exceptions.CryptoError, ValueError, binascii.Error, TypeError):
            raise VonggacError(
                Kind.BAD_INPUT, "the credentials were not sealed to this site's key"
            ) from None

    def __repr__(self) -> str:
        return f"SigningKey({self.public})"


def new_seed() -> Secret:
    """The secret of a new key."""
    return Secret(_encode(bytes(nacl.signing.SigningKey.generate())))


def verify_envelope(envelope: wire.Envelope, public: str) -> Genuine:
    """Check an envelope against the key of the site that it names.

    Args:
        envelope: as decoded.
        public: that site's public key, as enrolled; never one that came with the message.

    Raises:
        VonggacError: CORRUPT: forged or changed; refuse it, count it, raise an alarm.
    """
    signed = wire.signed_bytes(envelope.site, envelope.epoch, envelope.sequence, envelope.payload)
    try:
        nacl.signing.VerifyKey(_decode(public)).verify(signed, envelope.signature)
    except (nacl.exceptions.CryptoError, ValueError, binascii.Error):
        raise VonggacError(
            Kind.CORRUPT, "a fact's signature is not the site's", site=envelope.site
        ) from None
    return Genuine(envelope)


def sign_survey(key: SigningKey, site: str, raw: bytes) -> surveys.SurveySignature:
    """Sign the bytes of a survey as a box.

    Args:
        key: the box's.
        site: its permanent id.
        raw: as `wire.survey.encode_survey` made them.
    """
    value = _encode(key.sign(surveys.survey_signed_bytes(raw)))
    return surveys.SurveySignature(site, key.public, value)


def verify_survey(read: surveys.SurveyRead, public: str) -> None:
    """Check who measured a survey.

    Args:
        read: as `wire.survey.read_survey` made it.
        public: the key of the box that it names, as enrolled; never the one in the file.

    Raises:
        VonggacError: CORRUPT: nobody signed it, or not this box, or it was changed.
    """
    signature = read.signature
    if signature is None:
        raise VonggacError(Kind.CORRUPT, "no box signed this survey")
    signed = surveys.survey_signed_bytes(read.raw)
    try:
        nacl.signing.VerifyKey(_decode(public)).verify(signed, _decode(signature.value))
    except (nacl.exceptions.CryptoError, ValueError, binascii.Error):
        raise VonggacError(
            Kind.CORRUPT, "a survey's signature is not the box's", site=signature.site
        ) from None


def sign_want(key: SigningKey, subject: wire.WantSubject, want: wire.Want) -> wire.Want:
    """Sign an order as a hub, for the box, the key and the revision that it is for."""
    signature = _encode(key.sign(wire.want_bytes(subject, want)))
    return msgspec.structs.replace(want, signature=signature)


def verify_want(want: wire.Want, subject: wire.WantSubject, hubs: Sequence[str]) -> str:
    """Which hub signed an order.

    Args:
        want: as it lay in WANT.
        subject: where it lay.
        hubs: public keys of those that may want something of this box.

    Raises:
        VonggacError: FORBIDDEN: none of them did, or it was for another box, key or revision.
    """
    signed = wire.want_bytes(subject, want)
    for public in hubs:
        try:
            nacl.signing.VerifyKey(_decode(public)).verify(signed, _decode(want.signature))
        except (nacl.exceptions.CryptoError, ValueError, binascii.Error, TypeError):
            continue
        return public
    raise VonggacError(Kind.FORBIDDEN, "no hub above this box signed the order")


def seal(public: str, content: bytes) -> str:
    """Seal bytes so that only the holder of the key can open them (X25519, libsodium SealedBox).

    Raises:
        VonggacError: BAD_INPUT: not a public key.
    """
    try:
        key = nacl.signing.VerifyKey(_decode(public)).to_curve25519_public_key()
    except (ValueError, binascii.Error, nacl.exceptions.CryptoError):
        raise VonggacError(Kind.BAD_INPUT, "this is not a site's public key") from None
    return _encode(bytes(nacl.public.SealedBox(key).encrypt(content)))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
