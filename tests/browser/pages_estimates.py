"""Pages of plans, estimates and prices, and what stands on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from visiting import Visit

from hub_stage import SITE_ID
from vonggac.db import estimate as db
from vonggac.db import tables
from vonggac.domain import estimate, estimates, plans, roles
from vonggac.domain.exports import Someone
from vonggac.web import words

if TYPE_CHECKING:
    from hub_stage import Stage

NAME = "KS Mường Hoa, bộ phận an ninh"

VISITS = (
    Visit("/estimates", "/estimates"),
    Visit(
        "/estimates/{estimate_id}", "/estimates", press=".est-row:has(.badge:not(.badge-warn)) a"
    ),
    Visit("/estimates/{estimate_id}", "/estimates", press=".est-row:has(.badge-warn) a"),
    Visit("/estimates/{estimate_id}/compare", "/estimates", press='a[href$="/compare"]'),
    Visit("/estimates/summary", "/estimates/summary"),
    Visit("/plans/{connection_plan_id}", "/estimates", press='td a[href^="/plans/"]'),
    Visit("/prices", "/prices"),
)
NO_PAGES = (
    "/estimates/summary.xlsx",
    "/estimates/{estimate_id}/file.xlsx",
    "/estimates/{estimate_id}/quotes/{quote_id}",
    "/prices.xlsx",
)


def load(hub: Stage, said: str = "") -> None:
    """A plan with gaps, an estimate that is written, and one that was appraised and sent back."""
    title, now_ns = said[:200] or NAME, hub.clock.wall_ns()
    today = words.day_of(now_ns)
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        by, other = Someone(account.id, account.name), Someone("", "taichinh", said[:200])
        for role in ("committee", "finance_appraiser"):
            roles.give(
                connection, roles.whoever_holds_the_machine(now_ns), account.id,
                roles.Draft(role=role, sites=(SITE_ID,), reason="phân công"), now_ns=now_ns,
            )  # fmt: skip
        plan = plans.make(
            connection, SITE_ID, how="buy", months=6, placement=hub.app.state.desk.placement,
            by=by, now_ns=now_ns,
        )  # fmt: skip
        plans.edit_line(
            connection, plan.id, plans.lines(connection, plan.id)[0].id, quantity=3,
            why=title, by=by, now_ns=now_ns,
        )  # fmt: skip
        plans.agree(
            connection, plan.id, party="enterprise", person=title, document="", line="paid_hotel",
            agreed_date=today, today=today, by=by, now_ns=now_ns,
        )  # fmt: skip
        connection.execute(tables.site.update().values(owner_line="civil"))
        made = [
            estimates.from_plan(connection, plan.id, title=title, on=today, by=by, now_ns=now_ns)
            for _ in range(7)
        ]
        connection.execute(db.estimate_line.update().values(example=False))
        for one in made[1:]:
            entry = estimate.Entry("submitted", "12/TTr", today)
            estimates.enter_step(connection, one.id, entry, today=today, by=by, now_ns=now_ns)
        judged = [
            estimates.Judged(line.id, line.quantity, line.price // 2, title)
            for line in estimates.lines(connection, made[-1].id)[:2]
        ]
        estimates.judge(connection, made[-1].id, "appraised", judged, by=other, now_ns=now_ns)
        table = db.estimate_line
        first = table.c.estimate_id == made[1].id
        connection.execute(table.update().where(first, table.c.at == 1).values(price=9_000_000))
        connection.execute(table.update().where(first, table.c.at == 2).values(price=3_000_000))
        estimates.send_back(connection, made[1].id, why=title, by=other, now_ns=now_ns)
        estimates.next_version(connection, made[1].id, by=by, now_ns=now_ns)
