"""What this hub wants of boxes that have a hub of their own, and what each box made of it.

What is wanted lies in this database, which is its truth; a copy lies in the box's own WANT, and the
box answers with a fact: what it keeps by it, and what it does not, with why. Wanted and real are
told apart everywhere: what was only sent is not kept yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa

from vonggac import wire
from vonggac.clock import NS
from vonggac.db import wanting as db
from vonggac.domain import audit
from vonggac.domain.holds import Hold, Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection

MOST_KEYS = 8
"""Hubs that may want something of one box (ours): a province, a ministry, and earlier ones."""

Way: TypeAlias = Literal["sending", "sent", "taken", "refused", "releasing", "released"]
"""How far a hold has come on its way to a box, or back."""


@dataclass(frozen=True, slots=True)
class Want:
    """An order under one key of a box's WANT."""

    site_id: str
    key: str
    revision: int
    digest: str
    made_ns: int
    sent_ns: int | None
    answered: int | None
    answered_ns: int | None
    accepted: bool | None
    reasons: Sequence[str]
    refused: Mapping[str, str]
    spans: Sequence[tuple[str, str, int, int]]
    """What the box keeps by the last order that it took: id, camera, from and to in ns."""

    @property
    def is_ours(self) -> bool:
        """Whether this hub wants it; else it is only what the box said."""
        return self.digest != ""


@dataclass(frozen=True, slots=True)
class Stand:
    """What a hold is at its box, as far as is known here."""

    way: Way
    as_of_ns: int | None = None
    """When the box said so, or when the order was sent; None while it is still to go."""
    why: str = ""
    """A word of why it is refused, or the box's own sentence."""


def key_of(hub: str) -> str:
    """The key under which a hub's order about what is kept lies."""
    return f"{wire.KEPT}{hub}"


def find(connection: Connection, site_id: str, key: str) -> Want | None:
    """The order of one hub to one box."""
    table = db.want
    query = _columns().where(table.c.site_id == site_id, table.c.key == key)
    row = connection.execute(query).one_or_none()
    return None if row is None else _want(row)


def every(connection: Connection, key: str) -> dict[str, Want]:
    """The orders of one hub, by site."""
    rows = connection.execute(_columns().where(db.want.c.key == key))
    return {row.site_id: _want(row) for row in rows}


def of_sites(connection: Connection, site_ids: Sequence[str]) -> list[Want]:
    """All orders to these sites' boxes, this hub's and others'."""
    table = db.want
    query = _columns().where(table.c.site_id.in_(list(site_ids)))
    return [_want(row) for row in connection.execute(query.order_by(table.c.site_id, table.c.key))]


def ours(connection: Connection, site_ids: Sequence[str]) -> dict[str, Want]:
    """This hub's own orders to these sites' boxes, by site."""
    return {one.site_id: one for one in of_sites(connection, site_ids) if one.is_ours}


def renew(
    connection: Connection, site_id: str, key: str, digest: str, *, now_ns: int, beyond: int = 0
) -> int:
    """Number what is wanted now; returns its revision.

    It grows with the clock too, so that a hub which was restored from a backup passes what the box
    had of it before; `beyond` is what was found to lie there.
    """
    before = find(connection, site_id, key)
    table = db.want
    revision = max(now_ns // NS, beyond + 1, before.revision + 1 if before is not None else 1)
    told = {"revision": revision, "digest": digest, "made_ns": now_ns, "sent_ns": None}
    if before is None:
        connection.execute(
            table.insert().values(
                site_id=site_id, key=key, reasons=[], refused={}, spans=[], **told
            )
        )
    else:
        connection.execute(table.update().where(*_at(site_id, key)).values(**told))
    return revision


def sent(connection: Connection, site_id: str, key: str, revision: int, *, now_ns: int) -> None:
    """An order lies at the box's server now."""
    table = db.want
    connection.execute(
        table.update()
        .where(*_at(site_id, key), table.c.revision == revision)
        .values(sent_ns=now_ns)
    )


def answered(connection: Connection, site_id: str, fact: wire.WantAnswered, *, now_ns: int) -> None:
    """A box said what it made of an order: of this hub, or of another above or below it."""
    hub = fact.key.removeprefix(wire.KEPT)
    if hub == fact.key or not wire.is_id(hub):
        return
    before = find(connection, site_id, fact.key)
    if before is not None and (before.answered or 0) > fact.revision and not fact.accepted:
        return  # an old order that lay there once more; what is in force goes on
    said: dict[str, Any] = {
        "answered": fact.revision,
        "answered_ns": fact.at,
        "accepted": fact.accepted,
        "reasons": list(fact.reasons),
    }
    if fact.accepted:
        said |= {
            "refused": dict(fact.refused),
            "spans": [list(span) for span in fact.spans],
        }
    table = db.want
    if before is None:
        if len(of_sites(connection, [site_id])) >= MOST_KEYS:
            return  # the box's own words: there are no more hubs above it than tiers
        whole = {"refused": {}, "spans": [], **said}
        connection.execute(
            table.insert().values(
                site_id=site_id, key=fact.key, revision=0, digest="", made_ns=now_ns, **whole
            )
        )
    else:
        connection.execute(table.update().where(*_at(site_id, fact.key)).values(**said))
    if not fact.accepted or fact.refused:
        audit.record(
            connection,
            audit.Actor("box"),
            audit.Act.BOX,
            now_ns=fact.at,
            thing=site_id,
            site=site_id,
            outcome="refused",
            detail={
                "what": "want",
                "revision": fact.revision,
                "reasons": list(fact.reasons),
                "refused": dict(fact.refused),
            },
        )


def kept(connection: Connection, site_id: str) -> list[Kept]:
    """What a box keeps by orders of hubs above it, as it said itself."""
    return [
        Kept(camera, from_ns, to_ns, "")
        for want in of_sites(connection, [site_id])
        for _, camera, from_ns, to_ns in want.spans
    ]


def stand(hold: Hold, want: Want | None) -> Stand:
    """How far a hold of a box elsewhere has come; a pure decision.

    Args:
        hold: as it is wanted here.
        want: this hub's order to its box; None before the first.
    """
    if want is None:
        return Stand("sending" if hold.stands else "released")
    there = any(span[0] == hold.id for span in want.spans)
    if not hold.stands:
        if there:
            return Stand("releasing", want.sent_ns)
        return Stand("released", want.answered_ns)
    if there:
        return Stand("taken", want.answered_ns)
    if want.sent_ns is None or want.made_ns < hold.placed_ns:
        return Stand("sending")
    if want.answered == want.revision:
        if want.accepted is False:
            return Stand("refused", want.answered_ns, "; ".join(want.reasons))
        if hold.id in want.refused:
            return Stand("refused", want.answered_ns, want.refused[hold.id])
    return Stand("sent", want.sent_ns)


def _at(site_id: str, key: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return db.want.c.site_id == site_id, db.want.c.key == key


def _columns() -> sa.Select[Any]:
    return sa.select(*(db.want.c[name] for name in Want.__slots__))


def _want(row: Any) -> Want:
    found = Want(*row)
    spans = [(str(a), str(b), int(c), int(d)) for a, b, c, d in found.spans]
    return replace(found, spans=spans)
