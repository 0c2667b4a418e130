"""Writing segments: byte for byte, back again, and in front of players."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footage import (
    DAY_NS,
    IDENTITY,
    footage,
    number_of,
    segment_of,
    segment_with_sound,
    sound,
)
from vonggac.media import fmp4, fmp4_read
from vonggac.media.fmp4_read import Scan, read_init, scan
from vonggac.media.h26x import Codec

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000
FILM = footage(seconds=4)
FILM_B = footage(seconds=4, b_pictures=2)
INIT = fmp4.init(FILM.video, None, IDENTITY)
SEGMENT = segment_of(FILM_B)
SOUNDING = segment_with_sound(FILM_B)
needs_ffprobe = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is not installed (apt install ffmpeg)"
)


def scan_bytes(data: bytes) -> Scan:
    return scan(lambda at, count: data[at : at + count], len(data))


def ffprobe(path: Path, *arguments: str) -> dict[str, Any]:
    """What ffprobe says about a file; fails if it warns of anything."""
    done = subprocess.run(
        ["ffprobe", "-v", "warning", "-of", "json", *arguments, str(path)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def numbers(data: bytes) -> list[int]:
    """The numbers in the pictures, in the order in which a player shows them."""
    with av.open(io.BytesIO(data)) as container:
        return [
            number_of(frame.to_ndarray()[: frame.height]) for frame in container.decode(video=0)
        ]


# ---- the writer -------------------------------------------------------------------------------


def test_a_part_is_written_byte_for_byte_as_the_standard_says():
    """Two pictures, the first a keyframe: each field by hand from ISO/IEC 14496-12."""
    data = fmp4.part(7, 90_000, 1 * SECOND, [(3600, 3, True, 0), (3601, 2, False, 0)], [b"abcde"])

    assert data.hex(" ", 4) == bytes.fromhex(
        "00000020 70726674 01000018 00000001"  # prft, version 1, capture time, track 1
        "83aa7e81 00000000 00000000 00015f90"  # one second after 1970 in NTP; media time
        "0000006c 6d6f6f66 00000010 6d666864 00000000 00000007"  # moof, mfhd: sequence 7
        "00000054 74726166"
        "00000010 74666864 00020000 00000001"  # tfhd: default-base-is-moof
        "00000014 74666474 01000000 00000000 00015f90"  # tfdt
        "00000028 7472756e 00000305 00000002 00000074"  # trun: duration, size, first flags
        "02000000 00000e10 00000003 00000e11 00000002"
        "0000000d 6d646174 6162636465"
    ).hex(" ", 4)


@pytest.mark.parametrize(
    "samples",
    [
        [(3600, 10, True, 0)],
        [(3600, 10, False, 0), (3600, 11, False, 0)],
        [(3600, 10, True, 7200), (3600, 11, False, 0), (1, 12, False, 3600)],
        [(3600, 10, True, 0), (3600, 11, True, 0)],
        [(3600, 10, False, 3600), (3600, 11, True, 3600)],
        [(4_000_000_000, 0, True, 0)],
    ],
    ids=["key", "plain", "reordered", "late key", "late key reordered", "long and empty"],
)
def test_what_a_part_is_made_of_comes_back(samples: list[tuple[int, int, bool, int]]):
    """Whatever shape the trun takes, the reader must give the very same pictures."""
    content = bytes(sum(size for _, size, _, _ in samples))

    part = fmp4.part(3, 0, DAY_NS + 123_456_789, samples, [content])
    found = scan_bytes(INIT + part)

    assert found.fault is None
    [ref] = found.parts
    assert ref.samples == samples
    assert ref.keyframe is samples[0][2]
    assert (ref.sequence, ref.decode_time, ref.wall_ns) == (3, 0, DAY_NS + 123_456_789)
    assert (ref.offset, ref.size, ref.count) == (len(INIT), len(part), len(samples))
    assert ref.duration == sum(sample[0] for sample in samples)
    assert ref.mdat_offset + len(content) == found.good_bytes == len(INIT) + len(part)


ROWS = st.tuples(
    st.integers(0, 1 << 20), st.integers(0, 2000), st.booleans(), st.integers(0, 1 << 20)
)


@given(
    st.integers(0, 0xFFFF_FFFF),
    st.integers(0, 1 << 31),
    st.integers(0, 130 * 365 * 86_400 * SECOND),
    st.lists(ROWS, min_size=1, max_size=40),
    st.none() | st.lists(st.binary(max_size=300), max_size=20),
)
def test_any_part_comes_back(
    sequence: int,
    decode_time: int,
    wall_ns: int,
    samples: list[tuple[int, int, bool, int]],
    payloads: list[bytes] | None,
):
    """Round trip over the whole range of every field, with and without sound."""
    content = bytes(sum(size for _, size, _, _ in samples))
    audio = None if payloads is None else fmp4.AudioUnits(decode_time // 3, payloads)

    part = fmp4.part(sequence, decode_time, wall_ns, samples, [content], audio)
    found = scan_bytes(INIT + part)

    assert found.fault is None
    [ref] = found.parts
    assert (ref.sequence, ref.decode_time, ref.wall_ns) == (sequence, decode_time, wall_ns)
    assert ref.samples == samples
    if payloads:
        assert ref.audio is not None
        assert ref.audio.decode_time == decode_time // 3
        assert list(ref.audio.sizes) == [len(payload) for payload in payloads]
        at = ref.audio.offset
        assert (INIT + part)[at:] == b"".join(payloads)
    else:
        assert ref.audio is None


@pytest.mark.parametrize(
    ("wall_ns", "ntp"),
    [
        (0, 0x83AA7E80_00000000),  # a box without a clock battery wakes in 1970
        (2_085_978_495 * SECOND, 0xFFFFFFFF_00000000),
        (2_085_978_496 * SECOND, 0x00000000_00000000),  # 2036-02-07T06:28:16Z: NTP's next era
        (4_000_000_000 * SECOND + 500_000_000, 0x7215A680_80000000),
    ],
)
def test_wall_time_survives_the_year_2036(wall_ns: int, ntp: int):
    """64-bit NTP wraps while our first boxes may still run."""
    part = fmp4.part(0, 0, wall_ns, [(1, 0, True, 0)], [])

    assert part[16:24] == ntp.to_bytes(8)
    assert fmp4_read.wall_from_ntp(ntp) == wall_ns


@pytest.mark.parametrize("count", [0, 1025])
def test_a_part_of_no_pictures_or_far_too_many_is_refused(count: int):
    """What cannot be read back must not be written."""
    with pytest.raises(ValueError, match="1 to 1024"):
        fmp4.part(0, 0, 0, [(1, 0, False, 0)] * count, [])


def test_too_much_sound_or_a_number_out_of_range_is_refused():
    """The same for the sound; a negative offset has no place in our trun."""
    with pytest.raises(ValueError, match="1024"):
        fmp4.part(0, 0, 0, [(1, 0, True, 0)], [], fmp4.AudioUnits(0, [b""] * 1025))
    with pytest.raises(struct.error):
        fmp4.part(0, 0, 0, [(1, 0, True, -1)], [])


def test_an_init_comes_back_with_its_identity_and_formats():
    """The catalog is rebuilt from these bytes alone, so nothing may get lost in them."""
    audio, _ = sound()
    identity = fmp4.Identity(site="s", camera="Cổng chính", stream="sub", run=b"\xff" * 16)
    film = footage(seconds=1, codec=Codec.H265)

    found = read_init(fmp4.init(film.video, audio, identity))

    assert found.identity == identity
    assert found.video == film.video
    assert found.audio == audio
    assert found.video_entry[4:8] == b"hvc1"
    assert found.audio_entry[4:8] == b"mp4a"
    assert read_init(INIT).video == FILM.video
    assert read_init(INIT).audio is None


@pytest.mark.parametrize(
    "identity",
    [
        replace(IDENTITY, site=""),
        replace(IDENTITY, camera="a" * 256),
        replace(IDENTITY, run=b"short"),
    ],
)
def test_an_identity_that_cannot_be_written_is_refused(identity: fmp4.Identity):
    """A name is one length byte and its UTF-8."""
    with pytest.raises(ValueError, match=r"identity|run"):
        fmp4.init(FILM.video, None, identity)


def test_high_sample_rates_do_not_overflow_the_sample_entry():
    """Its field has 16 bits before the point; 96 kHz stands in the AudioSpecificConfig only."""
    audio, _ = sound()

    found = read_init(fmp4.init(FILM.video, replace(audio, sample_rate=96_000), IDENTITY))

    assert found.audio is not None
    assert found.audio.sample_rate == 96_000


# ---- players ----------------------------------------------------------------------------------


@needs_ffprobe
@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("b_pictures", [0, 2])
def test_ffprobe_takes_a_minute_for_a_minute(tmp_path: Path, codec: Codec, b_pictures: int):
    """Closed or cut off: the duration must be true without any index behind the last part."""
    film = footage(seconds=60, fps=10, gop=20, codec=codec, b_pictures=b_pictures, size=(160, 96))
    data = segment_of(film)
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    whole.write_bytes(data)
    found = scan_bytes(data)
    middle = found.parts[len(found.parts) // 2]
    cut.write_bytes(data[: middle.mdat_offset + 5])

    entries = ("-show_entries", "format=duration:stream=nb_read_packets,codec_name")
    said = ffprobe(whole, "-count_packets", *entries)

    assert float(said["format"]["duration"]) == pytest.approx(60.0, abs=0.001)
    assert said["streams"][0]["nb_read_packets"] == "600"
    assert said["streams"][0]["codec_name"] == {"h264": "h264", "h265": "hevc"}[codec]
    # the pictures of the part that was cut are announced, though not all there: 0.5 s of them
    duration = float(ffprobe(cut, *entries)["format"]["duration"])
    whole_parts = middle.decode_time / fmp4.TIMESCALE
    assert whole_parts <= duration <= whole_parts + 0.5 + 0.001
    cut.write_bytes(data[: scan_bytes(cut.read_bytes()).good_bytes])
    duration = float(ffprobe(cut, *entries)["format"]["duration"])
    assert duration == pytest.approx(whole_parts, abs=0.001)


@needs_ffprobe
def test_pixels_that_are_not_square_are_said_to_be_so(tmp_path: Path):
    """Analogue cameras behind DVRs: 704x576 must be shown 4:3."""
    film = replace(FILM, video=replace(FILM.video, pixel_aspect=(12, 11)))
    (tmp_path / "a.mp4").write_bytes(segment_of(film))

    said = ffprobe(tmp_path / "a.mp4", "-show_entries", "stream=sample_aspect_ratio,width")

    assert said["streams"][0]["sample_aspect_ratio"] == "12:11"
    assert said["streams"][0]["width"] == 320


@needs_ffprobe
def test_sound_is_read_by_ffprobe_beside_the_pictures(tmp_path: Path):
    """AAC as a second track fragment of each part."""
    (tmp_path / "a.mp4").write_bytes(SOUNDING)

    said = ffprobe(
        tmp_path / "a.mp4", "-count_frames",
        "-show_entries", "stream=codec_name,nb_read_frames,sample_rate,channels,duration",
    )  # fmt: skip

    video, audio = said["streams"]
    assert video["nb_read_frames"] == "100"
    assert audio["codec_name"] == "aac"
    assert (audio["sample_rate"], audio["channels"]) == ("16000", 1)
    assert int(audio["nb_read_frames"]) == 62  # of 1024 samples at 16 kHz in 4 s


@pytest.mark.parametrize("film", [FILM, FILM_B], ids=["no B-pictures", "B-pictures"])
def test_every_picture_is_shown_once_and_in_order(film: Any):
    """The numbers in the pictures say so, after a decoder has had them."""
    assert numbers(segment_of(film)) == list(range(100))


def test_a_segment_from_the_middle_of_a_run_plays_from_zero():
    """Decode times count from the segment's own first part, whatever the sequence is."""
    data = segment_of(FILM, first=50, sequence=1_200_000)

    with av.open(io.BytesIO(data)) as container:
        assert container.duration == 2_000_000
        assert container.start_time == 0
    assert numbers(data) == list(range(50, 100))


def test_a_crash_at_any_byte_leaves_a_file_that_plays_or_that_truncation_repairs():
    """Libavformat refuses a file only if it ends inside a tfhd or a trun; `scan` mends that."""
    found = scan_bytes(SEGMENT)
    last = found.parts[-1]
    refused = []
    for cut in (*range(last.offset, last.mdat_offset + 9), len(SEGMENT) - 1):
        try:
            with av.open(io.BytesIO(SEGMENT[:cut])) as container:
                packets = sum(1 for packet in container.demux() if packet.size)
            assert packets >= 95
        except av.FFmpegError:
            refused.append(cut - last.offset)
            mended = scan_bytes(SEGMENT[:cut])
            assert mended.good_bytes == last.offset
    moof = 32
    traf = moof + 24
    assert set(refused) <= {*range(traf + 16, traf + 24), *range(traf + 44, traf + 64 + 60)}

    assert numbers(SEGMENT[: last.offset])[:90] == list(range(90))
