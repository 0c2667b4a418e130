"""Tasks by the ten thousand: counted and chosen by the database, as `task_board.stands` has it.

`task_board` says of one task how it stands; here the same is said in SQL, so that a board of a
country reads groups and one page of tasks, and not every task.  A test holds both to each other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Any, Final, cast

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import directives as db_directives
from vonggac.db import tables
from vonggac.db import task as db
from vonggac.domain import legal, task_board, tasks
from vonggac.domain.task_board import Counts, Stands
from vonggac.domain.units import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from vonggac.db import Connection
    from vonggac.domain.tasks import Task

SHOWN: Final = 200
"""Tasks of one list at most; the filters and the next page have the others (ours)."""
_EPOCH: Final = date(1970, 1, 1).toordinal()
_HERE_S: Final = 7 * 3600
"""Việt Nam is so many seconds before UTC."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task belongs, as the board groups it."""

    unit_id: str | None
    """Its unit, or that of its facility; None is everybody's."""
    of_site: bool


@dataclass(frozen=True, slots=True)
class Group:
    """How many tasks of a place and a body stand in one way."""

    place: Place
    body: str
    stands: Stands
    count: int
    done_late: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What of the list is asked for; empty is everything that is not over."""

    words: str = ""
    stands: str = ""
    body: str = ""
    places: Collection[Place] | None = None
    """None is all of them."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A task of a list."""

    it: Task
    stands: Stands
    place: Place
    site_title: str


@dataclass(frozen=True, slots=True)
class Late:
    """A task of a facility whose last day is over."""

    id: str
    site_id: str
    what: str
    due: date


# -- what the database says ------------------------------------------------------------------


def groups(connection: Connection, allowed: sa.ColumnElement[bool], today: date) -> list[Group]:
    """Every task that somebody may see, counted by place, body and how it stands.

    Args:
        connection: a transaction.
        allowed: from `tasks.visible`.
        today: in the site's time.
    """
    table = db.task
    is_done = table.c.state == "done"
    stands = _stands(allowed, today)
    # Which of the done ones were late is told by their days: a group has few of either.
    due = sa.case((is_done, _due), else_=None)
    day = sa.case((is_done, _day_number(table.c.changed_ns)), else_=None)
    keys = (_unit, table.c.site_id.is_not(None), table.c.body, stands, due, day)
    inner = (
        sa.select(*(one.label(f"k{at}") for at, one in enumerate(keys)))
        .select_from(_joined())
        .where(allowed)
        .subquery()
    )
    found: dict[tuple[Place, str, Stands], list[int]] = {}
    query = sa.select(*inner.c, sa.func.count()).group_by(*inner.c)
    rows: Iterable[Any] = connection.execute(query)
    for unit_id, of_site, body, how, last, number, count in rows:
        sums = found.setdefault((Place(unit_id, bool(of_site)), body, how), [0, 0])
        sums[0] += count
        if last is not None and date.fromordinal(_EPOCH + int(number)) > last:
            sums[1] += count
    return [Group(*key, *sums) for key, sums in found.items()]


def listed(
    connection: Connection,
    allowed: sa.ColumnElement[bool],
    wish: Wish,
    today: date,
    *,
    offset: int = 0,
    limit: int = SHOWN,
) -> tuple[list[Listed], int]:
    """Tasks by their last day, what has none at the end; and how many fit in all.

    Of one day, what can be begun comes before what waits for it.

    Args:
        connection: a transaction.
        allowed: from `tasks.visible`.
        wish: what is asked for; its words are looked for in what is to be done, the body and the
            name of the facility, with or without marks.
        today: in the site's time.
        offset: so many are left out.
        limit: so many are told at most.
    """
    table, site = db.task, tables.site
    stands = _stands(allowed, today)
    conditions = [allowed, *_wished(wish, stands)]
    title = sa.func.coalesce(sa.func.nullif(site.c.title, ""), site.c.name, "")
    if words := folded(legal.plain(wish.words)).split()[:10]:
        fitting = _holding(connection, conditions, title, words)
        conditions, count = [tasks.among_ids(fitting)], len(fitting)
    else:
        every = sa.select(sa.func.count()).select_from(_joined()).where(*conditions)
        count = connection.execute(every).scalar_one()
    undated = sa.case((_due.is_(None), table.c.opened_ns), else_=None)
    rows = connection.execute(
        sa.select(table.c.id, stands, _unit, table.c.site_id.is_not(None), title)
        .select_from(_joined())
        .where(*conditions)
        .order_by(_due.is_(None), _due, undated, _waits(), table.c.opened_ns, table.c.id)
        .offset(offset)
        .limit(limit)
    ).all()
    whole = tasks.of_ids(connection, [row[0] for row in rows])
    return [
        Listed(whole[task_id], how, Place(unit_id, bool(of_site)), said)
        for task_id, how, unit_id, of_site, said in rows
    ], count


def late(connection: Connection, allowed: sa.ColumnElement[bool], today: date) -> list[Late]:
    """Tasks of facilities that are not over and whose last day is, by that day."""
    table, due = db.task, _due
    rows = connection.execute(
        sa.select(table.c.id, table.c.site_id, table.c.what, due)
        .select_from(_with_due())
        .where(allowed, table.c.site_id.is_not(None), table.c.state.not_in(tasks.OVER), due < today)
        .order_by(due, table.c.id)
    )
    return [Late(*row) for row in rows]


def count(every: Iterable[Group]) -> Counts:
    """Sums over groups."""
    found = dict.fromkeys((one.name for one in fields(Counts)), 0)
    for it in every:
        found[it.stands] += it.count
        found["done_late"] += it.done_late
    return Counts(**found)


def rows(every: Iterable[Group], key: Callable[[Group], str]) -> list[task_board.Row]:
    """A line for each key, the most late ones first, then those at risk."""
    by_key: dict[str, list[Group]] = {}
    for one in every:
        by_key.setdefault(key(one), []).append(one)
    return task_board.in_order(task_board.Row(name, count(these)) for name, these in by_key.items())


# -- pieces ----------------------------------------------------------------------------------

_CLAUSE, _CITED = db_directives.directive_clause, db_directives.directive_citation
_due = sa.func.coalesce(db.task.c.due, _CLAUSE.c.due, _CITED.c.due, type_=sa.Date())
"""The last day: its own, that of its clause, or of the document which that cites."""
_unit = sa.case((db.task.c.site_id.is_not(None), tables.site.c.unit_id), else_=db.task.c.unit_id)


def _joined() -> sa.FromClause:
    table, site = db.task, tables.site
    return _with_due().outerjoin(site, site.c.id == table.c.site_id)


def _with_due() -> sa.FromClause:
    table = db.task
    return table.outerjoin(_CLAUSE, _CLAUSE.c.id == table.c.clause_id).outerjoin(
        _CITED, _CITED.c.id == _CLAUSE.c.citation_id
    )


def _day_number(ns: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Days since 1970 in the site's time."""
    return (ns // NS + _HERE_S) // 86_400


def _stands(allowed: sa.ColumnElement[bool], today: date) -> sa.ColumnElement[Any]:
    """`task_board.stands`; what it waits for counts as far as it is `allowed`."""
    state = db.task.c.state
    return sa.case(
        (state == "done", "done"),
        (state == "waived", "waived"),
        (_due.is_(None), "undated"),
        (_due < today, "late"),
        (sa.or_(_due <= task_board.risk_until(today), _is_held_up(allowed, today)), "risk"),
        else_="in_time",
    )


def _is_held_up(allowed: sa.ColumnElement[bool], today: date) -> sa.ColumnElement[bool]:
    table, link = db.task, db.task_after
    waited = (
        sa.select(table.c.id, _due.label("due"))
        .select_from(_with_due())
        .where(allowed, table.c.state.not_in(tasks.OVER), _due.is_not(None))
        .subquery("waited")
    )
    return (
        sa.select(sa.literal(1))
        .select_from(link.join(waited, waited.c.id == link.c.after_id))
        .where(
            link.c.task_id == table.c.id, sa.or_(waited.c.due < today, waited.c.due > _due)
        )
        .correlate(table, _CLAUSE, _CITED)
        .exists()
    )  # fmt: skip


def _waits() -> sa.ColumnElement[int]:
    """1 of a task that cannot be begun yet, else 0; asked once for all of them."""
    link, other = db.task_after, db.task.alias("other")
    waiting = (
        sa.select(link.c.task_id)
        .join(other, other.c.id == link.c.after_id)
        .where(other.c.state.not_in(tasks.OVER))
    )
    return sa.case((db.task.c.id.in_(waiting), 1), else_=0)


def _wished(wish: Wish, stands: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    table = db.task
    found: list[sa.ColumnElement[bool]] = []
    if wish.stands:
        found.append(stands == wish.stands)
    else:
        found.append(table.c.state.not_in(tasks.OVER))
    if wish.body:
        found.append(table.c.body == wish.body)
    if wish.places is not None:
        found.append(sa.or_(sa.false(), *(_is_at(one) for one in wish.places)))
    return found


def _is_at(place: Place) -> sa.ColumnElement[bool]:
    of_site = db.task.c.site_id
    where = of_site.is_not(None) if place.of_site else of_site.is_(None)
    unit = cast("sa.ColumnElement[Any]", _unit)
    return sa.and_(where, unit.is_(None) if place.unit_id is None else unit == place.unit_id)


def _holding(
    connection: Connection,
    conditions: Sequence[sa.ColumnElement[bool]],
    title: sa.ColumnElement[Any],
    words: Sequence[str],
) -> list[str]:
    """Ids of tasks in which every word stands.  What stands in many is folded once."""
    table = db.task
    texts = (table.c.body, table.c.what, title)
    query = sa.select(table.c.id, *texts).select_from(_joined()).where(*conditions)
    plain: dict[str, str] = {}
    found = []
    for task_id, *said in connection.execute(query):
        for one in said:
            if one not in plain:
                plain[one] = folded(one)
        whole = " ".join(plain[one] for one in said)
        if all(word in whole for word in words):
            found.append(task_id)
    return found
