"""What passes between a fresh box and the hub that it joins: the code, the question, the document.

The code is what a person carries to the site.  It holds the hub's address, a secret that works
once, a fingerprint of the hub's signing key and a check of what was typed, so that nothing else is
typed and nobody is trusted at first sight: the box asks the hub for its key (`EnrolOffer`), holds
it against the fingerprint, and seals its question (`EnrolAsk`) to it.  The answer holds the
`Enrolment`, sealed to the box's key and signed with the hub's.

Pure; `vonggac.keys.enrolment` signs and seals, `vonggac.domain.enrolments` decides.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from vonggac.errors import Kind, MalformedError, VonggacError
from vonggac.wire.facts import MAX_CHANGES, Envelope, Id, PublicKey
from vonggac.wire.questions import UNREADABLE

ENROL_PATH: Final = "/api/v1/enrol"
ENROL_VERSION: Final = 1
MAX_ENROLMENT: Final = 48 << 10
"""Bytes of a question or an answer at most: 64 announcements of a key take some 40 kB sealed."""
CLOCK_OFF_S: Final = 300
"""Seconds that the clocks of box and hub may stand apart (ours): facts bear the box's time, and
what both sign names an hour."""
SYMBOLS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""Five bits each, without l, o, 0 and 1: these are read aloud and typed by hand."""
SECRET_SYMBOLS: Final = 16
"""80 bits that work once, for a day: guessing is bounded by the hub's limit of tries."""
FINGERPRINT_SYMBOLS: Final = 16
"""80 bits of the hub's key: nobody makes another key with the same ones."""
CHECK_SYMBOLS: Final = 4
"""20 bits over everything before them: a slip of the hand is told as such."""
_GROUP: Final = 4

_CODE: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)"
    r"(?P<port>:[0-9]{1,5})?/(?P<symbols>[a-z0-9-]{8,120})"
)
_ADDRESS: Final = re.compile(r"(?P<scheme>https?)://(?P<rest>[^/?#@\s]{1,260})")

_Read = TypeVar("_Read")
Text = Annotated[str, msgspec.Meta(max_length=500)]
Url = Annotated[str, msgspec.Meta(max_length=500)]
Secret = Annotated[str, msgspec.Meta(pattern=rf"^[{SYMBOLS}]{{{SECRET_SYMBOLS}}}$")]
Sealed = Annotated[str, msgspec.Meta(max_length=MAX_ENROLMENT * 4 // 3 + 64)]
Signature = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{86}$")]
"""64 bytes of Ed25519 in base64url."""
Voucher = Annotated[str, msgspec.Meta(max_length=200)]
"""As `keys.vouching.vouch` makes it."""


@dataclass(frozen=True, slots=True)
class Code:
    """What a person types at the site. Its repr shows no secret."""

    address: str
    """Origin of the hub's pages, as `https://hub.example`."""
    secret: str
    fingerprint: str

    @classmethod
    def of(cls, address: str, secret: str, hub_key: str) -> Code:
        """The code of a hub.

        Args:
            address: as browsers have it; a path is left out.
            secret: `SECRET_SYMBOLS` of `SYMBOLS`.
            hub_key: public half of the hub's signing key.

        Raises:
            VonggacError: BAD_INPUT: this is no address of pages.
        """
        found = _ADDRESS.match(address.strip().lower())
        if found is None:
            raise VonggacError(Kind.BAD_INPUT, "the hub's address is https://name or http://name")
        return cls(found[0], secret, key_fingerprint(hub_key))

    def __str__(self) -> str:
        """As it is shown and typed: the address, then groups of four."""
        shown = self.address.removeprefix("https://")
        told = self.secret + self.fingerprint
        told += _check(self.address, told)
        return f"{shown}/" + "-".join(told[at : at + _GROUP] for at in range(0, len(told), _GROUP))

    def __repr__(self) -> str:
        return f"Code({self.address})"


def read_code(typed: str) -> Code:
    """What somebody typed or pasted; capitals, spaces and missing dashes do not matter.

    Raises:
        VonggacError: BAD_INPUT, `code` mistyped: this is no code, or a letter of it is wrong.
    """
    found = _CODE.fullmatch("".join(typed.split()).lower()) if len(typed) < 1_000 else None
    if found is None:
        raise _mistyped("this is no enrolment code: it is the hub's address, / and nine groups")
    address = f"{found['scheme'] or 'https'}://{found['host']}{found['port'] or ''}"
    symbols = found["symbols"].replace("-", "")
    told, check = symbols[:-CHECK_SYMBOLS], symbols[-CHECK_SYMBOLS:]
    whole = len(told) == SECRET_SYMBOLS + FINGERPRINT_SYMBOLS
    if not whole or set(symbols) - set(SYMBOLS) or check != _check(address, told):
        raise _mistyped("a letter of this code is wrong or missing; compare it with the sheet")
    return Code(address, told[:SECRET_SYMBOLS], told[SECRET_SYMBOLS:])


def key_fingerprint(public: str) -> str:
    """What stands of a hub's public key in a code."""
    told = hashlib.sha256(f"vonggac hub key 1\n{public}".encode()).digest()
    return symbols_of(told, FINGERPRINT_SYMBOLS)


def symbols_of(raw: bytes, count: int) -> str:
    """The first bits as symbols, five each; `raw` has enough of them."""
    number = int.from_bytes(raw, "big")
    bits = len(raw) * 8
    return "".join(SYMBOLS[number >> (bits - 5 * (at + 1)) & 31] for at in range(count))


def _check(address: str, told: str) -> str:
    digest = hashlib.sha256(f"vonggac code 1\n{address}\n{told}".encode()).digest()
    return symbols_of(digest, CHECK_SYMBOLS)


def _mistyped(said: str) -> VonggacError:
    return VonggacError(Kind.BAD_INPUT, said, code="mistyped")


# -- the question ----------------------------------------------------------------------------


class EnrolOffer(msgspec.Struct, frozen=True):
    """Who a hub is, said to whoever asks."""

    v: Literal[1]
    hub: Id
    key: PublicKey
    """Held against the fingerprint of the code before anything else is said."""
    now_ns: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}$")]
    """The hub's clock; decimal, as everywhere in JSON of ours."""


class EnrolAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a box says of itself; travels sealed to the hub's key."""

    v: Literal[1]
    secret: Secret
    site: Id
    """The id that the box has now: its own, or that of the facility which it served before."""
    first: PublicKey
    """The first key that it had."""
    changes: Annotated[tuple[Envelope, ...], msgspec.Meta(max_length=MAX_CHANGES)]
    """Announcements of the others, in order."""
    version: Annotated[str, msgspec.Meta(max_length=64)]
    """Of its program."""
    at_ns: int
    """By its clock."""
    proof: Signature
    """By its newest key, over `ask_bytes`: it holds that key, and means this hub and this code."""
    voucher: Voucher | None = None
    """Of a hub that asks, in whose case `site` is its own id: its word for the hub that it joins;
    null is a box."""

    def __repr__(self) -> str:
        return f"EnrolAsk({self.site})"


class EnrolSealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body that a box sends."""

    v: Literal[1]
    sealed: Sealed
    """`EnrolAsk`."""


class EnrolAnswer(msgspec.Struct, frozen=True):
    """What a hub answers."""

    v: Literal[1]
    sealed: Sealed
    """`Enrolment`, to the box's key."""
    signature: Signature
    """By the hub, over `answer_bytes`."""


def ask_bytes(hub_key: str, ask: EnrolAsk, public: str) -> bytes:
    """What a box signs: everything that it says, and to whom."""
    parts = (
        "vonggac enrol ask 1", hub_key, hashlib.sha256(ask.secret.encode()).hexdigest(),
        ask.site, ask.first, public, str(len(ask.changes)), ask.version, str(ask.at_ns),
        *(() if ask.voucher is None else ("hub", ask.voucher)),
    )  # fmt: skip
    return "\n".join(parts).encode()


def answer_bytes(public: str, sealed: str) -> bytes:
    """What a hub signs: for which box's key, and what."""
    return f"vonggac enrol answer 1\n{public}\n{sealed}".encode()


# -- the document ----------------------------------------------------------------------------


class EnrolledSite(msgspec.Struct, frozen=True):
    """The facility that a box serves from now on, and its first configuration."""

    id: Id
    """Permanent; stands in every subject and every signed fact of the box."""
    name: Annotated[str, msgspec.Meta(max_length=63)]
    title: Text
    address: Text
    owner_line: Literal["military", "paid_hotel", "civil"]
    unit: Annotated[str, msgspec.Meta(max_length=100)]
    """Id of the unit that it stands in."""
    unit_title: Text
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)]
    epoch: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The box numbers its lives above this: an earlier box of the facility had these."""


class EnrolledHub(msgspec.Struct, frozen=True):
    """The hub that joined, as the one above knows it."""

    id: Id
    title: Text
    unit: Annotated[str, msgspec.Meta(max_length=100)]
    """Id of the unit below which its sites stand."""
    unit_title: Text


class Enrolment(msgspec.Struct, frozen=True):
    """All that a box, or a hub, needs of its parent; kept as `keys/parent.json`.

    Its repr shows no secret.
    """

    v: Literal[1]
    hub: Id
    """Id of the hub; the box takes it for its own subjects (`vg.<hub>.<site>.…`)."""
    hub_key: PublicKey
    """Signs grants and orders of the parent."""
    hub_title: Text
    pages: Url
    """Where the parent's pages are."""
    site: EnrolledSite | None
    """What a box serves; null in the document of a hub."""
    addresses: Annotated[tuple[Url, ...], msgspec.Meta(min_length=1, max_length=8)]
    """Where leaf connections are dialled, the first that answers: wss://, ws://, tls:// or
    nats-leaf://."""
    control: Annotated[str, msgspec.Meta(max_length=16_384)]
    """Leaf credential for facts, questions and orders, as `keys.Credential.save` writes it."""
    media: Annotated[str, msgspec.Meta(max_length=16_384)]
    """Leaf credential for pictures, the same."""
    authority: Annotated[str, msgspec.Meta(max_length=16_384)] | None = None
    """Certificate in PEM of the parent's own authority, where it has one."""
    made_ns: int = 0
    """When, by the hub's clock."""
    joined: EnrolledHub | None = None
    """The hub that joins; null in the document of a box."""

    @property
    def below(self) -> str:
        """Id of the site or hub that joins."""
        found = self.site or self.joined
        return "" if found is None else found.id

    def __repr__(self) -> str:
        return f"Enrolment({self.hub}, {self.below})"


def encode_enrolment(
    value: EnrolOffer | EnrolAsk | EnrolSealed | EnrolAnswer | Enrolment,
) -> bytes:
    """JSON of any of them."""
    return msgspec.json.encode(value)


def decode_offer(raw: bytes) -> EnrolOffer:
    """Read what a hub says of itself.

    Raises:
        MalformedError: it is none, or of a version that this program does not know.
    """
    return _decode(raw, EnrolOffer)


def decode_sealed(raw: bytes) -> EnrolSealed:
    """Read the body that a box sent.

    Raises:
        MalformedError: as `decode_offer`.
    """
    return _decode(raw, EnrolSealed)


def decode_ask(raw: bytes) -> EnrolAsk:
    """Read what a box says of itself; nothing in it is verified.

    Raises:
        MalformedError: as `decode_offer`.
    """
    return _decode(raw, EnrolAsk)


def decode_answer(raw: bytes) -> EnrolAnswer:
    """Read a hub's answer; nothing in it is verified.

    Raises:
        MalformedError: as `decode_offer`.
    """
    return _decode(raw, EnrolAnswer)


def decode_enrolment(raw: bytes) -> Enrolment:
    """Read the document, unsealed or from the disk.

    Raises:
        MalformedError: as `decode_offer`.
    """
    return _decode(raw, Enrolment)


def _decode(raw: bytes, kind: type[_Read]) -> _Read:
    if len(raw) > 2 * MAX_ENROLMENT:
        raise MalformedError("an enrolment of this length is none")
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE as error:
        raise MalformedError(f"this is no {kind.__name__}: {error}") from error
