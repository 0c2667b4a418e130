"""A box and a hub prove to each other who they are, once; and what the box keeps of it.

The box holds the hub's key against the fingerprint in the code before it says anything; the hub
opens what was sealed to it, and holds the box's proof against the key that the box names. What
answers is sealed to that key: whoever listens, or stands between, reads nothing and changes
nothing, whatever is thought of the certificate.

At the box the answer lies in its key folder: `parent.json` is the whole `wire.Enrolment`; beside
it lie both credentials, as files of the form that the bus takes, and the parent's authority.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import nacl.exceptions
import nacl.signing

from vonggac import wire
from vonggac.errors import ConfigError, Kind, MalformedError, VonggacError
from vonggac.keys import vouching
from vonggac.keys.chain import Chain, announced_old
from vonggac.keys.files import make_folder, read_secret, write_secret
from vonggac.keys.site import SigningKey, seal
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from pathlib import Path

PARENT: Final = "parent.json"
CONTROL: Final = "parent-control.creds"
MEDIA: Final = "parent-media.creds"
AUTHORITY: Final = "parent-ca.pem"


class Asked(NamedTuple):
    """What a box said, after its proof was checked; only `opened` makes one."""

    ask: wires.EnrolAsk
    chain: Chain
    """Every key that it had; the last is the one that it holds."""


def is_meant(code: wires.Code, offer: wires.EnrolOffer) -> bool:
    """Whether this is the hub that issued the code."""
    return hmac.compare_digest(wires.key_fingerprint(offer.key), code.fingerprint)


def asked(
    code: wires.Code, offer: wires.EnrolOffer, key: SigningKey, chain: Chain, *, version: str,
    at_ns: int, is_hub: bool = False,
) -> wires.EnrolSealed:  # fmt: skip
    """The question of a box, or of a hub.

    Args:
        code: what was typed.
        offer: of the hub that issued it; the caller has asked `is_meant`.
        key: the box's, the newest of its chain.
        chain: every key that it has had, and its site id.
        version: of its program.
        at_ns: by its clock.
        is_hub: a hub asks: the chain is its key alone, under its id.
    """
    told = wires.EnrolAsk(
        v=1, secret=code.secret, site=chain.site, first=chain.first,
        changes=tuple(change.envelope for change in chain.changes), version=version, at_ns=at_ns,
        proof="A" * 86,
        voucher=vouching.vouch(key, chain.site, above=offer.hub, above_key=offer.key)
        if is_hub
        else None,
    )  # fmt: skip
    proof = _encode(key.sign(wires.ask_bytes(offer.key, told, key.public)))
    whole = msgspec.structs.replace(told, proof=proof)
    return wires.EnrolSealed(1, seal(offer.key, wires.encode_enrolment(whole)))


def opened(key: SigningKey, body: wires.EnrolSealed) -> Asked:
    """Open a box's question and hold its proof against the key that it names.

    Raises:
        VonggacError: BAD_INPUT, it was sealed to another hub's key (`code` foreign) or is none;
            CORRUPT, its keys are no chain, or it does not hold the last of them.
    """
    try:
        raw = key.unseal(body.sealed)
    except VonggacError:
        raise VonggacError(
            Kind.BAD_INPUT, "this question was sealed to another hub's key", code="foreign"
        ) from None
    ask = wires.decode_ask(raw)
    first = announced_old(ask.changes[0]) if ask.changes else ask.first
    if first != ask.first:
        raise MalformedError("the first key of a box is not the one that its chain begins with")
    chain = Chain.of(ask.site, ask.first, ask.changes)
    if not _signed(chain.current, wires.ask_bytes(key.public, ask, chain.current), ask.proof):
        raise VonggacError(Kind.CORRUPT, "the box does not hold the key that it names")
    return Asked(ask, chain)


def answered(key: SigningKey, public: str, enrolment: wires.Enrolment) -> wires.EnrolAnswer:
    """A hub's answer to the box with this key."""
    sealed = seal(public, wires.encode_enrolment(enrolment))
    return wires.EnrolAnswer(1, sealed, _encode(key.sign(wires.answer_bytes(public, sealed))))


def accepted(hub_key: str, key: SigningKey, answer: wires.EnrolAnswer) -> wires.Enrolment:
    """Open a hub's answer at the box that asked.

    Args:
        hub_key: that was held against the code's fingerprint.
        key: the box's.
        answer: as it came.

    Raises:
        VonggacError: CORRUPT, the hub did not sign it; BAD_INPUT, it is for another box.
        MalformedError: it cannot be read.
    """
    if not _signed(hub_key, wires.answer_bytes(key.public, answer.sealed), answer.signature):
        raise VonggacError(Kind.CORRUPT, "the answer is not signed by the hub of this code")
    enrolment = wires.decode_enrolment(key.unseal(answer.sealed))
    if enrolment.hub_key != hub_key:
        raise VonggacError(Kind.CORRUPT, "the answer names another hub than the one that signed it")
    return enrolment


def keep(folder: Path, enrolment: wires.Enrolment) -> None:
    """Write down the parent of this box or hub; `parent.json` last, so that with it all is there.

    Args:
        folder: of keys, in the data directory.
        enrolment: accepted.

    Raises:
        ConfigError: a file cannot be written.
    """
    make_folder(folder)
    write_secret(folder / CONTROL, enrolment.control)
    write_secret(folder / MEDIA, enrolment.media)
    if enrolment.authority is None:
        (folder / AUTHORITY).unlink(missing_ok=True)
    else:
        write_secret(folder / AUTHORITY, enrolment.authority)
    write_secret(folder / PARENT, wires.encode_enrolment(enrolment).decode())


def parent_at(folder: Path) -> wires.Enrolment | None:
    """The parent of the box whose keys lie here; None: it works alone.

    Raises:
        ConfigError: the file cannot be read, or others may read it.
    """
    path = folder / PARENT
    if not path.exists():
        return None
    try:
        return wires.decode_enrolment(read_secret(path).reveal().encode())
    except MalformedError as error:
        raise ConfigError(f"{path} is damaged; enrol this box again with a new code") from error


def _signed(public: str, message: bytes, signature: str) -> bool:
    try:
        nacl.signing.VerifyKey(_decode(public)).verify(message, _decode(signature))
    except (nacl.exceptions.CryptoError, ValueError, binascii.Error, *wire.UNREADABLE):
        return False
    return True


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
