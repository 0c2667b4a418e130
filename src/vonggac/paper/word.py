"""A document as `.docx`, for Word and LibreOffice: what `vonggac.paper.layout` arranged, set.

Every part has a style of its own (`layout.STYLES`).  A template is a `.docx` with these styles and
one paragraph that holds only `{{văn bản}}`; the document takes its place.  An administrator may
change sizes, margins, headers and footers within what the decree allows, and add words around it.
"""

from __future__ import annotations

import copy
import io
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Mm, Pt, RGBColor

from vonggac.errors import Kind, VonggacError
from vonggac.paper import layout
from vonggac.paper.layout import HEAD_LEFT, INDENT, STYLES, WIDTH, arrange
from vonggac.paper.letter import Chapter, Chart, Grid, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docx.document import Document as Paper
    from docx.section import Section, Sections
    from docx.table import Table, _Cell
    from docx.text.paragraph import Paragraph

    from vonggac.paper.layout import Appended, Arranged, Mark, Salute
    from vonggac.paper.letter import Block, Letter, Signature

MARKER: Final = "{{văn bản}}"
FONT: Final = "Times New Roman"
MOST_BYTES: Final = 2 * 1024 * 1024
"""Of a template, packed (ours)."""
_XML: Final = (".xml", ".rels")
MOST_UNPACKED: Final = 30 * 1024 * 1024
LAST_WORDS: Final = 400
"""Letters of a last paragraph that stays with the signature (ours)."""
CELL_SIDE: Final = 1.5
"""Room at the sides of a cell of a table, millimetres (ours)."""
MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

AFTER_COMPAT: Final = frozenset(
    qn(name)
    for name in (
        "w:docVars", "w:rsids", "m:mathPr", "w:attachedSchema", "w:themeFontLang",
        "w:clrSchemeMapping", "w:shapeDefaults", "w:decimalSymbol", "w:listSeparator",
    )
)  # fmt: skip
"""What stands after the settings of compatibility, by the schema's order."""

ALIGN: Final = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "centre": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
    "both": WD_ALIGN_PARAGRAPH.JUSTIFY,
}


def document(letter: Letter, template: bytes | None = None) -> bytes:
    """A document as `.docx`. Takes some 50 ms: for a worker thread.

    Args:
        letter: complete (`letter.faults` finds nothing).
        template: accepted by `template_faults`; None is the shipped one.
    """
    paper = _opened(template) if template is not None else _blank()
    sizes = {part: _size_of(paper, part) for part in STYLES}
    arranged = arrange(letter, sizes)
    _set_document(paper, arranged)
    about = paper.core_properties
    about.author, about.title, about.comments = letter.issuer.name, letter.subject, ""
    about.last_modified_by = ""
    drafted = datetime(letter.drafted.year, letter.drafted.month, letter.drafted.day, tzinfo=UTC)
    about.created = about.modified = drafted.replace(tzinfo=None)
    return _packed(paper)


def template() -> bytes:
    """The shipped template, to be changed and sent back."""
    return _packed(_blank())


# -- templates -------------------------------------------------------------------------------


class TemplateFault(NamedTuple):
    """Why a template cannot be taken."""

    code: Literal[
        "too_long", "no_docx", "macros", "outside", "no_marker", "no_style", "font", "size",
        "paper", "margin",
    ]  # fmt: skip
    name: str = ""
    """Of the style, or of the margin."""
    low: float = 0
    high: float = 0


def template_faults(content: bytes) -> tuple[TemplateFault, ...]:
    """Why a template cannot be taken; empty when it can."""
    try:
        found = _package_fault(content)
        return (found,) if found is not None else _inside_faults(content)
    except VonggacError:
        return (TemplateFault("no_docx"),)


def _package_fault(content: bytes) -> TemplateFault | None:
    """Why an archive is not even looked into; None when it is.

    Raises:
        VonggacError: BAD_INPUT, it is no archive, or cannot be unpacked.
    """
    if len(content) > MOST_BYTES:
        return TemplateFault("too_long")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            names = package.namelist()
            if sum(one.file_size for one in package.infolist()) > MOST_UNPACKED:
                return TemplateFault("too_long")
            if any("vbaproject" in name.lower() or "activex" in name.lower() for name in names):
                return TemplateFault("macros")
            parts = {name: package.read(name) for name in names if name.endswith(_XML)}
    except Exception as error:
        # zipfile passes on what zlib, struct and its own reader raise.
        raise VonggacError(Kind.BAD_INPUT, "this is no archive") from error
    if any(b"<!DOCTYPE" in part or b"<!ENTITY" in part for part in parts.values()):
        return TemplateFault("no_docx")  # no document of Word declares any
    links = [part for name, part in parts.items() if name.endswith(".rels")]
    # What a template fetches from elsewhere would be fetched on every desk that opens a letter.
    is_fetching = any(b'TargetMode="External"' in link for link in links)
    return TemplateFault("outside") if is_fetching else None


def _inside_faults(content: bytes) -> tuple[TemplateFault, ...]:
    """What a document lacks to be a template.

    Raises:
        VonggacError: BAD_INPUT, it is none.
    """
    paper = _opened(content)
    try:
        return (*_marker_faults(paper), *_style_faults(paper), *_page_faults(paper.sections[0]))
    except Exception as error:
        # The library reads on demand, and raises whatever a broken part provokes in it.
        raise VonggacError(Kind.BAD_INPUT, "a part of this document is broken") from error


def _marker_faults(paper: Paper) -> list[TemplateFault]:
    found = [one for one in paper.paragraphs if one.text.strip() == MARKER]
    return [] if len(found) == 1 else [TemplateFault("no_marker")]


def _style_faults(paper: Paper) -> list[TemplateFault]:
    faults = []
    known = {style.name for style in paper.styles}
    for style in STYLES.values():
        if style.name not in known:
            faults.append(TemplateFault("no_style", style.name))
            continue
        font = paper.styles[style.name].font
        if font.name != FONT:
            faults.append(TemplateFault("font", style.name))
        size = font.size.pt if font.size is not None else 0
        if not style.smallest <= size <= style.largest:
            faults.append(TemplateFault("size", style.name, style.smallest, style.largest))
    return faults


def _page_faults(section: Section) -> list[TemplateFault]:
    faults = []
    width, height = section.page_width or 0, section.page_height or 0
    if (round(width / Mm(1)), round(height / Mm(1))) != layout.PAGE:
        faults.append(TemplateFault("paper"))
    there = {
        "top": section.top_margin, "bottom": section.bottom_margin,
        "left": section.left_margin, "right": section.right_margin,
    }  # fmt: skip
    for name, (low, high) in layout.MARGINS.items():
        if not low - 0.5 <= (there[name] or 0) / Mm(1) <= high + 0.5:
            faults.append(TemplateFault("margin", name, low, high))
    return faults


def _opened(content: bytes) -> Paper:
    """A package as a document.

    Raises:
        VonggacError: BAD_INPUT, it is none.
    """
    try:
        return Document(io.BytesIO(content))
    except Exception as error:
        # The library raises whatever a broken file provokes in it.
        raise VonggacError(Kind.BAD_INPUT, "this is no document of Word (.docx)") from error


def _size_of(paper: Paper, part: str) -> float:
    size = paper.styles[STYLES[part].name].font.size
    return float(size.pt) if size is not None else STYLES[part].size


def _packed(paper: Paper) -> bytes:
    stream = io.BytesIO()
    paper.save(stream)
    return stream.getvalue()


def _blank() -> Paper:
    paper = Document()
    normal = paper.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(STYLES["body"].size)
    _name_everywhere(normal)
    normal.paragraph_format.space_after = Pt(0)
    for style in STYLES.values():
        _add_style(paper, style)
    body = paper.styles[STYLES["body"].name].paragraph_format
    body.first_line_indent, body.space_after, body.line_spacing = Mm(INDENT), Pt(6), 1.1
    basis = paper.styles[STYLES["basis"].name].paragraph_format
    basis.first_line_indent, basis.space_after = Mm(INDENT), Pt(6)
    chapter = paper.styles[STYLES["chapter"].name].paragraph_format
    chapter.keep_with_next = True
    _set_section(paper.sections[0])
    _set_compatible(paper)
    paper.add_paragraph(MARKER, style=STYLES["body"].name)
    return paper


def _set_compatible(paper: Paper) -> None:
    """As of Word 2013: without it a document opens in a mode that sets tables elsewhere."""
    settings = paper.settings.element
    for old in settings.findall(qn("w:compat")):
        settings.remove(old)
    mode = parse_xml(
        f'<w:compat {nsdecls("w")}><w:compatSetting w:name="compatibilityMode" '
        'w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat>'
    )
    after = next((one for one in settings if one.tag in AFTER_COMPAT), None)
    if after is None:
        settings.append(mode)
    else:
        after.addprevious(mode)


def _add_style(paper: Paper, style: layout.Style) -> None:
    made: Any = paper.styles.add_style(style.name, WD_STYLE_TYPE.PARAGRAPH)
    made.base_style = paper.styles["Normal"]
    made.quick_style = True
    made.font.name, made.font.size = FONT, Pt(style.size)
    made.font.bold, made.font.italic = style.bold, style.italic
    made.font.color.rgb = RGBColor(0, 0, 0)
    made.paragraph_format.alignment = ALIGN[style.align]
    made.paragraph_format.space_before = made.paragraph_format.space_after = Pt(0)
    made.paragraph_format.line_spacing = 1.0
    _name_everywhere(made)


def _name_everywhere(style: Any) -> None:
    """The font for every script, and the language: Word would take another one for some letters."""
    properties = style.element.get_or_add_rPr()
    fonts = properties.get_or_add_rFonts()
    for script in ("ascii", "hAnsi", "eastAsia", "cs"):
        fonts.set(qn(f"w:{script}"), FONT)
    if style.name == "Normal":
        language = OxmlElement("w:lang")
        language.set(qn("w:val"), "vi-VN")
        properties.append(language)


def _set_section(section: Section) -> None:
    section.page_width, section.page_height = Mm(layout.PAGE[0]), Mm(layout.PAGE[1])
    section.top_margin, section.bottom_margin = Mm(layout.TOP), Mm(layout.BOTTOM)
    section.left_margin, section.right_margin = Mm(layout.LEFT), Mm(layout.RIGHT)
    section.header_distance, section.footer_distance = Mm(layout.NUMBER_ABOVE), Mm(10)
    section.different_first_page_header_footer = True
    line = section.header.paragraphs[0]
    line.style = STYLES["page"].name
    for kind in ("begin", None, "end"):
        run = line.add_run()
        if kind is None:
            run._r.append(parse_xml(f"<w:instrText {nsdecls('w')}> PAGE </w:instrText>"))
        else:
            run._r.append(parse_xml(f'<w:fldChar {nsdecls("w")} w:fldCharType="{kind}"/>'))


# -- the document ----------------------------------------------------------------------------


class _Column:
    """Where paragraphs and tables go next: before a place of the document, or into a cell."""

    def __init__(self, paper: Paper, before: Paragraph) -> None:
        self.paper, self.before = paper, before

    def line(self, text: str, part: str) -> Paragraph:
        made: Paragraph = self.before.insert_paragraph_before(text, style=STYLES[part].name)
        return made

    def table(self, widths: Sequence[float]) -> Table:
        made: Table = self.paper.add_table(1, len(widths))
        self.before._p.addprevious(made._tbl)
        _plain(made, widths)
        return made


def _set_document(paper: Paper, it: Arranged) -> None:
    marker = next(one for one in paper.paragraphs if one.text.strip() == MARKER)
    column = _Column(paper, marker)
    _head(column, it)
    _title(column, it)
    if it.salute is not None:
        _salute(column, it.salute)
    for line in it.authority:
        column.line(line, "title")
    for index, said in enumerate(it.basis):
        made = column.line(said, "basis")
        made.paragraph_format.space_before = Pt(6 if index == 0 else 0)
    if it.resolves:
        _spaced(column.line(it.resolves, "title"), before=6, after=6)
    _blocks(column, it.blocks, keeps_last=True)
    _signed(column, it)
    for index, appendix in enumerate(it.appendices):
        after_landscape = index > 0 and it.appendices[index - 1].landscape
        _end_section(column, paper, landscape=after_landscape, restarts=index > 0)
        _annex(column, appendix)
    marker._p.getparent().remove(marker._p)
    if it.appendices:
        _turn(paper.sections[-1]._sectPr, landscape=it.appendices[-1].landscape)
        _restart(paper.sections[-1]._sectPr)
    if it.contact:
        _contact(paper.sections, it.contact)


def _head(column: _Column, it: Arranged) -> None:
    widths = (HEAD_LEFT, WIDTH - HEAD_LEFT)
    table = column.table(widths)
    left, right = table.rows[0].cells
    _lines(left, it.above, "above")
    _lines(left, it.issuer, "issuer", more=bool(it.above))
    _rule(left.add_paragraph(), it.issuer_rule, widths[0])
    _lines(right, (layout.STATE,), "state")
    _lines(right, (layout.MOTTO,), "motto", more=True)
    _rule(right.add_paragraph(), it.motto_rule, widths[1])
    left, right = _row(table)
    _lines(left, (it.number,) if it.number else (), "number")
    for index, line in enumerate(it.about):
        made = left.add_paragraph(line, style=STYLES["about"].name)
        _spaced(made, before=6 if index == 0 else 0)
    for mark in it.marks:
        _box(left, mark)
    _lines(right, (it.place,) if it.place else (), "place")


def _title(column: _Column, it: Arranged) -> None:
    if not it.title:
        _spaced(column.line("", "list"), after=0)
        return
    _spaced(column.line(it.title, "title"), before=12)
    for line in it.subject:
        column.line(line, "subject")
    if it.attached:
        column.line(it.attached, "attached")
    _rule(column.line("", "subject"), it.title_rule, WIDTH, after=10)


def _salute(column: _Column, salute: Salute) -> None:
    if salute.one:
        made = column.line(f"{salute.lead} {salute.one}", "to")
        made.alignment = WD_ALIGN_PARAGRAPH.CENTER
        _spaced(made, before=6, after=10)
        return
    lead = column.line(salute.lead, "to")
    lead.paragraph_format.left_indent = Mm(salute.indent)
    _spaced(lead, before=6)
    for line in salute.several:
        made = column.line(line, "to")
        made.paragraph_format.left_indent = Mm(salute.list_indent + 3)
        made.paragraph_format.first_line_indent = Mm(-3)
    _spaced(made, after=10)


def _blocks(
    column: _Column, blocks: Sequence[Block], *, keeps_last: bool = False, width: float = WIDTH
) -> None:
    for index, block in enumerate(blocks):
        match block:
            case Text():
                made = _text(column, block)
                # A signature alone on a page belongs to no document. Only short words move with
                # it: some programs would move a long paragraph whole.
                is_last = keeps_last and index == len(blocks) - 1
                made.paragraph_format.keep_with_next = is_last and len(block.text) < LAST_WORDS
            case Chapter():
                _spaced(column.line(block.number, "chapter"), before=6)
                _spaced(column.line(block.title.upper(), "chapter"), after=6)
            case Grid():
                _grid(column, block, width)
            case Chart():
                _chart(column, block, width)


def _text(column: _Column, block: Text) -> Paragraph:
    made = column.line("", "body")
    if block.lead:
        made.add_run(block.lead).bold = True
    if block.text:
        made.add_run(f" {block.text}" if block.lead else block.text).italic = block.slanted or None
    return made


def _grid(column: _Column, grid: Grid, width: float) -> None:
    widths = [width * share / 100 for share in grid.shares]
    table = column.table(widths)
    _bordered(table)
    for cell, said in zip(table.rows[0].cells, grid.head, strict=True):
        line = _cell_line(cell)
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        line.add_run(said).bold = True
    properties = table.rows[0]._tr.get_or_add_trPr()
    properties.append(OxmlElement("w:tblHeader"))
    for row in grid.rows:
        cells = _row(table)
        for index, (cell, said) in enumerate(zip(cells, row, strict=True)):
            line = _cell_line(cell)
            line.text = said
            if index in grid.figures:
                line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for made in table.rows:
        made._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
    _spaced(column.line("", "list"), after=0)


def _chart(column: _Column, chart: Chart, width: float) -> None:
    """Bars of shaded cells: sharp at any size, and nothing that a program must compute again."""
    is_whole = len(chart.bars) <= layout.WHOLE_CHART
    _chart_head(column, chart)
    table = column.table([width * share / 100 for share in layout.CHART_SHARES])
    for index, bar in enumerate(layout.drawn(chart, width)):
        cells = table.rows[0].cells if index == 0 else _row(table)
        for cell in cells:
            cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
        label, value = _cell_line(cells[0]), _cell_line(cells[2])
        label.text, value.text = bar.label, bar.said
        value.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _spaced(label, before=1, after=1)
        label.paragraph_format.keep_with_next = is_whole and index < len(chart.bars) - 1
        _bar(cells[1], bar.lengths)
    _whole(table)
    _small(_spaced(column.line("", "list"), after=6))


def _chart_head(column: _Column, chart: Chart) -> None:
    title = column.line("", "cell")
    title.add_run(chart.title).bold = True
    _spaced(title, before=6, after=2)
    lines = [title]
    if len(chart.names) > 1:
        legend = column.line("", "cell")
        for index, name in enumerate(chart.names):
            legend.add_run("  /  " if index else "")
            legend.add_run("■").font.color.rgb = RGBColor.from_string(layout.SHADES[index])
            legend.add_run(f" {name}")
        lines.append(_spaced(legend, after=2))
    for line in lines:
        line.alignment = WD_ALIGN_PARAGRAPH.CENTER
        line.paragraph_format.keep_with_next = True


def _bar(cell: _Cell, lengths: Sequence[float]) -> None:
    shades = [(one, shade) for one, shade in zip(lengths, layout.SHADES, strict=False) if one]
    first = cell.paragraphs[0]
    if shades:
        table = cell.add_table(1, len(shades))
        _plain(table, [one for one, _ in shades])
        for part, (_, shade) in zip(table.rows[0].cells, shades, strict=True):
            part._tc.get_or_add_tcPr().append(
                parse_xml(f'<w:shd {nsdecls("w")} w:val="clear" w:color="auto" w:fill="{shade}"/>')
            )
            _small(part.paragraphs[0])
        _exactly(table, layout.BAR_HEIGHT)
        cell._tc.remove(first._p)
    # A cell ends with a paragraph.
    _small(cell.paragraphs[-1])


def _small(line: Paragraph) -> None:
    line.paragraph_format.line_spacing = Pt(1)
    line.add_run().font.size = Pt(1)


def _exactly(table: Table, height: float) -> None:
    """The height of a table's only row, millimetres, whatever stands in it."""
    made = OxmlElement("w:trHeight")
    made.set(qn("w:val"), str(round(Mm(height).pt * 20)))
    made.set(qn("w:hRule"), "exact")
    table.rows[0]._tr.get_or_add_trPr().append(made)


def _row(table: Any) -> Sequence[_Cell]:
    cells: Sequence[_Cell] = table.add_row().cells
    return cells


def _cell_line(cell: _Cell) -> Paragraph:
    # Room at the sides is the paragraph's: with margins of cells some programs move the table.
    line: Paragraph = cell.paragraphs[0]
    line.style = STYLES["cell"].name
    line.paragraph_format.left_indent = line.paragraph_format.right_indent = Mm(CELL_SIDE)
    return line


def _signed(column: _Column, it: Arranged) -> None:
    half = WIDTH / 2
    _spaced(column.line("", "list"), after=0).paragraph_format.keep_with_next = True
    if len(it.signatures) == 1:
        table = column.table((half, half))
        _whole(table)
        left, right = table.rows[0].cells
        _recipients(left, it)
        _signature(right, it.signatures[0])
        return
    table = column.table((half, half))
    for index, signature in enumerate(it.signatures):
        if index and index % 2 == 0:
            _row(table)
        cell = table.rows[-1].cells[index % 2]
        _signature(cell, signature)
        _spaced(cell.paragraphs[0], before=12 if index > 1 else 0)
    _whole(table)
    for line in it.refusal:
        _spaced(column.line(line, "body"), before=6)
    if it.list:
        _spaced(column.line("", "list"), after=0)
        table = column.table((half, half))
        _whole(table)
        _recipients(table.rows[0].cells[0], it)


def _recipients(cell: _Cell, it: Arranged) -> None:
    _lines(cell, (it.list_head,) if it.list_head else (), "list_head")
    _lines(cell, it.list, "list", more=bool(it.list_head))
    if it.copies:
        _spaced(cell.add_paragraph(it.copies, style=STYLES["list"].name), before=6)


def _signature(cell: _Cell, signature: Signature) -> None:
    _lines(cell, signature.lines, "signs")
    if signature.note:
        cell.add_paragraph(signature.note, style=STYLES["note"].name)
    name = cell.add_paragraph(signature.name, style=STYLES["name"].name)
    name.paragraph_format.space_before = Mm(layout.SIGNED_MM)


def _annex(column: _Column, appendix: Appended) -> None:
    column.line(appendix.number, "appendix")
    for line in appendix.title:
        column.line(line, "subject")
    column.line(appendix.attached, "attached")
    width = layout.width_of(landscape=appendix.landscape)
    _rule(column.line("", "attached"), appendix.rule, width, after=10)
    _blocks(column, appendix.blocks, width=width)


def _end_section(column: _Column, paper: Paper, *, landscape: bool, restarts: bool) -> None:
    """End a section here: what follows begins on a new page with numbers of its own."""
    last = column.line("", "list")
    settings = copy.deepcopy(paper.sections[-1]._sectPr)
    last._p.get_or_add_pPr().append(settings)
    _turn(settings, landscape=landscape)
    if restarts:
        _restart(settings)


def _turn(settings: Any, *, landscape: bool) -> None:
    if not landscape:
        return
    size = settings.find(qn("w:pgSz"))
    width, height = size.get(qn("w:w")), size.get(qn("w:h"))
    size.set(qn("w:w"), height)
    size.set(qn("w:h"), width)
    size.set(qn("w:orient"), "landscape")


def _restart(settings: Any) -> None:
    numbers = settings.find(qn("w:pgNumType"))
    if numbers is None:
        numbers = OxmlElement("w:pgNumType")
        settings.find(qn("w:pgMar")).addnext(numbers)
    numbers.set(qn("w:start"), "1")


def _contact(sections: Sections, contact: str) -> None:
    """At the foot of the first page, and of no appendix's."""
    first = sections[0]
    line = first.first_page_footer.paragraphs[0]
    line.style, line.text = STYLES["contact"].name, contact
    line._p.get_or_add_pPr().append(_border("top"))
    first.footer.is_linked_to_previous = False
    for section in list(sections)[1:]:
        section.different_first_page_header_footer = True
        section.first_page_footer.is_linked_to_previous = False


# -- pieces ----------------------------------------------------------------------------------


def _lines(cell: _Cell, lines: Sequence[str], part: str, *, more: bool = False) -> None:
    """Lines of a part in a cell, whose first paragraph is there already."""
    for index, text in enumerate(lines):
        if index == 0 and not more:
            cell.paragraphs[0].text = text
            cell.paragraphs[0].style = STYLES[part].name
        else:
            cell.add_paragraph(text, style=STYLES[part].name)


def _rule(line: Paragraph, length: float, column: float, *, after: float = 6) -> None:
    """A line of a length in the middle of a column: the border of an empty paragraph."""
    form = line.paragraph_format
    form.left_indent = form.right_indent = Mm((column - length) / 2)
    form.first_line_indent, form.line_spacing = Mm(0), Pt(2)
    _spaced(line, after=after)
    line.add_run().font.size = Pt(1)
    if length > 0:
        line._p.get_or_add_pPr().append(_border("bottom"))


def _border(side: str) -> Any:
    # Eighths of a point.
    size = round(layout.RULE_POINTS * 8)
    return parse_xml(
        f'<w:pBdr {nsdecls("w")}><w:{side} w:val="single" w:sz="{size}" w:space="1" '
        f'w:color="000000"/></w:pBdr>'
    )


def _box(cell: _Cell, mark: Mark) -> None:
    _spaced(cell.paragraphs[-1], after=4)
    table = cell.add_table(1, 1)
    _plain(table, (mark.width,))
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    _bordered(table, color=layout.RED if mark.is_red else "000000", size=8)
    _exactly(table, layout.BOX_HEIGHT)
    line = table.rows[0].cells[0].paragraphs[0]
    line.style = STYLES["mark"].name
    _spaced(line, before=2)
    run = line.add_run(mark.text)
    if mark.is_red:
        run.font.color.rgb = RGBColor.from_string(layout.RED)
    cell.paragraphs[-1].paragraph_format.line_spacing = Pt(4)
    cell.paragraphs[-1].add_run().font.size = Pt(1)


def _plain(table: Table, widths: Sequence[float]) -> None:
    """Columns of these widths and no borders; text begins at the very edge of a cell."""
    table.autofit = False
    properties = table._tbl.tblPr
    for old in properties.findall(qn("w:tblStyle")):
        properties.remove(old)
    margins = "".join(
        f'<w:{side} w:w="0" w:type="dxa"/>' for side in ("top", "left", "bottom", "right")
    )
    properties.append(parse_xml(f"<w:tblCellMar {nsdecls('w')}>{margins}</w:tblCellMar>"))
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
        for cell in column.cells:
            cell.width = Mm(width)


def _bordered(table: Table, *, color: str = "000000", size: int = 4) -> None:
    sides = "".join(
        f'<w:{side} w:val="single" w:sz="{size}" w:space="0" w:color="{color}"/>'
        for side in ("top", "left", "bottom", "right", "insideH", "insideV")
    )
    properties = table._tbl.tblPr
    margins = properties.find(qn("w:tblCellMar"))
    margins.addprevious(parse_xml(f"<w:tblBorders {nsdecls('w')}>{sides}</w:tblBorders>"))


def _whole(table: Table) -> None:
    """Rows that no page's end cuts."""
    for row in table.rows:
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _spaced(line: Paragraph, *, before: float | None = None, after: float | None = None) -> Any:
    if before is not None:
        line.paragraph_format.space_before = Pt(before)
    if after is not None:
        line.paragraph_format.space_after = Pt(after)
    return line
