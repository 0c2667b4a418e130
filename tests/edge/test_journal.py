"""The site's facts on a disk that fails, tears and fills up."""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING

import pytest
from nacl.signing import SigningKey

from recordings import wait_until
from vonggac import wire
from vonggac.edge import journal as journals
from vonggac.edge.journal import Journal, Places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SITE = "k3vq7m2xw5tdhn6ryb4pcz2aej"
KEY = SigningKey(bytes(32))


def sign(content: bytes) -> bytes:
    return KEY.sign(content).signature


def stopped(at: int) -> wire.BoxStopped:
    return wire.BoxStopped(at=at)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path, SITE, 3, sign)
    yield made
    made.close()


def test_facts_are_numbered_signed_and_durable_in_order(tmp_path: Path, journal: Journal) -> None:
    """What a tier above verifies: the signature covers site, epoch, sequence and payload."""
    for at in range(5):
        envelope = journal.append(stopped(at))
        assert (envelope.epoch, envelope.sequence) == (3, at)
    journal.close()
    assert journal.durable_sequence == 5
    found = list(journals.facts(tmp_path / "journal"))
    assert [(e.sequence, fact.at) for e, fact in found] == [(n, n) for n in range(5)]
    for envelope, _ in found:
        signed = wire.signed_bytes(SITE, 3, envelope.sequence, envelope.payload)
        KEY.verify_key.verify(signed, envelope.signature)


def test_whoever_publishes_is_told_when_facts_are_durable(journal: Journal) -> None:
    """Not before: what has left the site must never be taken back by a crash."""
    told = threading.Event()
    journal.on_durable = told.set
    journal.append(stopped(1))
    assert told.wait(10)
    assert journal.durable_sequence == 1


def test_a_torn_last_frame_costs_itself_and_nothing_before_it(tmp_path: Path) -> None:
    """At every length that a crash may leave."""
    journal = Journal(tmp_path, SITE, 1, sign)
    for at in range(4):
        journal.append(stopped(at))
    journal.close()
    path = journals.journal_path(tmp_path / "journal", 1)
    whole = path.read_bytes()
    frame = len(whole) // 4
    for size in range(len(whole), -1, -1):
        path.write_bytes(whole[:size])
        found = [fact.at for _, fact in journals.facts(tmp_path / "journal")]
        assert found == list(range(size // frame))


def test_a_frame_whose_bytes_changed_ends_the_file_there(tmp_path: Path) -> None:
    """Half a sector of zeros after a power cut has the right length and the wrong sum."""
    journal = Journal(tmp_path, SITE, 1, sign)
    for at in range(4):
        journal.append(stopped(at))
    journal.close()
    path = journals.journal_path(tmp_path / "journal", 1)
    whole = bytearray(path.read_bytes())
    whole[len(whole) * 5 // 8] ^= 1
    path.write_bytes(whole)
    assert [fact.at for _, fact in journals.facts(tmp_path / "journal")] == [0, 1]


def test_a_frame_of_absurd_length_is_not_waited_for(tmp_path: Path) -> None:
    """A gigabyte announced by a broken disk is not read into memory."""
    folder = tmp_path / "journal"
    folder.mkdir()
    body = b"x" * 10
    broken = (1 << 30).to_bytes(4) + zlib.crc32(body).to_bytes(4) + body
    journals.journal_path(folder, 1).write_bytes(broken)
    assert list(journals.facts(folder)) == []


def test_a_whole_frame_that_is_no_fact_is_passed_over(tmp_path: Path) -> None:
    """A later version's fact must not hide what comes after it."""
    folder = tmp_path / "journal"
    folder.mkdir()
    path = journals.journal_path(folder, 1)
    body = b"no envelope"
    path.write_bytes(len(body).to_bytes(4) + zlib.crc32(body).to_bytes(4) + body)
    other = tmp_path / "other"
    other.mkdir()
    journal = Journal(other, SITE, 1, sign)
    journal.append(stopped(7))
    journal.close()
    path.write_bytes(path.read_bytes() + journals.journal_path(other / "journal", 1).read_bytes())
    assert [fact.at for _, fact in journals.facts(folder)] == [7]


def test_each_life_has_a_file_of_its_own(tmp_path: Path) -> None:
    """So that a torn end of one life never stands in the middle of a file."""
    for epoch in (2, 10, 1):
        journal = Journal(tmp_path, SITE, epoch, sign)
        journal.append(stopped(epoch))
        journal.close()
    assert journals.epochs(tmp_path / "journal") == [1, 2, 10]
    assert [fact.at for _, fact in journals.facts(tmp_path / "journal")] == [1, 2, 10]


def test_facts_are_read_on_from_where_a_reader_stopped(tmp_path: Path) -> None:
    """Across lives, none twice, none left out, at most as many as asked for."""
    for epoch in (1, 2, 3):
        journal = Journal(tmp_path, SITE, epoch, sign)
        for at in range(3):
            journal.append(stopped(10 * epoch + at))
        journal.close()
    places = Places(tmp_path / "journal")
    place: tuple[int, int] | None = None
    seen: list[int] = []
    while found := places.after(place, 2):
        assert len(found) <= 2
        seen += [wire.decode_fact(each.payload).at for each in found]
        place = (found[-1].epoch, found[-1].sequence)
    assert seen == [10, 11, 12, 20, 21, 22, 30, 31, 32]
    again = Places(tmp_path / "journal").after((2, 1), 100)
    assert [wire.decode_fact(each.payload).at for each in again] == [22, 30, 31, 32]


def test_a_folder_that_cannot_be_written_keeps_the_facts_until_it_can(tmp_path: Path) -> None:
    """The disk is full, gone or read-only: the ledger's facts wait in memory, in order."""
    directory = tmp_path / "gone"
    directory.mkdir()
    (directory / "journal").write_bytes(b"a file where the folder should be")
    journal = Journal(directory, SITE, 1, sign)
    journal.append(stopped(0))
    wait_until(lambda: journal.trouble, "the journal notices")
    journal.append(stopped(1))
    (directory / "journal").unlink()
    wait_until(lambda: journal.durable_sequence == 2, "the facts reach the disk")
    journal.close()
    assert journal.trouble is None
    assert [fact.at for _, fact in journals.facts(directory / "journal")] == [0, 1]


def test_a_directory_that_vanished_is_not_made_again(tmp_path: Path) -> None:
    """A disk that is not mounted must not be recorded past, into the folder under it."""
    directory = tmp_path / "disk"
    directory.mkdir()
    journal = Journal(directory, SITE, 1, sign)
    journal.append(stopped(0))
    wait_until(lambda: journal.durable_sequence == 1, "the first fact")
    directory.rename(tmp_path / "elsewhere")
    journal.append(stopped(1))
    wait_until(lambda: journal.trouble, "the journal notices")
    assert not directory.exists()
    (tmp_path / "elsewhere").rename(directory)
    wait_until(lambda: journal.durable_sequence == 2, "the facts reach the disk")
    journal.close()
    assert [fact.at for _, fact in journals.facts(directory / "journal")] == [0, 1]


def test_a_journal_that_was_taken_away_goes_on_in_a_new_file(tmp_path: Path) -> None:
    """Without a hole at its beginning, which no reader would pass."""
    journal = Journal(tmp_path, SITE, 1, sign)
    for at in range(3):
        journal.append(stopped(at))
    wait_until(lambda: journal.durable_sequence == 3, "three facts")
    journals.journal_path(tmp_path / "journal", 1).unlink()
    journal.append(stopped(3))
    journal.close()
    assert [fact.at for _, fact in journals.facts(tmp_path / "journal")] == [3]


def test_facts_beyond_the_bound_are_refused_and_not_numbered(tmp_path: Path) -> None:
    """A disk that refuses for days costs a bounded amount of memory; numbers have no holes."""
    directory = tmp_path / "gone"
    journal = Journal(directory, SITE, 1, sign)
    wait_until(lambda: journal.append(stopped(0)) and journal.trouble, "the journal notices")
    for _ in range(4 * journals.MAX_WAITING):
        journal.append(stopped(0))
    assert journal.sequence <= 3 * journals.MAX_WAITING
    directory.mkdir()
    wait_until(lambda: journal.durable_sequence == journal.sequence, "all facts reach the disk")
    journal.append(stopped(9))
    journal.close()
    found = list(journals.facts(directory / "journal"))
    assert [e.sequence for e, _ in found] == list(range(journal.sequence))
    assert found[-1][1].at == 9


def test_closing_before_a_dead_disk_does_not_wait_for_it(tmp_path: Path) -> None:
    """Closing is asked a few times and then is over, and twice is harmless."""
    journal = Journal(tmp_path / "gone", SITE, 1, sign)
    journal.append(stopped(0))
    closing = threading.Thread(target=journal.close)
    closing.start()
    closing.join(4)
    assert not closing.is_alive()
    journal.close()
