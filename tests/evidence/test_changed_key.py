"""An export of a site that changed its key: the chain from its first key, checked offline."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

import evidence_rekeyed
from evidence_made import KEY, NEW_KEY, export, record
from evidence_rekeyed import CHANGE, FIRST_PAGE, SECOND_PAGE
from vonggac.evidence import MANIFEST, SEAL, InMemory, fingerprint, verify

if TYPE_CHECKING:
    from pathlib import Path

FLIPS = 1_500


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Made once: an hour signed with the first key, the next with the second."""
    return evidence_rekeyed.made(tmp_path_factory.mktemp("changed"))


@pytest.mark.parametrize("key", [KEY.public, NEW_KEY.public, None])
def test_whoever_knows_any_key_of_the_site_can_check_the_whole(
    good: dict[str, bytes], key: str | None
) -> None:
    """The first, noted years ago, or the one that the site shows today."""
    found = verify(InMemory(good), key=key)

    assert found.faults == []
    assert found.fingerprint == fingerprint(NEW_KEY.public)
    (change,) = found.as_json()["key_changes"]
    assert (change["old"], change["new"]) == (
        fingerprint(KEY.public), fingerprint(NEW_KEY.public),
    )  # fmt: skip


def test_each_attack_is_refused_by_name(good: dict[str, bytes]) -> None:
    """Unknown keys, broken chains, strangers, ways back: the sentence says which."""
    for done, files, key, said in evidence_rekeyed.attacks(good):
        found = verify(InMemory(files), key=key)

        assert any(said in fault for fault in found.faults), (done, found.faults)


def test_any_flipped_bit_is_found_in_the_chain_too(good: dict[str, bytes]) -> None:
    """The announcement, and everything that leads to it, whichever key is known."""
    dice = random.Random(20261122)
    places = [CHANGE, CHANGE, MANIFEST, FIRST_PAGE, SECOND_PAGE, SEAL]
    missed = []
    for number in range(FLIPS):
        name = places[number % len(places)]
        content = bytearray(good[name])
        at, bit = dice.randrange(len(content)), dice.randrange(8)
        content[at] ^= 1 << bit
        key = (KEY.public, NEW_KEY.public, None)[number % 3]
        if verify(InMemory({**good, name: bytes(content)}), key=key).ok:
            missed.append((name, at, bit))

    assert missed == []


def test_an_announcement_changed_under_a_new_seal_is_found(good: dict[str, bytes]) -> None:
    """Whoever holds the newest key alone cannot rewrite where it came from."""
    for at in range(0, len(good[CHANGE]), 3):
        content = bytearray(good[CHANGE])
        content[at] ^= 1
        files = evidence_rekeyed.resealed({**good, CHANGE: bytes(content)})
        assert not verify(InMemory(files), key=KEY.public).ok, at


def test_an_export_from_before_keys_could_change_is_as_it_was(tmp_path: Path) -> None:
    """Version 1, no file more: programs of that time read it, and this one reads theirs."""
    files = export(record(tmp_path), 1.5, 9.5)

    assert files[MANIFEST].startswith(b'{"v":1,')
    assert not any(name.startswith("keys/") for name in files)
    assert verify(InMemory(files), key=KEY.public).ok
