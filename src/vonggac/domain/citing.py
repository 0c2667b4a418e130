"""Which directive a task or a letter carries out, and how a letter cites it.

Whoever writes one asks `carried` before: what it was made from says it (a task its clause, an
inspection its decision, a letter of a survey its campaign), else what was last ordered at the
facility, else the newest directive of its place of which something is still owed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import sqlalchemy as sa

from vonggac.db import among, tables
from vonggac.db import directives as db
from vonggac.db import estimate as db_estimate
from vonggac.db import guide as db_guide
from vonggac.db import inspection as db_inspection
from vonggac.db import register as db_register
from vonggac.db import survey as db_survey
from vonggac.db import task as db_task
from vonggac.domain import access, directives
from vonggac.domain.units import folded
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vonggac.db import Connection

    Asked: TypeAlias = Callable[[str], sa.Select[str | None]]

WITHOUT: Final[Mapping[str, str]] = {
    "incident": "the law itself orders to report an incident, and sets its clock: no directive",
}
"""What carries out no directive by its nature, and why."""


def carried(
    connection: Connection,
    about: str,
    *,
    site_id: str | None = None,
    unit_id: str | None = None,
) -> str | None:
    """The directive that a task or a letter carries out; None where none is in force.

    Args:
        connection: a transaction.
        about: what it is made from, as `subject:id`; empty is nothing.
        site_id: the facility that it is about.
        unit_id: the unit, of what is about none.
    """
    subject = about.partition(":")[0]
    if subject in WITHOUT:
        return None
    found = _of_subject(connection, about)
    if found is None and site_id is not None:
        found = _last_ordered(connection, site_id)
    return found or _in_force(connection, _path(connection, site_id, unit_id))


def chosen(
    connection: Connection, directive_id: str | None, about: str, *, site_id: str | None = None,
    unit_id: str | None = None,
) -> str | None:  # fmt: skip
    """The directive that a person chose, or what it is without: `carried`.

    Raises:
        VonggacError: BAD_INPUT with `fields`, there is no such directive.
    """
    if not directive_id:
        return carried(connection, about, site_id=site_id, unit_id=unit_id)
    table = db.directive
    if not connection.execute(sa.select(table.c.id).where(table.c.id == directive_id)).scalar():
        raise VonggacError(Kind.BAD_INPUT, "directive: none", fields={"directive": "no_such"})
    return directive_id


# -- what a letter says ----------------------------------------------------------------------


def cited(connection: Connection, directive_id: str) -> str:
    """Number, day and issuer of a directive, as a letter names it.

    Raises:
        VonggacError: NOT_FOUND.
    """
    it = directives.find(connection, directive_id)
    dated = f"ngày {it.dated:%d/%m/%Y}" if it.dated else "(không đọc được ngày)"
    return f"Văn bản số {it.number} {dated} của {it.issuer}"


def opening(connection: Connection, directive_id: str | None, clause: str = "") -> str:
    """`Thực hiện Văn bản số …, ` before the first sentence; empty without a directive."""
    if directive_id is None:
        return ""
    item = f", mục {clause}" if clause else ""
    return f"Thực hiện {cited(connection, directive_id)}{item}, "


def basis(connection: Connection, directive_id: str | None) -> tuple[str, ...]:
    """`Căn cứ Văn bản số …`, a line of a decision; nothing without a directive."""
    return () if directive_id is None else (f"Căn cứ {cited(connection, directive_id)}",)


# -- where it is found -----------------------------------------------------------------------


def _of_subject(connection: Connection, about: str) -> str | None:
    """The directive that a subject names itself, or that it was made from."""
    subject, _, thing = about.partition(":")
    query = _QUERIES.get(subject)
    if query is None or not thing:
        return None
    return connection.execute(query(thing).limit(1)).scalar()


def _of_task(task_id: str) -> sa.Select[str | None]:
    return sa.select(db_task.task.c.directive_id).where(db_task.task.c.id == task_id)


def _of_finding(finding_id: str) -> sa.Select[str | None]:
    finding, it = db_inspection.finding, db_inspection.inspection
    made_in = sa.select(finding.c.inspection_id).where(finding.c.id == finding_id)
    return _of_inspections(it.c.id.in_(made_in))


def _of_inspection(inspection_id: str) -> sa.Select[str | None]:
    return _of_inspections(db_inspection.inspection.c.id == inspection_id)


def _of_inspections(which: sa.ColumnElement[bool]) -> sa.Select[str | None]:
    it, of = db_inspection.inspection, db_inspection.inspection_round
    return sa.select(of.c.directive_id).select_from(it.join(of)).where(which)


def _of_survey(survey_id: str) -> sa.Select[str | None]:
    it, over = db_survey.survey, db_survey.survey_campaign
    return sa.select(over.c.directive_id).select_from(it.join(over)).where(it.c.id == survey_id)


def _of_campaign(campaign_id: str) -> sa.Select[str | None]:
    table = db_survey.survey_campaign
    return sa.select(table.c.directive_id).where(table.c.id == campaign_id)


def _of_proposal(proposal_id: str) -> sa.Select[str | None]:
    table = db_inspection.proposal
    return sa.select(table.c.directive_id).where(table.c.id == proposal_id)


def _of_closing(closing_id: str) -> sa.Select[str | None]:
    table = db_register.closing
    return sa.select(table.c.directive_id).where(table.c.id == closing_id)


def _of_plan(plan_id: str) -> sa.Select[str | None]:
    return _ordered(db_task.task.c.about == f"plan:{plan_id}")


def _of_estimate(estimate_id: str) -> sa.Select[str | None]:
    it = db_estimate.estimate
    planned = sa.select(sa.literal("plan:") + it.c.connection_plan_id).where(it.c.id == estimate_id)
    task = db_task.task
    return _ordered(sa.or_(task.c.about == f"estimate:{estimate_id}", task.c.about.in_(planned)))


def _ordered(which: sa.ColumnElement[bool]) -> sa.Select[str | None]:
    task = db_task.task
    named = sa.select(task.c.directive_id).where(which, task.c.directive_id.is_not(None))
    return named.order_by(task.c.opened_ns.desc(), task.c.id)


def _of_duty(duty_id: str) -> sa.Select[str | None]:
    duty, clause = db.directive_duty, db.directive_clause
    return sa.select(clause.c.directive_id).select_from(duty.join(clause)).where(
        duty.c.id == duty_id
    )  # fmt: skip


def _of_clause(clause_id: str) -> sa.Select[str | None]:
    table = db.directive_clause
    return sa.select(table.c.directive_id).where(table.c.id == clause_id)


def _itself(directive_id: str) -> sa.Select[str | None]:
    return sa.select(db.directive.c.id).where(db.directive.c.id == directive_id)


def _of_guide(_: str) -> sa.Select[str | None]:
    """The document that last replaced a default of the software."""
    table = db_guide.guide_basis
    tied = sa.select(table.c.directive_id).where(
        table.c.directive_id.is_not(None), table.c.ended_ns.is_(None)
    )
    return tied.order_by(table.c.tied_ns.desc(), table.c.id)


_QUERIES: Final[Mapping[str, Asked]] = {
    "task": _of_task, "finding": _of_finding, "inspection": _of_inspection, "survey": _of_survey,
    "campaign": _of_campaign, "proposal": _of_proposal, "closing": _of_closing, "plan": _of_plan,
    "estimate": _of_estimate, "duty": _of_duty, "clause": _of_clause, "directive": _itself,
    "guide": _of_guide,
}  # fmt: skip


def _last_ordered(connection: Connection, site_id: str) -> str | None:
    """What was last ordered at a facility by a directive: a survey, a task, an inspection."""
    task, it, of = db_task.task, db_inspection.inspection, db_inspection.inspection_round
    asked, over = db_survey.survey, db_survey.survey_campaign
    ways = (
        sa.select(task.c.directive_id.label("directive_id"), task.c.opened_ns.label("made_ns"))
        .where(task.c.site_id == site_id, task.c.directive_id.is_not(None)),
        sa.select(of.c.directive_id, of.c.made_ns)
        .select_from(it.join(of))
        .where(it.c.site_id == site_id, of.c.directive_id.is_not(None)),
        sa.select(over.c.directive_id, over.c.made_ns)
        .select_from(asked.join(over))
        .where(asked.c.site_id == site_id, over.c.directive_id.is_not(None)),
    )  # fmt: skip
    every = sa.union_all(*ways).subquery()
    newest = sa.select(every.c.directive_id).order_by(every.c.made_ns.desc(), every.c.directive_id)
    return connection.execute(newest.limit(1)).scalar()


def _path(connection: Connection, site_id: str | None, unit_id: str | None) -> tuple[str, ...]:
    """Ids of the units above a facility or a unit, and of the unit."""
    try:
        if site_id is not None:
            return access.thing_of_site(connection, site_id).path
        return access.thing_of_unit(connection, unit_id).path if unit_id else ()
    except VonggacError:  # what is gone lies nowhere
        return ()


def _in_force(connection: Connection, path: Sequence[str]) -> str | None:
    """The newest directive of a place of which something is still owed.

    One that stands in the register of a unit above counts, and one of everybody's.  The two that
    are shipped are everybody's to read, but order something only below whoever issued them.
    """
    it, clause, duty = db.directive, db.directive_clause, db.directive_duty
    owed = sa.select(clause.c.directive_id).select_from(duty.join(clause)).where(
        duty.c.state != "consolidated"
    )  # fmt: skip
    here = sa.or_(it.c.unit_id.is_(None), among(it.c.unit_id, path))
    rows = connection.execute(
        sa.select(it.c.id, it.c.code, it.c.issuer)
        .where(here, it.c.id.in_(owed))
        .order_by(it.c.registered_ns.desc(), it.c.number, it.c.id)
    ).all()
    came = next((row.id for row in rows if row.code is None), None)
    if came is not None or not rows or not path:
        return came
    name = tables.unit_name
    names = connection.execute(sa.select(name.c.vi).where(among(name.c.unit_id, path))).scalars()
    above = [folded(one) for one in names]
    return next((row.id for row in rows if any(one in folded(row.issuer) for one in above)), None)
