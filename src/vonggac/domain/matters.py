"""What somebody has to do, what is late and what changed: one line each, for the page of a day.

Every subject of the chain (directives, survey, tasks, inspections, papers) says its own matters;
this is the shape that they share, and the order in which people read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date


class Standing(StrEnum):
    """Why a matter is shown."""

    LATE = "late"
    """Its last day is over."""
    DUE = "due"
    """To be done, by its last day if it has one."""
    SIGN = "sign"
    """Waits for a signature or a decision."""
    CHANGED = "changed"
    """Something happened that whoever looks should know; nothing is owed."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that waits for somebody."""

    subject: str
    """What it belongs to, such as `survey`, `task` or `inspection`: groups the list."""
    what: str
    """A Vietnamese sentence of the locale, with `{…}` places for `values`."""
    href: str
    """The page where it is done."""
    standing: Standing
    values: tuple[tuple[str, str], ...] = ()
    """What fills the places of `what`: names and numbers as people read them."""
    due: date | None = None
    """Its last day."""
    site_id: str = ""
    """The facility; empty where it is of none."""
    body: str = ""
    """Who owes it, as people call them."""


ORDER = (Standing.LATE, Standing.SIGN, Standing.DUE, Standing.CHANGED)
"""What people read first."""
_RANK = {one: at for at, one in enumerate(ORDER)}


def standing_on(due: date | None, today: date) -> Standing:
    """Whether something with a last day is late: the last day itself still counts."""
    return Standing.LATE if due is not None and due < today else Standing.DUE


def in_order(every: Iterable[Matter]) -> list[Matter]:
    """Late first, then what waits for a signature; within each the earliest day, undated last."""
    return sorted(
        every,
        key=lambda one: (
            _RANK[one.standing],
            one.due is None,
            one.due.toordinal() if one.due else 0,
            one.subject,
            one.href,
        ),
    )
