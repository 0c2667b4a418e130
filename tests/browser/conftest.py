"""Chromium once for all browser tests, and a stand for each module of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from loop_edge import NS, LoopCamera, make_clip
from playwright.async_api import async_playwright
from stand import CHROMIUM, CHROMIUM_ARGS, Stand, stand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield made
        await made.close()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Encoded once a session: a second of 720p takes ffmpeg a tenth of one."""
    return tmp_path_factory.mktemp("clips")


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path, clips: Path) -> AsyncIterator[Stand]:
    """Six cameras: cam01 to cam05 with both streams in H.264, cam06 with a main stream in H.265."""
    main = make_clip(clips / "main.h264", size="1280x720", kbps=1500)
    sub = make_clip(clips / "sub.h264", size="640x360", kbps=400, pattern="testsrc")
    wide = make_clip(clips / "main.h265", codec="h265", size="1280x720", kbps=800)
    epoch = (time.time_ns() - 86_400 * NS) // NS * NS
    cameras = [
        LoopCamera(name, stream, clip, epoch)
        for name, best in [(f"cam{n:02}", main) for n in range(1, 6)] + [("cam06", wide)]
        for stream, clip in (("main", best), ("sub", sub))
    ]
    async with stand(tmp_path, cameras) as made:
        yield made
