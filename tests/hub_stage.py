"""A hub on a stage: real database, real nats-server, real application, invented facility.

The box below answers the hub's questions with fixed content. It stands here because its answers
and its absence must come on demand; the real box is driven by the flow tests.
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import contextlib
import datetime as dt
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import sqlalchemy as sa

from databases import migrated_at
from vonggac import bus, keys, wire
from vonggac.causes import Cause
from vonggac.clock import NS, SimulatedClock
from vonggac.config import CameraConfig, Config, SignInConfig, SiteConfig, StreamConfig
from vonggac.db import Database, sqlite_url, tables
from vonggac.domain import accounts, ledger, registry, roles, rules
from vonggac.errors import Kind, VonggacError
from vonggac.hub.grants import Grants
from vonggac.hub.orders import Orders
from vonggac.hub.site import Site
from vonggac.hub.sites import Sites
from vonggac.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from vonggac.clock import Clock

HERE = dt.timezone(dt.timedelta(hours=7))
NOW = dt.datetime(2026, 11, 18, 14, 32, 7, tzinfo=HERE)
NOW_NS = int(NOW.timestamp()) * NS
HOUR = 3600 * NS
DAY = 24 * HOUR
PASSWORD = "mot mat khau dai de thu"
ORIGIN = "http://hub.test"
SITE_ID = "b" * 26

CAMERAS = (
    ("hl-2a", "HL", "Hành lang tầng 2, đông"),
    ("hl-2b", "HL", "Hành lang tầng 2, tây"),
    ("hl-3b", "HL", "Hành lang tầng 3, tây"),
    ("hl-3c", "HL", "Hành lang tầng 3, giữa"),
    ("st-2", "ST", "Sảnh tầng 2"),
    ("san-1", "SAN", "Sân trước"),
    ("tn-1", "TN", "Tiếp nhận đồ dùng"),
    ("vs-1", "VS", "Trước nhà tắm chung"),
    ("cg-1", "CG", "Cổng chính"),
)
# The smallest JPEG that every browser shows: one grey pixel.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////"
    "////////////////////////////////2wBDAf//////////////////////////////////////////////////"
    "////////////////////////////////////wAARCAABAAEDASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAA"
    "Av/EABQQAQAAAAAAAAAAAAAAAAAAAAD/xAAUAQEAAAAAAAAAAAAAAAAAAAAA/8QAFBEBAAAAAAAAAAAAAAAAAAAA"
    "AP/aAAwDAQACEQMRAD8AfwD/2Q=="
)
FILM = bytes(range(256)) * 4096
"""What the box calls the recording of any span: 1 MiB."""


def config(tmp: Path, *, cameras: bool = True) -> Config:
    """The configuration of the invented facility."""
    return Config(
        data_dir=str(tmp),
        site=SiteConfig(
            name="sl-05",
            title="KS Mường Hoa",
            address="214 Đường Bờ Sông, phường Tân Sơn (bịa)",
            owner_line="paid_hotel",
        ),
        cameras=tuple(
            CameraConfig(
                name=name,
                zone=zone,
                title=title,
                main=StreamConfig(url=f"rtsp://192.0.2.{10 + at}:554/main"),
                sub=StreamConfig(url=f"rtsp://192.0.2.{10 + at}:554/sub"),
            )
            for at, (name, zone, title) in enumerate(CAMERAS)
        )
        if cameras
        else (),
        # What a first sign-in has to enrol is tested where signing in is.
        sign_in=SignInConfig(second_factor="outside"),
    )


class Box:
    """A box that answers with fixed content."""

    def __init__(self, hub: str, control: bus.Connection, media: bus.Connection) -> None:
        self._hub = hub
        self._control = control
        self._media = media
        self.asked: list[wire.AskSubject] = []
        self.bodies: list[bytes] = []
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen for questions."""
        await self._control.listen(wire.asks(self._hub, SITE_ID), self._arrived)
        await self._control.flush()

    async def stop(self) -> None:
        """Answer no more."""
        for task in self._answering:
            task.cancel()
        await self._control.close()
        await self._media.close()

    async def publish(self, subject: str, payload: bytes) -> None:
        """Publish a live part, and return when the server has it."""
        await self._media.publish(subject, payload)
        await self._media.flush()

    def _arrived(self, message: bus.Message) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: bus.Message) -> None:
        subject = wire.parse_subject(message.subject)
        assert isinstance(subject, wire.AskSubject)
        if subject.verb is wire.Verb.MORE:
            return
        self.asked.append(subject)
        self.bodies.append(message.payload)
        connection = self._media if subject.verb in wire.MEDIA_VERBS else self._control
        try:
            head, content = self.content(subject, message.payload)
        except VonggacError as error:
            fault = bus.nats_status(error)
            headers = {wire.STATUS: fault.kind.value, wire.PART: "0", wire.LAST: "1"}
            await connection.publish(message.reply, msgspec.json.encode(fault), headers=headers)
            return
        parts = list(wire.chunks([content]))
        for number, part in enumerate(parts):
            headers = {wire.STATUS: wire.OK, wire.PART: str(number)}
            if number == 0:
                headers |= head
            if number == len(parts) - 1:
                headers[wire.LAST] = "1"
            await connection.publish(message.reply, part, headers=headers)

    def content(self, subject: wire.AskSubject, payload: bytes) -> tuple[dict[str, str], bytes]:
        """Headers and content of the answer."""
        match subject.verb:
            case wire.Verb.SNAPSHOT:
                return {wire.TYPE: wire.JPEG}, JPEG
            case wire.Verb.STATUS:
                return {wire.TYPE: wire.JSON}, msgspec.json.encode({"version": "0.1.0"})
            case wire.Verb.PROBE:
                return {wire.TYPE: wire.JSON}, msgspec.json.encode(PROBE)
            case wire.Verb.CONFIGURE:
                return {wire.TYPE: wire.JSON}, b'{"accepted":true,"reasons":[]}'
            case wire.Verb.REVOKE:
                return {wire.TYPE: wire.JSON}, b'{"revoked":1}'
            case wire.Verb.DISCOVER:
                return {wire.TYPE: wire.JSON}, msgspec.json.encode(DISCOVERED)
            case wire.Verb.MP4:
                ask = msgspec.json.decode(payload, type=wire.Mp4Ask)
                return (
                    {wire.TYPE: wire.BYTES, wire.TOTAL: str(len(FILM)), wire.ETAG: "film-1"},
                    FILM[ask.start : ask.end],
                )
            case _:
                raise VonggacError(Kind.NOT_FOUND, "this box has no such thing")


PROBE: dict[str, Any] = {
    "reachable": True,
    "authenticated": True,
    "codec": "h264",
    "width": 1920,
    "height": 1080,
    "declared_fps": 25.0,
    "delivered_fps": 21.3,
    "gop_s": 4.0,
    "kbps": 3900,
    "clock_error_ms": -1250,
    "keyframes": 3,
    "server": "Rtsp Server/3.0",
    "url": "rtsp://192.0.2.9:554/Streaming/Channels/101",
    "picture": base64.b64encode(JPEG).decode(),
    "audio": {"present": True, "codecs": ["aac"]},
    "onvif": {"found": True, "manufacturer": "Maker", "model": "M-1", "firmware": "1.2"},
    "criteria": {"name": "vonggac-1", "date": "2026-11-01"},
    "verdict": {
        "connectable": False,
        "reasons": ["Khoảng khung hình chính dài 4 giây."],
        "details": [
            {
                "code": "gop",
                "level": "required",
                "survey": "",
                "vi": "Khoảng khung hình chính dài 4 giây, nhiều nhất 2 giây.",
                "en": "The keyframe interval is 4 seconds, at most 2.",
            },
            {
                "code": "clock",
                "level": "recommended",
                "survey": "",
                "vi": "Đồng hồ camera lệch 1,3 giây.",
                "en": "The camera's clock is off by 1.3 seconds.",
            },
        ],
    },
}
"""As `vonggac probe --json` says it, with the picture that the box adds."""

DISCOVERED: dict[str, Any] = {
    "devices": [
        {
            "address": "192.0.2.9",
            "reachable": True,
            "authenticated": True,
            "maker": "Maker",
            "model": "M-1",
            "streams": [
                {
                    "channel": 1,
                    "stream": "main",
                    "url": "rtsp://192.0.2.9:554/Streaming/Channels/101",
                    "codec": "h264",
                    "how": "onvif",
                },
                {
                    "channel": 1,
                    "stream": "sub",
                    "url": "rtsp://192.0.2.9:554/Streaming/Channels/102",
                    "codec": "h264",
                    "how": "onvif",
                },
            ],
        },
        {
            "address": "192.0.2.20",
            "reachable": True,
            "authenticated": False,
            "refused": True,
            "maker": "Other",
            "streams": [],
            "help": {
                "maker": "Other",
                "vi": "Vào trang của đầu ghi, mục Mạng, bật RTSP.",
                "en": "Open the recorder's page, Network, switch RTSP on.",
                "user": "admin",
            },
        },
    ]
}
"""As `vonggac discover --json` says it."""


def minutes_ago(minutes: float) -> int:
    return NOW_NS - int(minutes * 60 * NS)


def at(day: int, hour: int, minute: int = 0, second: int = 0, month: int = 11) -> int:
    """A moment of November 2026 at the site."""
    moment = dt.datetime(2026, month, day, hour, minute, second, tzinfo=HERE)
    return int(moment.timestamp()) * NS


def seed(database: Database, tmp: Path, *, cameras: bool = True, now_ns: int = NOW_NS) -> Config:
    """Register the facility and write twenty-five days of its ledger, which end at `now_ns`."""
    shift = now_ns - NOW_NS
    conf = config(tmp, cameras=cameras)
    box = keys.Box.at(tmp / "credentials.key")
    placement = rules.placement(NOW.date())
    began = at(25, 6, month=10) + shift
    key = keys.SigningKey.at(tmp / "site.key")
    with database.writing() as connection:
        accounts.ensure_administrator(connection, now_ns=began, password=PASSWORD)
        registry.ensure_site(connection, conf, site_id=SITE_ID, public_key=key.public, now_ns=began)
        registry.follow_config(
            connection, SITE_ID, conf, placement=placement, box=box, now_ns=began
        )
        if not cameras:
            return conf
        for name, _, _ in CAMERAS:
            _fill(connection, name, began, shift)
        ledger.put_site_state(
            connection,
            SITE_ID,
            as_of_ns=now_ns - 2 * NS,
            heard_ns=at(18, 9, 38, 42) + shift,
            detail={
                "version": "0.1.0",
                "disk": {
                    "state": "ok",
                    "total_bytes": 8_000_000_000_000,
                    "free_bytes": 1_900_000_000_000,
                },
                "clock_trusted": True,
                "retention": {"promised_days": 30, "expected_days": 33.4, "broken": False},
            },
        )
    return conf


def _fill(connection: Any, name: str, began: int, shift: int) -> None:
    site_gaps = [
        (at(29, 2, 0, 0, month=10), at(29, 4, 33, 0, month=10), Cause.EDGE_OFF),
        (at(12, 9, 10), at(12, 9, 40), Cause.UNREACHABLE),
        (at(18, 2, 6), at(18, 2, 16, 12), Cause.UNREACHABLE),
        (at(18, 9, 38), at(18, 9, 38, 42), Cause.UNREACHABLE),
    ]
    own = {
        "hl-2b": [(at(18, 9, 33, 11), at(18, 9, 37, 12), Cause.NO_KEYFRAME)],
        "hl-3b": [(at(15, 16), at(15, 19, 30), Cause.REFUSED)],
        "hl-3c": [(at(18, 9, 10, 2), at(18, 9, 16, 37), Cause.UNREACHABLE)],
        "cg-1": [(at(18, 7), at(18, 8, 37), Cause.MAINTENANCE)],
        "san-1": [
            (at(7, 22), at(8, 0, 40), Cause.DISK_FULL),
            (at(18, 9, 24), at(18, 9, 31), Cause.STALLED),
        ],
        "vs-1": [
            (at(3, 13), at(3, 14, 30), Cause.MAINTENANCE),
            (at(18, 11, 0, 0), at(18, 11, 0, 1), Cause.GARBLED),
        ],
    }.get(name, [])
    open_gap = {
        "hl-3b": (at(18, 14, 31, 52), Cause.STALLED, "RTP stopped, TCP open"),
        "hl-3c": (at(18, 14, 7, 31), Cause.UNREACHABLE, "port 554: connection refused"),
    }.get(name)
    stream = ledger.Stream(SITE_ID, name)
    until = NOW_NS + shift - 2 * NS
    start = began
    for gap_from, gap_to, cause in sorted(
        (start + shift, end + shift, cause) for start, end, cause in [*site_gaps, *own]
    ):
        ledger.put_span(connection, stream, ledger.Span(start, gap_from, "1" * 32))
        ledger.put_gap(connection, stream, ledger.Gap(gap_from, gap_to, cause, "port 554"))
        start = gap_to
    detail = {
        "codec": "hvc1.1.6.L120.B0" if name == "tn-1" else "avc1.64001f",
        "width": 2560 if name == "tn-1" else 1920,
        "height": 1440 if name == "tn-1" else 1080,
        "declared_fps": 20.0 if name == "tn-1" else 15.0,
        "delivered_fps": 20.0 if name == "tn-1" else 14.9,
        "clock_error_ms": {"hl-2a": 200.0, "hl-2b": 800.0, "tn-1": -400.0}.get(name),
        "source": "rtsp",
    }
    if open_gap is None:
        state = ledger.State("recording", start, None, until, detail)
    else:
        ledger.put_span(connection, stream, ledger.Span(start, open_gap[0] + shift, "2" * 32))
        state = ledger.State(
            "gap",
            open_gap[0] + shift,
            open_gap[1],
            until,
            {**detail, "evidence": open_gap[2]},
        )
    ledger.put_state(connection, stream, state)
    sub = {**detail, "codec": "avc1.4d001e", "width": 704, "height": 576}
    ledger.put_state(
        connection,
        ledger.Stream(SITE_ID, name, "sub"),
        ledger.State(state.status, state.since_ns, state.cause, state.as_of_ns, sub),
    )


@cache
def _seeded(cameras: bool) -> Path:
    """A folder with the seeded database and its keys, made once: it takes a second."""
    folder = Path(tempfile.mkdtemp(prefix="vonggac-stage-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = migrated_at(folder / "hub.db")
    seed(database, folder, cameras=cameras)
    database.close()
    return folder


@dataclass
class Stage:
    """Everything that a test of the web needs."""

    app: FastAPI
    database: Database
    clock: Clock
    config: Config
    server: bus.NatsServer
    trust: keys.Trust
    hub_key: keys.SigningKey
    site: Site
    sites: Sites
    orders: Orders
    folder: Path

    async def box(self) -> Box:
        """Start a box that answers; stop it yourself."""
        control_key, media_key = self.trust.edge(SITE_ID, issued_s=1_700_000_000)
        url = self.server.address.url
        control = await bus.connect(url, control_key, name="edge")
        media = await bus.connect(url, media_key, name="edge-media")
        box = Box(self.trust.hub, control, media)
        await box.start()
        return box


@contextlib.asynccontextmanager
async def stage(
    tmp: Path,
    *,
    url: str | None = None,
    cameras: bool = True,
    clock: Clock | None = None,
    origins: tuple[str, ...] = (),
    sign_in: SignInConfig | None = None,
) -> AsyncIterator[Stage]:
    """Put it up, and take it down again. No box answers until one is started.

    A database of one's own, `url`, is migrated already.
    A browser needs `SystemClock`: nats-server looks at the end of a token by the real time.
    """
    if clock is None and url is None:
        shutil.copytree(_seeded(cameras), tmp, dirs_exist_ok=True)
        database = Database(sqlite_url(tmp / "hub.db"))
        conf = config(tmp, cameras=cameras)
    else:
        database = Database(url) if url else migrated_at(tmp / "hub.db")
        now_ns = clock.wall_ns() if clock else NOW_NS
        conf = seed(database, tmp, cameras=cameras, now_ns=now_ns)
    if sign_in is not None:
        conf = msgspec.structs.replace(conf, sign_in=sign_in)
    clock = clock or SimulatedClock(NOW_NS)
    trust = keys.Trust.at(tmp / "trust", issued_s=1_700_000_000)
    server = bus.NatsServer(tmp / "nats", trust, bus.Settings(allowed_origins=origins), clock)
    address = await server.start()
    control_key, media_key = trust.hub_users(issued_s=1_700_000_000)
    control = await bus.connect(address.url, control_key, name="hub")
    media = await bus.connect(address.url, media_key, name="hub-media")
    hub_key = keys.SigningKey.at(tmp / "hub.key")
    asker = bus.Asker(trust.hub, keys.new_id(), control, [control, media])
    await asker.start()
    site = Site(
        asker,
        hub_key,
        clock,
        site_id=SITE_ID,
        public_key=keys.SigningKey.at(tmp / "site.key").public,
    )
    box = keys.Box.at(tmp / "credentials.key")
    sites = Sites(asker, hub_key, clock, own=site)
    orders = Orders(site, database, box, clock)
    app = create_app(
        database=database,
        sites=sites,
        orders=orders,
        grants=Grants(trust.hub, hub_key, trust.viewer_signer(), clock),
        box=box,
        clock=clock,
        config=conf,
        websocket_port=int(address.websocket.rpartition(":")[2]),
        is_demo=True,
    )
    try:
        yield Stage(app, database, clock, conf, server, trust, hub_key, site, sites, orders, tmp)
    finally:
        await asker.stop()
        await control.close()
        await media.close()
        await server.stop()
        database.close()


def also_holds(hub: Stage, role: str, *sites: str) -> None:
    """Give the one account of the stage another role, over these facilities or everything."""
    with hub.database.writing() as connection:
        account = connection.execute(sa.select(tables.account.c.id)).scalars().first()
        assert account is not None
        roles.give(
            connection, roles.whoever_holds_the_machine(NOW_NS), account,
            roles.Draft(role=role, sites=sites, reason="phân công"), now_ns=NOW_NS,
        )  # fmt: skip


def browser(hub: Stage, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """A browser on this hub's pages."""
    transport = httpx.ASGITransport(hub.app, raise_app_exceptions=False, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN)


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    """Through the API; the cookie stays in the client."""
    return await client.post("/api/v1/session", json={"user": "admin", "password": password})
