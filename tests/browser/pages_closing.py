"""The page of closing a facility: one that is being closed, one that is, one where nobody began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from visiting import Visit

from vonggac.clock import rfc3339
from vonggac.db import register as db
from vonggac.domain import closing, register
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from hub_stage import Stage

UNDER_WAY, CLOSED, AT_WORK = "x" * 26, "y" * 26, "z" * 26

VISITS = tuple(
    Visit("/facilities/{site_id}/closing", f"/facilities/{site_id}/closing")
    for site_id in (UNDER_WAY, CLOSED, AT_WORK)
)
NO_PAGES: tuple[str, ...] = ()


def load(hub: Stage, said: str = "") -> None:
    """Three facilities: the first stands before its fifth step."""
    now_ns = hub.clock.wall_ns()
    by = Someone("", "admin", said[:200] or "Cán bộ đóng cơ sở")
    reason = said[:500] or "hết nhu cầu cách ly"
    with hub.database.writing() as connection:
        for site_id in (UNDER_WAY, CLOSED, AT_WORK):
            draft = register.Draft(f"dong-{site_id[0]}", said[:200] or "Trường Bản Mới")
            register.add(connection, draft, site_id=site_id, by="admin", now_ns=now_ns)
        for site_id, steps in ((UNDER_WAY, 4), (CLOSED, 7)):
            made = closing.open_closing(
                connection, site_id, reason=reason, document=said[:500] or "12/QĐ-UBND",
                confirmed=f"dong-{site_id[0]}", by=by, now_ns=now_ns,
            )  # fmt: skip
            for step in closing.STEPS[:steps]:
                closing.enter(
                    connection, made, step, said=reason if step.how == "person" else "",
                    facts=facts(step.code, now_ns), by=by, now_ns=now_ns,
                )  # fmt: skip
        connection.execute(
            db.closing.update().where(db.closing.c.site_id == CLOSED).values(done_ns=now_ns)
        )
        table = db.facility
        connection.execute(table.update().where(table.c.site_id == CLOSED).values(status="closed"))


def facts(code: str, now_ns: int) -> dict[str, Any]:
    """What the program would have found."""
    at = rfc3339(now_ns)
    streams = [
        {"camera": f"hl-{floor}", "stream": "main", "from": at, "to": at, "recorded_s": 864_000,
         "pages": 240, "last_page": 240, "last_hash": "0" * 64}
        for floor in (1, 2)
    ]  # fmt: skip
    return {
        "ledger": {"cameras": ["hl-1", "hl-2"], "streams": streams, "seal": closing.seal(streams)},
        "retention": {"until": at, "days": 30, "holds": 1, "cases": ["12/VA"]},
        "minutes": {"paper": "nothing"},
        "access": {"roles": 2, "shares": 1, "displays": 1, "displays_kept": 1, "views": 0,
                   "accounts": ["truc"], "own_roles_left": 1},
    }.get(code, {})  # fmt: skip
