"""Figures of continuity: cut, never rounded up; three states, never mixed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.domain import continuity
from vonggac.domain.ledger import Expiry, Gap, Span, State

HOUR = 3600 * NS
NOW = 100 * HOUR
ALWAYS = [(0, 1000 * HOUR)]


def pieces(spans=(), gaps=(), *, window=(90 * HOUR, NOW), service=ALWAYS, state=None, **more):  # type: ignore[no-untyped-def]
    return continuity.pieces(
        spans, gaps, window=window, service=service, state=state, now_ns=NOW, **more
    )


def kinds(found):  # type: ignore[no-untyped-def]
    return [(piece.kind, piece.from_ns // HOUR, piece.to_ns // HOUR) for piece in found]


def test_a_hundred_per_cent_is_printed_only_when_nothing_is_missing() -> None:
    """99.998 % is 99.99: an officer signs under this figure."""
    assert continuity.cut_hundredths(99_998, 100_000) == 9_999
    assert continuity.cut_hundredths(10**18 - 1, 10**18) == 9_999
    assert continuity.cut_hundredths(10**18, 10**18) == 10_000
    assert continuity.cut_hundredths(0, 5) == 0
    assert continuity.cut_hundredths(0, 0) is None


def test_spans_and_gaps_become_pieces_in_order() -> None:
    found = pieces(
        [Span(80 * HOUR, 93 * HOUR), Span(95 * HOUR, 100 * HOUR)],
        [Gap(93 * HOUR, 95 * HOUR, Cause.STALLED)],
    )

    assert kinds(found) == [("recorded", 90, 93), ("gap", 93, 95), ("recorded", 95, 100)]
    figures = continuity.figures(found)
    assert figures.recorded_ns == 8 * HOUR
    assert figures.missing_ns == 2 * HOUR
    assert figures.by_cause == {Cause.STALLED: 2 * HOUR}
    assert figures.hundredths == 8_000


def test_time_without_a_fact_is_unknown_and_counts_as_neither() -> None:
    """While a site is cut off nobody knows whether it records: a third figure."""
    found = pieces([Span(90 * HOUR, 96 * HOUR)], [Gap(96 * HOUR, 97 * HOUR, Cause.REFUSED)])

    assert kinds(found) == [("recorded", 90, 96), ("gap", 96, 97), ("unknown", 97, 100)]
    figures = continuity.figures(found)
    assert figures.unknown_ns == 3 * HOUR
    assert figures.known_ns == 7 * HOUR
    assert figures.hundredths == 8_571


def test_a_state_extends_the_ledger_as_far_as_it_is_known() -> None:
    """A span is a fact only when it ends; until then the state says that it goes on."""
    state = State("recording", 95 * HOUR, None, 99 * HOUR, {})

    found = pieces([Span(90 * HOUR, 95 * HOUR)], state=state)

    assert kinds(found) == [("recorded", 90, 99), ("unknown", 99, 100)]
    assert found[0].provisional


def test_the_last_seconds_are_on_their_way_not_unknown() -> None:
    """Else every strip would end in a dashed box all day long."""
    state = State("recording", 90 * HOUR, None, NOW - 5 * NS, {})

    found = pieces(state=state)

    assert [(piece.kind, piece.to_ns) for piece in found] == [("recorded", NOW - 5 * NS)]


def test_an_open_gap_lasts_until_it_is_known_to() -> None:
    state = State("gap", 98 * HOUR, Cause.UNREACHABLE, NOW, {})

    found = pieces([Span(90 * HOUR, 98 * HOUR)], state=state)

    assert kinds(found) == [("recorded", 90, 98), ("gap", 98, 100)]
    assert found[1].cause is Cause.UNREACHABLE
    assert found[1].provisional


def test_time_outside_service_counts_as_nothing() -> None:
    """A camera that was not yet mounted is not missing."""
    found = pieces(
        [Span(95 * HOUR, 98 * HOUR)], service=[(94 * HOUR, 96 * HOUR)], window=(92 * HOUR, NOW)
    )

    assert kinds(found) == [
        ("out", 92, 94),
        ("unknown", 94, 95),
        ("recorded", 95, 98),
        ("out", 98, 100),
    ]


def test_a_gap_not_in_service_is_no_gap() -> None:
    found = pieces([], [Gap(90 * HOUR, 100 * HOUR, Cause.NOT_IN_SERVICE)])

    assert kinds(found) == [("out", 90, 100)]
    assert continuity.figures(found).hundredths is None


def test_planned_maintenance_is_missing_time_with_its_cause() -> None:
    """It was announced, and still nobody can see what happened then."""
    found = pieces([Span(90 * HOUR, 99 * HOUR)], [Gap(99 * HOUR, NOW, Cause.MAINTENANCE)])

    assert continuity.figures(found).hundredths == 9_000


def test_what_retention_deleted_was_recorded_and_is_told_apart() -> None:
    """Expired is a third state, never a gap."""
    found = pieces([Span(80 * HOUR, NOW)], expiry=Expiry(94 * HOUR))

    assert [(piece.kind, piece.expired) for piece in found] == [
        ("recorded", True),
        ("recorded", False),
    ]
    figures = continuity.figures(found)
    assert figures.recorded_ns == 10 * HOUR
    assert figures.expired_ns == 4 * HOUR
    assert figures.hundredths == 10_000


def test_what_a_case_keeps_is_older_than_retention_and_not_expired() -> None:
    """The box plays it: a page that calls it deleted would send the police away."""
    expiry = Expiry(97 * HOUR, ((91 * HOUR, 92 * HOUR), (95 * HOUR, 96 * HOUR)))
    found = pieces([Span(80 * HOUR, NOW)], expiry=expiry)

    assert [(kind, begin, end) for kind, begin, end in kinds(found)] == [
        ("recorded", 90, 91), ("recorded", 91, 92), ("recorded", 92, 95), ("recorded", 95, 96),
        ("recorded", 96, 97), ("recorded", 97, 100),
    ]  # fmt: skip
    assert [piece.expired for piece in found] == [True, False, True, False, True, False]
    assert continuity.figures(found).expired_ns == 5 * HOUR


def test_nothing_is_said_of_the_future() -> None:
    assert pieces(window=(NOW, NOW + HOUR)) == []
    assert pieces([Span(90 * HOUR, NOW)], window=(99 * HOUR, 200 * HOUR))[-1].to_ns == NOW


def test_recorded_time_wins_over_a_gap_that_overlaps_it() -> None:
    """What the media prove is not painted over by what was thought before they arrived."""
    found = pieces([Span(92 * HOUR, 94 * HOUR)], [Gap(90 * HOUR, NOW, Cause.UNREACHABLE)])

    assert kinds(found) == [("gap", 90, 92), ("recorded", 92, 94), ("gap", 94, 100)]


def test_the_longest_gap_is_named() -> None:
    found = pieces(
        [Span(90 * HOUR, 92 * HOUR), Span(93 * HOUR, 96 * HOUR)],
        [Gap(92 * HOUR, 93 * HOUR, Cause.STALLED), Gap(96 * HOUR, NOW, Cause.DISK_FULL)],
    )

    longest = continuity.figures(found).longest_gap
    assert longest is not None
    assert (longest.cause, longest.length_ns) == (Cause.DISK_FULL, 4 * HOUR)


moments = st.integers(0, 1000)
stretches = st.lists(st.tuples(moments, moments).map(sorted), max_size=12)


@given(stretches, stretches, st.tuples(moments, moments).map(sorted), moments)
def test_pieces_cover_the_window_without_holes_or_overlaps(spans, gaps, window, until) -> None:  # type: ignore[no-untyped-def]
    """Whatever facts came, in whatever order, the seconds add up."""
    state = State("recording", until // 2, None, until, {})
    now = 900
    start, end = window[0], min(window[1], now)

    found = continuity.pieces(
        [Span(a, b) for a, b in spans if a < b],
        [Gap(a, b, Cause.STALLED) for a, b in gaps if a < b],
        window=(window[0], window[1]),
        service=[(100, 700)],
        state=state,
        now_ns=now,
        expiry=Expiry(200, ((50, 60), (120, 300))),
    )

    at = start
    for piece in found:
        assert piece.from_ns == at
        assert piece.to_ns > piece.from_ns
        at = piece.to_ns
    if found and now - until > continuity.SETTLE_NS:
        assert at == end
    assert at <= max(start, end)
    figures = continuity.figures(found)
    total = figures.recorded_ns + figures.missing_ns + figures.unknown_ns + figures.out_ns
    assert total == at - start


@given(stretches, moments, moments)
def test_clipping_keeps_every_second_once(spans, first, second) -> None:  # type: ignore[no-untyped-def]
    """Days and hours of a month are cut out of the same pieces; none may be lost between them."""
    found = continuity.pieces(
        [Span(a, b) for a, b in spans if a < b],
        [],
        window=(0, 1000),
        service=[(0, 1000)],
        state=None,
        now_ns=10**18,
    )
    cuts = sorted({0, first, second, 1000})

    parts = [continuity.clipped(found, a, b) for a, b in pairwise(cuts)]

    length = sum(piece.length_ns for part in parts for piece in part)
    assert length == 1000


def test_service_counts_from_the_first_that_a_box_said() -> None:
    """Before it lie an order, a handshake and a keyframe: neither missing nor awaited.

    A camera that has recorded without a pause since has a state, and no row of a span yet.
    """
    state = State("recording", 130, None, 500, {})

    assert continuity.begun(None, state) == 130
    assert continuity.begun(120, state) == 120
    assert continuity.begun(140, state) == 130
    assert continuity.begun(120, None) == 120
    assert continuity.begun(None, None) == 0, "nothing is known: all of it is awaited"
