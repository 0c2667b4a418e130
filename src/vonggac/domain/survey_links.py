"""Links of a survey: an address that opens one facility's form, once, without an account.

The secret in the address is kept nowhere but as a hash.  Whoever tries addresses learns nothing:
a link that never was, one that was taken back and one whose days are over are answered alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import survey as db
from vonggac.domain import audit, surveys
from vonggac.domain.ids import new_token
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.surveys import SurveyState

DAY_NS: Final = 86_400 * NS
LINK_DAYS_MOST: Final = 60
"""Days that a link lives at most (ours)."""


@dataclass(frozen=True, slots=True)
class Link:
    """An address that opens one form, without its secret."""

    id: str
    survey_id: str
    ends_ns: int
    revoked_ns: int | None
    used_ns: int | None
    made_ns: int
    made_by: str
    made_name: str

    def lives(self, now_ns: int) -> bool:
        """Whether it opens anything; after the form was sent it shows the receipt only."""
        return self.revoked_ns is None and now_ns < self.ends_ns


def make_link(
    connection: Connection, survey_id: str, *, days: int, by: Someone, now_ns: int
) -> tuple[Link, str]:
    """Make an address for a facility's form; its secret is returned once and kept nowhere.

    Links made before for the same form are taken back. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT, days; CONFLICT, nothing is asked of it any more.
    """
    found = surveys.find(connection, survey_id)
    if not 1 <= days <= LINK_DAYS_MOST:
        raise VonggacError(
            Kind.BAD_INPUT, f"days: 1 to {LINK_DAYS_MOST}", fields={"days": "bad_days"}
        )
    if found.ended or found.state == "verified":
        raise VonggacError(Kind.CONFLICT, "nothing is asked any more", code="ended")
    table = db.survey_link
    connection.execute(
        table.update()
        .where(table.c.survey_id == survey_id, table.c.revoked_ns.is_(None))
        .values(revoked_ns=now_ns)
    )
    token, link_id = new_token(), new_id()
    connection.execute(
        table.insert().values(
            id=link_id, survey_id=survey_id, token_hash=_hashed(token),
            ends_ns=now_ns + days * DAY_NS, made_ns=now_ns, made_by=by.name,
            made_name=by.full_name,
        )
    )  # fmt: skip
    surveys.record(connection, by.actor, audit.Act.SURVEY_LINK, found, now_ns, days=days)
    return next(one for one in links(connection, survey_id) if one.id == link_id), token


def revoke_link(connection: Connection, link_id: str, *, by: Someone, now_ns: int) -> None:
    """Take an address back. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = db.survey_link
    survey_id = connection.execute(
        sa.select(table.c.survey_id).where(table.c.id == link_id, table.c.revoked_ns.is_(None))
    ).scalar()
    if survey_id is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such link, or it was taken back")
    connection.execute(table.update().where(table.c.id == link_id).values(revoked_ns=now_ns))
    found = surveys.find(connection, survey_id)
    surveys.record(connection, by.actor, audit.Act.SURVEY_LINK, found, now_ns, revoked=link_id)


def links(connection: Connection, survey_id: str) -> list[Link]:
    """Links of a form, the newest first."""
    table = db.survey_link
    query = _links().where(table.c.survey_id == survey_id)
    return [Link(*row) for row in connection.execute(query.order_by(table.c.made_ns.desc()))]


def by_token(connection: Connection, token: str, now_ns: int) -> tuple[Link, SurveyState]:
    """What a link opens.

    Raises:
        VonggacError: NOT_FOUND, there is none, it was taken back or its days are over; nobody who
            tries addresses learns which.
    """
    row = connection.execute(
        _links().where(db.survey_link.c.token_hash == _hashed(token))
    ).one_or_none()
    link = None if row is None else Link(*row)
    if link is None or not link.lives(now_ns):
        raise VonggacError(Kind.NOT_FOUND, "this address opens no form, or not any more")
    return link, surveys.find(connection, link.survey_id)


def _links() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(db.survey_link.c[name] for name in Link.__slots__))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
