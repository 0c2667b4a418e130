"""What is deleted when, and that nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac import wire
from vonggac.clock import NS
from vonggac.config import RetentionConfig
from vonggac.edge.catalog import SegmentRow
from vonggac.edge.command import days_of
from vonggac.edge.retention import DAY_NS, Disk, Promise, Volume, plan, promise

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_795_000_000 * NS
MINUTE = 60 * NS
ROOMY = Disk(total=10**12, free=5 * 10**11)


def segment(number: int, age_days: float, *, size: int = 30, camera: str = "cam01") -> SegmentRow:
    """A closed minute that ended so many days ago."""
    end = NOW - round(age_days * DAY_NS)
    return SegmentRow(
        id=number, camera=camera, stream="main", run=b"r" * 16, epoch=1, number=number,
        path=f"{camera}/{number}.mp4", start_ns=end - MINUTE, end_ns=end, base_ticks=0, size=size,
        pictures=1500, parts=300, root=b"", keyframes=b"", held=0,
    )  # fmt: skip


def doomed(
    oldest: Sequence[SegmentRow], rules: RetentionConfig, *, used: int = 0, disk: Disk = ROOMY,
    days_of: dict[str, int] | None = None,
) -> list[tuple[int, str]]:  # fmt: skip
    found = plan(oldest, now_ns=NOW, used=used, disk=disk, rules=rules, days_of=days_of or {})
    return [(each.segment.id, each.rule) for each in found]


def test_what_is_older_than_promised_goes() -> None:
    """By its end: a minute that ended less than 30 days ago is still owed."""
    rows = [segment(1, 40), segment(2, 30.0001), segment(3, 30), segment(4, 29)]
    assert doomed(rows, RetentionConfig(days=30)) == [(1, "days"), (2, "days")]


def test_a_camera_may_have_days_of_its_own() -> None:
    """A gate is kept 90 days where a corridor is kept 30."""
    rows = [segment(1, 60, camera="gate"), segment(2, 45), segment(3, 8, camera="yard")]
    rules = RetentionConfig(days=30)
    assert doomed(rows, rules, days_of={"gate": 90, "yard": 7}) == [(2, "days"), (3, "days")]


def test_a_class_of_cameras_may_have_days_of_its_own() -> None:
    """Gates are kept 60 days by one line of the configuration; a camera's own days go before it."""
    stream = wire.WantedStream(url="rtsp://127.0.0.1/gate", record=True)
    cameras = [
        wire.WantedCamera(name="gate", main=stream, zone="CG"),
        wire.WantedCamera(name="back-gate", main=stream, zone="CG", retention_days=90),
        wire.WantedCamera(name="corridor", main=stream, zone="HL"),
    ]
    assert days_of(cameras, RetentionConfig(zone_days={"CG": 60})) == {"gate": 60, "back-gate": 90}


def test_recordings_beyond_their_share_go_oldest_first_and_no_further() -> None:
    """100 bytes allowed, 160 used, 30 a minute: two must go, the third may stay."""
    rows = [segment(n, 10 - n) for n in range(5)]
    assert doomed(rows, RetentionConfig(days=30, max_bytes=100), used=160) == [
        (0, "bytes"), (1, "bytes")
    ]  # fmt: skip
    assert doomed(rows, RetentionConfig(days=30, max_bytes=100), used=100) == []


def test_the_disk_keeps_its_floor() -> None:
    """Whatever filled it: recordings give way."""
    rows = [segment(n, 10 - n) for n in range(5)]
    rules = RetentionConfig(days=30, free_floor_bytes=1000)
    assert doomed(rows, rules, disk=Disk(5000, 950)) == [(0, "free_floor"), (1, "free_floor")]
    assert doomed(rows, rules, disk=Disk(5000, 1000)) == []


def test_what_the_days_free_is_not_freed_again_for_the_floor() -> None:
    """Each rule counts what the others have already given back."""
    rows = [segment(1, 40), segment(2, 3), segment(3, 2)]
    rules = RetentionConfig(days=30, free_floor_bytes=1000)
    assert doomed(rows, rules, disk=Disk(5000, 970)) == [(1, "days")]


@given(
    sizes=st.lists(st.integers(1, 100), max_size=30),
    limit=st.integers(0, 2000),
    free=st.integers(0, 3000),
    floor=st.integers(0, 3000),
)
def test_no_more_goes_than_a_rule_needs(
    sizes: list[int], limit: int, free: int, floor: int
) -> None:
    """The oldest go, in order, and without the last of them a rule would still be broken."""
    rows = [segment(n, 20 - n / 10, size=size) for n, size in enumerate(sizes)]
    used = sum(sizes)
    rules = RetentionConfig(days=30, max_bytes=limit, free_floor_bytes=floor)
    gone = doomed(rows, rules, used=used, disk=Disk(10**6, free))
    assert [number for number, _ in gone] == list(range(len(gone)))
    freed = sum(sizes[: len(gone)])
    if gone:
        before = freed - sizes[len(gone) - 1]
        assert used - before > limit or free + before < floor
    if len(gone) < len(sizes):
        assert used - freed <= limit
        assert free + freed >= floor


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 100), st.integers(0, 60)), max_size=30),
    st.integers(0, 2000),
)
def test_days_and_space_together_delete_no_more_than_they_need(
    recorded: list[tuple[bool, int, int]], limit: int
) -> None:
    """What the days take anyway, wherever in the row it stands, is not taken twice."""
    rows = sorted(
        (
            segment(n, age, size=size, camera="gate" if is_gate else "yard")
            for n, (is_gate, size, age) in enumerate(recorded)
        ),
        key=lambda each: each.start_ns,
    )
    used = sum(each.size for each in rows)
    rules = RetentionConfig(days=30, max_bytes=limit, free_floor_bytes=0)
    gone = doomed(rows, rules, used=used, days_of={"gate": 50})

    by_rule = {rule: {n for n, why in gone if why == rule} for rule in ("days", "bytes")}
    over = {each.id for each in rows if NOW - (each.end_ns or 0) > DAY_NS * (
        50 if each.camera == "gate" else 30)}  # fmt: skip
    assert by_rule["days"] == over
    left = [each for each in rows if each.id not in over]
    kept = sum(each.size for each in left)
    for each in left:
        assert (each.id in by_rule["bytes"]) == (kept > limit)
        kept -= each.size if kept > limit else 0


GB = 10**9


def test_a_promise_that_the_disk_can_keep() -> None:
    """1 GB an hour for an hour, 1,000 GB of room: 41 days, of which 30 are promised."""
    told = promise(
        [Volume(GB, 3600 * NS, 30)],
        disk=Disk(1001 * GB, 1000 * GB), rules=RetentionConfig(days=30, free_floor_bytes=GB),
    )  # fmt: skip
    assert told == Promise(30, pytest.approx(41.67, abs=0.01), 24 * GB)
    assert not told.broken


def test_a_promise_that_will_be_broken_is_told_days_before() -> None:
    """500 GB of room at 24 GB a day are 21 days: said after the first hour, not on day 21."""
    told = promise(
        [Volume(GB, 3600 * NS, 30)],
        disk=Disk(501 * GB, 500 * GB), rules=RetentionConfig(days=30, free_floor_bytes=GB),
    )  # fmt: skip
    assert told is not None
    assert told.broken
    assert told.expected_days == pytest.approx(20.83, abs=0.01)


def test_a_share_of_bytes_bounds_the_promise_too() -> None:
    """A large disk is of no use to recordings that may take 240 GB of it."""
    told = promise(
        [Volume(GB, 3600 * NS, 30)],
        disk=Disk(9000 * GB, 9000 * GB), rules=RetentionConfig(days=30, max_bytes=240 * GB),
    )  # fmt: skip
    assert told is not None
    assert told.expected_days == pytest.approx(10)


def test_a_camera_that_is_kept_longer_counts_by_what_it_will_take() -> None:
    """10 GB a day for 90 days and 20 for 30 need 1,500 GB; half of it keeps half of the promise."""
    told = promise(
        [Volume(10 * GB, DAY_NS, 90), Volume(20 * 40 * GB, 40 * DAY_NS, 30)],
        disk=Disk(800 * GB, 0), rules=RetentionConfig(days=30, max_bytes=750 * GB),
    )  # fmt: skip
    assert told == Promise(30, pytest.approx(15), 30 * GB)


@pytest.mark.parametrize(
    ("minutes", "size"), [(9.9, GB), (60, 0), (0, GB)], ids=["too short", "nothing", "no time"]
)
def test_nothing_is_promised_from_too_little(minutes: float, size: int) -> None:
    """Ten minutes of recordings are needed to know a rate."""
    volume = Volume(size, round(minutes * 60 * NS), 30)
    assert promise([volume], disk=ROOMY, rules=RetentionConfig()) is None
