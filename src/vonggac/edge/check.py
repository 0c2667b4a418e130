"""A box's part of `vonggac check`: reconcile catalog, files, hashes and pages; mend what can be.

Nothing is deleted: files in which nothing can be played are moved to `unplayable/`, a damaged
catalog to `catalog.damaged-1`.  While a recorder runs on the directory it only looks.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonggac import wire
from vonggac.clock import NS
from vonggac.edge import identity, journal, pages
from vonggac.edge.box import is_locked
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.recorder import read_mark
from vonggac.edge.recovery import (
    CATALOG,
    close_old_gaps,
    mend,
    next_epoch,
    open_catalog,
    read_segment,
    segment_files,
)
from vonggac.edge.report import known_ends
from vonggac.errors import ConfigError, VonggacError

if TYPE_CHECKING:
    import argparse

    from vonggac.edge.catalog import SegmentRow


@dataclass
class Findings:
    """What the check found."""

    segments: int = 0
    unplayable: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What is wrong and could not be mended, in sentences."""
    lost_s: dict[str, float] = field(default_factory=dict)
    running: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be now, after the repairs."""
        return not self.faults and not self.unplayable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac check`."""
    add = parser.add_argument
    add("directory", type=Path, metavar="D", help="recording directory")
    add("--no-hash", action="store_true", help="leave out reading every picture")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def as_json(found: Findings) -> dict[str, Any]:
    """As `vonggac check --json` prints it."""
    return {
        "ok": found.ok,
        "segments": found.segments,
        "unplayable": len(found.unplayable),
        "unplayable_files": found.unplayable,
        "repaired": found.repaired,
        "faults": found.faults,
        "lost_s": found.lost_s,
        "running": found.running,
    }


def check(directory: Path, *, hashing: bool = True) -> Findings:
    """Reconcile everything under a recording directory. Blocks; shows progress on a terminal.

    Args:
        directory: the recording directory.
        hashing: read every picture and compare with the Merkle roots.

    Raises:
        VonggacError: the catalog cannot be opened or made.
    """
    found = Findings(running=is_locked(directory))
    if not found.running:
        _mend(directory, found)
    if _has_key(directory):
        _look_at_keys(directory, found)
    reader = CatalogReader(directory / CATALOG)
    try:
        rows = list(reader.segments())
        if not found.running:
            _lost(directory, reader, found)
        known = {row.path for row in rows}
        for number, row in enumerate(rows, 1):
            _progress(number, len(rows))
            found.segments += 1
            if row.end_ns is not None:
                _look_at(directory, row, found, hashing=hashing)
        for path in segment_files(directory):
            relative = str(path.relative_to(directory))
            if relative not in known and not found.running:
                found.faults.append(f"{relative}: the catalog does not know it")
        for camera in sorted({row.camera for row in rows}):
            found.faults += (f"{camera}: {fault}" for fault in pages.faults(reader.pages(camera)))
    finally:
        reader.close()
    return found


def _mend(directory: Path, found: Findings) -> None:
    epoch = next_epoch(directory)
    catalog, fresh = open_catalog(directory)
    try:
        if fresh:
            found.repaired.append("catalog: made again from the files and the journal")
        repairs = mend(
            directory, catalog, epoch=epoch, everything=True, in_use=lambda _path: False,
        )  # fmt: skip
        mark = read_mark(directory)
        if mark is not None:
            catalog.submit(lambda db: close_old_gaps(db, epoch, mark.wall_ns))
        catalog.flush()
    finally:
        catalog.close()
    found.repaired += (f"{path}: closed at its last whole part" for path in repairs.closed)
    if not fresh:
        found.repaired += (f"{path}: indexed again" for path in repairs.indexed)
    found.repaired += (f"{path}: forgotten, its file is gone" for path in repairs.forgotten)
    found.unplayable += repairs.unplayable


def _has_key(directory: Path) -> bool:
    """Whether a box's own key lies here; in a copy of a box others may read it, and none starts."""
    folder = directory / identity.FOLDER
    try:
        modes = [(folder / name).stat().st_mode for name in ("site", identity.KEY)]
    except FileNotFoundError:
        return False
    return not any(mode & 0o077 for mode in modes)


def _look_at_keys(directory: Path, found: Findings) -> None:
    """The site's keys, what announced them, and that each page is signed with the one of its time.

    A change of the key that was cut off is finished or undone, as a start would do.
    """
    try:
        if not found.running:
            torn = identity.left(directory)
            chain = identity.identity_at(directory).chain
            found.repaired += (
                f"{name}: left by a change of the key that was cut off" for name in torn
            )
            found.repaired += (
                f"announcement {number} of a key: put into the journal"
                for number in identity.publish(directory, chain)
            )
        else:
            chain = identity.read(directory).chain
    except ConfigError as error:
        found.faults.append(error.message)
        return
    wrong: dict[str, list[str]] = {}
    for envelope, fact in journal.facts(directory / "journal"):
        if not isinstance(fact, (wire.PageClosed, wire.KeyChanged)):
            continue
        try:
            if isinstance(fact, wire.KeyChanged):
                chain.follow(envelope)
            chain.verify(envelope)
        except VonggacError as error:
            wrong.setdefault(error.message, []).append(f"{envelope.epoch}/{envelope.sequence}")
    for message, places in wrong.items():
        more = f" and {len(places) - 1} more" if places[1:] else ""
        found.faults.append(f"journal: {message} (fact {places[0]}{more})")


def _lost(directory: Path, reader: CatalogReader, found: Findings) -> None:
    """Seconds between the last stored picture and the recorder's last sign of life."""
    mark = read_mark(directory)
    for camera, stream in reader.streams():
        if stream != "main":
            continue
        lost = 0.0
        if mark is not None and not mark.stopped:
            at = mark.wall_ns
            segments = known_ends(
                directory, reader.segments_between(camera, stream, at - 3600 * NS, at + NS)
            )
            end = max((s.end_ns or 0 for s in segments), default=0)
            missing = any(
                gap.to_ns is None or gap.to_ns >= at
                for gap in reader.gaps_between(camera, stream, at - NS, at + NS)
            )
            if end and not missing:
                lost = max(0.0, (at - end) / NS)
        found.lost_s[camera] = round(lost, 3)


def _look_at(directory: Path, row: SegmentRow, found: Findings, *, hashing: bool) -> None:
    path = directory / row.path
    try:
        facts = read_segment(path, hashing=hashing)
    except FileNotFoundError:
        found.faults.append(f"{row.path}: the file is gone, and no rule deleted it")
        return
    except OSError as error:
        found.faults.append(f"{row.path}: {os.strerror(error.errno or 0)}")
        return
    if facts is None:
        found.unplayable.append(row.path)
    elif facts.size != row.size or path.stat().st_size != row.size:
        found.faults.append(
            f"{row.path}: {path.stat().st_size} bytes, of which {facts.size} are whole;"
            f" the catalog says {row.size}"
        )
    elif hashing and row.root is not None and facts.root != row.root:
        found.faults.append(f"{row.path}: its bytes are not those that were recorded")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty() and (done % 20 == 0 or done == total):
        sys.stderr.write(f"\r{done}/{total} segments")
        if done == total:
            sys.stderr.write("\n")
        sys.stderr.flush()


def tell(found: Findings) -> None:
    """The same for people."""
    write = sys.stdout.write
    write(f"{found.segments} segments, {len(found.unplayable)} unplayable\n")
    for line in found.repaired:
        write(f"repaired: {line}\n")
    for line in [*found.faults, *(f"{path}: nothing can be played" for path in found.unplayable)]:
        write(f"wrong: {line}\n")
    for camera, seconds in found.lost_s.items():
        if seconds:
            write(f"{camera}: at most {seconds + 0.1:.1f} s lost when the recorder was cut off\n")
    if found.running:
        write("a recorder is running here: looked, changed nothing\n")
    write("all is well\n" if found.ok else "something is wrong\n")
