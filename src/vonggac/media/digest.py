"""Answer a camera's challenge: Basic and Digest (RFC 7617, 7616, 2617, 2069).

The password leaves this module only as a digest, or as Basic when the camera offers nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vonggac.causes import Cause
from vonggac.errors import RunEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vonggac.config import Secret

MAX_CHALLENGES: Final = 8
"""Challenges read of one answer; cameras offer one to three."""

_ALGORITHMS: Final = {
    # name in the challenge (upper case): rank, hash, whether -sess
    "": (2, "md5", False),
    "MD5": (2, "md5", False),
    "MD5-SESS": (3, "md5", True),
    "SHA-256": (4, "sha256", False),
    "SHA-256-SESS": (5, "sha256", True),
}
_BASIC_RANK: Final = 1

_TOKEN: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}"  # noqa: S105 - a grammar, not a secret
_PARAMETER: Final = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s,"]*))\s*,?')
_SCHEME: Final = re.compile(rf"[\s,]*({_TOKEN})(?=\s|,|$)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way that a camera offers to prove who asks. Quoted values are kept as they were sent."""

    scheme: str
    realm: str = ""
    nonce: str = ""
    opaque: str | None = None
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    stale: bool = False

    @property
    def rank(self) -> int:
        """Strength; 0 is a scheme, an algorithm or a qop that this module does not speak."""
        if self.scheme == "basic":
            return _BASIC_RANK
        if self.scheme != "digest" or self.algorithm.upper() not in _ALGORITHMS:
            return 0
        if self.qop and "auth" not in self.qop:
            return 0
        return _ALGORITHMS[self.algorithm.upper()][0]


def parse_challenges(values: Sequence[str]) -> list[Challenge]:
    """Read the `WWW-Authenticate` headers of an answer; what cannot be read is left out.

    Several challenges may share one header (RFC 7235 section 4.1).
    """
    found: list[Challenge] = []
    for value in values[:MAX_CHALLENGES]:
        at = 0
        while len(found) < MAX_CHALLENGES and (scheme := _SCHEME.match(value, at)):
            given: dict[str, str] = {}
            at = scheme.end()
            while parameter := _PARAMETER.match(value, at):
                quoted = parameter[2] if parameter[2] is not None else parameter[3]
                given.setdefault(parameter[1].lower(), quoted)
                at = parameter.end()
            found.append(
                Challenge(
                    scheme=scheme[1].lower(),
                    realm=given.get("realm", ""),
                    nonce=given.get("nonce", ""),
                    opaque=given.get("opaque"),
                    algorithm=given.get("algorithm", ""),
                    qop=tuple(re.findall(r"[a-z-]+", given.get("qop", "").lower())),
                    stale=given.get("stale", "").lower() == "true",
                )
            )
    return found


class Credentials:
    """A user's name and password in conversation with one camera.

    Args:
        user: the name.
        password: the secret.
        make_cnonce: makes the client's nonce; 16 random bytes in hexadecimal by default.

    Three policies, each bounded so that a wrong password is tried at most twice (cameras lock
    accounts after three to ten):

    * the strongest challenge that we speak is answered; Basic only if there is no Digest;
    * a nonce is renewed once for a request: when the camera says `stale`, or when it took these
      credentials before in this conversation (many never say `stale`);
    * where SHA-256 is refused and MD5 was offered with it, MD5 is tried once: there is firmware
      that announces SHA-256 and cannot do it (gortsplib #863).  Basic is never fallen back to.
    """

    def __init__(
        self,
        user: str,
        password: Secret,
        *,
        make_cnonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._user = user
        self._password = password
        self._make_cnonce = make_cnonce
        self._challenge: Challenge | None = None
        self._cnonce = ""
        self._count = 0
        self._proved = False
        self._renewed = False
        self._weakened = False

    @property
    def known(self) -> bool:
        """Whether a challenge was heard, so that requests carry an answer to it."""
        return self._challenge is not None

    @property
    def weakened(self) -> bool:
        """Whether the strongest digest was refused and a weaker one tried."""
        return self._weakened

    def header(self, method: str, uri: str) -> str | None:
        """The `Authorization` of a request, or None before the first challenge.

        Counts the nonce: call it once for each request that is sent.
        """
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            pair = f"{self._user}:{self._password.reveal()}"
            return "Basic " + base64.b64encode(_bytes(pair)).decode("ascii")
        _, name, with_session = _ALGORITHMS[challenge.algorithm.upper()]
        realm, nonce = _unquoted(challenge.realm), _unquoted(challenge.nonce)
        self._count += 1
        count = f"{self._count:08x}"
        first = _hash(name, f"{self._user}:{realm}:{self._password.reveal()}")
        if with_session:
            first = _hash(name, f"{first}:{nonce}:{self._cnonce}")
        second = _hash(name, f"{method}:{uri}")
        middle = f"{nonce}:{count}:{self._cnonce}:auth" if challenge.qop else nonce
        parts = [
            f'username="{_quoted(self._user)}"',
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{uri}"',
            f'response="{_hash(name, f"{first}:{middle}:{second}")}"',
        ]
        if challenge.algorithm:
            parts.append(f"algorithm={challenge.algorithm}")
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        if challenge.qop:
            parts.append(f'qop=auth, nc={count}, cnonce="{self._cnonce}"')
        elif with_session:
            parts.append(f'cnonce="{self._cnonce}"')
        return "Digest " + ", ".join(parts)

    def accepted(self) -> None:
        """The camera answered a request with something else than 401."""
        self._proved = self._challenge is not None
        self._renewed = False

    def challenged(self, values: Sequence[str]) -> None:
        """Take a 401 in: afterwards `header` answers it.

        Raises:
            RunEnded: (`REFUSED`) trying again makes no sense.
        """
        heard = parse_challenges(values)
        offered = sorted((c for c in heard if c.rank), key=lambda c: c.rank, reverse=True)
        if not self._user and not self._password:
            raise RunEnded(
                Cause.REFUSED, "the camera asks for a user and a password and none is configured"
            )
        if not offered:
            ways = ", ".join(f"{c.scheme} {c.algorithm}".strip() for c in heard) or "none named"
            raise RunEnded(
                Cause.REFUSED,
                f"the camera asks for authentication in a way that is not spoken: {ways[:80]!a}",
            )
        current = self._challenge
        if current is None:
            self._take(offered[0])
            return
        again = next((c for c in offered if _same_way(c, current)), None)
        if again is not None and not self._renewed and self._is_expired(again, current):
            self._renewed = True
            self._take(again)
            return
        weaker = [c for c in offered if _BASIC_RANK < c.rank < current.rank]
        if weaker and not self._proved and not self._weakened:
            self._weakened = True
            self._take(weaker[0])
            return
        raise RunEnded(Cause.REFUSED, "the camera does not accept the user and password")

    def _is_expired(self, again: Challenge, current: Challenge) -> bool:
        return again.stale or (self._proved and again.nonce != current.nonce)

    def _take(self, challenge: Challenge) -> None:
        self._challenge = challenge
        self._cnonce = self._make_cnonce()
        self._count = 0


def _same_way(one: Challenge, other: Challenge) -> bool:
    return (one.scheme, one.algorithm.upper()) == (other.scheme, other.algorithm.upper())


def _hash(name: str, text: str) -> str:
    return hashlib.new(name, _bytes(text), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    """UTF-8, with bytes that came as something else given back as they were."""
    return text.encode("utf-8", "surrogateescape")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _quoted(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)
