"""Requests of people who were filmed: what they ask for, until when it is answered, and how.

A request comes from the public page, with a receipt code that alone lets its state be read, or is
entered by staff from paper.  The days are those of `rules/legal.toml`.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import among, compliance
from vonggac.domain import audit, legal
from vonggac.domain.units import is_secret
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection

MAX_SAID: Final = 2_000
MAX_CONTACT: Final = 200
MAX_ANSWER: Final = 2_000
MAX_A_DAY: Final = 200
"""Requests of one site that the public page takes in 24 hours (ours): what a register can bear."""
LISTED: Final = 2_000
"""Requests of one list at most."""
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Letters of a receipt code that nobody mistakes for each other on paper: 5 bits each."""
CODE_LETTERS: Final = 16
"""80 bits: nobody finds a code by trying, even without the limit on tries."""

State = Literal["received", "acknowledged", "answered", "refused"]
OPEN: Final = frozenset(("received", "acknowledged"))


@dataclass(frozen=True, slots=True)
class Request:
    """What a person who was filmed asks for."""

    id: str
    site_id: str
    kind: str
    said: str
    contact: str
    came: Literal["form", "staff"]
    entered_by: str
    received_ns: int
    acknowledge_by_ns: int
    due_ns: int
    state: State
    acknowledged_ns: int | None
    acknowledged_by: str
    answered_ns: int | None
    answered_by: str
    answer: str

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state in OPEN

    @property
    def next_ns(self) -> int:
        """Until when the next step is done."""
        return self.acknowledge_by_ns if self.state == "received" else self.due_ns

    def is_late(self, now_ns: int) -> bool:
        """Whether a day of the law is over and its step was not done."""
        return self.is_open and now_ns >= min(self.next_ns, self.due_ns)


@dataclass(frozen=True, slots=True)
class Draft:
    """A request as it was sent."""

    site_id: str
    kind: str
    said: str
    contact: str = ""


def receive(
    connection: Connection,
    draft: Draft,
    *,
    actor: audit.Actor,
    came: Literal["form", "staff"],
    received_ns: int,
    now_ns: int,
) -> tuple[Request, str]:
    """Enter a request; returns it with its receipt code, which is kept nowhere.

    Args:
        connection: a writing transaction.
        draft: what is asked for.
        actor: who enters it; nobody's name for the public page.
        came: how it came.
        received_ns: when it came: the days run from here.
        now_ns: UTC now.

    Raises:
        VonggacError: BAD_INPUT with `fields`; TOO_MANY, the public page took enough for a day.
    """
    kind = legal.request_kinds(legal.day_of(received_ns)).get(draft.kind)
    faults = _faults(draft)
    if kind is None:
        faults["kind"] = "required"
    if not 0 < received_ns <= now_ns:
        faults["received"] = "in_the_future"
    if faults or kind is None:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=faults)
    table = compliance.person_request
    if came == "form":
        taken = connection.execute(
            sa.select(sa.func.count()).where(
                table.c.site_id == draft.site_id,
                table.c.came == "form",
                table.c.received_ns > now_ns - 86_400 * NS,
            )
        ).scalar_one()
        if taken >= MAX_A_DAY:
            raise VonggacError(Kind.TOO_MANY, "the register takes no more today", retry_s=3600)
    request_id, code = new_id(), _new_code()
    connection.execute(
        table.insert().values(
            id=request_id,
            site_id=draft.site_id,
            kind=kind.code,
            said=legal.plain(draft.said),
            contact=legal.plain(draft.contact),
            came=came,
            receipt=_digest(code),
            entered_by="" if came == "form" else actor.name,
            received_ns=received_ns,
            acknowledge_by_ns=legal.after_working_days(received_ns, kind.acknowledge_working_days),
            due_ns=legal.after_days(received_ns, kind.days),
        )
    )
    made = find(connection, request_id)
    _audit(connection, made, audit.Act.REQUEST_MADE, actor, now_ns, {"came": came})
    return made, code


def acknowledge(
    connection: Connection, request_id: str, *, actor: audit.Actor, now_ns: int
) -> Request:
    """Take a request up: the first answer that the law asks for.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, somebody did already.
    """
    if find(connection, request_id).state != "received":
        raise VonggacError(Kind.CONFLICT, "this request was taken up already")
    return _set(
        connection,
        request_id,
        actor,
        now_ns,
        state="acknowledged",
        acknowledged_ns=now_ns,
        acknowledged_by=actor.name,
    )


def answer(
    connection: Connection,
    request_id: str,
    *,
    said: str,
    refused: bool,
    actor: audit.Actor,
    now_ns: int,
) -> Request:
    """Answer a request or refuse it, with a reason; where the answer went is forgotten then.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was answered; BAD_INPUT with `fields`.
    """
    before = find(connection, request_id)
    if not before.is_open:
        raise VonggacError(Kind.CONFLICT, "this request was answered already")
    said = legal.plain(said)
    fault = "" if said else "required"
    fault = fault or ("too_long" if len(said) > MAX_ANSWER else "")
    fault = fault or ("secret_mark" if is_secret(said) else "")
    if fault:
        raise VonggacError(
            Kind.BAD_INPUT, f"answer: {fault.replace('_', ' ')}", fields={"answer": fault}
        )
    values: dict[str, Any] = {}
    if before.acknowledged_ns is None:
        values = {"acknowledged_ns": now_ns, "acknowledged_by": actor.name}
    return _set(
        connection,
        request_id,
        actor,
        now_ns,
        state="refused" if refused else "answered",
        answered_ns=now_ns,
        answered_by=actor.name,
        answer=said,
        contact="",
        **values,
    )


def find(connection: Connection, request_id: str) -> Request:
    """One request.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(
        _requests().where(compliance.person_request.c.id == request_id)
    ).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such request")
    return Request(*row)


def by_receipt(connection: Connection, site_id: str, code: str) -> Request | None:
    """The request of a receipt code, as a person types it; None if there is none."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())[:40]
    table = compliance.person_request
    row = connection.execute(
        _requests().where(table.c.receipt == _digest(letters), table.c.site_id == site_id)
    ).one_or_none()
    return None if row is None else Request(*row)


def listed(connection: Connection, site_ids: Sequence[str], *, now_ns: int) -> list[Request]:
    """Requests of these sites: late ones first, then open ones by their next day, then the rest."""
    table = compliance.person_request
    rows = connection.execute(
        _requests()
        .where(among(table.c.site_id, site_ids))
        .order_by(table.c.answered_ns.is_not(None), table.c.received_ns.desc(), table.c.id)
        .limit(LISTED)
    ).all()
    found = [Request(*row) for row in rows]
    return sorted(
        found,
        key=lambda one: (
            not one.is_open,
            not one.is_late(now_ns),
            one.next_ns if one.is_open else -one.received_ns,
        ),
    )


def _faults(draft: Draft) -> dict[str, str]:
    found = {}
    said = legal.plain(draft.said)
    if not said:
        found["said"] = "required"
    elif len(said) > MAX_SAID:
        found["said"] = "too_long"
    elif is_secret(said):
        found["said"] = "secret_mark"
    if len(draft.contact) > MAX_CONTACT:
        found["contact"] = "too_long"
    return found


def _new_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LETTERS))
    return "-".join(letters[at : at + 4] for at in range(0, CODE_LETTERS, 4))


def _digest(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").encode("utf-8", "replace")).hexdigest()


def _set(
    connection: Connection, request_id: str, actor: audit.Actor, now_ns: int, **values: Any
) -> Request:
    table = compliance.person_request
    changed = connection.execute(
        table.update()
        .where(table.c.id == request_id, table.c.answered_ns.is_(None))
        .values(**values)
    ).rowcount
    if not changed:
        raise VonggacError(Kind.CONFLICT, "this request was answered already")
    made = find(connection, request_id)
    _audit(connection, made, audit.Act.REQUEST_EDITED, actor, now_ns, {"state": made.state})
    return made


def _audit(
    connection: Connection,
    request: Request,
    act: audit.Act,
    actor: audit.Actor,
    now_ns: int,
    detail: Mapping[str, Any],
) -> None:
    """A row without what was said: a register of requests is no place to copy people's words."""
    audit.record(
        connection,
        actor,
        act,
        now_ns=now_ns,
        thing=request.id,
        site=request.site_id,
        detail={"kind": request.kind, **detail},
    )


def _requests() -> sa.Select[*tuple[Any, ...]]:
    table = compliance.person_request
    return sa.select(*(table.c[name] for name in Request.__dataclass_fields__))
