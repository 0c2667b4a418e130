"""Reminders (đôn đốc): what is late, to whom the letter goes, which were sent.

A clock says how high a letter climbs (`rules/inspection.toml`, `level`): from the facility to its
commune or district, its owning body, the province.  Each step drafts a letter; a person sends it,
and says so with the number and the day that the clerk gave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import among
from vonggac.db import inspection as db
from vonggac.db import task as db_task
from vonggac.domain import (
    access,
    audit,
    citing,
    findings,
    inspection_papers,
    inspections,
    legal,
    papers,
    registry,
    surveys,
    task_lists,
    units,
)
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import Act
from vonggac.domain.inspection_input import MAX_LINE, MAX_SAID, refuse, text_faults
from vonggac.domain.legal import plain
from vonggac.domain.matters import Matter, Standing
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.exports import Someone
    from vonggac.domain.inspection_rules import Level

LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Late:
    """Something whose last day is over, at a facility."""

    about: str
    site_id: str
    what: str
    due: date
    days: int
    level: Level | None
    """How high it has climbed by the clock; None while no letter is due yet."""
    drafted: tuple[str, ...]
    """Levels whose letter was drafted already."""

    @property
    def is_owed(self) -> bool:
        """Whether the letter of this level has not been drafted."""
        return self.level is not None and self.level.code not in self.drafted


@dataclass(frozen=True, slots=True)
class Reminder:
    """A letter that urges."""

    id: str
    site_id: str
    about: str
    level: str
    addressee: str
    what: str
    due: date | None
    answer_by: date
    paper_id: str | None
    number: str
    sent: date | None
    sent_by: str
    sent_name: str
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter as it is asked for."""

    site_id: str
    about: str
    level: str
    what: str
    due: date | None
    body: str
    """Who writes."""
    addressee: str = ""
    """Empty is whom the level names."""
    answer_by: date | None = None


def late(connection: Connection, site_ids: Sequence[str], today: date) -> list[Late]:
    """What is late at these facilities, the latest first: findings, tasks, surveys."""
    found = [
        (f"finding:{one.id}", one.site_id, one.action, one.due)
        for one in findings.listed(connection, site_ids, states=("open",))
    ]
    found += [
        (f"task:{one.id}", one.site_id, one.what, one.due)
        for one in _tasks(connection, site_ids, today)
    ]
    found += [
        (f"survey:{one.id}", one.site_id, "trả lời phiếu khảo sát camera", one.due)
        for one in surveys.state(connection, site_ids).values()
        if one.owes
    ]
    over = [one for one in found if one[3] < today]
    drafted = _drafted(connection, [one[0] for one in over])
    made = [
        Late(
            about, site_id, what, due, (today - due).days, book.level_after((today - due).days),
            drafted.get(about, ()),
        )
        for about, site_id, what, due in over
    ]  # fmt: skip
    return sorted(made, key=lambda one: (not one.is_owed, one.due, one.site_id))


def _tasks(connection: Connection, site_ids: Sequence[str], today: date) -> list[task_lists.Late]:
    """Late tasks of facilities; those of findings are told by the findings."""
    table = db_task.task
    allowed = sa.and_(among(table.c.site_id, site_ids), table.c.about.not_like("finding:%"))
    return task_lists.late(connection, allowed, today)


def _drafted(connection: Connection, abouts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    table = db.reminder
    found: dict[str, tuple[str, ...]] = {}
    for about, level in connection.execute(
        sa.select(table.c.about, table.c.level).where(among(table.c.about, abouts))
    ):
        found[about] = (*found.get(about, ()), level)
    return found


def addressee_of(connection: Connection, site_id: str, level: str, today: date) -> str:
    """Whom a level addresses, for a facility.

    Raises:
        VonggacError: BAD_INPUT, there is no such level.
    """
    known = {one.code: one for one in book.levels()}
    if level not in known:
        raise VonggacError(Kind.BAD_INPUT, "level: no such", fields={"level": "no_such"})
    return addressees(connection, [(site_id, level)], today)[site_id, level]


def addressees(
    connection: Connection, wanted: Sequence[tuple[str, str]], today: date
) -> dict[tuple[str, str], str]:
    """Whom levels address, for many facilities, asked together: by facility and level."""
    levels = {one.code: one for one in book.levels()}
    titles = registry.titles(connection)
    things = access.things_of_sites(connection)
    paths = {one: things[one].path if one in things else () for one, _ in wanted}
    above = {unit for path in paths.values() for unit in path}
    names = units.called(connection, above, today)
    provinces = units.of_kinds(connection, above, ("province", "city"))

    def council(unit_id: str | None) -> str:
        said = names[unit_id].vi if unit_id in names else ""
        return f"Ủy ban nhân dân {said}".strip()

    return {
        (site_id, level): levels[level].to.format(
            site=titles.get(site_id, ""), unit=council(next(reversed(paths[site_id]), None)),
            province=council(next((one for one in paths[site_id] if one in provinces), None)),
        )
        for site_id, level in wanted
    }  # fmt: skip


def draft(connection: Connection, wanted: Draft, *, by: Someone, now_ns: int) -> str:
    """Draft a letter and keep that it was; returns the reminder's id. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, this level was written to about this already; BAD_INPUT
            with `fields`.
    """
    today = legal.day_of(now_ns)
    faults = text_faults("what", wanted.what, MAX_SAID) | text_faults("body", wanted.body, MAX_LINE)
    faults |= text_faults("addressee", wanted.addressee, MAX_LINE, needed=False)
    answer_by = wanted.answer_by or today + timedelta(days=book.numbers().answer_days)
    if answer_by < today:
        faults["answer_by"] = "in_the_past"
    if wanted.due is not None and wanted.due > today:
        faults["due"] = "in_the_future"
    if wanted.about.partition(":")[0] not in ("finding", "task", "survey", "inspection", "site"):
        faults["about"] = "no_such"
    refuse(faults)
    to = plain(wanted.addressee) or addressee_of(connection, wanted.site_id, wanted.level, today)
    if wanted.level in _drafted(connection, [wanted.about]).get(wanted.about, ()):
        raise VonggacError(Kind.CONFLICT, "this level was written to", code="reminded_already")
    earlier = [
        (one.number, one.sent)
        for one in of_site(connection, [wanted.site_id])
        if one.about == wanted.about and one.sent is not None
    ]
    order = citing.carried(connection, wanted.about, site_id=wanted.site_id)
    letter = inspection_papers.reminder_letter(
        connection, site_id=wanted.site_id, body=plain(wanted.body), addressee=to,
        what=plain(wanted.what), due=wanted.due, answer_by=answer_by, earlier=earlier,
        order=order, now_ns=now_ns,
    )  # fmt: skip
    paper_id = papers.draft(
        connection, letter, about=wanted.about, site_id=wanted.site_id, unit_id=None,
        directive_id=order, by=by, now_ns=now_ns,
    )  # fmt: skip
    made = new_id()
    connection.execute(
        db.reminder.insert().values(
            id=made, site_id=wanted.site_id, about=wanted.about, level=wanted.level, addressee=to,
            what=plain(wanted.what), due=wanted.due, answer_by=answer_by, paper_id=paper_id,
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    _audit(connection, audit.Act.REMINDER_DRAFTED, find(connection, made), by, now_ns)
    return made


def mark_sent(
    connection: Connection,
    reminder_id: str,
    *,
    number: str,
    sent: date | None,
    by: Someone,
    now_ns: int,
) -> Reminder:
    """Say that a person sent the letter, with its number and day. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was sent; BAD_INPUT with `fields`.
    """
    it = find(connection, reminder_id)
    if it.sent is not None:
        raise VonggacError(Kind.CONFLICT, "this letter was sent", code="sent_already")
    faults = text_faults("number", number, 60)
    if sent is None or sent > legal.day_of(now_ns):
        faults["sent"] = "required" if sent is None else "in_the_future"
    elif sent < legal.day_of(it.made_ns):
        faults["sent"] = "too_early"
    refuse(faults)
    table = db.reminder
    connection.execute(
        table.update()
        .where(table.c.id == it.id)
        .values(
            number=plain(number), sent=sent, sent_by=by.name, sent_name=by.full_name,
            sent_ns=now_ns,
        )
    )  # fmt: skip
    made = find(connection, it.id)
    _audit(connection, audit.Act.REMINDER_SENT, made, by, now_ns, number=made.number)
    return made


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, reminder_id: str) -> Reminder:
    """One reminder.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _reminders(connection, db.reminder.c.id == reminder_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such reminder")
    return found[0]


def of_site(
    connection: Connection, site_ids: Sequence[str], *, offset: int = 0, most: int = LISTED
) -> list[Reminder]:
    """Reminders about these facilities, the newest first; from `offset` on, `most` at most."""
    return _reminders(connection, among(db.reminder.c.site_id, site_ids), page=(offset, most))


def counted(connection: Connection, site_ids: Sequence[str]) -> int:
    """How many reminders `of_site` would tell without its bounds."""
    query = sa.select(sa.func.count()).select_from(db.reminder)
    return connection.execute(query.where(among(db.reminder.c.site_id, site_ids))).scalar_one()


def sent(connection: Connection, site_id: str) -> list[Reminder]:
    """Those that were sent about a facility: what is counted before anything is proposed."""
    return _reminders(connection, db.reminder.c.site_id == site_id, db.reminder.c.sent.is_not(None))


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """Letters that are due by the clock, and drafts that nobody sent: for those who remind."""
    may = set(access.sites_for(connection, person, Act.REMINDER_MAKE, now_ns))
    sites = [one for one in allowed_sites if one in may]
    if not sites:
        return []
    names = inspections.site_titles(connection, sites)
    found = [
        Matter(
            "inspection", "Soạn công văn đôn đốc {site}: {what}", "/reminders", Standing.DUE,
            (("site", names.get(one.site_id, "")), ("what", one.what[:80])), one.due, one.site_id,
        )
        for one in late(connection, sites, legal.day_of(now_ns))
        if one.is_owed
    ]  # fmt: skip
    return found + [
        Matter(
            "inspection", "Gửi công văn đôn đốc {site}", "/reminders", Standing.SIGN,
            (("site", names.get(one.site_id, "")),), None, one.site_id,
        )
        for one in of_site(connection, sites)
        if one.sent is None
    ]  # fmt: skip


def _reminders(
    connection: Connection,
    *conditions: sa.ColumnElement[bool],
    page: tuple[int, int] = (0, LISTED),
) -> list[Reminder]:
    table = db.reminder
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Reminder.__dataclass_fields__))
        .where(*conditions)
        .order_by(table.c.made_ns.desc(), table.c.id)
        .offset(page[0])
        .limit(page[1])
    )
    return [Reminder(*row) for row in rows]


def _audit(
    connection: Connection, act: audit.Act, it: Reminder, by: Someone, now_ns: int, **detail: Any
) -> None:
    audit.record(
        connection, by.actor, act, now_ns=now_ns, thing=it.id, site=it.site_id,
        detail={"about": it.about, "level": it.level, **detail},
    )  # fmt: skip
