"""Working days: weekends and the dated holidays, and how sure a count is."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain import workdays

DAYS = st.dates(date(2020, 1, 1), date(2028, 12, 31))


@pytest.mark.parametrize(
    ("start", "end", "working"),
    [
        (date(2026, 11, 2), date(2026, 11, 6), 4),  # Monday to Friday
        (date(2026, 11, 6), date(2026, 11, 9), 1),  # over a weekend
        (date(2026, 2, 13), date(2026, 2, 23), 1),  # Tết of 2026 lies between
        (date(2021, 4, 29), date(2021, 5, 4), 1),  # 1/5 was a Saturday and is made up for
        (date(2026, 8, 21), date(2026, 8, 22), 1),  # a Saturday that is worked
        (date(2026, 11, 9), date(2026, 11, 6), -1),
        (date(2026, 11, 6), date(2026, 11, 6), 0),
    ],
)
def test_working_days_leave_out_weekends_and_holidays(start: date, end: date, working: int) -> None:
    """The day itself is not counted, the last one is."""
    assert workdays.between(start, end) == working


@given(start=DAYS, end=DAYS)
def test_a_count_is_the_sum_of_its_days(start: date, end: date) -> None:
    """Counted day by day, and the other way round with the other sign."""
    low, high = min(start, end), max(start, end)
    days = [low + timedelta(days=number) for number in range(1, (high - low).days + 1)]
    wanted = sum(workdays.is_working(day) for day in days)

    assert workdays.between(low, high) == wanted
    assert workdays.between(high, low) == -wanted


def test_a_count_says_when_it_is_not_sure() -> None:
    """Tết by year is listed where it is certain; a day that is only talked of makes no holiday."""
    assert workdays.left(date(2026, 11, 16), date(2026, 11, 20)).certain
    assert not workdays.left(date(2026, 11, 20), date(2026, 11, 27)).certain
    assert not workdays.left(date(2026, 12, 28), date(2027, 1, 4)).certain
    assert workdays.is_working(date(2026, 11, 24))
    assert workdays.left(date(2026, 11, 20), date(2026, 11, 18)).working == -2


def test_every_holiday_has_its_source() -> None:
    """Nothing is a holiday because somebody remembers it."""
    for year in workdays.complete_years():
        assert len(workdays.holidays(year)) >= 11, year
    assert "Điều 112" in workdays.source().vi
