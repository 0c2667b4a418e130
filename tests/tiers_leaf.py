"""The leaf protocol by hand: whatever a hostile site can say with its real credentials.

A nats-server below keeps to the permissions that it is told; this keeps to none.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vonggac import keys


class RawLeaf:
    """A leaf connection whose every line is written here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.info: dict[str, object] = {}
        self.heard: list[tuple[str, bytes]] = []
        """(subject, payload) of every message that came."""
        self.interest: set[str] = set()
        """What the hub said that it wants from here."""
        self.everything = b""
        """All bytes that came."""
        self.faults: list[str] = []
        self._pongs = 0

    @classmethod
    async def join(
        cls, url: str, credential: keys.Credential, *, name: str, **more: object
    ) -> RawLeaf:
        """Sign in as a server would, under any name and with any other claim."""
        host, _, port = url.partition("://")[2].rpartition(":")
        leaf = cls(*await asyncio.open_connection(host, int(port)))
        line = await leaf._reader.readline()
        leaf.everything += line
        leaf.info = json.loads(line.removeprefix(b"INFO "))
        nonce = str(leaf.info["nonce"]).encode()
        hello = {
            "version": "2.14.0",
            "jwt": credential.token,
            "sig": base64.urlsafe_b64encode(credential.key.sign(nonce)).decode().rstrip("="),
            "server_id": "N" + "A" * 55,
            "name": name,
            "headers": True,
            "jetstream": True,
            "remote_account": "A" * 56,
        } | more
        leaf._writer.write(b"CONNECT " + json.dumps(hello).encode() + b"\r\n")
        await leaf.settle()
        return leaf

    def say(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Publish, whether or not it is allowed."""
        where = f"{subject} {reply}".strip()
        self._writer.write(f"LMSG {where} {len(payload)}\r\n".encode() + payload + b"\r\n")

    def want(self, subject: str) -> None:
        """Subscribe, whether or not it is allowed."""
        self._writer.write(f"LS+ {subject}\r\n".encode())

    async def settle(self) -> None:
        """Return when the hub has read everything said so far, or has closed the connection."""
        wanted = self._pongs + 1
        self._writer.write(b"PING\r\n")
        while self._pongs < wanted and await self._read():
            pass

    async def _read(self) -> bool:
        try:
            line = await self._reader.readline()
            if not line:
                return False
            self.everything += line
            word, _, rest = line.decode().strip().partition(" ")
            match word:
                case "LMSG" | "HMSG":
                    payload = await self._reader.readexactly(int(rest.split()[-1]) + 2)
                    self.everything += payload
                    self.heard.append((rest.split()[0], payload[:-2]))
                case "LS+":
                    self.interest.add(rest.split()[0])
                case "PING":
                    self._writer.write(b"PONG\r\n")
                case "PONG":
                    self._pongs += 1
                case "-ERR":
                    self.faults.append(rest)
        except (OSError, asyncio.IncompleteReadError):
            return False
        return True

    async def close(self) -> None:
        """End it."""
        self._writer.close()
