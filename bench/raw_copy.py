"""The floor of bench/record.py: receive what the cameras send, hash it, append it. Nothing else.

The same timer as ours (a socket is read every 0.2 s), the same hash (SHA-256), the same writes
(one every 0.3 s a camera), and not one look at what the bytes are.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

DRAIN_S = 0.2
FLUSH_S = 0.3


class Copy:
    """One camera's bytes on their way to a file."""

    buffer = bytearray(1 << 20)
    view = memoryview(buffer)

    def __init__(self, sock: socket.socket, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.sock = sock
        self.loop = loop
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY)
        self.hash = hashlib.sha256()
        self.pending: list[bytes] = []
        self.written = loop.time()
        loop.call_later(DRAIN_S, self.drain)

    def drain(self) -> None:
        """Take what has arrived."""
        self.loop.call_later(DRAIN_S, self.drain)
        while True:
            try:
                count = self.sock.recv_into(self.buffer)
            except BlockingIOError:
                break
            data = bytes(self.view[:count])
            self.hash.update(data)
            self.pending.append(data)
            if count < len(self.buffer):
                break
        if self.pending and self.loop.time() - self.written >= FLUSH_S - 0.02:
            os.writev(self.file, self.pending)
            self.pending = []
            self.written = self.loop.time()


async def connect(url: str) -> socket.socket:
    """As little RTSP as makes a camera send."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    await loop.sock_connect(sock, (parts.hostname or "", parts.port or 554))
    session = control = ""
    for number, (method, target, extra) in enumerate(
        (
            ("DESCRIBE", url, "Accept: application/sdp\r\n"),
            ("SETUP", "", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"),
            ("PLAY", url, ""),
        ),
        1,
    ):
        where = target or control
        text = f"{method} {where} RTSP/1.0\r\nCSeq: {number}\r\n{session}{extra}\r\n"
        await loop.sock_sendall(sock, text.encode())
        answer = b""
        while b"\r\n\r\n" not in answer or (method == "DESCRIBE" and b"a=control" not in answer):
            answer += await loop.sock_recv(sock, 4096 if method != "PLAY" else 1)
        lines = answer.decode(errors="replace").splitlines()
        if method == "DESCRIBE":
            controls = [line[10:] for line in lines if line.startswith("a=control:")]
            control = next(c for c in reversed(controls) if c != "*")
            if "://" not in control:
                control = f"{url.rstrip('/')}/{control}"
        for line in lines:
            if line.lower().startswith("session:"):
                session = f"Session: {line.split(':', 1)[1].split(';')[0].strip()}\r\n"
    return sock


async def main(folder: Path, urls: list[str]) -> None:
    """Copy until a signal comes."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    copies = []
    for number, url in enumerate(urls):
        copies.append(Copy(await connect(url), folder / f"{number}.raw", loop))
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2:]))
