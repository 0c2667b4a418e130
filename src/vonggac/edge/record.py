"""`vonggac record`: the edge alone, without bus or hub. It deletes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from vonggac import log
from vonggac.clock import NS, SystemClock, rfc3339
from vonggac.config import NAME, RecordConfig, Secret
from vonggac.edge.box import Box, StreamSetup
from vonggac.edge.catalog import CatalogReader
from vonggac.edge.choice import SourceChoice
from vonggac.edge.identity import identity_at
from vonggac.edge.ingest import StreamPlan
from vonggac.edge.recovery import CATALOG
from vonggac.edge.report import read_ledger
from vonggac.edge.source import READ_BUFFER_BYTES, HangUps
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_NAME = re.compile(NAME)

LONGEST_S = 1_000_000_000
"""Of `--seconds`: thirty years; without it the recorder runs until a signal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac record`."""
    add = parser.add_argument
    add("cameras", nargs="+", metavar="[NAME=]URL", help="cam01=rtsp://host/path; without a name"
        " they are called cam01, cam02 ...")  # fmt: skip
    add("--dir", type=Path, required=True, metavar="D", help="recording directory")
    add("--seconds", type=float, metavar="N", help="stop after so many seconds")
    add("--user", default="", metavar="U", help="camera account, for all of them")
    add("--password-env", metavar="VAR", help="environment variable with its password")
    add("--source", choices=("auto", "rtsp", "libav"), default="auto")
    add("--transcode", action="store_true", help="re-encode MJPEG or MPEG-4 to H.264 (libav)")
    add("--audio", action="store_true", help="record sound too, where the site's rule allows it")
    add("--segment-seconds", type=float, default=60.0, metavar="N")
    add("--json", action="store_true", help="print one JSON object as the last line of stdout")


def command(options: argparse.Namespace) -> int:
    """Record until a signal or `--seconds`, then say what was recorded."""
    cameras = _named(options.cameras)
    password = Secret("")
    if options.password_env:
        if options.password_env not in os.environ:
            raise ConfigError(f"environment variable {options.password_env} is not set")
        password = Secret(os.environ[options.password_env])
    if options.seconds is not None and not 0 < options.seconds <= LONGEST_S:
        raise ConfigError(f"--seconds lies between 0 and {LONGEST_S}")
    if not 5 <= options.segment_seconds <= 600:
        raise ConfigError("--segment-seconds lies between 5 and 600")
    summary = uvloop.run(_record(cameras, password, options))
    if options.json:
        print(json.dumps(summary, ensure_ascii=False))  # noqa: T201
    else:
        _tell(summary)
    return 0 if all(camera["pictures"] for camera in summary["cameras"].values()) else 1


def _named(cameras: Sequence[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for number, text in enumerate(cameras, 1):
        name, equals, url = text.partition("=")
        if not equals or "://" in name:
            name, url = f"cam{number:02d}", text
        if not _NAME.match(name):
            raise ConfigError(f"{name!r} is no camera name: small letters, digits and dashes")
        if name in named:
            raise ConfigError(f"two cameras are called {name}")
        named[name] = url
    return named


async def _record(
    cameras: dict[str, str], password: Secret, options: argparse.Namespace
) -> dict[str, dict[str, dict[str, object]]]:
    clock = SystemClock()
    buffer = bytearray(READ_BUFFER_BYTES)
    hang_ups = HangUps(asyncio.get_running_loop())
    setups = []
    for name, url in cameras.items():
        choice = SourceChoice(
            url, options.user, password, clock=clock, buffer=buffer, hang_ups=hang_ups,
            prefer=options.source, audio=options.audio, transcode=options.transcode,
        )  # fmt: skip
        plan = StreamPlan(name, "main", record=True, audio=options.audio)
        setups.append(StreamSetup(plan, choice.connect, choice.ended))
    box = Box(
        options.dir,
        identity_at(options.dir),
        clock,
        settings=RecordConfig(segment_s=options.segment_seconds),
    )
    began = clock.monotonic_ns()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, box.stop)
    if options.seconds is not None:
        loop.call_later(options.seconds, box.stop)
    log.get("record").info("recording.began", cameras=len(cameras), directory=str(options.dir))
    await box.run(setups)
    began_ns = box.timebase.wall_ns(began)  # known now, if it was not then
    return {"cameras": {name: summary_of(box, name, began_ns) for name in cameras}}


def summary_of(box: Box, camera: str, began_ns: int) -> dict[str, object]:
    """What was recorded of a camera in this life of the box, told as `vonggac ledger` tells it.

    Args:
        box: which has stopped.
        camera: its main stream.
        began_ns: when the box began; a first picture may have been taken a little earlier.
    """
    reader = CatalogReader(box.directory / CATALOG)
    try:
        until_ns = box.timebase.wall_ns()
        segments = [
            row
            for row in reader.segments_between(camera, "main", began_ns, until_ns)
            if row.epoch == box.epoch
        ]
        runs = reader.runs_between(camera, "main", began_ns, until_ns)
    finally:
        reader.close()
    from_ns = min([began_ns, *(row.start_ns for row in segments)])
    views = read_ledger(box.directory, camera=camera, from_ns=from_ns)
    view = views[camera][0] if camera in views else None
    last = runs[-1] if runs else None
    return {
        "recorded_s": round(view.recorded_ns / NS, 3) if view else 0.0,
        "pictures": sum(s.pictures for s in segments),
        "bytes": sum(s.size for s in segments),
        "runs": len(runs),
        "declared_fps": last.declared_fps if last else None,
        "delivered_fps": (
            round(last.delivered_fps, 2) if last and last.delivered_fps is not None else None
        ),
        "gaps": [
            {"from": rfc3339(g.from_ns), "to": rfc3339(g.to_ns), "cause": g.cause.value}
            for g in (view.gaps if view else ())
        ],
    }


def _tell(summary: dict[str, dict[str, dict[str, object]]]) -> None:
    for name, camera in summary["cameras"].items():
        gaps = camera["gaps"]
        assert isinstance(gaps, list)
        sys.stdout.write(
            f"{name}: {camera['recorded_s']} s, {camera['pictures']} pictures,"
            f" {camera['bytes']} bytes, {camera['runs']} runs, {len(gaps)} gaps\n"
        )
        for gap in gaps:
            sys.stdout.write(f"  {gap['from']} .. {gap['to']} {gap['cause']}\n")
