"""A ministry above a province above two sites, as `make demo TIERS=3` starts them: four programs.

Each joined with a code, by the command.  The province is killed and brought back by what the demo
prints, and the ministry's pages must tell the truth meanwhile and afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from programs import PASSWORD, VONGGAC, _sign_in, moment
from test_attacks import Heard, until

from recordings import wait_until
from vonggac import bus, keys, wire
from vonggac.clock import NS, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning"),
]


@dataclass
class Country:
    """What the demo started, and somebody signed in at each tier."""

    process: subprocess.Popen[str]
    told: dict[str, Any]
    http: dict[str, httpx.Client]

    def one(self, name: str) -> dict[str, Any]:
        """What was printed of a program."""
        every = [*self.told["hubs"], *self.told["sites"]]
        found: dict[str, Any] = next(one for one in every if one["name"] == name)
        return found

    def cameras(self, name: str = "ministry") -> dict[str, Any]:
        """Cameras and sites as one tier tells of them."""
        answer = self.http[name].get("/api/v1/cameras")
        return dict(answer.json()) if answer.status_code == 200 else {"cameras": [], "sites": []}

    def ledger(self, name: str, camera: str, from_s: float, to_s: float) -> dict[str, Any]:
        """Figures and moment of a camera's ledger at one tier."""
        answer = self.http[name].get(
            f"/api/v1/cameras/{camera}/ledger",
            params={"from": moment(from_s), "to": moment(to_s)},
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """All four run, and the ministry has heard of every camera."""
    folder = tmp_path_factory.mktemp("country")
    environment = {
        "PORT": "0", "DATA": str(folder), "ADMIN_PASSWORD": PASSWORD, "TIERS": "3",
    }  # fmt: skip
    with (folder / "log").open("w") as errors:
        process = subprocess.Popen(
            [VONGGAC, "demo"], stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, **environment},
        )  # fmt: skip
    clients: dict[str, httpx.Client] = {}
    assert process.stdout is not None
    try:
        line = process.stdout.readline()  # pytest-timeout watches over it
        assert line, (folder / "log").read_text()
        told = json.loads(line)
        for one in (*told["hubs"], *told["sites"]):
            clients[one["name"]] = httpx.Client(base_url=one["url"], timeout=20)
            _sign_in(clients[one["name"]], {"user": told["user"], "password": PASSWORD})
        made = Country(process, told, clients)
        wait_until(lambda: all_recorded(made), "the ministry sees four cameras record")
        yield made
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()
            process.stdout.close()
            for client in clients.values():
                client.close()


def all_recorded(country: Country) -> bool:
    found = country.cameras()
    now_ns = time.time_ns()
    return len(found["cameras"]) == 4 and all(
        one["state"]["kind"] == "recording"
        and now_ns - parse_rfc3339(one["state"]["as_of"]) < 20 * NS
        for one in found["cameras"]
    )


def test_registers_of_the_sites_stand_at_the_ministry(country: Country) -> None:
    """Names, zones and the province's unit came up by themselves, nothing was refused."""
    http = country.http["ministry"]
    shown = {one["name"]: (one["zone"], one["title"]) for one in country.cameras()["cameras"]}
    assert shown["cg-1"] == ("CG", "Cổng chính")
    assert shown["san-1"] == ("SAN", "Sân trước")
    hub = http.get("/api/v1/hubs").json()["hubs"][0]
    assert (hub["state"], hub["sites"], hub["link"]["up"]) == ("used", 2, True)
    sites = http.get("/api/v1/facilities").json()["facilities"]
    assert {one["title"] for one in sites} == {
        "Khách sạn Mường Hoa (cơ sở giả định)", "Trường Bản Mới (cơ sở giả định)",
    }  # fmt: skip
    assert {one["unit"] for one in sites} == {"Tỉnh Mường Hoa (giả định)"}
    assert http.get("/api/v1/audit", params={"act": "fact_refused"}).json()["rows"] == []


async def test_a_camera_is_seen_through_two_hubs(country: Country) -> None:
    """Live for two who look, still and recording by the ministry's own grants."""
    http = country.http["ministry"]

    def granted(key: keys.NKey) -> dict[str, Any]:
        token = http.get("/api/v1/session").json()["csrf_token"]
        body = {"nkey": key.public, "cameras": ["cg-1"], "streams": ["main"], "purpose": "watch"}
        answer = http.post("/api/v1/grants", json=body, headers={"X-CSRF-Token": token})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    heard, viewers = [Heard(), Heard()], []
    try:
        for one in heard:
            key = keys.NKey.create(keys.Role.USER)
            told = await asyncio.to_thread(granted, key)
            viewer = await bus.connect(
                told["websocket"], keys.Credential(told["token"], key), name="viewer",
                origin=country.one("ministry")["url"],
            )  # fmt: skip
            viewers.append(viewer)
            await viewer.listen(told["subjects"]["live"]["cg-1"]["main"], one.messages.append)
            asker = bus.Asker(told["hub"], told["grant_id"], viewer, [viewer])
            await asker.start(told["site"])
            await asker.ask(
                told["site"], wire.Verb.OPEN, "cg-1", wire.OpenAsk(stream="main"), told["grant"]
            )
        for one in heard:
            await until(lambda one=one: len(one.live()) > 5, "parts of a camera two hubs below")
    finally:
        for viewer in viewers:
            await viewer.close()

    def pages() -> tuple[bytes, bytes]:
        picture, film = http.get("/api/v1/cameras/cg-1/snapshot.jpg"), None
        until_s = time.monotonic() + 60
        while film is None or film.status_code == 404:  # the site may have begun a moment ago
            assert time.monotonic() < until_s, film
            now = time.time()
            span = {"from": moment(now - 8), "to": moment(now - 2)}
            film = http.get("/api/v1/cameras/cg-1/recording.mp4", params=span)
        assert (picture.status_code, film.status_code) == (200, 200), (picture.text, film.text)
        return picture.content, film.content

    picture, film = await asyncio.to_thread(pages)
    assert picture.startswith(b"\xff\xd8")
    assert film[4:8] == b"ftyp"


def test_the_province_is_killed_and_comes_back(country: Country) -> None:
    """Above, its line is down and nothing is known; its sites record on; later all is known."""
    ministry = country.http["ministry"]
    began = time.time()
    subprocess.run(country.one("province")["kill"].split(), check=True)
    wait_until(
        lambda: all(one["link"]["hub"] for one in country.cameras()["sites"]),
        "the ministry says that the province's own line is down",
    )
    away = country.cameras()
    assert {one["link"]["up"] for one in away["sites"]} == {False}
    wait_until(
        lambda: {one["state"]["kind"] for one in country.cameras()["cameras"]} == {"unknown"},
        "what the cameras do is not known any more",
    )
    assert ministry.get("/api/v1/hubs").json()["hubs"][0]["link"]["up"] is False
    assert "Mất đường truyền tới máy chủ này" in ministry.get("/hubs").text
    page = ministry.get(f"/?site={away['sites'][0]['id']}").text
    assert "Mất đường truyền tới máy chủ cấp dưới" in page
    below = country.cameras("site-1")["cameras"]
    assert {one["state"]["kind"] for one in below} == {"recording"}

    Path(country.one("province")["restore"].removeprefix("touch ")).touch()
    wait_until(lambda: all_recorded(country), "all is known again")
    ended = time.time()
    wait_until(
        lambda: (
            parse_rfc3339(country.ledger("ministry", "cg-1", began, ended)["as_of"]) > ended * NS
        ),
        "the ledger above reaches beyond the cut",
    )
    above = country.ledger("ministry", "cg-1", began, ended)["figures"]
    own = country.ledger("site-1", "cg-1", began, ended)["figures"]
    assert above["unknown_s"] == own["unknown_s"] == 0
    assert abs(above["recorded_s"] - own["recorded_s"]) <= 1
    assert ministry.get("/api/v1/audit", params={"act": "fact_refused"}).json()["rows"] == []
