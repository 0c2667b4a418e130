"""What is done with the audit besides writing it: anchored hourly, expired, sent on to a SIEM.

An anchor is a fact of a site (`wire.Anchored`): the box signs the hash of the newest row into its
ledger, and the hub gets it back with all other facts.  Rows of the last hour are guarded by the
chain's head alone.  A box signs for the hub of its own machine; a hub without a box asks those
below it, one after the other, and its anchors bear its name, for every tier reads that ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Final

from vonggac import keys, log, wire
from vonggac.clock import NS, rfc3339
from vonggac.domain import audit, case_book, guide, legal, site_keys
from vonggac.errors import MalformedError, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vonggac.clock import Clock
    from vonggac.config import AuditConfig
    from vonggac.db import Connection, Database
    from vonggac.hub.site import Site
    from vonggac.hub.sites import Sites

_log = log.get(__name__)

LOOK_S: Final = 20.0
"""Seconds between two looks whether the hour is over."""
ANCHOR_NS: Final = 3_600 * NS
EXPIRE_NS: Final = 86_400 * NS
FEED_S: Final = 2.0
"""Seconds between two looks for rows to send on."""
FEED_ROWS: Final = 500
SEND_S: Final = 10.0
"""Seconds that a syslog server gets to take a batch."""
FACILITY: Final = 13
"""RFC 5424 table 1: log audit."""
INFORMATIONAL, WARNING = 6, 4
"""RFC 5424 table 2."""


def anchor_name(hub_key: str, *, own: str) -> str:
    """What this hub's anchors are called in a ledger: nothing in its own box's.

    Args:
        hub_key: public half of the key that signs this hub's grants.
        own: the site of its machine's box; empty without one.
    """
    return "" if own else hub_key


async def run(
    sites: Sites, database: Database, clock: Clock, config: AuditConfig, *, name: str = ""
) -> None:
    """Anchor every hour and expire every day, for good; returns only when cancelled.

    Args:
        sites: whose boxes sign.
        database: the audit.
        clock: when an hour is over.
        config: how long rows are kept.
        name: `anchor_name`.
    """
    expired_ns = 0
    while True:
        now_ns = clock.wall_ns()
        try:
            await _anchor_somewhere(sites, database, now_ns, name)
        except VonggacError as error:
            _log.info("audit.not_anchored", reason=error.message)
        if now_ns - expired_ns > EXPIRE_NS:
            expired_ns = now_ns
            await asyncio.to_thread(_expire, database, config.keep_days, now_ns)
        await clock.sleep(LOOK_S)


async def _anchor_somewhere(sites: Sites, database: Database, now_ns: int, name: str) -> None:
    """Ask this machine's box, or those below until one signs.

    Raises:
        VonggacError: none does.
    """

    def candidates() -> list[Site]:
        if sites.own is not None:
            return [sites.own]
        with database.reading() as connection:
            return sites.every(connection)

    fault: VonggacError | None = None
    for site in await asyncio.to_thread(candidates):
        try:
            await anchor(site, database, now_ns, name=name)
            return
        except VonggacError as error:
            fault = error
    if fault is not None:
        raise fault


async def anchor(site: Site, database: Database, now_ns: int, *, name: str = "") -> bool:
    """Have the newest row signed into the site's ledger, if the last time is an hour ago.

    Raises:
        VonggacError: the box does not answer; the next look tries again.
    """
    head = await asyncio.to_thread(_due, database, now_ns)
    if head is None:
        return False
    envelope = await site.anchor(
        wire.AnchorAsk(what="audit", digest=head.hash, row=head.row, name=name)
    )
    # The same fact comes with the ledger; kept at once, it is not asked for twice meanwhile.
    await asyncio.to_thread(_keep, database, envelope)
    _log.info("audit.anchored", row=head.row)
    return True


def _due(database: Database, now_ns: int) -> audit.Head | None:
    with database.reading() as connection:
        last = audit.last_anchor(connection)
        head = audit.head(connection)
    if not head.row or (last is not None and 0 <= now_ns - last.at_ns < ANCHOR_NS):
        return None
    return head


def _keep(database: Database, envelope: wire.Envelope) -> None:
    fact = wire.decode_fact(envelope.payload)
    assert isinstance(fact, wire.Anchored), "the site was asked for this"
    with database.writing() as connection:
        audit.put_anchor(
            connection,
            audit.Anchor(fact.row, fact.digest, fact.at),
            site_id=envelope.site,
            envelope=wire.encode_envelope(envelope),
        )


def _expire(database: Database, keep_days: int, now_ns: int) -> None:
    with database.reading() as connection:
        ordered = guide.number(connection, "audit_days", legal.day_of(now_ns))
    with database.writing() as connection:
        cases = case_book.expire(connection, now_ns=now_ns)
        gone = audit.expire(connection, keep_days=max(keep_days, ordered), now_ns=now_ns)
    if gone:
        _log.info("audit.expired", rows=gone)
    if cases:
        _log.info("cases.expired", cases=cases)


# -- verifying -------------------------------------------------------------------------------


def anchors_of(
    envelopes: Iterable[tuple[str, wire.Envelope]], chains: dict[str, keys.Chain]
) -> tuple[list[audit.Anchor], list[str]]:
    """Anchors among signed facts, and what is wrong with those that are none.

    Args:
        envelopes: (site, envelope) of facts that claim to be anchors.
        chains: keys of the sites.
    """
    found: dict[tuple[int, int], audit.Anchor] = {}
    faults: list[str] = []
    for site, envelope in envelopes:
        try:
            fact = wire.decode_fact(envelope.payload)
            if not isinstance(fact, wire.Anchored) or fact.what != "audit":
                continue
            chain = chains.get(site)
            if chain is None or envelope.site != site:
                raise MalformedError("of a site that is not enrolled here")
            chain.verify(envelope)
            found[fact.at, fact.row] = audit.Anchor(fact.row, fact.digest, fact.at)
        except VonggacError as error:
            faults.append(f"an anchor of the audit is not genuine: {error.message}")
    return list(found.values()), faults


def verify(
    connection: Connection, others: Iterable[tuple[str, wire.Envelope]] = (), *, now_ns: int
) -> audit.Verdict:
    """Hold the audit against its chain, its anchors here, and others that lie elsewhere.

    Args:
        connection: one moment of the database.
        others: facts that may be anchors, from a box's own journal.
        now_ns: UTC now.
    """
    chains = site_keys.chains(connection)
    stored: list[tuple[str, wire.Envelope]] = []
    faults: list[str] = []
    for site, content in audit.anchor_envelopes(connection):
        try:
            stored.append((site, wire.decode_envelope(content)))
        except VonggacError:
            faults.append(f"an anchor of site {site} cannot be read")
    own = [told for told in others if not _is_of_another_hub(told[1])]
    anchors, wrong = anchors_of([*stored, *own], chains)
    verdict = audit.verify(connection, anchors, now_ns=now_ns)
    found = (*verdict.faults, *faults, *dict.fromkeys(wrong))
    return audit.Verdict(verdict.rows, verdict.anchors, found, verdict.notes)


def _is_of_another_hub(envelope: wire.Envelope) -> bool:
    """Whether a box's journal holds this anchor for a hub above, whose rows are not these."""
    try:
        fact = wire.decode_fact(envelope.payload)
    except VonggacError:
        return False
    return isinstance(fact, wire.Anchored) and fact.what == "audit" and fact.name != ""


# -- syslog ----------------------------------------------------------------------------------


async def feed(database: Database, clock: Clock, address: str) -> None:
    """Send every row to a syslog server, for good, in order; returns only when cancelled.

    Over TCP nothing is left out; UDP promises nothing, and its rows may be lost on the way.

    Args:
        database: where the rows are, and how far the server has got.
        clock: pauses.
        address: `audit.syslog` of the configuration.
    """
    told = ""
    while True:
        try:
            sent = await feed_once(database, clock, address)
            told = ""
        except OSError as error:
            sent = 0
            if str(error) != told:
                told = str(error)
                _log.warning("syslog.unreachable", address=address, error=told)
        if sent < FEED_ROWS:
            await clock.sleep(FEED_S)


async def feed_once(database: Database, clock: Clock, address: str) -> int:
    """Send one batch; how many rows.

    Raises:
        OSError: the server cannot be reached; nothing is remembered as sent.
    """

    def unsent() -> list[audit.Row]:
        with database.reading() as connection:
            after = audit.fed(connection)
            return audit.rows(connection, audit.Filter(after_id=after, limit=FEED_ROWS))

    rows = await asyncio.to_thread(unsent)
    if not rows:
        return 0
    host = socket.gethostname()
    await asyncio.to_thread(_send, address, [syslog_line(row, host) for row in rows])

    def remember() -> None:
        with database.writing() as connection:
            audit.put_fed(connection, rows[-1].id, now_ns=clock.wall_ns())

    await asyncio.to_thread(remember)
    return len(rows)


def syslog_line(row: audit.Row, host: str) -> bytes:
    """A row as RFC 5424 has it: the act as its MSGID, the row as JSON in ASCII for its message."""
    severity = WARNING if row.outcome == "refused" else INFORMATIONAL
    name = "".join(letter for letter in host if "!" <= letter <= "~")[:255] or "-"
    head = f"<{FACILITY * 8 + severity}>1 {rfc3339(row.time_ns)} {name} vonggac - {row.act[:32]} -"
    return f"{head} {json.dumps(row.as_json(), ensure_ascii=True)}".encode("ascii")


def _send(address: str, lines: Sequence[bytes]) -> None:
    kind, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    host = host.strip("[]")
    if kind == "udp":
        family, _, _, _, target = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)[0]
        with contextlib.closing(socket.socket(family, socket.SOCK_DGRAM)) as datagrams:
            for line in lines:
                datagrams.sendto(line, target)
        return
    with socket.create_connection((host, int(port)), timeout=SEND_S) as stream:
        # RFC 6587 section 3.4.1: each message behind its length.
        stream.sendall(b"".join(b"%d %s" % (len(line), line) for line in lines))
        stream.shutdown(socket.SHUT_WR)
