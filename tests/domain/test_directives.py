"""Directives: numbers match through damage, deadlines end on their last day, duties come back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac.db import directives as rows
from vonggac.domain import audit, directives, units
from vonggac.domain.access import Held, Person
from vonggac.domain.directives import CitationDraft, ClauseDraft, Draft, last_day, number_key
from vonggac.domain.duties import Act
from vonggac.domain.exports import Someone
from vonggac.errors import VonggacError
from vonggac.paper import layout
from vonggac.paper.letter import faults

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_763_444_727_000_000_000
CLERK = Someone("a1", "van-thu", "Văn thư A")
EVERYTHING = Held("records_clerk", frozenset((Act.DIRECTIVE_SEE,)))
DRAFT = Draft(
    "12/UBND-VX", date(2026, 11, 2), "Ủy ban nhân dân tỉnh A", "giám sát bằng camera", "KHẨN",
    (CitationDraft("4403/CV-BCĐ", date(2021, 5, 30), due_said="trước 12/6"),),
)  # fmt: skip
CLAUSE = ClauseDraft(
    "1", "Khảo sát mọi cơ sở.", ("Sở Khoa học và Công nghệ",), ("Sở Y tế",), "Báo cáo kết quả",
    "trước ngày 30 tháng 11",
)  # fmt: skip


def seen(connection: Connection) -> sa.ColumnElement[bool]:
    return directives.visible(connection, Person("a1", "van-thu", (EVERYTHING,)), NOW_NS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("597/CĐ-BCĐ", "597/CV-BCĐ", True),
        ("597/CĐ-BCĐ", "597/CD-BCD", True),
        ("4403/CV-BCĐ", "4403/CV-BCP", True),
        ("1664/UBND-VX", "1664 / UBND-VX", True),
        ("08/BC-SYT", "8/BC-SYT", True),
        ("597/CĐ-BCĐ", "598/CĐ-BCĐ", False),
        ("597/CĐ-BCĐ", "597/BC-BCĐ", False),
        ("1445/UBND-KGVX", "1445/UBND-VX", False),
    ],
)
def test_numbers_match_as_letters_and_scanners_mix_them_up(
    one: str, other: str, same: bool
) -> None:
    """CĐ, CV and CD are one, and so are Đ, D and P; nothing else is."""
    assert (number_key(one) == number_key(other)) is same


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("trước 12/6", date(2021, 6, 11)),
        ("trước ngày 12 tháng 6 năm 2022", date(2022, 6, 11)),
        ("trước hết ngày 30/6", date(2021, 6, 30)),
        ("đến hết ngày 30/11/2026", date(2026, 11, 30)),
        ("chậm nhất ngày 05/8", date(2021, 8, 5)),
        ("theo quy định", None),
        ("trước 31/02", None),
        ("", None),
    ],
)
def test_a_deadline_ends_on_its_last_day(said: str, day: date | None) -> None:
    """Before the 12th is the 11th; what names no day has none."""
    assert last_day(said, 2021) == day


def test_without_a_year_nothing_is_guessed() -> None:
    """A directive whose day cannot be read has no year to lend."""
    assert last_day("trước 12/6", None) is None


def test_the_two_letters_are_the_first_two(database: Database) -> None:
    """Bodies, deadlines and citations as the letters have them; the unread day stays unread."""
    with database.writing() as connection:
        assert directives.load(connection, now_ns=NOW_NS) == 2
        assert directives.load(connection, now_ns=NOW_NS) == 0
    with database.reading() as connection:
        found = {one.number: one for one in directives.listed(connection, seen(connection))}
        assert found["1445/UBND-KGVX"].dated == date(2021, 5, 13)
        lai_chau = found["1664/UBND-VX"]
        assert lai_chau.dated is None
        cited, earlier = directives.citations(connection, lai_chau.id)
        assert (cited.said, cited.number) == ("4403/CV-BCP", "4403/CV-BCĐ")
        assert cited.due == date(2021, 6, 11)
        assert earlier.dated == date(2021, 5, 7)
        first = directives.clauses(connection, lai_chau.id)[0]
        assert [one.body for one in first.part("lead")] == [
            "Bộ Chỉ huy Quân sự tỉnh", "UBND các huyện, thành phố",
        ]  # fmt: skip
        dues = {
            (one.clause.number, one.due)
            for one in directives.owed(connection, seen(connection))
            if one.directive.id == lai_chau.id
        }
        assert dues == {
            ("1", date(2021, 6, 11)), ("5", date(2021, 6, 11)), ("2", None), ("3", None),
            ("4", None),
        }  # fmt: skip


def test_what_was_registered_is_found_without_marks(database: Database) -> None:
    """`uy ban` finds Ủy ban; đ and d are one; a citation finds the directive that it means."""
    with database.writing() as connection:
        directives.load(connection, now_ns=NOW_NS)
        directive_id = directives.register(
            connection, DRAFT, unit_id=None, by=CLERK, now_ns=NOW_NS + 1
        )
        answer = replace(DRAFT, number="13/BC-SYT", cites=(CitationDraft("12/UBND-VX"),))
        directives.register(connection, answer, unit_id=None, by=CLERK, now_ns=NOW_NS + 2)
    with database.reading() as connection:
        allowed = seen(connection)
        for wanted, count in (("uy ban ha noi", 1), ("1664 lap dat", 1), ("%", 0)):
            assert len(directives.listed(connection, allowed, wanted=wanted)) == count, wanted
        newest = directives.listed(connection, allowed)[0]
        (cited,) = directives.citations(connection, newest.id)
        found = directives.matching(connection, allowed, cited)
        assert found is not None
        assert found.id == directive_id
        acts = connection.execute(sa.text("SELECT act FROM audit")).scalars().all()
        assert acts.count(audit.Act.DIRECTIVE_REGISTERED.value) == 2


def test_a_duty_comes_back_is_sent_back_and_is_consolidated(database: Database) -> None:
    """Each step in its turn, with its note; what is consolidated is over."""
    with database.writing() as connection:
        directive_id = directives.register(connection, DRAFT, unit_id=None, by=CLERK, now_ns=NOW_NS)
        directives.assign(connection, directive_id, CLAUSE, by=CLERK, now_ns=NOW_NS)
        (clause,) = directives.clauses(connection, directive_id)
        assert clause.due == date(2026, 11, 29)
        duty = clause.part("lead")[0]
        for state, note in (
            ("received", "09/BC-SKHCN"), ("returned", "thiếu số liệu"), ("received", ""),
            ("consolidated", ""),
        ):  # fmt: skip
            assert (
                directives.step(connection, duty.id, state, note, by=CLERK, now_ns=NOW_NS).state
                == state
            )
        with pytest.raises(VonggacError, match="cannot become"):
            directives.step(connection, duty.id, "due", "", by=CLERK, now_ns=NOW_NS)
        kept = connection.execute(sa.select(rows.directive_step.c.note)).scalars().all()
        assert sorted(kept) == ["", "", "09/BC-SKHCN", "thiếu số liệu"]
    with database.reading() as connection:
        lead, other = directives.owed(connection, seen(connection))
        assert (lead.duty.state, other.duty.state) == ("consolidated", "due")
        assert lead.left(date(2026, 11, 29)) == 0
        assert lead.left(date(2026, 12, 1)) == -2


def test_a_unit_sees_what_stands_above_and_below_it_and_nothing_beside(
    database: Database,
) -> None:
    """A commune reads its province's directive, the province the commune's, no other province."""
    with database.writing() as connection:
        ids = {}
        for name, above in (("A", None), ("A1", "A"), ("B", None)):
            ids[name] = units.add_unit(
                connection, parent_id=ids.get(above or ""), kind="province" if not above else
                "commune", code=name, vi=f"Đơn vị {name}", en="", valid_from=date(2020, 1, 1),
                source="",
            )  # fmt: skip
            draft = replace(DRAFT, number=f"{len(ids)}/{name}")
            directives.register(connection, draft, unit_id=ids[name], by=CLERK, now_ns=NOW_NS)
    with database.reading() as connection:
        told = {}
        for name, unit_id in ids.items():
            held = replace(EVERYTHING, unit=unit_id)
            allowed = directives.visible(connection, Person("x", "x", (held,)), NOW_NS)
            told[name] = {one.number[2:] for one in directives.listed(connection, allowed)}
    assert told == {"A": {"A", "A1"}, "A1": {"A", "A1"}, "B": {"B"}}


@pytest.mark.parametrize(
    ("content", "media_type", "fault"),
    [
        (b"%PDF-1.7", "application/pdf", ""),
        (b"\x89PNG\r\n\x1a\n", "image/png", ""),
        (b"", "", "no_file"),
        (b"MZ\x90", "", "not_a_document"),
        (b"PK\x03\x04 word/document.xml vbaProject.bin", "", "not_a_document"),
        (b"PK\x03\x04 nothing", "", "not_a_document"),
    ],
)
def test_files_are_what_their_bytes_are(content: bytes, media_type: str, fault: str) -> None:
    """Names lie; programs are never taken."""
    assert directives.sniffed(content) == (media_type, fault)


def test_what_bears_the_mark_of_a_secret_is_refused(database: Database) -> None:
    """In the subject, in a clause, in the name of a file."""
    with database.writing() as connection:
        with pytest.raises(VonggacError, match="secret"):
            directives.register(
                connection, replace(DRAFT, subject="TỐI MẬT: việc"), unit_id=None, by=CLERK,
                now_ns=NOW_NS,
            )  # fmt: skip
        directive_id = directives.register(connection, DRAFT, unit_id=None, by=CLERK, now_ns=NOW_NS)
        with pytest.raises(VonggacError, match="secret"):
            directives.attach(
                connection, directive_id, kind="scan", file_name="TỐI MẬT.pdf",
                content=b"%PDF-1.7", by=CLERK, now_ns=NOW_NS,
            )  # fmt: skip
        made = directives.attach(
            connection, directive_id, kind="scan", file_name="a.pdf", content=b"%PDF-1.7",
            by=CLERK, now_ns=NOW_NS,
        )  # fmt: skip
        assert directives.content(connection, directive_id, made.id) == b"%PDF-1.7"


def test_frames_of_both_letters_are_made_again() -> None:
    """TM. UBND with KT. CHỦ TỊCH; KT. CHỦ TỊCH with PHÓ CHỦ TỊCH; the unread day stays blank."""
    hanoi, lai_chau = directives.frame("1445-2021"), directives.frame("1664-2021")
    assert faults(hanoi) == faults(lai_chau) == ()
    assert hanoi.signatures[0].lines[:2] == ("TM. ỦY BAN NHÂN DÂN", "KT. CHỦ TỊCH")
    assert lai_chau.signatures[0].lines == ("KT. CHỦ TỊCH", "PHÓ CHỦ TỊCH")
    assert layout.number_line(hanoi) == "Số: 1445/UBND-KGVX"
    assert layout.place_line(hanoi) == "Hà Nội, ngày 13 tháng 5 năm 2021"
    assert layout.place_line(lai_chau).split() == ["Lai", "Châu,", "ngày", "tháng", "năm", "2021"]
    assert layout.recipient_lines(hanoi)[0] == "- Như trên;"


@pytest.mark.parametrize(
    ("code", "name"),
    [("1445-2021", "1445-UBND-KGVX-ha-noi"), ("1664-2021", "1664-UBND-VX-lai-chau")],
)
def test_frames_say_what_the_letters_say(code: str, name: str) -> None:
    """The parts of the frame stand in the letter itself, as far as its scan can be read."""
    path = Path(__file__).parents[3] / "shared" / "letters" / f"{name}.txt"
    if not path.exists():
        pytest.skip("the letters are not beside this tree")
    said = "".join(path.read_text("utf-8").split())
    made = directives.frame(code)
    assert made.number in said
    if code == "1445-2021":
        for line in (*made.signatures[0].lines[:2], *made.addressees, "Như trên", "597/CV-BCĐ"):
            assert "".join(line.split()) in said, line
