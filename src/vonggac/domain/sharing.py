"""Named cameras shared with another body for hours: who gave them, why, and until when.

A share is a permission like a role: `access.person_of` gives it to everybody who holds a role on
behalf of the body, and `access.may` answers for it. It opens live pictures of the cameras that it
names and nothing else, ends by itself, and can be withdrawn before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import Connection, tables
from vonggac.domain import access, guide, legal, units
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_H: Final = 72
"""Hours of a share at most (ours): who needs longer is given a role."""
SHORTEST_NS: Final = 60 * NS
CAMERAS_LIMIT: Final = 64
"""Cameras of a share at most: those of one grant."""
REASON_LIMIT: Final = 300
LISTED: Final = 200
"""Shares of one list at most."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A share as it shall be."""

    site_id: str
    cameras: Sequence[str]
    body_id: str
    to_ns: int
    reason: str
    from_ns: int | None = None
    """None is now."""


@dataclass(frozen=True, slots=True)
class Share:
    """Cameras that were shared."""

    id: str
    site_id: str
    cameras: tuple[str, ...]
    body_id: str
    from_ns: int
    to_ns: int
    reason: str
    given_by: str
    given_ns: int
    ended_by: str | None
    ended_reason: str | None
    ended_ns: int | None

    def lasts(self, now_ns: int) -> bool:
        """Whether it opens anything at this moment."""
        return self.from_ns <= now_ns < self.to_ns

    def comes(self, now_ns: int) -> bool:
        """Whether it begins later."""
        return now_ns < self.from_ns < self.to_ns


class Refused(VonggacError):  # noqa: N818 - the wish is
    """Cameras cannot be shared like this.

    Args:
        kind: BAD_INPUT or CONFLICT.
        code: a code of the pages' words.
        message: one sentence for programs.
        field: which field of the form is at fault.
    """

    def __init__(self, kind: Kind, code: str, message: str, field: str) -> None:
        super().__init__(kind, message, code=code, field=field)
        self.code = code
        self.field = field


def share(connection: Connection, giver: str, draft: Draft, *, now_ns: int) -> Share:
    """Share cameras with a body. Whether the giver may is asked of `access.may` before.

    Args:
        connection: a writing transaction.
        giver: name of the account that shares.
        draft: what, with whom, until when, why.
        now_ns: UTC now.

    Raises:
        Refused: a camera is of another site, the times are wrong, or a reason is missing.
        VonggacError: NOT_FOUND, no such camera or body.
    """
    from_ns = now_ns if draft.from_ns is None else max(now_ns, draft.from_ns)
    reason = _reason(draft.reason)
    cameras = list(dict.fromkeys(draft.cameras))
    if not 1 <= len(cameras) <= CAMERAS_LIMIT:
        message = f"cameras: name 1 to {CAMERAS_LIMIT}"
        raise Refused(Kind.BAD_INPUT, "no_cameras", message, "cameras")
    for camera in cameras:
        if access.thing_of_camera(connection, camera).id != draft.site_id:
            message = "cameras: all of one facility"
            raise Refused(Kind.BAD_INPUT, "other_site", message, "cameras")
    if draft.to_ns - from_ns < SHORTEST_NS:
        raise Refused(Kind.BAD_INPUT, "ends_before", "to: must lie after its start", "to")
    longest = guide.number(connection, "share_hours", legal.day_of(now_ns))
    if draft.to_ns - from_ns > longest * 3600 * NS:
        message = f"to: at most {longest} hours; who needs longer is given a role"
        raise Refused(Kind.BAD_INPUT, "too_long", message, "to")
    access.thing_of_unit(connection, draft.body_id)
    found = new_id()
    connection.execute(
        tables.camera_share.insert().values(
            id=found,
            site_id=draft.site_id,
            cameras=cameras,
            body_id=draft.body_id,
            from_ns=from_ns,
            to_ns=draft.to_ns,
            reason=reason,
            given_by=giver,
            given_ns=now_ns,
        )
    )
    return one(connection, found)


def withdraw(connection: Connection, share_id: str, by: str, *, reason: str, now_ns: int) -> Share:
    """End a share now; one that has not begun never does.

    Raises:
        Refused: it is over, or no reason is given.
        VonggacError: NOT_FOUND.
    """
    before = one(connection, share_id)
    if before.to_ns <= now_ns:
        raise Refused(Kind.CONFLICT, "share_over", "this share is over already", "id")
    connection.execute(
        tables.camera_share.update()
        .where(tables.camera_share.c.id == share_id)
        .values(
            to_ns=max(now_ns, before.from_ns),
            ended_by=by,
            ended_reason=_reason(reason),
            ended_ns=now_ns,
        )
    )
    return one(connection, share_id)


def one(connection: Connection, share_id: str) -> Share:
    """One share.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _shares(connection, tables.camera_share.c.id == share_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such share")
    return found[0]


def of_sites(connection: Connection, site_ids: Sequence[str]) -> list[Share]:
    """Shares of these sites, the newest first."""
    return _shares(connection, tables.camera_share.c.site_id.in_(list(site_ids)))


def with_person(connection: Connection, person: access.Person, *, now_ns: int) -> list[Share]:
    """Shares that a person may use now, by the bodies that he or she acts for."""
    bodies = {held.body for held in person.held if held.body and held.lasts(now_ns)}
    table = tables.camera_share
    found = _shares(connection, table.c.body_id.in_(sorted(bodies)), table.c.to_ns > now_ns)
    return [share for share in found if share.lasts(now_ns)]


def bodies(connection: Connection, now_ns: int) -> list[str]:
    """Ids of the units on whose behalf somebody holds a role: with whom sharing has an effect."""
    table = tables.role_held
    rows = connection.execute(
        sa.select(table.c.body_id)
        .distinct()
        .where(
            table.c.body_id.is_not(None),
            table.c.from_ns <= now_ns,
            sa.or_(table.c.to_ns.is_(None), table.c.to_ns > now_ns),
        )
    ).scalars()
    return [str(found) for found in rows]


def _reason(text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > REASON_LIMIT:
        message = "reason: say why, in one sentence"
        raise Refused(Kind.BAD_INPUT, "no_reason", message, "reason")
    if units.is_secret(text):
        message = "reason: nothing marked MẬT may be attached"
        raise Refused(Kind.BAD_INPUT, "secret_mark", message, "reason")
    return text


def _shares(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[Share]:
    table = tables.camera_share
    rows = connection.execute(
        sa.select(
            table.c.id,
            table.c.site_id,
            table.c.cameras,
            table.c.body_id,
            table.c.from_ns,
            table.c.to_ns,
            table.c.reason,
            table.c.given_by,
            table.c.given_ns,
            table.c.ended_by,
            table.c.ended_reason,
            table.c.ended_ns,
        )
        .where(*conditions)
        .order_by(table.c.given_ns.desc(), table.c.id)
        .limit(LISTED)
    ).all()
    return [
        Share(row.id, row.site_id, tuple(row.cameras), row.body_id, row.from_ns, row.to_ns,
              row.reason, row.given_by, row.given_ns, row.ended_by, row.ended_reason, row.ended_ns)
        for row in rows
    ]  # fmt: skip
