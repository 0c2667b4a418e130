"""One hub on its stage for all tests of a module that only read; another for those that write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub_stage import Stage, browser, sign_in, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    """A hub with its facility, and no box."""
    async with stage(tmp_path) as found:
        yield found


@pytest.fixture
async def guest(hub: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that nobody signed in with."""
    async with browser(hub) as client:
        yield client


@pytest.fixture
async def client(hub: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in browser."""
    async with browser(hub) as found:
        await sign_in(found)
        yield found
