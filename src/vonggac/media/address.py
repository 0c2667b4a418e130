"""A camera's address: where it is, and the credentials taken out of it.

People paste `rtsp://admin:p@ss/w#rd?@10.0.0.8:554/path` as the maker's page shows it, whatever the
RFC says of reserved characters.  After this module nobody sees the two together again: an address
prints without its credentials, and no message here repeats what it was given.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote, unquote

from vonggac.config import Secret
from vonggac.errors import MalformedError

DEFAULT_PORT: Final = 554
"""RFC 2326 section 3.2."""
MAX_URL: Final = 2048
MAX_CREDENTIAL: Final = 256
MAX_MARKS: Final = 32
"""`@` that are tried as the end of the credentials."""

_SCHEMES: Final = ("rtsp", "rtsps", "rtspu")
_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_-]{1,63})*)\.?")
_ZONE: Final = re.compile(r"[A-Za-z0-9._~-]{1,15}")
"""RFC 6874 section 2, without escapes: an interface's name, on Linux of at most 15 letters.
`ipaddress` takes spaces and line breaks for one."""
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*", re.DOTALL)
_PATH_SAFE: Final = "/?%:@!$&'()*+,;=-._~[]|\"\\^`{}<>"
"""Left as written in a path: cameras compare it byte by byte (Dahua's `cameraid=1000193%241`)."""


@dataclass(frozen=True, slots=True)
class Address:
    """One stream's place. `str()` and `uri` are what a request line and a log may carry."""

    scheme: str
    host: str
    """A name or an IP literal without brackets."""
    port: int
    path: str
    """Path and query, from the first `/` or `?`; percent-encoded; may be empty."""
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))

    @property
    def authority(self) -> str:
        """`host:port`, an IPv6 literal in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def uri(self) -> str:
        """The request URI: never with credentials (RFC 2326 section 3.2 has no place for them)."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def __str__(self) -> str:
        return self.uri

    def with_path(self, path: str) -> Address:
        """The same camera and credentials at another path and query; encodes what must be.

        Raises:
            MalformedError: a control character stands in it, or it is longer than `MAX_URL`.
        """
        return replace(self, path=_path(path))


def parse(url: str, user: str = "", password: Secret | None = None) -> Address:
    """Read a URL in which the credentials may stand, raw or percent-encoded.

    Credentials given apart are taken as they are and win over those in the URL.  In the URL,
    percent signs are an encoding only if every one of them is followed by two hexadecimal digits.

    Which `@` ends the credentials, when the password holds `@ / ? #` itself: the RFC's reading,
    if what follows it looks like a host for certain (an IP literal, a dotted name, localhost);
    else the last `@` that such a host follows; else the RFC's reading with any host; else the
    last `@` with any.  A password like `x@10.0.0.1/y` is beyond guessing: give it apart.

    Raises:
        MalformedError: it is no RTSP URL. The message does not repeat it.
    """
    scheme, rest = _scheme(url)
    found = _split(rest)
    if found is None and _has_no_port(rest):
        raise MalformedError("the port in the camera's URL: ports lie between 1 and 65535")
    if found is None:
        raise MalformedError(
            "no host in the camera's URL after rtsp://; if the password holds / or @, give user "
            "and password apart from the URL"
        )
    credentials, host, port, path = found
    in_url_user, _, in_url_password = credentials.partition(":")
    if not user and not password:
        user, password = _plain(in_url_user), Secret(_plain(in_url_password))
    password = password or Secret("")
    if len(user) > MAX_CREDENTIAL or len(password.reveal()) > MAX_CREDENTIAL:
        raise MalformedError(f"user and password have at most {MAX_CREDENTIAL} characters each")
    if _CONTROL.search(user):
        raise MalformedError("a control character in the camera's user name")
    try:
        (user + password.reveal()).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise MalformedError("the camera's user or password is not valid Unicode") from error
    return Address(scheme, host, port, _path(path), user, password)


def by_the_book(url: str) -> Address:
    """Read a URL that a camera sent, as RFC 3986 has it; credentials in it are left out.

    Raises:
        MalformedError: it is no RTSP URL.
    """
    scheme, rest = _scheme(url)
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    place = _place(rest[authority.rfind("@") + 1 :], certain=False)
    if place is None:
        raise MalformedError("no host in a URL of the camera")
    return Address(scheme, place[0], place[1], _path(place[2]))


def _scheme(url: str) -> tuple[str, str]:
    if len(url) > MAX_URL:
        raise MalformedError(f"a URL of {len(url)} characters; at most {MAX_URL} are read")
    scheme, mark, rest = url.strip().partition("://")
    if not mark or scheme.lower() not in _SCHEMES:
        raise MalformedError("not a camera's URL: it begins with rtsp:// or rtsps://")
    return scheme.lower(), rest


def _path(text: str) -> str:
    """Encode what may not stand in a request line; the fragment is not sent (RFC 3986 3.5)."""
    if _CONTROL.search(text):
        raise MalformedError("a control character in the camera's URL")
    if len(text) > MAX_URL:
        raise MalformedError(f"a path of {len(text)} characters; at most {MAX_URL} are sent")
    try:
        return quote(text.partition("#")[0], safe=_PATH_SAFE, errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise MalformedError("the camera's URL is not valid Unicode") from error


def _split(rest: str) -> tuple[str, str, int, str] | None:
    """Credentials, host, port and path of what follows `://`."""
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    by_the_book = authority.rfind("@")
    later = [mark.start() for mark in re.finditer("@", rest) if mark.start() > by_the_book]
    marks = [by_the_book, *reversed(later[-MAX_MARKS:])]
    for certain in (True, False):
        for mark in marks:
            place = _place(rest[mark + 1 :], certain=certain)
            if place is not None:
                return rest[: max(mark, 0)], *place
    return None


def _place(text: str, *, certain: bool) -> tuple[str, int, str] | None:
    """Host, port and path, if the text begins with a host (that is one for certain)."""
    match = re.match(r"(\[[^\]/?#@]*\]|[^:/?#@\[\]]*)(?::(\d{0,5}))?(?=[/?#]|$)", text)
    if match is None:
        return None
    host = match[1].strip("[]")
    port = int(match[2] or DEFAULT_PORT)
    path = text[match.end() :]
    literal = _is_literal(host)
    if not 0 < port < 65536 or not (literal or _NAME.fullmatch(host)):
        return None
    last = host.rstrip(".").rpartition(".")
    named = host.lower() == "localhost" or (bool(last[0]) and last[2][:1].isalpha())
    if certain and not (literal or named):
        return None
    return host, port, path


def _has_no_port(rest: str) -> bool:
    """Whether what looks like a host is followed by a number that is no port."""
    authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
    host, _, port = authority[authority.rfind("@") + 1 :].rpartition(":")
    return bool(host) and port.isdecimal() and not 0 < int(port) < 65536


def _is_literal(host: str) -> bool:
    number, mark, zone = host.replace("%25", "%", 1).partition("%")
    try:
        ipaddress.ip_address(number)
    except ValueError:
        return False
    return not mark or _ZONE.fullmatch(zone) is not None


def _plain(text: str) -> str:
    """Undo percent-encoding, if it is one."""
    return unquote(text, errors="surrogateescape") if _ESCAPED.fullmatch(text) else text
