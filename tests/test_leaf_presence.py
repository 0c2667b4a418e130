"""Who is joined, told by the server: keys and not names, dead links, copied boxes, revocation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from tiers_leaf import RawLeaf
from tiers_stand import Tiers, joined, taken, tiers, told
from vonggac import bus, keys
from vonggac.bus.presence import _duration_ns, _ns
from vonggac.bus.server import PING_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Tiers]:
    async with tiers(tmp_path) as found:
        yield found


async def test_site_is_seen_by_its_keys_by_whoever_listens_first_or_asks_later(
    made: Tiers,
) -> None:
    """A hub that is started after its sites knows of them as well as one that saw them come."""
    hub = await made.hub()
    early = await hub.presence()
    box = await made.box(hub)
    await joined(early, box.id)
    late = await hub.presence()
    await joined(late, box.id)

    assert box.leaf is not None
    users = {bus.Account.CONTROL: box.leaf[0], bus.Account.MEDIA: box.leaf[1]}
    for presence in (early, late):
        links = {link.account: link for link in presence.links}
        assert {account: link.user for account, link in links.items()} == {
            account: credential.key.public for account, credential in users.items()
        }
        assert {link.below for link in presence.links} == {box.id}
        assert {link.address for link in presence.links} == {"127.0.0.1"}
        assert all(0 <= hub.now_s - link.since_ns // 10**9 < 600 for link in presence.links)
    names = {link.server for link in (*early.links, *late.links)}
    assert len(names) == 1
    assert len(names.pop().removeprefix(f"{box.id}-")) == 32


async def test_line_that_falls_silent_is_told_as_down_and_comes_back(made: Tiers) -> None:
    """A pulled cable ends no connection; the server's pings find it, and nobody else's."""
    hub = await made.hub(ping_s=1)
    box = await made.box(hub, ping_s=1)
    presence = await hub.presence()
    await joined(presence, box.id)

    box.up.stall()
    down = await told(presence, bus.What.DOWN, box.id)
    box.up.flow()
    up = await told(presence, bus.What.UP, box.id)

    assert down.why == "Stale Connection"
    assert down.at_ns <= up.at_ns
    # It is found after at most 2.6 pings (tried): 13 s at the pings that the product has.
    assert 2.6 * PING_S <= 13
    assert bus.Settings().ping_s == PING_S


async def test_line_that_is_cut_is_told_at_once(made: Tiers) -> None:
    """A switched-off router resets what it can; nothing waits for a ping then."""
    hub = await made.hub()
    box = await made.box(hub)
    presence = await hub.presence()
    await joined(presence, box.id)

    await box.up.cut()
    down = await told(presence, bus.What.DOWN, box.id)

    assert down.link.below == box.id
    assert down.why != "Stale Connection"


async def test_copied_box_is_told_as_a_clone_and_one_that_was_restarted_is_not(
    made: Tiers,
) -> None:
    """Two servers with one key: somebody copied the disk. One after the other: a restart."""
    hub = await made.hub()
    box = await made.box(hub)
    presence = await hub.presence(clone_s=0.2)
    await joined(presence, box.id)
    await box.server.stop()
    await told(presence, bus.What.DOWN, box.id)
    again = await made.box(hub, same_as=box)
    await joined(presence, box.id)
    await hub.clock.sleep(0.4)
    assert presence._cloned == set()

    copy = await made.box(hub, same_as=box)
    clone = await told(presence, bus.What.CLONE, box.id)

    assert copy.id == again.id == box.id
    assert box.leaf is not None
    assert clone.link.user in {credential.key.public for credential in box.leaf}


async def test_server_that_takes_the_name_of_another_site_is_told_as_an_impostor(
    made: Tiers,
) -> None:
    """The name is the server's own word; the key is not."""
    hub = await made.hub()
    presence = await hub.presence()
    first, second = keys.new_id(), keys.new_id()
    control, _ = hub.trust.leaf(first, issued_s=hub.now_s)

    raw = await RawLeaf.join(str(hub.server.address.leaf), control, name=f"{second}-{'0' * 32}")
    change = await told(presence, bus.What.IMPOSTOR, first)
    await raw.close()

    assert change.link.below == first
    assert change.why.startswith(second)


async def test_revoked_site_is_cut_off_at_once_and_not_let_in_again(made: Tiers) -> None:
    """A stolen box: both its connections end now, and its keys open nothing any more."""
    hub = await made.hub()
    box, other = await made.box(hub), await made.box(hub)
    presence = await hub.presence()
    await joined(presence, box.id, other.id)
    edge, _ = await box.edge()
    control = await hub.hub_control()
    await bus.follow(control, [box.child(), other.child()])
    system = await hub.connect(hub.trust.system_user(issued_s=hub.now_s), "revoking")

    assert box.leaf is not None
    for credential, media in zip(box.leaf, (False, True), strict=True):
        await bus.revoke(
            system,
            hub.trust.revoke(credential.key.public, now_s=hub.now_s, media=media, leaf=True),
        )
    down = await told(presence, bus.What.DOWN, box.id)
    while any(presence.is_up(box.id, account) for account in bus.Account):
        await presence.next()
    for credential in box.leaf:
        again = await RawLeaf.join(
            str(hub.server.address.leaf), credential, name=f"{box.id}-{'0' * 32}"
        )
        assert again.faults
        await again.close()
    await presence.reconcile()

    assert "Revoked" in down.why
    assert not any(presence.is_up(box.id, account) for account in bus.Account)
    assert presence.is_up(other.id)
    await bus.LedgerWriter(edge, hub.id, box.id).put(box.envelopes(0, 5))
    kept, _ = await other.edge()
    await bus.LedgerWriter(kept, hub.id, other.id).put(other.envelopes(0, 5))
    reader = bus.LedgerReader(control, keys.LEDGERS)
    await reader.begin()
    assert {one.subject.split(".")[2] for one in await taken(reader, 5)} == {other.id}


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-11-22T14:00:00.123456789Z", 1_795_356_000_123_456_789),
        ("2026-11-22T21:00:00.5+07:00", 1_795_356_000_500_000_000),
        ("2026-11-22T14:00:00Z", 1_795_356_000_000_000_000),
        ("", 0),
        ("gestern", 0),
    ],
)
def test_times_of_the_server_keep_their_nanoseconds(text: str, ns: int) -> None:
    """Go writes as many digits as there are; datetime reads six."""
    assert _ns(text) == ns


@pytest.mark.parametrize(
    ("text", "ns"), [("1.5ms", 1_500_000), ("412µs", 412_000), ("2s", 2 * 10**9), ("", None)]
)
def test_round_trips_of_the_server_are_read(text: str, ns: int | None) -> None:
    """Only what is less than a minute: a longer one is no round trip."""
    assert _duration_ns(text) == ns


async def test_every_server_of_a_cluster_is_heard(made: Tiers) -> None:
    """Each knows its own connections alone; two answer here as those of a cluster do."""
    hub = await made.hub()
    system, sites = await hub.spy(), [keys.new_id(), keys.new_id()]
    saying = []
    for number, site in enumerate(sites):
        spy = await hub.spy()
        control = hub.trust.leaf(site, issued_s=hub.now_s)[0]
        connection = {
            "cid": 7, "kind": "Leafnode", "name": f"{site}-x", "jwt": control.token,
            "authorized_user": control.key.public, "start": "2026-11-22T01:02:03Z",
        }  # fmt: skip
        said = msgspec.json.encode(
            {"server": {"id": f"N{number}", "cluster": "centre"},
             "data": {"total": 1, "connections": [connection]}}
        )  # fmt: skip

        def answer(message: bus.Message, spy: bus.Connection = spy, said: bytes = said) -> None:
            saying.append(asyncio.ensure_future(spy.publish(message.reply, said)))

        await spy.listen(f"$SYS.REQ.ACCOUNT.{hub.trust.control}.CONNZ", answer)
        await spy.flush()
    presence = bus.Presence(system, {bus.Account.CONTROL: hub.trust.control}, hub.clock)
    await presence.reconcile()
    await asyncio.gather(*saying)

    assert {link.below for link in presence.links} == set(sites)
