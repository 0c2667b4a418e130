"""`vonggac demo`: everything on one machine, with a virtual facility in front of it.

Reads PORT, DATA, ADMIN_PASSWORD, PROFILE and SECONDS from the environment.  Its people, places
and cameras are invented, and every page says so.  When the pages stand, a process of its own loads
an invented province beside the facility (`vonggac.demo_province`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from vonggac.config import (
    CameraConfig,
    Config,
    RetentionConfig,
    SignInConfig,
    SiteConfig,
    StreamConfig,
    WebConfig,
    inherited,
)
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vonggac.up import Ready

CAMERAS = (
    ("hl-2a", "HL", "Hành lang tầng 2, đông"),
    ("cg-1", "CG", "Cổng chính"),
    ("san-1", "SAN", "Sân trước"),
    ("td-1", "TD", "Khu tiếp đón"),
    ("st-1", "ST", "Sảnh chờ tầng 2"),
    ("lm-1", "LM", "Khu lấy mẫu"),
    ("tn-1", "TN", "Khu tiếp nhận đồ dùng"),
    ("vs-1", "VS", "Trước nhà vệ sinh chung"),
)
"""Name, zone and title of each virtual camera, in the order of the simulator's scenes."""

SIGN_IN = SignInConfig(second_factor="outside", administrator_password_days=0, idle_days=0)
"""Whoever tries the program is let in with the printed password, also after two months; from
outside the machine's own networks nobody is, without a second factor."""

STREAM = ("--size", "960x544", "--fps", "15", "--kbps", "600")

PROFILES = ("2026", "2021")
"""Bodies and deadline of the province: today's, and those of the two letters."""

ACCOUNTS = (
    "ubnd-tinh", "so-chu-tri", "so-y-te", "so-tai-chinh", "so-du-lich", "bo-chqs", "ubnd-co-so",
    "van-phong", "van-thu", "co-so", "doanh-nghiep",
)  # fmt: skip
"""An account a body of the letters, with the office and the records clerk (`demo_province`)."""

RETENTION = RetentionConfig(days=1, max_bytes=60_000_000_000)
"""What it can keep: eight cameras of 600 kbit/s take 52 GB a day."""

MISBEHAVES = (
    "cam03:drop@25+6,every=120",
    "cam03:stall@60+8,every=120",
    "cam03:refuse@95+9,every=120",
)
"""The yard's camera: unplugged, silent, and with another password, every two minutes, so that the
ledger has something to show."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The demo takes its settings from the environment."""
    parser.epilog = (
        "PORT (8080), DATA (./demo-data), ADMIN_PASSWORD (generated), PROFILE (2026), "
        "SECONDS (none), TIERS (1; 3 is a ministry, a province and two sites)"
    )
    parser.add_argument(
        "--profile", choices=PROFILES, default=os.environ.get("PROFILE") or PROFILES[0],
        help="the bodies and the deadline of the invented province: today's, or those of the "
        "letters, whose deadline was 11/6/2021",
    )  # fmt: skip


def command(options: argparse.Namespace) -> int:
    """Run until Ctrl-C."""
    tiers = number("TIERS", 1)
    if tiers not in (1, 3):
        raise ConfigError(f"TIERS={tiers}: 1 or 3")
    if tiers == 3:  # in place of this program: it is built of several
        os.execv(sys.executable, (sys.executable, "-m", "vonggac.demo_tiers"))  # noqa: S606
    if options.profile not in PROFILES:
        raise ConfigError(f"PROFILE={options.profile}: one of {', '.join(PROFILES)}")
    uvloop.run(_demo(options.profile))
    return 0


async def _demo(profile: str) -> None:
    data = Path(os.environ.get("DATA") or "demo-data").absolute()
    port = number("PORT", 8080)
    seconds = number("SECONDS", 0) or None
    # The password of a demo is chosen or generated once and kept, so that a second start says it
    # again: nothing real is behind it.
    data.mkdir(parents=True, exist_ok=True)
    password = os.environ.get("ADMIN_PASSWORD") or kept_password(data / "admin-password")
    rtsp = port_of_cameras(data / "rtsp-port")
    simulator = await simulate(data, rtsp, faults=MISBEHAVES)
    drawn = asyncio.create_task(ready(simulator), name="virtual cameras")
    loading: list[asyncio.Task[None]] = []
    try:
        # The hub's modules take their second while the scenes are drawn.
        from vonggac import up

        config = Config(
            data_dir=str(data),
            site=SiteConfig(
                name="demo", title="Khách sạn Mường Hoa (cơ sở giả định)",
                address="Địa chỉ giả định", owner_line="paid_hotel",
            ),
            cameras=tuple(
                CameraConfig(
                    name=name, zone=zone, title=title,
                    main=StreamConfig(url=f"rtsp://127.0.0.1:{rtsp}/cam{number:02d}"),
                    sub=StreamConfig(url=f"rtsp://127.0.0.1:{rtsp}/cam{number:02d}/sub"),
                )
                for number, (name, zone, title) in enumerate(CAMERAS, 1)
            ),
            retention=RETENTION,
            web=WebConfig(port=port),
            sign_in=SIGN_IN,
        )  # fmt: skip

        def announce(ready: Ready) -> None:
            told = {"ready": True, "url": ready.url, "user": ready.user, "password": password,
                    "profile": profile, "accounts": list(ACCOUNTS)}  # fmt: skip
            print(json.dumps(told), flush=True)  # noqa: T201 - the command line's contract
            sys.stderr.write(
                f"\n  Mở trang / open: {ready.url}\n"
                f"  Đăng nhập / sign in: {ready.user} / {password}\n"
                f"  Tỉnh giả định / invented province ({profile}), cùng mật khẩu / same password:\n"
                f"    {', '.join(ACCOUNTS)}\n"
                f"  Dữ liệu / state: {data}   (Ctrl-C: dừng / stop)\n\n"
            )
            loading.append(asyncio.ensure_future(_load_province(data, profile, password)))

        await up.run(
            config, announce=announce, password=password, seconds=seconds, is_demo=True,
            cameras=drawn,
        )  # fmt: skip
    except BaseExceptionGroup:
        if drawn.done() and not drawn.cancelled() and (why := drawn.exception()) is not None:
            raise why from None  # said plainly, whoever heard it first
        raise
    finally:
        drawn.cancel()
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, return_exceptions=True)
        await end(simulator)


async def simulate(
    data: Path,
    port: int,
    *,
    count: int = len(CAMERAS),
    stream: Sequence[str] = STREAM,
    faults: Sequence[str] = (),
) -> asyncio.subprocess.Process:
    """Start the virtual cameras; the first time they are drawn before they answer."""
    wrong = [word for fault in faults for word in ("--fault", fault)]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vonggac.cli", "--log-level", "warning", "simulate",
        "--cameras", str(count), "--port", str(port), "--sub", *stream, *wrong,
        "--cache", str(data / "scenes"),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        env=inherited(), start_new_session=True,
    )  # fmt: skip


async def _load_province(data: Path, profile: str, password: str) -> None:
    """Load the invented province, beside the pages that stand; it stays from the first start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "vonggac.demo_province", str(data), profile,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        env={**inherited(), "PASSWORD": password}, start_new_session=True,
    )  # fmt: skip
    try:
        await process.wait()
    finally:
        await end(process)


async def ready(simulator: asyncio.subprocess.Process) -> None:
    """Wait until the cameras answer."""
    assert simulator.stdout is not None
    if not await simulator.stdout.readline():
        raise ConfigError("the virtual cameras did not start; `vonggac simulate` says why")


def port_of_cameras(path: Path) -> int:
    """The port of the last start, if it is free: the box dials what it was told then.

    Else another one, which is written down. Nobody listens on it now; it is taken a moment later.
    """
    with contextlib.suppress(OSError, OverflowError, ValueError):
        return free_port(int(path.read_text(encoding="ascii")))
    port = free_port(0)
    path.write_text(f"{port}\n", encoding="ascii")
    return port


def free_port(wanted: int) -> int:
    """That port, any one for 0.

    Raises:
        OSError: somebody listens on it.
        OverflowError: it is none.
    """
    with socket.socket() as probe:
        # As a server binds it: connections of the last start may still be remembered.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        port: int = probe.getsockname()[1]
        return port


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, then insist."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def number(name: str, default: int) -> int:
    """A number of the environment.

    Raises:
        ConfigError: it is none.
    """
    text = os.environ.get(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"{name}={text} is no number") from None


def kept_password(path: Path) -> str:
    """The password of the last start, or one that is made now and written down."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(9) + "\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()
