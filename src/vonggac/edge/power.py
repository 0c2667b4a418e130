"""Whether the mains are there, read from a UPS through NUT, so that a power cut can be told apart.

Network UPS Tools, network protocol version 1.3 (RFC 9271): one line asked, one line answered.
"""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

from vonggac.errors import ConfigError

PORT = 3493
"""RFC 9271 section 4: registered for NUT."""

ANSWER_S = 2.0
MAX_LINE = 512
"""Bytes of an answer; a status is some words of two or three letters."""

_ADDRESS = re.compile(
    r"^(?P<ups>[A-Za-z0-9._-]{1,64})@(?P<host>[^:/\s]{1,253})(:(?P<port>\d{1,5}))?$"
)


class Ups(NamedTuple):
    """Where a UPS is asked for."""

    name: str
    host: str
    port: int


def parse(text: str) -> Ups:
    """`ups@host` or `ups@host:port`.

    Raises:
        ConfigError: it is neither.
    """
    match = _ADDRESS.match(text)
    if match is None or int(match["port"] or PORT) > 65535:
        raise ConfigError(f"power.ups: write it as ups@host or ups@host:port, not {text!r}")
    return Ups(match["ups"], match["host"], int(match["port"] or PORT))


async def on_battery(ups: Ups) -> bool | None:
    """Whether the UPS says that the mains failed; None if it does not say."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(ups.host, ups.port, limit=MAX_LINE)
            try:
                writer.write(f"GET VAR {ups.name} ups.status\n".encode())
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return None
    return status(line.decode("ascii", errors="replace"))


def status(line: str) -> bool | None:
    """What an answer says: `VAR myups ups.status "OB DISCHRG"` is on battery."""
    match = re.match(r'^VAR \S+ ups\.status "([^"]*)"\s*$', line)
    if match is None:
        return None
    words = match[1].split()
    if "OB" in words:
        return True
    return False if "OL" in words else None
