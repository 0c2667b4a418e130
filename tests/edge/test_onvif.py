"""ONVIF against a camera written by others, and against devices that mean no good."""

from __future__ import annotations

import pytest
from aiohttp import web

from peers import ipycam
from vonggac.clock import SystemClock
from vonggac.config import Secret
from vonggac.edge import onvif
from vonggac.errors import MalformedError

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def camera():
    with ipycam(username="admin", password="mật khẩu <&> @/:") as ports:
        yield ports["onvif_port"]


async def test_a_device_is_found_and_inspected(camera):
    """The questions of a technician: who is it, which streams, what time does it think it is."""
    url = await onvif.find("127.0.0.1", [1, camera], clock=CLOCK)
    device = await onvif.inspect(url, "admin", Secret("mật khẩu <&> @/:"), clock=CLOCK)

    assert url == f"http://127.0.0.1:{camera}/onvif/device_service"
    assert (device.manufacturer, device.model, device.serial) == (
        "PythonCam", "VirtualCam-1", "PY-000001",
    )  # fmt: skip
    assert device.firmware
    assert abs(device.clock_error_ns) < 1_500_000_000
    assert [(p.name, p.codec, p.width, p.height) for p in device.profiles] == [
        ("MainStream", "h264", 320, 240),
        ("SubStream", "h264", 160, 120),
    ]
    assert device.profiles[0].uri.startswith("rtsp://127.0.0.1:")
    assert not device.refused
    assert device.notes == ()


@pytest.mark.parametrize("password", [Secret("wrong"), None])
async def test_a_wrong_password_is_told_and_not_repeated(camera, password):
    """Cameras lock accounts."""
    url = f"http://127.0.0.1:{camera}/onvif/device_service"
    device = await onvif.inspect(url, "admin", password, clock=CLOCK)

    assert device.refused
    assert device.profiles == ()


@pytest.fixture
async def device():
    """A scripted device: no camera that lies in these ways can be had."""
    answers: dict[str, web.Response] = {}
    asked: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        action = request.headers["SOAPAction"].strip('"').rpartition("/")[2]
        asked.append((action, dict(request.headers)))
        await request.read()
        return answers[action]()

    app = web.Application()
    app.router.add_post("/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/onvif/device_service", answers, asked
    await runner.cleanup()


def soap(body: str) -> object:
    text = f'<s:Envelope xmlns:s="x" xmlns:t="y"><s:Body>{body}</s:Body></s:Envelope>'
    return lambda: web.Response(text=text)


TIME = soap(
    "<t:GetSystemDateAndTimeResponse><t:UTCDateTime><t:Time><t:Hour>0</t:Hour>"
    "<t:Minute>0</t:Minute><t:Second>30</t:Second></t:Time><t:Date><t:Year>1970</t:Year>"
    "<t:Month>1</t:Month><t:Day>1</t:Day></t:Date></t:UTCDateTime>"
    "</t:GetSystemDateAndTimeResponse>"
)
WHO = soap("<t:R><t:Manufacturer>Hikvision</t:Manufacturer><t:Model>DS-1</t:Model></t:R>")


async def test_addresses_that_a_device_names_are_used_on_our_host(device):
    """Behind NAT it names a private one; a hostile one names somebody else's."""
    url, answers, asked = device
    answers |= {
        "GetSystemDateAndTime": TIME,
        "GetDeviceInformation": WHO,
        "GetCapabilities": soap("<t:Media><t:XAddr>http://evil.example/media</t:XAddr></t:Media>"),
        "GetProfiles": soap('<t:Profiles token="a"><t:Name>Main</t:Name></t:Profiles>'),
        "GetStreamUri": soap("<t:Uri>rtsp://u:s3cr3t@192.168.1.9:554/x?a=1&amp;b=2</t:Uri>"),
    }
    # The media service has no port of its own here, so the questions go to port 80 of our host,
    # where nobody is: what matters is that evil.example is never asked.
    found = await onvif.inspect(url, "admin", Secret("x"), clock=CLOCK)

    assert found.manufacturer == "Hikvision"
    assert [action for action, _ in asked][-1] == "GetCapabilities"

    port = url.rpartition(":")[2].split("/")[0]
    answers["GetCapabilities"] = soap(
        f"<t:Media><t:XAddr>http://10.0.0.9:{port}/media</t:XAddr></t:Media>"
    )
    found = await onvif.inspect(url, "admin", Secret("x"), clock=CLOCK)

    assert found.profiles[0].uri == "rtsp://127.0.0.1:554/x?a=1&b=2"
    assert found.profiles[0].uri_as_given == "rtsp://192.168.1.9:554/x?a=1&b=2"
    assert found.clock_error_ns < -1_700_000_000 * 10**9


@pytest.mark.parametrize(
    "given",
    [
        "rtsp://admin:s3cr3t@10.0.0.9:554/a@b?c=1",
        "rtsp://///admin:s3cr3t@10.0.0.9:554/a@b?c=1",
        "rtsp:/admin:s3cr3t@10.0.0.9:554/a@b?c=1",
        "rtsp//admin:s3cr3t@10.0.0.9:554/a@b?c=1",
        "admin:s3cr3t@10.0.0.9:554/a@b?c=1",
        "rtsp://admin:x/s3cr3t@10.0.0.9:554/a@b?c=1",
    ],
)
async def test_an_address_is_shown_without_the_login_in_it(device, given):
    """Devices write addresses as they like; what they print of a password ends up on a page."""
    url, answers, _ = device
    port = url.rpartition(":")[2].split("/")[0]
    answers |= {
        "GetSystemDateAndTime": TIME,
        "GetDeviceInformation": WHO,
        "GetCapabilities": soap(f"<t:Media><t:XAddr>http://h:{port}/m</t:XAddr></t:Media>"),
        "GetProfiles": soap('<t:Profiles token="a"><t:Name>Main</t:Name></t:Profiles>'),
        "GetStreamUri": soap(f"<t:Uri>{given}</t:Uri>"),
    }

    (profile,) = (await onvif.inspect(url, clock=CLOCK)).profiles

    assert "s3cr3t" not in profile.uri_as_given
    assert profile.uri_as_given.endswith("10.0.0.9:554/a@b?c=1")
    assert profile.uri in ("", "rtsp://127.0.0.1:554/a@b?c=1")


async def test_a_fault_is_told_without_control_characters(device):
    """Its words stand in a terminal and in a log."""
    url, answers, _ = device
    answers["GetSystemDateAndTime"] = soap("<t:Fault>go\x7faway</t:Fault>")

    found = await onvif.inspect(url, clock=CLOCK)

    assert found.notes == ("GetSystemDateAndTime is answered by a fault: go away",)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<a>" + "x" * (3 << 20) + "</a>"),
        lambda: web.Response(text='<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'),
        lambda: web.Response(body=b"\xff\xfe<\x00a\x00/\x00>\x00"),
        lambda: web.Response(text="<a><b></a>"),
        lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        lambda: web.Response(status=500, text="<s:Envelope xmlns:s='x'><s:Fault/></s:Envelope>"),
    ],
)
async def test_hostile_answers_end_the_conversation_with_a_note(device, answer):
    """A device on the LAN must not cost memory, open files, or send us elsewhere."""
    url, answers, asked = device
    answers |= {"GetSystemDateAndTime": TIME, "GetDeviceInformation": answer}

    found = await onvif.inspect(url, clock=CLOCK)

    assert found.notes
    assert found.model == ""
    assert [action for action, _ in asked] == ["GetSystemDateAndTime", "GetDeviceInformation"]


async def test_http_digest_is_answered_where_the_device_asks_for_it(device):
    """Axis-like devices want HTTP Digest and ignore WS-Security."""
    url, answers, asked = device

    def challenge_once() -> web.Response:
        if "Authorization" in asked[-1][1]:
            return WHO()
        header = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
        return web.Response(status=401, headers=header)

    answers |= {"GetSystemDateAndTime": TIME, "GetDeviceInformation": challenge_once}
    answers["GetCapabilities"] = answers["GetProfiles"] = soap("")

    found = await onvif.inspect(url, "admin", Secret("x"), clock=CLOCK)

    assert found.model == "DS-1"
    signed = [headers["Authorization"] for action, headers in asked if "Authorization" in headers]
    assert signed[0].startswith('Digest username="admin"')


async def test_a_password_that_is_refused_is_offered_twice_at_most(device):
    """Once in SOAP, once in HTTP."""
    url, answers, asked = device
    header = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
    answers["GetSystemDateAndTime"] = TIME
    answers["GetDeviceInformation"] = lambda: web.Response(status=401, headers=header)

    found = await onvif.inspect(url, "admin", Secret("x"), clock=CLOCK)

    assert found.refused
    assert [action for action, _ in asked].count("GetDeviceInformation") == 2


def test_xml_with_a_document_type_is_refused():
    """No entity is ever expanded, none fetched."""
    for text in (
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<?xml version='1.0'?><!DoctypE a><a/>",
    ):
        with pytest.raises(MalformedError):
            onvif.read_xml(text.encode())
    assert onvif.read_xml(b"<a><!-- b --><![CDATA[<!x>]]></a>") is not None
