"""A hub follows a site from key to key, by the word of the key that it knows and no other."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from vonggac import bus, keys, wire
from vonggac.clock import NS, SimulatedClock
from vonggac.config import Config, Secret, SiteConfig
from vonggac.domain import audit, registry, site_keys
from vonggac.errors import VonggacError
from vonggac.hub.facts import FactTaker

if TYPE_CHECKING:
    from vonggac.db import Database

HUB, SITE = "a" * 26, "b" * 26
T0 = 1_793_000_000 * NS


def key(number: int) -> keys.SigningKey:
    seed = bytes([number]) * 32
    return keys.SigningKey(Secret(base64.urlsafe_b64encode(seed).decode().rstrip("=")))


FIRST, SECOND, THIRD, STRANGER = key(1), key(2), key(3), key(9)


def hub_of(database: Database, public: str = FIRST.public) -> FactTaker:
    config = Config(data_dir="/nowhere", site=SiteConfig(name="sl-05"))
    with database.writing() as connection:
        registry.ensure_site(connection, config, site_id=SITE, public_key=public, now_ns=T0)
    return FactTaker(database, SimulatedClock(T0))


def carried(envelope: wire.Envelope) -> bus.Delivery:
    kind = wire.fact_kind(wire.decode_fact(envelope.payload))
    subject = wire.FactSubject(HUB, SITE, kind)
    return bus.Delivery(str(subject), wire.encode_envelope(envelope), 1, 1, 0)


def fact(signer: keys.SigningKey, epoch: int, sequence: int = 0) -> bus.Delivery:
    stopped = wire.encode_fact(wire.BoxStopped(at=T0))
    return carried(signer.envelope(SITE, epoch, sequence, stopped))


def change(chain: keys.Chain, old: keys.SigningKey, new: keys.SigningKey) -> keys.Chain:
    epoch = 10 * (len(chain.changes) + 1)
    return chain.follow(keys.announce(chain, old, new, epoch=epoch, at_ns=T0))


BEGAN = keys.Chain(SITE, FIRST.public)
CHANGED = change(BEGAN, FIRST, SECOND)
TWICE = change(CHANGED, SECOND, THIRD)


def announced(chain: keys.Chain) -> bus.Delivery:
    return carried(chain.changes[-1].envelope)


def rows(database: Database, act: audit.Act) -> list[audit.Row]:
    with database.reading() as connection:
        return list(audit.rows(connection, audit.Filter(act=act)))


def pinned(database: Database) -> str | None:
    with database.reading() as connection:
        site = registry.site(connection, SITE)
    return site.public_key if site else None


def test_a_hub_follows_the_word_of_the_key_that_it_knows(database: Database) -> None:
    """What the old key signed stays good, what comes after is the new one's, and a row says so."""
    hub = hub_of(database)

    hub.apply([fact(FIRST, 1), announced(CHANGED), fact(SECOND, 11), announced(TWICE)])
    hub.apply([fact(FIRST, 1), announced(CHANGED), fact(SECOND, 11), fact(THIRD, 21)])

    assert (hub.counts.applied, hub.counts.repeated, hub.counts.refused) == (5, 3, 0)
    assert pinned(database) == THIRD.public
    told = rows(database, audit.Act.SITE_KEY)
    assert [row.detail["new"] for row in told] == [THIRD.public, SECOND.public]
    with database.reading() as connection:
        assert site_keys.chain(connection, SITE) == TWICE
        assert site_keys.key_at(connection, SITE, T0 - 1) == FIRST.public
        assert site_keys.key_at(connection, SITE, None) == THIRD.public


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (
            announced(change(keys.Chain(SITE, STRANGER.public), STRANGER, THIRD)),
            "announcement 1 of a key is signed by a stranger",
        ),
        (announced(TWICE), "announcement 2 of a key is signed by a stranger"),
        (fact(SECOND, 11), "a fact's signature is not the site's"),
    ],
)
def test_no_other_word_is_followed(sqlite: Database, delivery: bus.Delivery, said: str) -> None:
    """A stranger's, or one that follows what this hub never heard: refused, counted, told."""
    hub = hub_of(sqlite)

    hub.apply([delivery, fact(FIRST, 12)])

    assert (hub.counts.applied, hub.counts.refused) == (1, 1)
    (row,) = rows(sqlite, audit.Act.FACT_REFUSED)
    assert str(row.detail["reason"]).startswith(said)
    assert pinned(sqlite) == FIRST.public


def test_an_old_key_is_of_no_use_once_its_end_has_come(sqlite: Database) -> None:
    """A site sends in order: what was not here before the announcement was written after it."""
    hub = hub_of(sqlite)
    hub.apply([fact(FIRST, 1), announced(CHANGED)])

    hub.apply([fact(FIRST, 11), fact(FIRST, 9, 77), fact(SECOND, 9, 78)])

    assert (hub.counts.applied, hub.counts.refused) == (2, 3)
    said = {str(row.detail["reason"]) for row in rows(sqlite, audit.Act.FACT_REFUSED)}
    assert said == {
        "a fact is signed with key 1 of the site, which had ended before it",
        "a fact came after the end of the key that signed it had come",
        "a fact is signed with key 2 of the site, which did not sign yet",
    }


def test_what_was_under_way_when_the_key_changed_still_arrives(sqlite: Database) -> None:
    """The box of this machine is followed at the start, before its last facts have come."""
    hub = hub_of(sqlite)
    with sqlite.writing() as connection:
        site_keys.follow_box(connection, CHANGED, now_ns=T0)
        site_keys.follow_box(connection, CHANGED, now_ns=T0)

    hub.apply([fact(FIRST, 9, 5), announced(CHANGED), fact(SECOND, 11)])

    assert (hub.counts.applied, hub.counts.refused) == (3, 0)
    assert len(rows(sqlite, audit.Act.SITE_KEY)) == 1


def test_a_box_that_comes_back_with_an_old_key_is_named(sqlite: Database) -> None:
    """An old backup of identity/ was put back, or another box stands there."""
    hub_of(sqlite)
    with sqlite.writing() as connection:
        site_keys.follow_box(connection, TWICE, now_ns=T0)

    for told, said in [
        (CHANGED, "signs with key 2 of its site, which ended when key 3 was announced"),
        (BEGAN, "signs with key 1 of its site, which ended"),
        (keys.Chain(SITE, STRANGER.public), "no announcement leads to from the one known here"),
    ]:
        with sqlite.writing() as connection, pytest.raises(VonggacError, match=said):
            site_keys.follow_box(connection, told, now_ns=T0)


def test_a_hub_that_meets_a_site_late_takes_its_past_over(sqlite: Database) -> None:
    """A new database beside an old box: its older pages are verified too."""
    hub = hub_of(sqlite, THIRD.public)
    with sqlite.writing() as connection:
        site_keys.enrol(connection, TWICE, now_ns=T0)

    hub.apply([fact(FIRST, 1), announced(CHANGED), fact(SECOND, 11), announced(TWICE)])

    assert (hub.counts.applied, hub.counts.refused) == (4, 0)
    assert pinned(sqlite) == THIRD.public
