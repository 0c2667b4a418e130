"""Inspections: days, frozen facts, minutes that come once, findings, reminders, proposals.

Both engines.  The facility is that of the stage, with two cameras and an empty ledger.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from hub_stage import DAY, HOUR, NOW, NOW_NS, SITE_ID, seed
from vonggac import paper
from vonggac.db import inspection as db
from vonggac.db import register as db_register
from vonggac.db import tables
from vonggac.db.directives import directive
from vonggac.domain import (
    audit,
    continuity,
    continuity_sums,
    directives,
    findings,
    guide,
    inspection_facts,
    inspection_papers,
    inspections,
    ledger,
    legal,
    papers,
    registry,
    reminders,
    rules,
    sanction_lists,
    sanctions,
    statistics,
    tasks,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import NOBODY, Held, Person
from vonggac.domain.duties import duties
from vonggac.domain.exports import Someone
from vonggac.domain.findings import Proof
from vonggac.domain.inspection_input import Answer, Member, Minutes, RoundDraft
from vonggac.domain.sanctions import Decision
from vonggac.errors import Kind, VonggacError
from vonggac.paper.letter import faults

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.db import Connection, Database

TODAY = NOW.date()
PLACEMENT = rules.placement(TODAY)
INSPECTOR = Someone("i", "kiemtra", "Cán bộ kiểm tra")
FACILITY = Someone("f", "coso", "Cán bộ cơ sở")
LEADER = Someone("l", "lanhdao", "Lãnh đạo")
TEAM = (Member("Trưởng đoàn", "Sở Y tế"), Member("Thành viên", "Sở KH&CN"))
AGREED = Minutes(present=(Member("Người phụ trách", "đại diện cơ sở"),), opinion="Nhất trí.")


def furnished(database: Database, tmp_path: Path) -> Database:
    """The facility with two cameras, and nothing recorded."""
    seed(database, tmp_path, cameras=False)
    with database.writing() as connection:
        for zone in ("CG", "HL"):
            connection.execute(
                tables.camera.insert().values(
                    id=zone, site_id=SITE_ID, name=zone.lower(), title="", zone=zone,
                    main_url="rtsp://192.0.2.9/1", origin="page", revision=1, created_ns=1,
                    updated_ns=1,
                )
            )  # fmt: skip
    return database


@pytest.fixture
def site(sqlite: Database, tmp_path: Path) -> Database:
    return furnished(sqlite, tmp_path)


@pytest.fixture
def both(database: Database, tmp_path: Path) -> Database:
    """The same on both engines: for what asks the database in a way of its own."""
    return furnished(database, tmp_path)


def planned(connection: Connection, **changed: Any) -> str:
    """The id of an inspection of the facility, planned for today."""
    draft = RoundDraft(
        "Kiểm tra định kỳ", "Sở Y tế", TEAM, (SITE_ID,), TODAY, decision="12/QĐ-SYT", decided=TODAY
    )
    made = inspections.plan(connection, replace(draft, **changed), by=INSPECTOR, now_ns=NOW_NS)
    return inspections.of_round(connection, made)[0].id


def judged(**changed: Answer) -> list[Answer]:
    """Every item, all well but those that are named."""
    found = {code: Answer(code, "pass") for code in book.items()}
    return list({**found, **{one.item: one for one in changed.values()}}.values())


BAD = Answer(
    "A.1", "fail", "hai camera không ghi", "thay nguồn camera tầng 3", "KS Mường Hoa",
    TODAY + timedelta(days=2),
)  # fmt: skip


def held_daye(connection: Connection, minutes: Minutes = AGREED, **changed: Answer) -> str:
    """An inspection from plan to minutes; its id."""
    it = planned(connection)
    inspections.start(connection, it, PLACEMENT, by=INSPECTOR, now_ns=NOW_NS)
    made, fresh = inspections.close(
        connection, it, minutes, answers=judged(**changed), by=INSPECTOR, now_ns=NOW_NS
    )
    assert fresh
    findings.open_all(connection, made, directive_id=None, by=INSPECTOR, now_ns=NOW_NS)
    return it


def code_of(error: pytest.ExceptionInfo[VonggacError]) -> Any:
    detail = error.value.detail
    return detail.get("code") or detail.get("fields")


# -- the rule of days ------------------------------------------------------------------------


def test_the_rule_of_fifteen_days_names_its_basis_in_2021_only(site: Database) -> None:
    """597/CĐ-BCĐ ordered it then; nobody has ordered it since."""
    with site.reading() as connection:
        then = guide.rule(connection, inspections.INTERVAL, date(2021, 6, 1))
        now = guide.rule(connection, inspections.INTERVAL, TODAY)

    assert (then.number, now.number) == (15, 15)
    assert "597/CĐ-BCĐ" in then.source.vi
    assert now.is_ours


def test_a_facility_is_overdue_the_day_after_its_last(both: Database) -> None:
    """The fifteenth day still counts; minutes of a facility begin the days anew."""
    with both.writing() as connection:
        held_daye(connection)
        last = TODAY + timedelta(days=15)

        assert inspections.last(connection, [SITE_ID]) == {SITE_ID: TODAY}
        assert inspections.overdue(connection, [SITE_ID], last) == []
        (late,) = inspections.overdue(connection, [SITE_ID], last + timedelta(days=1))
        assert (late.due, late.late(last + timedelta(days=1))) == (last, 1)


def test_a_facility_that_takes_nobody_in_is_not_due(site: Database) -> None:
    """Facilities open and close; a closed one owes no inspection."""
    with site.writing() as connection:
        assert len(inspections.dues(connection, [SITE_ID], TODAY)) == 1
        connection.execute(
            db_register.facility.insert().values(
                site_id=SITE_ID, status="paused", revision=1, updated_ns=NOW_NS
            )
        )

        assert inspections.dues(connection, [SITE_ID], TODAY) == []


def test_a_remote_inspection_counts_only_when_a_leader_says_so(both: Database) -> None:
    """By name and with a reason; what was done before the word stays uncounted."""
    with both.writing() as connection:
        one = planned(connection, way="remote")
        inspections.start(connection, one, PLACEMENT, by=INSPECTOR, now_ns=NOW_NS)
        inspections.close(connection, one, AGREED, answers=judged(), by=INSPECTOR, now_ns=NOW_NS)
        assert inspections.last(connection, [SITE_ID]) == {}

        inspections.set_switch(
            connection, None, remote=True, reason="đường ngập", by=LEADER, now_ns=NOW_NS
        )
        two = planned(connection, way="remote")
        inspections.start(connection, two, PLACEMENT, by=INSPECTOR, now_ns=NOW_NS)
        inspections.close(connection, two, AGREED, answers=judged(), by=INSPECTOR, now_ns=NOW_NS)

        assert inspections.last(connection, [SITE_ID]) == {SITE_ID: TODAY}
        switch = inspections.switch_of(connection, ())
        assert switch is not None
        assert (switch.made_name, switch.reason) == ("Lãnh đạo", "đường ngập")


# -- facts and minutes -----------------------------------------------------------------------


def test_facts_are_frozen_as_of_the_beginning(sqlite: Database, tmp_path: Path) -> None:
    """What the register says later changes nothing of what was found."""
    seed(sqlite, tmp_path)
    with sqlite.writing() as connection:
        it = inspections.start(
            connection, planned(connection), PLACEMENT, by=INSPECTOR, now_ns=NOW_NS
        )
        before = dict(it.facts)
        connection.execute(tables.camera.update().values(retired_ns=NOW_NS))

        again = inspections.find(connection, it.id)
        assert again.facts == before
        assert again.facts_ns == NOW_NS
        said = inspection_facts.say(again.facts["A.1"], "vi")
        assert "/9 camera đang ghi." in said
        assert inspection_facts.say(again.facts["B.4"], "vi") == "Chưa có dữ liệu."
        english = inspection_facts.say(again.facts["A.4"], "en")
        assert "of the reconciled time was recorded since" in english


def test_there_is_one_figure_of_continuity(database: Database, tmp_path: Path) -> None:
    """Reports, inspections, lists and what pages draw come to the same of the same span."""
    seed(database, tmp_path)
    window = (NOW_NS - 5 * DAY, NOW_NS)
    with database.reading() as connection:
        cameras = registry.cameras(connection, SITE_ID)
        spans = ledger.spans_between(connection, SITE_ID, *window)
        gaps = ledger.gaps_between(connection, SITE_ID, *window)
        states = ledger.states(connection, SITE_ID)
        drawn = continuity.figures(
            piece
            for camera in cameras
            for piece in continuity.pieces(
                spans.get((camera.name, "main"), []), gaps.get((camera.name, "main"), []),
                window=window, service=[window], state=states.get((camera.name, "main")),
                now_ns=NOW_NS,
            )
        )  # fmt: skip
        summed = continuity_sums.of_sites(connection, [SITE_ID], window)[SITE_ID]
        (row,) = statistics.statistics(
            connection, [SITE_ID], statistics.Span(TODAY - timedelta(days=5), TODAY), now_ns=NOW_NS
        ).rows
        since = legal.start_of(TODAY - timedelta(days=5))
        said = inspection_facts.continuity_since(connection, SITE_ID, since, NOW_NS)
    assert (summed.recorded_ns, summed.missing_ns) == (drawn.recorded_ns, drawn.missing_ns)
    assert dict(summed.by_cause) == dict(drawn.by_cause)
    assert summed.hundredths == drawn.hundredths
    assert (said.recorded_ns, said.missing_ns) == (row.recorded_ns, row.missing_ns)
    assert said.linked_ns == row.linked_ns
    assert said.missing_ns > 0


def test_a_letter_names_the_order_that_it_carries_out(site: Database) -> None:
    """A finding's reminder cites the directive of the decision; one of the facility its last."""
    with site.writing() as connection:
        directives.load(connection, now_ns=NOW_NS)
        order = connection.execute(sa.select(directive.c.id)).scalars().first()
        it = planned(connection, directive_id=order)
        inspections.start(connection, it, PLACEMENT, by=INSPECTOR, now_ns=NOW_NS)
        made, _ = inspections.close(
            connection, it, AGREED, answers=judged(bad=BAD), by=INSPECTOR, now_ns=NOW_NS
        )
        findings.open_all(connection, made, directive_id=order, by=INSPECTOR, now_ns=NOW_NS)
        (one,) = findings.of_inspection(connection, it)
        for about in (f"finding:{one.id}", f"site:{SITE_ID}"):
            sent = reminders.draft(
                connection,
                reminders.Draft(SITE_ID, about, "facility", "thay nguồn", None, "Sở Y tế"),
                by=INSPECTOR, now_ns=NOW_NS,
            )  # fmt: skip
            paper_id = reminders.find(connection, sent).paper_id
            assert papers.find(connection, str(paper_id)).directive_id == order


def test_time_with_pictures_open_is_a_union() -> None:
    """Two who look at once are not twice the time; the longest time without is between them."""
    share, longest = inspection_facts.watched(
        [(5 * HOUR, 7 * HOUR), (0, 2 * HOUR), (1 * HOUR, 3 * HOUR)], 0, 10 * HOUR
    )

    assert (share, longest) == (5_000, 3 * HOUR)
    assert inspection_facts.watched([], 0, 10 * HOUR) == (0, 10 * HOUR)


def test_minutes_want_every_item_and_a_remedy_for_what_failed(site: Database) -> None:
    """The refusal names the items, as the page does."""
    with site.writing() as connection:
        it = planned(connection)
        inspections.start(connection, it, PLACEMENT, by=INSPECTOR, now_ns=NOW_NS)
        for answers, fault, items in (
            (judged()[1:], "unanswered", "A.1"),
            (judged(bad=Answer("B.2", "fail", "thiếu ca đêm")), "no_action", "B.2"),
        ):
            with pytest.raises(VonggacError) as refused:
                inspections.close(
                    connection, it, AGREED, answers=answers, by=INSPECTOR, now_ns=NOW_NS
                )
            assert refused.value.detail["fields"] == {"items": fault}
            assert refused.value.detail["items"] == items
            connection.execute(db.inspection_answer.delete())


@pytest.mark.parametrize(
    ("minutes", "field"),
    [
        (Minutes(), "present"),
        (Minutes(refused="không đồng ý"), "witness"),
        (Minutes(witness="Tổ trưởng dân phố"), "refused"),
        (replace(AGREED, opinion="Văn bản MẬT kèm theo"), "opinion"),
    ],
)
def test_minutes_are_agreed_to_by_name_or_refused_before_a_witness(
    sqlite: Database, tmp_path: Path, minutes: Minutes, field: str
) -> None:
    """Neither is minutes of nothing; no word of a state secret is taken in."""
    seed(sqlite, tmp_path, cameras=False)
    with sqlite.writing() as connection:
        it = planned(connection)
        inspections.start(connection, it, PLACEMENT, by=INSPECTOR, now_ns=NOW_NS)
        with pytest.raises(VonggacError) as refused:
            inspections.close(
                connection, it, minutes, answers=judged(), by=INSPECTOR, now_ns=NOW_NS
            )

    assert set(refused.value.detail["fields"]) == {field}


def test_minutes_made_without_signal_come_once(both: Database) -> None:
    """A phone that heard no answer sends again; its day is that of its clock, if it can be."""
    with both.writing() as connection:
        it = planned(connection)
        inspections.start(connection, it, PLACEMENT, by=INSPECTOR, now_ns=NOW_NS - 2 * DAY)
        sent = replace(AGREED, client_id="phone-1", made_ns=NOW_NS - DAY)
        first, fresh = inspections.close(
            connection, it, sent, answers=judged(bad=BAD), by=INSPECTOR, now_ns=NOW_NS
        )
        again, second = inspections.close(
            connection, it, sent, answers=judged(), by=INSPECTOR, now_ns=NOW_NS + HOUR
        )

        assert (fresh, second) == (True, False)
        assert first == again
        assert first.done == TODAY - timedelta(days=1)
        with pytest.raises(VonggacError) as other:
            inspections.close(
                connection, it, replace(sent, client_id="phone-2"), by=INSPECTOR, now_ns=NOW_NS
            )
        assert code_of(other) == "not_open"


def test_the_minutes_and_the_decision_are_complete_letters(site: Database) -> None:
    """With the refusal, the witness, what has to be mended; they can be printed."""
    said = Minutes(refused="không nhất trí mục A.1", witness="Tổ trưởng dân phố", opinion="Sẽ sửa.")
    with site.writing() as connection:
        it = inspections.find(connection, held_daye(connection, said, bad=BAD))
        of = inspections.find_round(connection, it.round_id)
        answers = inspections.answers_of(connection, it.id)
        found = findings.of_inspection(connection, it.id)
        minutes = inspection_papers.minutes(connection, it, of, answers, found)
        decision = inspection_papers.decision(connection, of, [it], now_ns=NOW_NS)

    assert faults(minutes) == faults(decision) == ()
    assert decision.signatures[0].lines == ("GIÁM ĐỐC",)
    assert minutes.issuer == decision.issuer
    assert decision.issuer.symbol == "SYT"
    assert minutes.refusal
    assert "Tổ trưởng dân phố" in str(minutes.body)
    assert "thay nguồn camera tầng 3" in str(minutes.body)
    assert paper.official(minutes).startswith(b"%PDF")


# -- findings --------------------------------------------------------------------------------


def test_a_finding_opens_a_task_is_proved_and_closed_by_another(both: Database) -> None:
    """Whoever brings the proof does not look again; each step leaves its row."""
    with both.writing() as connection:
        it = held_daye(connection, bad=BAD)
        (found,) = findings.of_inspection(connection, it)
        (task,) = tasks.of(connection, f"finding:{found.id}")
        assert (task.body, task.due) == ("KS Mường Hoa", BAD.due)

        proof = Proof("ledger", "đã thay nguồn")
        findings.prove(connection, found.id, proof, by=FACILITY, now_ns=NOW_NS + HOUR)
        with pytest.raises(VonggacError) as own:
            findings.check(
                connection, found.id, mended=True, said="", by=FACILITY, now_ns=NOW_NS + HOUR
            )
        assert code_of(own) == "own_proof"
        again = findings.check(
            connection, found.id, mended=False, said="vẫn mất hình", due=TODAY + timedelta(days=5),
            by=INSPECTOR, now_ns=NOW_NS + HOUR,
        )  # fmt: skip
        assert (again.state, again.due) == ("open", TODAY + timedelta(days=5))
        word = Proof("word", "đã thay camera")
        findings.prove(connection, found.id, word, by=FACILITY, now_ns=NOW_NS + 2 * HOUR)
        over = findings.check(
            connection, found.id, mended=True, said="đã chạy", by=INSPECTOR,
            now_ns=NOW_NS + 3 * HOUR,
        )  # fmt: skip

        assert over.is_over
        assert tasks.of(connection, f"finding:{found.id}")[0].is_over
        steps = [one.kind for one in findings.steps(connection, found.id)]
        assert steps == ["proof", "reopened", "proof", "closed"]
        acts = audit.count_by_act(connection, audit.Filter(thing=found.id))
        assert acts["finding_step_entered"] == 4


def test_a_proof_must_be_of_this_facility(site: Database) -> None:
    """An export that there is not, a photograph of something else."""
    with site.writing() as connection:
        (found,) = findings.of_inspection(connection, held_daye(connection, bad=BAD))
        for proof, field in (
            (Proof("clip", "x", "none"), "proof_id"),
            (Proof("photo", "x"), "photo"),
        ):
            with pytest.raises(VonggacError) as refused:
                findings.prove(connection, found.id, proof, by=FACILITY, now_ns=NOW_NS)
            assert set(refused.value.detail["fields"]) == {field}


# -- reminders -------------------------------------------------------------------------------


def remind(connection: Connection, about: str, level: str, now_ns: int) -> str:
    """A reminder that was drafted and sent."""
    wanted = reminders.Draft(SITE_ID, about, level, "thay nguồn camera tầng 3", None, "Sở Y tế")
    made = reminders.draft(connection, wanted, by=INSPECTOR, now_ns=now_ns)
    reminders.mark_sent(
        connection, made, number=f"{level}/SYT", by=INSPECTOR, now_ns=now_ns,
        sent=TODAY + timedelta(days=(now_ns - NOW_NS) // DAY),
    )  # fmt: skip
    return made


def test_a_letter_climbs_by_the_clock(both: Database) -> None:
    """The levels are data; a level that was written to is not owed again."""
    with both.writing() as connection:
        (found,) = findings.of_inspection(connection, held_daye(connection, bad=BAD))
        assert BAD.due is not None
        climbed = [
            (one.days, one.level.code if one.level else "")
            for days in (1, 3, 4, 8, 15)
            for one in reminders.late(connection, [SITE_ID], BAD.due + timedelta(days=days))
        ]
        assert climbed == [
            (1, "facility"), (3, "facility"), (4, "local"), (8, "owner"), (15, "province")
        ]  # fmt: skip

        remind(connection, f"finding:{found.id}", "facility", NOW_NS + 4 * DAY)
        (late,) = reminders.late(connection, [SITE_ID], BAD.due + timedelta(days=2))
        assert not late.is_owed
        (higher,) = reminders.late(connection, [SITE_ID], BAD.due + timedelta(days=5))
        assert higher.is_owed
        with pytest.raises(VonggacError) as twice:
            remind(connection, f"finding:{found.id}", "facility", NOW_NS + 4 * DAY)
        assert code_of(twice) == "reminded_already"


def test_a_reminder_is_a_paper_and_is_sent_by_a_person(site: Database) -> None:
    """Drafted once, complete, numbered by the clerk; sent once."""
    with site.writing() as connection:
        made = remind(connection, f"site:{SITE_ID}", "facility", NOW_NS)
        it = reminders.find(connection, made)
        assert it.paper_id is not None
        letter = papers.letter_of(connection, it.paper_id)
        assert letter.addressees == ("KS Mường Hoa",)
        assert "thay nguồn camera tầng 3" in str(letter.body)
        with pytest.raises(VonggacError) as twice:
            reminders.mark_sent(
                connection, made, number="9", sent=TODAY, by=INSPECTOR, now_ns=NOW_NS
            )
        assert code_of(twice) == "sent_already"


# -- lists and proposals ---------------------------------------------------------------------


def test_the_lists_show_what_put_a_facility_there(both: Database) -> None:
    """Required places without a camera; pictures that nobody opens."""
    with both.writing() as connection:
        every = sanction_lists.every(connection, [SITE_ID], PLACEMENT, now_ns=NOW_NS)

    by_list = {one.list: one.inputs for one in every}
    have = {"HL", "CG"}
    lacking = [one.code for one in PLACEMENT.zones if one.required and one.code not in have]
    assert by_list["not_installing"]["lacking"] == lacking
    assert by_list["not_supervising"]["watched"] == 0
    assert by_list["not_supervising"]["cameras"] == 2


def test_a_young_facility_is_on_no_list(sqlite: Database, tmp_path: Path) -> None:
    """Fifteen days are given to install."""
    seed(sqlite, tmp_path, cameras=False)
    with sqlite.writing() as connection:
        connection.execute(tables.site.update().values(created_ns=NOW_NS - 14 * DAY))
        assert sanction_lists.every(connection, [SITE_ID], PLACEMENT, now_ns=NOW_NS) == []
        connection.execute(tables.site.update().values(created_ns=NOW_NS - 15 * DAY))
        (one,) = sanction_lists.every(connection, [SITE_ID], PLACEMENT, now_ns=NOW_NS)

    assert one.list == "not_installing"


def asked(connection: Connection) -> tuple[str, str]:
    """A proposal whose facility is asked to explain itself, and its link."""
    for level in ("facility", "local"):
        remind(connection, f"site:{SITE_ID}", level, NOW_NS)
    return sanctions.ask(
        connection, SITE_ID, "not_supervising", body="Sở Y tế", explain_by=None,
        placement=PLACEMENT, by=INSPECTOR, now_ns=NOW_NS,
    )  # fmt: skip


def test_nothing_is_proposed_before_reminders_and_an_explanation(site: Database) -> None:
    """Two reminders that were sent; then the facility has its days."""
    with site.writing() as connection:
        with pytest.raises(VonggacError) as early:
            sanctions.ask(
                connection, SITE_ID, "not_supervising", body="Sở Y tế", explain_by=None,
                placement=PLACEMENT, by=INSPECTOR, now_ns=NOW_NS,
            )  # fmt: skip
        assert code_of(early) == "not_reminded"

        it, _ = asked(connection)
        wanted = {"measure": "Đình chỉ tiếp nhận.", "reason": "Không ai xem.", "to": "UBND tỉnh"}
        with pytest.raises(VonggacError) as waits:
            sanctions.propose(connection, it, **wanted, by=INSPECTOR, now_ns=NOW_NS + 6 * DAY)
        assert code_of(waits) == "still_explaining"
        after = sanctions.propose(connection, it, **wanted, by=INSPECTOR, now_ns=NOW_NS + 8 * DAY)

        assert after.state == "proposed"
        assert after.paper_id is not None
        letter = str(papers.letter_of(connection, after.paper_id).body)
        assert "Cơ sở không giải trình" in letter
        assert "facility/SYT" in letter


def test_a_link_opens_one_explanation_once(site: Database) -> None:
    """Nobody's account; the secret is kept as a digest alone."""
    with site.writing() as connection:
        it, token = asked(connection)
        kept = connection.execute(sa.select(db.proposal.c.link)).scalar_one()
        assert token not in kept
        said = {"said": "Thiết bị hỏng.", "person": "Người phụ trách", "actor": audit.Actor("-")}
        made = sanctions.explain_by_link(connection, token, **said, now_ns=NOW_NS)  # type: ignore[arg-type]

        assert (made.id, made.state, made.came) == (it, "explained", "link")
        for wrong in (token, "", "x" * 32):
            with pytest.raises(VonggacError) as gone:
                sanctions.by_link(connection, wrong, now_ns=NOW_NS)
            assert gone.value.kind is Kind.NOT_FOUND


def test_another_body_decides(both: Database) -> None:
    """Neither the person nor the body that proposed; by a document with its day."""
    with both.writing() as connection:
        it, _ = asked(connection)
        sanctions.explain(
            connection, it, said="Thiết bị hỏng.", person="Người phụ trách", came="page",
            by=FACILITY, now_ns=NOW_NS,
        )  # fmt: skip
        sanctions.propose(
            connection, it, measure="Nhắc nhở.", reason="Lần đầu.", to="UBND tỉnh", by=INSPECTOR,
            now_ns=NOW_NS,
        )  # fmt: skip
        said = Decision("eased", "Nhắc nhở bằng văn bản", "UBND tỉnh", "Chủ tịch", "7/QĐ", TODAY)
        for by, decision, expected in (
            (INSPECTOR, said, "same_person"),
            (LEADER, replace(said, body="sở y tế"), {"body": "same_body"}),
            (LEADER, replace(said, document=""), {"document": "required"}),
        ):
            with pytest.raises(VonggacError) as refused:
                sanctions.decide(connection, it, decision, by=by, now_ns=NOW_NS)
            assert code_of(refused) == expected
        done = sanctions.decide(connection, it, said, by=LEADER, now_ns=NOW_NS)

    assert (done.state, done.decided_by, done.document) == ("decided", "lanhdao", "7/QĐ")


# -- what waits for whom ---------------------------------------------------------------------


def person(role: str) -> Person:
    """Somebody who holds a role over everything."""
    return Person("a", role, (Held(role, duties(TODAY)[role].acts),))


def test_each_sees_what_waits_for_them(both: Database) -> None:
    """The inspector inspects, the facility mends; nobody else is told."""
    with both.writing() as connection:
        held_daye(connection, bad=BAD)
        planned(connection)
        now_ns = NOW_NS + 20 * DAY
        hrefs = {
            role: [
                one.href.split("/")[1]
                for part in (inspections, findings, reminders, sanctions)
                for one in part.matters(connection, [SITE_ID], person(role), now_ns=now_ns)
            ]
            for role in ("health_inspector", "site_duty", "technician")
        }
        nobody = inspections.matters(connection, [SITE_ID], NOBODY, now_ns=now_ns)

    assert set(hrefs["health_inspector"]) == {"inspections", "findings", "reminders"}
    assert hrefs["site_duty"] == ["findings"]
    assert hrefs["technician"] == []
    assert nobody == []
