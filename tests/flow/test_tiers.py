"""A province and two sites as processes: `vonggac hub`, and `vonggac up` twice with it as parent.

Each site records a virtual camera, keeps its own register and pages, and joins the province through
a line that a test can cut.  What the province says of them is held against what they say.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from programs import moment, running
from test_attacks import VIEWER_BODIES, Heard, until

from recordings import SMALL, virtual_cameras, wait_until
from vonggac import bus, keys, wire
from vonggac.clock import NS, SystemClock, parse_rfc3339
from vonggac.config import Config, SiteConfig
from vonggac.db import Database, sqlite_url
from vonggac.domain import registry
from vonggac.edge.identity import identity_at
from vonggac.errors import Kind, VonggacError
from vonggac.hub.site import Site
from vonggac.sim.link import Link
from vonggac.wire.enrolment import EnrolledSite, Enrolment, encode_enrolment

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from programs import Running

    from vonggac.edge.identity import Identity

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning"),
]

CAMERA = "cam01"
"""What the camera of each site is called there."""
SECOND_S = 1.0
"""By how much the edges of what was recorded may differ between tiers."""


class Lines:
    """Lines that can be cut, on a loop of their own beside the test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


@dataclass
class Below:
    """A site that keeps its own register."""

    name: str
    data: Path
    identity: Identity
    line: Link
    program: Running

    @property
    def site(self) -> str:
        return self.identity.site


@dataclass
class Scene:
    """The province, and what joined it."""

    province: Running
    data: Path
    sites: tuple[Below, Below]
    lines: Lines

    def told(self, below: Below) -> dict[str, Any]:
        """What the province says of a site."""
        answer = self.province.http.get("/api/v1/cameras").json()
        found: dict[str, Any] = next(one for one in answer["sites"] if one["id"] == below.site)
        return found

    def camera(self, below: Below) -> dict[str, Any] | None:
        """What the province says of a site's camera."""
        cameras = self.province.http.get("/api/v1/cameras").json()["cameras"]
        return next((one for one in cameras if one["site"] == below.site), None)

    def ledger(self, below: Below, from_s: float, to_s: float) -> dict[str, Any]:
        """What the province's ledger has of a site's camera."""
        camera = self.camera(below)
        assert camera is not None
        return ledger_of(self.province, camera["id"], from_s, to_s)


def ledger_of(program: Running, camera: str, from_s: float, to_s: float) -> dict[str, Any]:
    answer = program.http.get(
        f"/api/v1/cameras/{camera}/ledger", params={"from": moment(from_s), "to": moment(to_s)}
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def leaf_port(data: Path) -> int:
    """Where a hub's server lets those below join: the browsers' port, as behind 443."""
    told = msgspec.json.decode(next((data / "nats" / "run").glob("*.ports")).read_bytes())
    return int(told["websocket"][0].rpartition(":")[2])


def enrolled(data: Path, folder: Path, name: str, port: int) -> Identity:
    """What `vonggac enrol` leaves on a fresh box, and what the hub keeps of it."""
    keys.make_folder(folder)
    keys.make_folder(folder / "keys")
    keys.make_folder(folder / "recordings")
    identity = identity_at(folder / "recordings")
    trust = keys.Trust(data / "keys" / "trust")
    control, media = trust.leaf(identity.site, issued_s=int(time.time()))
    control.save(folder / "given-control")
    media.save(folder / "given-media")
    document = Enrolment(
        v=1, hub=trust.hub, hub_key=keys.SigningKey.at(data / "keys" / "hub.key").public,
        hub_title="Trung tâm", pages="http://127.0.0.1:1",
        site=EnrolledSite(
            id=identity.site, name=name, title=f"Cơ sở {name}", address="", owner_line="civil",
            unit="unassigned", unit_title="", retention_days=30,
        ),
        addresses=(f"ws://127.0.0.1:{port}",),
        control=(folder / "given-control").read_text(), media=(folder / "given-media").read_text(),
        made_ns=time.time_ns(),
    )  # fmt: skip
    keys.write_secret(folder / "keys" / "parent.json", encode_enrolment(document).decode())
    database = Database(sqlite_url(data / "hub.sqlite"))
    config = Config(data_dir="-", site=SiteConfig(name=name, title=f"Cơ sở {name}"))
    with database.writing() as connection:
        registry.ensure_site(
            connection, config, site_id=identity.site, public_key=identity.key.public,
            now_ns=time.time_ns(),
        )  # fmt: skip
    database.close()
    return identity


@contextmanager
def site(scene_data: Path, folder: Path, name: str, url: str, lines: Lines) -> Iterator[Below]:
    """One of the two, started."""
    data = folder / name
    line = Link("127.0.0.1", leaf_port(scene_data), SystemClock())
    port = lines.do(line.start())
    identity = enrolled(scene_data, data, name, port)
    config = folder / f"{name}.toml"
    config.write_text(
        f'data_dir = "{data}"\n[web]\nport = 0\n[sign_in]\nsecond_factor = "outside"\n'
        f'[[cameras]]\nname = "{CAMERA}"\ntitle = "Hành lang {name}"\nmain = {{url = "{url}"}}\n'
    )
    try:
        with running(["up", "--config", str(config)], folder / f"{name}.log", {}) as program:
            yield Below(name, data, identity, line, program)
    finally:
        lines.do(line.stop())


@pytest.fixture(scope="module")
def scene(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """All three run, and the province has heard of both cameras."""
    folder = tmp_path_factory.mktemp("tiers")
    data = folder / "province"
    config = folder / "province.toml"
    config.write_text(
        f'data_dir = "{data}"\n[web]\nport = 0\n[hub]\ntitle = "Trung tâm tỉnh"\n'
        '[sign_in]\nsecond_factor = "outside"\n'
    )
    lines = Lines()
    with virtual_cameras(2, cache, main=SMALL) as cameras, ExitStack() as stack:
        stack.callback(lines.close)
        province = stack.enter_context(
            running(["hub", "--config", str(config)], folder / "province.log", {})
        )
        starting = [
            site(data, folder, name, cameras.url(camera), lines)
            for name, camera in zip(("sl-01", "sl-02"), cameras.names, strict=True)
        ]
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda one: one.__enter__(), starting)
        for one in starting:
            stack.push(one.__exit__)
        made = Scene(province, data, (first, second), lines)
        for below in made.sites:
            wait_until(lambda b=below: is_recording(made, b), f"{below.name} is seen to record")
        yield made


def is_recording(scene: Scene, below: Below) -> bool:
    camera = scene.camera(below)
    return bool(
        camera
        and camera["state"]["kind"] == "recording"
        and scene.told(below)["link"]["up"]
        and time.time_ns() - parse_rfc3339(scene.told(below)["as_of"]) < 10 * NS
    )


def refusals(scene: Scene) -> list[Any]:
    rows = scene.province.http.get("/api/v1/audit", params={"act": "fact_refused"}).json()
    return list(rows["rows"])


def test_facts_of_both_sites_arrive_and_verify(scene: Scene) -> None:
    """Both call their camera the same; each is a camera of its own above, titled as it is below."""
    first, second = scene.sites
    one, two = scene.camera(first), scene.camera(second)
    assert one is not None
    assert two is not None
    assert one["id"] != two["id"]
    assert (one["title"], two["title"]) == ("Hành lang sl-01", "Hành lang sl-02")
    now = time.time()
    for below in scene.sites:
        held = scene.ledger(below, now - 20, now)["figures"]
        assert held["recorded_s"] > 0
        assert held["missing_s"] == 0
    assert refusals(scene) == []


async def test_a_camera_of_another_machine_is_seen_through_the_province(scene: Scene) -> None:
    """Live, playback and snapshot by the province's own grant, and its recording in ranges."""
    below = scene.sites[0]
    camera = await asyncio.to_thread(scene.camera, below)
    assert camera is not None
    key = keys.NKey.create(keys.Role.USER)
    http, at = scene.province.http, f"/api/v1/cameras/{camera['id']}"

    def granted() -> dict[str, Any]:
        token = http.get("/api/v1/session").json()["csrf_token"]
        body = {"nkey": key.public, "cameras": [camera["id"]], "streams": ["main"],
                "purpose": "watch"}  # fmt: skip
        answer = http.post("/api/v1/grants", json=body, headers={"X-CSRF-Token": token})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    told = await asyncio.to_thread(granted)
    heard = Heard()
    viewer = await bus.connect(
        told["websocket"], keys.Credential(told["token"], key), name="viewer",
        origin=scene.province.url,
    )  # fmt: skip
    try:
        await viewer.listen(told["subjects"]["live"][camera["id"]]["main"], heard.messages.append)
        asker = bus.Asker(told["hub"], told["grant_id"], viewer, [viewer])
        await asker.start(told["site"])
        for verb, body in VIEWER_BODIES.items():
            _, content = await asker.ask(told["site"], verb, CAMERA, body("main"), told["grant"])
            assert content, verb
        await until(lambda: len(heard.live()) > 5, "parts of a camera of another machine")
    finally:
        await viewer.close()

    def pages() -> tuple[bytes, bytes]:
        picture, film = http.get(f"{at}/snapshot.jpg"), None
        until_s = time.monotonic() + 60
        while film is None or film.status_code == 404:  # the site may have begun a moment ago
            assert time.monotonic() < until_s, film
            now = time.time()
            span = {"from": moment(now - 8), "to": moment(now - 1)}
            film = http.get(f"{at}/recording.mp4", params=span)
        assert (picture.status_code, film.status_code) == (200, 200), (picture.text, film.text)
        return picture.content, film.content

    picture, film = await asyncio.to_thread(pages)
    assert picture.startswith(b"\xff\xd8")
    assert film[4:8] == b"ftyp"


def test_an_order_from_above_is_refused_by_the_box(scene: Scene) -> None:
    """Its own hub keeps the register: another order would take its cameras away."""
    below = scene.sites[0]

    async def ordered() -> None:
        trust = keys.Trust(scene.data / "keys" / "trust")
        signing = keys.SigningKey.at(scene.data / "keys" / "hub.key")
        control, media = trust.hub_users(issued_s=int(time.time()))
        told = msgspec.json.decode(next((scene.data / "nats" / "run").glob("*.ports")).read_bytes())
        url = f"nats://127.0.0.1:{told['nats'][0].rpartition(':')[2]}"
        one = await bus.connect(url, control, name="hub")
        other = await bus.connect(url, media, name="hub media")
        try:
            asker = bus.Asker(trust.hub, keys.new_id(), one, [one, other])
            await asker.start()
            upper = Site(
                asker, signing, SystemClock(), site_id=below.site,
                public_key=below.identity.key.public,
            )  # fmt: skip
            assert (await upper.status())["site"] == below.site
            with pytest.raises(VonggacError) as refused:
                await upper.configure(9_999, wire.WantedCameras(()))
            assert refused.value.kind is Kind.FORBIDDEN
        finally:
            await one.close()
            await other.close()

    asyncio.run(ordered())


def test_a_cut_is_the_links_and_no_cameras_and_the_ledger_is_whole_after_it(scene: Scene) -> None:
    """While it lasts nothing is recorded or missing above; afterwards both tiers say the same."""
    cut, other = scene.sites
    scene.lines.do(cut.line.cut())
    began = time.time()
    wait_until(lambda: not scene.told(cut)["link"]["up"], "the link is seen to be down")

    assert scene.told(other)["link"]["up"]
    page = scene.province.http.get(f"/?site={cut.site}").text
    assert "Mất đường truyền tới cơ sở" in page
    assert "Mở camera" not in page, "no camera is said to be down"
    wait_until(lambda: time.time() > began + 18, "a stretch of which nothing is known above")
    ended = time.time()
    blind = scene.ledger(cut, began + 1, ended)["figures"]
    assert (blind["recorded_s"], blind["missing_s"]) == (0, 0)
    assert blind["unknown_s"] > 15
    seen = scene.ledger(other, began, ended - 16)["figures"]
    assert (seen["missing_s"], seen["unknown_s"]) == (0, 0)

    scene.lines.do(cut.line.restore())
    wait_until(lambda: is_recording(scene, cut), "the link is there again, and all has arrived")
    wait_until(
        lambda: parse_rfc3339(scene.ledger(cut, began, ended)["as_of"]) > ended * NS,
        "the ledger above reaches beyond the cut",
    )
    above = scene.ledger(cut, began, ended)["figures"]
    below = ledger_of(cut.program, CAMERA, began, ended)["figures"]
    assert above["unknown_s"] == below["unknown_s"] == 0
    assert abs(above["recorded_s"] - below["recorded_s"]) <= SECOND_S
    assert above["recorded_s"] > ended - began - 2 * SECOND_S
    assert refusals(scene) == []


def test_a_hold_of_the_province_reaches_a_box_whose_line_was_cut(scene: Scene) -> None:
    """Sent when the line is there, taken by the box, said in a fact; both tiers' pages say so."""
    below, http = scene.sites[1], scene.province.http
    camera = scene.camera(below)
    assert camera is not None
    now = time.time()
    body = {"camera": camera["id"], "from": moment(now - 6), "to": moment(now - 2),
            "case_number": "01/VA", "reason": "vụ việc"}  # fmt: skip
    headers = {"X-CSRF-Token": http.get("/api/v1/session").json()["csrf_token"]}
    scene.lines.do(below.line.cut())
    try:
        wait_until(lambda: not scene.told(below)["link"]["up"], "the link is seen to be down")
        placed = http.post("/api/v1/holds", json=body, headers=headers)
        assert placed.status_code == 201, placed.text
        assert placed.json()["at_box"]["state"] == "sending"
    finally:
        scene.lines.do(below.line.restore())

    def stand() -> str:
        told = http.get("/api/v1/holds").json()["holds"]
        state = next(one["at_box"]["state"] for one in told if one["id"] == placed.json()["id"])
        return str(state)

    wait_until(lambda: stand() == "taken", "the box says that it keeps it", seconds=60)
    file = below.data / "recordings" / "identity" / "above.json"
    assert placed.json()["id"] in file.read_text()
    page = below.program.http.get("/holds").text
    assert "Giữ theo yêu cầu của cấp trên" in page
