"""Cases in every state: a mark alone, a program's suspicion, one handed over, one closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from visiting import Visit

from vonggac.clock import NS
from vonggac.db import case, tables
from vonggac.domain import case_book, cases, legal
from vonggac.domain.case_book import Description, Given, Moment, Word
from vonggac.domain.exports import Someone

if TYPE_CHECKING:
    from hub_stage import Stage
    from vonggac.db import Connection

FRESH, SUSPECTED, HANDED, CLOSED = "2" * 26, "3" * 26, "4" * 26, "5" * 26
PAGE = "/cases/{case_id}"

VISITS = (
    Visit("/cases", "/cases"),
    Visit("/cases", "/cases?queue=late"),
    Visit("/cases", "/cases?queue=over"),
    Visit(PAGE, f"/cases/{FRESH}"),
    Visit(
        PAGE, f"/cases/{FRESH}", 422, {"said": "Mr Smith at the lobby"}, "form[action$=notes] .btn"
    ),
    Visit(PAGE, f"/cases/{SUSPECTED}"),
    Visit(PAGE, f"/cases/{HANDED}"),
    Visit(PAGE, f"/cases/{CLOSED}"),
)  # fmt: skip
NO_PAGES: tuple[str, ...] = ()


def load(hub: Stage, said: str = "") -> None:
    """Four cases of the first two cameras."""
    now_ns = hub.clock.wall_ns()
    with hub.database.writing() as connection:
        found = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).all()
        admin = next(row for row in found if row.name == "admin")
        one = Someone(admin.id, "admin", said[:200] or "Cán bộ trực ca chiều")
        other = _other(connection, said)
        cameras = connection.execute(
            sa.select(tables.camera.c.id).order_by(tables.camera.c.name).limit(2)
        ).scalars()
        first, second = cameras.all()
        at_ns = now_ns - 600 * NS
        _named(connection, FRESH, _mark(connection, first, at_ns, other, now_ns))
        suspicion = case_book.suspect(
            connection, camera_id=second, at_ns=at_ns, violation="N02",
            program=said[:100] or "dem-nguoi 1.4, ngưỡng 0,60, điểm 0,83", now_ns=now_ns,
        )  # fmt: skip
        _named(connection, SUSPECTED, suspicion)
        handed = _handed(connection, first, at_ns, (one, other), now_ns, said)
        _named(connection, HANDED, handed)
        closed = _handed(connection, second, at_ns, (one, other), now_ns, said)
        word = Word("violation", "12/QĐ-XP", legal.day_of(now_ns), said[:200] or "Điều 1 (bịa)", "")
        case_book.conclude(connection, closed.id, word, by=other, now_ns=now_ns)
        case_book.close(connection, closed.id, reason="Đã nhắc nhở.", by=one, now_ns=now_ns)
        _named(connection, CLOSED, closed)


def _other(connection: Connection, said: str) -> Someone:
    connection.execute(
        tables.account.insert().values(
            id="case-other", name="truc-cu", role="centre_duty", password_hash="-",
            must_change=False, created_ns=1, full_name=said[:100],
        )
    )  # fmt: skip
    return Someone("case-other", "truc-cu", said[:100] or "Cán bộ trực ca sáng")


def _mark(
    connection: Connection, camera_id: str, at_ns: int, by: Someone, now_ns: int
) -> cases.Case:
    moment = Moment(camera_id, at_ns)
    return case_book.mark(connection, moment, holds_here=True, by=by, now_ns=now_ns)


def _handed(
    connection: Connection,
    camera_id: str,
    at_ns: int,
    people: tuple[Someone, Someone],
    now_ns: int,
    said: str,
) -> cases.Case:
    one, other = people
    made = _mark(connection, camera_id, at_ns, other, now_ns)
    what = Description("N02", "N", "", "phòng 207", "người ở phòng", "Hai người ở cửa 207, 209.")
    case_book.describe(connection, made.id, what, by=other, now_ns=now_ns)
    case_book.note(connection, made.id, "Đã nhắc qua loa.", by=other, now_ns=now_ns)
    case_book.confirm(connection, made.id, said="", by=one, now_ns=now_ns)
    given = Given(
        said[:200] or "Công an xã (bịa)", "Cán bộ tiếp nhận", "01/BB-BG", legal.day_of(now_ns)
    )
    return case_book.hand_over(connection, made.id, given, by=one, now_ns=now_ns)


def _named(connection: Connection, case_id: str, it: cases.Case) -> None:
    """Give a case an id that an address can name."""
    table = case.case_record
    row = connection.execute(sa.select(*table.c).where(table.c.id == it.id)).mappings().one()
    connection.execute(
        table.insert().values(**{**row, "id": case_id, "serial": row["serial"] + 50})
    )
    for child in (case.case_mark, case.case_step, case.case_handover):
        connection.execute(child.update().where(child.c.case_id == it.id).values(case_id=case_id))
    connection.execute(table.delete().where(table.c.id == it.id))
    connection.execute(table.update().where(table.c.id == case_id).values(serial=row["serial"]))
