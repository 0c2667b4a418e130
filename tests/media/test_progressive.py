"""The progressive MP4 that exists nowhere: what it contains, to the byte and to the second."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import subprocess
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footage import (
    DAY_NS,
    IDENTITY,
    Footage,
    footage,
    number_of,
    segment_of,
    segment_with_sound,
    sound,
)
from vonggac.errors import Kind, VonggacError
from vonggac.media import fmp4, progressive
from vonggac.media.fmp4_read import PartRef, Scan, scan
from vonggac.media.h26x import Codec
from vonggac.media.progressive import FileRange, Span, VirtualMp4

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000
PLAIN = footage(seconds=4)
REORDERED = footage(seconds=4, b_pictures=2)
LARGE = footage(seconds=4, b_pictures=2, size=(480, 320))
needs_ffprobe = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is not installed (apt install ffmpeg)"
)


def scans(*files: bytes) -> list[Scan]:
    return [scan(lambda at, count, f=file: f[at : at + count], len(file)) for file in files]


def content(mp4: VirtualMp4, files: list[bytes], start: int = 0, end: int | None = None) -> bytes:
    """The bytes that a web server would send."""
    pieces = mp4.read(start, mp4.size if end is None else end)
    return b"".join(
        piece
        if isinstance(piece, bytes)
        else files[piece.file][piece.offset : piece.offset + piece.size]
        for piece in pieces
    )


def shown(data: bytes) -> list[tuple[int, int]]:
    """What a player shows: milliseconds and the number in the picture."""
    with av.open(io.BytesIO(data)) as container:
        return [
            (round(frame.time * 1000), number_of(frame.to_ndarray()[: frame.height]))
            for frame in container.decode(video=0)
        ]


def consecutive(*films: Footage, pause_s: int = 0) -> list[bytes]:
    """A segment of each film, one after the other, each a run of its own."""
    return [
        segment_of(film, wall_ns=DAY_NS + n * (4 + pause_s) * SECOND, run=bytes([n] * 16))
        for n, film in enumerate(films)
    ]


# ---- what is in it ----------------------------------------------------------------------------


@pytest.mark.parametrize("film", [PLAIN, REORDERED], ids=["no B-pictures", "B-pictures"])
def test_a_whole_segment_is_shown_picture_for_picture(film: Footage):
    """The simplest span: all of one file."""
    files = [segment_of(film)]

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 4 * SECOND)

    assert shown(content(mp4, files)) == [(n * 40, n) for n in range(100)]
    assert mp4.duration_ns == 4 * SECOND
    assert mp4.lead_ns == 0
    assert mp4.spans == [Span(0, DAY_NS, 4 * SECOND)]


def test_the_pictures_are_the_bytes_that_were_recorded():
    """No re-encoding, no copy: every sample is a range of a segment file."""
    files = consecutive(REORDERED, REORDERED)

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 8 * SECOND)
    head, *pieces = mp4.read(0, mp4.size)

    assert isinstance(head, bytes)
    assert all(isinstance(piece, FileRange) for piece in pieces)
    recorded = b"".join(picture.nals for picture in REORDERED.pictures)
    assert content(mp4, files)[len(head) :] == recorded * 2
    with av.open(io.BytesIO(content(mp4, files))) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets == [picture.nals for picture in REORDERED.pictures] * 2


def test_a_span_begins_and_ends_where_it_was_asked_to():
    """From 1.52 s to 6.2 s over two segments: decoding starts at 1 s, showing at 1.52 s."""
    files = consecutive(REORDERED, REORDERED)

    mp4 = VirtualMp4(scans(*files), DAY_NS + 1_520_000_000, DAY_NS + 6_200_000_000)
    pictures = shown(content(mp4, files))

    assert [number for _, number in pictures] == [*range(38, 100), *range(55)]
    assert [time for time, _ in pictures] == [n * 40 for n in range(117)]
    assert mp4.lead_ns == 520_000_000
    assert mp4.duration_ns == 4_680_000_000
    assert mp4.spans == [
        Span(0, DAY_NS + 1_520_000_000, 2_480_000_000),
        Span(2_480_000_000, DAY_NS + 4 * SECOND, 2_200_000_000),
    ]


def test_gaps_are_closed_up_and_the_spans_say_where_they_were():
    """Ten seconds are missing: the file has none of them, the page can say so."""
    files = consecutive(PLAIN, PLAIN, pause_s=10)

    mp4 = VirtualMp4(scans(*files), DAY_NS - 60 * SECOND, DAY_NS + 60 * SECOND)

    assert mp4.duration_ns == 8 * SECOND
    assert mp4.spans == [
        Span(0, DAY_NS, 4 * SECOND),
        Span(4 * SECOND, DAY_NS + 14 * SECOND, 4 * SECOND),
    ]
    assert [time for time, _ in shown(content(mp4, files))] == [n * 40 for n in range(200)]


def test_a_span_that_begins_or_ends_in_a_gap_begins_after_it_or_ends_before_it():
    """The edges of what there is."""
    files = consecutive(PLAIN, PLAIN, PLAIN, pause_s=10)

    mp4 = VirtualMp4(scans(*files), DAY_NS + 6 * SECOND, DAY_NS + 20 * SECOND)

    assert mp4.spans == [Span(0, DAY_NS + 14 * SECOND, 4 * SECOND)]
    assert mp4.lead_ns == 0


@pytest.mark.parametrize(
    ("from_ms", "to_ms"),
    [(-5000, 0), (4000, 10_000), (1000, 1000), (1100, 1100), (3000, 2000), (20_000, 30_000)],
    ids=["before", "in the gap", "empty", "empty in a part", "backwards", "after"],
)
def test_a_span_without_a_picture_is_not_found(from_ms: int, to_ms: int):
    """404, not an MP4 that plays nothing."""
    files = consecutive(PLAIN, PLAIN, pause_s=10)

    with pytest.raises(VonggacError) as raised:
        VirtualMp4(scans(*files), DAY_NS + from_ms * 1_000_000, DAY_NS + to_ms * 1_000_000)

    assert raised.value.kind is Kind.NOT_FOUND


def test_no_segments_at_all_are_not_found():
    """A new camera."""
    with pytest.raises(VonggacError, match="nothing is recorded"):
        VirtualMp4([], 0, 1)


def test_segments_without_an_init_or_a_keyframe_are_passed_over():
    """A damaged init cannot be decoded; parts before the first keyframe neither."""
    files = consecutive(PLAIN, PLAIN, PLAIN)
    first, second, third = scans(*files)
    headless = replace(first, init=None)
    late = replace(second, parts=second.parts[2:])
    keyless = replace(third, parts=third.parts[1:5])

    mp4 = VirtualMp4([headless, late, keyless], DAY_NS, DAY_NS + 60 * SECOND)

    assert mp4.spans == [Span(0, DAY_NS + 5 * SECOND, 3 * SECOND)]
    assert shown(content(mp4, files)) == [(n * 40, 25 + n) for n in range(75)]


def test_a_step_of_the_clock_moves_a_segment_to_where_it_belongs():
    """The bytes keep the time that the box believed in; the index knows better."""
    files = [segment_of(PLAIN, wall_ns=0), segment_of(PLAIN, wall_ns=DAY_NS + 4 * SECOND)]

    mp4 = VirtualMp4(scans(*files), DAY_NS + SECOND, DAY_NS + 6 * SECOND, shifts_ns=[DAY_NS, 0])

    assert mp4.spans == [
        Span(0, DAY_NS + SECOND, 3 * SECOND),
        Span(3 * SECOND, DAY_NS + 4 * SECOND, 2 * SECOND),
    ]


def test_runs_of_different_depth_do_not_cross_at_their_border():
    """B-pictures only in the second run: the first is shifted to the same depth."""
    files = consecutive(PLAIN, REORDERED, PLAIN)

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 12 * SECOND)
    pictures = shown(content(mp4, files))

    assert [time for time, _ in pictures] == [n * 40 for n in range(300)]
    assert [number for _, number in pictures] == [*range(100)] * 3


def test_new_parameter_sets_get_an_entry_and_stand_before_each_keyframe():
    """A camera was set to another size: libavformat and Chromium play across the change."""
    files = consecutive(REORDERED, LARGE)

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 8 * SECOND)
    data = content(mp4, files)

    assert [number for _, number in shown(data)] == [*range(100)] * 2
    assert data.count(b"avc1") == 2
    in_band = [piece for piece in mp4.read(0, mp4.size)[1:] if isinstance(piece, bytes)]
    sets = REORDERED.video.sets
    assert in_band[0] == b"".join(len(n).to_bytes(4) + n for n in (*sets.sps, *sets.pps))
    assert len(in_band) == 8  # one for each of the GOPs
    assert len(set(in_band)) == 2


def test_a_change_of_codec_is_refused_with_its_moment():
    """No player decodes two codecs in one track; the caller can ask for either side."""
    files = consecutive(PLAIN, footage(seconds=1, codec=Codec.H265))

    with pytest.raises(VonggacError) as raised:
        VirtualMp4(scans(*files), DAY_NS, DAY_NS + 60 * SECOND)

    assert raised.value.kind is Kind.UNSUPPORTED
    assert raised.value.detail == {"changed_at_ns": DAY_NS + 4 * SECOND}


def test_a_span_too_long_is_refused_before_its_tables_are_made(monkeypatch: pytest.MonkeyPatch):
    """A month of one camera would take gigabytes of memory."""
    monkeypatch.setattr(progressive, "MAX_PICTURES", 150)
    files = consecutive(PLAIN, PLAIN)

    with pytest.raises(VonggacError) as raised:
        VirtualMp4(scans(*files), DAY_NS, DAY_NS + 60 * SECOND)

    assert raised.value.kind is Kind.TOO_LARGE


def test_keyframes_inside_a_part_can_be_sought_too():
    """Our recorder cuts at each keyframe; another writer of our format need not."""
    [first, second] = PLAIN.pictures[0], PLAIN.pictures[25]
    part = fmp4.part(
        0, 0, DAY_NS,
        [(3600, len(first.nals), True, 0), (3600, len(second.nals), True, 0)],
        [first.nals, second.nals],
    )  # fmt: skip
    files = [fmp4.init(PLAIN.video, None, IDENTITY) + part]

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + SECOND)

    with av.open(io.BytesIO(content(mp4, files))) as container:
        assert [p.is_keyframe for p in container.demux(video=0) if p.size] == [True, True]


def test_a_pause_within_a_segment_keeps_its_length():
    """Decode times rule, not the durations that the writer guessed for the last picture."""
    pictures = PLAIN.pictures
    parts = [
        fmp4.part(n, time, DAY_NS + time * 100_000 // 9, [(duration, len(p.nals), n == 0, 0)],
                  [p.nals])
        for n, (time, duration, p) in enumerate(
            [(0, 3600, pictures[0]), (180_000, 9000, pictures[1]), (183_600, 3600, pictures[2])]
        )
    ]  # fmt: skip
    files = [fmp4.init(PLAIN.video, None, IDENTITY) + b"".join(parts)]

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 60 * SECOND)

    assert shown(content(mp4, files)) == [(0, 0), (2000, 1), (2040, 2)]
    assert mp4.duration_ns == 2_080_000_000
    # and one that begins in the pause shows what was on the screen then
    late = VirtualMp4(scans(*files), DAY_NS + SECOND, DAY_NS + 60 * SECOND)
    assert late.spans[0].from_ns == DAY_NS + SECOND


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=3),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_times_that_run_backwards_are_never_more_than_a_wrong_span(
    walls: list[list[int]], from_s: int, to_s: int
):
    """Wall times are bytes in files: a hostile or damaged one must not break the server."""
    [scanned] = scans(segment_of(REORDERED))
    keyed = [scanned.parts[n] for n in (0, 5, 10, 15)]
    segments = [
        replace(
            scanned,
            parts=[
                replace(p, wall_ns=DAY_NS + w * SECOND) for p, w in zip(keyed, row, strict=True)
            ],
        )
        for row in walls
    ]
    try:
        mp4 = VirtualMp4(segments, DAY_NS + from_s * SECOND, DAY_NS + to_s * SECOND)
    except VonggacError as error:
        assert error.kind is Kind.NOT_FOUND
        return
    assert sum(len(p) if isinstance(p, bytes) else p.size for p in mp4.read(0, mp4.size)) == (
        mp4.size
    )


# ---- sound ------------------------------------------------------------------------------------


def heard(data: bytes) -> tuple[int, int, bool]:
    """First and last millisecond of the sound, and whether it is without holes."""
    with av.open(io.BytesIO(data)) as container:
        frames = [(f.pts, f.samples) for f in container.decode(audio=0) if f.pts is not None]
    gapless = all(a + n == b for (a, n), (b, _) in itertools.pairwise(frames))
    last, samples = frames[-1]
    return round(frames[0][0] / 16), round((last + samples) / 16), gapless


def test_sound_stays_in_step_over_a_gap():
    """The gap is closed up for both, and the second segment's sound begins with its pictures."""
    files = [
        segment_with_sound(REORDERED),
        segment_with_sound(REORDERED, wall_ns=DAY_NS + 20 * SECOND),
    ]

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 60 * SECOND)
    data = content(mp4, files)

    assert [number for _, number in shown(data)] == [*range(100)] * 2
    first, last, _ = heard(data)
    assert first == 0
    # 62 units of 64 ms are 3968 ms of the second segment's 4000
    assert 7950 <= last <= 7970
    with av.open(io.BytesIO(data)) as container:
        times = [p.pts for p in container.demux(audio=0) if p.size]
    assert 4 * 16_000 in times


def test_sound_that_begins_late_is_preceded_by_silence():
    """The microphone's first unit came half a second after the first picture."""
    files = [segment_with_sound(PLAIN, late=8_000)]

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 60 * SECOND)

    first, _, gapless = heard(content(mp4, files))
    assert first == 500
    assert gapless


def test_sound_is_cut_with_the_pictures():
    """A span from 1.5 s on: sound and picture both begin there."""
    files = [segment_with_sound(PLAIN)]

    mp4 = VirtualMp4(scans(*files), DAY_NS + 1_500_000_000, DAY_NS + 3 * SECOND)
    data = content(mp4, files)

    with av.open(io.BytesIO(data)) as container:
        assert container.duration == 1_500_000
    first, last, gapless = heard(data)
    assert -64 <= first <= 64
    assert 1400 <= last <= 1564
    assert gapless


def test_sound_that_overlaps_itself_is_pulled_back_into_step():
    """A segment's sound runs longer than its pictures: the next one's must not drift."""
    audio, payloads = sound()
    picture = PLAIN.pictures[0]
    row = [(3600, len(picture.nals), True, 0)]
    data = fmp4.init(PLAIN.video, audio, IDENTITY)
    for n in range(3):
        units = fmp4.AudioUnits(n * 640, payloads[n * 4 : n * 4 + 4])  # 256 ms in 40 ms
        data += fmp4.part(n, n * 3600, DAY_NS + n * 40_000_000, row, [picture.nals], units)

    mp4 = VirtualMp4(scans(data), DAY_NS, DAY_NS + SECOND)

    with av.open(io.BytesIO(content(mp4, [data]))) as container:
        assert len([p for p in container.demux(audio=0) if p.size]) <= 12
    assert mp4.duration_ns == 120_000_000


def test_sound_of_another_format_or_none_is_left_out():
    """One audio sample entry a file: what does not fit it is silent, the pictures stay."""
    audio, _ = sound()
    sounding = segment_with_sound(PLAIN)
    faster = replace(audio, sample_rate=48_000)
    other = replace(audio, config=audio.config[:1] + b"\x10")
    body = sounding[len(fmp4.init(PLAIN.video, audio, IDENTITY)) :]
    files = [
        sounding,
        segment_of(PLAIN, wall_ns=DAY_NS),
        fmp4.init(PLAIN.video, faster, IDENTITY) + body,
        fmp4.init(PLAIN.video, other, IDENTITY) + body,
    ]
    shifts = [n * 4 * SECOND for n in range(4)]

    mp4 = VirtualMp4(scans(*files), DAY_NS, DAY_NS + 16 * SECOND, shifts_ns=shifts)
    data = content(mp4, files)

    assert [number for _, number in shown(data)] == [*range(100)] * 4
    _, last, gapless = heard(data)
    assert 3900 <= last <= 4000
    assert gapless


# ---- as a file --------------------------------------------------------------------------------

FILES = consecutive(REORDERED, LARGE)
MP4 = VirtualMp4(scans(*FILES), DAY_NS + SECOND, DAY_NS + 7 * SECOND)
WHOLE = content(MP4, FILES)


@given(st.integers(0, MP4.size), st.integers(0, MP4.size))
def test_any_range_is_the_same_bytes(one: int, other: int):
    """HTTP ranges are cut anywhere: in the head, inside a sample, over a file's border."""
    start, end = sorted((one, other))

    assert content(MP4, FILES, start, end) == WHOLE[start:end]


def test_a_range_at_the_edges_is_exact():
    """The last byte, nothing, and the border of the head."""
    [head, *_] = MP4.read(0, MP4.size)
    assert isinstance(head, bytes)
    edge = len(head)

    assert len(WHOLE) == MP4.size
    assert content(MP4, FILES, MP4.size - 1, MP4.size) == WHOLE[-1:]
    assert MP4.read(5, 5) == []
    assert MP4.read(MP4.size, MP4.size) == []
    assert content(MP4, FILES, edge - 1, edge + 1) == WHOLE[edge - 1 : edge + 1]
    assert content(MP4, FILES, edge, edge + 1) == WHOLE[edge : edge + 1]


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, MP4.size + 1)])
def test_a_range_outside_is_refused(start: int, end: int):
    """The web answers 416."""
    with pytest.raises(ValueError, match="bytes"):
        MP4.read(start, end)


def test_the_tag_is_that_of_the_content():
    """Strong: the same recordings and span give it again, anything else another."""
    asked = (DAY_NS + SECOND, DAY_NS + 7 * SECOND)
    again = VirtualMp4(scans(*FILES), *asked)
    shorter = VirtualMp4(scans(*FILES), asked[0], asked[1] - SECOND)
    renumbered = [
        segment_of(REORDERED, sequence=1, run=bytes(16)),
        *FILES[1:],
    ]
    other = VirtualMp4(scans(*renumbered), *asked)

    assert MP4.etag == again.etag
    assert MP4.etag[0] == MP4.etag[-1] == '"'
    assert len({MP4.etag, shorter.etag, other.etag}) == 3


@needs_ffprobe
@pytest.mark.parametrize("codec", list(Codec))
def test_ffprobe_finds_nothing_wrong(tmp_path: Path, codec: Codec):
    """Duration, start, number of pictures and the moment it was recorded."""
    film = footage(seconds=4, codec=codec, b_pictures=2)
    files = consecutive(film, film, pause_s=3)
    mp4 = VirtualMp4(scans(*files), DAY_NS + 2_500_000_000, DAY_NS + 10 * SECOND)
    (tmp_path / "a.mp4").write_bytes(content(mp4, files))

    done = subprocess.run(
        ["ffprobe", "-v", "warning", "-count_frames", "-of", "json", "-show_entries",
         "format=duration,start_time:format_tags=creation_time:stream=nb_read_frames,codec_name",
         str(tmp_path / "a.mp4")],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip

    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert float(said["format"]["duration"]) == pytest.approx(4.5, abs=0.001)
    assert float(said["format"]["start_time"]) == 0
    assert said["format"]["tags"]["creation_time"] == "2026-08-01T00:00:02.000000Z"
    # numbers 63 to 99 of the first, 0 to 74 of the second
    assert said["streams"][0]["nb_read_frames"] == "112"


def test_above_four_gigabytes_offsets_have_64_bits():
    """An hour at 16 Mbit/s; the files need not exist for the head to be made."""
    [scanned] = scans(segment_of(PLAIN))
    part = scanned.parts[0]
    parts: list[PartRef] = []
    for n in range(400):
        rows = part.rows[:]
        rows[1] = 15_000_000
        parts.append(
            replace(
                part,
                rows=rows,
                video_size=sum(rows[1::2]),
                sequence=n,
                offset=n * 16_000_000,
                mdat_offset=n * 16_000_000 + 200,
                decode_time=n * 18_000,
                wall_ns=DAY_NS + n * SECOND // 5,
            )
        )
    large = replace(scanned, parts=parts)
    size = sum(p.video_size for p in parts)
    assert size > 1 << 32

    mp4 = VirtualMp4([large], DAY_NS, DAY_NS + 80 * SECOND)

    head = mp4.read(0, mp4.size - size)[0]
    assert isinstance(head, bytes)
    assert len(head) + size == mp4.size
    assert head[-16:] == b"\0\0\0\1mdat" + (size + 16).to_bytes(8)
    at = head.index(b"co64")
    assert int.from_bytes(head[at + 8 : at + 12]) == 400
    offsets = array("Q", head[at + 12 : at + 12 + 3200])
    offsets.byteswap()
    assert offsets[0] == len(head)
    assert offsets[399] == len(head) + sum(p.video_size for p in parts[:399])
    assert mp4.read(mp4.size - 1, mp4.size) == [
        FileRange(0, parts[399].mdat_offset + parts[399].video_size - 1, 1)
    ]
