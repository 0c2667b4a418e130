"""Two sites on one server: what an officer of one can take of the other, against what is there.

The program runs with its own site; a second box, with an identity and a camera of its own, joins
the same nats-server with the hub's credentials. Both cameras have the same name, so that every
subject and address of the other site can be guessed. This hub asks one box: what it would issue
for the other one is issued here with its own keys, and is as good.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from programs import VONGGAC, command, moment, running, signed_in
from test_attacks import HUB_BODIES, VIEWER_BODIES, Heard, until

from recordings import SMALL, virtual_cameras, wait_until
from vonggac import bus, keys, wire
from vonggac.clock import NS, SystemClock
from vonggac.db import Database, sqlite_url, tables
from vonggac.edge.command import EdgeConfig
from vonggac.edge.identity import identity_at
from vonggac.errors import Kind, VonggacError
from vonggac.hub.grants import Grants
from vonggac.hub.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from programs import Person, Running

    from vonggac.edge.box import Identity

pytestmark = [
    pytest.mark.timeout(300),
    # nats-py hands aiohttp a number of seconds where it now wants an object.
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning"),
    pytest.mark.usefixtures("cut_connections"),
]

CAMERA = "cam01"
"""The name of the one camera of each site."""
FAR_ID = "far-cam01"
"""The other one's id in the register."""


@dataclass
class Scene:
    """The program, the box beside it, and an officer of the program's own site."""

    program: Running
    data: Path
    far: Identity
    officer: Person

    @property
    def trust(self) -> keys.Trust:
        return keys.Trust(self.data / "keys" / "trust")

    @property
    def hub_key(self) -> keys.SigningKey:
        return keys.SigningKey.at(self.data / "keys" / "hub.key")

    @property
    def nats_url(self) -> str:
        return nats_url(self.data)

    @property
    def websocket(self) -> str:
        url: str = self.granted(keys.NKey.create(keys.Role.USER))["websocket"]
        return url

    def granted(self, key: keys.NKey) -> dict[str, Any]:
        """What the hub grants to the officer of its site."""
        own = self.officer.http.get("/api/v1/cameras").json()["cameras"][0]["id"]
        body = {"nkey": key.public, "cameras": [own], "streams": ["main"], "purpose": "watch"}
        answer = self.officer.post("/api/v1/grants", body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    @asynccontextmanager
    async def connected(self, token: str, key: keys.NKey) -> AsyncIterator[bus.Connection]:
        """A browser's connection with a token, over the WebSocket."""
        url = await asyncio.to_thread(lambda: self.websocket)
        credential = keys.Credential(token, key)
        found = await bus.connect(url, credential, name="viewer", origin=self.program.url)
        try:
            yield found
        finally:
            await found.close()

    @asynccontextmanager
    async def hub_asks(self, grant_id: str | None = None) -> AsyncIterator[bus.Asker]:
        """The hub's own connections: whatever is refused on them is refused by the box."""
        issued_s = int(time.time())
        control_key, media_key = self.trust.hub_users(issued_s=issued_s)
        async with AsyncExitStack() as stack:
            control = await bus.connect(self.nats_url, control_key, name="hub")
            stack.push_async_callback(control.close)
            media = await bus.connect(self.nats_url, media_key, name="hub-media")
            stack.push_async_callback(media.close)
            asker = bus.Asker(self.trust.hub, grant_id or keys.new_id(), control, [control, media])
            await asker.start()
            yield asker

    def far_site(self, asker: bus.Asker) -> Site:
        """The other site, as its hub asks it."""
        return Site(
            asker, self.hub_key, SystemClock(), site_id=self.far.site,
            public_key=self.far.key.public,
        )  # fmt: skip

    def far_view(self, key: keys.NKey) -> Any:
        """What the other site's officer would be granted."""
        trust = self.trust
        grants = Grants(trust.hub, self.hub_key, trust.viewer_signer(), SystemClock())
        return grants.view(
            site=self.far.site, cameras=[CAMERA], streams=["main"], purpose="watch",
            actor="far officer", nkey=key.public,
        )  # fmt: skip


def nats_url(data: Path) -> str:
    """Where the embedded server listens for programs of this machine."""
    told = next((data / "nats" / "run").glob("*.ports"))
    address: str = msgspec.json.decode(told.read_bytes())["nats"][0]
    return f"nats://127.0.0.1:{address.rpartition(':')[2]}"


@contextmanager
def second_box(data: Path, folder: Path) -> Iterator[Identity]:
    """`vonggac edge` of another site, at the program's own server."""
    directory = folder / "recordings"
    keys.make_folder(directory)
    identity = identity_at(directory)
    trust = keys.Trust(data / "keys" / "trust")
    control, media = trust.edge(identity.site, issued_s=int(time.time()))
    control.save(folder / "control.creds")
    media.save(folder / "media.creds")
    config = EdgeConfig(
        directory=str(directory), hub=trust.hub,
        hub_key=keys.SigningKey.at(data / "keys" / "hub.key").public, nats_url=nats_url(data),
        control=str(folder / "control.creds"), media=str(folder / "media.creds"),
    )  # fmt: skip
    (folder / "edge.json").write_bytes(msgspec.json.encode(config))
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [VONGGAC, "edge", "--config", str(folder / "edge.json")],
            stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip
    try:
        yield identity
    finally:
        process.terminate()
        process.wait(30)


def register(data: Path, far: Identity) -> None:
    """The other site and its camera, in the hub's register."""
    database = Database(sqlite_url(data / "hub.sqlite"))
    with database.writing() as connection:
        connection.execute(
            tables.site.insert().values(
                id=far.site, name="far", title="Khách sạn Xa", public_key=far.key.public,
                owner_line="paid_hotel", created_ns=1,
            )
        )  # fmt: skip
        connection.execute(
            tables.camera.insert().values(
                id=FAR_ID, site_id=far.site, name=CAMERA, title="Hành lang xa", zone="HL",
                main_url="rtsp://192.0.2.77/1", origin="page", revision=1, created_ns=1,
                updated_ns=1,
            )
        )  # fmt: skip
    database.close()


@pytest.fixture(scope="module")
def scene(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Both boxes record; nobody watches yet."""
    folder = tmp_path_factory.mktemp("up")
    data = folder / "data"
    (folder / "far").mkdir()
    with virtual_cameras(2, cache, main=SMALL) as cameras, ExitStack() as stack:
        own_url, far_url = (cameras.url(name) for name in cameras.names)
        config = folder / "vonggac.toml"
        config.write_text(
            f'data_dir = "{data}"\n[web]\nport = 0\n[sign_in]\nsecond_factor = "outside"\n'
            f'[[cameras]]\nname = "{CAMERA}"\nmain = {{url = "{own_url}"}}\n'
        )
        program = stack.enter_context(running(["up", "--config", str(config)], folder / "log", {}))
        far = stack.enter_context(second_box(data, folder / "far"))
        register(data, far)
        told = command("user", "add", "--user", "truc.a", "--full-name", "Trực A", config=config)
        given = ("--role", "site_duty", "--site", "site", "--reason", "phân công")
        command("role", "give", "--user", "truc.a", *given, config=config)
        officer = stack.enter_context(signed_in(program.url, "truc.a", told["password"]))
        made = Scene(program, data, far, officer)
        asyncio.run(_ordered(made, far_url))

        def recorded() -> bool:
            found = officer.http.get("/api/v1/cameras").json()["cameras"]
            return bool(found) and found[0]["state"]["kind"] == "recording"

        wait_until(recorded, "the own camera is recorded")
        yield made


async def _ordered(scene: Scene, url: str) -> None:
    """The hub has the other box record its camera, and waits for the first of it."""
    wanted = wire.WantedCameras((wire.WantedCamera(CAMERA, wire.WantedStream(url)),))
    async with scene.hub_asks() as asker:
        site = scene.far_site(asker)
        async with asyncio.timeout(30):
            while not await _answered(site, wanted):
                await asyncio.sleep(0.1)


async def _answered(site: Site, wanted: wire.WantedCameras) -> bool:
    try:
        await site.configure(1, wanted)
        now = time.time_ns()
        told = await site.timeline(CAMERA, "main", now - 60 * NS, now, 1.0)
    except VonggacError:
        return False
    return bool(told.spans)


async def test_nothing_of_the_other_site_comes_over_the_websocket(scene: Scene) -> None:
    """Live, open, gop, timeline, snapshot and export, with payloads compared.

    The other site's officer has his of each, and the thief has none that is equal to one of them.
    """
    own_key, far_key = keys.NKey.create(keys.Role.USER), keys.NKey.create(keys.Role.USER)
    own = await asyncio.to_thread(scene.granted, own_key)
    view = scene.far_view(far_key)
    hub, far = own["hub"], scene.far.site
    taken, there = Heard(), Heard()
    async with (
        scene.connected(own["token"], own_key) as thief,
        scene.connected(view.token, far_key) as rightful,
    ):
        patterns = [
            view.live[CAMERA]["main"], f"vg.{hub}.{far}.>", f"vg.{hub}.*.live.{CAMERA}.main",
            f"vg.{hub}.*.live.>", f"{view.re}.>", wire.facts(hub, far), wire.asks(hub, far), "vg.>",
        ]  # fmt: skip
        for pattern in patterns:
            await thief.listen(pattern, taken.messages.append)
        await thief.flush()
        await rightful.listen(view.live[CAMERA]["main"], there.messages.append)
        asker = bus.Asker(hub, view.grant_id, rightful, [rightful])
        await asker.start(far)
        answers = {
            verb: (await asker.ask(far, verb, CAMERA, body("main"), view.grant))[1]
            for verb, body in VIEWER_BODIES.items()
        }
        await until(lambda: len(there.live()) > 5, "parts of the other site's camera")
        async with scene.hub_asks() as hub_asker:
            now = time.time_ns()
            await scene.far_site(hub_asker).proof(CAMERA, "main", (now - 4 * NS, now - NS))

        tried = 0
        bodies = {verb: body("main") for verb, body in VIEWER_BODIES.items()}
        bodies[wire.Verb.EXPORT] = HUB_BODIES[wire.Verb.EXPORT]
        for verb, body in bodies.items():
            for grant_id, grant in ((own["grant_id"], own["grant"]), (view.grant_id, view.grant)):
                await thief.publish(
                    str(wire.AskSubject(hub, far, verb, CAMERA, grant_id)),
                    msgspec.json.encode(body),
                    headers={wire.GRANT: grant},
                    reply=str(wire.ReplySubject(hub, own["site"], own["grant_id"], str(tried))),
                )
                tried += 1
        await thief.flush()
        refusals = len(patterns) + tried
        await until(lambda: thief.errors.total() >= refusals, f"{refusals} refusals")

        # Its own camera answers, and its parts arrive: the connection is no dead one.
        own_asker = bus.Asker(hub, own["grant_id"], thief, [thief])
        await own_asker.start(own["site"])
        await thief.listen(own["subjects"]["live"][_own(own)]["main"], taken.messages.append)
        _, opened = await own_asker.ask(
            own["site"], wire.Verb.OPEN, CAMERA, wire.OpenAsk("main"), own["grant"]
        )
        await until(lambda: len(taken.live()) > 5, "parts of the own camera")
        count = len(there.live())
        await until(lambda: len(there.live()) > count + 5, "the other site's go on")

    assert all(answers.values())
    assert thief.errors.total() == refusals
    assert {message.subject for message in taken.messages} == {
        own["subjects"]["live"][_own(own)]["main"]
    }
    secret = there.payloads() | {*answers.values()}
    assert taken.payloads().isdisjoint(secret)
    assert opened not in secret
    assert not any(part in answer for part in taken.payloads() for answer in answers.values())
    assert {run for run, _ in taken.live()}.isdisjoint(run for run, _ in there.live())


def _own(told: dict[str, Any]) -> str:
    camera: str = next(iter(told["subjects"]["live"]))
    return camera


async def test_the_other_box_refuses_a_grant_that_is_not_for_its_site(scene: Scene) -> None:
    """The second lock, with the first one opened: on the hub's own connections."""
    own = await asyncio.to_thread(scene.granted, keys.NKey.create(keys.Role.USER))
    bodies = {verb: body("main") for verb, body in VIEWER_BODIES.items()} | HUB_BODIES
    async with scene.hub_asks(own["grant_id"]) as asker:
        for verb, body in bodies.items():
            with pytest.raises(VonggacError) as refused:
                await asker.ask(scene.far.site, verb, CAMERA, body, own["grant"])
            assert refused.value.kind is Kind.FORBIDDEN, verb


def test_pages_and_api_say_of_the_other_site_what_they_say_of_none(scene: Scene) -> None:
    """Page, picture, recording, ledger, grant, export, hold and guessed address, over HTTP."""
    now = time.time()
    span = {"from": moment(now - 10), "to": moment(now)}

    def asked(camera: str, site: str) -> list[tuple[int, str]]:
        http, at = scene.officer.http, f"/api/v1/cameras/{camera}"
        paper = {"number": "1", "date": "2026-08-01", "body": "x", "reason": "x", "basis": "x"}
        key = keys.NKey.create(keys.Role.USER).public
        found = [
            http.get(at), http.get(f"{at}/snapshot.jpg"),
            http.get(f"{at}/recording.mp4", params=span), http.get(f"{at}/ledger", params=span),
            http.get(f"{at}/timeline", params=span), http.get(f"/cameras/{camera}"),
            http.get(f"/playback?cameras={camera}"), http.get(f"/?site={site}"),
            http.get(f"/api/v1/sites/{site}/views"),
            scene.officer.post("/api/v1/grants", {"nkey": key, "cameras": [camera],
                                                  "streams": ["main"], "purpose": "watch"}),
            scene.officer.post("/api/v1/exports", {"cameras": [camera], **span, "request": paper}),
        ]  # fmt: skip
        return [
            (answer.status_code, answer.text.replace(camera, "?").replace(site, "?"))
            for answer in found
        ]

    other, nothing = asked(FAR_ID, scene.far.site), asked("none-at-all", keys.new_id())

    assert [status for status, _ in other] == [status for status, _ in nothing]
    assert {status for status, _ in other} == {404}
    for _, text in other:
        assert "Xa" not in text
        assert "192.0.2.77" not in text
        assert "far" not in text
