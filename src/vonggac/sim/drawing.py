"""Make the loops that cameras show: from the cache, here, or in processes of their own.

Drawing a loop of eight seconds at 1280x720 takes about a second of one core and holds the GIL most
of it; sixteen of them in threads would keep the event loop from everything else. So more than a
few go to child processes: `python -m vonggac.sim.drawing`, which reads one JSON array of arrays of
orders from stdin, an array a scene, and writes each coded loop to stdout, preceded by its length as
u32 big-endian.

The streams of one camera show one scene: it is drawn for the largest and scaled for the others.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import signal
import sys
from typing import TYPE_CHECKING

import av
import msgspec
import numpy as np

from vonggac.config import inherited
from vonggac.errors import Kind, VonggacError
from vonggac.sim import loops, scenes
from vonggac.sim.band import rows_for
from vonggac.sim.loops import CodecName, Loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

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
    together = by_scene(missing)
    if len(missing) <= FEW:
        for group, made in zip(
            together,
            await asyncio.gather(*(asyncio.to_thread(draw, group) for group in together)),
            strict=True,
        ):
            found.update(zip(group, made, strict=True))
    else:
        workers = min(MAX_CHILDREN, os.cpu_count() or 1, len(together))
        shares = [together[index::workers] for index in range(workers)]
        for share, made in zip(
            shares, await asyncio.gather(*(_in_child(share) for share in shares)), strict=True
        ):
            found.update(zip(itertools.chain.from_iterable(share), made, strict=True))
    for order in missing:
        await asyncio.to_thread(loops.keep, cache, order, found[order])
    return [found[order] for order in orders]


def by_scene(orders: Sequence[Order]) -> list[list[Order]]:
    """Orders that one drawing serves, together; the largest of them first."""
    found: dict[tuple[str, str], list[Order]] = {}
    for order in orders:
        found.setdefault((order.scene, order.code), []).append(order)
    return [
        sorted(group, key=lambda order: (-order.width * order.height, -order.fps))
        for group in found.values()
    ]


def draw(orders: Sequence[Order]) -> list[Loop]:
    """Draw one scene and code a loop for each order. Blocks, mostly with the GIL held.

    Args:
        orders: of one scene and code, the largest first (`by_scene`).
    """
    first, *others = orders
    held = math.ceil(first.fps / DRAWN_A_SECOND)
    drawn_fps = first.fps / held
    scaled: dict[tuple[int, int], list[npt.NDArray[np.uint8]]] = {
        (order.width, order.height): [] for order in others
    }

    def shots() -> Iterator[npt.NDArray[np.uint8]]:
        for shot in scenes.pictures(
            first.scene, first.code, width=first.width, height=first.height,
            count=-(-_pictures(first) // held),
        ):  # fmt: skip
            for (width, height), kept in scaled.items():
                kept.append(_scaled(shot, width, height))
            yield from itertools.repeat(shot, held)

    loops_made = [_coded(first, shots())]
    for order in others:
        kept = scaled[order.width, order.height]
        chosen = (
            kept[min(len(kept) - 1, int(index / order.fps * drawn_fps))].copy()
            for index in range(_pictures(order))
        )
        loops_made.append(_coded(order, chosen))
    return loops_made


def _pictures(order: Order) -> int:
    """How many pictures a loop has: whole GOPs."""
    return round(order.fps * loops.GOP_SECONDS) * (loops.LOOP_SECONDS // loops.GOP_SECONDS)


def _scaled(shot: npt.NDArray[np.uint8], width: int, height: int) -> npt.NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(shot, format="yuv420p").reformat(width, height)
    return np.asarray(frame.to_ndarray(), dtype=np.uint8)


def _coded(order: Order, pictures: Iterator[npt.NDArray[np.uint8]]) -> Loop:
    drawn = loops.Drawn(
        width=order.width,
        height=order.height,
        fps=order.fps,
        codec=order.codec,
        kbps=max(100, order.kbps),
        band_rows=rows_for(order.height) if order.with_clock else 0,
    )
    return loops.from_pictures(drawn, itertools.islice(pictures, _pictures(order)))


async def _in_child(groups: list[list[Order]]) -> list[Loop]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vonggac.sim.drawing",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=inherited(),
    )
    try:
        written, _ = await child.communicate(msgspec.json.encode(groups))
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
    for group in msgspec.json.decode(sys.stdin.buffer.read(), type=list[list[Order]]):
        for loop in draw(group):
            coded = msgspec.msgpack.encode(loop)
            sys.stdout.buffer.write(len(coded).to_bytes(4, "big") + coded)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
