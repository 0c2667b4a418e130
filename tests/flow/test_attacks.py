"""A viewer's token for one camera, held against the whole program: hub, nats-server, box, cameras.

tests/test_bus.py and tests/edge/test_agent.py try each lock alone; here they stand as they are
run, pictures flow behind them, and what came through is compared with what was there to take.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
import warnings
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from programs import moment, running

from recordings import SMALL, Cameras, virtual_cameras, wait_until
from vonggac import bus, keys, wire
from vonggac.clock import NS
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from programs import Running

    from vonggac.config import StreamName

pytestmark = [
    pytest.mark.timeout(300),
    # nats-py hands aiohttp a number of seconds where it now wants an object.
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning"),
]

MINE, OTHERS = "cam01", "cam02"
RENEWALS = 20
SECRET = "a password that came through the environment"
VIEWER_BODIES: dict[wire.Verb, Callable[[StreamName], msgspec.Struct]] = {
    wire.Verb.OPEN: lambda stream: wire.OpenAsk(stream),
    wire.Verb.GOP: lambda stream: wire.GopAsk(stream, str(time.time_ns() - 2 * NS)),
    wire.Verb.TIMELINE: lambda stream: wire.TimelineAsk(
        str(time.time_ns() - 60 * NS), str(time.time_ns()), 1.0, stream
    ),
    wire.Verb.SNAPSHOT: lambda stream: wire.SnapshotAsk(stream),
}
HUB_BODIES: dict[wire.Verb, msgspec.Struct] = {
    wire.Verb.MP4: wire.Mp4Ask("1", str(2**62), 0, 1_000_000),
    wire.Verb.PROBE: wire.ProbeAsk("rtsp://127.0.0.1/1"),
    wire.Verb.DISCOVER: wire.DiscoverAsk("127.0.0.1"),
    wire.Verb.CONFIGURE: wire.ConfigureAsk(99, msgspec.Raw(b'{"cameras":[]}')),
    wire.Verb.STATUS: wire.StatusAsk(),
    wire.Verb.LEDGER: wire.LedgerAsk(),
    wire.Verb.EXPORT: wire.ExportAsk("1", str(2**62)),
    wire.Verb.ANCHOR: wire.AnchorAsk("audit", "0" * 64),
    wire.Verb.REVOKE: wire.RevokeAsk(("a" * 26,)),
}
"""Every other verb; `mp4` is the download of a recording, `export` that of evidence."""
assert {*VIEWER_BODIES, *HUB_BODIES, wire.Verb.MORE} == {*wire.Verb}, "a new verb is tried, too"


@dataclass
class Heard:
    """Everything that a connection received, whatever the subject."""

    messages: list[bus.Message] = field(default_factory=list)

    def live(self) -> list[tuple[str, int]]:
        """(run, sequence) of each part, in the order of arrival."""
        return [
            (head.run, head.sequence)
            for head in (wire.part_head(m.headers) for m in self.messages if wire.RUN in m.headers)
        ]

    def payloads(self) -> set[bytes]:
        return {message.payload for message in self.messages if message.payload}


@dataclass
class Viewer:
    """A browser with a grant, as far as hub, server and box can tell."""

    told: dict[str, Any]
    """What POST /api/v1/grants answered."""
    key: keys.NKey
    connection: bus.Connection
    asker: bus.Asker
    heard: Heard

    async def ask(
        self, verb: wire.Verb, camera: str, body: msgspec.Struct, *, grant: str = ""
    ) -> tuple[dict[str, str], bytes]:
        return await self.asker.ask(
            self.told["site"], verb, camera, body, grant or self.told["grant"]
        )

    async def listen(self, pattern: str) -> None:
        await self.connection.listen(pattern, self.heard.messages.append)

    async def publish_question(
        self, verb: wire.Verb, camera: str, grant_id: str, body: bytes, number: str
    ) -> None:
        """Send a question without waiting: the server may let it vanish."""
        hub, site = self.told["hub"], self.told["site"]
        await self.connection.publish(
            str(wire.AskSubject(hub, site, verb, camera, grant_id)),
            body,
            headers={wire.GRANT: self.told["grant"]},
            reply=str(wire.ReplySubject(hub, site, self.told["grant_id"], number)),
        )


@dataclass
class Scene:
    """The program with two cameras, and the way in for viewers."""

    program: Running
    folder: Path

    @property
    def trust(self) -> keys.Trust:
        """The hub's own tree: what the tests mint with it is as good as the hub's."""
        return keys.Trust(self.folder / "keys" / "trust")

    def granted(
        self, cameras: list[str], streams: list[str], *, key: keys.NKey | None = None
    ) -> tuple[dict[str, Any], keys.NKey]:
        key = key or keys.NKey.create(keys.Role.USER)
        answer = self.program.http.post(
            "/api/v1/grants",
            json={"nkey": key.public, "cameras": [self.ids[name] for name in cameras],
                  "streams": streams, "purpose": "watch"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told, key

    @property
    def ids(self) -> dict[str, str]:
        found = self.program.http.get("/api/v1/cameras").json()["cameras"]
        return {camera["name"]: camera["id"] for camera in found}

    async def connect(self, token: str, key: keys.NKey, told: dict[str, Any]) -> bus.Connection:
        return await bus.connect(
            told["websocket"], keys.Credential(token, key), name="viewer", origin=self.program.url
        )

    @asynccontextmanager
    async def viewer(
        self,
        cameras: list[str],
        streams: list[str] | None = None,
        *,
        key: keys.NKey | None = None,
        token: Callable[[dict[str, Any], keys.NKey], str] | None = None,
    ) -> AsyncIterator[Viewer]:
        """A viewer with the hub's grant, and with its token unless `token` makes another."""
        told, key = await asyncio.to_thread(self.granted, cameras, streams or ["main"], key=key)
        connection = await self.connect(token(told, key) if token else told["token"], key, told)
        asker = bus.Asker(told["hub"], told["grant_id"], connection, [connection])
        await asker.start(told["site"])
        try:
            yield Viewer(told, key, connection, asker, Heard())
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def cameras(cache: Path) -> Iterator[Cameras]:
    with virtual_cameras(2, cache, main=SMALL, sub=SMALL) as made:
        yield made


@pytest.fixture(scope="module")
def scene(cameras: Cameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """`vonggac up` once both cameras are recorded."""
    folder = tmp_path_factory.mktemp("up")
    config = folder / "vonggac.toml"
    lines = [
        f'data_dir = "{folder / "data"}"',
        "[web]",
        "port = 0",
        "[sign_in]",
        'second_factor = "outside"',
    ]
    for name in cameras.names:
        url = cameras.url(name)
        lines += [
            "[[cameras]]", f'name = "{name}"', f'main = {{url = "{url}"}}',
            f'sub = {{url = "{url}/sub"}}', 'user = "recorder"',
            'password = {env = "CAMERA_PASSWORD"}',
        ]  # fmt: skip
    config.write_text("\n".join(lines) + "\n")
    secrets = {"CAMERA_PASSWORD": SECRET, "ADMIN_PASSWORD": SECRET}
    before = os.umask(0)  # as an operator may have it; the program inherits it
    with running(["up", "--config", str(config)], folder / "log", secrets) as program:
        os.umask(before)

        def both_recorded() -> bool:
            found = program.http.get("/api/v1/cameras").json()["cameras"]
            return all(camera["state"]["kind"] == "recording" for camera in found)

        wait_until(both_recorded, "both cameras are recorded")
        yield Scene(program, folder / "data")


@pytest.fixture(autouse=True)
def forgiving_of_cut_connections() -> Iterator[None]:
    """nats-py leaves aiohttp's connection to the collector when the server cuts a viewer off."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def until(condition: Callable[[], object], what: str) -> None:
    """Within a test's own loop: look again until it is so."""
    try:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within 20 s: {what}") from None


async def settled(viewer: Viewer, refusals: int) -> None:
    """Until the server has taken everything, and said so often that it does not."""
    await viewer.connection.flush()
    await until(lambda: viewer.connection.errors.total() >= refusals, f"{refusals} refusals")


async def test_viewer_of_one_camera_receives_nothing_of_another(scene: Scene) -> None:
    """Parts of both flow over the same server; what the one got is compared with the other's."""
    async with (
        scene.viewer([OTHERS], ["main", "sub"]) as neighbour,
        scene.viewer([MINE]) as thief,
    ):
        hub, site = thief.told["hub"], thief.told["site"]
        for stream in ("main", "sub"):
            await neighbour.listen(f"vg.{hub}.{site}.live.{OTHERS}.{stream}")
        patterns = [
            f"vg.{hub}.{site}.live.{OTHERS}.main",
            f"vg.{hub}.{site}.live.{OTHERS}.sub",
            f"vg.{hub}.{site}.live.{MINE}.sub",  # the grant names the main stream alone
            f"vg.{hub}.{site}.live.{MINE}.*",
            f"vg.{hub}.{site}.live.*.main",
            wire.lives(hub, site),
            wire.replies(hub, site),
            wire.replies(hub, site, neighbour.told["grant_id"]),
            wire.asks(hub, site),
            wire.facts(hub, site),
            wire.wants(hub, site),
            "_INBOX.>",
            "$SYS.>",
            "$JS.>",
            "vg.>",
            ">",
        ]
        for pattern in patterns:
            await thief.listen(pattern)
        await settled(thief, len(patterns))
        await thief.listen(f"vg.{hub}.{site}.live.{MINE}.main")
        await thief.ask(wire.Verb.OPEN, MINE, wire.OpenAsk("main"))
        _, opened_main = await neighbour.ask(wire.Verb.OPEN, OTHERS, wire.OpenAsk("main"))
        await neighbour.ask(wire.Verb.OPEN, OTHERS, wire.OpenAsk("sub"))
        _, gop = await neighbour.ask(wire.Verb.GOP, OTHERS, VIEWER_BODIES[wire.Verb.GOP]("main"))

        await until(lambda: len(neighbour.heard.live()) > 10, "parts of the neighbour's camera")
        await until(lambda: len(thief.heard.live()) > 5, "parts of the thief's own camera")

        runs = {run for run, _ in thief.heard.live()}
        assert {m.subject for m in thief.heard.messages} == {f"vg.{hub}.{site}.live.{MINE}.main"}
        assert runs.isdisjoint(run for run, _ in neighbour.heard.live())
        assert len(runs) == 1
        taken = thief.heard.payloads()
        assert taken.isdisjoint(neighbour.heard.payloads())
        assert not any(part in opened_main or part in gop for part in taken)
        assert thief.connection.errors.total() == len(patterns)


async def test_questions_about_another_camera_stop_at_the_server(scene: Scene) -> None:
    """Live, gop, timeline, snapshot of another camera; export, probe, discover of any."""
    async with scene.viewer([OTHERS]) as neighbour, scene.viewer([MINE]) as thief:
        await thief.listen(thief.told["subjects"]["re_all"])
        await thief.connection.flush()
        tried = 0
        for verb, body in VIEWER_BODIES.items():
            for grant_id in (thief.told["grant_id"], neighbour.told["grant_id"]):
                content = msgspec.json.encode(body("main"))
                await thief.publish_question(verb, OTHERS, grant_id, content, str(tried))
                tried += 1
        for verb, hub_body in HUB_BODIES.items():
            for camera in (MINE, OTHERS, wire.NO_CAMERA):
                content = msgspec.json.encode(hub_body)
                grant_id = thief.told["grant_id"]
                await thief.publish_question(verb, camera, grant_id, content, str(tried))
                tried += 1
        await settled(thief, tried)

        # A question of its own goes through after all of them, and is the only one answered.
        await thief.ask(wire.Verb.TIMELINE, MINE, VIEWER_BODIES[wire.Verb.TIMELINE]("main"))
        assert len(thief.heard.messages) == 1
        assert thief.connection.errors.total() == tried


@pytest.mark.parametrize("verb", list(VIEWER_BODIES))
async def test_box_refuses_another_camera_though_the_server_lets_the_question_through(
    scene: Scene, verb: wire.Verb
) -> None:
    """The second lock, with the first one opened: a bus token for both, a grant for one."""

    def token_for_both(told: dict[str, Any], key: keys.NKey) -> str:
        return scene.trust.viewer_signer().token(
            key.public, site=told["site"], cameras=[MINE, OTHERS], streams=["main", "sub"],
            grant=told["grant_id"], issued_s=int(time.time()),
        )  # fmt: skip

    async with scene.viewer([MINE], token=token_for_both) as thief:
        with pytest.raises(VonggacError) as other_camera:
            await thief.ask(verb, OTHERS, VIEWER_BODIES[verb]("main"))
        with pytest.raises(VonggacError) as other_stream:
            await thief.ask(verb, MINE, VIEWER_BODIES[verb]("sub"))

        assert other_camera.value.kind is Kind.FORBIDDEN
        assert other_stream.value.kind is Kind.FORBIDDEN


async def test_stolen_grant_opens_nothing_on_another_connection(scene: Scene) -> None:
    """The box's half of somebody else's grant, held under one's own subjects."""
    async with scene.viewer([OTHERS]) as neighbour, scene.viewer([MINE]) as thief:
        with pytest.raises(VonggacError) as refused:
            await thief.ask(
                wire.Verb.SNAPSHOT, MINE, wire.SnapshotAsk(), grant=neighbour.told["grant"]
            )

        assert refused.value.kind is Kind.FORBIDDEN


async def test_stolen_token_without_its_key_connects_nobody(scene: Scene) -> None:
    """The browser's key never leaves it; the token that the hub answers is no secret."""
    told, _ = await asyncio.to_thread(scene.granted, [MINE], ["main"])

    with pytest.raises(VonggacError) as refused:
        await scene.connect(told["token"], keys.NKey.create(keys.Role.USER), told)

    assert refused.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize("verb", list(HUB_BODIES))
async def test_box_refuses_the_hubs_verbs_to_a_viewers_grant_on_the_hubs_own_connection(
    scene: Scene, verb: wire.Verb
) -> None:
    """Export, probe, discover: even a stolen connection needs the hub's own grant."""
    told, _ = await asyncio.to_thread(scene.granted, [MINE], ["main"])
    control_key, media_key = scene.trust.hub_users(issued_s=int(time.time()))
    url = f"nats://127.0.0.1:{nats_port(scene)}"
    async with AsyncExitStack() as stack:
        control = await bus.connect(url, control_key, name="thief")
        stack.push_async_callback(control.close)
        media = await bus.connect(url, media_key, name="thief-media")
        stack.push_async_callback(media.close)
        asker = bus.Asker(told["hub"], told["grant_id"], control, [control, media])
        await asker.start()
        for camera in (MINE, OTHERS):
            with pytest.raises(VonggacError) as refused:
                await asker.ask(told["site"], verb, camera, HUB_BODIES[verb], told["grant"])
            assert refused.value.kind is Kind.FORBIDDEN


def nats_port(scene: Scene) -> int:
    """Where the embedded server listens for programs of this machine."""
    told = next((scene.folder / "nats" / "run").glob("*.ports"))
    address: str = msgspec.json.decode(told.read_bytes())["nats"][0]
    return int(address.rpartition(":")[2])


async def test_expired_token_is_cut_off_by_the_server_while_pictures_flow(scene: Scene) -> None:
    """The end of a right is not left to the page: parts stop, and the token opens no more."""

    def short(told: dict[str, Any], key: keys.NKey) -> str:
        return scene.trust.viewer_signer().token(
            key.public, site=told["site"], cameras=[MINE], streams=["main"],
            grant=told["grant_id"], issued_s=int(time.time()), life_s=4,
        )  # fmt: skip

    async with scene.viewer([MINE]) as rightful:
        subject = rightful.told["subjects"]["live"][MINE]["main"]
        await rightful.listen(subject)
        await rightful.ask(wire.Verb.OPEN, MINE, wire.OpenAsk("main"))
        await until(rightful.heard.live, "pictures flow")
        await _is_cut_off(scene, rightful, short)


async def _is_cut_off(scene: Scene, rightful: Viewer, short: Callable[..., str]) -> None:
    """Somebody whose token ends soon hears what the rightful one goes on to hear."""
    async with scene.viewer([MINE], token=short) as late:
        await late.listen(rightful.told["subjects"]["live"][MINE]["main"])
        async with asyncio.timeout(20):
            await late.connection.closed.wait()
        seen, heard = len(late.heard.live()), len(rightful.heard.live())
        await until(lambda: len(rightful.heard.live()) > heard + 5, "the others go on")

        assert seen > 0
        assert len(late.heard.live()) == seen
        assert "expired" in late.connection.why_closed
        with pytest.raises(VonggacError) as refused:
            await scene.connect(token_of_the_past(scene, late), late.key, late.told)
        assert refused.value.kind is Kind.FORBIDDEN


def token_of_the_past(scene: Scene, viewer: Viewer) -> str:
    """What the hub signed two minutes and a second ago."""
    return scene.trust.viewer_signer().token(
        viewer.key.public, site=viewer.told["site"], cameras=[MINE], streams=["main"],
        grant=viewer.told["grant_id"], issued_s=int(time.time()) - keys.VIEWER_LIFE_S - 1,
    )  # fmt: skip


async def test_twenty_renewals_lose_no_part_of_a_real_camera(scene: Scene) -> None:
    """Make before break: the new connection hears the stream before the old one is closed."""
    key = keys.NKey.create(keys.Role.USER)
    heard = Heard()
    async with AsyncExitStack() as last:
        held: AsyncExitStack | None = None
        for renewal in range(RENEWALS + 1):
            entered = AsyncExitStack()
            viewer = await entered.enter_async_context(scene.viewer([MINE], key=key))
            subject = viewer.told["subjects"]["live"][MINE]["main"]
            own: list[bus.Message] = []

            def arrived(message: bus.Message, own: list[bus.Message] = own) -> None:
                own.append(message)
                heard.messages.append(message)

            await viewer.connection.listen(subject, arrived)
            await viewer.connection.flush()
            await viewer.ask(wire.Verb.OPEN, MINE, wire.OpenAsk("main", extend=renewal > 0))
            await until(lambda own=own: len(own) >= 1, "a part on the new connection")  # type: ignore[misc]
            if held is not None:
                await held.aclose()
            held = entered
        assert held is not None
        last.push_async_exit(held)
        count = len(heard.messages)
        await until(lambda: len(heard.messages) > count + 2, "the last connection goes on")

    found = sorted(set(heard.live()))
    assert len({run for run, _ in found}) == 1
    first, end = found[0][1], found[-1][1]
    assert [sequence for _, sequence in found] == list(range(first, end + 1))
    assert len(found) > RENEWALS


def test_nothing_that_is_kept_is_open_to_other_users_of_the_machine(scene: Scene) -> None:
    """Whatever umask the program was started with: recordings, database, facts, keys."""
    wait_until(lambda: list(scene.folder.rglob("*.mp4")), "a file of a recording")
    kept = [scene.folder, *scene.folder.rglob("*")]
    names = {path.name for path in kept}

    assert {"hub.sqlite", "catalog.sqlite", "nats-server.conf", "credentials.key"} <= names
    assert [str(path) for path in kept if path.exists() and path.stat().st_mode & 0o007] == []


def test_no_child_holds_a_password_of_the_environment(scene: Scene) -> None:
    """`/proc/<pid>/environ` stays readable for whoever breaks into one of them."""
    http = scene.program.http
    snapshot = f"/api/v1/cameras/{scene.ids[MINE]}/snapshot.jpg"
    wait_until(lambda: http.get(snapshot).status_code == 200, "a picture is decoded")
    children = scene.program.family() - {scene.program.process.pid}
    told = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}

    assert {"nats-server", "edge", "vonggac.edge.picture"} <= {
        word.rpartition("/")[2] for line in told.values() for word in line.decode().split("\0")
    }
    for pid in children:
        kept = Path(f"/proc/{pid}/environ").read_bytes()
        assert SECRET.encode() not in kept, told[pid]
        assert b"PATH=" in kept


def test_bus_token_and_grant_open_nothing_over_http(scene: Scene) -> None:
    """Who has a grant and no session is nobody to the pages: they take the session's cookie."""
    told, _ = scene.granted([MINE], ["main"])
    camera = f"/api/v1/cameras/{scene.ids[MINE]}"
    span = {"from": moment(time.time() - 10), "to": moment(time.time())}
    for secret in (told["token"], told["grant"], told["grant_id"]):
        with httpx.Client(
            base_url=scene.program.url,
            headers={"Authorization": f"Bearer {secret}", wire.GRANT: secret},
            cookies={"vg_session": secret},
        ) as thief:
            answers = [
                thief.get("/api/v1/cameras"),
                thief.get(f"{camera}/snapshot.jpg"),
                thief.get(f"{camera}/recording.mp4", params=span),
                thief.get(f"{camera}/ledger", params=span),
                thief.get(f"{camera}/timeline", params=span),
                thief.post("/api/v1/probe", json={"url": "rtsp://127.0.0.1/1"}),
                thief.post("/api/v1/discover", json={}),
                thief.post("/api/v1/grants", json={
                    "nkey": keys.NKey.create(keys.Role.USER).public, "cameras": ["cam01"],
                    "streams": ["main"], "purpose": "watch"}),
            ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [401] * len(answers)
