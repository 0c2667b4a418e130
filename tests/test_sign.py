"""The sign at the door as PDF: on one sheet, every language in letters that are shipped."""

from __future__ import annotations

import hashlib
import io
import re
import struct
from types import SimpleNamespace
from typing import Any, cast

import pypdf
import pytest

from vonggac import paper
from vonggac.domain import notices

SHIPPED = paper.HERE / "fonts/sign"
TABLE = dict(
    re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (SHIPPED / "README.md").read_text(), re.M)
)
FACES = {
    "Noto Sans CJK SC": "NotoSansCJKsc", "Noto Sans CJK KR": "NotoSansCJKkr",
    "Noto Sans CJK JP": "NotoSansCJKjp", "Noto Sans Khmer": "NotoSansKhmer",
    "Noto Sans Lao": "NotoSansLao", "Tinos": "Tinos",
}  # fmt: skip
"""What a PDF calls each typeface."""


def letters_of(name: str) -> set[str]:
    """The letters that a shipped face has: its `cmap`, in formats 4 and 12 (OpenType 1.9)."""
    data = (SHIPPED / name).read_bytes()
    tables = {
        tag: start
        for tag, _, start, _ in struct.iter_unpack(
            ">4sLLL", data[12 : 12 + 16 * int.from_bytes(data[4:6])]
        )
    }
    cmap = tables[b"cmap"]
    starts = {
        cmap + start
        for _, _, start in struct.iter_unpack(
            ">HHL", data[cmap + 4 : cmap + 4 + 8 * int.from_bytes(data[cmap + 2 : cmap + 4])]
        )
    }
    found: set[str] = set()
    for start in starts:
        found |= _letters(data[start:])
    return found


def _letters(table: bytes) -> set[str]:
    kind = int.from_bytes(table[:2])
    if kind == 12:
        groups = struct.iter_unpack(">LLL", table[16 : 16 + 12 * int.from_bytes(table[12:16])])
        return {chr(code) for first, last, _ in groups for code in range(first, last + 1)}
    if kind != 4:
        return set()
    count = int.from_bytes(table[6:8]) // 2
    words = struct.unpack(f">{len(table) // 2}H", table[: len(table) // 2 * 2])
    ends, firsts = words[7 : 7 + count], words[8 + count : 8 + 2 * count]
    deltas = words[8 + 2 * count : 8 + 3 * count]
    at = 8 + 3 * count
    found = set()
    for number, (first, last) in enumerate(zip(firsts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            way = words[at + number]
            glyph = words[at + number + way // 2 + code - first] if way else code + deltas[number]
            if glyph % 0x10000:
                found.add(chr(code))
    return found


def texts(one: notices.Sentences) -> list[str]:
    return [one.title, one.kept.format(days=1234567890), one.silent, one.sound, one.ask]


def made(**changes: str) -> pypdf.PdfReader:
    words = {"operator": "Trung tâm A", "contact": "0213 000 000", "purpose": "an ninh",
             "purpose_en": "security", "title": "KS Mường Hoa"}  # fmt: skip
    told: Any = SimpleNamespace(**{**words, **changes}, name="x")
    practice: Any = SimpleNamespace(days=30, sound=False)
    values = notices.sign_values(told, told, practice, address="http://x.test/y", qr=["10", "01"])
    return pypdf.PdfReader(io.BytesIO(paper.pdf("notice", values)))


def fonts_of(page: pypdf.PageObject) -> set[str]:
    fonts = cast("Any", page["/Resources"])["/Font"]
    return {str(font.get_object()["/BaseFont"]).partition("+")[2] for font in fonts.values()}


def test_the_shipped_faces_are_those_of_their_table() -> None:
    """A face that was cut again, or by hand, is written down with its source."""
    present = {path.name for path in SHIPPED.iterdir() if path.suffix in (".otf", ".ttf")}

    assert set(TABLE) == present
    for name, digest in TABLE.items():
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest, name
        assert (SHIPPED / name).stat().st_size < 50_000


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_every_letter_of_every_text_is_in_its_face(weight: str) -> None:
    """A text that was changed without cutting its face again would print as empty boxes."""
    missing = {}
    for one in notices.languages():
        if one.face == "Tinos":
            continue
        (name,) = [name for name in TABLE if name.startswith(f"{FACES[one.face]}-{weight}")]
        wanted = {letter for letter in "".join(texts(one)) if not letter.isascii()}
        missing[one.code] = wanted - letters_of(name)

    assert set(missing) == {"zh", "ko", "ja", "km", "lo"}
    assert {code: letters for code, letters in missing.items() if letters} == {}


def test_the_sign_is_one_sheet_that_brings_its_letters_along() -> None:
    """Whoever prints it has no Khmer typeface; what is written can be read out of it again."""
    reader = made()
    (page,) = reader.pages
    embedded = fonts_of(page)
    text = "".join(page.extract_text().split())

    for face, name in FACES.items():
        assert any(font.startswith(name) for font in embedded), face
    for one in notices.languages():
        if one.code in ("km", "lo"):  # letters that join have no order that a PDF keeps
            continue
        for said in (one.title, one.ask, one.kept.format(days=30)):
            packed = "".join(
                (said.upper() if one.code == "vi" and said == one.title else said).split()
            )
            assert packed in text, said


def test_long_words_and_letters_that_no_face_has_leave_it_one_sheet() -> None:
    """What was typed becomes smaller; a letter of no face of ours is left to the Latin one."""
    long = "Chữ rất dài để thử biển báo ở cửa cơ sở cách ly, " * 9
    reader = made(
        operator=long[: notices.MAX_LINE], contact=long[: notices.MAX_LINE], title="KS 龘 ไทย",
        purpose=long[: notices.MAX_PURPOSE], purpose_en=long[::-1][: notices.MAX_PURPOSE],
    )  # fmt: skip

    assert len(reader.pages) == 1
    assert {font.partition("-")[0] for font in fonts_of(reader.pages[0])} == set(FACES.values())
