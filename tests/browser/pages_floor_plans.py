"""The page of floor plans, and what stands on it."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from visiting import Visit

from hub_stage import SITE_ID
from vonggac.domain import coverage, floor_plans, pictures, registry
from vonggac.domain.floor_plans import View

if TYPE_CHECKING:
    from hub_stage import Stage

PAGE = f"/facilities/{SITE_ID}/plans"

VISITS = (
    Visit("/facilities/{site_id}/plans", PAGE),
    Visit("/facilities/{site_id}/plans", PAGE, press='a[href^="/facilities/"].old-plan'),
)
NO_PAGES: tuple[str, ...] = ()

WIDTH, HEIGHT = 800, 400


def drawing() -> bytes:
    """A corridor between two rows of rooms, as on an evacuation plan; PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = []
    for y in range(HEIGHT):
        line = bytearray(b"\xff" * WIDTH)
        if y % (HEIGHT - 1) < 3 or abs(y - 150) < 2 or abs(y - 250) < 2:
            line = bytearray(b"\x50" * WIDTH)
        elif y < 150 or y > 250:
            for x in range(0, WIDTH, 100):
                line[x : x + 3] = b"\x50\x50\x50"
        rows.append(b"\0" + bytes(line))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    body = zlib.compress(b"".join(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def load(hub: Stage, said: str = "") -> None:
    """A floor with two cameras on its drawing, and the drawing before it."""
    now_ns = hub.clock.wall_ns()
    with hub.database.writing() as connection:
        picture = coverage.keep_picture(
            connection, SITE_ID, "plan", pictures.taken(drawing()), by="admin", now_ns=now_ns
        )
        for day in (2, 1):
            found = floor_plans.add(
                connection, SITE_ID, floor="2", title=said[:120] or "Nhà chính", picture=picture,
                keep=True, by="admin", now_ns=now_ns - day * 86_400 * 10**9,
            )  # fmt: skip
            first, second = [one.id for one in registry.cameras(connection, SITE_ID)[:2]]
            placed = [
                View(first, 600, 5_000, 90, 60, 3_500),
                View(second, 9_400, 5_000, 270, 100, 2_500),
            ]
            floor_plans.put(connection, found, placed)
