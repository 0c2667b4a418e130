"""Issuing grants: one token for the bus's server, one for the box, both short and both exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vonggac import keys, wire
from vonggac.clock import NS
from vonggac.errors import Kind, VonggacError
from vonggac.hub.site import carried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.clock import Clock
    from vonggac.config import StreamName
    from vonggac.domain.hubs import Way


@dataclass(frozen=True, slots=True)
class View:
    """What a browser needs to see the cameras of a grant. The tokens open nothing else."""

    grant_id: str
    token: str
    """NATS user JWT for the browser's own key."""
    grant: str
    """What every question carries."""
    live: Mapping[str, Mapping[str, str]]
    """Camera to stream to subject."""
    ask: Mapping[str, Mapping[str, str]]
    """Camera to verb to subject."""
    hub: str
    """That enrolled the site; stands in every subject."""
    re: str
    """Prefix of the subjects that answers come on."""
    issued_ns: int
    expires_ns: int


class Grants:
    """Signs grants of one hub. Stateless, for any thread.

    Args:
        hub: the hub's id.
        key: the hub's signing key; boxes know its public half.
        signer: signs the viewers' bus tokens.
        clock: wall time.
    """

    def __init__(
        self, hub: str, key: keys.SigningKey, signer: keys.ViewerSigner, clock: Clock
    ) -> None:
        self.hub = hub
        self._key = key
        self._signer = signer
        self._clock = clock

    def view(
        self,
        *,
        site: str,
        cameras: Sequence[str],
        streams: Sequence[StreamName],
        purpose: str,
        actor: str,
        nkey: str,
        allowed: Sequence[wire.Verb] = wire.VIEWER_VERBS,
        way: Way | None = None,
    ) -> View:
        """A grant to see these cameras, for `keys.VIEWER_LIFE_S` seconds.

        Args:
            site: id of the site.
            cameras: names on the wire, 1 to `keys.VIEWER_CAMERAS`.
            streams: main, sub or both.
            purpose: why, as the person stated it.
            actor: who, in the hub's words.
            nkey: the browser's public key.
            allowed: what may be asked of the box; a display sees live pictures and nothing else.
            way: through the hub below that enrolled the site; None: it enrolled at this one.

        Raises:
            VonggacError: BAD_INPUT, the nkey is none or the numbers are wrong.
        """
        if not keys.is_public(nkey, keys.Role.USER):
            raise VonggacError(Kind.BAD_INPUT, "nkey: the public key of a NATS user (U...)")
        now_ns = self._clock.wall_ns()
        now_s = now_ns // NS
        grant_id = keys.new_id()
        hub = self.hub if way is None else way.hub
        token = self._signer.token(
            nkey, site=site, cameras=cameras, streams=streams, grant=grant_id, issued_s=now_s,
            hub=hub,
        )  # fmt: skip
        grant = keys.issue(
            self._key,
            keys.Grant(
                id=grant_id,
                hub=hub,
                site=site,
                cameras=tuple(cameras),
                streams=tuple(streams),
                verbs=tuple(allowed),
                purpose=purpose,
                actor=actor,
                iat=now_s,
                exp=now_s + keys.VIEWER_LIFE_S,
            ),
        )
        verbs = (*allowed, wire.Verb.MORE)
        return View(
            grant_id=grant_id,
            token=token,
            grant=carried(grant, way),
            hub=hub,
            live={
                camera: {
                    stream: str(wire.LiveSubject(hub, site, camera, stream)) for stream in streams
                }
                for camera in cameras
            },
            ask={
                camera: {
                    verb.value: str(wire.AskSubject(hub, site, verb, camera, grant_id))
                    for verb in verbs
                }
                for camera in cameras
            },
            re=f"vg.{hub}.{site}.re.{grant_id}",
            issued_ns=now_ns,
            expires_ns=(now_s + keys.VIEWER_LIFE_S) * NS,
        )
