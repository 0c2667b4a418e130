"""`vonggac demo` and `vonggac up` as a person starts them, and a browser before them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

VONGGAC = str(Path(sys.executable).with_name("vonggac"))
WATCH = Path(__file__).parents[2] / "bench" / "watch_tiles.js"
"""Reads the clock in each tile's picture, as bench/live.py does."""
PASSWORD = "mot mat khau chi de thu"
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


@dataclass
class Running:
    """A program that said it is ready."""

    process: subprocess.Popen[str]
    told: dict[str, Any]
    """Its ready line."""
    ready_after_s: float
    log: Path
    http: httpx.Client
    """Signed in."""

    @property
    def url(self) -> str:
        return str(self.told["url"])

    def family(self) -> set[int]:
        """It and everything that it started."""
        return {self.process.pid, *_descendants(self.process.pid)}

    def ledger(self, camera: str) -> dict[str, Any]:
        """GET /api/v1/cameras/{id}/ledger of the last ten minutes."""
        now = time.time()
        answer = self.http.get(
            f"/api/v1/cameras/{camera}/ledger",
            params={"from": moment(now - 600), "to": moment(now)},
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 40) -> float:
        """Ask it to end; returns how long that took. Kills it if it does not, and fails."""
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return time.monotonic() - began


def moment(seconds: float) -> str:
    """RFC 3339 of a time.time()."""
    whole, fraction = divmod(seconds, 1)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{text}.{int(fraction * 1000):03d}Z"


@contextmanager
def running(
    words: list[str], log: Path, environment: dict[str, str], *, ready_s: float = 60
) -> Iterator[Running]:
    """Start a program, wait for its ready line, sign in; it ends with the block."""
    began = time.monotonic()
    with log.open("a") as errors:
        process = subprocess.Popen(
            [VONGGAC, *words], stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()  # pytest-timeout watches over it
        assert line, log.read_text()
        took = time.monotonic() - began
        assert took < ready_s
        told = json.loads(line)
        with httpx.Client(base_url=told["url"], timeout=20) as http:
            _sign_in(http, told)
            yield Running(process, told, took, log, http)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


@contextmanager
def browsing(program: Running) -> Iterator[tuple[Page, list[str]]]:
    """A signed-in page that reads the clocks of tiles, and what its console complained of."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
        context.add_cookies(
            [
                {"name": cookie.name, "value": cookie.value or "", "url": program.url}
                for cookie in program.http.cookies.jar
            ]
        )
        context.add_init_script(path=WATCH)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            yield page, complaints
        finally:
            browser.close()


def command(*words: str, config: Path | None = None, code: int = 0) -> dict[str, Any]:
    """A subcommand as whoever operates the machine runs it; what it says with --json."""
    where = () if config is None else ("--config", str(config))
    done = subprocess.run(
        [VONGGAC, *words, *where, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def ages(page: Page, camera: str) -> list[float]:
    """Ms between the clock in each picture of a tile and the moment it was shown, oldest first."""
    found = page.evaluate("camera => (__watched.read(), __watched.ages(camera))", camera)
    return list(found)


def alive(pids: set[int]) -> set[int]:
    """Those that still run."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.add(pid)
    return found


def _descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= {int(child), *_descendants(int(child))}
    return found


@dataclass
class Person:
    """A browser that somebody signed in with."""

    http: httpx.Client
    form_token: str

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return self.http.post(path, json=body, headers={"X-CSRF-Token": self.form_token})


@contextmanager
def signed_in(url: str, user: str, first: str) -> Iterator[Person]:
    """Somebody with a first password, who has changed it."""
    with httpx.Client(base_url=url, timeout=20) as http:
        _sign_in(http, {"user": user, "password": first})
        yield Person(http, http.get("/api/v1/session").json()["csrf_token"])


def _sign_in(http: httpx.Client, told: dict[str, Any]) -> None:
    given = told.get("password", PASSWORD)
    answer = http.post("/api/v1/session", json={"user": told["user"], "password": given})
    assert answer.status_code == 200, answer.text
    if answer.json()["must_change_password"]:
        answer = http.put(
            "/api/v1/session/password",
            json={"current": given, "new": PASSWORD},
            headers={"X-CSRF-Token": answer.json()["csrf_token"]},
        )
        assert answer.status_code == 200, answer.text
