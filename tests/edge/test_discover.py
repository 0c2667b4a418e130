"""Finding cameras and recorders: paths of makers, channels, and no guessing of passwords."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from peers import ipycam
from vonggac.clock import SystemClock
from vonggac.config import Secret
from vonggac.edge.discover import MAX_CHANNELS, as_text, examine, read_match, search
from vonggac.errors import ConfigError, MalformedError

CLOCK = SystemClock()
SDP = (
    b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    b"a=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"
)


@dataclass
class Recorder:
    """Describes some paths and refuses the others, as a recorder does.

    A fake, because no recorder of any maker can be had in a test; what it checks is ours: which
    paths are asked in which order, and how often a password is offered.
    """

    paths: set[str]
    realm: str = "device"
    user: str = "admin"
    password: str = ""
    asked: list[str] = field(default_factory=list)
    offered: int = 0
    """Requests that carried credentials which were not accepted."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            method, uri, _ = head.split(" ", 2)
            number = re.search(r"CSeq: (\d+)", head)[1]
            writer.write(self.answer(method, uri, head, number))
        writer.close()

    def answer(self, method: str, uri: str, head: str, number: str) -> bytes:
        def say(status: str, *headers: str, body: bytes = b"") -> bytes:
            lines = [f"RTSP/1.0 {status}", f"CSeq: {number}", "Server: Test", *headers]
            lines.append(f"Content-Length: {len(body)}")
            return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

        if method == "OPTIONS":
            return say("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY")
        path = re.sub(r"^rtsp://[^/?]*", "", uri)
        if self.password and not self.admits(method, uri, head):
            return say(
                "401 Unauthorized", f'WWW-Authenticate: Digest realm="{self.realm}", nonce="n"'
            )
        self.asked.append(path)
        if path in self.paths:
            return say("200 OK", "Content-Type: application/sdp", body=SDP)
        return say("404 Not Found")

    def admits(self, method: str, uri: str, head: str) -> bool:
        given = re.search(r'Authorization: Digest .*response="(\w+)"', head)
        if given is None:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        right = md5(f"{self.user}:{self.realm}:{self.password}") + ":n:" + md5(f"{method}:{uri}")
        if given[1] == md5(right):
            return True
        self.offered += 1
        return False


@asynccontextmanager
async def running(recorder: Recorder):
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def dahua(channel: int, stream: int) -> str:
    return f"/cam/realmonitor?channel={channel}&subtype={stream}"


async def found_at(where: str, user: str = "admin", password: str = "pw", **options):
    options.setdefault("onvif_ports", ())
    return await examine(where, user, Secret(password), clock=CLOCK, **options)


async def test_a_recorder_is_recognised_and_its_channels_are_listed():
    """An installer with an address and a password gets all addresses of a KBVision recorder."""
    paths = {dahua(c, s) for c in (1, 2, 4, 5) for s in (0, 1)}
    recorder = Recorder(paths, realm="Login to 4K01234", password="pw")
    async with running(recorder) as where:
        found = await found_at(where)

    assert (found.reachable, found.authenticated, found.refused) == (True, True, False)
    assert found.maker == "Dahua"
    assert [(s.channel, s.stream) for s in found.streams] == [
        (1, "main"), (1, "sub"), (2, "main"), (2, "sub"), (4, "main"), (4, "sub"),
        (5, "main"), (5, "sub"),
    ]  # fmt: skip
    assert found.streams[2].url == f"rtsp://{where}/cam/realmonitor?channel=2&subtype=0"
    assert found.streams[2].codec == "h264"
    assert recorder.asked[:2] == ["", dahua(1, 0)]
    assert recorder.asked[-3:] == [dahua(6, 0), dahua(7, 0), dahua(8, 0)]
    assert recorder.offered == 0
    assert "ONVIF" in found.help["vi"]
    assert found.help["verified"] == "tài liệu"


async def test_channels_of_an_endless_recorder_are_bounded():
    """A device that says yes to everything must not be asked for ever."""

    class Yes(set):
        def __contains__(self, path: object) -> bool:
            return str(path) != ""

    async with running(Recorder(Yes(), realm="Login to x", password="pw")) as where:
        found = await found_at(where)

    assert max(stream.channel for stream in found.streams) == MAX_CHANNELS == 64
    assert len(found.streams) == 128


@pytest.mark.parametrize(
    ("paths", "maker"),
    [
        ({"/Streaming/Channels/101", "/Streaming/Channels/102"}, "Hikvision"),
        ({"/media/video1", "/media/video2"}, "Uniview (UNV)"),
        ({"/stream1", "/stream2"}, "TP-Link (Tapo, VIGI)"),
    ],
)
async def test_an_unknown_device_is_tried_with_every_makers_forms(paths, maker):
    """Many hide who they are."""
    async with running(Recorder(paths, password="pw")) as where:
        found = await found_at(where)

    assert {stream.url.partition(where)[2] for stream in found.streams} == paths
    assert [stream.stream for stream in found.streams] == ["main", "sub"]
    assert found.maker == maker


async def test_a_wrong_password_stops_everything():
    """Cameras lock an account after three to ten attempts; one is all we take."""
    recorder = Recorder({dahua(1, 0)}, realm="Login to x", password="pw")
    async with running(recorder) as where:
        found = await found_at(where, "admin", "wrong")

    assert (found.reachable, found.authenticated, found.refused) == (True, False, True)
    assert recorder.offered == 1
    assert recorder.asked == []
    assert found.streams == []
    assert "khóa" in as_text([found], "vi")
    assert "wrong" not in str(found)


async def test_without_credentials_none_are_offered():
    """Nothing is guessed; the maker and how to switch RTSP on are told all the same."""
    recorder = Recorder({dahua(1, 0)}, realm="Login to x", password="admin")
    async with running(recorder) as where:
        found = await examine(where, clock=CLOCK, onvif_ports=())

    assert recorder.offered == 0
    assert recorder.asked == []
    assert found.refused
    assert found.maker == "Dahua"
    assert found.help["en"].startswith("Setting > Network")


async def test_a_device_without_any_known_form_is_reported_as_such():
    async with running(Recorder(set(), password="pw")) as where:
        found = await found_at(where)

    assert (found.reachable, found.authenticated, found.streams) == (True, True, [])
    assert "chưa tìm thấy luồng hình" in as_text([found], "vi")


async def test_nobody_there_is_told():
    async with running(Recorder(set())) as where:
        pass
    found = await found_at(where)

    assert not found.reachable
    assert found.notes


async def test_a_path_that_is_given_is_the_only_one_tried():
    recorder = Recorder({"/live/a"}, password="pw")
    async with running(recorder) as where:
        found = await found_at(f"rtsp://{where}/live/a")

    assert [stream.url for stream in found.streams] == [f"rtsp://{where}/live/a"]
    assert recorder.asked == ["/live/a"]


async def test_an_address_that_is_none_is_wrong_use():
    with pytest.raises(ConfigError):
        await examine("http://x/", clock=CLOCK)


async def test_onvif_names_the_streams_itself():
    """Where ONVIF answers, no path is guessed."""
    with ipycam(username="admin", password="pw") as ports:
        where = f"127.0.0.1:{ports['rtsp_port']}"
        found = await found_at(where, onvif_ports=(ports["onvif_port"],))
        refused = await found_at(where, "admin", "wrong", onvif_ports=(ports["onvif_port"],))

    assert (found.maker, found.model) == ("PythonCam", "VirtualCam-1")
    assert [(s.channel, s.stream, s.how) for s in found.streams] == [
        (1, "main", "onvif"),
        (1, "sub", "onvif"),
    ]
    assert found.streams[0].url == f"rtsp://{where}/video_main"
    assert refused.refused
    assert refused.streams == []


async def test_a_device_answers_a_search_of_the_network():
    """Ipycam answers WS-Discovery as ONVIF devices do; asked by unicast, on the loopback only."""
    with ipycam() as ports:
        found = await search(seconds=1.0, interfaces=["127.0.0.1"], to=("127.0.0.1", 3702))

    assert [device.address for device in found] == ["127.0.0.1"]
    assert any(url.startswith("http://127.0.0.1:") for url in found[0].urls)
    assert "NetworkVideoTransmitter" in found[0].types
    assert ports["onvif_port"]


def match(addresses: str, scopes: str = "") -> bytes:
    return (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:d="d"><e:Body>'
        f"<d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types>"
        f"<d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs></d:ProbeMatch>"
        "</d:ProbeMatches></e:Body></e:Envelope>"
    ).encode()


def test_an_answer_speaks_for_its_sender_only():
    """A datagram that names other hosts must not send us and our password there."""
    scopes = "onvif://www.onvif.org/name/HIK%20VISION onvif://www.onvif.org/hardware/DS-2CD"
    told = read_match(match("http://8.8.8.8:8000/onvif/device_service http://[fe80::1]/x", scopes),
                      "192.168.1.7")  # fmt: skip

    assert told.urls == ["http://192.168.1.7:8000/onvif/device_service", "http://192.168.1.7/x"]
    assert (told.name, told.hardware) == ("HIK VISION", "DS-2CD")


def test_hostile_datagrams_are_refused():
    for data in (
        b"",
        b"\xff\xfe",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        os.urandom(2000),
    ):
        with pytest.raises(MalformedError):
            read_match(data, "192.168.1.7")
    assert read_match(b"<a/>", "192.168.1.7") is None
    many = read_match(match("http://a/ " * 1000, "onvif://x/" + "y" * 9000), "192.168.1.7")
    assert len(many.urls) == 1


def test_the_command_keeps_its_contract():
    """Exit 0 if something answers, 1 if not, 2 for wrong use; JSON on the last line."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vonggac.cli", "discover", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)

    with ipycam() as ports:
        where = f"127.0.0.1:{ports['rtsp_port']}"
        found = run(where, "--onvif-port", str(ports["onvif_port"]), "--json")
    absent = run(where, "--onvif-port", "1", "--lang", "en")
    wrong = run("http://x/")

    assert [done.returncode for done in (found, absent, wrong)] == [0, 1, 2]
    device = json.loads(found.stdout.splitlines()[-1])["devices"][0]
    assert device["model"] == "VirtualCam-1"
    assert device["streams"][0]["url"] == f"rtsp://{where}/video_main"
    assert "answers neither RTSP nor ONVIF" in absent.stdout
