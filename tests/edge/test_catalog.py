"""The one writer of the catalog before a disk that refuses, and what its readers are told."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from recordings import wait_until
from vonggac.clock import NS
from vonggac.edge import catalog as catalogs
from vonggac.edge.catalog import WHOLE, Catalog, CatalogReader, pack_keyframes
from vonggac.edge.recovery import open_catalog
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = bytes(range(16))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.sqlite")
    yield made
    made.close()


def gap(number: int, *, to: int | None = None, camera: str = "cam01") -> object:
    """A letter: one more gap."""

    def write(db: sqlite3.Connection) -> None:
        db.execute(
            "insert into gap (camera, stream, from_ns, to_ns, cause, evidence, epoch)"
            " values (?, 'main', ?, ?, 'stalled', '', 1)",
            (camera, number, to),
        )

    return write


def segment(start: int, end: int | None, **fields: object) -> object:
    """A letter: one more segment."""
    row = {
        "camera": "cam01", "stream": "main", "run": RUN, "epoch": 1, "number": 0,
        "path": f"{start}.mp4", "start_ns": start, "end_ns": end, "base_ticks": 0, "size": 10,
        **fields,
    }  # fmt: skip
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    return lambda db: db.execute(
        f"insert into segment ({names}) values ({marks})", tuple(row.values())
    )


def gaps(path: Path) -> list[int]:
    """What a reader finds; nothing, while there is no catalog yet."""
    with suppress(VonggacError), closing(CatalogReader(path)) as reader:
        return [row.from_ns for row in reader.gaps_between("cam01", "main", 0, 1 << 62)]
    return []


def test_changes_are_made_in_order_and_seen_by_readers(catalog: Catalog) -> None:
    """A reader that was open before sees them too: it never blocks the writer."""
    with closing(CatalogReader(catalog.path)) as reader:
        for number in range(500):
            catalog.submit(gap(number, to=number + 1))
        catalog.submit(lambda db: db.execute("delete from gap where from_ns < 400"))
        catalog.flush()
        found = reader.gaps_between("cam01", "main", 0, 1000)
        assert [row.from_ns for row in found] == list(range(400, 500))


def test_a_change_that_cannot_be_made_does_not_hold_up_the_others(catalog: Catalog) -> None:
    """A fault of ours in one row must not stop the ledger of a hundred cameras."""
    catalog.submit(gap(1))

    def half(db: sqlite3.Connection) -> None:
        db.execute("update gap set cause = 'half done'")
        db.execute("insert into gap (camera) values (null)")

    catalog.submit(half)
    catalog.submit(lambda db: db.execute("insert into note values (1 << 70, 'x')"))
    catalog.submit(lambda db: db.execute("insert into note values (?, 'x')", (1 << 70,)))
    catalog.submit(gap(2))
    catalog.flush()
    assert gaps(catalog.path) == [1, 2]
    with closing(CatalogReader(catalog.path)) as reader:
        causes = {row.cause for row in reader.gaps_between("cam01", "main", 0, 100)}
    assert causes == {"stalled"}
    assert catalog.trouble is None


def test_what_a_locked_catalog_misses_is_written_later(tmp_path: Path, catalog: Catalog) -> None:
    """Somebody looks with a tool that locks it: nothing is lost, nobody waits."""
    other = sqlite3.connect(catalog.path, isolation_level=None)
    other.execute("begin immediate")
    catalog.submit(gap(1))
    wait_until(lambda: catalog.trouble, "the writer is refused")
    catalog.submit(gap(2))
    other.execute("rollback")
    other.close()
    wait_until(lambda: gaps(tmp_path / "catalog.sqlite") == [1, 2], "the rows are written")


def test_changes_beyond_the_bound_are_refused_and_the_catalog_is_no_longer_whole(
    tmp_path: Path,
) -> None:
    """A disk that refuses for hours costs a bounded amount of memory.

    The next start reads the files and the journal again.
    """
    path = tmp_path / "disk" / "catalog.sqlite"
    catalog = Catalog(path)
    catalog.submit(lambda db: db.execute("insert into note values (?, '1')", (WHOLE,)))
    catalog.flush()
    path.parent.rename(tmp_path / "away")
    catalog.submit(gap(1))
    wait_until(lambda: catalog.trouble, "the writer is refused")
    taken = sum(catalog.submit(gap(2)) for _ in range(4 * catalogs.MAX_LETTERS))
    assert taken <= 3 * catalogs.MAX_LETTERS
    assert not path.parent.exists()
    (tmp_path / "away").rename(path.parent)
    wait_until(lambda: catalog.trouble is None, "the writer is let in again")
    assert catalog.flush(30)
    catalog.close()
    assert len(gaps(path)) == taken + 1
    with closing(CatalogReader(path)) as reader:
        assert reader.note(WHOLE) is None


def test_a_catalog_that_was_taken_away_is_begun_anew_and_says_that_it_is_not_whole(
    tmp_path: Path, catalog: Catalog
) -> None:
    """Rows must not go into a file that nobody can find any more."""
    catalog.submit(lambda db: db.execute("insert into note values (?, '1')", (WHOLE,)))
    catalog.submit(gap(1))
    catalog.flush()
    for path in tmp_path.iterdir():
        path.unlink()
    catalog.submit(gap(2))
    wait_until(lambda: catalog.path.exists() and gaps(catalog.path) == [2], "the new row")
    with closing(CatalogReader(catalog.path)) as reader:
        assert reader.note(WHOLE) is None


def test_closing_before_a_disk_that_is_gone_takes_a_moment(tmp_path: Path) -> None:
    """A recorder that is told to stop stops, whatever its disk does."""
    path = tmp_path / "disk" / "catalog.sqlite"
    catalog = Catalog(path)
    path.parent.rename(tmp_path / "away")
    catalog.submit(gap(1))

    def stop() -> None:
        catalog.flush(0.5)
        catalog.close()
        catalog.close()

    stopping = threading.Thread(target=stop)
    stopping.start()
    stopping.join(4)
    assert not stopping.is_alive()


def test_a_catalog_lies_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """SQLite's URIs give a meaning to four of these signs."""
    path = tmp_path / "phòng 2? 50% #1;a=b&c" / "catalog.sqlite"
    catalog = Catalog(path)
    catalog.submit(gap(1))
    catalog.close()
    assert gaps(path) == [1]


def test_a_disk_that_lets_no_catalog_be_made_is_asked_again(tmp_path: Path) -> None:
    """A box that starts on a full disk starts."""
    path = tmp_path / "catalog.sqlite"
    path.mkdir()
    catalog = Catalog(path)
    assert catalog.trouble is not None
    catalog.submit(gap(1))
    path.rmdir()
    wait_until(lambda: path.exists() and gaps(path) == [1], "the catalog is made")
    catalog.close()


def test_flushing_after_the_end_does_not_wait(catalog: Catalog) -> None:
    """Nobody will answer."""
    catalog.close()
    catalog.flush()
    assert not catalog.submit(gap(1))


def test_a_reader_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    """In one sentence, whichever way the catalog is wrong."""
    path = tmp_path / "catalog.sqlite"
    with pytest.raises(VonggacError, match="vonggac check") as missing:
        CatalogReader(path)
    assert missing.value.kind is Kind.NOT_FOUND
    path.write_bytes(os.urandom(5000))
    with pytest.raises(VonggacError, match="vonggac check") as broken:
        CatalogReader(path)
    assert broken.value.kind is Kind.CORRUPT
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 9")
        db.commit()
    with pytest.raises(VonggacError, match="has version 9, this program reads 2"):
        CatalogReader(path)


def test_a_damaged_page_is_an_error_of_ours_and_not_of_the_library(
    tmp_path: Path, catalog: Catalog
) -> None:
    """Whoever asks must be able to go on: a damaged catalog is no reason to stop recording."""
    for number in range(3000):
        catalog.submit(gap(number, to=number + 1))
    catalog.flush()
    catalog.close()
    with closing(sqlite3.connect(catalog.path)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    content = bytearray(catalog.path.read_bytes())
    content[4096 * 4 :] = os.urandom(len(content) - 4096 * 4)
    catalog.path.write_bytes(content)
    with closing(CatalogReader(catalog.path)) as reader:
        with pytest.raises(VonggacError, match="vonggac check") as broken:
            reader.gaps_between("cam01", "main", 0, 1 << 62)
        assert broken.value.kind is Kind.CORRUPT


def test_segments_are_found_by_the_time_they_cover(catalog: Catalog) -> None:
    """Half-open: a segment that ends at a moment does not hold it; an open one reaches on."""
    for start, end in ((0, 60), (60, 120), (120, 180), (200, None)):
        catalog.submit(segment(start, end))
    catalog.submit(segment(70, 80, camera="cam02", path="other"))
    catalog.flush()
    with closing(CatalogReader(catalog.path)) as reader:

        def between(low: int, high: int) -> list[int]:
            return [row.start_ns for row in reader.segments_between("cam01", "main", low, high)]

        assert between(60, 61) == [60]
        assert between(59, 61) == [0, 60]
        assert between(180, 200) == []
        assert between(170, 900) == [120, 200]
        assert [row.start_ns for row in reader.open_segments()] == [200]
        near = reader.segment_near("cam01", "main", 60, later=False)
        assert near is not None
        assert near.start_ns == 60
        after = reader.segment_near("cam01", "main", 60, later=True)
        assert after is not None
        assert after.start_ns == 120
        assert reader.segment_near("cam01", "main", 200, later=True) is None
        assert reader.bounds("cam01", "main") == (0, 200)
        assert reader.bounds("cam09", "main") is None
        assert reader.streams() == [("cam01", "main"), ("cam02", "main")]


def test_a_segment_of_hours_is_found_by_its_last_minute(catalog: Catalog) -> None:
    """A camera with one keyframe in two hours makes segments as long: they begin at keyframes."""
    hour = 3600 * NS
    for start, end in ((0, 2 * hour), (2 * hour, 5 * hour), (5 * hour, None)):
        catalog.submit(segment(start, end))
    catalog.flush()
    with closing(CatalogReader(catalog.path)) as reader:

        def between(low: int, high: int) -> list[int]:
            found = reader.segments_between("cam01", "main", low, high)
            return [row.start_ns // hour for row in found]

        assert between(5 * hour - 60 * NS, 5 * hour) == [2]
        assert between(int(1.9 * hour), int(2.1 * hour)) == [0, 2]
        assert between(9 * hour, 10 * hour) == [5]


def test_segments_that_a_step_of_the_clock_laid_over_each_other_are_all_found(
    catalog: Catalog,
) -> None:
    """The clock was put back by ten minutes: two files cover the same time by their names."""
    for start, end in ((0, 600), (100, 160), (160, 220)):
        catalog.submit(segment(start * NS, end * NS))
    catalog.flush()
    with closing(CatalogReader(catalog.path)) as reader:
        found = reader.segments_between("cam01", "main", 170 * NS, 180 * NS)

    assert [row.start_ns // NS for row in found] == [0, 160]


def old_catalog(path: Path, *, pages_by_stream: bool = False) -> None:
    """A catalog as the first version of the program made it."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(catalogs.SCHEMA)
        db.executescript(
            "drop trigger volume_begins; drop trigger volume_grows; drop trigger volume_shrinks;"
            "drop table volume; drop index segment_open; drop index segment_by_age;"
        )
        if pages_by_stream:
            db.executescript(
                "drop table page; create table page (camera text not null, stream text not null,"
                " from_ns integer not null, payload blob not null,"
                " primary key (camera, stream, from_ns)) strict;"
            )
        for start, end, held in ((0, 60, 1), (60, 120, 0), (120, None, 0)):
            segment(start, end, held=held)(db)  # type: ignore[operator]
        db.execute("insert into note (key, value) values (?, '1')", (WHOLE,))
        db.execute("pragma user_version = 1")
        db.commit()


def objects(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        return {name for (name,) in db.execute("select name from sqlite_master")}


def test_a_catalog_of_the_first_version_is_brought_up_in_place(tmp_path: Path) -> None:
    """A box that is upgraded does not read a month of files again, and forgets no hold."""
    path = tmp_path / "catalog.sqlite"
    old_catalog(path)
    with pytest.raises(VonggacError, match="version 1, this program reads 2"):
        CatalogReader(path)

    with closing(Catalog(path)) as catalog:
        catalog.submit(segment(180, 240))
        catalog.flush()
        with closing(CatalogReader(path)) as reader:
            assert [one[:3] for one in reader.volume()] == [("cam01", "main", 30)]
            assert [row.start_ns for row in reader.oldest(9)] == [60, 180]
            assert reader.note(WHOLE) is not None
    with closing(Catalog(tmp_path / "fresh.sqlite")):
        assert objects(path) == objects(tmp_path / "fresh.sqlite")


def test_a_catalog_that_no_step_leads_on_from_is_made_again(tmp_path: Path) -> None:
    """Nothing is deleted, and recording begins at once: the files say it all again."""
    old_catalog(tmp_path / "catalog.sqlite", pages_by_stream=True)

    catalog, is_to_be_filled = open_catalog(tmp_path)
    with closing(catalog), closing(CatalogReader(catalog.path)) as reader:
        assert is_to_be_filled
        assert reader.streams() == []
    assert (tmp_path / "catalog.damaged-1").exists()


def test_a_catalog_of_a_later_program_is_set_aside_and_kept(tmp_path: Path) -> None:
    """Whoever goes back a version finds the later catalog where it was put."""
    path = tmp_path / "catalog.sqlite"
    old_catalog(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 99")

    catalog, is_to_be_filled = open_catalog(tmp_path)
    catalog.close()

    assert is_to_be_filled
    with closing(sqlite3.connect(tmp_path / "catalog.damaged-1")) as db:
        assert db.execute("select count(*) from segment").fetchone() == (3,)


def test_the_oldest_that_may_go_are_closed_and_not_held(catalog: Catalog) -> None:
    """What is under a case, and what is being written, is not even offered."""
    for start, end, held in ((0, 60, 1), (60, 120, 0), (120, 180, 0), (30, None, 0)):
        catalog.submit(segment(start, end, held=held))
    catalog.flush()
    with closing(CatalogReader(catalog.path)) as reader:
        assert [row.start_ns for row in reader.oldest(10)] == [60, 120]
        assert [row.start_ns for row in reader.oldest(1)] == [60]
        assert reader.volume() == [("cam01", "main", 30, 0)]


def test_keyframes_survive_their_packing(catalog: Catalog) -> None:
    """Times before 1970 too: a clock may be that wrong."""
    index = [(-5, 0), (1_795_000_000_000_000_000, 4_000_000_000)]
    catalog.submit(segment(0, 60, keyframes=pack_keyframes(index)))
    catalog.flush()
    with closing(CatalogReader(catalog.path)) as reader:
        (row,) = reader.segments()
        assert row.keyframe_index() == index


def test_the_volume_follows_every_change_of_a_segment(catalog: Catalog) -> None:
    """Retention believes it, so an open segment, a repair and a deletion must not put it wrong."""

    def volume() -> list[tuple[str, str, int, int]]:
        catalog.flush()
        with closing(CatalogReader(catalog.path)) as reader:
            return reader.volume()

    def tell(text: str) -> None:
        catalog.submit(lambda db: db.execute(text))

    for start, end in ((0, 60), (60, 120), (120, None)):
        catalog.submit(segment(start, end))
    assert volume() == [("cam01", "main", 20, 0)]
    tell("update segment set end_ns = 170, size = 25 where start_ns = 120")
    assert volume() == [("cam01", "main", 45, 0)]
    tell("update segment set start_ns = start_ns + 5, end_ns = end_ns + 5")
    assert volume() == [("cam01", "main", 45, 5)]
    tell("delete from segment where start_ns = 5")
    assert volume() == [("cam01", "main", 35, 65)]
    tell("insert or ignore into segment select * from segment")
    assert volume() == [("cam01", "main", 35, 65)]
    tell("delete from segment")
    assert volume() == []


def test_what_is_asked_again_and_again_is_found_by_an_index(catalog: Catalog) -> None:
    """A month of fifty cameras is two million segments: a look at each would take seconds."""
    catalog.submit(segment(0, 60))
    catalog.flush()
    with (
        closing(CatalogReader(catalog.path)) as reader,
        closing(sqlite3.connect(catalog.path)) as db,
    ):
        asked: list[str] = []
        reader._db.set_trace_callback(asked.append)
        reader.streams()
        reader.bounds("cam01", "main")
        reader.volume()
        reader.oldest(5)
        reader.open_segments()
        reader.segment_near("cam01", "main", 30, later=True)
        reader.segment_near("cam01", "main", 30, later=False)
        reader.segments_between("cam01", "main", 10, 20)
        plans = [row[3] for text in asked for row in db.execute(f"explain query plan {text}")]
    walked = [plan for plan in plans if plan.startswith("SCAN") and "segment" in plan]
    assert len(asked) >= 7
    assert [plan for plan in walked if "INDEX segment_" not in plan] == []
    assert not [plan for plan in plans if "TEMP B-TREE" in plan and "ORDER BY" in plan]


def test_every_table_and_column_says_what_it_is() -> None:
    """The schema is a document."""
    tables = catalogs.SCHEMA.split("create table ")[1:]
    assert len(tables) == 8
    before = catalogs.SCHEMA.split("create table ")[:-1]
    for text, intro in zip(tables, before, strict=True):
        assert intro.rstrip().splitlines()[-1].startswith("-- "), text.split()[0]
