"""The guide: each default says where it stands; papers and cards come from the rules in force."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pypdf
import pytest

from vonggac import paper
from vonggac.clock import NS
from vonggac.config import RetentionConfig
from vonggac.db import tables
from vonggac.domain import audit, costs, guide, guide_papers, guide_values, inspections, sharing
from vonggac.domain.duties import duties
from vonggac.domain.exports import Someone
from vonggac.domain.guide import OURS
from vonggac.edge import criteria
from vonggac.errors import VonggacError
from vonggac.paper.letter import faults

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.db import Database

NOW_NS = 1_794_987_127 * NS  # 18/11/2026
TODAY, THEN = date(2026, 11, 18), date(2021, 6, 1)
ADMIN = Someone("a1", "admin")
SITE = "b" * 26
SENDER = guide_papers.From("Sở A", "SA", "Nơi A", "Ủy ban nhân dân tỉnh A")


@pytest.fixture
def hub(database: Database) -> Database:
    """A hub with one facility."""
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(
                id=SITE, name="cs-1", title="Cơ sở 1", address="", unit_id="unassigned",
                owner_line="civil", retention_days=30, created_ns=NOW_NS,
            )
        )  # fmt: skip
    return database


def test_defaults_are_read_from_where_they_stand(hub: Database) -> None:
    """No number is written twice; today all are ours, in 2021 the placement was published."""
    with hub.reading() as connection:
        now = {one.default.code: one for one in guide.in_force(connection, TODAY)}
        then = {one.default.code: one for one in guide.in_force(connection, THEN)}
    assert now["retention_days"].value.vi == str(RetentionConfig().days)
    assert all(one.is_ours and one.source == guide.OURS for one in now.values())
    assert then["zones"].source.vi == "4403/CV-BCĐ, 30/5/2021"
    assert then["retention_days"].is_ours
    assert "lối" not in now["zones"].sentence.vi
    assert "{" not in "".join(one.sentence.vi + one.sentence.en for one in now.values())


def test_a_document_replaces_a_default_with_page_and_point(hub: Database) -> None:
    """Its number counts at once; what was tied before is ended and kept; the default comes back."""
    draft = guide.BasisDraft("12/HD-BCĐ, 01/11/2026", "4", "2b", "lưu 45 ngày", 45)
    with hub.writing() as connection:
        guide.tie(connection, "retention_days", draft, by=ADMIN, now_ns=NOW_NS)
    with hub.reading() as connection:
        found = guide.rule(connection, "retention_days", TODAY)
        assert (found.value.vi, found.is_ours) == ("45", False)
        assert found.source.vi == "12/HD-BCĐ, 01/11/2026, trang 4, điểm 2b"
        assert found.source.en == "12/HD-BCĐ, 01/11/2026, page 4, point 2b"
        assert guide.number(connection, "retention_days", TODAY) == 45
        said = guide_papers.instructions(guide.in_force(connection, TODAY), SENDER, TODAY)
        assert any("trang 4, điểm 2b" in getattr(one, "text", "") for one in said.body)
    with hub.writing() as connection:
        guide.untie(connection, "retention_days", by=ADMIN, now_ns=NOW_NS + 1)
        with pytest.raises(VonggacError):
            guide.untie(connection, "retention_days", by=ADMIN, now_ns=NOW_NS + 1)
    with hub.reading() as connection:
        assert guide.number(connection, "retention_days", TODAY) == 30
        rows = audit.rows(connection, audit.Filter(act=audit.Act.GUIDE_TIED))
        assert len(rows) == 2


@pytest.mark.parametrize(
    ("code", "draft", "field"),
    [
        ("zones", guide.BasisDraft("12/HD", value=3), "value"),
        ("retention_days", guide.BasisDraft("12/HD", value=0), "value"),
        ("audit_days", guide.BasisDraft("12/HD", value=90), "value"),
        ("zones", guide.BasisDraft("12/HD", codes=("WC",)), "codes"),
        ("min_fps", guide.BasisDraft("12/HD", codes=("h264",)), "codes"),
        ("min_fps", guide.BasisDraft("12/HD", from_day=date(2062, 1, 1)), "from_day"),
        ("retention_days", guide.BasisDraft(" "), "document"),
        ("retention_days", guide.BasisDraft("Tài liệu MẬT"), "document"),
    ],
)
def test_what_cannot_be_tied_is_refused(
    hub: Database, code: str, draft: guide.BasisDraft, field: str
) -> None:
    """A default that is more than a number only says where it stands; secrets stay out."""
    with hub.writing() as connection, pytest.raises(VonggacError) as refused:
        guide.tie(connection, code, draft, by=ADMIN, now_ns=NOW_NS)
    assert set(refused.value.detail["fields"]) == {field}


def tie(hub: Database, code: str, draft: guide.BasisDraft) -> None:
    with hub.writing() as connection:
        guide.tie(connection, code, draft, by=ADMIN, now_ns=NOW_NS)


def test_a_document_counts_from_its_day_and_the_one_before_until_then(hub: Database) -> None:
    """Tied ahead of its day it changes nothing yet, and ends nothing."""
    tie(hub, "share_hours", guide.BasisDraft("1/HD", value=24))
    tie(hub, "share_hours", guide.BasisDraft("2/HD", value=12, from_day=date(2026, 12, 1)))
    with hub.reading() as connection:
        now = guide.rule(connection, "share_hours", TODAY)
        then = guide.rule(connection, "share_hours", date(2026, 12, 1))
    assert (now.number, now.source.vi) == (24, "1/HD")
    assert now.coming is not None
    assert now.coming.words.vi == "2/HD"
    assert (then.number, then.source.vi, then.coming) == (12, "2/HD", None)
    tie(hub, "share_hours", guide.BasisDraft("3/HD", value=6))
    with hub.reading() as connection:
        assert guide.rule(connection, "share_hours", date(2026, 12, 2)).number == 6


def test_every_default_says_what_a_document_changes_or_why_it_cannot(hub: Database) -> None:
    """Only where cameras are forbidden does no document change anything."""
    fixed = [one.code for one in guide.defaults().values() if not one.changes]
    assert fixed == ["forbidden"]
    for one in guide.defaults().values():
        assert one.where.vi
        assert one.where.en
        if one.changes == "number":
            with hub.reading() as connection:
                number = guide.number(connection, one.code, TODAY)
            assert one.least <= number <= one.most, one.code


def test_places_of_a_document_are_the_required_ones(hub: Database) -> None:
    """Under its name; the others keep their code, so that cameras there stay in the register."""
    tie(hub, "zones", guide.BasisDraft("12/HD-BCĐ", "4", codes=("CG", "HL")))
    placements = guide_values.Placements(hub)
    found = placements.on(TODAY)
    assert {one.code for one in found.zones if one.required} == {"CG", "HL"}
    assert found.zone("SAN") is not None
    assert found.name.vi == "12/HD-BCĐ, trang 4"
    with hub.reading() as connection:
        said = guide.rule(connection, "zones", TODAY).sentence
        assert guide_values.placement(connection, TODAY) == found
    assert "cổng ra vào" in said.vi
    assert "sân" not in said.vi
    with hub.writing() as connection:
        guide.untie(connection, "zones", by=ADMIN, now_ns=NOW_NS)
    placements.forget()
    assert placements.on(TODAY).name == OURS


def test_norms_of_a_document_are_reckoned_with(hub: Database) -> None:
    """Per cents of people are hundredths of the program; other norms stay."""
    tie(hub, "doors_per_camera", guide.BasisDraft("12/HD", value=6))
    tie(hub, "contingency", guide.BasisDraft("12/HD", value=8))
    with hub.reading() as connection:
        found = guide_values.norms(connection, TODAY)
    assert (found.doors_per_camera, found.contingency_hundredths) == (6, 800)
    assert found.outlier_hundredths == costs.norms().outlier_hundredths


def test_criteria_of_a_document_go_with_each_question_to_a_box(hub: Database) -> None:
    """Nothing goes while nothing is changed; what is left out stays as the box has it."""
    tie(hub, "min_fps", guide.BasisDraft("12/HD", "3"))
    with hub.reading() as connection:
        assert guide_values.bounds(connection, TODAY) is None
        assert "12/HD, trang 3; còn lại" in guide_values.criteria(connection, TODAY).vi
    tie(hub, "min_height", guide.BasisDraft("13/HD", value=720))
    tie(hub, "codecs", guide.BasisDraft("13/HD", codes=("h264",)))
    with hub.reading() as connection:
        found = guide_values.bounds(connection, TODAY)
    assert found is not None
    assert (found.min_height, found.codecs, found.min_fps) == (720, ("h264",), None)
    assert found.name == "13/HD; 12/HD, trang 3; còn lại là mặc định của phần mềm"
    assert found.since == "2026-11-18"


def test_the_criteria_of_a_document_go_to_a_laptop_as_a_file(hub: Database, tmp_path: Path) -> None:
    """`vonggac survey --criteria` judges there as a box does that the hub asks."""
    file = tmp_path / "tieu-chi.toml"
    with hub.reading() as connection:
        file.write_text(guide_values.criteria_file(connection, TODAY), encoding="utf-8")
    assert criteria.load(file) == criteria.load()
    tie(hub, "min_height", guide.BasisDraft('13/HD "bảng 1"', value=720))
    tie(hub, "codecs", guide.BasisDraft("13/HD", codes=("h264",)))
    tie(hub, "clock_error", guide.BasisDraft("13/HD", value=5))
    with hub.reading() as connection:
        file.write_text(guide_values.criteria_file(connection, TODAY), encoding="utf-8")
        found = guide_values.bounds(connection, TODAY)
    assert criteria.load(file) == criteria.replaced(criteria.load(), found)
    assert criteria.load(file).required.codecs == ("h264",)


def test_what_counts_with_a_default_counts_with_the_document(hub: Database) -> None:
    """Days of inspections, hours of a share, days of an export and of the access log."""
    tie(hub, "inspection_days", guide.BasisDraft("12/HD", value=7))
    tie(hub, "share_hours", guide.BasisDraft("12/HD", value=24))
    with hub.writing() as connection:
        (due,) = inspections.dues(connection, [SITE], TODAY)
        assert due.due == TODAY + timedelta(days=7)
        connection.execute(
            tables.camera.insert().values(
                id="cam", site_id=SITE, name="cg", title="", zone="CG",
                main_url="rtsp://192.0.2.9/1", origin="page", revision=1, created_ns=1,
                updated_ns=1,
            )
        )  # fmt: skip
        wanted = sharing.Draft(SITE, ["cam"], "unassigned", NOW_NS + 25 * 3600 * NS, "lý do")
        with pytest.raises(VonggacError, match="at most 24 hours"):
            sharing.share(connection, "admin", wanted, now_ns=NOW_NS)


def test_a_facility_confirms_asks_and_is_answered(hub: Database) -> None:
    """Receipt once, answer once; both stay with who and when."""
    with hub.writing() as connection:
        sent = guide.send(connection, SITE, "site_duty", b"%PDF", by=ADMIN, now_ns=NOW_NS)
        guide.receive(connection, sent, by=Someone("a2", "truc"), now_ns=NOW_NS + 1)
        asked = guide.ask(connection, SITE, "Cổng phụ có cần camera?", by=ADMIN, now_ns=NOW_NS)
        guide.answer(connection, asked, "Có.", by=ADMIN, now_ns=NOW_NS + 2)
        with pytest.raises(VonggacError):
            guide.receive(connection, sent, by=ADMIN, now_ns=NOW_NS + 3)
        with pytest.raises(VonggacError):
            guide.answer(connection, asked, "Không.", by=ADMIN, now_ns=NOW_NS + 3)
    with hub.reading() as connection:
        (one,) = guide.sent(connection, [SITE])
        assert (one.received_by, one.received_ns) == ("truc", NOW_NS + 1)
        assert guide.questions(connection, [SITE])[0].answer == "Có."
        assert guide.sent_content(connection, sent) == b"%PDF"


def test_papers_from_the_rules_are_complete(hub: Database) -> None:
    """The guide, the regulation with an article a role, and its decision lack nothing."""
    with hub.reading() as connection:
        rules = guide.in_force(connection, TODAY)
    regulation = guide_papers.regulation(rules, SENDER, TODAY)
    for letter in (
        guide_papers.instructions(rules, SENDER, TODAY), regulation,
        guide_papers.decision(SENDER, TODAY),
    ):  # fmt: skip
        assert faults(letter) == ()
    leads = [getattr(one, "lead", "") for one in regulation.body]
    for duty in duties(TODAY).values():
        assert any(lead.endswith(f". {duty.name.vi}") for lead in leads), duty.code


@pytest.mark.parametrize("role", ["surveyor", "site_duty", "partner"])
def test_a_card_is_one_page(sqlite: Database, role: str) -> None:
    """The longest, a usual and the shortest one, in both languages."""
    with sqlite.reading() as connection:
        rules = guide.in_force(connection, TODAY)
    for language in ("vi", "en"):
        values = guide_papers.card(rules, role, TODAY, language)  # type: ignore[arg-type]
        made = pypdf.PdfReader(io.BytesIO(paper.pdf("card", values)))
        assert len(made.pages) == 1
        assert values["role"] in made.pages[0].extract_text()
