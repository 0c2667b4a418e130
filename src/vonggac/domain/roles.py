"""Roles that people hold: giving them, ending them, and who holds what over which scope.

A row is ended, never changed: whoever wants another scope or another end gives a new role.  What
may be given by whom is decided here and in `access.may`, for pages, API and command line alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.domain import access, units
from vonggac.domain.access import SYSTEM, Act, Held, Line, Person
from vonggac.domain.duties import LINES, duties
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.domain.duties import Duty

REASON_LIMIT: Final = 300
"""Characters of a reason."""
SITES_LIMIT: Final = 300
"""Sites that one row may name; a province has at most 300."""

FIRST_ROLES: Final = ("administrator", "auditor", "shift_lead", "technician")
"""What the first account does alone, until there are colleagues to share the duties with."""
FIRST_MILITARY_ROLES: Final = ("military_command", "shift_lead", "technician")
"""And over the military line, where the facility that is being set up is a military one."""

ADMINISTRATOR: Final = "administrator"

COMMAND_LINE: Final = "command line"
"""What stands for the giver where no account does: whoever holds the machine."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A role as it shall be held."""

    role: str
    reason: str
    unit: str | None = None
    """Root of the subtree; None is everything."""
    line: Line | None = None
    sites: Sequence[str] = ()
    body: str | None = None
    """The unit on whose behalf."""
    from_ns: int | None = None
    """None is now."""
    to_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A role that somebody holds, held or will hold."""

    id: str
    account_id: str
    account: str
    full_name: str
    role: str
    unit: str | None
    line: Line | None
    sites: tuple[str, ...]
    body: str | None
    from_ns: int
    to_ns: int | None
    reason: str
    given_by: str
    given_ns: int
    ended_by: str | None
    ended_reason: str | None

    def lasts(self, now_ns: int) -> bool:
        """Whether it is held at this moment."""
        return self.from_ns <= now_ns and (self.to_ns is None or now_ns < self.to_ns)


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody to whom a role can be given."""

    id: str
    name: str
    full_name: str


class Refused(VonggacError):  # noqa: N818 - the wish is
    """A role cannot be given or ended like this.

    Args:
        kind: BAD_INPUT, FORBIDDEN or CONFLICT.
        code: a code of the pages' words.
        message: one sentence for programs.
        field: which field of the form is at fault.
    """

    def __init__(self, kind: Kind, code: str, message: str, field: str = "role") -> None:
        super().__init__(kind, message, code=code, field=field)
        self.code = code
        self.field = field


def whoever_holds_the_machine(now_ns: int) -> Person:
    """The giver of the command line: an administrator over everything, and no more than that."""
    duty = _duties(now_ns)[ADMINISTRATOR]
    return Person(COMMAND_LINE, COMMAND_LINE, (Held(ADMINISTRATOR, duty.acts),))


def give(
    connection: Connection, giver: Person, account_id: str, draft: Draft, *, now_ns: int
) -> str:
    """Let an account hold a role over a scope; returns the row's id.

    Args:
        connection: a writing transaction.
        giver: who gives it; nobody gives a role to himself.
        account_id: to whom.
        draft: which, over what, from when until when, why.
        now_ns: UTC now.

    Raises:
        Refused: a rule of the role, or the giver may not.
        VonggacError: NOT_FOUND, there is no such account, unit or site.
    """
    duty = _duties(now_ns).get(draft.role)
    if duty is None:
        raise Refused(Kind.BAD_INPUT, "unknown_role", f"role: {draft.role!r} is not in the rules")
    _check(duty, draft, now_ns)
    _check_names(connection, account_id, draft)
    if account_id == giver.account_id:
        raise Refused(Kind.FORBIDDEN, "own_role", "nobody gives a role to himself")
    _check_giver(connection, giver, duty, draft, now_ns)
    found = new_id()
    connection.execute(
        tables.role_held.insert().values(
            id=found,
            account_id=account_id,
            role=duty.code,
            unit_id=draft.unit,
            line=duty.line or draft.line,
            sites=list(draft.sites),
            body_id=draft.body,
            from_ns=now_ns if draft.from_ns is None else draft.from_ns,
            to_ns=draft.to_ns,
            reason=" ".join(draft.reason.split()),
            given_by=giver.name,
            given_ns=now_ns,
        )
    )
    _follow(connection, account_id, now_ns)
    return found


def give_first(connection: Connection, account_id: str, *, now_ns: int) -> None:
    """Give the first account everything that a facility of one person needs."""
    military = connection.execute(
        sa.select(sa.func.count()).select_from(tables.site).where(
            tables.site.c.owner_line == "military"
        )
    ).scalar_one()  # fmt: skip
    wanted: list[tuple[str, Line | None]] = [(role, None) for role in FIRST_ROLES]
    if military:
        wanted += [(role, "military") for role in FIRST_MILITARY_ROLES]
    for role, line in wanted:
        connection.execute(
            tables.role_held.insert().values(
                id=new_id(),
                account_id=account_id,
                role=role,
                line=line,
                sites=[],
                from_ns=now_ns,
                reason="Tài khoản đầu tiên của hệ thống",
                given_by="vonggac",
                given_ns=now_ns,
            )
        )


def end(connection: Connection, ender: Person, row_id: str, *, reason: str, now_ns: int) -> Row:
    """End a role now; one that has not begun never does.

    Raises:
        Refused: it is over, no reason is given, the ender may not, or nobody would be left who
            can give roles.
        VonggacError: NOT_FOUND.
    """
    row = held_row(connection, row_id)
    reason = " ".join(reason.split())
    if not reason or len(reason) > REASON_LIMIT:
        raise Refused(Kind.BAD_INPUT, "no_reason", "reason: say why, in one sentence", "reason")
    _refuse_secret(reason)
    if row.to_ns is not None and row.to_ns <= now_ns:
        raise Refused(Kind.CONFLICT, "role_over", "this role is over already")
    duty = _duties(now_ns).get(row.role)
    if duty is not None:
        draft = Draft(row.role, reason, row.unit, row.line, row.sites)
        _check_giver(connection, ender, duty, draft, now_ns)
    elif not access.may(ender, Act.ROLES_EDIT, SYSTEM, now_ns=now_ns):
        raise Refused(Kind.FORBIDDEN, "outside_scope", "only an administrator may end this role")
    is_whole = row.role == ADMINISTRATOR and _over_everything(row)
    if is_whole and not administrators(connection, now_ns, without=row.id):
        raise Refused(
            Kind.CONFLICT,
            "last_administrator",
            "this is the last administrator over everything; give another one first",
        )
    connection.execute(
        tables.role_held.update()
        .where(tables.role_held.c.id == row_id)
        .values(
            to_ns=max(now_ns, row.from_ns),
            ended_by=ender.name,
            ended_reason=reason,
            ended_ns=now_ns,
        )
    )
    _follow(connection, row.account_id, now_ns)
    return held_row(connection, row_id)


def rows(
    connection: Connection, *, account_id: str | None = None, role: str | None = None
) -> list[Row]:
    """Roles with their holders, by name and then by when they began; those that are over too."""
    query = _rows().order_by(
        tables.account.c.name, tables.role_held.c.from_ns, tables.role_held.c.id
    )
    if account_id is not None:
        query = query.where(tables.role_held.c.account_id == account_id)
    if role is not None:
        query = query.where(tables.role_held.c.role == role)
    return [_row(found) for found in connection.execute(query).all()]


def counting(every: Iterable[Row], now_ns: int) -> Mapping[str, list[Row]]:
    """By account, the roles that say where it belongs.

    Those that it holds or will hold; of an account that holds none any more, those that it held.
    """
    held: dict[str, list[Row]] = {}
    over: dict[str, list[Row]] = {}
    for row in every:
        is_over = row.to_ns is not None and row.to_ns <= now_ns
        (over if is_over else held).setdefault(row.account_id, []).append(row)
    return {**over, **held}


def within(connection: Connection, person: Person, act: Act, *, now_ns: int) -> frozenset[str]:
    """Ids of the accounts of which every role lies where a person may do this to people.

    Over everything that is every account, one without a role too.  Whoever may do it over less
    reaches no account that also serves elsewhere: its password opens what is there.
    """
    if access.may(person, act, SYSTEM, now_ns=now_ns):
        return frozenset(connection.execute(sa.select(tables.account.c.id)).scalars())
    if not access.may_somewhere(person, act, now_ns=now_ns):
        return frozenset()
    reached: dict[tuple[str | None, Line | None, tuple[str, ...]], bool] = {}

    def is_reached(row: Row) -> bool:
        key = (row.unit, row.line, row.sites)
        if key not in reached:
            reached[key] = all(
                access.may(person, act, thing, now_ns=now_ns) for thing in scope(connection, *key)
            )
        return reached[key]

    return frozenset(
        account_id
        for account_id, its in counting(rows(connection), now_ns).items()
        if all(is_reached(row) for row in its)
    )


def holders(connection: Connection) -> list[Holder]:
    """Everybody whose account opens something, by name."""
    table = tables.account
    found = connection.execute(
        sa.select(table.c.id, table.c.name, table.c.full_name)
        .where(table.c.disabled_ns.is_(None))
        .order_by(table.c.name)
    ).all()
    return [Holder(*row) for row in found]


def held_row(connection: Connection, row_id: str) -> Row:
    """One row.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = connection.execute(_rows().where(tables.role_held.c.id == row_id)).one_or_none()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "nobody holds such a role")
    return _row(found)


def _duties(now_ns: int) -> Mapping[str, Duty]:
    return duties(datetime.fromtimestamp(now_ns // NS, UTC).date())


def _over_everything(row: Row) -> bool:
    return row.unit is None and row.line is None and not row.sites


def administrators(connection: Connection, now_ns: int, *, without: str = "") -> set[str]:
    """Open accounts that administer everything, and not only until a day.

    Args:
        connection: a transaction.
        now_ns: UTC now.
        without: id of a role that is left out.
    """
    closed = set(
        connection.execute(
            sa.select(tables.account.c.id).where(tables.account.c.disabled_ns.is_not(None))
        ).scalars()
    )
    return {
        one.account_id
        for one in rows(connection, role=ADMINISTRATOR)
        if one.id != without and one.to_ns is None and one.lasts(now_ns) and _over_everything(one)
    } - closed


def _check(duty: Duty, draft: Draft, now_ns: int) -> None:
    """What the rules want of the role, whoever gives it."""
    if not draft.reason.strip() or len(draft.reason) > REASON_LIMIT:
        raise Refused(Kind.BAD_INPUT, "no_reason", "reason: say why, in one sentence", "reason")
    _refuse_secret(draft.reason)
    if draft.line is not None and draft.line not in LINES:
        raise Refused(Kind.BAD_INPUT, "bad_line", f"line: one of {', '.join(LINES)}", "line")
    if duty.line is not None and draft.line not in (None, duty.line):
        raise Refused(
            Kind.BAD_INPUT, "fixed_line", f"{duty.code} is held over {duty.line} only", "line"
        )
    if duty.needs_line and draft.line is None and not draft.sites:
        raise Refused(
            Kind.BAD_INPUT, "needs_line", f"{duty.code} is held over one owning line", "line"
        )
    if duty.needs_sites and not draft.sites:
        raise Refused(Kind.BAD_INPUT, "needs_sites", f"{duty.code} names its sites", "sites")
    if len(draft.sites) > SITES_LIMIT:
        raise Refused(Kind.BAD_INPUT, "too_many_sites", f"at most {SITES_LIMIT} sites", "sites")
    begins = now_ns if draft.from_ns is None else draft.from_ns
    if duty.must_end and draft.to_ns is None:
        raise Refused(Kind.BAD_INPUT, "must_end", f"{duty.code} ends with its contract", "to")
    if draft.to_ns is not None and draft.to_ns <= max(begins, now_ns):
        raise Refused(Kind.BAD_INPUT, "ends_before", "to: must lie after its start and now", "to")
    if not 0 <= begins < 2**63 or (draft.to_ns or 0) >= 2**63:
        raise Refused(Kind.BAD_INPUT, "bad_time", "from, to: no moment of this world", "from")


def _refuse_secret(reason: str) -> None:
    if units.is_secret(reason):
        raise Refused(
            Kind.BAD_INPUT,
            "secret_mark",
            "reason: nothing marked MẬT may be attached; keep it outside of this program",
            "reason",
        )


def _check_names(connection: Connection, account_id: str, draft: Draft) -> None:
    known = connection.execute(
        sa.select(tables.account.c.id).where(tables.account.c.id == account_id)
    ).one_or_none()
    if known is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such account")
    for unit_id in (draft.unit, draft.body):
        if unit_id is not None:
            access.thing_of_unit(connection, unit_id)
    for site_id in draft.sites:
        thing = access.thing_of_site(connection, site_id)
        if draft.unit is not None and draft.unit not in thing.path:
            raise Refused(
                Kind.BAD_INPUT, "site_elsewhere", f"site {site_id} is not in this unit", "sites"
            )
        if draft.line is not None and draft.line != thing.line:
            raise Refused(
                Kind.BAD_INPUT, "site_other_line", f"site {site_id} is of another line", "sites"
            )


def _check_giver(
    connection: Connection, giver: Person, duty: Duty, draft: Draft, now_ns: int
) -> None:
    """Whether the giver may give this role over this scope.

    The military line is given by those who hold it; an administrator over everything may name
    the military command itself, and nothing else of that line.
    """
    line = duty.line or draft.line
    names_command = duty.line == "military" and bool(
        access.may(giver, Act.ROLES_EDIT, SYSTEM, now_ns=now_ns)
    )
    if names_command:
        return
    for wanted in scope(connection, draft.unit, line, draft.sites):
        nearest = access.may(giver, Act.ROLES_EDIT, wanted, now_ns=now_ns)
        if not nearest:
            raise Refused(
                Kind.FORBIDDEN,
                nearest.why,
                "you may not give or end a role over this scope",
                "unit",
            )
        if not any(_gives(giver, held, duty, wanted, now_ns) for held in giver.held):
            raise Refused(Kind.FORBIDDEN, "not_given", f"your role does not give {duty.code}")
    if draft.body is not None and not may_name(connection, giver, draft.body, line, now_ns=now_ns):
        raise Refused(
            Kind.FORBIDDEN, "body_elsewhere", "body: it lies outside of your scope", "body"
        )


def may_name(
    connection: Connection, giver: Person, body: str, line: Line | None, *, now_ns: int
) -> bool:
    """Whether a role may be held on behalf of this body: what is shared with it is opened so."""
    thing = access.thing_of_unit(connection, body, line)
    return access.may(giver, Act.ROLES_EDIT, thing, now_ns=now_ns).allowed


def _gives(giver: Person, held: Held, duty: Duty, thing: access.Thing, now_ns: int) -> bool:
    alone = replace(giver, held=(held,))
    if not access.may(alone, Act.ROLES_EDIT, thing, now_ns=now_ns):
        return False
    gives = _duties(now_ns)[held.role].gives
    return "*" in gives or duty.code in gives


def scope(
    connection: Connection, unit: str | None, line: Line | None, sites: Sequence[str]
) -> list[access.Thing]:
    """What a role is held over, as the things that rights to give it must reach.

    Raises:
        VonggacError: NOT_FOUND, there is no such unit or site.
    """
    if not sites:
        if unit is None:
            return [access.Thing("unit", line=line)]
        return [access.thing_of_unit(connection, unit, line)]
    found = [access.thing_of_site(connection, site_id) for site_id in sites]
    # A role that is not held over the military line opens nothing of a military site but its name,
    # so whoever reaches the place may give it.
    return [
        replace(thing, line=None) if thing.line == "military" != line else thing for thing in found
    ]


def _follow(connection: Connection, account_id: str, now_ns: int) -> None:
    """Keep `account.role`: it says to whom the stricter rules of sign-in apply."""
    lasting = [row.role for row in rows(connection, account_id=account_id) if row.lasts(now_ns)]
    leading = ADMINISTRATOR if ADMINISTRATOR in lasting else next(iter(lasting), "")
    connection.execute(
        tables.account.update().where(tables.account.c.id == account_id).values(role=leading)
    )


def _rows() -> sa.Select:  # type: ignore[type-arg]
    held, account = tables.role_held, tables.account
    return sa.select(
        held.c.id,
        held.c.account_id,
        account.c.name.label("account"),
        account.c.full_name,
        held.c.role,
        held.c.unit_id.label("unit"),
        held.c.line,
        held.c.sites,
        held.c.body_id.label("body"),
        held.c.from_ns,
        held.c.to_ns,
        held.c.reason,
        held.c.given_by,
        held.c.given_ns,
        held.c.ended_by,
        held.c.ended_reason,
    ).join(account, account.c.id == held.c.account_id)


def _row(found: sa.Row) -> Row:  # type: ignore[type-arg]
    return Row(**{**found._mapping, "sites": tuple(found.sites)})
