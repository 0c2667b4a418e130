"""The hub's copy of a ledger: pages replace, joins are whole, grants are filed once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.domain import accounts, audit, grants, ledger

if TYPE_CHECKING:
    from vonggac.db import Database

SITE = "b" * 26
HOUR = 3600 * NS
MAIN = ledger.Stream(SITE, "hl-2a")
RUN = "1" * 32


def page(number: int, from_hour: int) -> ledger.PageRow:
    return ledger.PageRow(
        number=number,
        from_ns=from_hour * HOUR,
        to_ns=(from_hour + 1) * HOUR,
        recorded_ns=HOUR,
        bytes=1,
        pictures=1,
        declared_fps=25.0,
        delivered_fps=24.9,
        clock_error_ms=None,
        root="",
        hash=f"{number:064x}",
    )


def spans(database: Database) -> list[tuple[float, float]]:
    with database.reading() as connection:
        found = ledger.spans_between(connection, SITE, 0, 100 * HOUR)
    return [(one.from_ns / HOUR, one.to_ns / HOUR) for one in found.get(("hl-2a", "main"), [])]


def gaps(database: Database) -> list[tuple[float, float | None, Cause]]:
    with database.reading() as connection:
        found = ledger.gaps_between(connection, SITE, 0, 100 * HOUR)
    return [
        (one.from_ns / HOUR, one.to_ns / HOUR if one.to_ns else None, one.cause)
        for one in found.get(("hl-2a", "main"), [])
    ]


def put_page(
    database: Database,
    row: ledger.PageRow,
    recorded: list[tuple[float, float]],
    missing: list[tuple[float, float, Cause]] = [],  # noqa: B006 - never changed
) -> None:
    with database.writing() as connection:
        ledger.put_page(
            connection,
            MAIN,
            row,
            previous="",
            envelope=b"signed",
            spans=[ledger.Span(int(a * HOUR), int(b * HOUR)) for a, b in recorded],
            gaps=[ledger.Gap(int(a * HOUR), int(b * HOUR), cause) for a, b, cause in missing],
        )


def test_a_span_that_grew_replaces_itself(database: Database) -> None:
    for end in (2, 3):
        with database.writing() as connection:
            ledger.put_span(connection, MAIN, ledger.Span(HOUR, end * HOUR, RUN))

    assert spans(database) == [(1, 3)]


def test_pages_join_what_the_hours_cut(database: Database) -> None:
    """Three days without a gap are one span, not seventy-two."""
    for hour in range(10, 14):
        put_page(database, page(hour, hour), [(hour, hour + 1)])

    assert spans(database) == [(10, 14)]


def test_a_page_replaces_what_was_thought_before(database: Database) -> None:
    """The closed page is the settled truth of its hour, and of no other time."""
    with database.writing() as connection:
        ledger.put_span(connection, MAIN, ledger.Span(9 * HOUR, 13 * HOUR))
        ledger.put_gap(connection, MAIN, ledger.Gap(13 * HOUR, None, Cause.UNREACHABLE))

    put_page(
        database,
        page(0, 10),
        [(10, 10.5)],
        [(10.5, 11, Cause.DISK_FULL)],
    )

    assert spans(database) == [(9, 10.5), (11, 13)]
    assert gaps(database) == [(10.5, 11, Cause.DISK_FULL), (13, None, Cause.UNREACHABLE)]


def test_a_page_that_comes_twice_changes_nothing(database: Database) -> None:
    for _ in range(2):
        put_page(database, page(0, 10), [(10, 10.5)], [(10.5, 11, Cause.STALLED)])

    assert spans(database) == [(10, 10.5)]
    assert gaps(database) == [(10.5, 11, Cause.STALLED)]
    with database.reading() as connection:
        assert ledger.counts(connection, SITE)["page"] == 1


def test_a_gap_over_two_hours_is_one_gap(database: Database) -> None:
    put_page(database, page(0, 10), [(10, 10.5)], [(10.5, 11, Cause.STALLED)])
    put_page(database, page(1, 11), [(11.25, 12)], [(11, 11.25, Cause.STALLED)])

    assert gaps(database) == [(10.5, 11.25, Cause.STALLED)]


def test_a_fact_is_taken_once(database: Database) -> None:
    for expected in (True, False):
        with database.writing() as connection:
            taken = ledger.take_fact(connection, SITE, 0, 7, "span", as_of_ns=1, received_ns=2)
        assert taken is expected


def test_an_older_state_never_replaces_a_newer_one(database: Database) -> None:
    with database.writing() as connection:
        new = ledger.State("gap", 20, Cause.REFUSED, 30, {"evidence": "401"})
        old = ledger.State("recording", 10, None, 40, {})
        ledger.put_state(connection, MAIN, new)
        ledger.put_state(connection, MAIN, old)

        found = ledger.states(connection, SITE)[("hl-2a", "main")]

    assert (found.status, found.cause) == ("gap", Cause.REFUSED)


def test_what_is_known_of_a_stream_outlives_its_state(database: Database) -> None:
    """A camera that is away still has a size and a codec."""
    with database.writing() as connection:
        ledger.describe_stream(connection, MAIN, {"codec": "avc1.64001f", "width": 1920})
        ledger.put_state(
            connection, MAIN, ledger.State("gap", 20, Cause.REFUSED, 30, {"evidence": "401"})
        )

        found = ledger.states(connection, SITE)[("hl-2a", "main")]

    assert found.detail == {"codec": "avc1.64001f", "width": 1920, "evidence": "401"}


def test_retention_only_moves_forward(database: Database) -> None:
    with database.writing() as connection:
        for span in ((0, 10), (10, 30), (15, 20)):
            ledger.put_expiry(connection, MAIN, span)

        assert ledger.expiries(connection, SITE) == {("hl-2a", "main"): ledger.Expiry(30)}


def test_what_the_box_skips_for_a_case_is_kept_until_it_is_deleted(database: Database) -> None:
    """Retention goes from the oldest on; what it leaves behind under a hold can still be played."""

    def kept(span: tuple[int, int], *held: tuple[int, int]) -> ledger.Expiry:
        with database.writing() as connection:
            ledger.put_expiry(connection, MAIN, span, held)
            return ledger.expiries(connection, SITE)["hl-2a", "main"]

    assert kept((0, 10), (20, 30)) == ledger.Expiry(10)
    assert kept((30, 40), (20, 30), (60, 70)) == ledger.Expiry(40, ((20, 30),))
    assert kept((40, 50), (20, 30), (60, 70)) == ledger.Expiry(50, ((20, 30),))
    assert kept((70, 80), (20, 30), (60, 70)) == ledger.Expiry(80, ((20, 30), (60, 70)))
    assert kept((20, 25), (60, 70)) == ledger.Expiry(80, ((25, 30), (60, 70)))
    assert kept((25, 30), (60, 70)) == ledger.Expiry(80, ((60, 70),))


def test_reachable_is_its_own_clock(database: Database) -> None:
    """A lost link says nothing of the recordings: only `lost_ns` changes."""
    with database.writing() as connection:
        ledger.put_site_state(connection, SITE, as_of_ns=10, heard_ns=11, detail={"version": "1"})
        ledger.put_site_state(
            connection, SITE, as_of_ns=20, heard_ns=21, detail={"disk": {"free_bytes": 5}}
        )
        ledger.lose_site(connection, SITE, lost_ns=30)
        ledger.lose_site(connection, SITE, lost_ns=40)
        lost = ledger.site_state(connection, SITE)
        ledger.put_site_state(connection, SITE, as_of_ns=50, heard_ns=51, detail={})
        back = ledger.site_state(connection, SITE)

    assert lost is not None
    assert back is not None
    assert (lost.reachable_since_ns, lost.lost_ns, lost.as_of_ns) == (None, 30, 20)
    assert lost.detail == {"version": "1", "disk": {"free_bytes": 5}}
    assert (back.reachable_since_ns, back.lost_ns) == (51, None)


@pytest.fixture
def account(database: Database) -> str:
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=1, password="mot mat khau dai")
        found = accounts.begin_attempt(connection, "admin", now_ns=1).account
    assert found is not None
    return found.id


def issued(number: int, account: str, cameras: list[str], at: int) -> grants.Issued:
    return grants.Issued(
        id=f"{number}",
        account_id=account,
        site_id=SITE,
        cameras=cameras,
        streams=["sub"],
        purpose="watch",
        nkey="U1",
        issued_ns=at * NS,
        expires_ns=(at + 120) * NS,
    )


def test_a_renewed_view_is_one_view(database: Database, account: str) -> None:
    """A wall renews every 90 s; the access log says once that it began."""
    with database.writing() as connection:
        began = [
            grants.file_grant(connection, issued(1, account, ["a", "b"], 0)),
            grants.file_grant(connection, issued(2, account, ["a", "b"], 90)),
            grants.file_grant(connection, issued(3, account, ["a", "b", "c"], 180)),
            grants.file_grant(connection, issued(4, account, ["a"], 400)),
        ]

    assert began == [True, False, True, True]


def test_who_watches_is_who_holds_a_live_grant(database: Database, account: str) -> None:
    with database.writing() as connection:
        grants.file_grant(connection, issued(1, account, ["a", "b"], 0))
        grants.file_grant(connection, issued(2, account, ["b", "c"], 10))

        during = grants.watching(connection, SITE, now_ns=60 * NS)
        after = grants.watching(connection, SITE, now_ns=200 * NS)

    assert [(one.name, one.cameras) for one in during] == [("admin", 3)]
    assert after == []


def test_the_audit_answers_what_it_is_asked(database: Database) -> None:
    with database.writing() as connection:
        for at, (act, actor) in enumerate(
            [(audit.Act.SIGN_IN, "an"), (audit.Act.LIVE, "an"), (audit.Act.LIVE, "binh")]
        ):
            audit.record(connection, audit.Actor(actor), act, now_ns=at * NS, thing="hl-2a")

        live = audit.rows(connection, audit.Filter(act="live_viewed"))
        day = audit.rows(connection, audit.Filter(from_ns=0, to_ns=NS))
        counts = audit.count_by_act(connection, audit.Filter(act="sign_in"))
        older = audit.rows(connection, audit.Filter(before_id=live[-1].id))

    assert [row.actor for row in live] == ["binh", "an"]
    assert [row.act for row in day] == ["sign_in"]
    assert counts == {"sign_in": 1, "live_viewed": 2}
    assert [row.act for row in older] == ["sign_in"]
