"""NATS identities: nkeys, and the JWTs of operator mode (version 2, `ed25519-nkey`).

Formats: github.com/nats-io/nkeys and github.com/nats-io/jwt, v2. A claim that is not named here is
absent, which NATS reads as its most restrictive value except for permissions, where an empty list
means everything: hence `Permissions` writes an explicit denial for a list that is empty.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec
import nkeys

from vonggac.config import Secret
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_JWT: Final = 61_440
"""Bytes of a user JWT at most: it travels in CONNECT, whose line the server cuts at 64 KiB."""

UNLIMITED: Final = -1
"""NATS' way of saying that another limit governs."""


class Role(StrEnum):
    """Whose key it is; the value is the first letter of the public key."""

    OPERATOR = "O"
    ACCOUNT = "A"
    USER = "U"


_PREFIX: Final = {
    Role.OPERATOR: nkeys.PREFIX_BYTE_OPERATOR,
    Role.ACCOUNT: nkeys.PREFIX_BYTE_ACCOUNT,
    Role.USER: nkeys.PREFIX_BYTE_USER,
}


class NKey:
    """A key pair of NATS. Its repr shows the public half only.

    Args:
        seed: as `nk` and NATS write it ("SU..."); read back with `seed.reveal()`.

    Raises:
        VonggacError: BAD_INPUT: not a seed.
    """

    __slots__ = ("_pair", "public", "seed")

    def __init__(self, seed: Secret) -> None:
        try:
            self._pair = nkeys.from_seed(bytearray(seed.reveal().encode()))
            self.public: str = self._pair.public_key.decode()
        except (nkeys.NkeysError, ValueError):
            raise VonggacError(Kind.BAD_INPUT, "this is not the seed of a NATS key") from None
        self.seed = seed

    @classmethod
    def create(cls, role: Role) -> NKey:
        """A new random key."""
        seed: bytes = nkeys.encode_seed(secrets.token_bytes(32), _PREFIX[role])
        return cls(Secret(seed.decode()))

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature, 64 bytes."""
        signature: bytes = self._pair.sign(message)
        return signature

    def __repr__(self) -> str:
        return f"NKey({self.public})"


def is_public(text: str, role: Role) -> bool:
    """Whether the text is a public key of that role: prefix, length and checksum."""
    if len(text) != 56 or not text.isascii() or not text.startswith(role):
        return False
    try:
        raw = base64.b32decode(text)
    except ValueError:
        return False
    if raw[0] != _PREFIX[role]:
        return False
    return bytes(nkeys.crc16_checksum(bytearray(raw[:33]))) == raw[33:]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a user may publish and subscribe. An empty tuple is nothing at all."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()

    def claims(self) -> dict[str, object]:
        """As `pub` and `sub` of a user's claims."""
        return {"pub": _allow(self.publish), "sub": _allow(self.subscribe)}


def _allow(subjects: tuple[str, ...]) -> dict[str, object]:
    return {"allow": list(subjects)} if subjects else {"deny": [">"]}


@dataclass(frozen=True, slots=True)
class UserTerms:
    """What a user's credential says besides who it is."""

    permissions: Permissions
    connection_types: tuple[str, ...]
    """Of STANDARD, WEBSOCKET, LEAFNODE; every JWT of ours names its own."""
    subscriptions: int
    """Subscriptions at most."""
    payload: int
    """Bytes of a message that it may publish, headers included."""

    def claims(self) -> dict[str, object]:
        """As the limits of a user, or the template of a scoped signing key."""
        return {
            **self.permissions.claims(),
            "subs": self.subscriptions,
            "data": UNLIMITED,  # bytes a connection: NATS does not enforce it on users
            "payload": self.payload,
            "allowed_connection_types": list(self.connection_types),
        }


@dataclass(frozen=True, slots=True)
class Storage:
    """What an account may keep in JetStream."""

    memory_bytes: int
    disk_bytes: int
    streams: int
    consumers: int


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What an account's claims say besides who it is."""

    name: str
    signing_keys: tuple[str, ...]
    """Public keys that may sign users with any permission."""
    scoped: Mapping[str, tuple[str, UserTerms]] = field(default_factory=dict)
    """Public key -> (role, template): users that it signs get the template, nothing else."""
    exports: tuple[str, ...] = ()
    """Subjects that other accounts of this operator may import as streams."""
    imports: tuple[tuple[str, str], ...] = ()
    """(account, subject) imported as streams."""
    connections: int = 64
    leaves: int = 0
    subscriptions: int = UNLIMITED
    storage: Storage | None = None
    revoked: Mapping[str, int] = field(default_factory=dict)
    """User's public key -> seconds since 1970: JWTs issued until then are void."""


def operator_jwt(
    operator: NKey, *, name: str, signing_keys: Sequence[str], system_account: str, issued_s: int
) -> str:
    """The operator's own claims. Accounts must be signed by a signing key, not by this one."""
    claims = {
        "type": "operator",
        "version": 2,
        "signing_keys": list(signing_keys),
        "system_account": system_account,
        "strict_signing_key_usage": True,
    }
    return _encode(operator, subject=operator.public, name=name, nats=claims, issued_s=issued_s)


def account_jwt(signer: NKey, account: str, terms: AccountTerms, *, issued_s: int) -> str:
    """An account's claims, signed by one of the operator's signing keys."""
    limits: dict[str, object] = {
        "subs": terms.subscriptions,
        "data": UNLIMITED,
        "payload": UNLIMITED,  # the server's max_payload governs
        "imports": len(terms.imports),
        "exports": len(terms.exports),
        "wildcards": True,  # exports hold wildcards for hub and site
        "conn": terms.connections,
        "leaf": terms.leaves,
        "disallow_bearer": True,
    }
    if terms.storage is not None:
        limits |= {
            "mem_storage": terms.storage.memory_bytes,
            "disk_storage": terms.storage.disk_bytes,
            "streams": terms.storage.streams,
            "consumer": terms.storage.consumers,
        }
    keys: list[object] = list(terms.signing_keys)
    keys += [
        {"kind": "user_scope", "key": key, "role": role, "template": template.claims()}
        for key, (role, template) in terms.scoped.items()
    ]
    claims: dict[str, object] = {
        "type": "account",
        "version": 2,
        "limits": limits,
        "signing_keys": keys,
        "exports": [{"name": s, "subject": s, "type": "stream"} for s in terms.exports],
        "imports": [
            {"name": s, "subject": s, "account": a, "type": "stream"} for a, s in terms.imports
        ],
        "default_permissions": Permissions().claims(),
    }
    if terms.revoked:
        claims["revocations"] = dict(terms.revoked)
    return _encode(signer, subject=account, name=terms.name, nats=claims, issued_s=issued_s)


def user_jwt(
    signer: NKey,
    user: str,
    *,
    account: str,
    name: str,
    issued_s: int,
    expires_s: int | None,
    terms: UserTerms | None,
    tags: Sequence[str] = (),
) -> str:
    """A user's claims.

    Args:
        signer: a signing key of the account.
        user: the user's public key.
        account: the account's public key.
        name: what logs call it.
        issued_s: seconds since 1970.
        expires_s: seconds since 1970 when the server cuts it off; None never.
        terms: what it may do; None when the signer is scoped, whose template then holds.
        tags: values for the template, "name:value" in lower case.

    Raises:
        VonggacError: BAD_INPUT for what is no user key; TOO_LARGE above `MAX_JWT`.
    """
    if not is_public(user, Role.USER):
        raise VonggacError(Kind.BAD_INPUT, "this is not the public nkey of a user")
    claims: dict[str, object] = {"type": "user", "version": 2, "issuer_account": account}
    if terms is not None:
        claims |= terms.claims()
    if tags:
        claims["tags"] = list(tags)
    token = _encode(
        signer, subject=user, name=name, nats=claims, issued_s=issued_s, expires_s=expires_s
    )
    if len(token) > MAX_JWT:
        raise VonggacError(
            Kind.TOO_LARGE, f"the token has {len(token)} bytes of at most {MAX_JWT}: ask for less"
        )
    return token


class _Named(msgspec.Struct):
    name: str = ""


def name_in(token: str) -> str:
    """The name that a JWT gives its user; "" for what is none.

    Nothing is verified: for tokens of which nats-server says that it has let them in.
    """
    body = token.split(".")[1:2]
    try:
        claims = base64.urlsafe_b64decode(body[0] + "=" * (-len(body[0]) % 4)) if body else b""
        return msgspec.json.decode(claims, type=_Named).name
    except (ValueError, msgspec.MsgspecError):
        return ""


def _encode(
    signer: NKey,
    *,
    subject: str,
    name: str,
    nats: Mapping[str, object],
    issued_s: int,
    expires_s: int | None = None,
) -> str:
    claims: dict[str, object] = {
        "iat": issued_s,
        "iss": signer.public,
        "name": name,
        "sub": subject,
        "nats": nats,
    }
    if expires_s is not None:
        claims["exp"] = expires_s
    # jwt v2 names a token by the SHA-512/256 of its claims
    digest = hashlib.new("sha512_256", msgspec.json.encode(claims)).digest()
    claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
    head = _base64(b'{"typ":"JWT","alg":"ed25519-nkey"}')
    text = f"{head}.{_base64(msgspec.json.encode(claims))}"
    return f"{text}.{_base64(signer.sign(text.encode()))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
