"""What the hub asks of its box, over the real bus, and what it concludes when nobody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from hub_stage import CAMERAS, FILM, NOW_NS, SITE_ID, stage
from vonggac import keys, wire
from vonggac.causes import Cause
from vonggac.clock import NS, SimulatedClock
from vonggac.config import Secret
from vonggac.domain import ledger, registry
from vonggac.errors import Kind, VonggacError
from vonggac.hub import watch

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_site_without_a_box_is_unavailable_at_once(tmp_path: Path) -> None:
    """The server says that nobody listens: a page must not wait for a time-out to say so."""
    async with stage(tmp_path) as hub:
        with pytest.raises(VonggacError) as caught:
            await hub.site.status()

    assert caught.value.kind in (Kind.UNAVAILABLE, Kind.TIMED_OUT)


async def test_a_recording_is_read_in_ranges_of_any_length(tmp_path: Path) -> None:
    """A browser seeks: what it is sent must be the bytes it asked for, over many chunks."""
    async with stage(tmp_path) as hub:
        box = await hub.box()
        film = await hub.site.mp4("hl-2a", "main", 0, NS)
        whole = b"".join(
            [
                chunk
                async for chunk in hub.site.mp4_range(
                    "hl-2a", "main", (0, NS), film.etag, (0, film.size)
                )
            ]
        )
        part = b"".join(
            [
                chunk
                async for chunk in hub.site.mp4_range(
                    "hl-2a", "main", (0, NS), film.etag, (1000, 400_000)
                )
            ]
        )
        with pytest.raises(VonggacError, match="changed"):
            async for _ in hub.site.mp4_range("hl-2a", "main", (0, NS), "other", (0, 10)):
                pass
        await box.stop()

    assert (film.size, film.etag) == (len(FILM), "film-1")
    assert whole == FILM
    assert part == FILM[1000:400_000]


async def test_a_refusal_of_the_box_keeps_its_kind(tmp_path: Path) -> None:
    async with stage(tmp_path) as hub:
        box = await hub.box()
        with pytest.raises(VonggacError) as caught:
            await hub.site.timeline("hl-2a", "main", 0, NS, 1.0)
        await box.stop()

    assert caught.value.kind is Kind.NOT_FOUND


async def test_passwords_cross_the_bus_sealed(tmp_path: Path) -> None:
    """Only the box can open them: not the server between, not another box."""
    async with stage(tmp_path) as hub:
        box = await hub.box()
        await hub.site.probe("rtsp://192.0.2.9/", "admin", Secret("bi-mat-that"))
        body = box.bodies[-1]
        await box.stop()

    assert b"bi-mat-that" not in body
    ask = msgspec.json.decode(body, type=wire.ProbeAsk)
    assert ask.sealed is not None
    opened = keys.SigningKey.at(tmp_path / "site.key").unseal(ask.sealed)
    assert msgspec.json.decode(opened, type=wire.Credentials).password == "bi-mat-that"


async def test_a_probe_carries_the_bounds_of_a_document(tmp_path: Path) -> None:
    """And without one a question that a box of an older version reads."""
    asked = wire.Bounds(name="12/HD", name_en="12/HD", since="2026-11-18", min_height=720)
    async with stage(tmp_path) as hub:
        box = await hub.box()
        await hub.site.probe("rtsp://192.0.2.9/", "", Secret(""), asked)
        await hub.site.probe("rtsp://192.0.2.9/", "", Secret(""))
        first, second = box.bodies[-2:]
        await box.stop()

    assert msgspec.json.decode(first, type=wire.ProbeAsk).bounds == asked
    assert b"bounds" not in second


async def test_the_register_is_sent_once_and_again_when_it_changes(tmp_path: Path) -> None:
    async with stage(tmp_path) as hub:
        box = await hub.box()
        first = await hub.orders.run_once()
        nothing = await hub.orders.run_once()
        with hub.database.writing() as connection:
            registry.register_camera(
                connection,
                SITE_ID,
                registry.Draft(
                    name="moi",
                    title="Cổng phụ",
                    zone="CG",
                    main_url="rtsp://192.0.2.99/a",
                    user_name="admin",
                    password=Secret("bi-mat-that"),
                ),
                placement=hub.app.state.desk.placement,
                box=hub.app.state.desk.box,
                now_ns=NOW_NS,
            )
        second = await hub.orders.run_once()
        hub.orders.forget()
        again = await hub.orders.run_once()
        body = box.bodies[-1]
        await box.stop()

    assert first is not None
    assert (first.revision, first.accepted) == (1, True)
    assert nothing is None
    assert second is not None
    assert second.revision == 2
    assert again is not None
    assert again.revision == 2
    assert b"bi-mat-that" not in body
    ask = msgspec.json.decode(body, type=wire.ConfigureAsk)
    wanted = msgspec.json.decode(bytes(ask.document), type=wire.WantedCameras)
    assert len(wanted.cameras) == len(CAMERAS) + 1
    by_name = {camera.name: camera for camera in wanted.cameras}
    tn_1, hl_2a = by_name["tn-1"], by_name["hl-2a"]
    assert tn_1.sub is not None
    assert hl_2a.sub is not None
    assert tn_1.sub.record, "its main stream is H.265, which many browsers cannot play"
    assert not hl_2a.sub.record


async def test_an_order_is_numbered_on_after_a_restart(tmp_path: Path) -> None:
    """The box keeps the highest revision; a hub that began again at 1 would be ignored."""
    async with stage(tmp_path) as hub:
        box = await hub.box()
        await hub.orders.run_once()
        fresh = type(hub.orders)(
            hub.site, hub.database, hub.app.state.desk.box, SimulatedClock(NOW_NS)
        )
        again = await fresh.run_once()
        await box.stop()

    assert again is not None
    assert again.revision == 1, "nothing changed, so it is the same order"


def status(as_of: str, *, recording: bool) -> dict[str, object]:
    return {
        "as_of": as_of,
        "version": "0.1.0",
        "streams": [
            {
                "camera": "hl-2a",
                "stream": "main",
                "recording": recording,
                "delivered_fps": 14.5,
                "next_attempt_s": None,
            }
        ],
    }


async def test_the_word_of_the_box_extends_a_state_only_where_it_agrees(tmp_path: Path) -> None:
    """Where it does not, a fact is on its way, and calling the time recorded would be a lie."""
    async with stage(tmp_path) as hub:

        def as_of() -> int:
            with hub.database.reading() as connection:
                return ledger.states(connection, SITE_ID)[("hl-2a", "main")].as_of_ns

        before = as_of()
        watch.take_status(
            hub.database, SITE_ID, status("2026-11-18T07:32:20Z", recording=False), NOW_NS
        )
        disagreed = as_of()
        watch.take_status(
            hub.database, SITE_ID, status("2026-11-18T07:32:20Z", recording=True), NOW_NS
        )
        with hub.database.reading() as connection:
            state = ledger.states(connection, SITE_ID)[("hl-2a", "main")]
            site_state = ledger.site_state(connection, SITE_ID)

    assert disagreed == before
    assert state.as_of_ns == NOW_NS + 13 * NS
    assert state.detail["delivered_fps"] == 14.5
    assert site_state is not None
    assert site_state.detail["version"] == "0.1.0"


async def test_a_box_that_stops_answering_is_not_reachable_and_its_cameras_are_unknown(
    tmp_path: Path,
) -> None:
    """Never 'missing': nobody knows yet. Three clocks, never mixed."""
    async with stage(tmp_path) as hub:
        with hub.database.writing() as connection:
            ledger.lose_site(connection, SITE_ID, lost_ns=NOW_NS)
        with hub.database.reading() as connection:
            site_state = ledger.site_state(connection, SITE_ID)
            states = ledger.states(connection, SITE_ID)

    assert site_state is not None
    assert site_state.lost_ns == NOW_NS
    assert states[("hl-2a", "main")].status == "recording"
    assert states[("hl-3c", "main")].cause is Cause.UNREACHABLE
