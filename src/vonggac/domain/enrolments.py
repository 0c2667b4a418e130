"""Joining: codes that this hub issues to facilities, and the boxes that use them.

A code works once, for hours, for one facility; its secret is kept nowhere but as a hash.  The box
that used it may ask again while it lives and is told the same (its line may have broken after the
answer left), every other box is refused.  Whoever asks with a code that does not work learns which
of the reasons it is, because whoever stands at the site must know what to ask for; who asks without
a code learns nothing, and guessing is bounded by the limit of sign-ins.

A box that died, or that left the facility, is ended by a person's word (`site_keys.succeed`).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import sqlalchemy as sa

from vonggac.clock import NS, rfc3339
from vonggac.db import enrolment as db
from vonggac.db import tables
from vonggac.domain import audit, registry, site_keys
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id
from vonggac.wire.enrolment import CLOCK_OFF_S, SECRET_SYMBOLS, SYMBOLS

if TYPE_CHECKING:
    from vonggac import keys
    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.keys.enrolment import Asked

State: TypeAlias = Literal["issued", "used", "expired", "revoked", "ended"]
"""`ended`: a box had used it, and what it got was made void."""
HOURS_MOST: Final = 168
"""Hours that a code lives at most (ours): a week, for a box that travels."""
HOUR_NS: Final = 3_600 * NS


class Refused(VonggacError):  # noqa: N818 - the box is, not the program
    """A box that may not join with this code.

    Args:
        code: `unknown`, `foreign`, `used`, `expired`, `revoked`, `ended`, `clock`, `other_site`,
            `serves_other` or `has_box`; `admin.enrol.SAID` has the sentences.
        message: in English.
        **detail: named values of the sentence.
    """

    def __init__(self, code: str, message: str, **detail: object) -> None:
        super().__init__(Kind.FORBIDDEN, message, code=code, **detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Issued:
    """A code as its pages show it, without its secret, and the box that used it."""

    id: str
    site_id: str
    replaces: bool
    made_ns: int
    made_by: str
    made_name: str
    ends_ns: int
    revoked_ns: int | None
    used_ns: int | None
    used_key: str | None
    used_address: str
    used_version: str
    control_user: str | None
    media_user: str | None
    answer: str | None
    cut_ns: int | None
    cut_why: str | None

    def state(self, now_ns: int) -> State:
        """How it stands."""
        if self.used_ns is not None:
            return "used" if self.cut_ns is None else "ended"
        if self.revoked_ns is not None:
            return "revoked"
        return "issued" if now_ns < self.ends_ns else "expired"

    @property
    def users(self) -> tuple[str, str] | None:
        """Leaf credentials that the box got, as (control, media)."""
        if self.control_user is None or self.media_user is None:
            return None
        return self.control_user, self.media_user


@dataclass(frozen=True, slots=True)
class Given:
    """What a box got, to be kept with its code."""

    control_user: str
    media_user: str
    answer: str
    """Sealed to the box."""


# -- issuing ---------------------------------------------------------------------------------


def issue(
    connection: Connection, site_id: str, *, hours: int, replaces: bool, by: Someone, now_ns: int
) -> tuple[Issued, str]:
    """Issue a code for a facility; its secret is returned once and kept nowhere.

    A code that was issued before for the same facility and not used is taken back. A writing
    transaction.

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT, hours; CONFLICT, `code` has_box: the facility has a box,
            and this is not said to replace it.
    """
    site = _site(connection, site_id)
    if not 1 <= hours <= HOURS_MOST:
        raise VonggacError(
            Kind.BAD_INPUT, f"hours: 1 to {HOURS_MOST}", fields={"hours": "bad_hours"}
        )
    if site.public_key and not replaces:
        raise VonggacError(
            Kind.CONFLICT, "this facility has a box; say that it is replaced", code="has_box"
        )
    table = db.enrolment
    connection.execute(
        table.update()
        .where(table.c.site_id == site_id, table.c.used_ns.is_(None), table.c.revoked_ns.is_(None))
        .values(revoked_ns=now_ns)
    )
    enrolment_id = new_id()
    secret = "".join(secrets.choice(SYMBOLS) for _ in range(SECRET_SYMBOLS))
    connection.execute(
        table.insert().values(
            id=enrolment_id, site_id=site_id, code_hash=secret_hash(secret), replaces=replaces,
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
            ends_ns=now_ns + hours * HOUR_NS,
        )
    )  # fmt: skip
    _record(
        connection, by.actor, audit.Act.CODE_ISSUED, site_id, now_ns, enrolment=enrolment_id,
        hours=hours, replaces=replaces,
    )  # fmt: skip
    return one(connection, enrolment_id), secret


def take_back(connection: Connection, enrolment_id: str, *, by: Someone, now_ns: int) -> Issued:
    """Take a code back that no box has used. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was used, or does not live any more.
    """
    found = one(connection, enrolment_id)
    if found.state(now_ns) != "issued":
        raise VonggacError(
            Kind.CONFLICT, "this code was used, taken back, or is over", code="not_open"
        )
    table = db.enrolment
    connection.execute(table.update().where(table.c.id == enrolment_id).values(revoked_ns=now_ns))
    _record(connection, by.actor, audit.Act.CODE_REVOKED, found.site_id, now_ns, enrolment=found.id)
    return one(connection, enrolment_id)


def one(connection: Connection, enrolment_id: str) -> Issued:
    """A code by its id.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(_issued().where(db.enrolment.c.id == enrolment_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such code")
    return Issued(*row)


def of_site(connection: Connection, site_id: str) -> list[Issued]:
    """Codes of a facility, the newest first."""
    table = db.enrolment
    query = _issued().where(table.c.site_id == site_id).order_by(table.c.made_ns.desc(), table.c.id)
    return [Issued(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class EarlierBox:
    """A box that a facility had before."""

    number: int
    first: str
    epoch: int
    ended_ns: int
    why: str
    ended_by: str


def earlier(connection: Connection, site_id: str) -> list[EarlierBox]:
    """Boxes that a facility had before, the newest first."""
    table = db.site_box
    query = sa.select(*(table.c[name] for name in EarlierBox.__slots__))
    query = query.where(table.c.site_id == site_id).order_by(table.c.number.desc())
    return [EarlierBox(*row) for row in connection.execute(query)]


# -- joining ---------------------------------------------------------------------------------


def found_for(connection: Connection, asked: Asked, *, now_ns: int) -> Issued:
    """The code that a box asks with, if it may join by it.

    With an answer in it, it was this box that used it.

    Raises:
        Refused: which reason it is.
    """
    secret = asked.ask.secret
    row = connection.execute(
        _issued().where(db.enrolment.c.code_hash == secret_hash(secret))
    ).one_or_none()
    if row is None:
        raise Refused("unknown", "this hub issued no such code")
    found = Issued(*row)
    match found.state(now_ns):
        case "revoked":
            raise Refused("revoked", "this code was taken back", **refusal_at(found.revoked_ns))
        case "expired":
            raise Refused("expired", "the time of this code is over", **refusal_at(found.ends_ns))
        case "ended":
            raise Refused("ended", "what this code gave was made void", **refusal_at(found.cut_ns))
        case "used":
            if found.used_key not in asked.chain.keys or now_ns >= found.ends_ns:
                raise Refused("used", "this code was used", **refusal_at(found.used_ns))
            return found
        case "issued":
            _check_box(connection, found, asked, now_ns)
    return found


def _check_box(connection: Connection, found: Issued, asked: Asked, now_ns: int) -> None:
    """Refuse a box that cannot serve the facility of a fresh code."""
    off_s = (asked.ask.at_ns - now_ns) // NS
    if abs(off_s) > CLOCK_OFF_S:
        raise Refused("clock", f"the box's clock is off by {off_s} s", off_s=off_s)
    if asked.chain.changes and asked.chain.site != found.site_id:
        raise Refused("other_site", "this box has signed for another facility")
    table = tables.site
    holder = connection.execute(
        sa.select(table.c.id).where(table.c.public_key.in_(asked.chain.keys))
    ).scalar()
    if holder is not None and holder != found.site_id:
        raise Refused("serves_other", "this box serves another facility of this hub")
    site = _site(connection, found.site_id)
    if site.public_key and site.public_key != asked.chain.current and not found.replaces:
        raise Refused("has_box", "this facility has got a box since the code was issued")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A facility that is ready for its new box."""

    site: registry.Site
    epoch: int
    """Last life of any box before it."""
    void: tuple[tuple[str, str], ...]
    """Leaf credentials of the box that it replaces, as (control, media)."""


def admit(connection: Connection, found: Issued, asked: Asked, *, now_ns: int) -> Admitted:
    """End the box that the facility has, and pin the one that asks. A writing transaction."""
    void = _cut(connection, found.site_id, "replaced", now_ns)
    known = site_keys.chain(connection, found.site_id)
    chain = asked.chain if asked.chain.site == found.site_id else _renamed(asked, found.site_id)
    epoch = 0
    if known is not None and known.current in chain.keys:  # the same box asks with a new code
        for envelope in site_keys.leads_to(known, chain):
            known = site_keys.follow(connection, known, envelope, now_ns=now_ns, arrived=False)
    else:
        epoch = site_keys.succeed(
            connection, found.site_id, why="replaced", by=found.made_by, now_ns=now_ns
        )
        site_keys.pin(connection, chain)
        site_keys.enrol(connection, chain, now_ns=now_ns)
    return Admitted(_site(connection, found.site_id), epoch, void)


def _renamed(asked: Asked, site_id: str) -> keys.Chain:
    """The one key of a fresh box, under the id that it takes."""
    return type(asked.chain)(site_id, asked.chain.first)


def finish(
    connection: Connection, found: Issued, asked: Asked, given: Given, *, address: str, now_ns: int
) -> None:
    """Write down which box used a code, and what it got. A writing transaction.

    Raises:
        Refused: another box used it in the same moment; nothing of this transaction may stand.
    """
    table = db.enrolment
    taken = connection.execute(
        table.update()
        .where(table.c.id == found.id, table.c.used_ns.is_(None), table.c.revoked_ns.is_(None))
        .values(
            used_ns=now_ns, used_key=asked.chain.current, used_address=address,
            used_version=asked.ask.version, control_user=given.control_user,
            media_user=given.media_user, answer=given.answer,
        )
    )  # fmt: skip
    if taken.rowcount != 1:
        raise Refused("used", "this code was used", **refusal_at(now_ns))
    _record(
        connection, audit.Actor("box", address=address, device=asked.ask.version),
        audit.Act.SITE_ENROLLED, found.site_id, now_ns, enrolment=found.id,
        key=asked.chain.current, replaces=found.replaces,
    )  # fmt: skip


def refuse(
    connection: Connection, error: VonggacError, *, site_id: str, address: str, now_ns: int
) -> None:
    """Leave the row of a box that was refused. A writing transaction."""
    audit.record(
        connection, audit.Actor("box", address=address), audit.Act.SITE_ENROLLED, now_ns=now_ns,
        thing=site_id, site=site_id, outcome="refused",
        detail={"fault": str(error.detail.get("code", error.kind.value))},
    )  # fmt: skip


def site_of_secret(connection: Connection, secret: str) -> str:
    """The facility of a code, for the row of a refusal; empty without one."""
    query = sa.select(db.enrolment.c.site_id).where(db.enrolment.c.code_hash == secret_hash(secret))
    return connection.execute(query).scalar() or ""


def cut_off(
    connection: Connection, site_id: str, *, reason: str, by: Someone, now_ns: int
) -> tuple[tuple[str, str], ...]:
    """End the joining of a facility's box. A writing transaction.

    Returns:
        Leaf credentials that the bus must not take any more, as (control, media).

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT, no reason; CONFLICT, it has no box that joined.
    """
    _site(connection, site_id)
    if not reason.strip():
        raise VonggacError(Kind.BAD_INPUT, "reason: say why", fields={"reason": "no_reason"})
    void = _cut(connection, site_id, "revoked", now_ns)
    if not void:
        raise VonggacError(Kind.CONFLICT, "no box joined this facility by a code", code="no_box")
    site_keys.succeed(connection, site_id, why="revoked", by=by.name, now_ns=now_ns)
    audit.record(
        connection, by.actor, audit.Act.SITE_CUT_OFF, now_ns=now_ns, thing=site_id, site=site_id,
        purpose=reason.strip()[:500], detail={"users": len(void) * 2},
    )  # fmt: skip
    return void


def _cut(
    connection: Connection, site_id: str, why: str, now_ns: int
) -> tuple[tuple[str, str], ...]:
    """Make void what boxes of a facility got by their codes."""
    table = db.enrolment
    standing = (
        table.c.site_id == site_id, table.c.used_ns.is_not(None), table.c.cut_ns.is_(None)
    )  # fmt: skip
    found = [Issued(*row).users for row in connection.execute(_issued().where(*standing))]
    connection.execute(table.update().where(*standing).values(cut_ns=now_ns, cut_why=why))
    return tuple(users for users in found if users is not None)


def adopt(connection: Connection, told: keys.Chain, *, now_ns: int) -> None:
    """Follow the box of this machine, which took the id of its facility at the hub above.

    What this hub keeps of the facility goes with it; rows of the access log and of the ledger stay
    under the id that they were written with. A writing transaction.
    """
    table = tables.site
    row = connection.execute(
        sa.select(table).where(table.c.public_key == told.current, table.c.id != told.site)
    ).one_or_none()
    if row is None or registry.site(connection, told.site) is not None:
        return
    before = str(row.id)
    connection.execute(table.insert().values({**row._mapping, "id": told.site}))
    for other in tables.metadata.sorted_tables:
        for key in other.foreign_keys:
            if key.column is table.c.id:
                where = other.c[key.parent.name] == before
                connection.execute(other.update().where(where).values({key.parent.name: told.site}))
    connection.execute(table.delete().where(table.c.id == before))
    _record(
        connection, audit.PROGRAM, audit.Act.SITE_ENROLLED, told.site, now_ns, before=before,
        key=told.current,
    )  # fmt: skip


def unit_of(connection: Connection, site_id: str) -> str:
    """Id of the unit that a facility stands in."""
    query = sa.select(tables.site.c.unit_id).where(tables.site.c.id == site_id)
    return connection.execute(query).scalar() or ""


def _site(connection: Connection, site_id: str) -> registry.Site:
    found = registry.site(connection, site_id)
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such facility")
    return found


def _issued() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(db.enrolment.c[name] for name in Issued.__slots__))


def refusal_at(moment_ns: int | None) -> dict[str, str]:
    """When what a refusal names happened, for its detail."""
    return {} if moment_ns is None else {"at": rfc3339(moment_ns)}


def secret_hash(secret: str) -> str:
    """What is kept of a code's secret."""
    return hashlib.sha256(f"vonggac enrolment code 1\n{secret}".encode()).hexdigest()


def _record(
    connection: Connection, actor: audit.Actor, act: audit.Act, site_id: str, now_ns: int,
    **detail: object,
) -> None:  # fmt: skip
    audit.record(connection, actor, act, now_ns=now_ns, thing=site_id, site=site_id, detail=detail)
