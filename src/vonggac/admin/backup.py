"""`vonggac backup FILE`: one moment of a hub, or of a recording directory, behind a passphrase.

The hub goes on meanwhile: of its database one moment is read, and of each signed file as much as
is in it. The database comes first, so that the box's own facts in the file are the later ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from vonggac import __version__, admin, check, keys
from vonggac.admin import archive
from vonggac.config import load
from vonggac.db import Database, copying
from vonggac.domain import audit, sealed
from vonggac.edge import identity, recovery
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.hub import exporting, reporting
from vonggac.keys import rotation, vault

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vonggac.admin.archive import Manifest
    from vonggac.check import Hub
    from vonggac.config import Secret

KEYS: Final = "keys"
JOURNAL: Final = "journal"
ALIVE: Final = ".alive"
FOLDERS: Final = (KEYS, reporting.FOLDER, exporting.EXPORTS)
"""Of a data directory; what lies in others is made again or is too large."""


class Place(NamedTuple):
    """What is backed up."""

    data: Path
    """The data directory; of a box alone the recording directory."""
    hub: Hub | None
    config: Path | None

    @property
    def recordings(self) -> Path:
        """Where a box's identity, journal and catalog lie, if there is a box."""
        return self.data if self.hub is None else self.data / check.RECORDINGS

    @property
    def has_box(self) -> bool:
        """Whether there is one."""
        return (self.recordings / identity.FOLDER / identity.KEY).exists()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac backup`."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="where it goes; must not be there")
    add("--config", type=Path, metavar="FILE", help="of `vonggac up`; it goes into the backup too")
    add("--data", type=Path, metavar="DIR",
        help="data directory of `vonggac up`, or a recording directory; default: here")  # fmt: skip
    archive.add_passphrase(parser)
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Make the file whole or not at all."""
    place = found_at(options.data or Path(), options.config)
    target: Path = options.file
    if target.exists():
        raise ConfigError(f"{target} is there already; give another name")
    secret = archive.passphrase(options, twice=True)
    if len(secret.reveal()) < vault.SHORTEST:
        raise ConfigError(f"a passphrase has at least {vault.SHORTEST} letters")
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    except OSError as error:
        raise ConfigError(
            f"cannot write to {target.absolute().parent}: {error.strerror}"
        ) from error
    try:
        with _alone(place):
            manifest, digest = _made(place, work, secret)
        (work / "whole").replace(target)
        _sync(target.absolute().parent)
    except OSError as error:
        raise VonggacError(Kind.FULL, f"the backup cannot be written: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    size = target.stat().st_size
    if place.hub is not None:
        _record(place.hub, target.name, size, digest)
    told = {"file": str(target), "bytes": size, "sha256": digest, "files": len(manifest.files)}
    lines = [f"{target}: {len(manifest.files)} files, {size} bytes, sha256 {digest}",
             "without the passphrase nobody opens it, you neither; recordings are not in it",
             ]  # fmt: skip
    admin.tell(options, told | {"audit_row": manifest.audit_row}, lines)
    return 0


def found_at(data: Path, config: Path | None) -> Place:
    """What there is to back up.

    Raises:
        ConfigError: neither a hub nor a recording directory.
    """
    hub = check.found_at(data, config)
    if config is not None:
        data = Path(load(config).data_dir)
    elif hub is not None:
        data = hub.recordings.parent
    place = Place(data, hub, config)
    if hub is None and not place.has_box:
        raise ConfigError(f"no hub and no box at {data.absolute()}; give --config or --data")
    if hub is not None and not (data / KEYS).is_dir():
        raise ConfigError(f"no keys at {data.absolute()}: a database without them opens nothing")
    return place


@contextlib.contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Nobody changes keys meanwhile: a hub that runs has the directory, or we have it."""
    try:
        held = None if place.hub is None else rotation.hold(place.data)
    except ConfigError:
        held = None
    if held is None:
        yield
        return
    with held:
        yield


def _made(place: Place, work: Path, secret: Secret) -> tuple[Manifest, str]:
    """The backup as `whole` in a folder of ours, and its SHA-256."""
    snapshot, schema, engine = work / archive.DATABASE, "", ""
    newest = audit.Head(0, "")
    made_ns = admin.now_ns()
    if place.hub is not None:
        schema, engine, newest = _database(place, snapshot)
    about = archive.About(
        format=archive.FORMAT,
        kind=archive.BOX if place.hub is None else archive.HUB,
        version=__version__,
        schema=schema,
        engine=engine,
        made_ns=made_ns,
        has_box=place.has_box,
    )
    with (work / "whole").open("xb") as file:
        (work / "whole").chmod(0o600)
        packer = archive.Packer(file, secret, about)
        if place.hub is not None:
            packer.add(archive.DATABASE, snapshot)
        if place.config is not None:
            packer.add(archive.CONFIGURATION, place.config)
        for name, path in _files(place, work):
            packer.add(name, path)
        manifest = packer.finish(audit_row=newest.row, audit_hash=newest.hash)
        file.flush()
        os.fsync(file.fileno())
    with (work / "whole").open("rb") as file:
        return manifest, hashlib.file_digest(file, "sha256").hexdigest()


def _database(place: Place, snapshot: Path) -> tuple[str, str, audit.Head]:
    """One moment of the hub's database as a file; its schema, its engine, the end of its log."""
    assert place.hub is not None
    database = Database(place.hub.database_url)
    try:
        engine = database.engine.dialect.name
        with database.reading() as connection:
            schema = copying.schema_of(connection)
        if schema is None or (engine != "sqlite" and schema != copying.newest_schema()):
            raise ConfigError("the hub's database is not at this version; start `vonggac up` once")
        copying.keep(database, snapshot, progress)
    finally:
        database.close()
    kept = Database(f"sqlite:///{snapshot}")
    try:
        with kept.reading() as connection:
            key = place.data / KEYS / rotation.CREDENTIALS
            if key.exists() and not sealed.opens(connection, keys.Box.at(key)):
                raise VonggacError(
                    Kind.CONFLICT, "the key of the credentials was being changed; run it again"
                )
            return schema, engine, audit.head(connection)
    finally:
        kept.close()


def _files(place: Place, work: Path) -> Iterator[tuple[str, Path]]:
    """What lies on the disk, by its name in the backup."""
    if place.hub is not None:
        for folder in FOLDERS:
            for path in sorted((place.data / folder).rglob("*")):
                if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                    yield f"{archive.DATA}{path.relative_to(place.data).as_posix()}", path
    if place.has_box:
        below = "" if place.hub is None else f"{check.RECORDINGS}/"
        yield from _of_box(place.recordings, f"{archive.DATA}{below}", work)


def _of_box(recordings: Path, prefix: str, work: Path) -> Iterator[tuple[str, Path]]:
    """Identity, index and signed facts; the index first, as facts only grow."""
    for path in sorted((recordings / identity.FOLDER).iterdir()):
        if path.is_file() and not path.name.startswith("."):
            yield f"{prefix}{identity.FOLDER}/{path.name}", path
    if recovery.keep_catalog(recordings, work / recovery.CATALOG):
        yield f"{prefix}{recovery.CATALOG}", work / recovery.CATALOG
    if (recordings / ALIVE).exists():
        yield f"{prefix}{ALIVE}", recordings / ALIVE
    for path in sorted((recordings / JOURNAL).glob("*.log")):
        yield f"{prefix}{JOURNAL}/{path.name}", path


def progress(table: str, rows: int) -> None:
    """Say how far it is, on stderr."""
    sys.stderr.write(f"  {table}: {rows} rows\n")


def _record(hub: Hub, name: str, size: int, digest: str) -> None:
    database = Database(hub.database_url)
    try:
        with database.writing() as connection:
            admin.record(connection, audit.Act.BACKUP_MADE, name, bytes=size, sha256=digest)
    finally:
        database.close()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
