"""Where pictures are placed when clocks, networks and cameras misbehave: one test for each policy.

A virtual camera takes pictures at true times that the test knows, stamps them as it likes, and
the network and the drain timer of 0.2 s bring them.  Errors are milliseconds between `time_ns`
and the true time of taking.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac.media.rtp import SenderReport
from vonggac.media.timeline import Placed, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

S = 1_000_000_000
MS = 1_000_000
START_NS = 5 * S


@dataclass
class Run:
    """What a timeline made of a camera."""

    timeline: Timeline
    taken_s: list[float] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    order: list[int] = field(default_factory=list)

    def errors_ms(self, first: int = 0, last: int | None = None) -> list[float]:
        """`time_ns` less the true time, for pictures in that range."""
        return [
            (placed.time_ns - START_NS - taken * S) / MS
            for placed, taken in list(zip(self.placed, self.taken_s, strict=True))[first:last]
        ]

    def steps(self, first: int = 0, last: int | None = None) -> set[int]:
        """Distances between decode times."""
        ticks = [placed.decode_ticks for placed in self.placed[first:last]]
        return {after - before for before, after in pairwise(ticks)}

    def gaps(self) -> list[int]:
        """Pictures that come later than a gap begins."""
        times = [placed.time_ns for placed in self.placed]
        return [
            number
            for number in range(1, len(times))
            if times[number] - times[number - 1] > max(S, 4 * self.timeline.interval_ns)
        ]

    def shown(self) -> list[int]:
        """Presentation times in the order in which the pictures were taken."""
        pairs = zip(self.order, self.placed, strict=True)
        return [placed.decode_ticks + placed.composition_offset for _, placed in sorted(pairs)]


def run(
    *,
    pictures: int = 3_000,
    fps: float = 25.0,
    declared: float | None = 25.0,
    clock: int = 90_000,
    depth: int = 0,
    taken: Callable[[int], float] | None = None,
    stamp: Callable[[int, float], int] | None = None,
    true_rate: float | None = None,
    stalls: Sequence[tuple[float, float]] = (),
    pattern: Sequence[int] = (0,),
    drain_s: float = 0.2,
) -> Run:
    """Play a camera.

    Args:
        pictures: how many.
        fps: that it truly takes.
        declared: that it declares.
        clock: ticks a second that it declares.
        depth: reorder depth of its parameter sets.
        taken: true time of a picture, if not by `fps`.
        stamp: RTP timestamp of a picture, if not by its true time and `true_rate`.
        true_rate: ticks a second that it truly counts, if not `clock`.
        stalls: stretches of arrival during which nothing comes; all comes at their end.
        pattern: display order within a group, in decode order: (0, 2, 1) for one B-picture.
        drain_s: period of the reads.
    """
    noise = random.Random(1)
    result = Run(Timeline(clock, declared, depth))
    group = len(pattern)
    order = [at + offset for at in range(0, pictures, group) for offset in pattern]
    arrived_s = 0.0
    for number, picture in enumerate(order):
        true_s = taken(picture) if taken else picture / fps
        ticks = stamp(picture, true_s) if stamp else round(true_s * (true_rate or clock))
        # With B-pictures the encoder holds pictures back until those they need are coded.
        sent_s = (taken(number) if taken else number / fps) + (0.08 if group > 1 else 0)
        arrived_s = max(arrived_s, sent_s + 0.01 + noise.random() * 0.02)
        for begins, ends in stalls:
            if begins <= arrived_s < ends:
                arrived_s = ends
        read_s = math.ceil(arrived_s / drain_s) * drain_s
        arrival_ns = START_NS + round(read_s * S)
        placed = result.timeline.place(1_000_000 + ticks, arrival_ns, number % 50 == 0)
        if result.placed:
            assert placed.decode_ticks > result.placed[-1].decode_ticks
            assert placed.time_ns >= result.placed[-1].time_ns
        else:
            assert placed.decode_ticks == 0
        assert placed.composition_offset >= 0
        assert placed.time_ns <= arrival_ns
        result.placed.append(placed)
        result.order.append(picture)
        result.taken_s.append(taken(number) if taken else number / fps)
    return result


def within(errors: list[float], low: float, high: float) -> bool:
    return low <= min(errors) and max(errors) <= high


def test_pictures_read_together_at_the_start_were_not_taken_together() -> None:
    """Otherwise a recording would begin too late, and 25 pictures a second be told as 27."""
    timeline = Timeline(90_000, 25.0, 0, backlog=4 * 3600)
    arrivals = [START_NS] * 5 + [START_NS + (number // 5) * S // 5 for number in range(5, 100)]

    times = [timeline.place(n * 3600, at, n == 0).time_ns for n, at in enumerate(arrivals)]

    assert times[:5] == [START_NS - late * 40 * MS for late in (4, 3, 2, 1, 0)]
    assert timeline.delivered_fps == pytest.approx(25, abs=0.01)


def test_a_burst_after_the_start_does_not_change_the_measured_rate() -> None:
    """A source that hands over its backlog with the second read: the axis stood wrong at first."""
    timeline = Timeline(90_000, 25.0, 0)
    arrivals = [START_NS] + [START_NS + MS] * 9
    arrivals += [START_NS + (number // 5 - 1) * S // 5 for number in range(10, 100)]

    times = [timeline.place(n * 3600, at, n == 0).time_ns for n, at in enumerate(arrivals)]

    assert times[9] == START_NS + MS
    assert timeline.delivered_fps == pytest.approx(25, abs=0.1)


@pytest.mark.parametrize(("backlog", "earlier_ns"), [(9_000_000, S), (-3600, 0)])
def test_a_backlog_that_cannot_be_is_bounded(backlog: int, earlier_ns: int) -> None:
    timeline = Timeline(90_000, 25.0, 0, backlog=backlog)

    assert timeline.place(0, START_NS, True).time_ns == START_NS - earlier_ns


def test_an_ordinary_camera_keeps_its_ticks_and_loses_the_bunching_of_the_reads() -> None:
    """Pictures come five at a time; the axis is even to the microsecond."""
    played = run()

    assert played.steps() == {3600}
    errors = played.errors_ms(10)
    assert within(errors, 0, 60)
    assert all(abs(b - a) < 0.05 for a, b in pairwise(errors[500:]))
    assert played.timeline.delivered_fps == pytest.approx(25, abs=0.01)
    assert played.timeline.interval_ns == pytest.approx(40 * MS, rel=0.001)
    assert played.timeline.gap_after_ns == S
    assert played.gaps() == []


def test_the_first_picture_lies_at_zero_and_at_its_arrival() -> None:
    assert Timeline(90_000, 25.0, 0).place(123_456, 77, True) == Placed(0, 0, 77)


def test_a_camera_with_another_clock_is_rescaled_without_losing_a_tick() -> None:
    """8,000 ticks a second and 24 pictures: 333.33 ticks each, 3,750 of ours."""
    played = run(fps=24.0, declared=24.0, clock=8_000)

    assert played.placed[2400].decode_ticks == 2400 * 3750
    assert max(played.steps()) - min(played.steps()) <= 12
    assert within(played.errors_ms(50), 0, 60)


def test_a_forward_jump_is_placed_by_arrival() -> None:
    """An hour in the ticks while arrival says 40 ms."""
    played = run(stamp=lambda n, _: n * 3600 + (324_000_000 if n > 1500 else 0))

    assert played.steps() <= {3599, 3600}
    assert played.timeline.jumps == 1
    assert played.gaps() == []
    assert within(played.errors_ms(50), 0, 60)


def test_a_backward_step_is_placed_by_arrival() -> None:
    played = run(stamp=lambda n, _: n * 3600 - (324_000_000 if n > 1500 else 0))

    assert played.steps() <= {3599, 3600}
    assert played.timeline.jumps == 1
    assert played.gaps() == []


def test_a_small_backward_step_without_b_pictures_is_a_step_too() -> None:
    played = run(stamp=lambda n, _: n * 3600 - (18_000 if n > 1500 else 0))

    assert played.steps() <= {3599, 3600}
    assert (played.timeline.jumps, played.timeline.reorder_depth) == (1, 0)


def test_a_jump_while_pictures_were_missing_is_a_gap_of_the_time_that_passed() -> None:
    """The camera rebooted its clock and lost 30 s: arrival says how long it was."""
    played = run(
        taken=lambda n: n / 25 + (30 if n > 1500 else 0),
        stamp=lambda n, _: n * 3600 - (9_000_000 if n > 1500 else 0),
    )

    assert played.gaps() == [1501]
    assert within(played.errors_ms(1510), -50, 250)
    assert max(played.steps()) == pytest.approx(30.04 * 90_000, abs=20_000)


def test_wrapped_ticks_are_only_a_count_here() -> None:
    played = run(pictures=100, stamp=lambda n, _: (1 << 32) - 100_000 + n * 3600)

    assert played.steps() == {3600}
    assert played.timeline.jumps == 0


def test_one_duplicated_timestamp_is_put_halfway_and_taken_back() -> None:
    played = run(stamp=lambda n, _: (n if n != 2000 else 1999) * 3600)

    assert played.timeline.duplicates == 1
    assert played.steps(1990, 2010) == {1800, 3600, 5400}
    assert played.placed[2010].decode_ticks == 2010 * 3600


def test_timestamps_that_all_come_twice_keep_their_pace() -> None:
    played = run(stamp=lambda n, _: n // 2 * 7200)

    assert played.placed[2000].decode_ticks == 2000 * 3600
    assert within(played.errors_ms(100), 0, 60)
    assert played.timeline.delivered_fps == pytest.approx(25, abs=0.1)


def test_stuck_timestamps_are_spaced_by_the_delivered_interval() -> None:
    played = run(pictures=5_000, stamp=lambda n, _: min(n, 2_000) * 3600)

    assert played.timeline.by_arrival is True
    assert within(played.errors_ms(2_500), -50, 250)
    assert played.gaps() == []
    assert abs(played.placed[-1].decode_ticks - 4_999 * 3600) < 0.5 * 90_000
    assert played.steps(2_500) <= set(range(2_400, 4_800))


def test_timestamps_that_never_moved_are_spaced_by_arrival_too() -> None:
    played = run(pictures=5_000, declared=None, stamp=lambda _n, _t: 0)

    assert played.timeline.by_arrival is True
    assert within(played.errors_ms(500), -50, 250)
    assert abs(played.placed[-1].decode_ticks - 4_999 * 3600) < 0.5 * 90_000


def test_a_gap_while_the_timestamps_are_stuck_is_a_gap() -> None:
    played = run(taken=lambda n: n / 25 + (20 if n > 1500 else 0), stamp=lambda _n, _t: 0)

    assert played.gaps() == [1501]
    assert within(played.errors_ms(1_600), -100, 300)


def test_ticks_that_run_again_are_believed_after_two_clean_windows() -> None:
    def stamp(number: int, _taken: float) -> int:
        return (min(number, 2_000) if number < 3_000 else number - 1_000) * 3600

    played = run(pictures=5_000, stamp=stamp)

    assert played.timeline.by_arrival is False
    assert played.steps(3_400) == {3600}
    assert within(played.errors_ms(3_400), -50, 250)


def test_nonsense_timestamps_are_ignored() -> None:
    played = run(stamp=lambda n, _: random.Random(n).randrange(1 << 40))

    assert played.timeline.by_arrival is True
    assert played.gaps() == []
    assert within(played.errors_ms(100), -50, 250)
    assert abs(played.placed[-1].decode_ticks - 2_999 * 3600) < 0.5 * 90_000


def test_a_camera_that_declares_25_and_delivers_21_is_no_gap() -> None:
    """Its timestamps count pictures: 3,600 each, though they come every 47.6 ms."""
    played = run(pictures=5_000, fps=21.0, stamp=lambda n, _: n * 3600)

    assert played.timeline.declared_fps == 25.0
    assert played.timeline.delivered_fps == pytest.approx(21, abs=0.1)
    assert played.timeline.measured_rate == pytest.approx(75_600, rel=0.01)
    assert played.gaps() == []
    assert within(played.errors_ms(2_000), -50, 250)
    assert played.steps(3_000) <= {4283, 4284, 4285, 4286, 4287, 4288}


@pytest.mark.parametrize(("true_rate", "settled"), [(1_000, 400), (180_000, 400), (45_000, 400)])
def test_a_nonsense_clock_rate_gives_way_to_the_measured_one(true_rate: int, settled: int) -> None:
    played = run(pictures=3_000, true_rate=true_rate)

    assert played.timeline.measured_rate == pytest.approx(true_rate, rel=0.02)
    assert within(played.errors_ms(settled), -50, 250)
    between = played.placed[2_999].decode_ticks - played.placed[1_000].decode_ticks
    assert between == pytest.approx(1_999 * 3600, rel=0.02)
    assert played.gaps() == []


def test_a_clock_rate_that_comes_right_is_believed_again() -> None:
    def stamp(number: int, _taken: float) -> int:
        return number * 7200 if number < 1_500 else 1_500 * 7200 + (number - 1_500) * 3600

    played = run(pictures=5_000, stamp=stamp)

    assert played.timeline.measured_rate == 90_000
    assert played.steps(4_000) == {3600}
    assert within(played.errors_ms(4_000), -50, 250)
    assert played.gaps() == []


@pytest.mark.parametrize("ppm", [-300, -50, 50, 300])
def test_the_drift_of_a_crystal_is_followed(ppm: int) -> None:
    played = run(pictures=20_000, true_rate=90_000 * (1 + ppm / 1e6))

    assert within(played.errors_ms(10_000), 0, 80)
    assert played.timeline.measured_rate == 90_000
    assert played.timeline.reanchorings == 0


@pytest.mark.parametrize("percent", [-1, 1])
def test_a_drift_of_one_per_cent_is_learnt(percent: int) -> None:
    played = run(pictures=20_000, true_rate=90_000 * (1 + percent / 100))

    assert within(played.errors_ms(10_000), 0, 80)
    assert played.gaps() == []


def test_stalls_and_bursts_of_the_network_do_not_move_the_axis() -> None:
    """3 s and 8 s nothing, then everything at once: nothing was lost, nothing is a gap."""
    played = run(stalls=((20, 23), (60, 68)))

    assert played.steps() == {3600}
    assert within(played.errors_ms(10), 0, 60)
    assert played.gaps() == []
    assert played.timeline.reanchorings == 0


def test_pictures_that_a_camera_had_in_store_are_not_dated_into_the_future() -> None:
    """Some send the last seconds first: until those have come, arrival is all that is known."""
    played = run(stalls=((0, 4),))

    assert played.errors_ms(0, 1)[0] == pytest.approx(4_000, abs=1)
    assert within(played.errors_ms(110), 0, 60)


def test_a_gap_that_the_ticks_tell_is_where_it_was() -> None:
    played = run(taken=lambda n: n / 25 + (30 if n > 1500 else 0))

    assert played.gaps() == [1501]
    assert within(played.errors_ms(10), 0, 60)
    assert played.timeline.interval_ns == pytest.approx(40 * MS, rel=0.05)


def test_a_long_pause_that_the_ticks_keep_silent_is_a_gap_at_once() -> None:
    """A camera whose clock stood still with it: 30 s is more than any buffer holds."""
    played = run(taken=lambda n: n / 25 + (30 if n > 1500 else 0), stamp=lambda n, _: n * 3600)

    assert played.gaps() == [1501]
    assert within(played.errors_ms(1_501), -50, 250)


@pytest.mark.parametrize("pause_s", [1.5, 3, 8])
def test_a_short_pause_that_the_ticks_keep_silent_is_found_within_a_second(
    pause_s: float,
) -> None:
    """It could be a stall whose pictures come in a burst; the next second tells."""
    played = run(taken=lambda n: n / 25 + (pause_s if n > 1500 else 0), stamp=lambda n, _: n * 3600)

    (gap,) = played.gaps()
    assert 1501 <= gap <= 1501 + 27
    assert played.timeline.reanchorings == 1
    assert within(played.errors_ms(gap), -50, 250)


def test_a_stall_that_a_narrow_line_catches_up_with_slowly_is_no_gap() -> None:
    """5 s nothing, then everything at one and a half times the rate: 10 s until it is level."""
    timeline = Timeline(90_000, 25.0, 0)
    level = 0
    for number in range(3_000):
        sent_s = number / 25 + 0.02
        read_s = sent_s
        if 1_500 <= number < 1_875:
            read_s = 65 + (number - 1_500) / 37.5
        read_ns = START_NS + math.ceil(max(sent_s, read_s) * 5) * S // 5
        placed = timeline.place(number * 3600, read_ns, number % 50 == 0)
        if number > 10:
            assert abs(placed.time_ns - START_NS - number * 40 * MS) < 100 * MS
            level += 1

    assert level == 2_989
    assert timeline.reanchorings == 0


@pytest.mark.parametrize(
    ("depth", "pattern"),
    [(1, (0, 2, 1, 4, 3, 6, 5, 8, 7, 9)), (2, (0, 4, 2, 1, 3, 8, 6, 5, 7, 9))],
)
def test_b_pictures_of_known_depth_are_shown_in_order(depth: int, pattern: tuple[int, ...]) -> None:
    played = run(depth=depth, pattern=pattern)

    assert played.shown() == [depth * 3600 + number * 3600 for number in range(3_000)]
    assert played.steps() == {3600}
    assert within(played.errors_ms(10), 0, 140)


@pytest.mark.parametrize("declared", [25.0, None])
@pytest.mark.parametrize(
    ("depth", "pattern"),
    [(1, (0, 2, 1, 4, 3, 6, 5, 8, 7, 9)), (2, (0, 4, 2, 1, 3, 8, 6, 5, 7, 9))],
)
def test_an_unknown_depth_is_learnt_from_the_first_b_pictures(
    depth: int, pattern: tuple[int, ...], declared: float | None
) -> None:
    played = run(depth=-1, pattern=pattern, declared=declared)

    shown = played.shown()
    late = [number for number in range(1, 3_000) if shown[number] <= shown[number - 1]]
    assert played.timeline.reorder_depth == depth
    assert len(late) <= depth
    assert max(late) < 10
    assert played.timeline.jumps == 0


def test_a_depth_that_is_a_lie_is_put_right() -> None:
    played = run(depth=1, pattern=(0, 4, 2, 1, 3, 8, 6, 5, 7, 9))

    assert played.timeline.reorder_depth == 2
    shown = played.shown()
    assert all(b > a for a, b in pairwise(shown[10:]))


def test_a_depth_beyond_what_is_learnt_still_gives_rising_decode_times() -> None:
    pattern = (0, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)

    played = run(pictures=1_300, depth=-1, pattern=pattern)

    assert played.timeline.reorder_depth == 4


def test_a_keyframe_that_steps_back_is_a_step_and_no_b_picture() -> None:
    timeline = Timeline(90_000, 25.0, 2)
    for number in range(10):
        timeline.place(number * 3600, number * 40 * MS, False)

    timeline.place(5 * 3600, 10 * 40 * MS, True)

    assert timeline.jumps == 1


def test_one_picture_in_five_seconds_is_a_slow_camera_and_no_gap() -> None:
    played = run(pictures=200, fps=0.2, declared=25.0)

    assert played.timeline.delivered_fps == pytest.approx(0.2, rel=0.01)
    assert played.timeline.gap_after_ns == 10 * S
    assert [gap for gap in played.gaps() if gap > 5] == []


@pytest.mark.parametrize("declared", [25.0, None])
def test_a_camera_that_slows_down_step_by_step_has_gaps_in_the_end(declared: float | None) -> None:
    """Each step is less than four of the last intervals; nobody would ever be told."""
    times = [0.0]
    for interval_s in (0.2, 0.6, 1.8, 5.4, 16.2, 48.6):
        until_s = times[-1] + max(30.0, 12 * interval_s)
        while times[-1] < until_s:
            times.append(times[-1] + interval_s)

    played = run(pictures=len(times), declared=declared, taken=lambda number: times[number])

    assert played.timeline.gap_after_ns == 10 * S


def test_a_camera_that_declares_a_slow_pace_is_given_four_of_its_intervals() -> None:
    """A picture every five seconds, declared: twenty seconds are no gap, and no more than that."""
    played = run(pictures=60, fps=0.2, declared=0.2)
    slower = run(pictures=60, fps=0.1, declared=0.2)

    assert played.timeline.gap_after_ns == pytest.approx(20 * S, rel=0.02)
    assert slower.timeline.gap_after_ns == 20 * S


def test_an_undeclared_rate_is_taken_for_one_picture_a_second_until_it_is_measured() -> None:
    """A camera of one picture a second must not begin with a gap."""
    timeline = Timeline(90_000, None, 0)
    assert (timeline.delivered_fps, timeline.gap_after_ns) == (None, 4 * S)

    played = run(pictures=60, fps=1.0, declared=None)

    assert played.timeline.delivered_fps == pytest.approx(1, rel=0.01)
    assert played.timeline.gap_after_ns == pytest.approx(4 * S, rel=0.01)


def test_a_rate_that_changes_at_night_is_followed() -> None:
    played = run(taken=lambda n: n / 25 if n < 1500 else 60 + (n - 1500) / 5)

    assert played.timeline.delivered_fps == pytest.approx(5, rel=0.05)
    assert played.gaps() == []
    assert within(played.errors_ms(10), 0, 260)


def test_the_clock_error_is_the_cameras_wall_less_ours() -> None:
    timeline = Timeline(90_000, 25.0, 0)
    assert timeline.clock_error_ns(0) is None
    timeline.report(SenderReport(1_700_000_000 * S, 0, 3 * S))
    assert timeline.clock_error_ns(1_699_999_990 * S) == 7 * S

    for number in range(100):
        timeline.place(number * 3600, 10 * S + number * 40 * MS, number == 0)
    # The report speaks of picture 90 and is read 0.4 s after it was taken.
    timeline.report(SenderReport(1_700_000_000 * S, 90 * 3600, 14 * S))

    box_ns = 10 * S + 90 * 40 * MS
    assert timeline.clock_error_ns(1_700_000_002 * S - box_ns) == -2 * S


def test_a_report_whose_ticks_are_elsewhere_is_placed_by_arrival() -> None:
    """Some cameras report in another time base than they stamp."""
    timeline = Timeline(90_000, 25.0, 0)
    timeline.place(0, 10 * S, True)
    timeline.report(SenderReport(1_700_000_000 * S, 1 << 40, 14 * S))

    assert timeline.clock_error_ns(0) == 1_700_000_000 * S - 14 * S


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.one_of(
                st.just(3600), st.just(0), st.integers(-20_000, 40_000),
                st.integers(-(1 << 40), 1 << 40),
            ),
            st.one_of(st.just(0), st.just(40 * MS), st.integers(0, 20 * S)),
            st.booleans(),
        ),
        min_size=1, max_size=400,
    ),
    clock=st.sampled_from([90_000, 1_000, 8_000, 1]),
    declared=st.sampled_from([None, 25.0, 0.02, 1000.0]),
    depth=st.integers(-1, 16),
)  # fmt: skip
def test_whatever_comes_decode_times_rise_and_nothing_is_dated_after_its_arrival(
    steps: list[tuple[int, int, bool]], clock: int, declared: float | None, depth: int
) -> None:
    timeline = Timeline(clock, declared, depth)
    ticks, arrival_ns = 0, START_NS
    last: Placed | None = None
    for step, passed_ns, keyframe in steps:
        ticks += step
        arrival_ns += passed_ns
        placed = timeline.place(ticks, arrival_ns, keyframe)
        assert placed.composition_offset >= 0
        assert placed.time_ns <= arrival_ns
        if last is not None:
            assert placed.decode_ticks > last.decode_ticks
            assert placed.time_ns >= last.time_ns
        last = placed
    assert timeline.gap_after_ns >= S
