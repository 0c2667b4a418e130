"""What a camera says before it plays: messages, handshakes, descriptions, URLs, challenges."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import fuzz_corpus as corpus
from fuzz_pictures import PASSWORD, silent, use_sets

from vonggac.config import Secret
from vonggac.errors import MalformedError, RunEnded
from vonggac.media import address, sdp
from vonggac.media.digest import Credentials, parse_challenges
from vonggac.media.rtsp import Handshake, Session, pick_audio, pick_video
from vonggac.media.rtsp_message import MAX_BODY, MAX_HEAD, Messages, Oddity, measure, parse_message

if TYPE_CHECKING:
    from vonggac.media.rtsp_message import Message


def message(data: bytes) -> bool:
    """One message, and a connection of them in whatever pieces. Option: bytes of a piece."""
    step, stream = (data[0] if data else 0) + 1, data[1:]
    taken = True
    try:
        parse_message(stream)
    except MalformedError:
        taken = False
    try:
        size = measure(stream)
    except MalformedError:
        size = None
    if size is not None:
        assert 0 < size <= len(stream)
        with contextlib.suppress(MalformedError):
            parse_message(stream[:size])
    step = max(step, len(stream) // 64)  # byte by byte is for short ones
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    found, whole_end = _all_messages(pieces)
    at_once, other_end = _all_messages([stream])
    assert found == at_once, "what is read depends on how the reads fall"
    assert whole_end == other_end
    return taken


def _all_messages(pieces: list[bytes]) -> tuple[list[Message], str]:
    messages = Messages()
    found: list[Message] = []
    try:
        for piece in pieces:
            messages.feed(piece)
            while (one := messages.take()) is not None:
                found.append(one)
    except MalformedError as error:
        return found, type(error).__name__
    rest = messages.rest()
    assert len(rest) <= max(MAX_HEAD + MAX_BODY, 4 + 0xFFFF)
    return found, f"{len(rest)} bytes held, {sorted(messages.oddities)}"


_REQUEST = re.compile(rb"[A-Z_]+ \S+ RTSP/1\.0")
_ANSWER = re.compile(rb"RTSP/1\.0 [0-9]{3} [A-Za-z ]+")
_OURS = frozenset(
    b"CSeq User-Agent Authorization Session Accept Transport Range Public Unsupported".split()
)


def handshake(data: bytes) -> bool:
    """A camera's side of a whole connection.

    Options: bit 0 has Content-Length put right, bit 1 gives credentials, bit 2 wants audio,
    bit 3 refuses some oddities, bits 4 to 7 the pieces in which it comes.
    """
    options = data[0] if data else 0
    stream = _mended(data[1:]) if options & 1 else data[1:].replace(corpus.MESSAGE_END, b"")
    login = f"admin:{PASSWORD}@" if options & 2 else ""
    strict = (Oddity.WRONG_CSEQ, Oddity.NOISE) if options & 8 else ()
    where = address.parse(f"rtsp://{login}10.0.0.8/live?x=1")
    credentials = Credentials(where.user, where.password, make_cnonce=lambda: "c" * 32)
    step = (1 + (options >> 4)) * 97
    session: Session | None = None

    def fresh(there: address.Address) -> Handshake:
        made = Handshake(
            there, audio=bool(options & 4), peer="10.0.0.9", strict=strict, credentials=credentials
        )
        _sent(made.begin())
        return made

    try:
        shake = fresh(where)
        messages = Messages()
        for at in range(0, len(stream), step):
            messages.feed(stream[at : at + step])
            while (one := messages.take()) is not None:
                if session is None:
                    shake.note(messages.oddities)
                    outcome = shake.receive(one)
                    if isinstance(outcome, bytes):
                        _sent(outcome)
                    elif isinstance(outcome, address.Address):
                        assert outcome.host in ("10.0.0.8", "10.0.0.9")
                        shake = fresh(outcome)
                    elif outcome is not None:
                        session = outcome
                        _sent(session.play())
                        assert 2.5 <= session.keep_alive_s <= 1800
                        channels = [c for d in session.deliveries for c in (d.rtp, d.rtcp)]
                        assert len(set(channels)) == len(channels)
                        assert all(0 <= channel <= 255 for channel in channels)
                        for delivery in session.deliveries:
                            _use(delivery.format)
                else:
                    _sent(session.receive(one) or b"")
                    _sent(session.keep_alive())
        if session is not None:
            _sent(session.teardown())
            assert sorted(set(session.oddities)) == list(session.oddities)
    except (MalformedError, RunEnded) as error:
        silent(error)
        return False
    return session is not None


def _mended(script: bytes) -> bytes:
    """The messages of a script with the Content-Length that they have."""
    made = []
    for one in script.split(corpus.MESSAGE_END)[:64]:
        head, blank, body = one.partition(b"\r\n\r\n")
        if body:
            head = re.sub(rb"(?i)\r\ncontent-length:[^\r\n]*", b"", head)
            head += b"\r\nContent-Length: %d" % len(body)
        made.append(head + blank + body)
    return b"".join(made)


def _sent(sent: bytes) -> None:
    """What goes to a camera: whole messages of ours, no line in them that it wrote."""
    if not sent:
        return
    assert PASSWORD.encode() not in sent
    head, end, body = sent.partition(b"\r\n\r\n")
    assert end, sent
    assert not body, sent
    first, *lines = head.split(b"\r\n")
    assert _REQUEST.fullmatch(first) or _ANSWER.fullmatch(first), first
    for line in lines:
        name, colon, value = line.partition(b": ")
        assert colon, line
        assert name in _OURS, line
        assert not re.search(rb"[\r\n\0]", value), line


def _use(format_: sdp.Format) -> None:
    """What `edge.source` does with a format that was chosen."""
    if format_.codec is not None:
        sets, _ = sdp.parameter_sets(format_)
        if sets.complete:
            with contextlib.suppress(MalformedError):
                use_sets(sets)
    sound = sdp.audio_format(format_)
    if sound is not None:
        assert sound[0].codec_string.startswith("mp4a.40.")
        assert sound[0].sample_rate > 0


def description(data: bytes) -> bool:
    """A session description."""
    try:
        described = sdp.parse(data[1:])
    except MalformedError as error:
        silent(error)
        return False
    assert 0 < len(described.media) <= sdp.MAX_MEDIA
    for media in described.media:
        assert len(media.formats) <= sdp.MAX_FORMATS
        for format_ in media.formats:
            assert 0 <= format_.payload_type <= 127
            _use(format_)
    with contextlib.suppress(RunEnded):
        pick_video(described)
    pick_audio(described)
    return True


def url(data: bytes) -> bool:
    """A camera's URL as people paste it, and as cameras send it."""
    lines = data[1:].decode("utf-8", "surrogateescape").split("\n")
    given = Secret(lines[2]) if len(lines) > 2 else None
    taken = False
    try:
        there = address.parse(lines[0], lines[1] if len(lines) > 1 else "", given)
        taken = True
    except MalformedError as error:
        assert len(error.message) < 300
    else:
        assert re.fullmatch(r"[\x21-\x7e]+", there.uri), there.uri
        assert 0 < there.port < 65536
        secret = there.password.reveal()
        if len(secret) >= 8 and not any(secret in t for t in (there.uri, there.user)):
            assert secret not in str(there) + repr(there).replace("password=", "")
        again = address.by_the_book(there.uri) if len(there.uri) <= address.MAX_URL else there
        assert (again.host, again.port, again.path) == (there.host, there.port, there.path)
    try:
        address.by_the_book(lines[0])
    except MalformedError:
        return taken
    return True


def challenge(data: bytes) -> bool:
    """Answers of 401, one after another. Option: bit 0 has one request accepted between."""
    options, text = (data[0] if data else 0), data[1:].decode("utf-8", "surrogateescape")
    credentials = Credentials("admin", Secret(PASSWORD), make_cnonce=lambda: "c" * 32)
    answers = [answer.splitlines() for answer in text.split("\n\n")][:20]
    tried = 0
    try:
        for number, lines in enumerate(answers):
            values = ["".join(c for c in line if c >= " ") for line in lines]
            assert len(parse_challenges(values)) <= 8
            credentials.challenged(values)
            header = credentials.header("DESCRIBE", "rtsp://10.0.0.8/live")
            assert header is not None
            assert not re.search(r"[\r\n\0]", header)
            assert PASSWORD not in header
            tried += 1
            if options & 1 and number == 1:
                credentials.accepted()
    except RunEnded as error:
        silent(error)
    assert tried <= 5, "a wrong password is tried too often"
    return tried > 0
