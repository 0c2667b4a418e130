"""Sealed files: what went in comes out, and nothing that anybody changed does."""

from __future__ import annotations

import io

import pytest

from vonggac.config import Secret
from vonggac.errors import MalformedError, VonggacError
from vonggac.keys import vault

CHEAP = 1 << 4
SECRET = Secret("mot mat khau chi de thu")


def sealed(content: bytes, *, by: int = 1 << 30) -> bytes:
    """The file of some content, written in pieces."""
    file = io.BytesIO()
    writer = vault.SealedWriter(file, SECRET, cost=CHEAP)
    for at in range(0, len(content), by):
        writer.write(content[at : at + by])
    writer.close()
    writer.close()
    return file.getvalue()


def opened(content: bytes, secret: Secret = SECRET) -> bytes:
    return vault.SealedReader(io.BytesIO(content), secret).read()


@pytest.mark.parametrize("size", [0, 1, vault.CHUNK - 1, vault.CHUNK, vault.CHUNK + 1, 3 << 20])
def test_what_was_sealed_is_read_again(size: int) -> None:
    """At each border of a chunk, and however it was written."""
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]

    assert opened(sealed(content)) == content
    assert opened(sealed(content, by=300_001)) == content
    reader = vault.SealedReader(io.BytesIO(sealed(content)), SECRET)
    assert reader.read(10) + reader.read(size) == content
    assert reader.read(1) == b""


def test_another_passphrase_opens_nothing() -> None:
    """And what is said does not tell it."""
    with pytest.raises(VonggacError, match="passphrase is another one") as told:
        opened(sealed(b"secret"), Secret("mot mat khau khac han"))

    assert "mat khau" not in str(told.value)


def test_two_files_of_one_content_have_nothing_in_common() -> None:
    """A nonce is never used twice with one key."""
    one, other = sealed(b"x" * 100), sealed(b"x" * 100)

    assert one[-100:] != other[-100:]


@pytest.mark.parametrize("at", [0, 30, -1, -vault.CHUNK, 1 << 20])
def test_a_changed_byte_is_found(at: int) -> None:
    """In the head, in any chunk, in the last."""
    content = bytearray(sealed(bytes(2 << 20)))
    content[at] ^= 1

    with pytest.raises(VonggacError):
        opened(bytes(content))


def test_a_file_that_was_cut_at_a_chunk_is_found() -> None:
    """The rest of it is whole, so that only its end can tell."""
    content = sealed(bytes(3 << 20))
    head = len(content) - (3 << 20) - 3 * 16

    for chunks in (1, 2):
        with pytest.raises(VonggacError):
            opened(content[: head + chunks * (vault.CHUNK + 16)])


def test_chunks_cannot_change_places() -> None:
    """Each is bound to its number."""
    content = sealed(bytes(range(256)) * (3 << 12))
    whole = vault.CHUNK + 16
    head = len(content) - 3 * whole
    first, second = content[head : head + whole], content[head + whole : head + 2 * whole]

    with pytest.raises(VonggacError):
        opened(content[:head] + second + first + content[head + 2 * whole :])


@pytest.mark.parametrize("content", [b"", b"PK\3\4", vault.MAGIC, vault.MAGIC + b"\0\0\0\5{}"])
def test_what_is_no_sealed_file_is_refused_as_such(content: bytes) -> None:
    """Before a passphrase is tried on it."""
    with pytest.raises(MalformedError):
        opened(content)


def test_a_file_cannot_ask_for_all_memory() -> None:
    """Its head is not proved yet when the key is made."""
    content = sealed(b"x").replace(b'"cost":16', b'"cost":1099511627776')
    size = int.from_bytes(content[len(vault.MAGIC) : len(vault.MAGIC) + 4], "big") + 11
    at = len(vault.MAGIC)

    with pytest.raises(MalformedError, match="asks for"):
        opened(content[:at] + size.to_bytes(4, "big") + content[at + 4 :])


def test_a_short_passphrase_is_refused() -> None:
    """Who has the file may try as long as they like."""
    with pytest.raises(VonggacError, match="at least 12"):
        vault.SealedWriter(io.BytesIO(), Secret("ngan qua"), cost=CHEAP)
