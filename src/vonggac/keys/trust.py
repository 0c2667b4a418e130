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
LEAF_SUBSCRIPTIONS: Final = 4_096
"""Of a machine below: a province names 5 subjects for each of its 300 sites, and what is leased."""
LEAVES: Final = 1_024
"""Machines that may join an account from below: 300 sites of a province, with room for renewal."""

LEDGER: Final = "LEDGER"
WANT: Final = "WANT"
LEDGERS: Final = "LEDGERS"
"""What a hub holds of the ledgers below it: sources alone, no subjects of its own."""
HUB_CONSUMER: Final = "HUB"
"""Begins the name of the hub's durable consumer of the ledger, and of `LEDGERS`. The rest nobody
can guess: nats-server 2.14 takes acknowledgements (`$JS.ACK.<stream>.<consumer>...`) from every
leaf, whatever its permissions (tried), and a site could have the hub pass over other sites' facts.
"""

LEAF_NAME: Final = "leaf-"
"""Before the id of a site or hub, in the name of its token."""

_STANDARD: Final = ("STANDARD",)
_LEAF: Final = ("LEAFNODE", "LEAFNODE_WS")
"""From server to server, on the leafs' own port or on the one of the browsers."""
_SAFE_TAG = re.compile(r"^[a-z0-9-]{1,64}$")


def new_id() -> str:
    """A new permanent id: 16 random bytes in base32, lower case, 26 characters."""
    return b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def leaf_name(below: str) -> str:
    """What the token of a machine below is called; presence reads the id from it."""
    return f"{LEAF_NAME}{below}"


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

    def decorated(self) -> str:
        """Both as nats-server reads them (a .creds file); secret."""
        return (
            f"-----BEGIN NATS USER JWT-----\n{self.token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{self.key.seed.reveal()}\n"
            "------END USER NKEY SEED------\n"
        )

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


def hub_control(user: NKey) -> Permissions:
    """The hub's connection for questions, facts and orders, to every site below whatever hub."""
    return Permissions(
        publish=(
            wire.asks("*"),
            wire.wants("*"),
            *(
                subject
                for stream in (LEDGER, LEDGERS)
                for subject in (
                    f"$JS.API.STREAM.INFO.{stream}",
                    f"$JS.API.CONSUMER.NAMES.{stream}",
                    f"$JS.API.CONSUMER.CREATE.{stream}.*",
                    f"$JS.API.CONSUMER.DELETE.{stream}.*",
                    f"$JS.API.CONSUMER.INFO.{stream}.*",
                    f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*",
                    # $JS.ACK.<domain>.<account>.<stream>.<consumer>..., and without domain
                    f"$JS.ACK.*.*.{stream}.*.>",
                    f"$JS.ACK.{stream}.*.>",
                )
            ),
            f"$JS.API.STREAM.CREATE.{LEDGERS}",
            f"$JS.API.STREAM.UPDATE.{LEDGERS}",
            f"$JS.API.STREAM.INFO.{WANT}",
            f"$JS.API.STREAM.MSG.GET.{WANT}",
            f"$JS.*.API.STREAM.MSG.GET.{WANT}",
        ),
        subscribe=(wire.replies("*"), f"in.{user.public}.>"),
    )


def hub_media() -> Permissions:
    """The hub's connection for pictures that it reads itself."""
    return Permissions(subscribe=(wire.replies("*"), wire.lives("*")))


def leaf_control(hub: str, site: str) -> Permissions:
    """What a site's server may exchange with its hub's: facts, questions, orders.

    The server below says what it wants by subscribing, so `subscribe` is what may come down. The
    two answers of JetStream at the site that go up are that to the hub's request for the ledger
    (`$JSC.R`) and, under the hub's own reply subjects, that to an order.
    """
    return Permissions(
        publish=(f"{wire.deliveries(hub, site)}.>", wire.replies(hub, site), "$JSC.R.*"),
        subscribe=(
            wire.asks(hub, site),
            wire.wants(hub, site),
            f"$JS.{site}.API.CONSUMER.CREATE.{LEDGER}",
            f"$JS.{site}.API.STREAM.MSG.GET.{WANT}",
            f"$JS.FC.{LEDGER}.>",
        ),
    )


def leaf_media(hub: str, site: str = "*") -> Permissions:
    """What a server below may send up of pictures, once somebody subscribes them."""
    return Permissions(publish=(wire.lives(hub, site), wire.replies(hub, site)))


def leaf_control_of_hub(hub: str) -> Permissions:
    """What a hub's server may exchange with its parent's; `hub` is the one below."""
    return Permissions(
        publish=(f"{wire.deliveries(hub)}.>", wire.replies(hub), "$JSC.R.*"),
        subscribe=(
            wire.asks(hub),
            wire.wants(hub),
            f"$JS.{hub}.API.CONSUMER.CREATE.{LEDGERS}",
            f"$JS.{hub}.API.CONSUMER.CREATE.{LEDGER}",
            f"$JS.*.API.STREAM.MSG.GET.{WANT}",
            f"$JS.FC.{LEDGERS}.>",
            f"$JS.FC.{LEDGER}.>",
        ),
    )


def system_permissions(user: NKey, accounts: Sequence[str]) -> Permissions:
    """The hub's connection to the server's own account: presence and revocation."""
    return Permissions(
        publish=(
            "$SYS.REQ.CLAIMS.UPDATE",
            *(f"$SYS.REQ.ACCOUNT.{account}.CONNZ" for account in accounts),
        ),
        subscribe=(
            "$SYS.ACCOUNT.*.CONNECT",
            "$SYS.ACCOUNT.*.DISCONNECT",
            f"in.{user.public}.>",
        ),
    )


def viewer_template() -> UserTerms:
    """What a scoped key may let its users do; the tags of a token fill the braces."""
    at, camera, grant = "vg.{{tag(hub)}}.{{tag(site)}}", "{{tag(camera)}}", "{{tag(grant)}}"
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
        hub: id of the hub whose sites are meant where nothing else is said.
    """

    def __init__(self, key: NKey, account: str, hub: str) -> None:
        self._key = key
        self._account = account
        self._hub = hub

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
        hub: str | None = None,
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
            hub: id of the hub that enrolled the site, if it is not this one.

        Raises:
            VonggacError: BAD_INPUT or TOO_LARGE.
        """
        if not 0 < life_s <= VIEWER_LIFE_S:
            raise VonggacError(Kind.BAD_INPUT, f"a viewer's token lives 1 to {VIEWER_LIFE_S} s")
        if not 1 <= len(cameras) <= VIEWER_CAMERAS or not streams:
            raise VonggacError(
                Kind.BAD_INPUT, f"a token names 1 to {VIEWER_CAMERAS} cameras and their streams"
            )
        hub = self._hub if hub is None else hub
        if not all(wire.is_id(one) for one in (hub, site, grant)):
            raise VonggacError(Kind.BAD_INPUT, "hub, site or grant is not an id")
        # A wildcard in a tag would open every camera: only plain names may become tags.
        for name in (*cameras, *streams):
            if not _SAFE_TAG.fullmatch(name):
                raise VonggacError(Kind.BAD_INPUT, "a camera or stream has an impossible name")
        tags = [f"hub:{hub}", f"site:{site}", f"grant:{grant}"]
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
    leaves: list[str] = []
    """Those of `media` that are not viewers: their tokens never end by themselves."""


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
    def at(cls, folder: Path, *, issued_s: int, hub: str | None = None) -> Trust:
        """The tree in this folder, made at the first start.

        Args:
            folder: where the files are.
            issued_s: seconds since 1970.
            hub: the id that its subjects carry from now on: a box that is enrolled takes that of
                the hub above, so that `vg.<hub>.<site>.` is one name at every tier. Without it
                the tree keeps the one that it has.

        Raises:
            ConfigError: a file is missing, open to others or unreadable.
            VonggacError: BAD_INPUT: `hub` is not an id.
        """
        if hub is not None and not wire.is_id(hub):
            raise VonggacError(Kind.BAD_INPUT, "this is not the id of a hub")
        if not (folder / "trust.json").exists():
            cls._make(folder, issued_s, hub or new_id())
        trust = cls(folder)
        if hub is not None and hub != trust.hub:
            trust.public = msgspec.structs.replace(trust.public, hub=hub)
            write_secret(folder / "trust.json", msgspec.json.encode(trust.public).decode())
        return trust

    @staticmethod
    def _make(folder: Path, issued_s: int, hub: str) -> None:
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
            hub=hub,
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
        """The hub's permanent id; at a box that is enrolled, that of the hub above."""
        return self.public.hub

    @property
    def control(self) -> str:
        """Public key of the account of questions, facts and orders."""
        return self.public.control

    @property
    def media(self) -> str:
        """Public key of the account of pictures."""
        return self.public.media

    def account_jwts(self, *, issued_s: int) -> dict[str, str]:
        """Account's public key -> its claims as they stand now, for the server's resolver."""
        crossing = tuple(f"vg.*.*.ask.{verb}.*.*" for verb in (*wire.VIEWER_VERBS, wire.Verb.MORE))
        terms = {
            self.public.system: AccountTerms("SYS", (self._system_signing.public,), connections=8),
            self.public.control: AccountTerms(
                "CONTROL",
                (self._control_signing.public,),
                imports=tuple((self.public.media, subject) for subject in crossing),
                connections=1_024,  # edges and hub processes
                leaves=LEAVES,
                # a ledger of a month is some 100 MB; the server's own max_file_store bounds it
                storage=Storage(64 << 20, 8 << 30, streams=16, consumers=64),
                revoked=self._revoked.control,
            ),
            self.public.media: AccountTerms(
                "MEDIA",
                (self._media_signing.public,),
                scoped={self._viewer_signing.public: ("viewer", viewer_template())},
                exports=crossing,
                connections=4_096,  # viewers of one hub, twice while they renew
                leaves=LEAVES,
                revoked=self._revoked.media,
            ),
        }
        return {
            account: account_jwt(self._operator_signing, account, claims, issued_s=issued_s)
            for account, claims in terms.items()
        }

    def viewer_signer(self) -> ViewerSigner:
        """What the web process gets."""
        return ViewerSigner(self._viewer_signing, self.public.media, self.hub)

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
            self._machine(control, hub_control(control), "hub", issued_s),
            self._machine(media, hub_media(), "hub", issued_s, media=True),
        )

    def leaf(self, site: str, *, issued_s: int) -> tuple[Credential, Credential]:
        """New credentials (control, media) with which a site's own server joins this hub's.

        Args:
            site: id of the site.
            issued_s: seconds since 1970.

        Raises:
            VonggacError: BAD_INPUT: not an id.
        """
        return self._leaf(
            site, leaf_control(self.hub, site), leaf_media(self.hub, site), issued_s=issued_s
        )

    def leaf_of_hub(self, hub: str, *, issued_s: int) -> tuple[Credential, Credential]:
        """New credentials (control, media) with which the hub below joins this one.

        Args:
            hub: id of the hub below: a province's, at the ministry.
            issued_s: seconds since 1970.

        Raises:
            VonggacError: BAD_INPUT: not an id.
        """
        return self._leaf(hub, leaf_control_of_hub(hub), leaf_media(hub), issued_s=issued_s)

    def _leaf(
        self, below: str, control: Permissions, media: Permissions, *, issued_s: int
    ) -> tuple[Credential, Credential]:
        if not wire.is_id(below):  # it becomes part of subjects, where "*" would be everybody
            raise VonggacError(Kind.BAD_INPUT, "this is not the id of a site or hub")
        name = leaf_name(below)
        return (
            self._machine(NKey.create(Role.USER), control, name, issued_s, leaf=True),
            self._machine(NKey.create(Role.USER), media, name, issued_s, media=True, leaf=True),
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
            terms=UserTerms(
                system_permissions(user, (self.control, self.media)), _STANDARD, 16, 1 << 20
            ),
        )
        return Credential(token, user)

    def revoke(self, *users: str, now_s: int, media: bool, leaf: bool = False) -> str:
        """Void every token that these users hold; returns the account's new claims.

        They are kept, so that a restart does not forget them. Viewers' revocations are dropped
        an hour later, long after their tokens ended by themselves.

        Args:
            users: their public keys.
            now_s: seconds since 1970: tokens issued until then are void.
            media: of the account of pictures, not of the other.
            leaf: they are machines below, whose tokens never end: never dropped.

        Raises:
            VonggacError: BAD_INPUT: not a user's public key.
        """
        if not all(is_public(user, Role.USER) for user in users):
            raise VonggacError(Kind.BAD_INPUT, "this is not the public nkey of a user")
        revoked = self._revoked.media if media else self._revoked.control
        revoked.update(dict.fromkeys(users, now_s))
        if media and leaf:
            self._revoked.leaves += [user for user in users if user not in self._revoked.leaves]
        if media:
            kept = set(self._revoked.leaves)
            over = [user for user, at in revoked.items() if at < now_s - 3_600]
            for old in (user for user in over if user not in kept):
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
        leaf: bool = False,
    ) -> Credential:
        token = user_jwt(
            self._media_signing if media else self._control_signing,
            user.public,
            account=self.public.media if media else self.public.control,
            name=name,
            issued_s=issued_s,
            expires_s=None,
            terms=UserTerms(
                permissions,
                _LEAF if leaf else _STANDARD,
                LEAF_SUBSCRIPTIONS if leaf else MACHINE_SUBSCRIPTIONS,
                MACHINE_PAYLOAD,
            ),
        )
        return Credential(token, user)
