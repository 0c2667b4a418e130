"""What strangers may cost: long and slow bodies, silent connections, odd hosts, ranges without end.

Everything goes over a real socket to the server that people reach; the seconds are made short.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio

from hub_stage import FILM, PASSWORD, Stage, sign_in, stage
from vonggac.keys import tls
from vonggac.web import security, serve

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub_stage import Box
    from vonggac import bus

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT_S = 0.3
RECORDING = "/api/v1/cameras/hl-2a/recording.mp4?from=2026-11-18T06:00:00Z&to=2026-11-18T06:10:00Z"
PROBE_HEAD = b"POST /api/v1/probe HTTP/1.1\r\nHost: hub.test\r\nContent-Type: application/json\r\n"


@dataclass
class Served:
    """A hub on a port of this machine, with a box that answers."""

    hub: Stage
    box: Box
    port: int
    client: httpx.AsyncClient
    """Signed in."""

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def talk(self, *pieces: bytes, pause_s: float = 0.0) -> bytes:
        """Send these, one after the other, and read until the server closes."""
        reader, writer = await self.connect()
        reading = asyncio.create_task(_everything(reader))
        try:
            for piece in pieces:
                if reading.done():
                    break
                with contextlib.suppress(ConnectionError):
                    writer.write(piece)
                    await writer.drain()
                await asyncio.sleep(pause_s)
            async with asyncio.timeout(20):
                return await reading
        finally:
            writer.close()


async def _everything(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes, in whichever manner."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            found += piece
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    listener = serve.listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with stage(tmp_path_factory.mktemp("hub")) as hub:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve.serve(hub.app, listener, stop=stop))
        box = await hub.box()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            assert (await sign_in(client)).status_code == 200
            yield Served(hub, box, port, client)
        await box.stop()
        stop.set()
        await serving


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found is not None, answer[:200]
    return int(found[1])


# ---- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "length", [b"65537", b"99999999999999999999", b"4294967296"], ids=lambda text: text.decode()
)
async def test_a_long_body_is_refused_before_it_is_sent(served: Served, length: bytes) -> None:
    """Nothing is uploaded here: the head alone says enough."""
    answer = await served.talk(
        PROBE_HEAD + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n"
    )

    assert status(answer) == 413
    assert b'"kind":"too_large"' in answer


@pytest.mark.parametrize(
    "length", [b"-1", b"0x10", b"1e3", b"+5", b"5, 6", b"5\r\nContent-Length: 6", b"\xb2"]
)
async def test_a_length_that_is_none_is_refused(served: Served, length: bytes) -> None:
    """What two readers count differently is how one request hides in another."""
    answer = await served.talk(
        PROBE_HEAD + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n{}{}{}{}"
    )

    assert status(answer) in (400, 413)


async def test_a_body_in_chunks_ends_at_the_same_length(served: Served) -> None:
    """A program that tells no length is stopped where the others are: one byte too many."""
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    assert security.MAX_BODY == 4 * 0x4000

    answer = await served.talk(
        PROBE_HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        *[chunk] * 4, b"1\r\n \r\n",
    )  # fmt: skip

    assert status(answer) == 413


async def test_the_longest_body_that_is_allowed_is_read(served: Served) -> None:
    """Refused by what it says, not by how long it is."""
    body = b'{"url":"' + b"x" * (security.MAX_BODY - 10) + b'"}'

    answer = await served.client.post(
        "/api/v1/probe", content=body, headers={"content-type": "application/json"}
    )

    assert len(body) == security.MAX_BODY
    assert answer.status_code == 422
    assert "url" in answer.json()["error"]["detail"]["fields"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/api/v1/session", b"application/json"),
        (b"/signin", b"application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_drips_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: bytes, kind: bytes
) -> None:
    """A byte now and then must not hold a connection: the time is that of the whole body."""
    monkeypatch.setattr(security, "BODY_S", SHORT_S)
    head = (
        b"POST " + path + b" HTTP/1.1\r\nHost: hub.test\r\nContent-Type: " + kind + b"\r\n"
        b"Content-Length: 1000\r\nConnection: close\r\n\r\n"
    )

    answer = await served.talk(head, *[b" "] * 40, pause_s=SHORT_S / 10)

    assert status(answer) == 408


# ---- connections -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: hub.test\r\nX-A: b\r\n"],
)
async def test_a_connection_that_does_not_ask_is_closed(
    served: Served, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """Four hundred of them would keep everybody else out."""
    monkeypatch.setattr(serve, "HEAD_S", SHORT_S)

    assert await served.talk(said) == b""


async def test_a_head_that_drips_is_not_waited_for(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line every second keeps a connection alive and asks nothing."""
    monkeypatch.setattr(serve, "HEAD_S", SHORT_S)
    lines = [b"GET / HTTP/1.1\r\nHost: hub.test\r\n", *[b"X-A: b\r\n"] * 40]

    answer = await served.talk(*lines, b"\r\n", pause_s=SHORT_S / 10)

    assert answer == b""


async def test_a_second_question_that_never_comes_is_not_waited_for(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a head after an answered question: the time begins with its first byte."""
    monkeypatch.setattr(serve, "HEAD_S", SHORT_S)
    reader, writer = await served.connect()
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: hub.test\r\n\r\n")
    async with asyncio.timeout(20):
        answered = await reader.readuntil(b"}")
        writer.write(b"GET /")
        rest = await _everything(reader)
    writer.close()

    assert status(answered) == 200
    assert b"HTTP/1.1" not in rest


async def test_an_answer_that_takes_long_is_not_cut_off(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock runs for heads that do not come, not for boxes that think."""
    monkeypatch.setattr(serve, "HEAD_S", SHORT_S)
    answers = served.box._answer

    async def slowly(message: bus.Message) -> None:
        await asyncio.sleep(3 * SHORT_S)
        await answers(message)

    monkeypatch.setattr(served.box, "_answer", slowly)

    answer = await served.client.get("/api/v1/cameras/hl-2a/snapshot.jpg")

    assert answer.status_code == 200


async def test_one_address_has_so_many_connections_and_no_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger who opens all there are leaves none to others; here this machine is a stranger."""
    monkeypatch.setattr(serve, "HERE", ())
    monkeypatch.setattr(serve, "MAX_OF_ONE", 5)
    held = [await served.connect() for _ in range(4)]  # the signed-in client holds one
    held_more = [await served.connect() for _ in range(3)]
    refused = 0
    for reader, _ in held_more:
        try:
            async with asyncio.timeout(20):
                refused += await reader.read() == b""
        except ConnectionResetError:
            refused += 1
    for _, writer in (*held, *held_more):
        writer.close()

    assert refused == 3


async def test_beyond_all_connections_the_answer_is_to_come_back_later(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said by the server itself, at no cost."""
    held = [await served.connect() for _ in range(serve.MAX_CONCURRENT)]
    answer = await served.talk(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    for _, writer in held:
        writer.close()

    assert status(answer) == 503


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 1_000_000,
        b"GET / HTTP/1.1\r\nHost: hub.test\r\nX-A: " + b"b" * 1_000_000,
        b"GET / HTTP/1.1\r\nHost: hub.test\r\n" + b"X-A: b\r\n" * 100_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    ],
    ids=["address", "header", "headers", "tls"],
)
async def test_a_head_without_end_is_refused(served: Served, head: bytes) -> None:
    answer = await served.talk(head)

    assert answer == b"" or status(answer) == 400


# ---- hosts and origins -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        b"hub.test; script-src *",
        b"hub.test/path",
        b"hub.test\\evil",
        b"user@hub.test",
        b"<script>",
        b"hub.test:port",
        b"hub.test:123456",
        b"[::1",
        b"a b",
        b"'unsafe-inline'",
        "vọng-gác.test".encode(),
        b"x" * 300,
    ],
)
async def test_a_host_that_is_none_is_refused_and_stands_in_no_answer(
    served: Served, host: bytes
) -> None:
    """The host goes on into the content policy: a word too many there would open it."""
    answer = await served.talk(
        b"GET /signin HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
    )

    assert status(answer) in (400, 422)
    assert host not in answer
    assert b"content-security-policy" not in answer or b"ws://127.0.0.1:" in answer


@pytest.mark.parametrize(
    "host", [b"hub.test", b"HUB.test:8080", b"192.0.2.1:1", b"[2001:db8::1]:8080", b"may_chu"]
)
async def test_a_host_that_is_one_is_taken(served: Served, host: bytes) -> None:
    answer = await served.talk(
        b"GET /signin HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
    )

    assert status(answer) == 200


async def test_a_request_without_a_host_is_refused(served: Served) -> None:
    assert status(await served.talk(b"GET /signin HTTP/1.1\r\nConnection: close\r\n\r\n")) == 400
    # HTTP/1.0 needs none; without one no origin can be compared, so nothing is changed by it.
    answer = await served.talk(
        b"POST /api/v1/session HTTP/1.0\r\nOrigin: http://evil.test\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert status(answer) == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.test",
        "http://hub.test.evil.test",
        "http://evil.test/hub.test",
        "http://hub.test@evil.test",
        "http://evil@hub.test",
        "http://hub.test:81",
        "http://[hub.test",
        "null",
        "",
        "hub.test",
        "file://",
    ],
)
async def test_another_origin_changes_nothing(served: Served, origin: str) -> None:
    """Signed in, with everything else right: the page that sends is another's."""
    client = served.client
    answer = await client.post(
        "/api/v1/session", json={"user": "admin", "password": PASSWORD},
        headers={"host": "hub.test", "origin": origin},
    )  # fmt: skip
    left = await client.delete("/api/v1/session", headers={"host": "hub.test", "origin": origin})

    assert (answer.status_code, left.status_code) == (403, 403)
    assert (await client.get("/api/v1/session")).status_code == 200


async def test_two_origins_are_none_of_ours(served: Served) -> None:
    """The first is ours, the second is not, or the other way round."""
    for pair in (("http://hub.test", "http://evil.test"), ("http://evil.test", "http://hub.test")):
        lines = "".join(f"Origin: {one}\r\n" for one in pair).encode()
        answer = await served.talk(
            b"POST /api/v1/session HTTP/1.1\r\nHost: hub.test\r\n" + lines + b"Content-Type: "
            b"application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        )
        assert status(answer) == 403


# ---- ranges ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "bytes=" + ",".join(["0-"] * 8_000),
        "bytes=0-9,20-29",
        "bytes=0-99,50-149",
        "bytes=0-0,-1",
        "bytes=9-0",
        "bytes=--5",
        "bytes=-5-9",
        "bytes=0--1",
        "bytes=0-9999999999999999999999999999",
        "bytes=1e3-",
        "bytes=0x10-0x20",
        "bytes =0-1",
        "bytes=",
        "bytes=-",
        "bits=0-1",
        "multipart/byteranges; boundary=x",
        "bytes=0-1; boundary=x",
    ],
    ids=lambda text: text[:24],
)
async def test_ranges_that_are_not_one_plain_range_get_the_whole_file(
    served: Served, header: str
) -> None:
    """RFC 9110 14.2 lets a server do so; a thousand copies of a file in one answer it does not."""
    asked = len(served.box.asked)

    async with served.client.stream("GET", RECORDING, headers={"range": header}) as answer:
        content = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert content == FILM
    assert len(served.box.asked) - asked == 2  # the size, and the bytes once


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-99999999999999", 0, len(FILM)),
        ("bytes=1048575-99999999999999", len(FILM) - 1, len(FILM)),
        ("bytes=-99999999999999", 0, len(FILM)),
        ("bytes=5-5", 5, 6),
    ],
)
async def test_a_range_beyond_the_file_ends_with_it(
    served: Served, header: str, start: int, end: int
) -> None:
    answer = await served.client.get(RECORDING, headers={"range": header})

    assert (answer.status_code, answer.content) == (206, FILM[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(FILM)}"
    assert int(answer.headers["content-length"]) == end - start


@pytest.mark.parametrize("header", ["bytes=1048576-", "bytes=-0", "bytes=9999999999999999999-"])
async def test_a_range_outside_the_file_reads_nothing(served: Served, header: str) -> None:
    asked = len(served.box.asked)

    answer = await served.client.get(RECORDING, headers={"range": header})

    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(FILM)}")
    assert len(served.box.asked) - asked == 1


async def test_two_range_headers_are_one_list(served: Served) -> None:
    """A second header is a second range (RFC 9110 5.3), and several get the whole file."""
    answer = await served.client.get(
        RECORDING, headers=[("range", "bytes=0-9"), ("range", "bytes=20-29")]
    )

    assert (answer.status_code, answer.content) in ((200, FILM), (206, FILM[:10]))


async def test_a_browser_that_leaves_stops_the_reading(served: Served) -> None:
    """A film of an hour is not read to its end for a tab that was closed."""
    before = len(served.box.asked)
    reader, writer = await served.connect()
    cookie = served.client.cookies["vg_session"]
    for _ in range(20):
        writer.close()
        reader, writer = await served.connect()
        writer.write(
            f"GET {RECORDING} HTTP/1.1\r\nHost: hub.test\r\nCookie: vg_session={cookie}\r\n\r\n"
            .encode()
        )  # fmt: skip
        await writer.drain()
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
        assert status(head) == 200
    writer.close()

    answer = await served.client.get(RECORDING, headers={"range": "bytes=0-9"})
    assert answer.content == FILM[:10]
    assert len(served.box.asked) - before <= 2 * 20 + 2


# ---- figures for machines --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": "127.0.0.1:8080"}, 200),
        ({"host": "localhost:8080"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "hub.test"}, 401),
        ({"host": "evil.test:8080"}, 401),
        ({"host": "127.0.0.1:8080", "x-forwarded-for": "192.0.2.7"}, 401),
        ({"host": "127.0.0.1:8080", "forwarded": "for=192.0.2.7"}, 401),
        ({"host": "127.0.0.1:8080", "authorization": "Bearer vg_nothing"}, 200),
        ({"host": "hub.test", "authorization": "Bearer vg_nothing"}, 401),
    ],
)
async def test_figures_that_name_cameras_are_for_this_machine(
    served: Served, headers: dict[str, str], expected: int
) -> None:
    """Names of cameras are names of places: not for everybody who reaches the port."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}") as stranger:
        answer = await stranger.get("/metrics", headers=headers)

    assert answer.status_code == expected
    assert ("hl-2a" in answer.text) == (expected == 200)


async def test_figures_are_told_to_a_token_that_may_see_the_system(served: Served) -> None:
    """For a Prometheus on another machine; a token for pictures opens pictures."""
    told = {}
    for scope in ("read", "pictures"):
        made = await served.client.post(
            "/api/v1/tokens", json={"title": "prometheus", "scopes": [scope], "days": 30}
        )
        assert made.status_code == 201, made.text
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}") as elsewhere:
            answer = await elsewhere.get(
                "/metrics",
                headers={"host": "hub.test", "authorization": f"Bearer {made.json()['value']}"},
            )
        told[scope] = (answer.status_code, "hl-2a" in answer.text)

    assert told == {"read": (200, True), "pictures": (403, False)}


async def test_the_program_still_answers_after_all_of_this(served: Served) -> None:
    """The last test of this module: nothing above has cost the others anything."""
    answer = await served.client.get("/healthz")

    assert answer.json()["ok"] is True
    assert (await served.client.get("/api/v1/cameras")).status_code == 200


# ---- TLS -------------------------------------------------------------------------------------


@dataclass
class Secured:
    """The hub's health behind TLS, on a port of this machine."""

    port: int
    trusted: ssl.SSLContext

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Without a word of TLS."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def status(self) -> int:
        """What a whole request is answered."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trusted, server_hostname="127.0.0.1"
        )
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: hub.test\r\nConnection: close\r\n\r\n")
        answer = await _everything(reader)
        writer.close()
        return status(answer)


@pytest_asyncio.fixture(loop_scope="module")
async def secured(served: Served, tmp_path: Path) -> AsyncIterator[Secured]:
    """The same hub, on a listener that speaks TLS."""
    own = tls.authority(tmp_path, (), now_s=int(time.time()))
    listener = serve.listen("127.0.0.1", 0)
    stop = asyncio.Event()
    context = tls.server_context(own.files)
    serving = asyncio.create_task(serve.serve(served.hub.app, listener, stop=stop, context=context))
    yield Secured(listener.getsockname()[1], tls.client_context(own.trusted))
    stop.set()
    await serving


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes it; long before a handshake would be given up by itself."""
    async with asyncio.timeout(20):
        return await _everything(reader) == b""


async def test_one_address_has_so_many_handshakes_and_no_more(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count with its connections: half-open ones would be free else, a minute each."""
    monkeypatch.setattr(serve, "HERE", ())
    monkeypatch.setattr(serve, "MAX_OF_ONE", 5)
    held = [await secured.connect() for _ in range(5)]
    more = [await secured.connect() for _ in range(3)]

    assert all([await is_closed(reader) for reader, _ in more])
    assert not any(reader.at_eof() for reader, _ in held)
    for _, writer in held[:3]:
        writer.close()
        await writer.wait_closed()
    answered = 0
    while answered != 200:  # as soon as the server has seen that they left
        with contextlib.suppress(OSError, AssertionError):
            answered = await secured.status()
    for _, writer in (*held, *more):
        writer.close()


async def test_a_handshake_that_never_comes_is_not_waited_for(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a hello holds nothing for a minute either."""
    monkeypatch.setattr(serve, "HANDSHAKE_S", SHORT_S)
    silent, one = await secured.connect()
    half, other = await secured.connect()
    other.write(b"\x16\x03\x01\x02\x00\x01\x00")

    assert await is_closed(silent)
    assert await is_closed(half)
    assert await secured.status() == 200
    one.close()
    other.close()


async def test_a_request_in_the_last_flight_of_its_handshake_is_heard(secured: Secured) -> None:
    """TLS 1.3 lets a browser ask before the server has turned round; many at once."""
    assert await asyncio.gather(*(secured.status() for _ in range(20))) == [200] * 20


async def test_no_answer_waits_for_the_acknowledgement_of_its_own_head() -> None:
    """With Nagle's algorithm each body of an answer came 40 ms after its head, on every page."""
    listener = serve.listen("127.0.0.1", 0)
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def taken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = writer.get_extra_info("socket")
        accepted.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(taken, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await accepted == 1
        writer.close()
