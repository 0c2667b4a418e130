"""Strips: no width known, no style needed, no gap lost."""

from __future__ import annotations

import re

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.domain import rules
from vonggac.domain.continuity import Piece
from vonggac.web import charts, words

DAY = 86_400 * NS
CAUSES = rules.causes()
VI = words.Tongue("vi")


def strip(*pieces: Piece, label: str = "hl-2a") -> str:
    return str(charts.strip(charts.Strip(0, DAY, pieces, label), CAUSES, VI))


def test_a_gap_of_a_second_in_a_day_is_drawn_and_named() -> None:
    """Never thinner than 2 px: the stroke and the rim of panel colour make it seen."""
    gap_from = 11 * 3600 * NS
    drawn = strip(
        Piece(0, gap_from, "recorded"),
        Piece(gap_from, gap_from + NS, "gap", Cause.STALLED),
        Piece(gap_from + NS, DAY, "recorded"),
    )

    assert '<rect class="l-cut" x="45.833%" width="0.001%" height="14"/>' in drawn
    assert 'class="l-d" fill="url(#p-d)"' in drawn
    assert "<title>Đứng hình: 18:00:00–18:00:01</title>" in drawn
    assert "l-tag" not in drawn


def test_the_label_is_a_sentence() -> None:
    drawn = strip(Piece(0, DAY // 2, "recorded"), Piece(DAY // 2, DAY, "unknown"))

    assert 'aria-label="hl-2a: đã ghi 12 giờ, Chưa đối soát 12 giờ"' in drawn


def test_a_wide_gap_carries_its_letter() -> None:
    drawn = strip(Piece(0, DAY // 2, "gap", Cause.DISK_FULL))

    assert '<text y="9.6">Ổ</text>' in drawn


def test_nothing_needs_a_style_attribute_or_a_width() -> None:
    """The policy forbids the one, the server does not know the other."""
    drawn = strip(Piece(0, DAY, "gap", Cause.REFUSED))

    assert "style=" not in drawn
    assert "viewBox" not in drawn


def test_a_flapping_camera_does_not_send_thousands_of_elements() -> None:
    pieces: list[Piece] = []
    for at in range(0, 80_000, 8):
        pieces.append(Piece(at * NS, (at + 4) * NS, "recorded"))
        pieces.append(Piece((at + 4) * NS, (at + 8) * NS, "gap", Cause.UNREACHABLE))

    assert strip(*pieces).count("<rect") < 20


def test_names_are_escaped() -> None:
    drawn = strip(Piece(0, DAY, "recorded"), label='<script>"')

    assert "<script>" not in drawn


def test_what_was_deleted_by_retention_is_paler() -> None:
    drawn = strip(Piece(0, DAY, "recorded", expired=True))

    assert "l-rec l-exp" in drawn


def test_a_month_shows_each_hour_once() -> None:
    hours = [charts.Hour(3000 * NS, 600 * NS, 0, 0, Cause.REFUSED)] * 10
    day = charts.Day(0, [*hours, *([None] * 14)], 8_333, Cause.REFUSED, out=False, is_today=True)
    out = charts.Day(-DAY, [], None, None, out=True, is_today=False)

    drawn = str(charts.month([out, day], CAUSES, VI, "tháng"))

    assert drawn.count('class="fut"') == 14
    assert drawn.count("url(#p-t)") == 10
    assert "ngoài sử dụng" in drawn
    assert "83,33" in drawn


def test_a_hole_in_an_hour_is_at_least_two_pixels_and_never_the_whole() -> None:
    """One camera of forty away for a second must be seen, and must not look like an outage."""
    tiny = charts.Hour(10**15, 1, 0, 0, Cause.REFUSED)
    huge = charts.Hour(1, 10**15, 0, 0, Cause.REFUSED)
    day = charts.Day(0, [tiny, huge], 0, None, out=False, is_today=False)

    drawn = str(charts.month([day], CAUSES, VI, "tháng"))

    heights = [float(value) for value in re.findall(r'l-rec" [^>]*height="([\d.]+)"', drawn)]
    assert heights == [9.0, 1.5]
