"""Reading segments: whole, cut off at any byte, damaged and hostile."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footage import DAY_NS, IDENTITY, footage, parts_of, segment_of, segment_with_sound, sound
from vonggac.errors import MalformedError
from vonggac.media import fmp4, fmp4_read
from vonggac.media.fmp4_read import Sample, Scan, read_init, scan
from vonggac.media.h26x import Codec

SECOND = 1_000_000_000
FILM = footage(seconds=4)
FILM_B = footage(seconds=4, b_pictures=2)
FILM_H265 = footage(seconds=1, codec=Codec.H265)
INIT = fmp4.init(FILM.video, None, IDENTITY)
SEGMENT = segment_of(FILM_B)
SOUNDING = segment_with_sound(FILM_B)


def scan_bytes(data: bytes) -> Scan:
    return scan(lambda at, count: data[at : at + count], len(data))


# ---- the reader -------------------------------------------------------------------------------


def test_a_whole_segment_is_read_without_its_pictures():
    """A few hundred bytes a part: a scan of a day must not read the day."""
    read: list[tuple[int, int]] = []

    def read_at(at: int, count: int) -> bytes:
        read.append((at, count))
        return SEGMENT[at : at + count]

    found = scan(read_at, len(SEGMENT))

    assert found.fault is None
    assert found.init is not None
    assert found.init.identity == IDENTITY
    assert found.good_bytes == len(SEGMENT)
    assert [part.sequence for part in found.parts] == list(range(20))
    assert sum(part.count for part in found.parts) == 100
    assert found.duration == 360_000
    assert max(count for _, count in read) < 2000
    assert len(read) == 3 + 20
    assert b"".join(
        SEGMENT[part.mdat_offset : part.mdat_offset + part.video_size] for part in found.parts
    ) == b"".join(picture.nals for picture in FILM_B.pictures)


def test_where_playback_can_begin_is_told_by_wall_time():
    """GOPs of one second; parts of 200 ms."""
    found = scan_bytes(SEGMENT)

    assert [(wall - DAY_NS, time) for wall, time, _ in found.keyframes] == [
        (0, 0), (SECOND, 90_000), (2 * SECOND, 180_000), (3 * SECOND, 270_000),
    ]  # fmt: skip
    assert found.part_at(DAY_NS - 1) is None
    assert found.part_at(DAY_NS) == 0
    assert found.part_at(DAY_NS + SECOND - 1) == 4
    assert found.part_at(DAY_NS + 100 * SECOND) == 19
    assert found.keyframe_at(DAY_NS - 1) is None
    assert found.keyframe_at(DAY_NS + 1_900_000_000) == 5
    assert found.keyframe_at(DAY_NS + 2_000_000_000) == 10


def test_a_file_that_starts_between_keyframes_has_no_keyframe_there():
    """The current GOP of a stream can be asked for with its beginning lost."""
    parts = parts_of(FILM)[2:4]

    found = scan_bytes(INIT + b"".join(parts))

    assert found.fault is None
    assert found.keyframes == []
    assert found.keyframe_at(DAY_NS + 10 * SECOND) is None


@given(st.integers(0, len(SEGMENT)))
@settings(max_examples=300)
def test_a_file_cut_at_any_byte_keeps_every_whole_part(cut: int):
    """Kill -9 or a power cut: what is whole is kept, and the rest is pointed at."""
    whole = scan_bytes(SEGMENT)

    found = scan_bytes(SEGMENT[:cut])

    kept = [part for part in whole.parts if part.offset + part.size <= cut]
    assert found.parts == kept
    if cut >= whole.parts[0].offset:
        assert found.init == whole.init
        end = kept[-1].offset + kept[-1].size if kept else whole.parts[0].offset
        assert found.good_bytes == end
        assert (found.fault is None) == (end == cut)
        if found.fault:
            assert found.fault == f"the file is cut off inside a part, at byte {end}"
    else:
        assert (found.init, found.good_bytes) == (None, 0)
        assert found.fault is not None


@given(st.integers(0, len(SOUNDING) - 1), st.integers(1, 255))
@settings(max_examples=500)
def test_a_flipped_byte_never_harms_the_parts_before_it(at: int, flip: int):
    """A damaged disk: no exception, and nothing before the damage is lost or changed."""
    whole = scan_bytes(SOUNDING)
    damaged = bytearray(SOUNDING)
    damaged[at] ^= flip

    found = scan_bytes(bytes(damaged))

    before = [part for part in whole.parts if part.offset + part.size <= at]
    if at < whole.parts[0].offset:
        assert found.parts in ([], whole.parts)
    else:
        assert found.parts[: len(before)] == before
        assert found.init == whole.init
    assert found.good_bytes <= len(SOUNDING)
    in_pictures = any(part.mdat_offset <= at < part.offset + part.size for part in whole.parts)
    if in_pictures:
        assert found == whole


@given(st.lists(st.tuples(st.integers(0, 150), st.binary(min_size=1, max_size=6)), max_size=4))
@settings(max_examples=500)
def test_a_hostile_part_is_an_answer_and_not_an_error(patches: list[tuple[int, bytes]]):
    """Several fields changed at once, so that checks behind checks are reached."""
    head = bytearray(INIT + parts_of(FILM_B)[0])
    for at, patch in patches:
        head[len(INIT) + at : len(INIT) + at + len(patch)] = patch

    found = scan_bytes(bytes(head))

    assert len(found.parts) <= 1
    assert found.good_bytes in (len(INIT), len(head))


@given(st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=5)), max_size=3))
@settings(max_examples=500)
def test_a_hostile_init_is_malformed_or_read(patches: list[tuple[int, bytes]]):
    """`read_init` is called on bytes from the wire too; it may raise nothing else."""
    audio, _ = sound()
    data = bytearray(fmp4.init(FILM_H265.video, audio, IDENTITY))
    for at, patch in patches:
        at %= len(data)
        data[at : at + len(patch)] = patch[: len(data) - at]
    with contextlib.suppress(MalformedError):
        read_init(bytes(data))


@given(st.binary(max_size=400))
def test_noise_is_not_a_segment(noise: bytes):
    """Bytes of a stranger, alone and behind a good init."""
    assert scan_bytes(noise).parts == []
    found = scan_bytes(INIT + noise)
    assert found.good_bytes == len(INIT)
    assert found.init is not None


def test_an_error_of_the_disk_is_passed_on():
    """It is not for the reader to say what a broken disk means."""

    def read_at(at: int, count: int) -> bytes:
        if at > len(INIT):
            raise OSError(5, "Input/output error")
        return SEGMENT[at : at + count]

    with pytest.raises(OSError, match="Input/output"):
        scan(read_at, len(SEGMENT))


def test_a_file_that_shrinks_while_it_is_read_is_a_cut_file():
    """Another program may truncate it between our stat and our read."""
    half = SEGMENT[: len(SEGMENT) // 2]

    found = scan(lambda at, count: half[at : at + count], len(SEGMENT))

    assert found.fault is not None
    assert found.good_bytes <= len(half) + 32_000
    assert scan(lambda at, count: INIT[at : at + count][:8], len(SEGMENT)).good_bytes == 0


def test_the_number_of_parts_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """A file of a terabyte of tiny parts must not fill the memory."""
    monkeypatch.setattr(fmp4_read, "MAX_PARTS", 3)

    found = scan_bytes(SEGMENT)

    assert len(found.parts) == 3
    assert found.fault is not None
    assert found.fault.startswith("more than 3 parts in one file")


def test_parts_of_a_damaged_init_are_still_found():
    """Another segment of the same run has the same init: the pictures are not lost."""
    damaged = bytearray(SEGMENT)
    damaged[SEGMENT.index(b"avcC")] ^= 1

    found = scan_bytes(bytes(damaged))

    assert found.init is None
    assert len(found.parts) == 20
    assert found.good_bytes == len(SEGMENT)
    assert found.fault is not None
    assert "avcC" in found.fault


PART = parts_of(FILM_B)[0]
NEXT = parts_of(FILM_B)[1]
TRUN = PART.index(b"trun") - 4
MDAT = PART.index(b"mdat") - 4
SOUND_PART = SOUNDING[scan_bytes(SOUNDING).parts[1].offset : scan_bytes(SOUNDING).parts[2].offset]
SOUND_TRAF = SOUND_PART.rindex(b"traf") - 4


def patched(data: bytes, at: int, value: int) -> bytes:
    """With a 32-bit number put at an offset."""
    return data[:at] + value.to_bytes(4) + data[at + 4 :]


@pytest.mark.parametrize(
    ("tail", "fault"),
    [
        (bytes(64), "no part where one should begin"),
        (patched(PART, 32, 64 * 1024 + 1), "a part without its moof"),
        (patched(PART, 32, 20), "a part without its moof"),
        (patched(PART, 36, 0), "a part without its moof"),
        (patched(PART, 32, 60_000) + bytes(60_000), "a part without its mdat"),
        (patched(PART, 44, 0), "a moof without its mfhd"),
        (patched(PART, MDAT + 4, 0), "a part without its mdat"),
        (patched(PART, MDAT, 9), "a part whose sizes contradict each other"),
        (patched(PART, 28, 1), "a part whose times contradict each other"),
        (patched(PART, 80, 0), "a track fragment that is not laid out as ours are"),
        (patched(PART, TRUN + 4, 0), "a trun that is not laid out as ours are"),
        (patched(PART, TRUN + 8, 0x01), "a trun that is not laid out as ours are"),
        (patched(PART, TRUN + 12, 0), "a trun that is not laid out as ours are"),
        (patched(PART, TRUN + 12, 1025), "a trun that is not laid out as ours are"),
        (patched(PART, TRUN + 12, 900), "a track fragment whose sizes contradict each other"),
        (patched(PART, TRUN, 3), "a track fragment whose sizes contradict each other"),
        (patched(PART, TRUN + 16, 3), "a part whose pictures are not in its mdat"),
        (patched(PART, TRUN + 20, 3), "a first picture whose flags are not known"),
        (patched(PART, TRUN + 32, 1 << 25), "a part with a composition offset beyond reason"),
        (patched(SOUND_PART, SOUND_TRAF + 36, 9), "a part whose sound is too late"),
        (patched(SOUND_PART, SOUND_TRAF + 60, 9), "a part whose sound is not in its mdat"),
        (patched(SOUND_PART, SOUND_TRAF + 20, 1), "a track fragment that is not laid out"),
        (patched(SOUND_PART, SOUND_TRAF + 52, 0x305), "a trun that is not laid out as ours are"),
        (NEXT + PART, "a part that does not follow the one before it"),
        (PART + PART, "a part that does not follow the one before it"),
    ],
)
def test_what_is_wrong_with_a_part_is_said(tail: bytes, fault: str):
    """An operator who runs `check` reads these sentences."""
    found = scan_bytes(INIT + tail)

    assert found.fault is not None
    assert found.fault.startswith(fault)
    assert len(found.parts) == (tail in (NEXT + PART, PART + PART))


def test_a_decode_time_beyond_a_day_is_damage():
    """64-bit times exist in the format; a segment of a minute has no use for them."""
    part = fmp4.part(0, 1 << 32, DAY_NS, [(1, 0, True, 0)], [])

    found = scan_bytes(INIT + part)

    assert found.fault == f"a part whose times contradict each other, at byte {len(INIT)}"


def test_a_traf_too_small_for_anything_is_damage():
    """The moof's size ends inside the sound's traf."""
    moof_size = SOUND_TRAF - 32 + 20
    short = patched(SOUND_PART, 32, moof_size)[: 32 + moof_size]
    video_trun = short.index(b"trun") - 4
    short = patched(short, video_trun + 16, moof_size + 8)

    found = scan_bytes(INIT + short + (8).to_bytes(4) + b"mdat")

    assert found.fault == f"a moof without a track, at byte {len(INIT)}"


def test_many_small_pictures_need_a_second_look():
    """A moof larger than what is read at first."""
    samples = [Sample(90, 1, number == 0, 0) for number in range(500)]

    found = scan_bytes(INIT + fmp4.part(0, 0, DAY_NS, samples, [bytes(500)]))

    assert found.fault is None
    assert found.parts[0].samples == samples


# ---- inits that lie ---------------------------------------------------------------------------


def moov_of(*boxes: bytes) -> bytes:
    return fmp4.box(b"ftyp", b"iso6", bytes(4)) + fmp4.box(b"moov", *boxes)


def children(data: bytes) -> list[bytes]:
    """The boxes of a container's content."""
    found = []
    while data:
        size = int.from_bytes(data[:4])
        found.append(data[:size])
        data = data[size:]
    return found


MVHD, UUID, TRAK, MVEX = children(INIT[INIT.index(b"moov") + 4 :])
AVCC_AT = TRAK.index(b"avcC") + 4
UUID_AT = UUID.index(fmp4.IDENTITY_TYPE) + 16


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "the file is cut off inside its init"),
        (INIT[:40], "the file is cut off inside its init"),
        (INIT[:-1], "the file is cut off inside its init"),
        (INIT[:4] + b"mp42" + INIT[8:], "no ftyp where one should be"),
        (patched(INIT, 0, 4), "no ftyp where one should be"),
        (patched(INIT, 28, 1 << 30), "no moov where one should be"),
        (moov_of(MVHD, TRAK, MVEX), "an init that does not say whose it is"),
        (moov_of(MVHD, UUID, MVEX), "an init without a video track"),
        (moov_of(UUID, TRAK), "no mvex box"),
        (moov_of(UUID, TRAK, fmp4.box(b"mvex")), "no trex box"),
        (moov_of(UUID, TRAK, MVEX, b"\0\0\0\x04"), "a box that is cut off"),
        (moov_of(UUID, TRAK, MVEX, bytes(8)), "a box larger than what holds it"),
        (moov_of(UUID, TRAK, MVEX, b"\0\0\1\0free"), "a box larger than what holds it"),
        (moov_of(UUID[:UUID_AT] + b"\x02" + UUID[UUID_AT + 1 :], TRAK, MVEX), "an identity of a"),
        (moov_of(patched(UUID[:UUID_AT], 0, UUID_AT)), "an identity of a version"),
        (moov_of(UUID[: UUID_AT + 1] + b"\0" + UUID[UUID_AT + 2 :]), "an identity without its na"),
        (moov_of(UUID[: UUID_AT + 1] + b"\xff" + UUID[UUID_AT + 2 :]), "an identity without its "),
        (moov_of(UUID[: UUID_AT + 2] + b"\xff" + UUID[UUID_AT + 3 :]), "an identity that is not U"),
        (moov_of(fmp4.box(b"uuid", UUID[8:-1])), "an identity without its run"),
        (moov_of(UUID, fmp4.box(b"trak", fmp4.box(b"tkhd", bytes(8)))), "a box too short for its"),
        (moov_of(UUID, TRAK.replace(b"avc1", b"vp09"), MVEX), "a sample entry of a codec that is"),
        (moov_of(UUID, TRAK.replace(b"avcC", b"avcX"), MVEX), "a sample entry that cannot be rea"),
        (
            moov_of(UUID, TRAK[: AVCC_AT + 4] + b"\xfc" + TRAK[AVCC_AT + 5 :], MVEX),
            "a sample entry that cannot be read: NAL units with lengths of other than four bytes",
        ),
        (
            moov_of(UUID, TRAK[: AVCC_AT + 6] + b"\xff" + TRAK[AVCC_AT + 7 :], MVEX),
            "a sample entry that cannot be read: a parameter set that is cut off",
        ),
        (
            moov_of(UUID, TRAK[: AVCC_AT + 5] + b"\xe0" + TRAK[AVCC_AT + 6 :], MVEX),
            "a sample entry that cannot be read",
        ),
    ],
)
def test_what_is_wrong_with_an_init_is_said(data: bytes, fault: str):
    """The same sentences for a file and for bytes from the wire."""
    found = scan_bytes(data)

    assert found.init is None
    assert found.fault is not None
    assert found.fault.startswith(fault)


def test_a_stranger_s_uuid_box_and_a_third_track_are_passed_over():
    """Room for what a later version may add."""
    other = fmp4.box(b"uuid", bytes(20))
    third = bytearray(TRAK)
    third[TRAK.index(b"tkhd") + 27] = 9

    found = read_init(moov_of(other, UUID, TRAK, bytes(third), MVEX))

    assert found.identity == IDENTITY
    assert found.video == FILM.video


def test_lengths_in_an_hvcc_must_be_four_bytes_and_its_arrays_whole():
    """H.265 has its own configuration record."""
    data = fmp4.init(FILM_H265.video, None, IDENTITY)
    at = data.index(b"hvcC") + 4
    two_bytes = data[: at + 21] + b"\x0d" + data[at + 22 :]
    too_many = data[: at + 22] + b"\xff" + data[at + 23 :]

    for damaged in (two_bytes, too_many):
        with pytest.raises(MalformedError, match="a sample entry that cannot be read"):
            read_init(damaged)


AUDIO = sound()[0]
INNER = bytes([4, 15 + len(AUDIO.config)]) + bytes(13) + bytes([5, len(AUDIO.config)])


def init_with_esds(content: bytes) -> bytes:
    """An init whose second track has such an esds."""
    entry = fmp4.audio_sample_entry(AUDIO)
    changed = fmp4.box(b"mp4a", entry[8:36], fmp4.full_box(b"esds", 0, content))
    tables = fmp4.box(b"stbl", fmp4.full_box(b"stsd", 0, (1).to_bytes(4), changed))
    media = fmp4.media(16_000, 0, b"soun", tables)
    trak = fmp4.box(b"trak", fmp4.track_header(fmp4.AUDIO_TRACK, 0, 0, 0), media)
    return moov_of(UUID, TRAK, trak, MVEX)


def test_descriptors_with_sizes_of_one_byte_are_read():
    """ISO/IEC 14496-1 allows one to four bytes; we write four, others write one."""
    esds = bytes([3, 3 + len(INNER) + len(AUDIO.config)]) + bytes(3) + INNER + AUDIO.config

    assert read_init(init_with_esds(esds)).audio == AUDIO


@pytest.mark.parametrize(
    ("esds", "fault"),
    [
        (b"", "no descriptor 3"),
        (b"\x09\x00", "no descriptor 3"),
        (b"\x03\x7f", "a descriptor 3 that is cut off"),
        (b"\x03\x03\x00\x00\x00", "no descriptor 4"),
        (b"\x03", "no descriptor 4"),
    ],
)
def test_descriptors_that_lie_are_refused(esds: bytes, fault: str):
    """Sizes within sizes: each is checked against the one around it."""
    with pytest.raises(MalformedError, match=fault):
        read_init(init_with_esds(esds))


def test_an_audio_track_of_another_codec_is_refused():
    """We record AAC and nothing else."""
    data = fmp4.init(FILM.video, AUDIO, IDENTITY)

    with pytest.raises(MalformedError, match="not AAC"):
        read_init(data.replace(b"mp4a", b"Opus"))


def test_a_track_without_a_sample_entry_is_refused():
    """The stsd announces one and holds none."""
    tables = fmp4.box(b"stbl", fmp4.full_box(b"stsd", 0, (1).to_bytes(4)))
    media = fmp4.media(90_000, 0, b"vide", tables)
    trak = fmp4.box(b"trak", fmp4.track_header(fmp4.VIDEO_TRACK, 0, 320, 240), media)

    with pytest.raises(MalformedError, match="a track without a sample entry"):
        read_init(moov_of(UUID, trak, MVEX))
