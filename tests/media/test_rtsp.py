"""RTSP as cameras speak it: every message written out, every oddity with what is done about it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.causes import Cause
from vonggac.config import Secret
from vonggac.errors import MalformedError, RunEnded
from vonggac.media import address, sdp
from vonggac.media.address import Address
from vonggac.media.digest import parse_challenges
from vonggac.media.h26x import Codec
from vonggac.media.rtsp import Handshake, Session, parse_transport, pick_audio, pick_video
from vonggac.media.rtsp_message import (
    MAX_BODY,
    MAX_HEAD,
    Message,
    Messages,
    Oddity,
    Request,
    Response,
    measure,
    parse_message,
)

FIELD = Path(__file__).parents[1] / "field" / "rtsp"
AGENT = "User-Agent: vonggac/0.1.0\r\n"
VIDEO = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
AUDIO = (
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n"
    "a=fmtp:97 mode=AAC-hbr;config=1408\r\na=control:trackID=1\r\n"
)


def said(text: str) -> Message:
    return parse_message(text.replace("\n", "\r\n").encode())


def answered(status: str, *headers: str, body: str = "", cseq: int | None = 1) -> Message:
    """An answer of the camera with the CSeq of the request it answers."""
    lines = [f"RTSP/1.0 {status}", *headers]
    if cseq is not None:
        lines.insert(1, f"CSeq: {cseq}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return parse_message(("\r\n".join([*lines, "", ""]) + body).encode())


def described(sections: str = VIDEO, *headers: str, cseq: int = 2) -> Message:
    body = "v=0\r\n" + sections
    return answered("200 OK", "Content-Type: application/sdp", *headers, body=body, cseq=cseq)


def handshake(url: str = "rtsp://10.0.0.8/live", **settings: object) -> Handshake:
    shake = Handshake(address.parse(url), **settings)  # type: ignore[arg-type]
    shake.begin()
    return shake


def asked_for(shake: Handshake, sections: str, *headers: str) -> str:
    """The URL of the first SETUP after a description."""
    shake.receive(answered("200 OK"))
    setup = shake.receive(described(sections, *headers))
    assert isinstance(setup, bytes)
    return setup.decode().split(" ")[1]


def set_up(shake: Handshake, *headers: str, sections: str = VIDEO, public: str = "") -> Session:
    """A session of one track."""
    shake.receive(answered("200 OK", f"Public: {public}"))
    shake.receive(described(sections))
    session = shake.receive(
        answered("200 OK", "Transport: RTP/AVP/TCP;interleaved=0-1", *headers, cseq=3)
    )
    assert isinstance(session, Session)
    return session


# --- messages ------------------------------------------------------------------------------


def test_header_names_in_lower_case_and_folded_lines_are_read() -> None:
    """RFC 2326 section 4.2 takes both from HTTP; a line without a colon is noted and skipped."""
    message = parse_message((FIELD / "answer_lower_case_folded.rtsp").read_bytes())

    assert isinstance(message, Response)
    assert (message.status, message.reason, message.cseq) == (200, "OK", 3)
    assert message.header("server") == "Cam Rtsp  Server"
    assert message.header("transport") == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert message.header("absent") is None
    assert message.oddities == {Oddity.NOT_A_HEADER}


def test_an_answer_without_reason_cseq_or_carriage_returns_is_read() -> None:
    """All three at once."""
    message = parse_message((FIELD / "answer_bare.rtsp").read_bytes())

    assert isinstance(message, Response)
    assert (message.status, message.reason, message.cseq) == (200, "", None)
    assert message.header("public") == "OPTIONS, DESCRIBE"
    assert message.oddities == {Oddity.NO_REASON}
    assert str(message) == "200"


def test_challenges_of_an_answer_are_all_kept() -> None:
    """One header with two, and four headers with one each."""
    two = parse_message((FIELD / "challenge_two_in_one.rtsp").read_bytes())
    four = parse_message((FIELD / "challenge_many_algorithms.rtsp").read_bytes())

    assert [
        (c.scheme, c.realm, c.nonce) for c in parse_challenges(two.headers["www-authenticate"])
    ] == [("digest", 'a, \\"b\\"', "n1"), ("basic", "c", "")]
    assert [
        (c.scheme, c.algorithm, c.nonce, c.rank)
        for c in parse_challenges(four.headers["www-authenticate"])
    ] == [
        ("basic", "", "", 1),
        ("digest", "MD5", "abc", 2),
        ("digest", "SHA-256", "def", 4),
        ("digest", "SHA-512-256", "ghi", 0),
    ]


def test_a_body_that_goes_on_is_skipped_as_noise() -> None:
    """Content-Length counts what the firmware's author thought it did."""
    messages = Messages()
    messages.feed((FIELD / "body_longer_than_said.rtsp").read_bytes())
    first, second, third = messages.take(), messages.take(), messages.take()

    assert first is not None
    assert second is not None
    assert (first.cseq, second.cseq, third) == (2, 3, None)
    assert messages.oddities == {Oddity.NOISE}


def test_a_question_of_the_camera_is_told_from_an_answer() -> None:
    """Servers may ask too (RFC 2326 section 10)."""
    message = said("OPTIONS rtsp://10.0.0.8/live RTSP/1.0\nCSeq: 7\n\n")

    assert isinstance(message, Request)
    assert (message.method, message.uri, message.cseq) == (
        "OPTIONS",
        "rtsp://10.0.0.8/live",
        7,
    )


def test_bytes_that_are_not_utf_8_go_back_as_they_came() -> None:
    """A realm in GB18030 is hashed and echoed byte by byte."""
    shake = Handshake(address.parse("rtsp://u:p@10.0.0.8/live"))
    shake.begin()
    again = shake.receive(
        parse_message(
            b"RTSP/1.0 401 No\r\nCSeq: 1\r\n"
            b'WWW-Authenticate: Digest realm="\xc9\xe3\xcf\xf1", nonce="n"\r\n\r\n'
        )
    )

    assert isinstance(again, bytes)
    assert b'realm="\xc9\xe3\xcf\xf1"' in again


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "neither an RTSP answer nor a question"),
        (b"GET / HTTP/1.1\r\n\r\n", "neither"),
        (b"RTSP/1.0 2000 OK\r\n\r\n", "neither"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabc", "3 bytes where 5"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: -5\r\n\r\n", "no number"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 1\r\nContent-length: 2\r\n\r\nab", "differ"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n", "at most 65536"),
        (b"RTSP/1.0 200 OK\r\nX: " + b"y" * MAX_HEAD, "within 16384"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, message: str) -> None:
    """Nothing is guessed about lengths: a wrong one would swallow what follows."""
    with pytest.raises(MalformedError, match=message):
        parse_message(data)


def test_messages_come_in_whatever_pieces_the_network_makes() -> None:
    """Byte by byte, with packets of an old session and blank lines between."""
    messages = Messages()
    found: list[Message] = []
    stream = (
        b"\r\n$\x00\x00\x04abcd$\x01\x00\x00RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n\r\n"
        b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 3\r\n\r\n$ab$\x00\x00"
    )
    for index in range(len(stream)):
        messages.feed(stream[index : index + 1])
        while (message := messages.take()) is not None:
            found.append(message)

    assert [(message.cseq, message.body) for message in found] == [(1, b""), (2, b"$ab")]
    assert messages.oddities == {Oddity.EARLY_MEDIA}
    assert messages.rest() == b"$\x00\x00"
    assert messages.rest() == b""


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
        (b"x\r\n" * 2000, "no RTSP message"),
        (b"y" * MAX_HEAD, "no line within"),
        (b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 4000, "no end of the headers"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: x\r\n\r\n", "no number"),
    ],
)
def test_a_connection_that_is_not_rtsp_is_given_up_soon(data: bytes, message: str) -> None:
    """Bounded in bytes, and with a word on what it may be instead."""
    messages = Messages()
    messages.feed(data)

    with pytest.raises(MalformedError, match=message):
        while messages.take() is None:
            pass


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n$\x00", 28),
        (b"RTSP/1.0 200 OK\nCSeq: 1\n\n$\x00", 25),
        (b"rtsp/1.0  200\r\ncontent-length : 2\r\n\r\nab$", 39),
        (b"RTSP/1.0 200 OK\r\nServer: \xe1\x01\r\n\r\n", 31),
        (b"OPTIONS * RTSP/1.0\r\n\r\n", 22),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nab", None),
        (b"RTSP/1.0 200 OK\r\nCSeq", None),
        (b"RTSP/1", None),
        (b"", None),
    ],
)
def test_a_message_among_media_is_measured_by_its_own_length(data: bytes, size: int | None) -> None:
    """With every liberty that the handshake forgives: a keep-alive's answer has them too."""
    assert measure(data) == size


@pytest.mark.parametrize("data", [b"\x00\x01\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * MAX_HEAD])
def test_what_is_no_message_has_no_measure(data: bytes) -> None:
    """The connection is of no more use."""
    with pytest.raises(MalformedError):
        measure(data)


# --- the handshake ---------------------------------------------------------------------------


def test_a_whole_handshake_with_audio() -> None:
    """Every byte that is sent to a camera without oddities."""
    shake = Handshake(address.parse("rtsp://10.0.0.8/live"), audio=True)

    assert shake.begin() == (
        f"OPTIONS rtsp://10.0.0.8:554/live RTSP/1.0\r\nCSeq: 1\r\n{AGENT}\r\n".encode()
    )
    assert (
        shake.receive(
            answered("200 OK", "Public: OPTIONS, DESCRIBE, GET_PARAMETER", "Server: Cam 1")
        )
        == (
            f"DESCRIBE rtsp://10.0.0.8:554/live RTSP/1.0\r\nCSeq: 2\r\n{AGENT}"
            "Accept: application/sdp\r\n\r\n"
        ).encode()
    )
    assert (
        shake.receive(described(VIDEO + AUDIO, "Content-Base: rtsp://10.0.0.8:554/live/"))
        == (
            f"SETUP rtsp://10.0.0.8:554/live/trackID=0 RTSP/1.0\r\nCSeq: 3\r\n{AGENT}"
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
        ).encode()
    )
    assert (
        shake.receive(
            answered(
                "200 OK",
                "Session: 12AB;timeout=30",
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
                cseq=3,
            )
        )
        == (
            f"SETUP rtsp://10.0.0.8:554/live/trackID=1 RTSP/1.0\r\nCSeq: 4\r\n{AGENT}"
            "Session: 12AB\r\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n\r\n"
        ).encode()
    )
    session = shake.receive(
        answered(
            "200 OK",
            "Session: 12AB;timeout=30",
            "Transport: RTP/AVP/TCP;unicast;interleaved=2-3",
            cseq=4,
        )
    )

    assert isinstance(session, Session)
    assert shake.server == "Cam 1"
    assert session.keep_alive_s == 15.0
    assert [(d.media.kind, d.rtp, d.rtcp) for d in session.deliveries] == [
        ("video", 0, 1),
        ("audio", 2, 3),
    ]
    assert session.oddities == ()
    assert (
        session.play()
        == (
            f"PLAY rtsp://10.0.0.8:554/live/ RTSP/1.0\r\nCSeq: 5\r\n{AGENT}"
            "Session: 12AB\r\nRange: npt=0.000-\r\n\r\n"
        ).encode()
    )
    before = session.playing
    assert session.receive(answered("200 OK", cseq=5)) is None
    assert (before, session.playing) == (False, True)
    after = f"rtsp://10.0.0.8:554/live/ RTSP/1.0\r\nCSeq: %d\r\n{AGENT}Session: 12AB\r\n\r\n"
    assert session.keep_alive().decode() == f"GET_PARAMETER {after}" % 6
    assert session.teardown().decode() == f"TEARDOWN {after}" % 7
    assert session.receive(answered("454 Session Not Found", cseq=7)) is None


def test_credentials_never_stand_in_a_request_line() -> None:
    """RFC 2326 section 3.2; and the digest is over the same URL as the line's."""
    shake = Handshake(address.parse("rtsp://admin:a@b:/ #%?c@10.0.0.8/live"))
    first = shake.begin()
    again = shake.receive(
        answered("401 Unauthorized", 'WWW-Authenticate: Digest realm="cam", nonce="abc"')
    )

    assert b"admin" not in first
    assert (
        again
        == (
            f"OPTIONS rtsp://10.0.0.8:554/live RTSP/1.0\r\nCSeq: 2\r\n{AGENT}"
            'Authorization: Digest username="admin", realm="cam", nonce="abc", '
            'uri="rtsp://10.0.0.8:554/live", response="02e9e479137295c4fc10ce0a310e0203"\r\n\r\n'
        ).encode()
    )


def test_a_wrong_password_ends_the_handshake() -> None:
    """The cause that makes the recorder back off longer."""
    shake = handshake("rtsp://admin:pw@10.0.0.8/live")
    challenge = 'WWW-Authenticate: Digest realm="cam", nonce="abc"'
    shake.receive(answered("401 Unauthorized", challenge))

    with pytest.raises(RunEnded) as caught:
        shake.receive(answered("401 Unauthorized", challenge, cseq=2))
    assert caught.value.cause is Cause.REFUSED
    assert "pw" not in caught.value.message


def test_a_nonce_that_expires_at_setup_is_renewed() -> None:
    """And the request is sent again as it was, Session and Transport included."""
    shake = handshake("rtsp://admin:pw@10.0.0.8/live")
    shake.receive(answered("401 No", 'WWW-Authenticate: Digest realm="cam", nonce="a"'))
    shake.receive(answered("200 OK", cseq=2))
    shake.receive(described(cseq=3))
    again = shake.receive(
        answered("401 No", 'WWW-Authenticate: Digest realm="cam", nonce="b", stale=true', cseq=4)
    )

    assert isinstance(again, bytes)
    assert again.startswith(b"SETUP rtsp://10.0.0.8:554/live/trackID=0 RTSP/1.0\r\nCSeq: 5\r\n")
    assert b'nonce="b"' in again
    assert again.endswith(b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n")


def test_the_weaker_digest_is_named_among_the_oddities() -> None:
    """An operator who reads it may update the firmware."""
    shake = handshake("rtsp://admin:pw@10.0.0.8/live")
    both = (
        'WWW-Authenticate: Digest realm="c", nonce="1", algorithm=SHA-256',
        'WWW-Authenticate: Digest realm="c", nonce="1", algorithm=MD5',
    )
    shake.receive(answered("401 No", *both))
    shake.receive(answered("401 No", *both, cseq=2))
    shake.receive(answered("200 OK", cseq=3))
    shake.receive(described(cseq=4))
    session = shake.receive(
        answered("200 OK", "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1", cseq=5)
    )

    assert isinstance(session, Session)
    assert session.oddities == (Oddity.WEAKER_DIGEST,)


@pytest.mark.parametrize(
    ("control", "headers", "expected"),
    [
        ("a=control:trackID=0", (), "rtsp://10.0.0.8:554/live/trackID=0"),
        ("a=control:/trackID=0", (), "rtsp://10.0.0.8:554/live/trackID=0"),
        ("a=control:/live/trackID=0", (), "rtsp://10.0.0.8:554/live/trackID=0"),
        ("a=control:?track=0", (), "rtsp://10.0.0.8:554/live?track=0"),
        ("a=control:*", (), "rtsp://10.0.0.8:554/live"),
        ("", (), "rtsp://10.0.0.8:554/live"),
        (
            "a=control:trackID=0",
            ("Content-Base: rtsp://10.0.0.8/other/",),
            "rtsp://10.0.0.8:554/other/trackID=0",
        ),
        (
            "a=control:/trackID=0",
            ("Content-Base: rtsp://10.0.0.8/other/",),
            "rtsp://10.0.0.8:554/other/trackID=0",
        ),
        (
            "a=control:trackID=0",
            ("Content-Base: rtsp://10.0.0.8:554/live?channel=1&subtype=0/",),
            "rtsp://10.0.0.8:554/live?channel=1&subtype=0/trackID=0",
        ),
        (
            "a=control:trackID=0",
            ("Content-Base: rtsp://10.0.0.8:554/live?channel=1",),
            "rtsp://10.0.0.8:554/live?channel=1/trackID=0",
        ),
        (
            "a=control:trackID=0",
            ("Content-Location: rtsp://10.0.0.8/there",),
            "rtsp://10.0.0.8:554/there/trackID=0",
        ),
        (
            "a=control:trackID=0",
            ("Content-Base: /there/",),
            "rtsp://10.0.0.8:554/there/trackID=0",
        ),
        (
            "a=control:trackID=0",
            ("Content-Base: nonsense", "Content-Location:"),
            "rtsp://10.0.0.8:554/live/trackID=0",
        ),
        (
            "a=control:rtsp://192.168.1.10/x/stream=0?codec=h264",
            (),
            "rtsp://10.0.0.8:554/x/stream=0?codec=h264",
        ),
        ("a=control:http://192.168.1.10/x", (), "rtsp://10.0.0.8:554/live/http://192.168.1.10/x"),
        ("a=control:" + "x" * 3000, (), "rtsp://10.0.0.8:554/live"),
    ],
)
def test_control_urls_are_joined_as_cameras_mean_them(
    control: str, headers: tuple[str, ...], expected: str
) -> None:
    """Appended to the base, query and all, on our host and port."""
    sections = f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n{control}\r\n"

    assert asked_for(handshake(), sections, *headers) == expected


def test_control_urls_with_an_address_behind_nat_are_used_on_our_host() -> None:
    """And the credentials that the camera wrote into them are not sent around."""
    shake = handshake()
    shake.receive(answered("200 OK"))
    body = (FIELD / "control_private_address.sdp").read_text()
    setup = shake.receive(answered("200 OK", body=body, cseq=2))
    session = shake.receive(
        answered("200 OK", "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1", cseq=3)
    )

    assert isinstance(setup, bytes)
    assert setup.startswith(b"SETUP rtsp://10.0.0.8:554/live/trackID=0 RTSP/1.0\r\n")
    assert isinstance(session, Session)
    assert session.play().startswith(b"PLAY rtsp://10.0.0.8:554/live RTSP/1.0\r\n")
    assert session.oddities == (Oddity.FOREIGN_URL,)


def test_a_control_url_that_is_not_found_is_joined_another_way() -> None:
    """RFC 3986's way second, the base itself last; then the camera's 404 counts."""
    shake = handshake("rtsp://10.0.0.8/cam/main")
    assert asked_for(shake, VIDEO) == "rtsp://10.0.0.8:554/cam/main/trackID=0"
    uris = []
    for cseq in (3, 4):
        again = shake.receive(answered("404 Stream Not Found", cseq=cseq))
        assert isinstance(again, bytes)
        uris.append(again.decode().split(" ")[1])

    assert uris == ["rtsp://10.0.0.8:554/cam/trackID=0", "rtsp://10.0.0.8:554/cam/main"]
    with pytest.raises(RunEnded, match="404 Stream Not Found to SETUP") as caught:
        shake.receive(answered("404 Stream Not Found", cseq=5))
    assert caught.value.cause is Cause.UNREACHABLE


def test_an_absolute_session_control_is_where_playing_is_asked_for() -> None:
    """With a query, as GStreamer-based cameras write it."""
    shake = handshake("rtsp://10.0.0.8/axis?codec=h264")
    sections = "a=control:rtsp://10.0.0.8:554/axis?codec=h264\r\n" + VIDEO
    shake.receive(answered("200 OK"))
    shake.receive(described(sections, "Content-Base: rtsp://10.0.0.8/axis/"))
    session = shake.receive(answered("200 OK", "Session: 1", cseq=3))

    assert isinstance(session, Session)
    assert session.play().startswith(b"PLAY rtsp://10.0.0.8:554/axis?codec=h264 RTSP/1.0\r\n")


def test_renumbered_channels_are_the_cameras() -> None:
    """RFC 2326 section 12.39 leaves the last word to the server."""
    shake = handshake()
    shake.receive(answered("200 OK"))
    shake.receive(described())
    session = shake.receive(
        answered("200 OK", "Session: 1", "Transport: RTP/AVP/TCP;interleaved=4-5", cseq=3)
    )

    assert isinstance(session, Session)
    assert (session.deliveries[0].rtp, session.deliveries[0].rtcp) == (4, 5)
    assert session.oddities == (Oddity.RENUMBERED,)


@pytest.mark.parametrize(
    ("headers", "oddities"),
    [
        ((), (Oddity.NO_SESSION, Oddity.NO_TRANSPORT)),
        (("Session: 1",), (Oddity.NO_TRANSPORT,)),
        (("Session: 1", "Transport: RTP/AVP/TCP;unicast"), (Oddity.NO_TRANSPORT,)),
        (
            ("Session: 1", "Transport: RTP/AVP/TCP;interleaved=300-301"),
            (Oddity.NO_TRANSPORT,),
        ),
    ],
)
def test_channels_that_are_not_confirmed_are_those_asked_for(
    headers: tuple[str, ...], oddities: tuple[Oddity, ...]
) -> None:
    """Better than refusing: packets of unknown channels are counted anyway."""
    shake = handshake()
    shake.receive(answered("200 OK"))
    shake.receive(described())
    session = shake.receive(answered("200 OK", *headers, cseq=3))

    assert isinstance(session, Session)
    assert (session.deliveries[0].rtp, session.deliveries[0].rtcp) == (0, 1)
    assert session.oddities == oddities
    assert (b"Session: 1" in session.play()) is bool(headers)


def test_a_camera_that_answers_with_udp_is_refused_by_name() -> None:
    """The second source takes it; the cause says so."""
    shake = handshake()
    shake.receive(answered("200 OK"))
    shake.receive(described())

    with pytest.raises(RunEnded, match="UDP only") as caught:
        shake.receive(answered("200 OK", "Transport: RTP/AVP;unicast;client_port=4-5", cseq=3))
    assert caught.value.cause is Cause.FORMAT_REFUSED


@pytest.mark.parametrize(
    ("answer"),
    [
        answered("461 Unsupported Transport", cseq=4),
        answered("200 OK", "Transport: RTP/AVP/TCP;interleaved=1-2", cseq=4),
        answered("200 OK", "Transport: RTP/AVP;client_port=1-2", cseq=4),
    ],
)
def test_pictures_are_recorded_without_an_audio_that_is_refused(answer: Message) -> None:
    """Sound is never a reason to lose pictures."""
    shake = handshake(audio=True)
    shake.receive(answered("200 OK"))
    shake.receive(described(VIDEO + AUDIO))
    shake.receive(
        answered("200 OK", "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1", cseq=3)
    )
    session = shake.receive(answer)

    assert isinstance(session, Session)
    assert [d.media.kind for d in session.deliveries] == ["video"]
    assert Oddity.AUDIO_REFUSED in session.oddities


@pytest.mark.parametrize("audio", [False, True])
def test_audio_is_set_up_only_when_asked_for_and_offered(audio: bool) -> None:
    """Privacy: what nobody asked for is not even transferred."""
    shake = handshake(audio=audio)
    shake.receive(answered("200 OK"))
    shake.receive(described(VIDEO if audio else VIDEO + AUDIO))
    session = shake.receive(answered("200 OK", "Session: 1", cseq=3))

    assert isinstance(session, Session)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("400 Bad Request", Cause.UNREACHABLE),
        ("403 Forbidden", Cause.REFUSED),
        ("404 Not Found", Cause.UNREACHABLE),
        ("415 Unsupported Media Type", Cause.FORMAT_REFUSED),
        ("453 Not Enough Bandwidth", Cause.UNREACHABLE),
        ("503 Service Unavailable", Cause.UNREACHABLE),
        ("505 RTSP Version not supported", Cause.FORMAT_REFUSED),
        ("551 Option not supported", Cause.FORMAT_REFUSED),
    ],
)
def test_an_error_to_describe_is_a_cause_with_its_evidence(status: str, cause: Cause) -> None:
    """The camera's own words, made printable, are the evidence."""
    shake = handshake()
    shake.receive(answered("200 OK"))

    with pytest.raises(RunEnded, match=f"the camera answers {status} to DESCRIBE") as caught:
        shake.receive(answered(status, cseq=2))
    assert caught.value.cause is cause


def test_an_error_to_options_decides_nothing() -> None:
    """Some answer 405, some 404; DESCRIBE works all the same."""
    shake = handshake()
    describe = shake.receive(answered("405 Method Not Allowed"))

    assert isinstance(describe, bytes)
    assert describe.startswith(b"DESCRIBE ")


@pytest.mark.parametrize(
    ("status", "location", "uri"),
    [
        ("301 Moved", "rtsp://10.0.0.8/other", "rtsp://10.0.0.8:554/other"),
        ("302 Found", "rtsp://10.0.0.8:8554/other", "rtsp://10.0.0.8:8554/other"),
        ("302 Found", "rtsp://192.0.2.1/other", "rtsp://10.0.0.8:554/other"),
        ("307 Temporary", "/other", "rtsp://10.0.0.8:554/other"),
    ],
)
def test_a_redirect_to_the_same_host_is_followed(status: str, location: str, uri: str) -> None:
    """The same name, or the address that the connection reached."""
    shake = handshake("rtsp://admin:pw@10.0.0.8/live", peer="192.0.2.1")
    target = shake.receive(answered(status, f"Location: {location}"))

    assert isinstance(target, Address)
    assert (target.uri, target.user, target.password) == (uri, "admin", Secret("pw"))


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("Location: rtsp://evil.example/live", "another host, evil.example"),
        ("Location: http://10.0.0.8/", "names no place"),
        ("X: y", "names no place"),
    ],
)
def test_a_redirect_elsewhere_is_refused(location: str, message: str) -> None:
    """Credentials have no business on another host; a person must decide."""
    with pytest.raises(RunEnded, match=message) as caught:
        handshake().receive(answered("302 Found", location))
    assert caught.value.cause is Cause.UNREACHABLE


def test_provisional_and_unasked_answers_are_waited_over() -> None:
    """100 Continue, and an answer when nothing is open."""
    shake = handshake()
    assert shake.receive(answered("100 Continue")) is None
    session = set_up(shake, "Session: 1")

    assert session.receive(answered("200 OK", cseq=99)) is None


def test_answers_without_or_with_a_wrong_cseq_are_taken_for_the_open_request() -> None:
    """There is only one."""
    shake = handshake()
    describe = shake.receive(answered("200 OK", cseq=None))
    setup = shake.receive(described(cseq=41))
    session = shake.receive(
        answered("200", "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1", cseq=3)
    )

    assert isinstance(describe, bytes)
    assert isinstance(setup, bytes)
    assert isinstance(session, Session)
    assert session.oddities == (Oddity.NO_CSEQ, Oddity.NO_REASON, Oddity.WRONG_CSEQ)


def test_any_oddity_can_be_refused_by_name() -> None:
    """For a site whose rule is that cameras keep to the standard."""
    shake = handshake(strict={Oddity.NO_CSEQ})

    with pytest.raises(MalformedError, match="refused by policy: no_cseq"):
        shake.receive(answered("200 OK", cseq=None))


def test_what_the_cutter_met_is_noted_too() -> None:
    """Early media is met below the handshake."""
    shake = handshake()
    shake.note([Oddity.EARLY_MEDIA])

    assert set_up(shake, "Session: 1").oddities == (Oddity.EARLY_MEDIA,)


def test_a_camera_may_ask_during_the_handshake() -> None:
    """It is answered, and the handshake goes on."""
    shake = handshake()
    answer = shake.receive(said("OPTIONS * RTSP/1.0\nCSeq: 1\n\n"))

    assert answer == b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS\r\n\r\n"


# --- what is chosen ----------------------------------------------------------------------------


def choose(*lines: str) -> sdp.Description:
    return sdp.parse("\r\n".join(["v=0", *lines]).encode())


def test_the_first_video_that_is_recorded_as_it_is_is_taken() -> None:
    """JPEG before it is passed over."""
    media, format_ = pick_video(sdp.parse((FIELD / "two_videos_first_jpeg.sdp").read_bytes()))

    assert (media.control, format_.codec) == ("trackID=0", Codec.H264)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("m=audio 0 RTP/AVP 0",), "no video"),
        (("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", "a=inactive"), "no video"),
        (("m=video 0 RTP/AVP 26",), "offers JPEG; H.264 and H.265"),
        (("m=video 0 RTP/AVP 99",), "offers payload type 99"),
        (
            (
                "m=video 0 RTP/AVP 96",
                "a=rtpmap:96 H264/90000",
                "a=fmtp:96 packetization-mode=2",
            ),
            "offers H264",
        ),
        (
            (
                "m=video 0 RTP/AVP 96",
                "a=rtpmap:96 H265/90000",
                "a=fmtp:96 sprop-max-don-diff=4",
            ),
            "offers H265",
        ),
    ],
)
def test_an_offer_without_such_a_video_says_what_there_is(
    lines: tuple[str, ...], message: str
) -> None:
    """Packets out of decoding order are the second source's business too."""
    with pytest.raises(RunEnded, match=message) as caught:
        pick_video(choose(*lines))
    assert caught.value.cause is Cause.FORMAT_REFUSED


def test_audio_is_the_first_aac_that_comes_from_the_camera() -> None:
    """Not the way back to its loudspeaker, which is listed first here."""
    found = pick_audio(sdp.parse((FIELD / "audio_back_channel.sdp").read_bytes()))

    assert found is not None
    assert found[0].control == "trackID=1"
    assert pick_audio(choose("m=audio 0 RTP/AVP 0")) is None


@pytest.mark.parametrize(
    ("value", "tcp", "channels"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=AB", True, (2, 3)),
        ("rtp/avp/tcp; unicast; INTERLEAVED = 2 - 3", True, (2, 3)),
        ("RTP/AVP/TCP;interleaved=6", True, (6, 7)),
        ("RTP/AVP/TCP;interleaved=1-0", True, (1, 0)),
        ("RTP/AVP/TCP;interleaved=4-5;interleaved=6-7", True, (4, 5)),
        ("RTP/AVP/TCP;interleaved=5-5", True, None),
        ("RTP/AVP/TCP;interleaved=255", True, None),
        ("RTP/AVP/TCP;interleaved=a-b", True, None),
        ("RTP/AVP;unicast;client_port=1-2,RTP/AVP/TCP;interleaved=0-1", False, None),
        ("", False, None),
    ],
)
def test_transport_headers(value: str, tcp: bool, channels: tuple[int, int] | None) -> None:
    """RFC 2326 section 12.39, with the liberties cameras take."""
    found = parse_transport(value)

    assert (found.tcp, found.channels) == (tcp, channels)


# --- the session -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session_header", "seconds", "oddities"),
    [
        ("Session: 1", 30.0, ()),
        ("Session: 1;timeout=60", 30.0, ()),
        ("Session: 1 ; Timeout = 20", 10.0, ()),
        ("Session: 1;timeout=1", 2.5, ()),
        ("Session: 1;timeout=999999", 1800.0, ()),
        ("Session: 1;timeout=0", 30.0, (Oddity.BAD_TIMEOUT,)),
        ("Session: 1;timeout=soon", 30.0, (Oddity.BAD_TIMEOUT,)),
        ("Session: 1;timeout=", 30.0, (Oddity.BAD_TIMEOUT,)),
    ],
)
def test_the_keep_alive_is_due_at_half_the_time_out(
    session_header: str, seconds: float, oddities: tuple[Oddity, ...]
) -> None:
    """Between 5 s and an hour; 60 s if the camera says nothing (RFC 2326 section 12.37)."""
    session = set_up(handshake(), session_header)

    assert session.keep_alive_s == seconds
    assert session.oddities == oddities
    assert b"Session: 1\r\n" in session.play()


@pytest.mark.parametrize(
    ("public", "method"),
    [
        ("OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN", b"OPTIONS "),
        ("options,get_parameter", b"GET_PARAMETER "),
        ("", b"OPTIONS "),
    ],
)
def test_the_keep_alive_is_what_the_camera_announces(public: str, method: bytes) -> None:
    """Unannounced GET_PARAMETER makes some cameras close."""
    assert set_up(handshake(), "Session: 1", public=public).keep_alive().startswith(method)


def test_allow_is_read_where_public_is_missing() -> None:
    """An error to OPTIONS carries Allow instead (RFC 2326 section 12.4)."""
    shake = handshake()
    shake.receive(answered("405 Method Not Allowed", "Allow: DESCRIBE, GET_PARAMETER"))
    shake.receive(described())
    session = shake.receive(answered("200 OK", "Session: 1", cseq=3))

    assert isinstance(session, Session)
    assert session.keep_alive().startswith(b"GET_PARAMETER ")


def test_a_refused_get_parameter_is_replaced_by_options() -> None:
    """Announced all the same."""
    session = set_up(handshake(), "Session: 1", public="GET_PARAMETER")
    session.keep_alive()
    assert session.receive(answered("501 Not Implemented", cseq=4)) is None

    assert session.keep_alive().startswith(b"OPTIONS ")
    assert session.oddities == (Oddity.GET_PARAMETER_REFUSED,)
    assert session.receive(answered("200 OK", cseq=5)) is None


def test_a_forgotten_session_alone_ends_nothing() -> None:
    """Whether pictures still come decides, not what the camera says of its session."""
    session = set_up(handshake(), "Session: 1", public="GET_PARAMETER")
    session.keep_alive()
    assert session.receive(answered("454 Session Not Found", cseq=4)) is None

    assert session.keep_alive().startswith(b"GET_PARAMETER ")


def test_a_nonce_that_expires_while_playing_is_renewed() -> None:
    """The keep-alive is the first to notice, minutes later."""
    shake = handshake("rtsp://admin:pw@10.0.0.8/live")
    shake.receive(answered("401 No", 'WWW-Authenticate: Digest realm="cam", nonce="a"'))
    shake.receive(answered("200 OK", cseq=2))
    shake.receive(described(cseq=3))
    session = shake.receive(answered("200 OK", "Session: 1", cseq=4))
    assert isinstance(session, Session)
    session.keep_alive()
    again = session.receive(
        answered("401 No", 'WWW-Authenticate: Digest realm="cam", nonce="b"', cseq=5)
    )

    assert again is not None
    assert again.startswith(b"OPTIONS rtsp://10.0.0.8:554/live RTSP/1.0\r\nCSeq: 6\r\n")
    assert b'nonce="b"' in again


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("403 Forbidden", Cause.REFUSED),
        ("455 Method Not Valid in This State", Cause.UNREACHABLE),
        ("302 Found", Cause.UNREACHABLE),
    ],
)
def test_a_refused_play_ends_the_run(status: str, cause: Cause) -> None:
    """Everything was set up for nothing; the evidence says at which step."""
    session = set_up(handshake(), "Session: 1")
    session.play()

    with pytest.raises(RunEnded, match=f"{status} to PLAY") as caught:
        session.receive(answered(status, cseq=4))
    assert caught.value.cause is cause


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "OPTIONS rtsp://x RTSP/1.0\nCSeq: 8\n\n",
            b"RTSP/1.0 200 OK\r\nCSeq: 8\r\nPublic: OPTIONS\r\n\r\n",
        ),
        (
            "ANNOUNCE rtsp://x RTSP/1.0\nCSeq: 9\nContent-Length: 2\n\nab",
            b"RTSP/1.0 501 Not Implemented\r\nCSeq: 9\r\n\r\n",
        ),
        (
            "SET_PARAMETER rtsp://x RTSP/1.0\nCSeq: 10\nRequire: com.foo.bar\n\n",
            b"RTSP/1.0 551 Option not supported\r\nCSeq: 10\r\nUnsupported: com.foo.bar\r\n\r\n",
        ),
        ("GET_PARAMETER rtsp://x RTSP/1.0\n\n", b"RTSP/1.0 501 Not Implemented\r\n\r\n"),
    ],
)
def test_questions_of_a_playing_camera_are_answered(question: str, answer: bytes) -> None:
    """A camera that waits for an answer may stop sending."""
    assert set_up(handshake(), "Session: 1").receive(said(question)) == answer


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("TEARDOWN rtsp://x RTSP/1.0\n\n", "ended the session"),
        ("REDIRECT rtsp://x RTSP/1.0\nLocation: rtsp://b.example/x\n\n", "for b.example"),
        ("REDIRECT rtsp://x RTSP/1.0\n\n", "for nowhere"),
    ],
)
def test_a_camera_that_ends_the_session_ends_the_run(question: str, message: str) -> None:
    """The next connection begins at the configured address again."""
    with pytest.raises(RunEnded, match=message) as caught:
        set_up(handshake(), "Session: 1").receive(said(question))
    assert caught.value.cause is Cause.UNREACHABLE


def test_a_camera_that_never_answers_keep_alives_costs_no_memory() -> None:
    """The oldest of nine open requests is forgotten."""
    session = set_up(handshake(), "Session: 1", public="GET_PARAMETER")
    for _ in range(20):
        session.keep_alive()
    for cseq in range(4, 24):
        session.receive(answered("200 OK", cseq=cseq))

    assert session.oddities == (Oddity.WRONG_CSEQ,)


# --- anything else -----------------------------------------------------------------------------

SAMPLES = st.sampled_from([p.read_bytes() for p in sorted(FIELD.glob("*.rtsp"))])


@given(SAMPLES, st.binary(max_size=60), st.integers(0, 300), st.integers(0, 40))
def test_garbage_in_messages_is_malformed_or_read(
    whole: bytes, noise: bytes, at: int, cut: int
) -> None:
    """No other exception from either reader, and nothing held beyond the bounds."""
    data = whole[:at] + noise + whole[at + cut :]
    messages = Messages()
    with contextlib.suppress(MalformedError):
        parse_message(data)
    with contextlib.suppress(MalformedError):
        for start in range(0, len(data), 17):
            messages.feed(data[start : start + 17])
            while messages.take() is not None:
                pass
    assert len(messages.rest()) <= MAX_HEAD + MAX_BODY + 4


HEADERS = st.dictionaries(
    st.sampled_from(
        ["CSeq", "Session", "Transport", "Public", "Location", "Content-Base", "WWW-Authenticate"]
    ),
    st.one_of(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60),
        st.sampled_from(
            [
                "1;timeout=5",
                "RTP/AVP/TCP;interleaved=0-1",
                "rtsp://10.0.0.8/x",
                'Digest realm="r", nonce="n"',
            ]
        ),
    ),
)
BODIES = st.sampled_from(
    ["", *(p.read_bytes().decode("utf-8", "replace") for p in sorted(FIELD.glob("*.sdp")))]
)


@given(
    st.lists(
        st.tuples(st.sampled_from([100, 200, 200, 200, 302, 401, 404, 461]), HEADERS, BODIES),
        max_size=12,
    )
)
def test_any_conversation_ends_in_a_cause_or_a_session(
    answers: list[tuple[int, dict[str, str], str]],
) -> None:
    """The state machine meets every answer in every state; what it sends is one request."""
    shake = Handshake(address.parse("rtsp://u:geheim@10.0.0.8/live"), audio=True)
    sent: bytes | Address | Session | None = shake.begin()
    session: Session | None = None
    for status, headers, body in answers:
        lines = [f"RTSP/1.0 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        encoded = body.encode()
        lines.append(f"Content-Length: {len(encoded)}")
        message = parse_message("\r\n".join([*lines, "", ""]).encode() + encoded)
        try:
            sent = session.receive(message) if session is not None else shake.receive(message)
        except (RunEnded, MalformedError) as ended:
            assert "geheim" not in ended.message
            return
        if isinstance(sent, Session):
            session, sent = sent, sent.play()
        if isinstance(sent, Address):
            assert sent.host == "10.0.0.8"
            return
        if sent is not None:
            assert sent.endswith(b"\r\n\r\n")
            assert sent.count(b"\r\n\r\n") == 1
            assert b"geheim" not in sent
