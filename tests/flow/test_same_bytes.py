"""Recording, live view, playback and download move the same bytes (design D1), held by digest."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

from recordings import rows, virtual_cameras
from vonggac.clock import SystemClock
from vonggac.config import RecordConfig, Secret
from vonggac.edge.audience import NoAudience, PartHeader
from vonggac.edge.box import Box, StreamSetup
from vonggac.edge.choice import SourceChoice
from vonggac.edge.identity import identity_at
from vonggac.edge.ingest import StreamPlan
from vonggac.edge.picture import PictureDecoder
from vonggac.edge.playback import Playback
from vonggac.edge.recovery import segment_files
from vonggac.edge.source import READ_BUFFER_BYTES
from vonggac.media import merkle
from vonggac.media.fmp4_read import scan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Viewer(NoAudience):
    """Somebody who watches and keeps every part; the real one stands at the end of a bus."""

    def __init__(self) -> None:
        self.seen: list[tuple[PartHeader, bytes]] = []

    def watched(self, camera: str, stream: str) -> bool:
        return True

    def offer(self, camera: str, stream: str, header: PartHeader, part: bytes) -> None:
        self.seen.append((header, part))


async def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within 30 s: {what}")


def digests(parts: list[bytes]) -> list[str]:
    return [sha256(part).hexdigest() for part in parts]


async def test_a_part_is_the_same_bytes_wherever_it_goes(cache: Path, tmp_path: Path) -> None:
    """From the muxer to the viewer, the file, the hash tree, the player and the download."""
    viewer = Viewer()
    with virtual_cameras(1, cache) as cameras:
        choice = SourceChoice(
            cameras.url("cam01"), "", Secret(""), clock=SystemClock(),
            buffer=bytearray(READ_BUFFER_BYTES),
        )  # fmt: skip
        setup = StreamSetup(StreamPlan("cam01", "main", True), choice.connect, choice.ended)
        box = Box(
            tmp_path, identity_at(tmp_path), SystemClock(),
            settings=RecordConfig(segment_s=5.0), audience=viewer,
        )  # fmt: skip
        living = asyncio.create_task(box.run([setup]))
        try:
            await until(lambda: len(list(segment_files(tmp_path))) >= 2, "two segments")
        finally:
            box.stop()
            await living
    shown = [part for _, part in viewer.seen]
    stored: list[bytes] = []
    for row in rows(tmp_path):
        data = (tmp_path / row.path).read_bytes()
        found = scan(lambda at, count, d=data: d[at : at + count], len(data))
        assert found.init is not None
        parts = [data[p.offset : p.offset + p.size] for p in found.parts]
        leaves = [merkle.leaf(found.init.data), *map(merkle.leaf, parts)]
        assert merkle.root(leaves) == row.root
        assert found.init.data + b"".join(parts) == data
        stored += parts
    assert digests(stored) == digests(shown)
    assert [header.sequence for header, _ in viewer.seen] == list(range(len(shown)))

    decoder = PictureDecoder()
    playback = Playback(tmp_path, {}, decoder, SystemClock().wall_ns)
    try:
        played: list[bytes] = []
        at = rows(tmp_path)[0].start_ns
        while True:
            meta, frames = await playback.gop("cam01", "main", at, "at")
            if not frames:
                break
            played += frames[1:]
            if meta.next_from is None:
                break
            at = int(meta.next_from)
        assert digests(played) == digests(shown)

        spans = (rows(tmp_path)[0].start_ns, rows(tmp_path)[-1].end_ns)
        assert spans[1] is not None
        download = await playback.recording("cam01", "main", spans[0], spans[1])
        whole = b""
        while len(whole) < download.size:
            whole += await playback.read(
                download, len(whole), min(len(whole) + 65_536, download.size)
            )
        for part in shown:
            assert pictures_of(part) in whole, "a picture was changed on its way"
    finally:
        playback.close()
        await decoder.close()


def pictures_of(part: bytes) -> bytes:
    """What lies in the mdat of a part."""
    at = 0
    while part[at + 4 : at + 8] != b"mdat":
        at += int.from_bytes(part[at : at + 4])
    return part[at + 8 : at + int.from_bytes(part[at : at + 4])]
