"""Servers joined by leafs: facts up, orders down, pictures on demand, over every kind of address.

Must-show 4 of "Three tiers over bad links" stands here on the bus's side.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from tiers_stand import Tier, Tiers, joined, taken, tiers
from vonggac import bus, keys, wire
from vonggac.clock import NS, SystemClock
from vonggac.errors import ConfigError, Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# nats-py hands aiohttp a number of seconds where it now wants an object.
pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")

FACTS = 20_000
"""Sources without their flow control stalled at about 2,300; 24 h of a site are some 20,000."""


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Tiers]:
    async with tiers(tmp_path) as found:
        yield found


def numbers(deliveries: list[bus.Delivery]) -> list[int]:
    return [wire.decode_envelope(one.payload).sequence for one in deliveries]


async def write(writer: bus.LedgerWriter, tier: Tier, first: int, count: int) -> None:
    for start in range(first, first + count, bus.BATCH):
        await writer.put(tier.envelopes(start, min(bus.BATCH, first + count - start)))


async def reading(control: bus.Connection) -> bus.LedgerReader:
    reader = bus.LedgerReader(control, keys.LEDGERS)
    await reader.begin()
    return reader


# ---- facts ---------------------------------------------------------------------------------


@pytest.mark.timeout(180)
async def test_facts_made_during_a_cut_arrive_all_in_order_and_once_after_it(made: Tiers) -> None:
    """Nothing passes while the line is cut, and nothing of ours retries: JetStream goes on."""
    hub = await made.hub()
    box = await made.box(hub)
    presence = await hub.presence()
    await joined(presence, box.id)
    edge, _ = await box.edge()
    control = await hub.hub_control()
    assert await bus.follow(control, [box.child()])
    reader = await reading(control)
    writer = bus.LedgerWriter(edge, hub.id, box.id)
    await write(writer, box, 0, 300)
    assert numbers(await taken(reader, 300)) == list(range(300))

    await box.up.cut()
    passed = box.up.up_bytes
    await write(writer, box, 300, FACTS)
    during = await reader.batch(0.2)
    assert during == []
    assert box.up.up_bytes == passed
    await box.up.restore()

    assert numbers(await taken(reader, FACTS)) == list(range(300, 300 + FACTS))
    assert await reader.batch(0.2) == []


async def test_site_more_or_less_disturbs_no_other_and_one_that_comes_back_goes_on(
    made: Tiers,
) -> None:
    """A province of 300 sites gains and loses some every week; nobody's facts start over."""
    hub = await made.hub()
    first, second = await made.box(hub), await made.box(hub)
    await joined(await hub.presence(), first.id, second.id)
    writers = []
    for box in (first, second):
        edge, _ = await box.edge()
        writers.append(bus.LedgerWriter(edge, hub.id, box.id))
    control = await hub.hub_control()
    assert not await bus.follow(control, [])

    await write(writers[0], first, 0, 50)
    assert await bus.follow(control, [first.child()])
    reader = await reading(control)
    got = await taken(reader, 50)
    assert await bus.follow(control, [second.child(), first.child()])
    assert not await bus.follow(control, [first.child(), second.child()])
    await write(writers[0], first, 50, 50)
    await write(writers[1], second, 0, 50)
    got += await taken(reader, 100)
    assert await bus.follow(control, [first.child()])
    await write(writers[1], second, 50, 50)
    await write(writers[0], first, 100, 50)
    got += await taken(reader, 50)
    assert await bus.follow(control, [first.child(), second.child()])
    got += await taken(reader, 50)

    told = [wire.decode_envelope(one.payload) for one in got]
    assert [one.sequence for one in told if one.site == first.id] == list(range(150))
    assert [one.sequence for one in told if one.site == second.id] == list(range(100))
    assert {one.site for one in told[150:200]} == {first.id}
    assert await reader.batch(0.2) == []


async def test_hub_that_is_started_again_goes_on_where_it_was(made: Tiers) -> None:
    """The place of a source is in what it stored, so a hub's restart asks for nothing twice."""
    hub = await made.hub()
    box = await made.box(hub)
    presence = await hub.presence()
    await joined(presence, box.id)
    before = set(presence.links)
    edge, _ = await box.edge()
    control = await hub.hub_control()
    await bus.follow(control, [box.child()])
    writer = bus.LedgerWriter(edge, hub.id, box.id)
    await write(writer, box, 0, 100)
    reader = await reading(control)
    assert len(await taken(reader, 100)) == 100
    watching = [asyncio.create_task(one) for one in (hub.server.run(), presence.run())]
    pid = hub.server._process
    assert pid is not None

    pid.kill()
    await write(writer, box, 100, 100)
    async with asyncio.timeout(30):
        while hub.server.restarts == 0 or not control.connected:
            await asyncio.sleep(0.05)
    again = await reading(control)
    got = numbers(await taken(again, 1))
    while got[-1] != 199:  # what was acknowledged last may not have been on the disk
        got += numbers(await taken(again, 1))
    while before & set(presence.links) or len(presence.links) < 2:
        await presence.next()
    await hub.server.stop()
    watching[1].cancel()
    await asyncio.wait(watching)

    assert got == list(range(got[0], 200))
    assert {link.below for link in presence.links} == {box.id}


async def test_ledger_that_a_site_lost_is_followed_in_its_new_life(made: Tiers) -> None:
    """A restored box sends its journal again into an empty LEDGER, shorter than the hub's place.

    Counted from 1 again, what is new of it would lie before that place and never come.
    """
    hub = await made.hub()
    lost = await made.box(hub)
    await joined(await hub.presence(), lost.id)
    edge, _ = await lost.edge(life=1)
    control = await hub.hub_control()
    await bus.follow(control, [lost.child()])
    await write(bus.LedgerWriter(edge, hub.id, lost.id), lost, 0, 60)
    reader = await reading(control)
    await taken(reader, 60)
    await lost.server.stop()
    await bus.follow(control, [])  # else the server tries a ledger that it lost ever more rarely

    box = await made.box(hub, same_as=lost)
    box.key = lost.key
    edge, _ = await box.edge(life=1_002)
    writer = bus.LedgerWriter(edge, hub.id, box.id)
    await write(writer, box, 0, 40)
    await writer.put(box.envelopes(0, 10, epoch=1_002))
    assert await writer.position() == (1_002, 9)
    await bus.follow(control, [box.child()])
    got: list[tuple[int, int]] = []
    while (1_002, 9) not in got:
        for one in await taken(reader, 1):
            envelope = wire.decode_envelope(one.payload)
            got.append((envelope.epoch, envelope.sequence))
    await box.edge(life=1_003)  # what is there already is not counted anew

    assert [one for one in got if one[0] == 1_002] == [(1_002, number) for number in range(10)]


async def test_ledger_of_a_site_passes_two_hops(made: Tiers) -> None:
    """The ministry sources the province's LEDGERS under the same name and by the same rules."""
    ministry = await made.hub()
    province = await made.hub(above=ministry)
    box = await made.box(province)
    await joined(await ministry.presence(), province.id)
    await joined(await province.presence(), box.id)
    edge, _ = await box.edge()
    below, above = await province.hub_control(), await ministry.hub_control()
    await bus.follow(below, [box.child()])
    await bus.follow(above, [bus.Child(province.id)])

    await write(bus.LedgerWriter(edge, province.id, box.id), box, 0, 3_000)
    got = await taken(await reading(above), 3_000)

    assert numbers(got) == list(range(3_000))
    assert {one.subject for one in got} == {
        f"vg.{province.id}.{box.id}.fact.box_stopped.{wire.NO_CAMERA}"
    }


# ---- orders and questions ------------------------------------------------------------------


async def test_order_reaches_the_box_over_the_leaf_and_is_not_replaced_by_an_older_one(
    made: Tiers,
) -> None:
    """WANT lies at the box, which obeys it while cut off; the expected sequence guards it."""
    hub = await made.hub()
    box = await made.box(hub)
    await joined(await hub.presence(), box.id)
    edge, _ = await box.edge()
    control = await hub.hub_control()
    heard = await edge.subscribe(wire.wants(hub.id, box.id), capacity=10)
    await edge.flush()
    subject = wire.WantSubject(hub.id, box.id, "cameras")

    def want(revision: int) -> wire.Want:
        return wire.Want(revision, msgspec.Raw(b'{"n":%d}' % revision))

    written = [
        await bus.order(control, subject, want(revision), below=True) for revision in (2, 1, 2, 3)
    ]

    assert written == [True, False, False, True]
    assert [bus.decode_want((await heard.get()).payload).revision for _ in range(2)] == [2, 3]
    held = await bus.last_order(control, subject, below=True)
    assert held is not None
    assert held.revision == 3
    assert await bus.last_order(edge, subject) == held


async def test_order_to_a_site_that_is_cut_off_fails_at_once(made: Tiers) -> None:
    """The server knows that nobody is there; the hub's database keeps the order."""
    hub = await made.hub()
    control = await hub.hub_control()
    subject = wire.WantSubject(hub.id, keys.new_id(), "cameras")

    with pytest.raises(VonggacError) as refused:
        await bus.order(control, subject, wire.Want(1, msgspec.Raw(b"{}")), below=True)

    assert refused.value.kind is Kind.UNAVAILABLE


async def test_question_of_a_viewer_two_hops_up_is_answered_by_the_box(made: Tiers) -> None:
    """Asked in MEDIA, carried down in CONTROL by the import, answered up in MEDIA."""
    ministry = await made.hub()
    province = await made.hub(above=ministry)
    box = await made.box(province)
    await joined(await ministry.presence(), province.id)
    await joined(await province.presence(), box.id)
    edge, media = await box.edge()

    async def answer(message: bus.Message, way: bus.Connection) -> None:
        headers = {wire.STATUS: wire.OK, wire.PART: "0", wire.LAST: "1"}
        await way.publish(message.reply, b"seen at the box", headers=headers)

    questions = await edge.subscribe(wire.asks(province.id, box.id), capacity=10)
    await edge.flush()
    control = await ministry.hub_control()
    pictures = await ministry.connect(ministry.trust.hub_users(issued_s=ministry.now_s)[1], "hub")
    asker = bus.Asker(province.id, keys.new_id(), control, [control, pictures])
    await asker.start(box.id)
    for verb, way in ((wire.Verb.STATUS, edge), (wire.Verb.SNAPSHOT, media)):
        body = wire.StatusAsk() if verb is wire.Verb.STATUS else wire.SnapshotAsk("main")
        asking = asyncio.create_task(asker.ask(box.id, verb, "cam01", body, "grant"))
        await answer(await questions.get(), way)
        _, payload = await asking
        assert payload == b"seen at the box"
    await asker.stop()


# ---- pictures ------------------------------------------------------------------------------


async def test_no_byte_of_pictures_crosses_until_somebody_looks_and_one_copy_for_all(
    made: Tiers,
) -> None:
    """The line is a home line: it carries what is watched, once, over both hops."""
    ministry = await made.hub()
    province = await made.hub(above=ministry)
    box = await made.box(province)
    await joined(await ministry.presence(), province.id)
    await joined(await province.presence(), box.id)
    _, media = await box.edge()
    subject = f"vg.{province.id}.{box.id}.live.cam01.main"
    part, parts = bytes(20_000), 50

    async def film() -> None:
        for _ in range(parts):
            await media.publish(subject, part)
        await media.flush()

    await film()
    idle = box.up.up_bytes
    viewers = [await ministry.viewer(province.id, box.id, ("cam01",)) for _ in range(2)]
    heard = [await one.subscribe(subject, capacity=200) for one in viewers]
    for one in viewers:
        await one.flush()
    await interest(media, subject, heard)
    before = box.up.up_bytes, province.up.up_bytes
    await film()
    for one in heard:
        for _ in range(parts):
            assert len((await one.get()).payload) == len(part)

    assert idle < len(part)
    for tier, start in zip((box, province), before, strict=True):
        sent = tier.up.up_bytes - start
        assert parts * len(part) <= sent < 1.2 * parts * len(part)
    assert all(one.lost == 0 and not len(one._mailbox) for one in heard)


async def interest(media: bus.Connection, subject: str, heard: list[bus.Subscription]) -> None:
    """Return when the interest of every viewer has come down to the box, and nothing is pending."""
    waiting = [asyncio.create_task(one.get()) for one in heard]
    while not all(one.done() for one in waiting):
        await media.publish(subject, b"first")
        await media.flush()
        await asyncio.wait(waiting, timeout=0.05)
    await media.publish(subject, b"last")
    for one in heard:
        while (await one.get()).payload != b"last":
            pass


# ---- ways up -------------------------------------------------------------------------------


async def test_leaf_joins_by_the_port_of_the_browsers_too(made: Tiers) -> None:
    """443 is what a site lets out; a leaf sends no Origin, so pages alone are held to theirs."""
    hub = await made.hub()

    box = await made.box(hub, url=f"ws://127.0.0.1:{browsers(hub)}")

    await joined(await hub.presence(), box.id)


async def test_leaf_joins_through_a_proxy_that_asks_who_it_is(made: Tiers) -> None:
    """Offices let nothing out but through their proxy."""
    hub = await made.hub()
    asked: list[str] = []

    async def carry(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
        while data := await one.read(65_536):
            other.write(data)
        other.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", browsers(hub))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    hub.stack.callback(proxy.close)
    port = proxy.sockets[0].getsockname()[1]

    box = await made.box(
        hub,
        url=f"ws://127.0.0.1:{browsers(hub)}",
        proxy=f"http://van-phong:mat-khau@127.0.0.1:{port}",
    )

    await joined(await hub.presence(), box.id)
    assert asked[0].startswith(f"CONNECT 127.0.0.1:{browsers(hub)} ")
    assert base64.b64encode(b"van-phong:mat-khau").decode() in asked[0]


async def test_leaf_joins_by_tls_and_refuses_a_hub_of_another_authority(
    made: Tiers, tmp_path: Path
) -> None:
    """The box believes the authority that its enrolment brought, and no other."""
    now_s = SystemClock().wall_ns() // NS
    own = keys.tls.authority(tmp_path / "tls", (), now_s=now_s)
    other = keys.tls.authority(tmp_path / "other", (), now_s=now_s)
    hub = await made.hub(own_tls=own, browser_tls=own.files)
    presence = await hub.presence()
    leafs = str(hub.server.address.leaf)
    assert leafs.startswith("tls://")

    stranger = await made.box(hub, url=leafs, trusted=other.trusted)
    first = await made.box(hub, url=leafs, trusted=own.trusted)
    second = await made.box(hub, url=f"wss://127.0.0.1:{browsers(hub)}", trusted=own.trusted)

    await joined(presence, first.id, second.id)
    assert not presence.is_up(stranger.id)


def browsers(hub: Tier) -> int:
    return int(hub.server.address.websocket.rpartition(":")[2].strip("/"))


# ---- settings ------------------------------------------------------------------------------


def test_leafs_listener_beyond_loopback_wants_tls() -> None:
    """Without TLS nothing leaves the machine."""
    with pytest.raises(ConfigError, match=r"bus\.leaf_host"):
        bus.Settings(leaf_host="0.0.0.0", leaf_port=0)


@pytest.mark.parametrize(
    ("url", "proxy", "fault"),
    [
        ("nats-leaf://hub.example:7422", None, "not encrypted"),
        ("ws://hub.example", None, "not encrypted"),
        ("http://hub.example", None, "neither"),
        ("wss://", None, "neither"),
        ("tls://hub.example:7422", "http://proxy:3128", "through a proxy"),
        ("wss://hub.example", "socks5://proxy:1080", "no http"),
    ],
)
def test_address_of_a_parent_that_would_speak_in_clear_or_go_around_the_proxy_is_refused(
    tmp_path: Path, url: str, proxy: str | None, fault: str
) -> None:
    """Refused where it is written, by name, not by a link that never comes up."""
    with pytest.raises(ConfigError, match=fault):
        bus.Parent((url,), tmp_path / "c", tmp_path / "m", proxy=proxy)


def claims(token: str) -> dict[str, object]:
    body = token.split(".")[1]
    told: dict[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return told


def test_credentials_of_a_leaf_open_nothing_else_and_name_one_site(tmp_path: Path) -> None:
    """Least privileges: no `_INBOX`, no answers in general, no JetStream but one request."""
    trust = keys.Trust.at(tmp_path, issued_s=1)
    site, hub = keys.new_id(), keys.new_id()

    for given, name in (
        (trust.leaf(site, issued_s=1), f"vg.{trust.hub}.{site}."),
        (trust.leaf_of_hub(hub, issued_s=1), f"vg.{hub}."),
    ):
        for credential in given:
            told = claims(credential.token)["nats"]
            assert told["allowed_connection_types"] == ["LEAFNODE", "LEAFNODE_WS"]  # type: ignore[index]
            assert "_INBOX" not in json.dumps(told)
            assert "resp" not in told  # type: ignore[operator]
            for way in ("pub", "sub"):
                subjects = told[way].get("allow", [])  # type: ignore[index]
                assert [one for one in subjects if one[0] == "v" and not one.startswith(name)] == []
                assert ">" not in subjects
    for bad in ("*", "dlv", "", site.upper()):
        with pytest.raises(VonggacError):
            trust.leaf(bad, issued_s=1)


def test_tree_takes_the_hubs_id_and_keeps_it(tmp_path: Path) -> None:
    """`vg.<hub>.<site>.` is one name at every tier: a box speaks under the hub that enrolled it."""
    alone = keys.Trust.at(tmp_path, issued_s=1)
    hub = keys.new_id()

    enrolled = keys.Trust.at(tmp_path, issued_s=1, hub=hub)

    assert alone.hub != enrolled.hub == hub
    assert keys.Trust.at(tmp_path, issued_s=1).hub == hub
    assert enrolled.control == alone.control
    with pytest.raises(VonggacError):
        keys.Trust.at(tmp_path, issued_s=1, hub="*")


def test_revocation_of_a_leaf_outlives_that_of_a_viewer(tmp_path: Path) -> None:
    """A viewer's token ends by itself; a site's never does."""
    trust = keys.Trust.at(tmp_path, issued_s=1)
    _, media = trust.leaf(keys.new_id(), issued_s=1)
    viewer = keys.NKey.create(keys.Role.USER).public

    trust.revoke(media.key.public, now_s=100, media=True, leaf=True)
    trust.revoke(viewer, now_s=100, media=True)
    last = keys.NKey.create(keys.Role.USER).public
    told = claims(keys.Trust(tmp_path).revoke(last, now_s=10_000, media=True))["nats"]

    assert set(told["revocations"]) == {media.key.public, last}  # type: ignore[index]
