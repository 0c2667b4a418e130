"""A hub vouches for the hub above it, so that boxes which know only their own hub let that one ask.

A box knows the key of the hub that enrolled it.  When that hub joins another, it signs the other's
key once; the other sends the signature along with each of its grants, and the box needs nothing
more: no order, no state, no second enrolment.  A hub that leaves its parent takes its link away,
and with it every question that could come that way.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

import nacl.exceptions
import nacl.signing

from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.keys.site import SigningKey

BETWEEN: Final = "~"
"""Between a grant and what vouches for its signer; neither holds it."""
MAX_VOUCHER: Final = 200
"""Letters: an id, a key and a signature take 157."""
_FORM: Final = re.compile(r"[a-z2-7]{26}\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{86}")


def vouch(key: SigningKey, hub: str, *, above: str, above_key: str) -> str:
    """What a hub says once of the hub that it joins.

    Args:
        key: of the hub that joins; the boxes below know it.
        hub: its id.
        above: id of the hub that it joins.
        above_key: the public key with which that one signs grants.
    """
    signature = base64.urlsafe_b64encode(key.sign(_signed(hub, above, above_key)))
    return f"{above}.{above_key}.{signature.decode().rstrip('=')}"


def vouched(voucher: str, hub: str, candidates: Sequence[str]) -> str | None:
    """The key of the hub above that one of these keys vouches for; None if none does.

    Args:
        voucher: as it came.
        hub: id of the hub that must have said it.
        candidates: public keys of that hub.
    """
    if len(voucher) > MAX_VOUCHER or _FORM.fullmatch(voucher) is None:
        return None
    above, above_key, signature = voucher.split(".")
    for key in candidates:
        try:
            nacl.signing.VerifyKey(_decode(key)).verify(
                _signed(hub, above, above_key), _decode(signature)
            )
        except (nacl.exceptions.CryptoError, ValueError):
            continue
        return above_key
    return None


def check_voucher(voucher: str, *, hub: str, hub_key: str, above: str, above_key: str) -> None:
    """Hold what a hub said of this one against what it must say.

    Raises:
        VonggacError: CORRUPT: it is of another hub, or about another.
    """
    told = voucher.split(".")[:2] == [above, above_key]
    if not told or vouched(voucher, hub, (hub_key,)) is None:
        raise VonggacError(Kind.CORRUPT, "the hub that asks does not vouch for this one")


def _signed(hub: str, above: str, above_key: str) -> bytes:
    return f"vonggac vouch 1\n{hub}\n{above}\n{above_key}".encode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
