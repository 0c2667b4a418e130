"""Pages of papers and reports, and what stands on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from visiting import Visit

from hub_stage import SITE_ID
from vonggac.db import tables
from vonggac.domain import access, legal, letters, papers, reports, roles, schedules
from vonggac.domain.exports import Someone
from vonggac.domain.statistics import Span

if TYPE_CHECKING:
    from hub_stage import Stage

VISITS = (
    Visit("/papers", "/papers"),
    Visit("/papers/{paper_id}", "/papers", press="tr:has(.badge-warn) a"),
    Visit("/papers/{paper_id}", "/papers", press="tr:has(.badge-good) a"),
    Visit("/papers/{paper_id}", "/papers", press="tr:has(.badge-bad) a"),
    Visit("/reports", "/reports"),
    Visit("/reports/schedules", "/reports/schedules"),
    Visit("/reports/rows", "/reports/rows?figure=cameras"),
    Visit("/reports/{report_id}", "/reports", press='li a[href^="/reports/"]:not([href*="?"])'),
)
NO_PAGES = (
    "/papers/{paper_id}/file.docx",
    "/papers/{paper_id}/file.pdf",
    "/papers/{paper_id}/signed.pdf",
    "/reports/now.{ending}",
    "/reports/daily.pdf",
    "/reports/{report_id}/file.{ending}",
)


def load(hub: Stage, said: str = "") -> None:
    """A draft that somebody agreed to, a paper that was issued and sent, one that was withdrawn."""
    now_ns = hub.clock.wall_ns()
    today, words = legal.day_of(now_ns), said[:200] or "đồng ý như dự thảo"
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        by = Someone(account.id, account.name, said[:100])
        for role in ("leader", "records_clerk", "office"):
            roles.give(
                connection, roles.whoever_holds_the_machine(now_ns), account.id,
                roles.Draft(role=role, reason="phân công"), now_ns=now_ns,
            )  # fmt: skip
        made = [
            papers.draft(
                connection, letters.sample(kind, today), about="estimate:e1", site_id=SITE_ID,
                unit_id=None, directive_id=None, by=by, now_ns=now_ns,
            )
            for kind in ("to-trinh", "bao-cao", "cong-van")
        ]  # fmt: skip
        papers.agree(connection, made[0], words, by=by, now_ns=now_ns)
        papers.issue(
            connection, made[1], number="12", dated=today, file_name=f"{words}.pdf",
            content=b"%PDF-1.7", by=by, now_ns=now_ns,
        )  # fmt: skip
        papers.add_recipient(connection, made[1], words, by=by, now_ns=now_ns)
        first = papers.recipients(connection, made[1])[0]
        marked = papers.Recipient(first.id, "", today, words, today, None, words)
        papers.mark_recipient(connection, made[1], first.id, marked, by=by, now_ns=now_ns)
        papers.withdraw(connection, made[2], words, by=by, now_ns=now_ns)
        ordered = schedules.order(
            connection,
            schedules.Draft(None, "daily", "17:00", ("pdf", "xlsx"), "lanhdao@co-quan.example"),
            by=by, now_ns=now_ns,
        )  # fmt: skip
        person = access.person_of(connection, account.id, now_ns)
        span = Span(today.replace(day=1), today)
        counted = reports.count(connection, person, None, span, now_ns=now_ns)
        kept = reports.keep(
            connection, reports.data_of(counted, now_ns=now_ns), "periodic", by=by, now_ns=now_ns
        )
        schedules.send(connection, schedules.find(connection, ordered), kept, now_ns=now_ns)
        tried = schedules.waiting(connection, now_ns)[-1]
        schedules.note(connection, tried, words, actor=by.actor, now_ns=now_ns)
