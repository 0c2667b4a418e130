"""The dated data of plans and estimates: prices, norms, tax, parties, the chain of steps.

All of `rules/prices.toml`; prices that an administrator entered stand in the database and go before
those of the file (`domain.prices`).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

from vonggac.domain.duties import LINES, Act
from vonggac.domain.rules import Words
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

How = Literal["buy", "lease"]
HOWS: Final[tuple[How, ...]] = ("buy", "lease")
KINDS: Final = (
    "camera_in", "camera_out", "recorder", "disk", "switch", "cable", "ups", "screen", "line",
    "trial",
)  # fmt: skip
"""What a plan asks for; a price is of one of these, or of none: `other`."""
OTHER: Final = "other"
OWN_MONEY: Final = "paid_hotel"
"""The owning line that pays itself: its estimates are not appraised."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of something costs before tax, on a day, and who says so."""

    code: str
    kind: str
    how: How
    name: Words
    unit: Words
    price: int
    vat: int
    """Hundredths of a per cent."""
    source: Words
    on: date
    example: bool
    """Invented by the software."""


@dataclass(frozen=True, slots=True)
class Norms:
    """The software's defaults for what a facility needs; see the file for each."""

    doors_per_camera: int
    cameras_per_recorder: int
    ports_per_switch: int
    cable_metres_per_camera: int
    disk_tb: int
    bitrate_kbit: int
    spare_hundredths: int
    months: int
    contingency_hundredths: int
    outlier_hundredths: int
    median_needs: int
    median_days: int
    outdoor: frozenset[str]
    by_floor: frozenset[str]
    with_lease: frozenset[str]
    """Kinds that a lease of cameras and recorder brings along."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whoever agrees to a plan, and the roles by which that is entered."""

    code: str
    name: Words
    lines: frozenset[str]
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain of an estimate, with the paper that it has."""

    code: str
    name: Words
    paper: Words
    act: Act
    own_act: Act
    """What enters it where the owner pays."""
    skipped: frozenset[str]
    """Owning lines that do without it."""

    def act_for(self, line: str) -> Act:
        """What enters this step for a facility of this owning line."""
        return self.own_act if line == OWN_MONEY else self.act


@dataclass(frozen=True, slots=True)
class Vat:
    """A tax rate in force, in hundredths of a per cent, and where it stands."""

    code: str
    rate: int
    name: Words
    source: str


@cache
def norms() -> Norms:
    """The norms.

    Raises:
        ConfigError: one is missing.
    """
    found = dict(_tree()["norm"])
    try:
        lists: dict[str, Any] = {
            name: frozenset(found.pop(name)) for name in ("outdoor", "by_floor", "with_lease")
        }
        return Norms(**found, **lists)
    except (KeyError, TypeError) as error:
        raise ConfigError(f"rules/prices.toml, norm: {error}") from error


@cache
def parties() -> Mapping[str, Party]:
    """The parties of an agreement, by code, in their order."""
    return {
        row["code"]: Party(
            row["code"], Words(row["vi"], row["en"]), frozenset(row["lines"]),
            frozenset(row["roles"]),
        )
        for row in _tree()["party"]
    }  # fmt: skip


def parties_of(line: str) -> list[Party]:
    """Who must agree to the plan of a facility of this owning line."""
    return [one for one in parties().values() if line in one.lines]


@cache
def steps() -> Mapping[str, Step]:
    """The chain, by code, in its order.

    Raises:
        ConfigError: a step names an act or an owning line that there is not.
    """
    found: dict[str, Step] = {}
    for row in _tree()["step"]:
        skipped = frozenset(row.get("not", ()))
        if not skipped <= set(LINES):
            raise ConfigError(f"rules/prices.toml, {row['code']}: no such owning line")
        act = Act(row["act"])
        found[row["code"]] = Step(
            row["code"], Words(row["vi"], row["en"]), Words(row["paper_vi"], row["paper_en"]),
            act, Act(row.get("own_act", row["act"])), skipped,
        )  # fmt: skip
    return found


def chain(line: str) -> list[Step]:
    """The steps of an estimate of a facility of this owning line, in order."""
    return [step for step in steps().values() if line not in step.skipped]


@cache
def funding() -> Mapping[str, Words]:
    """Where money comes from, by code."""
    return {row["code"]: Words(row["vi"], row["en"]) for row in _tree()["funding"]}


@cache
def vat(on: date) -> Mapping[str, Vat]:
    """The tax rates in force on a day, by code."""
    return {
        row["code"]: Vat(row["code"], row["rate"], Words(row["vi"], row["en"]), row["source"])
        for row in _tree()["vat"]
        if row["from"] <= on and (row.get("to") is None or on < row["to"])
    }


@cache
def example(on: date) -> tuple[Price, ...]:
    """The invented prices of the software, with the tax of a day.

    Raises:
        ConfigError: a row is of no kind, or no tax rate is in force.
    """
    head, rates = _tree()["catalogue"], vat(on)
    source = Words(head["source_vi"], head["source_en"])
    found = []
    for row in _tree()["price"]:
        if row["kind"] not in KINDS or row["how"] not in HOWS or row["vat"] not in rates:
            raise ConfigError(f"rules/prices.toml, {row['code']}: kind, how or vat")
        found.append(
            Price(
                row["code"], row["kind"], row["how"], Words(row["vi"], row["en"]),
                Words(row["unit_vi"], row["unit_en"]), row["price"], rates[row["vat"]].rate,
                source, head["on"], example=True,
            )
        )  # fmt: skip
    return tuple(found)


def example_title() -> Words:
    """What the software's own catalogue is called: it says that it is invented."""
    head = _tree()["catalogue"]
    return Words(head["vi"], head["en"])


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("prices.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
