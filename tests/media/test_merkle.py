"""The Merkle tree, against RFC 9162's own construction and against forgeries."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.media import merkle

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CONTENTS = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def rfc_root(contents: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1 word for word: split at the largest power of two below n."""
    if not contents:
        return hashlib.sha256(b"").digest()
    if len(contents) == 1:
        return hashlib.sha256(b"\x00" + contents[0]).digest()
    split = 1
    while split * 2 < len(contents):
        split *= 2
    halves = rfc_root(contents[:split]) + rfc_root(contents[split:])
    return hashlib.sha256(b"\x01" + halves).digest()


def test_known_trees_have_their_known_heads():
    """The reference values of Certificate Transparency's own test suite, 8 leaves."""
    contents = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        bytes(range(0x60, 0x70)),
    ]
    leaves = [merkle.leaf(content) for content in contents]

    assert merkle.root([]).hex() == EMPTY
    assert merkle.root(leaves[:1]).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert merkle.root(leaves).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


@given(CONTENTS)
def test_the_root_is_the_one_the_rfc_defines(contents: list[bytes]):
    """We go up level by level, the RFC goes down by halves; the tree must be the same one."""
    assert merkle.root([merkle.leaf(content) for content in contents]) == rfc_root(contents)


@given(CONTENTS, st.data())
def test_every_part_can_be_proved_and_no_other_in_its_place(
    contents: list[bytes], data: st.DataObject
):
    """A clip's proof must hold for its own place in the hour only."""
    leaves = [merkle.leaf(content) for content in contents]
    head = merkle.root(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.inclusion_path(leaves, index)

    assert merkle.verify_inclusion(leaves[index], index, len(leaves), path, head)
    assert len(path) <= 7
    other = merkle.leaf(contents[index] + b"x")
    assert not merkle.verify_inclusion(other, index, len(leaves), path, head)
    assert not merkle.verify_inclusion(leaves[index], index, len(leaves), [*path, head], head)
    if path:
        assert not merkle.verify_inclusion(leaves[index], index, len(leaves), path[1:], head)
        elsewhere = data.draw(st.integers(0, len(leaves) - 1).filter(lambda i: i != index))
        if contents[elsewhere] != contents[index]:
            assert not merkle.verify_inclusion(leaves[elsewhere], index, len(leaves), path, head)


@given(
    st.binary(max_size=40),
    st.integers(-2, 20),
    st.integers(-2, 20),
    st.lists(st.binary(max_size=40), max_size=8),
)
def test_nonsense_is_false_and_never_an_error(
    leaf: bytes, index: int, count: int, path: list[bytes]
):
    """A proof comes from whoever wants to be believed."""
    assert not merkle.verify_inclusion(leaf, index, count, path, bytes(32))


def test_a_node_cannot_pass_for_a_part():
    """Without the prefixes the join of two hashes would be a leaf with the same root."""
    left, right = merkle.leaf(b"a"), merkle.leaf(b"b")

    assert merkle.root([left, right]) != merkle.leaf(left + right)


def test_a_leaf_is_the_same_whatever_holds_its_bytes():
    """The recorder hashes a slice of its write buffer, the verifier a file's bytes."""
    content = b"part" * 1000

    assert (
        merkle.leaf(content) == merkle.leaf(memoryview(content)) == merkle.leaf(bytearray(content))
    )
    assert merkle.leaf(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )


def test_a_path_of_a_leaf_that_is_not_there_is_refused():
    """It is the caller's mistake, not an outsider's."""
    with pytest.raises(IndexError):
        merkle.inclusion_path([merkle.leaf(b"a")], 1)
