"""Every amount, count and percentage of a report, reckoned again from the raw rows of the tables.

The facilities are made by chance from a fixed seed; what is expected is worked out here row by row,
in plain loops, by the words of the figures and by nothing of the program's own sums.
"""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import openpyxl
import pypdf
import pytest
import sqlalchemy as sa

from vonggac import paper
from vonggac.clock import NS
from vonggac.db import designated as designated_db
from vonggac.db import estimate as money_db
from vonggac.db import inspection as inspection_db
from vonggac.db import register, tables
from vonggac.db import survey as survey_db
from vonggac.db import task as task_db
from vonggac.domain import issuers, legal, report_papers, reports, statistics, units
from vonggac.domain.access import Held, Person
from vonggac.domain.duties import Act
from vonggac.domain.exports import Someone
from vonggac.domain.statistics import BY_CODE, FIGURES, Span
from vonggac.errors import VonggacError
from vonggac.paper import layout, word
from vonggac.paper.letter import Chart, Grid, faults

if TYPE_CHECKING:
    from vonggac.db import Connection, Database

NOW_NS = 1_795_338_727_000_000_000
TODAY = legal.day_of(NOW_NS)
SPAN = Span(TODAY - timedelta(days=2), TODAY)
DAY_NS = 86_400 * NS
LINES = ("military", "paid_hotel", "civil")
STATES = ("", "asked", "answered", "verified", "disputed", "refused")
STEPS = ("draft", "submitted", "appraised", "approved", "returned")
READER = Person("a1", "doc", (Held("office", frozenset((Act.REPORT_SEE, Act.PAPER_SEE))),))
BY = Someone("a1", "doc", "Người A")


def filled(connection: Connection, count: int = 14) -> None:
    """Facilities in every state, by chance; the seed is fixed."""
    chance = random.Random(2021)
    for name, above in (("A", None), ("A1", "A"), ("A2", "A"), ("B", None)):
        units.add_unit(
            connection, parent_id=UNITS.get(above or ""), code=name, en="", source="",
            kind="commune" if above else "province", vi=f"Đơn vị {name}",
            valid_from=date(2020, 1, 1),
        )  # fmt: skip
        UNITS[name] = connection.execute(
            sa.select(tables.unit.c.id).where(tables.unit.c.code == name)
        ).scalar_one()
    connection.execute(survey_db.survey_campaign.insert().values(**row_of(
        survey_db.survey_campaign, id="c1", due=TODAY - timedelta(days=1), answers="facility",
        made_ns=NOW_NS - 9 * DAY_NS,
    )))  # fmt: skip
    connection.execute(inspection_db.inspection_round.insert().values(
        **row_of(inspection_db.inspection_round, id="r1")
    ))  # fmt: skip
    for name, day in (("Hệ thống cũ", 9), ("Hệ thống nay", 5)):
        add(connection, designated_db.designated_system, id=name, name=name,
            from_day=TODAY - timedelta(days=day), said_ns=NOW_NS - DAY_NS)  # fmt: skip
    for number in range(count):
        _facility(connection, chance, number)
    _linked(connection)


UNITS: dict[str, str] = {}


def _facility(connection: Connection, chance: random.Random, number: int) -> None:
    site_id = f"s{number:02}" + "x" * 23
    add(connection, tables.site, id=site_id, name=f"cs-{number:02}", title=f"Cơ sở {number}",
        owner_line=LINES[number % 3], unit_id=UNITS[("A1", "A2", "B")[number % 3]],
        created_ns=NOW_NS - 40 * DAY_NS)  # fmt: skip
    add(connection, register.facility, site_id=site_id,
        status=chance.choice(("in_service", "paused")))  # fmt: skip
    if chance.random() < 0.8:
        add(connection, tables.site_state, site_id=site_id, as_of_ns=NOW_NS, heard_ns=NOW_NS,
            reachable_since_ns=chance.choice((None, NOW_NS - DAY_NS)))  # fmt: skip
    for at in range(chance.randrange(5)):
        _camera(connection, chance, site_id, f"c-{at}")
    state = STATES[number % len(STATES)]
    if state:
        add(connection, survey_db.survey, id=f"v{number}", survey_campaign_id="c1",
            site_id=site_id, state=state, reason="bận" if state == "refused" else "")  # fmt: skip
    if state == "verified":
        found = {"qualifies": bool(number % 4), "reasons": [] if number % 4 else ["repair", "new"],
                 "cameras": [{"qualifies": chance.random() < 0.6} for _ in range(4)]}  # fmt: skip
        add(connection, survey_db.survey_verdict, id=f"w{number}", survey_id=f"v{number}",
            site_id=site_id, qualifies=found["qualifies"], found=found,
            made_ns=NOW_NS - DAY_NS)  # fmt: skip
    for at in range(chance.randrange(3)):
        add(connection, inspection_db.inspection, id=f"i{number}-{at}", round_id="r1",
            site_id=site_id, way="on_site", state=chance.choice(("done", "planned")),
            counts=chance.random() < 0.7, client_id=None,
            done=TODAY - timedelta(days=chance.randrange(20)))  # fmt: skip
    for at in range(chance.randrange(4)):
        add(connection, task_db.task, id=f"t{number}-{at}", site_id=site_id, unit_id=None,
            directive_id=None, clause_id=None, body="Sở A", what="việc", opened_ns=NOW_NS - DAY_NS,
            due=TODAY + timedelta(days=chance.randrange(-3, 3)),
            state=chance.choice(("open", "doing", "done", "waived")))  # fmt: skip
    for at in range(chance.randrange(3)):
        _estimate(connection, chance, site_id, f"e{number}-{at}")


def _linked(connection: Connection) -> None:
    """Cameras accepted by a person, and cameras that an enterprise says are linked, or not now."""
    cameras = connection.execute(sa.select(tables.camera).order_by(tables.camera.c.id)).all()
    for at, camera in enumerate(cameras):
        key = {"site_id": camera.site_id, "camera_id": camera.id}
        if int(camera.site_id[1:3]) % 3 == 1:
            add(connection, task_db.acceptance, id=f"y{at}", **key, state="passed",
                tried_ns=NOW_NS - DAY_NS, accepted_ns=NOW_NS - NS if at % 7 else None)  # fmt: skip
        for turn, (system, linked) in enumerate((("cũ", True), ("nay", at % 3 == 0))):
            if at % 5 >= turn:
                add(connection, designated_db.designated_link, id=f"l{at}-{turn}", **key,
                    system_id=f"Hệ thống {system}", linked=linked, linked_day=TODAY,
                    said_ns=NOW_NS - DAY_NS + turn)  # fmt: skip


def _camera(connection: Connection, chance: random.Random, site_id: str, name: str) -> None:
    add(connection, tables.camera, id=f"{site_id}{name}", site_id=site_id, name=name, zone="HL",
        main_url="rtsp://x/1", origin="page", source="auto",
        retired_ns=chance.choice((None, None, None, NOW_NS - DAY_NS)))  # fmt: skip
    # The second one of a facility was never measured; the third was away for a while.
    spans = {"c-1": (), "c-2": ((9, 5), (4, None))}.get(name, ((9, None),))
    for first, last in spans:
        connection.execute(tables.camera_service.insert().values(
            camera_id=f"{site_id}{name}", from_ns=NOW_NS - first * DAY_NS,
            to_ns=None if last is None else NOW_NS - last * DAY_NS,
        ))  # fmt: skip
    if chance.random() < 0.3:
        return
    key = {"site_id": site_id, "camera": name, "stream": "main"}
    status = chance.choice(("recording", "gap", "off"))
    since = NOW_NS - chance.randrange(1, 5) * 3_600 * NS
    add(connection, tables.state, **key, status=status, since_ns=since, as_of_ns=NOW_NS - NS,
        cause="unreachable" if status == "gap" else None)  # fmt: skip
    at = SPAN.ns[0] - 5 * 3_600 * NS
    while at < since:
        length = chance.randrange(1, 20 * 3_600) * NS
        kind = tables.span if chance.random() < 0.7 else tables.gap
        cause = chance.choice(("unreachable", "disk_slow", "stalled"))
        more = {"cause": cause} if kind is tables.gap else {}
        add(connection, kind, **key, from_ns=at, to_ns=min(at + length, since), **more)
        at += length
    if status == "gap":
        add(connection, tables.gap, **key, from_ns=since, to_ns=None, cause="unreachable")


def _estimate(connection: Connection, chance: random.Random, site_id: str, name: str) -> None:
    versions = chance.randrange(1, 3)
    for version in range(1, versions + 1):
        state = chance.choice(STEPS) if version == versions else "returned"
        add(connection, money_db.estimate, id=f"{name}-{version}", site_id=site_id, code=name,
            version=version, how="buy", contingency=chance.choice((0, 500, 777)), state=state,
            connection_plan_id=None, made_ns=NOW_NS - DAY_NS)  # fmt: skip
        for at in range(1, chance.randrange(2, 5)):
            quantity, price = chance.randrange(1, 9), chance.randrange(1, 9_999_999)
            judged = state in ("appraised", "approved")
            add(connection, money_db.estimate_line, id=f"{name}-{version}-{at}",
                estimate_id=f"{name}-{version}", at=at, quantity=quantity, price=price,
                vat=chance.choice((800, 1_000)),
                appraised_quantity=quantity if judged else None,
                appraised_price=price // 2 if judged else None,
                approved_quantity=quantity if state == "approved" else None,
                approved_price=price // 3 if state == "approved" else None)  # fmt: skip


def row_of(table: sa.Table, **values: Any) -> dict[str, Any]:
    """A row with something in every column that must have something."""
    given: dict[str, Any] = {}
    for column in table.columns:
        if column.name in values or column.nullable or column.server_default is not None:
            continue
        if column.autoincrement is True or (str(column.type) == "INTEGER" and column.primary_key):
            continue
        python = "JSON" if isinstance(column.type, sa.JSON) else column.type.python_type.__name__
        given[column.name] = {"str": "x", "int": 1, "date": TODAY, "bool": False, "float": 0.0,
                              "JSON": {}, "bytes": b"x"}[python]  # fmt: skip
    return given | values


def add(connection: Connection, table: sa.Table, **values: Any) -> None:
    connection.execute(table.insert().values(**row_of(table, **values)))


@dataclass
class Raw:
    """Every row of the tables, as they are."""

    tables: dict[str, list[Any]]

    def of(self, table: sa.Table, **fits: Any) -> list[Any]:
        return [
            row for row in self.tables[table.name]
            if all(getattr(row, name) == value for name, value in fits.items())
        ]  # fmt: skip


def raw(connection: Connection) -> Raw:
    names = (
        tables.site, tables.camera, tables.camera_service, tables.state, tables.site_state,
        tables.span, tables.gap, survey_db.survey, survey_db.survey_verdict,
        inspection_db.inspection, register.facility, task_db.task, money_db.estimate,
        money_db.estimate_line, task_db.acceptance, designated_db.designated_link,
    )  # fmt: skip
    return Raw({one.name: list(connection.execute(sa.select(one)).all()) for one in names})


def clipped(start: int, end: int) -> int:
    first, last = SPAN.ns[0], min(SPAN.ns[1], NOW_NS)
    return max(0, min(end, last) - max(start, first))


def again(raw: Raw, site_ids: list[str]) -> dict[str, int]:
    """Every figure from the rows, by its words."""
    found = dict.fromkeys((one.code for one in FIGURES), 0)
    known = 0
    for site_id in site_ids:
        (site,) = raw.of(tables.site, id=site_id)
        surveys = raw.of(survey_db.survey, site_id=site_id)
        state = surveys[0].state if surveys else ""
        verdicts = raw.of(survey_db.survey_verdict, site_id=site_id)
        cameras = raw.of(tables.camera, site_id=site_id, retired_ns=None)
        states = {one.camera: one for one in raw.of(tables.state, site_id=site_id, stream="main")}
        box = raw.of(tables.site_state, site_id=site_id)
        is_reachable = any(one.reachable_since_ns is not None for one in box)
        told = [one for one in cameras if one.name in states and states[one.name].status != "off"]
        measured = [one for one in cameras
                    if raw.of(tables.camera_service, camera_id=one.id, to_ns=None)]  # fmt: skip
        online = [one for one in told if states[one.name].status == "recording" and is_reachable]
        counts = {
            "facilities": 1,
            "asked": bool(state),
            "surveyed": state in ("answered", "verified", "disputed"),
            "verified": state == "verified",
            "survey_late": state in ("asked", "disputed"),
            "refusing": state == "refused",
            "qualified": bool(verdicts) and verdicts[0].qualifies,
            "connected": bool(told),
            "not_connected": not told,
            "reachable": is_reachable,
            "cameras": len(cameras),
            "cameras_measured": len(measured),
            "cameras_unmeasured": len(cameras) - len(measured),
            "cameras_qualified": sum(
                one["qualifies"] for verdict in verdicts for one in verdict.found["cameras"]
            ),
            "cameras_connected": len(told),
            "cameras_online": len(online),
        }
        counts |= accepted(raw, cameras) | confirmed(raw, cameras)
        recorded = sum(clipped(one.from_ns, one.to_ns)
                       for one in raw.of(tables.span, site_id=site_id))  # fmt: skip
        for name, one in states.items():
            if one.status == "recording":
                ends = [row.to_ns for row in raw.of(tables.span, site_id=site_id, camera=name)]
                recorded += clipped(max([one.since_ns, *ends]), one.as_of_ns)
        missing = sum(
            clipped(one.from_ns, one.to_ns or states[one.camera].as_of_ns)
            for one in raw.of(tables.gap, site_id=site_id)
        )
        reached = sum(
            clipped(one.from_ns, one.to_ns or states[one.camera].as_of_ns)
            for one in raw.of(tables.gap, site_id=site_id)
            if one.cause != "unreachable"
        )
        known += recorded + missing
        counts |= {"recorded": recorded, "linked": recorded + reached}
        counts |= inspected(raw, site_id, site.created_ns) | tasks(raw, site_id)
        counts |= money(raw, site_id)
        for code, amount in counts.items():
            found[code] += int(amount)
    found["known"] = known
    return found


def accepted(raw: Raw, cameras: list[Any]) -> dict[str, int]:
    """By a person, camera by camera; a facility when all its cameras are."""
    count = sum(
        any(one.accepted_ns is not None for one in raw.of(task_db.acceptance, camera_id=camera.id))
        for camera in cameras
    )
    return {"cameras_accepted": count, "accepted": bool(cameras) and count == len(cameras)}


def confirmed(raw: Raw, cameras: list[Any]) -> dict[str, int]:
    """By the last word of an enterprise, of the system that is designated now."""
    said = [raw.of(designated_db.designated_link, camera_id=camera.id) for camera in cameras]
    last = [max(every, key=lambda one: one.said_ns) for every in said if every]
    count = sum(one.linked and one.system_id == "Hệ thống nay" for one in last)
    return {"cameras_confirmed": count}


def inspected(raw: Raw, site_id: str, created_ns: int) -> dict[str, int]:
    done = [
        one.done for one in raw.of(inspection_db.inspection, site_id=site_id, state="done")
        if one.counts
    ]  # fmt: skip
    (facility,) = raw.of(register.facility, site_id=site_id)
    owed = facility.status == "in_service"
    due = max([legal.day_of(created_ns), *done]) + timedelta(days=15)
    return {
        "inspected": sum(SPAN.first <= day <= SPAN.last for day in done),
        "inspection_owed": owed,
        "inspection_late": owed and due < TODAY,
    }


def tasks(raw: Raw, site_id: str) -> dict[str, int]:
    every = [one for one in raw.of(task_db.task, site_id=site_id) if one.state != "waived"]
    return {
        "tasks": len(every),
        "tasks_done": sum(one.state == "done" for one in every),
        "tasks_late": sum(one.state != "done" and one.due < TODAY for one in every),
    }


def money(raw: Raw, site_id: str) -> dict[str, int]:
    """Line by line: tax once for each rate, contingency once, each half a đồng upward."""
    found = {"money_asked": 0, "money_appraised": 0, "money_approved": 0}
    every = raw.of(money_db.estimate, site_id=site_id)
    for one in every:
        last = max(other.version for other in every if other.code == one.code)
        if one.version != last or one.state not in ("submitted", "appraised", "approved"):
            continue
        lines = raw.of(money_db.estimate_line, estimate_id=one.id)
        for name, before in (("asked", ""), ("appraised", "appraised_"), ("approved", "approved_")):
            pairs = [(getattr(line, f"{before}quantity"), getattr(line, f"{before}price"))
                     for line in lines]  # fmt: skip
            if any(quantity is None for quantity, _ in pairs):
                continue
            rates: dict[int, int] = {}
            for line, (quantity, price) in zip(lines, pairs, strict=True):
                rates[line.vat] = rates.get(line.vat, 0) + quantity * price
            net = sum(rates.values()) + sum(
                half_up(Fraction(base * rate, 10_000)) for rate, base in rates.items()
            )
            found[f"money_{name}"] += net + half_up(Fraction(net * one.contingency, 10_000))
    return found


def half_up(amount: Fraction) -> int:
    return (2 * amount + 1).__floor__() // 2


@pytest.fixture
def country(database: Database) -> Database:
    with database.writing() as connection:
        filled(connection)
    return database


@pytest.mark.parametrize("unit", [None, "A", "A1"])
def test_every_figure_comes_out_of_the_raw_rows(country: Database, unit: str | None) -> None:
    """Amounts, counts and shares of the whole, of a province and of a commune."""
    with country.reading() as connection:
        counted = reports.count(
            connection, READER, UNITS[unit] if unit else None, SPAN, now_ns=NOW_NS
        )
        rows = raw(connection)
        parents = {row.id: row.parent_id for row in connection.execute(sa.select(tables.unit))}
    sites = [
        one.id for one in rows.of(tables.site)
        if unit is None or UNITS[unit] in (one.unit_id, parents.get(one.unit_id))
    ]  # fmt: skip
    expected = again(rows, sites)
    values = counted.whole.values
    assert {code: value.amount for code, value in values.items()} == {
        code: expected[code] for code in values
    }
    for code, value in values.items():
        whole = expected.get(BY_CODE[code].of, 0)
        share = expected[code] * 10_000 // whole if BY_CODE[code].of and whole else None
        assert value.share == share, code
    assert sum(value.amount > 0 for value in values.values()) > (20 if unit is None else 8)


def test_what_is_kept_and_printed_says_the_same(country: Database) -> None:
    """Letter, sheet and page of a kept report are its data; each figure names its rows."""
    with country.writing() as connection:
        counted = reports.count(connection, READER, None, SPAN, now_ns=NOW_NS)
        data = reports.data_of(counted, now_ns=NOW_NS)
        kept = reports.keep(connection, data, "periodic", by=BY, now_ns=NOW_NS)
        expected = again(raw(connection), [row.site_id for row in counted.whole.rows])
        office = issuers.office(connection, UNITS["A"], on=TODAY, otherwise="x")
        again_read = reports.data_kept(connection, kept)
        assert json.loads(json.dumps(data)) == again_read
        assert reports.statistics_of(again_read).rows == counted.whole.rows
    for one in data["figures"]:
        assert one["amount"] == expected[one["code"]]
        assert len(one["sites"]) == one["facilities"]
    for part in data["units"]:
        name, narrowed = reports.narrowed(data, part["id"])
        assert (name, narrowed.part("cameras")) == (part["name"], part["cameras"])
    made = report_papers.letter(data, office, "Ủy ban nhân dân tỉnh", on=TODAY)
    assert faults(made) == ()
    assert layout.number_line(made).endswith("/BC-UBND")
    printed = {row[0]: row[1] for block in made.body if isinstance(block, Grid)
               for row in block.rows}  # fmt: skip
    assert printed["Camera đã lắp"] == f"{expected['cameras']}"
    assert printed["Dự toán đã phê duyệt"].replace(".", "") == f"{expected['money_approved']} đồng"
    assert paper.official(made).startswith(b"%PDF-")
    assert word.document(made)
    blocks = [*made.body, *made.appendices[0].blocks]
    reasons, units = [block for block in blocks if isinstance(block, Chart)]
    assert [bar.values[0] for bar in reasons.bars] == list(data["reasons"].values())
    for at, code in enumerate(("connected", "not_connected")):
        assert sum(bar.values[at] for bar in units.bars) == expected[code], code
    book = openpyxl.load_workbook(io.BytesIO(report_papers.workbook(data)))
    told = {row[0].value: row[1].value for row in book["Chỉ tiêu"].iter_rows(min_row=5)}
    assert told["Dự toán đề nghị"] == expected["money_asked"]
    sheet = book["Cơ sở"]
    column = [cell.value for cell in sheet[1]].index("Camera") + 1
    assert (
        sum(sheet.cell(at, column).value for at in range(2, sheet.max_row + 1))
        == expected["cameras"]
    )
    by_unit = [row[1].value for row in book["Theo đơn vị"].iter_rows(min_row=2)]
    assert sum(by_unit) == expected["facilities"]


def test_a_letter_is_signed_as_the_body_that_was_named(country: Database) -> None:
    """By the unit of that name in the province; by the words of the name where there is none."""
    with country.reading() as connection:
        province = next(
            one for one in units.path(connection, UNITS["A"], TODAY) if one.kind == "province"
        )
        mine = issuers.office(connection, province.id, on=TODAY, otherwise="x")
        for typed in (mine.name, province.vi, f" {mine.name} "):
            assert issuers.named(connection, typed, province, on=TODAY) == mine
        health = issuers.named(connection, "Sở Y tế", province, on=TODAY)
        other = issuers.named(connection, "Đoàn (liên ngành)", province, on=TODAY)
        nowhere = issuers.named(connection, "Ủy ban nhân dân xã X", None, on=TODAY)
    assert health.signature.lines == ("GIÁM ĐỐC",)
    assert (health.issuer.above, health.issuer.symbol) == (mine.name.upper(), "SYT")
    assert (other.signature.lines, other.issuer.symbol) == (("THỦ TRƯỞNG CƠ QUAN",), "ĐN")
    assert nowhere.signature.lines == ("TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH")
    assert (nowhere.issuer.symbol, nowhere.issuer.place) == ("UBND", "…")


def test_a_changed_report_is_found_out(country: Database) -> None:
    """The hash stands apart from the data."""
    with country.writing() as connection:
        counted = reports.count(connection, READER, None, SPAN, now_ns=NOW_NS)
        data = reports.data_of(counted, now_ns=NOW_NS)
        kept = reports.keep(connection, data, "periodic", by=BY, now_ns=NOW_NS)
        forged = {**data, "reasons": {"repair": 1}}
        connection.execute(reports.rows.report.update().values(data=forged))
        with pytest.raises(VonggacError, match="was changed"):
            reports.data_kept(connection, kept)


def test_the_leaders_page_is_one_sheet(country: Database) -> None:
    """However much is late: what does not fit is a number."""
    with country.writing() as connection:
        for at in range(40):
            add(connection, task_db.task, id=f"z{at}", site_id="s00" + "x" * 23, unit_id=None,
                directive_id=None, clause_id=None, body=f"Cơ quan số {at} " + "dài " * 30,
                what="việc rất dài " * 30, opened_ns=NOW_NS - DAY_NS,
                due=TODAY - timedelta(days=at + 1), state="open",
                changed_ns=NOW_NS)  # fmt: skip
        counted = reports.count(connection, READER, None, Span(TODAY, TODAY), now_ns=NOW_NS)
        ids = [row.site_id for row in counted.whole.rows]
        day = reports.day_of(connection, READER, ids, TODAY, now_ns=NOW_NS)
        data = reports.data_of(counted, now_ns=NOW_NS, extra={"day": day})
    assert sum(one["count"] for one in day["late"]) >= 40
    values = report_papers.day_values(data)
    assert values["more"]["late"] == len(day["late"]) - reports.MOST_LINES
    made = pypdf.PdfReader(io.BytesIO(paper.pdf("daily", values)))
    assert len(made.pages) == 1
    assert "QUÁ HẠN" in made.pages[0].extract_text()


def test_a_person_counts_only_what_the_role_reaches(country: Database) -> None:
    """A role over one commune sees that commune's; over another province: no such unit."""
    held = Held("office", frozenset((Act.REPORT_SEE,)), unit=UNITS["A1"])
    person = Person("a2", "x", (held,))
    with country.reading() as connection:
        mine = reports.count(connection, person, UNITS["A1"], SPAN, now_ns=NOW_NS)
        wide = reports.count(connection, person, None, SPAN, now_ns=NOW_NS)
        assert {row.unit_id for row in mine.whole.rows} == {UNITS["A1"]}
        assert wide.whole.rows == mine.whole.rows
        with pytest.raises(VonggacError, match="no such unit"):
            reports.count(connection, person, UNITS["B"], SPAN, now_ns=NOW_NS)
        with pytest.raises(VonggacError, match="before from"):
            reports.count(connection, person, None, Span(TODAY, SPAN.first), now_ns=NOW_NS)


def test_a_facility_that_joined_since_the_count_shows_nobody_another_one(
    country: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many facilities as were counted need not be those that were counted."""
    monkeypatch.setattr(statistics, "FEW", 0)
    with country.reading() as connection:
        withheld, *seen = (one.id for one in raw(connection).of(tables.site))
        whole = statistics.statistics(connection, [withheld, *seen], SPAN, now_ns=NOW_NS)
        found = statistics.statistics(connection, [*seen, "z" * 26], SPAN, now_ns=NOW_NS)

    assert withheld in {row.site_id for row in whole.rows}
    assert {row.site_id for row in found.rows} == set(seen)


def test_the_whole_hub_is_counted_once_a_minute(
    country: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same figures with their moment, until the minute is over or a report is made."""
    monkeypatch.setattr(statistics, "FEW", 0)

    def cameras(now_ns: int, *, fresh: bool = False) -> tuple[int, int]:
        with country.reading() as connection:
            found = reports.count(connection, READER, None, SPAN, now_ns=now_ns, fresh=fresh)
        return found.whole.value("cameras").amount, found.whole.as_of_ns

    with country.reading() as connection:
        expected = again(raw(connection), [one.id for one in raw(connection).of(tables.site)])
    assert cameras(NOW_NS) == (expected["cameras"], NOW_NS)
    with country.writing() as connection:
        connection.execute(tables.camera.update().values(retired_ns=NOW_NS))
    assert cameras(NOW_NS + NS) == (expected["cameras"], NOW_NS)
    assert cameras(NOW_NS + NS, fresh=True) == (0, NOW_NS + NS)
    assert cameras(NOW_NS + statistics.KEEP_NS)[0] == 0
