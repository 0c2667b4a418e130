"""What the ledger claims, for every sequence of events that a box can live through.

The rules are those of ADR 0005: a span ends when the next picture is late, a gap runs to the
next keyframe, what retention deleted is no gap, and percentages are cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.edge.catalog import GapRow, SegmentRow
from vonggac.edge.ledger import (
    EDGE_WAS_OFF,
    SPAN_ENDS_NS,
    Change,
    Continuity,
    Gap,
    Span,
    Timeline,
    Verdict,
    density,
    settle,
    span_ends_after,
    spans_of,
    timeline,
    unexplained,
)

T0 = 1_795_000_000 * NS
"""2026-11-18."""


def at(seconds: float) -> int:
    return T0 + round(seconds * NS)


def segment(start: float, end: float | None, *, fps: float = 25.0, number: int = 0) -> SegmentRow:
    """A recording from one second to another."""
    pictures = 0 if end is None else round((end - start) * fps)
    return SegmentRow(
        id=number, camera="cam01", stream="main", run=b"r" * 16, epoch=1, number=number,
        path=f"{number}.mp4", start_ns=at(start), end_ns=None if end is None else at(end),
        base_ticks=0, size=1000, pictures=pictures, parts=1, root=None, keyframes=None, held=0,
    )  # fmt: skip


def gap(start: float, end: float | None, cause: Cause = Cause.UNREACHABLE) -> GapRow:
    to = None if end is None else at(end)
    return GapRow("cam01", "main", at(start), to, cause.value, "told by the test")


def seconds(view: Timeline) -> tuple[list[tuple[float, float]], list[tuple[float, float, str]]]:
    """Spans and gaps of a timeline, in seconds since the test's beginning."""
    spans = [((s.from_ns - T0) / NS, (s.to_ns - T0) / NS) for s in view.spans]
    gaps = [((g.from_ns - T0) / NS, (g.to_ns - T0) / NS, g.cause.value) for g in view.gaps]
    return spans, gaps


def look(
    segments: list[SegmentRow], gaps: list[GapRow], low: float, high: float, *,
    as_of: float | None = None, expired: float | None = None,
) -> Timeline:  # fmt: skip
    return timeline(
        segments, gaps, from_ns=at(low), to_ns=at(high),
        as_of_ns=at(high if as_of is None else as_of),
        expired_before_ns=0 if expired is None else at(expired),
    )  # fmt: skip


# ---- evidence ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "after_s", "new", "verdict"),
    [
        (Cause.STALLED, 30, Cause.STALLED, Verdict.SAME),
        (Cause.STALLED, 30, Cause.UNREACHABLE, Verdict.RECAST),
        (Cause.UNREACHABLE, 0.4, Cause.REFUSED, Verdict.RECAST),
        (Cause.UNREACHABLE, 4.999, Cause.REFUSED, Verdict.RECAST),
        (Cause.UNREACHABLE, 5, Cause.REFUSED, Verdict.SPLIT),
        (Cause.UNREACHABLE, 600, Cause.STALLED, Verdict.SPLIT),
        (Cause.DISK_FULL, 600, Cause.UNREACHABLE, Verdict.SPLIT),
        (Cause.EDGE_OFF, 0.1, Cause.UNREACHABLE, Verdict.SPLIT),
        (Cause.POWER_LOST, 0.1, Cause.REFUSED, Verdict.SPLIT),
        (Cause.MAINTENANCE, 0.1, Cause.UNREACHABLE, Verdict.SPLIT),
        (Cause.NOT_IN_SERVICE, 0.1, Cause.UNREACHABLE, Verdict.SPLIT),
        (Cause.UNREACHABLE, 0.4, Cause.MAINTENANCE, Verdict.SPLIT),
        (Cause.UNREACHABLE, 0, Cause.MAINTENANCE, Verdict.RECAST),
    ],
)
def test_evidence_that_follows_soon_explains_the_gap_and_later_evidence_divides_it(
    old: Cause, after_s: float, new: Cause, verdict: Verdict
) -> None:
    """A camera whose password was changed first hangs up, then refuses: it is one refusal.

    What was proven (the recorder was off, a person planned it) is never rewritten.
    """
    assert settle(old, at(0), new, at(after_s)) is verdict


@pytest.mark.parametrize(
    ("interval_s", "patience_s"), [(0.04, 1.0), (0.25, 1.0), (0.26, 1.04), (1.0, 4.0), (10.0, 10.0)]
)
def test_a_slow_camera_is_given_four_of_its_own_intervals(
    interval_s: float, patience_s: float
) -> None:
    """One picture a second is not a gap every second."""
    assert span_ends_after(round(interval_s * NS)) == round(patience_s * NS)


# ---- the state machine ---------------------------------------------------------------------------


def test_a_first_start_has_no_earlier_life_to_account_for() -> None:
    """Time before a camera was ever in service is not missing."""
    continuity = Continuity(known_until_ns=None, started_ns=at(0))
    assert continuity.start() == []
    assert continuity.recorded(at(0.3)) == []
    assert continuity.recording


def test_a_gap_begins_where_the_last_picture_ended_and_ends_at_the_next_keyframe() -> None:
    """Not when the box noticed: a stall is noticed after a second, an end of file at once."""
    continuity = Continuity(known_until_ns=None, started_ns=at(0))
    continuity.recorded(at(0))
    continuity.reached(at(10))
    lost = continuity.lost(Cause.STALLED, "silence", since_ns=at(11.2))
    assert lost == [Change("open", at(10), None, Cause.STALLED, "silence")]
    assert not continuity.recording
    back = continuity.recorded(at(15))
    assert back == [Change("close", at(10), at(15), Cause.STALLED, "silence")]
    assert continuity.open is None


def test_an_interruption_of_less_than_a_second_is_no_gap() -> None:
    """D5: a span ends when the next picture is more than a second late, however it came about."""
    continuity = Continuity(known_until_ns=None, started_ns=at(0))
    continuity.recorded(at(0))
    continuity.reached(at(10))
    continuity.lost(Cause.UNREACHABLE, "hung up", since_ns=at(10.1))
    assert continuity.recorded(at(11)) == [
        Change("drop", at(10), at(11), Cause.UNREACHABLE, "hung up")
    ]


def test_a_hole_that_nobody_announced_is_a_gap_all_the_same() -> None:
    """A run may end and the next begin without a word between them; the pictures decide."""
    continuity = Continuity(known_until_ns=None, started_ns=at(0))
    continuity.recorded(at(0))
    continuity.reached(at(10))
    kinds = [(c.kind, c.from_ns, c.to_ns) for c in continuity.recorded(at(12))]
    assert kinds == [("open", at(10), None), ("close", at(10), at(12))]


def test_new_evidence_recasts_a_young_gap_and_splits_an_old_one() -> None:
    """Both are written down: the first rewrites a row, the second makes a new one."""
    continuity = Continuity(known_until_ns=None, started_ns=at(0))
    continuity.recorded(at(0))
    continuity.reached(at(10))
    continuity.lost(Cause.UNREACHABLE, "hung up", since_ns=at(10))
    assert continuity.lost(Cause.REFUSED, "401", since_ns=at(10.3)) == [
        Change("recast", at(10), None, Cause.REFUSED, "401")
    ]
    assert continuity.lost(Cause.REFUSED, "401", since_ns=at(20)) == []
    assert continuity.lost(Cause.UNREACHABLE, "no route", since_ns=at(60)) == [
        Change("close", at(10), at(60), Cause.REFUSED, "401"),
        Change("open", at(60), None, Cause.UNREACHABLE, "no route"),
    ]


def test_what_follows_another_cause_soon_explains_itself_alone() -> None:
    """A cable pulled for two seconds while a refused password waits is told as what it was."""
    continuity = Continuity(known_until_ns=None, started_ns=at(0))
    continuity.lost(Cause.REFUSED, "401", since_ns=at(0))
    continuity.lost(Cause.UNREACHABLE, "no route", since_ns=at(60))
    assert continuity.lost(Cause.REFUSED, "401", since_ns=at(62)) == [
        Change("close", at(60), at(62), Cause.UNREACHABLE, "no route"),
        Change("open", at(62), None, Cause.REFUSED, "401"),
    ]

    continuity.recorded(at(70))
    continuity.reached(at(80))
    continuity.lost(Cause.UNREACHABLE, "hung up", since_ns=at(80))
    assert continuity.lost(Cause.REFUSED, "401", since_ns=at(80.3))[0].kind == "recast"


def test_a_camera_that_never_delivered_is_missing_from_the_start_of_the_recorder() -> None:
    """Not from when the first attempt had timed out: recording was wanted from the start."""
    continuity = Continuity(known_until_ns=None, started_ns=at(0))
    assert continuity.lost(Cause.UNREACHABLE, "no answer", since_ns=at(5)) == [
        Change("open", at(0), None, Cause.UNREACHABLE, "no answer")
    ]


def test_a_restart_within_a_second_loses_nothing_worth_a_gap() -> None:
    """The rule is the same as within a life."""
    continuity = Continuity(known_until_ns=at(-0.9), started_ns=at(0))
    assert continuity.start() == []
    assert continuity.recorded(at(0.05)) == []


def test_the_time_between_two_lives_is_edge_off_until_the_first_keyframe() -> None:
    """Nobody else was there to say anything."""
    continuity = Continuity(known_until_ns=at(-30), started_ns=at(0))
    assert continuity.start() == [Change("open", at(-30), None, Cause.EDGE_OFF, EDGE_WAS_OFF)]
    assert continuity.recorded(at(0.4)) == [
        Change("close", at(-30), at(0.4), Cause.EDGE_OFF, EDGE_WAS_OFF)
    ]


def test_edge_off_ends_at_the_start_when_the_camera_is_then_unreachable() -> None:
    """The recorder was there again: what is missing from then on is the camera's doing."""
    continuity = Continuity(known_until_ns=at(-30), started_ns=at(0))
    continuity.start()
    assert continuity.lost(Cause.UNREACHABLE, "no answer", since_ns=at(5)) == [
        Change("close", at(-30), at(0), Cause.EDGE_OFF, EDGE_WAS_OFF),
        Change("open", at(0), None, Cause.UNREACHABLE, "no answer"),
    ]


def test_the_time_between_two_lives_is_power_lost_if_the_ups_said_so() -> None:
    """Proven like edge off: what comes after it never rewrites it."""
    continuity = Continuity(known_until_ns=at(-30), started_ns=at(0), absence=Cause.POWER_LOST)
    assert [(c.kind, c.cause) for c in continuity.start()] == [("open", Cause.POWER_LOST)]
    changes = continuity.lost(Cause.UNREACHABLE, "no answer", since_ns=at(2))
    assert [(c.kind, c.from_ns, c.to_ns, c.cause) for c in changes] == [
        ("close", at(-30), at(0), Cause.POWER_LOST),
        ("open", at(0), None, Cause.UNREACHABLE),
    ]


def test_a_short_restart_of_an_unreachable_camera_leaves_no_hole() -> None:
    """The gap goes on where the last life's ended, though the restart itself is too short."""
    continuity = Continuity(known_until_ns=at(-0.5), started_ns=at(0))
    continuity.start()
    assert continuity.lost(Cause.UNREACHABLE, "no answer", since_ns=at(3)) == [
        Change("open", at(-0.5), None, Cause.UNREACHABLE, "no answer")
    ]


# ---- the wall clock ------------------------------------------------------------------------------


def test_everything_of_this_life_moves_with_the_clock() -> None:
    """What was recorded at 1970 plus ten seconds was recorded ten seconds after the start."""
    continuity = Continuity(known_until_ns=None, started_ns=0)
    continuity.recorded(0)
    continuity.reached(10 * NS)
    assert continuity.moved(T0) == []
    assert (continuity.started_ns, continuity.last_end_ns) == (at(0), at(10))
    assert continuity.lost(Cause.STALLED, "silence", since_ns=at(11))[0].from_ns == at(10)
    continuity.moved(-NS)
    assert continuity.open == Gap(at(9), at(9), Cause.STALLED, "silence")


def test_a_box_that_wakes_in_1970_accounts_for_its_absence_once_it_knows_the_time() -> None:
    """The earlier life ended in 2026; in 1970 that is no statement about anything."""
    continuity = Continuity(known_until_ns=at(-100), started_ns=0)
    assert continuity.start() == []
    assert continuity.recorded(NS // 2) == []
    continuity.reached(60 * NS)
    assert continuity.moved(T0) == [
        Change("open", at(-100), None, Cause.EDGE_OFF, EDGE_WAS_OFF),
        Change("close", at(-100), at(0.5), Cause.EDGE_OFF, EDGE_WAS_OFF),
    ]
    assert continuity.moved(NS) == []
    assert continuity.recording


def test_a_box_that_wakes_in_1970_before_a_dead_camera_accounts_for_both() -> None:
    """The absence before the start, and the camera's gap since, which is still open."""
    continuity = Continuity(known_until_ns=at(-100), started_ns=0)
    continuity.start()
    continuity.lost(Cause.UNREACHABLE, "no route", since_ns=5 * NS)
    changes = continuity.moved(T0)
    assert [(c.kind, c.from_ns, c.to_ns, c.cause) for c in changes] == [
        ("open", at(-100), None, Cause.EDGE_OFF),
        ("close", at(-100), at(0), Cause.EDGE_OFF),
    ]
    assert continuity.open is not None
    assert (continuity.open.from_ns, continuity.open.cause) == (at(0), Cause.UNREACHABLE)
    assert continuity.recorded(at(8)) == [
        Change("close", at(0), at(8), Cause.UNREACHABLE, "no route")
    ]


def test_a_step_that_is_still_wrong_keeps_the_absence_for_the_next_one() -> None:
    """From 1970 to 2020 and only then to the right day: the first step settles nothing."""
    continuity = Continuity(known_until_ns=at(-100), started_ns=0)
    continuity.start()
    continuity.recorded(0)
    assert continuity.moved(T0 - 1000 * NS) == []
    assert [c.kind for c in continuity.moved(1000 * NS)] == ["open", "close"]


# ---- spans ---------------------------------------------------------------------------------------


def test_segments_that_follow_each_other_are_one_span() -> None:
    """Files are cut every minute; recordings are not."""
    rows = [segment(0, 60), segment(60.04, 120, number=1), segment(120.9, 180, number=2)]
    assert spans_of(rows, at(180)) == [Span(at(0), at(180))]


def test_a_picture_more_than_a_second_late_begins_a_new_span() -> None:
    """One second exactly is still one span."""
    rows = [segment(0, 10), segment(11, 20, number=1), segment(21.001, 30, number=2)]
    assert spans_of(rows, at(30)) == [Span(at(0), at(20)), Span(at(21.001), at(30))]


def test_a_slow_camera_is_judged_by_its_own_pace() -> None:
    """One picture a second: three seconds are no gap, five are."""
    rows = [
        segment(0, 60, fps=1), segment(63, 120, fps=1, number=1), segment(125, 180, fps=1, number=2)
    ]  # fmt: skip
    assert spans_of(rows, at(180)) == [Span(at(0), at(120)), Span(at(125), at(180))]


def test_an_open_segment_reaches_as_far_as_is_known() -> None:
    """And one that is not known to hold anything is nothing."""
    assert spans_of([segment(0, None)], at(7)) == [Span(at(0), at(7))]
    assert spans_of([segment(8, None)], at(7)) == []
    assert spans_of([segment(5, 5)], at(7)) == []


def test_recordings_that_overlap_are_counted_once() -> None:
    """Two lives of a box whose clock was put back may claim one second twice."""
    rows = [segment(0, 60), segment(50, 55, number=1), segment(58, 70, number=2)]
    assert spans_of(rows, at(70)) == [Span(at(0), at(70))]


# ---- the timeline --------------------------------------------------------------------------------


def test_a_view_is_cut_to_what_was_asked() -> None:
    """A question about ten minutes is answered with ten minutes."""
    view = look([segment(0, 60), segment(90, 150, number=1)], [gap(60, 90)], 50, 100)
    assert seconds(view) == ([(50, 60), (90, 100)], [(60, 90, "unreachable")])
    assert (view.recorded_ns, view.missing_ns) == (20 * NS, 30 * NS)


def test_what_comes_after_the_last_known_moment_is_neither_recorded_nor_missing() -> None:
    """An open gap and an open segment end where knowledge ends."""
    view = look([segment(0, None)], [], 0, 100, as_of=40)
    assert seconds(view) == ([(0, 40)], [])
    view = look([segment(0, 10)], [gap(10, None)], 0, 100, as_of=40)
    assert seconds(view) == ([(0, 10)], [(10, 40, "unreachable")])


def test_a_recording_wins_over_a_gap_that_claims_the_same_seconds() -> None:
    """It can be shown; a statement cannot."""
    view = look([segment(20, 30), segment(40, 50, number=1)], [gap(0, 60)], 0, 60)
    assert seconds(view) == (
        [(20, 30), (40, 50)],
        [(0, 20, "unreachable"), (30, 40, "unreachable"), (50, 60, "unreachable")],
    )


def test_what_retention_deleted_is_not_a_gap() -> None:
    """Expired is a third state: the gap of a deleted hour is cut with it."""
    view = look([segment(100, 160)], [gap(0, 50), gap(80, 100)], 0, 160, expired=90)
    assert seconds(view) == ([(100, 160)], [(90, 100, "unreachable")])
    assert view.expired_before_ns == at(90)


def test_touching_gaps_of_one_cause_are_one_and_of_two_causes_two() -> None:
    """A restart in the middle of a gap does not make two of it."""
    rows = [gap(0, 10), gap(10, 20), gap(20, 30, Cause.REFUSED)]
    assert seconds(look([], rows, 0, 30))[1] == [(0, 20, "unreachable"), (20, 30, "refused")]


def test_a_gap_inside_another_divides_it() -> None:
    """Nothing that was missing may fall out of both."""
    rows = [gap(0, 100), gap(20, 30, Cause.REFUSED)]
    assert seconds(look([], rows, 0, 100))[1] == [
        (0, 20, "unreachable"), (20, 30, "refused"), (30, 100, "unreachable")
    ]  # fmt: skip
    rows = [gap(0, 10), gap(0, 4, Cause.REFUSED)]
    assert sum(to - low for low, to, _ in seconds(look([], rows, 0, 10))[1]) == 10


def test_time_without_a_word_is_found() -> None:
    """What `vonggac check` must never find on a healthy disk."""
    view = look([segment(0, 10), segment(30, 40, number=1)], [gap(10, 20)], 0, 40)
    assert unexplained(view) == [Span(at(20), at(30))]
    view = look([segment(0, 10), segment(30, 40, number=1)], [gap(10, 29.5)], 0, 40)
    assert unexplained(view) == []


def test_a_share_is_cut_and_never_rounded_up() -> None:
    """100 stands only where nothing is missing, and nothing recorded is nothing shown."""
    view = look([segment(0, 9.999), segment(20, 30, number=1)], [], 0, 30)
    assert density(view, 10 * NS) == [99, 0, 100]
    assert density(look([], [], 0, 30), 10 * NS) == [0, 0, 0]


def test_a_last_step_that_is_cut_short_is_not_called_missing_by_much() -> None:
    """25 s in steps of 10 s are three steps, the last of them half."""
    assert density(look([segment(0, 25)], [], 0, 25), 10 * NS) == [100, 100, 50]
    assert density(look([segment(3, 4)], [], 3, 4), NS) == [100]


stretches = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 120), st.sampled_from(list(Cause))), max_size=12
)


@given(recordings=stretches, missing=stretches, low=st.integers(0, 200), size=st.integers(1, 400))
def test_a_view_never_says_two_things_of_one_moment_and_forgets_none(
    recordings: list[tuple[int, int, Cause]],
    missing: list[tuple[int, int, Cause]],
    low: int,
    size: int,
) -> None:
    """Whatever rows a catalog holds: disjoint, in order, inside the window, and complete."""
    rows = [segment(a, a + d, number=n) for n, (a, d, _) in enumerate(sorted(recordings))]
    gaps = [gap(a, a + d, cause) for a, d, cause in missing]
    view = look(rows, gaps, low, low + size)
    told = sorted([*view.spans, *((g.from_ns, g.to_ns) for g in view.gaps)])
    for (begin, end), (after, _) in pairwise(told):
        assert begin < end <= after
    assert all(at(low) <= begin < end <= at(low + size) for begin, end in told)
    assert sorted(view.gaps) == list(view.gaps)
    for begin, length, _ in [*recordings, *missing]:
        for moment in (at(begin + 0.5), at(begin + length - 0.5)):
            if at(low) <= moment < at(low + size):
                assert any(a <= moment < b for a, b in told)
    whole = view.recorded_ns + view.missing_ns
    assert 0 <= whole <= size * NS
    steps = density(view, 7 * NS)
    assert all(0 <= share <= 100 for share in steps)
    assert sum(steps) * 7 * NS <= view.recorded_ns * 100


# ---- a whole life --------------------------------------------------------------------------------


@dataclass
class Life:
    """A recorder as the ledger sees it: time passes, pictures come or do not, it crashes.

    Keeps the rows that a catalog would keep, in the time that the box believes, and the truth.
    """

    now: int = T0
    """True time."""
    error: int = 0
    """What the box believes the time to be, less the truth."""
    boot: int = 0
    boot_ns: int = T0
    continuity: Continuity = field(init=False)
    gaps: dict[tuple[int, int], GapRow] = field(default_factory=dict)
    rows: list[tuple[int, int, int]] = field(default_factory=list)
    """(boot, from, to) of each segment as the box believes."""
    truth: list[tuple[int, int]] = field(default_factory=list)
    """The same, as it was."""

    def __post_init__(self) -> None:
        self.continuity = Continuity(known_until_ns=None, started_ns=self.now)
        self.apply(self.continuity.start())

    def apply(self, changes: list[Change]) -> None:
        for change in changes:
            key = (self.boot, change.from_ns)
            if change.kind == "open":
                assert key not in self.gaps
                self.gaps[key] = GapRow(
                    "c", "main", change.from_ns, None, change.cause.value, change.evidence
                )
                continue
            row = self.gaps.pop(key)
            assert row.to_ns is None
            if change.kind == "recast":
                self.gaps[key] = row._replace(cause=change.cause.value, evidence=change.evidence)
            elif change.kind == "close":
                assert change.to_ns is not None
                assert change.to_ns > change.from_ns
                self.gaps[key] = row._replace(to_ns=change.to_ns)
            else:
                assert change.kind == "drop"

    def keyframe(self, late: int) -> None:
        """A keyframe taken up to `late` ago is recorded, and a picture's length after it."""
        newest = max((end for _, end in self.truth), default=T0)
        start = max(self.now - late, newest, self.continuity.started_ns - self.error)
        end = start + NS // 25
        self.apply(self.continuity.recorded(start + self.error))
        self.truth.append((start, end))
        self.rows.append((self.boot, start + self.error, end + self.error))
        self.continuity.reached(end + self.error)
        self.now = max(self.now, end)

    def pictures(self, length: int) -> None:
        """Pictures go on coming, if they are being recorded."""
        self.now += length
        if self.continuity.recording:
            begin, end = self.truth[-1]
            end = max(end, self.now)
            self.truth[-1] = (begin, end)
            self.rows[-1] = (self.boot, self.rows[-1][1], end + self.error)
            self.continuity.reached(end + self.error)

    def lost(self, cause: Cause, ago: int) -> None:
        since = max(self.now + self.error - ago, self.continuity.started_ns)
        self.apply(self.continuity.lost(cause, "told", since_ns=since))

    def kill(self, off: int, mark_age: int) -> None:
        """Killed, and started again after `off`; its last mark is `mark_age` old.

        By then the box knows the time: a crash before that is a test of its own.
        """
        self.step(0)
        mark = self.now + self.error - mark_age
        for key, row in list(self.gaps.items()):
            if row.to_ns is None:
                del self.gaps[key]
                if mark > row.from_ns:
                    self.gaps[key] = row._replace(to_ns=mark)
        known = [end for _, _, end in self.rows]
        known += [row.to_ns or row.from_ns for row in self.gaps.values()]
        self.now += off
        self.continuity = Continuity(
            known_until_ns=max(known, default=None),
            started_ns=self.now + self.error,
            boot_ns=self.boot_ns,
        )
        self.apply(self.continuity.start())

    def reboot(self, off: int, error: int) -> None:
        """The box is started again, and believes in another time until it is told."""
        self.step(0)
        self.error = error
        self.boot += 1
        self.boot_ns = self.now + off + error
        known = [end for _, _, end in self.rows]
        known += [row.to_ns or row.from_ns for row in self.gaps.values()]
        for key, row in list(self.gaps.items()):
            if row.to_ns is None:
                self.gaps[key] = row._replace(to_ns=self.now)
                known.append(self.now)
                if self.now <= row.from_ns:
                    del self.gaps[key]
        self.now += off
        self.continuity = Continuity(
            known_until_ns=max(known, default=None), started_ns=self.now + error
        )
        self.apply(self.continuity.start())

    def step(self, error: int) -> None:
        """The wall clock steps, and with it what was written since this start of the box."""
        delta, self.error = error - self.error, error
        if not delta:
            return
        boot_ns = self.boot_ns

        def moved(edge: int) -> int:
            return edge + delta if edge >= boot_ns else edge

        self.boot_ns += delta
        self.rows = [
            (boot, moved(a), moved(b)) if boot == self.boot else (boot, a, b)
            for boot, a, b in self.rows
        ]
        mine = [(key, row) for key, row in self.gaps.items() if key[0] == self.boot]
        for key, _ in mine:
            del self.gaps[key]
        for (_, low), row in mine:
            to = None if row.to_ns is None else moved(row.to_ns)
            self.gaps[self.boot, moved(low)] = row._replace(from_ns=moved(low), to_ns=to)
        self.apply(self.continuity.moved(delta))

    def view(self) -> Timeline:
        rows = [
            SegmentRow(
                n, "c", "main", b"", 1, n, str(n), a, b, 0, 1, max(1, (b - a) * 25 // NS), 1,
                None, None, 0,
            )
            for n, (_, a, b) in enumerate(sorted(self.rows, key=lambda row: row[1]))
        ]  # fmt: skip
        return timeline(
            rows, list(self.gaps.values()), from_ns=T0 - 1000 * NS, to_ns=self.now + 1000 * NS,
            as_of_ns=self.now,
        )  # fmt: skip


milliseconds = st.integers(0, 20_000).map(lambda ms: ms * 1_000_000)
short = st.integers(0, 3_000).map(lambda ms: ms * 1_000_000)
errors = st.integers(-100_000, 100_000).map(lambda ms: ms * 1_000_000)
events = st.one_of(
    st.tuples(st.just("keyframe"), short),
    st.tuples(st.just("pictures"), milliseconds),
    st.tuples(st.just("lost"), st.sampled_from(list(Cause)), short),
    st.tuples(st.just("kill"), milliseconds, st.integers(0, 100_000_000)),
    st.tuples(st.just("reboot"), milliseconds, errors),
    st.tuples(st.just("step"), st.just(0)),
)


@settings(max_examples=300, deadline=None)
@given(story=st.lists(events, min_size=1, max_size=30))
def test_no_life_of_a_recorder_makes_the_ledger_lie(story: list[tuple[str, int]]) -> None:
    """Losses, returns, crashes, reboots and clock steps in any order.

    Once the box knows the time, what is told as recorded was, but for holes of at most a second;
    what is told as missing was; and nothing is left out in between.
    """
    life = Life()
    for name, *values in story:
        getattr(life, name)(*values)
    life.step(0)
    view = life.view()
    told = sorted([*view.spans, *((g.from_ns, g.to_ns) for g in view.gaps)])
    for (begin, end), (after, _) in pairwise(told):
        assert begin < end <= after
    assert unexplained(view) == []
    assert sorted((a, b) for _, a, b in life.rows) == sorted(life.truth)
    for span in view.spans:
        inside = sorted(s for s in life.truth if s[1] > span.from_ns and s[0] < span.to_ns)
        assert inside[0][0] == span.from_ns
        reach = inside[0][1]
        for begin, end in inside:
            assert begin - reach <= SPAN_ENDS_NS
            reach = max(reach, end)
        assert reach == span.to_ns
    for missing in view.gaps:
        assert all(end <= missing.from_ns or begin >= missing.to_ns for begin, end in life.truth)
    lasting = life.continuity.open
    if lasting is not None and lasting.from_ns < life.now:
        assert view.gaps[-1].to_ns == life.now
