"""Every place where bytes from outside are read, as one function of bytes each.

An entry takes what might have come from a camera, a disk, the bus or a browser, reads it the way
the program does, and says whether it was taken (True) or refused by a documented error (False).
Whatever else comes out of it is a finding: another exception, or an assertion here about what the
parsers promise (a bound, an order, that a file reads back as it was scanned, that no request to a
camera carries a line that the camera wrote).
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import fuzz_bus as bus
import fuzz_corpus as corpus
import fuzz_mutation as mutation
import fuzz_pictures as pictures
import fuzz_rtsp as rtsp

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz_mutation import Mutation


@dataclass(frozen=True)
class Entry:
    """A parser under fire."""

    name: str
    take: Callable[[bytes], bool]
    """Reads one case; True if it was taken, False if a documented error refused it."""
    seeds: tuple[bytes, ...]
    mutate: Mutation
    words: tuple[bytes, ...]
    share: int
    """How many cases of a run it gets, beside the others."""

    def case(self, seed: int, number: int) -> bytes:
        """The case of that number: first the seeds as they are, then changed ones."""
        if number < len(self.seeds):
            return self.seeds[number]
        rng = random.Random(f"{seed}/{self.name}/{number}")
        return self.mutate(rng, rng.choice(self.seeds), self.seeds, self.words)


_HEADERS = (
    b"CSeq: 1\r\n",
    b"Content-Length: 7\r\n",
    b"Content-Base: rtsp://10.0.0.8/x/\r\n",
    b"Session: a;timeout=0\r\n",
    b"Transport: RTP/AVP/TCP;interleaved=255-256",
    b"interleaved=7",
    b'WWW-Authenticate: Digest realm="a", nonce="b"\r\n',
    b"Location: /x\r\n",
    b"stale=true",
    b"RTSP/1.0 200 OK\r\n",
    b"RTSP/1.0 401 x\r\n",
    b"RTSP/1.0 404 x\r\n",
    b"RTSP/1.0 100 x\r\n",
    b"\x1e",
    b"\r\n\r\n",
    b"OPTIONS * RTSP/1.0\r\n",
    b"$\0\0\4abcd",
    b"Require: a\r\n",
    b"a=control:",
)
_SDP = (
    b"a=control:*",
    b"a=control:rtsp://u:p@h/",
    b"a=rtpmap:96 H264/90000",
    b"a=fmtp:96 ",
    b"m=video",
    b"sprop-parameter-sets=",
    b"sprop-vps=",
    b"sprop-sps=",
    b"sprop-pps=",
    b"packetization-mode=2",
    b"MPEG4-GENERIC/16000/1",
    b"config=",
    b"mode=AAC-hbr",
    b"a=framerate=",
    b"a=recvonly",
    b"m=audio",
    b"0 RTP/AVP 96",
    b"HEVC",
    b"H265",
    b"a=inactive",
    b"sizelength=6",
    b",",
    b"AAAAAQ==",
    b"v=0",
)
_NALS = (
    b"\0\0\1",
    b"\0\0\0\1",
    b"\0\0\3",
    b"\x67",
    b"\x68",
    b"\x42\1",
    b"\x44\1",
    b"\x40\1",
    b"\x7c\x85",
    b"\x7c\x45",
    b"\x62\1\x93",
    b"\x62\1\x53",
    b"\x78\0\2\x65\x88",
    b"\x60\1\0\3\x26\1\xaf",
    b"\x09\xf0",
    b"$\0\0\0",
    b"$\1\0\0",
    b"RTSP/1.0 200 OK\r\n\r\n",
    b"\x06\x06\1\x80\x80",
    b"\x46\1\x10",
)
_JSON = (
    b"null",
    b"true",
    b"-1",
    b"1e400",
    b'""',
    b'"\\ud800"',
    b"[]",
    b"{}",
    b"[" * 300,
    b'{"a":' * 300,
    b'"kind":"page"',
    b'"v":2',
    b'"camera":"*"',
    b'"camera":"-"',
    b'"stream":"main"',
    b'"at":"1"',
    b"9223372036854775808",
    b"18446744073709551616",
    b"1.0",
    b'"\xff"',
    b'"\\u0000"',
    b',"x":1',
)
_XML = (
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"&lt;",
    b"&b;",
    b"<![CDATA[x]]>",
    b"<?xml version='1.1'?>",
    b"<Uri>rtsp://10.0.0.9:1/</Uri>",
    b"<Profiles token='&quot;'>",
    b"<a>" * 200,
    b"<Fault>",
    b"<Year>0</Year>",
    b"<Month>13</Month>",
    b"http://[::1",
    b"http://10.0.0.9/",
    b"&#0;",
    b"&#x10FFFF;",
    b"xmlns:a='b'",
    b"encoding='utf-16'",
    b"https://10.0.0.8:0/",
    b"<XAddr>//x:99999999</XAddr>",
)
_TOML = (
    b"[[cameras]]\n",
    b"[site]\n",
    b"name = ",
    b"= 1979-05-27",
    b"'''",
    b'"""',
    b"[" * 100,
    b"{a=" * 100,
    b"inf",
    b"nan",
    b"0x10",
    b"1_0",
    b"\\ud800",
    b"\\UFFFFFFFF",
    b"url = 'rtsp://'",
    b"a.b.c = 1\n",
)


@functools.cache
def entries() -> dict[str, Entry]:
    """Every entry, by name; the seeds are made at the first call."""
    made = [
        Entry("message", rtsp.message, tuple(corpus.messages()), mutation.text, _HEADERS, 90),
        Entry(
            "handshake",
            rtsp.handshake,
            tuple(corpus.handshakes()),
            mutation.text,
            _HEADERS + _SDP,
            120,
        ),
        Entry(
            "description", rtsp.description, tuple(corpus.descriptions()), mutation.text, _SDP, 110
        ),
        Entry(
            "url",
            rtsp.url,
            tuple(corpus.addresses()),
            mutation.text,
            (b"@", b"rtsp://", b"[::1]"),
            70,
        ),
        Entry(
            "challenge",
            rtsp.challenge,
            tuple(corpus.challenges()),
            mutation.text,
            (b"\n\n", b"Digest ", b"Basic ", b"stale=true", b"qop=auth", b"nonce=q"),
            60,
        ),
        Entry(
            "connection",
            pictures.connection,
            tuple(corpus.connections()),
            mutation.frames,
            _NALS,
            150,
        ),
        Entry("nals", pictures.nals, tuple(corpus.nal_units()), mutation.blind, _NALS, 120),
        Entry("timeline", pictures.timeline, tuple(corpus.timelines()), mutation.blind, (), 40),
        Entry("life", pictures.life, tuple(corpus.lives()), mutation.frames, _NALS, 40),
        Entry("segment", pictures.segment, tuple(corpus.segments()), mutation.boxes, (), 90),
        Entry("recording", pictures.recording, tuple(corpus.recordings()), mutation.boxes, (), 30),
        Entry("fact", bus.fact, tuple(corpus.payloads()), mutation.text, _JSON, 30),
        Entry("envelope", bus.envelope, tuple(corpus.envelopes()), mutation.blind, _JSON, 20),
        Entry("question", bus.question, tuple(corpus.questions()), mutation.text, _JSON, 30),
        Entry(
            "head", bus.head, tuple(corpus.heads()), mutation.text, (b".", b">", b"*", b": "), 20
        ),
        Entry("answer", bus.answer, tuple(corpus.chunked()), mutation.blind, (b"\0\0\0\1",), 15),
        Entry("token", bus.token, tuple(corpus.tokens()), mutation.text, (b".", b"=", b"e30"), 15),
        Entry("journal", bus.journal_file, tuple(corpus.journals()), mutation.blind, (), 10),
        Entry(
            "request", bus.request, tuple(corpus.requests()), mutation.text, (b"bytes=", b"Z"), 15
        ),
        Entry("match", bus.match, tuple(corpus.discoveries()), mutation.text, _XML, 20),
        Entry("device", bus.device, tuple(corpus.devices()), mutation.text, _XML, 20),
        Entry(
            "configuration",
            bus.configuration,
            tuple(corpus.configurations()),
            mutation.text,
            _TOML,
            10,
        ),
    ]
    return {entry.name: entry for entry in made}
