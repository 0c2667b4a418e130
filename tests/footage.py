"""Real coded pictures for tests: encoded with libx264 or libx265 when a test asks, never stored.

The pictures move and no two are alike; a keyframe comes every `gop` pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np

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

TICKS = fmp4.TIMESCALE
DAY_NS = 1_785_542_400_000_000_000
"""2026-08-01T00:00:00Z."""

NUMBER_BITS = 16
NUMBER_ROWS = 32
"""Each picture carries its number, in display order, in its top rows: bit 0 on the left."""


def number_of(luma: np.ndarray) -> int:
    """The number in a decoded picture's luma plane."""
    width = luma.shape[1]
    middle = luma[NUMBER_ROWS // 2]
    bits = [middle[(2 * bit + 1) * width // (2 * NUMBER_BITS)] > 128 for bit in range(NUMBER_BITS)]
    return sum(bool(on) << bit for bit, on in enumerate(bits))


@dataclass(frozen=True)
class Picture:
    """One access unit as it would have left a camera, its times in 90 kHz ticks from zero."""

    nals: bytes
    """Length-prefixed, without parameter sets."""
    keyframe: bool
    decode: int
    offset: int
    """Composition offset."""


@dataclass(frozen=True)
class Footage:
    """Pictures of one encoder."""

    video: VideoFormat
    pictures: tuple[Picture, ...]
    tick: int
    """Ticks from a picture to the next."""


@lru_cache(maxsize=16)
def footage(
    *,
    seconds: float = 4.0,
    fps: int = 25,
    size: tuple[int, int] = (320, 240),
    gop: int = 25,
    b_pictures: int = 0,
    codec: Codec = Codec.H264,
) -> Footage:
    """Encode moving pictures; the same arguments give the same object."""
    name = "libx264" if codec is Codec.H264 else "libx265"
    width, height = size
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = fps
    encoder.time_base = Fraction(1, fps)
    encoder.options = {
        "preset": "ultrafast",
        "bf": str(b_pictures),
        "g": str(gop),
        "forced-idr": "1",
    }
    if codec is Codec.H264:
        encoder.options |= {
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_pictures}"
            ":b-adapt=0:threads=1"
        }
    else:
        encoder.options |= {
            "x265-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_pictures}"
            ":b-adapt=0:pools=1:frame-threads=1:log-level=none:open-gop=0:info=0"
        }
    tick = TICKS // fps
    column = np.arange(width, dtype=np.uint16)
    row = np.arange(height, dtype=np.uint16)[:, None]
    packets: list[av.Packet] = []
    for number in range(round(seconds * fps)):
        luma = ((column + row + number * 5) % 256).astype(np.uint8)
        for bit in range(NUMBER_BITS):
            left = bit * width // NUMBER_BITS
            right = (bit + 1) * width // NUMBER_BITS
            luma[:NUMBER_ROWS, left:right] = 235 if number >> bit & 1 else 16
        chroma = np.full((2, height // 2, width // 2), (number * 3) % 256, np.uint8)
        chroma[:, : NUMBER_ROWS // 2] = 128  # so that a browser reads the number in any channel
        planes = np.vstack([luma, chroma.reshape(height // 2, width)])
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    vps, sps, pps = [], [], []
    units = [split_annexb(bytes(packet)) for packet in packets]
    for nal in [nal for unit in units for nal in unit] + split_annexb(encoder.extradata or b""):
        kind = nal_class(codec, nal)
        for wanted, place in ((Nal.VPS, vps), (Nal.SPS, sps), (Nal.PPS, pps)):
            if kind is wanted and nal not in place:
                place.append(nal)
    sets = ParameterSets(codec=codec, vps=tuple(vps), sps=tuple(sps), pps=tuple(pps))
    first_dts = packets[0].dts or 0
    pictures = []
    for packet, nals in zip(packets, units, strict=True):
        kept = [n for n in nals if nal_class(codec, n) in (Nal.SLICE, Nal.KEY_SLICE)]
        pictures.append(
            Picture(
                nals=b"".join(len(n).to_bytes(4) + n for n in kept),
                keyframe=any(nal_class(codec, n) is Nal.KEY_SLICE for n in kept),
                decode=(packet.dts - first_dts) * tick,
                offset=(packet.pts - packet.dts) * tick,
            )
        )
    return Footage(video=video_format(sets), pictures=tuple(pictures), tick=tick)


def parts_of(
    film: Footage,
    *,
    first: int = 0,
    count: int | None = None,
    wall_ns: int = DAY_NS,
    sequence: int = 0,
    per_part: int = 5,
) -> list[bytes]:
    """Parts of pictures `first` to `first + count`, decode times from 0, cut at keyframes."""
    chosen = film.pictures[first : None if count is None else first + count]
    groups: list[list[Picture]] = []
    for picture in chosen:
        if not groups or picture.keyframe or len(groups[-1]) == per_part:
            groups.append([])
        groups[-1].append(picture)
    base = chosen[0].decode
    return [
        fmp4.part(
            sequence + number,
            group[0].decode - base,
            wall_ns + (group[0].decode - base) * 100_000 // 9,
            [(film.tick, len(p.nals), p.keyframe, p.offset) for p in group],
            [p.nals for p in group],
        )
        for number, group in enumerate(groups)
    ]


IDENTITY = fmp4.Identity(
    site="k3vq7m2xw5tdhn6ryb4pcz8aej", camera="cam01", stream="main", run=bytes(range(16))
)


def segment_of(
    film: Footage,
    *,
    first: int = 0,
    count: int | None = None,
    wall_ns: int = DAY_NS,
    sequence: int = 0,
    run: bytes = IDENTITY.run,
) -> bytes:
    """A whole segment file: the init and `parts_of`."""
    identity = replace(IDENTITY, run=run)
    parts = parts_of(film, first=first, count=count, wall_ns=wall_ns, sequence=sequence)
    return fmp4.init(film.video, None, identity) + b"".join(parts)


@lru_cache(maxsize=2)
def sound(*, seconds: float = 4.0, rate: int = 16_000) -> tuple[AudioFormat, tuple[bytes, ...]]:
    """AAC of a tone that rises, as raw access units of 1024 samples."""
    encoder = av.CodecContext.create("aac", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate = rate
    encoder.layout = "mono"
    encoder.format = "fltp"
    encoder.bit_rate = 32_000
    payloads: list[bytes] = []
    for number in range(round(seconds * rate / fmp4.AAC_FRAME)):
        at = np.arange(number * fmp4.AAC_FRAME, (number + 1) * fmp4.AAC_FRAME) / rate
        tone = np.sin(2 * np.pi * (300 + 50 * at) * at).astype(np.float32) * 0.5
        frame = av.AudioFrame.from_ndarray(tone[None, :], format="fltp", layout="mono")
        frame.sample_rate = rate
        frame.pts = number * fmp4.AAC_FRAME
        payloads += [bytes(packet) for packet in encoder.encode(frame)]
    payloads += [bytes(packet) for packet in encoder.encode(None)]
    config = bytes(encoder.extradata or b"")
    return AudioFormat(sample_rate=rate, channels=1, config=config), tuple(payloads)


def segment_with_sound(
    film: Footage, *, count: int | None = None, wall_ns: int = DAY_NS, late: int = 0
) -> bytes:
    """A segment whose sound begins `late` samples after its pictures."""
    audio, payloads = sound()
    rate = audio.sample_rate
    data = fmp4.init(film.video, audio, IDENTITY)
    taken = 0
    pictures = film.pictures[:count]
    for number, begin in enumerate(range(0, len(pictures), 5)):
        group = pictures[begin : begin + 5]
        end = (group[-1].decode + film.tick) * rate // TICKS
        wanted = min(max(end - late, 0) // fmp4.AAC_FRAME, len(payloads))
        units = fmp4.AudioUnits(late + taken * fmp4.AAC_FRAME, payloads[taken:wanted])
        taken = wanted
        data += fmp4.part(
            number,
            group[0].decode,
            wall_ns + group[0].decode * 100_000 // 9,
            [(film.tick, len(p.nals), p.keyframe, p.offset) for p in group],
            [p.nals for p in group],
            units,
        )
    return data
