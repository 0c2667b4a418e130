"""`vonggac role`: who holds what over which scope; giving a role, and ending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vonggac import admin
from vonggac.clock import parse_rfc3339, rfc3339
from vonggac.domain import audit, roles
from vonggac.domain.duties import LINES, duties
from vonggac.errors import ConfigError
from vonggac.web.words import day_of

if TYPE_CHECKING:
    import argparse

    from vonggac.db import Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac role`."""
    admin.add_arguments(parser, ("list", "duties", "give", "end"))
    add = parser.add_argument
    add("--user", metavar="NAME", help="account name")
    add("--role", metavar="CODE", help="one of those that `duties` prints")
    add("--unit", metavar="ID", help="root of the subtree; without it: everything")
    add("--line", choices=LINES, help="owning line; without it: all of them")
    add("--site", action="append", default=[], metavar="NAME", help="only this facility; again")
    add("--body", metavar="ID", help="unit on whose behalf it is held")
    add("--start", metavar="TIME", help="RFC 3339; without it: now")
    add("--end", metavar="TIME", help="RFC 3339; without it: none")
    add("--reason", metavar="TEXT", help="why it is given or ended")
    add("--id", metavar="ID", help="of the role to end, as `list` prints it")


def command(options: argparse.Namespace) -> int:
    """Do it, by the same rules as an administrator's pages."""
    if options.do == "duties":
        return _duties(options)
    with admin.hub(options) as database:
        match options.do:
            case "list":
                return _list(options, database)
            case "give":
                return _give(options, database)
            case _:
                return _end(options, database)


def _duties(options: argparse.Namespace) -> int:
    known = duties(day_of(admin.now_ns())).values()
    told = [
        {"code": one.code, "vi": one.name.vi, "en": one.name.en, "acts": sorted(one.acts)}
        for one in known
    ]
    admin.tell(options, {"duties": told}, [f"{one.code}\t{one.name.vi}" for one in known])
    return 0


def _list(options: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        wanted = admin.account_id(connection, options.user) if options.user else None
        held = [_json(row) for row in roles.rows(connection, account_id=wanted)]
    lines = [
        "\t".join(
            str(one[name] or "-") for name in ("id", "user", "role", "unit", "line", "start", "end")
        )
        for one in held
    ]
    admin.tell(options, {"roles": held}, lines)
    return 0


def _give(options: argparse.Namespace, database: Database) -> int:
    admin.needed(options, "user", "role", "reason")
    now_ns = admin.now_ns()
    with database.writing() as connection:
        draft = roles.Draft(
            role=options.role,
            reason=options.reason,
            unit=options.unit,
            line=options.line,
            sites=[admin.site_id(connection, name) for name in options.site],
            body=options.body,
            from_ns=_moment(options.start, "start"),
            to_ns=_moment(options.end, "end"),
        )
        row_id = roles.give(
            connection,
            roles.whoever_holds_the_machine(now_ns),
            admin.account_id(connection, options.user),
            draft,
            now_ns=now_ns,
        )
        admin.record(
            connection,
            audit.Act.ROLE_GIVEN,
            options.user,
            purpose=options.reason,
            role=options.role,
            unit=options.unit,
            line=options.line,
            sites=", ".join(options.site),
        )
        told = _json(roles.held_row(connection, row_id))
    admin.tell(options, told, [row_id])
    return 0


def _end(options: argparse.Namespace, database: Database) -> int:
    admin.needed(options, "id", "reason")
    now_ns = admin.now_ns()
    with database.writing() as connection:
        ender = roles.whoever_holds_the_machine(now_ns)
        row = roles.end(connection, ender, options.id, reason=options.reason, now_ns=now_ns)
        admin.record(
            connection,
            audit.Act.ROLE_ENDED,
            row.account,
            purpose=options.reason,
            role=row.role,
            unit=row.unit,
            line=row.line,
        )
    admin.tell(options, _json(row), [f"{row.account}: {row.role} ended"])
    return 0


def _moment(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"--{name}: {error}") from error


def _json(row: roles.Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "user": row.account,
        "role": row.role,
        "unit": row.unit,
        "line": row.line,
        "sites": list(row.sites),
        "body": row.body,
        "start": rfc3339(row.from_ns),
        "end": None if row.to_ns is None else rfc3339(row.to_ns),
        "reason": row.reason,
        "given_by": row.given_by,
        "ended_by": row.ended_by,
        "ended_reason": row.ended_reason,
    }
