"""The server of virtual cameras as clients written by others meet it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import av
import pytest
from onlookers import SMALL, numbers, pictures, watch

from vonggac.sim.band import read_bar_code
from vonggac.sim.cameras import StreamPlan, VirtualCameras
from vonggac.sim.server import MAX_REQUEST, Credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TINY_SUB = StreamPlan(width=320, height=240, fps=10.0, kbps=200)
PASSWORD = "mật khẩu @:/#%? có dấu"


async def ffprobe(url: str) -> dict[str, str]:
    """What ffprobe says of the first stream."""
    probe = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-analyzeduration", "300000",
        "-of", "json", "-show_streams", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await probe.communicate()
    if probe.returncode:
        raise ConnectionError(error.decode())
    stream: dict[str, str] = json.loads(out)["streams"][0]
    return stream


@asynccontextmanager
async def talking(cameras: VirtualCameras, name: str = "cam01") -> AsyncIterator[Talk]:
    """A connection on which a test speaks RTSP word by word."""
    port = int(cameras.url(name).split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Talk(reader, writer, cameras.url(name))
    finally:
        writer.close()


class Talk:
    """One connection, one request after the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.url = url
        self.count = 0

    async def ask(
        self, method: str, *headers: str, url: str = ""
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the answer."""
        self.count += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self.count}", *headers, "", ""]
        self.writer.write("\r\n".join(lines).encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(fields.get("Content-Length", "0")))
        assert fields["CSeq"] == str(self.count)
        return int(head[0].split()[1]), fields, body.decode()


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_ffprobe_finds_the_codec_size_and_rate_asked_for(codec: str, cache: Path) -> None:
    """The first thing every client asks."""
    plan = StreamPlan(width=640, height=360, fps=25.0, kbps=1500, codec=codec)  # type: ignore[arg-type]
    async with VirtualCameras(1, main=plan, sub=TINY_SUB, cache=cache) as cameras:
        main, sub = await asyncio.gather(
            ffprobe(cameras.url("cam01")), ffprobe(cameras.url("cam01", "sub"))
        )
    assert main["codec_name"] == {"h264": "h264", "h265": "hevc"}[codec]
    assert (main["width"], main["height"], main["r_frame_rate"]) == (640, 360, "25/1")
    assert (sub["codec_name"], sub["width"], sub["height"]) == ("h264", 320, 240)
    assert sub["r_frame_rate"] == "10/1"


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_pictures_arrive_complete_in_order_and_at_their_bitrate(
    codec: str, cache: Path
) -> None:
    """Numbers follow each other, times go up, the second keyframe comes after two seconds."""
    plan = StreamPlan(width=640, height=360, fps=25.0, kbps=1500, codec=codec)  # type: ignore[arg-type]
    async with VirtualCameras(1, main=plan, cache=cache) as cameras:
        seen = await asyncio.to_thread(watch, cameras.url("cam01"), pictures(76))
        truth = cameras.truth("cam01")
    first = seen[0].number
    assert numbers(seen) == list(range(first, first + 76))
    assert [one.number - first for one in seen if one.keyframe] == [0, 50]
    ticks = [after.pts - before.pts for before, after in itertools.pairwise(seen)]
    assert set(ticks) <= {3599, 3600, 3601}
    kbps = sum(one.size for one in seen[:50]) * 8 / 2 / 1000
    assert kbps == pytest.approx(1500, rel=0.12)
    assert truth.last_number >= seen[-1].number
    assert truth.pictures == truth.last_number - first + 1


async def test_the_bar_code_on_the_wire_agrees_with_the_message(cache: Path) -> None:
    """Two independent ways to know which picture this is."""
    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras:
        seen = await asyncio.to_thread(watch, cameras.url("cam01"), pictures(60), decode=True)
    read = 0
    by_number = {one.number: one.wall_ns for one in seen}
    for one in seen:
        if one.luma is not None:
            code = read_bar_code(one.luma)
            assert code is not None
            number, wall_ms = code
            if number in by_number:
                assert by_number[number] // 1_000_000 % 2**32 == wall_ms
                read += 1
    assert read >= 50


async def test_several_clients_see_the_same_pictures(cache: Path) -> None:
    """A recorder, a wall and a technician at once; each with channels of its own."""
    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras:
        url = cameras.url("cam01")
        seen = await asyncio.gather(
            *(asyncio.to_thread(watch, url, pictures(40)) for _ in range(3))
        )
        for one in seen:
            assert numbers(one) == list(range(one[0].number, one[0].number + 40))
        walls = [{one.number: one.wall_ns for one in each} for each in seen]
        shared = set(walls[0]) & set(walls[1]) & set(walls[2])
        assert len(shared) > 10
        assert all(walls[0][n] == walls[1][n] == walls[2][n] for n in shared)


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_the_right_password_opens_and_a_wrong_one_does_not(scheme: str, cache: Path) -> None:
    """FFmpeg's client answers the challenge; the password holds everything a URL fears."""
    door = Credentials("quan-tri", PASSWORD, scheme)
    async with VirtualCameras(1, main=SMALL, credentials=door, cache=cache) as cameras:
        opened = await ffprobe(cameras.url("cam01", user="quan-tri", password=PASSWORD))
        assert opened["codec_name"] == "h264"
        for url in (
            cameras.url("cam01"),
            cameras.url("cam01", user="quan-tri", password="sai"),
            cameras.url("cam01", user="ai-do", password=PASSWORD),
        ):
            with pytest.raises(ConnectionError, match="401"):
                await ffprobe(url)


async def test_a_challenge_is_what_rfc_2617_and_7616_ask(cache: Path) -> None:
    """SHA-256 is offered when asked for; Basic is answered only where Basic is spoken."""
    door = Credentials("u", "p", "digest-sha256")
    basic = "Authorization: Basic " + base64.b64encode(b"u:p").decode()
    async with (
        VirtualCameras(1, main=SMALL, credentials=door, cache=cache) as cameras,
        talking(cameras) as talk,
    ):
        status, fields, _ = await talk.ask("DESCRIBE")
        assert status == 401
        assert 'algorithm=SHA-256, qop="auth"' in fields["WWW-Authenticate"]
        status, _, _ = await talk.ask("DESCRIBE", basic)
        assert status == 401
        status, fields, _ = await talk.ask("OPTIONS")
        assert status == 200
        assert "GET_PARAMETER" in fields["Public"]


async def test_udp_is_refused_unless_it_was_allowed(cache: Path) -> None:
    """461 is what a TCP-only camera answers; the other kind is for clients that know only UDP."""
    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras, talking(cameras) as talk:
        status, _, _ = await talk.ask("SETUP", "Transport: RTP/AVP;unicast;client_port=5000-5001")
        assert status == 461
    async with VirtualCameras(1, main=SMALL, udp=True, cache=cache) as cameras:
        seen = await asyncio.to_thread(watch, cameras.url("cam01"), pictures(30), transport="udp")
        found = numbers(seen)
        assert found == sorted(found)
        assert len(found) >= 30


async def test_a_session_goes_through_all_its_words(cache: Path) -> None:
    """Renumbered channels, keep-alive while playing, pause, and a clean end."""
    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras, talking(cameras) as talk:
        status, fields, body = await talk.ask("DESCRIBE", "Accept: application/sdp")
        assert status == 200
        assert fields["Content-Base"] == cameras.url("cam01") + "/"
        assert "m=video 0 RTP/AVP 96" in body
        assert "sprop-parameter-sets=" in body
        status, _, _ = await talk.ask("PLAY")
        assert status == 455
        track = cameras.url("cam01") + "/trackID=0"
        status, fields, _ = await talk.ask(
            "SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=4-5", url=track
        )
        assert status == 200
        assert "interleaved=4-5" in fields["Transport"]
        assert fields["Session"].endswith(";timeout=60")
        status, fields, _ = await talk.ask("PLAY", "Range: npt=0-")
        assert status == 200
        assert fields["RTP-Info"].startswith(f"url={track};seq=")
        dollar, channel = (await talk.reader.readexactly(2))[:2]
        assert (dollar, channel) == (0x24, 4)
        assert cameras.truth("cam01").clients == 1
        talk.writer.write(f"TEARDOWN {talk.url} RTSP/1.0\r\nCSeq: 99\r\n\r\n".encode())
        rest = await talk.reader.read()
        assert b"RTSP/1.0 200 OK\r\nCSeq: 99" in rest
        assert cameras.truth("cam01").clients == 0


async def test_sender_reports_tell_the_cameras_time(cache: Path) -> None:
    """The first comes with the first picture; a recorder learns the clock error from it."""
    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras, talking(cameras) as talk:
        await cameras.fault("cam01", "clock", argument="90")
        await talk.ask("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        await talk.ask("PLAY")
        while True:
            head = await talk.reader.readexactly(4)
            packet = await talk.reader.readexactly(int.from_bytes(head[2:], "big"))
            if head[1] == 1:
                break
        assert packet[1] == 200
        wall_s = int.from_bytes(packet[8:12], "big") - 2_208_988_800
        assert wall_s - cameras.truth("cam01").last_wall_ns / 1e9 == pytest.approx(90, abs=2)


async def test_parameter_sets_can_be_in_band_only(cache: Path) -> None:
    """Some cameras say nothing in their SDP; FFmpeg still finds the size."""
    async with (
        VirtualCameras(1, main=SMALL, sets_in_band_only=True, cache=cache) as cameras,
        talking(cameras) as talk,
    ):
        _, _, body = await talk.ask("DESCRIBE")
        assert "sprop" not in body
        found = await ffprobe(cameras.url("cam01"))
        assert (found["width"], found["height"]) == (640, 360)


async def test_nonsense_is_answered_or_cut_and_never_harms_others(cache: Path) -> None:
    """Scanners talk to cameras too."""
    async with VirtualCameras(1, main=SMALL, cache=cache) as cameras:
        async with talking(cameras) as talk:
            assert (await talk.ask("DESCRIBE", url="rtsp://127.0.0.1/khong-co"))[0] == 404
            assert (await talk.ask("DESCRIBE", url="*"))[0] == 404
            assert (await talk.ask("RECORD"))[0] == 501
            assert (await talk.ask("SETUP", "Transport: RTP/AVP/TCP;interleaved=x-y"))[0] == 400
            assert (await talk.ask("SETUP"))[0] == 461
        async with talking(cameras) as talk:
            talk.writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert (await talk.reader.read()).startswith(b"RTSP/1.0 400")
        async with talking(cameras) as talk:
            talk.writer.write(b"x" * (MAX_REQUEST + 100))
            with suppress(ConnectionResetError):
                assert await talk.reader.read() == b""
        seen = await asyncio.to_thread(watch, cameras.url("cam01"), pictures(5))
        assert len(seen) == 5


async def test_a_client_that_does_not_read_is_sent_whole_pictures_later(cache: Path) -> None:
    """What a slow client misses ends at a keyframe: FFmpeg decodes all it gets without a fault."""
    plan = StreamPlan(width=640, height=360, fps=60.0, kbps=60_000)
    async with VirtualCameras(1, main=plan, cache=cache) as cameras, talking(cameras) as slow:
        await slow.ask("SETUP", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        await slow.ask("PLAY")
        fast = await asyncio.to_thread(watch, cameras.url("cam01"), pictures(110))
        assert numbers(fast) == list(range(fast[0].number, fast[0].number + 110))
        timestamps: dict[int, list[int]] = {}
        sequence = None
        marked = 0
        while marked < 120:
            head = await slow.reader.readexactly(4)
            packet = await slow.reader.readexactly(int.from_bytes(head[2:], "big"))
            if head[1]:
                continue
            number = int.from_bytes(packet[2:4], "big")
            assert sequence is None or number == (sequence + 1) & 0xFFFF
            sequence = number
            marked += packet[1] >> 7
            timestamps.setdefault(int.from_bytes(packet[4:8], "big"), []).append(number)
        assert len(timestamps) >= 119


async def test_a_file_is_sent_as_it_is(cache: Path, tmp_path: Path) -> None:
    """Pictures of the file, reordered ones too, numbered; nothing is coded again."""
    path = tmp_path / "clip.mp4"
    make = await asyncio.create_subprocess_exec(
        "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=20:duration=2",
        "-c:v", "libx264", "-bf", "2", "-g", "20", "-pix_fmt", "yuv420p", str(path),
    )  # fmt: skip
    assert await make.wait() == 0
    with av.open(str(path)) as container:
        coded = [len(bytes(packet)) for packet in container.demux(video=0) if packet.size]
    async with VirtualCameras(1, file=path, cache=cache) as cameras:
        probed = await ffprobe(cameras.url("cam01"))
        assert (probed["width"], probed["height"], probed["has_b_frames"]) == (320, 240, 2)
        seen = await asyncio.to_thread(watch, cameras.url("cam01"), pictures(50))
    first = seen[0].number
    assert numbers(seen) == list(range(first, first + 50))
    assert sum(one.size for one in seen[:40]) == pytest.approx(sum(coded), rel=0.2)
    shifts = [after.pts - before.pts for before, after in itertools.pairwise(seen)]
    assert min(shifts) < 0 < max(shifts)
