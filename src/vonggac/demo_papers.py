"""Papers and reports of the demo's invented province: drafts, issued letters, what is kept.

What a clerk would scan is the letter itself, set as PDF: nobody signed it, and every body in it is
invented.  Each paper is drafted from the data of the province by the functions that pages use.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vonggac import paper
from vonggac.config import AcceptanceConfig
from vonggac.domain import (
    acceptance_papers,
    access,
    citing,
    costs,
    directives,
    drafting,
    estimates,
    inspections,
    issuers,
    legal,
    papers,
    plans,
    reminders,
    report_papers,
    reports,
    rules,
    sanctions,
    schedules,
)
from vonggac.domain.papers import Recipient
from vonggac.domain.statistics import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from vonggac.db import Connection, Database
    from vonggac.demo_chain import World
    from vonggac.domain.directives import Owed
    from vonggac.domain.reports import ReportKind

CUT_OFF: Final = "17:00"
"""When the page of the day is made (ours)."""
WEEK: Final = 7
MINUTES: Final = 2
"""Inspections whose minutes the clerk issued: setting a paper takes its time."""


def written(database: Database, world: World, sites: Sequence[str]) -> None:
    """Drafts, issued papers, what bodies sent upward, and the reports."""
    with database.writing() as connection:
        _answered(connection, world)
        issued = _of_estimates(connection, world, sites)
        _of_plan(connection, world, sites)
        minutes = _of_acceptance(connection, world, sites[0])
        cases = _of_cases(connection, sites)
        _of_duty(connection, world)
        sent = [
            (one.paper_id, one.number, one.sent)
            for one in reminders.of_site(connection, sites)
            if one.sent is not None and one.paper_id is not None
        ]
    for urging, urged_no, urged_on in sent:
        assert urged_on is not None
        _issue(database, world, urging, urged_no, urged_on)
    for number, paper_id in enumerate((*issued, minutes), 71):
        _issue(database, world, paper_id, str(number), world.day(1))
    for number, (paper_id, dated) in enumerate(cases, 101):
        _issue(database, world, paper_id, str(number), dated)
    with database.writing() as connection:
        kept = _reported(connection, world, Span(world.day(2 * WEEK), world.day(WEEK)), "periodic")
        _reported(connection, world, Span(world.today.replace(day=1), world.today), "periodic")
        _reported(connection, world, Span(world.today, world.today), "daily")
        schedules.order(
            connection, schedules.Draft(world.province, "daily", CUT_OFF, ("pdf",)),
            by=world.who["so-chu-tri"], now_ns=world.now_ns,
        )  # fmt: skip
    assert kept is not None, "a periodic report has its letter"
    _issue(database, world, kept, "90", world.today)


def _answered(connection: Connection, world: World) -> None:
    """An order that came today; of the first what bodies sent back: received, returned, owed."""
    by = world.who["van-phong"]
    came = directives.Draft(
        "15/UBND-VX", world.day(1), world.names["ubnd-tinh"],
        "rà soát việc ghi hình liên tục tại các cơ sở cách ly tập trung (văn bản giả định)",
    )  # fmt: skip
    directives.register(
        connection, came, unit_id=world.province, by=world.who["van-thu"], now_ns=world.now_ns
    )
    for account, states in (
        ("so-chu-tri", ("received", "consolidated")),
        ("bo-chqs", ("received",)),
        ("ubnd-co-so", ("received", "returned")),
    ):
        owed = next(
            one for one in _owed(connection, world) if one.duty.body == world.names[account]
        )
        for state in states:
            note = "thiếu số liệu của ba cơ sở" if state == "returned" else ""
            directives.step(
                connection, owed.duty.id, state, note, by=by, now_ns=world.ago(4)
            )  # fmt: skip


def _owed(connection: Connection, world: World) -> list[Owed]:
    """What is owed of the province's order."""
    person = access.person_of(connection, world.who["van-phong"].account_id, world.now_ns)
    allowed = directives.visible(connection, person, world.now_ns)
    return [
        one for one in directives.owed(connection, allowed) if one.directive.id == world.directive
    ]


def _of_estimates(connection: Connection, world: World, sites: Sequence[str]) -> list[str]:
    """A draft of each submission, and decisions of what is approved, which the clerk issues."""
    decided = []
    for at, site_id in enumerate(sites):
        for it in estimates.listed(connection, [site_id]):
            if it.state == "submitted":
                kind, account, unit_id = (
                    "to-trinh",
                    "ubnd-co-so",
                    world.areas[at % len(world.areas)],
                )
            elif it.state in ("approved", "allocated"):
                kind, account, unit_id = "quyet-dinh", "so-tai-chinh", world.province
            else:
                continue
            letter = drafting.of_estimate(
                connection, it, kind, order=world.directive, unit_id=unit_id, on=world.day(1)
            )
            made = papers.draft(
                connection, letter, about=f"estimate:{it.id}", site_id=site_id, unit_id=None,
                directive_id=world.directive, by=world.who[account], now_ns=world.ago(1),
            )  # fmt: skip
            if kind == "quyet-dinh":
                decided.append(made)
    return decided


def _of_plan(connection: Connection, world: World, sites: Sequence[str]) -> None:
    """The document of a plan, drafted and agreed to; an earlier draft of it is withdrawn."""
    it = plans.listed(connection, [sites[12]])[0]
    names = {one.kind: one for one in reversed(costs.example(world.today))}
    zones = {zone.code: zone.name for zone in world.placement.zones}
    by, leader = world.who["so-chu-tri"], world.who["ubnd-tinh"]
    drafts = []
    for ago in (3, 1):
        letter = drafting.of_plan(
            connection, it, zones=zones, names=names, order=world.directive,
            unit_id=world.province, on=world.day(ago),
        )  # fmt: skip
        made = papers.draft(
            connection, letter, about=f"plan:{it.id}", site_id=it.site_id, unit_id=None,
            directive_id=world.directive, by=by, now_ns=world.ago(ago),
        )  # fmt: skip
        drafts.append(made)
    papers.withdraw(
        connection, drafts[0], "dự thảo lại sau khi khối lượng thay đổi", by=world.who["van-thu"],
        now_ns=world.ago(1),
    )  # fmt: skip
    papers.agree(connection, drafts[1], "nhất trí", by=leader, now_ns=world.ago(0, 2))


def _of_acceptance(connection: Connection, world: World, site_id: str) -> str:
    """The minutes of the facility whose cameras are all accepted."""
    letter = acceptance_papers.minutes(
        connection, site_id, AcceptanceConfig(), world.placement, rules.causes(),
        order=world.directive, now_ns=world.ago(1),
    )  # fmt: skip
    return papers.draft(
        connection, letter, about=f"acceptance:{site_id}", site_id=site_id, unit_id=None,
        directive_id=world.directive, by=world.who["so-chu-tri"], now_ns=world.ago(1),
    )  # fmt: skip


def _of_cases(connection: Connection, sites: Sequence[str]) -> list[tuple[str, date]]:
    """What the clerk issued of proposals and of inspections, each with its day.

    Of a case that is decided its letters, of one that is proposed the first; the minutes of the
    newest inspection wait for their number.
    """
    issued: list[papers.Paper] = []
    for case in sanctions.of_sites(connection, sites):
        every = sorted(papers.of(connection, f"proposal:{case.id}"), key=lambda it: it.drafted_ns)
        issued += every[: {"decided": len(every), "proposed": 1}.get(case.state, 0)]
    over = inspections.listed(connection, sites, states=("done",))
    minutes = [it for one in over for it in papers.of(connection, f"inspection:{one.id}")]
    minutes.sort(key=lambda it: it.drafted_ns)
    issued += minutes[:-1][-MINUTES:]
    return [(one.id, legal.day_of(one.drafted_ns)) for one in issued if one.state == "draft"]


def _of_duty(connection: Connection, world: World) -> None:
    """A reminder of what the tourism department owes."""
    owed = next(
        one for one in _owed(connection, world) if one.duty.body == world.names["so-du-lich"]
    )
    letter = drafting.reminder(connection, owed, unit_id=world.province, on=world.today)
    papers.draft(
        connection, letter, about=f"duty:{owed.duty.id}", site_id=None, unit_id=world.province,
        directive_id=world.directive, by=world.who["van-phong"], now_ns=world.now_ns,
    )  # fmt: skip


def _issue(database: Database, world: World, paper_id: str, number: str, dated: date) -> None:
    """The clerk enters number, day and file, and says to whom it went."""
    by, now_ns = world.who["van-thu"], world.now_ns
    with database.reading() as connection:
        letter = papers.letter_of(connection, paper_id)
    digits = number.partition("/")[0]
    content = paper.official(replace(letter, number=digits, drafted=dated))
    with database.writing() as connection:
        papers.issue(
            connection, paper_id, number=number, dated=dated, file_name=f"{digits}.pdf",
            content=content, by=by, now_ns=now_ns,
        )  # fmt: skip
        for at, one in enumerate(papers.recipients(connection, paper_id)):
            arrived = dated if at == 0 else None
            marked = Recipient(one.id, one.name, dated, "liên thông văn bản", arrived, None, "")
            papers.mark_recipient(connection, paper_id, one.id, marked, by=by, now_ns=now_ns)


def _reported(connection: Connection, world: World, span: Span, kind: ReportKind) -> str | None:
    """A report that is kept; the id of the letter that carries a periodic one."""
    by = world.who["so-chu-tri"]
    now_ns, unit_id = world.now_ns, world.province
    person = access.person_of(connection, by.account_id, now_ns)
    counted = reports.count(connection, person, unit_id, span, now_ns=now_ns, fresh=True)
    ids = [row.site_id for row in counted.whole.rows]
    extra = {}
    if kind == "daily":
        extra["day"] = reports.day_of(connection, person, ids, span.last, now_ns=now_ns)
    data = reports.data_of(counted, now_ns=now_ns, extra=extra)
    report_id = reports.keep(connection, data, kind, by=by, now_ns=now_ns)
    if kind == "daily":
        return None
    on = legal.day_of(now_ns)
    office = issuers.office(connection, unit_id, on=on, otherwise=counted.name)
    above = "" if office.province == office.name else office.province
    under = citing.opening(connection, world.directive)
    letter = report_papers.letter(data, office, above, on=on, under=under)
    paper_id = papers.draft(
        connection, letter, about=f"report:{report_id}", site_id=None, unit_id=unit_id,
        directive_id=world.directive, by=by, now_ns=now_ns,
    )  # fmt: skip
    reports.attach_paper(connection, report_id, paper_id)
    return paper_id
