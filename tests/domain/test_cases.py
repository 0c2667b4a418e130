"""Cases: what may be done to one, by whom, and what of it is ever told outside."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

import vonggac
from vonggac.clock import NS
from vonggac.db import case, tables
from vonggac.domain import audit, case_book, case_told, cases, holds, violations
from vonggac.domain.case_book import Description, Given, Moment, Word
from vonggac.domain.exports import Someone
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonggac.db import Connection, Database

NOW = 1_795_000_000 * NS  # 18/11/2026 in Việt Nam
SITE = "s" * 26
GUARD, LEAD, LEADER = (
    Someone(f"a-{name}", name, f"Cán bộ {name}", unit="u-1") for name in ("guard", "lead", "leader")
)
SEEN = Description("N02", "N", "", "phòng 207", "người ở phòng", "Hai người ở cửa 207 và 209.")
MINUTES = Given("Công an xã (bịa)", "Cán bộ tiếp nhận", "01/BB-BG", date(2026, 11, 18))
VIOLATION = Word("violation", "12/QĐ-XP", date(2026, 11, 18), "Điều 1 (bịa)", "")


@pytest.fixture
def hub(database: Database) -> Database:
    """A facility with two cameras, and three people."""
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(id=SITE, name="sl-05", title="KS", created_ns=1)
        )
        for name in ("hl-2a", "hl-2b"):
            connection.execute(
                tables.camera.insert().values(
                    id=name, site_id=SITE, name=name, zone="HL", main_url="rtsp://192.0.2.9/1",
                    origin="page", revision=1, created_ns=1, updated_ns=1,
                )
            )  # fmt: skip
        for one in (GUARD, LEAD, LEADER):
            connection.execute(
                tables.account.insert().values(
                    id=one.account_id, name=one.name, role="-", password_hash="-",
                    must_change=False, created_ns=1,
                )
            )  # fmt: skip
    return database


def marked(connection: Connection, at_ns: int = NOW, by: Someone = GUARD) -> cases.Case:
    return case_book.mark(connection, Moment("hl-2a", at_ns), holds_here=True, by=by, now_ns=NOW)


def confirmed(connection: Connection) -> cases.Case:
    made = marked(connection)
    case_book.describe(connection, made.id, SEEN, by=GUARD, now_ns=NOW)
    return case_book.confirm(connection, made.id, said="", by=LEAD, now_ns=NOW)


def handed(connection: Connection) -> cases.Case:
    it = confirmed(connection)
    return case_book.hand_over(connection, it.id, MINUTES, by=LEAD, now_ns=NOW)


def code_of(do: Callable[[], Any]) -> str:
    with pytest.raises(VonggacError) as error:
        do()
    return str(error.value.detail.get("code") or error.value.detail.get("fields"))


def test_one_key_opens_a_case_and_holds_its_clip(hub: Database) -> None:
    """Retention must not take what somebody has just seen while they write."""
    with hub.writing() as connection:
        made = marked(connection)
        (mark,) = cases.marks(connection, made.id)
        (hold,) = holds.standing(connection, [SITE])
        rows = [row.act for row in audit.rows(connection, audit.Filter())]

    assert made.number == "VV-2026-0001"
    assert (made.state, made.violation, made.opened_by) == ("suspected", "", "a-guard")
    assert (mark.camera_id, mark.zone, mark.at_ns) == ("hl-2a", "HL", NOW)
    assert (hold.id, hold.case_number) == (mark.hold_id, made.number)
    assert (hold.from_ns, hold.to_ns) == (NOW - cases.BEFORE_NS, NOW + cases.AFTER_NS)
    assert "case_opened" in rows


def test_where_no_hold_reaches_the_mark_stands_and_says_so(hub: Database) -> None:
    """A province marks what it sees; the box of the site obeys another hub."""
    with hub.writing() as connection:
        made = case_book.mark(
            connection, Moment("hl-2a", NOW), holds_here=False, by=GUARD, now_ns=NOW
        )
        (mark,) = cases.marks(connection, made.id)

    assert (mark.hold_id, mark.unheld) == (None, "box_elsewhere")


def test_numbers_count_the_cases_of_a_year(hub: Database) -> None:
    with hub.writing() as connection:
        assert [marked(connection).serial for _ in range(3)] == [1, 2, 3]
        assert cases.by_number(connection, "vv-2026-0002") is not None
        assert cases.by_number(connection, "2026-3") is not None
        assert cases.by_number(connection, "VV-2026-x") is None


def test_whoever_marked_does_not_confirm(hub: Database) -> None:
    """Two people: the one who is sure is not the one who decides."""
    with hub.writing() as connection:
        made = marked(connection)
        assert code_of(
            lambda: case_book.confirm(connection, made.id, said="", by=LEAD, now_ns=NOW)
        ) == "not_described"  # fmt: skip
        case_book.describe(connection, made.id, SEEN, by=GUARD, now_ns=NOW)
        assert code_of(
            lambda: case_book.confirm(connection, made.id, said="", by=GUARD, now_ns=NOW)
        ) == "own_case"  # fmt: skip
        it = case_book.confirm(connection, made.id, said="", by=LEAD, now_ns=NOW)

    assert (it.state, it.confirmed_by, it.severity) == ("confirmed", "a-lead", "high")


def test_the_severity_of_the_catalogue_sets_the_clock(hub: Database) -> None:
    minutes = violations.severities()
    with hub.writing() as connection:
        made = marked(connection)
        described = case_book.describe(connection, made.id, SEEN, by=GUARD, now_ns=NOW)

    assert made.due_ns == NOW + minutes["medium"].minutes * 60 * NS
    assert described.due_ns == NOW + minutes["high"].minutes * 60 * NS
    assert described.is_late(described.due_ns + 1)


def test_names_and_days_are_refused_wherever_a_case_takes_words(hub: Database) -> None:
    """A case tells of a room and a role."""
    with hub.writing() as connection:
        it = confirmed(connection)
        fresh = marked(connection)
        named = Description("N02", "N", "", "chị Hoa", "", "vào khu từ hôm qua")
        said = [
            code_of(lambda: case_book.describe(connection, fresh.id, named, by=GUARD, now_ns=NOW)),
            code_of(lambda: case_book.note(connection, it.id, "Trần Văn B", by=GUARD, now_ns=NOW)),
            code_of(
                lambda: case_book.dismiss(
                    connection, fresh.id, reason="F1 ở phòng 2", by=GUARD, now_ns=NOW
                )
            ),
        ]

    assert said == [
        "{'place': 'person_name', 'said': 'person_day'}",
        "{'said': 'person_name'}",
        "{'reason': 'person_health'}",
    ]


def test_a_case_goes_its_way_and_no_other(hub: Database) -> None:
    """Nothing is closed unconfirmed, handled when dismissed, or decided twice."""
    with hub.writing() as connection:
        it = marked(connection)
        for step in ("taken", "handed_over", "concluded", "closed"):
            assert cases.refusal(it, step, by_id="a-lead") == "case_state"  # type: ignore[arg-type]
        gone = case_book.dismiss(connection, it.id, reason="bấm nhầm", by=GUARD, now_ns=NOW)
        for step in cases.IN_STATE:
            assert cases.refusal(gone, step, by_id="a-lead") == "case_state"  # type: ignore[arg-type]
        it = confirmed(connection)
        it = case_book.take(connection, it.id, due_ns=None, said="", by=LEAD, now_ns=NOW)
        it = case_book.close(connection, it.id, reason="đã nhắc", by=LEAD, now_ns=NOW)
        steps = [one.kind for one in cases.entries(connection, it.id)]

    assert (it.state, it.outcome, it.basis) == ("closed", "event", "")
    assert steps == ["opened", "described", "confirmed", "taken", "closed"]


def test_a_violation_needs_a_body_its_basis_and_another_person(hub: Database) -> None:
    """Whoever is on duty confirms an event; what it is in law is not theirs to say."""
    with hub.writing() as connection:
        it = handed(connection)
        bare = Word("violation", "12/QĐ-XP", date(2026, 11, 18), " ", "")
        said = [
            code_of(lambda: case_book.conclude(connection, it.id, bare, by=LEADER, now_ns=NOW)),
            code_of(lambda: case_book.conclude(connection, it.id, VIOLATION, by=LEAD, now_ns=NOW)),
            code_of(lambda: case_book.close(connection, it.id, reason="x", by=LEAD, now_ns=NOW)),
            code_of(lambda: case_book.hand_over(connection, it.id, MINUTES, by=LEAD, now_ns=NOW)),
        ]
        it = case_book.conclude(connection, it.id, VIOLATION, by=LEADER, now_ns=NOW)
        over = case_book.close(connection, it.id, reason="theo quyết định", by=LEAD, now_ns=NOW)

    assert said == ["{'basis': 'required'}", "own_confirmation", "handed_over", "handed_over"]
    assert (over.outcome, over.concluded_body, over.basis) == (
        "violation", MINUTES.body, VIOLATION.basis,
    )  # fmt: skip


def test_queues_are_mine_my_units_and_late(hub: Database) -> None:
    with hub.writing() as connection:
        mine = marked(connection)
        other = marked(connection, by=LEAD)
        later = NOW + 9 * 3600 * NS
        wish = cases.Wish("mine", "a-guard", frozenset({"u-1"}), later)
        found, count = cases.listed(connection, [SITE], wish)
        counted = cases.counts(connection, [SITE], wish)
        elsewhere = cases.counts(connection, ["x" * 26], wish)

    assert ([one.id for one in found], count) == ([mine.id], 1)
    assert other.id != mine.id
    assert counted == {"mine": 1, "unit": 2, "late": 2, "open": 2, "over": 0, "all": 2}
    assert set(elsewhere.values()) == {0}


def test_a_case_climbs_to_the_unit_above(hub: Database) -> None:
    with hub.writing() as connection:
        it = marked(connection)
        path = ("u-0", "u-1")
        it = case_book.escalate(
            connection, it.id, path=path, said="vượt quyền", by=LEAD, now_ns=NOW
        )
        top = code_of(
            lambda: case_book.escalate(
                connection, it.id, path=path, said="nữa", by=LEAD, now_ns=NOW
            )
        )

    assert (it.unit, top) == ("u-0", "no_tier")


def test_linked_cases_show_each_other(hub: Database) -> None:
    with hub.writing() as connection:
        one, other = marked(connection), marked(connection)
        case_book.link(connection, one.id, other, by=GUARD, now_ns=NOW)
        again = code_of(lambda: case_book.link(connection, other.id, one, by=GUARD, now_ns=NOW))
        seen = [found.id for found in cases.linked(connection, other.id)]

    assert seen == [one.id]
    assert again == "{'number': 'linked'}"


def test_an_old_case_is_deleted_once_nothing_holds_its_clip(hub: Database) -> None:
    """Cases have a retention of their own; the access log keeps the number."""
    later = NOW + (violations.keep_days() + 1) * cases.DAY_NS
    with hub.writing() as connection:
        it = marked(connection)
        other = marked(connection)
        case_book.link(connection, it.id, other, by=GUARD, now_ns=NOW)
        case_book.dismiss(connection, it.id, reason="bấm nhầm", by=GUARD, now_ns=NOW)
        assert case_book.expire(connection, now_ns=later) == 0
        (mark,) = cases.marks(connection, it.id)
        holds.release(connection, str(mark.hold_id), reason="xong", by=LEAD, now_ns=NOW)
        assert case_book.expire(connection, now_ns=later - 2 * cases.DAY_NS) == 0
        assert case_book.expire(connection, now_ns=later) == 1
        left = connection.execute(sa.select(case.case_mark.c.case_id)).scalars().all()
        rows = [row for row in audit.rows(connection, audit.Filter()) if row.act == "case_deleted"]

    assert left == [other.id]
    assert [row.detail["case"] for row in rows] == [it.number]


# -- what is told outside --------------------------------------------------------------------


def suspected(connection: Connection) -> cases.Case:
    return case_book.suspect(
        connection, camera_id="hl-2a", at_ns=NOW, violation="N02", program="dem-nguoi 1.4, 0,83",
        now_ns=NOW,
    )  # fmt: skip


def test_a_program_suspects_and_never_tells(hub: Database) -> None:
    """Only what a named person confirmed leaves, and only what a body concluded is a violation."""
    with hub.writing() as connection:
        hint = suspected(connection)
        marked(connection)
        assert case_told.told(connection, [SITE]) == []
        assert code_of(lambda: case_told.of(hint)) == "not_confirmed"
        case_book.confirm(connection, hint.id, said="", by=LEAD, now_ns=NOW)
        (event,) = case_told.told(connection, [SITE])
        case_book.hand_over(connection, hint.id, MINUTES, by=LEAD, now_ns=NOW)
        case_book.conclude(connection, hint.id, VIOLATION, by=LEADER, now_ns=NOW)
        (concluded,) = case_told.told(connection, [SITE])

    assert (event.is_as, event.confirmed_name, event.basis) == ("event", "Cán bộ lead", "")
    assert (concluded.is_as, concluded.basis) == ("violation", VIOLATION.basis)


@pytest.mark.parametrize(
    "values",
    [
        {"state": "confirmed"},
        {"state": "closed", "ended_ns": NOW, "outcome": "violation"},
        {"outcome": "violation", "confirmed_by": "a-lead"},
        {"outcome": "violation", "confirmed_by": "a-lead", "basis": "x", "concluded_body": "y"},
        {"found_by": "person"},
    ],
)
def test_the_database_refuses_what_no_person_stands_for(
    hub: Database, values: dict[str, Any]
) -> None:
    """Whatever a program writes: not as confirmed, and not as a violation."""
    with hub.writing() as connection:
        hint = suspected(connection)
    table = case.case_record
    with pytest.raises(sa.exc.IntegrityError), hub.writing() as connection:
        connection.execute(table.update().where(table.c.id == hint.id).values(**values))


SOURCE = Path(vonggac.__file__).parent
OWN = {"domain/cases.py", "domain/case_book.py", "domain/case_told.py", "db/case.py",
       "db/__init__.py", "web/cases.py", "web/cases_api.py", "web/case_work.py",
       "hub/auditing.py"}  # fmt: skip
"""Where cases live: their book, their door, their own pages, and what deletes old ones."""


def imported(path: Path) -> set[str]:
    """Every module and name that a file imports, dotted."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{one.name}" for one in node.names} | {str(node.module)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found


def test_no_writer_of_papers_or_figures_reads_cases_by_another_way() -> None:
    """Reports, letters, statistics, exports: all of the program but the pages of cases."""
    shut = {"vonggac.db.case", "vonggac.domain.cases", "vonggac.domain.case_book"}
    every = {path.relative_to(SOURCE).as_posix(): path for path in SOURCE.rglob("*.py")}
    by_import = {name for name, path in every.items() if imported(path) & shut}
    by_table = {
        name
        for name, path in every.items()
        if "case_record" in path.read_text("utf-8") and "/versions/" not in name
    }

    assert by_import - OWN == set()
    assert by_table - OWN == set()
    assert len(every) > 300
