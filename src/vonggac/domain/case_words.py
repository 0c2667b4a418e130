"""What the text of a case does not say: names, days of people, numbers of people, their health.

A case tells of a room and a role.  Whoever is in quarantine is not named in a system of cameras,
and a day of admission beside a room says who it was; so a text that shows one of these is refused,
with what was found.  The refusal is a help and no proof: what it does not recognise, a person must
leave out by themselves, and the page says so.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final, Literal, NamedTuple

from vonggac.domain import legal, violations
from vonggac.domain.units import is_secret

Why = Literal["required", "too_long", "secret_mark", "person_name", "person_day", "person_number",
              "person_health"]  # fmt: skip
MAX_SAID: Final = 2_000
MAX_SHORT: Final = 120

_DAY: Final = re.compile(
    r"(?<!\d)(?:[12]?\d|3[01]|0[1-9])\s*[/-]\s*(?:0?[1-9]|1[0-2])(?![\d%])"
    r"|(?<!\d)\d{1,2}[.]\d{1,2}[.]\d{2,4}(?!\d)"
    r"|(?<!\d)\d{4}-\d\d-\d\d(?!\d)"
    r"|ngày\s+\d{1,2}\s+tháng\s+\d{1,2}"
    r"|ngày\s+(?:cách\s+ly\s+)?thứ\s+\d+"
    r"|(?:nhập|vào|hết)\s+(?:viện|trại|khu|cách\s+ly)\s+(?:ngày|hôm|từ)",
    re.IGNORECASE,
)
"""A day of the calendar, or how long somebody has been there.  A time of day is none: 14:32."""
_NUMBER: Final = re.compile(
    r"(?<![\d:])(?:\+?84|0)[\s.]?\d(?:[\s.]?\d){7,9}(?!\d)"
    r"|(?<!\d)\d{9}(?:\d{3})?(?!\d)"
    r"|\b[A-Z]\d{7,8}\b"
)
"""A telephone, a number of an identity card (9 or 12 digits), of a passport."""
_UPPER: Final = "A-ZÀ-ÖØ-ÝĂĐĨŨƠƯẠ-Ỹ"
_LOWER: Final = "a-zà-öø-ýăđĩũơưạ-ỹ"
_CAPITAL: Final = rf"[{_UPPER}][{_LOWER}]+"


class Found(NamedTuple):
    """What was recognised in a text."""

    why: Why
    text: str


def recognised(text: str) -> Found | None:
    """The first thing in a text that a case does not say; None where nothing was recognised.

    Reads both ways of writing letters with marks; names are read by capital letters, so that *anh
    chị em* and *lê tấm nệm* are words.
    """
    plain = unicodedata.normalize("NFC", legal.plain(text))
    for why, pattern in _patterns():
        found = pattern.search(plain)
        if found is not None:
            return Found(why, found[0].strip())
    return None


def faults(field: str, text: str, *, most: int = MAX_SAID, needed: bool = True) -> dict[str, Why]:
    """What is wrong with a text of a case, by field; empty when it may stand."""
    plain = legal.plain(text)
    if not plain:
        return {field: "required"} if needed else {}
    if len(text) > most:
        return {field: "too_long"}
    if is_secret(text):
        return {field: "secret_mark"}
    found = recognised(text)
    return {field: found.why} if found else {}


@cache
def _patterns() -> tuple[tuple[Why, re.Pattern[str]], ...]:
    words = violations.refused_words()
    family = "|".join(re.escape(one) for one in words["family"])
    titles = "|".join(_either(one) for one in sorted(words["titles"], key=len, reverse=True))
    health = "|".join(re.escape(one) for one in words["health"])
    edge = rf"(?<![{_UPPER}{_LOWER}\d])"
    # A road or a ward may bear a person's name.
    road = r"(?<!đường )(?<!phố )(?<!Đường )(?<!Phố )(?<!phường )(?<!Phường )(?<!xã )(?<!Xã )"
    capitals = "|".join(re.escape(one.upper()) for one in words["family"])
    name = (
        rf"{road}{edge}(?:(?:{family})\s+{_CAPITAL}"
        rf"|(?:{capitals})\s+[{_UPPER}]{{2,}}(?:\s+[{_UPPER}]{{2,}})+"
        rf"|(?:{titles}):?\s+{_CAPITAL})"
    )
    return (
        ("person_name", re.compile(name)),
        ("person_number", _NUMBER),
        ("person_day", _DAY),
        ("person_health", re.compile(rf"(?<![\w])(?:{health})(?![\w])", re.IGNORECASE)),
    )


def _either(word: str) -> str:
    """A word at the beginning of a sentence or within it."""
    first, rest = re.escape(word[0]), re.escape(word[1:])
    return f"[{first.lower()}{first.upper()}]{rest}"
