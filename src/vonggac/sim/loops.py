"""A loop: some seconds of coded pictures that a virtual camera sends over and over.

Coding happens once, before the camera starts, and is kept in a cache folder; sending a loop costs
no more than copying it. A loop begins with an IDR and holds an even number of them, so that
`idr_pic_id` also differs where its end meets its beginning (H.264 clause 7.4.3).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import msgspec
import numpy as np

from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.sim.numbering import nals_of_annex_b, nals_of_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

CodecName = Literal["h264", "h265"]

GOP_SECONDS = 2
"""What cameras of the makers sold in Việt Nam are set to out of the box (GOP 50 at 25/s)."""
LOOP_SECONDS = 8
"""Long enough that a wall of tiles does not look like a loop, short enough to code at once."""
MAX_FILE_PICTURES = 3000
"""A file loop is held in memory; two minutes at 25/s."""

_TICKS = 90_000
_DRAWING = frozenset(
    f"{name}.py"
    for name in (
        "drawing",
        "loops",
        "scenes",
        "raster",
        "lettering",
        "places",
        "corridors",
        "figures",
    )
)


class CodedPicture(msgspec.Struct, frozen=True, array_like=True):
    """One picture of a loop."""

    keyframe: bool
    slices: list[bytes]
    """NAL units without start codes or parameter sets, in decoding order."""
    shift: int = 0
    """Presentation minus decoding time in 90 kHz ticks; not 0 only where pictures are reordered."""


class Loop(msgspec.Struct, frozen=True):
    """Coded pictures with the parameter sets they need."""

    codec: CodecName
    width: int
    height: int
    fps: float
    sets: list[bytes]
    """VPS, SPS and PPS NAL units in that order."""
    pictures: list[CodedPicture]
    band_rows: int = 0
    """Macroblock rows at the top which are a slice of their own, for the clock; 0 if none."""
    band: bytes = b""
    """The band as it was drawn: Y, then U, then V, of the coded width; empty if none."""

    @property
    def size(self) -> int:
        """Bytes of all slices."""
        return sum(len(nal) for picture in self.pictures for nal in picture.slices)


class Drawn(msgspec.Struct, frozen=True):
    """What is to be coded: a source of I420 pictures and how."""

    width: int
    height: int
    fps: float
    codec: CodecName
    kbps: int
    """At most this, band excluded; padding up to it is the sender's."""
    band_rows: int


def from_pictures(
    drawn: Drawn,
    pictures: Iterator[npt.NDArray[np.uint8]],
) -> Loop:
    """Code I420 pictures (array of height*3/2 by width) into a loop.

    With `band_rows` the top of the first picture becomes the band, and is then overwritten in the
    pictures: nothing may move there. Blocks for as long as drawing and coding take, and lets go of
    the GIL only while coding.
    """
    context = _encoder(drawn)
    coded: list[list[bytes]] = []
    fence = _fence(drawn.width)
    band = b""
    for index, picture in enumerate(pictures):
        if drawn.band_rows:
            if not band:
                band = _band_of(picture, drawn)
            picture[: drawn.band_rows * 16] = fence
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = index
        coded.extend(nals_of_annex_b(bytes(packet)) for packet in context.encode(frame))
    coded.extend(nals_of_annex_b(bytes(packet)) for packet in context.encode(None))
    sets: list[bytes] = []
    taken = []
    for units in coded:
        slices = []
        for nal in units:
            match _sort(nal, drawn.codec):
                case "set":
                    if nal not in sets:
                        sets.append(nal)
                case "slice":
                    slices.append(nal)
                case "other":
                    pass
        taken.append(CodedPicture(_is_keyframe(slices[0], drawn.codec), slices))
    return Loop(
        codec=drawn.codec,
        width=drawn.width,
        height=drawn.height,
        fps=drawn.fps,
        sets=sets,
        pictures=taken,
        band_rows=drawn.band_rows,
        band=band,
    )


def from_file(path: Path) -> Loop:
    """The access units of a video file, as they are; nothing is coded again.

    Raises:
        VonggacError: the file cannot be read, or is neither H.264 nor H.265.
    """
    try:
        with av.open(str(path)) as container:
            return _loop_of(container, path)
    except (OSError, IndexError, av.FFmpegError) as error:
        raise ConfigError(f"cannot read a video stream from {path}: {error}") from error


def _loop_of(container: av.container.InputContainer, path: Path) -> Loop:
    stream = container.streams.video[0]
    name = stream.codec_context.name
    if name not in ("h264", "hevc"):
        raise VonggacError(
            Kind.UNSUPPORTED, f"{path} holds {name}; a virtual camera sends H.264 or H.265"
        )
    codec: CodecName = "h264" if name == "h264" else "h265"
    extra = bytes(stream.codec_context.extradata or b"")
    prefixed = bool(extra) and extra[0] == 1
    sets = _sets_of(extra, codec) if prefixed else nals_of_annex_b(extra)
    time_base = stream.time_base or Fraction(1, _TICKS)
    pictures: list[CodedPicture] = []
    for packet in container.demux(stream):
        if not packet.size or len(pictures) >= MAX_FILE_PICTURES:
            continue
        sample = bytes(packet)
        units = list(nals_of_sample(sample)) if prefixed else nals_of_annex_b(sample)
        slices = []
        for nal in units:
            kind = _sort(nal, codec)
            if kind == "set" and nal not in sets:
                sets.append(nal)
            elif kind == "slice":
                slices.append(nal)
        keyframe = bool(slices) and _is_keyframe(slices[0], codec)
        if not slices or (not pictures and not keyframe):
            continue
        shift = (packet.pts or 0) - (packet.dts if packet.dts is not None else packet.pts or 0)
        pictures.append(CodedPicture(keyframe, slices, round(shift * time_base * _TICKS)))
    if not pictures:
        raise VonggacError(Kind.BAD_INPUT, f"{path} holds no keyframe")
    rate = stream.average_rate or stream.base_rate or Fraction(25)
    return Loop(
        codec=codec,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        fps=float(rate),
        sets=sorted(sets, key=lambda nal: _set_order(nal, codec)),
        pictures=pictures,
    )


def default_cache() -> Path:
    """Where coded loops are kept: the user's cache folder, as the XDG specification names it."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "vonggac" / "loops"


def cached(cache: Path | None, key: object) -> Loop | None:
    """The loop kept under that key, or None; an unreadable one counts as none."""
    if cache is None:
        return None
    try:
        return msgspec.msgpack.decode(_place(cache, key).read_bytes(), type=Loop)
    except (OSError, msgspec.MsgspecError):
        return None


def keep(cache: Path | None, key: object, loop: Loop) -> None:
    """Keep a loop under that key; a cache that cannot be written is no failure."""
    if cache is None:
        return
    place = _place(cache, key)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as out:
            out.write(msgspec.msgpack.encode(loop))
        Path(out.name).replace(place)
    except OSError:
        return


def _band_of(picture: npt.NDArray[np.uint8], drawn: Drawn) -> bytes:
    """The band's Y, U and V, widened to whole macroblocks by repeating the last column."""
    rows, wide = drawn.band_rows * 16, -(-drawn.width // 16) * 16
    chroma = picture[drawn.height :].reshape(2, drawn.height // 2, drawn.width // 2)
    planes = [picture[:rows], chroma[0, : rows // 2], chroma[1, : rows // 2]]
    wides = [wide, wide // 2, wide // 2]
    return b"".join(
        np.pad(plane, ((0, 0), (0, width - plane.shape[1])), "edge").tobytes()
        for plane, width in zip(planes, wides, strict=True)
    )


def _fence(width: int) -> npt.NDArray[np.uint8]:
    """Stripes that resemble nothing in a scene.

    The decoder will see a clock where the encoder saw these, so no motion vector may ever point
    there: the encoder must find nothing worth pointing at.
    """
    return np.where(np.arange(width) // 4 % 2, 235, 16).astype(np.uint8)


def _place(cache: Path, key: object) -> Path:
    digest = hashlib.sha256(msgspec.json.encode([_drawing_code(), key])).hexdigest()
    return cache / f"{digest[:32]}.loop"


def _drawing_code() -> str:
    """A digest of the modules that decide what a loop looks like, so that none goes stale."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(here.glob("*.py")):
        if path.name in _DRAWING:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _encoder(drawn: Drawn) -> av.VideoCodecContext:
    interval = round(drawn.fps * GOP_SECONDS)
    context = av.CodecContext.create("libx264" if drawn.codec == "h264" else "libx265", "w")
    rate = Fraction(drawn.fps).limit_denominator(1001)
    context.width, context.height = drawn.width, drawn.height
    context.pix_fmt = "yuv420p"
    context.framerate = rate
    context.time_base = 1 / rate
    context.thread_count = 1
    common: dict[str, int | str] = {
        "keyint": interval,
        "min-keyint": interval,
        "scenecut": 0,
        "bframes": 0,
        "ref": 1,
        "rc-lookahead": 0,
        "crf": 22,
        "vbv-maxrate": drawn.kbps,
        "vbv-bufsize": drawn.kbps,
        "repeat-headers": 1,
        # What `raster.yuv` makes; players guess otherwise below 720 lines.
        "colorprim": "bt709",
        "transfer": "bt709",
        "colormatrix": "bt709",
    }
    if drawn.codec == "h264":
        # What the clock's hand-written slices rely on: CAVLC, no deblocking, no weighted
        # prediction, 4x4 transform only, and the band as the picture's first slice.
        common |= {
            "sync-lookahead": 0,
            "mbtree": 0,
            "cabac": 0,
            "8x8dct": 0,
            "weightp": 0,
            "no-deblock": 1,
            "aud": 0,
        }
        if drawn.band_rows:
            macroblocks = drawn.band_rows * -(-drawn.width // 16)
            common |= {"slice-max-mbs": macroblocks, "slices-max": 1}
        name = "x264-params"
    else:
        common |= {
            "open-gop": 0,
            "pools": "none",
            "frame-threads": 1,
            "log-level": "error",
            "info": 0,
        }
        name = "x265-params"
    context.options = {
        # The demo's first start waits for the coding; what it saves in bits is padded back anyway.
        "preset": "superfast" if drawn.codec == "h264" else "ultrafast",
        name: ":".join(f"{key}={value}" for key, value in common.items()),
    }
    return context


def _sort(nal: bytes, codec: CodecName) -> Literal["set", "slice", "other"]:
    if codec == "h264":
        kind = nal[0] & 31
        return "set" if kind in (7, 8) else "slice" if kind in (1, 5) else "other"
    kind = nal[0] >> 1 & 63
    return "set" if kind in (32, 33, 34) else "slice" if kind < 32 else "other"


def _set_order(nal: bytes, codec: CodecName) -> int:
    return nal[0] & 31 if codec == "h264" else nal[0] >> 1 & 63


def _is_keyframe(nal: bytes, codec: CodecName) -> bool:
    if codec == "h264":
        return nal[0] & 31 == 5
    return 16 <= (nal[0] >> 1 & 63) <= 21


def _sets_of(extra: bytes, codec: CodecName) -> list[bytes]:
    """Parameter sets of an avcC or hvcC record (ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1)."""
    found = []

    def take(at: int, count: int) -> int:
        for _ in range(count):
            size = int.from_bytes(extra[at : at + 2], "big")
            found.append(extra[at + 2 : at + 2 + size])
            at += 2 + size
        return at

    if codec == "h264":
        at = take(6, extra[5] & 31)
        take(at + 1, extra[at] if at < len(extra) else 0)
    else:
        at = 23
        for _ in range(extra[22]):
            at = take(at + 3, int.from_bytes(extra[at + 1 : at + 3], "big"))
    return found
