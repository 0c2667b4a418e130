"""How often one address may ask: a bounded table of token buckets.

It lies in memory and a start of the program forgets it. That gives an address one more burst, to
nobody who could not already start the program; a row a request would cost what it should save,
and would keep the addresses of people who asked without an account.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import TYPE_CHECKING

from vonggac.clock import NS
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from vonggac.clock import Clock

ADDRESSES = 4096
"""Addresses that are remembered; the one seen longest ago is forgotten first."""


NETWORK = 64
"""Bits of an IPv6 address that belong to one line (RFC 6177); its holder chooses the rest."""


def holder(address: str) -> str:
    """Whose allowance an address uses: its own, or in IPv6 that of its whole line."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return address
    mapped = found.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return str(ipaddress.ip_network((found, NETWORK), strict=False))


class RateLimit:
    """So many at once, and so many a second after that, for each key. For one event loop.

    Args:
        clock: monotonic time.
        burst: how many at once.
        per_second: how fast the allowance grows again.
    """

    def __init__(self, clock: Clock, *, burst: int, per_second: float) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str) -> None:
        """Use one of the key's allowance.

        Raises:
            VonggacError: TOO_MANY, with `retry_s`.
        """
        now = self._clock.monotonic_ns()
        left, then = self._buckets.pop(key, (float(self._burst), now))
        left = min(self._burst, left + (now - then) / NS * self._per_second)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        while len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, round((1 - left) / self._per_second + 0.5))
            raise VonggacError(
                Kind.TOO_MANY, f"too many requests; try again in {wait} s", retry_s=wait
            )


class Recently:
    """What was seen a while ago is remembered, so that one thing done in pieces is told once.

    Args:
        clock: monotonic time.
        seconds: how long it is remembered after it was seen last.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._ns = int(seconds * NS)
        self._seen: OrderedDict[tuple[object, ...], int] = OrderedDict()

    def is_new(self, *key: object) -> bool:
        """Whether this was not seen for so long; it has been seen now."""
        now = self._clock.monotonic_ns()
        then = self._seen.pop(key, None)
        self._seen[key] = now
        while len(self._seen) > ADDRESSES:
            self._seen.popitem(last=False)
        return then is None or now - then > self._ns
