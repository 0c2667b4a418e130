"""Secrets on disk: files of mode 0600, made whole or not at all, and a box for credentials."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

import nacl.exceptions
import nacl.secret
import nacl.utils

from vonggac.config import Secret
from vonggac.errors import ConfigError, Kind, VonggacError

if TYPE_CHECKING:
    from pathlib import Path

MAX_SECRET_FILE: Final = 65_536
"""Bytes read of a key file at most: the longest is a user's JWT with 25 cameras, about 30 kB."""


def write_secret(path: Path, text: str) -> None:
    """Write a secret file: mode 0600 from its first byte, whole or not at all, durable.

    Raises:
        ConfigError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(f"cannot write the key file {path}: {error.strerror}") from error


def read_secret(path: Path) -> Secret:
    """Read a secret file.

    Raises:
        ConfigError: it is not there, too long, or others may read it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(f"{path} may be read by others; run: chmod 600 {path}")
            text = file.read(MAX_SECRET_FILE + 1)
    except OSError as error:
        raise ConfigError(f"cannot read the key file {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no key file") from None
    if len(text) > MAX_SECRET_FILE:
        raise ConfigError(f"{path} is too long to be a key file")
    return Secret(text.strip())


def make_folder(path: Path) -> None:
    """Make a folder for secrets, mode 0700, if it is not there.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"cannot make the key folder {path}: {error.strerror}") from error


class Box:
    """Encrypts what must be kept and read again: the cameras' credentials.

    XSalsa20-Poly1305 (libsodium's SecretBox) with a random nonce of 24 bytes a message. What is
    encrypted is bound to a label, so that a row cannot be moved to another camera.

    Args:
        key: 32 bytes in base64url, as `Box.at` keeps them.
    """

    def __init__(self, key: Secret) -> None:
        try:
            raw = base64.urlsafe_b64decode(key.reveal())
            self._box = nacl.secret.SecretBox(raw)
        except (binascii.Error, ValueError, nacl.exceptions.CryptoError):
            raise ConfigError("the credentials' key is not 32 bytes in base64url") from None

    @classmethod
    def at(cls, path: Path) -> Box:
        """The box whose key is in this file, made if missing.

        Raises:
            ConfigError: the file cannot be read or written, or holds no key.
        """
        if not path.exists():
            key = nacl.utils.random(nacl.secret.SecretBox.KEY_SIZE)
            write_secret(path, base64.urlsafe_b64encode(key).decode())
        return cls(read_secret(path))

    def lock(self, secret: Secret, label: str) -> bytes:
        """Encrypt; the label (for example a camera's name) must be given again to read it."""
        plain = len(label.encode()).to_bytes(2, "big") + label.encode() + secret.reveal().encode()
        return bytes(self._box.encrypt(plain))

    def unlock(self, locked: bytes, label: str) -> Secret:
        """Decrypt.

        Raises:
            VonggacError: CORRUPT: another key, another label, or changed bytes.
        """
        try:
            plain = self._box.decrypt(locked)
        except (nacl.exceptions.CryptoError, ValueError):
            raise VonggacError(
                Kind.CORRUPT, "credentials cannot be decrypted: the key is another one"
            ) from None
        size = int.from_bytes(plain[:2], "big")
        if plain[2 : 2 + size] != label.encode():
            raise VonggacError(Kind.CORRUPT, "credentials were encrypted for something else")
        return Secret(plain[2 + size :].decode())
