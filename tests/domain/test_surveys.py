"""Surveys: from a campaign to a verified verdict, with nothing lost and nothing written unseen."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac.db import survey as db
from vonggac.db import tables
from vonggac.domain import (
    audit,
    campaigns,
    coverage,
    papers,
    pictures,
    register,
    registry,
    rules,
    survey_calls,
    survey_forms,
    survey_links,
    survey_papers,
    survey_register,
    survey_verdicts,
    surveys,
    units,
)
from vonggac.domain.access import Held, Person
from vonggac.domain.audit import Actor
from vonggac.domain.duties import Act
from vonggac.domain.exports import Someone
from vonggac.domain.matters import Standing
from vonggac.domain.survey_verdicts import Facts, Measured
from vonggac.errors import VonggacError
from vonggac.keys import Box, new_id
from vonggac.paper import letter
from vonggac.wire import survey as wire_survey

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.db import Connection, Database
    from vonggac.domain.campaigns import Campaign
    from vonggac.domain.surveys import SurveyState

NOW_NS = 1_794_987_127_000_000_000
TODAY = date(2026, 11, 18)
DUE = date(2026, 11, 30)
DAY = 86_400_000_000_000
AT = "2026-11-18T02:00:00Z"
LEAD = Someone("a1", "khao-sat", "Người khảo sát A")
GUEST = Actor("-", None, "192.0.2.7")
PLACEMENT = rules.placement(TODAY)
HOTEL, BARRACKS, SCHOOL = "h" * 26, "m" * 26, "s" * 26
LINES = {HOTEL: "paid_hotel", BARRACKS: "military", SCHOOL: "civil"}
GOOD = {
    "p-name": "Lễ tân A", "k-name": "Đầu mối A", "k-phone": "0200 000 114", "f-rooms": "40",
    "q-line": "up", "q-line_mbps": "40", "q-recorder": "open",
}  # fmt: skip


def form(**changed: str) -> dict[str, str]:
    """Answers that qualify: a working camera in each place of the rule, but no yard."""
    fields = dict(GOOD)
    zones = [zone.code for zone in PLACEMENT.zones if zone.code != "SAN"]
    for at, zone in enumerate(zones):
        fields |= {
            f"c-{at}-zone": zone,
            f"c-{at}-title": f"Camera {zone}",
            f"c-{at}-state": "works",
        }
        fields |= {f"c-{at}-password": "yes", f"c-{at}-lines": "1080"}
    fields |= {"z-SAN-absent": "yes", "z-SAN-why": "nhà phố, không có sân"}
    return {name: value for name, value in (fields | changed).items() if value}


def put_up(connection: Connection) -> Campaign:
    """Three facilities of three owning lines in one commune, all asked."""
    province = units.add_unit(
        connection, parent_id=None, kind="province", code="90", vi="Tỉnh Thử", en="",
        valid_from=date(2026, 1, 1), source="",
    )  # fmt: skip
    commune = units.add_unit(
        connection, parent_id=province, kind="commune", code="90001", vi="Xã Bản Mới", en="",
        valid_from=date(2026, 1, 1), source="",
    )  # fmt: skip
    for site_id, line in LINES.items():
        connection.execute(
            tables.site.insert().values(
                id=site_id, name=f"x-{site_id[0]}", title=f"Cơ sở {site_id[0]}",
                owner_line=line, unit_id=commune, created_ns=1,
            )
        )  # fmt: skip
    draft = campaigns.Draft("Khảo sát đợt 1", DUE, unit_id=province)
    return campaigns.begin(connection, draft, list(LINES), by=LEAD, now_ns=NOW_NS)


def of(connection: Connection, site_id: str) -> SurveyState:
    return surveys.state(connection, [site_id])[site_id]


def send(
    connection: Connection,
    survey_id: str,
    fields: dict[str, str],
    client: str = "client-1",
    **more: Any,
) -> surveys.Answer:
    values: dict[str, Any] = {"pictures": (), "link": None, "actor": GUEST, "full_name": "", **more}
    return surveys.answer(
        connection, survey_id, survey_forms.read(fields), client_id=client, placement=PLACEMENT,
        now_ns=NOW_NS, **values,
    )  # fmt: skip


# -- forms and verdicts ----------------------------------------------------------------------


def test_a_form_reads_back_as_it_was_written() -> None:
    """Fields to answers to fields, and through what is kept: nothing typed is lost."""
    said = survey_forms.read(form(note="đèn sân hỏng"))

    assert survey_forms.flat(said) == form(note="đèn sân hỏng")
    assert survey_forms.from_json(survey_forms.to_json(said)) == said
    assert survey_forms.check(said, PLACEMENT) == []


def test_a_camera_where_none_may_stand_is_refused_with_its_rule() -> None:
    """By its zone, or by what its title says; everything else stays as it was."""
    for changed in ({"c-0-zone": "TAM"}, {"c-0-title": "Trong phòng 203"}):
        (fault,) = survey_forms.check(survey_forms.read(form(**changed)), PLACEMENT)
        assert (fault.name, fault.code) == ("c-0-zone", "forbidden_zone")
        assert fault.place is not None


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"p-name": ""}, "p-name"),
        ({"k-phone": "gọi bảo vệ"}, "k-phone"),
        ({"f-rooms": "bốn mươi"}, "f-rooms"),
        ({"q-fence": "cao"}, "q-fence"),
        ({"c-0-fps": "25 hình"}, "c-0-fps"),
        ({"c-0-title": "", "c-0-maker": "A"}, "c-0-title"),
        ({"z-SAN-why": ""}, "z-SAN-why"),
        ({"z-HL-absent": "yes", "z-HL-why": "-"}, "z-HL-absent"),
        ({"note": "tài liệu MẬT"}, "note"),
    ],
)
def test_what_cannot_stay_is_named(changed: dict[str, str], fault: str) -> None:
    """Each field by its own name, so that the page can say it there."""
    assert [
        one.name for one in survey_forms.check(survey_forms.read(form(**changed)), PLACEMENT)
    ] == [fault]


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({}, ()),
        ({"c-0-state": "dead"}, ("repair", "dead")),
        ({"c-0-password": "no"}, ("no_password",)),
        ({"c-0-cloud": "yes"}, ("cloud_only",)),
        ({"c-0-state": "closed"}, ("locked",)),
        ({"c-0-kind": "analog", "q-recorder": "locked"}, ("locked",)),
        ({"c-0-fps": "6"}, ("outdated",)),
        ({"q-line": "none"}, ("no_line",)),
        ({"q-line_mbps": "2"}, ("line_weak",)),
        ({"z-SAN-absent": ""}, ("supplement",)),
    ],
)
def test_a_verdict_says_why(changed: dict[str, str], reasons: tuple[str, ...]) -> None:
    """The reason codes that were reported upward, and those of the order."""
    found = survey_verdicts.judge(survey_forms.read(form(**changed)), Facts(), PLACEMENT)

    assert (found.qualifies, found.reasons) == (not reasons, reasons)
    assert survey_verdicts.from_json(found.as_json()).reasons == reasons


def test_a_facility_without_cameras_needs_investment() -> None:
    """Not ten times *cần bổ sung*."""
    found = survey_verdicts.judge(survey_forms.read(dict(GOOD)), Facts(), PLACEMENT)

    assert found.reasons == ("new",)


def test_what_was_measured_wins_over_what_was_typed() -> None:
    """Both ways: a probe opens a camera that was called locked, and finds one unfit."""
    said = survey_forms.read(
        form(**{"c-0-address": "192.0.2.9", "c-0-password": "no", "c-1-code": "st-1"})
    )
    facts = Facts(
        {
            "192.0.2.9": Measured("192.0.2.9", True, (), "rtsp://192.0.2.9/1"),
            "st-1": Measured("st-1", False, ("outdated",)),
        },
        uplink_kbps=100,
    )
    found = survey_verdicts.judge(said, facts, PLACEMENT)

    assert [one.reasons for one in found.cameras[:2]] == [(), ("outdated",)]
    assert [one.measured for one in found.cameras[:3]] == [True, True, False]
    assert found.reasons == ("outdated", "line_weak")


def test_a_file_of_vonggac_survey_becomes_facts() -> None:
    """Its reasons are the same words; what no word fits is a criterion."""
    reason = wire_survey.SurveyReason("fps_low", "required", "camera lạc hậu", "", "")
    at = "2026-11-18T02:00:00Z"
    cameras = [
        wire_survey.SurveyedCamera(
            name="cam01", url="rtsp://192.0.2.9/1", at=at, reachable=True, authenticated=True,
            connectable=False, reasons=(reason,), maker="Hãng A",
        ),
        wire_survey.SurveyedCamera(
            name="cam02", url="rtsp://192.0.2.10/1", at=at, reachable=False, authenticated=False,
            connectable=False,
        ),
    ]  # fmt: skip
    told = wire_survey.Survey(
        program="vonggac", started=at, cameras=tuple(cameras),
        uplink=wire_survey.SurveyUplink(measured=True, kbps=7000),
    )  # fmt: skip
    facts = survey_verdicts.of_file(told, signed=False)

    assert facts.cameras["192.0.2.9"].reasons == ("outdated",)
    assert facts.cameras["192.0.2.10"].reasons == ("dead",)
    assert facts.uplink_kbps == 7000
    assert survey_verdicts.facts_from(survey_verdicts.facts_json(facts)) == facts


# -- kept ------------------------------------------------------------------------------------


def test_answers_go_from_asked_to_verified_and_all_versions_stay(database: Database) -> None:
    """Disputed with a reason, answered again, verified; the verdict stands by facility."""
    with database.writing() as connection:
        put_up(connection)
        survey_id = of(connection, HOTEL).id
        first = send(connection, survey_id, form(**{"c-0-password": "no"}))
        assert send(connection, survey_id, form()).id == first.id, "sent twice, kept once"
        surveys.dispute(connection, survey_id, "thiếu sân sau", by=LEAD, now_ns=NOW_NS)
        assert of(connection, HOTEL).owes
        last = send(connection, survey_id, form(), "client-2")
        judged = survey_verdicts.judge(last.said, Facts(), PLACEMENT)
        with pytest.raises(VonggacError):
            surveys.verify(connection, survey_id, 1, judged, written=(), by=LEAD, now_ns=NOW_NS)
        surveys.verify(connection, survey_id, 2, judged, written=("rooms",), by=LEAD, now_ns=NOW_NS)
        with pytest.raises(VonggacError):
            send(connection, survey_id, form(), "client-3")

    with database.reading() as connection:
        assert [one.version for one in surveys.answers(connection, survey_id)] == [2, 1]
        assert [one.state for one in surveys.steps(connection, survey_id)] == [
            "answered", "disputed", "answered", "verified",
        ]  # fmt: skip
        found = surveys.verdict(connection, HOTEL)
        assert found is not None
        assert found.qualifies
        assert found.qualified == 9
        assert surveys.verdict(connection, SCHOOL) is None
        acts = [row.act for row in audit.rows(connection, audit.Filter())]
        assert acts.count("survey_answered") == 2
        assert "survey_verified" in acts


def test_a_link_opens_one_form_until_it_is_sent_or_taken_back(database: Database) -> None:
    """Only its hash is kept; a new one ends the one before; the days end it by themselves."""
    with database.writing() as connection:
        put_up(connection)
        survey_id = of(connection, HOTEL).id
        _, old_token = survey_links.make_link(
            connection, survey_id, days=14, by=LEAD, now_ns=NOW_NS
        )
        link, token = survey_links.make_link(connection, survey_id, days=14, by=LEAD, now_ns=NOW_NS)
        kept = str(connection.execute(sa.select(db.survey_link)).all())
        assert token not in kept
        for wrong, at in ((old_token, NOW_NS), ("x" * 43, NOW_NS), (token, NOW_NS + 14 * DAY)):
            with pytest.raises(VonggacError):
                survey_links.by_token(connection, wrong, at)
        send(connection, survey_id, form(), link=link)
        used, found = survey_links.by_token(connection, token, NOW_NS)
        assert used.used_ns == NOW_NS
        assert found.state == "answered"
        for read in (used, link):  # the second was read before the first was sent
            with pytest.raises(VonggacError, match="nothing is asked"):
                send(connection, survey_id, form(), "client-2", link=read)
        survey_links.revoke_link(connection, link.id, by=LEAD, now_ns=NOW_NS)
        with pytest.raises(VonggacError):
            survey_links.by_token(connection, token, NOW_NS)


def test_the_third_silence_drafts_the_letter_to_the_owning_body(database: Database) -> None:
    """Tourism for hotels, the military command for barracks, the committee for civil ones."""
    owners = {HOTEL: "Du lịch", BARRACKS: "Quân sự", SCHOOL: "Ủy ban nhân dân xã Bản Mới"}
    with database.writing() as connection:
        put_up(connection)
        for site_id, owner in owners.items():
            survey_id = of(connection, site_id).id
            drafted = [
                survey_calls.enter(
                    connection, survey_id, called_ns=NOW_NS - 3 + n, outcome="silent", person="",
                    said="", by=LEAD, now_ns=NOW_NS,
                )
                for n in range(4)
            ]  # fmt: skip
            assert [one is not None for one in drafted] == [False, False, True, False]
            (paper,) = papers.of(connection, f"survey:{survey_id}")
            assert paper.id == drafted[2]
            assert paper.issuer == "Sở Khoa học và Công nghệ"
            assert owner in str(papers.letter_of(connection, paper.id).addressees)


def test_a_refusal_has_a_name_and_a_reason(database: Database) -> None:
    """By telephone; the verdict then is *cơ sở không phối hợp*; an answer takes it back."""
    with database.writing() as connection:
        put_up(connection)
        survey_id = of(connection, SCHOOL).id
        with pytest.raises(VonggacError):
            survey_calls.enter(
                connection, survey_id, called_ns=NOW_NS, outcome="refused", person="", said="bận",
                by=LEAD, now_ns=NOW_NS,
            )  # fmt: skip
        survey_calls.enter(
            connection, survey_id, called_ns=NOW_NS, outcome="refused", person="Quản lý B",
            said="chưa có lệnh", by=LEAD, now_ns=NOW_NS,
        )  # fmt: skip
        found = of(connection, SCHOOL)
        assert (found.state, found.person, found.reason) == ("refused", "Quản lý B", "chưa có lệnh")
        refusing = surveys.verdict(connection, SCHOOL)
        assert refusing is not None
        assert refusing.reasons == ("uncooperative",)
        send(connection, survey_id, form())
        assert of(connection, SCHOOL).state == "answered"
        assert surveys.verdict(connection, SCHOOL) is None


def test_a_reminder_names_those_who_owe(database: Database) -> None:
    """One letter a unit, with the order and the day; the call list starts with the forgotten."""
    with database.writing() as connection:
        over = put_up(connection)
        send(connection, of(connection, HOTEL).id, form())
        owing = [one for one in surveys.of_campaign(connection, over.id, list(LINES)) if one.owes]
        assert {one.site_id for one in owing} == {BARRACKS, SCHOOL}
        unit = register.facility(connection, SCHOOL).said.unit_id
        paper_id = survey_calls.remind(connection, over, owing, unit, by=LEAD, now_ns=NOW_NS)
        told = str(papers.letter_of(connection, paper_id).body)
        assert "Cơ sở s" in told
        assert "Cơ sở h" not in told
        assert "30/11/2026" in told
        survey_calls.enter(
            connection, owing[0].id, called_ns=NOW_NS, outcome="silent", person="", said="",
            by=LEAD, now_ns=NOW_NS,
        )  # fmt: skip
        listed = survey_calls.to_call(connection, owing, now_ns=NOW_NS)
        assert [(one.survey.id, one.silences) for one in listed] == [
            (owing[1].id, 0), (owing[0].id, 1),
        ]  # fmt: skip


def test_only_what_is_confirmed_goes_into_the_register(database: Database, tmp_path: Path) -> None:
    """Contact, an absence with its photograph, a camera that was measured; the rest stays."""
    with database.writing() as connection:
        put_up(connection)
        it = of(connection, HOTEL)
        surveys.keep_picture(
            connection, it.id, pictures.taken(picture()), client_id="picture-1",
            about="z-SAN", by=("", ""), now_ns=NOW_NS,
        )  # fmt: skip
        answer = send(
            connection, it.id, form(**{"c-0-address": "192.0.2.9"}), pictures=("picture-1",)
        )
        facts = Facts(
            {"192.0.2.9": Measured("192.0.2.9", True, (), "rtsp://192.0.2.9/1", "Hãng A")}
        )
        pictured = {one.about for one in surveys.photographs(connection, it.id)}
        found = survey_register.differences(connection, HOTEL, answer.said, facts, pictured)
        by_key = {one.key: one for one in found}
        assert by_key["rooms"].after == "40"
        assert by_key["new-1"].remark == "unmeasured"
        chosen = [by_key[key] for key in ("contact", "absent-SAN", "new-0")]
        values: dict[str, Any] = {
            "placement": PLACEMENT, "box": Box.at(tmp_path / "key"), "kept": False, "by": LEAD,
            "now_ns": NOW_NS,
        }  # fmt: skip
        survey_register.write(connection, it, answer, facts, chosen, **values)
        assert register.contacts(connection, [HOTEL])[HOTEL, "contact"].name == "Đầu mối A"
        assert register.facility(connection, HOTEL).said.rooms is None
        assert coverage.absences(connection, HOTEL)["SAN"].said_name == "Người khảo sát A"
        left = survey_register.differences(connection, HOTEL, answer.said, facts, pictured)
        assert {"contact", "absent-SAN", "new-0"} & {one.key for one in left} == set()


def test_an_unmeasured_camera_waits_in_the_register(database: Database, tmp_path: Path) -> None:
    """Typed, never probed: it is there, and in service once its measured address is confirmed."""
    values: dict[str, Any] = {
        "placement": PLACEMENT, "box": Box.at(tmp_path / "key"), "kept": False, "by": LEAD,
        "now_ns": NOW_NS,
    }  # fmt: skip
    with database.writing() as connection:
        put_up(connection)
        it = of(connection, HOTEL)
        typed = {"c-0-address": "192.0.2.9", "c-0-maker": "Hãng A", "c-1-address": "hỏi bảo vệ"}
        answer = send(connection, it.id, form(**typed))
        chosen = [
            one for one in survey_register.differences(connection, HOTEL, answer.said, Facts(), ())
            if one.key in ("new-0", "new-1")
        ]  # fmt: skip
        assert [one.remark for one in chosen] == ["unmeasured"] * 2
        survey_register.write(connection, it, answer, Facts(), chosen, **values)
        first, other = sorted(registry.cameras(connection, HOTEL), key=lambda one: one.main_url)[
            ::-1
        ]
        assert (first.main_url, other.main_url) == ("rtsp://192.0.2.9/", "")
        assert registry.unmeasured(connection, HOTEL) == {first.id, other.id}
        assert registry.in_service(connection, [first.id], 0, NOW_NS + DAY) == {first.id: []}

        again = survey_register.differences(connection, HOTEL, answer.said, Facts(), ())
        assert not {"new-0", "new-1"} & {one.key for one in again}, "once is enough"
        seen = Measured("192.0.2.9", True, (), "rtsp://192.0.2.9/main", "Hãng A")
        facts = Facts({"192.0.2.9": seen})
        found = survey_register.differences(connection, HOTEL, answer.said, facts, ())
        (address,) = (one for one in found if one.what == "address")
        assert (address.of, address.after) == (first.name, "rtsp://192.0.2.9/main")
        survey_register.write(connection, it, answer, facts, [address], **values)
        assert registry.camera(connection, first.id).main_url == "rtsp://192.0.2.9/main"
        assert registry.unmeasured(connection, HOTEL) == {other.id}
        assert registry.in_service(connection, [first.id], 0, NOW_NS + DAY)[first.id]


@pytest.mark.parametrize("title", ["Trong phòng 203", "Nhà tắm tầng 1", "Nhà vệ sinh nữ"])
def test_an_unmeasured_camera_is_refused_where_none_may_stand(
    database: Database, tmp_path: Path, title: str
) -> None:
    """Also where answers came before the rule: the register holds it by itself."""
    with database.writing() as connection:
        put_up(connection)
        it = of(connection, HOTEL)
        answer = send(connection, it.id, form())
        said = survey_forms.read(form(**{"c-0-title": title}))
        answer = replace(answer, said=said)
        found = survey_register.differences(connection, HOTEL, said, Facts(), ())
        with pytest.raises(registry.Unacceptable) as caught:
            survey_register.write(
                connection, it, answer, Facts(), [one for one in found if one.key == "new-0"],
                placement=PLACEMENT, box=Box.at(tmp_path / "key"), kept=False, by=LEAD,
                now_ns=NOW_NS,
            )  # fmt: skip
    assert caught.value.refused_place is not None


def test_cameras_of_a_recorder_are_told_apart_by_their_channel() -> None:
    """One host, many cameras: by the channel, by the port, and not at all where neither is said."""
    shown = [("192.0.2.9", 1), ("192.0.2.9", 2), ("192.0.2.9:8554", 1), ("192.0.2.10", 1)]
    cameras = tuple(
        wire_survey.SurveyedCamera(
            name=f"cam0{at}", url=f"rtsp://{host}/{channel}", channel=channel, at=AT,
            reachable=True, authenticated=True, connectable=True,
        )
        for at, (host, channel) in enumerate(shown, 1)
    )  # fmt: skip
    told = wire_survey.Survey(
        program="vonggac", started=AT, cameras=cameras,
        uplink=wire_survey.SurveyUplink(measured=False),
    )  # fmt: skip
    facts = survey_verdicts.of_file(told, signed=False)
    facts = survey_verdicts.facts_from(survey_verdicts.facts_json(facts))

    def of_typed(address: str, channel: str = "") -> str:
        one = survey_forms.SaidCamera(0, "HL", "A", facts={"address": address, "channel": channel})
        seen = survey_verdicts.measured_of(one, facts)
        return seen.url if seen else ""

    assert of_typed("192.0.2.9", "2") == "rtsp://192.0.2.9/2"
    assert of_typed("192.0.2.9:8554") == "rtsp://192.0.2.9:8554/1"
    assert of_typed("192.0.2.9") == "", "which of them it is nobody said"
    assert of_typed("192.0.2.9", "5") == ""
    assert of_typed("192.0.2.10") == of_typed("192.0.2.10", "1") == "rtsp://192.0.2.10/1"


def test_facts_kept_before_channels_are_read_as_they_were() -> None:
    """The channel stood in the key alone."""
    old = {"key": "a", "connectable": True, "reasons": [], "url": "rtsp://192.0.2.9/7"}
    facts = survey_verdicts.facts_from({"cameras": {"192.0.2.9": old, "192.0.2.9#7": old}})

    assert [one.channel for one in facts.cameras.values()] == [1, 7]


def test_the_minutes_are_whole(database: Database) -> None:
    """The parties' blocks, lines of refusal, and every place of the rule."""
    with database.writing() as connection:
        over = put_up(connection)
        answer = send(connection, of(connection, HOTEL).id, form())
        judged = survey_verdicts.judge(answer.said, Facts(), PLACEMENT)
        made = survey_papers.minutes(
            connection, over, register.facility(connection, HOTEL).said, answer.said, judged,
            PLACEMENT, ("facility", "surveyor"), surveyor="Người khảo sát A", now_ns=NOW_NS,
        )  # fmt: skip

    assert letter.faults(made) == ()
    assert made.refusal
    assert [one.lines for one in made.signatures] == [("ĐẠI DIỆN CƠ SỞ",), ("NGƯỜI KHẢO SÁT",)]
    assert all(zone.full in str(made.body) for zone in PLACEMENT.zones)


def test_matters_are_each_ones_own(database: Database) -> None:
    """The facility owes its form; the surveyor judges; late is late."""
    acts = frozenset({Act.SURVEY_SEE, Act.SURVEY_ANSWER})
    duty = Person("p1", "truc", (Held("site_duty", acts, sites=frozenset({HOTEL})),))
    every = acts | {Act.SURVEY_LEAD, Act.SURVEY_VERIFY}
    lead = Person("p2", "khao-sat", (Held("surveyor", every),))
    with database.writing() as connection:
        put_up(connection)
        (own,) = surveys.matters(connection, list(LINES), duty, now_ns=NOW_NS)
        assert (own.standing, own.due, own.site_id) == (Standing.DUE, DUE, HOTEL)
        assert own.href.endswith("/form")
        (late,) = surveys.matters(connection, list(LINES), duty, now_ns=NOW_NS + 14 * DAY)
        assert late.standing is Standing.LATE
        nobody = Person("p3", "khach", ())
        assert surveys.matters(connection, list(LINES), nobody, now_ns=NOW_NS) == []
        send(connection, of(connection, HOTEL).id, form())
        assert surveys.matters(connection, list(LINES), duty, now_ns=NOW_NS) == []
        waiting = surveys.matters(connection, list(LINES), lead, now_ns=NOW_NS)
        assert {one.what for one in waiting} == {
            "{facility} chưa trả lời phiếu khảo sát", "Phiếu khảo sát của {facility} chờ xác nhận",
        }  # fmt: skip
        assert BARRACKS not in {one.site_id for one in waiting}


def picture() -> bytes:
    """A grey PNG of sixteen pixels a side."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress((b"\0" + b"\x80" * 16) * 16)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def test_nothing_is_asked_of_nobody(database: Database) -> None:
    """A campaign that means no facility is refused; a foreign one is not asked along."""
    with database.writing() as connection:
        put_up(connection)
        draft = campaigns.Draft("Đợt 2", DUE, sites=(new_id(),))
        with pytest.raises(VonggacError):
            campaigns.begin(connection, draft, list(LINES), by=LEAD, now_ns=NOW_NS)
        hotels = campaigns.Draft("Đợt 2", DUE, lines=("paid_hotel",))
        made = campaigns.begin(connection, hotels, [HOTEL, SCHOOL], by=LEAD, now_ns=NOW_NS + 1)
        assert [one.site_id for one in surveys.of_campaign(connection, made.id, list(LINES))] == [
            HOTEL
        ]
        assert of(connection, HOTEL).campaign_id == made.id
        campaigns.end(connection, made.id, by=LEAD, now_ns=NOW_NS + 2)
        assert not of(connection, HOTEL).owes
