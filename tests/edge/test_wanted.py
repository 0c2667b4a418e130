"""Orders of hubs above: what the box takes, what it refuses and why, and what it remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from evidence_made import BEGIN, SITE, record
from vonggac import keys, wire
from vonggac.clock import NS
from vonggac.edge.identity import FOLDER
from vonggac.edge.retention import Hold
from vonggac.edge.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HUB = "h" * 26
KEY = f"{wire.KEPT}{HUB}"
ABOVE = keys.SigningKey(keys.new_seed())
STRANGER = keys.SigningKey(keys.new_seed())
ONE, TWO = "c" * 26, "d" * 26


class Stand:
    """A box with recordings of cam01, below one hub."""

    def __init__(self, directory: Path, hubs: tuple[str, ...] = (ABOVE.public,)) -> None:
        self.facts: list[wire.WantAnswered] = []
        self.changes = 0
        self.wanted = Wanted(
            directory, HUB, SITE, hubs, cameras=lambda: {"cam01"}, say=self._say,
            wall_ns=lambda: BEGIN + 60 * NS, changed=self._changed,
        )  # fmt: skip

    def _say(self, fact: wire.Fact) -> None:
        assert isinstance(fact, wire.WantAnswered)
        self.facts.append(fact)

    def _changed(self) -> None:
        self.changes += 1

    async def told(
        self, revision: int, *spans: wire.KeptSpan, key: keys.SigningKey = ABOVE, at: str = KEY,
        spoil: Callable[[wire.Want], wire.Want] = lambda want: want,
    ) -> wire.WantAnswered:  # fmt: skip
        subject = wire.WantSubject(HUB, SITE, at)
        document = msgspec.Raw(msgspec.json.encode(wire.WantedKept(spans)))
        want = spoil(keys.sign_want(key, subject, wire.Want(revision, document)))
        await self.wanted.take(str(subject), msgspec.json.encode(want))
        return self.facts[-1]


def span(name: str = ONE, camera: str = "cam01", begin: int = BEGIN) -> wire.KeptSpan:
    return wire.KeptSpan(id=name, camera=camera, begin=begin, end=begin + NS, case="VA-7")


@pytest.fixture
def box(tmp_path: Path) -> Stand:
    record(tmp_path, (0, 4))
    (tmp_path / FOLDER).mkdir(exist_ok=True)
    return Stand(tmp_path)


async def test_an_order_from_above_is_taken_and_said_and_outlives_the_box(
    box: Stand, tmp_path: Path
) -> None:
    """The line may be cut for good afterwards: a new life of the box keeps it all the same."""
    fact = await box.told(5, span())

    assert (fact.accepted, fact.revision, fact.refused) == (True, 5, ())
    assert fact.spans == ((ONE, "cam01", BEGIN, BEGIN + NS),)
    assert box.wanted.holds == (Hold("cam01", BEGIN, BEGIN + NS),)
    assert box.changes == 1
    again = Stand(tmp_path)
    assert again.wanted.holds == box.wanted.holds
    assert (await again.told(5, span())).accepted
    assert again.changes == 0
    assert Stand(tmp_path, hubs=()).wanted.holds == ()


async def test_what_a_box_does_not_have_is_refused_and_the_rest_is_kept(box: Stand) -> None:
    """A word of why for each: whoever placed the hold must not believe that something is kept."""
    fact = await box.told(5, span(), span(TWO, camera="cam09"))

    assert fact.accepted
    assert fact.refused == ((TWO, "no_camera"),)
    assert [one[0] for one in fact.spans] == [ONE]


async def test_a_release_lets_go(box: Stand) -> None:
    """The order says all that is wanted: what it leaves out is free again."""
    await box.told(5, span())
    fact = await box.told(6)

    assert (fact.accepted, fact.spans, box.wanted.holds) == (True, (), ())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda want: msgspec.structs.replace(want, signature=""),
        lambda want: msgspec.structs.replace(want, revision=want.revision + 1),
        lambda want: msgspec.structs.replace(want, document=msgspec.Raw(b'{"spans":[]}')),
    ],
    ids=["unsigned", "another revision", "another content"],
)
async def test_a_forged_order_is_refused_and_the_last_one_stands(
    box: Stand, spoil: Callable[[wire.Want], wire.Want]
) -> None:
    """Whoever gets a message into WANT has not got the hub's key."""
    await box.told(5, span())
    fact = await box.told(6, span(TWO), spoil=spoil)

    assert (fact.accepted, fact.spans) == (False, ())
    assert fact.reasons == ("no hub above this box signed the order",)
    assert box.wanted.holds == (Hold("cam01", BEGIN, BEGIN + NS),)
    assert (await box.told(6, span())).accepted, "the genuine one of that number is still taken"


async def test_a_strange_key_an_old_order_and_another_kind_are_refused(box: Stand) -> None:
    """A site's own key signs no orders; an order that was in force before does not come back."""
    await box.told(5, span())
    strange = await box.told(9, key=STRANGER)
    old = await box.told(4)
    other = await box.told(10, at="cameras")

    assert not strange.accepted
    assert old.reasons == ("order 4 is older than 5, in force",)
    assert other.reasons == ("this box takes no orders of that kind from above",)
    assert len(box.wanted.holds) == 1
