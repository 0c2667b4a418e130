"""The verdict is a pure function of what was measured and of a dated set of rules."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import pytest

from vonggac import wire
from vonggac.causes import Cause
from vonggac.edge import criteria, makers
from vonggac.edge.criteria import Facts, judge
from vonggac.errors import ConfigError

RULES = criteria.load()
GOOD = Facts(
    codec="h264",
    width=1920,
    height=1080,
    declared_fps=25,
    delivered_fps=24.9,
    gop_s=2.0,
    kbps=3000,
    clock_error_s=0.1,
    seconds=5,
    pictures=125,
    keyframes=3,
)


def codes(facts: Facts) -> list[str]:
    return codes_of(judge(facts, RULES))


def codes_of(reasons: list[criteria.Reason]) -> list[str]:
    return [reason.code for reason in reasons]


def test_a_good_camera_has_nothing_against_it():
    assert judge(GOOD, RULES) == []


def test_a_document_takes_the_place_of_bounds_under_its_name():
    """What it leaves out stays; with nothing from the hub the shipped set stands."""
    asked = wire.Bounds(
        name="12/HD", name_en="12/HD", since="2026-11-18", codecs=("h264",), min_height=1200,
        min_fps=20, max_clock_error_s=1,
    )  # fmt: skip
    rules = criteria.replaced(RULES, asked)

    assert [one.code for one in judge(GOOD, rules)] == ["too_small"]
    weak = judge(replace(GOOD, codec="h265", delivered_fps=19.0), rules)
    required = {one.code for one in weak if one.level == "required"}
    assert required == {"codec", "fps_low", "too_small"}
    assert "clock_off" in codes_of(judge(replace(GOOD, clock_error_s=1.5), rules))
    assert (rules.criteria.name, rules.criteria.date.isoformat()) == ("12/HD", "2026-11-18")
    assert rules.required.max_gop_s == RULES.required.max_gop_s
    assert criteria.replaced(RULES, None) is RULES


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cause": Cause.UNREACHABLE, "evidence": "no route"}, ["unreachable"]),
        ({"cause": Cause.UNREACHABLE, "status": 404}, ["no_such_stream"]),
        ({"cause": Cause.REFUSED}, ["refused"]),
        ({"cause": Cause.REFUSED, "credentials_given": False}, ["credentials_missing"]),
        ({"cause": Cause.FORMAT_REFUSED, "codec": "mjpeg"}, ["transcode"]),
        ({"cause": Cause.FORMAT_REFUSED, "codec": "vp8"}, ["format_refused"]),
        ({"cause": Cause.GARBLED}, ["garbled"]),
        ({"cause": Cause.STALLED}, ["unreachable"]),
        ({"pictures": 0, "delivered_fps": None}, ["no_pictures"]),
        ({"keyframes": 0, "gop_s": None}, ["no_keyframe"]),
        ({"delivered_fps": 6.0, "declared_fps": 6.0}, ["fps_low"]),
        ({"width": 176, "height": 144}, ["too_small"]),
        ({"gop_s": 12.0}, ["gop_long"]),
        ({"kbps": 20}, ["kbps_low"]),
        ({"codec": "vp8"}, ["codec"]),
        ({"width": 1280, "height": 720}, ["below_1080p"]),
        ({"delivered_fps": 12.0, "declared_fps": 12.0}, ["fps_modest"]),
        ({"delivered_fps": 21.0}, ["rate_differs"]),
        ({"gop_s": 5.0}, ["gop_modest"]),
        ({"kbps": 12_000}, ["kbps_high"]),
        ({"clock_error_s": -90.0}, ["clock_off"]),
        ({"codec": "h265"}, ["h265"]),
        ({"damaged": 3}, ["damaged"]),
        ({"second_source": "UDP only"}, ["second_source"]),
        ({"codec": "h264", "transcoded": True}, ["transcoded"]),
        ({"audio": True}, ["audio"]),
    ],
)
def test_each_shortcoming_has_its_own_reason(change, expected):
    """A technician reads exactly what to put right."""
    assert codes(replace(GOOD, **change)) == expected


def test_what_is_decisive_comes_first():
    facts = replace(GOOD, audio=True, delivered_fps=5.0, declared_fps=25.0)

    reasons = judge(facts, RULES)

    assert [(reason.code, reason.level) for reason in reasons] == [
        ("fps_low", "required"),
        ("rate_differs", "recommended"),
        ("audio", "recommended"),
    ]
    assert reasons[0].vi == "Chỉ nhận được 5 hình/giây; cần ít nhất 10"
    assert reasons[0].en == "Only 5 pictures/s are delivered; at least 10 are needed"
    assert reasons[0].survey == "camera lạc hậu"


def test_the_set_calls_itself_a_default_and_carries_a_date():
    """No official figure exists; none may be pretended."""
    assert RULES.criteria.name == "mặc định của phần mềm"
    assert "không phải số liệu chính thức" in RULES.criteria.source
    assert RULES.criteria.date.isoformat() == "2026-11-01"


def test_another_set_can_be_attached(tmp_path):
    text = resources.files("vonggac").joinpath("rules/criteria.toml").read_text("utf-8")
    (tmp_path / "own.toml").write_text(text.replace("min_fps = 10.0", "min_fps = 20.0"), "utf-8")
    own = criteria.load(tmp_path / "own.toml")
    slow = replace(GOOD, delivered_fps=15.0, declared_fps=15.0)

    assert [reason.code for reason in judge(slow, own)] == ["fps_low"]
    assert judge(slow, RULES) == []


def test_an_unknown_field_is_refused_by_name(tmp_path):
    text = resources.files("vonggac").joinpath("rules/criteria.toml").read_text("utf-8")
    (tmp_path / "own.toml").write_text(text.replace("min_kbps", "min_kpbs"), "utf-8")

    with pytest.raises(ConfigError, match="min_k"):
        criteria.load(tmp_path / "own.toml")


def test_both_languages_name_the_same_values():
    """A placeholder in one language only would be a sentence with a hole."""
    for code, words in RULES.reason.items():
        holes = [set(re.findall(r"{(\w+)}", text)) for text in (words.vi, words.en)]
        assert holes[0] == holes[1], code


def test_the_makers_list_says_how_far_each_entry_is_known():
    """An installer who follows a wrong menu path loses an hour; he must know what was verified."""
    known = makers.load()

    assert [maker.id for maker in known.maker] == [
        "hikvision", "dahua", "uniview", "ezviz", "imou", "tplink",
    ]  # fmt: skip
    for maker in known.maker:
        re.compile(maker.realm), re.compile(maker.server), re.compile(maker.onvif_maker)
        assert maker.source
        assert maker.enable_vi
        assert maker.enable_en


@pytest.mark.parametrize(
    ("maker", "channel", "stream", "path"),
    [
        ("hikvision", 1, "main", "/Streaming/Channels/101"),
        ("hikvision", 16, "sub", "/Streaming/Channels/1602"),
        ("dahua", 3, "main", "/cam/realmonitor?channel=3&subtype=0"),
        ("imou", 1, "sub", "/cam/realmonitor?channel=1&subtype=1"),
        ("uniview", 1, "sub", "/media/video2"),
        ("ezviz", 1, "main", "/h264/ch1/main/av_stream"),
        ("tplink", 1, "main", "/stream1"),
    ],
)
def test_the_forms_give_the_paths_that_makers_use(maker, channel, stream, path):
    found = next(one for one in makers.load().maker if one.id == maker)

    assert found.form[0].at(channel, stream) == path


@pytest.mark.parametrize(
    ("realm", "server", "maker"),
    [
        ("IP Camera(C1234)", "", "hikvision"),
        ("Login to 4K0123456789ABC", "", "dahua"),
        ("48ea632fc01e", "", "uniview"),
        ("", "TP-LINK Streaming Media v2015.05.12", "tplink"),
        ("something", "else", None),
        ("", "", None),
    ],
)
def test_a_device_is_recognised_by_what_it_says_before_anyone_signs_in(realm, server, maker):
    found = makers.guess(makers.load(), realm, server)

    assert (found.id if found else None) == maker


def test_a_reason_is_one_language_through() -> None:
    """The evidence within a Vietnamese sentence is Vietnamese too, but for others' own words."""
    facts = Facts(cause=Cause.UNREACHABLE, evidence="10.0.0.8:554: Connection refused")

    (reason,) = judge(facts, RULES)

    assert reason.vi.endswith("10.0.0.8:554: cổng không mở (kết nối bị từ chối)")
    assert reason.en.endswith("10.0.0.8:554: Connection refused")
