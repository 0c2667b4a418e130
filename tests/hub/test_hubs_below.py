"""Sites behind a hub below: told of by their hub, believed by their own keys alone.

The hub below speaks here by hand, with a key that is its own and everything else forged.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from vonggac import bus, keys, wire
from vonggac.clock import NS, SimulatedClock
from vonggac.db import tables
from vonggac.domain import audit, hubs, ledger, registry, site_keys, told
from vonggac.domain.enrolments import HOUR_NS, Given, Refused
from vonggac.domain.exports import Someone
from vonggac.errors import VonggacError
from vonggac.hub.facts import FactTaker, Tier
from vonggac.keys import enrolment as proving
from vonggac.keys import vouching
from vonggac.wire import hubs as wires
from vonggac.wire.enrolment import Code, EnrolOffer

if TYPE_CHECKING:
    from vonggac.db import Database

NOW = 1_800_000_000 * NS
NOW_DAY = date(2026, 1, 1)
BY = Someone("a1", "quan-tri", "Người cấp")
MINISTRY, PROVINCE, OTHER = "m" * 26, "p" * 26, "o" * 26
SITE, FAR, OWN = "s" * 26, "t" * 26, "u" * 26
KEY = {
    name: keys.SigningKey(keys.new_seed()) for name in (MINISTRY, PROVINCE, OTHER, SITE, FAR, OWN)
}
RUN = "1" * 32


def asks(hub: str, secret: str, *, key: keys.SigningKey | None = None) -> proving.Asked:
    """What the ministry reads of a hub's question."""
    mine = key or KEY[hub]
    code = Code.of("https://hub.example", secret, KEY[MINISTRY].public)
    offer = EnrolOffer(1, MINISTRY, KEY[MINISTRY].public, str(NOW))
    chain = keys.Chain(hub, mine.public)
    body = proving.asked(code, offer, mine, chain, version="1", at_ns=NOW, is_hub=True)
    return proving.opened(KEY[MINISTRY], body)


def join(database: Database, hub: str) -> None:
    """The hub stands joined, below a unit of its own."""
    with database.writing() as connection:
        connection.execute(
            tables.unit.insert().values(
                id=f"unit-{hub[0]}", parent_id=None, kind="province", code=hub[0], profile="x",
                valid_from=NOW_DAY, source="",
            )
        )  # fmt: skip
        made, secret = hubs.issue(
            connection, f"Tỉnh {hub[0]}", f"unit-{hub[0]}", hours=24, by=BY, now_ns=NOW
        )
        asked = asks(hub, secret)
        found = hubs.found_for(connection, asked, own=MINISTRY, now_ns=NOW)
        given = Given(f"control {hub[0]}", "media", "sealed")
        assert hubs.admit(connection, found, asked, given, address="", now_ns=NOW) == ()
        assert hubs.one(connection, made.id).state(NOW) == "used"


@pytest.fixture
def ministry(database: Database) -> FactTaker:
    """Two provinces joined; a site of the ministry's own stands beside them."""
    join(database, PROVINCE)
    join(database, OTHER)
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(
                id=OWN, name="cs-u", title="", address="", unit_id="unassigned",
                owner_line="civil", retention_days=30, created_ns=NOW, public_key=KEY[OWN].public,
            )
        )  # fmt: skip
    return FactTaker(database, SimulatedClock(NOW), Tier(hub=MINISTRY))


def site(site_id: str, key: str | None = None, **more: object) -> wires.SiteTold:
    values = {
        "at": NOW, "site": site_id, "name": f"cs-{site_id[0]}", "title": f"Cơ sở {site_id[0]}",
        "address": "", "owner_line": "civil", "units": (), "retention_days": 30,
        "first": key or KEY[site_id].public,
    }  # fmt: skip
    return wires.SiteTold(**{**values, **more})  # type: ignore[arg-type]


class Speaker:
    """A hub below that says what it likes."""

    def __init__(self, taker: FactTaker, hub: str) -> None:
        self._taker = taker
        self._hub = hub
        self.sequence = 0

    def says(
        self, fact: wires.HubFact, *, key: keys.SigningKey | None = None, on: str | None = None
    ) -> None:
        payload = wires.encode_hub_fact(fact)
        envelope = (key or KEY[self._hub]).envelope(self._hub, 1, self.sequence, payload)
        self.sequence += 1
        subject = wire.FactSubject(on or self._hub, self._hub, wires.hub_fact_kind(fact))
        self.passes(envelope, str(subject))

    def passes(self, envelope: wire.Envelope, subject: str) -> None:
        """Anything at all in its stream."""
        raw = wire.encode_envelope(envelope)
        self._taker.apply([bus.Delivery(subject, raw, 1, 1, 0)])

    def carries(
        self, site_id: str, sequence: int, *, key: keys.SigningKey | None = None,
        through: str | None = None,
    ) -> None:  # fmt: skip
        """A span that a site of its says, or that it says in a site's name."""
        fact = wire.SpanClosed(
            at=NOW, camera="cam01", stream="main", run=RUN, from_=NOW + sequence * 10 * NS,
            to=NOW + (sequence * 10 + 5) * NS, pictures=1, bytes=1,
        )  # fmt: skip
        envelope = (key or KEY[site_id]).envelope(site_id, 1, sequence, wire.encode_fact(fact))
        self.passes(envelope, str(wire.FactSubject(through or self._hub, site_id, "span", "cam01")))


def spans(database: Database, site_id: str) -> int:
    with database.reading() as connection:
        found = ledger.spans_between(connection, site_id, 0, 2 * NOW)
        return len(found.get(("cam01", "main"), []))


def refusals(database: Database) -> list[str]:
    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act=audit.Act.FACT_REFUSED))
    return [str(row.detail["reason"]) for row in reversed(rows)]


def test_sites_of_a_province_are_registered_and_their_facts_are_their_own(
    ministry: FactTaker, database: Database
) -> None:
    """Names, unit and key come by the hub; facts are held against that key, each taken once."""
    province = Speaker(ministry, PROVINCE)
    province.says(site(SITE, units=("country", "unit-p", "unknown-here")))
    province.says(wires.RegisterTold(at=NOW, sites=1))
    province.carries(SITE, 0)
    province.carries(SITE, 0)

    assert spans(database, SITE) == 1
    assert (ministry.counts.repeated, ministry.counts.refused) == (1, 0)
    with database.reading() as connection:
        found = registry.site(connection, SITE)
        assert found is not None
        assert (found.title, found.public_key) == ("Cơ sở s", KEY[SITE].public)
        assert hubs.ways(connection)[SITE].hub == PROVINCE
        assert hubs.joined(connection)[PROVINCE].register_ns == NOW
        again = told.sites(connection, 0)
    assert [one.site for one in again] == [OWN], "a hub tells of its own sites alone"


def test_a_province_forges_nothing_of_a_site_and_speaks_for_no_other(
    ministry: FactTaker, database: Database
) -> None:
    """Each is refused by its name, and what was true before stays so."""
    province, other = Speaker(ministry, PROVINCE), Speaker(ministry, OTHER)
    province.says(site(SITE))
    other.says(site(FAR))
    own = keys.SigningKey(keys.new_seed())

    province.carries(SITE, 0, key=KEY[PROVINCE])  # in its site's name, with its own key
    province.carries(SITE, 1, key=own)
    province.says(site(SITE, own.public))  # and with a key that it names anew
    province.carries(SITE, 2, key=own)
    province.carries(FAR, 0, key=own)  # a site of another province
    province.carries(FAR, 1)  # genuine words of it, on a way that is not its own
    province.says(site(FAR, title="Của tôi"))
    province.says(site(OWN))  # a site of the ministry itself
    province.says(site(OTHER, own.public))  # by the id of a hub
    province.says(site("v" * 26, KEY[FAR].public))  # a site of its own by another's key
    province.says(wires.LinkTold(at=NOW, site=FAR, up=False, since=NOW, recorder=True,
                                 recorder_since=0, twice=False))  # fmt: skip
    forged = KEY[PROVINCE].envelope(OTHER, 9, 0, wires.encode_hub_fact(site("w" * 26, own.public)))
    province.passes(forged, str(wire.FactSubject(OTHER, OTHER, "site")))

    assert (spans(database, SITE), spans(database, FAR)) == (0, 0)
    assert ministry.counts.refused == 12
    with database.reading() as connection:
        assert {one.id for one in registry.sites(connection)} == {SITE, FAR, OWN}
        chain = site_keys.chain(connection, SITE)
        assert chain is not None
        assert chain.keys == (KEY[SITE].public,)
        assert told.told_links(connection) == {}
        titles = registry.titles(connection)
    assert titles[FAR] == "Cơ sở t"
    assert len(set(refusals(database))) >= 5
    province.carries(SITE, 3)
    other.carries(FAR, 3, through=OTHER)
    assert (spans(database, SITE), spans(database, FAR)) == (1, 1)


def test_a_key_that_a_site_announces_is_followed_whoever_tells_of_it(
    ministry: FactTaker, database: Database
) -> None:
    """The announcement comes by the hub's word before the site's facts, or among them."""
    province = Speaker(ministry, PROVINCE)
    province.says(site(SITE))
    new = keys.SigningKey(keys.new_seed())
    chain = keys.Chain(SITE, KEY[SITE].public)
    change = keys.announce(chain, KEY[SITE], new, epoch=2, at_ns=NOW)
    province.says(site(SITE, changes=(change,)))

    with database.reading() as connection:
        found = registry.site(connection, SITE)
        assert found is not None
        assert found.public_key == new.public
    assert ministry.counts.refused == 0


def test_a_code_for_a_hub_works_once_and_not_for_a_box(database: Database) -> None:
    """Another hub, another key of the same hub, and a box with a hub's code are refused."""
    join(database, PROVINCE)
    with database.writing() as connection:
        _, secret = hubs.issue(connection, "B", "unit-p", hours=1, by=BY, now_ns=NOW)
        with pytest.raises(Refused) as for_hub:
            hubs.check_for_box(connection, secret)
        stranger = keys.SigningKey(keys.new_seed())
        with pytest.raises(Refused) as key:
            hubs.found_for(
                connection, asks(PROVINCE, secret, key=stranger), own=MINISTRY, now_ns=NOW
            )
        with pytest.raises(Refused) as late:
            hubs.found_for(connection, asks(OTHER, secret), own=MINISTRY, now_ns=NOW + HOUR_NS)
        asked = asks(PROVINCE, secret)
        found = hubs.found_for(connection, asked, own=MINISTRY, now_ns=NOW)
        given = Given("control new", "media new", "sealed")
        void = hubs.admit(connection, found, asked, given, address="", now_ns=NOW)
        with pytest.raises(Refused) as used:
            hubs.found_for(connection, asks(OTHER, secret), own=MINISTRY, now_ns=NOW)
    said = [one.value.code for one in (for_hub, key, late, used)]
    assert said == ["for_hub", "other_key", "expired", "used"]
    assert void == (("control p", "media"),), "what it had before is void"


def test_a_hub_that_was_cut_off_opens_no_way(ministry: FactTaker, database: Database) -> None:
    """Its sites are asked no more and nothing of them is taken; what they had said stays."""
    province = Speaker(ministry, PROVINCE)
    province.says(site(SITE))
    province.carries(SITE, 0)
    with database.writing() as connection:
        code = hubs.joined(connection)[PROVINCE]
        hubs.cut_off(connection, code.id, reason="thử", by=BY, now_ns=NOW)
        assert hubs.ways(connection) == {}
    province.says(site("v" * 26, KEY[FAR].public))

    assert ministry.counts.refused == 1
    assert spans(database, SITE) == 1


def test_a_voucher_opens_one_hub_to_one_key() -> None:
    """What a box holds a grant of the ministry against: the word of its own hub, and no other."""
    above = KEY[MINISTRY].public
    said = vouching.vouch(KEY[PROVINCE], PROVINCE, above=MINISTRY, above_key=above)

    assert vouching.vouched(said, PROVINCE, (KEY[OTHER].public, KEY[PROVINCE].public)) == above
    assert vouching.vouched(said, PROVINCE, (KEY[OTHER].public,)) is None
    assert vouching.vouched(said, OTHER, (KEY[PROVINCE].public,)) is None
    swapped = said.replace(above, KEY[FAR].public)
    assert vouching.vouched(swapped, PROVINCE, (KEY[PROVINCE].public,)) is None
    assert vouching.vouched("x" * 5_000, PROVINCE, (KEY[PROVINCE].public,)) is None
    with pytest.raises(VonggacError):
        vouching.check_voucher(
            said, hub=PROVINCE, hub_key=KEY[PROVINCE].public, above=OTHER, above_key=above
        )
