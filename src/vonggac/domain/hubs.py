"""Hubs that join this one: codes, which hub used each, and the ways to the sites behind them.

A code is as that of a box (`enrolments`): it works once, for hours, and its secret is kept nowhere
but as a hash.  A hub keeps its own id; what joins it to this one is its key, pinned when it joined,
and its word for this hub's key (`keys.vouching`), which goes along with every grant of ours.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import hubs as db
from vonggac.db import tables
from vonggac.domain import audit
from vonggac.domain.enrolments import (
    HOUR_NS,
    HOURS_MOST,
    Given,
    Refused,
    State,
    refusal_at,
    secret_hash,
    site_of_secret,
)
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id
from vonggac.wire.enrolment import CLOCK_OFF_S, SECRET_SYMBOLS, SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.keys.enrolment import Asked

TITLE_MOST: Final = 200
"""Letters of the name of a hub below (ours)."""


@dataclass(frozen=True, slots=True)
class HubBelow:
    """A code for a hub, without its secret, and the hub that used it."""

    id: str
    title: str
    unit_id: str
    made_ns: int
    made_by: str
    made_name: str
    ends_ns: int
    revoked_ns: int | None
    used_ns: int | None
    hub_id: str | None
    public_key: str | None
    voucher: str | None
    used_address: str
    used_version: str
    control_user: str | None
    media_user: str | None
    answer: str | None
    cut_ns: int | None
    told_epoch: int | None
    told_sequence: int | None
    register_ns: int | None
    link: Mapping[str, Any] | None

    def state(self, now_ns: int) -> State:
        """How it stands, as a code of a box."""
        if self.used_ns is not None:
            return "used" if self.cut_ns is None else "ended"
        if self.revoked_ns is not None:
            return "revoked"
        return "issued" if now_ns < self.ends_ns else "expired"

    @property
    def users(self) -> tuple[tuple[str, str], ...]:
        """Leaf credentials that it got, as (control, media)."""
        if self.control_user is None or self.media_user is None:
            return ()
        return ((self.control_user, self.media_user),)

    @property
    def place(self) -> tuple[int, int]:
        """Of the last fact that was taken of it."""
        return self.told_epoch or 0, -1 if self.told_sequence is None else self.told_sequence


@dataclass(frozen=True, slots=True)
class Way:
    """How a site behind a hub below is asked."""

    hub: str
    """Stands in the subjects of the site."""
    voucher: str
    """Goes along with each grant."""


# -- codes -----------------------------------------------------------------------------------


def issue(
    connection: Connection, title: str, unit_id: str, *, hours: int, by: Someone, now_ns: int
) -> tuple[HubBelow, str]:
    """Issue a code for a hub; its secret is returned once and kept nowhere. A writing transaction.

    Raises:
        VonggacError: BAD_INPUT, the title, the unit or the hours.
    """
    faults = {}
    if not title.strip() or len(title) > TITLE_MOST:
        faults["title"] = "no_title"
    known = sa.select(tables.unit.c.id).where(tables.unit.c.id == unit_id)
    if connection.execute(known).scalar() is None:
        faults["unit"] = "no_unit"
    if not 1 <= hours <= HOURS_MOST:
        faults["hours"] = "bad_hours"
    if faults:
        raise VonggacError(Kind.BAD_INPUT, "what a code needs is missing", fields=faults)
    made_id = new_id()
    secret = "".join(secrets.choice(SYMBOLS) for _ in range(SECRET_SYMBOLS))
    connection.execute(
        db.hub_below.insert().values(
            id=made_id, title=title.strip(), unit_id=unit_id, code_hash=secret_hash(secret),
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
            ends_ns=now_ns + hours * HOUR_NS,
        )
    )  # fmt: skip
    _record(connection, by.actor, audit.Act.CODE_ISSUED, made_id, now_ns, hours=hours, unit=unit_id)
    return one(connection, made_id), secret


def take_back(connection: Connection, hub_below_id: str, *, by: Someone, now_ns: int) -> HubBelow:
    """Take a code back that no hub has used. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it was used, or does not live any more.
    """
    found = one(connection, hub_below_id)
    if found.state(now_ns) != "issued":
        raise VonggacError(
            Kind.CONFLICT, "this code was used, taken back, or is over", code="not_open"
        )
    _update(connection, found.id, revoked_ns=now_ns)
    _record(connection, by.actor, audit.Act.CODE_REVOKED, found.id, now_ns)
    return one(connection, found.id)


def cut_off(
    connection: Connection, hub_below_id: str, *, reason: str, by: Someone, now_ns: int
) -> tuple[tuple[str, str], ...]:
    """End the joining of a hub; its sites are not asked any more. A writing transaction.

    Returns:
        Leaf credentials that the bus must not take any more, as (control, media).

    Raises:
        VonggacError: NOT_FOUND; BAD_INPUT, no reason; CONFLICT, no hub stands joined by it.
    """
    found = one(connection, hub_below_id)
    if not reason.strip():
        raise VonggacError(Kind.BAD_INPUT, "reason: say why", fields={"reason": "no_reason"})
    if found.state(now_ns) != "used":
        raise VonggacError(Kind.CONFLICT, "no hub stands joined by this code", code="no_hub_below")
    _update(connection, found.id, cut_ns=now_ns)
    audit.record(
        connection, by.actor, audit.Act.SITE_CUT_OFF, now_ns=now_ns, thing=found.hub_id or "",
        purpose=reason.strip()[:500], detail={"users": 2},
    )  # fmt: skip
    return found.users


def one(connection: Connection, hub_below_id: str) -> HubBelow:
    """A code by its id.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(_every().where(db.hub_below.c.id == hub_below_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such code")
    return HubBelow(*row)


def every(connection: Connection) -> list[HubBelow]:
    """All codes for hubs, the newest first."""
    table = db.hub_below
    query = _every().order_by(table.c.made_ns.desc(), table.c.id)
    return [HubBelow(*row) for row in connection.execute(query)]


def joined(connection: Connection) -> dict[str, HubBelow]:
    """Hub -> how it joined, for each that stands joined."""
    table = db.hub_below
    query = _every().where(table.c.used_ns.is_not(None), table.c.cut_ns.is_(None))
    found = [HubBelow(*row) for row in connection.execute(query)]
    return {hub.hub_id: hub for hub in found if hub.hub_id is not None}


def ways(connection: Connection, site_ids: Sequence[str] | None = None) -> dict[str, Way]:
    """Site -> its way, of each behind a hub that stands joined, or of these sites."""
    site, hub = db.site_below, db.hub_below
    query = (
        sa.select(site.c.site_id, hub.c.hub_id, hub.c.voucher)
        .join(hub, hub.c.hub_id == site.c.hub_id)
        .where(hub.c.used_ns.is_not(None), hub.c.cut_ns.is_(None))
    )
    if site_ids is not None:
        query = query.where(site.c.site_id.in_(site_ids))
    return {site_id: Way(hub_id, voucher) for site_id, hub_id, voucher in connection.execute(query)}


def behind(connection: Connection) -> dict[str, str]:
    """Site -> the hub that told of it, also of one that was cut off since."""
    table = db.site_below
    rows = connection.execute(sa.select(table.c.site_id, table.c.hub_id)).all()
    return {row.site_id: row.hub_id for row in rows}


# -- joining ---------------------------------------------------------------------------------


def check_for_box(connection: Connection, secret: str) -> None:
    """Refuse a box that asks with a code for a hub.

    Raises:
        Refused: it does.
    """
    query = sa.select(db.hub_below.c.id).where(db.hub_below.c.code_hash == secret_hash(secret))
    if connection.execute(query).scalar() is not None:
        raise Refused("for_hub", "this code is for a hub")


def found_for(connection: Connection, asked: Asked, *, own: str, now_ns: int) -> HubBelow:
    """The code that a hub asks with, if it may join by it; with an answer in it, it was this hub.

    Args:
        connection: a transaction.
        asked: what it said, proved.
        own: id of this hub.
        now_ns: UTC now.

    Raises:
        Refused: which reason it is.
    """
    table = db.hub_below
    query = _every().where(table.c.code_hash == secret_hash(asked.ask.secret))
    row = connection.execute(query).one_or_none()
    if row is None and site_of_secret(connection, asked.ask.secret):
        raise Refused("for_box", "this code is for a facility's box")
    if row is None:
        raise Refused("unknown", "this hub issued no such code")
    found = HubBelow(*row)
    match found.state(now_ns):
        case "revoked":
            raise Refused("revoked", "this code was taken back", **refusal_at(found.revoked_ns))
        case "expired":
            raise Refused("expired", "the time of this code is over", **refusal_at(found.ends_ns))
        case "ended":
            raise Refused("ended", "what this code gave was made void", **refusal_at(found.cut_ns))
        case "used":
            if found.public_key != asked.chain.current or now_ns >= found.ends_ns:
                raise Refused("used", "this code was used", **refusal_at(found.used_ns))
            return found
        case "issued":
            _check_hub(connection, asked, own, now_ns)
    return found


def _check_hub(connection: Connection, asked: Asked, own: str, now_ns: int) -> None:
    off_s = (asked.ask.at_ns - now_ns) // NS
    if abs(off_s) > CLOCK_OFF_S:
        raise Refused("clock", f"the hub's clock is off by {off_s} s", off_s=off_s)
    table = db.hub_below
    pinned = connection.execute(
        sa.select(table.c.public_key).where(table.c.hub_id == asked.ask.site)
    ).scalars()
    if asked.ask.site == own or any(key != asked.chain.current for key in pinned):
        raise Refused("other_key", "a hub of this id joined with another key")
    taken = sa.select(tables.site.c.id).where(tables.site.c.id == asked.ask.site)
    if connection.execute(taken).scalar() is not None:
        raise Refused("other_key", "a facility has this id")


def admit(
    connection: Connection,
    found: HubBelow,
    asked: Asked,
    given: Given,
    *,
    address: str,
    now_ns: int,
) -> tuple[tuple[str, str], ...]:
    """Pin the hub that asks, and write down what it got. A writing transaction.

    Returns:
        Leaf credentials that it had before, as (control, media): void from now on.

    Raises:
        Refused: another one used the code in the same moment; nothing of this may stand.
    """
    hub_id, table = asked.ask.site, db.hub_below
    before = joined(connection).get(hub_id)
    if before is not None:
        _update(connection, before.id, cut_ns=now_ns)
    assert asked.ask.voucher is not None, "it was verified"
    taken = connection.execute(
        table.update()
        .where(table.c.id == found.id, table.c.used_ns.is_(None), table.c.revoked_ns.is_(None))
        .values(
            used_ns=now_ns, hub_id=hub_id, public_key=asked.chain.current,
            voucher=asked.ask.voucher, used_address=address, used_version=asked.ask.version,
            control_user=given.control_user, media_user=given.media_user, answer=given.answer,
            told_epoch=before.told_epoch if before else None,
            told_sequence=before.told_sequence if before else None,
            register_ns=before.register_ns if before else None,
        )
    )  # fmt: skip
    if taken.rowcount != 1:
        raise Refused("used", "this code was used", **refusal_at(now_ns))
    _record(
        connection, audit.Actor("hub", address=address, device=asked.ask.version),
        audit.Act.SITE_ENROLLED, hub_id, now_ns, code=found.id, key=asked.chain.current,
    )  # fmt: skip
    return () if before is None else before.users


def refuse(connection: Connection, error: VonggacError, *, address: str, now_ns: int) -> None:
    """Leave the row of a hub that was refused. A writing transaction."""
    audit.record(
        connection, audit.Actor("hub", address=address), audit.Act.SITE_ENROLLED, now_ns=now_ns,
        outcome="refused",
        detail={"fault": str(error.detail.get("code", error.kind.value))},
    )  # fmt: skip


def put_link(connection: Connection, hub_id: str, link: Mapping[str, Any]) -> None:
    """Write down how a hub is joined, as the server says. A writing transaction."""
    table = db.hub_below
    connection.execute(
        table.update()
        .where(table.c.hub_id == hub_id, table.c.used_ns.is_not(None), table.c.cut_ns.is_(None))
        .values(link=dict(link))
    )


def _update(connection: Connection, hub_below_id: str, **values: object) -> None:
    table = db.hub_below
    connection.execute(table.update().where(table.c.id == hub_below_id).values(**values))


def _every() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(db.hub_below.c[name] for name in HubBelow.__slots__))


def _record(
    connection: Connection, actor: audit.Actor, act: audit.Act, thing: str, now_ns: int,
    **detail: object,
) -> None:  # fmt: skip
    audit.record(connection, actor, act, now_ns=now_ns, thing=thing, detail={"hub": True, **detail})
