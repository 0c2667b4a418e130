"""Secrets at rest: cameras' passwords under one key file that only the program's user may read."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random

from vonggac.config import Secret
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from pathlib import Path


class Vault:
    """Seals and opens secrets with XSalsa20-Poly1305 (libsodium's secretbox).

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._box = SecretBox(key)

    def seal(self, secret: Secret) -> bytes:
        """The secret as bytes that are worth nothing without the key."""
        return bytes(self._box.encrypt(secret.reveal().encode()))

    def open(self, sealed: bytes) -> Secret:
        """The secret again.

        Raises:
            VonggacError: CORRUPT, the bytes were sealed with another key or altered.
        """
        try:
            return Secret(self._box.decrypt(sealed).decode())
        except CryptoError as error:
            raise VonggacError(
                Kind.CORRUPT,
                "a stored password was sealed with another key file; enter the password again",
            ) from error


def open_vault(path: Path) -> Vault:
    """The vault whose key is in the file; the file is made (0600) when there is none.

    Raises:
        VonggacError: FORBIDDEN, others may read the file; CORRUPT, it is no key.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(handle, "wb") as file:
            file.write(random(SecretBox.KEY_SIZE))
            file.flush()
            os.fsync(file.fileno())
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise VonggacError(
            Kind.FORBIDDEN, f"others may read the key file {path}; run chmod 600 on it"
        )
    key = path.read_bytes()
    if len(key) != SecretBox.KEY_SIZE:
        raise VonggacError(
            Kind.CORRUPT, f"{path} is no key file; bring it back from the backup", path=str(path)
        )
    return Vault(key)
