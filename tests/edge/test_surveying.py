"""`vonggac survey` against virtual cameras: good, locked, silent, absent; and a line that sends."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import web as server

from vonggac import keys
from vonggac.admin import survey as command
from vonggac.clock import SystemClock
from vonggac.config import Secret
from vonggac.edge import identity
from vonggac.edge.surveying import Surveying, Wanted
from vonggac.edge.uplink import SIZES, attach, uplink
from vonggac.errors import ConfigError
from vonggac.sim.cameras import StreamPlan, VirtualCameras
from vonggac.sim.faults import parse_fault
from vonggac.sim.server import Credentials
from vonggac.wire import survey as wire

if TYPE_CHECKING:
    from pathlib import Path

CLOCK = SystemClock()
SMALL = StreamPlan(width=320, height=240, fps=15.0, kbps=300)
LARGE = StreamPlan(width=1280, height=720, fps=10.0, kbps=800)
ABSENT = "rtsp://127.0.0.1:9/nobody"
"""Port 9 (discard): nobody listens there."""


def surveying(directory: Path, **more: object) -> Surveying:
    return Surveying(directory, CLOCK, seconds=1.0, onvif_ports=(), **more)


def written(directory: Path) -> wire.SurveyRead:
    return wire.read_survey((directory / wire.SURVEY_FILE).read_bytes())


async def ran(*words: str, **variables: str) -> tuple[int, str, str]:
    """The command as a technician starts it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vonggac.cli", "survey", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | variables,
    )  # fmt: skip
    out, said = await child.communicate()
    return child.returncode or 0, out.decode(), said.decode()


async def test_each_camera_is_measured_and_judged(tmp_path: Path, cache: Path) -> None:
    """A good one, one that stalls and one that is not there: none hides another."""
    fault = parse_fault("cam02:stall@0")
    async with VirtualCameras(2, main=LARGE, faults=[fault], cache=cache) as cameras:
        good, stalled = cameras.urls
        work = surveying(tmp_path, site="KS-01")
        await work.run([Wanted(good, zone="HL"), Wanted(stalled), Wanted(ABSENT)])
        work.finish(None)

    survey = written(tmp_path).survey
    by_url = {one.url: one for one in survey.cameras}
    first, second, third = by_url[good], by_url[stalled], by_url[ABSENT]
    assert (survey.left, survey.site, survey.finished is not None) == (0, "KS-01", True)
    assert (first.connectable, first.zone, first.codec) == (True, "HL", "h264")
    assert (first.width, first.height) == (1280, 720)
    assert first.criteria["name"] == "mặc định của phần mềm"
    assert (second.reachable, second.connectable) == (True, False)
    assert "no_pictures" in {one.code for one in second.reasons}
    assert (third.reachable, third.cause, third.still) == (False, "unreachable", None)
    assert survey.uplink == wire.SurveyUplink(measured=False, why="no hub was named")
    content = (tmp_path / first.still.name).read_bytes()
    assert content[:3] == b"\xff\xd8\xff"
    digest = hashlib.sha256(content).hexdigest()
    assert (first.still.size, first.still.sha256) == (len(content), digest)
    assert len(content) < 150_000


async def test_a_wrong_password_is_tried_once_for_a_device(tmp_path: Path, cache: Path) -> None:
    """Recorders lock accounts; and no password comes into the folder."""
    door = Credentials("admin", "r1ght", "digest")
    async with VirtualCameras(3, main=SMALL, credentials=door, cache=cache) as cameras:
        urls = cameras.urls
        wrong = surveying(tmp_path)
        await wrong.run([Wanted(url, "admin", Secret("wr0ng")) for url in urls])
        refused = written(tmp_path).survey.cameras
        looked = sum(cameras.truth(name).pictures for name in cameras.names)
        right = surveying(tmp_path)
        await right.run([Wanted(url, "admin", Secret("r1ght")) for url in urls])
        taken = written(tmp_path).survey.cameras

    assert looked == 0
    assert [one.cause for one in refused] == ["refused"] * 3
    assert all(one.reachable and not one.authenticated for one in refused)
    assert {reason.code for one in refused for reason in one.reasons} == {"refused"}
    assert {reason.survey for one in refused for reason in one.reasons} == {"vướng cài đặt bảo mật"}
    assert [one.connectable for one in taken] == [True] * 3
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"r1ght" not in everything
    assert b"wr0ng" not in everything


async def test_a_survey_that_was_cut_off_goes_on(tmp_path: Path, cache: Path) -> None:
    """What was measured stands in the folder and is not measured again."""
    async with VirtualCameras(2, main=SMALL, cache=cache) as cameras:
        await surveying(tmp_path).run([Wanted(cameras.urls[0])])
        before = written(tmp_path).survey
        more = surveying(tmp_path)
        await more.run([Wanted(url) for url in cameras.urls])
        more.finish(None)

    after = written(tmp_path).survey
    assert before.finished is None
    assert after.finished is not None
    assert after.cameras[0] == before.cameras[0]
    assert [one.name for one in after.cameras] == ["cam01", "cam02"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cam01.jpg", "cam02.jpg", "survey.json",
    ]  # fmt: skip


async def test_ctrl_c_loses_nothing_that_was_measured(tmp_path: Path, cache: Path) -> None:
    """A technician is called away in the middle; the folder says how many are left."""
    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras:
        # A server that takes the connection and never answers holds the second camera open.
        held: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(
            lambda _reader, writer: held.append(writer), "127.0.0.1", 0
        )
        port = silent.sockets[0].getsockname()[1]
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vonggac.cli", "survey", "--dir", str(tmp_path), "--no-onvif",
            "--seconds", "1", cameras.urls[0], f"rtsp://127.0.0.1:{port}/silent",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        while not (line := await child.stderr.readline()).startswith(b"cam"):
            assert line, "the command ended before the first camera"
        child.send_signal(signal.SIGINT)
        rest = (await child.communicate())[1].decode()
        silent.close()
        for writer in held:
            writer.close()

    survey = written(tmp_path).survey
    assert child.returncode == 130
    assert "chạy lại cùng lệnh" in rest
    assert (len(survey.cameras), survey.left, survey.finished) == (1, 1, None)
    assert survey.cameras[0].connectable


async def test_a_box_signs_what_it_measured(tmp_path: Path) -> None:
    """The hub knows the box; a laptop's word is a person's."""
    box = identity.identity_at(tmp_path / "recordings")
    work = surveying(tmp_path / "survey", identity=box)
    await work.run([])
    work.finish(None)

    read = written(tmp_path / "survey")
    keys.verify_survey(read, box.key.public)
    assert read.signature.site == box.site


async def test_a_camera_in_a_forbidden_place_is_never_looked_at(
    tmp_path: Path, cache: Path
) -> None:
    """By its zone or by its words: refused with the rule, and nobody opened its picture.

    The last line of stdout is for programs, progress goes to stderr; logins come from a file.
    """
    door = Credentials("admin", "p@ss w0rd", "digest")
    logins, listed, folder = tmp_path / "logins", tmp_path / "list", tmp_path / "survey"
    keys.write_secret(logins, "# the hotel's recorder\n127.0.0.1 admin p@ss w0rd\n")
    async with VirtualCameras(3, main=SMALL, credentials=door, cache=cache) as cameras:
        room, bath, corridor = cameras.urls
        listed.write_text(
            f"# second floor\n\nHL hành lang tầng 2={corridor}\nHL trong nhà tắm chung={bath}\n",
            encoding="utf-8",
        )
        code, out, said = await ran(
            "--dir", str(folder), "--json", "--no-onvif", "--seconds", "1",
            "--logins", str(logins), "--list", str(listed), f"PHONG={room}",
        )  # fmt: skip
        sent = [cameras.truth(name).pictures for name in cameras.names]

    told = json.loads(out.splitlines()[-1])
    content = (folder / "survey.json").read_bytes()
    first = told["cameras"][0]
    assert code == 1
    assert [one["url"] for one in told["cameras"]] == [corridor]
    assert (first["zone"], first["title"], first["connectable"]) == ("HL", "hành lang tầng 2", True)
    assert {one["url"] for one in told["refused"]} == {room, bath}
    assert all(one["vi"] and one["en"] and one["rule"] for one in told["refused"])
    assert sent[:2] == [0, 0]
    assert not list(folder.glob("cam02*"))
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert (told["signed"], told["left"]) == (False, 0)
    assert told["uplink"] == msgspec.to_builtins(written(folder).survey.uplink)
    assert "cam01" in said
    assert b"p@ss" not in content


@pytest.mark.parametrize(
    ("line", "zone", "title", "url"),
    [
        ("rtsp://10.0.0.8/a=b", "", "", "rtsp://10.0.0.8/a=b"),
        ("HL=rtsp://10.0.0.8/a=b", "HL", "", "rtsp://10.0.0.8/a=b"),
        ("hl hành lang=rtsp://10.0.0.8/", "HL", "hành lang", "rtsp://10.0.0.8/"),
        ("cổng sau=10.0.0.8", "", "cổng sau", "10.0.0.8"),
        ("10.0.0.8:8554", "", "", "10.0.0.8:8554"),
    ],
)
def test_a_place_stands_before_the_address(line: str, zone: str, title: str, url: str) -> None:
    """Addresses of recorders hold `=` themselves."""
    wanted = command._wanted(line, {})

    assert (wanted.zone, wanted.title, wanted.url) == (zone, title, url)


async def test_the_file_is_handed_to_the_hub_as_it_is(tmp_path: Path) -> None:
    """Byte for byte, with the token; what the hub or the line refuses is said, and is no error."""
    taken: list[tuple[str, str, bytes]] = []

    async def take(request: server.Request) -> server.Response:
        taken.append((request.path, request.headers["Authorization"], await request.read()))
        return server.json_response({}, status=201 if len(taken) == 1 else 409)

    app = server.Application()
    app.router.add_post("/api/v1/surveys/{survey}/facts", take)
    runner = server.AppRunner(app)
    await runner.setup()
    try:
        site = server.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hub = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        said = [await attach(hub, "abc", Secret("vg_x"), b'{"v":1}') for _ in range(2)]
    finally:
        await runner.cleanup()

    assert taken[0] == ("/api/v1/surveys/abc/facts", "Bearer vg_x", b'{"v":1}')
    assert said == ["", "the hub answered 409"]
    assert await attach("http://127.0.0.1:9", "abc", Secret("vg_x"), b"{}")
    with pytest.raises(ConfigError):
        await attach(hub, "../people", Secret("vg_x"), b"{}")


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        ("rtsp://192.0.2.9/Streaming/Channels/1602", 16),
        ("rtsp://192.0.2.9/Streaming/Channels/101", 1),
        ("rtsp://192.0.2.9/cam/realmonitor?channel=12&subtype=0", 12),
        ("rtsp://192.0.2.9/h264/ch3/main/av_stream", 3),
        ("rtsp://192.0.2.9/live", 1),
    ],
)
def test_an_address_of_a_list_tells_the_channel(url: str, channel: int) -> None:
    """So that the cameras of a recorder are told apart though nobody searched for them."""
    assert command._wanted(f"HL={url}", {}).channel == channel


async def test_the_uplink_is_what_came_through(tmp_path: Path) -> None:
    """Measured over loopback: the figure is of bytes that the hub says it received."""
    received: list[int] = []

    async def count(request: server.Request) -> server.Response:
        received.append(len(await request.read()))
        return server.json_response({"received": received[-1]})

    app = server.Application(client_max_size=8 << 20)
    app.router.add_post("/api/v1/uplink", count)
    runner = server.AppRunner(app)
    await runner.setup()
    try:
        site = server.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        told = await uplink(f"http://127.0.0.1:{port}/facilities", clock=CLOCK)
        elsewhere = await uplink(f"http://127.0.0.1:{port}", clock=CLOCK, authority=None)
    finally:
        await runner.cleanup()
    silent = await uplink("http://127.0.0.1:9", clock=CLOCK)

    assert told.measured
    assert (told.sent, told.hub) == (received[len(received) // 2 - 1], f"http://127.0.0.1:{port}")
    assert told.kbps == pytest.approx(told.sent * 8 / told.seconds / 1000, rel=0.6)
    assert elsewhere.measured
    assert received[0] == SIZES[0]
    assert (silent.measured, silent.kbps) == (False, None)
    with pytest.raises(ConfigError):
        await uplink("ftp://hub", clock=CLOCK)
