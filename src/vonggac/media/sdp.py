"""Read what a camera says it sends: a session description (RFC 8866), bounded and tolerant.

Cameras write SDP by `printf`.  What is wrong in a known way is read anyway and named in
`Description.oddities`; what is not SDP at all is refused.  Nothing here knows of sockets or RTSP.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from vonggac.errors import MalformedError
from vonggac.media.h26x import (
    MAX_FPS,
    MAX_SET_BYTES,
    MAX_SETS,
    AudioFormat,
    Codec,
    Nal,
    ParameterSets,
    nal_class,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES: Final = 64 * 1024
"""A description is at most this long; the longest seen in public reports (a recorder that offers
audio back in twenty formats) has about 2 kB."""
MAX_LINES: Final = 2048
MAX_MEDIA: Final = 32
"""Sections read; a recorder lists video, audio, metadata and back-channel: under ten."""
MAX_FORMATS: Final = 64
"""Payload types read in a section."""

VIDEO_CLOCK: Final = 90_000
"""RTP clock of H.264 and H.265: RFC 6184 section 8.2.1, RFC 7798 section 7.1."""


class Oddity(StrEnum):
    """What a description gets wrong and is read anyway: each value is a policy, on by default."""

    NO_VERSION = "sdp_no_version"
    """No `v=0` in front (go2rtc #679). The lines are read all the same."""
    NOT_A_LINE = "sdp_not_a_line"
    """A line that is not `letter=value`, or noise after the end. It is skipped."""
    TOO_MANY = "sdp_too_many"
    """More sections or formats than the bounds. The rest is left out."""
    NO_RTPMAP = "sdp_no_rtpmap"
    """A dynamic payload type without `rtpmap`. H.264 or H.265 is taken from its `sprop-`."""
    NO_CLOCK = "sdp_no_clock"
    """`rtpmap` without a usable clock rate. 90,000 Hz is taken for video."""
    REPEATED_TYPE = "sdp_repeated_type"
    """One payload type mapped twice in one section. The first counts."""
    BAD_SETS = "sdp_bad_sets"
    """A parameter set that is not base64, empty (FFmpeg #181) or no parameter set at all
    (retina #42). It is dropped; sets in band are waited for."""
    START_CODE = "sdp_start_code"
    """A parameter set with an Annex B start code in front. It is taken off."""
    NO_AAC_CONFIG = "sdp_no_aac_config"
    """AAC without a usable `config`. AAC-LC of the `rtpmap`'s rate and channels is taken."""


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of a section.

    `encoding` is upper case and "" when nothing names it; `clock_rate` is Hz and 0 when unknown;
    `parameters` are those of `fmtp`, keys in lower case.
    """

    payload_type: int
    encoding: str
    clock_rate: int
    channels: int
    parameters: Mapping[str, str]

    @property
    def codec(self) -> Codec | None:
        """The video codec that the recorder can take as it is, if it is one."""
        return _CODECS.get(self.encoding)


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` section: what it is, where it is controlled, and its formats in order of offer."""

    kind: str
    control: str | None
    formats: tuple[Format, ...]
    framerate: float | None
    direction: str | None
    """`sendrecv`, `recvonly`, `sendonly` or `inactive`, as written; None when not said.

    Many cameras mix up whose side is meant; ONVIF marks the way back to the camera's loudspeaker
    `sendonly` (ONVIF Streaming Specification, 5.3).
    """


@dataclass(frozen=True, slots=True)
class Description:
    """A session: its own control URL, its sections, and what was odd about it."""

    name: str
    control: str | None
    framerate: float | None
    media: tuple[Media, ...]
    oddities: tuple[Oddity, ...]


_CODECS: Final[Mapping[str, Codec]] = MappingProxyType(
    {"H264": Codec.H264, "H265": Codec.H265, "HEVC": Codec.H265}
)

_SPROP: Final[Mapping[Codec, tuple[str, ...]]] = MappingProxyType(
    {
        Codec.H264: ("sprop-parameter-sets",),
        Codec.H265: ("sprop-vps", "sprop-sps", "sprop-pps"),
    }
)
"""Where the sets stand: RFC 6184 section 8.1, RFC 7798 section 7.1."""

_STATIC: Final[Mapping[int, tuple[str, int, int]]] = MappingProxyType(
    {
        0: ("PCMU", 8000, 1),
        3: ("GSM", 8000, 1),
        8: ("PCMA", 8000, 1),
        9: ("G722", 8000, 1),
        14: ("MPA", 90_000, 1),
        26: ("JPEG", 90_000, 1),
        32: ("MPV", 90_000, 1),
        33: ("MP2T", 90_000, 1),
    }
)
"""Payload types with a fixed meaning, RFC 3551 section 6: those that cameras use."""

_DIRECTIONS: Final = frozenset({"sendrecv", "recvonly", "sendonly", "inactive"})

_AAC_RATES: Final = (
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
)  # fmt: skip
"""samplingFrequencyIndex, ISO/IEC 14496-3 table 1.18."""


def parse(data: bytes) -> Description:
    """Read a description.

    Raises:
        MalformedError: it is too long, or has no media section.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(f"a description of {len(data)} bytes; at most {MAX_BYTES} are read")
    odd: set[Oddity] = set()
    lines = data.replace(b"\r", b"\n").replace(b"\0", b"\n").split(b"\n")
    fields = [line for line in (_field(raw, odd) for raw in lines[:MAX_LINES]) if line is not None]
    if not fields or fields[0] != ("v", "0"):
        odd.add(Oddity.NO_VERSION)
    session = _Section("", ())
    sections: list[_Section] = []
    current = session
    name = ""
    for letter, value in fields:
        if letter == "m":
            current = _section(value, odd)
            sections.append(current)
        elif letter == "a":
            current.attribute(value, odd)
        elif letter == "s" and current is session:
            name = value
    if len(sections) > MAX_MEDIA:
        odd.add(Oddity.TOO_MANY)
    if not sections:
        raise MalformedError("no media section (m=) in the description")
    return Description(
        name=name,
        control=session.control,
        framerate=session.framerate,
        media=tuple(section.media(odd) for section in sections[:MAX_MEDIA]),
        oddities=tuple(sorted(odd)),
    )


def parameter_sets(format_: Format) -> tuple[ParameterSets, tuple[Oddity, ...]]:
    """The parameter sets that a video format carries out of band; possibly none.

    Sets are sorted by their own NAL unit type, not by their place: cameras swap them.

    Raises:
        MalformedError: the format is neither H.264 nor H.265.
    """
    codec = format_.codec
    if codec is None:
        raise MalformedError(f"{_shown(format_.encoding)} has no parameter sets")
    kinds: dict[Nal, list[bytes]] = {Nal.VPS: [], Nal.SPS: [], Nal.PPS: []}
    odd: set[Oddity] = set()
    for name in _SPROP[codec]:
        for text in format_.parameters.get(name, "").split(",")[: 3 * MAX_SETS]:
            unit = _parameter_set(text, odd)
            known = kinds.get(nal_class(codec, unit))
            if known is None or len(known) >= MAX_SETS:
                if name in format_.parameters:
                    odd.add(Oddity.BAD_SETS)
            elif unit not in known:
                known.append(unit)
    sets = ParameterSets(
        codec=codec,
        vps=tuple(kinds[Nal.VPS]),
        sps=tuple(kinds[Nal.SPS]),
        pps=tuple(kinds[Nal.PPS]),
    )
    return sets, tuple(sorted(odd))


def audio_format(format_: Format) -> tuple[AudioFormat, tuple[Oddity, ...]] | None:
    """The AAC that a format carries, or None when it is not AAC in RFC 3640's AAC-hbr mode.

    Of the payload header only what cameras send is taken: 13 bits of size, 3 of index, no
    constant size.
    """
    given = format_.parameters
    if format_.encoding != "MPEG4-GENERIC" or given.get("mode", "AAC-hbr").lower() != "aac-hbr":
        return None
    header = (given.get("sizelength", "13"), given.get("indexlength", "3"))
    if header != ("13", "3") or given.get("indexdeltalength", "3") != "3":
        return None
    config = _hex(given.get("config", ""))
    found = _aac(config)
    if found is not None:
        return AudioFormat(sample_rate=found[0], channels=found[1], config=config), ()
    if format_.clock_rate not in _AAC_RATES:
        return None
    index = _AAC_RATES.index(format_.clock_rate)
    channels = min(max(format_.channels, 1), 2)
    config = (2 << 11 | index << 7 | channels << 3).to_bytes(2, "big")
    made = AudioFormat(sample_rate=format_.clock_rate, channels=channels, config=config)
    return made, (Oddity.NO_AAC_CONFIG,)


@dataclass(slots=True)
class _Section:
    """A section while its attributes are being read."""

    kind: str
    payload_types: tuple[int, ...]
    control: str | None = None
    framerate: float | None = None
    direction: str | None = None
    maps: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    parameters: dict[int, dict[str, str]] = field(default_factory=dict)

    def attribute(self, text: str, odd: set[Oddity]) -> None:
        key, _, value = text.partition(":")
        key = key.strip().lower()
        value = value.strip()
        if key == "control":
            self.control = self.control or value or None
        elif key == "rtpmap":
            self._rtpmap(value, odd)
        elif key == "fmtp":
            self._fmtp(value)
        elif key in ("framerate", "x-framerate"):
            self.framerate = self.framerate or _rate(value)
        elif key.startswith("framerate="):  # `a=framerate=25.0`: locomote-video-player #185
            self.framerate = self.framerate or _rate(key.partition("=")[2])
        elif key in _DIRECTIONS:
            self.direction = key

    def _rtpmap(self, value: str, odd: set[Oddity]) -> None:
        number, _, rest = value.partition(" ")
        payload_type = _number(number, 127)
        if payload_type is None:
            odd.add(Oddity.NOT_A_LINE)
            return
        if payload_type in self.maps:
            odd.add(Oddity.REPEATED_TYPE)
            return
        encoding, *more = [part.strip() for part in rest.split("/")]
        clock_rate = (_number(more[0], 10_000_000) or 0) if more else 0
        channels = (_number(more[1], 64) or 1) if len(more) > 1 else 1
        if len(self.maps) < MAX_FORMATS:
            self.maps[payload_type] = (encoding.upper(), clock_rate, channels)

    def _fmtp(self, value: str) -> None:
        number, _, rest = value.partition(" ")
        payload_type = _number(number, 127)
        if payload_type is None or len(self.parameters) >= MAX_FORMATS:
            return
        given = self.parameters.setdefault(payload_type, {})
        for piece in rest.split(";")[:MAX_FORMATS]:
            key, _, text = piece.partition("=")
            if key.strip():
                given.setdefault(key.strip().lower(), text.strip())

    def media(self, odd: set[Oddity]) -> Media:
        return Media(
            kind=self.kind,
            control=self.control,
            formats=tuple(self._format(number, odd) for number in self.payload_types),
            framerate=self.framerate,
            direction=self.direction,
        )

    def _format(self, payload_type: int, odd: set[Oddity]) -> Format:
        given = self.parameters.get(payload_type, {})
        mapped = self.maps.get(payload_type) or _STATIC.get(payload_type)
        if mapped is None:
            odd.add(Oddity.NO_RTPMAP)
            mapped = (_guess(given), 0, 1)
        encoding, clock_rate, channels = mapped
        if clock_rate == 0 and self.kind == "video":
            odd.add(Oddity.NO_CLOCK)
            clock_rate = VIDEO_CLOCK
        return Format(payload_type, encoding, clock_rate, channels, MappingProxyType(given))


def _field(raw: bytes, odd: set[Oddity]) -> tuple[str, str] | None:
    line = raw.strip()
    if not line:
        return None
    if len(line) < 2 or line[1:2] != b"=" or not line[:1].isalpha():
        odd.add(Oddity.NOT_A_LINE)
        return None
    return line[:1].decode("ascii").lower(), line[2:].decode("utf-8", "replace").strip()


def _section(value: str, odd: set[Oddity]) -> _Section:
    """`m=video 0 RTP/AVP 96 97`; cameras leave out ports and write `m=video`."""
    kind, *rest = value.split()[: 3 + MAX_FORMATS + 1] or [""]
    numbers: list[int] = []
    for text in rest[2:]:
        number = _number(text, 127)
        if number is None:
            odd.add(Oddity.NOT_A_LINE)
        elif number in numbers:
            odd.add(Oddity.REPEATED_TYPE)
        else:
            numbers.append(number)
    if len(numbers) > MAX_FORMATS:
        odd.add(Oddity.TOO_MANY)
    return _Section(kind.lower(), tuple(numbers[:MAX_FORMATS]))


def _guess(parameters: Mapping[str, str]) -> str:
    if "sprop-parameter-sets" in parameters or "profile-level-id" in parameters:
        return "H264"
    if "sprop-sps" in parameters or "sprop-vps" in parameters:
        return "H265"
    return ""


def _number(text: str, most: int) -> int | None:
    if len(text) > 9 or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if number <= most else None


def _rate(text: str) -> float | None:
    """Pictures a second; `25`, `25.000000`, `25,0` and `30000/1001` are all seen."""
    match = re.match(r"(\d{1,6}(?:[.,]\d{1,6})?)(?:\s*/\s*(\d{1,6}))?", text)
    if match is None:
        return None
    rate = float(match[1].replace(",", ".")) / (float(match[2] or 1) or 1.0)
    return rate if 1 / 60 <= rate <= MAX_FPS else None


def _parameter_set(text: str, odd: set[Oddity]) -> bytes:
    """Bytes of one NAL unit, or nothing."""
    text = text.strip().strip('"').rstrip("=")
    if not text or len(text) > MAX_SET_BYTES * 4 // 3:
        return b""
    try:
        unit = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
    for start_code in (b"\0\0\0\1", b"\0\0\1"):
        if unit.startswith(start_code):
            odd.add(Oddity.START_CODE)
            return unit[len(start_code) :]
    return unit


def _hex(text: str) -> bytes:
    text = text.strip('"')
    if len(text) > 64:
        return b""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _aac(config: bytes) -> tuple[int, int] | None:
    """Sample rate and channels of an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)."""
    if len(config) < 2:
        return None
    bits = int.from_bytes(config[:5].ljust(5, b"\0"), "big")
    object_type = bits >> 35
    index = bits >> 31 & 15
    if index == 15:
        rate, channels = bits >> 7 & 0xFFFFFF, bits >> 3 & 15
    else:
        rate, channels = (_AAC_RATES[index] if index < 13 else 0), bits >> 27 & 15
    if object_type in (0, 31) or not 7350 <= rate <= 96_000 or not 1 <= channels <= 7:
        return None
    return rate, 8 if channels == 7 else channels


def _shown(text: str) -> str:
    return ascii(text[:40])
