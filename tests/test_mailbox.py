"""Hand-offs: bounded, with a named overflow policy, counting every loss."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.mailbox import Closed, Crossing, Mailbox, Overflow


def read(mailbox: Mailbox[int]) -> list[int]:
    """Everything that is inside now."""

    async def all_of_it() -> list[int]:
        return [await mailbox.get() for _ in range(len(mailbox))]

    return asyncio.run(all_of_it())


def test_refusing_mailbox_keeps_what_it_has() -> None:
    """The recorder's: the sender must learn that this letter was not taken."""
    mailbox: Mailbox[int] = Mailbox("recorder", 2, Overflow.REFUSE)

    assert [mailbox.put(n) for n in range(4)] == [True, True, False, False]
    assert mailbox.lost == 2
    assert read(mailbox) == [0, 1]


def test_dropping_mailbox_keeps_what_is_new() -> None:
    """What a viewer wants."""
    mailbox: Mailbox[int] = Mailbox("tile", 2, Overflow.DROP_OLDEST)

    assert [mailbox.put(n) for n in range(4)] == [True] * 4
    assert mailbox.lost == 2
    assert read(mailbox) == [2, 3]


def test_live_mailbox_goes_on_at_a_keyframe() -> None:
    """A part whose predecessor was dropped cannot be decoded: it is dropped too, and counted."""
    mailbox: Mailbox[int] = Mailbox("live", 2, Overflow.DROP_TO_KEYFRAME)

    taken = [mailbox.put(n, keyframe=n in (0, 4)) for n in range(6)]

    assert taken == [True, True, False, False, True, True]
    assert mailbox.lost == 4, (
        "0 and 1, which were inside; 2, which met them; 3, before the keyframe"
    )
    assert read(mailbox) == [4, 5]


@given(
    policy=st.sampled_from(Overflow),
    capacity=st.integers(1, 5),
    letters=st.lists(st.booleans(), max_size=40),
)
def test_no_letter_is_lost_uncounted(policy: Overflow, capacity: int, letters: list[bool]) -> None:
    """Under every policy: what was put is inside or counted, and there are never too many."""
    mailbox: Mailbox[int] = Mailbox("any", capacity, policy)
    for number, keyframe in enumerate(letters):
        mailbox.put(number, keyframe=keyframe)
        assert len(mailbox) <= capacity

    assert len(mailbox) + mailbox.lost == len(letters)


def test_mailbox_without_room_is_refused() -> None:
    """It would lose everything."""
    with pytest.raises(ValueError, match="live needs room"):
        Mailbox("live", 0, Overflow.REFUSE)


async def test_closed_mailbox_can_be_emptied_and_then_says_so() -> None:
    """Stopping loses nothing that was handed over."""
    mailbox: Mailbox[int] = Mailbox("any", 2, Overflow.REFUSE)
    mailbox.put(1)
    mailbox.close()
    mailbox.close()

    with pytest.raises(Closed):
        mailbox.put(2)
    assert await mailbox.get() == 1
    with pytest.raises(Closed):
        await mailbox.get()


async def test_closing_wakes_whoever_waits() -> None:
    """A reader that nobody will ever write to again must not wait for ever."""
    mailbox: Mailbox[int] = Mailbox("any", 2, Overflow.REFUSE)
    reader = asyncio.create_task(mailbox.get())
    await asyncio.sleep(0)
    mailbox.close()

    with pytest.raises(Closed):
        await reader


def test_crossing_hands_letters_to_a_thread_in_order() -> None:
    """The one way from the loop to a worker's thread."""
    crossing: Crossing[int] = Crossing("disk", 1000)
    taken: list[int] = []

    def work() -> None:
        while True:
            try:
                taken.extend(crossing.take())
            except Closed:
                return

    worker = threading.Thread(target=work)
    worker.start()
    for number in range(1000):
        assert crossing.put(number)
    crossing.close()
    worker.join(5)

    assert taken == list(range(1000))
    assert crossing.lost == 0


def test_full_crossing_refuses_and_counts() -> None:
    """A slow disk costs pictures and never memory."""
    crossing: Crossing[int] = Crossing("disk", 2)

    assert [crossing.put(n) for n in range(3)] == [True, True, False]
    assert (len(crossing), crossing.lost) == (2, 1)
    assert crossing.take() == [0, 1]


def test_closed_crossing_takes_nothing_more() -> None:
    """What is inside can still be taken; then the thread learns that it may end."""
    crossing: Crossing[int] = Crossing("disk", 4)
    crossing.put(1)
    crossing.close()
    crossing.close()

    assert not crossing.put(2)
    assert crossing.take() == [1]
    for _ in range(2):
        with pytest.raises(Closed):
            crossing.take()


def test_taking_in_vain_ends_with_its_time() -> None:
    """The writer's thread has other things to do than to wait."""
    assert Crossing[int]("disk", 2).take(timeout_s=0.001) == []
