"""Byte ranges of HTTP (RFC 9110 section 14): one range, strong validators, nothing clever."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE: Final = re.compile(r"^bytes=\s*(\d{0,19})-(\d{0,19})\s*$")


class Span(NamedTuple):
    """Bytes [start, end)."""

    start: int
    end: int


class ByteRange(Enum):
    """What a Range header can come to besides a span."""

    UNSATISFIABLE = "unsatisfiable"
    """Answer 416."""


def parse_range(header: str | None, size: int) -> Span | Literal[ByteRange.UNSATISFIABLE] | None:
    """The range asked for, clipped to the file; None answers the whole file.

    A header that is malformed or names several ranges is ignored, as RFC 9110 section 14.2 lets a
    server do.
    """
    if header is None:
        return None
    match = _ONE.match(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        suffix = min(int(match[2]), size)
        return Span(size - suffix, size) if suffix else ByteRange.UNSATISFIABLE
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        return ByteRange.UNSATISFIABLE
    end = min(int(match[2]) + 1, size) if match[2] else size
    return Span(start, end)


def if_none_match(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the browser holds this very file."""
    wanted = headers.get("if-none-match")
    if wanted is None:
        return False
    return wanted.strip() == "*" or etag in (tag.strip() for tag in wanted.split(","))


def if_range_holds(headers: Mapping[str, str], etag: str) -> bool:
    """Whether a range may be answered: no If-Range, or one that names this very file."""
    wanted = headers.get("if-range")
    return wanted is None or wanted.strip() == etag
