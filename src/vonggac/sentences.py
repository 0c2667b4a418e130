"""Evidence, notes and oddities in Vietnamese and in English.

What a recorder says of missing time is an English sentence of one of the forms of
`rules/evidence.toml`, its values filled in; so it is signed, kept and printed by the command line.
Here the form and the values are found again, also of sentences that an older recorder wrote.  A
value that is itself such a sentence is translated too; every other value is somebody else's words
(the camera's, the system's) and stays as it was said.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 1000
"""Characters of a sentence that is looked at; the register keeps 500."""
DEEPEST = 3
"""Sentences within sentences."""

_VALUE = re.compile(r"\\\{(\w+)\\\}")
_DECIMAL = re.compile(r"\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Form:
    """A sentence with places for values."""

    code: str
    en: str
    vi: str
    known: tuple[str, ...]
    """Values that must be sentences of this list themselves."""
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A sentence, taken apart."""

    code: str
    values: Mapping[str, str]
    vi: str
    en: str


@cache
def forms() -> tuple[Form, ...]:
    """All forms; those with the most words of their own first, so that the narrowest matches."""
    made = [
        Form(
            row["code"],
            row["en"],
            row["vi"],
            tuple(row.get("known", ())),
            re.compile(_VALUE.sub(r"(?P<\1>.+?)", re.escape(row["en"])), re.DOTALL),
        )
        for row in _tree()["form"]
    ]
    return tuple(sorted(made, key=lambda form: -len(re.sub(r"\{\w+\}", "", form.en))))


@cache
def oddities() -> dict[str, dict[str, str]]:
    """Words in both languages for what a camera does otherwise than the standard says."""
    return {row["code"]: row for row in _tree()["oddity"]}


@lru_cache(maxsize=512)
def find(said: str, depth: int = DEEPEST) -> Found | None:
    """Take a sentence apart; None if it has no form of the list.

    Args:
        said: the sentence, as a recorder wrote it.
        depth: how many sentences within sentences may follow.
    """
    odd = oddities().get(said)
    if odd is not None:
        return Found(said, {}, odd["vi"], odd["en"])
    if not said or len(said) > LONGEST or not depth:
        return None
    for form in forms():
        match = form.pattern.fullmatch(said)
        if match is None:
            continue
        values = match.groupdict()
        inner = {name: find(value, depth - 1) for name, value in values.items()}
        if any(inner[name] is None for name in form.known):
            continue
        shown = {name: one.vi if one else _figure(values[name]) for name, one in inner.items()}
        return Found(form.code, values, form.vi.format_map(shown), said)
    return None


def say(said: str, language: Literal["vi", "en"]) -> str:
    """The sentence in a language; in quotes, as it stands, where Vietnamese has no form of it."""
    found = find(said)
    if language == "en":
        return found.en if found else said
    return found.vi if found else f"“{said}”" if said else ""


def _figure(value: str) -> str:
    """Vietnamese writes 0,5."""
    return value.replace(".", ",") if _DECIMAL.fullmatch(value) else value


def _tree() -> dict[str, list[dict[str, str]]]:
    text = resources.files("vonggac.rules").joinpath("evidence.toml").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, str]]] = tomllib.loads(text)
    return found
