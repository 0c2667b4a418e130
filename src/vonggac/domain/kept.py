"""What is counted of a whole hub, kept for a minute and shown with the moment it was counted at.

A country is counted once, however many people look at it, and one count goes on at a time.  What
was asked about lately is counted again before its minute is over (`vonggac.hub.counting`), so that
nobody waits for it; who looks while that goes on sees the count before, with its own moment.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from vonggac.clock import NS

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

KEEP_NS: Final = 60 * NS
"""For so long what was counted is shown again (ours)."""
AHEAD_NS: Final = 30 * NS
"""What is older is counted again ahead of its end (ours: half of what it is kept for)."""
ASKED_NS: Final = 600 * NS
"""What nobody asked about for so long is not counted ahead any more (ours)."""
MOST: Final = 16
"""Counts that are kept at most; the one that nobody asked about for longest goes first (ours)."""


class Moment(Protocol):
    """Something with the moment it was counted at."""

    @property
    def as_of_ns(self) -> int:
        """UTC."""
        ...


K = TypeVar("K", bound="Hashable")
V = TypeVar("V", bound=Moment)


class Kept(Generic[K, V]):
    """Counts by what was asked. For any thread.

    Args:
        most: so many are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._found: dict[K, V] = {}
        self._asked: dict[K, int] = {}
        self._counting: K | None = None
        self._turn = threading.Lock()
        """Held while something is counted."""

    def get(self, key: K, now_ns: int, count: Callable[[], V], *, keep_ns: int = KEEP_NS) -> V:
        """What was counted of this not long ago; counted now if there is none.

        Args:
            key: what is asked about.
            now_ns: UTC now.
            count: counts it; what it raises is raised here, and nothing is kept.
            keep_ns: how old it may be.  While it is being counted, the count before is told up to
                twice that age: it says its moment.
        """
        self.want(key, now_ns)
        found = self._newer(key, now_ns, keep_ns * 2 if self._counting == key else keep_ns)
        if found is not None:
            return found
        with self._turn:
            found = self._newer(key, now_ns, keep_ns)  # of who had the turn before
            return self._count(key, count) if found is None else found

    def again(self, key: K, now_ns: int, count: Callable[[], V]) -> bool:
        """Count this ahead if its minute is half over; whether it was counted."""
        with self._turn:
            if self._newer(key, now_ns, AHEAD_NS) is not None:
                return False
            self._count(key, count)
            return True

    def want(self, key: K, now_ns: int) -> None:
        """Note that this is asked about."""
        self._asked[key] = now_ns
        while len(self._asked) > self._most:
            self._asked.pop(_first(dict(self._asked)), None)

    def asked(self, now_ns: int) -> list[K]:
        """What was asked about lately, the last first."""
        asked = dict(self._asked)
        lately = [key for key, ns in asked.items() if now_ns - ns < ASKED_NS]
        return sorted(lately, key=lambda one: asked[one], reverse=True)

    def _newer(self, key: K, now_ns: int, keep_ns: int) -> V | None:
        """What is kept of this and younger; nothing of a moment that a clock has not reached."""
        found = self._found.get(key)
        return found if found is not None and 0 <= now_ns - found.as_of_ns < keep_ns else None

    def _count(self, key: K, count: Callable[[], V]) -> V:
        """Count it and keep it; in its turn."""
        self._counting = key
        try:
            found = self._found[key] = count()
        finally:
            self._counting = None
        while len(self._found) > self._most:
            del self._found[_first({one: self._asked.get(one, 0) for one in self._found})]
        return found


def _first(asked: dict[K, int]) -> K:
    """What was asked about before all others."""
    return min(asked, key=lambda one: asked[one])
