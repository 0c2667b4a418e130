"""What a hub that comes back from a backup must not go on believing, and what it says of it.

A backup is an old moment. Whoever was signed in then is not now; a code that was issued may have
been used since; a box may hold later orders than this database knows of; and rows of the access
log that were written since are lost, which the log itself has to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from vonggac.db import tables
from vonggac.db.enrolment import enrolment
from vonggac.db.hubs import hub_below
from vonggac.db.wanting import want
from vonggac.domain import audit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection

UNKNOWN = "restored"
"""In the place of the digest of what is wanted of a box below: it is numbered anew by the clock at
the next look, beyond what the box may have been told since (`domain.wants.renew`)."""
ORDER = "order."
"""What settings are called that number the orders of a site (`domain.settings`)."""


class Restored(NamedTuple):
    """What was changed in the database so that it can be lived with."""

    row: int
    """The last row of the access log that the backup held."""
    next: int
    """The row that says so."""
    sessions: int
    codes: int


def restored(connection: Connection, actor: audit.Actor, *, taken_ns: int, now_ns: int) -> Restored:
    """Make a database that was brought back ready for its first start.

    Args:
        connection: a transaction that writes.
        actor: who brought it back.
        taken_ns: when the backup was made.
        now_ns: UTC now.
    """
    held = audit.head(connection)
    sessions = connection.execute(
        tables.session.update().where(tables.session.c.ended_ns.is_(None)).values(ended_ns=now_ns)
    ).rowcount
    codes = connection.execute(
        enrolment.update()
        .where(enrolment.c.used_ns.is_(None), enrolment.c.revoked_ns.is_(None))
        .values(revoked_ns=now_ns)
    ).rowcount
    codes += connection.execute(
        hub_below.update()
        .where(hub_below.c.used_ns.is_(None), hub_below.c.revoked_ns.is_(None))
        .values(revoked_ns=now_ns)
    ).rowcount
    _number_orders_on(connection, now_ns)
    detail = {"taken_ns": taken_ns, "sessions": sessions, "codes": codes}
    row = audit.go_on(connection, actor, now_ns=now_ns, detail=detail)
    return Restored(held.row, row, sessions, codes)


def _number_orders_on(connection: Connection, now_ns: int) -> None:
    """Let the next order of each site be newer than any that its box may hold: it obeys no older.

    The milliseconds of now are ahead of every count of changes since the backup.
    """
    table = tables.setting
    rows = connection.execute(
        sa.select(table.c.name, table.c.value).where(table.c.name.startswith(ORDER))
    ).all()
    for name, value in rows:
        told: Mapping[str, Any] = value
        revision = max(int(told["revision"]), now_ns // 1_000_000)
        connection.execute(
            table.update()
            .where(table.c.name == name)
            .values(value={"revision": revision, "digest": ""}, updated_ns=now_ns)
        )
    connection.execute(want.update().where(want.c.digest != "").values(digest=UNKNOWN))
