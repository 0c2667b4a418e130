"""`vonggac user`: list, add, close and open accounts; a new first password; a lost telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vonggac import admin
from vonggac.clock import rfc3339
from vonggac.domain import accounts, audit, second_factor, sessions

if TYPE_CHECKING:
    import argparse

    from vonggac.db import Database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac user`."""
    admin.add_arguments(parser, ("list", "add", "close", "open", "password", "reset-factor"))
    parser.add_argument("--user", metavar="NAME", help="account name")
    parser.add_argument("--full-name", metavar="TEXT", help="of a new account's person")


def command(options: argparse.Namespace) -> int:
    """Do it; a first password is printed once."""
    with admin.hub(options) as database:
        if options.do == "list":
            return _list(options, database)
        admin.needed(options, "user")
        if options.do == "add":
            return _add(options, database)
        return _change(options, database)


def _list(options: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        people = [_json(one) for one in accounts.people(connection)]
    lines = [
        f"{one['user']}\t{one['full_name']}\t{one['role'] or '-'}"
        + ("\tclosed" if one["closed"] else "")
        for one in people
    ]
    admin.tell(options, {"users": people}, lines)
    return 0


def _add(options: argparse.Namespace, database: Database) -> int:
    admin.needed(options, "full_name")
    with database.writing() as connection:
        account_id, first = accounts.create(
            connection, name=options.user, full_name=options.full_name, now_ns=admin.now_ns()
        )
        admin.record(connection, audit.Act.ACCOUNT_MADE, first.name)
    told = {"id": account_id, "user": first.name, "password": first.password}
    lines = [f"{first.name} / {first.password}", "must be changed at the first sign-in"]
    admin.tell(options, told, lines)
    return 0


def _change(options: argparse.Namespace, database: Database) -> int:
    told: dict[str, Any] = {"user": options.user}
    lines = [f"{options.user}: {options.do}"]
    with database.writing() as connection:
        account_id = admin.account_id(connection, options.user)
        match options.do:
            case "close":
                accounts.disable(connection, account_id, why="administrator", now_ns=admin.now_ns())
                act = audit.Act.ACCOUNT_CLOSED
            case "open":
                accounts.enable(connection, account_id, now_ns=admin.now_ns())
                act = audit.Act.ACCOUNT_OPENED
            case "reset-factor":
                second_factor.remove(connection, account_id)
                sessions.revoke(connection, account_id, now_ns=admin.now_ns())
                first = accounts.reset_password(connection, account_id, now_ns=admin.now_ns())
                act = audit.Act.FACTOR_REMOVED
                told["password"] = first.password
                lines = [f"{first.name} / {first.password}"]
            case _:
                first = accounts.reset_password(connection, account_id, now_ns=admin.now_ns())
                act = audit.Act.PASSWORD_RESET
                told["password"] = first.password
                lines = [f"{first.name} / {first.password}"]
        admin.record(connection, act, options.user)
    admin.tell(options, told, lines)
    return 0


def _json(one: accounts.Person) -> dict[str, Any]:
    return {
        "id": one.id,
        "user": one.name,
        "full_name": one.full_name,
        "role": one.role,
        "signed_in": None if one.signed_in_ns is None else rfc3339(one.signed_in_ns),
        "closed": None if one.disabled_ns is None else rfc3339(one.disabled_ns),
        "second_factor": one.factor_since_ns is not None,
    }
