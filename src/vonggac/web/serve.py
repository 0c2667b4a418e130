"""Serving the application in the running loop."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vonggac.errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    from starlette.types import ASGIApp
    from uvicorn.server import ServerState

GRACE_S = 3
"""Seconds that running requests get when the program stops; downloads are cut then."""
BACKLOG = 256
MAX_CONCURRENT = 400
"""Connections at once; requests on more are answered 503 by the server itself."""
MAX_OF_ONE = 100
"""Connections of one address at once; a browser has six."""
HERE = ("127.", "::1")
"""Addresses of this machine begin so, and have no bound of their own: all of a proxy's are one."""
HANDSHAKE_S = 15.0
"""Seconds that a TLS handshake may take; asyncio gives it a minute."""
ACCEPT_S = 1.0
"""Seconds until connections are taken again after the system refused one, as asyncio has it."""
HEAD_S = 15.0
"""Seconds in which a request's head must have come, from the connection or from its first byte.
uvicorn waits for ever, and 400 silent connections would keep everybody else out."""

COLLECT = (20_000, 20, 20)
"""New objects after which the collector of garbage looks at the young ones, and how often it does
so before it looks at older ones (ours; Python's own are 700, 10, 10).  A page of a country makes
some ten thousand objects and drops them: by Python's bounds it was looked through a dozen times,
and with it all that lives."""

SWITCH_S = 0.001
"""For so long a thread goes on while others wait (ours; Python's own is five times that).  A page
has fifty answers of the database to take, and waits so long for each while figures are counted."""


def settle() -> None:
    """Keep the collector of garbage off what the start of the program made; call it when it stands.

    It lives as long as the program, and looking through it stops every thread for a tenth of a
    second, in the middle of somebody's page.  And let threads take turns more often.
    """
    gc.collect(1)
    gc.freeze()
    gc.set_threshold(*COLLECT)
    sys.setswitchinterval(SWITCH_S)


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to the composition root, which stops everything in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _is_crowded(client: tuple[str, int] | None, others: Iterable[object]) -> bool:
    """Whether an address has more connections than it may, this one among them."""
    here = client[0] if client else ""
    if not here or here.startswith(HERE):
        return False
    known: list[tuple[str, int] | None] = [getattr(one, "client", None) for one in others]
    return sum(one is not None and one[0] == here for one in known) > MAX_OF_ONE


class _Impatient(H11Protocol):
    """A connection that is closed when it does not ask, and when its address has too many."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if _is_crowded(self.client, self.connections):
            transport.abort()
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._waiting is None and self._idle:
            self._wait()
        super().data_received(data)
        if not self._idle:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _idle(self) -> bool:
        """Whether no request is being answered: its head has not come."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self._idle:
            self.transport.close()


class _Knocking(NamedTuple):
    """Somebody who stands before the door, with a number of their own."""

    client: tuple[str, int]
    number: int


class _Door:
    """Takes connections in that speak TLS, each counted from before its handshake.

    The server's own TLS knows of a connection only when the handshake is over, and whoever never
    ends one would hold as many as they like.

    Args:
        listener: where they come.
        context: speaks TLS.
        server_state: uvicorn's; whoever is inside.
        inside: makes the connection behind the door.
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        server_state: ServerState,
        inside: Callable[[], _Impatient],
    ) -> None:
        self._listener = listener
        self._context = context
        self._server_state = server_state
        self._inside = inside
        self._knocking: dict[_Knocking, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Take in for good; returns only when cancelled, and gives up every handshake then."""
        loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        number = 0
        try:
            while True:
                try:
                    connection, address = await loop.sock_accept(self._listener)
                except OSError:  # they left again, or there are no more file descriptors
                    await asyncio.sleep(ACCEPT_S)
                    continue
                number += 1
                one = _Knocking((str(address[0]), int(address[1])), number)
                others = [one, *self._knocking, *self._server_state.connections]
                if len(self._knocking) >= MAX_CONCURRENT or _is_crowded(one.client, others):
                    connection.close()
                    continue
                self._knocking[one] = loop.create_task(self._let_in(one, connection))
        finally:
            for task in self._knocking.values():
                task.cancel()

    async def _let_in(self, one: _Knocking, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._inside, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
            )
        except OSError:  # no TLS, another version, a certificate that they refuse, too slow
            connection.close()
        finally:
            del self._knocking[one]


def listen(host: str, port: int) -> socket.socket:
    """Bind the address that pages are served on; port 0 takes a free one.

    The socket says that it is TCP's: asyncio leaves Nagle's algorithm on for one that does not, and
    each answer's body then waits for the acknowledgement of its head, 40 ms (RFC 9293, 3.7.4;
    measured with `requests` on Linux).

    Raises:
        ConfigError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; set web.port to a free one"
        ) from error
    return listener


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    stop: asyncio.Event,
    context: ssl.SSLContext | None = None,
) -> None:
    """Serve until `stop` is set, then let running requests end within `GRACE_S`.

    Args:
        app: from `create_app`.
        listener: from `listen`; closed when this returns.
        stop: set by whoever stops the program.
        context: speak TLS with it.
    """
    config = uvicorn.Config(
        app,
        http=_Impatient,
        log_config=None,
        access_log=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_CONCURRENT,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=65,
        server_header=False,
        lifespan="off",
        h11_max_incomplete_event_size=65_536,
    )
    server = _Server(config)

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    try:
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(watch(), name="web.stop")]
            if context is not None:
                config.load()
                inside = partial(
                    _Impatient, config=config, server_state=server.server_state, app_state={}
                )
                door = _Door(listener, context, server.server_state, inside)
                beside.append(tasks.create_task(door.run(), name="web.door"))
            await server.serve(sockets=[listener] if context is None else [])
            for task in beside:
                task.cancel()
    finally:
        listener.close()
