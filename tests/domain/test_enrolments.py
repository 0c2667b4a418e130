"""Joining: one box, once, for one facility; each refusal by its name; old boxes stay verifiable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vonggac import keys, wire
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import audit, enrolments, ledger, registry, site_keys
from vonggac.domain.enrolments import HOUR_NS, Given, Issued, Refused
from vonggac.domain.exports import Someone
from vonggac.errors import Kind, VonggacError
from vonggac.keys import enrolment as proving
from vonggac.wire.enrolment import CLOCK_OFF_S, Code, EnrolOffer

if TYPE_CHECKING:
    from vonggac.db import Connection, Database
    from vonggac.keys.enrolment import Asked

NOW_NS = 1_794_987_127 * NS
BY = Someone("a1", "quan-tri", "Người cấp")
SITE, OTHER = "b" * 26, "c" * 26
HUB_ID = "h" * 26
HUB = keys.SigningKey(keys.new_seed())


@pytest.fixture
def hub(database: Database) -> Database:
    """A hub with two facilities without a box."""
    with database.writing() as connection:
        for site_id in (SITE, OTHER):
            connection.execute(
                tables.site.insert().values(
                    id=site_id, name=f"cs-{site_id[0]}", title="", address="",
                    unit_id="unassigned", owner_line="civil", retention_days=30, created_ns=NOW_NS,
                )
            )  # fmt: skip
    return database


class Box:
    """A box with a key of its own."""

    def __init__(self, site: str | None = None) -> None:
        self.key = keys.SigningKey(keys.new_seed())
        self.chain = keys.Chain(site or keys.new_id(), self.key.public)

    def asks(self, secret: str, *, at_ns: int = NOW_NS) -> Asked:
        """What the hub reads of its question."""
        code = Code.of("https://hub.example", secret, HUB.public)
        offer = EnrolOffer(1, HUB_ID, HUB.public, str(NOW_NS))
        body = proving.asked(code, offer, self.key, self.chain, version="0.1.0", at_ns=at_ns)
        return proving.opened(HUB, body)

    def fact(self, site: str, epoch: int, sequence: int = 0) -> wire.Envelope:
        """A fact that it signs."""
        payload = wire.encode_fact(wire.BoxStopped(at=NOW_NS))
        return self.key.envelope(site, epoch, sequence, payload)


def _issue(
    connection: Connection, *, replaces: bool = False, site: str = SITE, at: int = NOW_NS
) -> tuple[Issued, str]:
    return enrolments.issue(connection, site, hours=24, replaces=replaces, by=BY, now_ns=at)


def _join(
    connection: Connection, box: Box, secret: str, at: int = NOW_NS
) -> enrolments.Admitted | None:
    asked = box.asks(secret, at_ns=at)
    found = enrolments.found_for(connection, asked, now_ns=at)
    if found.answer is not None:
        return None
    admitted = enrolments.admit(connection, found, asked, now_ns=at)
    given = Given(f"control of {box.key.public}", "media", "sealed")
    enrolments.finish(connection, found, asked, given, address="192.0.2.7", now_ns=at)
    return admitted


def _refusal(connection: Connection, box: Box, secret: str, at: int = NOW_NS) -> str:
    with pytest.raises(Refused) as refused:
        enrolments.found_for(connection, box.asks(secret, at_ns=at), now_ns=at)
    return refused.value.code


def test_a_code_works_once_and_the_same_box_is_told_the_same(hub: Database) -> None:
    """A line that broke after the answer costs nothing; another box gets nothing."""
    box = Box()
    with hub.writing() as connection:
        issued, secret = _issue(connection)
        assert issued.state(NOW_NS) == "issued"
        admitted = _join(connection, box, secret)
        assert admitted is not None
        assert (admitted.site.id, admitted.site.public_key) == (SITE, box.key.public)
        assert (admitted.epoch, admitted.void) == (0, ())
        again = enrolments.found_for(connection, box.asks(secret), now_ns=NOW_NS + HOUR_NS)
        assert again.answer == "sealed"
        assert (again.used_address, again.used_version) == ("192.0.2.7", "0.1.0")
        assert _refusal(connection, Box(), secret) == "used"
        assert _refusal(connection, box, secret, NOW_NS + 25 * HOUR_NS) == "used"
        acts = [row.act for row in audit.rows(connection, audit.Filter(sites=[SITE]))]
        assert acts == ["site_enrolled", "enrolment_issued"]
        told = str([row.detail for row in audit.rows(connection, audit.Filter())])
        assert secret not in told


def test_two_boxes_that_ask_in_one_moment_do_not_both_join(hub: Database) -> None:
    """Both processes of a hub may have read the code before either wrote: the database decides."""
    one, other = Box(), Box()
    with hub.writing() as connection:
        _, secret = _issue(connection)
        asked = other.asks(secret)
        read_before = enrolments.found_for(connection, asked, now_ns=NOW_NS)
        _join(connection, one, secret)
        given = Given("C", "M", "{}")
        with pytest.raises(Refused) as refused:
            enrolments.finish(
                connection, read_before, asked, given, address="192.0.2.8", now_ns=NOW_NS
            )

        assert refused.value.code == "used"
        assert enrolments.one(connection, read_before.id).used_key == one.key.public


def test_each_refusal_has_its_name(hub: Database) -> None:
    """Whoever stands at the site must know what to ask for."""
    with hub.writing() as connection:
        first, taken_back = _issue(connection)
        enrolments.take_back(connection, first.id, by=BY, now_ns=NOW_NS)
        assert _refusal(connection, Box(), taken_back) == "revoked"
        _, secret = _issue(connection)
        assert _refusal(connection, Box(), "a" * 16) == "unknown"
        assert _refusal(connection, Box(), secret, NOW_NS + 24 * HOUR_NS) == "expired"
        far = Box().asks(secret, at_ns=NOW_NS + (CLOCK_OFF_S + 1) * NS)
        with pytest.raises(Refused) as refused:
            enrolments.found_for(connection, far, now_ns=NOW_NS)
        assert (refused.value.code, refused.value.detail["off_s"]) == ("clock", CLOCK_OFF_S + 1)
        _, elsewhere = _issue(connection, site=OTHER)
        box = Box()
        _join(connection, box, elsewhere)
        assert _refusal(connection, box, secret) == "serves_other"
        _, later = _issue(connection)
        assert _refusal(connection, Box(), secret) == "revoked"
        _join(connection, Box(), later)
        with pytest.raises(VonggacError) as error:
            enrolments.take_back(connection, first.id, by=BY, now_ns=NOW_NS)
        assert error.value.kind is Kind.CONFLICT


def test_a_box_that_takes_another_s_place_needs_a_code_that_says_so(hub: Database) -> None:
    """Else a code that lay around would throw a working box out."""
    with hub.writing() as connection:
        _, secret = _issue(connection)
        _join(connection, Box(), secret)
        with pytest.raises(VonggacError) as refused:
            _issue(connection)
        assert refused.value.detail["code"] == "has_box"


def test_what_a_dead_box_signed_is_verified_for_ever_and_nothing_after_it(hub: Database) -> None:
    """The new box begins a chain of its own, above the lives of the old one."""
    dead, fresh = Box(), Box()
    with hub.writing() as connection:
        _join(connection, dead, _issue(connection)[1])
        old = dead.fact(SITE, 7)
        ledger.take_fact(connection, SITE, 7, 0, "box_stopped", as_of_ns=NOW_NS, received_ns=NOW_NS)
        at = NOW_NS + HOUR_NS
        admitted = _join(connection, fresh, _issue(connection, replaces=True, at=at)[1], at)
        assert admitted is not None
        assert admitted.epoch == 7
        assert admitted.void == ((f"control of {dead.key.public}", "media"),)
        chain = site_keys.chains(connection)[SITE]
        assert chain.verify(old).envelope == old
        assert chain.verify(fresh.fact(SITE, 8)).envelope.epoch == 8
        for forged in (dead.fact(SITE, 8), fresh.fact(SITE, 7)):
            with pytest.raises(VonggacError) as refused:
                chain.verify(forged)
            assert refused.value.kind is Kind.CORRUPT
        assert chain.key_at((7, 9)) == dead.key.public
        assert site_keys.arrived(connection)[SITE] == (7, site_keys.LAST)
        assert site_keys.key_at(connection, SITE, NOW_NS) == dead.key.public
        assert site_keys.key_at(connection, SITE, None) == fresh.key.public
        (before,) = enrolments.earlier(connection, SITE)
        assert (before.first, before.why, before.epoch) == (dead.key.public, "replaced", 7)
        states = [one.state(at) for one in enrolments.of_site(connection, SITE)]
        assert states == ["used", "ended"]


def test_a_box_that_is_cut_off_signs_nothing_more(hub: Database) -> None:
    """Its credentials are named for the bus, and no key of the facility passes any more."""
    box = Box()
    with hub.writing() as connection:
        _, secret = _issue(connection)
        _join(connection, box, secret)
        ledger.take_fact(connection, SITE, 3, 0, "box_stopped", as_of_ns=NOW_NS, received_ns=NOW_NS)
        with pytest.raises(VonggacError):
            enrolments.cut_off(connection, SITE, reason=" ", by=BY, now_ns=NOW_NS)
        void = enrolments.cut_off(connection, SITE, reason="mất trộm", by=BY, now_ns=NOW_NS)
        assert void == ((f"control of {box.key.public}", "media"),)
        assert _refusal(connection, box, secret) == "ended"
        chain = site_keys.chains(connection)[SITE]
        chain.verify(box.fact(SITE, 3))
        with pytest.raises(VonggacError):
            chain.verify(box.fact(SITE, 4))
        site = registry.site(connection, SITE)
        assert site is not None
        assert site.public_key is None
        with pytest.raises(VonggacError) as refused:
            enrolments.cut_off(connection, SITE, reason="x", by=BY, now_ns=NOW_NS)
        assert refused.value.detail["code"] == "no_box"
        assert _join(connection, Box(), _issue(connection)[1]) is not None


def test_a_box_that_changed_its_key_joins_again_with_its_whole_chain(hub: Database) -> None:
    """Cut off, or lost its credentials: it is the same box, and each key signs what was its own."""
    box = Box(SITE)
    first, changed = box.key, keys.SigningKey(keys.new_seed())
    with hub.writing() as connection:
        _join(connection, box, _issue(connection)[1])
        told = keys.announce(box.chain, first, changed, epoch=5, at_ns=NOW_NS)
        box.key, box.chain = changed, box.chain.follow(told)
        admitted = _join(connection, box, _issue(connection, replaces=True)[1])
        assert admitted is not None
        assert admitted.site.public_key == changed.public
        chain = site_keys.chains(connection)[SITE]
        assert (chain.keys, chain.earlier) == ((first.public, changed.public), ())
        enrolments.cut_off(connection, SITE, reason="đổi chỗ", by=BY, now_ns=NOW_NS)
        admitted = _join(connection, box, _issue(connection)[1])
        assert admitted is not None
        assert site_keys.chains(connection)[SITE].keys == (first.public, changed.public)


def test_the_hub_of_a_box_follows_it_to_the_id_of_its_facility(hub: Database) -> None:
    """What was entered at the box before it joined stays with the facility."""
    box = Box(SITE)
    new = "n" * 26
    with hub.writing() as connection:
        site_keys.pin(connection, box.chain)
        connection.execute(
            tables.camera.insert().values(
                id="d" * 26, site_id=SITE, name="cam1", title="", zone="CG",
                main_url="rtsp://127.0.0.1/a", created_ns=NOW_NS, origin="page", revision=1,
                updated_ns=NOW_NS,
            )
        )  # fmt: skip
        enrolments.adopt(connection, keys.Chain(new, box.key.public), now_ns=NOW_NS)
        assert registry.site(connection, SITE) is None
        assert [one.id for one in registry.cameras(connection, new)] == ["d" * 26]
        enrolments.adopt(connection, keys.Chain(new, box.key.public), now_ns=NOW_NS)
        assert len(registry.sites(connection)) == 2
