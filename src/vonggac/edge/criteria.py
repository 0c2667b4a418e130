"""The verdict *đủ điều kiện kết nối*: what was measured of a camera, against a dated set of rules.

Pure: facts in, reasons out.  The shipped set is `rules/criteria.toml`, a default of this software;
results name the set and its date.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Literal

import msgspec

from vonggac import sentences
from vonggac.causes import Cause
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from vonggac import wire

Level = Literal["required", "recommended"]


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which set of rules this is; stands in every result."""

    id: str
    name: str
    name_en: str
    date: date
    source: str
    source_en: str


class Required(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds without which a camera is not fit."""

    codecs: tuple[str, ...]
    min_fps: float
    min_height: int
    max_gop_s: float
    min_kbps: int


class Recommended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds that a good camera keeps."""

    min_width: int
    min_height: int
    min_fps: float
    max_gop_s: float
    max_kbps: int
    max_clock_error_s: float
    max_rate_difference: float


class Wording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people read for one reason."""

    level: Level
    vi: str
    en: str
    survey: str = ""
    """Reason code of the survey forms (domain 2.4)."""


class Criteria(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set of rules."""

    criteria: About
    required: Required
    recommended: Recommended
    reason: dict[str, Wording]


class Reason(msgspec.Struct, frozen=True):
    """One finding, in both languages."""

    code: str
    level: Level
    survey: str
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about one stream."""

    cause: Cause | None = None
    """Why it ended before it could be measured."""
    evidence: str = ""
    status: int = 0
    """RTSP status behind `cause`, if there is one."""
    credentials_given: bool = True
    codec: str | None = None
    """As it leaves the camera: h264, h265, mjpeg, mpeg4 ..."""
    transcoded: bool = False
    second_source: str = ""
    """Why FFmpeg was used; empty if it was not."""
    width: int | None = None
    height: int | None = None
    declared_fps: float | None = None
    delivered_fps: float | None = None
    gop_s: float | None = None
    kbps: int | None = None
    clock_error_s: float | None = None
    seconds: float = 0.0
    pictures: int = 0
    keyframes: int = 0
    damaged: int = 0
    audio: bool = False


def load(path: Path | None = None) -> Criteria:
    """The shipped set, or the one in a file.

    Raises:
        ConfigError: it cannot be read, or a field is unknown, missing or wrong.
    """
    name = "rules/criteria.toml" if path is None else str(path)
    try:
        if path is None:
            text = resources.files("vonggac").joinpath(name).read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), Criteria)
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{name}: {error}") from error


def replaced(criteria: Criteria, bounds: wire.Bounds | None) -> Criteria:
    """The set with what a document puts in its place, under the document's name."""
    if bounds is None:
        return criteria
    change = msgspec.structs.replace
    required, recommended = criteria.required, criteria.recommended
    name, name_en = bounds.name, bounds.name_en
    clock_s = bounds.max_clock_error_s
    return change(
        criteria,
        criteria=About("guide", name, name_en, date.fromisoformat(bounds.since), name, name_en),
        required=change(
            required,
            codecs=bounds.codecs or required.codecs,
            min_fps=required.min_fps if bounds.min_fps is None else bounds.min_fps,
            min_height=required.min_height if bounds.min_height is None else bounds.min_height,
            max_gop_s=required.max_gop_s if bounds.max_gop_s is None else bounds.max_gop_s,
        ),
        recommended=change(
            recommended,
            max_clock_error_s=recommended.max_clock_error_s if clock_s is None else clock_s,
        ),
    )


def judge(facts: Facts, criteria: Criteria) -> list[Reason]:
    """Everything that speaks against a camera, the decisive first.

    It is fit if no reason of level `required` is among them.
    """
    found = _why_not_measured(facts)
    if not found:
        found = [*_shortcomings(facts, criteria), *_advice(facts, criteria)]
    reasons = []
    for code, values in found:
        words = criteria.reason[code]
        in_vietnamese = dict(values)
        if "evidence" in values:
            in_vietnamese["evidence"] = sentences.say(str(values["evidence"]), "vi")
        reasons.append(
            Reason(
                code,
                words.level,
                words.survey,
                words.vi.format_map(in_vietnamese),
                words.en.format_map(values),
            )
        )
    return sorted(reasons, key=lambda reason: reason.level != "required")


_Found = list[tuple[str, dict[str, object]]]


def _why_not_measured(facts: Facts) -> _Found:
    evidence: dict[str, object] = {"evidence": facts.evidence}
    match facts.cause:
        case None:
            return []
        case Cause.REFUSED:
            return [("refused" if facts.credentials_given else "credentials_missing", {})]
        case Cause.FORMAT_REFUSED if facts.codec in ("mjpeg", "mpeg4"):
            return [("transcode", {"codec": facts.codec.upper()})]
        case Cause.FORMAT_REFUSED:
            return [("format_refused", evidence)]
        case Cause.GARBLED:
            return [("garbled", evidence)]
        case Cause.UNREACHABLE if facts.status == 404:
            return [("no_such_stream", {})]
        case _:
            return [("unreachable", evidence)]


def _shortcomings(facts: Facts, criteria: Criteria) -> _Found:
    bounds = criteria.required
    found: _Found = []
    if facts.codec is not None and facts.codec not in bounds.codecs and not facts.transcoded:
        found.append(("codec", {"codec": facts.codec.upper()}))
    if not facts.pictures:
        return [*found, ("no_pictures", {"seconds": f"{facts.seconds:.0f}"})]
    if not facts.keyframes:
        found.append(("no_keyframe", {"seconds": f"{facts.seconds:.0f}"}))
    if facts.delivered_fps is not None and facts.delivered_fps < bounds.min_fps:
        values = {"fps": _fps(facts.delivered_fps), "wanted": _fps(bounds.min_fps)}
        found.append(("fps_low", {**values}))
    if facts.height is not None and facts.height < bounds.min_height:
        found.append(("too_small", {"size": _size(facts), "wanted": bounds.min_height}))
    if facts.gop_s is not None and facts.gop_s > bounds.max_gop_s:
        found.append(("gop_long", {"gop": f"{facts.gop_s:.1f}", "wanted": f"{bounds.max_gop_s:g}"}))
    if facts.kbps is not None and facts.kbps < bounds.min_kbps:
        found.append(("kbps_low", {"kbps": facts.kbps}))
    return found


def _advice(facts: Facts, criteria: Criteria) -> _Found:
    required, bounds = criteria.required, criteria.recommended
    found: _Found = []
    fps, gop = facts.delivered_fps, facts.gop_s
    small = (facts.width or 0) < bounds.min_width or (facts.height or 0) < bounds.min_height
    if facts.height is not None and facts.height >= required.min_height and small:
        wanted = f"{bounds.min_width}x{bounds.min_height}"
        found.append(("below_1080p", {"size": _size(facts), "wanted": wanted}))
    if fps is not None and required.min_fps <= fps < bounds.min_fps:
        found.append(("fps_modest", {"fps": _fps(fps), "wanted": _fps(bounds.min_fps)}))
    if fps and facts.declared_fps:
        difference = abs(facts.declared_fps - fps) / facts.declared_fps
        if difference > bounds.max_rate_difference:
            values = {"declared": _fps(facts.declared_fps), "fps": _fps(fps)}
            found.append(("rate_differs", {**values}))
    if gop is not None and bounds.max_gop_s < gop <= required.max_gop_s:
        found.append(("gop_modest", {"gop": f"{gop:.1f}", "wanted": f"{bounds.max_gop_s:g}"}))
    if facts.kbps is not None and facts.kbps > bounds.max_kbps:
        found.append(("kbps_high", {"kbps": facts.kbps, "wanted": bounds.max_kbps}))
    if facts.clock_error_s is not None and abs(facts.clock_error_s) > bounds.max_clock_error_s:
        found.append(("clock_off", {"seconds": f"{facts.clock_error_s:+.1f}"}))
    if facts.codec == "h265":
        found.append(("h265", {}))
    if facts.damaged:
        seconds = f"{facts.seconds:.0f}"
        found.append(("damaged", {"count": facts.damaged, "seconds": seconds}))
    if facts.second_source:
        found.append(("second_source", {"evidence": facts.second_source}))
    if facts.transcoded:
        found.append(("transcoded", {}))
    if facts.audio:
        found.append(("audio", {}))
    return found


def _fps(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _size(facts: Facts) -> str:
    return f"{facts.width}x{facts.height}"
