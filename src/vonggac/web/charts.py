"""Strips and months as SVG, drawn on the server without knowing the width.

Positions are percentages, so patterns do not stretch and no style attribute is needed. A gap is
cut out with a rim of panel colour and has a 2 px stroke, so that one second of a day is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from vonggac.causes import Cause
from vonggac.domain.continuity import Piece, cut_hundredths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.domain.board_days import Day as BoardDay
    from vonggac.domain.board_days import Slot as BoardSlot
    from vonggac.domain.rules import CauseWords
    from vonggac.web.words import Tongue

JOIN_SHARE = 0.0004
"""Gaps of one cause that are closer than this share of the strip are drawn as one: a flapping
camera must not send 2,000 elements for a strip of 400 pixels."""
TAG_SHARE = 0.025
"""A gap at least this wide carries its letter; the key under the strip explains the others."""


@dataclass(frozen=True, slots=True)
class Strip:
    """What is drawn: a stretch of time and its pieces."""

    from_ns: int
    to_ns: int
    pieces: Sequence[Piece]
    label: str
    """Whose it is, for people who cannot see it."""
    height: int = 14
    known_to_ns: int | None = None
    """End of what the pieces speak of; what follows is the future and stays empty."""


def strip(what: Strip, causes: Mapping[Cause, CauseWords], t: Tongue) -> Markup:
    """One band of recorded time with its gaps."""
    whole = what.to_ns - what.from_ns
    tall = what.height

    def share(ns: int) -> float:
        return (ns - what.from_ns) * 100 / whole

    recorded: list[str] = []
    cuts: list[str] = []
    holes: list[str] = []
    tags: list[str] = []
    for piece in _joined(what.pieces, int(whole * JOIN_SHARE)):
        x, width = share(piece.from_ns), share(piece.to_ns) - share(piece.from_ns)
        place = f'x="{x:.3f}%" width="{width:.3f}%"'
        if piece.kind == "recorded":
            css = "l-rec l-exp" if piece.expired else "l-rec"
            recorded.append(f'<rect class="{css}" {place} height="{tall}"/>')
            continue
        css, letter, name = _mark(piece, causes, t)
        title = escape(f"{name}: {t.span(piece.from_ns, piece.to_ns)}")
        cuts.append(f'<rect class="l-cut" {place} height="{tall}"/>')
        if css == "n":
            holes.append(
                f'<rect class="l-n" {place} y="{tall / 2 - 1:g}" height="2">'
                f"<title>{title}</title></rect>"
            )
        else:
            holes.append(
                f'<rect class="l-{css}" fill="url(#p-{css})" {place} y="0.75" '
                f'height="{tall - 1.5:g}"><title>{title}</title></rect>'
            )
        if width >= TAG_SHARE * 100:
            middle = x + width / 2
            tags.append(
                f'<svg class="l-tag" x="{middle:.3f}%" y="{tall / 2 - 6:g}" overflow="visible">'
                f'<rect class="tg-{css}" x="-7" width="14" height="12" rx="2"/>'
                f'<text y="9.6">{escape(letter)}</text></svg>'
            )
    return Markup(  # noqa: S704 - every word in it is escaped above
        f'<svg class="strip" role="img" height="{tall}" aria-label="{_sentence(what, causes, t)}">'
        f'<rect class="l-lane" width="100%" height="{tall}" rx="2"/>'
        + "".join([*recorded, *cuts, *holes, *tags])
        + "</svg>"
    )


FACILITY_TALL = 12
"""Height of the strip of a facility, in pixels."""
LEAST_HOLE = 2.0
"""A hole of a facility's strip is at least so high, however few of its cameras are missing."""


def facility_day(
    day: BoardDay, causes: Mapping[Cause, CauseWords], t: Tongue, label: str
) -> Markup:
    """The last 24 hours of a facility: what is missing is as high as its share of the cameras."""
    looks = [_look(slot, causes, t) for slot in day.slots]
    width = 100 / len(looks)
    drawn: list[str] = []
    at = 0
    for look, run in groupby(looks):
        count = len(list(run))
        drawn.append(_stretch(look, f'x="{at * width:.3f}%" width="{count * width:.3f}%"'))
        at += count
    said = t(
        "{label}, 24 giờ qua: đã ghi {percent} %, {recorded} camera; mất {missing}; "
        "chưa đối soát {unknown}",
        label=label, percent=t.percent(day.hundredths), recorded=t.length(day.recorded_ns),
        missing=t.length(day.missing_ns), unknown=t.length(day.unknown_ns),
    )  # fmt: skip
    return Markup(  # noqa: S704 - every word in it is escaped
        f'<svg class="strip" role="img" height="{FACILITY_TALL}" aria-label="{escape(said)}">'
        f'<rect class="l-lane" width="100%" height="{FACILITY_TALL}" rx="2"/>'
        + "".join(drawn)
        + "</svg>"
    )


def _look(slot: BoardSlot, causes: Mapping[Cause, CauseWords], t: Tongue) -> tuple[str, float, str]:
    """What a slot is drawn as: class, height of the hole, and its name."""
    if not slot.expected_ns:
        return "n", 0.0, ""
    if 2 * slot.unknown_ns > slot.expected_ns:
        return "u", 0.0, t("Chưa đối soát")
    if not slot.missing_ns or slot.cause is None:
        return "rec", 0.0, ""
    hole = FACILITY_TALL * slot.missing_ns / (slot.recorded_ns + slot.missing_ns)
    words = causes[slot.cause]
    return words.css, round(max(LEAST_HOLE, hole)), words.name[t.language]


def _stretch(look: tuple[str, float, str], place: str) -> str:
    """Slots that look the same."""
    css, hole, name = look
    tall = FACILITY_TALL
    title = f"<title>{escape(name)}</title>" if name else ""
    match css:
        case "n":
            return f'<rect class="l-n" {place} y="{tall / 2 - 1:g}" height="2"/>'
        case "u":
            return (
                f'<rect class="l-u" fill="none" {place} y="0.5" height="{tall - 1}">{title}</rect>'
            )
        case "rec":
            return f'<rect class="l-rec" {place} height="{tall}"/>'
    return (
        f'<rect class="l-rec" {place} height="{tall}"/>'
        f'<rect class="l-cut" {place} height="{min(tall, hole + 1):g}"/>'
        f'<rect class="l-{css} thin" fill="url(#p-{css})" {place} height="{hole:g}">{title}</rect>'
    )


def axis(from_ns: int, to_ns: int, step_ns: int, t: Tongue) -> Markup:
    """Times under a strip."""
    whole = to_ns - from_ns
    marks = []
    at = from_ns
    while at <= to_ns:
        x = (at - from_ns) * 100 / whole
        anchor = "start" if at == from_ns else "end" if at + step_ns > to_ns else "middle"
        words = "24:00" if at == to_ns and step_ns >= 3_600_000_000_000 else t.short_clock(at)
        marks.append(f'<text x="{x:.3f}%" y="12" text-anchor="{anchor}">{words}</text>')
        at += step_ns
    return Markup(f'<svg class="axis" aria-hidden="true">{"".join(marks)}</svg>')  # noqa: S704


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a month: nanoseconds over all cameras."""

    recorded_ns: int
    missing_ns: int
    unknown_ns: int
    out_ns: int
    main_cause: Cause | None


@dataclass(frozen=True, slots=True)
class Day:
    """A row of a month."""

    from_ns: int
    hours: Sequence[Hour | None]
    """None is an hour that has not begun."""
    hundredths: int | None
    main_cause: Cause | None
    out: bool
    """Nothing was in service all day."""
    is_today: bool


BAD_BELOW = 9_800
"""Hundredths of a per cent under which a day's figure is red (ours)."""


def month(days: Sequence[Day], causes: Mapping[Cause, CauseWords], t: Tongue, label: str) -> Markup:
    """A row a day, a cell an hour, filled from the bottom by the share recorded."""
    left, cell, row_height, top = 62, 21, 13, 18
    height = top + row_height * len(days) + 6
    drawn = [
        f'<text x="{left + hour * cell}" y="10" class="mx" text-anchor="middle">{hour:02d}</text>'
        for hour in range(0, 25, 3)
    ]
    for at, day in enumerate(days):
        y = top + at * row_height
        bold = " md" if day.is_today else ""
        drawn.append(
            f'<text x="52" y="{y + 7.5}" class="mx{bold}" text-anchor="end">'
            f"{t.short_day(day.from_ns)}</text>"
        )
        if day.out:
            drawn.append(
                f'<rect class="l-n" x="{left}" y="{y + 3}" width="{24 * cell}" height="2"/>'
            )
            drawn.append(
                f'<text x="{left + 24 * cell + 10}" y="{y + 7.5}" class="mx">'
                f"{escape(t('ngoài sử dụng'))}</text>"
            )
            continue
        for hour, found in enumerate(day.hours):
            drawn.append(_cell(left + hour * cell, y, found, day, hour, causes, t))
        drawn.append(_figure(left + 24 * cell, y, day, causes, t))
    return Markup(  # noqa: S704 - words are escaped where they are put in
        f'<svg class="month" viewBox="0 0 660 {height}" role="img" aria-label="{escape(label)}">'
        + "".join(drawn)
        + "</svg>"
    )


def _cell(
    x: int,
    y: int,
    hour: Hour | None,
    day: Day,
    number: int,
    causes: Mapping[Cause, CauseWords],
    t: Tongue,
) -> str:
    width, height = 20, 11
    place = f'x="{x}" width="{width}"'
    if hour is None:
        size = f'width="{width - 1}" height="{height - 1}"'
        return f'<rect class="fut" x="{x + 0.5}" y="{y - 0.5}" {size}/>'
    known = hour.recorded_ns + hour.missing_ns
    total = known + hour.unknown_ns
    if not total:
        return f'<rect class="l-n" {place} y="{y + 3.5}" height="2"/>'
    if hour.unknown_ns == total:
        title = escape(f"{number:02d}:00, {t('chưa đối soát')}")
        return (
            f'<rect class="l-u" fill="none" x="{x + 0.5}" width="{width - 1}" y="{y - 0.5}" '
            f'height="{height - 1}"><title>{title}</title></rect>'
        )
    if not hour.missing_ns or hour.main_cause is None:
        return f'<rect class="l-rec" {place} y="{y - 1}" height="{height}"/>'
    css = causes[hour.main_cause].css
    # A hole is at least 2 px, however short, and never hides that something was recorded.
    hole = max(2.0, height * hour.missing_ns / known)
    if hour.recorded_ns:
        hole = min(hole, height - 1.5)
    recorded = height - hole
    figure = t.percent(cut_hundredths(hour.recorded_ns, known))
    title = escape(f"{number:02d}:00, {figure} %, {causes[hour.main_cause].name[t.language]}")
    return (
        f'<rect class="l-rec" {place} y="{y - 1 + hole:.2f}" height="{recorded:.2f}"/>'
        f'<rect class="l-{css} thin" fill="url(#p-{css})" {place} y="{y - 1}" '
        f'height="{max(1.0, hole - 0.5):.2f}"><title>{title}</title></rect>'
    )


def _figure(x: int, y: int, day: Day, causes: Mapping[Cause, CauseWords], t: Tongue) -> str:
    css = "mx mb" if day.hundredths is not None and day.hundredths < BAD_BELOW else "mx"
    drawn = (
        f'<text x="{x + 50}" y="{y + 7.5}" class="{css}" text-anchor="end">'
        f"{t.percent(day.hundredths)}</text>"
    )
    if day.main_cause is not None:
        words = causes[day.main_cause]
        drawn += (
            f'<rect class="tg-{words.css}" x="{x + 60}" y="{y - 1}" width="14" height="10" rx="2"/>'
            f'<text class="ml" x="{x + 67}" y="{y + 7}">{escape(words.letter)}</text>'
        )
    return drawn


def _mark(piece: Piece, causes: Mapping[Cause, CauseWords], t: Tongue) -> tuple[str, str, str]:
    if piece.kind == "unknown" or (piece.kind == "gap" and piece.cause is None):
        return "u", "?", t("Chưa đối soát")
    if piece.kind == "out" or piece.cause is None:
        words = causes[Cause.NOT_IN_SERVICE]
    else:
        words = causes[piece.cause]
    return words.css, words.letter, words.name[t.language]


def _sentence(what: Strip, causes: Mapping[Cause, CauseWords], t: Tongue) -> Markup:
    missing: dict[str, int] = {}
    for piece in what.pieces:
        if piece.kind != "recorded":
            name = _mark(piece, causes, t)[2]
            missing[name] = missing.get(name, 0) + piece.length_ns
    recorded = sum(piece.length_ns for piece in what.pieces if piece.kind == "recorded")
    said = [f"{what.label}: {t('đã ghi')} {t.length(recorded)}"]
    said += [f"{name} {t.length(length)}" for name, length in missing.items()]
    return escape(", ".join(said))


def _joined(pieces: Sequence[Piece], closer_ns: int) -> list[Piece]:
    """Recorded pieces as they are, and gaps of one cause joined over slivers of recording."""
    found: list[Piece] = []
    for piece in pieces:
        if (
            len(found) >= 2
            and piece.kind == "gap"
            and found[-1].kind == "recorded"
            and found[-1].length_ns < closer_ns
            and found[-2].kind == "gap"
            and found[-2].cause is piece.cause
        ):
            found.pop()
            before = found.pop()
            piece = Piece(before.from_ns, piece.to_ns, "gap", piece.cause)
        found.append(piece)
    return found
