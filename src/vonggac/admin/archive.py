"""What a backup is made of: files one after the other behind a passphrase, then all their hashes.

The first member says what it is a backup of and by which version, so that it is refused before
anything is read; the last lists each file with its SHA-256. In between lie one moment of the hub's
database as an SQLite file, whatever engine the hub has, and the files of the data directory under
`data/`. Recordings are not in it.
"""

from __future__ import annotations

import getpass
import hashlib
import io
import sys
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from vonggac.config import Secret, SecretRef
from vonggac.errors import ConfigError, Kind, MalformedError, VonggacError
from vonggac.keys import vault

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

FORMAT: Final = 1
ABOUT: Final = "about.json"
MANIFEST: Final = "manifest.json"
DATABASE: Final = "database.sqlite"
CONFIGURATION: Final = "vonggac.toml"
DATA: Final = "data/"
HUB, BOX = "hub", "box"
PIECE: Final = 1 << 20
MOST_TOLD: Final = 64 << 20
"""Bytes of the first or the last member at most."""


_Told = TypeVar("_Told")


class About(msgspec.Struct, frozen=True):
    """What a backup is of."""

    format: int
    kind: str
    """`HUB`, or `BOX` for a recording directory alone."""
    version: str
    schema: str
    """The migration of the database; empty without one."""
    engine: str
    made_ns: int
    has_box: bool
    """Whether identity, journal and catalog of a box are in it."""


class Entry(msgspec.Struct, frozen=True):
    """A file of it."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What must be in it."""

    files: tuple[Entry, ...]
    audit_row: int
    """The newest row of the access log; 0 without a database."""
    audit_hash: str


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """The options by which a passphrase is given; never itself an argument."""
    parser.add_argument(
        "--passphrase-file", metavar="FILE", help="its first line is the passphrase"
    )
    parser.add_argument("--passphrase-env", metavar="NAME", help="variable that holds it")


def passphrase(options: argparse.Namespace, *, twice: bool) -> Secret:
    """The passphrase from a file, a variable or the terminal.

    Raises:
        ConfigError: none is given and nobody sits at a terminal, or the two tries differ.
    """
    if options.passphrase_file or options.passphrase_env:
        found = SecretRef(env=options.passphrase_env, file=options.passphrase_file)
        return found.read("passphrase")
    if not sys.stdin.isatty():
        raise ConfigError("give the passphrase with --passphrase-file or --passphrase-env")
    typed = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("The same again: ") != typed:
        raise ConfigError("the two passphrases differ")
    return Secret(typed)


class Packer:
    """Puts files into a backup; `finish` makes it one.

    Args:
        file: where it goes.
        secret: its passphrase.
        about: what it is.
    """

    def __init__(self, file: BinaryIO, secret: Secret, about: About) -> None:
        self._sealed = vault.SealedWriter(file, secret)
        self._tar = tarfile.open(fileobj=self._sealed, mode="w|", bufsize=PIECE)  # type: ignore[call-overload] # noqa: SIM115
        self._files: list[Entry] = []
        self._add(ABOUT, io.BytesIO(msgspec.json.encode(about)), len(msgspec.json.encode(about)))

    def add(self, name: str, path: Path) -> None:
        """Add a file as long as it is now; what grows meanwhile is cut there.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            size = path.stat().st_size
            hashing = _Hashing(file)
            self._add(name, hashing, size)
        self._files.append(Entry(name, size, hashing.hexdigest()))

    def finish(self, *, audit_row: int, audit_hash: str) -> Manifest:
        """Add the list of everything and seal the end."""
        manifest = Manifest(tuple(self._files), audit_row, audit_hash)
        told = msgspec.json.encode(manifest)
        self._add(MANIFEST, io.BytesIO(told), len(told))
        self._tar.close()
        self._sealed.close()
        return manifest

    def _add(self, name: str, file: BinaryIO | _Hashing, size: int) -> None:
        told = tarfile.TarInfo(name)
        told.size, told.mode = size, 0o600
        self._tar.addfile(told, file)


class _Hashing:
    """A file of which is hashed what is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """As files do."""
        content = self._file.read(size)
        self._digest.update(content)
        return content

    def hexdigest(self) -> str:
        """Of everything that was read."""
        return self._digest.hexdigest()


def verify(path: Path, secret: Secret) -> tuple[About, Manifest]:
    """Read a whole backup and hold it against its own list; writes nothing.

    Raises:
        ConfigError: it cannot be opened.
        MalformedError: it is no backup.
        VonggacError: CORRUPT, another passphrase or a damaged file; UNSUPPORTED, of a later format.
    """
    found: list[Entry] = []
    about: About | None = None
    manifest: Manifest | None = None
    for name, size, content in _members(path, secret):
        if name in (ABOUT, MANIFEST):
            told = content(MOST_TOLD)
            about = _decoded(told, About) if name == ABOUT else about
            manifest = _decoded(told, Manifest) if name == MANIFEST else None
            if about is not None and about.format != FORMAT:
                raise VonggacError(
                    Kind.UNSUPPORTED, f"this backup is of a later version ({about.version})"
                )
            continue
        digest = hashlib.sha256()
        while piece := content(PIECE):
            digest.update(piece)
        found.append(Entry(name, size, digest.hexdigest()))
        manifest = None  # the list is last
    if about is None or manifest is None:
        raise MalformedError("this is no whole backup: its list is missing")
    if tuple(found) != manifest.files:
        raise VonggacError(Kind.CORRUPT, "the files of this backup are not those of its list")
    return about, manifest


def unpack(path: Path, secret: Secret, manifest: Manifest, place: Callable[[str], Path]) -> int:
    """Write files out of a backup; returns how many.

    Args:
        path: the backup.
        secret: its passphrase.
        manifest: what `verify` found in it.
        place: where a member goes.

    Raises:
        VonggacError: it changed since, or a file cannot be written.
    """
    known = {entry.name: entry for entry in manifest.files}
    count = 0
    for name, _, content in _members(path, secret):
        if name not in known:
            continue
        target = place(name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with target.open("xb") as file:
            target.chmod(0o600)
            while piece := content(PIECE):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != known[name].sha256:
            raise VonggacError(Kind.CORRUPT, f"{name} changed while it was read")
        count += 1
    return count


def _members(path: Path, secret: Secret) -> Iterator[tuple[str, int, Callable[[int], bytes]]]:
    """Name, size and content of each member, in order; the end is proved too."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    with file:
        sealed = vault.SealedReader(file, secret)
        try:
            with tarfile.open(fileobj=sealed, mode="r|", bufsize=PIECE) as tar:  # type: ignore[call-overload]
                for member in tar:
                    content = tar.extractfile(member) if _is_ours(member) else None
                    if content is None:
                        raise MalformedError("this backup holds what no backup of ours holds")
                    yield member.name, member.size, content.read
        except tarfile.TarError as error:
            raise MalformedError(f"this is no whole backup: {error}") from error
        while sealed.read(PIECE):
            pass


def _is_ours(member: tarfile.TarInfo) -> bool:
    parts = PurePosixPath(member.name).parts
    known = member.name in (ABOUT, MANIFEST, DATABASE, CONFIGURATION) or (
        member.name.startswith(DATA) and len(parts) > 1
    )
    return known and member.isreg() and not {"..", "/", "."} & set(parts)


def _decoded(content: bytes, kind: type[_Told]) -> _Told:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"this is no whole backup: {error}") from error
