"""Working days: Monday to Friday without the holidays of `rules/holidays.toml`.

A deadline is a calendar day and stays one; working days say how much time offices have left until
it.  A year whose holidays by the moon are not listed is `certain` to nobody: what is counted in it
is too many working days rather than too few, and pages say so.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain.rules import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

FRIDAY: Final = 4
UNVERIFIED_FROM: Final = 2026
"""The first year of the days that are talked of."""
MOST: Final = 3_660
"""Days between two days that are counted at most, ten years; beyond it the count stops (ours)."""


@dataclass(frozen=True, slots=True)
class Left:
    """How long it is until a day."""

    days: int
    """Calendar days; 0 on the day itself, negative after it."""
    working: int
    """Working days after today up to the day; negative, those that went by since."""
    certain: bool
    """Whether all holidays between are known."""


def left(today: date, due: date) -> Left:
    """How long it is from today until the last day."""
    low, high = min(today, due), max(today, due)
    certain = set(range(low.year, high.year + 1)) <= complete_years() and not any(
        low < date(year, month, day) <= high
        for day, month, _, _ in unverified()
        for year in range(max(low.year, UNVERIFIED_FROM), high.year + 1)
    )
    return Left((due - today).days, between(today, due), certain)


@lru_cache(maxsize=4_096)
def between(start: date, end: date) -> int:
    """Working days after `start`, up to and with `end`; negative when `end` lies before."""
    if end < start:
        return -between(end, start)
    span = min((end - start).days, MOST)
    return sum(is_working(start + timedelta(days=number)) for number in range(1, span + 1))


def is_working(day: date) -> bool:
    """Whether offices are open."""
    closed, opened = _of_year(day.year)
    if day in opened:
        return True
    return day.weekday() <= FRIDAY and day not in closed


def holidays(year: int) -> Mapping[date, Words]:
    """The days of a year on which offices are closed, weekends apart, with their names."""
    return _of_year(year)[0]


def complete_years() -> frozenset[int]:
    """The years of which every holiday is known."""
    return frozenset(_tree()["complete"])


def source() -> Words:
    """Where the days come from, and how that was read."""
    return Words(_tree()["source_vi"], _tree()["source_en"])


def unverified() -> tuple[tuple[int, int, Words, str], ...]:
    """Days that are talked of and not counted: day, month, name, source."""
    return tuple(
        (row["day"], row["month"], Words(row["vi"], row["en"]), row["source"])
        for row in _tree()["unverified"]
    )


@cache
def _of_year(year: int) -> tuple[Mapping[date, Words], frozenset[date]]:
    """Closed days with their names, and weekend days that are worked."""
    tree = _tree()
    opened = frozenset(row["day"] for row in tree["open"] if row["day"].year == year)
    closed: dict[date, Words] = {}
    for row in tree["closed"]:
        day = row["from"]
        while day <= row["to"]:
            if day.year == year:
                closed[day] = Words(row["vi"], row["en"])
            day += timedelta(days=1)
    for row in tree["fixed"]:
        closed[date(year, row["month"], row["day"])] = Words(row["vi"], row["en"])
    for row in tree["fixed"]:
        day = date(year, row["month"], row["day"])
        if day.weekday() > FRIDAY:
            name = closed[day]
            while day.weekday() > FRIDAY or day in closed:
                day += timedelta(days=1)
            closed[day] = Words(f"{name.vi}, nghỉ bù", f"{name.en}, made up for")
    return closed, opened


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("holidays.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
