"""Money: whole đồng as integers, how they are written, read, said in words and shared out.

No float ever holds an amount.  Where a percentage does not come out even it is rounded once, half
up, to the đồng (`part`); everything else is sums and products of integers.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 999_999_999_999_999
"""Đồng of one amount at most: a thousand billions short of one; BIGINT holds 9,000 times that."""
WHOLE: Final = 10_000
"""A percentage is kept in hundredths: 10,000 is all of it, 800 is 8 %."""

_DIGITS: Final = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_GROUPS: Final = ("", "nghìn", "triệu")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([.,\u00a0 ])[0-9]{3})(?:\1[0-9]{3})*")
_PLAIN: Final = re.compile(r"[0-9]{1,15}")
_SUFFIX: Final = re.compile(r"\s*(?:đồng|vnđ|vnd|đ|₫)\.?$")


def grouped(amount: int) -> str:
    """1.234.567, as officials write it; with a real minus."""
    return f"{amount:,}".replace(",", ".").replace("-", "−")


def said(amount: int) -> str:
    """1.234.567 đồng."""
    return f"{grouped(amount)} đồng"


def read(text: str) -> int:
    """An amount as people type it: 1234567, 1.234.567, 1 234 567 đồng. Never a decimal.

    Raises:
        ValueError: it is none, or beyond `MOST`.
    """
    plain = _SUFFIX.sub("", text.strip().casefold())
    if not plain.isascii() and not plain.replace("\u00a0", "").isascii():
        raise ValueError("an amount has ASCII digits")
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"[^0-9]", "", plain)
    if not _PLAIN.fullmatch(plain):
        raise ValueError("an amount is a whole number of đồng, as 1.234.567")
    return int(plain)


def part(amount: int, hundredths: int) -> int:
    """A percentage of an amount, rounded half up to the đồng.

    Args:
        amount: đồng, not negative.
        hundredths: of a per cent: 800 is 8 %.
    """
    return (amount * hundredths * 2 + WHOLE) // (2 * WHOLE)


def percent(hundredths: int) -> str:
    """8, 12,5 or 0,05: a percentage without its sign, no zeros behind."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole},{rest:02d}".rstrip("0") if rest else str(whole)


def read_percent(text: str) -> int:
    """Hundredths of a per cent from 8, 8%, 12,5 or 12.5 %.

    Raises:
        ValueError: it is none, or more than 100.
    """
    found = re.fullmatch(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))?\s*%?", text.strip(), re.ASCII)
    if found is None:
        raise ValueError("a percentage is 8 or 12,5")
    hundredths = int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
    if hundredths > WHOLE:
        raise ValueError("a percentage is at most 100")
    return hundredths


def difference(amount: int, than: int) -> int | None:
    """How far an amount is above (or below) another in hundredths of a per cent, cut; None of 0."""
    if than <= 0:
        return None
    above = amount - than
    cut = abs(above) * WHOLE // than
    return cut if above >= 0 else -cut


# -- in words --------------------------------------------------------------------------------


def in_words(amount: int) -> str:
    """Một trăm linh năm triệu đồng chẵn: an amount as it stands under a table.

    Raises:
        ValueError: it is negative or beyond `MOST`.
    """
    words = number_words(amount)
    even = " chẵn" if amount and amount % 1000 == 0 else ""
    return f"{words[0].upper()}{words[1:]} đồng{even}"


def number_words(number: int) -> str:
    """A number in Vietnamese words: mốt, tư and lăm, linh between hundreds and units.

    Raises:
        ValueError: it is negative or beyond `MOST`.
    """
    if not 0 <= number <= MOST:
        raise ValueError(f"0 to {MOST} can be said")
    if number == 0:
        return _DIGITS[0]
    millions, rest = divmod(number, 10**9)
    words = []
    if millions:
        words += [*_below_billion(millions, is_first=True), "tỷ"]
    if rest:
        words += _below_billion(rest, is_first=not millions)
    return " ".join(words)


def _below_billion(number: int, *, is_first: bool) -> list[str]:
    """Groups of three figures; groups of zeros are silent, later groups say all their places."""
    words: list[str] = []
    for power in (2, 1, 0):
        group = number // 1000**power % 1000
        if group:
            words += _hundreds(group, full=bool(words) or not is_first)
            words += [_GROUPS[power]] if power else []
    return words


def _hundreds(group: int, *, full: bool) -> list[str]:
    hundreds, rest = divmod(group, 100)
    tens, ones = divmod(rest, 10)
    words = [_DIGITS[hundreds], "trăm"] if hundreds or full else []
    if tens == 0:
        return words + ((["linh"] if words else []) + [_DIGITS[ones]] if ones else [])
    words += ["mười"] if tens == 1 else [_DIGITS[tens], "mươi"]
    if ones == 0:
        return words
    if ones == 5:
        return [*words, "lăm"]
    if tens > 1 and ones == 1:
        return [*words, "mốt"]
    return [*words, "tư" if tens > 1 and ones == 4 else _DIGITS[ones]]
