"""TLS of one hub: which certificate its listeners show, its renewal, and the way to it over http.

Two kinds of peers verify: browsers, by a given certificate or by the hub's private authority, and
our own programs at the bus, always by the private authority.
"""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from vonggac import log
from vonggac.clock import NS
from vonggac.errors import VonggacError
from vonggac.keys import tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from vonggac.clock import Clock
    from vonggac.config import Config

_log = log.get(__name__)

LOOK_S: Final = 3_600.0
"""Seconds between two looks whether a certificate was replaced or nears its end."""
FOLDER: Final = "tls"
"""Below the keys' folder."""
ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_PATH: Final = re.compile(r"/(?!/)[!-~]{0,2000}")
"""A path as a request has it; two slashes would name another host."""


@dataclass(slots=True)
class Secured:
    """What the listeners of one hub speak TLS with."""

    config: Config
    folder: Path
    browsers: tls.Files
    """What browsers see, on the pages and on the bus's WebSocket."""
    own: tls.Authority
    """What our programs verify at the bus."""
    context: ssl.SSLContext
    """Of the pages' listener; renewed in place."""
    seen: tuple[int, ...] = field(default=())
    """When the files were written that `context` was last loaded from, in ns."""

    @property
    def authority(self) -> Path | None:
        """What a desk installs: the private authority, unless the certificate was given."""
        return self.own.trusted if self.config.web.tls == "private-ca" else None


def secured(config: Config, keys_folder: Path, *, now_s: int) -> Secured | None:
    """The certificates of this configuration, made where they are ours; None without TLS.

    Raises:
        ConfigError: a given one cannot be used, or a configured name is none.
    """
    if config.web.tls is None:
        return None
    folder = keys_folder / FOLDER
    own = tls.authority(folder, names(config), now_s=now_s)
    browsers = _browsers(config, own)
    return Secured(config, folder, browsers, own, tls.server_context(browsers), _written(browsers))


def names(config: Config) -> list[str]:
    """Every name and address by which somebody reaches a listener of this hub."""
    found = list(config.web.names)
    public = urlsplit(config.web.public_url or "").hostname
    found += [public] if public else []
    for host in (config.web.host, config.bus.host, config.bus.websocket_host or config.web.host):
        found.append(socket.gethostname() if host in ANYWHERE else host)
    return list(dict.fromkeys(name.strip("[]").lower() for name in found))


def origins(config: Config, port: int) -> list[str]:
    """Origins of our own pages over https: what the bus lets open its WebSocket."""
    shown = [f"[{name}]" if ":" in name else name for name in (*names(config), *tls.HERE)]
    return list(dict.fromkeys(f"https://{name}{_suffix(port)}" for name in shown))


async def renew(found: Secured, clock: Clock, changed: Callable[[], None]) -> None:
    """Keep the certificates fresh, for good; returns only when cancelled.

    Args:
        found: what is in use.
        clock: the wall says when a certificate ends.
        changed: has the bus's server read its certificates again.
    """
    while True:
        await clock.sleep(LOOK_S)
        try:
            if await asyncio.to_thread(look, found, clock.wall_ns() // NS):
                changed()
                _log.info("tls.renewed", ends_s=tls.ends(found.browsers))
        except (VonggacError, OSError) as error:
            _log.warning("tls.not_renewed", error=str(error))


def look(found: Secured, now_s: int) -> bool:
    """Renew what is ours and take what was replaced; whether anything changed.

    Raises:
        ConfigError, OSError: what is there now cannot be used; the old one stays in use.
    """
    before = found.own
    found.own = tls.authority(found.folder, names(found.config), now_s=now_s)
    written = _written(found.browsers)
    if written != found.seen:
        tls.server_context(_browsers(found.config, found.own))  # refused before it is used
        tls.load(found.context, found.browsers)
        found.seen = written
        return True
    return found.own != before


def _browsers(config: Config, own: tls.Authority) -> tls.Files:
    given = config.web.tls
    if given is None or given == "private-ca":
        return own.files
    return tls.given(Path(given.cert), Path(given.key))


def _written(files: tls.Files) -> tuple[int, ...]:
    return tuple(path.stat().st_mtime_ns for path in (files.certificate, files.key))


def _suffix(port: int) -> str:
    return "" if port == 443 else f":{port}"


def sends_on(config: Config, port: int) -> ASGIApp:
    """Answers every request over http with the same page over https.

    The host that a request names is followed only if it is ours: else a link to this listener
    would lead anywhere.

    Args:
        config: says our names.
        port: of the pages.
    """
    ours = [*names(config), *tls.HERE]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        host = Headers(scope=scope).get("host", "")
        named = re.sub(r":[0-9]{1,5}$", "", host).strip("[]").lower()
        name = named if named in ours else ours[0]
        shown = f"[{name}]" if ":" in name else name
        path = scope.get("raw_path", b"/").decode("ascii", "replace")
        query = scope["query_string"].decode("ascii", "replace")
        path = f"{path}?{query}" if query else path
        if not _PATH.fullmatch(path):
            path = "/"
        response: Response
        if scope["method"] in ("GET", "HEAD"):
            response = RedirectResponse(f"https://{shown}{_suffix(port)}{path}", 308)
        else:
            # What was sent is already known to whoever listens; doing it would teach nobody.
            response = PlainTextResponse("use https\n", 403)
        await response(scope, receive, send)

    return answer
