"""Grants as the database keeps them, and the views that they belong to.

A grant opens pictures for two minutes. Grants that renew each other are one view: who had which
cameras open, on whose behalf, why, from when until when, and why it ended. `lapsed` says which
grants have lost their right since they were given; whoever runs it takes them back (`take_back`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS, rfc3339
from vonggac.db import Connection, tables
from vonggac.domain import access, audit, purposes, sessions
from vonggac.domain.access import Act
from vonggac.domain.accounts import RULES
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.config import SignInConfig

KEPT_S: Final = 86_400
"""Seconds that an ended grant stays in the table; what was seen is in the views and the audit."""
VIEWS_KEPT_S: Final = 400 * 86_400
"""Seconds that an ended view stays: the year that the audit is kept at least, and a month."""
TAKE_OVER_S: Final = 4
"""Seconds in which a page at a workstation may ask again under the person who has just taken
over, before the pictures of the one who left are cut: the wall does not stop."""
LIMIT: Final = 200
"""Views of one list at most."""

CLOSED: Final = "closed"
"""Why a view ended that nobody renewed: its page was closed."""
CHANGED: Final = "changed"
"""The page went on with other cameras or another purpose: another view."""
WITHDRAWN: Final = "withdrawn"
"""Somebody who may took it back."""
OVER: Final = "purpose_over"
"""A view for this purpose lasts no longer: the purpose is stated again, or not."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A grant that was issued."""

    id: str
    account_id: str
    site_id: str
    cameras: Sequence[str]
    streams: Sequence[str]
    purpose: str
    nkey: str
    issued_ns: int
    expires_ns: int
    display_id: str | None = None
    """The screen that it is shown on; None for a person."""
    session_id: str | None = None
    """The browser's session that asked; the grant ends with it."""
    token_id: str | None = None
    """The API token that asked; the grant ends with it."""
    renews: str | None = None
    """The grant that the page says it continues."""
    role: str = ""
    """The role by which it is allowed."""
    body_id: str | None = None
    """The body on whose behalf."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A grant that may still be used, or could be had it not been taken back."""

    id: str
    viewing_id: str | None
    account_id: str
    site_id: str
    cameras: tuple[str, ...]
    purpose: str
    nkey: str
    expires_ns: int
    display_id: str | None
    session_id: str | None
    token_id: str | None


@dataclass(frozen=True, slots=True)
class View:
    """Somebody had pictures of a site open."""

    id: str
    account_id: str
    name: str
    full_name: str
    site_id: str
    cameras: tuple[str, ...]
    role: str
    body_id: str | None
    purpose: str
    display_id: str | None
    began_ns: int
    until_ns: int
    ended_ns: int | None
    why: str

    def lasts(self, now_ns: int) -> bool:
        """Whether the pictures are open at this moment."""
        return self.ended_ns is None and now_ns < self.until_ns


@dataclass(frozen=True, slots=True)
class Watching:
    """A person who has pictures open now."""

    full_name: str
    name: str
    cameras: int
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many views there were, without a name."""

    role: str
    body_id: str | None
    purpose: str
    """Its code alone: a note may name a case."""
    views: int


# -- giving and renewing ---------------------------------------------------------------------


def file_grant(connection: Connection, grant: Issued) -> bool:
    """Keep a grant; True if it begins a view, False if it renews one.

    A page renews its grant every two minutes; the audit says once that it began.

    Raises:
        VonggacError: FORBIDDEN, the view that it renews was taken back, or lasts no longer.
    """
    before = _renewed(connection, grant)
    if before is not None:
        _refuse_renewal(before, grant)
    goes_on = (
        before is not None
        and before.purpose == grant.purpose
        and before.site_id == grant.site_id
        and set(grant.cameras) <= set(before.cameras)
    )
    if before is not None and not goes_on and grant.renews is not None:
        _end(connection, [before.id], ended_ns=grant.issued_ns, why=CHANGED)
    viewing_id = before.id if before is not None and goes_on else new_id()
    table = tables.viewing
    if before is not None and goes_on:
        connection.execute(
            table.update()
            .where(table.c.id == viewing_id)
            .values(until_ns=grant.expires_ns, ended_ns=None, why="")
        )
    else:
        connection.execute(
            table.insert().values(
                id=viewing_id,
                account_id=grant.account_id,
                site_id=grant.site_id,
                cameras=list(grant.cameras),
                role=grant.role,
                body_id=grant.body_id,
                purpose=grant.purpose,
                display_id=grant.display_id,
                began_ns=grant.issued_ns,
                until_ns=grant.expires_ns,
            )
        )
    _forget(connection, grant.issued_ns)
    connection.execute(
        tables.grant_issued.insert().values(
            id=grant.id,
            account_id=grant.account_id,
            site_id=grant.site_id,
            cameras=list(grant.cameras),
            streams=list(grant.streams),
            purpose=grant.purpose,
            nkey=grant.nkey,
            renews=grant.renews if goes_on else None,
            issued_ns=grant.issued_ns,
            expires_ns=grant.expires_ns,
            display_id=grant.display_id,
            session_id=grant.session_id,
            token_id=grant.token_id,
            viewing_id=viewing_id,
        )
    )
    return not goes_on


def gave_way(connection: Connection, grant: Issued) -> list[View]:
    """The view that ended because a grant that was filed began another: more cameras, why else."""
    table = tables.grant_issued
    before = sa.select(table.c.viewing_id).where(
        table.c.id == grant.renews, table.c.account_id == grant.account_id
    )
    found = _views(connection, tables.viewing.c.id.in_(before))
    return [view for view in found if (view.why, view.ended_ns) == (CHANGED, grant.issued_ns)]


def _renewed(connection: Connection, grant: Issued) -> View | None:
    """The view that a grant goes on with: named by the page, else of the same browser key."""
    table = tables.grant_issued
    same = table.c.nkey == grant.nkey
    if grant.renews is not None:
        same = sa.or_(same, table.c.id == grant.renews)
    viewing_id = connection.execute(
        sa.select(table.c.viewing_id)
        .where(
            same,
            table.c.account_id == grant.account_id,
            table.c.display_id == grant.display_id
            if grant.display_id is not None
            else table.c.display_id.is_(None),
            # A page whose line was down for a while goes on with what it had open.
            table.c.expires_ns > grant.issued_ns - 60 * NS,
        )
        .order_by(table.c.issued_ns.desc())
        .limit(1)
    ).scalar_one_or_none()
    if viewing_id is None:
        return None
    found = _views(connection, tables.viewing.c.id == viewing_id)
    return found[0] if found else None


def _refuse_renewal(before: View, grant: Issued) -> None:
    if before.why not in ("", CLOSED, CHANGED):
        raise VonggacError(
            Kind.FORBIDDEN, "this view was ended; open the page again", code=before.why
        )
    stated = purposes.read(before.purpose, now_ns=grant.issued_ns)
    longest_ns = stated.longest_ns if stated is not None else 0
    if longest_ns and grant.issued_ns - before.began_ns > longest_ns:
        raise VonggacError(
            Kind.FORBIDDEN, "a view for this purpose lasts no longer; state it again", code=OVER
        )


def _forget(connection: Connection, now_ns: int) -> None:
    grants, views = tables.grant_issued, tables.viewing
    connection.execute(grants.delete().where(grants.c.expires_ns < now_ns - KEPT_S * NS))
    connection.execute(views.delete().where(views.c.until_ns < now_ns - VIEWS_KEPT_S * NS))


# -- taking back -----------------------------------------------------------------------------


def lapsed(
    connection: Connection, *, now_ns: int, rules: SignInConfig = RULES
) -> list[tuple[Standing, str]]:
    """Grants that stand though their right is gone, each with why.

    Args:
        connection: a transaction.
        now_ns: UTC now.
        rules: when a session is over.
    """
    table = tables.grant_issued
    standing = _standing(connection, table.c.expires_ns > now_ns, table.c.revoked_ns.is_(None))
    people: dict[str, access.Person] = {}
    things: dict[str, access.Thing] = {}
    found = []
    for grant in standing:
        if grant.account_id not in people:
            people[grant.account_id] = access.person_of(connection, grant.account_id, now_ns)
        fresh = [camera for camera in grant.cameras if camera not in things]
        if fresh:
            things |= access.things_of_cameras(connection, fresh)
        seen = [things.get(camera) for camera in grant.cameras]
        why = _gone(connection, grant, seen, people[grant.account_id], now_ns, rules)
        if why is not None:
            found.append((grant, why))
    return found


def _gone(
    connection: Connection,
    grant: Standing,
    things: Sequence[access.Thing | None],
    person: access.Person,
    now_ns: int,
    rules: SignInConfig,
) -> str | None:
    """Why the right to a grant of these cameras is gone; None while it stands."""
    if not person.account_id:
        return "account_disabled"
    if grant.session_id is not None and not sessions.stands(
        connection, grant.session_id, now_ns=now_ns, rules=rules
    ):
        if sessions.was_taken_over(
            connection, grant.session_id, now_ns=now_ns, within_s=TAKE_OVER_S
        ):
            return None
        return "session_ended"
    if grant.token_id is not None and not _token_stands(connection, grant.token_id, now_ns):
        return "token_revoked"
    if grant.display_id is not None and not _display_stands(connection, grant.display_id):
        return "display_revoked"
    code = grant.purpose.partition(": ")[0]
    stated = None if grant.display_id is not None else code
    for thing in things:
        if thing is None:
            return "outside_scope"
        verdict = access.may(person, Act.LIVE_VIEW, thing, now_ns=now_ns, purpose=stated)
        if not verdict:
            return verdict.why
    return None


def _token_stands(connection: Connection, token_id: str, now_ns: int) -> bool:
    table = tables.api_token
    return (
        connection.execute(
            sa.select(table.c.id).where(
                table.c.id == token_id,
                table.c.revoked_ns.is_(None),
                table.c.expires_ns > now_ns,
            )
        ).one_or_none()
        is not None
    )


def _display_stands(connection: Connection, display_id: str) -> bool:
    table = tables.display
    return (
        connection.execute(
            sa.select(table.c.id).where(table.c.id == display_id, table.c.revoked_ns.is_(None))
        ).one_or_none()
        is not None
    )


def take_back(
    connection: Connection, grants: Sequence[Standing], why: str, *, now_ns: int
) -> list[View]:
    """Note that grants stand no more; the views that end by it, for the audit."""
    if not grants:
        return []
    table = tables.grant_issued
    connection.execute(
        table.update()
        .where(table.c.id.in_([grant.id for grant in grants]))
        .values(revoked_ns=now_ns)
    )
    ids = {grant.viewing_id for grant in grants if grant.viewing_id is not None}
    return _end(connection, ids, ended_ns=now_ns, why=why)


def withdraw(connection: Connection, viewing_id: str, *, now_ns: int) -> View:
    """Take a view back that its person still has a right to; its grants are ended by `taken_back`.

    Raises:
        VonggacError: NOT_FOUND, there is no such view, or it is over.
    """
    table = tables.grant_issued
    grants = _standing(
        connection,
        table.c.viewing_id == viewing_id,
        table.c.expires_ns > now_ns,
        table.c.revoked_ns.is_(None),
    )
    ended = take_back(connection, grants, WITHDRAWN, now_ns=now_ns)
    if not ended:
        raise VonggacError(Kind.NOT_FOUND, "nobody has this view open")
    return ended[0]


def record_end(connection: Connection, view: View, why: str, *, now_ns: int, ended_ns: int) -> None:
    """Write into the audit that a view ended, and why."""
    audit.record(
        connection,
        audit.Actor(view.name, view.account_id, unit=view.body_id or ""),
        audit.Act.VIEW_ENDED,
        now_ns=now_ns,
        thing=", ".join(view.cameras),
        site=view.site_id,
        purpose=view.purpose,
        detail={
            "why": why,
            "view": view.id,
            "role": view.role,
            "began": rfc3339(view.began_ns),
            "ended": rfc3339(ended_ns),
            "seconds": max(0, ended_ns - view.began_ns) // NS,
            **({"display": view.display_id} if view.display_id else {}),
        },
    )


def site_of_view(connection: Connection, viewing_id: str) -> str:
    """The site that a view shows.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _views(connection, tables.viewing.c.id == viewing_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "nobody has this view open")
    return found[0].site_id


def give_back(connection: Connection, grant_id: str, account_id: str, *, now_ns: int) -> list[View]:
    """A page is closed: its grant is taken back, and its view is over. Harmless a second time."""
    table = tables.grant_issued
    grants = _standing(
        connection,
        table.c.id == grant_id,
        table.c.account_id == account_id,
        table.c.revoked_ns.is_(None),
    )
    return take_back(connection, grants, CLOSED, now_ns=now_ns)


def taken_back(connection: Connection, *, now_ns: int) -> list[tuple[Standing, str]]:
    """Grants that were taken back and would stand else: bus and box must know of each."""
    table = tables.grant_issued
    found = _standing(connection, table.c.expires_ns > now_ns, table.c.revoked_ns.is_not(None))
    ids = {grant.viewing_id for grant in found if grant.viewing_id is not None}
    why = {view.id: view.why for view in _views(connection, tables.viewing.c.id.in_(ids))}
    return [(grant, why.get(grant.viewing_id or "", "")) for grant in found]


def any_over(connection: Connection, *, now_ns: int) -> bool:
    """Whether `close_over` would find something: it writes, and is asked every second."""
    table = tables.viewing
    found = connection.execute(
        sa.select(table.c.id).where(table.c.ended_ns.is_(None), table.c.until_ns <= now_ns)
    ).first()
    return found is not None


def close_over(connection: Connection, *, now_ns: int) -> list[View]:
    """Note which views ended by themselves; returns them, for the audit."""
    table = tables.viewing
    over = _views(connection, table.c.ended_ns.is_(None), table.c.until_ns <= now_ns)
    for view in over:
        connection.execute(
            table.update().where(table.c.id == view.id).values(ended_ns=view.until_ns, why=CLOSED)
        )
    return over


def _end(
    connection: Connection, viewing_ids: Iterable[str], *, ended_ns: int, why: str
) -> list[View]:
    table = tables.viewing
    ids = sorted(viewing_ids)
    lasting = _views(connection, table.c.id.in_(ids), table.c.ended_ns.is_(None))
    connection.execute(
        table.update()
        .where(table.c.id.in_([view.id for view in lasting]))
        .values(ended_ns=ended_ns, why=why)
    )
    return lasting


def _standing(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[Standing]:
    table = tables.grant_issued
    rows = connection.execute(
        sa.select(
            table.c.id,
            table.c.viewing_id,
            table.c.account_id,
            table.c.site_id,
            table.c.cameras,
            table.c.purpose,
            table.c.nkey,
            table.c.expires_ns,
            table.c.display_id,
            table.c.session_id,
            table.c.token_id,
        )
        .where(*conditions)
        .order_by(table.c.issued_ns, table.c.id)
    ).all()
    return [
        Standing(row.id, row.viewing_id, row.account_id, row.site_id, tuple(row.cameras),
                 row.purpose, row.nkey, row.expires_ns, row.display_id, row.session_id,
                 row.token_id)
        for row in rows
    ]  # fmt: skip


# -- who watches, who watched ----------------------------------------------------------------


def watching(connection: Connection, site_id: str, *, now_ns: int) -> list[Watching]:
    """Who has pictures of the site open now, by name; what a display shows nobody watches."""
    found: dict[str, list[View]] = {}
    for view in open_views(connection, site_id, now_ns=now_ns):
        found.setdefault(view.name, []).append(view)
    return [
        Watching(
            full_name=views[0].full_name or name,
            name=name,
            cameras=len({camera for view in views for camera in view.cameras}),
            purposes=tuple(sorted({view.purpose for view in views})),
        )
        for name, views in sorted(found.items())
    ]


def open_views(connection: Connection, site_id: str, *, now_ns: int) -> list[View]:
    """Views of a site that are open now, the oldest first; what a display shows nobody watches."""
    table = tables.viewing
    return _views(
        connection,
        table.c.site_id == site_id,
        table.c.ended_ns.is_(None),
        table.c.until_ns > now_ns,
        table.c.display_id.is_(None),
    )


def watched(
    connection: Connection, site_id: str, *, since_ns: int, limit: int = LIMIT
) -> list[View]:
    """Views of a site that are over, begun since then, the newest first."""
    table = tables.viewing
    return _views(
        connection,
        table.c.site_id == site_id,
        table.c.ended_ns.is_not(None),
        table.c.began_ns >= since_ns,
        table.c.display_id.is_(None),
        order=table.c.began_ns.desc(),
        limit=limit,
    )


def counts(connection: Connection, site_id: str, *, since_ns: int) -> list[Count]:
    """How many views of a site began since then, by role, body and purpose; the most first."""
    table = tables.viewing
    rows = connection.execute(
        sa.select(table.c.role, table.c.body_id, table.c.purpose, sa.func.count())
        .where(
            table.c.site_id == site_id,
            table.c.began_ns >= since_ns,
            table.c.display_id.is_(None),
        )
        .group_by(table.c.role, table.c.body_id, table.c.purpose)
    ).all()
    found: dict[tuple[str, str | None, str], int] = {}
    for role, body_id, purpose, number in rows:
        key = (role, body_id, purpose.partition(": ")[0])
        found[key] = found.get(key, 0) + number
    counted = [Count(*key, number) for key, number in found.items()]
    return sorted(counted, key=lambda one: (-one.views, one.role, one.body_id or "", one.purpose))


def shown_now(connection: Connection, *, now_ns: int) -> Mapping[str, int]:
    """How many cameras each display shows now, by its id; those that show nothing are left out."""
    table = tables.grant_issued
    rows = connection.execute(
        sa.select(table.c.display_id, table.c.cameras).where(
            table.c.display_id.is_not(None),
            table.c.expires_ns > now_ns,
            table.c.revoked_ns.is_(None),
        )
    ).all()
    found: dict[str, set[str]] = {}
    for display_id, cameras in rows:
        found.setdefault(str(display_id), set()).update(cameras)
    return {display_id: len(cameras) for display_id, cameras in found.items()}


def _views(
    connection: Connection,
    *conditions: sa.ColumnElement[bool],
    order: Any = None,
    limit: int | None = None,
) -> list[View]:
    table, account = tables.viewing, tables.account
    query = (
        sa.select(
            table.c.id,
            table.c.account_id,
            account.c.name,
            account.c.full_name,
            table.c.site_id,
            table.c.cameras,
            table.c.role,
            table.c.body_id,
            table.c.purpose,
            table.c.display_id,
            table.c.began_ns,
            table.c.until_ns,
            table.c.ended_ns,
            table.c.why,
        )
        .join(account, account.c.id == table.c.account_id)
        .where(*conditions)
        .order_by(table.c.began_ns if order is None else order, table.c.id)
    )
    rows = connection.execute(query if limit is None else query.limit(limit)).all()
    return [
        View(row.id, row.account_id, row.name, row.full_name, row.site_id, tuple(row.cameras),
             row.role, row.body_id, row.purpose, row.display_id, row.began_ns, row.until_ns,
             row.ended_ns, row.why)
        for row in rows
    ]  # fmt: skip


def is_named_to(person: access.Person, view: View, thing: access.Thing, *, now_ns: int) -> bool:
    """Whether a person reads whose view it is: auditors, those of the same body, and oneself."""
    if person.account_id and view.account_id == person.account_id:
        return True
    bodies = {held.body for held in person.held if held.body is not None and held.lasts(now_ns)}
    if view.body_id is not None and view.body_id in bodies:
        return True
    return bool(access.may(person, Act.WATCHING_NAMES, thing, now_ns=now_ns))
