"""What comes by the bus, from a browser, from ONVIF devices and from files of this machine."""

from __future__ import annotations

import contextlib
import functools
import re
import tempfile
import zlib
from pathlib import Path

import fuzz_corpus as corpus
import msgspec
from fuzz_pictures import PASSWORD, silent

from vonggac import clock, config, keys, wire
from vonggac.config import Secret
from vonggac.edge import discover, journal, onvif
from vonggac.errors import ConfigError, MalformedError, VonggacError
from vonggac.web import ranges


def journal_file(data: bytes) -> bool:
    """A journal. Option: bit 0 has its checksums put right."""
    content = data[1:]
    if data[:1] and data[0] & 1:
        made, at = bytearray(content), 0
        while at + 8 <= len(made):
            size = int.from_bytes(made[at : at + 4], "big")
            if at + 8 + size > len(made):
                break
            made[at + 4 : at + 8] = zlib.crc32(made[at + 8 : at + 8 + size]).to_bytes(4, "big")
            at += 8 + size
        content = bytes(made)
    folder = _folder()
    journal.journal_path(folder, 7).write_bytes(content)
    envelopes, offset = journal.read(folder, epoch=7, sequence=0, limit=100)
    assert offset <= len(content)
    known = list(journal.facts(folder))
    assert len(known) <= len(content) // 8
    journal.Places(folder).after((6, 3), 10)
    return bool(envelopes)


@functools.cache
def _folder() -> Path:
    """One folder a process, in memory where there is such a place; gone with the process."""
    beside = "/dev/shm" if Path("/dev/shm").is_dir() else None
    holder = tempfile.TemporaryDirectory(prefix="vonggac-fuzz-", dir=beside)
    _kept.append(holder)
    return Path(holder.name)


_kept: list[object] = []


def configuration(data: bytes) -> bool:
    """A configuration file."""
    path = _folder() / "config.toml"
    path.write_bytes(data[1:])
    try:
        config.load(path)
    except ConfigError:
        return False
    return True


def fact(data: bytes) -> bool:
    """The payload of an envelope, a page, an order."""
    payload = data[1:]
    taken = False
    with contextlib.suppress(MalformedError):
        read = wire.decode_fact(payload)
        assert wire.decode_fact(wire.encode_fact(read)) == read
        assert re.fullmatch(r"[a-z_]{1,32}", wire.fact_kind(read))
        assert re.fullmatch(r"[a-z0-9-]{1,63}", read.about), read.about
        taken = True
        if isinstance(read, wire.PageClosed):
            wire.decode_page(read.page)
    with contextlib.suppress(MalformedError):
        page = wire.decode_page(payload)
        assert wire.decode_page(wire.encode_page(page)) == page
        taken = True
    with contextlib.suppress(*wire.UNREADABLE):  # as `edge.answers` catches it
        msgspec.json.decode(payload, type=wire.WantedCameras)
        taken = True
    return taken


def envelope(data: bytes) -> bool:
    """A message of a ledger, and its signature."""
    try:
        read = wire.decode_envelope(data[1:])
        assert wire.decode_envelope(wire.encode_envelope(read)) == read
        keys.verify_envelope(read, corpus.SITE_KEY.public)
        wire.decode_fact(read.payload)
    except VonggacError:
        return False
    signed = {(seed.site, seed.epoch, seed.sequence, seed.payload) for seed in _signed()}
    assert (read.site, read.epoch, read.sequence, read.payload) in signed, "a forged fact"
    return True


@functools.cache
def _signed() -> tuple[wire.Envelope, ...]:
    return tuple(wire.decode_envelope(seed[1:]) for seed in corpus.envelopes())


_VERBS = tuple(wire.ASKS)


def question(data: bytes) -> bool:
    """The body of a question. Option: its verb."""
    verb = _VERBS[data[0] % len(_VERBS)] if data else _VERBS[0]
    try:
        ask = wire.decode_ask(data[1:], wire.ASKS[verb])
    except VonggacError as error:
        assert len(error.message) < 1000
        return False
    assert type(ask) is wire.ASKS[verb]
    for name in ("at", "from_", "to"):
        value = getattr(ask, name, None)
        assert value is None or 0 <= wire.ns(value) < 10**19
    return True


def head(data: bytes) -> bool:
    """Headers of a live part, and subjects."""
    lines = data[1:].decode("utf-8", "surrogateescape").split("\n")
    taken = False
    with contextlib.suppress(MalformedError):
        part = wire.part_head(dict(line.partition(": ")[::2] for line in lines if ": " in line))
        assert wire.part_head(part.headers()) == part
        taken = True
    for line in lines[:20]:
        with contextlib.suppress(MalformedError):
            subject = wire.parse_subject(line)
            assert str(subject) == line
            assert re.fullmatch(r"[a-z0-9_.-]+", line), "a subject with a wildcard or a space"
            taken = True
    return taken


def answer(data: bytes) -> bool:
    """Chunks of an answer put together again. Option: bytes of a chunk."""
    step, stream = (data[0] if data else 0) + 1, data[1:]
    step = max(step, len(stream) // 64)
    reader = wire.FrameReader(limit=4096)
    done = 0
    try:
        for at in range(0, len(stream), step):
            for whole in reader.feed(stream[at : at + step]):
                done += 4 + len(whole)
    except MalformedError:
        return False
    assert done + reader.unfinished == len(stream)
    assert b"".join(wire.chunks([stream])) == stream
    return done > 0


def token(data: bytes) -> bool:
    """A grant. Whatever is not signed by the hub is refused."""
    try:
        verified = keys.verify(
            data[1:].decode("utf-8", "surrogateescape"),
            key=corpus.HUB_KEY.public, hub=corpus.HUB, site=corpus.SITE, now_s=corpus.NOW_S + 5,
        )  # fmt: skip
    except VonggacError as error:
        silent(error)
        return False
    assert verified.grant in corpus.grants(), "a forged grant"
    return True


def request(data: bytes) -> bool:
    """A Range header, a moment in a query, an If-None-Match."""
    taken = False
    for line in data[1:].decode("latin-1").split("\n")[:20]:
        found = ranges.parse_range(line, 1000)
        if isinstance(found, ranges.Span):
            assert 0 <= found.start < found.end <= 1000
            taken = True
        ranges.if_none_match({"if-none-match": line}, '"x"')
        ranges.if_range_holds({"if-range": line}, '"x"')
        with contextlib.suppress(ValueError, OverflowError):
            clock.parse_rfc3339(line)
            taken = True
    return taken


def match(data: bytes) -> bool:
    """An answer to WS-Discovery."""
    try:
        found = discover.read_match(data[1:], "10.0.0.8")
    except MalformedError as error:
        silent(error)
        return False
    if found is None:
        return False
    assert len(found.urls) <= 8
    for there in found.urls:
        assert re.match(r"https?://10\.0\.0\.8(?=[:/?]|$)", there), there
    assert len(found.name) <= 80
    return True


class _Scripted(onvif._Conversation):
    """A conversation whose device answers from a list: a million sockets would say no more.

    Everything else, from the questions to the reading of the answers, is the product's.
    """

    def __init__(self, answers: list[bytes], password: Secret | None) -> None:
        super().__init__(
            None,  # type: ignore[arg-type]  # never touched: `_post` is the only user
            "http://10.0.0.8/onvif/device_service", clock.SimulatedClock(corpus.DAY_NS), "admin",
            password,
        )  # fmt: skip
        self._answers = answers

    async def _post(
        self, url: str, envelope: bytes, headers: dict[str, str]
    ) -> tuple[int, list[str], bytes]:
        assert re.match(r"http://10\.0\.0\.8(?=[:/]|$)|https://10\.0\.0\.8", url), url
        assert PASSWORD.encode() not in envelope
        onvif.read_xml(envelope)  # what we ask is XML whatever the device has called its profiles
        for value in headers.values():
            assert PASSWORD not in value
            assert not re.search(r"[\r\n\0]", value)
        if not self._answers:
            return 500, [], b""
        return 200, [], self._answers.pop(0)


def device(data: bytes) -> bool:
    """A device's answers, in the order of the questions. Option: bit 0 gives credentials."""
    answers = data[1:].split(corpus.MESSAGE_END)[:40]
    talk = _Scripted(answers, Secret(PASSWORD) if data[:1] and data[0] & 1 else None)

    async def inspect() -> int:
        found = 0
        await talk.clock_error_ns()
        who = await talk.identity(onvif.Device(url="http://10.0.0.8/"))
        assert all(len(text) <= onvif.MAX_TEXT for text in (who.manufacturer, who.model))
        async for profile in talk.profiles(await talk.media_url()):
            assert not profile.uri or profile.uri.startswith("rtsp://10.0.0.8")
            assert "x@" not in profile.uri_as_given or "@" in profile.uri_as_given.partition("?")[2]
            found += 1
        assert found <= onvif.MAX_PROFILES
        return found

    asking = inspect()
    try:
        asking.send(None)
    except StopIteration as done:
        return bool(done.value)
    except VonggacError as error:
        silent(error)
        return False
    raise AssertionError("the conversation waits for something")
