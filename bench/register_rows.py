"""The rows of a country that `bench/register.py` asks about: what bodies and boxes said by now.

Everything is invented and made in bulk, past the rules: pages read it, nobody edits it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

import hub_stage
from vonggac.db import directives, estimate, inspection, paper, survey, tables, task
from vonggac.domain.units import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vonggac.db import Connection, Database

TASKS, INSPECTIONS, FINDINGS, PAPERS = 10_000, 4_000, 6_000, 2_000
REMINDERS, PROPOSALS, VIEWS, DIRECTIVES = 600, 200, 5_000, 40
NOW_NS, HOUR, DAY = hub_stage.NOW_NS, hub_stage.HOUR, hub_stage.DAY
TODAY = hub_stage.NOW.date()
PLAIN: Mapping[type, Any] = {
    sa.Text: "", sa.BigInteger: 0, sa.Integer: 0, sa.JSON: {}, sa.Date: TODAY, sa.Boolean: False,
    sa.Float: 0.0, sa.LargeBinary: b"",
}  # fmt: skip
"""What a column holds that a row says nothing of and that may not be null."""

Rows = list[dict[str, Any]]


def whole(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> Rows:
    """Rows with a value in every column that needs one."""
    plain = {
        one.name: PLAIN[type(one.type)]
        for one in table.c
        if not one.nullable and one.server_default is None and type(one.type) in PLAIN
        and not (one.primary_key and isinstance(one.type, sa.Integer))
    }  # fmt: skip
    return [{**plain, **one} for one in rows]


def enter(database: Database, days: int = 3) -> dict[str, int]:
    """Make all rows, those of the ledger in place of the invented hub's; how many of each table."""
    with database.writing() as connection:
        sites = list(
            connection.execute(sa.select(tables.site.c.id).order_by(tables.site.c.name)).scalars()
        )
        names = connection.execute(
            sa.select(tables.camera.c.site_id, tables.camera.c.name).order_by(
                tables.camera.c.site_id, tables.camera.c.name
            )
        )
        cameras = [(row.site_id, row.name) for row in names]
        told = _ledger(sites, cameras, days)
        for table in told:
            connection.execute(table.delete())
        every = {**_survey(sites), **_papers(sites), **_chain(sites), **_directives(), **told}
        for table, rows in every.items():
            _insert(connection, table, whole(table, rows))
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        ) as connection:
            connection.execute(sa.text("ANALYZE"))
    return {table.name: len(rows) for table, rows in every.items()}


def _insert(connection: Connection, table: sa.Table, rows: Rows) -> None:
    for at in range(0, len(rows), 5_000):
        connection.execute(table.insert(), rows[at : at + 5_000])


def day(number: int) -> date:
    """A day so many days from today."""
    return TODAY + timedelta(days=number)


# -- what bodies said ------------------------------------------------------------------------


def _survey(sites: Sequence[str]) -> dict[sa.Table, Rows]:
    states = ("asked", "answered", "verified", "refused")
    return {
        survey.survey_campaign: [
            {"id": "c", "title": "Đợt khảo sát cả nước (bịa)", "due": TODAY, "answers": "facility",
             "lines": [], "made_ns": NOW_NS - DAY, "made_by": "bench"}
        ],
        survey.survey: [
            {"id": f"s{at}", "survey_campaign_id": "c", "site_id": site, "changed_ns": NOW_NS,
             "state": states[at % 4], "reason": "bận" if at % 4 == 3 else ""}
            for at, site in enumerate(sites)
        ],
        survey.survey_call: [
            {"survey_id": f"s{at}", "called_ns": NOW_NS - at * HOUR, "outcome": "silent"}
            for at in range(0, len(sites), 8)
        ],
        survey.survey_verdict: [
            {"id": f"v{at}", "survey_id": f"s{at}", "site_id": site, "version": 1,
             "qualifies": at % 8 == 2, "made_ns": NOW_NS - HOUR, "made_by": "bench",
             "found": {"qualifies": at % 8 == 2, "reasons": [] if at % 8 == 2 else ["new"],
                       "cameras": [{"zone": "HL", "title": f"Camera {one}", "reasons": [],
                                    "qualifies": one % 3 > 0, "measured": True}
                                   for one in range(20)]}}
            for at, site in enumerate(sites) if at % 4 == 2
        ],
    }  # fmt: skip


def _papers(sites: Sequence[str]) -> dict[sa.Table, Rows]:
    rows = []
    for at in range(PAPERS):
        subject = f"V/v đôn đốc việc giám sát bằng camera số {at} (bịa)"
        issued = at % 3 > 0
        rows.append(
            {"id": f"p{at}", "about": f"site:{sites[at % len(sites)]}", "kind": "cong-van",
             "site_id": sites[at % len(sites)] if at % 10 else None, "subject": subject,
             "issuer": "Sở A", "folded": folded(subject), "drafted_ns": NOW_NS - at * HOUR,
             "state": "issued" if issued else "draft", "number": f"{at}/SA" if issued else "",
             "dated": day(-at // 24) if issued else None,
             "issued_ns": NOW_NS - at * HOUR if issued else None}
        )  # fmt: skip
    return {paper.paper: rows}


def _chain(sites: Sequence[str]) -> dict[sa.Table, Rows]:
    """Tasks, inspections with findings, reminders, proposals, plans, estimates."""
    count = len(sites)
    states = ("done", "open", "doing", "done", "waived", "open")
    costed = range(1, count, 2)
    return {
        task.task: [
            {"id": f"t{at:05}", "site_id": sites[at % count] if at % 20 else None,
             "body": f"UBND xã {at % 400}", "what": f"Lắp và nghiệm thu camera khu {at % 12}",
             "due": day(at % 61 - 30) if at % 9 else None, "state": states[at % 6],
             "opened_ns": NOW_NS - 20 * DAY, "opened_by": "bench", "changed_ns": NOW_NS - DAY,
             "about": f"plan:x{at % 700}" if at % 2 else ""}
            for at in range(TASKS)
        ],
        task.task_after: [
            {"task_id": f"t{at:05}", "after_id": f"t{at - 1:05}"} for at in range(1, TASKS, 4)
        ],
        task.task_extension: [
            {"id": f"x{at}", "task_id": f"t{at:05}", "reason": "chờ vốn", "new_due": day(20),
             "asked_ns": NOW_NS, "asked_by": "bench"}
            for at in range(1, TASKS, 100)
        ],
        inspection.inspection_round: [
            {"id": f"r{at}", "title": "Kiểm tra định kỳ", "body": "Sở A", "team": [],
             "made_ns": NOW_NS - 30 * DAY, "made_by": "bench"}
            for at in range(INSPECTIONS // 20)
        ],
        inspection.inspection: [
            {"id": f"i{at}", "round_id": f"r{at // 20}", "site_id": sites[at % count],
             "planned": day(-(at % 40)) if at % 5 else day(at % 4), "way": "on_site",
             "state": "done" if at % 5 else ("planned", "open")[at % 2], "present": [],
             "done": day(-(at % 40)) if at % 5 else None, "counts": bool(at % 7),
             "made_ns": NOW_NS - 30 * DAY, "made_by": "bench", "client_id": None}
            for at in range(INSPECTIONS)
        ],
        inspection.finding: [
            {"id": f"f{at}", "inspection_id": f"i{at % INSPECTIONS}", "item": f"{at % 11 + 1}",
             "site_id": sites[at % count], "said": "hỏng", "action": "Thay nguồn camera",
             "responsible": "Cơ sở", "due": day(at % 40 - 20), "made_ns": NOW_NS - 20 * DAY,
             "state": ("closed", "open", "proved")[at % 3], "made_by": "bench"}
            for at in range(FINDINGS)
        ],
        inspection.reminder: [
            {"id": f"m{at}", "site_id": sites[at], "about": f"task:t{at:05}", "level": "facility",
             "addressee": f"Cơ sở {at}", "what": "Lắp camera", "due": day(-3), "answer_by": day(2),
             "made_ns": NOW_NS - DAY, "made_by": "bench", "sent": TODAY if at % 3 else None}
            for at in range(min(REMINDERS, count))
        ],
        inspection.proposal: [
            {"id": f"q{at}", "site_id": sites[at], "list": "not_supervising", "inputs": {
                "watched": 0, "views": 0, "unwatched_ns": DAY, "recorded": None, "cameras": 20,
                "since_ns": NOW_NS - 15 * DAY, "as_of_ns": NOW_NS},
             "reminded": [], "explain_by": day(2), "made_ns": NOW_NS, "made_by": "bench"}
            for at in range(min(PROPOSALS, count))
        ],
        estimate.connection_plan: [
            {"id": f"l{at}", "site_id": site, "how": "buy", "months": 12, "facts": {},
             "made_ns": NOW_NS - DAY, "made_by": "bench", "agreed_ns": NOW_NS if at % 4 else None}
            for at, site in enumerate(sites) if at % 2
        ],
        estimate.estimate: [
            {"id": f"e{at}", "site_id": sites[at], "code": f"DT-{at}", "version": 1, "title": "x",
             "how": "buy", "catalogue": "", "contingency": 500, "state": "appraised",
             "revision": 1, "made_ns": NOW_NS - HOUR, "made_by": "bench"}
            for at in costed
        ],
        estimate.estimate_line: [
            {"id": f"e{at}-{line}", "estimate_id": f"e{at}", "at": line, "code": "x",
             "kind": "other", "title": "dòng", "unit": "cái", "quantity": 3, "price": 1_000_001,
             "vat": 800, "source": "bench", "appraised_quantity": 3, "appraised_price": 900_001,
             "example": False}
            for at in costed for line in range(1, 9)
        ],
    }  # fmt: skip


def _directives() -> dict[sa.Table, Rows]:
    numbers = range(DIRECTIVES)
    return {
        directives.directive: [
            {"id": f"d{at}", "code": None, "number": f"{at}/UBND", "number_key": f"{at}/ubnd",
             "dated": day(-at), "issuer": "UBND tỉnh A", "subject": "giám sát bằng camera",
             "folded": f"{at} ubnd", "registered_ns": NOW_NS - at * DAY, "registered_by": "bench"}
            for at in numbers
        ],
        directives.directive_clause: [
            {"id": f"d{at}-{clause}", "directive_id": f"d{at}", "place": clause,
             "number": str(clause + 1), "said": "Khảo sát", "owed": "báo cáo",
             "due": day(at - clause * 9), "assigned_ns": NOW_NS, "assigned_by": "bench"}
            for at in numbers for clause in range(4)
        ],
        directives.directive_duty: [
            {"id": f"d{at}-{clause}-{body}", "directive_clause_id": f"d{at}-{clause}",
             "place": body, "body": f"Sở {body}", "part": "with" if body else "lead",
             "state": ("due", "received", "returned", "consolidated")[(at + body) % 4]}
            for at in numbers for clause in range(4) for body in range(5)
        ],
    }  # fmt: skip


# -- what boxes said -------------------------------------------------------------------------


def _ledger(
    sites: Sequence[str], cameras: Sequence[tuple[str, str]], days: int
) -> dict[sa.Table, Rows]:
    """States, and two spans and gaps of twelve hours a day and camera; one facility of ten mute."""
    reported = [site for at, site in enumerate(sites) if at % 10]
    known = set(reported)
    keys = [(site, name) for site, name in cameras if site in known]
    return {
        tables.site_state: [
            {"site_id": site, "as_of_ns": NOW_NS, "heard_ns": NOW_NS, "detail": {},
             "reachable_since_ns": None if at % 7 == 0 else NOW_NS - HOUR, "lost_ns": None}
            for at, site in enumerate(reported)
        ],
        tables.state: [
            {"site_id": site, "camera": name, "stream": "main", "since_ns": NOW_NS - HOUR,
             "status": "gap" if at % 9 == 0 else "recording", "as_of_ns": NOW_NS,
             "cause": "unreachable" if at % 9 == 0 else None, "detail": {}}
            for at, (site, name) in enumerate(keys)
        ],
        tables.span: [
            {"site_id": site, "camera": name, "stream": "main",
             "from_ns": NOW_NS - (at + 1) * 12 * HOUR, "to_ns": NOW_NS - at * 12 * HOUR - HOUR}
            for site, name in keys for at in range(2 * days)
        ],
        tables.gap: [
            {"site_id": site, "camera": name, "stream": "main", "cause": "unreachable",
             "from_ns": NOW_NS - at * 12 * HOUR - HOUR, "to_ns": NOW_NS - at * 12 * HOUR}
            for site, name in keys for at in range(1, 2 * days)
        ],
    }  # fmt: skip


def views(connection: Connection, account_id: str) -> None:
    """Who had pictures open: a few hours of every other facility."""
    sites = list(connection.execute(sa.select(tables.site.c.id)).scalars())
    rows: Iterator[dict[str, Any]] = (
        {"id": f"w{at}", "account_id": account_id, "site_id": sites[2 * at % len(sites)],
         "cameras": [], "purpose": "duty", "began_ns": NOW_NS - at % 15 * DAY,
         "until_ns": NOW_NS - at % 15 * DAY + 6 * HOUR,
         "ended_ns": NOW_NS - at % 15 * DAY + 6 * HOUR}
        for at in range(VIEWS)
    )  # fmt: skip
    _insert(connection, tables.viewing, whole(tables.viewing, list(rows)))
