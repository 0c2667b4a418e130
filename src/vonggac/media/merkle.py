"""The Merkle tree of RFC 9162 section 2.1, over SHA-256.

A segment's tree has the init and then each part as its leaves; an hour's page has the roots of
its segments as leaves.  A clip of seconds is then proved by the parts themselves and some
twenty hashes, without the rest of the hour.

The prefixes 0x00 for a leaf and 0x01 for a node are what keeps a node from being passed off as
a part (second preimage).  Functions here take *leaf hashes*, made by `leaf`, so that a recorder
can hash each part while it is still in the cache and keep 32 bytes of it.

Everything is pure and may be called from any thread.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 32
"""Bytes in a hash."""

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves (RFC 9162 section 2.1.1)."""

_LEAF = sha256(b"\x00")


def leaf(content: bytes | bytearray | memoryview) -> bytes:
    """The hash of one leaf: SHA-256(0x00 || content)."""
    # hashlib lets go of the GIL above 2 kB; copying the prefixed state spares joining the
    # prefix to 100 kB of pictures.
    state = _LEAF.copy()
    state.update(content)
    return state.digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree's head over leaf hashes, in order; `EMPTY` when there are none."""
    if not leaves:
        return EMPTY
    # A level at a time; the odd one at the end moves up unchanged, which is the same tree as
    # the RFC's split at the largest power of two below n.
    level = list(leaves)
    while len(level) > 1:
        above = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from a leaf up to the root (RFC 9162 section 2.1.3.1).

    Args:
        leaves: all leaf hashes of the tree, in order.
        index: which leaf, from 0.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of a tree of {len(leaves)}")
    path: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        above = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
        index //= 2
    return path


def root_from_path(leaf_hash: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path lead to (RFC 9162 section 2.1.3.2); None if they cannot.

    Args:
        leaf_hash: `leaf` of the content.
        index: the leaf's place, from 0.
        count: how many leaves the tree has.
        path: what `inclusion_path` gave; its length must be exactly right for index and count.
    """
    if not 0 <= index < count:
        return None
    if len(leaf_hash) != SIZE or any(len(beside) != SIZE for beside in path):
        return None
    here = leaf_hash
    at, last = index, count - 1
    for beside in path:
        if last == 0:
            return None
        if at % 2 or at == last:
            here = node(beside, here)
            while at % 2 == 0 and at:
                at //= 2
                last //= 2
        else:
            here = node(here, beside)
        at //= 2
        last //= 2
    return here if last == 0 else None


def verify_inclusion(
    leaf_hash: bytes, index: int, count: int, path: Sequence[bytes], head: bytes
) -> bool:
    """Whether `leaf_hash` is leaf `index` of the tree of `count` leaves whose root is `head`.

    Never raises: a path of the wrong length, or hashes of the wrong size, are simply false.
    """
    return root_from_path(leaf_hash, index, count, path) == head
