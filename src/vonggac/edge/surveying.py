"""A survey at a facility: probe what is there, camera after camera, and lose nothing on the way.

The folder is the state: after each camera its still and then `survey.json` are written whole, so
that a survey that was cut off goes on where it stopped.  A camera that was reached and let us in
is not asked again; one that was not is.

A password that one camera of a device refused is offered to no other of that device: recorders
lock accounts after some five tries.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Callable  # noqa: TC003 - the dataclass's annotations are read
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path  # noqa: TC003 - likewise
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from vonggac import __version__, keys
from vonggac.causes import Cause
from vonggac.clock import rfc3339
from vonggac.config import Secret  # noqa: TC001 - likewise
from vonggac.edge import criteria, discover, makers
from vonggac.edge.measure import SECONDS
from vonggac.edge.picture import PictureDecoder
from vonggac.edge.probe import ProbeResult, probe
from vonggac.errors import ConfigError, MalformedError
from vonggac.media import address as addresses
from vonggac.wire import survey as wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vonggac.clock import Clock
    from vonggac.edge.discover import Found
    from vonggac.edge.identity import Identity

AT_ONCE: Final = 4
"""Cameras measured at once: more, and one's pictures are late because of another's."""
STILL_WIDTH: Final = 640
"""Pixels of a still for the record: who recognises the corridor recognises it there."""
NOT_TRIED: Final = "another camera of this device refused the password; it was not tried again"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stream to be measured."""

    url: str
    """Credentials may stand in it."""
    user: str = ""
    password: Secret | None = None
    zone: str = ""
    title: str = ""
    device: str = ""
    channel: int = 1
    sub_url: str = ""

    @property
    def uri(self) -> str:
        """Its address without credentials, by which it is known.

        Raises:
            ConfigError: it is none.
        """
        return self._address().uri

    @property
    def authority(self) -> str:
        """The device: host and port."""
        return self._address().authority

    def _address(self) -> addresses.Address:
        try:
            return addresses.parse(self.url, self.user, self.password)
        except MalformedError as error:
            raise ConfigError(error.message) from error


@dataclass(slots=True)
class Surveying:
    """One folder, from the first camera to the last."""

    directory: Path
    clock: Clock
    identity: Identity | None = None
    """The box that signs; a laptop has none."""
    site: str = ""
    seconds: float = SECONDS
    onvif_ports: tuple[int, ...] | None = None
    said: Callable[[wire.SurveyedCamera, int], None] = lambda _camera, _left: None
    """Told of each camera that was measured, and how many are left."""
    survey: wire.Survey = field(init=False)
    signed: bool = field(init=False, default=False)
    _left: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.survey = self._begun()
        if self.site:
            self._change(site=self.site)

    def _begun(self) -> wire.Survey:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            content = (self.directory / wire.SURVEY_FILE).read_bytes()
        except FileNotFoundError:
            return wire.Survey(
                program=f"vonggac {__version__}",
                started=rfc3339(self.clock.wall_ns()),
                uplink=wire.SurveyUplink(measured=False, why="no hub was named"),
            )
        except OSError as error:
            raise ConfigError(f"cannot use {self.directory}: {error.strerror}") from error
        try:
            return wire.read_survey(content).survey
        except MalformedError as error:
            raise ConfigError(f"{self.directory / wire.SURVEY_FILE}: {error.message}") from error

    async def run(
        self,
        wanted: Sequence[Wanted],
        *,
        devices: Iterable[Found] = (),
        refused: Iterable[wire.SurveyRefusal] = (),
        rules: criteria.Criteria | None = None,
        again: bool = False,
    ) -> None:
        """Measure what has not been measured, and write after each.

        Args:
            wanted: every camera of this survey, those measured already among them.
            devices: what a search of the network found.
            refused: cameras that may not be looked at.
            rules: criteria; the shipped ones by default.
            again: measure everything, also what was measured before.

        Raises:
            ConfigError: an address is none, or the folder cannot be written.
        """
        rules = rules or criteria.load()
        open_ = self._open(wanted, again=again)
        self._left = len(open_)
        self._note_found(devices, refused)
        self._change(finished=None)
        self._write()
        by_device: dict[str, list[Wanted]] = {}
        for one in open_:
            by_device.setdefault(one.authority, []).append(one)
        at_once = asyncio.Semaphore(AT_ONCE)
        decoder = PictureDecoder()
        try:
            async with asyncio.TaskGroup() as group:
                for of_device in by_device.values():
                    group.create_task(self._device(of_device, at_once, decoder, rules))
        finally:
            await decoder.close()

    def finish(self, uplink: wire.SurveyUplink | None) -> None:
        """Write the end: everything was looked at.

        Args:
            uplink: what was measured of the line now; None leaves what was measured before.
        """
        if uplink is not None:
            self._change(uplink=uplink)
        self._change(finished=rfc3339(self.clock.wall_ns()))
        self._write()

    def _open(self, wanted: Sequence[Wanted], *, again: bool) -> list[Wanted]:
        """Those that are to be measured: each address once."""
        met = (one for one in self.survey.cameras if one.reachable and one.authenticated)
        done = set() if again else {one.url for one in met}
        found: dict[str, Wanted] = {}
        for one in wanted:
            if one.uri not in done:
                found.setdefault(one.uri, one)
        known = {one.url for one in self.survey.cameras} | set(found)
        if len(known) > wire.MAX_SURVEYED:
            raise ConfigError(f"at most {wire.MAX_SURVEYED} cameras in one survey")
        return list(found.values())

    def _note_found(self, devices: Iterable[Found], refused: Iterable[wire.SurveyRefusal]) -> None:
        by_address = {one.address: one for one in self.survey.devices}
        by_address |= {one.address: _device(one) for one in devices}
        places = {one.url: one for one in (*self.survey.refused, *refused)}
        cameras = tuple(one for one in self.survey.cameras if one.url not in places)
        for gone in self.survey.cameras:
            if gone.url in places and gone.still is not None:
                (self.directory / gone.still.name).unlink(missing_ok=True)
        self._change(
            devices=tuple(by_address.values()), refused=tuple(places.values()), cameras=cameras
        )

    async def _device(
        self,
        wanted: Sequence[Wanted],
        at_once: asyncio.Semaphore,
        decoder: PictureDecoder,
        rules: criteria.Criteria,
    ) -> None:
        """The cameras of one device: the first alone, because it tells of the password."""

        async def one(camera: Wanted) -> wire.SurveyedCamera:
            async with at_once:
                result, jpeg = await probe(
                    camera.url, camera.user, camera.password, clock=self.clock,
                    seconds=self.seconds, onvif_ports=self.onvif_ports, rules=rules,
                    decoder=decoder, width=STILL_WIDTH,
                )  # fmt: skip
            return self._keep(camera, result, jpeg)

        first, rest = wanted[0], wanted[1:]
        told = await one(first)
        if told.cause != Cause.REFUSED:
            await asyncio.gather(*(one(camera) for camera in rest))
            return
        for camera in rest:
            same = (camera.user, camera.password) == (first.user, first.password)
            if same and "@" not in camera.url:
                self._put(_not_tried(self._name(camera), camera, rules, self.clock))
            else:
                await one(camera)

    def _name(self, wanted: Wanted) -> str:
        """The name that it has, or the next that is free."""
        for one in self.survey.cameras:
            if one.url == wanted.uri:
                return one.name
        used = {one.name for one in self.survey.cameras}
        return next(name for number in range(1, 10_000) if (name := f"cam{number:02d}") not in used)

    def _keep(self, wanted: Wanted, result: ProbeResult, jpeg: bytes | None) -> wire.SurveyedCamera:
        """Write one camera: its still first, then the file that names it."""
        name, still = self._name(wanted), None
        if jpeg is not None and len(jpeg) <= wire.MAX_STILL:
            still = wire.SurveyStill(f"{name}.jpg", len(jpeg), hashlib.sha256(jpeg).hexdigest())
            self._write_file(still.name, jpeg)
        camera = _camera(name, wanted, result, still)
        self._put(camera)
        return camera

    def _put(self, camera: wire.SurveyedCamera) -> None:
        others = [one for one in self.survey.cameras if one.name != camera.name]
        self._left -= 1
        self._change(cameras=tuple(sorted((*others, camera), key=lambda one: one.name)))
        self._write()
        self.said(camera, self._left)

    def _change(self, **values: object) -> None:
        self.survey = msgspec.structs.replace(self.survey, left=self._left, **values)

    def _write(self) -> None:
        raw = wire.encode_survey(self.survey)
        signature = None
        if self.identity is not None:
            signature = keys.sign_survey(self.identity.key, self.identity.site, raw)
        self.signed = signature is not None
        self._write_file(wire.SURVEY_FILE, wire.write_survey(raw, signature))

    def _write_file(self, name: str, content: bytes) -> None:
        """Whole or not at all, and durable: a laptop's battery ends in the middle."""
        path = self.directory / name
        beside = path.with_name(f".{name}.new")
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _camera(
    name: str, wanted: Wanted, result: ProbeResult, still: wire.SurveyStill | None
) -> wire.SurveyedCamera:
    about = result.onvif
    return wire.SurveyedCamera(
        name=name,
        url=result.url,
        device=wanted.device,
        channel=wanted.channel,
        sub_url=wanted.sub_url,
        zone=wanted.zone,
        title=wanted.title,
        at=result.at,
        reachable=result.reachable,
        authenticated=result.authenticated,
        connectable=result.verdict.connectable,
        reasons=_reasons(result.verdict.details),
        criteria=result.criteria,
        cause=result.failure.cause if result.failure is not None else "",
        codec=result.codec,
        width=result.width,
        height=result.height,
        declared_fps=result.declared_fps,
        delivered_fps=result.delivered_fps,
        gop_s=result.gop_s,
        kbps=result.kbps,
        clock_error_ms=result.clock_error_ms,
        audio=result.audio.present,
        maker=(about.manufacturer or result.maker)[:200],
        model=about.model[:200],
        firmware=about.firmware[:200],
        serial=about.serial[:200],
        still=still,
    )


def _reasons(found: Iterable[criteria.Reason]) -> tuple[wire.SurveyReason, ...]:
    return tuple(
        wire.SurveyReason(one.code, one.level, one.survey, one.vi[:1000], one.en[:1000])
        for one in found
    )


def _not_tried(
    name: str, wanted: Wanted, rules: criteria.Criteria, clock: Clock
) -> wire.SurveyedCamera:
    """A camera that was spared the try that would lock the account."""
    about = rules.criteria
    given = bool(wanted.user or wanted.password)
    facts = criteria.Facts(cause=Cause.REFUSED, evidence=NOT_TRIED, credentials_given=given)
    return wire.SurveyedCamera(
        name=name,
        url=wanted.uri,
        device=wanted.device,
        channel=wanted.channel,
        sub_url=wanted.sub_url,
        zone=wanted.zone,
        title=wanted.title,
        at=rfc3339(clock.wall_ns()),
        reachable=True,
        authenticated=False,
        connectable=False,
        reasons=_reasons(criteria.judge(facts, rules)),
        criteria={
            "id": about.id, "name": about.name, "date": about.date.isoformat(),
            "source": about.source,
        },
        cause=Cause.REFUSED.value,
    )  # fmt: skip


def _device(found: Found) -> wire.SurveyedDevice:
    return wire.SurveyedDevice(
        address=found.address,
        reachable=found.reachable,
        refused=found.refused,
        streams=len(found.streams),
        maker=found.maker[:200],
        model=found.model[:200],
        firmware=found.firmware[:200],
        notes=tuple(note[:500] for note in found.notes[:40]),
    )


@cache
def _channel_paths() -> tuple[re.Pattern[str], ...]:
    """How makers write the number of a recorder's channel into an address."""
    forms = (form for maker in makers.load().maker for form in maker.form if form.counts_channels)
    return tuple(
        re.compile(
            re.escape(form.path)
            .replace(re.escape("{channel}"), r"(\d{1,3})")
            .replace(re.escape("{stream}"), f"(?:{re.escape(form.main)}|{re.escape(form.sub)})")
        )
        for form in forms
    )


def channel_of(url: str) -> int:
    """The recorder's channel that an address names; 1 where it names none."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    for pattern in _channel_paths():
        if (found := pattern.match(path)) and 1 <= int(found[1]) <= discover.MAX_CHANNELS:
            return int(found[1])
    return 1


def streams_of(found: Found, user: str, password: Secret | None) -> list[Wanted]:
    """The main streams of a device that a search found, each with its sub-stream."""
    subs = {one.channel: one.url for one in found.streams if one.stream == "sub"}
    return [
        Wanted(
            one.url, user, password, device=found.address, channel=one.channel,
            sub_url=subs.get(one.channel, ""),
        )
        for one in found.streams
        if one.stream == "main"
    ]  # fmt: skip
