"""The catalog made whole again from files and journal, whatever is left of it, and of them."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from nacl.signing import SigningKey

from footage import IDENTITY, footage, parts_of
from vonggac import wire
from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.edge import pages
from vonggac.edge.box import _move as move_clock
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.journal import Journal, journal_path
from vonggac.edge.recorder import Mark, segment_path
from vonggac.edge.recovery import (
    CATALOG,
    Repairs,
    booted,
    close_old_gaps,
    known_until,
    mend,
    newest_recording,
    next_epoch,
    open_catalog,
    read_segment,
    segment_files,
)
from vonggac.media import fmp4, merkle
from vonggac.media.fmp4_read import BLOCK, is_sound, scan
from vonggac.media.h26x import Codec

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.edge.catalog import GapRow, SegmentRow

T0 = 1_795_000_000 * NS
"""2026-11-18."""
SITE = "k3vq7m2xw5tdhn6ryb4pcz2aej"
KEY = SigningKey(bytes(32))
FILM = footage(seconds=4.0, fps=10, gop=10)
"""40 pictures, a keyframe each second; parts of half a second."""


def at(seconds: float) -> int:
    return T0 + round(seconds * NS)


def run_id(number: int) -> bytes:
    return number.to_bytes(2) * 8


def put(
    directory: Path, start: int, *, run: int = 1, number: int = 0, pictures: int = 40,
    camera: str = "cam01", stream: str = "main",
) -> Path:  # fmt: skip
    """A whole segment file of so many pictures, as a recorder leaves it."""
    path = directory / segment_path(camera, stream, run_id(run), number, start)
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = replace(IDENTITY, run=run_id(run), camera=camera, stream=stream)
    parts = parts_of(FILM, count=pictures, wall_ns=start)
    path.write_bytes(fmp4.init(FILM.video, None, identity) + b"".join(parts))
    return path


def tell(directory: Path, epoch: int, *facts: wire.Fact) -> None:
    """A life's journal."""
    journal = Journal(directory, SITE, epoch, lambda content: KEY.sign(content).signature)
    for fact in facts:
        journal.append(fact)
    journal.close()


def mark(directory: Path, wall_ns: int, epoch: int = 1) -> None:
    fields = {"epoch": epoch, "wall_ns": wall_ns, "stopped": False}
    (directory / ".alive").write_text(json.dumps(fields))


def began(run: int, when: int, camera: str = "cam01") -> wire.RunStarted:
    return wire.RunStarted(
        at=when, camera=camera, stream="main", run=run_id(run).hex(), source="rtsp",
        why=("as it comes",), codec="avc1.42c01e", width=320, height=240, declared_fps=10.0,
    )  # fmt: skip


def missed(low: int, high: int, cause: Cause = Cause.UNREACHABLE) -> wire.GapClosed:
    return wire.GapClosed(
        at=high, camera="cam01", stream="main", from_=low, to=high, cause=cause, evidence="why"
    )


def gone(since: int, cause: Cause = Cause.REFUSED) -> wire.StateChanged:
    return wire.StateChanged(
        at=since, camera="cam01", stream="main", state="gap", since=since, cause=cause,
        evidence="why",
    )  # fmt: skip


def rebuild(directory: Path, *, epoch: int = 99, everything: bool | None = None) -> Repairs:
    """As a recorder does at its start."""
    catalog, incomplete = open_catalog(directory)
    try:
        return mend(
            directory, catalog, epoch=epoch,
            everything=incomplete if everything is None else everything,
            in_use=lambda _path: False,
        )  # fmt: skip
    finally:
        catalog.close()


def rows(directory: Path) -> list[SegmentRow]:
    with closing(CatalogReader(directory / CATALOG)) as reader:
        return list(reader.segments())


def gaps(directory: Path) -> list[GapRow]:
    with closing(CatalogReader(directory / CATALOG)) as reader:
        return reader.gaps_between("cam01", "main", 0, 1 << 62)


# ---- from the files ------------------------------------------------------------------------------


def test_a_catalog_is_made_from_the_files_alone(tmp_path: Path) -> None:
    """Camera, stream, run, times, pictures and hashes are inside the bytes that were recorded."""
    paths = [put(tmp_path, at(4 * n), number=n) for n in range(3)]
    paths.append(put(tmp_path, at(60), run=2, camera="cam02", stream="sub", pictures=15))
    repairs = rebuild(tmp_path)
    assert repairs.indexed == [str(p.relative_to(tmp_path)) for p in sorted(paths)]
    found = rows(tmp_path)
    assert [(r.camera, r.stream, r.run, r.number) for r in found] == [
        ("cam01", "main", run_id(1), 0),
        ("cam01", "main", run_id(1), 1),
        ("cam01", "main", run_id(1), 2),
        ("cam02", "sub", run_id(2), 0),
    ]
    assert [(r.start_ns, r.end_ns) for r in found] == [
        (at(0), at(4)), (at(4), at(8)), (at(8), at(12)), (at(60), at(61.5))
    ]  # fmt: skip
    assert [(r.pictures, r.parts, r.size) for r in found] == [
        (40, 8, p.stat().st_size) for p in paths[:3]
    ] + [(15, 3, paths[3].stat().st_size)]
    assert [wall for wall, _ in found[0].keyframe_index()] == [at(n) for n in range(4)]
    init = len(fmp4.init(FILM.video, None, replace(IDENTITY, run=run_id(1))))
    assert found[0].keyframe_index()[0][1] == init
    leaves = [merkle.leaf(paths[0].read_bytes()[:init])]
    leaves += [merkle.leaf(part) for part in parts_of(FILM, wall_ns=at(0))]
    assert found[0].root == merkle.root(leaves)


@pytest.mark.parametrize(
    "damage",
    ["missing", "empty", "random", "text", "cut", "one page", "other version", "no schema"],
)
def test_a_catalog_that_is_no_good_is_set_aside_and_made_again(tmp_path: Path, damage: str) -> None:
    """Nothing of it is believed, and nothing of it is deleted."""
    put(tmp_path, at(0))
    tell(tmp_path, 1, began(1, at(0)), missed(at(4), at(9)))
    put(tmp_path, at(9), number=1)
    rebuild(tmp_path)
    path = tmp_path / CATALOG
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    whole = path.read_bytes()
    chance = random.Random(7)
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "random":
        path.write_bytes(chance.randbytes(20_000))
    elif damage == "text":
        path.write_text("this is not a catalog\n")
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2 + 100])
    elif damage == "one page":
        path.write_bytes(whole[:8192] + chance.randbytes(4096) + whole[12288:])
    elif damage == "other version":
        with closing(sqlite3.connect(path)) as db:
            db.execute("pragma user_version = 77")
            db.commit()
    else:
        path.unlink()
        with closing(sqlite3.connect(path)) as db:
            db.execute("create table something (else_ text)")
            db.commit()
    aside = damage not in ("missing", "empty", "no schema")
    before = path.read_bytes() if aside else b""
    rebuild(tmp_path)
    assert [(r.start_ns, r.end_ns) for r in rows(tmp_path)] == [(at(0), at(4)), (at(9), at(13))]
    assert [(g.from_ns, g.to_ns, g.cause) for g in gaps(tmp_path)] == [
        (at(4), at(9), "unreachable")
    ]
    if aside:
        assert (tmp_path / "catalog.damaged-1").read_bytes() == before


def test_a_second_damaged_catalog_does_not_take_the_place_of_the_first(tmp_path: Path) -> None:
    """Whoever looks into the first must find it."""
    for _ in range(2):
        (tmp_path / CATALOG).write_bytes(b"x" * 5000)
        rebuild(tmp_path)
    assert (tmp_path / "catalog.damaged-1").exists()
    assert (tmp_path / "catalog.damaged-2").exists()


def test_a_rebuild_that_is_cut_off_goes_on_at_the_next_start(tmp_path: Path) -> None:
    """A month of files takes minutes; the box may be switched off in the middle of them."""
    for number in range(6):
        put(tmp_path, at(4 * number), number=number)

    class CutOff(Exception):  # noqa: N818 - an event, not an error
        pass

    def stop(done: int) -> None:
        if done == 3:
            raise CutOff

    catalog, incomplete = open_catalog(tmp_path)
    assert incomplete
    with pytest.raises(CutOff):
        mend(tmp_path, catalog, epoch=1, everything=True, in_use=lambda _path: False, progress=stop)
    catalog.close()
    assert len(rows(tmp_path)) < 6
    rebuild(tmp_path)
    assert len(rows(tmp_path)) == 6
    catalog, incomplete = open_catalog(tmp_path)
    catalog.close()
    assert not incomplete


def test_files_that_are_being_written_are_left_to_their_writer(tmp_path: Path) -> None:
    """Recovery runs while recording goes on: it neither indexes nor cuts such a file."""
    path = put(tmp_path, at(0))
    with path.open("ab") as file:
        file.write(b"\0\0\1\0moof of the next part, half written")
    size = path.stat().st_size
    relative = str(path.relative_to(tmp_path))
    catalog, _ = open_catalog(tmp_path)
    done = mend(tmp_path, catalog, epoch=1, everything=True, in_use=lambda p: p == relative)
    catalog.close()
    assert done == Repairs()
    assert path.stat().st_size == size


def test_a_file_in_which_nothing_plays_is_put_apart_and_an_empty_one_removed(
    tmp_path: Path,
) -> None:
    """The first may be of use to somebody; the second is to nobody."""
    torn = put(tmp_path, at(0))
    torn.write_bytes(torn.read_bytes()[:900])
    empty = put(tmp_path, at(10), run=2)
    empty.write_bytes(b"")
    noise = put(tmp_path, at(20), run=3)
    noise.write_bytes(random.Random(1).randbytes(5000))
    good = put(tmp_path, at(30), run=4)
    repairs = rebuild(tmp_path)
    assert len(repairs.unplayable) == 3
    assert [r.path for r in rows(tmp_path)] == [str(good.relative_to(tmp_path))]
    assert sorted(p.name for p in (tmp_path / "unplayable").iterdir()) == sorted(
        [torn.name, noise.name]
    )
    assert list(segment_files(tmp_path)) == [good]


def test_what_is_not_a_segment_is_not_touched(tmp_path: Path) -> None:
    """A person may keep notes in the folder, or copy a file there."""
    good = put(tmp_path, at(0))
    for name in ("notes.txt", "cam01_main_holiday.mp4", "copy of " + good.name):
        (good.parent / name).write_bytes(b"mine")
    (tmp_path / "readme").write_text("mine")
    assert len(rebuild(tmp_path).indexed) == 1
    assert (good.parent / "cam01_main_holiday.mp4").read_bytes() == b"mine"


# ---- segments that a crash cut off ---------------------------------------------------------------


def cut_sizes(whole: bytes) -> list[int]:
    """Every byte around each border of a box, and a few hundred more."""
    borders = {0, len(whole)}
    place = 0
    while place < len(whole):
        place += int.from_bytes(whole[place : place + 4])
        borders.add(place)
    around = {b + d for b in borders for d in range(-9, 10)}
    chance = random.Random(3)
    around |= {chance.randrange(len(whole)) for _ in range(200)}
    return sorted(size for size in around if 0 <= size <= len(whole))


def test_a_segment_cut_at_any_byte_keeps_every_whole_part(tmp_path: Path) -> None:
    """And no other: half a part is no picture, and its bytes are cut off."""
    path = put(tmp_path, at(0), pictures=20)
    whole = path.read_bytes()
    parts = parts_of(FILM, count=20, wall_ns=at(0))
    ends = [len(whole) - sum(map(len, parts[n:])) for n in range(len(parts) + 1)]
    for size in cut_sizes(whole):
        path.write_bytes(whole[:size])
        found = read_segment(path)
        count = sum(size >= end for end in ends[1:])
        if count == 0:
            assert found is None
            continue
        assert found is not None
        assert (found.size, found.parts) == (ends[count], count)
        assert (found.start_ns, found.end_ns) == (at(0), at(0.5 * count))
        leaves = [merkle.leaf(whole[: ends[0]]), *map(merkle.leaf, parts[:count])]
        assert found.root == merkle.root(leaves)


def test_a_segment_left_open_is_closed_at_its_last_whole_part(tmp_path: Path) -> None:
    """In place: file cut, row closed, nothing else looked at."""
    path = put(tmp_path, at(0), pictures=20)
    whole = path.read_bytes()
    rebuild(tmp_path)
    with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
        db.execute("update segment set end_ns = null, size = 0, root = null, keyframes = null")
        db.commit()
    path.write_bytes(whole[:-10])
    repairs = rebuild(tmp_path)
    assert repairs == Repairs(closed=[str(path.relative_to(tmp_path))])
    (row,) = rows(tmp_path)
    assert (row.end_ns, row.pictures, row.size) == (at(1.5), 15, path.stat().st_size)
    assert row.root is not None
    assert [wall for wall, _ in row.keyframe_index()] == [at(0), at(1)]


def holed(whole: bytes, start: int) -> bytes:
    """As a filesystem leaves a file whose length it wrote down before the bytes of a block."""
    end = min(len(whole), start + BLOCK - start % BLOCK)
    return whole[:start] + bytes(end - start) + whole[end:]


@pytest.mark.parametrize("known", [True, False], ids=["left open", "not in the catalog"])
def test_a_part_that_never_reached_the_disk_is_cut_off(tmp_path: Path, known: bool) -> None:
    """Its boxes are all there after a power cut; its pictures hold zeros up to a block's end."""
    draw = random.Random(7)
    path = put(tmp_path, at(0))
    whole = path.read_bytes()
    refs = scan(lambda at, count: whole[at : at + count], len(whole)).parts
    rebuild(tmp_path)
    for start in draw.sample(range(refs[0].mdat_offset, len(whole) - 8), 60):
        if start % BLOCK > BLOCK - 4 or not any(whole[start : start + 8]):
            continue
        count = next(n for n, ref in enumerate(refs) if ref.offset + ref.size > start)
        with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
            db.execute("update segment set end_ns = null" if known else "delete from segment")
            db.commit()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(holed(whole, start))
        assert (newest_recording(tmp_path, "cam01", "main") is None) == (count == 0)
        repairs = rebuild(tmp_path, everything=True)
        if count == 0:
            assert repairs.unplayable
            put(tmp_path, at(0))
            rebuild(tmp_path, everything=True)
            continue
        assert path.read_bytes() == whole[: refs[count].offset]
        (row,) = rows(tmp_path)
        assert (row.parts, row.end_ns) == (count, at(0.5 * count))


@pytest.mark.parametrize("codec", list(Codec))
def test_pictures_that_are_whole_are_never_taken_for_holes(codec: Codec) -> None:
    """Wherever the part lies in its file; a camera's zeros after a NAL unit are no hole either."""
    film = footage(seconds=1.0, fps=10, gop=10, codec=codec, b_pictures=2)
    data = fmp4.init(film.video, None, IDENTITY) + b"".join(parts_of(film))
    refs = scan(lambda at, count: data[at : at + count], len(data)).parts
    assert len(refs) > 1
    for ref in refs:
        part = data[ref.offset : ref.offset + ref.size]
        for shift in range(0, BLOCK, 61):
            moved = replace(ref, offset=ref.offset + shift, mdat_offset=ref.mdat_offset + shift)
            assert is_sound(part, moved)


def test_a_row_whose_file_never_was_is_forgotten(tmp_path: Path) -> None:
    """The catalog hears of a segment before its first byte is on the disk."""
    path = put(tmp_path, at(0))
    rebuild(tmp_path)
    with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
        db.execute("update segment set end_ns = null")
        db.commit()
    path.unlink()
    assert rebuild(tmp_path) == Repairs(forgotten=[str(path.relative_to(tmp_path))])
    assert rows(tmp_path) == []


def test_a_segment_of_the_present_life_is_not_closed_by_recovery(tmp_path: Path) -> None:
    """It is open because it is being written."""
    put(tmp_path, at(0))
    rebuild(tmp_path)
    with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
        db.execute("update segment set end_ns = null, epoch = 5")
        db.commit()
    assert rebuild(tmp_path, epoch=5) == Repairs()


# ---- from the journal ----------------------------------------------------------------------------


def test_gaps_runs_pages_and_deletions_come_back_from_the_journal(tmp_path: Path) -> None:
    """Files prove what was recorded; why anything is missing stands only there."""
    page = wire.Page(
        site=SITE, camera="cam01", number=0, from_=at(0), to=at(3600), streams=(), previous=""
    )
    raw = wire.encode_page(page)
    tell(
        tmp_path, 1,
        wire.BoxStarted(at=at(0), version="1", boot="first"),
        began(1, at(0)),
        missed(at(4), at(9)),
        missed(at(20), at(30), Cause.REFUSED),
        wire.Deleted(
            at=at(40), camera="cam01", stream="main", from_=at(-100), to=at(-50), segments=3,
            bytes=1000, rule="days",
        ),
        wire.PageClosed(at=at(3700), camera="cam01", page=raw),
    )  # fmt: skip
    put(tmp_path, at(0))
    rebuild(tmp_path)
    with closing(CatalogReader(tmp_path / CATALOG)) as reader:
        assert [(g.from_ns, g.to_ns, g.cause, g.evidence, g.epoch) for g in gaps(tmp_path)] == [
            (at(4), at(9), "unreachable", "why", 1), (at(20), at(30), "refused", "why", 1)
        ]  # fmt: skip
        run = reader.run(run_id(1))
        assert run is not None
        assert (run.codec, run.width, run.declared_fps, run.epoch) == ("h264", 320, 10.0, 1)
        assert reader.expired_before("cam01", "main") == at(-50)
        (kept,) = reader.pages("cam01")
        assert (kept[0], kept[3], kept[4]) == (0, pages.digest(page), bytes(raw))
        assert reader.booted("first") == at(0)
    assert rows(tmp_path)[0].epoch == 1


def test_a_rebuild_twice_tells_nothing_twice(tmp_path: Path) -> None:
    """`vonggac check` may be run as often as anybody likes."""
    put(tmp_path, at(0))
    tell(tmp_path, 1, began(1, at(0)), missed(at(4), at(9)))
    rebuild(tmp_path)
    first = (rows(tmp_path), gaps(tmp_path))
    assert rebuild(tmp_path, everything=True) == Repairs()
    assert (rows(tmp_path), gaps(tmp_path)) == first


def test_a_gap_that_lasted_when_the_box_died_ends_at_its_last_mark(tmp_path: Path) -> None:
    """After that nobody knows whether the camera was there: the next life says edge off."""
    put(tmp_path, at(0))
    tell(tmp_path, 1, began(1, at(0)), gone(at(4)))
    mark(tmp_path, at(64))
    rebuild(tmp_path)
    assert [(g.from_ns, g.to_ns, g.cause) for g in gaps(tmp_path)] == [(at(4), at(64), "refused")]


def test_a_gap_that_ended_before_the_box_died_is_told_once(tmp_path: Path) -> None:
    """A change of state that was followed by another is not the last word."""
    recording = wire.StateChanged(
        at=at(9), camera="cam01", stream="main", state="recording", since=at(9)
    )
    tell(tmp_path, 1, gone(at(4)), missed(at(4), at(9), Cause.REFUSED), recording)
    mark(tmp_path, at(64))
    rebuild(tmp_path)
    assert [(g.from_ns, g.to_ns) for g in gaps(tmp_path)] == [(at(4), at(9))]


def test_a_torn_journal_gives_what_is_whole(tmp_path: Path) -> None:
    """The frame that the crash cut off is lost, and nothing before it."""
    tell(tmp_path, 1, missed(at(4), at(9)), missed(at(20), at(30)))
    path = journal_path(tmp_path / "journal", 1)
    path.write_bytes(path.read_bytes()[:-5])
    tell(tmp_path, 2, missed(at(40), at(50), Cause.STALLED))
    rebuild(tmp_path)
    assert [(g.from_ns, g.cause) for g in gaps(tmp_path)] == [
        (at(4), "unreachable"), (at(40), "stalled")
    ]  # fmt: skip


def test_the_present_life_speaks_for_itself(tmp_path: Path) -> None:
    """Recovery reads what earlier lives said; this one writes its own rows."""
    tell(tmp_path, 1, missed(at(4), at(9)))
    tell(tmp_path, 2, missed(at(20), at(30)))
    rebuild(tmp_path, epoch=2)
    assert [g.from_ns for g in gaps(tmp_path)] == [at(4)]


def test_recordings_of_1970_are_found_where_the_clock_later_put_them(tmp_path: Path) -> None:
    """Their bytes keep the time they were written with; the journal tells how wrong it was."""
    step = wire.ClockStepped(at=at(0), before=30 * NS, after=at(0), trusted=True)
    put(tmp_path, 10 * NS, run=1, pictures=20)
    put(tmp_path, 20 * NS, run=2, pictures=20)
    put(tmp_path, at(1), run=3, pictures=20)
    tell(
        tmp_path, 4,
        wire.BoxStarted(at=5 * NS, version="1", boot="b"),
        began(1, 10 * NS), missed(12 * NS, 19 * NS),
    )  # fmt: skip
    tell(
        tmp_path, 5,
        wire.BoxStarted(at=19 * NS, version="1", boot="b"),
        began(2, 20 * NS), step, began(3, at(1)), missed(at(3), at(5)),
    )  # fmt: skip
    rebuild(tmp_path)
    assert [(r.start_ns, r.end_ns) for r in rows(tmp_path)] == [
        (at(-20), at(-18)), (at(-10), at(-8)), (at(1), at(3))
    ]  # fmt: skip
    assert rows(tmp_path)[0].keyframe_index()[1][0] == at(-19)
    assert [(g.from_ns, g.to_ns) for g in gaps(tmp_path)] == [
        (at(-18), at(-11)), (at(3), at(5))
    ]  # fmt: skip
    assert booted(tmp_path, "b") == at(-25)


def test_a_step_moves_nothing_of_an_earlier_start_of_the_box(tmp_path: Path) -> None:
    """The absence between two starts ends where the step puts it, and begins where it began."""
    put(tmp_path, at(0), run=1)
    put(tmp_path, at(100), run=2)
    tell(
        tmp_path, 1, wire.BoxStarted(at=at(0), version="1", boot="a"), began(1, at(0))
    )  # fmt: skip
    tell(
        tmp_path, 2,
        wire.BoxStarted(at=at(100), version="1", boot="b"),
        missed(at(4), at(100), Cause.EDGE_OFF),
        began(2, at(100)),
        wire.ClockStepped(at=at(500), before=at(110), after=at(710), trusted=True),
    )  # fmt: skip
    rebuild(tmp_path)
    assert [(r.start_ns, r.end_ns) for r in rows(tmp_path)] == [(at(0), at(4)), (at(700), at(704))]
    assert [(g.from_ns, g.to_ns) for g in gaps(tmp_path)] == [(at(4), at(700))]


def test_a_live_catalog_is_moved_as_a_rebuilt_one(tmp_path: Path) -> None:
    """Both ways lead to the same times: moved when the clock stepped, or found later."""
    put(tmp_path, at(0), run=1)
    put(tmp_path, at(100), run=2)
    tell(tmp_path, 1, wire.BoxStarted(at=at(0), version="1", boot="a"), began(1, at(0)))
    tell(
        tmp_path, 2, wire.BoxStarted(at=at(100), version="1", boot="b"),
        missed(at(4), at(100), Cause.EDGE_OFF), began(2, at(100)),
    )  # fmt: skip
    rebuild(tmp_path)
    catalog, _ = open_catalog(tmp_path)
    catalog.submit(lambda db: move_clock(db, "b", 600 * NS))
    catalog.submit(lambda db: move_clock(db, "b", 10 * NS))
    catalog.submit(lambda db: move_clock(db, "unheard of", 10 * NS))
    catalog.close()
    assert [(r.start_ns, r.end_ns) for r in rows(tmp_path)] == [(at(0), at(4)), (at(710), at(714))]
    assert [(g.from_ns, g.to_ns) for g in gaps(tmp_path)] == [(at(4), at(710))]
    assert booted(tmp_path, "b") == at(710)
    assert booted(tmp_path, "a") == at(0)


# ---- how far an earlier life reached -------------------------------------------------------------


def test_the_ledger_of_a_stream_reaches_to_its_newest_recording(tmp_path: Path) -> None:
    """Read from the file itself: a crash leaves no row that knows."""
    put(tmp_path, at(0))
    put(tmp_path, at(4), number=1, pictures=15)
    assert known_until(tmp_path, "cam01", "main", None) == at(5.5)
    assert known_until(tmp_path, "cam01", "sub", None) is None
    assert known_until(tmp_path, "cam02", "main", None) is None


def test_a_newest_file_that_does_not_play_does_not_hide_the_one_before(tmp_path: Path) -> None:
    """A crash in the first moments of a segment leaves an init and no picture."""
    put(tmp_path, at(0))
    torn = put(tmp_path, at(60), number=1)
    torn.write_bytes(torn.read_bytes()[:700])
    assert known_until(tmp_path, "cam01", "main", None) == at(4)
    found = newest_recording(tmp_path, "cam01", "main")
    assert found is not None
    assert found[1].end_ns == at(4)


def test_a_gap_that_was_open_reaches_to_the_last_mark(tmp_path: Path) -> None:
    """Without one the last mark says nothing about this stream: it recorded until it was cut."""
    put(tmp_path, at(0))
    rebuild(tmp_path)
    last = Mark(1, at(64), stopped=False)
    assert known_until(tmp_path, "cam01", "main", last) == at(4)
    with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
        db.execute(
            "insert into gap (camera, stream, from_ns, cause, evidence, epoch)"
            " values ('cam01', 'main', ?, 'refused', '', 1)",
            (at(4),),
        )
        db.commit()
    assert known_until(tmp_path, "cam01", "main", last) == at(64)


def test_the_newest_recording_is_taken_where_a_clock_step_put_it(tmp_path: Path) -> None:
    """The file says two hours later than it was; the catalog knows better."""
    put(tmp_path, at(7200))
    tell(tmp_path, 1, wire.BoxStarted(at=at(7100), version="1", boot="a"), began(1, at(7200)))
    rebuild(tmp_path)
    catalog, _ = open_catalog(tmp_path)
    catalog.submit(lambda db: move_clock(db, "a", -7200 * NS))
    catalog.close()
    assert known_until(tmp_path, "cam01", "main", None) == at(4)


def test_open_gaps_of_earlier_lives_are_closed_at_the_mark(tmp_path: Path) -> None:
    """Those of the present life are not, and one that began after the mark is dropped."""
    catalog, _ = open_catalog(tmp_path)

    def write(db: sqlite3.Connection) -> None:
        db.executemany(
            "insert into gap (camera, stream, from_ns, cause, evidence, epoch)"
            " values ('cam01', 'main', ?, 'refused', '', ?)",
            [(at(0), 1), (at(70), 1), (at(80), 2)],
        )
        close_old_gaps(db, 2, at(64))

    catalog.submit(write)
    catalog.close()
    assert [(g.from_ns, g.to_ns) for g in gaps(tmp_path)] == [(at(0), at(64)), (at(80), None)]


@pytest.mark.parametrize("trace", ["journal", "mark", "catalog", "nothing"])
def test_a_life_never_takes_the_number_of_an_earlier_one(tmp_path: Path, trace: str) -> None:
    """Whatever is left of it: two facts of one number would be one fact to the tiers above."""
    if trace == "journal":
        tell(tmp_path, 7, wire.BoxStopped(at=0))
    elif trace == "mark":
        mark(tmp_path, at(0), epoch=7)
    elif trace == "catalog":
        catalog, _ = open_catalog(tmp_path)
        catalog.submit(lambda db: db.execute("insert into epoch values (7, 'b', 0, 1)"))
        catalog.close()
    assert next_epoch(tmp_path) == (1 if trace == "nothing" else 8)


def test_a_folder_in_the_place_of_a_segment_is_put_apart(tmp_path: Path) -> None:
    """A slip of a person or of a disk; the files beside it are indexed all the same."""
    path = tmp_path / segment_path("cam01", "main", run_id(1), 0, at(0))
    path.mkdir(parents=True)
    good = put(tmp_path, at(30), run=4)
    repairs = rebuild(tmp_path)
    assert [r.path for r in rows(tmp_path)] == [str(good.relative_to(tmp_path))]
    assert repairs.unplayable == [str(path.relative_to(tmp_path))]
    assert os.path.lexists(tmp_path / "unplayable" / path.name)
