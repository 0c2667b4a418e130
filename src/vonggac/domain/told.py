"""Sites behind a hub below: what this hub tells of its own, and what it takes of what others tell.

A hub below speaks of the sites that enrolled at it, and of no other: not of a site of this hub, not
of one behind another hub, nor beyond the unit that it was let in for.  It names the keys that its
sites sign with.  A key that was pinned once is followed by the site's own announcements alone,
whatever the hub says: so the facts of a site stay the site's, at every tier.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vonggac import keys
from vonggac.db import hubs as db
from vonggac.db import tables
from vonggac.domain import audit, hubs, ledger, links, registry, site_keys, units
from vonggac.errors import Kind, VonggacError
from vonggac.wire import hubs as wires

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac import wire
    from vonggac.db import Connection
    from vonggac.domain.hubs import HubBelow


# -- telling ---------------------------------------------------------------------------------


def sites(connection: Connection, at_ns: int) -> list[wires.SiteTold]:
    """Every facility of this hub's own register, as the hub above is told of it."""
    chains = site_keys.chains(connection)
    paths = _paths(connection)
    elsewhere = hubs.behind(connection)
    rows = connection.execute(sa.select(tables.site.c.id, tables.site.c.unit_id)).all()
    stands = {row.id: row.unit_id for row in rows}
    return [
        _told(one, chains.get(one.id), paths.get(stands[one.id], (stands[one.id],)), at_ns)
        for one in registry.sites(connection)
        if one.id not in elsewhere
    ]


def joins(connection: Connection, site_ids: Sequence[str], at_ns: int) -> list[wires.LinkTold]:
    """How those of these sites are joined of which it is known."""
    found = []
    for site_id in site_ids:
        state = ledger.site_state(connection, site_id)
        link = None if state is None else links.link_of(state.detail)
        if link is not None:
            found.append(
                wires.LinkTold(
                    at=at_ns, site=site_id, up=link.up, since=link.since_ns,
                    recorder=link.recorder, recorder_since=link.recorder_since_ns,
                    twice=link.twice,
                )
            )  # fmt: skip
    return found


def _told(
    site: registry.Site, chain: keys.Chain | None, path: tuple[str, ...], at_ns: int
) -> wires.SiteTold:
    return wires.SiteTold(
        at=at_ns, site=site.id, name=site.name[:63], title=site.title[:500],
        address=site.address[:500],
        owner_line="military"
        if site.owner_line == "military"
        else "paid_hotel"
        if site.owner_line == "paid_hotel"
        else "civil",
        units=path[-wires.UNITS_DEEP :], retention_days=site.retention_days,
        first=(chain.first or None) if chain else None,
        changes=tuple(one.envelope for one in chain.changes) if chain else (),
        earlier=tuple(
            wires.EarlierTold(
                one.chain.first, tuple(each.envelope for each in one.chain.changes), one.epoch
            )
            for one in (chain.earlier if chain else ())[-16:]
        ),
    )  # fmt: skip


def _paths(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Unit -> the ids above it and its own, root first; of whatever day."""
    table = tables.unit
    rows = connection.execute(sa.select(table.c.id, table.c.parent_id)).all()
    above: Mapping[str, str | None] = {row.id: row.parent_id for row in rows}
    found: dict[str, tuple[str, ...]] = {}
    for unit_id in above:
        path, at = [unit_id], above[unit_id]
        while at is not None and at not in path:
            path.insert(0, at)
            at = above.get(at)
        found[unit_id] = tuple(path)
    return found


# -- taking ----------------------------------------------------------------------------------


def is_new(connection: Connection, hub: HubBelow, envelope: wire.Envelope) -> bool:
    """Claim a place among the facts of a hub below; False if it was taken before.

    What a hub says changes only what it said before, so an older word is never needed. A writing
    transaction.
    """
    if (envelope.epoch, envelope.sequence) <= hub.place:
        return False
    table = db.hub_below
    connection.execute(
        table.update()
        .where(table.c.id == hub.id)
        .values(told_epoch=envelope.epoch, told_sequence=envelope.sequence)
    )
    return True


def take(connection: Connection, hub: HubBelow, fact: wires.HubFact, *, now_ns: int) -> None:
    """Take what a hub below says, whose signature was verified. A writing transaction.

    Raises:
        VonggacError: FORBIDDEN, it speaks of what is not its own; CONFLICT, of a site by another
            key than the one that is known; CORRUPT, of keys that are no chain.
    """
    match fact:
        case wires.SiteTold():
            _take_site(connection, hub, fact, now_ns)
        case wires.LinkTold():
            _take_link(connection, hub, fact)
        case wires.RegisterTold():
            table = db.hub_below
            connection.execute(
                table.update().where(table.c.id == hub.id).values(register_ns=now_ns)
            )


def _take_site(connection: Connection, hub: HubBelow, fact: wires.SiteTold, now_ns: int) -> None:
    assert hub.hub_id is not None, "it joined"
    known = registry.site(connection, fact.site)
    holder = hubs.behind(connection).get(fact.site)
    if known is None:
        if fact.site in hubs.joined(connection):
            raise VonggacError(Kind.FORBIDDEN, "a hub told of a site by the id of a hub")
        _register(connection, hub, fact, now_ns)
    elif holder != hub.hub_id:
        raise VonggacError(Kind.FORBIDDEN, "a hub told of a site that is not its own")
    table = tables.site
    connection.execute(
        table.update()
        .where(table.c.id == fact.site)
        .values(
            name=fact.name, title=fact.title, address=fact.address, owner_line=fact.owner_line,
            unit_id=_unit(connection, hub, fact.units), retention_days=fact.retention_days,
        )
    )  # fmt: skip
    below = db.site_below
    connection.execute(below.update().where(below.c.site_id == fact.site).values(told_ns=now_ns))
    _take_keys(connection, fact, now_ns)


def _register(connection: Connection, hub: HubBelow, fact: wires.SiteTold, now_ns: int) -> None:
    """Take a site into the register that this hub did not know, with the boxes that it had."""
    connection.execute(
        tables.site.insert().values(
            id=fact.site, name=fact.name, title=fact.title, address=fact.address,
            owner_line=fact.owner_line, unit_id=hub.unit_id, public_key=None,
            retention_days=fact.retention_days, created_ns=now_ns,
        )
    )  # fmt: skip
    connection.execute(
        db.site_below.insert().values(site_id=fact.site, hub_id=hub.hub_id, told_ns=now_ns)
    )
    audit.record(
        connection, audit.Actor("hub"), audit.Act.SITE_ENROLLED, now_ns=now_ns, thing=fact.site,
        site=fact.site, detail={"hub": hub.hub_id, "key": fact.first},
    )  # fmt: skip
    for one in fact.earlier:
        chain = keys.Chain.of(fact.site, one.first, one.changes)
        site_keys.pin_earlier(connection, keys.Earlier(chain, one.epoch), now_ns=now_ns)


def _take_keys(connection: Connection, fact: wires.SiteTold, now_ns: int) -> None:
    """Pin the first key of a site that has none, follow announcements of one that has.

    Raises:
        VonggacError: CONFLICT, the hub names a key that no announcement leads to.
    """
    known = site_keys.chain(connection, fact.site)
    if fact.first is None:
        return  # a box that was cut off says nothing more; what it said stays its own
    told = keys.Chain.of(fact.site, fact.first, fact.changes)
    if known is not None and known.first:
        if told.keys == known.keys[: len(told.keys)]:
            return
        for envelope in site_keys.leads_to(known, told):
            known = site_keys.follow(connection, known, envelope, now_ns=now_ns, arrived=False)
        return
    if _is_of_another(connection, told):
        raise VonggacError(Kind.FORBIDDEN, "a hub named the key of another site")
    site_keys.pin(connection, told)
    site_keys.enrol(connection, told, now_ns=now_ns)


def _is_of_another(connection: Connection, told: keys.Chain) -> bool:
    table = tables.site
    query = sa.select(table.c.id).where(table.c.public_key.in_(told.keys), table.c.id != told.site)
    return connection.execute(query).scalar() is not None


def _unit(connection: Connection, hub: HubBelow, path: Sequence[str]) -> str:
    """The deepest unit that is known here, no wider than the one that the hub was let in for."""
    inside = set(units.subtree(connection, [hub.unit_id]))
    return next((one for one in reversed(path) if one in inside), hub.unit_id)


def _take_link(connection: Connection, hub: HubBelow, fact: wires.LinkTold) -> None:
    link = links.Link(
        up=fact.up, since_ns=fact.since, recorder=fact.recorder,
        recorder_since_ns=fact.recorder_since, twice=fact.twice,
    )  # fmt: skip
    table = db.site_below
    done = connection.execute(
        table.update()
        .where(table.c.site_id == fact.site, table.c.hub_id == hub.hub_id)
        .values(link=asdict(link))
    )
    if done.rowcount != 1:
        raise VonggacError(Kind.FORBIDDEN, "a hub told of the link of a site that is not its own")


def told_links(connection: Connection) -> dict[str, links.Link]:
    """Site -> how it is joined to the hub below, as that hub last said."""
    table = db.site_below
    query = sa.select(table.c.site_id, table.c.link).where(table.c.link.is_not(None))
    return {site_id: links.Link(**link) for site_id, link in connection.execute(query)}
