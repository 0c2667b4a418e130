"""`vonggac check` on directories that somebody, or something, has been at."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from recordings import Cameras, Recording, rows, virtual_cameras, wait_until
from vonggac.edge.check import check
from vonggac.edge.recovery import CATALOG, segment_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cameras(cache: Path) -> Iterator[Cameras]:
    with virtual_cameras(2, cache) as made:
        yield made


@pytest.fixture(scope="module")
def recorded(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording of two cameras, to be copied by each test."""
    directory = tmp_path_factory.mktemp("recorded") / "disk"
    urls = {name: cameras.url(name) for name in cameras.names}
    with Recording(directory, urls, "--segment-seconds", "5") as recording:
        recording.wait_for_files(*cameras.names, count=2)
        wait_until(lambda: all(p.stat().st_size for p in recording.files("cam01")), "bytes")
        recording.stop()
    return directory


@pytest.fixture
def disk(recorded: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    copy = tmp_path / "disk"
    for path in recorded.rglob("*"):
        target = copy / path.relative_to(recorded)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return copy


def first(disk: Path) -> Path:
    return next(iter(segment_files(disk)))


def test_a_directory_in_order_is_left_as_it_is(disk: Path) -> None:
    """Looked at twice, with the same words, and no byte of a segment touched."""
    before = {path: path.read_bytes() for path in segment_files(disk)}
    for _ in range(2):
        found = check(disk)
        assert (found.ok, found.repaired, found.faults, found.unplayable) == (True, [], [], [])
        assert found.segments == len(before)
        assert not found.running
    assert {path: path.read_bytes() for path in segment_files(disk)} == before


def test_a_changed_byte_inside_a_picture_is_found_by_its_hash(disk: Path) -> None:
    """The file still plays; only the hash knows. Without hashing nobody does, and it says so."""
    path = first(disk)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    found = check(disk)
    assert not found.ok
    name = str(path.relative_to(disk))
    assert found.faults == [f"{name}: its bytes are not those that were recorded"]
    assert check(disk, hashing=False).ok


def test_a_file_that_was_deleted_by_hand_is_named(disk: Path) -> None:
    """No rule deleted it: that is what the ledger is for."""
    path = first(disk)
    path.unlink()
    found = check(disk)
    name = str(path.relative_to(disk))
    assert found.faults == [f"{name}: the file is gone, and no rule deleted it"]


def test_a_file_that_was_cut_afterwards_is_named_and_not_made_to_fit(disk: Path) -> None:
    """A closed segment that is shorter than it was is a finding, not a repair."""
    path = first(disk)
    size = path.stat().st_size
    os.truncate(path, size - 100)
    found = check(disk)
    assert not found.ok
    assert found.faults[0].startswith(f"{path.relative_to(disk)}: {size - 100} bytes, of which")


def test_a_file_that_the_catalog_lost_is_indexed_again(disk: Path) -> None:
    """Its row comes back with the same times and the same root."""
    before = rows(disk)
    with closing(sqlite3.connect(disk / CATALOG)) as db:
        db.execute("delete from segment where id = ?", (before[0].id,))
        db.commit()
    found = check(disk)
    assert found.ok
    assert found.repaired == [f"{before[0].path}: indexed again"]
    again = next(row for row in rows(disk) if row.path == before[0].path)
    assert (again.start_ns, again.end_ns, again.root) == (*before[0][7:9], before[0].root)


def test_a_page_that_was_changed_is_named(disk: Path) -> None:
    """Somebody made an hour look better."""
    with closing(sqlite3.connect(disk / CATALOG)) as db:
        (content,) = db.execute("select content from page where camera = 'cam01'").fetchone()
        better = content.replace(b"cam01", b"cam09")
        db.execute("update page set content = ? where camera = 'cam01'", (better,))
        db.commit()
    found = check(disk)
    assert "cam01: page 0 was changed: its hash does not match" in found.faults


def test_a_directory_that_is_being_recorded_into_is_only_looked_at(
    cameras: Cameras, tmp_path: Path
) -> None:
    """Open segments are no fault, and nothing is written beside the recorder."""
    with Recording(tmp_path, {"cam01": cameras.url("cam01")}) as recording:
        recording.wait_for_files("cam01")
        wait_until(lambda: rows(tmp_path), "the catalog knows of it")
        found = check(tmp_path)
        assert found.running
        assert (found.ok, found.repaired) == (True, [])
        assert recording.stop()["cam01"]["gaps"] == []


def test_an_empty_directory_is_in_order(tmp_path: Path) -> None:
    """There is nothing that could be wrong."""
    found = check(tmp_path)
    assert (found.ok, found.segments, found.lost_s) == (True, 0, {})
