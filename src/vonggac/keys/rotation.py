"""Changing keys on the disk, so that a crash at any moment leaves one that fits.

What a key has locked lies elsewhere, in the database, and the two cannot change at one moment. So
there are up to three files of the credentials' key: the one in use, `.next` from before the rows
change until after, and `.old` until the next start has seen that the new one opens them.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final

import msgspec

from vonggac.errors import ConfigError
from vonggac.keys.files import Box, read_secret, write_secret
from vonggac.keys.nkey import NKey, Role, operator_jwt
from vonggac.keys.site import SigningKey
from vonggac.keys.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import TextIOWrapper
    from pathlib import Path

CREDENTIALS: Final = "credentials.key"
HUB: Final = "hub.key"
RUNNING: Final = "running.lock"
"""Held by `vonggac up` on its data directory for as long as it lives."""


def hold(data: Path) -> TextIOWrapper:
    """Have the data directory to oneself until the returned file is closed or the process ends.

    Raises:
        ConfigError: a running program has it.
    """
    try:
        file = (data / RUNNING).open("a", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {data / RUNNING}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConfigError(
            f"vonggac up runs on {data}; stop it first: it would go on with what it has read"
        ) from error
    return file


# -- the key of the credentials --------------------------------------------------------------


def prepare_credentials(folder: Path) -> tuple[Box, Box]:
    """The key in use, and the next one, which is on the disk from now on."""
    old = Box.at(folder / CREDENTIALS)
    return old, Box.at(_beside(folder, "next"))


def finish_credentials(folder: Path) -> None:
    """Use the next key, now that everything is locked with it; the old one waits for `settle`."""
    write_secret(_beside(folder, "old"), read_secret(folder / CREDENTIALS).reveal())
    _take(folder, "next")


def settle_credentials(folder: Path, opens: Callable[[Box], bool]) -> Box:
    """The key that opens what is locked, after a change that ended in whatever way.

    Args:
        folder: of the keys.
        opens: whether a key opens everything that the database holds; true if that is nothing.

    Raises:
        ConfigError: there are several keys and none opens it.
    """
    left = [name for name in ("next", "old") if _beside(folder, name).exists()]
    if not left:
        return Box.at(folder / CREDENTIALS)
    if not (folder / CREDENTIALS).exists() or not opens(Box.at(folder / CREDENTIALS)):
        fits = next((name for name in left if opens(Box.at(_beside(folder, name)))), None)
        if fits is None:
            raise ConfigError(
                f"no key in {folder} opens the credentials of this database; bring back the "
                "backup of keys/ that belongs to it"
            )
        _take(folder, fits)
        left.remove(fits)
    for name in left:
        _beside(folder, name).unlink()
    return Box.at(folder / CREDENTIALS)


def _beside(folder: Path, name: str) -> Path:
    return folder / f"{CREDENTIALS}.{name}"


def _take(folder: Path, name: str) -> None:
    _beside(folder, name).replace(folder / CREDENTIALS)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# -- keys that nothing on the disk hangs on --------------------------------------------------


def rotate_hub(folder: Path) -> tuple[str, str]:
    """A new key for signing grants; the old and the new public half.

    The box is told it at the next start; grants of the old one were over within the hour.
    """
    old = SigningKey.at(folder / HUB).public
    fresh = folder / f"{HUB}.next"
    fresh.unlink(missing_ok=True)
    new = SigningKey.at(fresh).public
    fresh.replace(folder / HUB)
    return old, new


def rotate_bus(folder: Path, *, issued_s: int) -> bool:
    """New signing keys of the bus's accounts: every credential that they signed is void.

    Accounts and credentials are made from them at the next start.

    Args:
        folder: of the operator's tree.
        issued_s: seconds since 1970.

    Returns:
        Whether the operator's own signing key was changed too: `operator.seed` was there.
    """
    trust = Trust.at(folder, issued_s=issued_s)
    for name in ("system", "control", "media", "viewer"):
        write_secret(folder / f"{name}-signing.seed", NKey.create(Role.ACCOUNT).seed.reveal())
    seed = folder / "operator.seed"
    if not seed.exists():
        return False
    operator = NKey(read_secret(seed))
    old, new = NKey(read_secret(folder / "operator-signing.seed")), NKey.create(Role.OPERATOR)

    def publish(*signing: NKey) -> None:
        told = operator_jwt(
            operator,
            name="vonggac",
            signing_keys=[key.public for key in signing],
            system_account=trust.public.system,
            issued_s=issued_s,
        )
        public = msgspec.structs.replace(trust.public, operator_jwt=told)
        write_secret(folder / "trust.json", msgspec.json.encode(public).decode())

    publish(new, old)  # a crash between any two of these leaves a key that is named
    write_secret(folder / "operator-signing.seed", new.seed.reveal())
    publish(new)
    return True


def rotate_tls(folder: Path) -> bool:
    """Forget the private authority: the next start makes another, which desks install again.

    Returns:
        Whether there was one.
    """
    found = (folder / "authority.pem").exists()
    for name in ("server.pem", "authority.pem"):
        (folder / name).unlink(missing_ok=True)
    return found
