"""A span under a case is kept by every rule, with the hours that prove it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from evidence_made import BEGIN, record
from vonggac.clock import NS
from vonggac.config import RetentionConfig
from vonggac.edge.catalog import Catalog, CatalogReader
from vonggac.edge.recovery import CATALOG
from vonggac.edge.retention import DAY_NS, HOUR_NS, Disk, Hold, mark_held, plan

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
