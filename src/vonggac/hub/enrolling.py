"""Boxes that join this hub: what a code opens, signed, sealed and written down in one step.

All that the web process needs of the operator's tree beside the viewers' key: it makes leaf
credentials of one site at a time, and hands them out sealed to that site's box.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from vonggac import bus, log
from vonggac.clock import NS
from vonggac.domain import enrolments, hubs, units
from vonggac.domain.duties import LINES
from vonggac.errors import Kind, VonggacError
from vonggac.keys import enrolment as proving
from vonggac.keys import vouching
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import date
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.db import Connection, Database
    from vonggac.domain.duties import Line
    from vonggac.domain.enrolments import Admitted
    from vonggac.keys import Credential, SigningKey, Trust
    from vonggac.keys.enrolment import Asked

_log = log.get(__name__)


class Enroller:
    """Answers boxes that ask to join. For worker threads, but for `void`.

    Args:
        database: codes, sites and their keys.
        trust: makes leaf credentials, and makes them void.
        key: the hub's signing key; codes name its fingerprint.
        clock: wall time.
        title: what people call this hub.
        authority: certificate of the hub's private authority, where it has one.
        connect: opens a connection to the bus's system account.
        day_of: the day of a moment, where the hub stands.
    """

    def __init__(
        self,
        database: Database,
        trust: Trust,
        key: SigningKey,
        clock: Clock,
        *,
        title: str,
        authority: Path | None,
        connect: Callable[[], Awaitable[bus.Connection]],
        day_of: Callable[[int], date],
    ) -> None:
        self._database = database
        self._trust = trust
        self._key = key
        self._clock = clock
        self._title = title
        self._authority = authority
        self._connect = connect
        self._day_of = day_of

    @property
    def public(self) -> str:
        """The key whose fingerprint stands in this hub's codes."""
        return self._key.public

    def offer(self) -> wires.EnrolOffer:
        """Who this hub is, for whoever asks."""
        return wires.EnrolOffer(1, self._trust.hub, self._key.public, str(self._clock.wall_ns()))

    def join(
        self, body: bytes, *, address: str, pages: str, leaves: Sequence[str]
    ) -> tuple[wires.EnrolAnswer, tuple[tuple[str, str], ...]]:
        """Answer a box, and write down that it joined, or that it was refused.

        Args:
            body: as it came.
            address: where it came from.
            pages: where it found this hub.
            leaves: where it shall dial its leaf connections.

        Returns:
            The answer, and the credentials of the box that it replaces: `void` them.

        Raises:
            enrolments.Refused: it may not join by this code; which reason it is.
            VonggacError: it does not prove who it is.
            MalformedError: this is no question.
        """
        if len(body) > 2 * wires.MAX_ENROLMENT:
            raise VonggacError(Kind.TOO_LARGE, "this is no question of a box")
        asked = proving.opened(self._key, wires.decode_sealed(body))
        now_ns = self._clock.wall_ns()
        if asked.ask.voucher is not None:
            return self._join_hub(asked, address, pages, leaves, now_ns)
        try:
            with self._database.writing() as connection:
                hubs.check_for_box(connection, asked.ask.secret)
                found = enrolments.found_for(connection, asked, now_ns=now_ns)
                if found.answer is not None:  # its line broke; the same box is told the same
                    return msgspec.json.decode(found.answer, type=wires.EnrolAnswer), ()
                admitted = enrolments.admit(connection, found, asked, now_ns=now_ns)
                control, media = self._trust.leaf(admitted.site.id, issued_s=now_ns // NS)
                told = self._told(connection, admitted, control, media, pages, leaves, now_ns)
                answer = proving.answered(self._key, asked.chain.current, told)
                given = enrolments.Given(
                    control.key.public, media.key.public, wires.encode_enrolment(answer).decode()
                )
                enrolments.finish(connection, found, asked, given, address=address, now_ns=now_ns)
        except enrolments.Refused as refused:
            self._refuse(asked, refused, address, now_ns)
            raise
        _log.info("site.enrolled", site=admitted.site.id, replaced=len(admitted.void))
        return answer, admitted.void

    def _join_hub(
        self, asked: Asked, address: str, pages: str, leaves: Sequence[str], now_ns: int
    ) -> tuple[wires.EnrolAnswer, tuple[tuple[str, str], ...]]:
        """As `join`, for a hub below."""
        hub_id, key = asked.ask.site, asked.chain.current
        vouching.check_voucher(
            asked.ask.voucher or "", hub=hub_id, hub_key=key, above=self._trust.hub,
            above_key=self._key.public,
        )  # fmt: skip
        try:
            with self._database.writing() as connection:
                found = hubs.found_for(connection, asked, own=self._trust.hub, now_ns=now_ns)
                if found.answer is not None:
                    return msgspec.json.decode(found.answer, type=wires.EnrolAnswer), ()
                control, media = self._trust.leaf_of_hub(hub_id, issued_s=now_ns // NS)
                on = self._day_of(now_ns)
                words = units.called(connection, [found.unit_id], on).get(found.unit_id)
                joined = wires.EnrolledHub(
                    hub_id, found.title[:500], found.unit_id, words.vi[:500] if words else ""
                )
                told = self._document(None, joined, (control, media), pages, leaves, now_ns)
                answer = proving.answered(self._key, key, told)
                given = enrolments.Given(
                    control.key.public, media.key.public, wires.encode_enrolment(answer).decode()
                )
                void = hubs.admit(connection, found, asked, given, address=address, now_ns=now_ns)
        except enrolments.Refused as refused:
            with self._database.writing() as connection:
                hubs.refuse(connection, refused, address=address, now_ns=now_ns)
            raise
        _log.info("hub.enrolled", hub=hub_id, replaced=len(void))
        return answer, void

    def _told(
        self,
        connection: Connection,
        admitted: Admitted,
        control: Credential,
        media: Credential,
        pages: str,
        leaves: Sequence[str],
        now_ns: int,
    ) -> wires.Enrolment:
        """The document of a box."""
        site = admitted.site
        standing = units.names_of_sites(connection, self._day_of(now_ns)).get(site.id)
        facility = wires.EnrolledSite(
            id=site.id, name=site.name[:63], title=site.title[:500], address=site.address[:500],
            owner_line=_line(site.owner_line), unit=enrolments.unit_of(connection, site.id),
            unit_title=standing.vi[:500] if standing else "",
            retention_days=site.retention_days, epoch=admitted.epoch,
        )  # fmt: skip
        return self._document(facility, None, (control, media), pages, leaves, now_ns)

    def _document(
        self,
        site: wires.EnrolledSite | None,
        joined: wires.EnrolledHub | None,
        credentials: tuple[Credential, Credential],
        pages: str,
        leaves: Sequence[str],
        now_ns: int,
    ) -> wires.Enrolment:
        authority = self._authority
        return wires.Enrolment(
            v=1,
            hub=self._trust.hub,
            hub_key=self._key.public,
            hub_title=self._title,
            pages=pages,
            site=site,
            addresses=tuple(leaves),
            control=_saved(credentials[0]),
            media=_saved(credentials[1]),
            authority=None if authority is None else authority.read_text(encoding="ascii"),
            made_ns=now_ns,
            joined=joined,
        )

    def _refuse(self, asked: Asked, refused: enrolments.Refused, address: str, now_ns: int) -> None:
        with self._database.writing() as connection:
            site_id = enrolments.site_of_secret(connection, asked.ask.secret)
            enrolments.refuse(connection, refused, site_id=site_id, address=address, now_ns=now_ns)

    async def void(self, found: Sequence[tuple[str, str]]) -> None:
        """Have the bus take these credentials no more, and cut their connections.

        They are written down first: where the bus cannot be told now, its next start knows them.
        """
        if not found:
            return
        now_s = self._clock.wall_ns() // NS
        claims = await asyncio.to_thread(self._claims, found, now_s)
        try:
            system = await self._connect()
            try:
                for one in claims:
                    await bus.revoke(system, one)
            finally:
                await system.close()
        except VonggacError as error:
            _log.warning("site.cut_off_delayed", reason=error.message)

    def _claims(self, found: Sequence[tuple[str, str]], now_s: int) -> list[str]:
        control, media = [one for one, _ in found], [one for _, one in found]
        return [
            self._trust.revoke(*control, now_s=now_s, media=False, leaf=True),
            self._trust.revoke(*media, now_s=now_s, media=True, leaf=True),
        ]


def _saved(credential: Credential) -> str:
    """As `keys.Credential.save` writes it."""
    return f"{credential.token}\n{credential.key.seed.reveal()}\n"


def _line(text: str) -> Line:
    return next(line for line in LINES if line == text)
