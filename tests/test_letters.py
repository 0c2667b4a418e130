"""Documents of decree 30/2020 on paper: what LibreOffice and Typst set is measured with one rule.

Within 1 mm and 0.5 pt of appendix I of the decree; Vietnamese intact, letter by letter.
"""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pdfplumber
import pytest

from vonggac import paper
from vonggac.cli import main
from vonggac.domain import directives, letters
from vonggac.paper import layout, word
from vonggac.paper.letter import Bar, Chart, Form, faults
from vonggac.paper.metrics import MM_PER_POINT, broken, width_mm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.paper.letter import Letter

DAY = date(2026, 2, 5)
NAMES = [
    *((code, "") for code in letters.kinds()),
    *((letters.MINUTES, one) for one in letters.minutes()[1:]),
]
FRAMES = [f"frame-{code}" for code in directives.shipped()]
IDS = [*(f"{code}{'-' if more else ''}{more}" for code, more in NAMES), *FRAMES]
"""A sample of each kind, each of the minutes, and the frames of the letters that ship."""
SERIF = ("TimesNewRoman", "LiberationSerif", "Tinos")
"""Times New Roman, and what has its metrics."""
MM, POINTS = 1.0, 0.5
"""How far a measure may be off."""


def sample(name: str) -> Letter:
    if name in FRAMES:
        return directives.frame(name.removeprefix("frame-"))
    code, more = NAMES[IDS.index(name)]
    return letters.sample(code, DAY, of_minutes=more)


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of type on a page, millimetres from the page's upper left corner."""

    text: str
    left: float
    right: float
    top: float
    sizes: frozenset[float]
    fonts: frozenset[str]

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


class Sheet:
    """A page as it was set."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.width, self.height = page.width * MM_PER_POINT, page.height * MM_PER_POINT

    @cached_property
    def lines(self) -> list[Line]:
        """By column: what stands in one line at one height, without a wide gap."""
        words = self.page.extract_words(
            extra_attrs=["fontname", "size"], keep_blank_chars=False, use_text_flow=False
        )
        rows: list[list[dict[str, Any]]] = []
        for one in sorted(words, key=lambda word: (round(word["bottom"]), word["x0"])):
            last = rows[-1][-1] if rows else None
            near = last and abs(last["bottom"] - one["bottom"]) < 3
            if last and near and -1 < one["x0"] - last["x1"] < 40:
                rows[-1].append(one)
            else:
                rows.append([one])
        return [self._line(row) for row in rows]

    @staticmethod
    def _line(words: list[dict[str, Any]]) -> Line:
        return Line(
            " ".join(word["text"] for word in words),
            words[0]["x0"] * MM_PER_POINT,
            words[-1]["x1"] * MM_PER_POINT,
            min(word["top"] for word in words) * MM_PER_POINT,
            frozenset(round(word["size"], 1) for word in words),
            frozenset(word["fontname"].partition("+")[2] or word["fontname"] for word in words),
        )

    def find(self, start: str) -> Line:
        """The first line that begins so; blanks count as one."""
        wanted = " ".join(start.split())
        found = [line for line in self.lines if line.text.startswith(wanted)]
        assert found, f"{start!r} is not among {[line.text for line in self.lines]}"
        return found[0]

    @cached_property
    def rules(self) -> list[tuple[float, float, float]]:
        """Horizontal lines: left, right, height."""
        flat = [one for one in (*self.page.lines, *self.page.rects) if one["height"] < 2]
        return sorted(
            (
                (one["x0"] * MM_PER_POINT, one["x1"] * MM_PER_POINT, one["top"] * MM_PER_POINT)
                for one in flat
                if one["width"] > 8
            ),
            key=lambda rule: rule[2],
        )

    def rule_below(self, line: Line) -> tuple[float, float]:
        """Length and middle of the first rule under a line, at most 6 mm below its top."""
        for left, right, height in self.rules:
            if 0 < height - line.top < 8 and left < line.right and right > line.left:
                return right - left, (left + right) / 2
        raise AssertionError(f"no rule under {line.text!r}: {self.rules}")


@dataclasses.dataclass(frozen=True)
class Printed:
    """A document as one of the two programs set it."""

    letter: Letter
    sheets: list[Sheet]
    text: str


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Printed]]:
    """Every sample twice: its .docx as LibreOffice prints it, and the PDF made without it."""
    if shutil.which("soffice") is None:
        pytest.skip("soffice is not installed: scripts/system-packages brings it")
    folder = tmp_path_factory.mktemp("letters")
    contents: dict[tuple[str, str], bytes] = {}
    for name in IDS:
        made = sample(name)
        (folder / f"{name}.docx").write_bytes(word.document(made))
        contents[name, "typst"] = paper.official(made)
    subprocess.run(
        ["soffice", "--headless", f"-env:UserInstallation={(folder / 'profile').as_uri()}",
         "--convert-to", "pdf", "--outdir", str(folder), *(str(folder / f"{n}.docx") for n in IDS)],
        check=True, capture_output=True, timeout=150,
    )  # fmt: skip
    for name in IDS:
        contents[name, "word"] = (folder / f"{name}.pdf").read_bytes()
    opened = {key: pdfplumber.open(io.BytesIO(content)) for key, content in contents.items()}
    yield {
        key: Printed(
            sample(key[0]),
            [Sheet(page) for page in pdf.pages],
            " ".join(" ".join(page.extract_text() for page in pdf.pages).split()),
        )
        for key, pdf in opened.items()
    }
    for pdf in opened.values():
        pdf.close()


by_both = pytest.mark.parametrize("program", ["word", "typst"])
each = pytest.mark.parametrize("name", IDS)


@pytest.mark.timeout(200)
@each
@by_both
def test_paper_margins_and_type_are_those_of_the_decree(
    printed: dict[tuple[str, str], Printed], name: str, program: str
) -> None:
    """A4; nothing in the margins but page numbers; one typeface, no size under 11 nor above 14."""
    it = printed[name, program]
    for number, sheet in enumerate(it.sheets):
        portrait = (sheet.width, sheet.height) == pytest.approx((210, 297), abs=MM)
        assert portrait or (sheet.width, sheet.height) == pytest.approx((297, 210), abs=MM)
        assert min(line.left for line in sheet.lines) >= 30 - MM
        assert max(line.right for line in sheet.lines) <= sheet.width - 15 + MM
        below = [line for line in sheet.lines if line.top > 17]
        assert min(line.top for line in below) >= 20 - MM
        for line in sheet.lines:
            assert all(font.startswith(SERIF) for font in line.fonts), line
            assert all(11 - POINTS <= size <= 14 + POINTS for size in line.sizes), line
        assert number or all(line.top > 17 for line in sheet.lines), "no number on the first page"
    body = [line for line in it.sheets[0].lines if line.sizes == {14.0}]
    assert min(line.left for line in body) == pytest.approx(30, abs=MM)


@pytest.mark.timeout(200)
@each
@by_both
def test_the_head_has_its_parts_in_their_places(
    printed: dict[tuple[str, str], Printed], name: str, program: str
) -> None:
    """State and motto at the right, issuer at the left, each with its rule; then number, place."""
    it = printed[name, program]
    sheet, arranged = it.sheets[0], layout.arrange(it.letter)
    state, motto = sheet.find(layout.STATE), sheet.find(layout.MOTTO)
    _is(state, 12, "Bold")
    _is(motto, 13, "Bold")
    right = 30 + layout.HEAD_LEFT + (layout.WIDTH - layout.HEAD_LEFT) / 2
    assert state.middle == pytest.approx(right, abs=MM)
    assert motto.middle == pytest.approx(state.middle, abs=MM)
    assert sheet.rule_below(motto) == pytest.approx((motto.right - motto.left, right), abs=MM)
    issuer = sheet.find(arranged.issuer[-1])
    _is(issuer, 12, "Bold")
    length, middle = sheet.rule_below(issuer)
    assert 1 / 3 <= length / (issuer.right - issuer.left) <= 1 / 2
    assert middle == pytest.approx(issuer.middle, abs=MM)
    assert issuer.middle == pytest.approx(30 + layout.HEAD_LEFT / 2, abs=MM)
    if arranged.above:
        _is(sheet.find(arranged.above[0]), 12, "")
    if arranged.number:
        number = sheet.find("Số:")
        _is(number, 13, "")
        assert number.text.endswith(arranged.number.partition("/")[2])
        assert number.middle == pytest.approx(issuer.middle, abs=MM)
    if arranged.place:
        place = sheet.find(it.letter.issuer.place + ", ngày")
        _is(place, 13, "Italic")
        assert place.top == pytest.approx(sheet.find("Số:").top, abs=MM)
        assert place.middle == pytest.approx(motto.middle, abs=MM)


@pytest.mark.timeout(200)
@each
@by_both
def test_subject_body_and_signature_have_their_form(
    printed: dict[tuple[str, str], Printed], name: str, program: str
) -> None:
    """Name of the kind and subject in the middle with a rule, or V/v; signer at the right."""
    it = printed[name, program]
    sheet, arranged = it.sheets[0], layout.arrange(it.letter)
    if it.letter.kind.form is Form.LETTER:
        about = sheet.find("V/v")
        _is(about, 12, "")
        assert about.middle == pytest.approx(30 + layout.HEAD_LEFT / 2, abs=MM)
    else:
        last = sheet.find(arranged.subject[-1])
        for line in (sheet.find(arranged.title), last):
            _is(line, 14, "Bold")
            assert line.middle == pytest.approx(30 + layout.WIDTH / 2, abs=MM)
        if not arranged.attached:
            length, middle = sheet.rule_below(last)
            assert 1 / 3 <= length / (last.right - last.left) <= 1 / 2
            assert middle == pytest.approx(last.middle, abs=MM)
    first = arranged.blocks[0]
    opening = " ".join(f"{getattr(first, 'lead', '')} {getattr(first, 'text', '')}".split())
    if opening:
        said = sheet.find(opening[:20])
        assert said.left == pytest.approx(30 + 12.7, abs=MM)
        assert all(size == pytest.approx(14, abs=POINTS) for size in said.sizes)
    signer = sheet.find(it.letter.signatures[-1].lines[0])
    _is(signer, 14, "Bold")
    quarter = layout.WIDTH / 4
    if len(it.letter.signatures) % 2 == 0 or len(it.letter.signatures) == 1:
        assert signer.middle == pytest.approx(30 + 3 * quarter, abs=MM)
    if arranged.list:
        head = sheet.find("Nơi nhận:")
        _is(head, 12, "BoldItalic")
        assert head.left == pytest.approx(30, abs=MM)
        kept = sheet.find("- Lưu:")
        _is(kept, 11, "")
        if len(it.letter.signatures) == 1:
            assert head.top == pytest.approx(signer.top, abs=2 * MM)
    assert "./." in it.text


@pytest.mark.timeout(200)
@each
@by_both
def test_every_letter_of_the_text_stands_on_the_paper(
    printed: dict[tuple[str, str], Printed], name: str, program: str
) -> None:
    """Marks of Vietnamese are not lost or moved: word by word as it was written."""
    it = printed[name, program]
    said = [
        word
        for block in it.letter.body
        for text in (getattr(block, "lead", ""), getattr(block, "text", ""))
        for word in text.split()
    ]
    assert [word for word in said if word.rstrip(".,;:") not in it.text] == []
    assert ("đều là giả định" in it.text) is (name not in FRAMES)


@pytest.mark.timeout(200)
@by_both
def test_marks_of_urgency_are_boxes_of_the_decree(
    printed: dict[tuple[str, str], Printed], program: str
) -> None:
    """20 by 8 mm for KHẨN and 30 by 8 mm for HỎA TỐC, in red."""
    for name, mark in (("cong-van", "KHẨN"), ("cong-dien", "HỎA TỐC")):
        sheet = printed[name, program].sheets[0]
        line = sheet.find(mark)
        _is(line, 14, "Bold")
        sides = sorted(
            one
            for rule in sheet.page.rects + sheet.page.lines + sheet.page.curves
            for one in (rule["x0"] * MM_PER_POINT, rule["x1"] * MM_PER_POINT)
            if abs(rule["top"] * MM_PER_POINT - line.top) < 5
        )
        assert sides[-1] - sides[0] == pytest.approx(layout.BOXES[mark], abs=MM)
        heights = sorted(
            one
            for rule in sheet.page.rects + sheet.page.lines + sheet.page.curves
            for one in (rule["top"] * MM_PER_POINT, rule["bottom"] * MM_PER_POINT)
            if abs(one - line.top) < 9
            and rule["x0"] * MM_PER_POINT >= sides[0] - MM
            and rule["x1"] * MM_PER_POINT <= sides[-1] + MM
        )
        assert heights[-1] - heights[0] == pytest.approx(layout.BOX_HEIGHT, abs=MM)


@pytest.mark.timeout(200)
@by_both
def test_appendices_have_pages_of_their_own(
    printed: dict[tuple[str, str], Printed], program: str
) -> None:
    """With Roman numbers where there are two; the second one lies on its side."""
    sheets = printed["bao-cao", program].sheets
    assert len(sheets) == 3
    _is(sheets[1].find("Phụ lục I"), 14, "Bold")
    _is(sheets[1].find("(Kèm theo Báo cáo số"), 14, "Italic")
    assert sheets[2].find("Phụ lục II").middle == pytest.approx(30 + (297 - 45) / 2, abs=MM)
    assert all("giả định" not in sheet.lines[-1].text for sheet in sheets[1:])


@pytest.mark.timeout(200)
@by_both
def test_bars_of_a_chart_are_as_long_as_what_they_count(
    printed: dict[tuple[str, str], Printed], program: str
) -> None:
    """Each part has its grey, length and height; labels and figures stand beside the bars."""
    sheet = printed["bao-cao", program].sheets[1]
    (chart,) = [one for one in sample("bao-cao").appendices[0].blocks if isinstance(one, Chart)]
    left = 30 + layout.WIDTH * layout.CHART_SHARES[0] / 100
    filled = {
        tuple(round(one[side] * MM_PER_POINT, 1) for side in ("top", "x0", "x1", "bottom"))
        for one in sheet.page.rects + sheet.page.curves
        if one["fill"] and one["height"] * MM_PER_POINT > 3
    }
    found = iter(sorted(filled))
    for bar in chart.bars:
        start, per = left, layout.drawn(chart, layout.WIDTH)[0].lengths[0] / 6
        for value in bar.values:
            top, x0, x1, bottom = next(found)
            assert (x0, x1) == pytest.approx((start, start + per * value), abs=MM)
            assert bottom - top == pytest.approx(layout.BAR_HEIGHT, abs=MM)
            start = x1
        line = sheet.find(bar.label)
        assert line.top - MM <= (top + bottom) / 2 <= line.top + 5 + MM
        assert bar.said in " ".join(one.text for one in sheet.lines)
    assert next(found, None) is None
    assert any(all(name in line.text for name in chart.names) for line in sheet.lines)


def _is(line: Line, size: float, face: str) -> None:
    """A line has one size, and the face that is meant."""
    assert all(one == pytest.approx(size, abs=POINTS) for one in line.sizes), line
    for font in line.fonts:
        style = font.rpartition("-")[2] if "-" in font else ""
        assert style.removeprefix("Regular").removesuffix("MT") == face, line


# -- what needs no paper ---------------------------------------------------------------------


@each
def test_every_kind_has_a_complete_sample(name: str) -> None:
    """The rules have one of each kind, with everything that the kind must have."""
    assert faults(sample(name)) == ()


def test_parts_of_bars_are_in_proportion_and_never_vanish() -> None:
    """The longest bar has all the room; one of a thousand is still seen, nothing is nothing."""
    chart = Chart("", ("a", "b"), (Bar("x", (1000, 0), ""), Bar("y", (500, 1), "")))
    (one, nothing), (half, least) = (bar.lengths for bar in layout.drawn(chart, 100))
    assert (nothing, least) == (0, layout.LEAST_BAR)
    assert half == pytest.approx(one / 2)
    assert one + 2 * layout.LEAST_BAR == layout.CHART_SHARES[1]
    empty = Chart("", ("a",), (Bar("x", (0,), "0"),))
    assert layout.drawn(empty, 100)[0].lengths == (0,)
    letter = dataclasses.replace(sample("bao-cao"), body=(empty,))
    assert word.document(letter)
    assert paper.official(letter).startswith(b"%PDF-")


@pytest.mark.parametrize(
    "chart",
    [
        Chart("", ("a",), ()),
        Chart("", ("a",), (Bar("x", (1, 2), ""),)),
        Chart("", ("a",), (Bar("x", (-1,), ""),)),
        Chart("", ("a", "b", "c", "d"), (Bar("x", (1, 2, 3, 4), ""),)),
    ],
)
def test_a_chart_that_cannot_be_drawn_is_a_fault(chart: Chart) -> None:
    """No bars, another number of parts than names, less than nothing, too many greys."""
    letter = dataclasses.replace(sample("bao-cao"), body=(chart,))
    assert any("chart" in one for one in faults(letter))


def test_numbers_and_days_are_written_as_the_decree_says() -> None:
    """Two digits under ten; of months only the first two; blank until the clerk gives them."""
    draft = letters.sample("bao-cao", date(2026, 2, 5))
    assert layout.number_line(draft).split() == ["Số:", "/BC-SYT"]
    assert "ngày 05" not in layout.place_line(draft)
    issued = dataclasses.replace(draft, number="8")
    assert layout.number_line(issued) == "Số: 08/BC-SYT"
    assert layout.place_line(issued).endswith(", ngày 05 tháng 02 năm 2026")
    in_march = dataclasses.replace(issued, drafted=date(2026, 3, 15))
    assert layout.place_line(in_march).endswith(", ngày 15 tháng 3 năm 2026")
    letter = letters.sample("cong-van", date(2026, 2, 5))
    assert layout.number_line(dataclasses.replace(letter, number="1445")) == "Số: 1445/UBND-VX"
    assert layout.recipient_lines(letter)[0] == "- Như trên;"
    assert layout.recipient_lines(letter)[-1] == "- Lưu: VT, VX."


def test_lines_break_evenly_and_never_run_over() -> None:
    """A subject in two lines has no single word in the second."""
    lines = broken("Kết quả giám sát bằng camera tại cơ sở trên địa bàn tỉnh", 14, 100, bold=True)
    widths = [width_mm(line, 14, bold=True) for line in lines]
    assert len(lines) == 2
    assert max(widths) <= 100
    assert min(widths) > 0.7 * max(widths)


def test_the_command_writes_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says which; the PDF comes without an office program."""
    out = tmp_path / "a.docx"
    assert main(["letter", "quyet-dinh", "--sample", "--out", str(out), "--pdf", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [Path(one["file"]).name for one in told["files"]] == ["a.docx", "a.pdf"]
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    assert main(["letter", "bao-cao", "--sample", "--minutes", "hop", "--out", str(out)]) == 2
