"""What a hostile site can do to its neighbours with its real credentials: nothing.

Must-show 3 of "Three tiers over bad links": NATS is spoken by hand (tests/tiers_leaf.py), so that
no server below keeps to the permissions on the attacker's behalf; payloads are compared.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import pytest

from bus_stand import ORIGIN
from tiers_leaf import RawLeaf
from tiers_stand import Tier, Tiers, joined, taken, tiers
from vonggac import bus, keys, wire
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")


@dataclass
class Scene:
    """A hub, the site Y that behaves, and what X was given."""

    hub: Tier
    victim: Tier
    site: str
    """X, the attacker's own."""
    leaf: tuple[keys.Credential, keys.Credential]
    presence: bus.Presence

    async def attack(self, *, media: bool = False, name: str = "", **more: object) -> RawLeaf:
        return await RawLeaf.join(
            str(self.hub.server.address.leaf),
            self.leaf[1 if media else 0],
            name=name or f"{self.site}-{'0' * 32}",
            **more,
        )


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with tiers(tmp_path) as made:
        hub = await made.hub()
        victim = await made.box(hub)
        presence = await hub.presence()
        await joined(presence, victim.id)
        site = keys.new_id()
        yield Scene(hub, victim, site, hub.trust.leaf(site, issued_s=hub.now_s), presence)


def arrived(subscription: bus.Subscription) -> list[tuple[str, bytes]]:
    found = []
    while len(subscription._mailbox):
        letter = subscription._mailbox._letters.popleft()
        found.append((letter.subject, letter.payload))
    return found


async def settled(*connections: bus.Connection) -> None:
    for one in connections:
        await one.flush()
    for _ in range(10):  # from the library's queue into the mailbox: turns of the loop, no time
        await asyncio.sleep(0)


@pytest.mark.parametrize("claims", [{}, {"is_hub": True}], ids=["as a leaf", "as a hub"])
async def test_site_says_nothing_but_its_own_words(scene: Scene, claims: dict[str, object]) -> None:
    """It cannot publish a picture, answer, fact or order of Y, nor call JetStream or the server."""
    x, y, hub = scene.site, scene.victim.id, scene.hub.id
    spies = await scene.hub.spy(), await scene.hub.spy(media=True)
    heard = [await spy.subscribe(">", capacity=1_000) for spy in spies]
    await settled(*spies)
    grant, own = keys.new_id(), f"vg.{hub}.{x}.re.{keys.new_id()}.1"
    forged = [
        f"vg.{hub}.{y}.live.cam01.main",
        f"vg.{hub}.{y}.re.{grant}.1",
        f"vg.{hub}.{y}.dlv.S.abcdefgh",
        f"vg.{hub}.{y}.fact.box_stopped.-",
        f"vg.{hub}.{x}.fact.box_stopped.-",
        f"vg.{hub}.{y}.ask.open.cam01.{grant}",
        f"vg.{hub}.{y}.want.cameras",
        f"vg.{hub}.dlv.S.abcdefgh",
        "$JS.API.STREAM.INFO.LEDGERS",
        "$JS.API.STREAM.PURGE.LEDGERS",
        "$JS.API.STREAM.DELETE.LEDGERS",
        f"$JS.{hub}.API.STREAM.DELETE.LEDGERS",
        f"$JS.{y}.API.STREAM.PURGE.LEDGER",
        f"$JS.{y}.API.CONSUMER.CREATE.LEDGER",
        "$JS.FC.LEDGER.abc.def",
        "$SYS.REQ.CLAIMS.UPDATE",
        f"$SYS.ACCOUNT.{scene.hub.trust.control}.CONNECT",
        "_INBOX.abc.1",
        "in.anybody.1",
        "LEDGERS",
    ]
    allowed = {
        False: [f"vg.{hub}.{x}.dlv.S.abc", own, "$JSC.R.abcdefgh"],
        True: [f"vg.{hub}.{x}.live.cam01.main", own],
    }

    for media, found in zip((False, True), heard, strict=True):
        for subject in (*forged, *allowed[media]):
            # A word that is not allowed ends the connection: hence one for each.
            raw = await scene.attack(media=media, **claims)
            raw.say(subject, f"said as {subject}".encode(), own)
            await raw.settle()
            await raw.close()
        await settled(*spies)
        told = arrived(found)
        mine = [(one, payload) for one, payload in told if payload.startswith(b"said as ")]
        assert mine == [(one, f"said as {one}".encode()) for one in allowed[media]]
    assert scene.presence.is_up(y)


async def test_province_says_nothing_for_another_province(tmp_path: Path) -> None:
    """At the ministry, with its real credentials: no word of another's sites, none to JetStream.

    What it carries for its own sites it may say; whose words those are, signatures say.
    """
    async with tiers(tmp_path) as made:
        ministry = await made.hub()
        other = await made.hub(above=ministry)
        await joined(await ministry.presence(), other.id)
        mine, site = keys.new_id(), keys.new_id()
        leaf = ministry.trust.leaf_of_hub(mine, issued_s=ministry.now_s)
        spies = await ministry.spy(), await ministry.spy(media=True)
        heard = [await spy.subscribe(">", capacity=1_000) for spy in spies]
        await settled(*spies)
        own = f"vg.{mine}.{site}.re.{keys.new_id()}.1"
        forged = [
            f"vg.{other.id}.dlv.S.abcdefgh",
            f"vg.{other.id}.{site}.re.{keys.new_id()}.1",
            f"vg.{other.id}.{site}.live.cam01.main",
            f"vg.{other.id}.{other.id}.fact.site.-",
            f"vg.{mine}.{mine}.fact.site.-",
            f"vg.{other.id}.{site}.ask.open.cam01.{keys.new_id()}",
            "$JS.API.STREAM.PURGE.LEDGERS",
            f"$JS.{other.id}.API.CONSUMER.CREATE.LEDGERS",
            f"$JS.{other.id}.API.CONSUMER.CREATE.LEDGER",
            "$JS.FC.LEDGERS.abc.def",
            "$SYS.REQ.CLAIMS.UPDATE",
            "_INBOX.abc.1",
        ]
        allowed = {
            False: [f"vg.{mine}.dlv.S.abc", own, "$JSC.R.abcdefgh"],
            True: [f"vg.{mine}.{site}.live.cam01.main", own],
        }
        for media, found in zip((False, True), heard, strict=True):
            for subject in (*forged, *allowed[media]):
                raw = await RawLeaf.join(
                    str(ministry.server.address.leaf), leaf[1 if media else 0],
                    name=f"{mine}-{'0' * 32}",
                )  # fmt: skip
                raw.want(f"vg.{other.id}.>")
                raw.say(subject, f"said as {subject}".encode(), own)
                await raw.settle()
                await raw.close()
            await settled(*spies)
            told = [payload for _, payload in arrived(found) if payload.startswith(b"said as ")]
            assert sorted(told) == sorted(f"said as {one}".encode() for one in allowed[media])


@pytest.mark.parametrize("claims", [{}, {"is_hub": True}], ids=["as a leaf", "as a hub"])
async def test_site_hears_nothing_but_what_is_meant_for_it(
    scene: Scene, claims: dict[str, object]
) -> None:
    """Whatever it subscribes: no question, order, answer, picture or ledger of Y comes down."""
    x, y, hub = scene.site, scene.victim.id, scene.hub.id
    grant = keys.new_id()
    patterns = [">", "vg.>", f"vg.{hub}.>", f"vg.{hub}.*.ask.>", f"vg.*.{y}.>", "$JS.>", "$SYS.>",
                "$JSC.>", "_INBOX.>", "in.>", "_R_.>", "*.>"]  # fmt: skip
    said = [
        f"vg.{hub}.{kind}"
        for site in (x, y)
        for kind in (
            f"{site}.live.cam01.main",
            f"{site}.re.{grant}.1",
            f"{site}.ask.open.cam01.{grant}",
            f"{site}.want.cameras",
            f"{site}.dlv.S.abc",
        )
    ] + [f"$JS.{y}.API.CONSUMER.CREATE.LEDGER", "$JSC.R.abc", "_INBOX.abc", "in.abc.1"]
    mine = {
        False: [f"vg.{hub}.{x}.ask.open.cam01.{grant}", f"vg.{hub}.{x}.want.cameras"],
        True: [],
    }
    for media in (False, True):
        spy = await scene.hub.spy(media=media)
        secrets: set[tuple[str, bytes]] = set()
        for wanted in (patterns, *([one] for one in said)):  # a refused one ends the connection
            raw = await scene.attack(media=media, **claims)
            for pattern in wanted:
                raw.want(pattern)
            await raw.settle()
            for subject in said:
                await spy.publish(subject, b"a secret of " + subject.encode())
            await spy.flush()
            await raw.settle()
            await raw.close()
            secrets |= {(one, text) for one, text in raw.heard if text.startswith(b"a secret")}
            others = {subject for subject, _ in raw.heard} - set(said)
            assert [one for one in others if y in one or "LEDGER" in one] == []

        assert secrets == {(one, b"a secret of " + one.encode()) for one in mine[media]}


async def test_site_learns_no_name_by_which_it_could_evict_another(scene: Scene) -> None:
    """A second server of the same name would: hence 128 random bits, which nobody is told."""
    y = scene.victim.id
    name = next(link.server for link in scene.presence.links if link.below == y)
    raw = await scene.attack(name=f"{y}-{'f' * 32}")
    for pattern in (">", "$SYS.>", "$JS.>", "vg.>"):
        raw.want(pattern)
    await raw.settle()
    other = await scene.attack(name=y)
    await other.settle()
    await scene.presence.reconcile()

    assert all(scene.presence.is_up(y, account) for account in bus.Account)
    assert {link.server for link in scene.presence.links if link.below == y} == {name}
    assert name.removeprefix(f"{y}-").encode() not in raw.everything + other.everything
    await raw.close()
    await other.close()


async def test_site_cannot_acknowledge_facts_in_the_hubs_place(scene: Scene) -> None:
    """nats-server takes `$JS.ACK` from any leaf: only the consumer's random name is in the way."""
    hub, victim = scene.hub, scene.victim
    edge, _ = await victim.edge()
    control = await hub.hub_control()
    await bus.follow(control, [victim.child()])
    reader = bus.LedgerReader(control, keys.LEDGERS)
    await reader.begin()
    await bus.LedgerWriter(edge, hub.id, victim.id).put(victim.envelopes(0, 5))
    raw = await scene.attack()
    raw.want("$JS.>")
    raw.want(">")
    unread = await reader.batch(5.0)
    for name in ("HUB", "HUB-*", "*"):
        for word in (b"+ACK", b"-NAK", b"+TERM"):
            raw.say(f"$JS.ACK.{keys.LEDGERS}.{name}.1.5.5.1.0", word)
    await raw.settle()
    successor = bus.LedgerReader(control, keys.LEDGERS)
    await successor.begin()
    again = await taken(successor, 5)

    assert [one.payload for one in again[: len(unread)]] == [one.payload for one in unread]
    for name in (reader._consumer, successor._consumer):
        assert len(name) > 32
        assert name.encode() not in raw.everything
    await raw.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_leafs_credential_opens_nothing_to_a_client(scene: Scene) -> None:
    """A hand-written client with X's key gets in neither by TCP nor as a browser."""
    address = scene.hub.server.address
    kinds = []
    for credential in scene.leaf:
        for url, origin in ((address.url, None), (address.websocket, ORIGIN)):
            try:
                await bus.connect(url, credential, name="X", origin=origin)
            except VonggacError as error:
                kinds.append(error.kind)
    assert kinds == [Kind.FORBIDDEN] * 4


async def test_credentials_of_a_box_are_worth_nothing_at_its_hub(scene: Scene) -> None:
    """A box has a tree of its own: what it signs for itself is foreign above, viewers included."""
    victim, address = scene.victim, scene.hub.server.address
    edge, _ = victim.trust.edge(victim.id, issued_s=victim.now_s)
    with pytest.raises(VonggacError) as refused:
        await bus.connect(address.url, edge, name="edge")
    assert refused.value.kind is Kind.FORBIDDEN
    raw = await RawLeaf.join(str(address.leaf), edge, name=f"{victim.id}-{'1' * 32}")
    assert raw.faults
    await raw.close()


async def owned(made: Tiers, scene: Scene) -> tuple[Tier, bus.Connection]:
    """A site whose owner turned: its stream takes any fact, and its program writes any header."""
    attacker = await made.box(scene.hub)
    await joined(scene.presence, attacker.id)
    owner = await attacker.spy()
    stream = {"name": keys.LEDGER, "subjects": ["vg.*.*.fact.>"], "storage": "file",
              "allow_rollup_hdrs": True, "allow_msg_ttl": True}  # fmt: skip
    created = await owner.request(
        f"$JS.API.STREAM.CREATE.{keys.LEDGER}", msgspec.json.encode(stream)
    )
    assert b"error" not in created.payload
    return attacker, owner


async def test_site_that_forges_facts_in_its_own_stream_neither_speaks_for_another_nor_silences_it(
    scene: Scene, tmp_path: Path
) -> None:
    """Sources carry whatever X stored: subjects, ids and orders of Y. All of Y's facts arrive."""
    async with tiers(tmp_path / "more") as made:
        hub, victim = scene.hub, scene.victim
        attacker, owner = await owned(made, scene)
        edge, _ = await victim.edge()
        control = await hub.hub_control()
        await bus.follow(control, [attacker.child(), victim.child()])
        reader = bus.LedgerReader(control, keys.LEDGERS)
        await reader.begin()
        genuine = victim.envelopes(0, 20)
        assert attacker.key is not None
        assert victim.key is not None
        forged = 0
        for envelope, subject in genuine:
            lie = attacker.key.envelope(victim.id, 1, envelope.sequence, envelope.payload)
            for headers in (
                {"Nats-Msg-Id": envelope.message_id},
                {"Nats-Rollup": "all"},
                {"Nats-TTL": "1s", "Nats-Expected-Stream": keys.LEDGER},
            ):
                answer = await owner.request(
                    str(subject), wire.encode_envelope(lie), headers=headers
                )
                assert b'"error"' not in answer.payload
                forged += 1
        # Rolled up at X, so not each lie is left to be carried; the last of them is.
        carried = await taken(reader, 1)
        await bus.LedgerWriter(edge, hub.id, victim.id).put(genuine)
        wanted = [wire.encode_envelope(envelope) for envelope, _ in genuine]
        while [one.payload for one in carried if one.payload in wanted] != wanted:
            carried += await taken(reader, 1)

        lies = [one for one in carried if one.payload not in wanted]
        assert 0 < len(lies) <= forged
        for one in lies:
            with pytest.raises(VonggacError):
                keys.verify_envelope(wire.decode_envelope(one.payload), victim.key.public)


async def test_site_that_forges_the_place_of_another_source_makes_the_hub_skip_nothing(
    scene: Scene, tmp_path: Path
) -> None:
    """A source finds its place in a header of what it stored, and X may write that header too."""
    async with tiers(tmp_path / "more") as made:
        hub, victim = scene.hub, scene.victim
        attacker, owner = await owned(made, scene)
        edge, _ = await victim.edge()
        writer = bus.LedgerWriter(edge, hub.id, victim.id)
        control, spy = await hub.hub_control(), await hub.spy()
        await bus.follow(control, [attacker.child(), victim.child()])
        reader = bus.LedgerReader(control, keys.LEDGERS)
        await reader.begin()
        await writer.put(victim.envelopes(0, 5))
        await taken(reader, 5)
        stored = await spy.request(f"$JS.API.STREAM.MSG.GET.{keys.LEDGERS}", b'{"seq":5}')
        headers = base64.b64decode(msgspec.json.decode(stored.payload)["message"]["hdrs"]).decode()
        source, place, rest = (
            headers.partition("Nats-Stream-Source: ")[2].split("\r\n")[0].split(" ", 2)
        )
        assert int(place) == 5
        subject = f"vg.{hub.id}.{attacker.id}.fact.box_stopped.-"
        lie = {"Nats-Stream-Source": f"{source} 1000000 {rest}"}
        await owner.request(subject, b"lie", headers=lie)
        await taken(reader, 1)

        watching = asyncio.create_task(hub.server.run())
        process = hub.server._process
        assert process is not None
        process.kill()
        async with asyncio.timeout(30):
            while hub.server.restarts == 0 or not control.connected:
                await asyncio.sleep(0.05)
        await writer.put(victim.envelopes(5, 5))
        again = bus.LedgerReader(control, keys.LEDGERS)
        await again.begin()
        found: set[int] = set()
        while not set(range(5, 10)) <= found:
            for one in await taken(again, 1):
                if one.subject.split(".")[2] == victim.id:
                    found.add(wire.decode_envelope(one.payload).sequence)
        await hub.server.stop()
        await watching
