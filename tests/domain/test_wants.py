"""Wanted and real: how far a hold has come on its way to a box elsewhere, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hub_stage import SITE_ID
from vonggac import wire
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import wants
from vonggac.domain.holds import Hold
from vonggac.domain.wants import Want, key_of, stand

if TYPE_CHECKING:
    from vonggac.db import Database

HUB, HOLD = "h" * 26, "c" * 26
KEY = key_of(HUB)
T = 1_800_000_000 * NS
SPAN = (HOLD, "cam01", T, T + NS)
PLACED = Hold(
    HOLD, SITE_ID, "cam-1", "cam01", T, T + NS, "VA-7", "vụ việc", "a-1", "truong", T, None, "",
    None, "",
)  # fmt: skip
RELEASED = replace(PLACED, released_by="a-2", released_ns=T + 9 * NS)
SENT = Want(SITE_ID, KEY, 7, "digest", T, T + NS, None, None, None, (), {}, ())
TAKEN = replace(SENT, answered=7, answered_ns=T + 2 * NS, accepted=True, spans=(SPAN,))


@pytest.mark.parametrize(
    ("hold", "want", "way", "why"),
    [
        (PLACED, None, "sending", ""),
        (PLACED, replace(SENT, sent_ns=None), "sending", ""),
        (PLACED, replace(SENT, made_ns=T - NS), "sending", ""),
        (PLACED, SENT, "sent", ""),
        (PLACED, replace(SENT, answered=6, accepted=True), "sent", ""),
        (PLACED, TAKEN, "taken", ""),
        (PLACED, replace(TAKEN, revision=8, sent_ns=None), "taken", ""),
        (PLACED, replace(TAKEN, spans=(), refused={HOLD: "expired"}), "refused", "expired"),
        (PLACED, replace(TAKEN, spans=(), accepted=False, reasons=("no",)), "refused", "no"),
        (RELEASED, replace(TAKEN, revision=8), "releasing", ""),
        (RELEASED, replace(TAKEN, spans=()), "released", ""),
    ],
)
def test_a_hold_is_said_to_be_kept_only_when_the_box_said_so(
    hold: Hold, want: Want | None, way: str, why: str
) -> None:
    """What was only sent keeps nothing yet; what was released above may still be kept below."""
    found = stand(hold, want)

    assert (found.way, found.why) == (way, why)


def answer(revision: int, *, accepted: bool = True, key: str = KEY) -> wire.WantAnswered:
    return wire.WantAnswered(
        at=T + 5 * NS, key=key, revision=revision, accepted=accepted,
        spans=(SPAN,) if accepted else (),
    )  # fmt: skip


def test_an_answer_is_kept_with_the_order_and_an_old_refusal_changes_nothing(
    database: Database,
) -> None:
    """A revision passes what a box could have had before this hub was restored from a backup."""
    with database.writing() as connection:
        connection.execute(tables.site.insert().values(id=SITE_ID, name="s", created_ns=T))
        first = wants.renew(connection, SITE_ID, KEY, "one", now_ns=T)
        second = wants.renew(connection, SITE_ID, KEY, "two", now_ns=T)
        wants.sent(connection, SITE_ID, KEY, first, now_ns=T + NS)
        assert wants.ours(connection, [SITE_ID])[SITE_ID].sent_ns is None
        wants.answered(connection, SITE_ID, answer(second), now_ns=T)
        wants.answered(connection, SITE_ID, answer(first, accepted=False), now_ns=T)
        found = wants.find(connection, SITE_ID, KEY)

    assert (first, second) == (T // NS, T // NS + 1)
    assert found is not None
    assert (found.answered, found.accepted, list(found.spans)) == (second, True, [SPAN])


def test_what_other_hubs_want_is_known_by_the_boxs_word_and_bounded(database: Database) -> None:
    """A site may say any number of keys: a few tiers are above it, and no more are kept."""
    with database.writing() as connection:
        connection.execute(tables.site.insert().values(id=SITE_ID, name="s", created_ns=T))
        for letter in "abcdefghijkl":
            wants.answered(connection, SITE_ID, answer(1, key=key_of(letter * 26)), now_ns=T)
        wants.answered(connection, SITE_ID, answer(1, key="cameras"), now_ns=T)
        found = wants.of_sites(connection, [SITE_ID])
        kept = wants.kept(connection, SITE_ID)

    assert len(found) == wants.MOST_KEYS
    assert not any(one.is_ours for one in found)
    assert (kept[0].camera, kept[0].from_ns, kept[0].to_ns) == SPAN[1:]
