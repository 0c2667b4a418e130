"""Make the loops that cameras show: from the cache, here, or in processes of their own.

Drawing a loop of eight seconds at 1280x720 takes about a second of one core and holds the GIL most
of it; sixteen of them in threads would keep the event loop from everything else. So more than a
few go to child processes: `python -m vonggac.sim.drawing`, which reads one JSON array of orders
from stdin and writes each coded loop to stdout, preceded by its length as u32 big-endian.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import signal
import sys
from typing import TYPE_CHECKING

import msgspec

from vonggac.config import inherited
from vonggac.errors import Kind, VonggacError
from vonggac.sim import loops, scenes
from vonggac.sim.band import rows_for
from vonggac.sim.loops import CodecName, Loop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FEW = 2
"""So many loops are drawn in threads; starting a child costs half a second of imports."""
MAX_CHILDREN = 4
DRAWN_A_SECOND = 10
"""People move so often at most, while the clock moves with every picture: drawing costs more than
coding, and the demo's first start waits for it."""


class Order(msgspec.Struct, frozen=True):
    """One loop to be made."""

    scene: str
    code: str
    width: int
    height: int
    fps: float
    kbps: int
    codec: CodecName
    with_clock: bool


async def make(orders: Sequence[Order], cache: Path | None) -> list[Loop]:
    """The loops for these orders, in their order; drawn ones are kept in the cache.

    Raises:
        VonggacError: a child process failed.
    """
    found = {
        order: loop
        for order in orders
        if (loop := await asyncio.to_thread(loops.cached, cache, order)) is not None
    }
    missing = [order for order in dict.fromkeys(orders) if order not in found]
    if len(missing) <= FEW:
        drawn = await asyncio.gather(*(asyncio.to_thread(draw, order) for order in missing))
        found.update(zip(missing, drawn, strict=True))
    else:
        workers = min(MAX_CHILDREN, os.cpu_count() or 1, len(missing))
        shares = [missing[index::workers] for index in range(workers)]
        for share, made in zip(
            shares, await asyncio.gather(*(_in_child(share) for share in shares)), strict=True
        ):
            found.update(zip(share, made, strict=True))
    for order in missing:
        await asyncio.to_thread(loops.keep, cache, order, found[order])
    return [found[order] for order in orders]


def draw(order: Order) -> Loop:
    """Draw and code one loop. Blocks, mostly with the GIL held."""
    count = round(order.fps * loops.GOP_SECONDS) * (loops.LOOP_SECONDS // loops.GOP_SECONDS)
    held = math.ceil(order.fps / DRAWN_A_SECOND)
    drawn = loops.Drawn(
        width=order.width,
        height=order.height,
        fps=order.fps,
        codec=order.codec,
        kbps=max(100, order.kbps),
        band_rows=rows_for(order.height) if order.with_clock else 0,
    )
    shots = scenes.pictures(
        order.scene, order.code, width=order.width, height=order.height, count=-(-count // held)
    )
    each = itertools.chain.from_iterable(itertools.repeat(shot, held) for shot in shots)
    return loops.from_pictures(drawn, itertools.islice(each, count))


async def _in_child(orders: list[Order]) -> list[Loop]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vonggac.sim.drawing",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=inherited(),
    )
    try:
        written, _ = await child.communicate(msgspec.json.encode(orders))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise VonggacError(
            Kind.INTERNAL, f"drawing scenes ended with {child.returncode}; its reason is on stderr"
        )
    made = []
    at = 0
    while at + 4 <= len(written):
        size = int.from_bytes(written[at : at + 4], "big")
        made.append(msgspec.msgpack.decode(written[at + 4 : at + 4 + size], type=Loop))
        at += 4 + size
    return made


def main() -> None:
    """Draw what stdin orders, onto stdout."""
    # Ctrl-C reaches the whole process group; the parent decides what becomes of this child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for order in msgspec.json.decode(sys.stdin.buffer.read(), type=list[Order]):
        coded = msgspec.msgpack.encode(draw(order))
        sys.stdout.buffer.write(len(coded).to_bytes(4, "big") + coded)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
