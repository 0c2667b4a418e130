"""What is counted of a whole hub is counted once, ahead of whoever looks, and says its moment."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial

import pytest

from vonggac.clock import NS
from vonggac.domain import kept
from vonggac.domain.kept import AHEAD_NS, ASKED_NS, KEEP_NS, Kept

NOW_NS = 1_795_338_727 * NS


@dataclass(frozen=True)
class Count:
    """So many, at a moment."""

    number: int
    as_of_ns: int


class Counter:
    """Counts how often it counted."""

    def __init__(self) -> None:
        self.times = 0

    def at(self, now_ns: int) -> Count:
        self.times += 1
        return Count(self.times, now_ns)


def test_it_is_counted_once_a_minute() -> None:
    """However many look; when the minute is over, anew, and so when a clock was set back."""
    found, counter = Kept[str, Count](), Counter()

    def look(now_ns: int) -> Count:
        return found.get("a", now_ns, lambda: counter.at(now_ns))

    assert [look(NOW_NS), look(NOW_NS + KEEP_NS - 1)] == [Count(1, NOW_NS)] * 2
    assert look(NOW_NS + KEEP_NS) == Count(2, NOW_NS + KEEP_NS)
    assert look(NOW_NS) == Count(3, NOW_NS)


def test_who_looks_while_it_is_counted_again_sees_the_count_before() -> None:
    """With its own moment, and without waiting; who finds nothing at all waits for his turn."""
    found, counter = Kept[str, Count](), Counter()
    found.get("a", NOW_NS, lambda: counter.at(NOW_NS))
    begun, go_on = threading.Event(), threading.Event()
    later = NOW_NS + KEEP_NS

    def slow() -> Count:
        begun.set()
        assert go_on.wait(60)
        return counter.at(later)

    counting = threading.Thread(target=lambda: found.again("a", later, slow))
    counting.start()
    assert begun.wait(60)
    assert found.get("a", later, lambda: pytest.fail("counted twice")) == Count(1, NOW_NS)
    go_on.set()
    counting.join(60)
    assert found.get("a", later, lambda: pytest.fail("counted twice")) == Count(2, later)


def test_two_who_find_nothing_count_once() -> None:
    """The second one waits for the first, and takes what that counted."""
    found, counter = Kept[str, Count](), Counter()
    begun, go_on = threading.Event(), threading.Event()
    told: list[Count] = []

    def slow() -> Count:
        begun.set()
        assert go_on.wait(60)
        return counter.at(NOW_NS)

    def look() -> None:
        told.append(found.get("a", NOW_NS, slow))

    looking = [threading.Thread(target=look) for _ in range(2)]
    looking[0].start()
    assert begun.wait(60)
    looking[1].start()
    go_on.set()
    for one in looking:
        one.join(60)
    assert told == [Count(1, NOW_NS)] * 2


def test_ahead_it_is_counted_when_half_of_its_minute_is_over() -> None:
    """As long as somebody asked not long ago."""
    found, counter = Kept[str, Count](), Counter()
    found.get("a", NOW_NS, lambda: counter.at(NOW_NS))
    half = NOW_NS + AHEAD_NS

    assert not found.again("a", half - 1, lambda: counter.at(half - 1))
    assert found.again("a", half, lambda: counter.at(half))
    assert found.asked(NOW_NS + ASKED_NS - 1) == ["a"]
    assert found.asked(NOW_NS + ASKED_NS) == []


def test_what_fails_keeps_what_was_there() -> None:
    """And the next one counts again."""
    found, counter = Kept[str, Count](), Counter()
    found.get("a", NOW_NS, lambda: counter.at(NOW_NS))

    def fails() -> Count:
        raise ValueError("the count failed")

    with pytest.raises(ValueError, match="the count failed"):
        found.again("a", NOW_NS + AHEAD_NS, fails)
    assert found.get("a", NOW_NS + AHEAD_NS, fails) == Count(1, NOW_NS)
    later = NOW_NS + KEEP_NS
    assert found.get("a", later, lambda: counter.at(later)) == Count(2, later)


def test_few_are_kept() -> None:
    """What nobody asked about for longest goes first."""
    found, counter = Kept[int, Count](), Counter()
    for at in range(kept.MOST + 3):
        found.get(at, NOW_NS + at, partial(counter.at, NOW_NS + at))
    now_ns = NOW_NS + NS
    assert found.asked(now_ns) == list(range(kept.MOST + 2, 2, -1))
    assert found.get(3, now_ns, lambda: pytest.fail("it is kept")).as_of_ns == NOW_NS + 3
    assert found.get(2, now_ns, lambda: counter.at(now_ns)).as_of_ns == now_ns
