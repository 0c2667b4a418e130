"""The second source, against servers that others wrote."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from peers import gstreamer
from vonggac.causes import Cause
from vonggac.clock import SystemClock
from vonggac.config import Secret
from vonggac.edge import libav
from vonggac.edge.libav import FileSource, LibavSource
from vonggac.errors import RunEnded
from vonggac.media.h26x import Codec, video_format
from vonggac.media.rtp import AccessUnit, AudioUnit

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def cameras():
    mounts = (
        "udp=h264:transport=udp,bframes=2,gop=10",
        "slices=h264:gop=10",
        "h265=h265:gop=10",
        "mjpeg=mjpeg",
        "sound=h264:audio=1,gop=10",
    )
    with gstreamer(*mounts) as urls:
        yield urls


async def units_of(source, count: int, seconds: float = 20) -> list:
    """Drain as ingest does, until that many units came."""
    units = []
    async with asyncio.timeout(seconds):
        while len(units) < count:
            units += source.drain(CLOCK.monotonic_ns())
            await asyncio.sleep(0.04)
    return units


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("libav")]


@pytest.mark.gstreamer
@pytest.mark.parametrize(
    ("name", "codec"), [("udp", Codec.H264), ("slices", Codec.H264), ("h265", Codec.H265)]
)
async def test_pictures_pass_through_untouched(cameras, name, codec):
    """UDP is what ours refuses; H.264 and H.265 must arrive as the camera coded them."""
    source = LibavSource(cameras[name], clock=CLOCK, why="the camera delivers over UDP only")

    offer = await source.connect()
    units = await units_of(source, 40)
    await source.close()

    assert (offer.source, offer.codec, offer.clock_rate) == ("libav", codec, 90_000)
    assert (offer.video.width, offer.video.height) == (320, 240)
    assert offer.notes == ("the camera delivers over UDP only",)
    keyframes = [number for number, unit in enumerate(units) if unit.keyframe]
    assert {b - a for a, b in itertools.pairwise(keyframes)} == {10}
    for unit in units:
        data = b"".join(unit.chunks)
        assert len(data) == unit.size
        assert int.from_bytes(data[:4], "big") <= len(data) - 4
        assert not unit.damaged
    ticks = sorted(unit.ticks for unit in units[: keyframes[-1]])
    assert {round((b - a) / 3600) for a, b in itertools.pairwise(ticks)} == {1}
    reordered = [unit.ticks for unit in units] != sorted(unit.ticks for unit in units)
    assert reordered == (name == "udp")
    assert source.bytes_received >= sum(unit.size for unit in units)
    assert threads() == []


@pytest.mark.gstreamer
async def test_sender_reports_tell_the_cameras_time(cameras):
    """The clock error of a camera is known through libav too."""
    source = LibavSource(cameras["h265"], clock=CLOCK)
    await source.connect()

    units, reports = [], []
    async with asyncio.timeout(20):
        while not reports:
            units += source.drain(CLOCK.monotonic_ns())
            reports += source.take_reports()
            await asyncio.sleep(0.04)
    await source.close()

    error_ns = reports[0].ntp_ns - (CLOCK.wall_ns() - CLOCK.monotonic_ns() + reports[0].arrival_ns)
    assert abs(error_ns) < 1_500_000_000
    assert any(unit.ticks == reports[0].ticks for unit in units)


@pytest.mark.gstreamer
async def test_what_must_be_re_encoded_is_refused_until_the_operator_agrees(cameras):
    """It costs CPU for ever: the operator sees the price and the switch first."""
    source = LibavSource(cameras["mjpeg"], clock=CLOCK)

    with pytest.raises(RunEnded) as caught:
        await source.connect()
    await source.close()

    assert caught.value.cause is Cause.FORMAT_REFUSED
    assert caught.value.detail == {"codec": "mjpeg", "width": 320, "height": 240}
    assert "MJPEG" in caught.value.message
    assert "`transcode`" in caught.value.message
    assert "quarter of a core" in caught.value.message


def check_transcoded(offer, units) -> None:
    assert offer.codec is Codec.H264
    assert "re-encoded to H.264" in offer.notes[0]
    assert units[0].keyframe
    assert sum(unit.keyframe for unit in units) >= 2
    gaps = [b.ticks - a.ticks for a, b in itertools.pairwise(units)]
    assert all(gap > 0 for gap in gaps)
    assert abs(sum(gaps) / len(gaps) - 3600) < 400


@pytest.mark.gstreamer
async def test_with_consent_mjpeg_is_re_encoded_to_h264(cameras):
    """The recording then plays in every browser like any other."""
    source = LibavSource(cameras["mjpeg"], clock=CLOCK, transcode=True)

    offer = await source.connect()
    units = await units_of(source, 60)
    await source.close()

    check_transcoded(offer, units)
    video = video_format(units[0].sets)
    assert (video.width, video.height) == (320, 240)


async def test_mpeg4_is_re_encoded_too(tmp_path):
    """MPEG-4 cameras of 2005 to 2010 are still on walls; a file stands in for one."""
    write_file(tmp_path / "a.mp4", "mpeg4", 60)
    refused = FileSource(tmp_path / "a.mp4", clock=CLOCK, realtime=False)
    taken = FileSource(tmp_path / "a.mp4", clock=CLOCK, realtime=False, transcode=True)

    with pytest.raises(RunEnded) as caught:
        await refused.connect()
    offer = await taken.connect()
    units = await units_of(taken, 60)
    await asyncio.gather(refused.close(), taken.close())

    assert "MPEG-4" in caught.value.message
    check_transcoded(offer, units)


@pytest.mark.gstreamer
async def test_sound_is_handed_over_only_when_asked_for(cameras):
    """Sound is not recorded unless the site's rule says so (privacy)."""
    mute = LibavSource(cameras["sound"], clock=CLOCK)
    heard = LibavSource(cameras["sound"], clock=CLOCK, audio=True)

    mute_offer = await mute.connect()
    heard_offer = await heard.connect()
    without = await units_of(mute, 20)
    with_sound = await units_of(heard, 60)
    await asyncio.gather(mute.close(), heard.close())

    assert mute_offer.audio is None
    assert {type(unit) for unit in without} == {AccessUnit}
    assert heard_offer.audio.codec_string == "mp4a.40.2"
    assert (heard_offer.audio.sample_rate, heard_offer.audio.channels) == (16_000, 1)
    assert {type(unit) for unit in with_sound} == {AccessUnit, AudioUnit}


@pytest.mark.gstreamer
async def test_a_wrong_password_is_refused_and_never_printed():
    """The ledger prints the message, people send it to each other."""
    with gstreamer("a=h264", user="admin", password="s3cr3t p@ss/w#rd") as urls:
        wrong = LibavSource(urls["a"], "admin", Secret("wr0ng p@ss"), clock=CLOCK)
        right = LibavSource(urls["a"], "admin", Secret("s3cr3t p@ss/w#rd"), clock=CLOCK)

        with pytest.raises(RunEnded) as caught:
            await wrong.connect()
        offer = await right.connect()
        await asyncio.gather(wrong.close(), right.close())

    assert caught.value.cause is Cause.REFUSED
    assert "wr0ng" not in f"{caught.value!r} {caught.value.message} {caught.value.detail}"
    assert offer.codec is Codec.H264


@pytest.mark.gstreamer
async def test_a_camera_that_goes_away_ends_the_run():
    """EOF is the end of the run, with the units before it not lost."""
    with gstreamer("a=h264:transport=tcp") as urls:
        source = LibavSource(urls["a"], clock=CLOCK)
        await source.connect()
        await units_of(source, 5)

    with pytest.raises(RunEnded) as caught:
        await units_of(source, 10_000)
    await source.close()

    assert caught.value.cause is Cause.UNREACHABLE


@pytest.mark.gstreamer
async def test_a_path_that_does_not_exist_is_named():
    """A technician must see that the camera answers and the path is wrong."""
    with gstreamer("a=h264") as urls:
        source = LibavSource(urls["a"] + "xyz", clock=CLOCK)
        with pytest.raises(RunEnded) as caught:
            await source.connect()
        await source.close()

    assert caught.value.detail["status"] == 404


@pytest.mark.gstreamer
async def test_a_loop_that_does_not_drain_ends_the_run_as_overloaded(cameras, monkeypatch):
    """Memory is bounded: pictures nobody takes end the run instead of growing for ever."""
    monkeypatch.setattr(libav, "MAX_HELD_UNITS", 10)
    source = LibavSource(cameras["udp"], clock=CLOCK)
    await source.connect()
    await asyncio.wait_for(source._ended.wait(), 20)

    held = source.drain(CLOCK.monotonic_ns())
    with pytest.raises(RunEnded) as caught:
        source.drain(CLOCK.monotonic_ns())
    await source.close()

    assert len(held) == 10
    assert caught.value.cause is Cause.OVERLOADED


async def test_nobody_there_is_unreachable():
    """A closed port is told at once, without waiting for a time-out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    source = LibavSource(f"rtsp://u:s3cr3t@127.0.0.1:{port}/x", clock=CLOCK)

    with pytest.raises(RunEnded) as caught:
        await source.connect()
    await source.close()

    assert caught.value.cause is Cause.UNREACHABLE
    assert "s3cr3t" not in str(caught.value)


async def test_a_camera_that_accepts_and_says_nothing_times_out():
    """Connected and mute must not hold the thread for ever."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x"
        source = LibavSource(url, clock=CLOCK, connect_s=0.5)

        with pytest.raises(RunEnded) as caught:
            await source.connect()
        await source.close()

    assert caught.value.cause is Cause.UNREACHABLE
    assert "0.5 s" in caught.value.message


async def test_closing_while_connecting_ends_the_thread():
    """A camera that is removed from the configuration leaves no thread behind."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        source = LibavSource(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x", clock=CLOCK)
        connecting = asyncio.ensure_future(source.connect())
        await asyncio.sleep(0)
        connection, _ = await asyncio.get_running_loop().run_in_executor(None, mute.accept)

        connecting.cancel()
        started_ns = CLOCK.monotonic_ns()
        await source.close()
        connection.close()

    assert CLOCK.monotonic_ns() - started_ns < 1_000_000_000
    assert threads() == []


async def test_garbage_ends_the_run_as_garbled():
    """What is not RTSP costs one run, with its reason."""

    async def answer(_reader, writer):
        writer.write(b"\x00\xff garbage" * 100 + b"\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = LibavSource(f"rtsp://127.0.0.1:{port}/x", clock=CLOCK)

    with pytest.raises(RunEnded) as caught:
        await source.connect()
    await source.close()
    server.close()

    assert caught.value.cause in (Cause.GARBLED, Cause.UNREACHABLE)


async def redirecting(location: str) -> asyncio.Server:
    """A camera on 127.0.0.1 that answers every request with a redirect."""

    async def answer(reader, writer):
        number = b"0"
        while line := await reader.readline():
            if line.lower().startswith(b"cseq"):
                number = line.split(b":")[1].strip()
            if line == b"\r\n":
                writer.write(
                    b"RTSP/1.0 302 Moved\r\nCSeq: " + number + b"\r\n"
                    b"Location: " + location.encode() + b"\r\n\r\n"
                )
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.parametrize("login", ["", "somebody:else@"])
async def test_a_redirect_to_another_host_is_told_and_sends_it_nothing(login):
    """Credentials have no business elsewhere, nor has a question of ours.

    Twice: libav's second word on it is the same as its first.
    """
    with socket.create_server(("127.0.0.2", 0)) as other:
        other.setblocking(False)
        place = f"rtsp://{login}127.0.0.2:{other.getsockname()[1]}/elsewhere"
        server = await redirecting(place)
        port = server.sockets[0].getsockname()[1]

        for _ in range(2):
            source = LibavSource(f"rtsp://u:s3cr3t@127.0.0.1:{port}/x", clock=CLOCK)
            with pytest.raises(RunEnded) as caught:
                await source.connect()
            await source.close()

            assert caught.value.cause is Cause.UNREACHABLE
            assert "another host (127.0.0.2)" in caught.value.message
        server.close()

        heard = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = other.accept()
                with connection:
                    heard += connection.recv(1000)
    assert heard == b""


def write_file(path, codec: str, pictures: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        if codec != "mpeg4":
            stream.codec_context.options = {"preset": "ultrafast", "g": "10"}
        for number in range(pictures):
            grey = np.full((180, 160), number * 4 % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "encoder", "codec"),
    [
        ("a.mp4", "libx264", Codec.H264),
        ("a.mkv", "libx264", Codec.H264),
        ("a.mp4", "libx265", Codec.H265),
        ("a.mkv", "libx265", Codec.H265),
    ],
)
async def test_a_file_is_played_as_fast_as_it_is_drained(tmp_path, name, encoder, codec):
    """The third source: what was recorded elsewhere goes through the same path."""
    write_file(tmp_path / name, encoder, 50)
    source = FileSource(tmp_path / name, clock=CLOCK, realtime=False)

    offer = await source.connect()
    units = await units_of(source, 50, seconds=5)
    with pytest.raises(RunEnded) as caught:
        await units_of(source, 1)
    await source.close()

    assert (offer.source, offer.codec) == ("file", codec)
    assert (offer.video.width, offer.video.height) == (160, 120)
    assert len(units) == 50
    assert units[0].keyframe
    assert sorted(unit.ticks - min(u.ticks for u in units) for unit in units)[-1] == 49 * 3600
    assert "end" in caught.value.message


async def test_a_file_in_real_time_comes_when_it_is_due(tmp_path):
    """Twelve pictures at 25 a second take 0.44 s."""
    write_file(tmp_path / "a.mp4", "libx264", 12)
    source = FileSource(tmp_path / "a.mp4", clock=CLOCK)

    await source.connect()
    units = await units_of(source, 12, seconds=5)
    await source.close()

    span_ns = units[-1].arrival_ns - units[0].arrival_ns
    assert 0.25e9 < span_ns < 1.5e9


async def test_a_full_crossing_makes_a_file_wait_and_close_still_ends_it(tmp_path, monkeypatch):
    """A file is patient where a camera is not."""
    monkeypatch.setattr(libav, "MAX_HELD_UNITS", 5)
    write_file(tmp_path / "a.mp4", "libx264", 30)
    source = FileSource(tmp_path / "a.mp4", clock=CLOCK, realtime=False)

    await source.connect()
    first = await units_of(source, 10, seconds=5)
    await source.close()

    assert all(unit.size for unit in first)
    assert threads() == []


async def test_a_file_that_is_none_is_garbled(tmp_path):
    """A wrong path and a wrong file are told apart."""
    (tmp_path / "a.mp4").write_bytes(b"no file" * 100)

    for name, cause in (("a.mp4", Cause.GARBLED), ("b.mp4", Cause.UNREACHABLE)):
        source = FileSource(tmp_path / name, clock=CLOCK)
        with pytest.raises(RunEnded) as caught:
            await source.connect()
        await source.close()
        assert caught.value.cause is cause
