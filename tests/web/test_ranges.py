"""Byte ranges as RFC 9110 section 14 says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.web.ranges import ByteRange, Span, if_none_match, if_range_holds, parse_range


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-", Span(0, 1000)),
        ("bytes=500-", Span(500, 1000)),
        ("bytes=0-99999", Span(0, 1000)),
        ("bytes=-1", Span(999, 1000)),
        ("bytes=-5000", Span(0, 1000)),
        ("bytes=-0", ByteRange.UNSATISFIABLE),
        ("bytes=1000-", ByteRange.UNSATISFIABLE),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=99999999999999999999-", None),
    ],
)
def test_ranges(header: str | None, found: object) -> None:
    assert parse_range(header, 1000) == found


@given(st.text(max_size=40), st.integers(0, 10_000))
def test_no_header_breaks_it(header: str, size: int) -> None:
    found = parse_range(header, size)

    if isinstance(found, Span):
        assert 0 <= found.start < found.end <= size


def test_validators() -> None:
    assert if_none_match({"if-none-match": 'W/"x", "a"'}, '"a"')
    assert if_none_match({"if-none-match": "*"}, '"a"')
    assert not if_none_match({"if-none-match": '"b"'}, '"a"')
    assert not if_none_match({}, '"a"')
    assert if_range_holds({}, '"a"')
    assert if_range_holds({"if-range": '"a"'}, '"a"')
    assert not if_range_holds({"if-range": "Wed, 18 Nov 2026 07:00:00 GMT"}, '"a"')
