"""What this hub sees of those below becomes alarms: counted, taken on by a person, never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub_stage import SITE_ID
from vonggac import bus
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import alarms, audit, links
from vonggac.domain.alarms import AGAIN_NS, DAY_NS, Alarm
from vonggac.domain.exports import Someone
from vonggac.domain.links import Link
from vonggac.errors import Kind, VonggacError
from vonggac.hub import alarming

if TYPE_CHECKING:
    from vonggac.db import Database

T = 1_800_000_000 * NS
BY = Someone("", "truong", "Cán bộ trực")


def sounded(database: Database, kind: Alarm, *times: int, evidence: str = "seen") -> None:
    with database.writing() as connection:
        for now_ns in times:
            alarms.sound(connection, kind, SITE_ID, evidence=evidence, now_ns=now_ns)


def every(database: Database) -> list[alarms.Raised]:
    with database.reading() as connection:
        return alarms.listed(connection, [SITE_ID, ""])


def test_the_same_thing_again_counts_up_and_a_flood_does_not(database: Database) -> None:
    """A hostile site sends thousands of facts a second; a person reads one line."""
    sounded(database, Alarm.FORGED, T, T + 1, T + AGAIN_NS, evidence="one")
    sounded(database, Alarm.CLONE, T)
    (clone, forged) = sorted(every(database), key=lambda one: one.kind)

    assert (forged.times, forged.first_ns, forged.last_ns) == (2, T, T + AGAIN_NS)
    assert (clone.times, clone.is_open) == (1, True)


def test_an_alarm_is_taken_on_once_by_a_named_person_and_raised_anew_later(
    database: Database,
) -> None:
    """Who did what stands in the access log; what happens again afterwards is not overlooked."""
    sounded(database, Alarm.CLONE, T)
    (one,) = every(database)
    with database.writing() as connection:
        with pytest.raises(VonggacError) as silent:
            alarms.take(connection, one.id, note="  ", by=BY, now_ns=T + NS)
        taken = alarms.take(connection, one.id, note="đã gọi cơ sở", by=BY, now_ns=T + NS)
        with pytest.raises(VonggacError) as twice:
            alarms.take(connection, one.id, note="tôi nữa", by=BY, now_ns=T + 2 * NS)
        (row,) = audit.rows(connection, audit.Filter(act=audit.Act.ALARM_TAKEN))
        assert alarms.count_open(connection, [SITE_ID]) == 0
    sounded(database, Alarm.CLONE, T + 3 * NS)

    assert silent.value.detail["fields"] == {"note": "required"}
    assert (taken.taken_name, taken.note, taken.is_open) == ("truong", "đã gọi cơ sở", False)
    assert twice.value.detail["code"] == "alarm_taken"
    assert (row.site, row.purpose, row.detail["times"]) == (SITE_ID, "đã gọi cơ sở", 1)
    assert [item.is_open for item in every(database)] == [True, False]


@pytest.mark.parametrize(
    ("kind", "site_id", "alarm"),
    [
        (Kind.CORRUPT, SITE_ID, True),
        (Kind.CORRUPT, "", True),
        (Kind.FORBIDDEN, SITE_ID, True),
        (Kind.FORBIDDEN, "", False),
        (Kind.BAD_INPUT, SITE_ID, False),
    ],
)
def test_a_fact_under_a_wrong_signature_is_an_alarm_and_an_unreadable_one_is_none(
    database: Database, kind: Kind, site_id: str, *, alarm: bool
) -> None:
    """What a newer box says and this program cannot read is no attack."""
    with database.writing() as connection:
        alarming.of_fact(connection, VonggacError(kind, "why"), site_id, 7, now_ns=T)

    found = [(one.kind, one.site_id, one.evidence) for one in every(database)]
    assert found == ([("forged", site_id, "why (7)")] if alarm else [])


def test_two_machines_of_one_key_are_an_alarm_with_both_addresses(database: Database) -> None:
    """Whoever drives there needs to know where the other one is."""
    link = bus.Link(SITE_ID, "U", bus.Account.CONTROL, "x", "10.0.0.1", T, None)
    with database.writing() as connection:
        for what, why in ((bus.What.CLONE, "10.0.0.2"), (bus.What.IMPOSTOR, "other")):
            alarming.of_link(connection, bus.Change(what, link, T, why), now_ns=T)

    assert {one.kind: one.evidence for one in every(database)} == {
        "clone": "10.0.0.1; 10.0.0.2",
        "impostor": "10.0.0.1; other",
    }


def test_a_site_that_is_silent_for_longer_than_its_recordings_are_kept_is_an_alarm_once(
    database: Database,
) -> None:
    """Before that nothing is lost; after somebody took it on, the same silence says nothing new."""
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(id=SITE_ID, name="s", retention_days=30, created_ns=T)
        )
        links.put(connection, SITE_ID, Link(up=True, since_ns=T), now_ns=T)
        links.put(connection, SITE_ID, Link(up=False, since_ns=T), now_ns=T)
        early = alarms.silent(connection, now_ns=T + 30 * DAY_NS)
        late = alarms.silent(connection, now_ns=T + 31 * DAY_NS)
        (one,) = alarms.listed(connection, [SITE_ID])
        alarms.take(connection, one.id, note="đã đi xem", by=BY, now_ns=T + 31 * DAY_NS)
        again = alarms.silent(connection, now_ns=T + 33 * DAY_NS)

    assert (early, late, again) == (0, 1, 0)
    assert (one.kind, one.evidence) == ("silent", "silent for 31 days")


def test_a_great_sites_ledger_is_full_before_its_recordings_go() -> None:
    """Our reckoning: 100 cameras make 4 MB of facts a day, and a site keeps 1 GiB of them."""
    assert alarms.silence_ns(30, 20) == 30 * DAY_NS
    assert alarms.silence_ns(400, 100) == 268 * DAY_NS
