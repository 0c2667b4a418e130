"""Our operator, its three accounts, and who may do what in them (`docs/ref/subjects.md`).

CONTROL carries questions, facts and orders; MEDIA carries pictures; SYS is the server's own.
They are two so that later each has its own leaf connection: on one, a full line of 2 Mbit/s pushed
questions from 0.3 s to time-outs; on two they stayed at 10 to 30 ms. CONTROL imports from MEDIA
the four questions that a viewer may ask (and credit for their answers); nothing else crosses.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from vonggac import wire
from vonggac.config import Secret
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.keys.files import make_folder, read_secret, write_secret
from vonggac.keys.nkey import (
    AccountTerms,
    NKey,
    Permissions,
    Role,
    Storage,
    UserTerms,
    account_jwt,
    is_public,
    operator_jwt,
    user_jwt,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VIEWER_LIFE_S: Final = 120
"""Seconds that a viewer's token lives at most (docs/ref/subjects.md)."""
VIEWER_CAMERAS: Final = 64
"""Cameras in a viewer's token at most: a wall of 25 tiles and a page to cycle to."""
VIEWER_PAYLOAD: Final = 16_384
"""Bytes of a viewer's message: a question (8 KiB) and its headers (the grant, about 4 kB)."""
VIEWER_SUBSCRIPTIONS: Final = 256
"""Both streams of 64 cameras and the answers, with room for renewal."""
MACHINE_PAYLOAD: Final = 4_194_304
"""Bytes of a message of edge or hub: the server's own bound, a part with a 4K keyframe."""
MACHINE_SUBSCRIPTIONS: Final = 1_024
"""The hub leases at most a few hundred streams at once."""

LEDGER: Final = "LEDGER"
WANT: Final = "WANT"
HUB_CONSUMER: Final = "HUB"
"""Name of the hub's durable consumer of the ledger."""

_STANDARD: Final = ("STANDARD",)
_SAFE_TAG = re.compile(r"^[a-z0-9-]{1,64}$")


def new_id() -> str:
    """A new permanent id: 16 random bytes in base32, lower case, 26 characters."""
    return b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


@dataclass(frozen=True, slots=True)
class Credential:
    """What a program needs to sign in to NATS. Its repr shows no secret."""

    token: str
    """The user's JWT. Not secret without the key: the server asks for a signed nonce."""
    key: NKey

    @property
    def inbox(self) -> str:
        """The prefix of this user's own replies from JetStream; nobody else may subscribe it."""
        return f"in.{self.key.public}"

    def save(self, path: Path) -> None:
        """Write both to a secret file for another process of this machine."""
        write_secret(path, f"{self.token}\n{self.key.seed.reveal()}\n")

    @classmethod
    def load(cls, path: Path) -> Credential:
        """Read what `save` wrote.

        Raises:
            ConfigError: the file is missing, open to others, or no credential.
        """
        lines = read_secret(path).reveal().split("\n")
        if len(lines) != 2:
            raise ConfigError(f"{path} is no credential; start the hub again to make a new one")
        return cls(lines[0], NKey(Secret(lines[1])))

    def __repr__(self) -> str:
        return f"Credential({self.key.public})"


def edge_control(hub: str, site: str, user: NKey) -> Permissions:
    """The edge's connection for questions, facts and orders."""
    return Permissions(
        publish=(
            wire.facts(hub, site),
            wire.replies(hub, site),
            f"$JS.API.STREAM.INFO.{LEDGER}",
            f"$JS.API.STREAM.CREATE.{LEDGER}",
            f"$JS.API.STREAM.UPDATE.{LEDGER}",
            f"$JS.API.STREAM.MSG.GET.{LEDGER}",
            f"$JS.API.STREAM.INFO.{WANT}",
            f"$JS.API.STREAM.CREATE.{WANT}",
            f"$JS.API.STREAM.UPDATE.{WANT}",
            f"$JS.API.STREAM.MSG.GET.{WANT}",
        ),
        subscribe=(wire.asks(hub, site), wire.wants(hub, site), f"in.{user.public}.>"),
    )


def edge_media(hub: str, site: str) -> Permissions:
    """The edge's connection for pictures."""
    return Permissions(publish=(wire.lives(hub, site), wire.replies(hub, site)))


def hub_control(hub: str, user: NKey) -> Permissions:
    """The hub's connection for questions, facts and orders."""
    return Permissions(
        publish=(
            wire.asks(hub),
            wire.wants(hub),
            f"$JS.API.STREAM.INFO.{LEDGER}",
            f"$JS.API.CONSUMER.CREATE.{LEDGER}.{HUB_CONSUMER}",
            f"$JS.API.CONSUMER.DELETE.{LEDGER}.{HUB_CONSUMER}",
            f"$JS.API.CONSUMER.INFO.{LEDGER}.{HUB_CONSUMER}",
            f"$JS.API.CONSUMER.MSG.NEXT.{LEDGER}.{HUB_CONSUMER}",
            f"$JS.API.STREAM.INFO.{WANT}",
            f"$JS.API.STREAM.MSG.GET.{WANT}",
            # $JS.ACK.<domain>.<account>.<stream>.<consumer>..., and the form without domain
            f"$JS.ACK.*.*.{LEDGER}.{HUB_CONSUMER}.>",
            f"$JS.ACK.{LEDGER}.{HUB_CONSUMER}.>",
        ),
        subscribe=(wire.replies(hub), f"in.{user.public}.>"),
    )


def hub_media(hub: str) -> Permissions:
    """The hub's connection for pictures that it reads itself."""
    return Permissions(subscribe=(wire.replies(hub), wire.lives(hub)))


def system_permissions(user: NKey) -> Permissions:
    """The hub's connection to the server's own account: presence and revocation."""
    return Permissions(
        publish=("$SYS.REQ.CLAIMS.UPDATE",),
        subscribe=(
            "$SYS.ACCOUNT.*.CONNECT",
            "$SYS.ACCOUNT.*.DISCONNECT",
            f"in.{user.public}.>",
        ),
    )


def viewer_template(hub: str) -> UserTerms:
    """What a scoped key may let its users do; the tags of a token fill the braces."""
    at, camera, grant = f"vg.{hub}.{{{{tag(site)}}}}", "{{tag(camera)}}", "{{tag(grant)}}"
    verbs = (*wire.VIEWER_VERBS, wire.Verb.MORE)
    return UserTerms(
        Permissions(
            publish=tuple(f"{at}.ask.{verb}.{camera}.{grant}" for verb in verbs),
            subscribe=(
                f"{at}.live.{camera}.{{{{tag(stream)}}}}",
                f"{at}.re.{grant}.>",
            ),
        ),
        connection_types=("WEBSOCKET",),
        subscriptions=VIEWER_SUBSCRIPTIONS,
        payload=VIEWER_PAYLOAD,
    )


class ViewerSigner:
    """Signs viewers' tokens. All that the web process holds of the operator's tree.

    Args:
        key: a scoped signing key of the MEDIA account.
        account: the MEDIA account's public key.
    """

    def __init__(self, key: NKey, account: str) -> None:
        self._key = key
        self._account = account

    def token(
        self,
        user: str,
        *,
        site: str,
        cameras: Sequence[str],
        streams: Sequence[str],
        grant: str,
        issued_s: int,
        life_s: int = VIEWER_LIFE_S,
    ) -> str:
        """A token for the nkey that a browser made for itself.

        Every camera is opened with every stream named.

        Args:
            user: the browser's public nkey ("U...").
            site: id of the site.
            cameras: names of the cameras, at least one.
            streams: `main`, `sub` or both.
            grant: id of the grant.
            issued_s: seconds since 1970.
            life_s: seconds until the server cuts it off, at most `VIEWER_LIFE_S`.

        Raises:
            VonggacError: BAD_INPUT or TOO_LARGE.
        """
        if not 0 < life_s <= VIEWER_LIFE_S:
            raise VonggacError(Kind.BAD_INPUT, f"a viewer's token lives 1 to {VIEWER_LIFE_S} s")
        if not 1 <= len(cameras) <= VIEWER_CAMERAS or not streams:
            raise VonggacError(
                Kind.BAD_INPUT, f"a token names 1 to {VIEWER_CAMERAS} cameras and their streams"
            )
        if not wire.is_id(site) or not wire.is_id(grant):
            raise VonggacError(Kind.BAD_INPUT, "site or grant is not an id")
        # A wildcard in a tag would open every camera: only plain names may become tags.
        for name in (*cameras, *streams):
            if not _SAFE_TAG.fullmatch(name):
                raise VonggacError(Kind.BAD_INPUT, "a camera or stream has an impossible name")
        tags = [f"site:{site}", f"grant:{grant}"]
        tags += [f"camera:{camera}" for camera in cameras]
        tags += [f"stream:{stream}" for stream in streams]
        return user_jwt(
            self._key,
            user,
            account=self._account,
            name=f"viewer-{grant}",
            issued_s=issued_s,
            expires_s=issued_s + life_s,
            terms=None,
            tags=tags,
        )


class _Public(msgspec.Struct, frozen=True):
    """The public half of the tree, as `trust.json` keeps it."""

    hub: str
    operator: str
    operator_jwt: str
    system: str
    control: str
    media: str


class _Revoked(msgspec.Struct):
    """What `revoked.json` keeps: account -> user -> seconds since 1970."""

    control: dict[str, int] = {}
    media: dict[str, int] = {}


class Trust:
    """The operator's tree of one hub, in a folder of key files (0700, each file 0600).

    `operator.seed` is never read again after it was made: take it off the machine. The accounts'
    own seeds are not kept at all, because accounts are signed by the operator's signing key and
    users by the accounts' signing keys.

    Args:
        folder: where the files are.

    Raises:
        ConfigError: a file is missing, open to others or unreadable.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self.public = msgspec.json.decode(
                read_secret(folder / "trust.json").reveal(), type=_Public
            )
            self._revoked = _Revoked()
            if (folder / "revoked.json").exists():
                self._revoked = msgspec.json.decode(
                    read_secret(folder / "revoked.json").reveal(), type=_Revoked
                )
        except wire.UNREADABLE as error:
            raise ConfigError(f"{folder} holds a damaged key file: {error}") from error
        self._operator_signing = self._key("operator-signing")
        self._system_signing = self._key("system-signing")
        self._control_signing = self._key("control-signing")
        self._media_signing = self._key("media-signing")
        self._viewer_signing = self._key("viewer-signing")

    @classmethod
    def at(cls, folder: Path, *, issued_s: int) -> Trust:
        """The tree in this folder, made at the first start."""
        if not (folder / "trust.json").exists():
            cls._make(folder, issued_s)
        return cls(folder)

    @staticmethod
    def _make(folder: Path, issued_s: int) -> None:
        make_folder(folder)
        operator = NKey.create(Role.OPERATOR)
        signing = NKey.create(Role.OPERATOR)
        accounts = {name: NKey.create(Role.ACCOUNT) for name in ("system", "control", "media")}
        write_secret(folder / "operator.seed", operator.seed.reveal())
        write_secret(folder / "operator-signing.seed", signing.seed.reveal())
        for name in ("system", "control", "media", "viewer"):
            key = NKey.create(Role.ACCOUNT)
            write_secret(folder / f"{name}-signing.seed", key.seed.reveal())
        public = _Public(
            hub=new_id(),
            operator=operator.public,
            operator_jwt=operator_jwt(
                operator,
                name="vonggac",
                signing_keys=[signing.public],
                system_account=accounts["system"].public,
                issued_s=issued_s,
            ),
            **{name: key.public for name, key in accounts.items()},
        )
        write_secret(folder / "trust.json", msgspec.json.encode(public).decode())

    def _key(self, name: str) -> NKey:
        return NKey(read_secret(self._folder / f"{name}.seed"))

    @property
    def hub(self) -> str:
        """The hub's permanent id."""
        return self.public.hub

    def account_jwts(self, *, issued_s: int) -> dict[str, str]:
        """Account's public key -> its claims as they stand now, for the server's resolver."""
        crossing = tuple(
            f"vg.{self.hub}.*.ask.{verb}.*.*" for verb in (*wire.VIEWER_VERBS, wire.Verb.MORE)
        )
        terms = {
            self.public.system: AccountTerms("SYS", (self._system_signing.public,), connections=8),
            self.public.control: AccountTerms(
                "CONTROL",
                (self._control_signing.public,),
                imports=tuple((self.public.media, subject) for subject in crossing),
                connections=1_024,  # edges and hub processes; 300 sites a province
                # a ledger of a month is some 100 MB; the server's own max_file_store bounds it
                storage=Storage(64 << 20, 8 << 30, streams=16, consumers=64),
                revoked=self._revoked.control,
            ),
            self.public.media: AccountTerms(
                "MEDIA",
                (self._media_signing.public,),
                scoped={self._viewer_signing.public: ("viewer", viewer_template(self.hub))},
                exports=crossing,
                connections=4_096,  # viewers of one hub, twice while they renew
                revoked=self._revoked.media,
            ),
        }
        return {
            account: account_jwt(self._operator_signing, account, claims, issued_s=issued_s)
            for account, claims in terms.items()
        }

    def viewer_signer(self) -> ViewerSigner:
        """What the web process gets."""
        return ViewerSigner(self._viewer_signing, self.public.media)

    def edge(self, site: str, *, issued_s: int) -> tuple[Credential, Credential]:
        """New credentials (control, media) of a site's edge."""
        control, media = NKey.create(Role.USER), NKey.create(Role.USER)
        return (
            self._machine(control, edge_control(self.hub, site, control), f"edge-{site}", issued_s),
            self._machine(media, edge_media(self.hub, site), f"edge-{site}", issued_s, media=True),
        )

    def hub_users(self, *, issued_s: int) -> tuple[Credential, Credential]:
        """New credentials (control, media) of a hub process."""
        control, media = NKey.create(Role.USER), NKey.create(Role.USER)
        return (
            self._machine(control, hub_control(self.hub, control), "hub", issued_s),
            self._machine(media, hub_media(self.hub), "hub", issued_s, media=True),
        )

    def system_user(self, *, issued_s: int) -> Credential:
        """A new credential for presence and revocation."""
        user = NKey.create(Role.USER)
        token = user_jwt(
            self._system_signing,
            user.public,
            account=self.public.system,
            name="system",
            issued_s=issued_s,
            expires_s=None,
            terms=UserTerms(system_permissions(user), _STANDARD, 16, 1 << 20),
        )
        return Credential(token, user)

    def revoke(self, *users: str, now_s: int, media: bool) -> str:
        """Void every token that these users hold; returns the account's new claims.

        They are kept, so that a restart does not forget them. Viewers' revocations are dropped
        an hour later, long after their tokens ended by themselves.

        Raises:
            VonggacError: BAD_INPUT: not a user's public key.
        """
        if not all(is_public(user, Role.USER) for user in users):
            raise VonggacError(Kind.BAD_INPUT, "this is not the public nkey of a user")
        revoked = self._revoked.media if media else self._revoked.control
        revoked.update(dict.fromkeys(users, now_s))
        if media:
            for old in [key for key, at in revoked.items() if at < now_s - 3_600]:
                del revoked[old]
        write_secret(self._folder / "revoked.json", msgspec.json.encode(self._revoked).decode())
        account = self.public.media if media else self.public.control
        return self.account_jwts(issued_s=now_s)[account]

    def _machine(
        self,
        user: NKey,
        permissions: Permissions,
        name: str,
        issued_s: int,
        *,
        media: bool = False,
    ) -> Credential:
        token = user_jwt(
            self._media_signing if media else self._control_signing,
            user.public,
            account=self.public.media if media else self.public.control,
            name=name,
            issued_s=issued_s,
            expires_s=None,
            terms=UserTerms(permissions, _STANDARD, MACHINE_SUBSCRIPTIONS, MACHINE_PAYLOAD),
        )
        return Credential(token, user)
