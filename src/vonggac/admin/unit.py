"""`vonggac unit`: the tree of units; loading a shipped profile, names, ends, facilities."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from vonggac import admin
from vonggac.domain import audit, profiles, units
from vonggac.errors import ConfigError
from vonggac.web.words import day_of

if TYPE_CHECKING:
    import argparse

    from vonggac.db import Connection, Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac unit`."""
    admin.add_arguments(parser, ("list", "find", "load", "add", "name", "end", "assign"))
    add = parser.add_argument
    add("--id", metavar="ID", help="the unit that is named, ended or assigned to")
    add("--parent", metavar="ID", help="the unit above; without it: the roots")
    add("--words", metavar="TEXT", help="words to find, diacritics or not")
    add("--profile", choices=profiles.PROFILES, help="what `load` brings in")
    add("--kind", default="body", help="of a new unit (%(default)s)")
    add("--code", default="", metavar="TEXT", help="of a new unit")
    add("--vi", metavar="TEXT", help="name in Vietnamese")
    add("--en", default="", metavar="TEXT", help="name in English")
    add("--day", metavar="DAY", help="from when, 2026-11-18; without it: today")
    add("--source", default="", metavar="TEXT", help="the document that says so")
    add("--site", metavar="NAME", help="the facility to assign")


def command(options: argparse.Namespace) -> int:
    """Do it, by the same rules as an administrator's pages."""
    day = _day(options.day)
    with admin.hub(options) as database:
        match options.do:
            case "list" | "find":
                return _list(options, database, day)
            case "load":
                return _load(options, database)
            case _:
                return _change(options, database, day)


def _list(options: argparse.Namespace, database: Database, day: date) -> int:
    with database.reading() as connection:
        if options.do == "find":
            admin.needed(options, "words")
            found = units.search(connection, options.words, day)
        else:
            found = units.below(connection, options.parent, day)
    lines = [f"{one.id}\t{one.vi}" for one in found]
    admin.tell(options, {"units": [_json(one) for one in found]}, lines)
    return 0


def _load(options: argparse.Namespace, database: Database) -> int:
    admin.needed(options, "profile")
    with database.writing() as connection:
        added = units.load(connection, options.profile)
        admin.record(connection, audit.Act.UNIT_ADDED, f"profile {options.profile}", added=added)
    admin.tell(options, {"profile": options.profile, "added": added}, [f"{added} units added"])
    return 0


def _change(options: argparse.Namespace, database: Database, day: date) -> int:
    with database.writing() as connection:
        unit_id = _add(options, connection, day) if options.do == "add" else options.id
        if unit_id is None:
            raise ConfigError(f"{options.do} needs --id")
        match options.do:
            case "name":
                admin.needed(options, "vi")
                units.rename(
                    connection, unit_id, vi=options.vi, en=options.en, valid_from=day,
                    source=options.source,
                )  # fmt: skip
                admin.record(connection, audit.Act.UNIT_RENAMED, unit_id, name=options.vi)
            case "end":
                units.end(connection, unit_id, valid_to=day)
                admin.record(connection, audit.Act.UNIT_ENDED, unit_id, day=day.isoformat())
            case "assign":
                admin.needed(options, "site")
                site = admin.site_id(connection, options.site)
                before = units.assign_site(connection, site, unit_id)
                detail = {"from": before, "to": unit_id}
                admin.record(connection, audit.Act.SITE_ASSIGNED, options.site, **detail)
        told = _json(units.unit(connection, unit_id, day))
    admin.tell(options, told, [unit_id])
    return 0


def _add(options: argparse.Namespace, connection: Connection, day: date) -> str:
    admin.needed(options, "vi")
    if options.kind not in profiles.kind_words():
        raise ConfigError(f"--kind: one of {', '.join(profiles.kind_words())}")
    found = units.add_unit(
        connection, parent_id=options.parent, kind=options.kind, code=options.code,
        vi=options.vi, en=options.en, valid_from=day, source=options.source,
    )  # fmt: skip
    admin.record(connection, audit.Act.UNIT_ADDED, found, name=options.vi)
    return found


def _day(text: str | None) -> date:
    if text is None:
        return day_of(admin.now_ns())
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--day: {error}") from error


def _json(one: units.Unit) -> dict[str, Any]:
    return {
        "id": one.id,
        "parent": one.parent_id,
        "kind": one.kind,
        "code": one.code,
        "vi": one.vi,
        "en": one.en,
        "profile": one.profile,
        "valid_from": one.valid_from.isoformat(),
        "valid_to": None if one.valid_to is None else one.valid_to.isoformat(),
        "source": one.source,
    }
