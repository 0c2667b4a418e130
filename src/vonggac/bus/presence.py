"""Which machines below are joined: told by the server itself, never by a heartbeat of ours.

The server says when a leaf comes and goes (`$SYS.ACCOUNT.<account>.CONNECT` and `.DISCONNECT`; one
that fell silent goes as "Stale Connection" 13 s later at the latest), and who is there when asked
(`$SYS.REQ.ACCOUNT.<account>.CONNZ`). Everything hangs on the nkey that signed in and on the name in
the token that we signed; the name that a server gives itself proves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from vonggac import log, wire
from vonggac.clock import NS
from vonggac.errors import Kind, VonggacError
from vonggac.keys import LEAF_NAME, name_in
from vonggac.mailbox import Closed, Mailbox, Overflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from vonggac.bus.connection import Connection, Message, Subscription
    from vonggac.clock import Clock

_log = log.get(__name__)

EVENTS: Final = 8_192
"""Events that wait for the reader: 2,000 sites that come back at once, on two connections each."""
ASK_S: Final = 5.0
"""Seconds for the server to say who is there."""
MORE_S: Final = 0.5
"""Seconds without a further answer after which every server of a cluster is taken to have said
(ours); one that stands alone is not waited for."""
SERVERS: Final = 64
"""Answers of one question that wait to be read: servers of a cluster."""
LOOK_S: Final = 1.0
"""Seconds between two looks whether the server was started again."""
PAGE: Final = 1_024
"""Connections in one answer of the server; more are asked for page by page."""
CLONE_S: Final = 15.0
"""Seconds for which two connections of one key must stand before they count as two boxes: longer
than a link takes to be found dead, so that a box which was switched off and on is not one."""
_LEAFNODE: Final = "Leafnode"

T = TypeVar("T")


class Account(StrEnum):
    """Which of the two connections of a machine."""

    CONTROL = "control"
    MEDIA = "media"


class What(StrEnum):
    """What happened to a link."""

    UP = "up"
    DOWN = "down"
    """The last connection of the key is gone."""
    CLONE = "clone"
    """Two machines use one key: a box was copied."""
    IMPOSTOR = "impostor"
    """A server calls itself by the name of another site than the one whose key it has."""


@dataclass(frozen=True, slots=True)
class Link:
    """A connection from below, as the server tells of it."""

    below: str
    """Id of the site or hub: from the name in its token, which we signed."""
    user: str
    """Public nkey that signed in."""
    account: Account
    server: str
    """What the server below calls itself; without meaning but that it differs between machines."""
    address: str
    since_ns: int
    """When it connected, by the server's clock."""
    rtt_ns: int | None
    """What the server measured at last, if it did."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a link."""

    what: What
    link: Link
    at_ns: int
    """When, by the server's clock."""
    why: str = ""
    """The server's reason for DOWN ("Stale Connection"); the other address for CLONE."""


class _Client(msgspec.Struct):
    id: int = 0
    kind: str = ""
    user: str = ""
    name: str = ""
    jwt: str = ""
    host: str = ""
    start: str = ""
    rtt: int = 0


class _Server(msgspec.Struct):
    id: str = ""
    cluster: str = ""
    """Empty where it stands alone."""


class _Event(msgspec.Struct):
    timestamp: str
    server: _Server
    client: _Client
    reason: str = ""


class _Connection(msgspec.Struct):
    cid: int
    kind: str = ""
    ip: str = ""
    start: str = ""
    rtt: str = ""
    name: str = ""
    jwt: str = ""
    authorized_user: str = ""


class _Connections(msgspec.Struct):
    total: int = 0
    connections: list[_Connection] = []


class _Connz(msgspec.Struct):
    server: _Server = msgspec.field(default_factory=_Server)
    data: _Connections | None = None


class Presence:
    """Who is joined now, and every change of it. Belongs to one event loop.

    Args:
        system: a connection to the system account (`keys.Trust.system_user`).
        accounts: public key of each account.
        clock: for the pause before a clone is believed.
        clone_s: that pause.
    """

    def __init__(
        self,
        system: Connection,
        accounts: Mapping[Account, str],
        clock: Clock,
        *,
        clone_s: float = CLONE_S,
    ) -> None:
        self._system = system
        self._accounts = {key: account for account, key in accounts.items()}
        self._clock = clock
        self._clone_s = clone_s
        self._links: dict[tuple[str, int], Link] = {}
        """Connections that stand, by the server that holds them and its number for them."""
        self._moved: set[tuple[str, int]] = set()
        """Those that came or left while the server was being asked who is there."""
        self._asking = False
        self._cloned: set[str] = set()
        """Keys that were told as cloned, until one connection is left."""
        self._changes: Mailbox[Change] = Mailbox("presence", EVENTS, Overflow.DROP_OLDEST)
        self._subscriptions: list[Subscription] = []
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    def links(self) -> tuple[Link, ...]:
        """The connections that stand, as far as the server has told."""
        return tuple(self._links.values())

    @property
    def lost(self) -> int:
        """Changes that nobody read in time; then only `links` is right."""
        return self._changes.lost

    def is_up(self, below: str, account: Account = Account.CONTROL) -> bool:
        """Whether a machine below is joined with this account."""
        return any(link.below == below and link.account is account for link in self._links.values())

    async def begin(self) -> None:
        """Listen to the server, then ask it who is there; each of those is told as UP.

        Raises:
            VonggacError: UNAVAILABLE or TIMED_OUT: the server does not answer.
        """
        for account in self._accounts:
            for word, arrived in (("CONNECT", self._came), ("DISCONNECT", self._left)):
                self._subscriptions.append(
                    await self._system.listen(f"$SYS.ACCOUNT.{account}.{word}", arrived)
                )
        await self._system.flush()
        await self.reconcile()

    async def reconcile(self) -> None:
        """Ask the server who is there and tell what was missed: at the start, after a reconnect.

        Raises:
            VonggacError: UNAVAILABLE or TIMED_OUT: the server does not answer.
        """
        self._moved.clear()
        self._asking = True
        there: dict[tuple[str, int], Link] = {}
        try:
            for account in self._accounts:
                there |= await self._ask(account)
        finally:
            self._asking = False
        for place in [one for one in self._links if one not in there and one not in self._moved]:
            self._drop(place, self._clock.wall_ns(), "not there any more")
        for place, link in there.items():
            if place not in self._moved:
                self._add(place, link)

    async def run(self) -> None:
        """Keep in step with a server that was started again; returns only when cancelled."""
        seen = self._system.reconnects
        while True:
            await self._clock.sleep(LOOK_S)
            now = self._system.reconnects
            if now == seen:
                continue
            try:
                await self.reconcile()
            except VonggacError as error:
                _log.warning("presence.delayed", reason=error.message)
            else:
                seen = now

    def __aiter__(self) -> AsyncIterator[Change]:
        return self._told()

    async def _told(self) -> AsyncIterator[Change]:
        with contextlib.suppress(Closed):
            while True:
                yield await self._changes.get()

    async def next(self) -> Change:
        """The next change.

        Raises:
            Closed: this was stopped, and everything was read.
        """
        return await self._changes.get()

    async def stop(self) -> None:
        """Listen no more. Stopping twice is harmless."""
        for subscription in self._subscriptions:
            await subscription.close()
        for task in tuple(self._waiting):
            task.cancel()
        self._changes.close()

    # -- what the server says ----------------------------------------------------------------

    def _came(self, message: Message) -> None:
        event = _read(message, _Event)
        if event is None or event.client.kind != _LEAFNODE:
            return
        account = self._accounts.get(message.subject.split(".")[2])
        client = event.client
        if account is None:
            return
        link = Link(
            below=_below(client.jwt),
            user=client.user,
            account=account,
            server=client.name,
            address=client.host,
            since_ns=_ns(client.start or event.timestamp),
            rtt_ns=client.rtt or None,
        )
        place = (event.server.id, client.id)
        if self._asking:
            self._moved.add(place)
        self._add(place, link)

    def _left(self, message: Message) -> None:
        event = _read(message, _Event)
        if event is None:
            return
        place = (event.server.id, event.client.id)
        if self._asking:
            self._moved.add(place)
        self._drop(place, _ns(event.timestamp), event.reason)

    async def _ask(self, account: str) -> dict[tuple[str, int], Link]:
        found: dict[tuple[str, int], Link] = {}
        offset = 0
        while True:
            most = 0
            for told in await self._answers(account, offset):
                if told.data is None:
                    raise VonggacError(Kind.INTERNAL, "a server does not say who is connected")
                if told.data.connections:
                    most = max(most, told.data.total)
                for one in told.data.connections:
                    if one.kind == _LEAFNODE:
                        found[told.server.id, one.cid] = self._link(account, one)
            offset += PAGE
            if offset >= most:
                return found

    async def _answers(self, account: str, offset: int) -> list[_Connz]:
        """What each server of the cluster says: the first at all, the others until none follows."""
        wanted = {"auth": True, "limit": PAGE, "offset": offset, "sort": "cid"}
        answers: list[_Connz] = []
        arriving = await self._system.subscribe(
            self._system.own_subject(), capacity=SERVERS, overflow=Overflow.REFUSE
        )
        try:
            await self._system.publish(
                f"$SYS.REQ.ACCOUNT.{account}.CONNZ",
                msgspec.json.encode(wanted),
                reply=arriving.subject,
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_S):
                    while len(answers) < SERVERS:
                        async with asyncio.timeout(MORE_S if answers else None):
                            told = _read(await arriving.get(), _Connz)
                        if told is None:
                            raise VonggacError(
                                Kind.INTERNAL, "the server does not say who is connected"
                            )
                        answers.append(told)
                        if not told.server.cluster:
                            break
        except Closed:
            raise VonggacError(Kind.UNAVAILABLE, "the connection closed") from None
        finally:
            await arriving.close()
        if not answers:
            raise VonggacError(Kind.TIMED_OUT, "the server does not say who is connected")
        return answers

    def _link(self, account: str, one: _Connection) -> Link:
        return Link(
            below=_below(one.jwt),
            user=one.authorized_user,
            account=self._accounts[account],
            server=one.name,
            address=one.ip,
            since_ns=_ns(one.start),
            rtt_ns=_duration_ns(one.rtt),
        )

    # -- what follows from it ----------------------------------------------------------------

    def _add(self, place: tuple[str, int], link: Link) -> None:
        if place in self._links:
            return
        others = self._of(link.user)
        self._links[place] = link
        if not others:
            self._tell(Change(What.UP, link, link.since_ns))
        elif any(other.server != link.server for other in others):
            # The same server again is a reconnect: nats-server ends the old connection itself.
            self._suspect(link.user)
        if not link.server.startswith(f"{link.below}-"):
            _log.warning("presence.impostor", below=link.below, calls_itself=link.server[:100])
            self._tell(Change(What.IMPOSTOR, link, link.since_ns, link.server[:100]))

    def _drop(self, place: tuple[str, int], at_ns: int, why: str) -> None:
        link = self._links.pop(place, None)
        if link is None:
            return
        left = self._of(link.user)
        if len({one.server for one in left}) < 2:
            self._cloned.discard(link.user)
        if not left:
            self._tell(Change(What.DOWN, link, at_ns, why))

    def _suspect(self, user: str) -> None:
        task = asyncio.get_running_loop().create_task(self._judge(user))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _judge(self, user: str) -> None:
        """Say that a key is used twice, if it still is once a dead link would have been found."""
        await self._clock.sleep(self._clone_s)
        standing = self._of(user)
        if len({link.server for link in standing}) < 2 or user in self._cloned:
            return
        self._cloned.add(user)
        first, second = standing[0], standing[-1]
        _log.warning("presence.clone", below=second.below, one=first.address, two=second.address)
        self._tell(Change(What.CLONE, second, self._clock.wall_ns(), first.address))

    def _of(self, user: str) -> list[Link]:
        return sorted(
            (link for link in self._links.values() if link.user == user),
            key=lambda link: link.since_ns,
        )

    def _tell(self, change: Change) -> None:
        with contextlib.suppress(Closed):
            self._changes.put(change)


def _read(message: Message, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(message.payload, type=kind)
    except wire.UNREADABLE:
        _log.warning("presence.unreadable", subject=message.subject)
        return None


def _below(token: str) -> str:
    """The id in the name of a leaf's token."""
    return name_in(token).removeprefix(LEAF_NAME)


def _ns(text: str) -> int:
    """RFC 3339 as Go writes it, with up to nine digits of a second; 0 for what is none."""
    whole, _, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] if digits else ""
    try:
        moment = datetime.fromisoformat(f"{whole}{zone}" if digits else text)
    except ValueError:
        return 0
    return round(moment.timestamp()) * NS + int(digits.ljust(9, "0")[:9] or 0)


_UNITS: Final = {"ns": 1, "µs": 1_000, "us": 1_000, "ms": 1_000_000, "s": NS}


def _duration_ns(text: str) -> int | None:
    """A duration of less than a minute as Go writes it ("1.5ms"), or None."""
    for unit in sorted(_UNITS, key=len, reverse=True):
        if text.endswith(unit):
            with contextlib.suppress(ValueError):
                return round(float(text.removesuffix(unit)) * _UNITS[unit]) or None
            return None
    return None
