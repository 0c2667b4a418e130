"""Facts and boxes of many sites at one hub: each by its own keys, and none in another's name."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from vonggac import bus, keys, wire
from vonggac.clock import NS, SimulatedClock
from vonggac.config import Config, Secret, SiteConfig
from vonggac.db import tables
from vonggac.domain import audit, ledger, registry, rules
from vonggac.errors import Kind, VonggacError
from vonggac.hub.auditing import anchor_name
from vonggac.hub.facts import FactTaker, Tier
from vonggac.hub.site import Site
from vonggac.hub.sites import Sites

if TYPE_CHECKING:
    from vonggac.db import Database

HUB, OWN, X, Y, NOBODY = "a" * 26, "b" * 26, "c" * 26, "d" * 26, "e" * 26
T0 = 1_800_000_000 * NS
RUN = "1" * 32
KEYS = {
    site: keys.SigningKey(Secret(chr(ord("A") + number) + "Q" * 41 + "A"))
    for number, site in enumerate((OWN, X, Y))
}
UPPER = keys.SigningKey(Secret("Z" + "Q" * 41 + "A")).public


@pytest.fixture
def upper(database: Database) -> FactTaker:
    """A hub without a box, which three sites were enrolled at."""
    for number, (site, key) in enumerate(KEYS.items()):
        config = Config(data_dir="/nowhere", site=SiteConfig(name=f"sl-{number}"))
        with database.writing() as connection:
            registry.ensure_site(connection, config, site_id=site, public_key=key.public, now_ns=T0)
    return FactTaker(database, SimulatedClock(T0), Tier(anchors=anchor_name(UPPER, own="")))


def delivery(
    site: str, sequence: int, fact: wire.Fact, *, epoch: int = 1,
    key: keys.SigningKey | None = None, on: str | None = None,
) -> bus.Delivery:  # fmt: skip
    envelope = (key or KEYS[site]).envelope(site, epoch, sequence, wire.encode_fact(fact))
    subject = wire.FactSubject(HUB, on or site, wire.fact_kind(fact), fact.about)
    return bus.Delivery(str(subject), wire.encode_envelope(envelope), sequence + 1, sequence + 1, 0)


def span(from_s: int, to_s: int) -> wire.SpanClosed:
    return wire.SpanClosed(
        at=T0 + to_s * NS, camera="cam01", stream="main", run=RUN, from_=T0 + from_s * NS,
        to=T0 + to_s * NS, pictures=25, bytes=1000,
    )  # fmt: skip


def spans(database: Database, site: str) -> list[tuple[int, int]]:
    with database.reading() as connection:
        found = ledger.spans_between(connection, site, 0, 2 * T0).get(("cam01", "main"), [])
    return [((one.from_ns - T0) // NS, (one.to_ns - T0) // NS) for one in found]


def alarms(database: Database) -> list[tuple[str | None, str]]:
    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act=audit.Act.FACT_REFUSED))
    return [(row.site, str(row.detail["reason"])) for row in reversed(rows)]


def test_facts_of_many_sites_are_each_held_against_their_own_keys(
    upper: FactTaker, database: Database
) -> None:
    """One batch brings both, the same cameras and numbers in each: none is taken for another's."""
    batch = [
        delivery(X, 0, span(0, 10)),
        delivery(Y, 0, span(20, 30)),
        delivery(X, 1, span(40, 50)),
    ]

    upper.apply(batch)
    upper.apply(batch)

    assert (spans(database, X), spans(database, Y)) == ([(0, 10), (40, 50)], [(20, 30)])
    assert (upper.counts.applied, upper.counts.repeated, upper.counts.refused) == (3, 3, 0)


@pytest.mark.parametrize(
    ("forged", "site", "said"),
    [
        (lambda: delivery(Y, 5, span(0, 10), key=KEYS[X]), Y, "signature"),
        (lambda: delivery(Y, 5, span(0, 10), on=X), X, "subject of another"),
        (lambda: delivery(X, 5, span(0, 10), on=Y), Y, "subject of another"),
        (lambda: delivery(NOBODY, 5, span(0, 10), key=KEYS[X]), None, "not enrolled"),
        (lambda: delivery(NOBODY, 5, span(0, 10), key=KEYS[X], on=X), X, "not enrolled"),
        (lambda: delivery(X, 5, span(0, 10), epoch=0), X, "ended life"),
        (lambda: delivery(X, 0, span(0, 99)), X, "key of a box is used twice"),
    ],
    ids=["others-key", "under-x", "under-y", "unknown", "unknown-under-x", "old-epoch", "clone"],
)
def test_a_fact_in_anothers_name_is_refused_counted_and_an_alarm(
    upper: FactTaker, database: Database, forged: object, site: str | None, said: str
) -> None:
    """A hostile site can have any subject and any bytes sourced upward; it has only its own key."""
    upper.apply([delivery(X, 0, span(60, 70)), delivery(Y, 0, span(60, 70))])

    upper.apply([forged(), delivery(Y, 1, span(80, 90))])  # type: ignore[operator]

    assert spans(database, X) == [(60, 70)]
    assert spans(database, Y) == [(60, 70), (80, 90)]
    assert (upper.counts.refused, upper.counts.refused_of[site or "-"]) == (1, 1)
    ((about, reason),) = alarms(database)
    assert about == (site or "")
    assert said in reason


def test_cameras_below_come_into_the_register_by_themselves(
    upper: FactTaker, database: Database
) -> None:
    """The same name at two sites is two cameras; one that leaves and comes back stays the same."""

    def told(site: str, sequence: int, *, title: str, in_service: bool = True) -> bus.Delivery:
        fact = wire.CameraDescribed(
            at=T0, camera="cam01", title=title, zone="HL", streams=("main", "sub"),
            in_service=in_service,
        )  # fmt: skip
        return delivery(site, sequence, fact)

    def known(site: str) -> list[tuple[str, str, str]]:
        with database.reading() as connection:
            found = registry.cameras(connection, site)
        return [(camera.id, camera.title, camera.main_url) for camera in found]

    upper.apply([told(X, 0, title="Tầng 1"), told(Y, 0, title="Tầng 2")])
    assert known(X) == [("cam01", "Tầng 1", "")]
    ((other, title, _),) = known(Y)
    assert (other != "cam01", title) == (True, "Tầng 2")

    upper.apply([told(Y, 1, title="Tầng 2", in_service=False)])
    assert known(Y) == []
    upper.apply([told(Y, 2, title="Tầng 2, đông")])
    assert known(Y) == [(other, "Tầng 2, đông", "")]


@pytest.mark.parametrize(("zone", "title"), [("", ""), ("HL", "Trong phòng 203")])
def test_a_camera_where_none_may_hang_stays_out_of_the_register(
    upper: FactTaker, database: Database, zone: str, title: str
) -> None:
    """Whatever the site's own register says: nobody here sees it, and the access log says why."""
    code = zone or rules.placement(date(2026, 11, 22)).forbidden[0].code

    def told(sequence: int, zone: str, title: str) -> bus.Delivery:
        fact = wire.CameraDescribed(
            at=T0, camera="cam01", title=title, zone=zone, streams=("main",)
        )
        return delivery(X, sequence, fact)

    def known() -> int:
        with database.reading() as connection:
            return len(registry.cameras(connection, X))

    upper.apply([told(0, code, title), told(1, code, title)])
    assert known() == 0
    upper.apply([told(2, "HL", "Tầng 1")])
    assert known() == 1
    upper.apply([told(3, code, title)])
    assert known() == 0
    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act=audit.Act.FACT_REFUSED))
    assert [(row.thing, row.site, row.detail["zone"]) for row in rows] == [("cam01", X, code)]


def test_the_own_box_says_nothing_that_the_register_does_not_know(database: Database) -> None:
    """On the hub of the box's own machine the register is the truth, and the box follows it."""
    config = Config(data_dir="/nowhere", site=SiteConfig(name="sl-0"))
    with database.writing() as connection:
        registry.ensure_site(
            connection, config, site_id=OWN, public_key=KEYS[OWN].public, now_ns=T0
        )
    fact = wire.CameraDescribed(at=T0, camera="cam01", title="", zone="HL", streams=("main",))

    FactTaker(database, SimulatedClock(T0), Tier(own=OWN)).apply([delivery(OWN, 0, fact)])

    with database.reading() as connection:
        assert registry.cameras(connection, OWN) == []


def test_every_tier_takes_its_own_anchors_alone(upper: FactTaker, database: Database) -> None:
    """All tiers read one ledger: another's row and hash held against this audit would accuse it."""

    def anchored(sequence: int, name: str) -> bus.Delivery:
        fact = wire.Anchored(at=T0 + sequence, what="audit", digest="ab" * 32, row=1, name=name)
        return delivery(X, sequence, fact)

    upper.apply([anchored(0, ""), anchored(1, "another hub"), anchored(2, UPPER)])

    with database.reading() as connection:
        kept = [wire.decode_envelope(one) for _, one in audit.anchor_envelopes(connection)]
    assert [envelope.sequence for envelope in kept] == [2]
    assert Tier(own=OWN).is_anchor_of_ours(OWN, "")
    assert not Tier(own=OWN).is_anchor_of_ours(X, "")


def test_a_hub_asks_the_boxes_that_are_enrolled_and_no_others(
    upper: FactTaker, database: Database
) -> None:
    """Enrolled, given another key or revoked a moment ago: it is known as it is now."""
    own = Site(None, None, None, site_id=OWN, public_key=KEYS[OWN].public)  # type: ignore[arg-type]
    sites = Sites(None, None, None, own=own)  # type: ignore[arg-type]
    with database.reading() as connection:
        assert [site.id for site in sites.every(connection)] == [OWN, X, Y]
        assert sites.look(connection, OWN) is own
        first = sites.look(connection, X)
        assert sites.of(X) is first
        with pytest.raises(VonggacError) as unknown:
            sites.look(connection, NOBODY)
    assert unknown.value.kind is Kind.UNAVAILABLE

    with database.writing() as connection:
        of_x = tables.site.update().where(tables.site.c.id == X)
        connection.execute(of_x.values(public_key=KEYS[Y].public))
    with database.reading() as connection:
        assert sites.look(connection, X).public_key == KEYS[Y].public
    with database.writing() as connection:
        connection.execute(of_x.values(public_key=None))
    with database.reading() as connection:
        assert not sites.reaches(connection, X)
        with pytest.raises(VonggacError):
            sites.look(connection, X)
    with pytest.raises(VonggacError):
        sites.of(X)
