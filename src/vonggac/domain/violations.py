"""The catalogue of what a supervisor by camera looks for: dated data of `rules/violations.toml`.

A row says what an act is called, whose it can be, where it is looked for, how grave it is (ours)
and by what a program could suspect it.  Which document asks for the conduct is dated on its own: an
act without one in force is a suggestion (*danh mục gợi ý, chưa gắn căn cứ*), and a case of it is
closed as *sự việc*, never as *vi phạm*.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

from vonggac.domain import legal
from vonggac.domain.rules import Words
from vonggac.domain.units import folded
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date

Severity = Literal["low", "medium", "high", "urgent"]
SEVERITIES: Final[tuple[Severity, ...]] = ("urgent", "high", "medium", "low")
"""The gravest first."""
TECHNICAL: Final = "T"
"""Begins the codes of technical events, which are nobody's act."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A row of the catalogue."""

    code: str
    name: Words
    subjects: tuple[str, ...]
    zones: tuple[str, ...]
    """Codes of the placement rule; empty, everywhere."""
    severity: Severity
    hint: str
    """What a program could suspect it by; empty: only people see it."""
    seen: str
    """Where the row comes from, as a code of `seen_words`."""
    from_day: date

    @property
    def is_technical(self) -> bool:
        """Whether it is an event of a device, which is never a violation."""
        return self.code.startswith(TECHNICAL)


@dataclass(frozen=True, slots=True)
class Cite:
    """A document that asks for the conduct which an act offends against, for a while."""

    of: tuple[str, ...]
    basis: str
    """Code in `legal.bases`."""
    lines: tuple[str, ...]
    """Owning lines that it binds; empty, all of them."""
    from_day: date
    to_day: date | None

    def binds(self, code: str, line: str | None, on: date) -> bool:
        """Whether it speaks of this act at a facility of this line on this day."""
        return (
            code in self.of
            and (not self.lines or line in self.lines)
            and self.from_day <= on
            and (self.to_day is None or on < self.to_day)
        )


@dataclass(frozen=True, slots=True)
class Waits:
    """A severity: how long a case of it may wait for a decision (ours)."""

    code: Severity
    name: Words
    minutes: int


@cache
def catalogue(on: date) -> Mapping[str, Violation]:
    """The rows in force on a day, by code, in the order of the file.

    Raises:
        ConfigError: a row names what there is not.
    """
    return {
        row["code"]: _row(row)
        for row in _tree()["violation"]
        if row["from"] <= on and (row.get("to") is None or on < row["to"])
    }


@cache
def cites() -> tuple[Cite, ...]:
    """Every document that the catalogue leans on, with its days.

    Raises:
        ConfigError: it names an act or a document that there is not.
    """
    codes = {row["code"] for row in _tree()["violation"]}
    found = tuple(
        Cite(tuple(row["of"]), row["basis"], tuple(row["lines"]), row["from"], row.get("to"))
        for row in _tree()["cite"]
    )
    for one in found:
        if one.basis not in legal.bases() or not codes.issuperset(one.of):
            raise ConfigError(f"rules/violations.toml: {one.basis} of {', '.join(one.of)}")
    return found


def bases_of(code: str, on: date, *, line: str | None) -> list[legal.Basis]:
    """What asks for the conduct on a day, at a facility of a line; empty: nothing that was read.

    Args:
        code: of the catalogue.
        on: the day on which it happened.
        line: owning line of the facility; None when nobody said.
    """
    return [legal.bases()[one.basis] for one in cites() if one.binds(code, line, on)]


def cited(code: str, on: date) -> list[tuple[Cite, legal.Basis]]:
    """Documents of a day with the lines that they bind, for the page of the catalogue."""
    return [
        (one, legal.bases()[one.basis])
        for one in cites()
        if any(one.binds(code, line, on) for line in (one.lines or (None,)))
    ]


def found(rows: Iterable[Violation], *, said: str, subject: str, zone: str) -> list[Violation]:
    """Rows that match a search without diacritics, a subject and a zone; an empty one matches all.

    An act that is looked for everywhere is found in each zone.
    """
    words = folded(said).split()
    return [
        one
        for one in rows
        if all(word in folded(f"{one.code} {one.name.vi} {one.name.en}") for word in words)
        and (not subject or subject in (one.subjects or (TECHNICAL,)))
        and (not zone or not one.zones or zone in one.zones)
    ]


@cache
def subjects() -> Mapping[str, Words]:
    """Whose act it can be."""
    return _words("subject")


@cache
def hints() -> Mapping[str, Words]:
    """What a program could suspect an act by."""
    return _words("hint")


@cache
def seen_words() -> Mapping[str, Words]:
    """Where a row comes from."""
    return _words("seen")


@cache
def severities() -> Mapping[str, Waits]:
    """The severities with their minutes, the gravest first.

    Raises:
        ConfigError: one is missing.
    """
    rows = {row["code"]: row for row in _tree()["severity"]}
    if set(rows) != set(SEVERITIES):
        raise ConfigError(f"rules/violations.toml: severities are {', '.join(SEVERITIES)}")
    return {
        code: Waits(code, Words(rows[code]["vi"], rows[code]["en"]), rows[code]["minutes"])
        for code in SEVERITIES
    }


def keep_days() -> int:
    """Days after which a finished case is deleted (ours)."""
    days: int = _tree()["keep"]["days"]
    return days


@cache
def refused_words() -> Mapping[str, tuple[str, ...]]:
    """What a case does not say: family names, titles before names, words of health."""
    return {name: tuple(words) for name, words in _tree()["refused"].items()}


def version() -> str:
    """Of the file, as a case names it."""
    text: str = _tree()["version"]
    return text


def _row(row: Mapping[str, Any]) -> Violation:
    _known(row["code"], row["subjects"], subjects())
    _known(row["code"], [row["hint"]] if row["hint"] else [], hints())
    _known(row["code"], [row["seen"]], seen_words())
    _known(row["code"], [row["severity"]], severities())
    return Violation(
        code=row["code"],
        name=Words(row["vi"], row["en"]),
        subjects=tuple(row["subjects"]),
        zones=tuple(row["zones"]),
        severity=row["severity"],
        hint=row["hint"],
        seen=row["seen"],
        from_day=row["from"],
    )


def _known(code: str, said: Iterable[str], known: Collection[str]) -> None:
    missing = sorted(set(said) - set(known))
    if missing:
        raise ConfigError(f"rules/violations.toml, {code}: {', '.join(missing)} is not there")


def _words(name: str) -> dict[str, Words]:
    return {row["code"]: Words(row["vi"], row["en"]) for row in _tree()[name]}


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("violations.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
