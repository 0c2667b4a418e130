"""What a hub says of the sites below it to the hub above: its own facts, signed with its own key.

A site's own words pass through unchanged, signed by the site.  What stands here is what only the
hub in between knows: which sites there are, by which keys they sign, and how their links are.  A
hub numbers and signs these like a box (`Envelope`, with its own id in the place of a site's).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from vonggac.errors import MalformedError
from vonggac.wire.enrolment import Text  # noqa: TC001 - msgspec reads the annotations
from vonggac.wire.facts import MAX_CHANGES, Envelope, Id, PublicKey
from vonggac.wire.questions import MAX_REASON, UNREADABLE

UNITS_DEEP: Final = 12
"""Units above a site at most, itself not counted: country, province, commune and what is ours."""


class EarlierTold(msgspec.Struct, frozen=True):
    """A box that the site had before."""

    first: PublicKey
    changes: Annotated[tuple[Envelope, ...], msgspec.Meta(max_length=MAX_CHANGES)]
    epoch: Annotated[int, msgspec.Meta(ge=0)]


class SiteTold(msgspec.Struct, frozen=True, kw_only=True, tag="site", tag_field="kind"):
    """A site below, as the register of its hub has it, and the keys that it signs with."""

    at: int
    site: Id
    name: Annotated[str, msgspec.Meta(max_length=63)]
    title: Text
    address: Text
    owner_line: Literal["military", "paid_hotel", "civil"]
    units: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=100)], ...],
        msgspec.Meta(max_length=UNITS_DEEP),
    ]
    """Ids of the units that it stands in, the widest first."""
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)]
    first: PublicKey | None
    """The first key of its box; null while it has none."""
    changes: Annotated[tuple[Envelope, ...], msgspec.Meta(max_length=MAX_CHANGES)] = ()
    """Announcements of the others, in order."""
    earlier: Annotated[tuple[EarlierTold, ...], msgspec.Meta(max_length=16)] = ()
    """Boxes that it had before, in order."""


class LinkTold(msgspec.Struct, frozen=True, kw_only=True, tag="link", tag_field="kind"):
    """How a site below is joined to its hub, as soon as it changes."""

    at: int
    site: Id
    up: bool
    since: int
    recorder: bool
    recorder_since: int
    twice: bool


class RegisterTold(msgspec.Struct, frozen=True, kw_only=True, tag="register", tag_field="kind"):
    """Every site was told once since the hub was started: what follows are changes."""

    at: int
    sites: Annotated[int, msgspec.Meta(ge=0)]


HubFact: TypeAlias = SiteTold | LinkTold | RegisterTold

_decoder: msgspec.json.Decoder[HubFact] = msgspec.json.Decoder(HubFact)


def encode_hub_fact(fact: HubFact) -> bytes:
    """The payload of an envelope of a hub."""
    return msgspec.json.encode(fact)


def decode_hub_fact(payload: bytes) -> HubFact:
    """Read a payload whose signature was verified.

    Raises:
        MalformedError: it is no fact of a hub that this version knows.
    """
    try:
        return _decoder.decode(payload)
    except UNREADABLE as error:
        why = str(error)[:MAX_REASON]
        raise MalformedError(f"not a fact of a hub that this version knows: {why}") from error


def hub_fact_kind(fact: HubFact) -> str:
    """The kind that stands in the subject."""
    return str(fact.__struct_config__.tag)
