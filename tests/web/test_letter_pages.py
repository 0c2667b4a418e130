"""Page of letters: samples of every kind, and a template that an administrator changes."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import docx
import pytest
import pytest_asyncio
from docx.shared import Mm, Pt

from hub_stage import browser, sign_in, stage
from vonggac.domain import letters
from vonggac.paper import word

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import httpx
    from docx.document import Document


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's browser."""
    async with stage(tmp_path, cameras=False) as hub, browser(hub) as found:
        await sign_in(found)
        yield found


def changed(change: Callable[[Document], object]) -> bytes:
    """The shipped template as an administrator changed it."""
    paper = docx.Document(io.BytesIO(word.template()))
    change(paper)
    stream = io.BytesIO()
    paper.save(stream)
    return stream.getvalue()


def test_the_shipped_template_can_be_taken() -> None:
    """What is given out to be changed is accepted unchanged."""
    assert word.template_faults(word.template()) == ()


@pytest.mark.parametrize(
    ("change", "code", "name"),
    [
        (lambda paper: paper.paragraphs[0].clear(), "no_marker", ""),
        (lambda paper: setattr(paper.sections[0], "left_margin", Mm(20)), "margin", "left"),
        (lambda paper: setattr(paper.sections[0], "page_width", Mm(216)), "paper", ""),
        (
            lambda paper: setattr(paper.styles["VG Nội dung"].font, "size", Pt(12)),
            "size", "VG Nội dung",
        ),
        (
            lambda paper: setattr(paper.styles["VG Tiêu ngữ"].font, "name", "Arial"),
            "font", "VG Tiêu ngữ",
        ),
        (lambda paper: paper.styles["VG Kính gửi"].delete(), "no_style", "VG Kính gửi"),
    ],
)  # fmt: skip
def test_a_bad_template_is_refused_with_its_reason(
    change: Callable[[Document], object], code: str, name: str
) -> None:
    """What the decree does not allow, or what a letter could not be set in."""
    found = word.template_faults(changed(change))
    assert [(one.code, one.name) for one in found] == [(code, name)]


def test_what_is_no_document_or_more_than_one_is_refused() -> None:
    """Bytes, an archive, macros, links that would be fetched on every desk."""
    assert [one.code for one in word.template_faults(b"x")] == ["no_docx"]
    for file, content, code in (
        ("a.txt", b"x", "no_docx"),
        ("word/vbaProject.bin", b"x", "macros"),
        ("word/_rels/a.xml.rels", b'<a TargetMode="External"/>', "outside"),
    ):
        stream = io.BytesIO(word.template() if code != "no_docx" else b"")
        with zipfile.ZipFile(stream, "a" if code != "no_docx" else "w") as package:
            package.writestr(file, content)
        assert [one.code for one in word.template_faults(stream.getvalue())] == [code]


def rebuilt(part: str, change: Callable[[bytes], bytes]) -> bytes:
    """The shipped template with one of its parts changed."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word.template())) as package,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for name in package.namelist():
            content = package.read(name)
            other.writestr(name, change(content) if name == part else content)
    return made.getvalue()


def damaged() -> bytes:
    """The shipped template whose list of parts cannot be unpacked."""
    content = bytearray(word.template())
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as package:
        found = package.getinfo("_rels/.rels")
    start = found.header_offset + 30 + len(found.filename) + 4
    content[start : start + 16] = b"\xff" * 16
    return bytes(content)


DOCUMENT, STYLES = "word/document.xml", "word/styles.xml"
ENTITY = b'?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "content",
    [
        rebuilt(DOCUMENT, lambda xml: re.sub(rb"<w:sectPr.*?</w:sectPr>", b"", xml, flags=re.S)),
        rebuilt(DOCUMENT, lambda xml: re.sub(rb'w:w="\d+"', b'w:w="abc"', xml)),
        rebuilt(STYLES, lambda xml: re.sub(rb'<w:sz w:val="\d+"', b'<w:sz w:val="x"', xml)),
        rebuilt(STYLES, lambda xml: xml.replace(b'"paragraph"', b'"numbering"')),
        rebuilt(DOCUMENT, lambda xml: xml.replace(b"?>", ENTITY, 1)),
        damaged(),
    ],
    ids=("no section", "no width", "no size", "no font", "entity", "damaged"),
)
def test_a_template_that_is_broken_inside_is_refused(content: bytes) -> None:
    """The library reads parts when they are asked for, and raises what each provokes."""
    assert [one.code for one in word.template_faults(content)] == ["no_docx"]


async def test_samples_are_given_out_in_the_template_in_use(client: httpx.AsyncClient) -> None:
    """An administrator's words stand in every letter; afterwards the shipped one is back."""
    page = (await client.get("/letters")).text
    for code in letters.kinds():
        assert f"/letters/{code}/sample.docx" in page
    shipped = (await client.get("/letters/template.docx")).content
    assert word.template_faults(shipped) == ()
    form = {"form_token": page.partition('name="form_token" value="')[2].partition('"')[0]}
    bad = await client.post(
        "/letters/template", data=form,
        files={"file": ("a.docx", changed(lambda paper: paper.paragraphs[0].clear()))},
    )  # fmt: skip
    assert bad.status_code == 422
    assert "đúng một đoạn" in bad.text
    own = changed(lambda paper: paper.add_paragraph("Lời của cơ quan"))
    sent = await client.post("/letters/template", data=form, files={"file": ("mau.docx", own)})
    assert sent.status_code == 303
    assert (await client.get("/api/v1/letters")).json()["template"]["file"] == "mau.docx"
    made = docx.Document(io.BytesIO((await client.get("/letters/bao-cao/sample.docx")).content))
    assert "Lời của cơ quan" in [one.text for one in made.paragraphs]
    assert (await client.get("/letters/bao-cao/sample.pdf")).content.startswith(b"%PDF-")
    assert (await client.get("/letters/nothing/sample.pdf")).status_code == 404
    await client.post("/letters/template", data={**form, "do": "shipped"})
    assert (await client.get("/api/v1/letters")).json()["template"] is None
