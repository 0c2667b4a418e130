"""How the boxes of other machines are joined to this hub: by their links, never by a heartbeat.

Three things are told apart: the link of a site is down, its recorder has stopped behind a link that
is up, and a camera is down, which the recorder says itself.  What was known of a site's cameras
stands on while its link is up and every fact has arrived; when the link ends, the last seconds are
taken back: a link that froze is noticed late, and what is not known counts as unknown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection

AT_ONCE = 500
"""Sites of one statement: SQLite and PostgreSQL bound what one may name."""
STALE_NS = 13 * NS
"""How long a link may have been frozen before the server says so (docs/ref/subjects.md)."""


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of the way to a box on another machine."""

    up: bool
    since_ns: int
    """Since when it is so."""
    recorder: bool = True
    """Whether the recorder listens behind it; as it was when the link ended."""
    recorder_since_ns: int = 0
    """Since when; 0: for as long as anything is known."""
    twice: bool = False
    """Two machines are joined with the key of this one: one of them is a copy."""
    hub: str = ""
    """The hub below whose own link is down, behind which the site is; nothing is known of the
    site's link then."""


def link_of(detail: Mapping[str, object]) -> Link | None:
    """The link in what is known of a site (`SiteState.detail`); None for a box of this machine."""
    told = detail.get("link")
    return Link(**told) if isinstance(told, dict) else None


def put(connection: Connection, site_id: str, link: Link, *, now_ns: int) -> None:
    """Write down how a site is joined, if it is another way than before."""
    known = ledger.site_state(connection, site_id)
    before = None if known is None else link_of(known.detail)
    reached = link.up and link.recorder
    if before == link and known is not None and (known.lost_ns is None) == reached:
        return
    if reached:
        as_of_ns = known.as_of_ns if known is not None else 0
        ledger.put_site_state(
            connection, site_id, as_of_ns=as_of_ns, heard_ns=now_ns, detail={"link": asdict(link)}
        )
        return
    lost_ns = link.since_ns if not link.up else link.recorder_since_ns
    ledger.lose_site(connection, site_id, lost_ns=lost_ns)
    ledger.describe_site(connection, site_id, {"link": asdict(link)})
    _take_back(connection, site_id, lost_ns - STALE_NS)


def stand(connection: Connection, site_ids: Sequence[str], *, until_ns: int, now_ns: int) -> None:
    """What the streams of these sites were doing goes on until then: nothing else was said.

    One row a site is written, whatever its cameras (`ledger.known_until` reads it).

    Args:
        connection: a writing transaction.
        site_ids: whose links are up and whose every fact has arrived.
        until_ns: some seconds ago.
        now_ns: UTC now.
    """
    site = tables.site_state
    for start in range(0, len(site_ids), AT_ONCE):
        some = site_ids[start : start + AT_ONCE]
        as_of_ns = sa.case((site.c.as_of_ns < until_ns, until_ns), else_=site.c.as_of_ns)
        connection.execute(
            site.update()
            .where(site.c.site_id.in_(some), site.c.stands_ns < until_ns)
            .values(stands_ns=until_ns, as_of_ns=as_of_ns, heard_ns=now_ns)
        )


def _take_back(connection: Connection, site_id: str, until_ns: int) -> None:
    table, site = tables.state, tables.site_state
    connection.execute(
        site.update()
        .where(site.c.site_id == site_id, site.c.stands_ns > until_ns)
        .values(stands_ns=until_ns)
    )
    connection.execute(
        table.update()
        .where(table.c.site_id == site_id, table.c.as_of_ns > until_ns)
        .values(as_of_ns=sa.case((table.c.since_ns > until_ns, table.c.since_ns), else_=until_ns))
    )
