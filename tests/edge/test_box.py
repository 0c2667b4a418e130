"""The whole edge of a site in one process, while clocks step, streams come and go, disks fill."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import pytest

from recordings import (
    Cameras,
    Lateness,
    assert_each_once,
    checked,
    gaps,
    ledger,
    rows,
    stored,
    virtual_cameras,
)
from vonggac import wire
from vonggac.causes import Cause
from vonggac.clock import NS, SystemClock
from vonggac.config import RecordConfig, RetentionConfig, Secret
from vonggac.edge import journal as journals
from vonggac.edge.bookkeeping import Maintenance
from vonggac.edge.box import Box, StreamSetup
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.choice import SourceChoice
from vonggac.edge.identity import identity_at
from vonggac.edge.ingest import StreamPlan
from vonggac.edge.picture import PictureDecoder
from vonggac.edge.recovery import CATALOG, segment_files
from vonggac.edge.report import read_ledger
from vonggac.edge.source import READ_BUFFER_BYTES
from vonggac.errors import ConfigError
from vonggac.media.fmp4_read import scan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from vonggac.edge.ledger import Timeline

SETTINGS = RecordConfig(segment_s=5.0)
BUFFER = bytearray(READ_BUFFER_BYTES)


class SteppedClock(SystemClock):
    """The system's clocks, but its wall clock is wrong by as much as a test says."""

    def __init__(self, error_s: float = 0.0) -> None:
        self.error_ns = round(error_s * NS)

    def wall_ns(self) -> int:
        return time.time_ns() + self.error_ns

    def set_right(self) -> None:
        """NTP has come."""
        self.error_ns = 0


@pytest.fixture(scope="module")
def cameras(cache: Path) -> Iterator[Cameras]:
    with virtual_cameras(4, cache) as made:
        yield made


def setup(url: str, name: str = "cam01", **words: object) -> StreamSetup:
    """A stream of a camera, recorded unless it says otherwise."""
    choice = SourceChoice(url, "", Secret(""), clock=SystemClock(), buffer=BUFFER)
    plan = StreamPlan(name, str(words.pop("stream", "main")), record=bool(words.pop("record", 1)))
    return StreamSetup(plan, choice.connect, choice.ended, **words)  # type: ignore[arg-type]


@asynccontextmanager
async def running(
    directory: Path,
    *streams: StreamSetup,
    clock: SystemClock | None = None,
    settings: RecordConfig = SETTINGS,
    **words: object,
) -> AsyncIterator[Box]:
    """A box that records these, and is stopped in order at the end of the block."""
    box = Box(
        directory, identity_at(directory), clock or SystemClock(), settings=settings,
        **words,  # type: ignore[arg-type]
    )  # fmt: skip
    living = asyncio.create_task(box.run(streams))
    try:
        await until(lambda: living.done() or len(box.ingests) == len(streams), "the streams begin")
        yield box
    finally:
        box.stop()
        await living


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait on the loop until it is so; fails with `what` after a deadline."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within 30 s: {what}")


def pictures(box: Box, camera: str = "cam01", stream: str = "main") -> int:
    return box.ingests[camera, stream].pictures  # type: ignore[index]


async def more_pictures(box: Box, count: int = 5, *cameras: str) -> None:
    """So many more come, of each of these cameras."""
    wanted = {camera: pictures(box, camera) + count for camera in cameras or ["cam01"]}
    await until(
        lambda: all(pictures(box, camera) >= number for camera, number in wanted.items()),
        f"{count} more pictures",
    )


async def absence(since_ns: int) -> None:
    """Until what ended then has been away for long enough to be a gap."""
    await until(lambda: time.time_ns() - since_ns > 1.3 * NS, "an absence that counts")


async def another_run(box: Box, directory: Path, number: int) -> None:
    """The directory's so-manieth run begins, and pictures come."""
    await until(lambda: len(facts(directory, wire.RunStarted)) == number, "a run begins")
    await more_pictures(box, 12)


def facts(directory: Path, kind: type) -> list[wire.Fact]:
    return [fact for _, fact in journals.facts(directory / "journal") if isinstance(fact, kind)]


def view(directory: Path, camera: str = "cam01") -> Timeline:
    return read_ledger(directory)[camera][0]


def files(directory: Path) -> list[Path]:
    """In order of the catalog's time, which a file name need not be after a step."""
    return [directory / row.path for row in rows(directory)]


# ---- the wall clock ------------------------------------------------------------------------------


async def test_what_a_box_recorded_without_ever_knowing_the_time_is_told_as_such(
    cameras: Cameras, tmp_path: Path
) -> None:
    """It woke in 1970 and lost its power before the time came: it ran, but nobody knows when."""
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    earlier = view(tmp_path).spans[-1].to_ns
    _another_boot(tmp_path)
    clock = SteppedClock(100 - time.time())
    async with running(tmp_path, setup(cameras.url("cam01")), clock=clock) as box:
        await more_pictures(box, 15)
    _another_boot(tmp_path, "without time")
    await absence(earlier)
    began = time.time_ns()
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    now = [gap for gap in view(tmp_path).gaps if gap.to_ns > earlier]
    assert [(gap.from_ns, gap.cause) for gap in now] == [(earlier, Cause.CLOCK_UNTRUSTED)]
    assert now[0].to_ns >= began
    assert view(tmp_path).spans[-1].to_ns > now[0].to_ns


async def test_a_box_that_wakes_in_1970_is_put_right_when_time_arrives(
    cameras: Cameras, tmp_path: Path
) -> None:
    """It records at once; then everything of this start is moved to where it belongs.

    An earlier life, of another start, ended in the present: the time between is edge off.
    """
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    earlier = view(tmp_path).spans[-1].to_ns
    _another_boot(tmp_path)
    await absence(earlier)
    clock = SteppedClock(100 - time.time())
    async with running(tmp_path, setup(cameras.url("cam01")), clock=clock) as box:
        assert not box.timebase.trusted
        await more_pictures(box, 15)
        began = time.time_ns()
        clock.set_right()
        await until(lambda: box.timebase.trusted, "the box notices")
        await another_run(box, tmp_path, 3)
        assert abs(box.timebase.wall_ns() - time.time_ns()) < 0.1 * NS
    (gap,) = view(tmp_path).gaps
    assert (gap.from_ns, gap.cause) == (earlier, Cause.EDGE_OFF)
    assert gap.to_ns < began
    first, second = view(tmp_path).spans
    assert first.to_ns == earlier
    assert (second.to_ns - second.from_ns) / NS > 2.5
    assert_times_are_true(tmp_path)
    (step,) = facts(tmp_path, wire.ClockStepped)
    assert isinstance(step, wire.ClockStepped)
    assert step.before < 200 * NS
    assert step.after > earlier
    assert sorted(p.parts[-3] for p in segment_files(tmp_path))[0] == "1970-01-01"
    assert_rebuilt_alike(tmp_path)


@pytest.mark.parametrize("hours", [-2.0, 3.0])
async def test_a_step_neither_tears_nor_overlaps_a_recording(
    cameras: Cameras, tmp_path: Path, hours: float
) -> None:
    """The clock was wrong by hours since the box started, in either direction.

    No picture is lost, one span, no gap; the run ends at a keyframe, and its bytes keep their
    time.
    """
    clock = SteppedClock(-hours * 3600)
    async with running(tmp_path, setup(cameras.url("cam01")), clock=clock) as box:
        await more_pictures(box)
        clock.set_right()
        await until(lambda: facts(tmp_path, wire.ClockStepped), "the box notices")
        await another_run(box, tmp_path, 2)
    told = view(tmp_path)
    assert told.gaps == ()
    assert len(told.spans) == 1
    assert len(facts(tmp_path, wire.RunStarted)) == 2
    assert_each_once([number for number, _ in stored(files(tmp_path))])
    assert_times_are_true(tmp_path)
    assert_rebuilt_alike(tmp_path)


async def test_a_few_seconds_of_error_are_slewed_and_never_seen(
    cameras: Cameras, tmp_path: Path
) -> None:
    """No step, no new run, no gap: a segment lasts as long as its pictures."""
    clock = SteppedClock(0)
    async with running(tmp_path, setup(cameras.url("cam01")), clock=clock) as box:
        await more_pictures(box)
        clock.error_ns = -20 * NS
        await more_pictures(box, 32)  # with a keyframe among them: a step would begin a run there
    assert facts(tmp_path, wire.ClockStepped) == []
    assert len(facts(tmp_path, wire.RunStarted)) == 1
    assert view(tmp_path).gaps == ()
    assert len(view(tmp_path).spans) == 1


def _another_boot(directory: Path, name: str = "before") -> None:
    """As if the box had been started again since: its lives so far belong to another boot."""
    with closing(sqlite3.connect(directory / CATALOG)) as db:
        db.execute("update epoch set boot = ? where length(boot) = 36", (name,))
        db.commit()
    if name != "before":
        return
    path = journals.journal_path(directory / "journal", 1)
    boot = facts(directory, wire.BoxStarted)[0]
    assert isinstance(boot, wire.BoxStarted)
    assert len(boot.boot) == 36
    kept = [fact for _, fact in journals.facts(directory / "journal")]
    path.unlink()
    identity = identity_at(directory)
    journal = journals.Journal(directory, identity.site, 1, identity.key.sign)
    for fact in kept:
        if isinstance(fact, wire.BoxStarted):
            fact = wire.BoxStarted(at=fact.at, version=fact.version, boot="before")
        journal.append(fact)
    journal.close()


def assert_times_are_true(directory: Path) -> None:
    """Every segment lies where its pictures were sent, whatever its bytes say."""
    for row in rows(directory):
        sent = stored([directory / row.path])
        assert row.end_ns is not None
        assert abs(row.start_ns - sent[0][1]) < 0.5 * NS
        assert abs(row.end_ns - sent[-1][1] - NS // 10) < 0.5 * NS
        assert [wall for wall, _ in row.keyframe_index()] == sorted(
            wall for wall, _ in row.keyframe_index()
        )
        assert row.start_ns == row.keyframe_index()[0][0]


def assert_rebuilt_alike(directory: Path) -> None:
    """A catalog made from files and journal alone says the same as the one that was lost."""
    before = (ledger(directory, "cam01"), [row[5:14] for row in rows(directory)])
    (directory / CATALOG).unlink()
    checked(directory)
    after = (ledger(directory, "cam01"), [row[5:14] for row in rows(directory)])
    assert [r[:4] + r[5:] for r in after[1]] == [r[:4] + r[5:] for r in before[1]]
    assert after[0] == before[0]


# ---- streams that come and go --------------------------------------------------------------------


async def test_a_camera_out_of_service_is_no_fault_of_the_box(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Taken out and put back, in one life and over a restart; the others do not notice."""
    one, two = (setup(cameras.url(name), name) for name in ("cam01", "cam02"))
    async with running(tmp_path, one, two) as box:
        await more_pictures(box, 5, "cam01", "cam02")
        box.configure([two])
        await absence(time.time_ns())
        box.configure([one, two])
        await until(lambda: ("cam01", "main") in box.ingests, "it is back")
        await more_pictures(box)
        box.configure([two])
        await absence(time.time_ns())
    async with running(tmp_path, one, two) as box:
        await more_pictures(box, 5, "cam01", "cam02")
    assert {gap.cause for gap in view(tmp_path).gaps} == {Cause.NOT_IN_SERVICE}
    assert len(view(tmp_path).gaps) == 2
    assert {gap.cause for gap in view(tmp_path, "cam02").gaps} <= {Cause.EDGE_OFF}


async def test_a_changed_setting_connects_anew_and_the_same_ones_do_not(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Settings are compared by their key; a new one of the same camera costs less than a second."""
    with Lateness() as late:
        await _change_a_setting(cameras, tmp_path)
    assert len(facts(tmp_path, wire.RunStarted)) == 2
    numbers = [number for number, _ in stored(files(tmp_path))]
    assert numbers == sorted(set(numbers))
    assert view(tmp_path).missing_ns < (2 + late.seconds) * NS


async def _change_a_setting(cameras: Cameras, tmp_path: Path) -> None:
    async with running(tmp_path, setup(cameras.url("cam01"), key="a")) as box:
        await more_pictures(box)
        before = box.ingests["cam01", "main"]
        box.configure([setup(cameras.url("cam01"), key="a")])
        assert box.ingests["cam01", "main"] is before
        box.configure([setup(cameras.url("cam01"), key="b")])
        assert box.ingests["cam01", "main"] is not before
        await more_pictures(box)


async def test_a_gap_goes_on_while_the_setting_of_a_dead_camera_is_changed(
    cameras: Cameras, tmp_path: Path
) -> None:
    """The recorder was there: it must never sign that it was off, nor leave seconds unsaid."""
    async with running(tmp_path, setup("rtsp://127.0.0.1:1/x", key="a")) as box:
        books = box.ingests["cam01", "main"].books
        await until(lambda: books.continuity.open, "the gap is told")
        first = books.continuity.open
        assert first is not None
        late_ns = first.from_ns + 3 * NS // 2
        await until(lambda: box.timebase.wall_ns() > late_ns, "an interruption would be shorter")
        box.configure([setup("rtsp://127.0.0.1:1/y", key="b")])
        box.configure([setup(cameras.url("cam01"), key="c")])
        await more_pictures(box)
    told = [(gap.cause, gap.from_) for gap in facts(tmp_path, wire.GapClosed)]
    (gap,) = view(tmp_path).gaps
    (span,) = view(tmp_path).spans

    assert told == [(Cause.UNREACHABLE, first.from_ns)]
    assert (gap.cause, gap.from_ns, gap.to_ns) == (Cause.UNREACHABLE, first.from_ns, span.from_ns)


async def test_what_is_missing_while_a_person_planned_it_is_maintenance(
    cameras: Cameras, tmp_path: Path
) -> None:
    """The camera is unplugged as announced: told as planned, not as unreachable."""
    now = time.time_ns()
    planned = (Maintenance(now - 60 * NS, now + 600 * NS, "painting the corridor"),)
    async with running(tmp_path, setup(cameras.url("cam03"), maintenance=planned)) as box:
        await more_pictures(box)
        cameras.fault("cam03", "drop", seconds=1.5)
        await until(lambda: gaps(tmp_path, "cam01"), "the ledger tells")
        await more_pictures(box)
    (gap,) = view(tmp_path).gaps
    assert (gap.cause, gap.evidence) == (Cause.MAINTENANCE, "painting the corridor")


async def test_planned_time_divides_a_gap_at_its_edges(cameras: Cameras, tmp_path: Path) -> None:
    """Away before it was announced and longer than announced: only what was planned is planned."""
    async with running(tmp_path, setup(cameras.url("cam03"))) as box:
        await more_pictures(box)
        now = time.time_ns()
        plan = Maintenance(now + NS, now + 2 * NS, "painting the corridor")
        box.ingests["cam01", "main"].books.planned = (plan,)
        cameras.fault("cam03", "drop", seconds=3)
        await until(lambda: gaps(tmp_path, "cam01"), "the ledger tells")
        await more_pictures(box)
    before, planned, after = view(tmp_path).gaps
    assert (planned.cause, planned.evidence) == (Cause.MAINTENANCE, plan.reason)
    assert (planned.from_ns, planned.to_ns) == (plan.from_ns, plan.to_ns)
    assert (before.cause, before.to_ns) == (Cause.UNREACHABLE, plan.from_ns)
    assert (after.cause, after.from_ns) == (Cause.UNREACHABLE, plan.to_ns)
    told = [(gap.cause, gap.from_, gap.to) for gap in facts(tmp_path, wire.GapClosed)]
    assert told == [(gap.cause, gap.from_ns, gap.to_ns) for gap in view(tmp_path).gaps]


async def test_a_stream_that_is_only_watched_leaves_nothing_on_the_disk(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Its newest GOP is kept in memory, for whoever joins."""
    async with running(tmp_path, setup(cameras.url("cam01"), record=False)) as box:
        ingest = box.ingests["cam01", "main"]
        await until(ingest.newest_gop, "a GOP")
        await more_pictures(box, 25)
        found = ingest.newest_gop()
        assert found is not None
        header, parts = found
        assert header.keyframe
        assert 1 <= len(parts) <= 20
        assert ingest.current is None
    assert list(segment_files(tmp_path)) == []
    assert rows(tmp_path) == []
    assert read_ledger(tmp_path) == {}


async def test_two_boxes_on_one_directory_are_one_too_many(tmp_path: Path) -> None:
    """Said before anything is touched."""
    async with running(tmp_path):
        with pytest.raises(ConfigError, match="another recorder is already running"):
            Box(tmp_path, identity_at(tmp_path), SystemClock(), settings=SETTINGS)


async def test_a_box_leaves_no_task_and_no_thread_behind(cameras: Cameras, tmp_path: Path) -> None:
    """Everything that was started is ended, by name."""
    before = {thread.name for thread in threading.enumerate()}
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left
    names = {thread.name for thread in threading.enumerate()} - before
    assert not [name for name in names if not name.startswith("asyncio")]


# ---- the watchdog --------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", ["emptied", "garbled"])
async def test_a_stream_that_lies_is_ended_and_begun_anew(
    cameras: Cameras, tmp_path: Path, lie: str
) -> None:
    """The recorder believes that it records; the disk says otherwise. Looked at each minute."""
    decoder = PictureDecoder()
    try:
        async with running(tmp_path, setup(cameras.url("cam01")), decoder=decoder) as box:
            await until(
                lambda: (f := box.ingests["cam01", "main"].current) and f.written_parts > 3,
                "parts on the disk",
            )
            assert await box.watchdog.run_once() == []
            file = box.ingests["cam01", "main"].current
            assert file is not None
            path = tmp_path / file.path
            spoil = _empty if lie == "emptied" else _garble_newest_keyframe
            spoil(path)
            assert await box.watchdog.run_once() == [], "a young segment is left alone"
            file.start_ns -= 30 * NS  # as if it had begun half a minute ago
            found: list[tuple[str, str, str]] = []
            for _ in range(10):  # a keyframe that comes in between is whole again
                spoil(path)
                found = await box.watchdog.run_once()
                if found:
                    break
            ((camera, stream, what),) = found
            assert (camera, stream) == ("cam01", "main")
            assert ("cannot be decoded" if lie == "garbled" else "bytes") in what
            await until(
                lambda: box.ingests["cam01", "main"].current not in (None, file),
                "another segment",
            )
            await more_pictures(box)
    finally:
        await decoder.close()
    (told,) = facts(tmp_path, wire.CheckFailed)
    assert isinstance(told, wire.CheckFailed)
    assert told.evidence == what


def _empty(path: Path) -> None:
    os.truncate(path, 100)


def _garble_newest_keyframe(path: Path) -> None:
    """Its boxes stay as they are, its picture is noise."""
    data = path.read_bytes()
    found = scan(lambda at, count: data[at : at + count], len(data))
    newest = [part for part in found.parts if part.keyframe][-1]
    with path.open("r+b") as raw:
        raw.seek(newest.mdat_offset)
        raw.write(b"\xff" * newest.video_size)


async def test_a_step_of_the_clock_does_not_make_a_stream_a_liar(
    cameras: Cameras, tmp_path: Path
) -> None:
    """The bytes of the segment keep the old time until the next keyframe ends the run."""
    clock = SteppedClock(-3600)
    cameras.clear("cam04")
    async with running(tmp_path, setup(cameras.url("cam04")), clock=clock) as box:
        await more_pictures(box, 8)
        cameras.fault("cam04", "nokey")
        try:
            await more_pictures(box, 3)
            clock.set_right()
            await until(lambda: box.timebase.generation, "the box notices")
            file = box.ingests["cam01", "main"].current
            assert file is not None
            assert file.shift_ns > 3000 * NS
            file.start_ns -= 30 * NS  # as if it had begun half a minute before
            assert await box.watchdog.run_once() == []
        finally:
            cameras.clear("cam04")


# ---- retention and pages -------------------------------------------------------------------------


async def test_retention_deletes_the_oldest_and_the_ledger_calls_it_expired(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Never what is held; each deletion is a fact; what is gone is no gap, also after a rebuild."""
    short = RecordConfig(segment_s=2.0)
    async with running(tmp_path, setup(cameras.url("cam01")), settings=short) as box:
        ingest = box.ingests["cam01", "main"]
        await until(lambda: len(list(segment_files(tmp_path))) >= 2, "two segments")
        assert ingest.current is not None
        await more_pictures(box, 3)
    _copies_of_days(tmp_path, 8)
    before = rows(tmp_path)
    assert len(before) >= 10
    with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
        db.execute("update segment set held = 1 where id = ?", (before[1].id,))
        db.commit()
    keep = sum(row.size for row in before[-3:])
    rules = RetentionConfig(days=30, max_bytes=keep + before[1].size, free_floor_bytes=0)
    async with running(tmp_path, retention=rules) as box:
        assert box.retention is not None
        for fact in await asyncio.to_thread(box.retention.run_once):
            box.journal.append(fact)
    left = rows(tmp_path)
    assert [row.id for row in left] == [before[1].id, *(row.id for row in before[-3:])]
    assert sorted(files(tmp_path)) == sorted(segment_files(tmp_path))
    (told,) = facts(tmp_path, wire.Deleted)
    assert isinstance(told, wire.Deleted)
    assert (told.segments, told.rule) == (len(before) - 4, "bytes")
    assert told.bytes == sum(row.size for row in before) - keep - before[1].size
    assert not (tmp_path / before[0].path).parent.exists(), "empty folders are tidied away"
    for rebuilt in (False, True):
        if rebuilt:
            (tmp_path / CATALOG).unlink()
            checked(tmp_path)
        seen = view(tmp_path)
        assert seen.expired_before_ns == before[-4].end_ns
        assert all(gap.from_ns >= seen.expired_before_ns for gap in seen.gaps)
        assert seen.spans[-1].to_ns == left[-1].end_ns


def _copies_of_days(directory: Path, days: int) -> None:
    """As if the same minute had been recorded on each of the last days."""
    row = rows(directory)[0]
    source = directory / row.path
    with closing(sqlite3.connect(directory / CATALOG)) as db:
        for day in range(1, days + 1):
            shift = -day * 86_400 * NS
            path = directory / "cam01" / f"20{10 + day}-01-01" / "00" / (
                f"cam01_main_20{10 + day}-01-01_00-00-00_{row.run.hex()[:12]}-{day:04d}.mp4"
            )  # fmt: skip
            path.parent.mkdir(parents=True)
            os.link(source, path)
            assert row.end_ns is not None
            db.execute(
                "insert into segment (camera, stream, run, epoch, number, path, start_ns, end_ns,"
                " base_ticks, size, pictures, parts, root, keyframes)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
                (
                    row.camera, row.stream, row.run, row.epoch, day,
                    str(path.relative_to(directory)), row.start_ns + shift, row.end_ns + shift,
                    row.size, row.pictures, row.parts, row.root, row.keyframes,
                ),
            )  # fmt: skip
        db.commit()


async def test_a_camera_that_is_kept_longer_does_not_hide_what_others_must_delete(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Two thirds of a day of the gate are older than all of the corridor, and stay."""
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    _copies_of_days(tmp_path, 40)
    rules = RetentionConfig(days=30, free_floor_bytes=0)
    async with running(tmp_path, retention=rules, days_of={"gate": 90}) as box:
        await until(lambda: box.repairs is not None, "recovery has looked at every row")
        with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
            (row,) = db.execute("select * from segment limit 1")
            names = [each[1] for each in db.execute("pragma table_info(segment)")]
            for minute in range(1000):
                told = dict(zip(names, row, strict=True)) | {"id": None, "camera": "gate"}
                end = time.time_ns() - 50 * 86_400 * NS + minute * 60 * NS
                told |= {"start_ns": end - 60 * NS, "end_ns": end, "number": minute}
                told["path"] = f"gate/{minute}.mp4"
                marks = ", ".join("?" * len(names))
                db.execute(f"insert into segment values ({marks})", list(told.values()))
            db.commit()
        assert box.retention is not None
        (gone,) = await asyncio.to_thread(box.retention.run_once)

    assert isinstance(gone, wire.Deleted)
    assert (gone.camera, gone.segments, gone.rule) == ("cam01", 11, "days")


async def test_an_order_changes_at_once_how_long_a_camera_is_kept(
    cameras: Cameras, tmp_path: Path
) -> None:
    """A person who shortens it need not start the box again for it to be true."""
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    _copies_of_days(tmp_path, 40)
    rules = RetentionConfig(days=50, free_floor_bytes=0)
    async with running(tmp_path, retention=rules) as box:
        await until(lambda: box.repairs is not None, "recovery has looked at every row")
        assert box.retention is not None
        before = await asyncio.to_thread(box.retention.run_once)
        box.keep({"cam01": 30})
        (after,) = await asyncio.to_thread(box.retention.run_once)

    assert before == []
    assert isinstance(after, wire.Deleted)
    assert (after.segments, after.rule) == (11, "days")


async def test_a_deletion_that_a_crash_cut_off_is_finished_by_the_next_round(
    cameras: Cameras, tmp_path: Path
) -> None:
    """The file is gone, the row is not: the same rule meets it again."""
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    _copies_of_days(tmp_path, 40)
    oldest = rows(tmp_path)[0]
    async with running(tmp_path, retention=RetentionConfig(days=30, free_floor_bytes=0)) as box:
        await until(lambda: box.repairs is not None, "recovery has looked at every row")
        (tmp_path / oldest.path).unlink()
        assert box.retention is not None
        (told,) = await asyncio.to_thread(box.retention.run_once)
        assert isinstance(told, wire.Deleted)
        assert (told.segments, told.rule) == (11, "days")
    assert len(rows(tmp_path)) == 30
    assert checked(tmp_path).faults == []


async def test_a_box_that_does_not_know_the_day_deletes_nothing(
    cameras: Cameras, tmp_path: Path
) -> None:
    """In 1970 nothing is old, and in 2200 everything would be."""
    async with running(tmp_path, setup(cameras.url("cam01"))) as box:
        await more_pictures(box)
    _copies_of_days(tmp_path, 40)
    clock = SteppedClock(100 - time.time())
    rules = RetentionConfig(days=1, max_bytes=1, free_floor_bytes=0)
    async with running(tmp_path, clock=clock, retention=rules) as box:
        assert box.retention is not None
        assert await asyncio.to_thread(box.retention.run_once) == []
    assert len(rows(tmp_path)) == 41


async def test_hours_become_pages_that_prove_each_other(cameras: Cameras, tmp_path: Path) -> None:
    """Closed when due, the last one at the stop; signed, chained, and found again by a rebuild."""
    both = (setup(cameras.url("cam01")), setup(cameras.url("cam02"), "cam02"))
    async with running(tmp_path, *both) as box:
        await more_pictures(box, 5, "cam01", "cam02")
        await asyncio.to_thread(box.catalog.flush)
        ahead = box.timebase.wall_ns() + 3 * 3600 * NS
        await box.close_pages(ahead)
        await asyncio.to_thread(box.catalog.flush)
        with closing(CatalogReader(tmp_path / CATALOG)) as reader:
            assert len(reader.pages("cam01")) in (2, 3)
        await box.close_pages(ahead)
    closed = facts(tmp_path, wire.PageClosed)
    numbers = [wire.decode_page(f.page).number for f in closed if f.about == "cam01"]
    assert numbers == list(range(len(numbers)))
    assert checked(tmp_path).faults == []
    (tmp_path / CATALOG).unlink()
    assert checked(tmp_path).faults == []
    with closing(CatalogReader(tmp_path / CATALOG)) as reader:
        assert [page[0] for page in reader.pages("cam01")] == numbers
