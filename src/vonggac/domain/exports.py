"""Exports of recordings: asked by one person, approved by another, built, taken, gone.

    asked ──▶ approved ──▶ building ──▶ ready ──▶ expired
      │                       └───────▶ failed
      └──▶ refused

Who may ask and who may approve is `access.may`'s to say; that they are two persons is said here,
and by the database.  Every step leaves an audit row in the same transaction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from vonggac import keys
from vonggac.clock import NS, rfc3339
from vonggac.db import among, tables
from vonggac.domain import audit, guide, legal
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vonggac.db import Connection

MAX_CAMERAS = 16
"""Cameras of one export (ours): what one request of an investigation names."""
MAX_CAMERA_NS = 86_400 * NS
"""Length times cameras of one export at most: a day of one, or an hour of sixteen and more; some
45 GB at 4 Mbit/s."""
MAX_TEXT = 1_000
KEEP_DAYS = 7
"""Days that the ZIP lies ready (ours); the record of it stays for good."""

State = Literal["asked", "approved", "refused", "building", "ready", "failed", "expired"]
OPEN: tuple[State, ...] = ("asked", "approved", "building")
"""States in which retention must not take what is asked for."""


@dataclass(frozen=True, slots=True)
class Request:
    """The written request that an export answers; all of it is required."""

    number: str
    dated: str
    """2026-11-18."""
    body: str
    """The body that asks."""
    reason: str
    basis: str
    """The legal basis that it names."""


@dataclass(frozen=True, slots=True)
class Someone:
    """Who asks or decides, as they are called now."""

    account_id: str
    name: str
    full_name: str = ""
    unit: str = ""
    address: str = ""
    device: str = ""

    @property
    def actor(self) -> audit.Actor:
        """For the audit."""
        return audit.Actor(self.name, self.account_id, self.address, self.unit, self.device)


@dataclass(frozen=True, slots=True)
class Export:
    """An export as the hub keeps it."""

    id: str
    site_id: str
    cameras: tuple[str, ...]
    """Ids, as the API calls them."""
    from_ns: int
    to_ns: int
    request: Request
    with_copy: bool
    state: State
    asked: Someone
    asked_ns: int
    decided: Someone | None
    decided_ns: int | None
    decided_note: str
    step: str
    done_bytes: int
    total_bytes: int
    fault: str
    size: int | None
    sha256: str | None
    ready_ns: int | None
    expires_ns: int | None

    @property
    def percent(self) -> int:
        """How much is built, cut."""
        if self.state in ("ready", "expired"):
            return 100
        return 100 * self.done_bytes // self.total_bytes if self.total_bytes else 0


def check_request(request: Request, *, today: date) -> dict[str, str]:
    """What is wrong with a request, by field; empty if nothing is."""
    faults = {
        name: "required" if not str(getattr(request, name)).strip() else "too_long"
        for name in ("number", "body", "reason", "basis")
        if not 0 < len(str(getattr(request, name)).strip()) <= MAX_TEXT
    }
    dated = _day(request.dated)
    if dated is None:
        faults["dated"] = "no_date"
    elif dated > today:
        faults["dated"] = "in_the_future"
    return faults


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def ask(
    connection: Connection,
    *,
    site_id: str,
    cameras: Sequence[str],
    span: tuple[int, int],
    request: Request,
    with_copy: bool,
    by: Someone,
    now_ns: int,
    today: date,
) -> Export:
    """Make a request for recordings.

    Args:
        connection: a transaction that writes.
        site_id: where.
        cameras: ids of cameras of that site, present or retired.
        span: from and to, ns since 1970; it must be over.
        request: the written request.
        with_copy: also a copy with name and time burned in.
        by: who asks; the caller has asked `access.may`.
        now_ns: UTC now.
        today: the day at the site.

    Raises:
        VonggacError: BAD_INPUT, with `fields` where it names them; NOT_FOUND, no such camera.
    """
    faults = check_request(request, today=today)
    from_ns, to_ns = span
    wanted = tuple(dict.fromkeys(cameras))
    if not 1 <= len(wanted) <= MAX_CAMERAS:
        faults["cameras"] = "how_many"
    if not 0 < from_ns < to_ns:
        faults["from"] = "ends_before_it_begins"
    elif to_ns > now_ns:
        faults["to"] = "in_the_future"
    elif (to_ns - from_ns) * len(wanted) > MAX_CAMERA_NS:
        faults["to"] = "too_long"
    if faults:
        said = ", ".join(f"{field}: {why.replace('_', ' ')}" for field, why in faults.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=faults)
    table = tables.camera
    there = set(
        connection.execute(
            sa.select(table.c.id).where(table.c.id.in_(wanted), table.c.site_id == site_id)
        ).scalars()
    )
    if there != set(wanted):
        raise VonggacError(Kind.NOT_FOUND, "there is no such camera at this site")
    export_id = keys.new_id()
    connection.execute(
        tables.export.insert().values(
            id=export_id,
            site_id=site_id,
            cameras=list(wanted),
            from_ns=from_ns,
            to_ns=to_ns,
            number=request.number.strip(),
            dated=request.dated,
            body=request.body.strip(),
            reason=request.reason.strip(),
            basis=request.basis.strip(),
            with_copy=with_copy,
            state="asked",
            asked_by=by.account_id,
            asked_name=by.name,
            asked_full_name=by.full_name,
            asked_unit=by.unit,
            asked_ns=now_ns,
        )
    )
    made = find(connection, export_id)
    _audit(connection, made, audit.Act.EXPORT_ASKED, by.actor, now_ns)
    return made


def approve(connection: Connection, export_id: str, *, by: Someone, now_ns: int) -> Export:
    """Let an export be built. Never one's own: that is refused, and the refusal is a row.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is decided already; FORBIDDEN (`own_request`).
    """
    found = _undecided(connection, export_id, by)
    _decide(connection, found, "approved", by, now_ns, "")
    made = find(connection, export_id)
    _audit(connection, made, audit.Act.EXPORT_APPROVED, by.actor, now_ns)
    return made


def refuse(
    connection: Connection, export_id: str, *, by: Someone, note: str, now_ns: int
) -> Export:
    """Do not let it be built; whoever asked may take it back too.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is decided already.
    """
    found = find(connection, export_id)
    if found.state != "asked":
        raise VonggacError(Kind.CONFLICT, "this request has been decided already")
    if found.asked.account_id == by.account_id:
        table = tables.export
        connection.execute(
            table.update()
            .where(table.c.id == export_id)
            .values(state="refused", decided_ns=now_ns, decided_note=note[:MAX_TEXT])
        )
    else:
        _decide(connection, found, "refused", by, now_ns, note)
    made = find(connection, export_id)
    _audit(connection, made, audit.Act.EXPORT_REFUSED, by.actor, now_ns, note=note)
    return made


def _undecided(connection: Connection, export_id: str, by: Someone) -> Export:
    found = find(connection, export_id)
    if found.state != "asked":
        raise VonggacError(Kind.CONFLICT, "this request has been decided already")
    if found.asked.account_id == by.account_id:
        raise VonggacError(
            Kind.FORBIDDEN,
            "one's own request is approved by somebody else",
            code="own_request",
        )
    return found


def refused_own(connection: Connection, export_id: str, *, by: Someone, now_ns: int) -> None:
    """Write down that somebody tried to approve their own request; in a transaction of its own."""
    found = find(connection, export_id)
    audit.record(
        connection,
        by.actor,
        audit.Act.EXPORT_APPROVED,
        now_ns=now_ns,
        thing=export_id,
        site=found.site_id,
        purpose=found.request.number,
        outcome="refused",
        detail={"why": "own_request"},
    )


def _decide(
    connection: Connection, found: Export, state: State, by: Someone, now_ns: int, note: str
) -> None:
    table = tables.export
    changed = connection.execute(
        table.update()
        .where(table.c.id == found.id, table.c.state == "asked")
        .values(
            state=state,
            decided_by=by.account_id,
            decided_name=by.name,
            decided_full_name=by.full_name,
            decided_unit=by.unit,
            decided_ns=now_ns,
            decided_note=note[:MAX_TEXT],
        )
    )
    if changed.rowcount != 1:
        raise VonggacError(Kind.CONFLICT, "this request has been decided already")


# -- building --------------------------------------------------------------------------------


def next_to_build(connection: Connection) -> Export | None:
    """The oldest that is approved, or was being built when the program stopped."""
    table = tables.export
    row = connection.execute(
        _columns()
        .where(table.c.state.in_(("approved", "building")))
        .order_by(table.c.decided_ns)
        .limit(1)
    ).one_or_none()
    return None if row is None else _export(row)


def progress(
    connection: Connection, export_id: str, *, step: str, done_bytes: int = 0, total_bytes: int = 0
) -> None:
    """How far the building is."""
    _change(
        connection,
        export_id,
        state="building",
        step=step,
        done_bytes=done_bytes,
        total_bytes=total_bytes,
    )


def finish(
    connection: Connection,
    export_id: str,
    *,
    size: int,
    sha256: str,
    now_ns: int,
    keep_days: int | None = None,
) -> Export:
    """It is built and verified; its file lies ready for the days of the rule in force."""
    if keep_days is None:
        keep_days = guide.number(connection, "export_days", legal.day_of(now_ns))
    _change(
        connection,
        export_id,
        state="ready",
        step="",
        fault="",
        size=size,
        sha256=sha256,
        ready_ns=now_ns,
        expires_ns=now_ns + keep_days * 86_400 * NS,
    )
    made = find(connection, export_id)
    _audit(connection, made, audit.Act.EXPORT_BUILT, audit.PROGRAM, now_ns, sha256=sha256)
    return made


def fail(connection: Connection, export_id: str, *, fault: str, now_ns: int) -> None:
    """It cannot be built; a new request may ask again."""
    _change(connection, export_id, state="failed", step="", fault=fault[:MAX_TEXT])
    table = tables.export
    site_id = connection.execute(
        sa.select(table.c.site_id).where(table.c.id == export_id)
    ).scalar_one()
    audit.record(
        connection,
        audit.PROGRAM,
        audit.Act.EXPORT_BUILT,
        now_ns=now_ns,
        thing=export_id,
        site=site_id,
        outcome="refused",
        detail={"fault": fault},
    )


def taken(connection: Connection, found: Export, *, by: Someone, now_ns: int) -> None:
    """Somebody took the file."""
    _audit(connection, found, audit.Act.EXPORT_TAKEN, by.actor, now_ns, sha256=found.sha256)


def over(connection: Connection, *, now_ns: int) -> list[str]:
    """Ready exports whose file must go now; they are expired afterwards."""
    table = tables.export
    gone = [
        _export(row)
        for row in connection.execute(
            _columns().where(table.c.state == "ready", table.c.expires_ns <= now_ns)
        ).all()
    ]
    for found in gone:
        _change(connection, found.id, state="expired")
        _audit(connection, found, audit.Act.EXPORT_EXPIRED, audit.PROGRAM, now_ns)
    return [found.id for found in gone]


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, export_id: str) -> Export:
    """One export.

    Raises:
        VonggacError: NOT_FOUND.
    """
    row = connection.execute(_columns().where(tables.export.c.id == export_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such export")
    return _export(row)


def listed(connection: Connection, site_ids: Sequence[str], *, limit: int = 200) -> list[Export]:
    """Exports of these sites, newest first."""
    table = tables.export
    rows = connection.execute(
        _columns()
        .where(among(table.c.site_id, site_ids))
        .order_by(table.c.asked_ns.desc(), table.c.id)
        .limit(limit)
    ).all()
    return [_export(row) for row in rows]


def still_open(connection: Connection, site_id: str) -> list[Export]:
    """Exports that are not built yet: what they ask for is kept meanwhile."""
    table = tables.export
    rows = connection.execute(
        _columns().where(table.c.site_id == site_id, table.c.state.in_(OPEN))
    ).all()
    return [_export(row) for row in rows]


def sites_open(connection: Connection) -> list[str]:
    """Facilities of which an export is not built yet."""
    table = tables.export
    query = sa.select(table.c.site_id).where(table.c.state.in_(OPEN)).distinct()
    return list(connection.execute(query).scalars())


def camera_names(connection: Connection, camera_ids: Sequence[str]) -> dict[str, Any]:
    """What the cameras of an export are called: id to (name, title, zone), retired ones too."""
    table = tables.camera
    rows = connection.execute(
        sa.select(table.c.id, table.c.name, table.c.title, table.c.zone).where(
            table.c.id.in_(list(camera_ids))
        )
    ).all()
    return {row.id: row for row in rows}


def _change(connection: Connection, export_id: str, **values: object) -> None:
    table = tables.export
    connection.execute(table.update().where(table.c.id == export_id).values(**values))


def _audit(
    connection: Connection,
    found: Export,
    act: audit.Act,
    actor: audit.Actor,
    now_ns: int,
    **more: object,
) -> None:
    request = found.request
    audit.record(
        connection,
        actor,
        act,
        now_ns=now_ns,
        thing=found.id,
        site=found.site_id,
        purpose=f"{request.number}, {request.dated}, {request.body}: {request.reason}",
        detail={
            "cameras": list(found.cameras),
            "from": rfc3339(found.from_ns),
            "to": rfc3339(found.to_ns),
            "basis": request.basis,
            **more,
        },
    )


def _columns() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*tables.export.c)


def _export(row: sa.Row[*tuple[Any, ...]]) -> Export:
    it = row._mapping
    decided = None
    if it["decided_by"] is not None:
        decided = Someone(
            it["decided_by"], it["decided_name"], it["decided_full_name"], it["decided_unit"]
        )
    return Export(
        id=it["id"],
        site_id=it["site_id"],
        cameras=tuple(it["cameras"]),
        from_ns=it["from_ns"],
        to_ns=it["to_ns"],
        request=Request(it["number"], it["dated"], it["body"], it["reason"], it["basis"]),
        with_copy=it["with_copy"],
        state=it["state"],
        asked=Someone(it["asked_by"], it["asked_name"], it["asked_full_name"], it["asked_unit"]),
        asked_ns=it["asked_ns"],
        decided=decided,
        decided_ns=it["decided_ns"],
        decided_note=it["decided_note"],
        step=it["step"],
        done_bytes=it["done_bytes"],
        total_bytes=it["total_bytes"],
        fault=it["fault"],
        size=it["size"],
        sha256=it["sha256"],
        ready_ns=it["ready_ns"],
        expires_ns=it["expires_ns"],
    )
