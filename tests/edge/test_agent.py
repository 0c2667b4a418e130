"""What the box answers, to whom, and what it writes down, over the real nats-server.

The edge's half of must-show 8: a grant opens what it names, whatever NATS would let through.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bus_stand import Stand, Viewer, standing
from vonggac import bus, keys, wire
from vonggac.causes import Cause
from vonggac.edge import agent, journal, live, trail, upward
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from vonggac.config import StreamName
    from vonggac.edge.audience import PartHeader

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")

BIG = 3 * 1024 * 1024 + 17
"""Bytes that need 25 chunks: more than any window."""


class Recorder:
    """A box whose one camera has no run: what `open` needs of the recorder, and no more."""

    def now(self, camera: str, stream: StreamName) -> live.StreamNow:
        if camera != "cam01":
            raise VonggacError(Kind.NOT_FOUND, "no such camera")
        return live.StreamNow(wire.StreamState.GAP, 9, Cause.UNREACHABLE, None, None)

    def watch_begins(self, camera: str, stream: StreamName) -> None:
        pass

    async def gop_so_far(
        self, camera: str, stream: StreamName
    ) -> tuple[PartHeader, list[bytes]] | None:
        return None


@dataclass
class Known:
    """Answers that are written out, so that a test can say what came.

    The catalog's own answers are tested with the catalog.
    """

    asked: list[Any] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    pieces_read: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def gop(self, camera: str, ask: wire.GopAsk) -> agent.GopAnswer:
        self.asked.append(ask)
        if ask.at == "404":
            raise VonggacError(Kind.NOT_FOUND, "nothing is recorded there", at=ask.at)
        if ask.at == "500":
            raise ZeroDivisionError
        if ask.at == "1":
            await self.hold.wait()
        meta = wire.GopMeta(run="1" * 32, seq=7, from_="10", to="20", codec="avc1.64001f")
        return agent.GopAnswer(meta, b"init", [b"part one", b"part two"])

    async def timeline(self, camera: str, ask: wire.TimelineAsk) -> wire.Timeline:
        self.asked.append(ask)
        gap = wire.Gap("20", "30", Cause.STALLED)
        return wire.Timeline("99", (wire.Span("10", "20"),), (gap,), None, (100, 0))

    async def snapshot(self, camera: str, ask: wire.SnapshotAsk) -> bytes:
        self.asked.append(ask)
        return bytes(BIG)

    async def probe(self, ask: wire.ProbeAsk, credentials: wire.Credentials | None) -> object:
        self.asked.append((ask.url, credentials))
        return {"reachable": True}

    async def discover(self, ask: wire.DiscoverAsk, credentials: wire.Credentials | None) -> object:
        self.asked.append((ask.address, credentials))
        return {"found": []}

    async def configure(self, ask: wire.ConfigureAsk) -> object:
        self.asked.append((ask.revision, bytes(ask.document)))
        return {"accepted": True, "reasons": []}

    async def mp4(self, camera: str, ask: wire.Mp4Ask) -> agent.Mp4Answer:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                for start in range(ask.start, ask.end, 1_000_000):
                    self.pieces_read += 1
                    yield bytes(min(1_000_000, ask.end - start))
            finally:
                self.closed.set()

        return agent.Mp4Answer(123_456_789, '"etag"', pieces())

    async def status(self) -> object:
        return {"up": True}

    async def ledger(self, camera: str, ask: wire.LedgerAsk) -> object:
        return {"cameras": {}}


@dataclass
class Box:
    stand: Stand
    agent: agent.Agent
    known: Known
    facts: list[wire.Fact]
    trail: trail.Trail
    running: asyncio.Task[None]

    async def viewer(self, **terms: Any) -> tuple[Viewer, str]:
        viewer = await self.stand.viewer(["cam01", "cam02"])
        return viewer, self.stand.grant_token(viewer.grant, **terms)

    async def hub(self, **terms: Any) -> tuple[bus.Asker, str]:
        """A hub process, and a grant of its own for everything."""
        control, media = await self.stand.hub_process()
        asker = bus.Asker(self.stand.hub, keys.new_id(), control, [control, media])
        await asker.start()
        own = {"own": True, "cameras": ("*",), "verbs": tuple(wire.Verb), "actor": "hub"} | terms
        return asker, self.stand.grant_token(asker.id, **own)

    def audited(self) -> list[tuple[str, str, int]]:
        return [
            (fact.verb, fact.outcome, fact.questions)
            for fact in self.facts
            if isinstance(fact, wire.Audited)
        ]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with standing(tmp_path) as stand:
        facts: list[wire.Fact] = []
        known = Known()
        rows = trail.Trail(facts.append, stand.clock)
        publisher = live.Publisher(
            stand.hub, stand.site, streams=Recorder(), viewed=rows.viewed, clock=stand.clock
        )
        answering = agent.Agent(
            agent.Identity(stand.hub, stand.site, stand.hub_key.public, stand.site_key),
            publisher=publisher,
            answers=known,
            trail=rows,
            upward=upward.Upward(
                stand.hub,
                stand.site,
                source=journal.Places(tmp_path / "journal"),
                clock=stand.clock,
            ),
            connect=stand.edge,
            clock=stand.clock,
        )
        running = asyncio.create_task(answering.run())
        async with asyncio.timeout(10):
            await answering.connected.wait()
        yield Box(stand, answering, known, facts, rows, running)
        running.cancel()
        await asyncio.wait((running,))


GOP = wire.GopAsk("main", "15")
SNAPSHOT = wire.SnapshotAsk("main")


async def test_gop_comes_as_frames_with_its_meta_first(box: Box) -> None:
    """What the player reads: meta, init, parts, in order."""
    viewer, grant = await box.viewer()

    head, answer = await viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, grant)

    meta, *frames = wire.FrameReader().feed(answer)
    told = msgspec.json.decode(meta)
    assert (told["v"], told["seq"], told["from"], told["to"]) == (1, 7, "10", "20")
    assert told["frames"] == 3
    assert frames == [b"init", b"part one", b"part two"]
    assert head[wire.TYPE] == "application/vnd.vonggac.frames"
    assert head[wire.CREDIT] == box.stand.ask_subject(wire.Verb.MORE, "cam01", viewer.grant)


async def test_timeline_is_json_with_times_as_strings(box: Box) -> None:
    """A browser's numbers end at 2**53; nanoseconds do not."""
    viewer, grant = await box.viewer()
    ask = wire.TimelineAsk("10", "30", 10.0)

    head, answer = await viewer.asker.ask(box.stand.site, wire.Verb.TIMELINE, "cam01", ask, grant)

    assert head[wire.TYPE] == "application/json"
    assert msgspec.json.decode(answer) == {
        "as_of": "99",
        "spans": [{"from": "10", "to": "20"}],
        "gaps": [{"from": "20", "to": "30", "cause": "stalled"}],
        "expired_before": None,
        "density": [100, 0],
    }


async def test_long_answer_comes_whole_in_chunks_against_credit(box: Box) -> None:
    """25 chunks through a window of 8; each at most 128 KiB."""
    viewer, grant = await box.viewer()

    sizes: list[int] = []
    async with viewer.asker.question(
        box.stand.site, wire.Verb.SNAPSHOT, "cam01", SNAPSHOT, grant
    ) as question:
        async for chunk in question:
            sizes.append(len(chunk))

    assert sizes == [131_072] * 24 + [17]
    assert box.agent.answered == {"snapshot 200": 1}


async def test_asker_that_stops_reading_holds_a_window_and_not_the_film(box: Box) -> None:
    """The box reads the file only as far as credit goes."""
    asker, grant = await box.hub()
    ask = wire.Mp4Ask("1", "2", 0, 100_000_000)

    async with asker.question(
        box.stand.site, wire.Verb.MP4, "cam01", ask, grant, window=4
    ) as question:
        assert (question.head[wire.TOTAL], question.head[wire.ETAG]) == ("123456789", '"etag"')
        mailbox = question._mailbox
        async with asyncio.timeout(5):
            while len(mailbox) < 3:  # the first of the window of 4 is taken already
                await asyncio.sleep(0.01)
        assert box.known.pieces_read == 1

        got = 0
        async for chunk in question:
            got += len(chunk)
            if got >= 2_000_000:
                break
    assert 2 <= box.known.pieces_read <= 4


async def test_film_that_nobody_reads_to_its_end_is_closed(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tab was closed: no credit comes, the answer is given up, its files with it."""
    monkeypatch.setattr(agent, "CREDIT_S", 0.2)
    asker, grant = await box.hub()
    ask = wire.Mp4Ask("1", "2", 0, 100_000_000)

    async with asker.question(box.stand.site, wire.Verb.MP4, "cam01", ask, grant):
        pass
    async with asyncio.timeout(5):
        await box.known.closed.wait()

    assert box.agent.abandoned == 1


@pytest.mark.parametrize(
    ("terms", "verb", "camera", "body", "kind"),
    [
        ({}, wire.Verb.GOP, "cam02", GOP, Kind.FORBIDDEN),
        ({}, wire.Verb.OPEN, "cam02", wire.OpenAsk("main"), Kind.FORBIDDEN),
        ({}, wire.Verb.TIMELINE, "cam02", wire.TimelineAsk("1", "2", 1.0), Kind.FORBIDDEN),
        ({}, wire.Verb.SNAPSHOT, "cam02", SNAPSHOT, Kind.FORBIDDEN),
        ({"streams": ("sub",)}, wire.Verb.GOP, "cam01", GOP, Kind.FORBIDDEN),
        ({"streams": ("sub",)}, wire.Verb.OPEN, "cam01", wire.OpenAsk("main"), Kind.FORBIDDEN),
        ({"verbs": (wire.Verb.OPEN,)}, wire.Verb.GOP, "cam01", GOP, Kind.FORBIDDEN),
        ({"iat": 1_000, "exp": 1_100}, wire.Verb.GOP, "cam01", GOP, Kind.UNAUTHENTICATED),
        ({"site": "d" * 26}, wire.Verb.GOP, "cam01", GOP, Kind.FORBIDDEN),
        ({"hub": "d" * 26}, wire.Verb.GOP, "cam01", GOP, Kind.FORBIDDEN),
        ({"id": "d" * 26}, wire.Verb.GOP, "cam01", GOP, Kind.FORBIDDEN),
    ],
)
async def test_what_the_grant_does_not_name_is_refused_by_the_box(
    box: Box,
    terms: dict[str, Any],
    verb: wire.Verb,
    camera: str,
    body: msgspec.Struct,
    kind: Kind,
) -> None:
    """Here NATS would let cam02 through: the edge has its own lock, and writes it down."""
    viewer, grant = await box.viewer(**terms)

    with pytest.raises(VonggacError) as refused:
        await viewer.asker.ask(box.stand.site, verb, camera, body, grant)

    assert refused.value.kind is kind
    assert box.known.asked == []
    assert box.audited() == [(verb, kind, 1)]


async def test_question_without_a_grant_is_refused(box: Box) -> None:
    """The subject alone opens nothing."""
    viewer, _ = await box.viewer()

    with pytest.raises(VonggacError) as refused:
        await viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, "")

    assert refused.value.kind is Kind.UNAUTHENTICATED


async def test_hubs_verbs_answer_the_hub_alone(box: Box) -> None:
    """Export, probe, discover and the rest, with the hub's own grant."""
    asker, grant = await box.hub()
    site, nobody = box.stand.site, wire.NO_CAMERA
    sealed = keys.seal(box.stand.site_key.public, b'{"user":"admin","password":"p@:/"}')

    asks: list[tuple[wire.Verb, msgspec.Struct]] = [
        (wire.Verb.PROBE, wire.ProbeAsk("rtsp://127.0.0.1/1", sealed)),
        (wire.Verb.DISCOVER, wire.DiscoverAsk("127.0.0.1")),
        (wire.Verb.CONFIGURE, wire.ConfigureAsk(3, msgspec.Raw(b'{"cameras":[]}'))),
        (wire.Verb.STATUS, wire.StatusAsk()),
        (wire.Verb.LEDGER, wire.LedgerAsk()),
    ]
    answers = [
        msgspec.json.decode((await asker.ask(site, verb, nobody, body, grant))[1])
        for verb, body in asks
    ]

    assert answers == [
        {"reachable": True},
        {"found": []},
        {"accepted": True, "reasons": []},
        {"up": True},
        {"cameras": {}},
    ]
    assert box.known.asked == [
        ("rtsp://127.0.0.1/1", wire.Credentials("admin", "p@:/")),
        ("127.0.0.1", None),
        (3, b'{"cameras":[]}'),
    ]


async def test_a_hub_above_probes_the_cameras_of_the_register_alone(box: Box) -> None:
    """Else whoever holds a centre looks round in the network of every facility below it."""
    asker, grant = await box.hub()
    own = keys.SigningKey(keys.new_seed()).public
    box.agent._identity = replace(
        box.agent._identity, hub_key=own, upper_keys=(box.stand.hub_key.public,)
    )
    box.agent._is_registered = lambda url: url.startswith("rtsp://10.0.0.7:554/")

    async def probed(url: str) -> bytes:
        ask = wire.ProbeAsk(url)
        return (await asker.ask(box.stand.site, wire.Verb.PROBE, wire.NO_CAMERA, ask, grant))[1]

    assert msgspec.json.decode(await probed("rtsp://10.0.0.7:554/2")) == {"reachable": True}
    with pytest.raises(VonggacError) as refused:
        await probed("rtsp://10.0.0.8:554/1")
    assert refused.value.kind is Kind.FORBIDDEN
    assert box.known.asked == [("rtsp://10.0.0.7:554/2", None)]
    assert ("probe", Kind.FORBIDDEN.value, 1) in box.audited()


async def test_viewers_grant_that_names_the_hubs_verbs_opens_none_of_them(box: Box) -> None:
    """Even on the hub's own connection, where NATS lets every verb through."""
    control, media = await box.stand.hub_process()
    asker = bus.Asker(box.stand.hub, keys.new_id(), control, [control, media])
    await asker.start()
    grant = box.stand.grant_token(asker.id, verbs=tuple(wire.Verb))

    for verb, body in (
        (wire.Verb.MP4, wire.Mp4Ask("1", "2", 0, 1)),
        (wire.Verb.PROBE, wire.ProbeAsk("rtsp://127.0.0.1/1")),
        (wire.Verb.STATUS, wire.StatusAsk()),
    ):
        with pytest.raises(VonggacError) as refused:
            await asker.ask(box.stand.site, verb, "cam01", body, grant)
        assert refused.value.kind is Kind.FORBIDDEN


async def test_answer_goes_to_the_asker_and_nowhere_else(box: Box) -> None:
    """A reply subject of another grant would read a film into a stranger's tab."""
    viewer, grant = await box.viewer()
    victim, _ = await box.viewer()
    heard = await victim.connection.subscribe(
        wire.replies(box.stand.hub, box.stand.site, victim.grant), capacity=10
    )
    await victim.connection.flush()
    question = box.stand.ask_subject(wire.Verb.GOP, "cam01", viewer.grant)
    body = msgspec.json.encode(GOP)

    for reply in (
        str(wire.ReplySubject(box.stand.hub, box.stand.site, victim.grant, "1")),
        f"vg.{box.stand.hub}.{box.stand.site}.live.cam01.main",
        f"vg.{box.stand.hub}.{box.stand.site}.fact.page.cam01",
        f"vg.{box.stand.hub}.{'d' * 26}.re.{viewer.grant}.1",
        "elsewhere",
        "",
    ):
        await viewer.connection.publish(question, body, headers={wire.GRANT: grant}, reply=reply)
    await viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, grant)

    assert box.agent.ignored == 6
    assert len(heard._mailbox) == 0
    assert box.known.asked == [GOP]


async def test_credit_of_another_grant_is_worth_nothing(box: Box) -> None:
    """Credit names its answer by the reply subject, whose grant the server has checked."""
    viewer, grant = await box.viewer()
    other, _ = await box.viewer()
    async with viewer.asker.question(
        box.stand.site, wire.Verb.SNAPSHOT, "cam01", SNAPSHOT, grant, window=1
    ) as question:
        for credit_of in (viewer.grant, other.grant):
            await other.connection.publish(
                box.stand.ask_subject(wire.Verb.MORE, "cam01", credit_of),
                b'{"chunks":16}',
                reply=question._reply,
            )
        await other.connection.flush()
        await viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, grant)
        assert len(question._mailbox) == 0
        chunks = [chunk async for chunk in question]

    assert sum(map(len, chunks)) == BIG


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Kind.BAD_INPUT),
        (b"[]", Kind.BAD_INPUT),
        (b'{"stream":"third","at":"1"}', Kind.BAD_INPUT),
        (b'{"stream":"main","at":1}', Kind.BAD_INPUT),
        (b'{"stream":"main","at":"-5"}', Kind.BAD_INPUT),
        (b'{"stream":"main","at":"1","more":1}', Kind.BAD_INPUT),
        (b'{"stream":"main","at":"1"' + b" " * 9_000 + b"}", Kind.TOO_LARGE),
        (b"\xff\xfe", Kind.BAD_INPUT),
    ],
)
async def test_question_that_cannot_be_read_is_refused_and_the_box_goes_on(
    box: Box, body: bytes, kind: Kind
) -> None:
    """Whatever a browser sends: an answer with a kind, and the next question works."""
    viewer, grant = await box.viewer()

    subject = box.stand.ask_subject(wire.Verb.GOP, "cam01", viewer.grant)
    replies = await viewer.connection.subscribe(
        wire.replies(box.stand.hub, box.stand.site, viewer.grant), capacity=10
    )
    await viewer.connection.publish(
        subject,
        body,
        headers={wire.GRANT: grant},
        reply=str(wire.ReplySubject(box.stand.hub, box.stand.site, viewer.grant, "77")),
    )
    async with asyncio.timeout(5):
        answer = await replies.get()

    assert (answer.headers[wire.STATUS], answer.headers[wire.LAST]) == (kind.value, "1")
    await viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, grant)


async def test_error_of_an_answer_keeps_its_kind_and_a_fault_of_ours_tells_nothing(
    box: Box,
) -> None:
    """NOT_FOUND reaches the browser as such; a traceback never does."""
    viewer, grant = await box.viewer()

    with pytest.raises(VonggacError, match="nothing is recorded there") as missing:
        await viewer.asker.ask(
            box.stand.site, wire.Verb.GOP, "cam01", wire.GopAsk("main", "404"), grant
        )
    with pytest.raises(VonggacError, match="see its log") as failed:
        await viewer.asker.ask(
            box.stand.site, wire.Verb.GOP, "cam01", wire.GopAsk("main", "500"), grant
        )

    assert (missing.value.kind, missing.value.detail) == (Kind.NOT_FOUND, {"at": "404"})
    assert failed.value.kind is Kind.INTERNAL


async def test_one_grant_cannot_take_all_the_boxs_attention(box: Box) -> None:
    """Eight at once, the others wait, the 65th is refused; other people are answered meanwhile."""
    viewer, grant = await box.viewer()
    other, others_grant = await box.viewer()
    waiting = wire.GopAsk("main", "1")

    async with asyncio.TaskGroup() as asking:
        asked = [
            asking.create_task(
                viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", waiting, grant)
            )
            for _ in range(64)
        ]
        async with asyncio.timeout(5):
            while len(box.known.asked) < 8:
                await asyncio.sleep(0.01)
        with pytest.raises(VonggacError) as refused:
            await viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, grant)
        await other.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, others_grant)
        made = len(box.known.asked)
        box.known.hold.set()

    assert refused.value.kind is Kind.TOO_MANY
    assert made == 8 + 1
    assert len(box.known.asked) == 64 + 1
    assert all(task.done() for task in asked)


async def test_one_person_with_many_grants_cannot_take_all_the_boxs_attention(box: Box) -> None:
    """Five tabs that give no credit hold half of the answers at most; others get theirs."""
    tabs = [await box.viewer() for _ in range(5)]
    other, others_grant = await box.viewer(actor="account 18")
    waiting = wire.GopAsk("main", "1")

    async with asyncio.TaskGroup() as asking:
        asked = [
            asking.create_task(
                tab.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", waiting, grant)
            )
            for tab, grant in tabs
            for _ in range(32)
        ]
        async with asyncio.timeout(5):
            while len(box.known.asked) < agent.MAX_ANSWERS_AN_ACTOR:
                await asyncio.sleep(0.01)
        for _ in range(20):
            await other.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, others_grant)
        made = box.known.asked.count(waiting)
        box.known.hold.set()

    assert made == agent.MAX_ANSWERS_AN_ACTOR == 16
    assert box.known.asked.count(waiting) == 160
    assert all(task.done() for task in asked)


async def test_questions_of_one_person_are_bounded_over_all_grants(box: Box) -> None:
    """Each grant within its own bound, and the box still answers somebody else."""
    tabs = [await box.viewer() for _ in range(4)]
    other, others_grant = await box.viewer(actor="account 18")
    waiting = wire.GopAsk("main", "1")

    async with asyncio.TaskGroup() as asking:
        asked = [
            asking.create_task(
                refusal(tab.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", waiting, grant))
            )
            for tab, grant in tabs
            for _ in range(64)
        ]
        async with asyncio.timeout(5):
            while sum(task.done() for task in asked) < 64:
                await asyncio.sleep(0.01)
        await other.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, others_grant)
        refused = [task.result() for task in asked if task.done()]
        box.known.hold.set()

    assert refused == [Kind.TOO_MANY] * 64
    assert [task.result() for task in asked].count(None) == agent.MAX_QUESTIONS_AN_ACTOR
    assert box.agent._of_actor == {}


async def refusal(asked: Awaitable[object]) -> Kind | None:
    """The kind of the refusal, or None if it was answered."""
    try:
        await asked
    except VonggacError as error:
        return error.kind
    return None


async def test_every_question_is_in_the_audit_and_a_hundred_make_two_rows(box: Box) -> None:
    """Playback asks for a GOP a second; the line shall not pay for each."""
    viewer, grant = await box.viewer()
    for _ in range(100):
        await viewer.asker.ask(box.stand.site, wire.Verb.GOP, "cam01", GOP, grant)
    box.trail.finish()

    assert box.audited() == [("gop", "started", 1), ("gop", "ended", 100)]
    row = box.facts[0]
    assert isinstance(row, wire.Audited)
    assert (row.actor, row.purpose, row.camera, row.stream, row.from_, row.to) == (
        "account 17",
        "shift duty",
        "cam01",
        "main",
        10,
        20,
    )


async def test_live_view_is_audited_from_its_start_to_its_end(box: Box) -> None:
    """Opened, extended under a renewed grant, given back: one view."""
    viewer, grant = await box.viewer()
    site = box.stand.site

    _, answer = await viewer.asker.ask(
        site, wire.Verb.OPEN, "cam01", wire.OpenAsk("main", lease_s=5), grant
    )
    await viewer.asker.ask(
        site, wire.Verb.OPEN, "cam01", wire.OpenAsk("main", extend=True, lease_s=5), grant
    )
    await viewer.asker.ask(site, wire.Verb.OPEN, "cam01", wire.OpenAsk("main", lease_s=0), grant)

    meta = msgspec.json.decode(wire.FrameReader().feed(answer)[0], type=wire.OpenMeta)
    assert (meta.state, meta.cause, meta.frames) == ("gap", "unreachable", 0)
    assert box.audited() == [("open", "started", 1), ("open", "ended", 1)]


async def restart(box: Box) -> None:
    """Another server at the same place, as after a crash of the machine."""
    before = box.stand.server.address
    again = bus.NatsServer(
        box.stand.server._folder,
        box.stand.trust,
        bus.Settings(
            port=int(before.url.rpartition(":")[2]),
            websocket_port=int(before.websocket.rpartition(":")[2]),
        ),
        box.stand.clock,
    )
    box.stand.stack.push_async_callback(again.stop)
    await again.start()


async def test_revoked_grant_is_answered_no_more_and_its_view_ends_with_the_reason(
    box: Box,
) -> None:
    """The bus cuts the viewer off; the box holds even if it did not, and the audit says why."""
    viewer, grant = await box.viewer()
    other, rightful = await box.viewer(actor="account 18")
    site, opening = box.stand.site, wire.OpenAsk("main", lease_s=20)
    for asking, token in ((viewer, grant), (other, rightful)):
        await asking.asker.ask(site, wire.Verb.OPEN, "cam01", opening, token)
    hub, own = await box.hub()

    ask = wire.RevokeAsk(grants=(viewer.grant,), why="session_ended")
    await hub.ask(site, wire.Verb.REVOKE, wire.NO_CAMERA, ask, own)

    for verb, body in ((wire.Verb.OPEN, opening), (wire.Verb.GOP, GOP)):
        with pytest.raises(VonggacError) as refused:
            await viewer.asker.ask(site, verb, "cam01", body, grant)
        assert refused.value.kind is Kind.FORBIDDEN
    await other.asker.ask(site, wire.Verb.OPEN, "cam01", opening, rightful)
    ends = [
        (fact.actor, fact.detail)
        for fact in box.facts
        if isinstance(fact, wire.Audited) and (fact.verb, fact.outcome) == ("open", "ended")
    ]
    assert ends == [("account 17", "session_ended")]


async def test_viewer_cannot_revoke(box: Box) -> None:
    """Whoever could end others' views could blind a duty room."""
    viewer, _ = await box.viewer()
    grant = box.stand.grant_token(viewer.grant, verbs=(wire.Verb.REVOKE,))
    control, media = await box.stand.hub_process()
    asker = bus.Asker(box.stand.hub, viewer.grant, control, [control, media])
    await asker.start()

    with pytest.raises(VonggacError) as refused:
        ask = wire.RevokeAsk(grants=(viewer.grant,))
        await asker.ask(box.stand.site, wire.Verb.REVOKE, "cam01", ask, grant)

    assert refused.value.kind is Kind.FORBIDDEN


async def test_box_comes_back_to_the_bus_after_the_server_died(box: Box) -> None:
    """No link, no viewers, recording goes on; then everything is as before."""
    viewer, _ = await box.viewer()
    await box.stand.server.stop()
    async with asyncio.timeout(5):
        while viewer.connection.connected:
            await asyncio.sleep(0.01)
    await restart(box)

    asker, own = await box.hub()
    async with asyncio.timeout(15):
        while True:
            try:
                await asker.ask(
                    box.stand.site, wire.Verb.STATUS, wire.NO_CAMERA, wire.StatusAsk(), own
                )
                break
            except VonggacError as error:
                assert error.kind is Kind.UNAVAILABLE
                await asyncio.sleep(0.05)


def write_facts(stand: Stand, folder: Path, epoch: int, count: int) -> list[tuple[int, int]]:
    book = journal.Journal(folder, stand.site, epoch, stand.site_key.sign)
    for number in range(count):
        book.append(
            wire.StateChanged(
                at=number, camera="cam01", stream="main", state="recording", since=number
            )
        )
    book.close()
    return [(epoch, number) for number in range(count)]


async def read_facts(stand: Stand, count: int) -> tuple[list[tuple[int, int]], set[str]]:
    """What the hub reads and verifies, until there are `count`, and that nothing follows."""
    control, _ = await stand.hub_process()
    reader = bus.LedgerReader(control)
    await reader.begin()
    got: list[tuple[int, int]] = []
    subjects: set[str] = set()
    async with asyncio.timeout(15):
        while len(got) < count:
            for one in await reader.batch(1):
                envelope = keys.verify_envelope(
                    wire.decode_envelope(one.payload), stand.site_key.public
                ).envelope
                got.append((envelope.epoch, envelope.sequence))
                subjects.add(one.subject)
            await reader.done()
    assert await reader.batch(0.2) == []
    await control.close()
    return got, subjects


async def test_facts_go_up_from_the_journal_in_order_across_epochs_and_once(
    box: Box, tmp_path: Path
) -> None:
    """The journal is what the box knows; the ledger holds the same, signed, in order."""
    written = [
        place
        for epoch, count in ((1, 300), (2, 0), (3, 7))
        for place in write_facts(box.stand, tmp_path, epoch, count)
    ]
    box.agent._upward.grown()

    got, subjects = await read_facts(box.stand, len(written))

    assert got == written
    assert subjects == {f"vg.{box.stand.hub}.{box.stand.site}.fact.state.cam01"}


async def test_ledger_that_was_lost_is_filled_again_from_the_journal(
    box: Box, tmp_path: Path
) -> None:
    """A power cut takes the last seconds of JetStream, a broken disk all of it."""
    written = write_facts(box.stand, tmp_path, 1, 20)
    box.agent._upward.grown()
    assert (await read_facts(box.stand, 20))[0] == written
    await box.stand.server.stop()
    shutil.rmtree(box.stand.server._folder / "streams")
    await restart(box)
    written += write_facts(box.stand, tmp_path, 2, 5)
    box.agent._upward.grown()

    async with asyncio.timeout(15):
        while box.agent._upward.sent < 45:
            await asyncio.sleep(0.05)

    assert (await read_facts(box.stand, 25))[0] == written
