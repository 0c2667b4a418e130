"""An hour of a camera's ledger as a page: when it is due, what it holds, how pages are chained."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac import wire
from vonggac.clock import NS
from vonggac.edge.catalog import Catalog, CatalogReader
from vonggac.edge.pages import GRACE_NS, HOUR_NS, compose, digest, due, faults
from vonggac.edge.recovery import insert_page, page_row
from vonggac.media import merkle

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

SITE = "k3vq7m2xw5tdhn6ryb4pcz2aej"
HOUR = 1_795_000_000 * NS // HOUR_NS * HOUR_NS
"""A full hour on 2026-11-18."""
MINUTE = 60 * NS


def minutes(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
    return [(HOUR + low * MINUTE, HOUR + high * MINUTE) for low, high in pairs]


@pytest.mark.parametrize(
    ("last", "first", "now", "hours"),
    [
        (None, 10, 59, []),
        (None, 10, 61, []),
        (None, 10, 62, minutes((10, 60))),
        (None, 60, 122, minutes((60, 120))),
        (60, 10, 122, minutes((60, 120))),
        (60, 10, 250, minutes((60, 120), (120, 180), (180, 240))),
        (75, 10, 122, minutes((75, 120))),
    ],
)
def test_a_page_is_due_when_its_hour_and_its_last_segments_are_over(
    last: int | None, first: int, now: int, hours: list[tuple[int, int]]
) -> None:
    """Hours of the clock; the first begins with the first that is known.

    One that was cut short at a stop is continued, not repeated.
    """
    assert (
        due(
            None if last is None else HOUR + last * MINUTE,
            HOUR + first * MINUTE,
            HOUR + now * MINUTE,
        )
        == hours
    )


@given(
    last=st.none() | st.integers(0, 10**15),
    first=st.integers(0, 10**15),
    later=st.integers(-(10**14), 10**15),
)
def test_pages_that_are_due_cover_time_once(last: int | None, first: int, later: int) -> None:
    """No hole, no overlap, at most an hour each, none of the future, a bounded number at once."""
    begin = first if last is None else last
    now = begin + later
    hours = due(last, first, now)
    assert len(hours) <= 48
    for low, high in hours:
        assert low == begin
        assert 0 < high - low <= HOUR_NS
        assert high % HOUR_NS == 0
        assert high + GRACE_NS <= now
        begin = high
    if len(hours) < 48:
        assert now - begin < HOUR_NS + GRACE_NS


@pytest.fixture
def reader(tmp_path: Path) -> CatalogReader:
    """An hour of four minutes: two recorded, one missing, one recorded by the next run."""
    catalog = Catalog(tmp_path / "catalog.sqlite")

    def fill(db: sqlite3.Connection) -> None:
        db.executemany(
            "insert into segment (camera, stream, run, epoch, number, path, start_ns, end_ns,"
            " base_ticks, size, pictures, parts, root)"
            " values ('cam01', 'main', ?, 1, 0, ?, ?, ?, 0, 1000, 1500, 300, ?)",
            [
                (b"a", "0", HOUR - 30 * NS, HOUR + 30 * NS, b"0" * 32),
                (b"a", "1", HOUR + 30 * NS, HOUR + 90 * NS, b"1" * 32),
                (b"a", "2", HOUR + 90 * NS, HOUR + 2 * MINUTE, b"2" * 32),
                (b"b", "3", HOUR + 3 * MINUTE, HOUR + 4 * MINUTE, b"3" * 32),
            ],
        )
        db.execute(
            "insert into gap (camera, stream, from_ns, to_ns, cause, evidence, epoch)"
            " values ('cam01', 'main', ?, ?, 'refused', '', 1)",
            (HOUR + 2 * MINUTE, HOUR + 3 * MINUTE),
        )
        db.executemany(
            "insert into run (run, camera, stream, epoch, started_ns, ended_ns, source,"
            " source_why, codec, width, height, declared_fps, delivered_fps, clock_error_ns)"
            " values (?, 'cam01', 'main', 1, ?, ?, 'rtsp', '', 'h264', 640, 360, 25, ?, ?)",
            [
                (b"a", HOUR - MINUTE, HOUR + 2 * MINUTE, 20.0, 5),
                (b"b", HOUR + 3 * MINUTE, None, 21.5, -7),
            ],
        )

    catalog.submit(fill)
    catalog.close()
    return CatalogReader(tmp_path / "catalog.sqlite")


def page_of(reader: CatalogReader, low: int, high: int, **chain: object) -> wire.Page:
    return compose(
        reader, site=SITE, camera="cam01", streams=("main",), from_ns=low, to_ns=high,
        number=chain.get("number", 0), previous=chain.get("previous", b""),
    )  # fmt: skip


def test_a_page_says_what_the_hour_was(reader: CatalogReader) -> None:
    """Spans and gaps cut to the hour; bytes, pictures and root of the segments that began in it."""
    with closing(reader):
        page = page_of(reader, HOUR, HOUR + 4 * MINUTE)
    (main,) = page.streams
    assert main.spans == (
        (HOUR, HOUR + 2 * MINUTE), (HOUR + 3 * MINUTE, HOUR + 4 * MINUTE)
    )  # fmt: skip
    assert [(g.from_, g.to, g.cause) for g in main.gaps] == [
        (HOUR + 2 * MINUTE, HOUR + 3 * MINUTE, "refused")
    ]
    assert (main.segments, main.bytes, main.pictures) == (3, 3000, 4500)
    leaves = [merkle.leaf(root * 32) for root in (b"1", b"2", b"3")]
    assert main.root == merkle.root(leaves).hex()
    assert (main.declared_fps, main.delivered_fps, main.clock_error_ns) == (25, 21.5, -7)


def test_each_segment_is_a_leaf_of_exactly_one_page(reader: CatalogReader) -> None:
    """Of the hour in which it began, however the hours are cut."""
    with closing(reader):
        first = page_of(reader, HOUR - MINUTE, HOUR + MINUTE).streams[0]
        second = page_of(reader, HOUR + MINUTE, HOUR + 4 * MINUTE).streams[0]
    assert (first.segments, second.segments) == (2, 2)


def test_an_hour_of_nothing_is_a_page_too(reader: CatalogReader) -> None:
    """Its root is that of the empty tree (RFC 9162)."""
    with closing(reader):
        (main,) = page_of(reader, HOUR + HOUR_NS, HOUR + 2 * HOUR_NS).streams
    assert (main.spans, main.gaps, main.segments) == ((), (), 0)
    assert main.root == merkle.EMPTY.hex()


def chain(reader: CatalogReader, count: int) -> list[tuple[int, int, int, bytes, bytes]]:
    """Rows of so many pages, as the catalog keeps them."""
    rows = []
    previous = b""
    for number in range(count):
        low = HOUR + number * HOUR_NS
        page = page_of(reader, low, low + HOUR_NS, number=number, previous=previous)
        previous = digest(page)
        row = page_row(bytes(wire.encode_page(page)))
        rows.append((row[1], row[2], row[3], row[4], row[5]))
    return rows


def test_a_whole_chain_has_no_fault(reader: CatalogReader) -> None:
    """Also an empty one."""
    with closing(reader):
        assert faults(chain(reader, 5)) == []
    assert faults([]) == []


def test_a_changed_a_missing_and_a_forged_page_are_named(reader: CatalogReader) -> None:
    """Each by its number, and only it."""
    with closing(reader):
        good = chain(reader, 5)
    changed = list(good)
    changed[2] = (*good[2][:4], good[2][4].replace(b'"bytes":0', b'"bytes":9'))
    assert faults(changed) == ["page 2 was changed: its hash does not match"]
    assert faults(good[:1] + good[3:]) == ["page 1 is missing", "page 2 is missing"]
    forged = list(good)
    row = page_row(good[2][4].replace(b'"bytes":0', b'"bytes":9'))
    forged[2] = (good[2][0], good[2][1], good[2][2], row[4], row[5])
    assert faults(forged) == ["page 3 does not continue the page before it"]
    assert faults(good[1:]) == ["page 0 is missing"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"previous": "xyz"}'])
def test_a_page_that_cannot_be_read_is_a_finding_and_no_crash(
    reader: CatalogReader, content: bytes
) -> None:
    """A damaged disk may leave anything."""
    with closing(reader):
        rows = chain(reader, 3)
    rows[1] = (*rows[1][:4], content)
    assert faults(rows) == [
        "page 1 was changed: its hash does not match", "page 1 cannot be read"
    ]  # fmt: skip


def test_a_page_is_kept_once(tmp_path: Path, reader: CatalogReader) -> None:
    """Replaying a journal over a whole catalog changes nothing."""
    with closing(reader):
        rows: Sequence[tuple[object, ...]] = [page_row(row[4]) for row in chain(reader, 2)] * 2
    catalog = Catalog(tmp_path / "other.sqlite")
    for row in rows:
        catalog.submit(lambda db, v=row: insert_page(db, v))
    catalog.close()
    with closing(CatalogReader(tmp_path / "other.sqlite")) as again:
        assert [page[0] for page in again.pages("cam01")] == [0, 1]
        last = again.last_page("cam01")
        assert last is not None
        assert last[0] == 1
