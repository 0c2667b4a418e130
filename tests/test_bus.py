"""The bus against the real nats-server: who may do what, what is kept, what comes back.

Must-show 8 of "One facility, for real" stands here on the server's side; tests/edge/test_agent.py
has the edge's side.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import stat
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bus_stand import ORIGIN, Stand, standing
from vonggac import bus, keys, wire
from vonggac.bus.server import parse_version
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.mailbox import Closed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# nats-py hands aiohttp a number of seconds where it now wants an object.
pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path) as built:
        yield built


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return told


async def everything(subscription: bus.Subscription) -> list[bus.Message]:
    """What has arrived, once a flush has shown that nothing more is on its way."""
    messages = []
    for _ in range(10):  # from the library's queue into the mailbox: turns of the loop, no time
        await asyncio.sleep(0)
    while len(subscription._mailbox):
        messages.append(await subscription.get())
    return messages


# ---- must-show 8: what a token for camera A opens ------------------------------------------


async def test_token_for_camera_a_hears_no_byte_of_camera_b(stand: Stand) -> None:
    """NATS enforces subjects, so the server itself is the fence; payloads are compared."""
    _, media = await stand.edge()
    viewer = await stand.viewer(["cam-a"], ["main"])
    patterns = [
        stand.live("cam-a"),
        stand.live("cam-b"),
        stand.live("cam-a", "sub"),
        stand.live("*"),
        wire.lives(stand.hub, stand.site),
        wire.lives(stand.hub),
        ">",
        "vg.>",
        "_INBOX.>",
        wire.replies(stand.hub, stand.site),
        wire.replies(stand.hub, stand.site, keys.new_id()),
        wire.facts(stand.hub, stand.site),
        wire.asks(stand.hub, stand.site),
        "$SYS.>",
        "in.>",
    ]
    heard = [await viewer.connection.subscribe(pattern, capacity=100) for pattern in patterns]
    await viewer.connection.flush()

    for subject, payload in [
        (stand.live("cam-a"), b"part of a"),
        (stand.live("cam-b"), b"part of b"),
        (stand.live("cam-a", "sub"), b"sub of a"),
        (f"vg.{stand.hub}.{stand.site}.re.{keys.new_id()}.1", b"answer to another"),
    ]:
        await media.publish(subject, payload)
    await media.flush()
    await viewer.connection.flush()

    got = [[message.payload for message in await everything(one)] for one in heard]
    assert got == [[b"part of a"], *([] for _ in patterns[1:])]
    assert len(viewer.connection.denied) == len(patterns) - 1


async def test_token_for_camera_a_asks_nothing_of_camera_b_and_nothing_that_is_the_hubs(
    stand: Stand,
) -> None:
    """Only its own four verbs, and credit, reach the edge; whatever else stops at the server."""
    control, _ = await stand.edge()
    asked = await control.subscribe(wire.asks(stand.hub, stand.site), capacity=100)
    await control.flush()
    viewer = await stand.viewer(["cam-a"], ["main"])

    for verb in wire.Verb:
        for camera in ("cam-a", "cam-b", wire.NO_CAMERA):
            for grant in (viewer.grant, keys.new_id()):
                await viewer.connection.publish(stand.ask_subject(verb, camera, grant), b"{}")
    await viewer.connection.publish(f"vg.{stand.hub}.{stand.site}.want.cameras", b"{}")
    await viewer.connection.publish(stand.live("cam-a"), b"forged part")
    await viewer.connection.publish("$JS.API.STREAM.LIST", b"")
    await viewer.connection.publish("$SYS.REQ.SERVER.PING", b"")
    await viewer.connection.flush()
    await control.flush()

    arrived = [message.subject.split(".")[4:] for message in await everything(asked)]
    assert arrived == [
        ["open", "cam-a", viewer.grant],
        ["gop", "cam-a", viewer.grant],
        ["timeline", "cam-a", viewer.grant],
        ["snapshot", "cam-a", viewer.grant],
        ["more", "cam-a", viewer.grant],
    ]


async def test_expired_token_is_cut_off_and_not_let_in_again(stand: Stand) -> None:
    """The end of a right is the server's business, not the browser's good will."""
    viewer = await stand.viewer(life_s=1)
    subscription = await viewer.connection.subscribe(stand.live("cam01"), capacity=10)

    async with asyncio.timeout(5):
        await viewer.connection.closed.wait()

    assert "expired" in viewer.connection.why_closed
    with pytest.raises(Closed):
        await subscription.get()
    # NATS counts whole seconds: in the last one it lets the token in and cuts it off at once.
    while stand.now_s <= claims(viewer.token)["exp"]:
        await asyncio.sleep(0.05)
    with pytest.raises(VonggacError) as refused:
        await stand.connect(
            keys.Credential(viewer.token, viewer.key), "viewer again", websocket=True
        )
    assert refused.value.kind is Kind.FORBIDDEN


async def test_twenty_renewals_lose_no_part(stand: Stand) -> None:
    """Make before break: the new connection hears before the old one is closed."""
    _, media = await stand.edge()
    stop = asyncio.Event()
    sent = 0

    async def camera() -> None:
        nonlocal sent
        while not stop.is_set():
            head = wire.PartHead("0" * 32, 0, sent, sent % 10 == 0, 0, sent)
            await media.publish(stand.live("cam01"), b"part", headers=head.headers())
            sent += 1
            await asyncio.sleep(0.002)

    seen: set[int] = set()
    first: int | None = None

    def heard(message: bus.Message) -> None:
        nonlocal first
        sequence = wire.part_head(message.headers).sequence
        first = sequence if first is None else first
        seen.add(sequence)

    key = keys.NKey.create(keys.Role.USER)
    viewer = await stand.viewer(key=key)
    await viewer.connection.listen(stand.live("cam01"), heard)
    await viewer.connection.flush()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(camera())
        for _ in range(20):
            renewed = await stand.viewer(key=key)
            await renewed.connection.listen(stand.live("cam01"), heard)
            await renewed.connection.flush()
            await viewer.connection.close()
            viewer = renewed
        stop.set()
    await media.flush()
    await viewer.connection.flush()

    assert first is not None
    assert seen == set(range(first, sent))
    assert len(seen) >= 20


async def test_no_credential_holds_the_inbox_of_everybody(stand: Stand) -> None:
    """`_INBOX.>` would read every reply of the account; `resp` is NATS' allow_responses."""
    credentials = [
        *stand.trust.edge(stand.site, issued_s=stand.now_s),
        *stand.trust.hub_users(issued_s=stand.now_s),
        stand.trust.system_user(issued_s=stand.now_s),
    ]
    told = [claims(credential.token)["nats"] for credential in credentials]
    accounts = [claims(token)["nats"] for token in stand.trust.account_jwts(issued_s=1).values()]

    text = json.dumps([*told, *accounts])
    assert "_INBOX" not in text
    assert '"resp"' not in text
    assert all(user["allowed_connection_types"] == ["STANDARD"] for user in told)
    assert all(
        ">" not in user[way].get("allow", []) and user[way]
        for user in told
        for way in ("pub", "sub")
    )
    scoped = [key for account in accounts for key in account["signing_keys"] if "template" in key]
    assert [key["template"]["allowed_connection_types"] for key in scoped] == [["WEBSOCKET"]]


async def test_viewers_token_opens_the_websocket_alone_and_machines_the_other_port_alone(
    stand: Stand,
) -> None:
    """Every JWT names its connection type: a stolen one is of less use elsewhere."""
    viewer = await stand.viewer()
    edge_control, _ = stand.trust.edge(stand.site, issued_s=stand.now_s)

    with pytest.raises(VonggacError) as over_tcp:
        await stand.connect(keys.Credential(viewer.token, viewer.key), "viewer over tcp")
    with pytest.raises(VonggacError) as over_websocket:
        await stand.connect(edge_control, "edge over websocket", websocket=True)

    assert over_tcp.value.kind is Kind.FORBIDDEN
    assert over_websocket.value.kind is Kind.FORBIDDEN


async def test_page_of_another_origin_is_refused(stand: Stand) -> None:
    """A page elsewhere shall not use a browser that can reach the box."""
    viewer = await stand.viewer()

    with pytest.raises(VonggacError) as refused:
        await bus.connect(
            stand.server.address.websocket,
            keys.Credential(viewer.token, viewer.key),
            name="stranger",
            origin="http://elsewhere.example",
        )

    assert refused.value.kind is Kind.FORBIDDEN


async def test_token_without_its_key_opens_nothing(stand: Stand) -> None:
    """The hub signs for the browser's own nkey; the token alone is worth nothing."""
    viewer = await stand.viewer()
    other = keys.NKey.create(keys.Role.USER)

    with pytest.raises(VonggacError) as refused:
        await stand.connect(keys.Credential(viewer.token, other), "thief", websocket=True)

    assert refused.value.kind is Kind.FORBIDDEN


async def test_token_of_25_cameras_with_long_names_passes_the_control_line(stand: Stand) -> None:
    """The default line of 4 KiB cut a wall of 16 off while it connected."""
    names = [
        f"hanh-lang-tang-{n:02d}-phia-dong-nhin-ve-phia-cau-thang-bo-so-{n:02d}" for n in range(25)
    ]
    _, media = await stand.edge()

    viewer = await stand.viewer(names)
    last = await viewer.connection.subscribe(stand.live(names[-1], "sub"), capacity=10)
    await viewer.connection.flush()
    await media.publish(stand.live(names[-1], "sub"), b"part")

    assert (await last.get()).payload == b"part"
    assert viewer.connection.denied == []


async def test_viewer_with_a_long_message_is_cut_off(stand: Stand) -> None:
    """A question fits 16 KiB with its grant; nobody stores a film in a question."""
    viewer = await stand.viewer()

    await viewer.connection.publish(
        stand.ask_subject(wire.Verb.OPEN, "cam01", viewer.grant), bytes(20_000)
    )
    async with asyncio.timeout(5):
        await viewer.connection.closed.wait()

    assert "maximum payload" in viewer.connection.why_closed.lower()


async def test_revoked_viewer_is_cut_off_at_once_and_stays_out_after_a_restart(
    stand: Stand,
) -> None:
    """Claims pushed to the resolver; kept on disk, because a restart is no pardon."""
    system = await stand.connect(stand.trust.system_user(issued_s=stand.now_s), "system")
    viewer = await stand.viewer()

    await bus.revoke(system, stand.trust.revoke(viewer.key.public, now_s=stand.now_s, media=True))
    async with asyncio.timeout(5):
        await viewer.connection.closed.wait()

    await stand.server.stop()
    again = bus.NatsServer(
        Path(stand.server._folder),
        stand.trust,
        bus.Settings(allowed_origins=(ORIGIN,)),
        stand.clock,
    )
    stand.stack.push_async_callback(again.stop)
    await again.start()
    with pytest.raises(VonggacError) as refused:
        await bus.connect(
            again.address.websocket,
            keys.Credential(viewer.token, viewer.key),
            name="revoked",
            origin=ORIGIN,
        )
    assert refused.value.kind is Kind.FORBIDDEN


# ---- machines ------------------------------------------------------------------------------


async def test_edge_speaks_for_its_own_site_alone(stand: Stand) -> None:
    """One site's credentials publish nothing of another's, and cannot touch its ledger."""
    control, media = await stand.edge()
    other = keys.new_id()
    hub_control, hub_media = await stand.hub_process()
    heard = await hub_media.subscribe(wire.lives(stand.hub), capacity=10)
    answers = await hub_control.subscribe(wire.replies(stand.hub), capacity=10)
    await hub_media.flush()
    await hub_control.flush()
    await bus.ensure_streams(control, stand.hub, stand.site)

    await media.publish(f"vg.{stand.hub}.{other}.live.cam01.main", b"forged")
    await media.publish(stand.live("cam01"), b"own")
    await control.publish(f"vg.{stand.hub}.{other}.re.{keys.new_id()}.1", b"forged")
    await control.publish(f"vg.{stand.hub}.{stand.site}.re.{keys.new_id()}.1", b"own")
    for verb in ("STREAM.PURGE.LEDGER", "STREAM.DELETE.LEDGER", "STREAM.MSG.DELETE.LEDGER",
                 "CONSUMER.CREATE.LEDGER.HUB", "STREAM.LIST"):  # fmt: skip
        await control.publish(f"$JS.API.{verb}", b"{}")
    await media.flush()
    await control.flush()
    await hub_media.flush()
    await hub_control.flush()

    assert [message.payload for message in await everything(heard)] == [b"own"]
    assert [message.payload for message in await everything(answers)] == [b"own"]
    assert len(control.denied) == 6
    assert len(media.denied) == 1


async def test_question_to_a_site_without_a_link_fails_at_once(stand: Stand) -> None:
    """The server says that nobody listens; nobody waits ten seconds to learn it."""
    viewer = await stand.viewer()

    with pytest.raises(VonggacError) as refused:
        async with asyncio.timeout(2):
            await viewer.asker.ask(
                stand.site, wire.Verb.OPEN, "cam01", wire.OpenAsk("main"), "grant"
            )

    assert refused.value.kind is Kind.UNAVAILABLE


# ---- facts and orders ----------------------------------------------------------------------


def envelopes(
    stand: Stand, first: int, count: int, epoch: int = 1
) -> list[tuple[wire.Envelope, wire.FactSubject]]:
    return [
        (
            stand.site_key.envelope(
                stand.site, epoch, number, wire.encode_fact(wire.BoxStopped(at=number))
            ),
            wire.FactSubject(stand.hub, stand.site, "box_stopped"),
        )
        for number in range(first, first + count)
    ]


async def test_facts_arrive_once_and_in_order_and_until_done_they_come_again(stand: Stand) -> None:
    """A hub that dies between reading and committing loses nothing and skips nothing."""
    control, _ = await stand.edge()
    hub_control, _ = await stand.hub_process()
    await bus.ensure_streams(control, stand.hub, stand.site)
    writer = bus.LedgerWriter(control, stand.hub, stand.site)
    assert await writer.position() is None
    await writer.put(envelopes(stand, 0, 100))
    await writer.put(envelopes(stand, 100, 250))

    reader = bus.LedgerReader(hub_control)
    await reader.begin()
    first = await reader.batch(1)
    assert await reader.batch(1) == first  # not done: the same again
    await reader.done()
    unseen = await reader.batch(1)  # taken and never acknowledged: this process dies here
    successor = bus.LedgerReader(hub_control)
    await successor.begin()
    again = await successor.batch(1)
    await successor.done()
    nothing = await successor.batch(0.2)

    numbers = [wire.decode_envelope(one.payload).sequence for one in [*first, *again]]
    assert numbers == list(range(350))
    assert [one.payload for one in unseen] == [one.payload for one in again]
    assert nothing == []
    assert await writer.position() == (1, 349)


async def test_reader_waits_for_no_more_than_its_request_still_gives(stand: Stand) -> None:
    """A request that facts trickled into ends in the middle of a batch, and says nothing then."""
    control, _ = await stand.edge()
    hub_control, _ = await stand.hub_process()
    await bus.ensure_streams(control, stand.hub, stand.site)
    writer = bus.LedgerWriter(control, stand.hub, stand.site)
    reader = bus.LedgerReader(hub_control)
    await reader.begin()
    await writer.put(envelopes(stand, 0, 10))
    got = [*await reader.batch(30)]
    await reader.done()
    await writer.put(envelopes(stand, 10, 256))
    await writer.put(envelopes(stand, 266, 34))
    while len(got) < 300:
        got += await reader.batch(30)
        await reader.done()

    assert [wire.decode_envelope(one.payload).sequence for one in got] == list(range(300))


async def test_second_writer_is_refused_and_finds_its_place_again(stand: Stand) -> None:
    """A cloned box, or an answer that was lost on the way: order is never broken."""
    control, _ = await stand.edge()
    await bus.ensure_streams(control, stand.hub, stand.site)
    first = bus.LedgerWriter(control, stand.hub, stand.site)
    second = bus.LedgerWriter(control, stand.hub, stand.site)
    await first.put(envelopes(stand, 0, 10))
    assert await second.position() == (1, 9)
    await first.put(envelopes(stand, 10, 10))

    with pytest.raises(VonggacError) as refused:
        await second.put(envelopes(stand, 15, 3))

    assert refused.value.kind is Kind.CONFLICT
    assert await second.position() == (1, 19)
    await second.put(envelopes(stand, 20, 1))
    assert await first.position() == (1, 20)


async def test_fact_that_is_sent_twice_is_stored_once(stand: Stand) -> None:
    """The answer to the first sending was lost; the second is a duplicate, not a new fact."""
    control, _ = await stand.edge()
    await bus.ensure_streams(control, stand.hub, stand.site)
    writer = bus.LedgerWriter(control, stand.hub, stand.site)
    await writer.put(envelopes(stand, 0, 5))

    with pytest.raises(VonggacError) as refused:
        await writer.put(envelopes(stand, 4, 1))

    assert refused.value.kind is Kind.CONFLICT
    assert await writer.position() == (1, 4)


async def test_order_replaces_an_older_one_and_is_not_replaced_by_it(stand: Stand) -> None:
    """The hub re-sends its truth at every connect; the box keeps one order a key."""
    control, _ = await stand.edge()
    hub_control, _ = await stand.hub_process()
    await bus.ensure_streams(control, stand.hub, stand.site)
    heard = await control.subscribe(wire.wants(stand.hub, stand.site), capacity=10)
    await control.flush()
    subject = wire.WantSubject(stand.hub, stand.site, "cameras")
    assert await bus.last_order(control, subject) is None

    def want(revision: int, text: bytes) -> wire.Want:
        return wire.Want(revision, msgspec.Raw(text))

    written = [
        await bus.order(hub_control, subject, want(2, b'{"n":2}')),
        await bus.order(hub_control, subject, want(1, b'{"n":1}')),
        await bus.order(hub_control, subject, want(2, b'{"n":2}')),
        await bus.order(hub_control, subject, want(3, b'{"n":3}')),
    ]

    assert written == [True, False, False, True]
    held = await bus.last_order(control, subject)
    assert held is not None
    assert (held.revision, bytes(held.document)) == (3, b'{"n":3}')
    assert [bus.decode_want((await heard.get()).payload).revision for _ in range(2)] == [2, 3]


# ---- the embedded server -------------------------------------------------------------------


async def test_server_that_is_killed_comes_back_at_the_same_place_with_its_facts(
    stand: Stand,
) -> None:
    """Pages and programs know its ports; a new one would cut every viewer off."""
    control, _ = await stand.edge()
    await bus.ensure_streams(control, stand.hub, stand.site)
    writer = bus.LedgerWriter(control, stand.hub, stand.site)
    await writer.put(envelopes(stand, 0, 20))
    before = stand.server.address
    pid = stand.server.pid
    assert pid is not None
    watching = asyncio.create_task(stand.server.run())

    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while stand.server.restarts == 0 or not control.connected:
            await asyncio.sleep(0.05)

    assert stand.server.address == before
    assert stand.server.pid != pid
    assert await writer.position() == (1, 19)
    await writer.put(envelopes(stand, 20, 1))
    await stand.server.stop()
    async with asyncio.timeout(5):
        await watching


async def test_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """An orphan would hold the ports and the streams against the next start."""
    program = textwrap.dedent(
        f"""
        import asyncio, pathlib
        from vonggac import bus, keys, log
        from vonggac.clock import SystemClock
        log.configure()
        async def main():
            folder = pathlib.Path({str(tmp_path)!r})
            trust = keys.Trust.at(folder / "keys", issued_s=1)
            server = bus.NatsServer(folder / "nats", trust, bus.Settings(), SystemClock())
            await server.start()
            print(server.pid, flush=True)
            await asyncio.Event().wait()
        asyncio.run(main())
        """
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    proc = Path(f"/proc/{pid}/stat")
    assert proc.exists()

    parent.kill()
    await parent.wait()
    parent._transport.close()  # type: ignore[attr-defined]

    async with asyncio.timeout(5):
        while proc.exists() and proc.read_text().rpartition(")")[2].split()[0] != "Z":
            await asyncio.sleep(0.02)


async def test_configuration_is_private_and_holds_no_seed(stand: Stand) -> None:
    """Mode 0600, and nothing in it signs anything."""
    path = Path(stand.server._folder) / "nats-server.conf"
    text = path.read_text()
    told = json.loads(text)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    seeds = [one.read_text() for one in (Path(stand.server._folder).parent / "keys").glob("*.seed")]
    assert len(seeds) == 6
    assert [seed for seed in seeds if seed in text] == []
    assert told["host"] == told["websocket"]["host"] == "127.0.0.1"
    assert told["max_control_line"] == 65_536
    assert not {"http", "http_port", "authorization", "accounts"} & set(told)


def test_listener_beyond_loopback_is_refused_by_name() -> None:
    """Without TLS nothing leaves the machine."""
    with pytest.raises(ConfigError, match=r"bus\.host"):
        bus.Settings(host="0.0.0.0")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("nats-server: v2.14.0\n", (2, 14, 0)),
        ("nats-server: v2.14.3\n", (2, 14, 3)),
        ("nats-server: v2.9.25\n", (2, 9, 25)),
        ("nats-server: v2.15.0-RC.1\n", None),
        ("nats-server: v3\n", None),
        ("", None),
    ],
)
def test_version_is_read_and_a_prerelease_is_none(
    text: str, version: tuple[int, int, int] | None
) -> None:
    """Start-up refuses what is older than what was tested."""
    assert parse_version(text) == version


async def test_old_server_on_the_path_is_passed_over_for_the_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution's nats-server is often years old; ours lies beside us."""
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho 'nats-server: v2.9.25'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    found = await bus.find_server()

    assert found != old
    assert "deckr" in str(found)


async def test_no_usable_server_is_said_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what was found and what is wanted."""
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho 'nats-server: v2.13.9'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("vonggac.bus.server._wheels", lambda: None)

    with pytest.raises(ConfigError, match=r"2\.14\.0 or later: .*nats-server is 2\.13\.9"):
        await bus.find_server()
