"""Pages of the guide: rules with and without a document, a facility's receipts and questions."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa
from visiting import Visit

from hub_stage import SITE_ID
from vonggac.db import tables
from vonggac.domain import guide
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from hub_stage import Stage

VISITS = (
    Visit("/guide", "/guide"),
    Visit("/guide/sites/{site_id}", f"/guide/sites/{SITE_ID}"),
)
NO_PAGES = (
    "/guide/cards/{role}.pdf",
    "/guide/criteria.toml",
    "/guide/sites/{site_id}/sent/{sent_id}.pdf",
)


def load(hub: Stage, said: str = "") -> None:
    """A default that a document replaces, a card with receipt, a question with its answer."""
    text, now_ns = said[:200] or "KS Mường Hoa", hub.clock.wall_ns()
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert account is not None
        by = Someone(account.id, account.name)
        draft = guide.BasisDraft(text, "4", "2b", text, 45)
        guide.tie(connection, "verify_days", draft, by=by, now_ns=now_ns)
        first = guide.send(connection, SITE_ID, "site_duty", b"%PDF-1", by=by, now_ns=now_ns)
        guide.receive(connection, first, by=by, now_ns=now_ns)
        guide.send(connection, SITE_ID, guide.GUIDE, b"%PDF-2", by=by, now_ns=now_ns)
        asked = guide.ask(connection, SITE_ID, text, by=by, now_ns=now_ns)
        guide.answer(connection, asked, text, by=by, now_ns=now_ns)
        guide.ask(connection, SITE_ID, text, by=by, now_ns=now_ns)
        guide.hold_training(
            connection, unit_id=None, title=text, for_whom=text, held_day=date(2026, 11, 18),
            people=31, by=by, now_ns=now_ns,
        )  # fmt: skip
