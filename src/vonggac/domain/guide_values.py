"""Values of the rules in force, as the code that counts with them reads them.

Each is the software's default, or what a document puts in its place from its day on
(`vonggac.domain.guide`).  Whoever prints such a value prints the rule's source beside it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from vonggac import wire
from vonggac.domain import costs, guide, rules
from vonggac.domain.guide import OURS
from vonggac.domain.rules import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection, Database
    from vonggac.domain.costs import Norms
    from vonggac.domain.guide import Basis, Rule
    from vonggac.domain.rules import Placement

ZONES: Final = "zones"
INSPECTIONS: Final = "inspection_days"
CRITERIA: Final = ("codecs", "min_fps", "min_height", "max_gop", "clock_error")
"""Defaults by which a camera is judged."""
NORMS: Final = ("doors_per_camera", "contingency", "outlier")
"""Norms of plans and estimates that a document may change; the others have no line of the guide."""
NAME_MOST: Final = 1_000
"""Letters of what names a set of criteria: `vonggac.wire.Bounds`."""
HUNDREDTHS: Final = 100
REST: Final = Words("còn lại là mặc định của phần mềm", "the rest is the software's default")


# -- places ----------------------------------------------------------------------------------


def placement(connection: Connection, on: date) -> Placement:
    """The placement rule in force on a day, with the required places of a document."""
    return placement_of(guide.standing(connection, ZONES), on)


def placement_of(tied: Sequence[Basis], on: date) -> Placement:
    """The same, from what was read before."""
    return _placed(on, guide.rule_of(ZONES, tied, on).basis)


@lru_cache(maxsize=8)
def _placed(on: date, basis: Basis | None) -> Placement:
    shipped = rules.placement(on)
    if basis is None:
        return shipped
    named = replace(shipped, name=basis.words)
    if not basis.codes:
        return named
    zones = tuple(replace(one, required=one.code in basis.codes) for one in shipped.zones)
    return replace(named, rule=f"guide-{basis.id}", zones=zones)


class Placements:
    """The placement rule for those who ask at every request.

    What is tied is read once, and again after `forget`: whoever ties or unties calls it.

    Args:
        database: where documents are tied to defaults.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tied: tuple[Basis, ...] | None = None

    def on(self, day: date) -> Placement:
        """The rule in force on a day."""
        tied = self._tied
        if tied is None:
            with self._database.reading() as connection:
                tied = self._tied = guide.standing(connection, ZONES)
        return placement_of(tied, day)

    def forget(self) -> None:
        """Read again what is tied."""
        self._tied = None


# -- money -----------------------------------------------------------------------------------


def norms(connection: Connection, on: date) -> Norms:
    """The norms of plans and estimates in force on a day."""
    doors, contingency, outlier = (guide.number(connection, code, on) for code in NORMS)
    return replace(
        costs.norms(),
        doors_per_camera=doors,
        contingency_hundredths=contingency * HUNDREDTHS,
        outlier_hundredths=outlier * HUNDREDTHS,
    )


# -- criteria --------------------------------------------------------------------------------


def bounds(connection: Connection, on: date) -> wire.Bounds | None:
    """What documents put in place of the criteria of connection; None while none does."""
    every = {code: guide.rule(connection, code, on) for code in CRITERIA}
    changed = {code: one for code, one in every.items() if one.is_replaced}
    if not changed:
        return None
    name = criteria_name(list(every.values()))
    return wire.Bounds(
        name=name.vi[:NAME_MOST],
        name_en=name.en[:NAME_MOST],
        since=max(one.basis.since for one in changed.values() if one.basis).isoformat(),
        codecs=changed["codecs"].codes if "codecs" in changed else (),
        min_fps=_number(changed.get("min_fps")),
        min_height=_number(changed.get("min_height")),
        max_gop_s=_number(changed.get("max_gop")),
        max_clock_error_s=_number(changed.get("clock_error")),
    )


def _number(rule: Rule | None) -> int | None:
    return None if rule is None else rule.number


def criteria_file(connection: Connection, on: date) -> str:
    """The criteria in force as a file for `vonggac survey --criteria` on a laptop, as TOML.

    The shipped file with what documents put in its place: its words of reasons stay.
    """
    text = resources.files("vonggac").joinpath("rules", "criteria.toml").read_text(encoding="utf-8")
    found = bounds(connection, on)
    if found is None:
        return text
    said = {
        "criteria.id": "guide", "criteria.name": found.name, "criteria.name_en": found.name_en,
        "criteria.source": found.name, "criteria.source_en": found.name_en,
        "criteria.date": date.fromisoformat(found.since),
        "required.codecs": list(found.codecs) or None, "required.min_fps": found.min_fps,
        "required.min_height": found.min_height, "required.max_gop_s": found.max_gop_s,
        "recommended.max_clock_error_s": found.max_clock_error_s,
    }  # fmt: skip
    section, lines = "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        name = f"{section}.{line.partition('=')[0].strip()}"
        value = said.get(name)
        lines.append(line if value is None else f"{name.partition('.')[2]} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """A value as TOML writes it: its strings and lists are those of JSON."""
    return str(value) if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def criteria(connection: Connection, on: date) -> Words:
    """Where the criteria of connection stand: documents with page and point, or ours."""
    return criteria_name([guide.rule(connection, code, on) for code in CRITERIA])


def criteria_name(every: Sequence[Rule]) -> Words:
    """The sources of rules as one sentence, each once; what no document says stays ours."""
    tied = list(dict.fromkeys(one.source for one in every if not one.is_ours))
    if not tied:
        return OURS
    rest = [REST] if any(one.is_ours for one in every) else []
    return Words(
        "; ".join(one.vi for one in (*tied, *rest)), "; ".join(one.en for one in (*tied, *rest))
    )
