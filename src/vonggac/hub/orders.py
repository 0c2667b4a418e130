"""What a site shall record: the register of this hub, sent as an order that the box keeps.

The hub of the box's own machine keeps the register of its site, and its database is the truth: hubs
above learn of cameras by facts and order nothing. The order is sent when the register changes and
whenever the box comes back; a box that is cut off obeys its last order.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from vonggac import keys, log, wire
from vonggac.domain import holds, ledger, maintenance, registry, settings
from vonggac.errors import VonggacError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonggac.clock import Clock
    from vonggac.db import Connection, Database
    from vonggac.hub.site import Site
    from vonggac.keys import Box

_log = log.get(__name__)

AGAIN_S = 5.0
"""Seconds between two tries to reach a box that did not take its order, and between two looks
whether the order changed by itself (a camera that turned out to send H.265)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the last order."""

    revision: int
    accepted: bool
    reasons: tuple[str, ...]
    at_ns: int


class Orders:
    """Keeps one site's orders equal to the register. Belongs to one event loop.

    Args:
        site: who obeys; None: this machine has no box, and there is nobody to order.
        database: the register.
        box: opens the cameras' passwords, which are then sealed to the site's key.
        clock: wall time and pauses.
    """

    def __init__(self, site: Site | None, database: Database, box: Box, clock: Clock) -> None:
        self._site = site
        self._database = database
        self._box = box
        self._clock = clock
        self._changed = asyncio.Event()
        self._sent = ""
        self.last: Outcome | None = None
        """What the box said to the last order, for the pages."""
        self.onward: Callable[[], None] | None = None
        """Told when what is kept may have changed: orders to boxes elsewhere (`hub.wanting`)."""

    def changed(self) -> None:
        """The register changed: send it soon. Call on the loop."""
        self._changed.set()
        if self.onward is not None:
            self.onward()

    def forget(self) -> None:
        """The box may have lost its orders (it restarted): send them again."""
        self._sent = ""
        self._changed.set()

    async def run(self) -> None:
        """Send for good; returns only when cancelled."""
        while True:
            self._changed.clear()
            try:
                await self.run_once()
            except VonggacError as error:
                _log.debug("order.delayed", reason=error.message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._changed.wait()

    async def run_once(self) -> Outcome | None:
        """Send the register if the box does not hold it; None when there was nothing to send.

        Raises:
            VonggacError: the box does not answer, or a stored password cannot be opened.
        """
        site = self._site
        if site is None:
            return None
        digest, revision, wanted = await asyncio.to_thread(self._read, site)
        if digest == self._sent:
            return None
        answer = await site.configure(revision, wanted)
        reasons = tuple(str(reason) for reason in answer.get("reasons", ()))
        accepted = bool(answer.get("accepted"))
        self.last = Outcome(revision, accepted, reasons, self._clock.wall_ns())
        # A refused order is not sent again until the register changes: nothing would be different.
        self._sent = digest
        if accepted:
            _log.info("order.accepted", revision=revision, cameras=len(wanted.cameras))
        else:
            _log.warning("order.refused", revision=revision, reasons=list(reasons))
        return self.last

    def _read(self, site: Site) -> tuple[str, int, wire.WantedCameras]:
        with self._database.reading() as connection:
            now_ns = self._clock.wall_ns()
            plain = _wanted(connection, site, self._box, sealed=False, now_ns=now_ns)
            digest = hashlib.sha256(msgspec.json.encode(plain)).hexdigest()
            known = settings.order(connection, site.id)
            wanted = _wanted(connection, site, self._box, sealed=True, now_ns=now_ns)
        if known is not None and known.digest == digest:
            return digest, known.revision, wanted
        with self._database.writing() as connection:
            revision = settings.next_order(connection, site.id, digest, now_ns=now_ns)
        return digest, revision, wanted


def _wanted(
    connection: Connection, site: Site, box: Box, *, sealed: bool, now_ns: int
) -> wire.WantedCameras:
    """The register as an order. Without sealing it holds a digest in the password's place."""
    states = ledger.states(connection, site.id)
    planned = maintenance.told(connection, site.id, now_ns=now_ns)
    unmeasured = registry.unmeasured(connection, site.id)
    found = []
    for camera in registry.cameras(connection, site.id):
        if camera.id in unmeasured:
            continue
        main_state = states.get((camera.name, "main"))
        codec = str(main_state.detail.get("codec") or "") if main_state else ""
        # Chromium on most desks cannot play H.265: playback then needs the sub-stream.
        is_h265 = codec.startswith(("hvc1", "hev1", "h265"))
        record_sub = camera.record_sub if camera.record_sub is not None else is_h265
        secret = None
        if camera.user_name or camera.has_password:
            password = registry.password_of(connection, camera.id, box)
            content = msgspec.json.encode(
                wire.Credentials(user=camera.user_name, password=password.reveal())
            )
            secret = (
                keys.seal(site.public_key, content)
                if sealed
                else hashlib.sha256(content).hexdigest()
            )
        found.append(
            wire.WantedCamera(
                name=camera.name,
                title=camera.title,
                zone=camera.zone,
                main=wire.WantedStream(
                    url=camera.main_url,
                    source=camera.source,
                    transcode=camera.transcode,
                    record=True,
                    audio=camera.audio,
                ),
                sub=wire.WantedStream(url=camera.sub_url, source=camera.source, record=record_sub)
                if camera.sub_url
                else None,
                sealed=secret,
                retention_days=camera.retention_days,
                maintenance=tuple(
                    wire.Maintenance(begin=one.from_ns, end=one.until_ns, reason=one.reason)
                    for one in planned.get(camera.id, ())
                ),
            )
        )
    kept = tuple(
        wire.WantedHold(camera=one.camera, begin=one.from_ns, end=one.to_ns, case=one.case)
        for one in holds.kept(connection, site.id)
    )
    return wire.WantedCameras(cameras=tuple(found), holds=kept)
