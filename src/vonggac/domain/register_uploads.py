"""Workbooks between their preview and their entry: kept for a day, entered once, then let go."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection
from vonggac.db import register as db
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from vonggac.domain.register_import import Plan

KEPT_NS: Final = 86_400 * NS
"""How long a workbook waits for somebody to enter it (ours)."""
SHOWN: Final = 200
"""Changes and errors of a preview that a page shows; counts tell of the rest."""
OF_ONE: Final = 5
"""Workbooks of one account that wait at once (ours); older ones are let go."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A workbook that was sent."""

    id: str
    account_id: str
    file_name: str
    state: str
    """reading, read, entering, entered or failed."""
    progress: dict[str, Any]
    found: dict[str, Any] | None
    """Counts, first changes, first errors; of one that failed, `fault`."""
    made_ns: int
    touched_ns: int


def keep(
    connection: Connection, account_id: str, file_name: str, content: bytes, *, now_ns: int
) -> str:
    """Keep a workbook; lets older ones go. Returns its id."""
    table = db.sheet_upload
    connection.execute(table.delete().where(table.c.made_ns < now_ns - KEPT_NS))
    own = connection.execute(
        sa.select(table.c.id)
        .where(table.c.account_id == account_id)
        .order_by(table.c.made_ns.desc(), table.c.id)
        .offset(OF_ONE - 1)
    ).scalars()
    connection.execute(table.delete().where(table.c.id.in_(list(own))))
    found = new_id()
    connection.execute(
        table.insert().values(
            id=found, account_id=account_id, file_name=file_name[:200], content=content,
            sha256=hashlib.sha256(content).hexdigest(), state="reading", progress={"rows": 0},
            made_ns=now_ns, touched_ns=now_ns,
        )
    )  # fmt: skip
    return found


def upload(connection: Connection, upload_id: str, account_id: str) -> Upload:
    """A workbook that this account sent.

    Raises:
        VonggacError: NOT_FOUND, there is none, or another account sent it.
    """
    table = db.sheet_upload
    row = connection.execute(
        sa.select(
            table.c.id, table.c.account_id, table.c.file_name, table.c.state, table.c.progress,
            table.c.found, table.c.made_ns, table.c.touched_ns,
        ).where(table.c.id == upload_id, table.c.account_id == account_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such workbook, or it was let go")
    return Upload(*row)


def content(connection: Connection, upload_id: str) -> bytes:
    """The bytes of a workbook; empty when it was entered."""
    table = db.sheet_upload
    found = connection.execute(
        sa.select(table.c.content).where(table.c.id == upload_id)
    ).scalar_one_or_none()
    return bytes(found or b"")


def move(
    connection: Connection,
    upload_id: str,
    state: str,
    *,
    now_ns: int,
    progress: dict[str, Any] | None = None,
    found: dict[str, Any] | None = None,
) -> None:
    """Note how far a workbook is; one that is entered lets its bytes go."""
    values: dict[str, Any] = {"state": state, "touched_ns": now_ns}
    if progress is not None:
        values["progress"] = progress
    if found is not None:
        values["found"] = found
    if state == "entered":
        values["content"] = None
    table = db.sheet_upload
    connection.execute(table.update().where(table.c.id == upload_id).values(values))


def summary(made: Plan) -> dict[str, Any]:
    """A plan as a page shows it."""
    return {
        "rows": made.rows,
        "new": made.new,
        "changed": made.changed,
        "same": made.same,
        "faults": [
            [one.sheet, one.row, one.column, one.code, dict(one.values)]
            for one in made.faults[:SHOWN]
        ],
        "fault_count": len(made.faults),
        "changes": [
            [one.sheet, one.row, one.key, one.kind, [list(part) for part in one.differences]]
            for one in sorted(made.changes, key=lambda one: one.kind)[:SHOWN]
        ],
    }
