"""A month of fifty cameras for bench/seek.py: the real catalog, and some real segment files.

The rows are written straight into the real schema, some two million in about a minute. A few
hundred of the segments exist: coded pictures of the virtual cameras, with the clock and bar code
of their minute in them, muxed by `media.fmp4` as the recorder does.
"""

from __future__ import annotations

import contextlib
import random
import secrets
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vonggac.clock import NS
from vonggac.edge import catalog as catalogs
from vonggac.edge.recorder import segment_path
from vonggac.edge.recovery import CATALOG
from vonggac.media import fmp4
from vonggac.media.h26x import Codec, ParameterSets, video_format
from vonggac.sim.band import Band, Clockface
from vonggac.sim.drawing import Order, draw
from vonggac.sim.numbering import padding_nal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEGMENT_S = 60
GOP_S = 2
PART_PICTURES = 3
FPS = 15
TICK = fmp4.TIMESCALE // FPS
EPOCH = 1
PAGES = 720


@dataclass(frozen=True, slots=True)
class Real:
    """A segment that exists."""

    camera: str
    start_ns: int
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Month:
    """What was made."""

    rows: int
    catalog_bytes: int
    real: list[Real]


class Muxer:
    """Makes segments of one scene at any minute.

    Args:
        width: of the pictures.
        height: of the pictures.
        kbps: what the stream takes; padding fills it, as cameras at constant bitrate do.
        site: its id, for the files' identity.
    """

    def __init__(self, width: int, height: int, kbps: int, site: str) -> None:
        order = Order("hl-2a", "", width, height, FPS, kbps, "h264", with_clock=True)
        (self._loop,) = draw([order])
        self._band = Band(self._loop)
        sets = ParameterSets(
            codec=Codec.H264, vps=(),
            sps=tuple(nal for nal in self._loop.sets if nal[0] & 31 == 7),
            pps=tuple(nal for nal in self._loop.sets if nal[0] & 31 == 8),
        )  # fmt: skip
        self.video = video_format(sets)
        self._site = site
        pictures = self._loop.pictures
        bare = sum(len(nal) for picture in pictures for nal in picture.slices[1:])
        bands = sum(self._band.typical_size(keyframe=picture.keyframe) for picture in pictures)
        wanted = kbps * 125 * len(pictures) // FPS
        keys = sum(picture.keyframe for picture in pictures)
        room = (wanted - bare - bands) // (len(pictures) - keys)
        self._padding = padding_nal(room) if room > 30 else b""

    def segment(
        self, camera: str, run: bytes, start_ns: int
    ) -> tuple[bytes, list[tuple[int, int]]]:
        """The bytes of a segment and its table of keyframes (wall ns, offset)."""
        identity = fmp4.Identity(site=self._site, camera=camera, stream="main", run=run)
        pieces = [fmp4.init(self.video, None, identity)]
        at = len(pieces[0])
        keyframes: list[tuple[int, int]] = []
        face = Clockface(self._band)
        chunks: list[bytes] = []
        samples: list[tuple[int, int, bool, int]] = []
        first, sequence = 0, 0
        for number in range(SEGMENT_S * FPS + 1):
            over = number == SEGMENT_S * FPS
            key = not over and self._loop.pictures[number % len(self._loop.pictures)].keyframe
            if samples and (over or key or len(samples) == PART_PICTURES):
                wall_ns = start_ns + first * NS // FPS
                part = fmp4.part(sequence, first * TICK, wall_ns, samples, chunks)
                if samples[0][2]:
                    keyframes.append((wall_ns, at))
                pieces.append(part)
                at += len(part)
                chunks, samples, first = [], [], number
                sequence += 1
            if over:
                break
            wall_ns = start_ns + number * NS // FPS
            content = self._picture(face, number, wall_ns, key=key)
            chunks.append(content)
            samples.append((TICK, len(content), key, 0))
        return b"".join(pieces), keyframes

    def _picture(self, face: Clockface, number: int, wall_ns: int, *, key: bool) -> bytes:
        index = number % len(self._loop.pictures)
        nals = [face.slice_of(index, number, wall_ns), *self._loop.pictures[index].slices[1:]]
        if self._padding and not key:
            nals.append(self._padding)
        return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def make(
    directory: Path, muxer: Muxer, *, cameras: int, days: int, real: int, end_ns: int,
    among: int = 10,
) -> Month:  # fmt: skip
    """Fill a recording directory.

    Args:
        directory: where; it holds no catalog yet.
        muxer: makes the real segments.
        cameras: named cam01 ...
        days: how many lie before `end_ns`.
        real: how many segments exist as files.
        end_ns: when the newest segment ends.
        among: cameras that have real segments, in equal parts.
    """
    catalogs.Catalog(directory / CATALOG).close()
    minutes = days * 24 * 60
    begin_ns = end_ns - minutes * SEGMENT_S * NS
    names = [f"cam{number + 1:02d}" for number in range(cameras)]
    runs = {(name, day): secrets.token_bytes(16) for name in names for day in range(days)}
    random_minutes = random.Random(1)
    chosen = {
        (name, minute)
        for name in names[:among]
        for minute in random_minutes.sample(range(minutes), real // among)
    }
    made: list[Real] = []
    gops = SEGMENT_S // GOP_S
    table = np.zeros(gops, dtype=[("wall", "<i8"), ("offset", "<u4")])
    table["offset"] = 1_200 + np.arange(gops) * 500_000
    steps = np.arange(gops, dtype=np.int64) * (GOP_S * NS)
    blank = bytes(32)

    def rows() -> Iterator[tuple[object, ...]]:
        for minute in range(minutes):
            day, number = divmod(minute, 24 * 60)
            for index, name in enumerate(names):
                start_ns = begin_ns + (minute * SEGMENT_S + index * SEGMENT_S // cameras) * NS
                run = runs[name, day]
                path = segment_path(name, "main", run, number, start_ns)
                if (name, minute) in chosen:
                    size, keyframes = _write(directory, muxer, name, run, start_ns, path)
                    made.append(Real(name, start_ns, path, size))
                else:
                    table["wall"] = steps + start_ns
                    size, keyframes = 15_000_000, table.tobytes()
                yield (
                    name, run, number, path, start_ns, start_ns + SEGMENT_S * NS,
                    number * SEGMENT_S * fmp4.TIMESCALE, size, SEGMENT_S * FPS,
                    SEGMENT_S * FPS // PART_PICTURES, blank, keyframes,
                )  # fmt: skip

    with contextlib.closing(sqlite3.connect(directory / CATALOG, isolation_level=None)) as db:
        later = db.execute(
            "select type, name, sql from sqlite_master where tbl_name = 'segment'"
            " and sql is not null and type in ('index', 'trigger')"
        ).fetchall()
        db.execute("pragma synchronous = off")
        db.execute("pragma cache_size = -400000")
        db.execute("begin")
        for kind, name, _ in later:
            db.execute(f"drop {kind} {name}")
        db.executemany(
            "insert into segment (camera, stream, run, epoch, number, path, start_ns, end_ns,"
            " base_ticks, size, pictures, parts, root, keyframes)"
            f" values (?, 'main', ?, {EPOCH}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows(),
        )
        for _, _, text in later:
            db.execute(text)
        db.execute("insert into volume select camera, stream, sum(size) from segment group by 1, 2")
        _around(db, runs, begin_ns, end_ns)
        db.execute("commit")
        db.execute("pragma wal_checkpoint(truncate)")
    return Month(minutes * cameras, (directory / CATALOG).stat().st_size, made)


def _around(
    db: sqlite3.Connection, runs: dict[tuple[str, int], bytes], begin_ns: int, end_ns: int
) -> None:
    """What stands beside the segments: the epoch, the runs, each camera's newest page."""
    db.execute("insert into epoch values (?, 'before', ?, 1)", (EPOCH, begin_ns))
    db.execute("insert into note values (?, '1')", (catalogs.WHOLE,))
    day_ns = 86_400 * NS
    db.executemany(
        "insert into run (run, camera, stream, epoch, started_ns, ended_ns, source, source_why,"
        f" codec, width, height) values (?, ?, 'main', {EPOCH}, ?, ?, 'rtsp', '', 'h264', 1280,"
        " 720)",
        [
            (run, name, begin_ns + day * day_ns, begin_ns + (day + 1) * day_ns)
            for (name, day), run in runs.items()
        ],
    )
    newest_ns = end_ns - end_ns % (3600 * NS)
    db.executemany(
        f"insert into page values (?, {PAGES}, ?, ?, ?, ?)",
        [
            (name, newest_ns - 3600 * NS, newest_ns, bytes(32), b"{}")
            for name in {name for name, _ in runs}
        ],
    )


def _write(
    directory: Path, muxer: Muxer, camera: str, run: bytes, start_ns: int, path: str
) -> tuple[int, bytes]:
    data, keyframes = muxer.segment(camera, run, start_ns)
    place = directory / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return len(data), catalogs.pack_keyframes(keyframes)
