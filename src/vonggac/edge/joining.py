"""A box joins a hub with a code: it asks, holds the answer against the code, and writes it down.

Nothing is believed of the line: the hub's key is held against the fingerprint in the code, the
question is sealed to that key and the answer signed with it.  So a certificate that nobody knows
yet (the hub's own authority comes with the answer) is no danger, and none is checked here.

A box takes the id of its facility when it joins.  One that has recorded under an id of its own
keeps that id in every signed byte, and is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp
import msgspec

from vonggac import keys
from vonggac.clock import NS
from vonggac.config import NAME
from vonggac.edge import identity as identities
from vonggac.errors import ConfigError, Kind, MalformedError, VonggacError
from vonggac.keys import enrolment as proving
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.edge.identity import Identity

KEYS: Final = "keys"
RECORDINGS: Final = "recordings"
CONFIGURATION: Final = "vonggac.toml"
HUB_KEY: Final = "hub.key"
"""Signs grants and orders of a hub, in its folder of keys."""
ANSWER_S: Final = 30.0
"""Seconds for a question and its answer over a bad line (ours)."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_LIVES: Final = ("journal", "catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm", ".alive")
"""What a box that recorded nothing has of its lives so far."""


class Joined(NamedTuple):
    """How it went."""

    enrolment: wires.Enrolment
    adopted: bool
    """Whether the box is the facility's already; else it will be when it is started again."""
    configuration: Path | None
    """The configuration that was written for it; None: it has one."""


async def join(
    data: Path, code: wires.Code, *, version: str, clock: Clock, proxy: str | None, runs: bool
) -> Joined:
    """Join the hub of a code.

    Args:
        data: of the box; what is missing is made.
        code: as `wire.enrolment.read_code` read it.
        version: of this program.
        clock: wall time.
        proxy: http://host:port on the way, if there is one.
        runs: whether `vonggac up` runs on it now; its id then changes at the next start.

    Raises:
        VonggacError: `code` in its detail says which of the reasons it is.
        ConfigError: a file cannot be read or written.
    """
    if is_hub(data):
        return await join_hub(data, code, version=version, clock=clock, proxy=proxy, runs=runs)
    recordings = data / RECORDINGS
    mine = await asyncio.to_thread(_identity, recordings)
    enrolment = await _asked(code, mine.key, mine.chain, version, clock, proxy)
    if enrolment.site is None:
        raise _refused("for_hub", "this code is for a hub, and this is the box of a facility")
    if enrolment.site.id != mine.site and has_recorded(recordings):
        raise _refused("has_recordings", "this box has recorded under an id of its own")
    await asyncio.to_thread(proving.keep, data / KEYS, enrolment)
    if not runs:
        await asyncio.to_thread(settle, data)
    made = await asyncio.to_thread(_configure, data, enrolment.site)
    return Joined(enrolment, adopted=not runs, configuration=made)


def is_hub(data: Path) -> bool:
    """Whether a hub without a box keeps its data here."""
    signs = (data / KEYS / HUB_KEY).exists()
    return signs and not (data / RECORDINGS / identities.FOLDER).exists()


async def join_hub(
    data: Path, code: wires.Code, *, version: str, clock: Clock, proxy: str | None, runs: bool
) -> Joined:
    """Join the hub of a code, as a hub: it keeps its id, its sites and their codes.

    Args:
        data: of the hub; keys that are missing are made.
        code: as `join`.
        version: as `join`.
        clock: as `join`.
        proxy: as `join`.
        runs: whether `vonggac hub` runs on it now; it dials its parent at the next start.

    Raises:
        VonggacError: as `join`.
        ConfigError: as `join`.
    """

    def own() -> tuple[keys.SigningKey, keys.Chain]:
        keys.make_folder(data / KEYS)
        trust = keys.Trust.at(data / KEYS / "trust", issued_s=clock.wall_ns() // NS)
        key = keys.SigningKey.at(data / KEYS / HUB_KEY)
        return key, keys.Chain(trust.hub, key.public)

    key, chain = await asyncio.to_thread(own)
    enrolment = await _asked(code, key, chain, version, clock, proxy, as_hub=True)
    if enrolment.joined is None or enrolment.joined.id != chain.site:
        raise _refused("for_box", "this code is for a facility's box, and this is a hub")
    await asyncio.to_thread(proving.keep, data / KEYS, enrolment)
    return Joined(enrolment, adopted=not runs, configuration=None)


async def _asked(
    code: wires.Code,
    key: keys.SigningKey,
    chain: keys.Chain,
    version: str,
    clock: Clock,
    proxy: str | None,
    *,
    as_hub: bool = False,
) -> wires.Enrolment:
    """Ask the hub of a code, and hold what it answers against the code."""
    async with _session() as session:
        offer = await _offer(session, code, proxy)
        if not proving.is_meant(code, offer):
            raise _refused("foreign", "the hub at this address is not the one of this code")
        off_s = (clock.wall_ns() - int(offer.now_ns)) // NS
        if abs(off_s) > wires.CLOCK_OFF_S:
            raise _refused("clock", "the clocks stand apart", off_s=off_s)
        body = proving.asked(
            code, offer, key, chain, version=version[:64], at_ns=clock.wall_ns(), is_hub=as_hub
        )
        answer = await _answer(session, code, body, proxy)
    enrolment = proving.accepted(offer.key, key, answer)
    _check_lines(enrolment)
    return enrolment


def settle(data: Path) -> wires.Enrolment | None:
    """Make the box that of the facility which it joined, if it is not yet. Before `up` starts it.

    Returns:
        The parent; None: the box works alone.

    Raises:
        ConfigError: a file cannot be read or written.
        VonggacError: CONFLICT, it has recorded under another id.
    """
    parent = proving.parent_at(data / KEYS)
    if parent is None:
        return None
    if parent.site is None:
        raise _refused("for_hub", "what lies here joined as a hub; start `vonggac hub`")
    recordings = data / RECORDINGS
    mine = _identity(recordings)
    if mine.site == parent.site.id:
        return parent
    if has_recorded(recordings):
        raise _refused("has_recordings", "this box has recorded under an id of its own")
    if mine.chain.changes:
        raise _refused("other_site", "the key of this box was changed under another id")
    try:
        aside = data / f"before-{mine.site}"
        for name in _LIVES:
            if (recordings / name).exists():
                aside.mkdir(mode=0o700, exist_ok=True)
                (recordings / name).replace(aside / name)
    except OSError as error:
        raise ConfigError(f"cannot tidy {recordings}: {error.strerror}") from error
    folder = recordings / identities.FOLDER
    (folder / identities.ORDER).unlink(missing_ok=True)
    keys.write_secret(folder / identities.EPOCH, str(parent.site.epoch))
    keys.write_secret(folder / "site", parent.site.id)  # last: with it everything is done
    return parent


def has_recorded(recordings: Path) -> bool:
    """Whether any segment lies there."""
    return next(recordings.glob("*/*/*/*.mp4"), None) is not None


def _identity(recordings: Path) -> Identity:
    if (recordings / identities.FOLDER / identities.KEY).exists():
        return identities.read(recordings)
    return identities.identity_at(recordings)


def _check_lines(enrolment: wires.Enrolment) -> None:
    """Refuse a parent that would be reached in clear beyond this machine."""
    for address in enrolment.addresses:
        scheme, _, rest = address.partition("://")
        host = rest.partition("/")[0]
        host = host if host.endswith("]") else host.rpartition(":")[0] or host
        if scheme in ("ws", "nats-leaf") and host not in LOOPBACK:
            raise _refused("clear_text", f"the hub is reached in clear: {address}")


def _configure(data: Path, site: wires.EnrolledSite) -> Path | None:
    """The first configuration, where there is none."""
    path = data / CONFIGURATION
    if path.exists():
        return None
    name = site.name if re.fullmatch(NAME, site.name) else "site"
    told = [
        f"data_dir = {_toml(str(data.absolute()))}", "", "[site]", f"name = {_toml(name)}",
        f"title = {_toml(site.title)}", f"address = {_toml(site.address)}",
        f"owner_line = {_toml(site.owner_line)}", "", "[retention]",
        f"days = {site.retention_days}", "",
    ]  # fmt: skip
    try:
        path.write_text("\n".join(told), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return path


def _toml(text: str) -> str:
    """A basic string of TOML: JSON's escapes are a part of its own."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# -- over the line ---------------------------------------------------------------------------


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=1, ssl=False)
    return aiohttp.ClientSession(
        connector=connector, trust_env=False, timeout=aiohttp.ClientTimeout(total=ANSWER_S)
    )


async def _offer(
    session: aiohttp.ClientSession, code: wires.Code, proxy: str | None
) -> wires.EnrolOffer:
    status, told = await _ask(session, "GET", code, proxy, None)
    try:
        if status == 200:
            return wires.decode_offer(told)
    except MalformedError:
        pass
    raise _refused("no_hub", f"what answers at {code.address} is no hub ({status})")


async def _answer(
    session: aiohttp.ClientSession, code: wires.Code, body: wires.EnrolSealed, proxy: str | None
) -> wires.EnrolAnswer:
    status, told = await _ask(session, "POST", code, proxy, wires.encode_enrolment(body))
    if status == 200:
        return wires.decode_answer(told)
    try:
        detail: dict[str, Any] = msgspec.json.decode(told)["error"]["detail"]
        why, at, off_s = detail.get("code"), detail.get("at"), detail.get("off_s")
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        why, at, off_s = None, None, None
    if status == 429:
        raise _refused("too_many", "the hub asks to wait", kind=Kind.TOO_MANY)
    if not isinstance(why, str) or not re.fullmatch(r"[a-z_]{1,40}", why):
        raise _refused("no_hub", f"the hub failed ({status})", kind=Kind.UNAVAILABLE)
    raise _refused(
        why, f"the hub refused this code: {why}", at=at if isinstance(at, str) else None,
        off_s=off_s if isinstance(off_s, int) else None,
    )  # fmt: skip


async def _ask(
    session: aiohttp.ClientSession,
    method: str,
    code: wires.Code,
    proxy: str | None,
    body: bytes | None,
) -> tuple[int, bytes]:
    """One question over the line.

    Raises:
        VonggacError: UNAVAILABLE, `code` no_name, no_line or no_proxy.
    """
    url = f"{code.address}{wires.ENROL_PATH}"
    headers = {"Content-Type": "application/json"} if body is not None else {}
    try:
        async with session.request(
            method, url, data=body, headers=headers, proxy=proxy, allow_redirects=False
        ) as answer:
            return answer.status, await answer.content.read(2 * wires.MAX_ENROLMENT)
    except aiohttp.ClientConnectorDNSError:
        raise _refused("no_name", "the name is not known", kind=Kind.UNAVAILABLE) from None
    except aiohttp.ClientProxyConnectionError:
        raise _refused("no_proxy", "no answer of the proxy", kind=Kind.UNAVAILABLE) from None
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        said = f"no answer from {code.address}: {type(error).__name__}"
        raise _refused("no_line", said, kind=Kind.UNAVAILABLE) from error


def _refused(
    code: str, message: str, *, kind: Kind = Kind.FORBIDDEN, **detail: object
) -> VonggacError:
    return VonggacError(kind, message, code=code, **detail)
