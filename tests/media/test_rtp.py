"""Pictures, sound, reports and messages out of interleaved RTSP: right, broken and hostile."""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vonggac.errors import MalformedError
from vonggac.media.h26x import Codec, Nal, ParameterSets, nal_class, split_annexb
from vonggac.media.rtp import AccessUnit, AudioTrack, AudioUnit, Interleaved, Track, VideoTrack

if TYPE_CHECKING:
    from vonggac.media.rtp import SenderReport

FIELD = Path(__file__).parents[1] / "field" / "rtp"
S = 1_000_000_000

SPS = bytes.fromhex("6764001eacd940b0127e4c0440000003004000000c83c58b6580")
OTHER_SPS = bytes.fromhex("67640032acd94080")
PPS = bytes.fromhex("68ebe3cb22c0")
SECOND_PPS = bytes.fromhex("685ae3cb22c0")
OTHER_PPS = bytes.fromhex("68ebe3cb22cf")
SETS = ParameterSets(Codec.H264, (), (SPS,), (PPS,))


def slice_of(size: int = 10, *, key: bool = False, first: bool = True, fill: int = 0x11) -> bytes:
    """An H.264 slice that begins as real ones do."""
    return bytes([0x65 if key else 0x41, 0x88 if first else 0x44]) + bytes([fill]) * (size - 2)


def slice_265(size: int = 10, *, key: bool = False, first: bool = True) -> bytes:
    """An H.265 slice segment that begins as real ones do."""
    return bytes([0x26 if key else 0x02, 1, 0x80 if first else 0x40]) + b"\x22" * (size - 3)


def packet(
    payload: bytes,
    sequence: int = 0,
    stamp: int = 0,
    *,
    marker: bool = False,
    kind: int = 96,
    ssrc: int = 7,
    flags: int = 0x80,
) -> bytes:
    """One RTP packet (RFC 3550 section 5.1)."""
    second = kind | (0x80 if marker else 0)
    return (
        struct.pack(">BBHII", flags, second, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc) + payload
    )


def framed(body: bytes, channel: int = 0) -> bytes:
    """One interleaved frame (RFC 2326 section 10.12)."""
    return struct.pack(">BBH", 0x24, channel, len(body)) + body


def fragments(codec: Codec, nal: bytes, size: int) -> list[bytes]:
    """FU-A of RFC 6184 or FU of RFC 7798, with `size` bytes of NAL unit in each."""
    if codec is Codec.H264:
        head, kind, body = bytes([nal[0] & 0xE0 | 28]), nal[0] & 31, nal[1:]
    else:
        head, kind, body = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), nal[0] >> 1 & 63, nal[2:]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [
        head
        + bytes([kind | (0x80 if at == 0 else 0) | (0x40 if at == len(pieces) - 1 else 0)])
        + piece
        for at, piece in enumerate(pieces)
    ]


def aggregate(codec: Codec, nals: list[bytes]) -> bytes:
    """STAP-A of RFC 6184 or AP of RFC 7798."""
    head = b"\x78" if codec is Codec.H264 else b"\x60\x01"
    return head + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def payloads(codec: Codec, nals: list[bytes], size: int) -> list[bytes]:
    """The payloads of one picture's packets: single NAL units and fragments."""
    made: list[bytes] = []
    for nal in nals:
        made += [nal] if len(nal) <= size else fragments(codec, nal, size)
    return made


class Camera:
    """Numbers packets as a camera does; a test changes what it likes on the way."""

    def __init__(self, codec: Codec = Codec.H264, sequence: int = 0, stamp: int = 0) -> None:
        self.codec = codec
        self.sequence = sequence
        self.stamp = stamp
        self.ssrc = 7

    def send(self, *made: bytes, marker: bool = True, step: int = 3600) -> bytes:
        """Packets of one picture, framed; the clock moves on after it."""
        sent = b""
        for at, payload in enumerate(made):
            last = at == len(made) - 1
            sent += framed(
                packet(payload, self.sequence, self.stamp, marker=marker and last, ssrc=self.ssrc)
            )
            self.sequence += 1
        self.stamp += step
        return sent


def receive(
    sent: bytes, track: VideoTrack | AudioTrack | None = None, *, arrival_ns: int = 5
) -> list[AccessUnit]:
    """What one feed of everything gives."""
    interleaved = Interleaved([track or VideoTrack(0, 96, Codec.H264, SETS)])
    assert interleaved.feed(sent, 0, len(sent), arrival_ns) == len(sent)
    return pictures(interleaved)


def pictures(interleaved: Interleaved) -> list[AccessUnit]:
    taken = [unit for unit in interleaved.units if isinstance(unit, AccessUnit)]
    interleaved.units.clear()
    for unit in taken:
        assert unit.size == sum(map(len, unit.chunks))
    return taken


def nals_of(unit: AccessUnit) -> list[bytes]:
    """The NAL units of a picture, whose lengths must be true."""
    joined = b"".join(unit.chunks)
    nals = []
    at = 0
    while at < len(joined):
        end = at + 4 + int.from_bytes(joined[at : at + 4], "big")
        nals.append(joined[at + 4 : end])
        at = end
    assert at == len(joined)
    return nals


def source_pictures(codec: Codec) -> list[list[bytes]]:
    """The slices of each picture of the byte streams beside the captures."""
    found: list[list[bytes]] = []
    for nal in split_annexb((FIELD / f"source.{codec}").read_bytes()):
        if nal_class(codec, nal) in (Nal.SLICE, Nal.KEY_SLICE):
            if (nal[1] if codec is Codec.H264 else nal[2]) & 0x80:
                found.append([])
            found[-1].append(nal)
    return found


def slices(codec: Codec, unit: AccessUnit) -> list[bytes]:
    wanted = (Nal.SLICE, Nal.KEY_SLICE)
    return [nal.rstrip(b"\0") for nal in nals_of(unit) if nal_class(codec, nal) in wanted]


# ---------------------------------------------------------------- payloaders written by others


@pytest.mark.parametrize(
    ("name", "codec", "has_sets"),
    [
        ("gstreamer_h264_stap_a", Codec.H264, True),
        ("gstreamer_h265_ap", Codec.H265, True),
        ("gstreamer_h265_stuck", Codec.H265, True),
        ("ffmpeg_h264", Codec.H264, False),
        ("ffmpeg_h265", Codec.H265, False),
    ],
)
@pytest.mark.parametrize("step", [1 << 20, 4096, 97])
def test_what_others_packed_is_unpacked_slice_by_slice(
    name: str, codec: Codec, has_sets: bool, step: int
) -> None:
    """However the reads fall, the coded pictures are those that went in."""
    sent = (FIELD / f"{name}.bin").read_bytes()
    track = VideoTrack(0, 96, codec)
    interleaved = Interleaved([track])
    units: list[AccessUnit] = []
    held = b""
    for at in range(0, len(sent), step):
        held += sent[at : at + step]
        held = held[interleaved.feed(held, 0, len(held), at) :]
        units += pictures(interleaved)
    interleaved.finish()
    units += pictures(interleaved)

    assert held == b""
    assert [slices(codec, unit) for unit in units] == source_pictures(codec)
    assert [number for number, unit in enumerate(units) if unit.keyframe] == [0, 10]
    assert [unit.sets is not None for unit in units] == [has_sets] + [False] * 19
    assert not any(unit.damaged for unit in units)
    assert (track.lost, track.late, track.refused, track.foreign) == (0, 0, 0, 0)


def test_timestamps_of_b_pictures_step_back_and_wraps_are_unwrapped() -> None:
    units = receive(
        (FIELD / "gstreamer_h264_stap_a.bin").read_bytes(), VideoTrack(0, 96, Codec.H264)
    )

    assert [unit.ticks - 4_294_930_000 for unit in units[:8]] == [
        0, 10_800, 3_600, 7_200, 21_600, 14_400, 18_000, 32_400,
    ]  # fmt: skip
    assert max(unit.ticks for unit in units) > 1 << 32


def test_a_sender_report_of_ffmpeg_gives_its_wall_time_and_ticks() -> None:
    sent = (FIELD / "ffmpeg_aac.bin").read_bytes()
    interleaved = Interleaved([AudioTrack(0, 96, 16_000)])
    interleaved.feed(sent, 0, len(sent), 9)

    (report,) = interleaved.reports
    assert (report.ntp_ns, report.ticks) == (1_795_301_578_821_999_999, 2_125_472_426)
    assert (report.arrival_ns, report.channel) == (9, 0)


def test_aac_of_ffmpeg_gives_frames_of_1024_samples() -> None:
    sent = (FIELD / "ffmpeg_aac.bin").read_bytes()
    interleaved = Interleaved([AudioTrack(0, 96, 16_000)])
    interleaved.feed(sent, 0, len(sent), 9)

    units = [unit for unit in interleaved.units if isinstance(unit, AudioUnit)]
    assert [unit.ticks - 2_125_471_274 for unit in units] == list(range(0, 16_384, 1024))
    assert [len(unit.payload) for unit in units[:5]] == [316, 386, 227, 233, 245]
    assert {unit.arrival_ns for unit in units} == {9}


# ---------------------------------------------------------------- pictures


def test_one_small_picture_is_one_unit() -> None:
    (unit,) = receive(Camera().send(slice_of(10, key=True)))

    assert unit.chunks == [b"\0\0\0\x0a", slice_of(10, key=True)]
    assert (unit.size, unit.ticks, unit.keyframe, unit.arrival_ns) == (14, 0, True, 5)
    assert (unit.sets, unit.damaged) == (None, False)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Codec, list[list[bytes]], bytes]:
    """Pictures, and a camera's packets of them in all the ways the RFCs allow."""
    codec = draw(st.sampled_from(Codec))
    make = slice_of if codec is Codec.H264 else slice_265
    sei = b"\x06\x05\x01\x00\x80" if codec is Codec.H264 else b"\x4e\x01\x05\x01\x00\x80"
    camera = Camera(codec, draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 0xFFFFFFFF)))
    wanted: list[list[bytes]] = []
    sent = b""
    for number in range(draw(st.integers(1, 8))):
        nals = [sei] if draw(st.booleans()) else []
        for index in range(draw(st.integers(1, 3))):
            nals.append(make(draw(st.integers(4, 900)), key=number == 0, first=index == 0))
        wanted.append(nals)
        if draw(st.booleans()) and sum(map(len, nals)) < 60_000:
            made = [aggregate(codec, nals)]
        else:
            made = payloads(codec, nals, draw(st.integers(7, 300)))
        if codec is Codec.H264 and draw(st.booleans()):
            made = [b"\x09\xf0", *made]
        sent += camera.send(*made, step=draw(st.integers(1, 1 << 30)))
        if draw(st.booleans()):
            sent += framed(b"\x80\xc9\0\x01\0\0\0\x07", 1) + framed(b"junk", 8)
    return codec, wanted, sent


@given(streams(), st.data())
def test_what_is_packed_comes_out_however_the_reads_fall(
    stream: tuple[Codec, list[list[bytes]], bytes], data: st.DataObject
) -> None:
    codec, wanted, sent = stream
    track = VideoTrack(0, 96, codec)
    interleaved = Interleaved([track])
    shared = bytearray(1 << 17)
    units: list[AccessUnit] = []
    held = at = 0
    while at < len(sent):
        size = data.draw(st.integers(1, len(sent)))
        shared[held : held + len(sent[at : at + size])] = sent[at : at + size]
        end = held + len(sent[at : at + size])
        at += size
        used = interleaved.feed(shared, 0, end, at)
        units += pictures(interleaved)
        held = end - used
        shared[:held] = shared[used:end]
        # Another camera's bytes come into the same buffer: nothing may point there.
        shared[held:] = b"\xee" * (len(shared) - held)

    assert held == 0
    assert [nals_of(unit) for unit in units] == wanted
    assert [unit.keyframe for unit in units] == [True] + [False] * (len(wanted) - 1)
    assert not any(unit.damaged for unit in units)
    assert (track.lost, track.late) == (0, 0)


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("size", [50, 1400])
def test_a_long_picture_is_the_same_by_the_fast_and_the_general_way(
    codec: Codec, size: int
) -> None:
    """The hot loop and `take` are two readings of the same RFCs; numbers wrap on the way."""
    noise = random.Random(1)
    head = b"\x65\x88" if codec is Codec.H264 else b"\x26\x01\xaf"
    more = b"\x65\x44" if codec is Codec.H264 else b"\x26\x01\x4f"
    nals = [head + noise.randbytes(20_000), more + noise.randbytes(3_333)]
    sent = Camera(codec, 65_500, 0xFFFFFF00).send(*payloads(codec, nals, size))
    slow = VideoTrack(0, 96, codec)
    at = 0
    while at < len(sent):
        end = at + 4 + int.from_bytes(sent[at + 2 : at + 4], "big")
        slow.take(sent[at + 4 : end], 5)
        at = end

    fast = VideoTrack(0, 96, codec)
    (unit,) = receive(sent, fast)
    (other,) = slow.units

    assert isinstance(other, AccessUnit)
    assert nals_of(unit) == nals_of(other) == nals
    assert (unit.size, unit.ticks, unit.keyframe) == (other.size, other.ticks, other.keyframe)
    assert fast.packets == slow.packets
    assert fast.receiver_report(0) == slow.receiver_report(0)


def test_several_slices_make_one_picture() -> None:
    nals = [slice_of(300), slice_of(20, first=False), slice_of(400, first=False)]

    (unit,) = receive(Camera().send(*payloads(Codec.H264, nals, 100)))

    assert nals_of(unit) == nals


def test_a_picture_ends_when_the_timestamp_changes_if_there_is_no_marker() -> None:
    camera = Camera()
    sent = b"".join(
        camera.send(*payloads(Codec.H264, [slice_of(300, fill=n)], 90), marker=False)
        for n in range(4)
    )
    track = VideoTrack(0, 96, Codec.H264, SETS)
    interleaved = Interleaved([track])
    interleaved.feed(sent, 0, len(sent), 5)

    assert [unit.ticks for unit in pictures(interleaved)] == [0, 3600, 7200]
    interleaved.finish()
    (last,) = pictures(interleaved)
    assert nals_of(last) == [slice_of(300, fill=3)]


def test_a_picture_without_its_marker_is_not_given_out_at_the_end_of_a_run() -> None:
    camera = Camera()
    sent = camera.send(slice_of()) + camera.send(slice_of(), marker=False)
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])
    interleaved.feed(sent, 0, len(sent), 5)
    interleaved.finish()

    assert [unit.ticks for unit in pictures(interleaved)] == [0]


def test_an_unfinished_fragment_without_markers_is_given_out_at_the_end_of_a_run() -> None:
    camera = Camera()
    made = payloads(Codec.H264, [slice_of(300)], 100)
    sent = camera.send(slice_of(), marker=False) + camera.send(*made[:2], marker=False)
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])
    interleaved.feed(sent, 0, len(sent), 5)
    interleaved.finish()

    assert [unit.ticks for unit in pictures(interleaved)] == [0, 3600]


def test_a_picture_ends_at_a_delimiter_even_with_one_timestamp() -> None:
    camera = Camera()
    sent = b"".join(
        camera.send(payload, marker=False, step=0)
        for payload in (slice_of(fill=1), b"\x09\xf0", slice_of(fill=2), b"\x09\xf0")
    )

    assert [nals_of(unit) for unit in receive(sent)] == [[slice_of(fill=1)], [slice_of(fill=2)]]


def test_parameter_sets_between_the_slices_of_a_picture_do_not_end_it() -> None:
    """GStreamer repeats them before each slice of an IDR picture."""
    made = [SPS, PPS, slice_of(key=True), SPS, PPS, slice_of(key=True, first=False)]

    (unit,) = receive(Camera().send(*made), VideoTrack(0, 96, Codec.H264))

    assert nals_of(unit) == [slice_of(key=True), slice_of(key=True, first=False)]


def test_a_marker_on_parameter_sets_ends_nothing() -> None:
    """Cameras set the marker on every packet that ends a NAL unit of their own making."""
    camera = Camera()
    sent = b"".join(camera.send(nal, step=0) for nal in (SPS, PPS, b"\x06\x05\x01\x00\x80"))
    sent += camera.send(slice_of(key=True))

    (unit,) = receive(sent, VideoTrack(0, 96, Codec.H264))

    assert nals_of(unit) == [b"\x06\x05\x01\x00\x80", slice_of(key=True)]
    assert unit.sets == SETS


def test_a_marker_on_every_slice_is_believed_no_more() -> None:
    camera = Camera()
    sent = b""
    for _ in range(3):
        sent += camera.send(slice_of(), step=0) + camera.send(slice_of(30, first=False))
    track = VideoTrack(0, 96, Codec.H264, SETS)
    interleaved = Interleaved([track])
    interleaved.feed(sent, 0, len(sent), 5)
    interleaved.finish()

    assert [nals_of(unit) for unit in pictures(interleaved)] == [
        [slice_of(), slice_of(30, first=False)]
    ] * 3
    assert track.marker_believed is False


def test_a_slice_after_its_picture_was_given_out_makes_a_damaged_picture() -> None:
    camera = Camera()
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])
    first = camera.send(slice_of(), step=0)
    interleaved.feed(first, 0, len(first), 5)
    assert [unit.damaged for unit in pictures(interleaved)] == [False]

    rest = camera.send(slice_of(first=False)) + camera.send(slice_of())
    interleaved.feed(rest, 0, len(rest), 6)

    assert [unit.damaged for unit in pictures(interleaved)] == [True]


def test_pictures_with_one_timestamp_and_markers_are_two_pictures() -> None:
    camera = Camera()
    sent = camera.send(slice_of(fill=1), step=0) + camera.send(slice_of(fill=2))

    assert [nals_of(unit) for unit in receive(sent)] == [[slice_of(fill=1)], [slice_of(fill=2)]]


def test_an_sei_with_a_timestamp_of_its_own_goes_to_the_next_picture() -> None:
    camera = Camera()
    sei = b"\x06\x05\x01\x00\x80"
    sent = camera.send(slice_of()) + camera.send(sei, marker=False) + camera.send(slice_of())

    assert [nals_of(unit) for unit in receive(sent)] == [[slice_of()], [sei, slice_of()]]


def test_the_arrival_of_a_picture_is_that_of_its_first_packet() -> None:
    camera = Camera()
    made = payloads(Codec.H264, [slice_of(300)], 100)
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])
    for arrival, sent in (
        (1, camera.send(made[0], marker=False, step=0)),
        (2, camera.send(*made[1:])),
    ):
        interleaved.feed(sent, 0, len(sent), arrival)

    assert [unit.arrival_ns for unit in pictures(interleaved)] == [1]


def test_filler_and_delimiters_are_not_stored() -> None:
    sent = Camera().send(b"\x09\xf0", b"\x0c\xff\xff", slice_of(), b"\x0c\xff\xff\x80")

    assert [nals_of(unit) for unit in receive(sent)] == [[slice_of()]]


def test_start_and_end_in_one_fragment_is_a_whole_unit() -> None:
    """Forbidden by RFC 6184 section 5.8, and sent."""
    sent = Camera().send(b"\x5c\xc1\x88abcdefgh")

    assert [nals_of(unit) for unit in receive(sent)] == [[b"\x41\x88abcdefgh"]]


def test_a_fragmented_unit_whose_end_bit_is_missing_ends_with_the_next() -> None:
    made = payloads(Codec.H264, [slice_of(300)], 100)
    endless = [payload[:1] + bytes([payload[1] & ~0x40]) + payload[2:] for payload in made]

    (unit,) = receive(Camera().send(*endless, *endless, slice_of(20, first=False)))

    assert nals_of(unit) == [slice_of(300), slice_of(300), slice_of(20, first=False)]
    assert unit.damaged is False


def test_a_marker_on_a_middle_fragment_does_not_cut_the_unit() -> None:
    made = payloads(Codec.H264, [slice_of(300)], 100)
    camera = Camera()
    sent = camera.send(made[0], made[1], step=0) + camera.send(*made[2:])

    assert [nals_of(unit) for unit in receive(sent)] == [[slice_of(300)]]


@pytest.mark.parametrize("start", [b"\0\0\1", b"\0\0\0\1"])
def test_a_byte_stream_inside_rtp_is_split(start: bytes) -> None:
    """Cameras put start codes into packets, and SPS, PPS and IDR into one fragmented unit."""
    whole = start + SPS + start + PPS + start + slice_of(key=True)
    inside = SPS + start + PPS + start + slice_of(300, key=True)

    (unit,) = receive(Camera().send(whole), VideoTrack(0, 96, Codec.H264))
    (other,) = receive(
        Camera().send(*fragments(Codec.H264, inside, 100)), VideoTrack(0, 96, Codec.H264)
    )

    assert (nals_of(unit), unit.sets) == ([slice_of(key=True)], SETS)
    assert (nals_of(other), other.sets, other.keyframe) == ([slice_of(300, key=True)], SETS, True)


def test_a_byte_stream_inside_h265_packets_is_split() -> None:
    sent = Camera(Codec.H265).send(b"\0\0\0\1" + slice_265(key=True))

    assert [nals_of(u) for u in receive(sent, VideoTrack(0, 96, Codec.H265))] == [
        [slice_265(key=True)]
    ]


def test_a_fragmented_sei_is_put_together() -> None:
    sei = b"\x06\x05\xc8" + bytes(range(1, 201)) + b"\x80"

    (unit,) = receive(Camera().send(*fragments(Codec.H264, sei, 50), slice_of()))

    assert nals_of(unit) == [sei, slice_of()]


# ---------------------------------------------------------------- parameter sets


def test_sets_in_band_equal_to_those_of_the_sdp_change_nothing() -> None:
    camera = Camera()
    sent = camera.send(aggregate(Codec.H264, [SPS, PPS]), slice_of(key=True))
    padded = ParameterSets(Codec.H264, (), (SPS + b"\0\0",), (PPS + b"\0",))

    for sets in (SETS, padded):
        (unit,) = receive(sent, VideoTrack(0, 96, Codec.H264, sets))
        assert unit.sets is None


def test_sets_that_change_come_into_force_with_their_picture() -> None:
    camera = Camera()
    sent = camera.send(SPS, PPS, slice_of(key=True)) + camera.send(slice_of())
    sent += camera.send(OTHER_SPS, PPS, slice_of(key=True)) + camera.send(slice_of())
    track = VideoTrack(0, 96, Codec.H264)

    units = receive(sent, track)

    changed = ParameterSets(Codec.H264, (), (OTHER_SPS,), (PPS,))
    assert [unit.sets for unit in units] == [SETS, None, changed, None]
    assert track.sets == changed


def test_a_pps_replaces_the_one_of_equal_id_and_joins_the_others() -> None:
    camera = Camera()
    sent = camera.send(SECOND_PPS, slice_of(key=True)) + camera.send(OTHER_PPS, slice_of(key=True))

    units = receive(sent)

    assert [unit.sets and unit.sets.pps for unit in units] == [
        (PPS, SECOND_PPS),
        (OTHER_PPS, SECOND_PPS),
    ]


def test_half_a_pair_of_sets_waits_for_the_other_half() -> None:
    camera = Camera()
    sent = camera.send(SPS, slice_of(key=True)) + camera.send(PPS, slice_of(key=True))

    assert [unit.sets for unit in receive(sent, VideoTrack(0, 96, Codec.H264))] == [None, SETS]


def test_sets_that_come_and_are_taken_back_before_a_picture_change_nothing() -> None:
    (unit,) = receive(Camera().send(OTHER_SPS, SPS, slice_of(key=True)))

    assert unit.sets == ParameterSets(Codec.H264, (), (OTHER_SPS, SPS), (PPS,))
    (unit,) = receive(Camera().send(SPS, PPS, SPS, slice_of(key=True)))
    assert unit.sets is None


def test_h265_sets_come_in_band_and_their_fragments_count() -> None:
    vps, sps, pps = b"\x40\x01abc", b"\x42\x01" + b"d" * 60, b"\x44\x01ghi"
    made = [vps, *fragments(Codec.H265, sps, 20), pps, slice_265(key=True)]
    track = VideoTrack(0, 96, Codec.H265)

    (unit,) = receive(Camera(Codec.H265).send(*made), track)

    assert unit.sets == ParameterSets(Codec.H265, (vps,), (sps,), (pps,))
    assert unit.keyframe is True


def test_too_many_or_too_long_parameter_sets_are_malformed() -> None:
    many = [b"\x67" + bytes([number, 1]) for number in range(1, 20)]
    with pytest.raises(MalformedError, match="16 different SPS"):
        receive(Camera().send(*many))
    with pytest.raises(MalformedError, match="parameter set of 5001 bytes"):
        receive(Camera().send(b"\x67" + b"x" * 5000))


# ---------------------------------------------------------------- keyframes


def test_irap_pictures_of_h265_are_keyframes() -> None:
    camera = Camera(Codec.H265)
    kinds = [16, 19, 20, 21, 1, 0, 9]
    sent = b"".join(camera.send(bytes([kind << 1, 1, 0x80, 1, 2, 3])) for kind in kinds)

    units = receive(sent, VideoTrack(0, 96, Codec.H265))

    assert [unit.keyframe for unit in units] == [True] * 4 + [False] * 3


def test_recovery_points_count_only_after_ten_seconds_without_idr() -> None:
    """Encoders with intra refresh send no IDR at all; all others have a better place to start."""
    recovery = b"\x06\x06\x01\xc4\x80"
    intra = b"\x41\x88\x80\x11\x22\x33"
    inter = b"\x41\x9a\x22\x11\x22\x33"
    late = b"\x06\x06\x01\x2c\x80"
    camera = Camera()
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])
    plan = [
        (0, [recovery, intra], False),
        (9, [recovery, intra], False),
        (10, [recovery, intra], True),
        (11, [inter], False),
        (12, [recovery, inter], False),
        (13, [late, intra], False),
        (14, [recovery, slice_of(key=True)], True),
        (15, [recovery, intra], False),
        (23, [recovery, intra], False),
        (25, [recovery, intra], True),
    ]
    for second, nals, wanted in plan:
        sent = camera.send(*nals)
        interleaved.feed(sent, 0, len(sent), 1 * S + second * S)
        (unit,) = pictures(interleaved)
        assert unit.keyframe is wanted, second


# ---------------------------------------------------------------- order and loss


def drop(sent: bytes, *numbers: int) -> bytes:
    """The frames of a stream but those, counted from 0."""
    return b"".join(frame for at, frame in enumerate(frames(sent)) if at not in numbers)


def frames(sent: bytes) -> list[bytes]:
    cut = []
    at = 0
    while at < len(sent):
        end = at + 4 + int.from_bytes(sent[at + 2 : at + 4], "big")
        cut.append(sent[at:end])
        at = end
    return cut


def three_pictures() -> bytes:
    """Each of four packets: numbers 0-3, 4-7, 8-11."""
    camera = Camera()
    return b"".join(
        camera.send(*payloads(Codec.H264, [slice_of(400, fill=n)], 100)) for n in (1, 2, 3)
    )


@pytest.mark.parametrize(
    ("lost", "damaged", "sizes", "unstarted"),
    [
        ([5], [False, True, False], [400, 101, 400], 0),
        ([6], [False, True, False], [400, 201, 400], 0),
        ([4], [False, False], [400, 400], 1),
        ([7], [False, True, False], [400, 301, 400], 0),
        ([3, 4], [True, False], [301, 400], 1),
        ([4, 5, 6, 7], [False, False], [400, 400], 0),
        ([7, 8], [False, True], [400, 301], 1),
        ([0], [False, False], [400, 400], 1),
    ],
)
def test_lost_packets_damage_the_pictures_that_they_belong_to(
    lost: list[int], damaged: list[bool], sizes: list[int], unstarted: int
) -> None:
    track = VideoTrack(0, 96, Codec.H264, SETS)

    units = receive(drop(three_pictures(), *lost), track)

    assert [unit.damaged for unit in units] == damaged
    assert [unit.size - 4 for unit in units] == sizes
    assert [nals_of(unit)[0][:2] for unit in units] == [b"\x41\x88"] * len(sizes)
    assert track.unstarted == unstarted
    assert track.lost == len([number for number in lost if number])


def test_a_picture_whose_first_slice_is_lost_is_damaged() -> None:
    camera = Camera()
    sent = camera.send(slice_of()) + camera.send(slice_of(), slice_of(first=False))

    assert [unit.damaged for unit in receive(drop(sent, 1))] == [False, True]


def test_a_fragmented_parameter_set_with_a_hole_is_not_taken() -> None:
    long = b"\x67" + b"s" * 300
    sent = Camera().send(*fragments(Codec.H264, long, 100), slice_of(key=True))

    (unit,) = receive(drop(sent, 1))

    assert (nals_of(unit), unit.sets, unit.damaged) == ([slice_of(key=True)], None, True)


def test_duplicates_and_late_packets_are_dropped_and_counted() -> None:
    cut = frames(three_pictures())
    sent = b"".join([*cut[:3], cut[1], cut[2], *cut[3:6], cut[4], *cut[6:]])
    track = VideoTrack(0, 96, Codec.H264, SETS)

    units = receive(sent, track)

    assert [unit.damaged for unit in units] == [False] * 3
    assert [unit.size for unit in units] == [404] * 3
    assert (track.late, track.lost) == (3, 0)


def test_a_loss_across_the_wrap_of_the_numbers_is_counted() -> None:
    camera = Camera(sequence=65_534)
    sent = b"".join(camera.send(slice_of()) for _ in range(4))
    track = VideoTrack(0, 96, Codec.H264, SETS)

    receive(drop(sent, 1, 2), track)

    assert track.lost == 2
    assert struct.unpack_from(">I", track.receiver_report(0), 4 + 16) == (0x10001,)


def test_swapped_packets_damage_their_picture_only() -> None:
    cut = frames(three_pictures())
    cut[5], cut[6] = cut[6], cut[5]
    track = VideoTrack(0, 96, Codec.H264, SETS)

    units = receive(b"".join(cut), track)

    assert [unit.damaged for unit in units] == [False, True, False]
    assert (track.late, track.lost) == (1, 1)


def test_a_camera_that_counts_anew_is_believed_at_once() -> None:
    camera = Camera(sequence=30_000)
    sent = camera.send(slice_of())
    camera.sequence = 2
    sent += camera.send(slice_of()) + camera.send(slice_of())
    track = VideoTrack(0, 96, Codec.H264, SETS)

    units = receive(sent, track)

    assert [unit.damaged for unit in units] == [False] * 3
    assert (track.restarts, track.lost) == (1, 0)


def test_a_camera_whose_numbers_stand_still_is_believed_after_a_hundred() -> None:
    camera = Camera()
    sent = b""
    for _ in range(103):
        camera.sequence = 9
        sent += camera.send(slice_of())
    track = VideoTrack(0, 96, Codec.H264, SETS)

    assert len(receive(sent, track)) == 2
    assert track.late == 101


def test_another_ssrc_begins_another_picture_and_keeps_the_ticks_near() -> None:
    camera = Camera()
    sent = camera.send(slice_of(), marker=False)
    camera.ssrc, camera.sequence = 8, 500
    sent += camera.send(slice_of()) + camera.send(slice_of())
    track = VideoTrack(0, 96, Codec.H264, SETS)

    units = receive(sent, track)

    assert [unit.ticks for unit in units] == [0, 3600, 7200]
    assert (track.restarts, track.ssrc, track.lost) == (1, 8, 0)


def test_a_wrap_of_the_timestamp_backwards_is_unwrapped_too() -> None:
    camera = Camera(stamp=100)
    sent = b""
    for step in (-3600, 7200, 3600):
        sent += camera.send(slice_of(), step=step)
    sent += camera.send(slice_of())

    assert [unit.ticks for unit in receive(sent)] == [100, -3500, 3700, 7300]


# ---------------------------------------------------------------- RTP headers


def test_padding_extension_and_contributing_sources_are_left_out() -> None:
    extension = b"\xbe\xde\0\x02" + bytes(8)
    sent = framed(packet(slice_of() + b"\0\0\x03", 0, marker=True, flags=0xA0))
    sent += framed(packet(extension + slice_of(), 1, 3600, marker=True, flags=0x90))
    sent += framed(packet(bytes(8) + slice_of(), 2, 7200, marker=True, flags=0x82))
    sent += framed(
        packet(bytes(4) + extension + slice_of() + b"\x01", 3, 10800, marker=True, flags=0xB1)
    )

    assert [nals_of(unit) for unit in receive(sent)] == [[slice_of()]] * 4


@pytest.mark.parametrize(
    "broken",
    [
        packet(slice_of(), flags=0x40),
        packet(b"", flags=0x83),
        packet(b"\xbe", flags=0x90),
        packet(b"\xbe\xde\xff\xff", flags=0x90),
        packet(b"\x41\xff", flags=0xA0),
    ],
)
def test_rtp_headers_that_lie_are_malformed(broken: bytes) -> None:
    with pytest.raises(MalformedError):
        receive(framed(broken))


def test_other_payload_types_and_stubs_are_skipped_and_counted() -> None:
    camera = Camera()
    sent = framed(packet(b"<xml/>", 900, kind=107)) + framed(b"") + framed(b"abc")
    sent += camera.send(slice_of()) + framed(packet(b"<xml/>", 901, kind=107))
    track = VideoTrack(0, 96, Codec.H264, SETS)

    assert len(receive(sent, track)) == 1
    assert track.foreign == 4


def test_packets_with_next_to_nothing_in_them_do_no_harm() -> None:
    camera = Camera()
    sent = camera.send(b"", b"\x5c", b"\x41", b"\x5c\x81", b"\x5c\x41", slice_of())
    units = receive(sent)
    assert [nals_of(unit)[-1] for unit in units] == [slice_of()]

    camera = Camera(Codec.H265)
    sent = camera.send(b"", b"\x02", b"\x62\x01", b"\x02\x01", b"\x62\x01\x81", slice_265())
    units = receive(sent, VideoTrack(0, 96, Codec.H265))
    assert nals_of(units[-1])[-1] == slice_265()

    assert receive(Camera().send(b"\x41")) != []


@pytest.mark.parametrize(
    ("codec", "payload"),
    [
        (Codec.H264, b"\x79\0\0\0\x05" + slice_of()),
        (Codec.H264, b"\x7a" + bytes(9)),
        (Codec.H264, b"\x7b" + bytes(9)),
        (Codec.H264, b"\x7d\x81" + bytes(9)),
        (Codec.H264, b"\x60" + bytes(9)),
        (Codec.H264, b"\xe5" + bytes(9)),
        (Codec.H265, b"\x64\x01" + bytes(9)),
        (Codec.H265, b"\x82\x01" + bytes(9)),
    ],
    ids=["STAP-B", "MTAP16", "MTAP24", "FU-B", "type 0", "broken", "PACI", "broken H.265"],
)
def test_packet_kinds_that_nobody_should_send_are_refused_and_counted(
    codec: Codec, payload: bytes
) -> None:
    good = slice_of() if codec is Codec.H264 else slice_265()
    camera = Camera(codec)
    sent = camera.send(good) + camera.send(payload, good) + camera.send(good)
    track = VideoTrack(0, 96, codec)

    assert [unit.damaged for unit in receive(sent, track)] == [False, True, False]
    assert track.refused == 1


@pytest.mark.parametrize("payload", [b"\x78\0\x09\x41\x88", b"\x60\x01\0\x09\x02\x01"])
def test_an_aggregate_whose_lengths_lie_is_malformed(payload: bytes) -> None:
    codec = Codec.H264 if payload[0] == 0x78 else Codec.H265
    with pytest.raises(MalformedError, match="outside its aggregation packet"):
        receive(Camera().send(payload), VideoTrack(0, 96, codec))


def test_an_aggregate_with_empty_units_and_a_loose_byte_is_read() -> None:
    (unit,) = receive(Camera().send(b"\x78\0\0" + aggregate(Codec.H264, [slice_of()])[1:] + b"\0"))

    assert nals_of(unit) == [slice_of()]


# ---------------------------------------------------------------- bounds


def test_a_picture_of_too_many_units_is_malformed() -> None:
    nals = [slice_of(5), *[slice_of(5, first=False)] * 600]
    with pytest.raises(MalformedError, match="512 NAL units"):
        receive(Camera().send(*nals, marker=False))
    with pytest.raises(MalformedError, match="NAL units"):
        receive(Camera().send(b"".join(b"\0\0\1" + nal for nal in nals)))


def test_a_picture_of_too_many_bytes_is_malformed() -> None:
    made = fragments(Codec.H264, slice_of((16 << 20) + 100), 60_000)
    with pytest.raises(MalformedError, match="16777216 bytes"):
        receive(Camera().send(*made))


def test_a_picture_of_a_byte_a_packet_is_malformed_before_it_eats_the_memory() -> None:
    camera = Camera()
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])
    sent = camera.send(b"\x5c\x81\x88\x80", *[b"\x5c\x01\x01"] * 2_000, marker=False, step=0)
    interleaved.feed(sent, 0, len(sent), 1)
    with pytest.raises(MalformedError, match="65536 packets"):
        for _ in range(40):
            sent = camera.send(*[b"\x5c\x01\x01"] * 2_000, marker=False, step=0)
            interleaved.feed(sent, 0, len(sent), 1)


def test_what_is_cached_of_packet_shapes_is_bounded() -> None:
    camera = Camera(Codec.H265)
    track = VideoTrack(0, 96, Codec.H265)
    sent = b""
    for number in range(100):
        nal = bytes([2, number & 7 | 8]) + b"\x80" + b"z" * 2_000
        sent += camera.send(*fragments(Codec.H265, nal, 100 + number))
        sent += camera.send(bytes([0x62 | number & 1, number]) + b"\x81\x80zzzz", marker=False)
    receive(sent, track)

    assert len(track._starts) <= 64
    assert len(track._layouts) <= 64


# ---------------------------------------------------------------- sound


def aac(*frames: bytes) -> bytes:
    """AAC-hbr: 13 bits of size, 3 of index."""
    headers = b"".join((len(frame) << 3).to_bytes(2, "big") for frame in frames)
    return (len(headers) * 8).to_bytes(2, "big") + headers + b"".join(frames)


def hear(*packets: bytes, track: AudioTrack | None = None) -> list[tuple[bytes, int]]:
    track = track or AudioTrack(0, 96, 16_000)
    sent = b"".join(map(framed, packets))
    interleaved = Interleaved([track])
    assert interleaved.feed(sent, 0, len(sent), 5) == len(sent)
    return [(u.payload, u.ticks) for u in interleaved.units if isinstance(u, AudioUnit)]


def test_a_packet_of_several_aac_frames_gives_each_its_time() -> None:
    assert hear(packet(aac(b"one", b"second"), 0, 500)) == [(b"one", 500), (b"second", 1524)]


def test_a_fragmented_aac_frame_is_put_together() -> None:
    head = b"\0\x10" + (10 << 3).to_bytes(2, "big")
    whole = hear(packet(head + b"01234", 0, 500), packet(head + b"56789", 1, 500, marker=True))

    assert whole == [(b"0123456789", 500)]


def test_a_fragmented_aac_frame_with_a_hole_is_dropped() -> None:
    head = b"\0\x10" + (10 << 3).to_bytes(2, "big")
    track = AudioTrack(0, 96, 16_000)

    heard = hear(
        packet(head + b"01234", 0, 500), packet(aac(b"next"), 2, 1524), packet(aac(b"next"), 2, 9),
        packet(b"x", 3, kind=97), b"short", track=track,
    )  # fmt: skip

    assert heard == [(b"next", 1524)]
    assert (track.lost, track.late, track.foreign) == (1, 1, 2)


def test_an_aac_packet_that_has_not_arrived_whole_waits() -> None:
    sent = framed(packet(aac(b"one")))
    interleaved = Interleaved([AudioTrack(0, 96, 16_000)])

    assert interleaved.feed(sent, 0, len(sent) - 1, 5) == 0
    assert interleaved.feed(sent, 0, len(sent), 5) == len(sent)


def test_interleaved_aac_is_refused_and_empty_frames_are_left_out() -> None:
    track = AudioTrack(0, 96, 16_000)
    indexed = b"\0\x10" + (4 << 3 | 1).to_bytes(2, "big") + b"abcd"

    assert hear(packet(indexed, 0), packet(aac(b""), 1), track=track) == []
    assert track.refused == 1


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\x10", b"\0\x11\0\0\0\0"])
def test_aac_headers_that_lie_are_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        hear(packet(payload))


def test_au_header_lengths_of_the_sdp_are_checked() -> None:
    with pytest.raises(MalformedError):
        AudioTrack(0, 96, 16_000, size_length=0)
    short = AudioTrack(0, 96, 8_000, size_length=6, index_length=2, frame=960)
    assert hear(packet(b"\0\x10\x0c\x08abcde", 0, 1), track=short) == [(b"abc", 1), (b"de", 961)]


# ---------------------------------------------------------------- frames and messages


def test_rtsp_messages_between_frames_are_given_out_whole() -> None:
    answer = b"RTSP/1.0 200 OK\r\nCSeq: 7\r\ncontent-length: 5\r\n\r\nhello"
    asked = b"OPTIONS rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    camera = Camera()
    sent = camera.send(slice_of()) + answer + b"\r\n" + camera.send(slice_of()) + asked
    sent += framed(b"unknown", 9)
    for step in (1, 7, 1000):
        interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])
        held = b""
        for at in range(0, len(sent), step):
            held += sent[at : at + step]
            held = held[interleaved.feed(held, 0, len(held), 5) :]

        assert held == b""
        assert interleaved.messages == [answer, asked]
        assert len(pictures(interleaved)) == 2
        assert interleaved.skipped == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"RTSP/1.0 2\x00\x00 OK",
        b"hello\r\n",
        b"RTSP/1.0 200 OK\r\n" + b"x" * 17_000,
        b"RTSP/1.0 200 OK\r\nContent-Length: 999999\r\n\r\n",
        b"RTSP/1.0 200 OK\r\n\r\n" * 65,
    ],
)
def test_bytes_that_are_neither_frame_nor_message_are_malformed(garbage: bytes) -> None:
    with pytest.raises(MalformedError):
        receive(garbage)


def test_a_whole_head_waits_for_its_body() -> None:
    part = b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhel"
    interleaved = Interleaved([])

    assert interleaved.feed(part, 0, len(part), 1) == 0
    assert interleaved.feed(part + b"lo", 0, len(part) + 2, 1) == len(part) + 2


def test_bytes_outside_start_and_end_are_not_looked_at() -> None:
    sent = Camera().send(slice_of())
    around = b"\xff\xff\xff" + sent + b"\xff\xff\xff"
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264, SETS)])

    assert interleaved.feed(memoryview(around), 3, 3 + len(sent), 1) == len(sent)
    assert len(interleaved.units) == 1


# ---------------------------------------------------------------- RTCP


def sender_report(seconds: int, fraction: int, stamp: int, ssrc: int = 7) -> bytes:
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, seconds, fraction, stamp, 0, 0)


def report_of(body: bytes, track: Track | None = None) -> list[SenderReport]:
    return (track or VideoTrack(0, 96, Codec.H264)).take_report(body, 5)


def test_sender_reports_are_placed_on_the_unwrapped_clock() -> None:
    track = VideoTrack(0, 96, Codec.H264, SETS)
    receive(Camera(stamp=0xFFFFFFFF - 100).send(slice_of()), track)

    (report,) = report_of(sender_report(3_908_988_800, 1 << 31, 1_000), track)

    assert report.ntp_ns == 1_700_000_000_500_000_000
    assert report.ticks == (1 << 32) + 1_000


def test_ntp_seconds_after_2036_are_the_next_era_and_zero_is_no_time() -> None:
    (late,) = report_of(sender_report(100, 0, 0))
    assert late.ntp_ns == ((1 << 32) + 100 - 2_208_988_800) * S
    assert report_of(sender_report(0, 0, 0)) == []


def test_a_goodbye_is_noted_and_compound_packets_are_walked() -> None:
    track = VideoTrack(0, 96, Codec.H264)
    description = b"\x81\xca\0\x02" + bytes(8)
    goodbye = b"\x81\xcb\0\x01\0\0\0\x07"

    reports = report_of(sender_report(3_908_988_800, 0, 9) + description + goodbye, track)

    assert len(reports) == 1
    assert track.goodbye is True


@pytest.mark.parametrize("body", [b"\x00\xc8\0\0", b"\x80\xc8\0\x09" + bytes(8)])
def test_rtcp_that_lies_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        report_of(body)


def test_reports_that_nobody_takes_do_not_pile_up() -> None:
    sent = framed(sender_report(3_908_988_800, 0, 9), 1) * 100
    interleaved = Interleaved([VideoTrack(0, 96, Codec.H264)])
    interleaved.feed(sent, 0, len(sent), 5)

    assert len(interleaved.reports) == 64


def test_renumbered_channels_find_their_tracks() -> None:
    track = VideoTrack(6, 96, Codec.H264, SETS, rtcp_channel=3)
    interleaved = Interleaved([track])
    sent = framed(packet(slice_of(), marker=True), 6)
    sent += framed(sender_report(3_908_988_800, 0, 9), 3)
    interleaved.feed(sent, 0, len(sent), 5)

    assert (len(interleaved.units), len(interleaved.reports)) == (1, 1)
    assert interleaved.receiver_reports(5)[:2] == b"\x24\x03"


def test_a_receiver_report_says_what_was_received_and_lost() -> None:
    """RFC 3550 section 6.4.2; some cameras end a session without it."""
    camera = Camera(sequence=65_534)
    sent = b"".join(camera.send(slice_of()) for _ in range(8))
    track = VideoTrack(0, 96, Codec.H264, SETS)
    interleaved = Interleaved([track])
    assert interleaved.receiver_reports(0) == b""
    sent = drop(sent, 4, 5) + framed(sender_report(0xE9000001, 0x80000000, 9), 1)
    interleaved.feed(sent, 0, len(sent), 5)

    report = interleaved.receiver_reports(5 + 2 * S)

    assert report[:4] == b"\x24\x01" + (len(report) - 4).to_bytes(2, "big")
    body = report[4:]
    assert body[:4] == bytes.fromhex("81c90007")
    ssrc, lost, highest, jitter, last, since = struct.unpack_from(">IIIIII", body, 8)
    assert (ssrc, lost, highest, jitter) == (7, (2 * 256 // 8) << 24 | 2, 0x10005, 0)
    assert (last, since) == (0x00018000, 2 * 65_536)
    assert body[32:36] == bytes.fromhex("81ca0004")
    assert body[40:50] == b"\x01\x07vonggac\0"
    assert len(body) == 32 + 20
    again = interleaved.receiver_reports(5)[4:]
    assert struct.unpack_from(">I", again, 12) == (2,)


def test_a_track_that_received_nothing_reports_nothing_received() -> None:
    body = VideoTrack(0, 96, Codec.H264).receiver_report(5)[4:]

    assert struct.unpack_from(">IIIIII", body, 8) == (0, 0, 0, 0, 0, 0)


# ---------------------------------------------------------------- noise


def good_stream(codec: Codec) -> bytes:
    name = "gstreamer_h264_stap_a" if codec is Codec.H264 else "ffmpeg_h265"
    return (FIELD / f"{name}.bin").read_bytes()[:9_000]


@settings(max_examples=150)
@given(codec=st.sampled_from(Codec), seed=st.integers(0, 1 << 32), flips=st.integers(1, 40))
def test_mutated_streams_raise_nothing_but_malformed_and_stay_bounded(
    codec: Codec, seed: int, flips: int
) -> None:
    noise = random.Random(seed)
    sent = bytearray(good_stream(codec))
    for _ in range(flips):
        at = noise.randrange(len(sent))
        kind = noise.randrange(4)
        if kind == 0:
            sent[at] ^= 1 << noise.randrange(8)
        elif kind == 1:
            sent[at] = noise.randrange(256)
        elif kind == 2:
            del sent[at : at + noise.randrange(1, 50)]
        else:
            sent[at:at] = noise.randbytes(noise.randrange(1, 50))
    feed_all(bytes(sent), codec, noise)


@given(codec=st.sampled_from(Codec), seed=st.integers(0, 1 << 32))
def test_well_framed_noise_raises_nothing_but_malformed(codec: Codec, seed: int) -> None:
    """Past the framing the payload parsers see every kind of nonsense."""
    noise = random.Random(seed)
    sent = b""
    for number in range(noise.randrange(1, 60)):
        body = noise.randbytes(noise.randrange(0, 40))
        if body and noise.random() < 0.7:
            kind = noise.choice([24, 28, 28, 28, 1, 5, 7, 8, 6, 9])
            if codec is Codec.H265:
                kind = noise.choice([48, 49, 49, 49, 1, 19, 32, 33, 34, 39, 35]) << 1
            body = bytes([kind]) + body
        stamp = number // 5 * 3600
        sent += framed(packet(body, number, stamp, marker=noise.random() < 0.2))
        if noise.random() < 0.2:
            sent += framed(noise.randbytes(noise.randrange(0, 40)), 1)
    feed_all(sent, codec, noise)


def feed_all(sent: bytes, codec: Codec, noise: random.Random) -> None:
    interleaved = Interleaved([VideoTrack(0, 96, codec), AudioTrack(2, 97, 8_000)])
    held = b""
    at = 0
    given_out = 0
    try:
        while at < len(sent):
            step = noise.randrange(1, 3_000)
            held += sent[at : at + step]
            at += step
            held = held[interleaved.feed(held, 0, len(held), at) :]
            given_out += sum(unit.size for unit in pictures(interleaved))
    except MalformedError:
        pass
    interleaved.finish()
    given_out += sum(unit.size for unit in pictures(interleaved))
    assert given_out <= 5 * len(sent)
    assert len(held) <= 65_540


def test_the_captures_are_the_ones_described() -> None:
    """A checkout that changes line ends would break them silently."""
    digest = hashlib.sha256()
    for path in sorted(FIELD.glob("*.bin")):
        digest.update(path.read_bytes())
    assert digest.hexdigest()[:16] == "79216d731edb48e0"
