"""Live pictures in Chromium: how soon the first, how late each, and what crosses the bus.

`vonggac up`, virtual cameras and a real Chromium on one machine. First picture: from the start of
the navigation of a warm, signed-in browser, and from the opening of the tile, to the first
`requestVideoFrameCallback`; nobody watched before, so that every lease is new. Latency: this
machine's clock now, minus the clock that the virtual camera wrote as a bar code into the picture
on the screen, read from a canvas. Targets: first picture p95 and latency p50 at most 0.5 s, one
upstream copy for 50 viewers, no media byte on the bus when nobody watches.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
from facility import CHROMIUM, Facility, Viewer, chromium, facility, percentiles
from vonggac import log, wire

if TYPE_CHECKING:
    from playwright.async_api import Page

SIZE = (1440, 900)
IDLE_S = 10.0
COUNT_S = 10.0
VIEWERS = 50
FIRST_LIMIT_S = 20.0
SETTLED_S = 1.0  # the wall before is taken down: its decoders still end while its leases are over

WATCH = (Path(__file__).parent / "watch_tiles.js").read_text()


async def wall(place: Facility, page: Page, tiles: int, seconds: float) -> dict[str, Any]:
    """Open the wall once and watch it for some seconds."""
    await page.goto(f"{place.url}/wall")
    await page.evaluate(
        "([tiles, limit]) => window.__watched.all(tiles, limit)", [tiles, FIRST_LIMIT_S * 1e3]
    )
    await page.evaluate("window.__watched.read()")
    await asyncio.sleep(seconds)
    told: dict[str, Any] = await page.evaluate("window.__watched.tell()")
    await page.goto("about:blank")
    return told


async def nobody_watches(place: Facility, limit_s: float = 40.0) -> float:
    """Wait until every lease is over; returns seconds."""
    began = time.monotonic()
    while (await place.site.status())["leased"]:
        if time.monotonic() - began > limit_s:
            raise SystemExit("leases outlive their viewers")
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def walls(place: Facility, options: Any) -> dict[str, Any]:
    """First pictures and latencies of walls of each size."""
    found: dict[str, Any] = {}
    for tiles in options.tiles:
        first_navigation: list[float] = []
        first_tile: list[float] = []
        latency: list[float] = []
        sizes: set[str] = set()
        missing, unread, over = 0, 0, 0.0
        async with chromium(place, width=SIZE[0], height=SIZE[1]) as context:
            await context.add_init_script(WATCH)
            page = await context.new_page()
            await page.goto(f"{place.url}/wall")
            await page.click(f'[data-do="layout"][data-tiles="{tiles}"]')
            await asyncio.sleep(1.0)  # the browser is warm now: code, fonts, decoder
            await page.goto("about:blank")
            for number in range(options.rounds):
                over = max(over, await nobody_watches(place))
                await asyncio.sleep(SETTLED_S)
                cpu = common.cpu_s(place.pids)
                began = time.monotonic()
                told = await wall(place, page, tiles, options.seconds)
                share = (common.cpu_s(place.pids) - cpu) / (time.monotonic() - began)
                seen = [tile for tile in told["tiles"] if tile["first"] is not None]
                missing += tiles - len(seen)
                first_navigation += [tile["first"] / 1e3 for tile in seen]
                first_tile += [(tile["first"] - tile["opened"]) / 1e3 for tile in seen]
                latency += [age / 1e3 for tile in seen for age in tile["ages"]]
                unread += sum(tile["unread"] for tile in seen)
                sizes |= {tile["size"] for tile in seen}
                print(
                    f"{tiles} tiles, round {number + 1}: first {percentiles(first_navigation)}"
                    f" latency {percentiles(latency)} ours {share:.0%}",
                    file=sys.stderr,
                )
        found[str(tiles)] = {
            "streams": sorted(sizes),
            "first_picture_s": percentiles(first_navigation),
            "first_picture_from_tile_s": percentiles(first_tile),
            "latency_s": percentiles(latency),
            "pictures_read": len(latency),
            "bar_codes_unread": unread,
            "tiles_without_picture": missing,
            "leases_over_after_s": round(over, 2),
        }
    return found


async def copies(place: Facility) -> dict[str, Any]:
    """What the edge publishes for one viewer and for fifty."""
    await nobody_watches(place)
    camera = (await place.http.get("/api/v1/cameras")).json()["cameras"][0]
    subject = str(wire.LiveSubject(place.hub, place.site.id, camera["name"], "sub"))
    arrived: list[int] = []
    await place.media.listen(subject, lambda message: arrived.append(len(message.payload)))
    viewers: list[Viewer] = []

    async def count() -> dict[str, float]:
        await asyncio.sleep(1.0)
        before = (await place.site.status())["published_bytes"]
        parts, received = len(arrived), sum(viewer.bytes for viewer in viewers)
        began = time.monotonic()
        await asyncio.sleep(COUNT_S)
        lasted = time.monotonic() - began
        after = (await place.site.status())["published_bytes"]
        total = sum(viewer.bytes for viewer in viewers) - received
        return {
            "viewers": len(viewers),
            "published_bytes_s": round((after - before) / lasted),
            "parts_s": round((len(arrived) - parts) / lasted, 2),
            "received_bytes_s": round(total / lasted),
        }

    found: dict[str, Any] = {}
    for wanted in (1, VIEWERS):
        while len(viewers) < wanted:
            viewer = await place.viewer(camera["id"], len(viewers))
            await viewer.watch("sub")
            viewers.append(viewer)
        found[str(wanted)] = await count()
    one, many = found["1"], found[str(VIEWERS)]
    found["upstream_copies"] = round(many["published_bytes_s"] / one["published_bytes_s"], 2)
    found["copies_received"] = round(many["received_bytes_s"] / many["published_bytes_s"], 1)
    for viewer in viewers:
        await viewer.lease("sub", 0)
        await viewer.close()
    return found


async def idle(place: Facility) -> dict[str, Any]:
    """What crosses the bus while nobody watches."""
    over = await nobody_watches(place)
    arrived: list[int] = []
    every = f"vg.{place.hub}.{place.site.id}.live.>"
    await place.media.listen(every, lambda message: arrived.append(len(message.payload)))
    before = (await place.site.status())["published_bytes"]
    await asyncio.sleep(IDLE_S)
    after = (await place.site.status())["published_bytes"]
    return {
        "seconds": IDLE_S,
        "leases_over_after_s": round(over, 2),
        "published_bytes": after - before,
        "messages_received": len(arrived),
        "bytes_received": sum(arrived),
    }


async def measure(options: Any) -> dict[str, Any]:
    """Everything, from one start of the facility."""
    cameras = max(options.tiles)
    stream = ("--size", options.size, "--fps", f"{options.fps:g}", "--kbps", str(options.kbps))
    with common.simulator(cameras, "--sub", *stream) as simulator:
        async with facility([(url, f"{url}/sub") for url in simulator.urls]) as place:
            await asyncio.sleep(3.0)
            return {
                "idle": await idle(place),
                "walls": await walls(place, options),
                "copies": await copies(place),
                "idle_after": await idle(place),
            }


def verdicts(found: dict[str, Any]) -> dict[str, bool]:
    """The targets, one by one."""
    sizes = found["walls"].values()
    return {
        "first_picture_p95_at_most_0.5_s": all(
            wall["first_picture_s"].get("p95", 9) <= 0.5 and not wall["tiles_without_picture"]
            for wall in sizes
        ),
        "latency_p50_at_most_0.5_s": all(wall["latency_s"].get("p50", 9) <= 0.5 for wall in sizes),
        "one_upstream_copy": abs(found["copies"]["upstream_copies"] - 1) < 0.1,
        "no_byte_when_nobody_watches": all(
            found[name]["published_bytes"] == found[name]["bytes_received"] == 0
            for name in ("idle", "idle_after")
        ),
    }


def table(found: dict[str, Any], told: dict[str, str]) -> str:
    """For people."""
    lines = [
        f"{told['cpu']}, {told['cores']} cores, load {told['load_before']};"
        f" main {found['main']}, sub 640x360@10 400 kbit/s",
        "tiles  stream            first picture p50/p95    from tile p50/p95    latency p50/p95",
    ]
    for tiles, wall in found["walls"].items():
        first, tile, age = (
            wall[name] for name in ("first_picture_s", "first_picture_from_tile_s", "latency_s")
        )
        lines.append(
            f"{tiles:>5}  {', '.join(wall['streams']):16}"
            f"  {first.get('p50', '-'):>10} / {first.get('p95', '-')} s"
            f"    {tile.get('p50', '-'):>8} / {tile.get('p95', '-')} s"
            f"    {age.get('p50', '-'):>6} / {age.get('p95', '-')} s"
        )
    copies = found["copies"]
    lines.append(
        f"upstream: {copies['1']['published_bytes_s']} bytes/s for 1 viewer,"
        f" {copies[str(VIEWERS)]['published_bytes_s']} for {VIEWERS}"
        f" ({copies['upstream_copies']} copies); they received {copies['copies_received']} copies"
    )
    lines.append(
        f"nobody watches: {found['idle']['published_bytes']} bytes in {IDLE_S:g} s before,"
        f" {found['idle_after']['published_bytes']} after"
        f" ({found['idle_after']['leases_over_after_s']} s after the last left)"
    )
    lines += [f"{'met   ' if met else 'MISSED'} {name}" for name, met in found["targets"].items()]
    return "\n".join(lines)


def main() -> int:
    """Measure and print; 1 if a target is missed."""
    parser = common.parser(__doc__)
    parser.add_argument("--tiles", type=int, nargs="+", default=[1, 4, 16], choices=[1, 4, 9, 16])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5, help="latency is read for so long")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=float, default=15)
    parser.add_argument("--kbps", type=int, default=2000)
    options = parser.parse_args()
    log.configure(level="error")
    told = common.machine()
    found: dict[str, Any] = {
        "main": f"{options.size}@{options.fps:g} {options.kbps} kbit/s",
        "rounds": options.rounds,
        "machine": told,
        "versions": common.versions([CHROMIUM, "--version"]),
    }
    found |= asyncio.run(measure(options))
    found["targets"] = verdicts(found)
    common.show(json.loads(json.dumps(found)), options, table(found, told))
    return 0 if all(found["targets"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
