"""What an annex is made of: parts with paragraphs and tables, the same for paper and for a page.

Everything is text; a cell may carry marks that say where its word comes from.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vonggac.domain.guide import Rule

Kind = Literal["dataflow", "dpia", "level"]
KINDS: tuple[Kind, ...] = ("dataflow", "dpia", "level")

DEFAULT = "mặc định của phần mềm"
"""Marks a value that nobody of this installation chose."""
UNCHECKED = "chưa đối chiếu bản gốc"
"""Marks a rule whose text nobody has held against the original."""
NONE = "không có"
"""What is absent is said to be absent."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A word of a table, and what must be known to trust it."""

    text: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    shares: tuple[int, ...]
    """Widths of the columns, as parts of the whole."""


@dataclass(frozen=True, slots=True)
class Part:
    """A numbered part; what it says comes before its tables."""

    title: str
    says: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    diagram: str = ""
    """An SVG, between what it says and the tables."""


@dataclass(frozen=True, slots=True)
class Annex:
    """One document."""

    kind: Kind
    title: str
    about: str
    agency: str
    above: str
    made: str
    """Date and hour, as people read them."""
    version: str
    notes: tuple[str, ...]
    """What must be read before anything else."""
    parts: tuple[Part, ...]
    signs: tuple[str, ...]
    """Who signs it on paper."""
    language: Literal["vi", "en"] = "vi"
    """`en` is a translation for readers."""

    def as_json(self) -> dict[str, Any]:
        """For the template and for programs."""
        return asdict(self)


def cell(text: object, *marks: str) -> Cell:
    """A cell; marks that are empty are left out."""
    return Cell(str(text), tuple(mark for mark in marks if mark))


def table(
    caption: str,
    head: Iterable[str],
    rows: Iterable[Iterable[Cell | str | int]],
    shares: Iterable[int],
) -> Table:
    """A table of cells and plain words; without rows it says that there is nothing."""
    heads = tuple(head)
    made = tuple(tuple(one if isinstance(one, Cell) else cell(one) for one in row) for row in rows)
    empty = (cell(NONE), *(cell("") for _ in heads[1:]))
    return Table(caption, heads, made or (empty,), tuple(shares))


def ruled(value: int, rule: Rule, text: str) -> Cell:
    """A number as text, marked with where its rule stands if it is the rule's number."""
    return cell(text, rule.source.vi if value == rule.number else "")
