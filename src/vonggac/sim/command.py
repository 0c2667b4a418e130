"""`vonggac simulate`: virtual cameras until a signal comes.

The first line of stdout is `{"ready": true, "urls": [...]}`. With `--control`, JSON lines on stdin
are obeyed and answered on stdout:

    {"fault": {"camera": "cam01", "kind": "drop", "duration": 10, "argument": ""}}
    {"clear": {"camera": "cam01", "kind": "drop"}}      without kind: all of them
    {"truth": true}                                     what was sent until now
    {"stop": true}

With `--truth FILE` every fault's beginning and end, and four times a second how far each camera
is, are appended to FILE as JSON lines and flushed, for a test that must know afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Any

import msgspec
import uvloop

from vonggac.clock import SystemClock
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.mailbox import Mailbox, Overflow
from vonggac.sim import loops
from vonggac.sim.cameras import SUB, FaultRecord, StreamPlan, VirtualCameras
from vonggac.sim.faults import FOREVER, FaultKind, parse_fault, parse_size
from vonggac.sim.server import Credentials

TRUTH_EVERY_S = 0.25
"""How often `--truth` notes how far the cameras are."""

MAX_KBPS = 200_000
"""More than any camera sends; a picture of it still fits into memory."""

_FAULTS = """\
faults: SPEC is camera:kind@start+duration[:argument][,every=seconds], seconds since ready;
camera * means all; without +duration it lasts. Kinds:
  drop      connections cut, none accepted      refuse    cut, then 401 to everything
  stall     connected, nothing sent             reboot    drop, then numbers and times anew
  freeze    picture and its clock stand still   nokey     no keyframe is sent
  garbage   random bytes in place of packets    drip:16   so many bytes a second
  jump:10   timestamps leap by so many seconds  wrongfps:21  delivers this, declares --fps
  resize:640x360  another size, sets in band    drift:200 crystal off by parts per million
  clock:90  camera's wall clock off by seconds
for example --fault cam03:drop@30+10 --fault 'cam05:stall@20+15,every=60'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac simulate`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _FAULTS
    add = parser.add_argument
    add("--cameras", type=int, default=8, metavar="N", help="how many (default 8)")
    add("--port", type=int, default=8554, metavar="P", help="RTSP port; 0 for any free one")
    add("--file", type=Path, metavar="VIDEO", help="send this H.264 or H.265 file in a loop")
    add("--size", default="1280x720", metavar="WxH", help="default 1280x720")
    add("--fps", type=float, default=15.0, metavar="F", help="pictures a second (default 15)")
    add("--kbps", type=int, default=2000, metavar="B", help="bitrate, padded to (default 2000)")
    add("--codec", choices=("h264", "h265"), default="h264")
    add("--sub", action="store_true", help="also a sub-stream at /camNN/sub")
    add("--fault", action="append", default=[], metavar="SPEC", help="see below; repeatable")
    add("--seconds", type=float, metavar="S", help="stop by itself after so long")
    add("--user", default="", metavar="U", help="ask for this user ...")
    add("--password-env", metavar="VAR", help="... and the password in this variable")
    add("--auth", choices=("basic", "digest", "digest-sha256"), default="digest")
    add("--separate-ports", action="store_true", help="camera i on port P+i-1, closed on drop")
    add("--udp", action="store_true", help="allow RTP over UDP too")
    add("--in-band-only", action="store_true", help="keep parameter sets out of the SDP")
    add("--cheap", action="store_true", help="no clock, two scenes: for load")
    add("--cache", type=Path, metavar="DIR", help="where coded loops are kept")
    add("--control", action="store_true", help="obey JSON lines on stdin")
    add("--truth", type=Path, metavar="FILE", help="append the truth as JSON lines")


def command(options: argparse.Namespace) -> int:
    """Run until SIGINT, SIGTERM or `--seconds`; 0 when it ended so, 2 for wrong use."""
    cameras = _cameras(options)
    try:
        return uvloop.run(_run(cameras, options))
    except OSError as error:
        where = f"port {options.port}" if error.filename is None else error.filename
        raise VonggacError(Kind.UNAVAILABLE, f"{where}: {os.strerror(error.errno or 0)}") from error


def _cameras(options: argparse.Namespace) -> VirtualCameras:
    width, height = parse_size(options.size)
    if not 1 <= options.fps <= 120:
        raise ConfigError(f"--fps {options.fps:g}: from 1 to 120")
    if not 1 <= options.kbps <= MAX_KBPS:
        raise ConfigError(f"--kbps {options.kbps}: from 1 to {MAX_KBPS}")
    if options.seconds is not None and not 0 < options.seconds <= FOREVER:
        raise ConfigError(f"--seconds {options.seconds:g}: from 0 to {FOREVER:g}")
    last = options.port + (options.cameras - 1 if options.separate_ports and options.port else 0)
    if not 0 <= options.port <= last < 65536:
        raise ConfigError(f"--port {options.port}: ports lie between 1 and 65535; 0 takes any")
    if options.file is not None and not options.file.is_file():
        raise ConfigError(f"--file {options.file}: there is no such file")
    password = ""
    if options.password_env:
        if options.password_env not in os.environ:
            raise ConfigError(f"--password-env: variable {options.password_env} is not set")
        password = os.environ[options.password_env]
    if bool(options.user) != bool(options.password_env):
        raise ConfigError("--user and --password-env belong together")
    return VirtualCameras(
        options.cameras,
        port=options.port,
        main=StreamPlan(width, height, options.fps, options.kbps, options.codec),
        sub=SUB if options.sub else None,
        file=options.file,
        faults=[parse_fault(spec) for spec in options.fault],
        credentials=Credentials(options.user, password, options.auth),
        separate_ports=options.separate_ports,
        udp=options.udp,
        sets_in_band_only=options.in_band_only,
        cheap=options.cheap,
        cache=options.cache or loops.default_cache(),
        on_fault=_Notebook(options.truth).note_fault if options.truth else None,
    )


async def _run(cameras: VirtualCameras, options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with cameras:
        _say({"ready": True, "urls": cameras.urls})
        async with asyncio.TaskGroup() as group:
            tasks = []
            if options.truth:
                tasks.append(group.create_task(_note(_Notebook(options.truth), cameras)))
            if options.control:
                tasks.append(group.create_task(_obey(cameras, stop)))
            try:
                async with asyncio.timeout(options.seconds):
                    await stop.wait()
            except TimeoutError:
                pass
            for task in tasks:
                task.cancel()
    return 0


async def _obey(cameras: VirtualCameras, stop: asyncio.Event) -> None:
    """Read orders in a thread of its own (stdin may be a file or a terminal), obey them here."""
    loop = asyncio.get_running_loop()
    orders: Mailbox[str] = Mailbox("simulate.orders", 1000, Overflow.REFUSE)

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(orders.put, line)

    threading.Thread(target=read, name="orders", daemon=True).start()
    while True:
        line = await orders.get()
        try:
            order = msgspec.json.decode(line, type=dict[str, Any])
            answer = await _obey_one(cameras, order, stop)
        except (msgspec.MsgspecError, ConfigError, KeyError, ValueError, TypeError) as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        _say(answer)


async def _obey_one(
    cameras: VirtualCameras, order: dict[str, Any], stop: asyncio.Event
) -> dict[str, Any]:
    if "fault" in order:
        wanted = order["fault"]
        await cameras.fault(
            wanted["camera"],
            FaultKind(wanted["kind"]),
            duration_s=float(wanted.get("duration", FOREVER)),
            argument=str(wanted.get("argument", "")),
        )
    elif "clear" in order:
        cameras.clear(order["clear"]["camera"], order["clear"].get("kind"))
    elif "truth" in order:
        truth = {name: msgspec.to_builtins(cameras.truth(name)) for name in cameras.names}
        return {"ok": True, "truth": truth}
    elif "stop" in order:
        stop.set()
    else:
        raise ValueError("an order is one of fault, clear, truth, stop")
    return {"ok": True}


async def _note(notebook: _Notebook, cameras: VirtualCameras) -> None:
    while True:
        await asyncio.sleep(TRUTH_EVERY_S)
        notebook.note_progress(cameras)


class _Notebook:
    """The truth as JSON lines in a file, appended and flushed line by line."""

    def __init__(self, path: Path) -> None:
        self._out: IO[bytes] = path.open("ab", buffering=0)

    def note_fault(self, camera: str, record: FaultRecord) -> None:
        self._write({"fault": msgspec.to_builtins(record), "camera": camera})

    def note_progress(self, cameras: VirtualCameras) -> None:
        told = {}
        for name in cameras.names:
            truth = cameras.truth(name)
            told[name] = [truth.last_number, truth.last_wall_ns, truth.pictures]
        self._write({"at_ns": SystemClock().wall_ns(), "sent": told})

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(msgspec.json.encode(line) + b"\n")


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()
