"""A source of pictures against a peer that says exactly what a test wrote down.

The peer is a real TCP server on the loopback; only its answers are scripted, because a camera
that redirects, hangs up or falls silent at the right moment cannot be bought.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
import struct
import time
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from vonggac.causes import Cause
from vonggac.clock import SystemClock
from vonggac.config import Secret
from vonggac.edge import source as module
from vonggac.edge.libav import LibavSource
from vonggac.edge.source import HangUps, Offer, RtspSource
from vonggac.errors import ConfigError, RunEnded
from vonggac.media.h26x import Codec
from vonggac.media.rtp import AccessUnit, AudioUnit
from vonggac.media.rtsp_message import Oddity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

SPS, PPS = b64decode("Z0LAKNoB4AiflhAAAAMAEAAAAwMg8YMq"), b64decode("aM4PyA==")
SDP = (
    "v=0\r\ns=Live\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=framerate:25\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;"
    "sprop-parameter-sets=Z0LAKNoB4AiflhAAAAMAEAAAAwMg8YMq,aM4PyA==\r\na=control:track0\r\n"
)
SOUND = (
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n"
    "a=fmtp:97 mode=AAC-hbr;config=1408\r\na=control:track1\r\n"
)

Answer = str | bytes | None
"""What the peer says: text gets its CSeq and is sent; bytes are sent as they are; None: hang up."""


def ok(*headers: str, body: str = "", status: str = "200 OK") -> str:
    lines = [f"RTSP/1.0 {status}", "CSeq: {cseq}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]) + body


USUAL: dict[str, Answer] = {
    "OPTIONS": ok("Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER", "Server: Scripted"),
    "DESCRIBE": ok("Content-Type: application/sdp", body=SDP),
    "SETUP": ok("Session: 77;timeout=60", "Transport: RTP/AVP/TCP;interleaved=0-1"),
    "PLAY": ok("Session: 77"),
    "GET_PARAMETER": ok("Session: 77"),
    "TEARDOWN": ok("Session: 77"),
}


def frame(channel: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(payload)) + payload


def picture(sequence: int, *, key: bool = True, size: int = 20, channel: int = 0) -> bytes:
    """One slice in one packet, marker set, 25 a second."""
    head = struct.pack(">BBHII", 0x80, 0x80 | 96, sequence & 0xFFFF, 3600 * sequence, 0xABCD)
    return frame(channel, head + bytes([0x65 if key else 0x41, 0x88]) + b"p" * size)


def sound(sequence: int) -> bytes:
    head = struct.pack(">BBHII", 0x80, 0x80 | 97, sequence, 1024 * sequence, 0xEF01)
    return frame(2, head + b"\x00\x10" + struct.pack(">H", 5 << 3) + b"aaaaa")


def report(ticks: int) -> bytes:
    """A sender report of 2026-01-01T00:00:00Z."""
    return frame(1, struct.pack(">BBHIIIIII", 0x80, 200, 6, 1, 3_976_214_400, 0, ticks, 1, 1))


class Peer:
    """A camera that follows a script.

    Args:
        script: by method, what is answered; a list is used up one by one, its last for good.
    """

    def __init__(self, script: dict[str, Answer | Sequence[Answer]] | None = None) -> None:
        self.script: dict[str, list[Answer]] = {}
        for method, answers in (USUAL | (script or {})).items():
            listed = [answers] if isinstance(answers, str | bytes | None) else list(answers)
            self.script[method] = listed
        self.requests: list[str] = []
        self.connections = 0
        self.writer: asyncio.StreamWriter | None = None
        self.port = 0
        self.over = asyncio.Event()
        self.asked: dict[str, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None] | None] = []

    @property
    def methods(self) -> list[str]:
        return [request.split(" ")[0] for request in self.requests]

    def send(self, data: bytes) -> None:
        """Send outside the script: media, mostly."""
        assert self.writer is not None
        self.writer.write(data)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writer = writer
        self.tasks.append(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                lead = await reader.readexactly(1)
                if lead == b"$":
                    _, size = struct.unpack(">BH", await reader.readexactly(3))
                    self.requests.append(f"$ {(await reader.readexactly(size)).hex()}")
                    continue
                request = (lead + await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(request)
                method = request.split(" ")[0]
                self.asked.setdefault(method, asyncio.Event()).set()
                if method.startswith("RTSP/"):
                    continue
                left = self.script.get(method, [ok(status="501 Not Implemented")])
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:
                    break
                if isinstance(answer, str):
                    cseq = re.search(r"CSeq: (\d+)", request)
                    assert cseq is not None
                    answer = answer.replace("{cseq}", cseq[1]).encode()
                writer.write(answer)
                await writer.drain()
        writer.close()
        self.over.set()

    async def was_asked(self, method: str) -> None:
        await asyncio.wait_for(self.asked.setdefault(method, asyncio.Event()).wait(), 5)


@contextlib.asynccontextmanager
async def camera(
    script: dict[str, Answer | Sequence[Answer]] | None = None,
) -> AsyncIterator[Peer]:
    peer = Peer(script)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        if peer.writer is not None:
            peer.writer.transport.abort()
        for task in peer.tasks:
            assert task is not None
            await task


def source_of(
    peer: Peer, user: str = "", password: str = "", path: str = "/live", **settings: float
) -> RtspSource:
    return RtspSource(
        f"rtsp://127.0.0.1:{peer.port}{path}",
        user,
        Secret(password),
        clock=SystemClock(),
        **settings,  # type: ignore[arg-type]
    )


async def drained(
    source: RtspSource, count: int, *, every: float = 0.005
) -> list[AccessUnit | AudioUnit]:
    """Drain on a timer, as the recorder does, until so many units came."""
    units: list[AccessUnit | AudioUnit] = []
    async with asyncio.timeout(5):
        while len(units) < count:
            units += source.drain(time.monotonic_ns())
            await asyncio.sleep(every)
    return units


async def ended(source: RtspSource) -> RunEnded:
    """Drain on a timer until the run is over."""
    async with asyncio.timeout(5):
        while True:
            try:
                source.drain(time.monotonic_ns())
            except RunEnded as error:
                return error
            await asyncio.sleep(0.005)


async def refused(source: RtspSource) -> RunEnded:
    """The reason why it does not connect; nothing is left open."""
    with pytest.raises(RunEnded) as caught:
        await source.connect()
    await source.close()
    return caught.value


async def test_a_camera_is_connected_drained_and_left_politely() -> None:
    """The whole life of a run."""
    async with camera() as peer:
        source = source_of(peer)
        offer = await source.connect()
        peer.send(picture(1) + report(3600) + picture(2, key=False) + picture(3, key=False)[:10])
        units = await drained(source, 2)
        reports = source.take_reports()
        await source.close()
        await source.close()

        assert peer.methods == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
        await asyncio.wait_for(peer.over.wait(), 5)
    assert isinstance(offer, Offer)
    assert offer.video is not None
    assert (offer.source, offer.codec, offer.clock_rate) == ("rtsp", Codec.H264, 90_000)
    assert (offer.video.width, offer.video.height) == (1920, 1080)
    assert (offer.declared_fps, offer.server, offer.audio) == (25.0, "Scripted", None)
    assert offer.notes == ("h264 over RTSP and TCP: recorded as it comes",)
    assert [(u.keyframe, u.ticks) for u in units if isinstance(u, AccessUnit)] == [
        (True, 3600),
        (False, 7200),
    ]
    assert [(r.ntp_ns, r.ticks) for r in reports] == [(1_767_225_600_000_000_000, 3600)]
    assert source.take_reports() == []
    assert source.bytes_received > 500
    with pytest.raises(RunEnded, match="closed by us"):
        source.drain(0)


async def test_the_end_of_a_connection_is_told_at_once_and_nothing_before_it_is_lost() -> None:
    """A hundred cameras behind a switch that restarts are not to wait for a timer each.

    Pictures wake nobody; the end does, and what was sent before it comes with the next drain,
    however many reads that takes.
    """
    hang_ups = HangUps(asyncio.get_running_loop())
    async with camera() as peer:
        source = source_of(peer, hang_ups=hang_ups)  # type: ignore[arg-type]
        await source.connect()
        told = asyncio.Event()
        source.when_over(told.set)
        peer.send(picture(1) + picture(2, key=False))
        assert len(await drained(source, 2)) == 2
        assert not told.is_set()
        peer.send(picture(3, key=False) + picture(4, key=False))
        assert peer.writer is not None
        peer.writer.close()
        await asyncio.wait_for(told.wait(), 5)
        assert len(source.drain(time.monotonic_ns())) == 2
        with pytest.raises(RunEnded, match="closed the connection"):
            source.drain(time.monotonic_ns())
        await source.close()
    hang_ups.close()


async def test_pictures_before_and_with_the_answer_to_play_are_kept() -> None:
    """The first of them is the keyframe; losing it costs a whole group of pictures."""
    play = ok("Session: 77").replace("{cseq}", "4").encode()
    after = picture(3) + picture(4)[:7]
    async with camera({"PLAY": picture(1) + picture(2) + b"\r\n" + play + after}) as peer:
        source = source_of(peer)
        await source.connect()
        peer.send(picture(4)[7:])
        units = await drained(source, 4)
        await source.close()

    assert [u.ticks for u in units] == [3600, 7200, 10_800, 14_400]


async def test_an_answer_to_play_without_carriage_returns_is_read() -> None:
    """In pieces too: the tolerant reader cuts it, not the strict one of a playing connection."""
    async with camera({"PLAY": b"RTSP/1.0 200 OK\nCSeq:"}) as peer:
        source = source_of(peer)
        connecting = asyncio.create_task(source.connect())
        await peer.was_asked("PLAY")
        peer.send(b" 4\n\n" + picture(1))
        await connecting
        assert len(await drained(source, 1)) == 1
        await source.close()


async def test_a_question_before_the_answer_to_play_is_answered() -> None:
    """Some servers ping as soon as a session stands."""
    question = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    async with camera({"PLAY": picture(1) + question + picture(2)}) as peer:
        source = source_of(peer)
        connecting = asyncio.create_task(source.connect())
        await peer.was_asked("RTSP/1.0")
        peer.send(question + b"RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n")
        await connecting
        units = await drained(source, 2)
        await source.close()

    assert len(units) == 2
    assert peer.methods.count("RTSP/1.0") == 2


async def test_audio_is_delivered_when_it_was_asked_for() -> None:
    """On its own channels, as its own units."""
    answers = [
        ok("Session: 77", "Transport: RTP/AVP/TCP;interleaved=0-1"),
        ok("Session: 77", "Transport: RTP/AVP/TCP;interleaved=2-3"),
    ]
    async with camera({"DESCRIBE": ok(body=SDP + SOUND), "SETUP": answers}) as peer:
        source = source_of(peer, audio=True)
        offer = await source.connect()
        peer.send(picture(1) + sound(1) + picture(2))
        units = await drained(source, 3)
        await source.close()

    assert offer.audio is not None
    assert (offer.audio.sample_rate, offer.audio.channels) == (16_000, 1)
    assert [type(unit).__name__ for unit in units] == ["AccessUnit", "AudioUnit", "AccessUnit"]


async def test_renumbered_channels_are_followed() -> None:
    """And what comes on the channels that were asked for belongs to nobody."""
    setup = ok("Session: 77", "Transport: RTP/AVP/TCP;interleaved=8-9")
    async with camera({"SETUP": setup}) as peer:
        source = source_of(peer)
        offer = await source.connect()
        peer.send(picture(1, channel=0) + picture(2, channel=8))
        units = await drained(source, 1)
        await source.close()

    assert [unit.ticks for unit in units] == [7200]
    assert offer.notes[1:] == ("renumbered_channels",)


@pytest.mark.parametrize(
    ("sprop", "notes"),
    [
        ("", ()),
        (";sprop-parameter-sets=Z0LAKNoB4AiflhAAAAMAEAAAAwMg8YMq,", ("sdp_bad_sets",)),
        (";sprop-parameter-sets=Z0I=,aM4PyA==", ("sdp_bad_sets",)),
    ],
)
async def test_parameter_sets_that_are_missing_are_waited_for_in_band(
    sprop: str, notes: tuple[str, ...]
) -> None:
    """Absent, half there, or unreadable in the description."""
    sdp = re.sub(";sprop.*", sprop, SDP.replace("\r", "")).replace("\n", "\r\n")
    async with camera({"DESCRIBE": ok(body=sdp)}) as peer:
        source = source_of(peer)
        offer = await source.connect()
        together = struct.pack(">BBHII", 0x80, 96, 0, 3600, 0xABCD) + b"\x78"
        for nal in (SPS, PPS):
            together += struct.pack(">H", len(nal)) + nal
        peer.send(frame(0, together) + picture(1))
        (unit,) = await drained(source, 1)
        await source.close()

    assert offer.video is None
    assert offer.notes[1:] == notes
    assert isinstance(unit, AccessUnit)
    assert unit.sets is not None
    assert (unit.sets.sps, unit.sets.pps) == ((SPS,), (PPS,))


def digest_check(user: str, password: str, algorithm: str) -> Callable[[str], bool]:
    """A second implementation of the server's half, for qop=auth."""
    new = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def h(text: str) -> str:
        return new(text.encode()).hexdigest()

    def check(request: str) -> bool:
        method, uri, _ = request.split(" ", 2)
        given = dict(re.findall(r'(\w+)="?([^",\r]*)"?', request.partition("Digest ")[2]))
        first = h(f"{user}:{given['realm']}:{password}")
        middle = f"{given['nonce']}:{given['nc']}:{given['cnonce']}:auth"
        expected = h(f"{first}:{middle}:{h(f'{method}:{uri}')}")
        return (given["uri"], given["response"]) == (uri, expected)

    return check


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("password", ["a@b:/ #%?c", "mật khẩu", 'qu"ote\\'])
async def test_a_digest_is_answered_whatever_the_password_holds(
    algorithm: str, password: str
) -> None:
    """Checked by a second implementation; nothing of the password is in what was sent."""
    challenge = (
        f'WWW-Authenticate: Digest realm="cam", nonce="n", qop="auth", algorithm={algorithm}'
    )
    refusal = ok(challenge, status="401 Unauthorized")
    async with camera({"OPTIONS": [refusal, USUAL["OPTIONS"]]}) as peer:
        source = source_of(peer, "admin", password)
        await source.connect()
        await source.close()

    check = digest_check("admin", password, algorithm)
    assert [check(request) for request in peer.requests[1:]] == [True] * 5
    assert [f"nc=0000000{n}" in request for n, request in enumerate(peer.requests)][1:] == [
        True
    ] * 5
    assert password not in "".join(peer.requests)


async def test_basic_is_answered_when_nothing_else_is_offered() -> None:
    """Old cameras know nothing else."""
    refusal = ok('WWW-Authenticate: Basic realm="cam"', status="401 Unauthorized")
    async with camera({"DESCRIBE": [refusal, USUAL["DESCRIBE"]]}) as peer:
        source = RtspSource(
            f"rtsp://admin:a%40b@127.0.0.1:{peer.port}/live", "", Secret(""), clock=SystemClock()
        )
        await source.connect()
        await source.close()

    assert "Authorization: Basic YWRtaW46YUBi\r\n" in peer.requests[2]
    assert "admin" not in "".join(peer.requests)


async def test_a_wrong_password_is_refused_and_tried_once() -> None:
    """The sentence holds neither the name nor the password."""
    refusal = ok('WWW-Authenticate: Digest realm="cam", nonce="n"', status="401 Unauthorized")
    async with camera({"DESCRIBE": refusal}) as peer:
        reason = await refused(source_of(peer, "admin", "geheim"))

    assert reason.cause is Cause.REFUSED
    assert reason.message == "the camera does not accept the user and password"
    assert peer.methods.count("DESCRIBE") == 2


async def test_a_camera_that_hangs_up_after_its_challenge_is_dialled_again() -> None:
    """With the answer to that challenge; once."""
    refusal = ok('WWW-Authenticate: Digest realm="cam", nonce="n"', status="401 Unauthorized")
    async with camera({"DESCRIBE": [refusal, None, USUAL["DESCRIBE"]]}) as peer:
        source = source_of(peer, "admin", "pw")
        offer = await source.connect()
        await source.close()

    assert peer.connections == 2
    assert offer.notes[1:] == ("hung_up_on_challenge",)
    assert peer.methods == [
        *("OPTIONS", "DESCRIBE", "DESCRIBE"),
        *("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"),
    ]


@pytest.mark.parametrize("kind", [RtspSource, LibavSource])
async def test_a_knock_opens_a_connection_and_asks_for_nothing(
    kind: type[RtspSource | LibavSource],
) -> None:
    """No login is spent on finding out whether a camera is still there."""
    async with camera() as peer:
        url = f"rtsp://127.0.0.1:{peer.port}/x"
        knocking = kind(url, "admin", Secret("pw"), clock=SystemClock())
        await knocking.knock()
        await asyncio.sleep(0.05)
        assert (peer.connections, peer.requests) == (1, [])

    with pytest.raises(RunEnded) as gone:
        await knocking.knock()
    assert gone.value.cause is Cause.UNREACHABLE
    assert gone.value.message == f"127.0.0.1:{peer.port}: Connection refused"


@pytest.mark.parametrize("challenged", [True, False])
async def test_a_camera_that_only_hangs_up_is_unreachable(challenged: bool) -> None:
    """Twice is enough, and without a challenge once."""
    refusal = ok('WWW-Authenticate: Digest realm="cam", nonce="n"', status="401 Unauthorized")
    script: dict[str, Answer | Sequence[Answer]] = {"DESCRIBE": None}
    if challenged:
        script["OPTIONS"] = [refusal, USUAL["OPTIONS"]]
    async with camera(script) as peer:
        reason = await refused(source_of(peer, "admin", "pw"))

    assert (reason.cause, peer.connections) == (Cause.UNREACHABLE, 2 if challenged else 1)
    assert reason.message == "the camera closed the connection instead of answering"


async def test_a_redirect_on_the_same_host_is_followed() -> None:
    """To another port even: some cameras serve each stream on its own."""
    async with camera() as there, camera() as here:
        here.script["DESCRIBE"] = [
            ok(f"Location: rtsp://127.0.0.1:{there.port}/other", status="302 Found")
        ]
        source = source_of(here)
        await source.connect()
        there.send(picture(1))
        await drained(source, 1)
        await source.close()

        assert here.methods == ["OPTIONS", "DESCRIBE"]
        assert there.requests[1].startswith(f"DESCRIBE rtsp://127.0.0.1:{there.port}/other RTSP")


async def test_a_redirect_to_another_host_is_refused() -> None:
    """Nobody is connected to."""
    location = ok("Location: rtsp://127.0.0.2/other", status="302 Found")
    async with camera({"DESCRIBE": location}) as peer:
        reason = await refused(source_of(peer))

    assert reason.cause is Cause.UNREACHABLE
    assert "another host, 127.0.0.2" in reason.message


async def test_redirects_in_a_circle_end() -> None:
    """After the third."""
    async with camera() as peer:
        peer.script["OPTIONS"] = [
            ok(f"Location: rtsp://127.0.0.1:{peer.port}/live", status="302 Found")
        ]
        reason = await refused(source_of(peer))

    assert (reason.cause, peer.connections) == (Cause.UNREACHABLE, 4)
    assert reason.message == "the camera redirects in a circle"


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
async def test_a_silent_camera_is_given_up(method: str) -> None:
    """The evidence names the step."""
    async with camera({method: b""}) as peer:
        reason = await refused(source_of(peer, answer_s=0.05))

    assert reason.cause is Cause.UNREACHABLE
    assert reason.message == f"the camera did not answer {method} within 0.05 s"


async def test_a_camera_that_drips_is_given_up() -> None:
    """Each answer comes in time; all of them do not."""
    async with camera({"DESCRIBE": ok(status="100 Continue")}) as peer:
        reason = await refused(source_of(peer, handshake_s=0.1))

    assert reason.cause is Cause.UNREACHABLE
    assert reason.message == "the camera did not play in time"


async def test_a_closed_port_is_unreachable() -> None:
    """With the operating system's word for it, and the address without credentials."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = RtspSource(
        f"rtsp://admin:geheim@127.0.0.1:{port}/", "", Secret(""), clock=SystemClock()
    )
    reason = await refused(source)

    assert reason.cause is Cause.UNREACHABLE
    assert reason.message == f"127.0.0.1:{port}: Connection refused"


async def test_a_name_is_resolved_and_all_its_addresses_are_tried() -> None:
    """Of localhost ::1 comes first on most machines; the peer listens on 127.0.0.1 only."""
    async with camera() as peer:
        source = RtspSource(
            f"rtsp://localhost:{peer.port}/live", "", Secret(""), clock=SystemClock()
        )
        await source.connect()
        await source.close()

    assert peer.connections == 1


async def test_an_address_that_swallows_connections_is_given_up() -> None:
    """A full backlog on Linux: SYNs are dropped."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        source = RtspSource(
            f"rtsp://127.0.0.1:{port}/", "", Secret(""), clock=SystemClock(), connect_s=0.1
        )
        reason = await refused(source)
        for one in held:
            one.close()

    assert reason.message == f"no TCP connection to 127.0.0.1:{port} within 0.1 s"


@pytest.mark.parametrize("scheme", ["rtsps", "rtspu"])
async def test_other_schemes_are_left_to_the_second_source(scheme: str) -> None:
    """By cause, so that the choice can be made by machine."""
    source = RtspSource(f"{scheme}://127.0.0.1:1/", "", Secret(""), clock=SystemClock())

    assert (await refused(source)).cause is Cause.FORMAT_REFUSED


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ({"OPTIONS": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, Cause.GARBLED),
        ({"DESCRIBE": ok(body="<html></html>")}, Cause.GARBLED),
        ({"DESCRIBE": ok(body="v=0\r\nm=video 0 RTP/AVP 26\r\n")}, Cause.FORMAT_REFUSED),
        ({"DESCRIBE": ok(status="404 Not Found")}, Cause.UNREACHABLE),
        ({"DESCRIBE": ok(status="403 Forbidden")}, Cause.REFUSED),
        ({"SETUP": ok(status="461 Unsupported Transport")}, Cause.FORMAT_REFUSED),
        ({"PLAY": ok(status="453 Not Enough Bandwidth")}, Cause.UNREACHABLE),
        ({"PLAY": b"\x00\x01\x02\x03garbage\r\n" * 1000}, Cause.GARBLED),
        ({"PLAY": None}, Cause.UNREACHABLE),
    ],
)
async def test_each_refusal_has_its_cause(
    script: dict[str, Answer | Sequence[Answer]], cause: Cause
) -> None:
    """The ledger prints these."""
    async with camera(script) as peer:
        reason = await refused(source_of(peer))

    assert reason.cause is cause


@pytest.mark.parametrize("method", ["OPTIONS", "PLAY"])
async def test_a_camera_that_floods_instead_of_answering_is_given_up(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept or skipped before it plays is bounded, and the loop lives on meanwhile."""
    monkeypatch.setattr(module, "EARLY_BYTES", 200_000)
    async with camera({method: b"".join(picture(n, size=1000) for n in range(600))}) as peer:
        reason = await refused(source_of(peer))

    assert reason.cause is Cause.GARBLED
    assert reason.message == "200000 bytes and the camera does not play"


async def test_a_session_that_cannot_play_is_torn_down() -> None:
    """Cameras have few of them, and keep a lost one for a minute."""
    async with camera({"PLAY": ok(status="455 Method Not Valid in This State")}) as peer:
        await refused(source_of(peer))
        await asyncio.wait_for(peer.over.wait(), 5)

        assert peer.methods[-2:] == ["PLAY", "TEARDOWN"]


async def test_a_name_without_address_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is replaced, so that no test asks a name server."""

    async def nothing(*_: object, **__: object) -> list[object]:
        return []

    async def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    source = RtspSource("rtsp://cam.example/", "", Secret(""), clock=SystemClock())
    reasons = []
    for resolver in (nothing, unknown):
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolver)
        reasons.append((await refused(source)).message)

    assert reasons == [
        "cam.example:554: the name has no address",
        "cam.example:554: Name or service not known",
    ]


async def test_an_oddity_can_be_refused_by_name() -> None:
    """The same that is forgiven by default."""
    setup = ok("Session: 77", "Transport: RTP/AVP/TCP;interleaved=8-9")
    async with camera({"SETUP": setup}) as peer:
        source = RtspSource(
            f"rtsp://127.0.0.1:{peer.port}/live",
            "",
            Secret(""),
            clock=SystemClock(),
            strict={Oddity.RENUMBERED},
        )
        reason = await refused(source)

    assert reason.cause is Cause.GARBLED
    assert reason.message == "the camera's RTSP is refused by policy: renumbered_channels"


async def test_the_end_of_the_connection_comes_after_its_last_picture() -> None:
    """First everything that arrived, then the reason."""
    async with camera() as peer:
        source = source_of(peer)
        await source.connect()
        peer.send(picture(1) + picture(2))
        assert peer.writer is not None
        peer.writer.close()
        units = await drained(source, 2)
        reason = await ended(source)
        await source.close()

    assert len(units) == 2
    assert (reason.cause, reason.message) == (
        Cause.UNREACHABLE,
        "the camera closed the connection",
    )


async def test_a_reset_ends_the_run() -> None:
    """What a camera does whose power is cut and comes back."""
    async with camera() as peer:
        source = source_of(peer)
        await source.connect()
        assert peer.writer is not None
        raw = peer.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()
        reason = await ended(source)
        await source.close()

    assert reason.cause is Cause.UNREACHABLE
    assert reason.message == f"127.0.0.1:{peer.port}: Connection reset by peer"


async def test_garbage_ends_the_run_after_the_pictures_before_it() -> None:
    """GARBLED, and never an exception of another kind."""
    async with camera() as peer:
        source = source_of(peer)
        await source.connect()
        peer.send(picture(1) + b"\x00\x00\x00\x00" * 100)
        units = await drained(source, 1)
        reason = await ended(source)
        again = await ended(source)
        await source.close()

    assert (len(units), reason.cause) == (1, Cause.GARBLED)
    assert again is reason


async def test_a_camera_may_ask_and_end_while_it_plays() -> None:
    """OPTIONS is answered; TEARDOWN is the end of the run."""
    async with camera() as peer:
        source = source_of(peer)
        await source.connect()
        peer.send(picture(1) + b"OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 5\r\n\r\n" + picture(2))
        units = await drained(source, 2)
        peer.send(b"TEARDOWN rtsp://x RTSP/1.0\r\nCSeq: 6\r\n\r\n")
        reason = await ended(source)
        await source.close()

    assert len(units) == 2
    assert (reason.cause, reason.message) == (
        Cause.UNREACHABLE,
        "the camera ended the session (TEARDOWN)",
    )


async def test_the_keep_alive_comes_by_itself_and_expired_nonces_are_renewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both kinds: the RTSP request, and an RTCP receiver report once something was received."""
    monkeypatch.setattr("vonggac.media.rtsp.MIN_TIMEOUT_S", 0.1)
    monkeypatch.setattr("vonggac.media.rtsp.MAX_TIMEOUT_S", 0.1)
    challenge = 'WWW-Authenticate: Digest realm="cam", nonce="{}"'
    async with camera(
        {
            "OPTIONS": [ok(challenge.format("a"), status="401 No"), USUAL["OPTIONS"]],
            "GET_PARAMETER": [
                ok(challenge.format("b"), status="401 No"),
                ok(),
                ok(status="405 No"),
            ],
        }
    ) as peer:
        source = source_of(peer, "admin", "pw")
        await source.connect()
        peer.send(picture(1))
        await drained(source, 1)
        async with asyncio.timeout(5):
            while len(peer.methods) < 14:
                source.drain(time.monotonic_ns())
                await asyncio.sleep(0.005)
        await source.close()

    said = [request for request in peer.requests if request[0] != "$"]
    reports = [request for request in peer.requests if request[0] == "$"]
    assert [request.split(" ")[0] for request in said[:5]] == [
        *("OPTIONS", "OPTIONS", "DESCRIBE", "SETUP", "PLAY")
    ]
    assert said[5].startswith("GET_PARAMETER rtsp://127.0.0.1:")
    assert "Session: 77" in said[5]
    assert 'nonce="a"' in said[5]
    assert 'nonce="b"' in said[6]
    assert said[6].startswith("GET_PARAMETER ")
    assert any(request.startswith("OPTIONS ") for request in said[7:])
    assert reports[0].startswith("$ 81c90007")


async def test_a_keep_alive_that_cannot_be_sent_ends_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The timer finds out before the next drain does."""
    monkeypatch.setattr("vonggac.media.rtsp.MIN_TIMEOUT_S", 0.02)
    monkeypatch.setattr("vonggac.media.rtsp.MAX_TIMEOUT_S", 0.02)
    async with camera() as peer:
        source = source_of(peer)
        await source.connect()
        assert peer.writer is not None
        peer.writer.transport.abort()
        await asyncio.wait_for(peer.over.wait(), 5)
        async with asyncio.timeout(5):
            while source._ended is None:
                await asyncio.sleep(0.005)
        reason = await ended(source)
        await source.close()

    assert reason.cause is Cause.UNREACHABLE


async def test_a_camera_that_does_not_read_costs_no_memory() -> None:
    """It asks and asks, and never takes an answer: the run ends at a bound."""
    async with camera({"PLAY": ok("Session: 77")}) as peer:
        source = source_of(peer)
        await source.connect()
        assert peer.writer is not None
        raw = peer.writer.get_extra_info("socket")
        reader = peer.writer.transport
        assert isinstance(reader, asyncio.ReadTransport)
        reader.pause_reading()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        question = b"SET_PARAMETER rtsp://x RTSP/1.0\r\nCSeq: 1\r\nRequire: " + b"x" * 8000
        async with asyncio.timeout(20):
            while True:
                peer.send((question + b"\r\n\r\n") * 8)
                try:
                    source.drain(time.monotonic_ns())
                except RunEnded as error:
                    reason = error
                    break
                await asyncio.sleep(0)
        await source.close()

    assert reason.cause is Cause.UNREACHABLE
    assert reason.message == "the camera does not read what is sent to it"


async def test_leaving_a_camera_that_does_not_answer_takes_half_a_second_at_most() -> None:
    """And one that floods meanwhile neither."""
    async with camera({"TEARDOWN": b""}) as peer:
        source = source_of(peer)
        await source.connect()
        peer.send(b"".join(picture(n, size=1000) for n in range(200)))
        began = time.monotonic()
        await source.close()
        took = time.monotonic() - began

    assert 0.4 < took < 1.5
    assert peer.methods[-1] == "TEARDOWN"


async def test_leaving_is_quiet_when_the_camera_is_gone() -> None:
    """close() never raises."""
    async with camera() as peer:
        source = source_of(peer)
        await source.connect()
        assert peer.writer is not None
        peer.writer.transport.abort()
        await peer.over.wait()
        await source.close()


async def test_a_cancelled_handshake_leaves_nothing_open() -> None:
    """A ResourceWarning would fail this test."""
    async with camera({"DESCRIBE": b""}) as peer:
        source = source_of(peer)
        connecting = asyncio.create_task(source.connect())
        await peer.was_asked("DESCRIBE")
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await asyncio.wait_for(peer.over.wait(), 5)
        await source.close()


async def test_large_floods_are_read_in_bounded_bites(monkeypatch: pytest.MonkeyPatch) -> None:
    """One drain takes at most its bound; the next goes on where it stopped; no byte is lost."""
    monkeypatch.setattr(module, "DRAIN_BYTES", 300_000)
    pictures = b"".join(picture(n, size=1400, key=n == 0) for n in range(1000))
    async with camera() as peer:
        source = RtspSource(
            f"rtsp://127.0.0.1:{peer.port}/live",
            "",
            Secret(""),
            clock=SystemClock(),
            buffer=bytearray(256 * 1024),
        )
        await source.connect()
        before = source.bytes_received
        peer.send(pictures)
        counts: list[int] = []
        units: list[AccessUnit | AudioUnit] = []
        async with asyncio.timeout(5):
            while len(units) < 1000:
                at = source.bytes_received
                units += source.drain(time.monotonic_ns())
                counts.append(source.bytes_received - at)
                await asyncio.sleep(0.001)
        await source.close()

    assert source.bytes_received - before >= len(pictures)
    assert max(counts) <= 300_000 + 256 * 1024
    assert [unit.ticks for unit in units] == [3600 * n for n in range(1000)]


async def test_one_buffer_serves_many_cameras() -> None:
    """What one leaves half read is not overwritten by the next."""
    shared = bytearray(256 * 1024)
    async with camera() as one, camera() as two:
        sources = [
            RtspSource(
                f"rtsp://127.0.0.1:{peer.port}/live",
                "",
                Secret(""),
                clock=SystemClock(),
                buffer=shared,
            )
            for peer in (one, two)
        ]
        for source in sources:
            await source.connect()
        got: list[list[int]] = [[], []]
        for index in range(0, len(picture(1)) * 3, 7):
            for peer in (one, two):
                stream = picture(1) + picture(2) + picture(3)
                peer.send(stream[index : index + 7])
            await asyncio.sleep(0)
            for number, source in enumerate(sources):
                got[number] += [unit.ticks for unit in source.drain(0)]
        for number, source in enumerate(sources):
            while len(got[number]) < 3:
                got[number] += [unit.ticks for unit in await drained(source, 1)]
            await source.close()

    assert got == [[3600, 7200, 10_800]] * 2


def test_a_wrong_url_is_a_configuration_error_that_does_not_repeat_it() -> None:
    """At construction, before anything runs."""
    with pytest.raises(ConfigError) as caught:
        RtspSource("http://admin:geheim@10.0.0.8/", "", Secret(""), clock=SystemClock())
    assert "geheim" not in str(caught.value)
    with pytest.raises(ConfigError, match="at least 262144 bytes"):
        RtspSource("rtsp://10.0.0.8/", "", Secret(""), clock=SystemClock(), buffer=bytearray(1000))


def test_a_source_that_is_not_connected_has_nothing_to_drain() -> None:
    """The same exception as any other end: callers know one."""
    source = RtspSource("rtsp://10.0.0.8/x", "", Secret(""), clock=SystemClock())

    with pytest.raises(RunEnded, match="not connected"):
        source.drain(0)


def test_a_source_prints_no_credentials() -> None:
    """Its address is what logs carry."""
    source = RtspSource("rtsp://admin:geheim@10.0.0.8/x", "", Secret(""), clock=SystemClock())

    assert str(source.address) == "rtsp://10.0.0.8:554/x"
    assert "geheim" not in repr(source.address)
