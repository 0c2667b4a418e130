"""The annexes in English: every phrase has its line, and nothing Vietnamese is left but data."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from test_annexes import House, words

from hub_stage import NOW_NS, SITE_ID, seed
from vonggac.config import AuditConfig, BusConfig, PowerConfig, SignInConfig, WebConfig
from vonggac.db import compliance, register, tables
from vonggac.domain import annexes
from vonggac.domain.annexes import english, law

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Database

FOLDER = Path(annexes.__file__).parent
MARKS = re.compile(r"[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.I)
DATA = re.compile(
    r"Vọng Gác|Việt Nam|KS Mường Hoa|Trung tâm Á|an ninh ở|214 Đường Bờ Sông, phường Tân Sơn|"
    r"\(bịa\)|\d+/\d{4}/(?:NĐ-CP|QH15)"
)
"""What stays as it is: names of the program, of the land, of what somebody wrote, of documents."""


def left(text: str) -> bool:
    """Whether something Vietnamese is left."""
    return MARKS.search(DATA.sub("", text)) is not None


def written() -> Iterator[str]:
    """Every phrase of the modules, with figures for its values."""
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr | ast.Expr)
            for part in ast.walk(node)
            if part is not node and isinstance(part, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(
                    part.value if isinstance(part, ast.Constant) else "7" for part in node.values
                )
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in inside
            ):
                yield node.value


def test_every_phrase_that_is_written_has_its_english() -> None:
    """A phrase that was added or changed in Vietnamese alone would stand so on the English page."""
    tongue = english.Tongue({})
    phrases = {
        f"{text.lstrip(' ;,')}7" if text.endswith(" ") else text.lstrip(" ;,")
        for text in written()
        if MARKS.search(text) and "<svg" not in text
    }
    phrases |= {one.says for one in law.measures()} | {one.group for one in law.measures()}
    phrases |= {one.says for one in law.levels()}

    assert len(phrases) > 250
    assert sorted(text for text in phrases if left(tongue(text))) == []


CONFIGURED = {
    "as it comes": {},
    "open": {"web": WebConfig(host="0.0.0.0", port=80, public_url="https://a.test"),
             "bus": BusConfig(host="192.0.2.1"),
             "sign_in": SignInConfig(idle_days=0, second_factor="outside")},
    "closed": {"web": WebConfig(host="0.0.0.0", port=443, tls="private-ca", redirect_port=80),
               "audit": AuditConfig(syslog="tcp://192.0.2.5:601"),
               "power": PowerConfig(ups="ups@localhost"),
               "sign_in": SignInConfig(second_factor="everyone")},
}  # fmt: skip


@pytest.fixture
def house(sqlite: Database, tmp_path: Path) -> House:
    made = House(sqlite, seed(sqlite, tmp_path))
    with sqlite.writing() as connection:
        connection.execute(
            compliance.notice.insert().values(
                site_id=SITE_ID, public_id="x", operator="Trung tâm Á", contact="0123",
                purpose="an ninh ở", updated_ns=NOW_NS, updated_by="admin",
            )
        )  # fmt: skip
        connection.execute(
            tables.camera.update().where(tables.camera.c.name == "cg-1").values(audio=True)
        )
        camera = connection.execute(sa.select(tables.camera.c.id)).scalars().first()
        connection.execute(
            register.camera_facts.insert().values(
                camera_id=camera,
                maker="Hãng", model="K-1", firmware="5.7.3", updated_ns=NOW_NS,
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("state", CONFIGURED)
def test_nothing_vietnamese_is_left_but_what_people_wrote(house: House, state: str) -> None:
    """Also in the drawing; and the first sentence says which text counts."""
    house.set(**CONFIGURED[state])
    facts = house.facts()
    for kind in annexes.KINDS:
        official = annexes.annex(kind, facts)
        paper = annexes.in_english(official, facts)
        drawn = [found for part in paper.parts for found in re.findall(r">([^<]+)<", part.diagram)]

        assert (paper.language, official.language) == ("en", "vi")
        assert paper.notes[0] == english.LABEL
        told = [paper.title, paper.about, *paper.notes, *paper.signs, *words(paper), *drawn]
        assert [text for text in told if left(text.replace("Hãng K-1", ""))] == []
        assert sum(map(len, words(official))) < 2 * sum(map(len, words(paper)))


def test_the_programs_of_the_cameras_are_listed_and_what_was_not_read_is_said(
    house: House,
) -> None:
    """By make and version with their numbers: never where they are."""
    (paper,) = [one for one in annexes.annex("level", house.facts()).parts if "Thành" in one.title]
    rows = [[cell.text for cell in row] for row in paper.tables[1].rows]

    assert rows == [["chưa đọc được", "chưa đọc được", "8"], ["Hãng K-1", "5.7.3", "1"]]
    assert "9 camera; xem bảng kiểm kê; 8 camera chưa đọc được phiên bản" in {
        cell.text for row in paper.tables[0].rows for cell in row
    }
