"""The nightly check of accepted cameras, and the task that drift opens once.

A camera that drifted has one open task, however many nights it stays so; a camera that is as
accepted again has its task closed by the program.  A person may have closed it before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import among, tables
from vonggac.db import task as db
from vonggac.domain import (
    acceptance,
    acceptance_trial,
    access,
    audit,
    citing,
    legal,
    registry,
    tasks,
    units,
)
from vonggac.domain.access import Act
from vonggac.domain.matters import Matter, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.config import AcceptanceConfig
    from vonggac.db import Connection
    from vonggac.domain.acceptance import Check, Try
    from vonggac.domain.access import Person
    from vonggac.domain.registry import Camera
    from vonggac.domain.rules import Placement

DAY_NS: Final = 86_400 * NS
REPAIR_DAYS: Final = 3
"""Days until what drifted is to be put right (ours)."""
WORDS: Final[Mapping[str, str]] = {
    "probe_unfit": "không còn đủ điều kiện kết nối",
    "zone_changed": "khu vực trong danh mục đã đổi sau nghiệm thu",
    "zone_wrong": "khu vực không còn trong quy tắc đặt camera",
    "connected_low": "kết nối dưới mức",
    "recorded_low": "ghi hình dưới mức",
    "trial_unknown": "chưa đủ số liệu sổ ghi hình",
}
"""What speaks against a camera, as a task says it."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a nightly check found."""

    well: bool
    reasons: tuple[str, ...]
    facts: Mapping[str, Any]


def due(connection: Connection, rules: AcceptanceConfig, *, now_ns: int) -> list[Try]:
    """Accepted tries whose camera was not checked yet this night."""
    today = legal.day_of(now_ns)
    since_ns = legal.start_of(today) + rules.recheck_hour * 3_600 * NS
    if now_ns < since_ns:
        return []
    watched = acceptance.watches(connection)
    return [
        one
        for one in acceptance.accepted(connection)
        if (one.accepted_ns or 0) < since_ns
        and (one.camera_id not in watched or watched[one.camera_id].checked_ns < since_ns)
    ]


def judge(
    connection: Connection,
    it: Try,
    probe: Mapping[str, Any] | None,
    rules: AcceptanceConfig,
    placement: Placement,
    *,
    now_ns: int,
) -> Drift:
    """Hold a camera against what was accepted.

    Args:
        connection: a transaction.
        it: the try that was accepted.
        probe: what the box found now; None, it was not asked, which is no drift by itself.
        rules: the bounds of the trial, which are those of every day after it.
        placement: the rule as it stands.
        now_ns: UTC now.
    """
    camera = registry.camera(connection, it.camera_id)
    last = acceptance.last_checks(acceptance.checks(connection, it.id))
    reasons: list[str] = []
    facts: dict[str, Any] = {}
    if probe is not None:
        facts["probe"] = acceptance.probe_facts(probe)
        reasons += [] if facts["probe"]["fit"] else ["probe_unfit"]
    reasons += _zone(camera, last.get("zone"), placement)
    found = acceptance_trial.measured(connection, camera, (now_ns - DAY_NS, now_ns), now_ns=now_ns)
    facts["day"] = acceptance_trial.as_facts(found)
    low = acceptance_trial.shortcomings(found, rules)
    # A day of which the ledger has not arrived is no drift: the link fails, not the camera.
    reasons += [one for one in low if one != "trial_unknown"]
    return Drift(not reasons, tuple(reasons), facts)


def _zone(camera: Camera, check: Check | None, placement: Placement) -> list[str]:
    if placement.zone(camera.zone) is None:
        return ["zone_wrong"]
    changed = check is not None and check.facts.get("zone") != camera.zone
    return ["zone_changed"] if changed else []


def note(connection: Connection, it: Try, found: Drift, *, now_ns: int) -> bool:
    """Keep what a nightly check found; opens or closes the camera's task. Whether it changed.

    Args:
        connection: a writing transaction.
        it: the try that was accepted.
        found: from `judge`.
        now_ns: UTC now.
    """
    table = db.acceptance_watch
    before = acceptance.watches(connection, [it.site_id]).get(it.camera_id)
    same = before is not None and before.acceptance_id == it.id and before.well is found.well
    since_ns, nights = (before.since_ns, before.nights + 1) if same and before else (now_ns, 1)
    connection.execute(table.delete().where(table.c.camera_id == it.camera_id))
    connection.execute(
        table.insert().values(
            camera_id=it.camera_id, acceptance_id=it.id, checked_ns=now_ns, well=found.well,
            reasons=list(found.reasons), facts=dict(found.facts), since_ns=since_ns, nights=nights,
        )
    )  # fmt: skip
    _follow(connection, it, found, now_ns)
    changed = not same and (before is not None or not found.well)
    if changed:
        audit.record(
            connection, audit.PROGRAM, audit.Act.ACCEPTANCE_DRIFTED, now_ns=now_ns, thing=it.id,
            site=it.site_id,
            detail={"camera": it.camera_id, "well": found.well, "reasons": list(found.reasons)},
        )  # fmt: skip
    return changed


def _follow(connection: Connection, it: Try, found: Drift, now_ns: int) -> None:
    """One open task while the camera is not well, none once it is again."""
    about = f"drift:{it.camera_id}"
    open_ones = [one for one in tasks.of(connection, about) if not one.is_over]
    if found.well:
        for one in open_ones:
            tasks.step(
                connection, one.id, "done", "kiểm tra lại hằng đêm: camera đạt như khi nghiệm thu",
                by=tasks.PROGRAM, now_ns=now_ns,
            )  # fmt: skip
        return
    if open_ones:
        return
    camera, site = registry.camera(connection, it.camera_id), registry.site(connection, it.site_id)
    unit = units.names_of_sites(connection, legal.day_of(now_ns)).get(it.site_id)
    why = "; ".join(WORDS[one] for one in found.reasons)
    body = (site.title or site.name) if site else (unit.vi if unit else it.site_id)
    tasks.open_task(
        connection, site_id=it.site_id, unit_id=None, body=body[: tasks.MAX_LINE],
        what=f"Khắc phục camera {camera.title or camera.name}: {why}"[: tasks.MAX_WHAT],
        due=legal.day_of(now_ns) + timedelta(days=REPAIR_DAYS), about=about,
        directive_id=citing.carried(connection, f"acceptance:{it.site_id}", site_id=it.site_id),
        by=tasks.PROGRAM, now_ns=now_ns,
    )  # fmt: skip


def counts(connection: Connection, site_ids: Sequence[str]) -> tuple[int, int]:
    """How many accepted cameras were checked again, and how many of them drifted."""
    table, camera = db.acceptance_watch, tables.camera
    rows = connection.execute(
        sa.select(table.c.well, sa.func.count())
        .join(camera, camera.c.id == table.c.camera_id)
        .where(camera.c.retired_ns.is_(None), among(camera.c.site_id, site_ids))
        .group_by(table.c.well)
    )
    found = {bool(well): int(count) for well, count in rows}
    return sum(found.values()), found.get(False, 0)


def matters(
    connection: Connection, allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """Cameras that passed and wait for a person, and tries of which something is missing.

    What drifted has a task, and is told there.
    """
    here = set(allowed_sites)
    deciding = set(access.sites_for(connection, person, Act.ACCEPTANCE_DECIDE, now_ns)) & here
    testing = set(access.sites_for(connection, person, Act.ACCEPTANCE_TEST, now_ns)) & here
    if not deciding | testing:
        return []
    waits: dict[tuple[str, bool], int] = {}
    for (site_id, state), count in acceptance.waiting(
        connection, sorted(deciding | testing)
    ).items():
        passed = state == "passed"
        if site_id in (deciding if passed else testing):
            waits[site_id, passed] = waits.get((site_id, passed), 0) + count
    if not waits:
        return []
    titles = registry.titles(connection)
    return [
        _matter(site_id, titles.get(site_id, site_id), passed, count)
        for (site_id, passed), count in sorted(waits.items())
    ]


def _matter(site_id: str, title: str, passed: bool, count: int) -> Matter:
    href, values = f"/acceptance/sites/{site_id}", (("n", str(count)), ("site", title))
    if passed:
        return Matter(
            subject="acceptance", what="{n} camera đã đạt, chờ nghiệm thu: {site}", href=href,
            standing=Standing.SIGN, values=values, site_id=site_id,
        )  # fmt: skip
    return Matter(
        subject="acceptance", what="{n} camera đang thử hoặc không đạt: {site}", href=href,
        standing=Standing.DUE, values=values, site_id=site_id,
    )  # fmt: skip
