"""Papers: a draft is set again alike, and is issued only with number, day and the signed PDF."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from vonggac import paper
from vonggac.domain import audit, legal, letters, papers
from vonggac.domain.access import Held, Person
from vonggac.domain.duties import Act
from vonggac.domain.exports import Someone
from vonggac.domain.matters import Standing
from vonggac.errors import VonggacError
from vonggac.paper import kept

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_795_338_727_000_000_000
TODAY = legal.day_of(NOW_NS)
CLERK = Someone("a1", "van-thu", "Văn thư A")
READER = Person("a1", "van-thu", (Held("records_clerk", frozenset((Act.PAPER_SEE,))),))
SIGNED = b"%PDF-1.7 signed"


def drafted(connection: Connection, kind: str = "bao-cao", about: str = "report:r1") -> str:
    return papers.draft(
        connection, letters.sample(kind, TODAY), about=about, site_id=None, unit_id=None,
        directive_id=None, by=CLERK, now_ns=NOW_NS,
    )  # fmt: skip


def issued(connection: Connection, paper_id: str, number: str = "12") -> None:
    papers.issue(
        connection, paper_id, number=number, dated=TODAY, file_name="ky.pdf", content=SIGNED,
        by=CLERK, now_ns=NOW_NS,
    )  # fmt: skip


@pytest.mark.parametrize("kind", list(letters.kinds()))
def test_a_letter_comes_back_from_json_as_it_was(kind: str) -> None:
    """Every block, list and mark: what is set from it is the same."""
    made = letters.sample(kind, TODAY)
    assert kept.of_json(kept.to_json(made)) == made


def test_a_draft_is_set_again_byte_for_byte(database: Database) -> None:
    """Whoever prints it tomorrow holds what was agreed today."""
    with database.writing() as connection:
        paper_id = drafted(connection)
    with database.reading() as connection:
        again = papers.letter_of(connection, paper_id)
    assert again == letters.sample("bao-cao", TODAY)
    assert paper.official(again)[:5] == b"%PDF-"


def test_only_number_day_and_signed_paper_issue_it(database: Database) -> None:
    """Each of them is asked for; the number is whole, the hash is of the bytes that came."""
    with database.writing() as connection:
        paper_id = drafted(connection)
        with pytest.raises(VonggacError) as refused:
            papers.issue(
                connection, paper_id, number=" ", dated=None, file_name="a.docx", content=b"PK",
                by=CLERK, now_ns=NOW_NS,
            )  # fmt: skip
        assert refused.value.detail["fields"] == {
            "number": "required", "dated": "required", "file": "not_pdf",
        }  # fmt: skip
        issued(connection, paper_id)
        found = papers.find(connection, paper_id)
        assert (found.state, found.dated) == ("issued", TODAY)
        assert found.number.startswith("12/BC-")
        file = papers.file_of(connection, paper_id)
        assert file is not None
        assert file.sha256 == hashlib.sha256(SIGNED).hexdigest()
        assert papers.letter_of(connection, paper_id).number == "12"
        other = drafted(connection)
        with pytest.raises(VonggacError) as taken:
            issued(connection, other)
        assert taken.value.detail["fields"] == {"number": "number_taken"}


def test_what_is_issued_does_not_change_and_is_withdrawn_with_a_reason(database: Database) -> None:
    """No second number, no agreement afterwards; it stays readable after it is withdrawn."""
    with database.writing() as connection:
        paper_id = drafted(connection)
        papers.agree(connection, paper_id, "đồng ý", by=CLERK, now_ns=NOW_NS)
        issued(connection, paper_id)
        for change in (
            lambda: issued(connection, paper_id, "13"),
            lambda: papers.agree(connection, paper_id, "", by=CLERK, now_ns=NOW_NS),
        ):
            with pytest.raises(VonggacError, match="is issued"):
                change()
        with pytest.raises(VonggacError, match="required"):
            papers.withdraw(connection, paper_id, " ", by=CLERK, now_ns=NOW_NS)
        papers.withdraw(connection, paper_id, "sai số liệu", by=CLERK, now_ns=NOW_NS)
        assert papers.find(connection, paper_id).withdrawn_why == "sai số liệu"
        assert papers.file_content(connection, paper_id) == SIGNED
        acts = connection.execute(sa.text("SELECT act FROM audit ORDER BY id")).scalars().all()
    assert [act for act in acts if act.startswith("paper")] == [
        audit.Act.PAPER_DRAFTED, audit.Act.PAPER_AGREED, audit.Act.PAPER_ISSUED,
        audit.Act.PAPER_WITHDRAWN,
    ]  # fmt: skip


def test_recipients_come_from_the_letter_and_days_stand_in_order(database: Database) -> None:
    """Nothing arrives before it is sent, is sent before it is dated, or is answered tomorrow."""
    with database.writing() as connection:
        paper_id = drafted(connection)
        first = papers.recipients(connection, paper_id)[0]
        sent = replace(first, sent=TODAY, way="trục liên thông", delivered=TODAY)
        with pytest.raises(VonggacError, match="is draft"):
            papers.mark_recipient(
                connection, paper_id, first.id, sent, by=CLERK, now_ns=NOW_NS
            )  # fmt: skip
        issued(connection, paper_id)
        wrong = (
            (replace(sent, sent=TODAY - timedelta(days=1)), {"sent": "too_early"}),
            (replace(sent, sent=None), {"sent": "required"}),
            (replace(sent, answered=TODAY + timedelta(days=1)), {"answered": "in_future"}),
        )
        for marked, faults in wrong:
            with pytest.raises(VonggacError) as refused:
                papers.mark_recipient(
                    connection, paper_id, first.id, marked, by=CLERK, now_ns=NOW_NS
                )
            assert refused.value.detail["fields"] == faults
        papers.mark_recipient(connection, paper_id, first.id, sent, by=CLERK, now_ns=NOW_NS)
        assert papers.recipients(connection, paper_id)[0].delivered == TODAY


def test_drafts_wait_for_a_signature(database: Database) -> None:
    """Until they are issued; whoever may not see papers is told of none."""
    with database.writing() as connection:
        paper_id = drafted(connection)
        (matter,) = papers.matters(connection, [], READER, now_ns=NOW_NS)
        assert (matter.standing, matter.href) == (Standing.SIGN, f"/papers/{paper_id}")
        assert papers.matters(connection, [], Person("a2", "x"), now_ns=NOW_NS) == []
        issued(connection, paper_id)
        assert papers.matters(connection, [], READER, now_ns=NOW_NS) == []


def test_papers_are_found_by_number_without_marks(database: Database) -> None:
    """`12 bc` finds 12/BC-…; what it came from finds it too."""
    with database.writing() as connection:
        paper_id = drafted(connection, about="estimate:e1")
        issued(connection, paper_id)
        allowed = papers.visible(connection, READER, NOW_NS)
        assert [one.id for one in papers.listed(connection, allowed, wanted="12/bc")] == [paper_id]
        assert papers.listed(connection, allowed, state="draft") == []
        assert [one.id for one in papers.of(connection, "estimate:e1")] == [paper_id]
        midnight = legal.start_of(date(2026, 11, 22))
        assert papers.issued_on(connection, allowed, midnight - 1, midnight) == []


def test_an_incomplete_letter_and_a_secret_one_are_refused(database: Database) -> None:
    """A draft is whole, has no number yet, and bears no mark of a secret."""
    whole = letters.sample("bao-cao", TODAY)
    for made, about in (
        (replace(whole, body=()), "report:r1"),
        (replace(whole, number="4"), "report:r1"),
        (replace(whole, subject="TỐI MẬT"), "report:r1"),
        (whole, "nothing:r1"),
    ):
        with database.writing() as connection, pytest.raises(VonggacError):
            papers.draft(
                connection, made, about=about, site_id=None, unit_id=None, directive_id=None,
                by=CLERK, now_ns=NOW_NS,
            )  # fmt: skip
