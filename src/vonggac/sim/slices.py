"""H.264 slices written by hand: just enough of the syntax to put a clock into coded pictures.

Only what our own loops use is understood: CAVLC, frames, one reference picture, no weighted
prediction, no deblocking. Clause and table numbers are those of ITU-T H.264 (08/2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from vonggac.errors import MalformedError
from vonggac.sim.numbering import escape

I_PCM_IN_I = 25
"""mb_type of an uncompressed macroblock in an I slice (table 7-11)."""
I_PCM_IN_P = 30
"""The same in a P slice: five inter types come first (clause 7.4.5)."""
CLOCK_QP = 51
"""Quantiser of the clock's slices: one coefficient step of a flat 4x4 block is then 56 of luma."""
CELL_STEP = 112
"""Luma between the two states of a bar code cell: two coefficient steps, exactly."""

_CHROMA_FORMAT_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128})
# Table 9-4, inter prediction, chroma 0: coded_block_pattern to codeNum.
_PATTERN_CODES = (0, 2, 3, 7, 4, 8, 17, 13, 5, 18, 9, 14, 10, 15, 16, 11)
# coeff_token for one coefficient, none trailing, nC < 2 (table 9-5): 000101; then the level
# (clause 9.2.2.1) and total_zeros 0 (table 9-7): +2 is 1 1, -2 is 01 1.
_UP = (0b00010111, 8)
_DOWN = (0b000101011, 9)


class BitReader:
    """Reads an RBSP bit by bit.

    Raises:
        MalformedError: from every method, when the bits end.
    """

    def __init__(self, nal: bytes) -> None:
        rbsp = nal.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(rbsp, "big")
        self._left = len(rbsp) * 8
        self._size = self._left

    @property
    def position(self) -> int:
        """Bits read so far."""
        return self._size - self._left

    def bits(self, count: int) -> int:
        """An unsigned number of so many bits."""
        if count > self._left:
            raise MalformedError("the NAL unit ends too early")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        """An unsigned Exp-Golomb number (clause 9.1)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 32:
                raise MalformedError("an Exp-Golomb number of more than 32 bits")
        return (1 << zeros) - 1 + self.bits(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number (clause 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def between(self, start: int, end: int) -> int:
        """Bits already passed, as one number."""
        return self._value >> (self._size - end) & (1 << (end - start)) - 1


def ue_bits(value: int) -> tuple[int, int]:
    """An unsigned Exp-Golomb number as bits and their count."""
    return value + 1, 2 * (value + 1).bit_length() - 1


def se_bits(value: int) -> tuple[int, int]:
    """A signed Exp-Golomb number as bits and their count."""
    return ue_bits(2 * value - 1 if value > 0 else -2 * value)


@dataclass(frozen=True, slots=True)
class SliceContext:
    """What of the parameter sets a slice header depends on."""

    frame_num_bits: int
    poc_type: int
    poc_lsb_bits: int
    init_qp: int
    deblocking_control: bool
    pic_order_present: bool
    mb_width: int
    mb_height: int


def slice_context(sps: bytes, pps: bytes) -> SliceContext:
    """Read what is needed from an SPS and a PPS.

    Raises:
        MalformedError: they end too early or use something our loops never do.
    """
    bits = BitReader(sps[1:])
    profile = bits.bits(8)
    bits.bits(16)
    bits.ue()
    if profile in _CHROMA_FORMAT_PROFILES and (
        bits.ue() != 1 or bits.ue() or bits.ue() or bits.bits(1) or bits.bits(1)
    ):
        raise MalformedError("only 4:2:0 of 8 bits without scaling lists")
    frame_num_bits = bits.ue() + 4
    poc_type = bits.ue()
    poc_lsb_bits = 0
    if poc_type == 0:
        poc_lsb_bits = bits.ue() + 4
    elif poc_type == 1:
        raise MalformedError("picture order count type 1 is not ours")
    bits.ue()
    bits.bits(1)
    mb_width, mb_height = bits.ue() + 1, bits.ue() + 1
    if not bits.bits(1):
        raise MalformedError("interlaced is not ours")
    bits = BitReader(pps[1:])
    bits.ue()
    bits.ue()
    if bits.bits(1):
        raise MalformedError("CABAC is not ours")
    pic_order_present = bool(bits.bits(1))
    if bits.ue() or bits.ue() or bits.ue():
        raise MalformedError("slice groups or several references are not ours")
    if bits.bits(1) or bits.bits(2):
        raise MalformedError("weighted prediction is not ours")
    init_qp = 26 + bits.se()
    bits.se()
    bits.se()
    return SliceContext(
        frame_num_bits=frame_num_bits,
        poc_type=poc_type,
        poc_lsb_bits=poc_lsb_bits,
        init_qp=init_qp,
        deblocking_control=bool(bits.bits(1)),
        pic_order_present=pic_order_present,
        mb_width=mb_width,
        mb_height=mb_height,
    )


@dataclass(frozen=True, slots=True)
class SliceHead:
    """A slice header with our own quantiser, ready to be followed by macroblocks."""

    nal_head: int
    """The NAL unit's first byte."""
    value: int
    """The header's bits."""
    length: int
    """How many."""
    keyframe: bool
    first_macroblock: int


def slice_head(nal: bytes, context: SliceContext) -> SliceHead:
    """The header of a coded slice (clause 7.3.3), up to where macroblocks begin.

    Raises:
        MalformedError: it ends too early or is neither I nor P.
    """
    bits = BitReader(nal[1:60])
    keyframe = nal[0] & 31 == 5
    first = bits.ue()
    kind = bits.ue() % 5
    if kind not in (0, 2):
        raise MalformedError("only I and P slices are ours")
    bits.ue()
    bits.bits(context.frame_num_bits)
    if keyframe:
        bits.ue()
    if context.poc_type == 0:
        bits.bits(context.poc_lsb_bits)
        if context.pic_order_present:
            bits.se()
    if kind == 0:
        if bits.bits(1) and bits.ue():
            raise MalformedError("several references are not ours")
        if bits.bits(1):
            raise MalformedError("reordered references are not ours")
    if nal[0] >> 5 & 3:
        if keyframe:
            bits.bits(2)
        elif bits.bits(1):
            raise MalformedError("memory control is not ours")
    end = bits.position
    value, length = bits.between(0, end), end
    for code, count in (se_bits(CLOCK_QP - context.init_qp), ue_bits(1)):
        value = value << count | code
        length += count
        if not context.deblocking_control:
            break
    return SliceHead(nal[0], value, length, keyframe, first)


@cache
def _toggle_bits(up: int, down: int) -> tuple[int, int]:
    """Bits of a macroblock whose quarters get lighter or darker; at most 81 of them are asked."""
    # mb_type 0, mvd 0 and 0: three one bits; then the pattern; then mb_qp_delta 0.
    value, length = ue_bits(_PATTERN_CODES[up | down])
    value, length = (0b111 << length | value) << 1 | 1, length + 4
    for quarter in range(4):
        bit = 1 << quarter
        if not (up | down) & bit:
            continue
        code, size = _UP if up & bit else _DOWN
        for _ in range(4):
            value, length = value << size | code, length + size
    return value, length


class SliceWriter:
    """Writes the macroblocks of one slice after its header.

    Args:
        head: where it begins.
        count: macroblocks in the slice, from `head.first_macroblock`.
    """

    def __init__(self, head: SliceHead, count: int) -> None:
        self._out = bytearray()
        self._value = head.value
        self._length = head.length
        self._head = head
        self._next = 0
        self._count = count
        kind = ue_bits(I_PCM_IN_I if head.keyframe else I_PCM_IN_P)
        self._pcm_value, self._pcm_length = kind

    def pcm(self, address: int, samples: bytes) -> None:
        """An uncompressed macroblock: 256 luma, 64 U, 64 V samples, none of them 0.

        Args:
            address: counted from the slice's first macroblock; not before the last one written.
            samples: 384 bytes.
        """
        value, length = self._value, self._length
        if not self._head.keyframe:
            code, size = ue_bits(address - self._next)
            value, length = value << size | code, length + size
        value = value << self._pcm_length | self._pcm_value
        length += self._pcm_length
        pad = -length % 8
        self._out += (value << pad).to_bytes((length + pad) // 8, "big")
        self._out += samples
        self._value = self._length = 0
        self._next = address + 1

    def toggle(self, address: int, up: int, down: int) -> None:
        """A macroblock like the one before, with some 8x8 quarters made lighter or darker.

        A P_L0_16x16 macroblock without motion (all vectors in our slices are zero, so is their
        prediction) and one DC coefficient of 2 or -2 in each 4x4 block of the quarter. Its left
        neighbour must not be PCM, for coeff_token's table depends on it (clause 9.2.1).

        Args:
            address: counted from the slice's first macroblock; not before the last one written.
            up: quarters (bit 0 top left, 1 top right, 2 and 3 below) that get lighter.
            down: quarters that get darker.
        """
        value, length = self._value, self._length
        code, size = ue_bits(address - self._next)
        value, length = value << size | code, length + size
        code, size = _toggle_bits(up, down)
        self._value, self._length = value << size | code, length + size
        self._next = address + 1

    def finish(self) -> bytes:
        """Skip what is left and return the NAL unit."""
        value, length = self._value, self._length
        left = self._count - self._next
        if left and not self._head.keyframe:
            code, size = ue_bits(left)
            value, length = value << size | code, length + size
        value, length = value << 1 | 1, length + 1
        pad = -length % 8
        self._out += (value << pad).to_bytes((length + pad) // 8, "big")
        return bytes([self._head.nal_head]) + escape(bytes(self._out))
