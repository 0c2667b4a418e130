"""`vonggac ledger`: what was recorded and what is missing, for a person and as JSON."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vonggac.clock import NS, parse_rfc3339, rfc3339
from vonggac.edge import ledger
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.recorder import VIETNAM, read_mark
from vonggac.edge.recovery import CATALOG, holds_recordings
from vonggac.errors import ConfigError
from vonggac.media.fmp4_read import scan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vonggac.edge.catalog import SegmentRow

EMPTY = "{} holds no recordings: neither catalog, journal nor segments; is its disk mounted?"
"""What is said of a directory that no recorder has ever written to."""

BAR = 60
"""Characters of the picture of a stream's time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac ledger`."""
    add = parser.add_argument
    add("directory", type=Path, metavar="D", help="recording directory")
    add("--camera", metavar="NAME", help="only this camera")
    add("--stream", choices=("main", "sub"), default="main")
    add("--from", dest="from_", metavar="T", help="RFC 3339, for example 2026-11-18T07:00:00Z")
    add("--to", metavar="T", help="RFC 3339")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Print the ledger; 1 if the camera asked for is not in it."""
    if not options.directory.is_dir():
        raise ConfigError(f"{options.directory} is not a directory")
    from_ns, to_ns = _moment(options.from_, "--from"), _moment(options.to, "--to")
    if from_ns is not None and to_ns is not None and from_ns >= to_ns:
        raise ConfigError("--from must lie before --to")
    if not holds_recordings(options.directory):
        raise ConfigError(EMPTY.format(options.directory))
    views = read_ledger(
        options.directory,
        camera=options.camera,
        stream=options.stream,
        from_ns=from_ns,
        to_ns=to_ns,
    )
    if options.json:
        print(json.dumps({"cameras": {n: as_json(v, p) for n, (v, p) in views.items()}}))  # noqa: T201
    else:
        for name, (view, pages) in views.items():
            sys.stdout.write(as_text(name, view, pages))
    if options.camera and options.camera not in views:
        sys.stderr.write(f"no camera {options.camera} in {options.directory}\n")
        return 1
    return 0


def read_ledger(
    directory: Path,
    *,
    camera: str | None = None,
    stream: str = "main",
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> dict[str, tuple[ledger.Timeline, int]]:
    """What the ledger says of each camera, and how many pages it has; also while recording.

    Raises:
        VonggacError: there is no catalog, or it cannot be read.
    """
    reader = CatalogReader(directory / CATALOG)
    views: dict[str, tuple[ledger.Timeline, int]] = {}
    try:
        mark = read_mark(directory)
        for name, which in reader.streams():
            if which != stream or (camera is not None and name != camera):
                continue
            bounds = reader.bounds(name, stream)
            if bounds is None:
                continue
            low = bounds[0] if from_ns is None else from_ns
            as_of = max(bounds[1], mark.wall_ns if mark else 0)
            high = as_of if to_ns is None else to_ns
            segments = known_ends(directory, reader.segments_between(name, stream, low, high))
            gaps = reader.gaps_between(name, stream, low, high)
            as_of = max([as_of, *(s.end_ns for s in segments if s.end_ns)])
            high = as_of if to_ns is None else to_ns
            view = ledger.timeline(
                segments, gaps, from_ns=low, to_ns=high, as_of_ns=as_of,
                expired_before_ns=reader.expired_before(name, stream),
            )  # fmt: skip
            views[name] = (view, len(reader.pages(name)))
    finally:
        reader.close()
    return views


def known_ends(directory: Path, segments: Sequence[SegmentRow]) -> list[SegmentRow]:
    """Open segments with the end that their file shows; without one whole part they drop out."""
    known = []
    for row in segments:
        if row.end_ns is not None:
            known.append(row)
            continue
        try:
            descriptor = os.open(directory / row.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            size = os.fstat(descriptor).st_size
            found = scan(lambda at, count, fd=descriptor: os.pread(fd, count, at), size)  # type: ignore[misc]
        finally:
            os.close(descriptor)
        if found.parts:
            last = found.parts[-1]
            shift = row.start_ns - found.parts[0].wall_ns  # a step of the clock since
            known.append(
                row._replace(
                    end_ns=last.wall_ns + shift + last.duration * 100_000 // 9,
                    pictures=sum(part.count for part in found.parts),
                    parts=len(found.parts),
                    size=found.good_bytes,
                )
            )
    return known


def as_json(view: ledger.Timeline, pages: int) -> dict[str, object]:
    """One camera of `vonggac ledger --json`."""
    return {
        "spans": [{"from": rfc3339(s.from_ns), "to": rfc3339(s.to_ns)} for s in view.spans],
        "gaps": [
            {"from": rfc3339(g.from_ns), "to": rfc3339(g.to_ns), "cause": g.cause.value,
             "evidence": g.evidence}
            for g in view.gaps
        ],
        "pages": pages,
        "as_of": rfc3339(view.as_of_ns),
        "recorded_s": round(view.recorded_ns / NS, 3),
        "missing_s": round(view.missing_ns / NS, 3),
        "expired_before": rfc3339(view.expired_before_ns) if view.expired_before_ns else None,
    }  # fmt: skip


def as_text(name: str, view: ledger.Timeline, pages: int) -> str:
    """One camera of `vonggac ledger`, for a person."""
    known = view.recorded_ns + view.missing_ns
    share = view.recorded_ns * 10_000 // known if known else 0
    lines = [
        f"{name}  {_local(view.from_ns)} .. {_local(view.to_ns)}"
        f"  {share // 100},{share % 100:02d} %  {pages} pages",
        "  " + _bar(view),
    ]
    lines += [
        f"  {_local(g.from_ns)} .. {_local(g.to_ns)}  {(g.to_ns - g.from_ns) / NS:8.1f} s"
        f"  {g.cause.value}: {g.evidence}"
        for g in view.gaps
    ]
    return "\n".join(lines) + "\n"


def _bar(view: ledger.Timeline) -> str:
    """Recorded is solid, missing is a hole that never vanishes, unknown is empty."""
    span = max(1, view.to_ns - view.from_ns)
    cells = [" "] * BAR
    for spans, mark in ((view.spans, "█"), (view.gaps, "░")):
        for part in spans:
            low = (part.from_ns - view.from_ns) * BAR // span
            high = -(-(part.to_ns - view.from_ns) * BAR // span)
            for cell in range(max(0, low), min(BAR, max(high, low + 1))):
                cells[cell] = mark
    return "".join(cells)


def _local(ns: int) -> str:
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")


def _moment(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error
