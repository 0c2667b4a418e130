"""Inspections: who goes where by which decision, what was found, and the minutes of it.

    planned ──▶ open ──▶ done
       └──────────┴────▶ dropped

When an inspection begins, what the ledger knows is filled in and frozen.  Minutes may be made where
there is no signal: they come later, once, with the name that they were given there.  What is drawn
on a screen is no signature: who agreed is kept by name, and the paper is signed on paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import among, register, tables
from vonggac.db import inspection as db
from vonggac.domain import access, audit, citing, guide, inspection_facts, legal, registry
from vonggac.domain import inspection_rules as book
from vonggac.domain.access import Act
from vonggac.domain.inspection_input import (
    MAX_LINE,
    Answer,
    Member,
    Minutes,
    RoundDraft,
    Way,
    answer_fault,
    minutes_faults,
    refuse,
    round_faults,
    text_faults,
)
from vonggac.domain.legal import plain
from vonggac.domain.matters import Matter, Standing, standing_on
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.access import Person
    from vonggac.domain.exports import Someone
    from vonggac.domain.pictures import Picture
    from vonggac.domain.rules import Placement

State = Literal["planned", "open", "done", "dropped"]
MAX_PHOTOS: Final = 40
"""Photographs of an inspection (ours)."""
MAX_CLIENT: Final = 60
INTERVAL: Final = "inspection_days"
"""The line of the guide that says how long a facility may go without an inspection."""
LISTED: Final = 300


@dataclass(frozen=True, slots=True)
class Round:
    """A decision to inspect."""

    id: str
    title: str
    body: str
    decision: str
    decided: date | None
    team: tuple[Member, ...]
    directive_id: str | None
    paper_id: str | None
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """A facility inspected once."""

    id: str
    round_id: str
    site_id: str
    planned: date
    way: Way
    state: State
    checklist: str
    facts: Mapping[str, Any]
    facts_ns: int | None
    since_ns: int | None
    done: date | None
    counts: bool
    present: tuple[Member, ...]
    opinion: str
    refused: str
    witness: str
    client_id: str | None
    minutes_ns: int | None
    closed_ns: int | None
    closed_by: str
    closed_name: str
    paper_id: str | None
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph, without its bytes."""

    id: str
    inspection_id: str
    finding_id: str | None
    item: str
    media_type: str
    width: int
    height: int
    sha256: str
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Due:
    """Until when a facility has to be inspected."""

    site_id: str
    last: date | None
    due: date
    planned: date | None = None
    """The day of an inspection that is planned or begun."""

    def late(self, today: date) -> int:
        """Days past the last day; 0 and less when it is not over."""
        return (today - self.due).days


# -- the rule of days ------------------------------------------------------------------------


def last(connection: Connection, site_ids: Sequence[str]) -> dict[str, date]:
    """The day of the last inspection that counts, by facility; those without are left out."""
    table = db.inspection
    rows = connection.execute(
        sa.select(table.c.site_id, sa.func.max(table.c.done))
        .where(among(table.c.site_id, site_ids), table.c.state == "done", table.c.counts)
        .group_by(table.c.site_id)
    )
    return {row[0]: row[1] for row in rows}


def dues(connection: Connection, site_ids: Sequence[str], today: date) -> list[Due]:
    """Until when each facility that takes people in has to be inspected, the earliest first.

    One that was never inspected counts from its first day of service, or of the register.
    """
    begun = in_service(connection, site_ids)
    done = last(connection, list(begun))
    planned = _planned(connection, list(begun))
    days = timedelta(days=guide.number(connection, INTERVAL, today))
    found = [
        Due(one, done.get(one), max(done.get(one, date.min), since) + days, planned.get(one))
        for one, since in begun.items()
    ]
    return sorted(found, key=lambda one: (one.due, one.site_id))


def overdue(connection: Connection, site_ids: Sequence[str], today: date) -> list[Due]:
    """Those of `dues` whose last day is over."""
    return [one for one in dues(connection, site_ids, today) if one.late(today) > 0]


def in_service(connection: Connection, site_ids: Sequence[str]) -> dict[str, date]:
    """Facilities that take people in, with the first day of their present service."""
    facility, service = register.facility, register.facility_service
    rows = connection.execute(
        sa.select(tables.site.c.id, tables.site.c.created_ns, facility.c.status)
        .select_from(tables.site.outerjoin(facility, facility.c.site_id == tables.site.c.id))
        .where(among(tables.site.c.id, site_ids))
    ).all()
    began = {
        row[0]: row[1]
        for row in connection.execute(
            sa.select(service.c.site_id, sa.func.max(service.c.from_day))
            .where(among(service.c.site_id, site_ids), service.c.to_day.is_(None))
            .group_by(service.c.site_id)
        )
    }
    return {
        row.id: began.get(row.id) or legal.day_of(row.created_ns)
        for row in rows
        if row.status in (None, "in_service")
    }


def _planned(connection: Connection, site_ids: Sequence[str]) -> dict[str, date]:
    table = db.inspection
    rows = connection.execute(
        sa.select(table.c.site_id, sa.func.min(table.c.planned))
        .where(among(table.c.site_id, site_ids), table.c.state.in_(("planned", "open")))
        .group_by(table.c.site_id)
    )
    return {row[0]: row[1] for row in rows}


# -- whether a remote inspection counts ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Switch:
    """That a leader lets remote inspections count, or does not."""

    unit_id: str | None
    remote: bool
    reason: str
    made_ns: int
    made_by: str
    made_name: str


def switch_of(connection: Connection, path: Sequence[str]) -> Switch | None:
    """What holds for a facility: what was said last of the nearest unit above it.

    Args:
        connection: a transaction.
        path: ids of its units, root first: `access.Thing.path`.
    """
    table = db.inspection_switch
    rows = connection.execute(
        _every(table, Switch)
        .where(sa.or_(table.c.unit_id.is_(None), table.c.unit_id.in_(list(path))))
        .order_by(table.c.made_ns.desc(), table.c.id.desc())
    ).all()
    newest: dict[str | None, Switch] = {}
    for row in rows:
        newest.setdefault(row.unit_id, Switch(*row))
    return next((newest[one] for one in (*reversed(path), None) if one in newest), None)


def set_switch(
    connection: Connection,
    unit_id: str | None,
    *,
    remote: bool,
    reason: str,
    by: Someone,
    now_ns: int,
) -> None:
    """Let remote inspections count below a unit, or not any more. A writing transaction.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    refuse(text_faults("reason", reason, MAX_LINE))
    connection.execute(
        db.inspection_switch.insert().values(
            id=new_id(), unit_id=unit_id, remote=remote, reason=plain(reason), made_ns=now_ns,
            made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.INSPECTION_RULE, now_ns=now_ns, thing=unit_id or "",
        detail={"remote": remote, "reason": plain(reason)},
    )  # fmt: skip


# -- planning --------------------------------------------------------------------------------


def plan(connection: Connection, draft: RoundDraft, *, by: Someone, now_ns: int) -> str:
    """Enter a decision with the facilities that it names; returns its id. A writing transaction.

    Whether the maker may inspect each of them is asked before.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    today = legal.day_of(now_ns)
    refuse(round_faults(draft, today))
    order = citing.chosen(connection, draft.directive_id, "", site_id=next(iter(draft.sites), None))
    round_id = new_id()
    connection.execute(
        db.inspection_round.insert().values(
            id=round_id, title=plain(draft.title), body=plain(draft.body),
            decision=plain(draft.decision), decided=draft.decided,
            team=[_member(one) for one in draft.team], directive_id=order,
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    for site_id in dict.fromkeys(draft.sites):
        made = new_id()
        connection.execute(
            db.inspection.insert().values(
                id=made, round_id=round_id, site_id=site_id, planned=draft.planned,
                way=draft.way, state="planned", facts={}, present=[], made_ns=now_ns,
                made_by=by.name, made_name=by.full_name,
            )
        )  # fmt: skip
        _audit(connection, audit.Act.INSPECTION_PLANNED, made, site_id, by, now_ns, round=round_id)
    return round_id


def note_decision(
    connection: Connection, round_id: str, *, number: str, decided: date | None, by: Someone,
    now_ns: int,
) -> None:  # fmt: skip
    """Enter number and day of a decision that was drafted. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`.
    """
    faults = text_faults("decision", number, 60)
    if decided is None or decided > legal.day_of(now_ns):
        faults["decided"] = "required" if decided is None else "in_the_future"
    refuse(faults)
    table = db.inspection_round
    done = connection.execute(
        table.update().where(table.c.id == round_id).values(decision=plain(number), decided=decided)
    )
    if not done.rowcount:
        raise VonggacError(Kind.NOT_FOUND, "there is no such decision")
    _audit(connection, audit.Act.INSPECTION_PLANNED, round_id, "", by, now_ns, number=plain(number))


def keep_paper(connection: Connection, table: sa.Table, row_id: str, paper_id: str) -> None:
    """Note which draft was made of a row."""
    connection.execute(table.update().where(table.c.id == row_id).values(paper_id=paper_id))


# -- holding one -----------------------------------------------------------------------------


def start(
    connection: Connection, inspection_id: str, placement: Placement, *, by: Someone, now_ns: int
) -> Inspection:
    """Begin: fill in what the ledger knows, and freeze it. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it has begun already.
    """
    it = find(connection, inspection_id)
    if it.state != "planned":
        raise VonggacError(Kind.CONFLICT, "this inspection has begun", code="not_planned")
    before = last(connection, [it.site_id]).get(it.site_id)
    days = guide.number(connection, INTERVAL, legal.day_of(now_ns))
    since = legal.start_of(before or legal.day_of(now_ns) - timedelta(days=days))
    known = inspection_facts.facts(connection, it.site_id, placement, since_ns=since, now_ns=now_ns)
    table = db.inspection
    connection.execute(
        table.update()
        .where(table.c.id == it.id)
        .values(
            state="open", facts=known, facts_ns=now_ns, since_ns=since,
            checklist=book.numbers().version,
        )
    )  # fmt: skip
    _audit(connection, audit.Act.INSPECTION_EDITED, it.id, it.site_id, by, now_ns, began=True)
    return find(connection, it.id)


def answer(
    connection: Connection,
    inspection_id: str,
    answers: Sequence[Answer],
    *,
    by: Someone,
    now_ns: int,
) -> None:
    """Enter what was found; an item that is not named stays as it was. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is not open; BAD_INPUT with `fields`, by item.
    """
    it = _open(connection, inspection_id)
    refuse({one.item: fault for one in answers if (fault := answer_fault(one))})
    _put_answers(connection, it, answers, by, now_ns)
    _audit(
        connection, audit.Act.INSPECTION_EDITED, it.id, it.site_id, by, now_ns,
        items=[one.item for one in answers],
    )  # fmt: skip


def _put_answers(
    connection: Connection, it: Inspection, answers: Sequence[Answer], by: Someone, now_ns: int
) -> None:
    table = db.inspection_answer
    for one in answers:
        connection.execute(
            table.delete().where(table.c.inspection_id == it.id, table.c.item == one.item)
        )
        connection.execute(
            table.insert().values(
                inspection_id=it.id, item=one.item, verdict=one.verdict, said=plain(one.said),
                action=plain(one.action), responsible=plain(one.responsible), due=one.due,
                made_ns=now_ns, made_by=by.name, made_name=by.full_name,
            )
        )  # fmt: skip


def attach(
    connection: Connection,
    inspection_id: str,
    picture: Picture,
    *,
    item: str = "",
    client_id: str = "",
    finding_id: str | None = None,
    by: Someone,
    now_ns: int,
) -> str:
    """Keep a photograph; returns its id, the same for one that came before. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the inspection is not open; TOO_MANY; BAD_INPUT.
    """
    it = find(connection, inspection_id)
    table = db.inspection_photo
    if client_id:
        known = connection.execute(
            sa.select(table.c.id).where(
                table.c.client_id == client_id[:MAX_CLIENT], table.c.inspection_id == it.id
            )
        ).scalar_one_or_none()
        if known is not None:
            return str(known)
    if finding_id is None and it.state != "open":
        raise VonggacError(Kind.CONFLICT, "this inspection is not open", code="not_open")
    if item and item not in book.items():
        refuse({"item": "no_such"})
    if len(photos(connection, it.id)) >= MAX_PHOTOS:
        raise VonggacError(Kind.TOO_MANY, f"{MAX_PHOTOS} photographs are there", code="too_many")
    made = new_id()
    connection.execute(
        table.insert().values(
            id=made, inspection_id=it.id, finding_id=finding_id, item=item,
            client_id=client_id[:MAX_CLIENT] or None, media_type=picture.media_type,
            width=picture.width, height=picture.height, sha256=picture.sha256,
            content=picture.content, made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    _audit(
        connection, audit.Act.INSPECTION_EDITED, it.id, it.site_id, by, now_ns,
        photo=picture.sha256[:16],
    )  # fmt: skip
    return made


def close(
    connection: Connection,
    inspection_id: str,
    minutes: Minutes,
    *,
    answers: Sequence[Answer] = (),
    by: Someone,
    now_ns: int,
) -> tuple[Inspection, bool]:
    """Make the minutes; what failed waits as answers for `findings.open_all`.

    Minutes that came already under the same name change nothing.

    Args:
        connection: a writing transaction.
        inspection_id: which.
        minutes: who agreed, what the facility says, or that it refused.
        answers: those that come with the minutes, as from a phone without signal.
        by: who makes them.
        now_ns: UTC now.

    Returns:
        The inspection, and whether the minutes are new.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT; BAD_INPUT with `fields`, and `items` where items lack
            something.
    """
    it = find(connection, inspection_id)
    client_id = minutes.client_id[:MAX_CLIENT]
    if it.state == "done" and client_id and it.client_id == client_id:
        return it, False
    it = _open(connection, inspection_id)
    refuse({one.item: fault for one in answers if (fault := answer_fault(one))})
    refuse(minutes_faults(minutes))
    _put_answers(connection, it, answers, by, now_ns)
    _refuse_unfinished(connection, it.id)
    made_ns = min(minutes.made_ns or now_ns, now_ns)
    if made_ns < (it.facts_ns or 0):
        made_ns = now_ns  # the clock of that machine stands wrong
    thing = access.thing_of_site(connection, it.site_id)
    switch = switch_of(connection, thing.path)
    table = db.inspection
    connection.execute(
        table.update()
        .where(table.c.id == it.id)
        .values(
            state="done", done=legal.day_of(made_ns), minutes_ns=made_ns, closed_ns=now_ns,
            counts=it.way == "on_site" or (switch is not None and switch.remote),
            present=[_member(one) for one in minutes.present], opinion=plain(minutes.opinion),
            refused=plain(minutes.refused), witness=plain(minutes.witness),
            client_id=client_id or None, closed_by=by.name, closed_name=by.full_name,
        )
    )  # fmt: skip
    _audit(
        connection, audit.Act.INSPECTION_CLOSED, it.id, it.site_id, by, now_ns,
        refused=bool(plain(minutes.refused)),
    )  # fmt: skip
    return find(connection, it.id), True


def _refuse_unfinished(connection: Connection, inspection_id: str) -> None:
    known = {one.item: one for one in answers_of(connection, inspection_id)}
    missing = [code for code in book.items() if code not in known]
    if missing:
        raise VonggacError(
            Kind.BAD_INPUT, f"not judged: {', '.join(missing)}", fields={"items": "unanswered"},
            items=", ".join(missing),
        )  # fmt: skip
    bare = [
        one.item for one in known.values()
        if one.verdict == "fail" and not (one.action and one.responsible and one.due)
    ]  # fmt: skip
    if bare:
        raise VonggacError(
            Kind.BAD_INPUT, f"what is to be done, by whom, until when: {', '.join(bare)}",
            fields={"items": "no_action"}, items=", ".join(sorted(bare)),
        )  # fmt: skip


def drop(connection: Connection, inspection_id: str, *, by: Someone, now_ns: int) -> None:
    """Take a planned inspection out of the plan. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it has begun.
    """
    it = find(connection, inspection_id)
    if it.state != "planned":
        raise VonggacError(Kind.CONFLICT, "this inspection has begun", code="not_planned")
    table = db.inspection
    connection.execute(table.update().where(table.c.id == it.id).values(state="dropped"))
    _audit(connection, audit.Act.INSPECTION_EDITED, it.id, it.site_id, by, now_ns, dropped=True)


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, inspection_id: str) -> Inspection:
    """One inspection.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _inspections(connection, db.inspection.c.id == inspection_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such inspection")
    return found[0]


def find_round(connection: Connection, round_id: str) -> Round:
    """One decision.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = db.inspection_round
    row = connection.execute(_every(table, Round).where(table.c.id == round_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such decision")
    return Round(**{**row._mapping, "team": _members(row.team)})


def listed(
    connection: Connection,
    site_ids: Sequence[str],
    *,
    states: Sequence[str] = (),
    offset: int = 0,
    most: int = LISTED,
) -> list[Inspection]:
    """Inspections of these facilities, the newest first; from `offset` on, `most` at most."""
    table = db.inspection
    conditions = [among(table.c.site_id, site_ids)]
    if states:
        conditions.append(table.c.state.in_(states))
    return _inspections(connection, *conditions, page=(offset, most))


def counted(connection: Connection, site_ids: Sequence[str]) -> int:
    """How many inspections `listed` would tell without its bounds."""
    query = sa.select(sa.func.count()).select_from(db.inspection)
    return connection.execute(query.where(among(db.inspection.c.site_id, site_ids))).scalar_one()


def of_round(connection: Connection, round_id: str) -> list[Inspection]:
    """Inspections of one decision."""
    return _inspections(connection, db.inspection.c.round_id == round_id)


def answers_of(connection: Connection, inspection_id: str) -> list[Answer]:
    """What was found, in the order of the checklist."""
    table = db.inspection_answer
    rows = connection.execute(_every(table, Answer).where(table.c.inspection_id == inspection_id))
    order = list(book.items())
    found = [Answer(*row) for row in rows]
    return sorted(found, key=lambda one: order.index(one.item) if one.item in order else 99)


def photos(connection: Connection, inspection_id: str) -> list[Photo]:
    """Photographs of an inspection, and of what was mended after it; the oldest first."""
    table = db.inspection_photo
    rows = connection.execute(
        _every(table, Photo)
        .where(table.c.inspection_id == inspection_id)
        .order_by(table.c.made_ns, table.c.id)
    )
    return [Photo(*row) for row in rows]


def photo_content(connection: Connection, inspection_id: str, photo_id: str) -> tuple[str, bytes]:
    """Media type and bytes of a photograph of an inspection.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = db.inspection_photo
    row = connection.execute(
        sa.select(table.c.media_type, table.c.content).where(
            table.c.id == photo_id, table.c.inspection_id == inspection_id
        )
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such photograph")
    return str(row[0]), bytes(row[1])


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """Facilities to inspect, and inspections that have begun: for those who inspect."""
    today = legal.day_of(now_ns)
    mine = set(access.sites_for(connection, person, Act.INSPECTION_MAKE, now_ns))
    sites = [one for one in allowed_sites if one in mine]
    if not sites:
        return []
    names = site_titles(connection, sites)
    soon = timedelta(days=book.numbers().soon_days)
    found = [
        Matter(
            "inspection", "Kiểm tra {site}", "/inspections", standing_on(one.due, today),
            (("site", names.get(one.site_id, "")),), one.due, one.site_id,
        )
        for one in dues(connection, sites, today)
        if one.planned is None and one.due <= today + soon
    ]  # fmt: skip
    for it in listed(connection, sites, states=("planned", "open")):
        values, href = (("site", names.get(it.site_id, "")),), f"/inspections/{it.id}"
        rest = (values, it.planned, it.site_id)
        begun = Matter("inspection", "Lập biên bản kiểm tra {site}", href, Standing.DUE, *rest)
        late = standing_on(it.planned, today)
        ahead = Matter("inspection", "Kiểm tra {site} theo lịch", href, late, *rest)
        found.append(begun if it.state == "open" else ahead)
    return found


def site_titles(connection: Connection, site_ids: Sequence[str]) -> dict[str, str]:
    """What facilities are called."""
    known = registry.titles(connection)
    return {one: known[one] for one in site_ids if one in known}


# -- pieces ----------------------------------------------------------------------------------


def _open(connection: Connection, inspection_id: str) -> Inspection:
    it = find(connection, inspection_id)
    if it.state != "open":
        raise VonggacError(Kind.CONFLICT, "this inspection is not open", code="not_open")
    return it


def _member(one: Member) -> dict[str, str]:
    return {"name": plain(one.name), "body": plain(one.body)}


def _members(rows: Iterable[Mapping[str, str]]) -> tuple[Member, ...]:
    return tuple(Member(row["name"], row["body"]) for row in rows)


def _inspections(
    connection: Connection,
    *conditions: sa.ColumnElement[bool],
    page: tuple[int, int] = (0, LISTED),
) -> list[Inspection]:
    table = db.inspection
    rows = connection.execute(
        _every(table, Inspection)
        .where(*conditions)
        .order_by(table.c.planned.desc(), table.c.made_ns.desc(), table.c.id)
        .offset(page[0])
        .limit(page[1])
    )
    return [Inspection(**{**row._mapping, "present": _members(row.present)}) for row in rows]


def _every(table: sa.Table, of: type[Any]) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in of.__dataclass_fields__))


def _audit(
    connection: Connection,
    act: audit.Act,
    thing: str,
    site_id: str,
    by: Someone,
    now_ns: int,
    **detail: Any,
) -> None:
    audit.record(connection, by.actor, act, now_ns=now_ns, thing=thing, site=site_id, detail=detail)
