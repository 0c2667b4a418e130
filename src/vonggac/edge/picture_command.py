"""`vonggac picture FILE|URL`: the health of one camera's picture over time.

Keyframes are taken as the edge takes them, decoded in a process of their own, measured and judged.
Without `--reference` the median of the first pictures stands in for what nobody approved.

With `--json` each line of stdout is one object, and `kind` says which: `picture` (the measures of
`Measures`), `fault` (begins, or ends with `until`), and `summary`, always the last.  `t` counts
seconds from the first picture.  Exit codes: 0 no fault, 1 a fault, 2 wrong use.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vonggac.causes import Cause
from vonggac.clock import NS, SystemClock, rfc3339
from vonggac.config import Secret
from vonggac.edge import picture_references
from vonggac.edge.choice import SourceChoice
from vonggac.edge.picture import PictureDecoder
from vonggac.edge.picture_health import (
    MAX_REFERENCES,
    CameraHealth,
    PictureFault,
    Reference,
    Settings,
)
from vonggac.edge.picture_measures import HEIGHT, WIDTH, luma_of, typical
from vonggac.edge.probe import add_login, login
from vonggac.edge.source import READ_BUFFER_BYTES
from vonggac.errors import ConfigError, Kind, MalformedError, RunEnded, VonggacError
from vonggac.media import fmp4
from vonggac.media.h26x import video_format
from vonggac.media.rtp import AccessUnit

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator

    from vonggac.clock import Clock
    from vonggac.edge.picture_measures import Luma
    from vonggac.edge.source import Offer, Source
    from vonggac.media.h26x import VideoFormat

STAND_IN: Final = 5
"""Pictures whose median stands in for a reference."""
EVERY_S: Final = 2.0
URL_S: Final = 60.0
DRAIN_S: Final = 0.04


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac picture`."""
    add = parser.add_argument
    add("source", metavar="FILE|URL", help="an MP4 or Matroska file, or rtsp://host:port/path")
    add_login(parser)
    add("--every", type=float, default=EVERY_S, metavar="S",
        help="seconds between two pictures at least (default %(default)s)")  # fmt: skip
    add("--seconds", type=float, metavar="S",
        help=f"how long; default {URL_S:g} of a URL, a file to its end")  # fmt: skip
    add("--reference", type=Path, action="append", default=[], metavar="FILE",
        help="a picture that was approved, as --keep writes it; up to four")  # fmt: skip
    add("--keep", type=Path, metavar="FILE",
        help="write the median of the first pictures there, to be approved")  # fmt: skip
    add("--by", default="", metavar="NAME",
        help="with --keep: who approves it; the box judges by no other")  # fmt: skip
    add("--ignore", action="append", default=[], metavar="'X,Y X,Y X,Y'",
        help="corners of what does not count, as shares of the size; may be repeated")  # fmt: skip
    add("--sensitivity", type=float, default=1.0, metavar="N",
        help="0.5 to 1.5; above 1 finds smaller faults (default %(default)s)")  # fmt: skip
    add("--strong-s", type=float, default=5.0, metavar="S",
        help="seconds that a strong sign must last (default %(default)s)")  # fmt: skip
    add("--mild-s", type=float, default=30.0, metavar="S",
        help="seconds that a mild sign must last (default %(default)s)")  # fmt: skip
    add("--json", action="store_true", help="JSON lines: picture, fault, and a summary last")


def command(options: argparse.Namespace) -> int:
    """Run `vonggac picture`; 1 if anything was found wrong."""
    if not 0 <= options.every <= 3600:
        raise ConfigError("--every is between 0 and 3600")
    if options.seconds is not None and not 1 <= options.seconds <= 86_400:
        raise ConfigError("--seconds is between 1 and 86400")
    settings = settings_of(options)
    references = [picture_references.read(path) for path in options.reference]
    if len(references) > MAX_REFERENCES:
        raise ConfigError(f"at most {MAX_REFERENCES} references")
    user, password = login(options)
    if "://" not in options.source and not Path(options.source).is_file():
        raise ConfigError(f"{options.source} is neither a file nor a URL")
    told = Telling(settings, references, as_json=options.json)
    asyncio.run(_run(options, user, password, told))
    if not told.pictures:
        raise VonggacError(Kind.NOT_FOUND, "no keyframe came; is the stream H.264 or H.265?")
    if options.keep is not None:
        kept = Reference(told.typical(), approved_by=options.by)
        picture_references.write(options.keep, kept)
    told.finish()
    return 1 if told.faults else 0


def settings_of(options: argparse.Namespace) -> Settings:
    """What the options say of how to judge.

    Raises:
        ConfigError: a value out of its bounds, or an ignored area that is none.
    """
    ignored = []
    for text in options.ignore:
        try:
            ignored.append(
                tuple((float(x), float(y)) for x, y in (pair.split(",") for pair in text.split()))
            )
        except ValueError as error:
            raise ConfigError(
                f"--ignore {text!r}: corners such as '0,0 0.3,0 0.3,0.1 0,0.1' are wanted"
            ) from error
    told = {
        "sensitivity": options.sensitivity,
        "strong_s": options.strong_s,
        "mild_s": options.mild_s,
        "ignored": ignored,
    }
    try:
        settings = msgspec.convert(told, Settings)
        CameraHealth(settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the options are out of bounds: {error}") from error
    except VonggacError as error:
        raise ConfigError(f"--ignore: {error.message}") from error
    return settings


@dataclass
class Telling:
    """What is known while pictures come, and how it is printed."""

    settings: Settings
    references: list[Reference]
    as_json: bool
    pictures: int = 0
    faults: list[PictureFault] = field(default_factory=list)
    damaged: int = 0
    _health: CameraHealth | None = None
    _first: list[tuple[int, Luma]] = field(default_factory=list)
    """The first pictures: shown once a reference stands."""
    _begun_ns: int = 0

    def take(self, at_ns: int, luma: Luma) -> None:
        """One picture."""
        if not self.pictures:
            self._begun_ns = at_ns
        self.pictures += 1
        if len(self._first) < STAND_IN:
            self._first.append((at_ns, luma))
        if self._health is not None:
            self._look(at_ns, luma)
        elif self.references or len(self._first) >= STAND_IN:
            self._begin()

    def typical(self) -> bytes:
        """The median of the first pictures."""
        return typical([luma for _, luma in self._first]).tobytes()

    def _begin(self) -> None:
        references = self.references or [Reference(self.typical())]
        try:
            self._health = CameraHealth(self.settings, references)
        except VonggacError:
            if self.references:
                raise
            self._health = CameraHealth(self.settings)
        for at_ns, luma in self._first:
            self._look(at_ns, luma)

    def _look(self, at_ns: int, luma: Luma) -> None:
        assert self._health is not None
        measures, changed = self._health.look(at_ns, luma)
        self._print({"kind": "picture", "t": self._t(at_ns)} | msgspec.to_builtins(measures))
        for one in changed:
            if one.until_ns is None:
                self.faults.append(one)
            else:
                self.faults = [
                    one if (old.what, old.since_ns) == (one.what, one.since_ns) else old
                    for old in self.faults
                ]
            self._print({"kind": "fault"} | self._fault(one))

    def _t(self, at_ns: int) -> float:
        return round((at_ns - self._begun_ns) / NS, 3)

    def _fault(self, one: PictureFault) -> dict[str, Any]:
        return {
            "what": one.what.value,
            "strong": one.strong,
            "since": self._t(one.since_ns),
            "found": self._t(one.found_ns),
            "until": None if one.until_ns is None else self._t(one.until_ns),
            "measure": one.measure,
            "value": one.value,
            "bound": one.bound,
            "reference": one.reference,
            "picture": self._t(one.picture_ns),
        }

    def finish(self) -> None:
        """The summary."""
        if self._health is None:
            self._begin()
        assert self._health is not None
        last = self._health.hour()
        self._print(
            {
                "kind": "summary",
                "began": rfc3339(self._begun_ns) if self._begun_ns >= NS * 1_000_000_000 else None,
                "pictures": self.pictures,
                "damaged": self.damaged,
                "references": [
                    {"name": one.name, "approved_by": one.approved_by or None}
                    for one in self._health.references
                ],
                "drift": [msgspec.to_builtins(one) for one in (*self._health.drift, last)],
                "faults": [self._fault(one) for one in self.faults],
            }
        )

    def _print(self, told: dict[str, Any]) -> None:
        text = json.dumps(told) if self.as_json else _line(told)
        sys.stdout.write(text + "\n")


def _line(told: dict[str, Any]) -> str:
    """The same for people."""
    if told["kind"] == "picture":
        shown = ("mean", "change", "same", "lost", "sharpness", "clipped")
        return f"{told['t']:9.1f} s  " + "  ".join(
            f"{name} {told[name]:.2f}" for name in shown if told[name] is not None
        )
    if told["kind"] == "fault":
        how = "strong" if told["strong"] else "mild"
        if told["until"] is not None:
            return f"over: {told['what']}, {told['since']:.1f} to {told['until']:.1f} s"
        return (
            f"FOUND {told['what']} ({how}) since {told['since']:.1f} s:"
            f" {told['measure']} {told['value']:.3f}, bound {told['bound']:.3f}"
        )
    held = ", ".join(
        f"{one['name']}, approved by {one['approved_by']}"
        if one["approved_by"]
        else f"{one['name']}, which nobody approved"
        for one in told["references"]
    )
    count = len(told["faults"])
    return f"{told['pictures']} pictures against {held or 'nothing'}: {count or 'no'} fault(s)"


# --- keyframes ---------------------------------------------------------------------------------


async def _run(
    options: argparse.Namespace, user: str, password: Secret | None, told: Telling
) -> None:
    clock = SystemClock()
    decoder = PictureDecoder()
    try:
        async for at_ns, init, part in keyframes(
            options.source, user, password, clock=clock, every_s=options.every,
            seconds=options.seconds,
        ):  # fmt: skip
            try:
                pixels = await decoder.grey(init, part, width=WIDTH, height=HEIGHT)
            except VonggacError as error:
                if error.kind is not Kind.CORRUPT:
                    raise
                told.damaged += 1
                continue
            told.take(at_ns, luma_of(pixels))
    finally:
        await decoder.close()


async def keyframes(
    where: str,
    user: str,
    password: Secret | None,
    *,
    clock: Clock,
    every_s: float,
    seconds: float | None,
) -> AsyncIterator[tuple[int, bytes, bytes]]:
    """Keyframes of a file or camera: moment (ns), init and part; at most one every `every_s`.

    Raises:
        ConfigError: the URL is none.
        RunEnded: it cannot be opened, or a camera went away before the time was over.
    """
    is_url = "://" in where
    source, offer = await _open(where, user, password, clock)
    video = offer.video
    until_ns = clock.monotonic_ns() + round((seconds or URL_S) * NS)
    due_ns: int | None = None
    begun: int | None = None
    try:
        while not (is_url and clock.monotonic_ns() >= until_ns):
            try:
                units = source.drain(clock.monotonic_ns())
            except RunEnded as ended:
                if is_url or ended.cause is not Cause.UNREACHABLE:
                    raise
                return  # the file is at its end
            for unit in units:
                if not isinstance(unit, AccessUnit):
                    continue
                video = _format(unit, video)
                if not unit.keyframe or video is None:
                    continue
                begun = unit.ticks if begun is None else begun
                at_ns = (unit.ticks - begun) * NS // offer.clock_rate
                if is_url:
                    at_ns = clock.wall_ns()
                elif seconds is not None and at_ns > seconds * NS:
                    return
                if due_ns is not None and at_ns < due_ns:
                    continue
                due_ns = at_ns + round(every_s * NS)
                yield at_ns, *_packed(video, unit)
            await clock.sleep(DRAIN_S if is_url else 0)
    finally:
        await source.close()


async def _open(
    where: str, user: str, password: Secret | None, clock: Clock
) -> tuple[Source, Offer]:
    """A source that plays; FFmpeg's where ours refuses."""
    if "://" not in where:
        from vonggac.edge.libav import FileSource

        file = FileSource(Path(where), clock=clock, realtime=False)
        return file, await file.connect()
    choice = SourceChoice(
        where, user, password or Secret(""), clock=clock, buffer=bytearray(READ_BUFFER_BYTES)
    )
    source = choice.connect()
    try:
        return source, await source.connect()
    except RunEnded as ended:
        await source.close()
        choice.ended(ended)
        second = choice.connect()
        if type(second) is type(source):
            raise
        return second, await second.connect()


def _format(unit: AccessUnit, video: VideoFormat | None) -> VideoFormat | None:
    """What the pictures are from this unit on."""
    if unit.sets is None:
        return video
    try:
        return video_format(unit.sets)
    except MalformedError:
        return video


def _packed(video: VideoFormat, unit: AccessUnit) -> tuple[bytes, bytes]:
    """A keyframe alone, as a run of its own."""
    identity = fmp4.Identity(site="picture", camera="picture", stream="main", run=bytes(16))
    part = fmp4.part(0, 0, 0, [(3600, unit.size, True, 0)], unit.chunks)
    return fmp4.init(video, None, identity), part
