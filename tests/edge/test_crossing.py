"""Hand-offs at their bound: what is refused, what is lost, what is counted, and how they end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.mailbox import Closed, Crossing, Mailbox, Overflow


def drain(box: Mailbox[int]) -> list[int]:
    """Everything that lies in it, without waiting for more."""

    async def take() -> list[int]:
        return [await box.get() for _ in range(len(box))]

    return asyncio.run(take())


def test_a_mailbox_without_room_is_a_mistake() -> None:
    """Said when it is made, not when the first letter is lost."""
    with pytest.raises(ValueError, match="mailbox wall needs room for at least one letter"):
        Mailbox("wall", 0, Overflow.REFUSE)


def test_a_full_mailbox_that_refuses_says_so_and_keeps_what_it_has() -> None:
    """The recorder ends the run rather than lose a picture silently."""
    box: Mailbox[int] = Mailbox("recorder", 2, Overflow.REFUSE)
    assert [box.put(n) for n in range(4)] == [True, True, False, False]
    assert (box.lost, drain(box)) == (2, [0, 1])


def test_a_full_mailbox_that_drops_the_oldest_keeps_what_is_new() -> None:
    """A viewer wants what is new."""
    box: Mailbox[int] = Mailbox("viewer", 2, Overflow.DROP_OLDEST)
    assert [box.put(n) for n in range(5)] == [True] * 5
    assert (box.lost, drain(box)) == (3, [3, 4])


def test_a_full_mailbox_of_parts_goes_on_with_the_next_keyframe() -> None:
    """What lies between cannot be decoded: it is lost whole, and counted."""
    box: Mailbox[int] = Mailbox("viewer", 3, Overflow.DROP_TO_KEYFRAME)
    taken = [box.put(n, keyframe=n % 4 == 0) for n in range(11)]
    assert taken == [True, True, True, False, True, True, True, False, True, True, True]
    assert drain(box) == [8, 9, 10]
    assert box.lost == 8


def test_a_keyframe_that_finds_the_mailbox_full_takes_the_place_of_all() -> None:
    """It is what the viewer can start with."""
    box: Mailbox[int] = Mailbox("viewer", 2, Overflow.DROP_TO_KEYFRAME)
    for number, keyframe in ((0, True), (1, False), (2, True)):
        assert box.put(number, keyframe=keyframe)
    assert (box.lost, drain(box)) == (2, [2])


async def test_a_reader_waits_for_the_next_letter() -> None:
    """And is woken by it, not by a clock."""
    box: Mailbox[str] = Mailbox("asks", 1, Overflow.REFUSE)
    waiting = asyncio.ensure_future(box.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    box.put("open")
    assert await waiting == "open"


async def test_a_closed_mailbox_gives_out_what_it_holds_and_then_says_so() -> None:
    """Closing twice is harmless; putting into it is a mistake of the sender."""
    box: Mailbox[str] = Mailbox("asks", 2, Overflow.REFUSE)
    box.put("last")
    box.close()
    box.close()
    assert await box.get() == "last"
    with pytest.raises(Closed):
        await box.get()
    with pytest.raises(Closed):
        box.put("too late")


async def test_closing_wakes_a_reader_that_waits() -> None:
    """A stopping program waits for nobody."""
    box: Mailbox[str] = Mailbox("asks", 2, Overflow.REFUSE)
    waiting = asyncio.ensure_future(box.get())
    await asyncio.sleep(0)
    box.close()
    with pytest.raises(Closed):
        await waiting


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5), st.sampled_from(list(Overflow)))
def test_no_letter_is_lost_uncounted(keyframes: list[bool], room: int, policy: Overflow) -> None:
    """What was put is read, refused or counted as lost; never more than the bound is held."""
    box: Mailbox[int] = Mailbox("any", room, policy)
    for number, keyframe in enumerate(keyframes):
        box.put(number, keyframe=keyframe)
        assert len(box) <= room
    kept = drain(box)
    assert len(kept) + box.lost == len(keyframes)
    assert kept == sorted(kept)
    if policy is Overflow.DROP_TO_KEYFRAME and box.lost and kept:
        assert keyframes[kept[0]]


def test_a_full_crossing_refuses_and_counts() -> None:
    """A slow disk costs pictures and never memory."""
    crossing: Crossing[int] = Crossing("recorder", 2)
    assert [crossing.put(n) for n in range(3)] == [True, True, False]
    assert (len(crossing), crossing.lost) == (2, 1)
    assert crossing.take(0) == [0, 1]
    assert crossing.take(0) == []
    assert crossing.put(3)


def test_a_closed_crossing_gives_out_what_it_holds_and_then_says_so() -> None:
    """Everything that was taken in is written before the thread ends."""
    crossing: Crossing[int] = Crossing("recorder", 5)
    crossing.put(1)
    crossing.put(2)
    crossing.close()
    crossing.close()
    assert not crossing.put(3)
    assert crossing.take(0) == [1, 2]
    with pytest.raises(Closed):
        crossing.take(0)


def test_letters_cross_to_a_thread_in_order_and_none_is_lost() -> None:
    """The real thing: one thread puts, one takes, the bound is hit again and again."""
    crossing: Crossing[int] = Crossing("recorder", 50)
    taken: list[int] = []

    def work() -> None:
        while True:
            try:
                taken.extend(crossing.take(5))
            except Closed:
                return

    worker = threading.Thread(target=work)
    worker.start()
    sent = [number for number in range(20_000) if crossing.put(number)]
    crossing.close()
    worker.join(10)
    assert taken == sent
    assert len(sent) + crossing.lost == 20_000
