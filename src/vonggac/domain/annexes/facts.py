"""What an annex may say of an installation: read from its database and its configuration.

Nothing is asked of a person and nothing is assumed.  Names of people, addresses of cameras and
whatever is secret stay out: these papers leave the house.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import sqlalchemy as sa

from vonggac import __version__
from vonggac.clock import NS
from vonggac.db import compliance, register, tables
from vonggac.domain import (
    audit,
    duties,
    grants,
    guide,
    ledger,
    legal,
    purposes,
    registry,
    roles,
    rules,
    settings,
    units,
)
from vonggac.domain.access import UNASSIGNED, Act

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from vonggac.config import Config
    from vonggac.db import Connection
    from vonggac.domain.duties import Duty
    from vonggac.domain.registry import Camera, Site

VIETNAM = timezone(timedelta(hours=7), "+07")
WINDOW_DAYS = 30
"""Uses are counted over so many days (ours)."""
DAY_NS = 86_400 * NS
REDIRECT = "HTTP, chỉ chuyển sang HTTPS"
"""A door that carries nothing but the way to the next one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A facility with what stands there."""

    site: Site
    unit: str
    """The unit that it stands in; empty while it is assigned to none."""
    cameras: tuple[Camera, ...]
    clock_trusted: bool | None
    """What its box last said of its own clock; None: it has not said."""
    views: tuple[tuple[str, int], ...]
    """How often pictures were opened in `WINDOW_DAYS`, by purpose."""
    operator: str
    """Who answers for the cameras, as the notice says; empty while nobody wrote one."""
    contact: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Device:
    """Cameras of one make with one program in them, as the register has it."""

    name: str
    """Maker and model; empty where nobody read them."""
    firmware: str
    """Version of its program; empty where nobody read it."""
    cameras: int


@dataclass(frozen=True, slots=True)
class Holders:
    """A role and how many people hold it now."""

    duty: Duty
    people: int


@dataclass(frozen=True, slots=True)
class Listener:
    """A door of the program."""

    name: str
    host: str
    port: int
    tls: bool

    @property
    def is_inside(self) -> bool:
        """Whether only programs of the same machine reach it."""
        return is_loopback(self.host)

    @property
    def is_open(self) -> bool:
        """Whether data crosses a network through it without TLS."""
        return not (self.tls or self.is_inside or self.name == REDIRECT)


@dataclass(frozen=True, slots=True)
class People:
    """Accounts, counted."""

    open: int
    closed: int
    with_factor: int
    unchanged: int
    """Whose first password nobody has changed yet."""
    administrators: int
    administrators_without_factor: int
    nameless: int
    """Open accounts that say no person's name."""
    tokens: int
    workstations: int
    displays: int


@dataclass(frozen=True, slots=True)
class Uses:
    """What was done, counted."""

    exports: Mapping[str, int]
    """By state, all there are."""
    holds: int
    shares: int
    audit_rows: int
    audit_since_ns: int | None
    anchored_ns: int | None
    deletions: int
    """Rows of deletions by retention in `WINDOW_DAYS`."""
    reviewed_ns: int | None
    incidents: int
    open_incidents: int
    requests: int
    """Of people who were filmed, all there are."""
    open_requests: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything, as it stood at one moment."""

    made_ns: int
    config: Config
    places: tuple[Place, ...]
    devices: tuple[Device, ...]
    zones: Mapping[str, str]
    """What the placement rule calls a zone, by its code."""
    roles: tuple[Holders, ...]
    people: People
    uses: Uses
    listeners: tuple[Listener, ...]
    dialect: str
    database_host: str
    """Where the database is, if not on the same machine."""
    unread: frozenset[str]
    """Codes of legal bases whose text nobody compared."""
    purposes: Mapping[str, str]
    """What people call a purpose, by its code."""
    rules: Mapping[str, guide.Rule]
    """What the guide says, by the code of the line, with where each stands."""
    version: str = __version__

    @property
    def made(self) -> str:
        """Date and hour."""
        return moment(self.made_ns)

    @property
    def audit_days(self) -> int:
        """How long the access log is kept: by the setting, or longer by the guide."""
        return max(self.config.audit.keep_days, self.rules["audit_days"].number)

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """Of all facilities."""
        return tuple(one for place in self.places for one in place.cameras)

    @property
    def head(self) -> Place | None:
        """The facility that the configuration is about."""
        name = self.config.site.name
        return next((one for one in self.places if one.site.name == name), None)

    def by_zone(self) -> list[tuple[str, int, int]]:
        """Zone's name, cameras in it, and how many of them record sound."""
        counted = Counter(camera.zone for camera in self.cameras)
        loud = Counter(camera.zone for camera in self.cameras if camera.audio)
        return [(self.zones.get(zone, zone), counted[zone], loud[zone]) for zone in sorted(counted)]

    def by_transport(self) -> Counter[str]:
        """How many cameras are read over which protocol: `rtsp` is not encrypted."""
        return Counter(urlsplit(camera.main_url).scheme or "?" for camera in self.cameras)


def gather(connection: Connection, config: Config, *, now_ns: int) -> Facts:
    """Read everything. Two reads of the same moment are equal."""
    today = datetime.fromtimestamp(now_ns // NS, VIETNAM).date()
    url = sa.make_url(config.database_url) if config.database_url else None
    host = (url.host or "") if url else ""
    zones = {zone.code: zone.name.vi for zone in rules.placement(today).zones}
    return Facts(
        made_ns=now_ns,
        config=config,
        places=tuple(_places(connection, today, now_ns)),
        devices=tuple(_devices(connection)),
        zones=zones,
        roles=tuple(_holders(connection, today, now_ns)),
        people=_people(connection, now_ns),
        uses=_uses(connection, now_ns),
        listeners=listeners(config),
        dialect=connection.dialect.name,
        database_host="" if is_loopback(host) else host,
        unread=legal.unchecked(connection),
        purposes={code: one.name.vi for code, one in purposes.at(now_ns).items()},
        rules={one.default.code: one for one in guide.in_force(connection, today)},
    )


def listeners(config: Config) -> tuple[Listener, ...]:
    """The doors that a configuration opens, and whether TLS is on."""
    web, bus = config.web, config.bus
    secure = web.tls is not None
    sockets = bus.websocket_host or (web.host if secure else bus.host)
    found = (
        Listener("trang web và API", web.host, web.port, secure),
        Listener("bus, cho thiết bị ghi", bus.host, bus.port, secure),
        Listener("bus, WebSocket cho trình duyệt", sockets, bus.websocket_port, secure),
    )
    if web.redirect_port is None:
        return found
    return (*found, Listener(REDIRECT, web.host, web.redirect_port, tls=False))


def is_loopback(host: str) -> bool:
    """Whether an address is this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def moment(ns: int) -> str:
    """18/11/2026 14:32, in Việt Nam."""
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")


def day(ns: int | None) -> str:
    """18/11/2026, or that it never was."""
    if ns is None:
        return "chưa lần nào"
    return datetime.fromtimestamp(ns // NS, UTC).astimezone(VIETNAM).strftime("%d/%m/%Y")


def _places(connection: Connection, today: date, now_ns: int) -> list[Place]:
    named = units.names_of_sites(connection, today)
    notice, table = compliance.notice, tables.site
    loose = set(
        connection.execute(sa.select(table.c.id).where(table.c.unit_id == UNASSIGNED)).scalars()
    )
    signs = {row.site_id: row for row in connection.execute(sa.select(notice)).all()}
    found = []
    for site in registry.sites(connection):
        state = ledger.site_state(connection, site.id)
        trusted = state.detail.get("clock_trusted") if state else None
        sign = signs.get(site.id)
        views: Counter[str] = Counter()
        since_ns = now_ns - WINDOW_DAYS * DAY_NS
        for count in grants.counts(connection, site.id, since_ns=since_ns):
            views[count.purpose] += count.views
        found.append(
            Place(
                site=site,
                unit=named[site.id].vi if site.id in named and site.id not in loose else "",
                cameras=tuple(registry.cameras(connection, site.id)),
                clock_trusted=trusted if isinstance(trusted, bool) else None,
                views=tuple(sorted(views.items())),
                operator=sign.operator if sign else "",
                contact=sign.contact if sign else "",
                purpose=sign.purpose if sign else "",
            )
        )
    return found


def _devices(connection: Connection) -> list[Device]:
    camera, known = tables.camera, register.camera_facts
    rows = connection.execute(
        sa.select(known.c.maker, known.c.model, known.c.firmware)
        .select_from(camera.outerjoin(known, known.c.camera_id == camera.c.id))
        .where(camera.c.retired_ns.is_(None))
    ).all()
    counted = Counter(
        (" ".join(filter(None, (row.maker, row.model))), row.firmware or "") for row in rows
    )
    return [Device(*key, number) for key, number in sorted(counted.items())]


def _holders(connection: Connection, today: date, now_ns: int) -> list[Holders]:
    held = _held_now(connection, now_ns)
    return [
        Holders(duty, len({row.account_id for row in held if row.role == code}))
        for code, duty in duties.duties(today).items()
    ]


def _held_now(connection: Connection, now_ns: int) -> Sequence[roles.Row]:
    """Roles that count: of accounts that are open, begun and not over."""
    table = tables.account
    closed = set(
        connection.execute(sa.select(table.c.id).where(table.c.disabled_ns.is_not(None))).scalars()
    )
    return [
        row
        for row in roles.rows(connection)
        if row.from_ns <= now_ns
        and (row.to_ns is None or now_ns < row.to_ns)
        and row.account_id not in closed
    ]


def _people(connection: Connection, now_ns: int) -> People:
    table = tables.account
    rows = connection.execute(
        sa.select(
            table.c.id, table.c.full_name, table.c.must_change, table.c.disabled_ns,
            table.c.factor_since_ns,
        )
    ).all()  # fmt: skip
    alive = [row for row in rows if row.disabled_ns is None]
    keepers = {
        row.account_id
        for row in _held_now(connection, now_ns)
        if Act.PEOPLE_EDIT in _acts(row.role, now_ns)
    }
    token, workstation, display = tables.api_token, tables.workstation, tables.display
    return People(
        open=len(alive),
        closed=len(rows) - len(alive),
        with_factor=sum(row.factor_since_ns is not None for row in alive),
        unchanged=sum(bool(row.must_change) for row in alive),
        administrators=len(keepers),
        administrators_without_factor=sum(
            row.id in keepers and row.factor_since_ns is None for row in alive
        ),
        nameless=sum(not row.full_name for row in alive),
        tokens=_count(connection, token, token.c.revoked_ns.is_(None), token.c.expires_ns > now_ns),
        workstations=_count(connection, workstation, workstation.c.revoked_ns.is_(None)),
        displays=_count(connection, display, display.c.revoked_ns.is_(None)),
    )


def _acts(role: str, now_ns: int) -> frozenset[Act]:
    known = duties.duties(datetime.fromtimestamp(now_ns // NS, VIETNAM).date())
    return known[role].acts if role in known else frozenset()


def _uses(connection: Connection, now_ns: int) -> Uses:
    export, hold, share, row = tables.export, tables.hold, tables.camera_share, tables.audit
    incident, request = compliance.incident, compliance.person_request
    states = connection.execute(
        sa.select(export.c.state, sa.func.count()).group_by(export.c.state)
    ).all()
    last = settings.review(connection)
    anchor = audit.last_anchor(connection)
    return Uses(
        exports={str(state): int(number) for state, number in states},
        holds=_count(connection, hold, hold.c.released_ns.is_(None)),
        shares=_count(connection, share, share.c.to_ns > now_ns, share.c.ended_ns.is_(None)),
        audit_rows=_count(connection, row),
        audit_since_ns=connection.execute(sa.select(sa.func.min(row.c.time_ns))).scalar_one(),
        anchored_ns=anchor.at_ns if anchor else None,
        deletions=_count(
            connection,
            row,
            row.c.act == audit.Act.DELETED.value,
            row.c.time_ns >= now_ns - WINDOW_DAYS * DAY_NS,
        ),
        reviewed_ns=last.at_ns if last else None,
        incidents=_count(connection, incident),
        open_incidents=_count(connection, incident, incident.c.closed_ns.is_(None)),
        requests=_count(connection, request),
        open_requests=_count(connection, request, request.c.answered_ns.is_(None)),
    )


def _count(connection: Connection, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(table).where(*conditions)
    return int(connection.execute(query).scalar_one())
