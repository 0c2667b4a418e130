"""`vonggac doctor`: what stands between this machine and its work, and whom to ask about it.

It looks and changes nothing.  Every line that is wrong names who can put it right: whoever runs
the network, the hub's administrator, or whoever looks after this machine.
"""

from __future__ import annotations

import http.client
import os
import shutil
import smtplib
import socket
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from vonggac import admin
from vonggac.clock import NS, SystemClock
from vonggac.config import Config, load
from vonggac.edge.joining import CONFIGURATION, KEYS
from vonggac.errors import ConfigError, MalformedError
from vonggac.keys import enrolment as proving
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from vonggac.clock import Clock

WAIT_S: Final = 8.0
"""Seconds for one look over the network (ours)."""
CERTIFICATE_DAYS: Final = 21
"""Days before a certificate's end from which it is told (ours)."""
CLOCK_S: Final = 5
"""Seconds of the clock's error from which it is told (ours): what is signed names the second."""
DAY_S: Final = 86_400

Result = Literal["ok", "wrong", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to ask of whom."""

    check: str
    result: Result
    vi: str
    en: str
    ask_vi: str = ""
    ask_en: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """An address on the network."""

    host: str
    port: int
    secure: bool

    @classmethod
    def of(cls, url: str) -> Place:
        """Of an address with a scheme.

        Raises:
            ConfigError: it is none.
        """
        parts = urlsplit(url)
        secure = parts.scheme in ("https", "wss", "tls")
        try:
            port = parts.port
        except ValueError:
            port = None
        if not parts.hostname:
            raise ConfigError(f"{url} is no address")
        return cls(parts.hostname, port or (443 if secure else 80), secure)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vonggac doctor`."""
    parser.add_argument(
        "--dir", type=Path, default=Path(), metavar="D", help="data directory; here"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="of `vonggac up`")
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")


def command(options: argparse.Namespace) -> int:
    """Look at everything; 1 if anything is wrong."""
    config = configuration(options.dir, options.config)
    found = list(examine(config, SystemClock()))
    wrong = [one for one in found if one.result == "wrong"]
    told = {"ok": not wrong, "checks": [asdict(one) for one in found]}
    admin.tell(options, told, [line for one in found for line in _lines(one)])
    return 1 if wrong else 0


def configuration(folder: Path, given: Path | None) -> Config:
    """The configuration of this machine; with none, what it would have here.

    Raises:
        ConfigError: it is wrong.
    """
    path = given or folder / CONFIGURATION
    if path.exists() or given is not None:
        return load(path)
    return Config(data_dir=str(folder.absolute()))


def examine(config: Config, clock: Clock) -> Iterator[Finding]:
    """Everything that is looked at, in the order in which one depends on the other."""
    data = Path(config.data_dir)
    yield disk(data, config.retention.free_floor_bytes)
    yield from own_pages(config, clock)
    yield mail(config)
    try:
        parent = proving.parent_at(data / KEYS)
    except ConfigError as error:
        yield _wrong("parent", f"Tệp kết nối cấp trên hỏng: {error.message}", error.message,
                     ADMINISTRATOR)  # fmt: skip
        return
    if parent is None:
        yield Finding(
            "parent", "skipped", "Máy này làm việc một mình, không có máy chủ cấp trên.",
            "This machine works alone; it has no hub above.",
        )  # fmt: skip
        return
    yield from above(parent, data, clock)


def above(parent: wires.Enrolment, data: Path, clock: Clock) -> Iterator[Finding]:
    """What lies between this machine and its parent."""
    pages = Place.of(parent.pages)
    named = name(pages)
    yield named
    if named.result == "wrong":
        return
    authority = data / KEYS / proving.AUTHORITY
    trusted = authority if authority.exists() else None
    yield certificate(pages, trusted, clock, "certificate")
    for address in parent.addresses:
        yield line(Place.of(address), trusted)
    yield from hub(parent, pages, trusted, clock)


# -- the machine itself ----------------------------------------------------------------------


def disk(data: Path, floor: int) -> Finding:
    """Whether the data directory can be written to, and has room."""
    try:
        free = shutil.disk_usage(data).free
        writable = os.access(data, os.W_OK)
    except OSError as error:
        return _wrong("disk", f"Không mở được thư mục {data}: {error.strerror}.",
                      f"Cannot open {data}: {error.strerror}.", MACHINE)  # fmt: skip
    gib = free / 2**30
    if not writable:
        return _wrong("disk", f"Không ghi được vào {data}.", f"Cannot write to {data}.", MACHINE)
    if free < floor:
        return _wrong(
            "disk", f"Ổ ghi chỉ còn {gib:.1f} GiB, dưới mức phải chừa lại.",
            f"The disk has {gib:.1f} GiB left, less than is kept free.", MACHINE,
        )  # fmt: skip
    return _fine("disk", f"Ổ ghi còn {gib:.1f} GiB.", f"The disk has {gib:.1f} GiB left.")


def own_pages(config: Config, clock: Clock) -> Iterator[Finding]:
    """Whether this machine's own pages can be reached as its users reach them."""
    url = config.web.public_url
    if url is None:
        secure = config.web.tls is not None
        host = "127.0.0.1" if config.web.host in ("0.0.0.0", "::") else config.web.host  # noqa: S104
        place = Place(host, config.web.port, secure)
    else:
        place = Place.of(url)
        named = name(place)
        yield named
        if named.result == "wrong":
            return
    try:
        with socket.create_connection((place.host, place.port), WAIT_S):
            yield _fine("in", f"Trang của máy này trả lời tại {place}.",
                        f"This machine's pages answer at {place}.")  # fmt: skip
    except OSError as error:
        yield _wrong(
            "in", f"Trang của máy này không trả lời tại {place} ({_why(error)}).",
            f"This machine's pages do not answer at {place} ({_why(error)}).",
            Ask("Chạy vonggac up; nếu đang chạy, hỏi người quản lý mạng mở cổng vào "
                f"{place.port} tới máy này.",
                "Start vonggac up; if it runs, ask whoever runs the network to open port "
                f"{place.port} inward to this machine."),
        )  # fmt: skip
        return
    if place.secure and url is not None:
        yield certificate(place, None, clock, "own_certificate")


def mail(config: Config) -> Finding:
    """Whether the mail server answers."""
    server = config.mail.host
    if not server:
        return Finding("mail", "skipped", "Không gửi thư: chưa khai máy chủ thư (mail.host).",
                       "No mail is sent: mail.host is not set.")  # fmt: skip
    kind = smtplib.SMTP_SSL if config.mail.security == "tls" else smtplib.SMTP
    try:
        with kind(server, config.mail.port, timeout=WAIT_S) as found:
            found.noop()
    except (OSError, smtplib.SMTPException) as error:
        place = f"{server}:{config.mail.port}"
        return _wrong(
            "mail", f"Máy chủ thư {place} không trả lời ({_why(error)}).",
            f"The mail server {place} does not answer ({_why(error)}).",
            Ask("Hỏi người quản trị thư: tên máy, cổng, TLS (mục [mail]).",
                "Ask whoever runs the mail server: its name, port and TLS (section [mail])."),
        )  # fmt: skip
    return _fine("mail", f"Máy chủ thư {server} trả lời.", f"The mail server {server} answers.")


# -- the network -----------------------------------------------------------------------------


def name(place: Place) -> Finding:
    """Whether a name is known."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError:
        return _wrong("name", f"Không tìm thấy tên {place.host}.",
                      f"The name {place.host} is not known.",
                      Ask("Hỏi người quản lý mạng về DNS của tên này.",
                          "Ask whoever runs the network about DNS for this name."))  # fmt: skip
    told = ", ".join(sorted({str(one[4][0]) for one in found}))
    return _fine("name", f"Tên {place.host} là {told}.", f"The name {place.host} is {told}.")


def certificate(place: Place, trusted: Path | None, clock: Clock, check: str) -> Finding:
    """Whether a certificate is one that this machine takes, and for how long."""
    if not place.secure:
        return Finding(check, "skipped", f"{place} không dùng TLS.", f"{place} speaks no TLS.")
    try:
        with (
            socket.create_connection((place.host, place.port), WAIT_S) as plain,
            _context(trusted).wrap_socket(plain, server_hostname=place.host) as secured,
        ):
            told = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return _wrong(
            check, f"Chứng thư của {place} không được tin: {error.verify_message}.",
            f"The certificate of {place} is not trusted: {error.verify_message}.",
            Ask("Hỏi người quản trị máy chủ về chứng thư (tên, hạn, nơi cấp); nếu có thiết bị "
                "chặn ở giữa, hỏi người quản lý mạng.",
                "Ask the hub's administrator about its certificate (name, end, issuer); if "
                "something stands in between, ask whoever runs the network."),
        )  # fmt: skip
    except OSError as error:
        return _wrong(check, f"Không nối TLS được tới {place} ({_why(error)}).",
                      f"No TLS with {place} ({_why(error)}).", _network(place))  # fmt: skip
    end = ssl.cert_time_to_seconds(str(told.get("notAfter", "Jan  1 00:00:00 1970 GMT")))
    days = int((end - clock.wall_ns() / NS) // DAY_S)
    if days < CERTIFICATE_DAYS and trusted is None:
        return _wrong(check, f"Chứng thư của {place} còn {days} ngày.",
                      f"The certificate of {place} ends in {days} days.",
                      Ask("Hỏi người quản trị máy chủ thay chứng thư.",
                          "Ask the hub's administrator to renew it."))  # fmt: skip
    return _fine(check, f"Chứng thư của {place} được tin, còn {days} ngày.",
                 f"The certificate of {place} is trusted, {days} days left.")  # fmt: skip


def line(place: Place, trusted: Path | None) -> Finding:
    """Whether the parent's bus can be dialled, through whatever stands between."""
    ask = (
        f"GET /leafnode HTTP/1.1\r\nHost: {place}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dm9uZ2dhYyBkb2N0b3IhIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    try:
        with socket.create_connection((place.host, place.port), WAIT_S) as plain:
            if not place.secure:
                said = _upgraded(plain, ask)
            else:
                with _context(trusted).wrap_socket(plain, server_hostname=place.host) as secured:
                    said = _upgraded(secured, ask)
    except OSError as error:
        return _wrong("out", f"Không nối được tới bus của cấp trên tại {place} ({_why(error)}).",
                      f"The parent's bus is not reached at {place} ({_why(error)}).",
                      _network(place))  # fmt: skip
    if " 101 " not in said:
        return _wrong(
            "out", f"{place} trả lời nhưng không cho nối WebSocket: {said or 'không nói gì'}.",
            f"{place} answers but opens no WebSocket: {said or 'nothing'}.",
            Ask("Hỏi người quản lý mạng: proxy hay tường lửa phải cho qua WebSocket (Upgrade).",
                "Ask whoever runs the network: proxy or firewall must let WebSocket upgrades by."),
        )  # fmt: skip
    return _fine("out", f"Nối được tới bus của cấp trên tại {place}.",
                 f"The parent's bus is reached at {place}.")  # fmt: skip


def _upgraded(found: socket.socket, ask: str) -> str:
    found.sendall(ask.encode())
    return found.recv(512).decode("latin-1").split("\r\n", 1)[0][:120]


def hub(
    parent: wires.Enrolment, pages: Place, trusted: Path | None, clock: Clock
) -> Iterator[Finding]:
    """Whether the hub that answers is the parent, and how far the clocks stand apart."""
    try:
        offer = _offer(pages, trusted)
    except (OSError, http.client.HTTPException, MalformedError) as error:
        yield _wrong("parent", f"Máy chủ cấp trên {pages} không trả lời ({_why(error)}).",
                     f"The hub above, {pages}, does not answer ({_why(error)}).",
                     _network(pages))  # fmt: skip
        return
    if (offer.hub, offer.key) != (parent.hub, parent.hub_key):
        yield _wrong(
            "parent", f"Máy trả lời tại {pages} không phải máy chủ đã đăng ký.",
            f"What answers at {pages} is not the hub that this box joined.",
            Ask("Hỏi người quản trị máy chủ: máy chủ có bị thay, khóa có bị đổi không.",
                "Ask the hub's administrator: was the hub replaced, or its key changed?"),
        )  # fmt: skip
    else:
        yield _fine("parent", f"Máy chủ cấp trên trả lời: {parent.hub_title or pages}.",
                    f"The hub above answers: {parent.hub_title or pages}.")  # fmt: skip
    off_s = (clock.wall_ns() - int(offer.now_ns)) / NS
    if abs(off_s) > CLOCK_S:
        yield _wrong(
            "clock", f"Đồng hồ máy này lệch {off_s:.0f} giây so với cấp trên.",
            f"This machine's clock is {off_s:.0f} s off the parent's.",
            Ask("Người giữ máy bật NTP (timedatectl set-ntp true); mạng phải cho qua cổng "
                "UDP 123.",
                "Whoever looks after this machine switches NTP on (timedatectl set-ntp true); the "
                "network lets UDP port 123 out."),
        )  # fmt: skip
    else:
        yield _fine("clock", f"Đồng hồ lệch {off_s:.1f} giây so với cấp trên.",
                    f"The clock is {off_s:.1f} s off the parent's.")  # fmt: skip


def _offer(pages: Place, trusted: Path | None) -> wires.EnrolOffer:
    connection: http.client.HTTPConnection
    if pages.secure:
        connection = http.client.HTTPSConnection(
            pages.host, pages.port, timeout=WAIT_S, context=_context(trusted)
        )
    else:
        connection = http.client.HTTPConnection(pages.host, pages.port, timeout=WAIT_S)
    try:
        connection.request("GET", wires.ENROL_PATH)
        return wires.decode_offer(connection.getresponse().read(wires.MAX_ENROLMENT))
    finally:
        connection.close()


# -- words -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask of whom."""

    vi: str
    en: str


MACHINE: Final = Ask(
    "Người giữ máy: kiểm tra ổ đĩa và quyền của thư mục.",
    "Whoever looks after this machine: see to the disk and the folder's permissions.",
)
ADMINISTRATOR: Final = Ask(
    "Xin người quản trị máy chủ cấp mã mới, rồi chạy vonggac enrol.",
    "Ask the hub's administrator for a new code and run vonggac enrol.",
)


def _network(place: Place) -> Ask:
    return Ask(
        f"Hỏi người quản lý mạng: mở cổng ra TCP {place.port} tới {place.host}.",
        f"Ask whoever runs the network to open TCP port {place.port} outward to {place.host}.",
    )


def _fine(check: str, vi: str, en: str) -> Finding:
    return Finding(check, "ok", vi, en)


def _wrong(check: str, vi: str, en: str, ask: Ask) -> Finding:
    return Finding(check, "wrong", vi, en, ask.vi, ask.en)


def _why(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said)[:120]


def _context(trusted: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=trusted)


def _lines(one: Finding) -> list[str]:
    mark = {"ok": "ok  ", "wrong": "SAI ", "skipped": "-   "}[one.result]
    told = [f"{mark}{one.check}: {one.vi} / {one.en}"]
    if one.ask_vi:
        told.append(f"      -> {one.ask_vi} / {one.ask_en}")
    return told
