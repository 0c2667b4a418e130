"""What every response carries and what every request that changes something must show."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from vonggac.errors import Kind, VonggacError
from vonggac.web.errors import error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


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


class Guard:
    """Puts the security headers on every response and refuses what another site's page sent.

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
                if self._secure:
                    found["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        if scope["method"] not in SAFE_METHODS and not _from_here(headers, host):
            refused = error_response(
                VonggacError(Kind.FORBIDDEN, "this request was sent by another site's page")
            )
            await refused(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)


def _from_here(headers: Headers, host: str) -> bool:
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == host.lower()
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
