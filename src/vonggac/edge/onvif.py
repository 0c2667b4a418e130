"""ONVIF as far as a technician needs it: who is there, what streams, what time it thinks it is.

Plain SOAP over aiohttp.  A SOAP library would parse WSDL files for seconds on the loop, follow any
address a device names and read answers of any size; five fixed questions need none of it.

Everything a device answers is bounded (`MAX_ANSWER_BYTES`, `MAX_PROFILES`), XML with a document
type is refused (no entities), redirects are not followed, and addresses that a device names are
used with *our* host: a device that prints a private address behind NAT still works, and one that
prints somebody else's gets nothing.

Credentials travel as a WS-Security digest, and as HTTP Digest where the device asks for that.  A
wrong password is tried once in each way at most: cameras lock accounts.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import aiohttp

from vonggac.clock import NS, rfc3339
from vonggac.errors import Kind, MalformedError, RunEnded, VonggacError
from vonggac.media.digest import Credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from vonggac.clock import Clock
    from vonggac.config import Secret

MAX_ANSWER_BYTES: Final = 2 << 20
"""The profiles of a 64-channel recorder take some 400 kB."""
MAX_PROFILES: Final = 64
"""Profiles whose address is asked for; each is a question of its own."""
MAX_TEXT: Final = 200
ANSWER_S: Final = 3.0
"""Seconds for one answer. Small cameras take up to a second to describe their profiles."""
KNOCK_S: Final = 1.5
"""Seconds in which a port must show that ONVIF is there."""

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
_REFUSALS = ("notauthorized", "sender not authorized", "failedauthentication")


@dataclass(frozen=True, slots=True)
class Profile:
    """A media profile: one of a device's streams, as it describes it."""

    token: str
    name: str
    codec: str
    width: int | None
    height: int | None
    fps: float | None
    kbps: int | None
    source: str
    """Token of the video source: a channel of a recorder."""
    uri: str = ""
    """rtsp:// address on the host that was asked; empty if the device gave none."""
    uri_as_given: str = ""
    """The address in the device's words, without credentials, where its host is another one."""


@dataclass(frozen=True, slots=True)
class Device:
    """What an ONVIF device says of itself."""

    url: str
    """Its device service."""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    clock_error_ns: int | None = None
    """Its clock minus ours; it tells whole seconds, so this is good to about 0.5 s."""
    profiles: tuple[Profile, ...] = ()
    refused: bool = False
    """It does not accept the credentials, or wants some and none were given."""
    notes: tuple[str, ...] = field(default=())
    """What went wrong on the way."""


class Refused(VonggacError):  # noqa: N818 - an answer, not a failure of ours
    """The device does not accept the credentials; ask nothing more.

    Args:
        in_soap: it said so in SOAP: an ONVIF device, not any web server.
    """

    def __init__(self, *, in_soap: bool = False) -> None:
        super().__init__(Kind.UNAUTHENTICATED, "the device does not accept the user and password")
        self.in_soap = in_soap


async def find(
    host: str, ports: Sequence[int], *, clock: Clock, knock_s: float = KNOCK_S
) -> str | None:
    """Look for a device service on a host, without credentials.

    Returns:
        Its URL; the first port in the given order that answers wins.
    """

    async def knock(port: int) -> str | None:
        url = f"http://{_bracketed(host)}:{port}/onvif/device_service"
        try:
            async with asyncio.timeout(knock_s), _session() as session:
                await _Conversation(session, url, clock).clock_error_ns()
        except Refused as refused:
            return url if refused.in_soap else None
        except (VonggacError, aiohttp.ClientError, OSError, TimeoutError):
            return None
        return url

    for found in await asyncio.gather(*(knock(port) for port in ports)):
        if found is not None:
            return found
    return None


async def inspect(
    url: str, user: str = "", password: Secret | None = None, *, clock: Clock, seconds: float = 8.0
) -> Device:
    """Ask a device who it is and what streams it has. Never raises for what the device does.

    Args:
        url: its device service, as `find` or WS-Discovery gave it.
        user: may be empty: some devices answer without.
        password: goes with it.
        clock: ours, to compare.
        seconds: for everything; what was learned until then is returned.
    """
    device = Device(url=url)
    notes: list[str] = []
    try:
        async with asyncio.timeout(seconds), _session() as session:
            talk = _Conversation(session, url, clock, user, password)
            try:
                error_ns = await talk.clock_error_ns()
            except Refused:
                if password is None:
                    raise
                error_ns = await talk.clock_error_ns(signed=True)
            device = replace(device, clock_error_ns=error_ns)
            device = await talk.identity(device)
            media = await talk.media_url()
            async for profile in talk.profiles(media):
                device = replace(device, profiles=(*device.profiles, profile))
    except Refused:
        device = replace(device, refused=True)
    except TimeoutError:
        notes.append(f"not everything was answered within {seconds:g} s")
    except VonggacError as error:
        notes.append(error.message)
    except (aiohttp.ClientError, OSError) as error:
        notes.append(f"the connection failed: {type(error).__name__}")
    return replace(device, notes=tuple(notes))


class _Conversation:
    """Questions to one device, in order."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        clock: Clock,
        user: str = "",
        password: Secret | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._clock = clock
        self._user = user
        self._password = password
        self._credentials = None if password is None else Credentials(user, password)
        self._skew_ns = 0

    async def clock_error_ns(self, *, signed: bool = False) -> int:
        """GetSystemDateAndTime, which ONVIF lets anybody ask, and some devices do not."""
        before = self._clock.wall_ns()
        body = await self._ask(self._url, _DEVICE, "GetSystemDateAndTime", signed=signed)
        middle = (before + self._clock.wall_ns()) // 2
        if _first(body, "GetSystemDateAndTimeResponse") is None:
            raise MalformedError("no ONVIF answer to GetSystemDateAndTime")
        moment = _first(body, "UTCDateTime")
        if moment is None:
            raise MalformedError("the device tells no UTC time")
        numbers = [_number(_text(moment, name)) for name in _DATE_FIELDS]
        if None in numbers:
            raise MalformedError("the device's time is incomplete")
        try:
            told = datetime(*[int(n or 0) for n in numbers], tzinfo=UTC)  # type: ignore[arg-type, misc]
        except ValueError as error:
            raise MalformedError("the device's time is none") from error
        # Whole seconds: on average half of one has passed since.
        self._skew_ns = int(told.timestamp()) * NS + NS // 2 - middle
        return self._skew_ns

    async def identity(self, device: Device) -> Device:
        """GetDeviceInformation."""
        body = await self._ask(self._url, _DEVICE, "GetDeviceInformation")
        return replace(
            device,
            manufacturer=_text(body, "Manufacturer"),
            model=_text(body, "Model"),
            firmware=_text(body, "FirmwareVersion"),
            serial=_text(body, "SerialNumber"),
        )

    async def media_url(self) -> str:
        """Where the media service is, on the host that we asked."""
        body = await self._ask(
            self._url, _DEVICE, "GetCapabilities", "<tds:Category>Media</tds:Category>"
        )
        media = _first(body, "Media")
        return on_host(_text(media, "XAddr"), self._url) if media is not None else self._url

    async def profiles(self, media: str) -> AsyncIterator[Profile]:
        """GetProfiles and each one's GetStreamUri."""
        body = await self._ask(media, _MEDIA, "GetProfiles")
        for element in _all(body, "Profiles")[:MAX_PROFILES]:
            profile = _profile(element)
            if not profile.token:
                continue
            setup = (
                "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport>"
                "<tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup>"
                f"<trt:ProfileToken>{escape(profile.token)}</trt:ProfileToken>"
            )
            try:
                answer = await self._ask(media, _MEDIA, "GetStreamUri", setup)
            except Refused:
                raise
            except VonggacError:
                yield profile
                continue
            given = _without_login(_text(answer, "Uri", limit=1000))
            uri = on_host(given, self._url, scheme="rtsp")
            yield replace(profile, uri=uri, uri_as_given=given if given != uri else "")

    async def _ask(
        self, url: str, space: str, action: str, content: str = "", *, signed: bool = True
    ) -> ET.Element:
        """One question; the body of the answer."""
        prefix = "tds" if space == _DEVICE else "trt"
        security = self._security() if signed and self._password is not None else ""
        envelope = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<s:Envelope xmlns:s="{_SOAP}" xmlns:{prefix}="{space}" xmlns:tt="{_SCHEMA}">'
            f"<s:Header>{security}</s:Header>"
            f"<s:Body><{prefix}:{action}>{content}</{prefix}:{action}></s:Body></s:Envelope>"
        ).encode()
        headers = {
            "Content-Type": f'application/soap+xml; charset=utf-8; action="{space}/{action}"',
            "SOAPAction": f'"{space}/{action}"',
        }
        for _ in range(3):
            status, challenges, data = await self._post(url, envelope, headers)
            if status != 401 or not challenges or self._credentials is None or not signed:
                break
            try:
                self._credentials.challenged(challenges)
            except RunEnded as error:
                raise Refused from error
            headers["Authorization"] = self._credentials.header("POST", urlsplit(url).path) or ""
        if status in (401, 403):
            raise Refused(in_soap=b":Envelope" in data)
        body = read_xml(data)
        fault = _first(body, "Fault")
        if fault is not None:
            words = " ".join(text for text in fault.itertext())[:500].lower()
            if any(word in words.replace(" ", "") or word in words for word in _REFUSALS):
                raise Refused(in_soap=True)
            raise MalformedError(f"{action} is answered by a fault: {_shown(words)}")
        if status >= 300:
            raise MalformedError(f"{action} is answered with HTTP {status}")
        return body

    async def _post(
        self, url: str, envelope: bytes, headers: dict[str, str]
    ) -> tuple[int, list[str], bytes]:
        async with self._session.post(
            url, data=envelope, headers=headers, allow_redirects=False
        ) as response:
            data = b""
            async for chunk in response.content.iter_chunked(1 << 16):
                data += chunk
                if len(data) > MAX_ANSWER_BYTES:
                    raise MalformedError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
            return response.status, response.headers.getall("WWW-Authenticate", []), data

    def _security(self) -> str:
        """UsernameToken with a digest (WSS 1.0 section 3.1), in the device's own time."""
        assert self._password is not None
        nonce = secrets.token_bytes(16)
        created = rfc3339(self._clock.wall_ns() + self._skew_ns)
        digest = hashlib.sha1(  # noqa: S324 - what the standard prescribes
            nonce + created.encode() + self._password.reveal().encode()
        ).digest()
        token = f"{_WSS}-username-token-profile-1.0#PasswordDigest"
        encoding = f"{_WSS}-soap-message-security-1.0#Base64Binary"
        return (
            f'<wsse:Security s:mustUnderstand="1" xmlns:wsse="{_WSS}-wssecurity-secext-1.0.xsd" '
            f'xmlns:wsu="{_WSS}-wssecurity-utility-1.0.xsd"><wsse:UsernameToken>'
            f"<wsse:Username>{escape(self._user)}</wsse:Username>"
            f'<wsse:Password Type="{token}">{base64.b64encode(digest).decode()}</wsse:Password>'
            f'<wsse:Nonce EncodingType="{encoding}">{base64.b64encode(nonce).decode()}'
            f"</wsse:Nonce><wsu:Created>{created}</wsu:Created>"
            "</wsse:UsernameToken></wsse:Security>"
        )


_BEFORE_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:(?=/))?/*", re.IGNORECASE)
_LOGIN: Final = re.compile(r"(?!\[)[^/?#@]*(?::(?!\d{1,5}(?:[/?#]|$))[^?#@]*)?@")
"""A name, and perhaps a password that may hold slashes; what looks like a port is none."""
_LOGIN_IN_PATH: Final = re.compile(r"[^/@]*:[^/@]*@")
"""Where what stands before it is no scheme."""
_DATE_FIELDS: Final = ("Year", "Month", "Day", "Hour", "Minute", "Second")


def read_xml(data: bytes) -> ET.Element:
    """An XML document of a device, without document type and so without entities.

    Raises:
        MalformedError: it is none, is not UTF-8, or brings a document type.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedError("the device's XML is not UTF-8") from error
    if "<!doctype" in text.lower():
        raise MalformedError("the device's XML brings a document type; that is refused")
    try:
        return ET.fromstring(text)  # noqa: S314 - no document type, bounded in size
    except (ET.ParseError, ValueError) as error:
        raise MalformedError("the device's answer is no XML") from error


def on_host(url: str, asked: str, *, scheme: str = "") -> str:
    """A URL that a device named, on the host that was asked; `asked` itself if it is none."""
    try:
        given, ours = urlsplit(url.strip()), urlsplit(asked)
        port = given.port
    except ValueError:
        return "" if scheme else asked
    if not given.hostname or (scheme and given.scheme != scheme):
        return "" if scheme else asked
    if not scheme and given.scheme not in ("http", "https"):
        return asked
    host = _bracketed(ours.hostname or "")
    place = f"{host}:{port}" if port else host
    return urlunsplit((given.scheme, place, given.path, given.query, ""))


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=ANSWER_S),
        connector=aiohttp.TCPConnector(limit=4, ssl=False),  # cameras sign their own certificates
        auto_decompress=False,  # nobody compresses SOAP, and a small bomb would be large
        trust_env=False,
    )


def _profile(element: ET.Element) -> Profile:
    video = _first(element, "VideoEncoderConfiguration")
    source = _first(element, "VideoSourceConfiguration")
    if video is None:
        video = ET.Element("none")
    kbps = _number(_text(video, "BitrateLimit"))
    return Profile(
        token=element.get("token", "")[:MAX_TEXT],
        name=_text(element, "Name"),
        codec=_text(video, "Encoding").lower(),
        width=_number(_text(video, "Width")),
        height=_number(_text(video, "Height")),
        fps=_number(_text(video, "FrameRateLimit")),
        kbps=kbps,
        source="" if source is None else _text(source, "SourceToken"),
    )


def _all(element: ET.Element, name: str) -> list[ET.Element]:
    """Descendants by local name, in document order."""
    return [one for one in element.iter() if one.tag.rpartition("}")[2] == name]


def _first(element: ET.Element, name: str) -> ET.Element | None:
    return next(iter(_all(element, name)), None)


def _text(element: ET.Element, name: str, limit: int = MAX_TEXT) -> str:
    found = _first(element, name)
    text = (found.text or "").strip() if found is not None else ""
    return "".join(letter for letter in text[:limit] if letter.isprintable())


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _without_login(url: str) -> str:
    """Slashes too many or too few, no scheme, a password that is not quoted: all of them occur."""
    before = _BEFORE_HOST.match(url)
    assert before is not None  # it matches nothing, too
    scheme, rest = before[0].rstrip("/"), url[before.end() :]
    while login := _LOGIN.match(rest):
        rest = rest[login.end() :]
    path, mark, query = rest.partition("?")
    rest = _LOGIN_IN_PATH.sub("", path) + mark + query
    return f"{scheme}//{rest}" if scheme else rest


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _shown(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:160]
