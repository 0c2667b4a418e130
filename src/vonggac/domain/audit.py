"""Who looked at what and changed what. Rows are only ever added."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from vonggac.db import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.db import Connection

PAGE_LIMIT = 200
"""Rows of one page of the audit list."""


class Act(StrEnum):
    """Everything that leaves a row."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    PASSWORD = "password_changed"  # noqa: S105 - an act, no secret
    LIVE = "live_viewed"
    PLAYBACK = "playback_viewed"
    SNAPSHOT = "snapshot_taken"
    DOWNLOAD = "recording_downloaded"
    LEDGER = "ledger_exported"
    CAMERA_ADDED = "camera_added"
    CAMERA_EDITED = "camera_edited"
    CAMERA_RETIRED = "camera_retired"
    PROBE = "camera_probed"
    DISCOVER = "network_searched"
    REGISTER_REFUSED = "placement_refused"
    FACT_REFUSED = "fact_refused"
    SITE_KEY = "site_key_set"
    BOX = "box_reported"
    AUDIT_READ = "audit_exported"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a signed-in person, or a part of the program."""

    name: str
    account_id: str | None = None
    address: str = ""


PROGRAM = Actor("vonggac")
"""The program itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is read."""

    id: int
    time_ns: int
    actor: str
    address: str
    act: str
    thing: str
    """The row's object."""
    purpose: str
    outcome: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader asks for; empty fields ask for everything."""

    act: str = ""
    actor: str = ""
    thing: str = ""
    from_ns: int | None = None
    to_ns: int | None = None
    before_id: int | None = None
    limit: int = field(default=PAGE_LIMIT)


def record(
    connection: Connection,
    actor: Actor,
    act: Act,
    *,
    now_ns: int,
    thing: str = "",
    purpose: str = "",
    outcome: Literal["done", "refused"] = "done",
    detail: Mapping[str, object] | None = None,
) -> None:
    """Add a row. Secrets never belong in `detail`."""
    connection.execute(
        tables.audit.insert().values(
            time_ns=now_ns,
            actor=actor.name,
            account_id=actor.account_id,
            address=actor.address,
            act=act.value,
            object=thing[:500],
            purpose=purpose[:500],
            outcome=outcome,
            detail=dict(detail or {}),
        )
    )


def rows(connection: Connection, wanted: Filter) -> list[Row]:
    """Rows that match, newest first, at most `wanted.limit`."""
    table = tables.audit
    query = sa.select(
        table.c.id,
        table.c.time_ns,
        table.c.actor,
        table.c.address,
        table.c.act,
        table.c.object,
        table.c.purpose,
        table.c.outcome,
        table.c.detail,
    ).order_by(table.c.id.desc())
    for condition in _conditions(wanted):
        query = query.where(condition)
    if wanted.before_id is not None:
        query = query.where(table.c.id < wanted.before_id)
    found = connection.execute(query.limit(wanted.limit)).all()
    return [Row(*row) for row in found]


def count_by_act(connection: Connection, wanted: Filter) -> dict[str, int]:
    """How many rows match, by act, whatever act the filter asks for."""
    table = tables.audit
    query = sa.select(table.c.act, sa.func.count()).group_by(table.c.act)
    everything = Filter(
        actor=wanted.actor, thing=wanted.thing, from_ns=wanted.from_ns, to_ns=wanted.to_ns
    )
    for condition in _conditions(everything):
        query = query.where(condition)
    return {act: number for act, number in connection.execute(query).all()}  # noqa: C416


def _conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    table = tables.audit
    found: list[sa.ColumnElement[bool]] = []
    if wanted.act:
        found.append(table.c.act == wanted.act)
    if wanted.actor:
        found.append(table.c.actor == wanted.actor)
    if wanted.thing:
        found.append(table.c.object == wanted.thing)
    if wanted.from_ns is not None:
        found.append(table.c.time_ns >= wanted.from_ns)
    if wanted.to_ns is not None:
        found.append(table.c.time_ns < wanted.to_ns)
    return found
