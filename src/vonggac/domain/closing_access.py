"""Ending who may see a facility that is closed: roles, shares, screens, views, empty accounts.

Each is ended by the function that ends it on its own page, with the rights of whoever closes: what
he may not end refuses the whole step, and nothing is half done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.db import Connection, tables
from vonggac.domain import accounts, audit, grants, roles, sharing, workstations
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vonggac.domain.access import Person
    from vonggac.domain.roles import Row

NOT_YOURS: Final = "not_yours_to_end"
"""Code of the refusal: somebody who gives roles must do this step."""


def end_access(
    connection: Connection,
    site_id: str,
    *,
    by: Person,
    actor: audit.Actor,
    reason: str,
    now_ns: int,
) -> dict[str, Any]:
    """End everything that is held over this facility alone; what was ended, in counts and names.

    A role over several facilities is given anew without this one.  The roles of whoever closes stay
    until the end: he has steps to do, and another must end them.

    Args:
        connection: a writing transaction.
        site_id: which.
        by: who closes, with the rights that are used.
        actor: the same, for the audit.
        reason: why, as it stands with each role.
        now_ns: UTC.

    Raises:
        VonggacError: FORBIDDEN with code `not_yours_to_end`, a role is not for `by` to end.
    """
    held = [
        row
        for row in roles.rows(connection)
        if site_id in row.sites and (row.to_ns is None or row.to_ns > now_ns)
    ]
    own = [row for row in held if row.account_id == by.account_id]
    ended = [row for row in held if row.account_id != by.account_id]
    for row in ended:
        _end_role(connection, site_id, row, by, reason, now_ns)
        audit.record(
            connection, actor, audit.Act.ROLE_ENDED, now_ns=now_ns, thing=row.account_id,
            site=site_id, purpose=reason, detail={"role": row.role, "id": row.id},
        )  # fmt: skip
    shares = _end_shares(connection, site_id, by, actor, reason, now_ns)
    displays, mixed = _end_displays(connection, site_id, actor, now_ns)
    views = grants.open_views(connection, site_id, now_ns=now_ns)
    for view in views:
        _end_view(connection, view, now_ns)
    closed = _close_empty(connection, {row.account_id for row in ended}, actor, now_ns)
    return {
        "roles": len(ended),
        "shares": shares,
        "displays": displays,
        "displays_kept": mixed,
        "views": len(views),
        "accounts": closed,
        "own_roles_left": len(own),
    }


def _end_role(
    connection: Connection, site_id: str, row: Row, by: Person, reason: str, now_ns: int
) -> None:
    try:
        roles.end(connection, by, row.id, reason=reason, now_ns=now_ns)
        others = tuple(one for one in row.sites if one != site_id)
        if others:
            draft = roles.Draft(
                row.role, reason, row.unit, row.line, others, row.body,
                max(now_ns, row.from_ns), row.to_ns,
            )  # fmt: skip
            roles.give(connection, by, row.account_id, draft, now_ns=now_ns)
    except roles.Refused as refused:
        raise VonggacError(
            Kind.FORBIDDEN, f"a role of this facility is not yours to end: {refused.message}",
            code=NOT_YOURS,
        ) from refused  # fmt: skip


def _end_view(connection: Connection, view: grants.View, now_ns: int) -> None:
    """Withdraw what somebody watches, and write its end down; nothing when it ended by itself."""
    try:
        ended = grants.withdraw(connection, view.id, now_ns=now_ns)
    except VonggacError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return
    grants.record_end(connection, ended, grants.WITHDRAWN, now_ns=now_ns, ended_ns=now_ns)


def _end_shares(
    connection: Connection, site_id: str, by: Person, actor: audit.Actor, reason: str, now_ns: int
) -> int:
    lasting = [one for one in sharing.of_sites(connection, [site_id]) if one.to_ns > now_ns]
    for one in lasting:
        sharing.withdraw(connection, one.id, by.name, reason=reason, now_ns=now_ns)
        audit.record(
            connection, actor, audit.Act.SHARE_WITHDRAWN, now_ns=now_ns, thing=one.id, site=site_id,
            purpose=reason,
        )  # fmt: skip
    return len(lasting)


def _end_displays(
    connection: Connection, site_id: str, actor: audit.Actor, now_ns: int
) -> tuple[int, int]:
    """Screens that show this facility and nothing else are ended; how many show others, too."""
    table = tables.camera
    here = set(
        connection.execute(sa.select(table.c.id).where(table.c.site_id == site_id)).scalars()
    )
    ended = mixed = 0
    for one in workstations.displays(connection):
        if not here & set(one.cameras):
            continue
        if set(one.cameras) - here:
            mixed += 1
            continue
        workstations.revoke_display(connection, one.id, now_ns=now_ns)
        audit.record(
            connection, actor, audit.Act.DISPLAY_REVOKED, now_ns=now_ns, thing=one.id, site=site_id
        )
        ended += 1
    return ended, mixed


def _close_empty(
    connection: Connection, account_ids: Iterable[str], actor: audit.Actor, now_ns: int
) -> list[str]:
    """Accounts that hold no role any more are closed; their names."""
    closed = []
    for account_id in sorted(account_ids):
        left = roles.rows(connection, account_id=account_id)
        person = accounts.person(connection, account_id)
        if person.disabled_ns is not None:
            continue
        if any(row.to_ns is None or row.to_ns > now_ns for row in left):
            continue
        accounts.disable(connection, account_id, why="administrator", now_ns=now_ns)
        audit.record(connection, actor, audit.Act.ACCOUNT_CLOSED, now_ns=now_ns, thing=account_id)
        closed.append(person.name)
    return closed
