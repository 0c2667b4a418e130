"""What is read from session descriptions, right and wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.errors import MalformedError
from vonggac.media import sdp
from vonggac.media.h26x import AudioFormat, Codec, video_format
from vonggac.media.sdp import Oddity

FIELD = Path(__file__).parents[1] / "field" / "rtsp"

SPS = bytes.fromhex("6742c028da01e0089f96100000030010000003032 0f1832a".replace(" ", ""))
PPS = bytes.fromhex("68ce0fc8")


def read(name: str) -> sdp.Description:
    return sdp.parse((FIELD / name).read_bytes())


def fragment(*lines: str) -> sdp.Description:
    return sdp.parse("\r\n".join(["v=0", *lines]).encode())


def test_a_plain_description_is_read_whole() -> None:
    """The one that everything else is compared with."""
    described = read("plain.sdp")

    assert described.name == "Live"
    assert described.control == "*"
    assert described.framerate is None
    assert described.oddities == ()
    video, audio = described.media
    assert (video.kind, video.control, video.framerate, video.direction) == (
        "video",
        "trackID=0",
        25.0,
        "recvonly",
    )
    assert video.formats[0].payload_type == 96
    assert video.formats[0].codec is Codec.H264
    assert video.formats[0].clock_rate == 90_000
    assert video.formats[0].parameters["packetization-mode"] == "1"
    sets, odd = sdp.parameter_sets(video.formats[0])
    assert (sets.sps, sets.pps, odd) == ((SPS,), (PPS,), ())
    assert (video_format(sets).width, video_format(sets).height) == (1920, 1080)
    assert sdp.audio_format(audio.formats[0]) == (
        AudioFormat(sample_rate=16_000, channels=1, config=b"\x14\x08"),
        (),
    )


@pytest.mark.parametrize(
    ("name", "oddities", "sets", "set_oddities"),
    [
        ("line_feeds_only.sdp", (), 2, ()),
        ("no_version_no_names.sdp", (Oddity.NO_VERSION,), 0, ()),
        ("noise_after_the_end.sdp", (Oddity.NOT_A_LINE,), 2, ()),
        ("sprop_not_base64.sdp", (), 0, (Oddity.BAD_SETS,)),
        ("sprop_without_pps.sdp", (), 1, (Oddity.BAD_SETS,)),
        ("sprop_is_no_set.sdp", (), 0, (Oddity.BAD_SETS,)),
        ("sprop_with_start_code.sdp", (), 2, (Oddity.START_CODE,)),
        ("profile_level_in_base64.sdp", (), 2, ()),
        ("no_rtpmap.sdp", (Oddity.NO_CLOCK, Oddity.NO_RTPMAP), 2, ()),
        ("repeated_types.sdp", (Oddity.REPEATED_TYPE,), 2, ()),
        ("framerate_with_equals.sdp", (), 2, ()),
    ],
)
def test_a_defect_is_named_and_the_video_is_still_found(
    name: str, oddities: tuple[Oddity, ...], sets: int, set_oddities: tuple[Oddity, ...]
) -> None:
    """A recorder that refuses these records nothing at cameras that everybody else can see."""
    described = read(name)
    video = described.media[0].formats[0]
    found, odd = sdp.parameter_sets(video)

    assert described.oddities == oddities
    assert (video.payload_type, video.codec, video.clock_rate) == (96, Codec.H264, 90_000)
    assert (len(found.sps) + len(found.pps), odd) == (sets, set_oddities)
    assert described.media[0].framerate in (25.0, None)


def test_sets_are_sorted_by_what_they_are_not_by_their_place() -> None:
    """The file has the PPS first, start codes in front and no padding."""
    sets, _ = sdp.parameter_sets(read("sprop_with_start_code.sdp").media[0].formats[0])

    assert (sets.sps, sets.pps) == ((SPS,), (PPS,))


def test_h265_has_its_sets_in_three_parameters() -> None:
    """RFC 7798 section 7.1."""
    described = read("h265_three_sprops.sdp")
    sets, odd = sdp.parameter_sets(described.media[0].formats[0])

    assert described.control == "rtsp://192.0.2.8:554/main/"
    assert odd == ()
    assert (len(sets.vps), len(sets.sps), len(sets.pps)) == (1, 1, 1)
    assert (video_format(sets).width, video_format(sets).height) == (1280, 720)


def test_h265_by_its_other_name_and_without_a_clock() -> None:
    """HEVC is no registered encoding name and is written all the same."""
    described = read("h265_called_hevc.sdp")

    assert described.media[0].formats[0].codec is Codec.H265
    assert described.media[0].formats[0].clock_rate == 90_000
    assert described.oddities == (Oddity.NO_CLOCK,)
    assert sdp.parameter_sets(described.media[0].formats[0])[1] == ()


def test_the_same_type_in_two_sections_means_two_things() -> None:
    """Payload types are counted by section (RFC 8866 section 5.14)."""
    video, metadata = read("repeated_types.sdp").media

    assert [f.encoding for f in video.formats] == ["H264"]
    assert [f.encoding for f in metadata.formats] == ["VND.ONVIF.METADATA"]


def test_all_sections_are_given_in_order() -> None:
    """The choice is the handshake's, which must see what else is offered to say so."""
    described = read("two_videos_first_jpeg.sdp")

    assert [(m.kind, m.formats[0].encoding) for m in described.media] == [
        ("video", "JPEG"),
        ("video", "H264"),
        ("application", "VND.ONVIF.METADATA"),
    ]


def test_aac_without_config_is_made_from_rate_and_channels() -> None:
    """The decoder needs a config; AAC-LC at the rtpmap's rate is what such cameras send."""
    audio = read("aac_config_missing.sdp").media[1].formats[0]

    assert sdp.audio_format(audio) == (
        AudioFormat(sample_rate=16_000, channels=1, config=b"\x14\x08"),
        (Oddity.NO_AAC_CONFIG,),
    )


def test_the_way_back_to_the_loudspeaker_is_marked() -> None:
    """ONVIF marks it sendonly; taking it for sound of the camera would record silence."""
    back = read("audio_back_channel.sdp").media[1]

    assert back.direction == "sendonly"
    assert len(back.formats) == 5


@pytest.mark.parametrize(
    ("fmtp", "rtpmap", "expected"),
    [
        ("mode=AAC-hbr;config=1190", "MPEG4-GENERIC/48000/2", (48_000, 2)),
        ('mode=AAC-hbr;config="1190"', "mpeg4-generic/48000/2", (48_000, 2)),
        ("config=17805DC008", "MPEG4-GENERIC/48000", (48_000, 1)),
        ("config=17800BB808", "MPEG4-GENERIC/24000", (24_000, 1)),
        ("config=17800BB808", "MPEG4-GENERIC/6000", None),
        ("config=zz", "MPEG4-GENERIC/44100/2", (44_100, 2)),
        ("config=" + "11" * 40, "MPEG4-GENERIC/8000/9", (8000, 2)),
        ("config=00", "MPEG4-GENERIC/8001", None),
        ("config=1438", "MPEG4-GENERIC/16000/8", (16_000, 8)),
        ("config=1438;sizelength=6", "MPEG4-GENERIC/16000", None),
        ("config=1438;indexdeltalength=0", "MPEG4-GENERIC/16000", None),
        ("mode=AAC-lbr;config=1408", "MPEG4-GENERIC/16000", None),
        ("config=1408", "MP4A-LATM/16000", None),
    ],
)
def test_audio_configurations(fmtp: str, rtpmap: str, expected: tuple[int, int] | None) -> None:
    """ISO/IEC 14496-3 section 1.6.2.1, and what is left of it in cameras."""
    described = fragment("m=audio 0 RTP/AVP 97", f"a=rtpmap:97 {rtpmap}", f"a=fmtp:97 {fmtp}")
    found = sdp.audio_format(described.media[0].formats[0])

    assert (found and (found[0].sample_rate, found[0].channels)) == expected


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", 25.0),
        ("12,5", 12.5),
        ("30000/1001", 30000 / 1001),
        ("15.000000", 15.0),
        ("0", None),
        ("5000", None),
        ("25/0", 25.0),
        ("fast", None),
        ("", None),
    ],
)
def test_frame_rates_are_written_in_many_ways(text: str, rate: float | None) -> None:
    """What cannot be true is taken for not said."""
    described = fragment(f"a=framerate:{text}", "m=video 0 RTP/AVP 96", f"a=x-framerate:{text}")

    assert described.framerate == rate
    assert described.media[0].framerate == rate


def test_a_static_type_needs_no_rtpmap() -> None:
    """RFC 3551 section 6."""
    described = fragment("m=video 0 RTP/AVP 26", "m=audio 0 RTP/AVP 8")

    assert [(m.formats[0].encoding, m.formats[0].clock_rate) for m in described.media] == [
        ("JPEG", 90_000),
        ("PCMA", 8000),
    ]
    assert described.oddities == ()


@pytest.mark.parametrize(
    ("fmtp", "codec"),
    [
        ("sprop-sps=AA", Codec.H265),
        ("profile-level-id=42C028", Codec.H264),
        ("x=1", None),
    ],
)
def test_a_type_without_rtpmap_is_guessed_from_its_parameters(
    fmtp: str, codec: Codec | None
) -> None:
    """And left alone when nothing speaks for either."""
    described = fragment("m=video 0 RTP/AVP 96", f"a=fmtp:96 {fmtp}")

    assert described.media[0].formats[0].codec is codec
    assert Oddity.NO_RTPMAP in described.oddities


def test_broken_numbers_and_empty_values_are_passed_over() -> None:
    """One bad attribute must not cost the section."""
    described = fragment(
        "m=video",
        "m=video 0 RTP/AVP x 200 96",
        "a=rtpmap:x H264/90000",
        "a=rtpmap:96 H264/fast/many",
        "a=fmtp:x a=b",
        "a=fmtp:96 =5; ;packetization-mode=1;packetization-mode=2;flag",
        "a=control:",
        "a=control:one",
        "a=control:two",
        "b=",
    )

    assert described.media[0].formats == ()
    video = described.media[1]
    assert video.control == "one"
    assert dict(video.formats[0].parameters) == {"packetization-mode": "1", "flag": ""}
    assert (video.formats[0].clock_rate, video.formats[0].channels) == (90_000, 1)
    assert Oddity.NOT_A_LINE in described.oddities


def test_what_is_too_much_is_left_out() -> None:
    """Every list that a camera fills is bounded."""
    types = " ".join(str(n) for n in range(100))
    maps = [f"a=rtpmap:{n} X/1" for n in range(100)]
    fmtps = [f"a=fmtp:{n} a=b" for n in range(100)]
    described = fragment(f"m=video 0 RTP/AVP {types}", *maps, *fmtps, *["m=audio 0 RTP/AVP 0"] * 40)

    assert len(described.media) == sdp.MAX_MEDIA
    assert len(described.media[0].formats) == sdp.MAX_FORMATS
    assert Oddity.TOO_MANY in described.oddities


def test_too_many_and_too_long_sets_are_left_out() -> None:
    """Memory for sets is bounded by 16 of each kind and 4 kB each."""
    pps = ",".join(f"aM{chr(65 + a)}{chr(65 + b)}" for a in range(2) for b in range(20))
    described = fragment(
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        f"a=fmtp:96 sprop-parameter-sets={pps},{'Z0' * 4000}",
    )
    sets, odd = sdp.parameter_sets(described.media[0].formats[0])

    assert (len(sets.sps), len(sets.pps)) == (0, 16)
    assert odd == (Oddity.BAD_SETS,)


def test_sets_of_what_is_no_video_codec_are_refused() -> None:
    """A caller that asks for them has a bug."""
    described = fragment("m=audio 0 RTP/AVP 0")

    with pytest.raises(MalformedError, match="'PCMU' has no parameter sets"):
        sdp.parameter_sets(described.media[0].formats[0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no media section"),
        (b"<html>", "no media section"),
        (b"v=0\r\ns=nothing\r\n", "no media section"),
        (b"v" * (64 * 1024 + 1), "at most 65536"),
    ],
)
def test_what_is_no_description_is_refused(data: bytes, message: str) -> None:
    """These are the only two refusals."""
    with pytest.raises(MalformedError, match=message):
        sdp.parse(data)


LINES = st.sampled_from(
    [p.read_bytes() for p in sorted(FIELD.glob("*.sdp"))] + [b"m=video 0 RTP/AVP 96\na=fmtp:96 "]
)


@given(LINES, st.binary(max_size=200), st.integers(0, 800), st.integers(0, 60))
def test_garbage_in_a_description_is_malformed_or_read(
    whole: bytes, noise: bytes, at: int, cut: int
) -> None:
    """No other exception, whatever is spliced in, and nothing grows beyond its bound."""
    data = whole[:at] + noise + whole[at + cut :]
    try:
        described = sdp.parse(data)
    except MalformedError:
        return
    assert len(described.media) <= sdp.MAX_MEDIA
    for media in described.media:
        for format_ in media.formats:
            sdp.audio_format(format_)
            if format_.codec is not None:
                sets, _ = sdp.parameter_sets(format_)
                assert all(len(s) <= 4096 for s in (*sets.vps, *sets.sps, *sets.pps))
