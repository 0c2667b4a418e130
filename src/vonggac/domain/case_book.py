"""What is done to a case: each step in one transaction with its line and its row of the access log.

Whether it may be done is `vonggac.domain.cases.refusal`'s to say; what its texts may say is
`vonggac.domain.case_words`'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS, rfc3339
from vonggac.db import case, tables
from vonggac.domain import audit, case_words, cases, holds, legal, violations
from vonggac.domain.case_words import MAX_SAID, MAX_SHORT
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from vonggac.db import Connection
    from vonggac.domain.cases import Case, Mark, Step
    from vonggac.domain.exports import Someone

TRIES: Final = 5
"""Numbers that are tried when two cases are opened in one moment."""
LEFT_NS: Final = 366 * cases.DAY_NS
"""A hand-over is entered within a year of the moment at most (ours)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What one key marks."""

    camera_id: str
    at_ns: int
    span: tuple[int, int] | None = None
    """The clip, where one was selected."""
    via: Literal["live", "playback"] = "live"


@dataclass(frozen=True, slots=True)
class Filmed:
    """The camera of a mark, as its row keeps it."""

    id: str
    site_id: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Description:
    """What was seen: all of it can wait but for the moment."""

    violation: str = ""
    subject: str = ""
    severity: str = ""
    place: str = ""
    role: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """A hand-over as it is entered."""

    body: str
    receiver: str
    minutes: str
    minutes_day: date | None


@dataclass(frozen=True, slots=True)
class Word:
    """What a body said of a case that it took over."""

    outcome: str
    document: str
    document_day: date | None
    basis: str
    said: str


def mark(
    connection: Connection, moment: Moment, *, holds_here: bool, by: Someone, now_ns: int
) -> Case:
    """Open a case with one moment and hold its clip; everything else can wait.

    Args:
        connection: a transaction that writes.
        moment: which camera, when.
        holds_here: whether the camera's box obeys this hub, so that a hold reaches it.
        by: who marks.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND, no such camera; BAD_INPUT with `fields`.
    """
    camera = _camera(connection, moment.camera_id)
    span = _moment(moment, now_ns)
    case_id = _insert(
        connection, site_id=camera.site_id, found_by="person", severity="medium",
        happened_ns=moment.at_ns, opened_by=by.account_id, opened_name=by.full_name or by.name,
        unit=by.unit, now_ns=now_ns,
    )  # fmt: skip
    made = cases.find(connection, case_id)
    _add_mark(connection, made, camera, moment, span, holds_here=holds_here, by=by, now_ns=now_ns)
    _step(connection, made, "opened", "", by, now_ns, act=audit.Act.CASE_OPENED)
    return made


def mark_again(
    connection: Connection,
    case_id: str,
    moment: Moment,
    *,
    holds_here: bool,
    by: Someone,
    now_ns: int,
) -> Mark:
    """Put another moment under a case: another camera, or later.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, the case is over; TOO_MANY.
    """
    it = _allowed(connection, case_id, "marked", by)
    camera = _camera(connection, moment.camera_id)
    if camera.site_id != it.site_id:
        raise VonggacError(
            Kind.BAD_INPUT, "camera: of another facility", fields={"camera": "elsewhere"}
        )
    if len(cases.marks(connection, it.id)) >= cases.MAX_MARKS:
        raise VonggacError(Kind.TOO_MANY, f"a case has {cases.MAX_MARKS} moments at most")
    span = _moment(moment, now_ns)
    made = _add_mark(
        connection, it, camera, moment, span, holds_here=holds_here, by=by, now_ns=now_ns
    )
    _step(connection, it, "marked", "", by, now_ns)
    return made


def suspect(
    connection: Connection, *, camera_id: str, at_ns: int, violation: str, program: str, now_ns: int
) -> Case:
    """Open a case that a program suspects; the only way in for one.

    Args:
        connection: a transaction that writes.
        camera_id: which camera showed it.
        at_ns: when.
        violation: code of the catalogue.
        program: name, version, threshold and score of what suspects, as people read it.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND, no such camera; BAD_INPUT, no act that a program may suspect.
    """
    camera = _camera(connection, camera_id)
    known = violations.catalogue(legal.day_of(at_ns)).get(violation)
    if known is None or not known.hint or known.is_technical:
        raise VonggacError(
            Kind.BAD_INPUT, "no program suspects this", fields={"violation": "no_such_violation"}
        )
    case_id = _insert(
        connection, site_id=camera.site_id, found_by="program", severity=known.severity,
        happened_ns=at_ns, opened_by=None, opened_name=program[:MAX_SHORT], unit="",
        now_ns=now_ns, violation=known.code, catalogue=violations.version(),
        subject=known.subjects[0],
    )  # fmt: skip
    made = cases.find(connection, case_id)
    _insert_mark(
        connection, made, camera, at_ns, cases.clip(at_ns, None), via="program", hold=("", None),
        name=program[:MAX_SHORT], now_ns=now_ns,
    )  # fmt: skip
    _step(connection, made, "opened", "", None, now_ns, act=audit.Act.CASE_OPENED)
    return made


def describe(
    connection: Connection, case_id: str, what: Description, *, by: Someone, now_ns: int
) -> Case:
    """Say what was seen; the severity moves the day by which somebody decides.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT, it was decided already.
    """
    it = _allowed(connection, case_id, "described", by)
    known = violations.catalogue(legal.day_of(it.happened_ns)).get(what.violation)
    found = _describe_faults(what, known)
    if found:
        raise _refused(found)
    wanted = what.severity or (known.severity if known else it.severity)
    severity = next(one for one in violations.SEVERITIES if one == wanted)
    minutes = violations.severities()[severity].minutes
    _change(
        connection, it.id, violation=what.violation, subject=what.subject, severity=severity,
        catalogue=violations.version() if known else "", place=legal.plain(what.place),
        role=legal.plain(what.role), said=legal.plain(what.said),
        due_ns=it.opened_ns + minutes * cases.MINUTE_NS,
    )  # fmt: skip
    _step(connection, it, "described", "", by, now_ns)
    return cases.find(connection, it.id)


def confirm(connection: Connection, case_id: str, *, said: str, by: Someone, now_ns: int) -> Case:
    """Confirm that it happened (*xác nhận sự việc*); never by the person who marked it.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT; CONFLICT (`not_described`, `case_state`); FORBIDDEN
            (`own_case`).
    """
    it = _allowed(connection, case_id, "confirmed", by)
    _texts(said=(said, MAX_SAID, False))
    _change(
        connection, it.id, state="confirmed", confirmed_ns=now_ns, confirmed_by=by.account_id,
        confirmed_name=by.full_name or by.name, due_ns=now_ns + cases.HANDLING_NS,
        unit=it.unit or by.unit,
    )  # fmt: skip
    _step(connection, it, "confirmed", said, by, now_ns)
    return cases.find(connection, it.id)


def dismiss(connection: Connection, case_id: str, *, reason: str, by: Someone, now_ns: int) -> Case:
    """Say that it was nothing, and why; whoever pressed the key by mistake may.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT; CONFLICT, it was decided already.
    """
    it = _allowed(connection, case_id, "dismissed", by)
    _texts(reason=(reason, MAX_SAID, True))
    _end(connection, it, "dismissed", reason, by, now_ns)
    _step(connection, it, "dismissed", reason, by, now_ns)
    return cases.find(connection, it.id)


def take(
    connection: Connection, case_id: str, *, due_ns: int | None, said: str, by: Someone, now_ns: int
) -> Case:
    """Take a confirmed case in hand oneself, until a moment.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT; CONFLICT, it is not confirmed or over.
    """
    it = _allowed(connection, case_id, "taken", by)
    _texts(said=(said, MAX_SAID, False))
    if due_ns is not None and not now_ns < due_ns < now_ns + LEFT_NS:
        raise _refused({"due": "in_the_past"})
    _change(
        connection, it.id, state="handling", responsible_id=by.account_id,
        responsible_name=by.full_name or by.name, due_ns=due_ns or now_ns + cases.HANDLING_NS,
        unit=by.unit or it.unit,
    )  # fmt: skip
    _step(connection, it, "taken", said, by, now_ns)
    return cases.find(connection, it.id)


def escalate(
    connection: Connection,
    case_id: str,
    *,
    path: tuple[str, ...],
    said: str,
    by: Someone,
    now_ns: int,
) -> Case:
    """Pass a case to the unit above the one that has it.

    Args:
        connection: a transaction that writes.
        case_id: which.
        path: the units above the facility and its own, root first.
        said: why.
        by: who.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT; CONFLICT (`no_tier`), there is none above.
    """
    it = _allowed(connection, case_id, "escalated", by)
    _texts(said=(said, MAX_SAID, True))
    at = path.index(it.unit) if it.unit in path else len(path)
    if at < 1:
        raise VonggacError(Kind.CONFLICT, "no unit stands above this one", code="no_tier")
    _change(connection, it.id, unit=path[at - 1], responsible_id=None, responsible_name="")
    _step(connection, it, "escalated", said, by, now_ns)
    return cases.find(connection, it.id)  # fmt: skip


def note(connection: Connection, case_id: str, said: str, *, by: Someone, now_ns: int) -> Case:
    """Add what happened; never changed afterwards.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT; CONFLICT, the case is over.
    """
    it = _allowed(connection, case_id, "noted", by)
    _texts(said=(said, MAX_SAID, True))
    _step(connection, it, "noted", said, by, now_ns)
    return it


def link(connection: Connection, case_id: str, other: Case, *, by: Someone, now_ns: int) -> Case:
    """Say that another case belongs with this one; both show it.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT, it is the same or linked already; TOO_MANY.
    """
    it = _allowed(connection, case_id, "linked", by)
    present = cases.linked(connection, it.id)
    if other.id == it.id or any(one.id == other.id for one in present):
        raise _refused({"number": "linked"})
    if len(present) >= cases.MAX_LINKS:
        raise VonggacError(Kind.TOO_MANY, f"a case is linked with {cases.MAX_LINKS} at most")
    connection.execute(
        case.case_link.insert(),
        [
            {"case_id": it.id, "other_id": other.id},
            {"case_id": other.id, "other_id": it.id},
        ],
    )
    _step(connection, it, "linked", other.number, by, now_ns)
    return it


def hand_over(
    connection: Connection, case_id: str, given: Given, *, by: Someone, now_ns: int
) -> Case:
    """Hand a confirmed case over to a body that may conclude, with minutes.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT (`handed_over`, `case_state`).
    """
    it = _allowed(connection, case_id, "handed_over", by)
    found = _short_faults(body=given.body, receiver=given.receiver, minutes=given.minutes)
    if given.minutes_day is None:
        found["minutes_day"] = "required"
    elif not legal.day_of(it.happened_ns) <= given.minutes_day <= legal.day_of(now_ns):
        found["minutes_day"] = "outside"
    if found:
        raise _refused(found)
    connection.execute(
        case.case_handover.insert().values(
            id=new_id(), case_id=it.id, body=legal.plain(given.body),
            receiver=legal.plain(given.receiver), minutes=legal.plain(given.minutes),
            minutes_day=given.minutes_day, handed_ns=now_ns, handed_name=by.full_name or by.name,
        )
    )  # fmt: skip
    _change(connection, it.id, state="handling")
    _step(connection, it, "handed_over", legal.plain(given.body), by, now_ns)
    return cases.find(connection, it.id)


def conclude(connection: Connection, case_id: str, word: Word, *, by: Someone, now_ns: int) -> Case:
    """Enter what the body said: an event, or a violation with its basis.

    The caller has found that the person may enter a violation.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT with `fields`; CONFLICT (`not_handed_over`); FORBIDDEN
            (`own_confirmation`), whoever confirmed it concludes nothing.
    """
    is_violation = word.outcome == "violation"
    it = _allowed(connection, case_id, "concluded", by, violation=is_violation)
    found = _word_faults(word)
    if word.document_day is not None and word.document_day > legal.day_of(now_ns):
        found["document_day"] = "outside"
    if found:
        raise _refused(found)
    waiting = next(one for one in cases.handovers(connection, it.id) if not one.outcome)
    table = case.case_handover
    connection.execute(
        table.update().where(table.c.id == waiting.id).values(
            outcome=word.outcome, document=legal.plain(word.document),
            document_day=word.document_day, said=legal.plain(word.said), outcome_ns=now_ns,
            outcome_name=by.full_name or by.name,
        )
    )  # fmt: skip
    _change(
        connection, it.id, outcome=word.outcome,
        basis=legal.plain(word.basis) if is_violation else "",
        concluded_body=waiting.body if is_violation else "",
        concluded_by=by.account_id if is_violation else None,
    )  # fmt: skip
    _step(connection, it, "concluded", legal.plain(word.document), by, now_ns)
    return cases.find(connection, it.id)


def close(connection: Connection, case_id: str, *, reason: str, by: Someone, now_ns: int) -> Case:
    """Close a case: as *sự việc*, unless a body concluded a violation.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT; CONFLICT (`handed_over`, `case_state`).
    """
    it = _allowed(connection, case_id, "closed", by)
    _texts(reason=(reason, MAX_SAID, True))
    _end(connection, it, "closed", reason, by, now_ns, outcome=it.outcome or "event")
    _step(connection, it, "closed", reason, by, now_ns)
    return cases.find(connection, it.id)


def expire(connection: Connection, *, now_ns: int) -> int:
    """Delete cases that ended long ago and whose clips nothing holds; how many went.

    The access log keeps their numbers.
    """
    table, marks = case.case_record, case.case_mark
    held = (
        sa.select(marks.c.case_id)
        .join(tables.hold, tables.hold.c.id == marks.c.hold_id)
        .where(tables.hold.c.released_ns.is_(None))
    )
    gone = connection.execute(
        sa.select(table.c.id, table.c.site_id, table.c.year, table.c.serial).where(
            table.c.ended_ns < now_ns - violations.keep_days() * cases.DAY_NS,
            table.c.id.not_in(held),
        )
    ).all()
    for row in gone:
        for child in (case.case_mark, case.case_step, case.case_handover):
            connection.execute(child.delete().where(child.c.case_id == row.id))
        links = case.case_link
        connection.execute(
            links.delete().where(sa.or_(links.c.case_id == row.id, links.c.other_id == row.id))
        )
        connection.execute(table.delete().where(table.c.id == row.id))
    for row in gone:
        audit.record(
            connection, audit.PROGRAM, audit.Act.CASE_DELETED, now_ns=now_ns, thing=row.id,
            site=row.site_id, detail={"case": cases.number_of(row.year, row.serial)},
        )  # fmt: skip
    return len(gone)


# -- what they share -------------------------------------------------------------------------


def _allowed(
    connection: Connection, case_id: str, step: Step, by: Someone, *, violation: bool = False
) -> Case:
    it = cases.find(connection, case_id)
    why = cases.refusal(
        it, step, by_id=by.account_id, violation=violation,
        handovers=cases.handovers(connection, it.id),
    )  # fmt: skip
    if why in ("own_case", "own_confirmation"):
        raise VonggacError(Kind.FORBIDDEN, "this is for another person", code=why)
    if why:
        raise VonggacError(Kind.CONFLICT, why.replace("_", " "), code=why)
    return it


def _camera(connection: Connection, camera_id: str) -> Filmed:
    table = tables.camera
    found = connection.execute(
        sa.select(table.c.id, table.c.site_id, table.c.name, table.c.zone).where(
            table.c.id == camera_id
        )
    ).one_or_none()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera")
    return Filmed(*found)


def _moment(moment: Moment, now_ns: int) -> tuple[int, int]:
    if not 0 < moment.at_ns <= now_ns + cases.MINUTE_NS:
        raise _refused({"at": "outside"})
    return cases.clip(moment.at_ns, moment.span)


def _insert(
    connection: Connection, *, now_ns: int, severity: violations.Severity, **values: Any
) -> str:
    """Put a new case into the book under the next number of its year."""
    table, year = case.case_record, legal.day_of(now_ns).year
    minutes = violations.severities()[severity].minutes
    for attempt in range(TRIES):
        case_id = new_id()
        serial = connection.execute(
            sa.select(sa.func.coalesce(sa.func.max(table.c.serial), 0)).where(table.c.year == year)
        ).scalar_one()
        try:
            with connection.begin_nested():
                connection.execute(
                    table.insert().values(
                        id=case_id, year=year, serial=serial + 1, severity=severity,
                        opened_ns=now_ns, due_ns=now_ns + minutes * cases.MINUTE_NS, **values,
                    )
                )  # fmt: skip
        except sa.exc.IntegrityError:
            if attempt == TRIES - 1:
                raise
        else:
            return case_id
    raise AssertionError("the last try returns or raises")


def _add_mark(
    connection: Connection,
    it: Case,
    camera: Filmed,
    moment: Moment,
    span: tuple[int, int],
    *,
    holds_here: bool,
    by: Someone,
    now_ns: int,
) -> Mark:
    """Add a moment and keep its clip, where a hold reaches the box."""
    unheld, hold_id = "box_elsewhere", None
    if holds_here:
        try:
            hold_id = holds.place(
                connection, camera_id=camera.id, span=span, case_number=it.number,
                reason=it.number, by=by, now_ns=now_ns,
            ).id  # fmt: skip
            unheld = ""
        except VonggacError as error:
            if error.kind is not Kind.TOO_MANY:
                raise
            unheld = "too_many"
    return _insert_mark(
        connection, it, camera, moment.at_ns, span, via=moment.via, hold=(unheld, hold_id),
        name=by.full_name or by.name, now_ns=now_ns,
    )  # fmt: skip


def _insert_mark(
    connection: Connection,
    it: Case,
    camera: Filmed,
    at_ns: int,
    span: tuple[int, int],
    *,
    via: str,
    hold: tuple[str, str | None],
    name: str,
    now_ns: int,
) -> Mark:
    mark_id = new_id()
    connection.execute(
        case.case_mark.insert().values(
            id=mark_id, case_id=it.id, camera_id=camera.id, camera=camera.name, zone=camera.zone,
            at_ns=at_ns, from_ns=span[0], to_ns=span[1], via=via, hold_id=hold[1], unheld=hold[0],
            marked_ns=now_ns, marked_name=name,
        )
    )  # fmt: skip
    return next(one for one in cases.marks(connection, it.id) if one.id == mark_id)


def _describe_faults(what: Description, known: violations.Violation | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if what.violation and (known is None or known.is_technical):
        found["violation"] = "no_such_violation"
    if what.subject and what.subject not in violations.subjects():
        found["subject"] = "required"
    if what.severity and what.severity not in violations.SEVERITIES:
        found["severity"] = "required"
    found |= case_words.faults("place", what.place, most=MAX_SHORT, needed=False)
    found |= case_words.faults("role", what.role, most=MAX_SHORT, needed=False)
    found |= case_words.faults("said", what.said, needed=False)
    return found


def _word_faults(word: Word) -> dict[str, str]:
    found: dict[str, str] = {}
    if word.outcome not in ("event", "violation"):
        found["outcome"] = "required"
    found |= _short_faults(document=word.document)
    if word.document_day is None:
        found["document_day"] = "required"
    if word.outcome == "violation":
        found |= _short_faults(basis=word.basis)
    found |= case_words.faults("said", word.said, needed=False)
    return found


def _short_faults(**texts: str) -> dict[str, str]:
    """Texts of documents and officials, where names and days may stand."""
    found = {}
    for field, text in texts.items():
        if not legal.plain(text):
            found[field] = "required"
        elif len(text) > MAX_SAID // 10:
            found[field] = "too_long"
    return found


def _texts(**texts: tuple[str, int, bool]) -> None:
    found: dict[str, str] = {}
    for field, (text, most, needed) in texts.items():
        found |= case_words.faults(field, text, most=most, needed=needed)
    if found:
        raise _refused(found)


def _refused(found: Mapping[str, str]) -> VonggacError:
    said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in found.items())
    return VonggacError(Kind.BAD_INPUT, said, fields=dict(found))


def _end(
    connection: Connection,
    it: Case,
    state: Literal["closed", "dismissed"],
    reason: str,
    by: Someone,
    now_ns: int,
    **more: str,
) -> None:
    _change(
        connection, it.id, state=state, ended_ns=now_ns, ended_by=by.account_id,
        ended_name=by.full_name or by.name, ended_reason=legal.plain(reason), **more,
    )  # fmt: skip


def _change(connection: Connection, case_id: str, **values: Any) -> None:
    table = case.case_record
    connection.execute(table.update().where(table.c.id == case_id).values(**values))


def _step(
    connection: Connection,
    it: Case,
    kind: Step,
    said: str,
    by: Someone | None,
    now_ns: int,
    *,
    act: audit.Act = audit.Act.CASE_STEP,
) -> None:
    """Add a line to a case, and a row to the access log without what the line says."""
    table = case.case_step
    serial = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(table.c.case_id == it.id)
    ).scalar_one()
    connection.execute(
        table.insert().values(
            id=new_id(), case_id=it.id, serial=serial + 1, kind=kind, said=legal.plain(said),
            entered_ns=now_ns, entered_by=by.name if by else "",
            entered_name=(by.full_name or by.name) if by else it.opened_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor if by else audit.PROGRAM, act, now_ns=now_ns, thing=it.id,
        site=it.site_id,
        detail={"case": it.number, "step": kind, "at": rfc3339(it.happened_ns // NS * NS)},
    )  # fmt: skip
