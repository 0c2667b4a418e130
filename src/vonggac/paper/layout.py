"""Decree 30/2020/NĐ-CP, appendix I, in numbers; and a document arranged by it, as plain values.

`arrange` decides everything that is the same on whatever paper: which lines there are, where they
break, how long the rules are.  `vonggac.paper.word` and the template `official.typ` only set it.
Lengths are millimetres, sizes of type are points.  Every number is the decree's; where it allows a
range, ours is the one of its own samples (mẫu), and the range stands beside it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from vonggac.paper.letter import Appendix, Chapter, Chart, Form, Grid, Text
from vonggac.paper.metrics import broken, width_mm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.paper.letter import Block, Letter, Signature

PAGE: Final = (210.0, 297.0)
"""A4, portrait."""
TOP, BOTTOM, LEFT, RIGHT = 20.0, 20.0, 30.0, 15.0
"""Margins."""
MARGINS: Final[Mapping[str, tuple[float, float]]] = {
    "top": (20, 25), "bottom": (20, 25), "left": (30, 35), "right": (15, 20),
}  # fmt: skip
"""What the decree allows."""
WIDTH: Final = PAGE[0] - LEFT - RIGHT
HEAD_LEFT: Final = 70.0
"""Of the two columns of the head; the other one holds the State's name at 13 points in bold."""
SUBJECT_MOST: Final = 140.0
INDENT: Final = 12.7
"""Of the first line of a paragraph: 1 or 1.27 cm."""
NUMBER_ABOVE: Final = 10.0
"""From the edge of the paper to the page number, in the top margin."""
SIGNED_MM: Final = 25.0
"""Room for a signature and a seal (ours)."""
RULE_SHARE: Final = 0.4
"""Rules under the issuer and the subject: between a third and a half of the line above."""
RULE_POINTS: Final = 0.75
BOX_HEIGHT: Final = 8.0
BOXES: Final[Mapping[str, float]] = {"HỎA TỐC": 30.0, "THƯỢNG KHẨN": 40.0, "KHẨN": 20.0}
"""Widths of the marks of urgency."""
RED: Final = "C00000"
SHADES: Final = ("4D4D4D", "BFBFBF", "8C8C8C")
"""Of the parts of a bar, in their order (ours: greys, because such papers are photocopied)."""
CHART_SHARES: Final = (40, 46, 14)
"""Of the width of a chart: labels, bars, figures (ours)."""
BAR_HEIGHT: Final = 4.0
LEAST_BAR: Final = 0.5
"""Length of a part that is not nothing, however small (ours: what a printer still shows)."""
WHOLE_CHART: Final = 20
"""Bars of a chart at most that no page's end cuts (ours)."""

STATE: Final = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
MOTTO: Final = "Độc lập - Tự do - Hạnh phúc"
SPACE: Final = "\u00a0"
NOTHING: Final = SPACE * 6
"""Room for what the clerk writes."""

Align = Literal["left", "centre", "right", "both"]


@dataclass(frozen=True, slots=True)
class Style:
    """How one of the parts is set."""

    name: str
    """As Word lists it."""
    size: float
    smallest: float
    largest: float
    bold: bool = False
    italic: bool = False
    align: Align = "centre"


STYLES: Final[Mapping[str, Style]] = {
    "state": Style("VG Quốc hiệu", 12, 12, 13, bold=True),
    "motto": Style("VG Tiêu ngữ", 13, 13, 14, bold=True),
    "above": Style("VG Cơ quan chủ quản", 12, 12, 13),
    "issuer": Style("VG Cơ quan ban hành", 12, 12, 13, bold=True),
    "number": Style("VG Số ký hiệu", 13, 13, 13),
    "place": Style("VG Địa danh thời gian", 13, 13, 14, italic=True),
    "about": Style("VG Về việc", 12, 12, 13),
    "title": Style("VG Tên loại", 14, 13, 14, bold=True),
    "subject": Style("VG Trích yếu", 14, 13, 14, bold=True),
    "attached": Style("VG Kèm theo", 14, 13, 14, italic=True),
    "to": Style("VG Kính gửi", 14, 13, 14, align="left"),
    "basis": Style("VG Căn cứ", 14, 13, 14, italic=True, align="both"),
    "body": Style("VG Nội dung", 14, 13, 14, align="both"),
    "chapter": Style("VG Chương", 14, 13, 14, bold=True),
    "cell": Style("VG Bảng", 13, 11, 14, align="left"),
    "signs": Style("VG Chức vụ", 14, 13, 14, bold=True),
    "note": Style("VG Ghi chú ký", 13, 11, 14, italic=True),
    "name": Style("VG Họ và tên", 14, 13, 14, bold=True),
    "list_head": Style("VG Nơi nhận", 12, 12, 12, bold=True, italic=True, align="left"),
    "list": Style("VG Danh sách nhận", 11, 11, 11, align="left"),
    "mark": Style("VG Dấu chỉ mức độ", 14, 13, 14, bold=True),
    "appendix": Style("VG Phụ lục", 14, 14, 14, bold=True),
    "contact": Style("VG Địa chỉ", 11, 11, 12),
    "page": Style("VG Số trang", 13, 13, 14),
}
"""The parts of a document; a template of Word has them under these names."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A bar with the lengths of its parts."""

    label: str
    lengths: tuple[float, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Words in a box."""

    text: str
    width: float
    is_red: bool


@dataclass(frozen=True, slots=True)
class Salute:
    """To whom: one in the line, or several below it."""

    lead: str
    one: str
    several: tuple[str, ...]
    indent: float
    """Of the leading words, where several follow."""
    list_indent: float


@dataclass(frozen=True, slots=True)
class Appended:
    """An appendix (phụ lục), arranged."""

    number: str
    title: tuple[str, ...]
    attached: str
    rule: float
    blocks: tuple[Block, ...]
    landscape: bool


@dataclass(frozen=True, slots=True)
class Arranged:
    """A document with its lines broken and its rules measured."""

    above: tuple[str, ...]
    issuer: tuple[str, ...]
    issuer_rule: float
    motto_rule: float
    number: str
    about: tuple[str, ...]
    place: str
    marks: tuple[Mark, ...]
    title: str
    subject: tuple[str, ...]
    attached: str
    title_rule: float
    salute: Salute | None
    authority: tuple[str, ...]
    basis: tuple[str, ...]
    resolves: str
    blocks: tuple[Block, ...]
    signatures: tuple[Signature, ...]
    refusal: tuple[str, ...]
    list_head: str
    list: tuple[str, ...]
    copies: str
    contact: str
    appendices: tuple[Appended, ...]

    def as_json(self) -> dict[str, Any]:
        """For the template: JSON's types only, each block with its kind."""
        told = asdict(self)
        told["blocks"] = [_block_json(block, WIDTH) for block in self.blocks]
        for appendix, made in zip(self.appendices, told["appendices"], strict=True):
            width = width_of(landscape=appendix.landscape)
            made["blocks"] = [_block_json(block, width) for block in appendix.blocks]
        return told


def arrange(letter: Letter, sizes: Mapping[str, float] | None = None) -> Arranged:
    """Arrange a complete document.

    Args:
        letter: complete (`letter.faults` finds nothing).
        sizes: of the parts in points, where a template has others than the samples'.
    """
    of = {part: style.size for part, style in STYLES.items()} | dict(sizes or {})
    form, issuer = letter.kind.form, letter.issuer
    head_most = HEAD_LEFT - 2
    names = broken(issuer.name.upper(), of["issuer"], head_most, bold=True)
    about = form is Form.LETTER
    subject = broken(letter.subject, of["subject"], SUBJECT_MOST, bold=True)
    return Arranged(
        above=broken(issuer.above.upper(), of["above"], head_most),
        issuer=names,
        issuer_rule=_rule(names, of["issuer"]),
        motto_rule=width_mm(MOTTO, of["motto"], bold=True),
        number="" if form is Form.ATTACHED else number_line(letter),
        about=broken(f"V/v {letter.subject}", of["about"], head_most - 2) if about else (),
        place="" if form in (Form.MINUTES, Form.ATTACHED) else place_line(letter),
        marks=tuple(_marks(letter, of["mark"])),
        title="" if about else letter.kind.title.upper(),
        subject=() if about else subject,
        attached=f"(Kèm theo {letter.with_decision})" if letter.with_decision else "",
        title_rule=0.0 if about else _rule(subject, of["subject"]),
        salute=_salute(letter, of["to"]),
        authority=broken(letter.authority.upper(), of["title"], SUBJECT_MOST, bold=True),
        basis=_listed(letter.basis, last="."),
        resolves=f"{letter.kind.title.upper()}:" if form is Form.DECISION else "",
        blocks=_ended(letter.body),
        signatures=letter.signatures,
        refusal=_refusal() if letter.refusal else (),
        list_head="Nơi nhận:" if letter.archive else "",
        list=recipient_lines(letter),
        copies=letter.copies,
        contact=issuer.contact,
        appendices=tuple(
            _appended(letter, appendix, index, of)
            for index, appendix in enumerate(letter.appendices)
        ),
    )


def width_of(*, landscape: bool) -> float:
    """Between the margins of a page."""
    return PAGE[1] - LEFT - RIGHT if landscape else WIDTH


def drawn(chart: Chart, width: float) -> tuple[Drawn, ...]:
    """The bars of a chart in a page of a width: the longest takes all the room there is."""
    room = width * CHART_SHARES[1] / 100 - LEAST_BAR * len(chart.names)
    longest = max((sum(bar.values) for bar in chart.bars), default=0)
    return tuple(
        Drawn(
            bar.label,
            tuple(max(LEAST_BAR, room * one / longest) if one else 0.0 for one in bar.values),
            bar.said,
        )
        for bar in chart.bars
    )


def number_line(letter: Letter) -> str:
    """`Số: 08/BC-SYT`: two digits at least, and blank until the clerk gives the number."""
    number = letter.number
    if number.isdigit() and len(number) < 2:
        number = f"0{number}"
    symbol = "-".join(part for part in (letter.kind.symbol, letter.issuer.symbol) if part)
    return f"Số: {number or NOTHING}/{symbol}"


def place_line(letter: Letter) -> str:
    """`Hà Nội, ngày 05 tháng 01 năm 2020`; days under ten and the first two months have two digits.

    The day stays blank until the clerk gives it with the number.
    """
    day, month = letter.drafted.day, letter.drafted.month
    if letter.undated:
        blank = SPACE * 5
        year = letter.drafted.year
        return f"{letter.issuer.place}, ngày {blank} tháng {blank} năm {year}"
    said = f"{day:02}" if letter.number else SPACE * 5
    return (
        f"{letter.issuer.place}, ngày {said} tháng {month:02} năm {letter.drafted.year}"
        if month < 3
        else f"{letter.issuer.place}, ngày {said} tháng {month} năm {letter.drafted.year}"
    )


def recipient_lines(letter: Letter) -> tuple[str, ...]:
    """`- Như trên;` … `- Lưu: VT, KGVX.`: the list at the left of the signature."""
    if not letter.archive:
        return ()
    lines = [*letter.recipients, f"Lưu: {letter.archive}"]
    if letter.addressees and letter.recipients[:1] != ("Như trên",):
        lines.insert(0, "Như trên")
    return tuple(f"- {line}" for line in _listed(lines, last="."))


def roman(number: int) -> str:
    """A number of an appendix, 1 to 39."""
    tens, ones = divmod(number, 10)
    units = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
    return "X" * tens + units[ones]


def _listed(lines: Sequence[str], *, last: str) -> tuple[str, ...]:
    """Each line ended by `;`, the last one by something else."""
    ended = [line.rstrip(" ;.,") for line in lines]
    return tuple(f"{line}{';' if index < len(ended) - 1 else last}" for index, line in
                 enumerate(ended))  # fmt: skip


def _rule(lines: Sequence[str], size: float) -> float:
    return RULE_SHARE * width_mm(lines[-1], size, bold=True) if lines else 0.0


def _marks(letter: Letter, size: float) -> list[Mark]:
    marks = []
    if letter.urgency:
        marks.append(Mark(letter.urgency.value, BOXES[letter.urgency.value], is_red=True))
    if letter.circulation:
        text = letter.circulation.upper()
        marks.append(Mark(text, width_mm(text, size, bold=True) + 8, is_red=False))
    return marks


def _salute(letter: Letter, size: float) -> Salute | None:
    if not letter.addressees:
        return None
    wired = letter.kind.form is Form.TELEGRAM
    lead = f"{letter.wired_by} điện:" if wired else "Kính gửi:"
    indent = 2 * INDENT
    # The dashes stand under the colon (appendix I, part II, 9).
    colon = indent + width_mm(lead[:-1], size)
    if len(letter.addressees) == 1:
        return Salute(lead, f"{letter.addressees[0].rstrip(' ;.')}", (), indent, colon)
    several = tuple(f"- {line}" for line in _listed(letter.addressees, last="."))
    return Salute(lead, "", several, indent, min(colon, 45.0))


def _ended(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The body with `./.` behind its last words."""
    last = max((i for i, block in enumerate(blocks) if isinstance(block, Text)), default=None)
    if last is None or last < len(blocks) - 1:
        return (*blocks, Text("./."))
    found = blocks[last]
    assert isinstance(found, Text), "chosen by its type"
    if found.text:
        ended = Text(f"{found.text.rstrip(' .;:/')}./.", found.lead, found.slanted)
    else:
        ended = Text("", f"{found.lead.rstrip(' .;:/')}./.", found.slanted)
    return (*blocks[:last], ended)


def _appended(letter: Letter, appendix: Appendix, index: int, of: Mapping[str, float]) -> Appended:
    title = broken(appendix.title.upper(), of["appendix"], SUBJECT_MOST, bold=True)
    many = len(letter.appendices) > 1
    title_of_kind = letter.kind.title or "Công văn"
    number = number_line(letter).removeprefix("Số: ")
    day = place_line(letter).partition(", ")[2]
    return Appended(
        number=f"Phụ lục {roman(index + 1)}" if many else "Phụ lục",
        title=title,
        attached=(
            f"(Kèm theo {title_of_kind.capitalize()} số {number} {day} của {letter.issuer.name})"
        ),
        rule=_rule(title, of["appendix"]),
        blocks=appendix.blocks,
        landscape=appendix.landscape,
    )


def _refusal() -> tuple[str, ...]:
    dots = "." * 30
    return (
        f"Trường hợp không ký: ông (bà) {dots} không ký biên bản, lý do: {dots}",
        f"Người chứng kiến: {dots} (ký, ghi rõ họ tên)",
    )


def _block_json(block: Block, width: float) -> dict[str, Any]:
    match block:
        case Chart():
            return {
                "kind": "chart",
                "title": block.title,
                "names": list(block.names),
                "shades": list(SHADES),
                "widths": [width * share / 100 for share in CHART_SHARES],
                "height": BAR_HEIGHT,
                "whole": len(block.bars) <= WHOLE_CHART,
                "bars": [asdict(bar) for bar in drawn(block, width)],
            }
        case Grid():
            return {
                "kind": "grid",
                "head": list(block.head),
                "rows": [list(row) for row in block.rows],
                "shares": list(block.shares),
                "figures": sorted(block.figures),
            }
        case Chapter():
            return {"kind": "chapter", "number": block.number, "title": block.title}
        case _:
            return {
                "kind": "text",
                "text": block.text,
                "lead": block.lead,
                "slanted": block.slanted,
            }
