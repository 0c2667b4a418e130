"""Whether a facility and its cameras can be connected, and why not: decided of values alone.

What was measured is kept apart from what was typed, and wins: a camera that a probe saw is judged
by the probe, whatever somebody wrote of it.  How a facility's verdict follows from its cameras is
the program's own way of counting (*cách tính của phần mềm*).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from vonggac.domain.survey_forms import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vonggac.domain.rules import Placement
    from vonggac.domain.survey_forms import Rules, Said, SaidCamera
    from vonggac.wire.survey import Survey

RTSP_PORT: Final = 554
"""RFC 2326, section 3.2."""
OF_PROBE: Final = "probe"
OF_FILE: Final = "file"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one camera."""

    key: str
    """Its address, or its name in the register."""
    connectable: bool
    reasons: tuple[str, ...]
    url: str = ""
    maker: str = ""
    model: str = ""
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    channel: int = 1
    """Of a recorder, which shows many cameras at one host."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured at a facility, the latest of each camera."""

    cameras: Mapping[str, Measured] = field(default_factory=dict)
    uplink_kbps: int | None = None
    signed: bool = False
    """Whether a box that the hub knows vouches for it."""


@dataclass(frozen=True, slots=True)
class CameraVerdict:
    """Of one camera."""

    at: int
    zone: str
    title: str
    qualifies: bool
    reasons: tuple[str, ...]
    measured: bool
    """It was measured; else it is what somebody typed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a facility."""

    qualifies: bool
    reasons: tuple[str, ...]
    cameras: tuple[CameraVerdict, ...] = ()
    lacking: tuple[str, ...] = ()
    """Required places without a camera that qualifies."""

    @property
    def qualified(self) -> int:
        """How many cameras qualify."""
        return sum(one.qualifies for one in self.cameras)

    def as_json(self) -> dict[str, Any]:
        """As it is kept and as the API says it."""
        return {
            "qualifies": self.qualifies,
            "reasons": list(self.reasons),
            "lacking": list(self.lacking),
            "cameras": [
                {
                    "zone": one.zone, "title": one.title, "qualifies": one.qualifies,
                    "reasons": list(one.reasons), "measured": one.measured,
                }
                for one in self.cameras
            ],
        }  # fmt: skip


def from_json(told: Mapping[str, Any]) -> Verdict:
    """A verdict as it was kept."""
    cameras = tuple(
        CameraVerdict(
            at, one["zone"], one["title"], one["qualifies"], tuple(one["reasons"]), one["measured"]
        )
        for at, one in enumerate(told.get("cameras", ()))
    )
    return Verdict(
        told["qualifies"], tuple(told["reasons"]), cameras, tuple(told.get("lacking", ()))
    )


REFUSED: Final = Verdict(False, ("uncooperative",))
"""Of a facility that refuses the survey."""


# -- what was measured -----------------------------------------------------------------------


def of_file(survey: Survey, *, signed: bool) -> Facts:
    """What a file of `vonggac survey` says."""
    found = {}
    for one in survey.cameras:
        needed = [reason.survey for reason in one.reasons if reason.level == "required"]
        key = _key(one.url, one.channel)
        # Streams of a list may count no channels: each further one has a key of its own.
        key = key if key not in found else f"{key} {one.name}"
        found[key] = Measured(
            key, one.connectable, () if one.connectable else codes(needed, one.reachable),
            one.url, one.maker, one.model, one.width, one.height, one.delivered_fps, one.channel,
        )  # fmt: skip
    return Facts(found, survey.uplink.kbps if survey.uplink.measured else None, signed)


def of_probe(name: str, found: Mapping[str, Any]) -> Measured:
    """What a probe of a camera in the register says (`vonggac probe --json`)."""
    verdict = found.get("verdict") or {}
    needed = [
        str(one.get("survey", ""))
        for one in verdict.get("details") or ()
        if one.get("level") == "required"
    ]
    fit = bool(verdict.get("connectable"))
    onvif = found.get("onvif") or {}
    return Measured(
        name, fit, () if fit else codes(needed, bool(found.get("reachable"))),
        str(found.get("url") or ""), str(onvif.get("manufacturer") or ""),
        str(onvif.get("model") or ""), found.get("width"), found.get("height"),
        found.get("delivered_fps"),
    )  # fmt: skip


def codes(said: Iterable[str], reachable: bool) -> tuple[str, ...]:
    """Reason codes of what criteria say in words; what has no word there is `criteria`."""
    by_words = {words.vi: code for code, words in rules().reasons.items()}
    found = [by_words.get(one, "criteria") for one in said]
    if not reachable and not [one for one in found if one != "criteria"]:
        found = ["dead"]
    return tuple(dict.fromkeys(found or ["criteria"]))


def facts_json(one: Facts) -> dict[str, Any]:
    """As they are kept and as the API says them."""
    return {
        "cameras": {key: asdict(found) for key, found in one.cameras.items()},
        "uplink_kbps": one.uplink_kbps,
        "signed": one.signed,
    }


def facts_from(told: Mapping[str, Any]) -> Facts:
    """Facts as they were kept."""
    cameras = {
        key: Measured(**{"channel": _channel(key), **found, "reasons": tuple(found["reasons"])})
        for key, found in told.get("cameras", {}).items()
    }
    return Facts(cameras, told.get("uplink_kbps"), bool(told.get("signed")))


def joined(every: Sequence[Facts]) -> Facts:
    """Facts in the order in which they were measured, as one: the last of each camera counts."""
    cameras: dict[str, Measured] = {}
    uplink, signed = None, False
    for one in every:
        cameras |= one.cameras
        uplink = one.uplink_kbps if one.uplink_kbps is not None else uplink
        signed = signed or one.signed
    return Facts(cameras, uplink, signed)


def host_of(address: str) -> str:
    """The host of an address, or of what somebody typed as one."""
    return _where(address)[0]


def _where(address: str) -> tuple[str, int | None]:
    """Host and port of an address; no port is said as None, and so is the usual one of RTSP."""
    text = address.strip()
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        port = parts.port
        return (parts.hostname or "").casefold(), None if port == RTSP_PORT else port
    except ValueError:
        return text.casefold(), None


def _key(url: str, channel: int) -> str:
    """What a measured camera is called: host, port and channel, the usual ones left out."""
    host, port = _where(url)
    return f"{host}{f':{port}' if port else ''}{f'#{channel}' if channel != 1 else ''}"


def _channel(key: str) -> int:
    """The channel of facts that were kept before facts had one of their own."""
    said = key.rpartition("#")[2] if "#" in key else ""
    return int(said) if said.isascii() and said.isdigit() else 1


def measured_of(one: SaidCamera, facts: Facts) -> Measured | None:
    """What was measured of a camera: by its name in the register, else by address and channel.

    A recorder has many cameras at one address: without a channel none of them is this one.
    """
    if one.code and one.code in facts.cameras:
        return facts.cameras[one.code]
    host, port = _where(one.facts.get("address", ""))
    here = [
        seen for key, seen in facts.cameras.items()
        if host and key.startswith(host) and _where(seen.url or key)[0] == host
        and (port is None or _where(seen.url)[1] == port)
    ]  # fmt: skip
    if channel := one.facts.get("channel", ""):
        here = [seen for seen in here if seen.channel == int(channel)]
    return here[0] if len(here) == 1 else None


# -- the verdict -----------------------------------------------------------------------------


def judge(said: Said, facts: Facts, placement: Placement) -> Verdict:
    """Whether a facility and each camera can be connected, with reason codes."""
    known = rules()
    locked = said.premises.get("recorder") == "locked"
    cameras = tuple(_camera(one, facts, known, locked=locked) for one in said.cameras)
    reasons: list[str] = [] if cameras else ["new"]
    reasons += ["repair"] if any("dead" in one.reasons for one in cameras) else []
    lacking = []
    for zone in placement.zones:
        here = [one for one in cameras if one.zone == zone.code]
        if not zone.required or any(one.qualifies for one in here):
            continue
        if not here and zone.code in said.absent:
            continue
        lacking.append(zone.code)
        reasons += [code for one in here for code in one.reasons] or ["supplement"]
    reasons += _line(said, facts, len(cameras), known)
    order = list(known.reasons)
    if "new" in reasons:
        reasons = [one for one in reasons if one != "supplement"]
    told = tuple(sorted(set(reasons), key=order.index))
    return Verdict(not told, told, cameras, tuple(lacking))


def _camera(one: SaidCamera, facts: Facts, known: Rules, *, locked: bool) -> CameraVerdict:
    seen = measured_of(one, facts)
    reasons = seen.reasons if seen is not None else _typed(one, known, locked=locked)
    return CameraVerdict(one.at, one.zone, one.title, not reasons, reasons, seen is not None)


def _typed(one: SaidCamera, known: Rules, *, locked: bool) -> tuple[str, ...]:
    """What follows from what somebody wrote; what they do not know is no reason.

    A recorder that nobody can open keeps its analogue cameras behind it.
    """
    told = one.facts
    if told.get("state") == "dead":
        return ("dead",)
    found = []
    lines, fps = told.get("lines", ""), told.get("fps", "")
    if (lines and int(lines) < known.lines_least) or (fps and int(fps) < known.fps_least):
        found.append("outdated")
    if told.get("cloud") == "yes":
        found.append("cloud_only")
    if told.get("password") == "no":
        found.append("no_password")
    elif told.get("state") == "closed" or (locked and told.get("kind") == "analog"):
        found.append("locked")
    return tuple(found)


def _line(said: Said, facts: Facts, cameras: int, known: Rules) -> list[str]:
    needed = max(1, cameras) * known.line_kbps_each
    if facts.uplink_kbps is not None:
        return ["line_weak"] if facts.uplink_kbps < needed else []
    if said.premises.get("line") in ("none", "down"):
        return ["no_line"]
    mbps = said.premises.get("line_mbps", "")
    return ["line_weak"] if mbps and int(mbps) * 1000 < needed else []
