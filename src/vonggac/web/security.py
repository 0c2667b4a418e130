"""What every response carries and what every request that changes something must show."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from vonggac.errors import Kind, VonggacError
from vonggac.web.errors import error_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
MAX_BODY: Final = 64 * 1024
"""Bytes of a request's body; the longest of ours, a camera's form, has under 8 kB.  Whoever has not
signed in may send one too."""
LONG_BODIES: Final[Mapping[str, int]] = {
    "/accounts/sheet": 2 * 1024 * 1024,
    "/legal/texts": 5 * 1024 * 1024,
    "/letters/template": 3 * 1024 * 1024,
    "/api/v1/letters/template": 3 * 1024 * 1024,
    "/directives/{directive_id}/files": 11 * 1024 * 1024,
    "/tasks/{task_id}/files": 11 * 1024 * 1024,
    "/api/v1/tasks/{task_id}/files": 11 * 1024 * 1024,
    "/papers/{paper_id}/issue": 21 * 1024 * 1024,
    "/api/v1/papers/{paper_id}/signed.pdf": 21 * 1024 * 1024,
    "/estimates/quotes": 3 * 1024 * 1024,
    "/prices": 2 * 1024 * 1024,
    "/facilities/import": 17 * 1024 * 1024,
    "/api/v1/register/import": 17 * 1024 * 1024,
    "/acceptance/sites/{site_id}/designated/import": 2 * 1024 * 1024,
    "/api/v1/facilities/{site_id}/designated.xlsx": 2 * 1024 * 1024,
    "/facilities/absences": 6 * 1024 * 1024,
    "/facilities/plans": 6 * 1024 * 1024,
    "/facilities/conclusions": 24 * 1024 * 1024,
    "/api/v1/pictures": 6 * 1024 * 1024,
    "/inspections/{inspection_id}/photos": 6 * 1024 * 1024,
    "/api/v1/inspections/{inspection_id}/photos": 6 * 1024 * 1024,
    "/findings/{finding_id}/proof": 6 * 1024 * 1024,
    "/api/v1/findings/{finding_id}/photos": 6 * 1024 * 1024,
    "/s/{survey_token}": 64 * 1024 * 1024,
    "/surveys/{survey_id}/form": 64 * 1024 * 1024,
    "/s/{survey_token}/pictures": 6 * 1024 * 1024,
    "/surveys/{survey_id}/pictures": 6 * 1024 * 1024,
    "/surveys/{survey_id}/facts": 9 * 1024 * 1024,
    "/api/v1/surveys/{survey_id}/pictures": 6 * 1024 * 1024,
    "/api/v1/surveys/{survey_id}/facts": 9 * 1024 * 1024,
    "/api/v1/uplink": 4 * 1024 * 1024,
}
"""Bytes of a body where a file is attached, by the route's path: accounts of a sheet, which come
back as text of a form, a text of the law (`legal.MAX_FILE`) and its form, a template of letters
(`word.MOST_BYTES`), a scan (`directives.MAX_FILE`), a signed paper (`papers.MAX_FILE`), a
workbook of the register (`register_sheets.MAX_FILE`), pictures (`pictures.MAX_PICTURE`), a form of
a survey that a browser without scripts sends with more of them than are kept at once, so that it
comes back with what was typed (`survey_form.PHOTOS_MOST`), a
quote (`quotes.FILE_MOST`), a sheet of connections (`designated.MAX_FILE`), prices
(`prices.FILE_MOST`), bytes that measure a line (`edge.uplink.SIZES`).  No route keeps anything of
a body before it knows who sends it."""
_LONG: Final = tuple(
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), most) for path, most in LONG_BODIES.items()
)
LONG_BODY_S: Final = 60.0
"""Seconds in which such a body must have come: 0.7 Mbit/s."""
BODY_S: Final = 15.0
"""Seconds in which a body must have come."""
_HOST: Final = re.compile(
    r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))?(?::[0-9]{1,5})?"
)
"""RFC 9110 section 7.2: a name or an address, and a port.  It goes on into the content policy."""


def policy(websocket: str) -> str:
    """The content policy: nothing inline, nothing from elsewhere, pictures and streams from here.

    Args:
        websocket: origin of the bus's WebSocket, `ws://host:port`.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "worker-src 'self'",
            f"connect-src 'self' {websocket}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def websocket_origin(configured: str | None, port: int, host: str, *, secure: bool) -> str:
    """Where a browser reaches the bus: as configured, else the host it used, at the bus's port.

    Args:
        configured: `bus.public_websocket_url`.
        port: of the WebSocket listener.
        host: the Host header of the request.
        secure: whether the page came over https.
    """
    if configured:
        parts = urlsplit(configured)
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    name = host.rsplit("]", 1)[0] + "]" if host.startswith("[") else host.split(":", 1)[0]
    return f"{'wss' if secure else 'ws'}://{name or '127.0.0.1'}:{port}"


def longest(path: str) -> int:
    """Bytes that a body may have that is sent to this path."""
    return next((most for long, most in _LONG if long.fullmatch(path)), MAX_BODY)


class Guard:
    """Puts the security headers on every response, and refuses what nobody honest sends.

    That is: what another site's page sent, what names no host, bodies that are long or slow.
    A browser names the origin of a request that changes something; a request without one comes
    from a program that carries no one's cookies. Forms carry their session's token besides.

    Args:
        app: what is guarded.
        websocket: `bus.public_websocket_url`.
        websocket_port: of the bus.
        secure: whether browsers reach the program over https.
    """

    def __init__(
        self, app: ASGIApp, *, websocket: str | None, websocket_port: int, secure: bool
    ) -> None:
        self._app = app
        self._websocket = websocket
        self._port = websocket_port
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        named = _HOST.fullmatch(host) is not None
        if not named:
            host = ""
        origin = websocket_origin(self._websocket, self._port, host, secure=self._secure)
        parts = urlsplit(origin)
        content_policy = policy(f"{parts.scheme}://{parts.netloc}")

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                found["Content-Security-Policy"] = content_policy
                found["X-Content-Type-Options"] = "nosniff"
                found["Referrer-Policy"] = "same-origin"
                found["Cross-Origin-Opener-Policy"] = "same-origin"
                found["Cross-Origin-Resource-Policy"] = "same-origin"
                found["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
                found.setdefault("Cache-Control", "no-store")
                if found.get("Content-Type", "").startswith("application/json"):
                    # Opened by itself, an answer for programs is a file and never a page.
                    found.setdefault("Content-Disposition", 'attachment; filename="api.json"')
                if self._secure:
                    found["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        most = longest(scope["path"])
        error = None
        if not named:
            error = VonggacError(Kind.BAD_INPUT, "the Host header names no host")
        elif scope["method"] not in SAFE_METHODS and not _from_here(headers, host):
            error = VonggacError(Kind.FORBIDDEN, "this request was sent by another site's page")
        length = _length(headers)
        if error is None and (length is None or (length > most and is_for_programs(scope["path"]))):
            error = VonggacError(Kind.TOO_LARGE, f"a body has at most {most} bytes")
        if error is not None:
            await error_response(error)(scope, receive, guarded)
            return
        # Of a page the app says so itself, in the reader's language, when it asks for the body.
        bounded = _Bounded(
            receive, most, BODY_S if most == MAX_BODY else LONG_BODY_S, declared=length or 0
        )
        await self._app(scope, bounded.receive, guarded)


class _Bounded:
    """A request's body, with an end to its length and to the time that it takes.

    A program that says nothing of the length (chunks) is stopped at the bound all the same; of a
    body that is `declared` too long nothing is read.
    """

    def __init__(self, receive: Receive, most: int, seconds: float, *, declared: int) -> None:
        self._receive = receive
        self._most = most
        self._declared = declared
        self._seconds = seconds
        self._size = 0
        self._whole = False
        self._until = asyncio.get_running_loop().time() + seconds

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            HTTPException: 413 or 408; Starlette and FastAPI let it through to our answer.
        """
        if self._declared > self._most:
            raise HTTPException(413, f"a body has at most {self._most} bytes")
        if self._whole:  # what follows is the news that the browser has gone
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"the body did not come within {self._seconds:g} s") from None
        self._size += len(message.get("body", b""))
        if self._size > self._most:
            raise HTTPException(413, f"a body has at most {self._most} bytes")
        self._whole = not message.get("more_body", False)
        return message


def is_for_programs(path: str) -> bool:
    """Whether what answers at this path is read by programs, not by people."""
    return path.startswith(("/api/", "/healthz", "/metrics"))


def _length(headers: Headers) -> int | None:
    """Bytes of the body, as its sender says; None for what is no length, or no honest one."""
    length = headers.get("content-length", "0")
    is_one = length.isascii() and length.isdigit() and len(length) < 10
    return int(length) if is_one else None


def _from_here(headers: Headers, host: str) -> bool:
    origins = headers.getlist("origin")
    if origins:
        try:
            return all(urlsplit(origin).netloc.lower() == host.lower() for origin in origins)
        except ValueError:  # brackets that do not match
            return False
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
