"""Days and times as people write them in forms: 18/11/2026, and 18/11/2026 14:32 or 14:32:07.

Always in the site's time. A browser's own date field follows the browser's language, and shows
11/18/2026 to one officer and 18/11/2026 to the next; so fields are text, and this reads them.
The API and the addresses of pages keep RFC 3339 and 2026-11-18.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

from vonggac.clock import NS, parse_rfc3339
from vonggac.errors import Kind, VonggacError
from vonggac.web import words

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY_PATTERN = r"\s*\d{1,2}/\d{1,2}/\d{4}\s*"
"""What a browser checks before it sends a day; the rest is checked here."""
MOMENT_PATTERN = r"\s*\d{1,2}/\d{1,2}/\d{4}\s+\d{1,2}:\d{2}(:\d{2})?\s*"

_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_MOMENT = re.compile(r"(\S+)\s+(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)


def read_day(text: str) -> date:
    """A day as a person writes it, 18/11/2026, or as an address does, 2026-11-18.

    Raises:
        ValueError: it is none, or lies outside 1990 to 2200.
    """
    text = text.strip()
    found = _DAY.fullmatch(text)
    if found is None:
        return words.date_of(text)
    day, month, year = (int(part) for part in found.groups())
    return words.date_of(date(year, month, day).isoformat())


def read_moment(text: str) -> int:
    """A moment in the site's time, 18/11/2026 14:32 or 18/11/2026 14:32:07, in ns since 1970.

    Raises:
        ValueError: it is none.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None or not _DAY.fullmatch(found[1]):
        raise ValueError("write 18/11/2026 14:32")
    day = read_day(found[1])
    clock = (int(found[2]), int(found[3]), int(found[4] or 0))
    moment = datetime(day.year, day.month, day.day, *clock, tzinfo=words.HERE)
    return int(moment.timestamp()) * NS


def moment_in(values: Mapping[str, str], field: str) -> int:
    """The moment in a form's field.

    Raises:
        VonggacError: BAD_INPUT with `fields`: `no_time`.
    """
    try:
        return read_moment(values.get(field, ""))
    except ValueError as error:
        raise VonggacError(
            Kind.BAD_INPUT, f"{field}: no time", fields={field: "no_time"}
        ) from error


def write_day(day: date) -> str:
    """18/11/2026."""
    return f"{day:%d/%m/%Y}"


def written(text: str) -> str:
    """A day of an address as a field shows it; what is no day stays as it was typed."""
    try:
        return write_day(read_day(text))
    except ValueError:
        return text


def write_moment(ns: int) -> str:
    """18/11/2026 14:32, with seconds if there are any."""
    t = words.Tongue("vi")
    clock = t.clock(ns).removesuffix(":00")
    return f"{t.day(ns)} {clock}"


def from_address(text: str) -> str:
    """An address's moment (RFC 3339) as a form's field shows it; empty if it is none."""
    try:
        return write_moment(parse_rfc3339(text.replace(" ", "+"))) if text else ""
    except (ValueError, OverflowError):
        return ""
