"""The key of a site changes: what it signed before holds for ever, and no stranger follows it."""

from __future__ import annotations

import base64
import os
import random
import signal
import sys
import warnings
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from vonggac import keys, wire
from vonggac.config import Secret
from vonggac.edge import identity, journal
from vonggac.edge.command import WANTED
from vonggac.edge.recovery import next_epoch
from vonggac.errors import ConfigError, VonggacError

if TYPE_CHECKING:
    from pathlib import Path

SITE = "k3vq7m2xw5tdhn6ryb4pcz2aej"
AT = 1_793_000_000_000_000_000


def key(number: int) -> keys.SigningKey:
    seed = bytes([number]) * 32
    return keys.SigningKey(Secret(base64.urlsafe_b64encode(seed).decode().rstrip("=")))


FIRST, SECOND, THIRD, STRANGER = key(1), key(2), key(3), key(9)


def chain_of(*made: keys.SigningKey) -> keys.Chain:
    """The chain of these keys, changed in the epochs 10, 20, ..."""
    chain = keys.Chain(SITE, made[0].public)
    for number, (old, new) in enumerate(pairwise(made), 1):
        chain = chain.follow(keys.announce(chain, old, new, epoch=10 * number, at_ns=AT + number))
    return chain


def fact(signer: keys.SigningKey, epoch: int, sequence: int = 5) -> wire.Envelope:
    return signer.envelope(SITE, epoch, sequence, wire.encode_fact(wire.BoxStopped(at=AT)))


def test_each_fact_has_one_key_that_may_have_signed_it() -> None:
    """The announcement is the last of the old key, and everything after it is of the new one."""
    chain = chain_of(FIRST, SECOND, THIRD)
    signers = {1: FIRST, 9: FIRST, 11: SECOND, 19: SECOND, 21: THIRD, 999: THIRD}

    for epoch, signer in signers.items():
        assert chain.verify(fact(signer, epoch)).envelope == fact(signer, epoch)
    for change in chain.changes:
        chain.verify(change.envelope)
    assert chain.keys == (FIRST.public, SECOND.public, THIRD.public)
    assert chain.current == THIRD.public


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        (fact(FIRST, 11), "signed with key 1 of the site, which had ended before it"),
        (fact(SECOND, 21), "signed with key 2 of the site, which had ended before it"),
        (fact(SECOND, 9), "signed with key 2 of the site, which did not sign yet"),
        (fact(FIRST, 10, 1), "signed with key 1 of the site, which had ended before it"),
        (fact(STRANGER, 21), "a fact's signature is not the site's"),
    ],
)
def test_a_key_whose_time_it_was_not_is_named(envelope: wire.Envelope, said: str) -> None:
    """Whoever found an old key may not go on with it, nor date a new one back."""
    with pytest.raises(VonggacError, match=said):
        chain_of(FIRST, SECOND, THIRD).verify(envelope)


def announcement(**changed: Any) -> wire.Envelope:
    """The second change of a chain, or what somebody made of it."""
    told = {"old": SECOND, "new": THIRD, "signer": SECOND, "prover": THIRD, "number": 2,
            "epoch": 20, "site": SITE, **changed}  # fmt: skip
    names = {"at": AT, "number": told["number"], "old": told["old"].public,
             "new": told["new"].public}  # fmt: skip
    plain = wire.KeyChanged(**names, proof="A" * 86)
    proof = told["prover"].sign(wire.change_bytes(told["site"], told["epoch"], 0, plain))
    text = base64.urlsafe_b64encode(proof).decode().rstrip("=")
    payload = wire.encode_fact(wire.KeyChanged(**names, proof=text))
    envelope: wire.Envelope = told["signer"].envelope(told["site"], told["epoch"], 0, payload)
    return envelope


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"signer": STRANGER}, "signed by a stranger, not with the site's key before it"),
        ({"signer": THIRD}, "signed by a stranger"),
        ({"signer": FIRST}, "signed with a key that had ended before it"),
        ({"prover": STRANGER}, "not countersigned with the key that it announces"),
        ({"number": 3}, "announcement 3 of a key does not follow number 1: the chain is broken"),
        ({"number": 1}, "does not follow number 1: the chain is broken"),
        ({"old": FIRST}, "ends another key than the one before it: the chain is broken"),
        ({"new": FIRST, "prover": FIRST}, "goes back to a key that has ended"),
        ({"new": SECOND, "prover": SECOND}, "goes back to a key that has ended"),
        ({"epoch": 10}, "stands before number 1"),
        ({"site": "other"}, "is of another site"),
    ],
)
def test_an_announcement_that_is_not_one_is_refused_by_name(
    changed: dict[str, Any], said: str
) -> None:
    """A stranger, a broken chain, a key without its secret, a way back: each has its sentence."""
    chain = chain_of(FIRST, SECOND)

    with pytest.raises(VonggacError, match=said):
        chain.follow(announcement(**changed))
    assert chain.follow(announcement()).current == THIRD.public


def test_an_announcement_that_comes_twice_changes_nothing() -> None:
    """The hub hears it from the box's files and once more from its ledger."""
    chain = chain_of(FIRST, SECOND, THIRD)

    assert chain.follow(chain.changes[0].envelope) is chain
    with pytest.raises(VonggacError, match="announces no key"):
        chain.follow(fact(THIRD, 30))


def test_any_flipped_bit_of_an_announcement_breaks_the_chain() -> None:
    """Every bit of what is signed and of both signatures."""
    good = announcement()
    before = chain_of(FIRST, SECOND)
    whole = msgspec.json.encode(good)
    dice = random.Random(20261122)
    missed = []
    for _ in range(1_500):
        at, bit = dice.randrange(len(whole)), dice.randrange(8)
        content = bytearray(whole)
        content[at] ^= 1 << bit
        try:
            envelope = msgspec.json.decode(bytes(content), type=wire.Envelope)
            if envelope != good and before.follow(envelope):
                missed.append((at, bit))
        except (VonggacError, *wire.UNREADABLE):
            continue

    assert missed == []


def test_a_key_does_not_change_for_ever() -> None:
    """The file of the key is read up to a length."""
    chain = chain_of(*(key(number) for number in range(1, wire.MAX_CHANGES + 2)))

    with pytest.raises(VonggacError, match="changes 64 times at most"):
        keys.announce(chain, key(65), key(66), epoch=9_999, at_ns=AT)


# -- on the disk -----------------------------------------------------------------------------


def box(directory: Path) -> identity.Identity:
    """A box that has lived three times and was told of a camera with a password."""
    made = identity.identity_at(directory)
    for epoch in (1, 2, 3):
        (directory / "journal").mkdir(exist_ok=True)
        started = wire.encode_fact(wire.BoxStarted(at=AT, version="1"))
        journal.write_alone(directory / "journal", made.key.envelope(made.site, epoch, 0, started))
    sealed = keys.seal(made.key.public, b"mat khau")
    order = {"revision": 4, "wanted": {"cameras": [{"name": "cam01", "sealed": sealed}, {"a": 1}]}}
    (directory / WANTED).write_bytes(msgspec.json.encode(order))
    return made


def rotate(directory: Path, made: identity.Identity) -> identity.Identity:
    epoch = next_epoch(directory, made.chain)
    return identity.rotate(directory, made, epoch=epoch, at_ns=AT)


def look(directory: Path, first: identity.Identity) -> identity.Identity:
    """What the next start finds: one key, which opens its order and continues its journal."""
    found = identity.identity_at(directory)
    identity.publish(directory, found.chain)
    folder = directory / identity.FOLDER
    assert {path.name for path in folder.iterdir()} == {"site", "site.key", "cameras.json"}
    assert found.chain.current == found.key.public
    assert found.chain.first == first.key.public
    order = msgspec.json.decode((directory / WANTED).read_bytes())
    assert found.key.unseal(order["wanted"]["cameras"][0]["sealed"]) == b"mat khau"
    facts = list(journal.facts(directory / "journal"))
    for envelope, _ in facts:
        found.chain.verify(envelope)
    told = [envelope for envelope, fact in facts if isinstance(fact, wire.KeyChanged)]
    assert told == [change.envelope for change in found.chain.changes]
    epoch = next_epoch(directory, found.chain)
    assert found.chain.key_at((epoch, 0)) == found.key.public
    return found


def test_the_old_key_is_gone_and_its_facts_hold(tmp_path: Path) -> None:
    """One file of the key, the order sealed anew, the announcement in the journal."""
    first = box(tmp_path)
    path = tmp_path / identity.FOLDER / identity.KEY
    secret = path.read_text()
    old = os.open(path, os.O_RDONLY)  # what a copy of the disk's blocks would hold

    second = rotate(tmp_path, first)

    assert look(tmp_path, first).key.public == second.key.public != first.key.public
    third = rotate(tmp_path, second)
    assert look(tmp_path, first).chain.keys == (
        first.key.public, second.key.public, third.key.public,
    )  # fmt: skip
    assert secret not in path.read_text()
    assert os.pread(old, 100, 0).strip(b"\0") == b""
    os.close(old)
    assert path.stat().st_mode & 0o777 == 0o600


def killed_at(number: int, directory: Path, made: identity.Identity) -> bool:
    """Change the key in a process that dies by SIGKILL before so many touches of the disk.

    Returns:
        Whether it was killed; False if it came to its end.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child only touches files
        child = os.fork()
    if not child:
        touches = count()

        def hook(event: str, _args: object) -> None:
            names = ("open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.listdir")
            if event in names and next(touches) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(hook)
            rotate(directory, made)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_a_change_may_be_killed_before_any_touch_of_the_disk(tmp_path: Path) -> None:
    """One of the two keys is in force, never none, never both; then it can be changed again."""
    outcomes = set()
    for number in count():
        directory = tmp_path / str(number)
        first = box(directory)
        killed = killed_at(number, directory, first)
        found = look(directory, first)
        outcomes.add((killed, len(found.chain.changes)))
        look(directory, first)
        if not killed:
            break
        if number % 5 == 0:
            rotate(directory, found)
            look(directory, first)

    assert outcomes == {(True, 0), (True, 1), (False, 1)}
    assert number > 15


def test_the_tidying_itself_may_be_killed(tmp_path: Path) -> None:
    """`settle` does the same from the beginning, wherever it was cut off."""
    first = box(tmp_path)
    folder = tmp_path / identity.FOLDER
    seed = keys.new_seed()
    (folder / "site.key.next").write_text(seed.reveal())
    (folder / "cameras.json.next").write_text("{}")
    os.link(folder / "site.key", folder / "site.key.old")
    (folder / ".site.key.next.00ff").write_text(seed.reveal())

    assert look(tmp_path, first).key.public == first.key.public


def test_a_key_from_an_old_backup_is_refused(tmp_path: Path) -> None:
    """The box says so at its start instead of signing what every reader refuses."""
    first = box(tmp_path)
    path = tmp_path / identity.FOLDER / identity.KEY
    before = path.read_text()
    rotate(tmp_path, first)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([before.split("\n")[0], *lines[1:]]))

    with pytest.raises(ConfigError, match="not the last that was announced"):
        identity.identity_at(tmp_path)
    path.write_text("\n".join([lines[0], lines[1].replace("A", "B", 1)]))
    with pytest.raises(ConfigError, match=r"site\.key"):
        identity.identity_at(tmp_path)
    path.write_text(before)
    with pytest.raises(ConfigError, match=r"the journal says that this key ended: .* the"):
        identity.identity_at(tmp_path)
