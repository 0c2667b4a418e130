"""What is read from parameter sets and SEI, of real encoders, of a writer of ours, and of liars."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import lru_cache

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.errors import MalformedError
from vonggac.media import h26x
from vonggac.media.h26x import (
    AudioFormat,
    Codec,
    Nal,
    ParameterSets,
    avcc,
    hvcc,
    nal_class,
    split_annexb,
    user_data,
    video_format,
)

# libx264, 704x570 at 25 pictures a second, High profile with B-pictures.
SPS = bytes.fromhex("6764001eacd940b0127e4c0440000003004000000c83c58b6580")
PPS = bytes.fromhex("68ebe3cb22c0")
# libx265, 160x120 at 25 pictures a second.
VPS_265 = bytes.fromhex("40010c01ffff01600000030090000003000003001e928090")
SPS_265 = bytes.fromhex(
    "420101016000000300900000030000 03001ea0142079659 2a4932bc05a02000003000200000300321 0".replace(
        " ", ""
    )
)
PPS_265 = bytes.fromhex("4401c172b44240")


class Writer:
    """Writes the bits that `h26x` reads, so that a test can say what a parameter set holds."""

    def __init__(self) -> None:
        self.bits = ""

    def u(self, count: int, value: int) -> Writer:
        self.bits += f"{value:0{count}b}" if count else ""
        return self

    def ue(self, *values: int) -> Writer:
        for value in values:
            code = f"{value + 1:b}"
            self.bits += "0" * (len(code) - 1) + code
        return self

    def se(self, *values: int) -> Writer:
        return self.ue(*(2 * value - 1 if value > 0 else -2 * value for value in values))

    def nal(self, header: bytes) -> bytes:
        """Trailing bits, whole bytes and emulation prevention."""
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        rbsp = int(bits, 2).to_bytes(len(bits) // 8, "big")
        escaped = bytearray()
        zeros = 0
        for byte in rbsp:
            if zeros >= 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            escaped.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return header + bytes(escaped)


def h264_sps(
    *,
    profile: int = 77,
    constraints: int = 0,
    order: int = 0,
    mbs: tuple[int, int] = (44, 36),
    progressive: bool = True,
    crop: tuple[int, int, int, int] | None = None,
    vui: Writer | None = None,
    set_id: int = 0,
) -> bytes:
    """An SPS of a profile without chroma format."""
    writer = Writer().u(8, profile).u(8, constraints).u(8, 30).ue(set_id, 0, order)
    if order == 0:
        writer.ue(2)
    elif order == 1:
        writer.u(1, 0).se(-2, 3).ue(2).se(1, -1)
    writer.ue(2).u(1, 0).ue(mbs[0] - 1, mbs[1] - 1).u(1, progressive)
    if not progressive:
        writer.u(1, 1)
    writer.u(1, 1).u(1, crop is not None)
    if crop is not None:
        writer.ue(*crop)
    writer.u(1, vui is not None)
    writer.bits += vui.bits if vui is not None else ""
    return writer.nal(b"\x67")


def h264(sps: bytes, *pps: bytes) -> ParameterSets:
    return ParameterSets(Codec.H264, (), (sps,), pps or (Writer().ue(0, 0).nal(b"\x68"),))


def timing(tick: int, scale: int) -> Writer:
    """A VUI with nothing but timing."""
    return Writer().u(4, 0).u(1, 1).u(32, tick).u(32, scale).u(1, 1).u(4, 0)


@lru_cache
def encode(codec: str, size: tuple[int, int], options: str, pixels: str = "yuv420p") -> bytes:
    """A short MP4 of an encoder, to be read by FFmpeg and by us."""
    target = io.BytesIO()
    name = "libx264" if codec == "h264" else "libx265"
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream(name, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.time_base = Fraction(1, 25)
        params = "x264-params" if codec == "h264" else "x265-params"
        quiet = "" if codec == "h264" else "log-level=none:"
        stream.options = {"preset": "ultrafast", params: quiet + options}
        for number in range(6):
            frame = av.VideoFrame(*size, pixels)
            for plane in frame.planes:
                plane.update(bytes([16 + 7 * number]) * plane.buffer_size)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def sets_of(codec: str, mp4: bytes) -> tuple[ParameterSets, bytes, int, int, float]:
    """The parameter sets, the configuration record, and size and rate as FFmpeg reads them."""
    with av.open(io.BytesIO(mp4)) as container:
        stream = container.streams.video[0]
        record = stream.codec_context.extradata
        size = stream.codec_context.width, stream.codec_context.height
        rate = float(stream.average_rate)
    found: dict[Nal, list[bytes]] = {Nal.VPS: [], Nal.SPS: [], Nal.PPS: []}
    which = Codec(codec)
    at, arrays = (5, 2) if which is Codec.H264 else (22, 0)
    if arrays:
        for mask in (0x1F, 0xFF):
            count, at = record[at] & mask, at + 1
            for _ in range(count):
                end = at + 2 + int.from_bytes(record[at : at + 2], "big")
                found[nal_class(which, record[at + 2 : end])].append(record[at + 2 : end])
                at = end
    else:
        arrays, at = record[at], at + 1
        for _ in range(arrays):
            count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
            for _ in range(count):
                end = at + 2 + int.from_bytes(record[at : at + 2], "big")
                nal = record[at + 2 : end]
                if nal_class(which, nal) in found:
                    found[nal_class(which, nal)].append(nal)
                at = end
    sets = ParameterSets(which, *(tuple(found[kind]) for kind in found))
    return sets, record, *size, rate


def test_an_h264_stream_of_x264_is_read_whole() -> None:
    read = video_format(ParameterSets(Codec.H264, (), (SPS,), (PPS,)))

    assert (read.width, read.height) == (704, 570)
    assert read.declared_fps == 25.0
    assert read.reorder_depth == 2
    assert read.pixel_aspect == (1, 1)
    assert read.codec_string == "avc1.64001e"


def test_an_h265_stream_of_x265_is_read_whole() -> None:
    read = video_format(ParameterSets(Codec.H265, (VPS_265,), (SPS_265,), (PPS_265,)))

    assert (read.width, read.height) == (160, 120)
    assert read.declared_fps == 25.0
    assert read.codec_string == "hvc1.1.6.L30.90"


@pytest.mark.parametrize(
    ("size", "options", "pixels", "profile"),
    [
        ((320, 240), "bframes=0", "yuv420p", "42"),
        ((322, 182), "bframes=3:b-pyramid=normal", "yuv420p", "4d"),
        ((704, 576), "cqm=jvt:sar=12/11:overscan=show:videoformat=pal:colorprim=bt470bg", "yuv420p",
         "64"),
        ((704, 576), "interlaced=1:bframes=1", "yuv420p", "4d"),
        ((162, 120), "bframes=0:nal-hrd=cbr:bitrate=200:vbv-maxrate=200:vbv-bufsize=200", "yuv420p",
         "42"),
        ((322, 242), "bframes=0", "yuv422p", "7a"),
        ((321, 241), "bframes=0:cqm=jvt", "yuv444p", "f4"),
        ((320, 240), "bframes=0", "yuv420p10le", "6e"),
        ((320, 240), "sar=57/43:chromaloc=2", "yuv420p", "42"),
    ],
)  # fmt: skip
def test_h264_sets_read_as_ffmpeg_reads_them(
    size: tuple[int, int], options: str, pixels: str, profile: str
) -> None:
    """FFmpeg wrote and read the same stream; its configuration record is the one to write."""
    sets, record, width, height, rate = sets_of("h264", encode("h264", size, options, pixels))

    read = video_format(sets)

    assert (read.width, read.height) == (width, height) == size
    assert read.declared_fps == rate == 25.0
    assert read.codec_string.startswith(f"avc1.{profile}")
    assert avcc(sets) == record


@pytest.mark.parametrize(
    ("size", "options", "pixels"),
    [
        ((320, 240), "bframes=0", "yuv420p"),
        ((322, 182), "bframes=3:b-pyramid=1:temporal-layers=2", "yuv420p"),
        ((704, 576), "scaling-list=default:sar=3", "yuv420p"),
        ((320, 240), "hrd=1:bitrate=200:vbv-maxrate=200:vbv-bufsize=200:aud=1", "yuv420p"),
        ((320, 240), "overscan=crop:videoformat=pal:colorprim=bt709:chromaloc=2", "yuv420p"),
        ((322, 242), "bframes=0", "yuv422p"),
        ((321, 241), "bframes=0", "yuv444p"),
        ((320, 240), "bframes=4:high-tier=1", "yuv420p10le"),
        ((320, 240), "ref=3:no-open-gop=1:repeat-headers=1", "yuv420p"),
    ],
)
def test_h265_sets_read_as_ffmpeg_reads_them(
    size: tuple[int, int], options: str, pixels: str
) -> None:
    sets, record, width, height, rate = sets_of("h265", encode("h265", size, options, pixels))

    read = video_format(sets)
    written = hvcc(sets)

    assert (read.width, read.height) == (width, height) == size
    assert read.declared_fps == rate == 25.0
    assert written[:13] == record[:13]
    assert written[16:19] == record[16:19]
    assert sets_of_record(written) == sets


def sets_of_record(record: bytes) -> ParameterSets:
    """The sets of an hvcC as ISO/IEC 14496-15 lays it out."""
    kinds: list[tuple[bytes, ...]] = []
    at = 23
    for _ in range(record[22]):
        count, at = int.from_bytes(record[at + 1 : at + 3], "big"), at + 3
        nals = []
        for _ in range(count):
            end = at + 2 + int.from_bytes(record[at : at + 2], "big")
            nals.append(record[at + 2 : end])
            at = end
        kinds.append(tuple(nals))
    assert at == len(record)
    return ParameterSets(Codec.H265, *kinds)


def test_the_reorder_depth_comes_from_profile_order_type_or_vui() -> None:
    """A wrong 0 would put B-pictures out of order; -1 says that nobody knows."""
    restricted = Writer().u(8, 0).u(1, 1).u(1, 1).ue(0, 0, 0, 0, 3, 4)
    impossible = Writer().u(8, 0).u(1, 1).u(1, 1).ue(0, 0, 0, 0, 5, 4)

    assert video_format(h264(h264_sps())).reorder_depth == -1
    assert video_format(h264(h264_sps(profile=66))).reorder_depth == 0
    assert video_format(h264(h264_sps(order=2))).reorder_depth == 0
    assert video_format(h264(h264_sps(order=1))).reorder_depth == -1
    assert video_format(h264(h264_sps(constraints=0x04))).reorder_depth == 0
    assert video_format(h264(h264_sps(vui=restricted))).reorder_depth == 3
    assert video_format(h264(h264_sps(vui=impossible))).reorder_depth == -1


def test_field_coding_doubles_the_height_and_the_cropping_unit() -> None:
    read = video_format(h264(h264_sps(mbs=(120, 34), progressive=False, crop=(0, 0, 0, 2))))

    assert (read.width, read.height) == (1920, 1080)


def test_a_vui_that_runs_off_its_end_is_absent_and_the_pictures_still_record() -> None:
    """Cameras send a VUI whose announced HRD is not there."""
    cut = Writer().u(4, 0).u(1, 1).u(32, 1).u(32, 50).u(1, 1).u(1, 1)

    read = video_format(h264(h264_sps(vui=cut)))

    assert (read.width, read.height, read.declared_fps) == (704, 576, None)


@pytest.mark.parametrize(
    ("tick", "scale", "fps"),
    [
        (1, 50, 25.0),
        (1001, 60_000, 30_000 / 1001),
        (0, 50, None),
        (1, 0, None),
        (1, 4_000_000_000, None),
        (4_000_000_000, 1, None),
        (10, 4, 0.2),
    ],
)
def test_a_declared_rate_is_taken_only_if_a_camera_can_have_it(
    tick: int, scale: int, fps: float | None
) -> None:
    assert video_format(h264(h264_sps(vui=timing(tick, scale)))).declared_fps == fps


def test_scaling_lists_of_an_h264_sps_are_passed_over() -> None:
    """Their length depends on their content: a list ends early when a scale becomes 0."""
    writer = Writer().u(8, 100).u(16, 30).ue(0, 1, 0, 0).u(1, 0).u(1, 1)
    writer.u(1, 1).se(*[1] * 16).u(1, 1).se(-8).u(4, 0).u(1, 1).se(*[0] * 63, 2).u(1, 0)
    writer.ue(0, 2).ue(2).u(1, 0).ue(19, 14).u(1, 1).u(1, 1).u(1, 0).u(1, 0)

    read = video_format(h264(writer.nal(b"\x67")))

    assert (read.width, read.height) == (320, 240)


def test_an_aspect_of_zero_or_of_the_future_means_square_pixels() -> None:
    zero = Writer().u(1, 1).u(8, 255).u(16, 0).u(16, 7).u(8, 0)
    future = Writer().u(1, 1).u(8, 99).u(8, 0)
    wide = Writer().u(1, 1).u(8, 255).u(16, 64).u(16, 45).u(8, 0)

    assert video_format(h264(h264_sps(vui=zero))).pixel_aspect == (1, 1)
    assert video_format(h264(h264_sps(vui=future))).pixel_aspect == (1, 1)
    assert video_format(h264(h264_sps(vui=wide))).pixel_aspect == (64, 45)


def test_a_rate_that_only_the_vps_states_is_found_there() -> None:
    """The SPS here ends its VUI-less tail; the VPS carries 15 pictures a second."""
    general = Writer().u(8, 1).u(32, 0x60000000).u(48, 0x900000000000).u(8, 93)
    vps = Writer().u(4, 0).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xFFFF)
    vps.bits += general.bits
    vps.u(1, 1).ue(4, 0, 0).u(6, 0).ue(0).u(1, 1).u(32, 1).u(32, 15)

    sets = ParameterSets(Codec.H265, (vps.nal(b"\x40\x01"),), (h265_sps(),), (PPS_265,))

    assert video_format(sets).declared_fps == 15.0
    vps.bits = vps.bits[: -1 - 64] + "0"
    sets = ParameterSets(Codec.H265, (vps.nal(b"\x40\x01"),), (h265_sps(),), (PPS_265,))
    assert video_format(sets).declared_fps is None
    silent = Writer().u(4, 0)
    sets = ParameterSets(Codec.H265, (silent.nal(b"\x40\x01"),), (h265_sps(),), (PPS_265,))
    assert video_format(sets).declared_fps is None


def h265_sps(
    *,
    size: tuple[int, int] = (1920, 1088),
    sub_layers: int = 1,
    flags: tuple[int, int] = (1, 1),
    tail: Writer | None = None,
    depth: int = 0,
) -> bytes:
    """An SPS without VUI, or with a tail of the caller's."""
    writer = Writer().u(4, 0).u(3, sub_layers - 1).u(1, 1)
    writer.u(8, 0x21).u(32, 0x60000000).u(48, 0x900000000000).u(8, 123)
    for _ in range(sub_layers - 1):
        writer.u(1, flags[0]).u(1, flags[1])
    if sub_layers > 1:
        writer.u(2 * (9 - sub_layers), 0)
    for _ in range(sub_layers - 1):
        writer.u(88 * flags[0], 0).u(8 * flags[1], 0)
    writer.ue(0, 1, size[0], size[1]).u(1, 1).ue(0, 0, 0, 4).ue(depth, depth, 4)
    writer.u(1, 0).ue(4, 2, 0)
    writer.bits += tail.bits if tail is not None else plain_tail().bits
    return writer.nal(b"\x42\x01")


def plain_tail() -> Writer:
    return Writer().ue(0, 3, 0, 3, 0, 0).u(1, 0).u(2, 0).u(1, 0).ue(0).u(1, 0).u(2, 0).u(1, 0)


def test_everything_that_stands_before_the_timing_of_an_h265_sps_is_passed_over() -> None:
    """Scaling lists, PCM, predicted reference sets, long-term references, a display window."""
    tail = Writer().ue(0, 3, 0, 3, 0, 0).u(1, 1).u(1, 1)
    for size in range(4):
        for matrix in range(2 if size == 3 else 6):
            if matrix == 0:
                tail.u(1, 0).ue(0)
                continue
            tail.u(1, 1)
            if size > 1:
                tail.se(-3)
            tail.se(*[1] * min(64, 1 << (4 + 2 * size)))
    tail.u(2, 3)
    tail.u(1, 1).u(8, 0x77).ue(0, 1).u(1, 1)
    tail.ue(3)
    tail.ue(1, 1).ue(0).u(1, 1).ue(0).u(1, 1)
    tail.u(1, 1).u(1, 0).ue(0).u(1, 1).u(1, 0).u(1, 1).u(1, 0).u(1, 0)
    tail.u(1, 0).ue(1, 0).ue(2).u(1, 1)
    tail.u(1, 1).ue(2).u(9, 5).u(9, 6)
    tail.u(2, 3).u(1, 1)
    tail.u(1, 1).u(8, 1).u(1, 1).u(1, 0).u(1, 1).u(4, 0).u(1, 1).u(24, 0).u(1, 1).ue(0, 0)
    tail.u(3, 0).u(1, 1).ue(0, 0, 0, 0).u(1, 1).u(32, 1).u(32, 12)

    sets = ParameterSets(Codec.H265, (VPS_265,), (h265_sps(tail=tail, sub_layers=3),), (PPS_265,))

    read = video_format(sets)
    assert (read.width, read.height, read.declared_fps) == (1920, 1080, 12.0)
    assert read.reorder_depth == 2
    assert read.codec_string == "hvc1.1.6.H123.90"


@given(
    mbs=st.tuples(st.integers(1, 512), st.integers(1, 512)),
    crop=st.tuples(*[st.integers(0, 3)] * 4),
    fps=st.integers(1, 120),
    depth=st.integers(0, 16),
    set_id=st.integers(0, 31),
)
def test_what_an_h264_sps_was_written_with_is_read_back(
    mbs: tuple[int, int], crop: tuple[int, int, int, int], fps: int, depth: int, set_id: int
) -> None:
    vui = Writer().u(4, 0).u(1, 1).u(32, 1).u(32, 2 * fps).u(1, 1).u(3, 0).u(1, 1).u(1, 1)
    vui.ue(0, 0, 0, 0, depth, 16)
    sps = h264_sps(mbs=mbs, crop=crop, vui=vui, set_id=set_id)

    read = video_format(h264(sps, Writer().ue(9, set_id).nal(b"\x68")))

    assert read.width == 16 * mbs[0] - 2 * (crop[0] + crop[1])
    assert read.height == 16 * mbs[1] - 2 * (crop[2] + crop[3])
    assert (read.declared_fps, read.reorder_depth) == (fps, depth)


LIES = {
    "no SPS": ParameterSets(Codec.H264, (), (), (PPS,)),
    "no PPS": ParameterSets(Codec.H264, (), (SPS,), ()),
    "no VPS": ParameterSets(Codec.H265, (), (SPS_265,), (PPS_265,)),
    "too many sets": h264(SPS, *[PPS] * 17),
    "empty SPS": h264(b""),
    "SPS of one byte": h264(b"\x67"),
    "SPS cut short": h264(SPS[:6]),
    "SPS that is none": h264(b"\x68" + SPS[1:]),
    "SPS too long": h264(SPS + bytes(5000)),
    "PPS of another SPS": h264(SPS, Writer().ue(0, 3).nal(b"\x68")),
    "PPS that is none": h264(SPS, SPS),
    "empty PPS": h264(SPS, b""),
    "too wide": h264(h264_sps(mbs=(513, 4))),
    "too high": h264(h264_sps(mbs=(4, 513))),
    "too high in fields": h264(h264_sps(mbs=(4, 300), progressive=False)),
    "cropped away": h264(h264_sps(mbs=(1, 1), crop=(4, 4, 0, 0))),
    "id out of range": h264(h264_sps(set_id=32)),
    "order type 3": h264(h264_sps(order=3)),
    "endless exp-Golomb": h264(b"\x67\x4d\x00\x1e" + bytes(20) + b"\x01"),
    "H.265 SPS that is none": ParameterSets(Codec.H265, (VPS_265,), (VPS_265,), (PPS_265,)),
    "H.265 VPS that is none": ParameterSets(Codec.H265, (PPS_265,), (h265_sps(),), (PPS_265,)),
    "H.265 without size": ParameterSets(
        Codec.H265, (VPS_265,), (h265_sps(size=(0, 8)),), (PPS_265,)
    ),
    "H.265 too wide": ParameterSets(
        Codec.H265, (VPS_265,), (h265_sps(size=(8193, 8)),), (PPS_265,)
    ),
    "H.265 of 16 bits": ParameterSets(Codec.H265, (VPS_265,), (h265_sps(depth=8),), (PPS_265,)),
    "H.265 of 8 sub-layers": ParameterSets(
        Codec.H265, (VPS_265,), (b"\x42\x01\x0f" + SPS_265[3:],), (PPS_265,)
    ),
}


@pytest.mark.parametrize("sets", LIES.values(), ids=LIES.keys())
def test_sets_that_lie_are_malformed(sets: ParameterSets) -> None:
    with pytest.raises(MalformedError):
        video_format(sets)


def test_records_refuse_sets_of_the_other_codec_and_what_does_not_fit() -> None:
    h265 = ParameterSets(Codec.H265, (VPS_265,), (SPS_265,), (PPS_265,))
    for refused in (h265, ParameterSets(Codec.H264, (), (SPS,), ()), h264(SPS, *[PPS] * 17)):
        with pytest.raises(MalformedError):
            avcc(refused)
    for refused in (h264(SPS), ParameterSets(Codec.H265, (VPS_265,), (SPS_265,), ())):
        with pytest.raises(MalformedError):
            hvcc(refused)
    with pytest.raises(MalformedError):
        avcc(h264(SPS, PPS + bytes(5000)))


def test_a_record_of_main_profile_ends_with_its_pps() -> None:
    """Chroma format and depths follow only for the High family (14496-15, 5.3.3.1.2)."""
    sps = h264_sps()
    pps = Writer().ue(0, 0).nal(b"\x68")

    record = avcc(h264(sps, pps))

    assert record[:6] == bytes.fromhex("014d001effe1")
    assert record.endswith(b"\x01" + len(pps).to_bytes(2, "big") + pps)


def test_nal_units_are_told_apart() -> None:
    h264_kinds = {0x41: Nal.SLICE, 0x65: Nal.KEY_SLICE, 0x67: Nal.SPS, 0x68: Nal.PPS}
    h264_kinds |= {0x06: Nal.SEI, 0x09: Nal.AUD, 0x0C: Nal.FILLER, 0x0A: Nal.OTHER}
    h264_kinds |= {0xE7: Nal.BROKEN, 0x02: Nal.SLICE}
    h265_kinds = {0x02: Nal.SLICE, 0x26: Nal.KEY_SLICE, 0x2A: Nal.KEY_SLICE, 0x40: Nal.VPS}
    h265_kinds |= {0x42: Nal.SPS, 0x44: Nal.PPS, 0x46: Nal.AUD, 0x4C: Nal.FILLER, 0x4E: Nal.SEI}
    h265_kinds |= {0x50: Nal.SEI, 0x48: Nal.OTHER, 0xC2: Nal.BROKEN, 0x18: Nal.OTHER}

    for head, kind in h264_kinds.items():
        assert nal_class(Codec.H264, bytes([head])) is kind
    for head, kind in h265_kinds.items():
        assert nal_class(Codec.H265, bytes([head, 1])) is kind
    assert nal_class(Codec.H264, b"") is Nal.BROKEN
    assert nal_class(Codec.H265, b"\x02") is Nal.BROKEN


def test_a_byte_stream_is_split_at_its_start_codes() -> None:
    stream = b"junk\x00\x00\x00\x01\x67abc\x00\x00\x01\x68d\x00\x00\x00\x01\x00\x00\x01\x65\x00\x01"

    assert split_annexb(stream) == [b"\x67abc", b"\x68d", b"\x65\x00\x01"]
    assert split_annexb(b"") == []


UUID = bytes.fromhex("9b2f6e0a7c514d278a5356474e554d31")


def test_unregistered_user_data_is_found_behind_other_messages_in_both_codecs() -> None:
    message = b"\x05\x1c" + UUID + b"\x01" * 12
    for header in (b"\x06", b"\x4e\x01", b"\x50\x01"):
        nal = header + b"\x00\x02\xaa\xbb" + message + b"\x80"
        assert user_data(nal) == (UUID, b"\x01" * 12)


def test_user_data_of_more_than_255_bytes_and_with_emulation_prevention_is_whole() -> None:
    payload = b"\x00\x00\x01" * 200
    escaped = payload.replace(b"\x00\x00\x01", b"\x00\x00\x03\x01")
    nal = b"\x06\x05\xff\xff" + bytes([616 - 510]) + UUID + escaped + b"\x80"

    assert user_data(nal) == (UUID, payload)


@pytest.mark.parametrize(
    "nal",
    [
        b"",
        b"\x06\x05",
        b"\x65" + bytes(40),
        b"\x06\x05\x1c" + UUID,
        b"\x06\x05\x04abcd\x80",
        b"\x06\xff\xff\xff",
        b"\x06\x05\xff\xff\xff",
        b"\x06\x06\x01\xc4\x80",
    ],
)
def test_sei_without_whole_user_data_has_none(nal: bytes) -> None:
    assert user_data(nal) is None


def test_recovery_points_and_intra_slices_of_h264_are_recognised() -> None:
    assert h26x.recovery_frames(b"\x06\x06\x01\xc4\x80") == 0
    assert h26x.recovery_frames(b"\x06\x06\x01\x2c\x80") == 4
    assert h26x.recovery_frames(b"\x06\x06\x01\x00\x80") is None
    assert h26x.recovery_frames(b"\x06\x05\x01\x00\x80") is None
    assert h26x.is_intra_slice(b"\x41" + Writer().ue(0, 7, 0).nal(b"")) is True
    assert h26x.is_intra_slice(b"\x41" + Writer().ue(0, 2, 0).nal(b"")) is True
    assert h26x.is_intra_slice(b"\x41" + Writer().ue(0, 5, 0).nal(b"")) is False
    assert h26x.is_intra_slice(b"\x41") is False


def test_a_pps_that_cannot_be_read_has_no_id() -> None:
    assert h26x.pps_id(Codec.H264, Writer().ue(7, 0).nal(b"\x68")) == 7
    assert h26x.pps_id(Codec.H265, PPS_265) == 0
    assert h26x.pps_id(Codec.H264, b"\x68") == -1


def test_aac_codec_strings_name_the_object_type() -> None:
    assert AudioFormat(16_000, 1, bytes.fromhex("1408")).codec_string == "mp4a.40.2"
    assert AudioFormat(48_000, 2, bytes.fromhex("f94c")).codec_string == "mp4a.40.42"
    assert AudioFormat(8_000, 1, b"").codec_string == "mp4a.40.2"


@given(st.sampled_from([SPS, PPS]), st.data())
def test_mutated_h264_sets_raise_nothing_but_malformed(_which: bytes, data: st.DataObject) -> None:
    """Whatever a broken camera sends, the process lives and the sizes are bounded."""
    check_mutated(Codec.H264, (b"", SPS, PPS), data)


@given(st.data())
def test_mutated_h265_sets_raise_nothing_but_malformed(data: st.DataObject) -> None:
    check_mutated(Codec.H265, (VPS_265, SPS_265, PPS_265), data)


def check_mutated(codec: Codec, nals: tuple[bytes, ...], data: st.DataObject) -> None:
    mutated = []
    for nal in nals:
        changed = bytearray(nal)
        for _ in range(data.draw(st.integers(0, 4))):
            if changed:
                changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(
                    st.integers(0, 255)
                )
        mutated.append(bytes(changed[: data.draw(st.integers(0, len(changed)))] or changed))
    vps, sps, pps = ((nal,) if nal else () for nal in mutated)
    sets = ParameterSets(codec, vps, sps, pps)
    try:
        read = video_format(sets)
    except MalformedError:
        return
    assert 0 < read.width <= 8192
    assert 0 < read.height <= 8192
    assert -1 <= read.reorder_depth <= 16
    assert read.codec_string[:4] in ("avc1", "hvc1")
    assert len(avcc(sets) if codec is Codec.H264 else hvcc(sets)) < 20_000


@given(st.binary(max_size=300))
def test_any_bytes_can_be_asked_for_user_data_and_split(noise: bytes) -> None:
    user_data(b"\x06" + noise)
    h26x.recovery_frames(b"\x06" + noise)
    h26x.is_intra_slice(noise)
    h26x.pps_id(Codec.H265, noise)
    assert sum(map(len, split_annexb(noise))) <= len(noise)
