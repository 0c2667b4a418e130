"""The configuration: a typed, frozen tree that refuses the unknown by name.

`docs/ref/config.md` lists every field; a test holds the two equal.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from vonggac.errors import ConfigError

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""Names of cameras and sites: they stand in file names and subjects, so no dot, no space."""

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_SYSLOG = re.compile(r"(?:udp|tcp)://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:]{2,45}\]):\d{1,5}")

Name = Annotated[str, msgspec.Meta(pattern=NAME)]
StreamName = Literal["main", "sub"]


class Secret:
    """A value that cannot be printed: its repr and str are stars.

    Args:
        value: the secret itself; read it back with `reveal`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value; call it only where it crosses the border that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


_INHERITED = {
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "VIRTUAL_ENV",
    "XDG_CACHE_HOME", "VONGGAC_LOG", "LD_LIBRARY_PATH", "GLIBC_TUNABLES", "MALLOC_ARENA_MAX",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT",
}  # fmt: skip
_INHERITED_BEGINNINGS = ("LC_", "PYTHON", "COVERAGE_")


def inherited() -> dict[str, str]:
    """What a process of ours gets of the environment: how to run, and no secret.

    Passwords come in variables that whoever operates the program names freely, and stay readable
    in `/proc/<pid>/environ` as long as a process lives: so what is not named here stays behind.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name.startswith(_INHERITED_BEGINNINGS)
    }


class SecretRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret is: never in the file itself. Exactly one of the two is set."""

    env: str | None = None
    """Name of an environment variable."""
    file: str | None = None
    """Path of a file whose first line it is."""

    def read(self, field: str) -> Secret:
        """Fetch it.

        Raises:
            ConfigError: neither or both are set, or it is not there.
        """
        if (self.env is None) == (self.file is None):
            raise ConfigError(f"{field}: set exactly one of env and file", field=field)
        if self.env is not None:
            if self.env not in os.environ:
                raise ConfigError(f"{field}: environment variable {self.env} is not set")
            return Secret(os.environ[self.env])
        path = Path(self.file or "")
        try:
            return Secret(path.read_text(encoding="utf-8").splitlines()[0])
        except (OSError, IndexError, UnicodeDecodeError) as error:
            raise ConfigError(f"{field}: cannot read a first line from {path}") from error


class StreamConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stream of a camera."""

    url: str
    """rtsp://host:port/path; credentials may stand in it, better in `user` and `password`."""
    source: Literal["auto", "rtsp", "libav"] = "auto"
    """Which source pulls it: ours, FFmpeg's, or ours first and FFmpeg's for what ours refuses.
    The sub-stream follows main."""
    transcode: bool = False
    """Re-encode MJPEG or MPEG-4 of main to H.264: about a quarter of a core for 1080p25."""
    record: bool | None = None
    """Record the sub-stream too; default: only when main is H.265. Main is always recorded."""
    audio: bool = False
    """Record main's sound (AAC). Off unless the site's rule says so (privacy)."""


class CameraConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A camera, as written in the configuration file."""

    name: Name
    """Unique in the site; stands in folder names and subjects."""
    main: StreamConfig
    """The full picture."""
    sub: StreamConfig | None = None
    """The small picture, for walls."""
    title: str = ""
    """What people read, for example "Hành lang tầng 2, đông"."""
    zone: str = "HL"
    """Code of the placement rule; a room, toilet or bath is refused."""
    user: str = ""
    """The camera's account; one that may only view is enough."""
    password: SecretRef | None = None
    """Where its password is; sealed in the database at start-up."""
    retention_days: int | None = None
    """Days kept, if other than the site's."""


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is deleted when, oldest first; held spans never."""

    days: Annotated[int, msgspec.Meta(ge=1)] = 30
    """Days promised (our default, not an official figure)."""
    zone_days: dict[str, Annotated[int, msgspec.Meta(ge=1, le=3_650)]] = {}
    """Days of a class of cameras, if other than the site's: by code of the placement rule, for
    example `{ CG = 60 }` for gates. A camera's own days go before them."""
    max_bytes: int | None = None
    """Bytes that recordings may take in all."""
    free_floor_bytes: Annotated[int, msgspec.Meta(ge=0)] = 2_000_000_000
    """Free space that the disk keeps for everything else."""


class RecordConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How recordings are written."""

    segment_s: Annotated[float, msgspec.Meta(ge=5, le=600)] = 60.0
    """Seconds a segment lasts before the next keyframe ends it."""
    flush_s: Annotated[float, msgspec.Meta(ge=0.05, le=1.0)] = 0.3
    """Seconds between two writes of one camera at most."""
    sync_s: Annotated[float, msgspec.Meta(ge=0.2, le=10)] = 1.0
    """Seconds between two syncfs of the recording filesystem."""
    drain_s: Annotated[float, msgspec.Meta(ge=0.02, le=1.0)] = 0.2
    """Seconds between two reads of a camera's socket that nobody watches."""
    watched_drain_s: Annotated[float, msgspec.Meta(ge=0.01, le=0.5)] = 0.04
    """Seconds between two reads while somebody watches."""
    pictures_a_second: Annotated[float, msgspec.Meta(ge=0, le=50)] = 0
    """Keyframes looked at for picture faults, of all cameras of the box together: half as many as
    it has cameras looks at each every two seconds. 0, the default of the software, looks at none.
    """


class SiteConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The facility that this box stands in."""

    name: Name = "site"
    """Short name of the facility."""
    title: str = ""
    """What people read."""
    address: str = ""
    """Where it is, in words."""
    owner_line: Literal["military", "paid_hotel", "civil"] = "civil"
    """Who runs it: the army, a hotel that guests pay, or a civil authority."""


class HubConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hub that stands in no facility."""

    title: str = ""
    """What people read: the centre's name."""


class ParentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hub above; enrolling this machine writes what is needed to join it."""

    file: str | None = None
    """Path of the document that it wrote; default: `keys/parent.json` in data_dir, if it is there.
    """
    proxy: str | None = None
    """http://[user:password@]host:port of the proxy on the way to it."""


class PowerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mains, read from a UPS."""

    ups: str | None = None
    """A UPS known to NUT, as ups@host or ups@host:port; then a power cut is told as such."""


class AcceptanceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remote acceptance of cameras; defaults of the software, no official figures."""

    trial_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 24
    """Hours of trial before a camera can be accepted."""
    recorded_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] = 99.0
    """Least part of the trial, and of every day after it, that must be recorded."""
    connected_percent: Annotated[float, msgspec.Meta(ge=0, le=100)] = 99.0
    """Least part of it in which the camera must be connected."""
    recheck_hour: Annotated[int, msgspec.Meta(ge=0, le=23)] = 2
    """Hour, in the site's time, from which accepted cameras are checked again each night."""


class TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate that somebody else issued; replaced files are taken within the hour."""

    cert: str
    """Path of the certificate in PEM, with those between it and its root behind it."""
    key: str
    """Path of its key in PEM, not encrypted; not readable by everybody."""


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hub's pages and API."""

    host: str = "127.0.0.1"
    """Address to listen on; loopback by default."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    """TCP port; 0 takes a free one."""
    public_url: str | None = None
    """How browsers reach it, when something stands in front (https://...)."""
    tls: Literal["private-ca"] | TlsConfig | None = None
    """Speak TLS by itself: with an authority of this hub's own, which desks install from the page
    `/ca`, or with a given certificate. Then the bus speaks TLS too."""
    names: tuple[str, ...] = ()
    """Host names and addresses by which browsers reach the pages; they go into the certificate of
    "private-ca". This machine's own are always in it."""
    redirect_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    """With `tls`: a port that sends http:// on to https://; 0 takes a free one."""
    inside_networks: tuple[str, ...] = (
        "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
        "fe80::/10",
    )  # fmt: skip
    """Networks (CIDR) from which a sign-in comes from inside; by default this machine and private
    addresses. With `public_url` this machine is the proxy and counts as outside."""


class SignInConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets in and what it takes. The defaults are the figures that level 3 asks for."""

    second_factor: Literal["everyone", "administrators", "outside"] = "administrators"
    """Who needs a code from a telephone besides the password: everyone; administrators, and
    everybody from outside; or only sign-ins from outside. Whoever has enrolled is always asked."""
    min_length: Annotated[int, msgspec.Meta(ge=8, le=64)] = 14
    """Characters of a password, at least, where no second factor is enrolled."""
    min_length_with_factor: Annotated[int, msgspec.Meta(ge=8, le=64)] = 8
    """Characters of a password, at least, where one is."""
    mixed_below: Annotated[int, msgspec.Meta(ge=0, le=64)] = 14
    """A password shorter than this needs upper and lower case, a figure and another sign."""
    history: Annotated[int, msgspec.Meta(ge=1, le=24)] = 10
    """Passwords that may not be taken again, the present one among them."""
    administrator_password_days: Annotated[int, msgspec.Meta(ge=0)] = 60
    """Days after which an administrator's password must be changed; 0: never."""
    tries: Annotated[int, msgspec.Meta(ge=3, le=10)] = 5
    """Wrong passwords or codes before a lock."""
    forget_s: Annotated[int, msgspec.Meta(ge=30)] = 900
    """Seconds after which earlier wrong ones no longer count; decision 724 says 30."""
    lock_s: Annotated[int, msgspec.Meta(ge=30)] = 300
    """Seconds that a lock lasts."""
    idle_days: Annotated[int, msgspec.Meta(ge=0)] = 45
    """Days without a sign-in after which an account is closed; 0: never."""
    session_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 12
    """Hours after which a session ends, whatever happens."""
    session_idle_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 2
    """Hours without a request after which it ends."""
    shift_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 12
    """Hours after a full sign-in at a workstation in which one's PIN works there."""
    pin_length: Annotated[int, msgspec.Meta(ge=6, le=12)] = 6
    """Figures of a PIN, at least."""
    pin_tries: Annotated[int, msgspec.Meta(ge=3, le=10)] = 5
    """Wrong PINs before a full sign-in is asked for."""
    token_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 366
    """Days that an API token lives at most."""
    review_months: Annotated[int, msgspec.Meta(ge=1, le=24)] = 6
    """Months between two reviews of who may see what."""


class AuditConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The access log: how long it is kept, and who else gets it."""

    keep_days: Annotated[int, msgspec.Meta(ge=366)] = 366
    """Days that rows are kept; the database refuses to delete one younger than 12 months."""
    syslog: str | None = None
    """Where every row is also sent, as udp://host:port or tcp://host:port (RFC 5424)."""


class BusConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The embedded nats-server."""

    host: str = "127.0.0.1"
    """Address to listen on for programs; one that is not loopback needs `web.tls`."""
    websocket_host: str | None = None
    """Address to listen on for browsers; default: `web.host` with `web.tls`, else `host`."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """Client port; 0 takes a free one."""
    websocket_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """WebSocket port for browsers; 0 takes a free one."""
    leaf_host: str | None = None
    """Address on which machines below may join by a port of their own; default: `host`. They may
    dial the browsers' port too."""
    leaf_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    """That port; 0 takes a free one. Without it `vonggac hub` takes a free one, and `vonggac up`
    does too unless it has a parent."""
    public_websocket_url: str | None = None
    """How browsers reach the WebSocket, when something stands in front (wss://...)."""


class EnrolmentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Codes by which boxes join this hub."""

    hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    """Hours that an unused code lives, unless whoever issues it says otherwise (our default)."""


class MailConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server that reports by the clock are mailed through."""

    host: str = ""
    """Name of the SMTP server; empty sends no mail."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 465
    """Its port."""
    security: Literal["tls", "starttls", "none"] = "tls"
    """TLS from the first byte, TLS after STARTTLS, or none (only for a server of this machine)."""
    ca: str | None = None
    """File of the authority of the server's certificate; default: the system's."""
    sender: str = "vonggac@localhost"
    """Address that mails come from."""
    user: str = ""
    """Account on the server; empty signs in nowhere."""
    password: SecretRef | None = None
    """Where its password is."""


class ReportConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reports by the clock."""

    cut_off: str = "17:00"
    """When the leader's page of a day is made, unless the order says otherwise (our default)."""
    folder: str | None = None
    """Where files of reports are laid; default: `reports` in data_dir."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that `vonggac up` needs."""

    data_dir: str
    """Where the program keeps recordings, catalog, keys and database."""
    site: SiteConfig = SiteConfig()
    """The facility."""
    hub: HubConfig = HubConfig()
    """A hub that stands in no facility."""
    parent: ParentConfig = ParentConfig()
    """The hub above."""
    cameras: tuple[CameraConfig, ...] = ()
    """Cameras that are registered at start-up; others are added in the browser."""
    record: RecordConfig = RecordConfig()
    """How recordings are written."""
    retention: RetentionConfig = RetentionConfig()
    """What is deleted when."""
    power: PowerConfig = PowerConfig()
    """The mains, read from a UPS."""
    acceptance: AcceptanceConfig = AcceptanceConfig()
    """Remote acceptance of cameras."""
    web: WebConfig = WebConfig()
    """Pages and API."""
    sign_in: SignInConfig = SignInConfig()
    """Who gets in and what it takes."""
    audit: AuditConfig = AuditConfig()
    """The access log."""
    bus: BusConfig = BusConfig()
    """The embedded nats-server."""
    enrolment: EnrolmentConfig = EnrolmentConfig()
    """Boxes that join this hub."""
    mail: MailConfig = MailConfig()
    """The mail server."""
    report: ReportConfig = ReportConfig()
    """Reports by the clock."""
    database_url: str | None = None
    """SQLAlchemy URL of the hub's database; default: SQLite in data_dir."""


def load(path: Path) -> Config:
    """Read and check a TOML file.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or a field is unknown, missing or wrong;
            the message names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8, at byte {error.start}") from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except ValueError as error:  # int() refuses more than 4,300 digits
        raise ConfigError(f"{path} is not TOML: a number of thousands of digits") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not TOML: its lists are nested too deeply") from error
    try:
        config = msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; see docs/ref/config.md") from error
    seen: set[str] = set()
    for camera in config.cameras:
        if camera.name in seen:
            raise ConfigError(f"{path}: two cameras are called {camera.name}; names are unique")
        seen.add(camera.name)
        _refuse_unheeded(path, camera)
    syslog = config.audit.syslog
    if syslog is not None and not _SYSLOG.fullmatch(syslog):
        raise ConfigError(f"{path}: audit.syslog is udp://host:port or tcp://host:port")
    if not _CLOCK.fullmatch(config.report.cut_off):
        raise ConfigError(f"{path}: report.cut_off is a time like 17:00")
    if config.web.redirect_port is not None and config.web.tls is None:
        raise ConfigError(f"{path}: web.redirect_port sends on to https; set web.tls too")
    for text in config.web.inside_networks:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise ConfigError(f"{path}: web.inside_networks: {error}") from error
    return config


def _refuse_unheeded(path: Path, camera: CameraConfig) -> None:
    """A setting that nothing would follow is refused like an unknown one."""
    field = f"cameras.{camera.name}"
    if camera.main.record is False:
        raise ConfigError(f"{path}: {field}.main.record: main is always recorded", field=field)
    sub = camera.sub
    if sub is not None and sub != StreamConfig(url=sub.url, record=sub.record):
        raise ConfigError(
            f"{path}: {field}.sub takes url and record only; source, transcode and audio stand in "
            "main",
            field=field,
        )
