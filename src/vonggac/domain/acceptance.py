"""Remote acceptance (nghiệm thu từ xa) of cameras: what was found, what counts, who accepted.

A try of a camera has four checks: the probe's verdict, a picture that a person held against the
planned view, the zone that a person confirmed against the placement rule, and a trial of
continuity from the ledger with both figures, *kết nối* and *ghi hình*, apart.  The last check of
each kind counts; nothing is deleted.  What passed is accepted by a named person.  Lengths and
bounds of the trial are settings, and defaults of the software.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import among, tables
from vonggac.db import task as db
from vonggac.domain import acceptance_trial, audit, legal, registry
from vonggac.domain.tasks import MAX_LINE, MAX_NOTE, refuse, text_faults
from vonggac.errors import Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.config import AcceptanceConfig
    from vonggac.db import Connection
    from vonggac.domain.exports import Someone
    from vonggac.domain.rules import Placement

State = Literal["tried", "passed", "failed"]
CheckKind = Literal["probe", "picture", "zone", "trial"]
Reason = Literal[
    "not_tried", "trying", "failed", "waits", "drifted",
]  # fmt: skip
"""Why a camera is not connected."""
NoCamera = Literal["no_camera"]
"""Why a facility without cameras is not."""

KINDS: Final[tuple[CheckKind, ...]] = ("probe", "picture", "zone", "trial")
PICTURE_MOST: Final = 4 * 1024 * 1024
"""Bytes of a picture (ours); a still of 4K has about two million."""
HOUR_NS: Final = 3_600 * NS


@dataclass(frozen=True, slots=True)
class Try:
    """A try to accept a camera."""

    id: str
    site_id: str
    camera_id: str
    tried_ns: int
    tried_by: str
    tried_name: str
    trial_ns: int
    state: State
    reasons: tuple[str, ...]
    closed_ns: int | None
    accepted_ns: int | None
    accepted_by: str
    accepted_name: str
    accepted_note: str

    @property
    def trial_to_ns(self) -> int:
        """When the trial ends."""
        return self.tried_ns + self.trial_ns

    @property
    def is_accepted(self) -> bool:
        """Whether a person accepted it: nothing of it changes any more."""
        return self.accepted_ns is not None

    @property
    def is_open(self) -> bool:
        """Whether checks may still be added."""
        return self.accepted_ns is None and "declined" not in self.reasons


@dataclass(frozen=True, slots=True)
class Check:
    """What was found in a try."""

    kind: CheckKind
    well: bool
    facts: Mapping[str, Any]
    said: str
    made_ns: int
    made_by: str
    made_name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a try, without its bytes."""

    id: str
    size: int
    sha256: str
    taken_ns: int
    taken_by: str
    taken_name: str


@dataclass(frozen=True, slots=True)
class Watch:
    """The last nightly check of an accepted camera."""

    camera_id: str
    acceptance_id: str
    checked_ns: int
    well: bool
    reasons: tuple[str, ...]
    facts: Mapping[str, Any]
    since_ns: int
    nights: int


@dataclass(frozen=True, slots=True)
class CameraConnection:
    """Whether a camera is connected, and why not."""

    camera_id: str
    name: str
    connected: bool
    reason: Reason | None
    acceptance_id: str | None
    """Its latest try."""
    details: tuple[str, ...] = ()
    """Codes of what speaks against it."""


@dataclass(frozen=True, slots=True)
class SiteConnection:
    """Whether a facility is connected: every camera of it is (*cách tính của phần mềm*)."""

    site_id: str
    cameras: tuple[CameraConnection, ...]

    @property
    def count(self) -> int:
        """How many of its cameras are connected."""
        return sum(one.connected for one in self.cameras)

    @property
    def connected(self) -> bool:
        """Whether there is a camera, and all are connected."""
        return bool(self.cameras) and self.count == len(self.cameras)

    @property
    def reason(self) -> Reason | NoCamera | None:
        """The reason of most cameras that are not."""
        counted: dict[Reason, int] = {}
        for one in self.cameras:
            if one.reason is not None:
                counted[one.reason] = counted.get(one.reason, 0) + 1
        return reason_of(len(self.cameras), counted)


@dataclass(frozen=True, slots=True)
class SiteSummary:
    """`SiteConnection` of a facility in numbers, for lists of many."""

    site_id: str
    cameras: int
    count: int
    """How many of them are connected."""
    reason: Reason | NoCamera | None

    @property
    def connected(self) -> bool:
        """Whether there is a camera, and all are connected."""
        return self.cameras > 0 and self.count == self.cameras


def reason_of(cameras: int, counted: Mapping[Reason, int]) -> Reason | NoCamera | None:
    """The reason of most cameras that are not connected; None when all are."""
    if not cameras:
        return "no_camera"
    most = max(counted.values(), default=0)
    return next((code for code in sorted(counted) if counted[code] == most), None)


# -- trying ----------------------------------------------------------------------------------


def begin(
    connection: Connection, camera_id: str, rules: AcceptanceConfig, *, by: Someone, now_ns: int
) -> Try:
    """Begin a try; the trial of continuity begins now.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, a try goes on (`detail["code"]`).
    """
    camera = registry.camera(connection, camera_id)
    last = latest(connection, camera.id)
    if last is not None and last.is_open and last.state != "failed":
        raise VonggacError(Kind.CONFLICT, "a try of it goes on", code="tried_already")
    acceptance_id = new_id()
    connection.execute(
        db.acceptance.insert().values(
            id=acceptance_id, site_id=camera.site_id, camera_id=camera.id, tried_ns=now_ns,
            tried_by=by.name, tried_name=by.full_name, trial_ns=rules.trial_hours * HOUR_NS,
            state="tried", reasons=list(_missing({})),
        )
    )  # fmt: skip
    it = find(connection, acceptance_id)
    _audit(connection, audit.Act.ACCEPTANCE_TRIED, it, by, now_ns, hours=rules.trial_hours)
    return it


def note_probe(
    connection: Connection,
    acceptance_id: str,
    found: Mapping[str, Any],
    *,
    by: Someone,
    now_ns: int,
) -> Try:
    """Keep what the box found of the camera, with the verdict *đủ điều kiện kết nối*.

    Args:
        connection: a writing transaction.
        acceptance_id: which try.
        found: as the box's probe says it.
        by: who asked.
        now_ns: UTC now.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the try is over.
    """
    facts = probe_facts(found)
    return _add(connection, acceptance_id, "probe", bool(facts["fit"]), facts, "", by, now_ns)


def probe_facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a probe: measured figures and the verdict's reasons, no picture."""
    names = (
        "reachable", "authenticated", "codec", "width", "height", "declared_fps", "delivered_fps",
        "gop_s", "kbps", "clock_error_ms",
    )  # fmt: skip
    verdict = found.get("verdict") or {}
    criteria = found.get("criteria") or {}
    details = [
        {name: str(one.get(name, ""))[:400] for name in ("code", "level", "survey", "vi", "en")}
        for one in (verdict.get("details") or ())[:40]
    ]
    return {
        **{name: found.get(name) for name in names},
        "fit": bool(verdict.get("connectable")),
        "details": details,
        "criteria": {name: str(criteria.get(name, ""))[:200] for name in ("name", "date")},
    }


def keep_picture(
    connection: Connection, acceptance_id: str, content: bytes, *, by: Someone, now_ns: int
) -> Picture:
    """Keep a picture of now, to be held against the planned view.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the try is over; BAD_INPUT, it is no JPEG.
    """
    it = _open(connection, acceptance_id)
    if not content.startswith(b"\xff\xd8\xff") or len(content) > PICTURE_MOST:
        raise VonggacError(Kind.BAD_INPUT, "this is no picture", fields={"picture": "bad_picture"})
    picture_id, sha256 = new_id(), hashlib.sha256(content).hexdigest()
    connection.execute(
        db.acceptance_picture.insert().values(
            id=picture_id, acceptance_id=it.id, media_type="image/jpeg", size=len(content),
            sha256=sha256, content=content, taken_ns=now_ns, taken_by=by.name,
            taken_name=by.full_name,
        )
    )  # fmt: skip
    _audit(
        connection, audit.Act.ACCEPTANCE_CHECKED, it, by, now_ns, picture=picture_id, sha256=sha256
    )
    return next(one for one in pictures(connection, it.id) if one.id == picture_id)


def confirm_picture(
    connection: Connection, acceptance_id: str, *, well: bool, said: str, by: Someone, now_ns: int
) -> Try:
    """A person says whether the last picture shows what was planned.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the try is over, or no picture was taken; BAD_INPUT
            with `fields`, why not is not said.
    """
    refuse(text_faults("said", said, MAX_NOTE, needed=not well))
    taken = pictures(connection, acceptance_id)
    if not taken:
        raise VonggacError(Kind.CONFLICT, "no picture was taken", code="no_picture")
    facts = {"picture": taken[-1].id, "sha256": taken[-1].sha256, "taken_ns": taken[-1].taken_ns}
    return _add(connection, acceptance_id, "picture", well, facts, said, by, now_ns)


def confirm_zone(
    connection: Connection,
    acceptance_id: str,
    placement: Placement,
    *,
    well: bool,
    said: str,
    by: Someone,
    now_ns: int,
) -> Try:
    """A person says whether the camera stands in the zone of the register.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the try is over, or the rule names no such zone;
            BAD_INPUT with `fields`, why not is not said.
    """
    refuse(text_faults("said", said, MAX_NOTE, needed=not well))
    it = _open(connection, acceptance_id)
    camera = registry.camera(connection, it.camera_id)
    zone = placement.zone(camera.zone)
    if well and zone is None:
        raise VonggacError(Kind.CONFLICT, "the rule names no such zone", code="no_such_zone")
    facts = {
        "zone": camera.zone, "rule": placement.rule, "rule_name": placement.name.vi,
        "name": zone.name.vi if zone else "",
    }  # fmt: skip
    return _add(connection, it.id, "zone", well, facts, said, by, now_ns)


def end_trial(
    connection: Connection,
    acceptance_id: str,
    rules: AcceptanceConfig,
    *,
    by: Someone,
    now_ns: int,
) -> Try:
    """Keep the figures of the trial, once its time is over.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, the try or not yet its time is over.
    """
    it = _open(connection, acceptance_id)
    if now_ns < it.trial_to_ns:
        raise VonggacError(Kind.CONFLICT, "the trial is not over", code="trial_goes_on")
    found = acceptance_trial.measured(
        connection, registry.camera(connection, it.camera_id), (it.tried_ns, it.trial_to_ns),
        now_ns=now_ns,
    )  # fmt: skip
    why = acceptance_trial.shortcomings(found, rules)
    facts = {**acceptance_trial.as_facts(found), "reasons": why}
    return _add(connection, it.id, "trial", not why, facts, "", by, now_ns)


def ending(connection: Connection, now_ns: int) -> list[Try]:
    """Tries whose trial is over and was not measured yet."""
    table, check = db.acceptance, db.acceptance_check
    measured = sa.select(check.c.acceptance_id).where(check.c.kind == "trial")
    found = _tries(
        connection, table.c.tried_ns + table.c.trial_ns <= now_ns, table.c.accepted_ns.is_(None),
        table.c.id.not_in(measured),
    )  # fmt: skip
    return [one for one in found if one.is_open]


# -- deciding --------------------------------------------------------------------------------


def accept(
    connection: Connection, acceptance_id: str, note: str, *, by: Someone, now_ns: int
) -> Try:
    """A named person accepts what passed.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it has not passed; BAD_INPUT with `fields`.
    """
    refuse(text_faults("note", note, MAX_LINE, needed=False))
    it = _open(connection, acceptance_id)
    if it.state != "passed":
        raise VonggacError(Kind.CONFLICT, "it has not passed", code="not_passed")
    _change(
        connection, it, accepted_ns=now_ns, accepted_by=by.name, accepted_name=by.full_name,
        accepted_note=legal.plain(note),
    )  # fmt: skip
    _audit(connection, audit.Act.ACCEPTANCE_DECIDED, it, by, now_ns, accepted=True)
    return find(connection, it.id)


def decline(
    connection: Connection, acceptance_id: str, note: str, *, by: Someone, now_ns: int
) -> Try:
    """A named person does not accept it, and says why; a new try may begin.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is over; BAD_INPUT with `fields`.
    """
    refuse(text_faults("note", note, MAX_LINE))
    it = _open(connection, acceptance_id)
    _change(
        connection, it, state="failed", reasons=[*it.reasons, "declined"], closed_ns=now_ns,
        accepted_by=by.name, accepted_name=by.full_name, accepted_note=legal.plain(note),
    )  # fmt: skip
    _audit(
        connection, audit.Act.ACCEPTANCE_DECIDED, it, by, now_ns, accepted=False,
        why=legal.plain(note),
    )  # fmt: skip
    return find(connection, it.id)


def outcome(last: Mapping[str, Check]) -> tuple[State, tuple[str, ...]]:
    """What the last check of each kind makes of a try: its state, and what speaks against it."""
    reasons = [one for kind in KINDS if kind in last for one in _against(last[kind])]
    if reasons:
        return "failed", tuple(reasons)
    missing = _missing(last)
    return ("tried", missing) if missing else ("passed", ())


def _missing(last: Mapping[str, Check]) -> tuple[str, ...]:
    return tuple(f"{kind}_missing" for kind in KINDS if kind not in last)


def _against(check: Check) -> list[str]:
    if check.well:
        return []
    if check.kind == "probe":
        return ["probe_unfit"]
    if check.kind == "trial":
        return list(check.facts.get("reasons", ())) or ["recorded_low"]
    return [f"{check.kind}_wrong"]


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, acceptance_id: str) -> Try:
    """One try.

    Raises:
        VonggacError: NOT_FOUND.
    """
    found = _tries(connection, db.acceptance.c.id == acceptance_id)
    if not found:
        raise VonggacError(Kind.NOT_FOUND, "there is no such acceptance")
    return found[0]


def latest(connection: Connection, camera_id: str) -> Try | None:
    """The last try of a camera."""
    found = _tries(connection, db.acceptance.c.camera_id == camera_id)
    return found[-1] if found else None


def of_camera(connection: Connection, camera_id: str) -> list[Try]:
    """Every try of a camera, the latest first."""
    return _tries(connection, db.acceptance.c.camera_id == camera_id)[::-1]


def accepted(connection: Connection, site_ids: Sequence[str] | None = None) -> list[Try]:
    """The tries that stand: the last accepted one of each camera that is in the register."""
    conditions: list[sa.ColumnElement[bool]] = [
        db.acceptance.c.accepted_ns.is_not(None), tables.camera.c.retired_ns.is_(None)
    ]  # fmt: skip
    if site_ids is not None:
        conditions.append(among(db.acceptance.c.site_id, site_ids))
    return list({one.camera_id: one for one in _tries(connection, *conditions)}.values())


def checks(connection: Connection, acceptance_id: str) -> list[Check]:
    """What was found in a try, in order."""
    table = db.acceptance_check
    names = Check.__dataclass_fields__
    query = sa.select(*(table.c[name] for name in names)).where(
        table.c.acceptance_id == acceptance_id
    )
    return [Check(*row) for row in connection.execute(query.order_by(table.c.id)).all()]


def last_checks(every: Iterable[Check]) -> dict[str, Check]:
    """The last check of each kind."""
    return {one.kind: one for one in every}


def pictures(connection: Connection, acceptance_id: str) -> list[Picture]:
    """Pictures of a try, the oldest first."""
    table = db.acceptance_picture
    names = Picture.__dataclass_fields__
    query = sa.select(*(table.c[name] for name in names)).where(
        table.c.acceptance_id == acceptance_id
    )
    query = query.order_by(table.c.taken_ns, table.c.id)
    return [Picture(*row) for row in connection.execute(query).all()]


def picture_content(connection: Connection, acceptance_id: str, picture_id: str) -> bytes:
    """The bytes of a picture.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = db.acceptance_picture
    found = connection.execute(
        sa.select(table.c.content).where(
            table.c.id == picture_id, table.c.acceptance_id == acceptance_id
        )
    ).scalar()
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such picture")
    return bytes(found)


def watches(connection: Connection, site_ids: Sequence[str] | None = None) -> dict[str, Watch]:
    """The last nightly check of each camera, by its id."""
    table = db.acceptance_watch
    query = sa.select(*(table.c[name] for name in Watch.__dataclass_fields__))
    if site_ids is not None:
        camera = tables.camera
        query = query.join(camera, camera.c.id == table.c.camera_id)
        query = query.where(among(camera.c.site_id, site_ids))
    found = {}
    for row in connection.execute(query).all():
        values = {**row._mapping, "reasons": tuple(row.reasons)}
        found[row.camera_id] = Watch(**values)
    return found


def connected(connection: Connection, site_ids: Sequence[str]) -> dict[str, SiteConnection]:
    """Which cameras and facilities are connected, and why not; every site that is asked for.

    A camera is connected once a person accepted it and while the nightly check finds it as it was
    accepted; a later try that failed takes it back, one that goes on does not.
    """
    cameras: dict[str, list[CameraConnection]] = {site_id: [] for site_id in site_ids}
    if not cameras:
        return {}
    tries: dict[str, list[Try]] = {}
    for one in _tries(connection, among(db.acceptance.c.site_id, cameras)):
        tries.setdefault(one.camera_id, []).append(one)
    watched = watches(connection, list(cameras))
    for camera in registry.cameras_of(connection, list(cameras)):
        found = judged(camera.id, camera.name, tries.get(camera.id, ()), watched.get(camera.id))
        cameras[camera.site_id].append(found)
    return {site_id: SiteConnection(site_id, tuple(found)) for site_id, found in cameras.items()}


def summaries(connection: Connection, site_ids: Sequence[str]) -> dict[str, SiteSummary]:
    """`connected` in numbers: what is asked of the database is a few columns of each try."""
    table, camera, watch = db.acceptance, tables.camera, db.acceptance_watch
    here = list(site_ids)
    counts = connection.execute(
        sa.select(camera.c.site_id, sa.func.count())
        .where(camera.c.retired_ns.is_(None), among(camera.c.site_id, here))
        .group_by(camera.c.site_id)
    )
    total = {site_id: int(count) for site_id, count in counts}
    drifted = set(
        connection.execute(
            sa.select(watch.c.acceptance_id).where(watch.c.well.is_(sa.false()))
        ).scalars()
    )
    rows = connection.execute(
        sa.select(
            table.c.site_id, table.c.camera_id, table.c.id, table.c.state,
            table.c.accepted_ns.is_not(None),
        )
        .join(camera, camera.c.id == table.c.camera_id)
        .where(among(table.c.site_id, here), camera.c.retired_ns.is_(None))
        .order_by(table.c.tried_ns, table.c.id)
    )  # fmt: skip
    stands: dict[str, tuple[str, Reason | None]] = {}
    for site_id, camera_id, try_id, state, is_accepted in rows:
        if is_accepted:
            stands[camera_id] = (site_id, "drifted" if try_id in drifted else None)
        elif state == "failed" or stands.get(camera_id, ("", "failed"))[1] not in STANDING:
            stands[camera_id] = (site_id, _STATE_REASONS[state])
    found: dict[str, dict[Reason | None, int]] = {}
    for site_id, reason in stands.values():
        counted = found.setdefault(site_id, {})
        counted[reason] = counted.get(reason, 0) + 1
    return {site_id: _summary(site_id, total.get(site_id, 0), found.get(site_id, {}))
            for site_id in here}  # fmt: skip


STANDING: Final = (None, "drifted")
"""Of a camera that is accepted: a try that goes on does not take it back."""
_STATE_REASONS: Final[Mapping[str, Reason]] = {
    "tried": "trying", "passed": "waits", "failed": "failed",
}  # fmt: skip


def _summary(site_id: str, cameras: int, found: Mapping[Reason | None, int]) -> SiteSummary:
    counted: dict[Reason, int] = {code: count for code, count in found.items() if code}
    untried = cameras - sum(found.values())
    if untried > 0:
        counted["not_tried"] = untried
    return SiteSummary(site_id, cameras, found.get(None, 0), reason_of(cameras, counted))


def waiting(connection: Connection, site_ids: Sequence[str]) -> dict[tuple[str, State], int]:
    """How many cameras' last try is not accepted, by facility and state of the try."""
    table, camera = db.acceptance, tables.camera
    last = (
        sa.select(table.c.camera_id, sa.func.max(table.c.tried_ns).label("tried_ns"))
        .group_by(table.c.camera_id)
        .subquery()
    )
    rows = connection.execute(
        sa.select(table.c.site_id, table.c.state, sa.func.count())
        .join(last, sa.and_(last.c.camera_id == table.c.camera_id,
                            last.c.tried_ns == table.c.tried_ns))
        .join(camera, camera.c.id == table.c.camera_id)
        .where(table.c.accepted_ns.is_(None), camera.c.retired_ns.is_(None),
               among(table.c.site_id, site_ids))
        .group_by(table.c.site_id, table.c.state)
    )  # fmt: skip
    return {(site_id, state): count for site_id, state, count in rows}


def judged(
    camera_id: str, name: str, tries: Sequence[Try], watch: Watch | None
) -> CameraConnection:
    """Whether a camera is connected, by its tries in order and its last nightly check."""
    stands: Try | None = None
    last: Try | None = None
    for one in tries:
        last = one
        if one.is_accepted:
            stands = one
        elif one.state == "failed":
            stands = None
    if last is None:
        return CameraConnection(camera_id, name, False, "not_tried", None)
    if stands is None:
        return CameraConnection(
            camera_id, name, False, _STATE_REASONS[last.state], last.id, last.reasons
        )
    if watch is not None and watch.acceptance_id == stands.id and not watch.well:
        return CameraConnection(camera_id, name, False, "drifted", last.id, watch.reasons)
    return CameraConnection(camera_id, name, True, None, last.id)


# -- pieces ----------------------------------------------------------------------------------


def _tries(connection: Connection, *conditions: sa.ColumnElement[bool]) -> list[Try]:
    table = db.acceptance
    rows = connection.execute(
        sa.select(*(table.c[name] for name in Try.__dataclass_fields__))
        .join(tables.camera, tables.camera.c.id == table.c.camera_id)
        .where(*conditions)
        .order_by(table.c.tried_ns, table.c.id)
    ).all()
    return [Try(**{**row._mapping, "reasons": tuple(row.reasons)}) for row in rows]


def _open(connection: Connection, acceptance_id: str) -> Try:
    it = find(connection, acceptance_id)
    if not it.is_open:
        raise VonggacError(Kind.CONFLICT, "this acceptance is over", code="acceptance_over")
    return it


def _change(connection: Connection, it: Try, **values: Any) -> None:
    connection.execute(db.acceptance.update().where(db.acceptance.c.id == it.id).values(**values))


def _add(
    connection: Connection,
    acceptance_id: str,
    kind: CheckKind,
    well: bool,
    facts: Mapping[str, Any],
    said: str,
    by: Someone,
    now_ns: int,
) -> Try:
    """Add a check, and say what the try is now."""
    it = _open(connection, acceptance_id)
    connection.execute(
        db.acceptance_check.insert().values(
            acceptance_id=it.id, kind=kind, well=well, facts=dict(facts), said=legal.plain(said),
            made_ns=now_ns, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    state, reasons = outcome(last_checks(checks(connection, it.id)))
    closed = None if state == "tried" else now_ns
    _change(connection, it, state=state, reasons=list(reasons), closed_ns=closed)
    _audit(connection, audit.Act.ACCEPTANCE_CHECKED, it, by, now_ns, kind=kind, well=well)
    return find(connection, it.id)


def _audit(
    connection: Connection, act: audit.Act, it: Try, by: Someone, now_ns: int, **detail: Any
) -> None:
    actor = by.actor if by.account_id else audit.PROGRAM
    audit.record(
        connection, actor, act, now_ns=now_ns, thing=it.id, site=it.site_id,
        detail={"camera": it.camera_id, **detail},
    )  # fmt: skip
