"""The whole program over TLS with its own authority: pages, pictures and the box's connection."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import signal
import socket
import ssl
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import sync_playwright
from programs import CHROMIUM, CHROMIUM_ARGS, PASSWORD, VONGGAC

from recordings import virtual_cameras, wait_until
from vonggac import bus, keys, wire
from vonggac.errors import VonggacError
from vonggac.keys import tls
from vonggac.sim.cameras import StreamPlan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("tls"),
    pytest.mark.timeout(300),
    # nats-py hands aiohttp a number of seconds where it now wants an object.
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning"),
]

CAMERA = "cam01"


class Scene:
    """The program behind TLS, and a signed-in client that trusts its authority."""

    def __init__(self, told: dict[str, Any], data: Path, http_port: int) -> None:
        self.url = str(told["url"])
        self.http_port = http_port
        self.data = data
        self.trusted = data / "keys" / "tls" / "ca.pem"
        self.context = tls.client_context(self.trusted)
        self.http = httpx.Client(base_url=self.url, timeout=20, verify=self.context)
        first = {"user": told["user"], "password": told["password"]}
        self.signed_in = self.http.post("/api/v1/session", json=first)
        answer = self.http.put(
            "/api/v1/session/password",
            json={"current": told["password"], "new": PASSWORD},
            headers={"X-CSRF-Token": self.signed_in.json()["csrf_token"]},
        )
        assert answer.status_code == 200, answer.text

    def grant(self, key: keys.NKey) -> dict[str, Any]:
        """What a page asks for before it opens the bus."""
        session = self.http.get("/api/v1/session").json()
        answer = self.http.post(
            "/api/v1/grants",
            json={
                "nkey": key.public, "cameras": [CAMERA], "streams": ["main"], "purpose": "watch",
            },
            headers={"X-CSRF-Token": session["csrf_token"]},
        )  # fmt: skip
        assert answer.status_code in (200, 201), answer.text
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture(scope="module")
def scene(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """`vonggac up` with a private authority, listening for http too, and one camera."""
    folder = tmp_path_factory.mktemp("tls")
    plan = StreamPlan(width=640, height=360, fps=10.0, kbps=400)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        http_port = free.getsockname()[1]
    with virtual_cameras(1, cache, main=plan) as cameras:
        config = folder / "vonggac.toml"
        lines = [
            f'data_dir = "{folder / "data"}"', "[web]", "port = 0", 'tls = "private-ca"',
            'names = ["giam-sat.example"]', f"redirect_port = {http_port}", "[sign_in]",
            'second_factor = "outside"', "[[cameras]]", f'name = "{CAMERA}"',
            f'main = {{url = "{cameras.url(CAMERA)}"}}',
        ]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [VONGGAC, "up", "--config", str(config)],
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            found = Scene(json.loads(line), folder / "data", http_port)

            def is_recorded() -> bool:
                """The box has got its cameras over tls:// and tells of them over it."""
                listed = found.http.get("/api/v1/cameras").json()["cameras"]
                return bool(listed) and listed[0]["state"]["kind"] == "recording"

            wait_until(is_recorded, "the camera is recorded")
            yield found
            found.http.close()
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            finally:
                process.kill()
                process.stdout.close()


def test_signing_in_over_https_leaves_a_cookie_that_never_goes_out_in_clear(scene: Scene) -> None:
    """Secure, HttpOnly and SameSite; and the browser is told to come back over https only."""
    cookie = scene.signed_in.headers["set-cookie"]

    assert scene.url.startswith("https://127.0.0.1:")
    assert {"Secure", "HttpOnly"} <= {part.strip() for part in cookie.split(";")}
    assert "samesite=" in cookie.lower()
    assert scene.signed_in.headers["strict-transport-security"] == "max-age=31536000"
    policy = scene.signed_in.headers["content-security-policy"]
    assert " wss://127.0.0.1:" in policy
    assert " ws://" not in policy


def test_who_trusts_another_authority_gets_nothing(scene: Scene, tmp_path: Path) -> None:
    """Neither the public ones nor another hub's."""
    other = tls.authority(tmp_path, (), now_s=int(time.time()))
    for verify in (ssl.create_default_context(), tls.client_context(other.trusted)):
        with (
            httpx.Client(base_url=scene.url, verify=verify) as stranger,
            pytest.raises(httpx.ConnectError),
        ):
            stranger.get("/signin")


async def test_pictures_come_over_wss_to_who_trusts_the_authority(
    scene: Scene, tmp_path: Path
) -> None:
    """With a real grant and a real part; another authority is refused before a word is said."""
    key = keys.NKey.create(keys.Role.USER)
    told = await asyncio.to_thread(scene.grant, key)
    credential = keys.Credential(told["token"], key)
    other = tls.authority(tmp_path, (), now_s=int(time.time()))
    assert told["websocket"].startswith("wss://127.0.0.1:")

    viewer = await bus.connect(
        told["websocket"], credential, name="viewer", origin=scene.url, trusted=scene.trusted
    )
    heard: list[bus.Message] = []
    await viewer.listen(told["subjects"]["live"][CAMERA]["main"], heard.append)
    asker = bus.Asker(told["hub"], told["grant_id"], viewer, [viewer])
    await asker.start(told["site"])
    opening = (told["site"], wire.Verb.OPEN, CAMERA, wire.OpenAsk("main"), told["grant"])
    await asker.ask(*opening)
    async with asyncio.timeout(20):
        while not heard:
            await asyncio.sleep(0.01)
    await asker.stop()
    await viewer.close()
    with pytest.raises(VonggacError):
        await bus.connect(
            told["websocket"], credential, name="x", origin=scene.url, trusted=other.trusted
        )
    assert heard[0].payload


def test_http_is_sent_on_to_our_own_names_alone(scene: Scene) -> None:
    """A link to the http port must lead nowhere else, and a password sent to it does nothing."""
    with httpx.Client(base_url=f"http://127.0.0.1:{scene.http_port}") as http:
        here = http.get("/wall?a=1", headers={"Host": "giam-sat.example"})
        elsewhere = http.get("/wall", headers={"Host": "ac.example"})
        twice = http.get("//ac.example/wall")
        sent = http.post("/signin", data={"name": "admin", "password": PASSWORD})

    own = scene.url.rpartition(":")[2]
    assert (here.status_code, here.headers["location"]) == (
        308, f"https://giam-sat.example:{own}/wall?a=1",
    )  # fmt: skip
    for answer in (elsewhere, twice):
        assert "ac.example" not in answer.headers["location"].partition("/wall")[0]
    assert twice.headers["location"].startswith("https://127.0.0.1:")
    assert sent.status_code == 403
    assert "set-cookie" not in sent.headers


def test_the_page_ca_hands_out_the_authority_and_its_fingerprint(scene: Scene) -> None:
    """For anybody; the file is the one that the programs verify by."""
    with httpx.Client(base_url=scene.url, verify=scene.context) as anybody:
        page = anybody.get("/ca")
        file = anybody.get("/ca.crt")

    certificate = tls.certificate(scene.trusted)
    assert page.status_code == 200
    assert tls.fingerprint(certificate).split(":")[7] in page.text
    assert (
        tls.fingerprint(certificate)
        == page.text.replace("<wbr>", "").partition("<code>")[2].partition("</code>")[0]
    )
    assert file.content == tls.der(scene.trusted)
    assert file.headers["content-type"] == "application/x-x509-ca-cert"


def test_a_browser_that_trusts_the_authority_plays_live_pictures(scene: Scene) -> None:
    """Chromium, wss and the content policy together; without the authority it opens nothing."""
    trusts = spki(scene.data / "keys" / "tls" / "server.pem")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        stranger = browser.new_page()
        with pytest.raises(Exception, match="ERR_CERT_AUTHORITY_INVALID"):
            stranger.goto(f"{scene.url}/signin")
        browser.close()
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[*CHROMIUM_ARGS, f"--ignore-certificate-errors-spki-list={trusts}"],
        )
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
        context.add_cookies(
            [
                {"name": one.name, "value": one.value or "", "url": scene.url}
                for one in scene.http.cookies.jar
            ]
        )
        page = context.new_page()
        page.goto(f"{scene.url}/wall")
        tile = page.wait_for_selector(
            f'article[data-camera="{CAMERA}"][data-look="live"]', timeout=30_000
        )
        assert tile is not None
        browser.close()


def spki(path: Path) -> str:
    """SHA-256 of a certificate's public key in base64, as Chromium's switch takes it."""
    key = tls.certificate(path).public_key()
    content = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_the_bus_of_the_running_program_is_behind_tls(scene: Scene) -> None:
    """The box's own connection is the one that recorded; its file names the authority."""
    told = json.loads((scene.data / "keys" / "edge.json").read_text())

    assert told["nats_url"].startswith("tls://127.0.0.1:")
    assert told["nats_ca"] == str(scene.trusted)
