"""Exports and holds: two persons, one chain of states, every step a row of the audit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import audit, exports, holds
from vonggac.domain.exports import Request, Someone
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vonggac.db import Connection, Database

NOW = 1_795_000_000 * NS
TODAY = date(2026, 11, 18)
HOUR = 3_600 * NS
AN = Someone("a-1", "an", "Nguyễn An", "p-20", "192.0.2.1", "Firefox")
BINH = Someone("a-2", "binh", "Trần Bình", "p-20")
REQUEST = Request("12/CV-CQĐT", "2026-11-17", "Cơ quan điều tra", "xác minh", "Điều 88 BLTTHS")


@pytest.fixture
def facility(database: Database) -> Database:
    """Two accounts, a site with two cameras, one of another site."""
    with database.writing() as connection:
        for someone in (AN, BINH):
            connection.execute(
                tables.account.insert().values(
                    id=someone.account_id, name=someone.name, password_hash="x", created_ns=1
                )
            )
        for site in ("s-1", "s-2"):
            connection.execute(tables.site.insert().values(id=site, name=site, created_ns=1))
        for camera, site in (("hl-2a", "s-1"), ("cg-1", "s-1"), ("far", "s-2")):
            connection.execute(
                tables.camera.insert().values(
                    id=camera, site_id=site, name=camera, zone="HL", main_url="rtsp://192.0.2.9/",
                    origin="page", revision=1, created_ns=1, updated_ns=1,
                )
            )  # fmt: skip
    return database


def asked(connection: Connection, **other: Any) -> exports.Export:
    values: dict[str, Any] = {
        "site_id": "s-1",
        "cameras": ["hl-2a"],
        "span": (NOW - 2 * HOUR, NOW - HOUR),
        "request": REQUEST,
        "with_copy": False,
        "by": AN,
        "now_ns": NOW,
        "today": TODAY,
    }
    return exports.ask(connection, **{**values, **other})


@pytest.fixture
def writing(facility: Database) -> Iterator[Connection]:
    with facility.writing() as connection:
        yield connection


def acts(connection: Connection) -> list[tuple[str, str, str]]:
    rows = audit.every_row(connection, audit.Filter())
    return [(row.act, row.actor, row.outcome) for row in rows]


def test_one_asks_another_approves_and_both_stand_in_the_record(writing: Connection) -> None:
    """Who asked, who approved, and on which paper, is what the manifest and the minutes say."""
    made = asked(writing)
    approved = exports.approve(writing, made.id, by=BINH, now_ns=NOW + 1)

    assert (made.state, approved.state) == ("asked", "approved")
    assert (approved.asked.full_name, approved.decided) == (
        "Nguyễn An",
        Someone("a-2", "binh", "Trần Bình", "p-20"),
    )
    assert exports.next_to_build(writing) == approved
    assert acts(writing) == [
        ("export_asked", "an", "done"),
        ("export_approved", "binh", "done"),
    ]
    first = audit.rows(writing, audit.Filter())[-1]
    assert first.purpose == "12/CV-CQĐT, 2026-11-17, Cơ quan điều tra: xác minh"
    assert (first.site, first.unit, first.device) == ("s-1", "p-20", "Firefox")


def test_nobody_approves_their_own(facility: Database) -> None:
    """The two-person rule, whatever roles a person holds; the attempt is a row too."""
    with facility.writing() as connection:
        made = asked(connection)
    with pytest.raises(VonggacError, match="somebody else") as refused:  # noqa: SIM117
        with facility.writing() as connection:
            exports.approve(connection, made.id, by=AN, now_ns=NOW)
    with facility.writing() as connection:
        exports.refused_own(connection, made.id, by=AN, now_ns=NOW)

    with facility.reading() as connection:
        assert exports.find(connection, made.id).state == "asked"
        assert acts(connection)[-1] == ("export_approved", "an", "refused")
    assert (refused.value.kind, refused.value.detail["code"]) == (Kind.FORBIDDEN, "own_request")


def test_the_database_itself_holds_the_two_persons_apart(facility: Database) -> None:
    """A mistake in a later version must not undo the rule."""
    with facility.writing() as connection:
        asked(connection)
    with pytest.raises(sa.exc.IntegrityError, match="two_persons"):  # noqa: SIM117
        with facility.writing() as connection:
            connection.execute(tables.export.update().values(decided_by="a-1"))


def test_what_is_decided_stays_decided(writing: Connection) -> None:
    """Two who decide at the same time: the second is told."""
    made = asked(writing)
    exports.refuse(writing, made.id, by=BINH, note="thiếu công văn", now_ns=NOW)

    for act in (
        lambda: exports.approve(writing, made.id, by=BINH, now_ns=NOW),
        lambda: exports.refuse(writing, made.id, by=BINH, note="", now_ns=NOW),
    ):
        with pytest.raises(VonggacError, match="decided already"):
            act()
    assert exports.next_to_build(writing) is None


def test_of_two_who_decide_at_once_one_is_told_that_it_is_decided(facility: Database) -> None:
    """Approved by one and refused by the other, at the same moment, on either engine."""
    third = Someone("a-3", "chi", "Lê Chi", "p-20")
    with facility.writing() as connection:
        connection.execute(
            tables.account.insert().values(
                id=third.account_id, name=third.name, password_hash="x", created_ns=1
            )
        )
        export_id = asked(connection).id
        hold = holds.place(
            connection, camera_id="hl-2a", span=(NOW - HOUR, NOW), case_number="7/BB",
            reason="vụ việc", by=AN, now_ns=NOW,
        )  # fmt: skip
    together = threading.Barrier(4)

    def decided(act: Callable[[Connection], object]) -> str:
        together.wait(10)
        try:
            with facility.writing() as connection:
                act(connection)
        except VonggacError as error:
            return error.kind.value
        return "done"

    with ThreadPoolExecutor(4) as pool:
        told = list(
            pool.map(
                decided,
                (
                    lambda c: exports.approve(c, export_id, by=BINH, now_ns=NOW),
                    lambda c: exports.refuse(c, export_id, by=third, note="-", now_ns=NOW),
                    lambda c: holds.release(c, hold.id, reason="-", by=BINH, now_ns=NOW),
                    lambda c: holds.release(c, hold.id, reason="-", by=third, now_ns=NOW),
                ),
            )
        )

    assert sorted(told[:2]) == sorted(told[2:]) == ["conflict", "done"]
    with facility.reading() as connection:
        kept = acts(connection)
        state = exports.find(connection, export_id).state
    assert [act for act, _, _ in kept].count("hold_released") == 1
    assert [act for act, _, _ in kept].count(f"export_{state}") == 1


def test_whoever_asked_may_take_it_back(writing: Connection) -> None:
    """A wrong span is withdrawn by its author; nobody has decided then."""
    made = asked(writing)

    back = exports.refuse(writing, made.id, by=AN, note="nhầm giờ", now_ns=NOW)

    assert (back.state, back.decided) == ("refused", None)


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"span": (NOW - HOUR, NOW - 2 * HOUR)}, "from"),
        ({"span": (0, NOW - 2 * HOUR)}, "from"),
        ({"span": (NOW - HOUR, NOW + 1)}, "to"),
        ({"span": (NOW - 25 * HOUR, NOW)}, "to"),
        ({"span": (NOW - 13 * HOUR, NOW), "cameras": ["hl-2a", "cg-1"]}, "to"),
        ({"cameras": []}, "cameras"),
        ({"cameras": [f"c-{n}" for n in range(17)]}, "cameras"),
        ({"request": Request("", "2026-11-17", "b", "r", "l")}, "number"),
        ({"request": Request("1", "2026-11-17", " ", "r", "l")}, "body"),
        ({"request": Request("1", "2026-11-17", "b", "", "l")}, "reason"),
        ({"request": Request("1", "2026-11-17", "b", "r", "")}, "basis"),
        ({"request": Request("1", "17/11/2026", "b", "r", "l")}, "dated"),
        ({"request": Request("1", "2026-02-30", "b", "r", "l")}, "dated"),
        ({"request": Request("1", "2026-11-19", "b", "r", "l")}, "dated"),
        ({"request": Request("1" * 1001, "2026-11-17", "b", "r", "l")}, "number"),
    ],
)
def test_a_request_without_a_ground_is_refused_by_its_field(
    sqlite: Database, other: dict[str, Any], field: str
) -> None:
    """Extraction without a written request of a competent authority is fined (NĐ 330)."""
    with pytest.raises(VonggacError) as refused, sqlite.writing() as connection:
        asked(connection, **other)

    fields = refused.value.detail["fields"]
    assert isinstance(fields, dict)
    assert field in fields


def test_cameras_of_another_site_are_not_found(writing: Connection) -> None:
    """A request reaches no further than the site that it names."""
    with pytest.raises(VonggacError, match="no such camera"):
        asked(writing, cameras=["hl-2a", "far"])


def test_an_export_is_built_taken_and_goes_after_its_days(writing: Connection) -> None:
    """The file is gone after a week, the record stays; a program that stopped goes on."""
    made = asked(writing)
    exports.approve(writing, made.id, by=BINH, now_ns=NOW)
    exports.progress(writing, made.id, step="clips", done_bytes=1, total_bytes=3)
    again = exports.next_to_build(writing)
    ready = exports.finish(writing, made.id, size=9, sha256="ab" * 32, now_ns=NOW, keep_days=7)
    exports.taken(writing, ready, by=AN, now_ns=NOW)

    early = exports.over(writing, now_ns=NOW + 6 * 86_400 * NS)
    gone = exports.over(writing, now_ns=NOW + 7 * 86_400 * NS)

    assert again is not None
    assert (again.id, again.state, again.percent) == (made.id, "building", 33)
    assert (ready.state, ready.percent, exports.next_to_build(writing)) == ("ready", 100, None)
    assert (early, gone) == ([], [made.id])
    assert exports.find(writing, made.id).state == "expired"
    assert [act for act, _, _ in acts(writing)][2:] == [
        "export_built",
        "export_taken",
        "export_expired",
    ]


def test_what_fails_says_why_and_is_not_tried_for_ever(writing: Connection) -> None:
    """The box may have lost what was asked for."""
    made = asked(writing)
    exports.approve(writing, made.id, by=BINH, now_ns=NOW)

    exports.fail(writing, made.id, fault="nothing is recorded in this span", now_ns=NOW)

    found = exports.find(writing, made.id)
    assert (found.state, found.fault) == ("failed", "nothing is recorded in this span")
    assert exports.next_to_build(writing) is None
    assert acts(writing)[-1] == ("export_built", "vonggac", "refused")


def placed(connection: Connection, **other: Any) -> holds.Hold:
    values: dict[str, Any] = {
        "camera_id": "hl-2a",
        "span": (NOW - HOUR, NOW + HOUR),
        "case_number": "VA-7",
        "reason": "vụ việc",
        "by": AN,
        "now_ns": NOW,
    }
    return holds.place(connection, **{**values, **other})


def test_a_hold_stands_until_somebody_else_lets_it_go(facility: Database) -> None:
    """Whoever has an interest in keeping or losing a recording does not decide alone."""
    with facility.writing() as connection:
        hold = placed(connection)
    with pytest.raises(VonggacError, match="somebody else") as refused:  # noqa: SIM117
        with facility.writing() as connection:
            holds.release(connection, hold.id, reason="xong", by=AN, now_ns=NOW)
    with facility.writing() as connection:
        holds.refused_own(connection, hold.id, by=AN, now_ns=NOW)
        before = holds.kept(connection, "s-1")
        gone = holds.release(connection, hold.id, reason="xong", by=BINH, now_ns=NOW)
        after = holds.kept(connection, "s-1")
        with pytest.raises(VonggacError, match="released already"):
            holds.release(connection, hold.id, reason="xong", by=BINH, now_ns=NOW)

    assert refused.value.detail["code"] == "own_hold"
    assert before == [holds.Kept("hl-2a", NOW - HOUR, NOW + HOUR, "VA-7")]
    assert (after, gone.stands, gone.released_name) == ([], False, "binh")
    with facility.reading() as connection:
        assert acts(connection) == [
            ("hold_placed", "an", "done"),
            ("hold_released", "an", "refused"),
            ("hold_released", "binh", "done"),
        ]
        assert [one.id for one in holds.listed(connection, ["s-1"])] == [hold.id]
        assert holds.listed(connection, ["s-2"]) == []


@pytest.mark.parametrize(
    "other",
    [
        {"case_number": " "},
        {"reason": ""},
        {"reason": "x" * 301},
        {"span": (5, 5)},
        {"span": (1, 2**62)},
        {"camera_id": "nowhere"},
    ],
)
def test_a_hold_without_a_case_is_refused(facility: Database, other: dict[str, Any]) -> None:
    """Keeping longer than promised needs a ground as well."""
    with pytest.raises(VonggacError), facility.writing() as connection:
        placed(connection, **other)


def test_what_an_open_request_asks_for_is_kept_until_it_is_decided(writing: Connection) -> None:
    """Thirty days must not run out while an approval waits."""
    made = asked(writing, cameras=["hl-2a", "cg-1"])
    before = holds.kept(writing, "s-1")
    exports.refuse(writing, made.id, by=BINH, note="", now_ns=NOW)

    assert [(one.camera, one.case) for one in before] == [
        ("hl-2a", "12/CV-CQĐT"),
        ("cg-1", "12/CV-CQĐT"),
    ]
    assert holds.kept(writing, "s-1") == []
