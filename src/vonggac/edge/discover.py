"""`vonggac discover`: which cameras and recorders are there, and at which addresses.

Without an address it asks the network (WS-Discovery, ONVIF's way).  Given an address without a
path it asks ONVIF first, and then tries the URL forms of the makers sold in Việt Nam.  It lists the
channels of a recorder and says how RTSP and ONVIF are switched on for that maker.

It never guesses a password: only the given credentials are offered, and after the first refusal
nothing more is asked of that device, because cameras lock accounts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import uuid
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import unquote

import msgspec
import uvloop

from vonggac import log
from vonggac.causes import Cause
from vonggac.clock import SystemClock
from vonggac.config import Secret
from vonggac.edge import makers, onvif
from vonggac.edge.describe import Described, describe
from vonggac.edge.probe import add_login, check_ports, login
from vonggac.errors import ConfigError, MalformedError
from vonggac.media import address as addresses
from vonggac.media.digest import Credentials

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from vonggac.clock import Clock
    from vonggac.media.address import Address

MULTICAST: Final = ("239.255.255.250", 3702)
"""WS-Discovery 1.0 section 2.4."""
LISTEN_S: Final = 3.0
"""Devices answer after a random delay of up to 0.5 s (APP_MAX_DELAY), twice if they are kind."""
MAX_DATAGRAM: Final = 64 * 1024
MAX_DEVICES: Final = 512
"""Devices noted in one search."""
MAX_HEARD: Final = 4096
"""Datagrams looked at in one search, whoever sends them."""
MAX_CHANNELS: Final = 64
"""Channels tried of one recorder; the largest sold here has 64."""
HOLES: Final = 3
"""Channels without a camera that are passed over before a recorder counts as searched."""
MAX_ADDRESSES: Final = 256

_logger = log.get(__name__)

_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    'xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "<s:Header><a:MessageID>{message}</a:MessageID>"
    "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action></s:Header>"
    "<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body>"
    "</s:Envelope>"
)


class Announced(msgspec.Struct, frozen=True):
    """A device that answered a search of the network."""

    address: str
    """Where the answer came from."""
    urls: list[str]
    """Its device services, on that address."""
    name: str
    hardware: str
    types: str


class StreamFound(msgspec.Struct, frozen=True):
    """A stream that was seen to be described, or that ONVIF names."""

    channel: int
    stream: str
    """main or sub."""
    url: str
    """Without credentials."""
    codec: str
    how: str
    """onvif or template."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one address."""

    address: str
    reachable: bool
    """RTSP or ONVIF answered."""
    authenticated: bool
    """A stream was described or ONVIF answered, with the credentials given or without any."""
    refused: bool = False
    """It wants other credentials; nothing more was asked."""
    maker: str = ""
    model: str = ""
    firmware: str = ""
    streams: list[StreamFound] = []
    onvif_url: str = ""
    realm: str = ""
    server: str = ""
    help: dict[str, str] = {}
    """How RTSP and ONVIF are switched on for this maker, and how far that is known."""
    notes: list[str] = []


async def search(
    *,
    seconds: float = LISTEN_S,
    interfaces: Sequence[str] | None = None,
    to: tuple[str, int] = MULTICAST,
) -> list[Announced]:
    """Ask the network for ONVIF devices and collect what answers.

    Args:
        seconds: how long to listen.
        interfaces: IPv4 addresses to ask from; those of this machine by default.
        to: whom to ask; a single device may be asked too.
    """
    loop = asyncio.get_running_loop()
    listener = _Listener()
    places = interfaces if interfaces is not None else await loop.run_in_executor(None, _own)
    transports = []
    for place in places:
        with contextlib.suppress(OSError):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(place))
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            made.bind((place, 0))
            made.setblocking(False)
            transport, _ = await loop.create_datagram_endpoint(lambda: listener, sock=made)
            transports.append(transport)
    try:
        question = _PROBE.format(message=f"urn:uuid:{uuid.uuid4()}").encode()
        for _ in range(2):  # UDP: the second one is for whoever lost the first
            for transport in transports:
                transport.sendto(question, to)
            await asyncio.sleep(seconds / 2)
    finally:
        for transport in transports:
            transport.close()
    return sorted(listener.found.values(), key=lambda one: one.address)


async def discover(
    addresses: Sequence[str],
    user: str,
    password: Secret,
    *,
    clock: Clock,
    seconds: float = LISTEN_S,
    interfaces: Sequence[str] | None = None,
    onvif_ports: Sequence[int] | None = None,
) -> list[Found]:
    """Examine these addresses, or whatever a search of the network finds.

    Args:
        addresses: as `examine` takes them; none means a search.
        user: the only account that is tried.
        password: goes with it.
        clock: ours.
        seconds: how long a search listens.
        interfaces: IPv4 addresses to search from; those of this machine by default.
        onvif_ports: where to look for ONVIF; the list's ports by default.

    Raises:
        ConfigError: an address is none.
    """
    wanted: list[tuple[str, Sequence[str]]] = [(one, ()) for one in addresses]
    if not wanted:
        announced = await search(seconds=seconds, interfaces=interfaces)
        wanted = [(one.address, one.urls) for one in announced]
    at_once = asyncio.Semaphore(8)

    async def one(where: str, urls: Sequence[str]) -> Found:
        async with at_once:
            return await examine(
                where, user, password, clock=clock, onvif_ports=onvif_ports, onvif_urls=urls
            )

    return list(await asyncio.gather(*(one(where, urls) for where, urls in wanted)))


async def examine(
    where: str,
    user: str = "",
    password: Secret | None = None,
    *,
    clock: Clock,
    onvif_ports: Sequence[int] | None = None,
    onvif_urls: Sequence[str] = (),
) -> Found:
    """Find the streams of one address. Never raises for what the device does.

    Args:
        where: a host, host:port (of RTSP) or an rtsp:// URL; its path, if any, is tried first.
        user: the only account that is tried.
        password: goes with it.
        clock: ours.
        onvif_ports: where to look for ONVIF; the list's ports by default.
        onvif_urls: device services that the device announced itself.

    Raises:
        ConfigError: `where` is no address.
    """
    address = _address(where, user, password)
    known = makers.load()
    ports = known.onvif.ports if onvif_ports is None else onvif_ports
    device_url = onvif_urls[0] if onvif_urls else await onvif.find(address.host, ports, clock=clock)
    device = onvif.Device(url="")
    if device_url is not None:
        given = address.password if address.user else None
        device = await onvif.inspect(device_url, address.user, given, clock=clock)
    search_of = _Search(address, known, device)
    await search_of.run()
    return search_of.found()


class _Search:
    """One device, asked form after form until something is described or refused."""

    def __init__(self, address: Address, known: makers.Makers, device: onvif.Device) -> None:
        self._address = address
        self._known = known
        self._device = device
        self._credentials = Credentials(address.user, address.password)
        self._has_login = bool(address.user)
        self._streams: list[StreamFound] = []
        self._notes = list(device.notes)
        self._refused = device.refused and self._has_login
        self._rtsp = False
        self._described = False
        self._realm = ""
        self._server = ""
        self._maker = makers.guess(known, onvif_maker=device.manufacturer)

    async def run(self) -> None:
        """ONVIF's own addresses if it gave any, else the makers' forms."""
        sources: list[str] = []
        for profile in self._device.profiles:
            if not profile.uri:
                continue
            if profile.source not in sources:
                sources.append(profile.source)
            channel = 1 + sources.index(profile.source)
            before = [one for one in self._streams if one.channel == channel]
            stream = "sub" if before else "main"
            self._streams.append(StreamFound(channel, stream, profile.uri, profile.codec, "onvif"))
        if self._streams or self._refused:
            return
        if self._address.path.strip("/"):
            await self._try(self._address, 1, "main")
        elif await self._knock():
            await self._try_makers()

    async def _knock(self) -> bool:
        """Ask for nothing in particular, to learn who it is; False if nobody answers."""
        told = await self._ask(self._address)
        if not told.reachable:
            self._notes.append(told.ended.message if told.ended is not None else "no answer")
            return False
        if told.description is not None:
            self._add(told, self._address, 1, "main")
            return not self._streams
        return not self._stopped(told)

    async def _try_makers(self) -> None:
        """Each maker's forms, the likely one's first, until one is described."""
        tried: set[str] = set()
        for maker in makers.in_order(self._known, self._maker):
            for form in maker.form:
                path = form.at(1, "main")
                if path in tried:
                    continue
                tried.add(path)
                verdict = await self._try(self._at(path), 1, "main")
                if verdict == "stop":
                    return
                if verdict == "found":
                    self._maker = self._maker or maker
                    await self._channels(form)
                    return

    async def _channels(self, form: makers.Form) -> None:
        """The sub-stream and, where the form counts them, the further channels."""
        if await self._try(self._at(form.at(1, "sub")), 1, "sub") == "stop":
            return
        holes = 0
        for channel in range(2, MAX_CHANNELS + 1) if form.counts_channels else ():
            verdict = await self._try(self._at(form.at(channel, "main")), channel, "main")
            if verdict == "stop":
                return
            holes = 0 if verdict == "found" else holes + 1
            if holes >= HOLES:
                return
            if (
                verdict == "found"
                and await self._try(self._at(form.at(channel, "sub")), channel, "sub") == "stop"
            ):
                return

    async def _try(
        self, address: Address, channel: int, stream: str
    ) -> Literal["found", "absent", "stop"]:
        told = await self._ask(address)
        if told.description is not None:
            self._add(told, address, channel, stream)
            return "found"
        return "stop" if self._stopped(told) else "absent"

    async def _ask(self, address: Address) -> Described:
        told = await describe(address, self._credentials)
        self._rtsp = self._rtsp or told.status > 0
        self._realm = self._realm or told.realm
        self._server = self._server or told.server
        if self._maker is None:
            self._maker = makers.guess(self._known, self._realm, self._server)
        return told

    def _stopped(self, told: Described) -> bool:
        """Whether nothing more may be asked: refused, or nobody is there any more."""
        if told.ended is not None and told.ended.cause is Cause.REFUSED:
            self._refused = True
            self._notes.append(told.ended.message)
            return True
        self._described = self._described or told.authenticated
        return not told.reachable

    def _add(self, told: Described, address: Address, channel: int, stream: str) -> None:
        self._described = True
        assert told.description is not None
        for media in told.description.media:
            if media.kind == "video" and media.formats:
                encoding = media.formats[0].encoding.lower()
                self._streams.append(
                    StreamFound(channel, stream, address.uri, encoding, "template")
                )
                return

    def _at(self, path: str) -> Address:
        base = f"rtsp://{self._address.authority}{path}"
        return addresses.parse(base, self._address.user, self._address.password)

    def found(self) -> Found:
        """What was learned."""
        device, maker = self._device, self._maker
        onvif_answers = bool(device.url)
        return Found(
            address=self._address.authority,
            reachable=self._rtsp or onvif_answers,
            authenticated=bool(self._streams) or self._described or bool(device.model),
            refused=self._refused,
            maker=device.manufacturer or (maker.name if maker is not None else ""),
            model=device.model,
            firmware=device.firmware,
            streams=self._streams,
            onvif_url=device.url,
            realm=self._realm,
            server=self._server,
            help={} if maker is None else _help(maker),
            notes=self._notes,
        )


class _Listener(asyncio.DatagramProtocol):
    """Collects answers to a search; bounded in datagrams and devices."""

    def __init__(self) -> None:
        self.found: dict[str, Announced] = {}
        self._heard = 0

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._heard += 1
        if self._heard > MAX_HEARD or len(data) > MAX_DATAGRAM or len(self.found) >= MAX_DEVICES:
            return
        try:
            answer = read_match(data, str(addr[0]))
        except MalformedError as error:
            _logger.debug("discover.answer_unreadable", sender=addr[0], reason=error.message)
            return
        if answer is not None:
            self.found.setdefault(answer.address, answer)

    def error_received(self, exc: Exception) -> None:
        _logger.debug("discover.not_sent", reason=str(exc))


def read_match(data: bytes, sender: str) -> Announced | None:
    """A ProbeMatch; None if it is another message.

    Raises:
        MalformedError: it is no XML that we read.
    """
    root = onvif.read_xml(data)
    matches = [one for one in root.iter() if one.tag.rpartition("}")[2] == "ProbeMatch"]
    if not matches:
        return None
    words = {"XAddrs": "", "Scopes": "", "Types": ""}
    for element in matches[0].iter():
        name = element.tag.rpartition("}")[2]
        if name in words:
            words[name] = (element.text or "")[:4000]
    here = f"http://{sender}/onvif/device_service"
    urls = [onvif.on_host(url, here) for url in words["XAddrs"].split()[:8]]
    scopes: dict[str, str] = {}
    for scope in words["Scopes"].split()[:64]:
        kind, _, value = scope.removeprefix("onvif://www.onvif.org/").partition("/")
        scopes.setdefault(kind, unquote(value)[:80])
    return Announced(
        address=sender,
        urls=list(dict.fromkeys(urls)),
        name=scopes.get("name", ""),
        hardware=scopes.get("hardware", ""),
        types=" ".join(words["Types"].split())[:200],
    )


def _own() -> list[str]:
    """IPv4 addresses of this machine, one an interface; elsewhere than Linux: any."""
    try:
        import fcntl
    except ImportError:
        return ["0.0.0.0"]  # noqa: S104 - whatever the system chooses to ask from
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):
                answer = fcntl.ioctl(any_socket.fileno(), 0x8915, request)  # SIOCGIFADDR
                found.append(socket.inet_ntoa(answer[20:24]))
    return [one for one in found if not one.startswith("127.")] or ["0.0.0.0"]  # noqa: S104


def _address(where: str, user: str, password: Secret | None) -> Address:
    url = where if "://" in where else f"rtsp://{where}"
    try:
        return addresses.parse(url, user, password)
    except MalformedError as error:
        raise ConfigError(error.message) from error


def _help(maker: makers.Maker) -> dict[str, str]:
    return {
        "maker": maker.name,
        "vi": maker.enable_vi,
        "en": maker.enable_en,
        "user": maker.user_hint,
        "verified": maker.verified,
        "source": maker.source,
    }


# --- the command -----------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `vonggac discover`."""
    parser.add_argument("address", nargs="*", metavar="ADDRESS",
                        help="host, host:port or rtsp:// URL; none: the network")  # fmt: skip
    add_login(parser)
    parser.add_argument("--seconds", type=float, default=LISTEN_S, metavar="S",
                        help="how long to listen on the network (default %(default)s)")  # fmt: skip
    parser.add_argument("--interface", action="append", metavar="IP",
                        help="search from this address of ours only; may be repeated")  # fmt: skip
    parser.add_argument("--onvif-port", type=int, action="append", metavar="P",
                        help="look for ONVIF here only; may be repeated")  # fmt: skip
    parser.add_argument("--lang", choices=("vi", "en"), default="vi")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")


def command(options: argparse.Namespace) -> int:
    """Run `vonggac discover`; 0 if something was found, 1 if not."""
    if not 0.1 <= options.seconds <= 60:
        raise ConfigError("--seconds is between 0.1 and 60")
    if len(options.address) > MAX_ADDRESSES:
        raise ConfigError(f"at most {MAX_ADDRESSES} addresses at once")
    check_ports(options.onvif_port)
    user, password = login(options)
    devices = uvloop.run(
        discover(
            options.address, user, password or Secret(""), clock=SystemClock(),
            seconds=options.seconds, interfaces=options.interface,
            onvif_ports=tuple(options.onvif_port) if options.onvif_port else None,
        )
    )  # fmt: skip
    if options.json:
        sys.stdout.write(msgspec.json.encode({"devices": devices}).decode() + "\n")
    else:
        sys.stdout.write(as_text(devices, options.lang))
    return 0 if any(device.reachable for device in devices) else 1


_WORDS: Final[dict[str, tuple[str, str]]] = {
    "nothing": ("Không tìm thấy thiết bị nào.", "No device was found."),
    "silent": ("không trả lời RTSP hay ONVIF", "answers neither RTSP nor ONVIF"),
    "refused": (
        "không chấp nhận tài khoản; đã dừng để tránh bị khóa",
        "does not accept the account; stopped, so that it is not locked",
    ),
    "channel": ("kênh", "channel"),
    "main": ("luồng chính", "main stream"),
    "sub": ("luồng phụ", "sub-stream"),
    "none": ("chưa tìm thấy luồng hình", "no stream was found"),
    "on": ("Bật RTSP/ONVIF", "Switching RTSP/ONVIF on"),
    "account": ("Tài khoản thường dùng", "Usual account"),
}


def as_text(devices: list[Found], language: str) -> str:
    """What was found, as a technician reads it."""

    def word(key: str) -> str:
        return _WORDS[key][language == "en"]

    if not devices:
        return word("nothing") + "\n"
    lines = []
    for device in devices:
        named = " ".join(filter(None, (device.maker, device.model, device.firmware)))
        lines.append(f"{device.address}  {named}".rstrip())
        if not device.reachable:
            lines.append(f"  {word('silent')}")
        elif device.refused:
            lines.append(f"  {word('refused')}")
        elif not device.streams:
            lines.append(f"  {word('none')}")
        for stream in device.streams:
            what = f"{word('channel')} {stream.channel}, {word(stream.stream)}"
            lines.append(f"  {what}: {stream.url} ({stream.codec})")
        if device.help:
            told = device.help
            lines += [
                f"  {word('on')} ({told['maker']}; {told['verified']}): {told[language]}",
                f"  {word('account')}: {told['user']}",
            ]
        lines += [f"  ({note})" for note in device.notes]
    return "\n".join(lines) + "\n"
