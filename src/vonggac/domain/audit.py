"""Who looked at what and changed what: a chain of rows to which is only ever added.

Each row names the hash of the row before it, and `audit_head` names the newest: a row that was
edited, cut out or taken off the end is found by `verify`, with its place.  Whoever can rewrite
the database can rewrite the chain too, so its head is anchored every hour in the ledger of the
site, signed by the site's key (`Anchor`); what was anchored cannot be changed unseen any more.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from vonggac.clock import NS, rfc3339
from vonggac.db import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vonggac.db import Connection

PAGE_LIMIT = 200
"""Rows of one page of the audit list."""
BATCH = 5_000
"""Rows that `verify` and the exports read at a time."""
MAX_TEXT = 500
"""Letters of a text in a row."""
DAY_NS = 86_400 * NS
FED = "audit.syslog"
"""The setting that says how far the syslog server has got."""
KEEP_DAYS = 366
"""Days that every row is kept at least: the law asks for 12 months (docs/guide/secure.md), and
the database's own trigger refuses to delete a younger one."""
_TOGETHER_NS = 2 * DAY_NS
"""How far apart the clocks of hub and box may stand when a deletion is held against anchors."""


class Act(StrEnum):
    """Everything that leaves a row."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    PASSWORD = "password_changed"  # noqa: S105 - an act, no secret
    PASSWORD_RESET = "password_reset"  # noqa: S105
    FACTOR_ENROLLED = "second_factor_enrolled"
    FACTOR_REMOVED = "second_factor_removed"
    RECOVERY_CODES = "recovery_codes_made"
    SESSION_ENDED = "session_ended"
    TOKEN_MADE = "token_made"  # noqa: S105
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    ACCOUNT_MADE = "account_made"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_OPENED = "account_opened"
    REVIEW = "access_reviewed"
    WORKSTATION_ENROLLED = "workstation_enrolled"
    WORKSTATION_REVOKED = "workstation_revoked"
    PIN_SET = "pin_set"
    PERSON_CHANGED = "person_changed"
    DISPLAY_MADE = "display_made"
    DISPLAY_LINKED = "display_linked"
    DISPLAY_REVOKED = "display_revoked"
    SHOWN = "live_shown"
    LIVE = "live_viewed"
    VIEW_BEGAN = "view_began"
    VIEW_ENDED = "view_ended"
    PLAYBACK = "playback_viewed"
    SPAN_PLAYED = "span_played"
    SNAPSHOT = "snapshot_taken"
    DOWNLOAD = "recording_downloaded"
    VIEW_WITHDRAWN = "view_withdrawn"
    SHARE_GIVEN = "cameras_shared"
    SHARE_WITHDRAWN = "share_withdrawn"
    REQUEST_MADE = "request_received"
    REQUEST_EDITED = "request_edited"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_EDITED = "incident_edited"
    CASE_OPENED = "case_opened"
    CASE_STEP = "case_step_entered"
    CASE_DELETED = "case_deleted"
    DIRECTIVE_REGISTERED = "directive_registered"
    DIRECTIVE_ASSIGNED = "directive_assigned"
    DIRECTIVE_STEP = "directive_return_entered"
    TEMPLATE_CHANGED = "letter_template_changed"
    DOCUMENT_MADE = "document_made"
    RULE_ATTACHED = "rule_text_attached"
    KEYS_ROTATED = "keys_rotated"
    LEDGER = "ledger_exported"
    CAMERA_ADDED = "camera_added"
    CAMERA_EDITED = "camera_edited"
    CAMERA_RETIRED = "camera_retired"
    FACILITY_ADDED = "facility_added"
    FACILITY_EDITED = "facility_edited"
    CONTACT_EDITED = "contact_edited"
    AREA_EDITED = "area_edited"
    SHEET_ENTERED = "register_imported"
    SHEET_TAKEN = "register_exported"
    COVER_CONCLUDED = "cover_concluded"
    INTAKE_SET = "intake_rule_set"
    PLAN_EDITED = "floor_plan_edited"
    CLOSING_STEP = "closing_step_done"
    SCHEME_MADE = "connection_plan_made"
    SCHEME_EDITED = "connection_plan_edited"
    SCHEME_AGREED = "connection_plan_agreed"
    PRICES_ENTERED = "prices_entered"
    ESTIMATE_MADE = "estimate_made"
    ESTIMATE_EDITED = "estimate_edited"
    ESTIMATE_STEP = "estimate_step_entered"
    INSPECTION_PLANNED = "inspection_planned"
    INSPECTION_EDITED = "inspection_edited"
    INSPECTION_CLOSED = "inspection_closed"
    INSPECTION_RULE = "inspection_rule_set"
    FINDING_STEP = "finding_step_entered"
    REMINDER_DRAFTED = "reminder_drafted"
    REMINDER_SENT = "reminder_sent"
    PROPOSAL_STEP = "proposal_step_entered"
    TASK_OPENED = "task_opened"
    TASK_STEP = "task_step_entered"
    TASK_EXTENDED = "task_extension_entered"
    ACCEPTANCE_TRIED = "acceptance_tried"
    ACCEPTANCE_CHECKED = "acceptance_checked"
    ACCEPTANCE_DECIDED = "acceptance_decided"
    ACCEPTANCE_DRIFTED = "acceptance_drifted"
    SURVEY_BEGUN = "survey_begun"
    SURVEY_ENDED = "survey_ended"
    SURVEY_LINK = "survey_link_changed"
    SURVEY_ANSWERED = "survey_answered"
    SURVEY_CALL = "survey_call_entered"
    SURVEY_REMINDED = "survey_reminder_drafted"
    SURVEY_FACTS = "survey_facts_taken"
    SURVEY_VERIFIED = "survey_verified"
    SURVEY_DISPUTED = "survey_disputed"
    SYSTEM_DESIGNATED = "system_designated"
    DESIGNATED_LINK = "designated_link_entered"
    GUIDE_TIED = "guide_tied"
    GUIDE_SENT = "guide_sent"
    GUIDE_RECEIVED = "guide_received"
    GUIDE_ASKED = "guide_asked"
    TRAINING_HELD = "training_held"
    PAPER_DRAFTED = "paper_drafted"
    PAPER_AGREED = "paper_agreed"
    PAPER_ISSUED = "paper_issued"
    PAPER_SENT = "paper_sent"
    PAPER_WITHDRAWN = "paper_withdrawn"
    REPORT_MADE = "report_made"
    REPORT_ORDERED = "report_ordered"
    REPORT_DELIVERED = "report_delivered"
    MAINTENANCE_PLANNED = "maintenance_planned"
    MAINTENANCE_WITHDRAWN = "maintenance_withdrawn"
    PROBE = "camera_probed"
    DISCOVER = "network_searched"
    REGISTER_REFUSED = "placement_refused"
    FACT_REFUSED = "fact_refused"
    ACCESS_REFUSED = "access_refused"
    ROLE_GIVEN = "role_given"
    ROLE_ENDED = "role_ended"
    UNIT_ADDED = "unit_added"
    UNIT_RENAMED = "unit_renamed"
    UNIT_ENDED = "unit_ended"
    SITE_ASSIGNED = "site_assigned"
    SITE_KEY = "site_key_set"
    CODE_ISSUED = "enrolment_issued"
    CODE_REVOKED = "enrolment_revoked"
    SITE_ENROLLED = "site_enrolled"
    SITE_CUT_OFF = "site_cut_off"
    ALARM_TAKEN = "alarm_taken"
    BOX = "box_reported"
    DELETED = "recordings_deleted"
    AUDIT_READ = "audit_exported"
    AUDIT_EXPIRED = "audit_expired"
    BACKUP_MADE = "backup_made"
    BACKUP_RESTORED = "backup_restored"
    DATABASE_MOVED = "database_moved"
    EXPORT_ASKED = "export_asked"
    EXPORT_APPROVED = "export_approved"
    EXPORT_REFUSED = "export_refused"
    EXPORT_BUILT = "export_built"
    EXPORT_TAKEN = "export_taken"
    EXPORT_EXPIRED = "export_expired"
    HOLD_PLACED = "hold_placed"
    HOLD_RELEASED = "hold_released"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a signed-in person, or a part of the program."""

    name: str
    account_id: str | None = None
    address: str = ""
    unit: str = ""
    """On whose behalf: the unit of the role that is used."""
    device: str = ""
    """The browser's or the workstation's own description."""


PROGRAM = Actor("vonggac")
"""The program itself."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is read."""

    id: int
    time_ns: int
    actor: str
    account_id: str | None
    unit: str
    address: str
    device: str
    act: str
    thing: str
    """The row's object."""
    site: str
    """The site that it is about; empty for the hub itself."""
    purpose: str
    outcome: str
    detail: Mapping[str, Any]
    previous: str
    """Hash of the row before, hexadecimal; empty in the first."""
    hash: str

    def as_json(self) -> dict[str, Any]:
        """As the exports say it."""
        return {
            "id": self.id,
            "time": rfc3339(self.time_ns),
            "time_ns": str(self.time_ns),
            "actor": self.actor,
            "account": self.account_id,
            "unit": self.unit,
            "address": self.address,
            "device": self.device,
            "act": self.act,
            "object": self.thing,
            "site": self.site,
            "reason": self.purpose,
            "outcome": self.outcome,
            "detail": dict(self.detail),
            "previous": self.previous,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader asks for; empty fields ask for everything."""

    act: str = ""
    actor: str = ""
    thing: str = ""
    text: str = ""
    """Letters that stand in the object, the reason or the address."""
    sites: Sequence[str] | None = None
    """Rows about these sites only; None: all rows, the hub's own too."""
    from_ns: int | None = None
    to_ns: int | None = None
    before_id: int | None = None
    after_id: int | None = None
    limit: int = field(default=PAGE_LIMIT)


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a site signed: that the newest row had this hash at this time."""

    row: int
    hash: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row."""

    row: int
    """0: there is none."""
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the chain."""

    rows: int
    anchors: int
    """Anchors that rows were held against."""
    faults: tuple[str, ...]
    """Sentences, each with its place."""
    notes: tuple[str, ...] = ()
    """What is missing with a reason that stands in the chain itself: a restore from a backup."""

    @property
    def ok(self) -> bool:
        """Whether nothing was changed, cut or deleted."""
        return not self.faults


def record(
    connection: Connection,
    actor: Actor,
    act: Act,
    *,
    now_ns: int,
    thing: str = "",
    site: str | None = None,
    purpose: str = "",
    outcome: Literal["done", "refused"] = "done",
    detail: Mapping[str, object] | None = None,
) -> int:
    """Add a row to the chain; its number. Secrets never belong in `detail`.

    Writers take turns at the head until their transaction ends, on both engines: call it late in
    a transaction.

    Args:
        connection: a transaction that writes.
        actor: who.
        act: what.
        now_ns: UTC now.
        thing: to what: a camera, an account, an export.
        site: the site that it is about; found by the camera's id when left out.
        purpose: why, as the person stated it.
        outcome: done or refused.
        detail: named values that belong to the act.
    """
    head = _take_head(connection)
    values: dict[str, Any] = {
        "id": head.row + 1,
        "time_ns": now_ns,
        "actor": _plain(actor.name),
        "account_id": actor.account_id,
        "unit": _plain(actor.unit),
        "address": _plain(actor.address),
        "device": _plain(actor.device),
        "act": act.value,
        "object": _plain(thing),
        "site_id": _site_of(connection, thing) if site is None else site,
        "purpose": _plain(purpose),
        "outcome": outcome,
        "detail": _storable(json.loads(json.dumps(dict(detail or {}), default=str))),
    }
    told = row_hash(head.hash, values)
    connection.execute(tables.audit.insert().values(**values, previous=head.hash, hash=told))
    table = tables.audit_head
    connection.execute(table.update().values(row_id=values["id"], hash=told))
    return int(values["id"])


def row_hash(previous: str, values: Mapping[str, Any]) -> str:
    """SHA-256 over the hash before and the row as canonical JSON, hexadecimal.

    Canonical: an array of the columns in the order of `HASHED`, keys of objects sorted, no spaces,
    ASCII.  Never changed: rows of years hang on it.
    """
    told = json.dumps(
        [values[name] for name in HASHED], sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(f"vonggac audit 1\n{previous}\n{told}".encode()).hexdigest()


def go_on(
    connection: Connection, actor: Actor, *, now_ns: int, detail: Mapping[str, object]
) -> int:
    """Go on after a restore: rows since the backup are gone, and a row says so; its number.

    Rows are counted on from the milliseconds of now, so that no number ever means two rows: those
    that were lost stand signed in ledgers of sites, and in papers.
    """
    newest = _take_head(connection)
    number = max(newest.row + 1, now_ns // 1_000_000)
    connection.execute(tables.audit_head.update().values(row_id=number - 1))
    told = {**detail, "row": newest.row, "hash": newest.hash}
    return record(connection, actor, Act.BACKUP_RESTORED, now_ns=now_ns, detail=told)


HASHED = (
    *("id", "time_ns", "actor", "account_id", "unit", "address", "device", "act", "object"),
    *("site_id", "purpose", "outcome", "detail"),
)
"""The columns that a row's hash covers, in this order for ever."""


def _take_head(connection: Connection) -> Head:
    """The newest row, locked until the transaction ends."""
    table = tables.audit_head
    # SQLite has one writer and no FOR UPDATE; SQLAlchemy leaves it out there.
    row = connection.execute(sa.select(table.c.row_id, table.c.hash).with_for_update()).one()
    return Head(row.row_id, row.hash)


def _site_of(connection: Connection, thing: str) -> str:
    if not thing:
        return ""
    camera, site = tables.camera, tables.site
    found = connection.execute(
        sa.select(camera.c.site_id)
        .where(camera.c.id == thing)
        .union(sa.select(site.c.id).where(site.c.id == thing))
    ).scalar()
    return found or ""


def _plain(text: str) -> str:
    """Text that both engines store: what people type may hold anything."""
    cut = text[:MAX_TEXT].replace("\x00", "�")
    return cut.encode("utf-8", "replace").decode("utf-8")


def _storable(value: Any) -> Any:
    """The same of values within values."""
    match value:
        case str():
            return _plain(value)
        case dict():
            return {_plain(name): _storable(one) for name, one in value.items()}
        case list():
            return [_storable(one) for one in value]
        case _:
            return value


# -- reading ---------------------------------------------------------------------------------


def rows(connection: Connection, wanted: Filter) -> list[Row]:
    """Rows that match, newest first (oldest first after `after_id`), at most `wanted.limit`."""
    table = tables.audit
    query = _columns()
    for condition in _conditions(wanted):
        query = query.where(condition)
    if wanted.before_id is not None:
        query = query.where(table.c.id < wanted.before_id)
    if wanted.after_id is not None:
        query = query.where(table.c.id > wanted.after_id).order_by(table.c.id)
    else:
        query = query.order_by(table.c.id.desc())
    found = connection.execute(query.limit(wanted.limit)).all()
    return [Row(*row) for row in found]


def every_row(connection: Connection, wanted: Filter) -> Iterator[Row]:
    """Rows that match, oldest first, however many; read `BATCH` at a time."""
    after = wanted.after_id or 0
    while True:
        table = tables.audit
        query = _columns().where(table.c.id > after).order_by(table.c.id).limit(BATCH)
        for condition in _conditions(wanted):
            query = query.where(condition)
        found = connection.execute(query).all()
        for row in found:
            yield Row(*row)
        if len(found) < BATCH:
            return
        after = found[-1].id


def count_by_act(connection: Connection, wanted: Filter) -> dict[str, int]:
    """How many rows match, by act, whatever act the filter asks for."""
    table = tables.audit
    query = sa.select(table.c.act, sa.func.count()).group_by(table.c.act)
    everything = Filter(
        actor=wanted.actor,
        thing=wanted.thing,
        text=wanted.text,
        sites=wanted.sites,
        from_ns=wanted.from_ns,
        to_ns=wanted.to_ns,
    )
    for condition in _conditions(everything):
        query = query.where(condition)
    return {act: number for act, number in connection.execute(query).all()}  # noqa: C416


def _columns() -> sa.Select[*tuple[Any, ...]]:
    table = tables.audit
    return sa.select(
        table.c.id,
        table.c.time_ns,
        table.c.actor,
        table.c.account_id,
        table.c.unit,
        table.c.address,
        table.c.device,
        table.c.act,
        table.c.object,
        table.c.site_id,
        table.c.purpose,
        table.c.outcome,
        table.c.detail,
        table.c.previous,
        table.c.hash,
    )


def _conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    table = tables.audit
    found: list[sa.ColumnElement[bool]] = []
    if wanted.act:
        found.append(table.c.act == wanted.act)
    if wanted.actor:
        found.append(table.c.actor == wanted.actor)
    if wanted.thing:
        found.append(table.c.object == wanted.thing)
    if wanted.text:
        places = (table.c.object, table.c.purpose, table.c.address, table.c.actor)
        found.append(sa.or_(*(place.icontains(wanted.text, autoescape=True) for place in places)))
    if wanted.sites is not None:
        found.append(table.c.site_id.in_(list(wanted.sites)))
    if wanted.from_ns is not None:
        found.append(table.c.time_ns >= wanted.from_ns)
    if wanted.to_ns is not None:
        found.append(table.c.time_ns < wanted.to_ns)
    return found


# -- the chain -------------------------------------------------------------------------------


def head(connection: Connection) -> Head:
    """The newest row, for whoever anchors it."""
    table = tables.audit_head
    row = connection.execute(sa.select(table.c.row_id, table.c.hash)).one()
    return Head(row.row_id, row.hash)


def put_anchor(connection: Connection, anchor: Anchor, *, site_id: str, envelope: bytes) -> None:
    """Keep what a site signed; the same a second time changes nothing."""
    table = tables.audit_anchor
    key = (table.c.site_id == site_id) & (table.c.at_ns == anchor.at_ns)
    if connection.execute(sa.select(table.c.row_id).where(key)).one_or_none() is not None:
        return
    connection.execute(
        table.insert().values(
            site_id=site_id,
            at_ns=anchor.at_ns,
            row_id=anchor.row,
            hash=anchor.hash,
            envelope=envelope,
        )
    )


def last_anchor(connection: Connection) -> Anchor | None:
    """The newest anchor, if there is one."""
    table = tables.audit_anchor
    row = connection.execute(
        sa.select(table.c.row_id, table.c.hash, table.c.at_ns)
        .order_by(table.c.at_ns.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Anchor(row.row_id, row.hash, row.at_ns)


def anchor_envelopes(connection: Connection) -> list[tuple[str, bytes]]:
    """(site, signed bytes) of every anchor that the hub keeps; `verify` wants them verified."""
    table = tables.audit_anchor
    rows = connection.execute(
        sa.select(table.c.site_id, table.c.envelope).order_by(table.c.at_ns)
    ).all()
    return [(row.site_id, row.envelope) for row in rows]


def verify(connection: Connection, anchors: Sequence[Anchor] = (), *, now_ns: int) -> Verdict:
    """Hold every row against the chain, the head and the anchors.

    Args:
        connection: one moment of the database.
        anchors: from envelopes whose signatures the caller has verified.
        now_ns: UTC now; what a site signed less than 12 months ago must still be there.
    """
    faults: list[str] = []
    hashes: dict[int, str] = {}
    expired: dict[str, Mapping[str, Any]] = {}
    restored: list[_Restored] = []
    wanted = {anchor.row for anchor in anchors}
    first: Row | None = None
    last: Row | None = None
    count = 0
    for row in every_row(connection, Filter()):
        count += 1
        if row_hash(row.previous, _values(row)) != row.hash:
            faults.append(f"row {row.id} was changed: its hash does not match what it says")
        if last is None:
            first = row
        elif row.previous != last.hash:
            faults.append(_broken(last, row))
        if row.act == Act.AUDIT_EXPIRED and "hash" in row.detail:
            expired[str(row.detail["hash"])] = {**row.detail, "time_ns": row.time_ns}
        if row.act == Act.BACKUP_RESTORED and last is not None:
            restored.append(_Restored(last.id, row.id, row.time_ns))
        if row.id in wanted:
            hashes[row.id] = row.hash
        last = row
    newest = head(connection)
    if first is not None and first.previous:
        faults += _start_faults(first, expired)
    faults += _head_faults(newest, last)
    reach = last.id if last is not None else 0
    young_ns = now_ns - KEEP_DAYS * DAY_NS + _TOGETHER_NS
    lost: dict[_Restored, int] = {}
    for anchor in sorted(anchors, key=lambda one: one.at_ns):
        before = next((one for one in restored if one.explains(anchor)), None)
        if before is not None:
            lost[before] = max(anchor.row, lost.get(before, 0))
            continue
        faults += _anchor_faults(anchor, hashes, (first.id if first else 1, reach), young_ns)
    notes = [one.told(lost.get(one)) for one in restored]
    return Verdict(count, len(anchors), tuple(faults), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Restored:
    """A place in the chain at which a backup was brought back."""

    row: int
    """The last row of the backup."""
    next: int
    """The row that says so."""
    at_ns: int

    def explains(self, anchor: Anchor) -> bool:
        """Whether a site signed a row that was lost; one of much later is of another hub's life."""
        return self.row < anchor.row < self.next and anchor.at_ns <= self.at_ns + _TOGETHER_NS

    def told(self, lost: int | None) -> str:
        """In a sentence."""
        begun = f"restored from a backup at {rfc3339(self.at_ns)}: it ended with row {self.row}"
        if lost is None:
            return begun
        return f"{begun}, and sites signed up to row {lost} before; those rows are lost"


def _values(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "time_ns": row.time_ns,
        "actor": row.actor,
        "account_id": row.account_id,
        "unit": row.unit,
        "address": row.address,
        "device": row.device,
        "act": row.act,
        "object": row.thing,
        "site_id": row.site,
        "purpose": row.purpose,
        "outcome": row.outcome,
        "detail": row.detail,
    }


def _broken(before: Row, row: Row) -> str:
    missing = row.id - before.id - 1
    if missing == 1:
        return f"row {before.id + 1} is missing: row {row.id} continues another one"
    if missing:
        return f"rows {before.id + 1} to {row.id - 1} are missing: row {row.id} continues another"
    return f"row {row.id} does not continue row {before.id}"


def _start_faults(first: Row, expired: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The chain begins in its middle: a row of its own must say why."""
    said = expired.get(first.previous)
    if said is None:
        return [f"the rows before row {first.id} are missing, and no deletion by age says so"]
    if int(said["before_ns"]) > int(said["time_ns"]) - (KEEP_DAYS - 1) * DAY_NS:
        return [f"the rows before row {first.id} were deleted before their time"]
    return []


def _head_faults(newest: Head, last: Row | None) -> list[str]:
    reach = last.id if last is not None else 0
    if newest.row > reach:
        return [f"rows {reach + 1} to {newest.row}, the newest, are missing"]
    if newest.row < reach:
        return [f"rows {newest.row + 1} to {reach} were not written by this program"]
    if last is not None and newest.hash != last.hash:
        return [f"row {reach}, the newest, is not the one that was written"]
    return []


def _anchor_faults(
    anchor: Anchor, hashes: Mapping[int, str], bounds: tuple[int, int], young_ns: int
) -> list[str]:
    first, last = bounds
    at = rfc3339(anchor.at_ns)
    if not anchor.row:
        return []
    if anchor.row > last:
        return [
            f"rows {last + 1} to {anchor.row} are missing: the site's ledger of {at} has"
            f" {anchor.row} rows"
        ]
    if anchor.row < first:
        if anchor.at_ns <= young_ns:
            return []
        return [f"row {anchor.row} is missing: it was there at {at}, less than 12 months ago"]
    if hashes.get(anchor.row) != anchor.hash:
        return [f"row {anchor.row} is not the one that the site's ledger of {at} holds"]
    return []


def expire(connection: Connection, *, keep_days: int, now_ns: int) -> int:
    """Delete rows older than that, and say so in a row of the chain; how many.

    The chain stays whole: the row names the last hash that went, which the first row left
    continues.
    """
    table = tables.audit
    before_ns = now_ns - max(keep_days, KEEP_DAYS) * DAY_NS
    # Only a prefix of the chain may go: rows of a box's facts carry the box's time.
    young = connection.execute(
        sa.select(sa.func.min(table.c.id)).where(table.c.time_ns > before_ns)
    ).scalar()
    old = table.c.id < young if young is not None else sa.true()
    last = connection.execute(
        sa.select(table.c.id, table.c.hash).where(old).order_by(table.c.id.desc()).limit(1)
    ).one_or_none()
    if last is None:
        return 0
    count = connection.execute(sa.select(sa.func.count()).select_from(table).where(old)).scalar()
    record(
        connection,
        PROGRAM,
        Act.AUDIT_EXPIRED,
        now_ns=now_ns,
        purpose=f"kept {max(keep_days, KEEP_DAYS)} days",
        detail={"through": last.id, "hash": last.hash, "rows": count, "before_ns": before_ns},
    )
    connection.execute(table.delete().where(table.c.id <= last.id))
    return int(count or 0)


def fed(connection: Connection) -> int:
    """The last row that was sent to the syslog server; 0: none was."""
    table = tables.setting
    value = connection.execute(
        sa.select(table.c.value).where(table.c.name == FED)
    ).scalar_one_or_none()
    return int(value["row"]) if isinstance(value, dict) else 0


def put_fed(connection: Connection, row: int, *, now_ns: int) -> None:
    """Remember it."""
    table = tables.setting
    connection.execute(table.delete().where(table.c.name == FED))
    connection.execute(table.insert().values(name=FED, value={"row": row}, updated_ns=now_ns))
