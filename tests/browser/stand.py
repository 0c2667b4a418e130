"""Where the browser's modules are tested: real nats-server, pages and grants, Chromium.

The pages here are the least that README.md beside the modules asks for; the product's own pages are
tested with the product (tests/web, tests/flow).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from loop_edge import LoopCamera, LoopEdge

import bus_stand
from vonggac import bus, keys
from vonggac.clock import NS, SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src/vonggac/web/static"
README = STATIC / "js/README.md"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' ws://127.0.0.1:*; "
    "base-uri 'none'; form-action 'self'"
)
SHEETS = ("css/tokens.css", "css/fonts.css", "css/base.css", "css/pages.css", "js/pictures.css")
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
CAUSES = {
    "unreachable": {"letter": "M", "class": "m", "name": "Mất kết nối camera"},
    "stalled": {"letter": "Đ", "class": "d", "name": "Đứng hình"},
    "no_keyframe": {"letter": "K", "class": "k", "name": "Thiếu khung hình chính"},
    "maintenance": {"letter": "B", "class": "b", "name": "Bảo trì có kế hoạch"},
}


def texts() -> dict[str, str]:
    """The examples of README.md's table, which the server's own texts must cover too."""
    rows = [line.split("|") for line in README.read_text().splitlines() if line.startswith("| `")]
    start = next(n for n, row in enumerate(rows) if row[1].strip() == "`live`")
    return {row[1].strip(" `"): row[2].strip() for row in rows[start:]}


def piece(name: str) -> str:
    return (Path(__file__).parent / "pages" / f"{name}.html").read_text()


class Stand:
    """One edge, one nats-server, one web server."""

    def __init__(self, box: bus_stand.Stand, edge: LoopEdge, origin: str) -> None:
        self.box = box
        self.edge = edge
        self.origin = origin
        self.websocket = ""
        self.listener = int(box.server.address.websocket.rsplit(":", 1)[1])
        self.refusing = False
        self.token_seconds = 120
        self.websocket_open = True
        self.writers: set[asyncio.StreamWriter] = set()
        self.grants = 0
        self.grant_seconds = 120.0
        self.grant_takes_s = 0.0
        self.connected_before_the_grant = False
        self.page_changes: dict[str, Any] = {}

    async def cut(self) -> None:
        """The WebSocket listener and every connection through it are gone."""
        self.websocket_open = False
        for writer in list(self.writers):
            writer.transport.abort()

    async def mend(self) -> None:
        self.websocket_open = True

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bytes to and from nats-server's WebSocket listener, until `cut`."""
        if not self.websocket_open:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.listener)
        self.writers |= {writer, far_writer}

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(65_536):
                    sink.write(data)
                    await sink.drain()
            except ConnectionError:
                pass
            finally:
                sink.close()
                self.writers.discard(sink)

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    def camera(self, name: str, stream: str = "main") -> LoopCamera:
        return self.edge.streams[name, stream]

    def page_data(self) -> dict[str, Any]:
        names = dict.fromkeys(name for name, _ in self.edge.streams)
        return {
            "api": "/api/v1",
            "websocket": self.websocket,
            "csrf": {"header": "X-CSRF-Token", "token": "t"},
            "hub": self.box.hub,
            "site": self.box.site,
            "server_now": str(time.time_ns()),
            "utc_offset_s": 25200,
            "language": "vi",
            "purpose": "watch",
            "cameras": [
                {
                    "id": name,
                    "code": name.upper(),
                    "name": f"Hành lang {name}",
                    "zone": {"code": "HL", "name": "Hành lang"},
                    "allowed": True,
                    "streams": {
                        stream: {
                            "codec": camera.clip.video.codec_string,
                            "width": camera.clip.video.width,
                            "height": camera.clip.video.height,
                        }
                        for (other, stream), camera in self.edge.streams.items()
                        if other == name
                    },
                }
                for name in names
            ],
            "causes": CAUSES,
            "links": {
                "playback": "/playback?camera={camera}&at={at}",
                "recording": "/api/v1/cameras/{camera}/recording.mp4?from={from}&to={to}",
                "case": None,
            },
            "texts": texts(),
        } | self.page_changes

    def page(self, body: str, module: str, theme: str) -> web.Response:
        data = json.dumps(self.page_data(), ensure_ascii=False).replace("<", "\\u003c")
        sheets = "".join(
            f'<link rel="stylesheet" href="/static/{sheet}">'
            for sheet in (
                "css/tokens.css",
                "css/fonts.css",
                "css/base.css",
                "css/pages.css",
                "js/pictures.css",
            )
        )
        html = (
            f'<!DOCTYPE html><html lang="vi"{theme}><head><meta charset="utf-8">'
            f"<title>{module}</title>"
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<script type="application/json" id="page-data">{data}</script>'
            f'<script type="module" async src="/static/js/start.mjs"></script>{sheets}'
            f'<link rel="icon" href="data:,">'
            f'<script type="module" src="/static/js/{module}.mjs"></script></head>'
            f"<body{' class=wallpage' if module == 'wall' else ''}>{piece('defs')}{body}"
            "</body></html>"
        )
        return web.Response(
            text=html, content_type="text/html", headers={"Content-Security-Policy": POLICY}
        )

    async def grant(self, request: web.Request) -> web.Response:
        """POST /api/v1/grants as the product answers it, with real tokens."""
        asked = await request.json()
        if self.refusing:
            return web.json_response({"error": {"message": "signed out"}}, status=401)
        self.grants += 1
        await asyncio.sleep(self.grant_takes_s)
        self.connected_before_the_grant = bool(self.writers)
        box, grant_id = self.box, keys.new_id()
        token = box.trust.viewer_signer().token(
            asked["nkey"], site=box.site, cameras=asked["cameras"], streams=asked["streams"],
            grant=grant_id, issued_s=box.now_s, life_s=self.token_seconds,
        )  # fmt: skip
        base, now = self.edge.base, dt.datetime.now(dt.UTC)
        verbs = ("open", "gop", "timeline", "snapshot", "more")
        return web.json_response({
            "token": token,
            "grant": box.grant_token(grant_id, cameras=tuple(asked["cameras"])),
            "grant_id": grant_id, "hub": box.hub, "site": box.site,
            "subjects": {
                "live": {c: {s: f"{base}.live.{c}.{s}" for s in asked["streams"]}
                         for c in asked["cameras"]},
                "ask": {c: {v: f"{base}.ask.{v}.{c}.{grant_id}" for v in verbs}
                        for c in asked["cameras"]},
                "re": f"{base}.re.{grant_id}", "re_all": f"{base}.re.{grant_id}.>",
            },
            "websocket": self.websocket, "now": now.isoformat(),
            "expires": (now + dt.timedelta(seconds=self.grant_seconds)).isoformat(),
        })  # fmt: skip


@contextlib.asynccontextmanager
async def stand(directory: Path, cameras: list[LoopCamera]) -> AsyncIterator[Stand]:
    """Starts everything on free ports of 127.0.0.1; stops it in reverse order."""
    door = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{door.getsockname()[1]}"
    async with serving(directory, origin) as box, contextlib.AsyncExitStack() as stack:
        control, media = await box.edge()
        base = f"vg.{box.hub}.{box.site}"
        edge = LoopEdge(control, media, base, cameras)
        made = Stand(box, edge, origin)
        running = asyncio.create_task(edge.run())

        async def stop_edge() -> None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        stack.push_async_callback(stop_edge)
        relaying = await asyncio.start_server(made.relay, "127.0.0.1", 0)
        made.websocket = f"ws://127.0.0.1:{relaying.sockets[0].getsockname()[1]}"

        async def stop_relay() -> None:
            relaying.close()
            await made.cut()
            await relaying.wait_closed()

        stack.push_async_callback(stop_relay)
        runner = web.AppRunner(application(made), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, door).start()
        yield made


@contextlib.asynccontextmanager
async def serving(directory: Path, origin: str) -> AsyncIterator[bus_stand.Stand]:
    """nats-server with our trust tree, open to the pages of `origin` alone."""
    clock = SystemClock()
    trust = keys.Trust.at(directory / "keys", issued_s=clock.wall_ns() // NS)
    settings = bus.Settings(allowed_origins=(origin,))
    server = bus.NatsServer(directory / "nats", trust, settings, clock)
    async with contextlib.AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.stop)
        yield bus_stand.Stand(
            trust,
            server,
            keys.new_id(),
            keys.SigningKey.at(directory / "hub.key"),
            keys.SigningKey.at(directory / "site.key"),
            clock,
            stack,
        )


def application(made: Stand) -> web.Application:
    app = web.Application()

    async def wall(_: web.Request) -> web.Response:
        return made.page(piece("wall"), "wall", ' data-theme="wall"')

    async def playback(_: web.Request) -> web.Response:
        return made.page(piece("playback"), "playback", "")

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text=piece("blank"), content_type="text/html")

    app.router.add_get("/wall", wall)
    app.router.add_get("/playback", playback)
    app.router.add_get("/blank", blank)
    app.router.add_post("/api/v1/grants", made.grant)
    app.router.add_static("/static", STATIC)
    app.router.add_static("/src", ROOT / "src")
    app.router.add_static("/tests/js", ROOT / "tests/js")
    return app


@contextlib.asynccontextmanager
async def opened(
    browser: Browser, url: str, *, width: int = 1440, height: int = 900
) -> AsyncIterator[tuple[Page, list[str]]]:
    """A page and the list of what its console complained of."""
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    try:
        yield page, complaints
    finally:
        await context.close()


def gaps_ago(now_ns: int, *gaps: tuple[float, float, str]) -> list[tuple[int, int, str]]:
    """Gaps given in seconds before now, oldest first."""
    return [(now_ns - int(a * NS), now_ns - int(b * NS), cause) for a, b, cause in gaps]
