"""Building an export: from an approval to a file that verifies, and what stops it."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

import av
import pytest

from evidence_made import BEGIN, KEY, NEW_KEY, SITE, TINY, envelope, record
from vonggac import keys, wire
from vonggac.clock import NS, SimulatedClock
from vonggac.db import tables
from vonggac.domain import audit, exports, ledger, site_keys, units
from vonggac.domain.exports import Request, Someone
from vonggac.edge.proof import Proven, prove
from vonggac.errors import Kind, VonggacError
from vonggac.evidence import EvidenceZip, verify
from vonggac.hub import auditing, minutes
from vonggac.hub.exporting import Exporter, zip_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from evidence_made import Recorded
    from vonggac.config import StreamName
    from vonggac.db import Connection, Database
    from vonggac.domain.exports import Export

NOW = BEGIN + 3_600 * NS
AN, BINH = Someone("a-1", "an", "Nguyễn An"), Someone("a-2", "binh", "Trần Bình")


class LocalSite:
    """A box without a bus: its answers come from the real `edge.proof`, at once.

    It stands here because not being ready, going away and lying must come on demand; the real
    questions are asked in tests/flow.
    """

    def __init__(self, recorded: Recorded) -> None:
        self.id = SITE
        self.public_key = KEY.public
        self.signs: tuple[keys.SigningKey, int] = (KEY, 3)
        """With which key, in which epoch."""
        self._directory = recorded.directory
        self._found: Proven | None = None
        self.not_ready = 0
        self.away = 0
        self.spoil = 0
        """Which byte of a clip comes wrong."""
        self.anchored: list[wire.AnchorAsk] = []

    async def proof(self, camera: str, stream: StreamName, span: tuple[int, int]) -> wire.Proof:
        if self.away:
            self.away -= 1
            raise VonggacError(Kind.UNAVAILABLE, "the line is down")
        if self.not_ready:
            self.not_ready -= 1
            return wire.Proof(ready=False)
        self._found = prove(self._directory, camera, stream, *span)
        return self._found.proof

    async def clip(
        self, _camera: str, _stream: StreamName, _span: tuple[int, int], number: int,
        told: wire.ProofClip,
    ) -> AsyncIterator[bytes]:  # fmt: skip
        assert self._found is not None
        content = bytearray(self._found.clips[number].read(0, told.size))
        if self.spoil:
            content[self.spoil] ^= 1
        for at in range(0, told.size, 10_000):
            yield bytes(content[at : at + 10_000])

    async def anchor(self, ask: wire.AnchorAsk) -> wire.Envelope:
        self.anchored.append(ask)
        fact = wire.Anchored(at=NOW, what=ask.what, digest=ask.digest, row=ask.row, name=ask.name)
        key, epoch = self.signs
        return envelope(fact, 100 + len(self.anchored), key, epoch=epoch)


class OneSite:
    """Finds that box, whichever site is asked for."""

    def __init__(self, site: LocalSite) -> None:
        self._site = site

    def look(self, _connection: Connection, _site_id: str) -> LocalSite:
        return self._site


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def hub(sqlite: Database, recorded: Recorded) -> Database:
    """A hub that has the pages of its site, and a request that was approved."""
    with sqlite.writing() as connection:
        for someone in (AN, BINH):
            connection.execute(
                tables.account.insert().values(
                    id=someone.account_id, name=someone.name, password_hash="x", created_ns=1
                )
            )
        connection.execute(
            tables.site.insert().values(
                id=SITE, name="sl-05", title="KS Mường Hoa", public_key=KEY.public, created_ns=1
            )
        )
        connection.execute(
            tables.camera.insert().values(
                id="cam01", site_id=SITE, name="cam01", title="Hành lang", zone="HL",
                main_url="rtsp://192.0.2.9/", origin="page", revision=1, created_ns=1, updated_ns=1,
            )
        )  # fmt: skip
        for number, signed in recorded.envelopes.items():
            page = wire.decode_page(bytes(page_fact(signed).page))
            row = ledger.PageRow(
                number, page.from_, page.to, 0, 0, 0, None, None, None, "", str(number)
            )
            ledger.put_page(
                connection, ledger.Stream(SITE, "cam01"), row, previous="",
                envelope=wire.encode_envelope(signed), spans=[], gaps=[],
            )  # fmt: skip
    return sqlite


def page_fact(signed: wire.Envelope) -> wire.PageClosed:
    fact = wire.decode_fact(signed.payload)
    assert isinstance(fact, wire.PageClosed)
    return fact


def approved(hub: Database, from_s: float = 1.5, to_s: float = 18, **other: Any) -> Export:
    with hub.writing() as connection:
        made = exports.ask(
            connection, site_id=SITE, cameras=["cam01"],
            span=(BEGIN + int(from_s * NS), BEGIN + int(to_s * NS)),
            request=Request("12/CV-CQĐT", "2026-08-01", "Cơ quan điều tra", "xác minh", "Điều 88"),
            with_copy=other.get("with_copy", False), by=AN, now_ns=NOW, today=date(2026, 8, 1),
        )  # fmt: skip
        return exports.approve(connection, made.id, by=BINH, now_ns=NOW)


def exporter(site: LocalSite, hub: Database, folder: Path) -> tuple[Exporter, SimulatedClock]:
    clock = SimulatedClock(NOW)
    return Exporter(OneSite(site), hub, clock, folder, hub="h" * 26), clock  # type: ignore[arg-type]


async def built(work: Exporter, clock: SimulatedClock, seconds: float = 60) -> bool:
    """Build once while simulated time goes by."""
    task = asyncio.create_task(work.run_once())
    for _ in range(int(seconds * 20)):
        if task.done():
            break
        await asyncio.sleep(0.005)
        await clock.advance(0.5)
    return await asyncio.wait_for(task, 30)


def state_of(hub: Database, export: Export) -> Export:
    with hub.reading() as connection:
        return exports.find(connection, export.id)


async def test_an_approved_request_becomes_a_file_that_verifies(
    hub: Database, recorded: Recorded, tmp_path: Path
) -> None:
    """The box was not ready and the line was down for a moment: nobody has to ask again."""
    site = LocalSite(recorded)
    site.not_ready, site.away = 2, 1
    export = approved(hub)
    work, clock = exporter(site, hub, tmp_path / "exports")

    assert await built(work, clock)

    found = state_of(hub, export)
    assert (found.state, found.fault) == ("ready", "")
    path = zip_path(tmp_path / "exports", export.id)
    assert found.size == path.stat().st_size
    with EvidenceZip(path) as files:
        verdict = verify(files, key=KEY.public)
        names = files.names()
    assert verdict.faults == []
    assert verdict.cameras == ["cam01"]
    assert [gap["cause"] for gap in verdict.gaps] == ["unreachable"]
    assert names == [
        "cam01/clip-1.mp4", "pages/cam01-000000.json", "minutes.pdf", "manifest.json", "seal.json",
    ]  # fmt: skip
    assert [(ask.what, ask.name) for ask in site.anchored] == [("export", export.id)]
    assert not await work.run_once()
    assert [path.name for path in (tmp_path / "exports").iterdir()] == [f"{export.id}.zip"]


async def test_a_site_that_changed_its_key_exports_what_it_signed_before(
    hub: Database, recorded: Recorded, tmp_path: Path
) -> None:
    """The pages are the old key's, the seal the new one's, and the announcement goes along."""
    chain = keys.Chain(SITE, KEY.public)
    chain = chain.follow(keys.announce(chain, KEY, NEW_KEY, epoch=5, at_ns=NOW))
    with hub.writing() as connection:
        site_keys.follow_box(connection, chain, now_ns=NOW)
    site = LocalSite(recorded)
    site.public_key, site.signs = NEW_KEY.public, (NEW_KEY, 9)
    export = approved(hub)
    work, clock = exporter(site, hub, tmp_path / "exports")

    assert await built(work, clock)

    assert state_of(hub, export).fault == ""
    with EvidenceZip(zip_path(tmp_path / "exports", export.id)) as files:
        assert "keys/000001.json" in files.names()
        for key in (KEY.public, NEW_KEY.public):
            verdict = verify(files, key=key)
            assert verdict.faults == []
    assert [change.new for change in verdict.changes] == [NEW_KEY.public]


async def test_the_file_goes_when_its_days_are_over(
    hub: Database, recorded: Recorded, tmp_path: Path
) -> None:
    """Extracted recordings do not lie on the hub's disk for ever."""
    export = approved(hub)
    work, clock = exporter(LocalSite(recorded), hub, tmp_path)
    await built(work, clock)
    await clock.advance(8 * 86_400)

    await asyncio.to_thread(work.expire)

    assert state_of(hub, export).state == "expired"
    assert list(tmp_path.glob("*.zip")) == []


async def test_a_clip_that_is_not_what_was_signed_is_not_handed_out(
    hub: Database, recorded: Recorded, tmp_path: Path
) -> None:
    """A damaged disk or a lying box: the hub verifies the very file before it calls it ready."""
    site = LocalSite(recorded)
    site.spoil = 5_000
    export = approved(hub)
    work, clock = exporter(site, hub, tmp_path / "exports")

    await built(work, clock)

    found = state_of(hub, export)
    assert found.state == "failed"
    assert "does not verify" in found.fault
    assert list((tmp_path / "exports").iterdir()) == []


async def test_a_box_that_stays_away_fails_the_export_with_its_reason(
    hub: Database, recorded: Recorded, tmp_path: Path
) -> None:
    """After a quarter of an hour a person is told."""
    site = LocalSite(recorded)
    site.not_ready = 10_000
    export = approved(hub)
    work, clock = exporter(site, hub, tmp_path)

    await built(work, clock, seconds=1_000)

    assert state_of(hub, export).fault.startswith("the box has not closed the page of cam01")


async def test_the_copy_has_name_and_time_and_is_marked(
    hub: Database, recorded: Recorded, tmp_path: Path
) -> None:
    """A second file, encoded again, whose strip under the picture says for whom and when."""
    export = approved(hub, with_copy=True)
    work, clock = exporter(LocalSite(recorded), hub, tmp_path)

    await built(work, clock)

    assert state_of(hub, export).fault == ""
    with EvidenceZip(zip_path(tmp_path, export.id)) as files:
        verdict = verify(files, key=KEY.public)
        with files.open("copies/cam01-clip-1.mp4") as file:
            content = file.read()
    assert verdict.ok
    with av.open(io.BytesIO(content)) as copy:
        frames = list(copy.decode(video=0))
    assert (frames[0].width, frames[0].height) == (64, 48 + 32)
    assert len(frames) == pytest.approx(105, abs=2)
    strip = frames[0].to_ndarray()[48:80]
    assert strip.max() > 150, "letters"
    assert TINY.video.width == 64


def test_minutes_say_everything_and_leave_the_number_to_the_clerk(
    hub: Database, recorded: Recorded
) -> None:
    """What people sign: both parties, the request, the span, gaps by cause, hashes, the key."""
    from vonggac import paper
    from vonggac.domain import registry
    from vonggac.evidence.gather import camera_evidence

    export = approved(hub)
    span = (export.from_ns, export.to_ns)
    proof = prove(recorded.directory, "cam01", "main", *span).proof
    camera, _ = camera_evidence(
        camera="cam01", title="Hành lang", zone="HL", stream="main", span=span, proof=proof,
        clips=[], pages=[recorded.envelopes[0]],
    )  # fmt: skip
    with hub.reading() as connection:
        site = registry.site(connection, SITE)
    assert site is not None

    told = minutes.values(export, minutes.Place(site, ""), [camera], [], "12ab 34cd")
    sheet = paper.pdf("minutes", told)

    assert told["request"] == {
        "number": "12/CV-CQĐT",
        "date": "01/08/2026",
        "body": "Cơ quan điều tra",
        "reason": "xác minh",
        "basis": "Điều 88",
    }
    assert (told["from"], told["to"]) == ("01/08/2026 17:50:01", "01/08/2026 17:50:18")
    assert told["asked"].startswith("Nguyễn An (an), ")
    assert [gap["from"] for gap in told["gaps"]] == ["01/08/2026 17:50:12"]
    assert sheet.startswith(b"%PDF-1.")
    assert len(sheet) > 20_000


def test_minutes_name_the_body_above_the_facility_that_issues_them(hub: Database) -> None:
    """The head of an official paper: the unit that the facility stands in, once it is known."""
    with hub.writing() as connection:
        before = minutes.place(connection, SITE, now_ns=NOW)
        above = units.add_unit(
            connection, parent_id=None, kind="body", code="YT", vi="Sở Y tế tỉnh A", en="",
            valid_from=date(2025, 7, 1), source="",
        )  # fmt: skip
        units.assign_site(connection, SITE, above)
        after = minutes.place(connection, SITE, now_ns=NOW)

    assert (before.above, after.above) == ("", "Sở Y tế tỉnh A")
    assert after.site.title == "KS Mường Hoa"


def test_what_a_person_typed_is_not_carried_out_on_paper(hub: Database) -> None:
    """A reason that looks like a command of the typesetter is a reason."""
    from vonggac import paper

    words = {
        "width": 300,
        "height": 40,
        "words": '#panic("x") $x$ *b* @a',
        "camera": "#",
        "time": "\\",
    }
    assert paper.png("strip", words, pixels_per_inch=72).startswith(b"\x89PNG")


# -- the audit's anchor and its feed -----------------------------------------------------------


def rows(database: Database, count: int) -> None:
    for number in range(count):
        with database.writing() as connection:
            audit.record(connection, AN.actor, audit.Act.LIVE, now_ns=NOW + number, thing="x")


async def test_the_end_of_the_audit_is_signed_into_the_ledger_every_hour(
    hub: Database, recorded: Recorded
) -> None:
    """What was anchored cannot be rewritten unseen; between two anchors an hour goes by."""
    site = LocalSite(recorded)

    first = await auditing.anchor(site, hub, NOW)  # type: ignore[arg-type]
    rows(hub, 3)
    second = await auditing.anchor(site, hub, NOW)  # type: ignore[arg-type]
    third = await auditing.anchor(site, hub, NOW + 60 * NS)  # type: ignore[arg-type]
    fourth = await auditing.anchor(site, hub, NOW + 3_601 * NS)  # type: ignore[arg-type]

    assert (first, second, third, fourth) == (False, True, False, True)
    with hub.reading() as connection:
        verdict = auditing.verify(connection, now_ns=NOW)
        assert (verdict.rows, verdict.anchors, verdict.faults) == (3, 1, ())


async def test_a_forged_anchor_is_named(hub: Database, recorded: Recorded) -> None:
    """Whoever rewrites the database cannot write the site's signature."""
    rows(hub, 1)
    fact = wire.Anchored(at=NOW, what="audit", digest="ab" * 32, row=1)
    forged = KEY.envelope(SITE, 1, 1, wire.encode_fact(fact))
    other = wire.Envelope(1, SITE, 1, 1, forged.payload, bytes(64))
    with hub.reading() as connection:
        wrong = auditing.verify(connection, [(SITE, other)], now_ns=NOW).faults
        rewritten = auditing.verify(connection, [(SITE, forged)], now_ns=NOW).faults

    assert [fault.partition(":")[0] for fault in wrong] == ["an anchor of the audit is not genuine"]
    assert rewritten[0].startswith("row 1 is not the one that the site's ledger of ")


async def test_every_row_reaches_the_syslog_server_once_and_in_order(hub: Database) -> None:
    """RFC 5424 over TCP with octet counting: a SIEM reads what was done, also after an outage."""
    rows(hub, 3)
    received: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]

        def listen() -> None:
            for _ in range(2):
                stream, _ = server.accept()
                with stream:
                    received.append(b"".join(iter(lambda s=stream: s.recv(65_536), b"")))

        thread = threading.Thread(target=listen)
        thread.start()
        clock = SimulatedClock(NOW)
        sent = [await auditing.feed_once(hub, clock, f"tcp://127.0.0.1:{port}")]
        sent.append(await auditing.feed_once(hub, clock, f"tcp://127.0.0.1:{port}"))
        rows(hub, 1)
        sent.append(await auditing.feed_once(hub, clock, f"tcp://127.0.0.1:{port}"))
        thread.join(10)
    with pytest.raises(OSError):
        rows(hub, 1)
        await auditing.feed_once(hub, clock, f"tcp://127.0.0.1:{port}")

    assert sent == [3, 0, 1]
    assert [piece.count(b" vonggac - live_viewed - {") for piece in received] == [3, 1]
    size, _, rest = received[1].partition(b" ")
    assert len(rest) == int(size)
    assert rest.startswith(b"<110>1 2026-08-01T")
    with hub.reading() as connection:
        assert audit.fed(connection) == 4
