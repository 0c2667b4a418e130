"""Towards the public and the law: notices, requests, incidents, texts, on both engines."""

from __future__ import annotations

import re
from datetime import date, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import compliance, tables
from vonggac.domain import audit, incidents, legal, notices, registry, requests, rules
from vonggac.domain.exports import Someone
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from vonggac.db import Database

FRIDAY = datetime(2026, 11, 20, 16, 0, tzinfo=legal.VIETNAM)
NOW = int(FRIDAY.timestamp()) * NS
HOUR = 3600 * NS
SITE = "s" * 26
CLERK = Someone("1", "van-thu", "Nguyễn Thị Bịa")
PUBLIC = audit.Actor("-", None, "192.0.2.7")


@pytest.fixture
def hub(database: Database) -> Database:
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(
                id=SITE, name="sl-05", title="KS Mường Hoa", owner_line="paid_hotel",
                retention_days=30, created_ns=1,
            )
        )  # fmt: skip
    return database


def received(hub: Database, **changed: Any) -> tuple[requests.Request, str]:
    values = {"site_id": SITE, "kind": "access", "said": "Xem hình ở sảnh sáng nay.", **changed}
    with hub.writing() as connection:
        return requests.receive(
            connection, requests.Draft(**values), actor=PUBLIC, came="form", received_ns=NOW,
            now_ns=NOW,
        )  # fmt: skip


def faults_of(error: pytest.ExceptionInfo[VonggacError]) -> dict[str, str]:
    found: dict[str, str] = error.value.detail["fields"]
    return found


# -- the rules -------------------------------------------------------------------------------


def test_every_document_that_the_rules_cite_is_on_the_list() -> None:
    """A basis that is not on the page cannot be compared with its text by anybody."""
    number = re.compile(
        r"\d+(?:/\d{4})?/(?:NĐ-CP|QH\d\d|TT-[A-Z]+|QĐ-[A-Z]+|CĐ-BCĐ|CV-BCĐ|[A-ZĐ]{2,}-[A-ZĐ]+)"
    )
    known = {basis.number for basis in legal.bases().values()}
    cited = {
        found
        for path in resources.files("vonggac.rules").iterdir()
        if path.name.endswith(".toml")
        for line in path.read_text(encoding="utf-8").splitlines()
        # `written` is a number as a damaged letter has it, beside the one that is meant.
        if not line.startswith(("#", "written ="))
        for found in number.findall(line)
    }

    assert len(cited) > 10
    assert cited - known == set()


def test_no_clause_is_named_of_a_text_that_nobody_read() -> None:
    """A number of an article looks as if it had been read in the law itself."""
    told = [
        basis.code
        for basis in legal.bases().values()
        if basis.read != "original" and re.search(r"Điều \d|khoản \d|Đ\d", basis.says.vi)
    ]

    assert told == []


def test_the_days_of_the_law_skip_the_weekend() -> None:
    """Asked on Friday afternoon, the two working days end with Tuesday; ten days are ten days."""
    assert legal.day_of(legal.after_working_days(NOW, 2) - 1) == date(2026, 11, 24)
    assert legal.day_of(legal.after_days(NOW, 10) - 1) == date(2026, 11, 30)
    assert legal.after_days(NOW, 0) == legal.start_of(date(2026, 11, 21))


def test_each_kind_of_request_has_its_days_and_says_whose_they_are() -> None:
    """The source gives 10 to 30 days by kind and names no kind: ours, within that, labelled."""
    kinds = legal.request_kinds(date(2026, 11, 20))

    assert {code: kind.days for code, kind in kinds.items()} == {
        "access": 10, "copy": 10, "objection": 15, "deletion": 20, "complaint": 30,
    }  # fmt: skip
    assert all(kind.ours and 10 <= kind.days <= 30 for kind in kinds.values())
    assert {kind.acknowledge_working_days for kind in kinds.values()} == {2}


def test_every_language_of_the_notice_says_how_long() -> None:
    with_days = [one.kept.format(days=30) for one in notices.languages()]

    assert all("30" in said for said in with_days)
    assert [one.code for one in notices.languages()][:2] == ["vi", "en"]
    latin = re.compile(r"^[\x20-\x7eÀ-ỹ–’]+$")
    assert all(
        latin.match(f"{one.title}{one.kept}{one.ask}")
        for one in notices.languages()
        if one.face == "Tinos"
    )


# -- requests --------------------------------------------------------------------------------


def test_a_request_is_received_taken_up_and_answered(hub: Database) -> None:
    made, code = received(hub, contact="phong 305")

    assert re.fullmatch(r"([2-9A-HJ-NP-Z]{4}-){3}[2-9A-HJ-NP-Z]{4}", code)
    assert (made.state, made.came, made.entered_by) == ("received", "form", "")
    assert legal.day_of(made.acknowledge_by_ns - 1) == date(2026, 11, 24)
    with hub.writing() as connection:
        requests.acknowledge(connection, made.id, actor=CLERK.actor, now_ns=NOW + HOUR)
        with pytest.raises(VonggacError, match="already"):
            requests.acknowledge(connection, made.id, actor=CLERK.actor, now_ns=NOW + HOUR)
        done = requests.answer(
            connection, made.id, said="Mời đến phòng bảo vệ.", refused=False, actor=CLERK.actor,
            now_ns=NOW + 2 * HOUR,
        )  # fmt: skip
        with pytest.raises(VonggacError, match="already"):
            requests.answer(connection, made.id, said="x", refused=True, actor=CLERK.actor,
                            now_ns=NOW)  # fmt: skip

    assert (done.state, done.answered_by, done.contact) == ("answered", "van-thu", "")
    with hub.reading() as connection:
        found = requests.by_receipt(connection, SITE, f" {code.lower()} ")
        rows = audit.rows(connection, audit.Filter())
        assert requests.by_receipt(connection, "x" * 26, code) is None
        assert requests.by_receipt(connection, SITE, "2222-2222-2222-2222") is None
    assert found == done
    assert [row.act for row in reversed(rows)] == [
        "request_received", "request_edited", "request_edited"
    ]  # fmt: skip
    assert all("sảnh" not in str(row) for row in rows)


def test_the_receipt_code_is_kept_nowhere(hub: Database) -> None:
    """Whoever reads the database must not be able to read on as the person who asked."""
    _, code = received(hub)
    with hub.reading() as connection:
        rows = connection.execute(sa.select(compliance.person_request)).all()

    assert code not in str(rows)
    assert code.replace("-", "") not in str(rows)


def test_late_requests_stand_first(hub: Database) -> None:
    early, _ = received(hub, said="sớm")
    later = NOW + 9 * 24 * HOUR
    with hub.writing() as connection:
        requests.acknowledge(connection, early.id, actor=CLERK.actor, now_ns=NOW)
        fresh, _ = requests.receive(
            connection, requests.Draft(SITE, "copy", "mới"), actor=CLERK.actor, came="staff",
            received_ns=later, now_ns=later,
        )  # fmt: skip
        over, _ = requests.receive(
            connection, requests.Draft(SITE, "copy", "xong"), actor=CLERK.actor, came="staff",
            received_ns=NOW, now_ns=NOW,
        )  # fmt: skip
        requests.answer(connection, over.id, said="không có hình", refused=True,
                        actor=CLERK.actor, now_ns=NOW)  # fmt: skip
        when = early.due_ns + 1
        order = [one.id for one in requests.listed(connection, [SITE], now_ns=when)]
        elsewhere = requests.listed(connection, ["x"], now_ns=when)

    assert order == [early.id, fresh.id, over.id]
    assert elsewhere == []
    assert not early.is_late(NOW)
    assert early.is_late(when)


@pytest.mark.parametrize(
    ("changed", "field", "fault"),
    [
        ({"kind": "everything"}, "kind", "required"),
        ({"said": " \x00\n "}, "said", "required"),
        ({"said": "x" * 2001}, "said", "too_long"),
        ({"said": "Văn bản MẬT số 1"}, "said", "secret_mark"),
        ({"contact": "x" * 201}, "contact", "too_long"),
    ],
)
def test_a_request_that_cannot_be_taken_says_why(
    hub: Database, changed: dict[str, Any], field: str, fault: str
) -> None:
    with pytest.raises(VonggacError) as error:
        received(hub, **changed)

    assert faults_of(error) == {field: fault}


def test_the_public_page_takes_only_so_many_a_day(
    hub: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's program must not fill the register."""
    monkeypatch.setattr(requests, "MAX_A_DAY", 2)
    received(hub)
    received(hub)

    with pytest.raises(VonggacError) as error:
        received(hub)
    assert error.value.kind is Kind.TOO_MANY


# -- incidents -------------------------------------------------------------------------------


def opened(hub: Database, **changed: Any) -> incidents.Incident:
    values = {
        "site_id": SITE, "kind": "personal_data", "serious": True, "title": "Mất một ổ ghi",
        "said": "Ổ ghi bị lấy khỏi tủ.", "affected": "", "found_ns": NOW - HOUR, **changed,
    }  # fmt: skip
    with hub.writing() as connection:
        return incidents.open_record(connection, incidents.Draft(**values), by=CLERK, now_ns=NOW)


def step(hub: Database, incident: incidents.Incident, kind: str, at: int = NOW) -> incidents.Step:
    with hub.writing() as connection:
        return incidents.add_step(
            connection, incident.id, kind=kind, said="đã gửi văn bản", done_ns=at, by=CLERK,
            now_ns=NOW + 100 * HOUR,
        )  # fmt: skip


def test_the_clocks_run_from_the_finding_and_stop_with_the_report(hub: Database) -> None:
    found = opened(hub)

    with hub.reading() as connection:
        day, three_days = incidents.clocks(connection, found)
    assert (day.until_ns, three_days.until_ns) == (NOW + 23 * HOUR, NOW + 71 * HOUR)
    assert day.left_ns(NOW) == 23 * HOUR
    assert not day.is_late(NOW)
    assert day.is_late(NOW + 24 * HOUR)
    with pytest.raises(VonggacError) as error:
        step(hub, found, "closed")
    assert error.value.detail["code"] == "clock_runs"
    step(hub, found, "serious_24h", NOW + HOUR)
    step(hub, found, "report_72h", NOW + 72 * HOUR)
    with pytest.raises(VonggacError, match="already"):
        step(hub, found, "report_72h")
    step(hub, found, "closed", NOW + 80 * HOUR)

    with hub.reading() as connection:
        day, three_days = incidents.clocks(connection, found)
        closed = incidents.find(connection, found.id)
        listed = incidents.listed(connection, [SITE])
    assert (day.is_late(NOW + 99 * HOUR), three_days.is_late(NOW + 99 * HOUR)) == (False, True)
    assert closed.closed_by == "van-thu"
    assert listed == [closed]
    with pytest.raises(VonggacError, match="closed"):
        step(hub, found, "note")


def test_an_incident_that_is_not_serious_has_the_long_clock_alone(hub: Database) -> None:
    found = opened(hub, serious=False, kind="security")

    with hub.reading() as connection:
        assert [one.rule.code for one in incidents.clocks(connection, found)] == ["report_72h"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"kind": "fire"}, "kind"), ({"title": ""}, "title"), ({"said": "MẬT"}, "said"),
     ({"found_ns": NOW + HOUR}, "found"), ({"affected": "x" * 2001}, "affected")],
)  # fmt: skip
def test_a_record_that_cannot_be_opened_says_why(
    hub: Database, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(VonggacError) as error:
        opened(hub, **changed)

    assert set(faults_of(error)) == {field}


# -- texts of the law ------------------------------------------------------------------------


def attach(hub: Database, basis: str = "nd-356-2025", **changed: Any) -> legal.Text:
    values = {"file_name": "C:\\van-ban\\356.pdf", "content": b"%PDF-1.7 ...", "note": "Công báo"}
    with hub.writing() as connection:
        return legal.attach(connection, basis, **{**values, **changed}, by=CLERK, now_ns=NOW)


def test_a_mark_goes_when_the_text_is_attached_and_comes_back_with_its_removal(
    hub: Database,
) -> None:
    with hub.reading() as connection:
        before = legal.unchecked(connection)
    text = attach(hub)
    with hub.reading() as connection:
        after = legal.unchecked(connection)
        assert legal.content(connection, text.id) == b"%PDF-1.7 ..."
    with hub.writing() as connection:
        removed = legal.remove(connection, text.id, reason="nhầm bản", by=CLERK, now_ns=NOW)
        with pytest.raises(VonggacError, match="already"):
            legal.remove(connection, text.id, reason="lại", by=CLERK, now_ns=NOW)

    assert "nd-30-2020" not in before
    assert before - after == {"nd-356-2025"}
    assert (text.file_name, text.media_type, text.attached_by) == (
        "356.pdf", "application/pdf", "van-thu"
    )  # fmt: skip
    assert not removed.stands
    with hub.reading() as connection:
        assert legal.unchecked(connection) == before


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"content": b""}, "no_file"),
        ({"content": b"PK\x03\x04"}, "not_pdf_or_text"),
        ({"content": "Độ MẬT: MẬT\nĐiều 1".encode()}, "secret_mark"),
        ({"file_name": "văn bản MẬT.pdf"}, "secret_mark"),
        ({"content": b"%PDF-" + b"x" * legal.MAX_FILE}, "file_too_long"),
    ],
)
def test_a_file_that_cannot_be_attached_says_why(
    hub: Database, changed: dict[str, Any], fault: str
) -> None:
    with pytest.raises(VonggacError) as error:
        attach(hub, **changed)

    assert faults_of(error) == {"file": fault}


# -- notices ---------------------------------------------------------------------------------

DRAFT = notices.Draft("KS Mường Hoa", "0200 000 000, lễ tân", "phòng, chống dịch; an ninh")


def save(hub: Database, draft: notices.Draft = DRAFT) -> notices.Notice:
    with hub.writing() as connection:
        return notices.save(connection, SITE, draft, by=CLERK, now_ns=NOW)


def test_the_public_name_is_given_once_and_never_changes(hub: Database) -> None:
    """It stands on signs of paper."""
    first = save(hub)
    second = save(hub, notices.Draft("KS khác", "số khác", "an ninh"))

    assert second.public_id == first.public_id
    with hub.reading() as connection:
        assert notices.by_public_id(connection, first.public_id) == second
        with pytest.raises(VonggacError):
            notices.by_public_id(connection, SITE)


def test_a_notice_without_a_contact_is_no_notice(hub: Database) -> None:
    with pytest.raises(VonggacError) as error:
        save(hub, notices.Draft("KS", " ", "x" * 401))

    assert faults_of(error) == {"contact": "required", "purpose": "too_long"}


def test_the_notice_says_what_the_cameras_do(hub: Database) -> None:
    """Sound that is switched on at one camera, a longer retention at another: both are said."""
    placement = rules.placement(date(2026, 11, 20))
    with hub.writing() as connection:
        for name, zone, audio, days in (("cg-1", "CG", True, None), ("hl-1", "HL", False, 90)):
            connection.execute(
                tables.camera.insert().values(
                    id=name, site_id=SITE, name=name, title=name, zone=zone, audio=audio,
                    main_url="rtsp://192.0.2.9/1", origin="page", revision=1, created_ns=1,
                    updated_ns=1, retention_days=days,
                )
            )  # fmt: skip
        site = registry.site(connection, SITE)
        assert site is not None
        found = notices.practice(connection, site, placement)

    assert (found.cameras, found.days, found.sound) == (2, 90, True)
    assert {zone.code for zone in found.zones} == {"CG", "HL"}


def test_views_are_counted_by_month_body_and_purpose_without_a_name(hub: Database) -> None:
    october = legal.start_of(date(2026, 11, 1)) - HOUR
    with hub.writing() as connection:
        connection.execute(
            tables.account.insert().values(
                id="a", name="truc", role="", password_hash="-", must_change=False, created_ns=1
            )
        )
        for number, (at, purpose, display) in enumerate(
            [(NOW - HOUR, "watch", None), (NOW, "request: 12/CV", None), (october, "watch", None),
             (NOW - 2 * HOUR, "request: 13/CV", None), (NOW, "display", "d")]
        ):  # fmt: skip
            connection.execute(
                tables.viewing.insert().values(
                    id=f"v{number}", account_id="a", site_id=SITE, cameras=[], purpose=purpose,
                    display_id=display, began_ns=at, until_ns=at + 1,
                )
            )  # fmt: skip
        months = notices.views_by_month(connection, SITE, months=3, now_ns=NOW)

    assert [(one.first_day.month, one.views) for one in months] == [(11, 3), (10, 1), (9, 0)]
    assert months[0].counts == ((None, "request", 2), (None, "watch", 1))
