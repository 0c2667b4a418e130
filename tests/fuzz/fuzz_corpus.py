"""What the fuzz runs start from: captures, the texts with known defects, and messages made here.

Every seed begins with a byte of options (how to split the reads, which codec, which verb); the
rest is what would have come from outside.  Nothing is encoded and nothing is random: the seeds
are the same bytes on every machine, so that a case is told by entry, seed and number.
"""

from __future__ import annotations

import base64
import struct
import zlib
from functools import lru_cache
from pathlib import Path

import msgspec

from vonggac import keys, wire
from vonggac.causes import Cause
from vonggac.config import Secret
from vonggac.media import fmp4
from vonggac.media.h26x import (
    AudioFormat,
    Codec,
    Nal,
    ParameterSets,
    VideoFormat,
    nal_class,
    split_annexb,
    video_format,
)

FIELD = Path(__file__).parents[1] / "field"
CRLF = b"\r\n"
MESSAGE_END = b"\x1e"
"""Stands between the messages of a handshake's seed: lengths are mended for each of them."""

HUB, SITE, GRANT = "a" * 26, "b" * 26, "c" * 26
NOW_S = 1_800_000_000
DAY_NS = 1_785_542_400_000_000_000
HUB_KEY = keys.SigningKey(Secret(base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")))
SITE_KEY = keys.SigningKey(Secret(base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")))
RUN = "0123456789abcdef" * 2


def _with_options(seeds: list[bytes], options: tuple[int, ...] = (0,)) -> list[bytes]:
    return [bytes([option]) + seed for option in options for seed in seeds]


# --- text ------------------------------------------------------------------------------------


def descriptions() -> list[bytes]:
    """Session descriptions with the defects of the field, and one of everything that is read."""
    files = sorted((FIELD / "rtsp").glob("*.sdp"))
    return _with_options([path.read_bytes() for path in files] + [_RECORDER])


_RECORDER = (
    b"v=0\r\ns=Rec\r\na=framerate:29.97\r\na=control:rtsp://10.0.0.8/all/?u=1\r\n"
    b"m=video 0 RTP/AVP 96 97 26\r\na=rtpmap:96 H265/90000\r\na=rtpmap:97 H264/90000\r\n"
    b"a=fmtp:96 sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwBdlZQJ;sprop-max-don-diff=1\r\n"
    b"a=fmtp:97 packetization-mode=2; sprop-parameter-sets=AAAAAWdCwCjaAeAIn5YQAAADABAAAAMDIPGDKg"
    b',"aM4PyA"\r\na=control:?track=1\r\na=x-framerate: 30000/1001\r\na=inactive\r\n'
    b"m=audio 0 RTP/AVP 97 0 8\r\na=rtpmap:97 mpeg4-generic/48000/2\r\n"
    b"a=fmtp:97 mode=AAC-hbr; SizeLength=13; IndexLength=3; IndexDeltaLength=3; "
    b"config=F980002E80\r\n"
    b"a=control:/audio\r\na=sendonly\r\n"
    b"m=audio 0 RTP/AVP 98\r\na=rtpmap:98 MPEG4-GENERIC/44100/1\r\na=control:track=3\r\n"
    b"m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"
    b"m=video\r\nm=\r\n"
)


def messages() -> list[bytes]:
    """Single answers and questions, and connections full of them."""
    files = sorted((FIELD / "rtsp").glob("*.rtsp"))
    made = [path.read_bytes() for path in files]
    made += [script.replace(MESSAGE_END, b"") for script in _SCRIPTS]
    made += [
        b"\r\n$\0\0\4abcd$\1\0\0RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n\r\nRTSP/1.0 200 OK\r\n"
        b"CSeq: 2\r\nContent-Length: 3\r\n\r\n$ab$\0\0",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 7\r\nRequire: x\r\n\r\n",
        b"ANNOUNCE rtsp://10.0.0.8/live RTSP/1.0\nCSeq: 9\nContent-Length: 4\n\nv=0\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"RTSP/1.0 200\r\nX:\r\n folded\r\n\tmore\r\nno colon\r\n \r\n",
        b"rtsp/1.0 454  Session Not Found\r\ncontent-length : 0002\r\n\r\nab",
    ]
    return _with_options(made, (0, 6, 255))


def _answer(status: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    length = [b"Content-Length: %d" % len(body)] if body else []
    return CRLF.join([b"RTSP/1.0 " + status, *headers, *length, b"", b""]) + body


_OPTIONS = _answer(b"200 OK", b"CSeq: 1", b"Public: OPTIONS, DESCRIBE, GET_PARAMETER", b"Server: C")
_DIGEST = b'WWW-Authenticate: Digest realm="R\\"x", nonce="%s", algorithm=%s, qop="auth,auth-int"'
_BASIC = b'WWW-Authenticate: Basic realm="R"'
_SETUP = (b"Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d;ssrc=1", b"Session: 12AB;timeout=30")


def _described(number: int, name: str, *headers: bytes) -> bytes:
    body = (FIELD / "rtsp" / name).read_bytes()
    first = b"CSeq: %d" % number
    return _answer(b"200 OK", first, b"Content-Type: application/sdp", *headers, body=body)


def _set_up(number: int, first: int) -> bytes:
    transport, session = _SETUP
    return _answer(b"200 OK", b"CSeq: %d" % number, transport % (first, first + 1), session)


_SCRIPTS = [
    MESSAGE_END.join(script)
    for script in (
        [
            _OPTIONS,
            _described(2, "plain.sdp", b"Content-Base: rtsp://10.0.0.8:554/live/"),
            _set_up(3, 0),
            _set_up(4, 2),
            _answer(b"200 OK", b"CSeq: 5", b"RTP-Info: url=x;seq=1"),
            _answer(b"451 Invalid Parameter", b"CSeq: 6"),
            _answer(b"200 OK", b"CSeq: 7"),
            _answer(b"454 Session Not Found", b"CSeq: 8"),
        ],
        [
            _answer(b"401 No", b"CSeq: 1", _DIGEST % (b"n", b"MD5"), _DIGEST % (b"n2", b"SHA-256")),
            _answer(b"401 No", b"CSeq: 2", _DIGEST % (b"n3", b"MD5"), _BASIC),
            _OPTIONS.replace(b"CSeq: 1", b"CSeq: 3"),
            _described(4, "h265_three_sprops.sdp", b"Content-Location: /main/"),
            _answer(b"401 No", b"CSeq: 5", (_DIGEST % (b"n4", b"MD5-sess")) + b", stale=true"),
            _set_up(6, 4),
            _answer(b"401 No", b"CSeq: 7", _DIGEST % (b"n5", b"MD5")),
            _answer(b"200 OK", b"CSeq: 8"),
        ],
        [
            _answer(b"401 No", b"CSeq: 1", b'WWW-Authenticate: Basic realm="R"'),
            _answer(b"405 Not Allowed", b"CSeq: 2"),
            _answer(b"302 Moved", b"CSeq: 3", b"Location: rtsp://10.0.0.8:8554/else"),
            _answer(b"100 Continue", b"CSeq: 1"),
            _answer(b"200 OK"),
            _described(2, "control_private_address.sdp"),
            _answer(b"404 Not Found", b"CSeq: 3"),
            _answer(b"200 OK", b"CSeq: 4", b"Session: ;timeout=x"),
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 2\r\nRequire: method.x\r\n\r\n",
            b"REDIRECT rtsp://10.0.0.8/live RTSP/1.0\r\nLocation: rtsp://10.0.0.9/live\r\n\r\n",
        ],
        [
            _OPTIONS,
            _described(2, "two_videos_first_jpeg.sdp"),
            _answer(b"200 OK", b"CSeq: 3", b"Transport: RTP/AVP;unicast;client_port=1-2"),
        ],
        [_OPTIONS, _described(2, "audio_back_channel.sdp"), _set_up(3, 0), _set_up(4, 0)],
        [_OPTIONS, _described(2, "aac_config_missing.sdp"), _set_up(3, 0),
         _answer(b"461 Unsupported transport", b"CSeq: 4"),
         b"TEARDOWN rtsp://10.0.0.8/live RTSP/1.0\r\nCSeq: 1\r\n\r\n"],
        [_OPTIONS, _answer(b"403 Forbidden", b"CSeq: 2")],
        [_OPTIONS, _answer(b"302 Moved", b"Location: rtsp://elsewhere/"),],
        [_OPTIONS, _answer(b"301 Moved")],
        [_OPTIONS, _described(2, "plain.sdp"), _answer(b"461 Unsupported", b"CSeq: 3")],
        [_OPTIONS, _described(2, "plain.sdp"), _set_up(3, 0), _set_up(4, 2),
         _answer(b"503 Busy", b"CSeq: 5")],
    )
]  # fmt: skip


def handshakes() -> list[bytes]:
    """Whole conversations of cameras, with credentials and without, strict and forgiving."""
    return _with_options(_SCRIPTS, (1, 3, 5, 13))


def addresses() -> list[bytes]:
    """URLs as people paste them, in UTF-8; a second line is user and password given apart."""
    return _with_options(
        [
            b"rtsp://10.0.0.8/live",
            b"rtsp://admin:a@b:/ #%?c@10.0.0.8:554/Streaming/Channels/101?transportmode=unicast",
            b"rtsp://admin:p%40ss@cam.example.vn:8554/cam/realmonitor?channel=1&subtype=0#t",
            b"rtsps://[fe80::1%25eth0]:322/h264",
            b"RTSP://u@[::1]/\nuser\npassword",
            "rtsp://quản trị:mật khẩu@cổng-1.local./đường/hình".encode(),
            b"rtsp://u:x@10.0.0.1/y@10.0.0.2:99999/z",
            b"rtspu://a:b@c:d@e/f?g@h#i@j",
            b"rtsp://\xff\xfe:\xed\xa0\x80@host/\xc3\x28",
        ]
    )


def challenges() -> list[bytes]:
    """Lines of WWW-Authenticate; an empty line ends one answer of 401."""
    stale = (_DIGEST % (b"m", b"MD5")).partition(b": ")[2] + b", stale=TRUE, opaque=abc"
    digest = (_DIGEST % (b"n", b"SHA-256-sess")).partition(b": ")[2]
    return _with_options(
        [
            b"\n\n".join([digest, stale, b'Basic realm="x", Digest realm=y,nonce=z']),
            b'Negotiate, NTLM, Digest realm="a\\"b\\\\", nonce="n", qop="auth-int"\n' + digest,
            b'Basic realm="\xc9\xe3\xcf\xf1"\n\nBasic',
            b'Digest realm="R", nonce="n", algorithm=SHA-512-256\nDigest realm="R",nonce="n"\n\n'
            b'Digest realm="R", nonce="n", algorithm=MD5-sess, qop=auth\n\nDigest nonce=""',
        ],
        (0, 1),
    )


def configurations() -> list[bytes]:
    """TOML with every kind of field."""
    return _with_options(
        [
            b'data_dir = "/srv/vg"\n[site]\nname = "ktx-a"\ntitle = "Khu A"\nowner_line = "civil"\n'
            b'[[cameras]]\nname = "hl-1"\ntitle = "Hanh lang"\nzone = "HL"\nuser = "admin"\n'
            b'password = { env = "P" }\nmain = { url = "rtsp://10.0.0.8/1", audio = false }\n'
            b'[cameras.sub]\nurl = "rtsp://10.0.0.8/2"\nsource = "libav"\nrecord = true\n'
            b'[[cameras]]\nname = "cg-1"\nretention_days = 7\nmain = { url = "rtsp://10.0.0.9" }\n'
            b"[record]\nsegment_s = 60\nflush_s = 0.3\n[retention]\ndays = 21\nmax_bytes = 1e12\n"
            b'[web]\nhost = "127.0.0.1"\nport = 8080\n[bus]\nport = 0\n',
            b'data_dir = """\nx"""\ndatabase_url = "sqlite://"\ncameras = []\nsite.name = \'s\'\n',
        ]
    )


def discoveries() -> list[bytes]:
    """Answers to WS-Discovery."""
    head = (
        b'<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
        b'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Body><d:ProbeMatches>'
        b"<d:ProbeMatch>"
    )
    tail = b"</d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
    inside = (
        b"<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/name/Cam%20A"
        b" onvif://www.onvif.org/hardware/X onvif://www.onvif.org/location/vi%E1%BB%87t</d:Scopes>"
        b"<d:XAddrs>http://10.0.0.8/onvif/device_service http://[fe80::1]:80/x https://e/y</d:XAddrs>"
    )
    return _with_options([head + inside + tail, b"\xef\xbb\xbf" + head + tail, b"<a/>"])


def devices() -> list[bytes]:
    """What an ONVIF device answers, question by question; `MESSAGE_END` between."""

    def soap(inside: bytes) -> bytes:
        space = b'xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/'
        return b'<s:Envelope %sver10/schema"><s:Body>%s</s:Body></s:Envelope>' % (space, inside)

    clock = soap(
        b"<GetSystemDateAndTimeResponse><UTCDateTime><Time><Hour>7</Hour><Minute>8</Minute>"
        b"<Second>9</Second></Time><Date><Year>2026</Year><Month>8</Month><Day>1</Day></Date>"
        b"</UTCDateTime></GetSystemDateAndTimeResponse>"
    )
    who = soap(
        b"<R><Manufacturer>HIKVISION</Manufacturer><Model>M</Model><FirmwareVersion>V5</"
        b"FirmwareVersion><SerialNumber>S1</SerialNumber></R>"
    )
    where = soap(b"<R><Media><XAddr>http://192.168.1.64:80/onvif/Media</XAddr></Media></R>")
    profiles = soap(
        b'<R><Profiles token="p&amp;1"><Name>main</Name><VideoSourceConfiguration><SourceToken>v</'
        b"SourceToken></VideoSourceConfiguration><VideoEncoderConfiguration><Encoding>H264</"
        b"Encoding><Width>1920</Width><Height>1080</Height><FrameRateLimit>25</FrameRateLimit>"
        b"<BitrateLimit>4096</BitrateLimit></VideoEncoderConfiguration></Profiles><Profiles/></R>"
    )
    uri = soap(b"<R><Uri>rtsp://admin:x@192.168.1.64:554/Streaming?a=1&amp;b=2</Uri></R>")
    fault = soap(b"<s:Fault><s:Reason><s:Text>Sender not Authorized</s:Text></s:Reason></s:Fault>")
    return _with_options(
        [
            MESSAGE_END.join([clock, who, where, profiles, uri]),
            MESSAGE_END.join([fault, clock, who, fault]),
            MESSAGE_END.join([clock, b"<R/>", soap(b"<R/>"), profiles, b"none"]),
        ],
        (0, 1),
    )


# --- RTP -------------------------------------------------------------------------------------


def _packet(
    payload: bytes, number: int, stamp: int, *, marker: bool = False, kind: int = 96,
    flags: int = 0x80,
) -> bytes:  # fmt: skip
    second = kind | (0x80 if marker else 0)
    return struct.pack(">BBHII", flags, second, number & 0xFFFF, stamp & 0xFFFFFFFF, 7) + payload


def _framed(body: bytes, channel: int = 0) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(body)) + body


def connections() -> list[bytes]:
    """Stretches of the captures, and connections that use every kind of packet.

    Options: bit 0 H.265, bit 1 with parameter sets of the SDP, bits 2 to 7 how reads fall.
    """
    seeds = []
    for path in sorted((FIELD / "rtp").glob("*.bin")):
        frames = _frames_of(path.read_bytes())
        option = int("h265" in path.name)
        for begin in (0, len(frames) // 2):
            taken = b""
            for frame in frames[begin:]:
                taken += frame
                if len(taken) > 2500:
                    break
            seeds += [bytes([option | split]) + taken for split in (2, 40, 252)]
    seeds += [bytes([option]) + _everything(Codec.H264) for option in (2, 40)]
    seeds += [bytes([option | 1]) + _everything(Codec.H265) for option in (2, 40)]
    return seeds


def _frames_of(capture: bytes) -> list[bytes]:
    frames, at = [], 0
    while at < len(capture):
        following = at + 4 + int.from_bytes(capture[at + 2 : at + 4], "big")
        frames.append(capture[at:following])
        at = following
    return frames


def lives() -> list[bytes]:
    """Connections that are recorded, and floods: many pictures in no time by the camera's ticks."""
    seeds = [bytes([seed[0] & 1 | option]) + seed[1:] for seed in connections()[::3]
             for option in (0x60, 0xA8, 0xD6, 0xF2)]  # fmt: skip
    for step in (0, 1, 90, 3600, 90_000):
        flood = b"".join(
            _framed(_packet(_slice(n == 0), n, n * step, marker=True)) for n in range(1100)
        )
        seeds += [bytes([option]) + flood for option in (0xE0, 0xE4, 0x60 | 0x88)]
    sound = b"".join(
        _framed(_packet(b"\0\x10" + struct.pack(">H", 4 << 3) + b"aaaa", n, 1024 * n, kind=97), 2)
        for n in range(1100)
    )
    return [*seeds, b"\xe0" + sound]


def _slice(key: bool) -> bytes:
    return b"\x65\x88k" if key else b"\x41\x9ad"


def _everything(codec: Codec) -> bytes:
    """A short connection with every packet kind that is read, and some that are refused."""
    if codec is Codec.H264:
        key, more, delta = b"\x65\x88" + b"k" * 40, b"\x65\x44" + b"m" * 9, b"\x41\x9a" + b"d" * 9
        single = [b"\x09\xf0", b"\x06\x06\x01\x80\x80", b"\x0c\xff\xff", b"\x06\x05\x01\x00\x80"]
        aggregate, fu = b"\x78", [b"\x7c\x85", b"\x7c\x05", b"\x7c\x45"]
        refused = [b"\x79\0\0", b"\x7a\0", b"\x7d\x85", b"\x80xx"]
    else:
        key, more, delta = (
            b"\x26\1\xaf" + b"k" * 40,
            b"\x26\1\x4f" + b"m" * 9,
            b"\2\1\xd0" + b"d" * 9,
        )
        single = [b"\x46\1\x10", b"\x4e\1\6\1\x80\x80", b"\x4c\1\xff", b"\x4e\1\5\1\0\x80"]
        aggregate, fu = b"\x60\1", [b"\x62\1\x93", b"\x62\1\x13", b"\x62\1\x53"]
        refused = [b"\x64\1\0", b"\x82\1x"]
    sets = parameter_sets(codec)
    every = [*sets.vps, *sets.sps, *sets.pps]
    together = aggregate + b"".join(len(nal).to_bytes(2, "big") + nal for nal in every)
    sent, number, stamp = b"", 65_530, 0xFFFFE000
    for payloads in (
        [single[0], together, key, more],
        [single[1], fu[0] + b"a" * 30, *[fu[1] + b"b" * 30] * 3, fu[2] + b"c" * 7],
        [delta],
        [b"\0\0\0\1" + b"\0\0\0\1".join([*every, key])],
        [single[3], delta, delta, *single[2:3], *refused],
        [fu[1] + b"x" * 9, fu[2] + b"y" * 9, delta],
        [*every, key],
    ):
        for at, payload in enumerate(payloads):
            sent += _framed(_packet(payload, number, stamp, marker=at == len(payloads) - 1))
            number += 1
        stamp += 3600
    extended = b"\xbe\xde\0\1abcd" + delta + b"\0\0\0\4"
    sent += _framed(_packet(b"\0\0\0\1" + extended, number, stamp, flags=0xB1, marker=True))
    report = struct.pack(
        ">BBHIQIII", 0x80, 200, 6, 7, 0xEA000000_80000000, stamp & 0xFFFFFFFF, 1, 2
    )
    sent += _framed(report + struct.pack(">BBHI", 0x81, 203, 1, 7), 1) + _framed(b"junk", 9)
    sent += b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 2\r\n\r\nab\r\n"
    sent += b"OPTIONS rtsp://10.0.0.8/ RTSP/1.0\r\n\r\n"
    aac = b"\0\x20" + struct.pack(">HH", 5 << 3, 7 << 3) + b"a" * 12
    half = b"\0\x10" + struct.pack(">H", 20 << 3) + b"b" * 10
    for at, payload in enumerate((aac, half, half)):
        sent += _framed(_packet(payload, at, 1024 * at, marker=True, kind=97), 2)
    return sent + _framed(report, 3)


# --- parameter sets and NAL units ------------------------------------------------------------


@lru_cache(maxsize=4)
def parameter_sets(codec: Codec) -> ParameterSets:
    """Those of the encoder whose pictures are beside the captures."""
    kinds: dict[Nal, list[bytes]] = {Nal.VPS: [], Nal.SPS: [], Nal.PPS: []}
    for nal in split_annexb((FIELD / "rtp" / f"source.{codec}").read_bytes()):
        known = kinds.get(nal_class(codec, nal))
        if known is not None and nal not in known:
            known.append(nal)
    return ParameterSets(codec, *(tuple(kinds[kind]) for kind in (Nal.VPS, Nal.SPS, Nal.PPS)))


_OTHER_H264 = ParameterSets(
    Codec.H264,
    sps=(base64.b64decode("Z0LAKNoB4AiflhAAAAMAEAAAAwMg8YMq"),),
    pps=(base64.b64decode("aM4PyA=="),),
)
_OTHER_H265 = ParameterSets(
    Codec.H265,
    vps=(base64.b64decode("QAEMAf//AWAAAAMAkAAAAwAAAwBdlZQJ"),),
    sps=(base64.b64decode("QgEBAWAAAAMAkAAAAwAAAwBdoAKAgC0WWVlSkwuaAgAAAwACAAADADIQ"),),
    pps=(base64.b64decode("RAHAc8GJ"),),
)


class _Writer:
    """Bits and exp-Golomb codes, for parameter sets that no encoder at hand writes."""

    def __init__(self) -> None:
        self.bits = ""

    def u(self, width: int, *values: int) -> _Writer:
        for value in values:
            self.bits += f"{value:0{width}b}"
        return self

    def ue(self, *values: int) -> _Writer:
        for value in values:
            code = f"{value + 1:b}"
            self.bits += "0" * (len(code) - 1) + code
        return self

    def nal(self, head: bytes) -> bytes:
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        raw = int(bits, 2).to_bytes(len(bits) // 8, "big")
        escaped = bytearray()
        for byte in raw:
            if escaped[-2:] == b"\0\0" and byte <= 3:
                escaped.append(3)
            escaped.append(byte)
        return head + bytes(escaped)


def _rich_h264() -> bytes:
    """A High 4:4:4 SPS with scaling lists, order type 1, fields, cropping, VUI and both HRD."""
    w = _Writer().u(8, 244, 0, 40).ue(0, 3).u(1, 0).ue(0, 0).u(1, 0, 1)
    for index in range(12):
        w.u(1, int(index in (0, 6)))
        if index == 0:
            w.ue(*[0] * 16)  # se 0: the list goes on as it was
        if index == 6:
            w.ue(16)  # se -8: the default list
    w.ue(0, 1).u(1, 0).ue(1, 2, 2, 1, 2).ue(4).u(1, 0).ue(79, 21).u(1, 0, 1, 1, 1).ue(0, 0, 0, 2)
    w.u(1, 1, 1).u(8, 255).u(16, 4, 3).u(1, 1, 0, 1).u(3, 5).u(1, 0, 1).u(8, 1, 1, 1)
    w.u(1, 1).ue(0, 0).u(1, 1).u(32, 1, 50).u(1, 1)
    for _ in range(2):
        w.u(1, 1).ue(1).u(8, 0x11)
        for _ in range(2):
            w.ue(100, 100).u(1, 0)
        w.u(20, 0x5A5A5)
    return w.u(1, 0, 0, 1, 1).ue(0, 0, 9, 9, 1, 2).nal(b"\x67")


def _rich_h265() -> tuple[bytes, bytes]:
    """VPS and SPS with sub-layers, scaling lists, reference sets, long terms, VUI and timing."""
    level = _Writer().u(8, 0x61).u(32, 0x60000000).u(8, 0x90, 0, 0, 0, 0, 0, 93)
    level.u(2, 3, 1).u(2, *[0] * 6).u(8, *[1] * 12).u(8, 60)
    vps = _Writer().u(4, 0).u(2, 3).u(6, 0).u(3, 2).u(1, 1).u(16, 0xFFFF)
    vps.bits += level.bits
    vps.u(1, 1).ue(*[1, 0, 0] * 3).u(6, 1).ue(2).u(2, *[1] * 2).u(1, 1).u(32, 1001, 30_000)
    sps = _Writer().u(4, 0).u(3, 2).u(1, 1)
    sps.bits += level.bits
    sps.ue(0, 3).u(1, 0).ue(1288, 728).u(1, 1).ue(0, 4, 0, 4).ue(0, 0, 4).u(1, 1)
    sps.ue(*[4, 2, 0] * 3).ue(0, 3, 0, 3, 0, 0).u(1, 1, 1)
    for size in range(4):
        for index in range(2 if size == 3 else 6):
            sps.u(1, int(index == 0))
            if index:
                sps.ue(0)
            else:
                sps.ue(*[0] * (min(64, 1 << 4 + 2 * size) + (size > 1)))
    sps.u(1, 1, 0, 1).u(8, 0x77).ue(0, 1).u(1, 0)
    sps.ue(3).ue(1, 1).ue(0).u(1, 1).ue(0).u(1, 1).u(1, 1, 0).ue(0).u(1, 1).u(1, 0, 1).u(1, 1)
    sps.u(1, 0).ue(0, 0)
    sps.u(1, 1).ue(1).u(9, 5).u(1, 0, 1, 1)
    sps.u(1, 1).u(8, 16).u(1, 1, 0, 1).u(3, 5).u(1, 0, 0, 1).ue(0, 0).u(3, 0).u(1, 1)
    sps.ue(0, 0, 0, 0).u(1, 1).u(32, 1, 25).u(1, 0)
    return vps.nal(b"\x40\x01"), sps.nal(b"\x42\x01")


def nal_units() -> list[bytes]:
    """NAL units with 16-bit lengths. Options: bit 0 H.265."""
    rich_vps, rich_sps = _rich_h265()
    groups: list[tuple[int, list[bytes]]] = [
        (0, [*_OTHER_H264.sps, *_OTHER_H264.pps]),
        (0, [*parameter_sets(Codec.H264).sps, *parameter_sets(Codec.H264).pps]),
        (0, [bytes.fromhex("6764001eacd940b0127e4c0440000003004000000c83c58b6580"),
             bytes.fromhex("68ebe3cb22c0"), bytes.fromhex("67640032acd94080")]),
        (0, [_rich_h264(), _Writer().ue(0, 0).u(2, 0).nal(b"\x68")]),
        (0, [_baseline(), _Writer().ue(0, 0).u(2, 0).nal(b"\x68")]),
        (1, [*_OTHER_H265.vps, *_OTHER_H265.sps, *_OTHER_H265.pps]),
        (1, [*parameter_sets(Codec.H265).vps, *parameter_sets(Codec.H265).sps,
             *parameter_sets(Codec.H265).pps]),
        (1, [rich_vps, rich_sps, _Writer().ue(0, 0).u(2, 0).nal(b"\x44\1")]),
        (0, [b"\x06\x05\x18" + bytes.fromhex("9b2f6e0a7c514d278a5356474e554d31") + b"\0\0\0\1" * 2
             + b"\x06\x01\xc4\x80", b"\x06" + b"\xff" * 3 + b"\x05\xff\x03" + b"x" * 258,
             b"\x41\x9a\x01", b"\x65\x88\x80"]),
        (1, [b"\x4e\x01\x05\x12" + b"u" * 18 + b"\x80", b"\x50\1\6\1\x80\x80", b"\x26\1\xaf"]),
    ]  # fmt: skip
    seeds = []
    for option, nals in groups:
        seeds.append(bytes([option]) + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals))
    return seeds


def _baseline() -> bytes:
    """Order type 2, profile with constraint_set5, no VUI."""
    w = _Writer().u(8, 77, 0x04, 30).ue(0).ue(4, 2, 1).u(1, 0).ue(43, 35).u(1, 1, 1, 0, 0)
    return w.nal(b"\x67")


# --- time ------------------------------------------------------------------------------------


TICK = struct.Struct(">BiI")
"""One picture of a timeline's seed: flags (1 keyframe, 2 a sender report first, 4 in seconds),
camera ticks since the last, microseconds since the last arrival."""


def timelines() -> list[bytes]:
    """Pictures of every policy. Options: clock rate, declared rate and reorder depth."""
    even = [TICK.pack(n % 25 == 0, 3600, 40_000) for n in range(60)]
    pictures = {
        "even": even,
        "by jumps": [TICK.pack(0, 3600 if n % 3 else 90_000_000, 40_000) for n in range(150)],
        "stuck": [TICK.pack(0, 0 if 20 < n < 50 else 3600, 40_000) for n in range(150)],
        "B-pictures": [TICK.pack(0, (10_800, -7200, 3600, 7200)[n % 4], 40_000) for n in range(80)],
        "slow clock": [TICK.pack(2, 1800, 40_000) for n in range(200)],
        "fast clock": [TICK.pack(0, 7200, 40_000) for n in range(400)],
        "pauses": [TICK.pack(0, 3600, 40_000 if n % 40 else 3_000_000) for n in range(160)],
        "bursts": [TICK.pack(0, 3600, 0 if n % 50 else 2_000_000) for n in range(200)],
        "confirmed": [TICK.pack(0, *((3600, 40_000) if n % 30 else (900_000, 10_000_000)))
                      for n in range(90)],
        "backward": [TICK.pack(1, -3600 if n % 7 == 0 else 3600, 40_000) for n in range(80)],
        "double": [TICK.pack(0, 3600 * (n % 2), 20_000) for n in range(80)],
        "late": [*even, TICK.pack(2, 3600, 4_000_000_000), *even],
        "slow, late": [TICK.pack(4, 1, 1_020_000) for _ in range(60)],
    }  # fmt: skip
    # Rate, declared pictures a second and depth lie in the options: see `fuzz_entries.timeline`.
    return [bytes([option]) + b"".join(made) for made in pictures.values() for option in (0, 4, 25)]


# --- files -----------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _format(codec: Codec, *, other: bool = False) -> VideoFormat:
    others = {Codec.H264: _OTHER_H264, Codec.H265: _OTHER_H265}
    return video_format(others[codec] if other else parameter_sets(codec))


SOUND = AudioFormat(sample_rate=16_000, channels=1, config=b"\x14\x08")
_NO_CONFIG = AudioFormat(sample_rate=8_000, channels=2, config=b"\x15\x90")


def segment(
    codec: Codec,
    *,
    other: bool = False,
    parts: int = 4,
    wall_ns: int = DAY_NS,
    offsets: bool = False,
    audio: AudioFormat | None = None,
    keys_inside: bool = False,
) -> bytes:
    """A small segment: three pictures of some twenty bytes a part."""
    identity = fmp4.Identity(SITE, "cam01", "main", bytes(range(16)))
    data = fmp4.init(_format(codec, other=other), audio, identity)
    for number in range(parts):
        samples = []
        for index in range(3):
            key = (index == 0 and number % 2 == 0) or (keys_inside and index == 2)
            offset = (7200, 14_400, 3600)[index] if offsets else 0
            samples.append((3600, 20 + index, key, offset))
        units = None
        if audio is not None and number:
            units = fmp4.AudioUnits(number * 1024, [b"a" * (5 + number)] * (number % 3))
        data += fmp4.part(
            number, number * 10_800, wall_ns + number * 120_000_000, samples,
            [b"p" * size for _, size, _, _ in samples], units,
        )  # fmt: skip
    return data


def segments() -> list[bytes]:
    """Segment files of every shape."""
    shapes = [
        segment(Codec.H264),
        segment(Codec.H264, offsets=True),
        segment(Codec.H265, offsets=True),
        segment(Codec.H264, audio=SOUND, keys_inside=True),
        segment(Codec.H265, other=True, audio=_NO_CONFIG),
        segment(Codec.H264, other=True, parts=1),
    ]
    return _with_options(shapes)


FILE_HEAD = struct.Struct(">IqI")
"""Before each file of a virtual MP4's seed: its bytes, a shift of its clock, and a wait."""


def recordings() -> list[bytes]:
    """Several segments, each with its length in front. Options choose the span asked for."""

    def files(*given: bytes, shift: int = 0) -> bytes:
        return b"".join(FILE_HEAD.pack(len(data), shift, 0) + data for data in given)

    second = DAY_NS + 480_000_000
    gap = DAY_NS + 5_000_000_000
    return _with_options(
        [
            files(segment(Codec.H264), segment(Codec.H264, wall_ns=second)),
            files(segment(Codec.H264), segment(Codec.H264, other=True, wall_ns=gap, offsets=True)),
            files(segment(Codec.H264, audio=SOUND), segment(Codec.H264, wall_ns=second),
                  segment(Codec.H264, audio=_NO_CONFIG, wall_ns=gap)),
            files(segment(Codec.H264, audio=SOUND), segment(Codec.H264, audio=SOUND,
                  wall_ns=second), shift=-1_000_000),
            files(segment(Codec.H264), segment(Codec.H265, wall_ns=second)),
            files(segment(Codec.H265, offsets=True), segment(Codec.H265, wall_ns=second,
                  keys_inside=True)),
        ],
        (0, 19, 64, 255),
    )  # fmt: skip


# --- the bus ---------------------------------------------------------------------------------


def facts() -> list[wire.Fact]:
    """One fact of every kind that has something to get wrong."""
    common = {"at": DAY_NS, "camera": "cam01", "stream": "main"}
    page = wire.Page(
        site=SITE, camera="cam01", number=3, from_=DAY_NS, to=DAY_NS + 3_600, previous="ab" * 32,
        streams=(
            wire.PageStream(
                stream="main", spans=((DAY_NS, DAY_NS + 9),), bytes=5, pictures=4, segments=1,
                gaps=(wire.PageGap(from_=DAY_NS, to=DAY_NS + 5, cause=Cause.UNREACHABLE),),
                declared_fps=25.0, delivered_fps=None, clock_error_ns=-7, root="cd" * 32,
            ),
        ),
    )  # fmt: skip
    return [
        wire.BoxStarted(at=DAY_NS, version="0.1.0", last_mark=None),
        wire.CameraDescribed(at=DAY_NS, camera="cam01", title="Cổng", zone="CG", streams=("main",)),
        wire.StateChanged(**common, state="gap", since=5, cause=Cause.STALLED, evidence="x"),
        wire.RunStarted(**common, run=RUN, source="rtsp", why=("a",), codec="avc1.42c01e",
                        width=640, height=480, declared_fps=25.0, server="S", audio_codec=None),
        wire.RunEnded(**common, run=RUN, cause=Cause.GARBLED, evidence="e", pictures=1, bytes=2),
        wire.SpanClosed(**common, run=RUN, from_=1, to=2, pictures=3, bytes=4),
        wire.GapClosed(**common, from_=1, to=2, cause=Cause.REFUSED),
        wire.PageClosed(at=DAY_NS, camera="cam01", page=wire.encode_page(page)),
        wire.ClockStepped(at=DAY_NS, before=1, after=2, trusted=True),
        wire.Deleted(**common, from_=1, to=2, segments=3, bytes=4, rule="days"),
        wire.RetentionWarned(at=DAY_NS, promised_days=30.0, expected_days=2.5, broken=True),
        wire.DiskWarned(at=DAY_NS, state="full", free_bytes=0, total_bytes=1),
        wire.Audited(**common, actor="a", purpose="p", grant=GRANT, verb="open", outcome="ended"),
        wire.CheckFailed(at=DAY_NS, what="w", evidence="e"),
        wire.WantAnswered(at=DAY_NS, key="cameras", revision=2, accepted=False, reasons=("r",)),
        wire.KeyChanged(at=DAY_NS, number=1, old="A" * 43, new="B" * 43, proof="C" * 86),
    ]  # fmt: skip


def payloads() -> list[bytes]:
    """Facts, pages and wanted cameras as JSON."""
    made = [wire.encode_fact(fact) for fact in facts()]
    made += [bytes(fact.page) for fact in facts() if isinstance(fact, wire.PageClosed)]
    stream = wire.WantedStream(url="rtsp://10.0.0.8/1")
    wanted = wire.WantedCameras(cameras=(wire.WantedCamera(name="cam01", main=stream, zone="HL"),))
    return _with_options([*made, msgspec.json.encode(wanted)])


def envelopes() -> list[bytes]:
    """Signed facts as they cross the bus."""
    return _with_options(
        [
            wire.encode_envelope(SITE_KEY.envelope(SITE, 4, number, wire.encode_fact(fact)))
            for number, fact in enumerate(facts())
        ]
    )


def journals() -> list[bytes]:
    """Files of the journal. Options: bit 0 has the checksums put right before reading."""
    made = b""
    for seed in envelopes()[:6]:
        made += struct.pack(">II", len(seed) - 1, zlib.crc32(seed[1:])) + seed[1:]
    return _with_options([made, made[:-5]], (0, 1))


def questions() -> list[bytes]:
    """Bodies of every verb. Options: which one."""
    at, later = str(DAY_NS), str(DAY_NS + 60)
    bodies: dict[wire.Verb, object] = {
        wire.Verb.OPEN: {"stream": "main", "extend": True, "lease_s": 12.5},
        wire.Verb.GOP: {"stream": "sub", "at": at, "dir": "prev"},
        wire.Verb.TIMELINE: {"from": at, "to": later, "resolution_s": 60, "stream": "main"},
        wire.Verb.SNAPSHOT: {"stream": "main", "at": at, "width": 640},
        wire.Verb.MORE: {"chunks": 4},
        wire.Verb.PROBE: {"url": "rtsp://10.0.0.8/", "sealed": "abc", "snapshot": False},
        wire.Verb.DISCOVER: {"address": "10.0.0.8", "sealed": None},
        wire.Verb.CONFIGURE: {"revision": 3, "document": {"cameras": []}},
        wire.Verb.MP4: {"from": at, "to": later, "start": 0, "end": 100},
        wire.Verb.STATUS: {},
        wire.Verb.LEDGER: {"from": at, "to": None},
    }
    span = {"from": at, "to": later}
    return [
        bytes([number]) + msgspec.json.encode(bodies.get(verb, span))
        for number, verb in enumerate(wire.ASKS)
    ]


def heads() -> list[bytes]:
    """Headers of live parts, a line each; and subjects, a line each."""
    part = wire.PartHead(RUN, 3, 70, True, 5_400_000, DAY_NS)
    lines = "\n".join(f"{name}: {value}" for name, value in part.headers().items())
    subjects = "\n".join(
        str(subject)
        for subject in (
            wire.LiveSubject(HUB, SITE, "cam01", "sub"),
            wire.AskSubject(HUB, SITE, wire.Verb.GOP, "cam01", GRANT),
            wire.AskSubject(HUB, SITE, wire.Verb.STATUS, wire.NO_CAMERA, GRANT),
            wire.ReplySubject(HUB, SITE, GRANT, "17"),
            wire.FactSubject(HUB, SITE, "page", "cam01"),
            wire.WantSubject(HUB, SITE, "cameras"),
            "vg.$JS.API.>.x",
        )
    )
    return _with_options([lines.encode(), subjects.encode()])


def chunked() -> list[bytes]:
    """Answers in frames. Options: how the chunks fall."""
    made = [wire.frame(b"{}") + wire.frame(b"x" * 300) + wire.frame(b""), wire.frame(b"y" * 70)]
    return _with_options(made, (0, 7, 200))


@lru_cache(maxsize=1)
def grants() -> tuple[keys.Grant, ...]:
    """The grants that the hub of the fuzz run has signed."""
    terms = {"id": GRANT, "hub": HUB, "site": SITE, "iat": NOW_S, "actor": "a", "purpose": "p"}
    return (
        keys.Grant(**terms, cameras=("cam01",), streams=("main",), exp=NOW_S + 120,
                   verbs=(wire.Verb.OPEN, wire.Verb.GOP)),
        keys.Grant(**terms, cameras=("*",), streams=("main", "sub"), exp=NOW_S + 600, own=True,
                   verbs=tuple(wire.Verb)),
    )  # fmt: skip


def tokens() -> list[bytes]:
    """Their tokens."""
    return _with_options([keys.issue(HUB_KEY, grant).encode() for grant in grants()])


def requests() -> list[bytes]:
    """What a browser sends that is read by hand: ranges and moments, a line each."""
    return _with_options(
        [
            b"bytes=0-499\nbytes=500-\nbytes=-1\nbytes=9-3\nbytes=0-0,5-9\nitems=1-2",
            b"2026-11-18T07:00:00Z\n2026-11-18T07:00:00.123456+07:00\n20261118T070000Z\n2026-W47-3",
        ]
    )
