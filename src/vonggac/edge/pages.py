"""Closing a page: an hour of one camera's ledger, chained to the page before and signed."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from vonggac import wire
from vonggac.clock import NS
from vonggac.edge import ledger
from vonggac.edge.recovery import insert_page, page_row
from vonggac.errors import MalformedError
from vonggac.media import merkle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.config import StreamName
    from vonggac.edge.catalog import Catalog, CatalogReader
    from vonggac.edge.journal import Journal

HOUR_NS = 3_600 * NS

GRACE_NS = 100 * NS
"""A page waits this long after its hour for the segments that began in it: a segment lasts a
minute and ends with a GOP."""


def due(last_to_ns: int | None, first_known_ns: int, now_ns: int) -> list[tuple[int, int]]:
    """The hours whose page can be closed now, oldest first.

    Args:
        last_to_ns: end of the newest page, if there is one.
        first_known_ns: first moment the ledger knows anything about the camera.
        now_ns: wall time.
    """
    begin = first_known_ns if last_to_ns is None else last_to_ns
    hours: list[tuple[int, int]] = []
    while True:
        end = begin - begin % HOUR_NS + HOUR_NS
        if end + GRACE_NS > now_ns or len(hours) >= 48:
            return hours
        hours.append((begin, end))
        begin = end


def hours_between(begin_ns: int, end_ns: int) -> list[tuple[int, int]]:
    """The hours of the clock between two moments, cut to them: a page has an hour at most."""
    hours: list[tuple[int, int]] = []
    while begin_ns < end_ns:
        end = min(end_ns, begin_ns - begin_ns % HOUR_NS + HOUR_NS)
        hours.append((begin_ns, end))
        begin_ns = end
    return hours


def compose(
    reader: CatalogReader,
    *,
    site: str,
    camera: str,
    streams: Sequence[StreamName],
    from_ns: int,
    to_ns: int,
    number: int,
    previous: bytes,
) -> wire.Page:
    """What the catalog says of a camera between two moments, as a page."""
    return wire.Page(
        site=site,
        camera=camera,
        number=number,
        from_=from_ns,
        to=to_ns,
        streams=tuple(_stream(reader, camera, stream, from_ns, to_ns) for stream in streams),
        previous=previous.hex(),
    )


def _stream(
    reader: CatalogReader, camera: str, stream: StreamName, from_ns: int, to_ns: int
) -> wire.PageStream:
    segments = reader.segments_between(camera, stream, from_ns, to_ns)
    gaps = reader.gaps_between(camera, stream, from_ns, to_ns)
    view = ledger.timeline(segments, gaps, from_ns=from_ns, to_ns=to_ns, as_of_ns=to_ns)
    began = [s for s in segments if s.start_ns >= from_ns and s.root is not None]
    runs = reader.runs_between(camera, stream, from_ns, to_ns)
    latest = runs[-1] if runs else None
    # A segment is a leaf of the page of the hour in which it began.
    root = merkle.root([merkle.leaf(s.root) for s in began if s.root is not None])
    return wire.PageStream(
        stream=stream,
        spans=tuple((span.from_ns, span.to_ns) for span in view.spans),
        gaps=tuple(wire.PageGap(from_=g.from_ns, to=g.to_ns, cause=g.cause) for g in view.gaps),
        bytes=sum(s.size for s in began),
        pictures=sum(s.pictures for s in began),
        declared_fps=latest.declared_fps if latest else None,
        delivered_fps=latest.delivered_fps if latest else None,
        clock_error_ns=latest.clock_error_ns if latest else None,
        segments=len(began),
        root=root.hex(),
    )


def digest(page: wire.Page) -> bytes:
    """The hash that the next page names."""
    return sha256(bytes(wire.encode_page(page))).digest()


def keep(page: wire.Page, catalog: Catalog, journal: Journal, at_ns: int) -> None:
    """Sign a page and write it down. The loop's thread."""
    raw = wire.encode_page(page)
    journal.append(wire.PageClosed(at=at_ns, camera=page.camera, page=raw))
    row = page_row(bytes(raw))
    catalog.submit(lambda db: insert_page(db, row))


def faults(pages: Sequence[tuple[int, int, int, bytes, bytes]]) -> list[str]:
    """What is wrong with a camera's chain of pages, as rows of the catalog; empty if nothing is."""
    found = []
    previous = b""
    expected = 0
    for number, _, _, digest, content in pages:
        if sha256(content).digest() != digest:
            found.append(f"page {number} was changed: its hash does not match")
        if number != expected:
            found += (f"page {missing} is missing" for missing in range(expected, number))
        else:
            found += _link_fault(number, content, previous)
        previous, expected = digest, number + 1
    return found


def _link_fault(number: int, content: bytes, previous: bytes) -> list[str]:
    try:
        named = bytes.fromhex(wire.decode_page(content).previous)
    except (MalformedError, ValueError):
        return [f"page {number} cannot be read"]
    return [] if named == previous else [f"page {number} does not continue the page before it"]
