"""Faults are written down by people; a slip must be named, not guessed at."""

from __future__ import annotations

import pytest

from vonggac.errors import ConfigError
from vonggac.sim.faults import FOREVER, Fault, FaultKind, parse_fault, parse_size


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("cam03:drop@30+10", Fault("cam03", FaultKind.DROP, 30, 10)),
        ("cam05:stall@20+15,every=60", Fault("cam05", FaultKind.STALL, 20, 15, "", 60)),
        ("cam02:jump@12:-3600", Fault("cam02", FaultKind.JUMP, 12, FOREVER, "-3600")),
        ("*:wrongfps@0:21", Fault("*", FaultKind.WRONG_FPS, 0, FOREVER, "21")),
        ("cam1:resize@1.5+2:640x360", Fault("cam1", FaultKind.RESIZE, 1.5, 2, "640x360")),
    ],
)
def test_a_spec_says_what_it_says(spec: str, fault: Fault) -> None:
    """The forms that the help shows."""
    assert parse_fault(spec) == fault


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("cam03", "camera:kind@start"),
        ("cam03:explode@3", "explode"),
        ("cam03:drop@3+10,every=10", "longer than its duration"),
        ("cam03:resize@3:640", "WxH|1280x720"),
        ("cam03:wrongfps@3:0", "0.1 to 240"),
        ("cam03:jump@3:x", "not a number"),
        ("cam03:resize@3:641x360", "even"),
    ],
)
def test_a_slip_is_named(spec: str, told: str) -> None:
    """The message says what to write instead."""
    with pytest.raises(ConfigError, match=told):
        parse_fault(spec)


def test_defaults_of_arguments_are_those_documented() -> None:
    """A fault without an argument does something sensible."""
    assert Fault("a", FaultKind.WRONG_FPS).number() == 21
    assert Fault("a", FaultKind.DRIP).number() == 16
    assert Fault("a", FaultKind.RESIZE).size(1280, 720) == (640, 360)


def test_sizes_are_even_and_within_bounds() -> None:
    """What 4:2:0 and the encoders can take."""
    assert parse_size("1280x720") == (1280, 720)
    for text in ("1280", "1280x", "63x64", "1281x720", "5000x720", "0x0"):
        with pytest.raises(ConfigError):
            parse_size(text)
