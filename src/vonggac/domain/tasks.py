"""Tasks (công việc): what a body has to do until a day, after what, and what became of it.

A task comes from a line of a plan, a step of an estimate, a clause of a directive, a camera that
drifted, a finding.  Its last day is its own, or that of the clause that it carries out.  Who may do
it is `access.may`'s to say.  Nothing is deleted: a task that need not be done is waived, by name
and with the reason; a last day is moved by a request that somebody agreed to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.db import among
from vonggac.db import directives as db_directives
from vonggac.db import task as db
from vonggac.domain import access, audit, directives, legal
from vonggac.domain.access import Act
from vonggac.domain.exports import Someone
from vonggac.domain.units import folded, is_secret
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.access import Person, Thing

State = Literal["open", "doing", "done", "waived"]

STATES: Final[tuple[State, ...]] = ("open", "doing", "done", "waived")
NEXT: Final[Mapping[str, tuple[State, ...]]] = {
    "open": ("doing", "done", "waived"),
    "doing": ("done", "open", "waived"),
    "done": ("open",),
    "waived": ("open",),
}
"""What a task may become; what is over is opened again with a reason."""
OVER: Final = ("done", "waived")
NEEDS_NOTE: Final = ("waived",)
MAX_WHAT, MAX_NOTE, MAX_LINE = 500, 1_000, 300
"""Letters of what is to be done, of a note, of a name or a number (ours)."""
MAX_AFTER: Final = 20
MAX_FILES: Final = 10
PROGRAM: Final = Someone("", "vonggac")
"""The program itself, for what it finds at night."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a body has to do."""

    id: str
    site_id: str | None
    unit_id: str | None
    body: str
    what: str
    due: date | None
    """The last day: its own, or that of its clause, or of the document which that cites."""
    about: str
    directive_id: str | None
    clause_id: str | None
    state: State
    opened_ns: int
    opened_by: str
    opened_name: str
    changed_ns: int
    own_due: date | None
    after: tuple[str, ...] = ()
    """Tasks that must be over before it begins."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is owed any more."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a task."""

    state: State
    note: str
    done_ns: int
    done_by: str
    done_name: str


@dataclass(frozen=True, slots=True)
class Extension:
    """A request to move the last day."""

    id: str
    task_id: str
    reason: str
    old_due: date | None
    new_due: date
    asked_ns: int
    asked_by: str
    asked_name: str
    state: Literal["asked", "agreed", "refused"]
    agreed_person: str
    document: str
    answer: str
    decided_ns: int | None
    decided_by: str
    decided_name: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of a task, without its bytes."""

    id: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    attached_ns: int
    attached_by: str
    attached_name: str


# -- opening and going on --------------------------------------------------------------------


def open_task(
    connection: Connection,
    *,
    site_id: str | None,
    unit_id: str | None,
    body: str,
    what: str,
    due: date | None,
    about: str,
    directive_id: str | None,
    after: tuple[str, ...] = (),
    clause_id: str | None = None,
    by: Someone,
    now_ns: int,
) -> str:
    """Open a task; returns its id.

    Args:
        connection: a writing transaction.
        site_id: where; None is no facility alone.
        unit_id: the unit that it belongs to; None is everybody's, or the facility's.
        body: who is responsible, by name: a unit or a body of the order.
        what: what is to be done.
        due: the last day; None is none, or that of the clause.
        about: what it came from, as `subject:id`; empty when a person thought of it.
        directive_id: the directive that it carries out.
        after: ids of tasks that must be over before.
        clause_id: the clause of that directive whose last day it has without its own.
        by: who opens it.
        now_ns: UTC now.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    faults = text_faults("body", body, MAX_LINE) | text_faults("what", what, MAX_WHAT)
    if clause_id is not None:
        directive_id, found = _clause_directive(connection, clause_id), directive_id
        if directive_id is None or found not in (None, directive_id):
            faults["clause"] = "no_such_kind"
    afters = _afters(connection, after)
    if len(after) > MAX_AFTER:
        faults["after"] = "too_many"
    elif afters is None:
        faults["after"] = "no_such_task"
    refuse(faults)
    task_id = new_id()
    connection.execute(
        db.task.insert().values(
            id=task_id, site_id=site_id, unit_id=unit_id, body=legal.plain(body),
            what=legal.plain(what), due=due, about=about, directive_id=directive_id,
            clause_id=clause_id, state="open", opened_ns=now_ns, opened_by=by.name,
            opened_name=by.full_name, changed_ns=now_ns,
        )
    )  # fmt: skip
    for after_id in sorted(afters or ()):
        connection.execute(db.task_after.insert().values(task_id=task_id, after_id=after_id))
    _step(connection, task_id, "open", "", by, now_ns)
    detail = {"about": about, "body": legal.plain(body), "due": due.isoformat() if due else None}
    _audit(connection, audit.Act.TASK_OPENED, task_id, site_id, by, now_ns, detail)
    return task_id


def step(
    connection: Connection, task_id: str, state: str, note: str, *, by: Someone, now_ns: int
) -> Task:
    """Say what a task is now, or leave a note: the state that it has already needs one.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, it cannot become that now, or
            it waits for another task (`detail["code"]`).
    """
    it = find(connection, task_id)
    needed = state in NEEDS_NOTE or state == it.state or it.is_over
    faults = text_faults("note", note, MAX_NOTE, needed=needed)
    if state not in STATES:
        faults["state"] = "no_such_kind"
    refuse(faults)
    if state != it.state:
        if state not in NEXT[it.state]:
            raise VonggacError(
                Kind.CONFLICT, f"what is {it.state} cannot become {state}", code="no_such_step"
            )
        if state in ("doing", "done") and waits_for(connection, it):
            raise VonggacError(Kind.CONFLICT, "it waits for another task", code="waits")
        connection.execute(
            db.task.update().where(db.task.c.id == it.id).values(state=state, changed_ns=now_ns)
        )
    said = legal.plain(note)
    _step(connection, it.id, state, said, by, now_ns)
    detail = {"state": state, "note": said}
    _audit(connection, audit.Act.TASK_STEP, it.id, it.site_id, by, now_ns, detail)
    return find(connection, it.id)


def attach(
    connection: Connection,
    task_id: str,
    *,
    file_name: str,
    content: bytes,
    by: Someone,
    now_ns: int,
) -> File:
    """Attach a file that shows how it was done.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; TOO_MANY.
    """
    it = find(connection, task_id)
    name = legal.plain(file_name.replace("\\", "/").rpartition("/")[2])[:MAX_LINE]
    media_type, fault = directives.sniffed(content)
    if is_secret(name):
        fault = "secret_mark"
    refuse({"file": fault} if fault else {})
    if len(files(connection, it.id)) >= MAX_FILES:
        raise VonggacError(Kind.TOO_MANY, f"{MAX_FILES} files stand already", code="too_many")
    file_id, sha256 = new_id(), hashlib.sha256(content).hexdigest()
    connection.execute(
        db.task_file.insert().values(
            id=file_id, task_id=it.id, file_name=name or sha256[:12], media_type=media_type,
            size=len(content), sha256=sha256, content=content, attached_ns=now_ns,
            attached_by=by.name, attached_name=by.full_name,
        )
    )  # fmt: skip
    detail = {"file": name, "sha256": sha256}
    _audit(connection, audit.Act.TASK_STEP, it.id, it.site_id, by, now_ns, detail)
    return next(one for one in files(connection, it.id) if one.id == file_id)


def wait_for(
    connection: Connection, task_id: str, after_id: str, *, by: Someone, now_ns: int
) -> Task:
    """Let a task wait for another one; nothing happens when it does already.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`, they would wait for each other; CONFLICT,
            the task is over.
    """
    it, other = find(connection, task_id), find(connection, after_id)
    if it.is_over:
        raise VonggacError(Kind.CONFLICT, "the task is over", code="task_over")
    if other.id in it.after:
        return it
    refuse({"after": "too_many"} if len(it.after) >= MAX_AFTER else {})
    refuse({"after": "in_a_circle"} if it.id in _before(connection, other.id) else {})
    connection.execute(db.task_after.insert().values(task_id=it.id, after_id=other.id))
    detail = {"after": other.id}
    _audit(connection, audit.Act.TASK_STEP, it.id, it.site_id, by, now_ns, detail)
    return find(connection, it.id)


def _before(connection: Connection, task_id: str) -> set[str]:
    """The task and everything that it waits for, through others too."""
    link = db.task_after
    start = sa.select(sa.literal(task_id).label("id")).cte("before", recursive=True)
    before = start.union(sa.select(link.c.after_id).join(start, start.c.id == link.c.task_id))
    return set(connection.execute(sa.select(before.c.id)).scalars())


# -- extensions ------------------------------------------------------------------------------


def ask_extension(
    connection: Connection, task_id: str, *, reason: str, new_due: date, by: Someone, now_ns: int
) -> Extension:
    """Ask for a later last day.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, the task is over, or asks
            already.
    """
    it = find(connection, task_id)
    faults = text_faults("reason", reason, MAX_NOTE)
    if it.due is not None and new_due <= it.due:
        faults["new_due"] = "not_later"
    elif new_due < legal.day_of(now_ns):
        faults["new_due"] = "in_the_past"
    refuse(faults)
    if it.is_over:
        raise VonggacError(Kind.CONFLICT, "the task is over", code="task_over")
    if any(one.state == "asked" for one in extensions(connection, it.id)):
        raise VonggacError(Kind.CONFLICT, "it asks for one already", code="asks_already")
    extension_id = new_id()
    connection.execute(
        db.task_extension.insert().values(
            id=extension_id, task_id=it.id, reason=legal.plain(reason), old_due=it.due,
            new_due=new_due, asked_ns=now_ns, asked_by=by.name, asked_name=by.full_name,
        )
    )  # fmt: skip
    detail = {"new_due": new_due.isoformat(), "reason": legal.plain(reason)}
    _audit(connection, audit.Act.TASK_EXTENDED, it.id, it.site_id, by, now_ns, detail)
    return extension(connection, extension_id)


def decide_extension(
    connection: Connection,
    extension_id: str,
    *,
    agreed: bool,
    person: str,
    document: str,
    answer: str,
    by: Someone,
    now_ns: int,
) -> Extension:
    """Enter who agreed, or who did not and why; agreed, the last day is the new one.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, it is decided.
    """
    asked = extension(connection, extension_id)
    faults = text_faults("person", person, MAX_LINE)
    faults |= text_faults("document", document, MAX_LINE, needed=False)
    faults |= text_faults("answer", answer, MAX_NOTE, needed=not agreed)
    refuse(faults)
    if asked.state != "asked":
        raise VonggacError(Kind.CONFLICT, "it is decided", code="decided_already")
    state = "agreed" if agreed else "refused"
    table = db.task_extension
    connection.execute(
        table.update().where(table.c.id == asked.id).values(
            state=state, agreed_person=legal.plain(person), document=legal.plain(document),
            answer=legal.plain(answer), decided_ns=now_ns, decided_by=by.name,
            decided_name=by.full_name,
        )
    )  # fmt: skip
    if agreed:
        connection.execute(
            db.task.update().where(db.task.c.id == asked.task_id).values(due=asked.new_due)
        )
    it = find(connection, asked.task_id)
    detail = {"extension": asked.id, "state": state, "new_due": asked.new_due.isoformat()}
    _audit(connection, audit.Act.TASK_EXTENDED, it.id, it.site_id, by, now_ns, detail)
    return extension(connection, asked.id)


def extension(connection: Connection, extension_id: str) -> Extension:
    """One request.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _extensions(connection, db.task_extension.c.id == extension_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such request")
    return found[0]


def extensions(connection: Connection, task_id: str) -> list[Extension]:
    """The requests of a task, the oldest first."""
    return _extensions(connection, db.task_extension.c.task_id == task_id)


def asked(connection: Connection, task_ids: Sequence[str]) -> dict[str, Extension]:
    """The undecided requests of these tasks, by task."""
    table = db.task_extension
    found = _extensions(connection, among(table.c.task_id, task_ids), table.c.state == "asked")
    return {one.task_id: one for one in found}


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, task_id: str) -> Task:
    """One task.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _tasks(connection, db.task.c.id == task_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such task")
    return found[0]


def seen(connection: Connection, allowed: sa.ColumnElement[bool], task_id: str) -> Task:
    """One task, if somebody may see it.

    Raises:
        VonggacError: NOT_FOUND, there is none for them.
    """
    found = _tasks(connection, allowed, db.task.c.id == task_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such task")
    return found[0]


def of(connection: Connection, about: str) -> list[Task]:
    """The tasks that came from something, the oldest first."""
    return _tasks(connection, db.task.c.about == about)


def of_many(connection: Connection, abouts: Sequence[str]) -> dict[str, list[Task]]:
    """`of` many things, asked for together; without those of which there is none."""
    found: dict[str, list[Task]] = {}
    for one in _tasks(connection, among(db.task.c.about, abouts)):
        found.setdefault(one.about, []).append(one)
    return found


def among_ids(ids: Sequence[str]) -> sa.ColumnElement[bool]:
    """Tasks with these ids, for `_tasks` and for lists."""
    return among(db.task.c.id, ids)


def of_ids(connection: Connection, ids: Sequence[str]) -> dict[str, Task]:
    """Tasks by their ids; those that there are not are left out."""
    return {one.id: one for one in _tasks(connection, among_ids(ids))} if ids else {}


def behind(connection: Connection, allowed: sa.ColumnElement[bool], it: Task) -> list[Task]:
    """Tasks that wait for this one, as far as somebody may see them."""
    link = db.task_after
    waiting = sa.select(link.c.task_id).where(link.c.after_id == it.id)
    return _tasks(connection, allowed, db.task.c.id.in_(waiting))


def before(connection: Connection, allowed: sa.ColumnElement[bool], it: Task) -> list[Task]:
    """Tasks that this one waits for, over or not, as far as somebody may see them."""
    return _tasks(connection, allowed, among_ids(it.after)) if it.after else []


def beside(
    connection: Connection, allowed: sa.ColumnElement[bool], it: Task, most: int
) -> list[Task]:
    """Tasks of its facility or unit that are not over, and that it could wait for yet."""
    table = db.task
    same = (table.c.site_id.is_not_distinct_from(it.site_id),
            table.c.unit_id.is_not_distinct_from(it.unit_id))  # fmt: skip
    others = (table.c.id.not_in((it.id, *it.after)), table.c.state.not_in(OVER))
    return _tasks(connection, allowed, *same, *others, earliest=most)


def listed(
    connection: Connection, allowed: sa.ColumnElement[bool], *, wanted: str = ""
) -> list[Task]:
    """Every task that somebody may see, by its last day, what has none at the end.

    Args:
        connection: a transaction.
        allowed: from `visible`.
        wanted: words of body and what, with or without marks; all must be there.
    """
    words = folded(legal.plain(wanted)).split()[:10]
    found = _tasks(connection, allowed)
    if words:
        said = {one.id: folded(f"{one.body} {one.what}") for one in found}
        found = [one for one in found if all(word in said[one.id] for word in words)]
    return sorted(found, key=lambda one: (one.due is None, one.due or one.opened_ns, one.id))


def owed(connection: Connection, allowed: sa.ColumnElement[bool], most: int) -> list[Task]:
    """Tasks that are not over, by their last day, what has none at the end; at most so many."""
    return _tasks(connection, allowed, db.task.c.state.not_in(OVER), earliest=most)


def owed_count(connection: Connection, allowed: sa.ColumnElement[bool]) -> int:
    """How many tasks `owed` would tell without its bound."""
    query = sa.select(sa.func.count()).where(allowed, db.task.c.state.not_in(OVER))
    return connection.execute(query.select_from(db.task)).scalar_one()


def asking(connection: Connection, allowed: sa.ColumnElement[bool]) -> list[tuple[Task, Extension]]:
    """Tasks that wait for an answer to a request for more time, with the request."""
    asked_ones = sa.select(db.task_extension.c.task_id).where(db.task_extension.c.state == "asked")
    open_ones = db.task.c.state.not_in(OVER)
    found = _tasks(connection, allowed, open_ones, db.task.c.id.in_(asked_ones))
    requests = asked(connection, [one.id for one in found])
    return [(one, requests[one.id]) for one in found]


def visible(
    connection: Connection, person: Person, act: Act, now_ns: int
) -> sa.ColumnElement[bool]:
    """The tasks to which a person may do this: of facilities and of units in the scope.

    What belongs to no unit and no facility is everybody's to see, and to change for those whose
    role is over everything.
    """
    table = db.task
    sites = access.sites_for(connection, person, act, now_ns)
    units: set[str] = set()
    for held in person.held:
        if act not in held.acts or not held.lasts(now_ns) or held.line or held.sites:
            continue
        if held.unit is None:
            return sa.or_(table.c.site_id.is_(None), among(table.c.site_id, sites))
        units.add(held.unit)
    own: sa.ColumnElement[bool] = sa.false()
    if units:
        own = table.c.unit_id.in_(directives.units_below(connection, units))
    if act is Act.TASK_SEE and access.may_somewhere(person, act, now_ns=now_ns):
        own = sa.or_(own, table.c.unit_id.is_(None))
    return sa.or_(among(table.c.site_id, sites), sa.and_(table.c.site_id.is_(None), own))


def thing_of(connection: Connection, it: Task) -> Thing:
    """What an act on a task is an act on: its facility, else its unit, else the hub."""
    if it.site_id is not None:
        return access.thing_of_site(connection, it.site_id)
    if it.unit_id is not None:
        return access.thing_of_unit(connection, it.unit_id)
    return access.SYSTEM


def waits_for(connection: Connection, it: Task) -> list[Task]:
    """The tasks that must be over before it, and are not."""
    if not it.after:
        return []
    return [one for one in _tasks(connection, db.task.c.id.in_(it.after)) if not one.is_over]


def steps(connection: Connection, task_id: str) -> list[Step]:
    """What happened to it, the oldest first."""
    table = db.task_step
    query = _select(table, Step).where(table.c.task_id == task_id).order_by(table.c.id)
    return [Step(*row) for row in connection.execute(query).all()]


def files(connection: Connection, task_id: str) -> list[File]:
    """Its files, the oldest first."""
    table = db.task_file
    query = _select(table, File).where(table.c.task_id == task_id).order_by(table.c.attached_ns)
    return [File(*row) for row in connection.execute(query).all()]


def content(connection: Connection, task_id: str, file_id: str) -> bytes:
    """The bytes of a file of a task.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = db.task_file
    found = connection.execute(
        sa.select(table.c.content).where(table.c.id == file_id, table.c.task_id == task_id)
    ).scalar()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such file")
    return bytes(found)


# -- pieces ----------------------------------------------------------------------------------


def text_faults(field: str, text: str, most: int, *, needed: bool = True) -> dict[str, str]:
    """What is wrong with a text of a form."""
    plain = legal.plain(text)
    if not plain:
        return {field: "required"} if needed else {}
    if len(plain) > most:
        return {field: "too_long"}
    return {field: "secret_mark"} if is_secret(plain) else {}


def refuse(faults: Mapping[str, str]) -> None:
    """Refuse what cannot be taken.

    Raises:
        VonggacError: BAD_INPUT with `fields`, if there are any.
    """
    if faults:
        said = ", ".join(f"{name}: {why.replace('_', ' ')}" for name, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=dict(faults))


def _tasks(
    connection: Connection, *conditions: sa.ColumnElement[bool], earliest: int | None = None
) -> list[Task]:
    """Tasks as they were opened; with `earliest`, so many of them by their last day."""
    table, clause = db.task, db_directives.directive_clause
    citation = db_directives.directive_citation
    own = [name for name in Task.__dataclass_fields__ if name not in ("own_due", "after")]
    by: tuple[sa.ColumnElement[Any], ...] = (table.c.opened_ns, table.c.id)
    due = sa.func.coalesce(table.c.due, clause.c.due, citation.c.due, type_=sa.Date())
    if earliest is not None:
        by = (due.is_(None), due, table.c.id)
    columns = (due.label("due") if name == "due" else table.c[name] for name in own)
    rows = connection.execute(
        sa.select(*columns, table.c.due.label("own_due"))
        .select_from(
            table.outerjoin(clause, clause.c.id == table.c.clause_id).outerjoin(
                citation, citation.c.id == clause.c.citation_id
            )
        )
        .where(*conditions)
        .order_by(*by)
        .limit(earliest)
    ).all()
    after: dict[str, list[str]] = {}
    if rows:
        link = db.task_after
        query = sa.select(link.c.task_id, link.c.after_id)
        for row in connection.execute(query.where(among(link.c.task_id, [row.id for row in rows]))):
            after.setdefault(row.task_id, []).append(row.after_id)
    every: list[tuple[Any, ...]] = [(*row, tuple(sorted(after.get(row[0], ())))) for row in rows]
    return [Task(*one) for one in every]


def _extensions(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[Extension]:
    table = db.task_extension
    query = _select(table, Extension).where(*conditions).order_by(table.c.asked_ns, table.c.id)
    return [Extension(*row) for row in connection.execute(query).all()]


def _select(table: sa.Table, what: type) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in what.__dataclass_fields__))  # type: ignore[attr-defined]


def _clause_directive(connection: Connection, clause_id: str) -> str | None:
    table = db_directives.directive_clause
    return connection.execute(
        sa.select(table.c.directive_id).where(table.c.id == clause_id)
    ).scalar()


def _afters(connection: Connection, after: Sequence[str]) -> set[str] | None:
    """The ids, if there are such tasks."""
    wanted = set(after)
    if not wanted:
        return wanted
    query = sa.select(db.task.c.id).where(db.task.c.id.in_(wanted))
    return wanted if set(connection.execute(query).scalars()) == wanted else None


def _step(
    connection: Connection, task_id: str, state: str, note: str, by: Someone, now_ns: int
) -> None:
    connection.execute(
        db.task_step.insert().values(
            task_id=task_id, state=state, note=note, done_ns=now_ns, done_by=by.name,
            done_name=by.full_name,
        )
    )  # fmt: skip


def _audit(
    connection: Connection,
    act: audit.Act,
    task_id: str,
    site_id: str | None,
    by: Someone,
    now_ns: int,
    detail: Mapping[str, Any],
) -> None:
    actor = by.actor if by.account_id else audit.PROGRAM
    audit.record(
        connection, actor, act, now_ns=now_ns, thing=task_id, site=site_id or "", detail=detail
    )
