"""Closing a facility: seven steps in order, each done by the program or by a named person.

Steps are only ever added.  The program ends what is the facility's own: its cameras, roles that are
held over it, shares, screens, open views and the accounts that are left without any role.  What
lies outside the program (the box, borrowed recorders, assets) a person says, by name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa

from vonggac.clock import NS, rfc3339
from vonggac.db import Connection, tables
from vonggac.db import register as db
from vonggac.domain import audit, citing, holds, register, registry
from vonggac.domain.register import NOTE_LIMIT, clean
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from vonggac.domain.exports import Someone

DAY_NS: Final = 86_400 * NS


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the list."""

    code: str
    how: str
    """program or person: who does it."""
    title: str
    about: str
    """What is done, or what a person must have seen."""
    loses: bool = False
    """Something ends that does not come back: the facility's code is typed."""


STEPS: Final = (
    Step("ledger", "program", "Ngừng ghi và niêm sổ",
         "Camera ra khỏi sổ; phần mềm ghi lại đã ghi từ khi nào đến khi nào và niêm bằng mã băm.",
         loses=True),
    Step("retention", "program", "Tính hạn lưu",
         "Bản ghi còn được giữ đến khi nào theo số ngày lưu; đoạn đang giữ theo vụ việc lâu hơn."),
    Step("minutes", "program", "Soạn biên bản xóa dữ liệu",
         "Dự thảo biên bản có số liệu của sổ; các bên ký khi đã xóa."),
    Step("access", "program", "Kết thúc quyền truy cập",
         "Vai trò riêng của cơ sở, chia sẻ, màn hình treo tường, lượt xem đang mở, và tài khoản"
         " không còn vai trò nào.", loses=True),
    Step("box", "person", "Xóa trắng thiết bị ghi",
         "Người đã xóa thiết bị ghi khẳng định bằng tên mình."),
    Step("handback", "person", "Trả đầu ghi mượn và mật khẩu",
         "Đầu ghi mượn đã trả; mật khẩu camera, đầu ghi đã bàn giao hoặc đã đổi."),
    Step("assets", "person", "Điều chuyển tài sản",
         "Camera, tủ, UPS, màn hình, đường truyền chuyển cho ai hoặc thanh lý thế nào."),
)  # fmt: skip
CLOSE: Final = "close"
"""What follows the last step: the facility is closed."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that is done."""

    code: str
    how: str
    said: str
    facts: Mapping[str, Any]
    done_ns: int
    done_by: str
    done_name: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The closing of a facility as it stands."""

    id: str
    site_id: str
    reason: str
    document: str
    directive_id: str | None
    opened_ns: int
    opened_by: str
    done_ns: int | None
    steps: tuple[Done, ...]

    @property
    def next(self) -> Step | None:
        """The step whose turn it is; None after the last."""
        done = {one.code for one in self.steps}
        return next((one for one in STEPS if one.code not in done), None)

    def done(self, code: str) -> Done | None:
        """A step, if it is done."""
        return next((one for one in self.steps if one.code == code), None)


# -- reading ---------------------------------------------------------------------------------


def of_site(connection: Connection, site_id: str) -> list[Closing]:
    """Every closing of a facility, the newest first."""
    table = db.closing
    query = sa.select(
        table.c.id, table.c.site_id, table.c.reason, table.c.document, table.c.directive_id,
        table.c.opened_ns, table.c.opened_by, table.c.done_ns,
    ).where(table.c.site_id == site_id)  # fmt: skip
    rows = connection.execute(query.order_by(table.c.opened_ns.desc(), table.c.id)).all()
    return [Closing(*row, steps=_steps(connection, row.id)) for row in rows]


def _steps(connection: Connection, closing_id: str) -> tuple[Done, ...]:
    table = db.closing_step
    query = sa.select(
        table.c.code, table.c.how, table.c.said, table.c.facts, table.c.done_ns, table.c.done_by,
        table.c.done_name,
    ).where(table.c.closing_id == closing_id)  # fmt: skip
    return tuple(Done(*row) for row in connection.execute(query.order_by(table.c.id)))


def under_way(connection: Connection, site_id: str) -> Closing | None:
    """The closing that is not finished; None if there is none."""
    return next((one for one in of_site(connection, site_id) if one.done_ns is None), None)


# -- opening and entering --------------------------------------------------------------------


def open_closing(
    connection: Connection,
    site_id: str,
    *,
    reason: str,
    document: str,
    directive_id: str | None = None,
    confirmed: str,
    by: Someone,
    now_ns: int,
) -> Closing:
    """Begin to close a facility.

    Args:
        connection: a writing transaction.
        site_id: which.
        reason: why.
        document: number and day of the decision.
        directive_id: the directive that it carries out; None is what the facility carries out.
        confirmed: the facility's code, as the person typed it.
        by: who begins.
        now_ns: UTC.

    Raises:
        VonggacError: BAD_INPUT with `fields`; CONFLICT, it is being closed or closed already.
    """
    it = register.facility(connection, site_id)
    if it.said.status == "closed":
        raise VonggacError(Kind.CONFLICT, "this facility is closed already", code="closed_already")
    if under_way(connection, site_id) is not None:
        raise VonggacError(Kind.CONFLICT, "this facility is being closed", code="closing_already")
    reason, document = clean(reason), clean(document)
    wrong = {
        name: "missing" if not text else "too_long"
        for name, text in (("reason", reason), ("document", document))
        if not text or len(text) > NOTE_LIMIT
    }
    wrong |= _unconfirmed(it.said.name, confirmed)
    if wrong:
        raise VonggacError(Kind.BAD_INPUT, "a closing lacks what it needs", fields=wrong)
    order = citing.chosen(connection, directive_id, "", site_id=site_id)
    connection.execute(
        db.closing.insert().values(
            id=new_id(), site_id=site_id, reason=reason, document=document, directive_id=order,
            opened_ns=now_ns, opened_by=by.name,
        )
    )  # fmt: skip
    made = under_way(connection, site_id)
    assert made is not None
    _record(connection, made, "open", by, now_ns, reason=reason, document=document)
    return made


def require_turn(
    connection: Connection, site_id: str, code: str, *, confirmed: str
) -> tuple[Closing, Step]:
    """The closing under way, if it is this step's turn.

    Raises:
        VonggacError: NOT_FOUND, no such step or no closing; CONFLICT, another step comes first;
            BAD_INPUT with `fields`, the code of the facility was not typed.
    """
    made = under_way(connection, site_id)
    if made is None:
        raise VonggacError(Kind.NOT_FOUND, "this facility is not being closed")
    step = next((one for one in STEPS if one.code == code), None)
    if step is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such step")
    if made.next != step:
        raise VonggacError(Kind.CONFLICT, "another step comes first", code="step_order")
    if step.loses:
        wrong = _unconfirmed(register.facility(connection, site_id).said.name, confirmed)
        if wrong:
            raise VonggacError(Kind.BAD_INPUT, "type the facility's code", fields=wrong)
    return made, step


def enter(
    connection: Connection,
    made: Closing,
    step: Step,
    *,
    said: str,
    facts: Mapping[str, object],
    by: Someone,
    now_ns: int,
) -> Done:
    """Add a step that is done.

    Raises:
        VonggacError: BAD_INPUT with `fields`, a person says nothing, or too much.
    """
    said = clean(said)
    if step.how == "person" and not said:
        raise VonggacError(Kind.BAD_INPUT, "say what was done", fields={"said": "missing"})
    if len(said) > NOTE_LIMIT:
        raise VonggacError(Kind.BAD_INPUT, "too long", fields={"said": "too_long"})
    connection.execute(
        db.closing_step.insert().values(
            closing_id=made.id, code=step.code, how=step.how, said=said, facts=dict(facts),
            done_ns=now_ns, done_by=by.name, done_name=by.full_name,
        )
    )  # fmt: skip
    _record(connection, made, step.code, by, now_ns, how=step.how)
    return _steps(connection, made.id)[-1]


def finish(
    connection: Connection, site_id: str, *, confirmed: str, today: date, by: Someone, now_ns: int
) -> Closing:
    """Close the facility, after the last step.

    Raises:
        VonggacError: NOT_FOUND, it is not being closed; CONFLICT, a step is left; BAD_INPUT with
            `fields`, the code of the facility was not typed.
    """
    made = under_way(connection, site_id)
    if made is None:
        raise VonggacError(Kind.NOT_FOUND, "this facility is not being closed")
    if made.next is not None:
        raise VonggacError(Kind.CONFLICT, "a step is left", code="step_order")
    it = register.facility(connection, site_id)
    if wrong := _unconfirmed(it.said.name, confirmed):
        raise VonggacError(Kind.BAD_INPUT, "type the facility's code", fields=wrong)
    ended = it.said.closed_on or (max(today, it.said.opened_on) if it.said.opened_on else None)
    after = replace(it.said, status="closed", closed_on=ended)
    register.put(connection, {site_id: after}, {site_id: it}, by=by.name, now_ns=now_ns)
    table = db.closing
    connection.execute(table.update().where(table.c.id == made.id).values(done_ns=now_ns))
    _record(connection, made, CLOSE, by, now_ns)
    return replace(made, done_ns=now_ns)


def _unconfirmed(code: str, typed: str) -> dict[str, str]:
    return {} if typed.strip().casefold() == code.casefold() else {"confirm": "not_the_code"}


def _record(
    connection: Connection, made: Closing, step: str, by: Someone, now_ns: int, **detail: object
) -> None:
    audit.record(
        connection, by.actor, audit.Act.CLOSING_STEP, now_ns=now_ns, thing=made.id,
        site=made.site_id, detail={"step": step, **detail},
    )  # fmt: skip


# -- what the program finds ------------------------------------------------------------------


def retire_cameras(connection: Connection, site_id: str, *, reason: str, now_ns: int) -> list[str]:
    """Take every camera of a facility out of the register; their names.

    Raises:
        VonggacError: CONFLICT, the configuration file keeps one.
    """
    found = registry.cameras(connection, site_id)
    if any(one.origin == "config" for one in found):
        raise VonggacError(
            Kind.CONFLICT, "take the cameras out of the configuration file first",
            code="cameras_by_config",
        )  # fmt: skip
    for one in found:
        registry.retire_camera(connection, one.id, reason=reason, now_ns=now_ns)
    return [one.name for one in found]


def ledger_facts(connection: Connection, site_id: str) -> dict[str, Any]:
    """What was recorded from when until when, by the hub's ledger, and the hash that seals it.

    The seal is the SHA-256 of the figures as canonical JSON: who counts again finds the same.
    """
    span, page = tables.span, tables.page
    spans = connection.execute(
        sa.select(
            span.c.camera, span.c.stream, sa.func.min(span.c.from_ns), sa.func.max(span.c.to_ns),
            sa.func.sum(span.c.to_ns - span.c.from_ns),
        )
        .where(span.c.site_id == site_id)
        .group_by(span.c.camera, span.c.stream)
        .order_by(span.c.camera, span.c.stream)
    ).all()  # fmt: skip
    last = (
        sa.select(page.c.camera, page.c.stream, sa.func.max(page.c.from_ns).label("from_ns"),
                  sa.func.count().label("pages"))
        .where(page.c.site_id == site_id)
        .group_by(page.c.camera, page.c.stream)
        .subquery()
    )  # fmt: skip
    pages = connection.execute(
        sa.select(page.c.camera, page.c.stream, last.c.pages, page.c.number, page.c.hash).join(
            last,
            sa.and_(
                page.c.site_id == site_id, page.c.camera == last.c.camera,
                page.c.stream == last.c.stream, page.c.from_ns == last.c.from_ns,
            ),
        )
    ).all()  # fmt: skip
    closed = {(row[0], row[1]): row[2:] for row in pages}
    streams = []
    for camera, stream, first_ns, last_ns, length_ns in spans:
        count, number, digest = closed.get((camera, stream), (0, None, ""))
        streams.append(
            {"camera": camera, "stream": stream, "from": rfc3339(first_ns), "to": rfc3339(last_ns),
             "recorded_s": int(length_ns) // NS, "pages": count, "last_page": number,
             "last_hash": digest}
        )  # fmt: skip
    return {"streams": streams, "seal": seal(streams)}


def seal(streams: list[dict[str, Any]]) -> str:
    """SHA-256 of ledger figures, hex."""
    content = msgspec.json.encode(streams, order="sorted")
    return hashlib.sha256(content).hexdigest()


def retention_facts(connection: Connection, site_id: str) -> dict[str, Any]:
    """Until when recordings stay: the last picture of each camera, and the days promised of it."""
    camera, span = tables.camera, tables.span
    it = register.facility(connection, site_id)
    query = (
        sa.select(span.c.camera, sa.func.max(span.c.to_ns))
        .where(span.c.site_id == site_id)
        .group_by(span.c.camera)
    )
    promised = connection.execute(
        sa.select(camera.c.name, camera.c.retention_days).where(camera.c.site_id == site_id)
    )
    days = {row.name: row.retention_days for row in promised}
    until = 0
    for name, last_ns in connection.execute(query):
        until = max(until, last_ns + (days.get(name) or it.said.retention_days) * DAY_NS)
    held = holds.standing(connection, [site_id])
    return {
        "until": rfc3339(until) if until else None,
        "days": it.said.retention_days,
        "holds": len(held),
        "cases": sorted({one.case_number for one in held}),
    }
