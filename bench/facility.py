"""A whole facility for the benches: `vonggac up` on loopback, its keys, and Chromium before it.

Everything is real: nats-server, the edge's process, the pages, the WebSocket. The bench asks the
box as the hub does, with the hub's own keys, because both are this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from playwright.async_api import async_playwright

import common
from vonggac import bus, keys, wire
from vonggac.clock import NS, SystemClock
from vonggac.edge.identity import identity_at
from vonggac.hub.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import msgspec
    from playwright.async_api import BrowserContext

PASSWORD = "mot mat khau chi de do"
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
READY_S = 90.0


@dataclass
class Facility:
    """What a bench needs of it."""

    url: str
    data: Path
    http: httpx.AsyncClient
    """Signed in."""
    site: Site
    asker: bus.Asker
    hub: str
    media: bus.Connection
    """The hub's connection for pictures: may listen to every live subject."""
    pids: list[int]

    def grant_body(self, nkey: str, cameras: Sequence[str]) -> dict[str, object]:
        """What a browser posts to /api/v1/grants."""
        return {"nkey": nkey, "cameras": list(cameras), "streams": ["main", "sub"],
                "purpose": "watch"}  # fmt: skip

    async def ask(self, verb: wire.Verb, camera: str, ask: msgspec.Struct) -> bytes:
        """One question as the hub asks it, and its whole answer."""
        grant = self.site._own_grant()
        _, content = await self.asker.ask(self.site.id, verb, camera, ask, grant)
        return content

    async def viewer(self, camera: str, number: int) -> Viewer:
        """One more viewer of a camera, over the WebSocket, as a browser connects."""
        key = keys.NKey.create(keys.Role.USER)
        response = await self.http.post(
            "/api/v1/grants", json=self.grant_body(key.public, [camera])
        )
        response.raise_for_status()
        granted = response.json()
        connection = await bus.connect(
            granted["websocket"], keys.Credential(granted["token"], key),
            name=f"viewer-{number}", origin=self.url,
        )  # fmt: skip
        return Viewer(connection, granted, camera)


class Viewer:
    """A viewer in Python: counts what comes on one live subject and keeps its lease.

    Args:
        connection: its own, over the WebSocket.
        granted: the answer of POST /api/v1/grants.
        camera: which camera.
    """

    def __init__(self, connection: bus.Connection, granted: dict[str, Any], camera: str) -> None:
        self._connection = connection
        self._granted = granted
        self._camera = camera
        self._asked = 0
        self.parts = 0
        self.bytes = 0

    async def watch(self, stream: str) -> None:
        """Subscribe and lease the stream."""
        subject = self._granted["subjects"]["live"][self._camera][stream]
        await self._connection.listen(subject, self._take)
        await self.lease(stream, 30)

    async def lease(self, stream: str, seconds: float) -> None:
        """Extend the lease, or give it back with 0 seconds."""
        self._asked += 1
        subjects = self._granted["subjects"]
        body = {"stream": stream, "extend": True, "lease_s": seconds}
        await self._connection.publish(
            subjects["ask"][self._camera]["open"], json.dumps(body).encode(),
            headers={"Vg-Grant": self._granted["grant"]}, reply=f"{subjects['re']}.{self._asked}",
        )  # fmt: skip
        await self._connection.flush()

    async def close(self) -> None:
        """Leave."""
        await self._connection.close()

    def _take(self, message: bus.Message) -> None:
        if message.payload:
            self.parts += 1
            self.bytes += len(message.payload)


@contextlib.asynccontextmanager
async def facility(
    urls: Sequence[tuple[str, str]], *, data: Path | None = None, extra: str = ""
) -> AsyncIterator[Facility]:
    """Run `vonggac up` with these cameras until the block ends.

    Args:
        urls: main and sub of each camera; they are named cam01, cam02 ...
        data: its folder; a temporary one by default.
        extra: more TOML, for example `[retention]`.
    """
    with contextlib.ExitStack() as stack:
        if data is None:
            made = tempfile.TemporaryDirectory(prefix="vonggac-", ignore_cleanup_errors=True)
            data = Path(stack.enter_context(made))
        toml = data / "bench.toml"
        toml.write_text(_toml(data, urls) + extra)
        environment = dict(os.environ, VONGGAC_LOG="error")
        process = subprocess.Popen(
            [common.VONGGAC, "--log-level", "error", "up", "--config", str(toml)],
            stdout=subprocess.PIPE, stderr=(data / "log").open("w"), text=True, env=environment,
        )  # fmt: skip
        stack.callback(common.stop, process)
        ready = await asyncio.wait_for(asyncio.to_thread(_first_line, process), READY_S)
        if not ready:
            raise SystemExit(f"vonggac up did not start:\n{(data / 'log').read_text()}")
        told = json.loads(ready)
        async with _joined(told, data, common.family(process.pid)) as joined:
            yield joined


@contextlib.asynccontextmanager
async def _joined(told: dict[str, Any], data: Path, pids: list[int]) -> AsyncIterator[Facility]:
    clock = SystemClock()
    trust = keys.Trust.at(data / "keys" / "trust", issued_s=clock.wall_ns() // NS)
    control, media = trust.hub_users(issued_s=clock.wall_ns() // NS)
    address = json.loads((data / "keys" / "edge.json").read_text())["nats_url"]
    asking = await bus.connect(address, control, name="bench control")
    pictures = await bus.connect(address, media, name="bench media")
    asker = bus.Asker(trust.hub, keys.new_id(), asking, [asking, pictures])
    await asker.start()
    identity = identity_at(data / "recordings")
    site = Site(
        asker, keys.SigningKey.at(data / "keys" / "hub.key"), clock,
        site_id=identity.site, public_key=identity.key.public,
    )  # fmt: skip
    async with httpx.AsyncClient(base_url=told["url"], timeout=20) as http:
        await _sign_in(http, told)
        try:
            yield Facility(told["url"], data, http, site, asker, trust.hub, pictures, pids)
        finally:
            await asker.stop()
            await asking.close()
            await pictures.close()


async def _sign_in(http: httpx.AsyncClient, told: dict[str, Any]) -> None:
    """The generated password is changed at the first start, as the program demands."""
    given = told.get("password", PASSWORD)
    answer = await http.post("/api/v1/session", json={"user": told["user"], "password": given})
    answer.raise_for_status()
    token = answer.json()["csrf_token"]
    if answer.json()["must_change_password"]:
        answer = await http.put(
            "/api/v1/session/password",
            json={"current": given, "new": PASSWORD},
            headers={"X-CSRF-Token": token},
        )
        answer.raise_for_status()
        token = answer.json()["csrf_token"]
    http.headers["X-CSRF-Token"] = token


@contextlib.asynccontextmanager
async def chromium(place: Facility, *, width: int, height: int) -> AsyncIterator[BrowserContext]:
    """A signed-in browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGS, headless=False
        )
        context = await browser.new_context(viewport={"width": width, "height": height})
        await context.add_cookies(
            [{"name": cookie.name, "value": cookie.value or "", "url": place.url}
             for cookie in place.http.cookies.jar]
        )  # fmt: skip
        yield context
        await browser.close()


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the largest; seconds, rounded to ms."""
    ordered = sorted(values)
    if not ordered:
        return {}

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3)

    return {"p50": at(0.5), "p95": at(0.95), "max": round(ordered[-1], 3), "count": len(ordered)}


def _toml(data: Path, urls: Sequence[tuple[str, str]]) -> str:
    lines = [
        f"data_dir = {json.dumps(str(data))}",
        "[site]", 'name = "bench"',
        "[web]", "port = 0",
        "[sign_in]", 'second_factor = "outside"',
    ]  # fmt: skip
    for number, (main, sub) in enumerate(urls):
        lines += ["[[cameras]]", f'name = "cam{number + 1:02d}"', f'main = {{url = "{main}"}}']
        if sub:
            lines.append(f'sub = {{url = "{sub}"}}')
    return "\n".join(lines) + "\n"


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()
