"""The recorder of one box: everything that runs beside the cameras, started in order.

`Box.run` is the whole edge without the bus: lock the directory, open the catalog, know the time,
open the journal, start the recorder, start every stream, look after them, stop in reverse.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vonggac import __version__, log, wire
from vonggac.causes import Cause
from vonggac.clock import NS
from vonggac.edge import pages
from vonggac.edge.audience import NoAudience
from vonggac.edge.bookkeeping import Books, Maintenance
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.identity import publish
from vonggac.edge.ingest import Ingest, StreamPlan, Surroundings
from vonggac.edge.journal import Journal
from vonggac.edge.ledger import ABSENCES, Continuity
from vonggac.edge.power import on_battery
from vonggac.edge.recorder import Recorder, read_mark
from vonggac.edge.recovery import (
    CATALOG,
    Repairs,
    booted,
    close_old_gaps,
    known_until,
    lived_without_time,
    mend,
    next_epoch,
    open_catalog,
    was_out_of_service,
)
from vonggac.edge.retention import Hold, Retention, mark_held
from vonggac.edge.timebase import TimeBase
from vonggac.edge.watchdog import Watchdog
from vonggac.errors import ConfigError, VonggacError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from vonggac.clock import Clock
    from vonggac.config import RecordConfig, RetentionConfig, StreamName
    from vonggac.edge.audience import Audience
    from vonggac.edge.identity import Identity
    from vonggac.edge.power import Ups
    from vonggac.edge.source import Source
    from vonggac.edge.watchdog import Decoder
    from vonggac.errors import RunEnded

HANDSHAKES_AT_ONCE = 24
"""Cameras that shake hands at the same time: 100 of them come back together without each waiting
for all, and without 100 key derivations in one turn of the loop."""

MEASURE_S = 10.0
"""How often the catalog hears what a run delivers."""

RECOVERY_S = 30.0
"""A disk that is full or gone at start-up is tried again so often for what it holds."""

RETENTION_S = 20.0

PAGES_S = 15.0

POWER_S = 3.0
"""How often the UPS is asked: a small one lasts minutes."""

_DISK_STATES: dict[Cause | None, Literal["ok", "full", "slow", "gone", "read_only"]] = {
    None: "ok",
    Cause.DISK_FULL: "full",
    Cause.DISK_SLOW: "slow",
    Cause.DISK_GONE: "gone",
    Cause.DISK_READ_ONLY: "read_only",
}


@dataclass(frozen=True, slots=True)
class StreamSetup:
    """One stream of a camera, with what is needed to connect."""

    plan: StreamPlan
    connect: Callable[[], Source]
    ended: Callable[[RunEnded], None]
    """Told why each connection ended, so that another source may be chosen."""
    maintenance: tuple[Maintenance, ...] = ()
    """When a person expects the camera to be away; a change connects nothing anew."""
    key: str = ""
    """Changes when the stream must be connected anew: a digest of its settings."""


class Box:
    """The edge of one site, in one process and one event loop.

    Args:
        directory: the recording directory.
        identity: who the box is.
        clock: where time comes from.
        settings: the recorder's timers.
        ingests: where the box keeps its streams, for whoever reads them too.
        retention: what is deleted when; None deletes nothing.
        days_of: days of cameras that have their own promise.
        ups: tells a power cut from a box that failed.
        audience: who may be watching.
        decoder: decodes keyframes for the watchdog; None leaves that out.

    Raises:
        ConfigError: another recorder runs on the directory, or it cannot be written.
    """

    def __init__(
        self,
        directory: Path,
        identity: Identity,
        clock: Clock,
        *,
        settings: RecordConfig,
        ingests: dict[tuple[str, StreamName], Ingest] | None = None,
        retention: RetentionConfig | None = None,
        days_of: Mapping[str, int] | None = None,
        ups: Ups | None = None,
        audience: Audience | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        self.directory = directory
        self.identity = identity
        _allow_files()
        self._lock = lock(directory)
        self.clock = clock
        self.timebase = TimeBase(clock)
        mark = read_mark(directory)
        publish(directory, identity.chain)
        self.epoch = next_epoch(directory, identity.chain)
        self.catalog, self._incomplete = open_catalog(directory)
        self.journal = Journal(directory, identity.site, self.epoch, identity.key.sign)
        self.recorder = Recorder(
            directory, self.catalog, self.timebase, clock, asyncio.get_running_loop(),
            epoch=self.epoch, flush_s=settings.flush_s, sync_s=settings.sync_s,
        )  # fmt: skip
        self.ingests = {} if ingests is None else ingests
        self.repairs: Repairs | None = None
        """What recovery did, once it is done."""
        self.retention: Retention | None = None
        if retention is not None:
            self.retention = Retention(
                directory, self.catalog, self.journal, self.timebase, retention, days_of or {}
            )
        self.watchdog = Watchdog(
            directory, self.ingests, decoder, self.journal, self.timebase, clock
        )
        self._mark = mark
        self._paged: dict[str, int] = {}
        """The hour up to which each camera's pages are closed, as far as they can be."""
        self._boot = _boot_id()
        self._boot_ns = booted(directory, self._boot)
        self._lived_without_time = lived_without_time(directory, self._boot)
        self._ups = ups
        self._around = Surroundings(
            site=identity.site,
            recorder=self.recorder,
            audience=audience or NoAudience(),
            timebase=self.timebase,
            clock=clock,
            settings=settings,
            gate=asyncio.Semaphore(HANDSHAKES_AT_ONCE),
        )
        self._setups: dict[tuple[str, StreamName], StreamSetup] = {}
        self._tasks: dict[tuple[str, StreamName], asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._holds: tuple[Hold, ...] = ()
        self._paging = asyncio.Lock()
        """Pages are numbered one after the other."""
        self._group: asyncio.TaskGroup | None = None
        self._logger = log.get("box")

    async def run(self, streams: Sequence[StreamSetup]) -> None:
        """Record until `stop`; everything is closed in order before it returns."""
        now = self.timebase.wall_ns()
        boot = self._boot
        row = (self.epoch, boot, now, int(self.timebase.trusted))
        self.catalog.submit(
            lambda db: db.execute("insert or ignore into epoch values (?, ?, ?, ?)", row)
        )
        self.journal.append(
            wire.BoxStarted(
                at=now,
                version=__version__,
                last_mark=self._mark.wall_ns if self._mark else None,
                boot=boot,
            )
        )
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self.configure(streams)
                chores = [
                    group.create_task(chore)
                    for chore in (
                        self._recover(),
                        self._keep_time(boot),
                        self._measure(),
                        self._close_pages(),
                        self.watchdog.run(),
                        self._watch_disk(),
                        *([self._watch_power(self._ups)] if self._ups else []),
                        *([self._retain(self.retention)] if self.retention else []),
                    )
                ]
                await self._stopping.wait()
                self._group = None
                for ingest in self.ingests.values():
                    ingest.stop()
                await asyncio.gather(*self._tasks.values())
                for chore_task in chores:
                    chore_task.cancel()
        finally:
            await self._finish()

    def stop(self) -> None:
        """Ask `run` to end in order."""
        self._stopping.set()

    def configure(self, streams: Sequence[StreamSetup]) -> None:
        """Record these streams from now on: start new ones, end old ones, restart changed ones."""
        wanted = {_key(setup.plan): setup for setup in streams}
        lasting: dict[tuple[str, StreamName], Continuity] = {}
        for key in list(self.ingests):
            if key not in wanted:
                self._end(key, planned=True)
            elif wanted[key].key != self._setups[key].key:
                continuity = self.ingests[key].books.continuity
                # A gap goes on under the new setting: this recorder was there all the time.
                same = wanted[key].plan.record == self._setups[key].plan.record
                if same and continuity.open is not None and not continuity.recording:
                    lasting[key] = continuity
                self._end(key, planned=False, lasts=key in lasting)
        for key, setup in wanted.items():
            if key not in self.ingests:
                self._start(key, setup, lasting.get(key))
            self.ingests[key].books.planned = setup.maintenance

    def keep(self, days_of: Mapping[str, int]) -> None:
        """Keep cameras for days of their own from now on, others for the site's."""
        if self.retention is not None:
            self.retention.days_of = dict(days_of)

    def hold(self, holds: Sequence[Hold]) -> None:
        """Delete nothing of these spans from now on, by no rule; others are free again."""
        self._holds = tuple(holds)
        if self.retention is not None:
            self.retention.holds = self._holds
        self.catalog.submit(lambda db, kept=self._holds: mark_held(db, kept))  # type: ignore[misc]

    def _start(
        self,
        key: tuple[str, StreamName],
        setup: StreamSetup,
        lasting: Continuity | None = None,
    ) -> None:
        assert self._group is not None
        camera, stream = key
        continuity = lasting.handed_on() if lasting else self._continuity(camera, stream, setup)
        books = Books(
            camera, stream, continuity, self.catalog, self.journal, self.timebase,
            self._around.audience, kept=setup.plan.record,
        )  # fmt: skip
        ingest = Ingest(
            setup.plan, connect=setup.connect, ended=setup.ended, books=books, around=self._around
        )
        self.ingests[key] = ingest
        self._setups[key] = setup
        self._tasks[key] = self._group.create_task(ingest.run(), name=f"{camera}/{stream}")

    def _continuity(self, camera: str, stream: StreamName, setup: StreamSetup) -> Continuity:
        """Of a stream that begins in this life, knowing what an earlier one left."""
        now = self.timebase.wall_ns()
        until = (
            known_until(self.directory, camera, stream, self._mark) if setup.plan.record else None
        )
        absence = Cause.EDGE_OFF
        if until is not None and was_out_of_service(self.directory, camera, stream, until):
            absence = Cause.NOT_IN_SERVICE
        elif self._lived_without_time:
            absence = Cause.CLOCK_UNTRUSTED
        elif self._mark is not None and self._mark.on_battery:
            absence = Cause.POWER_LOST
        return Continuity(
            known_until_ns=until, started_ns=now, boot_ns=self._boot_ns, absence=absence
        )

    def _end(self, key: tuple[str, StreamName], *, planned: bool, lasts: bool = False) -> None:
        ingest = self.ingests.pop(key)
        self._setups.pop(key)
        task = self._tasks.pop(key)
        ingest.stop()
        now = self.timebase.wall_ns()

        def close(_task: asyncio.Task[None]) -> None:
            if planned:
                why = ABSENCES[Cause.NOT_IN_SERVICE]
                ingest.books.lost(Cause.NOT_IN_SERVICE, why, since_ns=now)
            if not lasts:
                ingest.books.finish(self.timebase.wall_ns())

        task.add_done_callback(close)

    async def _recover(self) -> None:
        """Make the catalog whole while recording goes on."""
        mark_ns = self._mark.wall_ns if self._mark else 0
        epoch = self.epoch
        self.catalog.submit(lambda db: close_old_gaps(db, epoch, mark_ns))
        while self.repairs is None:
            try:
                self.repairs = await asyncio.to_thread(
                    mend, self.directory, self.catalog, epoch=self.epoch,
                    everything=self._incomplete, in_use=self.recorder.writing,
                )  # fmt: skip
            except (OSError, VonggacError) as error:
                self._logger.warning("recovery.failed", error=str(error))
                await self.clock.sleep(RECOVERY_S)
        done = self.repairs
        self.hold(self._holds)  # rows that were made again carry no mark
        if done.closed or done.indexed or done.unplayable or done.forgotten:
            self._logger.info(
                "recovery.done", closed=len(done.closed), indexed=len(done.indexed),
                unplayable=len(done.unplayable), forgotten=len(done.forgotten),
            )  # fmt: skip

    async def _keep_time(self, boot: str) -> None:
        """Follow the wall clock by the policy of `timebase`."""
        while True:
            await self.clock.sleep(1.0)
            before = self.timebase.wall_ns()
            step = self.timebase.observe()
            if step is None:
                continue
            delta = step.delta_ns
            if self._boot_ns is not None:
                self._boot_ns += delta
            self._logger.warning("clock.stepped", seconds=delta / NS, trusted=self.timebase.trusted)
            self.catalog.submit(lambda db, d=delta: _move(db, boot, d))  # type: ignore[misc]
            self.journal.append(
                wire.ClockStepped(
                    at=before + delta,
                    before=before,
                    after=before + delta,
                    trusted=self.timebase.trusted,
                )
            )
            for ingest in self.ingests.values():
                file = ingest.current
                if file is not None:
                    file.shift_ns += delta
                ingest.books.moved(delta)

    async def _watch_disk(self) -> None:
        """Tell upward when the recording disk fails, and when it is well again."""
        known: str = "ok"
        while True:
            await self.clock.sleep(1.0)
            state = _DISK_STATES.get(self.recorder.blocked, "ok")
            if state == known:
                continue
            known = state
            free = total = 0
            with contextlib.suppress(OSError):
                usage = shutil.disk_usage(self.directory)
                free, total = usage.free, usage.total
            self.journal.append(
                wire.DiskWarned(
                    at=self.timebase.wall_ns(),
                    state=state,
                    free_bytes=free,
                    total_bytes=total,
                    evidence=self.recorder.disk_evidence,
                )
            )

    async def _watch_power(self, ups: Ups) -> None:
        """Keep in the mark whether the mains are there."""
        while True:
            found = await on_battery(ups)
            if found is not None and found is not self.recorder.on_battery:
                self.recorder.on_battery = found
                self._logger.warning("power.changed", on_battery=found)
            await self.clock.sleep(POWER_S)

    async def _measure(self) -> None:
        """Let the catalog know what each run delivers, and where planned time begins and ends."""
        while True:
            await self.clock.sleep(MEASURE_S)
            for ingest in list(self.ingests.values()):
                ingest.measure()
                ingest.books.divide(self.timebase.wall_ns())

    async def _close_pages(self) -> None:
        """Close each camera's page soon after its hour."""
        while True:
            await self.clock.sleep(PAGES_S)
            await self.close_pages(self.timebase.wall_ns())

    async def close_pages(self, now_ns: int, *, final: bool = False) -> None:
        """Close the pages that are due; with `final` the unfinished hour too."""
        if not self.timebase.trusted:
            return
        hour = (now_ns - pages.GRACE_NS) // pages.HOUR_NS
        async with self._paging:
            for camera, streams in self._recorded().items():
                if self._paged.get(camera) == hour and not final:
                    continue  # nothing falls due before the next hour's end
                with contextlib.suppress(VonggacError):
                    until_ns = now_ns if final else None
                    if not await self._close(camera, streams, now_ns, until_ns):
                        self._paged[camera] = hour

    async def close_page_early(self, camera: str, upto_ns: int) -> bool:
        """Close a camera's page before its hour is over, if everything up to a moment is closed.

        The page ends where the oldest segment begins that is still being written: a segment is
        proved by the page of the hour in which it began.

        Returns:
            Whether signed pages cover the camera up to that moment now.
        """
        if not self.timebase.trusted:
            return False
        async with self._paging:
            await asyncio.to_thread(self.catalog.flush)
            last, reach = await asyncio.to_thread(self._page_reach, camera)
            if last < upto_ns <= reach:
                streams = self._recorded().get(camera, ["main"])
                await self._close(camera, streams, self.timebase.wall_ns(), reach)
                last, _ = await asyncio.to_thread(self._page_reach, camera)
            return last >= upto_ns

    def _page_reach(self, camera: str) -> tuple[int, int]:
        """A worker thread: where a camera's pages end, and where one that is closed now could."""
        reader = CatalogReader(self.directory / CATALOG)
        try:
            page = reader.last_page(camera)
            opened = [row.start_ns for row in reader.open_segments() if row.camera == camera]
        finally:
            reader.close()
        return page[1] if page else 0, min(opened, default=self.timebase.wall_ns())

    def _recorded(self) -> dict[str, list[StreamName]]:
        cameras: dict[str, list[StreamName]] = {}
        for camera, stream in self.ingests:
            if self.ingests[camera, stream].plan.record:
                cameras.setdefault(camera, []).append(stream)
        return cameras

    async def _close(
        self, camera: str, streams: Sequence[StreamName], now_ns: int, until_ns: int | None
    ) -> int:
        """Close what is due of one camera, and with `until_ns` what follows; how many pages."""
        made = await asyncio.to_thread(self._compose_pages, camera, streams, now_ns, until_ns)
        for page in made:
            pages.keep(page, self.catalog, self.journal, now_ns)
        if made:  # the next one continues them
            await asyncio.to_thread(self.catalog.flush)
        return len(made)

    def _compose_pages(
        self, camera: str, streams: Sequence[StreamName], now_ns: int, until_ns: int | None
    ) -> list[wire.Page]:
        """A worker thread: read the catalog and compose what is due."""
        reader = CatalogReader(self.directory / CATALOG)
        try:
            last = reader.last_page(camera)
            bounds = [b for b in (reader.bounds(camera, s) for s in streams) if b is not None]
            if not bounds:
                return []
            first = min(b[0] for b in bounds)
            hours = pages.due(last[1] if last else None, first, now_ns)
            if until_ns is not None:
                begin = hours[-1][1] if hours else (last[1] if last else first)
                hours += pages.hours_between(begin, until_ns)
            made: list[wire.Page] = []
            number, previous = (last[0] + 1, last[2]) if last else (0, b"")
            for begin, end in hours:
                page = pages.compose(
                    reader, site=self.identity.site, camera=camera, streams=streams,
                    from_ns=begin, to_ns=end, number=number, previous=previous,
                )  # fmt: skip
                made.append(page)
                number, previous = number + 1, pages.digest(page)
            return made
        finally:
            reader.close()

    async def _retain(self, retention: Retention) -> None:
        while True:
            await self.clock.sleep(RETENTION_S)
            try:
                facts = await asyncio.to_thread(retention.run_once)
            except (OSError, VonggacError) as error:
                self._logger.warning("retention.failed", error=str(error))
                continue
            for fact in facts:
                self.journal.append(fact)

    async def _finish(self) -> None:
        """Write and close everything, in reverse order of start."""
        now = self.timebase.wall_ns()
        for ingest in self.ingests.values():
            ingest.books.finish(now)
        self.recorder.close_all()
        await asyncio.to_thread(self.recorder.join)
        await asyncio.sleep(0)
        await asyncio.to_thread(self.catalog.flush)
        with contextlib.suppress(OSError, VonggacError):
            await self.close_pages(now, final=True)
        self.journal.append(wire.BoxStopped(at=self.timebase.wall_ns()))
        await asyncio.to_thread(self.journal.close)
        await asyncio.to_thread(self.catalog.close)
        os.close(self._lock)


def _key(plan: StreamPlan) -> tuple[str, StreamName]:
    return plan.camera, "sub" if plan.stream == "sub" else "main"


def _allow_files() -> None:
    """A socket and a file for each stream: 300 pass the usual soft limit of 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def lock(directory: Path) -> int:
    """Have a recording directory to oneself, until the returned descriptor is closed.

    Raises:
        ConfigError: another one holds it, or the directory cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise ConfigError(f"cannot record to {directory}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ConfigError(f"another recorder is already running on {directory}") from error
    return descriptor


def is_locked(directory: Path) -> bool:
    """Whether a recorder runs on the directory."""
    try:
        os.close(lock(directory))
    except ConfigError:
        return True
    return False


def _boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "unknown"


def _move(db: sqlite3.Connection, boot: str, delta_ns: int) -> None:
    """Everything recorded since this start of the box was so much later than it said.

    What lies before that start stays: it is the end of what an earlier start had recorded.
    """
    (since,) = db.execute("select min(started_ns) from epoch where boot = ?", (boot,)).fetchone()
    if since is None:
        return
    lives = "(select epoch from epoch where boot = ?)"
    for table, first, last in (
        ("segment", "start_ns", "end_ns"),
        ("gap", "from_ns", "to_ns"),
        ("run", "started_ns", "ended_ns"),
    ):
        for column in (first, last):
            db.execute(
                f"update {table} set {column} = {column} + ?"  # noqa: S608 - names are ours
                f" where {column} >= ? and epoch in {lives}",
                (delta_ns, since, boot),
            )
    db.execute("update epoch set started_ns = started_ns + ? where boot = ?", (delta_ns, boot))
