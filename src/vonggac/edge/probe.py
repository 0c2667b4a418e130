"""`vonggac probe`: what a technician needs to know of a camera, in ten seconds.

Our own source is tried first, FFmpeg's where ours refuses.  ONVIF is looked for meanwhile.  A
password that was refused once is offered nowhere else: cameras lock accounts.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import uvloop

from vonggac.causes import Cause
from vonggac.clock import NS, SystemClock, rfc3339
from vonggac.config import Secret
from vonggac.edge import criteria, makers, onvif
from vonggac.edge.describe import Described, describe
from vonggac.edge.measure import SECONDS, Measured, measure, picture
from vonggac.edge.picture import PictureDecoder
from vonggac.errors import ConfigError, MalformedError
from vonggac.media import address as addresses

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vonggac.clock import Clock
    from vonggac.edge.source import Offer
    from vonggac.media.address import Address
    from vonggac.media.h26x import VideoFormat


class SourceUsed(msgspec.Struct, frozen=True):
    """Which source took the stream."""

    kind: str
    """rtsp (ours) or libav (FFmpeg's); empty if none did."""
    why: list[str]


class Sets(msgspec.Struct, frozen=True):
    """The parameter sets, as a technician or a bug report needs them."""

    codec_string: str
    in_sdp: bool
    reorder_depth: int
    pixel_aspect: list[int]
    vps: list[str]
    sps: list[str]
    pps: list[str]


class Audio(msgspec.Struct, frozen=True):
    """Sound that the camera offers; it is not recorded unless the site's rule says so."""

    present: bool
    codecs: list[str] = []


class Onvif(msgspec.Struct, frozen=True):
    """What the camera says through ONVIF."""

    found: bool
    refused: bool = False
    url: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    profiles: list[dict[str, Any]] = []
    notes: list[str] = []


class Failure(msgspec.Struct, frozen=True):
    """Why nothing, or no more, was measured."""

    cause: str
    message: str


class Verdict(msgspec.Struct, frozen=True):
    """*Đủ điều kiện kết nối*, yes or no."""

    connectable: bool
    reasons: list[str]
    """Why not, as sentences; empty if it is."""
    advice: list[str] = []
    """What should be put right all the same."""
    details: list[criteria.Reason] = []
    """Both, with codes and in both languages."""


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a probe found. As JSON its first keys are the command's contract."""

    reachable: bool
    authenticated: bool
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    declared_fps: float | None = None
    delivered_fps: float | None = None
    gop_s: float | None = None
    kbps: int | None = None
    clock_error_ms: int | None = None
    verdict: Verdict
    url: str
    """Without credentials."""
    at: str
    clock_source: str | None = None
    """rtcp or onvif."""
    pictures: int = 0
    keyframes: int = 0
    damaged: int = 0
    seconds: float = 0.0
    connect_ms: int | None = None
    """From the first packet to an answered PLAY."""
    server: str = ""
    realm: str = ""
    maker: str = ""
    """Guessed from what the device says of itself."""
    source: SourceUsed
    parameter_sets: Sets | None = None
    audio: Audio
    onvif: Onvif
    snapshot: str | None = None
    """The file that was written."""
    failure: Failure | None = None
    criteria: dict[str, str]


async def probe(
    url: str,
    user: str = "",
    password: Secret | None = None,
    *,
    clock: Clock,
    seconds: float = SECONDS,
    transcode: bool = False,
    onvif_ports: tuple[int, ...] | None = None,
    language: str = "vi",
    rules: criteria.Criteria | None = None,
    decoder: PictureDecoder | None = None,
    width: int | None = None,
) -> tuple[ProbeResult, bytes | None]:
    """Find out about one stream. Never raises for what the camera does.

    Args:
        url: rtsp://host:port/path; credentials may stand in it.
        user: wins over the URL's.
        password: goes with it.
        clock: ours.
        seconds: for how long pictures are measured.
        transcode: measure MJPEG and MPEG-4 re-encoded, instead of saying what that costs.
        onvif_ports: where to look for ONVIF; by default those of `rules/makers.toml`.
        language: of `verdict.reasons`.
        rules: criteria; the shipped ones by default.
        decoder: makes the picture; one of its own, ended afterwards, by default.
        width: pixels of the picture at most; as it is by default.

    Returns:
        The result, and a keyframe as JPEG if one could be decoded.

    Raises:
        ConfigError: the URL is none, or the rules cannot be read.
    """
    try:
        address = addresses.parse(url, user, password)
    except MalformedError as error:
        raise ConfigError(error.message) from error
    rules = rules or criteria.load()
    known = makers.load()
    ports = known.onvif.ports if onvif_ports is None else onvif_ports
    measured = Measured()
    asking: asyncio.Task[onvif.Device | None] | None = None
    async with asyncio.TaskGroup() as group:
        finding = group.create_task(onvif.find(address.host, ports, clock=clock))
        described = await describe(address)
        measured.ended = described.ended
        if described.description is not None or _worth_another_try(described):
            asking = group.create_task(_inspect(finding, address, described, clock))
            await measure(address, measured, described, clock, seconds, transcode=transcode)
        elif not described.reachable:
            finding.cancel()
    device = asking.result() if asking is not None else None
    if device is None and not finding.cancelled() and (device_url := finding.result()) is not None:
        # Not asked: a password that RTSP refused is offered nowhere else.
        device = onvif.Device(url=device_url, refused=True)
    using = decoder or PictureDecoder()
    try:
        jpeg = await picture(measured, using, width)
    finally:
        if decoder is None:
            await using.close()
    result = _result(address, described, measured, device, rules, language, clock)
    return result, jpeg


def _worth_another_try(described: Described) -> bool:
    """Whether FFmpeg may take what our own DESCRIBE did not."""
    ended = described.ended
    if ended is None or ended.cause is Cause.REFUSED or described.status in (401, 403, 404):
        return False
    return described.reachable or ended.cause is Cause.FORMAT_REFUSED


async def _inspect(
    finding: asyncio.Task[str | None], address: Address, described: Described, clock: Clock
) -> onvif.Device | None:
    url = await finding
    if url is None:
        return None
    has_login = bool(address.user) and (described.authenticated or not described.asked_password)
    password = address.password if has_login else None
    return await onvif.inspect(url, address.user, password, clock=clock)


def _result(
    address: Address,
    described: Described,
    measured: Measured,
    device: onvif.Device | None,
    rules: criteria.Criteria,
    language: str,
    clock: Clock,
) -> ProbeResult:
    offer, video, ended = measured.offer, measured.video, measured.ended
    codec = offer.codec.value if offer is not None else None
    transcoded = offer is not None and any("re-encoded" in note for note in offer.notes)
    width = video.width if video is not None else None
    height = video.height if video is not None else None
    offered = _offered(described, "video")
    if ended is not None and "codec" in ended.detail:
        codec = str(ended.detail["codec"])
        width, height = (_whole(ended.detail.get(name)) for name in ("width", "height"))
    elif codec is None and offered:
        codec = {"jpeg": "mjpeg", "mp4v-es": "mpeg4"}.get(offered[0], offered[0])
    clock_error_ns, clock_source = measured.clock_error_ns, "rtcp"
    if clock_error_ns is None and device is not None:
        clock_error_ns, clock_source = device.clock_error_ns, "onvif"
    sounds = _offered(described, "audio")
    declared = offer.declared_fps if offer is not None else None
    declared = declared or (video.declared_fps if video is not None else None)
    facts = criteria.Facts(
        cause=ended.cause if ended is not None and not measured.pictures else None,
        evidence=ended.message if ended is not None else "",
        status=_whole(ended.detail.get("status")) or 0 if ended is not None else 0,
        credentials_given=bool(address.user or address.password),
        codec=codec,
        transcoded=transcoded,
        second_source=measured.refused_by_ours if offer is not None else "",
        width=width,
        height=height,
        declared_fps=declared,
        delivered_fps=measured.fps,
        gop_s=measured.gop_s,
        kbps=measured.kbps,
        clock_error_s=None if clock_error_ns is None else clock_error_ns / NS,
        seconds=measured.seconds,
        pictures=measured.pictures,
        keyframes=measured.keyframes,
        damaged=measured.damaged,
        audio=bool(sounds),
    )
    reasons = criteria.judge(facts, rules)
    words = {
        level: [r.en if language == "en" else r.vi for r in reasons if r.level == level]
        for level in ("required", "recommended")
    }
    about = rules.criteria
    guessed = makers.guess(makers.load(), described.realm, described.server)
    return ProbeResult(
        reachable=described.reachable or offer is not None,
        authenticated=described.authenticated or offer is not None,
        codec=codec,
        width=width,
        height=height,
        declared_fps=_rounded(declared),
        delivered_fps=_rounded(measured.fps),
        gop_s=_rounded(measured.gop_s),
        kbps=measured.kbps,
        clock_error_ms=None if clock_error_ns is None else round(clock_error_ns / 1e6),
        verdict=Verdict(not words["required"], words["required"], words["recommended"], reasons),
        url=address.uri,
        at=rfc3339(clock.wall_ns()),
        clock_source=None if clock_error_ns is None else clock_source,
        pictures=measured.pictures,
        keyframes=measured.keyframes,
        damaged=measured.damaged,
        seconds=round(measured.seconds, 1),
        connect_ms=measured.connect_ms,
        server=described.server or (offer.server if offer is not None else ""),
        realm=described.realm,
        maker=guessed.name if guessed is not None else "",
        source=SourceUsed(
            offer.source if offer is not None else "",
            list(offer.notes) if offer is not None else [],
        ),
        parameter_sets=_sets(video, offer),
        audio=Audio(bool(sounds), sounds),
        onvif=_onvif(device),
        failure=None if ended is None else Failure(ended.cause.value, ended.message),
        criteria={
            "id": about.id,
            "name": about.name_en if language == "en" else about.name,
            "date": about.date.isoformat(),
            "source": about.source_en if language == "en" else about.source,
        },
    )


def _offered(described: Described, kind: str) -> list[str]:
    """Encodings that a description offers for video or audio, in lower case."""
    if described.description is None:
        return []
    media = [one for one in described.description.media if one.kind == kind]
    return [f.encoding.lower() for one in media for f in one.formats if f.encoding][:8]


def _sets(video: VideoFormat | None, offer: Offer | None) -> Sets | None:
    if video is None or offer is None:
        return None
    sets = video.sets
    return Sets(
        codec_string=video.codec_string,
        in_sdp=offer.video is not None,
        reorder_depth=video.reorder_depth,
        pixel_aspect=list(video.pixel_aspect),
        vps=[one.hex() for one in sets.vps],
        sps=[one.hex() for one in sets.sps],
        pps=[one.hex() for one in sets.pps],
    )


def _onvif(device: onvif.Device | None) -> Onvif:
    if device is None:
        return Onvif(found=False)
    return Onvif(
        found=True,
        refused=device.refused,
        url=device.url,
        manufacturer=device.manufacturer,
        model=device.model,
        firmware=device.firmware,
        serial=device.serial,
        profiles=[msgspec.to_builtins(profile) for profile in device.profiles],
        notes=list(device.notes),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


# --- the command -----------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `vonggac probe`."""
    parser.add_argument("url", metavar="URL", help="rtsp://host:port/path")
    add_login(parser)
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="S",
                        help="how long to measure (default %(default)s)")  # fmt: skip
    parser.add_argument("--snapshot", type=Path, metavar="FILE", help="write a JPEG there")
    parser.add_argument("--transcode", action="store_true",
                        help="measure MJPEG and MPEG-4 re-encoded to H.264")  # fmt: skip
    parser.add_argument("--criteria", type=Path, metavar="FILE", help="another set of criteria")
    parser.add_argument("--onvif-port", type=int, action="append", metavar="P",
                        help="look for ONVIF here only; may be repeated")  # fmt: skip
    parser.add_argument("--no-onvif", action="store_true", help="do not look for ONVIF")
    parser.add_argument("--lang", choices=("vi", "en"), default="vi")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def add_login(parser: argparse.ArgumentParser) -> None:
    """Options that `probe` and `discover` share."""
    parser.add_argument("--user", default="", metavar="U", help="camera account")
    parser.add_argument("--password-env", metavar="VAR",
                        help="environment variable with its password")  # fmt: skip


def login(options: argparse.Namespace) -> tuple[str, Secret | None]:
    """User and password of the command line.

    Raises:
        ConfigError: the environment variable is not set.
    """
    if not options.password_env:
        return options.user, Secret("") if options.user else None
    if options.password_env not in os.environ:
        raise ConfigError(f"environment variable {options.password_env} is not set")
    return options.user, Secret(os.environ[options.password_env])


def check_ports(ports: Sequence[int] | None) -> None:
    """Refuse `--onvif-port` of a port that does not exist.

    Raises:
        ConfigError: one of them is none.
    """
    if not all(0 < port < 65536 for port in ports or ()):
        raise ConfigError("--onvif-port lies between 1 and 65535")


def command(options: argparse.Namespace) -> int:
    """Run `vonggac probe`; 0 if the camera is fit to be connected, 1 if not."""
    if not 1 <= options.seconds <= 600:
        raise ConfigError("--seconds is between 1 and 600")
    check_ports(options.onvif_port)
    user, password = login(options)
    ports: tuple[int, ...] | None = None
    if options.no_onvif or options.onvif_port:
        ports = () if options.no_onvif else tuple(options.onvif_port)
    result, jpeg = uvloop.run(
        probe(
            options.url,
            user,
            password,
            clock=SystemClock(),
            seconds=options.seconds,
            transcode=options.transcode,
            onvif_ports=ports,
            language=options.lang,
            rules=criteria.load(options.criteria),
        )
    )
    if options.snapshot is not None and jpeg is not None:
        try:
            options.snapshot.write_bytes(jpeg)
        except OSError as error:
            raise ConfigError(f"cannot write {options.snapshot}: {error.strerror}") from error
        result = msgspec.structs.replace(result, snapshot=str(options.snapshot))
    if options.json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        sys.stdout.write(as_text(result, options.lang))
    return 0 if result.verdict.connectable else 1


_CODECS: Final = {"h264": "H.264", "h265": "H.265", "mjpeg": "MJPEG", "mpeg4": "MPEG-4"}
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "fit": ("ĐỦ ĐIỀU KIỆN KẾT NỐI", "FIT TO BE CONNECTED"),
    "unfit": ("KHÔNG ĐỦ ĐIỀU KIỆN KẾT NỐI", "NOT FIT TO BE CONNECTED"),
    "criteria": ("theo bộ tiêu chí", "by the criteria"),
    "of": ("ngày", "of"),
    "why": ("Lý do", "Why"),
    "advice": ("Nên làm", "Better"),
    "picture": ("Hình", "Picture"),
    "sets": ("Bộ tham số", "Parameter sets"),
    "in_sdp": ("có trong SDP", "in the SDP"),
    "in_band": ("chỉ trong luồng", "in band only"),
    "rate": ("Tốc độ", "Rate"),
    "declares": ("khai báo", "declares"),
    "keyframe": ("I-frame mỗi", "a keyframe every"),
    "unknown": ("không rõ", "unknown"),
    "clock": ("Đồng hồ lệch", "Clock is off by"),
    "sound": ("Âm thanh", "Sound"),
    "none": ("không", "none"),
    "source": ("Nguồn", "Source"),
    "rtsp": ("bộ kết nối của phần mềm (RTSP/TCP)", "the software's own connection (RTSP/TCP)"),
    "libav": ("FFmpeg", "FFmpeg"),
    "device": ("Thiết bị", "Device"),
    "profiles": ("Luồng ONVIF", "ONVIF streams"),
    "onvif_refused": (
        "ONVIF từ chối tài khoản",
        "ONVIF refuses the account",
    ),
    "onvif_none": ("không tìm thấy ONVIF", "ONVIF was not found"),
    "snapshot": ("Ảnh", "Snapshot"),
    "fps": ("hình/giây", "pictures/s"),
}


def as_text(result: ProbeResult, language: str) -> str:
    """The result as a technician reads it: the verdict first."""

    def word(key: str) -> str:
        return _WORDS[key][language == "en"]

    def number(value: float | None, unit: str) -> str:
        return word("unknown") if value is None else f"{value:g} {unit}"

    about = result.criteria
    verdict = word("fit" if result.verdict.connectable else "unfit")
    lines = [
        result.url,
        f"{verdict} ({word('criteria')} “{about['name']}” {word('of')} {about['date']})",
    ]
    lines += [f"  {word('why')}: {reason}" for reason in result.verdict.reasons]
    lines += [f"  {word('advice')}: {advice}" for advice in result.verdict.advice]
    if result.codec is not None:
        size = f"{result.width}x{result.height}" if result.width else word("unknown")
        codec = _CODECS.get(result.codec, result.codec.upper())
        lines.append(f"  {word('picture')}: {codec} {size}")
    if result.parameter_sets is not None:
        where = word("in_sdp" if result.parameter_sets.in_sdp else "in_band")
        lines.append(f"  {word('sets')}: {result.parameter_sets.codec_string}, {where}")
    if result.pictures:
        clock = result.clock_error_ms
        lines += [
            f"  {word('rate')}: {number(result.delivered_fps, word('fps'))} "
            f"({word('declares')} {number(result.declared_fps, '').strip()}), "
            f"{word('keyframe')} {number(result.gop_s, 's')}, {number(result.kbps, 'kbit/s')}",
            f"  {word('clock')}: {number(None if clock is None else clock / 1000, 's')}",
            f"  {word('sound')}: {', '.join(result.audio.codecs) or word('none')}",
        ]
    if result.source.kind:
        why = f" [{'; '.join(result.source.why)}]" if result.source.why else ""
        lines.append(f"  {word('source')}: {word(result.source.kind)}{why}")
    seen = result.onvif
    named = " ".join(filter(None, (seen.manufacturer, seen.model, seen.firmware)))
    if result.reachable:
        told = named or word("onvif_refused" if seen.refused else "onvif_none")
        lines.append(f"  {word('device')}: {' / '.join(filter(None, (result.maker, told)))}")
    for profile in seen.profiles:
        shape = f"{profile['codec']} {profile['width']}x{profile['height']}"
        lines.append(f"  {word('profiles')}: {profile['name']} {shape} {profile['uri']}")
    if result.snapshot:
        lines.append(f"  {word('snapshot')}: {result.snapshot}")
    return "\n".join(lines) + "\n"
