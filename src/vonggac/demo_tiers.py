"""`make demo TIERS=3`: a ministry, a province and two sites, each a program of its own.

They join as real ones do: the ministry issues a code for the province, the province one for each
facility, and `vonggac enrol` uses them.  What is printed says how to kill each and to bring it
back.  People, places and cameras are invented, and every page says so.

    python -m vonggac.demo_tiers [CONFIG up|hub PARENT]

With words it is one of the four programs, which ends with the process PARENT.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from vonggac import demo, log
from vonggac.clock import SystemClock
from vonggac.config import inherited, load
from vonggac.errors import ConfigError, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vonggac.db import Connection
    from vonggac.up import Ready

MINISTRY: Final = "ministry"
PROVINCE: Final = "province"
SITES: Final = ("site-1", "site-2")
NAMES: Final = (MINISTRY, PROVINCE, *SITES)
TITLES: Final = {
    MINISTRY: "Trung tâm giám sát quốc gia (giả định)",
    PROVINCE: "Trung tâm giám sát tỉnh Mường Hoa (giả định)",
    "site-1": "Khách sạn Mường Hoa (cơ sở giả định)",
    "site-2": "Trường Bản Mới (cơ sở giả định)",
}
CAMERAS: Final = {
    "site-1": (("hl-2a", "HL", "Hành lang tầng 2, đông"), ("cg-1", "CG", "Cổng chính")),
    "site-2": (("hl-1", "HL", "Hành lang tầng 1"), ("san-1", "SAN", "Sân trước")),
}
"""Name, zone and title; both sites' are numbered through in the simulator's order of scenes."""
UNIT: Final = "Tỉnh Mường Hoa (giả định)"
SOURCE: Final = "dữ liệu minh họa của phần mềm"
STREAM: Final = ("--size", "640x360", "--fps", "15", "--kbps", "400")
READY_S: Final = 60.0
"""Seconds for one of the programs to say that it is ready."""
LOOK_S: Final = 0.5
"""Seconds between two looks at what somebody asks for by a file."""
STOP_S: Final = 20.0
"""Seconds for a program to end: a recorder gets 12 of them."""


@dataclass
class Program:
    """One of the four."""

    name: str
    folder: Path
    config: Path
    kind: str
    process: asyncio.subprocess.Process | None = None
    url: str = ""

    @property
    def wish(self) -> Path:
        """The file by which somebody asks for it to be started again."""
        return self.folder.parent / f"{self.name}.restore"


async def run() -> None:
    """Run until Ctrl-C, or for SECONDS.

    Raises:
        ConfigError: one of the programs did not start.
    """
    seconds = demo.number("SECONDS", 0) or None
    data = Path(os.environ.get("DATA") or "demo-data").absolute() / "tiers"
    data.mkdir(parents=True, exist_ok=True)
    password = os.environ.get("ADMIN_PASSWORD") or demo.kept_password(data / "admin-password")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    rtsp = demo.port_of_cameras(data / "rtsp-port")
    programs = {one.name: one for one in _programs(data, rtsp)}
    simulator = await demo.simulate(
        data, rtsp, count=sum(map(len, CAMERAS.values())), stream=STREAM
    )
    watching = asyncio.create_task(stop.wait())
    try:
        making = asyncio.create_task(_start_all(programs, simulator, password))
        await asyncio.wait((making, watching), return_when=asyncio.FIRST_COMPLETED)
        if making.done():
            making.result()
            _announce(programs, password)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _keep(programs, password, stop)
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
    finally:
        watching.cancel()
        for name in reversed(NAMES):
            await _end(programs[name])
        await demo.end(simulator)


# -- what is started -------------------------------------------------------------------------


def _programs(data: Path, rtsp: int) -> Iterator[Program]:
    ports = _ports(data / "ports.json")
    number = 0
    for name in NAMES:
        folder = data / name
        folder.mkdir(exist_ok=True)
        page, websocket = ports[name]
        lines = [
            f"data_dir = {json.dumps(str(folder))}",
            f"[web]\nport = {page}",
            f"[bus]\nwebsocket_port = {websocket}",
            '[sign_in]\nsecond_factor = "outside"\nadministrator_password_days = 0\nidle_days = 0',
        ]
        if name in SITES:
            lines.append("[retention]\ndays = 1\nmax_bytes = 20_000_000_000")
        else:
            lines.append(f"[hub]\ntitle = {_toml(TITLES[name])}")
        for camera, zone, title in CAMERAS.get(name, ()):
            number += 1
            lines.append(
                f'[[cameras]]\nname = "{camera}"\nzone = "{zone}"\ntitle = {_toml(title)}\n'
                f'main = {{url = "rtsp://127.0.0.1:{rtsp}/cam{number:02d}"}}\n'
                f'sub = {{url = "rtsp://127.0.0.1:{rtsp}/cam{number:02d}/sub"}}'
            )
        config = data / f"{name}.toml"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield Program(name, folder, config, "up" if name in SITES else "hub")


def _ports(path: Path) -> dict[str, tuple[int, int]]:
    """Where pages and bus of each answer; the same at every start, because others dial them."""
    if path.exists():
        kept: dict[str, list[int]] = json.loads(path.read_text(encoding="ascii"))
        return {name: (page, websocket) for name, (page, websocket) in kept.items()}
    first = demo.number("PORT", 8080)
    found: dict[str, tuple[int, int]] = {}
    taken: set[int] = set()
    for at, name in enumerate(NAMES):
        page = demo.free_port(first + at if first else 0)
        taken.add(page)
        websocket = demo.free_port(0)
        while websocket in taken:
            websocket = demo.free_port(0)
        taken.add(websocket)
        found[name] = (page, websocket)
    path.write_text(json.dumps(found), encoding="ascii")
    return found


async def _start_all(
    programs: dict[str, Program], simulator: asyncio.subprocess.Process, password: str
) -> None:
    """Each joins the one above it before it is started, the first time."""
    await asyncio.gather(*(_start(programs[name], password) for name in (MINISTRY, PROVINCE)))
    if not _has_joined(programs[PROVINCE]):
        code = await asyncio.to_thread(_code_of_province, programs[MINISTRY])
        await _end(programs[PROVINCE])
        await _enrol(programs[PROVINCE], code)
        await _start(programs[PROVINCE], password)
    for name in SITES:
        if not _has_joined(programs[name]):
            code = await asyncio.to_thread(_code_of_site, programs[PROVINCE], name)
            await _enrol(programs[name], code)
    await demo.ready(simulator)
    await asyncio.gather(*(_start(programs[name], password) for name in SITES))


async def _start(program: Program, password: str) -> None:
    """Start one, and wait until its pages stand.

    Raises:
        ConfigError: it ended instead.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vonggac.demo_tiers", str(program.config), program.kind,
        str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        env={**inherited(), "PASSWORD": password}, start_new_session=True,
    )  # fmt: skip
    program.process = process
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        raise ConfigError(f"{program.name} did not start; what it says stands above")
    program.url = str(json.loads(line)["url"])


def _has_joined(program: Program) -> bool:
    return (program.folder / "keys" / "parent.json").exists()


async def _enrol(program: Program, code: str) -> None:
    """`vonggac enrol`, as a person at that machine types it.

    Raises:
        ConfigError: it was refused.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vonggac.cli", "--log-level", "warning", "enrol", "-",
        "--dir", str(program.folder), "--json",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=inherited(),
    )  # fmt: skip
    told, _ = await process.communicate(f"{code}\n".encode())
    if process.returncode:
        raise ConfigError(f"{program.name} could not join: {told.decode(errors='replace')[:500]}")


# -- what a person would do on the pages -----------------------------------------------------


def _code_of_province(ministry: Program) -> str:
    """A code for the province, and the unit below which its sites stand."""
    from vonggac.domain import hubs

    with _writing(ministry) as connection:
        unit = _unit(connection)
        now_ns = SystemClock().wall_ns()
        _, secret = hubs.issue(
            connection, TITLES[PROVINCE], unit, hours=24, by=_by(), now_ns=now_ns
        )
    return _code(ministry, secret)


def _code_of_site(province: Program, name: str) -> str:
    """A facility in the province's register, and a code for its box."""
    from vonggac.domain import enrolments, register
    from vonggac.keys import new_id

    with _writing(province) as connection:
        now_ns = SystemClock().wall_ns()
        draft = register.Draft(name=name, title=TITLES[name], unit_id=_unit(connection))
        site_id = new_id()
        register.add(connection, draft, site_id=site_id, by="admin", now_ns=now_ns)
        _, secret = enrolments.issue(
            connection, site_id, hours=24, replaces=False, by=_by(), now_ns=now_ns
        )
    return _code(province, secret)


@contextlib.contextmanager
def _writing(program: Program) -> Iterator[Connection]:
    from vonggac.db import Database, sqlite_url

    database = Database(sqlite_url(program.folder / "hub.sqlite"))
    try:
        with database.writing() as connection:
            yield connection
    finally:
        database.close()


def _unit(connection: Connection) -> str:
    """The invented province, made the first time."""
    from vonggac.domain import units
    from vonggac.web.words import day_of

    today = day_of(SystemClock().wall_ns())
    country = units.below(connection, None, today)[0]
    for one in units.below(connection, country.id, today):
        if one.code == "MH":
            return one.id
    return units.add_unit(
        connection, parent_id=country.id, kind="province", code="MH", vi=UNIT, en="",
        valid_from=today, source=SOURCE,
    )  # fmt: skip


def _code(program: Program, secret: str) -> str:
    from vonggac import keys
    from vonggac.wire.enrolment import Code

    key = keys.SigningKey.at(program.folder / "keys" / "hub.key")
    return str(Code.of(program.url, secret, key.public))


def _by() -> Any:
    from vonggac.domain.exports import Someone

    return Someone("", "admin", "")


# -- while it runs ---------------------------------------------------------------------------


def _announce(programs: dict[str, Program], password: str) -> None:
    def told(name: str) -> dict[str, object]:
        one = programs[name]
        assert one.process is not None
        return {
            "tier": "site" if name in SITES else name, "name": name, "url": one.url,
            "pid": one.process.pid, "kill": f"kill -9 {one.process.pid}",
            "restore": f"touch {one.wish}",
        }  # fmt: skip

    hubs, sites = [told(MINISTRY), told(PROVINCE)], [told(name) for name in SITES]
    ready = {"ready": True, "hubs": hubs, "sites": sites, "user": "admin", "password": password,
             "pid": os.getpid()}  # fmt: skip
    print(json.dumps(ready), flush=True)  # noqa: T201 - the command line's contract
    lines = [
        f"  {TITLES[str(one['name'])]}\n    {one['url']}\n    dừng / kill:   {one['kill']}\n"
        f"    dựng lại / restore: {one['restore']}\n"
        for one in (*hubs, *sites)
    ]
    sys.stderr.write(
        "\n" + "".join(lines) + f"\n  Đăng nhập / sign in: admin / {password}   (Ctrl-C: dừng)\n\n"
    )


async def _keep(programs: dict[str, Program], password: str, stop: asyncio.Event) -> None:
    """Start again what somebody asks for, if it is dead, until the demo ends."""
    for one in programs.values():
        one.wish.unlink(missing_ok=True)
    while not stop.is_set():
        for one in programs.values():
            if not one.wish.exists():
                continue
            one.wish.unlink(missing_ok=True)
            if one.process is not None and one.process.returncode is None:
                continue
            await _start(one, password)
            assert one.process is not None
            told = {"restored": one.name, "pid": one.process.pid,
                    "kill": f"kill -9 {one.process.pid}"}  # fmt: skip
            print(json.dumps(told), flush=True)  # noqa: T201 - as above
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await stop.wait()


async def _end(program: Program) -> None:
    process, program.process = program.process, None
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# -- one of the four -------------------------------------------------------------------------


def one(config: Path, kind: str, parent: int) -> None:
    """Be one of the programs, until a signal comes or the demo is gone."""
    from vonggac import up

    def announce(ready: Ready) -> None:
        print(json.dumps({"ready": True, "url": ready.url}), flush=True)  # noqa: T201 - to the demo

    async def going() -> None:
        watching = asyncio.create_task(_while_alive(parent))
        await up.run(
            load(config), announce=announce,
            password=os.environ.get("PASSWORD") or secrets.token_urlsafe(9), is_demo=True,
            with_box=kind != "hub",
        )  # fmt: skip
        watching.cancel()

    uvloop.run(going())


async def _while_alive(parent: int) -> None:
    clock = SystemClock()
    while os.getppid() == parent:  # whoever is killed says nothing: this is the only sign
        await clock.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


def main(words: Sequence[str]) -> int:
    """The demo, or one of its programs.

    Returns:
        The exit code.
    """
    log.configure(level=os.environ.get("VONGGAC_LOG", "warning"))
    try:
        if words:
            one(Path(words[0]), words[1], int(words[2]))
        else:
            uvloop.run(run())
    except VonggacError as error:
        sys.stderr.write(f"vonggac demo: {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
