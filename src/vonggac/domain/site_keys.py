"""The keys of sites as this hub follows them: from the key that it pinned, by announcements.

A hub knows a site by the key that it was enrolled with. It takes another only when the key that it
knows announces it (`keys.chain`); `site.public_key` is then the new one, and what the old one
signed before is verified with the old one for ever.

A box that died announces nothing: `succeed` ends it by an administrator's word, and the next one
begins a chain of its own.  What the dead one had signed until then is verified with its keys.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import sqlalchemy as sa

from vonggac import keys, wire
from vonggac.db import tables
from vonggac.db.enrolment import site_box
from vonggac.db.site_keys import site_key
from vonggac.domain import audit
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from vonggac.db import Connection

LAST: Final = 2**63 - 1
"""The place after every other of an epoch."""


def chains(connection: Connection) -> dict[str, keys.Chain]:
    """Site -> the keys that it has had, for every site that has or had one.

    Raises:
        VonggacError: CORRUPT: what lies here is no chain; somebody edited it.
    """
    announced: dict[str, list[wire.Envelope]] = {}
    table = site_key
    query = sa.select(table.c.site_id, table.c.envelope).order_by(table.c.site_id, table.c.number)
    for site_id, envelope in connection.execute(query):
        announced.setdefault(site_id, []).append(wire.decode_envelope(envelope))
    found = {}
    before = _earlier(connection)
    pinned = sa.select(tables.site.c.id, tables.site.c.public_key)
    for site_id, public in connection.execute(pinned):
        told, earlier = announced.get(site_id, []), before.get(site_id, ())
        if public or earlier:
            # Without a box now, nothing passes for what it says: no key is the empty one.
            first = keys.announced_old(told[0]) if told else public or ""
            found[site_id] = replace(keys.Chain.of(site_id, first, told), earlier=earlier)
    return found


def _earlier(connection: Connection) -> dict[str, tuple[keys.Earlier, ...]]:
    """Site -> the boxes that it had before the present one, in order."""
    found: dict[str, tuple[keys.Earlier, ...]] = {}
    query = sa.select(
        site_box.c.site_id, site_box.c.first, site_box.c.announcements, site_box.c.epoch
    ).order_by(site_box.c.site_id, site_box.c.number)
    for site_id, first, announcements, epoch in connection.execute(query):
        told = [wire.decode_envelope(base64.b64decode(one)) for one in announcements]
        one = keys.Earlier(keys.Chain.of(site_id, first, told), epoch)
        found[site_id] = (*found.get(site_id, ()), one)
    return found


def chain(connection: Connection, site_id: str) -> keys.Chain | None:
    """The keys that one site has had; None without the site or its key."""
    return chains(connection).get(site_id)


def key_at(connection: Connection, site_id: str, at_ns: int | None) -> str:
    """The public key of a site as it was then, or now; empty without one."""
    known = chain(connection, site_id)
    if known is None:
        return ""
    ends = connection.execute(
        sa.select(site_box.c.ended_ns)
        .where(site_box.c.site_id == site_id)
        .order_by(site_box.c.number)
    ).scalars()
    for box, ended_ns in zip(known.earlier, ends, strict=True):
        if at_ns is not None and at_ns < ended_ns:
            known = box.chain
            break
    past = [change for change in known.changes if at_ns is None or change.fact.at <= at_ns]
    return known.keys[len(past)]


def follow(
    connection: Connection,
    known: keys.Chain,
    envelope: wire.Envelope,
    *,
    now_ns: int,
    arrived: bool,
) -> keys.Chain:
    """Take a site's next key, announced by the one that is known.

    Args:
        connection: a transaction that writes.
        known: the keys of that site.
        envelope: the announcement.
        now_ns: UTC now.
        arrived: it came with the ledger, behind everything that the old key signed.

    Raises:
        VonggacError: CORRUPT: a stranger announces it, or the chain is broken; which, and how.
    """
    followed = known.follow(envelope)
    fact = wire.decode_fact(envelope.payload)
    assert isinstance(fact, wire.KeyChanged), "followed"
    if followed is not known:
        _keep(connection, followed.changes[-1], now_ns)
        audit.record(
            connection,
            audit.PROGRAM,
            audit.Act.SITE_KEY,
            now_ns=now_ns,
            thing=known.site,
            site=known.site,
            detail={"number": fact.number, "old": fact.old, "new": fact.new},
        )
    if arrived:
        connection.execute(
            site_key.update()
            .where(site_key.c.site_id == known.site, site_key.c.number == fact.number)
            .values(arrived_ns=now_ns)
        )
    return followed


def _keep(connection: Connection, change: keys.Change, now_ns: int) -> None:
    site_id = change.envelope.site
    connection.execute(
        site_key.insert().values(
            site_id=site_id,
            number=change.fact.number,
            old=change.fact.old,
            new=change.fact.new,
            announced_ns=change.fact.at,
            followed_ns=now_ns,
            envelope=wire.encode_envelope(change.envelope),
        )
    )
    table = tables.site
    connection.execute(
        table.update().where(table.c.id == site_id).values(public_key=change.fact.new)
    )


def follow_box(connection: Connection, told: keys.Chain, *, now_ns: int) -> None:
    """Follow the box of this machine, as far as what it holds leads from the key known here.

    Raises:
        VonggacError: CORRUPT: it does not; CONFLICT: the box came back with a key that ended.
    """
    known = chain(connection, told.site)
    if known is None:
        return
    for envelope in leads_to(known, told):
        known = follow(connection, known, envelope, now_ns=now_ns, arrived=False)


def leads_to(known: keys.Chain, told: keys.Chain) -> list[wire.Envelope]:
    """The announcements by which the key that is known leads to the newest of a box.

    Raises:
        VonggacError: as `follow_box`.
    """
    if told.keys == known.keys[: len(told.keys)] and told.current != known.current:
        raise VonggacError(
            Kind.CONFLICT,
            f"the box signs with key {len(told.keys)} of its site, which ended when key"
            f" {len(told.keys) + 1} was announced; bring back the backup of identity/ that was"
            " made after the change",
        )
    found = [change.envelope for change in told.changes[len(known.changes) :]]
    for envelope in found:
        known = known.follow(envelope)
    if known.current != told.current:
        raise VonggacError(
            Kind.CONFLICT,
            "the box signs with a key that no announcement leads to from the one"
            " known here; if it was replaced, set its key with an administrator's word",
        )
    return found


def enrol(connection: Connection, told: keys.Chain, *, now_ns: int) -> None:
    """Take over the changes of a site that this hub has just pinned at its newest key."""
    known = chain(connection, told.site)
    if known is None or known.changes or known.first != told.current:
        return
    for change in told.changes:
        _keep(connection, change, now_ns)


def arrived(connection: Connection) -> dict[str, tuple[int, int]]:
    """Site -> the last place of the key whose end has come with the ledger.

    A site sends in order: what was not here by then, and claims to be from before it, was written
    afterwards, by whoever has the old key.
    """
    query = sa.select(site_key.c.site_id, site_key.c.envelope).where(
        site_key.c.arrived_ns.is_not(None)
    )
    found: dict[str, tuple[int, int]] = {}
    for site_id, content in connection.execute(query.order_by(site_key.c.number)):
        end = wire.decode_envelope(content)
        found[site_id] = (end.epoch, end.sequence)
    for site_id, boxes in _earlier(connection).items():
        found[site_id] = max(found.get(site_id, (0, 0)), (boxes[-1].epoch, LAST))
    return found


def succeed(
    connection: Connection,
    site_id: str,
    *,
    why: Literal["replaced", "revoked"],
    by: str,
    now_ns: int,
) -> int:
    """End the box of a site by a person's word; the next one begins a chain of its own.

    Args:
        connection: a transaction that writes.
        site_id: whose box.
        why: another one takes its place, or none does yet.
        by: name of the account that says so.
        now_ns: UTC now.

    Returns:
        The last life of any box that it had: the next one numbers its lives above it.
    """
    known = chain(connection, site_id)
    epoch = _last_epoch(connection, site_id)
    if known is None or not known.first:
        return epoch
    connection.execute(
        site_box.insert().values(
            site_id=site_id,
            number=len(known.earlier) + 1,
            first=known.first,
            announcements=[
                base64.b64encode(wire.encode_envelope(one.envelope)).decode()
                for one in known.changes
            ],
            epoch=epoch,
            ended_ns=now_ns,
            why=why,
            ended_by=by,
        )
    )
    connection.execute(site_key.delete().where(site_key.c.site_id == site_id))
    table = tables.site
    connection.execute(table.update().where(table.c.id == site_id).values(public_key=None))
    return epoch


def pin(connection: Connection, told: keys.Chain) -> None:
    """Take a box for the one of its site, which has none now. A transaction that writes."""
    table = tables.site
    connection.execute(
        table.update().where(table.c.id == told.site).values(public_key=told.current)
    )


def pin_earlier(connection: Connection, box: keys.Earlier, *, now_ns: int) -> None:
    """Take over a box that a site had before, as the hub below tells it. A writing transaction."""
    number = sa.select(sa.func.count()).where(site_box.c.site_id == box.chain.site)
    connection.execute(
        site_box.insert().values(
            site_id=box.chain.site,
            number=connection.execute(number).scalar_one() + 1,
            first=box.chain.first,
            announcements=[
                base64.b64encode(wire.encode_envelope(one.envelope)).decode()
                for one in box.chain.changes
            ],
            epoch=box.epoch,
            ended_ns=now_ns,
            why="replaced",
            ended_by="hub",
        )
    )


def _last_epoch(connection: Connection, site_id: str) -> int:
    facts = tables.fact
    heard = connection.execute(
        sa.select(sa.func.max(facts.c.epoch)).where(facts.c.site_id == site_id)
    ).scalar()
    boxes = connection.execute(
        sa.select(sa.func.max(site_box.c.epoch)).where(site_box.c.site_id == site_id)
    ).scalar()
    known = chain(connection, site_id)
    ends = [change.place[0] for change in known.changes] if known else []
    return max(heard or 0, boxes or 0, *ends, 0)
