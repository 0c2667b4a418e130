"""The annexes in English, for readers: the Vietnamese text is the one that counts.

The papers are written once, in Vietnamese, phrase by phrase; here each phrase is found again in
`rules/annexes-en.toml` with its values, and said in English.  What somebody wrote (names of
facilities, addresses, operators) stays as it was written.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from vonggac.domain import duties, legal, purposes, rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from vonggac.domain.annexes.facts import Facts
    from vonggac.domain.annexes.sheet import Annex, Part, Table

LABEL: Final = (
    "English translation for readers. The Vietnamese text is the official one; where they differ, "
    "it counts."
)

_PLACE = re.compile(r"\\\{([nwd]\d)\\\}")
_VALUES: Final = {"n": r"[\d.,]+", "w": r".+?", "d": r".+?"}
_DRAWN = re.compile(r"(?<=>)([^<>]+)(?=</text>)")


@dataclass(frozen=True, slots=True)
class _Form:
    en: str
    pattern: re.Pattern[str]


def paper(annex: Annex, facts: Facts) -> Annex:
    """The same document in English, labelled as a translation."""
    tongue = Tongue(_known(facts))
    return replace(
        annex,
        language="en",
        title=tongue(annex.title),
        about=tongue(annex.about),
        notes=(LABEL, *map(tongue, annex.notes)),
        parts=tuple(_part(one, tongue) for one in annex.parts),
        signs=tuple(map(tongue, annex.signs)),
    )


class Tongue:
    """Says a phrase in English; what is not known stays as it is.

    Args:
        known: phrases of the rules, besides those of the table.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._exact = {**known, **_phrases()}

    def __call__(self, text: str) -> str:
        """The phrase in English."""
        if text in self._exact:
            return self._exact[text]
        if "; " in text:
            return "; ".join(map(self, text.split("; ")))
        for form in _forms():
            found = form.pattern.fullmatch(text)
            if found is not None:
                values = {
                    name: self(value) if name[0] == "w" else value
                    for name, value in found.groupdict().items()
                }
                return form.en.format(**values)
        return ", ".join(map(self, text.split(", "))) if ", " in text else text


def _part(part: Part, tongue: Tongue) -> Part:
    drawn = part.diagram.replace(f'aria-label="{DRAWING}"', f'aria-label="{tongue(DRAWING)}"')
    return replace(
        part,
        title=tongue(part.title),
        says=tuple(map(tongue, part.says)),
        tables=tuple(_table(one, tongue) for one in part.tables),
        diagram=_DRAWN.sub(lambda found: tongue(found[1]), drawn),
    )


DRAWING: Final = "Sơ đồ luồng dữ liệu cá nhân"
"""What the drawing is called (`dataflow`)."""


def _table(table: Table, tongue: Tongue) -> Table:
    return replace(
        table,
        caption=tongue(table.caption),
        head=tuple(map(tongue, table.head)),
        rows=tuple(
            tuple(
                replace(cell, text=tongue(cell.text), marks=tuple(map(tongue, cell.marks)))
                for cell in row
            )
            for row in table.rows
        ),
    )


def _known(facts: Facts) -> Mapping[str, str]:
    """What the rules say in both languages; names that people gave are put out of reach."""
    today = legal.day_of(facts.made_ns)
    found = dict(_of_rules(today))
    found |= {one.source.vi: one.source.en for one in facts.rules.values() if one.basis}
    found |= {one.name.vi: one.name.en for one in purposes.at(facts.made_ns).values()}
    for place in facts.places:
        written = (
            place.site.title, place.site.name, place.site.address, place.unit, place.operator,
            place.contact, place.purpose,
        )  # fmt: skip
        found |= {text: text for text in written if text}
    return found


@cache
def _of_rules(today: date) -> Mapping[str, str]:
    found = {words.vi: words.en for words in duties.line_words().values()}
    found |= {one.name.vi: one.name.en for one in duties.duties(today).values()}
    found |= {zone.name.vi: zone.name.en for zone in rules.placement(today).zones}
    for one in legal.bases().values():
        found[f"{one.title.vi} {one.number}"] = f"{one.title.en} {one.number}"
        found[one.says.vi] = one.says.en
    return found


@cache
def _phrases() -> Mapping[str, str]:
    text = resources.files("vonggac.rules").joinpath("annexes-en.toml").read_text(encoding="utf-8")
    found: dict[str, str] = tomllib.loads(text)
    return found


@cache
def _forms() -> tuple[_Form, ...]:
    """Phrases with places, those with the most words of their own first."""
    made = [
        (
            len(re.sub(r"\{\w+\}", "", vi)),
            _Form(
                en,
                re.compile(
                    _PLACE.sub(
                        lambda place: f"(?P<{place[1]}>{_VALUES[place[1][0]]})", re.escape(vi)
                    )
                ),
            ),
        )
        for vi, en in _phrases().items()
        if "{" in vi
    ]
    return tuple(form for _, form in sorted(made, key=lambda one: -one[0]))
