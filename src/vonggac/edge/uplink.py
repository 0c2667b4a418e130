"""How fast a line sends to the hub, and what a survey measured, sent to the hub.

The speed is that of bytes that came through, in the time that they took.

Three bodies, each four times as long as the one before; the last that took long enough to judge
by, or the longest, is the figure.  A slow line is not kept busy for more than `WHOLE_S`.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from vonggac.clock import NS
from vonggac.errors import ConfigError
from vonggac.wire.survey import SurveyUplink

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.config import Secret

PATH: Final = "/api/v1/uplink"
SIZES: Final = (256 << 10, 1 << 20, 4 << 20)
"""Bytes of each body; the hub takes 4 MiB (`web.security.LONG_BODIES`)."""
ENOUGH_S: Final = 2.0
"""Seconds after which a body says enough; a shorter one is mostly TCP's slow start."""
WHOLE_S: Final = 45.0
"""Seconds for all of it: the first body passes in that time at 50 kbit/s."""
ANSWER_MOST: Final = 4096


class _Answer(msgspec.Struct, frozen=True):
    received: int


async def uplink(hub: str, *, clock: Clock, authority: Path | None = None) -> SurveyUplink:
    """Send to a hub for some seconds. Never raises for what the line or the hub does.

    Args:
        hub: its address, as a browser has it.
        clock: ours.
        authority: certificate of the hub's own authority, where it has one.

    Raises:
        ConfigError: the address is none, or the certificate cannot be read.
    """
    origin, connector = _to(hub, authority)
    best = SurveyUplink(measured=False, hub=origin, why="the hub did not answer")
    try:
        async with (
            asyncio.timeout(WHOLE_S),
            aiohttp.ClientSession(connector=connector, trust_env=False) as session,
        ):
            for size in SIZES:
                best = await _send(session, origin, size, clock)
                if not best.measured or best.seconds >= ENOUGH_S:
                    break
    except TimeoutError:
        return best if best.measured else _not(origin, f"nothing came through in {WHOLE_S:g} s")
    except (aiohttp.ClientError, OSError) as error:
        return best if best.measured else _not(origin, type(error).__name__)
    return best


async def attach(
    hub: str, survey: str, token: Secret, content: bytes, *, authority: Path | None = None
) -> str:
    """Hand the file of a survey to the hub; empty when it has it, else why not.

    The bytes go as they are, so that a box's signature counts; a file that the hub has already is
    kept once, so that whoever is not sure sends it again.

    Args:
        hub: its address, as a browser has it.
        survey: id of the facility's survey, as in the address of its page.
        token: of the account that answers for the facility, with the scopes read and manage.
        content: of `survey.json`.
        authority: certificate of the hub's own authority, where it has one.

    Raises:
        ConfigError: the address or the id is none, or the certificate cannot be read.
    """
    if not re.fullmatch(r"[a-z0-9]{1,40}", survey):
        raise ConfigError("--attach is the id of a survey, as in the address of its page")
    origin, connector = _to(hub, authority)
    headers = {"Authorization": f"Bearer {token.reveal()}", "Content-Type": "application/json"}
    try:
        async with (
            asyncio.timeout(WHOLE_S),
            aiohttp.ClientSession(connector=connector, trust_env=False) as session,
            session.post(
                f"{origin}/api/v1/surveys/{survey}/facts", data=content, headers=headers,
                allow_redirects=False,
            ) as answer,
        ):  # fmt: skip
            return "" if answer.status == 201 else f"the hub answered {answer.status}"
    except TimeoutError:
        return f"nothing came through in {WHOLE_S:g} s"
    except (aiohttp.ClientError, OSError) as error:
        return type(error).__name__


def _to(hub: str, authority: Path | None) -> tuple[str, aiohttp.TCPConnector]:
    parts = urlsplit(hub)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError("--hub is the address of the hub, as https://name")
    try:
        context = ssl.create_default_context(cafile=authority) if authority else True
    except OSError as error:
        raise ConfigError(f"cannot read {authority}: {error.strerror or error}") from error
    return f"{parts.scheme}://{parts.netloc}", aiohttp.TCPConnector(limit=1, ssl=context)


async def _send(
    session: aiohttp.ClientSession, origin: str, size: int, clock: Clock
) -> SurveyUplink:
    """One body; random, so that nothing on the way makes it shorter."""
    body = io.BytesIO(os.urandom(size))
    began_ns = clock.monotonic_ns()
    async with session.post(f"{origin}{PATH}", data=body, allow_redirects=False) as answer:
        said = await answer.content.read(ANSWER_MOST)
        seconds = max(1, clock.monotonic_ns() - began_ns) / NS
        if answer.status != 200:
            return _not(origin, f"the hub answered {answer.status}")
    try:
        received = msgspec.json.decode(said, type=_Answer).received
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _not(origin, "this is not a hub that measures")
    if not 0 < received <= size:
        return _not(origin, "the hub received something else")
    kbps = round(received * 8 / seconds / 1000)
    return SurveyUplink(
        measured=True, hub=origin, kbps=kbps, sent=received, seconds=round(seconds, 3)
    )


def _not(origin: str, why: str) -> SurveyUplink:
    return SurveyUplink(measured=False, hub=origin, why=why)
