"""A line between two machines that can be slow, silent or cut: TCP, taken on here and passed on.

For tests and benches of what bad links do, where the kernel cannot (`tc netem` needs a module).
Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from vonggac.clock import NS

if TYPE_CHECKING:
    from vonggac.clock import Clock

READ: Final = 65_536
"""Bytes taken at once from either side."""
UNDER_WAY: Final = 4 * 1024 * 1024
"""Bytes on their way at most, one direction of one connection; then the sender is held back."""


class Link:
    """A line to one address.

    Args:
        host: where it leads.
        port: where it leads.
        clock: by which it is slow.
        delay_s: how long each byte is under way, in each direction; may be changed at any time.
    """

    def __init__(self, host: str, port: int, clock: Clock, *, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.up_bytes = 0
        """Passed on from those who dialled, since it was made."""
        self.down_bytes = 0
        """Passed on to those who dialled."""
        self.dialled = 0
        """Connections taken on."""
        self._to = (host, port)
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._port = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._going: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it is dialled, on 127.0.0.1; the same after every cut."""
        return self._port

    async def start(self) -> int:
        """Take on connections; returns the port."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self._port

    async def cut(self) -> None:
        """End every connection and refuse new ones, as when the machine beyond is switched off."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        for task in tuple(self._going):
            task.cancel()
        if self._going:
            await asyncio.wait(tuple(self._going))

    async def restore(self) -> None:
        """Take on connections again at the same port, and pass everything on."""
        self.flow()
        if self._server is None:
            await self.start()

    def stall(self) -> None:
        """Pass nothing on and end nothing, as when a cable is pulled: both sides must find out."""
        self._flowing.clear()

    def flow(self) -> None:
        """Go on after `stall`."""
        self._flowing.set()

    async def stop(self) -> None:
        """End it. Stopping twice is harmless."""
        await self.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._going.add(task)
        self._writers.add(writer)
        self.dialled += 1
        try:
            await self._connect(reader, writer)
        except asyncio.CancelledError:
            pass  # cut: nobody waits for this task but `cut` itself
        finally:
            self._writers.discard(writer)
            self._going.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            return
        self._writers.add(far_writer)
        up = asyncio.create_task(self._pass(reader, far_writer, is_up=True))
        down = asyncio.create_task(self._pass(far_reader, writer, is_up=False))
        try:  # what was under way when one side ended still arrives
            await asyncio.wait((up, down))
        finally:
            up.cancel()
            down.cancel()
            await asyncio.wait((up, down))
            self._writers.discard(far_writer)
            far_writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool
    ) -> None:
        """One direction of one connection, until its sender ends."""
        lane = _Lane()
        taking = asyncio.create_task(self._take(reader, lane))
        try:
            with contextlib.suppress(OSError):
                while (run := await lane.next()) is not None:
                    due_ns, data = run
                    ahead_ns = due_ns - self._clock.monotonic_ns()
                    if ahead_ns > 0:
                        await self._clock.sleep(ahead_ns / NS)
                    await self._flowing.wait()
                    writer.write(data)
                    if is_up:
                        self.up_bytes += len(data)
                    else:
                        self.down_bytes += len(data)
                    await writer.drain()
                if writer.can_write_eof():
                    writer.write_eof()
        finally:
            taking.cancel()
            await asyncio.wait((taking,))

    async def _take(self, reader: asyncio.StreamReader, lane: _Lane) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ):
                await lane.put(self._clock.monotonic_ns() + round(self.delay_s * NS), data)
        await lane.end()


class _Lane:
    """What is under way in one direction: bounded in bytes."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, bytes] | None] = []
        self._bytes = 0
        self._changed = asyncio.Condition()

    async def put(self, due_ns: int, data: bytes) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._bytes < UNDER_WAY)
            self._runs.append((due_ns, data))
            self._bytes += len(data)
            self._changed.notify_all()

    async def end(self) -> None:
        async with self._changed:
            self._runs.append(None)
            self._changed.notify_all()

    async def next(self) -> tuple[int, bytes] | None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._runs))
            run = self._runs.pop(0)
            if run is not None:
                self._bytes -= len(run[1])
            self._changed.notify_all()
            return run
