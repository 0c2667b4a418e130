"""Facts from below: verified, applied once, in order; the rest refused and told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bus_stand import standing
from vonggac import bus, keys, wire
from vonggac.causes import Cause
from vonggac.clock import NS, SimulatedClock
from vonggac.config import Config, Secret, SiteConfig
from vonggac.domain import audit, ledger, picture_faults, registry
from vonggac.hub import facts
from vonggac.hub.facts import FactTaker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vonggac.db import Database

HUB = "a" * 26
SITE = "b" * 26
OTHER = "c" * 26
HOUR = 3600 * NS
T0 = 1_800_000_000 * NS
RUN = "1" * 32
KEY = keys.SigningKey(Secret("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
THIEF = keys.SigningKey(Secret("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))


@pytest.fixture
def hub(database: Database) -> FactTaker:
    enrol(database, SITE, KEY)
    return FactTaker(database, SimulatedClock(T0))


def enrol(database: Database, site: str, key: keys.SigningKey) -> None:
    config = Config(data_dir="/nowhere", site=SiteConfig(name="sl-05"))
    with database.writing() as connection:
        registry.ensure_site(connection, config, site_id=site, public_key=key.public, now_ns=T0)


def delivery(
    sequence: int,
    fact: wire.Fact,
    *,
    epoch: int = 0,
    key: keys.SigningKey = KEY,
    site: str = SITE,
    subject_site: str | None = None,
) -> bus.Delivery:
    envelope = key.envelope(site, epoch, sequence, wire.encode_fact(fact))
    subject = wire.FactSubject(HUB, subject_site or site, wire.fact_kind(fact), fact.about)
    return bus.Delivery(str(subject), wire.encode_envelope(envelope), sequence + 1, sequence + 1, 0)


def span(from_s: int, to_s: int) -> wire.SpanClosed:
    return wire.SpanClosed(
        at=T0 + to_s * NS,
        camera="cam01",
        stream="main",
        run=RUN,
        from_=T0 + from_s * NS,
        to=T0 + to_s * NS,
        pictures=25,
        bytes=1000,
    )


def spans(database: Database) -> list[tuple[int, int]]:
    with database.reading() as connection:
        found = ledger.spans_between(connection, SITE, 0, 2 * T0)
    return [
        ((one.from_ns - T0) // NS, (one.to_ns - T0) // NS)
        for one in found.get(("cam01", "main"), [])
    ]


def apply(hub: FactTaker, *deliveries: bus.Delivery) -> None:
    hub.apply(deliveries)


def refusals(database: Database) -> list[str]:
    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act="fact_refused"))
    return [str(row.detail["reason"]) for row in rows]


def test_a_fact_is_applied_once_however_often_it_comes(hub: FactTaker, database: Database) -> None:
    """JetStream delivers at least once; the ledger must not count a minute twice."""
    apply(hub, delivery(0, span(0, 10)), delivery(1, span(20, 30)))
    apply(hub, delivery(0, span(0, 10)), delivery(1, span(20, 30)), delivery(2, span(40, 50)))

    assert spans(database) == [(0, 10), (20, 30), (40, 50)]
    assert (hub.counts.applied, hub.counts.repeated, hub.counts.refused) == (3, 2, 0)


def test_the_same_number_with_other_words_does_not_replace_the_first(
    hub: FactTaker, database: Database
) -> None:
    """Even the site's own key cannot rewrite what was taken."""
    apply(hub, delivery(0, span(0, 10)), delivery(0, span(0, 99)))

    assert spans(database) == [(0, 10)]


def test_a_new_epoch_numbers_from_the_beginning(hub: FactTaker, database: Database) -> None:
    apply(hub, delivery(0, span(0, 10)), delivery(0, span(20, 30), epoch=1))

    assert spans(database) == [(0, 10), (20, 30)]


def test_a_forged_fact_is_refused_counted_and_told(hub: FactTaker, database: Database) -> None:
    """NATS checks subjects, not payloads: whoever publishes there still needs the site's key."""
    apply(hub, delivery(0, span(0, 10), key=THIEF), delivery(0, span(20, 30)))

    assert spans(database) == [(20, 30)]
    assert hub.counts.refused == 1
    assert refusals(database) == ["a fact's signature is not the site's"]


def test_a_fact_of_one_site_on_anothers_subject_is_refused(
    hub: FactTaker, database: Database
) -> None:
    """A hostile site can put another's subject into its own stream (tried, design D6)."""
    enrol(database, OTHER, THIEF)

    apply(
        hub,
        delivery(0, span(0, 10), key=THIEF, site=OTHER, subject_site=SITE),
        delivery(1, span(0, 10), key=THIEF, site=SITE),
    )

    assert spans(database) == []
    assert hub.counts.refused == 2


def test_an_unknown_site_is_refused(hub: FactTaker, database: Database) -> None:
    apply(hub, delivery(0, span(0, 10), site=OTHER))

    assert refusals(database) == ["a fact of a site that is not enrolled here"]


def test_bytes_that_are_no_envelope_stop_nothing(hub: FactTaker, database: Database) -> None:
    """One bad message must not hold up the ledger behind it."""
    junk = [
        bus.Delivery("vg.x", b"", 1, 1, 0),
        bus.Delivery(f"vg.{HUB}.{SITE}.fact.span.cam01", b"\xff" * 50, 2, 2, 0),
        bus.Delivery(f"vg.{HUB}.{SITE}.fact.span.cam01", b"x" * 300_000, 3, 3, 0),
    ]

    apply(hub, *junk, delivery(0, span(0, 10)))

    assert spans(database) == [(0, 10)]
    assert hub.counts.refused == 3


def test_a_moment_that_no_database_holds_is_refused_alone(
    hub: FactTaker, database: Database
) -> None:
    """A genuine site may still be broken: one fact must not stop its ledger for good."""
    beyond = wire.SpanClosed(
        at=T0, camera="cam01", stream="main", run=RUN, from_=T0, to=2**70, pictures=1, bytes=1
    )

    apply(hub, delivery(0, beyond), delivery(1, span(0, 10)))

    assert spans(database) == [(0, 10)]
    assert (hub.counts.refused, hub.counts.applied) == (1, 1)


def test_what_a_camera_says_loses_no_gap(hub: FactTaker, database: Database) -> None:
    """PostgreSQL takes no NUL, no page holds 100 kB, and nobody reads text that runs backwards."""
    gap = wire.GapClosed(
        at=T0,
        camera="cam01",
        stream="main",
        from_=T0 - 20 * NS,
        to=T0 - 10 * NS,
        cause=Cause.REFUSED,
        evidence="401 \x00\x1b[31mno\r\nway \u202e<b>" + "W" * 100_000,
    )
    state = wire.StateChanged(
        at=T0, camera="cam01", stream="main", state="recording", since=T0, evidence="\x00"
    )
    apply(hub, delivery(0, gap), delivery(1, state), delivery(2, span(0, 10)))

    with database.reading() as connection:
        found = ledger.gaps_between(connection, SITE, 0, 2 * T0)[("cam01", "main")]
    assert hub.counts.refused == 0
    assert len(found) == 1
    assert found[0].evidence.startswith("401 \ufffd[31mno way \ufffd<b>WWW")
    assert 490 < len(found[0].evidence) <= 500
    assert spans(database) == [(0, 10)]


def test_the_last_word_on_each_kind_of_picture_fault_is_kept(
    hub: FactTaker, database: Database
) -> None:
    """Covered and well again is one line of the camera's page; what has no form is none."""
    covered = "the lens is covered for 6 s: lost 0.917, bound 0.700, without a reference picture"
    moved = "the camera was moved or turned for 30 s: same 0.200, bound 0.420, against reference"
    moved += " picture 0123456789abcdef"
    well = "well again after 60 s: the lens is covered"
    said = [covered, moved, well, "the roof is gone", "x" * 3000]
    apply(hub, *(
        delivery(n, wire.CheckFailed(
            at=T0 + n * NS, camera="cam01", stream="sub", what="picture", evidence=evidence,
        ))
        for n, evidence in enumerate(said)
    ))  # fmt: skip

    with database.reading() as connection:
        states = ledger.states(connection, SITE)
    assert [
        (one.at_ns, one.evidence, one.lasts)
        for one in picture_faults.listed(states.get(("cam01", "main")), states["cam01", "sub"])
    ] == [(T0 + 2 * NS, said[2], False), (T0 + NS, said[1], True)]


def test_refusals_do_not_flood_the_audit(hub: FactTaker, database: Database) -> None:
    """A hostile site sends thousands; the log must stay readable."""
    apply(hub, *(delivery(n, span(0, 10), key=THIEF) for n in range(500)))

    assert hub.counts.refused == 500
    assert len(refusals(database)) == 1


def test_a_kind_that_this_version_does_not_know_is_kept_apart(
    hub: FactTaker, database: Database
) -> None:
    """A newer box may talk to an older hub."""
    payload = b'{"kind":"weather","at":1,"sky":"blue"}'
    envelope = KEY.envelope(SITE, 0, 0, payload)
    strange = bus.Delivery(
        f"vg.{HUB}.{SITE}.fact.weather.-", wire.encode_envelope(envelope), 1, 1, 0
    )

    apply(hub, strange, delivery(1, span(0, 10)))

    assert spans(database) == [(0, 10)]
    assert (hub.counts.unread, hub.counts.applied) == (1, 1)


def state_of(database: Database) -> ledger.State:
    with database.reading() as connection:
        return ledger.states(connection, SITE)[("cam01", "main")]


def test_the_life_of_a_camera(hub: FactTaker, database: Database) -> None:
    """Connect, record, lose the camera, find it again: what the pages read afterwards."""
    started = wire.RunStarted(
        at=T0,
        camera="cam01",
        stream="main",
        run=RUN,
        source="rtsp",
        why=(),
        codec="avc1.64001f",
        width=1920,
        height=1080,
        declared_fps=25.0,
    )
    recording = wire.StateChanged(at=T0, camera="cam01", stream="main", state="recording", since=T0)
    lost_ns = T0 + 60 * NS
    lost = wire.StateChanged(
        at=lost_ns + NS,
        camera="cam01",
        stream="main",
        state="gap",
        since=lost_ns,
        cause=Cause.UNREACHABLE,
        evidence="connection reset",
    )
    ended = wire.RunEnded(
        at=lost_ns,
        camera="cam01",
        stream="main",
        run=RUN,
        cause=Cause.UNREACHABLE,
        evidence="connection reset",
        pictures=1500,
        bytes=1,
    )
    found_ns = T0 + 90 * NS
    gap = wire.GapClosed(
        at=found_ns,
        camera="cam01",
        stream="main",
        from_=lost_ns,
        to=found_ns,
        cause=Cause.UNREACHABLE,
        evidence="connection reset",
    )
    back = wire.StateChanged(
        at=found_ns, camera="cam01", stream="main", state="recording", since=found_ns
    )

    apply(hub, delivery(0, started), delivery(1, recording))
    assert state_of(database).status == "recording"
    assert state_of(database).detail["width"] == 1920

    apply(hub, delivery(2, lost), delivery(3, ended), delivery(4, span(0, 60)))
    state = state_of(database)
    assert (state.status, state.cause, state.since_ns) == ("gap", Cause.UNREACHABLE, lost_ns)
    assert state.detail["codec"] == "avc1.64001f"

    apply(hub, delivery(5, gap), delivery(6, back))
    with database.reading() as connection:
        gaps = ledger.gaps_between(connection, SITE, 0, 2 * T0)[("cam01", "main")]
    assert [(one.from_ns, one.to_ns, one.cause) for one in gaps] == [
        (lost_ns, found_ns, Cause.UNREACHABLE)
    ]
    assert state_of(database).status == "recording"


def page(number: int, spans_: Sequence[tuple[int, int]], *, site: str = SITE) -> wire.PageClosed:
    hour = T0 - T0 % HOUR
    raw = wire.encode_page(
        wire.Page(
            site=site,
            camera="cam01",
            number=number,
            from_=hour,
            to=hour + HOUR,
            streams=(
                wire.PageStream(
                    stream="main",
                    spans=tuple((hour + a * NS, hour + b * NS) for a, b in spans_),
                    gaps=(wire.PageGap(from_=hour, to=hour + 60 * NS, cause=Cause.REFUSED),),
                    bytes=10,
                    pictures=20,
                    declared_fps=25.0,
                    delivered_fps=21.0,
                    clock_error_ns=250_000_000,
                    segments=59,
                    root="ab" * 32,
                ),
            ),
            previous="",
        )
    )
    return wire.PageClosed(at=hour + HOUR, camera="cam01", page=raw)


def test_a_page_is_kept_with_its_proof(hub: FactTaker, database: Database) -> None:
    """The hub holds a proof of every hour without holding the video."""
    fact = page(0, [(60, 3600)])

    apply(hub, delivery(0, fact))

    hour = T0 - T0 % HOUR
    with database.reading() as connection:
        rows = ledger.pages_between(connection, SITE, hour, hour + HOUR)[("cam01", "main")]
        spans_ = ledger.spans_between(connection, SITE, hour, hour + HOUR)[("cam01", "main")]
        state = ledger.states(connection, SITE)[("cam01", "main")]
        proof = ledger.page_envelope(connection, SITE, "cam01", "main", hour)
    assert (rows[0].pictures, rows[0].clock_error_ms) == (20, 250.0)
    assert [(one.from_ns - hour, one.to_ns - hour) for one in spans_] == [(60 * NS, HOUR)]
    assert state.detail == {"delivered_fps": 21.0, "clock_error_ms": 250.0}
    assert proof is not None
    envelope = wire.decode_envelope(proof)
    keys.verify_envelope(envelope, KEY.public)


def test_a_page_that_speaks_for_another_site_is_refused(hub: FactTaker, database: Database) -> None:
    """The payload is signed by this site, and its words claim another's hour."""
    apply(hub, delivery(0, page(0, [(60, 3600)], site=OTHER)), delivery(1, span(0, 10)))

    assert hub.counts.refused == 1
    assert spans(database) == [(0, 10)]


def test_a_clock_put_right_moves_what_was_told_since_the_start(
    hub: FactTaker, database: Database
) -> None:
    """A box without a clock battery wakes in 1970, records, and learns the time a day later."""
    born = 1000 * NS
    up = wire.BoxStarted(at=born, version="0.1.0", boot="boot-1")
    early = wire.SpanClosed(
        at=born + 100 * NS,
        camera="cam01",
        stream="main",
        run=RUN,
        from_=born,
        to=born + 100 * NS,
        pictures=1,
        bytes=1,
    )
    step = wire.ClockStepped(
        at=T0 + 200 * NS, before=born + 200 * NS, after=T0 + 200 * NS, trusted=True
    )

    apply(
        hub,
        delivery(0, span(-1000, -900)),
        delivery(0, up, epoch=1),
        delivery(1, early, epoch=1),
        delivery(2, step, epoch=1),
    )

    assert spans(database) == [(-1000, -900), (0, 100)]


def test_retention_and_disk_are_written_down(hub: FactTaker, database: Database) -> None:
    deleted = wire.Deleted(
        at=T0,
        camera="cam01",
        stream="main",
        from_=T0 - HOUR,
        to=T0 - 60 * NS,
        segments=59,
        bytes=1,
        rule="days",
    )
    disk = wire.DiskWarned(at=T0, state="full", free_bytes=0, total_bytes=10)
    promise = wire.RetentionWarned(at=T0, promised_days=30, expected_days=12.5, broken=True)
    stopped = wire.BoxStopped(at=T0 + NS)

    apply(hub, *(delivery(n, fact) for n, fact in enumerate([deleted, disk, promise, stopped])))

    with database.reading() as connection:
        assert ledger.expiries(connection, SITE) == {("cam01", "main"): ledger.Expiry(T0 - 60 * NS)}
        state = ledger.site_state(connection, SITE)
    assert state is not None
    assert state.detail["disk"]["state"] == "full"
    assert state.detail["retention"]["broken"] is True
    assert state.lost_ns == T0 + NS


def test_what_the_box_did_stands_in_the_access_log(hub: FactTaker, database: Database) -> None:
    """The box checks every grant by itself; what it answered and refused is read above."""
    seen = wire.Audited(
        at=T0,
        camera="cam01",
        stream="main",
        actor="thuc.lv",
        purpose="shift",
        grant="g" * 26,
        verb="open",
        outcome="forbidden",
    )

    apply(hub, delivery(0, seen))

    with database.reading() as connection:
        rows = audit.rows(connection, audit.Filter())
    assert [(row.act, row.actor, row.outcome, row.thing) for row in rows] == [
        ("box_reported", "thuc.lv", "refused", "cam01")
    ]


async def test_facts_cross_the_real_bus_and_survive_a_crash_between_commit_and_ack(
    sqlite: Database, tmp_path: Path
) -> None:
    """Acknowledged after the commit: what was committed and not acknowledged comes again."""
    async with standing(tmp_path) as stand:
        enrol(sqlite, stand.site, stand.site_key)
        control, _ = await stand.edge()
        hub_control, _ = await stand.hub_process()
        await bus.ensure_streams(control, stand.hub, stand.site)
        writer = bus.LedgerWriter(control, stand.hub, stand.site)
        envelopes = []
        for number in range(40):
            fact = span(number * 10, number * 10 + 5)
            envelope = stand.site_key.envelope(stand.site, 0, number, wire.encode_fact(fact))
            subject = wire.FactSubject(stand.hub, stand.site, wire.fact_kind(fact), fact.about)
            envelopes.append((envelope, subject))
        await writer.put(envelopes[:30])
        taker = FactTaker(sqlite, stand.clock)
        reader = bus.LedgerReader(hub_control)
        await reader.begin()
        taker.apply(await reader.batch(0.5))

        again = bus.LedgerReader(hub_control)
        await again.begin()
        await writer.put(envelopes[30:])
        done = 0
        async with asyncio.timeout(20):
            while done < 40:
                done += await facts.run_once(again, taker, lambda: None)

    with sqlite.reading() as connection:
        found = ledger.spans_between(connection, stand.site, 0, 2 * T0)[("cam01", "main")]
    assert len(found) == 40
    assert (taker.counts.applied, taker.counts.repeated) == (40, 30)
