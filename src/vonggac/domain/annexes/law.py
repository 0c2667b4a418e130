"""What annexes hold an installation against: `rules/annexes.toml`, on the bases of the law."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from vonggac.domain import legal
from vonggac.domain.annexes.sheet import UNCHECKED, Cell, cell
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vonggac.domain.annexes.facts import Facts


@dataclass(frozen=True, slots=True)
class Level:
    """When a system is of a level."""

    level: int
    says: str
    where: str
    basis: str


@dataclass(frozen=True, slots=True)
class Measure:
    """What level 3 asks for."""

    id: str
    group: str
    says: str
    basis: str


@cache
def levels() -> tuple[Level, ...]:
    """How levels are told apart.

    Raises:
        ConfigError: a row leans on a basis that is not in `rules/legal.toml`.
    """
    return tuple(
        Level(row["level"], row["vi"], row["where"], _basis(row)) for row in _tree()["level"]
    )


@cache
def measures() -> tuple[Measure, ...]:
    """The measures of level 3, in the order of the file.

    Raises:
        ConfigError: a row leans on a basis that is not in `rules/legal.toml`.
    """
    return tuple(
        Measure(row["id"], row["group"], row["vi"], _basis(row)) for row in _tree()["measure"]
    )


def mark(facts: Facts, basis: str) -> str:
    """What stands beside whatever leans on a basis; empty once its text was compared."""
    return UNCHECKED if basis in facts.unread else ""


def cited(facts: Facts, codes: Iterable[str]) -> list[tuple[Cell, Cell]]:
    """Bases with what they ask for, for a table."""
    known = legal.bases()
    return [
        (
            cell(f"{known[code].title.vi} {known[code].number}", mark(facts, code)),
            cell(known[code].says.vi),
        )
        for code in codes
    ]


def _basis(row: Mapping[str, Any]) -> str:
    code = str(row["basis"])
    if code not in legal.bases():
        raise ConfigError(f"rules/annexes.toml leans on {code!r}, which rules/legal.toml lacks")
    return code


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("annexes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
