"""The rules of the world, read from dated data: zones of the placement rule, causes of gaps.

The shipped files are `vonggac/rules/*.toml`; nothing in the code says what they say.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from vonggac.causes import Cause
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

Language = Literal["vi", "en"]


@dataclass(frozen=True, slots=True)
class Words:
    """The same words in both languages."""

    vi: str
    en: str

    def __getitem__(self, language: Language) -> str:
        return self.vi if language == "vi" else self.en


@dataclass(frozen=True, slots=True)
class Zone:
    """A place that the placement rule names."""

    code: str
    name: Words
    full: str
    required: bool


@dataclass(frozen=True, slots=True)
class ForbiddenZone:
    """A place where no camera may stand, and the sentence that refuses it."""

    code: str
    name: Words
    refusal: Words
    instead: str
    words: tuple[str, ...]
    """As people write that a camera stands there; the first says so wherever it is written."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The placement rule as it stands on one day."""

    rule: str
    name: Words
    zones: tuple[Zone, ...]
    forbidden: tuple[ForbiddenZone, ...]
    inside: Mapping[str, re.Pattern[str]]
    """By place: what says that something stands in it, wherever it is written."""
    named: Mapping[str, re.Pattern[str]]
    """By place: its names, which refuse unless they come after what `outside` finds."""
    outside: re.Pattern[str]

    def zone(self, code: str) -> Zone | None:
        """The place with this code, if the rule names it."""
        return next((zone for zone in self.zones if zone.code == code), None)

    def refusal(self, code: str, *texts: str) -> ForbiddenZone | None:
        """Why a camera may not stand there: its zone is forbidden, or its name says that it is.

        The one place where this is decided: forms, API, sheets, surveys and the configuration ask.

        Args:
            code: the zone chosen.
            texts: name and title, as a person wrote them; each is read by itself.
        """
        for place in self.forbidden:
            if place.code == code.strip().upper():
                return place
        for text in texts:
            written = _folded(text)
            for place in self.forbidden:
                if self._says(place, written):
                    return place
        return None

    def _says(self, place: ForbiddenZone, written: str) -> bool:
        if self.inside[place.code].search(written):
            return True
        found = self.named[place.code].search(written)
        return found is not None and not self.outside.search(written, 0, found.start())


def _folded(text: str) -> str:
    """As it is read by somebody in a hurry: without marks, case and what is not seen.

    Vietnamese is typed without marks, too, and letters with marks can be written in two ways.
    """
    apart = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    seen = (letter for letter in apart if unicodedata.category(letter) not in ("Mn", "Cf"))
    return " ".join("".join(letter if letter.isalnum() else " " for letter in seen).split())


def _pattern(texts: Iterable[str]) -> re.Pattern[str]:
    """Finds any of these in a folded text, as whole words, with or without spaces between them."""
    said = []
    for text in texts:
        words = [
            rf"\d{{{len(word)}}}[a-z]?" if word.startswith("##")
            else r"\d+[a-z]?" if word == "#" else re.escape(_folded(word))
            for word in text.split()
        ]  # fmt: skip
        said.append(r"\s*".join(words))
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(said)})(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class CauseWords:
    """What people read of a cause: its letter, its pattern, its words, who acts and how."""

    cause: Cause
    letter: str
    css: str
    name: Words
    who: Words
    next_step: Words


def placement(on: date) -> Placement:
    """The placement rule in force on a day.

    Raises:
        ConfigError: no rule is in force then, or the file is wrong.
    """
    tree = _read("zones.toml")
    rule = _in_force(tree["rule"], on)
    if not rule:
        raise ConfigError(f"rules/zones.toml has no rule in force on {on}")
    return Placement(
        rule=rule[0]["id"],
        name=Words(rule[0]["vi"], rule[0]["en"]),
        zones=tuple(
            Zone(row["code"], Words(row["vi"], row["en"]), row["full_vi"], row["required"])
            for row in _in_force(tree["zone"], on)
        ),
        forbidden=tuple(
            ForbiddenZone(
                row["code"],
                Words(row["vi"], row["en"]),
                Words(row["refusal_vi"], row["refusal_en"]),
                row["instead"],
                (*tree["inside"][row["code"]], *tree["words"][row["code"]]),
            )
            for row in _in_force(tree["forbidden"], on)
        ),
        inside={code: _pattern(words) for code, words in tree["inside"].items()},
        named={code: _pattern(words) for code, words in tree["words"].items()},
        outside=_pattern(tree["outside"]["words"]),
    )


def causes() -> dict[Cause, CauseWords]:
    """The words of every cause of the closed list.

    Raises:
        ConfigError: a cause has no words, or words stand for no cause.
    """
    tree = _read("causes.toml")
    rows: list[dict[str, Any]] = tree["cause"]
    found = {
        Cause(row["code"]): CauseWords(
            cause=Cause(row["code"]),
            letter=row["letter"],
            css=row["class"],
            name=Words(row["vi"], row["en"]),
            who=Words(row["acts_vi"], row["acts_en"]),
            next_step=Words(row["next_vi"], row["next_en"]),
        )
        for row in rows
    }
    missing = [cause for cause in Cause if cause not in found]
    if missing:
        raise ConfigError(f"rules/causes.toml has no words for {', '.join(missing)}")
    return found


def _read(name: str) -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _in_force(rows: list[dict[str, Any]], on: date) -> list[dict[str, Any]]:
    return [row for row in rows if row["from"] <= on and (row.get("to") is None or on < row["to"])]
