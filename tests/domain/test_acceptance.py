"""Acceptance: four checks, a named person, both figures of the trial, drift that opens one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.config import AcceptanceConfig
from vonggac.db import tables
from vonggac.domain import (
    acceptance,
    acceptance_drift,
    acceptance_trial,
    ledger,
    legal,
    registry,
    rules,
    tasks,
)
from vonggac.domain.access import Held, Person
from vonggac.domain.duties import Act
from vonggac.domain.exports import Someone
from vonggac.domain.ledger import Gap, Span, State, Stream
from vonggac.domain.matters import Standing
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_794_987_127 * NS  # 2026-11-18 14:32:07 in Việt Nam
HOUR = 3600 * NS
DAY = 24 * HOUR
TECH = Someone("a1", "ky-thuat", "Kỹ thuật viên A")
LEAD = Someone("a2", "khao-sat", "Cán bộ khảo sát B")
RULES = AcceptanceConfig()
PLACEMENT = rules.placement(legal.day_of(NOW_NS))
FIT: dict[str, Any] = {
    "reachable": True, "codec": "h264", "width": 1920, "height": 1080, "picture": "AAAA",
    "verdict": {"connectable": True, "details": []}, "criteria": {"name": "x", "date": "y"},
}  # fmt: skip
UNFIT = {**FIT, "verdict": {"connectable": False, "details": [
    {"code": "fps_low", "level": "required", "survey": "camera lạc hậu", "vi": "chậm", "en": "slow"}
]}}  # fmt: skip
JPEG = b"\xff\xd8\xff\xe0 a picture"


def place(connection: Connection, camera: str = "c1", zone: str = "HL") -> None:
    if registry.site(connection, "s1") is None:
        connection.execute(
            tables.site.insert().values(id="s1", name="s1", title="KS A", created_ns=1)
        )
    connection.execute(
        tables.camera.insert().values(
            id=camera, site_id="s1", name=camera, title="Hành lang", zone=zone,
            main_url="rtsp://192.0.2.9/1", origin="page", revision=1, created_ns=1, updated_ns=1,
        )
    )  # fmt: skip
    connection.execute(tables.camera_service.insert().values(camera_id=camera, from_ns=1))


def record(connection: Connection, begin: int, end: int, lost_ns: int = 0) -> None:
    """The whole time recorded but for a stretch at its beginning."""
    stream = Stream("s1", "c1")
    if lost_ns:
        ledger.put_gap(connection, stream, Gap(begin, begin + lost_ns, Cause.DISK_FULL))
    ledger.put_span(connection, stream, Span(begin + lost_ns, end))
    ledger.put_state(connection, stream, State("recording", begin, None, end, {}))
    ledger.begin_run(
        connection, "s1", f"{begin:032x}",
        {"camera": "c1", "stream": "main", "from_ns": begin, "source": "rtsp"},
    )  # fmt: skip


def tried(connection: Connection, *, probe: dict[str, Any] = FIT, lost_ns: int = 0) -> str:
    """A try with everything that a person does, and a day of recording."""
    it = acceptance.begin(connection, "c1", RULES, by=TECH, now_ns=NOW_NS)
    acceptance.note_probe(connection, it.id, probe, by=TECH, now_ns=NOW_NS + 1)
    acceptance.keep_picture(connection, it.id, JPEG, by=TECH, now_ns=NOW_NS + 2)
    acceptance.confirm_picture(connection, it.id, well=True, said="", by=TECH, now_ns=NOW_NS + 3)
    acceptance.confirm_zone(
        connection, it.id, PLACEMENT, well=True, said="", by=TECH, now_ns=NOW_NS + 4
    )
    record(connection, NOW_NS, NOW_NS + DAY, lost_ns)
    return it.id


def ended(connection: Connection, acceptance_id: str) -> acceptance.Try:
    return acceptance.end_trial(
        connection, acceptance_id, RULES, by=tasks.PROGRAM, now_ns=NOW_NS + DAY
    )


def accepted(connection: Connection) -> acceptance.Try:
    place(connection)
    ended(connection, acceptance_id := tried(connection))
    return acceptance.accept(connection, acceptance_id, "", by=LEAD, now_ns=NOW_NS + DAY + 1)


def test_a_camera_is_accepted_by_a_named_person_after_its_trial(database: Database) -> None:
    """Not before: what is missing is named, and a facility is connected when its cameras are."""
    with database.writing() as connection:
        place(connection)

        def stands() -> tuple[bool, str | None]:
            found = acceptance.connected(connection, ["s1", "x"])
            for site_id, one in acceptance.summaries(connection, ["s1", "x"]).items():
                whole = found[site_id]
                assert (one.cameras, one.count) == (len(whole.cameras), whole.count)
                assert (one.connected, one.reason) == (whole.connected, whole.reason)
            assert (found["x"].connected, found["x"].reason) == (False, "no_camera")
            return found["s1"].connected, found["s1"].reason

        assert stands() == (False, "not_tried")
        acceptance_id = tried(connection)
        it = acceptance.find(connection, acceptance_id)
        assert (it.state, it.reasons, stands()) == ("tried", ("trial_missing",), (False, "trying"))
        with pytest.raises(VonggacError, match="not passed"):
            acceptance.accept(connection, it.id, "", by=LEAD, now_ns=NOW_NS)
        with pytest.raises(VonggacError, match="not over"):
            acceptance.end_trial(connection, it.id, RULES, by=TECH, now_ns=NOW_NS + DAY - 1)
        assert [one.id for one in acceptance.ending(connection, NOW_NS + DAY)] == [it.id]
        assert ended(connection, it.id).state == "passed"
        assert acceptance.ending(connection, NOW_NS + DAY) == []
        assert stands() == (False, "waits")
        done = acceptance.accept(connection, it.id, "", by=LEAD, now_ns=NOW_NS + DAY + 1)
        assert (done.accepted_name, stands()) == ("Cán bộ khảo sát B", (True, None))
        with pytest.raises(VonggacError, match="is over"):
            acceptance.note_probe(connection, it.id, FIT, by=TECH, now_ns=NOW_NS)
        place(connection, "c2", "CG")
        assert stands() == (False, "not_tried")


def test_what_failed_says_why_and_may_be_put_right(database: Database) -> None:
    """The last check of each kind counts; the survey's reason code is kept with the verdict."""
    with database.writing() as connection:
        place(connection)
        acceptance_id = tried(connection, probe=UNFIT)
        it = acceptance.find(connection, acceptance_id)
        assert (it.state, it.reasons) == ("failed", ("probe_unfit",))
        kept = acceptance.checks(connection, it.id)[0].facts
        assert kept["details"][0]["survey"] == "camera lạc hậu"
        assert "picture" not in kept
        again = acceptance.note_probe(connection, it.id, FIT, by=TECH, now_ns=NOW_NS + 9)
        assert again.state == "tried"
        with pytest.raises(VonggacError, match="said: required"):
            acceptance.confirm_picture(
                connection, it.id, well=False, said="", by=TECH, now_ns=NOW_NS
            )
        wrong = acceptance.confirm_picture(
            connection, it.id, well=False, said="lệch hướng", by=TECH, now_ns=NOW_NS
        )
        assert (wrong.state, wrong.reasons) == ("failed", ("picture_wrong",))
        assert acceptance.begin(connection, "c1", RULES, by=TECH, now_ns=NOW_NS + 10).id != it.id
        with pytest.raises(VonggacError, match="goes on"):
            acceptance.begin(connection, "c1", RULES, by=TECH, now_ns=NOW_NS + 11)
        assert acceptance.summaries(connection, ["s1"])["s1"].reason == "trying"
        assert acceptance.waiting(connection, ["s1"]) == {("s1", "tried"): 1}


def test_recorded_and_connected_are_two_figures(database: Database) -> None:
    """A full disk loses recording and no connection; an unknown day is not judged."""
    with database.writing() as connection:
        place(connection)
        it = ended(connection, tried(connection, lost_ns=HOUR))
        assert (it.state, it.reasons) == ("failed", ("recorded_low",))
        facts = acceptance.last_checks(acceptance.checks(connection, it.id))["trial"].facts
        assert (facts["recorded"], facts["linked"]) == (9_583, 10_000)
        trial = acceptance_trial.from_facts(dict(facts))
        assert (trial.main_cause, trial.recorded, trial.linked) == ("disk_full", 9_583, 10_000)
        camera = registry.camera(connection, "c1")
        unknown = acceptance_trial.measured(
            connection, camera, (NOW_NS - DAY, NOW_NS), now_ns=NOW_NS + DAY
        )
        assert acceptance_trial.shortcomings(unknown, RULES) == ["trial_unknown"]


def test_a_zone_that_the_rule_does_not_name_is_not_confirmed(database: Database) -> None:
    """A person may say that it is wrong, and not that it is right."""
    with database.writing() as connection:
        place(connection, zone="ZZ")
        it = acceptance.begin(connection, "c1", RULES, by=TECH, now_ns=NOW_NS)
        with pytest.raises(VonggacError, match="no such zone"):
            acceptance.confirm_zone(
                connection, it.id, PLACEMENT, well=True, said="", by=TECH, now_ns=NOW_NS
            )
        for name, content in (("bad", b"GIF89a"), ("no picture", b"")):
            with pytest.raises(VonggacError, match="no picture"):
                assert name
                acceptance.keep_picture(connection, it.id, content, by=TECH, now_ns=NOW_NS)
        with pytest.raises(VonggacError, match="no picture"):
            acceptance.confirm_picture(
                connection, it.id, well=True, said="", by=TECH, now_ns=NOW_NS
            )
        gone = acceptance.decline(connection, it.id, "sai khu vực", by=LEAD, now_ns=NOW_NS)
        assert (gone.state, gone.is_open) == ("failed", False)


def test_drift_opens_one_task_and_closes_it_again(database: Database) -> None:
    """Not one a night; counted while it lasts; a box that was not asked is no drift."""
    night = NOW_NS + 2 * DAY
    with database.writing() as connection:
        it = accepted(connection)
        record(connection, NOW_NS + DAY, night + 2 * DAY)

        def check(now_ns: int, probe: dict[str, Any] | None) -> list[str]:
            assert [one.id for one in acceptance_drift.due(connection, RULES, now_ns=now_ns)] == [
                it.id
            ]
            found = acceptance_drift.judge(connection, it, probe, RULES, PLACEMENT, now_ns=now_ns)
            acceptance_drift.note(connection, it, found, now_ns=now_ns)
            assert acceptance_drift.due(connection, RULES, now_ns=now_ns) == []
            return [one.state for one in tasks.of(connection, "drift:c1")]

        assert check(night, None) == []
        assert check(night + DAY, UNFIT) == ["open"]
        assert acceptance.connected(connection, ["s1"])["s1"].reason == "drifted"
        assert acceptance.summaries(connection, ["s1"])["s1"].reason == "drifted"
        assert acceptance_drift.counts(connection, ["s1"]) == (1, 1)
        assert check(night + 2 * DAY, UNFIT) == ["open"]
        assert acceptance.watches(connection)["c1"].nights == 2
        (task,) = tasks.of(connection, "drift:c1")
        assert "không còn đủ điều kiện kết nối" in task.what
        record(connection, night + 2 * DAY, night + 3 * DAY)
        assert check(night + 3 * DAY, FIT) == ["done"]
        assert acceptance.connected(connection, ["s1"])["s1"].connected
        connection.execute(tables.camera.update().values(zone="CG"))
        assert check(night + 4 * DAY, None) == ["done", "open"]
        assert acceptance.watches(connection)["c1"].reasons == ("zone_changed",)


def test_a_night_begins_at_its_hour(database: Database) -> None:
    """What was accepted after it is looked at in the next one."""
    with database.writing() as connection:
        it = accepted(connection)
        next_day = legal.start_of(legal.day_of((it.accepted_ns or 0) + DAY))
        for hours, count in ((1, 0), (2, 1)):
            found = acceptance_drift.due(connection, RULES, now_ns=next_day + hours * HOUR)
            assert len(found) == count, hours


def test_the_page_of_a_day_tells_of_cameras_that_wait(database: Database) -> None:
    """Whoever tests has tries to finish, whoever accepts has those that passed."""
    with database.writing() as connection:
        place(connection)
        acceptance_id = tried(connection)

        def told(act: Act) -> list[Standing]:
            person = Person("p", "p", (Held("x", frozenset((act,))),))
            found = acceptance_drift.matters(connection, ["s1"], person, now_ns=NOW_NS)
            return [one.standing for one in found]

        assert (told(Act.ACCEPTANCE_TEST), told(Act.ACCEPTANCE_DECIDE)) == ([Standing.DUE], [])
        ended(connection, acceptance_id)
        assert (told(Act.ACCEPTANCE_TEST), told(Act.ACCEPTANCE_DECIDE)) == ([], [Standing.SIGN])
