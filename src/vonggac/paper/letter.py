"""An administrative document as a value: what it says, complete, before anything is laid out.

The parts and their names are those of decree 30/2020/NĐ-CP, appendix I.  Number and day are given
by the records clerk: a draft has neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

NO_NAME: Final = ""
"""Of a signer: the name stays blank until the paper is signed."""


class Form(StrEnum):
    """How the parts of a kind are arranged; the samples (mẫu) of appendix III."""

    LETTER = "letter"
    """Công văn (mẫu 1.5): no name of kind, the subject stands under the number."""
    NAMED = "named"
    """Name and subject in the middle (mẫu 1.4)."""
    DECISION = "decision"
    """Quyết định (mẫu 1.2): who decides, on what basis, in articles."""
    ATTACHED = "attached"
    """Issued with a decision (mẫu 1.3): neither number nor place and date of its own."""
    TELEGRAM = "telegram"
    """Công điện (mẫu 1.6): to whom it is wired."""
    MINUTES = "minutes"
    """Biên bản (mẫu 1.9, or with the blocks of the parties): no line of place and date."""


class Urgency(StrEnum):
    """How fast a document travels; article 3 of the decree's appendix I, part II."""

    NONE = ""
    URGENT = "KHẨN"
    VERY = "THƯỢNG KHẨN"
    EXPRESS = "HỎA TỐC"


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """A kind of document."""

    code: str
    """As the command line names it, such as `bao-cao`."""
    title: str
    """Its name in capitals; empty for a công văn."""
    symbol: str
    """What stands in the number, such as `BC`; empty for a công văn."""
    form: Form


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues a document."""

    above: str
    """The body above; empty leaves the line out."""
    name: str
    symbol: str
    """What follows the kind in the number, such as `SYT`, or `UBND-VX` of a công văn."""
    place: str
    """Where, as the line of the date says it."""
    contact: str = ""
    """Address, telephone, e-mail at the foot of the first page; empty leaves it out."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    lead: str = ""
    """Words before it in bold: `Điều 1.`, `I. TÌNH HÌNH`."""
    slanted: bool = False


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading in the middle: `Chương I` above, its name below in capitals."""

    number: str
    title: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; every row has as many cells as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[int, ...]
    """Of the width, by column; their sum is 100."""
    figures: frozenset[int] = frozenset()
    """Columns of numbers, set to the right."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a chart."""

    label: str
    values: tuple[int, ...]
    """None negative; as many as the chart has names."""
    said: str
    """The values as they are written at the bar's end."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of bars that lie below each other, each made of one part or more."""

    title: str
    names: tuple[str, ...]
    """What each part of a bar is; one to `MOST_PARTS`."""
    bars: tuple[Bar, ...]


MOST_PARTS: Final = 3
"""Parts of a bar: greys that a photocopier still tells apart (ours)."""

Block = Text | Chapter | Grid | Chart


@dataclass(frozen=True, slots=True)
class Signature:
    """One block to be signed."""

    lines: tuple[str, ...]
    """In capitals, such as `TM. ỦY BAN NHÂN DÂN`, `KT. CHỦ TỊCH`, `PHÓ CHỦ TỊCH`."""
    name: str = NO_NAME
    note: str = ""
    """Under the lines in italics, such as `(Ký, ghi rõ họ tên)`."""


@dataclass(frozen=True, slots=True)
class Appendix:
    """A phụ lục, on pages of its own with numbers of its own."""

    title: str
    blocks: tuple[Block, ...]
    landscape: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole document. Whoever has one has everything that stands on its paper."""

    kind: DocumentKind
    issuer: Issuer
    drafted: date
    subject: str
    body: tuple[Block, ...]
    signatures: tuple[Signature, ...]
    number: str = ""
    """Given by the clerk, together with the day; empty leaves both blank."""
    undated: bool = False
    """Its day cannot be read: of an old paper whose frame is made again."""
    addressees: tuple[str, ...] = ()
    """Kính gửi; of a công điện, to whom it is wired."""
    wired_by: str = ""
    """Who wires a công điện, by office."""
    authority: str = ""
    """Whose decision it is, by office."""
    basis: tuple[str, ...] = ()
    """Căn cứ, without the mark at its end."""
    with_decision: str = ""
    """Of what is issued with a decision: its number, day and issuer, as far as they are known."""
    recipients: tuple[str, ...] = ()
    """Nơi nhận, without marks and without the line of the archive."""
    archive: str = ""
    """Where it is kept, such as `VT, KGVX`; empty leaves out the whole list."""
    copies: str = ""
    """Who drafted it and how many copies there are, such as `PL.(300)`."""
    urgency: Urgency = Urgency.NONE
    circulation: str = ""
    """`LƯU HÀNH NỘI BỘ` and the like, boxed."""
    refusal: bool = False
    """Whether the minutes have lines for a party that does not sign, and for a witness."""
    appendices: tuple[Appendix, ...] = ()


def faults(letter: Letter) -> tuple[str, ...]:
    """What a document lacks that its kind must have, as English sentences; empty when complete."""
    form = letter.kind.form
    wanted = {
        "a subject": bool(letter.subject.strip()),
        "a body": bool(letter.body),
        "somebody who signs": bool(letter.signatures),
    }
    if form is Form.LETTER:
        wanted["an addressee"] = bool(letter.addressees)
    if form is Form.TELEGRAM:
        wanted["an addressee"] = bool(letter.addressees)
        wanted["who wires it"] = bool(letter.wired_by)
    if form is Form.DECISION:
        wanted["whose decision it is"] = bool(letter.authority)
        wanted["a basis"] = bool(letter.basis)
    if form is Form.MINUTES:
        wanted["two who sign"] = len(letter.signatures) > 1
    if form is Form.ATTACHED:
        wanted["the decision that it is issued with"] = bool(letter.with_decision)
    missing = [f"the document has no {name}" for name, there in wanted.items() if not there]
    grids = [block for block in _blocks(letter) if isinstance(block, Grid)]
    if any(len(row) != len(grid.head) for grid in grids for row in grid.rows):
        missing.append("a row of a table has another number of cells than its head")
    if any(sum(grid.shares) != 100 or len(grid.shares) != len(grid.head) for grid in grids):
        missing.append("the widths of a table's columns do not make up the whole")
    charts = [block for block in _blocks(letter) if isinstance(block, Chart)]
    if not all(_can_be_drawn(chart) for chart in charts):
        missing.append("a chart has no bars, or a bar whose parts are not those of the chart")
    return tuple(missing)


def _can_be_drawn(chart: Chart) -> bool:
    parts = len(chart.names)
    return (
        bool(chart.bars)
        and 1 <= parts <= MOST_PARTS
        and all(len(bar.values) == parts and min(bar.values) >= 0 for bar in chart.bars)
    )


def _blocks(letter: Letter) -> list[Block]:
    return [*letter.body, *(block for appendix in letter.appendices for block in appendix.blocks)]
