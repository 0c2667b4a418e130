"""A span under a case is kept by every rule, with the hours that prove it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from evidence_made import BEGIN, SITE, record
from vonggac import keys, wire
from vonggac.clock import NS, SimulatedClock
from vonggac.config import RetentionConfig
from vonggac.edge.catalog import Catalog, CatalogReader
from vonggac.edge.journal import Journal
from vonggac.edge.recovery import CATALOG
from vonggac.edge.retention import DAY_NS, Disk, Hold, Retention, mark_held, plan
from vonggac.edge.timebase import TimeBase
from vonggac.wire.orders import HOUR_NS

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.edge.catalog import SegmentRow

NOW = BEGIN + 60 * DAY_NS
FULL = Disk(total=10**12, free=0)


def rows(directory: Path) -> list[SegmentRow]:
    with closing(CatalogReader(directory / CATALOG)) as reader:
        return list(reader.segments())


def test_no_rule_takes_what_is_held(tmp_path: Path) -> None:
    """Too old, too much, no room: the held camera stays; what is recorded beside it goes."""
    record(tmp_path, (0, 4, 3_700))
    every = rows(tmp_path)
    rules = RetentionConfig(days=30, max_bytes=1)
    hold = Hold("cam01", BEGIN + 2 * NS, BEGIN + 3 * NS)

    def gone(*holds: Hold) -> list[int]:
        found = plan(every, now_ns=NOW, used=10**9, disk=FULL, rules=rules, days_of={}, holds=holds)
        return [each.segment.number for each in found]

    assert gone() == [0, 1, 2]
    # The whole hour is kept: its tree proves the segment.
    assert gone(hold) == [2]
    assert gone(Hold("cam02", BEGIN, NOW)) == [0, 1, 2]
    assert hold.keeps == (BEGIN - 50 * 60 * NS, BEGIN + 10 * 60 * NS)
    assert hold.keeps[0] % HOUR_NS == hold.keeps[1] % HOUR_NS == 0


def test_marks_follow_the_last_order(tmp_path: Path) -> None:
    """What is released loses its mark, so that retention finds it again."""
    record(tmp_path, (0, 3_700))
    catalog = Catalog(tmp_path / CATALOG)

    def marks(*holds: Hold) -> list[int]:
        catalog.submit(lambda db: mark_held(db, holds))
        assert catalog.flush()
        return [row.held for row in rows(tmp_path)]

    found = [marks(Hold("cam01", BEGIN, BEGIN + NS)), marks(), marks(Hold("cam01", BEGIN, NOW))]
    catalog.close()

    assert found == [[1, 0], [0, 0], [1, 1]]


def test_a_deletion_says_nothing_of_what_is_held_within(tmp_path: Path) -> None:
    """A fact says that all between its edges is gone; the hub tells a court by it what is kept."""
    record(tmp_path, (0, 4, 11_000, 20_000), until_s=20_010)
    catalog = Catalog(tmp_path / CATALOG)
    held = Hold("cam01", BEGIN + 11_000 * NS, BEGIN + 11_001 * NS)
    journal = Journal(tmp_path, SITE, 1, keys.SigningKey.at(tmp_path / "site.key").sign)
    retention = Retention(
        tmp_path, catalog, journal, TimeBase(SimulatedClock(NOW)), RetentionConfig(days=30), {}
    )
    retention.holds = (held,)
    told = [fact for fact in retention.run_once() if isinstance(fact, wire.Deleted)]
    assert catalog.flush()
    kept = [row.number for row in rows(tmp_path)]
    catalog.close()
    journal.close()

    assert kept == [2]
    assert [(fact.segments, (fact.from_ - BEGIN) // NS) for fact in told] == [(2, 0), (1, 20_000)]
    assert all(not fact.from_ <= held.from_ns < fact.to for fact in told)
