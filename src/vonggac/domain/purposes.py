"""Why pictures are seen: the purposes of `rules/purposes.toml`, stated, kept, and read again.

A purpose is stated as a code, with a note where the rules ask for one: the number of a document
or of a case. Grants, the box and the audit carry both in one text, `request: 123/CV-CAT`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal

from vonggac.clock import NS
from vonggac.domain.rules import Words
from vonggac.domain.units import is_secret
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

NOTE_LIMIT: Final = 100
"""Characters of a note: a document's number and its issuer."""
DISPLAY: Final = "display"
"""Stated by screens, never by people: nobody is said to watch."""
SHARED: Final = "shared"
"""Stated by those with whom cameras were shared."""
USUAL: Final = "watch"
"""What a page opens with when no role says otherwise."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why pictures are seen."""

    code: str
    name: Words
    hours: int
    """A view ends after so many; 0: it is not stated by people."""
    note: Literal["", "number"]
    usual_for: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A purpose as a person stated it."""

    purpose: Purpose
    note: str = ""

    @property
    def text(self) -> str:
        """As grants, box and audit carry it."""
        return f"{self.purpose.code}: {self.note}" if self.note else self.purpose.code

    @property
    def longest_ns(self) -> int:
        """How long a view lasts before the purpose must be stated again."""
        return self.purpose.hours * 3600 * NS


@cache
def purposes(on: date) -> Mapping[str, Purpose]:
    """The purposes in force on a day, by code, in the order of the file."""
    return {
        row["code"]: Purpose(
            code=row["code"],
            name=Words(row["vi"], row["en"]),
            hours=row["hours"],
            note=row["note"],
            usual_for=frozenset(row["usual_for"]),
            source=row["source"],
        )
        for row in _tree()["purpose"]
        if row["from"] <= on and (row.get("to") is None or on < row["to"])
    }


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("purposes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def at(now_ns: int) -> Mapping[str, Purpose]:
    """The purposes in force at a moment."""
    return purposes(datetime.fromtimestamp(now_ns // NS, UTC).date())


def for_people(now_ns: int, only: Iterable[str] = ()) -> Sequence[Purpose]:
    """What a person may choose from; `only` narrows it to what the role serves."""
    allowed = frozenset(only)
    return [
        one for one in at(now_ns).values() if one.hours and (not allowed or one.code in allowed)
    ]


def state(code: str, note: str, *, now_ns: int) -> Stated:
    """A purpose as it was sent by a person's page or program.

    Raises:
        VonggacError: BAD_INPUT, it is not in force, its note is missing, too long or marked MẬT.
    """
    purpose = at(now_ns).get(code)
    if purpose is None or not purpose.hours:
        known = ", ".join(one.code for one in for_people(now_ns))
        raise VonggacError(Kind.BAD_INPUT, f"purpose: one of {known}", code="unknown_purpose")
    note = " ".join(note.split())
    if purpose.note and not note:
        raise VonggacError(
            Kind.BAD_INPUT,
            f"note: the purpose {code} names the number of its document",
            code="note_missing",
        )
    if len(note) > NOTE_LIMIT:
        raise VonggacError(Kind.BAD_INPUT, f"note: at most {NOTE_LIMIT} characters")
    if is_secret(note):
        raise VonggacError(Kind.BAD_INPUT, "nothing marked MẬT may be attached", code="secret_mark")
    return Stated(purpose, note)


def read(text: str, *, now_ns: int) -> Stated | None:
    """What was stated, of the text that a grant carries; None if no rule in force has it."""
    code, _, note = text.partition(": ")
    purpose = at(now_ns).get(code)
    return None if purpose is None else Stated(purpose, note)


def usual(roles: Iterable[str], *, now_ns: int) -> Purpose:
    """What a page opens with for somebody who holds these roles: the first in the file."""
    held = frozenset(roles)
    known = at(now_ns)
    return next((one for one in known.values() if one.usual_for & held), known[USUAL])
