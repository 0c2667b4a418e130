"""No secret stands in a log, a file, a command line or an environment, nor can it be in a dump.

The whole program at its most talkative, with passwords right and wrong, in files, variables and
addresses, and with a process that dies by SIGABRT and a request that fails in the middle.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from programs import PASSWORD, VONGGAC, running

from recordings import virtual_cameras, wait_until
from vonggac import keys
from vonggac.sim.cameras import StreamPlan
from vonggac.sim.server import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from programs import Running

pytestmark = [pytest.mark.xdist_group("leaks"), pytest.mark.timeout(300)]

RIGHT = "Mat+Khau/Dung@1:phai"
IN_ADDRESS = "Mat+Khau/Sai@2:trong"
IN_VARIABLE = "Mat+Khau/Sai@3:bien"
TYPED_WRONG = "Mat+Khau/Sai@4:go nham"
PROBED = "Mat+Khau/Sai@5:thu"
REGISTERED = "Mat+Khau/Sai@6:dang ky"
VARIABLE = "VG_THU_MAT_KHAU"
STORES = ("keys", "recordings/identity")
"""Folders of secrets, of mode 0700: the only places in the data directory where they may be."""

KEPT = {("csrf", "hub.sqlite")}
"""What the database keeps as it is: it opens nothing without the cookie, which is kept hashed."""


class Scene:
    """The program, and every secret that was used on it."""

    def __init__(self, program: Running, folder: Path, address: str) -> None:
        self.program = program
        self.folder = folder
        self.data = folder / "data"
        self.address = address
        self.secrets = {
            "right": RIGHT, "in the address": IN_ADDRESS, "in a variable": IN_VARIABLE,
            "typed wrong": TYPED_WRONG, "probed": PROBED, "registered": REGISTERED,
            "account": PASSWORD,
        }  # fmt: skip
        # The first administrator's password is not among them: it is printed once, by contract,
        # and opens nothing but its own change.

    def headers(self) -> dict[str, str]:
        session = self.program.http.get("/api/v1/session").json()
        self.secrets["csrf"] = session["csrf_token"]
        return {"X-CSRF-Token": session["csrf_token"]}

    def use(self) -> None:
        """Sign in, make what carries a secret, and hand passwords to everything that takes one."""
        http, headers = self.program.http, self.headers()
        for cookie in http.cookies.jar:
            self.secrets[f"cookie {cookie.name}"] = cookie.value or ""
        wrong = http.post("/api/v1/session", json={"user": "admin", "password": TYPED_WRONG})
        assert wrong.status_code == 401
        made = http.post(
            "/api/v1/tokens", json={"title": "thử", "scopes": ["read"], "days": 1}, headers=headers
        ).json()
        self.secrets["api token"] = next(
            value for value in made.values() if isinstance(value, str) and len(value) >= 32
        )
        with httpx.Client(base_url=self.program.url) as stranger:
            bearer = {"Authorization": f"Bearer {self.secrets['api token']}"}
            assert stranger.get("/api/v1/cameras", headers=bearer).status_code == 200
            stranger.get("/api/v1/cameras", headers={"Authorization": f"Bearer x{TYPED_WRONG}"})
        key = keys.NKey.create(keys.Role.USER)
        grant = http.post(
            "/api/v1/grants",
            json={"nkey": key.public, "cameras": ["cam01"], "streams": ["main"],
                  "purpose": "watch"},
            headers=headers,
        ).json()  # fmt: skip
        self.secrets |= {"viewer's token": grant["token"], "grant": grant["grant"]}
        for body in (
            {"url": self.address, "user": "xem", "password": PROBED},
            {"url": self.address.replace("://", f"://xem:{quote(PROBED, safe='')}@")},
            {"url": f"rtsp://xem:{quote(PROBED, safe='')}@127.0.0.1:1/x"},
        ):
            http.post("/api/v1/probe", json=body, headers=headers)
        added = http.post(
            "/api/v1/cameras",
            json={"name": "cam09", "zone": "HL", "title": "Thử",
                  "main_url": self.address.replace(
                      "://", f"://xem:{quote(REGISTERED, safe='')}@")},
            headers=headers,
        )  # fmt: skip
        assert added.status_code == 201, added.text

    def fail(self) -> None:
        """The box dies by SIGABRT; a request fails with the database in the middle of it."""
        log = self.folder / "log"
        edge = next(pid for pid in self.program.family() if "edge" in words_of(pid))
        os.kill(edge, signal.SIGABRT)
        wait_until(lambda: "edge.died" in log.read_text(), "the box is started again")
        headers = self.headers()
        with contextlib.closing(sqlite3.connect(self.data / "hub.sqlite", timeout=20)) as database:
            database.execute("ALTER TABLE password_past RENAME TO past_gone")
            database.commit()
            answer = self.program.http.put(
                "/api/v1/session/password",
                json={"current": PASSWORD, "new": TYPED_WRONG}, headers=headers,
            )  # fmt: skip
            database.execute("ALTER TABLE past_gone RENAME TO password_past")
            database.commit()
        assert answer.status_code == 500
        # The trace follows the answer: whoever asked does not wait for what is written down.
        wait_until(lambda: "Traceback" in log.read_text(), "the failure is in the log")

    def key_files(self) -> dict[str, str]:
        """Every secret that the program made for itself."""
        found = {}
        for path in [*self.data.glob("keys/**/*"), *self.data.glob("recordings/identity/*")]:
            if path.suffix in (".seed", ".key", ".creds"):
                found[path.name] = path.read_text().strip().splitlines()[-1]
            if path.suffix == ".pem" and path.name != "ca.pem":
                found[path.name] = path.read_text().splitlines()[1]
        return found


@pytest.fixture(scope="module")
def scene(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """`vonggac up` at debug level, allowed to dump core, with three cameras behind passwords."""
    folder = tmp_path_factory.mktemp("leaks")
    plan = StreamPlan(width=640, height=360, fps=10.0, kbps=400)
    credentials = Credentials("xem", RIGHT)
    with virtual_cameras(1, cache, main=plan, credentials=credentials) as cameras:
        address = cameras.url("cam01")
        if "@" in address:
            address = f"rtsp://{address.rpartition('@')[2]}"
        inline = address.replace("://", f"://xem:{quote(IN_ADDRESS, safe='')}@")
        (folder / "password").write_text(f"{RIGHT}\n")
        config = folder / "vonggac.toml"
        lines = [
            f'data_dir = "{folder / "data"}"', "[web]", "port = 0", "[sign_in]",
            'second_factor = "outside"',
            "[[cameras]]", 'name = "cam01"', f'main = {{url = "{address}"}}', 'user = "xem"',
            f'password = {{file = "{folder / "password"}"}}',
            "[[cameras]]", 'name = "cam02"', f'main = {{url = "{inline}"}}',
            "[[cameras]]", 'name = "cam03"', f'main = {{url = "{address}"}}', 'user = "xem"',
            f'password = {{env = "{VARIABLE}"}}',
        ]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        before = resource.getrlimit(resource.RLIMIT_CORE)
        words = ["--log-level", "debug", "up", "--config", str(config)]
        environment = {VARIABLE: IN_VARIABLE, "VONGGAC_LOG": "debug"}
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        try:
            with running(words, folder / "log", environment) as program:
                resource.setrlimit(resource.RLIMIT_CORE, before)
                yield Scene(program, folder, address)
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, before)


def words_of(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def forms(secret: str) -> set[bytes]:
    """A secret as it is, and as addresses, forms, headers and JSON carry it."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    texts.add(json.dumps(secret)[1:-1])
    found = {text.encode() for text in texts}
    for plain in (secret.encode(), f"xem:{secret}".encode(), f"admin:{secret}".encode()):
        found |= {
            base64.b64encode(plain).rstrip(b"="),
            base64.urlsafe_b64encode(plain).rstrip(b"="),
        }
    return found


def test_no_secret_is_found_anywhere(scene: Scene) -> None:
    """Logs, the whole data directory but the stores of keys, command lines and environments."""
    http = scene.program.http

    def is_recorded() -> bool:
        listed = http.get("/api/v1/cameras").json()["cameras"]
        return any(one["state"]["kind"] == "recording" for one in listed)

    wait_until(is_recorded, "the camera with the right password is recorded")
    scene.use()
    family = scene.program.family()
    places: dict[str, bytes] = {}
    for pid in family:
        names = ["cmdline"] if pid == scene.program.process.pid else ["cmdline", "environ"]
        for name in names:  # the operator's own variables are in the first process's for ever
            with contextlib.suppress(OSError):
                places[f"{name} of {words_of(pid)[:4]}"] = Path(f"/proc/{pid}/{name}").read_bytes()
    scene.fail()
    places["the log"] = (scene.folder / "log").read_bytes()
    for path in scene.data.rglob("*"):
        inside = path.relative_to(scene.data).as_posix()
        if path.is_file() and not inside.startswith(STORES):
            places[inside] = path.read_bytes()
    secrets = {**scene.secrets, **scene.key_files()}

    found = [
        f"{name} in {place}"
        for name, secret in secrets.items()
        for form in forms(secret)
        for place, content in places.items()
        if form in content and (name, place.partition("-")[0]) not in KEPT
    ]
    assert found == []
    assert len(secrets) > 20
    assert any(place.startswith("environ of") for place in places)
    assert b"Traceback" in places["the log"]
    assert len(places["the log"]) > 5_000


def test_no_process_may_dump_its_memory(scene: Scene) -> None:
    """A core would hold every key and every password; the limit was unlimited before."""
    limits = {
        tuple(words_of(pid)[:5]): next(
            line.split()[4:6]
            for line in Path(f"/proc/{pid}/limits").read_text().splitlines()
            if line.startswith("Max core")
        )
        for pid in scene.program.family()
    }

    assert set(map(tuple, limits.values())) == {("0", "0")}, limits


def test_after_all_keys_changed_the_cameras_are_recorded_again(scene: Scene) -> None:
    """Last of this module: stopped, rotated, started; credentials open, and the bus lets in."""
    config = str(scene.folder / "vonggac.toml")
    refused = subprocess.run(
        [VONGGAC, "keys", "rotate", "--config", config], capture_output=True, text=True, check=False
    )
    assert (refused.returncode, "stop it first" in refused.stderr) == (2, True)
    before = scene.key_files()
    scene.program.stop()

    done = subprocess.run(
        [VONGGAC, "keys", "rotate", "--config", config, "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    after = scene.key_files()

    told: dict[str, Any] = json.loads(done.stdout)
    assert told["rotated"][0]["values"] >= 3
    assert {name for name, key in before.items() if after.get(name) == key} == {
        "operator.seed", "site.key", "edge-control.creds", "edge-media.creds",
    }  # fmt: skip
    with running(["up", "--config", config], scene.folder / "log2", {VARIABLE: "x"}) as again:

        def is_recorded() -> bool:
            listed = again.http.get("/api/v1/cameras").json()["cameras"]
            return any(one["state"]["kind"] == "recording" for one in listed)

        wait_until(is_recorded, "the camera is recorded with the new keys")
    assert {name for name, key in before.items() if scene.key_files().get(name) == key} == {
        "operator.seed", "site.key",
    }  # fmt: skip
