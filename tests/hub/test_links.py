"""How sites below are joined: what stands on while a link is up, and what a cut takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from hub_stage import stage
from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import below, board_days, continuity_sums, ledger, links
from vonggac.domain.links import STALE_NS, Link

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.db import Database

X, Y = "c" * 26, "d" * 26
T0 = 1_800_000_000 * NS
CAMERA = ledger.Stream(X, "cam01")


def recording(database: Database, site: str, as_of_ns: int) -> None:
    with database.writing() as connection:
        stream = ledger.Stream(site, "cam01")
        ledger.put_state(connection, stream, ledger.State("recording", T0, None, as_of_ns, {}))


def put(database: Database, link: Link, now_ns: int, site: str = X) -> None:
    with database.writing() as connection:
        links.put(connection, site, link, now_ns=now_ns)


def known(database: Database, site: str = X) -> tuple[ledger.SiteState, int]:
    with database.reading() as connection:
        found = ledger.site_state(connection, site)
        assert found is not None
        return found, ledger.states(connection, site)["cam01", "main"].as_of_ns


def test_what_a_site_was_doing_stands_on_while_its_link_is_up(database: Database) -> None:
    """Nothing changes for hours, and nothing crosses the line; only caught-up sites stand on."""
    for site in (X, Y):
        recording(database, site, T0)
        put(database, Link(up=True, since_ns=T0), T0, site)

    with database.writing() as connection:
        links.stand(connection, [X], until_ns=T0 + 3600 * NS, now_ns=T0 + 3603 * NS)

    state, as_of_ns = known(database)
    assert (state.as_of_ns, as_of_ns) == (T0 + 3600 * NS, T0 + 3600 * NS)
    assert known(database, Y)[1] == T0


def test_a_cut_takes_back_what_a_frozen_link_had_let_stand(database: Database) -> None:
    """The server notices within 13 s: until then the hub believed what nobody said any more."""
    recording(database, X, T0)
    put(database, Link(up=True, since_ns=T0), T0)
    with database.writing() as connection:
        links.stand(connection, [X], until_ns=T0 + 98 * NS, now_ns=T0 + 100 * NS)

    put(database, Link(up=False, since_ns=T0 + 100 * NS), T0 + 101 * NS)

    state, as_of_ns = known(database)
    assert as_of_ns == T0 + 100 * NS - STALE_NS
    assert (state.lost_ns, state.reachable_since_ns) == (T0 + 100 * NS, None)
    found = links.link_of(state.detail)
    assert found is not None
    assert (found.up, found.recorder) == (False, True)


def test_a_recorder_that_stopped_is_another_thing_than_a_link(database: Database) -> None:
    """Its link stands; when it listens again, and nothing else, the site is reached again."""
    recording(database, X, T0)
    put(database, Link(up=True, since_ns=T0), T0)
    stopped = Link(up=True, since_ns=T0, recorder=False, recorder_since_ns=T0 + 50 * NS)

    put(database, stopped, T0 + 50 * NS)
    state, _ = known(database)
    found = links.link_of(state.detail)
    assert found is not None
    assert (found.up, found.recorder, state.lost_ns) == (True, False, T0 + 50 * NS)

    put(database, Link(up=True, since_ns=T0, recorder_since_ns=T0 + 90 * NS), T0 + 90 * NS)
    state, _ = known(database)
    assert (state.lost_ns, state.reachable_since_ns) == (None, T0 + 90 * NS)


def test_a_late_fact_does_not_bring_a_site_back_that_is_cut_off(database: Database) -> None:
    """What a site said before it was cut off may be taken afterwards: its link is still down."""
    recording(database, X, T0)
    cut = Link(up=False, since_ns=T0 + 100 * NS)
    put(database, cut, T0 + 101 * NS)
    with database.writing() as connection:
        ledger.put_site_state(
            connection, X, as_of_ns=T0 + 60 * NS, heard_ns=T0 + 102 * NS, detail={"version": "1"}
        )

    put(database, cut, T0 + 103 * NS)

    state, _ = known(database)
    assert (state.lost_ns, state.detail["version"]) == (T0 + 100 * NS, "1")


def test_what_stands_on_is_written_once_a_site_and_read_everywhere(database: Database) -> None:
    """At 40,000 cameras a row of each stream every 3 s would be all that the database does."""
    recording(database, X, T0)
    put(database, Link(up=True, since_ns=T0), T0)
    until_ns = T0 + 3600 * NS
    with database.writing() as connection:
        connection.execute(tables.site.insert().values(id=X, name="x", created_ns=T0))
        told = below.Told("cam01", "Hành lang", "HL")
        below.follow(connection, X, told, now_ns=T0)
        ledger.describe_stream(connection, ledger.Stream(X, "cam02", "main"), {"codec": "avc1"})
        links.stand(connection, [X], until_ns=until_ns, now_ns=until_ns + 3 * NS)
        written = connection.execute(sa.select(tables.state.c.as_of_ns)).scalars().all()
        sums = continuity_sums.of_sites(connection, [X], (T0, until_ns + NS))
        states = ledger.states(connection, X)
        day = board_days.days(connection, [X], now_ns=until_ns + NS)[X]

    assert sorted(written) == [0, T0]
    assert sums[X].recorded_ns == 3600 * NS
    assert sum(slot.recorded_ns for slot in day.slots) == 3600 * NS
    assert states["cam02", "main"].as_of_ns == 0, "of what said nothing yet nothing stands"


async def test_the_bus_says_whether_a_recorder_listens(tmp_path: Path) -> None:
    """Nothing comes from the site for it: only the server answers, when it knows of no listener."""
    async with stage(tmp_path) as hub:
        assert not await hub.site.listens()
        box = await hub.box()
        assert await hub.site.listens()
        await box.stop()
        assert not await hub.site.listens()
