"""`vonggac probe` against virtual cameras with known faults and against cameras by others."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import msgspec
import pytest

from peers import gstreamer, ipycam
from vonggac.clock import SystemClock
from vonggac.config import Secret
from vonggac.edge.probe import as_text, probe
from vonggac.errors import ConfigError
from vonggac.sim.cameras import StreamPlan, VirtualCameras
from vonggac.sim.faults import parse_fault
from vonggac.sim.server import Credentials

CLOCK = SystemClock()
SMALL = StreamPlan(width=320, height=240, fps=15.0, kbps=300)
CONTRACT = [
    "reachable", "authenticated", "codec", "width", "height", "declared_fps", "delivered_fps",
    "gop_s", "kbps", "clock_error_ms", "verdict",
]  # fmt: skip


@pytest.fixture(scope="session")
def loops(tmp_path_factory):
    """Coded scenes are kept between the tests of this file."""
    return tmp_path_factory.mktemp("loops")


async def probed(url, *args, seconds=2.0, **options):
    options.setdefault("onvif_ports", ())
    return await probe(url, *args, clock=CLOCK, seconds=seconds, **options)


def codes(result) -> list[str]:
    return [reason.code for reason in result.verdict.details]


async def test_a_good_camera_is_measured_and_pictured(loops):
    """The numbers must be those that the camera was made with."""
    async with VirtualCameras(1, main=SMALL, cache=loops) as cameras:
        result, jpeg = await probed(cameras.urls[0])

    told = json.loads(msgspec.json.encode(result))
    assert list(told)[: len(CONTRACT)] == CONTRACT
    assert (told["reachable"], told["authenticated"], told["codec"]) == (True, True, "h264")
    assert (told["width"], told["height"], told["declared_fps"]) == (320, 240, 15.0)
    assert abs(told["delivered_fps"] - 15) < 0.7
    assert abs(told["gop_s"] - 2.0) < 0.2
    assert 150 < told["kbps"] < 450
    assert abs(told["clock_error_ms"]) < 300
    assert told["clock_source"] == "rtcp"
    assert told["source"]["kind"] == "rtsp"
    assert told["parameter_sets"]["codec_string"].startswith("avc1.")
    assert told["audio"] == {"present": False, "codecs": []}
    assert told["criteria"]["name"] == "mặc định của phần mềm"
    assert jpeg[:3] == b"\xff\xd8\xff"
    assert "FIT TO BE CONNECTED (by the criteria" in as_text(result, "en")
    sets = result.parameter_sets.codec_string
    assert f"  Bộ tham số: {sets}, có trong SDP\n" in as_text(result, "vi")


async def test_a_camera_that_declares_more_than_it_delivers_is_told(loops):
    """Declared 15 and delivered 11 must not look like a gap later."""
    fault = parse_fault("cam01:wrongfps@0:11")
    async with VirtualCameras(1, main=SMALL, faults=[fault], cache=loops) as cameras:
        result, _ = await probed(cameras.urls[0])

    assert result.declared_fps == 15.0
    assert abs(result.delivered_fps - 11) < 0.8
    assert "rate_differs" in codes(result)


async def test_a_clock_that_is_off_is_measured(loops):
    """Evidence needs a time; NTP is the first thing that installers forget."""
    fault = parse_fault("cam01:clock@0:90")
    async with VirtualCameras(1, main=SMALL, faults=[fault], cache=loops) as cameras:
        result, _ = await probed(cameras.urls[0])

    assert abs(result.clock_error_ms - 90_000) < 500
    assert "clock_off" in codes(result)


@pytest.mark.parametrize(("kind", "code"), [("stall", "no_pictures"), ("nokey", "no_keyframe")])
async def test_a_camera_without_usable_pictures_is_not_fit(loops, kind, code):
    """Connected is not recorded."""
    fault = parse_fault(f"cam01:{kind}@0")
    async with VirtualCameras(1, main=SMALL, faults=[fault], cache=loops) as cameras:
        await asyncio.sleep(0.2)  # the fault begins a moment after the start
        result, _ = await probed(cameras.urls[0], seconds=1.0)

    assert not result.verdict.connectable
    assert code in codes(result)


async def test_credentials_are_judged_and_never_printed(loops):
    """The JSON goes into tickets and mails."""
    door = Credentials("admin", "s3cr3t @:/#%?", "digest")
    async with VirtualCameras(1, main=SMALL, credentials=door, cache=loops) as cameras:
        url = cameras.urls[0]
        address = cameras.url("cam01", user="admin", password="s3cr3t @:/#%?")
        (none, _), (wrong, _), (right, _), (inside, _) = await asyncio.gather(
            probed(url),
            probed(url, "admin", Secret("wr0ng")),
            probed(url, "admin", Secret("s3cr3t @:/#%?"), seconds=1.0),
            probed(address, seconds=1.0),
        )

    assert (none.reachable, none.authenticated, codes(none)) == (
        True, False, ["credentials_missing"],
    )  # fmt: skip
    assert (wrong.reachable, wrong.authenticated, codes(wrong)) == (True, False, ["refused"])
    assert right.authenticated
    assert right.verdict.connectable
    assert inside.verdict.connectable
    for result in (none, wrong, right, inside):
        printed = msgspec.json.encode(result).decode() + as_text(result, "vi")
        assert "s3cr3t" not in printed
        assert "wr0ng" not in printed


async def test_nobody_there_and_no_such_stream_are_told_apart(loops):
    """A technician looks for the cable in one case and for the path in the other."""
    async with VirtualCameras(1, main=SMALL, cache=loops) as cameras:
        absent, _ = await probed(cameras.urls[0] + "xx")
        url = cameras.urls[0]
    gone, _ = await probed(url)

    assert (absent.reachable, codes(absent)) == (True, ["no_such_stream"])
    assert (gone.reachable, gone.authenticated, codes(gone)) == (False, False, ["unreachable"])
    assert not gone.verdict.connectable
    assert gone.verdict.reasons == [f"Không kết nối được tới camera: “{gone.failure.message}”"]


async def without_loss(url: str, *, fps: float):
    """A probe that saw nearly every picture: what a busy machine drops comes by UDP only once."""
    for _ in range(5):
        result, picture = await probed(url)
        if result.delivered_fps and abs(result.delivered_fps - fps) < 2:
            break
    return result, picture


@pytest.mark.gstreamer
async def test_what_ours_refuses_goes_to_the_second_source_and_says_why():
    """UDP only; MJPEG; each is visible with its reason and its cost."""
    with gstreamer("udp=h264:transport=udp,gop=10", "mjpeg=mjpeg", "sound=h264:audio=1") as urls:
        udp, picture = await without_loss(urls["udp"], fps=25)
        (mjpeg, _), (again, _), (sound, _) = await asyncio.gather(
            probed(urls["mjpeg"]),
            probed(urls["mjpeg"], transcode=True),
            probed(urls["sound"], seconds=1.0),
        )

    assert (udp.source.kind, udp.verdict.connectable) == ("libav", True)
    assert "second_source" in codes(udp)
    assert "ours refused it" in udp.source.why[0]
    assert abs(udp.delivered_fps - 25) < 2
    assert abs(udp.gop_s - 0.4) < 0.1
    assert picture[:2] == b"\xff\xd8"
    assert (mjpeg.codec, mjpeg.width, mjpeg.height) == ("mjpeg", 320, 240)
    assert codes(mjpeg) == ["transcode"]
    assert not mjpeg.verdict.connectable
    assert again.verdict.connectable
    assert "transcoded" in codes(again)
    assert sound.audio.present
    assert "audio" in codes(sound)


async def test_onvif_tells_the_device_and_its_streams():
    """Ipycam is a camera written by others: RTSP and ONVIF in one."""
    with ipycam() as ports:
        url = f"rtsp://127.0.0.1:{ports['rtsp_port']}/video_main"
        result, _ = await probed(url, onvif_ports=(ports["onvif_port"],), seconds=3.0)

    assert result.onvif.model == "VirtualCam-1"
    assert result.onvif.firmware
    assert [profile["name"] for profile in result.onvif.profiles] == ["MainStream", "SubStream"]
    assert (result.codec, result.width, result.height) == ("h264", 320, 240)
    assert abs(result.delivered_fps - 15) < 3


def test_a_url_that_is_none_is_wrong_use():
    with pytest.raises(ConfigError):
        asyncio.run(probe("http://127.0.0.1/", clock=CLOCK))


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vonggac.cli", "probe", *words],
        capture_output=True, text=True, timeout=40, env=os.environ | environment, check=False,
    )  # fmt: skip


def test_the_command_keeps_its_contract(loops, tmp_path):
    """Exit 0, 1 and 2; one JSON object as the last line; a snapshot where it was asked for."""
    cameras = [sys.executable, "-m", "vonggac.cli", "simulate", "--cameras", "1", "--port", "0"]
    cameras += ["--size", "320x240", "--cache", str(loops)]
    with subprocess.Popen(cameras, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as sim:
        url = json.loads(sim.stdout.readline())["urls"][0]
        picture = tmp_path / "a.jpg"
        fine = run(url, "--seconds", "1", "--no-onvif", "--json", "--snapshot", str(picture))
        text = run(url, "--seconds", "1", "--no-onvif")
        absent = run(url + "xx", "--no-onvif", "--json")
        sim.terminate()
    wrong = run("rtsp://127.0.0.1/x", "--user", "u", "--password-env", "NO_SUCH_VARIABLE")

    assert [done.returncode for done in (fine, text, absent, wrong)] == [0, 0, 1, 2]
    told = json.loads(fine.stdout.splitlines()[-1])
    assert told["verdict"]["connectable"] is True
    assert told["snapshot"] == str(picture)
    assert picture.read_bytes()[:2] == b"\xff\xd8"
    assert "ĐỦ ĐIỀU KIỆN KẾT NỐI" in text.stdout
    assert "mặc định của phần mềm" in text.stdout
    assert json.loads(absent.stdout.splitlines()[-1])["verdict"]["connectable"] is False
    assert "NO_SUCH_VARIABLE" in wrong.stderr
