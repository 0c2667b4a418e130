"""Serving the application in the running loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

GRACE_S = 3
"""Seconds that running requests get when the program stops; downloads are cut then."""
BACKLOG = 256
MAX_CONCURRENT = 400
"""Requests at once; more are answered 503 by the server itself."""


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to the composition root, which stops everything in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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


async def serve(app: FastAPI, listener: socket.socket, *, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then let running requests end within `GRACE_S`.

    Args:
        app: from `create_app`.
        listener: from `listen`; closed when this returns.
        stop: set by whoever stops the program.
    """
    server = _Server(
        uvicorn.Config(
            app,
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
