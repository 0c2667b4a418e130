"""The deadline board: how many tasks are done, at risk and late, by unit and by body.

Pure but for `matters`.  Every task is counted in exactly one way.  What is at risk is our default
and called so: few working days are left, or it waits for a task that will not be over in time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from vonggac.domain import legal, tasks, workdays
from vonggac.domain.access import Act
from vonggac.domain.matters import Matter, Standing, standing_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.tasks import Task

Stands = Literal["done", "waived", "late", "risk", "in_time", "undated"]

RISK_WORKING_DAYS: Final = 3
"""Working days left, with the last one, with which a task is at risk (ours)."""
MATTERS_MOST: Final = 200
"""Tasks that the page of a day tells of (ours)."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tasks stand how."""

    done: int = 0
    waived: int = 0
    late: int = 0
    risk: int = 0
    in_time: int = 0
    undated: int = 0
    done_late: int = 0
    """Part of `done`: over after its last day."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.done + self.waived + self.late + self.risk + self.in_time + self.undated


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the board."""

    key: str
    counts: Counts


ORDER: Final[tuple[Stands, ...]] = ("late", "risk", "in_time", "undated", "done", "waived")
"""What people read first."""


def stands(it: Task, today: date, before: Mapping[str, Task]) -> Stands:
    """How a task stands on a day.

    Args:
        it: the task.
        today: in the site's time.
        before: tasks by id, those that it waits for among them.
    """
    if it.state in ("done", "waived"):
        return "done" if it.state == "done" else "waived"
    if it.due is None:
        return "undated"
    if it.due < today:
        return "late"
    if workdays.between(today, it.due) < RISK_WORKING_DAYS or _is_held_up(it, today, before):
        return "risk"
    return "in_time"


def _is_held_up(it: Task, today: date, before: Mapping[str, Task]) -> bool:
    """Whether what it waits for is late already, or has its last day after its own."""
    waited = (before[one] for one in it.after if one in before)
    return any(
        not one.is_over and one.due is not None and (one.due < today or one.due > (it.due or today))
        for one in waited
    )


def was_late(it: Task) -> bool:
    """Whether it was done after its last day."""
    return it.state == "done" and it.due is not None and legal.day_of(it.changed_ns) > it.due


def count(every: Iterable[tuple[Task, Stands]]) -> Counts:
    """Sums over tasks."""
    found = dict.fromkeys((one.name for one in fields(Counts)), 0)
    for it, how in every:
        found[how] += 1
        found["done_late"] += was_late(it)
    return Counts(**found)


def standings(every: Sequence[Task], today: date) -> list[tuple[Task, Stands]]:
    """How each task stands, in the order of the tasks."""
    by_id = {one.id: one for one in every}
    return [(one, stands(one, today, by_id)) for one in every]


def rows(every: Iterable[tuple[Task, Stands]], key: Callable[[Task], str]) -> list[Row]:
    """A line for each key, the most late ones first, then those at risk."""
    groups: dict[str, list[tuple[Task, Stands]]] = {}
    for one in every:
        groups.setdefault(key(one[0]), []).append(one)
    return in_order(Row(name, count(group)) for name, group in groups.items())


def in_order(every: Iterable[Row]) -> list[Row]:
    """The most late ones first, then those at risk."""
    return sorted(every, key=lambda row: (-row.counts.late, -row.counts.risk, row.key))


@lru_cache(maxsize=16)
def risk_until(today: date) -> date:
    """The latest last day with which a task is at risk today, whatever it waits for."""
    day = today
    while workdays.between(today, day + timedelta(days=1)) < RISK_WORKING_DAYS:
        day += timedelta(days=1)
    return day


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """What somebody has to do, and the requests for more time that somebody has to answer."""
    today, here = legal.day_of(now_ns), set(allowed_sites)
    doing = tasks.visible(connection, person, Act.TASK_DO, now_ns)
    open_ones = tasks.owed(connection, doing, MATTERS_MOST)
    found = [
        Matter(
            subject="task",
            what="{what}",
            href=f"/tasks/{one.id}",
            standing=standing_on(one.due, today),
            values=(("what", one.what),),
            due=one.due,
            site_id=one.site_id or "",
            body=one.body,
        )
        for one in open_ones
        if _is_here(one, here)
    ]
    if len(open_ones) == MATTERS_MOST:
        more = tasks.owed_count(connection, doing) - MATTERS_MOST
        said = (("n", str(more)),)
        found += [Matter("task", "{n} việc nữa chưa xong", "/tasks", Standing.DUE, said)] * (
            more > 0
        )
    making = tasks.visible(connection, person, Act.TASK_MAKE, now_ns)
    for it, asked in tasks.asking(connection, making):
        if not _is_here(it, here):
            continue
        found.append(
            Matter(
                subject="task",
                what="Xin gia hạn đến {day}: {what}",
                href=f"/tasks/{it.id}#extensions",
                standing=Standing.SIGN,
                values=(("day", asked.new_due.strftime("%d/%m/%Y")), ("what", it.what)),
                due=it.due,
                site_id=it.site_id or "",
                body=it.body,
            )
        )
    return found


def _is_here(it: Task, here: set[str]) -> bool:
    return it.site_id is None or it.site_id in here
