"""`vonggac restore FILE --data DIR`: a hub, or a box, as a backup has it, where there is none.

Everything is read and proved before anything is written, and laid beside its place until it is
whole. What the backup cannot know is put right: nobody is signed in any more, unused codes end,
orders are numbered ahead of any that a box may hold, the access log says which rows are lost, and
a box goes on with a life far behind any that it may have had since.
"""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from vonggac import admin, check, keys
from vonggac.admin import archive, moving
from vonggac.admin.backup import KEYS, progress
from vonggac.clock import rfc3339
from vonggac.db import Database, copying, sqlite_url
from vonggac.domain import restoring, sealed
from vonggac.edge import box, identity, recovery
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.hub import auditing
from vonggac.keys import rotation

if TYPE_CHECKING:
    import argparse

    from vonggac.admin.archive import About, Manifest
    from vonggac.config import Secret
    from vonggac.db import Connection
    from vonggac.domain.audit import Verdict
    from vonggac.domain.restoring import Restored

LIVES: Final = 1_000
"""Lives that a box may have begun since its backup (ours): its next is numbered behind them, as two
facts must never bear one number."""
OURS: Final = (check.SQLITE, KEYS, "nats", archive.CONFIGURATION, rotation.RUNNING)
"""What lies in the data directory of a hub."""
OF_A_BOX: Final = (identity.FOLDER, recovery.CATALOG, "journal", ".alive")


class Done(NamedTuple):
    """What was brought back."""

    files: int
    changed: Restored | None
    verdict: Verdict | None
    keeps_box: bool
    """Whether a box that stood there goes on, with facts later than the backup's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac restore`."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="of `vonggac backup`")
    add("--data", type=Path, metavar="DIR", help="where it goes: no hub and no box may be there")
    add("--database", metavar="URL", help="an empty PostgreSQL for it; default: SQLite in DIR")
    add("--check", action="store_true", help="read and prove the whole file, write nothing")
    archive.add_passphrase(parser)
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Prove the file, then bring it back; 1 if the access log in it was altered."""
    if not options.check and options.data is None:
        raise ConfigError("say where it goes with --data, or only --check it")
    if options.database is not None:
        moving.check_url(options.database)
    secret = archive.passphrase(options, twice=False)
    about, manifest = archive.verify(options.file, secret)
    told: dict[str, object] = {
        "kind": about.kind, "version": about.version, "made": rfc3339(about.made_ns),
        "files": len(manifest.files),
    }  # fmt: skip
    lines = [f"a {about.kind} of {rfc3339(about.made_ns)} by {about.version}: every hash is right"]
    if about.schema and not copying.knows_schema(about.schema):
        raise VonggacError(
            Kind.UNSUPPORTED,
            f"this backup was made by a newer version ({about.version}); restore it with that one",
        )
    if options.check:
        admin.tell(options, told, lines)
        return 0
    done = _bring_back(options, secret, about, manifest)
    return _tell(options, about, done, (told, lines))


def _tell(
    options: argparse.Namespace,
    about: About,
    done: Done,
    so_far: tuple[dict[str, object], list[str]],
) -> int:
    told, lines = so_far
    told |= {"data": str(options.data), "restored": done.files, "keeps_box": done.keeps_box}
    if done.keeps_box:
        lines.append("the box that stood there goes on with its own identity and facts")
    if done.changed is not None:
        told |= {"row": done.changed.row, "next_row": done.changed.next,
                 "sessions": done.changed.sessions, "codes": done.changed.codes}  # fmt: skip
        lines.append(
            f"the access log goes on after row {done.changed.row} with row {done.changed.next};"
            f" {done.changed.sessions} sessions and {done.changed.codes} unused codes ended"
        )
    ok = True
    if done.verdict is not None:
        ok = done.verdict.ok
        told["audit"] = check.as_json(done.verdict)
        lines += [f"wrong: {fault}" for fault in done.verdict.faults]
    config = options.data / archive.CONFIGURATION
    if config.exists():
        told["config"] = str(config)
        lines.append(f"read {config}, then start `vonggac up --config {config}`")
    if about.has_box:
        lines.append("recordings are not in a backup: bring them from where they are kept")
    admin.tell(options, told, lines)
    return 0 if ok else 1


def _bring_back(
    options: argparse.Namespace, secret: Secret, about: About, manifest: Manifest
) -> Done:
    data: Path = options.data
    if about.kind == archive.BOX and options.database is not None:
        raise ConfigError("this is the backup of a box: it has no database")
    keeps_box = _check_free(data, about)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged = data / f".restoring-{secrets.token_hex(4)}"
        staged.mkdir(mode=0o700)
    except OSError as error:
        raise ConfigError(f"cannot write to {data}: {error.strerror}") from error
    try:
        count = archive.unpack(options.file, secret, manifest, lambda name: _place(staged, name))
        recordings = staged if about.kind == archive.BOX else staged / check.RECORDINGS
        if about.has_box:
            _settle_box(recordings, data / check.RECORDINGS if keeps_box else None)
        changed, verdict = None, None
        if about.kind == archive.HUB:
            changed, verdict = _settle_hub(options, staged, about)
        _move(staged, data)
    except OSError as error:
        raise VonggacError(Kind.FULL, f"the backup cannot be brought back: {error}") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return Done(count, changed, verdict, keeps_box)


def _check_free(data: Path, about: About) -> bool:
    """Refuse a place where something lives; whether a box of a hub's own machine stands there.

    Raises:
        ConfigError: names what is there.
    """
    names = OF_A_BOX if about.kind == archive.BOX else OURS
    there = [name for name in names if (data / name).exists()]
    recordings = data if about.kind == archive.BOX else data / check.RECORDINGS
    stands = (recordings / identity.FOLDER / identity.KEY).exists()
    if about.has_box and not stands:  # a disk that lost who it is, and still knows what it said
        there += [f"{check.RECORDINGS}/{name}" for name in OF_A_BOX if (recordings / name).exists()]
    if there:
        raise ConfigError(
            f"{data} holds {', '.join(there)} already; restore into a directory of its own, or"
            " move what is there away first"
        )
    if recordings.is_dir() and box.is_locked(recordings):
        raise ConfigError(f"a recorder runs on {recordings}; stop it first")
    return about.kind == archive.HUB and stands


def _place(staged: Path, name: str) -> Path:
    """Where a member goes below the folder in which everything is laid first."""
    if name.startswith(archive.DATA):
        return staged / name.removeprefix(archive.DATA)
    return staged / (check.SQLITE if name == archive.DATABASE else name)


def _settle_box(staged: Path, standing: Path | None) -> None:
    """Number the next life of a box behind any other; leave one that stands as it is.

    Raises:
        ConfigError: the box that stands there is another one.
    """
    if standing is not None:
        site = identity.read(standing).site
        if site != identity.read(staged).site:
            raise ConfigError(f"the box at {standing} is of another site: {site}")
        shutil.rmtree(staged)
        return
    latest = recovery.next_epoch(staged, identity.read(staged).chain) - 1
    keys.write_secret(staged / identity.FOLDER / identity.EPOCH, str(latest + LIVES))


def _settle_hub(
    options: argparse.Namespace, staged: Path, about: About
) -> tuple[Restored, Verdict]:
    """The database of this version, in its place and fit to be lived with."""
    file = Database(sqlite_url(staged / check.SQLITE))
    database = file
    try:
        file.migrate()
        if options.database is not None:
            database = Database(options.database)
            with file.reading() as source, database.writing() as target:
                copying.check_empty(target)
                copying.prepare(target)
                copying.compare(copying.copy(source, target, progress), copying.sums(target))
                changed = _settle(target, staged, about)
        else:
            with database.writing() as connection:
                changed = _settle(connection, staged, about)
        recordings = options.data / check.RECORDINGS
        if not (recordings / identity.FOLDER).is_dir():
            recordings = staged / check.RECORDINGS
        with database.reading() as connection:
            signed = check.signed_by_box(recordings)
            verdict = auditing.verify(connection, signed, now_ns=admin.now_ns())
    finally:
        database.close()
        file.close()
    if options.database is not None:
        (staged / check.SQLITE).unlink()
    _configure(staged / archive.CONFIGURATION, options)
    return changed, verdict


def _settle(connection: Connection, staged: Path, about: About) -> Restored:
    """Raises VonggacError: the keys of the backup do not open what its database holds."""
    key = staged / KEYS / rotation.CREDENTIALS
    if not key.exists() or not sealed.opens(connection, keys.Box.at(key)):
        raise VonggacError(Kind.CORRUPT, "the keys of this backup do not open its database")
    now_ns = admin.now_ns()
    return restoring.restored(connection, admin.ACTOR, taken_ns=about.made_ns, now_ns=now_ns)


def _configure(path: Path, options: argparse.Namespace) -> None:
    """Let the configuration name the places of now; everything else in it stays."""
    if not path.exists():
        return
    head, bracket, rest = f"\n{path.read_text(encoding='utf-8')}".partition("\n[")
    head = re.sub(r"(?m)^(data_dir|database_url)\s*=.*\n?", "", head + "\n")
    told = [f"data_dir = {_toml(str(options.data.absolute()))}"]
    if options.database is not None:
        told.append(f"database_url = {_toml(options.database)}")
    path.write_text("\n".join([*told, head.strip("\n"), ""]) + bracket.lstrip("\n") + rest,
                    encoding="utf-8")  # fmt: skip


def _toml(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _move(staged: Path, data: Path) -> None:
    """Everything to its place; keys last, as nothing is a hub without them."""
    for path in sorted(staged.iterdir(), key=lambda one: one.name == KEYS):
        target = data / path.name
        if path.is_dir() and target.is_dir():
            for child in path.iterdir():
                shutil.move(child, target / child.name)
        else:
            shutil.move(path, target)
