"""What is entered of inspections, and what may be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from vonggac.domain import inspection_rules as book
from vonggac.domain.legal import plain
from vonggac.domain.units import is_secret
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

Way = Literal["on_site", "remote"]
WAYS: Final[tuple[Way, ...]] = ("on_site", "remote")
VERDICTS: Final = ("pass", "fail", "na")
MAX_LINE, MAX_SAID = 300, 2_000
"""Letters of a line, and of what somebody says (ours)."""
MAX_PEOPLE: Final = 20
MAX_SITES: Final = 200
"""Facilities of a decision (ours)."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who goes, or who is there for the facility."""

    name: str
    body: str
    """Position and body."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the inspector found of an item."""

    item: str
    verdict: str
    said: str = ""
    action: str = ""
    responsible: str = ""
    due: date | None = None


@dataclass(frozen=True, slots=True)
class RoundDraft:
    """A decision as it is entered."""

    title: str
    body: str
    team: tuple[Member, ...]
    sites: tuple[str, ...]
    planned: date | None
    way: str = "on_site"
    decision: str = ""
    decided: date | None = None
    directive_id: str | None = None


@dataclass(frozen=True, slots=True)
class Minutes:
    """What stands in the minutes besides the answers."""

    present: tuple[Member, ...] = ()
    """Who agreed for the facility, by name; empty when it refused."""
    opinion: str = ""
    refused: str = ""
    witness: str = ""
    client_id: str = ""
    made_ns: int | None = None
    """By the clock where they were made; None is now."""


def round_faults(draft: RoundDraft, today: date) -> dict[str, str]:
    """What is wrong with a decision."""
    faults = text_faults("title", draft.title, MAX_LINE) | text_faults("body", draft.body, MAX_LINE)
    faults |= people_faults("team", draft.team)
    faults |= text_faults("decision", draft.decision, 60, needed=False)
    if not draft.team:
        faults["team"] = "required"
    if not draft.sites or len(draft.sites) > MAX_SITES:
        faults["sites"] = "too_many" if draft.sites else "required"
    if draft.planned is None:
        faults["planned"] = "required"
    elif draft.planned < today:
        faults["planned"] = "in_the_past"
    if draft.way not in WAYS:
        faults["way"] = "no_such"
    if draft.decided is not None and draft.decided > today:
        faults["decided"] = "in_the_future"
    if plain(draft.decision) and draft.decided is None:
        faults["decided"] = "required"
    return faults


def answer_fault(one: Answer) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if one.item not in book.items() or one.verdict not in VERDICTS:
        return "no_such"
    texts = ((one.said, MAX_SAID), (one.action, MAX_SAID), (one.responsible, MAX_LINE))
    for text, most in texts:
        found = text_faults("text", text, most, needed=False)
        if found:
            return found["text"]
    return ""


def minutes_faults(minutes: Minutes) -> dict[str, str]:
    """What is wrong with minutes."""
    faults = text_faults("opinion", minutes.opinion, MAX_SAID, needed=False)
    faults |= text_faults("refused", minutes.refused, MAX_SAID, needed=False)
    faults |= text_faults("witness", minutes.witness, MAX_LINE, needed=False)
    faults |= people_faults("present", minutes.present)
    refused, witness = plain(minutes.refused), plain(minutes.witness)
    if bool(refused) != bool(witness):
        faults["witness" if refused else "refused"] = "refusal_needs_witness"
    elif not refused and not minutes.present:
        faults["present"] = "nobody_agreed"
    return faults


def text_faults(field: str, text: str, most: int, *, needed: bool = True) -> dict[str, str]:
    """What is wrong with a text."""
    said = plain(text)
    if not said:
        return {field: "required"} if needed else {}
    if len(said) > most:
        return {field: "too_long"}
    return {field: "secret_mark"} if is_secret(said) else {}


def people_faults(field: str, people: Sequence[Member]) -> dict[str, str]:
    """What is wrong with a list of people."""
    if len(people) > MAX_PEOPLE:
        return {field: "too_many"}
    for one in people:
        if not plain(one.name) or not plain(one.body):
            return {field: "line_shape"}
        for text in (one.name, one.body):
            found = text_faults(field, text, MAX_LINE)
            if found:
                return found
    return {}


def refuse(faults: Mapping[str, str]) -> None:
    """Refuse input that is wrong.

    Raises:
        VonggacError: BAD_INPUT with `fields`, if there are any.
    """
    if faults:
        said = ", ".join(f"{name}: {why.replace('_', ' ')}" for name, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=dict(faults))
