"""Change valid bytes into hostile ones: the mutations of `run.py`, all from one `random.Random`.

Blind changes (bits, bytes, lengths, cuts, copies, splices) mostly die at the first check of a
parser.  So each format also has a way of its own that keeps the outer shape and lies inside:
lines for text, interleaved frames for RTP, boxes with their parents' sizes put right for MP4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    Mutation = Callable[[random.Random, bytes, Sequence[bytes], Sequence[bytes]], bytes]
    """Random numbers, the bytes to change, other seeds to splice with, words of the format."""

MAX_BYTES: Final = 96 * 1024
"""A case is at most this long: above every bound of a message, and still quick."""

_EDGES: Final = (0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 254, 255)
_NUMBERS: Final = (
    b"0", b"-1", b"1", b"00", b"2", b"127", b"255", b"256", b"65535", b"65536", b"2147483647",
    b"2147483648", b"4294967295", b"4294967296", b"9223372036854775807", b"9223372036854775808",
    b"18446744073709551616", b"999999999", b"1e999", b"1e-999", b"0x10", b"1.5", b"+1", b" 1",
    b"\xd9\xa1", b"\xef\xbc\x91", b"1" * 400, b"NaN", b"",
)  # fmt: skip
_SPICES: Final = (
    b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\t", b" ", b"\x7f", b"\x85", b"\xa0", b"\xff",
    b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x8e\xa5", b"\xe2\x80\xa8", b'"', b"\\", b'\\"', b"%",
    b"%0d%0a", b"%zz", b"<", b">", b"&", b"'", b";", b",", b"=", b"@", b":", b"//", b"..", b"[",
    b"]", b"{", b"}", b"$", b"*", b"?", b"#",
)  # fmt: skip


def blind(
    rng: random.Random, data: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """One to eight changes that know nothing of the format."""
    made = bytearray(data)
    for _ in range(_how_many(rng)):
        _change(rng, made, others, words)
    return bytes(made[:MAX_BYTES])


def text(rng: random.Random, data: bytes, others: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """Changes to lines, words and numbers; one time in five a blind one beside them.

    The first byte is the case's options: it is kept, or drawn anew.
    """
    head, body = _head(rng, data), data[1:]
    end = b"\r\n" if b"\r\n" in body else b"\n"
    lines = body.split(end)
    for _ in range(_how_many(rng)):
        at = rng.randrange(len(lines))
        kind = rng.randrange(15)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            rng.shuffle(lines)
        elif kind == 4:
            lines[at] = _spaced(rng, lines[at])
        elif kind == 5:
            lines[at] = lines[at].swapcase()
        elif kind == 6:
            theirs = rng.choice(others)[1:].splitlines() or [b""]
            lines.insert(at, rng.choice(theirs))
        elif kind == 7 and words:
            lines[at] = _put(rng, lines[at], rng.choice(words))
        elif kind == 8:
            lines[at] = _put(rng, lines[at], rng.choice(_SPICES))
        elif kind in (9, 10, 11):
            lines[at] = _numbered(rng, lines[at])
        elif kind == 12:
            lines[at] = _cut(rng, lines[at])
        elif kind == 13:
            lines[at] = _repeated(rng, lines[at])
        elif kind == 14:
            end = rng.choice((b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\n"))
        if not lines:
            lines = [b""]
    made = bytearray(end.join(lines))
    if rng.random() < 0.2:
        _change(rng, made, others, words)
    return bytes([head]) + bytes(made[:MAX_BYTES])


def frames(
    rng: random.Random, data: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """Changes within, and to the order of, interleaved RTSP frames; their lengths stay true."""
    if rng.random() < 0.15:
        return blind(rng, data, others, words)
    head, body = _head(rng, data), data[1:]
    pieces = split_frames(body)
    if rng.random() < 0.2:
        pieces += split_frames(rng.choice(others)[1:])[: rng.randrange(1, 12)]
    if not pieces:
        return blind(rng, data, others, words)
    for _ in range(_how_many(rng)):
        at = rng.randrange(len(pieces))
        piece = bytearray(pieces[at])
        kind = rng.randrange(12)
        if kind == 0:
            del pieces[at]
        elif kind == 1:
            pieces.insert(rng.randrange(len(pieces) + 1), bytes(piece))
        elif kind == 2:
            other = rng.randrange(len(pieces))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == 3 and len(piece) > 4:  # header: flags, marker, number, timestamp, source
            piece[4 + rng.randrange(min(12, len(piece) - 4))] = rng.choice(_EDGES)
            pieces[at] = bytes(piece)
        elif kind == 4 and len(piece) > 16:  # payload header
            where = 16 + rng.randrange(min(6, len(piece) - 16))
            piece[where] = rng.randrange(256)
            pieces[at] = bytes(piece)
        elif kind == 5 and len(piece) > 5:
            pieces[at] = _framed(piece, piece[4 : rng.randrange(4, len(piece))])
        elif kind == 6 and len(piece) > 17:  # another kind of NAL unit
            kinds = (1, 5, 6, 7, 8, 9, 12, 19, 24, 25, 26, 28, 29, 31, 64, 66, 68, 70, 78, 96, 98)
            piece[16] = rng.choice(kinds) | rng.choice((0, 0, 0x60, 0x80))
            pieces[at] = bytes(piece)
        elif kind == 7:
            pieces.insert(at, rng.choice(words) if words else b"$")
        elif kind == 8:
            content = bytearray(piece[4:])
            _change(rng, content, others, words)
            pieces[at] = _framed(piece, content)
        elif kind == 9:
            piece[1:2] = bytes([rng.choice((0, 1, 2, 3, 4, 255))])
            pieces[at] = bytes(piece)
        elif kind == 10 and len(piece) > 16:
            pieces[at] = _framed(piece, piece[4:] + rng.randbytes(rng.randrange(1, 40)))
        elif kind == 11 and len(piece) > 12:  # a jump of the timestamp
            piece[8:12] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", rng.randbytes(4)))
            pieces[at] = bytes(piece)
        if not pieces:
            pieces = [b"$\0\0\0"]
    return (bytes([head]) + b"".join(pieces))[:MAX_BYTES]


def split_frames(body: bytes) -> list[bytes]:
    """The interleaved frames that bytes begin with; what is none ends the list as it is."""
    pieces = []
    at = 0
    while at + 4 <= len(body) and body[at] == 0x24:
        following = at + 4 + int.from_bytes(body[at + 2 : at + 4], "big")
        pieces.append(body[at:following])
        at = following
    if at < len(body):
        pieces.append(body[at:])
    return pieces


_BOX: Final = re.compile(
    rb"ftyp|moov|mvhd|uuid|trak|tkhd|mdia|mdhd|hdlr|minf|vmhd|smhd|dinf|dref|stbl|stsd|avc1|avcC"
    rb"|hvc1|hvcC|pasp|mp4a|esds|stts|stsc|stsz|stco|mvex|trex|prft|moof|mfhd|traf|tfhd|tfdt|trun"
    rb"|mdat|mfra|tfra|mfro"
)


def boxes(
    rng: random.Random, data: bytes, others: Sequence[bytes], words: Sequence[bytes]
) -> bytes:
    """Changes to the boxes of MP4 files; most of them keep the sizes of what holds them true."""
    if rng.random() < 0.2:
        return blind(rng, data, others, words)
    made = bytearray(data)
    for _ in range(_how_many(rng)):
        found = [match.start() - 4 for match in _BOX.finditer(made) if match.start() >= 4]
        if not found:
            return blind(rng, data, others, words)
        start = rng.choice(found)
        size = int.from_bytes(made[start : start + 4], "big")
        end = min(start + max(size, 8), len(made))
        kind = rng.randrange(9)
        if kind == 0:
            made[start : start + 4] = _size(rng, size, len(made)).to_bytes(4, "big")
        elif kind == 1:
            _replace(made, found, start, end, b"")
        elif kind == 2 and end - start < 4096:
            _replace(made, found, end, end, bytes(made[start:end]))
        elif kind == 3:  # cut or grow its content
            at = rng.randrange(start + 8, end) if end > start + 8 else end
            upto = min(end, at + rng.randrange(0, 9))
            _replace(made, found, at, upto, rng.randbytes(rng.randrange(0, 9)))
        elif kind == 4:
            made[start + 4 : start + 8] = rng.choice((b"free", b"mdat", b"moof", b"trak", b"uuid"))
        elif kind in (5, 6) and end - start >= 12:  # a field of four bytes
            at = start + 8 + 4 * rng.randrange((end - start - 8) // 4)
            old = int.from_bytes(made[at : at + 4], "big")
            made[at : at + 4] = _size(rng, old, len(made)).to_bytes(4, "big")
        elif kind == 7 and end > start + 8:
            at = rng.randrange(start + 8, end)
            made[at] = rng.choice((*_EDGES, made[at] ^ 1 << rng.randrange(8)))
        elif kind == 8:
            del made[rng.randrange(start, end) :]
    return bytes(made[:MAX_BYTES])


def _replace(made: bytearray, found: list[int], at: int, upto: int, new: bytes) -> None:
    """Put other bytes in a place, and put right the sizes of the boxes around it."""
    grown = len(new) - (upto - at)
    for start in found:
        size = int.from_bytes(made[start : start + 4], "big")
        if start + 8 <= at and upto <= start + size and 8 <= size + grown < 1 << 32:
            made[start : start + 4] = (size + grown).to_bytes(4, "big")
    made[at:upto] = new


def _size(rng: random.Random, old: int, length: int) -> int:
    chosen = rng.choice(
        (0, 1, 7, 8, 16, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00010000, length, length - 8,
         old + 1, old - 1, old + 8, old ^ 1 << rng.randrange(32), rng.getrandbits(32))
    )  # fmt: skip
    return chosen & 0xFFFFFFFF


def _how_many(rng: random.Random) -> int:
    return rng.choice((1, 1, 1, 1, 2, 2, 3, 4, 8))


def _head(rng: random.Random, data: bytes) -> int:
    return rng.randrange(256) if not data or rng.random() < 0.3 else data[0]


def _framed(old: bytearray, content: bytearray | bytes) -> bytes:
    return bytes(old[:2]) + min(len(content), 0xFFFF).to_bytes(2, "big") + bytes(content[:0xFFFF])


def _put(rng: random.Random, line: bytes, word: bytes) -> bytes:
    at = rng.randrange(len(line) + 1)
    upto = at + rng.choice((0, 0, len(word)))
    return line[:at] + word + line[upto:]


def _cut(rng: random.Random, line: bytes) -> bytes:
    at = rng.randrange(len(line) + 1)
    return line[:at] + line[at + rng.randrange(1, 12) :]


def _spaced(rng: random.Random, line: bytes) -> bytes:
    return rng.choice((b" " + line, b"\t" + line, line + b" ", line.replace(b" ", b"  "),
                       line.replace(b" ", b""), line.replace(b":", b" : ")))  # fmt: skip


def _numbered(rng: random.Random, line: bytes) -> bytes:
    numbers = list(re.finditer(rb"[0-9]+", line))
    if not numbers:
        return line
    chosen = rng.choice(numbers)
    return line[: chosen.start()] + rng.choice(_NUMBERS) + line[chosen.end() :]


def _repeated(rng: random.Random, line: bytes) -> bytes:
    if not line:
        return line
    at = rng.randrange(len(line))
    piece = line[at : at + rng.randrange(1, 9)]
    return line[:at] + piece * rng.choice((2, 3, 10, 100, 700)) + line[at:]


def _change(
    rng: random.Random, made: bytearray, others: Sequence[bytes], words: Sequence[bytes]
) -> None:
    """One blind change."""
    size = len(made)
    if not size:
        made += rng.choice(others)[:64] or b"\0"
        return
    at = rng.randrange(size)
    kind = rng.randrange(14)
    if kind <= 1:
        made[at] ^= 1 << rng.randrange(8)
    elif kind == 2:
        made[at] = rng.choice(_EDGES)
    elif kind == 3:
        made[at] = rng.randrange(256)
    elif kind in (4, 5):  # a number at a place where formats put them
        width = rng.choice((2, 4, 4, 8))
        at -= at % rng.choice((1, 2, 4))
        number = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF,
                             0x80000000, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1, size, size - at,
                             rng.getrandbits(64)))  # fmt: skip
        made[at : at + width] = (number & (1 << 8 * width) - 1).to_bytes(width, "big")
    elif kind == 6:
        del made[at:]
    elif kind == 7:
        del made[at : at + rng.choice((1, 1, 2, 4, 8, 100))]
    elif kind == 8:
        made[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16, 100)))
    elif kind == 9:
        piece = made[at : at + rng.choice((1, 2, 4, 16, 100, 1000))]
        made[at:at] = piece * rng.choice((1, 1, 2, 5, 40))
    elif kind == 10:  # the beginning of this one, the end of another
        other = rng.choice(others)
        made[at:] = other[rng.randrange(len(other) + 1) :]
    elif kind == 11:
        other = rng.choice(others)
        begin = rng.randrange(len(other) + 1)
        piece = other[begin : begin + rng.choice((4, 16, 100))]
        made[at : at + len(piece)] = piece
    elif kind == 12 and words:
        made[at:at] = rng.choice(words)
    elif kind == 13:
        made[at:at] = rng.choice(_SPICES)
    del made[MAX_BYTES:]
