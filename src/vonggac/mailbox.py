"""The one hand-off between two ends: bounded, with a named overflow policy, counting its losses."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Overflow(StrEnum):
    """What happens to a letter that finds the mailbox full."""

    REFUSE = "refuse"
    """`put` returns False; the sender decides (the recorder ends the run and says why)."""
    DROP_OLDEST = "drop_oldest"
    """The oldest letter is lost and counted (a viewer wants what is new)."""
    DROP_TO_KEYFRAME = "drop_to_keyframe"
    """Everything is lost and counted until the next letter put with `keyframe=True`."""


class Closed(Exception):  # noqa: N818 - an end, not an error
    """The mailbox was closed and is empty."""


class Mailbox(Generic[T]):
    """A bounded hand-off inside one event loop.

    Args:
        name: how the count of losses is labelled in the metrics.
        capacity: letters it holds at most.
        overflow: what happens at the bound.

    Not for threads: both ends live on one loop.
    """

    def __init__(self, name: str, capacity: int, overflow: Overflow) -> None:
        if capacity < 1:
            raise ValueError(f"mailbox {name} needs room for at least one letter, not {capacity}")
        self.name = name
        self.capacity = capacity
        self.overflow = overflow
        self.lost = 0
        """Letters lost since the mailbox was made."""
        self._letters: deque[T] = deque()
        self._waiting_for_keyframe = False
        self._closed = False
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, letter: T, *, keyframe: bool = True) -> bool:
        """Hand a letter over without waiting.

        Args:
            letter: what is handed over.
            keyframe: whether a reader can start with it (only `DROP_TO_KEYFRAME` asks).

        Returns:
            False if this letter was not taken.

        Raises:
            Closed: nobody will read it.
        """
        if self._closed:
            raise Closed(self.name)
        if self._waiting_for_keyframe:
            if not keyframe:
                self.lost += 1
                return False
            self._waiting_for_keyframe = False
        if len(self._letters) >= self.capacity:
            if self.overflow is Overflow.REFUSE:
                self.lost += 1
                return False
            if self.overflow is Overflow.DROP_OLDEST:
                self._letters.popleft()
                self.lost += 1
            else:
                self.lost += len(self._letters)
                self._letters.clear()
                if not keyframe:
                    self.lost += 1
                    self._waiting_for_keyframe = True
                    return False
        self._letters.append(letter)
        self._arrived.set()
        return True

    async def get(self) -> T:
        """Wait for the next letter.

        Raises:
            Closed: the mailbox is closed and empty.
        """
        while not self._letters:
            if self._closed:
                raise Closed(self.name)
            self._arrived.clear()
            await self._arrived.wait()
        return self._letters.popleft()

    def close(self) -> None:
        """End it; letters already in it can still be read. Closing twice is harmless."""
        self._closed = True
        self._arrived.set()


class Crossing(Generic[T]):
    """The one bounded hand-off from the event loop to a worker thread.

    The loop puts without waiting; the thread takes, and waits.  A full crossing refuses and
    counts, so that a slow disk costs pictures and never memory.

    Args:
        name: how the count of losses is labelled in the metrics.
        capacity: letters it holds at most.
    """

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self.lost = 0
        """Letters refused since it was made."""
        self._queue: queue.Queue[T | None] = queue.Queue()
        self._closed = False

    def __len__(self) -> int:
        return self._queue.qsize()

    def put(self, letter: T) -> bool:
        """Hand over; False if it is full or closed. The loop's thread only."""
        if self._closed or self._queue.qsize() >= self.capacity:
            self.lost += 1
            return False
        self._queue.put_nowait(letter)
        return True

    def take(self, timeout_s: float | None = None) -> list[T]:
        """Wait for letters and take all there are. The worker's thread only.

        Returns:
            The letters in order; an empty list if the time ran out.

        Raises:
            Closed: closed, and every letter was taken.
        """
        try:
            first = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return []
        if first is None:
            self._queue.put_nowait(None)  # whoever asks again is told again, and does not wait
            raise Closed(self.name)
        letters = [first]
        while True:
            try:
                letter = self._queue.get_nowait()
            except queue.Empty:
                return letters
            if letter is None:
                self._queue.put_nowait(None)
                return letters
            letters.append(letter)

    def close(self) -> None:
        """No more letters; those inside can still be taken. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
