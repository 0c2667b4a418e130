"""The one answer to "may this person do this to that, now": pure, and as the database knows it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import access, accounts, roles, units
from vonggac.domain.access import NOBODY, SYSTEM, Act, Held, Person, Thing, may, may_somewhere
from vonggac.domain.duties import act_words, duties, line_words
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW = int(dt.datetime(2026, 11, 18, 7, 32, 7, tzinfo=dt.UTC).timestamp()) * NS
DAY = 86_400 * NS
HOTEL = Thing("site", "s-hotel", ("vn", "p01", "c1"), "paid_hotel")
SCHOOL = Thing("site", "s-school", ("vn", "p01", "c2"), "civil")
BARRACKS = Thing("site", "s-barracks", ("vn", "p01", "c1"), "military")
ELSEWHERE = Thing("site", "s-far", ("vn", "p02", "c9"), "paid_hotel")
WATCH = frozenset((Act.FACILITY_SEE, Act.LIVE_VIEW, Act.PLAYBACK))


def person(*held: Held) -> Person:
    return Person("a1", "hoa", held)


def test_nothing_is_allowed_without_a_role() -> None:
    """Deny by default: a new account opens nothing but itself."""
    new = person()

    denied = [act for act in Act for thing in (HOTEL, SYSTEM) if may(new, act, thing, now_ns=NOW)]
    own = may(new, Act.OWN_ACCOUNT, access.thing_of_account("a1"), now_ns=NOW)
    other = may(new, Act.OWN_ACCOUNT, access.thing_of_account("a2"), now_ns=NOW)

    assert denied == []
    assert (own.allowed, own.why) == (True, "own")
    assert (other.allowed, other.why) == (False, "outside_scope")


def test_whoever_has_not_signed_in_may_do_nothing() -> None:
    """Not even see the name of a facility."""
    assert not any(may(NOBODY, act, HOTEL, now_ns=NOW) for act in Act)
    assert may(NOBODY, Act.FACILITY_SEE, HOTEL, now_ns=NOW).why == "not_signed_in"


def test_a_role_reaches_its_subtree_and_nothing_beside_it() -> None:
    """A province's officer sees the province."""
    officer = person(Held("centre_duty", WATCH, unit="p01"))

    assert may(officer, Act.LIVE_VIEW, HOTEL, now_ns=NOW)
    assert may(officer, Act.LIVE_VIEW, ELSEWHERE, now_ns=NOW).why == "outside_scope"
    assert may(officer, Act.CAMERA_EDIT, HOTEL, now_ns=NOW).why == "no_role"
    assert may(officer, Act.LIVE_VIEW, SYSTEM, now_ns=NOW).why == "outside_scope"


def test_tourism_sees_all_paid_hotels_and_no_barracks() -> None:
    """The example of the rules: a scope narrowed to an owning line."""
    tourism = person(Held("owning_body", WATCH, unit="p01", line="paid_hotel"))

    seen = [thing.id for thing in (HOTEL, SCHOOL, BARRACKS, ELSEWHERE)
            if may(tourism, Act.FACILITY_SEE, thing, now_ns=NOW)]  # fmt: skip

    assert seen == ["s-hotel"]


def test_military_pictures_are_opened_by_the_military_line_alone() -> None:
    """Others see name and counts, whatever their role and however wide its scope."""
    everything = person(Held("x", frozenset(Act)))
    command = person(Held("military_command", frozenset(Act), unit="p01", line="military"))

    allowed = {act for act in Act if may(everything, act, BARRACKS, now_ns=NOW)}
    refused = may(everything, Act.LIVE_VIEW, BARRACKS, now_ns=NOW)

    assert allowed == {Act.FACILITY_SEE, Act.REPORT_SEE}
    assert refused.why == "military_line"
    assert may(command, Act.LIVE_VIEW, BARRACKS, now_ns=NOW)
    assert not may(command, Act.FACILITY_SEE, HOTEL, now_ns=NOW)


def test_naming_a_military_site_does_not_open_it() -> None:
    """An administrator must not open barracks by naming them."""
    named = person(Held("site_duty", WATCH, sites=frozenset(("s-barracks",))))
    by_line = person(Held("site_duty", WATCH, line="military", sites=frozenset(("s-barracks",))))

    assert may(named, Act.LIVE_VIEW, BARRACKS, now_ns=NOW).why == "military_line"
    assert may(by_line, Act.LIVE_VIEW, BARRACKS, now_ns=NOW)


def test_a_role_counts_from_its_start_until_its_end() -> None:
    """To the nanosecond: the end is the first moment without it."""
    held = Held("centre_duty", WATCH, unit="p01", from_ns=NOW, to_ns=NOW + DAY)
    officer = person(held)

    answers = [may(officer, Act.LIVE_VIEW, HOTEL, now_ns=at).why
               for at in (NOW - 1, NOW, NOW + DAY - 1, NOW + DAY)]  # fmt: skip

    assert answers == ["not_in_time", "role", "role", "not_in_time"]


def test_a_purpose_that_the_role_does_not_serve_is_refused() -> None:
    """The designated enterprise looks for technical reasons only."""
    installer = person(
        Held("enterprise", WATCH, sites=frozenset(("s-hotel",)), purposes=frozenset(("technical",)))
    )

    def said(purpose: str | None) -> str:
        return may(installer, Act.LIVE_VIEW, HOTEL, now_ns=NOW, purpose=purpose).why

    assert [said("technical"), said("watch"), said(None)] == ["role", "wrong_purpose", "role"]
    assert may(installer, Act.LIVE_VIEW, SCHOOL, now_ns=NOW).why == "outside_scope"


def test_a_token_may_do_less_than_its_account_and_never_more() -> None:
    """`only` narrows; it gives nothing."""
    officer = replace(person(Held("x", WATCH)), only=frozenset((Act.FACILITY_SEE, Act.CAMERA_EDIT)))

    assert may(officer, Act.FACILITY_SEE, HOTEL, now_ns=NOW)
    assert may(officer, Act.LIVE_VIEW, HOTEL, now_ns=NOW).why == "narrowed"
    assert may(officer, Act.CAMERA_EDIT, HOTEL, now_ns=NOW).why == "no_role"
    assert not may_somewhere(officer, Act.LIVE_VIEW, now_ns=NOW)


def test_the_rules_have_words_for_every_act_and_line() -> None:
    """Who gives a role reads what it opens."""
    assert set(act_words()) == set(Act)
    assert set(line_words()) == {"military", "paid_hotel", "civil"}
    for duty in duties(dt.date(2026, 11, 18)).values():
        assert duty.name.vi, duty.code
        assert duty.name.en, duty.code
        assert duty.duty.vi, duty.code
        assert duty.source, duty.code
        assert Act.FACILITY_SEE in duty.acts or not duty.acts, duty.code
        assert Act.OWN_ACCOUNT not in duty.acts, "comes with the account, not with a role"
    assert duties(dt.date(2020, 1, 1)) == {}


def test_administrator_and_auditor_see_no_pictures() -> None:
    """Whoever gives rights, and whoever reads who looked, looks by another role."""
    pictures = {Act.LIVE_VIEW, Act.PLAYBACK, Act.SNAPSHOT, Act.DOWNLOAD, Act.PROBE, Act.EXPORT_TAKE}
    known = duties(dt.date(2026, 11, 18))

    assert pictures & known["administrator"].acts == set()
    assert pictures & known["auditor"].acts == set()


# -- as the database knows it ----------------------------------------------------------------


def _account(connection: Connection, name: str) -> str:
    connection.execute(
        tables.account.insert().values(
            id=f"id-{name}", name=name, password_hash="x", must_change=False, created_ns=NOW
        )
    )
    return f"id-{name}"


def _site(connection: Connection, name: str, unit: str, line: str = "civil") -> str:
    connection.execute(
        tables.site.insert().values(
            id=f"s-{name}", name=name, owner_line=line, unit_id=unit, created_ns=NOW
        )
    )
    return f"s-{name}"


def _unit(connection: Connection, parent: str | None, code: str) -> str:
    return units.add_unit(
        connection,
        parent_id=parent,
        kind="province",
        code=code,
        vi=f"Đơn vị {code}",
        en="",
        valid_from=dt.date(2025, 7, 1),
        source="",
    )


def test_the_first_account_does_everything_in_a_facility_of_one_person(database: Database) -> None:
    """An upgrade or a first start must not lock anybody out of what he did yesterday."""
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=NOW, password="mot mat khau dai")
        site = _site(connection, "sl-05", access.UNASSIGNED, "paid_hotel")
        account = connection.execute(sa.select(tables.account.c.id)).scalar_one()
        first = access.person_of(connection, account, NOW)
        thing = access.thing_of_site(connection, site)

    needed = (
        Act.LIVE_VIEW, Act.PLAYBACK, Act.SNAPSHOT, Act.DOWNLOAD, Act.PROBE, Act.DISCOVER,
        Act.CAMERA_EDIT, Act.LEDGER_SEE, Act.AUDIT_READ, Act.SYSTEM_SEE, Act.ROLES_EDIT,
    )  # fmt: skip
    assert thing.path == (access.UNASSIGNED,)
    assert [act for act in needed if not may(first, act, thing, now_ns=NOW)] == []
    assert may(first, Act.PEOPLE_EDIT, SYSTEM, now_ns=NOW)


def test_lists_show_the_sites_of_the_scope(database: Database) -> None:
    """`sites_for` is `may` over every site, with the units above each."""
    with database.writing() as connection:
        country = _unit(connection, None, "vn")
        province = _unit(connection, country, "01")
        commune = _unit(connection, province, "00070")
        other = _unit(connection, country, "02")
        for name, unit, line in (
            ("a-hotel", commune, "paid_hotel"),
            ("b-barracks", commune, "military"),
            ("c-school", province, "civil"),
            ("d-far", other, "paid_hotel"),
            ("e-new", access.UNASSIGNED, "civil"),
        ):
            _site(connection, name, unit, line)
        giver = roles.whoever_holds_the_machine(NOW)
        account = _account(connection, "hoa")
        roles.give(
            connection, giver, account, roles.Draft("centre_duty", "ca trực", unit=province),
            now_ns=NOW,
        )  # fmt: skip
        hoa = access.person_of(connection, account, NOW)
        path = access.thing_of_site(connection, "s-a-hotel").path
        seen = access.sites_for(connection, hoa, Act.FACILITY_SEE, NOW)
        watched = access.sites_for(connection, hoa, Act.LIVE_VIEW, NOW)
        later = access.sites_for(connection, hoa, Act.LIVE_VIEW, NOW - 1)

    assert path == (country, province, commune)
    assert seen == ["s-a-hotel", "s-b-barracks", "s-c-school"]
    assert watched == ["s-a-hotel", "s-c-school"]
    assert later == []


def test_a_disabled_account_is_nobody(database: Database) -> None:
    """Its roles stand in the table and open nothing."""
    with database.writing() as connection:
        account = _account(connection, "hoa")
        connection.execute(tables.account.update().values(disabled_ns=NOW))

        assert access.person_of(connection, account, NOW) == NOBODY
        assert access.person_of(connection, "nobody", NOW) == NOBODY


def test_things_that_there_are_not_are_not_found(database: Database) -> None:
    """A guessed id is answered like any other that does not exist."""
    with database.reading() as connection:
        for find in (access.thing_of_site, access.thing_of_unit, access.thing_of_camera):
            with pytest.raises(VonggacError, match="there is no such"):
                find(connection, "guess")
