"""What can go wrong with a virtual camera, and how a person writes it down.

A SPEC reads `camera:kind@start+duration[:argument][,every=seconds]`: times in seconds since the
simulator was ready, the argument in the unit of its kind. `*` stands for every camera.

    cam03:drop@30+10               connection cut at 30 s, camera gone until 40 s
    cam05:stall@20+15,every=60     connected but silent for 15 s, each minute again
    cam02:jump@12:3600             timestamps leap an hour ahead
    *:wrongfps@0:21                every camera delivers 21 pictures a second
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from vonggac.errors import ConfigError

FOREVER = 10.0**9
"""Seconds; the duration of a fault that names none."""


class FaultKind(StrEnum):
    """The faults a virtual camera can show."""

    DROP = "drop"
    """Connections are cut and no new one is accepted."""
    REFUSE = "refuse"
    """Connections are cut and every request is answered 401: the password was changed."""
    FREEZE = "freeze"
    """The picture stands still, clock and all, while the stream goes on and numbers count."""
    STALL = "stall"
    """Connected, requests are answered, but no packet is sent."""
    REBOOT = "reboot"
    """As drop; afterwards picture numbers and timestamps begin anew."""
    JUMP = "jump"
    """RTP timestamps leap by the argument (seconds, may be negative) and leap back at the end."""
    WRONG_FPS = "wrongfps"
    """The camera delivers the argument's pictures a second and declares what it always did."""
    RESIZE = "resize"
    """The picture has another size (argument WxH, default half) with new sets in band."""
    GARBAGE = "garbage"
    """Random bytes on the connection in place of packets."""
    DRIP = "drip"
    """A few bytes a second (the argument; default 16)."""
    DRIFT = "drift"
    """The camera's crystal is off by the argument in parts per million (default 200)."""
    CLOCK = "clock"
    """The camera's wall clock is wrong by the argument in seconds (default 90)."""
    NO_KEY = "nokey"
    """No keyframe is sent."""


DEFAULT_ARGUMENTS: dict[FaultKind, str] = {
    FaultKind.JUMP: "10",
    FaultKind.WRONG_FPS: "21",
    FaultKind.DRIP: "16",
    FaultKind.DRIFT: "200",
    FaultKind.CLOCK: "90",
}

_SPEC = re.compile(
    r"(?P<camera>\*|[a-z0-9][a-z0-9-]*):(?P<kind>[a-z]+)"
    r"@(?P<start>\d+(?:\.\d+)?)(?:\+(?P<duration>\d+(?:\.\d+)?))?"
    r"(?::(?P<argument>[-+0-9.x]+))?(?:,every=(?P<every>\d+(?:\.\d+)?))?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one camera, planned or running."""

    camera: str
    """Its name, or `*`."""
    kind: FaultKind
    start_s: float = 0.0
    """Seconds since the simulator was ready."""
    duration_s: float = FOREVER
    argument: str = ""
    """In the unit of the kind; empty for the kind's default."""
    every_s: float | None = None
    """Begin again each so many seconds; None for once."""

    def number(self) -> float:
        """The argument as a number.

        Raises:
            ConfigError: it is none.
        """
        text = self.argument or DEFAULT_ARGUMENTS.get(self.kind, "0")
        try:
            return float(text)
        except ValueError:
            raise ConfigError(f"fault {self.kind}: {text!r} is not a number") from None

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The argument as a picture size; half of the given one if there is none.

        Raises:
            ConfigError: it is no size.
        """
        if not self.argument:
            return max(64, width // 2 // 2 * 2), max(64, height // 2 // 2 * 2)
        return parse_size(self.argument)


def parse_size(text: str) -> tuple[int, int]:
    """A picture size as WxH, both even, 64 to 4096.

    Raises:
        ConfigError: it is not.
    """
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    if found is None:
        raise ConfigError(f"{text!r} is no picture size; write it as 1280x720")
    width, height = int(found[1]), int(found[2])
    if width % 2 or height % 2 or not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise ConfigError(f"picture size {text}: both sides must be even and from 64 to 4096")
    return width, height


def parse_fault(spec: str) -> Fault:
    """Read a SPEC.

    Raises:
        ConfigError: it is not understood; the message says how to write one.
    """
    found = _SPEC.fullmatch(spec)
    kinds = ", ".join(FaultKind)
    if found is None:
        raise ConfigError(
            f"fault {spec!r} is not understood; write camera:kind@start+duration[:argument]"
            f"[,every=seconds], such as cam03:drop@30+10; kinds are {kinds}"
        )
    try:
        kind = FaultKind(found["kind"])
    except ValueError:
        raise ConfigError(f"fault kind {found['kind']!r} is not one of {kinds}") from None
    duration = float(found["duration"]) if found["duration"] else FOREVER
    every = float(found["every"]) if found["every"] else None
    if every is not None and every <= duration:
        raise ConfigError(f"fault {spec!r}: every={every:g} must be longer than its duration")
    fault = Fault(
        camera=found["camera"],
        kind=kind,
        start_s=float(found["start"]),
        duration_s=duration,
        argument=found["argument"] or "",
        every_s=every,
    )
    if kind is FaultKind.RESIZE:
        fault.size(640, 360)
    else:
        value = fault.number()
        if kind is FaultKind.WRONG_FPS and not 0.1 <= value <= 240:
            raise ConfigError(f"fault {spec!r}: the rate must be from 0.1 to 240 a second")
    return fault
