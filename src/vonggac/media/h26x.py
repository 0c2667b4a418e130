"""What H.264 and H.265 streams say about themselves: parameter sets, NAL units, SEI.

References are to ITU-T H.264 (08/2021), ITU-T H.265 (08/2021), ISO/IEC 14496-15 for the
configuration records and RFC 6381 with ISO/IEC 14496-15 annex E for codec strings.

Everything here comes from a camera and may lie: each size, count and identifier is checked,
and `MalformedError` is the only exception that outside bytes can cause.  A VUI that runs off
its end is taken for absent instead, because such cameras exist and their pictures decode.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from vonggac.errors import MalformedError

MAX_SIDE = 8192
"""Pixels of a side that we accept; four times 4K, and far below what could hurt."""
MAX_SET_BYTES = 4096
"""Bytes of one parameter set that we accept; those of real cameras have 10 to 200."""
MAX_SETS = 16
"""Parameter sets of one kind that we keep; H.264 allows 32 SPS and cameras send one."""
MAX_FPS = 1000.0
"""A VUI that declares more pictures a second than this, or fewer than 1/60, says nothing."""

SEI_USER_DATA_UNREGISTERED = 5
SEI_RECOVERY_POINT = 6

# H.264 table 7-3: these profiles carry chroma format and bit depths in the SPS.
_H264_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
# H.264 table E-1 and H.265 table E.1: sample aspect ratios by aspect_ratio_idc.
_ASPECTS = (
    (1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
_EXTENDED_SAR = 255
_MAX_REORDER = 16


class Codec(StrEnum):
    """The video codecs that are recorded."""

    H264 = "h264"
    H265 = "h265"


class Nal(IntEnum):
    """What a NAL unit is to us, whatever the codec."""

    OTHER = 0
    """Kept as it is: partitions, extensions, end of sequence, what we do not know."""
    SLICE = 1
    """Coded picture data that needs other pictures."""
    KEY_SLICE = 2
    """Coded picture data of an IDR (H.264) or IRAP (H.265) picture."""
    VPS = 3
    SPS = 4
    PPS = 5
    SEI = 6
    AUD = 7
    """Access unit delimiter: ends a picture, is not stored."""
    FILLER = 8
    """Bytes that fill a constant bit rate; not stored."""
    BROKEN = 9
    """The forbidden bit is set: the sender itself says that it is damaged."""


def _h264_class(head: int) -> Nal:
    if head & 0x80:
        return Nal.BROKEN
    kinds = {1: Nal.SLICE, 2: Nal.SLICE, 5: Nal.KEY_SLICE, 6: Nal.SEI, 7: Nal.SPS, 8: Nal.PPS}
    kinds |= {9: Nal.AUD, 12: Nal.FILLER}
    return kinds.get(head & 31, Nal.OTHER)


def _h265_class(head: int) -> Nal:
    if head & 0x80:
        return Nal.BROKEN
    kind = (head >> 1) & 63
    if kind <= 9:
        return Nal.SLICE
    if 16 <= kind <= 23:
        return Nal.KEY_SLICE
    kinds = {32: Nal.VPS, 33: Nal.SPS, 34: Nal.PPS, 35: Nal.AUD, 38: Nal.FILLER}
    kinds |= {39: Nal.SEI, 40: Nal.SEI}
    return kinds.get(kind, Nal.OTHER)


NAL_CLASSES: dict[Codec, bytes] = {
    Codec.H264: bytes(_h264_class(head) for head in range(256)),
    Codec.H265: bytes(_h265_class(head) for head in range(256)),
}
"""`NAL_CLASSES[codec][first byte of the NAL unit]` is its `Nal`; for loops that cannot call."""


def nal_class(codec: Codec, nal: bytes) -> Nal:
    """What a NAL unit is; an empty one is `Nal.BROKEN`."""
    if len(nal) < (1 if codec is Codec.H264 else 2):
        return Nal.BROKEN
    return Nal(NAL_CLASSES[codec][nal[0]])


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The raw parameter sets of a stream: NAL units without start codes or lengths."""

    codec: Codec
    vps: tuple[bytes, ...] = ()
    sps: tuple[bytes, ...] = ()
    pps: tuple[bytes, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether a decoder can start with them."""
        return bool(self.sps and self.pps and (self.vps or self.codec is Codec.H264))


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a stream's pictures are, read from its parameter sets."""

    codec: Codec
    width: int
    """Pixels, after cropping."""
    height: int
    """Pixels, after cropping."""
    sets: ParameterSets
    declared_fps: float | None
    """Pictures a second that the VUI (H.265: or the VPS) declares; None if it does not."""
    reorder_depth: int
    """How many pictures may precede another in decoding and follow it in display; -1: unknown."""
    pixel_aspect: tuple[int, int] = (1, 1)
    """Width and height of a pixel; 704x576 cameras declare (12, 11)."""

    @property
    def codec_string(self) -> str:
        """As RFC 6381 writes it: `avc1.64001f`, `hvc1.1.6.L93.B0`."""
        if self.codec is Codec.H264:
            return "avc1." + self.sets.sps[0][1:4].hex()
        return _hvc1(_h265_sps(self.sets.sps[0]))


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """AAC as it stands in a recording."""

    sample_rate: int
    """Samples a second of one channel; also the RTP clock of RFC 3640 streams."""
    channels: int
    config: bytes
    """AudioSpecificConfig, ISO/IEC 14496-3 section 1.6.2.1."""

    @property
    def codec_string(self) -> str:
        """`mp4a.40.2` for AAC-LC; the last number is the audio object type."""
        kind = self.config[0] >> 3 if self.config else 2
        if kind == 31 and len(self.config) >= 2:
            kind = 32 + ((self.config[0] & 7) << 3 | self.config[1] >> 5)
        return f"mp4a.40.{kind}"


def video_format(sets: ParameterSets) -> VideoFormat:
    """Read a stream's format out of its parameter sets.

    With several SPS the first counts; cameras that send several send copies.

    Raises:
        MalformedError: a set is missing, truncated, contradicts itself or the others, or
            describes pictures that we refuse (a side of more than `MAX_SIDE` pixels).
    """
    if not sets.complete:
        raise MalformedError("the parameter sets are not complete: SPS and PPS (and VPS) needed")
    for name, kind in (("VPS", sets.vps), ("SPS", sets.sps), ("PPS", sets.pps)):
        if len(kind) > MAX_SETS:
            raise MalformedError(f"{len(kind)} {name}; at most {MAX_SETS} are accepted")
    if sets.codec is Codec.H264:
        sps = _h264_sps(sets.sps[0])
    else:
        sps = _h265_sps(sets.sps[0])
        if sps.fps is None:
            sps.fps = _h265_vps_fps(sets.vps[0])
    _check_pps(sets, sps.set_id)
    return VideoFormat(
        codec=sets.codec,
        width=sps.width,
        height=sps.height,
        sets=sets,
        declared_fps=sps.fps,
        reorder_depth=sps.reorder,
        pixel_aspect=sps.aspect,
    )


def avcc(sets: ParameterSets) -> bytes:
    """The AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1), 4-byte lengths.

    Raises:
        MalformedError: the sets are not complete or the SPS cannot be read.
    """
    if sets.codec is not Codec.H264 or not sets.complete:
        raise MalformedError("an avcC needs the SPS and PPS of an H.264 stream")
    sps = _h264_sps(sets.sps[0])
    record = [b"\x01", sets.sps[0][1:4], b"\xff", bytes([0xE0 | _count(sets.sps)])]
    record += [_with_length(nal) for nal in sets.sps]
    record.append(bytes([_count(sets.pps)]))
    record += [_with_length(nal) for nal in sets.pps]
    if sets.sps[0][1] in _H264_HIGH_PROFILES:
        depths = (0xF8 | sps.bit_depth_luma - 8, 0xF8 | sps.bit_depth_chroma - 8)
        record.append(bytes([0xFC | sps.chroma, *depths, 0]))
    return b"".join(record)


def hvcc(sets: ParameterSets) -> bytes:
    """The HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 8.3.3.1), 4-byte lengths.

    Raises:
        MalformedError: the sets are not complete or the SPS cannot be read.
    """
    if sets.codec is not Codec.H265 or not sets.complete:
        raise MalformedError("an hvcC needs the VPS, SPS and PPS of an H.265 stream")
    sps = _h265_sps(sets.sps[0])
    record = [
        b"\x01",
        sps.tier_level,
        b"\xf0\x00\xfc",  # no minimum of spatial segments, parallelism unknown
        bytes([0xFC | sps.chroma, 0xF8 | sps.bit_depth_luma - 8, 0xF8 | sps.bit_depth_chroma - 8]),
        b"\x00\x00",  # average frame rate not stated
        bytes([sps.sub_layers << 3 | sps.nested << 2 | 3, 3]),
    ]
    for kind, nals in ((32, sets.vps), (33, sets.sps), (34, sets.pps)):
        record.append(struct.pack(">BH", 0x80 | kind, _count(nals)))
        record += [_with_length(nal) for nal in nals]
    return b"".join(record)


def split_annexb(stream: bytes) -> list[bytes]:
    """NAL units of a byte stream with start codes (H.264 and H.265 annex B), for test and libav.

    Bytes before the first start code, zero bytes after a unit and empty units are left out.
    """
    units = []
    at = stream.find(b"\x00\x00\x01")
    while at >= 0:
        following = stream.find(b"\x00\x00\x01", at + 3)
        end = len(stream) if following < 0 else following
        nal = stream[at + 3 : end].rstrip(b"\x00")
        if nal:
            units.append(nal)
        at = following
    return units


def user_data(nal: bytes) -> tuple[bytes, bytes] | None:
    """UUID and payload of the first user_data_unregistered message of an SEI NAL unit.

    H.264 and H.265 are told apart by the first byte.  One H.265 slice kind (TSA_R) begins as an
    H.264 SEI does: compare the UUID before you trust the payload.

    Returns:
        None if the unit is no SEI, has no such message, or is cut short.
    """
    for kind, payload in _sei_messages(nal):
        if kind == SEI_USER_DATA_UNREGISTERED and len(payload) >= 16:
            return payload[:16], payload[16:]
    return None


def recovery_frames(nal: bytes) -> int | None:
    """`recovery_frame_cnt` of an H.264 SEI with a recovery point; None if it has none."""
    for kind, payload in _sei_messages(nal):
        if kind == SEI_RECOVERY_POINT and payload:
            try:
                return _Bits(payload).ue()
            except MalformedError:
                return None
    return None


def is_intra_slice(nal: bytes) -> bool:
    """Whether an H.264 slice NAL unit is an I or SI slice; False if it cannot be read."""
    try:
        bits = _Bits(_unescape(nal[1:24]))
        bits.ue()
        return bits.ue() % 5 in (2, 4)
    except MalformedError:
        return False


def pps_id(codec: Codec, nal: bytes) -> int:
    """`pic_parameter_set_id`; -1 if it cannot be read."""
    try:
        return _Bits(_unescape(nal[1 if codec is Codec.H264 else 2 :][:8])).ue()
    except MalformedError:
        return -1


@dataclass(slots=True)
class _Sps:
    """What both codecs' SPS say and somebody asks for."""

    set_id: int
    width: int
    height: int
    chroma: int
    bit_depth_luma: int
    bit_depth_chroma: int
    reorder: int
    fps: float | None = None
    aspect: tuple[int, int] = (1, 1)
    tier_level: bytes = b""
    sub_layers: int = 1
    nested: int = 1


class _Bits:
    """Reads bits and exp-Golomb codes (H.264 section 9.1) of an RBSP; past the end it raises."""

    __slots__ = ("_left", "_value")

    def __init__(self, rbsp: bytes) -> None:
        self._value = int.from_bytes(rbsp, "big")
        self._left = len(rbsp) * 8

    def u(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise MalformedError("a parameter set or header ends in the middle of a field")
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise MalformedError("an exp-Golomb code has more than 32 leading zeros")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def ue_up_to(self, most: int, field: str) -> int:
        value = self.ue()
        if value > most:
            raise MalformedError(f"{field} is {value}; at most {most} is possible")
        return value


def _unescape(nal: bytes) -> bytes:
    """The RBSP: emulation prevention bytes removed (H.264 section 7.4.1)."""
    if b"\x00\x00\x03" not in nal:
        return nal
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


def _set_bits(nal: bytes, name: str, header: int) -> _Bits:
    if not header < len(nal) <= MAX_SET_BYTES:
        raise MalformedError(f"a {name} of {len(nal)} bytes; expected up to {MAX_SET_BYTES}")
    return _Bits(_unescape(nal[header:]))


def _h264_sps(nal: bytes) -> _Sps:
    """H.264 section 7.3.2.1.1."""
    bits = _set_bits(nal, "SPS", 1)
    if nal_class(Codec.H264, nal) is not Nal.SPS:
        raise MalformedError("an H.264 SPS has the NAL unit type 7")
    profile, constraints, _level = bits.u(8), bits.u(8), bits.u(8)
    set_id = bits.ue_up_to(31, "seq_parameter_set_id")
    chroma, planes, luma_depth, chroma_depth = 1, 0, 8, 8
    if profile in _H264_HIGH_PROFILES:
        chroma = bits.ue_up_to(3, "chroma_format_idc")
        if chroma == 3:
            planes = bits.u(1)
        luma_depth = 8 + bits.ue_up_to(6, "bit_depth_luma_minus8")
        chroma_depth = 8 + bits.ue_up_to(6, "bit_depth_chroma_minus8")
        bits.u(1)
        if bits.u(1):
            for index in range(12 if chroma == 3 else 8):
                if bits.u(1):
                    _h264_scaling_list(bits, 16 if index < 6 else 64)
    bits.ue_up_to(12, "log2_max_frame_num_minus4")
    order = bits.ue_up_to(2, "pic_order_cnt_type")
    if order == 0:
        bits.ue_up_to(12, "log2_max_pic_order_cnt_lsb_minus4")
    elif order == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue_up_to(255, "num_ref_frames_in_pic_order_cnt_cycle")):
            bits.se()
    bits.ue_up_to(16, "max_num_ref_frames")
    bits.u(1)
    width = 16 * (1 + bits.ue_up_to(MAX_SIDE // 16 - 1, "pic_width_in_mbs_minus1"))
    map_units = 1 + bits.ue_up_to(MAX_SIDE // 16 - 1, "pic_height_in_map_units_minus1")
    fields = 1 if bits.u(1) else 2
    height = 16 * map_units * fields
    if fields == 2:
        bits.u(1)
    bits.u(1)
    if bits.u(1):
        unit_x = 2 if chroma in (1, 2) and not planes else 1
        unit_y = (2 if chroma == 1 and not planes else 1) * fields
        width, height = _crop(bits, width, height, unit_x, unit_y)
    if height > MAX_SIDE:
        raise MalformedError(f"pictures of {height} lines; at most {MAX_SIDE} are accepted")
    reorder = -1
    # Baseline has no B slices, order type 2 forbids reordering, constraint_set3 of the High
    # family means intra only and constraint_set5 no B slices (H.264 section A.2).
    intra_only = constraints & 0x10 and profile in (44, 86, 100, 110, 122, 244)
    no_b = constraints & 0x04 and profile in (77, 88, 100, 118, 128)
    if profile == 66 or order == 2 or intra_only or no_b:
        reorder = 0
    sps = _Sps(set_id, width, height, chroma, luma_depth, chroma_depth, reorder)
    if bits.u(1):
        try:
            _h264_vui(bits, sps)
        except MalformedError:
            sps.fps = None
    return sps


def _h264_scaling_list(bits: _Bits, size: int) -> None:
    """H.264 section 7.3.2.1.1.1; only to get past it."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _h264_vui(bits: _Bits, sps: _Sps) -> None:
    """H.264 section E.1.1."""
    _vui_aspect_and_colour(bits, sps)
    if bits.u(1):
        tick, scale = bits.u(32), bits.u(32)
        bits.u(1)
        sps.fps = _credible_fps(scale, 2 * tick)
    nal_hrd = bits.u(1)
    if nal_hrd:
        _h264_hrd(bits)
    vcl_hrd = bits.u(1)
    if vcl_hrd:
        _h264_hrd(bits)
    if nal_hrd or vcl_hrd:
        bits.u(1)
    bits.u(1)
    if bits.u(1):
        bits.u(1)
        for _ in range(4):
            bits.ue()
        reorder = bits.ue()
        buffered = bits.ue()
        if sps.reorder < 0 and reorder <= min(buffered, _MAX_REORDER):
            sps.reorder = reorder


def _h264_hrd(bits: _Bits) -> None:
    """H.264 section E.1.2; only to get past it."""
    count = 1 + bits.ue_up_to(31, "cpb_cnt_minus1")
    bits.u(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.u(1)
    bits.u(20)


def _h265_sps(nal: bytes) -> _Sps:
    """H.265 section 7.3.2.2.1."""
    bits = _set_bits(nal, "SPS", 2)
    if nal_class(Codec.H265, nal) is not Nal.SPS:
        raise MalformedError("an H.265 SPS has the NAL unit type 33")
    bits.u(4)
    sub_layers = 1 + bits.u(3)
    if sub_layers > 7:
        raise MalformedError("sps_max_sub_layers_minus1 is 7; at most 6 is possible")
    nested = bits.u(1)
    tier_level = _h265_tier_level(bits, sub_layers)
    set_id = bits.ue_up_to(15, "sps_seq_parameter_set_id")
    chroma = bits.ue_up_to(3, "chroma_format_idc")
    planes = bits.u(1) if chroma == 3 else 0
    width = bits.ue_up_to(MAX_SIDE, "pic_width_in_luma_samples")
    height = bits.ue_up_to(MAX_SIDE, "pic_height_in_luma_samples")
    if not width or not height:
        raise MalformedError("pictures without width or height")
    if bits.u(1):
        unit_x = 2 if chroma in (1, 2) and not planes else 1
        unit_y = 2 if chroma == 1 and not planes else 1
        width, height = _crop(bits, width, height, unit_x, unit_y)
    luma_depth = 8 + bits.ue_up_to(8, "bit_depth_luma_minus8")
    chroma_depth = 8 + bits.ue_up_to(8, "bit_depth_chroma_minus8")
    if max(luma_depth, chroma_depth) > 15:
        raise MalformedError("bit depths above 15 do not fit a configuration record")
    order_bits = 4 + bits.ue_up_to(12, "log2_max_pic_order_cnt_lsb_minus4")
    reorder = 0
    for _ in range(sub_layers if bits.u(1) else 1):
        bits.ue_up_to(15, "sps_max_dec_pic_buffering_minus1")
        reorder = bits.ue_up_to(15, "sps_max_num_reorder_pics")
        bits.ue()
    sps = _Sps(set_id, width, height, chroma, luma_depth, chroma_depth, reorder)
    sps.tier_level, sps.sub_layers, sps.nested = tier_level, sub_layers, nested
    try:
        _h265_sps_tail(bits, sps, order_bits)
    except MalformedError:
        sps.fps = None
    return sps


def _h265_tier_level(bits: _Bits, sub_layers: int) -> bytes:
    """H.265 section 7.3.3: the 12 bytes of the general profile, tier and level."""
    general = bits.u(96).to_bytes(12, "big")
    present = [bits.u(2) for _ in range(sub_layers - 1)]
    if sub_layers > 1:
        bits.u(2 * (9 - sub_layers))
    for flags in present:
        if flags & 2:
            bits.u(88)
        if flags & 1:
            bits.u(8)
    return general


def _h265_sps_tail(bits: _Bits, sps: _Sps, order_bits: int) -> None:
    """H.265 section 7.3.2.2.1 from the block sizes on: all that stands before the VUI's timing."""
    for _ in range(6):
        bits.ue()
    if bits.u(1) and bits.u(1):
        _h265_scaling_lists(bits)
    bits.u(2)
    if bits.u(1):
        bits.u(8)
        bits.ue()
        bits.ue()
        bits.u(1)
    _h265_reference_sets(bits)
    if bits.u(1):
        for _ in range(bits.ue_up_to(32, "num_long_term_ref_pics_sps")):
            bits.u(order_bits + 1)
    bits.u(2)
    if not bits.u(1):
        return
    _vui_aspect_and_colour(bits, sps)
    bits.u(3)
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    if bits.u(1):
        tick, scale = bits.u(32), bits.u(32)
        sps.fps = _credible_fps(scale, tick)


def _h265_scaling_lists(bits: _Bits) -> None:
    """H.265 section 7.3.4; only to get past it."""
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.u(1):
                bits.ue()
                continue
            if size > 1:
                bits.se()
            for _ in range(min(64, 1 << 4 + 2 * size)):
                bits.se()


def _h265_reference_sets(bits: _Bits) -> None:
    """H.265 section 7.3.7; only to get past it."""
    pictures = 0
    for index in range(bits.ue_up_to(64, "num_short_term_ref_pic_sets")):
        if index and bits.u(1):
            bits.u(1)
            bits.ue()
            previous, pictures = pictures, 0
            for _ in range(previous + 1):
                if bits.u(1) or bits.u(1):
                    pictures += 1
        else:
            pictures = bits.ue_up_to(16, "num_negative_pics")
            pictures += bits.ue_up_to(16, "num_positive_pics")
            for _ in range(pictures):
                bits.ue()
                bits.u(1)


def _h265_vps_fps(nal: bytes) -> float | None:
    """Frame rate of a VPS (H.265 section 7.3.2.1), which some cameras state only there."""
    if nal_class(Codec.H265, nal) is not Nal.VPS:
        raise MalformedError("an H.265 VPS has the NAL unit type 32")
    bits = _set_bits(nal, "VPS", 2)
    try:
        bits.u(12)
        sub_layers = 1 + bits.u(3)
        bits.u(17)
        _h265_tier_level(bits, sub_layers)
        for _ in range(sub_layers if bits.u(1) else 1):
            bits.ue()
            bits.ue()
            bits.ue()
        layers = 1 + bits.u(6)
        bits.u(layers * bits.ue_up_to(1023, "vps_num_layer_sets_minus1"))
        if not bits.u(1):
            return None
        tick, scale = bits.u(32), bits.u(32)
    except MalformedError:
        return None
    return _credible_fps(scale, tick)


def _vui_aspect_and_colour(bits: _Bits, sps: _Sps) -> None:
    """The beginning that both codecs' VUI share (H.264 section E.1.1, H.265 section E.2.1)."""
    if bits.u(1):
        kind = bits.u(8)
        if kind == _EXTENDED_SAR:
            aspect = (bits.u(16), bits.u(16))
            sps.aspect = aspect if all(aspect) else (1, 1)
        elif kind < len(_ASPECTS):
            sps.aspect = _ASPECTS[kind]
    if bits.u(1):
        bits.u(1)
    if bits.u(1):
        bits.u(4)
        if bits.u(1):
            bits.u(24)
    if bits.u(1):
        bits.ue()
        bits.ue()


def _crop(bits: _Bits, width: int, height: int, unit_x: int, unit_y: int) -> tuple[int, int]:
    left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    width -= unit_x * (left + right)
    height -= unit_y * (top + bottom)
    if width <= 0 or height <= 0:
        raise MalformedError("the cropping leaves nothing of the picture")
    return width, height


def _credible_fps(scale: int, ticks: int) -> float | None:
    if not scale or not ticks:
        return None
    fps = scale / ticks
    return fps if 1 / 60 <= fps <= MAX_FPS else None


def _check_pps(sets: ParameterSets, sps_id: int) -> None:
    """H.264 section 7.3.2.2, H.265 section 7.3.2.3.1: some PPS names the SPS in use."""
    named = set()
    most_pps, most_sps = (255, 31) if sets.codec is Codec.H264 else (63, 15)
    for nal in sets.pps:
        if nal_class(sets.codec, nal) is not Nal.PPS:
            raise MalformedError("a PPS has another NAL unit type")
        bits = _set_bits(nal, "PPS", 1 if sets.codec is Codec.H264 else 2)
        bits.ue_up_to(most_pps, "pic_parameter_set_id")
        named.add(bits.ue_up_to(most_sps, "seq_parameter_set_id"))
    if sps_id not in named:
        raise MalformedError(f"no PPS belongs to the SPS {sps_id}")


def _hvc1(sps: _Sps) -> str:
    """ISO/IEC 14496-15 annex E.3."""
    head, level = sps.tier_level[0], sps.tier_level[11]
    flags = int.from_bytes(sps.tier_level[1:5], "big")
    compatible = int(f"{flags:032b}"[::-1], 2)
    parts = [
        "hvc1",
        ("", "A", "B", "C")[head >> 6] + str(head & 31),
        f"{compatible:X}",
        ("H" if head & 0x20 else "L") + str(level),
    ]
    parts += [f"{byte:X}" for byte in sps.tier_level[5:11].rstrip(b"\x00")]
    return ".".join(parts)


def _count(nals: tuple[bytes, ...]) -> int:
    if len(nals) > MAX_SETS:
        raise MalformedError(f"{len(nals)} parameter sets of a kind; at most {MAX_SETS}")
    return len(nals)


def _with_length(nal: bytes) -> bytes:
    if len(nal) > MAX_SET_BYTES:
        raise MalformedError(f"a parameter set of {len(nal)} bytes; at most {MAX_SET_BYTES}")
    return struct.pack(">H", len(nal)) + nal


def _sei_messages(nal: bytes) -> list[tuple[int, bytes]]:
    """Kind and payload of an SEI unit's messages (H.264 7.3.2.3.1, H.265 7.3.5), whole ones only.

    A recording access unit has some 30 bytes of them; at most 32 messages are read.
    """
    if len(nal) < 3 or nal[0] not in (0x06, 0x4E, 0x50):
        return []
    rbsp = _unescape(nal[1:] if nal[0] == 0x06 else nal[2:])
    messages: list[tuple[int, bytes]] = []
    at = 0
    while at + 2 <= len(rbsp) and len(messages) < 32:
        kind = size = 0
        while at < len(rbsp) and rbsp[at] == 0xFF:
            kind += 255
            at += 1
        kind += rbsp[at] if at < len(rbsp) else 0
        at += 1
        while at < len(rbsp) and rbsp[at] == 0xFF:
            size += 255
            at += 1
        if at >= len(rbsp):
            break
        size += rbsp[at]
        at += 1
        if at + size > len(rbsp):
            break
        messages.append((kind, rbsp[at : at + size]))
        at += size
    return messages
