"""What the box shows of its recordings: the GOP of a moment, the gap instead of one, a download."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest

from footage import IDENTITY, footage, parts_of
from vonggac.clock import NS
from vonggac.edge.picture import PictureDecoder
from vonggac.edge.playback import Playback, part_sequence, part_wall, split_parts
from vonggac.edge.recorder import segment_path
from vonggac.edge.recovery import CATALOG, mend, open_catalog
from vonggac.errors import Kind, VonggacError
from vonggac.media import fmp4

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

T0 = 1_795_000_000 * NS
FILM = footage(seconds=4.0, fps=10, gop=10)
RUN = bytes(range(16))


def at(seconds: float) -> int:
    return T0 + round(seconds * NS)


def seconds(ns: str | None) -> float | None:
    return None if ns is None else (int(ns) - T0) / NS


@pytest.fixture
async def playback(tmp_path: Path) -> AsyncIterator[Playback]:
    """Two segments of four seconds, six seconds of nothing with a cause, and one more segment."""
    for number, start in enumerate((0, 4, 14)):
        path = tmp_path / segment_path("cam01", "main", RUN, number, at(start))
        path.parent.mkdir(parents=True, exist_ok=True)
        identity = replace(IDENTITY, run=RUN)
        parts = parts_of(FILM, wall_ns=at(start), sequence=8 * number)
        path.write_bytes(fmp4.init(FILM.video, None, identity) + b"".join(parts))
    catalog, _ = open_catalog(tmp_path)
    mend(tmp_path, catalog, epoch=9, everything=True, in_use=lambda _path: False)
    catalog.close()
    with closing(sqlite3.connect(tmp_path / CATALOG)) as db:
        db.execute(
            "insert into gap (camera, stream, from_ns, to_ns, cause, evidence, epoch)"
            " values ('cam01', 'main', ?, ?, 'refused', '401', 1)",
            (at(8), at(14)),
        )
        db.commit()
    decoder = PictureDecoder()
    made = Playback(tmp_path, {}, decoder, lambda: at(100))
    yield made
    made.close()
    await decoder.close()


@pytest.mark.parametrize(
    ("moment", "direction", "begins", "follows"),
    [
        (0.0, "at", 0, 1), (0.9, "at", 0, 1), (3.5, "at", 3, 4), (4.0, "at", 4, 5),
        (7.9, "at", 7, 14), (0.0, "next", 1, 2), (3.2, "next", 4, 5), (7.5, "next", 14, 15),
        (5.5, "prev", 4, 5), (4.5, "prev", 3, 4), (14.2, "prev", 7, 14), (17.5, "at", 17, None),
    ],
)  # fmt: skip
async def test_a_moment_finds_its_gop_and_the_next_one(
    playback: Playback, moment: float, direction: str, begins: float, follows: float | None
) -> None:
    """Across files and gaps, in both directions, by half-open seconds."""
    meta, frames = await playback.gop("cam01", "main", at(moment), direction)  # type: ignore[arg-type]
    assert seconds(meta.from_) == begins
    assert seconds(meta.next_from) == follows
    assert meta.frames == len(frames) == 3
    assert [part_wall(part) // 1000 for part in frames[1:]] == [
        pytest.approx(at(begins + n / 2) // 1000, abs=1) for n in range(2)
    ]


async def test_a_moment_without_a_picture_gives_the_gap_and_where_it_ends(
    playback: Playback,
) -> None:
    """The player jumps over it and says why."""
    meta, frames = await playback.gop("cam01", "main", at(10), "at")
    assert frames == []
    assert meta.gap is not None
    assert (seconds(meta.gap.from_), seconds(meta.gap.to), meta.gap.cause) == (8, 14, "refused")
    assert seconds(meta.next_from) == 14


async def test_before_the_first_and_after_the_last_picture_there_is_nothing(
    playback: Playback,
) -> None:
    """And it is said where something begins."""
    meta, frames = await playback.gop("cam01", "main", at(-5), "at")
    assert (frames, seconds(meta.next_from)) == ([], 0)
    meta, frames = await playback.gop("cam01", "main", at(50), "at")
    assert (frames, meta.next_from) == ([], None)


async def test_the_timeline_is_the_ledgers(playback: Playback) -> None:
    """Spans, gaps and the share of each step."""
    told = await playback.timeline("cam01", "main", at(0), at(18), 2.0)
    assert [(seconds(s.from_), seconds(s.to)) for s in told.spans] == [(0, 8), (14, 18)]
    assert [(seconds(g.from_), seconds(g.to), g.cause) for g in told.gaps] == [(8, 14, "refused")]
    assert told.density == (100, 100, 100, 100, 0, 0, 0, 100, 100)
    with pytest.raises(VonggacError) as refused:
        await playback.timeline("cam01", "main", at(0), at(18), 0.001)
    assert refused.value.kind is Kind.BAD_INPUT


async def test_a_still_of_a_moment_is_a_jpeg_and_of_a_gap_a_sentence(playback: Playback) -> None:
    """With the cause in it."""
    jpeg = await playback.snapshot("cam01", "main", at(2.3), 160)
    assert jpeg[:2] == b"\xff\xd8"
    with pytest.raises(VonggacError, match="refused") as missing:
        await playback.snapshot("cam01", "main", at(10), None)
    assert missing.value.kind is Kind.NOT_FOUND


async def test_a_download_plays_and_holds_every_picture(playback: Playback, tmp_path: Path) -> None:
    """Read in ranges, as a browser does; the same span gives the same file."""
    made = await playback.recording("cam01", "main", at(0), at(18))
    whole = b""
    while len(whole) < made.size:
        whole += await playback.read(made, len(whole), min(len(whole) + 10_000, made.size))
    assert await playback.recording("cam01", "main", at(0), at(18)) is made
    path = tmp_path / "download.mp4"
    path.write_bytes(whole)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 120
    with pytest.raises(VonggacError):
        await playback.recording("cam01", "main", at(5), at(5))


async def test_a_file_that_goes_while_it_is_downloaded_is_said(
    playback: Playback, tmp_path: Path
) -> None:
    """Retention came in between: a conflict, not a torn file."""
    made = await playback.recording("cam01", "main", at(0), at(8))
    for path in (tmp_path / "cam01").rglob("*.mp4"):
        path.unlink()
    with pytest.raises(VonggacError) as gone:
        await playback.read(made, made.size - 5000, made.size)
    assert gone.value.kind is Kind.CONFLICT


def test_parts_are_split_where_they_end_and_a_torn_one_is_left_out() -> None:
    """What is read from a file that is being written may end anywhere."""
    parts = parts_of(FILM, wall_ns=at(0), sequence=5)
    data = b"".join(parts)
    assert split_parts(data) == parts
    assert split_parts(data[:-1]) == parts[:-1]
    assert split_parts(b"") == []
    assert [part_sequence(part) for part in parts] == list(range(5, 13))
