"""Trials that end are measured, and accepted cameras are checked again each night.

The site's box is asked for a probe of each camera whose address is known here; what a hub cannot
ask is judged by the ledger and the register alone.  A box that does not answer makes no camera
drift.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from vonggac import log
from vonggac.domain import acceptance, acceptance_drift, guide_values, legal, registry, tasks
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from vonggac import wire
    from vonggac.clock import Clock
    from vonggac.config import AcceptanceConfig, Secret
    from vonggac.db import Database
    from vonggac.domain.acceptance import Try
    from vonggac.hub.site import Site
    from vonggac.hub.sites import Sites
    from vonggac.keys import Box

_log = log.get(__name__)

LOOK_S: Final = 300.0
"""Seconds between two looks for trials that ended and for the hour of the night (ours)."""


async def run(
    sites: Sites, database: Database, box: Box, clock: Clock, bounds: AcceptanceConfig
) -> None:
    """Look for ever; returns only when cancelled."""
    while True:
        await run_once(sites, database, box, clock, bounds)
        await clock.sleep(LOOK_S)


async def run_once(
    sites: Sites, database: Database, box: Box, clock: Clock, bounds: AcceptanceConfig
) -> int:
    """Measure what ended, check what is due; how many cameras were checked again."""
    await asyncio.to_thread(_end_trials, database, clock, bounds)
    due = await asyncio.to_thread(_due, database, clock, bounds)
    for it in due:
        probe = await _probe(sites, database, box, clock, it)
        await asyncio.to_thread(_check, database, clock, bounds, it, probe)
    if due:
        _log.info("acceptance.checked_again", count=len(due))
    return len(due)


def _end_trials(database: Database, clock: Clock, bounds: AcceptanceConfig) -> None:
    with database.reading() as connection:
        ended = acceptance.ending(connection, clock.wall_ns())
    for it in ended:
        with database.writing() as connection:
            acceptance.end_trial(
                connection, it.id, bounds, by=tasks.PROGRAM, now_ns=clock.wall_ns()
            )


def _due(database: Database, clock: Clock, bounds: AcceptanceConfig) -> list[Try]:
    with database.reading() as connection:
        return acceptance_drift.due(connection, bounds, now_ns=clock.wall_ns())


async def _probe(
    sites: Sites, database: Database, box: Box, clock: Clock, it: Try
) -> dict[str, Any] | None:
    """What the box finds of a camera now; None when it is not asked or does not answer."""

    def stored() -> tuple[Site, registry.Camera, Secret, wire.Bounds | None] | None:
        with database.reading() as connection:
            camera = registry.camera(connection, it.camera_id)
            if not camera.main_url or not sites.reaches(connection, camera.site_id):
                return None
            site = sites.look(connection, camera.site_id)
            bounds = guide_values.bounds(connection, legal.day_of(clock.wall_ns()))
            return site, camera, registry.password_of(connection, camera.id, box), bounds

    try:
        found = await asyncio.to_thread(stored)
        if found is None:
            return None
        site, camera, password, bounds = found
        return await site.probe(camera.main_url, camera.user_name, password, bounds)
    except VonggacError as error:
        _log.warning("acceptance.not_asked", camera=it.camera_id, reason=str(error))
        return None


def _check(
    database: Database,
    clock: Clock,
    bounds: AcceptanceConfig,
    it: Try,
    probe: dict[str, Any] | None,
) -> None:
    now_ns = clock.wall_ns()
    with database.reading() as connection:
        placement = guide_values.placement(connection, legal.day_of(now_ns))
        found = acceptance_drift.judge(connection, it, probe, bounds, placement, now_ns=now_ns)
    with database.writing() as connection:
        changed = acceptance_drift.note(connection, it, found, now_ns=now_ns)
    if changed:
        _log.info("acceptance.drifted", camera=it.camera_id, well=found.well,
                  reasons=list(found.reasons))  # fmt: skip
