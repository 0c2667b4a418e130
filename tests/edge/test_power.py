"""A power cut is told apart from a box that failed, by what the UPS says."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from vonggac.causes import Cause
from vonggac.edge.ledger import Change, Continuity
from vonggac.edge.power import PORT, Ups, on_battery, parse, status
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("line", "battery"),
    [
        ('VAR myups ups.status "OL"\n', False),
        ('VAR myups ups.status "OL CHRG"\n', False),
        ('VAR myups ups.status "OB DISCHRG"\n', True),
        ('VAR myups ups.status "OB LB"\n', True),
        ('VAR myups ups.status ""\n', None),
        ("ERR UNKNOWN-UPS\n", None),
        ("", None),
        ("garbage", None),
    ],
)
def test_a_status_line_says_battery_mains_or_nothing(line: str, battery: bool | None) -> None:
    """RFC 9271 section 4.2.4 and the status words of appendix A."""
    assert status(line) is battery


def test_an_address_needs_a_ups_and_a_host() -> None:
    """A typing mistake in the configuration names the field, at start-up."""
    assert parse("myups@10.0.0.9") == Ups("myups", "10.0.0.9", PORT)
    assert parse("ups@nas:3500") == Ups("ups", "nas", 3500)
    for wrong in ("nas", "ups@", "@nas", "ups@nas:99999", "ups@nas:x", "a b@nas"):
        with pytest.raises(ConfigError, match=r"power\.ups"):
            parse(wrong)


@asynccontextmanager
async def nut(answer: bytes) -> AsyncIterator[tuple[Ups, list[bytes]]]:
    """A peer that speaks as much of NUT's protocol as is asked of it."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Ups("myups", "127.0.0.1", server.sockets[0].getsockname()[1]), asked


async def test_the_ups_is_asked_over_the_network() -> None:
    """One line asked, one line answered."""
    async with nut(b'VAR myups ups.status "OB DISCHRG"\n') as (ups, asked):
        assert await on_battery(ups) is True
        assert asked == [b"GET VAR myups ups.status\n"]


async def test_a_ups_that_is_not_there_or_talks_nonsense_says_nothing() -> None:
    """Then the cause stays `edge_off`: nothing is guessed."""
    async with nut(b"x" * 10_000) as (ups, _):
        assert await on_battery(ups) is None
    assert await on_battery(ups) is None


def test_time_after_a_power_cut_is_told_as_such() -> None:
    """The recorder died while the UPS was on battery: the mains failed."""
    continuity = Continuity(
        known_until_ns=100 * SECOND, started_ns=200 * SECOND, absence=Cause.POWER_LOST
    )

    changes = continuity.start()

    evidence = "the mains failed: the UPS was on battery"
    assert changes == [Change("open", 100 * SECOND, None, Cause.POWER_LOST, evidence)]
