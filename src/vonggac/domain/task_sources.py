"""Tasks made from what stands already: a plan's lines, an estimate's steps, a directive's clauses.

Each source is opened once; a second time is refused, so that two people do not order the same
work twice.  What the tasks say is Vietnamese, as people who wrote them would.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from vonggac.domain import citing, costs, directives, estimates, plans, tasks
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Placement

CAMERAS: Final = ("camera_in", "camera_out")
EXAMPLE_DAY: Final = date(2026, 1, 1)
"""A day on which every price of the software is in force; their names are the same on all."""
AFTER_APPROVAL: Final = ("procured", "contracted", "accepted", "settled")
"""Steps of an estimate that are work of the body which asked for it."""


def from_plan(
    connection: Connection,
    plan_id: str,
    *,
    body: str,
    due: date | None,
    placement: Placement,
    clause_id: str | None = None,
    by: Someone,
    now_ns: int,
) -> list[str]:
    """Open the installation of a plan: cameras by zone, equipment, then acceptance after them all.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, they are open already, or the
            plan asks for nothing.
    """
    it = plans.find(connection, plan_id)
    about = f"plan:{it.id}"
    _once(connection, about)
    return _install(
        connection, plans.lines(connection, it.id), it.site_id, about, body=body, due=due,
        placement=placement, clause_id=clause_id, by=by, now_ns=now_ns,
    )  # fmt: skip


def from_estimate(
    connection: Connection,
    estimate_id: str,
    *,
    body: str,
    due: date | None,
    placement: Placement,
    by: Someone,
    now_ns: int,
) -> list[str]:
    """Open what follows an estimate: its steps that are left, and the installation of its plan.

    The steps wait for each other in their order; the installation waits for the contract, the
    handover for the installation.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, they are open already.
    """
    it = estimates.find(connection, estimate_id)
    about = f"estimate:{it.id}"
    _once(connection, about)
    done = {one.code for one in estimates.done(connection, it.id)}
    line = estimates.owner_line(connection, it.site_id)
    left = [one for one in costs.chain(line) if one.code in AFTER_APPROVAL and one.code not in done]
    order = citing.carried(connection, about, site_id=it.site_id)
    opened: list[str] = []
    before: tuple[str, ...] = ()
    for step in left:
        if step.code == "accepted":
            installed = _install_for(
                connection, it, about, body=body, due=due, placement=placement, after=before,
                by=by, now_ns=now_ns,
            )  # fmt: skip
            opened += installed
            before = (*before, *installed[-1:])
        opened.append(
            tasks.open_task(
                connection, site_id=it.site_id, unit_id=None, body=body,
                what=f"{step.name.vi} theo dự toán {it.code}", due=due, about=about,
                directive_id=order, after=before, by=by, now_ns=now_ns,
            )
        )  # fmt: skip
        before = (opened[-1],)
    if not opened:
        raise VonggacError(Kind.CONFLICT, "no step of it is left", code="nothing_left")
    return opened


def from_clause(
    connection: Connection,
    clause_id: str,
    *,
    unit_id: str | None,
    by: Someone,
    now_ns: int,
) -> list[str]:
    """Open a clause of a directive: a task for each body, with the clause's own last day.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, they are open already.
    """
    clause = directives.clause(connection, clause_id)
    about = f"clause:{clause.id}"
    _once(connection, about)
    with_ = "Phối hợp: "
    return [
        tasks.open_task(
            connection, site_id=None, unit_id=unit_id, body=duty.body,
            what=_cut(("" if duty.part == "lead" else with_) + clause.said), due=None, about=about,
            directive_id=clause.directive_id, clause_id=clause.id, by=by, now_ns=now_ns,
        )
        for duty in clause.duties
    ]  # fmt: skip


# -- pieces ----------------------------------------------------------------------------------


def _once(connection: Connection, about: str) -> None:
    if tasks.of(connection, about):
        raise VonggacError(Kind.CONFLICT, "its tasks are open already", code="opened_already")


def _install_for(
    connection: Connection,
    it: estimates.Estimate,
    about: str,
    *,
    body: str,
    due: date | None,
    placement: Placement,
    after: tuple[str, ...],
    by: Someone,
    now_ns: int,
) -> list[str]:
    """The installation of an estimate's plan, if that has not been opened by itself."""
    plan_id = it.connection_plan_id
    if plan_id is None or tasks.of(connection, f"plan:{plan_id}"):
        return []
    lines = plans.lines(connection, plan_id)
    if not any(one.quantity for one in lines):
        return []
    return _install(
        connection, lines, it.site_id, about, body=body, due=due, placement=placement, after=after,
        by=by, now_ns=now_ns,
    )  # fmt: skip


def _install(
    connection: Connection,
    lines: Sequence[plans.Line],
    site_id: str,
    about: str,
    *,
    body: str,
    due: date | None,
    placement: Placement,
    after: tuple[str, ...] = (),
    clause_id: str | None = None,
    by: Someone,
    now_ns: int,
) -> list[str]:
    every = _works(lines, {zone.code: zone.name.vi for zone in placement.zones})
    if not every:
        raise VonggacError(Kind.CONFLICT, "the plan asks for nothing", code="nothing_left")
    order = None if clause_id else citing.carried(connection, about, site_id=site_id)
    opened: list[str] = []
    for what in (*every, "Kiểm tra kết nối, nghiệm thu camera"):
        is_last = len(opened) == len(every)
        opened.append(
            tasks.open_task(
                connection, site_id=site_id, unit_id=None, body=body, what=_cut(what), due=due,
                about=about, directive_id=order, clause_id=clause_id,
                after=tuple(opened[: tasks.MAX_AFTER]) if is_last else after, by=by, now_ns=now_ns,
            )
        )  # fmt: skip
    return opened


def _works(lines: Sequence[plans.Line], zones: Mapping[str, str]) -> list[str]:
    """What there is to install: cameras by zone, then everything else in one."""
    cameras: dict[str, int] = {}
    others: list[str] = []
    for line in lines:
        if not line.quantity:
            continue
        if line.kind in CAMERAS:
            cameras[line.zone] = cameras.get(line.zone, 0) + line.quantity
        else:
            others.append(f"{line.quantity} {_name(line)}")
    found = [
        f"Lắp {count} camera: {zones.get(zone, zone) or 'khu vực khác'}"
        for zone, count in cameras.items()
    ]
    return found + ([f"Lắp đặt thiết bị: {', '.join(others)}"] if others else [])


def _name(line: plans.Line) -> str:
    if line.title:
        return line.title
    prices = (one for one in costs.example(EXAMPLE_DAY) if one.kind == line.kind)
    return next((one.name.vi for one in prices), line.kind)


def _cut(text: str) -> str:
    return text if len(text) <= tasks.MAX_WHAT else text[: tasks.MAX_WHAT - 1] + "…"
