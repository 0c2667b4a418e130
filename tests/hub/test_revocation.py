"""What somebody watches ends when the right to it goes away: on the wire, at the box, in the audit.

A real nats-server and a viewer on its WebSocket; the box answers with fixed content, because it
must be away on demand (tests/edge/test_agent.py tries the box itself).
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub_stage import SITE_ID, stage
from vonggac import bus, keys, wire
from vonggac.clock import NS, SystemClock
from vonggac.domain import accounts, audit, grants, registry, roles, sessions
from vonggac.errors import Kind, VonggacError
from vonggac.hub.revocation import Revocation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub_stage import Box, Stage
    from vonggac.db import Connection

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")

ORIGIN = "http://127.0.0.1:8080"
CLOCK = SystemClock()
"""nats-server looks at the end of a token by the real time."""


@dataclass
class Officer:
    """Somebody on duty who sees a camera."""

    account_id: str
    role_id: str
    cookie: str
    grant_id: str
    key: keys.NKey
    token: str
    connection: bus.Connection
    parts: bus.Subscription


class Scene:
    """A hub with its bus, a box, and the program that ends views."""

    def __init__(self, hub: Stage, box: Box) -> None:
        self.hub = hub
        self.box = box
        self.opened: list[Revocation | bus.Connection] = []
        self.revocation = self.another()

    async def close(self) -> None:
        for one in self.opened:
            await one.close()
        await self.box.stop()

    def another(self) -> Revocation:
        hub = self.hub

        async def connect() -> bus.Connection:
            user = hub.trust.system_user(issued_s=CLOCK.wall_ns() // NS)
            return await bus.connect(hub.server.address.url, user, name="system")

        made = Revocation(hub.database, hub.sites, hub.trust, connect, CLOCK)
        self.opened.append(made)
        return made

    async def officer(self, name: str) -> Officer:
        now_ns = CLOCK.wall_ns()
        with self.hub.database.writing() as connection:
            made, _ = accounts.create(
                connection, name=name, full_name=f"Cán bộ {name}", now_ns=now_ns
            )
            machine = roles.whoever_holds_the_machine(now_ns)
            draft = roles.Draft("site_duty", reason="phân công", sites=(SITE_ID,))
            role_id = roles.give(connection, machine, made, draft, now_ns=now_ns)
            account = accounts.find(connection, made)
            cookie = sessions.open_session(connection, account, address="", agent="", now_ns=now_ns)
            session = sessions.find_session(connection, cookie, now_ns=now_ns)
            assert session is not None
            camera = registry.cameras(connection, SITE_ID)[0]
            key = keys.NKey.create(keys.Role.USER)
            grant_id = keys.new_id()
            token = self.hub.trust.viewer_signer().token(
                key.public, site=SITE_ID, cameras=[camera.name], streams=["main"],
                grant=grant_id, issued_s=now_ns // NS,
            )  # fmt: skip
            grants.file_grant(
                connection,
                grants.Issued(
                    id=grant_id, account_id=made, site_id=SITE_ID, cameras=[camera.id],
                    streams=["main"], purpose="watch", nkey=key.public, issued_ns=now_ns,
                    expires_ns=now_ns + 120 * NS, session_id=session.id, role="site_duty",
                ),
            )  # fmt: skip
        viewer = await self.connect(token, key)
        parts = await viewer.subscribe(self.live(camera.name), capacity=10)
        await viewer.flush()
        return Officer(made, role_id, cookie, grant_id, key, token, viewer, parts)

    async def connect(self, token: str, key: keys.NKey) -> bus.Connection:
        credential = keys.Credential(token, key)
        url = self.hub.server.address.websocket
        made = await bus.connect(url, credential, name="viewer", origin=ORIGIN)
        self.opened.append(made)
        return made

    def live(self, camera: str) -> str:
        return f"vg.{self.hub.trust.hub}.{SITE_ID}.live.{camera}.main"

    def revoked(self) -> list[tuple[str, ...]]:
        """What the box was told, message by message."""
        return [
            msgspec.json.decode(body, type=wire.RevokeAsk).grants
            for subject, body in zip(self.box.asked, self.box.bodies, strict=True)
            if subject.verb is wire.Verb.REVOKE
        ]

    def ends(self) -> list[tuple[str, str, Any]]:
        """(actor, camera, why) of the ends that the audit has."""
        with self.hub.database.reading() as connection:
            rows = audit.rows(connection, audit.Filter(act="view_ended"))
        return [(row.actor, row.thing, row.detail["why"]) for row in rows]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with stage(tmp_path, clock=CLOCK, origins=(ORIGIN,)) as hub:
        made = Scene(hub, await hub.box())
        try:
            yield made
        finally:
            await made.close()
    # nats-py leaves aiohttp's connection to the collector when the server cuts a viewer off.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def end_session(connection: Connection, officer: Officer, now_ns: int) -> None:
    sessions.end_session(connection, officer.cookie, now_ns=now_ns)


def end_role(connection: Connection, officer: Officer, now_ns: int) -> None:
    machine = roles.whoever_holds_the_machine(now_ns)
    roles.end(connection, machine, officer.role_id, reason="hết ca", now_ns=now_ns)


def close_account(connection: Connection, officer: Officer, now_ns: int) -> None:
    accounts.disable(connection, officer.account_id, why="administrator", now_ns=now_ns)


def withdraw(connection: Connection, officer: Officer, now_ns: int) -> None:
    view = grants.open_views(connection, SITE_ID, now_ns=now_ns)[0]
    grants.withdraw(connection, view.id, now_ns=now_ns)


@pytest.mark.parametrize(
    ("goes", "why"),
    [
        (end_session, "session_ended"),
        (end_role, "not_in_time"),
        (close_account, "account_disabled"),
    ],
)
async def test_a_right_that_is_gone_cuts_the_viewer_off_and_leaves_the_others(
    scene: Scene, goes: Callable[[Connection, Officer, int], None], why: str
) -> None:
    """Seen on the wire: the connection ends, the token opens no other, the box knows, the audit."""
    officer, colleague = await scene.officer("hoa"), await scene.officer("lan")
    still = await scene.revocation.run_once()
    with scene.hub.database.writing() as connection:
        goes(connection, officer, CLOCK.wall_ns())
        camera = registry.cameras(connection, SITE_ID)[0]

    found = await scene.revocation.run_once()

    async with asyncio.timeout(20):
        await officer.connection.closed.wait()
    assert (still, found) == (0, 1)
    with pytest.raises(VonggacError) as refused:
        await scene.connect(officer.token, officer.key)
    assert refused.value.kind is Kind.FORBIDDEN
    await scene.box.publish(scene.live(camera.name), b"part")
    async with asyncio.timeout(20):
        assert (await colleague.parts.get()).payload == b"part"
    assert scene.revoked() == [(officer.grant_id,)]
    assert scene.ends() == [("hoa", camera.id, why)]


async def test_a_view_that_is_withdrawn_is_cut_off_though_the_right_stands(scene: Scene) -> None:
    officer = await scene.officer("hoa")
    with scene.hub.database.writing() as connection:
        withdraw(connection, officer, CLOCK.wall_ns())

    await scene.revocation.run_once()

    async with asyncio.timeout(20):
        await officer.connection.closed.wait()
    assert scene.revoked() == [(officer.grant_id,)]


async def test_many_lose_their_right_in_the_same_second(scene: Scene) -> None:
    """Claims made within a second of each other are all taken by the server."""
    officers = [await scene.officer(f"can-bo-{number}") for number in range(3)]
    for officer in officers:
        with scene.hub.database.writing() as connection:
            end_session(connection, officer, CLOCK.wall_ns())
        await scene.revocation.run_once()

    async with asyncio.timeout(20):
        for officer in officers:
            await officer.connection.closed.wait()
    assert len(scene.ends()) == 3


async def test_a_box_that_was_away_is_told_when_it_is_back_and_again_after_its_restart(
    scene: Scene,
) -> None:
    """The viewer is cut off at once all the same; the box is told until the grant would be over."""
    officer = await scene.officer("hoa")
    await scene.box.stop()
    with scene.hub.database.writing() as connection:
        end_session(connection, officer, CLOCK.wall_ns())
    with pytest.raises(VonggacError) as away:
        await scene.revocation.run_once()
    async with asyncio.timeout(20):
        await officer.connection.closed.wait()
    scene.box = await scene.hub.box()

    await scene.revocation.run_once()
    await scene.revocation.run_once()
    once = scene.revoked()
    scene.revocation.forget()
    await scene.revocation.run_once()

    assert away.value.kind in (Kind.UNAVAILABLE, Kind.TIMED_OUT)
    assert once == [(officer.grant_id,)]
    assert scene.revoked() == [(officer.grant_id,)] * 2


async def test_a_hub_that_died_in_between_ends_what_it_had_begun_to_end(scene: Scene) -> None:
    """The row was written, the server was not told: the next start tells it."""
    officer = await scene.officer("hoa")
    now_ns = CLOCK.wall_ns()
    with scene.hub.database.writing() as connection:
        end_session(connection, officer, now_ns)
        lapsed = [grant for grant, _ in grants.lapsed(connection, now_ns=now_ns + 1)]
        grants.take_back(connection, lapsed, "session_ended", now_ns=now_ns)

    await scene.another().run_once()

    async with asyncio.timeout(20):
        await officer.connection.closed.wait()
    assert scene.revoked() == [(officer.grant_id,)]
