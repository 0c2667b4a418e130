"""A file that only a passphrase opens: what a backup lies in, because it holds keys.

The key comes from the passphrase by scrypt; the content lies in chunks, each sealed by AES-256-GCM.
The number of a chunk and whether it is the last stand in its nonce (STREAM of Hoang, Reyhanitabar,
Rogaway and Vizár, 2015): none can be changed, left out, moved or cut off unseen.
"""

from __future__ import annotations

import base64
import os
import struct
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from vonggac.errors import Kind, MalformedError, VonggacError

if TYPE_CHECKING:
    from typing import BinaryIO

    from vonggac.config import Secret

MAGIC: Final = b"vonggac sealed file 1\n"
CHUNK: Final = 1 << 20
"""Bytes of content in a chunk."""
COST: Final = 1 << 17
"""scrypt's N with r = 8: 128 MiB and some 0.4 s a try (OWASP, Password Storage Cheat Sheet)."""
MOST_COST: Final = 1 << 20
"""What a file may ask for: 1 GiB."""
SHORTEST: Final = 12
"""Letters of a passphrase, at least (ours): who has the file may try as long as they like."""

_TAG: Final = 16
_HEAD: Final = struct.Struct(">I")
_MOST_HEAD: Final = 4_096


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in clear before the first chunk; every chunk is bound to it."""

    cost: int
    salt: str
    prefix: str
    """First 7 bytes of every nonce."""
    chunk: int = CHUNK


class SealedWriter:
    """Writes content that nobody reads without the passphrase. Close it, or nothing opens it.

    Args:
        file: where it goes, open for writing; stays open.
        passphrase: of at least `SHORTEST` letters.
        cost: scrypt's N, a power of two; `COST` without it.
    """

    def __init__(self, file: BinaryIO, passphrase: Secret, *, cost: int | None = None) -> None:
        if len(passphrase.reveal()) < SHORTEST:
            raise VonggacError(
                Kind.BAD_INPUT, f"a passphrase has at least {SHORTEST} letters; a longer one is"
                " the only lock before everything that the file holds",
            )  # fmt: skip
        prefix, salt = os.urandom(7), os.urandom(16)
        cost = COST if cost is None else cost
        told = msgspec.json.encode(_Head(cost, _text(salt), _text(prefix)))
        self._bound = MAGIC + _HEAD.pack(len(told)) + told
        self._file = file
        self._prefix = prefix
        self._cipher = AESGCM(_key(passphrase, salt, cost))
        self._waiting = bytearray()
        self._number = 0
        self._closed = False
        file.write(self._bound)

    def write(self, content: bytes) -> int:
        """Add content; returns how many bytes, as files do."""
        self._waiting += content
        while len(self._waiting) > CHUNK:  # the last one is never empty unless it is the only one
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(content)

    def close(self) -> None:
        """Write the last chunk. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._seal(bytes(self._waiting), last=True)
            self._waiting.clear()

    def _seal(self, content: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last=last)
        self._file.write(self._cipher.encrypt(nonce, content, self._bound))
        self._number += 1


class SealedReader:
    """Reads what `SealedWriter` wrote; gives out only content that is proved.

    Args:
        file: the file, open for reading at its beginning.
        passphrase: as it was written.

    Raises:
        MalformedError: it is no such file.
        VonggacError: CORRUPT, another passphrase, or the file was changed.
    """

    def __init__(self, file: BinaryIO, passphrase: Secret) -> None:
        head, bound = _read_head(file)
        self._file = file
        self._bound = bound
        self._prefix = _bytes(head.prefix)
        self._cipher = AESGCM(_key(passphrase, _bytes(head.salt), head.cost))
        self._size = head.chunk + _TAG
        self._sealed = file.read(self._size)
        self._number = 0
        self._content = b""
        self._at = 0
        self._ended = False
        self._next()

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer only at the end.

        Raises:
            VonggacError: CORRUPT, the file was changed or cut off.
        """
        found = bytearray()
        while size < 0 or len(found) < size:
            if self._at == len(self._content):
                if self._ended:
                    break
                self._next()
                continue
            end = len(self._content) if size < 0 else self._at + size - len(found)
            piece = self._content[self._at : end]
            self._at += len(piece)
            found += piece
        return bytes(found)

    def _next(self) -> None:
        following = self._file.read(self._size)
        last = not following
        try:
            nonce = _nonce(self._prefix, self._number, last=last)
            self._content = self._cipher.decrypt(nonce, self._sealed, self._bound)
        except InvalidTag:
            why = (
                "the passphrase is another one, or the file was changed"
                if not self._number
                else f"the file was changed or cut off after {self._number * (self._size - _TAG)}"
                " bytes"
            )
            raise VonggacError(Kind.CORRUPT, f"cannot open it: {why}") from None
        self._at = 0
        self._number += 1
        self._sealed, self._ended = following, last


def _read_head(file: BinaryIO) -> tuple[_Head, bytes]:
    if file.read(len(MAGIC)) != MAGIC:
        raise MalformedError("this is not a sealed file of this program")
    raw = file.read(_HEAD.size)
    if len(raw) != _HEAD.size or _HEAD.unpack(raw)[0] > _MOST_HEAD:
        raise MalformedError("the head of the sealed file is damaged")
    told = file.read(_HEAD.unpack(raw)[0])
    try:
        head = msgspec.json.decode(told, type=_Head)
        sizes = len(_bytes(head.prefix)), len(_bytes(head.salt))
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedError("the head of the sealed file is damaged") from error
    is_power = head.cost >= 2 and head.cost & (head.cost - 1) == 0
    if sizes != (7, 16) or not is_power or head.cost > MOST_COST or head.chunk != CHUNK:
        raise MalformedError("the sealed file asks for what this version does not do")
    return head, MAGIC + raw + told


def _key(passphrase: Secret, salt: bytes, cost: int) -> bytes:
    derived = Scrypt(salt=salt, length=32, n=cost, r=8, p=1)
    return derived.derive(passphrase.reveal().encode())


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes((last,))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
