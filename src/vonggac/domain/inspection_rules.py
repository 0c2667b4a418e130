"""The dated data of inspections: `rules/inspection.toml` as values.

What is asked of a facility, how a letter climbs when nobody answers, and which facilities the
software puts on a list.  What names no document is our default.  How often a facility is inspected
stands in the same file and is read as a line of the guide, which a document may replace.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from vonggac.domain.rules import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

ListCode = Literal["not_installing", "not_supervising"]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is asked of every facility."""

    code: str
    section: str
    name: Words
    fact: str
    """What the ledger says of it; empty where it says nothing."""
    by_hand: bool
    """The inspector looks as well."""
    basis: str


@dataclass(frozen=True, slots=True)
class Level:
    """To whom a letter goes when something has been late for so many days."""

    code: str
    after: int
    name: Words
    to: str


@dataclass(frozen=True, slots=True)
class ListRule:
    """When a facility comes on a list."""

    code: ListCode
    name: Words
    said: Words
    days: int
    hundredths: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """The software's own defaults."""

    version: str
    soon_days: int
    names: int
    answer_days: int
    explain_days: int
    reminders: int


@cache
def numbers() -> Numbers:
    """The software's own defaults."""
    return Numbers(**{name: _tree()[name] for name in Numbers.__dataclass_fields__})


@cache
def sections() -> Mapping[str, Words]:
    """The parts of the checklist, in their order."""
    return {row["code"]: Words(row["vi"], row["en"]) for row in _tree()["section"]}


@cache
def items() -> Mapping[str, Item]:
    """The checklist, by code, in its order."""
    return {
        row["code"]: Item(
            row["code"], row["code"].partition(".")[0], Words(row["vi"], row["en"]),
            row.get("fact", ""), row.get("by_hand", "fact" not in row), row["basis"],
        )
        for row in _tree()["item"]
    }  # fmt: skip


@cache
def levels() -> tuple[Level, ...]:
    """The levels of escalation, the lowest first."""
    rows = sorted(_tree()["level"], key=lambda row: int(row["after"]))
    return tuple(
        Level(row["code"], row["after"], Words(row["vi"], row["en"]), row["to"]) for row in rows
    )


def level_after(days_late: int) -> Level | None:
    """The highest level that so many days reach; None before the first."""
    reached = [one for one in levels() if one.after <= days_late]
    return reached[-1] if reached else None


@cache
def lists() -> Mapping[str, ListRule]:
    """When a facility comes on which list, by code."""
    return {
        row["code"]: ListRule(
            row["code"], Words(row["vi"], row["en"]), Words(row["said_vi"], row["said_en"]),
            row["days"], row["hundredths"],
        )
        for row in _tree()["list"]
    }  # fmt: skip


@cache
def fact_words() -> Mapping[str, Words]:
    """Sentences of facts, with their places."""
    return {code: Words(row["vi"], row["en"]) for code, row in _tree()["fact"].items()}


@cache
def fault_words() -> Mapping[str, Words]:
    """What people read of input that cannot be taken."""
    return {code: Words(row["vi"], row["en"]) for code, row in _tree()["fault"].items()}


@cache
def labels() -> Mapping[str, Words]:
    """How what is computed, and what is our default, is marked."""
    tree = _tree()
    return {name: Words(tree[f"{name}_vi"], tree[f"{name}_en"]) for name in ("label", "default")}


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("inspection.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
