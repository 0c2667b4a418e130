"""What joins this machine's server to the one above it, and lets machines below join.

Two connections upward, one an account: on a single one a full line of pictures pushed questions
from 0.3 s to time-outs; on two they stayed at 10 to 30 ms. Options: docs.nats.io, reference of
nats-server 2.14, "leafnodes" and "remotes".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from vonggac.errors import ConfigError
from vonggac.keys import Credential, tls, write_secret

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.keys import Trust

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
SECURE: Final = ("tls", "wss")
OPEN: Final = ("nats-leaf", "ws")
"""Unencrypted; only to this machine, or through a tunnel that ends on it."""
FIRST_WORD: Final = "5s"
"""How long the other side may take to say what it is: with 200 ms RTT and TLS over a proxy some
1.2 s; the default of 1 s failed there."""
AGAIN: Final = "1s"
"""Pause between two tries to reach the parent; without a limit of tries."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The hub above, and how this machine's server joins it."""

    urls: tuple[str, ...]
    """tls://host:port or wss://host[:port], tried in this order; `nats-leaf` and `ws` on loopback
    alone. wss is the port of the browsers, which passes where nothing but 443 does."""
    control: Path
    """Credential that the parent gave for questions, facts and orders (`keys.Credential.save`)."""
    media: Path
    """The same for pictures."""
    trusted: Path | None = None
    """The authority that signed the parent's certificate; without it those of this machine."""
    proxy: str | None = None
    """http://[user:password@]host:port of the proxy on the way; ws and wss alone go through it."""

    def __post_init__(self) -> None:
        """Refuse what would speak in clear beyond this machine, or past the proxy.

        Raises:
            ConfigError: an address is none, is not encrypted, or cannot go through the proxy.
        """
        if not self.urls:
            raise ConfigError("parent: it has no address")
        for url in self.urls:
            scheme, host = _parts(url)
            if scheme not in (*SECURE, *OPEN) or not host:
                raise ConfigError(f"parent: {url} is neither wss://host nor tls://host:port")
            if scheme in OPEN and host not in LOOPBACK:
                raise ConfigError(f"parent: {url} is not encrypted; use wss:// or tls://")
            if self.proxy is not None and scheme not in ("ws", "wss"):
                raise ConfigError(f"parent: {url} does not go through a proxy; use wss://")
        if self.proxy is not None and _parts(self.proxy)[0] not in ("http", "https"):
            raise ConfigError("parent: the proxy is no http:// address")


def tls_options(files: tls.Files) -> dict[str, object]:
    """How a listener of nats-server speaks TLS."""
    return {
        "cert_file": str(files.certificate),
        "key_file": str(files.key),
        "min_version": "1.2",
        "cipher_suites": list(tls.SUITES),
    }


def listener(host: str, port: int, own: tls.Authority | None) -> dict[str, object]:
    """The part of the configuration with which machines below may join.

    Args:
        host: of the leafs' own port; those that dial the browsers' port need it to be there too.
        port: -1 takes a free one.
        own: TLS of the leafs' own port; None on loopback alone.
    """
    tree: dict[str, object] = {
        "host": host,
        "port": port,
        # Else a leaf learns the address of this listener and goes around whatever it was told to
        # go through: a proxy, a link of the tests.
        "no_advertise": True,
        "compression": "accept",  # the machine below decides: it is its line
    }
    if own is not None:
        # From the first byte: nothing is said in clear that a way between could take out.
        tree["tls"] = {**tls_options(own.files), "handshake_first": True, "timeout": 5}
    return tree


def remotes(parent: Parent, trust: Trust, folder: Path) -> list[dict[str, object]]:
    """The part of the configuration that joins the parent: one connection an account.

    The credentials are written anew in the form that nats-server reads.

    Args:
        parent: the hub above.
        trust: this machine's own tree: what comes from above enters its accounts.
        folder: of the server; gets two secret files.

    Raises:
        ConfigError: a credential cannot be read.
    """
    found = []
    for account, given, name in (
        (trust.control, parent.control, "control"),
        (trust.media, parent.media, "media"),
    ):
        path = folder / f"parent-{name}.creds"
        write_secret(path, Credential.load(given).decorated())
        remote: dict[str, object] = {
            "urls": list(parent.urls),
            "no_randomize": True,  # the first address is the nearest
            "ignore_discovered_servers": True,
            "account": account,
            "credentials": str(path),
            "first_info_timeout": FIRST_WORD,
            # Pictures do not compress; facts and questions shrink to a half, on a slow line.
            "compression": "off" if name == "media" else "s2_fast",
        }
        security: dict[str, object] = {}
        if any(url.startswith("tls://") for url in parent.urls):
            security = {"handshake_first": True, "timeout": 5}
        if parent.trusted is not None:
            security["ca_file"] = str(parent.trusted)
        if security:
            remote["tls"] = security
        if parent.proxy is not None:
            remote["proxy"] = _proxy(parent.proxy)
        found.append(remote)
    return found


def _proxy(url: str) -> dict[str, object]:
    split = urlsplit(url)
    bare = split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()
    told: dict[str, object] = {"url": bare, "timeout": FIRST_WORD}
    if split.username:
        told |= {"username": split.username, "password": split.password or ""}
    return told


def _parts(url: str) -> tuple[str, str]:
    try:
        split = urlsplit(url)
        return split.scheme, split.hostname or ""
    except ValueError:
        return "", ""
