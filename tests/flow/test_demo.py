"""`make demo`: what whoever tries the program sees first."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from programs import PASSWORD, ages, alive, browsing, moment, running

from recordings import assert_each_once, wait_until
from vonggac import demo as demo_command
from vonggac.clock import NS, parse_rfc3339
from vonggac.media.timeline import SLEW
from vonggac.sim.numbering import numbers_in_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from programs import Running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
]

FPS = 15
EDGE_S = 1.0
"""How far from the moment it was sent a picture may be placed, on any machine."""
CAMERAS = ["hl-2a", "cg-1", "san-1", "st-1", "td-1", "lm-1", "tn-1", "vs-1"]
UNPLUGGED_S = 25
"""After the cameras began, the yard's loses its plug for 6 s, every two minutes."""


def environment(data: Path) -> dict[str, str]:
    return {"PORT": "0", "DATA": str(data), "ADMIN_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(data: Path) -> Iterator[Running]:
    """A first start on a machine with nothing prepared."""
    with running(["demo"], data / "log", environment(data), ready_s=60) as made:
        yield made


def listed(program: Running) -> list[dict[str, Any]]:
    """The facility's cameras by the API, which tells those of the invented province too."""
    cameras = program.http.get("/api/v1/cameras").json()["cameras"]
    own = program.http.get("/api/v1/cameras/hl-2a").json()["site"]
    return [camera for camera in cameras if camera["site"] == own]


def recording(program: Running) -> list[str]:
    """Names of the facility's cameras that record now."""
    return [one["name"] for one in listed(program) if one["state"]["kind"] == "recording"]


def test_a_first_start_says_where_to_look_and_eight_pictures_move(demo: Running) -> None:
    """One line for programs, an address for people, and a wall that needs nothing done first."""
    assert demo.told["ready"] is True
    assert (demo.told["user"], demo.told["password"]) == ("admin", PASSWORD)
    assert demo.told["url"].startswith("http://127.0.0.1:")
    assert sorted(camera["name"] for camera in listed(demo)) == sorted(CAMERAS)
    wait_until(lambda: len(recording(demo)) == 8, "eight cameras record")

    with browsing(demo) as (page, complaints):
        page.goto(f"{demo.url}/wall")
        for camera in CAMERAS:
            wait_until(lambda name=camera: len(ages(page, name)) >= 10, f"{camera} moves")
        assert min(min(ages(page, camera)) for camera in CAMERAS) < 2_000
    assert complaints == []


def test_the_misbehaving_cameras_gap_is_named_with_its_cause(demo: Running) -> None:
    """The demo is there to show what other recorders hide."""

    def unplugged() -> dict[str, Any] | None:
        """Its gap, when it is over: the box then says how it came about."""
        gaps = demo.ledger("san-1")["gaps"]
        closed = [gap for gap in gaps if gap["cause"] == "unreachable" and gap["evidence"]]
        return closed[0] if closed else None

    gap = wait_until(unplugged, "the gap is in the ledger", seconds=UNPLUGGED_S + 60)
    lasted_s = (parse_rfc3339(gap["to"]) - parse_rfc3339(gap["from"])) / NS
    assert 4 < lasted_s < 25
    assert gap["evidence"] == "the camera closed the connection"


def test_the_last_minute_can_be_played_downloaded_and_seen_as_a_still(
    demo: Running, tmp_path: Path
) -> None:
    """A range of the virtual MP4 comes at once; the whole of it plays in any player."""
    began = wait_until(lambda: _recorded_from(demo, "cg-1", 12), "twelve seconds without a gap")
    address = "/api/v1/cameras/cg-1/recording.mp4"
    span = {"from": moment(began + 1), "to": moment(began + 11)}
    first = demo.http.get(address, params=span, headers={"Range": "bytes=0-4095"})
    whole = demo.http.get(address, params=span)
    now = demo.http.get("/api/v1/cameras/cg-1/snapshot.jpg")
    then = demo.http.get("/api/v1/cameras/cg-1/snapshot.jpg", params={"at": moment(began + 5)})

    assert first.status_code == 206
    assert first.headers["content-range"] == f"bytes 0-4095/{len(whole.content)}"
    assert whole.content[:4096] == first.content
    film = tmp_path / "film.mp4"
    film.write_bytes(whole.content)
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-count_packets", "-of", "json", "-show_entries",
         "stream=codec_name,nb_read_packets:format=duration", str(film)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(probed.stdout)
    assert probed.stderr == ""
    assert found["streams"][0]["codec_name"] == "h264"
    sent = numbers_in_file(film)
    assert int(found["streams"][0]["nb_read_packets"]) == len(sent)
    assert_each_once([number for number, _ in sent])
    assert sent[0][1] / NS <= began + 1
    assert sent[-1][1] / NS >= began + 11 - 1 / FPS - EDGE_S
    # Ten seconds of the box's clock last as long by the camera's time stamps, but for what the
    # recorder slews the one towards the other, and a pause of the camera's process.
    pause = max(after[1] - before[1] for before, after in pairwise(sent)) / NS - 1 / FPS
    lasts = float(found["format"]["duration"])
    assert 10 * (1 - SLEW) - pause <= lasts < 10 + EDGE_S
    for still in (now, then):
        assert still.status_code == 200, still.text
        assert still.content[:3] == b"\xff\xd8\xff"
    assert now.content != then.content


def test_ctrl_c_ends_everything_and_a_second_start_goes_on(demo: Running, data: Path) -> None:
    """Nothing is left behind but the folder, and that is enough to go on with."""
    wait_until(lambda: len(recording(demo)) >= 7, "the cameras record")
    family = demo.family()
    took_s = demo.stop(signal.SIGINT)
    assert wait_until(lambda: not alive(family), "no process is left")
    assert demo.process.returncode == 0
    assert took_s < 10
    assert len(family) >= 4  # the program, nats-server, the edge, the cameras
    port = (data / "rtsp-port").read_text()

    with running(["demo"], data / "log", environment(data)) as second:
        wait_until(lambda: len(recording(second)) >= 7, "the cameras record again")
        gaps = wait_until(lambda: second.ledger("cg-1")["gaps"], "the pause is in the ledger")
        assert "edge_off" in [gap["cause"] for gap in gaps]
    assert (data / "rtsp-port").read_text() == port
    assert "Traceback" not in (data / "log").read_text()


def test_the_cameras_of_a_demo_keep_their_port_while_it_is_free(tmp_path: Path) -> None:
    """The box dials what it was told last, before the hub tells it anything else."""
    kept = tmp_path / "rtsp-port"
    first = demo_command.port_of_cameras(kept)
    assert demo_command.port_of_cameras(kept) == first
    with socket.create_server(("127.0.0.1", first)):
        other = demo_command.port_of_cameras(kept)
        assert other != first
    assert demo_command.port_of_cameras(kept) == other
    for wrong in ("", "many", "70000", "-1"):
        kept.write_text(wrong)
        found = demo_command.port_of_cameras(kept)
        assert kept.read_text() == f"{found}\n"


def _recorded_from(program: Running, camera: str, seconds: float) -> float | None:
    """Where a span of at least so many seconds begins: a busy machine may stall the simulator."""
    for span in program.ledger(camera)["spans"]:
        begin, end = parse_rfc3339(span["from"]) / NS, parse_rfc3339(span["to"]) / NS
        if end - begin >= seconds:
            return begin
    return None
