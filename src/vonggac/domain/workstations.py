"""Machines on duty where persons change by PIN, and screens that only show.

A workstation is enrolled by an administrator; its key is in a cookie of that browser. Whoever
signed in there in full may choose a PIN, which works there until the end of the shift and nowhere
else. A display is bound to a room and to a responsible person; it opens the live pictures of its
cameras and nothing else, and what it shows counts as shown, never as watched.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.domain.accounts import RULES, Account, find, is_used
from vonggac.domain.ids import new_password, new_token
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.config import SignInConfig
    from vonggac.domain.sessions import Session

LINK_S = 900
"""Seconds in which a display's code must be typed at its screen (ours)."""
TOUCH_S = 60
"""`seen_ns` of a display is written at most this often."""
TITLE_LIMIT = 100
CAMERAS_LIMIT = 25
"""Cameras of one display: the tiles of the largest wall."""


@dataclass(frozen=True, slots=True)
class Workstation:
    """An enrolled machine."""

    id: str
    title: str
    room: str
    enrolled_ns: int
    enrolled_by: str
    """Name of the account."""


@dataclass(frozen=True, slots=True)
class OnDuty:
    """A person whose PIN works at a workstation now."""

    account_id: str
    name: str
    full_name: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class PinTry:
    """A try that was counted: what is needed to look at its PIN."""

    account: Account
    pin_hash: str
    tries_left: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Display:
    """A screen on a wall."""

    id: str
    title: str
    room: str
    account_id: str
    account_name: str
    full_name: str
    cameras: tuple[str, ...]
    form_token: str
    created_ns: int
    linked_ns: int | None
    seen_ns: int | None

    def is_form_of(self, form_token: str) -> bool:
        """Whether a question comes from its own page (compared in constant time)."""
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())


# -- workstations ----------------------------------------------------------------------------


def enrol(
    connection: Connection, *, title: str, room: str, account_id: str, now_ns: int
) -> tuple[str, str]:
    """Enrol a machine; returns its id and the value of its cookie.

    Raises:
        VonggacError: BAD_INPUT, it has no title or no room.
    """
    title, room = _named(title, "title"), _named(room, "room")
    workstation_id, key = new_id(), new_token()
    connection.execute(
        tables.workstation.insert().values(
            id=workstation_id,
            title=title,
            room=room,
            key_hash=_hash(key),
            enrolled_by=account_id,
            enrolled_ns=now_ns,
        )
    )
    return workstation_id, key


def workstation_of(connection: Connection, key: str) -> Workstation | None:
    """The enrolled machine that this cookie belongs to, if any."""
    row = connection.execute(
        _workstations().where(tables.workstation.c.key_hash == _hash(key))
    ).one_or_none()
    return None if row is None else Workstation(*row)


def workstations(connection: Connection) -> list[Workstation]:
    """Every enrolled machine, by title."""
    rows = connection.execute(_workstations().order_by(tables.workstation.c.title)).all()
    return [Workstation(*row) for row in rows]


def revoke_workstation(connection: Connection, workstation_id: str, *, now_ns: int) -> None:
    """Make it a machine like any other: its PINs are gone and its sessions end.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = tables.workstation
    done = connection.execute(
        table.update()
        .where(table.c.id == workstation_id, table.c.revoked_ns.is_(None))
        .values(revoked_ns=now_ns)
    )
    if not done.rowcount:
        raise VonggacError(Kind.NOT_FOUND, "there is no such workstation")
    connection.execute(tables.pin.delete().where(tables.pin.c.workstation_id == workstation_id))
    connection.execute(
        tables.session.update()
        .where(
            tables.session.c.workstation_id == workstation_id,
            tables.session.c.ended_ns.is_(None),
        )
        .values(ended_ns=now_ns)
    )


def _workstations() -> sa.Select[Any]:
    table = tables.workstation
    return (
        sa.select(
            table.c.id, table.c.title, table.c.room, table.c.enrolled_ns, tables.account.c.name
        )
        .join(tables.account, tables.account.c.id == table.c.enrolled_by)
        .where(table.c.revoked_ns.is_(None))
    )


# -- PINs ------------------------------------------------------------------------------------


def shift_ends_ns(session: Session, rules: SignInConfig = RULES) -> int:
    """When the shift ends that began with this full sign-in.

    Raises:
        VonggacError: FORBIDDEN, the session began with a PIN, or not at a workstation.
    """
    if session.factor in ("pin", "token") or session.workstation_id is None:
        raise VonggacError(
            Kind.FORBIDDEN,
            "a PIN is chosen after a full sign-in at a workstation",
            fault="not_full",
        )
    return session.began_ns + rules.shift_hours * 3600 * NS


def pin_fault(pin: str, rules: SignInConfig = RULES) -> str | None:
    """What is wrong with a new PIN, as a code of the pages' words, or None."""
    if not (pin.isascii() and pin.isdecimal()) or not rules.pin_length <= len(pin) <= 12:
        return "pin_not_figures"
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    if len(set(pin)) < 3 or steps in ({1}, {-1}):
        return "pin_too_plain"
    return None


def set_pin(
    connection: Connection,
    workstation_id: str,
    account_id: str,
    pin_hash: str,
    *,
    until_ns: int,
    now_ns: int,
) -> None:
    """Keep a PIN until the end of the shift, in the place of any before it."""
    table = tables.pin
    forget_pin(connection, workstation_id, account_id)
    connection.execute(
        table.insert().values(
            workstation_id=workstation_id,
            account_id=account_id,
            pin_hash=pin_hash,
            set_ns=now_ns,
            until_ns=until_ns,
            failures=0,
        )
    )


def arm_pin(connection: Connection, workstation_id: str, account_id: str, *, until_ns: int) -> None:
    """After a full sign-in there: the PIN that was chosen once works for another shift."""
    table = tables.pin
    connection.execute(
        table.update()
        .where(table.c.workstation_id == workstation_id, table.c.account_id == account_id)
        .values(until_ns=until_ns, failures=0)
    )


def forget_pin(connection: Connection, workstation_id: str, account_id: str) -> None:
    """Take a PIN back; harmless when there is none."""
    table = tables.pin
    connection.execute(
        table.delete().where(
            table.c.workstation_id == workstation_id, table.c.account_id == account_id
        )
    )


def on_duty(
    connection: Connection, workstation_id: str, *, now_ns: int, rules: SignInConfig = RULES
) -> list[OnDuty]:
    """Whose PIN works here now, by name."""
    table, account = tables.pin, tables.account
    rows = connection.execute(
        sa.select(account.c.id, account.c.name, account.c.full_name, table.c.until_ns)
        .join(account, account.c.id == table.c.account_id)
        .where(table.c.workstation_id == workstation_id, *_alive(now_ns, rules))
        .order_by(account.c.full_name, account.c.name)
    ).all()
    return [OnDuty(*row) for row in rows]


def begin_pin(
    connection: Connection,
    workstation_id: str,
    account_id: str,
    *,
    now_ns: int,
    rules: SignInConfig = RULES,
) -> PinTry:
    """Count a try, before its PIN is looked at.

    Raises:
        VonggacError: FORBIDDEN, nobody's PIN, or one that needs a full sign-in first.
    """
    table = tables.pin
    counted = connection.execute(
        table.update()
        .where(
            table.c.workstation_id == workstation_id,
            table.c.account_id == account_id,
            *_alive(now_ns, rules, join=False),
        )
        .values(failures=table.c.failures + 1)
    )
    if not counted.rowcount:
        raise VonggacError(
            Kind.FORBIDDEN, "sign in with the password first", fault="full_sign_in_needed"
        )
    row = connection.execute(
        sa.select(table.c.pin_hash, table.c.failures, table.c.until_ns).where(
            table.c.workstation_id == workstation_id, table.c.account_id == account_id
        )
    ).one()
    left = rules.pin_tries - row.failures
    return PinTry(find(connection, account_id), row.pin_hash, left, row.until_ns)


def finish_pin(connection: Connection, workstation_id: str, account_id: str) -> None:
    """Forget the wrong PINs before a right one."""
    table = tables.pin
    connection.execute(
        table.update()
        .where(table.c.workstation_id == workstation_id, table.c.account_id == account_id)
        .values(failures=0)
    )


def _alive(
    now_ns: int, rules: SignInConfig, *, join: bool = True
) -> tuple[sa.ColumnElement[bool], ...]:
    table, account = tables.pin, tables.account
    fine = sa.and_(
        account.c.disabled_ns.is_(None), account.c.must_change.is_(False), is_used(now_ns, rules)
    )
    person = fine if join else table.c.account_id.in_(sa.select(account.c.id).where(fine))
    return (table.c.until_ns > now_ns, table.c.failures < rules.pin_tries, person)


# -- displays --------------------------------------------------------------------------------


def add_display(
    connection: Connection,
    *,
    title: str,
    room: str,
    account_id: str,
    cameras: Sequence[str],
    now_ns: int,
) -> tuple[str, str]:
    """Make a display; returns its id and the code that links a screen, to be shown once.

    Raises:
        VonggacError: BAD_INPUT, no title, room or camera, or too many cameras.
    """
    title, room = _named(title, "title"), _named(room, "room")
    if not 1 <= len(cameras) <= CAMERAS_LIMIT:
        raise VonggacError(
            Kind.BAD_INPUT, f"cameras: 1 to {CAMERAS_LIMIT}", fault="cameras_missing"
        )
    display_id = new_id()
    connection.execute(
        tables.display.insert().values(
            id=display_id,
            title=title,
            room=room,
            account_id=account_id,
            cameras=list(cameras),
            form_token=new_token(),
            created_ns=now_ns,
        )
    )
    return display_id, new_link(connection, display_id, now_ns=now_ns)


def new_link(connection: Connection, display_id: str, *, now_ns: int) -> str:
    """A code that links one screen, once; the screen that was linked before shows nothing more.

    Raises:
        VonggacError: NOT_FOUND.
    """
    code = new_password()[:9]
    done = connection.execute(
        tables.display.update()
        .where(tables.display.c.id == display_id, tables.display.c.revoked_ns.is_(None))
        .values(code_hash=_hash(_plain(code)), code_until_ns=now_ns + LINK_S * NS, key_hash=None)
    )
    if not done.rowcount:
        raise VonggacError(Kind.NOT_FOUND, "there is no such display")
    return code


def link(connection: Connection, code: str, *, now_ns: int) -> tuple[Display, str] | None:
    """Link the screen at which a code was typed; returns the display and its cookie's value."""
    table, key = tables.display, new_token()
    done = connection.execute(
        table.update()
        .where(
            table.c.code_hash == _hash(_plain(code)),
            table.c.code_until_ns > now_ns,
            table.c.revoked_ns.is_(None),
        )
        .values(code_hash=None, code_until_ns=None, key_hash=_hash(key), linked_ns=now_ns)
    )
    if not done.rowcount:
        return None
    found = display_of(connection, key, now_ns=now_ns)
    return None if found is None else (found, key)


def display_of(
    connection: Connection, key: str, *, now_ns: int, rules: SignInConfig = RULES
) -> Display | None:
    """The display whose screen carries this cookie, while the responsible account lives."""
    row = connection.execute(
        _displays().where(
            tables.display.c.key_hash == _hash(key),
            tables.account.c.disabled_ns.is_(None),
            is_used(now_ns, rules),
        )
    ).one_or_none()
    return None if row is None else _display(row)


def displays(connection: Connection) -> list[Display]:
    """Every display, by title."""
    rows = connection.execute(_displays().order_by(tables.display.c.title)).all()
    return [_display(row) for row in rows]


def seen(connection: Connection, display: Display, *, now_ns: int) -> None:
    """Note that a display's screen asked for pictures."""
    if display.seen_ns is None or now_ns - display.seen_ns > TOUCH_S * NS:
        connection.execute(
            tables.display.update().where(tables.display.c.id == display.id).values(seen_ns=now_ns)
        )


def revoke_display(connection: Connection, display_id: str, *, now_ns: int) -> None:
    """It opens nothing any more.

    Raises:
        VonggacError: NOT_FOUND.
    """
    done = connection.execute(
        tables.display.update()
        .where(tables.display.c.id == display_id, tables.display.c.revoked_ns.is_(None))
        .values(revoked_ns=now_ns, key_hash=None, code_hash=None)
    )
    if not done.rowcount:
        raise VonggacError(Kind.NOT_FOUND, "there is no such display")


def _displays() -> sa.Select[Any]:
    table, account = tables.display, tables.account
    return (
        sa.select(
            table.c.id,
            table.c.title,
            table.c.room,
            account.c.id.label("account_id"),
            account.c.name,
            account.c.full_name,
            table.c.cameras,
            table.c.form_token,
            table.c.created_ns,
            table.c.linked_ns,
            table.c.seen_ns,
        )
        .join(account, account.c.id == table.c.account_id)
        .where(table.c.revoked_ns.is_(None))
    )


def _display(row: sa.Row[Any]) -> Display:
    columns: list[Any] = list(row)
    columns[6] = tuple(row.cameras)
    return Display(*columns)


def _named(text: str, field: str) -> str:
    plain = " ".join(text.split())
    if not 1 <= len(plain) <= TITLE_LIMIT:
        raise VonggacError(
            Kind.BAD_INPUT, f"{field}: 1 to {TITLE_LIMIT} letters", fault=f"{field}_missing"
        )
    return plain


def _plain(code: str) -> str:
    return code.casefold().replace("-", "").replace(" ", "")


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
