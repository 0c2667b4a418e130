"""Parts on their way to a disk that is quick, slow, full, read-only or gone."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from footage import IDENTITY, footage, parts_of
from recordings import Ext4, small_disk
from vonggac.causes import Cause
from vonggac.clock import NS, SystemClock
from vonggac.edge import recorder as module
from vonggac.edge.catalog import Catalog, CatalogReader
from vonggac.edge.recorder import (
    RESUME_FREE_BYTES,
    Mark,
    Recorder,
    SegmentFile,
    disk_cause,
    read_mark,
    segment_path,
)
from vonggac.edge.recovery import _SEGMENT_NAME as SEGMENT_NAME
from vonggac.edge.recovery import read_segment
from vonggac.edge.timebase import TimeBase
from vonggac.media import fmp4, merkle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from vonggac.edge.catalog import SegmentRow

FILM = footage(seconds=4.0, fps=10, gop=10)
INIT = fmp4.init(FILM.video, None, IDENTITY)
RUN = IDENTITY.run


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait on the loop until it is so; fails with `what` after a deadline."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within 30 s: {what}")


@dataclass
class Bench:
    """A recorder on a directory, and what it told."""

    recorder: Recorder
    catalog: Catalog
    directory: Path
    failures: list[tuple[SegmentFile, Cause, str]] = field(default_factory=list)
    number: int = 0

    def begin(self, camera: str = "cam01", start_ns: int | None = None) -> SegmentFile:
        self.number += 1
        return self.recorder.begin(
            camera=camera, stream="main", run=RUN, number=self.number, init=INIT,
            start_ns=SystemClock().wall_ns() if start_ns is None else start_ns, base_ticks=0,
            failed=lambda *told: self.failures.append(told),
        )  # fmt: skip

    def append(self, segment: SegmentFile, part: bytes, *, keyframe: bool = False) -> bool:
        wall = segment.end_ns
        return self.recorder.append(
            segment, part, wall_ns=wall, end_ns=wall + NS // 2, pictures=5, keyframe=keyframe
        )

    def record(self, segment: SegmentFile, parts: Sequence[bytes]) -> None:
        for number, part in enumerate(parts):
            assert self.append(segment, part, keyframe=number % 2 == 0)

    def path(self, segment: SegmentFile) -> Path:
        return self.directory / segment.path

    def rows(self) -> list[SegmentRow]:
        with closing(CatalogReader(self.catalog.path)) as reader:
            return list(reader.segments())

    async def end(self) -> None:
        self.recorder.close_all()
        await asyncio.to_thread(self.recorder.join)
        await asyncio.to_thread(self.catalog.flush)


def bench_on(directory: Path) -> Bench:
    clock = SystemClock()
    catalog = Catalog(directory / "catalog.sqlite")
    recorder = Recorder(
        directory, catalog, TimeBase(clock), clock, asyncio.get_running_loop(), epoch=1
    )
    return Bench(recorder, catalog, directory)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = bench_on(tmp_path)
    yield made
    await made.end()
    made.catalog.close()


# ---- a disk that is well -------------------------------------------------------------------------


async def test_a_segment_on_the_disk_is_the_init_and_the_parts_byte_for_byte(
    bench: Bench,
) -> None:
    """What is published, recorded, played and hashed is one thing (design D1)."""
    segment = bench.begin(start_ns=1_795_000_000 * NS)
    parts = parts_of(FILM, wall_ns=1_795_000_000 * NS)
    bench.record(segment, parts)
    bench.recorder.close(segment)
    bench.recorder.close(segment)
    await bench.end()
    assert bench.path(segment).read_bytes() == INIT + b"".join(parts)
    (row,) = bench.rows()
    assert (row.start_ns, row.end_ns) == (1_795_000_000 * NS, 1_795_000_004 * NS)
    assert (row.pictures, row.parts, row.size) == (40, 8, bench.path(segment).stat().st_size)
    assert row.root == merkle.root([merkle.leaf(INIT), *map(merkle.leaf, parts)])
    facts = read_segment(bench.path(segment))
    assert facts is not None
    assert row.root == facts.root
    assert row.keyframe_index() == list(facts.keyframes)


async def test_what_is_gathered_reaches_the_file_without_being_asked_for(bench: Bench) -> None:
    """Within the flush time, so that a crash of the process costs no more than that."""
    segment = bench.begin()
    part = parts_of(FILM)[0]
    bench.append(segment, part, keyframe=True)
    handed = asyncio.get_running_loop().time()
    await until(
        lambda: bench.path(segment).exists() and bench.path(segment).stat().st_size, "a write"
    )
    assert bench.path(segment).read_bytes() == INIT + part
    assert asyncio.get_running_loop().time() - handed >= 0.15, "parts were not gathered at all"


async def test_a_file_grows_by_whole_writes_and_not_by_single_parts(bench: Bench) -> None:
    """Large writes cost half of small ones (design D3): at most one in 0.2 s a camera."""
    segment = bench.begin()
    sizes: list[int] = []
    parts = parts_of(FILM)
    for part in parts:
        for _ in range(2):
            bench.append(segment, part)
            await asyncio.sleep(0.02)
            with_file = bench.path(segment).stat().st_size if bench.path(segment).exists() else 0
            if with_file and (not sizes or with_file != sizes[-1]):
                sizes.append(with_file)
    assert len(sizes) < len(parts)


async def test_a_flush_hands_over_at_once(bench: Bench) -> None:
    """Somebody asks for the present."""
    segment = bench.begin()
    part = parts_of(FILM)[0]
    bench.append(segment, part)
    assert bench.recorder.newest_bytes(segment) == INIT + part
    bench.recorder.flush(segment)
    assert bench.recorder.newest_bytes(segment) == b""
    await until(lambda: segment.written_bytes == len(INIT + part), "the thread's write")


async def test_a_segment_without_a_part_leaves_nothing_behind(bench: Bench) -> None:
    """A run that ended before its first part was whole."""
    segment = bench.begin()
    bench.recorder.close(segment)
    await bench.end()
    assert bench.rows() == []
    assert not bench.path(segment).exists()


async def test_a_file_belongs_to_the_recorder_until_it_is_finished(bench: Bench) -> None:
    """Recovery, which runs beside it, must not cut it; also not while the thread is behind."""
    segment = bench.begin()
    assert bench.recorder.writing(segment.path)
    bench.append(segment, parts_of(FILM)[0])
    bench.recorder.close(segment)
    await bench.end()
    assert not bench.recorder.writing(segment.path)
    assert not bench.recorder.writing("cam01/never.mp4")


async def test_the_mark_says_that_the_recorder_lives_and_that_it_ended(bench: Bench) -> None:
    """Ten times a second: the edge of a crash is known to that fraction."""
    seen: list[int] = []

    def lives() -> bool:
        mark = read_mark(bench.directory)
        if mark is not None and (not seen or seen[-1] != mark.wall_ns):
            assert not mark.stopped
            seen.append(mark.wall_ns)
        return len(seen) >= 6

    segment = bench.begin()
    bench.append(segment, parts_of(FILM)[0])
    await until(lives, "six marks")
    assert sorted(b - a for a, b in pairwise(seen))[2] < 0.5 * NS
    await bench.end()
    mark = read_mark(bench.directory)
    assert mark is not None
    assert (mark.epoch, mark.stopped) == (1, True)


# ---- names ---------------------------------------------------------------------------------------


def wall(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS


def test_a_person_finds_an_hour_by_hand() -> None:
    """In the time of the clock on the wall in Việt Nam, also across midnight."""
    assert segment_path("cam01", "main", RUN, 3, wall("2026-11-18T07:32:07")) == (
        "cam01/2026-11-18/14/cam01_main_2026-11-18_14-32-07_000102030405-0003.mp4"
    )
    assert segment_path("gate-2", "sub", RUN, 12345, wall("2026-12-31T17:00:00")) == (
        "gate-2/2027-01-01/00/gate-2_sub_2027-01-01_00-00-00_000102030405-12345.mp4"
    )


@pytest.mark.parametrize("start", [0, 5, wall("2026-11-18T07:32:07"), wall("2100-01-01T00:00:00")])
def test_names_are_found_again_by_recovery_and_sort_by_time(start: int) -> None:
    """1970 too: a box without a battery wakes then."""
    path = segment_path("cam01", "main", RUN, 0, start)
    match = SEGMENT_NAME.match(path.rpartition("/")[2])
    assert match is not None
    assert (match["camera"], match["stream"], match["run"]) == ("cam01", "main", RUN.hex()[:12])
    later = [segment_path("cam01", "main", os.urandom(16), 0, start + n * NS) for n in range(90)]
    assert sorted(later, key=lambda p: p.split("_20")[-1]) is not None
    assert [re.sub("_[0-9a-f]{12}-.*", "", p) for p in later] == sorted(
        re.sub("_[0-9a-f]{12}-.*", "", p) for p in later
    )


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, Cause.DISK_FULL),
        (errno.EDQUOT, Cause.DISK_FULL),
        (errno.EROFS, Cause.DISK_READ_ONLY),
        (errno.EIO, Cause.DISK_GONE),
        (errno.ENOENT, Cause.DISK_GONE),
        (errno.ENODEV, Cause.DISK_GONE),
        (errno.ESTALE, Cause.DISK_GONE),
        (errno.EACCES, Cause.DISK_GONE),
        (errno.EMFILE, Cause.OVERLOADED),
        (errno.ENFILE, Cause.OVERLOADED),
    ],
)
def test_what_the_disk_answers_has_a_word_in_the_ledger(number: int, cause: Cause) -> None:
    """And what the box itself lacks is not the disk's fault."""
    assert disk_cause(OSError(number, os.strerror(number))) is cause


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0" * 128, b"{", b"[]", b"null", b"7", b'{"epoch": 1}', b"\xff\xfe",
        b'{"epoch": "x", "wall_ns": 1, "stopped": false}',
        b'{"epoch": 1, "wall_ns": 1e999, "stopped": false}',
        b'{"epoch": 1, "wall_ns": 12, "stopped": fal',
    ],
)  # fmt: skip
def test_a_mark_that_a_power_cut_tore_is_no_mark(tmp_path: Path, content: bytes) -> None:
    """Anything may stand in it after that."""
    assert read_mark(tmp_path) is None
    (tmp_path / ".alive").write_bytes(content)
    assert read_mark(tmp_path) is None


def test_a_mark_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """It did not know of mains and batteries."""
    (tmp_path / ".alive").write_text('{"epoch": 3, "wall_ns": 12, "stopped": true}   ')
    assert read_mark(tmp_path) == Mark(3, 12, stopped=True, on_battery=False)


# ---- a disk that is full -------------------------------------------------------------------------


@pytest.mark.root
async def test_a_full_disk_costs_what_did_not_fit_and_nothing_that_did(tmp_path: Path) -> None:
    """Both segments keep every whole part; the loop is told how far each got, and goes on."""
    with small_disk(tmp_path / "disk", 16) as directory:
        bench = bench_on(directory)
        first, second = bench.begin("cam01"), bench.begin("cam02")
        part = parts_of(FILM)[0]
        large = part + _free_box(1 << 20)
        while not bench.failures:
            for segment, content in ((first, large), (second, part)):
                assert bench.append(segment, content)
                bench.recorder.flush(segment)
            await asyncio.sleep(0.02)
        await until(lambda: len(bench.failures) == 2, "both are told")
        assert {cause for _, cause, _ in bench.failures} == {Cause.DISK_FULL}
        assert bench.recorder.blocked is Cause.DISK_FULL
        assert "No space left" in bench.recorder.disk_evidence
        for segment, _, _ in bench.failures:
            bench.recorder.close(segment)
        await until(lambda: not bench.recorder.writing(first.path), "the files are closed")
        await until(lambda: not bench.recorder.writing(second.path), "the files are closed")
        size = bench.path(first).stat().st_size
        assert size == first.written_bytes == len(INIT) + first.written_parts * len(large)
        assert second.written_end_ns == second.start_ns + second.written_parts * NS // 2
        await asyncio.to_thread(bench.catalog.flush)
        ends = {row.camera: row.end_ns for row in bench.rows()}
        assert ends == {"cam01": first.written_end_ns, "cam02": second.written_end_ns}
        await bench.end()
        bench.catalog.close()


def _free_box(size: int) -> bytes:
    """Bytes that any reader of MP4 passes over."""
    return size.to_bytes(4) + b"free" + bytes(size - 8)


@pytest.mark.root
async def test_a_full_disk_leaves_room_for_the_ledger_and_is_used_again_when_there_is_room(
    tmp_path: Path,
) -> None:
    """The reserve is given back first, and the other cameras do not eat it up."""
    with small_disk(tmp_path / "disk", 16) as directory:
        bench = bench_on(directory)
        filler = directory / "somebody else's"
        segments = [bench.begin(f"cam{n:02d}") for n in range(20)]
        part = parts_of(FILM)[0] + _free_box(200_000)
        for segment in segments:
            bench.append(segment, part)
        await until(lambda: all(s.written_parts == 1 for s in segments), "all have begun")
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        for _ in range(3):
            for segment in segments:
                bench.append(segment, part)
                bench.recorder.flush(segment)
        await until(lambda: len(bench.failures) == 20, "all are told")
        left = os.statvfs(directory)
        assert left.f_bavail * left.f_frsize >= module.RESERVE_BYTES // 2
        await asyncio.to_thread(bench.catalog.flush)
        assert bench.catalog.trouble is None
        os.truncate(filler, filler.stat().st_size - (2 << 20))
        free = os.statvfs(directory)
        assert free.f_bavail * free.f_frsize < RESUME_FREE_BYTES
        await asyncio.sleep(0.6)
        assert bench.recorder.blocked is Cause.DISK_FULL, "resumed before there was room"
        filler.unlink()
        await until(lambda: bench.recorder.blocked is None, "the disk is used again")
        again = bench.begin()
        bench.append(again, part)
        bench.recorder.flush(again)
        await until(lambda: again.written_parts == 1, "a part is written")
        assert (directory / ".reserve").stat().st_blocks * 512 >= module.RESERVE_BYTES
        await bench.end()
        bench.catalog.close()


# ---- a disk that is read-only, slow or gone ------------------------------------------------------


@pytest.mark.root
async def test_a_disk_that_turns_read_only_is_told_so(tmp_path: Path) -> None:
    """As ext4 does when it finds an error, with files open for writing."""
    disk = Ext4(tmp_path)
    disk.mount("errors=remount-ro")
    try:
        bench = bench_on(disk.place)
        segment = bench.begin()
        bench.append(segment, parts_of(FILM)[0])
        await until(lambda: segment.written_parts == 1, "a part is written")
        disk.turn_read_only()
        bench.append(segment, parts_of(FILM)[1])
        await until(lambda: bench.failures, "the segment is told")
        assert [cause for _, cause, _ in bench.failures] == [Cause.DISK_READ_ONLY]
        assert bench.recorder.blocked is Cause.DISK_READ_ONLY
        bench.recorder.close_all()
        await asyncio.to_thread(bench.recorder.join)
        await asyncio.to_thread(bench.catalog.close)
    finally:
        disk.unmount("-l")


@pytest.mark.root
async def test_a_disk_that_does_not_answer_costs_pictures_and_not_memory(tmp_path: Path) -> None:
    """Up to its bound a stream waits for the disk; beyond it the caller ends the segment.

    The disk gets everything that was handed over once it answers.
    """
    disk = Ext4(tmp_path, 128)
    disk.mount()
    try:
        bench = bench_on(disk.place)
        segment = bench.begin()
        part = parts_of(FILM)[0] + _free_box(1 << 20)
        bench.append(segment, part)
        await until(lambda: segment.written_parts == 1, "a part is written")
        with disk.frozen():
            taken = 0
            while bench.append(segment, part):
                taken += 1
                bench.recorder.flush(segment)
                assert taken < 100
            assert 20 <= taken <= 26
            assert bench.recorder.backlog_bytes <= module.MAX_STREAM_BACKLOG_BYTES + len(part)
            others = [bench.begin(f"cam{n:02d}") for n in range(2, 15)]
            for other in others:
                for _ in range(22):
                    bench.append(other, part)
                bench.recorder.flush(other)
            assert bench.recorder.blocked is Cause.DISK_SLOW
        await until(lambda: segment.written_parts == taken + 1, "everything is written")
        await bench.end()
        bench.catalog.close()
        assert bench.failures == [] or {c for _, c, _ in bench.failures} == {Cause.DISK_FULL}
    finally:
        disk.unmount("-l")


async def test_a_directory_that_is_moved_away_is_gone_until_it_is_back(tmp_path: Path) -> None:
    """Files that are open would still take pictures, and nobody would find them."""
    directory = tmp_path / "disk"
    bench = bench_on(directory)
    segment = bench.begin()
    bench.append(segment, parts_of(FILM)[0])
    await until(lambda: segment.written_parts == 1, "a part is written")
    directory.rename(tmp_path / "away")
    await until(lambda: bench.recorder.blocked is Cause.DISK_GONE, "the recorder notices")
    bench.append(segment, parts_of(FILM)[1])
    await until(lambda: bench.failures, "the segment is told")
    assert bench.failures[0][1] is Cause.DISK_GONE
    assert not directory.exists()
    (tmp_path / "away").rename(directory)
    await until(lambda: bench.recorder.blocked is None, "the recorder goes on")
    again = bench.begin()
    bench.append(again, parts_of(FILM)[0])
    await until(lambda: again.written_parts == 1, "a part is written")
    await bench.end()
    bench.catalog.close()


@pytest.mark.root
async def test_an_empty_mount_point_is_not_recorded_into(tmp_path: Path) -> None:
    """The disk was pulled: what lies under its mount point is the system's disk."""
    disk = Ext4(tmp_path)
    disk.mount()
    bench = bench_on(disk.place)
    segment = bench.begin()
    bench.append(segment, parts_of(FILM)[0])
    await until(lambda: segment.written_parts == 1, "a part is written")
    disk.unmount("-l")
    await until(lambda: bench.recorder.blocked is Cause.DISK_GONE, "the recorder notices")
    lost = bench.begin("cam02")
    bench.append(lost, parts_of(FILM)[0])
    bench.recorder.flush(lost)
    await until(lambda: bench.failures, "the segment is told")
    bench.catalog.submit(lambda db: db.execute("insert into note values ('a', 'b')"))
    await until(lambda: bench.catalog.trouble, "the catalog is refused too")
    assert list(disk.place.iterdir()) == []
    disk.mount()
    try:
        await until(lambda: bench.recorder.blocked is None, "the same disk is known again")
        again = bench.begin()
        bench.append(again, parts_of(FILM)[0])
        await until(lambda: again.written_parts == 1, "a part is written")
        await bench.end()
        bench.catalog.close()
    finally:
        disk.unmount("-l")


async def test_an_hour_folder_that_somebody_deleted_is_made_again(bench: Bench) -> None:
    """Tidying up while it runs."""
    first = bench.begin()
    bench.append(first, parts_of(FILM)[0])
    bench.recorder.close(first)
    await until(lambda: not bench.recorder.writing(first.path), "the first is finished")
    bench.path(first).unlink()
    bench.path(first).parent.rmdir()
    second = bench.begin()
    bench.append(second, parts_of(FILM)[0])
    await until(lambda: second.written_parts == 1, "a part is written")
    assert bench.failures == []
