"""The keys of a site, one after the other: which one signs what, and how each came to be known.

A site begins with one key. A change of it is a fact (`wire.KeyChanged`) that the old key signs as
its last and the new key countersigns; what lies after it in the journal is the new key's. So each
signed fact has one key that may have signed it, by its place, for ever, and whoever knows one key
of the chain can check all of them, with nothing but the announcements.

Pure: `edge.identity` keeps a chain on the disk, `domain.site_keys` in a database, `evidence` in an
export; the verifier in the browser does the same in JavaScript.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import nacl.exceptions
import nacl.signing

from vonggac import wire
from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.keys.site import Genuine, verify_envelope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vonggac.keys.site import SigningKey

Place: TypeAlias = tuple[int, int]
"""Epoch and sequence of a fact."""


@dataclass(frozen=True, slots=True)
class Change:
    """An announcement that was verified; only `Chain.follow` makes one."""

    fact: wire.KeyChanged
    envelope: wire.Envelope

    @property
    def place(self) -> Place:
        """The last place that the old key signs."""
        return self.envelope.epoch, self.envelope.sequence


@dataclass(frozen=True, slots=True)
class Earlier:
    """A box that a site had before the present one, as a hub remembers it."""

    chain: Chain
    epoch: int
    """Its last life: what lies up to here was signed by it, and by nobody after it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The keys that a site has had.

    Args:
        site: its id.
        first: the first public key of its box.
        changes: what came after, in order; empty until the key is changed once.
        earlier: boxes that an administrator replaced, in order; no announcement leads from one
            to the next.
    """

    site: str
    first: str
    changes: tuple[Change, ...] = ()
    earlier: tuple[Earlier, ...] = ()

    @classmethod
    def of(cls, site: str, first: str, announcements: Iterable[wire.Envelope]) -> Chain:
        """The chain that announcements make.

        Args:
            site: its id.
            first: the key before the first of them.
            announcements: in order.

        Raises:
            VonggacError: CORRUPT: which one breaks it, and how.
        """
        chain = cls(site, first)
        for envelope in announcements:
            chain = chain.follow(envelope)
        return chain

    @property
    def keys(self) -> tuple[str, ...]:
        """Every public key of the present box, the first to the last."""
        return (self.first, *(change.fact.new for change in self.changes))

    @property
    def current(self) -> str:
        """The key that signs now."""
        return self.keys[-1]

    def key_at(self, place: Place) -> str:
        """The only key that may have signed a fact at this place."""
        box = self._box_at(place[0])
        return box.keys[box._number_at(place)]

    def _box_at(self, epoch: int) -> Chain:
        """The keys of the box whose life this was."""
        return next((one.chain for one in self.earlier if epoch <= one.epoch), self)

    def _number_at(self, place: Place) -> int:
        return sum(change.place < place for change in self.changes)

    def verify(self, envelope: wire.Envelope) -> Genuine:
        """Check an envelope against the key of its place.

        Raises:
            VonggacError: CORRUPT: forged or changed, or by a key whose time it was not.
        """
        if envelope.site != self.site:
            raise VonggacError(Kind.CORRUPT, "a fact of another site", site=envelope.site)
        box = self._box_at(envelope.epoch)
        if box is not self:
            return box.verify(envelope)
        number = self._number_at((envelope.epoch, envelope.sequence))
        try:
            return verify_envelope(envelope, self.keys[number])
        except VonggacError:
            for other, key in enumerate(self.keys):
                if other != number and _signed_by(envelope, key):
                    had = "had ended before it" if other < number else "did not sign yet"
                    raise VonggacError(
                        Kind.CORRUPT,
                        f"a fact is signed with key {other + 1} of the site, which {had}",
                        site=envelope.site,
                    ) from None
            raise

    def follow(self, envelope: wire.Envelope) -> Chain:
        """The chain with one more announcement; the same if it has this one already.

        Raises:
            VonggacError: CORRUPT: it is none, or not one of the key that is known here.
        """
        fact = _announced(envelope)
        if self.changes[fact.number - 1 : fact.number] and (
            self.changes[fact.number - 1].envelope == envelope
        ):
            return self
        said = f"announcement {fact.number} of a key"
        if envelope.site != self.site:
            raise _broken(f"{said} is of another site")
        if not _signed_by(envelope, self.current):
            ended = any(_signed_by(envelope, key) for key in self.keys[:-1])
            raise _broken(
                f"{said} is signed with a key that had ended before it"
                if ended
                else f"{said} is signed by a stranger, not with the site's key before it"
            )
        if fact.number != len(self.changes) + 1:
            raise _broken(f"{said} does not follow number {len(self.changes)}: the chain is broken")
        if fact.old != self.current:
            raise _broken(f"{said} ends another key than the one before it: the chain is broken")
        if fact.new in self.keys:
            raise _broken(f"{said} goes back to a key that has ended")
        if self.changes and (envelope.epoch, envelope.sequence) <= self.changes[-1].place:
            raise _broken(f"{said} stands before number {len(self.changes)}")
        if not _proved(envelope, fact):
            raise _broken(f"{said} is not countersigned with the key that it announces")
        return replace(self, changes=(*self.changes, Change(fact, envelope)))


def announce(
    chain: Chain, old: SigningKey, new: SigningKey, *, epoch: int, at_ns: int
) -> wire.Envelope:
    """The last fact of a key: that another one signs from now on.

    Args:
        chain: as it stands; the old key is its last.
        old: signs the announcement.
        new: countersigns it.
        epoch: of its own, after every other; nothing but the announcement lies in it.
        at_ns: UTC now.

    Raises:
        VonggacError: FULL: the site's key was changed as often as it can be.
    """
    number = len(chain.changes) + 1
    if number > wire.MAX_CHANGES:
        raise VonggacError(Kind.FULL, f"a site's key changes {wire.MAX_CHANGES} times at most")
    fact = wire.KeyChanged(
        at=at_ns, number=number, old=old.public, new=new.public, proof="A" * 86
    )  # fmt: skip
    proof = new.sign(wire.change_bytes(chain.site, epoch, 0, fact))
    told = wire.KeyChanged(
        at=at_ns, number=number, old=old.public, new=new.public, proof=_encode(proof)
    )
    return old.envelope(chain.site, epoch, 0, wire.encode_fact(told))


def _announced(envelope: wire.Envelope) -> wire.KeyChanged:
    """The announcement in an envelope; nothing in it is verified.

    Raises:
        MalformedError: there is none in it.
    """
    fact = wire.decode_fact(envelope.payload)
    if not isinstance(fact, wire.KeyChanged) or envelope.version != wire.VERSION:
        raise MalformedError("a fact that announces no key")
    if any(_encode(_decode(one)) != one for one in (fact.old, fact.new, fact.proof)):
        raise MalformedError("an announcement spells its keys in another way than the program")
    return fact


def announced_old(envelope: wire.Envelope) -> str:
    """The key that an announcement ends: where a chain begins that knows no other.

    Raises:
        MalformedError: it is no announcement.
    """
    return _announced(envelope).old


def _proved(envelope: wire.Envelope, fact: wire.KeyChanged) -> bool:
    """Whether the new key signed that it comes after the old one."""
    signed = wire.change_bytes(envelope.site, envelope.epoch, envelope.sequence, fact)
    try:
        nacl.signing.VerifyKey(_decode(fact.new)).verify(signed, _decode(fact.proof))
    except (nacl.exceptions.CryptoError, ValueError, binascii.Error):
        return False
    return True


def _signed_by(envelope: wire.Envelope, public: str) -> bool:
    try:
        verify_envelope(envelope, public)
    except VonggacError:
        return False
    return True


def _broken(said: str) -> VonggacError:
    return VonggacError(Kind.CORRUPT, said)


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
