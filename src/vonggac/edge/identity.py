"""Who a box is: its permanent id, the key that signs for it, and how that key came to be its.

`identity/site.key` holds the secret of the key in one line, and below it the announcement of each
change of it (`keys.chain`), so that one rename changes both: before it the box signs with the old
key, after it with the new one, whenever the power goes. Beside it lie, while a key is changed:

* `site.key.next`: the new key, not in force;
* `cameras.json.next`: the last order with its passwords sealed to the new key;
* `site.key.old`: the old key, to be written over and deleted.

`settle` does or undoes what a change that was cut off had left.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from vonggac import keys, log, wire
from vonggac.config import Secret
from vonggac.edge import journal
from vonggac.errors import ConfigError, VonggacError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "identity"
KEY: Final = "site.key"
ORDER: Final = "cameras.json"
"""The last order; credentials in it are sealed to the site's key."""

EPOCH: Final = "epoch"
"""The last life of an earlier box of the facility, in a box that replaced it."""

ALONE: Final = 2_048
"""Bytes of a journal file at most that holds an announcement and nothing else: it has some 500."""

_log = log.get(__name__)


class Identity(NamedTuple):
    """Who this box is."""

    site: str
    key: keys.SigningKey
    chain: keys.Chain
    """Every key that it has had; the last is `key`."""


def identity_at(directory: Path) -> Identity:
    """The box's id and signing key, made when missing.

    Args:
        directory: the recording directory; nobody else changes its key now.

    Raises:
        ConfigError: they cannot be read or written.
    """
    folder = directory / FOLDER
    keys.make_folder(folder)
    path = folder / "site"
    if not path.exists():
        keys.write_secret(path, keys.new_id())
    settle(folder)
    if not (folder / KEY).exists():
        keys.SigningKey.at(folder / KEY)
    found = read(directory)
    if _has_ended(directory, found.chain):
        raise ConfigError(
            f"the journal says that this key ended: {folder / KEY} is an old one; bring back the"
            " backup of identity/ that was made after the change"
        )
    return found


def read(directory: Path) -> Identity:
    """The same without making or mending anything.

    Raises:
        ConfigError: there is none, or the key is not the last that was announced.
    """
    folder = directory / FOLDER
    site = keys.read_secret(folder / "site").reveal()
    secret, *lines = keys.read_secret(folder / KEY).reveal().split("\n")
    key = keys.SigningKey(Secret(secret))
    try:
        told = [msgspec.json.decode(line, type=wire.Envelope) for line in lines]
        first = keys.announced_old(told[0]) if told else key.public
        chain = keys.Chain.of(site, first, told)
    except wire.UNREADABLE as error:
        raise ConfigError(f"{folder / KEY} holds a damaged announcement: {error}") from error
    except VonggacError as error:
        raise ConfigError(f"{folder / KEY}: {error.message}") from error
    if chain.current != key.public:
        raise ConfigError(
            f"the key in {folder / KEY} is not the last that was announced there; bring back the"
            " backup of identity/ that was made after the change"
        )
    return Identity(site, key, chain)


def settle(folder: Path) -> None:
    """Finish a change of the key that had come into force, undo one that had not.

    Raises:
        ConfigError: the files cannot be written.
    """
    next_, old = folder / f"{KEY}.next", folder / f"{KEY}.old"
    order = folder / f"{ORDER}.next"
    try:
        if next_.exists():
            order.unlink(missing_ok=True)  # first: alone it would count as in force
            next_.unlink()
        elif order.exists():
            order.replace(folder / ORDER)
        if old.exists():
            if not old.samefile(folder / KEY):
                _write_over(old)
            old.unlink()
        for torn in folder.glob(".*.next.*"):  # of `write_secret`, killed before its rename
            _write_over(torn)
            torn.unlink()
        _sync(folder)
    except OSError as error:
        raise ConfigError(f"cannot tidy {folder}: {error.strerror}") from error


def first_epoch(directory: Path) -> int:
    """The last life of any earlier box of the facility; 0 without one.

    Raises:
        ConfigError: the file is damaged, or others may read it.
    """
    path = directory / FOLDER / EPOCH
    if not path.exists():
        return 0
    told = keys.read_secret(path).reveal()
    if not (told.isascii() and told.isdigit()):
        raise ConfigError(f"{path} holds no number")
    return int(told)


def rotate(directory: Path, identity: Identity, *, epoch: int, at_ns: int) -> Identity:
    """Change the key of a box that does not run.

    Args:
        directory: the recording directory, held by the caller.
        identity: as `identity_at` read it.
        epoch: after every other of the journal; the announcement is alone in it.
        at_ns: UTC now.

    Returns:
        Who the box is from now on.

    Raises:
        ConfigError: a file cannot be written; the old key is in force, or the new one if only
            the tidying failed, as the next start finds out.
        VonggacError: FULL: the key was changed as often as it can be.
    """
    folder = directory / FOLDER
    path, next_, old = folder / KEY, folder / f"{KEY}.next", folder / f"{KEY}.old"
    secret = keys.new_seed()
    key = keys.SigningKey(secret)
    envelope = keys.announce(identity.chain, identity.key, key, epoch=epoch, at_ns=at_ns)
    chain = identity.chain.follow(envelope)
    changed = Identity(identity.site, key, chain)
    announced = [msgspec.json.encode(one.envelope).decode() for one in chain.changes]
    keys.write_secret(next_, "\n".join([secret.reveal(), *announced]))
    _seal_anew(folder, identity.key, key)
    try:
        os.link(path, old)
        next_.replace(path)  # from here on the new key signs
        _sync(folder)
    except OSError as error:
        raise ConfigError(f"cannot change {path}: {error.strerror}") from error
    settle(folder)
    publish(directory, chain)
    return changed


def left(directory: Path) -> list[str]:
    """What a change of the key that was cut off has left: `settle` tidies it."""
    patterns = (f"{KEY}.*", f"{ORDER}.next", ".*.next.*")
    found = [path for pattern in patterns for path in (directory / FOLDER).glob(pattern)]
    return sorted(path.name for path in found)


def publish(directory: Path, chain: keys.Chain) -> list[int]:
    """Put announcements into the journal that are not in it: the power went, or its disk was new.

    A disk that refuses stops nothing: the next start does it.

    Returns:
        The numbers of those that were put there now.
    """
    folder = directory / "journal"
    done = []
    for change in chain.changes:
        if journal.journal_path(folder, change.place[0]).exists():
            continue
        try:
            journal.write_alone(folder, change.envelope)
            done.append(change.fact.number)
        except OSError as error:
            _log.warning("key.not_published", number=change.fact.number, error=str(error))
    return done


def _has_ended(directory: Path, chain: keys.Chain) -> bool:
    """Whether the journal goes on with an announcement that the chain does not know."""
    folder = directory / "journal"
    for epoch in journal.epochs(folder):
        try:
            if journal.journal_path(folder, epoch).stat().st_size > ALONE:
                continue
            told, _ = journal.read(folder, epoch=epoch, sequence=0, limit=1)
            if told and chain.follow(told[0]) is not chain:
                return True
        except (OSError, VonggacError):
            continue  # most are no announcement
    return False


def _seal_anew(folder: Path, old: keys.SigningKey, new: keys.SigningKey) -> None:
    """The last order for the new key: a box that starts without its hub still opens it."""
    try:
        kept = msgspec.json.decode((folder / ORDER).read_bytes())
        for camera in kept["wanted"]["cameras"]:
            if camera.get("sealed") is not None:
                camera["sealed"] = keys.seal(new.public, old.unseal(camera["sealed"]))
    except FileNotFoundError:
        return
    except (OSError, KeyError, TypeError, AttributeError, *wire.UNREADABLE, VonggacError) as error:
        # The box cannot read it either, and waits for its hub.
        _log.warning("key.order_not_sealed_anew", error=str(error))
        return
    keys.write_secret(folder / f"{ORDER}.next", msgspec.json.encode(kept).decode())


def _write_over(path: Path) -> None:
    """Zeros over a secret, where the file system writes in place."""
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.write(bytes(size))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
