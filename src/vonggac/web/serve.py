"""Serving the application in the running loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vonggac.errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from starlette.types import ASGIApp

GRACE_S = 3
"""Seconds that running requests get when the program stops; downloads are cut then."""
BACKLOG = 256
MAX_CONCURRENT = 400
"""Connections at once; requests on more are answered 503 by the server itself."""
MAX_OF_ONE = 100
"""Connections of one address at once; a browser has six."""
HERE = ("127.", "::1")
"""Addresses of this machine begin so, and have no bound of their own: all of a proxy's are one."""
HEAD_S = 15.0
"""Seconds in which a request's head must have come, from the connection or from its first byte.
uvicorn waits for ever, and 400 silent connections would keep everybody else out."""


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to the composition root, which stops everything in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Impatient(H11Protocol):
    """A connection that is closed when it does not ask, and when its address has too many."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        here = self.client[0] if self.client else ""
        if here and not here.startswith(HERE):
            others = (one for one in self.connections if isinstance(one, H11Protocol))
            if sum(one.client is not None and one.client[0] == here for one in others) > MAX_OF_ONE:
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


def listen(host: str, port: int) -> socket.socket:
    """Bind the address that pages are served on; port 0 takes a free one.

    Raises:
        ConfigError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
    server = _Server(
        uvicorn.Config(
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
            ssl_context_factory=None if context is None else lambda _config, _default: context,
        )
    )

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    try:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(watch(), name="web.stop")
            await server.serve(sockets=[listener])
            watching.cancel()
    finally:
        listener.close()
