"""`vonggac keys`: what keys a hub has and how old they are; and changing them.

A change asks that `vonggac up` is stopped, because a running program goes on with the keys that it
has read; ending all sessions alone needs no stop.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonggac import admin, check, keys
from vonggac.clock import NS, rfc3339
from vonggac.config import load
from vonggac.domain import accounts, audit, sealed, sessions, site_keys
from vonggac.edge import box, identity
from vonggac.edge.recovery import next_epoch
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.evidence import fingerprint
from vonggac.keys import rotation, tls

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vonggac.db import Database

WHAT = ("credentials", "hub", "bus", "tls", "sessions")
"""In the order in which `all` changes them; the one that may fail on what it finds comes first."""
SITE = "site"
"""Changed by its own name alone: its fingerprint stands on paper, and has to be told anew."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac keys`."""
    admin.add_arguments(parser, ("show", "rotate"))
    parser.add_argument(
        "--what", choices=(*WHAT, SITE, "all"), default="all", help="what to rotate"
    )


def command(options: argparse.Namespace) -> int:
    """Show them or change them; no secret is printed in either."""
    data = data_of(options)
    if options.do == "show":
        found = list(shown(data))
        lines = [f"{one['name']}\t{one['made']}\t{one['public'] or '-'}" for one in found]
        admin.tell(options, {"keys": found}, lines)
        return 0
    wanted = WHAT if options.what == "all" else (options.what,)
    with admin.hub(options) as database:
        if wanted == ("sessions",):
            done = [_rotate("sessions", data, database)]
        else:
            with rotation.hold(data):
                done = [_rotate(what, data, database) for what in wanted]
    lines = [" ".join(f"{name}={value}" for name, value in one.items()) for one in done]
    admin.tell(options, {"rotated": done}, [*lines, "start vonggac up again"])
    return 0


def data_of(options: argparse.Namespace) -> Path:
    """The data directory of a hub.

    Raises:
        ConfigError: there are no keys.
    """
    given = options.data or Path()
    data = Path(load(options.config).data_dir) if options.config is not None else given.absolute()
    if not (data / "keys").is_dir():
        raise ConfigError(f"no keys at {data}; give --config or --data")
    return data


def shown(data: Path) -> Iterator[dict[str, Any]]:
    """Every key file with its age and its public part, never what is secret."""
    folder, trust = data / "keys", data / "keys" / "trust"
    public: dict[str, str] = {}
    recordings = data / check.RECORDINGS
    site_key = recordings / identity.FOLDER / identity.KEY
    if (folder / rotation.HUB).exists():
        public[rotation.HUB] = keys.SigningKey.at(folder / rotation.HUB).public
    if site_key.exists():
        chain = identity.read(recordings).chain
        public[site_key.name] = chain.current
        for change in chain.changes:
            yield {
                "name": f"{site_key.relative_to(data)}, key {change.fact.number}",
                "made": "-",
                "age_days": None,
                "public": change.fact.old,
                "ended": rfc3339(change.fact.at),
            }
    for path in trust.glob("*.seed"):
        public[path.name] = keys.NKey(keys.read_secret(path)).public
    if (folder / "tls" / "ca.pem").exists():
        public["authority.pem"] = tls.fingerprint(tls.certificate(folder / "tls" / "ca.pem"))
        public["server.pem"] = tls.fingerprint(tls.certificate(folder / "tls" / "server.pem"))
    places = (
        *sorted(folder.glob("credentials.key*")),
        folder / rotation.HUB,
        site_key,
        *sorted(trust.glob("*.seed")),
        folder / "tls" / "authority.pem",
        folder / "tls" / "server.pem",
    )
    for path in places:
        if path.exists():
            made_ns = path.stat().st_mtime_ns
            yield {
                "name": str(path.relative_to(data)),
                "made": rfc3339(made_ns),
                "age_days": max(0, (admin.now_ns() - made_ns) // accounts.DAY_NS),
                "public": public.get(path.name),
            }


def _rotate(what: str, data: Path, database: Database) -> dict[str, Any]:
    """Change one kind of key and leave its row."""
    told: dict[str, Any] = {"what": what}
    folder = data / "keys"
    match what:
        case "credentials":
            return _credentials(told, folder, database)
        case "hub":
            told["old"], told["new"] = rotation.rotate_hub(folder)
        case "bus":
            told["operator"] = rotation.rotate_bus(folder / "trust", issued_s=admin.now_ns() // NS)
        case "tls":
            told["had_one"] = rotation.rotate_tls(folder / "tls")
        case "site":
            return _site(told, data / check.RECORDINGS, database)
        case _:
            with database.writing() as connection:
                told["sessions"] = sum(
                    sessions.revoke(connection, one.id, now_ns=admin.now_ns())
                    for one in accounts.people(connection)
                )
                admin.record(connection, audit.Act.KEYS_ROTATED, what, **_detail(told))
            return told
    with database.writing() as connection:
        admin.record(connection, audit.Act.KEYS_ROTATED, what, **_detail(told))
    return told


def _credentials(told: dict[str, Any], folder: Path, database: Database) -> dict[str, Any]:
    """Lock everything with a new key: the rows and the audit's row in one transaction."""
    with database.reading() as connection:
        rotation.settle_credentials(folder, lambda one: sealed.opens(connection, one))
    old, new = rotation.prepare_credentials(folder)
    with database.writing() as connection:
        told["values"] = sealed.reseal(connection, old, new)
        admin.record(connection, audit.Act.KEYS_ROTATED, told["what"], **_detail(told))
    rotation.finish_credentials(folder)
    return told


def _site(told: dict[str, Any], recordings: Path, database: Database) -> dict[str, Any]:
    """Change the key of the box of this machine; the hub follows it by what it announces.

    Raises:
        ConfigError: there is no box here, or a recorder runs.
        VonggacError: the hub does not follow: it knows the site by a key that the box had not.
    """
    if not (recordings / identity.FOLDER / identity.KEY).exists():
        raise ConfigError(f"no box at {recordings}: a site's key is changed on its own machine")
    held = box.lock(recordings)
    try:
        now_ns = admin.now_ns()
        before = identity.identity_at(recordings)
        identity.publish(recordings, before.chain)
        with database.writing() as connection:  # before anything changes: will it follow?
            site_keys.follow_box(connection, before.chain, now_ns=now_ns)
            pinned = site_keys.chain(connection, before.site)
        if pinned is not None and pinned.current != before.key.public:
            raise VonggacError(
                Kind.CONFLICT, "this hub knows the site by another key than its box signs with"
            )
        epoch = next_epoch(recordings, before.chain)
        after = identity.rotate(recordings, before, epoch=epoch, at_ns=now_ns)
        told |= {"number": len(after.chain.changes), "old": before.key.public}
        told |= {"new": after.key.public, "fingerprint": fingerprint(after.key.public)}
        with database.writing() as connection:
            site_keys.follow_box(connection, after.chain, now_ns=now_ns)
            admin.record(connection, audit.Act.KEYS_ROTATED, told["what"], **_detail(told))
    finally:
        os.close(held)
    return told


def _detail(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "what"}
